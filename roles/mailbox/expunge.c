#include "roles/mailbox/expunge.h"

#include "common/base/check.h"
#include "roles/mailbox/hidden.h"

static struct leaving_ask ask_of(const struct expunge_op *op)
{
	return (struct leaving_ask){
		.mbx = op->who.mbx, .fid = (int64_t)op->fid, .uids = op->uids,
		.n_uids = op->n_uids, .max = BULK_STEP,
		.below = op->bulk.at.below, .only_deleted = !(op->any_flag && op->n_uids),
	};
}

static enum err gather(struct tx *tx, struct expunge_op *op, struct errbuf *eb)
{
	struct leaving_ask ask = ask_of(op);
	struct leaving_list list;
	bool more = false;
	enum err e = leaving_find(tx, &ask, &op->bulk.next.from, &list, &more, eb);

	for (size_t i = 0; e == ERR_OK && i < list.n; i++) {
		tally_add(&op->bulk.next.tally, list.of[i].flags, list.of[i].size);
		runs_add(&op->gone, (uint32_t)list.of[i].uid);
	}
	return bulk_leave(&op->bulk, e, more ? BULK_GATHER : BULK_REVEAL);
}

static enum err begin(struct tx *tx, struct expunge_op *op, struct mbx_row *m,
		      struct folder_row *f, struct errbuf *eb)
{
	struct leaving_ask ask = ask_of(op);
	struct leaving_list list = { NULL, 0 };
	bool more = false;
	enum err e = access_check(tx->db, &op->who, ask.fid, RIGHT_EXPUNGE, eb);

	op->gone.n = 0;
	op->bulk.next.below = f->v.uidnext;
	if (e == ERR_OK && (!ask.only_deleted || f->v.n_deleted > 0))
		e = leaving_find(tx, &ask, NULL, &list, &more, eb);
	if (e == ERR_OK && more)
		return bulk_leave(&op->bulk, e, BULK_GATHER);
	if (e == ERR_OK)
		e = leaving_remove(tx, m, f, &list, &op->who.principal, &op->gone, eb);
	op->modseq = (uint64_t)f->v.modseq;
	return bulk_leave(&op->bulk, e, BULK_DONE);
}

static enum err reveal(struct tx *tx, struct expunge_op *op, struct mbx_row *m,
		       struct folder_row *f, struct errbuf *eb)
{
	enum err e = hidden_leave(tx, f, &op->gone, tx_cn(tx, m), &op->who.principal, eb);

	if (e == ERR_OK)
		e = runs_remove(tx, f, &op->gone, eb);
	if (e == ERR_OK)
		tally_count(tx, m, f, &op->bulk.at.tally, -1);
	op->modseq = (uint64_t)f->v.modseq;
	return bulk_leave(&op->bulk, e, BULK_SWEEP);
}

enum err expunge(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct expunge_op *op = arg;
	struct folder_row *f;
	struct mbx_row *m;
	enum err e;

	bulk_enter(&op->bulk);
	if (op->bulk.at.phase == BULK_SWEEP)
		return bulk_sweep(tx, &op->bulk, op->who.mbx, eb);
	if (op->bulk.at.phase == BULK_ABANDON)		/* nothing is in the file */
		return bulk_leave(&op->bulk, ERR_OK, BULK_DONE);
	e = tx_mailbox(tx, op->who.mbx, &m, eb);
	if (e == ERR_OK)
		e = tx_folder(tx, op->who.mbx, (int64_t)op->fid, &f, eb);
	if (e)
		return e;
	switch (op->bulk.at.phase) {
	case BULK_BEGIN:
		return begin(tx, op, m, f, eb);
	case BULK_GATHER:
		return gather(tx, op, eb);
	default:
		return reveal(tx, op, m, f, eb);
	}
}

enum err expunge_all(struct tx *tx, struct mbx_row *m, int64_t fid, const struct guid *by,
		     struct errbuf *eb)
{
	struct leaving_ask ask = { .mbx = m->row.key[0], .fid = fid };
	struct leaving_list list;
	struct folder_row *f;
	bool more;
	enum err e = tx_folder(tx, ask.mbx, fid, &f, eb);

	if (e == ERR_OK)
		e = leaving_find(tx, &ask, NULL, &list, &more, eb);
	return e ? e : leaving_remove(tx, m, f, &list, by, NULL, eb);
}
