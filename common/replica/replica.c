#include "common/replica/replica.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/replica/feed.h"
#include "common/replica/objects.h"
#include "common/replica/pull.h"
#include "common/smtp/address.h"
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	EACH_PAGE = 64,
	MAX_GROUPS = 4096,		/* looked at for one question of membership */
	TOMBSTONE_DAYS = 180,
};

/* ---- opening ---------------------------------------------------------------------- */

static enum err open_db(struct replica *r, struct errbuf *eb)
{
	static const char *const steps[] = { objects_schema };
	const struct db_schema schema = { steps, 1, 0x42525031 };	/* "BRP1" */
	const struct db_conf conf = { .path = r->path, .flags = DB_CREATE | DB_CHECKPOINT };
	enum err e = db_open(&conf, &schema, &r->db, eb);

	/* What a crash may take away is pulled again. */
	return e ? e : db_exec(r->db, "PRAGMA synchronous=NORMAL", eb);
}

static enum err purge(struct replica *r, struct errbuf *eb)
{
	uint64_t floor = (uint64_t)objects_meta_int(r->db, META_FLOOR), was = floor;
	int64_t before = clock_wall_ms() - (int64_t)TOMBSTONE_DAYS * 86400000;
	enum err e = db_begin(r->db, eb);

	if (!e)
		e = objects_purge(r->db, before, &floor, eb);
	if (!e && floor != was)
		e = objects_set_int(r->db, META_FLOOR, (int64_t)floor, eb);
	if (!e)
		return db_commit(r->db, eb);
	db_rollback(r->db);
	return e;
}

enum err replica_open_file(struct replica *r, struct errbuf *eb)
{
	enum err e = open_db(r, eb);

	/* It is only a copy: one that cannot be read is put aside, not mourned. */
	if (e == ERR_CORRUPT || e == ERR_INVALID) {
		char *aside = xasprintf("%s.damaged", r->path);

		log_error(NULL, "replica damaged, starting with none detail=%s", eb->text);
		db_close(&r->db);
		if (rename(r->path, aside) != 0)
			unlink(r->path);
		free(aside);
		e = open_db(r, eb);
	}
	if (!e)
		e = purge(r, eb);
	if (e)
		return e;
	r->usn = (uint64_t)objects_meta_int(r->db, META_USN);
	memset(&r->incarnation, 0, sizeof(r->incarnation));
	objects_meta_guid(r->db, META_INCARNATION, &r->incarnation);
	tables_load(&r->tables, r->db);
	return ERR_OK;
}

enum err replica_open(const struct replica_conf *conf, struct replica **out, struct errbuf *eb)
{
	struct replica *r = xcalloc(1, sizeof(*r));
	struct errbuf mine = { "" };
	enum err e;

	r->conf = *conf;
	r->path = xstrdup(conf->path);
	r->next_path = xasprintf("%s.new", conf->path);
	r->conf.path = r->path;
	r->has_feed_key = conf->feed_key != NULL;
	if (conf->feed_key)
		memcpy(r->feed_key, conf->feed_key, sizeof(r->feed_key));
	r->conf.feed_key = NULL;
	tables_init(&r->tables);
	e = replica_open_file(r, &mine);
	if (e) {
		err_set(eb, e, "%s: %s", r->path, mine.text);
		replica_close(&r);
		return e;
	}
	pull_init(r);
	*out = r;
	replica_set_source(r, conf->directory);
	return ERR_OK;
}

void replica_close(struct replica **rp)
{
	struct replica *r = *rp;

	if (!r)
		return;
	pull_fini(r);
	tables_fini(&r->tables);
	db_close(&r->db);
	free(r->path);
	free(r->next_path);
	free(r);
	*rp = NULL;
}

void replica_set_source(struct replica *r, struct rpc_peer *p)
{
	pull_from(r, p);
}

void replica_pull(struct replica *r)
{
	pull_now(r);
}

uint64_t replica_usn(const struct replica *r)
{
	return r->usn;
}

struct db *replica_db(struct replica *r)
{
	return r->db;
}

bool replica_is_ready(const struct replica *r)
{
	return !guid_is_null(&r->incarnation);
}

/* ---- looking up ---------------------------------------------------------------------- */

/* A look-up that failed for another reason than absence is worth a line. */
static enum err noted(enum err e, const struct errbuf *eb)
{
	if (e && e != ERR_NOTFOUND)
		log_error(NULL, "replica read failed err=%s detail=%s", err_text(e), eb->text);
	return e;
}

/* After a swap that failed there is no file until the next try. */
static bool usable(const struct replica *r)
{
	return r->db != NULL;
}

/* Where the domain of an address key begins. */
static const char *domain_of(const char *key)
{
	const char *at = strrchr(key, '@');

	return at ? at + 1 : "";
}

enum err replica_by_address(struct replica *r, const char *address, struct arena *a,
			    struct object **out)
{
	char key[SMTP_KEY_MAX], bare[SMTP_KEY_MAX];
	struct errbuf eb = { "" };
	bool plus;
	enum err e;

	if (!usable(r))
		return ERR_AGAIN;
	if (smtp_address_key_of(address, key) != ERR_OK)
		return ERR_NOTFOUND;
	e = objects_by_address(r->db, key, a, out, &eb);
	if (e == ERR_NOTFOUND && smtp_key_untagged(key, bare) &&
	    tables_domain(&r->tables, domain_of(key), &plus) != DOMAIN_NONE && plus)
		e = objects_by_address(r->db, bare, a, out, &eb);
	return noted(e, &eb);
}

enum err replica_by_guid(struct replica *r, const struct guid *g, struct arena *a,
			 struct object **out)
{
	struct errbuf eb = { "" };

	return usable(r) ? noted(objects_by_guid(r->db, g, a, out, &eb), &eb) : ERR_AGAIN;
}

enum err replica_by_name(struct replica *r, unsigned klass, const char *name, struct arena *a,
			 struct object **out)
{
	struct errbuf eb = { "" };

	return usable(r) ? noted(objects_by_name(r->db, klass, name, a, out, &eb), &eb) :
			   ERR_AGAIN;
}

enum err replica_by_login(struct replica *r, const char *login, struct arena *a,
			  struct object **out)
{
	const char *slash = strchr(login, '\\');
	struct errbuf eb = { "" };
	char key[SMTP_KEY_MAX];
	const char *alias;
	enum err e;

	if (!usable(r))
		return ERR_AGAIN;
	if (slash)			/* DOMAIN\name, as Windows clients send it */
		login = slash + 1;
	if (strchr(login, '@')) {
		if (smtp_address_key_of(login, key) != ERR_OK)
			return ERR_NOTFOUND;
		e = objects_by_address(r->db, key, a, out, &eb);
	} else {
		alias = object_name_key(a, login);
		if (!alias)
			return ERR_NOTFOUND;
		e = objects_by_name(r->db, CLASS_MAILBOX, login, a, out, &eb);
		if (e == ERR_NOTFOUND)
			e = objects_by_alias(r->db, alias, a, out, &eb);
	}
	if (!e && (*out)->klass != CLASS_MAILBOX)
		e = ERR_NOTFOUND;
	return noted(e, &eb);
}

enum domain_kind replica_domain(struct replica *r, const char *domain)
{
	char normal[SMTP_DOMAIN_MAX + 1];
	bool plus;

	if (smtp_domain_normal(span_of(domain), normal, NULL) != ERR_OK)
		return DOMAIN_NONE;
	return tables_domain(&r->tables, normal, &plus);
}

static enum err has_address(struct replica *r, const char *key)
{
	uint8_t hash[FEED_HASH];
	struct errbuf eb = { "" };
	struct guid g;

	if (!r->has_feed_key)
		return noted(objects_owner(r->db, key, &g, &eb), &eb);
	feed_hash(r->feed_key, key, hash);
	return noted(objects_has_hash(r->db, hash, &eb), &eb);
}

enum recipient_kind replica_recipient(struct replica *r, const char *address)
{
	char key[SMTP_KEY_MAX], bare[SMTP_KEY_MAX];
	enum domain_kind kind;
	bool plus;
	enum err e;

	if (!usable(r) || !replica_is_ready(r))
		return RCPT_AGAIN;
	if (smtp_address_key_of(address, key) != ERR_OK)
		return RCPT_OUTSIDE;
	kind = tables_domain(&r->tables, domain_of(key), &plus);
	if (kind == DOMAIN_NONE)
		return RCPT_OUTSIDE;
	e = has_address(r, key);
	if (e == ERR_NOTFOUND && plus && smtp_key_untagged(key, bare))
		e = has_address(r, bare);
	if (e != ERR_NOTFOUND)
		return e ? RCPT_AGAIN : RCPT_KNOWN;
	return kind == DOMAIN_AUTHORITATIVE ? RCPT_UNKNOWN : RCPT_RELAY;
}

/* ---- walking ----------------------------------------------------------------------------- */

struct replica_iter {
	struct replica *r;
	unsigned klass;
	char *after;			/* NULL: no page follows */
	struct arena arena;
	struct object *page[EACH_PAGE];
	size_t n, i;
};

struct replica_iter *replica_each(struct replica *r, unsigned klass)
{
	struct replica_iter *it = xcalloc(1, sizeof(*it));

	it->r = r;
	it->klass = klass;
	it->after = xstrdup("");
	return it;
}

static void next_page(struct replica_iter *it)
{
	const char *key = NULL;

	arena_reset(&it->arena);
	it->i = 0;
	it->n = !usable(it->r) ? 0 :
		objects_list(it->r->db, it->klass, it->after, it->page, EACH_PAGE, &it->arena);
	if (it->n == EACH_PAGE)
		key = object_name_key(&it->arena, object_text(it->page[it->n - 1], OBJ_NAME));
	free(it->after);
	it->after = key ? xstrdup(key) : NULL;
}

struct object *replica_each_next(struct replica_iter *it, struct arena *a)
{
	if (it->i == it->n && it->after)
		next_page(it);
	return it->i < it->n ? object_copy(a, it->page[it->i++]) : NULL;
}

void replica_each_end(struct replica_iter **itp)
{
	struct replica_iter *it = *itp;

	if (!it)
		return;
	arena_fini(&it->arena);
	free(it->after);
	free(it);
	*itp = NULL;
}

bool replica_is_member(struct replica *r, const struct guid *group, const struct guid *who)
{
	struct guid *up;
	bool found = false;
	size_t n;

	if (!usable(r))
		return false;
	up = xcalloc(MAX_GROUPS, sizeof(*up));
	n = objects_ancestors(r->db, who, up, MAX_GROUPS);
	for (size_t i = 0; i < n && !found; i++)
		found = guid_eq(&up[i], group);
	free(up);
	return found;
}

size_t replica_principals(struct replica *r, const struct guid *who, struct guid *out, size_t cap)
{
	if (cap == 0)
		return 0;
	out[0] = *who;
	return usable(r) ? 1 + objects_ancestors(r->db, who, out + 1, cap - 1) : 1;
}

size_t replica_linked(struct replica *r, const struct guid *target, unsigned attr,
		      struct guid *out, size_t cap)
{
	int64_t after = 0;

	return usable(r) ? objects_linked(r->db, target, attr, &after, out, cap) : 0;
}

enum err replica_transport(struct replica *r, struct arena *a, struct object **out)
{
	if (!usable(r) || objects_list(r->db, CLASS_TRANSPORT, "", out, 1, a) == 0)
		*out = object_new(a, CLASS_TRANSPORT);
	return ERR_OK;
}

bool replica_who(void *replica, const uint8_t key[RPC_KEY], struct rpc_ident *out)
{
	const struct replica *r = replica;

	return tables_who(&r->tables, key, out);
}

/* ---- logins -------------------------------------------------------------------------------- */

static void copy_sealed(struct sealed *to, struct span from)
{
	to->n = from.n <= sizeof(to->b) ? from.n : 0;
	if (to->n)
		memcpy(to->b, from.p, to->n);
}

static void copy_certs(struct credential *to, const struct object *o)
{
	for (const struct object_value *v = object_values(o, OBJ_CERTIFICATE);
	     v && to->n_certs < LOGIN_CERTS; v = v->next)
		if (v->bytes.n == sizeof(to->certs[0]))
			memcpy(to->certs[to->n_certs++], v->bytes.p, v->bytes.n);
}

/* Changes when the verifiers do or the account is switched, and only then: a new
 * telephone number must not end anybody's session, nor POP3's switch one of IMAP. */
static uint64_t number_of(const struct credential *c)
{
	crypto_generichash_state st;
	uint8_t h[16];
	uint64_t n;

	crypto_generichash_init(&st, NULL, 0, sizeof(h));
	crypto_generichash_update(&st, (const uint8_t *)&c->enabled, sizeof(c->enabled));
	crypto_generichash_update(&st, c->argon.b, c->argon.n);
	crypto_generichash_update(&st, c->scram.b, c->scram.n);
	crypto_generichash_update(&st, c->scram_sha1.b, c->scram_sha1.n);
	crypto_generichash_update(&st, c->certs[0], c->n_certs * sizeof(c->certs[0]));
	crypto_generichash_final(&st, h, sizeof(h));
	memcpy(&n, h, sizeof(n));
	return n;
}

static enum err lookup(void *ctx, const char *user, struct credential *out)
{
	struct replica *r = ctx;
	struct arena a = { 0 };
	struct object *o;
	enum err e;

	*out = (struct credential){ 0 };
	e = replica_is_ready(r) ? replica_by_login(r, user, &a, &o) : ERR_AGAIN;
	if (e == ERR_OK) {
		const char *name = object_text(o, OBJ_EMAIL);

		out->principal = o->guid;
		out->enabled = object_bool(o, OBJ_ENABLED, true) &&
			       !object_bool(o, OBJ_DISCONNECTED, false) &&
			       !object_bool(o, OBJ_SHARED, false);
		out->protocols = (object_bool(o, OBJ_IMAP, true) ? LOGIN_IMAP : 0) |
				 (object_bool(o, OBJ_POP3, true) ? LOGIN_POP3 : 0) |
				 (object_bool(o, OBJ_SUBMISSION, true) ? LOGIN_SMTP : 0);
		snprintf(out->user, sizeof(out->user), "%s",
			 name ? name : object_text(o, OBJ_NAME));
		copy_sealed(&out->argon, object_bytes(o, OBJ_PASSWORD_HASH));
		copy_sealed(&out->scram, object_bytes(o, OBJ_SCRAM));
		copy_sealed(&out->scram_sha1, object_bytes(o, OBJ_SCRAM_SHA1));
		copy_certs(out, o);
		out->usn = number_of(out);
	}
	arena_fini(&a);
	return e == ERR_OK || e == ERR_NOTFOUND ? e : ERR_AGAIN;
}

struct credential_source replica_credentials(struct replica *r)
{
	return (struct credential_source){ .lookup = lookup, .ctx = r };
}
