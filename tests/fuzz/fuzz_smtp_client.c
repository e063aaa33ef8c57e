/*
 * The input is what a server says, in pieces.  Whatever it is, each recipient of
 * each message has exactly one result, nobody is OK without a final 2xx, and what
 * we say is lines without bare CR or LF.
 */
#include "common/base/check.h"
#include "common/relay/client.h"

#include <stdint.h>

struct run {
	struct smtp_client *c;
	struct smtp_client_message msg;
	struct buf out;
	unsigned told[3], messages, done, closed;
	bool in_hand, over, in_tls, slow;
};

static bool io_send(void *ctx, const char *p, size_t n)
{
	struct run *r = ctx;

	CHECK(!r->over && buf_add(&r->out, p, n) == ERR_OK);
	return !r->slow;
}

static void io_starttls(void *ctx)
{
	((struct run *)ctx)->in_tls = true;
}

static void io_hangup(void *ctx)
{
	((struct run *)ctx)->over = true;
}

static const struct smtp_client_io io = { io_send, io_starttls, io_hangup };

static void next_message(struct run *r)
{
	if (r->messages-- == 0) {
		smtp_client_quit(r->c);
		return;
	}
	memset(r->told, 0, sizeof(r->told));
	r->in_hand = true;
	smtp_client_send(r->c, &r->msg);
}

static void on_ready(void *ctx, struct smtp_client *c)
{
	(void)c;
	next_message(ctx);
}

static void on_rcpt(void *ctx, struct smtp_client *c, unsigned i, const struct smtp_result *res)
{
	struct run *r = ctx;

	(void)c;
	CHECK(r->in_hand && r->told[i]++ == 0 && res->enhanced[0] != '\0');
	CHECK(res->outcome != SMTP_OK || (res->remote && res->code / 100 == 2));
}

static void on_done(void *ctx, struct smtp_client *c, bool reusable)
{
	struct run *r = ctx;

	(void)c;
	CHECK(r->in_hand && r->told[0] == 1 && r->told[1] == 1 && r->told[2] == 1);
	r->in_hand = false;
	if (reusable)
		next_message(r);
}

static void on_closed(void *ctx, struct smtp_client *c, const struct smtp_result *res)
{
	struct run *r = ctx;

	(void)c;
	(void)res;
	CHECK(!r->in_hand && r->closed++ == 0);
}

static const struct smtp_client_events events = { on_ready, on_rcpt, on_done, on_closed };

static void feed(struct run *r, const char *p, size_t n, size_t piece)
{
	for (size_t at = 0; at < n && !r->over; at += piece) {
		smtp_client_feed(r->c, p + at, n - at < piece ? n - at : piece);
		if (r->in_tls && !r->over) {
			r->in_tls = false;
			smtp_client_tls_done(r->c, true);
		}
		if (!r->over)
			smtp_client_writable(r->c);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct spool *spool;
	struct spool_conf sc = { "/tmp/fuzz-smtp-spool", 0, 0 };
	struct smtp_client_conf conf = { .hostname = "me", .max_rcpts = 2 };
	struct smtp_rcpt rcpts[3] = { 0 };
	struct run r = { .messages = 3 };

	if (!spool)
		CHECK(spool_open(&sc, &spool, NULL) == ERR_OK);
	if (size < 2)
		return 0;
	conf.tls = data[0] & 1 ? SMTP_CLIENT_OPPORTUNISTIC : SMTP_CLIENT_PLAIN;
	r.slow = data[0] & 2;
	CHECK(smtp_address_parse(SPAN("a@b"), &r.msg.mail.from, NULL) == ERR_OK);
	for (size_t i = 0; i < 3; i++)
		CHECK(smtp_address_parse(i == 1 ? SPAN("\xc3\xbc@d") : SPAN("c@d"),
					 &rcpts[i].to, NULL) == ERR_OK);
	r.msg.rcpts = rcpts;
	r.msg.n_rcpts = 3;
	r.msg.body = spool_body_new(spool);
	CHECK(spool_body_add(r.msg.body, "A: b\r\n\r\n.\nx\r", 12, NULL) == ERR_OK);
	spool_body_seal(r.msg.body);
	buf_init(&r.out, 1 << 22);
	r.c = smtp_client_new(&conf, &io, &events, &r, false, 0);
	feed(&r, (const char *)data + 1, size - 1, 1 + (data[0] >> 2));
	smtp_client_hangup(r.c, "end of input");
	CHECK(r.over && r.closed == 1);
	for (size_t i = 0; i < r.out.len; i++)
		CHECK((r.out.data[i] == '\n') == (i > 0 && r.out.data[i - 1] == '\r'));
	smtp_client_free(&r.c);
	spool_body_unref(&r.msg.body);
	buf_fini(&r.out);
	return 0;
}
