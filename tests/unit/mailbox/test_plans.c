#include "tests/unit/mailbox/rig.h"

#include "roles/mailbox/dumpster.h"
#include "roles/mailbox/keep.h"
#include "roles/mailbox/mdb.h"
#include "roles/mailbox/order.h"
#include "roles/mailbox/purge.h"
#include "roles/mailbox/refs.h"
#include "roles/mailbox/stat.h"
#include "roles/mailbox/thread.h"

/* No statement may scan a table that grows with mail.  The exceptions are written
 * down with their reason. */

static const struct {
	const char *begin;	/* of the statement */
	const char *why;
} may_scan[] = {
	{ "SELECT mbx, guid, state FROM mailbox", "at opening: a row per mailbox" },
	{ "SELECT count(*) FROM mailbox", "figures: a row per mailbox" },
	{ "SELECT coalesce(sum(size_live", "figures: a row per mailbox" },
	{ "SELECT coalesce(max(mbx), 0) FROM mailbox", "the end of a b-tree" },
	{ "SELECT mbx FROM mailbox WHERE state = 3", "housekeeping: a row per mailbox" },
	{ "SELECT origin, done_below FROM origin", "a row per server" },
	{ "SELECT mbx, guid, next_gc", "catalogue: a row per mailbox" },
	{ "SELECT coalesce(sum(n_items", "catalogue: a row per mailbox" },
	{ "SELECT count(*) FROM (SELECT 1 FROM item WHERE rid", "of an inner limit" },
	{ "SELECT m.next_cn - 1, m.size_live", "the database's one row" },
	{ "SELECT guid, epoch FROM database", "one row" },
	{ "UPDATE database", "one row" },
	{ "SELECT 1 FROM sqlite_schema", "the schema, its first row" },
	{ "UPDATE hidden SET cn = -1", "at opening; what a crash left" },
	{ "UPDATE folder SET uidnext = max(uidnext, h.last", "at opening; what a crash left" },
	{ "SELECT mbx, fid, first, last, cn, deleted_by FROM hidden WHERE cn != 0", "what is to be swept" },
	/* check.c reads everything: that is its purpose. */
	{ "SELECT f.mbx, f.fid, f.", "check" },
	{ "SELECT f.mbx, f.fid, (SELECT coalesce(sum(u.last", "check" },
	{ "SELECT u.mbx, u.fid, u.first", "check" },
	{ "SELECT p.mbx, p.fid, p.uid, 0", "check" },
	{ "SELECT p.mbx, p.fid, p.flags, i.flags", "check" },
	{ "SELECT i.rid >> 40", "check" },
	{ "SELECT m.mbx, 0, m.", "check" },
	{ "SELECT c.bid, 0,", "check" },
	{ "SELECT count(*) FROM item", "check" },
	{ "INSERT INTO uid_run(mbx, fid, first, last) SELECT", "check: a folder's own rows" },
	{ "SELECT count(*) FROM (SELECT 1 FROM tombstone", "of an inner limit" },
	{ "SELECT max(cn) FROM (SELECT cn", "of an inner limit" },
};

static bool is_known(const char *sql)
{
	for (size_t i = 0; i < N_ELEMS(may_scan); i++)
		if (strncmp(sql, may_scan[i].begin, strlen(may_scan[i].begin)) == 0)
			return true;
	return false;
}

/* One function of each file with statements, so that all are linked. */
typedef void any_fn(void);
static any_fn *const whole_role[] = {
#define F(f) (any_fn *)f
	F(rights_of), F(changes_page), F(check_database), F(content_collect), F(copy), F(deliver),
	F(dumpster_list), F(expunge), F(message_fetch), F(flags_set), F(folder_create), F(keep_step),
	F(keyword_pack), F(mailbox_open), F(mdb_open), F(message_add), F(purge_step), F(query), F(order_page), F(refs_page),
	F(runs_load), F(stat_mailbox), F(thread_find), F(tx_begin),
};

struct looked {
	unsigned plans, scans, others, bad;
};

static void on_plan(void *ctx, const char *sql, const char *detail)
{
	struct looked *s = ctx;

	if (strncmp(detail, "no such table", 13) == 0) {
		s->others++;	/* of the quarantine, the replica: files of their own */
		return;
	}
	s->plans++;
	if ((strncmp(detail, "SCAN ", 5) == 0 && strcmp(detail, "SCAN CONSTANT ROW") != 0) ||
	    strstr(detail, "AUTOMATIC")) {
		s->scans++;
		if (!is_known(sql)) {
			print_error("%s\n    %s\n", sql, detail);
			s->bad++;
		}
	}
}

static void test_no_statement_scans_what_grows(void **state)
{
	struct rig *rig = *state;
	struct looked s = { 0, 0, 0, 0 };

	for (size_t i = 0; i < N_ELEMS(whole_role); i++)
		assert_non_null(whole_role[i]);
	OK(db_explain_all(rig->w, on_plan, &s, &rig->eb));
	assert_int_equal(s.bad, 0);
	assert_true(s.plans > 100);
	assert_true(s.scans > 5);	/* or the words have changed and nothing is found */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_statement_scans_what_grows, rig_up,
						rig_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
