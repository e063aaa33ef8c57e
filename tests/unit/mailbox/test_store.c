#include "tests/unit/mailbox/rig.h"

static void test_a_letter_goes_in_and_comes_out(void **state)
{
	struct rig *rig = *state;
	struct deliver_to to = { .mbx = rig->mbx };
	char *text = rig_letter("Hello", "1@x", NULL, 300000);
	struct fetch_op f = { .who = rig_who(rig), .fid = (uint64_t)rig->inbox, .uids = &all_uids,
			      .n_uids = 1, .columns = 0xff };
	struct content_op c = { .who = rig_who(rig), .zpool = rig->z, .fid = (uint64_t)rig->inbox,
				.uid = 1 };
	struct arena a = { 0 };
	struct store_row row;
	struct span in;
	size_t at = 0;

	OK(rig_deliver(rig, text, 0, &to, 1));
	assert_int_equal(to.status, ERR_OK);
	assert_int_equal(to.uid, 1);
	assert_int_equal(to.in_fid, rig->inbox);

	buf_init(&f.rows, 1 << 20);
	OK(message_fetch(rig->r, &f, &rig->eb));
	assert_true(f.done);
	in = (struct span){ f.rows.data, f.rows.len };
	OK(row_read(&in, &row, &a));
	assert_int_equal(row.uid, 1);
	assert_int_equal(row.size, strlen(text));
	assert_true(span_eq(row.subject, SPAN("Hello")));
	assert_true(span_eq(row.from_addr, SPAN("ann@example.org")));
	assert_true(span_eq(row.message_id, SPAN("1@x")));
	assert_true(row.map.n > 100);
	assert_int_equal(row_read(&in, &row, &a), ERR_NOTFOUND);
	arena_fini(&a);
	buf_fini(&f.rows);

	buf_init(&c.bytes, CONTENT_CHUNK);
	while (!c.done) {
		OK(message_content(rig->r, &c, &rig->eb));
		assert_memory_equal(c.bytes.data, text + at, c.bytes.len);
		at += c.bytes.len;
		buf_clear(&c.bytes);
	}
	assert_int_equal(at, strlen(text));
	buf_fini(&c.bytes);
	free(text);
}

/* Small content comes with its row, of larger at most the header. */
static void test_content_in_rows(void **state)
{
	static const struct {
		size_t body;
		unsigned columns;
		bool whole, header;
	} cases[] = {
		{ 3000, COL_CONTENT, true, false },
		{ 3000, COL_HEADER, false, true },
		{ 3000, COL_CONTENT | COL_HEADER, true, false },
		{ 3000, COL_SIZE, false, false },
		{ 70000, COL_CONTENT, false, false },
		{ 70000, COL_CONTENT | COL_HEADER, false, true },
		{ 400000, COL_HEADER | COL_MAP, false, true },
	};
	struct rig *rig = *state;

	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct deliver_to to = { .mbx = rig->mbx };
		char *text = rig_letter("parts", "c@x", NULL, cases[i].body);
		size_t want = cases[i].whole ? strlen(text) :
			      cases[i].header ? (size_t)(strstr(text, "\r\n\r\n") + 4 - text) : 0;
		struct uid_range one;
		struct fetch_op f = { .who = rig_who(rig), .fid = (uint64_t)rig->inbox,
				      .uids = &one, .n_uids = 1, .columns = cases[i].columns,
				      .zpool = rig->z };
		struct arena a = { 0 };
		struct store_row row;
		struct span in;

		OK(rig_deliver(rig, text, 0, &to, 1));
		one = (struct uid_range){ (uint32_t)to.uid, (uint32_t)to.uid };
		buf_init(&f.rows, 1 << 20);
		buf_init(&f.raw, CONTENT_CHUNK);
		OK(message_fetch(rig->r, &f, &rig->eb));
		in = (struct span){ f.rows.data, f.rows.len };
		OK(row_read(&in, &row, &a));
		assert_int_equal(row.content.n, want);
		assert_int_equal(!!(row.columns & COL_CONTENT), want > 0);
		if (want)
			assert_memory_equal(row.content.p, text, want);
		arena_fini(&a);
		buf_fini(&f.rows);
		buf_fini(&f.raw);
		free(text);
	}
}

static void test_partial_reads(void **state)
{
	static const struct {
		uint64_t at, n;
	} cases[] = { { 0, 1 },	       { 5, 10 },	 { 262143, 2 }, { 262144, 1 },
		      { 262000, 400 }, { 299999, 5000 }, { 9999999, 1 } };
	struct rig *rig = *state;
	struct deliver_to to = { .mbx = rig->mbx };
	char *text = rig_letter("parts", "p@x", NULL, 300000);
	size_t len = strlen(text);

	OK(rig_deliver(rig, text, 0, &to, 1));
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct content_op c = { .who = rig_who(rig), .zpool = rig->z,
					.fid = (uint64_t)rig->inbox, .uid = 1,
					.offset = cases[i].at, .length = cases[i].n };
		uint64_t want = cases[i].at >= len ? 0 : len - cases[i].at;
		size_t got = 0;

		want = want < cases[i].n ? want : cases[i].n;
		buf_init(&c.bytes, CONTENT_CHUNK);
		while (!c.done) {
			OK(message_content(rig->r, &c, &rig->eb));
			assert_memory_equal(c.bytes.data, text + cases[i].at + got, c.bytes.len);
			got += c.bytes.len;
			buf_clear(&c.bytes);
		}
		assert_int_equal(got, want);
		buf_fini(&c.bytes);
	}
	free(text);
}

static void test_flags_copy_move_expunge(void **state)
{
	struct rig *rig = *state;
	static const char *const kw[] = { "$Work", "blue", NULL };
	int64_t archive;

	rig_fill(rig, 5);
	archive = rig_fid(rig, "Archive");
	assert_folder(rig->inbox, "1:0 2:0 3:0 4:0 5:0");
	OK(rig_flags(rig, rig->inbox, (struct uid_range){ 2, 3 }, FLAGS_ADD, FLAG_SEEN, kw));
	assert_folder(rig->inbox, "1:0 2:1[$Work,blue] 3:1[$Work,blue] 4:0 5:0");
	OK(rig_copy(rig, rig->inbox, (struct uid_range){ 1, 2 }, "archive", false));
	assert_folder(archive, "1:0 2:1[$Work,blue]");
	/* Linked: flags are shared, \Deleted is not. */
	OK(rig_flags(rig, archive, (struct uid_range){ 1, 1 }, FLAGS_ADD,
		     FLAG_FLAGGED | FLAG_DELETED, NULL));
	assert_folder(archive, "1:96 2:1[$Work,blue]");
	assert_folder(rig->inbox, "1:32 2:1[$Work,blue] 3:1[$Work,blue] 4:0 5:0");
	/* Into a folder that holds it already: an item of its own. */
	OK(rig_copy(rig, rig->inbox, (struct uid_range){ 1, 1 }, "Archive", false));
	OK(rig_flags(rig, archive, (struct uid_range){ 3, 3 }, FLAGS_REMOVE, FLAG_FLAGGED, NULL));
	assert_folder(archive, "1:96 2:1[$Work,blue] 3:0");
	assert_folder(rig->inbox, "1:32 2:1[$Work,blue] 3:1[$Work,blue] 4:0 5:0");
	OK(rig_copy(rig, rig->inbox, (struct uid_range){ 4, UINT32_MAX }, "Archive", true));
	assert_folder(archive, "1:96 2:1[$Work,blue] 3:0 4:0 5:0");
	OK(rig_expunge(rig, archive, all_uids, false));
	assert_folder(archive, "2:1[$Work,blue] 3:0 4:0 5:0");
	OK(rig_expunge(rig, rig->inbox, (struct uid_range){ 1, 2 }, true));
	assert_folder(rig->inbox, "3:1[$Work,blue]");
	/* The link in the archive lives on. */
	OK(rig_flags(rig, archive, (struct uid_range){ 2, 2 }, FLAGS_REPLACE, FLAG_ANSWERED, NULL));
	assert_folder(archive, "2:2 3:0 4:0 5:0");
	assert_int_equal(rig_copy(rig, rig->inbox, all_uids, "Nowhere", false), ERR_NOTFOUND);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down_checked)
	const struct CMUnitTest tests[] = {
		T(test_a_letter_goes_in_and_comes_out),
		T(test_content_in_rows),
		T(test_partial_reads),
		T(test_flags_copy_move_expunge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
