#include "roles/mailbox/keep.h"

#include "common/base/check.h"
#include "common/base/log.h"
#include "roles/mailbox/content.h"
#include "roles/mailbox/deliver.h"
#include "roles/mailbox/dumpster.h"
#include "roles/mailbox/hidden.h"
#include "roles/mailbox/purge.h"
#include "roles/mailbox/stage.h"

enum { STEP_MAILBOXES = 20, STEP_CHUNKS = 32, STEP_ITEMS = 100, STEP_DELIVERED = 1000, STEP_TOMBS = 2000 };

DB_SQL(q_next_mailbox, "SELECT mbx FROM mailbox WHERE mbx > ?1 AND state = 0 ORDER BY mbx LIMIT 1");
DB_SQL(q_due_mailbox,
       "SELECT mbx FROM mailbox WHERE state = 3 OR (state = 1 AND disconnected_at < ?1) LIMIT 1");
DB_SQL(q_count_tombs,
       "SELECT count(*) FROM (SELECT 1 FROM tombstone WHERE mbx = ?1 LIMIT ?2)");
DB_SQL(q_tomb_edge,
       "SELECT max(cn) FROM (SELECT cn FROM tombstone WHERE mbx = ?1 AND fid = ?2"
       " ORDER BY cn LIMIT ?3)");
DB_SQL(q_biggest_folder,
       "SELECT fid FROM tombstone WHERE mbx = ?1 GROUP BY fid ORDER BY count(*) DESC LIMIT 1");
DB_SQL(q_drop_tombs, "DELETE FROM tombstone WHERE mbx = ?1 AND fid = ?2 AND cn <= ?3");

/* ---- history -------------------------------------------------------------------------- */

/* The oldest of the folder with the most go, and whoever is older than they must
 * load anew. */
static enum err trim(struct tx *tx, int64_t mbx, struct errbuf *eb)
{
	struct mbx_row *m;
	int64_t fid = 0, cn = 0;
	enum err e = db_get_int(tx->db, &q_biggest_folder, &fid, eb, "i", mbx);

	if (e == ERR_OK)
		e = db_get_int(tx->db, &q_tomb_edge, &cn, eb, "iii", mbx, fid,
			       (int64_t)STEP_TOMBS);
	if (e == ERR_OK)
		e = db_run(tx->db, &q_drop_tombs, eb, "iii", mbx, fid, cn);
	if (e == ERR_OK)
		e = tx_mailbox(tx, mbx, &m, eb);
	if (e)
		return e;
	tx_touch(tx, &m->row);
	if (m->v.tomb_floor < cn)
		m->v.tomb_floor = cn;
	return ERR_OK;
}

static enum err trim_step(struct tx *tx, int64_t mbx, bool *more, struct errbuf *eb)
{
	int64_t n = 0;
	enum err e = db_get_int(tx->db, &q_count_tombs, &n, eb, "ii", mbx,
				(int64_t)TOMBS_MAX + 1);

	*more = e == ERR_OK && n > TOMBS_MAX;
	return *more ? trim(tx, mbx, eb) : e;
}

/* ---- a step ----------------------------------------------------------------------------- */

/* The next mailbox; the position stays while there is more to do in it. */
static enum err mailbox_step(struct tx *tx, struct keep_op *op, struct errbuf *eb)
{
	bool more = false, trimmed = false;
	int64_t mbx = 0;
	enum err e = db_get_int(tx->db, &q_next_mailbox, &mbx, eb, "i", op->at_mbx);

	if (e == ERR_NOTFOUND) {
		op->at_mbx = 0;
		op->round_over = true;
		return ERR_OK;
	}
	if (e == ERR_OK)
		e = dumpster_purge(tx, mbx, tx->now_ms - op->keep_deleted_ms, STEP_ITEMS, &more,
				   eb);
	if (e == ERR_OK)
		e = trim_step(tx, mbx, &trimmed, eb);
	if (e == ERR_OK && !more && !trimmed)
		op->at_mbx = mbx;
	return e;
}

static enum err shared_step(struct tx *tx, struct keep_op *op, struct errbuf *eb)
{
	bool more = false, gone = false;
	int64_t mbx = 0;
	enum err e = content_collect(tx, STEP_CHUNKS, &more, eb);

	op->more |= more;
	if (e == ERR_OK)
		e = deliver_prune(tx, STEP_DELIVERED, &more, eb);
	op->more |= more;
	if (e == ERR_OK)
		e = stage_prune(tx, STEP_DELIVERED, &more, eb);
	op->more |= more;
	if (e == ERR_OK)
		e = hidden_sweep(tx, 0, STEP_ITEMS, &more, eb);
	op->more |= more;
	if (e)
		return e;
	e = db_get_int(tx->db, &q_due_mailbox, &mbx, eb, "i", tx->now_ms - op->keep_mailbox_ms);
	if (e == ERR_NOTFOUND)
		return ERR_OK;
	if (e == ERR_OK)
		e = purge_step(tx, mbx, STEP_ITEMS, &gone, eb);
	op->more = true;
	op->gone_mbx = gone ? mbx : 0;
	return e;
}

enum err keep_step(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct keep_op *op = arg;
	int64_t at = op->at_mbx;
	enum err e;

	op->more = op->round_over = false;
	op->gone_mbx = 0;
	e = shared_step(tx, op, eb);
	for (int i = 0; e == ERR_OK && i < STEP_MAILBOXES && !op->round_over; i++)
		e = mailbox_step(tx, op, eb);
	op->more |= !op->round_over;
	if (e)
		op->at_mbx = at;
	return e;
}

/* ---- when --------------------------------------------------------------------------------- */

static void submit(struct sdb *s);

static void step_done(struct job *j)
{
	struct sdb *s = CONTAINER_OF(j, struct sdb, keep);

	s->is_keeping = false;
	if (j->e) {
		log_warn(NULL, "housekeeping failed database=%s err=%s detail=%s", s->name,
			 err_text(j->e), j->eb.text);
		return;		/* the next round tries again */
	}
	if (s->keeping.gone_mbx) {
		struct mref *m = role_by_number(s, s->keeping.gone_mbx);

		log_info(NULL, "mailbox purged database=%s mbx=%lld", s->name,
			 (long long)s->keeping.gone_mbx);
		if (m)
			role_forget(s->store, m);
	}
	if (s->keeping.more && !s->store->draining)
		submit(s);
}

static void submit(struct sdb *s)
{
	if (s->mdb == NULL || s->is_keeping)
		return;
	s->is_keeping = true;
	s->keeping.keep_deleted_ms = s->store->conf->keep_deleted_ms;
	s->keeping.keep_mailbox_ms = s->store->conf->keep_mailbox_ms;
	s->keep = (struct job){ .write = keep_step, .arg = &s->keeping, .done = step_done,
				.lane = LANE_BACKGROUND, .bytes = 64 * 1024 };
	mdb_write(s->mdb, &s->keep);
}

void keep_now(struct role *st)
{
	LIST_EACH (&st->databases, n)
		submit(CONTAINER_OF(n, struct sdb, node));
}

static void on_timer(uv_timer_t *t)
{
	struct role *st = t->data;

	keep_now(st);
	zpool_shrink(st->zpool);
}

void keep_start(struct role *st)
{
	uint64_t every = (uint64_t)st->conf->keep_every_ms;

	CHECK(uv_timer_init(st->loop, &st->keeper) == 0);
	st->keeper.data = st;
	st->has_keeper = true;
	uv_timer_start(&st->keeper, on_timer, every, every);
}

void keep_stop(struct role *st)
{
	if (st->has_keeper)
		uv_close((uv_handle_t *)&st->keeper, NULL);
	st->has_keeper = false;
}
