#include "tests/unit/rpc/rig.h"

/* Answers with the text it was sent, and the payload. */
RPC_HANDLER(echo, Rpc__Hello)
static void echo(struct rpc_request *rq, const Rpc__Hello *in)
{
	Rpc__Hello rep = RPC__HELLO__INIT;

	rep.version = arena_str(&rq->arena, in->version);
	rpc_reply(rq, &rep.base, rq->payload, rq->payload_len);
}

RPC_HANDLER(refuse, Rpc__Hello)
static void refuse(struct rpc_request *rq, const Rpc__Hello *in)
{
	(void)in;
	rpc_fail(rq, err_set(&rq->eb, ERR_NOTFOUND, "no %s", "such"));
}

static struct rpc_request *held;
static unsigned n_gone;

static void held_gone(struct rpc_request *rq)
{
	assert_ptr_equal(rq, held);
	held = NULL;
	n_gone++;
}

/* Never answers by itself. */
RPC_HANDLER(hold, Rpc__Hello)
static void hold(struct rpc_request *rq, const Rpc__Hello *in)
{
	(void)in;
	held = rq;
	rq->on_gone = held_gone;
}

/* ... and does not want to know either. */
RPC_HANDLER(hold_deaf, Rpc__Hello)
static void hold_deaf(struct rpc_request *rq, const Rpc__Hello *in)
{
	(void)in;
	held = rq;
}

static const struct rpc_method methods[] = {
	{ "t.echo", echo_thunk, &rpc__hello__descriptor, RPC_CAS | RPC_MAILBOX | RPC_ADMIN, 0, 8192 },
	{ "t.refuse", refuse_thunk, &rpc__hello__descriptor, RPC_CAS, 0, 100 },
	{ "t.hold", hold_thunk, &rpc__hello__descriptor, RPC_CAS | RPC_MAILBOX, 0, 100 },
	{ "t.deaf", hold_deaf_thunk, &rpc__hello__descriptor, RPC_CAS, 0, 100 },
	{ "t.user", echo_thunk, &rpc__hello__descriptor, RPC_CAS | RPC_HUB | RPC_EDGE, RPC_FOR_USER, 100 },
	{ "t.hub", echo_thunk, &rpc__hello__descriptor, RPC_HUB, 0, 100 },
	{ "t.edge", echo_thunk, &rpc__hello__descriptor, RPC_EDGE, 0, 100 },
	{ "t.enrol", echo_thunk, &rpc__hello__descriptor, RPC_STRANGER, 0, 100 },
};

static void call_text(struct rpc_peer *p, const char *method, const char *text,
		      struct result *res)
{
	struct rpc_args a = args_for(method, res);
	Rpc__Hello h = RPC__HELLO__INIT;

	h.version = (char *)(uintptr_t)text;
	a.body = &h.base;
	rpc_call(p, &a);
}

static void calls_both_ways(const char *endpoint_of_rig, struct rig *r)
{
	struct result there = { 0 }, back = { 0 }, no = { 0 };
	struct rpc_peer *p = rig_connect(r, methods, N_ELEMS(methods), endpoint_of_rig);

	assert_int_equal(rpc_peer_ident(p)->role, RPC_MAILBOX);
	call_text(p, "t.echo", "hello", &there);
	assert_int_equal(there.n, 0);
	/* Whoever dialled: the other end may call too. */
	call_text(r->server.last, "t.echo", "and back", &back);
	call_text(p, "t.refuse", "x", &no);
	RUN_UNTIL(r, there.n && back.n && no.n, 3000);
	assert_string_equal(there.text, "hello");
	assert_string_equal(back.text, "and back");
	assert_int_equal(no.e, ERR_NOTFOUND);
	assert_string_equal(no.detail, "no such");
	rig_down(r);
}

static void test_calls_both_ways(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r);
	calls_both_ways(r.ipc, &r);
	rig_up(&r);
	calls_both_ways(r.tcp, &r);
}

static void test_a_stranger_is_refused(void **state)
{
	struct rig r;
	struct rpc_conf s = { .methods = methods, .n_methods = N_ELEMS(methods) }, c = s;
	struct rpc_peer *p;
	struct rpc_stats st;

	(void)state;
	rig_up(&r);
	end_knows(&r.client, &r.server.key, RPC_MAILBOX, "mb1");
	end_open(&r, &r.server, &s);
	end_open(&r, &r.client, &c);
	listen_ok(&r, r.ipc, RPC_LISTEN_SERVERS);
	p = rpc_dial(r.client.rpc, r.ipc, r.server.key.pub, NULL);
	rpc_get_stats(r.server.rpc, &st);
	RUN_UNTIL(&r, (rpc_get_stats(r.server.rpc, &st), st.refused >= 2), 3000);
	assert_false(rpc_peer_is_up(p));
	/* Known from now on: the client comes back by itself. */
	end_knows(&r.server, &r.client.key, RPC_CAS, "cas1");
	RUN_UNTIL(&r, rpc_peer_is_up(p), 3000);
	rig_down(&r);
}

static void test_the_wrong_server_is_refused(void **state)
{
	struct rig r;
	struct rpc_conf s = { .methods = methods, .n_methods = N_ELEMS(methods) }, c = s;
	struct key other;
	struct rpc_peer *p;

	(void)state;
	rig_up(&r);
	bus_keypair(other.pub, other.sec);
	end_knows(&r.server, &r.client.key, RPC_CAS, "cas1");
	end_knows(&r.client, &other, RPC_MAILBOX, "mb2");
	end_open(&r, &r.server, &s);
	end_open(&r, &r.client, &c);
	listen_ok(&r, r.ipc, RPC_LISTEN_SERVERS);
	p = rpc_dial(r.client.rpc, r.ipc, other.pub, NULL);
	RUN_WHILE(&r, !rpc_peer_is_up(p) && r.server.ups == 0, 400);
	rig_down(&r);
}

static void test_a_removed_key_is_cut_off(void **state)
{
	struct rig r;
	struct rpc_peer *p;
	struct result res = { 0 }, waiting = { 0 };
	int64_t t0;

	(void)state;
	rig_up(&r);
	p = rig_connect(&r, methods, N_ELEMS(methods), r.ipc);
	n_gone = 0;
	call_text(p, "t.hold", "", &waiting);
	RUN_UNTIL(&r, held != NULL, 1000);
	r.server.n_known = 0;
	t0 = clock_mono_ms();
	RUN_UNTIL(&r, r.server.downs == 1 && waiting.n, 1500);
	assert_true(clock_mono_ms() - t0 < 1200);
	assert_int_equal(waiting.e, ERR_AGAIN);
	assert_int_equal(n_gone, 1);
	assert_false(rpc_peer_is_up(p));
	call_text(p, "t.echo", "x", &res);
	RUN_UNTIL(&r, res.n, 1000);
	assert_int_equal(res.e, ERR_AGAIN);
	rig_down(&r);
}

/* The list changes and the next message is already too late. */
static void test_each_message_is_checked(void **state)
{
	struct rig r;
	struct rpc_peer *p;
	struct result res = { 0 };

	(void)state;
	rig_up(&r);
	p = rig_connect(&r, methods, N_ELEMS(methods), r.ipc);
	r.server.n_known = 0;
	call_text(p, "t.echo", "x", &res);
	RUN_UNTIL(&r, res.n, 900);
	assert_int_equal(res.e, ERR_AGAIN);
	assert_int_equal(r.server.downs, 1);
	rig_down(&r);
}

static void test_deadline_and_cancel(void **state)
{
	struct rig r;
	struct rpc_peer *p;
	struct result res = { 0 }, never = { 0 };
	struct rpc_args a = args_for("t.hold", &res);
	struct rpc_call *c;
	int64_t t0 = clock_mono_ms();

	(void)state;
	rig_up(&r);
	p = rig_connect(&r, methods, N_ELEMS(methods), r.ipc);
	n_gone = 0;
	a.timeout_ms = 60;
	rpc_call(p, &a);
	RUN_UNTIL(&r, res.n && n_gone == 1, 1000);
	assert_int_equal(res.e, ERR_AGAIN);
	assert_string_equal(res.detail, "deadline passed");
	assert_true(clock_mono_ms() - t0 >= 60);

	a.timeout_ms = 5000;
	a.ctx = &never;
	c = rpc_call(p, &a);
	RUN_UNTIL(&r, held != NULL, 1000);
	rpc_call_cancel(&c);
	assert_null(c);
	RUN_UNTIL(&r, n_gone == 2, 1000);

	/* From the other side too. */
	a.ctx = &never;
	c = rpc_call(r.server.last, &a);
	RUN_UNTIL(&r, held != NULL, 1000);
	rpc_call_cancel(&c);
	RUN_UNTIL(&r, n_gone == 3, 1000);

	/* A handler that does not listen answers later, to nobody. */
	a.method = "t.deaf";
	c = rpc_call(p, &a);
	RUN_UNTIL(&r, held != NULL, 1000);
	rpc_call_cancel(&c);
	RUN_WHILE(&r, held != NULL, 100);
	rpc_reply(held, NULL, NULL, 0);
	held = NULL;
	assert_int_equal(never.n, 0);
	rig_down(&r);
}

static void test_a_call_to_nobody_fails_from_the_loop(void **state)
{
	struct rig r;
	struct rpc_conf c = { 0 };
	struct rpc_peer *p;
	struct result res = { 0 }, never = { 0 };
	struct rpc_args a = args_for("t.echo", &never);
	struct rpc_call *call;

	(void)state;
	rig_up(&r);
	end_open(&r, &r.client, &c);
	p = rpc_dial(r.client.rpc, r.ipc, r.server.key.pub, NULL);
	call_text(p, "t.echo", "x", &res);
	call = rpc_call(p, &a);
	assert_int_equal(rpc_call_credit(call), 0);
	rpc_call_cancel(&call);
	assert_int_equal(res.n, 0);
	RUN_UNTIL(&r, res.n, 1000);
	assert_int_equal(res.e, ERR_AGAIN);
	rpc_hangup(&p);
	assert_null(p);
	RUN_WHILE(&r, never.n == 0, 50);
	rig_down(&r);
}

static void test_3000_calls_in_one_burst(void **state)
{
	static struct result res[3000];
	struct rig r;
	struct rpc_peer *p;
	unsigned done = 0;

	(void)state;
	rig_up(&r);
	memset(res, 0, sizeof(res));
	p = rig_connect(&r, methods, N_ELEMS(methods), r.ipc);
	for (size_t i = 0; i < N_ELEMS(res); i++)
		call_text(p, "t.echo", "x", &res[i]);
	for (; done < N_ELEMS(res); done++)
		RUN_UNTIL(&r, res[done].n, 5000);
	for (size_t i = 0; i < N_ELEMS(res); i++) {
		assert_int_equal(res[i].n, 1);
		assert_int_equal(res[i].e, ERR_OK);
	}
	rig_down(&r);
}

static void test_a_lost_server_comes_back(void **state)
{
	struct rig r;
	struct rpc_conf s = { .methods = methods, .n_methods = N_ELEMS(methods) };
	struct rpc_peer *p;
	struct result waiting = { 0 }, res = { 0 };
	int64_t t0;

	(void)state;
	rig_up(&r);
	p = rig_connect(&r, methods, N_ELEMS(methods), r.tcp);
	call_text(p, "t.hold", "", &waiting);
	RUN_UNTIL(&r, held != NULL, 1000);
	rpc_close(&r.server.rpc);
	assert_null(held);
	RUN_UNTIL(&r, waiting.n, 500);
	assert_int_equal(waiting.e, ERR_AGAIN);
	assert_int_equal(r.client.downs, 1);
	end_open(&r, &r.server, &s);
	listen_ok(&r, r.tcp, RPC_LISTEN_SERVERS);
	t0 = clock_mono_ms();
	RUN_UNTIL(&r, rpc_peer_is_up(p), 1500);
	assert_true(clock_mono_ms() - t0 < 1000);
	call_text(p, "t.echo", "again", &res);
	RUN_UNTIL(&r, res.n, 1000);
	assert_string_equal(res.text, "again");
	rig_down(&r);
}

/* The accepting side learns by itself that a client is gone. */
static void test_a_lost_client_is_missed(void **state)
{
	struct rig r;
	struct result waiting = { 0 };

	(void)state;
	rig_up(&r);
	rig_connect(&r, methods, N_ELEMS(methods), r.ipc);
	call_text(r.server.last, "t.hold", "", &waiting);
	RUN_UNTIL(&r, held != NULL, 1000);
	rpc_close(&r.client.rpc);
	RUN_UNTIL(&r, waiting.n && r.server.downs == 1, 4500);
	assert_int_equal(waiting.e, ERR_AGAIN);
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls_both_ways),
		cmocka_unit_test(test_a_stranger_is_refused),
		cmocka_unit_test(test_the_wrong_server_is_refused),
		cmocka_unit_test(test_a_removed_key_is_cut_off),
		cmocka_unit_test(test_each_message_is_checked),
		cmocka_unit_test(test_deadline_and_cancel),
		cmocka_unit_test(test_a_call_to_nobody_fails_from_the_loop),
		cmocka_unit_test(test_3000_calls_in_one_burst),
		cmocka_unit_test(test_a_lost_server_comes_back),
		cmocka_unit_test(test_a_lost_client_is_missed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
