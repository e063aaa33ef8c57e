#include "tests/unit/client-access/imap/fake_priv.h"

#include "common/api/rights.h"
#include "common/base/check.h"
#include "common/base/list.h"
#include "common/mime/map.h"
#include "roles/client-access/account.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const kind_names[] = { "list", "folder", "acl", "select", "fetch", "content",
	"query", "append", "place", "flags", "copy", "expunge", "changes", "watch", "find", "sort", "refs", "other" };

struct fake_state fake;
#define st fake

static const char plain[] = "From: Ann <ann@example.test>\r\nTo: bob@example.test\r\n"
			    "Subject: Hello w\xc3\xb6rld\r\nDate: Mon, 2 Jan 2006 15:04:05 +0000\r\n"
			    "Message-ID: <m1@example.test>\r\n\r\nFirst line\r\nsecond\r\n";
static const char multi[] = "From: carol@example.test\r\nSubject: Parts\r\nMIME-Version: 1.0\r\n"
			    "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
			    "Content-Type: text/plain; charset=utf-8\r\n"
			    "Content-Transfer-Encoding: base64\r\n\r\nR3LDvMOfZSBhdXMgQmVybGlu\r\n--b\r\n"
			    "Content-Type: application/octet-stream\r\n\r\nbinary\r\n--b--\r\n";

/* ---- state ------------------------------------------------------------------ */

static struct folder *by_path(const char *path)
{
	for (size_t i = 0; i < st.n_folders; i++)
		if (strcmp(st.f[i].path, path) == 0)
			return &st.f[i];
	return NULL;
}

struct folder *fake_by_fid(uint64_t fid)
{
	for (size_t i = 0; i < st.n_folders; i++)
		if (st.f[i].fid == fid)
			return &st.f[i];
	return NULL;
}

struct msg *fake_by_uid(struct folder *f, uint32_t uid)
{
	for (size_t i = 0; f && i < f->n; i++)
		if (f->m[i].uid == uid && !f->m[i].gone)
			return &f->m[i];
	return NULL;
}

static struct folder *add_folder(const char *path, const char *role)
{
	struct folder *f = &st.f[st.n_folders++];

	CHECK(st.n_folders <= MAX_FOLDERS);
	memset(f, 0, sizeof(*f));
	f->path = xstrdup(path);
	f->role = role;
	f->fid = 100 + ++st.cn;
	f->uidvalidity = 7;
	f->uidnext = 1;
	f->modseq = st.cn;
	return f;
}

struct msg *fake_add(struct folder *f, const char *content, size_t n, unsigned flags)
{
	struct msg *m = &f->m[f->n++];

	CHECK(f->n <= MAX_MSGS);
	*m = (struct msg){ .uid = f->uidnext++, .flags = flags, .modseq = ++st.cn,
			   .content = xmemdup(content, n),
			   .date_ms = 1136214245000 + 86400000 * (int64_t)f->n };
	f->modseq = st.cn;
	return m;
}

static void free_msgs(struct folder *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->m[i].content);
		free(f->m[i].keyword);
	}
	free(f->path);
}

static void free_call(struct api_call *c)
{
	list_del(&c->node);
	free(c->path);
	free(c->path2);
	free(c->uids);
	free(c->keyword);
	free(c->data);
	free(c->arg);
	free(c);
}

void fake_reset(void)
{
	struct folder *f;

	if (st.up) {
		for (size_t i = 0; i < st.n_folders; i++)
			free_msgs(&st.f[i]);
		LIST_EACH (&st.calls, n)
			free_call(CONTAINER_OF(n, struct api_call, node));
		LIST_EACH (&st.watches, n)
			free_call(CONTAINER_OF(n, struct api_call, node));
		free(st.gone_subscribed);
	}
	memset(&st, 0, sizeof(st));
	fake_stage_reset();
	fake_meta_reset();
	st.up = true;
	list_init(&st.calls);
	list_init(&st.watches);
	f = add_folder("INBOX", "inbox");
	f->subscribed = true;
	fake_add(f, plain, strlen(plain), FLAG_SEEN);
	fake_add(f, multi, strlen(multi), 0);
	fake_add(f, plain, strlen(plain), FLAG_FLAGGED);
	f->m[2].keyword = xstrdup("junk");
	f->uidnext = 9;			/* a gap */
	fake_add(f, plain, strlen(plain), FLAG_SEEN | FLAG_DELETED);
	f->recent_uid = 9;
	add_folder("Sent", "sent")->subscribed = true;
	add_folder("Drafts", "drafts");
	add_folder("Drafts/old", NULL)->subscribed = true;
}

static void hint(void)
{
	LIST_EACH (&st.watches, n) {
		struct api_call *c = CONTAINER_OF(n, struct api_call, node);

		((store_hint_cb *)c->cb)(c->ctx, 1, st.cn);
	}
}

uint32_t fake_deliver(const char *folder, const char *content)
{
	uint32_t uid = fake_add(by_path(folder), content, strlen(content), 0)->uid;

	hint();
	return uid;
}

void fake_set_flags(const char *folder, uint32_t uid, unsigned flags)
{
	struct folder *f = by_path(folder);
	struct msg *m = fake_by_uid(f, uid);

	m->flags = flags;
	f->modseq = m->modseq = ++st.cn;
	hint();
}

void fake_expunge(const char *folder, uint32_t uid)
{
	struct folder *f = by_path(folder);

	fake_by_uid(f, uid)->gone = f->modseq = ++st.cn;
	hint();
}

void fake_remove_folder(const char *folder)
{
	struct folder *f = by_path(folder);

	free_msgs(f);
	*f = st.f[--st.n_folders];
	st.cn++;
	hint();
}

const char *fake_content(const char *folder, uint32_t uid)
{
	struct msg *m = fake_by_uid(by_path(folder), uid);

	return m ? m->content : NULL;
}

unsigned fake_flags(const char *folder, uint32_t uid)
{
	struct msg *m = fake_by_uid(by_path(folder), uid);

	return m ? m->flags : 0;
}

size_t fake_waiting(void)
{
	size_t n = 0;

	LIST_EACH (&st.calls, node)
		n++;
	return n;
}

size_t fake_watches(void)
{
	size_t n = 0;

	LIST_EACH (&st.watches, node)
		n++;
	return n;
}

void fake_fail(const char *call, enum err e)
{
	st.fail = call;
	st.fail_with = e;
}

void fake_no_maps(bool on)
{
	st.no_maps = on;
}

void fake_content_in_rows(bool on)
{
	st.content_in_rows = on;
}

void fake_forget(void)
{
	st.floor = st.cn;
}

void fake_other_server(bool on)
{
	st.other_server = on;
}

void fake_rights(unsigned rights)
{
	st.no_rights = RIGHT_ALL & ~rights;
}

int64_t fake_date_ms(const char *folder, uint32_t uid)
{
	return fake_by_uid(by_path(folder), uid)->date_ms;
}

const char *fake_keyword(const char *folder, uint32_t uid)
{
	return fake_by_uid(by_path(folder), uid)->keyword;
}

void fake_away(bool on)
{
	st.away = on;
}

enum err account_locate(struct cas *cas, const struct guid *principal, struct store_at *at)
{
	(void)cas;
	*at = (struct store_at){ .mailbox = *principal, .principal = *principal };
	return st.away ? ERR_AGAIN : ERR_OK;
}

enum err account_locate_mailbox(struct cas *cas, const struct guid *mailbox,
				const struct guid *principal, struct store_at *at)
{
	(void)cas;
	*at = (struct store_at){ .mailbox = *mailbox, .principal = *principal };
	if (st.other_server && !guid_eq(mailbox, principal))
		at->peer = (struct rpc_peer *)&fake;	/* any other; nobody looks into it */
	return st.away ? ERR_AGAIN : ERR_OK;
}

/* ---- making calls ------------------------------------------------------------- */

struct api_call *fake_call(enum kind kind, void *cb, void *ctx)
{
	struct api_call *c = xcalloc(1, sizeof(*c));

	c->kind = kind;
	c->cb = cb;
	c->ctx = ctx;
	list_add_tail(kind == WATCHING ? &st.watches : &st.calls, &c->node);
	return c;
}

static void take_uids(struct api_call *c, struct uid_ranges u)
{
	c->n_uids = u.n;
	c->uids = u.n ? xmemdup(u.r, u.n * sizeof(*u.r)) : NULL;
}

void api_cancel(struct api_call **cp)
{
	struct api_call *c = *cp;

	*cp = NULL;
	if (c == NULL)
		return;
	c->cancelled = true;
	if (c != st.running)
		free_call(c);
}

void api_grant(struct api_call *c, size_t bytes)
{
	CHECK(c != NULL && !c->cancelled);
	if (c->kind == FETCHING) {	/* never more than it gave */
		CHECK(bytes <= c->len);
		c->len -= bytes;
	}
}

struct api_call *store_folder_list(const struct store_at *at, const char *path,
				   store_folders_cb *cb, void *ctx)
{
	struct api_call *c = fake_call(LISTING, (void *)cb, ctx);

	(void)at;
	c->path = path ? xstrdup(path) : NULL;
	return c;
}

struct api_call *store_folder_list_deleted(const struct store_at *at, const char *path,
					   store_folders_cb *cb, void *ctx)
{
	struct api_call *c = store_folder_list(at, path, cb, ctx);

	c->on2 = true;
	return c;
}

struct api_call *store_folder_create(const struct store_at *at, const char *path,
				     const char *role, store_folders_cb *cb, void *ctx)
{
	struct api_call *c = fake_call(LISTING, (void *)cb, ctx);

	(void)at;
	(void)role;
	c->path = xstrdup(path);
	c->on = true;
	return c;
}

static struct api_call *done_call(const char *path, const char *path2, char what,
				  store_done_cb *cb, void *ctx)
{
	struct api_call *c = fake_call(DONE_CALL, (void *)cb, ctx);

	c->path = xstrdup(path);
	c->path2 = path2 ? xstrdup(path2) : NULL;
	c->bits = (unsigned char)what;
	return c;
}

struct api_call *store_folder_rename(const struct store_at *at, const char *from,
				     const char *to, store_done_cb *cb, void *ctx)
{
	(void)at;
	return done_call(from, to, 'r', cb, ctx);
}

struct api_call *store_folder_delete(const struct store_at *at, const char *path,
				     store_done_cb *cb, void *ctx)
{
	(void)at;
	return done_call(path, NULL, 'd', cb, ctx);
}

struct api_call *store_folder_subscribe(const struct store_at *at, const char *path, bool on,
					bool elsewhere, store_done_cb *cb, void *ctx)
{
	(void)at;
	(void)elsewhere;
	return done_call(path, NULL, on ? 's' : 'u', cb, ctx);
}

struct api_call *store_acl_set(const struct store_at *at, const struct store_acl_change *ch,
			       store_done_cb *cb, void *ctx)
{
	(void)at;
	return done_call(ch->path, NULL, 'a', cb, ctx);
}

struct api_call *store_acl_list(const struct store_at *at, const char *path, store_acl_cb *cb,
				void *ctx)
{
	(void)at;
	(void)path;
	return fake_call(ACL_LISTING, (void *)cb, ctx);
}

struct api_call *store_acl_shared(const struct store_at *at, store_shared_cb *cb, void *ctx)
{
	(void)at;
	(void)cb;
	(void)ctx;
	CHECK(false);		/* there are no stores to ask */
	return NULL;
}

struct api_call *store_select(const struct store_at *at, uint64_t fid, bool read_write,
			      bool with_runs, store_select_cb *cb, void *ctx)
{
	struct api_call *c = fake_call(SELECTING, (void *)cb, ctx);

	(void)at;
	c->fid = fid;
	c->on = read_write;
	c->on2 = with_runs;
	return c;
}

struct api_call *store_select_runs(const struct store_at *at, uint64_t fid, bool read_write,
				   uint32_t from, store_select_cb *cb, void *ctx)
{
	struct api_call *c = store_select(at, fid, read_write, true, cb, ctx);

	c->number = from;
	c->paged = true;
	return c;
}

struct api_call *store_fetch(const struct store_at *at, const struct store_fetch *f,
			     store_rows_cb *rows, store_fetch_cb *cb, void *ctx)
{
	struct api_call *c = fake_call(FETCHING, (void *)cb, ctx);

	(void)at;
	c->rows = (void *)rows;
	c->fid = f->fid;
	c->bits = f->columns;
	c->number = f->changed_since;
	take_uids(c, f->uids);
	return c;
}

struct api_call *store_content(const struct store_at *at, uint64_t fid, uint32_t uid,
			       uint64_t offset, uint64_t length, bool set_seen,
			       store_bytes_cb *bytes, store_content_cb *cb, void *ctx)
{
	struct api_call *c = fake_call(CONTENT, (void *)cb, ctx);

	(void)at;
	CHECK(length > 0);
	c->rows = (void *)bytes;
	c->fid = fid;
	c->bits = uid;
	c->number = offset;
	c->number2 = length;
	c->on = set_seen;
	return c;
}

struct api_call *store_query(const struct store_at *at, const struct store_query *q,
			     store_query_cb *cb, void *ctx)
{
	struct api_call *c = fake_call(QUERYING, (void *)cb, ctx);

	(void)at;
	c->fid = q->fid;
	c->q = *q;
	take_uids(c, q->uids);
	c->path = q->keywords_set ? xstrdup(q->keywords_set[0]) : NULL;
	c->path2 = q->keywords_clear ? xstrdup(q->keywords_clear[0]) : NULL;
	return c;
}

struct api_call *store_flags(const struct store_at *at, const struct store_flags *f,
			     store_rows_cb *rows, store_flags_cb *cb, void *ctx)
{
	struct api_call *c = fake_call(FLAGGING, (void *)cb, ctx);

	(void)at;
	c->rows = (void *)rows;
	c->fid = f->fid;
	c->mode = f->mode;
	c->bits = f->flags;
	c->keyword = f->keywords ? xstrdup(f->keywords[0]) : NULL;
	c->on = f->check_unchanged;
	c->number = f->unchanged_since;
	take_uids(c, f->uids);
	return c;
}

struct api_call *store_copy(const struct store_at *at, uint64_t fid, struct uid_ranges uids,
			    const struct guid *to, const char *to_path, bool move,
			    store_copy_cb *cb, void *ctx)
{
	struct api_call *c = fake_call(COPYING, (void *)cb, ctx);

	(void)at;
	(void)to;
	c->fid = fid;
	c->path = xstrdup(to_path);
	c->on = move;
	take_uids(c, uids);
	return c;
}

struct api_call *store_expunge(const struct store_at *at, uint64_t fid, struct uid_ranges uids,
			       bool any_flag, store_expunge_cb *cb, void *ctx)
{
	struct api_call *c = fake_call(EXPUNGING, (void *)cb, ctx);

	(void)at;
	CHECK(uids.n > 0);
	c->fid = fid;
	c->on = any_flag;
	take_uids(c, uids);
	return c;
}

struct api_call *store_changes(const struct store_at *at, uint64_t fid, uint64_t since,
			       uint32_t limit, store_rows_cb *rows, store_changes_cb *cb,
			       void *ctx)
{
	struct api_call *c = fake_call(CHANGING, (void *)cb, ctx);

	(void)at;
	(void)limit;
	c->rows = (void *)rows;
	c->fid = fid;
	c->number = since;
	return c;
}

struct api_call *store_gone(const struct store_at *at, uint64_t fid, uint64_t since,
			    uint32_t limit, store_changes_cb *cb, void *ctx)
{
	return store_changes(at, fid, since, limit, NULL, cb, ctx);
}

struct api_call *store_watch(const struct store_at *at, uint64_t since_cn,
			     store_hint_cb *hint_cb, store_done_cb *gone, void *ctx)
{
	struct api_call *c = fake_call(WATCHING, (void *)hint_cb, ctx);

	(void)at;
	(void)since_cn;
	c->rows = (void *)gone;
	return c;
}

void fake_watch_gone(void)
{
	LIST_EACH (&st.watches, n) {
		struct api_call *c = CONTAINER_OF(n, struct api_call, node);

		list_del(n);
		((store_done_cb *)c->rows)(c->ctx, ERR_AGAIN, 0);
		free_call(c);
	}
}

/* POP3's, which stands beside IMAP behind the listeners, is not played here. */
struct api_call *store_open(const struct store_at *at, store_open_cb *cb, void *ctx)
{
	(void)at;
	(void)cb;
	(void)ctx;
	CHECK(!"store_open");
	return NULL;
}

/* ---- answering ------------------------------------------------------------------ */

static bool within(const struct api_call *c, uint32_t uid)
{
	for (size_t i = 0; i < c->n_uids; i++)
		if (c->uids[i].first <= uid && uid <= c->uids[i].last)
			return true;
	return false;
}

static void make_map(const struct msg *m, struct buf *blob, struct store_row *row,
		     struct arena *a)
{
	struct mime_map *map = mime_map_new();
	const struct summary *sum;

	mime_map_feed(map, m->content, strlen(m->content));
	mime_map_finish(map);
	CHECK(mime_map_encode(map, blob) == ERR_OK);
	sum = mime_map_summary(map);
	row->subject = (struct span){ arena_dup(a, sum->subject.n ? sum->subject.p : "",
						sum->subject.n), sum->subject.n };
	row->from_addr = (struct span){ arena_dup(a, sum->from_addr.n ? sum->from_addr.p : "",
						  sum->from_addr.n), sum->from_addr.n };
	row->from_name = (struct span){ arena_dup(a, sum->from_name.n ? sum->from_name.p : "",
						  sum->from_name.n), sum->from_name.n };
	row->message_id = (struct span){ arena_dup(a, sum->message_id.n ? sum->message_id.p : "",
						   sum->message_id.n), sum->message_id.n };
	row->sent_local_ms = sum->sent_ms + sum->sent_zone * INT64_C(60000);
	mime_map_free(&map);
}

static void give_row(struct api_call *c, const struct msg *m, unsigned columns)
{
	struct span word = { m->keyword, m->keyword ? strlen(m->keyword) : 0 };
	struct store_row row = { .uid = m->uid, .columns = columns, .flags = m->flags,
				 .modseq = m->modseq, .internal_ms = m->date_ms,
				 .size = strlen(m->content), .keywords = &word,
				 .n_keywords = m->keyword != NULL,
				 .iid = m->uid, .thread = 1, .saved_ms = m->date_ms + 3600000,
				 .preview = SPAN("First line second") };
	struct arena a = { 0 };
	struct buf blob;

	buf_init(&blob, 1 << 20);
	make_map(m, &blob, &row, &a);
	if ((columns & COL_MAP) && !st.no_maps)
		row.map = (struct span){ blob.data, blob.len };
	row.columns &= ~(unsigned)(COL_CONTENT | COL_HEADER);
	if (m->uid == 2)
		row.columns &= ~(unsigned)COL_PREVIEW;	/* none was made yet */
	if ((columns & (COL_CONTENT | COL_HEADER)) && st.content_in_rows) {
		const char *body = strstr(m->content, "\r\n\r\n");

		row.content = span_of(m->content);
		if (!(columns & COL_CONTENT) && body)
			row.content.n = (size_t)(body + 4 - m->content);
		row.columns |= COL_CONTENT;
	}
	c->len += 40;
	((store_rows_cb *)c->rows)(c->ctx, &row, 1, 40);
	buf_fini(&blob);
	arena_fini(&a);
}

static void answer_list(struct api_call *c, enum err e)
{
	struct store_folder list[MAX_FOLDERS];
	struct store_folders out = { .f = list, .cn = st.cn };
	const char *gone[1] = { st.gone_subscribed };

	if (!e && c->on && by_path(c->path))
		e = ERR_EXISTS;
	else if (!e && c->on)
		add_folder(c->path, NULL);
	for (size_t i = 0; i < st.n_folders; i++) {
		struct folder *f = &st.f[i];
		struct store_folder *o = &list[out.n];

		if (c->path && strcmp(c->path, f->path) != 0)
			continue;
		*o = (struct store_folder){ .fid = f->fid, .path = f->path, .name = f->path,
			.role = f->role, .uidvalidity = f->uidvalidity, .uidnext = f->uidnext,
			.recent_uid = f->recent_uid, .highestmodseq = f->modseq,
			.subscribed = f->subscribed, .rights = RIGHT_ALL };
		for (size_t k = 0; k < f->n; k++)
			if (!f->m[k].gone) {
				o->total++;
				o->unread += !(f->m[k].flags & FLAG_SEEN);
				o->size += strlen(f->m[k].content);
				if (f->m[k].flags & FLAG_DELETED) {
					o->deleted++;
					o->deleted_size += c->on2 ? strlen(f->m[k].content) : 0;
				}
			}
		for (size_t k = 0; k < st.n_folders; k++)
			if (strncmp(st.f[k].path, f->path, strlen(f->path)) == 0 &&
			    st.f[k].path[strlen(f->path)] == '/')
				o->has_children = true;
		out.n++;
	}
	out.gone_subscribed = gone;
	out.n_gone = c->path == NULL && st.gone_subscribed;
	((store_folders_cb *)c->cb)(c->ctx, e, e ? NULL : &out);
}

/* Two rows of bob's, of which one takes away. */
static void answer_acl(struct api_call *c, enum err e)
{
	static const struct store_acl_row rows[] = {
		{ .who = { { 9 } }, .given = RIGHT_LOOKUP | RIGHT_READ },
		{ .who = { { 9 } }, .taken = RIGHT_SEEN | RIGHT_DELETE, .whole = true },
	};

	((store_acl_cb *)c->cb)(c->ctx, e, rows, e ? 0 : N_ELEMS(rows));
}

static void answer_done(struct api_call *c, enum err e)
{
	struct folder *f = by_path(c->path);

	if (!e && f == NULL && c->bits != 'u')
		e = ERR_NOTFOUND;
	if (!e && c->bits == 's')
		f->subscribed = true;
	if (!e && c->bits == 'u' && f)
		f->subscribed = false;
	if (!e && c->bits == 'r' && by_path(c->path2))
		e = ERR_EXISTS;
	else if (!e && c->bits == 'r') {
		free(f->path);
		f->path = xstrdup(c->path2);
	}
	if (!e && c->bits == 'd') {
		if (f->subscribed)
			st.gone_subscribed = xstrdup(c->path);
		free_msgs(f);
		*f = st.f[--st.n_folders];
	}
	((store_done_cb *)c->cb)(c->ctx, e, ++st.cn);
}

static void answer_select(struct api_call *c, enum err e)
{
	struct folder *f = fake_by_fid(c->fid);
	struct uid_range r[MAX_MSGS];
	struct store_selected s = { .runs = { r, 0 }, .rights = RIGHT_ALL & ~st.no_rights };
	static const char *const words[] = { "junk" };

	if (!e && f == NULL)
		e = ERR_NOTFOUND;
	for (size_t i = 0; !e && i < f->n; i++)
		if (!f->m[i].gone) {
			if (c->paged && (s.more_runs || s.runs.n == 2))
				s.more_runs = true;
			else if (c->on2 && f->m[i].uid >= c->number)
				r[s.runs.n++] =
					(struct uid_range){ f->m[i].uid, f->m[i].uid };
			s.total++;
			if (!(f->m[i].flags & FLAG_SEEN) && !s.first_unseen_uid)
				s.first_unseen_uid = f->m[i].uid;
		}
	if (!e) {
		s.uidnext = f->uidnext;
		s.uidvalidity = f->uidvalidity;
		s.highestmodseq = f->modseq;
		s.recent_uid = f->recent_uid;
		s.epoch = 1;
		s.keywords = words;
		s.n_keywords = 1;
		if (c->on)
			f->recent_uid = f->uidnext - 1;
	}
	((store_select_cb *)c->cb)(c->ctx, e, e ? NULL : &s);
}

static void answer_fetch(struct api_call *c, enum err e)
{
	struct folder *f = fake_by_fid(c->fid);

	for (size_t i = 0; !e && f && i < f->n && !c->cancelled; i++)
		if (!f->m[i].gone && within(c, f->m[i].uid) &&
		    (c->number == 0 || f->m[i].modseq > c->number))
			give_row(c, &f->m[i], c->bits);
	if (!c->cancelled)
		((store_fetch_cb *)c->cb)(c->ctx, e, f ? f->modseq : 0,
					  (struct uid_ranges){ NULL, 0 });
}

static void answer_content(struct api_call *c, enum err e)
{
	struct folder *f = fake_by_fid(c->fid);
	struct msg *m = fake_by_uid(f, c->bits);
	size_t size = m ? strlen(m->content) : 0;

	if (!e && m == NULL)
		e = ERR_NOTFOUND;
	for (uint64_t at = c->number; !e && at < size && at < c->number + c->number2 &&
	     !c->cancelled;) {
		uint64_t n = size - at, most = c->number + c->number2 - at;

		n = n > most ? most : n;
		n = n > 7 ? 7 : n;
		((store_bytes_cb *)c->rows)(c->ctx, m->content + at, n);
		at += n;
	}
	if (!e && c->on && !(m->flags & FLAG_SEEN)) {
		m->flags |= FLAG_SEEN;
		f->modseq = m->modseq = ++st.cn;
	}
	if (!c->cancelled)
		((store_content_cb *)c->cb)(c->ctx, e, size, m ? m->flags : 0,
					    m ? m->modseq : 0);
}

static bool matches(const struct api_call *c, const struct msg *m)
{
	const struct store_query *q = &c->q;
	uint64_t size = strlen(m->content);

	return !m->gone && (c->n_uids == 0 || within(c, m->uid)) && (m->flags & q->flags_set) == q->flags_set &&
	       !(m->flags & q->flags_clear) && (!q->since_ms || m->date_ms >= q->since_ms) &&
	       (!q->before_ms || m->date_ms < q->before_ms) &&
	       (!q->larger || size > q->larger) && (!q->smaller || size < q->smaller) &&
	       (!q->modseq || m->modseq >= q->modseq) &&
	       (!c->path || (m->keyword && strcasecmp(m->keyword, c->path) == 0)) &&
	       (!c->path2 || !m->keyword || strcasecmp(m->keyword, c->path2) != 0);
}

static void answer_query(struct api_call *c, enum err e)
{
	struct folder *f = fake_by_fid(c->fid);
	struct uid_range r[MAX_MSGS];
	size_t n = 0;
	bool more = false;

	/* Two at a time, where that is allowed, so that callers have to come back. */
	for (size_t i = 0; !e && i < f->n && !more; i++)
		if (matches(c, &f->m[i])) {
			more = c->q.limit && n == 2;
			if (!more)
				r[n++] = (struct uid_range){ f->m[i].uid, f->m[i].uid };
		}
	((store_query_cb *)c->cb)(c->ctx, e, (struct uid_ranges){ r, n }, f->modseq, more);
}

/* False: it has not got everything yet. */

static void answer_flags(struct api_call *c, enum err e)
{
	struct folder *f = fake_by_fid(c->fid);
	struct uid_range refused[MAX_MSGS];
	size_t n = 0;

	for (size_t i = 0; !e && i < f->n; i++) {
		struct msg *m = &f->m[i];
		unsigned was = m->flags;

		if (m->gone || !within(c, m->uid))
			continue;
		if (c->on && m->modseq > c->number) {
			refused[n++] = (struct uid_range){ m->uid, m->uid };
			continue;
		}
		m->flags = c->mode == FLAGS_ADD ? m->flags | c->bits :
			   c->mode == FLAGS_REMOVE ? m->flags & ~c->bits : c->bits;
		if (c->keyword && c->mode != FLAGS_REMOVE) {
			free(m->keyword);
			m->keyword = xstrdup(c->keyword);
		}
		if (m->flags != was || c->keyword) {
			f->modseq = m->modseq = ++st.cn;
			give_row(c, m, COL_FLAGS);
		}
	}
	((store_flags_cb *)c->cb)(c->ctx, e, (struct uid_ranges){ refused, n }, f->modseq);
}

static void answer_copy(struct api_call *c, enum err e)
{
	struct folder *f = fake_by_fid(c->fid), *to = by_path(c->path);
	struct uid_range from[MAX_MSGS], into[MAX_MSGS];
	size_t n = 0, had = f->n;

	if (!e && to == NULL)
		e = ERR_NOTFOUND;
	for (size_t i = 0; !e && i < had; i++) {
		struct msg *m = &f->m[i], *copy;

		if (m->gone || !within(c, m->uid))
			continue;
		copy = fake_add(to, m->content, strlen(m->content), m->flags);
		from[n] = (struct uid_range){ m->uid, m->uid };
		into[n++] = (struct uid_range){ copy->uid, copy->uid };
		if (c->on)
			m->gone = f->modseq = ++st.cn;
	}
	((store_copy_cb *)c->cb)(c->ctx, e, e ? 0 : to->uidvalidity,
				 (struct uid_ranges){ from, n }, (struct uid_ranges){ into, n });
}

static void answer_expunge(struct api_call *c, enum err e)
{
	struct folder *f = fake_by_fid(c->fid);
	struct uid_range gone[MAX_MSGS];
	size_t n = 0;

	for (size_t i = 0; !e && i < f->n; i++)
		if (!f->m[i].gone && within(c, f->m[i].uid) &&
		    (c->on || (f->m[i].flags & FLAG_DELETED))) {
			f->m[i].gone = f->modseq = ++st.cn;
			gone[n++] = (struct uid_range){ f->m[i].uid, f->m[i].uid };
		}
	((store_expunge_cb *)c->cb)(c->ctx, e, (struct uid_ranges){ gone, n }, st.cn);
}

static void answer_changes(struct api_call *c, enum err e)
{
	struct folder *f = fake_by_fid(c->fid);
	struct uid_range gone[MAX_MSGS];
	struct store_changes ch = { .until = st.cn, .gone = { gone, 0 } };

	if (!e && f == NULL)
		e = ERR_NOTFOUND;
	for (size_t i = 0; !e && i < f->n; i++) {
		/* The feed is in order of change, not of UID. */
		struct msg *m = &f->m[f->n - 1 - i];

		if (m->gone > c->number)
			gone[ch.gone.n++] = (struct uid_range){ m->uid, m->uid };
		else if (!m->gone && m->modseq > c->number && c->rows)
			give_row(c, m, COL_FLAGS);
	}
	for (size_t i = 0, k = ch.gone.n; i + 1 < k; i++, k--) {
		struct uid_range t = gone[i];

		gone[i] = gone[k - 1];
		gone[k - 1] = t;
	}
	if (!e) {
		ch.uidnext = f->uidnext;
		ch.highestmodseq = f->modseq;
		ch.reset = c->number < st.floor;
	}
	((store_changes_cb *)c->cb)(c->ctx, e, e ? NULL : &ch);
}

static const char *name_of(const struct api_call *c)
{
	return c->kind == OTHER ? c->name : kind_names[c->kind];
}

/* The oldest call that does not wait for its client's bytes. */
static struct api_call *oldest(void)
{
	LIST_EACH (&st.calls, n) {
		struct api_call *c = CONTAINER_OF(n, struct api_call, node);
		bool fails = st.fail && strcmp(st.fail, name_of(c)) == 0;

		if (fails || !fake_wants_bytes(c))
			return c;
	}
	return NULL;
}

bool fake_step(void)
{
	struct api_call *c = oldest();
	enum err e = ERR_OK;
	bool done = true;

	if (c == NULL)
		return false;
	if (st.fail && strcmp(st.fail, name_of(c)) == 0) {
		e = st.fail_with;
		st.fail = NULL;
	}
	st.running = c;
	switch (c->kind) {
	case LISTING:	answer_list(c, e); break;
	case DONE_CALL: answer_done(c, e); break;
	case ACL_LISTING: answer_acl(c, e); break;
	case SELECTING: answer_select(c, e); break;
	case FETCHING:	answer_fetch(c, e); break;
	case CONTENT:	answer_content(c, e); break;
	case QUERYING:	answer_query(c, e); break;
	case APPENDING: done = fake_answer_append(c, e); break;
	case PLACING:	fake_answer_place(c, e); break;
	case FLAGGING:	answer_flags(c, e); break;
	case COPYING:	answer_copy(c, e); break;
	case EXPUNGING: answer_expunge(c, e); break;
	case CHANGING:	answer_changes(c, e); break;
	case WATCHING:	break;
	case FINDING:	fake_answer_find(c, e); break;
	case SORTING:	fake_answer_sort(c, e); break;
	case REFERRING: fake_answer_refs(c, e); break;
	case OTHER:	c->answer(c, e); break;
	}
	st.running = NULL;
	if (done || c->cancelled)
		free_call(c);
	return true;
}
