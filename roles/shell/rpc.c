#include "roles/shell/rpc.h"

#include "common/api/object_pb.h"
#include "common/base/check.h"
#include "gen/directory.pb-c.h"
#include "gen/hub.pb-c.h"
#include "gen/manage.pb-c.h"
#include "gen/store.pb-c.h"
#include "roles/shell/link.h"
#include <sodium.h>
#include <string.h>

#define LIST_PAGE 200

static enum err call(struct shell *sh, const char *method, const void *req,
		     const ProtobufCMessageDescriptor *rep, unsigned timeout_ms, const void *out)
{
	enum err e = ERR_OK;

	if (sh->link == NULL)
		e = link_open(sh->config_dir, &sh->link, &sh->eb);
	if (e)
		return e;
	return link_call(sh->link, method, req, rep, timeout_ms,
			 (const ProtobufCMessage **)(uintptr_t)out, &sh->eb);
}

static void *arena_take(void *arena, size_t n)
{
	return arena_alloc(arena, n);
}

static void arena_keep(void *arena, void *p)
{
	(void)arena;
	(void)p;	/* goes with the arena */
}

/* A method of another daemon, through the directory.  The inner reply lives in
 * sh->arena. */
static enum err forward(struct shell *sh, const char *server, const char *method,
			const void *req, const ProtobufCMessageDescriptor *rep,
			unsigned timeout_ms, const void *out)
{
	Manage__ForwardReq f = MANAGE__FORWARD_REQ__INIT;
	const Manage__ForwardRep *r = NULL;
	ProtobufCMessage **inner = (ProtobufCMessage **)(uintptr_t)out;
	ProtobufCAllocator in_arena = {
		.alloc = arena_take,
		.free = arena_keep,
		.allocator_data = &sh->arena,
	};
	size_t n = protobuf_c_message_get_packed_size(req);
	enum err e;

	if (server == NULL)
		return call(sh, method, req, rep, timeout_ms, out);
	f.server = (char *)(uintptr_t)server;
	f.method = (char *)(uintptr_t)method;
	f.timeout_ms = timeout_ms;
	f.body.data = arena_alloc(&sh->arena, n + 1);
	f.body.len = protobuf_c_message_pack(req, f.body.data);
	e = call(sh, "manage.forward", &f, &manage__forward_rep__descriptor,
		 timeout_ms ? timeout_ms + 2000 : 0, &r);
	if (e || rep == NULL)
		return e;
	*inner = protobuf_c_message_unpack(rep, &in_arena, r->body.len, r->body.data);
	if (*inner == NULL)
		return err_set(&sh->eb, ERR_INTERNAL, "%s: unreadable answer of %s", method, server);
	return ERR_OK;
}

enum err ask_forward(struct shell *sh, const char *server, const char *method,
		     const ProtobufCMessage *req, const ProtobufCMessageDescriptor *rep,
		     unsigned timeout_ms, const ProtobufCMessage **out)
{
	return forward(sh, server, method, req, rep, timeout_ms, out);
}

static char *mutable(const char *s)
{
	return (char *)(uintptr_t)(s ? s : "");
}

static ProtobufCBinaryData bytes_of(const struct guid *g)
{
	return (ProtobufCBinaryData){ sizeof(g->b), (uint8_t *)(uintptr_t)g->b };
}

static const char *keep(struct shell *sh, const char *s)
{
	return arena_str(&sh->arena, s ? s : "");
}

/* ---- the directory -------------------------------------------------------------- */

static enum err get(struct shell *sh, const Directory__GetReq *rq, struct object **out)
{
	const Directory__GetRep *rp = NULL;
	enum err e = call(sh, "directory.get", rq, &directory__get_rep__descriptor, 0, &rp);

	if (e)
		return e;
	if (rp->object == NULL)
		return err_set(&sh->eb, ERR_INTERNAL, "empty answer");
	return object_from_pb(&sh->arena, rp->object, out);
}

enum err ask_get(struct shell *sh, unsigned klass, const char *name, struct object **out)
{
	Directory__GetReq rq = DIRECTORY__GET_REQ__INIT;
	struct guid g;
	enum err e;

	rq.klass = klass;
	if (guid_parse(name, &g) == ERR_OK)
		rq.guid = bytes_of(&g);
	else
		rq.name = mutable(name);
	e = get(sh, &rq, out);
	if (e == ERR_NOTFOUND)
		err_set(&sh->eb, e, "no %s called %s", klass ? class_name(klass) : "recipient", name);
	return e;
}

enum err ask_get_guid(struct shell *sh, const struct guid *g, struct object **out)
{
	Directory__GetReq rq = DIRECTORY__GET_REQ__INIT;

	rq.guid = bytes_of(g);
	return get(sh, &rq, out);
}

enum err ask_list(struct shell *sh, unsigned klass, const char *match,
		  enum err (*each)(struct shell *sh, struct object *o, void *ctx), void *ctx)
{
	Directory__ListReq rq = DIRECTORY__LIST_REQ__INIT;
	const Directory__ListRep *rp = NULL;
	enum err e;

	rq.klass = klass;
	rq.match = mutable(match);
	rq.limit = LIST_PAGE;
	do {
		struct object **page;
		size_t n;

		e = call(sh, "directory.list", &rq, &directory__list_rep__descriptor, 0, &rp);
		if (e)
			return e;
		n = rp->n_objects;
		page = arena_alloc(&sh->arena, (n + 1) * sizeof(*page));
		for (size_t i = 0; i < n && e == ERR_OK; i++)
			e = object_from_pb(&sh->arena, rp->objects[i], &page[i]);
		if (!rp->more || n == 0)
			rq.limit = 0;
		else
			rq.after = mutable(object_text(page[n - 1], OBJ_NAME));
		/* What `each` asks ends the life of this reply, so it comes last. */
		for (size_t i = 0; i < n && e == ERR_OK; i++)
			e = each(sh, page[i], ctx);
	} while (e == ERR_OK && rq.limit > 0);
	return e;
}

static void apply_pb(struct shell *sh, const struct apply *a, Directory__ApplyReq *rq)
{
	size_t n = 0;

	rq->what = (Directory__ApplyReq__What)a->what;
	rq->klass = a->klass;
	rq->name = mutable(a->name);
	rq->password = mutable(a->password);
	rq->imported_hash = mutable(a->imported_hash);
	rq->pin = mutable(a->pin);
	rq->pin_expired = a->pin_expired;
	rq->pin_unlock = a->pin_unlock;
	for (const struct change *c = a->changes; c; c = c->next)
		n++;
	rq->changes = arena_alloc(&sh->arena, (n + 1) * sizeof(*rq->changes));
	for (const struct change *c = a->changes; c; c = c->next) {
		Directory__Change *m = arena_alloc(&sh->arena, sizeof(*m));

		directory__change__init(m);
		m->op = (Directory__Change__Op)c->op;
		m->attr = c->attr;
		m->values = values_to_pb(&sh->arena, c->values, &m->n_values);
		rq->changes[rq->n_changes++] = m;
	}
}

enum err ask_apply(struct shell *sh, const struct apply *a, struct object **out)
{
	Directory__ApplyReq rq = DIRECTORY__APPLY_REQ__INIT;
	const Directory__ApplyRep *rp = NULL;
	enum err e;

	apply_pb(sh, a, &rq);
	e = call(sh, "directory.apply", &rq, &directory__apply_rep__descriptor, 0, &rp);
	if (e)
		return e;
	for (size_t i = 0; i < rp->n_notes; i++)
		fprintf(stderr, "note: %s\n", rp->notes[i]);
	if (out && rp->object)
		return object_from_pb(&sh->arena, rp->object, out);
	return ERR_OK;
}

enum err ask_apply_start(struct shell *sh, const struct apply *a,
			 void (*done)(void *ctx, enum err e, const char *detail), void *ctx)
{
	Directory__ApplyReq rq = DIRECTORY__APPLY_REQ__INIT;
	enum err e = ERR_OK;

	if (sh->link == NULL)
		e = link_open(sh->config_dir, &sh->link, &sh->eb);
	if (e)
		return e;
	apply_pb(sh, a, &rq);
	link_start(sh->link, "directory.apply", &rq.base, done, ctx);
	return ERR_OK;
}

void ask_wait(struct shell *sh)
{
	if (sh->link)
		link_wait(sh->link);
}

enum err ask_token(struct shell *sh, unsigned role, const char *name, const char **token,
		   int64_t *expires_ms)
{
	Directory__TokenReq rq = DIRECTORY__TOKEN_REQ__INIT;
	const Directory__TokenRep *rp = NULL;
	enum err e;

	rq.role = role;
	rq.name = mutable(name);
	e = call(sh, "directory.token", &rq, &directory__token_rep__descriptor, 0, &rp);
	if (e)
		return e;
	*token = keep(sh, rp->token);
	*expires_ms = rp->expires_ms;
	return ERR_OK;
}

enum err ask_subscribe(struct shell *sh, const char *subscription)
{
	Directory__SubscribeReq rq = DIRECTORY__SUBSCRIBE_REQ__INIT;

	rq.subscription = mutable(subscription);
	return call(sh, "directory.subscribe", &rq, NULL, 0, NULL);
}

enum err ask_audit(struct shell *sh, unsigned limit)
{
	Directory__AuditReq rq = DIRECTORY__AUDIT_REQ__INIT;
	const Directory__AuditRep *rp = NULL;
	struct table *t = table_new(&sh->arena, "number time administrator change object result detail");
	enum err e;

	rq.limit = limit;
	e = call(sh, "directory.audit", &rq, &directory__audit_rep__descriptor, 0, &rp);
	if (e)
		return e;
	for (size_t i = 0; i < rp->n_lines; i++) {
		const Directory__AuditLine *l = rp->lines[i];

		table_row(t);
		table_number(t, NULL, (int64_t)l->seq);
		table_time(t, NULL, l->at_ms);
		table_text(t, NULL, l->who);
		table_text(t, NULL, l->what);
		table_text(t, NULL, l->object);
		table_text(t, NULL, l->result);
		table_text(t, NULL, l->detail);
	}
	sh->table = t;
	return ERR_OK;
}

/* ---- servers --------------------------------------------------------------------- */

enum err ask_members(struct shell *sh, struct members *out)
{
	Directory__MembersReq rq = DIRECTORY__MEMBERS_REQ__INIT;
	const Directory__MembersRep *rp = NULL;
	enum err e = call(sh, "directory.members", &rq, &directory__members_rep__descriptor, 0, &rp);

	if (e)
		return e;
	out->n = rp->n_members;
	out->usn = rp->usn;
	out->organisation = keep(sh, rp->organisation);
	out->m = arena_alloc(&sh->arena, (out->n + 1) * sizeof(*out->m));
	for (size_t i = 0; i < out->n; i++) {
		const Directory__MemberLine *l = rp->members[i];

		out->m[i] = (struct member_line){
			.name = keep(sh, l->name), .role = keep(sh, rpc_role_name(l->role)),
			.role_bit = l->role, .version = keep(sh, l->version),
			.endpoint = keep(sh, l->endpoint), .up = l->up, .usn = l->usn,
			.seen_ms = l->seen_ms, .started_ms = l->started_ms,
		};
	}
	return ERR_OK;
}

enum err ask_status(struct shell *sh, const char *server, struct status *out)
{
	Manage__StatusReq rq = MANAGE__STATUS_REQ__INIT;
	const Manage__StatusRep *rp = NULL;
	struct fact **at = &out->facts;
	enum err e;

	*out = (struct status){ .links_down = "" };
	e = forward(sh, server, "manage.status", &rq, &manage__status_rep__descriptor, 3000, &rp);
	if (e)
		return e;
	out->started_ms = rp->started_ms;
	out->pid = rp->pid;
	out->usn = rp->usn;
	out->rss_bytes = rp->rss_bytes;
	out->version = keep(sh, rp->version);
	for (size_t i = 0; i < rp->n_links; i++) {
		out->links_all++;
		out->links_up += rp->links[i]->up;
		if (!rp->links[i]->up)
			out->links_down = arena_printf(&sh->arena, "%s%s%s", out->links_down,
				out->links_down[0] ? " " : "", rp->links[i]->name);
	}
	for (size_t i = 0; i < rp->n_facts; i++) {
		struct fact *f = arena_alloc(&sh->arena, sizeof(*f));

		f->key = keep(sh, rp->facts[i]->key);
		f->value = keep(sh, rp->facts[i]->value);
		*at = f;
		at = &f->next;
	}
	return ERR_OK;
}

enum err ask_stats(struct shell *sh, const char *server, const char *role,
		   void (*each)(void *ctx, const char *name, const char *labels,
				const char *help, double value, bool counter),
		   void *ctx)
{
	Manage__StatsReq rq = MANAGE__STATS_REQ__INIT;
	const Manage__StatsRep *rp = NULL;
	enum err e = forward(sh, server, "manage.stats", &rq, &manage__stats_rep__descriptor,
			     3000, &rp);

	if (e)
		return e;
	for (size_t i = 0; i < rp->n_metrics; i++) {
		const Manage__Metric *m = rp->metrics[i];
		const char *labels = arena_printf(&sh->arena, "server=\"%s\",role=\"%s\"%s%s",
			server ? server : "directory", role, m->labels[0] ? "," : "", m->labels);

		each(ctx, m->name, labels, m->help, m->value, m->counter);
	}
	return ERR_OK;
}

enum err ask_log_level(struct shell *sh, const char *server, const char *level, const char **now)
{
	Manage__LogLevelReq rq = MANAGE__LOG_LEVEL_REQ__INIT;
	const Manage__LogLevelRep *rp = NULL;
	enum err e;

	rq.level = mutable(level);
	e = forward(sh, server, "manage.log-level", &rq, &manage__log_level_rep__descriptor, 3000, &rp);
	if (e == ERR_OK)
		*now = keep(sh, rp->level);
	return e;
}

enum err ask_rotate(struct shell *sh, const char *server)
{
	Manage__RotateReq rq = MANAGE__ROTATE_REQ__INIT;

	return forward(sh, server, "manage.rotate", &rq, NULL, 10000, NULL);
}

/* ---- mailbox servers -------------------------------------------------------------- */

enum err ask_databases(struct shell *sh, const char *server, struct table *t)
{
	Store__DatabaseListReq rq = STORE__DATABASE_LIST_REQ__INIT;
	const Store__DatabaseListRep *rp = NULL;
	enum err e = forward(sh, server, "store.database-list", &rq,
			     &store__database_list_rep__descriptor, 10000, &rp);

	for (size_t i = 0; e == ERR_OK && i < rp->n_databases; i++) {
		const Store__DatabaseStat *d = rp->databases[i];

		table_row(t);
		table_text(t, NULL, d->name);
		table_text(t, NULL, server);
		table_text(t, NULL, d->readable ? "mounted" : "damaged");
		table_number(t, NULL, d->mailboxes);
		table_number(t, NULL, d->disconnected);
		table_number(t, NULL, d->quarantined);
		table_size(t, NULL, (int64_t)d->file_bytes);
		table_size(t, NULL, (int64_t)d->wal_bytes);
		table_number(t, NULL, (int64_t)d->epoch);
	}
	return e;
}

enum err ask_catalogues(struct shell *sh, const char *server, struct table *t)
{
	Store__CatalogueReq rq = STORE__CATALOGUE_REQ__INIT;
	const Store__CatalogueRep *rp = NULL;
	enum err e = forward(sh, server, "store.catalogue-list", &rq,
			     &store__catalogue_rep__descriptor, 10000, &rp);

	for (size_t i = 0; e == ERR_OK && i < rp->n_catalogues; i++) {
		const Store__CatalogueStat *c = rp->catalogues[i];

		table_row(t);
		table_text(t, NULL, c->name);
		table_text(t, NULL, server);
		table_text(t, NULL, c->stopped ? "stopped" : c->waiting ? "behind" : "complete");
		table_number(t, NULL, (int64_t)c->known);
		table_number(t, NULL, (int64_t)c->waiting);
		table_size(t, NULL, (int64_t)c->bytes);
	}
	return e;
}

enum err ask_reindex(struct shell *sh, const char *server, const struct guid *database)
{
	Store__CatalogueReq rq = STORE__CATALOGUE_REQ__INIT;

	rq.database = bytes_of(database);
	return forward(sh, server, "store.catalogue-rebuild", &rq, NULL, 10000, NULL);
}

enum err ask_check(struct shell *sh, const char *server, const struct guid *database, bool fix,
		   struct table *t, unsigned *findings)
{
	Store__CheckReq rq = STORE__CHECK_REQ__INIT;
	const Store__CheckRep *rp = NULL;
	enum err e;

	rq.database = bytes_of(database);
	rq.fix = fix;
	e = forward(sh, server, "store.check", &rq, &store__check_rep__descriptor, 3600000, &rp);
	if (e)
		return e;
	*findings = (unsigned)rp->n_findings;
	table_number(t, "mailboxes", (int64_t)rp->mailboxes);
	table_number(t, "items", (int64_t)rp->items);
	table_number(t, "fixed", rp->fixed);
	table_list(t, "findings");
	for (size_t i = 0; i < rp->n_findings; i++)
		table_item(t, rp->findings[i]);
	return ERR_OK;
}

static enum err mailbox_stat(struct shell *sh, const char *server, const struct guid *mailbox,
			     const Store__MailboxStat **out)
{
	Store__MailboxStatReq rq = STORE__MAILBOX_STAT_REQ__INIT;

	rq.mailbox = bytes_of(mailbox);
	return forward(sh, server, "store.mailbox-stat", &rq, &store__mailbox_stat__descriptor,
		       5000, out);
}

enum err ask_mailbox_stat(struct shell *sh, const char *server, const struct guid *mailbox,
			  struct table *t)
{
	const Store__MailboxStat *s = NULL;
	enum err e = mailbox_stat(sh, server, mailbox, &s);

	if (e)
		return e;
	table_number(t, "items", (int64_t)s->items);
	table_size(t, "size", (int64_t)s->size);
	table_size(t, "deleted-size", (int64_t)s->dumpster_size);
	table_time(t, "disconnected-since", s->disconnected_ms);
	return ERR_OK;
}

enum err ask_folders(struct shell *sh, const char *server, const struct guid *mailbox,
		     struct table *t)
{
	const Store__MailboxStat *s = NULL;
	enum err e = mailbox_stat(sh, server, mailbox, &s);

	for (size_t i = 0; e == ERR_OK && i < s->n_folders; i++) {
		const Store__Folder *f = s->folders[i];

		table_row(t);
		table_text(t, NULL, f->path);
		table_text(t, NULL, f->role[0] ? f->role : NULL);
		table_number(t, NULL, f->total);
		table_number(t, NULL, f->unread);
		table_size(t, NULL, (int64_t)f->size);
	}
	return e;
}

enum err ask_messages(struct shell *sh, const char *server, const struct guid *mailbox,
		      const char *path, unsigned limit, const char *want_message_id,
		      bool *found, struct table *t)
{
	Store__ListMessagesReq rq = STORE__LIST_MESSAGES_REQ__INIT;
	const Store__ListMessagesRep *rp = NULL;
	enum err e;

	rq.mailbox = bytes_of(mailbox);
	rq.path = mutable(path);
	rq.limit = limit;
	e = forward(sh, server, "store.list-messages", &rq,
		    &store__list_messages_rep__descriptor, 10000, &rp);
	for (size_t i = 0; e == ERR_OK && i < rp->n_messages; i++) {
		const Store__MessageLine *m = rp->messages[i];

		if (want_message_id && strstr(m->message_id, want_message_id))
			*found = true;
		if (t == NULL)
			continue;
		table_row(t);
		table_number(t, NULL, m->uid);
		table_time(t, NULL, m->received_ms);
		table_text(t, NULL, m->from);
		table_text(t, NULL, m->subject);
		table_size(t, NULL, (int64_t)m->size);
		table_text(t, NULL, m->flags & STORE__FLAG__SEEN ? "seen" : "new");
		table_text(t, NULL, m->message_id);
	}
	return e;
}

enum err ask_content(struct shell *sh, const char *server, const struct guid *mailbox,
		     const char *path, unsigned uid, FILE *to)
{
	Store__PeekReq rq = STORE__PEEK_REQ__INIT;
	const Store__PeekRep *rp = NULL;
	enum err e;

	rq.mailbox = bytes_of(mailbox);
	rq.path = mutable(path);
	rq.uid = uid;
	do {
		struct arena page = sh->arena;

		/* Each piece in an arena of its own: a message may be large. */
		arena_init(&sh->arena);
		e = forward(sh, server, "store.peek", &rq, &store__peek_rep__descriptor, 10000, &rp);
		if (e == ERR_OK) {
			rq.uid = rp->uid;
			rq.offset += rp->data.len;
			if (fwrite(rp->data.data, 1, rp->data.len, to) != rp->data.len)
				e = err_set(&sh->eb, ERR_FULL, "cannot write");
			if (rp->data.len == 0 || rq.offset >= rp->size)
				rq.length = 1;	/* the end */
		}
		arena_fini(&sh->arena);
		sh->arena = page;
	} while (e == ERR_OK && rq.length == 0);
	return e;
}

enum err ask_dumpster(struct shell *sh, const char *server, const struct guid *mailbox,
		      unsigned limit, struct table *t)
{
	Store__DumpsterReq rq = STORE__DUMPSTER_REQ__INIT;
	const Store__DumpsterRep *rp = NULL;
	enum err e;

	rq.mailbox = bytes_of(mailbox);
	rq.limit = limit;
	e = forward(sh, server, "store.dumpster", &rq, &store__dumpster_rep__descriptor, 10000, &rp);
	for (size_t i = 0; e == ERR_OK && i < rp->n_items; i++) {
		const Store__DumpsterItem *d = rp->items[i];

		table_row(t);
		table_number(t, NULL, (int64_t)d->mid);
		table_text(t, NULL, d->folder);
		table_time(t, NULL, d->deleted_ms);
		table_text(t, NULL, d->from);
		table_text(t, NULL, d->subject);
		table_size(t, NULL, (int64_t)d->size);
	}
	return e;
}

enum err ask_restore(struct shell *sh, const char *server, const struct guid *mailbox,
		     const uint64_t *mids, size_t n, unsigned *restored)
{
	Store__RestoreReq rq = STORE__RESTORE_REQ__INIT;
	const Store__RestoreRep *rp = NULL;
	enum err e;

	rq.mailbox = bytes_of(mailbox);
	rq.mids = (uint64_t *)(uintptr_t)mids;
	rq.n_mids = n;
	e = forward(sh, server, "store.restore", &rq, &store__restore_rep__descriptor, 30000, &rp);
	if (e == ERR_OK)
		*restored = rp->restored;
	return e;
}

enum err ask_reconnect(struct shell *sh, const char *server, const struct guid *mailbox,
		       const struct guid *as)
{
	Store__ReconnectReq rq = STORE__RECONNECT_REQ__INIT;

	rq.mailbox = bytes_of(mailbox);
	rq.as = bytes_of(as);
	return forward(sh, server, "store.reconnect", &rq, NULL, 10000, NULL);
}

/* ---- hubs and edges ----------------------------------------------------------------- */

/* A database is known to the queue by its GUID, to people by its name. */
static const char *next_hop(struct shell *sh, const Hub__QueueLine *q)
{
	struct errbuf before = sh->eb;
	struct object *o;
	struct guid g;

	if (strcmp(q->kind, "database") == 0 && guid_parse(q->name, &g) == ERR_OK &&
	    ask_get_guid(sh, &g, &o) == ERR_OK && object_text(o, OBJ_NAME))
		return object_text(o, OBJ_NAME);
	sh->eb = before;
	return q->name;
}

enum err ask_queues(struct shell *sh, const char *server, struct table *t)
{
	Hub__QueueListReq rq = HUB__QUEUE_LIST_REQ__INIT;
	const Hub__QueueListRep *rp = NULL;
	enum err e = forward(sh, server, "queue.list", &rq, &hub__queue_list_rep__descriptor,
			     5000, &rp);

	for (size_t i = 0; e == ERR_OK && i < rp->n_lines; i++) {
		const Hub__QueueLine *q = rp->lines[i];

		table_row(t);
		table_text(t, NULL, server);
		table_number(t, NULL, q->id);
		table_text(t, NULL, q->kind);
		table_text(t, NULL, next_hop(sh, q));
		table_number(t, NULL, (int64_t)q->messages);
		table_text(t, NULL, q->suspended ? "suspended" : q->tries ? "retry" : "active");
		table_number(t, NULL, q->tries);
		table_time(t, NULL, q->due_ms);
		table_time(t, NULL, q->oldest_ms);
		table_text(t, NULL, q->error[0] ? q->error : NULL);
	}
	return e;
}

enum err ask_queue_messages(struct shell *sh, const char *server, int64_t hop, unsigned limit,
			    struct table *t)
{
	Hub__QueueMessagesReq rq = HUB__QUEUE_MESSAGES_REQ__INIT;
	const Hub__QueueMessagesRep *rp = NULL;
	enum err e;

	rq.hop = hop;
	rq.limit = limit;
	e = forward(sh, server, "queue.messages", &rq, &hub__queue_messages_rep__descriptor,
		    10000, &rp);
	for (size_t i = 0; e == ERR_OK && i < rp->n_messages; i++) {
		const Hub__QueueMessage *m = rp->messages[i];

		table_row(t);
		table_text(t, NULL, server);
		table_number(t, NULL, m->row);
		table_text(t, NULL, m->sender[0] ? m->sender : "<>");
		table_text(t, NULL, m->recipient);
		table_number(t, NULL, m->recipients);
		table_size(t, NULL, (int64_t)m->size);
		table_time(t, NULL, m->received_ms);
		table_text(t, NULL, m->suspended ? "suspended" : m->error[0] ? m->error : NULL);
		table_text(t, NULL, m->message_id);
	}
	return e;
}

enum err ask_queue_order(struct shell *sh, const char *server, const char *order, int64_t hop,
			 int64_t row)
{
	Hub__QueueOrderReq rq = HUB__QUEUE_ORDER_REQ__INIT;

	rq.order = mutable(order);
	rq.hop = hop;
	rq.row = row;
	return forward(sh, server, "queue.order", &rq, NULL, 30000, NULL);
}

enum err ask_track(struct shell *sh, const char *server, const struct track *t,
		   struct track_line **out)
{
	Hub__TrackReq rq = HUB__TRACK_REQ__INIT;
	const Hub__TrackRep *rp = NULL;
	enum err e;

	rq.message_id = mutable(t->message_id);
	rq.recipient = mutable(t->recipient);
	rq.sender = mutable(t->sender);
	rq.limit = t->limit;
	e = forward(sh, server, "track.find", &rq, &hub__track_rep__descriptor, 10000, &rp);
	for (size_t i = 0; e == ERR_OK && i < rp->n_lines; i++) {
		const Hub__TrackLine *l = rp->lines[i];
		struct track_line *line = arena_alloc(&sh->arena, sizeof(*line));

		*line = (struct track_line){
			.at_ms = l->at_ms, .event = keep(sh, l->event), .id = keep(sh, l->id),
			.message_id = keep(sh, l->message_id), .sender = keep(sh, l->sender),
			.recipient = keep(sh, l->recipient), .detail = keep(sh, l->detail),
			.server = keep(sh, server), .size = l->size, .next = *out,
		};
		*out = line;
	}
	return e;
}
