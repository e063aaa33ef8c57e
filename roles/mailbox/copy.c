#include "roles/mailbox/copy.h"

#include "common/base/check.h"
#include "roles/mailbox/folder.h"
#include "roles/mailbox/hidden.h"
#include "roles/mailbox/transfer.h"

/* Numbers set aside for what else comes while n messages are copied: that is what
 * others may take in the time it takes, at a rate no disk has yet. */
#define ROOM(n, factor) ((1024 + (n) / 4) << 2 * (factor))
#define ROOM_TRIES 3

static enum err find_target(struct tx *tx, struct copy_op *op, struct errbuf *eb)
{
	struct path p;
	enum err e;

	op->into = (int64_t)op->to_fid;
	if (op->into)
		return ERR_OK;
	e = path_parse(&tx->arena, op->to_path, &p, eb);
	return e ? e : folder_by_path(tx->db, op->to.mbx, &p, p.n, &op->into, eb);
}

static enum err check_rights(struct tx *tx, struct copy_op *op, struct errbuf *eb)
{
	unsigned rights = RIGHT_READ | (op->move ? RIGHT_DELETE | RIGHT_EXPUNGE : 0);
	enum err e;

	if (op->to.mbx == 0)
		op->to = op->who;
	e = find_target(tx, op, eb);
	if (e == ERR_OK)
		e = access_check(tx->db, &op->who, (int64_t)op->fid, rights, eb);
	if (e == ERR_OK)
		e = access_get(tx->db, &op->to, op->into, RIGHT_INSERT, &rights, eb);
	op->allowed = access_flags(rights);
	op->may_keyword = rights & RIGHT_WRITE;
	return e;
}

static enum err open_folders(struct tx *tx, struct copy_op *op, struct transfer *t,
			     struct errbuf *eb)
{
	enum err e = ERR_OK;

	if (op->bulk.at.phase == BULK_BEGIN)
		e = check_rights(tx, op, eb);
	*t = (struct transfer){ .tx = tx, .move = op->move, .by = &op->who.principal,
				  .allowed = op->allowed, .may_keyword = op->may_keyword,
				  .part_ways = !who_may_all(&op->who) };
	if (e == ERR_OK)
		e = tx_mailbox(tx, op->who.mbx, &t->m, eb);
	if (e == ERR_OK)
		e = tx_mailbox(tx, op->to.mbx, &t->to_m, eb);
	if (e == ERR_OK)
		e = tx_folder(tx, op->who.mbx, (int64_t)op->fid, &t->from, eb);
	if (e == ERR_OK)
		e = tx_folder(tx, op->to.mbx, op->into, &t->to, eb);
	return e;
}

static struct leaving_ask ask_of(const struct copy_op *op)
{
	return (struct leaving_ask){
		.mbx = op->who.mbx, .fid = (int64_t)op->fid, .uids = op->uids,
		.n_uids = op->n_uids, .below = op->bulk.next.below, .max = BULK_STEP,
	};
}

static void note_results(struct copy_op *op, const struct transfer *t, int64_t first, int64_t n)
{
	op->to_uids.n = 0;
	if (n)
		runs_add_range(&op->to_uids, (uint32_t)first, (uint32_t)(first + n - 1));
	op->uidvalidity = (uint32_t)t->to->v.uidvalidity;
	op->modseq = (uint64_t)t->from->v.modseq;
}

/* ---- the steps ------------------------------------------------------------------------ */

/* How many messages there are at most: the folder's runs within the request. */
static enum err count(struct tx *tx, const struct copy_op *op, struct folder_row *f, int64_t *n,
		      struct errbuf *eb)
{
	struct runs have = { NULL, 0, 0 }, want = { NULL, 0, 0 }, both = { NULL, 0, 0 };
	enum err e;

	tx_touch(tx, &f->row);
	e = tx_write_run(tx, f, eb);
	if (e == ERR_OK)
		e = runs_load(tx->db, op->who.mbx, (int64_t)op->fid, &have, eb);
	runs_copy(&want, op->uids, op->n_uids);
	runs_cross(&both, &have, &want);
	*n = (int64_t)runs_count(&both);
	runs_fini(&have);
	runs_fini(&want);
	runs_fini(&both);
	return e;
}

/* Too many for one step: uids and a change number are set aside. */
static enum err begin_large(struct copy_op *op, struct transfer *t, struct errbuf *eb)
{
	int64_t n = 0, room;
	enum err e = count(t->tx, op, t->from, &n, eb);

	if (e == ERR_OK && t->to->v.barrier)	/* of nobody: a full disk left it */
		e = hidden_abandon(t->tx, t->to, eb);
	if (e)
		return e;
	room = ROOM(n, op->bulk.at.tries);
	op->first = t->to->v.uidnext + room;
	op->cn = t->to_m->v.next_cn + room;
	op->from.n = 0;
	if (op->first + n > UINT32_MAX)
		return err_set(eb, ERR_LIMIT, "uids are used up");
	return hidden_begin(t->tx, t->to, op->first, op->first + n - 1, eb);
}

static enum err begin(struct copy_op *op, struct transfer *t, struct errbuf *eb)
{
	struct leaving_ask ask;
	struct leaving_list list;
	bool more;
	enum err e;

	op->bulk.next.below = t->from->v.uidnext;
	op->from.n = 0;
	ask = ask_of(op);
	e = leaving_find(t->tx, &ask, NULL, &list, &more, eb);
	if (e == ERR_OK && more)
		return bulk_leave(&op->bulk, begin_large(op, t, eb), BULK_GATHER);
	if (e == ERR_OK)
		e = transfer_now(t, &list, eb);
	for (size_t i = 0; e == ERR_OK && i < list.n; i++)
		runs_add(&op->from, (uint32_t)list.of[i].uid);
	if (e == ERR_OK)
		note_results(op, t, t->uid - (int64_t)list.n, (int64_t)list.n);
	return bulk_leave(&op->bulk, e, BULK_DONE);
}

/* Each step has a change number of its own, so that who follows gets small pages. */
static int64_t steps(int64_t n)
{
	return n / BULK_STEP;
}

/* The next ones are placed, where nobody sees them. */
static enum err gather(struct copy_op *op, struct transfer *t, struct errbuf *eb)
{
	struct leaving_ask ask = ask_of(op);
	struct leaving_list list;
	bool more = false;
	enum err e;

	if (t->to->v.barrier != op->first)
		return bulk_leave(&op->bulk, ERR_OK, BULK_ABANDON);
	t->uid = op->first + op->bulk.at.tally.n;
	t->cn = op->cn + steps(op->bulk.at.tally.n);
	e = leaving_find(t->tx, &ask, &op->bulk.next.from, &list, &more, eb);
	if (e == ERR_OK)
		e = transfer_place(t, &list, eb);
	for (size_t i = 0; e == ERR_OK && i < list.n; i++) {
		const struct leaving *l = &list.of[i];

		tally_add(&op->bulk.next.tally, l->flags, l->size);
		tally_add(&op->bulk.next.there, transfer_flags(t, l), l->size);
		runs_add(&op->from, (uint32_t)l->uid);
	}
	return bulk_leave(&op->bulk, e, more ? BULK_GATHER : BULK_REVEAL);
}

static enum err reveal(struct copy_op *op, struct transfer *t, struct errbuf *eb)
{
	struct tally tally = op->bulk.at.tally;
	enum err e;

	if (t->to->v.barrier != op->first || t->to_m->v.next_cn > op->cn)
		return bulk_leave(&op->bulk, ERR_OK, BULK_ABANDON);
	tx_jump_cn(t->tx, t->to_m, op->cn + steps(tally.n) + 1);
	e = hidden_reveal(t->tx, t->to, eb);
	if (e == ERR_OK)
		tx_take_uids(t->tx, t->to, tally.n, &e, eb);
	if (e == ERR_OK)
		tally_count(t->tx, t->to_m, t->to, &op->bulk.at.there, 1);
	if (e == ERR_OK && op->move)
		e = hidden_leave(t->tx, t->from, &op->from, tx_cn(t->tx, t->m), t->by, eb);
	if (e == ERR_OK && op->move)
		e = runs_remove(t->tx, t->from, &op->from, eb);
	if (e == ERR_OK && op->move)
		tally_count(t->tx, t->m, t->from, &tally, -1);
	note_results(op, t, op->first, tally.n);
	return bulk_leave(&op->bulk, e, op->move ? BULK_SWEEP : BULK_DONE);
}

/* Then it is over; or what was abandoned for want of room begins anew, with more. */
static enum err sweep(struct tx *tx, struct copy_op *op, struct errbuf *eb)
{
	int64_t mbx = op->bulk.has_happened ? op->who.mbx : op->to.mbx;
	enum err e = bulk_sweep(tx, &op->bulk, mbx, eb);

	if (e || op->bulk.next.phase != BULK_DONE || op->bulk.has_happened || op->bulk.e ||
	    op->bulk.at.tries == ROOM_TRIES)
		return e;
	op->bulk.next = (struct bulk_at){ .tries = op->bulk.at.tries + 1 };
	return bulk_leave(&op->bulk, e, BULK_BEGIN);
}

static enum err abandon(struct tx *tx, struct copy_op *op, struct errbuf *eb)
{
	struct folder_row *f;
	enum err e = tx_folder(tx, op->to.mbx, op->into, &f, eb);

	if (e == ERR_NOTFOUND)		/* with all that was in it */
		return bulk_leave(&op->bulk, ERR_OK, BULK_SWEEP);
	if (e == ERR_OK && f->v.barrier == op->first)
		e = hidden_abandon(tx, f, eb);
	return bulk_leave(&op->bulk, e, BULK_SWEEP);
}

enum err copy(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct copy_op *op = arg;
	struct transfer t;
	enum err e;

	bulk_enter(&op->bulk);
	if (op->bulk.at.phase == BULK_SWEEP)
		return sweep(tx, op, eb);
	if (op->bulk.at.phase == BULK_ABANDON)
		return abandon(tx, op, eb);
	e = open_folders(tx, op, &t, eb);
	if (e)
		return e;
	switch (op->bulk.at.phase) {
	case BULK_BEGIN:
		return begin(op, &t, eb);
	case BULK_GATHER:
		return gather(op, &t, eb);
	default:
		return reveal(op, &t, eb);
	}
}

enum err move_all(struct tx *tx, struct mbx_row *m, int64_t from, int64_t to, struct errbuf *eb)
{
	struct transfer t = { .tx = tx, .m = m, .to_m = m, .move = true };
	struct leaving_ask ask = { .mbx = m->row.key[0], .fid = from };
	struct leaving_list list;
	bool more;
	enum err e = tx_folder(tx, ask.mbx, from, &t.from, eb);

	if (e == ERR_OK)
		e = tx_folder(tx, ask.mbx, to, &t.to, eb);
	if (e == ERR_OK)
		e = leaving_find(tx, &ask, NULL, &list, &more, eb);
	return e ? e : transfer_now(&t, &list, eb);
}
