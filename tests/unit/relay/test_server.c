#include "common/base/check.h"
#include "common/relay/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

/* One session, its socket and its role.  The role answers at once or, with
 * `later`, when the network is quiet; what it was asked is written to trace. */
struct rig {
	struct smtp_server_conf conf;
	struct spool *spool;
	struct smtp_server *s;
	struct buf out, trace;
	char dir[32];
	unsigned sends, timers, hangups, gone;
	bool later, paused, blocked, low, in_tls;
	struct {
		unsigned code;
		const char *text;
		bool challenge, due;
	} answer;
};

static bool io_send(void *ctx, const char *p, size_t n)
{
	struct rig *r = ctx;

	assert_int_equal(r->hangups, 0);
	assert_int_equal(buf_add(&r->out, p, n), ERR_OK);
	r->sends++;
	return !r->blocked;
}

static void io_starttls(void *ctx)
{
	((struct rig *)ctx)->in_tls = true;
}

static void io_timer(void *ctx, unsigned ms)
{
	assert_int_equal(ms, 5000);
	((struct rig *)ctx)->timers++;
}

static void io_pause(void *ctx, bool stop)
{
	((struct rig *)ctx)->paused = stop;
}

static void io_hangup(void *ctx)
{
	((struct rig *)ctx)->hangups++;
}

static const struct smtp_server_io io = { io_send, io_starttls, io_timer, io_pause, io_hangup };

static void note(struct rig *r, const char *what, const char *arg)
{
	assert_int_equal(r->gone, 0);
	assert_int_equal(buf_addf(&r->trace, "%s%s%s", r->trace.len ? " " : "", what, arg),
			 ERR_OK);
}

static void say(struct rig *r)
{
	r->answer.due = false;
	if (r->answer.challenge)
		smtp_server_challenge(r->s, r->answer.text);
	else
		smtp_server_answer(r->s, r->answer.code, NULL, r->answer.text);
}

static void answer(struct rig *r, unsigned code, const char *text)
{
	assert_false(r->answer.due);
	r->answer.code = code;
	r->answer.text = text;
	r->answer.challenge = code == 334;
	r->answer.due = true;
	if (!r->later)
		say(r);
}

static void on_connect(void *ctx, struct smtp_server *s)
{
	(void)s;
	answer(ctx, 220, "here");
}

static void on_helo(void *ctx, struct smtp_server *s, const char *name, bool esmtp)
{
	(void)s;
	note(ctx, esmtp ? "ehlo:" : "helo:", name);
	answer(ctx, strcmp(name, "bad") == 0 ? 550 : 250, NULL);
}

static const char *on_mechanisms(void *ctx, struct smtp_server *s)
{
	(void)ctx;
	(void)s;
	return "PLAIN X";
}

static void on_auth(void *ctx, struct smtp_server *s, const char *mech, const char *initial)
{
	(void)s;
	note(ctx, "auth:", mech);
	if (initial)
		answer(ctx, strcmp(initial, "good") == 0 ? 235 : 535, NULL);
	else
		answer(ctx, 334, strcmp(mech, "X") == 0 ? "" : "Y2hhbGxlbmdl");
}

static void on_auth_line(void *ctx, struct smtp_server *s, const char *line, size_t n)
{
	char text[64];

	(void)s;
	snprintf(text, sizeof(text), "%.*s", (int)(n > 60 ? 60 : n), line);
	note(ctx, "line:", text);
	answer(ctx, strcmp(text, "good") == 0 ? 235 : strcmp(text, "*") == 0 ? 501 : 535, NULL);
}

static unsigned verdict(const char *local)
{
	return strcmp(local, "no") == 0	     ? 550 :
	       strcmp(local, "later") == 0 ? 451 :
	       strcmp(local, "bye") == 0   ? 421 : 250;
}

static void on_mail(void *ctx, struct smtp_server *s, const struct smtp_mail *m)
{
	(void)s;
	note(ctx, "mail:", m->from.local);
	answer(ctx, verdict(m->from.local), NULL);
}

static void on_rcpt(void *ctx, struct smtp_server *s, const struct smtp_rcpt *to)
{
	(void)s;
	note(ctx, "rcpt:", to->to.local);
	answer(ctx, verdict(to->to.local), NULL);
}

static void on_begin(void *ctx, struct smtp_server *s)
{
	note(ctx, "begin", "");
	/* Recipients named so that they spoil the data. */
	answer(ctx, smtp_server_rcpts(s) == 3 ? 451 : 354, NULL);
}

static void on_end(void *ctx, struct smtp_server *s, struct spool_body *body,
		   const struct smtp_server_facts *f)
{
	char text[200] = "";
	size_t got;

	(void)s;
	assert_int_equal(spool_body_read(body, 0, text, sizeof(text) - 1, &got, NULL), ERR_OK);
	for (size_t i = 0; i < got; i++)
		text[i] = text[i] == '\r' ? '/' : text[i] == '\n' ? '|' : text[i];
	note(ctx, f->body_8bit ? "end8:" : "end:", text);
	answer(ctx, strstr(text, "REFUSE") ? 554 : 250, NULL);
}

static void on_reset(void *ctx, struct smtp_server *s)
{
	(void)s;
	note(ctx, "reset", "");
}

static bool on_low(void *ctx)
{
	return ((struct rig *)ctx)->low;
}

static void on_gone(void *ctx, struct smtp_server *s)
{
	(void)s;
	((struct rig *)ctx)->gone++;
}

static const struct smtp_server_policy policy = {
	on_connect, on_helo, on_mechanisms, on_auth, on_auth_line, on_mail, on_rcpt,
	on_begin, on_end, on_reset, on_low, on_gone,
};

static void rig_up(struct rig *r, bool later)
{
	struct spool_conf sc = { r->dir, 50, 0 };

	*r = (struct rig){ .later = later };
	strcpy(r->dir, "/tmp/test-server-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	assert_int_equal(spool_open(&sc, &r->spool, NULL), ERR_OK);
	buf_init(&r->out, 1 << 20);
	buf_init(&r->trace, 1 << 16);
	smtp_server_conf_hub(&r->conf);
	r->conf.hostname = "mx.test";
	r->conf.tarpit_ms = 0;
	r->conf.auth_needs_tls = false;
	r->conf.max_size = 100;
	r->conf.max_rcpts = 4;
	r->s = smtp_server_new(&r->conf, r->spool, &io, &policy, r, 1000);
}

static void rig_quiet(struct rig *r)
{
	while (r->answer.due && !r->hangups)
		say(r);
}

static void rig_start(struct rig *r)
{
	smtp_server_start(r->s, false);
	rig_quiet(r);
}

static void rig_feed(struct rig *r, const char *p, size_t n)
{
	if (n > 0)
		smtp_server_feed(r->s, p, n);
	rig_quiet(r);
}

static void rig_say(struct rig *r, const char *text)
{
	rig_feed(r, text, strlen(text));
}

static void rig_down(struct rig *r)
{
	smtp_server_free(&r->s);
	assert_int_equal(r->gone, 1);
	assert_int_equal(spool_memory(r->spool), 0);
	spool_close(&r->spool);
	buf_fini(&r->out);
	buf_fini(&r->trace);
	assert_int_equal(rmdir(r->dir), 0);
}

/* "250 354 ": the codes of the replies, one a reply. */
static const char *codes(const struct rig *r, char *out, size_t cap)
{
	const char *p = r->out.data;

	out[0] = '\0';
	while (*p != '\0') {
		const char *end = strstr(p, "\r\n");
		size_t n = strlen(out);

		assert_non_null(end);
		if (p[3] == ' ')
			snprintf(out + n, cap - n, "%s%.3s", n ? " " : "", p);
		p = end + 2;
	}
	return out;
}

static const struct {
	const char *name, *in, *codes, *trace;
	bool hung_up;
} cases[] = {
	{ "one message",
	  "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nhi\r\n..\r\n.\r\nQUIT\r\n",
	  "220 250 250 250 354 250 221", "ehlo:x mail:a rcpt:c begin end:hi/|./|", true },
	{ "two messages, HELO",
	  "HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<c@d>\r\nDATA\r\n.\r\n"
	  "MAIL FROM:<a@b>\r\nRCPT TO:<d@d>\r\nRCPT TO:<e@d>\r\nDATA\r\nx\r\n.\r\n",
	  "220 250 250 250 354 250 250 250 250 354 250",
	  "helo:x mail: rcpt:c begin end: mail:a rcpt:d rcpt:e begin end:x/|", false },
	{ "a body in a file",
	  "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"
	  "0123456789012345678901234567890\r\n0123456789012345678901234567890\r\n.\r\n",
	  "220 250 250 250 354 250",
	  "ehlo:x mail:a rcpt:c begin "
	  "end:0123456789012345678901234567890/|0123456789012345678901234567890/|", false },
	{ "8-bit is noticed",
	  "EHLO x\r\nMAIL FROM:<a@b> BODY=8BITMIME\r\nRCPT TO:<c@d>\r\nDATA\r\n\r\n\xe9\r\n.\r\n",
	  "220 250 250 250 354 250", "ehlo:x mail:a rcpt:c begin end8:/|\xe9/|", false },
	{ "out of order",
	  "MAIL FROM:<a@b>\r\nEHLO x\r\nRCPT TO:<c@d>\r\nDATA\r\nMAIL FROM:<a@b>\r\nDATA\r\n",
	  "220 503 250 503 503 250 503", "ehlo:x mail:a", false },
	{ "nested MAIL", "EHLO x\r\nMAIL FROM:<a@b>\r\nMAIL FROM:<c@d>\r\nNOOP\r\n",
	  "220 250 250 503 250", "ehlo:x mail:a", false },
	{ "refused sender", "EHLO x\r\nMAIL FROM:<no@b>\r\nRCPT TO:<c@d>\r\n",
	  "220 250 550 503", "ehlo:x mail:no", false },
	{ "refused recipients",
	  "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<no@d>\r\nRCPT TO:<later@d>\r\nDATA\r\n",
	  "220 250 250 550 451 503", "ehlo:x mail:a rcpt:no rcpt:later", false },
	{ "too many recipients",
	  "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<1@d>\r\nRCPT TO:<2@d>\r\nRCPT TO:<3@d>\r\n"
	  "RCPT TO:<4@d>\r\nRCPT TO:<5@d>\r\nDATA\r\nx\r\n.\r\n",
	  "220 250 250 250 250 250 250 452 354 250",
	  "ehlo:x mail:a rcpt:1 rcpt:2 rcpt:3 rcpt:4 begin end:x/|", false },
	{ "refused message", "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nREFUSE\r\n.\r\n"
	  "DATA\r\n", "220 250 250 250 354 554 503",
	  "ehlo:x mail:a rcpt:c begin end:REFUSE/|", false },
	{ "bare LF in content",
	  "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nx\n.\r\nMAIL FROM:<e@f>\r\n.\r\n"
	  "NOOP\r\n", "220 250 250 250 354 550 250", "ehlo:x mail:a rcpt:c begin reset", false },
	{ "too large said", "EHLO x\r\nMAIL FROM:<a@b> SIZE=101\r\nMAIL FROM:<a@b> SIZE=100\r\n",
	  "220 250 552 250", "ehlo:x mail:a", false },
	{ "too large found",
	  "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"
	  "0123456789012345678901234567890\r\n0123456789012345678901234567890\r\n"
	  "0123456789012345678901234567890\r\n0123456789012345678901234567890\r\n.\r\nNOOP\r\n",
	  "220 250 250 250 354 552 250", "ehlo:x mail:a rcpt:c begin reset", false },
	{ "RSET", "EHLO x\r\nRSET\r\nMAIL FROM:<a@b>\r\nRSET\r\nRCPT TO:<c@d>\r\n",
	  "220 250 250 250 250 503", "ehlo:x mail:a reset", false },
	{ "EHLO resets", "EHLO x\r\nMAIL FROM:<a@b>\r\nEHLO y\r\nMAIL FROM:<c@d>\r\n",
	  "220 250 250 250 250", "ehlo:x mail:a ehlo:y reset mail:c", false },
	{ "refused HELO", "HELO bad\r\nMAIL FROM:<a@b>\r\nHELO x\r\nMAIL FROM:<a@b>\r\n",
	  "220 550 503 250 250", "helo:bad helo:x mail:a", false },
	{ "refused later HELO", "EHLO x\r\nMAIL FROM:<a@b>\r\nEHLO bad\r\nMAIL FROM:<a@b>\r\n",
	  "220 250 250 550 503", "ehlo:x mail:a ehlo:bad reset", false },
	{ "HELO knows no parameters", "HELO x\r\nMAIL FROM:<a@b> SIZE=1\r\n", "220 250 555",
	  "helo:x", false },
	{ "QUIT in a transaction", "EHLO x\r\nMAIL FROM:<a@b>\r\nQUIT\r\nNOOP\r\n",
	  "220 250 250 221", "ehlo:x mail:a reset", true },
	{ "421 from the role", "EHLO x\r\nMAIL FROM:<bye@b>\r\nNOOP\r\n", "220 250 421",
	  "ehlo:x mail:bye", true },
	{ "errors", "A\r\nB\r\n\r\nNOOP\r\nD\r\nE\r\nF\r\nNOOP\r\n",
	  "220 500 500 500 250 500 500 421", "", true },
	{ "bare LF in a command", "NOOP\nNOOP\r\nEHLO\nx\r\n", "220 500 250 500 500", "", false },
	{ "the others", "VRFY a\r\nEXPN a\r\nHELP\r\nNOOP x\r\n", "220 252 502 214 250", "", false },
	/* BDAT */
	{ "chunks", "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 4\r\n.\r\nxBDAT 0\r\n"
	  "BDAT 3 LAST\r\ny\r\nQUIT\r\n", "220 250 250 250 250 250 250 221",
	  "ehlo:x mail:a rcpt:c begin end:./|xy/|", true },
	{ "one chunk", "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 6 LAST\r\nDATA\r\n"
	  "NOOP\r\n", "220 250 250 250 250 250", "ehlo:x mail:a rcpt:c begin end:DATA/|", false },
	{ "chunk with nobody to go to", "EHLO x\r\nMAIL FROM:<a@b>\r\nBDAT 6 LAST\r\nNOOP\r\n"
	  "RSET\r\n", "220 250 250 503 250", "ehlo:x mail:a reset", false },
	{ "chunk refused at once",
	  "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<1@d>\r\nRCPT TO:<2@d>\r\nRCPT TO:<3@d>\r\n"
	  "BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n", "220 250 250 250 250 250 451 250",
	  "ehlo:x mail:a rcpt:1 rcpt:2 rcpt:3 begin", false },
	{ "bare LF in a chunk", "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 2\r\nx\n"
	  "BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n", "220 250 250 250 550 503 250",
	  "ehlo:x mail:a rcpt:c begin reset", false },
	{ "CR at the end of all chunks",
	  "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 2 LAST\r\nx\rNOOP\r\n",
	  "220 250 250 250 550 250", "ehlo:x mail:a rcpt:c begin reset", false },
	{ "verbs between chunks",
	  "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 1\r\nxDATA\r\nRCPT TO:<d@e>\r\n"
	  "MAIL FROM:<x@y>\r\nBDAT 0 LAST\r\n", "220 250 250 250 250 503 503 503 250",
	  "ehlo:x mail:a rcpt:c begin end:x", false },
	{ "nonsense BDAT", "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT x\r\nNOOP\r\n",
	  "220 250 250 250 501", "ehlo:x mail:a rcpt:c", true },
	{ "a chunk nobody could drop", "EHLO x\r\nBDAT 18446744073709551615 LAST\r\nNOOP\r\n",
	  "220 250 503", "ehlo:x", true },
	/* AUTH */
	{ "initial response", "EHLO x\r\nAUTH plain good\r\nAUTH PLAIN good\r\n",
	  "220 250 235 503", "ehlo:x auth:PLAIN", false },
	{ "challenge", "EHLO x\r\nAUTH PLAIN\r\ngood\r\nMAIL FROM:<a@b>\r\n",
	  "220 250 334 235 250", "ehlo:x auth:PLAIN line:good mail:a", false },
	{ "empty challenge, given up", "EHLO x\r\nAUTH X\r\n*\r\nNOOP\r\n", "220 250 334 501 250",
	  "ehlo:x auth:X line:*", false },
	{ "an end of line that is none gives up", "EHLO x\r\nAUTH X\r\ngood\nNOOP\r\n",
	  "220 250 334 501 250", "ehlo:x auth:X line:*", false },
	{ "three failures", "EHLO x\r\nAUTH X a\r\nAUTH X b\r\nAUTH X c\r\nNOOP\r\n",
	  "220 250 535 535 421", "ehlo:x auth:X auth:X auth:X", true },
	{ "not before EHLO, not in a transaction, not malformed",
	  "AUTH X good\r\nEHLO x\r\nAUTH X a b\r\nAUTH MECHANISMNAMETOOLONGXX a\r\n"
	  "MAIL FROM:<a@b>\r\nAUTH X good\r\n", "220 503 250 501 501 250 503",
	  "ehlo:x mail:a", false },
	/* TLS */
	{ "STARTTLS drops what follows", "EHLO x\r\nSTARTTLS\r\nMAIL FROM:<a@b>\r\n", "220 250 220",
	  "ehlo:x", false },
};

static void check_case(size_t i, size_t cut, bool later)
{
	size_t len = strlen(cases[i].in);
	char got[256];
	struct rig r;

	rig_up(&r, later);
	rig_start(&r);
	rig_feed(&r, cases[i].in, cut);
	rig_feed(&r, cases[i].in + cut, len - cut);
	if (strcmp(codes(&r, got, sizeof(got)), cases[i].codes) != 0 ||
	    strcmp(r.trace.data, cases[i].trace) != 0 || r.hangups != cases[i].hung_up)
		fail_msg("%s, cut at %zu, later %d: %s; %s; %u", cases[i].name, cut, later, got,
			 r.trace.data, r.hangups);
	rig_down(&r);
}

static void test_cases_at_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++)
		for (size_t cut = 0; cut <= strlen(cases[i].in); cut++) {
			check_case(i, cut, false);
			check_case(i, cut, true);
		}
}

static void test_ehlo_says_what_is_offered(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, false);
	r.conf.auth_needs_tls = true;
	rig_start(&r);
	rig_say(&r, "EHLO me\r\n");
	assert_string_equal(r.out.data,
			    "220 mx.test here\r\n250-mx.test Hello me\r\n250-SIZE 100\r\n"
			    "250-PIPELINING\r\n250-DSN\r\n250-ENHANCEDSTATUSCODES\r\n250-STARTTLS\r\n"
			    "250-8BITMIME\r\n250-CHUNKING\r\n250 SMTPUTF8\r\n");
	buf_clear(&r.out);
	rig_say(&r, "AUTH PLAIN good\r\nSTARTTLS\r\nQUIT\r\n");
	assert_true(r.in_tls);
	assert_string_equal(r.out.data, "538 5.7.11 Encryption required for authentication\r\n"
					"220 2.0.0 Ready to start TLS\r\n");
	buf_clear(&r.out);
	rig_say(&r, "QUIT\r\n");		/* still in plain */
	smtp_server_tls_started(r.s);
	assert_int_equal(r.out.len, 0);
	assert_string_equal(smtp_server_helo(r.s), "");
	rig_say(&r, "MAIL FROM:<a@b>\r\n");
	assert_string_equal(r.out.data, "503 5.5.1 Send hello first\r\n");
	buf_clear(&r.out);
	rig_say(&r, "EHLO me\r\n");
	assert_null(strstr(r.out.data, "STARTTLS"));
	assert_non_null(strstr(r.out.data, "250-AUTH PLAIN X\r\n"));
	assert_string_equal(smtp_server_protocol(r.s), "ESMTPS");
	rig_say(&r, "AUTH PLAIN good\r\nMAIL FROM:<\xc3\xbc@b> SMTPUTF8\r\n");
	assert_string_equal(smtp_server_protocol(r.s), "UTF8SMTPSA");
	rig_say(&r, "STARTTLS\r\n");
	assert_non_null(strstr(r.out.data, "503 5.5.1"));
	rig_down(&r);
}

static void test_one_batch_one_send(void **state)
{
	static const char batch[] = "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<no@d>\r\n"
				    "BDAT 4 LAST\r\nxx\r\nNOOP\r\n";

	(void)state;
	for (int later = 0; later < 2; later++) {
		struct rig r;

		rig_up(&r, later);
		rig_start(&r);
		r.sends = 0;
		rig_say(&r, batch);
		assert_int_equal(r.sends, 1);
		rig_down(&r);
	}
}

static void test_tarpit(void **state)
{
	char got[64];
	struct rig r;

	(void)state;
	rig_up(&r, false);
	r.conf.tarpit_ms = 5000;
	rig_start(&r);
	rig_say(&r, "EHLO x\r\nBAD\r\nNOOP\r\n");
	assert_int_equal(r.timers, 1);
	assert_string_equal(codes(&r, got, sizeof(got)), "220 250");
	smtp_server_wake(r.s);
	assert_string_equal(codes(&r, got, sizeof(got)), "220 250 500 250");
	smtp_server_wake(r.s);			/* too many is no harm */
	rig_say(&r, "AUTH X good\r\nBAD\r\n");
	assert_string_equal(codes(&r, got, sizeof(got)), "220 250 500 250 235 500");
	assert_int_equal(r.timers, 1);
	rig_down(&r);
}

static void test_time_runs_out(void **state)
{
	static const struct { const char *in; int64_t at; bool out; } t[] = {
		{ "", 301000, false }, { "", 301001, true },
		{ "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nx", 301001, true },
		{ "EHLO x\r\nAUTH X\r\n", 301001, true },
		{ "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 5\r\nx", 301001, true },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(t); i++) {
		struct rig r;

		rig_up(&r, false);
		rig_start(&r);
		rig_say(&r, t[i].in);
		buf_clear(&r.out);
		smtp_server_tick(r.s, t[i].at);
		assert_int_equal(r.hangups, t[i].out);
		assert_string_equal(r.out.data, t[i].out ? "421 4.4.2 Connection timed out\r\n" : "");
		smtp_server_tick(r.s, t[i].at + 1);
		rig_say(&r, "NOOP\r\n");
		rig_down(&r);
	}
}

static void test_a_busy_client_has_its_time_too(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, false);
	rig_start(&r);
	for (int64_t now = 1000; now <= 601000; now += 10000) {
		smtp_server_tick(r.s, now);
		rig_say(&r, "NOOP\r\n");
		assert_int_equal(r.hangups, 0);
	}
	smtp_server_tick(r.s, 601001);
	assert_int_equal(r.hangups, 1);
	rig_down(&r);
}

static void test_waiting_for_us_is_not_idle(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, false);
	rig_start(&r);
	r.later = true;
	smtp_server_feed(r.s, "NOOP\r\nEHLO x\r\n", 14);
	assert_true(r.answer.due);
	r.sends = 0;
	smtp_server_tick(r.s, 500000);
	assert_int_equal(r.hangups, 0);
	assert_int_equal(r.sends, 1);		/* replies held back come out in time */
	rig_quiet(&r);
	smtp_server_tick(r.s, 501000);
	assert_int_equal(r.hangups, 0);
	rig_down(&r);
}

static void test_message_rate(void **state)
{
	static const char mail[] = "MAIL FROM:<a@b>\r\nRSET\r\n";
	char got[64];
	struct rig r;

	(void)state;
	rig_up(&r, false);
	r.conf.max_messages_minute = 2;
	rig_start(&r);
	rig_say(&r, "EHLO x\r\n");
	rig_say(&r, mail);
	rig_say(&r, mail);
	smtp_server_tick(r.s, 61000);
	rig_say(&r, mail);
	rig_say(&r, mail);
	rig_say(&r, mail);
	assert_string_equal(codes(&r, got, sizeof(got)),
			    "220 250 250 250 250 250 250 250 250 250 421");
	assert_int_equal(r.hangups, 1);
	rig_down(&r);
}

static void test_resources_low(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, false);
	rig_start(&r);
	rig_say(&r, "EHLO x\r\n");
	buf_clear(&r.out);
	r.low = true;
	rig_say(&r, "MAIL FROM:<a@b>\r\n");
	assert_string_equal(r.out.data, "452 4.3.1 Insufficient system resources\r\n");
	rig_down(&r);
}

static void test_flood_is_held_back(void **state)
{
	char block[8192];
	struct rig r;

	(void)state;
	memset(block, 'x', sizeof(block));
	rig_up(&r, false);
	rig_start(&r);
	r.later = true;
	smtp_server_feed(r.s, "EHLO x\r\n", 8);
	for (unsigned i = 0; i < 5; i++)
		smtp_server_feed(r.s, block, sizeof(block));
	assert_true(r.paused);
	for (unsigned i = 0; i < 100 && !r.hangups; i++)	/* a socket that cannot stop */
		smtp_server_feed(r.s, block, sizeof(block));
	assert_int_equal(r.hangups, 1);
	rig_down(&r);
}

static void test_who_reads_nothing_is_not_read(void **state)
{
	char got[64];
	struct rig r;

	(void)state;
	rig_up(&r, false);
	rig_start(&r);
	r.blocked = true;
	rig_say(&r, "NOOP\r\n");
	assert_true(r.paused);
	rig_say(&r, "NOOP\r\n");
	assert_string_equal(codes(&r, got, sizeof(got)), "220 250");
	r.blocked = false;
	smtp_server_writable(r.s);
	assert_string_equal(codes(&r, got, sizeof(got)), "220 250 250");
	assert_false(r.paused);
	rig_down(&r);
}

static void test_long_lines(void **state)
{
	char line[SMTP_AUTH_LINE_MAX + 1000], got[64];
	struct rig r;

	(void)state;
	memset(line, 'x', sizeof(line));
	rig_up(&r, false);
	rig_start(&r);
	rig_feed(&r, line, 3000);
	rig_feed(&r, line, 3000);
	rig_say(&r, "\r\nEHLO x\r\nAUTH X ");
	rig_feed(&r, line, 3000);
	rig_say(&r, "\r\nAUTH X\r\n");
	rig_feed(&r, line, sizeof(line));
	rig_say(&r, "\r\nNOOP\r\n");
	assert_string_equal(codes(&r, got, sizeof(got)), "220 500 250 535 334 501 250");
	rig_down(&r);
}

static void test_content_without_end(void **state)
{
	char block[65536];
	unsigned i;
	struct rig r;

	(void)state;
	memset(block, 'x', sizeof(block));
	rig_up(&r, false);
	rig_start(&r);
	rig_say(&r, "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
	for (i = 0; i < 100 && !r.hangups; i++)
		rig_feed(&r, block, sizeof(block));
	assert_int_equal(i, 17);	/* 1 MiB and 200 octets */
	assert_non_null(strstr(r.out.data, "\r\n552 5.3.4 "));
	rig_down(&r);
}

static void test_hasty_content_is_not_obeyed(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, false);
	rig_start(&r);
	rig_say(&r, "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<1@d>\r\nRCPT TO:<2@d>\r\nRCPT TO:<3@d>\r\n");
	assert_false(smtp_server_is_hasty(r.s));
	rig_say(&r, "DATA\r\nRSET\r\n.\r\n");	/* refused: three recipients */
	assert_true(smtp_server_is_hasty(r.s));
	assert_int_equal(r.hangups, 1);
	assert_null(strstr(r.trace.data, "reset"));
	rig_down(&r);
	rig_up(&r, true);
	smtp_server_feed(r.s, "EHLO x\r\n", 8);	/* before the greeting */
	rig_start(&r);
	assert_true(smtp_server_is_hasty(r.s));
	assert_string_equal(r.trace.data, "ehlo:x");
	rig_down(&r);
}

static void test_drain(void **state)
{
	char got[64];
	struct rig r;

	(void)state;
	rig_up(&r, false);
	rig_start(&r);
	rig_say(&r, "EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n");
	smtp_server_drain(r.s);
	assert_int_equal(r.hangups, 0);
	rig_say(&r, "DATA\r\nx\r\n.\r\nMAIL FROM:<a@b>\r\n");
	assert_string_equal(codes(&r, got, sizeof(got)), "220 250 250 250 354 250 421");
	assert_int_equal(r.hangups, 1);
	rig_down(&r);
	rig_up(&r, false);
	rig_start(&r);
	smtp_server_drain(r.s);
	assert_int_equal(r.hangups, 1);
	rig_down(&r);
}

/* Free in every state, with answers outstanding or not: no leak, one gone(). */
static void test_peer_goes_at_every_octet(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++)
		for (size_t cut = 0; cut <= strlen(cases[i].in); cut += 3) {
			struct rig r;

			rig_up(&r, false);
			rig_start(&r);
			r.later = cut % 2;
			if (cut > 0)
				smtp_server_feed(r.s, cases[i].in, cut);
			rig_down(&r);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases_at_every_split),
		cmocka_unit_test(test_ehlo_says_what_is_offered),
		cmocka_unit_test(test_one_batch_one_send),
		cmocka_unit_test(test_tarpit),
		cmocka_unit_test(test_time_runs_out),
		cmocka_unit_test(test_a_busy_client_has_its_time_too),
		cmocka_unit_test(test_waiting_for_us_is_not_idle),
		cmocka_unit_test(test_message_rate),
		cmocka_unit_test(test_resources_low),
		cmocka_unit_test(test_flood_is_held_back),
		cmocka_unit_test(test_who_reads_nothing_is_not_read),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_content_without_end),
		cmocka_unit_test(test_hasty_content_is_not_obeyed),
		cmocka_unit_test(test_drain),
		cmocka_unit_test(test_peer_goes_at_every_octet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
