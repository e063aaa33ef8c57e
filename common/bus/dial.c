#include "common/bus/parts.h"

#include "common/base/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 *	WAIT --> TRYING --> OPEN
 *	  ^        |          |
 *	  +--------+----------+	each time with a new socket: libzmq gives up for
 *				good when it was refused once
 */

#define RECONNECT_MS     100	/* while nobody listens there */
#define RECONNECT_MAX_MS 1000
#define AFTER_LOSS_MS    20
#define QUICK_TRIES      5

static void connect_now(struct bus_link *l);

static void on_retry(uv_timer_t *t)
{
	connect_now(t->data);
}

static void close_socks(struct bus_link *l)
{
	if (l->sock && l->sock->z)
		zmq_socket_monitor(l->sock->z, NULL, 0);
	/* The link leaves its socket's list of blocked ones with its queue. */
	bus_link_clear(l);
	bus_sock_close(&l->sock);
	bus_sock_close(&l->monitor);
	list_del(&l->due);
	l->broken = false;
}

void bus_dial_lost(struct bus_link *l, bool refused)
{
	unsigned delay = AFTER_LOSS_MS;

	if (l->state == LINK_GONE || l->state == LINK_WAIT)
		return;
	close_socks(l);
	l->state = LINK_WAIT;
	if (refused) {
		/* In a rotation the next try may meet the right key: the first
		 * few come quickly. */
		l->backoff = ++l->tries <= QUICK_TRIES || l->backoff == 0 ? BACKOFF_MIN
									 : l->backoff * 2;
		if (l->backoff > BACKOFF_MAX)
			l->backoff = BACKOFF_MAX;
		delay = l->backoff;
	}
	uv_timer_start(&l->retry, on_retry, delay, 0);
}

/* ---- what happens on it ---------------------------------------------------- */

static void opened(struct bus_link *l)
{
	struct bus_hooks *h = &l->bus->conf.hooks;

	l->state = LINK_OPEN;
	h->on_open(h->ctx, l);
}

static bool dealer_step(struct bus_sock *s)
{
	struct bus_link *l = s->dial;
	struct bus_hooks *h = &s->bus->conf.hooks;
	struct bus_msg *m = bus_recv(s, NULL, NULL, NULL, NULL);

	if (m == NULL)
		return false;
	/* The monitor's news may come after the first message. */
	if (l->state == LINK_TRYING)
		opened(l);
	if (s->z == NULL || l->broken) {
		bus_msg_free(&m);
		return true;
	}
	l->backoff = 0;
	l->tries &= 3;		/* this key and socket stay the first choice */
	h->on_message(h->ctx, l, m);
	return true;
}

static const char *why(unsigned event, bool was_open)
{
	switch (event) {
	case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: return "our key was refused";
	case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: return "handshake failed: another key there?";
	case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL: return "handshake failed";
	default: return was_open ? "connection lost" : "hung up during the handshake";
	}
}

static void lost(struct bus_link *l, unsigned event)
{
	struct bus_hooks *h = &l->bus->conf.hooks;
	bool was_open = l->state == LINK_OPEN;

	bus_dial_lost(l, !was_open);
	h->on_close(h->ctx, l, !was_open, why(event, was_open));
}

static bool monitor_step(struct bus_sock *s)
{
	struct bus_link *l = s->dial;
	struct bus_msg *m = bus_recv(s, NULL, NULL, NULL, NULL);
	uint16_t event;

	if (m == NULL)
		return false;
	event = bus_flow_event(s->bus, m);
	bus_msg_free(&m);
	if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
		if (l->state == LINK_TRYING)
			opened(l);
	} else if (event != ZMQ_EVENT_MONITOR_STOPPED && event != ZMQ_EVENT_CONNECTED &&
		   event != 0) {
		lost(l, event);
	}
	return true;
}

/* ---- connecting ------------------------------------------------------------ */

#define EVENTS                                                                    \
	(ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |        \
	 ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | \
	 ZMQ_EVENT_CONNECTED | ZMQ_EVENT_DISCONNECTED)

static int dialler_options(void *z, const uint8_t *server, const uint8_t *pub,
			   const uint8_t *secret)
{
	static const struct {
		int option, value;
	} table[] = {
		{ ZMQ_RECONNECT_IVL, RECONNECT_MS },
		{ ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS },
		{ ZMQ_CONNECT_TIMEOUT, 3000 },
	};

	if (bus_sock_common(z) < 0)
		return -1;
	for (size_t i = 0; i < N_ELEMS(table); i++) {
		if (zmq_setsockopt(z, table[i].option, &table[i].value, sizeof(int)) < 0)
			return -1;
	}
	if (zmq_setsockopt(z, ZMQ_CURVE_SERVERKEY, server, BUS_KEY) < 0 ||
	    zmq_setsockopt(z, ZMQ_CURVE_PUBLICKEY, pub, BUS_KEY) < 0)
		return -1;
	return zmq_setsockopt(z, ZMQ_CURVE_SECRETKEY, secret, BUS_KEY);
}

enum err bus_monitor(struct bus_sock *of, int events, struct bus_sock **out, struct errbuf *eb)
{
	struct bus *b = of->bus;
	char name[64];
	enum err e;

	snprintf(name, sizeof(name), "inproc://monitor-%llu",
		 (unsigned long long)++b->n_monitors);
	if (zmq_socket_monitor(of->z, name, events) < 0)
		return bus_zmq_error(eb, "monitor");
	e = bus_sock_open(b, ZMQ_PAIR, out, eb);
	if (!e && zmq_connect((*out)->z, name) < 0)
		e = bus_zmq_error(eb, "monitor");
	return e;
}

static enum err open_monitor(struct bus_link *l, struct errbuf *eb)
{
	enum err e = bus_monitor(l->sock, EVENTS, &l->monitor, eb);

	if (e)
		return e;
	l->monitor->dial = l;
	l->monitor->step = monitor_step;
	return bus_sock_watch(l->monitor, eb);
}

/* In a rotation a server may know only our other key, or serve the key we expect
 * on its other socket file: each refusal tries the next combination. */
static void choose(const struct bus_link *l, bool *old_key, char *endpoint, size_t cap)
{
	bool two = memcmp(l->bus->conf.old_secret_key, bus_no_key, BUS_KEY) != 0;
	unsigned i = two ? l->tries >> 1 : l->tries;

	*old_key = two && (l->tries & 1);
	if (strncmp(l->endpoint, "ipc://", 6) == 0 && (i & 1)) {
		snprintf(endpoint, cap, "%s.old", l->endpoint);
		if (access(endpoint + 6, F_OK) == 0)
			return;
	}
	snprintf(endpoint, cap, "%s", l->endpoint);
}

static enum err try_connect(struct bus_link *l, struct errbuf *eb)
{
	const struct bus_conf *c = &l->bus->conf;
	char endpoint[256];
	bool old;
	enum err e = bus_sock_open(l->bus, ZMQ_DEALER, &l->sock, eb);

	if (e)
		return e;
	l->sock->dial = l;
	l->sock->step = dealer_step;
	choose(l, &old, endpoint, sizeof(endpoint));
	if (dialler_options(l->sock->z, l->key, old ? c->old_public_key : c->public_key,
			    old ? c->old_secret_key : c->secret_key) < 0)
		return bus_zmq_error(eb, "dialler options");
	e = open_monitor(l, eb);
	if (e)
		return e;
	if (zmq_connect(l->sock->z, endpoint) < 0)
		return bus_zmq_error(eb, endpoint);
	return bus_sock_watch(l->sock, eb);
}

static void connect_now(struct bus_link *l)
{
	struct bus_hooks *h = &l->bus->conf.hooks;
	struct errbuf eb = { "" };

	l->state = LINK_TRYING;
	if (try_connect(l, &eb) == ERR_OK)
		return;
	/* No descriptors, or an endpoint that cannot be: later, perhaps. */
	bus_dial_lost(l, true);
	h->on_close(h->ctx, l, true, eb.text);
}

struct bus_link *bus_dial(struct bus *b, const char *endpoint, const uint8_t server_key[BUS_KEY],
			  void *data)
{
	struct bus_link *l = xcalloc(1, sizeof(*l));

	bus_link_init(l, b);
	l->dialled = true;
	l->data = data;
	l->state = LINK_WAIT;
	l->endpoint = xstrdup(endpoint);
	memcpy(l->key, server_key, BUS_KEY);
	list_add_tail(&b->dials, &l->node);
	uv_timer_init(b->conf.loop, &l->retry);
	l->retry.data = l;
	b->n_handles++;
	uv_timer_start(&l->retry, on_retry, 0, 0);
	return l;
}

static void on_dial_closed(uv_handle_t *t)
{
	struct bus_link *l = t->data;
	struct bus *b = l->bus;

	bus_link_free(l);
	bus_handle_closed(b);
}

void bus_undial(struct bus_link **lp)
{
	struct bus_link *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	close_socks(l);
	l->state = LINK_GONE;
	list_del(&l->node);
	uv_close((uv_handle_t *)&l->retry, on_dial_closed);
}
