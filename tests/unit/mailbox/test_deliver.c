#include "tests/unit/mailbox/rig.h"

#include "roles/mailbox/dumpster.h"

DB_SQL(q_contents, "SELECT count(*) FROM content WHERE state = 1");
DB_SQL(q_refs_of_one, "SELECT refs FROM content WHERE state = 1");
DB_SQL(q_delivered, "SELECT count(*) FROM delivered");
DB_SQL(q_threads, "SELECT count(DISTINCT coalesce(thread_id, rid)) FROM item");
DB_SQL(q_set_quota, "UPDATE mailbox SET quota_recv = ?2 WHERE mbx = ?1");

static int64_t ask(struct rig *rig, const struct db_sql *q)
{
	int64_t n = -1;

	OK(db_get_int(rig->r, q, &n, &rig->eb, ""));
	return n;
}

static void test_a_repeat_gets_the_first_result(void **state)
{
	struct rig *rig = *state;
	struct deliver_to a = { .mbx = rig->mbx }, b = { .mbx = rig->mbx }, c = { .mbx = rig->mbx };
	char *text = rig_letter("once", "1@x", NULL, 10);

	OK(rig_deliver(rig, text, 7, &a, 1));
	OK(rig_deliver(rig, text, 7, &b, 1));
	assert_false(a.repeat);
	assert_true(b.repeat);
	assert_int_equal(b.status, ERR_OK);
	assert_int_equal(b.mid, a.mid);
	assert_int_equal(b.uid, a.uid);
	assert_folder(rig->inbox, "1:0");
	/* The same bytes under another identity are another letter. */
	OK(rig_deliver(rig, text, 8, &c, 1));
	assert_false(c.repeat);
	assert_folder(rig->inbox, "1:0 2:0");
	assert_int_equal(ask(rig, &q_contents), 1);
	assert_int_equal(ask(rig, &q_refs_of_one), 2);
	free(text);
}

/* After it was read, moved and expunged, too: `delivered` remembers, not the row. */
static void test_a_repeat_after_the_reader_deleted_it(void **state)
{
	struct rig *rig = *state;
	struct deliver_to a = { .mbx = rig->mbx }, b = { .mbx = rig->mbx };
	char *text = rig_letter("once", "1@x", NULL, 10);

	OK(rig_deliver(rig, text, 7, &a, 1));
	OK(rig_expunge(rig, rig->inbox, all_uids, true));
	OK(rig_deliver(rig, text, 7, &b, 1));
	assert_true(b.repeat);
	assert_int_equal(b.mid, a.mid);
	assert_int_equal(b.uid, 0);
	assert_folder(rig->inbox, "");
	free(text);
}

static void test_a_second_part_of_the_recipients(void **state)
{
	struct rig *rig = *state;
	struct guid g = guid_make();
	int64_t other = rig_provision(rig, &g);
	struct deliver_to first = { .mbx = rig->mbx };
	struct deliver_to both[3] = { { .mbx = rig->mbx }, { .mbx = other }, { .mbx = other } };
	char *text = rig_letter("list", "1@x", NULL, 10);

	OK(rig_deliver(rig, text, 9, &first, 1));
	OK(rig_deliver(rig, text, 9, both, 3));
	assert_true(both[0].repeat);
	assert_false(both[1].repeat);
	assert_true(both[2].repeat);	/* named twice */
	assert_int_equal(ask(rig, &q_contents), 1);
	assert_int_equal(ask(rig, &q_refs_of_one), 2);
	assert_int_equal(ask(rig, &q_delivered), 2);
	free(text);
}

static void test_who_cannot_get_it(void **state)
{
	struct rig *rig = *state;
	struct guid g = guid_make(), h = guid_make();
	int64_t full = rig_provision(rig, &g), gone = rig_provision(rig, &h);
	struct state_op off = { .mbx = gone };
	struct deliver_to to[5] = { { .mbx = 99 },
				    { .mbx = full },
				    { .mbx = gone },
				    { .mbx = rig->mbx, .fid = 4711 },
				    { .mbx = 0, .status = ERR_AGAIN } };
	struct deliver_to *t = to;
	char *text = rig_letter("x", "1@x", NULL, 500);

	OK(rig_run(rig, mailbox_disconnect, &off));
	OK(db_run(rig->w, &q_set_quota, &rig->eb, "ii", full, (int64_t)400));
	tx_shrink(&rig->tx);
	OK(rig_deliver(rig, text, 0, to, N_ELEMS(to)));
	assert_int_equal(t[0].status, ERR_NOTFOUND);
	assert_int_equal(t[1].status, ERR_LIMIT);
	assert_int_equal(t[2].status, ERR_NOTFOUND);
	assert_int_equal(t[3].status, ERR_OK);
	assert_int_equal(t[3].in_fid, rig->inbox);	/* its folder was gone */
	assert_int_equal(t[4].status, ERR_AGAIN);	/* not ours to decide */
	/* Room is made: a repeat is then no repeat. */
	OK(db_run(rig->w, &q_set_quota, &rig->eb, "ii", full, (int64_t)100000));
	tx_shrink(&rig->tx);
	OK(rig_deliver(rig, text, rig->seq, &to[1], 1));
	assert_int_equal(to[1].status, ERR_OK);
	assert_false(to[1].repeat);
	free(text);
}

static void test_done_identities_are_forgotten(void **state)
{
	struct rig *rig = *state;
	struct done_below_op below = { .origin = rig->origin, .seq = 4 };
	struct deliver_to to = { .mbx = rig->mbx };
	char *text = rig_letter("x", "1@x", NULL, 5);
	bool more = true;

	rig_fill(rig, 6);
	OK(rig_run(rig, deliver_done_below, &below));
	OK(tx_begin(&rig->tx, rig->now_ms, &rig->eb));
	while (more)
		OK(deliver_prune(&rig->tx, 2, &more, &rig->eb));
	OK(tx_commit(&rig->tx, NULL, &rig->eb));
	assert_int_equal(ask(rig, &q_delivered), 3);
	assert_int_equal(rig_deliver(rig, text, 3, &to, 1), ERR_INVALID);
	OK(rig_deliver(rig, text, 4, &to, 1));
	assert_true(to.repeat);
	/* It never goes back. */
	below.seq = 2;
	OK(rig_run(rig, deliver_done_below, &below));
	assert_int_equal(rig_deliver(rig, text, 3, &to, 1), ERR_INVALID);
	free(text);
}

static void test_threads(void **state)
{
	struct rig *rig = *state;
	static const struct {
		const char *id, *refs;
	} letters[] = {
		{ "a@x", NULL },	    { "b@x", "<a@x>" },	 { "c@x", "<a@x> <b@x>" },
		{ "late-child@x", "<p@x>" }, { "p@x", NULL },	 { "alone@x", NULL },
		{ "d@x", "<zzz@y> <c@x>" },
	};

	for (size_t i = 0; i < N_ELEMS(letters); i++) {
		struct deliver_to to = { .mbx = rig->mbx };
		char *text = rig_letter("t", letters[i].id, letters[i].refs, 5);

		OK(rig_deliver(rig, text, 0, &to, 1));
		free(text);
	}
	assert_int_equal(ask(rig, &q_threads), 3);	/* a b c d, p and its child, alone */
}

/* A part that fails takes back its numbers, also those in memory. */
static enum err fail_late(struct tx *tx, void *op, struct errbuf *eb)
{
	enum err e = deliver(tx, op, eb);

	return e ? e : ERR_LIMIT;
}

static void test_a_failed_part_leaves_no_trace(void **state)
{
	struct rig *rig = *state;
	char *text = rig_letter("x", "1@x", NULL, 5);
	struct content *c = rig_content(rig, text, strlen(text));
	struct deliver_to to = { .mbx = rig->mbx };
	struct deliver_op op = { .origin = rig->origin, .seq = 1, .content = c, .to = &to,
				 .n_to = 1 };

	OK(tx_begin(&rig->tx, rig->now_ms, &rig->eb));
	assert_int_equal(tx_part(&rig->tx, fail_late, &op, &rig->eb), ERR_LIMIT);
	OK(tx_part(&rig->tx, deliver, &op, &rig->eb));
	assert_int_equal(to.uid, 1);
	op.seq = 2;
	assert_int_equal(tx_part(&rig->tx, fail_late, &op, &rig->eb), ERR_LIMIT);
	op.seq = 3;
	OK(tx_part(&rig->tx, deliver, &op, &rig->eb));
	assert_int_equal(to.uid, 2);
	OK(tx_commit(&rig->tx, NULL, &rig->eb));
	assert_folder(rig->inbox, "1:0 2:0");
	assert_int_equal(ask(rig, &q_delivered), 2);
	content_free(&c);
	free(text);
}

static void test_append(void **state)
{
	struct rig *rig = *state;
	static const char *const kw[] = { "todo", NULL };
	char *text = rig_letter("mine", "1@x", NULL, 5);
	struct content *c = rig_content(rig, text, strlen(text));
	struct append_op op = { .who = rig_who(rig), .fid = (uint64_t)rig_fid(rig, "Drafts"),
				.flags = FLAG_SEEN | FLAG_DRAFT | FLAG_DELETED, .keywords = kw,
				.content = c };
	const struct guid stranger = guid_make();

	OK(rig_run(rig, append, &op));
	assert_folder((int64_t)op.fid, "1:73[todo]");
	op.who.principal = stranger;
	assert_int_equal(rig_run(rig, append, &op), ERR_NOTFOUND);
	op.who.principal = rig->ann;
	op.fid = 4711;
	assert_int_equal(rig_run(rig, append, &op), ERR_NOTFOUND);
	op.fid = (uint64_t)rig->inbox;
	OK(db_run(rig->w, &q_set_quota, &rig->eb, "ii", rig->mbx, (int64_t)100));
	tx_shrink(&rig->tx);
	assert_int_equal(rig_run(rig, append, &op), ERR_LIMIT);
	content_free(&c);
	free(text);
}

/* The first day: nothing is lost when the disk fills, and what was refused is whole. */
static void test_a_full_disk(void **state)
{
	struct rig *rig = *state;
	unsigned stored = 0;
	enum err e = ERR_OK;
	char want[4000] = "", *text = rig_letter("big", "1@x", NULL, 6000);

	rig_close(rig);
	rig_open(rig, 140);
	for (unsigned i = 0; e == ERR_OK && i < 500; i++) {
		struct deliver_to to = { .mbx = rig->mbx };

		free(text);
		text = rig_letter("big", "1@x", NULL, 6000 + i);
		for (size_t k = 200; k < 5800; k++)	/* so that zstd cannot help */
			text[k] = (char)('!' + (k * (k + i) * 2654435761u >> 7) % 90);
		e = rig_deliver(rig, text, 0, &to, 1);
		if (e == ERR_OK)
			sprintf(want + strlen(want), "%s%u:0", stored ? " " : "", stored + 1),
				stored++;
	}
	assert_int_equal(e, ERR_FULL);
	assert_true(stored > 2);
	assert_folder(rig->inbox, want);
	free(text);
	rig_close(rig);
	rig_open(rig, 0);
	rig_fill(rig, 1);	/* and goes on when there is room */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down_checked)
	const struct CMUnitTest tests[] = {
		T(test_a_repeat_gets_the_first_result),
		T(test_a_repeat_after_the_reader_deleted_it),
		T(test_a_second_part_of_the_recipients),
		T(test_who_cannot_get_it),
		T(test_done_identities_are_forgotten),
		T(test_threads),
		T(test_a_failed_part_leaves_no_trace),
		T(test_append),
		T(test_a_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
