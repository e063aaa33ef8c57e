#include "tests/unit/rpc/rig.h"

#include <malloc.h>

#define STREAM_BYTES (150ul * 1024 * 1024)

static char block[RPC_CHUNK];

/* ---- the serving side ------------------------------------------------------ */

struct download {
	size_t left;
	bool sending;
};

static void pump_download(struct rpc_request *rq)
{
	struct download *d = rq->data;

	while (d->left > 0) {
		size_t n = rpc_credit(rq);

		n = n < sizeof(block) ? n : sizeof(block);
		n = n < d->left ? n : d->left;
		if (n == 0)
			return;
		rpc_send_chunk(rq, block, n);
		d->left -= n;
	}
	rpc_reply(rq, NULL, NULL, 0);
}

RPC_HANDLER(download, Rpc__Hello)
static void download(struct rpc_request *rq, const Rpc__Hello *in)
{
	struct download *d = arena_alloc(&rq->arena, sizeof(*d));

	d->left = strtoul(in->version, NULL, 10);
	rq->data = d;
	rq->on_credit = pump_download;
	pump_download(rq);
}

/* Takes it all, grants at once, answers with the sum. */
static void upload_chunk(struct rpc_request *rq, const void *p, size_t n, bool last)
{
	size_t *sum = rq->data;
	Rpc__Hello rep = RPC__HELLO__INIT;

	(void)p;
	*sum += n;
	rpc_grant(rq, n);
	if (!last)
		return;
	rep.version = arena_printf(&rq->arena, "%zu", *sum);
	rpc_reply(rq, &rep.base, NULL, 0);
}

RPC_HANDLER(upload, Rpc__Hello)
static void upload(struct rpc_request *rq, const Rpc__Hello *in)
{
	(void)in;
	rq->data = arena_alloc(&rq->arena, sizeof(size_t));
	rq->on_chunk = upload_chunk;
}

/* Never digests anything. */
static size_t stuck_bytes;
static struct rpc_request *stuck_rq;

static void stuck_chunk(struct rpc_request *rq, const void *p, size_t n, bool last)
{
	(void)rq;
	(void)p;
	(void)last;
	stuck_bytes += n;
}

static void stuck_gone(struct rpc_request *rq)
{
	(void)rq;
	stuck_rq = NULL;
}

RPC_HANDLER(stuck, Rpc__Hello)
static void stuck(struct rpc_request *rq, const Rpc__Hello *in)
{
	(void)in;
	stuck_rq = rq;
	rq->on_chunk = stuck_chunk;
	rq->on_gone = stuck_gone;
}

/* Refuses in the middle. */
static void fussy_chunk(struct rpc_request *rq, const void *p, size_t n, bool last)
{
	(void)p;
	(void)n;
	(void)last;
	rpc_fail(rq, ERR_LIMIT);
}

RPC_HANDLER(fussy, Rpc__Hello)
static void fussy(struct rpc_request *rq, const Rpc__Hello *in)
{
	(void)in;
	rq->on_chunk = fussy_chunk;
}

static const struct rpc_method methods[] = {
	{ "t.download", download_thunk, &rpc__hello__descriptor, RPC_CAS, 0, 100 },
	{ "t.upload", upload_thunk, &rpc__hello__descriptor, RPC_CAS, RPC_UPLOAD, 100 },
	{ "t.stuck", stuck_thunk, &rpc__hello__descriptor, RPC_CAS, RPC_UPLOAD, 100 },
	{ "t.fussy", fussy_thunk, &rpc__hello__descriptor, RPC_CAS, RPC_UPLOAD, 100 },
};

/* ---- the calling side ------------------------------------------------------ */

struct stream {
	struct result res;	/* first: result_cb() gets it as its ctx */
	struct rpc_call *call;
	size_t got, left;
	bool digests, granting;
};

static void on_chunk(void *ctx, const void *p, size_t n)
{
	struct stream *s = ctx;

	(void)p;
	s->got += n;
	if (s->digests)
		rpc_call_grant(s->call, n);
}

static void pump_upload(void *ctx)
{
	struct stream *s = ctx;

	while (s->left > 0) {
		size_t n = rpc_call_credit(s->call);

		n = n < sizeof(block) ? n : sizeof(block);
		n = n < s->left ? n : s->left;
		if (n == 0)
			return;
		s->left -= n;
		rpc_call_send(s->call, block, n, s->left == 0);
	}
}

static void start_download(struct rpc_peer *p, struct stream *s, size_t n, size_t window)
{
	struct rpc_args a = args_for("t.download", &s->res);
	Rpc__Hello h = RPC__HELLO__INIT;
	char text[24];

	snprintf(text, sizeof(text), "%zu", n);
	h.version = text;
	a.body = &h.base;
	a.on_chunk = on_chunk;
	a.window = window;
	a.timeout_ms = 30000;
	s->call = rpc_call(p, &a);
}

static void start_upload(struct rpc_peer *p, struct stream *s, const char *method, size_t n)
{
	struct rpc_args a = args_for(method, &s->res);

	a.upload = true;
	a.on_credit = pump_upload;
	a.timeout_ms = 30000;
	s->left = n;
	s->call = rpc_call(p, &a);
	pump_upload(s);
}

static size_t heap_in_use(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static void test_a_great_message_crosses_in_little_memory(void **state)
{
	struct rig r;
	struct rpc_peer *p;
	struct stream down = { .digests = true }, up = { 0 };
	size_t base, most = 0;

	(void)state;
	rig_up(&r);
	p = rig_connect(&r, methods, N_ELEMS(methods), r.ipc);
	base = heap_in_use();
	start_download(p, &down, STREAM_BYTES, 0);
	while (down.res.n == 0) {
		size_t now;

		uv_run(&r.loop, UV_RUN_ONCE);
		now = heap_in_use();
		most = now > most ? now : most;
	}
	assert_int_equal(down.res.e, ERR_OK);
	assert_int_equal(down.got, STREAM_BYTES);
	start_upload(p, &up, "t.upload", STREAM_BYTES / 3);
	while (up.res.n == 0) {
		size_t now;

		uv_run(&r.loop, UV_RUN_ONCE);
		now = heap_in_use();
		most = now > most ? now : most;
	}
	assert_int_equal(up.res.e, ERR_OK);
	assert_int_equal(strtoul(up.res.text, NULL, 10), STREAM_BYTES / 3);
	/* Both ends are in this process; the sanitizers' heap says nothing. */
	if (base > 0 && most > base + 16 * 1024 * 1024)
		fail_msg("%zu bytes more in use", most - base);
	rig_down(&r);
}

/* A reader that does not digest gets its window and no more, and blocks nobody. */
static void test_credit_is_the_limit(void **state)
{
	struct rig r;
	struct rpc_peer *p;
	struct stream slow = { 0 }, small = { 0 }, quick = { .digests = true }, up = { 0 };

	(void)state;
	rig_up(&r);
	p = rig_connect(&r, methods, N_ELEMS(methods), r.ipc);
	start_download(p, &slow, 8u * 1024 * 1024, 0);
	start_download(p, &small, 8u * 1024 * 1024, 100000);
	start_upload(p, &up, "t.stuck", 8u * 1024 * 1024);
	start_download(p, &quick, 8u * 1024 * 1024, 0);
	RUN_UNTIL(&r, quick.res.n && slow.got == RPC_WINDOW && stuck_bytes >= RPC_WINDOW, 5000);
	RUN_WHILE(&r, slow.got == RPC_WINDOW && small.got == 100000 && stuck_bytes == RPC_WINDOW,
		  100);
	assert_int_equal(quick.got, 8u * 1024 * 1024);
	/* Digested late, it all comes. */
	slow.digests = true;
	rpc_call_grant(slow.call, slow.got);
	RUN_UNTIL(&r, slow.res.n, 5000);
	assert_int_equal(slow.got, 8u * 1024 * 1024);
	rpc_call_cancel(&small.call);
	rpc_call_cancel(&up.call);
	RUN_UNTIL(&r, stuck_rq == NULL, 1000);
	rig_down(&r);
}

/* Many slow readers: all streams together stay in the peer's window. */
static void test_the_peer_has_a_limit_too(void **state)
{
	static struct stream slow[60];
	struct stream quick = { .digests = true };
	struct rig r;
	struct rpc_peer *p;
	size_t sum = 0;

	(void)state;
	memset(slow, 0, sizeof(slow));
	rig_up(&r);
	p = rig_connect(&r, methods, N_ELEMS(methods), r.ipc);
	for (size_t i = 0; i < N_ELEMS(slow); i++)
		start_download(p, &slow[i], 2u * 1024 * 1024, 0);
	start_download(p, &quick, 4u * 1024 * 1024, 0);
	RUN_UNTIL(&r, quick.res.n, 5000);
	assert_int_equal(quick.got, 4u * 1024 * 1024);
	RUN_WHILE(&r, true, 100);
	for (size_t i = 0; i < N_ELEMS(slow); i++) {
		assert_true(slow[i].got >= RPC_MIN_WINDOW);
		sum += slow[i].got;
		rpc_call_cancel(&slow[i].call);
	}
	assert_true(sum <= RPC_PEER_WINDOW + N_ELEMS(slow) * RPC_MIN_WINDOW);
	/* What was cancelled gives its window back. */
	slow[0].got = 0;
	start_download(p, &slow[0], 2u * 1024 * 1024, 0);
	RUN_UNTIL(&r, slow[0].got == RPC_WINDOW, 2000);
	rig_down(&r);
}

static void test_an_upload_can_be_refused_midway(void **state)
{
	struct rig r;
	struct rpc_peer *p;
	struct stream up = { 0 };

	(void)state;
	rig_up(&r);
	p = rig_connect(&r, methods, N_ELEMS(methods), r.ipc);
	start_upload(p, &up, "t.fussy", 4u * 1024 * 1024);
	RUN_UNTIL(&r, up.res.n, 2000);
	assert_int_equal(up.res.e, ERR_LIMIT);
	assert_true(rpc_peer_is_up(p));
	/* No upload where none is taken. */
	memset(&up, 0, sizeof(up));
	start_upload(p, &up, "t.download", 10);
	RUN_UNTIL(&r, up.res.n, 2000);
	assert_int_equal(up.res.e, ERR_INVALID);
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_great_message_crosses_in_little_memory),
		cmocka_unit_test(test_credit_is_the_limit),
		cmocka_unit_test(test_the_peer_has_a_limit_too),
		cmocka_unit_test(test_an_upload_can_be_refused_midway),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
