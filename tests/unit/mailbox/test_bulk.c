#include "tests/unit/mailbox/rig.h"
#include "roles/mailbox/hidden.h"

/* Changes of more messages than a step takes: what others see between the steps, what
 * a crash leaves, what deliveries do meanwhile. */

/* The folder's messages: how many, and are they what SELECT, FETCH, the query and the
 * counters agree on? */
static unsigned look(struct rig *rig, int64_t fid)
{
	struct fetch_op f = { .who = rig_who(rig), .fid = (uint64_t)fid, .uids = &all_uids,
			      .n_uids = 1, .columns = COL_FLAGS | COL_SIZE };
	struct query_op q = { .who = rig_who(rig), .fid = (uint64_t)fid };
	struct query_op unseen = { .who = rig_who(rig), .fid = (uint64_t)fid,
				   .flags_clear = FLAG_SEEN };
	struct arena a = { 0 };
	struct select_op s = { .who = rig_who(rig), .fid = (uint64_t)fid, .with_runs = true,
			       .arena = &a };
	unsigned n;

	buf_init(&f.rows, 64 << 20);
	while (!f.done)
		OK(message_fetch(rig->r, &f, &rig->eb));
	OK(query(rig->r, &q, &rig->eb));
	OK(query(rig->r, &unseen, &rig->eb));
	OK(message_select(rig->r, &s, &rig->eb));
	n = f.n_rows;
	assert_int_equal(runs_count(&q.runs), n);
	assert_int_equal(runs_count(&s.runs), n);
	assert_int_equal(s.result.total, n);
	assert_int_equal(runs_count(&unseen.runs), s.result.unread);
	if (s.result.unread)
		assert_int_equal(s.result.first_unseen_uid, unseen.runs.r[0].first);
	for (size_t i = 0; i < s.runs.n; i++)
		assert_int_equal(s.runs.r[i].last, q.runs.r[i].last);
	if (s.runs.n)
		assert_true(s.runs.r[s.runs.n - 1].last < s.result.uidnext);
	buf_fini(&f.rows);
	runs_fini(&f.gone);
	runs_fini(&q.runs);
	runs_fini(&unseen.runs);
	runs_fini(&s.runs);
	arena_fini(&a);
	return n;
}

/* n messages quickly: copies of copies of the first ones. */
static void fill(struct rig *rig, unsigned n)
{
	unsigned have = n < 50 ? n : 50;
	struct runs runs = { NULL, 0, 0 };
	uint32_t first;

	rig_fill(rig, have);
	OK(runs_load(rig->r, rig->mbx, rig->inbox, &runs, &rig->eb));
	first = runs.r[0].first;
	while (have < n) {
		unsigned add = n - have < 50 ? n - have : 50;

		OK(rig_copy(rig, rig->inbox, (struct uid_range){ first, first + add - 1 }, "INBOX",
			    false));
		have += add;
	}
	runs_fini(&runs);
	assert_int_equal(look(rig, rig->inbox), n);
}

/* An operation that stops where the test wants to look. */
struct stepping {
	struct rig *rig;
	tx_fn *fn;
	struct bulk *b;
};

static bool step(struct stepping *s)
{
	enum err e = rig_run(s->rig, s->fn, s->b);

	return bulk_stands(s->b, e, &s->rig->eb);
}

static bool step_until(struct stepping *s, enum bulk_phase p)
{
	while (s->b->at.phase != p)
		if (!step(s))
			return false;
	return true;
}

static struct copy_op copying(struct rig *rig, int64_t fid, const char *to, bool move)
{
	return (struct copy_op){ .who = rig_who(rig), .fid = (uint64_t)fid, .uids = &all_uids,
				 .n_uids = 1, .to_path = to, .move = move };
}

static void copy_over(struct copy_op *op)
{
	runs_fini(&op->from);
	runs_fini(&op->to_uids);
}

/* The process ends here; the file is opened anew. */
static void crash(struct rig *rig)
{
	rig_close(rig);
	rig_open(rig, 0);
	OK(hidden_recover(rig->w, rig->now_ms, &rig->eb));
}

DB_SQL(q_left, "SELECT (SELECT count(*) FROM hidden) + (SELECT count(*) FROM placement p"
	       " WHERE NOT EXISTS (SELECT 1 FROM folder f WHERE f.mbx = p.mbx AND f.fid = p.fid))");

static void assert_nothing_left(struct rig *rig)
{
	int64_t n;

	OK(db_get_int(rig->r, &q_left, &n, &rig->eb, ""));
	assert_int_equal(n, 0);
	rig_check(rig);
}

static void test_sizes_around_a_step(void **state)
{
	struct rig *rig = *state;
	static const unsigned sizes[] = { 1, BULK_STEP - 1, BULK_STEP, BULK_STEP + 1,
					  2 * BULK_STEP, 2 * BULK_STEP + 1 };
	int64_t archive = rig_fid(rig, "Archive");
	unsigned have = 0;

	fill(rig, 2 * BULK_STEP + 1);
	for (size_t i = 0; i < N_ELEMS(sizes); i++) {
		struct runs all = { NULL, 0, 0 }, some = { NULL, 0, 0 };
		struct copy_op op = copying(rig, rig->inbox, "Archive", false);
		unsigned n = 0;

		OK(runs_load(rig->r, rig->mbx, rig->inbox, &all, &rig->eb));
		for (size_t k = 0; k < all.n; k++)
			for (uint32_t u = all.r[k].first; u <= all.r[k].last && n < sizes[i]; u++, n++)
				runs_add(&some, u);
		op.uids = some.r;
		op.n_uids = some.n;
		OK(rig_bulk(rig, copy, &op.bulk));
		assert_int_equal(runs_count(&op.from), sizes[i]);
		assert_int_equal(runs_count(&op.to_uids), sizes[i]);
		assert_int_equal(op.to_uids.n, 1);
		have += sizes[i];
		assert_int_equal(look(rig, archive), have);
		assert_nothing_left(rig);
		copy_over(&op);
		runs_fini(&all);
		runs_fini(&some);
	}
	OK(rig_expunge(rig, archive, all_uids, true));
	assert_int_equal(look(rig, archive), 0);
	assert_nothing_left(rig);
}

/* At each moment all or nothing is there, for every way of looking; and whatever is
 * there after a crash is one of the two. */
static void test_killed_after_each_step(void **state)
{
	struct rig *rig = *state;
	int64_t archive = rig_fid(rig, "Archive"), drafts = rig_fid(rig, "Drafts");
	enum { N = 2 * BULK_STEP + 100 };

	fill(rig, N);
	OK(rig_flags(rig, rig->inbox, (struct uid_range){ 3, 40 }, FLAGS_ADD, FLAG_SEEN, NULL));
	for (unsigned stop = 1;; stop++) {
		struct copy_op op = copying(rig, rig->inbox, "Archive", true);
		struct stepping s = { rig, copy, &op.bulk };
		bool goes_on = true;

		for (unsigned i = 0; goes_on && i < stop; i++) {
			goes_on = step(&s);
			assert_int_equal(look(rig, archive), op.bulk.has_happened ? N : 0);
			assert_int_equal(look(rig, rig->inbox), op.bulk.has_happened ? 0 : N);
			if (i + 1 == stop)
				rig_check(rig);		/* knows what is hidden */
		}
		if (goes_on)
			crash(rig);
		assert_int_equal(look(rig, archive), op.bulk.has_happened ? N : 0);
		assert_int_equal(look(rig, rig->inbox), op.bulk.has_happened ? 0 : N);
		assert_nothing_left(rig);
		if (op.bulk.has_happened) {	/* and back */
			OK(rig_copy(rig, archive, all_uids, "INBOX", true));
			assert_int_equal(look(rig, rig->inbox), N);
		}
		copy_over(&op);
		if (!goes_on)
			break;
		assert_true(stop < 20);
	}
	/* Clones are taken back, too: their items and references. */
	OK(rig_copy(rig, rig->inbox, all_uids, "Drafts", false));
	struct copy_op op = copying(rig, rig->inbox, "Drafts", false);
	struct stepping s = { rig, copy, &op.bulk };

	assert_true(step_until(&s, BULK_REVEAL));
	assert_int_equal(look(rig, drafts), N);
	crash(rig);
	assert_int_equal(look(rig, drafts), N);
	assert_nothing_left(rig);
	copy_over(&op);
}

static void test_expunge_is_whole(void **state)
{
	struct rig *rig = *state;
	enum { N = 2 * BULK_STEP + 1 };

	fill(rig, N);
	for (unsigned stop = 1;; stop++) {
		struct expunge_op op = { .who = rig_who(rig), .fid = (uint64_t)rig->inbox,
					 .uids = &all_uids, .n_uids = 1, .any_flag = true };
		struct stepping s = { rig, expunge, &op.bulk };
		bool goes_on = true;

		for (unsigned i = 0; goes_on && i < stop; i++) {
			goes_on = step(&s);
			assert_int_equal(look(rig, rig->inbox), op.bulk.has_happened ? 0 : N);
			if (i + 1 == stop)
				rig_check(rig);
		}
		if (goes_on)
			crash(rig);
		assert_int_equal(look(rig, rig->inbox), op.bulk.has_happened ? 0 : N);
		assert_nothing_left(rig);
		runs_fini(&op.gone);
		if (!op.bulk.has_happened)
			continue;
		if (!goes_on)
			break;
		fill(rig, N);		/* uids go on */
	}
}

/* Letters come into the target between the steps: they are seen at once, with uids
 * and change numbers below what is revealed later. */
static void test_deliveries_in_between(void **state)
{
	struct rig *rig = *state;
	int64_t archive = rig_fid(rig, "Archive");
	struct deliver_to to = { .mbx = rig->mbx, .fid = archive };
	enum { N = 2 * BULK_STEP };
	struct changes_op feed = { .who = rig_who(rig), .fid = (uint64_t)archive };
	struct copy_op op = copying(rig, rig->inbox, "Archive", true);
	struct stepping s = { rig, copy, &op.bulk };
	int64_t last = 0;
	unsigned came = 0;
	uint64_t newest;

	fill(rig, N);
	buf_init(&feed.rows, 8 << 20);
	while (!op.bulk.has_happened) {
		char *text = rig_letter("new", "new@x", NULL, 10);

		OK(rig_deliver(rig, text, 0, &to, 1));
		free(text);
		came++;
		assert_true(to.uid > last);
		last = to.uid;
		assert_int_equal(look(rig, archive), came);
		buf_clear(&feed.rows);
		feed.since = 1;
		OK(changes_page(rig->r, &feed, &rig->eb));
		assert_int_equal(feed.total, came);
		step(&s);
	}
	newest = feed.until;
	assert_int_equal(look(rig, archive), came + N);
	assert_true(op.to_uids.r[0].first > last);
	/* Who was up to date before is told of exactly these, in pages of the size asked. */
	feed.since = newest;
	feed.limit = 100;
	for (unsigned n = 0;;) {
		struct arena a = { 0 };
		struct store_row row;
		struct span in;

		buf_clear(&feed.rows);
		feed.more = false;
		OK(changes_page(rig->r, &feed, &rig->eb));
		in = (struct span){ feed.rows.data, feed.rows.len };
		for (unsigned k = 0; row_read(&in, &row, &a) == ERR_OK; n++, k++) {
			assert_true(k <= BULK_STEP + 100);
			assert_true(row.uid >= op.to_uids.r[0].first);
		}
		arena_fini(&a);
		feed.since = feed.until;
		if (!feed.more) {
			assert_int_equal(n, N);
			break;
		}
	}
	step_until(&s, BULK_DONE);
	/* And the source's follower of what left, whether its rows are swept or not. */
	feed.fid = (uint64_t)rig->inbox;
	feed.since = newest;
	OK(changes_page(rig->r, &feed, &rig->eb));
	assert_int_equal(runs_count(&feed.gone), N);
	buf_fini(&feed.rows);
	runs_fini(&feed.gone);
	copy_over(&op);
	assert_nothing_left(rig);
}

/* As if so many letters had come that all room below the copy is taken. */
static enum err grow(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct copy_op *op = arg;
	struct folder_row *f;
	enum err e = tx_folder(tx, op->to.mbx, op->into, &f, eb);

	if (e == ERR_OK) {
		tx_touch(tx, &f->row);
		f->v.uidnext = op->first;
	}
	return e;
}

/* More letters than there is room for: the copy begins anew, behind them. */
static void test_the_target_grows_too_fast(void **state)
{
	struct rig *rig = *state;
	int64_t archive = rig_fid(rig, "Archive");
	struct copy_op op = copying(rig, rig->inbox, "Archive", false);
	struct stepping s = { rig, copy, &op.bulk };
	enum { N = BULK_STEP + 1 };

	fill(rig, N);
	assert_true(step(&s));
	assert_int_equal(op.bulk.at.phase, BULK_GATHER);
	assert_true(step(&s));
	OK(rig_run(rig, grow, &op));
	{
		struct deliver_to to = { .mbx = rig->mbx, .fid = archive };
		char *text = rig_letter("new", "new@x", NULL, 10);

		OK(rig_deliver(rig, text, 0, &to, 1));
		free(text);
		assert_true(to.uid > op.first);
	}
	assert_int_equal(look(rig, archive), 1);
	while (step(&s))
		;
	assert_true(op.bulk.has_happened);
	assert_int_equal(op.bulk.at.tries, 1);
	assert_int_equal(look(rig, archive), N + 1);
	copy_over(&op);
	assert_nothing_left(rig);
}

static void test_quota(void **state)
{
	struct rig *rig = *state;
	struct copy_op op = copying(rig, rig->inbox, "INBOX", false);
	struct provision_op p = { .guid = rig->ann };
	struct open_op o = { .mailbox = rig->ann, .principal = rig->ann, .mbx = rig->mbx };
	enum { N = 2 * BULK_STEP };

	fill(rig, N);
	OK(mailbox_open(rig->r, &o, &rig->eb));
	p.quotas = (struct quotas){ 0, 0, (int64_t)o.info.size * 7 / 4 };
	OK(rig_run(rig, mailbox_provision, &p));
	tx_shrink(&rig->tx);
	assert_int_equal(rig_bulk(rig, copy, &op.bulk), ERR_LIMIT);
	assert_int_equal(look(rig, rig->inbox), N);
	assert_nothing_left(rig);
	copy_over(&op);
	/* Links cost nothing. */
	OK(rig_copy(rig, rig->inbox, all_uids, "Archive", false));
	assert_int_equal(look(rig, rig_fid(rig, "Archive")), N);
}

/* Into another mailbox of the database: items of their own, keywords by name, its
 * quota, its owner's rights. */
static void test_another_mailbox(void **state)
{
	struct rig *rig = *state;
	static const char *const kw[] = { "$Work", "blue", NULL };
	struct guid bob = guid_make();
	int64_t ann_mbx = rig->mbx, bob_mbx = rig_provision(rig, &bob);
	enum { N = BULK_STEP + 20 };
	struct copy_op op;

	fill(rig, N);
	OK(rig_flags(rig, rig->inbox, (struct uid_range){ 2, 2 }, FLAGS_ADD, FLAG_FLAGGED, kw));
	op = copying(rig, rig->inbox, "Inbox", true);
	op.to = (struct who){ .mbx = bob_mbx, .mailbox = bob, .principal = rig->ann };
	assert_int_equal(rig_bulk(rig, copy, &op.bulk), ERR_NOTFOUND);	/* no rights there */
	assert_int_equal(look(rig, rig->inbox), N);
	copy_over(&op);
	op = copying(rig, rig->inbox, "Inbox", true);
	op.to = (struct who){ .mbx = bob_mbx, .mailbox = bob };
	OK(rig_bulk(rig, copy, &op.bulk));
	assert_int_equal(look(rig, rig->inbox), 0);
	copy_over(&op);
	assert_nothing_left(rig);
	rig->mbx = bob_mbx;
	{
		struct guid ann = rig->ann;
		char text[64];
		struct fetch_op f;
		struct uid_range second;
		struct arena a = { 0 };
		struct store_row row;
		struct span in;
		struct runs runs = { NULL, 0, 0 };
		int64_t inbox = rig_fid(rig, "INBOX");

		rig->ann = bob;
		assert_int_equal(look(rig, inbox), N);
		OK(runs_load(rig->r, bob_mbx, inbox, &runs, &rig->eb));
		second = (struct uid_range){ runs.r[0].first + 1, runs.r[0].first + 1 };
		f = (struct fetch_op){ .who = rig_who(rig), .fid = (uint64_t)inbox,
				       .uids = &second, .n_uids = 1,
				       .columns = COL_FLAGS | COL_KEYWORDS };
		buf_init(&f.rows, 1 << 20);
		OK(message_fetch(rig->r, &f, &rig->eb));
		in = (struct span){ f.rows.data, f.rows.len };
		OK(row_read(&in, &row, &a));
		snprintf(text, sizeof(text), "%u %zu %.*s", row.flags, row.n_keywords,
			 row.n_keywords ? (int)row.keywords[0].n : 0,
			 row.n_keywords ? row.keywords[0].p : "");
		assert_string_equal(text, "32 2 $Work");
		arena_fini(&a);
		buf_fini(&f.rows);
		runs_fini(&f.gone);
		runs_fini(&runs);
		rig->ann = ann;
	}
	rig->mbx = ann_mbx;
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down_checked)
	const struct CMUnitTest tests[] = {
		T(test_sizes_around_a_step),
		T(test_killed_after_each_step),
		T(test_expunge_is_whole),
		T(test_deliveries_in_between),
		T(test_the_target_grows_too_fast),
		T(test_quota),
		T(test_another_mailbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
