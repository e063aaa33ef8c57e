#include "common/base/check.h"
#include "roles/hub-transport/trust.h"
#include "tests/unit/hub-transport/fake_replica.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct rig {
	struct replica replica;
	struct route route;
	struct route_range range;
	struct trust trust;
};

static struct object *server(struct rig *r, const char *name, unsigned role, const char *pins)
{
	struct object *o = fake_add(&r->replica, CLASS_SERVER, name, NULL);
	uint8_t pin[TLS_PIN];

	object_set_number(o, OBJ_ROLE, role);
	for (; *pins; pins++) {
		memset(pin, *pins, sizeof(pin));
		object_add_bytes(o, OBJ_TLS_PIN, pin, sizeof(pin));
	}
	return o;
}

/* 'h': hub1, 'e': edge1, 'c' and 'C': cas1, 's': hub1 and edge1. */
static int rig_up(void **state)
{
	struct rig *r = xcalloc(1, sizeof(*r));
	struct object *o;

	server(r, "hub1", RPC_HUB, "hs");
	server(r, "edge1", RPC_EDGE, "es");
	server(r, "cas1", RPC_CAS, "cC");
	server(r, "mailbox1", RPC_MAILBOX, "");
	object_set_bytes(server(r, "damaged", RPC_HUB, ""), OBJ_TLS_PIN, "dddd", 4);
	/* Only servers' count, whatever else has such an attribute. */
	o = fake_add(&r->replica, CLASS_MAILBOX, "user", "user@in.test");
	object_set_bytes(o, OBJ_TLS_PIN, "uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu", TLS_PIN);
	assert_int_equal(addr_parse("192.0.2.0", 0, &r->range.net), ERR_OK);
	r->range.bits = 24;
	r->route.trusted = &r->range;
	*state = r;
	return 0;
}

static int rig_down(void **state)
{
	struct rig *r = *state;

	trust_fini(&r->trust);
	fake_fini(&r->replica);
	free(r);
	return 0;
}

/* pin 0: a connection without a client's certificate. */
static enum trust_level ask(struct rig *r, char pin, const char *from)
{
	struct conn_tls tls = { .has_peer_cert = pin != 0 };
	struct addr peer;

	memset(tls.peer_pin, pin ? pin : 'h', sizeof(tls.peer_pin));
	assert_int_equal(addr_parse(from, 25, &peer), ERR_OK);
	return trust_of(&r->trust, &r->replica, &r->route, &peer, &tls);
}

static void test_policy(void **state)
{
	static const struct {
		char pin;
		const char *from;
		bool ranges;
		enum trust_level want;
	} cases[] = {
		{ 0, "203.0.113.1", false, TRUST_NONE },
		{ 0, "203.0.113.1", true, TRUST_NONE },
		{ 0, "192.0.2.7", false, TRUST_NONE },
		{ 0, "192.0.2.7", true, TRUST_RANGE },
		{ 'h', "203.0.113.1", false, TRUST_SERVER },
		{ 'h', "192.0.2.7", true, TRUST_SERVER },
		{ 'c', "203.0.113.1", false, TRUST_SERVER },
		{ 'C', "203.0.113.1", false, TRUST_SERVER },
		{ 'e', "203.0.113.1", false, TRUST_EDGE },
		{ 'e', "192.0.2.7", true, TRUST_EDGE },
		{ 's', "203.0.113.1", false, TRUST_EDGE },
		{ 'x', "203.0.113.1", false, TRUST_NONE },
		{ 'x', "192.0.2.7", true, TRUST_RANGE },
		{ 'd', "203.0.113.1", false, TRUST_NONE },
		{ 'u', "203.0.113.1", false, TRUST_NONE },
	};
	struct rig *r = *state;

	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		r->route.n_trusted = cases[i].ranges;
		if (ask(r, cases[i].pin, cases[i].from) != cases[i].want)
			fail_msg("case %zu", i);
	}
}

/* Pins are read again when a server, or something that is gone, changed. */
static void test_changes(void **state)
{
	struct rig *r = *state;
	struct object user = { .klass = CLASS_MAILBOX }, gone = { .deleted = true };
	struct object *hub;

	assert_int_equal(ask(r, 'n', "203.0.113.1"), TRUST_NONE);
	hub = server(r, "hub2", RPC_HUB, "n");
	trust_note(&r->trust, &user);
	assert_int_equal(ask(r, 'n', "203.0.113.1"), TRUST_NONE);
	trust_note(&r->trust, hub);
	assert_int_equal(ask(r, 'n', "203.0.113.1"), TRUST_SERVER);
	/* Another certificate: the one before is a stranger's. */
	object_set_bytes(hub, OBJ_TLS_PIN, "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm", TLS_PIN);
	trust_note(&r->trust, hub);
	assert_int_equal(ask(r, 'n', "203.0.113.1"), TRUST_NONE);
	assert_int_equal(ask(r, 'm', "203.0.113.1"), TRUST_SERVER);
	object_unset(hub, OBJ_TLS_PIN);
	trust_note(&r->trust, &gone);
	assert_int_equal(ask(r, 'm', "203.0.113.1"), TRUST_NONE);
	server(r, "hub3", RPC_HUB, "o");
	trust_note(&r->trust, NULL);
	assert_int_equal(ask(r, 'o', "203.0.113.1"), TRUST_SERVER);
}

/* More than the table begins with. */
static void test_many(void **state)
{
	struct rig *r = *state;
	char pin[2] = "";

	for (int i = 128; i < 228; i++) {
		pin[0] = (char)i;
		server(r, "more", i % 2 ? RPC_HUB : RPC_EDGE, pin);
	}
	for (int i = 128; i < 228; i++)
		assert_int_equal(ask(r, (char)i, "203.0.113.1"), i % 2 ? TRUST_SERVER : TRUST_EDGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_policy, rig_up, rig_down),
		cmocka_unit_test_setup_teardown(test_changes, rig_up, rig_down),
		cmocka_unit_test_setup_teardown(test_many, rig_up, rig_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
