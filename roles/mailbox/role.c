#include "roles/mailbox/role.h"

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/svc/inbox.h"
#include "roles/mailbox/assign.h"
#include "roles/mailbox/keep.h"
#include "roles/mailbox/methods.h"
#include "roles/mailbox/principal.h"
#include "roles/mailbox/watch.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

static const struct metric_def metrics[] = {
	[M_DELIVERED] = { "bourse_store_delivered_total", METRIC_COUNTER,
			  "messages placed in mailboxes by deliveries" },
	[M_DELIVER_CALLS] = { "bourse_store_deliver_calls_total", METRIC_COUNTER,
			      "deliveries, each for one or more mailboxes" },
	[M_APPENDED] = { "bourse_store_appended_total", METRIC_COUNTER,
			 "messages put in by clients" },
	[M_REFUSED] = { "bourse_store_refused_total", METRIC_COUNTER,
			"deliveries asked to come again: log too long, memory, quarantine" },
	[M_REPEATS] = { "bourse_store_repeats_total", METRIC_COUNTER,
			"deliveries that had been made before" },
	[M_CONTENT_BYTES] = { "bourse_store_received_bytes_total", METRIC_COUNTER,
			      "content taken in" },
	[M_COMMITS] = { "bourse_store_groups_total", METRIC_COUNTER, "group commits" },
	[M_WRITES] = { "bourse_store_writes_total", METRIC_COUNTER, "requests in those groups" },
	[M_MAILBOXES] = { "bourse_store_mailboxes", METRIC_GAUGE, "mailboxes known" },
	[M_DATABASES] = { "bourse_store_databases", METRIC_GAUGE, "databases open" },
	[M_WATCHES] = { "bourse_store_watches", METRIC_GAUGE, "mailboxes watched by front ends" },
	[M_QUARANTINED] = { "bourse_store_quarantined", METRIC_GAUGE,
			    "mailboxes shut after damage" },
	[M_WAL_BYTES] = { "bourse_store_wal_bytes", METRIC_GAUGE, "write-ahead logs" },
	[M_UPLOAD_BYTES] = { "bourse_store_upload_bytes", METRIC_GAUGE,
			     "messages on their way in, in memory" },
};

/* ---- the tables -------------------------------------------------------------------- */

struct sdb *role_database(struct role *st, const struct guid *g)
{
	LIST_EACH (&st->databases, n) {
		struct sdb *s = CONTAINER_OF(n, struct sdb, node);

		if (guid_eq(&s->guid, g))
			return s;
	}
	return NULL;
}

struct mref *role_mailbox(struct role *st, const struct guid *g)
{
	struct hash_node *n = hash_find(&st->mailboxes, g->b, sizeof(g->b));

	return n ? CONTAINER_OF(n, struct mref, node) : NULL;
}

struct mref *role_by_number(struct sdb *s, int64_t mbx)
{
	struct hash *t = &s->store->mailboxes;

	for (struct hash_node *n = hash_next(t, NULL); n; n = hash_next(t, n)) {
		struct mref *m = CONTAINER_OF(n, struct mref, node);

		if (m->sdb == s && m->mbx == mbx)
			return m;
	}
	return NULL;
}

struct mref *role_note(struct sdb *s, const struct guid *g, int64_t mbx, int state)
{
	struct mref *m = role_mailbox(s->store, g);

	if (m == NULL) {
		m = xcalloc(1, sizeof(*m));
		m->guid = *g;
		m->sdb = s;
		list_init(&m->watchers);
		hash_add(&s->store->mailboxes, &m->node, m->guid.b, sizeof(m->guid.b));
		s->n_mailboxes++;
	}
	m->mbx = mbx;
	m->state = state;
	return m;
}

void role_forget(struct role *st, struct mref *m)
{
	watch_end(m, ERR_NOTFOUND);
	hash_del(&st->mailboxes, &m->node);
	m->sdb->n_mailboxes--;
	free(m);
}

void role_rename(struct role *st, struct mref *m, const struct guid *as)
{
	hash_del(&st->mailboxes, &m->node);
	m->guid = *as;
	hash_add(&st->mailboxes, &m->node, m->guid.b, sizeof(m->guid.b));
}

enum err role_route(struct role *st, const struct guid *g, struct mref **out,
		     struct errbuf *eb)
{
	struct mref *m = *out = role_mailbox(st, g);
	char text[GUID_TEXT];

	if (m == NULL || m->state != MAILBOX_LIVE)
		return err_set(eb, ERR_NOTFOUND, "no mailbox %s here", guid_text(g, text));
	if (m->sdb->mdb == NULL)
		return err_set(eb, ERR_AGAIN, "database %s is not open", m->sdb->name);
	if (m->is_quarantined)
		return err_set(eb, ERR_AGAIN, "mailbox %s is in quarantine", guid_text(g, text));
	return ERR_OK;
}

/* ---- databases -------------------------------------------------------------------------- */

static void on_changed(void *ctx, struct mdb *mdb, const struct changed *c)
{
	struct sdb *s = ctx;

	for (size_t i = 0; i < c->n; i++) {
		struct mref *m = role_mailbox(s->store, &c->of[i].guid);

		if (m && m->sdb == s)
			watch_tell(m, (uint64_t)mdb->epoch, c->of[i].cn);
	}
}

static void on_quarantine(void *ctx, struct mdb *mdb, int64_t mbx)
{
	struct sdb *s = ctx;
	struct mref *m = role_by_number(s, mbx);
	char text[GUID_TEXT];

	(void)mdb;
	if (m == NULL || m->is_quarantined)
		return;
	m->is_quarantined = true;
	log_error(NULL, "mailbox in quarantine mailbox=%s database=%s",
		  guid_text(&m->guid, text), s->name);
	watch_end(m, ERR_AGAIN);
}

static void on_found(void *ctx, const struct mdb_mailbox *mb)
{
	struct mref *m = role_note(ctx, &mb->guid, mb->mbx, mb->state);

	m->is_quarantined = mb->is_quarantined;
}

static enum err open_mdb(struct sdb *s, struct errbuf *eb)
{
	struct role *st = s->store;
	char text[GUID_TEXT], *folder = xasprintf("%s/db/%s", st->data, guid_text(&s->guid, text));
	struct mdb_conf conf = {
		.folder = folder, .guid = s->guid, .name = s->name, .inbox = st->inbox,
		.readers = st->conf->readers, .writer_cache = st->conf->writer_cache,
		.reader_cache = st->conf->reader_cache, .quota_warn = s->policy.warn,
		.quota_send = s->policy.send, .quota_recv = s->policy.recv,
		.catalogue = true, .on_changed = on_changed, .on_quarantine = on_quarantine, .ctx = s,
	};
	enum err e = mdb_open(&conf, &s->mdb, eb);

	if (e == ERR_OK)
		e = mdb_each(s->mdb, on_found, s, eb);
	if (e)
		mdb_close(&s->mdb);
	free(folder);
	return e;
}

enum err role_add_database(struct role *st, const struct guid *g, const char *name,
			    const struct quotas *policy, struct sdb **out, struct errbuf *eb)
{
	struct sdb *s = *out = role_database(st, g);
	enum err e;

	if (s == NULL) {
		s = *out = xcalloc(1, sizeof(*s));
		s->store = st;
		s->guid = *g;
		s->name = xstrdup(name);
		s->policy = *policy;
		list_add_tail(&st->databases, &s->node);
	}
	if (s->mdb)
		return ERR_OK;
	e = open_mdb(s, eb);
	if (e)
		log_error(NULL, "database not open database=%s err=%s detail=%s", s->name,
			  err_text(e), eb->text);
	else
		log_info(NULL, "database open database=%s mailboxes=%zu", s->name,
			 s->n_mailboxes);
	return e;
}

/* ---- the role ------------------------------------------------------------------------------ */

static void take_post(void *ctx, struct inbox_item *item)
{
	struct post *p = CONTAINER_OF(item, struct post, item);

	(void)ctx;
	p->fn(p);
}

static void on_metrics(void *ctx, struct metric_set *m)
{
	struct role *st = ctx;
	int64_t commits = 0, writes = 0, wal = 0, open = 0, shut = 0;

	LIST_EACH (&st->databases, n) {
		struct sdb *s = CONTAINER_OF(n, struct sdb, node);

		if (s->mdb == NULL)
			continue;
		open++;
		commits += atomic_load(&s->mdb->commits);
		writes += atomic_load(&s->mdb->jobs);
		wal += atomic_load(&s->mdb->wal_bytes);
	}
	for (struct hash_node *n = hash_next(&st->mailboxes, NULL); n;
	     n = hash_next(&st->mailboxes, n))
		shut += CONTAINER_OF(n, struct mref, node)->is_quarantined;
	metric_add(m, M_COMMITS, commits - metric_get(m, M_COMMITS));
	metric_add(m, M_WRITES, writes - metric_get(m, M_WRITES));
	metric_set(m, M_WAL_BYTES, wal);
	metric_set(m, M_DATABASES, open);
	metric_set(m, M_QUARANTINED, shut);
	metric_set(m, M_MAILBOXES, (int64_t)st->mailboxes.n);
	metric_set(m, M_UPLOAD_BYTES, (int64_t)st->upload_bytes);
}

static enum err make_folder(struct role *st, struct errbuf *eb)
{
	char *db = xasprintf("%s/db", st->data);
	enum err e = ERR_OK;

	if (mkdir(db, 0700) < 0 && errno != EEXIST)
		e = err_errno(eb, errno, db);
	free(db);
	return e;
}

enum err role_open(struct role *st, struct errbuf *eb)
{
	struct work_conf work = { .loop = st->loop, .threads = st->conf->workers,
				  .max_queue = 65536 };

	list_init(&st->databases);
	list_init(&st->making);
	hash_init(&st->mailboxes);
	hash_init(&st->principals);
	st->inbox = inbox_open(st->loop, take_post, st);
	st->work = work_pool_open(&work);
	st->zpool = zpool_new();
	st->m = metric_join(st->metrics, metrics, N_ELEMS(metrics), NULL);
	metric_on_read(st->m, on_metrics, st);
	return make_folder(st, eb);
}

static void close_databases(struct role *st)
{
	struct list *n;

	/* Threads end first; what they posted is taken while the tables still stand. */
	LIST_EACH (&st->databases, i)
		mdb_close(&CONTAINER_OF(i, struct sdb, node)->mdb);
	inbox_close(&st->inbox);
	for (struct hash_node *h = hash_next(&st->mailboxes, NULL), *next; h; h = next) {
		struct mref *m = CONTAINER_OF(h, struct mref, node);

		next = hash_next(&st->mailboxes, h);
		role_forget(st, m);
	}
	while ((n = list_pop(&st->databases)) != NULL) {
		struct sdb *s = CONTAINER_OF(n, struct sdb, node);

		free(s->name);
		free(s);
	}
}

void role_close(struct role *st)
{
	if (st->inbox == NULL)
		return;
	st->draining = true;
	keep_stop(st);
	work_pool_close(&st->work);
	close_databases(st);
	assign_drop(st);
	principal_forget(st);
	hash_fini(&st->principals);
	hash_fini(&st->mailboxes);
	zpool_free(&st->zpool);
	metric_leave(&st->m);
	free(st->methods);
	st->methods = NULL;
}

void role_collect_methods(struct role *st)
{
	static const struct {
		const struct rpc_method *table;
		const size_t *n;
	} all[] = {
		{ read_methods, &read_n_methods },
		{ watch_methods, &watch_n_methods },
		{ change_methods, &change_n_methods },
		{ put_methods, &put_n_methods },
		{ meta_methods, &meta_n_methods },
		{ rights_methods, &rights_n_methods },
		{ search_methods, &search_n_methods },
		{ admin_methods, &admin_n_methods },
	};

	for (size_t i = 0; i < N_ELEMS(all); i++) {
		st->methods = xrealloc(st->methods,
				       (st->n_methods + *all[i].n) * sizeof(*st->methods));
		memcpy(st->methods + st->n_methods, all[i].table,
		       *all[i].n * sizeof(*st->methods));
		st->n_methods += *all[i].n;
	}
}
