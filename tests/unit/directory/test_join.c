#include "rig.h"
#include "common/replica/seal.h"
#include "common/replica/ticket.h"

#define KEY_A ((const uint8_t *)"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
#define KEY_B ((const uint8_t *)"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb")

static struct join joiner(unsigned role, const char *name, const uint8_t *key,
			  const uint8_t *secret)
{
	return (struct join){ .role = role, .name = name, .key = key, .secret = secret,
			      .secret_len = 32, .endpoint = "" };
}

/* What `bourse server add` prints, read as the new server reads it. */
static struct ticket add(struct rig *r, unsigned role, const char *name)
{
	const char *text = NULL;
	struct ticket t;
	int64_t until;

	assert_int_equal(join_token(&r->d, role, name, "tester", r->now_ms, &r->a, &text, &until,
				    &r->eb), ERR_OK);
	assert_int_equal(until, r->now_ms + 15 * 60 * 1000);
	assert_int_equal(ticket_parse(text, &t, &r->eb), ERR_OK);
	assert_int_equal(t.role, role);
	assert_string_equal(t.name, name);
	assert_memory_equal(t.key, r->id->public_key, 32);
	return t;
}

static void test_a_token_is_good_once(void **state)
{
	struct rpc_ident who;
	struct guid server;
	struct ticket t;
	struct join j;
	struct rig r;

	(void)state;
	rig_up(&r);
	t = add(&r, RPC_HUB, "hub1");
	j = joiner(RPC_HUB, "hub1", KEY_A, t.secret);
	assert_false(tables_who(&r.d.tables, KEY_A, &who));
	assert_int_equal(join_enrol(&r.d, &j, r.now_ms, &server, &r.eb), ERR_OK);
	assert_true(tables_who(&r.d.tables, KEY_A, &who));
	assert_int_equal(who.role, RPC_HUB);
	assert_string_equal(who.name, "hub1");
	j.key = KEY_B;
	assert_int_equal(join_enrol(&r.d, &j, r.now_ms, &server, &r.eb), ERR_DENIED);
	assert_false(tables_who(&r.d.tables, KEY_B, &who));
	rig_down(&r);
}

static const struct {
	const char *what;
	unsigned role;
	const char *name;
	int64_t later_ms;
	bool wrong_secret;
	enum err e;
} tries[] = {
	{ "wrong role", RPC_CAS, "hub1", 0, false, ERR_DENIED },
	{ "wrong name", RPC_HUB, "hub2", 0, false, ERR_DENIED },
	{ "too late", RPC_HUB, "hub1", 15 * 60 * 1000 + 1, false, ERR_DENIED },
	{ "wrong secret", RPC_HUB, "hub1", 0, true, ERR_DENIED },
	{ "no name", RPC_HUB, "", 0, false, ERR_INVALID },
	{ "in time", RPC_HUB, "hub1", 15 * 60 * 1000, false, ERR_OK },
};

/* A try that is refused does not spend the token. */
static void test_tries(void **state)
{
	struct guid server;
	struct ticket t;
	struct rig r;

	(void)state;
	rig_up(&r);
	t = add(&r, RPC_HUB, "hub1");
	for (size_t i = 0; i < N_ELEMS(tries); i++) {
		struct join j = joiner(tries[i].role, tries[i].name, KEY_A,
				       tries[i].wrong_secret ? KEY_B : t.secret);
		enum err e = join_enrol(&r.d, &j, r.now_ms + tries[i].later_ms, &server, &r.eb);

		if (e != tries[i].e)
			fail_msg("%s: %s (%s)", tries[i].what, err_text(e), r.eb.text);
	}
	rig_down(&r);
}

static void test_tokens_that_are_not_given(void **state)
{
	const char *text;
	int64_t until;
	struct rig r;

	(void)state;
	rig_up(&r);
	rig_furnish(&r);
#define TOKEN(role, name) join_token(&r.d, role, name, "t", r.now_ms, &r.a, &text, &until, &r.eb)
	assert_int_equal(TOKEN(RPC_EDGE, "e"), ERR_INVALID);
	assert_int_equal(TOKEN(RPC_DIRECTORY, "d"), ERR_INVALID);
	assert_int_equal(TOKEN(RPC_ADMIN, "a"), ERR_INVALID);
	assert_int_equal(TOKEN(RPC_HUB | RPC_CAS, "h"), ERR_INVALID);
	assert_int_equal(TOKEN(RPC_HUB, "a/b"), ERR_INVALID);
	assert_int_equal(TOKEN(RPC_HUB, "mbx"), ERR_EXISTS);
	assert_int_equal(TOKEN(RPC_HUB, "directory"), ERR_EXISTS);
	assert_int_equal(TOKEN(RPC_MAILBOX, "mbx"), ERR_OK);
	rig_down(&r);
}

static void test_a_mailbox_server_brings_a_database(void **state)
{
	char *db[] = { (char *)"db1" };
	struct guid server;
	struct object *o;
	struct ticket t;
	struct join j;
	struct rig r;

	(void)state;
	rig_up(&r);
	t = add(&r, RPC_MAILBOX, "mbx");
	j = joiner(RPC_MAILBOX, "mbx", KEY_A, t.secret);
	assert_int_equal(join_enrol(&r.d, &j, r.now_ms, &server, &r.eb), ERR_OK);
	assert_int_equal(apply_find(&r.d, CLASS_DATABASE, "mbx-1", NULL, &r.a, &o, &r.eb), ERR_OK);
	assert_true(object_has_guid(o, OBJ_SERVER, &server));
	/* A rebuilt host: the same object with a new key. */
	t = add(&r, RPC_MAILBOX, "mbx");
	j = joiner(RPC_MAILBOX, "mbx", KEY_B, t.secret);
	assert_int_equal(join_enrol(&r.d, &j, r.now_ms, &server, &r.eb), ERR_OK);
	assert_true(object_has_guid(o, OBJ_SERVER, &server));
	/* Another server may not take its database. */
	j.databases = db;
	j.n_databases = 1;
	db[0] = (char *)"mbx-1";
	t = add(&r, RPC_MAILBOX, "mbx2");
	j = joiner(RPC_MAILBOX, "mbx2", KEY_A, t.secret);
	j.databases = db;
	j.n_databases = 1;
	assert_int_equal(join_enrol(&r.d, &j, r.now_ms, &server, &r.eb), ERR_EXISTS);
	/* ... and nothing of the try is left. */
	assert_int_equal(apply_find(&r.d, CLASS_SERVER, "mbx2", NULL, &r.a, &o, &r.eb), ERR_NOTFOUND);
	rig_down(&r);
}

static void test_a_key_has_one_owner(void **state)
{
	struct guid server;
	struct ticket t;
	struct join j;
	struct rig r;

	(void)state;
	rig_up(&r);
	t = add(&r, RPC_HUB, "h1");
	j = joiner(RPC_HUB, "h1", KEY_A, t.secret);
	assert_int_equal(join_enrol(&r.d, &j, r.now_ms, &server, &r.eb), ERR_OK);
	t = add(&r, RPC_CAS, "c1");
	j = joiner(RPC_CAS, "c1", KEY_A, t.secret);
	assert_int_equal(join_enrol(&r.d, &j, r.now_ms, &server, &r.eb), ERR_DENIED);
	rig_down(&r);
}

static const char *subscription(struct rig *r, const char *name, int64_t expires_ms)
{
	struct ticket t = { .kind = TICKET_SUBSCRIPTION, .role = RPC_EDGE,
			    .endpoint = "tcp://edge:7004", .expires_ms = expires_ms };
	const char *text;
	struct buf b;

	snprintf(t.name, sizeof(t.name), "%s", name);
	memcpy(t.key, KEY_A, 32);
	memset(t.secret, 7, 32);
	memset(t.feed_key, 8, 32);
	buf_init(&b, TICKET_TEXT_MAX);
	assert_int_equal(ticket_write(&t, &b), ERR_OK);
	text = arena_str(&r->a, b.data);
	buf_fini(&b);
	return text;
}

static void test_an_edge_subscribes(void **state)
{
	uint8_t key[32], want[32];
	struct guid server;
	struct object *o;
	struct rig r;

	(void)state;
	rig_up(&r);
	assert_int_equal(join_subscribe(&r.d, subscription(&r, "edge1", r.now_ms - 1), "t",
					r.now_ms, &server, &r.eb), ERR_DENIED);
	assert_int_equal(join_subscribe(&r.d, "bourse-subscription:AAAA", "t", r.now_ms, &server,
					&r.eb), ERR_INVALID);
	assert_int_equal(join_subscribe(&r.d, subscription(&r, "edge1", r.now_ms + 1), "t",
					r.now_ms, &server, &r.eb), ERR_OK);
	assert_int_equal(apply_find(&r.d, CLASS_SERVER, "edge1", NULL, &r.a, &o, &r.eb), ERR_OK);
	assert_int_equal(object_number(o, OBJ_ROLE, 0), RPC_EDGE);
	memset(want, 8, sizeof(want));
	assert_int_equal(seal_open(&r.d.pepper, "feed key", object_bytes(o, OBJ_FEED_KEY), key, 32),
			 ERR_OK);
	assert_memory_equal(key, want, 32);
	memset(want, 7, sizeof(want));
	assert_int_equal(seal_open(&r.d.pepper, "subscription", object_bytes(o, OBJ_SUBSCRIPTION),
				   key, 32), ERR_OK);
	assert_memory_equal(key, want, 32);
	assert_int_equal(seal_open(&r.d.pepper, "other", object_bytes(o, OBJ_SUBSCRIPTION), key, 32),
			 ERR_CORRUPT);
	rig_down(&r);
}

static void test_keys_rotate_with_an_overlap_of_two(void **state)
{
	const uint8_t *key_c = (const uint8_t *)"cccccccccccccccccccccccccccccccc";
	const struct join_report report = { KEY_B, "tcp://h:3", "0.2", { NULL, 0 } };
	struct rpc_ident who;
	struct guid server;
	struct object *o;
	struct ticket t;
	struct join j;
	struct rig r;

	(void)state;
	rig_up(&r);
	t = add(&r, RPC_HUB, "h1");
	j = joiner(RPC_HUB, "h1", KEY_A, t.secret);
	assert_int_equal(join_enrol(&r.d, &j, r.now_ms, &server, &r.eb), ERR_OK);
	assert_int_equal(join_rotate(&r.d, &server, KEY_B, r.now_ms, &r.eb), ERR_OK);
	assert_true(tables_who(&r.d.tables, KEY_A, &who));
	assert_true(tables_who(&r.d.tables, KEY_B, &who));
	/* Others dial with the old one until the new one was used. */
	assert_int_equal(objects_by_guid(r.d.db, &server, &r.a, &o, &r.eb), ERR_OK);
	assert_memory_equal(object_bytes(o, OBJ_KEY).p, KEY_A, 32);
	assert_int_equal(join_seen(&r.d, &server, &report, r.now_ms, &r.eb), ERR_OK);
	assert_int_equal(objects_by_guid(r.d.db, &server, &r.a, &o, &r.eb), ERR_OK);
	assert_memory_equal(object_bytes(o, OBJ_KEY).p, KEY_B, 32);
	assert_string_equal(object_text(o, OBJ_ENDPOINT), "tcp://h:3");
	assert_true(tables_who(&r.d.tables, KEY_A, &who));
	assert_int_equal(join_rotate(&r.d, &server, key_c, r.now_ms, &r.eb), ERR_OK);
	assert_false(tables_who(&r.d.tables, KEY_A, &who));
	assert_true(tables_who(&r.d.tables, KEY_B, &who));
	assert_true(tables_who(&r.d.tables, key_c, &who));
	rig_down(&r);
}

/* What hubs say of an edge: its next key is news, another server's is not.  What a hub
 * says of itself it must have announced. */
static void test_keys_that_are_shown(void **state)
{
	const uint8_t *const key_c = (const uint8_t *)"cccccccccccccccccccccccccccccccc";
	struct { const uint8_t *key; const uint8_t *first; bool a_known; } steps[] = {
		{ NULL, KEY_A, true },
		{ KEY_A, KEY_A, true },
		{ KEY_B, KEY_A, true },		/* the hub's */
		{ key_c, key_c, true },
		{ KEY_A, KEY_A, true },		/* an old report, late */
	};
	struct join_report report = { NULL, "", "0.2", { NULL, 0 } };
	struct guid edge, hub;
	struct rpc_ident who;
	struct object *o;
	struct ticket t;
	struct join j;
	struct rig r;

	(void)state;
	rig_up(&r);
	assert_int_equal(join_subscribe(&r.d, subscription(&r, "edge1", r.now_ms + 1), "t",
					r.now_ms, &edge, &r.eb), ERR_OK);
	t = add(&r, RPC_HUB, "h1");
	j = joiner(RPC_HUB, "h1", KEY_B, t.secret);
	assert_int_equal(join_enrol(&r.d, &j, r.now_ms, &hub, &r.eb), ERR_OK);
	for (size_t i = 0; i < N_ELEMS(steps); i++) {
		report.key = steps[i].key;
		assert_int_equal(join_seen(&r.d, &edge, &report, r.now_ms, &r.eb), ERR_OK);
		assert_int_equal(objects_by_guid(r.d.db, &edge, &r.a, &o, &r.eb), ERR_OK);
		if (memcmp(object_bytes(o, OBJ_KEY).p, steps[i].first, 32) != 0)
			fail_msg("step %zu", i);
		assert_int_equal(tables_who(&r.d.tables, KEY_A, &who), steps[i].a_known);
	}
	report.key = (const uint8_t *)"dddddddddddddddddddddddddddddddd";
	assert_int_equal(join_seen(&r.d, &hub, &report, r.now_ms, &r.eb), ERR_OK);
	assert_false(tables_who(&r.d.tables, report.key, &who));
	assert_int_equal(join_seen(&r.d, &edge, &report, r.now_ms, &r.eb), ERR_OK);
	assert_false(tables_who(&r.d.tables, key_c, &who));	/* two, no more */
	rig_down(&r);
}

/* A server is known by the pin that it reported last; the audit has each. */
static void test_pins(void **state)
{
#define PIN_A "pppppppppppppppppppppppppppppppp"
#define PIN_B "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq"
	static const struct {
		const char *reported, *kept;
		bool written;
	} steps[] = {
		{ "", NULL, true },		/* no certificate; the version is new */
		{ "short", NULL, false },
		{ PIN_A, PIN_A, true },
		{ PIN_A, PIN_A, false },
		{ "", PIN_A, false },
		{ PIN_A "p", PIN_A, false },
		{ PIN_B, PIN_B, true },
	};
	struct guid server;
	struct object *o;
	struct ticket t;
	struct join j;
	struct rig r;

	(void)state;
	rig_up(&r);
	t = add(&r, RPC_HUB, "h1");
	j = joiner(RPC_HUB, "h1", KEY_A, t.secret);
	assert_int_equal(join_enrol(&r.d, &j, r.now_ms, &server, &r.eb), ERR_OK);
	for (size_t i = 0; i < N_ELEMS(steps); i++) {
		const struct join_report report = { KEY_A, "", "0.2", span_of(steps[i].reported) };
		uint64_t usn = r.d.usn;

		assert_int_equal(join_seen(&r.d, &server, &report, r.now_ms, &r.eb), ERR_OK);
		assert_int_equal(r.d.usn > usn, steps[i].written);
		assert_int_equal(objects_by_guid(r.d.db, &server, &r.a, &o, &r.eb), ERR_OK);
		assert_true(span_eq(object_bytes(o, OBJ_TLS_PIN), steps[i].kept ?
				    span_of(steps[i].kept) : (struct span){ NULL, 0 }));
	}
	assert_null(object_values(o, OBJ_TLS_PIN)->next);
	/* Nobody sets one by hand. */
	assert_int_not_equal(rig_apply(&r, APPLY_MODIFY, CLASS_SERVER, "h1", "tls-pin=" PIN_A, NULL),
			     ERR_OK);
	rig_down(&r);
}

static void test_a_removed_server_is_nobody(void **state)
{
	struct rpc_ident who;
	struct guid server;
	struct ticket t;
	struct join j;
	struct rig r;

	(void)state;
	rig_up(&r);
	t = add(&r, RPC_CAS, "c1");
	j = joiner(RPC_CAS, "c1", KEY_A, t.secret);
	assert_int_equal(join_enrol(&r.d, &j, r.now_ms, &server, &r.eb), ERR_OK);
	rig_must(&r, APPLY_DELETE, CLASS_SERVER, "c1", "", NULL);
	assert_false(tables_who(&r.d.tables, KEY_A, &who));
	rig_down(&r);
}

static void test_the_gate(void **state)
{
	struct gate g = { 0 };
	int64_t now = 1000;
	unsigned passed = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		passed += gate_pass(&g, now);
	assert_int_equal(passed, GATE_BURST);
	assert_false(gate_pass(&g, now + 1900));
	assert_true(gate_pass(&g, now + 2100));
	assert_false(gate_pass(&g, now));
	now += INT64_C(3600000);
	passed = 0;
	for (int i = 0; i < 100; i++)
		passed += gate_pass(&g, now);
	assert_int_equal(passed, GATE_BURST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_token_is_good_once),
		cmocka_unit_test(test_tries),
		cmocka_unit_test(test_tokens_that_are_not_given),
		cmocka_unit_test(test_a_mailbox_server_brings_a_database),
		cmocka_unit_test(test_a_key_has_one_owner),
		cmocka_unit_test(test_an_edge_subscribes),
		cmocka_unit_test(test_keys_rotate_with_an_overlap_of_two),
		cmocka_unit_test(test_keys_that_are_shown),
		cmocka_unit_test(test_pins),
		cmocka_unit_test(test_a_removed_server_is_nobody),
		cmocka_unit_test(test_the_gate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
