#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/replica/objects.h"
#include "roles/directory/audit.h"
#include "roles/directory/directory.h"
#include "roles/directory/token.h"
#include <sodium.h>
#include <stdio.h>

enum { TOMBSTONE_DAYS = 180 };
#define DAY_MS INT64_C(86400000)

static const char own_schema[] =
	"CREATE TABLE audit ("
	" seq INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, who TEXT NOT NULL,"
	" what TEXT NOT NULL, object TEXT NOT NULL, detail TEXT NOT NULL, result TEXT NOT NULL)"
	" STRICT;"
	"CREATE INDEX audit_at ON audit (at_ms);"
	"CREATE TABLE token ("
	" hash BLOB PRIMARY KEY, role INTEGER NOT NULL, name TEXT NOT NULL,"
	" expires_ms INTEGER NOT NULL, who TEXT NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE INDEX token_expires ON token (expires_ms);";

enum err directory_open_db(struct directory *d, struct errbuf *eb)
{
	const char *const steps[] = { objects_schema, own_schema };
	const struct db_schema schema = { steps, N_ELEMS(steps), 0x42444952 };	/* "BDIR" */
	char path[1024];
	const struct db_conf conf = { .path = path, .flags = DB_CREATE | DB_CHECKPOINT,
				      .cache_bytes = 4 << 20 };
	enum err e;

	snprintf(path, sizeof(path), "%s/directory.db", d->data_dir);
	e = db_open(&conf, &schema, &d->db, eb);
	if (e)
		return e;
	d->usn = (uint64_t)objects_meta_int(d->db, META_USN);
	objects_meta_guid(d->db, META_INCARNATION, &d->incarnation);
	objects_meta_guid(d->db, META_ORGANISATION, &d->organisation);
	tables_load(&d->tables, d->db);
	return ERR_OK;
}

/* ---- the first start -------------------------------------------------------------------- */

static struct object *new_object(struct arena *a, unsigned klass, const char *name)
{
	struct object *o = object_new(a, klass);

	o->guid = guid_make();
	object_set_text(o, OBJ_NAME, name);
	return o;
}

static enum err make_organisation(struct directory *d, struct batch *b, struct errbuf *eb)
{
	struct arena a = { 0 };
	struct object *org = new_object(&a, CLASS_ORGANISATION, d->conf->organisation);
	struct object *transport = new_object(&a, CLASS_TRANSPORT, "transport");
	struct audit_line l = { .at_ms = b->now_ms, .who = "directory", .what = "organisation create",
				.object = d->conf->organisation, .detail = "first start",
				.result = err_text(ERR_OK) };
	enum err e;

	d->incarnation = guid_make();
	d->organisation = org->guid;
	object_set_guid(org, OBJ_INCARNATION, &d->incarnation);
	e = batch_put(b, org, eb);
	if (!e)
		e = batch_put(b, transport, eb);
	if (!e)
		e = objects_set_guid(d->db, META_INCARNATION, &d->incarnation, eb);
	if (!e)
		e = objects_set_guid(d->db, META_ORGANISATION, &d->organisation, eb);
	if (!e)
		e = objects_set_int(d->db, META_FILTER, 1, eb);
	if (!e)
		e = audit_add(d->db, &l, eb);
	arena_fini(&a);
	return e;
}

/* Our own server object: others know our key and endpoint by it. */
static enum err keep_own_server(struct directory *d, struct batch *b, struct errbuf *eb)
{
	struct arena a = { 0 };
	struct object *o = NULL, *was = NULL;
	enum err e = objects_by_name(d->db, CLASS_SERVER, d->id->name, &a, &o, eb);

	if (e == ERR_NOTFOUND) {
		o = new_object(&a, CLASS_SERVER, d->id->name);
		e = ERR_OK;
	} else if (!e) {
		was = object_copy(&a, o);
	}
	if (!e) {
		object_set_number(o, OBJ_ROLE, RPC_DIRECTORY);
		object_set_bytes(o, OBJ_KEY, d->id->public_key, RPC_KEY);
		if (!sodium_is_zero(d->id->old_public_key, RPC_KEY))
			object_add_bytes(o, OBJ_KEY, d->id->old_public_key, RPC_KEY);
		object_set_text(o, OBJ_ENDPOINT, d->conf->endpoint);
		object_set_text(o, OBJ_VERSION_SEEN, VERSION);
		d->self = o->guid;
	}
	if (!e && !(was && object_same_values(was, o, OBJ_KEY) &&
		    object_same_values(was, o, OBJ_ENDPOINT) &&
		    object_same_values(was, o, OBJ_VERSION_SEEN)))
		e = batch_put(b, o, eb);
	arena_fini(&a);
	return e;
}

static enum err learn_name(struct directory *d, struct errbuf *eb)
{
	struct arena a = { 0 };
	struct object *o;
	enum err e = objects_by_guid(d->db, &d->organisation, &a, &o, eb);

	if (!e)
		snprintf(d->org_name, sizeof(d->org_name), "%s", object_text(o, OBJ_NAME));
	arena_fini(&a);
	return e;
}

enum err directory_found(struct directory *d, int64_t now_ms, struct errbuf *eb)
{
	struct batch b;
	enum err e = batch_begin(&b, d, now_ms, eb);

	if (e)
		return e;
	if (guid_is_null(&d->organisation))
		e = make_organisation(d, &b, eb);
	if (!e)
		e = keep_own_server(d, &b, eb);
	if (!e)
		e = batch_commit(&b, eb);
	batch_abort(&b);
	return e ? e : learn_name(d, eb);
}

/* ---- upkeep ------------------------------------------------------------------------------- */

enum err directory_renew(struct directory *d, const char *why, struct errbuf *eb)
{
	struct arena a = { 0 };
	struct guid next = guid_make();
	struct object *org;
	struct batch b;
	enum err e = batch_begin(&b, d, clock_wall_ms(), eb);
	struct audit_line l = { .at_ms = b.now_ms, .who = "directory", .what = "incarnation renew",
				.object = d->org_name, .detail = why, .result = err_text(ERR_OK) };

	if (e)
		return e;
	e = objects_by_guid(d->db, &d->organisation, &a, &org, eb);
	if (!e) {
		object_set_guid(org, OBJ_INCARNATION, &next);
		e = batch_put(&b, org, eb);
	}
	if (!e)
		e = objects_set_guid(d->db, META_INCARNATION, &next, eb);
	if (!e)
		e = audit_add(d->db, &l, eb);
	if (!e)
		e = batch_commit(&b, eb);
	batch_abort(&b);
	if (!e) {
		d->incarnation = next;
		log_warn(NULL, "incarnation renewed why=\"%s\"", why);
	}
	arena_fini(&a);
	return e;
}

bool directory_has_postmaster(struct directory *d)
{
	struct arena a = { 0 };
	struct object *o;
	bool has = objects_list(d->db, CLASS_TRANSPORT, "", &o, 1, &a) == 1 &&
		   object_text(o, OBJ_POSTMASTER) != NULL;

	arena_fini(&a);
	return has;
}

enum err directory_tidy(struct directory *d, int64_t now_ms, struct errbuf *eb)
{
	uint64_t floor = (uint64_t)objects_meta_int(d->db, META_FLOOR), was = floor;
	enum err e = db_begin(d->db, eb);

	if (!e)
		e = objects_purge(d->db, now_ms - TOMBSTONE_DAYS * DAY_MS, &floor, eb);
	if (!e && floor != was)
		e = objects_set_int(d->db, META_FLOOR, (int64_t)floor, eb);
	if (!e)
		e = audit_purge(d->db, now_ms - (int64_t)d->conf->audit_days * DAY_MS, eb);
	if (!e)
		e = token_purge(d->db, now_ms, eb);
	if (!e)
		return db_commit(d->db, eb);
	db_rollback(d->db);
	return e;
}
