#include "roles/mailbox/message.h"

#include "common/base/check.h"
#include "roles/mailbox/thread.h"
#include <endian.h>
#include <string.h>

enum { KLASS_MAIL = 1, FORM_MIME = 1, BAG_MESSAGE_ID = 1, BAG_REFS = 2, BAG_OWN = 3, BAG_ZONE = 4 };

DB_SQL(q_add_item,
       "INSERT INTO item(rid, klass, form, bid, size, thread_id, subject, subject_norm,"
       " from_name, from_addr, to_text, date_sent, date_recv, created, modified, has_attach,"
       " flags, kw, cn_created, cn_content, modseq, props, preview)"
       " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?14, ?15, ?16, ?17,"
       " ?18, ?18, ?18, ?19, ?20)");
DB_SQL(q_add_item_alone,
       "INSERT INTO item(rid, klass, form, bid, size, subject, subject_norm,"
       " from_name, from_addr, to_text, date_sent, date_recv, created, modified, has_attach,"
       " flags, kw, cn_created, cn_content, modseq, props, preview)"
       " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13, ?14, ?15, ?16,"
       " ?17, ?17, ?17, ?18, ?19)");
DB_SQL(q_add_placement,
       "INSERT INTO placement(mbx, fid, uid, mid, iid, modseq, cn, cn_added, imap_deleted, flags,"
       " kw, sort_date, saved)"
       " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8, ?9, ?10, ?11, ?12)");

/* ---- the bag --------------------------------------------------------------------- */

static void bag_field(struct arena *a, struct span *bag, uint8_t tag, const void *p, size_t n)
{
	char *out = arena_alloc(a, bag->n + 3 + n);

	if (bag->n)
		memcpy(out, bag->p, bag->n);
	out[bag->n] = (char)tag;
	out[bag->n + 1] = (char)(n & 0xff);
	out[bag->n + 2] = (char)(n >> 8);
	if (n)
		memcpy(out + bag->n + 3, p, n);
	*bag = (struct span){ out, bag->n + 3 + n };
}

static struct span bag_make(struct arena *a, const struct summary *s)
{
	struct span bag = { NULL, 0 };
	const uint16_t zone = htole16((uint16_t)(int16_t)s->sent_zone);
	uint64_t hash[SUMMARY_REFS_MAX], own = htole64(s->message_id_hash);
	size_t n = s->n_refs < SUMMARY_REFS_MAX ? s->n_refs : SUMMARY_REFS_MAX;

	if (s->message_id.n)
		bag_field(a, &bag, BAG_MESSAGE_ID, s->message_id.p, s->message_id.n);
	if (s->message_id_hash)
		bag_field(a, &bag, BAG_OWN, &own, sizeof(own));
	if (s->has_date && s->sent_zone)
		bag_field(a, &bag, BAG_ZONE, &zone, sizeof(zone));
	for (size_t i = 0; i < n; i++)
		hash[i] = htole64(s->refs[s->n_refs - n + i]);
	if (n)
		bag_field(a, &bag, BAG_REFS, hash, n * sizeof(hash[0]));
	return bag;
}

void bag_read(const void *p, size_t n, struct bag *out)
{
	const uint8_t *at = p;

	*out = (struct bag){ 0 };
	while (n >= 3) {
		size_t len = (size_t)at[1] | (size_t)at[2] << 8;

		if (len > n - 3)
			return;
		if (at[0] == BAG_MESSAGE_ID) {
			out->message_id = (struct span){ (const char *)at + 3, len };
		} else if (at[0] == BAG_OWN && len == 8) {
			memcpy(&out->own_hash, at + 3, 8);
			out->own_hash = le64toh(out->own_hash);
		} else if (at[0] == BAG_ZONE && len == 2) {
			out->sent_zone = (int16_t)(at[3] | at[4] << 8);
		} else if (at[0] == BAG_REFS) {
			out->refs = at + 3;
			out->n_refs = len / 8;
		}
		at += 3 + len;
		n -= 3 + len;
	}
}

/* ---- putting in -------------------------------------------------------------------- */

void folder_count(struct tx *tx, struct mbx_row *m, struct folder_row *f, int by,
		  unsigned flags, int64_t size)
{
	struct folder_values *v = &f->v;
	int64_t cn = tx_cn(tx, m);

	tx_touch(tx, &f->row);
	v->n_total += by;
	v->size += by * size;
	if (!(flags & FLAG_SEEN))
		v->n_unread += by;
	if (flags & FLAG_DELETED)
		v->n_deleted += by;
	v->cn_counts = v->modseq = cn;
	m->v.cn_email = cn;
}

enum err placement_add(struct tx *tx, const struct placement *p, struct errbuf *eb)
{
	return db_run(tx->db, &q_add_placement, eb, "iiiiiiiiibii", p->mbx, p->fid, p->uid, p->mid,
		      p->iid, p->modseq, p->cn_added, (int64_t)!!(p->flags & FLAG_DELETED),
		      (int64_t)(p->flags & ITEM_FLAGS), p->kw.p, p->kw.n, p->sort_date,
		      tx->now_ms);
}

/* NULL rather than an empty string: a missing field costs nothing. */
#define TEXT(s) (s).n ? (s).p : "", (s).n

static enum err item_add(struct tx *tx, int64_t mbx, const struct new_message *n, int64_t thread,
			 struct errbuf *eb)
{
	const struct summary *s = n->content->sum;
	struct span bag = bag_make(&tx->arena, s);
	int64_t rid = RID(mbx, n->iid), size = (int64_t)n->content->size;
	int64_t sent = s->has_date ? s->sent_ms : n->received_ms;
	int64_t flags = n->flags & ITEM_FLAGS, attach = n->content->has_attach;
	struct span preview = span_of(n->content->preview);

	if (thread)
		return db_run(tx->db, &q_add_item, eb, "iiiiiisssssiiiiibibs", rid,
			      (int64_t)KLASS_MAIL, (int64_t)FORM_MIME, n->bid, size, thread,
			      TEXT(s->subject), TEXT(s->base_subject), TEXT(s->from_name),
			      TEXT(s->from_addr), TEXT(s->to_text), sent, n->received_ms,
			      tx->now_ms, attach, flags, n->kw.p, n->kw.n, n->modseq, bag.p,
			      bag.n, TEXT(preview));
	return db_run(tx->db, &q_add_item_alone, eb, "iiiiisssssiiiiibibs", rid,
		      (int64_t)KLASS_MAIL, (int64_t)FORM_MIME, n->bid, size, TEXT(s->subject),
		      TEXT(s->base_subject), TEXT(s->from_name), TEXT(s->from_addr),
		      TEXT(s->to_text), sent, n->received_ms, tx->now_ms, attach, flags, n->kw.p,
		      n->kw.n, n->modseq, bag.p, bag.n, TEXT(preview));
}

enum err message_add(struct tx *tx, struct mbx_row *m, struct folder_row *f,
		     struct new_message *n, struct errbuf *eb)
{
	int64_t mbx = m->row.key[0], size = (int64_t)n->content->size, thread;
	enum err e = thread_find(tx, mbx, n->content->sum, &thread, eb);

	if (e == ERR_OK)
		n->uid = tx_take_uids(tx, f, 1, &e, eb);
	if (e)
		return e;
	n->modseq = tx_cn(tx, m);
	n->iid = tx_gc(tx, m);
	n->mid = tx_gc(tx, m);
	e = item_add(tx, mbx, n, thread, eb);
	if (e == ERR_OK)
		e = placement_add(tx, &(struct placement){
			.mbx = mbx, .fid = f->row.key[1], .uid = n->uid, .mid = n->mid,
			.iid = n->iid, .modseq = n->modseq, .cn_added = n->modseq,
			.sort_date = n->received_ms, .flags = n->flags, .kw = n->kw }, eb);
	if (e == ERR_OK)
		e = thread_note(tx, mbx, n->iid, n->content->sum, eb);
	if (e)
		return e;
	folder_count(tx, m, f, 1, n->flags, size);
	m->v.size_live += size;
	m->v.n_items++;
	return ERR_OK;
}
