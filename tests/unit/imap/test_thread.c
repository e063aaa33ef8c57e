/* THREAD: cases of RFC 5256 section 3 and of what mail really brings */
#include "common/imap/thread.h"

#include "common/base/check.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <endian.h>

/* "id subject date refs", the id and refs one character each ('-': none); a subject in
 * lower case is a reply of the one in upper case.  Numbers count from 1. */
static void feed(struct threader *t, const char *const *messages)
{
	for (uint32_t i = 0; messages[i]; i++) {
		const char *m = messages[i];
		uint64_t refs[32];
		struct threader_msg x = { .number = i + 1, .refs = (const uint8_t *)refs };
		char subject = m[1];

		if (m[0] != '-')
			x.id = (uint64_t)(unsigned char)m[0] * UINT64_C(0x9e3779b97f4a7c15);
		x.is_reply = subject >= 'a' && subject <= 'z';
		if (subject != '-')
			x.subject[0] = (uint64_t)(subject & ~0x20);
		x.sent_ms = (m[2] - '0') * 10 + (m[3] - '0');
		for (m += 4; *m; m++)
			refs[x.n_refs++] = htole64((uint64_t)(unsigned char)*m *
						   UINT64_C(0x9e3779b97f4a7c15));
		assert_int_equal(threader_add(t, &x), ERR_OK);
	}
	threader_finish(t);
}

/* Written in pieces of `step` bytes. */
static void show(struct threader *t, size_t step, struct buf *all)
{
	bool more = true;

	buf_init(all, 1 << 24);
	while (more) {
		struct buf piece;

		buf_init(&piece, step + 64);
		more = threader_write(t, &piece, step);
		assert_int_equal(buf_add(all, piece.data, piece.len), ERR_OK);
		buf_fini(&piece);
	}
}

static const struct {
	const char *name;
	enum imap_thread_alg alg;
	const char *messages[12];
	const char *out;
} rows[] = {
	{ "nothing", IMAP_THREAD_REFERENCES, { NULL }, "" },
	{ "one", IMAP_THREAD_REFERENCES, { "a-01" }, "(1)" },
	{ "by date", IMAP_THREAD_REFERENCES, { "a-03", "b-01", "c-02" }, "(2)(3)(1)" },
	{ "chain", IMAP_THREAD_REFERENCES, { "a-01", "b-02a", "c-03ab" }, "(1 2 3)" },
	{ "chain told backwards", IMAP_THREAD_REFERENCES, { "c-03ab", "b-02a", "a-01" },
	  "(3 2 1)" },
	{ "branches", IMAP_THREAD_REFERENCES, { "a-01", "b-03a", "c-02a", "d-04ac" },
	  "(1 (3 4)(2))" },
	{ "of the RFC", IMAP_THREAD_REFERENCES,
	  { "a-01", "b-02", "c-04bd", "d-03b", "e-05bdf", "f-04bd", "g-05bdf" },
	  "(1)(2 4 (3)(6 (5)(7)))" },
	{ "missing parent of one goes", IMAP_THREAD_REFERENCES, { "b-01a" }, "(1)" },
	{ "missing parent of two stays", IMAP_THREAD_REFERENCES, { "b-02a", "c-01a" },
	  "((2)(1))" },
	{ "missing in the middle", IMAP_THREAD_REFERENCES, { "a-01", "c-02ab", "d-03ab" },
	  "(1 (2)(3))" },
	{ "missing chain above two", IMAP_THREAD_REFERENCES, { "c-01xyz", "d-02xyz" },
	  "((1)(2))" },
	{ "loop of two", IMAP_THREAD_REFERENCES, { "a-01b", "b-02a" }, "(2 1)" },
	{ "loop of three", IMAP_THREAD_REFERENCES, { "a-01c", "b-02a", "c-03b" }, "(3 1 2)" },
	{ "refers to itself", IMAP_THREAD_REFERENCES, { "a-01a", "b-02a" }, "(1 2)" },
	{ "refers twice to one", IMAP_THREAD_REFERENCES, { "a-01", "b-02aaa" }, "(1 2)" },
	{ "same id twice", IMAP_THREAD_REFERENCES, { "a-01", "a-02", "b-03a" }, "(1 3)(2)" },
	{ "no ids", IMAP_THREAD_REFERENCES, { "--01", "--02" }, "(1)(2)" },
	{ "no id but references", IMAP_THREAD_REFERENCES, { "a-01", "--02a" }, "(1 2)" },
	{ "own word counts", IMAP_THREAD_REFERENCES, { "a-01", "c-03ab", "b-02" },
	  "(1)(3 2)" },
	{ "last reference is the parent", IMAP_THREAD_REFERENCES,
	  { "a-01", "b-02", "c-03ba" }, "(2 1 3)" },
	{ "reply by subject", IMAP_THREAD_REFERENCES, { "aX01", "bx02" }, "(1 2)" },
	{ "reply before the original", IMAP_THREAD_REFERENCES, { "ax01", "bX02" }, "(2 1)" },
	{ "two originals", IMAP_THREAD_REFERENCES, { "aX01", "bX02" }, "((1)(2))" },
	{ "two replies", IMAP_THREAD_REFERENCES, { "ax01", "bx02" }, "((1)(2))" },
	{ "three of a subject", IMAP_THREAD_REFERENCES, { "aX01", "bX02", "cx03" },
	  "((1)(2)(3))" },
	{ "dummies of a subject", IMAP_THREAD_REFERENCES,
	  { "ax01p", "bx02p", "cx03q", "dx04q" }, "((1)(2)(3)(4))" },
	{ "a dummy takes a message", IMAP_THREAD_REFERENCES, { "aX03", "bx01p", "cx02p" },
	  "((2)(3)(1))" },
	{ "empty subjects part", IMAP_THREAD_REFERENCES, { "a-01", "b-02" }, "(1)(2)" },
	{ "other subjects part", IMAP_THREAD_REFERENCES, { "aX01", "bY02" }, "(1)(2)" },
	{ "a thread keeps its root's date", IMAP_THREAD_REFERENCES,
	  { "a-05", "b-09a", "c-07" }, "(1 2)(3)" },
	{ "ties by number", IMAP_THREAD_REFERENCES, { "a-01", "b-01", "c-01a", "d-01a" },
	  "(1 (3)(4))(2)" },
	{ "a loop parts from what others said", IMAP_THREAD_REFERENCES,
	  { "a-03", "b-01ac", "c-02b" }, "(3 2)(1)" },
	{ "ties of the missing by the first child", IMAP_THREAD_REFERENCES,
	  { "a-01", "b-01p", "c-01p" }, "(1)((2)(3))" },
	{ "subjects alone", IMAP_THREAD_ORDEREDSUBJECT,
	  { "aX05", "bY02", "cx07b", "dy03", "eZ01", "fx06" }, "(5)(2 4)(1 (6)(3))" },
	{ "nothing by subject", IMAP_THREAD_ORDEREDSUBJECT, { NULL }, "" },
	{ "the eldest is the head", IMAP_THREAD_ORDEREDSUBJECT, { "aX05", "bx01" }, "(2 1)" },
};

static void test_rows_in_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++)
		for (size_t step = 1; step < 40; step += 7) {
			struct threader *t = threader_new(rows[i].alg);
			struct buf all;

			feed(t, rows[i].messages);
			show(t, step, &all);
			if (strcmp(all.data, rows[i].out) != 0)
				fail_msg("%s, by %zu: \"%s\", not \"%s\"", rows[i].name, step,
					 all.data, rows[i].out);
			buf_fini(&all);
			threader_free(&t);
		}
}

/* 100,000 messages, each the answer to the one before, told in either direction; and
 * all answers to one that is missing. */
static void test_long_chains(void **state)
{
	enum { MANY = 100000 };

	(void)state;
	for (int how = 0; how < 3; how++) {
		struct threader *t = threader_new(IMAP_THREAD_REFERENCES);
		struct buf all;

		for (uint32_t i = 0; i < MANY; i++) {
			uint64_t k = how == 1 ? MANY - i : i + 1, ref = htole64(how == 2 ? MANY * 2 : k - 1);
			struct threader_msg m = { .number = i + 1, .id = k, .sent_ms = (int64_t)k,
						  .refs = (const uint8_t *)&ref,
						  .n_refs = k > 1 || how == 2 };

			assert_int_equal(threader_add(t, &m), ERR_OK);
		}
		threader_finish(t);
		show(t, 4096, &all);
		assert_int_equal(all.data[0], '(');
		assert_int_equal(all.data[1], how == 0 ? '1' : how == 1 ? '1' : '(');
		assert_true(all.len > MANY);
		if (how < 2)
			assert_null(strchr(all.data + 1, '('));
		buf_fini(&all);
		threader_free(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_in_pieces),
		cmocka_unit_test(test_long_chains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
