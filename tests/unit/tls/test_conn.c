/* Connections over loopback, both ends in one loop. */
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/tls/conn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define MANY (24u * 1024 * 1024)

static char dir[40], cert[80], key[80];

static int setup(void **state)
{
	static const char *const name = "a.test";

	(void)state;
	strcpy(dir, "/tmp/test_conn.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(cert, sizeof(cert), "%s/crt", dir);
	snprintf(key, sizeof(key), "%s/key", dir);
	return tls_self_signed(cert, key, &name, 1, 30, NULL);
}

static int teardown(void **state)
{
	(void)state;
	unlink(cert);
	unlink(key);
	return rmdir(dir);
}

/* One end of a conversation. */
struct peer {
	struct rig *rig;
	struct conn *conn;
	struct buf got;
	size_t n_got, n_events;
	unsigned ready, drains, idles, closes;
	enum conn_end end;
	size_t to_send;			/* bytes still to be produced */
	const char *on_text;		/* text that makes `act` run */
	void (*act)(struct peer *p);
	bool keep_quiet, close_on_idle;
};

struct rig {
	uv_loop_t loop;
	struct net *net;
	struct listener *listener;
	struct conn_limits *limits;
	struct tls_ctx *server_tls, *client_tls;
	struct peer server, client, extra[4];
	size_t accepted;
	uv_timer_t guard;
	bool swap;			/* accept into extra[] */
};

static void produce(struct peer *p)
{
	char block[5000];

	memset(block, 'x', sizeof(block));
	while (p->conn && p->to_send > 0 && !conn_is_full(p->conn)) {
		size_t n = p->to_send < sizeof(block) ? p->to_send : sizeof(block);

		conn_send(p->conn, block, n);
		p->to_send -= n;
	}
}

static void on_ready(void *ctx)
{
	struct peer *p = ctx;

	p->ready++;
	produce(p);
}

static void on_data(void *ctx, const char *data, size_t n)
{
	struct peer *p = ctx;

	assert_int_equal(p->closes, 0);
	p->n_got += n;
	p->n_events++;
	if (!p->keep_quiet)
		assert_int_equal(buf_add(&p->got, data, n), ERR_OK);
	if (p->on_text && strstr(p->got.data, p->on_text)) {
		p->on_text = NULL;
		p->act(p);
	}
}

static void on_drain(void *ctx)
{
	struct peer *p = ctx;

	p->drains++;
	produce(p);
}

static void on_idle(void *ctx)
{
	struct peer *p = ctx;

	p->idles++;
	if (p->close_on_idle) {
		conn_send(p->conn, "bye", 3);
		conn_close(&p->conn);
	}
}

static void on_close(void *ctx, enum conn_end end, const char *detail)
{
	struct peer *p = ctx;

	assert_non_null(detail);
	p->closes++;
	p->end = end;
	conn_close(&p->conn);		/* harmless here */
}

static const struct conn_events events = { on_ready, on_data, on_drain, on_idle, on_close };
static const struct conn_events plain_events = { on_ready, on_data, on_drain, NULL, on_close };

static void on_accept(void *ctx, struct conn *c)
{
	struct rig *r = ctx;
	struct peer *p = r->swap ? &r->extra[r->accepted % 4] : &r->server;

	r->accepted++;
	p->conn = c;
	conn_attach(c, &events, p);
}

static void on_guard(uv_timer_t *t)
{
	(void)t;
	fail_msg("a test hangs");
}

static void peer_up(struct rig *r, struct peer *p)
{
	p->rig = r;
	buf_init(&p->got, 1 << 20);
}

static void rig_up(struct rig *r, bool tls, struct conn_limits *limits)
{
	static const char *const addrs[] = { "127.0.0.1:0", NULL };
	struct tls_cert pair = { cert, key };
	struct tls_server_conf sc = { .certs = &pair, .n_certs = 1 };
	struct tls_client_conf cc = { .verify = TLS_VERIFY_CA, .ca_file = cert };
	struct listener_conf lc = { .addrs = addrs, .limits = limits, .on_accept = on_accept,
				    .ctx = r, .busy_text = "421 busy\r\n" };
	struct errbuf eb = { "" };

	memset(r, 0, sizeof(*r));
	r->limits = limits;
	uv_loop_init(&r->loop);
	uv_timer_init(&r->loop, &r->guard);
	uv_timer_start(&r->guard, on_guard, 20000, 0);
	uv_unref((uv_handle_t *)&r->guard);
	r->net = net_open(&r->loop);
	assert_int_equal(tls_server_new(&sc, &r->server_tls, NULL), ERR_OK);
	assert_int_equal(tls_client_new(&cc, &r->client_tls, NULL), ERR_OK);
	lc.tls = tls ? r->server_tls : NULL;
	if (listener_open(r->net, &lc, &r->listener, &eb))
		fail_msg("%s", eb.text);
	peer_up(r, &r->server);
	peer_up(r, &r->client);
	for (size_t i = 0; i < 4; i++)
		peer_up(r, &r->extra[i]);
}

static void dial(struct rig *r, struct peer *p, bool tls)
{
	struct conn_dial d = { .tls = tls ? r->client_tls : NULL, .name = "a.test" };

	assert_int_equal(addr_parse("127.0.0.1", listener_port(r->listener, 0), &d.to), ERR_OK);
	p->conn = conn_dial(r->net, &d, &plain_events, p);
}

/* Turn the loop until the condition holds. */
#define UNTIL(r, cond)                                                       \
	do {                                                                 \
		while (!(cond))                                              \
			assert_true(uv_run(&(r)->loop, UV_RUN_ONCE) >= 0);   \
	} while (0)

static void rig_down(struct rig *r)
{
	struct conn_limits *limits = r->limits;

	conn_abort(&r->server.conn);
	conn_abort(&r->client.conn);
	for (size_t i = 0; i < 4; i++) {
		conn_abort(&r->extra[i].conn);
		buf_fini(&r->extra[i].got);
	}
	listener_close(&r->listener);
	net_close(&r->net);
	tls_ctx_unref(&r->server_tls);
	tls_ctx_unref(&r->client_tls);
	uv_close((uv_handle_t *)&r->guard, NULL);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&r->loop), 0);
	conn_limits_free(&limits);
	buf_fini(&r->server.got);
	buf_fini(&r->client.got);
}

static void test_bytes_both_ways(void **state)
{
	(void)state;
	for (int tls = 0; tls < 2; tls++) {
		struct conn_tls info;
		uint8_t a[32], b[32];
		struct rig r;

		rig_up(&r, tls, NULL);
		dial(&r, &r.client, tls);
		conn_send(r.client.conn, "early", 5);	/* before it is connected */
		UNTIL(&r, r.server.got.len == 5);
		assert_int_equal(r.client.ready, 1);
		assert_int_equal(r.server.ready, 1);
		assert_int_equal(conn_is_tls(r.server.conn), tls);
		conn_tls(r.client.conn, &info);
		assert_int_equal(info.verified, tls);
		assert_int_equal(conn_exporter(r.client.conn, a), tls);
		assert_int_equal(conn_exporter(r.server.conn, b), tls);
		if (tls)
			assert_memory_equal(a, b, 32);
		for (int i = 0; i < 100; i++)
			conn_send(r.server.conn, "line\r\n", 6);
		assert_int_equal(r.client.got.len, 0);
		UNTIL(&r, r.client.got.len == 600);
		assert_int_equal(r.client.n_events, 1);	/* batched */
		assert_int_equal(conn_bytes_out(r.server.conn), 600);
		assert_int_equal(conn_bytes_in(r.client.conn), 600);
		assert_true(addr_is_loopback(conn_peer(r.server.conn)));
		assert_int_equal(conn_peer(r.server.conn)->port, conn_local(r.client.conn)->port);
		rig_down(&r);
	}
}

/* The owner closes right after the last words; the other end must get them all,
 * even though it is still talking. */
static void act_bye(struct peer *p)
{
	conn_send(p->conn, "221 bye\r\n", 9);
	conn_close(&p->conn);
}

static void test_last_words_arrive(void **state)
{
	(void)state;
	for (int tls = 0; tls < 2; tls++) {
		struct rig r;

		rig_up(&r, tls, NULL);
		r.server.on_text = "QUIT";
		r.server.act = act_bye;
		dial(&r, &r.client, tls);
		conn_send(r.client.conn, "QUIT\r\n", 6);
		UNTIL(&r, r.server.conn == NULL && r.server.ready);
		if (r.client.conn)
			conn_send(r.client.conn, "more\r\n", 6);
		UNTIL(&r, r.client.closes);
		assert_int_equal(r.client.end, CONN_EOF);
		assert_string_equal(r.client.got.data, "221 bye\r\n");
		assert_int_equal(r.server.closes, 0);	/* its own doing */
		UNTIL(&r, net_conns(r.net) == 0);
		rig_down(&r);
	}
}

static void test_much_data_with_back_pressure(void **state)
{
	(void)state;
	for (int tls = 0; tls < 2; tls++) {
		struct rig r;
		size_t most = 0;

		rig_up(&r, tls, NULL);
		r.server.to_send = MANY;
		r.client.keep_quiet = true;
		dial(&r, &r.client, tls);
		UNTIL(&r, r.client.n_got > 0);
		conn_pause(r.client.conn);
		for (int i = 0; i < 200; i++) {
			size_t got = r.client.n_got;

			uv_run(&r.loop, UV_RUN_NOWAIT);
			assert_int_equal(r.client.n_got, got);
			if (conn_pending(r.server.conn) > most)
				most = conn_pending(r.server.conn);
		}
		assert_true(most > 0 && most < 400 * 1024);
		while (r.client.n_got < MANY) {	/* with pauses at every turn */
			conn_resume(r.client.conn);
			uv_run(&r.loop, UV_RUN_ONCE);
			conn_pause(r.client.conn);
			uv_run(&r.loop, UV_RUN_NOWAIT);
		}
		assert_int_equal(r.client.n_got, MANY);
		assert_true(r.server.drains > 0);
		assert_int_equal(conn_pending(r.server.conn), 0);
		rig_down(&r);
	}
}

static void test_who_does_not_read_is_cut_off(void **state)
{
	static char block[100000];
	struct rig r;

	(void)state;
	rig_up(&r, false, NULL);
	dial(&r, &r.client, false);
	UNTIL(&r, r.server.ready && r.client.ready);
	conn_pause(r.client.conn);
	conn_set_water(r.server.conn, 1000, 2000, 1 << 20);
	for (int i = 0; i < 200 && r.server.closes == 0; i++) {
		if (r.server.conn)
			conn_send(r.server.conn, block, sizeof(block));
		assert_int_equal(i < 10 && r.server.closes, 0);
		uv_run(&r.loop, UV_RUN_NOWAIT);
	}
	assert_int_equal(r.server.closes, 1);
	assert_int_equal(r.server.end, CONN_OVERRUN);
	rig_down(&r);
}

/* ---- STARTTLS -------------------------------------------------------------------- */

static void server_starts_tls(struct peer *p)
{
	conn_send(p->conn, "220 go\r\n", 8);
	buf_clear(&p->got);		/* as sessions must */
	conn_starttls(p->conn, p->rig->server_tls, NULL);
}

static void client_starts_tls(struct peer *p)
{
	conn_starttls(p->conn, p->rig->client_tls, "a.test");
	conn_send(p->conn, "secret", 6);
}

static void test_starttls(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, false, NULL);
	r.server.on_text = "STARTTLS\r\n";
	r.server.act = server_starts_tls;
	r.client.on_text = "220 go\r\n";
	r.client.act = client_starts_tls;
	dial(&r, &r.client, false);
	conn_send(r.client.conn, "STARTTLS\r\n", 10);
	UNTIL(&r, r.server.got.len >= 6);
	assert_string_equal(r.server.got.data, "secret");
	assert_int_equal(r.server.ready, 2);
	assert_int_equal(r.client.ready, 2);
	assert_true(conn_is_tls(r.server.conn));
	rig_down(&r);
}

/* What a man in the middle puts behind STARTTLS is not obeyed later. */
static void test_injected_plaintext_is_not_data(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, false, NULL);
	r.server.on_text = "STARTTLS\r\n";
	r.server.act = server_starts_tls;
	dial(&r, &r.client, false);
	conn_send(r.client.conn, "STARTTLS\r\nEVIL\r\n", 16);
	UNTIL(&r, r.server.ready == 1 && strstr(r.client.got.data, "220"));
	conn_send(r.client.conn, "MORE EVIL\r\n", 11);	/* instead of a handshake */
	UNTIL(&r, r.server.closes);
	assert_int_equal(r.server.end, CONN_TLS);
	assert_int_equal(r.server.got.len, 0);
	assert_int_equal(r.server.ready, 1);
	rig_down(&r);
}

static void test_failures_are_told(void **state)
{
	struct conn_dial d = { .timeout_ms = 5000 };
	struct rig r;

	(void)state;
	rig_up(&r, true, NULL);
	/* Plain client at a TLS port. */
	dial(&r, &r.client, false);
	conn_send(r.client.conn, "EHLO x\r\n", 8);
	UNTIL(&r, r.server.closes && r.client.closes);
	assert_int_equal(r.server.end, CONN_TLS);
	assert_int_equal(r.server.ready, 0);
	/* A server that is not trusted. */
	d.tls = r.client_tls;
	d.name = "other.test";
	assert_int_equal(addr_parse("127.0.0.1", listener_port(r.listener, 0), &d.to), ERR_OK);
	r.client.closes = 0;
	r.client.ready = 0;
	r.client.conn = conn_dial(r.net, &d, &events, &r.client);
	conn_send(r.client.conn, "password", 8);
	UNTIL(&r, r.client.closes);
	assert_int_equal(r.client.end, CONN_TLS);
	assert_int_equal(r.client.ready, 0);
	assert_int_equal(r.server.got.len, 0);
	/* Nobody listens. */
	listener_close(&r.listener);
	uv_run(&r.loop, UV_RUN_NOWAIT);
	r.client.closes = 0;
	r.client.conn = conn_dial(r.net, &d, &events, &r.client);
	assert_int_equal(r.client.closes, 0);
	UNTIL(&r, r.client.closes);
	assert_int_equal(r.client.end, CONN_RESET);
	/* No address at all: still told from the loop. */
	d.to.family = 0;
	r.client.closes = 0;
	r.client.conn = conn_dial(r.net, &d, &events, &r.client);
	assert_int_equal(r.client.closes, 0);
	UNTIL(&r, r.client.closes);
	rig_down(&r);
}

static void test_no_callback_after_close_or_abort(void **state)
{
	(void)state;
	for (int tls = 0; tls < 2; tls++)
		for (int turns = 0; turns < 6; turns++)
			for (int abort = 0; abort < 2; abort++) {
				struct rig r;
				unsigned ready;
				size_t got;

				rig_up(&r, tls, NULL);
				r.server.to_send = 10000;
				dial(&r, &r.client, tls);
				for (int i = 0; i < turns; i++)
					uv_run(&r.loop, UV_RUN_NOWAIT);
				ready = r.client.ready;
				got = r.client.n_got;
				if (abort)
					conn_abort(&r.client.conn);
				else
					conn_close(&r.client.conn);
				assert_null(r.client.conn);
				for (int i = 0; i < 20; i++)
					uv_run(&r.loop, UV_RUN_NOWAIT);
				assert_int_equal(r.client.closes, 0);
				assert_int_equal(r.client.ready, ready);
				assert_int_equal(r.client.n_got, got);
				rig_down(&r);
			}
}

static void test_idle(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, false, NULL);
	r.server.close_on_idle = true;
	dial(&r, &r.client, false);
	UNTIL(&r, r.server.ready && r.client.ready);
	conn_set_idle(r.server.conn, 30);
	UNTIL(&r, r.client.closes);
	assert_int_equal(r.server.idles, 1);
	assert_string_equal(r.client.got.data, "bye");
	/* Without on_idle the connection just ends. */
	r.client.closes = 0;
	dial(&r, &r.client, false);
	conn_set_idle(r.client.conn, 30);
	UNTIL(&r, r.client.closes);
	assert_int_equal(r.client.end, CONN_TIMEOUT);
	rig_down(&r);
}

static void test_limits(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, false, conn_limits_new(0, 2));
	r.swap = true;
	dial(&r, &r.client, false);
	dial(&r, &r.server, false);
	UNTIL(&r, r.accepted == 2);
	assert_int_equal(conn_limits_total(r.limits), 2);
	dial(&r, &r.extra[3], false);
	UNTIL(&r, r.extra[3].closes);
	assert_string_equal(r.extra[3].got.data, "421 busy\r\n");
	assert_int_equal(listener_refused(r.listener), 1);
	conn_abort(&r.client.conn);
	conn_abort(&r.server.conn);
	UNTIL(&r, conn_limits_total(r.limits) == 0);
	r.extra[3].closes = 0;
	conn_limits_set(r.limits, 1, 0);
	dial(&r, &r.client, false);
	dial(&r, &r.server, false);
	UNTIL(&r, r.client.closes || r.server.closes);
	assert_int_equal(conn_limits_total(r.limits), 1);
	rig_down(&r);
}

static void test_listen_errors(void **state)
{
	static const struct {
		const char *addr;
		enum err e;
	} cases[] = {
		{ "localhost:25", ERR_INVALID },
		{ "192.0.2.77:0", ERR_INVALID },	/* not ours */
		{ NULL, ERR_EXISTS },			/* the rig's own port */
	};
	char used[ADDR_TEXT];
	struct rig r;

	(void)state;
	rig_up(&r, false, NULL);
	snprintf(used, sizeof(used), "127.0.0.1:%u", listener_port(r.listener, 0));
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		const char *addrs[] = { "127.0.0.1:0", cases[i].addr ? cases[i].addr : used, NULL };
		struct listener_conf lc = { .addrs = addrs, .on_accept = on_accept, .ctx = &r };
		struct listener *l;
		struct errbuf eb = { "" };

		if (listener_open(r.net, &lc, &l, &eb) != cases[i].e)
			fail_msg("case %zu: %s", i, eb.text);
		assert_null(l);
	}
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_both_ways),
		cmocka_unit_test(test_last_words_arrive),
		cmocka_unit_test(test_much_data_with_back_pressure),
		cmocka_unit_test(test_who_does_not_read_is_cut_off),
		cmocka_unit_test(test_starttls),
		cmocka_unit_test(test_injected_plaintext_is_not_data),
		cmocka_unit_test(test_failures_are_told),
		cmocka_unit_test(test_no_callback_after_close_or_abort),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_listen_errors),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
