/* Sessions behind real sockets: TLS from the first byte, STARTTLS, limits, the end. */
#include "common/base/buf.h"
#include "common/tls/conn.h"
#include "roles/client-access/cas.h"
#include "roles/client-access/listeners.h"
#include "tests/unit/client-access/imap/fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>
#include <cmocka.h>

static char dir[] = "/tmp/test-listeners-XXXXXX";

struct client {
	struct conn *conn;
	struct buf in;
	bool ready, closed;
};

struct rig {
	uv_loop_t loop;
	struct cas cas;
	struct net *net;
	struct conn_limits *limits;
	struct tls_ctx *server, *client;
	struct listeners *l;
	char *lists[4][2];
	uint16_t port[2];		/* imap, imaps */
	bool empty;
};

static void c_ready(void *ctx)
{
	((struct client *)ctx)->ready = true;
}

static void c_data(void *ctx, const char *p, size_t n)
{
	assert_int_equal(buf_add(&((struct client *)ctx)->in, p, n), ERR_OK);
}

static void c_close(void *ctx, enum conn_end end, const char *detail)
{
	struct client *c = ctx;

	(void)end;
	(void)detail;
	c->conn = NULL;
	c->closed = true;
}

static const struct conn_events events = { .on_ready = c_ready, .on_data = c_data,
					   .on_close = c_close };

/* A port nobody uses, likely still when it is opened a moment later. */
static uint16_t free_port(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t n = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &n), 0);
	close(fd);
	return ntohs(sa.sin_port);
}

static void rig_up(struct rig *r, size_t per_source)
{
	char cert[100], key[100];
	const char *const names[] = { "localhost" };
	const struct tls_cert pair = { cert, key };
	const struct tls_server_conf sc = { .certs = &pair, .n_certs = 1 };
	const struct tls_client_conf cc = { .verify = TLS_VERIFY_NONE };
	static char host[] = "test";
	struct errbuf eb;

	memset(r, 0, sizeof(*r));
	fake_reset();
	snprintf(cert, sizeof(cert), "%s/c.pem", dir);
	snprintf(key, sizeof(key), "%s/k.pem", dir);
	assert_int_equal(tls_self_signed(cert, key, names, 1, 10, &eb), ERR_OK);
	assert_int_equal(tls_server_new(&sc, &r->server, &eb), ERR_OK);
	assert_int_equal(tls_client_new(&cc, &r->client, &eb), ERR_OK);
	uv_loop_init(&r->loop);
	r->net = net_open(&r->loop);
	r->limits = conn_limits_new(100, per_source);
	for (int i = 0; i < 2; i++) {
		char text[40];

		r->port[i] = free_port();
		snprintf(text, sizeof(text), "127.0.0.1:%u", r->port[i]);
		r->lists[i][0] = strdup(text);
	}
	r->cas.conf.imap = r->lists[0];
	r->cas.conf.imaps = r->lists[1];
	r->cas.conf.pop3 = r->lists[2];
	r->cas.conf.pop3s = r->lists[3];
	r->cas.conf.hostname = host;
	r->cas.conf.login_ms = 60000;
	r->cas.conf.idle_ms = 1800000;
	r->cas.loop = &r->loop;
	watches_init(&r->cas.watches, &r->cas);
	uid_maps_init(&r->cas.uid_maps);
	assert_int_equal(listeners_open(&r->cas, r->net, r->limits, &r->l, &eb), ERR_OK);
	listeners_ready(r->l, r->server);
}

/* Run the loop, and the fakes, until what is expected is there (or 2 s are over). */
static bool until(struct rig *r, struct client *c, const char *text)
{
	uint64_t end = uv_hrtime() + 2000000000u;

	while (uv_hrtime() < end) {
		if (text ? strstr(c->in.data, text) != NULL : c->closed)
			return true;
		uv_run(&r->loop, UV_RUN_NOWAIT);
		while (fake_auth_step() || fake_step())
			;
		usleep(500);
	}
	return false;
}

static void dial(struct rig *r, struct client *c, bool tls)
{
	struct conn_dial d = { .tls = tls ? r->client : NULL, .name = "localhost" };

	memset(c, 0, sizeof(*c));
	buf_init(&c->in, 1 << 20);
	assert_int_equal(addr_parse("127.0.0.1", r->port[tls], &d.to), ERR_OK);
	c->conn = conn_dial(r->net, &d, &events, c);
}

static void say(struct client *c, const char *text)
{
	buf_clear(&c->in);
	conn_send(c->conn, text, strlen(text));
}

static void hang_up(struct client *c)
{
	conn_abort(&c->conn);
	buf_fini(&c->in);
}

static void rig_down(struct rig *r)
{
	listeners_close(&r->l);
	net_close(&r->net);
	while (uv_run(&r->loop, UV_RUN_DEFAULT))
		;
	conn_limits_free(&r->limits);
	watches_fini(&r->cas.watches);
	uid_maps_fini(&r->cas.uid_maps);
	tls_ctx_unref(&r->server);
	tls_ctx_unref(&r->client);
	assert_int_equal(uv_loop_close(&r->loop), 0);
	assert_int_equal(fake_waiting(), 0);
	for (int i = 0; i < 2; i++)
		free(r->lists[i][0]);
}

static void test_tls_from_the_first_byte(void **state)
{
	struct client c;
	struct rig r;

	(void)state;
	rig_up(&r, 0);
	dial(&r, &c, true);
	assert_true(until(&r, &c, "test ready.\r\n"));
	assert_null(strstr(c.in.data, "STARTTLS"));
	say(&c, "a LOGIN ann pw\r\nb SELECT INBOX\r\nc FETCH 1:* BODY.PEEK[]\r\n");
	assert_true(until(&r, &c, "c OK Done.\r\n"));
	assert_int_equal(listeners_sessions(r.l, "imap"), 1);
	say(&c, "d LOGOUT\r\n");
	assert_true(until(&r, &c, "d OK Done.\r\n"));
	assert_true(until(&r, &c, NULL));
	assert_int_equal(listeners_sessions(r.l, "imap"), 0);
	hang_up(&c);
	rig_down(&r);
}

static void test_starttls(void **state)
{
	struct client c;
	struct rig r;

	(void)state;
	rig_up(&r, 0);
	dial(&r, &c, false);
	assert_true(until(&r, &c, "LOGINDISABLED"));
	say(&c, "x CAPABILITY\r\ny LOGIN ann pw\r\n");	/* still in plain */
	assert_true(until(&r, &c, "y NO [PRIVACYREQUIRED]"));
	assert_non_null(strstr(c.in.data, " STARTTLS LOGINDISABLED"));
	say(&c, "a STARTTLS\r\n");
	assert_true(until(&r, &c, "a OK "));
	buf_clear(&c.in);
	conn_starttls(c.conn, r.client, "localhost");
	say(&c, "b CAPABILITY\r\nc LOGIN ann pw\r\n");
	assert_true(until(&r, &c, "c OK Logged in.\r\n"));
	assert_null(strstr(c.in.data, "STARTTLS"));
	hang_up(&c);
	rig_down(&r);
}

static void test_one_too_many_is_told(void **state)
{
	struct client a, b;
	struct rig r;

	(void)state;
	rig_up(&r, 1);
	dial(&r, &a, false);
	assert_true(until(&r, &a, "ready."));
	dial(&r, &b, false);
	assert_true(until(&r, &b, "* BYE [UNAVAILABLE] Too many connections"));
	hang_up(&a);
	hang_up(&b);
	rig_down(&r);
}

static void is_empty(void *ctx)
{
	((struct rig *)ctx)->empty = true;
}

static void test_drain_says_goodbye(void **state)
{
	struct client a, b;
	struct rig r;

	(void)state;
	rig_up(&r, 0);
	dial(&r, &a, true);
	dial(&r, &b, false);
	assert_true(until(&r, &a, "ready."));
	assert_true(until(&r, &b, "ready."));
	say(&a, "a LOGIN ann pw\r\nb SELECT INBOX\r\nc IDLE\r\n");
	assert_true(until(&r, &a, "+ Idling.\r\n"));
	listeners_drain(r.l, is_empty, &r);
	assert_true(until(&r, &a, "* BYE Server is going down"));
	assert_true(until(&r, &b, "* BYE Server is going down"));
	assert_true(until(&r, &a, NULL));
	assert_true(r.empty);
	hang_up(&a);
	hang_up(&b);
	rig_down(&r);
}

static void test_client_that_vanishes(void **state)
{
	struct client c;
	struct rig r;

	(void)state;
	rig_up(&r, 0);
	dial(&r, &c, true);
	assert_true(until(&r, &c, "ready."));
	say(&c, "a LOGIN ann pw\r\n");
	hang_up(&c);
	for (int i = 0; i < 1000 && listeners_sessions(r.l, "imap"); i++) {
		uv_run(&r.loop, UV_RUN_NOWAIT);
		usleep(500);
	}
	assert_int_equal(listeners_sessions(r.l, "imap"), 0);
	rig_down(&r);
}

static void quiet(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tls_from_the_first_byte),
		cmocka_unit_test(test_starttls),
		cmocka_unit_test(test_one_too_many_is_told),
		cmocka_unit_test(test_drain_says_goodbye),
		cmocka_unit_test(test_client_that_vanishes),
	};
	char path[100];
	int failed;

	if (mkdtemp(dir) == NULL)
		return 1;
	log_set_sink(quiet);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	fake_reset();
	snprintf(path, sizeof(path), "%s/c.pem", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/k.pem", dir);
	unlink(path);
	rmdir(dir);
	return failed;
}
