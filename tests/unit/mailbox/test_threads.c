#include "tests/unit/mailbox/rig.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "roles/mailbox/mdb.h"
#include "roles/mailbox/writer.h"
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <uv.h>

/* The threads: writer, readers, checkpointer, and what they post to a loop.
 *
 * With BENCH_SECONDS=n in the environment the throughput test runs that long and
 * prints its figures; else it is short. */

struct bench {
	uv_loop_t loop;
	struct inbox *inbox;
	struct mdb *mdb;
	struct zpool *z;
	char dir[64], folder[80], path[100];
	struct guid guid, origin;
	int64_t mbx[200];
	unsigned n_mbx;
	uint64_t seq, told;
	int64_t done, failed;
	int64_t shut;
};

static void take(void *ctx, struct inbox_item *item)
{
	struct post *p = CONTAINER_OF(item, struct post, item);

	(void)ctx;
	p->fn(p);
}

static void on_changed(void *ctx, struct mdb *m, const struct changed *c)
{
	struct bench *b = ctx;

	(void)m;
	b->told += c->n;
}

static void on_quarantine(void *ctx, struct mdb *m, int64_t mbx)
{
	struct bench *b = ctx;

	(void)m;
	b->shut = mbx;
}

struct waiting {
	struct job job;
	bool done;
};

static void job_done(struct job *j)
{
	CONTAINER_OF(j, struct waiting, job)->done = true;
}

static enum err run(struct bench *b, tx_fn *write, read_fn *read, void *op)
{
	struct waiting w = { .job = { .write = write, .read = read, .arg = op,
				      .done = job_done } };

	if (write)
		mdb_write(b->mdb, &w.job);
	else
		mdb_read(b->mdb, &w.job);
	while (!w.done)
		uv_run(&b->loop, UV_RUN_ONCE);
	return w.job.e;
}

static void open_mdb(struct bench *b)
{
	struct errbuf eb = { "" };
	struct mdb_conf conf = {
		.folder = b->folder, .guid = b->guid, .name = "bench", .inbox = b->inbox,
		.readers = 2, .writer_cache = 32 << 20, .reader_cache = 4 << 20,
		.catalogue = true, .on_changed = on_changed,
		.on_quarantine = on_quarantine, .ctx = b,
	};

	if (mdb_open(&conf, &b->mdb, &eb) != ERR_OK)
		fail_msg("open: %s", eb.text);
}

static int up(void **state)
{
	struct bench *b = xcalloc(1, sizeof(*b));
	const char *at = getenv("BENCH_DIR");

	snprintf(b->dir, sizeof(b->dir), "%s/test_threads.XXXXXX", at ? at : "/tmp");
	if (mkdtemp(b->dir) == NULL)
		return -1;
	snprintf(b->folder, sizeof(b->folder), "%s/db", b->dir);
	snprintf(b->path, sizeof(b->path), "%s/store.db", b->folder);
	b->guid = guid_make();
	b->origin = guid_make();
	b->z = zpool_new();
	uv_loop_init(&b->loop);
	b->inbox = inbox_open(&b->loop, take, b);
	open_mdb(b);
	b->n_mbx = getenv("BENCH_MAILBOXES") ? (unsigned)atoi(getenv("BENCH_MAILBOXES")) : 20;
	b->n_mbx = b->n_mbx < 200 ? b->n_mbx : 200;
	for (unsigned i = 0; i < b->n_mbx; i++) {
		struct provision_op op = { .guid = guid_make(), .quotas = { -1, -1, -1 } };

		assert_int_equal(run(b, mailbox_provision, NULL, &op), ERR_OK);
		b->mbx[i] = op.mbx;
	}
	*state = b;
	return 0;
}

static void remove_files(struct bench *b)
{
	static const char *const names[] = {
		"store.db", "store.db-wal", "store.db.lock", "quarantine.db",
		"quarantine.db-wal", "quarantine.db.lock", "restored", "search.db",
		"search.db-wal", "search.db-shm", "search.db.lock", "name",
	};

	for (size_t i = 0; i < N_ELEMS(names); i++) {
		char path[160];

		snprintf(path, sizeof(path), "%s/%s", b->folder, names[i]);
		unlink(path);
	}
	rmdir(b->folder);
	rmdir(b->dir);
}

static int down(void **state)
{
	struct bench *b = *state;

	mdb_close(&b->mdb);
	inbox_close(&b->inbox);
	uv_run(&b->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&b->loop), 0);
	zpool_free(&b->z);
	remove_files(b);
	free(b);
	return 0;
}

/* ---- throughput ---------------------------------------------------------------------- */

struct letter {
	struct job job;
	struct bench *b;
	struct content *c;
	struct deliver_op op;
	struct deliver_to to;
	bool again;
};

static struct content *make_content(struct bench *b, uint64_t n)
{
	static char text[5000];
	struct content *c = content_new(b->z);
	static uint32_t seed = 1;
	int len = snprintf(text, sizeof(text),
			   "Return-Path: <a@example.org>\r\nFrom: Ann <a@example.org>\r\n"
			   "To: b@example.org\r\nSubject: letter %llu\r\nMessage-ID: <%llu@x>\r\n"
			   "Date: Mon, 2 Oct 2023 10:00:00 +0000\r\n\r\n",
			   (unsigned long long)n, (unsigned long long)n);

	for (; len < 4096; len++) {
		seed = seed * 1664525 + 1013904223;
		text[len] = len % 78 == 77 ? '\n' : (char)('a' + (seed >> 24) % 20);
	}
	assert_int_equal(content_feed(c, text, (size_t)len), ERR_OK);
	assert_int_equal(content_finish(c), ERR_OK);
	return c;
}

static void submit_letter(struct letter *l)
{
	struct bench *b = l->b;
	uint64_t n = ++b->seq;

	l->c = make_content(b, n);
	l->to = (struct deliver_to){ .mbx = b->mbx[n % b->n_mbx] };
	l->op = (struct deliver_op){ .origin = b->origin, .seq = n, .received_ms = clock_wall_ms(),
				     .content = l->c, .to = &l->to, .n_to = 1 };
	mdb_write(b->mdb, &l->job);
}

static void letter_done(struct job *j)
{
	struct letter *l = CONTAINER_OF(j, struct letter, job);

	content_free(&l->c);
	if (j->e || l->to.status)
		l->b->failed++;
	else
		l->b->done++;
	if (l->again)
		submit_letter(l);
	else
		l->op.n_to = 0;
}

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void test_throughput(void **state)
{
	struct bench *b = *state;
	const char *env = getenv("BENCH_SECONDS");
	int64_t ms = env ? atoi(env) * 1000 : 300, began, took;
	enum { FLIGHT = 64 };
	static struct letter l[FLIGHT];
	double cpu = cpu_s();

	began = clock_mono_ms();
	for (int i = 0; i < FLIGHT; i++) {
		l[i] = (struct letter){ .b = b, .again = true };
		l[i].job = (struct job){ .write = deliver, .arg = &l[i].op, .done = letter_done,
					 .lane = LANE_DELIVERY, .bytes = 4096 };
		submit_letter(&l[i]);
	}
	while (clock_mono_ms() - began < ms)
		uv_run(&b->loop, UV_RUN_ONCE);
	took = clock_mono_ms() - began;
	if (env)
		fprintf(stderr,
			"%lld deliveries of 4 KiB to %u mailboxes in %lld ms: %lld/s, %.0f us CPU "
			"each, %lld groups, log %lld MiB\n",
			(long long)b->done, b->n_mbx, (long long)took,
			(long long)(b->done * 1000 / took),
			(cpu_s() - cpu) * 1e6 / (double)b->done,
			(long long)atomic_load(&b->mdb->commits),
			(long long)atomic_load(&b->mdb->wal_bytes) >> 20);
	for (int i = 0; i < FLIGHT; i++)
		l[i].again = false;
	for (int left = FLIGHT; left > 0;) {
		uv_run(&b->loop, UV_RUN_ONCE);
		left = 0;
		for (int i = 0; i < FLIGHT; i++)
			left += l[i].op.n_to != 0;
	}
	assert_int_equal(b->failed, 0);
	assert_int_equal(b->done, b->seq);
	assert_true(b->done > 20);
	/* Many to a group, or group commit does not work. */
	assert_true(atomic_load(&b->mdb->commits) < b->done);
	assert_true(b->told > 0);
}

/* ---- killed in the middle ------------------------------------------------------------ */

struct acked {
	struct letter l;
	int pipe;
};

static void tell_parent(struct job *j)
{
	struct letter *l = CONTAINER_OF(j, struct letter, job);
	uint64_t seq = l->op.seq;

	content_free(&l->c);
	if (j->e || l->to.status ||
	    write(CONTAINER_OF(l, struct acked, l)->pipe, &seq, sizeof(seq)) != sizeof(seq))
		_exit(1);
	submit_letter(l);
}

/* Delivers until it is killed, telling each sequence number that was answered. */
static void deliver_for_ever(struct bench *b, int to)
{
	static struct acked a[16];

	uv_loop_fork(&b->loop);
	for (size_t i = 0; i < N_ELEMS(a); i++) {
		a[i].pipe = to;
		a[i].l.b = b;
		a[i].l.job = (struct job){ .write = deliver, .arg = &a[i].l.op,
					   .done = tell_parent, .lane = LANE_DELIVERY };
		submit_letter(&a[i].l);
	}
	for (;;)
		uv_run(&b->loop, UV_RUN_ONCE);
}

static enum err deliver_again(struct bench *b, uint64_t seq, bool *repeat)
{
	struct deliver_to to = { .mbx = b->mbx[seq % b->n_mbx] };
	struct deliver_op op = { .origin = b->origin, .seq = seq, .to = &to, .n_to = 1 };
	struct content *c = make_content(b, seq);
	enum err e;

	op.content = c;
	e = run(b, deliver, NULL, &op);
	*repeat = to.repeat;
	content_free(&c);
	return e;
}

static enum err check_all(struct bench *b)
{
	static char text[CHECK_FINDINGS][CHECK_TEXT];
	struct check_op op = { .findings = text };
	enum err e = run(b, check_database, NULL, &op);

	if (e == ERR_OK && op.n)
		fail_msg("%s", text[0]);
	return e;
}

static void test_killed_in_the_middle(void **state)
{
	struct bench *b = *state;
	uint64_t seq, last = 0;
	unsigned acked = 0, unknown = 0;
	int fd[2], status;
	bool repeat;
	pid_t pid;

	/* The writer's thread would not be in the child: open there. */
	mdb_close(&b->mdb);
	assert_int_equal(pipe(fd), 0);
	pid = fork();
	if (pid == 0) {
		close(fd[0]);
		open_mdb(b);
		deliver_for_ever(b, fd[1]);
	}
	close(fd[1]);
	while (acked < 150 && read(fd[0], &seq, sizeof(seq)) == sizeof(seq)) {
		acked++;
		last = seq > last ? seq : last;
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	while (read(fd[0], &seq, sizeof(seq)) == sizeof(seq)) {
		acked++;
		last = seq > last ? seq : last;
	}
	close(fd[0]);
	assert_true(acked >= 150);
	open_mdb(b);
	assert_int_equal(check_all(b), ERR_OK);
	/* All that was answered is there; the rest is there once, or not at all. */
	for (seq = 1; seq <= last + 16; seq++) {
		assert_int_equal(deliver_again(b, seq, &repeat), ERR_OK);
		unknown += !repeat;
	}
	assert_true(last + 16 - unknown >= acked);
	assert_true(unknown <= 32);
	assert_int_equal(check_all(b), ERR_OK);
}

/* ---- damage ----------------------------------------------------------------------------- */

/* A leaf that holds only rows of the first mailbox, by way of SQLite's own table of
 * pages. */
static int64_t leaf_of_first_mailbox(struct bench *b)
{
	sqlite3 *h;
	sqlite3_stmt *st;
	int64_t page;

	assert_int_equal(sqlite3_open(b->path, &h), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(h, "SELECT pageno FROM dbstat WHERE name = 'placement'"
					       " AND pagetype = 'leaf' ORDER BY path LIMIT 1", -1,
					    &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	page = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(h);
	return page;
}

static void damage_page(struct bench *b, int64_t page)
{
	int fd = open(b->path, O_RDWR);

	assert_int_equal(pwrite(fd, "damage", 6, (page - 1) * 8192 + 4000), 6);
	close(fd);
}

static enum err flag_all(struct bench *b, int64_t mbx, const struct guid *owner, int64_t fid)
{
	struct uid_range u = { 1, 20 };
	struct flags_op op = { .who = { mbx, *owner, *owner }, .fid = (uint64_t)fid, .uids = &u,
			       .n_uids = 1, .mode = FLAGS_ADD, .flags = FLAG_SEEN };
	enum err e;

	buf_init(&op.rows, 1 << 20);
	e = run(b, flags_set, NULL, &op);
	buf_fini(&op.rows);
	return e;
}

static enum err copy_all(struct bench *b, int64_t mbx, const struct guid *owner, int64_t fid)
{
	struct uid_range u = { 1, UINT32_MAX };
	struct copy_op op = { .who = { mbx, *owner, *owner }, .fid = (uint64_t)fid, .uids = &u,
			      .n_uids = 1, .to_path = "Drafts" };
	enum err e = run(b, copy, NULL, &op);

	runs_fini(&op.from);
	runs_fini(&op.to_uids);
	return e;
}

static void count_shut(void *ctx, const struct mdb_mailbox *mb)
{
	struct bench *b = ctx;

	if (mb->is_quarantined) {
		assert_int_equal(mb->mbx, b->mbx[0]);
		b->failed++;
	}
}

static void test_damage_shuts_one_mailbox(void **state)
{
	struct bench *b = *state;
	const struct guid nobody = { { 0 } };
	bool repeat;

	for (uint64_t seq = 1; seq <= 80 * b->n_mbx; seq++)
		if (seq % b->n_mbx < 2)
			assert_int_equal(deliver_again(b, seq, &repeat), ERR_OK);
	for (int i = 0; i < 6; i++)	/* so that it has leaves of its own */
		assert_int_equal(copy_all(b, b->mbx[0], &nobody, 1), ERR_OK);
	mdb_close(&b->mdb);
	damage_page(b, leaf_of_first_mailbox(b));
	open_mdb(b);
	/* The inbox is the first folder that was made: its fid is 1. */
	assert_int_equal(flag_all(b, b->mbx[1], &nobody, 1), ERR_OK);
	assert_int_equal(flag_all(b, b->mbx[0], &nobody, 1), ERR_AGAIN);
	while (b->shut == 0)
		uv_run(&b->loop, UV_RUN_ONCE);
	assert_int_equal(b->shut, b->mbx[0]);
	assert_int_equal(flag_all(b, b->mbx[1], &nobody, 1), ERR_OK);
	assert_false(atomic_load(&b->mdb->is_damaged));
	/* It stays shut over a restart. */
	mdb_close(&b->mdb);
	open_mdb(b);
	assert_int_equal(mdb_each(b->mdb, count_shut, b, NULL), ERR_OK);
	assert_int_equal(b->failed, 1);
}

static enum err read_corrupt(struct db *db, void *arg, struct errbuf *eb)
{
	(void)arg;
	(void)db;
	return err_set(eb, ERR_CORRUPT, "a page's checksum is wrong");
}

/* Damage that only a reader meets shuts the mailbox it read for as well. */
static void test_damage_found_by_a_reader(void **state)
{
	struct bench *b = *state;
	struct waiting w = { .job = { .read = read_corrupt, .done = job_done,
				      .mbx = b->mbx[0] } };

	mdb_read(b->mdb, &w.job);
	while (!w.done || b->shut == 0)
		uv_run(&b->loop, UV_RUN_ONCE);
	assert_int_equal(w.job.e, ERR_AGAIN);
	assert_int_equal(b->shut, b->mbx[0]);
	assert_false(atomic_load(&b->mdb->is_damaged));
	assert_int_equal(mdb_each(b->mdb, count_shut, b, NULL), ERR_OK);
	assert_int_equal(b->failed, 1);
	assert_int_equal(run(b, NULL, read_corrupt, NULL), ERR_AGAIN);	/* nobody's alone */
	assert_true(atomic_load(&b->mdb->is_damaged));
}

/* ---- a restored copy ----------------------------------------------------------------------- */

static enum err read_numbers(struct tx *tx, void *arg, struct errbuf *eb)
{
	int64_t *out = arg;
	struct folder_row *f;
	struct mbx_row *m;
	enum err e = tx_mailbox(tx, 1, &m, eb);

	if (e == ERR_OK)
		e = tx_folder(tx, 1, 1, &f, eb);
	if (e)
		return e;
	out[0] = m->v.next_cn;
	out[1] = m->v.next_gc;
	out[2] = f->v.uidnext;
	return ERR_OK;
}

static void test_a_restored_copy_never_reuses_numbers(void **state)
{
	struct bench *b = *state;
	int64_t before[3], after[3], epoch = b->mdb->epoch;
	char *marker = xasprintf("%s/restored", b->folder);
	bool repeat;

	assert_int_equal(deliver_again(b, b->n_mbx, &repeat), ERR_OK);
	assert_int_equal(run(b, read_numbers, NULL, before), ERR_OK);
	mdb_close(&b->mdb);
	close(open(marker, O_CREAT | O_WRONLY, 0600));
	open_mdb(b);
	assert_int_equal(b->mdb->epoch, epoch + 1);
	assert_int_equal(access(marker, F_OK), -1);
	assert_int_equal(run(b, read_numbers, NULL, after), ERR_OK);
	assert_true(after[0] - before[0] >= 1 << 20);
	assert_true(after[1] - before[1] >= 1 << 20);
	assert_true(after[2] - before[2] >= 1 << 16);
	mdb_close(&b->mdb);
	open_mdb(b);
	assert_int_equal(b->mdb->epoch, epoch + 1);
	assert_int_equal(check_all(b), ERR_OK);
	free(marker);
}

/* ---- who comes first ------------------------------------------------------------------------- */

struct order {
	struct bench *b;
	char text[64];
};

struct turn {
	struct job job;
	struct order *order;
	char name;
};

static enum err take_turn(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct turn *t = arg;

	(void)tx;
	(void)eb;
	t->order->text[strlen(t->order->text)] = t->name;
	return ERR_OK;
}

static void turn_done(struct job *j)
{
	CONTAINER_OF(j, struct turn, job)->order->b->done++;
}

/* A click in the middle of a mass delivery and a purge is served with the first. */
static void test_lanes_share(void **state)
{
	struct bench *b = *state;
	struct order o = { .b = b };
	struct turn t[30];

	writer_hold(b->mdb->writer);
	for (int i = 0; i < 30; i++) {
		enum lane lane = i < 10	  ? LANE_BACKGROUND
				 : i < 29 ? LANE_DELIVERY
					  : LANE_INTERACTIVE;

		t[i] = (struct turn){ .order = &o, .name = "idb"[lane] };
		t[i].job = (struct job){ .write = take_turn, .arg = &t[i], .lane = lane,
					 .bytes = 60000, .done = turn_done };
		mdb_write(b->mdb, &t[i].job);
	}
	assert_int_equal(writer_waiting(b->mdb->writer), 30);
	writer_let_go(b->mdb->writer);
	while (b->done < 30)
		uv_run(&b->loop, UV_RUN_ONCE);
	assert_true(strchr(o.text, 'i') - o.text <= 3);
	/* Neither of the others waits for the end of the other. */
	assert_true(strchr(o.text, 'b') < strrchr(o.text, 'd'));
	assert_true(strchr(o.text, 'd') < strrchr(o.text, 'b'));
}

/* ---- a change of any size -------------------------------------------------------------- */

DB_SQL(q_fid, "SELECT fid FROM folder WHERE mbx = ?1 AND role = ?2");

static enum err find_fid(struct db *db, void *arg, struct errbuf *eb)
{
	struct folder_row *f = arg;

	return db_get_int(db, &q_fid, &f->row.key[1], eb, "it", f->row.key[0], "inbox");
}

static uint64_t inbox_of(struct bench *b, int64_t mbx)
{
	struct folder_row f = { .row = { .key = { mbx, 0 } } };

	assert_int_equal(run(b, NULL, find_fid, &f), ERR_OK);
	return (uint64_t)f.row.key[1];
}

static void copy_free(struct copy_op *op)
{
	runs_fini(&op->from);
	runs_fini(&op->to_uids);
}

struct moving {
	struct job job;
	struct bench *b;
	struct copy_op op;
	unsigned steps;
	bool over;
};

static void move_step(struct job *j)
{
	struct moving *v = CONTAINER_OF(j, struct moving, job);

	v->steps++;
	if (bulk_stands(&v->op.bulk, j->e, &j->eb))
		mdb_write(v->b->mdb, &v->job);
	else
		v->over = true;
}

struct flagging {
	struct job job;
	struct flags_op op;
	const struct moving *beside;
	bool done, was_over;
};

static void flagged(struct job *j)
{
	struct flagging *f = CONTAINER_OF(j, struct flagging, job);

	f->was_over = f->beside->over;
	f->done = true;
}

/* Others' letters go on while a folder moves; the mailbox's own changes wait for it.
 * BENCH_MOVE=n: that many messages, and figures. */
static void test_a_large_move_lets_others_by(void **state)
{
	struct bench *b = *state;
	unsigned n = getenv("BENCH_MOVE") ? (unsigned)atoi(getenv("BENCH_MOVE")) : 1600;
	static const struct uid_range all = { 1, UINT32_MAX };
	struct who ann = { .mbx = b->mbx[0] };
	struct moving v = { .b = b };
	struct flagging f = { .beside = &v };
	struct letter l = { .b = b };
	int64_t began, worst = 0, total;
	unsigned letters = 0;

	for (unsigned i = 0; i < 20; i++) {
		l.job = (struct job){ .write = deliver, .arg = &l.op, .done = letter_done,
				      .lane = LANE_DELIVERY };
		b->n_mbx = 1;
		submit_letter(&l);
		while (l.op.n_to)
			uv_run(&b->loop, UV_RUN_ONCE);
	}
	v.op = (struct copy_op){ .who = ann, .fid = inbox_of(b, ann.mbx), .uids = &all, .n_uids = 1,
				 .to_path = "Archive", .move = true };
	for (unsigned have = 20; have < n; have += 20) {
		struct uid_range some = { 1, 20 };
		struct copy_op more = v.op;

		more.uids = &some;
		more.to_path = "INBOX";
		more.move = false;
		assert_int_equal(run(b, copy, NULL, &more), ERR_OK);
		copy_free(&more);
	}
	b->n_mbx = 20;
	v.job = (struct job){ .write = copy, .arg = &v.op, .done = move_step,
			      .lane = LANE_INTERACTIVE, .gate = { ann.mbx, 0 },
			      .hold = &v.op.bulk.hold };
	f.op = (struct flags_op){ .who = ann, .fid = v.op.fid, .uids = &all, .n_uids = 1,
				  .flags = FLAG_SEEN };
	buf_init(&f.op.rows, 64 << 20);
	f.job = (struct job){ .write = flags_set, .arg = &f.op, .done = flagged,
			      .lane = LANE_INTERACTIVE, .gate = { ann.mbx, 0 } };
	total = clock_mono_us();
	mdb_write(b->mdb, &v.job);
	mdb_write(b->mdb, &f.job);
	while (!v.over) {
		began = clock_mono_us();
		submit_letter(&l);
		while (l.op.n_to)
			uv_run(&b->loop, UV_RUN_ONCE);
		if (clock_mono_us() - began > worst)
			worst = clock_mono_us() - began;
		letters++;
	}
	total = clock_mono_us() - total;
	while (!f.done)
		uv_run(&b->loop, UV_RUN_ONCE);
	assert_true(v.op.bulk.has_happened);
	assert_int_equal(runs_count(&v.op.from), n);
	assert_true(f.was_over);
	assert_true(letters > 1 && v.steps > 5);
	assert_int_equal(b->failed, 0);
	if (getenv("BENCH_MOVE"))
		fprintf(stderr, "a move of %u: %lld ms in %u steps; %u letters by, at most %lld us\n",
			n, (long long)total / 1000, v.steps, letters, (long long)worst);
	assert_int_equal(check_all(b), ERR_OK);
	buf_fini(&f.op.rows);
	runs_fini(&f.op.modified);
	copy_free(&v.op);
}

/* What is left for deleting is not given to anything else. */
static void test_room(void **state)
{
	struct mdb *m = ((struct bench *)*state)->mdb;

	assert_true(mdb_has_room(m, 1, 0, 1));
	assert_false(mdb_has_room(m, 1, UINT64_MAX, 2));
	assert_true(mdb_has_room(m, 0, m->room, 3));
	assert_false(mdb_has_room(m, 1, m->room, 4));
	m->room = 1000;
	assert_true(mdb_has_room(m, 400, 600, 1000));
	assert_false(mdb_has_room(m, 401, 600, 1000));
	assert_false(mdb_has_room(m, 0, 1001, 1000));
	/* A second after it was asked, the disk is asked again. */
	assert_true(mdb_has_room(m, 401, 600, 1001));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = {
		T(test_throughput),
		T(test_killed_in_the_middle),
		T(test_damage_shuts_one_mailbox),
		T(test_damage_found_by_a_reader),
		T(test_a_restored_copy_never_reuses_numbers),
		T(test_lanes_share),
		T(test_a_large_move_lets_others_by),
		T(test_room),
	};

	log_open("test", LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
