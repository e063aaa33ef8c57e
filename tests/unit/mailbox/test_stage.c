#include "tests/unit/mailbox/rig.h"

#include "roles/mailbox/keep.h"
#include "roles/mailbox/stage.h"

/* Batches of messages: staged one by one, placed all at once or not at all. */

static struct guid a_batch(uint8_t n)
{
	return (struct guid){ { 1, 2, 3, n } };
}

static enum err put(struct rig *rig, struct stage_op *op, const char *subject)
{
	/* All are answers to the first. */
	const char *refs = strcmp(subject, "b1.0") == 0 ? NULL : "<b1.0>";
	char *text = rig_letter(subject, subject, refs, 40);
	struct content *c = rig_content(rig, text, strlen(text));
	enum err e;

	op->content = c;
	e = rig_run(rig, stage, op);
	content_free(&c);
	free(text);
	return e;
}

static struct stage_op stage_of(struct rig *rig, uint8_t batch, uint32_t ord)
{
	return (struct stage_op){ .who = rig_who(rig), .fid = (uint64_t)rig->inbox,
				  .batch = a_batch(batch), .ord = ord };
}

static enum err put_n(struct rig *rig, uint8_t batch, uint32_t n)
{
	enum err e = ERR_OK;

	for (uint32_t i = 0; e == ERR_OK && i < n; i++) {
		struct stage_op op = stage_of(rig, batch, i);
		char subject[40];

		snprintf(subject, sizeof(subject), "b%u.%u", batch, i);
		e = put(rig, &op, subject);
	}
	return e;
}

static struct place_op place_of(struct rig *rig, uint8_t batch, uint32_t n)
{
	return (struct place_op){ .who = rig_who(rig), .fid = (uint64_t)rig->inbox,
				  .batch = a_batch(batch), .n = n };
}

DB_SQL(q_staged, "SELECT count(*) FROM staged");
DB_SQL(q_placed, "SELECT count(*) FROM placed");
DB_SQL(q_staged_size, "SELECT size FROM staged LIMIT 1");
DB_SQL(q_contents, "SELECT count(*) FROM content");
DB_SQL(q_refs, "SELECT sum(refs) FROM content");
DB_SQL(q_loose, "SELECT count(*) FROM content WHERE refs = 0 AND zero_at IS NOT NULL");
DB_SQL(q_again, "SELECT date_recv FROM item WHERE subject = 'again'");
DB_SQL(q_undated, "SELECT date_recv FROM item WHERE subject = 'b1.2'");
DB_SQL(q_summaries,
       "SELECT count(*) FROM item WHERE from_addr = 'ann@example.org' AND to_text ="
       " 'bob@example.org' AND date_sent = 1696240800000");
DB_SQL(q_threads, "SELECT count(DISTINCT thread_id) FROM item WHERE subject != 'fill'");
DB_SQL(q_dumpster, "SELECT count(*) FROM dumpster");
DB_SQL(q_tombs, "SELECT count(*) FROM tombstone");
DB_SQL(q_live, "SELECT size_live FROM mailbox");

static int64_t ask(struct rig *rig, const struct db_sql *q)
{
	int64_t v = -1;

	OK(db_get_int(rig->r, q, &v, &rig->eb, ""));
	return v;
}

static void test_a_batch_has_its_place(void **state)
{
	static const char *const kw[] = { "todo", "Later", NULL };
	struct rig *rig = *state;
	struct stage_op op = stage_of(rig, 1, 1);
	struct place_op p = place_of(rig, 1, 3);

	rig_fill(rig, 1);
	OK(put_n(rig, 1, 3));
	op.flags = FLAG_SEEN | FLAG_DELETED;
	op.keywords = kw;
	op.internal_ms = 12345000;
	OK(put(rig, &op, "again"));		/* in the place of the one before */
	assert_int_equal(ask(rig, &q_staged), 3);
	assert_int_equal(ask(rig, &q_loose), 4);
	assert_folder(rig->inbox, "1:0");
	OK(rig_run(rig, place, &p));
	assert_false(p.repeat);
	assert_int_equal(p.uid, 2);
	assert_folder(rig->inbox, "1:0 2:0 3:65[todo,Later] 4:0");
	assert_int_equal(ask(rig, &q_staged), 0);
	assert_int_equal(ask(rig, &q_loose), 1);
	assert_int_equal(ask(rig, &q_again), 12345000);
	assert_int_equal(ask(rig, &q_undated), rig->now_ms);
	assert_int_equal(ask(rig, &q_summaries), 4);
	assert_int_equal(ask(rig, &q_threads), 1);	/* they answer the same one */
}

static void test_the_answer_is_given_again(void **state)
{
	struct rig *rig = *state;
	struct place_op p = place_of(rig, 1, 2), again = p, other = place_of(rig, 1, 1);

	OK(put_n(rig, 1, 2));
	OK(rig_run(rig, place, &p));
	rig_fill(rig, 1);
	OK(rig_run(rig, place, &again));
	assert_true(again.repeat);
	assert_int_equal(again.uid, p.uid);
	assert_int_equal(again.uidvalidity, p.uidvalidity);
	assert_int_equal(again.modseq, p.modseq);
	assert_folder(rig->inbox, "1:0 2:0 3:0");
	assert_int_equal(rig_run(rig, place, &other), ERR_STALE);
}

static void test_all_or_nothing(void **state)
{
	struct rig *rig = *state;
	struct place_op p = place_of(rig, 1, 3);
	struct stage_op far = stage_of(rig, 1, 3), many = stage_of(rig, 1, STAGE_MAX);

	assert_int_equal(rig_run(rig, place, &p), ERR_STALE);	/* nothing at all */
	OK(put_n(rig, 1, 2));
	assert_int_equal(rig_run(rig, place, &p), ERR_STALE);	/* one is missing */
	OK(put(rig, &far, "far"));
	assert_int_equal(rig_run(rig, place, &p), ERR_STALE);	/* a gap */
	p.n = 2;
	assert_int_equal(rig_run(rig, place, &p), ERR_STALE);	/* one too many */
	p.n = 0;
	assert_int_equal(rig_run(rig, place, &p), ERR_INVALID);
	p.n = STAGE_MAX + 1;
	assert_int_equal(rig_run(rig, place, &p), ERR_INVALID);
	assert_int_equal(put(rig, &many, "many"), ERR_LIMIT);
	assert_folder(rig->inbox, "");
	assert_int_equal(ask(rig, &q_staged), 3);
}

static void test_it_is_its_owners(void **state)
{
	struct rig *rig = *state;
	struct guid bob = guid_make();
	struct place_op p = place_of(rig, 1, 1);
	struct stage_op op = stage_of(rig, 2, 0);

	OK(put_n(rig, 1, 1));
	p.who.principal = bob;
	assert_int_equal(rig_run(rig, place, &p), ERR_NOTFOUND);	/* no rights */
	p.who.principal = (struct guid){ { 0 } };	/* all rights, but it is not its own */
	assert_int_equal(rig_run(rig, place, &p), ERR_STALE);
	op.who.principal = bob;
	assert_int_equal(put(rig, &op, "bob"), ERR_NOTFOUND);
	op = stage_of(rig, 2, 0);
	op.fid = 999;
	assert_int_equal(put(rig, &op, "nowhere"), ERR_NOTFOUND);
	OK(put_n(rig, 3, 1));
	p = place_of(rig, 3, 1);
	p.fid = 999;
	assert_int_equal(rig_run(rig, place, &p), ERR_NOTFOUND);
}

static void test_one_goes_for_it(void **state)
{
	struct rig *rig = *state;
	struct place_op p = place_of(rig, 1, 1);

	rig_fill(rig, 3);
	OK(put_n(rig, 1, 1));
	p.replace_fid = (uint64_t)rig->inbox;
	p.replace_uid = 9;
	assert_int_equal(rig_run(rig, place, &p), ERR_NOTFOUND);
	assert_folder(rig->inbox, "1:0 2:0 3:0");
	p.replace_uid = 2;
	OK(rig_run(rig, place, &p));
	assert_folder(rig->inbox, "1:0 3:0 4:0");
	assert_int_equal(ask(rig, &q_dumpster), 1);
	assert_int_equal(ask(rig, &q_tombs), 1);
}

static void set_quota(struct rig *rig, int64_t bytes)
{
	struct provision_op op = { .guid = rig->ann, .quotas = { -1, -1, bytes } };

	OK(rig_run(rig, mailbox_provision, &op));
}

static void test_quota(void **state)
{
	struct rig *rig = *state;
	struct place_op p = place_of(rig, 1, 3);
	int64_t one, live;

	rig_fill(rig, 1);
	OK(put_n(rig, 2, 1));
	one = ask(rig, &q_staged_size);
	set_quota(rig, ask(rig, &q_live) + 3 * one);
	assert_int_equal(put_n(rig, 1, 4), ERR_LIMIT);	/* the fourth */
	live = ask(rig, &q_live);
	rig_fill(rig, 1);				/* meanwhile */
	live = ask(rig, &q_live) - live;
	assert_int_equal(rig_run(rig, place, &p), ERR_LIMIT);
	assert_folder(rig->inbox, "1:0 2:0");
	/* The one that goes makes room. */
	set_quota(rig, ask(rig, &q_live) + 3 * one - live);
	p.replace_fid = (uint64_t)rig->inbox;
	p.replace_uid = 2;
	OK(rig_run(rig, place, &p));
	assert_folder(rig->inbox, "1:0 3:0 4:0 5:0");
}

static void run_keeper(struct rig *rig)
{
	struct keep_op k = { .keep_deleted_ms = 1000000000, .keep_mailbox_ms = 1000000000 };

	for (int i = 0; i < 20; i++)
		OK(rig_run(rig, keep_step, &k));
}

static void test_it_is_forgotten(void **state)
{
	struct rig *rig = *state;
	struct place_op p = place_of(rig, 1, 2), done = place_of(rig, 2, 1);

	OK(put_n(rig, 1, 2));
	OK(put_n(rig, 2, 1));
	OK(rig_run(rig, place, &done));
	rig->now_ms += STAGE_MS - 1;
	run_keeper(rig);
	assert_int_equal(ask(rig, &q_staged), 2);
	rig->now_ms += 1;
	assert_int_equal(rig_run(rig, place, &p), ERR_STALE);
	rig->now_ms += 1;
	run_keeper(rig);
	assert_int_equal(ask(rig, &q_staged), 0);
	assert_int_equal(ask(rig, &q_placed), 0);
	assert_int_equal(ask(rig, &q_contents), 3);
	rig->now_ms += 3600 * 1000;
	run_keeper(rig);
	assert_int_equal(ask(rig, &q_contents), 1);
}

/* Content that others have lives as long as they; staged, it lives on after them. */
static void test_shared_content(void **state)
{
	struct rig *rig = *state;
	struct stage_op op = stage_of(rig, 1, 0);
	struct place_op p = place_of(rig, 1, 1), q = place_of(rig, 2, 1);

	OK(put(rig, &op, "same"));
	op.batch = a_batch(2);
	OK(put(rig, &op, "same"));
	assert_int_equal(ask(rig, &q_contents), 1);
	OK(rig_run(rig, place, &p));
	OK(rig_expunge(rig, rig->inbox, all_uids, true));
	OK(rig_run(rig, place, &q));
	assert_folder(rig->inbox, "2:0");
	assert_int_equal(ask(rig, &q_refs), 2);
}

static void test_damaged_row(void **state)
{
	struct rig *rig = *state;
	struct place_op p = place_of(rig, 1, 1);

	OK(put_n(rig, 1, 1));
	OK(db_exec(rig->w, "UPDATE staged SET summary = substr(summary, 1, length(summary) - 3)",
		   &rig->eb));
	assert_int_equal(rig_run(rig, place, &p), ERR_CORRUPT);
	OK(db_exec(rig->w, "DELETE FROM staged", &rig->eb));
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, rig_up, rig_down_checked)
	const struct CMUnitTest tests[] = {
		T(test_a_batch_has_its_place),
		T(test_the_answer_is_given_again),
		T(test_all_or_nothing),
		T(test_it_is_its_owners),
		T(test_one_goes_for_it),
		T(test_quota),
		T(test_it_is_forgotten),
		T(test_shared_content),
		T(test_damaged_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
