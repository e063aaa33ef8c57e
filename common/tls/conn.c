/*
 * One connection.  Invariants:
 *
 *  1. The owner is called back only while `events` is set; it is set from
 *     conn_attach() until on_close, conn_close() or conn_abort().
 *  2. Memory goes after the loop has turned, so `c` may be looked at after any
 *     callback; whoever called one asks is_live() before going on.
 *  3. Bytes leave in the order out -> (engine) -> wire -> inflight -> kernel.  A
 *     plain connection does not use wire, save for what STARTTLS left there.
 *  4. Bytes arrived but not handed over stand in `held`, as ciphertext; nothing
 *     is read from the kernel while it holds any.
 *
 *	CONNECTING -> HANDSHAKE -> OPEN -> FLUSHING -> CLOSED
 *	                  ^---------' conn_starttls()
 */
#include "common/tls/conn.h"

#include "common/base/check.h"
#include "common/tls/conn_priv.h"
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define CONN_MAGIC 0x636f6e6eu
#define LOW_WATER  (64u * 1024)
#define HIGH_WATER (256u * 1024)
#define MAX_WATER  (8u * 1024 * 1024)

#define WIRE_AHEAD    (64u * 1024)	/* encrypted at a time */
#define WIRE_MAX      (256u * 1024)	/* with flights and answers to key updates */
#define TURN_BYTES    (512u * 1024)	/* written to one peer before others have a turn */
#define RECORD_BYTES  (16u * 1024)
#define SHAKE_MS      30000
#define LINGER_MS     10000		/* to take what we still have to say */
#define FAREWELL_MS   2000		/* then, to close the other half */
#define DISCARD_BYTES (256u * 1024)	/* of what is still coming meanwhile */
#define KEEPALIVE_S   600

enum conn_state { ST_CONNECTING, ST_HANDSHAKE, ST_OPEN, ST_FLUSHING, ST_CLOSED };

struct write {
	uv_write_t req;
	struct buf bytes;
};

struct conn {
	unsigned magic;
	enum conn_state state;
	uv_tcp_t tcp;
	uv_timer_t timer;
	struct net *net;
	struct list node, dirty;
	const struct conn_events *events;	/* NULL: nobody to tell */
	void *ctx;
	struct engine *engine;			/* NULL: plain */
	struct buf out, wire, held;
	struct write *inflight;
	struct conn_limits *limits;
	struct addr peer, local;
	size_t low, high;
	int64_t idle_ms;
	uint64_t last_ms;			/* of the loop: bytes came or went */
	uint64_t bytes_in, bytes_out;
	size_t discarded;
	const char *fail_detail;		/* static text */
	enum conn_end fail_end;
	unsigned handles;			/* not yet closed */
	bool reading, paused, resumed, full, failed, tell_ready, shake_begins, got_eof, shut;
};

const char *conn_end_text(enum conn_end end)
{
	static const char *const texts[] = {
		[CONN_EOF] = "eof", [CONN_RESET] = "reset", [CONN_TLS] = "tls",
		[CONN_TIMEOUT] = "timeout", [CONN_OVERRUN] = "overrun",
	};

	return (unsigned)end < N_ELEMS(texts) ? texts[end] : "?";
}

static bool is_live(const struct conn *c)
{
	return c->state <= ST_OPEN;
}

static void touch(struct conn *c)
{
	c->last_ms = uv_now(c->net->loop);
}

/* ---- birth and death ------------------------------------------------------------- */

struct conn *conn_new(struct net *n)
{
	struct conn *c = xcalloc(1, sizeof(*c));

	c->magic = CONN_MAGIC;
	c->net = n;
	c->low = LOW_WATER;
	c->high = HIGH_WATER;
	buf_init(&c->out, MAX_WATER);
	buf_init(&c->wire, WIRE_MAX);
	buf_init(&c->held, READ_BYTES);
	list_init(&c->dirty);
	list_init(&c->node);
	list_add_tail(&n->conns, &c->node);
	n->n_conns++;
	n->refs++;
	uv_tcp_init(n->loop, &c->tcp);
	uv_timer_init(n->loop, &c->timer);
	c->handles = 2;
	c->tcp.data = c->timer.data = c;
	return c;
}

static void on_handle_closed(uv_handle_t *h)
{
	struct conn *c = h->data;
	struct net *n = c->net;

	if (--c->handles > 0)
		return;
	c->magic = 0;
	free(c);
	n->n_conns--;
	net_release(n);
}

static void close_now(struct conn *c)
{
	struct addr source = addr_source(&c->peer);

	if (c->state == ST_CLOSED)
		return;
	c->state = ST_CLOSED;
	c->events = NULL;
	list_del(&c->dirty);
	list_del(&c->node);
	engine_free(&c->engine);
	buf_fini(&c->out);
	buf_fini(&c->wire);
	buf_fini(&c->held);
	if (c->limits)
		conn_limits_leave(c->limits, &source);
	uv_close((uv_handle_t *)&c->tcp, on_handle_closed);
	uv_close((uv_handle_t *)&c->timer, on_handle_closed);
}

void conn_drop(struct conn *c)
{
	close_now(c);
}

static void on_timer(uv_timer_t *h);

static void arm(struct conn *c, int64_t ms)
{
	if (ms > 0)
		uv_timer_start(&c->timer, on_timer, (uint64_t)ms, 0);
	else
		uv_timer_stop(&c->timer);
}

/* Nobody listens any more; what was said before still goes out. */
static void linger(struct conn *c)
{
	c->events = NULL;
	c->state = ST_FLUSHING;
	if (c->engine && !engine_is_open(c->engine))
		buf_clear(&c->out);	/* it will never be encrypted */
	arm(c, LINGER_MS);
	conn_mark(c);
}

/* The end came from outside.  From the loop only. */
static void end(struct conn *c, enum conn_end why, const char *detail)
{
	const struct conn_events *ev = c->events;
	bool shaking = c->state == ST_CONNECTING;

	if (!is_live(c))
		return;
	c->got_eof = why == CONN_EOF;
	c->events = NULL;
	c->state = ST_FLUSHING;		/* the owner can do no more harm */
	if (ev)
		ev->on_close(c->ctx, why, detail);
	if (shaking || why == CONN_RESET || why == CONN_OVERRUN)
		close_now(c);
	else
		linger(c);
}

/* The same from inside an owner's call: told when the loop turns. */
static void fail_later(struct conn *c, enum conn_end why, const char *detail)
{
	if (c->failed)
		return;
	c->failed = true;
	c->fail_end = why;
	c->fail_detail = detail;
	conn_mark(c);
}

/* Found while writing, maybe inside an owner's call. */
static void broken(struct conn *c, enum conn_end why, const char *detail)
{
	if (is_live(c))
		fail_later(c, why, detail);
	else
		close_now(c);
}

void conn_close(struct conn **cp)
{
	struct conn *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	CHECK_OBJ(c, CONN_MAGIC);
	if (!is_live(c))
		return;			/* inside on_close */
	if (c->state == ST_CONNECTING || c->failed)
		close_now(c);
	else
		linger(c);
}

void conn_abort(struct conn **cp)
{
	struct conn *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	CHECK_OBJ(c, CONN_MAGIC);
	close_now(c);
}

/* ---- writing --------------------------------------------------------------------- */

size_t conn_pending(const struct conn *c)
{
	return c->out.len + c->wire.len + (c->inflight ? c->inflight->bytes.len : 0);
}

static void flush(struct conn *c);

static void on_written(uv_write_t *req, int status)
{
	struct conn *c = req->handle->data;

	buf_fini(&c->inflight->bytes);
	free(c->inflight);
	c->inflight = NULL;
	if (c->state == ST_CLOSED)
		return;
	touch(c);
	if (status < 0 && is_live(c))
		end(c, CONN_RESET, uv_strerror(status));
	else if (status < 0)
		close_now(c);
	else
		flush(c);
}

/* The kernel is full: hand it the rest, bytes and all. */
static void write_rest(struct conn *c, struct buf *src)
{
	struct write *w = xcalloc(1, sizeof(*w));
	uv_buf_t b;
	int r;

	w->bytes = *src;
	buf_init(src, src->max);
	c->inflight = w;
	b = uv_buf_init(w->bytes.data, (unsigned)w->bytes.len);
	r = uv_write(&w->req, (uv_stream_t *)&c->tcp, &b, 1, on_written);
	if (r == 0)
		return;
	c->inflight = NULL;
	buf_fini(&w->bytes);
	free(w);
	broken(c, CONN_RESET, uv_strerror(r));
}

/* One write to the kernel; false: no more for now. */
static bool write_some(struct conn *c, struct buf *src, size_t *sent)
{
	uv_buf_t b = uv_buf_init(src->data, (unsigned)src->len);
	int n = uv_try_write((uv_stream_t *)&c->tcp, &b, 1);

	if (n < 0 && n != UV_EAGAIN) {
		broken(c, CONN_RESET, uv_strerror(n));
		return false;
	}
	if (n > 0) {
		buf_drop(src, (size_t)n);
		*sent += (size_t)n;
		touch(c);
	}
	if (src->len > 0) {
		write_rest(c, src);
		return false;
	}
	buf_release(src);
	return true;
}

static bool encrypt(struct conn *c)
{
	while (c->out.len > 0 && c->wire.len < WIRE_AHEAD) {
		size_t n = c->out.len < RECORD_BYTES ? c->out.len : RECORD_BYTES;

		if (!engine_write(c->engine, c->out.data, n)) {
			broken(c, CONN_TLS, "cannot encrypt");
			return false;
		}
		buf_drop(&c->out, n);
	}
	buf_release(&c->out);
	return true;
}

/* All is said: close our half, give the peer a moment to close its own, so that
 * it need not lose our last words to a reset. */
static void finish(struct conn *c)
{
	uv_os_fd_t fd;

	if (c->shut)
		return;
	c->shut = true;
	if (c->got_eof || uv_fileno((uv_handle_t *)&c->tcp, &fd) || shutdown(fd, SHUT_WR)) {
		close_now(c);
		return;
	}
	arm(c, FAREWELL_MS);
}

static void flush(struct conn *c)
{
	size_t sent = 0;

	while (c->state != ST_CLOSED && c->state != ST_CONNECTING && !c->inflight && !c->failed) {
		bool may_encrypt = c->engine && c->state != ST_HANDSHAKE;

		if (c->wire.len == 0 && may_encrypt && c->out.len > 0 && !encrypt(c))
			break;
		if (c->wire.len == 0 && may_encrypt && c->state == ST_FLUSHING)
			engine_goodbye(c->engine);
		if (c->wire.len > 0) {
			if (!write_some(c, &c->wire, &sent))
				break;
		} else if (c->engine == NULL && c->out.len > 0) {
			if (!write_some(c, &c->out, &sent))
				break;
		} else {
			break;
		}
		if (sent >= TURN_BYTES) {
			conn_mark(c);
			break;
		}
	}
	if (c->state == ST_FLUSHING && conn_pending(c) == 0)
		finish(c);
	else if (c->full && conn_pending(c) < c->low) {
		c->full = false;
		if (c->events && c->events->on_drain)
			c->events->on_drain(c->ctx);
	}
}

void conn_send(struct conn *c, const void *p, size_t n)
{
	CHECK_OBJ(c, CONN_MAGIC);
	if (!is_live(c) || c->failed || n == 0)
		return;
	if (conn_pending(c) + n > c->out.max || buf_add(&c->out, p, n)) {
		fail_later(c, CONN_OVERRUN, "the peer does not read");
		return;
	}
	c->bytes_out += n;
	if (conn_pending(c) > c->high)
		c->full = true;
	conn_mark(c);
}

bool conn_is_full(const struct conn *c)
{
	return c->full || conn_pending(c) > c->high;
}

void conn_set_water(struct conn *c, size_t low, size_t high, size_t max)
{
	CHECK(low <= high && high <= max && max >= conn_pending(c));
	c->low = low;
	c->high = high;
	c->out.max = max;
}

/* ---- reading ----------------------------------------------------------------------- */

static void opened(struct conn *c)
{
	c->state = ST_OPEN;
	touch(c);
	arm(c, c->idle_ms);
	if (c->events && c->events->on_ready)
		c->events->on_ready(c->ctx);
}

/* Handshake with what came; true when it is over and went well. */
static bool shake(struct conn *c, struct span *in)
{
	enum engine_step step = engine_handshake(c->engine, in);

	conn_mark(c);			/* there may be a flight to send */
	if (step == ENGINE_FAIL)
		end(c, CONN_TLS, engine_detail(c->engine));
	if (step != ENGINE_DONE)
		return false;
	opened(c);
	return is_live(c);
}

/* Decrypt and hand over until there is no more, or the owner pauses or ends. */
static void pump(struct conn *c, struct span *in)
{
	enum engine_step step;
	size_t got;

	if (c->state == ST_HANDSHAKE && !shake(c, in))
		return;
	while (is_live(c) && !c->paused) {
		step = engine_read(c->engine, in, c->net->plain, READ_BYTES, &got);
		if (step == ENGINE_MORE)
			break;
		if (step == ENGINE_EOF) {
			end(c, CONN_EOF, "");
			return;
		}
		if (step == ENGINE_FAIL) {
			end(c, CONN_TLS, engine_detail(c->engine));
			return;
		}
		c->bytes_in += got;
		if (c->events)
			c->events->on_data(c->ctx, c->net->plain, got);
	}
	if (is_live(c) && c->wire.len > 0)
		conn_mark(c);		/* answers of the record layer itself */
}

static void set_reading(struct conn *c);

static void input(struct conn *c, const char *p, size_t n)
{
	struct span in = { p, n };

	touch(c);
	if (!is_live(c)) {
		c->discarded += n;
		if (c->discarded > DISCARD_BYTES)
			close_now(c);
		return;
	}
	if (c->engine) {
		pump(c, &in);
		if (is_live(c) && in.n > 0)	/* paused: at most one read's worth */
			CHECK(buf_add(&c->held, in.p, in.n) == ERR_OK);
		set_reading(c);
		return;
	}
	c->bytes_in += n;
	if (c->events)
		c->events->on_data(c->ctx, p, n);
}

static void on_alloc(uv_handle_t *h, size_t want, uv_buf_t *b)
{
	struct conn *c = h->data;

	(void)want;
	*b = uv_buf_init(c->net->in, READ_BYTES);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	struct conn *c = s->data;

	CHECK_OBJ(c, CONN_MAGIC);
	if (n > 0) {
		input(c, b->base, (size_t)n);
	} else if (n < 0 && c->state == ST_FLUSHING) {
		c->got_eof = true;
		uv_read_stop(s);
		if (c->shut || n != UV_EOF)
			close_now(c);
	} else if (n == UV_EOF) {
		uv_read_stop(s);
		end(c, CONN_EOF, "");
	} else if (n < 0) {
		end(c, CONN_RESET, uv_strerror((int)n));
	}
}

static void set_reading(struct conn *c)
{
	bool want = c->state != ST_CLOSED && c->state != ST_CONNECTING && !c->got_eof &&
		    ((!c->paused && c->held.len == 0) || c->state == ST_FLUSHING ||
		     c->state == ST_HANDSHAKE);

	if (want == c->reading || c->state == ST_CLOSED)
		return;
	c->reading = want;
	if (!want)
		uv_read_stop((uv_stream_t *)&c->tcp);
	else if (uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read))
		fail_later(c, CONN_RESET, "cannot read");
}

void conn_pause(struct conn *c)
{
	c->paused = true;
	set_reading(c);
}

void conn_resume(struct conn *c)
{
	if (!is_live(c) || !c->paused)
		return;
	c->paused = false;
	c->resumed = true;
	conn_mark(c);
}

/* What was held while the owner paused, and what OpenSSL still has. */
static void pump_held(struct conn *c)
{
	struct span in = { c->held.data, c->held.len };

	pump(c, &in);
	if (c->state == ST_CLOSED)
		return;			/* held is gone with it */
	buf_drop(&c->held, c->held.len - in.n);
	buf_release(&c->held);
}

/* ---- turns --------------------------------------------------------------------------- */

/* What owners asked for since the last turn. */
void conn_turn(struct conn *c)
{
	struct span nothing = { NULL, 0 };

	CHECK_OBJ(c, CONN_MAGIC);
	if (c->failed && is_live(c)) {
		end(c, c->fail_end, c->fail_detail);
		return;
	}
	if (c->shake_begins && c->state == ST_HANDSHAKE) {
		c->shake_begins = false;
		(void)shake(c, &nothing);
	}
	if (c->tell_ready && is_live(c)) {
		c->tell_ready = false;
		opened(c);
	}
	if (c->resumed && c->engine && c->state == ST_OPEN && !c->paused) {
		c->resumed = false;
		pump_held(c);
	}
	set_reading(c);
	flush(c);
}

static void on_idle_over(struct conn *c)
{
	int64_t left = c->idle_ms - (int64_t)(uv_now(c->net->loop) - c->last_ms);

	if (left > 0) {
		arm(c, left);
	} else if (c->events && c->events->on_idle) {
		touch(c);
		arm(c, c->idle_ms);
		c->events->on_idle(c->ctx);
	} else {
		end(c, CONN_TIMEOUT, "idle");
	}
}

static void on_timer(uv_timer_t *h)
{
	struct conn *c = h->data;

	CHECK_OBJ(c, CONN_MAGIC);
	switch (c->state) {
	case ST_CONNECTING: end(c, CONN_TIMEOUT, "connect"); break;
	case ST_HANDSHAKE:  end(c, CONN_TIMEOUT, "handshake"); break;
	case ST_OPEN:	    on_idle_over(c); break;
	case ST_FLUSHING:   close_now(c); break;
	case ST_CLOSED:	    break;
	}
}

void conn_set_idle(struct conn *c, int64_t ms)
{
	c->idle_ms = ms;
	if (c->state != ST_OPEN)
		return;
	touch(c);
	arm(c, ms);
}

/* ---- servers and clients ------------------------------------------------------------- */

static void learn_local(struct conn *c)
{
	struct sockaddr_storage ss;
	int len = sizeof(ss);

	if (uv_tcp_getsockname(&c->tcp, (struct sockaddr *)&ss, &len) == 0)
		addr_from_sockaddr((struct sockaddr *)&ss, &c->local);
}

void conn_tune(uv_tcp_t *tcp)
{
	uv_tcp_nodelay(tcp, 1);
	uv_tcp_keepalive(tcp, 1, KEEPALIVE_S);
}

void conn_accepted(struct conn *c, struct tls_ctx *tls, struct conn_limits *limits,
		   const struct addr *peer)
{
	c->limits = limits;
	c->peer = *peer;
	learn_local(c);
	if (tls) {
		c->engine = engine_new(tls, NULL, &c->wire);
		c->state = ST_HANDSHAKE;
		arm(c, SHAKE_MS);
	} else {
		c->state = ST_OPEN;
		c->tell_ready = true;
	}
}

void conn_attach(struct conn *c, const struct conn_events *events, void *ctx)
{
	CHECK_OBJ(c, CONN_MAGIC);
	c->events = events;
	c->ctx = ctx;
	set_reading(c);
	conn_mark(c);
}

static void on_connected(uv_connect_t *req, int status)
{
	struct conn *c = req->handle->data;

	free(req);
	if (c->state != ST_CONNECTING)
		return;			/* timed out or given up */
	if (status < 0) {
		end(c, CONN_RESET, uv_strerror(status));
		return;
	}
	learn_local(c);
	conn_tune(&c->tcp);
	if (c->engine) {
		c->state = ST_HANDSHAKE;	/* the time-out goes on */
		c->shake_begins = true;
	} else {
		c->state = ST_OPEN;
		c->tell_ready = true;
	}
	set_reading(c);
	conn_mark(c);
}

struct conn *conn_dial(struct net *n, const struct conn_dial *d,
		       const struct conn_events *events, void *ctx)
{
	uv_connect_t *req = xcalloc(1, sizeof(*req));
	struct conn *c = conn_new(n);
	struct sockaddr_storage ss;
	int r = 0;

	c->state = ST_CONNECTING;
	c->events = events;
	c->ctx = ctx;
	c->peer = d->to;
	if (d->tls)
		c->engine = engine_new(d->tls, d->name, &c->wire);
	if (d->from.family) {
		addr_to_sockaddr(&d->from, &ss);
		r = uv_tcp_bind(&c->tcp, (struct sockaddr *)&ss, 0);
	}
	addr_to_sockaddr(&d->to, &ss);
	if (r == 0)
		r = uv_tcp_connect(req, &c->tcp, (struct sockaddr *)&ss, on_connected);
	arm(c, d->timeout_ms ? d->timeout_ms : SHAKE_MS);
	if (r) {
		free(req);
		fail_later(c, CONN_RESET, uv_strerror(r));
	}
	return c;
}

void conn_starttls(struct conn *c, struct tls_ctx *tls, const char *name)
{
	CHECK_OBJ(c, CONN_MAGIC);
	if (!is_live(c))
		return;
	CHECK(c->state == ST_OPEN && c->engine == NULL);
	c->wire = c->out;		/* in plain, before the handshake */
	c->wire.max = c->out.len + WIRE_MAX;
	buf_init(&c->out, c->out.max);
	c->engine = engine_new(tls, name, &c->wire);
	c->state = ST_HANDSHAKE;
	c->shake_begins = true;
	c->tell_ready = false;
	arm(c, SHAKE_MS);
	set_reading(c);
	conn_mark(c);
}

/* ---- facts ------------------------------------------------------------------------------ */

const struct addr *conn_peer(const struct conn *c)
{
	return &c->peer;
}

const struct addr *conn_local(const struct conn *c)
{
	return &c->local;
}

bool conn_is_tls(const struct conn *c)
{
	return c->engine && c->state == ST_OPEN;
}

void conn_tls(const struct conn *c, struct conn_tls *out)
{
	if (conn_is_tls(c))
		engine_info(c->engine, out);
	else
		memset(out, 0, sizeof(*out));
}

bool conn_exporter(const struct conn *c, uint8_t out[32])
{
	return conn_is_tls(c) && engine_exporter(c->engine, out);
}

void conn_proof(const struct conn *c, struct conn_proof *out)
{
	memset(out, 0, sizeof(*out));
	if (conn_is_tls(c))
		engine_proof(c->engine, out);
}

uint64_t conn_bytes_in(const struct conn *c)
{
	return c->bytes_in;
}

uint64_t conn_bytes_out(const struct conn *c)
{
	return c->bytes_out;
}

uv_stream_t *conn_stream(struct conn *c)
{
	return (uv_stream_t *)&c->tcp;
}

struct net *conn_net(struct conn *c)
{
	return c->net;
}

struct list *conn_dirty_node(struct conn *c)
{
	return &c->dirty;
}

struct conn *conn_of_dirty(struct list *node)
{
	return CONTAINER_OF(node, struct conn, dirty);
}

struct conn *conn_of_node(struct list *node)
{
	return CONTAINER_OF(node, struct conn, node);
}
