#include "tests/unit/mailbox/rig.h"

static enum err act(struct rig *rig, tx_fn *fn, const char *path, const char *to)
{
	struct folder_op op = { .who = rig_who(rig), .path = path, .to = to };

	return rig_run(rig, fn, &op);
}

static enum err subscribe(struct rig *rig, const char *path, bool on)
{
	struct folder_op op = { .who = rig_who(rig), .path = path, .on = on };

	return rig_run(rig, folder_subscribe, &op);
}

/* All folders but the six that are always there, "path*" where subscribed. */
static void show(struct rig *rig, char *out, size_t cap)
{
	static const char *const usual[] = { "INBOX", "Drafts", "Sent Items", "Deleted Items",
					     "Junk E-mail", "Archive" };
	struct arena a = { 0 };
	struct folder_list_op op = { .who = rig_who(rig), .arena = &a, .gone_subscribed = true };
	size_t n = 0;

	OK(folder_list(rig->r, &op, &rig->eb));
	out[0] = '\0';
	for (size_t i = 0; i < op.result.n; i++) {
		const struct store_folder *f = &op.result.f[i];
		bool skip = false;

		for (size_t k = 0; k < N_ELEMS(usual); k++)
			skip |= strcmp(f->path, usual[k]) == 0 && !f->has_children;
		if (!skip)
			n += (size_t)snprintf(out + n, cap - n, "%s%s%s%s", n ? " " : "", f->path,
					      f->has_children ? "+" : "",
					      f->subscribed ? "*" : "");
	}
	for (size_t i = 0; i < op.result.n_gone; i++)
		n += (size_t)snprintf(out + n, cap - n, "%s-%s", n ? " " : "",
				      op.result.gone_subscribed[i]);
	arena_fini(&a);
}

#define assert_tree(want)                                                              \
	do {                                                                           \
		char got_[2000];                                                       \
		show(rig, got_, sizeof(got_));                                         \
		assert_string_equal(got_, want);                                       \
	} while (0)

static void test_paths(void **state)
{
	char long_name[400], deep[200];
	const struct {
		const char *in, *out;	/* NULL: refused */
	} cases[] = {
		{ "a", "a" },
		{ "a/b/c", "a/b/c" },
		{ "a/b/", "a/b" },
		{ "inbox", "INBOX" },
		{ "iNBoX/x", "INBOX/x" },
		{ "x/inbox", "x/inbox" },
		{ "cafe\xcc\x81", "caf\xc3\xa9" },
		{ "", NULL },
		{ "/", NULL },
		{ "/a", NULL },
		{ "a//b", NULL },
		{ "a\x01", NULL },
		{ "a\x7f", NULL },
		{ "\xff\xfe", NULL },
		{ "\xc3", NULL },
		{ long_name, NULL },
		{ deep, NULL },
	};

	(void)state;
	memset(long_name, 'x', 256);
	long_name[256] = '\0';
	for (int i = 0; i < 33; i++)
		memcpy(deep + 2 * i, "d/", 2);
	deep[65] = '\0';
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct arena a = { 0 };
		struct path p;
		enum err e = path_parse(&a, cases[i].in, &p, NULL);

		assert_int_equal(e, cases[i].out ? ERR_OK : ERR_INVALID);
		if (e == ERR_OK)
			assert_string_equal(path_text(&a, &p, p.n), cases[i].out);
		arena_fini(&a);
	}
}

static void test_keys_fold_case(void **state)
{
	static const char *const same[][2] = {
		{ "Sent", "sENT" },
		{ "\xc3\x89t\xc3\xa9", "\xc3\xa9t\xc3\xa9" },	/* Été */
		{ "stra\xc3\x9f" "e", "STRASSE" },
		{ "E\xcc\x81", "\xc3\xa9" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(same); i++) {
		struct arena a = { 0 };
		const char *x, *y;

		assert_int_equal(name_key(&a, same[i][0], &x, NULL), ERR_OK);
		assert_int_equal(name_key(&a, same[i][1], &y, NULL), ERR_OK);
		assert_string_equal(x, y);
		arena_fini(&a);
	}
}

static void test_create(void **state)
{
	struct rig *rig = *state;

	OK(act(rig, folder_create, "Work/2023/Q4", NULL));
	assert_tree("Work+ Work/2023+ Work/2023/Q4");
	assert_int_equal(act(rig, folder_create, "work/2023", NULL), ERR_EXISTS);
	assert_int_equal(act(rig, folder_create, "inbox", NULL), ERR_EXISTS);
	assert_int_equal(act(rig, folder_create, "a//b", NULL), ERR_INVALID);
	OK(act(rig, folder_create, "INBOX/below", NULL));
	assert_tree("INBOX+* Work+ Work/2023+ Work/2023/Q4 INBOX/below");
}

static void test_a_role_is_given_once(void **state)
{
	struct rig *rig = *state;
	struct folder_op op = { .who = rig_who(rig), .path = "Mine", .role = "sent" };

	assert_int_equal(rig_run(rig, folder_create, &op), ERR_EXISTS);
	op.role = "all";
	OK(rig_run(rig, folder_create, &op));
}

static void test_rename(void **state)
{
	struct rig *rig = *state;

	OK(act(rig, folder_create, "a/b/c", NULL));
	OK(act(rig, folder_rename, "a/b", "x/y"));
	assert_tree("a x/y+ x/y/c x+");
	OK(act(rig, folder_rename, "x/y", "x/Y"));	/* another spelling of itself */
	assert_int_equal(act(rig, folder_rename, "x", "x/Y/z"), ERR_INVALID);
	assert_int_equal(act(rig, folder_rename, "x", "a"), ERR_EXISTS);
	assert_int_equal(act(rig, folder_rename, "gone", "b"), ERR_NOTFOUND);
	assert_int_equal(act(rig, folder_rename, "Sent Items", "b"), ERR_DENIED);
}

static void test_renaming_inbox_moves_its_messages(void **state)
{
	struct rig *rig = *state;

	rig_fill(rig, 3);
	OK(act(rig, folder_rename, "INBOX", "old/mail"));
	assert_folder(rig->inbox, "");
	assert_folder(rig_fid(rig, "old/mail"), "1:0 2:0 3:0");
	rig_fill(rig, 1);
	assert_folder(rig->inbox, "4:0");
}

static void test_delete(void **state)
{
	struct rig *rig = *state;
	int64_t old;

	OK(act(rig, folder_create, "a/b", NULL));
	rig_fill(rig, 2);
	OK(rig_copy(rig, rig->inbox, all_uids, "a/b", true));
	old = rig_fid(rig, "a/b");
	assert_int_equal(act(rig, folder_delete, "a", NULL), ERR_EXISTS);
	assert_int_equal(act(rig, folder_delete, "INBOX", NULL), ERR_DENIED);
	assert_int_equal(act(rig, folder_delete, "none", NULL), ERR_NOTFOUND);
	OK(act(rig, folder_delete, "a/b", NULL));
	OK(act(rig, folder_delete, "a", NULL));
	assert_tree("");
	/* The same name again is another folder: other fid, other uidvalidity. */
	OK(act(rig, folder_create, "a/b", NULL));
	assert_true(rig_fid(rig, "a/b") != old);
}

static void test_subscriptions_are_names(void **state)
{
	struct rig *rig = *state;

	OK(act(rig, folder_create, "a/b", NULL));
	OK(subscribe(rig, "A/b", true));
	assert_tree("a+ a/b -A/b");	/* the name is kept as given */
	OK(subscribe(rig, "A/b", false));
	OK(subscribe(rig, "a/b", true));
	OK(subscribe(rig, "a/b", true));
	assert_tree("a+ a/b*");
	OK(act(rig, folder_delete, "a/b", NULL));
	assert_tree("a -a/b");
	OK(subscribe(rig, "a/b", false));
	assert_tree("a");
	assert_int_equal(subscribe(rig, "nowhere", true), ERR_NOTFOUND);
	OK(subscribe(rig, "nowhere", false));
}

DB_SQL(q_grant, "INSERT INTO acl(mbx, fid, principal, rights) VALUES(?1, ?2, ?3, ?4)");

/* Every operation, by someone with these rights on the inbox. */
static void test_rights(void **state)
{
	struct rig *rig = *state;
	static const struct {
		unsigned rights;
		enum err look, flag, erase, insert;
	} cases[] = {
		{ 0, ERR_NOTFOUND, ERR_NOTFOUND, ERR_NOTFOUND, ERR_NOTFOUND },
		{ RIGHT_READ, ERR_OK, ERR_DENIED, ERR_DENIED, ERR_DENIED },
		{ RIGHT_READ | RIGHT_INSERT, ERR_OK, ERR_DENIED, ERR_DENIED, ERR_OK },
		{ RIGHT_SEEN, ERR_NOTFOUND, ERR_OK, ERR_NOTFOUND, ERR_NOTFOUND },
		{ RIGHT_EXPUNGE, ERR_NOTFOUND, ERR_NOTFOUND, ERR_OK, ERR_NOTFOUND },
		{ RIGHT_LOOKUP, ERR_DENIED, ERR_DENIED, ERR_DENIED, ERR_DENIED },
		{ RIGHT_LOOKUP | RIGHT_READ, ERR_OK, ERR_DENIED, ERR_DENIED, ERR_DENIED },
		{ RIGHT_LOOKUP | RIGHT_READ | RIGHT_SEEN, ERR_OK, ERR_OK, ERR_DENIED, ERR_DENIED },
		{ RIGHT_ALL, ERR_OK, ERR_OK, ERR_OK, ERR_OK },
	};
	const struct guid owner = rig->ann;

	rig_fill(rig, 3);
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct fetch_op f = { .fid = (uint64_t)rig->inbox, .uids = &all_uids, .n_uids = 1 };
		struct flags_op s = { .fid = f.fid, .uids = &all_uids, .n_uids = 1,
				      .mode = (enum store_flags_mode)(i % 2),
				      .flags = FLAG_SEEN };
		struct expunge_op x = { .fid = f.fid };
		struct copy_op c = { .fid = f.fid, .uids = &all_uids, .n_uids = 1,
				     .to_fid = f.fid };
		const struct guid bob = guid_make();
		const struct who who = { .mbx = rig->mbx, .mailbox = owner,
					 .principal = bob };

		if (cases[i].rights)
			OK(db_run(rig->w, &q_grant, &rig->eb, "iigi", rig->mbx, rig->inbox, &bob,
				  (int64_t)cases[i].rights));
		f.who = s.who = x.who = c.who = who;
		buf_init(&f.rows, 1 << 16);
		buf_init(&s.rows, 1 << 16);
		assert_int_equal(message_fetch(rig->r, &f, &rig->eb), cases[i].look);
		assert_int_equal(rig_run(rig, flags_set, &s), cases[i].flag);
		assert_int_equal(rig_run(rig, expunge, &x), cases[i].erase);
		assert_int_equal(rig_run(rig, copy, &c), cases[i].insert);
		buf_fini(&f.rows);
		buf_fini(&s.rows);
		runs_fini(&c.from);
		runs_fini(&c.to_uids);
	}
}

static void test_select(void **state)
{
	struct rig *rig = *state;
	static const char *const kw[] = { "k1", "k2", NULL };
	struct arena a = { 0 };
	struct select_op op = { .who = rig_who(rig), .fid = (uint64_t)rig->inbox,
				.read_write = true, .with_runs = true, .arena = &a };

	rig_fill(rig, 6);
	OK(rig_flags(rig, rig->inbox, (struct uid_range){ 1, 2 }, FLAGS_ADD, FLAG_SEEN, kw));
	OK(rig_expunge(rig, rig->inbox, (struct uid_range){ 4, 4 }, true));
	OK(message_select(rig->r, &op, &rig->eb));
	assert_int_equal(op.result.total, 5);
	assert_int_equal(op.result.unread, 3);
	assert_int_equal(op.result.uidnext, 7);
	assert_int_equal(op.result.first_unseen_uid, 3);
	assert_int_equal(op.result.recent_uid, 0);
	assert_int_equal(op.result.n_keywords, 2);
	assert_int_equal(op.runs.n, 2);
	assert_true(op.wants_claim);
	/* Only one session is told that they are \Recent. */
	OK(rig_run(rig, select_claim, &op));
	assert_int_equal(op.result.recent_uid, 0);
	OK(rig_run(rig, select_claim, &op));
	assert_int_equal(op.result.recent_uid, 6);
	runs_fini(&op.runs);
	OK(message_select(rig->r, &op, &rig->eb));
	assert_false(op.wants_claim);
	runs_fini(&op.runs);
	arena_fini(&a);
}

static void test_unchangedsince(void **state)
{
	struct rig *rig = *state;
	struct uid_range u = { 1, 3 };
	struct flags_op op = { .who = rig_who(rig), .fid = (uint64_t)rig->inbox, .uids = &u,
			       .n_uids = 1, .flags = FLAG_FLAGGED, .check_unchanged = true };
	struct select_op s = { .who = rig_who(rig), .fid = (uint64_t)rig->inbox };
	struct arena a = { 0 };

	s.arena = &a;
	rig_fill(rig, 3);
	OK(message_select(rig->r, &s, &rig->eb));
	OK(rig_flags(rig, rig->inbox, (struct uid_range){ 2, 2 }, FLAGS_ADD, FLAG_SEEN, NULL));
	op.unchanged_since = s.result.highestmodseq;
	buf_init(&op.rows, 1 << 16);
	OK(rig_run(rig, flags_set, &op));
	assert_int_equal(op.modified.n, 1);
	assert_int_equal(op.modified.r[0].first, 2);
	assert_int_equal(op.modified.r[0].last, 2);
	assert_folder(rig->inbox, "1:32 2:1 3:32");
	runs_fini(&op.modified);
	buf_fini(&op.rows);
	arena_fini(&a);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down_checked)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_keys_fold_case),
		T(test_create),
		T(test_a_role_is_given_once),
		T(test_rename),
		T(test_renaming_inbox_moves_its_messages),
		T(test_delete),
		T(test_subscriptions_are_names),
		T(test_rights),
		T(test_select),
		T(test_unchangedsince),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
