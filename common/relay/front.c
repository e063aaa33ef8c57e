#include "common/relay/front.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/list.h"
#include "common/base/log.h"

#include <stdlib.h>

#define TICK_MS 1000

struct front {
	struct front_conf conf;
	struct spool *spool;
	struct tls_ctx *tls;
	struct listener *listener;
	struct list sessions;
	size_t n;
	uv_timer_t *tick;
};

struct front_session {
	struct list node;
	struct front *front;
	struct conn *conn;
	struct addr peer;
	struct smtp_server *smtp;
	uv_timer_t timer;		/* tarpit; closed last: frees the session */
	bool timer_closing;
	void *data;
};

/* ---- the end of a session ----------------------------------------------------- */

static void session_closed(uv_handle_t *h)
{
	free(CONTAINER_OF((uv_timer_t *)(void *)h, struct front_session, timer));
}

/* The session goes now, its memory when the timer is closed. */
static void session_end(struct front_session *s)
{
	if (s->timer_closing)
		return;
	s->timer_closing = true;
	list_del(&s->node);
	s->front->n--;
	smtp_server_free(&s->smtp);
	uv_timer_stop(&s->timer);
	uv_close((uv_handle_t *)&s->timer, session_closed);
}

/* ---- what the session asks of the connection ------------------------------------ */

static bool io_send(void *ctx, const char *p, size_t n)
{
	struct front_session *s = ctx;

	if (s->conn)
		conn_send(s->conn, p, n);
	return s->conn && !conn_is_full(s->conn);
}

static void io_starttls(void *ctx)
{
	struct front_session *s = ctx;

	if (s->conn)
		conn_starttls(s->conn, s->front->tls, NULL);
}

static void on_timer(uv_timer_t *t)
{
	smtp_server_wake(CONTAINER_OF(t, struct front_session, timer)->smtp);
}

static void io_timer(void *ctx, unsigned ms)
{
	struct front_session *s = ctx;

	if (!s->timer_closing)
		uv_timer_start(&s->timer, on_timer, ms, 0);
}

static void io_pause(void *ctx, bool stop)
{
	struct front_session *s = ctx;

	if (!s->conn)
		return;
	if (stop)
		conn_pause(s->conn);
	else
		conn_resume(s->conn);
}

static void io_hangup(void *ctx)
{
	struct front_session *s = ctx;

	conn_close(&s->conn);
	session_end(s);
}

static const struct smtp_server_io io = {
	.send = io_send, .starttls = io_starttls, .timer = io_timer, .pause = io_pause,
	.hangup = io_hangup,
};

/* ---- what the connection tells ---------------------------------------------------- */

static void on_ready(void *ctx)
{
	struct front_session *s = ctx;

	if (conn_is_tls(s->conn))
		smtp_server_tls_started(s->smtp);
}

static void on_data(void *ctx, const char *p, size_t n)
{
	struct front_session *s = ctx;

	smtp_server_feed(s->smtp, p, n);
}

static void on_drain(void *ctx)
{
	struct front_session *s = ctx;

	smtp_server_writable(s->smtp);
}

static void on_close(void *ctx, enum conn_end end, const char *detail)
{
	struct front_session *s = ctx;

	(void)detail;
	log_debug(NULL, "smtp closed end=%s", conn_end_text(end));
	s->conn = NULL;
	session_end(s);
}

static const struct conn_events events = {
	.on_ready = on_ready, .on_data = on_data, .on_drain = on_drain, .on_close = on_close,
};

static void on_accept(void *ctx, struct conn *c)
{
	struct front *f = ctx;
	struct front_session *s = xcalloc(1, sizeof(*s));

	list_init(&s->node);
	list_add_tail(&f->sessions, &s->node);
	f->n++;
	s->front = f;
	s->conn = c;
	s->peer = *conn_peer(c);
	CHECK(uv_timer_init(f->conf.loop, &s->timer) == 0);
	conn_attach(c, &events, s);
	s->smtp = smtp_server_new(f->conf.smtp, f->spool, &io, f->conf.policy, s,
				  clock_mono_ms());
	smtp_server_start(s->smtp, false);
}

static void on_tick(uv_timer_t *t)
{
	struct front *f = t->data;
	int64_t now = clock_mono_ms();

	LIST_EACH (&f->sessions, n)
		smtp_server_tick(CONTAINER_OF(n, struct front_session, node)->smtp, now);
}

/* ---- opening, closing --------------------------------------------------------------- */

static void tick_closed(uv_handle_t *h)
{
	free(h);
}

enum err front_open(const struct front_conf *conf, struct front **out, struct errbuf *eb)
{
	struct front *f;
	struct listener_conf lc = {
		.addrs = conf->addrs, .default_port = conf->default_port,
		.limits = conf->limits, .on_accept = on_accept,
		.busy_text = "421 4.3.2 Too many connections, try again later\r\n",
	};
	enum err e;

	*out = NULL;
	if (!conf->addrs || !conf->addrs[0])
		return ERR_OK;
	f = xcalloc(1, sizeof(*f));
	f->conf = *conf;
	list_init(&f->sessions);
	lc.ctx = f;
	e = listener_open(conf->net, &lc, &f->listener, eb);
	if (e) {
		free(f);
		return e;
	}
	f->tick = xcalloc(1, sizeof(*f->tick));
	CHECK(uv_timer_init(conf->loop, f->tick) == 0);
	f->tick->data = f;
	uv_timer_start(f->tick, on_tick, TICK_MS, TICK_MS);
	*out = f;
	return ERR_OK;
}

void front_ready(struct front *f, struct spool *spool, struct tls_ctx *tls)
{
	if (!f)
		return;
	f->spool = spool;
	f->tls = tls;
}

void front_drain(struct front *f)
{
	if (!f)
		return;
	listener_close(&f->listener);
	LIST_EACH (&f->sessions, n)
		smtp_server_drain(CONTAINER_OF(n, struct front_session, node)->smtp);
}

void front_close(struct front **fp)
{
	struct front *f = *fp;

	*fp = NULL;
	if (!f)
		return;
	listener_close(&f->listener);
	LIST_EACH (&f->sessions, n) {
		struct front_session *s = CONTAINER_OF(n, struct front_session, node);

		conn_abort(&s->conn);
		session_end(s);
	}
	uv_close((uv_handle_t *)f->tick, tick_closed);
	free(f);
}

size_t front_sessions(const struct front *f)
{
	return f ? f->n : 0;
}

uint16_t front_port(const struct front *f)
{
	return f && f->listener ? listener_port(f->listener, 0) : 0;
}

void *front_role(const struct front_session *s)
{
	return s->front->conf.role;
}

void *front_session_get(const struct front_session *s)
{
	return s->data;
}

void front_session_set(struct front_session *s, void *data)
{
	s->data = data;
}

struct conn *front_session_conn(const struct front_session *s)
{
	return s->conn;
}

const struct addr *front_session_peer(const struct front_session *s)
{
	return &s->peer;
}

struct smtp_server *front_session_smtp(const struct front_session *s)
{
	return s->smtp;
}
