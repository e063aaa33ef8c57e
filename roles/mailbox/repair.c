#include "roles/mailbox/repair.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/db/salvage.h"
#include "roles/mailbox/check.h"
#include "roles/mailbox/mdb.h"
#include "roles/mailbox/mend.h"
#include "roles/mailbox/schema.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROUNDS_MAX 10000	/* of the check, which mends some hundred rows a round */

static const struct salvage_source tables[] = {
	{ .name = "database", .into = "database" },
	{ .name = "mailbox", .into = "mailbox" },
	{ .name = "mailbox_extra", .into = "mailbox_extra" },
	{ .name = "folder", .into = "folder" },
	{ .name = "folder_extra", .into = "folder_extra" },
	{ .name = "subscribed", .into = "subscribed" },
	{ .name = "content", .into = "content" },
	{ .name = "content_chunk", .into = "content_chunk" },
	{ .name = "item", .into = "item" },
	{ .name = "placement", .into = "placement" },
	{ .name = "dumpster", .into = "dumpster" },
	{ .name = "tombstone", .into = "tombstone" },
	{ .name = "keyword", .into = "keyword" },
	{ .name = "recipient", .into = "recipient" },
	{ .name = "attachment", .into = "attachment" },
	{ .name = "msgref", .into = "msgref" },
	{ .name = "acl", .into = "acl" },
	{ .name = "delegate", .into = "delegate" },
	{ .name = "rule", .into = "rule" },
	{ .name = "seen_by", .into = "seen_by" },
	{ .name = "seen_state", .into = "seen_state" },
	{ .name = "origin", .into = "origin" },
	{ .name = "delivered", .into = "delivered" },
	{ .name = "cal", .into = "cal" },
	{ .name = "cal_override", .into = "cal_override" },
	{ .name = "reminder", .into = "reminder" },
	{ .name = "contact", .into = "contact" },
	{ .name = "contact_addr", .into = "contact_addr" },
	{ .name = "annotation", .into = "annotation" },
	{ .name = "url_key", .into = "url_key" },
};

/* The second chance of the rows that all others hang on. */
static const struct salvage_source indexes[] = {
	{ .name = "sqlite_autoindex_mailbox_1", .into = "salvage_mailbox" },
	{ .name = "sqlite_autoindex_origin_1", .into = "salvage_origin" },
	{ .name = "folder_name", .into = "salvage_name" },
	{ .name = "folder_role", .into = "salvage_role" },
	{ .name = "place_item", .into = "salvage_item" },
	{ .name = "place_mid", .into = "salvage_mid" },
};

DB_SQL(q_has_database, "SELECT 1 FROM database");
/* An epoch that is lost is made larger than any that was counted to. */
DB_SQL(q_add_database,
       "INSERT INTO database(one, guid, name, schema_ver, epoch) VALUES(1, ?1, '', 1, unixepoch())");
DB_SQL(q_lost_mail,
       "SELECT m.guid, f.name, l.uid, l.subject FROM salvage_lost l CROSS JOIN mailbox m"
       " ON m.mbx = l.mbx LEFT JOIN folder f ON f.mbx = l.mbx AND f.fid = l.fid"
       " ORDER BY l.mbx, l.fid, l.uid");
/* Of which not even an index knows. */
DB_SQL(q_untold,
       "SELECT m.guid, f.name, n FROM (SELECT f.mbx AS mbx, f.fid AS fid, f.n_total"
       " - (SELECT count(*) FROM placement p WHERE p.mbx = f.mbx AND p.fid = f.fid)"
       " - (SELECT count(*) FROM salvage_lost l WHERE l.mbx = f.mbx AND l.fid = f.fid"
       " AND NOT EXISTS (SELECT 1 FROM placement p WHERE p.mbx = l.mbx AND p.fid = l.fid"
       " AND p.uid = l.uid)) AS n FROM folder f) CROSS JOIN mailbox m USING(mbx)"
       " CROSS JOIN folder f USING(mbx, fid) WHERE n > 0");
DB_SQL(q_messages, "SELECT count(*) FROM placement");

struct work {
	struct repair *r;
	char *path, *new_path;
	struct db *db;
	struct salvage_source tables[N_ELEMS(tables)], indexes[N_ELEMS(indexes)];
};

static void tell(struct repair *r, const char *what)
{
	if (r->progress)
		fprintf(r->progress, "%s\n", what);
}

static void on_page(void *ctx, int64_t page, int64_t pages)
{
	struct repair *r = ctx;

	fprintf(r->progress, "page %lld of %lld\n", (long long)page, (long long)pages);
}

/* Subjects and names came from strangers: nothing of them moves a terminal's cursor. */
static void print_text(FILE *out, const char *s)
{
	for (; s && *s; s++)
		fputc((unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s, out);
}

static void print_place(FILE *out, struct db_row *r)
{
	struct guid g = { { 0 } };
	char text[GUID_TEXT];

	db_guid(r, 0, &g);
	fprintf(out, "lost: mailbox %s folder \"", guid_text(&g, text));
	print_text(out, db_text(r, 1));
}

/* ---- steps --------------------------------------------------------------------------- */

/* The same schema as the damaged file's, so that columns and root pages are the same;
 * opening it once more brings it up to date. */
static enum err make_new(struct work *w, struct errbuf *eb)
{
	struct db_conf conf = { .path = w->new_path, .flags = DB_CREATE | DB_CHECKPOINT,
				.cache_bytes = 64 << 20 };
	struct db_schema schema = store_schema;
	int64_t version;
	enum err e = salvage_version(w->path, &version, eb);

	if (e)
		return e;
	if (version > schema.n_steps)
		return err_set(eb, ERR_INVALID, "%s has schema version %lld, this program knows %u",
			       w->path, (long long)version, schema.n_steps);
	if (version > 0)
		schema.n_steps = (unsigned)version;
	if (mkdir(w->r->to, 0700) < 0 && errno != EEXIST)
		return err_errno(eb, errno, w->r->to);
	if (access(w->new_path, F_OK) == 0)
		return err_set(eb, ERR_EXISTS, "%s is there already", w->new_path);
	return db_open(&conf, &schema, &w->db, eb);
}

static enum err copy_from(struct work *w, struct salvage_source *sources, size_t n,
			  struct errbuf *eb)
{
	struct salvage s = { .path = w->path, .to = w->db, .sources = sources, .n_sources = n,
			     .progress = w->r->progress ? on_page : NULL, .ctx = w->r };
	enum err e = salvage_run(&s, eb);

	w->r->pages = s.pages;
	w->r->pages_bad = s.pages_bad;
	return e;
}

static bool is_incomplete(const struct salvage_source *s)
{
	static const char *const keys[] = { "mailbox", "folder", "placement", "origin", "item" };

	for (size_t i = 0; i < N_ELEMS(keys); i++)
		if (strcmp(s->name, keys[i]) == 0)
			return s->pages_lost > 0 || s->spoilt > 0;
	return false;
}

static enum err copy_rows(struct work *w, struct errbuf *eb)
{
	int64_t one;
	bool again = false;
	enum err e;

	tell(w->r, "copying rows");
	e = copy_from(w, w->tables, N_ELEMS(tables), eb);
	if (e == ERR_OK)
		e = db_get_int(w->db, &q_has_database, &one, eb, "");
	if (e == ERR_NOTFOUND)
		e = db_run(w->db, &q_add_database, eb, "g", &w->r->guid);
	/* A bad page of the pointer map may hide a whole branch: whatever is bad, look. */
	for (size_t i = 0; i < N_ELEMS(tables); i++)
		again = again || is_incomplete(&w->tables[i]);
	if (e == ERR_OK && (again || w->r->pages_bad > 0)) {
		tell(w->r, "copying indexes");
		e = copy_from(w, w->indexes, N_ELEMS(indexes), eb);
	}
	return e;
}

static void report_tables(const struct work *w)
{
	fprintf(w->r->out, "%lld pages, %lld damaged\n", (long long)w->r->pages,
		(long long)w->r->pages_bad);
	for (size_t i = 0; i < N_ELEMS(tables); i++) {
		const struct salvage_source *t = &w->tables[i];

		if (t->kept || t->spoilt || t->pages_lost)
			fprintf(w->r->out, "table %s: %lld rows copied, %lld unreadable, and those of"
				" %lld pages\n", t->name, (long long)t->kept, (long long)t->spoilt,
				(long long)t->pages_lost);
	}
}

static enum err report_lost(struct work *w, struct errbuf *eb)
{
	FILE *out = w->r->out;
	struct db_row *r = db_query(w->db, &q_lost_mail, "");
	enum err e;

	while (db_next(r)) {
		w->r->messages_lost++;
		print_place(out, r);
		fprintf(out, "\" uid %lld subject \"", (long long)db_int(r, 2));
		print_text(out, db_text(r, 3));
		fprintf(out, "\"\n");
	}
	e = db_end(&r, eb);
	if (e)
		return e;
	r = db_query(w->db, &q_untold, "");
	while (db_next(r)) {
		w->r->messages_lost += db_int(r, 2);
		print_place(out, r);
		fprintf(out, "\" %lld messages without a trace\n", (long long)db_int(r, 2));
	}
	return db_end(&r, eb);
}

static enum err mend(struct work *w, struct errbuf *eb)
{
	enum err e = db_begin(w->db, eb);

	tell(w->r, "making the parts agree");
	if (e == ERR_OK)
		e = db_exec(w->db, mend_rows, eb);
	if (e == ERR_OK)
		e = mend_strays(w->db, eb);
	if (e == ERR_OK)
		e = db_exec(w->db, mend_lost, eb);
	if (e == ERR_OK)
		e = report_lost(w, eb);
	if (e == ERR_OK)
		e = db_exec(w->db, mend_places, eb);
	if (e == ERR_OK)
		e = db_exec(w->db, mend_end, eb);
	if (e == ERR_OK)
		e = db_commit(w->db, eb);
	db_rollback(w->db);
	return e;
}

/* Rounds, for one round mends a few hundred rows of each kind. */
static enum err check_all(struct work *w, struct errbuf *eb)
{
	struct check_op op = { .fix = true };
	struct tx tx;
	enum err e = ERR_OK;

	tell(w->r, "checking");
	op.findings = xcalloc(CHECK_FINDINGS, sizeof(*op.findings));
	tx_init(&tx, w->db);
	for (int i = 0; i < ROUNDS_MAX; i++) {
		e = tx_once(&tx, clock_wall_ms(), check_database, &op, eb);
		if (e || op.fixed == 0)
			break;
	}
	tx_fini(&tx);
	for (size_t i = 0; e == ERR_OK && i < op.n; i++)
		fprintf(w->r->out, "check: %s\n", op.findings[i]);
	if (e == ERR_OK && op.n > 0)
		e = err_set(eb, ERR_INTERNAL, "%s still contradicts itself", w->new_path);
	free(op.findings);
	return e;
}

static enum err all_steps(struct work *w, struct errbuf *eb)
{
	enum err e = make_new(w, eb);

	if (e == ERR_OK)
		e = db_exec(w->db, mend_begin, eb);
	if (e == ERR_OK)
		e = copy_rows(w, eb);
	if (e == ERR_OK) {
		report_tables(w);
		e = mend(w, eb);
	}
	if (e == ERR_OK)
		e = check_all(w, eb);
	if (e == ERR_OK)
		e = db_get_int(w->db, &q_messages, &w->r->messages, eb, "");
	if (e == ERR_OK)
		e = mdb_move_on(w->db, eb);
	if (e == ERR_OK)
		fprintf(w->r->out, "%lld messages kept, %lld lost\n", (long long)w->r->messages,
			(long long)w->r->messages_lost);
	return e;
}

enum err repair_database(struct repair *r, struct errbuf *eb)
{
	struct work w = { .r = r };
	int lock = -1;
	bool made;
	enum err e;

	r->messages = r->messages_lost = 0;
	memcpy(w.tables, tables, sizeof(tables));
	memcpy(w.indexes, indexes, sizeof(indexes));
	w.path = xasprintf("%s/store.db", r->folder);
	w.new_path = xasprintf("%s/store.db", r->to);
	e = access(w.path, F_OK) < 0 ? err_errno(eb, errno, w.path) : db_lock(w.path, &lock, eb);
	if (e == ERR_OK)
		e = all_steps(&w, eb);
	made = w.db != NULL;
	db_close(&w.db);
	if (e && made)		/* half a database is none */
		unlink(w.new_path);
	db_unlock(&lock);
	free(w.path);
	free(w.new_path);
	return e;
}

/* ---- in place --------------------------------------------------------------------------- */

static enum err keep_as(const char *folder, const char *name, const char *as, bool move,
			struct errbuf *eb)
{
	char *from = xasprintf("%s/%s", folder, name), *to = xasprintf("%s/%s", folder, as);
	enum err e = ERR_OK;

	if (link(from, to) < 0 && errno != ENOENT)
		e = err_errno(eb, errno, to);
	else if (move && unlink(from) < 0 && errno != ENOENT)
		e = err_errno(eb, errno, from);
	free(from);
	free(to);
	return e;
}

static enum err sync_folder(const char *folder, struct errbuf *eb)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err e = fd < 0 || fsync(fd) < 0 ? err_errno(eb, errno, folder) : ERR_OK;

	if (fd >= 0)
		close(fd);
	return e;
}

/* There is a store.db at each moment, and never a new one beside the old one's log. */
static enum err swap(const char *folder, const char *from, const char *to, struct errbuf *eb)
{
	enum err e = keep_as(folder, "store.db", "store.db.damaged", false, eb);

	if (e == ERR_OK)
		e = keep_as(folder, "store.db-wal", "store.db.damaged-wal", true, eb);
	if (e == ERR_OK)
		e = sync_folder(folder, eb);
	if (e == ERR_OK && rename(from, to) < 0)
		e = err_errno(eb, errno, to);
	if (e == ERR_OK)
		e = keep_as(folder, "quarantine.db", "quarantine.db.damaged", true, eb);
	if (e == ERR_OK)
		e = keep_as(folder, "quarantine.db-wal", "quarantine.db.damaged-wal", true, eb);
	return e ? e : sync_folder(folder, eb);
}

enum err repair_swap(const struct repair *r, struct errbuf *eb)
{
	char *from = xasprintf("%s/store.db", r->to), *to = xasprintf("%s/store.db", r->folder);
	int lock = -1;
	enum err e = db_lock(to, &lock, eb);

	if (e == ERR_OK && access(from, F_OK) < 0)
		e = err_errno(eb, errno, from);
	if (e == ERR_OK)
		e = swap(r->folder, from, to, eb);
	db_unlock(&lock);
	free(from);
	free(to);
	return e;
}

/* ---- the command --------------------------------------------------------------------------- */

static bool has_name(const char *folder, const char *database, const char *name)
{
	char *path = xasprintf("%s/%s/name", folder, database), line[300] = "";
	FILE *f = fopen(path, "re");
	bool same = f && fgets(line, sizeof(line), f) != NULL;

	line[strcspn(line, "\n")] = '\0';
	if (f)
		fclose(f);
	free(path);
	return same && strcmp(line, name) == 0;
}

enum err repair_find(const char *data, const char *word, struct guid *out, struct errbuf *eb)
{
	char *folder = xasprintf("%s/db", data);
	DIR *d = opendir(folder);
	struct dirent *entry;
	unsigned found = guid_parse(word, out) == ERR_OK;

	while (found == 0 && d && (entry = readdir(d)) != NULL) {
		struct guid g;

		if (guid_parse(entry->d_name, &g) != ERR_OK ||
		    !has_name(folder, entry->d_name, word))
			continue;
		*out = g;
		found++;
		while ((entry = readdir(d)) != NULL)
			found += has_name(folder, entry->d_name, word);
	}
	if (d)
		closedir(d);
	free(folder);
	if (found > 1)
		return err_set(eb, ERR_EXISTS, "several databases are called %s: give the GUID", word);
	return found ? ERR_OK : err_set(eb, ERR_NOTFOUND, "no database %s in %s/db", word, data);
}

static enum err parse(const char *data, char **words, struct repair *r, bool *swap_it,
		      struct errbuf *eb)
{
	enum err e;

	if (strcmp(words[0], "repair") != 0 || words[1] == NULL)
		return err_set(eb, ERR_INVALID, "usage: repair DATABASE [--to FOLDER] [--swap],"
			       " with the database's name or GUID");
	e = repair_find(data, words[1], &r->guid, eb);
	if (e)
		return e;
	for (words += 2; *words; words++) {
		if (strcmp(*words, "--swap") == 0)
			*swap_it = true;
		else if (strcmp(*words, "--to") == 0 && words[1])
			r->to = *++words;
		else
			return err_set(eb, ERR_INVALID, "repair: what is %s?", *words);
	}
	return ERR_OK;
}

enum err repair_main(const char *data, char **words, struct errbuf *eb)
{
	struct repair r = { .out = stdout, .progress = stderr };
	char *folder, *to, text[GUID_TEXT];
	bool swap_it = false;
	enum err e = parse(data, words, &r, &swap_it, eb);

	if (e)
		return e;
	folder = xasprintf("%s/db/%s", data, guid_text(&r.guid, text));
	to = xasprintf("%s/repaired", folder);
	r.folder = folder;
	if (r.to == NULL)
		r.to = to;
	e = repair_database(&r, eb);
	if (e == ERR_OK && swap_it)
		e = repair_swap(&r, eb);
	if (e == ERR_OK && swap_it)
		printf("in place; the old file is %s/store.db.damaged\n", folder);
	else if (e == ERR_OK)
		printf("made %s/store.db; to use it, stop the server, move store.db and"
		       " store.db-wal in %s away and put it there\n", r.to, folder);
	free(folder);
	free(to);
	return e;
}
