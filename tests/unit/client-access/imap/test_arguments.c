/* Every verb there is, with arguments missing, surplus, oversized and senseless: one
 * tagged answer, and the session goes on. */
#include "tests/unit/client-access/imap/rig.h"

#include "roles/client-access/imap/imap.h"

/* %N is N thousand times what follows, up to the next %. */
static const char *const arguments[] = {
	"", " ", "  ", " x", " x y z", "x", " (", " )", " ()", " (x", " ((x) (y", " \"", " \"\\", " \"\\x\"",
	" \"a\" \"b\" \"c\" \"d\" \"e\"", " {3+}\r\nabc", " {0+}\r\n", " {2+}\r\n\xff\xfe", " ~{3+}\r\nabc",
	" {99000+}\r\n%99x%", " *", " 0", " 1", " 1:*", " 1:*:", " 4294967296", " 1 FLAGS", " 1 (", " 1 FLAGS (", " $", " 1 $",
	" NIL", " NIL NIL", " INBOX", " INBOX (", " INBOX ()", " INBOX x", " INBOX (x) (y)", " \"\" *", " &", " &AA", " %",
	" \xc3\xbc", " \xff", " a\x01" "b", " BODY[", " 1 BODY[", " 1 BODY[1.2.", " RETURN", " RETURN (", " CHARSET",
	" CHARSET x ALL", " NOT", " OR ALL", " (((((((((", " 1 (FLAGS) (", " 1 (FLAGS) (PARTIAL", " DEFLATE x",
	" -1", " 18446744073709551616", " INBOX (QRESYNC (", " x ~", " #", " a/b/c//", " /",
	" %1x%", " %9x %", " %9(%", " %5NOT %ALL", " %9(%ALL%9)%", " %30x%", " \"%30x%\"", " %8\x80%",
	" 1%7,2%", " 1%7,2% FLAGS", " INBOX %9x %", " 1 (%5BODY[] %)", " 1 BODY[%91.%]", " INBOX \"%20/x%\"",
};

static void expand(const char *in, struct buf *out)
{
	while (*in) {
		const char *end;
		unsigned times;

		if (*in != '%' || in[1] < '0' || in[1] > '9') {
			assert_int_equal(buf_addc(out, *in++), ERR_OK);
			continue;
		}
		times = 1000 * (unsigned)strtoul(in + 1, (char **)(uintptr_t)&in, 10);
		end = strchr(in, '%');
		while (times-- > 0)
			assert_int_equal(buf_add(out, in, (size_t)(end - in)), ERR_OK);
		in = end + 1;
	}
}

/* Lines that begin with this, and the first of them. */
static unsigned lines(const char *said, const char *with, const char **first)
{
	unsigned n = 0;

	for (const char *at = said; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
		if (strncmp(at, with, strlen(with)) == 0 && n++ == 0)
			*first = at;
	return n;
}

static void feed(struct rig *r, const char *p, size_t n)
{
	assert_int_equal(buf_add(&r->in, p, n), ERR_OK);
	rig_settle(r);
}

static void try(const struct imap_verb *v, bool uid, const char *args)
{
	const char *answer = "";
	struct rig r;
	struct buf line;

	begin(&r, v->states & IN_SELECTED ? 's' : v->states & IN_AUTH ? 'a' : 'n');
	buf_clear(&r.out);
	buf_init(&line, 1 << 20);
	assert_int_equal(buf_addf(&line, "a %s%s", uid ? "UID " : "", v->name), ERR_OK);
	expand(args, &line);
	assert_int_equal(buf_adds(&line, "\r\n"), ERR_OK);
	feed(&r, line.data, line.len);
	if (!r.hung_up && lines(r.out.data, "a ", &answer) == 0 && lines(r.out.data, "* BAD", &answer) == 0)
		feed(&r, "DONE\r\n", 6);		/* IDLE, AUTHENTICATE, a literal that was wanted */
	if (r.hung_up) {
		/* Goodbye is for who asked for it, or sent what cannot be kept in step with. */
		assert_int_equal(lines(r.out.data, "* BYE", &answer), 1);
	} else {
		if (lines(r.out.data, "a ", &answer) + lines(r.out.data, "* BAD", &answer) != 1)
			fail_msg("%.300s: %s", line.data, r.out.data);
		buf_clear(&r.out);
		feed(&r, "z NOOP\r\n", 8);
		if (lines(r.out.data, "z OK", &answer) != 1)
			fail_msg("after %.300s: %s", line.data, r.out.data);
	}
	buf_fini(&line);
	rig_down(&r);
}

static void test_all(void **state)
{
	const struct imap_verb *v;

	(void)state;
	for (size_t i = 0; (v = imap_verb_at(i)) != NULL; i++)
		for (size_t k = 0; k < N_ELEMS(arguments); k++) {
			if ((v->flags & VERB_ONLY_UID) == 0)
				try(v, false, arguments[k]);
			if (v->flags & (VERB_UID | VERB_ONLY_UID))
				try(v, true, arguments[k]);
		}
}

/* Nonsense never succeeds. */
static void test_refused(void **state)
{
	static const char *const nonsense[] = { " \"", " (((((((((", " a\x01" "b", " \"\\x\"" };
	const struct imap_verb *v;
	const char *at;

	(void)state;
	for (size_t i = 0; (v = imap_verb_at(i)) != NULL; i++)
		for (size_t k = 0; k < N_ELEMS(nonsense); k++) {
			struct rig r;

			if (v->run == imap_verb_authenticate)
				continue;	/* the fake takes any mechanism */
			begin(&r, v->states & IN_SELECTED ? 's' : v->states & IN_AUTH ? 'a' : 'n');
			buf_clear(&r.out);
			assert_int_equal(buf_addf(&r.in, "a %s%s%s\r\n",
						  v->flags & VERB_ONLY_UID ? "UID " : "", v->name,
						  nonsense[k]), ERR_OK);
			rig_settle(&r);
			if (lines(r.out.data, "a BAD", &at) + lines(r.out.data, "a NO [", &at) != 1)
				fail_msg("%s%s: %s", v->name, nonsense[k], r.out.data);
			rig_down(&r);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
