/* Reports to senders: queue, report and bounce together, time passed in. */
#include "common/base/check.h"
#include "common/relay/report.h"
#include "common/smtp/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HOUR INT64_C(3600000)
#define BORN INT64_C(1700000000000)

struct rig {
	char dir[64];
	uv_loop_t loop;
	struct relay relay;
	struct report *report;
	struct route route;
	struct queue_hop due[8];
	size_t n_due;
	int64_t now;
	int answers;
	enum err e;
	unsigned reports, failed;
	struct queue_item *got[8];
	size_t n_got;
	char *text;			/* of the report that was read */
};

static void on_due(void *ctx, const struct queue_hop *hop)
{
	struct rig *r = ctx;

	if (hop->expired || hop->late || hop->kind == HOP_REPORT)
		report_due(r->report, hop);
	else if (r->n_due < N_ELEMS(r->due)) {
		r->due[r->n_due] = *hop;
		r->due[r->n_due++].name = "";
	}
}

static const struct route *route(void *ctx)
{
	return &((struct rig *)ctx)->route;
}

static int64_t now(void *ctx)
{
	return ((struct rig *)ctx)->now;
}

static void on_report(void *ctx)
{
	((struct rig *)ctx)->reports++;
}

static void on_failed(void *ctx)
{
	((struct rig *)ctx)->failed++;
}

static int rig_up(void **state)
{
	struct rig *r = xcalloc(1, sizeof(*r));
	char path[128];
	struct spool_conf sc = { .dir = path };
	struct track_conf tc = { .dir = path };
	struct queue_conf qc = { .loop = &r->loop, .path = path, .on_due = on_due, .ctx = r };
	const struct report_conf pc = { .relay = &r->relay, .hostname = "hub.test",
					.to = HOP_SUBMIT, .route = route, .on_report = on_report,
					.on_failed = on_failed, .now = now, .ctx = r };
	struct errbuf eb = { "" };

	r->now = BORN;
	snprintf(r->dir, sizeof(r->dir), "/tmp/test_report.XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	assert_int_equal(uv_loop_init(&r->loop), 0);
	snprintf(path, sizeof(path), "%s/spool", r->dir);
	assert_int_equal(spool_open(&sc, &r->relay.spool, &eb), ERR_OK);
	snprintf(path, sizeof(path), "%s/track", r->dir);
	assert_int_equal(track_open(&tc, &r->relay.track, &eb), ERR_OK);
	snprintf(path, sizeof(path), "%s/queue.db", r->dir);
	qc.spool = r->relay.spool;
	assert_int_equal(queue_open(&qc, &r->relay.queue, &eb), ERR_OK);
	r->route.postmaster = "postmaster@in.test";
	r->route.expire_ms = 48 * HOUR;
	r->report = report_new(&pc);
	*state = r;
	return 0;
}

static int rig_down(void **state)
{
	struct rig *r = *state;
	char *cmd = xasprintf("rm -rf '%s'", r->dir);
	int rc;

	queue_close(&r->relay.queue);
	for (size_t i = 0; i < r->n_got; i++)
		queue_item_free(&r->got[i]);
	report_free(&r->report);
	track_close(&r->relay.track);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&r->loop), 0);
	spool_close(&r->relay.spool);
	rc = system(cmd);
	free(cmd);
	free(r->text);
	free(r);
	return rc;
}

static void done(void *ctx, enum err e)
{
	struct rig *r = ctx;

	r->e = e;
	r->answers++;
}

static void wait_answer(struct rig *r)
{
	int before = r->answers;

	while (r->answers == before)
		uv_run(&r->loop, UV_RUN_ONCE);
}

static void held(void *ctx, enum err e, uint64_t lowest)
{
	(void)lowest;
	done(ctx, e);
}

/* Everything that time makes due has been dealt with. */
static void tick(struct rig *r, int64_t at)
{
	r->now = at;
	for (int i = 0; i < 6; i++) {
		r->n_due = 0;
		queue_tick(r->relay.queue, at);
		queue_held(r->relay.queue, queue_instance(r->relay.queue), held, r);
		wait_answer(r);
	}
}

static struct mail *letter(struct rig *r, const char *sender)
{
	struct mail *m = mail_new();

	m->id = (struct mail_id){ *queue_instance(r->relay.queue), queue_next_seq(r->relay.queue) };
	m->root = m->id.origin;
	m->sender = sender;
	m->message_id = "<1@x>";
	m->received_ms = BORN;
	assert_int_equal(mail_fill_body(m, r->relay.spool, "Subject: hi\r\n\r\nbody\r\n", 21, NULL),
			 ERR_OK);
	return m;
}

static void add(struct rig *r, struct mail *m)
{
	queue_add(r->relay.queue, m, BORN, done, r);
	wait_answer(r);
	assert_int_equal(r->e, ERR_OK);
	mail_unref(&m);
}

static struct mail_rcpt *waiting(struct mail *m, const char *address)
{
	struct mail_rcpt *c = mail_add(m, address);

	mail_route(m, c, HOP_DOMAIN, "out.test");
	c->due_ms = INT64_C(8000000000000);
	return c;
}

static void took(void *ctx, struct queue_item **items, size_t n)
{
	struct rig *r = ctx;

	for (size_t i = 0; i < n; i++)
		r->got[r->n_got++] = items[i];
	r->answers++;
}

/* The reports in the queue; the text of the last is kept. */
static size_t read_reports(struct rig *r, int64_t at)
{
	size_t n;

	tick(r, at);
	for (size_t i = 0; i < r->n_due; i++)
		if (r->due[i].kind == HOP_SUBMIT) {
			queue_take(r->relay.queue, &r->due[i], 8, at, took, r);
			wait_answer(r);
			break;
		}
	n = r->n_got;
	for (size_t i = 0; i < n; i++) {
		const struct mail *m = r->got[i]->mail;

		assert_string_equal(m->sender, "");
		assert_int_equal(m->n_rcpts, 1);
		assert_string_equal(m->rcpts[0].address, "ann@in.test");
		assert_true(m->flags & MAIL_REPORT);
		free(r->text);
		r->text = xstrndup(m->data ? m->data : "", m->data ? (size_t)m->size : 0);
	}
	return n;
}

static bool says(const struct rig *r, const char *what)
{
	return r->text && strstr(r->text, what);
}

/* ---- tests ------------------------------------------------------------------------------- */

static void test_failure(void **state)
{
	struct rig *r = *state;
	struct mail *m = letter(r, "ann@in.test");
	struct guid origin = mail_derive(&m->id.origin, "report-0");
	uint64_t seq = m->id.seq;

	mail_report(m, mail_add(m, "bob@out.test"), ACTION_FAILED, "5.1.1", "550 5.1.1 nobody",
		    "mx.out.test");
	add(r, m);
	assert_int_equal(read_reports(r, BORN + HOUR), 1);
	assert_true(says(r, "Final-Recipient: rfc822; bob@out.test\r\n"));
	assert_true(says(r, "Action: failed\r\n"));
	assert_true(says(r, "Status: 5.1.1\r\n"));
	assert_true(says(r, "Remote-MTA: dns; mx.out.test\r\n"));
	assert_true(says(r, "Diagnostic-Code: smtp; 550 5.1.1 nobody\r\n"));
	assert_true(says(r, "postmaster@in.test"));
	assert_true(guid_eq(&r->got[0]->mail->id.origin, &origin));
	assert_int_equal(r->got[0]->mail->id.seq, seq);
	assert_int_equal(r->failed, 1);
	assert_int_equal(r->reports, 1);
}

static void test_who_gets_no_report(void **state)
{
	struct rig *r = *state;
	struct mail *m = letter(r, "");
	struct mail_rcpt *c;

	mail_report(m, mail_add(m, "bob@out.test"), ACTION_FAILED, "5.1.1", "x", "");
	add(r, m);
	m = letter(r, "ann@in.test");
	c = mail_add(m, "bob@out.test");
	c->notify = SMTP_NOTIFY_NEVER;
	mail_report(m, c, ACTION_FAILED, "5.1.1", "x", "");
	add(r, m);
	m = letter(r, "ann@in.test");
	c = mail_add(m, "bob@out.test");
	c->notify = SMTP_NOTIFY_FAILURE;
	mail_report(m, c, ACTION_DELIVERED, "2.1.5", "x", "");
	add(r, m);
	assert_int_equal(read_reports(r, BORN + HOUR), 0);
	tick(r, BORN + HOUR);
	assert_int_equal(r->n_due, 0);		/* and nothing is left behind */
	assert_int_equal(r->reports, 0);
}

static void test_delay_then_expiry(void **state)
{
	struct rig *r = *state;
	struct mail *m = letter(r, "ann@in.test");

	waiting(m, "bob@out.test");
	waiting(m, "eve@out.test")->notify = SMTP_NOTIFY_FAILURE;	/* not of delays */
	add(r, m);
	assert_int_equal(read_reports(r, BORN + 4 * HOUR - 1), 0);
	assert_int_equal(read_reports(r, BORN + 4 * HOUR), 1);
	assert_true(says(r, "Action: delayed\r\n"));
	assert_true(says(r, "bob@out.test"));
	assert_false(says(r, "eve@out.test"));
	assert_int_equal(read_reports(r, BORN + 47 * HOUR), 1);		/* told once */
	assert_int_equal(read_reports(r, BORN + 48 * HOUR), 2);
	assert_true(says(r, "Action: failed\r\n"));
	assert_true(says(r, "Status: 4.4.7\r\n"));
	assert_true(says(r, "bob@out.test"));
	assert_true(says(r, "eve@out.test"));
	assert_false(guid_eq(&r->got[0]->mail->id.origin, &r->got[1]->mail->id.origin));
	assert_int_equal(r->failed, 2);
}

static void test_many_fill_several_reports(void **state)
{
	struct rig *r = *state;
	struct mail *m = letter(r, "ann@in.test");
	char address[32];

	for (int i = 0; i < 301; i++) {
		snprintf(address, sizeof(address), "u%d@out.test", i);
		mail_report(m, mail_add(m, address), ACTION_FAILED, "5.1.1", "x", "");
	}
	add(r, m);
	assert_int_equal(read_reports(r, BORN + HOUR), 2);
	assert_true(says(r, "Final-Recipient: rfc822; u300@out.test"));
	assert_int_equal(r->failed, 301);
}

static void test_identities_when_derived_ones_are_used_up(void **state)
{
	struct rig *r = *state;
	struct mail *m = letter(r, "ann@in.test");

	m->n_reports = 64;
	mail_report(m, mail_add(m, "bob@out.test"), ACTION_FAILED, "5.1.1", "x", "");
	add(r, m);
	assert_int_equal(read_reports(r, BORN + HOUR), 1);
	assert_true(guid_eq(&r->got[0]->mail->id.origin, queue_instance(r->relay.queue)));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)
	const struct CMUnitTest tests[] = {
		T(test_failure),
		T(test_who_gets_no_report),
		T(test_delay_then_expiry),
		T(test_many_fill_several_reports),
		T(test_identities_when_derived_ones_are_used_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
