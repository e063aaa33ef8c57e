#include "common/relay/dsn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#define ORIGINAL                                                               \
	"Message-ID: <1@b>\r\nSubject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\nTo: c@d\r\n\r\nwords\r\n"

struct rig {
	char dir[32];
	struct spool *spool;
	struct spool_body *body;
	struct dsn_rcpt rcpts[3];
	struct dsn d;
	struct dsn_facts facts;
	struct buf out;
};

static void set_original(struct rig *r, const char *text)
{
	spool_body_unref(&r->body);
	r->body = spool_body_new(r->spool);
	assert_int_equal(spool_body_add(r->body, text, strlen(text), NULL), ERR_OK);
	spool_body_seal(r->body);
	r->d.original = r->body;
}

static void rig_up(struct rig *r)
{
	struct spool_conf sc = { r->dir, 0, 0 };

	memset(r, 0, sizeof(*r));
	strcpy(r->dir, "/tmp/test-dsn-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	assert_int_equal(spool_open(&sc, &r->spool, NULL), ERR_OK);
	buf_init(&r->out, 1 << 22);
	r->rcpts[0] = (struct dsn_rcpt){
		.final = "c@d", .orcpt = "rfc822;C@D", .action = DSN_FAILED, .status = "5.1.1",
		.remote_mta = "mx.d", .code = 550, .diagnostic = "no such user",
		.last_attempt_ms = 1795300000000,
	};
	r->d = (struct dsn){
		.reporting_mta = "mx.b", .postmaster = "postmaster@b", .to = "a@b",
		.message_id = "2@mx.b", .boundary = "=_x", .now_ms = 1795300891000,
		.arrival_ms = 1795290000000, .rcpts = r->rcpts, .n_rcpts = 1,
	};
	set_original(r, ORIGINAL);
}

static void rig_down(struct rig *r)
{
	spool_body_unref(&r->body);
	spool_close(&r->spool);
	buf_fini(&r->out);
	assert_int_equal(rmdir(r->dir), 0);
}

static void build(struct rig *r)
{
	buf_clear(&r->out);
	assert_int_equal(dsn_build(&r->d, &r->out, &r->facts, NULL), ERR_OK);
	for (size_t i = 0; i < r->out.len; i++)
		if (r->out.data[i] == '\n')
			assert_true(i > 0 && r->out.data[i - 1] == '\r');
}

static void assert_has(const struct rig *r, const char *text)
{
	if (!strstr(r->out.data, text))
		fail_msg("no \"%s\" in:\n%s", text, r->out.data);
}

static void assert_lacks(const struct rig *r, const char *text)
{
	if (strstr(r->out.data, text))
		fail_msg("\"%s\" in:\n%s", text, r->out.data);
}

static void test_a_failure_to_the_letter(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r);
	r.d.envid = "id+1";
	build(&r);
	assert_string_equal(r.out.data,
		"From: Mail Delivery System <postmaster@b>\r\n"
		"To: <a@b>\r\n"
		"Subject: =?utf-8?q?Undeliverable=3A_gr=C3=BC=C3=9Fe?=\r\n"
		"Date: Sat, 21 Nov 2026 22:41:31 +0000\r\n"
		"Message-ID: <2@mx.b>\r\n"
		"In-Reply-To: <1@b>\r\n"
		"References: <1@b>\r\n"
		"Auto-Submitted: auto-replied\r\n"
		"MIME-Version: 1.0\r\n"
		"Content-Type: multipart/report; report-type=delivery-status; boundary=\"=_x\"\r\n"
		"\r\n"
		"\r\n--=_x\r\n"
		"Content-Type: text/plain; charset=utf-8\r\n"
		"\r\n"
		"This is the mail system at mx.b.\r\n"
		"\r\n"
		"Your message could not be delivered to these recipients:\r\n"
		"\r\n"
		"  c@d\r\n"
		"    5.1.1 550 no such user\r\n"
		"    Server: mx.d\r\n"
		"\r\n--=_x\r\n"
		"Content-Type: message/delivery-status\r\n"
		"\r\n"
		"Original-Envelope-Id: id+1\r\n"
		"Reporting-MTA: dns; mx.b\r\n"
		"Arrival-Date: Sat, 21 Nov 2026 19:40:00 +0000\r\n"
		"\r\n"
		"Original-Recipient: rfc822; C@D\r\n"
		"Final-Recipient: rfc822; c@d\r\n"
		"Action: failed\r\n"
		"Status: 5.1.1\r\n"
		"Remote-MTA: dns; mx.d\r\n"
		"Diagnostic-Code: smtp; 550 no such user\r\n"
		"Last-Attempt-Date: Sat, 21 Nov 2026 22:26:40 +0000\r\n"
		"\r\n--=_x\r\n"
		"Content-Type: message/rfc822\r\n"
		"\r\n"
		ORIGINAL
		"\r\n--=_x--\r\n");
	assert_false(r.facts.utf8);
	assert_false(r.facts.body_8bit);
	rig_down(&r);
}

static void test_what_is_returned(void **state)
{
	static const struct {
		enum dsn_action action;
		enum smtp_ret ret;
		uint64_t max;
		bool all;
	} t[] = {
		{ DSN_FAILED, SMTP_RET_UNSET, 0, true },
		{ DSN_FAILED, SMTP_RET_FULL, 0, true },
		{ DSN_FAILED, SMTP_RET_HDRS, 0, false },
		{ DSN_FAILED, SMTP_RET_FULL, 10, false },
		{ DSN_DELAYED, SMTP_RET_FULL, 0, false },
		{ DSN_DELIVERED, SMTP_RET_FULL, 0, false },
		{ DSN_RELAYED, SMTP_RET_UNSET, 0, false },
		{ DSN_EXPANDED, SMTP_RET_UNSET, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(t); i++) {
		char action[32];
		struct rig r;

		rig_up(&r);
		r.rcpts[0].action = t[i].action;
		r.d.ret = t[i].ret;
		r.d.max_original = t[i].max;
		build(&r);
		snprintf(action, sizeof(action), "\r\nAction: %s\r\n", dsn_action_text(t[i].action));
		assert_has(&r, action);
		assert_has(&r, t[i].all ? "message/rfc822\r\n" : "text/rfc822-headers\r\n");
		if (t[i].all)
			assert_has(&r, "\r\nwords\r\n");
		else
			assert_lacks(&r, "words");
		rig_down(&r);
	}
}

static void test_several_fates(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r);
	r.rcpts[1] = (struct dsn_rcpt){ .final = "e@f", .action = DSN_DELAYED, .status = "4.4.1",
					.diagnostic = "no connection",
					.retry_until_ms = 1795300891000 };
	r.rcpts[2] = (struct dsn_rcpt){ .final = "g@h", .action = DSN_DELIVERED,
					.status = "2.0.0" };
	r.d.n_rcpts = 3;
	build(&r);
	assert_has(&r, "Subject: =?utf-8?q?Undeliverable=3A_");
	assert_has(&r, "    Delivery will be tried until Sat, 21 Nov 2026 22:41:31 +0000.\r\n");
	assert_has(&r, "Will-Retry-Until: Sat, 21 Nov 2026 22:41:31 +0000\r\n");
	assert_has(&r, "Diagnostic-Code: x-bourse; no connection\r\n");
	assert_has(&r, "\r\n\r\nFinal-Recipient: rfc822; g@h\r\nAction: delivered\r\nStatus: 2.0.0\r\n");
	rig_down(&r);
}

static void test_utf8(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r);
	r.rcpts[0].final = "\xc3\xbc@d";
	r.rcpts[0].orcpt = "utf-8;\xc3\xbc@d";
	set_original(&r, "Subject: \xc3\xbc\r\n\r\nx\r\n");
	build(&r);
	assert_has(&r, "report-type=global-delivery-status");
	assert_has(&r, "Content-Type: message/global-delivery-status\r\n"
		       "Content-Transfer-Encoding: 8bit\r\n");
	assert_has(&r, "Original-Recipient: utf-8; \xc3\xbc@d\r\nFinal-Recipient: utf-8; \xc3\xbc@d\r\n");
	assert_has(&r, "Content-Type: message/global\r\n");
	assert_false(r.facts.utf8);
	assert_true(r.facts.body_8bit);
	r.d.to = "\xc3\xb6@b";
	r.d.ret = SMTP_RET_HDRS;
	build(&r);
	assert_has(&r, "message/global-headers\r\n");
	assert_true(r.facts.utf8);
	rig_down(&r);
}

/* What a peer or a sender supplied adds no line and no part. */
static void test_nothing_is_injected(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r);
	r.rcpts[0].diagnostic = "no\r\nX-Evil: 1\r\n\r\n--=_x--";
	r.rcpts[0].remote_mta = "m\nX-Evil: 2";
	r.d.envid = "i\rX-Evil: 3";
	set_original(&r, "Subject: =?utf-8?q?a=0D=0AX-Evil:_4?=\r\n"
			 "Message-ID: <a\r\n b>\r\n\r\nx\r\n");
	r.d.ret = SMTP_RET_HDRS;
	build(&r);
	assert_lacks(&r, "\nX-Evil");
	assert_lacks(&r, "In-Reply-To");
	rig_down(&r);
}

static void test_originals_that_are_no_good(void **state)
{
	static const char *const t[] = { "", "no header at all", "\r\n", "A: b", "A: b\r\n\r\n" };
	char *big = malloc(100001);
	struct rig r;

	(void)state;
	rig_up(&r);
	for (size_t i = 0; i < N_ELEMS(t); i++) {
		set_original(&r, t[i]);
		build(&r);
		assert_string_equal(r.out.data + r.out.len - 9, "--=_x--\r\n");
	}
	r.d.original = NULL;
	build(&r);
	assert_has(&r, "Undeliverable: your message\r\n");
	assert_lacks(&r, "rfc822-headers");
	memset(big, 'x', 100000);	/* a header that does not end */
	memcpy(big, "A: ", 3);
	big[100000] = '\0';
	r.d.ret = SMTP_RET_HDRS;
	set_original(&r, big);
	build(&r);
	assert_true(r.out.len < 5000);
	free(big);
	rig_down(&r);
}

/* Less and less room: first the body goes, then the header, then all of it. */
static void test_room(void **state)
{
	size_t whole, with_header = 0, without = 0;
	struct rig r;

	(void)state;
	rig_up(&r);
	build(&r);
	whole = r.out.len;
	for (size_t max = whole + 1; max-- > 0;) {
		enum err e;

		buf_fini(&r.out);
		buf_init(&r.out, max);
		e = dsn_build(&r.d, &r.out, &r.facts, NULL);
		if (max == whole)
			assert_has(&r, "words");
		if (e) {
			assert_int_equal(e, ERR_LIMIT);
			assert_int_equal(r.out.len, 0);
			continue;
		}
		assert_string_equal(r.out.data + r.out.len - 9, "--=_x--\r\n");
		with_header += strstr(r.out.data, "text/rfc822-headers") != NULL;
		without += strstr(r.out.data, "rfc822\r\n") == NULL &&
			   strstr(r.out.data, "text/rfc822-headers") == NULL;
	}
	assert_true(with_header > 0);
	assert_true(without > 0);
	rig_down(&r);
}

static void test_wanted(void **state)
{
	static const struct {
		const char *sender;
		unsigned notify;
		bool failed, delayed, delivered;
	} t[] = {
		{ "a@b", 0, true, true, false },
		{ "a@b", SMTP_NOTIFY_NEVER, false, false, false },
		{ "a@b", SMTP_NOTIFY_FAILURE, true, false, false },
		{ "a@b", SMTP_NOTIFY_DELAY, false, true, false },
		{ "a@b", SMTP_NOTIFY_SUCCESS, false, false, true },
		{ "a@b", SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_FAILURE, true, false, true },
		{ "", 0, false, false, false },
		{ "", SMTP_NOTIFY_FAILURE | SMTP_NOTIFY_SUCCESS, false, false, false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(t); i++) {
		struct smtp_address a = { 0 };

		if (t[i].sender[0] != '\0')
			assert_int_equal(smtp_address_parse(span_of(t[i].sender), &a, NULL), ERR_OK);
		assert_int_equal(dsn_wanted(&a, t[i].notify, DSN_FAILED), t[i].failed);
		assert_int_equal(dsn_wanted(&a, t[i].notify, DSN_DELAYED), t[i].delayed);
		assert_int_equal(dsn_wanted(&a, t[i].notify, DSN_DELIVERED), t[i].delivered);
		assert_int_equal(dsn_wanted(&a, t[i].notify, DSN_RELAYED), t[i].delivered);
		assert_int_equal(dsn_wanted(&a, t[i].notify, DSN_EXPANDED), t[i].delivered);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_failure_to_the_letter),
		cmocka_unit_test(test_what_is_returned),
		cmocka_unit_test(test_several_fates),
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_nothing_is_injected),
		cmocka_unit_test(test_originals_that_are_no_good),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_wanted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
