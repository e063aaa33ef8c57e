#ifndef TESTS_UNIT_RPC_RIG_H
#define TESTS_UNIT_RPC_RIG_H
/* rig - rpc ends on one loop, over real sockets in a folder of their own */
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/bus/bus.h"
#include "common/rpc/rpc.h"
#include "gen/rpc.pb-c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>
#include <cmocka.h>

#define MAX_KNOWN 8

struct key {
	uint8_t pub[RPC_KEY], sec[RPC_KEY];
};

/* One end, and the list of those it knows. */
struct end {
	struct rpc *rpc;
	struct key key;
	struct {
		uint8_t key[RPC_KEY];
		struct rpc_ident ident;
	} known[MAX_KNOWN];
	unsigned n_known, ups, downs;
	struct rpc_peer *last;		/* that came up */
};

struct rig {
	uv_loop_t loop;
	uv_timer_t guard;
	bool late;
	char dir[64], ipc[96], tcp[64];
	struct end server, client;
};

static inline bool end_who(void *ctx, const uint8_t key[RPC_KEY], struct rpc_ident *out)
{
	struct end *e = ctx;

	for (unsigned i = 0; i < e->n_known; i++) {
		if (memcmp(e->known[i].key, key, RPC_KEY) == 0) {
			*out = e->known[i].ident;
			return true;
		}
	}
	return false;
}

static inline void end_on_peer(void *ctx, struct rpc_peer *p, bool up)
{
	struct end *e = ctx;

	if (up) {
		e->ups++;
		e->last = p;
	} else {
		e->downs++;
		e->last = NULL;
	}
}

static inline void end_knows(struct end *e, const struct key *k, unsigned role, const char *name)
{
	struct rpc_ident *id = &e->known[e->n_known].ident;

	memcpy(e->known[e->n_known++].key, k->pub, RPC_KEY);
	memset(id, 0, sizeof(*id));
	id->role = role;
	id->guid.b[0] = (uint8_t)role;
	id->guid.b[1] = 1;
	snprintf(id->name, sizeof(id->name), "%s", name);
}

static inline void end_open(struct rig *r, struct end *e, struct rpc_conf *c)
{
	struct errbuf eb = { "" };

	c->loop = &r->loop;
	memcpy(c->public_key, e->key.pub, RPC_KEY);
	memcpy(c->secret_key, e->key.sec, RPC_KEY);
	c->who = end_who;
	c->on_peer = end_on_peer;
	c->ctx = e;
	if (rpc_open(c, &e->rpc, &eb) != ERR_OK)
		fail_msg("rpc_open: %s", eb.text);
}

static inline void on_guard(uv_timer_t *t)
{
	((struct rig *)t->data)->late = true;
}

/* Turn the loop until cond, at most ms. */
#define RUN_UNTIL(r, cond, ms)                                                   \
	do {                                                                     \
		(r)->late = false;                                               \
		uv_timer_start(&(r)->guard, on_guard, (ms), 0);                  \
		while (!(cond) && !(r)->late)                                    \
			uv_run(&(r)->loop, UV_RUN_ONCE);                         \
		uv_timer_stop(&(r)->guard);                                      \
		if (!(cond))                                                     \
			fail_msg("%s:%d: not within %d ms: %s", __FILE__, __LINE__, (int)(ms), \
				 #cond);                                         \
	} while (0)

/* ... for ms, while cond must hold. */
#define RUN_WHILE(r, cond, ms)                                                   \
	do {                                                                     \
		(r)->late = false;                                               \
		uv_timer_start(&(r)->guard, on_guard, (ms), 0);                  \
		while ((cond) && !(r)->late)                                     \
			uv_run(&(r)->loop, UV_RUN_ONCE);                         \
		uv_timer_stop(&(r)->guard);                                      \
		if (!(cond))                                                     \
			fail_msg("%s:%d: no longer: %s", __FILE__, __LINE__, #cond); \
	} while (0)

static inline void rig_up(struct rig *r)
{
	memset(r, 0, sizeof(*r));
	strcpy(r->dir, "/tmp/test-rpc-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->ipc, sizeof(r->ipc), "ipc://%s/s", r->dir);
	snprintf(r->tcp, sizeof(r->tcp), "tcp://127.0.0.1:%u",
		 20000 + (unsigned)(clock_mono_us() + getpid()) % 40000);
	assert_int_equal(uv_loop_init(&r->loop), 0);
	uv_timer_init(&r->loop, &r->guard);
	r->guard.data = r;
	bus_keypair(r->server.key.pub, r->server.key.sec);
	bus_keypair(r->client.key.pub, r->client.key.sec);
}

static inline void rig_down(struct rig *r)
{
	char path[128];

	rpc_close(&r->client.rpc);
	rpc_close(&r->server.rpc);
	uv_close((uv_handle_t *)&r->guard, NULL);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&r->loop), 0);
	snprintf(path, sizeof(path), "%s/s", r->dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/s.old", r->dir);
	unlink(path);
	assert_int_equal(rmdir(r->dir), 0);
}

static inline void listen_ok(struct rig *r, const char *endpoint, enum rpc_listen_kind kind)
{
	struct errbuf eb = { "" };

	if (rpc_listen(r->server.rpc, endpoint, kind, getuid(), &eb) != ERR_OK)
		fail_msg("listen %s: %s", endpoint, eb.text);
}

/* Server (a mailbox) and client (a cas) that know each other, connected. */
static inline struct rpc_peer *rig_connect(struct rig *r, const struct rpc_method *methods,
					   size_t n_methods, const char *endpoint)
{
	struct rpc_conf s = { .methods = methods, .n_methods = n_methods, .role = r };
	struct rpc_conf c = s;
	struct rpc_peer *p;

	end_knows(&r->server, &r->client.key, RPC_CAS, "cas1");
	end_knows(&r->client, &r->server.key, RPC_MAILBOX, "mb1");
	end_open(r, &r->server, &s);
	end_open(r, &r->client, &c);
	listen_ok(r, endpoint, RPC_LISTEN_SERVERS);
	p = rpc_dial(r->client.rpc, endpoint, r->server.key.pub, NULL);
	RUN_UNTIL(r, rpc_peer_is_up(p) && r->server.ups == 1, 3000);
	return p;
}

/* What a call came to. */
struct result {
	unsigned n;
	enum err e;
	char text[64];
	size_t payload_len;
	char detail[96];
};

static inline void result_cb(void *ctx, enum err e, const ProtobufCMessage *rep,
			     const void *payload, size_t payload_len, const char *detail)
{
	struct result *res = ctx;
	const Rpc__Hello *h = (const Rpc__Hello *)(const void *)rep;

	(void)payload;
	res->n++;
	res->e = e;
	res->payload_len = payload_len;
	snprintf(res->text, sizeof(res->text), "%s", h ? h->version : "");
	snprintf(res->detail, sizeof(res->detail), "%s", detail ? detail : "");
}

static inline struct rpc_args args_for(const char *method, struct result *res)
{
	return (struct rpc_args){ .method = method, .rep = &rpc__hello__descriptor,
				  .on_reply = result_cb, .ctx = res, .timeout_ms = 5000 };
}
#endif
