#include "common/api/manage.h"
#include "common/api/object_pb.h"
#include "common/api/note.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/replica/feed.h"
#include "common/replica/member_priv.h"
#include "gen/directory.pb-c.h"
#include "gen/manage.pb-c.h"
#include <sodium.h>
#include <stdio.h>

/* The methods that a daemon answers because it is a member of an organisation. */

#define INSIDE (RPC_DIRECTORY | RPC_ADMIN)

struct member_facts {
	struct manage_status *status;
};

/* rq->role is the role's object, whose first field is the pointer to us. */
static struct member *member_of(const struct rpc_request *rq)
{
	return *(struct member *const *)rq->role;
}

static const void *body_or_empty(ProtobufCBinaryData b)
{
	return b.data ? b.data : (const void *)"";
}

/* ---- management ------------------------------------------------------------------------ */

void member_fact(struct member_facts *f, const char *key, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	manage_status_fact(f->status, key, text);
}

void member_note(struct member_facts *f, const char *fmt, ...)
{
	char text[NOTE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	manage_status_note(f->status, text);
}

/* What every daemon may have to say. */
static void notes(struct member *m, struct manage_status *s)
{
	char text[NOTE_MAX];

	manage_status_disk(s, m->conf.data_dir);
	if (m->has_pin && note_certificate(m->cert_end, clock_wall_ms() / 1000, text))
		manage_status_note(s, text);
}

static void status_link(void *ctx, const struct guid *server, const char *name, unsigned role,
			bool up)
{
	(void)server;
	manage_status_link(ctx, name, rpc_role_name(role), up);
}

RPC_HANDLER(status, Manage__StatusReq)
static void status(struct rpc_request *rq, const Manage__StatusReq *in)
{
	struct member *m = member_of(rq);
	const struct manage_about about = {
		.name = m->id->name, .role = rpc_role_name(m->conf.role), .version = VERSION,
		.started_ms = m->started_ms, .usn = replica_usn(m->replica),
	};
	struct member_facts f = { manage_status_new(rq, &about) };

	(void)in;
	if (m->directory)
		manage_status_link(f.status, "directory", "directory",
				   rpc_peer_is_up(m->directory));
	links_each(m->links, status_link, f.status);
	notes(m, f.status);
	if (m->conf.facts)
		m->conf.facts(m->conf.ctx, &f);
	manage_status_reply(f.status);
}

RPC_HANDLER(stats, Manage__StatsReq)
static void stats(struct rpc_request *rq, const Manage__StatsReq *in)
{
	(void)in;
	manage_stats_reply(rq, member_of(rq)->conf.metrics);
}

RPC_HANDLER(log_level, Manage__LogLevelReq)
static void log_level(struct rpc_request *rq, const Manage__LogLevelReq *in)
{
	manage_log_level_reply(rq, in->level);
}

RPC_HANDLER(rotate, Manage__RotateReq)
static void rotate(struct rpc_request *rq, const Manage__RotateReq *in)
{
	Manage__RotateRep rep = MANAGE__ROTATE_REP__INIT;

	(void)in;
	rpc_finish(rq, member_rotate(member_of(rq), &rq->eb), &rep.base);
}

struct named {
	const char *name;
	struct guid guid;
	bool found;
};

static void find_named(void *ctx, const struct guid *server, const char *name, unsigned role,
		       bool up)
{
	struct named *n = ctx;

	if (role == RPC_EDGE && up && strcmp(name, n->name) == 0) {
		n->guid = *server;
		n->found = true;
	}
}

/* hub: an administrator's call to an edge, by way of the directory and us. */
RPC_HANDLER(forward, Manage__ForwardReq)
static void forward(struct rpc_request *rq, const Manage__ForwardReq *in)
{
	struct member *m = member_of(rq);
	struct named n = { .name = in->server };
	struct manage_call c = { .method = in->method, .body = body_or_empty(in->body),
				 .body_len = in->body.len };
	struct rpc_peer *to = NULL;

	if (in->principal.len &&
	    guid_from(in->principal.data, in->principal.len, &c.principal) != ERR_OK) {
		rpc_fail(rq, ERR_INVALID);
		return;
	}
	links_each(m->links, find_named, &n);
	if (n.found)
		to = links_to_server(m->links, &n.guid);
	if (!to) {
		err_set(&rq->eb, ERR_AGAIN, "no edge of that name is connected here");
		rpc_fail(rq, ERR_AGAIN);
		return;
	}
	manage_forward(rq, to, &c);
}

/* ---- the feed ------------------------------------------------------------------------------ */

RPC_HANDLER(push, Directory__PushReq)
static void push(struct rpc_request *rq, const Directory__PushReq *in)
{
	struct member *m = member_of(rq);
	Directory__PushRep rep = DIRECTORY__PUSH_REP__INIT;

	if (rq->caller->role == RPC_EDGE)
		member_edge_news(m, rq->peer);
	else if (in->usn > replica_usn(m->replica))
		replica_pull(m->replica);
	rpc_reply(rq, &rep.base, NULL, 0);
}

/* hub: an edge pulls. */
RPC_HANDLER(changes, Directory__ChangesReq)
static void changes(struct rpc_request *rq, const Directory__ChangesReq *in)
{
	struct member *m = member_of(rq);
	uint8_t key[RPC_KEY];
	struct feed_to to = { .role = RPC_EDGE, .server = rq->caller->guid, .hash_key = key };
	struct directory_ask ask;
	struct directory_page page;
	enum err e = directory_ask_from(in, &ask);

	if (!e)
		e = member_edge_key(m, &rq->caller->guid, key, &rq->eb);
	if (!e && !replica_db(m->replica))
		e = ERR_AGAIN;
	if (!e)
		e = feed_page(replica_db(m->replica), &to, &ask, &rq->arena, &page, &rq->eb);
	if (e)
		rpc_fail(rq, e);
	else
		directory_page_reply(rq, &page);
	sodium_memzero(key, sizeof(key));
}

/* edge: a hub says who it is. */
RPC_HANDLER(introduce, Directory__IntroduceReq)
static void introduce(struct rpc_request *rq, const Directory__IntroduceReq *in)
{
	struct member *m = member_of(rq);
	Directory__IntroduceRep rep = DIRECTORY__INTRODUCE_REP__INIT;
	struct directory_introduction intro = {
		.secret = in->secret.data, .secret_len = in->secret.len, .name = in->name,
	};
	enum err e = guid_from(in->organisation.data, in->organisation.len,
			       &intro.organisation);

	if (!e)
		e = guid_from(in->edge.data, in->edge.len, &intro.edge);
	if (!e)
		e = member_introduced(m, rq->peer, &intro, &rq->eb);
	rep.usn = replica_usn(m->replica);
	rep.version = (char *)(uintptr_t)VERSION;
	rep.started_ms = m->started_ms;
	rep.key = (ProtobufCBinaryData){ RPC_KEY, m->id->public_key };
	if (m->has_pin)
		rep.tls_pin = (ProtobufCBinaryData){ sizeof(m->pin), m->pin };
	rpc_finish(rq, e, &rep.base);
}

const struct rpc_method member_methods[] = {
	{ "manage.status", status_thunk, &manage__status_req__descriptor,
	  INSIDE | RPC_HUB, 0, 256 },
	{ "manage.stats", stats_thunk, &manage__stats_req__descriptor,
	  INSIDE | RPC_HUB, 0, 256 },
	{ "manage.log-level", log_level_thunk, &manage__log_level_req__descriptor,
	  INSIDE | RPC_HUB, 0, 256 },
	{ "manage.rotate", rotate_thunk, &manage__rotate_req__descriptor,
	  INSIDE | RPC_HUB, 0, 256 },
	{ "manage.forward", forward_thunk, &manage__forward_req__descriptor,
	  RPC_DIRECTORY, 0, 256 * 1024 },
	{ "directory.push", push_thunk, &directory__push_req__descriptor,
	  RPC_DIRECTORY | RPC_HUB | RPC_EDGE, 0, 256 },
	{ "directory.changes", changes_thunk, &directory__changes_req__descriptor,
	  RPC_EDGE, 0, 512 },
	{ "directory.introduce", introduce_thunk, &directory__introduce_req__descriptor,
	  RPC_HUB | RPC_STRANGER, 0, 512 },
};
const size_t member_n_methods = N_ELEMS(member_methods);
