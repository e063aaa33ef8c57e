#include "common/base/check.h"
#include "common/base/span.h"
#include "common/db/db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static const char *const steps[] = {
	"CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT UNIQUE, c BLOB) STRICT;",
	"CREATE TABLE u(x INTEGER NOT NULL) STRICT; CREATE INDEX u_x ON u(x);",
};
static const struct db_schema v1 = { steps, 1, 0x42310001 };
static const struct db_schema v2 = { steps, 2, 0x42310001 };
static const struct db_schema other = { steps, 2, 0x42310002 };

DB_SQL(q_put, "INSERT INTO t(a, b, c) VALUES(?1, ?2, ?3)");
DB_SQL(q_get, "SELECT a, b, c FROM t WHERE a = ?1");
DB_SQL(q_count, "SELECT count(*) FROM t");
DB_SQL(q_put_u, "INSERT INTO u(x) VALUES(?1)");
DB_SQL(q_scan, "SELECT a FROM t WHERE c IS NULL");
DB_SQL(q_elsewhere, "SELECT 1 FROM of_another_file");

struct rig {
	char dir[64], path[96];
	struct errbuf eb;
};

static int rig_up(void **state)
{
	struct rig *r = xcalloc(1, sizeof(*r));

	snprintf(r->dir, sizeof(r->dir), "/tmp/test_db.XXXXXX");
	if (mkdtemp(r->dir) == NULL)
		return -1;
	snprintf(r->path, sizeof(r->path), "%s/x.db", r->dir);
	*state = r;
	return 0;
}

static int rig_down(void **state)
{
	struct rig *r = *state;
	static const char *const tails[] = { "", "-wal", "-shm", "-journal", ".lock" };

	for (size_t i = 0; i < N_ELEMS(tails); i++) {
		char name[128];

		snprintf(name, sizeof(name), "%s%s", r->path, tails[i]);
		unlink(name);
	}
	rmdir(r->dir);
	free(r);
	return 0;
}

static struct db *open_db(struct rig *r, unsigned flags, const struct db_schema *s)
{
	struct db_conf conf = { .path = r->path, .flags = flags };
	struct db *db = NULL;

	if (db_open(&conf, s, &db, &r->eb) != ERR_OK)
		fail_msg("open: %s", r->eb.text);
	return db;
}

static enum err try_open(struct rig *r, unsigned flags, const struct db_schema *s)
{
	struct db_conf conf = { .path = r->path, .flags = flags };
	struct db *db = NULL;
	enum err e = db_open(&conf, s, &db, &r->eb);

	db_close(&db);
	return e;
}

static int64_t count(struct db *db)
{
	int64_t n = -1;

	assert_int_equal(db_get_int(db, &q_count, &n, NULL, ""), ERR_OK);
	return n;
}

static enum err put(struct db *db, int64_t a, const char *b)
{
	return db_run(db, &q_put, NULL, "itb", a, b, "\0x", (size_t)2);
}

static void test_values_come_back(void **state)
{
	struct rig *r = *state;
	struct db *db = open_db(r, DB_CREATE, &v1);
	struct guid g = guid_make(), h;
	struct db_row *row;
	size_t n;

	assert_int_equal(put(db, 1, "one"), ERR_OK);
	assert_int_equal(db_run(db, &q_put, NULL, "isg", (int64_t)2, "twofold", (size_t)3, &g),
			 ERR_OK);
	assert_int_equal(db_run(db, &q_put, NULL, "inn", (int64_t)3), ERR_OK);
	assert_int_equal(db_last_rowid(db), 3);

	row = db_query(db, &q_get, "i", (int64_t)1);
	assert_true(db_next(row));
	assert_string_equal(db_text(row, 1), "one");
	assert_memory_equal(db_blob(row, 2, &n), "\0x", 2);
	assert_int_equal(n, 2);
	assert_false(db_guid(row, 2, &h));
	assert_false(db_next(row));
	assert_int_equal(db_end(&row, NULL), ERR_OK);
	assert_null(row);

	row = db_query(db, &q_get, "i", (int64_t)2);
	assert_true(db_next(row));
	assert_string_equal(db_text(row, 1), "two");
	assert_true(db_guid(row, 2, &h));
	assert_true(guid_eq(&g, &h));
	assert_int_equal(db_end(&row, NULL), ERR_OK);

	row = db_query(db, &q_get, "i", (int64_t)3);
	assert_true(db_next(row));
	assert_true(db_is_null(row, 1));
	assert_null(db_text(row, 1));
	assert_int_equal(db_end(&row, NULL), ERR_OK);
	db_close(&db);
}

static void test_errors_say_what_to_do(void **state)
{
	struct rig *r = *state;
	struct db *db = open_db(r, DB_CREATE, &v1);
	struct db_row *row;
	int64_t v;

	assert_int_equal(put(db, 1, "one"), ERR_OK);
	assert_int_equal(put(db, 1, "two"), ERR_EXISTS);
	assert_int_equal(put(db, 2, "one"), ERR_EXISTS);
	assert_int_equal(db_get_int(db, &q_get, &v, NULL, "i", (int64_t)9), ERR_NOTFOUND);
	/* A statement for a table that is not here: the error comes out of db_end(). */
	row = db_query(db, &q_elsewhere, "");
	assert_false(db_next(row));
	assert_int_equal(db_end(&row, &r->eb), ERR_INTERNAL);
	assert_non_null(strstr(r->eb.text, "of_another_file"));
	db_close(&db);
}

static void test_transactions_undo(void **state)
{
	struct rig *r = *state;
	struct db *db = open_db(r, DB_CREATE, &v1);

	assert_int_equal(db_begin(db, NULL), ERR_OK);
	assert_int_equal(put(db, 1, "one"), ERR_OK);
	db_rollback(db);
	db_rollback(db);
	assert_int_equal(count(db), 0);

	assert_int_equal(db_begin(db, NULL), ERR_OK);
	assert_int_equal(put(db, 1, "one"), ERR_OK);
	assert_int_equal(db_savepoint(db, NULL), ERR_OK);
	assert_int_equal(put(db, 2, "two"), ERR_OK);
	db_rollback_savepoint(db);
	assert_int_equal(db_savepoint(db, NULL), ERR_OK);
	assert_int_equal(put(db, 3, "three"), ERR_OK);
	assert_int_equal(db_release(db, NULL), ERR_OK);
	assert_true(db_in_transaction(db));
	assert_int_equal(db_commit(db, NULL), ERR_OK);
	assert_false(db_in_transaction(db));
	assert_int_equal(count(db), 2);
	db_close(&db);
}

static void test_a_reader_sees_one_snapshot(void **state)
{
	struct rig *r = *state;
	struct db *w = open_db(r, DB_CREATE, &v1);
	struct db *rd = open_db(r, DB_READONLY | DB_SHARED, &v1);

	assert_int_equal(put(w, 1, "one"), ERR_OK);
	assert_int_equal(db_begin_read(rd, NULL), ERR_OK);
	assert_int_equal(put(w, 2, "two"), ERR_OK);
	assert_int_equal(count(rd), 1);
	db_rollback(rd);
	assert_int_equal(count(rd), 2);
	assert_int_not_equal(put(rd, 3, "three"), ERR_OK);
	db_close(&rd);
	db_close(&w);
}

static void test_only_one_owner(void **state)
{
	struct rig *r = *state;
	struct db *db;

	assert_int_equal(try_open(r, 0, &v1), ERR_NOTFOUND);
	assert_int_equal(try_open(r, DB_READONLY, &v1), ERR_NOTFOUND);
	db = open_db(r, DB_CREATE, &v1);
	assert_int_equal(try_open(r, 0, &v1), ERR_AGAIN);
	assert_int_equal(try_open(r, DB_CREATE, &v1), ERR_AGAIN);
	db_close(&db);
	assert_int_equal(try_open(r, 0, &v1), ERR_OK);
}

static void test_schema_goes_forward_only(void **state)
{
	struct rig *r = *state;
	struct db *db = open_db(r, DB_CREATE, &v1);

	assert_int_equal(put(db, 1, "one"), ERR_OK);
	db_close(&db);
	assert_int_equal(try_open(r, DB_READONLY, &v2), ERR_INVALID);
	db = open_db(r, 0, &v2);
	assert_int_equal(db_run(db, &q_put_u, NULL, "i", (int64_t)5), ERR_OK);
	assert_int_equal(count(db), 1);
	db_close(&db);
	assert_int_equal(try_open(r, 0, &v1), ERR_INVALID);
	assert_int_equal(try_open(r, 0, &other), ERR_INVALID);
	assert_int_equal(try_open(r, 0, &v2), ERR_OK);
}

static void test_files_are_private_and_shaped(void **state)
{
	struct rig *r = *state;
	struct db *db = open_db(r, DB_CREATE, &v1);
	unsigned char head[100];
	struct stat st;
	FILE *f;

	assert_int_equal(put(db, 1, "one"), ERR_OK);
	assert_true(db_wal_bytes(db) > 8192);
	db_close(&db);
	assert_int_equal(stat(r->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	f = fopen(r->path, "r");
	assert_int_equal(fread(head, 1, sizeof(head), f), sizeof(head));
	fclose(f);
	assert_int_equal(head[16] << 8 | head[17], 8192);
	assert_int_equal(head[20], 32);		/* reserved bytes a page */
	assert_int_equal(head[67], 1);		/* incremental vacuum: root page ... */
	assert_int_not_equal(head[55], 0);	/* ... and where roots end */
}

static void test_a_full_disk_is_full(void **state)
{
	struct rig *r = *state;
	struct db_conf conf = { .path = r->path, .flags = DB_CREATE, .max_pages = 12 };
	static char big[4000];
	struct db *db = NULL;
	enum err e = ERR_OK;
	int64_t n = 0;

	memset(big, 'x', sizeof(big) - 1);
	assert_int_equal(db_open(&conf, &v1, &db, NULL), ERR_OK);
	while (e == ERR_OK && n < 1000) {
		e = db_begin(db, NULL);
		assert_int_equal(e, ERR_OK);
		e = db_run(db, &q_put, NULL, "inb", ++n, big, sizeof(big));
		if (e == ERR_OK)
			e = db_commit(db, NULL);
		db_rollback(db);
	}
	assert_int_equal(e, ERR_FULL);
	assert_int_equal(count(db), n - 1);	/* and it serves on */
	db_close(&db);
}

static void test_a_killed_writer_loses_nothing_committed(void **state)
{
	struct rig *r = *state;
	struct db *db;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		db = open_db(r, DB_CREATE, &v1);
		for (int64_t i = 1; i <= 20; i++)
			if (put(db, i, NULL))
				_exit(1);
		if (db_begin(db, NULL) || put(db, 21, NULL))
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	db = open_db(r, 0, &v1);
	assert_int_equal(count(db), 20);
	db_close(&db);
}

struct plans {
	unsigned scans, missing, other;
};

static void on_plan(void *ctx, const char *sql, const char *detail)
{
	struct plans *p = ctx;

	if (strcmp(sql, q_scan.text) == 0 && strncmp(detail, "SCAN t", 6) == 0)
		p->scans++;
	else if (strcmp(sql, q_elsewhere.text) == 0 && strstr(detail, "no such table"))
		p->missing++;
	else
		p->other++;
}

static void test_plans_of_all_statements(void **state)
{
	struct rig *r = *state;
	struct db *db = open_db(r, DB_CREATE, &v2);
	struct plans p = { 0 };

	assert_int_equal(db_explain_all(db, on_plan, &p, &r->eb), ERR_OK);
	assert_int_equal(p.scans, 1);
	assert_int_equal(p.missing, 1);
	assert_true(p.other >= 1);
	db_close(&db);
}

static void test_checkpoints(void **state)
{
	struct rig *r = *state;
	struct db *w = open_db(r, DB_CREATE, &v1);
	struct db *rd = open_db(r, DB_READONLY | DB_SHARED, &v1);
	int64_t left = -1;

	assert_int_equal(put(w, 1, "one"), ERR_OK);
	assert_int_equal(db_begin_read(rd, NULL), ERR_OK);
	assert_int_equal(put(w, 2, "two"), ERR_OK);
	assert_int_equal(db_checkpoint(w, &left, NULL), ERR_OK);
	assert_true(left > 0);		/* the reader's snapshot holds it up */
	db_rollback(rd);
	assert_int_equal(db_checkpoint(w, &left, NULL), ERR_OK);
	assert_int_equal(left, 0);
	assert_true(db_cache_used(w) > 0);
	db_shrink_memory(w);
	db_close(&rd);
	db_close(&w);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)
	const struct CMUnitTest tests[] = {
		T(test_values_come_back),
		T(test_errors_say_what_to_do),
		T(test_transactions_undo),
		T(test_a_reader_sees_one_snapshot),
		T(test_only_one_owner),
		T(test_schema_goes_forward_only),
		T(test_files_are_private_and_shaped),
		T(test_a_full_disk_is_full),
		T(test_a_killed_writer_loses_nothing_committed),
		T(test_plans_of_all_statements),
		T(test_checkpoints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
