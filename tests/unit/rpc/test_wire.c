/* What a peer with a good key and bad manners can do: raw messages. */
#include "tests/unit/rpc/rig.h"

#include <sys/prctl.h>
#include <sys/wait.h>

static unsigned n_served;
static struct rpc_request *held;

RPC_HANDLER(serve, Rpc__Hello)
static void serve(struct rpc_request *rq, const Rpc__Hello *in)
{
	(void)in;
	n_served++;
	rpc_reply(rq, NULL, NULL, 0);
}

static void held_gone(struct rpc_request *rq)
{
	(void)rq;
	held = NULL;
}

RPC_HANDLER(hold, Rpc__Hello)
static void hold(struct rpc_request *rq, const Rpc__Hello *in)
{
	(void)in;
	held = rq;
	rq->on_gone = held_gone;
}

static void chunk(struct rpc_request *rq, const void *p, size_t n, bool last)
{
	(void)rq;
	(void)p;
	(void)n;
	(void)last;
}

RPC_HANDLER(take, Rpc__Hello)
static void take(struct rpc_request *rq, const Rpc__Hello *in)
{
	(void)in;
	held = rq;
	rq->on_gone = held_gone;
	rq->on_chunk = chunk;
}

static const struct rpc_method methods[] = {
	{ "t.serve", serve_thunk, &rpc__hello__descriptor, RPC_CAS, 0, 64 },
	{ "t.hold", hold_thunk, &rpc__hello__descriptor, RPC_CAS, 0, 64 },
	{ "t.take", take_thunk, &rpc__hello__descriptor, RPC_CAS, RPC_UPLOAD, 64 },
};

/* ---- a bus client that speaks for itself ----------------------------------- */

struct raw {
	struct bus *bus;
	struct bus_link *link;
	bool open, hello, bye;
	unsigned n_replies, status, pongs;
	uint64_t answered;
};

static bool raw_admit(void *ctx, unsigned tag, const uint8_t key[BUS_KEY], const char *address)
{
	(void)ctx;
	(void)tag;
	(void)key;
	(void)address;
	return false;
}

static void raw_open(void *ctx, struct bus_link *l)
{
	(void)l;
	((struct raw *)ctx)->open = true;
}

static void raw_message(void *ctx, struct bus_link *l, struct bus_msg *m)
{
	struct raw *w = ctx;
	Rpc__Envelope *env = rpc__envelope__unpack(NULL, m->part[0].n,
						   (const uint8_t *)m->part[0].p);

	(void)l;
	assert_non_null(env);
	w->hello |= env->kind == RPC__KIND__HELLO;
	w->bye |= env->kind == RPC__KIND__BYE;
	w->pongs += env->kind == RPC__KIND__PONG;
	if (env->kind == RPC__KIND__REPLY) {
		w->n_replies++;
		w->status = env->status;
		w->answered = env->call;
	}
	rpc__envelope__free_unpacked(env, NULL);
	bus_msg_free(&m);
}

static void raw_close(void *ctx, struct bus_link *l, bool refused, const char *why)
{
	(void)l;
	(void)refused;
	(void)why;
	((struct raw *)ctx)->open = false;
}

static void raw_room(void *ctx, struct bus_link *l)
{
	(void)ctx;
	(void)l;
}

static void send_env(struct raw *w, Rpc__Envelope *env, struct span body, struct span payload)
{
	uint8_t head[512];
	struct span part[3] = { { (const char *)head, 0 }, body, payload };

	part[0].n = rpc__envelope__pack(env, head);
	assert_int_equal(bus_send(w->link, part, payload.n ? 3 : body.n ? 2 : 1), ERR_OK);
}

static Rpc__Envelope envelope(int kind, uint64_t call, uint64_t epoch)
{
	Rpc__Envelope env = RPC__ENVELOPE__INIT;

	env.kind = (Rpc__Kind)kind;
	env.call = call;
	env.epoch = epoch;
	env.last = true;
	env.left_ms = 5000;
	env.method = (char *)(uintptr_t)"t.serve";
	return env;
}

static void say_hello(struct raw *w, uint64_t epoch)
{
	Rpc__Envelope env = envelope(RPC__KIND__HELLO, 0, epoch);

	send_env(w, &env, SPAN(""), SPAN(""));
}

static void raw_up(struct rig *r, struct raw *w)
{
	struct rpc_conf s = { .methods = methods, .n_methods = N_ELEMS(methods),
			      .max_inflight = 3 };
	struct bus_conf c = { .loop = &r->loop, .max_bytes = 1 << 20,
			      .hooks = { raw_admit, raw_open, raw_message, raw_close, raw_room, w } };
	struct errbuf eb = { "" };

	rig_up(r);
	memset(w, 0, sizeof(*w));
	n_served = 0;
	end_knows(&r->server, &r->client.key, RPC_CAS, "raw");
	end_open(r, &r->server, &s);
	listen_ok(r, r->ipc, RPC_LISTEN_SERVERS);
	memcpy(c.public_key, r->client.key.pub, BUS_KEY);
	memcpy(c.secret_key, r->client.key.sec, BUS_KEY);
	assert_int_equal(bus_open(&c, &w->bus, &eb), ERR_OK);
	w->link = bus_dial(w->bus, r->ipc, r->server.key.pub, NULL);
	RUN_UNTIL(r, w->open, 2000);
}

static void raw_down(struct rig *r, struct raw *w)
{
	bus_close(&w->bus);
	rig_down(r);
}

static uint64_t refused(struct rig *r)
{
	struct rpc_stats st;

	rpc_get_stats(r->server.rpc, &st);
	return st.refused;
}

/* ---- the tests ------------------------------------------------------------- */

static void test_hello_comes_first(void **state)
{
	struct rig r;
	struct raw w;
	Rpc__Envelope env = envelope(RPC__KIND__CALL, 1, 7);

	(void)state;
	raw_up(&r, &w);
	send_env(&w, &env, SPAN(""), SPAN(""));
	RUN_UNTIL(&r, w.bye, 1000);
	assert_int_equal(n_served, 0);
	assert_int_equal(r.server.ups, 0);
	say_hello(&w, 7);
	RUN_UNTIL(&r, w.hello && r.server.ups == 1, 1000);
	send_env(&w, &env, SPAN(""), SPAN(""));
	RUN_UNTIL(&r, w.n_replies == 1, 1000);
	assert_int_equal(n_served, 1);
	raw_down(&r, &w);
}

static void test_malformed_is_refused_and_counted(void **state)
{
	static const struct {
		const char *name;
		struct span part[4];
		unsigned n;
	} bad[] = {
		{ "garbage", { { "\xff\xff\xff\xff", 4 } }, 1 },
		{ "cut short", { { "\x1a\x20t.", 4 } }, 1 },
		{ "unknown kind", { { "\x08\x63\x50\x07", 4 } }, 1 },
		{ "no epoch", { { "\x08\x01\x10\x05", 4 } }, 1 },
		{ "another epoch", { { "\x08\x01\x10\x05\x50\x08", 6 } }, 1 },
	};
	struct rig r;
	struct raw w;
	Rpc__Envelope env = envelope(RPC__KIND__CALL, 1, 7);

	(void)state;
	raw_up(&r, &w);
	say_hello(&w, 7);
	RUN_UNTIL(&r, w.hello, 1000);
	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		uint64_t before = refused(&r);

		assert_int_equal(bus_send(w.link, bad[i].part, bad[i].n), ERR_OK);
		RUN_UNTIL(&r, refused(&r) == before + 1, 1000);
	}
	send_env(&w, &env, SPAN(""), SPAN(""));
	RUN_UNTIL(&r, w.n_replies == 1, 1000);
	assert_int_equal(w.status, ERR_OK);
	assert_int_equal(r.server.downs, 0);
	/* Without an end it is no accident. */
	for (int i = 0; i < 300; i++)
		assert_int_equal(bus_send(w.link, bad[0].part, 1), ERR_OK);
	RUN_UNTIL(&r, r.server.downs == 1 && w.bye, 2000);
	raw_down(&r, &w);
}

static void test_bad_calls_are_answered(void **state)
{
	static char large[RPC_CHUNK + 1];
	static const struct {
		const char *name, *method;
		struct span body, payload;
		unsigned left_ms;
		enum err want;
	} cases[] = {
		{ "fine", "t.serve", { "\x08\x01", 2 }, { NULL, 0 }, 100, ERR_OK },
		{ "unknown fields are ignored", "t.serve", { "\x98\x06\x01", 3 }, { NULL, 0 }, 100,
		  ERR_OK },
		{ "unknown method", "t.none", { "", 0 }, { NULL, 0 }, 100, ERR_INVALID },
		{ "body is no message", "t.serve", { "\xff\xff", 2 }, { NULL, 0 }, 100,
		  ERR_INVALID },
		{ "body too large", "t.serve", { large, 65 }, { NULL, 0 }, 100, ERR_LIMIT },
		{ "payload too large", "t.serve", { "", 0 }, { large, sizeof(large) }, 100,
		  ERR_LIMIT },
		{ "no time left", "t.serve", { "", 0 }, { NULL, 0 }, 0, ERR_AGAIN },
	};
	struct rig r;
	struct raw w;

	(void)state;
	raw_up(&r, &w);
	say_hello(&w, 7);
	for (unsigned i = 0; i < N_ELEMS(cases); i++) {
		Rpc__Envelope env = envelope(RPC__KIND__CALL, i + 1, 7);

		env.method = (char *)(uintptr_t)cases[i].method;
		env.left_ms = cases[i].left_ms;
		send_env(&w, &env, cases[i].body, cases[i].payload);
		RUN_UNTIL(&r, w.answered == i + 1, 1000);
		if (w.status != cases[i].want)
			fail_msg("%s: %s", cases[i].name, err_text((enum err)w.status));
	}
	assert_int_equal(n_served, 2);
	assert_int_equal(r.server.downs, 0);
	raw_down(&r, &w);
}

static void test_another_boot_ends_the_calls(void **state)
{
	struct rig r;
	struct raw w;
	Rpc__Envelope env = envelope(RPC__KIND__CALL, 1, 7);
	struct result res = { 0 };
	struct rpc_args a = args_for("t.x", &res);

	(void)state;
	raw_up(&r, &w);
	say_hello(&w, 7);
	env.method = (char *)(uintptr_t)"t.hold";
	send_env(&w, &env, SPAN(""), SPAN(""));
	RUN_UNTIL(&r, held != NULL, 1000);
	rpc_call(r.server.last, &a);
	say_hello(&w, 7);			/* a repeat changes nothing */
	RUN_WHILE(&r, held && res.n == 0, 50);
	say_hello(&w, 8);
	RUN_UNTIL(&r, held == NULL && res.n, 1000);
	assert_int_equal(res.e, ERR_AGAIN);
	assert_int_equal(r.server.ups, 2);
	assert_int_equal(r.server.downs, 1);
	assert_int_equal(w.n_replies, 0);
	raw_down(&r, &w);
}

static void test_calls_in_flight_have_a_limit(void **state)
{
	struct rig r;
	struct raw w;

	(void)state;
	raw_up(&r, &w);
	say_hello(&w, 7);
	for (unsigned i = 1; i <= 4; i++) {
		Rpc__Envelope env = envelope(RPC__KIND__CALL, i, 7);

		env.method = (char *)(uintptr_t)"t.hold";
		send_env(&w, &env, SPAN(""), SPAN(""));
		if (i == 2)		/* the same id again is no second call */
			send_env(&w, &env, SPAN(""), SPAN(""));
	}
	RUN_UNTIL(&r, w.n_replies == 1, 1000);
	assert_int_equal(w.answered, 4);
	assert_int_equal(w.status, ERR_AGAIN);
	raw_down(&r, &w);
	assert_null(held);
}

static void test_more_than_the_credit_is_an_attack(void **state)
{
	static char large[RPC_CHUNK];
	struct rig r;
	struct raw w;
	Rpc__Envelope env = envelope(RPC__KIND__CALL, 1, 7);

	(void)state;
	raw_up(&r, &w);
	say_hello(&w, 7);
	env.method = (char *)(uintptr_t)"t.take";
	env.last = false;
	send_env(&w, &env, SPAN(""), SPAN(""));
	for (int i = 0; i < 5; i++) {
		env = envelope(RPC__KIND__CHUNK, 1, 7);
		env.last = false;
		assert_int_equal(r.server.downs, 0);
		send_env(&w, &env, SPAN(""), (struct span){ large, sizeof(large) });
	}
	RUN_UNTIL(&r, r.server.downs == 1 && held == NULL, 2000);
	raw_down(&r, &w);
}

static void test_ping_and_silence(void **state)
{
	struct rig r;
	struct raw w;
	Rpc__Envelope env = envelope(RPC__KIND__PING, 0, 7);
	int64_t t0;

	(void)state;
	raw_up(&r, &w);
	say_hello(&w, 7);
	send_env(&w, &env, SPAN(""), SPAN(""));
	RUN_UNTIL(&r, w.pongs == 1, 1000);
	t0 = clock_mono_ms();
	RUN_UNTIL(&r, r.server.downs == 1, 5000);
	assert_true(clock_mono_ms() - t0 >= 2900);
	raw_down(&r, &w);
}

/* ---- a server that is killed and comes back -------------------------------- */

/* It begins to serve when go[0] can be read, or at once (NULL).  Call it before
 * this process has threads: what a lock they hold becomes in the child is anyone's
 * guess. */
static pid_t fork_server(struct rig *r, const int *go)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		char c;
		struct rpc_conf s = { .methods = methods, .n_methods = N_ELEMS(methods) };
		struct errbuf eb = { "" };

		prctl(PR_SET_PDEATHSIG, SIGKILL);	/* also when a test fails */
		if (go && read(go[0], &c, 1) != 1)
			_exit(3);
		assert_int_equal(uv_loop_init(&r->loop), 0);
		end_open(r, &r->server, &s);
		if (rpc_listen(r->server.rpc, r->ipc, RPC_LISTEN_SERVERS, 0, &eb) != ERR_OK)
			_exit(3);
		uv_run(&r->loop, UV_RUN_DEFAULT);
		_exit(0);
	}
	return pid;
}

static void test_a_killed_server_comes_back(void **state)
{
	struct rig r;
	struct rpc_conf c = { 0 };
	struct rpc_peer *p;
	struct result waiting = { 0 }, again = { 0 };
	struct rpc_args a = args_for("t.hold", &waiting);
	pid_t pid, next;
	int64_t t0;
	int go[2];

	(void)state;
	rig_up(&r);
	end_knows(&r.server, &r.client.key, RPC_CAS, "cas1");
	end_knows(&r.client, &r.server.key, RPC_MAILBOX, "mb1");
	assert_int_equal(pipe(go), 0);
	pid = fork_server(&r, NULL);
	next = fork_server(&r, go);
	end_open(&r, &r.client, &c);
	p = rpc_dial(r.client.rpc, r.ipc, r.server.key.pub, NULL);
	RUN_UNTIL(&r, rpc_peer_is_up(p), 3000);
	rpc_call(p, &a);
	RUN_WHILE(&r, waiting.n == 0, 50);
	kill(pid, SIGKILL);
	t0 = clock_mono_ms();
	RUN_UNTIL(&r, waiting.n, 1000);
	assert_int_equal(waiting.e, ERR_AGAIN);
	assert_true(clock_mono_ms() - t0 < 500);
	waitpid(pid, NULL, 0);
	assert_int_equal(write(go[1], "", 1), 1);
	RUN_UNTIL(&r, rpc_peer_is_up(p), 3000);
	a = args_for("t.serve", &again);
	rpc_call(p, &a);
	RUN_UNTIL(&r, again.n, 1000);
	if (again.e)
		fail_msg("%s", again.detail);
	kill(next, SIGKILL);
	waitpid(next, NULL, 0);
	close(go[0]);
	close(go[1]);
	rig_down(&r);
}

/* A server that stands still: what does not fit is told, what fits is answered. */
static void test_a_slow_server_loses_nothing(void **state)
{
	enum { CALLS = 1500 };
	static struct result res[CALLS];
	static char payload[64 * 1024];
	struct rig r;
	struct rpc_conf c = { .max_bytes = 16u << 20 };
	struct rpc_peer *p;
	struct rpc_args a;
	unsigned ok = 0, again = 0;
	pid_t pid;

	(void)state;
	rig_up(&r);
	memset(res, 0, sizeof(res));
	end_knows(&r.server, &r.client.key, RPC_CAS, "cas1");
	end_knows(&r.client, &r.server.key, RPC_MAILBOX, "mb1");
	pid = fork_server(&r, NULL);
	end_open(&r, &r.client, &c);
	p = rpc_dial(r.client.rpc, r.ipc, r.server.key.pub, NULL);
	RUN_UNTIL(&r, rpc_peer_is_up(p), 3000);
	kill(pid, SIGSTOP);
	for (int i = 0; i < CALLS; i++) {
		a = args_for("t.serve", &res[i]);
		a.payload = payload;
		a.payload_len = sizeof(payload);
		a.timeout_ms = 20000;
		rpc_call(p, &a);
	}
	RUN_WHILE(&r, rpc_peer_is_up(p), 300);
	kill(pid, SIGCONT);
	for (int i = 0; i < CALLS; i++) {
		RUN_UNTIL(&r, res[i].n, 10000);
		ok += res[i].e == ERR_OK;
		again += res[i].e == ERR_AGAIN;
	}
	assert_int_equal(ok + again, CALLS);
	assert_true(ok > 256 && again > 0);
	assert_true(rpc_peer_is_up(p));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* These fork: first, while this process has no other threads. */
		cmocka_unit_test(test_a_killed_server_comes_back),
		cmocka_unit_test(test_a_slow_server_loses_nothing),
		cmocka_unit_test(test_hello_comes_first),
		cmocka_unit_test(test_malformed_is_refused_and_counted),
		cmocka_unit_test(test_bad_calls_are_answered),
		cmocka_unit_test(test_another_boot_ends_the_calls),
		cmocka_unit_test(test_calls_in_flight_have_a_limit),
		cmocka_unit_test(test_more_than_the_credit_is_an_attack),
		cmocka_unit_test(test_ping_and_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
