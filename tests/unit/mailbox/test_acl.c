/* test_acl - rows of rights: who has what from which rows, and what that lets one do */
#include "tests/unit/mailbox/rig.h"

#include "roles/mailbox/acl.h"

static const struct guid bob = { { 'b', 'o', 'b' } }, team = { { 't', 'e', 'a', 'm' } };

static struct who as(const struct rig *rig, const struct guid *who)
{
	struct who w = rig_who(rig);

	w.principal = *who;
	return w;
}

static enum err grant(struct rig *rig, struct who by, const char *path, const struct guid *who,
		      enum acl_mode mode, bool negative, unsigned rights)
{
	struct acl_op op = { .who = by, .path = path, .principal = *who, .mode = mode,
			     .negative = negative, .rights = rights };

	return rig_run(rig, acl_set, &op);
}

static unsigned rights(struct rig *rig, const struct who *w, const char *path)
{
	unsigned have;

	OK(rights_of(rig->r, w, *path ? rig_fid(rig, path) : 0, &have, &rig->eb));
	return have;
}

static enum err act(struct rig *rig, tx_fn *fn, struct who w, const char *path, const char *to)
{
	struct folder_op op = { .who = w, .path = path, .to = to };

	return rig_run(rig, fn, &op);
}

/* What the owner makes of bob's and the team's rows, and what bob has then. */
static void test_which_rows_count(void **state)
{
	struct rig *rig = *state;
	static const struct {
		const char *path;
		const struct guid *who;
		enum acl_mode mode;
		bool negative;
		unsigned rights, has;
	} steps[] = {
		{ "INBOX", &bob, ACL_REPLACE, false, RIGHT_LOOKUP, RIGHT_LOOKUP },
		{ "INBOX", &team, ACL_REPLACE, false, RIGHT_READ, RIGHT_LOOKUP | RIGHT_READ },
		{ "INBOX", &team, ACL_REPLACE, true, RIGHT_LOOKUP, RIGHT_READ },
		{ "INBOX", &team, ACL_REPLACE, true, 0, RIGHT_LOOKUP | RIGHT_READ },
		{ "INBOX", &team, ACL_REPLACE, false, 0, RIGHT_LOOKUP },
		{ "", &rights_anyone, ACL_ADD, false, RIGHT_SEEN, RIGHT_LOOKUP | RIGHT_SEEN },
		{ "Drafts", &bob, ACL_ADD, false, RIGHT_ALL, RIGHT_LOOKUP | RIGHT_SEEN },
		{ "", &rights_authenticated, ACL_ADD, true, RIGHT_SEEN, RIGHT_LOOKUP },
		{ "INBOX", &bob, ACL_ADD, false, RIGHT_SEEN | RIGHT_WRITE,
		  RIGHT_LOOKUP | RIGHT_WRITE },
		{ "INBOX", &bob, ACL_REMOVE, false, RIGHT_WRITE, RIGHT_LOOKUP },
		{ "INBOX", &bob, ACL_REPLACE, false, 0, 0 },
		{ "INBOX", &bob, ACL_REPLACE, false, 1u << 20 | RIGHT_READ, RIGHT_READ },
	};
	struct who w = as(rig, &bob);

	w.groups = &team;
	w.n_groups = 1;
	for (size_t i = 0; i < N_ELEMS(steps); i++) {
		OK(grant(rig, rig_who(rig), steps[i].path, steps[i].who, steps[i].mode,
			 steps[i].negative, steps[i].rights));
		if (rights(rig, &w, "INBOX") != steps[i].has)
			fail_msg("step %zu: %u", i, rights(rig, &w, "INBOX"));
	}
	assert_int_equal(rights(rig, &(struct who){ .mbx = rig->mbx, .mailbox = rig->ann }, "INBOX"),
			 RIGHT_ALL);
	w.full = true;
	assert_int_equal(rights(rig, &w, "INBOX"), RIGHT_ALL);
	w = rig_who(rig);
	assert_int_equal(rights(rig, &w, "INBOX"), RIGHT_ALL);
}

static void test_who_may_change_rows(void **state)
{
	struct rig *rig = *state;
	struct who own = rig_who(rig), w = as(rig, &bob);
	struct acl_list_op l = { .who = w, .path = "INBOX" };
	struct arena a = { 0 };

	l.arena = &a;
	assert_int_equal(grant(rig, w, "INBOX", &team, ACL_ADD, false, 1), ERR_NOTFOUND);
	assert_int_equal(grant(rig, w, "nowhere", &team, ACL_ADD, false, 1), ERR_NOTFOUND);
	assert_int_equal(acl_list(rig->r, &l, &rig->eb), ERR_NOTFOUND);
	OK(grant(rig, own, "INBOX", &bob, ACL_ADD, false, RIGHT_ALL & ~RIGHT_ADMIN));
	assert_int_equal(grant(rig, w, "INBOX", &team, ACL_ADD, false, 1), ERR_DENIED);
	assert_int_equal(acl_list(rig->r, &l, &rig->eb), ERR_DENIED);
	OK(grant(rig, own, "INBOX", &bob, ACL_REPLACE, false, RIGHT_ADMIN));
	OK(grant(rig, w, "INBOX", &team, ACL_ADD, false, RIGHT_LOOKUP));
	OK(grant(rig, w, "INBOX", &team, ACL_ADD, true, RIGHT_READ));
	OK(acl_list(rig->r, &l, &rig->eb));
	assert_int_equal(l.n, 2);
	for (size_t i = 0; i < l.n; i++) {
		bool is_team = guid_eq(&l.rows[i].principal, &team);

		assert_int_equal(l.rows[i].given, is_team ? RIGHT_LOOKUP : RIGHT_ADMIN);
		assert_int_equal(l.rows[i].taken, is_team ? RIGHT_READ : 0);
		assert_false(l.rows[i].whole);
	}
	/* The owner needs no row, and nobody takes anything from him. */
	assert_int_equal(grant(rig, own, "INBOX", &rig->ann, ACL_REPLACE, false, 0), ERR_INVALID);
	assert_int_equal(grant(rig, w, "INBOX", &rig->ann, ACL_ADD, true, 1), ERR_INVALID);
	/* Admin of a folder is not admin of the mailbox. */
	assert_int_equal(grant(rig, w, "", &team, ACL_ADD, false, 1), ERR_NOTFOUND);
	arena_fini(&a);
}

static void test_rows_are_bounded(void **state)
{
	struct rig *rig = *state;

	for (unsigned i = 0; i < ACL_MAX; i++) {
		struct guid g = guid_make();

		OK(acl_put(&rig->tx, rig->mbx, rig->inbox, &g, 1, 0, &rig->eb));
	}
	assert_int_equal(grant(rig, rig_who(rig), "INBOX", &bob, ACL_ADD, false, 1), ERR_LIMIT);
	OK(grant(rig, rig_who(rig), "Drafts", &bob, ACL_ADD, false, 1));
}

static void test_making_folders(void **state)
{
	struct rig *rig = *state;
	struct who own = rig_who(rig), w = as(rig, &bob);

	OK(act(rig, folder_create, own, "a", NULL));
	OK(act(rig, folder_create, own, "a/hidden", NULL));
	OK(act(rig, folder_create, own, "seen", NULL));
	/* What is not there and what may not be seen sound alike. */
	assert_int_equal(act(rig, folder_create, w, "a", NULL), ERR_NOTFOUND);
	assert_int_equal(act(rig, folder_create, w, "b", NULL), ERR_NOTFOUND);
	assert_int_equal(act(rig, folder_create, w, "a/hidden/c", NULL), ERR_NOTFOUND);
	assert_int_equal(act(rig, folder_create, w, "a/c/c", NULL), ERR_NOTFOUND);
	OK(grant(rig, own, "a", &bob, ACL_ADD, false, RIGHT_LOOKUP));
	assert_int_equal(act(rig, folder_create, w, "a/hidden", NULL), ERR_DENIED);
	assert_int_equal(act(rig, folder_create, w, "a/hidden/c", NULL), ERR_DENIED);
	assert_int_equal(act(rig, folder_create, w, "a/c/c", NULL), ERR_DENIED);
	OK(grant(rig, own, "a", &bob, ACL_ADD, false, RIGHT_CREATE));
	OK(act(rig, folder_create, w, "a/b/c", NULL));
	OK(grant(rig, own, "a/hidden", &bob, ACL_ADD, false, RIGHT_CREATE));
	OK(grant(rig, own, "a", &bob, ACL_REPLACE, false, 0));
	OK(act(rig, folder_create, w, "a/hidden/d", NULL));
	OK(grant(rig, own, "a/hidden", &bob, ACL_REPLACE, false, 0));
	OK(grant(rig, own, "a", &bob, ACL_ADD, false, RIGHT_LOOKUP | RIGHT_CREATE));
	/* A new folder has its parent's rows. */
	assert_int_equal(rights(rig, &w, "a/b/c"), RIGHT_LOOKUP | RIGHT_CREATE);
	assert_int_equal(act(rig, folder_delete, w, "a/b/c", NULL), ERR_DENIED);
	assert_int_equal(act(rig, folder_delete, w, "a/hidden", NULL), ERR_NOTFOUND);
	OK(grant(rig, own, "a/b/c", &bob, ACL_REPLACE, false, RIGHT_REMOVE));
	assert_int_equal(act(rig, folder_rename, w, "a/b/c", "seen/c"), ERR_NOTFOUND);
	OK(act(rig, folder_rename, w, "a/b/c", "a/d"));
	assert_int_equal(rights(rig, &w, "a/d"), RIGHT_REMOVE);
	OK(act(rig, folder_delete, w, "a/d", NULL));
	assert_int_equal(act(rig, folder_subscribe, w, "a", NULL), ERR_DENIED);
}

static enum err flag(struct rig *rig, struct who w, enum store_flags_mode mode, unsigned flags,
		     const char *const *kw)
{
	struct flags_op op = { .who = w, .fid = (uint64_t)rig->inbox, .uids = &all_uids,
			       .n_uids = 1, .mode = mode, .flags = flags, .keywords = kw };
	enum err e;

	buf_init(&op.rows, 1 << 16);
	e = rig_run(rig, flags_set, &op);
	buf_fini(&op.rows);
	runs_fini(&op.modified);
	return e;
}

/* RFC 4314 section 4: what one may not change stays as it was, and a STORE fails only
 * if nothing of it may be done. */
static void test_flags_in_part(void **state)
{
	struct rig *rig = *state;
	static const char *const kw[] = { "todo", NULL };
	static const struct {
		unsigned rights;
		enum store_flags_mode mode;
		unsigned flags;
		const char *const *kw;
		enum err e;
		const char *after;
	} cases[] = {
		{ RIGHT_SEEN, FLAGS_ADD, FLAG_SEEN | FLAG_FLAGGED, NULL, ERR_OK, "1:5" },
		{ RIGHT_WRITE, FLAGS_ADD, FLAG_SEEN, NULL, ERR_NOTFOUND, "1:4" },
		{ RIGHT_LOOKUP, FLAGS_ADD, FLAG_SEEN, NULL, ERR_DENIED, "1:4" },
		{ RIGHT_WRITE, FLAGS_ADD, 0, kw, ERR_OK, "1:4[todo]" },
		{ RIGHT_SEEN, FLAGS_ADD, 0, kw, ERR_NOTFOUND, "1:4" },
		{ RIGHT_SEEN, FLAGS_ADD, FLAG_SEEN, kw, ERR_OK, "1:5" },
		{ RIGHT_DELETE, FLAGS_REPLACE, FLAG_DELETED | FLAG_SEEN, kw, ERR_OK, "1:68" },
		{ RIGHT_SEEN, FLAGS_REPLACE, FLAG_DELETED, NULL, ERR_OK, "1:4" },
		{ RIGHT_WRITE, FLAGS_REPLACE, FLAG_DELETED, NULL, ERR_OK, "1:0" },
		{ RIGHT_READ, FLAGS_REPLACE, FLAG_DELETED, NULL, ERR_DENIED, "1:4" },
		{ RIGHT_WRITE, FLAGS_REMOVE, FLAG_FORWARDED, NULL, ERR_OK, "1:0" },
		{ RIGHT_SEEN, FLAGS_REMOVE, FLAG_FORWARDED, NULL, ERR_NOTFOUND, "1:4" },
		{ RIGHT_READ, FLAGS_ADD, 0, NULL, ERR_OK, "1:4" },
		{ 0, FLAGS_ADD, 0, NULL, ERR_NOTFOUND, "1:4" },
	};

	rig_fill(rig, 1);
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		OK(flag(rig, rig_who(rig), FLAGS_REPLACE, FLAG_FORWARDED, NULL));
		OK(grant(rig, rig_who(rig), "INBOX", &bob, ACL_REPLACE, false, cases[i].rights));
		if (flag(rig, as(rig, &bob), cases[i].mode, cases[i].flags, cases[i].kw) !=
		    cases[i].e)
			fail_msg("case %zu: %s", i, rig->eb.text);
		assert_folder(rig->inbox, cases[i].after);
	}
}

static void test_append_drops_flags(void **state)
{
	struct rig *rig = *state;
	static const char *const kw[] = { "todo", NULL };
	static const struct {
		unsigned rights;
		enum err e;
		const char *after;
	} cases[] = {
		{ RIGHT_ALL & ~RIGHT_INSERT, ERR_DENIED, "" },
		{ RIGHT_INSERT, ERR_OK, "1:0" },
		{ RIGHT_INSERT | RIGHT_SEEN, ERR_OK, "1:0 2:1" },
		{ RIGHT_INSERT | RIGHT_WRITE, ERR_OK, "1:0 2:1 3:32[todo]" },
		{ RIGHT_INSERT | RIGHT_DELETE, ERR_OK, "1:0 2:1 3:32[todo] 4:64" },
	};

	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct content *c = rig_content(rig, "A: b\r\n\r\nc\r\n", 12);
		struct append_op op = { .who = as(rig, &bob), .fid = (uint64_t)rig->inbox,
					.flags = FLAG_SEEN | FLAG_FLAGGED | FLAG_DELETED,
					.keywords = kw, .content = c };

		OK(grant(rig, rig_who(rig), "INBOX", &bob, ACL_REPLACE, false, cases[i].rights));
		assert_int_equal(rig_run(rig, append, &op), cases[i].e);
		assert_folder(rig->inbox, cases[i].after);
		content_free(&c);
	}
}

/* A copy made by somebody else is an item of its own, with the flags he may set: what
 * he may do with it must not reach the one it was made from. */
static void test_copies_part_ways(void **state)
{
	struct rig *rig = *state;
	struct copy_op c = { .who = as(rig, &bob), .fid = (uint64_t)rig->inbox, .uids = &all_uids,
			     .n_uids = 1, .to_path = "Drafts" };
	int64_t drafts = rig_fid(rig, "Drafts");

	rig_fill(rig, 1);
	OK(flag(rig, rig_who(rig), FLAGS_ADD, FLAG_SEEN | FLAG_FLAGGED, NULL));
	OK(grant(rig, rig_who(rig), "INBOX", &bob, ACL_ADD, false, RIGHT_READ));
	assert_int_equal(rig_run(rig, copy, &c), ERR_NOTFOUND);
	OK(grant(rig, rig_who(rig), "Drafts", &bob, ACL_ADD, false,
		 RIGHT_INSERT | RIGHT_SEEN | RIGHT_DELETE));
	c.bulk = (struct bulk){ 0 };
	OK(rig_run(rig, copy, &c));
	assert_folder(drafts, "1:1");
	OK(rig_flags(rig, drafts, all_uids, FLAGS_REPLACE, FLAG_ANSWERED, NULL));
	assert_folder(rig->inbox, "1:33");
	c.move = true;
	c.bulk = (struct bulk){ 0 };
	assert_int_equal(rig_run(rig, copy, &c), ERR_DENIED);
	OK(grant(rig, rig_who(rig), "INBOX", &bob, ACL_ADD, false, RIGHT_DELETE | RIGHT_EXPUNGE));
	c.bulk = (struct bulk){ 0 };
	OK(rig_run(rig, copy, &c));
	assert_folder(rig->inbox, "");
	assert_folder(drafts, "1:2 2:1");
	runs_fini(&c.from);
	runs_fini(&c.to_uids);
}

/* Only what may be seen is listed; what may not be read has no figures. */
static void test_listing(void **state)
{
	struct rig *rig = *state;
	struct who own = rig_who(rig);
	struct arena a = { 0 };
	struct folder_list_op l = { .who = as(rig, &bob), .arena = &a };

	rig_fill(rig, 3);
	OK(act(rig, folder_create, own, "p/q", NULL));
	OK(grant(rig, own, "INBOX", &bob, ACL_ADD, false, RIGHT_LOOKUP));
	OK(grant(rig, own, "p/q", &bob, ACL_ADD, false, RIGHT_LOOKUP | RIGHT_READ));
	OK(grant(rig, own, "Drafts", &bob, ACL_ADD, false, RIGHT_READ));
	OK(folder_list(rig->r, &l, &rig->eb));
	assert_int_equal(l.result.n, 2);
	assert_string_equal(l.result.f[0].path, "INBOX");
	assert_int_equal(l.result.f[0].total, 0);
	assert_int_equal(l.result.f[0].rights, RIGHT_LOOKUP);
	assert_string_equal(l.result.f[1].path, "p/q");
	assert_int_not_equal(l.result.f[1].uidvalidity, 0);
	/* By path any right is enough to find it, and none is not. */
	l.path = "Drafts";
	OK(folder_list(rig->r, &l, &rig->eb));
	assert_int_equal(l.result.f[0].rights, RIGHT_READ);
	l.path = "p";
	assert_int_equal(folder_list(rig->r, &l, &rig->eb), ERR_NOTFOUND);
	/* A child that is not seen is no child. */
	OK(grant(rig, own, "p", &bob, ACL_ADD, false, RIGHT_LOOKUP));
	OK(folder_list(rig->r, &l, &rig->eb));
	assert_true(l.result.f[0].has_children);
	OK(grant(rig, own, "p/q", &bob, ACL_REPLACE, false, RIGHT_READ));
	OK(folder_list(rig->r, &l, &rig->eb));
	assert_false(l.result.f[0].has_children);
	arena_fini(&a);
}

static void test_shared_with_whom(void **state)
{
	struct rig *rig = *state;
	const struct guid carol = { { 'c' } };
	struct arena a = { 0 };
	struct acl_shared_op op = { .principal = bob, .arena = &a };

	rig_provision(rig, &carol);
	OK(acl_shared(rig->r, &op, &rig->eb));
	assert_int_equal(op.n, 0);
	OK(grant(rig, rig_who(rig), "INBOX", &bob, ACL_ADD, false, RIGHT_READ));
	OK(acl_shared(rig->r, &op, &rig->eb));
	assert_int_equal(op.n, 0);		/* not seen */
	OK(grant(rig, rig_who(rig), "INBOX", &team, ACL_ADD, false, RIGHT_LOOKUP));
	OK(grant(rig, rig_who(rig), "Drafts", &rights_anyone, ACL_ADD, false, RIGHT_LOOKUP));
	op.groups = &team;
	op.n_groups = 1;
	OK(acl_shared(rig->r, &op, &rig->eb));
	assert_int_equal(op.n, 1);
	assert_true(guid_eq(&op.mailboxes[0], &rig->ann));
	arena_fini(&a);
}

static void test_public_folders(void **state)
{
	struct rig *rig = *state;
	const struct guid sales = { { 's' } };
	struct provision_op p = { .guid = sales, .public_name = "Sales", .quotas = { -1, -1, -1 } };
	struct arena a = { 0 };
	struct folder_list_op l = { .arena = &a };
	unsigned author;

	OK(rig_run(rig, mailbox_provision, &p));
	assert_true(p.made);
	l.who = (struct who){ .mbx = p.mbx, .mailbox = sales, .principal = bob };
	OK(folder_list(rig->r, &l, &rig->eb));
	assert_int_equal(l.result.n, 1);
	assert_string_equal(l.result.f[0].path, "Sales");
	assert_string_equal(l.result.f[0].role, "inbox");
	assert_true(rights_of_role("author", &author));
	assert_int_equal(l.result.f[0].rights, author);
	arena_fini(&a);
}

static void test_letters(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "", "" }, { "l", "l" }, { "arl", "lra" }, { "k", "kc" }, { "x", "xc" },
		{ "c", "kxc" }, { "d", "ted" }, { "t", "td" }, { "lrswipkxtea", "lrswipkxtecda" },
		{ "lrswipkxtecda", "lrswipkxtecda" }, { "L", NULL }, { "lz", NULL }, { "0", NULL },
	};
	char text[RIGHTS_TEXT];
	unsigned r;

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		assert_int_equal(rights_parse(cases[i].in, strlen(cases[i].in), &r),
				 cases[i].out ? ERR_OK : ERR_INVALID);
		if (cases[i].out)
			assert_string_equal(rights_text(r, text), cases[i].out);
	}
	assert_false(rights_of_role("Nobody", &r));
	assert_true(rights_of_role("OWNER", &r));
	assert_string_equal(rights_role(r), "Owner");
	assert_null(rights_role(RIGHT_EXPUNGE));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down_checked)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_which_rows_count), TEST(test_who_may_change_rows),
		TEST(test_rows_are_bounded), TEST(test_making_folders), TEST(test_flags_in_part),
		TEST(test_append_drops_flags), TEST(test_copies_part_ways), TEST(test_listing), TEST(test_shared_with_whom),
		TEST(test_public_folders), cmocka_unit_test(test_letters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
