#include "roles/client-access/imap/ahead.h"

static void on_bytes(void *ctx, const void *p, size_t n)
{
	struct ahead_slot *slot = ctx;

	if (buf_add(&slot->bytes, p, n) != ERR_OK)
		slot->err = ERR_CORRUPT;	/* more than was asked for */
	api_grant(slot->call, n);
}

static void on_content(void *ctx, enum err e, uint64_t size, uint32_t flags, uint64_t modseq)
{
	struct ahead_slot *slot = ctx;

	(void)flags;
	(void)modseq;
	slot->call = NULL;
	slot->size = size;
	if (e)
		slot->err = e;
	imap_pump(slot->s);
}

void ahead_init(struct ahead *a, struct imap_session *s)
{
	for (size_t i = 0; i < AHEAD_SLOTS; i++) {
		a->slot[i] = (struct ahead_slot){ .s = s };
		buf_init(&a->slot[i].bytes, AHEAD_MAX);
	}
}

void ahead_fini(struct ahead *a)
{
	for (size_t i = 0; i < AHEAD_SLOTS; i++) {
		api_cancel(&a->slot[i].call);
		buf_fini(&a->slot[i].bytes);
	}
}

static void release(struct ahead_slot *slot)
{
	api_cancel(&slot->call);
	buf_clear(&slot->bytes);
	slot->bytes.max = AHEAD_MAX;
	slot->err = ERR_OK;
	slot->uid = 0;
}

bool ahead_has(const struct ahead *a, uint32_t uid)
{
	for (size_t i = 0; i < AHEAD_SLOTS; i++)
		if (a->slot[i].uid == uid)
			return true;
	return false;
}

bool ahead_has_room(const struct ahead *a)
{
	return ahead_has(a, 0);
}

void ahead_ask(struct ahead *a, uint32_t uid, uint64_t pos, size_t n)
{
	size_t i = 0;

	CHECK(n > 0 && n <= AHEAD_MAX);
	if (ahead_has(a, uid))
		return;
	while (i < AHEAD_SLOTS && a->slot[i].uid != 0)
		i++;
	if (i == AHEAD_SLOTS)
		return;
	a->slot[i].uid = uid;
	a->slot[i].pos = pos;
	a->slot[i].n = n;
	a->slot[i].call = store_content(&a->slot[i].s->at, a->slot[i].s->view.fid, uid, pos, n,
					false, on_bytes, on_content, &a->slot[i]);
}

struct ahead_slot *ahead_find(struct ahead *a, uint32_t uid, uint64_t pos, size_t n)
{
	for (size_t i = 0; i < AHEAD_SLOTS; i++)
		if (a->slot[i].uid == uid && a->slot[i].pos == pos && a->slot[i].n == n)
			return &a->slot[i];
	return NULL;
}

void ahead_take(struct ahead_slot *slot, struct buf *out)
{
	struct buf mine = *out;

	*out = slot->bytes;
	out->max = mine.max;
	slot->bytes = mine;
	release(slot);
}

void ahead_forget(struct ahead *a, uint32_t uid)
{
	for (size_t i = 0; i < AHEAD_SLOTS; i++)
		if (a->slot[i].uid != 0 && a->slot[i].uid < uid)
			release(&a->slot[i]);
}
