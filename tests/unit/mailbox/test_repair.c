#include "tests/unit/mailbox/rig.h"

#include "common/db/vfs.h"
#include "roles/mailbox/repair.h"
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

/* Pages of a filled database are spoilt, it is repaired, and what comes out must agree
 * with itself and hold nothing that did not go in. */

enum { LETTERS = 250 };

struct bed {
	struct rig *rig;
	char to[96], new_path[112];
	FILE *report;
	char *text;
	size_t n;
};

static void fill(struct rig *rig)
{
	for (unsigned i = 0; i < LETTERS; i++) {
		char id[40], subject[40];
		char *text;
		struct deliver_to to = { .mbx = rig->mbx };

		snprintf(id, sizeof(id), "%u@fill", i);
		snprintf(subject, sizeof(subject), "letter %u", i);
		text = rig_letter(subject, id, NULL, i % 50 == 7 ? 300000 : 500 + i * 7);
		rig->now_ms += 1000;
		OK(rig_deliver(rig, text, 0, &to, 1));
		free(text);
	}
	OK(rig_copy(rig, rig->inbox, (struct uid_range){ 1, 20 }, "Archive", false));
	OK(rig_expunge(rig, rig->inbox, (struct uid_range){ 30, 35 }, true));
	rig_check(rig);
}

/* The pages of a table or index, all kinds, by SQLite's own account. */
static size_t pages_of(struct rig *rig, const char *name, int64_t *out, size_t cap)
{
	sqlite3 *h;
	sqlite3_stmt *st;
	size_t n = 0;

	assert_int_equal(sqlite3_open(rig->path, &h), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(h, "SELECT pageno FROM dbstat WHERE name = ?1", -1, &st,
					    NULL), SQLITE_OK);
	sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
	while (n < cap && sqlite3_step(st) == SQLITE_ROW)
		out[n++] = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(h);
	return n;
}

static void spoil(struct rig *rig, int64_t page)
{
	int fd = open(rig->path, O_RDWR);

	assert_int_equal(pwrite(fd, "damage", 6, (page - 1) * 8192 + 4000), 6);
	close(fd);
}

static void bed_open(struct bed *b, struct rig *rig)
{
	*b = (struct bed){ .rig = rig };
	snprintf(b->to, sizeof(b->to), "%s/repaired", rig->dir);
	snprintf(b->new_path, sizeof(b->new_path), "%s/store.db", b->to);
	b->report = open_memstream(&b->text, &b->n);
}

static void bed_close(struct bed *b)
{
	char name[128];

	fclose(b->report);
	free(b->text);
	unlink(b->new_path);
	snprintf(name, sizeof(name), "%s-wal", b->new_path);
	unlink(name);
	snprintf(name, sizeof(name), "%s.lock", b->new_path);
	unlink(name);
	rmdir(b->to);
}

static int64_t ask(const char *path, const char *old, const char *sql)
{
	sqlite3 *h;
	sqlite3_stmt *st;
	int64_t v;

	assert_int_equal(sqlite3_open(path, &h), SQLITE_OK);
	if (old) {
		char *attach = xasprintf("ATTACH '%s' AS old", old);

		assert_int_equal(sqlite3_exec(h, attach, NULL, NULL, NULL), SQLITE_OK);
		free(attach);
	}
	if (sqlite3_prepare_v2(h, sql, -1, &st, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(h));
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	v = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(h);
	return v;
}

static void copy_file(const char *from, const char *to)
{
	char *cmd = xasprintf("cp '%s' '%s'", from, to);

	assert_int_equal(system(cmd), 0);
	free(cmd);
}

/* Everything that survived is what it was, byte for byte, and the file agrees with itself. */
static void compare(struct bed *b, const char *good, struct repair *r)
{
	struct db_conf conf = { .path = b->new_path, .flags = DB_CHECKPOINT };
	static char findings[CHECK_FINDINGS][CHECK_TEXT];
	struct check_op op = { .findings = findings };
	struct errbuf eb = { "" };
	struct db *db;
	struct tx tx;

	assert_int_equal(ask(b->new_path, good,
			     "SELECT count(*) FROM content_chunk n WHERE NOT EXISTS (SELECT 1 FROM"
			     " old.content_chunk o WHERE o.cid = n.cid AND o.data = n.data)"), 0);
	assert_int_equal(ask(b->new_path, good,
			     "SELECT count(*) FROM (SELECT rid, bid, size, subject, props, flags, kw,"
			     " date_recv, preview FROM item EXCEPT SELECT rid, bid, size, subject, props,"
			     " flags, kw, date_recv, preview FROM old.item)"), 0);
	assert_int_equal(ask(b->new_path, NULL, "SELECT count(*) FROM placement"), r->messages);
	assert_true(ask(b->new_path, good, "SELECT (SELECT min(next_cn) FROM mailbox) >="
					   " 1048576 + (SELECT max(cn) FROM old.placement)"));
	assert_true(ask(b->new_path, good, "SELECT (SELECT epoch FROM database) >"
					   " (SELECT epoch FROM old.database)"));
	assert_int_equal(ask(b->new_path, good, "SELECT count(*) FROM mailbox JOIN old.mailbox"
						" USING(mbx, guid)"), 1);
	assert_int_equal(db_open(&conf, &store_schema, &db, &eb), ERR_OK);
	tx_init(&tx, db);
	assert_int_equal(tx_once(&tx, 1, check_database, &op, &eb), ERR_OK);
	if (op.n)
		fail_msg("after the repair: %s", findings[0]);
	tx_fini(&tx);
	db_close(&db);
}

static void test_pages_of_each_table(void **state)
{
	/* least: messages that must be there again; all of 264: nothing hangs on it alone */
	static const struct {
		const char *name;
		unsigned which;		/* of its pages, modulo their number */
		int64_t least;
	} cases[] = {
		{ "database", 0, 264 },	   { "mailbox", 0, 264 },	{ "folder", 0, 264 },
		{ "sqlite_schema", 0, 264 }, { "sqlite_schema", 1, 264 },
		{ "placement", 0, 264 },   { "placement", 1, 264 },	{ "placement", 2, 264 },
		{ "item", 0, 264 },	   { "item", 1, 150 },		{ "item", 7, 150 },
		{ "content", 0, 264 },	   { "content", 3, 100 },	{ "content_chunk", 0, 264 },
		{ "content_chunk", 5, 200 }, { "content_chunk", 9, 200 }, { "tombstone", 0, 264 },
		{ "delivered", 0, 264 },   { "dumpster", 0, 264 },	{ "place_date", 1, 264 },
		{ "msgref", 0, 264 },	   { "place_mid", 0, 264 },
	};
	struct rig *rig = *state;
	char *good = xasprintf("%s/good.db", rig->dir);
	int64_t before;

	fill(rig);
	rig_close(rig);
	copy_file(rig->path, good);
	before = ask(good, NULL, "SELECT count(*) FROM placement");
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		int64_t page[600];
		struct bed b;
		struct errbuf eb = { "" };
		size_t n;
		struct repair r;
		enum err e;

		copy_file(good, rig->path);
		n = pages_of(rig, cases[i].name, page, N_ELEMS(page));
		assert_true(n > 0);
		spoil(rig, page[cases[i].which % n]);
		bed_open(&b, rig);
		r = (struct repair){ .folder = rig->dir, .to = b.to, .out = b.report };
		e = repair_database(&r, &eb);
		if (e)
			fail_msg("%s %u: %s", cases[i].name, cases[i].which, eb.text);
		assert_int_equal(r.pages_bad, 1);
		if (r.messages < cases[i].least || r.messages > before + 6)
			fail_msg("%s %u: %lld messages of %lld", cases[i].name, cases[i].which,
				 (long long)r.messages, (long long)before);
		assert_true(r.messages + r.messages_lost >= before);
		compare(&b, good, &r);
		bed_close(&b);
	}
	copy_file(good, rig->path);
	unlink(good);
	free(good);
	rig_open(rig, 0);
}

/* Several pages at once, wherever they are; what cannot be seen as lost in a row of its
 * own is at least nothing that was never there. */
static void test_pages_anywhere(void **state)
{
	struct rig *rig = *state;
	char *good = xasprintf("%s/good.db", rig->dir);
	struct stat st;

	fill(rig);
	rig_close(rig);
	copy_file(rig->path, good);
	assert_int_equal(stat(good, &st), 0);
	for (unsigned seed = 1; seed <= 8; seed++) {
		uint64_t x = seed * UINT64_C(0x9e3779b97f4a7c15);
		struct errbuf eb = { "" };
		struct repair r;
		struct bed b;

		copy_file(good, rig->path);
		for (int i = 0; i < 4; i++) {
			x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
			spoil(rig, 1 + (int64_t)((x >> 33) % (uint64_t)(st.st_size / 8192)));
		}
		bed_open(&b, rig);
		r = (struct repair){ .folder = rig->dir, .to = b.to, .out = b.report };
		if (repair_database(&r, &eb) != ERR_OK)
			fail_msg("seed %u: %s", seed, eb.text);
		assert_in_range(r.pages_bad, 1, 4);
		compare(&b, good, &r);
		bed_close(&b);
	}
	copy_file(good, rig->path);
	unlink(good);
	free(good);
	rig_open(rig, 0);
}

/* Bytes of a page change and its checksum fits all the same. */
static void forge(struct rig *rig, int64_t page, uint64_t x)
{
	unsigned char p[VFS_PAGE];
	off_t at = (page - 1) * VFS_PAGE;
	int fd = open(rig->path, O_RDWR);

	assert_int_equal(pread(fd, p, sizeof(p), at), sizeof(p));
	for (unsigned i = 0; i < 20; i++) {
		x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
		p[(x >> 33) % (i % 2 ? 200 : VFS_PAGE)] = (unsigned char)(x >> 56);
	}
	vfs_stamp(p, at);
	assert_int_equal(pwrite(fd, p, sizeof(p), at), sizeof(p));
	close(fd);
}

/* Nothing that a page says is believed unseen: a repair ends, whatever it finds. */
static void test_forged_pages(void **state)
{
	struct rig *rig = *state;
	char *good = xasprintf("%s/good.db", rig->dir);
	unsigned ended_well = 0;
	struct stat st;

	fill(rig);
	rig_close(rig);
	copy_file(rig->path, good);
	assert_int_equal(stat(good, &st), 0);
	for (unsigned seed = 1; seed <= 8; seed++) {
		struct errbuf eb = { "" };
		struct repair r;
		struct bed b;
		enum err e;

		copy_file(good, rig->path);
		for (int64_t page = seed; page <= st.st_size / VFS_PAGE; page += 8)
			forge(rig, page, (uint64_t)page * 77 + seed);
		bed_open(&b, rig);
		r = (struct repair){ .folder = rig->dir, .to = b.to, .out = b.report };
		e = repair_database(&r, &eb);
		if (e != ERR_OK && getenv("SHOW"))
			print_message("seed %u: %s\n", seed, eb.text);
		ended_well += e == ERR_OK;
		bed_close(&b);
	}
	assert_in_range(ended_well, 6, 8);
	copy_file(good, rig->path);
	unlink(good);
	free(good);
	rig_open(rig, 0);
}

/* Commits that are only in the log count; the lock is respected; the new file takes the
 * old one's place, which stays. */
static void test_log_lock_and_swap(void **state)
{
	struct rig *rig = *state;
	struct errbuf eb = { "" };
	char *old = xasprintf("%s.damaged", rig->path), *log = xasprintf("%s-wal", old);
	char *wal = xasprintf("%s-wal", rig->path), *kept = xasprintf("%s/kept", rig->dir);
	struct bed b;
	struct repair r;

	bed_open(&b, rig);
	r = (struct repair){ .folder = rig->dir, .to = b.to, .out = b.report };
	fill(rig);
	assert_int_equal(repair_database(&r, &eb), ERR_AGAIN);
	copy_file(wal, kept);		/* as a crash leaves it: closing folds it in */
	copy_file(rig->path, old);
	rig_close(rig);
	assert_int_equal(rename(kept, wal), 0);
	assert_int_equal(rename(old, rig->path), 0);
	assert_int_equal(repair_database(&r, &eb), ERR_OK);
	assert_int_equal(r.messages, LETTERS - 6 + 20);
	assert_int_equal(r.messages_lost, 0);
	assert_int_equal(repair_database(&r, &eb), ERR_EXISTS);
	assert_int_equal(repair_swap(&r, &eb), ERR_OK);
	assert_int_equal(access(old, F_OK), 0);
	assert_int_equal(access(log, F_OK), 0);
	assert_int_equal(repair_swap(&r, &eb), ERR_NOTFOUND);
	rig_open(rig, 0);
	rig_check(rig);
	unlink(old);
	unlink(log);
	bed_close(&b);
	free(old);
	free(log);
	free(wal);
	free(kept);
}

static void note_name(const char *data, const char *database, const char *name)
{
	char *folder = xasprintf("%s/db/%s", data, database), *path = xasprintf("%s/name", folder);
	FILE *f;

	assert_int_equal(mkdir(folder, 0700), 0);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "%s\n", name);
	fclose(f);
	free(path);
	free(folder);
}

static void forget_name(const char *data, const char *database)
{
	char *folder = xasprintf("%s/db/%s", data, database), *path = xasprintf("%s/name", folder);

	unlink(path);
	assert_int_equal(rmdir(folder), 0);
	free(path);
	free(folder);
}

static void test_a_database_by_name(void **state)
{
	static const char *const guids[] = { "00112233-4455-6677-8899-aabbccddeeff",
					     "10112233-4455-6677-8899-aabbccddeeff",
					     "20112233-4455-6677-8899-aabbccddeeff" };
	static const struct {
		const char *word;
		enum err e;
		const char *guid;
	} cases[] = {
		{ "mailbox-1", ERR_OK, "00112233-4455-6677-8899-aabbccddeeff" },
		{ "twice", ERR_EXISTS, NULL },
		{ "mailbox", ERR_NOTFOUND, NULL },
		{ "", ERR_NOTFOUND, NULL },
		{ "no guid", ERR_NOTFOUND, NULL },	/* a folder that is not ours */
		/* A GUID is taken at its word: the folder may be anywhere by --to. */
		{ "30112233-4455-6677-8899-aabbccddeeff", ERR_OK,
		  "30112233-4455-6677-8899-aabbccddeeff" },
	};
	struct rig *rig = *state;
	char *db = xasprintf("%s/db", rig->dir);

	assert_int_equal(mkdir(db, 0700), 0);
	note_name(rig->dir, guids[0], "mailbox-1");
	note_name(rig->dir, guids[1], "twice");
	note_name(rig->dir, guids[2], "twice");
	note_name(rig->dir, "stranger", "no guid");
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct guid g = { { 0 } };
		char text[GUID_TEXT];

		assert_int_equal(repair_find(rig->dir, cases[i].word, &g, &rig->eb), cases[i].e);
		if (cases[i].guid)
			assert_string_equal(guid_text(&g, text), cases[i].guid);
	}
	for (size_t i = 0; i < N_ELEMS(guids); i++)
		forget_name(rig->dir, guids[i]);
	forget_name(rig->dir, "stranger");
	assert_int_equal(rmdir(db), 0);
	free(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pages_of_each_table, rig_up, rig_down),
		cmocka_unit_test_setup_teardown(test_pages_anywhere, rig_up, rig_down),
		cmocka_unit_test_setup_teardown(test_forged_pages, rig_up, rig_down),
		cmocka_unit_test_setup_teardown(test_log_lock_and_swap, rig_up, rig_down),
		cmocka_unit_test_setup_teardown(test_a_database_by_name, rig_up, rig_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
