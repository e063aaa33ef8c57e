#include "tests/unit/mailbox/rig.h"

#include "common/mime/casemap.h"
#include "roles/mailbox/order.h"
#include "roles/mailbox/refs.h"
#include "roles/mailbox/sorter.h"
#include <endian.h>

/* ---- the sorter ---------------------------------------------------------------------- */

struct rec {
	char key[24];
	uint32_t uid;
};

static int by_key(const void *pa, const void *pb)
{
	const struct rec *a = pa, *b = pb;
	int c = strcmp(a->key, b->key);

	return c ? c : a->uid < b->uid ? -1 : 1;
}

/* More than fits into memory, with many equal keys, against qsort(). */
static void test_sorter_against_qsort(void **state)
{
	static const unsigned counts[] = { 0, 1, 2, 1000, 300000 };
	struct rig *rig = *state;

	for (size_t k = 0; k < N_ELEMS(counts); k++) {
		struct rec *all = xcalloc(counts[k] + 1, sizeof(*all));
		struct sorter *s = sorter_new(rig->dir);
		uint32_t uids[1000], seed = 7;
		size_t n, at = 0;

		for (unsigned i = 0; i < counts[k]; i++) {
			seed = seed * 1103515245 + 12345;
			all[i].uid = i + 1;
			snprintf(all[i].key, sizeof(all[i].key), "%.*u", (int)(seed >> 8) % 20 + 1,
				 (seed >> 16) % 5000);
			OK(sorter_add(s, all[i].key, strlen(all[i].key), all[i].uid, &rig->eb));
		}
		OK(sorter_finish(s, &rig->eb));
		qsort(all, counts[k], sizeof(*all), by_key);
		do {
			OK(sorter_next(s, uids, N_ELEMS(uids), &n, &rig->eb));
			for (size_t i = 0; i < n; i++, at++)
				if (uids[i] != all[at].uid)
					fail_msg("%u: at %zu %u, not %u", counts[k], at, uids[i],
						 all[at].uid);
		} while (n > 0);
		assert_int_equal(at, counts[k]);
		sorter_free(&s);
		free(all);
	}
}

static void test_sorter_without_a_disk(void **state)
{
	struct sorter *s = sorter_new("/nowhere/at/all");
	struct errbuf eb;
	char key[1000] = "x";
	enum err e = ERR_OK;

	(void)state;
	for (uint32_t i = 1; i <= 5000 && !e; i++)
		e = sorter_add(s, key, sizeof(key), i, &eb);
	assert_int_not_equal(e, ERR_OK);
	sorter_free(&s);
}

/* ---- casemap --------------------------------------------------------------------------- */

static void test_casemap(void **state)
{
	static const struct { const char *a, *b; bool same; } rows[] = {
		{ "abc", "ABC", true }, { "\xc3\xa4", "\xc3\x84", true }, { "\xc3\xa4", "A\xcc\x88", true },
		{ "\xc3\xa4", "a", false }, { "\xd0\xbc", "\xd0\x9c", true }, { "\xef\xac\x81", "fi", false },
		{ "\xef\xbc\xa1", "a", true }, { "\xff", "\xef\xbf\xbd", true }, { "", "", true },
		{ "stra\xc3\x9f" "e", "STRA\xc3\x9f" "E", true }, { "a", "b", false },
		{ "\xed\x95\x9c", "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", true },
	};
	struct buf a, b;

	(void)state;
	buf_init(&a, 1000);
	buf_init(&b, 1000);
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		buf_clear(&a);
		buf_clear(&b);
		casemap(span_of(rows[i].a), &a);
		casemap(span_of(rows[i].b), &b);
		if ((strcmp(a.data, b.data) == 0) != rows[i].same)
			fail_msg("row %zu: \"%s\" \"%s\"", i, a.data, b.data);
	}
	buf_fini(&a);
	buf_fini(&b);
	for (size_t max = 0; max < 12; max++) {		/* never half a character */
		buf_init(&a, max);
		casemap(SPAN("ab\xc3\xa4" "cd\xd0\xbc" "e"), &a);
		assert_true(a.len <= max);
		for (size_t i = 0; i < a.len;) {
			size_t k = (unsigned char)a.data[i] < 0x80 ? 1 : 2;

			assert_true(i + k <= a.len);
			i += k;
		}
		buf_fini(&a);
	}
}

/* ---- order ------------------------------------------------------------------------------- */

static const char *const letters[] = {
	"From: Zoe <carl@x.org>\r\nTo: bob@x.org\r\nCc: b@x\r\nSubject: Re: beta\r\n"
	"Date: Mon, 2 Oct 2023 10:00:00 +0000\r\n\r\nx\r\n",
	"From: =?utf-8?q?=C3=A4nna?= <anna@x.org>\r\nTo: Dora <al@x.org>, z@x.org\r\nSubject: ALPHA\r\n"
	"Date: Mon, 2 Oct 2023 10:00:00 +0200\r\n\r\nlonger than the others\r\n",
	"From: bert@x.org\r\nTo: Friends: c@x.org;\r\nCc: a@x\r\nSubject: [list] alpha (fwd)\r\n"
	"Date: Mon, 2 Oct 2023 09:30:00 +0000\r\n\r\n\r\n",
	"Subject:\r\n\r\n\r\n",
};

static void put_letters(struct rig *rig)
{
	for (size_t i = 0; i < N_ELEMS(letters); i++) {
		struct deliver_to to = { .mbx = rig->mbx };

		rig->now_ms += i == 2 ? -5000 : 1000;	/* arrival: 3 4 1 2 */
		OK(rig_deliver(rig, letters[i], 0, &to, 1));
	}
}

static enum err run_order(struct rig *rig, const uint8_t *keys, size_t n_keys,
			  const struct uid_range *u, size_t n, char *out)
{
	struct order_op op = { .who = rig_who(rig), .fid = (uint64_t)rig->inbox, .uids = u,
			       .n_uids = n, .folder = rig->dir, .n_keys = n_keys };
	enum err e = ERR_OK;

	memcpy(op.keys, keys, n_keys);
	order_init(&op);
	*out = '\0';
	while (!e && !op.done) {
		e = order_page(rig->r, &op, &rig->eb);
		for (size_t i = 0; i + 4 <= op.out.len; i += 4) {
			uint32_t uid;

			memcpy(&uid, op.out.data + i, 4);
			out += sprintf(out, "%u ", le32toh(uid));
		}
		buf_clear(&op.out);
	}
	order_fini(&op);
	return e;
}

#define R STORE_SORT_REVERSE
static void test_order_rows(void **state)
{
	static const struct { uint8_t keys[3]; size_t n; const char *out; } rows[] = {
		{ { STORE_SORT_ARRIVAL }, 1, "3 4 1 2 " },
		{ { STORE_SORT_ARRIVAL | R }, 1, "2 1 4 3 " },
		{ { STORE_SORT_DATE }, 1, "2 3 1 4 " },		/* 4 has none: when it came */
		{ { STORE_SORT_SIZE }, 1, "4 1 3 2 " },
		{ { STORE_SORT_SUBJECT }, 1, "4 2 3 1 " },
		{ { STORE_SORT_SUBJECT, STORE_SORT_DATE | R }, 2, "4 3 2 1 " },
		{ { STORE_SORT_SUBJECT | R, STORE_SORT_ARRIVAL }, 2, "1 3 2 4 " },
		{ { STORE_SORT_FROM }, 1, "4 2 3 1 " },
		{ { STORE_SORT_DISPLAYFROM }, 1, "4 2 3 1 " },
		{ { STORE_SORT_TO }, 1, "4 2 1 3 " },
		{ { STORE_SORT_DISPLAYTO }, 1, "4 1 2 3 " },
		{ { STORE_SORT_CC }, 1, "2 4 3 1 " },
		{ { STORE_SORT_CC | R, STORE_SORT_SIZE }, 2, "1 3 4 2 " },
	};
	static const struct uid_range some[] = { { 1, 1 }, { 3, UINT32_MAX } };
	struct rig *rig = *state;
	struct who stranger;
	char out[200];

	put_letters(rig);
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		OK(run_order(rig, rows[i].keys, rows[i].n, NULL, 0, out));
		if (strcmp(out, rows[i].out) != 0)
			fail_msg("row %zu: %s", i, out);
	}
	OK(run_order(rig, rows[1].keys, 1, some, 2, out));
	assert_string_equal(out, "1 4 3 ");
	stranger = rig_who(rig);
	stranger.principal = guid_make();
	{
		struct order_op op = { .who = stranger, .fid = (uint64_t)rig->inbox,
				       .folder = rig->dir, .n_keys = 1 };

		op.keys[0] = STORE_SORT_DATE;
		order_init(&op);
		assert_int_not_equal(order_page(rig->r, &op, &rig->eb), ERR_OK);
		order_fini(&op);
	}
}

/* ---- refs ---------------------------------------------------------------------------------- */

static void test_refs(void **state)
{
	struct rig *rig = *state;
	struct refs_op op = { .who = rig_who(rig), .fid = (uint64_t)rig->inbox };
	struct deliver_to to = { .mbx = rig->mbx };
	uint64_t a, r;
	struct store_refs m[3];
	struct span in;
	char *text, many[2000] = "";

	for (int i = 0; i < 60; i++)
		sprintf(many + strlen(many), "<%d@r> ", i);
	text = rig_letter("Hello", "a@r", NULL, 5);
	OK(rig_deliver(rig, text, 0, &to, 1));
	free(text);
	text = rig_letter("Re: HELLO", "b@r", many, 5);
	OK(rig_deliver(rig, text, 0, &to, 1));
	free(text);
	OK(rig_deliver(rig, "In-Reply-To: <a@r> <b@r>\r\n\r\nx\r\n", 0, &to, 1));
	refs_init(&op);
	while (!op.done)
		OK(refs_page(rig->r, &op, &rig->eb));
	in = (struct span){ op.out.data, op.out.len };
	for (size_t i = 0; i < 3; i++)
		OK(store_refs_read(&in, &m[i]));
	assert_int_equal(in.n, 0);
	assert_int_equal(m[1].uid, 2);
	assert_false(m[0].is_reply);
	assert_true(m[1].is_reply);
	assert_memory_equal(m[0].subject, m[1].subject, sizeof(m[0].subject));
	assert_true(m[2].subject[0] == 0 && m[2].subject[1] == 0);
	assert_int_equal(m[0].n_refs, 0);
	assert_int_equal(m[1].n_refs, 60);
	assert_int_equal(m[2].n_refs, 1);
	memcpy(&r, m[2].refs, 8);
	a = summary_id_hash(SPAN("a@r"));
	assert_true(le64toh(r) == a && m[0].own == a);
	assert_true(m[2].own == 0);
	/* Cut anywhere it is not whole, and nothing is read beyond. */
	for (size_t n = 0; n + 1 < op.out.len; n++) {
		char *copy = malloc(n + 1);
		struct span cut = { memcpy(copy, op.out.data, n), n };
		enum err e;

		while ((e = store_refs_read(&cut, &m[0])) == ERR_OK)
			;
		assert_int_equal(e, ERR_NOTFOUND);
		free(copy);
	}
	op.out.data[9] = 99;
	in = (struct span){ op.out.data, op.out.len };
	assert_int_equal(store_refs_read(&in, &m[0]), ERR_INVALID);
	refs_fini(&op);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sorter_against_qsort, rig_up, rig_down),
		cmocka_unit_test(test_sorter_without_a_disk),
		cmocka_unit_test(test_casemap),
		cmocka_unit_test_setup_teardown(test_order_rows, rig_up, rig_down_checked),
		cmocka_unit_test_setup_teardown(test_refs, rig_up, rig_down_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
