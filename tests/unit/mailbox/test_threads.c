#include "tests/unit/mailbox/rig.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "roles/mailbox/mdb.h"
#include "roles/mailbox/writer.h"
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
	char dir[64], folder[80];
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
		.on_changed = on_changed, .on_quarantine = on_quarantine, .ctx = b,
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
		"quarantine.db-wal", "quarantine.db.lock", "restored",
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

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = {
		T(test_throughput),
	};

	log_open("test", LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
