#include "common/replica/pull.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/replica/feed.h"
#include "common/replica/objects.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	POLL_MS = 30000,	/* a lost hint costs no more than this */
	RETRY_MS = 250,		/* after a failure, doubled up to RETRY_MAX_MS */
	RETRY_MAX_MS = 10000,
};

/* Fingerprint of the key that an edge's hashes are made with: under another key
 * everything must be sent again. */
static int64_t filter_mark(const struct replica *r)
{
	uint8_t h[FEED_HASH];
	uint64_t mark = 0;

	if (!r->has_feed_key)
		return FEED_VERSION;
	feed_hash(r->feed_key, "filter", h);
	memcpy(&mark, h, 6);
	return (int64_t)(mark << 8 | FEED_VERSION);
}

/* ---- a page of changes --------------------------------------------------------------- */

static enum err check_changes(const struct replica *r, const struct directory_page *p,
			      struct errbuf *eb)
{
	uint64_t last = r->usn;

	if (!guid_eq(&p->incarnation, &r->incarnation) || p->usn < r->usn)
		return err_set(eb, ERR_INVALID, "page of another directory or of the past");
	for (size_t i = 0; i < p->n; i++) {
		uint64_t usn = p->objects[i]->usn;

		if (usn <= r->usn || usn < last || usn > p->usn)
			return err_set(eb, ERR_INVALID, "numbers do not ascend");
		last = usn;
	}
	if (p->more && p->n == 0)
		return err_set(eb, ERR_INVALID, "an empty page that goes on");
	return ERR_OK;
}

static bool is_known(struct db *db, const struct guid *g)
{
	struct arena a = { 0 };
	struct object *o;
	enum err e = objects_by_guid(db, g, &a, &o, NULL);

	arena_fini(&a);
	return e == ERR_OK;
}

/* A tombstone of what was never here is most often something that this role may
 * not see: it is not kept. */
static enum err put(struct db *db, const struct object *o, int64_t now_ms, struct errbuf *eb)
{
	if (o->deleted && !is_known(db, &o->guid))
		return ERR_OK;
	return objects_put(db, o, now_ms, eb);
}

static enum err write_changes(struct replica *r, const struct directory_page *p,
			      struct errbuf *eb)
{
	int64_t now_ms = clock_wall_ms();
	enum err e = db_begin(r->db, eb);

	for (size_t i = 0; i < p->n && !e; i++)
		e = put(r->db, p->objects[i], now_ms, eb);
	if (!e)
		e = objects_set_int(r->db, META_USN, (int64_t)p->usn, eb);
	if (!e)
		e = db_commit(r->db, eb);
	if (e)
		db_rollback(r->db);
	return e;
}

static void tell(struct replica *r, const struct directory_page *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (tables_hold(p->objects[i]->klass)) {
			tables_load(&r->tables, r->db);
			break;
		}
	for (size_t i = 0; i < p->n && r->conf.on_change; i++)
		r->conf.on_change(r->conf.ctx, p->objects[i]);
}

static enum err take_changes(struct replica *r, const struct directory_page *p, bool *more,
			     struct errbuf *eb)
{
	enum err e = check_changes(r, p, eb);

	if (!e && (p->n || p->usn != r->usn))
		e = write_changes(r, p, eb);
	if (e)
		return e;
	r->usn = p->usn;
	*more = p->more;
	tell(r, p);
	return ERR_OK;
}

/* ---- a snapshot -------------------------------------------------------------------------- */

static void remove_file(const char *path)
{
	static const char *const tails[] = { "", "-wal", "-shm" };
	char name[4096];

	for (size_t i = 0; i < N_ELEMS(tails); i++) {
		snprintf(name, sizeof(name), "%s%s", path, tails[i]);
		if (unlink(name) != 0 && errno != ENOENT)
			log_warn(NULL, "cannot remove path=%s errno=%d", name, errno);
	}
}

static void drop_snapshot(struct replica *r)
{
	if (!r->pull.next)
		return;
	db_close(&r->pull.next);
	remove_file(r->next_path);
}

static enum err begin_snapshot(struct replica *r, struct errbuf *eb)
{
	static const char *const steps[] = { objects_schema };
	const struct db_schema schema = { steps, 1, 0x42525031 };
	const struct db_conf conf = { .path = r->next_path,
				      .flags = DB_CREATE | DB_CHECKPOINT };
	enum err e;

	drop_snapshot(r);
	remove_file(r->next_path);
	e = db_open(&conf, &schema, &r->pull.next, eb);
	/* Nothing in it counts before the rename, which is preceded by a sync. */
	if (!e)
		e = db_exec(r->pull.next, "PRAGMA synchronous=OFF", eb);
	r->pull.snapshot_usn = 0;
	return e;
}

/* The new file takes the old one's place.  It is whole and synced before the
 * rename, and an old write-ahead log must not meet the new file. */
static enum err swap_in(struct replica *r, struct errbuf *eb)
{
	struct db *db = r->pull.next;
	int64_t left;
	enum err e = db_begin(db, eb);

	if (!e)
		e = objects_set_int(db, META_USN, (int64_t)r->pull.snapshot_usn, eb);
	if (!e)
		e = objects_set_int(db, META_FLOOR, (int64_t)r->pull.snapshot_usn, eb);
	if (!e)
		e = objects_set_int(db, META_FILTER, filter_mark(r), eb);
	if (!e)
		e = objects_set_guid(db, META_INCARNATION, &r->pull.snapshot_incarnation, eb);
	if (!e)
		e = db_commit(db, eb);
	if (!e)
		e = db_exec(db, "PRAGMA synchronous=FULL", eb);
	if (!e)
		e = db_checkpoint(db, &left, eb);
	if (e) {
		db_rollback(db);
		return e;
	}
	db_close(&r->pull.next);
	db_close(&r->db);
	remove_file(r->path);
	if (rename(r->next_path, r->path) != 0)
		log_error(NULL, "cannot rename path=%s errno=%d", r->next_path, errno);
	return replica_open_file(r, eb);
}

static enum err write_snapshot_page(struct replica *r, const struct directory_page *p,
				    struct errbuf *eb)
{
	struct db *db = r->pull.next;
	struct guid last = r->pull.ask.after;
	int64_t now_ms = clock_wall_ms();
	enum err e = db_begin(db, eb);

	for (size_t i = 0; i < p->n && !e; i++) {
		const struct object *o = p->objects[i];

		if (memcmp(o->guid.b, last.b, sizeof(last.b)) <= 0)
			e = err_set(eb, ERR_INVALID, "a snapshot that goes back");
		last = o->guid;
		if (!e && !o->deleted)
			e = objects_put(db, o, now_ms, eb);
	}
	if (!e)
		e = db_commit(db, eb);
	if (e)
		db_rollback(db);
	else
		r->pull.ask.after = last;
	return e;
}

static enum err take_snapshot(struct replica *r, const struct directory_page *p, bool *more,
			      struct errbuf *eb)
{
	enum err e;

	if (r->pull.snapshot_usn == 0) {
		r->pull.snapshot_usn = p->usn;
		r->pull.snapshot_incarnation = p->incarnation;
	}
	if (!guid_eq(&p->incarnation, &r->pull.snapshot_incarnation))
		e = err_set(eb, ERR_STALE, "the directory became another one meanwhile");
	else if (p->more && p->n == 0)
		e = err_set(eb, ERR_INVALID, "an empty page that goes on");
	else
		e = write_snapshot_page(r, p, eb);
	*more = true;	/* what changed meanwhile comes after the last page */
	if (!e && !p->more) {
		e = swap_in(r, eb);
		if (!e) {
			log_info(NULL, "replica filled usn=%llu", (unsigned long long)r->usn);
			if (r->conf.on_change)
				r->conf.on_change(r->conf.ctx, NULL);
		}
	}
	if (e)
		drop_snapshot(r);
	return e;
}

/* ---- asking ---------------------------------------------------------------------------- */

void pull_ask(struct replica *r, struct directory_ask *out)
{
	struct directory_ask *ask = &r->pull.ask;

	if (r->pull.next) {
		ask->snapshot = true;	/* after is where the last page ended */
	} else {
		*ask = (struct directory_ask){ .incarnation = r->incarnation, .usn = r->usn };
		/* The mark is ours; the server compares only the version in it. */
		if (r->db && objects_meta_int(r->db, META_FILTER) == filter_mark(r))
			ask->filter_version = FEED_VERSION;
	}
	*out = *ask;
}

enum err pull_take(struct replica *r, const struct directory_page *p, bool *more,
		   struct errbuf *eb)
{
	*more = false;
	if (r->pull.next)
		return take_snapshot(r, p, more, eb);
	if (!p->need_snapshot)
		return take_changes(r, p, more, eb);
	*more = true;
	r->pull.ask = (struct directory_ask){ 0 };
	return begin_snapshot(r, eb);
}

static void wake_in(struct replica *r, unsigned ms);

static void failed(struct replica *r, enum err e, const char *detail)
{
	unsigned ms = RETRY_MS << (r->pull.failures < 6 ? r->pull.failures : 6);

	r->pull.failures++;
	if (e != ERR_AGAIN)
		log_warn(NULL, "replica cannot follow err=%s detail=%s", err_text(e), detail);
	wake_in(r, ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS);
}

static void on_page(void *ctx, enum err e, const struct directory_page *p)
{
	struct replica *r = ctx;
	struct errbuf eb = { "" };
	bool more = false;

	if (!e)
		e = pull_take(r, p, &more, &eb);
	if (e) {
		failed(r, e, eb.text);
		return;
	}
	r->pull.failures = 0;
	if (more || r->pull.again)
		pull_now(r);
	else
		wake_in(r, POLL_MS);
}

void pull_now(struct replica *r)
{
	struct directory_ask ask;

	struct errbuf eb = { "" };

	r->pull.again = r->pull.call.call != NULL;
	if (r->pull.again || !r->pull.source)
		return;
	if (!r->db && replica_open_file(r, &eb) != ERR_OK) {
		failed(r, ERR_FULL, eb.text);
		return;
	}
	pull_ask(r, &ask);
	directory_changes(&r->pull.call, r->pull.source, &ask, on_page, r);
}

/* Another source may be behind the one before: half a snapshot of one does not fit
 * to the rest of the other. */
void pull_from(struct replica *r, struct rpc_peer *p)
{
	if (p != r->pull.source) {
		directory_cancel(&r->pull.call);
		drop_snapshot(r);
	}
	r->pull.source = p;
	if (p)
		pull_now(r);
}

/* ---- the timer --------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *t)
{
	pull_now(t->data);
}

static void timer_closed(uv_handle_t *h)
{
	free(h);
}

static void wake_in(struct replica *r, unsigned ms)
{
	if (r->pull.timer)
		uv_timer_start(r->pull.timer, on_timer, ms, 0);
}

void pull_init(struct replica *r)
{
	if (!r->conf.loop)
		return;
	r->pull.timer = xcalloc(1, sizeof(*r->pull.timer));
	uv_timer_init(r->conf.loop, r->pull.timer);
	r->pull.timer->data = r;
}

void pull_fini(struct replica *r)
{
	directory_cancel(&r->pull.call);
	drop_snapshot(r);
	if (r->pull.timer)
		uv_close((uv_handle_t *)r->pull.timer, timer_closed);
	r->pull.timer = NULL;
}
