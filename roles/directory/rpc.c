#include "common/api/manage.h"
#include "common/api/object_pb.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/replica/feed.h"
#include "common/replica/objects.h"
#include "gen/directory.pb-c.h"
#include "gen/manage.pb-c.h"
#include "roles/directory/addresses.h"
#include "roles/directory/apply.h"
#include "roles/directory/audit.h"
#include "roles/directory/join.h"
#include "roles/directory/um/um.h"
#include <fnmatch.h>
#include <sodium.h>
#include <stdlib.h>

#define SERVERS (RPC_MAILBOX | RPC_HUB | RPC_CAS | RPC_UM)

enum {
	LIST_MAX = 1000,
	LIST_BYTES = 192 * 1024,	/* a bus message may have 320 KiB */
	LIST_PAGE = 64,
	SEEN_RECENT_MS = 75000,		/* an edge is up if a hub has reported it lately */
};

static struct directory *directory_of(const struct rpc_request *rq)
{
	return rq->role;
}

static char *text_of(const char *s)
{
	return (char *)(uintptr_t)(s ? s : "");
}

static ProtobufCBinaryData bytes_of(const void *p, size_t n)
{
	return (ProtobufCBinaryData){ n, (uint8_t *)(uintptr_t)p };
}

/* ---- replication ------------------------------------------------------------------------ */

RPC_HANDLER(changes, Directory__ChangesReq)
static void changes(struct rpc_request *rq, const Directory__ChangesReq *in)
{
	struct directory *d = directory_of(rq);
	struct feed_to to = { .role = rq->caller->role, .server = rq->caller->guid };
	struct directory_ask ask;
	struct directory_page page;
	enum err e = directory_ask_from(in, &ask);

	/* It has seen changes of ours that we do not know: we come from a backup. */
	if (!e && ask.usn > d->usn && guid_eq(&ask.incarnation, &d->incarnation))
		e = directory_renew(d, "a replica is ahead of us: restored from a backup", &rq->eb);
	if (!e)
		e = feed_page(d->db, &to, &ask, &rq->arena, &page, &rq->eb);
	if (e) {
		rpc_fail(rq, e);
		return;
	}
	metric_add(d->m, M_PAGES, 1);
	if (page.need_snapshot)
		metric_add(d->m, M_SNAPSHOTS, 1);
	directory_page_reply(rq, &page);
}

/* An edge cannot report itself; the hub that has dialled it does. */
static enum err reported(struct rpc_request *rq, const Directory__SeenReq *in,
			 struct guid *server)
{
	struct directory *d = directory_of(rq);
	struct object *o;
	enum err e;

	*server = rq->caller->guid;
	if (in->server.len == 0)
		return ERR_OK;
	e = guid_from(in->server.data, in->server.len, server);
	if (!e)
		e = objects_by_guid(d->db, server, &rq->arena, &o, &rq->eb);
	if (!e && (rq->caller->role != RPC_HUB || object_number(o, OBJ_ROLE, 0) != RPC_EDGE))
		e = err_set(&rq->eb, ERR_DENIED, "only a hub reports for another, and for edges");
	return e;
}

RPC_HANDLER(seen, Directory__SeenReq)
static void seen(struct rpc_request *rq, const Directory__SeenReq *in)
{
	struct directory *d = directory_of(rq);
	Directory__SeenRep rep = DIRECTORY__SEEN_REP__INIT;
	int64_t now_ms = clock_wall_ms();
	const struct join_report report = {
		.key = in->server.len == 0 ? rpc_peer_key(rq->peer) :
		       in->key.len == RPC_KEY ? in->key.data : NULL,
		.endpoint = in->endpoint, .version = in->version,
		.tls_pin = { (const char *)in->tls_pin.data, in->tls_pin.len },
	};
	struct guid server;
	enum err e = reported(rq, in, &server);

	if (!e) {
		seen_note(d, &server, in->usn, in->version, in->started_ms, now_ms);
		e = join_seen(d, &server, &report, now_ms, &rq->eb);
	}
	rep.usn = d->usn;
	rpc_finish(rq, e, &rep.base);
}

RPC_HANDLER(rotate, Directory__RotateReq)
static void rotate(struct rpc_request *rq, const Directory__RotateReq *in)
{
	Directory__RotateRep rep = DIRECTORY__ROTATE_REP__INIT;
	enum err e = in->new_key.len == RPC_KEY ? ERR_OK : ERR_INVALID;

	if (!e)
		e = join_rotate(directory_of(rq), &rq->caller->guid, in->new_key.data,
				clock_wall_ms(), &rq->eb);
	rpc_finish(rq, e, &rep.base);
}

/* ---- joining ---------------------------------------------------------------------------- */

RPC_HANDLER(enrol, Directory__EnrolReq)
static void enrol(struct rpc_request *rq, const Directory__EnrolReq *in)
{
	struct directory *d = directory_of(rq);
	Directory__EnrolRep rep = DIRECTORY__ENROL_REP__INIT;
	struct join j = {
		.secret = in->secret.data, .secret_len = in->secret.len, .name = in->name,
		.endpoint = in->endpoint, .role = in->role, .key = in->key.data,
		.databases = in->databases, .n_databases = in->n_databases,
	};
	struct guid server;
	enum err e = ERR_OK;

	if (!gate_pass(&d->enrol_gate, clock_mono_ms()))
		e = err_set(&rq->eb, ERR_AGAIN, "too many servers at once: wait a minute");
	else if (in->key.len != RPC_KEY || memcmp(in->key.data, rpc_peer_key(rq->peer), RPC_KEY))
		e = err_set(&rq->eb, ERR_DENIED, "not the key of this connection");
	if (!e)
		e = join_enrol(d, &j, clock_wall_ms(), &server, &rq->eb);
	log_info(&rq->log, "enrol role=%s result=%s detail=\"%s\"", rpc_role_name(in->role),
		 err_text(e), rq->eb.text);
	if (e) {
		rpc_fail(rq, e);
		return;
	}
	rep.server = bytes_of(server.b, sizeof(server.b));
	rep.organisation = bytes_of(d->organisation.b, sizeof(d->organisation.b));
	rep.org_name = d->org_name;
	rep.directory = d->conf->endpoint;
	/* Who verifies passwords opens their seals. */
	if (in->role & (RPC_HUB | RPC_CAS | RPC_UM))
		rep.pepper = bytes_of(d->pepper.key, sizeof(d->pepper.key));
	rpc_reply(rq, &rep.base, NULL, 0);
}

RPC_HANDLER(token, Directory__TokenReq)
static void token(struct rpc_request *rq, const Directory__TokenReq *in)
{
	Directory__TokenRep rep = DIRECTORY__TOKEN_REP__INIT;
	const char *text = "";
	enum err e = join_token(directory_of(rq), in->role, in->name, rq->caller->name,
				clock_wall_ms(), &rq->arena, &text, &rep.expires_ms, &rq->eb);

	rep.token = text_of(text);
	rpc_finish(rq, e, &rep.base);
}

RPC_HANDLER(subscribe, Directory__SubscribeReq)
static void subscribe(struct rpc_request *rq, const Directory__SubscribeReq *in)
{
	Directory__SubscribeRep rep = DIRECTORY__SUBSCRIBE_REP__INIT;
	struct guid server = { { 0 } };
	enum err e = join_subscribe(directory_of(rq), in->subscription, rq->caller->name,
				    clock_wall_ms(), &server, &rq->eb);

	rep.server = bytes_of(server.b, sizeof(server.b));
	rpc_finish(rq, e, &rep.base);
}

/* ---- looking --------------------------------------------------------------------------------- */

/* That there is a secret may be seen, the secret not. */
static struct object *shown(struct object *o)
{
	for (const struct attr_info *i = attr_after(NULL); i; i = attr_after(i))
		if ((i->flags & ATTR_SECRET) && object_has(o, i->id))
			object_set_bytes(o, i->id, "", 0);
	return o;
}

RPC_HANDLER(get, Directory__GetReq)
static void get(struct rpc_request *rq, const Directory__GetReq *in)
{
	struct directory *d = directory_of(rq);
	Directory__GetRep rep = DIRECTORY__GET_REP__INIT;
	struct guid g = { { 0 } };
	struct object *o;
	enum err e = in->guid.len ? guid_from(in->guid.data, in->guid.len, &g) : ERR_OK;

	if (!e && in->guid.len && in->klass == 0)
		e = objects_by_guid(d->db, &g, &rq->arena, &o, &rq->eb);
	else if (!e)
		e = apply_find(d, in->klass, in->guid.len ? NULL : in->name, &g, &rq->arena, &o,
			       &rq->eb);
	if (!e)
		rep.object = object_to_pb(&rq->arena, shown(o));
	rpc_finish(rq, e, &rep.base);
}

struct lister {
	const Directory__ListReq *in;
	struct guid server;
	Directory__ListRep rep;
	Directory__Object *found[LIST_MAX];
	size_t limit, bytes;
};

static bool matches_text(const char *pattern, const char *text)
{
	return text && fnmatch(pattern, text, FNM_CASEFOLD) == 0;
}

static bool matches(const struct lister *l, const struct object *o)
{
	const char *pattern = l->in->match;

	if (l->in->server.len && !object_has_guid(o, OBJ_SERVER, &l->server))
		return false;
	if (pattern[0] == '\0' || matches_text(pattern, object_text(o, OBJ_NAME)) ||
	    matches_text(pattern, object_text(o, OBJ_DISPLAY)))
		return true;
	for (const struct object_value *v = object_values(o, OBJ_EMAIL); v; v = v->next)
		if (matches_text(pattern, v->bytes.p))
			return true;
	return false;
}

/* False: the answer is full. */
static bool list_add(struct lister *l, struct arena *a, struct object *o)
{
	Directory__Object *m = object_to_pb(a, shown(o));
	size_t n = directory__object__get_packed_size(m) + 8;

	if (l->rep.n_objects == l->limit || (l->rep.n_objects && l->bytes + n > LIST_BYTES)) {
		l->rep.more = true;
		return false;
	}
	l->found[l->rep.n_objects++] = m;
	l->bytes += n;
	return true;
}

static void list_all(struct lister *l, struct directory *d, struct arena *a)
{
	struct object *page[LIST_PAGE];
	const char *after = l->in->after[0] ? object_name_key(a, l->in->after) : "";
	bool room = true;
	size_t n = LIST_PAGE;

	while (room && after && n == LIST_PAGE) {
		n = objects_list(d->db, l->in->klass, after, page, LIST_PAGE, a);
		for (size_t i = 0; i < n && room; i++)
			if (matches(l, page[i]))
				room = list_add(l, a, page[i]);
		if (n)
			after = object_name_key(a, object_text(page[n - 1], OBJ_NAME));
	}
}

RPC_HANDLER(list, Directory__ListReq)
static void list(struct rpc_request *rq, const Directory__ListReq *in)
{
	struct lister *l = arena_alloc(&rq->arena, sizeof(*l));
	enum err e = in->server.len ?
		guid_from(in->server.data, in->server.len, &l->server) : ERR_OK;

	if (e) {
		rpc_fail(rq, e);
		return;
	}
	l->in = in;
	l->limit = in->limit && in->limit < LIST_MAX ? in->limit : LIST_MAX;
	directory__list_rep__init(&l->rep);
	l->rep.objects = l->found;
	list_all(l, directory_of(rq), &rq->arena);
	rpc_reply(rq, &l->rep.base, NULL, 0);
}

RPC_HANDLER(audit, Directory__AuditReq)
static void audit(struct rpc_request *rq, const Directory__AuditReq *in)
{
	size_t max = in->limit && in->limit < LIST_MAX ? in->limit : LIST_MAX, bytes = 0;
	struct audit_line *l = arena_alloc(&rq->arena, max * sizeof(*l));
	size_t n = audit_list(directory_of(rq)->db, in->before, l, max, &rq->arena);
	Directory__AuditRep rep = DIRECTORY__AUDIT_REP__INIT;

	rep.lines = arena_alloc(&rq->arena, max * sizeof(*rep.lines));
	for (size_t i = 0; i < n && bytes < LIST_BYTES; i++) {
		Directory__AuditLine *m = arena_alloc(&rq->arena, sizeof(*m));

		directory__audit_line__init(m);
		m->seq = l[i].seq;
		m->at_ms = l[i].at_ms;
		m->who = text_of(l[i].who);
		m->what = text_of(l[i].what);
		m->object = text_of(l[i].object);
		m->detail = text_of(l[i].detail);
		m->result = text_of(l[i].result);
		bytes += directory__audit_line__get_packed_size(m) + 8;
		rep.lines[rep.n_lines++] = m;
	}
	rpc_reply(rq, &rep.base, NULL, 0);
}

static Directory__MemberLine *member_line(struct directory *d, struct arena *a,
					  const struct object *o)
{
	const struct seen *s = seen_find(d, &o->guid);
	Directory__MemberLine *m = arena_alloc(a, sizeof(*m));

	directory__member_line__init(m);
	m->guid = bytes_of(o->guid.b, sizeof(o->guid.b));
	m->name = text_of(object_text(o, OBJ_NAME));
	m->role = (uint32_t)object_number(o, OBJ_ROLE, 0);
	m->endpoint = text_of(object_text(o, OBJ_ENDPOINT));
	m->version = text_of(object_text(o, OBJ_VERSION_SEEN));
	m->up = rpc_find(d->rpc, &o->guid) != NULL;
	if (s) {
		m->usn = s->usn;
		m->seen_ms = s->at_ms;
		m->started_ms = s->started_ms;
		if (m->role == RPC_EDGE)
			m->up = clock_wall_ms() - s->at_ms < SEEN_RECENT_MS;
	}
	if (guid_eq(&o->guid, &d->self)) {
		m->up = true;
		m->usn = d->usn;
		m->seen_ms = clock_wall_ms();
		m->started_ms = d->started_ms;
	}
	return m;
}

RPC_HANDLER(members, Directory__MembersReq)
static void members(struct rpc_request *rq, const Directory__MembersReq *in)
{
	struct directory *d = directory_of(rq);
	struct object **o = arena_alloc(&rq->arena, LIST_MAX * sizeof(*o));
	size_t n = objects_list(d->db, CLASS_SERVER, "", o, LIST_MAX, &rq->arena);
	Directory__MembersRep rep = DIRECTORY__MEMBERS_REP__INIT;

	(void)in;
	rep.members = arena_alloc(&rq->arena, n * sizeof(*rep.members) + 1);
	for (; rep.n_members < n; rep.n_members++)
		rep.members[rep.n_members] = member_line(d, &rq->arena, o[rep.n_members]);
	rep.usn = d->usn;
	rep.organisation = d->org_name;
	rep.incarnation = bytes_of(d->incarnation.b, sizeof(d->incarnation.b));
	rpc_reply(rq, &rep.base, NULL, 0);
}

/* ---- changing ------------------------------------------------------------------------------------ */

static const struct object_value *values_from(struct arena *a, Directory__Value **m, size_t n)
{
	struct object_value *first = NULL, **at = &first;

	for (size_t i = 0; i < n; i++) {
		struct object_value *v = *at = arena_alloc(a, sizeof(*v));

		v->number = m[i]->number;
		v->bytes.n = m[i]->bytes.len;
		v->bytes.p = arena_dup(a, m[i]->bytes.len ? m[i]->bytes.data : (void *)"",
				       m[i]->bytes.len);
		at = &v->next;
	}
	return first;
}

/* Everything copied: it may wait for a worker. */
static enum err apply_from(struct rpc_request *rq, const Directory__ApplyReq *in,
			   struct apply *ap)
{
	struct arena *a = &rq->arena;
	struct change *c = arena_alloc(a, in->n_changes * sizeof(*c) + 1);

	if (in->what > DIRECTORY__APPLY_REQ__WHAT__RECONNECT)
		return err_set(&rq->eb, ERR_INVALID, "nothing this version can do");
	*ap = (struct apply){
		.what = (enum apply_what)in->what, .klass = in->klass,
		.name = in->name[0] ? arena_str(a, in->name) : NULL,
		.changes = c, .n_changes = in->n_changes, .who = rq->caller->name,
		.check_only = in->check_only,
	};
	if (in->guid.len && guid_from(in->guid.data, in->guid.len, &ap->guid) != ERR_OK)
		return err_set(&rq->eb, ERR_INVALID, "not a GUID");
	for (size_t i = 0; i < in->n_changes; i++) {
		const Directory__Change *m = in->changes[i];

		if (m->op > DIRECTORY__CHANGE__OP__UNSET)
			return err_set(&rq->eb, ERR_INVALID, "no such kind of change");
		c[i] = (struct change){ (enum change_op)m->op, m->attr,
					values_from(a, m->values, m->n_values) };
	}
	return ERR_OK;
}

void directory_apply_now(struct rpc_request *rq, struct apply *ap)
{
	Directory__ApplyRep rep = DIRECTORY__APPLY_REP__INIT;
	struct directory *d = directory_of(rq);
	struct notes notes = { .n = 0 };
	struct object *o;
	enum err e;

	ap->now_ms = clock_wall_ms();
	e = apply_run(d, ap, &rq->arena, &o, &notes, &rq->eb);
	if (e) {
		rpc_fail(rq, e);
		return;
	}
	if (o->klass == CLASS_SERVER && o->deleted)
		seen_forget(d, &o->guid);
	rep.object = object_to_pb(&rq->arena, shown(o));
	rep.notes = (char **)(uintptr_t)notes.text;
	rep.n_notes = notes.n;
	rpc_reply(rq, &rep.base, NULL, 0);
}

/* A new password: its verifiers are made on a worker. */
struct hashing {
	struct rpc_request *rq;		/* NULL: the caller has gone */
	struct apply *ap;		/* in rq's arena */
	char *password, *imported;	/* one of them */
	struct password_params params;
	struct pepper pepper;
	struct sealed argon, scram, scram_sha1;
	bool with_sha1;
	enum err result;
	struct errbuf eb;
};

static void wipe(char **s)
{
	if (*s)
		sodium_memzero(*s, strlen(*s));
	free(*s);
	*s = NULL;
}

static void hashing_free(struct hashing *h)
{
	wipe(&h->password);
	wipe(&h->imported);
	sodium_memzero(h, sizeof(*h));
	free(h);
}

/* The organisation's object; defaults if there is none, which cannot be. */
static bool allows_sha1(struct directory *d)
{
	struct arena a = { 0 };
	struct object *o;
	bool on = objects_list(d->db, CLASS_ORGANISATION, "", &o, 1, &a) == 1 &&
		  object_bool(o, OBJ_ALLOW_SHA1, false);

	arena_fini(&a);
	return on;
}

static void hashing_run(void *ctx)
{
	struct hashing *h = ctx;

	h->result = h->password ?
		password_make(h->password, &h->params, &h->pepper, &h->argon, &h->scram, &h->eb) :
		password_import(h->imported, &h->params, &h->pepper, &h->argon, &h->scram, &h->eb);
	if (!h->result && h->password && h->with_sha1)
		h->result = password_make_scram(SCRAM_SHA_1, h->password, &h->params, &h->pepper,
						&h->scram_sha1, &h->eb);
}

static void hashing_done(void *ctx)
{
	struct hashing *h = ctx;
	struct rpc_request *rq = h->rq;

	if (rq)
		rq->data = NULL;
	if (rq && h->result) {
		rq->eb = h->eb;
		rpc_fail(rq, h->result);
	} else if (rq) {
		h->ap->argon = &h->argon;
		h->ap->scram = &h->scram;
		h->ap->scram_sha1 = &h->scram_sha1;
		directory_apply_now(rq, h->ap);
	}
	hashing_free(h);
}

static void hashing_gone(struct rpc_request *rq)
{
	struct hashing *h = rq->data;

	if (h)
		h->rq = NULL;
}

/* in lives as long as its request: wipe before the answer ends both. */
static void wipe_secrets(const Directory__ApplyReq *in)
{
	sodium_memzero(in->password, strlen(in->password));
	sodium_memzero(in->imported_hash, strlen(in->imported_hash));
	sodium_memzero(in->pin, strlen(in->pin));
}

static void hash_first(struct rpc_request *rq, struct apply *ap, const Directory__ApplyReq *in)
{
	struct directory *d = directory_of(rq);
	struct hashing *h = xcalloc(1, sizeof(*h));
	enum err e;

	h->rq = rq;
	h->ap = ap;
	h->params = (struct password_params){ d->conf->argon_bytes, d->conf->argon_passes,
					      d->conf->scram_iterations };
	h->pepper = d->pepper;
	h->with_sha1 = allows_sha1(d);
	if (in->password[0])
		h->password = xstrdup(in->password);
	else
		h->imported = xstrdup(in->imported_hash);
	wipe_secrets(in);
	e = work_submit(d->pool, hashing_run, hashing_done, h, NULL);
	if (e) {
		hashing_free(h);
		err_set(&rq->eb, e, "too many passwords at once: try again");
		rpc_fail(rq, e);
		return;
	}
	rq->data = h;
	rq->on_gone = hashing_gone;
}

/* Every recipient is looked at again; the audit log will say what came of it. */
static void policies_now(struct rpc_request *rq)
{
	char *note = (char *)(uintptr_t)"every recipient is being looked at; the audit log tells";
	Directory__ApplyRep rep = DIRECTORY__APPLY_REP__INIT;
	struct directory *d = directory_of(rq);
	enum err e = objects_set_int(d->db, META_WALK, 1, &rq->eb);

	if (!e)
		walk_begin(d);
	rep.notes = &note;
	rep.n_notes = 1;
	rpc_finish(rq, e, &rep.base);
}

RPC_HANDLER(apply, Directory__ApplyReq)
static void apply(struct rpc_request *rq, const Directory__ApplyReq *in)
{
	struct apply *ap = arena_alloc(&rq->arena, sizeof(*ap));
	bool secret = in->password[0] || in->imported_hash[0];
	enum err e;

	if (in->what == DIRECTORY__APPLY_REQ__WHAT__POLICIES) {
		policies_now(rq);
		return;
	}
	e = apply_from(rq, in, ap);

	if (!e && (secret || in->pin[0]) && in->klass != CLASS_MAILBOX)
		e = err_set(&rq->eb, ERR_INVALID, "only a mailbox has a password or a PIN");
	if (!e && secret && in->pin[0])
		e = err_set(&rq->eb, ERR_INVALID, "a password and a PIN: one after the other");
	if (in->pin_unlock)
		ap->pin_event = UM_PIN_UNLOCK;
	if (!e && in->pin[0]) {
		um_apply_pin(rq, ap, in->pin, in->pin_expired);
		wipe_secrets(in);
		return;
	}
	if (!e && secret && !ap->check_only) {
		hash_first(rq, ap, in);
		return;
	}
	wipe_secrets(in);
	if (e)
		rpc_fail(rq, e);
	else
		directory_apply_now(rq, ap);
}

/* ---- management ------------------------------------------------------------------------------------ */

RPC_HANDLER(status, Manage__StatusReq)
static void status(struct rpc_request *rq, const Manage__StatusReq *in)
{
	struct directory *d = directory_of(rq);
	const struct manage_about about = {
		.name = d->id->name, .role = "directory", .version = VERSION,
		.started_ms = d->started_ms, .usn = d->usn,
	};
	struct manage_status *s = manage_status_new(rq, &about);

	(void)in;
	for (struct rpc_peer *p = rpc_next(d->rpc, NULL); p; p = rpc_next(d->rpc, p)) {
		const struct rpc_ident *i = rpc_peer_ident(p);

		if (i->role & SERVERS)
			manage_status_link(s, i->name, rpc_role_name(i->role), true);
	}
	manage_status_disk(s, d->data_dir);
	if (!directory_has_postmaster(d))
		manage_status_note(s, "nobody gets postmaster's mail, which RFC 5321 asks for: "
				      "bourse transport set postmaster=ADDRESS");
	manage_status_fact(s, "organisation", d->org_name);
	manage_status_reply(s);
}

RPC_HANDLER(stats, Manage__StatsReq)
static void stats(struct rpc_request *rq, const Manage__StatsReq *in)
{
	(void)in;
	manage_stats_reply(rq, directory_of(rq)->metrics);
}

RPC_HANDLER(log_level, Manage__LogLevelReq)
static void log_level(struct rpc_request *rq, const Manage__LogLevelReq *in)
{
	manage_log_level_reply(rq, in->level);
}

static struct rpc_peer *any_hub(struct directory *d)
{
	for (struct rpc_peer *p = rpc_next(d->rpc, NULL); p; p = rpc_next(d->rpc, p))
		if (rpc_peer_ident(p)->role == RPC_HUB)
			return p;
	return NULL;
}

/* What administrators make servers do is theirs to answer for. */
static void audit_forward(struct rpc_request *rq, const Manage__ForwardReq *in)
{
	static const char *const reads[] = {
		"manage.status", "manage.stats", "queue.list", "queue.messages", "track.find",
		"store.database-list", "store.mailbox-stat", "store.acl-list", "um.calls",
	};
	struct directory *d = directory_of(rq);
	char what[96];
	struct audit_line l = { .at_ms = clock_wall_ms(), .who = rq->caller->name,
				.object = in->server, .detail = "", .result = "sent" };
	struct errbuf eb = { "" };

	for (size_t i = 0; i < N_ELEMS(reads); i++)
		if (strcmp(reads[i], in->method) == 0)
			return;
	l.what = log_clean(in->method, strlen(in->method), what, sizeof(what));
	if (audit_add(d->db, &l, &eb) != ERR_OK)
		log_error(NULL, "not in the audit log detail=%s", eb.text);
}

RPC_HANDLER(forward, Manage__ForwardReq)
static void forward(struct rpc_request *rq, const Manage__ForwardReq *in)
{
	struct directory *d = directory_of(rq);
	struct manage_call c = { .method = in->method, .body_len = in->body.len,
				 .body = in->body.data ? in->body.data : (void *)"" };
	struct rpc_peer *to = NULL;
	bool edge = false;
	struct object *o;
	enum err e;

	e = objects_by_name(d->db, CLASS_SERVER, in->server, &rq->arena, &o, &rq->eb);
	if (e == ERR_NOTFOUND)
		err_set(&rq->eb, e, "no server named %.80s", in->server);
	if (!e && guid_eq(&o->guid, &d->self))
		e = err_set(&rq->eb, ERR_INVALID, "that is the directory itself");
	if (!e && in->principal.len)
		e = guid_from(in->principal.data, in->principal.len, &c.principal);
	if (!e) {
		edge = object_number(o, OBJ_ROLE, 0) == RPC_EDGE;
		to = edge ? any_hub(d) : rpc_find(d->rpc, &o->guid);
		if (!to)
			e = err_set(&rq->eb, ERR_AGAIN, "%s is not connected",
				    edge ? "no hub" : object_text(o, OBJ_NAME));
	}
	if (e) {
		rpc_fail(rq, e);
		return;
	}
	audit_forward(rq, in);
	if (edge)
		manage_forward_via(rq, to, object_text(o, OBJ_NAME), &c);
	else
		manage_forward(rq, to, &c);
}

const struct rpc_method directory_methods[] = {
	{ "directory.changes", changes_thunk, &directory__changes_req__descriptor, SERVERS, 0, 512 },
	{ "directory.seen", seen_thunk, &directory__seen_req__descriptor, SERVERS, 0, 1024 },
	{ "directory.rotate", rotate_thunk, &directory__rotate_req__descriptor, SERVERS, 0, 128 },
	{ "directory.enrol", enrol_thunk, &directory__enrol_req__descriptor,
	  RPC_STRANGER, 0, 8192 },
	{ "directory.token", token_thunk, &directory__token_req__descriptor, RPC_ADMIN, 0, 512 },
	{ "directory.subscribe", subscribe_thunk, &directory__subscribe_req__descriptor,
	  RPC_ADMIN, 0, 4096 },
	{ "directory.get", get_thunk, &directory__get_req__descriptor, RPC_ADMIN, 0, 4096 },
	{ "directory.list", list_thunk, &directory__list_req__descriptor, RPC_ADMIN, 0, 4096 },
	{ "directory.audit", audit_thunk, &directory__audit_req__descriptor, RPC_ADMIN, 0, 128 },
	{ "directory.members", members_thunk, &directory__members_req__descriptor,
	  RPC_ADMIN, 0, 128 },
	{ "directory.apply", apply_thunk, &directory__apply_req__descriptor,
	  RPC_ADMIN, 0, 256 * 1024 },
	{ "directory.pin", um_serve_pin, &directory__pin_req__descriptor, RPC_UM, 0, 256 },
	{ "manage.status", status_thunk, &manage__status_req__descriptor, RPC_ADMIN, 0, 128 },
	{ "manage.stats", stats_thunk, &manage__stats_req__descriptor, RPC_ADMIN, 0, 128 },
	{ "manage.log-level", log_level_thunk, &manage__log_level_req__descriptor,
	  RPC_ADMIN, 0, 128 },
	{ "manage.forward", forward_thunk, &manage__forward_req__descriptor,
	  RPC_ADMIN, 0, 256 * 1024 },
};
const size_t directory_n_methods = N_ELEMS(directory_methods);
