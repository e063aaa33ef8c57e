/* APPEND, stage and place of the fake store: five bytes of room a step. */
#include "tests/unit/client-access/imap/fake_priv.h"

#include "common/base/check.h"
#include <stdlib.h>
#include <string.h>

#define MAX_STAGED 16
#define OPEN_MAX   4096

static struct {
	struct guid batch;
	uint32_t n;
	struct msg m[MAX_STAGED];
	size_t len[MAX_STAGED];
} staged;

void fake_stage_reset(void)
{
	for (size_t i = 0; i < MAX_STAGED; i++) {
		free(staged.m[i].content);
		free(staged.m[i].keyword);
	}
	memset(&staged, 0, sizeof(staged));
}

/* ---- asking -------------------------------------------------------------------------- */

static struct api_call *upload(const struct store_append *a, void (*writable)(void *ctx), void *cb,
			       void *ctx)
{
	struct api_call *c = fake_call(APPENDING, cb, ctx);

	c->fid = a->fid;
	c->a = *a;
	c->keyword = a->keywords ? xstrdup(a->keywords[0]) : NULL;
	c->writable = writable;
	c->data = xcalloc(1, a->size + 1);
	c->room = 5;
	return c;
}

struct api_call *store_append(const struct store_at *at, const struct store_append *a,
			      void (*writable)(void *ctx), store_append_cb *cb, void *ctx)
{
	(void)at;
	return upload(a, writable, (void *)cb, ctx);
}

struct api_call *store_stage(const struct store_at *at, const struct store_stage *s,
			     void (*writable)(void *ctx), store_done_cb *cb, void *ctx)
{
	struct store_append a = { .fid = s->fid, .flags = s->flags, .keywords = s->keywords,
				  .internal_ms = s->internal_ms, .batch = s->batch,
				  .size = s->open ? OPEN_MAX : s->size };
	struct api_call *c = upload(&a, writable, (void *)cb, ctx);

	(void)at;
	c->staging = true;
	c->open = s->open;
	c->bits = s->ord;
	return c;
}

size_t store_append_room(const struct api_call *c)
{
	return c->room;
}

void store_append_data(struct api_call *c, const void *p, size_t n)
{
	CHECK(n <= c->room && c->len + n <= c->a.size && !c->ended);
	memcpy(c->data + c->len, p, n);
	c->len += n;
	c->room -= n;
}

void store_append_keep(struct api_call *c, const void *p, size_t n)
{
	CHECK(!guid_is_null(&c->a.batch) && c->len + n == c->a.size);
	store_append_data(c, p, n);
	c->on = true;
}

void store_append_end(struct api_call *c)
{
	CHECK(c->open);
	c->ended = true;
}

struct api_call *store_place(const struct store_at *at, const struct store_place *p,
			     store_append_cb *cb, void *ctx)
{
	struct api_call *c = fake_call(PLACING, (void *)cb, ctx);

	(void)at;
	c->place = *p;
	return c;
}

/* ---- answering ------------------------------------------------------------------------ */

static bool is_whole(const struct api_call *c)
{
	return c->open ? c->ended : c->len == c->a.size;
}

bool fake_wants_bytes(const struct api_call *c)
{
	return c->kind == APPENDING && c->room > 0 && !is_whole(c);
}

static void put_down(struct api_call *c, uint32_t ord)
{
	struct msg *m = &staged.m[ord];

	CHECK(ord < MAX_STAGED);
	if (!guid_eq(&staged.batch, &c->a.batch))
		fake_stage_reset();
	staged.batch = c->a.batch;
	staged.n++;
	staged.len[ord] = c->len;
	*m = (struct msg){ .flags = c->a.flags, .date_ms = c->a.internal_ms,
			   .content = xmemdup(c->data, c->len + 1),
			   .keyword = c->keyword ? xstrdup(c->keyword) : NULL };
}

static struct msg *append(struct folder *f, const char *content, size_t n, unsigned flags,
			  const char *keyword, int64_t date_ms)
{
	struct msg *m = fake_add(f, content, n, flags);

	m->keyword = keyword ? xstrdup(keyword) : NULL;
	if (date_ms)
		m->date_ms = date_ms;
	return m;
}

bool fake_answer_append(struct api_call *c, enum err e)
{
	struct folder *f = fake_by_fid(c->fid);
	struct msg *m;

	if (!e && !is_whole(c)) {
		c->room = 5;
		c->writable(c->ctx);
		return false;
	}
	if (!e && c->staging) {
		put_down(c, c->bits);
		((store_done_cb *)c->cb)(c->ctx, e, c->len);
	} else if (c->staging) {
		((store_done_cb *)c->cb)(c->ctx, e, 0);
	} else if (!e && c->on) {
		put_down(c, 0);
		((store_append_cb *)c->cb)(c->ctx, e, 0, 0, 0);
	} else if (!e) {
		m = append(f, c->data, c->len, c->a.flags, c->keyword, c->a.internal_ms);
		((store_append_cb *)c->cb)(c->ctx, e, f->uidvalidity, m->uid, m->modseq);
	} else {
		((store_append_cb *)c->cb)(c->ctx, e, 0, 0, 0);
	}
	return true;
}

void fake_answer_place(struct api_call *c, enum err e)
{
	struct folder *f = fake_by_fid(c->place.fid), *from = fake_by_fid(c->place.replace_fid);
	struct msg *old = fake_by_uid(from, c->place.replace_uid);
	uint32_t uid = f->uidnext;

	if (!e && (!guid_eq(&staged.batch, &c->place.batch) || staged.n != c->place.n))
		e = ERR_STALE;
	if (!e && c->place.replace_uid && old == NULL)
		e = ERR_NOTFOUND;
	if (!e && old)
		old->gone = from->modseq = ++fake.cn;
	for (uint32_t i = 0; !e && i < c->place.n; i++) {
		const struct msg *s = &staged.m[i];

		append(f, s->content, staged.len[i], s->flags, s->keyword, s->date_ms);
	}
	((store_append_cb *)c->cb)(c->ctx, e, f->uidvalidity, uid, f->modseq);
}
