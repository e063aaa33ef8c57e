/* Addresses by policy: who gets which, and what a change of names or policies does. */
#include "rig.h"
#include "roles/directory/addresses.h"

static const char *addresses(struct rig *r, unsigned klass, const char *name)
{
	const char *text = "";
	struct object *o;

	assert_int_equal(apply_find(&r->d, klass, name, NULL, &r->a, &o, &r->eb), ERR_OK);
	for (const struct object_value *v = object_values(o, OBJ_EMAIL); v; v = v->next)
		text = arena_printf(&r->a, "%s%s%s", text, *text ? " " : "", v->bytes.p);
	return text;
}

static void policy(struct rig *r, const char *name, const char *changes)
{
	rig_must(r, APPLY_CREATE, CLASS_ADDRESS_POLICY, name, changes, NULL);
}

/* All steps of the walk; returns how many. */
static unsigned walk(struct rig *r)
{
	unsigned steps = 0;
	bool more = true;

	while (more) {
		assert_int_equal(walk_step(&r->d, r->now_ms, &more, &r->eb), ERR_OK);
		steps++;
	}
	assert_int_equal(objects_meta_int(r->d.db, META_WALK), 0);
	return steps;
}

static void test_filters(void **state)
{
	static const struct {
		unsigned klass;
		const char *changes, *addresses;
	} cases[] = {
		{ CLASS_MAILBOX, "department=Sales", "x@sales.test" },
		{ CLASS_MAILBOX, "department=SALES", "x@sales.test" },
		{ CLASS_MAILBOX, "department=Support", "x@sales.test" },
		{ CLASS_MAILBOX, "department=Salesmen", "x@example.org" },
		{ CLASS_MAILBOX, "", "x@example.org" },
		{ CLASS_MAILBOX, "department=Sales company=Acme", "x@acme.test x@example.org" },
		{ CLASS_MAILBOX, "company=Acme", "x@example.org" },
		{ CLASS_MAILBOX, "department=Sales address=own@example.org", "own@example.org" },
		{ CLASS_GROUP, "", "x@groups.test" },
		{ CLASS_CONTACT, "target-address=a@b.c company=Acme", "" },
		{ CLASS_CONTACT, "target-address=a@b.c company=Partner", "x@partner.test" },
	};
	struct rig r;

	(void)state;
	rig_up(&r);
	rig_furnish(&r);
	for (int i = 0; i < 4; i++)
		rig_must(&r, APPLY_CREATE, CLASS_DOMAIN, (const char *const[]){ "sales.test",
			 "acme.test", "groups.test", "partner.test" }[i], "", NULL);
	policy(&r, "rest", "template=%m@example.org default=1");
	policy(&r, "sales", "template=%m@sales.test if-department=Sales +if-department=Support "
			    "if-class=mailbox priority=20");
	policy(&r, "acme", "template=%m@acme.test +template=%m@example.org if-company=Acme "
			   "if-department=Sales priority=10");
	policy(&r, "groups", "template=%m@groups.test if-class=group priority=30");
	policy(&r, "partners", "template=%m@partner.test if-class=contact if-company=Partner");
	assert_int_equal(rig_apply(&r, APPLY_CREATE, CLASS_ADDRESS_POLICY, "bad",
				   "template=%m@example.org if-class=server", NULL), ERR_INVALID);
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		rig_must(&r, APPLY_CREATE, cases[i].klass, "x", cases[i].changes, NULL);
		if (strcmp(addresses(&r, cases[i].klass, "x"), cases[i].addresses) != 0)
			fail_msg("case %zu: %s", i, addresses(&r, cases[i].klass, "x"));
		rig_must(&r, APPLY_DELETE, cases[i].klass, "x", "", NULL);
	}
	rig_down(&r);
}

/* One recipient through a chain of changes. */
static void test_recipients_that_change(void **state)
{
	static const struct {
		const char *changes, *addresses;
	} steps[] = {
		{ "hidden=1", "Alice.Liddell@example.org" },
		{ "surname=Hargreaves", "Alice.Hargreaves@example.org Alice.Liddell@example.org" },
		{ "+address=al@example.org",
		  "Alice.Hargreaves@example.org Alice.Liddell@example.org al@example.org" },
		/* Back: the address she has is taken, no number. */
		{ "surname=Liddell",
		  "Alice.Liddell@example.org Alice.Hargreaves@example.org al@example.org" },
		{ "department=Sales", "alice@sales.test Alice.Liddell@example.org "
				      "Alice.Hargreaves@example.org al@example.org" },
		{ "by-policy=0", "alice@sales.test Alice.Liddell@example.org "
				 "Alice.Hargreaves@example.org al@example.org" },
		{ "department=", "alice@sales.test Alice.Liddell@example.org "
				 "Alice.Hargreaves@example.org al@example.org" },
		{ "by-policy=1", "Alice.Liddell@example.org alice@sales.test "
				 "Alice.Hargreaves@example.org al@example.org" },
		{ "address=own@example.org", "own@example.org" },	/* by hand now */
		{ "surname=Other", "own@example.org" },
		{ "address=own@example.org by-policy=1", "Alice.Other@example.org own@example.org" },
	};
	struct rig r;

	(void)state;
	rig_up(&r);
	rig_furnish(&r);
	rig_must(&r, APPLY_CREATE, CLASS_DOMAIN, "sales.test", "", NULL);
	policy(&r, "all", "template=%g.%s@example.org");
	policy(&r, "sales", "template=%m@sales.test if-department=Sales priority=1");
	rig_must(&r, APPLY_CREATE, CLASS_MAILBOX, "alice", "given-name=Alice surname=Liddell", NULL);
	for (size_t i = 0; i < N_ELEMS(steps); i++) {
		rig_must(&r, APPLY_MODIFY, CLASS_MAILBOX, "alice", steps[i].changes, NULL);
		if (strcmp(addresses(&r, CLASS_MAILBOX, "alice"), steps[i].addresses) != 0)
			fail_msg("step %zu: %s", i, addresses(&r, CLASS_MAILBOX, "alice"));
	}
	rig_down(&r);
}

/* A number stays while its name does, and is not taken for somebody else's. */
static void test_numbers(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r);
	rig_furnish(&r);
	policy(&r, "all", "template=%s@example.org");
	rig_must(&r, APPLY_CREATE, CLASS_MAILBOX, "a", "surname=Smith", NULL);
	rig_must(&r, APPLY_CREATE, CLASS_MAILBOX, "b", "surname=Smith", NULL);
	assert_string_equal(addresses(&r, CLASS_MAILBOX, "b"), "Smith2@example.org");
	rig_must(&r, APPLY_DELETE, CLASS_MAILBOX, "a", "", NULL);
	rig_must(&r, APPLY_MODIFY, CLASS_MAILBOX, "b", "given-name=Bob", NULL);
	assert_string_equal(addresses(&r, CLASS_MAILBOX, "b"), "Smith2@example.org");
	/* agent007 is no numbered agent. */
	rig_must(&r, APPLY_CREATE, CLASS_MAILBOX, "c", "surname=x", NULL);
	rig_must(&r, APPLY_MODIFY, CLASS_MAILBOX, "c", "+address=agent7@example.org", NULL);
	rig_must(&r, APPLY_MODIFY, CLASS_MAILBOX, "c", "surname=agent", NULL);
	assert_string_equal(addresses(&r, CLASS_MAILBOX, "c"),
			    "agent@example.org x@example.org agent7@example.org");
	rig_down(&r);
}

static void test_policies_that_change(void **state)
{
	char name[16];
	struct rig r;

	(void)state;
	rig_up(&r);
	rig_furnish(&r);
	rig_must(&r, APPLY_CREATE, CLASS_DOMAIN, "new.test", "", NULL);
	for (int i = 0; i < 120; i++) {
		snprintf(name, sizeof(name), "u%03d", i);
		rig_must(&r, APPLY_CREATE, CLASS_MAILBOX, name, i == 7 ? "department=Sales" : "", NULL);
	}
	rig_must(&r, APPLY_CREATE, CLASS_MAILBOX, "hand", "address=by-hand@example.org", NULL);
	rig_must(&r, APPLY_CREATE, CLASS_MAILBOX, "off", "", NULL);
	rig_must(&r, APPLY_DISABLE, CLASS_MAILBOX, "off", "", NULL);
	assert_int_equal(objects_meta_int(r.d.db, META_WALK), 0);
	policy(&r, "new", "template=%m@new.test if-department=Sales");
	assert_int_equal(objects_meta_int(r.d.db, META_WALK), 1);
	assert_true(walk(&r) >= 4);
	assert_string_equal(addresses(&r, CLASS_MAILBOX, "u007"), "u007@new.test u007@example.org");
	assert_string_equal(addresses(&r, CLASS_MAILBOX, "u008"), "u008@example.org");
	rig_must(&r, APPLY_MODIFY, CLASS_ADDRESS_POLICY, "new", "if-department=", NULL);
	/* The directory ends in the middle: it goes on after its start. */
	{
		bool more;

		assert_int_equal(walk_step(&r.d, r.now_ms, &more, &r.eb), ERR_OK);
		assert_true(more);
	}
	rig_close_db(&r);
	rig_open_db(&r);
	walk_resume(&r.d);
	walk(&r);
	for (int i = 0; i < 120; i++) {
		snprintf(name, sizeof(name), "u%03d", i);
		assert_string_equal(addresses(&r, CLASS_MAILBOX, name),
				    arena_printf(&r.a, "%s@new.test %s@example.org", name, name));
	}
	assert_string_equal(addresses(&r, CLASS_MAILBOX, "hand"), "by-hand@example.org");
	assert_string_equal(addresses(&r, CLASS_MAILBOX, "off"), "");
	rig_must(&r, APPLY_DELETE, CLASS_ADDRESS_POLICY, "new", "", NULL);
	walk(&r);
	assert_string_equal(addresses(&r, CLASS_MAILBOX, "u050"), "u050@example.org u050@new.test");
	assert_int_equal(walk(&r), 1);		/* nothing to do */
	rig_must(&r, APPLY_RECONNECT, CLASS_MAILBOX, "off", "", NULL);
	assert_string_equal(addresses(&r, CLASS_MAILBOX, "off"), "off@example.org");
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_recipients_that_change),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_policies_that_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
