#include "roles/directory/audit.h"

#include "common/base/log.h"
#include <sodium.h>

enum { DIFF_MAX = 4000, VALUE_MAX = 160 };

DB_SQL(q_add, "INSERT INTO audit (at_ms, who, what, object, detail, result)"
	      " VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
DB_SQL(q_list, "SELECT seq, at_ms, who, what, object, detail, result FROM audit"
	       " WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2");
DB_SQL(q_purge, "DELETE FROM audit WHERE at_ms < ?1");

enum err audit_add(struct db *db, const struct audit_line *l, struct errbuf *eb)
{
	char shown[160];

	log_info(NULL, "audit who=%s what=%s object=\"%s\" result=\"%s\"", l->who, l->what,
		 log_clean(l->object, strlen(l->object), shown, sizeof(shown)), l->result);
	return db_run(db, &q_add, eb, "ittttt", l->at_ms, l->who, l->what, l->object, l->detail,
		      l->result);
}

size_t audit_list(struct db *db, uint64_t before, struct audit_line *out, size_t n,
		  struct arena *a)
{
	struct db_row *r = db_query(db, &q_list, "ii", before ? (int64_t)before : INT64_MAX,
				    (int64_t)n);
	struct errbuf eb = { "" };
	size_t got = 0;

	while (got < n && db_next(r)) {
		struct audit_line *l = &out[got++];

		l->seq = (uint64_t)db_int(r, 0);
		l->at_ms = db_int(r, 1);
		l->who = arena_str(a, db_text(r, 2));
		l->what = arena_str(a, db_text(r, 3));
		l->object = arena_str(a, db_text(r, 4));
		l->detail = arena_str(a, db_text(r, 5));
		l->result = arena_str(a, db_text(r, 6));
	}
	if (db_end(&r, &eb) != ERR_OK)
		log_error(NULL, "audit read failed detail=%s", eb.text);
	return got;
}

enum err audit_purge(struct db *db, int64_t before_ms, struct errbuf *eb)
{
	return db_run(db, &q_purge, eb, "i", before_ms);
}

/* ---- differences ---------------------------------------------------------------------- */

/* Running out of room cuts the line short, and says so at its end. */
static bool add_value(struct buf *b, const struct attr_info *i, const struct object_value *v)
{
	char hex[2 * 16 + 1], text[GUID_TEXT];
	struct guid g;
	enum err e;

	if (!i || (i->flags & ATTR_SECRET))
		e = buf_adds(b, "(secret)");
	else if (i->type == ATTR_TEXT)
		e = buf_addf(b, "%.*s", VALUE_MAX, v->bytes.p);
	else if (i->type == ATTR_GUID && guid_from(v->bytes.p, v->bytes.n, &g) == ERR_OK)
		e = buf_adds(b, guid_text(&g, text));
	else if (i->type == ATTR_BYTES) {
		sodium_bin2hex(hex, sizeof(hex), (const uint8_t *)v->bytes.p,
			       v->bytes.n < 16 ? v->bytes.n : 16);
		e = buf_adds(b, hex);
	} else
		e = buf_addf(b, "%lld", (long long)v->number);
	return e == ERR_OK;
}

static bool add_single(struct buf *b, const struct attr_info *i, const struct object_value *old,
		       const struct object_value *new)
{
	if (old && (!add_value(b, i, old) || buf_adds(b, " ") != ERR_OK))
		return false;
	if (buf_adds(b, new ? "-> " : "-> none") != ERR_OK)
		return false;
	return !new || add_value(b, i, new);
}

static bool add_multi(struct buf *b, const struct attr_info *i, const struct object *was,
		      const struct object *is, unsigned attr)
{
	for (int side = 0; side < 2; side++) {
		const struct object *from = side ? is : was, *in = side ? was : is;
		const struct object_value *v = from ? object_values(from, attr) : NULL;

		for (; v; v = v->next) {
			if (in && object_has_value(in, attr, v->bytes))
				continue;
			if (buf_adds(b, side ? " +" : " -") != ERR_OK || !add_value(b, i, v))
				return false;
		}
	}
	return true;
}

static bool add_attr(struct buf *b, const struct object *was, const struct object *is,
		     unsigned attr)
{
	const struct attr_info *i = attr_by_id(attr);

	if (was && is && object_same_values(was, is, attr))
		return true;
	if (b->len && buf_adds(b, "; ") != ERR_OK)
		return false;
	if (buf_addf(b, "%s: ", i ? i->name : "(unknown)") != ERR_OK)
		return false;
	if (i && (i->flags & ATTR_MULTI))
		return add_multi(b, i, was, is, attr);
	return add_single(b, i, was ? object_values(was, attr) : NULL,
			  is ? object_values(is, attr) : NULL);
}

const char *audit_diff(struct arena *a, const struct object *was, const struct object *is)
{
	const char *text;
	bool whole = true;
	struct buf b;

	buf_init(&b, DIFF_MAX);
	for (const struct object_attr *t = is ? is->attrs : NULL; t && whole; t = t->next)
		whole = add_attr(&b, was, is, t->attr);
	for (const struct object_attr *t = was ? was->attrs : NULL; t && whole; t = t->next)
		if (!is || !object_has(is, t->attr))
			whole = add_attr(&b, was, is, t->attr);
	text = arena_printf(a, "%s%s", b.data, whole ? "" : " ...");
	buf_fini(&b);
	return text;
}
