#include "common/api/store.h"
#include "common/base/log.h"
#include "roles/mailbox/keep.h"
#include "roles/mailbox/role.h"
#include "roles/mailbox/watch.h"
#include "tests/unit/rpc/rig.h"

/* The whole role behind the bus, asked through the typed stubs: a cas, a hub and the
 * directory, each with a key of its own. */

struct bench {
	struct rig r;			/* server: the role; client: the cas */
	struct end hub, dir;
	struct role st;
	struct mailbox_conf conf;
	struct sdb *sdb;
	struct guid ann, bob, database, origin;
	struct rpc_peer *cas_peer, *hub_peer, *dir_peer;
	char data[100];
	struct api_call *call;

	/* what came back */
	unsigned n;
	enum err e;
	uint64_t cn, inbox, size, modseq, epoch;
	unsigned flags, n_folders, n_rows, hints;
	uint32_t uid, uidvalidity, first_uid, last_uid;
	char text[400];
	struct store_delivered delivered[4];
	size_t n_delivered, bytes, map_bytes;
	struct buf got;
	bool hold;			/* do not acknowledge */
	/* an upload */
	const char *up;
	size_t up_len, up_at;
};

static struct store_at at(struct bench *b)
{
	return (struct store_at){ .peer = b->cas_peer, .mailbox = b->ann, .principal = b->ann };
}

#define WAIT(b) RUN_UNTIL(&(b)->r, (b)->n == 1, 10000)
/* Start a call, wait for its end. */
#define CALL(b, expr) ((b)->n = 0, (b)->call = (expr), ({ WAIT(b); }), (b)->e)

static void ended(struct bench *b, enum err e)
{
	b->call = NULL;
	b->n++;
	b->e = e;
}

static void on_done(void *ctx, enum err e, uint64_t cn)
{
	struct bench *b = ctx;

	b->cn = cn;
	ended(b, e);
}

static void on_open(void *ctx, enum err e, const struct store_info *i)
{
	struct bench *b = ctx;

	b->cn = i->cn;
	b->epoch = i->epoch;
	b->size = i->items;
	ended(b, e);
}

static void on_folders(void *ctx, enum err e, const struct store_folders *f)
{
	struct bench *b = ctx;

	b->n_folders = (unsigned)f->n;
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->f[i].role, "inbox") == 0)
			b->inbox = f->f[i].fid;
	snprintf(b->text, sizeof(b->text), "%s", f->n ? f->f[f->n - 1].path : "");
	ended(b, e);
}

static void on_select(void *ctx, enum err e, const struct store_selected *s)
{
	struct bench *b = ctx;

	snprintf(b->text, sizeof(b->text), "total=%u unread=%u next=%u first=%u recent=%u runs=%zu",
		 s->total, s->unread, s->uidnext, s->first_unseen_uid, s->recent_uid, s->runs.n);
	ended(b, e);
}

static void on_rows(void *ctx, const struct store_row *rows, size_t n, size_t bytes)
{
	struct bench *b = ctx;

	for (size_t i = 0; i < n; i++) {
		b->first_uid = b->n_rows++ ? b->first_uid : rows[i].uid;
		b->last_uid = rows[i].uid;
		b->flags = rows[i].flags;
		b->map_bytes += rows[i].map.n;
		snprintf(b->text, sizeof(b->text), "%.*s", (int)rows[i].subject.n,
			 rows[i].subject.n ? rows[i].subject.p : "");
	}
	b->bytes += bytes;
	if (!b->hold)
		api_grant(b->call, bytes);
}

static void on_fetch(void *ctx, enum err e, uint64_t modseq, struct uid_ranges gone)
{
	struct bench *b = ctx;

	(void)gone;
	b->modseq = modseq;
	ended(b, e);
}

static void on_bytes(void *ctx, const void *p, size_t n)
{
	struct bench *b = ctx;

	assert_int_equal(buf_add(&b->got, p, n), ERR_OK);
	if (!b->hold)
		api_grant(b->call, n);
}

static void on_content(void *ctx, enum err e, uint64_t size, uint32_t flags, uint64_t modseq)
{
	struct bench *b = ctx;

	b->size = size;
	b->flags = flags;
	b->modseq = modseq;
	ended(b, e);
}

static void on_append(void *ctx, enum err e, uint32_t uidvalidity, uint32_t uid, uint64_t modseq)
{
	struct bench *b = ctx;

	b->uidvalidity = uidvalidity;
	b->uid = uid;
	b->modseq = modseq;
	ended(b, e);
}

static void on_query(void *ctx, enum err e, struct uid_ranges runs, uint64_t modseq, bool more)
{
	struct bench *b = ctx;

	(void)modseq;
	(void)more;
	b->text[0] = '\0';
	for (size_t i = 0; i < runs.n; i++)
		snprintf(b->text + strlen(b->text), 40, "%u-%u ", runs.r[i].first, runs.r[i].last);
	ended(b, e);
}

static void on_flags(void *ctx, enum err e, struct uid_ranges modified, uint64_t modseq)
{
	struct bench *b = ctx;

	b->bytes = modified.n;
	b->modseq = modseq;
	ended(b, e);
}

static void on_copy(void *ctx, enum err e, uint32_t uidvalidity, struct uid_ranges from,
		    struct uid_ranges to)
{
	struct bench *b = ctx;

	(void)uidvalidity;
	snprintf(b->text, sizeof(b->text), "%u-%u to %u-%u", from.n ? from.r[0].first : 0,
		 from.n ? from.r[0].last : 0, to.n ? to.r[0].first : 0, to.n ? to.r[0].last : 0);
	ended(b, e);
}

static void on_expunge(void *ctx, enum err e, struct uid_ranges gone, uint64_t modseq)
{
	struct bench *b = ctx;

	b->first_uid = gone.n ? gone.r[0].first : 0;
	b->modseq = modseq;
	ended(b, e);
}

static void on_changes(void *ctx, enum err e, const struct store_changes *c)
{
	struct bench *b = ctx;

	snprintf(b->text, sizeof(b->text), "gone=%zu more=%d reset=%d total=%u", c->gone.n,
		 c->more, c->reset, c->total);
	b->cn = c->until;
	ended(b, e);
}

static void on_hint(void *ctx, uint64_t epoch, uint64_t cn)
{
	struct bench *b = ctx;

	b->epoch = epoch;
	b->cn = cn;
	b->hints++;
}

static void on_delivered(void *ctx, enum err e, const struct store_delivered *d, size_t n)
{
	struct bench *b = ctx;

	b->n_delivered = n;
	for (size_t i = 0; i < n && i < N_ELEMS(b->delivered); i++)
		b->delivered[i] = d[i];
	ended(b, e);
}

static void on_writable(void *ctx)
{
	struct bench *b = ctx;

	while (b->call && b->up_at < b->up_len) {
		size_t n = store_append_room(b->call);

		if (n == 0)
			return;
		if (n > b->up_len - b->up_at)
			n = b->up_len - b->up_at;
		store_append_data(b->call, b->up + b->up_at, n);
		b->up_at += n;
	}
}

/* ---- up and down ------------------------------------------------------------------------ */

static struct rpc_peer *dial(struct bench *b, struct end *e, unsigned role, const char *name)
{
	struct rpc_conf c = { .methods = NULL, .role = b };

	bus_keypair(e->key.pub, e->key.sec);
	end_knows(&b->r.server, &e->key, role, name);
	end_knows(e, &b->r.server.key, RPC_MAILBOX, "mb1");
	end_open(&b->r, e, &c);
	return rpc_dial(e->rpc, b->r.ipc, b->r.server.key.pub, NULL);
}

static void open_role(struct bench *b)
{
	struct errbuf eb = { "" };
	const struct quotas policy = { 1 << 20, 2 << 20, 400 << 20 };

	b->conf = (struct mailbox_conf){
		.readers = 2, .workers = 2, .writer_cache = 4 << 20, .reader_cache = 1 << 20,
		.upload_memory = 64 << 20, .max_message = 100 << 20,
		.keep_deleted_ms = 1000000, .keep_mailbox_ms = 1000000, .keep_every_ms = 1000000,
	};
	b->st = (struct role){ .conf = &b->conf, .loop = &b->r.loop, .data = b->data,
			       .metrics = metrics_new() };
	assert_int_equal(role_open(&b->st, &eb), ERR_OK);
	role_collect_methods(&b->st);
	if (role_add_database(&b->st, &b->database, "db", &policy, &b->sdb, &eb) != ERR_OK)
		fail_msg("database: %s", eb.text);
}

static int up(void **state)
{
	struct bench *b = xcalloc(1, sizeof(*b));
	struct rpc_conf s = { .role = &b->st };
	struct store_at as_dir;

	rig_up(&b->r);
	snprintf(b->data, sizeof(b->data), "%s/test_calls.XXXXXX",
		 access("/dev/shm", W_OK) == 0 && !getenv("BENCH_SECONDS") ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(b->data));
	b->database = guid_make();
	b->ann = guid_make();
	b->bob = guid_make();
	b->origin = guid_make();
	buf_init(&b->got, 64 << 20);
	open_role(b);
	s.methods = b->st.methods;
	s.n_methods = b->st.n_methods;
	end_open(&b->r, &b->r.server, &s);
	listen_ok(&b->r, b->r.ipc, RPC_LISTEN_SERVERS);
	b->cas_peer = dial(b, &b->r.client, RPC_CAS, "cas1");
	b->hub_peer = dial(b, &b->hub, RPC_HUB, "hub1");
	b->dir_peer = dial(b, &b->dir, RPC_DIRECTORY, "dir");
	RUN_UNTIL(&b->r, b->r.server.ups == 3 && rpc_peer_is_up(b->cas_peer) &&
		  rpc_peer_is_up(b->hub_peer) && rpc_peer_is_up(b->dir_peer), 5000);
	as_dir = (struct store_at){ .peer = b->dir_peer, .mailbox = b->ann };
	assert_int_equal(CALL(b, store_provision(&as_dir, &b->database, on_done, b)), ERR_OK);
	as_dir.mailbox = b->bob;
	assert_int_equal(CALL(b, store_provision(&as_dir, &b->database, on_done, b)), ERR_OK);
	{
		struct store_at a = at(b);

		assert_int_equal(CALL(b, store_folder_list(&a, NULL, on_folders, b)), ERR_OK);
	}
	assert_int_equal(b->n_folders, 6);
	*state = b;
	return 0;
}

static int down(void **state)
{
	struct bench *b = *state;
	char cmd[200];

	api_cancel(&b->call);
	rpc_close(&b->hub.rpc);
	rpc_close(&b->dir.rpc);
	rpc_close(&b->r.client.rpc);
	rpc_close(&b->r.server.rpc);
	role_close(&b->st);
	assert_int_equal(b->st.n_calls, 0);
	assert_int_equal(b->st.upload_bytes, 0);
	metrics_free(&b->st.metrics);
	buf_fini(&b->got);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", b->data);
	assert_int_equal(system(cmd), 0);
	rig_down(&b->r);
	free(b);
	return 0;
}

static char *letter(const char *subject, size_t body)
{
	char *out = xcalloc(1, body + 200);
	int n = sprintf(out, "From: a@x\r\nSubject: %s\r\nMessage-ID: <%s@x>\r\n\r\n", subject,
			subject);

	for (size_t i = 0; i < body; i++)
		out[(size_t)n + i] = i % 70 == 69 ? '\n' : (char)('a' + (i * i / 7) % 26);
	return out;
}

static enum err deliver_text(struct bench *b, uint64_t seq, const char *text, bool whole)
{
	const struct store_deliver_to to[] = { { .mailbox = b->ann }, { .mailbox = b->bob },
					       { .mailbox = b->origin } };
	struct store_deliver d = { .origin = b->origin, .seq = seq, .to = to, .n_to = 3,
				   .return_path = "a@x", .prefix = "Received: here\r\n",
				   .size = strlen(text) };
	struct store_at hub = { .peer = b->hub_peer };

	b->up = text;
	b->up_len = strlen(text);
	b->up_at = 0;
	b->n = 0;
	b->call = store_deliver(&hub, &d, whole ? text : NULL, 0, on_writable, on_delivered, b);
	if (!whole)
		on_writable(b);
	WAIT(b);
	return b->e;
}

/* ---- tests ------------------------------------------------------------------------------------ */

static void test_deliver_and_read(void **state)
{
	struct bench *b = *state;
	static const struct uid_range all = { 1, UINT32_MAX };
	struct store_fetch f = { .fid = b->inbox, .uids = { &all, 1 }, .columns = 0xff };
	struct store_at a = at(b);
	char *text = letter("hello", 3000);

	assert_int_equal(deliver_text(b, 1, text, true), ERR_OK);
	assert_int_equal(b->n_delivered, 3);
	assert_int_equal(b->delivered[0].status, ERR_OK);
	assert_int_equal(b->delivered[1].status, ERR_OK);
	assert_int_equal(b->delivered[2].status, ERR_NOTFOUND);
	assert_int_equal(deliver_text(b, 1, text, true), ERR_OK);
	assert_true(b->delivered[0].repeat && b->delivered[1].repeat);
	assert_int_equal(metric_get(b->st.m, M_DELIVERED), 2);

	assert_int_equal(CALL(b, store_fetch(&a, &f, on_rows, on_fetch, b)), ERR_OK);
	assert_int_equal(b->n_rows, 1);
	assert_string_equal(b->text, "hello");
	assert_true(b->map_bytes > 0);

	assert_int_equal(CALL(b, store_content(&a, b->inbox, 1, 0, 0, true, on_bytes, on_content,
					       b)), ERR_OK);
	assert_memory_equal(b->got.data, "Return-Path: <a@x>\r\nReceived: here\r\nFrom: a@x", 45);
	assert_int_equal(b->got.len, b->size);
	assert_int_equal(b->flags, FLAG_SEEN);
	free(text);
}

static void test_a_large_upload_and_a_slow_reader(void **state)
{
	struct bench *b = *state;
	struct store_at a = at(b);
	char *text = letter("large", 9 << 20);

	assert_int_equal(deliver_text(b, 2, text, false), ERR_OK);
	assert_int_equal(b->delivered[0].status, ERR_OK);
	assert_int_equal(b->st.upload_bytes, 0);

	/* Nothing is acknowledged: the stream stops at its window. */
	b->hold = true;
	b->n = 0;
	b->call = store_content(&a, b->inbox, 1, 0, 0, false, on_bytes, on_content, b);
	RUN_UNTIL(&b->r, b->got.len >= RPC_WINDOW, 5000);
	RUN_WHILE(&b->r, b->got.len <= RPC_WINDOW && b->n == 0, 50);
	b->hold = false;
	api_grant(b->call, b->got.len);
	WAIT(b);
	assert_int_equal(b->e, ERR_OK);
	assert_int_equal(b->got.len, strlen(text) + 36);
	assert_memory_equal(b->got.data + 36, text, strlen(text));
	/* From the middle, across a chunk. */
	buf_clear(&b->got);
	assert_int_equal(CALL(b, store_content(&a, b->inbox, 1, 262000, 1000, false, on_bytes,
					       on_content, b)), ERR_OK);
	assert_int_equal(b->got.len, 1000);
	assert_memory_equal(b->got.data, text + 262000 - 36, 1000);
	free(text);
}

static void test_append_and_change(void **state)
{
	struct bench *b = *state;
	static const char *const kw[] = { "todo", NULL };
	struct store_at a = at(b);
	char *text = letter("mine", 700000);
	struct store_append ap = { .fid = b->inbox, .flags = FLAG_DRAFT, .keywords = kw,
				   .size = strlen(text) };
	static const struct uid_range one = { 1, 1 };
	struct store_flags fl = { .fid = b->inbox, .uids = { &one, 1 }, .mode = FLAGS_ADD,
				  .flags = FLAG_SEEN | FLAG_DELETED };
	struct store_query q = { .fid = b->inbox, .flags_set = FLAG_DRAFT, .keywords_set = kw };

	b->up = text;
	b->up_len = strlen(text);
	b->n = 0;
	b->call = store_append(&a, &ap, on_writable, on_append, b);
	on_writable(b);
	WAIT(b);
	assert_int_equal(b->e, ERR_OK);
	assert_int_equal(b->uid, 1);
	assert_int_equal(CALL(b, store_query(&a, &q, on_query, b)), ERR_OK);
	assert_string_equal(b->text, "1-1 ");
	assert_int_equal(CALL(b, store_flags(&a, &fl, on_rows, on_flags, b)), ERR_OK);
	assert_int_equal(b->flags, FLAG_DRAFT | FLAG_SEEN | FLAG_DELETED);
	assert_int_equal(CALL(b, store_copy(&a, b->inbox, fl.uids, NULL, "Archive", false, on_copy, b)),
			 ERR_OK);
	assert_string_equal(b->text, "1-1 to 1-1");
	assert_int_equal(CALL(b, store_copy(&a, b->inbox, fl.uids, NULL, "No/where", false, on_copy, b)),
			 ERR_NOTFOUND);
	assert_int_equal(CALL(b, store_expunge(&a, b->inbox, (struct uid_ranges){ NULL, 0 }, false,
					       on_expunge, b)), ERR_OK);
	assert_int_equal(b->first_uid, 1);
	assert_int_equal(CALL(b, store_changes(&a, b->inbox, 0, 0, on_rows, on_changes, b)),
			 ERR_OK);
	assert_string_equal(b->text, "gone=1 more=0 reset=0 total=0");
	assert_int_equal(CALL(b, store_select(&a, b->inbox, true, true, on_select, b)), ERR_OK);
	assert_string_equal(b->text, "total=0 unread=0 next=2 first=0 recent=0 runs=0");
	free(text);
}

static enum err stage_text(struct bench *b, const struct store_stage *s, const char *text)
{
	struct store_at a = at(b);

	b->up = text;
	b->up_len = strlen(text);
	b->up_at = 0;
	b->n = 0;
	b->call = store_stage(&a, s, on_writable, on_done, b);
	on_writable(b);
	RUN_UNTIL(&b->r, b->n == 1 || b->up_at == b->up_len, 10000);
	if (b->n == 0 && s->open)
		store_append_end(b->call);
	WAIT(b);
	return b->e;
}

static void test_stage_and_place(void **state)
{
	struct bench *b = *state;
	struct store_at a = at(b);
	char *small = letter("small", 100), *large = letter("large", 700000);
	struct store_stage s = { .fid = b->inbox, .batch = guid_make(), .size = strlen(small) };
	struct store_place p = { .fid = b->inbox, .batch = s.batch, .n = 2 };

	assert_int_equal(stage_text(b, &s, small), ERR_OK);
	assert_int_equal(b->cn, strlen(small));
	assert_int_equal(CALL(b, store_place(&a, &p, on_append, b)), ERR_STALE);
	s.ord = 1;
	s.size = strlen(large) - 1;		/* more comes than was announced */
	s.open = true;
	assert_int_equal(stage_text(b, &s, large), ERR_LIMIT);
	s.size = 0;
	assert_int_equal(stage_text(b, &s, large), ERR_OK);
	assert_int_equal(b->cn, strlen(large));
	assert_int_equal(CALL(b, store_place(&a, &p, on_append, b)), ERR_OK);
	assert_int_equal(b->uid, 1);
	assert_int_equal(CALL(b, store_place(&a, &p, on_append, b)), ERR_OK);
	assert_int_equal(b->uid, 1);
	assert_int_equal(CALL(b, store_select(&a, b->inbox, false, true, on_select, b)), ERR_OK);
	assert_string_equal(b->text, "total=2 unread=2 next=3 first=1 recent=0 runs=1");
	/* An open one that ends at once is a message of no bytes. */
	s.batch = guid_make();
	s.ord = 0;
	assert_int_equal(stage_text(b, &s, ""), ERR_OK);
	assert_int_equal(b->cn, 0);
	/* A caller that leaves in the middle leaves nothing in memory. */
	b->n = 0;
	b->up = large;
	b->up_at = 0;
	b->up_len = strlen(large) / 2;
	b->call = store_stage(&a, &s, on_writable, on_done, b);
	on_writable(b);
	RUN_UNTIL(&b->r, b->up_at == b->up_len, 5000);
	api_cancel(&b->call);
	RUN_UNTIL(&b->r, b->st.upload_bytes == 0, 5000);
	free(small);
	free(large);
}

/* More than fits into a frame: the list comes in pieces, and one costs no more. */
static void test_many_folders(void **state)
{
	struct bench *b = *state;
	struct store_at a = at(b);
	char name[260];

	for (unsigned i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "%03u%0*d", i, 240, 0);
		assert_int_equal(CALL(b, store_folder_create(&a, name, NULL, on_folders, b)), ERR_OK);
		assert_int_equal(b->n_folders, 1);
		assert_string_equal(b->text, name);
	}
	assert_int_equal(CALL(b, store_folder_list(&a, NULL, on_folders, b)), ERR_OK);
	assert_int_equal(b->n_folders, 506);
	assert_string_equal(b->text, name);
	assert_int_equal(CALL(b, store_folder_list(&a, name, on_folders, b)), ERR_OK);
	assert_int_equal(b->n_folders, 1);
	assert_string_equal(b->text, name);
	/* Who leaves in the middle leaves nothing behind: down() looks. */
	b->call = store_folder_list(&a, NULL, on_folders, b);
	RUN_UNTIL(&b->r, b->st.n_calls == 1, 1000);
	api_cancel(&b->call);
	RUN_UNTIL(&b->r, b->st.n_calls == 0, 1000);
}

static void test_folders(void **state)
{
	struct bench *b = *state;
	struct store_at a = at(b);

	assert_int_equal(CALL(b, store_folder_create(&a, "a/b", NULL, on_folders, b)), ERR_OK);
	assert_string_equal(b->text, "a/b");
	assert_int_equal(CALL(b, store_folder_create(&a, "A/B", NULL, on_folders, b)), ERR_EXISTS);
	assert_int_equal(CALL(b, store_folder_subscribe(&a, "a/b", true, false, on_done, b)), ERR_OK);
	assert_int_equal(CALL(b, store_folder_rename(&a, "a/b", "c", on_done, b)), ERR_OK);
	assert_int_equal(CALL(b, store_folder_list(&a, "c", on_folders, b)), ERR_OK);
	assert_int_equal(b->n_folders, 1);
	assert_int_equal(CALL(b, store_folder_delete(&a, "INBOX", on_done, b)), ERR_DENIED);
	assert_int_equal(CALL(b, store_folder_delete(&a, "c", on_done, b)), ERR_OK);
	assert_int_equal(CALL(b, store_folder_list(&a, "c", on_folders, b)), ERR_NOTFOUND);
	assert_int_equal(CALL(b, store_folder_list(&a, "\x01", on_folders, b)), ERR_INVALID);
}

/* Twenty thousand rows cross in pieces, and a caller that leaves in the middle
 * leaves nothing behind (down() looks). */
static void test_many_rows(void **state)
{
	struct bench *b = *state;
	static const struct uid_range all = { 1, UINT32_MAX };
	struct store_fetch f = { .fid = b->inbox, .uids = { &all, 1 },
				 .columns = COL_MAP | COL_SUMMARY | COL_IDS };
	struct store_at a = at(b);
	char *text = letter("many", 300);

	assert_int_equal(deliver_text(b, 5, text, true), ERR_OK);
	for (unsigned n = 1; n < 4096; n *= 2) {	/* copies of copies */
		assert_int_equal(CALL(b, store_copy(&a, b->inbox, f.uids, NULL, "INBOX", false, on_copy,
						    b)), ERR_OK);
	}
	b->n_rows = 0;
	assert_int_equal(CALL(b, store_fetch(&a, &f, on_rows, on_fetch, b)), ERR_OK);
	assert_int_equal(b->n_rows, 4096);
	assert_int_equal(b->first_uid, 1);
	assert_true(b->last_uid >= 4096);	/* large copies leave gaps */

	b->n_rows = 0;
	b->hold = true;
	b->n = 0;
	b->call = store_fetch(&a, &f, on_rows, on_fetch, b);
	RUN_UNTIL(&b->r, b->n_rows > 500, 5000);
	RUN_WHILE(&b->r, b->n_rows < 4096 && b->n == 0, 50);
	api_cancel(&b->call);
	RUN_UNTIL(&b->r, b->st.n_calls == 0, 5000);
	free(text);
}

static void test_watch(void **state)
{
	struct bench *b = *state;
	struct store_at a = at(b), as_dir = { .peer = b->dir_peer, .mailbox = b->ann };
	struct api_call *watch;
	char *text = letter("news", 100);

	assert_int_equal(CALL(b, store_open(&a, on_open, b)), ERR_OK);
	assert_true(b->cn > 0);
	watch = store_watch(&a, b->cn, on_hint, on_done, b);
	RUN_WHILE(&b->r, b->hints == 0, 30);
	assert_int_equal(deliver_text(b, 7, text, true), ERR_OK);
	RUN_UNTIL(&b->r, b->hints == 1, 3000);
	assert_int_equal(metric_get(b->st.m, M_WATCHES), 1);
	api_cancel(&watch);
	RUN_UNTIL(&b->r, metric_get(b->st.m, M_WATCHES) == 0, 3000);
	/* What happened before is told at once; a mailbox that goes ends its watches. */
	b->hints = 0;
	b->n = 0;
	b->call = store_watch(&a, 1, on_hint, on_done, b);
	RUN_UNTIL(&b->r, b->hints == 1, 3000);
	watch = store_disconnect(&as_dir, on_done, b);
	RUN_UNTIL(&b->r, b->n == 2, 3000);
	assert_int_equal(CALL(b, store_open(&a, on_open, b)), ERR_NOTFOUND);
	free(text);
}

/* ---- watching thousands ----------------------------------------------------------------- */

enum { CROWD = 10000 };

struct watcher {
	struct bench *b;
	struct api_call *call;
	uint64_t cn;
	unsigned hints;
};

static void on_crowd_hint(void *ctx, uint64_t epoch, uint64_t cn)
{
	struct watcher *w = ctx;

	(void)epoch;
	assert_true(cn >= w->cn);
	w->cn = cn;
	w->hints++;
	w->b->hints++;
}

static void on_crowd_gone(void *ctx, enum err e, uint64_t cn)
{
	struct watcher *w = ctx;

	(void)cn;
	w->call = NULL;
	w->b->e = e;
	w->b->n++;
}

static struct guid crowd_guid(unsigned i)
{
	struct guid g = { { 0xcc } };

	memcpy(g.b + 4, &i, sizeof(i));
	return g;
}

static void tell_crowd(struct bench *b, uint64_t cn)
{
	for (unsigned i = 0; i < CROWD; i++) {
		struct guid g = crowd_guid(i);

		watch_tell(role_mailbox(&b->st, &g), 1, cn);
	}
}

/* One front end looks at ten thousand mailboxes over one connection, by one call. */
static void test_ten_thousand_watches(void **state)
{
	struct bench *b = *state;
	struct watcher *w = xcalloc(CROWD + 1, sizeof(*w));
	struct store_at a = at(b);
	struct rpc_stats stats;

	for (unsigned i = 0; i < CROWD; i++) {
		a.mailbox = crowd_guid(i);
		role_note(b->sdb, &a.mailbox, 1000 + i, MAILBOX_LIVE);
		w[i].b = b;
		w[i].call = store_watch(&a, 1, on_crowd_hint, on_crowd_gone, &w[i]);
	}
	RUN_UNTIL(&b->r, metric_get(b->st.m, M_WATCHES) == CROWD, 5000);
	rpc_get_stats(b->r.client.rpc, &stats);
	assert_int_equal(stats.inflight_out, 1);
	tell_crowd(b, 5);
	RUN_UNTIL(&b->r, b->hints == CROWD, 5000);
	/* One that nobody knows, or that goes away, ends alone. */
	b->n = 0;
	a.mailbox = guid_make();
	w[CROWD].b = b;
	w[CROWD].call = store_watch(&a, 1, on_crowd_hint, on_crowd_gone, &w[CROWD]);
	RUN_UNTIL(&b->r, b->n == 1, 3000);
	assert_int_equal(b->e, ERR_NOTFOUND);
	a.mailbox = crowd_guid(7);
	role_forget(&b->st, role_mailbox(&b->st, &a.mailbox));
	RUN_UNTIL(&b->r, b->n == 2, 3000);
	assert_null(w[7].call);
	role_note(b->sdb, &a.mailbox, 1007, MAILBOX_LIVE);
	/* Half of them leave; the others go on. */
	for (unsigned i = 0; i < CROWD; i += 2)
		api_cancel(&w[i].call);
	RUN_UNTIL(&b->r, metric_get(b->st.m, M_WATCHES) == CROWD / 2 - 1, 5000);
	b->hints = 0;
	tell_crowd(b, 6);
	RUN_UNTIL(&b->r, b->hints == CROWD / 2 - 1, 5000);
	for (unsigned i = 0; i < CROWD; i++)
		assert_int_equal(w[i].cn, i == 7 ? 5 : i % 2 ? 6 : 5);
	for (unsigned i = 0; i < CROWD; i++)
		api_cancel(&w[i].call);
	RUN_UNTIL(&b->r, metric_get(b->st.m, M_WATCHES) == 0, 5000);
	/* The store goes away: all are told, once each. */
	for (unsigned i = 0; i < 10; i++) {
		a.mailbox = crowd_guid(i);
		w[i].call = store_watch(&a, 9, on_crowd_hint, on_crowd_gone, &w[i]);
	}
	RUN_UNTIL(&b->r, metric_get(b->st.m, M_WATCHES) == 10, 5000);
	b->n = 0;
	rpc_hangup(&b->cas_peer);
	RUN_UNTIL(&b->r, b->n == 10, 5000);
	assert_int_equal(b->e, ERR_AGAIN);
	RUN_UNTIL(&b->r, metric_get(b->st.m, M_WATCHES) == 0, 5000);
	free(w);
}

static void no_pump(struct watch_feed *f)
{
	(void)f;
}

static unsigned take_due(struct watch_feed *f)
{
	struct watch *w;
	unsigned n = 0;

	for (; (w = watch_next_due(f)) != NULL; n++)
		watch_is_told(w);
	return n;
}

/* What was told is said once more with the digest, and then there is silence. */
static void test_the_digest(void **state)
{
	struct bench *b = *state;
	struct watch_feed f = { .pump = no_pump };
	struct mref *m = role_mailbox(&b->st, &b->ann);

	watch_feed_init(&f, &b->st);
	watch_add(&f, 1, &b->ann, m->cn);
	watch_add(&f, 2, &b->bob, 1 << 20);
	assert_int_equal(take_due(&f), 0);
	watch_digest(&f);
	assert_int_equal(take_due(&f), 0);
	watch_tell(m, 1, m->cn + 1);
	watch_tell(m, 1, m->cn + 1);		/* folds into the first */
	assert_int_equal(take_due(&f), 1);
	watch_digest(&f);
	assert_int_equal(take_due(&f), 1);
	watch_digest(&f);
	assert_int_equal(take_due(&f), 0);
	/* News while the digest waits for credit is told and confirmed. */
	watch_tell(m, 1, m->cn + 1);
	assert_int_equal(take_due(&f), 1);
	watch_digest(&f);
	watch_tell(m, 1, m->cn + 1);
	assert_int_equal(take_due(&f), 1);
	watch_digest(&f);
	assert_int_equal(take_due(&f), 1);
	/* Twice the same id is one watch; a drop while it is due is a drop. */
	watch_add(&f, 1, &b->ann, 0);
	watch_drop(&f, 1);
	watch_drop(&f, 99);
	assert_int_equal(take_due(&f), 0);
	assert_int_equal(metric_get(b->st.m, M_WATCHES), 1);
	watch_feed_fini(&f);
	assert_int_equal(metric_get(b->st.m, M_WATCHES), 0);
}

static void test_who_may_ask(void **state)
{
	struct bench *b = *state;
	struct store_at a = at(b);

	/* A cas speaks for users only; another user sees nothing. */
	a.principal = (struct guid){ { 0 } };
	assert_int_equal(CALL(b, store_folder_list(&a, NULL, on_folders, b)), ERR_INVALID);
	a.principal = b->bob;
	assert_int_equal(CALL(b, store_folder_list(&a, NULL, on_folders, b)), ERR_OK);
	assert_int_equal(b->n_folders, 0);
	assert_int_equal(CALL(b, store_select(&a, b->inbox, false, true, on_select, b)),
			 ERR_NOTFOUND);
	assert_int_equal(CALL(b, store_folder_create(&a, "x", NULL, on_folders, b)), ERR_NOTFOUND);
	assert_int_equal(CALL(b, store_open(&a, on_open, b)), ERR_NOTFOUND);
	/* Only a hub delivers, only the directory provisions. */
	a = at(b);
	assert_int_equal(CALL(b, store_provision(&a, &b->database, on_done, b)), ERR_DENIED);
	b->hub_peer = b->cas_peer;
	assert_int_equal(deliver_text(b, 1, "x", true), ERR_DENIED);
}

/* A log that a stuck reader keeps from being folded in must not fill the disk, nor
 * a flood of uploads the memory. */
static void test_pushing_back(void **state)
{
	struct bench *b = *state;
	char *text = letter("later", 100);

	atomic_store(&b->sdb->mdb->wal_bytes, WAL_REFUSE + 1);
	assert_int_equal(deliver_text(b, 1, text, true), ERR_AGAIN);
	atomic_store(&b->sdb->mdb->wal_bytes, 0);
	b->st.upload_bytes += b->conf.upload_memory;
	assert_int_equal(deliver_text(b, 1, text, true), ERR_AGAIN);
	b->st.upload_bytes -= b->conf.upload_memory;
	assert_int_equal(metric_get(b->st.m, M_REFUSED), 2);
	assert_int_equal(deliver_text(b, 1, text, true), ERR_OK);
	assert_false(b->delivered[0].repeat);
	role_mailbox(&b->st, &b->ann)->is_quarantined = true;
	assert_int_equal(deliver_text(b, 2, text, true), ERR_OK);
	assert_int_equal(b->delivered[0].status, ERR_AGAIN);
	assert_int_equal(b->delivered[1].status, ERR_OK);
	free(text);
}

/* ---- throughput: BENCH_SECONDS=n ------------------------------------------------------- */

struct flight {
	struct bench *b;
	struct api_call *call;
	char text[4096];
	bool again;
};

static void send_one(struct flight *f);

static void flight_done(void *ctx, enum err e, const struct store_delivered *d, size_t n)
{
	struct flight *f = ctx;

	f->call = NULL;
	assert_int_equal(e, ERR_OK);
	assert_int_equal(n, 1);
	assert_int_equal(d[0].status, ERR_OK);
	f->b->n_rows++;
	if (f->again)
		send_one(f);
}

static void send_one(struct flight *f)
{
	struct bench *b = f->b;
	const struct store_deliver_to to = { .mailbox = ++b->cn % 2 ? b->ann : b->bob };
	struct store_deliver d = { .origin = b->origin, .seq = b->cn, .to = &to, .n_to = 1,
				   .return_path = "a@x", .prefix = "", .size = sizeof(f->text) };
	struct store_at hub = { .peer = b->hub_peer };

	snprintf(f->text, 100, "From: a@x\r\nMessage-ID: <%llu@x>\r\n\r\n",
		 (unsigned long long)b->cn);
	f->call = store_deliver(&hub, &d, f->text, 0, NULL, flight_done, f);
}

static void test_throughput_over_the_bus(void **state)
{
	struct bench *b = *state;
	const char *env = getenv("BENCH_SECONDS");
	enum { FLIGHT = 64 };
	struct flight *f = xcalloc(FLIGHT, sizeof(*f));
	int64_t ms = env ? atoi(env) * 1000 : 100, began = clock_mono_ms();

	b->cn = b->n_rows = 0;
	for (int i = 0; i < FLIGHT; i++) {
		f[i] = (struct flight){ .b = b, .again = true };
		for (size_t k = 100; k < sizeof(f->text); k++)
			f[i].text[k] = k % 78 ? (char)('a' + (k * k >> 3) % 24) : '\n';
		send_one(&f[i]);
	}
	while (clock_mono_ms() - began < ms)
		uv_run(&b->r.loop, UV_RUN_ONCE);
	if (env)
		fprintf(stderr, "%lld deliveries/s over the bus, both ends in this process\n",
			(long long)(b->n_rows * 1000 / (clock_mono_ms() - began)));
	for (int i = 0; i < FLIGHT; i++)
		f[i].again = false;
	RUN_UNTIL(&b->r, b->n_rows == b->cn, 10000);
	assert_int_equal(metric_get(b->st.m, M_DELIVERED), b->cn);
	free(f);
}

static void test_an_upload_that_lies(void **state)
{
	struct bench *b = *state;
	struct store_at a = at(b);
	struct store_append ap = { .fid = b->inbox, .size = 200 << 20 };

	assert_int_equal(CALL(b, store_append(&a, &ap, on_writable, on_append, b)), ERR_LIMIT);
	/* Its caller goes away in the middle. */
	ap.size = 3 << 20;
	b->up = xcalloc(1, 3 << 20);
	b->up_len = 1 << 20;
	b->n = 0;
	b->call = store_append(&a, &ap, on_writable, on_append, b);
	on_writable(b);
	RUN_UNTIL(&b->r, b->up_at == b->up_len, 5000);
	assert_true(b->st.upload_bytes > 0);
	api_cancel(&b->call);
	RUN_UNTIL(&b->r, b->st.upload_bytes == 0, 5000);
	free((char *)(uintptr_t)b->up);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = {
		T(test_deliver_and_read),
		T(test_a_large_upload_and_a_slow_reader),
		T(test_append_and_change),
		T(test_many_folders),
		T(test_stage_and_place),
		T(test_folders),
		T(test_many_rows),
		T(test_watch),
		T(test_ten_thousand_watches),
		T(test_the_digest),
		T(test_who_may_ask),
		T(test_pushing_back),
		T(test_throughput_over_the_bus),
		T(test_an_upload_that_lies),
	};

	log_open("test", LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
