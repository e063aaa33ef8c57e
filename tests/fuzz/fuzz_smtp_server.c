/*
 * A whole session, fed at once with a role that answers at once, and again in
 * pieces with a role that takes its time: what the client hears and what the role
 * is asked must be the same.
 */
#include "common/base/check.h"
#include "common/relay/server.h"

#include <stdint.h>

struct run {
	struct smtp_server *s;
	struct buf out, trace;
	bool later, due, over;
	unsigned code;
	const char *challenge;
};

static bool io_send(void *ctx, const char *p, size_t n)
{
	struct run *r = ctx;

	CHECK(!r->over && buf_add(&r->out, p, n) == ERR_OK);
	return true;
}

static void io_starttls(void *ctx)
{
	(void)ctx;
}

static void io_hangup(void *ctx)
{
	((struct run *)ctx)->over = true;
}

static const struct smtp_server_io io = { io_send, io_starttls, NULL, NULL, io_hangup };

static void say(struct run *r)
{
	r->due = false;
	if (r->challenge)
		smtp_server_challenge(r->s, r->challenge);
	else
		smtp_server_answer(r->s, r->code, NULL, NULL);
}

static void answer(struct run *r, char what, char c, const char *challenge)
{
	CHECK(!r->due && buf_addc(&r->trace, what) == ERR_OK && buf_addc(&r->trace, c) == ERR_OK);
	r->code = c == 'n' ? 550 : c == 't' ? 450 : 250;
	r->challenge = challenge;
	r->due = true;
	if (!r->later)
		say(r);
}

static void on_helo(void *ctx, struct smtp_server *s, const char *name, bool esmtp)
{
	(void)s;
	answer(ctx, esmtp ? 'e' : 'h', name[0], NULL);
}

static void on_auth(void *ctx, struct smtp_server *s, const char *mech, const char *initial)
{
	(void)s;
	answer(ctx, 'a', mech[0], initial ? NULL : "Y2hhbGxlbmdl");
}

static void on_line(void *ctx, struct smtp_server *s, const char *line, size_t n)
{
	(void)s;
	answer(ctx, 'l', n > 0 ? line[0] : '-', NULL);
}

static void on_mail(void *ctx, struct smtp_server *s, const struct smtp_mail *m)
{
	(void)s;
	answer(ctx, 'm', m->from.local[0], NULL);
}

static void on_rcpt(void *ctx, struct smtp_server *s, const struct smtp_rcpt *to)
{
	(void)s;
	answer(ctx, 'r', to->to.local[0], NULL);
}

static void on_end(void *ctx, struct smtp_server *s, struct spool_body *body,
		   const struct smtp_server_facts *f)
{
	struct span all = spool_body_memory(body);

	(void)s;
	(void)f;
	CHECK(all.n == spool_body_size(body));
	for (size_t i = 0; i < all.n; i++)
		CHECK(all.p[i] != '\n' || (i > 0 && all.p[i - 1] == '\r'));
	answer(ctx, 'd', (char)('0' + all.n % 10), NULL);
}

static void on_reset(void *ctx, struct smtp_server *s)
{
	struct run *r = ctx;

	(void)s;
	CHECK(buf_adds(&r->trace, "x ") == ERR_OK);
}

static const struct smtp_server_policy policy = {
	.helo = on_helo, .auth = on_auth, .auth_line = on_line, .mail = on_mail, .rcpt = on_rcpt,
	.data_end = on_end, .reset = on_reset,
};

static void run(struct run *r, struct spool *spool, const char *p, size_t n, size_t piece)
{
	struct smtp_server_conf conf;

	smtp_server_conf_hub(&conf);
	conf.max_size = 2000;
	conf.max_header = 300;
	conf.max_protocol_errors = 100;
	conf.max_rcpts = 3;
	conf.auth_needs_tls = false;
	buf_init(&r->out, 1 << 22);
	buf_init(&r->trace, 1 << 20);
	r->s = smtp_server_new(&conf, spool, &io, &policy, r, 0);
	smtp_server_start(r->s, false);
	for (size_t at = 0; at < n; at += piece) {
		smtp_server_feed(r->s, p + at, n - at < piece ? n - at : piece);
		while (r->due)
			say(r);
	}
	smtp_server_free(&r->s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct spool *spool;
	struct spool_conf sc = { "/tmp/fuzz-smtp-spool", 0, 0 };
	struct run a = { 0 }, b = { .later = true };

	if (!spool)
		CHECK(spool_open(&sc, &spool, NULL) == ERR_OK);
	if (size < 2 || size > 16384)
		return 0;
	run(&a, spool, (const char *)data + 1, size - 1, size);
	run(&b, spool, (const char *)data + 1, size - 1, 1 + data[0] % 32);
	CHECK(strcmp(a.out.data, b.out.data) == 0);
	CHECK(strcmp(a.trace.data, b.trace.data) == 0);
	CHECK(spool_memory(spool) == 0);
	buf_fini(&a.out);
	buf_fini(&a.trace);
	buf_fini(&b.out);
	buf_fini(&b.trace);
	return 0;
}
