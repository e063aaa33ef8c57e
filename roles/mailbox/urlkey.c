#include "roles/mailbox/urlkey.h"

#include "common/base/check.h"
#include "common/tls/digest.h"
#include "roles/mailbox/metadata.h"
#include <string.h>
#include <sys/random.h>

enum { KEY_BYTES = 32 };

DB_SQL(q_key, "SELECT key FROM url_key WHERE mbx = ?1 AND fid = ?2 AND principal = ?3");
DB_SQL(q_new_key, "INSERT INTO url_key(mbx, fid, principal, key) VALUES(?1, ?2, ?3, ?4)");
DB_SQL(q_drop_key, "DELETE FROM url_key WHERE mbx = ?1 AND fid = ?2 AND principal = ?3");
DB_SQL(q_drop_keys, "DELETE FROM url_key WHERE mbx = ?1 AND principal = ?2");

static enum err read_key(struct db *db, const struct who *w, int64_t fid, uint8_t key[KEY_BYTES],
			 struct errbuf *eb)
{
	struct db_row *r = db_query(db, &q_key, "iig", w->mbx, fid, &w->principal);
	bool found = false;
	enum err e;

	if (db_next(r)) {
		size_t n;
		const void *p = db_blob(r, 0, &n);

		found = p && n == KEY_BYTES;
		if (found)
			memcpy(key, p, KEY_BYTES);
	}
	e = db_end(&r, eb);
	return e || found ? e : err_set(eb, ERR_NOTFOUND, "no key");
}

static enum err find(struct db *db, struct arena *a, const struct url_op *op, int64_t *fid,
		     struct errbuf *eb)
{
	enum err e = metadata_folder(db, a, op->who.mbx, op->path, fid, eb);

	if (e == ERR_OK && *fid == 0)
		e = err_set(eb, ERR_NOTFOUND, "no folder");
	return e ? e : access_check(db, &op->who, *fid, RIGHT_READ, eb);
}

enum err urlkey_sign(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct url_op *op = arg;
	uint8_t key[KEY_BYTES];
	int64_t fid;
	enum err e = find(tx->db, &tx->arena, op, &fid, eb);

	if (e)
		return e;
	e = read_key(tx->db, &op->who, fid, key, eb);
	if (e == ERR_NOTFOUND) {
		CHECK(getrandom(key, sizeof(key), 0) == (ssize_t)sizeof(key));
		e = db_run(tx->db, &q_new_key, eb, "iigb", op->who.mbx, fid, &op->who.principal,
			   key, sizeof(key));
	}
	if (e == ERR_OK)
		digest_hmac(key, sizeof(key), op->text, strlen(op->text), op->token);
	explicit_bzero(key, sizeof(key));
	return e;
}

/* Without a hint, by time or code, of how much of a token was right. */
enum err urlkey_check(struct db *db, void *arg, struct errbuf *eb)
{
	struct url_op *op = arg;
	uint8_t key[KEY_BYTES] = { 0 }, token[URL_TOKEN], differs = 0;
	struct arena a = { 0 };
	int64_t fid;
	enum err e = find(db, &a, op, &fid, eb);

	if (e == ERR_OK)
		e = read_key(db, &op->who, fid, key, eb);
	if (e == ERR_OK) {
		digest_hmac(key, sizeof(key), op->text, strlen(op->text), token);
		for (size_t i = 0; i < URL_TOKEN; i++)
			differs |= token[i] ^ op->token[i];
	}
	if (e == ERR_NOTFOUND || differs)
		e = err_set(eb, ERR_DENIED, "the URL is not signed so");
	explicit_bzero(key, sizeof(key));
	arena_fini(&a);
	return e;
}

enum err urlkey_reset(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct url_op *op = arg;
	int64_t fid;
	enum err e;

	if (op->path == NULL)
		return db_run(tx->db, &q_drop_keys, eb, "ig", op->who.mbx, &op->who.principal);
	e = find(tx->db, &tx->arena, op, &fid, eb);
	return e ? e : db_run(tx->db, &q_drop_key, eb, "iig", op->who.mbx, fid,
			      &op->who.principal);
}
