/*
 * Content of the rows to come, asked for while the one in hand is being said.
 *
 * A message of a few KiB costs its way to the store and back more than anything
 * else.  So the first bytes that each of the next rows will want are asked for
 * early, if they are few and asking changes nothing (\Seen).
 */
#include "roles/client-access/imap/fetch.h"

static void on_bytes(void *ctx, const void *p, size_t n)
{
	struct fetch_slot *slot = ctx;

	if (buf_add(&slot->bytes, p, n) != ERR_OK)
		slot->err = ERR_CORRUPT;
	api_grant(slot->call, n);
}

static void on_content(void *ctx, enum err e, uint64_t size, uint32_t flags, uint64_t modseq)
{
	struct fetch_slot *slot = ctx;

	(void)flags;
	(void)modseq;
	slot->call = NULL;
	slot->size = size;
	if (e)
		slot->err = e;
	imap_pump(slot->s);
}

void ahead_init(struct imap_session *s)
{
	struct fetch_run *r = s->run;

	for (size_t i = 0; i < FETCH_AHEAD; i++) {
		r->ahead[i].s = s;
		buf_init(&r->ahead[i].bytes, AHEAD_MAX);
	}
}

void ahead_fini(struct fetch_run *r)
{
	for (size_t i = 0; i < FETCH_AHEAD; i++) {
		api_cancel(&r->ahead[i].call);
		buf_fini(&r->ahead[i].bytes);
	}
}

void ahead_release(struct fetch_slot *slot)
{
	api_cancel(&slot->call);
	buf_clear(&slot->bytes);
	slot->bytes.max = AHEAD_MAX;
	slot->err = ERR_OK;
	slot->uid = 0;
}

void ahead_forget(struct fetch_run *r, uint32_t uid)
{
	for (size_t i = 0; i < FETCH_AHEAD; i++)
		if (r->ahead[i].uid != 0 && r->ahead[i].uid < uid)
			ahead_release(&r->ahead[i]);
}

struct fetch_slot *ahead_find(struct fetch_run *r, uint32_t uid, uint64_t pos, size_t n)
{
	for (size_t i = 0; i < FETCH_AHEAD; i++)
		if (r->ahead[i].uid == uid && r->ahead[i].pos == pos && r->ahead[i].n == n)
			return &r->ahead[i];
	return NULL;
}

static bool has_slot(const struct fetch_run *r, uint32_t uid)
{
	for (size_t i = 0; i < FETCH_AHEAD; i++)
		if (r->ahead[i].uid == uid)
			return true;
	return false;
}

/* The bytes that the row's first section begins with; false: not for us. */
static bool first_bytes(const struct fetch_run *r, const struct store_row *row, uint64_t *pos,
			size_t *n)
{
	const struct imap_section *sec = &r->f.sections[0];
	struct mime_view view = { .n_parts = 0 };
	uint64_t len;

	if (r->marks_seen && !sec->peek && !(row->flags & FLAG_SEEN))
		return false;
	if ((r->columns & COL_MAP) && (row->map.n == 0 || mime_map_decode(row->map, &view, NULL)))
		return false;
	if (fetch_range(sec, &view, row->size, pos, &len) || len == 0 || len > AHEAD_MAX)
		return false;
	*n = (size_t)len;
	return *pos / FETCH_SLICE == (*pos + len - 1) / FETCH_SLICE;	/* one slice */
}

static void ask(struct imap_session *s, struct fetch_slot *slot, uint32_t uid, uint64_t pos,
		size_t n)
{
	slot->uid = uid;
	slot->pos = pos;
	slot->n = n;
	slot->call = store_content(&s->at, s->view.fid, uid, pos, n, false, on_bytes, on_content,
				   slot);
}

void ahead_start(struct imap_session *s)
{
	struct fetch_run *r = s->run;
	const struct store_row *row;
	uint64_t pos;
	size_t n, k = 0;

	for (size_t i = 0; i < FETCH_AHEAD; i++) {
		if (r->ahead[i].uid != 0)
			continue;
		do {
			row = row_queue_peek(&r->rows, k++);
		} while (row && has_slot(r, row->uid));
		if (row == NULL)
			return;
		if (first_bytes(r, row, &pos, &n))
			ask(s, &r->ahead[i], row->uid, pos, n);
	}
}
