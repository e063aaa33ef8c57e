#include "common/bus/parts.h"

#include "common/base/check.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const uint8_t bus_no_key[BUS_KEY];

enum err bus_zmq_error(struct errbuf *eb, const char *what)
{
	int number = zmq_errno();

	switch (number) {
	case EADDRINUSE: return err_set(eb, ERR_EXISTS, "%s: %s", what, zmq_strerror(number));
	case EINVAL:
	case ENODEV:
	case EPROTONOSUPPORT:
	case ENAMETOOLONG: return err_set(eb, ERR_INVALID, "%s: %s", what, zmq_strerror(number));
	default: return err_errno(eb, number, what);
	}
}

void bus_key_hex(const uint8_t key[BUS_KEY], char out[KEY_HEX])
{
	static const char digit[] = "0123456789abcdef";

	for (size_t i = 0; i < BUS_KEY; i++) {
		out[2 * i] = digit[key[i] >> 4];
		out[2 * i + 1] = digit[key[i] & 15];
	}
	out[2 * BUS_KEY] = '\0';
}

void bus_keypair(uint8_t public_key[BUS_KEY], uint8_t secret_key[BUS_KEY])
{
	char pub[41], sec[41];

	CHECK(zmq_curve_keypair(pub, sec) == 0);
	CHECK(zmq_z85_decode(public_key, pub) != NULL);
	CHECK(zmq_z85_decode(secret_key, sec) != NULL);
	explicit_bzero(sec, sizeof(sec));
}

/* ---- sockets --------------------------------------------------------------- */

int bus_sock_common(void *z)
{
	static const struct {
		int option, value;
	} table[] = {
		{ ZMQ_LINGER, 0 },
		{ ZMQ_IPV6, 1 },
		{ ZMQ_IMMEDIATE, 1 },
		{ ZMQ_HEARTBEAT_IVL, 1000 },
		{ ZMQ_HEARTBEAT_TIMEOUT, 3000 },
		{ ZMQ_HEARTBEAT_TTL, 3000 },
		{ ZMQ_HANDSHAKE_IVL, 5000 },
		{ ZMQ_SNDHWM, HWM },
		{ ZMQ_RCVHWM, HWM },
	};
	int64_t max = BUS_MAX_FRAME;

	for (size_t i = 0; i < N_ELEMS(table); i++) {
		if (zmq_setsockopt(z, table[i].option, &table[i].value, sizeof(int)) < 0)
			return -1;
	}
	return zmq_setsockopt(z, ZMQ_MAXMSGSIZE, &max, sizeof(max));
}

enum err bus_sock_open(struct bus *b, int type, struct bus_sock **out, struct errbuf *eb)
{
	struct bus_sock *s;
	void *z = zmq_socket(b->z, type);

	if (z == NULL)
		return bus_zmq_error(eb, "zmq socket");
	s = xcalloc(1, sizeof(*s));
	s->bus = b;
	s->z = z;
	list_init(&s->node);
	list_init(&s->dirty);
	list_init(&s->blocked);
	hash_init(&s->links);
	*out = s;
	return ERR_OK;
}

static void on_poll(uv_poll_t *h, int status, int events)
{
	(void)status;
	(void)events;
	bus_sock_touch(h->data);
}

enum err bus_sock_watch(struct bus_sock *s, struct errbuf *eb)
{
	struct bus *b = s->bus;
	int fd, rc;
	size_t n = sizeof(fd);

	if (zmq_getsockopt(s->z, ZMQ_FD, &fd, &n) < 0)
		return bus_zmq_error(eb, "zmq fd");
	rc = uv_poll_init(b->conf.loop, &s->poll, fd);
	if (rc < 0)
		return err_set(eb, ERR_INTERNAL, "poll: %s", uv_strerror(rc));
	s->poll.data = s;
	b->n_handles++;
	list_add_tail(&b->socks, &s->node);
	CHECK(uv_poll_start(&s->poll, UV_READABLE, on_poll) == 0);
	bus_sock_touch(s);
	return ERR_OK;
}

void bus_handle_closed(struct bus *b)
{
	CHECK(b->n_handles > 0);
	if (--b->n_handles == 0 && b->closing) {
		explicit_bzero(&b->conf, sizeof(b->conf));
		free(b);
	}
}

static void sock_free(struct bus_sock *s)
{
	hash_fini(&s->links);
	free(s->endpoint);
	free(s);
}

static void on_sock_closed(uv_handle_t *h)
{
	struct bus_sock *s = h->data;
	struct bus *b = s->bus;

	sock_free(s);
	bus_handle_closed(b);
}

void bus_sock_close(struct bus_sock **sp)
{
	struct bus_sock *s = *sp;
	bool watched;

	*sp = NULL;
	if (s == NULL)
		return;
	watched = !list_empty(&s->node);
	list_del(&s->node);
	list_del(&s->dirty);
	/* The descriptor is libzmq's: take it from the loop before it is closed. */
	if (watched)
		uv_close((uv_handle_t *)&s->poll, on_sock_closed);
	CHECK(zmq_close(s->z) == 0);
	s->z = NULL;
	if (!watched)
		sock_free(s);
}

void bus_sock_touch(struct bus_sock *s)
{
	if (list_empty(&s->dirty))
		list_add_tail(&s->bus->dirty, &s->dirty);
}

/* ---- the turn -------------------------------------------------------------- */

static bool flush_blocked(struct bus_sock *s)
{
	bool went = false;

	LIST_EACH (&s->blocked, n) {
		struct bus_link *l = CONTAINER_OF(n, struct bus_link, blocked);

		went |= bus_link_flush(l);
	}
	return went;
}

static void sock_turn(struct bus_sock *s)
{
	flush_blocked(s);
	for (int i = 0; i < MSGS_PER_TURN; i++) {
		if (!s->step(s)) {
			/* libzmq has handled all its commands: what the steps
			 * sent before needs no other look.  A flush in vain may
			 * swallow a wake-up, but must not keep the loop awake
			 * while a peer is slow: on_unblock() looks again. */
			if (!flush_blocked(s))
				list_del(&s->dirty);
			return;
		}
		if (s->z == NULL)
			return;		/* closed by a hook */
	}
	bus_sock_touch(s);
}

static void report_broken(struct bus *b)
{
	struct list *n;

	while (!b->closing && (n = list_pop(&b->broken)) != NULL) {
		struct bus_link *l = CONTAINER_OF(n, struct bus_link, due);

		if (l->dialled)
			bus_dial_lost(l, false);
		b->conf.hooks.on_close(b->conf.hooks.ctx, l, false, "peer unreachable");
		if (!l->dialled && l->state != LINK_GONE)
			bus_accepted_gone(l);
	}
}

static struct bus_link *with_room(struct bus_sock *s)
{
	LIST_EACH (&s->blocked, n) {
		struct bus_link *l = CONTAINER_OF(n, struct bus_link, blocked);

		if (list_empty(&l->queue) && !l->was_full)
			list_del(&l->blocked);
		else if (l->was_full && l->queued < BUS_ROOM)
			return l;
	}
	return NULL;
}

static void report_room(struct bus_sock *s)
{
	struct bus_hooks *h = &s->bus->conf.hooks;
	struct bus_link *l;

	/* A hook may send on, and so break, any link: look anew after each. */
	while (s->z && (l = with_room(s)) != NULL) {
		l->was_full = false;
		if (l->state == LINK_OPEN && !l->broken)
			h->on_room(h->ctx, l);
	}
}

static void free_dead(struct bus *b)
{
	struct list *n;

	while ((n = list_pop(&b->dead)) != NULL)
		bus_link_free(CONTAINER_OF(n, struct bus_link, due));
}

static void on_idle(uv_idle_t *h)
{
	(void)h;	/* an active idle handle keeps the loop from sleeping */
}

static void on_unblock(uv_timer_t *h)
{
	struct bus *b = h->data;

	LIST_EACH (&b->socks, n) {
		struct bus_sock *s = CONTAINER_OF(n, struct bus_sock, node);

		if (!list_empty(&s->blocked))
			bus_sock_touch(s);
	}
}

static bool any_blocked(const struct bus *b)
{
	LIST_EACH (&b->socks, n) {
		const struct bus_sock *s = CONTAINER_OF(n, struct bus_sock, node);

		if (!list_empty(&s->blocked))
			return true;
	}
	return false;
}

/* Work is done right after the poll, so that a loop that is turned once has done
 * what it was woken for. */
static void on_check(uv_check_t *h)
{
	struct bus *b = h->data;
	struct list turn, *n;

	/* Each socket once: those that stay dirty wait for the next turn. */
	list_init(&turn);
	while ((n = list_pop(&b->dirty)) != NULL)
		list_add_tail(&turn, n);
	while ((n = list_pop(&turn)) != NULL) {
		struct bus_sock *s = CONTAINER_OF(n, struct bus_sock, dirty);

		sock_turn(s);
		report_room(s);
	}
	if (!b->closing)
		report_broken(b);
	free_dead(b);
}

/* Before the loop sleeps: may it? */
static void on_prepare(uv_prepare_t *h)
{
	struct bus *b = h->data;

	if (!list_empty(&b->dirty) || !list_empty(&b->broken))
		uv_idle_start(&b->idle, on_idle);
	else
		uv_idle_stop(&b->idle);
	if (!any_blocked(b))
		uv_timer_stop(&b->unblock);
	else if (!uv_is_active((uv_handle_t *)&b->unblock))
		uv_timer_start(&b->unblock, on_unblock, BLOCKED_MS, BLOCKED_MS);
}

/* ---- messages -------------------------------------------------------------- */

struct msg {
	struct bus_msg pub;
	unsigned n_held;
	zmq_msg_t held[BUS_PARTS];
};

void bus_msg_free(struct bus_msg **mp)
{
	struct msg *m;

	if (*mp == NULL)
		return;
	m = CONTAINER_OF(*mp, struct msg, pub);
	*mp = NULL;
	for (unsigned i = 0; i < m->n_held; i++)
		zmq_msg_close(&m->held[i]);
	free(m);
}

static void skip_rest(void *z)
{
	zmq_msg_t f;
	int more = 1;

	zmq_msg_init(&f);
	while (more && zmq_msg_recv(&f, z, ZMQ_DONTWAIT) >= 0)
		more = zmq_msg_more(&f);
	zmq_msg_close(&f);
}

/* False: nothing there.  A message is whole when its first frame is there. */
static bool recv_parts(struct msg *m, void *z)
{
	bool more = true;

	while (more && m->n_held < BUS_PARTS) {
		zmq_msg_t *f = &m->held[m->n_held];

		zmq_msg_init(f);
		m->n_held++;
		if (zmq_msg_recv(f, z, ZMQ_DONTWAIT) < 0)
			return false;
		m->pub.part[m->n_held - 1].p = zmq_msg_data(f);
		m->pub.part[m->n_held - 1].n = zmq_msg_size(f);
		m->pub.bytes += zmq_msg_size(f);
		more = zmq_msg_more(f);
	}
	m->pub.n = more ? 0 : m->n_held;
	if (more)
		skip_rest(z);
	return true;
}

static bool recv_id(void *z, uint8_t *id, size_t *id_len, bool *more)
{
	zmq_msg_t f;
	int n;

	zmq_msg_init(&f);
	n = zmq_msg_recv(&f, z, ZMQ_DONTWAIT);
	if (n >= 0) {
		/* A routing id that a peer chose itself may be 255 bytes long; ours
		 * are 5.  Cut, it belongs to no link. */
		*id_len = (size_t)n < 32 ? (size_t)n : 32;
		memcpy(id, zmq_msg_data(&f), *id_len);
		*more = zmq_msg_more(&f);
		if ((size_t)n > *id_len)
			*id_len = 0;
	}
	zmq_msg_close(&f);
	return n >= 0;
}

struct bus_msg *bus_recv(struct bus_sock *s, uint8_t *id, size_t *id_len, const char **user,
			 const char **address)
{
	struct bus_msg *none;
	struct msg *m;
	bool more = true;

	if (id && !recv_id(s->z, id, id_len, &more))
		return NULL;
	m = xrealloc(NULL, sizeof(*m));
	memset(m, 0, offsetof(struct msg, held));
	/* A routing id with nothing behind it is a message, if a bad one. */
	if (more && !recv_parts(m, s->z)) {
		none = &m->pub;
		bus_msg_free(&none);
		return NULL;
	}
	if (m->n_held)
		bus_flow_message(s->bus, zmq_msg_get(&m->held[0], ZMQ_SRCFD));
	if (user) {
		*user = m->n_held ? zmq_msg_gets(&m->held[0], "User-Id") : NULL;
		*address = m->n_held ? zmq_msg_gets(&m->held[0], "Peer-Address") : NULL;
	}
	return &m->pub;
}

/* ---- opening and closing --------------------------------------------------- */

static void start_loop_handles(struct bus *b)
{
	uv_prepare_init(b->conf.loop, &b->prepare);
	uv_check_init(b->conf.loop, &b->check);
	uv_idle_init(b->conf.loop, &b->idle);
	uv_timer_init(b->conf.loop, &b->unblock);
	b->prepare.data = b->check.data = b->idle.data = b->unblock.data = b;
	bus_flow_open(b);
	b->n_handles += 5;
	uv_prepare_start(&b->prepare, on_prepare);
	uv_check_start(&b->check, on_check);
}

enum err bus_open(const struct bus_conf *conf, struct bus **out, struct errbuf *eb)
{
	struct bus *b = xcalloc(1, sizeof(*b));
	enum err e;

	b->conf = *conf;
	list_init(&b->socks);
	list_init(&b->dirty);
	list_init(&b->dials);
	list_init(&b->broken);
	list_init(&b->dead);
	start_loop_handles(b);
	b->z = zmq_ctx_new();
	if (b->z == NULL) {
		e = bus_zmq_error(eb, "zmq context");
		goto fail;
	}
	/* Each dialled link has two sockets. */
	zmq_ctx_set(b->z, ZMQ_MAX_SOCKETS, 4096);
	zmq_ctx_set(b->z, ZMQ_IO_THREADS, 1);
	/* Before any other socket: whoever connects while nobody is asked comes in. */
	e = bus_zap_open(b, eb);
	if (e)
		goto fail;
	*out = b;
	return ERR_OK;
fail:
	bus_close(&b);
	return e;
}

static void on_handle_closed(uv_handle_t *h)
{
	bus_handle_closed(h->data);
}

static void drop_links(struct bus_sock *s)
{
	struct hash_node *n = hash_next(&s->links, NULL), *next;

	for (; n; n = next) {
		struct bus_link *l = CONTAINER_OF(n, struct bus_link, by_id);

		next = hash_next(&s->links, n);
		bus_accepted_gone(l);
	}
}

void bus_close(struct bus **bp)
{
	struct bus *b = *bp;

	*bp = NULL;
	if (b == NULL)
		return;
	LIST_EACH (&b->dials, n) {
		struct bus_link *l = CONTAINER_OF(n, struct bus_link, node);

		bus_undial(&l);
	}
	/* Nobody may wait for a monitor that is closed. */
	LIST_EACH (&b->socks, n) {
		struct bus_sock *s = CONTAINER_OF(n, struct bus_sock, node);

		if (s->endpoint)
			zmq_socket_monitor(s->z, NULL, 0);
	}
	LIST_EACH (&b->socks, n) {
		struct bus_sock *s = CONTAINER_OF(n, struct bus_sock, node);

		drop_links(s);
		bus_sock_close(&s);
	}
	b->closing = true;
	free_dead(b);
	if (b->z)
		CHECK(zmq_ctx_term(b->z) == 0 || errno == EINTR);
	uv_close((uv_handle_t *)&b->prepare, on_handle_closed);
	uv_close((uv_handle_t *)&b->check, on_handle_closed);
	uv_close((uv_handle_t *)&b->idle, on_handle_closed);
	uv_close((uv_handle_t *)&b->unblock, on_handle_closed);
	bus_flow_close(b);
	uv_close((uv_handle_t *)&b->look, on_handle_closed);
}
