#include "common/relay/client.h"

#include "common/base/check.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#define PIPE "250-x\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-DSN\r\n250 SMTPUTF8\r\n"

/* What the server at the other end says. */
struct script {
	const char *greeting, *ehlo, *data, *dot;	/* NULL: the usual */
	const char *starttls, *ehlo_tls;
};

static const struct script plain = { .ehlo = "250 x\r\n" };
static const struct script pipelining = { .ehlo = PIPE };

struct rig {
	struct smtp_client_conf conf;
	struct spool *spool;
	struct spool_body *body;
	struct smtp_client *c;
	const struct script *script;
	struct buf wire, heard, said, trace;	/* to the server, all of that, its words, ours */
	char dir[32];
	struct smtp_rcpt rcpts[4];
	struct smtp_client_message msg;
	unsigned messages, hangups, sends;
	bool in_data, blocked, in_tls, auth;
};

static bool io_send(void *ctx, const char *p, size_t n)
{
	struct rig *r = ctx;

	assert_int_equal(r->hangups, 0);
	assert_int_equal(buf_add(&r->wire, p, n), ERR_OK);
	assert_int_equal(buf_add(&r->heard, p, n), ERR_OK);
	r->sends++;
	return !r->blocked;
}

static void io_starttls(void *ctx)
{
	((struct rig *)ctx)->in_tls = true;
}

static void io_hangup(void *ctx)
{
	((struct rig *)ctx)->hangups++;
}

static const struct smtp_client_io io = { io_send, io_starttls, io_hangup };

static void note(struct rig *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void note(struct rig *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	assert_int_equal(buf_adds(&r->trace, r->trace.len ? " " : ""), ERR_OK);
	assert_int_equal(buf_addv(&r->trace, fmt, ap), ERR_OK);
	va_end(ap);
}

static const char *const outcome[] = { "ok", "temp", "perm" };

static void next_message(struct rig *r)
{
	if (r->messages > 0) {
		r->messages--;
		smtp_client_send(r->c, &r->msg);
	} else {
		smtp_client_quit(r->c);
	}
}

static void on_ready(void *ctx, struct smtp_client *c)
{
	(void)c;
	note(ctx, "ready");
	next_message(ctx);
}

static void on_rcpt(void *ctx, struct smtp_client *c, unsigned i, const struct smtp_result *res)
{
	(void)c;
	note(ctx, "%u:%s:%s", i, outcome[res->outcome], res->enhanced);
}

static void on_done(void *ctx, struct smtp_client *c, bool reusable)
{
	(void)c;
	note(ctx, "done");
	if (reusable)
		next_message(ctx);
}

static void on_closed(void *ctx, struct smtp_client *c, const struct smtp_result *res)
{
	(void)c;
	note(ctx, "closed:%s:%s%s", outcome[res->outcome], res->enhanced,
	     res->tls_failed ? ":tls" : "");
}

static const struct smtp_client_events events = { on_ready, on_rcpt, on_done, on_closed };

/* ---- the server at the other end ---------------------------------------------- */

static const char *or_usual(const char *set, const char *usual)
{
	return set ? set : usual;
}

static const char *path_reply(const char *line)
{
	const char *p = strchr(line, '<') + 1;

	return strncmp(p, "no@", 3) == 0    ? "550 5.1.1 nobody\r\n" :
	       strncmp(p, "later@", 6) == 0 ? "451 4.2.1 later\r\n" :
	       strncmp(p, "full@", 5) == 0  ? "552 too many\r\n" :
	       strncmp(p, "bye@", 4) == 0   ? "421 4.3.2 bye\r\n" : "250 ok\r\n";
}

static const char *reply_to(struct rig *r, const char *line)
{
	if (r->in_data) {
		r->in_data = strcmp(line, ".") != 0;
		return r->in_data ? "" : or_usual(r->script->dot, "250 2.0.0 queued\r\n");
	}
	if (strncmp(line, "EHLO", 4) == 0)
		return or_usual(r->in_tls ? r->script->ehlo_tls : r->script->ehlo, "250 x\r\n");
	if (strncmp(line, "MAIL", 4) == 0 || strncmp(line, "RCPT", 4) == 0)
		return path_reply(line);
	if (strcmp(line, "STARTTLS") == 0)
		return or_usual(r->script->starttls, "220 go\r\n");
	if (strcmp(line, "AUTH LOGIN") == 0 || strcmp(line, "ann") == 0)
		return "334 x\r\n";
	if (strcmp(line, "secret") == 0)
		return "235 fine\r\n";
	if (strcmp(line, "wrong") == 0)
		return "535 5.7.8 no\r\n";
	if (strcmp(line, "DATA") == 0) {
		const char *reply = or_usual(r->script->data, "354 go\r\n");

		r->in_data = reply[0] == '3';
		return reply;
	}
	return strcmp(line, "QUIT") == 0 ? "221 bye\r\n" : "250 ok\r\n";
}

static void server_run(struct rig *r)
{
	const char *end;

	while ((end = strstr(r->wire.data, "\r\n")) != NULL) {
		char line[600];
		size_t n = (size_t)(end - r->wire.data);

		assert_true(n < sizeof(line));
		memcpy(line, r->wire.data, n);
		line[n] = '\0';
		buf_drop(&r->wire, n + 2);
		assert_int_equal(buf_adds(&r->said, reply_to(r, line)), ERR_OK);
	}
}

/* Talk until nobody has anything to say; the server's words in pieces. */
static void talk(struct rig *r, size_t piece)
{
	for (;;) {
		server_run(r);
		if (r->said.len == 0 || r->hangups)
			return;
		for (size_t n; r->said.len > 0 && !r->hangups; buf_drop(&r->said, n)) {
			n = r->said.len < piece ? r->said.len : piece;
			smtp_client_feed(r->c, r->said.data, n);
		}
		if (r->in_tls && !smtp_client_is_tls(r->c) && !r->hangups)
			smtp_client_tls_done(r->c, true);
	}
}

/* ---- the rig ------------------------------------------------------------------ */

static void set_message(struct rig *r, const char *from, const char *to, const char *text)
{
	char word[64];
	size_t n;

	r->msg = (struct smtp_client_message){ .rcpts = r->rcpts };
	if (from[0] != '\0')
		assert_int_equal(smtp_address_parse(span_of(from), &r->msg.mail.from, NULL), ERR_OK);
	for (; *to != '\0'; to += n + (to[n] == ' ')) {
		n = strcspn(to, " ");
		snprintf(word, sizeof(word), "%.*s", (int)n, to);
		assert_int_equal(smtp_address_parse(span_of(word), &r->rcpts[r->msg.n_rcpts++].to,
						    NULL), ERR_OK);
	}
	spool_body_unref(&r->body);
	r->body = spool_body_new(r->spool);
	assert_int_equal(spool_body_add(r->body, text, strlen(text), NULL), ERR_OK);
	spool_body_seal(r->body);
	r->msg.body = r->body;
	r->msg.prefix = SPAN("P: 1\r\n");
}

static void rig_up(struct rig *r, const struct script *s)
{
	struct spool_conf sc = { r->dir, 0, 0 };

	*r = (struct rig){ .script = s, .messages = 1 };
	strcpy(r->dir, "/tmp/test-client-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	assert_int_equal(spool_open(&sc, &r->spool, NULL), ERR_OK);
	buf_init(&r->wire, 1 << 22);
	buf_init(&r->heard, 1 << 22);
	buf_init(&r->said, 1 << 16);
	buf_init(&r->trace, 1 << 16);
	r->conf.hostname = "me.test";
	r->conf.tls = SMTP_CLIENT_OPPORTUNISTIC;
	set_message(r, "a@b", "c@d", "S: x\r\n\r\n.dot\r\n");
	r->c = smtp_client_new(&r->conf, &io, &events, r, false, 1000);
	assert_int_equal(buf_adds(&r->said, or_usual(s->greeting, "220 hello\r\n")), ERR_OK);
}

static void hear(struct rig *r, const char *text)
{
	if (text[0] != '\0')
		smtp_client_feed(r->c, text, strlen(text));
}

static void rig_down(struct rig *r)
{
	smtp_client_free(&r->c);
	spool_body_unref(&r->body);
	spool_close(&r->spool);
	buf_fini(&r->wire);
	buf_fini(&r->heard);
	buf_fini(&r->said);
	buf_fini(&r->trace);
	assert_int_equal(rmdir(r->dir), 0);
}

static const struct script greet_554 = { .greeting = "554 5.7.1 go away\r\n" };
static const struct script greet_bad = { .greeting = "SSH-2.0-x\r\n" };
static const struct script ehlo_500 = { .ehlo = "500 what\r\n" };
static const struct script ehlo_450 = { .ehlo = "450 later\r\n" };
static const struct script data_451 = { .ehlo = PIPE, .data = "451 4.3.0 later\r\n" };
static const struct script data_250 = { .ehlo = PIPE, .data = "250 what\r\n" };
static const struct script dot_554 = { .ehlo = PIPE, .dot = "554 5.7.1 spam\r\n" };
static const struct script dot_421 = { .ehlo = PIPE, .dot = "421 4.3.0 oh\r\n" };
static const struct script chatty = { .ehlo = PIPE "250 and more\r\n" };
static const struct script small = { .ehlo = "250-x\r\n250 SIZE 10\r\n" };
static const struct script tls = { .ehlo = "250-x\r\n250 STARTTLS\r\n", .ehlo_tls = PIPE };
static const struct script no_tls = { .ehlo = "250-x\r\n250 STARTTLS\r\n", .starttls = "454 no\r\n" };
static const struct script inject = { .ehlo = "250-x\r\n250 STARTTLS\r\n",
				      .starttls = "220 go\r\n250 I am root\r\n" };

static const struct {
	const char *name;
	const struct script *script;
	const char *from, *to, *trace;
	enum smtp_client_tls tls;
} cases[] = {
	{ "one command at a time", &plain, "a@b", "c@d e@f",
	  "ready 0:ok:2.0.0 1:ok:2.0.0 done closed:ok:2.0.0", SMTP_CLIENT_OPPORTUNISTIC },
	{ "pipelined", &pipelining, "a@b", "c@d e@f",
	  "ready 0:ok:2.0.0 1:ok:2.0.0 done closed:ok:2.0.0", SMTP_CLIENT_OPPORTUNISTIC },
	{ "the null path", &pipelining, "", "c@d", "ready 0:ok:2.0.0 done closed:ok:2.0.0",
	  SMTP_CLIENT_OPPORTUNISTIC },
	{ "each its own fate", &pipelining, "a@b", "no@d c@d later@d full@d",
	  "ready 0:perm:5.1.1 2:temp:4.2.1 3:temp:5.0.0 1:ok:2.0.0 done closed:ok:2.0.0",
	  SMTP_CLIENT_OPPORTUNISTIC },
	{ "the same, not pipelined", &plain, "a@b", "no@d c@d later@d full@d",
	  "ready 0:perm:5.1.1 2:temp:4.2.1 3:temp:5.0.0 1:ok:2.0.0 done closed:ok:2.0.0",
	  SMTP_CLIENT_OPPORTUNISTIC },
	{ "nobody, pipelined: an empty message", &pipelining, "a@b", "no@d no@e",
	  "ready 0:perm:5.1.1 1:perm:5.1.1 done closed:ok:2.0.0", SMTP_CLIENT_OPPORTUNISTIC },
	{ "nobody, not pipelined: no DATA", &plain, "a@b", "no@d no@e",
	  "ready 0:perm:5.1.1 1:perm:5.1.1 done closed:ok:2.0.0", SMTP_CLIENT_OPPORTUNISTIC },
	{ "refused sender", &pipelining, "no@b", "c@d e@f",
	  "ready 0:perm:5.1.1 1:perm:5.1.1 done closed:ok:2.0.0", SMTP_CLIENT_OPPORTUNISTIC },
	{ "refused sender, not pipelined", &plain, "later@b", "c@d e@f",
	  "ready 0:temp:4.2.1 1:temp:4.2.1 done closed:ok:2.0.0", SMTP_CLIENT_OPPORTUNISTIC },
	{ "421 to a recipient", &pipelining, "a@b", "c@d bye@d e@f",
	  "ready 0:temp:4.3.2 1:temp:4.3.2 2:temp:4.3.2 done closed:temp:4.3.2",
	  SMTP_CLIENT_OPPORTUNISTIC },
	{ "DATA refused", &data_451, "a@b", "c@d no@d",
	  "ready 1:perm:5.1.1 0:temp:4.3.0 done closed:ok:2.0.0", SMTP_CLIENT_OPPORTUNISTIC },
	{ "DATA misunderstood", &data_250, "a@b", "c@d",
	  "ready 0:temp:4.5.0 done closed:ok:2.0.0", SMTP_CLIENT_OPPORTUNISTIC },
	{ "content refused", &dot_554, "a@b", "c@d e@f",
	  "ready 0:perm:5.7.1 1:perm:5.7.1 done closed:ok:2.0.0", SMTP_CLIENT_OPPORTUNISTIC },
	{ "421 to the content", &dot_421, "a@b", "c@d",
	  "ready 0:temp:4.3.0 done closed:temp:4.3.0", SMTP_CLIENT_OPPORTUNISTIC },
	{ "turned away", &greet_554, "a@b", "c@d", "closed:perm:5.7.1", SMTP_CLIENT_OPPORTUNISTIC },
	{ "not SMTP", &greet_bad, "a@b", "c@d", "closed:temp:4.5.0", SMTP_CLIENT_OPPORTUNISTIC },
	{ "HELO", &ehlo_500, "a@b", "c@d", "ready 0:ok:2.0.0 done closed:ok:2.0.0",
	  SMTP_CLIENT_OPPORTUNISTIC },
	{ "EHLO not now", &ehlo_450, "a@b", "c@d", "closed:temp:4.0.0", SMTP_CLIENT_OPPORTUNISTIC },
	{ "too large for it", &small, "a@b", "c@d",
	  "ready 0:perm:5.3.4 done closed:ok:2.0.0", SMTP_CLIENT_OPPORTUNISTIC },
	{ "TLS", &tls, "a@b", "c@d", "ready 0:ok:2.0.0 done closed:ok:2.0.0",
	  SMTP_CLIENT_REQUIRED },
	{ "TLS refused, opportunistic", &no_tls, "a@b", "c@d",
	  "ready 0:ok:2.0.0 done closed:ok:2.0.0", SMTP_CLIENT_OPPORTUNISTIC },
	{ "TLS refused, required", &no_tls, "a@b", "c@d", "closed:temp:4.7.4",
	  SMTP_CLIENT_REQUIRED },
	{ "TLS not offered, required", &plain, "a@b", "c@d", "closed:temp:4.7.4",
	  SMTP_CLIENT_REQUIRED },
	{ "no EHLO, TLS required", &ehlo_500, "a@b", "c@d", "closed:temp:4.7.4",
	  SMTP_CLIENT_REQUIRED },
	{ "needs SMTPUTF8, has it", &pipelining, "\xc3\xbc@b", "c@d \xc3\xbc@d",
	  "ready 0:ok:2.0.0 1:ok:2.0.0 done closed:ok:2.0.0", SMTP_CLIENT_OPPORTUNISTIC },
	{ "one recipient needs SMTPUTF8", &plain, "a@b", "\xc3\xbc@d c@d \xc3\xbc@e",
	  "ready 0:perm:5.6.7 2:perm:5.6.7 1:ok:2.0.0 done closed:ok:2.0.0",
	  SMTP_CLIENT_OPPORTUNISTIC },
	{ "all need it", &plain, "a@b", "\xc3\xbc@d", "ready 0:perm:5.6.7 done closed:ok:2.0.0",
	  SMTP_CLIENT_OPPORTUNISTIC },
	{ "the sender needs it", &plain, "\xc3\xbc@b", "c@d",
	  "ready 0:perm:5.6.7 done closed:ok:2.0.0", SMTP_CLIENT_OPPORTUNISTIC },
};

static void test_cases_in_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++)
		for (size_t piece = 1; piece < 200; piece += 1 + piece / 8) {
			struct rig r;

			rig_up(&r, cases[i].script);
			r.conf.tls = cases[i].tls;
			set_message(&r, cases[i].from, cases[i].to, "S: x\r\n\r\n.dot\r\n");
			talk(&r, piece);
			if (strcmp(r.trace.data, cases[i].trace) != 0 || r.hangups != 1)
				fail_msg("%s, pieces of %zu: %s; %u", cases[i].name, piece,
					 r.trace.data, r.hangups);
			rig_down(&r);
		}
}

static void test_what_is_said(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, &pipelining);
	set_message(&r, "a@b", "c@d \xc3\xbc@d", "S: x\r\n\r\n.dot");
	r.msg.mail.ret = SMTP_RET_HDRS;
	strcpy(r.msg.mail.envid, "id 1");
	r.msg.body_8bit = true;
	r.rcpts[0].notify = SMTP_NOTIFY_FAILURE | SMTP_NOTIFY_DELAY;
	strcpy(r.rcpts[1].orcpt, "utf-8;\xc3\xbc@d");
	talk(&r, 1000);
	assert_string_equal(r.heard.data,
			    "EHLO me.test\r\n"
			    "MAIL FROM:<a@b> SIZE=18 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=id+201\r\n"
			    "RCPT TO:<c@d> NOTIFY=FAILURE,DELAY\r\n"
			    "RCPT TO:<\xc3\xbc@d> ORCPT=utf-8;\xc3\xbc@d\r\nDATA\r\n"
			    "P: 1\r\nS: x\r\n\r\n..dot\r\n.\r\nQUIT\r\n");
	assert_int_equal(r.sends, 4);
	rig_down(&r);
}

static void test_parameters_nobody_offered_are_not_said(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, &plain);
	r.msg.mail.ret = SMTP_RET_FULL;
	r.msg.mail.smtputf8 = true;
	r.rcpts[0].notify = SMTP_NOTIFY_NEVER;
	talk(&r, 1000);
	r.rcpts[0].notify = 0;
	assert_non_null(strstr(r.heard.data, "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"));
	rig_down(&r);
}

static void test_8bit_without_8bitmime(void **state)
{
	(void)state;
	for (int anyway = 0; anyway < 2; anyway++) {
		struct rig r;

		rig_up(&r, &plain);
		r.conf.send_8bit = anyway;
		r.msg.body_8bit = true;
		talk(&r, 1000);
		assert_string_equal(r.trace.data, anyway ?
				    "ready 0:ok:2.0.0 done closed:ok:2.0.0" :
				    "ready 0:perm:5.6.3 done closed:ok:2.0.0");
		rig_down(&r);
	}
}

static void test_many_messages_and_rset_between(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, &plain);
	r.messages = 2;
	set_message(&r, "a@b", "no@d", "x");
	talk(&r, 1000);
	assert_string_equal(r.heard.data,
			    "EHLO me.test\r\nMAIL FROM:<a@b>\r\nRCPT TO:<no@d>\r\nRSET\r\n"
			    "MAIL FROM:<a@b>\r\nRCPT TO:<no@d>\r\nQUIT\r\n");
	rig_down(&r);
	rig_up(&r, &pipelining);
	r.messages = 3;
	talk(&r, 1000);
	assert_string_equal(r.trace.data, "ready 0:ok:2.0.0 done 0:ok:2.0.0 done 0:ok:2.0.0 done "
					  "closed:ok:2.0.0");
	assert_null(strstr(r.heard.data, "RSET"));
	rig_down(&r);
}

static void test_pipeline_has_a_window(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, &pipelining);
	r.conf.max_rcpts = 2;
	set_message(&r, "a@b", "c@d e@f no@g h@i", "x");
	hear(&r, "220 x\r\n");
	server_run(&r);
	buf_clear(&r.heard);
	buf_clear(&r.said);
	hear(&r, PIPE);
	assert_string_equal(r.heard.data, "MAIL FROM:<a@b> SIZE=7\r\nRCPT TO:<c@d>\r\n");
	talk(&r, 1000);
	assert_string_equal(r.trace.data, "ready 2:perm:5.1.1 0:ok:2.0.0 1:ok:2.0.0 3:ok:2.0.0 done "
					  "closed:ok:2.0.0");
	rig_down(&r);
}

/* Octets from a queue that another version wrote. */
static void test_bad_orcpt_is_left_out(void **state)
{
	static const char *const bad[] = { "no type", "utf-8;\xff" };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		struct rig r;

		rig_up(&r, &pipelining);
		strcpy(r.rcpts[0].orcpt, bad[i]);
		talk(&r, 1000);
		assert_non_null(strstr(r.heard.data, "RCPT TO:<c@d>\r\n"));
		rig_down(&r);
	}
}

/* The peer goes away after every octet it ever says. */
static void test_peer_goes_at_every_octet(void **state)
{
	static const char all[] = "220 x\r\n" PIPE "250 m\r\n250 r\r\n550 r\r\n354 d\r\n250 q\r\n221 b\r\n";

	(void)state;
	for (size_t cut = 0; cut < strlen(all); cut++) {
		struct rig r;
		const char *p;
		unsigned told = 0;

		rig_up(&r, &pipelining);
		set_message(&r, "a@b", "c@d e@f", "x");
		for (size_t at = 0; at < cut; at++)
			smtp_client_feed(r.c, all + at, 1);
		smtp_client_hangup(r.c, "reset");
		smtp_client_hangup(r.c, "again");
		assert_int_equal(r.hangups, 1);
		for (p = r.trace.data; (p = strstr(p, ":")) != NULL; p++)
			told += p[-1] == '0' || p[-1] == '1';
		if (strstr(r.trace.data, "ready"))
			assert_int_equal(told, 2);
		assert_non_null(strstr(r.trace.data, "closed:"));
		rig_down(&r);
	}
}

static void test_time_runs_out(void **state)
{
	static const struct { const char *hello, *in; int64_t s; } t[] = {
		{ "", "", 300 }, { "220 x\r\n", "", 300 }, { "220 x\r\n" PIPE, "", 300 },
		{ "220 x\r\n" PIPE, "250 m\r\n250 r\r\n", 120 },
		{ "220 x\r\n" PIPE, "250 m\r\n250 r\r\n354 d\r\n", 600 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(t); i++) {
		struct rig r;

		rig_up(&r, &pipelining);
		hear(&r, t[i].hello);
		hear(&r, t[i].in);
		smtp_client_tick(r.c, 1000 + t[i].s * 1000);
		assert_int_equal(r.hangups, 0);
		smtp_client_tick(r.c, 1001 + t[i].s * 1000);
		assert_int_equal(r.hangups, 1);
		assert_non_null(strstr(r.trace.data, "closed:temp:4.4.2"));
		smtp_client_tick(r.c, 1002 + t[i].s * 1000);
		rig_down(&r);
	}
}

static void test_tls_dangers(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, &inject);
	talk(&r, 1000);
	assert_string_equal(r.trace.data, "closed:temp:4.7.0");
	rig_down(&r);
	rig_up(&r, &tls);
	hear(&r, "220 x\r\n250-x\r\n250 STARTTLS\r\n");
	hear(&r, "220 go\r\n");
	assert_true(r.in_tls);
	smtp_client_tls_done(r.c, false);
	assert_string_equal(r.trace.data, "closed:temp:4.7.5:tls");
	rig_down(&r);
}

static void test_unasked_replies_end_it(void **state)
{
	static char big[100001];
	struct rig r;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	rig_up(&r, &plain);
	set_message(&r, "a@b", "c@d", big);
	hear(&r, "220 x\r\n");
	hear(&r, "250 x\r\n");
	hear(&r, "250 m\r\n");
	hear(&r, "250 r\r\n");
	r.blocked = true;	/* content waits, so the early reply comes first */
	hear(&r, "354 d\r\n");
	hear(&r, "552 5.3.4 big\r\n");
	assert_string_equal(r.trace.data, "ready 0:perm:5.3.4 done closed:perm:5.3.4");
	rig_down(&r);
	rig_up(&r, &chatty);
	talk(&r, 1000);
	assert_non_null(strstr(r.trace.data, "closed:"));
	assert_int_equal(r.hangups, 1);
	rig_down(&r);
}

static void test_auth(void **state)
{
	static const struct script auth = { .ehlo = "250-x\r\n250 STARTTLS\r\n",
					    .ehlo_tls = "250-x\r\n250 AUTH X LOGIN\r\n" };
	static const struct { const char *password, *trace; bool tls; } t[] = {
		{ "secret", "ready 0:ok:2.0.0 done closed:ok:2.0.0", true },
		{ "wrong", "closed:temp:5.7.8", true },
		{ "secret", "closed:temp:4.7.0", false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(t); i++) {
		struct rig r;

		rig_up(&r, &auth);
		r.conf.user = "ann";
		r.conf.password = t[i].password;
		r.conf.tls = t[i].tls ? SMTP_CLIENT_REQUIRED : SMTP_CLIENT_PLAIN;
		talk(&r, 1000);
		assert_string_equal(r.trace.data, t[i].trace);
		if (!t[i].tls)
			assert_null(strstr(r.heard.data, "secret"));
		rig_down(&r);
	}
}

static void test_large_content_waits_for_room(void **state)
{
	static char big[300001];
	struct rig r;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	for (size_t i = 70; i + 2 < sizeof(big); i += 72)
		memcpy(big + i, "\r\n", 2);
	rig_up(&r, &plain);
	set_message(&r, "a@b", "c@d", big);
	hear(&r, "220 x\r\n250 x\r\n");
	hear(&r, "250 m\r\n");
	hear(&r, "250 r\r\n");
	r.blocked = true;
	buf_clear(&r.heard);
	hear(&r, "354 d\r\n");
	assert_true(r.heard.len < 70000);
	while (r.heard.len < sizeof(big) && r.hangups == 0)
		smtp_client_writable(r.c);
	assert_string_equal(r.heard.data + r.heard.len - 5, "\r\n.\r\n");
	assert_memory_equal(r.heard.data + 6, big, sizeof(big) - 1);
	hear(&r, "250 q\r\n");
	assert_string_equal(r.trace.data, "ready 0:ok:2.0.0 done");
	rig_down(&r);
}

/* From outside of the callbacks: said at once, told only from the next event. */
static void test_sent_later_goes_at_once(void **state)
{
	struct smtp_client_events idle = { .rcpt = on_rcpt, .done = on_done, .closed = on_closed };
	struct rig r;

	(void)state;
	rig_up(&r, &plain);
	r.messages = 0;
	smtp_client_free(&r.c);
	r.c = smtp_client_new(&r.conf, &io, &idle, &r, false, 1000);
	hear(&r, "220 x\r\n");
	hear(&r, "250 x\r\n");
	buf_clear(&r.heard);
	smtp_client_send(r.c, &r.msg);
	assert_string_equal(r.heard.data, "MAIL FROM:<a@b>\r\n");
	rig_down(&r);
	rig_up(&r, &plain);
	r.messages = 0;
	smtp_client_free(&r.c);
	r.c = smtp_client_new(&r.conf, &io, &idle, &r, false, 1000);
	hear(&r, "220 x\r\n");
	hear(&r, "250 x\r\n");
	r.msg.body_8bit = true;
	smtp_client_send(r.c, &r.msg);
	assert_string_equal(r.trace.data, "");
	smtp_client_tick(r.c, 2000);
	assert_string_equal(r.trace.data, "0:perm:5.6.3 done");
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases_in_pieces),
		cmocka_unit_test(test_what_is_said),
		cmocka_unit_test(test_parameters_nobody_offered_are_not_said),
		cmocka_unit_test(test_8bit_without_8bitmime),
		cmocka_unit_test(test_many_messages_and_rset_between),
		cmocka_unit_test(test_pipeline_has_a_window),
		cmocka_unit_test(test_bad_orcpt_is_left_out),
		cmocka_unit_test(test_peer_goes_at_every_octet),
		cmocka_unit_test(test_time_runs_out),
		cmocka_unit_test(test_tls_dangers),
		cmocka_unit_test(test_unasked_replies_end_it),
		cmocka_unit_test(test_auth),
		cmocka_unit_test(test_large_content_waits_for_room),
		cmocka_unit_test(test_sent_later_goes_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
