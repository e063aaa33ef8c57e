#include "roles/directory/join.h"

#include "common/api/directory.h"
#include "common/base/log.h"
#include "common/replica/objects.h"
#include "common/replica/seal.h"
#include "common/replica/ticket.h"
#include "roles/directory/audit.h"
#include "roles/directory/token.h"
#include <sodium.h>
#include <stdio.h>

enum { MAX_DATABASES = 32 };

#define JOINERS (RPC_MAILBOX | RPC_HUB | RPC_CAS | RPC_UM)

static enum err note(struct directory *d, const char *who, const char *what, const char *object,
		     const char *detail, int64_t now_ms, struct errbuf *eb)
{
	struct audit_line l = { .at_ms = now_ms, .who = who, .what = what, .object = object,
				.detail = detail, .result = err_text(ERR_OK) };

	return audit_add(d->db, &l, eb);
}

/* The server of that name, if it may be replaced by one of this role. */
static enum err named(struct directory *d, unsigned role, const char *name, struct arena *a,
		      struct object **out, struct errbuf *eb)
{
	enum err e = objects_by_name(d->db, CLASS_SERVER, name, a, out, eb);

	if (!e && object_number(*out, OBJ_ROLE, 0) != role)
		return err_set(eb, ERR_EXISTS, "%s is a %s server", name,
			       rpc_role_name((unsigned)object_number(*out, OBJ_ROLE, 0)));
	return e;
}

/* ---- tokens --------------------------------------------------------------------------- */

enum err join_token(struct directory *d, unsigned role, const char *name, const char *who,
		    int64_t now_ms, struct arena *a, const char **text, int64_t *expires_ms,
		    struct errbuf *eb)
{
	struct ticket t = { .kind = TICKET_TOKEN, .role = role,
			    .expires_ms = now_ms + TOKEN_MS };
	struct token tok = { .role = role, .expires_ms = t.expires_ms };
	struct object *o;
	struct buf b;
	enum err e;

	if (role == RPC_EDGE)
		return err_set(eb, ERR_INVALID, "an edge joins by `bourse edge subscribe`");
	if (!(role & JOINERS) || (role & (role - 1)))
		return err_set(eb, ERR_INVALID, "a role is mailbox, hub, cas or um");
	if (!ticket_name_ok(name))
		return err_set(eb, ERR_INVALID, "a server's name is letters, digits, - _ and .");
	e = named(d, role, name, a, &o, eb);
	if (e && e != ERR_NOTFOUND)
		return e;
	snprintf(t.name, sizeof(t.name), "%s", name);
	snprintf(tok.name, sizeof(tok.name), "%s", name);
	snprintf(t.endpoint, sizeof(t.endpoint), "%s", d->conf->enrol_endpoint);
	memcpy(t.key, d->id->public_key, RPC_KEY);
	randombytes_buf(t.secret, sizeof(t.secret));
	buf_init(&b, TICKET_TEXT_MAX);
	e = db_begin(d->db, eb);
	if (!e)
		e = token_purge(d->db, now_ms, eb);
	if (!e)
		e = token_add(d->db, t.secret, sizeof(t.secret), &tok, who, eb);
	if (!e)
		e = note(d, who, "server add", name, rpc_role_name(role), now_ms, eb);
	if (!e)
		e = ticket_write(&t, &b);
	if (!e)
		e = db_commit(d->db, eb);
	if (e)
		db_rollback(d->db);
	*text = arena_str(a, b.data);
	*expires_ms = t.expires_ms;
	sodium_memzero(&t, sizeof(t));
	buf_fini(&b);
	return e;
}

/* ---- enrolment ---------------------------------------------------------------------------- */

static struct object *server_object(struct arena *a, struct object *was, const char *name,
				    unsigned role)
{
	struct object *o = was ? was : object_new(a, CLASS_SERVER);

	if (!was)
		o->guid = guid_make();
	object_set_text(o, OBJ_NAME, name);
	object_set_number(o, OBJ_ROLE, role);
	return o;
}

static enum err add_database(struct batch *b, const struct object *server, const char *name,
			     struct errbuf *eb)
{
	struct arena a = { 0 };
	struct object *o;
	enum err e = objects_by_name(b->d->db, CLASS_DATABASE, name, &a, &o, eb);

	if (!ticket_name_ok(name)) {
		e = err_set(eb, ERR_INVALID, "a database's name is letters, digits, - _ and .");
	} else if (e == ERR_NOTFOUND) {
		o = object_new(&a, CLASS_DATABASE);
		o->guid = guid_make();
		object_set_text(o, OBJ_NAME, name);
		object_set_guid(o, OBJ_SERVER, &server->guid);
		e = batch_put(b, o, eb);
	} else if (!e && !object_has_guid(o, OBJ_SERVER, &server->guid)) {
		e = err_set(eb, ERR_EXISTS, "database %s lives on another server", name);
	}
	arena_fini(&a);
	return e;
}

static enum err add_databases(struct batch *b, const struct join *in, const struct object *server,
			      struct errbuf *eb)
{
	char name[80];
	enum err e = ERR_OK;

	if (in->role != RPC_MAILBOX)
		return ERR_OK;
	if (in->n_databases > MAX_DATABASES)
		return err_set(eb, ERR_LIMIT, "more than %d databases at once", MAX_DATABASES);
	for (size_t i = 0; i < in->n_databases && !e; i++)
		e = add_database(b, server, in->databases[i], eb);
	/* A mailbox server without one is of no use to anybody. */
	if (in->n_databases || objects_count_linked(b->d->db, &server->guid, OBJ_SERVER) > 0)
		return e;
	snprintf(name, sizeof(name), "%.60s-1", in->name);
	return add_database(b, server, name, eb);
}

static enum err enrol(struct batch *b, const struct join *in, struct guid *server,
		      struct errbuf *eb)
{
	struct directory *d = b->d;
	struct arena a = { 0 };
	struct object *o = NULL;
	enum err e = token_use(d->db, in->secret, in->secret_len, in->role, in->name, b->now_ms, eb);

	if (!e)
		e = named(d, in->role, in->name, &a, &o, eb);
	if (e == ERR_NOTFOUND)
		e = ERR_OK;
	if (!e) {
		o = server_object(&a, o, in->name, in->role);
		object_set_bytes(o, OBJ_KEY, in->key, RPC_KEY);
		if (in->endpoint && in->endpoint[0])
			object_set_text(o, OBJ_ENDPOINT, in->endpoint);
		*server = o->guid;
		e = batch_put(b, o, eb);
	}
	if (!e)
		e = add_databases(b, in, o, eb);
	if (!e)
		e = note(d, in->name, "server enrol", in->name, rpc_role_name(in->role),
			 b->now_ms, eb);
	arena_fini(&a);
	return e;
}

enum err join_enrol(struct directory *d, const struct join *in, int64_t now_ms,
		    struct guid *server, struct errbuf *eb)
{
	struct rpc_ident who;
	struct batch b;
	enum err e;

	if (!ticket_name_ok(in->name) ||
	    (in->endpoint && in->endpoint[0] && !ticket_endpoint_ok(in->endpoint)))
		return err_set(eb, ERR_INVALID, "not a name, or not an endpoint");
	if (tables_who(&d->tables, in->key, &who))
		return err_set(eb, ERR_DENIED, "the key is in use by %s", who.name);
	e = batch_begin(&b, d, now_ms, eb);
	if (e)
		return e;
	e = enrol(&b, in, server, eb);
	if (!e)
		e = batch_commit(&b, eb);
	batch_abort(&b);
	metric_add(d->m, e ? M_ENROL_REFUSED : M_ENROLLED, 1);
	return e;
}

/* ---- edges ----------------------------------------------------------------------------------- */

static void set_sealed(struct directory *d, struct object *o, unsigned attr, const char *label,
		       const uint8_t secret[RPC_KEY])
{
	uint8_t sealed[RPC_KEY + SEAL_MORE];

	seal(&d->pepper, label, secret, RPC_KEY, sealed);
	object_set_bytes(o, attr, sealed, sizeof(sealed));
}

static enum err subscribe(struct batch *b, const struct ticket *t, const char *who,
			  struct guid *server, struct errbuf *eb)
{
	struct directory *d = b->d;
	struct arena a = { 0 };
	struct object *o = NULL;
	enum err e = named(d, RPC_EDGE, t->name, &a, &o, eb);

	if (e == ERR_NOTFOUND)
		e = ERR_OK;
	if (!e) {
		o = server_object(&a, o, t->name, RPC_EDGE);
		object_set_bytes(o, OBJ_KEY, t->key, RPC_KEY);
		object_set_text(o, OBJ_ENDPOINT, t->endpoint);
		set_sealed(d, o, OBJ_FEED_KEY, "feed key", t->feed_key);
		set_sealed(d, o, OBJ_SUBSCRIPTION, "subscription", t->secret);
		*server = o->guid;
		e = batch_put(b, o, eb);
	}
	if (!e)
		e = note(d, who, "edge subscribe", t->name, t->endpoint, b->now_ms, eb);
	arena_fini(&a);
	return e;
}

enum err join_subscribe(struct directory *d, const char *text, const char *who, int64_t now_ms,
			struct guid *server, struct errbuf *eb)
{
	struct rpc_ident known;
	struct ticket t;
	struct batch b;
	enum err e = ticket_parse(text, &t, eb);

	if (e)
		return e;
	if (t.kind != TICKET_SUBSCRIPTION || t.role != RPC_EDGE)
		e = err_set(eb, ERR_INVALID, "that is a token, not an edge's subscription");
	else if (t.expires_ms < now_ms)
		e = err_set(eb, ERR_DENIED, "the subscription has expired: enrol the edge again");
	else if (tables_who(&d->tables, t.key, &known) && strcmp(known.name, t.name) != 0)
		e = err_set(eb, ERR_EXISTS, "the key is in use by %s", known.name);
	if (!e)
		e = batch_begin(&b, d, now_ms, eb);
	if (!e) {
		e = subscribe(&b, &t, who, server, eb);
		if (!e)
			e = batch_commit(&b, eb);
		batch_abort(&b);
	}
	sodium_memzero(&t, sizeof(t));
	return e;
}

/* ---- keys ---------------------------------------------------------------------------------------- */

static enum err put_alone(struct directory *d, struct object *o, const char *what,
			  const char *detail, int64_t now_ms, struct errbuf *eb)
{
	struct batch b;
	enum err e = batch_begin(&b, d, now_ms, eb);

	if (e)
		return e;
	e = batch_put(&b, o, eb);
	if (!e)
		e = note(d, object_text(o, OBJ_NAME), what, object_text(o, OBJ_NAME), detail,
			 now_ms, eb);
	if (!e)
		e = batch_commit(&b, eb);
	batch_abort(&b);
	return e;
}

enum err join_rotate(struct directory *d, const struct guid *server, const uint8_t *new_key,
		     int64_t now_ms, struct errbuf *eb)
{
	struct span next = { (const char *)new_key, RPC_KEY };
	struct rpc_ident known;
	struct arena a = { 0 };
	struct object *o;
	enum err e = objects_by_guid(d->db, server, &a, &o, eb);

	if (!e && tables_who(&d->tables, new_key, &known))
		e = guid_eq(&known.guid, server) && object_has_value(o, OBJ_KEY, next) ? ERR_OK :
			err_set(eb, ERR_EXISTS, "the key is in use by %s", known.name);
	else if (!e) {
		struct span now = object_bytes(o, OBJ_KEY);

		/* Two at most: the one in use, and the one to come. */
		object_set_bytes(o, OBJ_KEY, now.p, now.n);
		object_add_bytes(o, OBJ_KEY, new_key, RPC_KEY);
		e = put_alone(d, o, "server rotate", "a next key is known", now_ms, eb);
	}
	arena_fini(&a);
	return e;
}

/* The key the server came with goes in front: others dial it with that one.  A key that
 * is not known is news only of an edge, whose hub reached it by the one before. */
static bool use_key(const struct directory *d, struct object *o, const uint8_t *key)
{
	struct span first = object_bytes(o, OBJ_KEY);
	struct span used = { (const char *)key, RPC_KEY };
	struct rpc_ident other;

	if (span_eq(first, used))
		return false;
	if (!object_has_value(o, OBJ_KEY, used) &&
	    (object_number(o, OBJ_ROLE, 0) != RPC_EDGE || tables_who(&d->tables, key, &other)))
		return false;
	first.p = arena_dup(o->arena, first.p, first.n);
	object_set_bytes(o, OBJ_KEY, key, RPC_KEY);
	object_add_bytes(o, OBJ_KEY, first.p, first.n);
	return true;
}

static bool use_text(struct object *o, unsigned attr, const char *text)
{
	const char *was = object_text(o, attr);

	if (!text || text[0] == '\0' || strlen(text) > 255 || (was && strcmp(was, text) == 0))
		return false;
	object_set_text(o, attr, text);
	return true;
}

/* A server has one certificate: with the next one the last is worth nothing. */
static bool use_pin(struct object *o, struct span pin)
{
	if (pin.n != DIRECTORY_PIN || span_eq(object_bytes(o, OBJ_TLS_PIN), pin))
		return false;
	object_set_bytes(o, OBJ_TLS_PIN, pin.p, pin.n);
	return true;
}

/* For the audit: where it is, and a certificate that is new. */
static const char *report_detail(const struct object *o, bool new_pin)
{
	const char *endpoint = object_text(o, OBJ_ENDPOINT);
	char hex[2 * DIRECTORY_PIN + 1];

	if (!endpoint)
		endpoint = "";
	if (!new_pin)
		return endpoint;
	sodium_bin2hex(hex, sizeof(hex), (const uint8_t *)object_bytes(o, OBJ_TLS_PIN).p,
		       DIRECTORY_PIN);
	return arena_printf(o->arena, "%s%stls-pin=%s", endpoint, *endpoint ? " " : "", hex);
}

enum err join_seen(struct directory *d, const struct guid *server, const struct join_report *in,
		   int64_t now_ms, struct errbuf *eb)
{
	struct arena a = { 0 };
	struct object *o;
	bool changed = false, new_pin = false;
	enum err e = objects_by_guid(d->db, server, &a, &o, eb);

	if (!e) {
		if (in->key)
			changed |= use_key(d, o, in->key);
		/* An edge's endpoint is what its subscription said. */
		if (object_number(o, OBJ_ROLE, 0) != RPC_EDGE && in->endpoint &&
		    ticket_endpoint_ok(in->endpoint))
			changed |= use_text(o, OBJ_ENDPOINT, in->endpoint);
		changed |= use_text(o, OBJ_VERSION_SEEN, in->version);
		new_pin = use_pin(o, in->tls_pin);
	}
	if (!e && (changed || new_pin))
		e = put_alone(d, o, "server report", report_detail(o, new_pin), now_ms, eb);
	arena_fini(&a);
	return e;
}
