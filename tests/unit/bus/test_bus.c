/* The bus alone, and what clients that are not ours can do to it. */
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/bus/parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

struct rig {
	uv_loop_t loop;
	uv_timer_t guard;
	bool late, admit, tcp;
	char dir[64], endpoint[96];
	uint8_t pub[2][BUS_KEY], sec[2][BUS_KEY];	/* server, client */
	struct bus *server, *client;
	struct bus_link *accepted;
	unsigned n_in, n_refused_in, n_open, n_closed, n_asked, n_room;
	size_t bytes_in;
	uint32_t next;			/* numbers must come in order */
};

static bool admit(void *ctx, unsigned tag, const uint8_t key[BUS_KEY], const char *address)
{
	struct rig *r = ctx;

	assert_int_equal(tag, 5);
	if (r->tcp)
		assert_non_null(strstr(address, "127.0.0.1"));
	else
		assert_true(strncmp(address, "localhost:", 10) == 0 && strlen(address) > 10);
	(void)key;
	r->n_asked++;
	return r->admit;
}

static void on_open(void *ctx, struct bus_link *l)
{
	(void)l;
	((struct rig *)ctx)->n_open++;
}

static void on_message(void *ctx, struct bus_link *l, struct bus_msg *m)
{
	struct rig *r = ctx;
	uint32_t number;

	r->n_in++;
	r->bytes_in += m->bytes;
	if (!bus_link_dialled(l)) {
		assert_int_equal(bus_link_tag(l), 5);
		r->accepted = l;
	}
	if (m->n == 0) {
		r->n_refused_in++;
	} else if (m->part[0].n == sizeof(number)) {
		memcpy(&number, m->part[0].p, sizeof(number));
		if (number != r->next++)
			fail_msg("got %u, expected %u", number, r->next - 1);
	}
	bus_msg_free(&m);
}

static void on_close(void *ctx, struct bus_link *l, bool refused, const char *why)
{
	(void)refused;
	(void)why;
	if (((struct rig *)ctx)->accepted == l)
		((struct rig *)ctx)->accepted = NULL;
	((struct rig *)ctx)->n_closed++;
}

static void on_room(void *ctx, struct bus_link *l)
{
	assert_true(bus_link_queued(l) < BUS_ROOM);
	((struct rig *)ctx)->n_room++;
}

static void on_guard(uv_timer_t *t)
{
	((struct rig *)t->data)->late = true;
}

#define RUN_UNTIL(r, cond, ms)                                                  \
	do {                                                                    \
		(r)->late = false;                                              \
		uv_timer_start(&(r)->guard, on_guard, (ms), 0);                 \
		while (!(cond) && !(r)->late)                                   \
			uv_run(&(r)->loop, UV_RUN_ONCE);                        \
		uv_timer_stop(&(r)->guard);                                     \
		if (!(cond))                                                    \
			fail_msg("%d: not within %d ms: %s", __LINE__, (ms), #cond); \
	} while (0)

static void turn_for(struct rig *r, unsigned ms)
{
	r->late = false;
	uv_timer_start(&r->guard, on_guard, ms, 0);
	while (!r->late)
		uv_run(&r->loop, UV_RUN_ONCE);
}

static struct bus *open_bus(struct rig *r, int i, size_t max_bytes)
{
	struct bus_conf c = { .loop = &r->loop, .max_bytes = max_bytes, .max_links = 8,
			      .hooks = { admit, on_open, on_message, on_close, on_room, r } };
	struct errbuf eb = { "" };
	struct bus *b = NULL;

	memcpy(c.public_key, r->pub[i], BUS_KEY);
	memcpy(c.secret_key, r->sec[i], BUS_KEY);
	if (bus_open(&c, &b, &eb) != ERR_OK)
		fail_msg("bus_open: %s", eb.text);
	return b;
}

static void rig_up(struct rig *r)
{
	struct errbuf eb = { "" };

	memset(r, 0, sizeof(*r));
	r->admit = true;
	strcpy(r->dir, "/tmp/test-bus-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->endpoint, sizeof(r->endpoint), "ipc://%s/s", r->dir);
	assert_int_equal(uv_loop_init(&r->loop), 0);
	uv_timer_init(&r->loop, &r->guard);
	r->guard.data = r;
	bus_keypair(r->pub[0], r->sec[0]);
	bus_keypair(r->pub[1], r->sec[1]);
	r->server = open_bus(r, 0, 8u << 20);
	assert_int_equal(bus_listen(r->server, r->endpoint, 5, BUS_ANY_UID, &eb), ERR_OK);
}

static struct bus_link *rig_dial(struct rig *r)
{
	struct bus_link *l;

	r->client = open_bus(r, 1, 8u << 20);
	l = bus_dial(r->client, r->endpoint, r->pub[0], NULL);
	RUN_UNTIL(r, r->n_open == 1, 2000);
	return l;
}

static void rig_down(struct rig *r)
{
	char path[100];

	bus_close(&r->client);
	bus_close(&r->server);
	uv_close((uv_handle_t *)&r->guard, NULL);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&r->loop), 0);
	snprintf(path, sizeof(path), "%s/s", r->dir);
	unlink(path);
	assert_int_equal(rmdir(r->dir), 0);
}

/* A client that is not ours. */
static void *stranger(struct rig *r, void **ctx, const char *id)
{
	int zero = 0;
	void *z;

	*ctx = zmq_ctx_new();
	z = zmq_socket(*ctx, ZMQ_DEALER);
	zmq_setsockopt(z, ZMQ_LINGER, &zero, sizeof(zero));
	zmq_setsockopt(z, ZMQ_CURVE_SERVERKEY, r->pub[0], BUS_KEY);
	zmq_setsockopt(z, ZMQ_CURVE_PUBLICKEY, r->pub[1], BUS_KEY);
	zmq_setsockopt(z, ZMQ_CURVE_SECRETKEY, r->sec[1], BUS_KEY);
	if (id)
		zmq_setsockopt(z, ZMQ_ROUTING_ID, id, strlen(id));
	assert_int_equal(zmq_connect(z, r->endpoint), 0);
	return z;
}

/* ---- ------------------------------------------------------------------------ */

static void test_nobody_comes_in_unasked(void **state)
{
	struct rig r;
	void *ctx, *z, *open;
	char pub[41], sec[41], path[64];
	int one = 1;

	(void)state;
	rig_up(&r);
	r.admit = false;
	z = stranger(&r, &ctx, NULL);
	zmq_send(z, "x", 1, ZMQ_DONTWAIT);
	RUN_UNTIL(&r, r.n_asked >= 1, 2000);
	turn_for(&r, 100);
	assert_int_equal(r.n_in, 0);
	zmq_close(z);
	zmq_ctx_term(ctx);

	/* A client without CURVE is not even asked about. */
	r.n_asked = 0;
	ctx = zmq_ctx_new();
	z = zmq_socket(ctx, ZMQ_DEALER);
	one = 0;
	zmq_setsockopt(z, ZMQ_LINGER, &one, sizeof(one));
	zmq_connect(z, r.endpoint);
	zmq_send(z, "x", 1, ZMQ_DONTWAIT);
	turn_for(&r, 150);
	assert_int_equal(r.n_in + r.n_asked, 0);
	zmq_close(z);
	zmq_ctx_term(ctx);
	rig_down(&r);

	/* What our listeners rely on: without a handler nobody comes in. */
	ctx = zmq_ctx_new();
	open = zmq_socket(ctx, ZMQ_ROUTER);
	one = 1;
	zmq_curve_keypair(pub, sec);
	zmq_setsockopt(open, ZMQ_CURVE_SERVER, &one, sizeof(one));
	zmq_setsockopt(open, ZMQ_CURVE_SECRETKEY, sec, 41);
	zmq_setsockopt(open, ZMQ_ZAP_DOMAIN, "x", 1);
	assert_int_equal(zmq_setsockopt(open, ZMQ_ZAP_ENFORCE_DOMAIN, &one, sizeof(one)), 0);
	assert_int_equal(zmq_bind(open, "inproc://none"), 0);
	snprintf(path, sizeof(path), "ipc:///tmp/test-bus-%d", getpid());
	assert_int_equal(zmq_bind(open, path), 0);
	z = zmq_socket(ctx, ZMQ_DEALER);
	one = 0;
	zmq_setsockopt(z, ZMQ_LINGER, &one, sizeof(one));
	zmq_setsockopt(z, ZMQ_CURVE_SERVERKEY, pub, 41);
	zmq_curve_keypair(pub, sec);
	zmq_setsockopt(z, ZMQ_CURVE_PUBLICKEY, pub, 41);
	zmq_setsockopt(z, ZMQ_CURVE_SECRETKEY, sec, 41);
	zmq_connect(z, path);
	zmq_send(z, "x", 1, 0);
	one = 150;
	zmq_setsockopt(open, ZMQ_RCVTIMEO, &one, sizeof(one));
	assert_int_equal(zmq_recv(open, pub, sizeof(pub), 0), -1);
	zmq_close(z);
	zmq_close(open);
	zmq_ctx_term(ctx);
	unlink(path + strlen("ipc://"));
}

static void test_our_options_hold(void **state)
{
	static const struct {
		int option, want;
	} table[] = {
		{ ZMQ_ZAP_ENFORCE_DOMAIN, 1 }, { ZMQ_CURVE_SERVER, 1 },  { ZMQ_LINGER, 0 },
		{ ZMQ_IMMEDIATE, 1 },	       { ZMQ_HEARTBEAT_IVL, 1000 },
		{ ZMQ_HEARTBEAT_TIMEOUT, 3000 },
	};
	struct rig r;
	int v;
	int64_t max;
	size_t n;

	(void)state;
	rig_up(&r);
	LIST_EACH (&r.server->socks, node) {
		struct bus_sock *s = CONTAINER_OF(node, struct bus_sock, node);

		if (s == r.server->zap)
			continue;
		for (size_t i = 0; i < N_ELEMS(table); i++) {
			n = sizeof(v);
			assert_int_equal(zmq_getsockopt(s->z, table[i].option, &v, &n), 0);
			assert_int_equal(v, table[i].want);
		}
		n = sizeof(max);
		assert_int_equal(zmq_getsockopt(s->z, ZMQ_MAXMSGSIZE, &max, &n), 0);
		assert_int_equal(max, 320 * 1024);
	}
	rig_down(&r);
}

static void send_frames(void *z, unsigned n, size_t bytes)
{
	char *p = xcalloc(1, bytes + 1);

	for (unsigned i = 0; i < n; i++)
		zmq_send(z, p, bytes, i + 1 < n ? ZMQ_SNDMORE : 0);
	free(p);
}

static void test_frames_have_a_number_and_a_size(void **state)
{
	struct rig r;
	void *ctx, *z;

	(void)state;
	rig_up(&r);
	z = stranger(&r, &ctx, NULL);
	send_frames(z, 3, 10);
	RUN_UNTIL(&r, r.n_in == 1, 2000);
	assert_int_equal(r.n_refused_in, 0);
	send_frames(z, 4, 10);
	send_frames(z, 40, 10);
	RUN_UNTIL(&r, r.n_in == 3, 2000);
	assert_int_equal(r.n_refused_in, 2);
	send_frames(z, 1, 10);
	RUN_UNTIL(&r, r.n_in == 4, 2000);
	assert_int_equal(r.n_refused_in, 2);
	/* Beyond the size libzmq hangs up; nothing of it reaches us. */
	send_frames(z, 1, 330 * 1024);
	turn_for(&r, 150);
	assert_int_equal(r.n_in, 4);
	zmq_close(z);
	zmq_ctx_term(ctx);
	rig_down(&r);
}

/* Two clients may take the same routing id: libzmq serves one.  Ours choose none. */
static void test_foreign_routing_ids(void **state)
{
	struct rig r;
	void *c1, *c2, *z1, *z2;
	char id[201];

	(void)state;
	rig_up(&r);
	memset(id, 'a', 200);
	id[200] = '\0';
	z1 = stranger(&r, &c1, "same");
	send_frames(z1, 1, 10);
	RUN_UNTIL(&r, r.n_in == 1, 2000);
	z2 = stranger(&r, &c2, id);		/* longer than any of ours: nobody's */
	send_frames(z2, 1, 10);
	turn_for(&r, 150);
	assert_int_equal(r.n_in, 1);
	rig_dial(&r);
	assert_int_equal(r.n_open, 1);
	zmq_close(z1);
	zmq_close(z2);
	zmq_ctx_term(c1);
	zmq_ctx_term(c2);
	rig_down(&r);
}

/* More than libzmq takes waits, in order; more than that is told. */
static void test_the_queue_is_bounded_and_in_order(void **state)
{
	static char big[64 * 1024];
	struct rig r;
	struct bus_link *l;
	uint32_t n = 0;
	enum err e = ERR_OK;

	(void)state;
	rig_up(&r);
	l = rig_dial(&r);
	while (e == ERR_OK && n < 100000) {
		struct span part[2] = { { (const char *)&n, sizeof(n) }, { big, sizeof(big) } };

		e = bus_send(l, part, 2);
		n += e == ERR_OK;
	}
	assert_int_equal(e, ERR_AGAIN);
	assert_true(n > HWM && n < 4 * HWM + 1000);
	assert_true(bus_link_queued(l) > BUS_ROOM && bus_link_queued(l) <= (8u << 20));
	RUN_UNTIL(&r, r.next == n, 5000);
	assert_int_equal(bus_link_queued(l), 0);
	assert_int_equal(r.n_room, 1);
	assert_int_equal(bus_send(l, &(struct span){ NULL, BUS_MAX_FRAME }, 1), ERR_LIMIT);
	rig_down(&r);
}

static void test_a_dropped_link_is_gone(void **state)
{
	struct rig r;
	struct bus_link *l;

	(void)state;
	rig_up(&r);
	l = rig_dial(&r);
	assert_int_equal(bus_send(l, &SPAN("hello"), 1), ERR_OK);
	RUN_UNTIL(&r, r.accepted != NULL, 1000);
	assert_memory_equal(bus_link_key(r.accepted), r.pub[1], BUS_KEY);
	bus_drop(r.accepted, false);
	assert_int_equal(bus_send(r.accepted, &SPAN("x"), 1), ERR_AGAIN);
	turn_for(&r, 20);
	/* The dialled end drops, too, and is made anew at once. */
	bus_drop(l, false);
	assert_int_equal(bus_send(l, &SPAN("x"), 1), ERR_AGAIN);
	RUN_UNTIL(&r, r.n_open == 2, 2000);
	assert_int_equal(bus_send(l, &SPAN("again"), 1), ERR_OK);
	RUN_UNTIL(&r, r.n_in == 2, 1000);
	assert_int_equal(r.n_closed, 0);
	bus_undial(&l);
	/* Sending to one that left is found out, and told from the loop. */
	turn_for(&r, 50);
	assert_int_equal(bus_send(r.accepted, &SPAN("x"), 1), ERR_AGAIN);
	assert_int_equal(r.n_closed, 0);
	RUN_UNTIL(&r, r.n_closed == 1, 1000);
	rig_down(&r);
}

/* ---- messages without an end, on TCP --------------------------------------------------
 *
 * libzmq's own clients hold a message back until it is finished, so what others may do
 * is played on plain connections. */

static void listen_tcp(struct rig *r)
{
	struct errbuf eb = { "" };

	r->tcp = true;
	for (int i = 0; i < 50; i++) {
		snprintf(r->endpoint, sizeof(r->endpoint), "tcp://127.0.0.1:%d",
			 20000 + (int)(clock_mono_us() % 40000));
		if (bus_listen(r->server, r->endpoint, 5, BUS_ANY_UID, &eb) == ERR_OK)
			return;
	}
	fail_msg("no port: %s", eb.text);
}

static const struct bus_flow *only_flow(const struct bus *b)
{
	struct hash_node *n = hash_next(&b->flows, NULL);

	return b->flows.n == 1 ? CONTAINER_OF(n, struct bus_flow, node) : NULL;
}

/* Both ends know the connection, count what is whole, and forget it with its end. */
static void test_connections_are_watched(void **state)
{
	const struct bus_flow *f;
	struct rig r;
	struct bus_link *l;

	(void)state;
	rig_up(&r);
	listen_tcp(&r);
	l = rig_dial(&r);
	for (int i = 0; i < 3; i++)
		assert_int_equal(bus_send(l, &SPAN("hello"), 1), ERR_OK);
	RUN_UNTIL(&r, r.n_in == 3, 1000);
	f = only_flow(r.server);
	assert_non_null(f);
	assert_int_equal(f->whole, 3);
	assert_int_equal(bus_send(r.accepted, &SPAN("and back"), 1), ERR_OK);
	RUN_UNTIL(&r, r.n_in == 4, 1000);
	f = only_flow(r.client);
	assert_non_null(f);
	assert_int_equal(f->whole, 1);
	bus_undial(&l);
	RUN_UNTIL(&r, r.server->flows.n == 0, 1000);
	rig_down(&r);
}

struct pipe {
	int ours, theirs;	/* of a TCP connection */
};

static struct pipe connection(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int s = socket(AF_INET, SOCK_STREAM, 0);
	struct pipe p = { .theirs = socket(AF_INET, SOCK_STREAM, 0) };
	socklen_t n = sizeof(sa);

	assert_int_equal(bind(s, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(s, 1), 0);
	assert_int_equal(getsockname(s, (struct sockaddr *)&sa, &n), 0);
	assert_int_equal(connect(p.theirs, (struct sockaddr *)&sa, sizeof(sa)), 0);
	p.ours = accept(s, NULL, NULL);
	assert_true(p.ours >= 0);
	close(s);
	return p;
}

static void push(const struct pipe *p, size_t bytes)
{
	static char chunk[65536], sink[65536];

	for (; bytes >= sizeof(chunk); bytes -= sizeof(chunk)) {
		assert_int_equal(send(p->theirs, chunk, sizeof(chunk), MSG_NOSIGNAL), sizeof(chunk));
		for (size_t got = 0; got < sizeof(sink);) {
			ssize_t k = recv(p->ours, sink, sizeof(sink), 0);

			assert_true(k > 0);
			got += (size_t)k;
		}
	}
}

static bool is_cut(const struct pipe *p)
{
	char c;

	return recv(p->theirs, &c, 1, MSG_DONTWAIT) == 0;
}

static void test_what_never_ends_is_cut(void **state)
{
	static const struct {
		size_t mib;
		bool whole, other, cut;
	} cases[] = {
		{ 3, false, false, false },	/* as much as one message may have */
		{ 5, false, false, true },
		{ 5, true, false, false },	/* a whole one came out */
		{ 5, false, true, false },	/* the number is another connection's by now */
	};
	struct pipe p[N_ELEMS(cases)], q;
	struct rig r;

	(void)state;
	rig_up(&r);
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		p[i] = connection();
		bus_flow_begin(r.server, p[i].ours);
		push(&p[i], cases[i].mib << 20);
		if (cases[i].whole)
			bus_flow_message(r.server, p[i].ours);
		if (!cases[i].other)
			continue;
		q = connection();
		push(&q, cases[i].mib << 20);
		assert_int_equal(dup2(q.ours, p[i].ours), p[i].ours);
	}
	assert_int_equal(r.server->flows.n, N_ELEMS(cases));
	RUN_UNTIL(&r, is_cut(&p[1]), 3000);
	turn_for(&r, 300);
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		if (!cases[i].other && is_cut(&p[i]) != cases[i].cut)
			fail_msg("case %zu", i);
		close(p[i].ours);
		close(p[i].theirs);
	}
	assert_false(is_cut(&q));
	close(q.ours);
	close(q.theirs);
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody_comes_in_unasked),
		cmocka_unit_test(test_our_options_hold),
		cmocka_unit_test(test_frames_have_a_number_and_a_size),
		cmocka_unit_test(test_foreign_routing_ids),
		cmocka_unit_test(test_the_queue_is_bounded_and_in_order),
		cmocka_unit_test(test_a_dropped_link_is_gone),
		cmocka_unit_test(test_connections_are_watched),
		cmocka_unit_test(test_what_never_ends_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
