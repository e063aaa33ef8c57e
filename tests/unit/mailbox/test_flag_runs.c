/* FETCH of flags alone: neighbours that are alike come as one row (COL_RUN), and what
 * comes is what the rows one by one say. */
#include "tests/unit/mailbox/rig.h"

/* "1:2=0 3=1 ..." */
static void show(struct rig *rig, unsigned columns, uint64_t since, bool expand, char *out)
{
	static const struct uid_range all[] = { { 1, 4 }, { 6, UINT32_MAX } };
	struct fetch_op f = { .who = rig_who(rig), .fid = (uint64_t)rig->inbox, .uids = all,
			      .n_uids = N_ELEMS(all), .columns = columns,
			      .changed_since = since };
	struct arena a = { 0 };
	struct store_row row;
	struct span in;

	*out = '\0';
	buf_init(&f.rows, 1 << 20);
	while (!f.done)
		OK(message_fetch(rig->r, &f, &rig->eb));
	in = (struct span){ f.rows.data, f.rows.len };
	while (row_read(&in, &row, &a) == ERR_OK)
		for (uint32_t k = 0; k <= (expand ? row.more : 0); k++) {
			out += sprintf(out, "%u", row.uid + k);
			if (!expand && row.more)
				out += sprintf(out, "+%u", row.more);
			out += sprintf(out, "=%u", row.flags);
			if (row.n_keywords)
				out += sprintf(out, "%.*s", (int)row.keywords[0].n,
					       row.keywords[0].p);
			out += sprintf(out, " ");
		}
	arena_fini(&a);
	buf_fini(&f.rows);
}

static void test_runs(void **state)
{
	static const char *const words[] = { "lila", NULL };
	const unsigned alone = COL_FLAGS | COL_KEYWORDS;
	struct rig *rig = *state;
	char got[400], want[400];

	rig_fill(rig, 12);
	OK(rig_flags(rig, rig->inbox, (struct uid_range){ 3, 3 }, FLAGS_ADD, FLAG_SEEN, NULL));
	OK(rig_flags(rig, rig->inbox, (struct uid_range){ 7, 8 }, FLAGS_ADD, FLAG_DELETED, NULL));
	OK(rig_flags(rig, rig->inbox, (struct uid_range){ 10, 10 }, FLAGS_ADD, 0, words));
	OK(rig_expunge(rig, rig->inbox, (struct uid_range){ 11, 11 }, true));
	show(rig, alone | COL_RUN, 0, false, got);
	assert_string_equal(got, "1+1=0 3=1 4=0 6=0 7+1=64 9=0 10=0lila 12=0 ");
	show(rig, alone | COL_RUN, 0, true, got);
	show(rig, alone, 0, true, want);
	assert_string_equal(got, want);
	/* Only what changed: three of them after the last delivery. */
	show(rig, alone | COL_RUN, 12, false, got);
	show(rig, alone, 12, false, want);
	assert_non_null(strstr(got, "7+1=64 "));
	show(rig, alone | COL_RUN, 12, true, got);
	assert_string_equal(got, want);
	/* With more than flags every message has its row. */
	show(rig, alone | COL_MODSEQ | COL_RUN, 0, false, got);
	assert_null(strchr(got, '+'));
}

/* A folder's uids page by page, as SELECT asks for them. */
static void test_pages_of_uids(void **state)
{
	struct rig *rig = *state;
	const int64_t key[2] = { rig->mbx, rig->inbox };
	static const struct {
		uint32_t from;
		size_t max, n;
		uint32_t first, last;
		bool more;
	} asks[] = {
		{ 0, 2, 2, 1, 5, true }, { 6, 2, 2, 7, 10, false }, { 0, 4, 4, 1, 10, false },
		{ 9, 9, 1, 9, 10, false }, { 11, 1, 0, 0, 0, false }, { 2, 1, 1, 3, 5, true },
	};

	rig_fill(rig, 10);
	for (uint32_t uid = 2; uid <= 8; uid += uid == 2 ? 4 : 2)	/* 1 3:5 7 9:10 */
		OK(rig_expunge(rig, rig->inbox, (struct uid_range){ uid, uid }, true));
	for (size_t i = 0; i < N_ELEMS(asks); i++) {
		struct runs runs = { NULL, 0, 0 };
		bool more;

		OK(runs_page(rig->r, key, asks[i].from, asks[i].max, &runs, &more, &rig->eb));
		assert_int_equal(more, asks[i].more);
		assert_int_equal(runs.n, asks[i].n);
		if (runs.n) {
			assert_int_equal(runs.r[0].first, asks[i].first);
			assert_int_equal(runs.r[runs.n - 1].last, asks[i].last);
		}
		runs_fini(&runs);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_runs, rig_up, rig_down),
		cmocka_unit_test_setup_teardown(test_pages_of_uids, rig_up, rig_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
