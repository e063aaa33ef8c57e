#include "roles/directory/token.h"

#include "common/base/span.h"
#include <sodium.h>

enum { HASH = 32 };

DB_SQL(q_add, "INSERT INTO token (hash, role, name, expires_ms, who)"
	      " VALUES (?1, ?2, ?3, ?4, ?5)");
DB_SQL(q_find, "SELECT role, name, expires_ms FROM token WHERE hash = ?1");
DB_SQL(q_del, "DELETE FROM token WHERE hash = ?1");
DB_SQL(q_purge, "DELETE FROM token WHERE expires_ms < ?1");

static void hash_of(const uint8_t *secret, size_t n, uint8_t out[HASH])
{
	static const uint8_t label[] = "bourse token";

	crypto_generichash(out, HASH, secret, n, label, sizeof(label));
}

enum err token_add(struct db *db, const uint8_t *secret, size_t n, const struct token *t,
		   const char *who, struct errbuf *eb)
{
	uint8_t h[HASH];

	hash_of(secret, n, h);
	return db_run(db, &q_add, eb, "bitit", h, sizeof(h), (int64_t)t->role, t->name,
		      t->expires_ms, who);
}

enum err token_use(struct db *db, const uint8_t *secret, size_t n, unsigned role,
		   const char *name, int64_t now_ms, struct errbuf *eb)
{
	const char *why = "unknown, or used already";
	struct db_row *r;
	bool good = false;
	uint8_t h[HASH];
	enum err e;

	hash_of(secret, n, h);
	r = db_query(db, &q_find, "b", h, sizeof(h));
	if (db_next(r)) {
		if (db_int(r, 2) < now_ms)
			why = "expired";
		else if ((unsigned)db_int(r, 0) != role)
			why = "for another role";
		else if (strcmp(db_text(r, 1), name) != 0)
			why = "for another name";
		else
			good = true;
	}
	e = db_end(&r, eb);
	if (!e && !good)
		e = err_set(eb, ERR_DENIED, "the token is %s", why);
	return e ? e : db_run(db, &q_del, eb, "b", h, sizeof(h));
}

enum err token_purge(struct db *db, int64_t now_ms, struct errbuf *eb)
{
	return db_run(db, &q_purge, eb, "i", now_ms);
}
