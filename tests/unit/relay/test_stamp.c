#include "common/base/check.h"
#include "common/relay/hold.h"
#include "common/relay/low.h"
#include "common/relay/retry.h"
#include "common/relay/spool.h"
#include "common/relay/stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define NOW INT64_C(1700000000000)	/* Tue, 14 Nov 2023 22:13:20 +0000 */

struct rig {
	char dir[64];
	struct spool *spool;
	struct errbuf eb;
};

static int rig_up(void **state)
{
	struct rig *r = xcalloc(1, sizeof(*r));
	struct spool_conf sc = { .dir = r->dir };

	snprintf(r->dir, sizeof(r->dir), "/tmp/test_stamp.XXXXXX");
	if (!mkdtemp(r->dir) || spool_open(&sc, &r->spool, &r->eb))
		return -1;
	*state = r;
	return 0;
}

static int rig_down(void **state)
{
	struct rig *r = *state;

	spool_close(&r->spool);
	rmdir(r->dir);
	free(r);
	return 0;
}

static struct mail *letter(struct rig *r, const char *header, size_t body)
{
	struct mail *m = mail_new();
	size_t n = strlen(header);
	char *all = xcalloc(1, n + body + 1);

	memcpy(all, header, n);
	memset(all + n, 'b', body);
	assert_int_equal(mail_fill_body(m, r->spool, all, n + body, &r->eb), ERR_OK);
	free(all);
	return m;
}

#define BAD1 "X-MS-Exchange-Organization-SCL: -1\r\n"
#define BAD2 "x-ms-exchange-forest-RulesExecuted : a\r\n\tb\r\n"
static const struct {
	const char *in, *out;		/* out NULL: nothing forbidden */
	const char *message_id;
	unsigned received;
	bool date, from;
} headers[] = {
	{ "From: a\r\nDate: x\r\nMessage-ID:  <1@x> \r\n\r\n", NULL, "<1@x>", 0, true, true },
	{ "Received: a\r\nreceived : b\r\n\tc\r\nReceivedx: d\r\n\r\n", NULL, "", 2, false, false },
	{ "\r\nMessage-ID: <in the body>\r\n", NULL, "", 0, false, false },
	{ "", NULL, "", 0, false, false },
	{ BAD1 "From: a\r\n\r\n", "From: a\r\n\r\n", "", 0, false, true },
	{ "From: a\r\n" BAD2 "Date: d\r\n" BAD1 "\r\n", "From: a\r\nDate: d\r\n\r\n", "", 0, true, true },
	{ BAD1 BAD1 "\r\n", "\r\n", "", 0, false, false },
	{ BAD1, "", "", 0, false, false },
	{ "From: a\r\n\r\n" BAD1, NULL, "", 0, false, true },
	{ "X-MS-Exchange-Other: a\r\n\r\n", NULL, "", 0, false, false },
	{ "Message-ID: <a\r\n\tb>\r\nMessage-ID: <2>\r\n\r\n", NULL, NULL, 0, false, false },
};

static void check_body(const struct mail *m, const char *header, size_t body)
{
	size_t n = strlen(header), got;
	char *all = xcalloc(1, n + body + 1);

	assert_int_equal(m->size, n + body);
	assert_int_equal(spool_body_read(m->body, 0, all, n + body + 1, &got, NULL), ERR_OK);
	assert_int_equal(got, n + body);
	assert_memory_equal(all, header, n);
	for (size_t i = 0; i < body; i++)
		assert_int_equal(all[n + i], 'b');
	free(all);
}

/* The same whether the body is in memory or in a file. */
static void test_headers(void **state)
{
	struct rig *r = *state;
	static const size_t bodies[] = { 0, 10, 300 * 1024 };

	for (size_t i = 0; i < N_ELEMS(headers); i++)
		for (size_t k = 0; k < N_ELEMS(bodies); k++) {
			/* Without an empty line the body would be header. */
			bool open = !strstr(headers[i].in, "\r\n\r\n") && headers[i].in[0] != '\r';
			size_t body = open ? 0 : bodies[k];
			struct mail *m = letter(r, headers[i].in, body);
			struct stamp_header sh;

			assert_int_equal(stamp_read(m, &sh, &r->eb), ERR_OK);
			if (sh.forbidden != (headers[i].out != NULL) || sh.has_date != headers[i].date ||
			    sh.has_from != headers[i].from || sh.n_received != headers[i].received)
				fail_msg("case %zu", i);
			if (headers[i].message_id)
				assert_string_equal(m->message_id, headers[i].message_id);
			assert_null(strpbrk(m->message_id, "\r\n"));
			if (sh.forbidden) {
				assert_int_equal(stamp_firewall(m, r->spool, &r->eb), ERR_OK);
				check_body(m, headers[i].out, body);
			}
			mail_unref(&m);
		}
}

static void test_received(void **state)
{
	struct rig *r = *state;
	struct mail *m = letter(r, "\r\n", 0);
	struct addr peer;
	struct stamp_trace t = { .helo = "a\r\nb (c)", .peer = &peer, .by = "hub.test",
				 .protocol = "ESMTPS", .tls_version = "TLSv1.3", .tls_cipher = "X",
				 .now_ms = NOW };

	assert_int_equal(addr_parse("192.0.2.1:99", 0, &peer), ERR_OK);
	m->id.seq = 0x1f;
	mail_add(m, "ann@in.test");
	m->prefix = "Received: before\r\n";
	stamp_received(m, &t);
	assert_string_equal(m->prefix,
			    "Received: from abc ([192.0.2.1])\r\n"
			    "\tby hub.test with ESMTPS id 00000000.1f\r\n"
			    "\t(TLSv1.3 X)\r\n"
			    "\tfor <ann@in.test>; Tue, 14 Nov 2023 22:13:20 +0000\r\n"
			    "Received: before\r\n");
	mail_add(m, "bob@in.test");
	m->prefix = "";
	t.hide_peer = true;
	t.tls_version = NULL;
	stamp_received(m, &t);
	assert_null(strstr(m->prefix, "192.0.2.1"));
	assert_null(strstr(m->prefix, "ann@"));		/* bob must not learn of ann */
	mail_unref(&m);
}

static void test_complete(void **state)
{
	struct rig *r = *state;
	struct mail *m = letter(r, "Subject: x\r\n\r\n", 0);
	struct stamp_header sh;

	m->sender = "ann@in.test";
	assert_int_equal(stamp_read(m, &sh, &r->eb), ERR_OK);
	stamp_complete(m, &sh, "hub.test", NOW);
	assert_non_null(strstr(m->prefix, "@hub.test>\r\n"));
	assert_non_null(strstr(m->prefix, "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"));
	assert_non_null(strstr(m->prefix, "From: <ann@in.test>\r\n"));
	assert_non_null(strstr(m->prefix, m->message_id));
	mail_unref(&m);
}

static void test_retry_schedule(void **state)
{
	static const struct {
		unsigned tries;
		int64_t hub_min, edge_min;
	} want[] = { { 0, 1, 1 }, { 3, 1, 1 }, { 4, 5, 10 }, { 9, 5, 10 }, { 10, 10, 30 },
		     { 1000, 10, 30 } };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(want); i++) {
		assert_int_equal(retry_hop(&retry_hub, want[i].tries, 0), want[i].hub_min * 60000);
		assert_int_equal(retry_hop(&retry_edge, want[i].tries, 0), want[i].edge_min * 60000);
	}
	assert_int_equal(retry_message(&retry_hub, 1, 5), 60005);
}

static void test_low_has_two_thresholds(void **state)
{
	const struct low_conf c = { .disk_low = 100, .disk_high = 200, .max_queue = 1000 };

	(void)state;
	assert_false(low_decide(false, &c, 100, 0));
	assert_true(low_decide(false, &c, 99, 0));
	assert_true(low_decide(true, &c, 199, 0));
	assert_false(low_decide(true, &c, 200, 0));
	assert_false(low_decide(false, &c, 500, 1000));
	assert_true(low_decide(false, &c, 500, 1001));
	assert_true(low_decide(true, &c, 500, 999));
	assert_false(low_decide(true, &c, 500, 900));
}

static void test_hold_knows_the_lowest(void **state)
{
	struct hold h;
	struct hold_id a, b, c;

	(void)state;
	hold_init(&h);
	assert_true(hold_lowest(&h) == UINT64_MAX);
	hold_add(&h, &a, 5);
	hold_add(&h, &b, 6);
	hold_add(&h, &c, 9);
	hold_drop(&b);
	assert_int_equal(hold_lowest(&h), 5);
	hold_drop(&a);
	assert_int_equal(hold_lowest(&h), 9);
	hold_drop(&c);
	hold_drop(&c);
	assert_true(hold_lowest(&h) == UINT64_MAX);
}

static void test_derived_identities(void **state)
{
	struct guid g = { { 1, 2, 3 } }, a = mail_derive(&g, "report-0"),
		    b = mail_derive(&g, "report-1"), again = mail_derive(&g, "report-0");

	(void)state;
	assert_true(guid_eq(&a, &again));
	assert_false(guid_eq(&a, &b));
	assert_false(guid_eq(&a, &g));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)
	const struct CMUnitTest tests[] = {
		T(test_headers),
		T(test_received),
		T(test_complete),
		cmocka_unit_test(test_retry_schedule),
		cmocka_unit_test(test_low_has_two_thresholds),
		cmocka_unit_test(test_hold_knows_the_lowest),
		cmocka_unit_test(test_derived_identities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
