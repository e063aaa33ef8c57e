#include "tests/unit/mailbox/rig.h"

#include "roles/mailbox/catalogue.h"
#include <sys/stat.h>

static char *search_path(const struct rig *rig)
{
	return xasprintf("%s/search.db", rig->dir);
}

static int down(void **state)
{
	struct rig *rig = *state;
	char *path = search_path(rig);

	indexer_drop(path);
	free(path);
	return rig_down_checked(state);
}

static void put(struct rig *rig, const char *text)
{
	struct deliver_to to = { .mbx = rig->mbx };

	OK(rig_deliver(rig, text, 0, &to, 1));
}

static void take_in(struct rig *rig, unsigned max)
{
	char *path = search_path(rig);
	struct indexer *ix = indexer_new(rig->r, path);
	bool more;

	OK(indexer_step(ix, max, &more, &rig->eb));
	indexer_free(&ix);
	free(path);
}

/* "1 3:4", "?" if nothing is known. */
static void find(struct rig *rig, int64_t fid, bool header, bool body, const char *text, char *out)
{
	char *path = search_path(rig);
	struct find_needle k = { .text = span_of(text), .header = header, .body = body };
	struct find_op op = { .who = rig_who(rig), .fid = (uint64_t)fid, .path = path,
			      .needles = &k, .n = 1 };

	OK(catalogue_find(rig->r, &op, &rig->eb));
	strcpy(out, k.known ? "" : "?");
	for (size_t i = 0; i < k.maybe.n; i++) {
		const struct uid_range *u = &k.maybe.r[i];

		out += sprintf(out, u->first < u->last ? "%s%u:%u" : "%s%u", i ? " " : "",
			       u->first, u->last);
	}
	find_fini(&op);
	free(path);
}

#define assert_found(fid, h, b, text, want)                                                  \
	do {                                                                                 \
		char got_[20000];                                                            \
		find(rig, (fid), (h), (b), (text), got_);                                    \
		if (strcmp(got_, want) != 0)                                                 \
			fail_msg("line %d, \"%s\": %s, not %s", __LINE__, text, got_, want);  \
	} while (0)
#define assert_text(text, want) assert_found(rig->inbox, true, true, text, want)

static const char *const letters[] = {
	/* 1 */ "From: Ann <ann@example.org>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= aus Berlin\r\n"
		"X-Odd: \"quoted\" words\r\n\r\nThe quick brown fox\r\n",
	/* 2 */ "From: Bob <bob@example.org>\r\nTo: Carol <carol@x.org>, dave@x.org\r\nSubject: x\r\n"
		"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n"
		"PHA+TcO8bmNoZW4gPGI+bGllPC9iPmd0PHN0eWxlPmhpZGRlbnt9PC9zdHlsZT48L3A+\r\n",
	/* 3 */ "Subject: files\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
		"Content-Type: text/plain; charset=koi8-r\r\n\r\n\xed\xc9\xd2 \xd7\xcf\xca\xce\xc1\r\n--b\r\n"
		"Content-Type: application/pdf; name=\"invoice-2024.pdf\"\r\n\r\nbinary stuff\r\n--b\r\n"
		"Content-Type: message/rfc822\r\n\r\nSubject: enclosed letter\r\n\r\ninner words\r\n--b--\r\n",
	/* 4 */ "Subject: \r\n\r\nfoo\0bar\r\n",
};

static void put_all(struct rig *rig)
{
	for (size_t i = 0; i < N_ELEMS(letters); i++)
		put(rig, letters[i]);
}

static void test_texts(void **state)
{
	static const struct { bool header, body; const char *text, *want; } rows[] = {
		{ true, true, "quick", "1" }, { true, true, "QUICK BROWN", "1" },
		{ true, true, "uick br", "1" }, { true, false, "quick", "" },
		{ false, true, "berlin", "" }, { true, false, "BERLIN", "1" },
		{ true, true, "gr\xc3\xbc\xc3\x9f" "e", "1" }, { true, true, "m\xc3\xbcnchen", "2" },
		{ true, true, "M\xc3\x9cNCHEN", "2" }, { true, true, "liegt", "2" },
		{ true, true, "hidden", "" }, { true, true, "<b>", "" },
		{ true, true, "\xd0\x9c\xd0\xb8\xd1\x80", "3" }, { true, true, "invoice-2024", "3" },
		{ true, true, "binary stuff", "" }, { true, true, "enclosed LETTER", "3" },
		{ true, true, "inner words", "3" }, { true, true, "\"quoted\"", "1" },
		{ true, true, "\"\"\"", "" }, { true, true, "AND", "" }, { true, true, "quick AND", "" },
		{ true, true, "dave@x.org", "2" }, { true, false, "x-odd: ", "1" },
		{ true, true, "ab", "?" }, { true, true, "", "?" }, { true, true, "\xc3\xa9", "?" },
		{ true, true, "a\xc3\xa9", "" }, { true, true, "zzz", "" }, { true, true, "* ^ ()", "" },
	};
	struct rig *rig = *state;

	put_all(rig);
	take_in(rig, 100);
	for (size_t i = 0; i < N_ELEMS(rows); i++)
		assert_found(rig->inbox, rows[i].header, rows[i].body, rows[i].text, rows[i].want);
}

/* What has not been taken in yet may hold anything. */
static void test_answers_are_always_complete(void **state)
{
	struct rig *rig = *state;
	char *path = search_path(rig);

	assert_text("quick", "?");		/* there is none */
	put_all(rig);
	take_in(rig, 2);
	assert_text("quick", "1 3:4");
	assert_text("zzz", "3:4");
	take_in(rig, 1);
	assert_text("zzz", "4");
	take_in(rig, 100);
	assert_text("zzz", "");
	put(rig, letters[0]);
	assert_text("quick", "1 5");
	assert_text("liegt", "2 5");
	OK(rig_copy(rig, rig->inbox, (struct uid_range){ 1, 2 }, "Drafts", false));
	assert_found(rig_fid(rig, "Drafts"), true, true, "quick", "1");
	OK(rig_expunge(rig, rig->inbox, (struct uid_range){ 1, 1 }, true));
	take_in(rig, 100);
	assert_text("quick", "5");
	indexer_drop(path);			/* an operator deletes it */
	assert_text("quick", "?");
	take_in(rig, 100);
	assert_text("quick", "5");
	free(path);
}

/* A message of which only the beginning was read is always looked into. */
static void test_what_is_too_long_is_partial(void **state)
{
	struct rig *rig = *state;
	size_t n = CATALOGUE_DOC * 2;
	char *text = xcalloc(1, n + 100);

	strcpy(text, "Subject: long\r\n\r\n");
	for (size_t i = strlen(text); i < n; i++)
		text[i] = i % 60 == 59 ? '\n' : (char)('a' + i * 7 % 26);
	strcpy(text + n, "needle\r\n");
	put(rig, text);
	put(rig, letters[0]);
	take_in(rig, 100);
	assert_text("needle", "1");
	assert_text("zzzzz", "1");
	assert_text("quick", "1:2");
	free(text);
}

static void test_damage_is_told(void **state)
{
	struct rig *rig = *state;
	char *path = search_path(rig);
	struct indexer *ix;
	bool more;
	FILE *f;

	put_all(rig);
	take_in(rig, 100);
	f = fopen(path, "r+");
	for (long at = 0; at < 20 * 8192; at += 512) {
		fseek(f, at, SEEK_SET);
		fputs("this is no database at all", f);
	}
	fclose(f);
	put_all(rig);
	assert_text("quick", "?");
	ix = indexer_new(rig->r, path);
	assert_int_not_equal(indexer_step(ix, 100, &more, &rig->eb), ERR_OK);
	indexer_drop(path);
	OK(indexer_step(ix, 100, &more, &rig->eb));
	assert_text("quick", "1 5");
	indexer_free(&ix);
	free(path);
}

static void test_a_stranger_learns_nothing(void **state)
{
	struct rig *rig = *state;
	char *path = search_path(rig);
	struct find_needle k = { .text = SPAN("quick"), .header = true, .body = true };
	struct find_op op = { .who = rig_who(rig), .fid = (uint64_t)rig->inbox, .path = path,
			      .needles = &k, .n = 1 };

	put_all(rig);
	take_in(rig, 100);
	op.who.principal = guid_make();
	assert_int_not_equal(catalogue_find(rig->r, &op, &rig->eb), ERR_OK);
	find_fini(&op);
	free(path);
}

/* Random messages of a small alphabet, random texts: whoever holds it is found. */
static void test_oracle(void **state)
{
	enum { N = 150, LEN = 60 };
	static const char letters_of[] = "abcABC \xc3\xa4";
	static char body[N + 1][LEN * 2];
	struct rig *rig = *state;
	uint32_t seed = 4711;
	unsigned found = 0, ruled_out = 0;

#define NEXT (seed = seed * 1664525 + 1013904223, seed >> 8)
	for (unsigned i = 1; i <= N; i++) {
		char text[LEN * 3], *p = body[i];

		for (unsigned k = 0; k < LEN; k++) {
			unsigned c = NEXT % 8;

			if (c == 7) {
				*p++ = letters_of[7];
				*p++ = letters_of[8];
			} else {
				*p++ = letters_of[c];
			}
		}
		*p = '\0';
		snprintf(text, sizeof(text), "X: y\r\n\r\n.%s.\r\n", body[i]);
		put(rig, text);
		if (i % 40 == 0)
			take_in(rig, 25);
	}
	for (unsigned k = 0; k < 300; k++) {
		char *path = search_path(rig), text[40];
		struct find_needle n = { .body = true };
		struct find_op op = { .who = rig_who(rig), .fid = (uint64_t)rig->inbox,
				      .path = path, .needles = &n, .n = 1 };
		unsigned from = NEXT % 40, len = 3 + NEXT % 8;
		uint32_t of = 1 + NEXT % N;

		while ((body[of][from] & 0xc0) == 0x80)
			from++;
		while ((body[of][from + len] & 0xc0) == 0x80)
			len++;
		snprintf(text, sizeof(text), "%.*s", (int)len, body[of] + from);
		n.text = span_of(text);
		OK(catalogue_find(rig->r, &op, &rig->eb));
		assert_true(n.known || len < 6);
		for (uint32_t i = 1; n.known && i <= N; i++) {
			bool has = strstr(body[i], text) != NULL;

			if (has && !runs_contain(&n.maybe, i))
				fail_msg("\"%s\" is in %u and was not found", text, i);
			found += has;
			ruled_out += !runs_contain(&n.maybe, i);
		}
		find_fini(&op);
		free(path);
		if (k % 60 == 0)
			take_in(rig, 20);
	}
	assert_true(found > 300 && ruled_out > 3000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_texts, rig_up, down),
		cmocka_unit_test_setup_teardown(test_answers_are_always_complete, rig_up, down),
		cmocka_unit_test_setup_teardown(test_what_is_too_long_is_partial, rig_up, down),
		cmocka_unit_test_setup_teardown(test_damage_is_told, rig_up, down),
		cmocka_unit_test_setup_teardown(test_a_stranger_learns_nothing, rig_up, down),
		cmocka_unit_test_setup_teardown(test_oracle, rig_up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
