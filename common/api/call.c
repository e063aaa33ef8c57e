/* call - one call to a store in flight: its pieces, its end, its cancelling */
#include "common/api/call.h"

#include "common/api/store_priv.h"
#include "common/base/check.h"
#include <stdlib.h>
#include <string.h>

enum { PARTIAL_MAX = 8 << 20 };		/* a row is smaller: its map is at most 4 MiB */

static void call_free(struct api_call *c)
{
	arena_fini(&c->arena);
	buf_fini(&c->partial);
	free(c);
}

struct api_call *store_call_new(api_finish_fn *finish, api_any_fn *cb, void *ctx)
{
	struct api_call *c = xcalloc(1, sizeof(*c));

	c->finish = finish;
	c->cb = cb;
	c->ctx = ctx;
	buf_init(&c->partial, PARTIAL_MAX);
	return c;
}

void api_cancel(struct api_call **cp)
{
	struct api_call *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	rpc_call_cancel(&c->rpc);
	if (c->watches)
		store_watch_leave(c);
	c->is_dead = true;
	if (!c->in_callback)
		call_free(c);
}

void api_grant(struct api_call *c, size_t bytes)
{
	if (c->rpc)
		rpc_call_grant(c->rpc, bytes);
}

/* The owner may cancel from inside its callback: then c goes after it. */
static void leave(struct api_call *c)
{
	c->in_callback = false;
	if (c->is_dead)
		call_free(c);
}

static void end(struct api_call *c, enum err e, const ProtobufCMessage *rep)
{
	c->in_callback = true;
	c->is_dead = true;
	c->finish(c, e, rep);
	leave(c);
}

void store_call_end(struct api_call *c, enum err e)
{
	end(c, e, NULL);
}

void store_call_enter(struct api_call *c)
{
	c->in_callback = true;
}

void store_call_leave(struct api_call *c)
{
	leave(c);
}

static void on_reply(void *ctx, enum err e, const ProtobufCMessage *rep, const void *payload,
		     size_t payload_len, const char *detail)
{
	struct api_call *c = ctx;

	(void)payload;
	(void)payload_len;
	(void)detail;
	c->rpc = NULL;
	if (e == ERR_OK && c->partial.len > 0 && !c->whole)
		e = ERR_INVALID;	/* the last row never ended */
	end(c, e, rep);
}

/* ---- pieces ------------------------------------------------------------------------ */

enum { ROWS_AT_ONCE = 512 };

/* Whole rows from the front of in; hands them on, ROWS_AT_ONCE at a time.  bytes is
 * what the owner will acknowledge. */
static enum err hand_rows(struct api_call *c, struct span *in, size_t bytes)
{
	struct store_row *rows = xcalloc(ROWS_AT_ONCE, sizeof(*rows));
	enum err e = ERR_OK;

	while (e == ERR_OK && !c->is_dead) {
		const char *began = in->p;
		size_t n = 0, used;

		arena_reset(&c->arena);
		while (n < ROWS_AT_ONCE && e == ERR_OK && row_is_whole(*in)) {
			e = row_read(in, &rows[n], &c->arena);
			n += e == ERR_OK;
		}
		if (n == 0 || e)
			break;
		used = (size_t)(in->p - began);
		if (used > bytes)
			used = bytes;
		bytes -= used;
		/* With the last of them goes what is left over for rounding. */
		if (!row_is_whole(*in))
			used += bytes;
		c->rows(c->ctx, rows, n, used);
	}
	free(rows);
	return e;
}

/* Bytes that begin a row without ending it are acknowledged here: a row may be
 * larger than what the stream may have under way. */
static enum err on_rows(struct api_call *c, const char *p, size_t n)
{
	struct span in = { p, n };
	size_t tail, bytes;
	enum err e = ERR_OK;

	if (c->partial.len > 0) {
		if (buf_add(&c->partial, p, n) != ERR_OK)
			return ERR_INVALID;
		in = (struct span){ c->partial.data, c->partial.len };
	}
	tail = row_tail(in);
	bytes = tail < n ? n - tail : 0;
	if (n > bytes)
		api_grant(c, n - bytes);
	e = hand_rows(c, &in, bytes);
	if (e || c->is_dead)
		return e;
	if (c->partial.len > 0)
		buf_drop(&c->partial, c->partial.len - in.n);
	else
		e = buf_add(&c->partial, in.p, in.n);
	return e ? ERR_INVALID : ERR_OK;
}

static enum err on_piece(struct api_call *c, const void *p, size_t n)
{
	api_grant(c, n);
	return buf_add(&c->partial, p, n) == ERR_OK ? ERR_OK : ERR_INVALID;
}

static void on_chunk(void *ctx, const void *p, size_t n)
{
	struct api_call *c = ctx;
	enum err e = ERR_OK;

	c->in_callback = true;
	if (c->rows)
		e = on_rows(c, p, n);
	else if (c->bytes)
		c->bytes(c->ctx, p, n);
	else if (c->whole)
		e = on_piece(c, p, n);
	else
		api_grant(c, n);
	if (e && !c->is_dead) {
		rpc_call_cancel(&c->rpc);
		end(c, e, NULL);
	} else {
		leave(c);
	}
}

static void on_credit(void *ctx)
{
	struct api_call *c = ctx;

	c->in_callback = true;
	if (c->writable && c->left > 0)
		c->writable(c->ctx);
	leave(c);
}

/* ---- beginning ------------------------------------------------------------------------ */

struct api_call *store_call_start(struct api_call *c, const struct store_at *at,
				  const struct api_start *s)
{
	struct rpc_args args = {
		.method = s->method, .body = s->body, .rep = s->rep, .payload = s->payload,
		.payload_len = s->payload_len, .upload = s->upload,
		.principal = guid_is_null(&at->principal) ? NULL : &at->principal,
		.trace = at->trace, .timeout_ms = s->timeout_ms, .on_reply = on_reply,
		.on_chunk = on_chunk, .on_credit = on_credit, .ctx = c,
	};

	c->rpc = rpc_call(at->peer, &args);
	arena_reset(&c->arena);
	return c;
}

ProtobufCBinaryData store_guid(const struct guid *g)
{
	return (ProtobufCBinaryData){ sizeof(g->b), (uint8_t *)(uintptr_t)g->b };
}

char *store_str(const char *s)
{
	return (char *)(uintptr_t)(s ? s : "");
}

size_t store_count(const char *const *list)
{
	size_t n = 0;

	while (list && list[n])
		n++;
	return n;
}

Store__UidRange **store_to_pb(struct api_call *c, struct uid_ranges u, size_t *n)
{
	Store__UidRange **out = arena_alloc(&c->arena, (u.n + 1) * sizeof(*out));
	Store__UidRange *r = arena_alloc(&c->arena, (u.n + 1) * sizeof(*r));

	for (size_t i = 0; i < u.n; i++) {
		store__uid_range__init(&r[i]);
		r[i].first = u.r[i].first;
		r[i].last = u.r[i].last;
		out[i] = &r[i];
	}
	*n = u.n;
	return out;
}

struct uid_ranges store_from_pb(struct api_call *c, Store__UidRange *const *in, size_t n)
{
	struct uid_range *r = arena_alloc(&c->arena, (n + 1) * sizeof(*r));

	for (size_t i = 0; i < n; i++)
		r[i] = (struct uid_range){ in[i]->first, in[i]->last };
	return (struct uid_ranges){ r, n };
}

struct uid_ranges store_from_pairs(struct api_call *c, const uint32_t *in, size_t n)
{
	struct uid_range *r = arena_alloc(&c->arena, (n / 2 + 1) * sizeof(*r));

	for (size_t i = 0; i + 1 < n; i += 2)
		r[i / 2] = (struct uid_range){ in[i], in[i + 1] };
	return (struct uid_ranges){ r, n / 2 };
}
