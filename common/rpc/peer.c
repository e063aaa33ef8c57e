#include "common/rpc/parts.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include <stdlib.h>
#include <string.h>

/* ---- up and down ----------------------------------------------------------- */

/* A shell comes and goes with each command. */
static enum log_level coming_and_going(const struct rpc_peer *p)
{
	return p->ident.role == RPC_ADMIN ? LOG_DEBUG : LOG_INFO;
}

void rpc_peer_up(struct rpc_peer *p, uint64_t epoch)
{
	struct rpc *r = p->rpc;

	p->epoch = epoch;
	p->up = true;
	p->refusals = 0;
	r->stats.peers_up++;
	log_at(coming_and_going(p), NULL, "peer-up peer=%s role=%s at=%s", p->ident.name,
	       rpc_role_name(p->ident.role), bus_link_address(p->link));
	if (r->conf.on_peer)
		r->conf.on_peer(r->conf.ctx, p, true);
}

void rpc_peer_down(struct rpc_peer *p, const char *why)
{
	struct rpc *r = p->rpc;
	struct hash_node *n;

	if (!p->up)
		return;
	p->up = false;
	r->stats.peers_up--;
	log_at(coming_and_going(p), NULL, "peer-down peer=%s role=%s why=\"%s\"", p->ident.name,
	       rpc_role_name(p->ident.role), why);
	rpc_peer_ref(p);
	while ((n = hash_next(&p->calls, NULL)) != NULL)
		rpc_call_fail(CONTAINER_OF(n, struct rpc_call, by_id), ERR_AGAIN, why);
	while ((n = hash_next(&p->served, NULL)) != NULL)
		rpc_request_gone(CONTAINER_OF(n, struct request, by_id));
	if (r->conf.on_peer && !r->closing)
		r->conf.on_peer(r->conf.ctx, p, false);
	rpc_peer_unref(p);
}

/* An accepted peer leaves the house. */
static void forget(struct rpc_peer *p)
{
	if (p->link)
		bus_link_set_data(p->link, NULL);
	p->link = NULL;
	if (list_empty(&p->node))
		return;
	list_del(&p->node);
	rpc_peer_unref(p);
}

void rpc_peer_cut(struct rpc_peer *p, bool refused, const char *why)
{
	struct rpc *r = p->rpc;

	rpc_peer_ref(p);
	if (p->link && !p->dialled)
		rpc_send_bye(p->link, r->epoch);
	if (p->link)
		bus_drop(p->link, refused);
	if (p->dialled)
		p->last_in = 0;
	else
		p->link = NULL;
	rpc_peer_down(p, why);
	if (!p->dialled && !r->closing)
		forget(p);
	rpc_peer_unref(p);
}

void rpc_peer_cut_soon(struct rpc_peer *p, const char *why)
{
	if (p->cut_why == NULL)
		p->cut_why = why;
	rpc_soon(p->rpc);
}

/* ---- who it is ------------------------------------------------------------- */

static bool ask_who(struct rpc *r, const uint8_t *key, struct rpc_ident *out)
{
	return r->conf.who && r->conf.who(r->conf.ctx, key, out);
}

static bool same_server(const struct rpc_ident *a, const struct rpc_ident *b)
{
	return (a->role == 0 || b->role == 0 || a->role == b->role) &&
	       (guid_is_null(&a->guid) || guid_is_null(&b->guid) || guid_eq(&a->guid, &b->guid));
}

bool rpc_peer_recheck(struct rpc_peer *p)
{
	struct rpc_ident now = { 0 };

	if (p->listener && p->listener->kind == RPC_LISTEN_LOCAL)
		return true;
	if (!ask_who(p->rpc, p->key, &now)) {
		if (p->known)
			return false;
		return p->expected || p->ident.role == RPC_STRANGER;
	}
	/* A key that changes hands or roles is another peer, a stranger who was
	 * enrolled meanwhile too. */
	if (!p->known && p->ident.role == RPC_STRANGER)
		return false;
	if (!same_server(&p->ident, &now))
		return false;
	p->ident = now;
	p->known = true;
	return true;
}

/* Whom did we dial? */
static bool identify_server(struct rpc_peer *p)
{
	struct rpc_ident now = { 0 };

	if (p->expected)
		return rpc_peer_recheck(p);
	if (!ask_who(p->rpc, p->key, &now))
		return false;
	p->ident = now;
	p->known = true;
	return true;
}

/* Who came in? */
static bool identify_client(struct rpc_peer *p)
{
	if (p->listener->kind == RPC_LISTEN_LOCAL) {
		p->ident = p->listener->ident;
		return true;
	}
	p->known = ask_who(p->rpc, p->key, &p->ident);
	if (p->known || p->listener->kind != RPC_LISTEN_ENROL)
		return p->known;
	memset(&p->ident, 0, sizeof(p->ident));
	p->ident.role = RPC_STRANGER;
	strcpy(p->ident.name, "stranger");
	return true;
}

void rpc_peer_hello(struct rpc_peer *p)
{
	Rpc__Envelope env = RPC__ENVELOPE__INIT;
	Rpc__Hello hello = RPC__HELLO__INIT;
	struct rpc *r = p->rpc;
	char version[] = VERSION;

	hello.role = r->conf.self.role;
	hello.instance.data = r->conf.self.guid.b;
	hello.instance.len = sizeof(r->conf.self.guid.b);
	hello.version = version;
	env.kind = RPC__KIND__HELLO;
	env.hello = &hello;
	rpc_must_send(p, &env, NULL, SPAN(""));
}

/* ---- the clock ------------------------------------------------------------- */

static void send_plain(struct rpc_peer *p, Rpc__Kind kind)
{
	Rpc__Envelope env = RPC__ENVELOPE__INIT;

	env.kind = kind;
	/* A ping that finds the queue full says nothing that the queue does not. */
	if (rpc_send(p, &env, NULL, SPAN("")) != ERR_OK)
		return;
}

/* Sends, but calls nobody back. */
void rpc_peer_tick(struct rpc_peer *p, int64_t now, bool we_slept)
{
	if (p->link == NULL || p->last_in == 0)
		return;
	if (we_slept)
		p->last_in = now;	/* what it sent may still lie in front of us */
	if (p->last_in + LOST_MS <= now)
		rpc_peer_cut_soon(p, "silent");
	else if (p->up && !rpc_peer_recheck(p))
		rpc_peer_cut_soon(p, NOBODYS_KEY);
	else if (p->up && p->last_out + TICK_MS <= now)
		send_plain(p, RPC__KIND__PING);
}

size_t rpc_peer_window(struct rpc_peer *p, size_t want)
{
	size_t left = p->granted < RPC_PEER_WINDOW ? RPC_PEER_WINDOW - p->granted : 0;

	if (want > left)
		want = left > RPC_MIN_WINDOW ? left : RPC_MIN_WINDOW;
	p->granted += want;
	return want;
}

void rpc_peer_room(struct rpc_peer *p)
{
	size_t n = 0;

	LIST_EACH (&p->streams, s)
		n++;
	/* Each once, the one that got its turn goes to the end. */
	rpc_peer_ref(p);
	for (; n > 0 && p->up && p->link && bus_link_queued(p->link) < BUS_ROOM; n--) {
		struct list *node = list_pop(&p->streams);
		struct stream_out *s;

		if (node == NULL)
			break;
		list_add_tail(&p->streams, node);
		s = CONTAINER_OF(node, struct stream_out, node);
		if (s->upload)
			rpc_call_credit_cb(s);
		else
			rpc_request_credit_cb(s);
	}
	rpc_peer_unref(p);
}

/* ---- what the bus says ----------------------------------------------------- */

static bool admit_stranger(struct rpc *r)
{
	if (r->enrol_tokens < 1)
		return false;
	r->enrol_tokens--;
	return true;
}

static bool hook_admit(void *ctx, unsigned tag, const uint8_t key[BUS_KEY], const char *address)
{
	struct rpc *r = ctx;
	struct rpc_ident who = { 0 };
	bool ok = false;

	if (tag >= r->n_listeners)
		return false;
	switch (r->listeners[tag].kind) {
	case RPC_LISTEN_LOCAL: ok = true; break;
	case RPC_LISTEN_SERVERS: ok = ask_who(r, key, &who); break;
	case RPC_LISTEN_ENROL: ok = ask_who(r, key, &who) || admit_stranger(r); break;
	}
	if (!ok) {
		r->stats.refused++;
		log_debug(NULL, "handshake-refused address=%s", address);
	}
	return ok;
}

static void hook_open(void *ctx, struct bus_link *l)
{
	struct rpc_peer *p = bus_link_data(l);

	(void)ctx;
	if (!identify_server(p)) {
		if (p->refusals++ % 16 == 0)
			log_warn(NULL, "peer-unknown at=%s: its key is not who it should be",
				 bus_link_address(l));
		bus_drop(l, true);
		return;
	}
	p->last_in = clock_mono_ms();
	p->strikes = 0;
	rpc_peer_hello(p);
}

static void hook_close(void *ctx, struct bus_link *l, bool refused, const char *why)
{
	struct rpc_peer *p = bus_link_data(l);

	(void)ctx;
	if (p == NULL)
		return;
	if (refused && p->refusals++ % 16 == 0)
		log_warn(NULL, "dial-refused at=%s why=\"%s\"", bus_link_address(l), why);
	p->last_in = 0;
	if (p->dialled) {
		rpc_peer_down(p, why);
		return;
	}
	rpc_peer_ref(p);
	p->link = NULL;
	rpc_peer_down(p, why);
	if (!p->rpc->closing)
		forget(p);
	rpc_peer_unref(p);
}

static void hook_room(void *ctx, struct bus_link *l)
{
	struct rpc_peer *p = bus_link_data(l);

	(void)ctx;
	if (p)
		rpc_peer_room(p);
}

static struct rpc_peer *accept_peer(struct rpc *r, struct bus_link *l)
{
	struct rpc_peer *p = rpc_peer_new(r);

	p->link = l;
	p->listener = &r->listeners[bus_link_tag(l)];
	memcpy(p->key, bus_link_key(l), RPC_KEY);
	if (!identify_client(p)) {
		r->stats.refused++;
		p->link = NULL;
		forget(p);
		return NULL;
	}
	bus_link_set_data(l, p);
	return p;
}

static void on_hello(struct rpc_peer *p, const Rpc__Envelope *env)
{
	if (p->up && env->epoch == p->epoch)
		return;
	rpc_peer_ref(p);
	/* Another boot of the same server: what it was asked is lost. */
	rpc_peer_down(p, "peer was restarted");
	if (!p->rpc->closing && p->link && !p->hung_up) {
		if (!p->dialled)
			rpc_peer_hello(p);
		rpc_peer_up(p, env->epoch);
	}
	rpc_peer_unref(p);
}

/* False: malformed, or more than it may. */
static bool handle(struct rpc_peer *p, const Rpc__Envelope *env, struct bus_msg **m)
{
	switch ((int)env->kind) {
	case RPC__KIND__CALL:
		rpc_on_call(p, env, *m);
		*m = NULL;
		return true;
	case RPC__KIND__REPLY:
		rpc_on_reply(p, env, *m);
		return true;
	case RPC__KIND__CHUNK:
		return env->callee ? rpc_on_reply_chunk(p, env, *m)
				   : rpc_on_upload_chunk(p, env, *m);
	case RPC__KIND__CREDIT:
		if (env->callee)
			rpc_on_call_credit(p, env);
		else
			rpc_on_request_credit(p, env);
		return true;
	case RPC__KIND__CANCEL:
		rpc_on_cancel(p, env);
		return true;
	case RPC__KIND__PING:
		send_plain(p, RPC__KIND__PONG);
		return true;
	case RPC__KIND__PONG:
		return true;
	default:
		return false;
	}
}

static void strike(struct rpc_peer *p)
{
	p->rpc->stats.refused++;
	if (++p->strikes > MAX_STRIKES)
		rpc_peer_cut_soon(p, "it breaks the rules");
}

static void from_peer(struct rpc_peer *p, const Rpc__Envelope *env, struct bus_msg **m)
{
	struct rpc *r = p->rpc;

	if (!rpc_peer_recheck(p)) {
		r->stats.refused++;
		rpc_peer_cut(p, true, NOBODYS_KEY);
		return;
	}
	p->last_in = clock_mono_ms();
	if (env->kind == RPC__KIND__HELLO && env->epoch != 0) {
		on_hello(p, env);
	} else if (env->kind == RPC__KIND__BYE) {
		rpc_peer_cut(p, !p->up, "peer closed the connection");
	} else if (!p->up || env->epoch != p->epoch) {
		strike(p);
	} else {
		rpc_peer_ref(p);
		if (!handle(p, env, m) && !r->closing)
			strike(p);
		rpc_peer_unref(p);
	}
}

static void hook_message(void *ctx, struct bus_link *l, struct bus_msg *m)
{
	struct rpc *r = ctx;
	struct rpc_peer *p = bus_link_data(l);
	Rpc__Envelope *env = NULL;

	r->stats.bytes_in += m->bytes;
	arena_reset(&r->scratch);
	if (m->n > 0 && m->part[0].n <= MAX_ENVELOPE)
		env = (Rpc__Envelope *)(void *)rpc_unpack(&r->scratch, &rpc__envelope__descriptor,
							  m->part[0]);
	if (p == NULL && env && env->kind == RPC__KIND__HELLO)
		p = accept_peer(r, l);
	if (p == NULL) {
		/* From before we forgot it, or from somebody who may not be here. */
		r->stats.refused++;
		if (env == NULL || env->kind != RPC__KIND__BYE)
			rpc_send_bye(l, r->epoch);
		bus_drop(l, true);
	} else if (env == NULL) {
		strike(p);
	} else if (!p->hung_up && p->cut_why == NULL) {
		from_peer(p, env, &m);
	}
	bus_msg_free(&m);
}

void rpc_bus_hooks(struct rpc *r, struct bus_hooks *out)
{
	*out = (struct bus_hooks){ hook_admit, hook_open, hook_message, hook_close, hook_room, r };
}
