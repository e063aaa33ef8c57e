/* A fax machine here sends to a real bourse-um-fax, sixty times as fast as it would. */
#include "roles/unified-messaging/fax/child.h"
#include "roles/unified-messaging/fax/job.h"
#include "roles/unified-messaging/fax/udptl.h"

#include "common/base/attr.h"
#include "tests/unit/unified-messaging/fax_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>
#include <spandsp.h>

struct scene {
	uv_loop_t loop;
	uv_timer_t clock;
	char folder[64], program[300];
	struct terminal *sender;
	struct fax_job *job;
	struct udptl_rx taken_apart;	/* the sender's datagrams, on their way */
	struct udptl_tx put_together;
	unsigned packets, attack_at, silent_at, hang_up_at;
	unsigned ticks, pages;
	bool ended, stopped;
	struct fax_job_end end;
};

static void forward(struct scene *s, const uint8_t *ifp, size_t n)
{
	uint8_t out[UDPTL_DATAGRAM];
	size_t len = udptl_pack(&s->put_together, ifp, n, out);

	if (len && s->job)
		fax_job_datagram(s->job, out, len);
}

static int on_attack(t38_core_state_t *core, void *ctx, const uint8_t *ifp, int n, int count)
{
	(void)core;
	(void)count;
	forward(ctx, ifp, (size_t)n);
	return 0;
}

/* Ends the frame that is under way, then FF 03 06: facsimile coded data without a
 * number.  T.38 has the bits of an octet in the order of the line. */
static void attack(struct scene *s)
{
	static const uint8_t frame[] = { 0xff, 0xc0, 0x60 };
	t38_core_state_t *core = t38_core_init(NULL, NULL, NULL, NULL, NULL, on_attack, s);
	const int category = T38_PACKET_CATEGORY_IMAGE_DATA;

	t38_set_t38_version(core, 0);
	t38_core_send_data(core, T38_DATA_V17_14400, T38_FIELD_HDLC_FCS_BAD, NULL, 0, category);
	t38_core_send_data(core, T38_DATA_V17_14400, T38_FIELD_HDLC_DATA, frame, sizeof(frame),
			   category);
	t38_core_send_data(core, T38_DATA_V17_14400, T38_FIELD_HDLC_FCS_OK, NULL, 0, category);
	t38_core_free(core);
}

static void on_ifp(void *ctx, uint16_t seq, const uint8_t *ifp, size_t n)
{
	struct scene *s = ctx;

	(void)seq;
	s->packets++;
	if (s->silent_at && s->packets > s->silent_at)
		return;
	forward(s, ifp, n);
	/* While a page is being sent. */
	if (s->attack_at && s->packets >= s->attack_at && s->packets < s->attack_at + 200 &&
	    s->packets % 10 == 0)
		attack(s);
}

static void from_sender(void *ctx, const uint8_t *p, size_t n)
{
	struct scene *s = ctx;

	assert_true(udptl_unpack(&s->taken_apart, p, n, on_ifp, s));
}

static void said(void *ctx, const int16_t *pcm)
{
	(void)ctx;
	(void)pcm;
}

static void datagram(void *ctx, const uint8_t *p, size_t n)
{
	struct scene *s = ctx;

	terminal_datagram(s->sender, p, n);
}

static void page(void *ctx, unsigned pages)
{
	struct scene *s = ctx;

	s->pages = pages;
}

static void ended(void *ctx, const struct fax_job_end *end)
{
	struct scene *s = ctx;

	assert_false(s->ended);
	s->ended = true;
	s->end = *end;
	fax_job_free(&s->job);
	uv_close((uv_handle_t *)&s->clock, NULL);
}

static const struct fax_job_events events = { said, datagram, page, ended };

static void on_clock(uv_timer_t *t)
{
	struct scene *s = t->data;

	for (int i = 0; i < 3 && s->job; i++) {
		terminal_tick(s->sender);
		fax_job_tick(s->job);
		if (++s->ticks == s->hang_up_at)
			fax_job_hang_up(s->job);
	}
}

/* bourse-um-fax stands where the tests were built: .../tests/unit/DIR/test */
static void find_program(char *out, size_t n)
{
	ssize_t len = readlink("/proc/self/exe", out, n - 1);

	assert_true(len > 0);
	out[len] = '\0';
	for (int up = 0; up < 4; up++)
		*strrchr(out, '/') = '\0';
	strncat(out, "/bourse-um-fax", n - strlen(out) - 1);
}

static void run(struct scene *s, unsigned pages, bool no_guard, int64_t stall_ms)
{
	char out[100];
	struct terminal_t38 how = { UDPTL_REDUNDANCY, 3, 0 };
	struct terminal_conf tx = { .sends = true, .file = out, .ident = "5550100",
				    .datagram = from_sender, .ctx = s };
	struct fax_job_conf conf = { .loop = &s->loop, .program = s->program, .folder = s->folder,
				     .ident = "5550199", .no_guard = no_guard,
				     .stall_ms = stall_ms, .ev = &events, .ctx = s };
	struct errbuf eb;

	snprintf(s->folder, sizeof(s->folder), "/tmp/bourse-test-fax-XXXXXX");
	assert_non_null(mkdtemp(s->folder));
	snprintf(out, sizeof(out), "%s/out.tif", s->folder);
	find_program(s->program, sizeof(s->program));
	rig_make(out, pages);
	assert_int_equal(uv_loop_init(&s->loop), 0);
	assert_int_equal(uv_timer_init(&s->loop, &s->clock), 0);
	s->clock.data = s;
	udptl_tx_init(&s->put_together, UDPTL_REDUNDANCY, 3, 0);
	s->sender = terminal_new(&tx);
	terminal_t38(s->sender, &how);
	assert_int_equal(fax_job_start(&conf, &s->job, &eb), ERR_OK);
	fax_job_t38(s->job, &how);
	assert_int_equal(uv_timer_start(&s->clock, on_clock, 1, 1), 0);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	assert_true(s->ended);
	terminal_free(&s->sender);
	assert_int_equal(uv_loop_close(&s->loop), 0);
	unlink(out);
}

static void clean(struct scene *s)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/" FAX_TIFF, s->folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/" FAX_PDF, s->folder);
	unlink(path);
	assert_int_equal(rmdir(s->folder), 0);
}

static unsigned same_pages(const struct scene *s, unsigned *all)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/" FAX_TIFF, s->folder);
	return rig_same(path, all);
}

static void test_whole(void **state)
{
	struct scene s = { 0 };
	unsigned all;

	(void)state;
	run(&s, 2, false, 0);
	assert_int_equal(s.end.outcome, FAX_DONE);
	assert_int_equal(s.end.pages, 2);
	assert_int_equal(s.pages, 2);
	assert_true(s.end.has_pdf && s.end.ecm && !s.end.crashed && !s.end.stalled);
	assert_string_equal(s.end.ident, "5550100");
	assert_int_equal(same_pages(&s, &all), 2);
	clean(&s);
}

static void test_hang_up(void **state)
{
	struct scene s = { .hang_up_at = 100 };

	(void)state;
	run(&s, 1, false, 0);
	assert_int_equal(s.end.outcome, FAX_FAILED);
	assert_true(!s.end.has_pdf && !s.end.crashed);
	clean(&s);
}

/* The other side falls silent: the watch ends it before T.30 would. */
static void test_stall(void **state)
{
	struct scene s = { .silent_at = 3 };

	(void)state;
	run(&s, 1, false, 100);
	assert_int_equal(s.end.outcome, FAX_FAILED);
	assert_true(s.end.stalled && !s.end.crashed);
	clean(&s);
}

/* The guard holds: the page arrives.  Without it the process dies, and nothing else. */
static void test_attack(void **state)
{
	struct scene with = { .attack_at = 200 }, without = { .attack_at = 200 };
	unsigned all;

	(void)state;
	run(&with, 1, false, 0);
	assert_false(with.end.crashed);
	assert_int_equal(with.end.outcome, FAX_DONE);
	assert_int_equal(same_pages(&with, &all), 1);
	clean(&with);
	run(&without, 1, true, 0);
	assert_true(without.end.crashed);
	assert_int_not_equal(without.end.outcome, FAX_DONE);
	clean(&without);
}

static void test_no_program(void **state)
{
	struct fax_job_conf conf = { .program = "/nonexistent", .folder = "/tmp", .ident = "",
				     .ev = &events };
	struct fax_job *job = NULL;
	struct errbuf eb;
	uv_loop_t loop;

	(void)state;
	assert_int_equal(uv_loop_init(&loop), 0);
	conf.loop = &loop;
	assert_int_equal(fax_job_start(&conf, &job, &eb), ERR_INTERNAL);
	assert_null(job);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_hang_up),
		cmocka_unit_test(test_stall),
		cmocka_unit_test(test_attack),
		cmocka_unit_test(test_no_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
