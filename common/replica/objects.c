#include "common/replica/objects.h"

#include "common/base/log.h"
#include "common/smtp/address.h"
#include <stdio.h>

const char objects_schema[] =
	"CREATE TABLE object ("
	" id INTEGER PRIMARY KEY, guid BLOB NOT NULL UNIQUE, class INTEGER NOT NULL,"
	" usn INTEGER NOT NULL, deleted INTEGER NOT NULL, at_ms INTEGER NOT NULL,"
	" name_key TEXT, body BLOB NOT NULL) STRICT;"
	"CREATE INDEX object_usn ON object (usn);"
	"CREATE INDEX object_name ON object (class, name_key) WHERE name_key IS NOT NULL;"
	"CREATE INDEX object_deleted ON object (at_ms) WHERE deleted = 1;"
	"CREATE TABLE address ("
	" key TEXT PRIMARY KEY, object INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE INDEX address_object ON address (object);"
	"CREATE TABLE alias ("
	" key TEXT NOT NULL, object INTEGER NOT NULL, PRIMARY KEY (key, object))"
	" STRICT, WITHOUT ROWID;"
	"CREATE INDEX alias_object ON alias (object);"
	"CREATE TABLE link ("
	" target BLOB NOT NULL, attr INTEGER NOT NULL, object INTEGER NOT NULL,"
	" PRIMARY KEY (target, attr, object)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX link_object ON link (object);"
	"CREATE TABLE hash ("
	" key BLOB NOT NULL, object INTEGER NOT NULL, PRIMARY KEY (key, object))"
	" STRICT, WITHOUT ROWID;"
	"CREATE INDEX hash_object ON hash (object);"
	"CREATE TABLE meta (key INTEGER PRIMARY KEY, value ANY NOT NULL) STRICT;";

DB_SQL(q_id, "SELECT id FROM object WHERE guid = ?1");
DB_SQL(q_insert, "INSERT INTO object (guid, class, usn, deleted, at_ms, name_key, body)"
		 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
DB_SQL(q_update, "UPDATE object SET class = ?2, usn = ?3, deleted = ?4, at_ms = ?5,"
		 " name_key = ?6, body = ?7 WHERE id = ?1");
DB_SQL(q_del_address, "DELETE FROM address WHERE object = ?1");
DB_SQL(q_del_alias, "DELETE FROM alias WHERE object = ?1");
DB_SQL(q_del_link, "DELETE FROM link WHERE object = ?1");
DB_SQL(q_del_hash, "DELETE FROM hash WHERE object = ?1");
DB_SQL(q_add_address, "INSERT OR REPLACE INTO address (key, object) VALUES (?1, ?2)");
DB_SQL(q_add_alias, "INSERT OR IGNORE INTO alias (key, object) VALUES (?1, ?2)");
DB_SQL(q_add_link, "INSERT OR IGNORE INTO link (target, attr, object) VALUES (?1, ?2, ?3)");
DB_SQL(q_add_hash, "INSERT OR IGNORE INTO hash (key, object) VALUES (?1, ?2)");
DB_SQL(q_by_guid, "SELECT body FROM object WHERE guid = ?1 AND deleted = 0");
DB_SQL(q_by_name, "SELECT body FROM object WHERE class = ?1 AND name_key = ?2"
		  " ORDER BY usn DESC LIMIT 1");
DB_SQL(q_by_address, "SELECT o.body FROM address a JOIN object o ON o.id = a.object"
		     " WHERE a.key = ?1 AND o.deleted = 0");
DB_SQL(q_by_alias, "SELECT o.body FROM alias a JOIN object o ON o.id = a.object"
		   " WHERE a.key = ?1 AND o.deleted = 0 LIMIT 1");
DB_SQL(q_by_extension, "SELECT a.object, o.guid FROM alias a JOIN object o ON o.id = a.object"
		       " WHERE a.key = ?1 AND o.deleted = 0 AND a.object > ?2"
		       " ORDER BY a.object LIMIT ?3");
DB_SQL(q_owner, "SELECT o.guid FROM address a JOIN object o ON o.id = a.object"
		" WHERE a.key = ?1 AND o.deleted = 0");
DB_SQL(q_has_hash, "SELECT 1 FROM hash WHERE key = ?1 LIMIT 1");
DB_SQL(q_list, "SELECT body FROM object WHERE class = ?1 AND name_key > ?2"
	       " ORDER BY name_key LIMIT ?3");
DB_SQL(q_linked, "SELECT l.object, o.guid FROM link l JOIN object o ON o.id = l.object"
		 " WHERE l.target = ?1 AND l.attr = ?2 AND l.object > ?3"
		 " ORDER BY l.object LIMIT ?4");
DB_SQL(q_referring, "SELECT DISTINCT o.guid FROM link l JOIN object o ON o.id = l.object"
		    " WHERE l.target = ?1 LIMIT ?2");
DB_SQL(q_count_linked, "SELECT count(*) FROM link WHERE target = ?1 AND attr = ?2");
DB_SQL(q_is_linked, "SELECT 1 FROM object o JOIN link l ON l.object = o.id"
		    " WHERE o.guid = ?3 AND l.target = ?1 AND l.attr = ?2");
DB_SQL(q_since, "SELECT body FROM object WHERE usn > ?1 ORDER BY usn, guid");
DB_SQL(q_snapshot, "SELECT body FROM object WHERE guid > ?1 AND deleted = 0 ORDER BY guid");
DB_SQL(q_purge_max, "SELECT max(usn) FROM object WHERE deleted = 1 AND at_ms < ?1");
DB_SQL(q_purge, "DELETE FROM object WHERE deleted = 1 AND at_ms < ?1");
DB_SQL(q_max_usn, "SELECT max(usn) FROM object");
DB_SQL(q_meta, "SELECT value FROM meta WHERE key = ?1");
DB_SQL(q_set_int, "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)");
DB_SQL(q_set_guid, "INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)");

/* Extensions stand among the aliases, behind what no alias begins with. */
#define EXTENSION_MARK "\001"

/* ---- writing ----------------------------------------------------------------- */

static enum err index_value(struct db *db, const struct attr_info *i, int64_t id,
			    const struct object_value *v, struct errbuf *eb)
{
	char key[SMTP_KEY_MAX];

	if (i->flags & ATTR_ADDRESS) {
		/* What is no address is in no index; the directory lets none in. */
		if (smtp_address_key_of(v->bytes.p, key) != ERR_OK)
			return ERR_OK;
		return db_run(db, &q_add_address, eb, "ti", key, id);
	}
	if (i->flags & ATTR_REF)
		return db_run(db, &q_add_link, eb, "bii", v->bytes.p, v->bytes.n,
			      (int64_t)i->id, id);
	if (i->id == OBJ_EXTENSION && v->bytes.n < sizeof(key) - 1) {
		snprintf(key, sizeof(key), EXTENSION_MARK "%s", v->bytes.p);
		return db_run(db, &q_add_alias, eb, "ti", key, id);
	}
	if (i->id == OBJ_RECIPIENT_HASH)
		return db_run(db, &q_add_hash, eb, "bi", v->bytes.p, v->bytes.n, id);
	return ERR_OK;
}

static enum err index_object(struct db *db, const struct object *o, int64_t id,
			     struct errbuf *eb)
{
	struct arena a = { 0 };
	const char *alias = object_text(o, OBJ_ALIAS);
	enum err e = ERR_OK;

	for (const struct object_attr *t = o->attrs; t && !e; t = t->next) {
		const struct attr_info *i = attr_by_id(t->attr);

		for (const struct object_value *v = t->values; i && v && !e; v = v->next)
			e = index_value(db, i, id, v, eb);
	}
	alias = alias ? object_name_key(&a, alias) : NULL;
	if (!e && alias && o->klass == CLASS_MAILBOX)
		e = db_run(db, &q_add_alias, eb, "ti", alias, id);
	arena_fini(&a);
	return e;
}

static enum err unindex(struct db *db, int64_t id, struct errbuf *eb)
{
	static const struct db_sql *const q[] = {
		&q_del_address, &q_del_alias, &q_del_link, &q_del_hash
	};
	enum err e = ERR_OK;

	for (size_t i = 0; i < N_ELEMS(q) && !e; i++)
		e = db_run(db, q[i], eb, "i", id);
	return e;
}

static enum err write_row(struct db *db, const struct object *o, int64_t now_ms,
			  const char *name_key, const struct buf *body, int64_t *id,
			  struct errbuf *eb)
{
	enum err e = db_get_int(db, &q_id, id, eb, "g", &o->guid);

	if (e == ERR_NOTFOUND) {
		e = db_run(db, &q_insert, eb, "giiiitb", &o->guid, (int64_t)o->klass,
			   (int64_t)o->usn, (int64_t)o->deleted, now_ms, name_key,
			   body->data, body->len);
		*id = db_last_rowid(db);
		return e;
	}
	if (!e)
		e = unindex(db, *id, eb);
	if (!e)
		e = db_run(db, &q_update, eb, "iiiiitb", *id, (int64_t)o->klass,
			   (int64_t)o->usn, (int64_t)o->deleted, now_ms, name_key,
			   body->data, body->len);
	return e;
}

enum err objects_put(struct db *db, const struct object *o, int64_t now_ms, struct errbuf *eb)
{
	struct arena a = { 0 };
	const char *name = object_text(o, OBJ_NAME);
	struct buf body;
	int64_t id;
	enum err e;

	buf_init(&body, OBJECT_MAX_BYTES);
	e = object_encode(o, &body);
	if (e)
		err_set(eb, e, "object of more than %u bytes", OBJECT_MAX_BYTES);
	else
		e = write_row(db, o, now_ms, name ? object_name_key(&a, name) : NULL, &body,
			      &id, eb);
	if (!e && !o->deleted)
		e = index_object(db, o, id, eb);
	buf_fini(&body);
	arena_fini(&a);
	return e;
}

/* ---- reading ------------------------------------------------------------------- */

static enum err row_object(struct db_row *r, struct arena *a, struct object **out,
			   struct errbuf *eb)
{
	size_t n;
	const void *p = db_blob(r, 0, &n);

	if (object_decode(a, p, n, out) == ERR_OK)
		return ERR_OK;
	return err_set(eb, ERR_CORRUPT, "an object's body does not decode");
}

/* The one row of a query. */
static enum err one(struct db_row *r, struct arena *a, struct object **out,
		    struct errbuf *eb)
{
	enum err found = db_next(r) ? row_object(r, a, out, eb) : ERR_NOTFOUND;
	enum err e = db_end(&r, eb);

	return e ? e : found;
}

enum err objects_by_guid(struct db *db, const struct guid *g, struct arena *a,
			 struct object **out, struct errbuf *eb)
{
	return one(db_query(db, &q_by_guid, "g", g), a, out, eb);
}

enum err objects_by_name(struct db *db, unsigned klass, const char *name, struct arena *a,
			 struct object **out, struct errbuf *eb)
{
	const char *key = object_name_key(a, name);

	if (!key)
		return ERR_NOTFOUND;
	return one(db_query(db, &q_by_name, "it", (int64_t)klass, key), a, out, eb);
}

enum err objects_by_address(struct db *db, const char *key, struct arena *a,
			    struct object **out, struct errbuf *eb)
{
	return one(db_query(db, &q_by_address, "t", key), a, out, eb);
}

enum err objects_by_alias(struct db *db, const char *key, struct arena *a,
			  struct object **out, struct errbuf *eb)
{
	return one(db_query(db, &q_by_alias, "t", key), a, out, eb);
}

enum err objects_has_hash(struct db *db, const uint8_t hash[16], struct errbuf *eb)
{
	int64_t v;

	return db_get_int(db, &q_has_hash, &v, eb, "b", (const void *)hash, (size_t)16);
}

enum err objects_owner(struct db *db, const char *key, struct guid *out, struct errbuf *eb)
{
	struct db_row *r = db_query(db, &q_owner, "t", key);
	bool found = db_next(r) && db_guid(r, 0, out);
	enum err e = db_end(&r, eb);

	return e ? e : found ? ERR_OK : ERR_NOTFOUND;
}

/* A query that broke off is as good as its rows so far, but somebody must know. */
static void end_list(struct db_row **r)
{
	struct errbuf eb = { "" };
	enum err e = db_end(r, &eb);

	if (e)
		log_error(NULL, "directory read failed err=%s detail=%s", err_text(e), eb.text);
}

size_t objects_list(struct db *db, unsigned klass, const char *after, struct object **out,
		    size_t n, struct arena *a)
{
	struct db_row *r = db_query(db, &q_list, "iti", (int64_t)klass, after, (int64_t)n);
	struct errbuf eb = { "" };
	size_t got = 0;

	while (got < n && db_next(r)) {
		if (row_object(r, a, &out[got], &eb) == ERR_OK)
			got++;
		else
			log_error(NULL, "object skipped detail=%s", eb.text);
	}
	end_list(&r);
	return got;
}

size_t objects_linked(struct db *db, const struct guid *target, unsigned attr,
		      int64_t *after, struct guid *out, size_t n)
{
	struct db_row *r = db_query(db, &q_linked, "giii", target, (int64_t)attr, *after,
				    (int64_t)n);
	size_t got = 0;

	while (got < n && db_next(r)) {
		*after = db_int(r, 0);
		if (db_guid(r, 1, &out[got]))
			got++;
	}
	end_list(&r);
	return got;
}

size_t objects_referring(struct db *db, const struct guid *target, struct guid *out, size_t n)
{
	struct db_row *r = db_query(db, &q_referring, "gi", target, (int64_t)n);
	size_t got = 0;

	while (got < n && db_next(r))
		if (db_guid(r, 0, &out[got]))
			got++;
	end_list(&r);
	return got;
}

size_t objects_by_extension(struct db *db, const char *extension, int64_t *after,
			    struct guid *out, size_t n)
{
	char key[SMTP_KEY_MAX];
	struct db_row *r;
	size_t got = 0;

	if (snprintf(key, sizeof(key), EXTENSION_MARK "%s", extension) >= (int)sizeof(key))
		return 0;
	r = db_query(db, &q_by_extension, "tii", key, *after, (int64_t)n);
	while (got < n && db_next(r)) {
		*after = db_int(r, 0);
		if (db_guid(r, 1, &out[got]))
			got++;
	}
	end_list(&r);
	return got;
}

int64_t objects_count_linked(struct db *db, const struct guid *target, unsigned attr)
{
	int64_t v = 0;

	if (db_get_int(db, &q_count_linked, &v, NULL, "gi", target, (int64_t)attr) != ERR_OK)
		return 0;
	return v;
}

bool objects_is_linked(struct db *db, const struct guid *target, unsigned attr,
		       const struct guid *object)
{
	int64_t v;

	return db_get_int(db, &q_is_linked, &v, NULL, "gig", target, (int64_t)attr, object) ==
	       ERR_OK;
}

static size_t add_new(struct guid *set, size_t n, size_t cap, const struct guid *g)
{
	for (size_t i = 0; i < n; i++)
		if (guid_eq(&set[i], g))
			return n;
	if (n < cap)
		set[n++] = *g;
	return n;
}

size_t objects_ancestors(struct db *db, const struct guid *who, struct guid *out, size_t cap)
{
	size_t n = 0, next = 0;

	for (const struct guid *g = who; g; g = next < n ? &out[next++] : NULL) {
		struct guid up[32];
		int64_t after = 0;
		size_t got;

		do {
			got = objects_linked(db, g, OBJ_MEMBER, &after, up, N_ELEMS(up));
			for (size_t k = 0; k < got; k++)
				n = add_new(out, n, cap, &up[k]);
		} while (got == N_ELEMS(up));
	}
	return n;
}

static enum err each(struct db_row *r, struct arena *a, objects_fn *fn, void *ctx,
		     struct errbuf *eb)
{
	enum err bad = ERR_OK, e;
	struct object *o;

	while (!bad && db_next(r)) {
		bad = row_object(r, a, &o, eb);
		if (!bad && !fn(ctx, o))
			break;
	}
	e = db_end(&r, eb);
	return bad ? bad : e;
}

enum err objects_since(struct db *db, uint64_t usn, struct arena *a, objects_fn *fn, void *ctx,
		       struct errbuf *eb)
{
	return each(db_query(db, &q_since, "i", (int64_t)usn), a, fn, ctx, eb);
}

enum err objects_snapshot(struct db *db, const struct guid *after, struct arena *a,
			  objects_fn *fn, void *ctx, struct errbuf *eb)
{
	return each(db_query(db, &q_snapshot, "g", after), a, fn, ctx, eb);
}

enum err objects_purge(struct db *db, int64_t before_ms, uint64_t *floor, struct errbuf *eb)
{
	int64_t max = 0;
	enum err e = db_get_int(db, &q_purge_max, &max, eb, "i", before_ms);

	if (e == ERR_NOTFOUND || max == 0)
		return ERR_OK;
	if (!e)
		e = db_run(db, &q_purge, eb, "i", before_ms);
	if (!e && (uint64_t)max > *floor)
		*floor = (uint64_t)max;
	return e;
}

uint64_t objects_max_usn(struct db *db)
{
	int64_t v = 0;

	return db_get_int(db, &q_max_usn, &v, NULL, "") == ERR_OK ? (uint64_t)v : 0;
}

/* ---- facts ---------------------------------------------------------------------- */

int64_t objects_meta_int(struct db *db, enum objects_meta which)
{
	int64_t v = 0;

	return db_get_int(db, &q_meta, &v, NULL, "i", (int64_t)which) == ERR_OK ? v : 0;
}

bool objects_meta_guid(struct db *db, enum objects_meta which, struct guid *out)
{
	struct db_row *r = db_query(db, &q_meta, "i", (int64_t)which);
	bool found = db_next(r) && db_guid(r, 0, out);

	end_list(&r);
	return found;
}

enum err objects_set_int(struct db *db, enum objects_meta which, int64_t v, struct errbuf *eb)
{
	return db_run(db, &q_set_int, eb, "ii", (int64_t)which, v);
}

enum err objects_set_guid(struct db *db, enum objects_meta which, const struct guid *g,
			  struct errbuf *eb)
{
	return db_run(db, &q_set_guid, eb, "ig", (int64_t)which, g);
}
