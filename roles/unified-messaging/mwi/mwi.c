#include "roles/unified-messaging/mwi/mwi.h"

#include "common/api/store.h"
#include "common/base/check.h"
#include "common/base/log.h"
#include "common/replica/member.h"
#include "common/replica/objects.h"
#include "roles/unified-messaging/message/compose.h"
#include "roles/unified-messaging/um.h"

#include <stdlib.h>
#include <string.h>

enum { SETTLE_MS = 500, RETRY_MS = 5000 };

struct watch {
	struct list node;
	struct mwi *mwi;
	struct sip_sub *sub;
	struct guid mailbox, database;
	char account[NUMBER_MAX];
	struct api_call *hints, *look;	/* the watch; a look that runs */
	int64_t due_ms;			/* monotonic: look then; 0: nothing to look for */
	bool ended, told;
	uint64_t epoch, cn;
	unsigned new_ones, old_ones, told_new, told_old;
};

static void watch_free(struct watch *w)
{
	list_del(&w->node);
	api_cancel(&w->hints);
	api_cancel(&w->look);
	sip_sub_close(&w->sub);
	free(w);
}

static void on_closed(void *ctx)
{
	((struct watch *)ctx)->ended = true;	/* the next tick frees it */
}

/* ---- looking --------------------------------------------------------------------------- */

static bool store_of(struct watch *w, struct store_at *at)
{
	*at = (struct store_at){ .mailbox = w->mailbox, .principal = w->mailbox };
	at->peer = links_to_database(member_links(w->mwi->um->member), &w->database);
	return at->peer != NULL;
}

static void tell(struct watch *w)
{
	if (w->told && w->told_new == w->new_ones && w->told_old == w->old_ones)
		return;
	w->told = true;
	w->told_new = w->new_ones;
	w->told_old = w->old_ones;
	sip_sub_notify(w->sub, w->account, w->new_ones, w->old_ones);
}

static void on_rows(void *ctx, const struct store_row *rows, size_t n, size_t bytes)
{
	static const char mark[] = COMPOSE_VOICE_ID;
	struct watch *w = ctx;

	for (size_t i = 0; i < n; i++) {
		struct span id = rows[i].message_id;

		if (id.n && *id.p == '<') {
			id.p++;
			id.n--;
		}
		if ((rows[i].flags & FLAG_DELETED) || id.n < sizeof(mark) - 1 ||
		    memcmp(id.p, mark, sizeof(mark) - 1) != 0)
			continue;
		if (rows[i].flags & FLAG_SEEN)
			w->old_ones++;
		else
			w->new_ones++;
	}
	api_grant(w->look, bytes);
}

static void looked(void *ctx, enum err e, uint64_t highestmodseq, struct uid_ranges vanished)
{
	struct watch *w = ctx;

	(void)highestmodseq;
	(void)vanished;
	w->look = NULL;
	if (e)
		w->due_ms = w->due_ms ? w->due_ms : 1;
	else
		tell(w);
}

static void inbox(void *ctx, enum err e, const struct store_folders *f)
{
	struct watch *w = ctx;
	struct store_at at;
	struct uid_range all = { 1, UINT32_MAX };
	struct store_fetch fetch = { .uids = { &all, 1 }, .columns = COL_FLAGS | COL_SUMMARY };

	w->look = NULL;
	if (e || f->n == 0 || !store_of(w, &at)) {
		/* Nothing there yet, or the store is away: the telephone is told what we know. */
		tell(w);
		return;
	}
	w->cn = f->cn;
	fetch.fid = f->f[0].fid;
	if (f->f[0].uidnext > MWI_LOOK_BACK)
		all.first = f->f[0].uidnext - MWI_LOOK_BACK;
	w->new_ones = w->old_ones = 0;
	w->look = store_fetch(&at, &fetch, on_rows, looked, w);
}

/* ---- hints ------------------------------------------------------------------------------- */

static void on_hint(void *ctx, uint64_t epoch, uint64_t cn)
{
	struct watch *w = ctx;

	w->epoch = epoch;
	w->cn = cn;
	if (!w->due_ms)
		w->due_ms = 1;
}

static void hints_gone(void *ctx, enum err e, uint64_t cn)
{
	struct watch *w = ctx;

	(void)e;
	(void)cn;
	w->hints = NULL;
}

static void look(struct watch *w, int64_t now)
{
	struct store_at at;

	if (!store_of(w, &at)) {
		w->due_ms = now + RETRY_MS;
		return;
	}
	w->due_ms = 0;
	if (!w->hints)
		w->hints = store_watch(&at, w->cn, on_hint, hints_gone, w);
	w->look = store_folder_list(&at, "INBOX", inbox, w);
}

void mwi_tick(struct mwi *m, int64_t now)
{
	LIST_EACH (&m->watches, n) {
		struct watch *w = CONTAINER_OF(n, struct watch, node);

		if (w->ended) {
			watch_free(w);
			continue;
		}
		if (!w->hints && !w->due_ms)
			w->due_ms = now + RETRY_MS;
		/* A burst of changes is one look. */
		if (w->due_ms == 1)
			w->due_ms = now + SETTLE_MS;
		if (w->due_ms && now >= w->due_ms && !w->look)
			look(w, now);
	}
}

/* ---- subscriptions --------------------------------------------------------------------------- */

/* The mailbox with this extension, in whatever dial plan: gateways are told apart by
 * the stack, and extensions that two plans share name two telephones. */
static struct object *by_extension(struct replica *r, const char *extension, struct arena *a)
{
	struct guid g[4];
	int64_t after = 0;
	size_t n = objects_by_extension(replica_db(r), extension, &after, g, N_ELEMS(g));
	struct object *o;

	for (size_t i = 0; i < n; i++)
		if (replica_by_guid(r, &g[i], a, &o) == ERR_OK && o->klass == CLASS_MAILBOX &&
		    object_bool(o, OBJ_UM_ENABLED, false))
			return o;
	return NULL;
}

bool mwi_subscribe(void *ctx, struct sip_sub *s, const struct number *called)
{
	struct um *um = ctx;
	struct arena a = { 0 };
	struct object *o = by_extension(member_replica(um->member), called->user, &a);
	struct guid database;
	struct watch *w = NULL;

	if (o && object_guid(o, OBJ_DATABASE, &database)) {
		w = xcalloc(1, sizeof(*w));
		w->mwi = &um->mwi;
		w->sub = s;
		w->mailbox = o->guid;
		w->database = database;
		memcpy(w->account, called->user, sizeof(w->account));
		list_init(&w->node);
		list_add_tail(&um->mwi.watches, &w->node);
		sip_sub_own(s, on_closed, w);
		look(w, 0);
	}
	arena_fini(&a);
	return w != NULL;
}

void mwi_init(struct mwi *m, struct um *um)
{
	m->um = um;
	list_init(&m->watches);
}

void mwi_fini(struct mwi *m)
{
	LIST_EACH (&m->watches, n)
		watch_free(CONTAINER_OF(n, struct watch, node));
}
