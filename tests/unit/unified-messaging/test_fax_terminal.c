/* Two fax machines back to back, in time that passes as fast as it can. */
#include "roles/unified-messaging/fax/guard.h"
#include "roles/unified-messaging/fax/pdf.h"
#include "roles/unified-messaging/fax/terminal.h"

#include "common/base/attr.h"
#include "tests/unit/unified-messaging/fax_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#define QUEUE 64u

struct network {
	struct terminal *to;
	unsigned lose;		/* one in so many; 0: none */
	unsigned n, head;
	struct { uint8_t p[UDPTL_DATAGRAM]; size_t n; } q[QUEUE];
	uint32_t seed;
};

static void send_datagram(void *ctx, const uint8_t *p, size_t n)
{
	struct network *net = ctx;

	net->seed = net->seed * 1664525u + 1013904223u;
	if (net->lose && (net->seed >> 16) % net->lose == 0)
		return;
	assert_true(net->n < QUEUE);
	memcpy(net->q[(net->head + net->n) % QUEUE].p, p, n);
	net->q[(net->head + net->n++) % QUEUE].n = n;
}

static void pump(struct network *net)
{
	for (; net->n; net->n--, net->head = (net->head + 1) % QUEUE)
		terminal_datagram(net->to, net->q[net->head].p, net->q[net->head].n);
}

struct run {
	bool t38, no_ecm, no_v17;
	enum udptl_recovery recovery;
	unsigned lose, pages, cut_after_s;	/* cut: the receiver is hung up */
};

static void fax(const struct run *r, struct terminal_result *sent, struct terminal_result *got,
		unsigned *same, unsigned *all)
{
	char folder[] = "/tmp/bourse-test-fax-XXXXXX", out[64], in[64], pdf[64];
	struct network there = { .lose = r->lose, .seed = 7 }, back = { .lose = r->lose, .seed = 99 };
	struct terminal_t38 how = { r->recovery, 3, 0 };
	struct terminal_conf tx = { .sends = true, .file = out, .ident = "555 0100", .no_ecm = r->no_ecm,
				    .no_v17 = r->no_v17, .datagram = send_datagram, .ctx = &there };
	struct terminal_conf rx = { .file = in, .ident = "5550199", .no_ecm = r->no_ecm,
				    .datagram = send_datagram, .ctx = &back };
	struct terminal *a, *b;
	int16_t from_a[TERMINAL_FRAME] = { 0 }, from_b[TERMINAL_FRAME] = { 0 };
	unsigned frames = 0, limit = r->cut_after_s ? r->cut_after_s * 50 : 600 * 50, pdf_pages;
	struct errbuf eb;

	assert_non_null(mkdtemp(folder));
	snprintf(out, sizeof(out), "%s/out.tif", folder);
	snprintf(in, sizeof(in), "%s/in.tif", folder);
	snprintf(pdf, sizeof(pdf), "%s/in.pdf", folder);
	rig_make(out, r->pages);
	a = terminal_new(&tx);
	b = terminal_new(&rx);
	there.to = b;
	back.to = a;
	if (r->t38) {
		terminal_t38(a, &how);
		terminal_t38(b, &how);
	}
	for (; frames < limit && !(terminal_ended(a) && terminal_ended(b)); frames++) {
		if (r->t38) {
			terminal_tick(a);
			terminal_tick(b);
			pump(&there);
			pump(&back);
		} else {
			int16_t next[TERMINAL_FRAME];

			terminal_audio(a, from_b, next);
			terminal_audio(b, from_a, from_b);
			memcpy(from_a, next, sizeof(next));
		}
	}
	terminal_result(b, got);
	terminal_result(a, sent);
	terminal_free(&a);
	terminal_free(&b);
	*same = rig_same(in, all);
	if (got->pages) {
		assert_int_equal(pdf_from_tiff(in, pdf, &pdf_pages, &eb), ERR_OK);
		assert_int_equal(pdf_pages, *all);
		assert_int_equal(access(pdf, R_OK), 0);
	}
	unlink(out);
	unlink(in);
	unlink(pdf);
	assert_int_equal(rmdir(folder), 0);
}

static const struct run runs[] = {
	{ .pages = 3 },
	{ .pages = 1, .no_ecm = true },
	{ .pages = 1, .no_v17 = true },
	{ .pages = 3, .t38 = true, .recovery = UDPTL_REDUNDANCY },
	{ .pages = 1, .t38 = true, .recovery = UDPTL_REDUNDANCY, .no_ecm = true },
	{ .pages = 2, .t38 = true, .recovery = UDPTL_FEC },
	{ .pages = 3, .t38 = true, .recovery = UDPTL_REDUNDANCY, .lose = 20 },
	{ .pages = 2, .t38 = true, .recovery = UDPTL_REDUNDANCY, .lose = 20, .no_ecm = true },
};

static void test_runs(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(runs); i++) {
		struct terminal_result sent, got;
		unsigned same, all;

		fax(&runs[i], &sent, &got, &same, &all);
		if (!sent.ok || !got.ok || same != runs[i].pages || all != runs[i].pages)
			fail_msg("run %zu: sent %s, got %s, %u of %u pages the same", i, sent.reason,
				 got.reason, same, all);
		assert_int_equal(sent.pages, runs[i].pages);
		assert_int_equal(got.pages, runs[i].pages);
		assert_string_equal(got.ident, "5550100");
		assert_string_equal(sent.ident, "5550199");
		assert_true(got.bit_rate >= (runs[i].no_v17 ? 9600 : 14400));
		assert_int_equal(got.ecm, !runs[i].no_ecm);
	}
}

/* Broken off in the third page: what was whole is there. */
static void test_cut(void **state)
{
	struct run r = { .pages = 9, .t38 = true, .recovery = UDPTL_REDUNDANCY, .cut_after_s = 40 };
	struct terminal_result sent, got;
	unsigned same, all;

	(void)state;
	fax(&r, &sent, &got, &same, &all);
	assert_false(got.ok);
	assert_true(got.pages >= 1 && got.pages < 9);
	assert_true(same >= got.pages);
	/* At once: nothing. */
	r.cut_after_s = 1;
	fax(&r, &sent, &got, &same, &all);
	assert_false(got.ok);
	assert_int_equal(got.pages, 0);
}

static const struct {
	const char *frame;
	int n;
	bool passes;
} frames[] = {
	{ "\xff\x03\x06", 3, false },
	{ "\xff\x03\x07\x00", 4, false },
	{ "\xff\x03\x06\x00x", 5, true },
	{ "\xff\x03\x80", 3, true },
	{ "\xff\x03", 2, true },
	{ "", 0, true },
};

static void test_guard(void **state)
{
	uint8_t longest[300] = { 0xff, 0x03, 0x06 };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(frames); i++)
		assert_int_equal(fax_guard_passes((const uint8_t *)frames[i].frame, frames[i].n),
				 frames[i].passes);
	assert_true(fax_guard_passes(longest, 263));
	assert_false(fax_guard_passes(longest, 264));
	assert_true(fax_guard_passes(NULL, 0));
}

static void test_no_pdf(void **state)
{
	char path[] = "/tmp/bourse-test-tiff-XXXXXX";
	struct errbuf eb;
	unsigned pages;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0 && write(fd, "II*\0\xff\xff\xff\xff", 8) == 8);
	close(fd);
	assert_int_equal(pdf_from_tiff(path, "/nonexistent/x.pdf", &pages, &eb), ERR_CORRUPT);
	assert_int_equal(pdf_from_tiff("/nonexistent", "/tmp/x.pdf", &pages, &eb), ERR_CORRUPT);
	rig_make(path, 1);
	assert_int_equal(pdf_from_tiff(path, "/nonexistent/x.pdf", &pages, &eb), ERR_FULL);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_guard),
		cmocka_unit_test(test_no_pdf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
