#include "roles/mailbox/bulk.h"

#include "roles/mailbox/hidden.h"

void bulk_enter(struct bulk *b)
{
	enum bulk_phase p = b->at.phase;

	b->next = b->at;
	b->hold.wanted_if_failed = p == BULK_GATHER || p == BULK_REVEAL;
}

enum err bulk_leave(struct bulk *b, enum err e, enum bulk_phase next)
{
	b->next.phase = next;
	b->hold.wanted = next != BULK_DONE;
	return e;
}

bool bulk_stands(struct bulk *b, enum err e, const struct errbuf *eb)
{
	enum bulk_phase was = b->at.phase;

	if (e == ERR_OK) {
		b->at = b->next;
		if (was == BULK_REVEAL || (was == BULK_BEGIN && b->at.phase == BULK_DONE))
			b->has_happened = true;
		if (b->at.phase == BULK_DONE && !b->has_happened && b->e == ERR_OK)
			b->e = err_set(&b->eb, ERR_AGAIN, "the target changes too fast");
		return b->at.phase != BULK_DONE;
	}
	if (b->e == ERR_OK && !b->has_happened) {
		b->e = e;
		b->eb = *eb;
	}
	/* What cannot be swept now is the housekeeper's. */
	b->at.phase = was == BULK_GATHER || was == BULK_REVEAL ? BULK_ABANDON : BULK_DONE;
	return b->at.phase != BULK_DONE;
}

enum err bulk_sweep(struct tx *tx, struct bulk *b, int64_t mbx, struct errbuf *eb)
{
	bool more;
	enum err e = hidden_sweep(tx, mbx, BULK_STEP, &more, eb);

	return bulk_leave(b, e, more ? BULK_SWEEP : BULK_DONE);
}

void tally_add(struct tally *t, unsigned flags, int64_t size)
{
	t->n++;
	t->unread += !(flags & FLAG_SEEN);
	t->deleted += !!(flags & FLAG_DELETED);
	t->size += size;
}

void tally_count(struct tx *tx, struct mbx_row *m, struct folder_row *f, const struct tally *t,
		 int by)
{
	struct folder_values *v = &f->v;
	int64_t cn = tx_cn(tx, m);

	tx_touch(tx, &f->row);
	v->n_total += by * t->n;
	v->n_unread += by * t->unread;
	v->n_deleted += by * t->deleted;
	v->size += by * t->size;
	v->cn_counts = v->modseq = cn;
	m->v.cn_email = cn;
}
