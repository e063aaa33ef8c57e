/*
 * fuzz_rpc_envelope - the dispatcher under messages from an admitted peer
 *
 * Stands in for all of common/bus: one accepted link, whose messages are the
 * input.  A record is three big-endian lengths (two bytes each) and the frames.
 * The peer has said HELLO with epoch 1, one call to it is in flight.
 */
#include "common/base/check.h"
#include "common/bus/bus.h"
#include "common/rpc/rpc.h"
#include "gen/rpc.pb-c.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* ---- the bus --------------------------------------------------------------- */

struct bus_link {
	void *data;
	bool dropped;
};

struct bus {
	struct bus_hooks hooks;
	struct bus_link link;
};

static struct bus *the_bus;

enum err bus_open(const struct bus_conf *conf, struct bus **out, struct errbuf *eb)
{
	(void)eb;
	*out = the_bus = xcalloc(1, sizeof(**out));
	the_bus->hooks = conf->hooks;
	return ERR_OK;
}

void bus_close(struct bus **b)
{
	free(*b);
	*b = NULL;
}

enum err bus_listen(struct bus *b, const char *endpoint, unsigned tag, uint32_t uid,
		    struct errbuf *eb)
{
	(void)b;
	(void)endpoint;
	(void)tag;
	(void)uid;
	(void)eb;
	return ERR_OK;
}

struct bus_link *bus_dial(struct bus *b, const char *endpoint, const uint8_t *key, void *data)
{
	(void)b;
	(void)endpoint;
	(void)key;
	(void)data;
	abort();
}

void bus_undial(struct bus_link **l)
{
	*l = NULL;
}

void bus_drop(struct bus_link *l, bool refused)
{
	(void)refused;
	l->dropped = true;
}

/* Whatever is sent must be a message that the other end can read. */
enum err bus_send(struct bus_link *l, const struct span *parts, unsigned n)
{
	Rpc__Envelope *env = rpc__envelope__unpack(NULL, parts[0].n,
						   (const uint8_t *)parts[0].p);

	CHECK(env != NULL && n <= BUS_PARTS && (!l->dropped || env->kind == RPC__KIND__BYE));
	rpc__envelope__free_unpacked(env, NULL);
	return ERR_OK;
}

size_t bus_link_queued(const struct bus_link *l)
{
	(void)l;
	return 0;
}

bool bus_link_dialled(const struct bus_link *l)
{
	(void)l;
	return false;
}

const uint8_t *bus_link_key(const struct bus_link *l)
{
	static const uint8_t key[BUS_KEY] = { 1 };

	(void)l;
	return key;
}

unsigned bus_link_tag(const struct bus_link *l)
{
	(void)l;
	return 0;
}

const char *bus_link_address(const struct bus_link *l)
{
	(void)l;
	return "fuzz";
}

void *bus_link_data(const struct bus_link *l)
{
	return l->data;
}

void bus_link_set_data(struct bus_link *l, void *data)
{
	l->data = data;
}

void bus_keypair(uint8_t *public_key, uint8_t *secret_key)
{
	memset(public_key, 1, BUS_KEY);
	memset(secret_key, 2, BUS_KEY);
}

struct held_msg {
	struct bus_msg pub;
	char bytes[];
};

void bus_msg_free(struct bus_msg **m)
{
	if (*m)
		free(CONTAINER_OF(*m, struct held_msg, pub));
	*m = NULL;
}

/* ---- a role that does a bit of everything ---------------------------------- */

static void chunk(struct rpc_request *rq, const void *p, size_t n, bool last)
{
	volatile const char *c = p;

	if (n > 0)
		(void)(c[0] + c[n - 1]);
	if (n % 2)
		rpc_grant(rq, n);
	if (last)
		rpc_fail(rq, ERR_STALE);
}

static void credit(struct rpc_request *rq)
{
	size_t n = rpc_credit(rq);

	rpc_send_chunk(rq, "0123456789abcdef", n < 16 ? n : 16);
}

RPC_HANDLER(stream, Rpc__Hello)
static void stream(struct rpc_request *rq, const Rpc__Hello *in)
{
	rq->on_chunk = chunk;
	rq->on_credit = credit;
	if (in->version[0] == 'x')
		rpc_reply(rq, &in->base, rq->payload, rq->payload_len);
}

static const struct rpc_method methods[] = {
	{ "s", stream_thunk, &rpc__hello__descriptor, RPC_CAS, RPC_UPLOAD, 4096 },
	{ "u", stream_thunk, &rpc__hello__descriptor, RPC_CAS, RPC_FOR_USER, 4096 },
	{ "h", stream_thunk, &rpc__hello__descriptor, RPC_HUB, 0, 4096 },
};

static bool who(void *ctx, const uint8_t key[RPC_KEY], struct rpc_ident *out)
{
	(void)ctx;
	(void)key;
	memset(out, 0, sizeof(*out));
	out->role = RPC_CAS;
	return true;
}

static void on_reply(void *ctx, enum err e, const ProtobufCMessage *rep, const void *payload,
		     size_t payload_len, const char *detail)
{
	(void)ctx;
	(void)payload;
	(void)payload_len;
	CHECK((unsigned)e < ERR_COUNT && detail != NULL && (rep == NULL || e == ERR_OK));
}

static void on_chunk(void *ctx, const void *p, size_t n)
{
	(void)ctx;
	(void)p;
	CHECK(n > 0);
}

static void on_peer(void *ctx, struct rpc_peer *p, bool up)
{
	struct rpc_args a = { .method = "x", .rep = &rpc__hello__descriptor, .upload = true,
			      .on_reply = on_reply, .on_chunk = on_chunk };

	(void)ctx;
	if (up)
		rpc_call(p, &a);
}

static void feed(const struct span part[BUS_PARTS], unsigned n)
{
	struct held_msg *m;
	size_t sum = 0, at = 0;

	for (unsigned i = 0; i < n; i++)
		sum += part[i].n;
	m = xcalloc(1, sizeof(*m) + sum);
	m->pub.n = n;
	m->pub.bytes = sum;
	for (unsigned i = 0; i < n; i++) {
		memcpy(m->bytes + at, part[i].p, part[i].n);
		m->pub.part[i] = (struct span){ m->bytes + at, part[i].n };
		at += part[i].n;
	}
	if (the_bus->link.dropped)
		the_bus->link = (struct bus_link){ NULL, false };	/* it came back */
	the_bus->hooks.on_message(the_bus->hooks.ctx, &the_bus->link, &m->pub);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span hello = SPAN("\x08\x00\x50\x01");
	struct rpc_conf conf = { .methods = methods, .n_methods = N_ELEMS(methods), .who = who,
				 .on_peer = on_peer, .max_inflight = 16 };
	uv_loop_t loop;
	struct rpc *r;

	log_set_level(LOG_ERROR);
	CHECK(uv_loop_init(&loop) == 0);
	conf.loop = &loop;
	if (rpc_open(&conf, &r, NULL) != ERR_OK ||
	    rpc_listen(r, "ipc://x", RPC_LISTEN_SERVERS, 0, NULL) != ERR_OK)
		abort();
	feed(&hello, 1);
	while (n >= 6) {
		struct span part[BUS_PARTS];
		unsigned parts = 0;
		const uint8_t *len = p;

		p += 6;
		n -= 6;
		for (unsigned i = 0; i < BUS_PARTS; i++) {
			size_t want = (size_t)len[2 * i] << 8 | len[2 * i + 1];

			want = want < n ? want : n;
			part[i] = (struct span){ (const char *)p, want };
			p += want;
			n -= want;
			if (want > 0)
				parts = i + 1;
		}
		feed(part, parts);
		uv_run(&loop, UV_RUN_NOWAIT);
	}
	rpc_close(&r);
	uv_run(&loop, UV_RUN_DEFAULT);
	CHECK(uv_loop_close(&loop) == 0);
	return 0;
}
