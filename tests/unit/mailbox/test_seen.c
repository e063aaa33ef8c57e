/* test_seen - each reader's own \Seen in a public folder, wherever it shows */
#include "tests/unit/mailbox/rig.h"

static const struct guid sales = { { 's' } }, ann = { { 'a' } }, bob = { { 'b' } };

struct pub {
	int64_t mbx, fid;
};

static struct pub open_public(struct rig *rig, unsigned n)
{
	struct provision_op p = { .guid = sales, .public_name = "Sales", .quotas = { -1, -1, -1 } };
	struct pub out;

	OK(rig_run(rig, mailbox_provision, &p));
	out.mbx = p.mbx;
	OK(folder_by_role(rig->r, p.mbx, "inbox", &out.fid, &rig->eb));
	for (unsigned i = 0; i < n; i++) {
		struct deliver_to to = { .mbx = p.mbx };
		char id[40], *text;

		snprintf(id, sizeof(id), "%u@sales", i);
		text = rig_letter("news", id, NULL, 10);
		OK(rig_deliver(rig, text, 0, &to, 1));
		free(text);
	}
	return out;
}

static struct who as(const struct pub *p, const struct guid *who)
{
	return (struct who){ .mbx = p->mbx, .mailbox = sales, .principal = *who };
}

static void mark(struct rig *rig, const struct pub *p, const struct guid *who,
		 struct uid_range u, enum store_flags_mode mode, uint64_t *modseq)
{
	struct flags_op op = { .who = as(p, who), .fid = (uint64_t)p->fid, .uids = &u, .n_uids = 1,
			       .mode = mode, .flags = FLAG_SEEN };

	buf_init(&op.rows, 1 << 16);
	OK(rig_run(rig, flags_set, &op));
	*modseq = op.highestmodseq;
	buf_fini(&op.rows);
}

/* "1+ 2- ..." of messages above a modseq, as FETCH has them. */
static const char *fetched(struct rig *rig, const struct pub *p, const struct guid *who,
			   uint64_t since, char out[128])
{
	struct fetch_op op = { .who = as(p, who), .fid = (uint64_t)p->fid, .uids = &all_uids,
			       .n_uids = 1, .columns = COL_FLAGS | COL_MODSEQ,
			       .changed_since = since };
	struct arena a = { 0 };
	struct store_row row;
	struct span in;
	size_t n = 0;

	buf_init(&op.rows, 1 << 20);
	while (!op.done)
		OK(message_fetch(rig->r, &op, &rig->eb));
	in = (struct span){ op.rows.data, op.rows.len };
	out[0] = '\0';
	while (row_read(&in, &row, &a) == ERR_OK)
		n += (size_t)snprintf(out + n, 128 - n, "%s%u%c", n ? " " : "", row.uid,
				      row.flags & FLAG_SEEN ? '+' : '-');
	arena_fini(&a);
	buf_fini(&op.rows);
	return out;
}

/* The same by the change feed. */
static const char *fed(struct rig *rig, const struct pub *p, const struct guid *who,
		       uint64_t since, char out[128])
{
	struct changes_op op = { .who = as(p, who), .fid = (uint64_t)p->fid, .since = since };
	struct arena a = { 0 };
	struct store_row row;
	struct span in;
	size_t n = 0;

	buf_init(&op.rows, 1 << 20);
	OK(changes_page(rig->r, &op, &rig->eb));
	assert_false(op.reset);
	in = (struct span){ op.rows.data, op.rows.len };
	out[0] = '\0';
	while (row_read(&in, &row, &a) == ERR_OK)
		n += (size_t)snprintf(out + n, 128 - n, "%s%u%c", n ? " " : "", row.uid,
				      row.flags & FLAG_SEEN ? '+' : '-');
	arena_fini(&a);
	buf_fini(&op.rows);
	runs_fini(&op.gone);
	return out;
}

static unsigned unseen(struct rig *rig, const struct pub *p, const struct guid *who,
		       uint32_t *first, uint64_t *highest)
{
	struct arena a = { 0 };
	struct select_op sel = { .who = as(p, who), .fid = (uint64_t)p->fid, .arena = &a };
	struct folder_list_op l = { .who = as(p, who), .arena = &a };
	struct query_op q = { .who = as(p, who), .fid = (uint64_t)p->fid, .flags_clear = FLAG_SEEN };
	uint32_t n = 0;

	OK(message_select(rig->r, &sel, &rig->eb));
	assert_true(sel.result.own_seen);
	OK(folder_list(rig->r, &l, &rig->eb));
	assert_int_equal(l.result.f[0].unread, sel.result.unread);
	assert_int_equal(l.result.f[0].highestmodseq, sel.result.highestmodseq);
	OK(query(rig->r, &q, &rig->eb));
	for (size_t i = 0; i < q.runs.n; i++)
		n += q.runs.r[i].last - q.runs.r[i].first + 1;
	assert_int_equal(n, sel.result.unread);
	assert_int_equal(q.highestmodseq, sel.result.highestmodseq);
	*first = sel.result.first_unseen_uid;
	*highest = sel.result.highestmodseq;
	runs_fini(&q.runs);
	runs_fini(&sel.runs);
	arena_fini(&a);
	return n;
}

static void test_each_has_his_own(void **state)
{
	struct rig *rig = *state;
	struct pub p = open_public(rig, 4);
	char t[128];
	uint32_t first;
	uint64_t before, m, bobs;

	assert_int_equal(unseen(rig, &p, &ann, &first, &before), 4);
	assert_int_equal(first, 1);
	mark(rig, &p, &ann, (struct uid_range){ 1, 2 }, FLAGS_ADD, &m);
	assert_true(m > before);
	assert_string_equal(fetched(rig, &p, &ann, 0, t), "1+ 2+ 3- 4-");
	assert_string_equal(fetched(rig, &p, &bob, 0, t), "1- 2- 3- 4-");
	assert_int_equal(unseen(rig, &p, &ann, &first, &bobs), 2);
	assert_int_equal(bobs, m);
	assert_int_equal(first, 3);
	/* Nobody hears of what others have read: neither numbers nor rows. */
	assert_int_equal(unseen(rig, &p, &bob, &first, &bobs), 4);
	assert_int_equal(bobs, before);
	assert_string_equal(fetched(rig, &p, &ann, before, t), "1+ 2+");
	assert_string_equal(fed(rig, &p, &ann, before, t), "1+ 2+");
	assert_string_equal(fed(rig, &p, &bob, before, t), "");
	assert_string_equal(fetched(rig, &p, &bob, before, t), "");
	/* Back again is a change like any other. */
	mark(rig, &p, &ann, (struct uid_range){ 1, 1 }, FLAGS_REMOVE, &before);
	assert_string_equal(fed(rig, &p, &ann, m, t), "1-");
	assert_int_equal(unseen(rig, &p, &ann, &first, &m), 3);
	assert_int_equal(first, 1);
	/* The same again is none. */
	mark(rig, &p, &ann, (struct uid_range){ 1, 1 }, FLAGS_REMOVE, &m);
	assert_string_equal(fed(rig, &p, &ann, before, t), "");
}

DB_SQL(q_rows, "SELECT count(*) FROM seen_by");
DB_SQL(q_states, "SELECT count(*) FROM seen_state");

static int64_t ask(struct rig *rig, const struct db_sql *q)
{
	int64_t v = -1;

	OK(db_get_int(rig->r, q, &v, &rig->eb, ""));
	return v;
}

/* UNCHANGEDSINCE goes by the reader's own number; an expunge leaves no trace in his
 * figures, and the folder's end none at all. */
static void test_numbers_and_ends(void **state)
{
	struct rig *rig = *state;
	struct pub p = open_public(rig, 3);
	struct flags_op op = { .who = as(&p, &ann), .fid = (uint64_t)p.fid, .uids = &all_uids,
			       .n_uids = 1, .mode = FLAGS_REMOVE, .flags = FLAG_SEEN,
			       .check_unchanged = true };
	struct expunge_op x = { .who = { .mbx = p.mbx, .mailbox = sales }, .fid = (uint64_t)p.fid,
				.uids = &(struct uid_range){ 1, 1 }, .n_uids = 1, .any_flag = true };
	struct folder_op make = { .who = x.who, .path = "Sales/a" };
	struct pub below = p;
	uint32_t first;
	uint64_t m;

	(void)unseen(rig, &p, &ann, &first, &op.unchanged_since);
	mark(rig, &p, &ann, (struct uid_range){ 1, 2 }, FLAGS_ADD, &m);
	buf_init(&op.rows, 1 << 16);
	OK(rig_run(rig, flags_set, &op));
	assert_int_equal(op.modified.n, 1);
	assert_int_equal(op.modified.r[0].last, 2);
	buf_fini(&op.rows);
	runs_fini(&op.modified);
	OK(rig_run(rig, expunge, &x));
	runs_fini(&x.gone);
	assert_int_equal(unseen(rig, &p, &ann, &first, &m), 1);
	OK(rig_run(rig, folder_create, &make));
	below.fid = make.fid;
	{
		struct content *c = rig_content(rig, "A: b\r\n\r\nc\r\n", 12);
		struct append_op a = { .who = as(&p, &ann), .fid = (uint64_t)below.fid,
				       .flags = FLAG_SEEN, .content = c };

		OK(rig_run(rig, append, &a));
		content_free(&c);
	}
	assert_int_equal(unseen(rig, &p, &bob, &first, &m), 2);
	assert_int_equal(ask(rig, &q_rows), 3);
	assert_int_equal(ask(rig, &q_states), 2);
	make.path = "Sales/a";
	OK(rig_run(rig, folder_delete, &make));
	assert_int_equal(ask(rig, &q_rows), 2);
	assert_int_equal(ask(rig, &q_states), 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down_checked)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_has_his_own), TEST(test_numbers_and_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
