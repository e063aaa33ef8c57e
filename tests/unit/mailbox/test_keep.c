#include "tests/unit/mailbox/rig.h"

#include "roles/mailbox/dumpster.h"
#include "roles/mailbox/keep.h"
#include "roles/mailbox/stat.h"

enum { HOUR = 3600 * 1000 };
static const int64_t day = INT64_C(24) * HOUR;

DB_SQL(q_contents, "SELECT count(*) FROM content");
DB_SQL(q_chunks, "SELECT count(*) FROM content_chunk");
DB_SQL(q_items, "SELECT count(*) FROM item");
DB_SQL(q_msgrefs, "SELECT count(*) FROM msgref");
DB_SQL(q_mailboxes, "SELECT count(*) FROM mailbox WHERE state != 4");
DB_SQL(q_tombs, "SELECT count(*) FROM tombstone WHERE kind = 1");
DB_SQL(q_size, "SELECT size_live FROM mailbox WHERE mbx = 1");
DB_SQL(q_dumpster_size, "SELECT size_dumpster FROM mailbox WHERE mbx = 1");
DB_SQL(q_seq, "SELECT commit_seq FROM database");

static int64_t ask(struct rig *rig, const struct db_sql *q)
{
	int64_t n = -1;

	OK(db_get_int(rig->r, q, &n, &rig->eb, ""));
	return n;
}

/* A round of the housekeeper at this time; returns the mailboxes that went. */
static unsigned keep(struct rig *rig)
{
	struct keep_op op = { .keep_deleted_ms = 14 * day, .keep_mailbox_ms = 30 * day };
	unsigned gone = 0;

	do {
		OK(rig_run(rig, keep_step, &op));
		gone += op.gone_mbx != 0;
	} while (op.more);
	return gone;
}

static struct dumpster_op list(struct rig *rig, struct arena *a, uint32_t limit)
{
	struct dumpster_op op = { .who = rig_who(rig), .arena = a, .limit = limit };

	OK(dumpster_list(rig->r, &op, &rig->eb));
	return op;
}

static void test_restore(void **state)
{
	struct rig *rig = *state;
	struct arena a = { 0 };
	struct dumpster_op d;
	struct restore_op r = { .who = rig_who(rig) };
	int64_t before;
	uint64_t mids[3];

	rig_fill(rig, 4);
	before = ask(rig, &q_size);
	OK(rig_expunge(rig, rig->inbox, (struct uid_range){ 1, 3 }, true));
	assert_true(ask(rig, &q_size) < before);
	d = list(rig, &a, 2);
	assert_int_equal(d.n, 2);
	assert_true(d.more);
	d = list(rig, &a, 0);
	assert_int_equal(d.n, 3);
	assert_string_equal(d.items[0].folder, "INBOX");
	assert_string_equal(d.items[0].subject, "fill");
	mids[0] = d.items[0].mid;
	mids[1] = d.items[2].mid;
	mids[2] = 987654;	/* nobody's */
	r.mids = mids;
	r.n_mids = 3;
	OK(rig_run(rig, dumpster_restore, &r));
	assert_int_equal(r.restored, 2);
	assert_folder(rig->inbox, "4:0 5:0 6:0");	/* never an old uid */
	d = list(rig, &a, 0);
	assert_int_equal(d.n, 1);
	r.to_fid = (uint64_t)rig_fid(rig, "Archive");
	mids[0] = d.items[0].mid;
	OK(rig_run(rig, dumpster_restore, &r));
	assert_int_equal(r.restored, 1);
	assert_int_equal(ask(rig, &q_size), before);
	assert_int_equal(ask(rig, &q_dumpster_size), 0);
	arena_fini(&a);
}

static void test_restore_when_the_folder_is_gone(void **state)
{
	struct rig *rig = *state;
	struct folder_op f = { .who = rig_who(rig), .path = "tmp" };
	struct arena a = { 0 };
	struct dumpster_op d;
	struct restore_op r = { .who = rig_who(rig), .n_mids = 1 };

	rig_fill(rig, 1);
	OK(rig_run(rig, folder_create, &f));
	OK(rig_copy(rig, rig->inbox, all_uids, "tmp", true));
	OK(rig_run(rig, folder_delete, &f));
	d = list(rig, &a, 0);
	assert_int_equal(d.n, 1);
	assert_string_equal(d.items[0].folder, "");
	r.mids = &d.items[0].mid;
	OK(rig_run(rig, dumpster_restore, &r));
	assert_folder(rig->inbox, "2:0");
	arena_fini(&a);
}

static void test_deleted_messages_are_let_go(void **state)
{
	struct rig *rig = *state;

	rig_fill(rig, 250);
	OK(rig_copy(rig, rig->inbox, (struct uid_range){ 1, 1 }, "Archive", false));
	OK(rig_expunge(rig, rig->inbox, all_uids, true));
	rig->now_ms += 13 * day;
	keep(rig);
	assert_int_equal(ask(rig, &q_items), 250);
	rig->now_ms += day + 1;
	keep(rig);
	assert_int_equal(ask(rig, &q_items), 1);	/* the one that is linked */
	assert_int_equal(ask(rig, &q_msgrefs), 1);
	assert_int_equal(ask(rig, &q_contents), 250);	/* their hour begins */
	assert_int_equal(ask(rig, &q_dumpster_size), 0);
	rig->now_ms += HOUR + 1;
	keep(rig);
	assert_int_equal(ask(rig, &q_contents), 1);
	assert_int_equal(ask(rig, &q_chunks), 1);
}

/* The same bytes come again within the hour: the content is taken up, not made. */
static void test_content_is_taken_up_again(void **state)
{
	struct rig *rig = *state;
	struct deliver_to to = { .mbx = rig->mbx };
	char *text = rig_letter("again", "1@x", NULL, 10);

	OK(rig_deliver(rig, text, 0, &to, 1));
	OK(rig_expunge(rig, rig->inbox, all_uids, true));
	rig->now_ms += 14 * day + 1;
	keep(rig);
	assert_int_equal(ask(rig, &q_items), 0);
	OK(rig_deliver(rig, text, 0, &to, 1));
	assert_int_equal(ask(rig, &q_contents), 1);
	rig->now_ms += 2 * HOUR;
	keep(rig);
	assert_int_equal(ask(rig, &q_contents), 1);
	free(text);
}

static struct content *half(struct rig *rig, size_t n)
{
	struct content *c = content_new(rig->z);
	char *fill = xcalloc(1, n);

	for (size_t i = 0; i < n; i++)
		fill[i] = (char)('a' + i * i % 23);
	OK(content_feed(c, fill, n));
	free(fill);
	return c;
}

struct staging {
	const struct content *c;
	int64_t bid, staged;
};

static enum err stage(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct staging *s = arg;

	return content_stage(tx, s->c, &s->bid, eb);
}

static enum err store(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct staging *s = arg;

	return content_store(tx, s->c, s->staged, 1, &s->bid, eb);
}

static void test_staged_content(void **state)
{
	struct rig *rig = *state;
	struct staging a = { .c = half(rig, 600000) }, b = { .c = half(rig, 600000) };
	struct staging lost = { .c = half(rig, 300000) };

	OK(rig_run(rig, stage, &a));
	assert_int_equal(ask(rig, &q_chunks), 2);
	OK(rig_run(rig, stage, &b));
	content_staged((struct content *)a.c);
	content_staged((struct content *)b.c);
	OK(content_finish((struct content *)a.c));
	OK(content_finish((struct content *)b.c));
	a.staged = a.bid;
	b.staged = b.bid;
	OK(rig_run(rig, store, &a));
	assert_int_equal(a.bid, a.staged);
	/* The second finds the first, and its own chunks are the collector's. */
	OK(rig_run(rig, store, &b));
	assert_int_equal(b.bid, a.bid);
	OK(rig_run(rig, stage, &lost));
	assert_int_equal(ask(rig, &q_contents), 3);
	rig->now_ms += 2 * HOUR;
	keep(rig);
	assert_int_equal(ask(rig, &q_contents), 2);	/* an upload may be slow */
	rig->now_ms += day;
	keep(rig);
	assert_int_equal(ask(rig, &q_contents), 1);
	assert_int_equal(ask(rig, &q_chunks), 3);
	content_free((struct content **)&a.c);
	content_free((struct content **)&b.c);
	content_free((struct content **)&lost.c);
	OK(db_exec(rig->w, "DELETE FROM content; DELETE FROM content_chunk", &rig->eb));
}

static void test_a_disconnected_mailbox(void **state)
{
	struct rig *rig = *state;
	struct guid g = guid_make(), h = guid_make(), i = guid_make();
	int64_t kept = rig_provision(rig, &g), taken = rig_provision(rig, &h);
	struct state_op off = { .mbx = kept }, back = { .mbx = kept, .as = h };
	struct deliver_to to = { .mbx = kept };
	char *text = rig_letter("x", "1@x", NULL, 10);

	OK(rig_deliver(rig, text, 0, &to, 1));
	assert_int_equal(rig_run(rig, mailbox_reconnect, &back), ERR_EXISTS);	/* it is live */
	OK(rig_run(rig, mailbox_disconnect, &off));
	OK(rig_deliver(rig, text, 0, &to, 1));
	assert_int_equal(to.status, ERR_NOTFOUND);
	rig->now_ms += 29 * day;
	assert_int_equal(keep(rig), 0);
	/* h has a mailbox already, but nothing is in it: it makes room. */
	OK(rig_run(rig, mailbox_reconnect, &back));
	assert_int_equal(back.replaced, taken);
	OK(rig_deliver(rig, text, 0, &to, 1));
	assert_int_equal(to.status, ERR_OK);
	assert_int_equal(to.uid, 2);
	/* One with something in it does not. */
	OK(rig_run(rig, mailbox_disconnect, &off));
	back.as = rig->ann;
	rig_fill(rig, 1);
	assert_int_equal(rig_run(rig, mailbox_reconnect, &back), ERR_EXISTS);
	back.as = i;
	OK(rig_run(rig, mailbox_reconnect, &back));
	free(text);
}

static void test_a_mailbox_is_purged(void **state)
{
	struct rig *rig = *state;
	struct guid g = guid_make();
	int64_t gone = rig_provision(rig, &g);
	struct state_op off = { .mbx = gone };

	for (int i = 0; i < 120; i++) {
		struct deliver_to to = { .mbx = gone };
		char id[20], *text;

		snprintf(id, sizeof(id), "%d@p", i);
		text = rig_letter("x", id, NULL, 10);
		OK(rig_deliver(rig, text, 0, &to, 1));
		free(text);
	}
	rig_fill(rig, 2);
	OK(rig_run(rig, mailbox_disconnect, &off));
	rig->now_ms += 31 * day;
	assert_int_equal(keep(rig), 1);
	assert_int_equal(ask(rig, &q_mailboxes), 1);
	assert_int_equal(ask(rig, &q_items), 2);
	/* Its number is not given to another: `delivered` knows mailboxes by it. */
	assert_true(rig_provision(rig, &g) > gone);
	rig->now_ms += 2 * HOUR;
	keep(rig);
	assert_int_equal(ask(rig, &q_contents), 2);
}

static void test_history_is_trimmed(void **state)
{
	struct rig *rig = *state;
	struct changes_op c = { .who = rig_who(rig), .fid = (uint64_t)rig->inbox };

	OK(db_exec(rig->w,
		   "INSERT INTO tombstone(mbx, fid, cn, seq, kind, mid, uid, iid, cn_created)"
		   " WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 53000)"
		   " SELECT 1, (SELECT fid FROM folder WHERE role = 'inbox'), i, 0, 1, i, i, i, 0"
		   " FROM n; UPDATE mailbox SET next_cn = 60000", &rig->eb));
	tx_shrink(&rig->tx);
	keep(rig);
	assert_true(ask(rig, &q_tombs) <= TOMBS_MAX);
	assert_true(ask(rig, &q_tombs) > TOMBS_MAX - 3000);
	buf_init(&c.rows, 1 << 16);
	c.since = 10;
	OK(changes_page(rig->r, &c, &rig->eb));
	assert_true(c.reset);
	buf_fini(&c.rows);
	runs_fini(&c.gone);
	OK(db_exec(rig->w, "DELETE FROM tombstone", &rig->eb));
}

/* A round with nothing to do writes nothing: an idle server's disk sleeps. */
static void test_an_idle_round_writes_nothing(void **state)
{
	struct rig *rig = *state;
	int64_t seq;

	rig_fill(rig, 3);
	keep(rig);
	seq = ask(rig, &q_seq);
	keep(rig);
	assert_int_equal(ask(rig, &q_seq), seq);
}

static void test_check_finds_and_mends(void **state)
{
	struct rig *rig = *state;
	static char text[CHECK_FINDINGS][CHECK_TEXT];
	struct check_op op = { .findings = text };

	rig_fill(rig, 5);
	OK(db_exec(rig->w,
		   "UPDATE folder SET n_total = 99, n_unread = 1, size = 5, n_deleted = 3;"
		   "UPDATE mailbox SET size_live = 1, n_items = 77;"
		   "UPDATE content SET refs = refs + 1; DELETE FROM uid_run", &rig->eb));
	tx_shrink(&rig->tx);
	OK(rig_run(rig, check_database, &op));
	assert_true(op.n >= 9);
	assert_int_equal(op.fixed, 0);
	assert_int_equal(op.items, 5);
	op.fix = true;
	OK(rig_run(rig, check_database, &op));
	assert_int_equal(op.fixed, op.n);
	rig_check(rig);
	rig_fill(rig, 1);	/* the counters in memory were read anew */
	assert_folder(rig->inbox, "1:0 2:0 3:0 4:0 5:0 6:0");
}

static void test_figures(void **state)
{
	struct rig *rig = *state;
	struct arena a = { 0 };
	struct mailbox_stat_op m = { .folders = { .who = rig_who(rig), .arena = &a } };
	struct database_stat_op d = { .path = rig->path };
	struct list_messages_op l = { .who = rig_who(rig), .arena = &a, .limit = 3 };
	struct peek_op p = { .who = rig_who(rig), .zpool = rig->z };

	rig_fill(rig, 5);
	OK(rig_copy(rig, rig->inbox, (struct uid_range){ 5, 5 }, "Archive", true));
	OK(stat_mailbox(rig->r, &m, &rig->eb));
	assert_int_equal(m.items, 5);
	assert_int_equal(m.folders.result.n, 6);
	OK(stat_database(rig->r, &d, &rig->eb));
	assert_int_equal(d.mailboxes, 1);
	assert_true(d.file_bytes > 0);
	OK(stat_messages(rig->r, &l, &rig->eb));
	assert_int_equal(l.n, 3);
	assert_string_equal(l.lines[0].folder, "Archive");
	assert_string_equal(l.lines[0].message_id, "4@fill");
	assert_int_equal(l.lines[1].uid, 4);
	l = (struct list_messages_op){ .who = rig_who(rig), .arena = &a, .path = "inbox",
				       .before_uid = 3 };
	OK(stat_messages(rig->r, &l, &rig->eb));
	assert_int_equal(l.n, 2);
	buf_init(&p.data, CONTENT_CHUNK);
	OK(stat_peek(rig->r, &p, &rig->eb));
	assert_int_equal(p.uid, 4);
	assert_int_equal(p.data.len, p.size);
	buf_clear(&p.data);
	p.uid = 77;
	assert_int_equal(stat_peek(rig->r, &p, &rig->eb), ERR_NOTFOUND);
	buf_fini(&p.data);
	arena_fini(&a);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down_checked)
	const struct CMUnitTest tests[] = {
		T(test_restore),
		T(test_restore_when_the_folder_is_gone),
		T(test_deleted_messages_are_let_go),
		T(test_content_is_taken_up_again),
		T(test_staged_content),
		T(test_a_disconnected_mailbox),
		T(test_a_mailbox_is_purged),
		T(test_history_is_trimmed),
		T(test_an_idle_round_writes_nothing),
		T(test_check_finds_and_mends),
		T(test_figures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
