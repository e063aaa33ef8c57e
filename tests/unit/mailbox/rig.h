/* rig - a mailbox database in a folder of its own, driven without threads: real
 * SQLite, real transactions, one operation each */
#include "common/base/check.h"
#include "roles/mailbox/changes.h"
#include "roles/mailbox/check.h"
#include "roles/mailbox/content.h"
#include "roles/mailbox/copy.h"
#include "roles/mailbox/deliver.h"
#include "roles/mailbox/expunge.h"
#include "roles/mailbox/flags.h"
#include "roles/mailbox/folder.h"
#include "roles/mailbox/mailbox.h"
#include "roles/mailbox/message.h"
#include "roles/mailbox/query.h"
#include "roles/mailbox/schema.h"
#include "roles/mailbox/zpool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

struct rig {
	char dir[64], path[96];
	struct db *w, *r;
	struct tx tx;
	struct zpool *z;
	struct errbuf eb;
	int64_t now_ms;
	uint64_t seq;
	struct guid origin, ann;
	int64_t mbx, inbox;
};

A_UNUSED static const struct uid_range all_uids = { 1, UINT32_MAX };

#define OK(e) rig_ok(rig, (e), #e, __LINE__)
static inline void rig_ok(struct rig *rig, enum err e, const char *what, int line)
{
	if (e)
		fail_msg("line %d: %s: %s (%s)", line, what, err_text(e), rig->eb.text);
}

static inline void rig_open(struct rig *rig, int64_t max_pages)
{
	struct db_conf conf = { .path = rig->path, .flags = DB_CREATE | DB_CHECKPOINT,
				.max_pages = max_pages };

	OK(db_open(&conf, &store_schema, &rig->w, &rig->eb));
	conf.flags = DB_READONLY | DB_SHARED;
	OK(db_open(&conf, &store_schema, &rig->r, &rig->eb));
	tx_init(&rig->tx, rig->w);
}

static inline void rig_close(struct rig *rig)
{
	tx_fini(&rig->tx);
	db_close(&rig->r);
	db_close(&rig->w);
}

static inline enum err rig_run(struct rig *rig, tx_fn *fn, void *op)
{
	return tx_once(&rig->tx, rig->now_ms, fn, op, &rig->eb);
}

static inline int64_t rig_provision(struct rig *rig, const struct guid *g)
{
	struct provision_op op = { .guid = *g, .quotas = { -1, -1, -1 } };

	OK(rig_run(rig, mailbox_provision, &op));
	return op.mbx;
}

static inline struct who rig_who(const struct rig *rig)
{
	return (struct who){ .mbx = rig->mbx, .mailbox = rig->ann, .principal = rig->ann };
}

static inline int64_t rig_fid(struct rig *rig, const char *path)
{
	struct arena a = { 0 };
	struct path p;
	int64_t fid;

	OK(path_parse(&a, path, &p, &rig->eb));
	OK(folder_by_path(rig->r, rig->mbx, &p, p.n, &fid, &rig->eb));
	arena_fini(&a);
	return fid;
}

static inline int rig_up(void **state)
{
	struct rig *rig = xcalloc(1, sizeof(*rig));

	/* Where a sync costs nothing, if there is such a place. */
	snprintf(rig->dir, sizeof(rig->dir), "%s/test_mailbox.XXXXXX",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(rig->dir) == NULL)
		return -1;
	snprintf(rig->path, sizeof(rig->path), "%s/store.db", rig->dir);
	rig->now_ms = INT64_C(1700000000000);
	rig->z = zpool_new();
	rig->origin = guid_make();
	rig->ann = guid_make();
	rig_open(rig, 0);
	OK(db_exec(rig->w, "INSERT INTO database(one, guid, name, schema_ver)"
			   " VALUES(1, x'00112233445566778899aabbccddeeff', 'db', 1)", &rig->eb));
	rig->mbx = rig_provision(rig, &rig->ann);
	rig->inbox = rig_fid(rig, "INBOX");
	*state = rig;
	return 0;
}

static inline int rig_down(void **state)
{
	struct rig *rig = *state;
	static const char *const tails[] = { "", "-wal", ".lock" };

	rig_close(rig);
	zpool_free(&rig->z);
	for (size_t i = 0; i < N_ELEMS(tails); i++) {
		char name[128];

		snprintf(name, sizeof(name), "%s%s", rig->path, tails[i]);
		unlink(name);
	}
	rmdir(rig->dir);
	free(rig);
	return 0;
}

/* Everything the database says must agree, after whatever a test did. */
static inline void rig_check(struct rig *rig)
{
	static char findings[CHECK_FINDINGS][CHECK_TEXT];
	struct check_op op = { .findings = findings };

	OK(rig_run(rig, check_database, &op));
	if (op.n)
		fail_msg("check: %s (%zu findings)", findings[0], op.n);
}

static inline int rig_down_checked(void **state)
{
	rig_check(*state);
	return rig_down(state);
}

static inline struct content *rig_content(struct rig *rig, const char *text, size_t n)
{
	struct content *c = content_new(rig->z);

	OK(content_feed(c, text, n));
	OK(content_finish(c));
	return c;
}

static inline char *rig_letter(const char *subject, const char *id, const char *refs, size_t body)
{
	char *fill = xcalloc(1, body + 1), *out;

	memset(fill, 'b', body);
	out = xasprintf("From: Ann <ann@example.org>\r\nTo: bob@example.org\r\nSubject: %s\r\n"
			"Message-ID: <%s>\r\n%s%s%sDate: Mon, 2 Oct 2023 10:00:00 +0000\r\n\r\n%s\r\n",
			subject, id, refs ? "References: " : "", refs ? refs : "",
			refs ? "\r\n" : "", fill);
	free(fill);
	return out;
}

/* One letter for one mailbox; the identity is the next one, or `seq` if not 0. */
static inline enum err rig_deliver(struct rig *rig, const char *text, uint64_t seq,
			    struct deliver_to *to, size_t n)
{
	struct content *c = rig_content(rig, text, strlen(text));
	struct deliver_op op = { .origin = rig->origin, .seq = seq ? seq : ++rig->seq,
				 .received_ms = rig->now_ms, .content = c, .to = to, .n_to = n };
	enum err e = rig_run(rig, deliver, &op);

	content_free(&c);
	return e;
}

/* n different letters into the inbox. */
static inline void rig_fill(struct rig *rig, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char id[40];
		char *text;
		struct deliver_to to = { .mbx = rig->mbx };

		snprintf(id, sizeof(id), "%llu@fill", (unsigned long long)rig->seq);
		text = rig_letter("fill", id, NULL, 50 + i % 100);
		rig->now_ms += 1000;
		OK(rig_deliver(rig, text, 0, &to, 1));
		assert_int_equal(to.status, ERR_OK);
		free(text);
	}
}

static inline enum err rig_flags(struct rig *rig, int64_t fid, struct uid_range u,
			  enum store_flags_mode mode, unsigned flags, const char *const *kw)
{
	struct flags_op op = { .who = rig_who(rig), .fid = (uint64_t)fid, .uids = &u, .n_uids = 1,
			       .mode = mode, .flags = flags, .keywords = kw };
	enum err e;

	buf_init(&op.rows, 1 << 20);
	do
		e = rig_run(rig, flags_set, &op);
	while (e == ERR_OK && flags_stand(&op));
	buf_fini(&op.rows);
	runs_fini(&op.modified);
	return e;
}

/* All steps of an operation that begins with a struct bulk. */
static inline enum err rig_bulk(struct rig *rig, tx_fn *fn, struct bulk *b)
{
	enum err e;

	do
		e = rig_run(rig, fn, b);
	while (bulk_stands(b, e, &rig->eb));
	return b->has_happened ? ERR_OK : b->e;
}

static inline enum err rig_copy(struct rig *rig, int64_t fid, struct uid_range u, const char *to,
			 bool move)
{
	struct copy_op op = { .who = rig_who(rig), .fid = (uint64_t)fid, .uids = &u, .n_uids = 1,
			      .to_path = to, .move = move };
	enum err e = rig_bulk(rig, copy, &op.bulk);

	runs_fini(&op.from);
	runs_fini(&op.to_uids);
	return e;
}

static inline enum err rig_expunge(struct rig *rig, int64_t fid, struct uid_range u, bool any)
{
	struct expunge_op op = { .who = rig_who(rig), .fid = (uint64_t)fid, .uids = &u,
				 .n_uids = 1, .any_flag = any };
	enum err e = rig_bulk(rig, expunge, &op.bulk);

	runs_fini(&op.gone);
	return e;
}

/* The folder's row as FETCH and SELECT tell it, as text: "uid:flags[kw] ..." */
static inline void rig_show(struct rig *rig, int64_t fid, char *out, size_t cap)
{
	struct fetch_op op = { .who = rig_who(rig), .fid = (uint64_t)fid, .uids = &all_uids,
			       .n_uids = 1, .columns = COL_FLAGS | COL_KEYWORDS };
	struct arena a = { 0 };
	struct store_row row;
	struct span in;
	size_t n = 0;

	buf_init(&op.rows, 8 << 20);
	while (!op.done)
		OK(message_fetch(rig->r, &op, &rig->eb));
	in = (struct span){ op.rows.data, op.rows.len };
	out[0] = '\0';
	while (row_read(&in, &row, &a) == ERR_OK) {
		n += (size_t)snprintf(out + n, cap - n, "%s%u:%u", n ? " " : "", row.uid,
				      row.flags);
		for (size_t i = 0; i < row.n_keywords; i++)
			n += (size_t)snprintf(out + n, cap - n, "%c%.*s", i ? ',' : '[',
					      (int)row.keywords[i].n, row.keywords[i].p);
		if (row.n_keywords)
			n += (size_t)snprintf(out + n, cap - n, "]");
	}
	arena_fini(&a);
	buf_fini(&op.rows);
	runs_fini(&op.gone);
}

#define assert_folder(fid, want)                                                             \
	do {                                                                                 \
		char got_[8192];                                                             \
		rig_show(rig, (fid), got_, sizeof(got_));                                    \
		assert_string_equal(got_, want);                                             \
	} while (0)
