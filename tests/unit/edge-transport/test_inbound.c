/* The edge's policy behind a real SMTP session. */
#include "tests/unit/edge-transport/fake_world.h"
#include "roles/edge-transport/inbound.h"
#include "roles/edge-transport/pass.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define HELLO "EHLO there\r\n"
#define START HELLO "MAIL FROM:<you@outside.test>\r\n"
#define LETTER START "RCPT TO:<ann@example.test>\r\nDATA\r\n"

static struct smtp_server_conf conf;
static struct front_session fs;

static bool io_send(void *ctx, const char *p, size_t n)
{
	assert_int_equal(buf_add(&((struct front_session *)ctx)->out, p, n), ERR_OK);
	return true;
}

static void io_starttls(void *ctx)
{
	(void)ctx;
}

static void io_timer(void *ctx, unsigned ms)
{
	assert_int_equal(ms, 5000);
	((struct front_session *)ctx)->timers++;
}

static void io_hangup(void *ctx)
{
	((struct front_session *)ctx)->hangups++;
}

static const struct smtp_server_io io = { io_send, io_starttls, io_timer, NULL, io_hangup };

static void session_up(const char *from)
{
	fs = (struct front_session){ .edge = &world->edge };
	assert_int_equal(addr_parse(from, 25, &fs.peer), ERR_OK);
	buf_init(&fs.out, 1 << 20);
	smtp_server_conf_edge(&conf);
	conf.hostname = "mail.example.test";
	conf.max_messages_minute = 0;
	conf.max_rcpts = 3;
	fs.smtp = smtp_server_new(&conf, world->edge.relay.spool, &io, &inbound_policy, &fs, 0);
	smtp_server_start(fs.smtp, false);
}

static void session_down(void)
{
	smtp_server_free(&fs.smtp);
	assert_null(fs.data);
	buf_fini(&fs.out);
}

/* What is said, with tarpits waited for. */
static const char *say(const char *text)
{
	size_t at = fs.out.len;
	unsigned waits = fs.timers;

	smtp_server_feed(fs.smtp, text, strlen(text));
	while (fs.timers != waits) {
		waits = fs.timers;
		smtp_server_wake(fs.smtp);
	}
	return fs.out.data + at;
}

static bool says(const char *all, const char *want)
{
	return strstr(all, want) != NULL;
}

/* ---- before there is a message ------------------------------------------------------ */

static const struct {
	const char *name, *in, *want;
	bool not_ready, low;
} cases[] = {
	{ "known", START "RCPT TO:<ann@example.test>\r\n", "250 2.1.5 ", false, false },
	{ "unknown", START "RCPT TO:<nobody@example.test>\r\n", "550 5.1.1 ", false, false },
	{ "relaying", START "RCPT TO:<you@elsewhere.test>\r\n", "550 5.7.1 Unable to relay", false,
	  false },
	{ "a relay domain", START "RCPT TO:<any@relay.test>\r\n", "250 2.1.5 ", false, false },
	{ "postmaster", START "RCPT TO:<postmaster>\r\n", "250 2.1.5 ", false, false },
	{ "cannot tell", START "RCPT TO:<later@example.test>\r\n", "451 4.3.0 ", false, false },
	{ "too many recipients",
	  START "RCPT TO:<ann1@example.test>\r\nRCPT TO:<ann2@example.test>\r\n"
		"RCPT TO:<ann3@example.test>\r\nRCPT TO:<ann4@example.test>\r\n",
	  "452 4.5.3 ", false, false },
	{ "too large", HELLO "MAIL FROM:<a@b.test> SIZE=100001\r\n", "552 5.3.4 ", false, false },
	{ "not subscribed", START, "451 4.3.2 ", true, false },
	{ "disk full", START, "452 4.3.1 ", false, true },
	{ "no login here", HELLO "AUTH PLAIN AGEAYQ==\r\n", "50", false, false },
	{ "no recipient", START "DATA\r\n", "503 5.5.1 ", false, false },
};

/* RFC 5321 section 4.5.1: of every authoritative domain, once one is named. */
static void test_postmaster(void **state)
{
	static const struct {
		const char *set, *to, *want;
	} list[] = {
		{ NULL, "postmaster@example.test", "550 5.1.1 " },
		{ "ann@example.test", "postmaster@example.test", "250 2.1.5 " },
		{ "ann@example.test", "POSTMASTER@example.test", "250 2.1.5 " },
		{ "ann@example.test", "postmaster2@example.test", "550 5.1.1 " },
		{ "ann@example.test", "postmaster@elsewhere.test", "550 5.7.1 " },
		{ "gone@example.test", "postmaster@example.test", "550 5.1.1 " },
		{ "x@elsewhere.test", "postmaster@example.test", "550 5.1.1 " },
		{ "later@example.test", "postmaster@example.test", "451 4.3.0 " },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(list); i++) {
		char in[200], from[32];

		world->edge.route.postmaster_set = list[i].set != NULL;
		if (list[i].set)
			world->edge.route.postmaster = list[i].set;
		snprintf(in, sizeof(in), START "RCPT TO:<%s>\r\n", list[i].to);
		snprintf(from, sizeof(from), "192.0.2.%zu", i + 1);	/* own budget of unknowns */
		session_up(from);
		if (!says(say(in), list[i].want))
			fail_msg("%s, %s: got \"%s\"", list[i].set, list[i].to, fs.out.data);
		session_down();
	}
}

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		world->ready = !cases[i].not_ready;
		world->edge.low.is_low = cases[i].low;
		session_up("192.0.2.1");
		if (!says(say(cases[i].in), cases[i].want))
			fail_msg("%s: got \"%s\"", cases[i].name, fs.out.data);
		session_down();
		assert_int_equal(world->n_calls, 0);
	}
}

/* A known recipient is looked up once, until the replica changes. */
static void test_hot_recipients(void **state)
{
	(void)state;
	session_up("192.0.2.1");
	for (int i = 0; i < 3; i++)
		say(START "RCPT TO:<ann@example.test>\r\nRSET\r\n");
	assert_int_equal(world->look_ups, 1);
	known_clear(world->edge.known);
	say(START "RCPT TO:<ann@example.test>\r\nRCPT TO:<x@example.test>\r\n"
		  "RCPT TO:<x@example.test>\r\n");
	assert_int_equal(world->look_ups, 4);
	session_down();
}

/* Three unknown ones are answered, the fourth ends it; the next connection is
 * turned away, and that of somebody else is not. */
static void test_harvest(void **state)
{
	(void)state;
	session_up("192.0.2.1");
	say(START);
	for (int i = 0; i < 3; i++)
		assert_true(says(say("RCPT TO:<no@example.test>\r\n"), "550 5.1.1 "));
	assert_int_equal(fs.timers, 3);
	assert_true(says(say("RCPT TO:<no@example.test>\r\n"), "421 4.7.0 "));
	assert_int_equal(fs.hangups, 1);
	assert_true(says(world->logged, "client=192.0.2.1"));
	session_down();
	session_up("192.0.2.1");
	assert_true(says(fs.out.data, "421 "));
	assert_int_equal(fs.hangups, 1);
	session_down();
	session_up("192.0.2.2");
	assert_true(says(fs.out.data, "220 mail.example.test"));
	session_down();
}

static void test_rate(void **state)
{
	const struct sources_conf two = { .rate = 2 };

	(void)state;
	sources_set(world->edge.sources, &two);
	session_up("192.0.2.1");
	assert_true(says(say(START "RSET\r\nMAIL FROM:<>\r\nRSET\r\n"), "250 2.1.0"));
	session_down();
	session_up("192.0.2.1");
	assert_true(says(say(START), "421 4.4.2 "));
	assert_int_equal(fs.hangups, 1);
	session_down();
}

/* ---- messages -------------------------------------------------------------------------- */

static const struct {
	const char *name;
	enum err e;
	enum hand_verdict v;
	const char *detail, *want, *logged;
} verdicts[] = {
	{ "held", ERR_OK, HAND_HELD, "", "250 2.6.0 <", "result=passed by=\"hub0\"" },
	{ "queued", ERR_AGAIN, HAND_UNKNOWN, "", "250 2.6.0 <", "result=queued" },
	{ "refused", ERR_OK, HAND_REFUSED, "5.3.4 message too large",
	  "554 5.3.4 message too large", "result=refused" },
	{ "refused, no status", ERR_OK, HAND_REFUSED, "no", "554 5.7.1 no", "result=refused" },
	{ "refused, odd status", ERR_OK, HAND_REFUSED, "4.3.4 no", "554 5.7.1 4.3.4 no",
	  "result=refused" },
	{ "refused without words", ERR_OK, HAND_REFUSED, "", "554 5.7.1 Refused", "result=refused" },
};

static void drain(void)
{
	while (world->edge.passing > 0)
		uv_run(&world->loop, UV_RUN_ONCE);
	while (fs.smtp && fs.timers > 0) {
		fs.timers--;
		smtp_server_wake(fs.smtp);
	}
}

static void test_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(verdicts); i++) {
		unsigned lines;

		world_offer(0, 10);
		session_up("192.0.2.1");
		say(LETTER);
		lines = world->n_logged;
		say("Message-ID: <1@b>\r\n\r\nhello\r\n.\r\n");
		assert_int_equal(world->n_calls, i + 1);
		assert_string_equal(world->calls[i].sender, "you@outside.test");
		assert_true(says(world->calls[i].prefix, "Received: from there ([192.0.2.1])\r\n"
							 "\tby mail.example.test with ESMTP id "));
		world_answer(i, verdicts[i].e, verdicts[i].v, verdicts[i].detail);
		drain();
		if (!says(fs.out.data, verdicts[i].want) || !says(world->logged, verdicts[i].logged))
			fail_msg("%s: got \"%s\", logged \"%s\"", verdicts[i].name, fs.out.data,
				 world->logged);
		assert_true(says(world->logged, "msgid=<1@b>"));
		assert_int_equal(world->n_logged, lines + 1);
		session_down();
	}
}

/* Who hangs up too early still gave us the message: it may be delivered. */
static void test_client_leaves(void **state)
{
	(void)state;
	world_offer(0, 10);
	session_up("192.0.2.1");
	say(LETTER "\r\nhello\r\n.\r\n");
	session_down();
	world_answer(0, ERR_OK, HAND_HELD, "");
	assert_true(says(world->logged, "result=passed"));
	assert_int_equal(world->edge.passing, 0);
}

static void test_loops(void **state)
{
	(void)state;
	session_up("192.0.2.1");
	say(LETTER);
	assert_true(says(say("Received: a\r\nReceived: b\r\nReceived: c\r\nReceived: d\r\n\r\n.\r\n"),
			 "554 5.4.6 "));
	say(START "RCPT TO:<ann@example.test>\r\nDATA\r\n");
	assert_int_equal(world->counts[EDGE_RECEIVED], 0);
	say("Received: a\r\nReceived: b\r\nReceived: c\r\n\r\n.\r\n");
	assert_int_equal(world->counts[EDGE_RECEIVED], 1);
	drain();
	session_down();
}

/* Fields that only our own servers may write do not come in. */
struct took {
	struct queue_item *item;
	bool done;
};

static void took(void *ctx, struct queue_item **items, size_t n)
{
	struct took *t = ctx;

	assert_int_equal(n, 1);
	t->item = items[0];
	t->done = true;
}

static void test_firewall(void **state)
{
	struct took t = { NULL, false };

	(void)state;
	session_up("192.0.2.1");
	say(LETTER);
	say("Subject: x\r\nX-MS-Exchange-Organization-SCL: -1\r\n folded\r\n"
	    "x-ms-exchange-forest-a: b\r\nX-Other: y\r\n\r\nX-MS-Exchange-Organization-SCL: 1\r\n.\r\n");
	drain();
	queue_tick(world->edge.relay.queue, INT64_MAX / 2);
	while (world->n_due == 0)
		uv_run(&world->loop, UV_RUN_ONCE);
	world->due.expired = world->due.late = false;
	queue_take(world->edge.relay.queue, &world->due, 1, INT64_MAX / 2, took, &t);
	world_wait(&t.done);
	assert_string_equal(t.item->mail->data, "Subject: x\r\nX-Other: y\r\n\r\n"
						"X-MS-Exchange-Organization-SCL: 1\r\n");
	queue_item_free(&t.item);
	session_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_answers, world_up, world_down),
		cmocka_unit_test_setup_teardown(test_postmaster, world_up, world_down),
		cmocka_unit_test_setup_teardown(test_hot_recipients, world_up, world_down),
		cmocka_unit_test_setup_teardown(test_harvest, world_up, world_down),
		cmocka_unit_test_setup_teardown(test_rate, world_up, world_down),
		cmocka_unit_test_setup_teardown(test_messages, world_up, world_down),
		cmocka_unit_test_setup_teardown(test_client_leaves, world_up, world_down),
		cmocka_unit_test_setup_teardown(test_loops, world_up, world_down),
		cmocka_unit_test_setup_teardown(test_firewall, world_up, world_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
