/* test_behalf - in whose name a user may write, and who keeps a copy */
#include "roles/hub-transport/behalf.h"

#include "common/base/check.h"
#include "common/relay/spool.h"
#include "common/smtp/command.h"
#include "tests/unit/hub-transport/fake_replica.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct rig {
	struct replica r;
	struct object *ann, *boss, *desk;
};

static int up(void **state)
{
	struct rig *rig = xcalloc(1, sizeof(*rig));
	struct guid db = { { 7 } };

	fake_domain(&rig->r, "in.test", DOMAIN_AUTHORITATIVE);
	rig->ann = fake_add(&rig->r, CLASS_MAILBOX, "ann", "ann@in.test");
	rig->boss = fake_add(&rig->r, CLASS_MAILBOX, "boss", "boss@in.test");
	rig->desk = fake_add(&rig->r, CLASS_MAILBOX, "desk", "desk@in.test");
	object_add_guid(rig->boss, OBJ_SEND_ON_BEHALF, &rig->ann->guid);
	object_add_guid(rig->desk, OBJ_SEND_AS, &rig->ann->guid);
	object_set_guid(rig->boss, OBJ_DATABASE, &db);
	object_set_guid(rig->desk, OBJ_DATABASE, &db);
	object_set_text(rig->desk, OBJ_SENT_COPY, "mailbox");
	fake_add(&rig->r, CLASS_MAILBOX, "else", "else@in.test");
	*state = rig;
	return 0;
}

static int down(void **state)
{
	struct rig *rig = *state;

	fake_fini(&rig->r);
	free(rig);
	return 0;
}

static void test_headers(void **state)
{
	struct rig *rig = *state;
	static const struct {
		const char *from[3], *sender, *envelope;
		enum err e;
		const char *prefix;
	} cases[] = {
		{ { "ann@in.test" }, NULL, "ann@in.test", ERR_OK, "" },
		{ { NULL }, NULL, "ann@in.test", ERR_OK, "" },
		{ { NULL }, NULL, "", ERR_OK, "" },
		{ { NULL }, NULL, "boss@in.test", ERR_OK, "Sender: <ann@in.test>\r\n" },
		{ { "desk@in.test" }, NULL, "ann@in.test", ERR_OK, "" },
		{ { "boss@in.test" }, NULL, "ann@in.test", ERR_OK, "Sender: <ann@in.test>\r\n" },
		{ { "ann@in.test", "boss@in.test" }, NULL, "ann@in.test", ERR_OK,
		  "Sender: <ann@in.test>\r\n" },
		{ { "boss@in.test" }, "ann@in.test", "ann@in.test", ERR_OK, "" },
		{ { "boss@in.test" }, "desk@in.test", "ann@in.test", ERR_OK, "" },
		{ { "boss@in.test" }, "boss@in.test", "ann@in.test", ERR_DENIED, "" },
		{ { "boss@in.test" }, "x@out.test", "ann@in.test", ERR_DENIED, "" },
		{ { "boss@in.test" }, "", "ann@in.test", ERR_DENIED, "" },
		{ { "else@in.test" }, NULL, "ann@in.test", ERR_DENIED, "" },
		{ { "nobody@in.test" }, NULL, "ann@in.test", ERR_DENIED, "" },
		{ { "ann@in.test", "else@in.test" }, NULL, "ann@in.test", ERR_DENIED, "" },
		{ { "bare" }, NULL, "ann@in.test", ERR_DENIED, "" },
		{ { "me@out.test" }, NULL, "ann@in.test", ERR_OK, "Sender: <ann@in.test>\r\n" },
	};

	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct stamp_header sh = { .sender = cases[i].sender };
		struct mail *m = mail_new();
		enum err e;

		m->sender = cases[i].envelope;
		for (; sh.n_from < 3 && cases[i].from[sh.n_from]; sh.n_from++)
			sh.from[sh.n_from] = cases[i].from[sh.n_from];
		e = behalf_stamp(&rig->r, m, &sh, &rig->ann->guid, "ann@in.test");
		if (e != cases[i].e || strcmp(m->prefix, cases[i].prefix) != 0)
			fail_msg("case %zu: %s, \"%s\"", i, err_text(e), m->prefix);
		mail_unref(&m);
	}
}

static void test_too_many_authors(void **state)
{
	struct rig *rig = *state;
	struct stamp_header sh = { .n_from = STAMP_AUTHORS + 1 };
	struct mail *m = mail_new();

	for (size_t i = 0; i < STAMP_AUTHORS; i++)
		sh.from[i] = "ann@in.test";
	m->sender = "ann@in.test";
	assert_int_equal(behalf_stamp(&rig->r, m, &sh, &rig->ann->guid, "ann@in.test"), ERR_DENIED);
	mail_unref(&m);
}

static void test_copies(void **state)
{
	struct rig *rig = *state;
	static const struct {
		const char *from, *choice;
		bool copy;
	} cases[] = {
		{ "desk@in.test", "mailbox", true },   { "desk@in.test", "both", true },
		{ "desk@in.test", "sender", false },   { "desk@in.test", "none", false },
		{ "boss@in.test", "mailbox", false },  { "ann@in.test", "mailbox", false },
		{ "x@out.test", "mailbox", false },    { NULL, "mailbox", false },
	};

	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct stamp_header sh = { .from = { cases[i].from }, .n_from = cases[i].from != NULL };
		struct mail *m = mail_new(), *copy;

		m->id = (struct mail_id){ guid_make(), 5 };
		m->root = m->id.origin;
		m->sender = "ann@in.test";
		mail_add(m, "else@in.test");
		object_set_text(rig->desk, OBJ_SENT_COPY, cases[i].choice);
		copy = behalf_copy(&rig->r, m, &sh, &rig->ann->guid);
		if (!copy != !cases[i].copy)
			fail_msg("case %zu", i);
		assert_false(behalf_is_copy(m));
		if (copy) {
			assert_true(behalf_is_copy(copy));
			assert_int_equal(copy->n_rcpts, 1);
			assert_int_equal(copy->rcpts[0].kind, HOP_DATABASE);
			assert_int_equal(copy->rcpts[0].notify, SMTP_NOTIFY_NEVER);
			assert_true(guid_eq(&copy->rcpts[0].target, &rig->desk->guid));
			assert_true(guid_eq(&copy->root, &m->root));
			assert_int_equal(copy->id.seq, 5);
		}
		mail_unref(&copy);
		mail_unref(&m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_headers, up, down),
		cmocka_unit_test_setup_teardown(test_too_many_authors, up, down),
		cmocka_unit_test_setup_teardown(test_copies, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
