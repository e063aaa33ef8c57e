/* fake_search - finding, sorting and threading in the fake store */
#include "common/api/store_search.h"
#include "common/base/check.h"
#include "common/mime/summary.h"
#include "tests/unit/client-access/imap/fake_priv.h"
#include <endian.h>
#include <stdlib.h>
#include <string.h>

void fake_catalogue(bool on)
{
	fake.catalogue = on;
}

static bool within(const struct api_call *c, uint32_t uid)
{
	for (size_t i = 0; i < c->n_uids; i++)
		if (c->uids[i].first <= uid && uid <= c->uids[i].last)
			return true;
	return false;
}

static void take_uids(struct api_call *c, struct uid_ranges u)
{
	c->uids = xcalloc(u.n + 1, sizeof(*c->uids));
	if (u.n)
		memcpy(c->uids, u.r, u.n * sizeof(*u.r));
	c->n_uids = u.n;
}

struct api_call *store_find(const struct store_at *at, uint64_t fid,
			    const struct store_needle *needles, size_t n, store_find_cb *cb,
			    void *ctx)
{
	struct api_call *c = fake_call(FINDING, (void *)cb, ctx);

	(void)at;
	c->fid = fid;
	c->n_uids = n;
	c->path = xcalloc(1, needles[0].text.n + 1);
	memcpy(c->path, needles[0].text.p, needles[0].text.n);
	return c;
}

struct api_call *store_sort(const struct store_at *at, uint64_t fid, struct uid_ranges uids,
			    const uint8_t *keys, size_t n_keys, store_bytes_cb *bytes,
			    store_done_cb *cb, void *ctx)
{
	struct api_call *c = fake_call(SORTING, (void *)cb, ctx);

	(void)at;
	CHECK(n_keys > 0);
	c->fid = fid;
	c->rows = (void *)bytes;
	c->bits = keys[0];
	take_uids(c, uids);
	return c;
}

struct api_call *store_refs(const struct store_at *at, uint64_t fid, struct uid_ranges uids,
			    store_bytes_cb *bytes, store_done_cb *cb, void *ctx)
{
	struct api_call *c = fake_call(REFERRING, (void *)cb, ctx);

	(void)at;
	c->fid = fid;
	c->rows = (void *)bytes;
	take_uids(c, uids);
	return c;
}

/* Of the first text only, by its bytes. */
void fake_answer_find(struct api_call *c, enum err e)
{
	struct folder *f = fake_by_fid(c->fid);
	struct store_found out[STORE_NEEDLES] = { { false, { NULL, 0 } } };
	struct uid_range r[MAX_MSGS];
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++)
		if (strcasestr(f->m[i].content, c->path))
			r[n++] = (struct uid_range){ f->m[i].uid, f->m[i].uid };
	out[0] = (struct store_found){ fake.catalogue, { r, n } };
	((store_find_cb *)c->cb)(c->ctx, e, out, c->n_uids);
}

/* Bytes come three at a time. */
static void give_bytes(struct api_call *c, const char *p, size_t n)
{
	while (n > 0 && !c->cancelled) {
		size_t k = n < 3 ? n : 3;

		((store_bytes_cb *)c->rows)(c->ctx, p, k);
		p += k;
		n -= k;
	}
}

static bool sorts_behind(unsigned key, const struct msg *a, const struct msg *b)
{
	bool size = (key & ~STORE_SORT_REVERSE) == STORE_SORT_SIZE;
	int64_t va = size ? (int64_t)strlen(a->content) : a->date_ms;
	int64_t vb = size ? (int64_t)strlen(b->content) : b->date_ms;

	if (va == vb)
		return a->uid > b->uid;
	return (va > vb) == !(key & STORE_SORT_REVERSE);
}

/* By SIZE; every other key is taken for ARRIVAL. */
void fake_answer_sort(struct api_call *c, enum err e)
{
	struct folder *f = fake_by_fid(c->fid);
	const struct msg *m[MAX_MSGS];
	uint32_t uids[MAX_MSGS];
	size_t n = 0, k;

	for (size_t i = 0; !e && i < f->n; i++) {
		if (f->m[i].gone || !within(c, f->m[i].uid))
			continue;
		for (k = n++; k > 0 && sorts_behind(c->bits, m[k - 1], &f->m[i]); k--)
			m[k] = m[k - 1];
		m[k] = &f->m[i];
	}
	for (size_t i = 0; i < n; i++)
		uids[i] = htole32(m[i]->uid);
	give_bytes(c, (const char *)uids, n * sizeof(uids[0]));
	if (!c->cancelled)
		((store_done_cb *)c->cb)(c->ctx, e, 0);
}

void fake_answer_refs(struct api_call *c, enum err e)
{
	struct folder *f = fake_by_fid(c->fid);
	struct arena a = { 0 };
	struct buf out;

	buf_init(&out, 1 << 20);
	for (size_t i = 0; !e && i < f->n; i++) {
		const struct msg *m = &f->m[i];
		struct summary s;
		struct store_refs r = { .uid = m->uid };

		if (m->gone || !within(c, m->uid))
			continue;
		summary_parse(&a, span_of(m->content), &s);
		r.is_reply = s.is_reply;
		r.sent_ms = s.sent_ms;
		r.own = s.message_id_hash;
		r.subject[0] = s.base_subject.n ? summary_id_hash(s.base_subject) : 0;
		r.refs = (const uint8_t *)s.refs;	/* hosts here are little endian */
		r.n_refs = s.n_refs;
		CHECK(store_refs_write(&out, &r) == ERR_OK);
	}
	give_bytes(c, out.data, out.len);
	if (!c->cancelled)
		((store_done_cb *)c->cb)(c->ctx, e, 0);
	buf_fini(&out);
	arena_fini(&a);
}
