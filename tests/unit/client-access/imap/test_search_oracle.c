/* Random searches, answered as looking at each message would answer them, with and
 * without a catalogue. */
#include "tests/unit/client-access/imap/rig.h"

#include "common/base/check.h"
#include "common/base/log.h"

enum { N = 40, QUERIES = 400 };

static const char *const words[] = { "abc", "abd", "bcd", "cab", "dda", "ab", "d", "xyzzy" };

struct letter {
	char from[40], to[40], subject[40], body[60];
	uint32_t uid;
	size_t size;
	unsigned flags;
};

struct oracle {
	struct rig r;
	struct letter l[N];
	uint32_t seed;
};

static unsigned pick(struct oracle *o, unsigned n)
{
	o->seed = o->seed * 1664525 + 1013904223;
	return (o->seed >> 10) % n;
}

static const char *word(struct oracle *o)
{
	return words[pick(o, N_ELEMS(words) - 2)];
}

/* The four messages that are there at first go. */
static void fill(struct oracle *o)
{
	static const uint32_t old[] = { 1, 2, 3, 9 };

	for (size_t i = 0; i < N_ELEMS(old); i++)
		fake_expunge("INBOX", old[i]);
	for (size_t i = 0; i < N; i++) {
		struct letter *l = &o->l[i];
		char text[400];

		snprintf(l->from, sizeof(l->from), "%s <%s@x.org>", word(o), word(o));
		snprintf(l->to, sizeof(l->to), "%s@y.org", word(o));
		snprintf(l->subject, sizeof(l->subject), "%s %s", word(o), word(o));
		snprintf(l->body, sizeof(l->body), "%s%s %s\r\n", word(o), word(o), word(o));
		snprintf(text, sizeof(text), "From: %s\r\nTo: %s\r\nSubject: %s\r\n\r\n%s", l->from,
			 l->to, l->subject, l->body);
		l->size = strlen(text);
		l->uid = fake_deliver("INBOX", text);
		l->flags = pick(o, 2) * FLAG_SEEN | pick(o, 2) * FLAG_FLAGGED |
			   pick(o, 2) * FLAG_DRAFT;
		fake_set_flags("INBOX", l->uid, l->flags);
	}
	rig_say(&o->r, "n NOOP\r\n");
	buf_clear(&o->r.out);
}

static bool has(const char *text, const char *w)
{
	return strcasestr(text, w) != NULL;
}

/* Does the i-th letter match the key of this kind? */
static bool leaf_matches(const struct letter *l, size_t i, unsigned kind, const char *w,
			 unsigned a, unsigned b)
{
	switch (kind) {
	case 0: return has(l->subject, w);
	case 1: return has(l->from, w);
	case 2: return has(l->to, w);
	case 3: return has(l->body, w);
	case 4: return has(l->body, w) || has(l->from, w) || has(l->to, w) || has(l->subject, w);
	case 5: return l->flags & FLAG_SEEN;
	case 6: return !(l->flags & FLAG_FLAGGED);
	case 7: return l->flags & FLAG_DRAFT;
	case 8: return i + 1 >= a && i + 1 <= b;
	case 9: return l->uid >= a + 9 && l->uid <= b + 9;
	case 10: return l->size > 90 + a;
	case 11: return l->size < 90 + a;
	default: return false;
	}
}

static uint64_t leaf(struct oracle *o, struct buf *out)
{
	static const char *const forms[] = { "SUBJECT", "FROM", "TO", "BODY", "TEXT", "SEEN",
		"UNFLAGGED", "DRAFT", "", "UID", "LARGER", "SMALLER", "KEYWORD never" };
	unsigned kind = pick(o, N_ELEMS(forms)), a = 1 + pick(o, N), b = a + pick(o, 12);
	const char *w = words[pick(o, N_ELEMS(words))];
	uint64_t mask = 0;
	char text[60];

	if (kind == 8 && b > N)
		b = N;
	if (kind < 5)
		snprintf(text, sizeof(text), "%s %s", forms[kind], w);
	else if (kind == 8)
		snprintf(text, sizeof(text), "%u:%u", a, b);
	else if (kind == 9)
		snprintf(text, sizeof(text), "UID %u:%u", a + 9, b + 9);
	else if (kind == 10 || kind == 11)
		snprintf(text, sizeof(text), "%s %u", forms[kind], 90 + a);
	else
		snprintf(text, sizeof(text), "%s", forms[kind]);
	assert_int_equal(buf_adds(out, text), ERR_OK);
	for (size_t i = 0; i < N; i++)
		if (leaf_matches(&o->l[i], i, kind, w, a, b))
			mask |= UINT64_C(1) << i;
	return mask;
}

/* Append a key; the letters that match it. */
static uint64_t key(struct oracle *o, struct buf *out, unsigned depth)
{
	const uint64_t all = (UINT64_C(1) << N) - 1;
	uint64_t mask;

	switch (depth == 0 ? 9 : pick(o, 8)) {
	case 0:
		assert_int_equal(buf_adds(out, "NOT "), ERR_OK);
		return all & ~key(o, out, depth - 1);
	case 1:
	case 2:
		assert_int_equal(buf_adds(out, "OR "), ERR_OK);
		mask = key(o, out, depth - 1);
		assert_int_equal(buf_addc(out, ' '), ERR_OK);
		return mask | key(o, out, depth - 1);
	case 3:
	case 4:
		assert_int_equal(buf_addc(out, '('), ERR_OK);
		mask = key(o, out, depth - 1);
		assert_int_equal(buf_addc(out, ' '), ERR_OK);
		mask &= key(o, out, depth - 1);
		assert_int_equal(buf_addc(out, ')'), ERR_OK);
		return mask;
	default:
		return leaf(o, out);
	}
}

static void test_random_searches(void **state)
{
	struct oracle *o = xcalloc(1, sizeof(*o));
	unsigned hits = 0;

	(void)state;
	begin(&o->r, 's');
	o->seed = 2024;
	fill(o);
	for (unsigned q = 0; q < QUERIES; q++) {
		struct buf text, want;
		uint64_t mask;

		buf_init(&text, 4096);
		buf_init(&want, 4096);
		fake_catalogue(q % 2);
		assert_int_equal(buf_adds(&text, "a UID SEARCH "), ERR_OK);
		mask = key(o, &text, q % 4);
		if (q % 3 == 0) {
			assert_int_equal(buf_addc(&text, ' '), ERR_OK);
			mask &= key(o, &text, 1);
		}
		assert_int_equal(buf_adds(&text, "\r\n"), ERR_OK);
		assert_int_equal(buf_adds(&want, "* SEARCH"), ERR_OK);
		for (size_t i = 0; i < N; i++)
			if (mask >> i & 1) {
				assert_int_equal(buf_addf(&want, " %u", o->l[i].uid), ERR_OK);
				hits++;
			}
		assert_int_equal(buf_adds(&want, "\r\na OK Done.\r\n"), ERR_OK);
		rig_say(&o->r, text.data);
		if (strcmp(o->r.out.data, want.data) != 0)
			fail_msg("%s\nwanted %s\ngot %s", text.data, want.data, o->r.out.data);
		buf_clear(&o->r.out);
		buf_fini(&text);
		buf_fini(&want);
	}
	assert_true(hits > QUERIES);
	rig_down(&o->r);
	free(o);
}

static void quiet(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_searches),
	};
	int failed;

	log_set_sink(quiet);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	fake_reset();
	return failed;
}
