/* Our client talks to our server: what goes in comes out, octet for octet. */
#include "common/relay/client.h"
#include "common/relay/server.h"

#include "common/base/check.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

struct rig {
	char dir[32];
	struct spool *spool;
	struct smtp_server_conf sconf;
	struct smtp_client_conf cconf;
	struct smtp_server *s;
	struct smtp_client *c;
	struct buf to_server, to_client, got;
	struct smtp_rcpt rcpts[50];
	struct smtp_client_message msg;
	unsigned ok, refused, received, server_over, client_over, s_tls, c_tls;
};

static bool to_client(void *ctx, const char *p, size_t n)
{
	struct rig *r = ctx;

	assert_int_equal(buf_add(&r->to_client, p, n), ERR_OK);
	return true;
}

/* A narrow pipe: the client has to wait for room all the time. */
static bool to_server(void *ctx, const char *p, size_t n)
{
	struct rig *r = ctx;

	assert_int_equal(buf_add(&r->to_server, p, n), ERR_OK);
	return r->to_server.len < 1000;
}

static void server_tls(void *ctx)
{
	((struct rig *)ctx)->s_tls++;
}

static void client_tls(void *ctx)
{
	((struct rig *)ctx)->c_tls++;
}

static void server_hangup(void *ctx)
{
	((struct rig *)ctx)->server_over++;
}

static void client_hangup(void *ctx)
{
	((struct rig *)ctx)->client_over++;
}

static const struct smtp_server_io sio = { .send = to_client, .starttls = server_tls,
					   .hangup = server_hangup };
static const struct smtp_client_io cio = { to_server, client_tls, client_hangup };

static void on_data_end(void *ctx, struct smtp_server *s, struct spool_body *body,
			const struct smtp_server_facts *facts)
{
	struct rig *r = ctx;
	char piece[4096];
	uint64_t off = 0;
	size_t n;

	(void)facts;
	buf_clear(&r->got);
	do {
		assert_int_equal(spool_body_read(body, off, piece, sizeof(piece), &n, NULL), ERR_OK);
		assert_int_equal(buf_add(&r->got, piece, n), ERR_OK);
		off += n;
	} while (n > 0);
	r->received++;
	smtp_server_answer(s, 250, NULL, NULL);
}

static const struct smtp_server_policy policy = { .data_end = on_data_end };

static void on_rcpt(void *ctx, struct smtp_client *c, unsigned i, const struct smtp_result *res)
{
	struct rig *r = ctx;

	(void)c;
	(void)i;
	if (res->outcome == SMTP_OK)
		r->ok++;
	else
		r->refused++;
}

static const struct smtp_client_events events = { .rcpt = on_rcpt };

static void settle(struct rig *r)
{
	char piece[700];

	while (r->to_server.len + r->to_client.len > 0 || r->s_tls != r->c_tls) {
		size_t n = r->to_server.len < sizeof(piece) ? r->to_server.len : sizeof(piece);

		memcpy(piece, r->to_server.data, n);
		buf_drop(&r->to_server, n);
		if (n > 0)
			smtp_server_feed(r->s, piece, n);
		n = r->to_client.len < sizeof(piece) ? r->to_client.len : sizeof(piece);
		memcpy(piece, r->to_client.data, n);
		buf_drop(&r->to_client, n);
		if (n > 0)
			smtp_client_feed(r->c, piece, n);
		if (r->s_tls == 1 && r->c_tls == 1) {
			r->s_tls = r->c_tls = 2;
			smtp_server_tls_started(r->s);
			smtp_client_tls_done(r->c, true);
		}
		smtp_client_writable(r->c);
	}
}

static void rig_up(struct rig *r)
{
	struct spool_conf sc = { r->dir, 20000, 0 };

	memset(r, 0, sizeof(*r));
	strcpy(r->dir, "/tmp/test-session-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	assert_int_equal(spool_open(&sc, &r->spool, NULL), ERR_OK);
	buf_init(&r->to_server, 1 << 20);
	buf_init(&r->to_client, 1 << 20);
	buf_init(&r->got, 1 << 20);
	smtp_server_conf_hub(&r->sconf);
	r->sconf.max_rcpts = 30;
	r->cconf.hostname = "client.test";
	r->cconf.tls = SMTP_CLIENT_REQUIRED;
	for (size_t i = 0; i < N_ELEMS(r->rcpts); i++)
		assert_int_equal(smtp_address_parse(SPAN("\"odd name\"@example.org"),
						    &r->rcpts[i].to, NULL), ERR_OK);
	r->s = smtp_server_new(&r->sconf, r->spool, &sio, &policy, r, 0);
	r->c = smtp_client_new(&r->cconf, &cio, &events, r, false, 0);
	smtp_server_start(r->s, false);
	settle(r);
	assert_true(smtp_server_is_tls(r->s) && smtp_client_is_tls(r->c));
}

static void rig_down(struct rig *r)
{
	smtp_client_quit(r->c);
	settle(r);
	assert_int_equal(r->server_over, 1);
	assert_int_equal(r->client_over, 1);
	smtp_server_free(&r->s);
	smtp_client_free(&r->c);
	spool_body_unref(&r->msg.body);
	spool_close(&r->spool);
	buf_fini(&r->to_server);
	buf_fini(&r->to_client);
	buf_fini(&r->got);
	assert_int_equal(rmdir(r->dir), 0);
}

static void send_message(struct rig *r, unsigned n_rcpts, const char *p, size_t n)
{
	spool_body_unref(&r->msg.body);
	r->msg = (struct smtp_client_message){ .rcpts = r->rcpts, .n_rcpts = n_rcpts };
	r->msg.body = spool_body_new(r->spool);
	assert_int_equal(spool_body_add(r->msg.body, p, n, NULL), ERR_OK);
	spool_body_seal(r->msg.body);
	r->ok = r->refused = 0;
	smtp_client_send(r->c, &r->msg);
	settle(r);
}

/* Canonical text of about n octets, with dots where they hurt. */
static size_t make_text(char *p, size_t n)
{
	static const char *const lines[] = { ".\r\n", "..\r\n", "\r\n", ".x\r\n", "x.\r\n",
					     "a line of some length, to make up for it\r\n" };
	size_t at = 0;

	while (at + 50 < n) {
		const char *line = lines[rand() % (int)N_ELEMS(lines)];

		memcpy(p + at, line, strlen(line));
		at += strlen(line);
	}
	return at;
}

static void test_what_goes_in_comes_out(void **state)
{
	char *text = malloc(60000);
	struct rig r;

	(void)state;
	srand(7);
	rig_up(&r);
	for (unsigned i = 0; i < 40; i++) {
		size_t n = make_text(text, (size_t)(rand() % (i % 8 ? 3000 : 60000)));

		send_message(&r, 1 + i % 5, text, n);
		assert_int_equal(r.ok, 1 + i % 5);
		assert_int_equal(r.received, i + 1);
		assert_int_equal(r.got.len, n);
		assert_memory_equal(r.got.data, text, n);
	}
	rig_down(&r);
	free(text);
}

/* What is not canonical becomes so; nothing that was text ends the message. */
static void test_odd_line_ends_are_mended_on_the_way(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r);
	send_message(&r, 1, "a\n.\nMAIL FROM:<x@y>\r.\r\rb", 24);
	assert_int_equal(r.ok, 1);
	assert_int_equal(r.received, 1);
	assert_string_equal(r.got.data, "a\r\n.\r\nMAIL FROM:<x@y>\r\n.\r\n\r\nb\r\n");
	rig_down(&r);
}

static void test_those_over_the_limit_may_come_again(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r);
	send_message(&r, 50, "x\r\n", 3);
	assert_int_equal(r.ok, 30);
	assert_int_equal(r.refused, 20);
	send_message(&r, 20, "x\r\n", 3);
	assert_int_equal(r.ok, 20);
	rig_down(&r);
}

static void test_a_refused_message_leaves_the_session_usable(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r);
	send_message(&r, 2, "x\0y\r\n", 5);
	assert_int_equal(r.refused, 2);
	assert_int_equal(r.received, 0);
	send_message(&r, 1, "y\r\n", 3);
	assert_int_equal(r.ok, 1);
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_goes_in_comes_out),
		cmocka_unit_test(test_odd_line_ends_are_mended_on_the_way),
		cmocka_unit_test(test_those_over_the_limit_may_come_again),
		cmocka_unit_test(test_a_refused_message_leaves_the_session_usable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
