#include "rig.h"
#include "roles/directory/audit.h"

/* On a directory with example.org, mbx, db1, db2 and these people. */
static void make_people(struct rig *r)
{
	rig_must(r, APPLY_CREATE, CLASS_MAILBOX, "alice", "given-name=Alice surname=Liddell", NULL);
	rig_must(r, APPLY_CREATE, CLASS_MAILBOX, "bob", "", NULL);
	rig_must(r, APPLY_CREATE, CLASS_CONTACT, "carl", "target-address=carl@elsewhere.test", NULL);
	rig_must(r, APPLY_CREATE, CLASS_GROUP, "team", "member=alice +member=bob", NULL);
}

static const struct {
	const char *name;
	enum apply_what what;
	unsigned klass;
	const char *object, *changes;
	enum err e;
} rules[] = {
	{ "a mailbox", APPLY_CREATE, CLASS_MAILBOX, "dave", "", ERR_OK },
	{ "same name", APPLY_CREATE, CLASS_MAILBOX, "ALICE", "", ERR_EXISTS },
	{ "same name in another class", APPLY_CREATE, CLASS_GROUP, "alice2", "", ERR_OK },
	{ "no name", APPLY_CREATE, CLASS_MAILBOX, "  ", "", ERR_INVALID },
	{ "control character", APPLY_CREATE, CLASS_MAILBOX, "a\tb", "", ERR_INVALID },
	{ "address of another", APPLY_CREATE, CLASS_MAILBOX, "x", "address=Bob@EXAMPLE.org", ERR_EXISTS },
	{ "address twice", APPLY_CREATE, CLASS_MAILBOX, "x", "address=x@example.org +address=x@example.org", ERR_OK },
	{ "foreign domain", APPLY_CREATE, CLASS_MAILBOX, "x", "address=x@other.test", ERR_INVALID },
	{ "no address at all", APPLY_CREATE, CLASS_MAILBOX, "x", "address=nonsense", ERR_INVALID },
	{ "literal", APPLY_CREATE, CLASS_MAILBOX, "x", "address=x@[192.0.2.1]", ERR_INVALID },
	{ "attribute of another class", APPLY_CREATE, CLASS_MAILBOX, "x", "template=%m@x", ERR_INVALID },
	{ "read-only attribute", APPLY_MODIFY, CLASS_MAILBOX, "alice", "disconnected=1", ERR_DENIED },
	{ "secret attribute", APPLY_MODIFY, CLASS_MAILBOX, "alice", "password-hash=x", ERR_DENIED },
	{ "unknown database", APPLY_CREATE, CLASS_MAILBOX, "x", "database=nowhere", ERR_NOTFOUND },
	{ "a chosen database", APPLY_CREATE, CLASS_MAILBOX, "x", "database=db2", ERR_OK },
	{ "a server is no database", APPLY_CREATE, CLASS_MAILBOX, "x", "database=mbx", ERR_NOTFOUND },
	{ "moved by a word", APPLY_MODIFY, CLASS_MAILBOX, "alice", "database=db2", ERR_DENIED },
	{ "not moved", APPLY_MODIFY, CLASS_MAILBOX, "alice", "database=db1", ERR_OK },
	{ "endpoint", APPLY_MODIFY, CLASS_SERVER, "mbx", "endpoint=tcp://mbx.test:7002", ERR_OK },
	{ "endpoint without port", APPLY_MODIFY, CLASS_SERVER, "mbx", "endpoint=tcp://mbx.test", ERR_INVALID },
	{ "endpoint of another kind", APPLY_MODIFY, CLASS_SERVER, "mbx", "endpoint=inproc://mbx:1", ERR_INVALID },
	{ "quotas out of order", APPLY_MODIFY, CLASS_MAILBOX, "alice", "quota-warn=5 quota-send=4", ERR_INVALID },
	{ "quotas in order", APPLY_MODIFY, CLASS_MAILBOX, "alice", "quota-warn=4 quota-send=5", ERR_OK },
	{ "negative quota", APPLY_MODIFY, CLASS_MAILBOX, "alice", "quota-send=-1", ERR_INVALID },
	{ "adding to one value", APPLY_MODIFY, CLASS_MAILBOX, "alice", "+quota-send=1", ERR_INVALID },
	{ "by address", APPLY_MODIFY, CLASS_MAILBOX, "alice@example.org", "hidden=1", ERR_OK },
	{ "nobody", APPLY_MODIFY, CLASS_MAILBOX, "nobody", "hidden=1", ERR_NOTFOUND },
	{ "another class's name", APPLY_MODIFY, CLASS_GROUP, "alice", "hidden=1", ERR_NOTFOUND },
	{ "remove what is not there", APPLY_MODIFY, CLASS_MAILBOX, "alice", "-address=z@example.org", ERR_NOTFOUND },
	{ "remove in another spelling", APPLY_MODIFY, CLASS_MAILBOX, "alice", "+address=a2@example.org -address=A2@Example.ORG", ERR_OK },
	{ "take the name away", APPLY_MODIFY, CLASS_MAILBOX, "alice", "name=", ERR_INVALID },
	{ "take another's name", APPLY_MODIFY, CLASS_MAILBOX, "alice", "name=bob", ERR_EXISTS },
	{ "forward to itself", APPLY_MODIFY, CLASS_MAILBOX, "alice", "forward-to=alice", ERR_INVALID },
	{ "forward", APPLY_MODIFY, CLASS_MAILBOX, "alice", "forward-to=carl", ERR_OK },
	{ "contact without target", APPLY_CREATE, CLASS_CONTACT, "x", "", ERR_INVALID },
	{ "contact", APPLY_CREATE, CLASS_CONTACT, "x", "target-address=a@b.test", ERR_OK },
	{ "group in itself", APPLY_MODIFY, CLASS_GROUP, "team", "+member=team", ERR_INVALID },
	{ "unknown member", APPLY_MODIFY, CLASS_GROUP, "team", "+member=nobody", ERR_NOTFOUND },
	{ "member by address", APPLY_MODIFY, CLASS_GROUP, "team", "+member=carl -member=bob@example.org", ERR_OK },
	{ "domain", APPLY_CREATE, CLASS_DOMAIN, "other.test", "type=internal-relay", ERR_OK },
	{ "domain twice", APPLY_CREATE, CLASS_DOMAIN, "again", "domain=EXAMPLE.org", ERR_EXISTS },
	{ "domain of no type", APPLY_CREATE, CLASS_DOMAIN, "other.test", "type=nice", ERR_INVALID },
	{ "no domain", APPLY_CREATE, CLASS_DOMAIN, "a_b c", "", ERR_INVALID },
	{ "domains below", APPLY_CREATE, CLASS_DOMAIN, "sub", "domain=*.example.org", ERR_OK },
	{ "domain in use", APPLY_DELETE, CLASS_DOMAIN, "example.org", "", ERR_DENIED },
	{ "database in use", APPLY_DELETE, CLASS_DATABASE, "db1", "", ERR_DENIED },
	{ "server in use", APPLY_DELETE, CLASS_SERVER, "mbx", "", ERR_DENIED },
	{ "the directory", APPLY_DELETE, CLASS_SERVER, "directory", "", ERR_DENIED },
	{ "the organisation", APPLY_DELETE, CLASS_ORGANISATION, "Test", "", ERR_DENIED },
	{ "a second transport", APPLY_CREATE, CLASS_TRANSPORT, "two", "", ERR_EXISTS },
	{ "transport settings", APPLY_MODIFY, CLASS_TRANSPORT, "transport", "max-hops=40 trusted-range=10.0.0.0/8", ERR_OK },
	{ "too few hops", APPLY_MODIFY, CLASS_TRANSPORT, "transport", "max-hops=0", ERR_INVALID },
	{ "no range", APPLY_MODIFY, CLASS_TRANSPORT, "transport", "trusted-range=here", ERR_INVALID },
	{ "a server out of thin air", APPLY_CREATE, CLASS_SERVER, "x", "", ERR_DENIED },
	{ "an unknown class", APPLY_CREATE, 60, "x", "", ERR_INVALID },
	{ "policy", APPLY_CREATE, CLASS_ADDRESS_POLICY, "p", "template=%g.%s@example.org", ERR_OK },
	{ "policy without template", APPLY_CREATE, CLASS_ADDRESS_POLICY, "p", "", ERR_INVALID },
	{ "policy elsewhere", APPLY_CREATE, CLASS_ADDRESS_POLICY, "p", "template=%m@other.test", ERR_INVALID },
	{ "issuer", APPLY_CREATE, CLASS_OAUTH_ISSUER, "id", "issuer=https://id.test audience=a jwk={\"kty\":"
	  "\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}", ERR_OK },
	{ "issuer without audience", APPLY_CREATE, CLASS_OAUTH_ISSUER, "id", "issuer=https://id.test", ERR_INVALID },
	{ "issuer with a bad key", APPLY_CREATE, CLASS_OAUTH_ISSUER, "id", "issuer=i audience=a jwk={}", ERR_INVALID },
	{ "connector", APPLY_CREATE, CLASS_CONNECTOR, "c", "address-space=* smart-host=h.test:26", ERR_OK },
	{ "connector to nothing", APPLY_CREATE, CLASS_CONNECTOR, "c", "smart-host=h", ERR_INVALID },
	{ "connector to no host", APPLY_CREATE, CLASS_CONNECTOR, "c", "address-space=* smart-host=a:b", ERR_INVALID },
	{ "connector port", APPLY_CREATE, CLASS_CONNECTOR, "c", "address-space=* port=70000", ERR_INVALID },
	{ "connector from a mailbox server", APPLY_CREATE, CLASS_CONNECTOR, "c", "address-space=* source-server=mbx", ERR_INVALID },
	{ "administrator", APPLY_CREATE, CLASS_ADMIN, "root2", "key=abcdefghabcdefghabcdefghabcdefgh", ERR_OK },
	{ "short key", APPLY_CREATE, CLASS_ADMIN, "root2", "key=abc", ERR_INVALID },
	{ "a server's key", APPLY_CREATE, CLASS_ADMIN, "root2", "key=0123456789abcdef0123456789abcdef", ERR_EXISTS },
	{ "disable", APPLY_DISABLE, CLASS_MAILBOX, "alice", "", ERR_OK },
	{ "disable a group", APPLY_DISABLE, CLASS_GROUP, "team", "", ERR_INVALID },
	{ "reconnect who is connected", APPLY_RECONNECT, CLASS_MAILBOX, "alice", "", ERR_EXISTS },
	{ "delete", APPLY_DELETE, CLASS_MAILBOX, "alice", "", ERR_OK },
};

static void test_rules(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r);
	rig_furnish(&r);
	make_people(&r);
	for (size_t i = 0; i < N_ELEMS(rules); i++) {
		uint64_t usn = r.d.usn;
		struct object *o;
		struct change c[16];
		/* All checks, and nothing is changed. */
		struct apply ap = { .what = rules[i].what, .klass = rules[i].klass,
				    .name = rules[i].object, .changes = c, .who = "t",
				    .now_ms = r.now_ms, .check_only = true };

		enum err e;

		ap.n_changes = rig_changes(&r, rules[i].klass < 60 ? rules[i].klass : 1,
					   rules[i].changes, c);
		r.eb.text[0] = '\0';
		r.notes.n = 0;
		e = apply_run(&r.d, &ap, &r.a, &o, &r.notes, &r.eb);
		if (e != rules[i].e)
			fail_msg("%s: %s (%s)", rules[i].name, err_text(e), r.eb.text);
		if (e && r.eb.text[0] == '\0')
			fail_msg("%s: refused without a word", rules[i].name);
		assert_int_equal(r.d.usn, usn);
	}
	rig_down(&r);
}

static void test_collisions_are_numbered(void **state)
{
	struct object *o;
	struct rig r;

	(void)state;
	rig_up(&r);
	rig_furnish(&r);
	rig_must(&r, APPLY_CREATE, CLASS_ADDRESS_POLICY, "p",
		 "template=%g.%s@example.org +template=%1g%s@example.org", NULL);
	for (int i = 1; i <= 10; i++) {
		char name[16], want[64];

		snprintf(name, sizeof(name), "a%d", i);
		rig_must(&r, APPLY_CREATE, CLASS_MAILBOX, name, "given-name=Ann surname=Lee", &o);
		snprintf(want, sizeof(want), i == 1 ? "Ann.Lee@example.org" :
			 "Ann.Lee%d@example.org", i);
		assert_string_equal(object_text(o, OBJ_EMAIL), want);
		snprintf(want, sizeof(want), i == 1 ? "ALee@example.org" :
			 "ALee%d@example.org", i);
		assert_string_equal(object_values(o, OBJ_EMAIL)->next->bytes.p, want);
		assert_true(i == 1 || r.notes.n >= 2);
	}
	/* Who has no name parts gets the alias. */
	rig_must(&r, APPLY_CREATE, CLASS_MAILBOX, "zed", "", &o);
	assert_string_equal(object_text(o, OBJ_EMAIL), "zed@example.org");
	assert_null(object_values(o, OBJ_EMAIL)->next);
	rig_down(&r);
}

static void test_policies_by_priority(void **state)
{
	struct object *o;
	struct rig r;

	(void)state;
	rig_up(&r);
	rig_furnish(&r);
	rig_must(&r, APPLY_CREATE, CLASS_ADDRESS_POLICY, "late", "template=late.%m@example.org priority=9", NULL);
	rig_must(&r, APPLY_CREATE, CLASS_ADDRESS_POLICY, "fallback",
		 "template=default.%m@example.org priority=1 default=1", NULL);
	rig_must(&r, APPLY_CREATE, CLASS_ADDRESS_POLICY, "soon", "template=soon.%m@example.org priority=2", NULL);
	rig_must(&r, APPLY_CREATE, CLASS_MAILBOX, "ann", "", &o);
	assert_string_equal(object_text(o, OBJ_EMAIL), "soon.ann@example.org");
	rig_must(&r, APPLY_DELETE, CLASS_ADDRESS_POLICY, "soon", "", NULL);
	rig_must(&r, APPLY_DELETE, CLASS_ADDRESS_POLICY, "late", "", NULL);
	rig_must(&r, APPLY_CREATE, CLASS_GROUP, "all", "", &o);
	assert_string_equal(object_text(o, OBJ_EMAIL), "default.all@example.org");
	assert_true(object_bool(o, OBJ_REQUIRE_AUTH, false));
	rig_down(&r);
}

static void test_least_filled_database(void **state)
{
	struct guid first, second;
	struct object *o;
	struct rig r;

	(void)state;
	rig_up(&r);
	rig_furnish(&r);
	rig_must(&r, APPLY_CREATE, CLASS_MAILBOX, "a", "database=db1", &o);
	assert_true(object_guid(o, OBJ_DATABASE, &first));
	rig_must(&r, APPLY_CREATE, CLASS_MAILBOX, "b", "database=db1", NULL);
	rig_must(&r, APPLY_CREATE, CLASS_MAILBOX, "c", "", &o);
	assert_true(object_guid(o, OBJ_DATABASE, &second));
	assert_false(guid_eq(&first, &second));
	rig_must(&r, APPLY_CREATE, CLASS_MAILBOX, "d", "", &o);
	assert_true(object_has_guid(o, OBJ_DATABASE, &second));
	rig_down(&r);
}

static void test_one_default_domain(void **state)
{
	struct object *o;
	struct rig r;

	(void)state;
	rig_up(&r);
	rig_furnish(&r);
	rig_must(&r, APPLY_CREATE, CLASS_DOMAIN, "new.test", "default=1", NULL);
	assert_int_equal(apply_find(&r.d, CLASS_DOMAIN, "example.org", NULL, &r.a, &o, &r.eb), ERR_OK);
	assert_false(object_bool(o, OBJ_DEFAULT, false));
	rig_must(&r, APPLY_CREATE, CLASS_MAILBOX, "m", "", &o);
	assert_string_equal(object_text(o, OBJ_EMAIL), "m@new.test");
	rig_down(&r);
}

static void test_deleting_clears_references(void **state)
{
	struct object *o;
	struct guid alice;
	struct rig r;

	(void)state;
	rig_up(&r);
	rig_furnish(&r);
	make_people(&r);
	rig_must(&r, APPLY_MODIFY, CLASS_MAILBOX, "bob", "forward-to=alice", NULL);
	assert_int_equal(apply_find(&r.d, 0, "alice", NULL, &r.a, &o, &r.eb), ERR_OK);
	alice = o->guid;
	rig_must(&r, APPLY_DELETE, CLASS_MAILBOX, "alice", "", NULL);
	assert_int_equal(apply_find(&r.d, CLASS_GROUP, "team", NULL, &r.a, &o, &r.eb), ERR_OK);
	assert_false(object_has_guid(o, OBJ_MEMBER, &alice));
	assert_true(object_has(o, OBJ_MEMBER));
	assert_int_equal(apply_find(&r.d, CLASS_MAILBOX, "bob", NULL, &r.a, &o, &r.eb), ERR_OK);
	assert_false(object_has(o, OBJ_FORWARD_TO));
	/* Name and address are free again. */
	rig_must(&r, APPLY_CREATE, CLASS_MAILBOX, "alice", "", &o);
	assert_string_equal(object_text(o, OBJ_EMAIL), "alice@example.org");
	assert_false(guid_eq(&o->guid, &alice));
	rig_down(&r);
}

static void test_disable_and_reconnect(void **state)
{
	struct object *o;
	struct guid alice;
	struct rig r;

	(void)state;
	rig_up(&r);
	rig_furnish(&r);
	make_people(&r);
	rig_must(&r, APPLY_CREATE, CLASS_GROUP, "gone", "member=alice", NULL);
	rig_must(&r, APPLY_CREATE, CLASS_GROUP, "other", "member=bob", NULL);
	rig_must(&r, APPLY_DISABLE, CLASS_MAILBOX, "alice", "", &o);
	alice = o->guid;
	assert_int_equal(r.notes.n, 1);
	assert_true(object_bool(o, OBJ_DISCONNECTED, false));
	assert_false(object_has(o, OBJ_EMAIL));
	assert_true(object_has(o, OBJ_FORMER_GROUP));
	assert_true(object_has(o, OBJ_DATABASE));
	assert_int_equal(apply_find(&r.d, 0, "alice@example.org", NULL, &r.a, &o, &r.eb), ERR_NOTFOUND);
	assert_int_equal(rig_apply(&r, APPLY_DISABLE, CLASS_MAILBOX, "alice", "", NULL), ERR_EXISTS);
	/* Out of her groups, and back into those that are there still. */
	assert_int_equal(objects_count_linked(r.d.db, &alice, OBJ_MEMBER), 0);
	rig_must(&r, APPLY_DELETE, CLASS_GROUP, "gone", "", NULL);
	rig_must(&r, APPLY_RECONNECT, CLASS_MAILBOX, "alice", "", &o);
	assert_false(object_has(o, OBJ_FORMER_GROUP));
	assert_int_equal(objects_count_linked(r.d.db, &alice, OBJ_MEMBER), 1);
	assert_int_equal(apply_find(&r.d, CLASS_GROUP, "team", NULL, &r.a, &o, &r.eb), ERR_OK);
	assert_true(object_has_guid(o, OBJ_MEMBER, &alice));
	assert_int_equal(apply_find(&r.d, CLASS_MAILBOX, "alice", NULL, &r.a, &o, &r.eb), ERR_OK);
	assert_true(guid_eq(&o->guid, &alice));
	assert_string_equal(object_text(o, OBJ_EMAIL), "alice@example.org");
	assert_false(object_has(o, OBJ_DISCONNECTED));
	rig_down(&r);
}

static void test_circles_of_groups_are_noted(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r);
	rig_furnish(&r);
	rig_must(&r, APPLY_CREATE, CLASS_GROUP, "a", "", NULL);
	rig_must(&r, APPLY_CREATE, CLASS_GROUP, "b", "member=a", NULL);
	rig_must(&r, APPLY_CREATE, CLASS_GROUP, "c", "member=b", NULL);
	rig_must(&r, APPLY_MODIFY, CLASS_GROUP, "b", "hidden=1", NULL);
	assert_int_equal(r.notes.n, 0);
	rig_must(&r, APPLY_MODIFY, CLASS_GROUP, "a", "+member=c", NULL);
	assert_int_equal(r.notes.n, 1);
	rig_down(&r);
}

static void test_audit_says_who_and_what(void **state)
{
	struct audit_line l[50];
	struct sealed secret = { .n = 6, .b = "HUSHED" };
	struct change none;
	struct apply ap = { .what = APPLY_MODIFY, .klass = CLASS_MAILBOX, .name = "bob",
			    .changes = &none, .argon = &secret, .who = "eve" };
	struct object *o;
	struct rig r;
	size_t n;

	(void)state;
	rig_up(&r);
	rig_furnish(&r);
	make_people(&r);
	rig_must(&r, APPLY_MODIFY, CLASS_MAILBOX, "alice", "quota-send=7", NULL);
	rig_must(&r, APPLY_MODIFY, CLASS_MAILBOX, "alice",
		 "quota-send=9 +address=x@example.org", NULL);
	assert_int_equal(rig_apply(&r, APPLY_MODIFY, CLASS_MAILBOX, "alice", "name=bob", NULL),
			 ERR_EXISTS);
	ap.now_ms = r.now_ms;
	assert_int_equal(apply_run(&r.d, &ap, &r.a, &o, &r.notes, &r.eb), ERR_OK);
	n = audit_list(r.d.db, 0, l, N_ELEMS(l), &r.a);
	assert_true(n > 8);
	assert_string_equal(l[0].who, "eve");
	assert_string_equal(l[0].detail, "password-hash: -> (secret)");
	for (size_t i = 0; i < n; i++)
		assert_null(strstr(l[i].detail, "HUSHED"));
	assert_string_equal(l[1].result, err_text(ERR_EXISTS));
	assert_string_equal(l[2].what, "mailbox set");
	assert_string_equal(l[2].object, "alice");
	assert_string_equal(l[2].who, "tester");
	assert_string_equal(l[2].detail, "address:  +x@example.org; quota-send: 7 -> 9");
	assert_int_equal(audit_list(r.d.db, l[2].seq, l, 1, &r.a), 1);
	assert_string_equal(l[0].detail, "quota-send: -> 7");
	rig_down(&r);
}

static void test_tidy_and_restart(void **state)
{
	struct audit_line l[4];
	struct guid was;
	struct object *o;
	uint64_t usn;
	struct rig r;

	(void)state;
	rig_up(&r);
	rig_furnish(&r);
	make_people(&r);
	was = r.d.incarnation;
	rig_must(&r, APPLY_DELETE, CLASS_CONTACT, "carl", "", NULL);
	usn = r.d.usn;
	assert_int_equal(directory_tidy(&r.d, r.now_ms + INT64_C(170) * 86400000, &r.eb), ERR_OK);
	assert_int_equal(objects_meta_int(r.d.db, META_FLOOR), 0);
	assert_int_equal(directory_tidy(&r.d, r.now_ms + INT64_C(181) * 86400000, &r.eb), ERR_OK);
	assert_int_equal(objects_meta_int(r.d.db, META_FLOOR), usn);
	assert_int_equal(audit_list(r.d.db, 0, l, N_ELEMS(l), &r.a), 0);
	rig_close_db(&r);
	rig_open_db(&r);
	assert_int_equal(r.d.usn, usn);
	assert_true(guid_eq(&r.d.incarnation, &was));
	assert_int_equal(apply_find(&r.d, 0, "alice", NULL, &r.a, &o, &r.eb), ERR_OK);
	assert_int_equal(directory_renew(&r.d, "test", &r.eb), ERR_OK);
	assert_false(guid_eq(&r.d.incarnation, &was));
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_collisions_are_numbered),
		cmocka_unit_test(test_policies_by_priority),
		cmocka_unit_test(test_least_filled_database),
		cmocka_unit_test(test_one_default_domain),
		cmocka_unit_test(test_deleting_clears_references),
		cmocka_unit_test(test_disable_and_reconnect),
		cmocka_unit_test(test_circles_of_groups_are_noted),
		cmocka_unit_test(test_audit_says_who_and_what),
		cmocka_unit_test(test_tidy_and_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
