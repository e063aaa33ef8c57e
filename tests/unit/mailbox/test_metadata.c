#include "tests/unit/mailbox/rig.h"

#include "roles/mailbox/metadata.h"
#include "roles/mailbox/urlkey.h"

/* Annotations, usage, and keys of URLs. */

static struct who stranger(const struct rig *rig)
{
	return (struct who){ .mbx = rig->mbx, .mailbox = rig->ann, .principal = rig->origin };
}

static enum err set(struct rig *rig, struct who w, const char *path, const char *entry,
		    const char *value)
{
	struct store_meta m = { .entry = entry, .value = span_of(value) };
	struct meta_set_op op = { .who = w, .path = path, .list = &m, .n = 1 };

	return rig_run(rig, metadata_set, &op);
}

/* "path entry=value; ..." of what is there. */
static enum err get(struct rig *rig, struct who w, const char *path, const char *entry,
		    unsigned depth, char out[400])
{
	const char *entries[] = { entry, NULL };
	struct arena a = { 0 };
	struct meta_get_op op = { .who = w, .path = path ? path : "", .all = path == NULL,
				  .entries = entries, .depth = depth, .arena = &a };
	enum err e = metadata_get(rig->r, &op, &rig->eb);

	out[0] = '\0';
	for (size_t i = 0; e == ERR_OK && i < op.n; i++)
		snprintf(out + strlen(out), 400 - strlen(out), "%s %s=%.*s; ", op.list[i].path,
			 op.list[i].entry, (int)op.list[i].value.n, op.list[i].value.p);
	arena_fini(&a);
	return e;
}

#define assert_meta(w, path, entry, depth, want)                                             \
	do {                                                                                 \
		char got_[400];                                                              \
		OK(get(rig, (w), (path), (entry), (depth), got_));                           \
		assert_string_equal(got_, want);                                             \
	} while (0)

static void test_set_and_get(void **state)
{
	struct rig *rig = *state;
	struct who w = rig_who(rig);

	OK(set(rig, w, "INBOX", "/private/comment", "mine"));
	OK(set(rig, w, "INBOX", "/shared/comment", "ours"));
	OK(set(rig, w, "INBOX", "/shared/vendor/x/a", "1"));
	OK(set(rig, w, "INBOX", "/shared/vendor/x/a/b", "2"));
	OK(set(rig, w, "INBOX", "/shared/vendor/xy", "3"));
	OK(set(rig, w, "", "/private/comment", "all"));
	OK(set(rig, w, "Archive", "/shared/comment", ""));
	assert_meta(w, "INBOX", "/private/comment", 0, "INBOX /private/comment=mine; ");
	assert_meta(w, "inbox", "/shared", META_DEPTH_ALL,
		    "inbox /shared/comment=ours; inbox /shared/vendor/x/a=1; "
		    "inbox /shared/vendor/x/a/b=2; inbox /shared/vendor/xy=3; ");
	assert_meta(w, "INBOX", "/shared/vendor/x", 0, "");
	assert_meta(w, "INBOX", "/shared/vendor/x", 1, "INBOX /shared/vendor/x/a=1; ");
	assert_meta(w, "", "/private/comment", 0, " /private/comment=all; ");
	assert_meta(w, NULL, "/shared/comment", 0,
		    "INBOX /shared/comment=ours; Archive /shared/comment=; ");
	OK(set(rig, w, "INBOX", "/shared/comment", NULL));
	OK(set(rig, w, "INBOX", "/shared/comment", NULL));
	assert_meta(w, "INBOX", "/shared/comment", 0, "");
}

static void test_whose_they_are(void **state)
{
	struct rig *rig = *state;
	struct who w = rig_who(rig), bob = stranger(rig), server = w;
	char got[400];

	server.principal = (struct guid){ { 0 } };
	OK(set(rig, w, "INBOX", "/private/comment", "mine"));
	assert_int_equal(get(rig, bob, "INBOX", "/shared/comment", 0, got), ERR_NOTFOUND);
	assert_int_equal(set(rig, bob, "INBOX", "/private/comment", "x"), ERR_NOTFOUND);
	assert_int_equal(set(rig, w, "", "/shared/comment", "x"), ERR_DENIED);
	OK(set(rig, server, "", "/shared/comment", "x"));
	assert_meta(w, "", "/shared/comment", 0, " /shared/comment=x; ");
}

static void test_what_is_refused(void **state)
{
	struct rig *rig = *state;
	struct who w = rig_who(rig);
	char *large = xcalloc(1, META_VALUE_MAX + 2), name[40];

	memset(large, 'x', META_VALUE_MAX + 1);
	assert_int_equal(set(rig, w, "INBOX", "/shared/x", large), ERR_LIMIT);
	large[META_VALUE_MAX] = '\0';
	OK(set(rig, w, "INBOX", "/shared/x", large));
	assert_int_equal(set(rig, w, "INBOX", "/shared/", "x"), ERR_INVALID);
	assert_int_equal(set(rig, w, "INBOX", "/other/x", "x"), ERR_INVALID);
	assert_int_equal(set(rig, w, "INBOX", "shared/x", "x"), ERR_INVALID);
	assert_int_equal(set(rig, w, "Nope", "/shared/x", "x"), ERR_NOTFOUND);
	for (unsigned i = 1; i < META_ENTRIES; i++) {
		snprintf(name, sizeof(name), "/shared/e%u", i);
		OK(set(rig, w, "INBOX", name, "x"));
	}
	assert_int_equal(set(rig, w, "INBOX", "/shared/more", "x"), ERR_LIMIT);
	OK(set(rig, w, "INBOX", "/private/more", "x"));
	/* Of the whole mailbox. */
	for (unsigned i = 0; i < META_MAILBOX / META_VALUE_MAX - 1; i++) {
		snprintf(name, sizeof(name), "/private/f%u", i);
		assert_int_equal(set(rig, w, "Archive", name, large),
				 i < META_MAILBOX / META_VALUE_MAX - 2 ? ERR_OK : ERR_LIMIT);
	}
	free(large);
}

static void test_pages(void **state)
{
	static const char *const folders[] = { "Archive", "Drafts", "INBOX", "Sent Items" };
	const char *entries[] = { "/shared", NULL };
	struct rig *rig = *state;
	struct who w = rig_who(rig);
	char *large = xcalloc(1, META_VALUE_MAX + 1), name[40];
	struct arena a = { 0 };
	struct meta_get_op op = { .who = w, .path = "", .all = true, .entries = entries,
				  .depth = META_DEPTH_ALL, .arena = &a };
	size_t n = 0, pages = 0;

	memset(large, 'x', META_VALUE_MAX);
	for (size_t i = 0; i < N_ELEMS(folders); i++)
		for (unsigned k = 0; k < 5; k++) {
			snprintf(name, sizeof(name), "/shared/e%u", k);
			OK(set(rig, w, folders[i], name, large));
		}
	do {
		OK(metadata_get(rig->r, &op, &rig->eb));
		n += op.n;
		pages++;
		assert_int_equal(op.n % 5, 0);
		op.after = op.more;
	} while (op.more);
	assert_int_equal(n, 20);
	assert_int_equal(pages, 4);
	free(large);
	arena_fini(&a);
}

DB_SQL(q_left, "SELECT (SELECT count(*) FROM annotation) + (SELECT count(*) FROM url_key)");

static struct url_op url(struct rig *rig, const char *path, const char *text)
{
	return (struct url_op){ .who = rig_who(rig), .path = path, .text = text };
}

static void test_keys(void **state)
{
	struct rig *rig = *state;
	struct url_op op = url(rig, "INBOX", "imap://x/INBOX/;UID=1;URLAUTH=anonymous"), b;

	assert_int_equal(urlkey_check(rig->r, &op, &rig->eb), ERR_DENIED);	/* no key yet */
	OK(rig_run(rig, urlkey_sign, &op));
	OK(urlkey_check(rig->r, &op, &rig->eb));
	b = op;
	OK(rig_run(rig, urlkey_sign, &b));
	assert_memory_equal(op.token, b.token, URL_TOKEN);
	b.text = "imap://x/INBOX/;UID=2;URLAUTH=anonymous";
	assert_int_equal(urlkey_check(rig->r, &b, &rig->eb), ERR_DENIED);
	b = op;
	b.token[URL_TOKEN - 1] ^= 1;
	assert_int_equal(urlkey_check(rig->r, &b, &rig->eb), ERR_DENIED);
	b = op;
	b.who = stranger(rig);
	assert_int_equal(urlkey_check(rig->r, &b, &rig->eb), ERR_DENIED);
	assert_int_equal(rig_run(rig, urlkey_sign, &b), ERR_NOTFOUND);
	b = op;
	b.path = "Archive";
	assert_int_equal(urlkey_check(rig->r, &b, &rig->eb), ERR_DENIED);
	OK(rig_run(rig, urlkey_sign, &b));
	assert_memory_not_equal(op.token, b.token, URL_TOKEN);
	OK(rig_run(rig, urlkey_reset, &op));
	assert_int_equal(urlkey_check(rig->r, &op, &rig->eb), ERR_DENIED);
	OK(urlkey_check(rig->r, &b, &rig->eb));
	b.path = NULL;
	OK(rig_run(rig, urlkey_reset, &b));
	b.path = "Archive";
	assert_int_equal(urlkey_check(rig->r, &b, &rig->eb), ERR_DENIED);
}

static void test_they_go_with_the_folder(void **state)
{
	struct rig *rig = *state;
	struct folder_op f = { .who = rig_who(rig), .path = "x" };
	struct url_op op = url(rig, "x", "u");
	struct folder_op gone = f;
	int64_t n;

	OK(rig_run(rig, folder_create, &f));
	OK(set(rig, rig_who(rig), "x", "/shared/comment", "x"));
	OK(rig_run(rig, urlkey_sign, &op));
	OK(db_get_int(rig->r, &q_left, &n, &rig->eb, ""));
	assert_int_equal(n, 2);
	OK(rig_run(rig, folder_delete, &gone));
	OK(db_get_int(rig->r, &q_left, &n, &rig->eb, ""));
	assert_int_equal(n, 0);
}

static void test_usage(void **state)
{
	struct rig *rig = *state;
	struct usage_op op = { .open = { .mailbox = rig->ann, .principal = rig->ann,
					 .mbx = rig->mbx, .policy = { 10, 20, 30 } } };

	rig_fill(rig, 2);
	OK(set(rig, rig_who(rig), "", "/private/ab", "cde"));
	OK(mailbox_usage(rig->r, &op, &rig->eb));
	assert_int_equal(op.result.items, 2);
	assert_true(op.result.size > 200);
	assert_int_equal(op.result.quota_recv, 30);
	assert_int_equal(op.result.folders, 6);
	assert_int_equal(op.result.folders_max, FOLDERS_MAX);
	assert_int_equal(op.result.meta, 5);
	op.open.principal = rig->origin;
	assert_int_equal(mailbox_usage(rig->r, &op, &rig->eb), ERR_NOTFOUND);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, rig_up, rig_down_checked)
	const struct CMUnitTest tests[] = {
		T(test_set_and_get),
		T(test_whose_they_are),
		T(test_what_is_refused),
		T(test_pages),
		T(test_keys),
		T(test_they_go_with_the_folder),
		T(test_usage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
