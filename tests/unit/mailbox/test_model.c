#include "tests/unit/mailbox/rig.h"

/* Random operations against a model that is too simple to be wrong: per folder, the
 * set of uids with their flags.  A follower that only reads the change feed must end
 * up with the same picture, whenever it looks. */

enum { FOLDERS = 3, UIDS = 4000, STEPS = 400 };

struct message {
	bool is_there;
	unsigned flags;
	int item;		/* links share it */
};

struct folder_model {
	int64_t fid;
	const char *path;
	struct message m[UIDS];
	unsigned next;
};

struct follower {
	uint64_t since[FOLDERS];
	bool is_there[FOLDERS][UIDS];
	unsigned flags[FOLDERS][UIDS];
};

struct model {
	struct folder_model f[FOLDERS];
	struct follower fo;
	int items;
	uint32_t seed;
};

static unsigned rnd(struct model *m, unsigned n)
{
	m->seed = m->seed * 1664525 + 1013904223;
	return (m->seed >> 8) % n;
}

static struct uid_range pick(struct model *m, const struct folder_model *f)
{
	uint32_t a = 1 + rnd(m, f->next), b = a + rnd(m, 6);

	return (struct uid_range){ a, b };
}

static bool holds(const struct folder_model *f, int item)
{
	for (unsigned u = 1; u < f->next; u++)
		if (f->m[u].is_there && f->m[u].item == item)
			return true;
	return false;
}

/* ---- operations, on both ------------------------------------------------------------- */

static void do_deliver(struct rig *rig, struct model *m)
{
	struct folder_model *f = &m->f[rnd(m, FOLDERS)];
	struct deliver_to to = { .mbx = rig->mbx, .fid = f->fid };
	char id[40], *text;

	snprintf(id, sizeof(id), "%d@model", m->items);
	text = rig_letter("m", id, NULL, rnd(m, 200));
	OK(rig_deliver(rig, text, 0, &to, 1));
	assert_int_equal(to.uid, f->next);
	f->m[f->next++] = (struct message){ true, 0, m->items++ };
	free(text);
}

static void set_everywhere(struct model *m, int item, unsigned flags)
{
	for (int i = 0; i < FOLDERS; i++)
		for (unsigned u = 1; u < m->f[i].next; u++)
			if (m->f[i].m[u].item == item)
				m->f[i].m[u].flags = (m->f[i].m[u].flags & FLAG_DELETED) |
						     (flags & ~(unsigned)FLAG_DELETED);
}

static void do_flags(struct rig *rig, struct model *m)
{
	static const unsigned kinds[] = { FLAG_SEEN, FLAG_FLAGGED, FLAG_DELETED,
					  FLAG_SEEN | FLAG_DELETED };
	struct folder_model *f = &m->f[rnd(m, FOLDERS)];
	struct uid_range u = pick(m, f);
	unsigned flags = kinds[rnd(m, 4)];
	enum store_flags_mode mode = (enum store_flags_mode)rnd(m, 3);

	OK(rig_flags(rig, f->fid, u, mode, flags, NULL));
	for (uint32_t i = u.first; i <= u.last && i < f->next; i++) {
		struct message *x = &f->m[i];
		unsigned now = mode == FLAGS_ADD      ? x->flags | flags
			       : mode == FLAGS_REMOVE ? x->flags & ~flags
						      : flags;

		if (!x->is_there)
			continue;
		set_everywhere(m, x->item, now);
		x->flags = now;
	}
}

static void do_copy(struct rig *rig, struct model *m, bool move)
{
	struct folder_model *f = &m->f[rnd(m, FOLDERS)], *to = &m->f[rnd(m, FOLDERS)];
	struct uid_range u = pick(m, f);
	unsigned end = f->next;

	OK(rig_copy(rig, f->fid, u, to->path, move));
	for (uint32_t i = u.first; i <= u.last && i < end; i++) {
		struct message x = f->m[i];

		if (!x.is_there)
			continue;
		if (!(move && f == to) && holds(to, x.item))
			x.item = m->items++;
		x.flags &= ~(unsigned)FLAG_DELETED;
		to->m[to->next++] = x;
	}
	for (uint32_t i = u.first; move && i <= u.last && i < end; i++)
		f->m[i].is_there = false;
}

static void do_expunge(struct rig *rig, struct model *m)
{
	struct folder_model *f = &m->f[rnd(m, FOLDERS)];
	struct uid_range u = pick(m, f);
	bool any = rnd(m, 3) == 0;

	OK(rig_expunge(rig, f->fid, u, any));
	for (uint32_t i = u.first; i <= u.last && i < f->next; i++)
		if (any || (f->m[i].flags & FLAG_DELETED))
			f->m[i].is_there = false;
}

/* ---- looking ---------------------------------------------------------------------------- */

/* One page of one folder's feed. */
static bool follow_page(struct rig *rig, struct model *m, int i, uint32_t limit)
{
	struct changes_op op = { .who = rig_who(rig), .fid = (uint64_t)m->f[i].fid,
				 .since = m->fo.since[i], .limit = limit };
	struct arena a = { 0 };
	struct store_row row;
	struct span in;

	buf_init(&op.rows, 1 << 20);
	OK(changes_page(rig->r, &op, &rig->eb));
	assert_false(op.reset);
	in = (struct span){ op.rows.data, op.rows.len };
	while (row_read(&in, &row, &a) == ERR_OK) {
		m->fo.is_there[i][row.uid] = true;
		m->fo.flags[i][row.uid] = row.flags;
	}
	for (size_t k = 0; k < op.gone.n; k++)
		for (uint32_t u = op.gone.r[k].first; u <= op.gone.r[k].last; u++)
			m->fo.is_there[i][u] = false;
	assert_true(op.until >= m->fo.since[i]);
	m->fo.since[i] = op.until;
	arena_fini(&a);
	buf_fini(&op.rows);
	runs_fini(&op.gone);
	return op.more;
}

static void compare(struct rig *rig, struct model *m)
{
	for (int i = 0; i < FOLDERS; i++) {
		struct runs runs = { NULL, 0, 0 };
		unsigned n = 0;

		OK(runs_load(rig->r, rig->mbx, m->f[i].fid, &runs, &rig->eb));
		for (unsigned u = 1; u < m->f[i].next; u++) {
			const struct message *x = &m->f[i].m[u];

			n += x->is_there;
			if (x->is_there != m->fo.is_there[i][u] ||
			    (x->is_there && x->flags != m->fo.flags[i][u]))
				fail_msg("folder %d uid %u: model %d:%u, feed %d:%u", i, u,
					 x->is_there, x->flags, m->fo.is_there[i][u],
					 m->fo.flags[i][u]);
			assert_int_equal(runs_contain(&runs, u), x->is_there);
		}
		assert_int_equal(runs_count(&runs), n);
		runs_fini(&runs);
	}
}

static void operate(struct rig *rig, struct model *m)
{
	switch (rnd(m, 8)) {
	case 0:
	case 1:
	case 2:
		do_deliver(rig, m);
		break;
	case 3:
	case 4:
		do_flags(rig, m);
		break;
	case 5:
		do_copy(rig, m, false);
		break;
	case 6:
		do_copy(rig, m, true);
		break;
	default:
		do_expunge(rig, m);
		break;
	}
}

static void test_the_feed_tells_all(void **state)
{
	struct rig *rig = *state;
	struct model *m = xcalloc(1, sizeof(*m));
	static const char *const paths[FOLDERS] = { "INBOX", "Archive", "Drafts" };

	m->seed = 20231121;
	for (int i = 0; i < FOLDERS; i++) {
		m->f[i].path = paths[i];
		m->f[i].fid = rig_fid(rig, paths[i]);
		m->f[i].next = 1;
	}
	for (int step = 0; step < STEPS; step++) {
		operate(rig, m);
		rig->now_ms += 10;
		if (step % 7 == 0) {	/* sometimes only a part of it */
			int i = (int)rnd(m, FOLDERS);

			follow_page(rig, m, i, 1 + rnd(m, 4));
		}
		if (step % 50 != 49)
			continue;
		for (int i = 0; i < FOLDERS; i++)
			while (follow_page(rig, m, i, 3))
				;
		compare(rig, m);
		rig_check(rig);
	}
	free(m);
}

/* Who was away longer than history is kept must load anew, and who comes from the
 * future (a copy restored behind its back) as well. */
DB_SQL(q_set_floor, "UPDATE mailbox SET tomb_floor = 5 WHERE mbx = ?1");

static void test_history_ends_somewhere(void **state)
{
	struct rig *rig = *state;
	struct changes_op op = { .who = rig_who(rig), .fid = (uint64_t)rig->inbox };
	static const struct {
		uint64_t since;
		bool reset;
	} cases[] = { { 0, true }, { 4, true }, { 5, false }, { 6, false }, { 100000, true } };

	rig_fill(rig, 10);
	OK(db_run(rig->w, &q_set_floor, &rig->eb, "i", rig->mbx));
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		op.since = cases[i].since;
		op.more = op.reset = false;
		buf_init(&op.rows, 1 << 20);
		OK(changes_page(rig->r, &op, &rig->eb));
		assert_int_equal(op.reset, cases[i].reset);
		assert_int_equal(op.rows.len > 0, !cases[i].reset);
		buf_fini(&op.rows);
		runs_fini(&op.gone);
	}
	op.fid = 4711;
	buf_init(&op.rows, 1 << 20);
	assert_int_equal(changes_page(rig->r, &op, &rig->eb), ERR_NOTFOUND);
	buf_fini(&op.rows);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down_checked)
	const struct CMUnitTest tests[] = {
		T(test_the_feed_tells_all),
		T(test_history_ends_somewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
