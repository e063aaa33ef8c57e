#include "rig.h"
#include "roles/directory/um/um.h"

/* A dial plan of four digits with its policy, a gateway, and alice at 1001. */
static void make_phones(struct rig *r)
{
	rig_must(r, APPLY_CREATE, CLASS_DIAL_PLAN, "main", "access-number=1999", NULL);
	rig_must(r, APPLY_CREATE, CLASS_IP_GATEWAY, "gw", "host=192.0.2.1:5060", NULL);
	rig_must(r, APPLY_CREATE, CLASS_HUNT_GROUP, "all", "dial-plan=main ip-gateway=gw", NULL);
	rig_must(r, APPLY_CREATE, CLASS_MAILBOX, "alice",
		 "um-enabled=1 um-policy=main_policy extension=1001 phone=+1-555-998877", NULL);
	rig_must(r, APPLY_CREATE, CLASS_MAILBOX, "bob", "", NULL);
	rig_must(r, APPLY_CREATE, CLASS_AUTO_ATTENDANT, "front",
		 "dial-plan=main extension=1000 key-map=1=extension:1001", NULL);
}

static const struct {
	const char *name;
	enum apply_what what;
	unsigned klass;
	const char *object, *changes;
	enum err e;
} rules[] = {
	{ "dial plan", APPLY_CREATE, CLASS_DIAL_PLAN, "p", "", ERR_OK },
	{ "its digits", APPLY_CREATE, CLASS_DIAL_PLAN, "p", "extension-digits=21", ERR_INVALID },
	{ "uri type", APPLY_CREATE, CLASS_DIAL_PLAN, "p", "uri-type=ip", ERR_INVALID },
	{ "part of a word", APPLY_CREATE, CLASS_DIAL_PLAN, "p", "uri-type=tele", ERR_INVALID },
	{ "two words", APPLY_CREATE, CLASS_DIAL_PLAN, "p", "audio-codec=gsm_pcm", ERR_INVALID },
	{ "codec", APPLY_MODIFY, CLASS_DIAL_PLAN, "main", "audio-codec=gsm", ERR_OK },
	{ "codec of Microsoft's", APPLY_MODIFY, CLASS_DIAL_PLAN, "main", "audio-codec=wma", ERR_INVALID },
	{ "long recording", APPLY_MODIFY, CLASS_DIAL_PLAN, "main", "max-recording=1800000", ERR_INVALID },
	{ "longer call", APPLY_MODIFY, CLASS_DIAL_PLAN, "main", "max-recording=1800000 max-call=3600000", ERR_OK },
	{ "endless call", APPLY_MODIFY, CLASS_DIAL_PLAN, "main", "max-call=7300000", ERR_INVALID },
	{ "rule", APPLY_MODIFY, CLASS_DIAL_PLAN, "main", "dialling-rule=intl:900*=900*", ERR_OK },
	{ "rule with digits", APPLY_MODIFY, CLASS_DIAL_PLAN, "main", "dialling-rule=local:9xxxx=555xxxx", ERR_OK },
	{ "rule that invents digits", APPLY_MODIFY, CLASS_DIAL_PLAN, "main", "dialling-rule=x:9xx=9xxx", ERR_INVALID },
	{ "rule that invents a rest", APPLY_MODIFY, CLASS_DIAL_PLAN, "main", "dialling-rule=x:911=*", ERR_INVALID },
	{ "rule without name", APPLY_MODIFY, CLASS_DIAL_PLAN, "main", "dialling-rule=:9*=9*", ERR_INVALID },
	{ "rule with a URI", APPLY_MODIFY, CLASS_DIAL_PLAN, "main", "dialling-rule=x:9*=sip:a@b", ERR_INVALID },
	{ "access number", APPLY_MODIFY, CLASS_DIAL_PLAN, "main", "+access-number=19x", ERR_INVALID },
	{ "dial plan in use", APPLY_DELETE, CLASS_DIAL_PLAN, "main", "", ERR_DENIED },
	{ "gateway without host", APPLY_CREATE, CLASS_IP_GATEWAY, "g", "", ERR_INVALID },
	{ "gateway by name", APPLY_CREATE, CLASS_IP_GATEWAY, "g", "host=pbx.example.org", ERR_OK },
	{ "gateway by IPv6", APPLY_CREATE, CLASS_IP_GATEWAY, "g", "host=2001:db8::1", ERR_OK },
	{ "gateway by IPv6 and port", APPLY_CREATE, CLASS_IP_GATEWAY, "g", "host=[2001:db8::1]:5070", ERR_OK },
	{ "gateway's port", APPLY_CREATE, CLASS_IP_GATEWAY, "g", "host=pbx:70000", ERR_INVALID },
	{ "gateway with a header", APPLY_CREATE, CLASS_IP_GATEWAY, "g", "host=pbx;x=y", ERR_INVALID },
	{ "gateway's status", APPLY_MODIFY, CLASS_IP_GATEWAY, "gw", "status=no-new-calls", ERR_OK },
	{ "gateway's status", APPLY_MODIFY, CLASS_IP_GATEWAY, "gw", "status=off", ERR_INVALID },
	{ "gateway in use", APPLY_DELETE, CLASS_IP_GATEWAY, "gw", "", ERR_DENIED },
	{ "hunt group", APPLY_CREATE, CLASS_HUNT_GROUP, "h", "dial-plan=main ip-gateway=gw pilot=1999", ERR_OK },
	{ "hunt group's gateway", APPLY_CREATE, CLASS_HUNT_GROUP, "h", "dial-plan=main", ERR_INVALID },
	{ "hunt group's plan", APPLY_CREATE, CLASS_HUNT_GROUP, "h", "ip-gateway=gw", ERR_INVALID },
	{ "second default hunt group", APPLY_CREATE, CLASS_HUNT_GROUP, "h", "dial-plan=main ip-gateway=gw", ERR_EXISTS },
	{ "a server is no gateway", APPLY_CREATE, CLASS_HUNT_GROUP, "h", "dial-plan=main ip-gateway=mbx", ERR_NOTFOUND },
	{ "policy", APPLY_CREATE, CLASS_UM_POLICY, "u", "dial-plan=main pin-min-length=4", ERR_OK },
	{ "policy of no plan", APPLY_CREATE, CLASS_UM_POLICY, "u", "", ERR_INVALID },
	{ "short PINs", APPLY_MODIFY, CLASS_UM_POLICY, "main policy", "pin-min-length=3", ERR_INVALID },
	{ "lockout before reset", APPLY_MODIFY, CLASS_UM_POLICY, "main policy", "pin-lockout-after=5", ERR_INVALID },
	{ "no reset", APPLY_MODIFY, CLASS_UM_POLICY, "main policy", "pin-lockout-after=5 pin-reset-after=0", ERR_OK },
	{ "policy in use", APPLY_DELETE, CLASS_UM_POLICY, "main policy", "", ERR_DENIED },
	{ "attendant", APPLY_CREATE, CLASS_AUTO_ATTENDANT, "a", "dial-plan=main extension=1002", ERR_OK },
	{ "attendant of no number", APPLY_CREATE, CLASS_AUTO_ATTENDANT, "a", "dial-plan=main", ERR_INVALID },
	{ "attendant at alice's", APPLY_CREATE, CLASS_AUTO_ATTENDANT, "a", "dial-plan=main extension=1001", ERR_EXISTS },
	{ "key", APPLY_MODIFY, CLASS_AUTO_ATTENDANT, "front", "key-map=after:2=message:1001", ERR_OK },
	{ "key for nothing", APPLY_MODIFY, CLASS_AUTO_ATTENDANT, "front", "key-map=2=", ERR_INVALID },
	{ "two keys", APPLY_MODIFY, CLASS_AUTO_ATTENDANT, "front", "key-map=22=operator", ERR_INVALID },
	{ "key to a URI", APPLY_MODIFY, CLASS_AUTO_ATTENDANT, "front", "key-map=2=extension:sip:x", ERR_INVALID },
	{ "hours", APPLY_MODIFY, CLASS_AUTO_ATTENDANT, "front", "schedule=mon-fri_08:00-18:00", ERR_OK },
	{ "a day", APPLY_MODIFY, CLASS_AUTO_ATTENDANT, "front", "schedule=sat_08:00-24:00", ERR_OK },
	{ "holiday", APPLY_MODIFY, CLASS_AUTO_ATTENDANT, "front", "schedule=2026-12-25_Christmas", ERR_OK },
	{ "hours backwards", APPLY_MODIFY, CLASS_AUTO_ATTENDANT, "front", "schedule=mon_18:00-08:00", ERR_INVALID },
	{ "no day", APPLY_MODIFY, CLASS_AUTO_ATTENDANT, "front", "schedule=xyz_08:00-18:00", ERR_INVALID },
	{ "25 o'clock", APPLY_MODIFY, CLASS_AUTO_ATTENDANT, "front", "schedule=mon_08:00-25:00", ERR_INVALID },
	{ "month 13", APPLY_MODIFY, CLASS_AUTO_ATTENDANT, "front", "schedule=2026-13-25_x", ERR_INVALID },
	{ "enable", APPLY_MODIFY, CLASS_MAILBOX, "bob", "um-enabled=1 extension=1002", ERR_OK },
	{ "extension of alice", APPLY_MODIFY, CLASS_MAILBOX, "bob", "um-enabled=1 extension=1001", ERR_EXISTS },
	{ "extension of the attendant", APPLY_MODIFY, CLASS_MAILBOX, "bob", "um-enabled=1 extension=1000", ERR_EXISTS },
	{ "access number as extension", APPLY_MODIFY, CLASS_MAILBOX, "bob", "um-enabled=1 extension=1999", ERR_EXISTS },
	{ "no extension", APPLY_MODIFY, CLASS_MAILBOX, "bob", "um-enabled=1", ERR_INVALID },
	{ "long extension", APPLY_MODIFY, CLASS_MAILBOX, "bob", "um-enabled=1 extension=10021", ERR_INVALID },
	{ "extension with a letter", APPLY_MODIFY, CLASS_MAILBOX, "bob", "um-enabled=1 extension=10a2", ERR_INVALID },
	{ "another's PIN by hand", APPLY_MODIFY, CLASS_MAILBOX, "alice", "pin=x", ERR_DENIED },
	{ "failures by hand", APPLY_MODIFY, CLASS_MAILBOX, "alice", "pin-failures=0", ERR_DENIED },
	{ "disable", APPLY_MODIFY, CLASS_MAILBOX, "alice", "um-enabled=0", ERR_OK },
};

static void test_rules(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r);
	rig_furnish(&r);
	make_phones(&r);
	for (size_t i = 0; i < N_ELEMS(rules); i++) {
		struct change c[16];
		struct apply ap = { .what = rules[i].what, .klass = rules[i].klass,
				    .name = rules[i].object, .changes = c, .who = "t",
				    .now_ms = r.now_ms, .check_only = true };
		struct object *o;
		enum err e;

		ap.n_changes = rig_changes(&r, rules[i].klass, rules[i].changes, c);
		r.eb.text[0] = '\0';
		r.notes.n = 0;
		e = apply_run(&r.d, &ap, &r.a, &o, &r.notes, &r.eb);
		if (e != rules[i].e)
			fail_msg("%s: %s (%s)", rules[i].name, err_text(e), r.eb.text);
		if (e && r.eb.text[0] == '\0')
			fail_msg("%s: refused without a word", rules[i].name);
	}
	rig_down(&r);
}

static void test_defaults_are_exchanges(void **state)
{
	struct object *o;
	struct rig r;

	(void)state;
	rig_up(&r);
	rig_furnish(&r);
	make_phones(&r);
	assert_int_equal(apply_find(&r.d, CLASS_DIAL_PLAN, "main", NULL, &r.a, &o, &r.eb), ERR_OK);
	assert_int_equal(object_number(o, OBJ_MAX_CALL, 0), 30 * 60000);
	assert_int_equal(object_number(o, OBJ_MAX_RECORDING, 0), 20 * 60000);
	assert_int_equal(object_number(o, OBJ_RECORDING_IDLE, 0), 5000);
	assert_int_equal(object_number(o, OBJ_LOGON_FAILURES, 0), 3);
	assert_string_equal(object_text(o, OBJ_VOIP_SECURITY), "unsecured");
	assert_int_equal(apply_find(&r.d, CLASS_UM_POLICY, "main policy", NULL, &r.a, &o, &r.eb), ERR_OK);
	assert_int_equal(object_number(o, OBJ_PIN_MIN_LENGTH, 0), 6);
	assert_int_equal(object_number(o, OBJ_PIN_LIFETIME, 0), 60 * INT64_C(86400000));
	assert_int_equal(object_number(o, OBJ_PIN_HISTORY, 0), 5);
	assert_int_equal(object_number(o, OBJ_PIN_RESET_AFTER, 0), 5);
	assert_int_equal(object_number(o, OBJ_PIN_LOCKOUT_AFTER, 0), 15);
	/* Cleared is default again. */
	rig_must(&r, APPLY_MODIFY, CLASS_UM_POLICY, "main policy", "pin-min-length=8", NULL);
	rig_must(&r, APPLY_MODIFY, CLASS_UM_POLICY, "main policy", "pin-min-length=", &o);
	assert_int_equal(object_number(o, OBJ_PIN_MIN_LENGTH, 0), 6);
	rig_down(&r);
}

static void test_found_by_extension(void **state)
{
	struct guid g[4];
	struct object *o;
	int64_t after = 0;
	struct rig r;

	(void)state;
	rig_up(&r);
	rig_furnish(&r);
	make_phones(&r);
	rig_must(&r, APPLY_CREATE, CLASS_DIAL_PLAN, "other", "", NULL);
	rig_must(&r, APPLY_MODIFY, CLASS_MAILBOX, "bob",
		 "um-enabled=1 um-policy=other_policy extension=1001", &o);
	assert_int_equal(objects_by_extension(r.d.db, "1001", &after, g, 4), 2);
	after = 0;
	assert_int_equal(objects_by_extension(r.d.db, "1002", &after, g, 4), 0);
	rig_must(&r, APPLY_MODIFY, CLASS_MAILBOX, "bob", "um-enabled=0", &o);
	assert_false(object_has(o, OBJ_EXTENSION));
	after = 0;
	assert_int_equal(objects_by_extension(r.d.db, "1001", &after, g, 4), 1);
	rig_down(&r);
}

static enum err set_pin(struct rig *r, enum um_pin_event what, const char *pin, bool expired,
			struct object **out)
{
	const struct sealed sealed = { .n = 3, .b = { (uint8_t)pin[0], 2, 3 } };
	struct apply ap = { .what = APPLY_MODIFY, .klass = CLASS_MAILBOX, .name = "alice",
			    .who = "t", .now_ms = r->now_ms, .pin_event = what,
			    .pin = *pin ? &sealed : NULL, .pin_text = pin, .pin_expired = expired };

	r->notes.n = 0;
	return apply_run(&r->d, &ap, &r->a, out, &r->notes, &r->eb);
}

static void test_pins(void **state)
{
	static const struct {
		const char *pin;
		enum err e;
	} pins[] = {
		{ "482951", ERR_OK }, { "48295", ERR_INVALID }, { "48295x", ERR_INVALID },
		{ "777777", ERR_INVALID }, { "123456", ERR_INVALID }, { "654321", ERR_INVALID },
		{ "121212", ERR_INVALID }, { "482482", ERR_INVALID }, { "998877", ERR_INVALID },
		{ "4829514829514829514829510", ERR_INVALID },
	};
	struct object *o;
	struct rig r;

	(void)state;
	rig_up(&r);
	rig_furnish(&r);
	make_phones(&r);
	for (size_t i = 0; i < N_ELEMS(pins); i++)
		if (set_pin(&r, UM_PIN_SET, pins[i].pin, false, &o) != pins[i].e)
			fail_msg("%s: %s", pins[i].pin, r.eb.text);
	for (int i = 1; i < 8; i++)	/* five are remembered */
		assert_int_equal(set_pin(&r, UM_PIN_SET, "948201", i % 2, &o), ERR_OK);
	assert_int_equal(object_number(o, OBJ_PIN_SET, -1), 0);
	size_t n = 0;
	for (const struct object_value *v = object_values(o, OBJ_PIN); v; v = v->next)
		n++;
	assert_int_equal(n, 5);
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(set_pin(&r, UM_PIN_FAILED, "", false, &o), ERR_OK);
		assert_int_equal(object_number(o, OBJ_PIN_FAILURES, 0), i);
	}
	assert_int_equal(set_pin(&r, UM_PIN_RIGHT, "", false, &o), ERR_OK);
	assert_int_equal(object_number(o, OBJ_PIN_FAILURES, 0), 0);
	rig_must(&r, APPLY_MODIFY, CLASS_MAILBOX, "alice", "um-enabled=0", &o);
	assert_false(object_has(o, OBJ_PIN));
	assert_int_equal(set_pin(&r, UM_PIN_SET, "482951", false, &o), ERR_INVALID);
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_defaults_are_exchanges),
		cmocka_unit_test(test_found_by_extension),
		cmocka_unit_test(test_pins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
