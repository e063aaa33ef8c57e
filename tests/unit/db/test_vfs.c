#include "common/base/check.h"
#include "common/db/db.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* Damage done to the files behind SQLite's back must never look like data. */

enum { PAGE = 8192, ROWS = 40 };

static const char *const steps[] = { "CREATE TABLE t(a INTEGER PRIMARY KEY, b BLOB) STRICT;" };
static const struct db_schema schema = { steps, 1, 0x42310003 };

DB_SQL(q_put, "INSERT INTO t(a, b) VALUES(?1, ?2)");
DB_SQL(q_sum, "SELECT sum(length(b)) FROM t");

static char dir[64], path[96], wal[100];

static int up(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_vfs.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/x.db", dir);
	snprintf(wal, sizeof(wal), "%s-wal", path);
	return 0;
}

static int down(void **state)
{
	char lock[128];

	(void)state;
	snprintf(lock, sizeof(lock), "%s.lock", path);
	unlink(lock);
	unlink(wal);
	unlink(path);
	rmdir(dir);
	return 0;
}

static struct db *open_db(unsigned flags)
{
	struct db_conf conf = { .path = path, .flags = flags };
	struct db *db = NULL;
	struct errbuf eb;

	if (db_open(&conf, &schema, &db, &eb) != ERR_OK)
		fail_msg("open: %s", eb.text);
	return db;
}

/* Each row fills a leaf of its own. */
static void fill(struct db *db)
{
	char text[5000];

	memset(text, 'm', sizeof(text));
	for (int64_t i = 1; i <= ROWS; i++)
		assert_int_equal(db_run(db, &q_put, NULL, "ib", i, text, sizeof(text)), ERR_OK);
}

static enum err read_all(struct db *db)
{
	int64_t n = 0;
	enum err e = db_get_int(db, &q_sum, &n, NULL, "");

	if (e == ERR_OK)
		assert_int_equal(n, ROWS * 5000);
	return e;
}

static void poke(const char *file, off_t at, const void *p, size_t n)
{
	int fd = open(file, O_RDWR);

	assert_int_equal(pwrite(fd, p, n, at), n);
	close(fd);
}

static void test_a_sound_file_verifies(void **state)
{
	struct db *db = open_db(DB_CREATE);
	char problem[100];

	(void)state;
	fill(db);
	db_close(&db);		/* the last connection folds the log into the file */
	db = open_db(0);
	assert_int_equal(read_all(db), ERR_OK);
	assert_int_equal(db_verify(db, problem, sizeof(problem), NULL), ERR_OK);
	db_close(&db);
}

static void test_one_bit_in_any_page_is_found(void **state)
{
	struct db *db = open_db(DB_CREATE);
	char problem[100], byte;
	unsigned found = 0;

	(void)state;
	fill(db);
	db_close(&db);
	for (int page = 3; page < 30; page += 5) {
		off_t at = (off_t)page * PAGE + 100 + page * 70;
		int fd = open(path, O_RDONLY);

		assert_int_equal(pread(fd, &byte, 1, at), 1);
		close(fd);
		byte ^= 4;
		poke(path, at, &byte, 1);
		db = open_db(0);
		found += read_all(db) == ERR_CORRUPT;
		assert_int_equal(db_verify(db, problem, sizeof(problem), NULL), ERR_CORRUPT);
		assert_true(problem[0] != '\0');
		db_close(&db);
		byte ^= 4;
		poke(path, at, &byte, 1);
	}
	assert_int_equal(found, 6);
	db = open_db(0);
	assert_int_equal(read_all(db), ERR_OK);
	db_close(&db);
}

static void test_a_misdirected_write_is_found(void **state)
{
	struct db *db = open_db(DB_CREATE);
	char page[PAGE];
	int fd;

	(void)state;
	fill(db);
	db_close(&db);
	fd = open(path, O_RDONLY);
	assert_int_equal(pread(fd, page, PAGE, 10 * PAGE), PAGE);
	close(fd);
	poke(path, 11 * PAGE, page, PAGE);	/* a whole page, and a sound one */
	db = open_db(0);
	assert_int_equal(read_all(db), ERR_CORRUPT);
	db_close(&db);
}

static void test_a_rotten_log_is_found_before_the_checkpoint(void **state)
{
	struct db *db = open_db(DB_CREATE), *rd;
	int64_t left;

	(void)state;
	fill(db);
	for (off_t frame = 10; frame < 60; frame++)
		poke(wal, 32 + frame * (PAGE + 24) + 24 + 4000, "X", 1);
	rd = open_db(DB_READONLY | DB_SHARED);	/* nothing in its cache */
	assert_int_equal(read_all(rd), ERR_CORRUPT);
	assert_int_equal(db_checkpoint(db, &left, NULL), ERR_CORRUPT);
	db_close(&rd);
	db_close(&db);
}

static void test_the_log_starts_over_and_over(void **state)
{
	struct db *db = open_db(DB_CREATE), *rd = open_db(DB_READONLY | DB_SHARED);
	char text[3000];
	int64_t left;

	(void)state;
	memset(text, 'x', sizeof(text));
	for (int64_t i = 1; i <= 200; i++) {
		assert_int_equal(db_run(db, &q_put, NULL, "ib", i, text, sizeof(text)), ERR_OK);
		if (i % 9 == 0)
			assert_int_equal(db_checkpoint(db, &left, NULL), ERR_OK);
		assert_int_equal(db_get_int(rd, &q_sum, &left, NULL, ""), ERR_OK);
		assert_int_equal(left, i * 3000);
		db_shrink_memory(rd);
	}
	db_close(&rd);
	db_close(&db);
}

static void copy(const char *from, const char *to)
{
	char buf[65536];
	ssize_t n;
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	while ((n = read(in, buf, sizeof(buf))) > 0)
		assert_int_equal(write(out, buf, (size_t)n), n);
	close(in);
	close(out);
}

/* What a crash would leave now: is all of it there? */
static void expect_after_crash(int64_t bytes)
{
	char crashed[120], log[130], lock[130];
	struct db_conf conf = { .path = crashed };
	struct db *db = NULL;
	int64_t n = 0;

	snprintf(crashed, sizeof(crashed), "%s/crashed.db", dir);
	snprintf(log, sizeof(log), "%s-wal", crashed);
	snprintf(lock, sizeof(lock), "%s.lock", crashed);
	copy(path, crashed);
	copy(wal, log);
	assert_int_equal(db_open(&conf, &schema, &db, NULL), ERR_OK);
	assert_int_equal(db_get_int(db, &q_sum, &n, NULL, ""), ERR_OK);
	assert_int_equal(n, bytes);
	db_close(&db);
	unlink(lock);
	unlink(log);
	unlink(crashed);
}

/* Two writers in turn, logs that start over, and transactions larger than the cache,
 * whose frames SQLite writes a second time: each commit is in the files at once,
 * synchronous or not. */
static void test_each_commit_is_in_the_files(void **state)
{
	static const char *const modes[] = { "PRAGMA synchronous=FULL",
					     "PRAGMA synchronous=NORMAL" };
	struct db_conf conf = { .path = path, .flags = DB_SHARED, .cache_bytes = 4 * PAGE };
	char text[5000] = "";
	int64_t rows = 0, left;

	(void)state;
	for (size_t m = 0; m < N_ELEMS(modes); m++) {
		struct db *w[2] = { open_db(DB_CREATE), NULL };

		assert_int_equal(db_open(&conf, &schema, &w[1], NULL), ERR_OK);
		for (size_t i = 0; i < 2; i++)
			assert_int_equal(db_exec(w[i], modes[m], NULL), ERR_OK);
		for (size_t turn = 0; turn < 24; turn++) {
			struct db *db = w[turn / 2 % 2];

			assert_int_equal(db_begin(db, NULL), ERR_OK);
			for (size_t k = 0; k < 1 + turn % 5 * 9; k++)
				assert_int_equal(db_run(db, &q_put, NULL, "ib", ++rows, text,
							sizeof(text)), ERR_OK);
			if (turn % 5)		/* an early page once more */
				assert_int_equal(db_exec(db, "UPDATE t SET b = b WHERE a < 9",
							 NULL), ERR_OK);
			assert_int_equal(db_commit(db, NULL), ERR_OK);
			expect_after_crash(rows * (int64_t)sizeof(text));
			if (turn % 7 == 6)
				assert_int_equal(db_checkpoint(w[0], &left, NULL), ERR_OK);
		}
		db_close(&w[1]);
		db_close(&w[0]);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, up, down)
	const struct CMUnitTest tests[] = {
		T(test_a_sound_file_verifies),
		T(test_one_bit_in_any_page_is_found),
		T(test_a_misdirected_write_is_found),
		T(test_a_rotten_log_is_found_before_the_checkpoint),
		T(test_the_log_starts_over_and_over),
		T(test_each_commit_is_in_the_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
