#include "common/api/object.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Numbers have holes; the compiler refuses one that is given twice. */
static void test_table_is_whole_and_named_once(void **state)
{
	size_t n = 0;

	(void)state;
	for (const struct attr_info *i = attr_after(NULL); i; i = attr_after(i), n++) {
		assert_ptr_equal(attr_by_id(i->id), i);
		assert_true(i->help[0] != '\0');
		for (unsigned k = 1; k < 64; k++)
			if ((i->classes >> k & 1) && strcmp(class_name(k), "?") != 0)
				assert_ptr_equal(attr_by_name(k, i->name), i);
	}
	assert_true(n > 50);
	assert_null(attr_by_id(79));	/* a hole */
	assert_null(attr_by_id(0));
	assert_null(attr_by_id(100000));
	assert_null(attr_by_name(CLASS_DATABASE, "member"));
	assert_null(attr_by_name(0, "name"));
	assert_null(attr_by_name(77, "name"));
}

static void test_classes(void **state)
{
	(void)state;
	for (unsigned k = 1; k < 64; k++)
		if (strcmp(class_name(k), "?") != 0)
			assert_int_equal(class_by_name(class_name(k)), k);
	assert_string_equal(class_name(CLASS_TRANSPORT), "transport");
	assert_string_equal(class_name(63), "?");
	assert_int_equal(class_by_name("?"), 0);
	assert_string_equal(class_name(0), "?");
	assert_string_equal(class_name(999), "?");
}

static struct object *sample(struct arena *a)
{
	struct object *o = object_new(a, CLASS_MAILBOX);
	struct guid g = { { 7 } };

	memset(o->guid.b, 0xaa, 16);
	o->usn = 123456789012345;
	object_set_text(o, OBJ_NAME, "Änne");
	object_add_text(o, OBJ_EMAIL, "anne@example.org");
	object_add_text(o, OBJ_EMAIL, "a@example.org");
	object_set_number(o, OBJ_QUOTA_SEND, -1);
	object_set_number(o, OBJ_ENABLED, 0);
	object_set_guid(o, OBJ_DATABASE, &g);
	object_set_bytes(o, OBJ_PASSWORD_HASH, "\0\1\2", 3);
	return o;
}

static void test_round_trip(void **state)
{
	struct arena a = { 0 };
	struct object *o = sample(&a), *p;
	struct guid g;
	struct buf b, again;

	(void)state;
	buf_init(&b, 1 << 20);
	buf_init(&again, 1 << 20);
	object_set_text(o, 4000, "of a newer version");
	assert_int_equal(object_encode(o, &b), ERR_OK);
	assert_int_equal(object_decode(&a, b.data, b.len, &p), ERR_OK);
	assert_int_equal(p->klass, CLASS_MAILBOX);
	assert_int_equal(p->usn, 123456789012345);
	assert_true(guid_eq(&o->guid, &p->guid));
	assert_string_equal(object_text(p, OBJ_NAME), "Änne");
	assert_string_equal(object_text(p, OBJ_EMAIL), "anne@example.org");
	assert_string_equal(object_values(p, OBJ_EMAIL)->next->bytes.p, "a@example.org");
	assert_int_equal(object_number(p, OBJ_QUOTA_SEND, 5), -1);
	assert_false(object_bool(p, OBJ_ENABLED, true));
	assert_true(object_bool(p, OBJ_IMAP, true));
	assert_true(object_guid(p, OBJ_DATABASE, &g));
	assert_int_equal(g.b[0], 7);
	assert_int_equal(object_bytes(p, OBJ_PASSWORD_HASH).n, 3);
	assert_string_equal(object_text(p, 4000), "of a newer version");
	assert_int_equal(object_encode(p, &again), ERR_OK);
	assert_int_equal(b.len, again.len);
	assert_memory_equal(b.data, again.data, b.len);
	p = object_copy(&a, p);
	buf_clear(&again);
	assert_int_equal(object_encode(p, &again), ERR_OK);
	assert_memory_equal(b.data, again.data, b.len);
	buf_fini(&b);
	buf_fini(&again);
	arena_fini(&a);
}

static void test_changing_values(void **state)
{
	struct arena a = { 0 };
	struct object *o = sample(&a), *p = sample(&a);
	struct guid g = { { 9 } };

	(void)state;
	assert_true(object_same_values(o, p, OBJ_EMAIL));
	assert_true(object_remove_value(o, OBJ_EMAIL, SPAN("anne@example.org")));
	assert_false(object_remove_value(o, OBJ_EMAIL, SPAN("anne@example.org")));
	assert_false(object_same_values(o, p, OBJ_EMAIL));
	assert_string_equal(object_text(o, OBJ_EMAIL), "a@example.org");
	assert_true(object_remove_value(o, OBJ_EMAIL, SPAN("a@example.org")));
	assert_false(object_has(o, OBJ_EMAIL));
	assert_null(object_text(o, OBJ_EMAIL));
	object_set_text(o, OBJ_NAME, object_text(o, OBJ_NAME));
	assert_string_equal(object_text(o, OBJ_NAME), "Änne");
	assert_false(object_has_guid(o, OBJ_MEMBER, &g));
	object_add_guid(o, OBJ_MEMBER, &g);
	assert_true(object_has_guid(o, OBJ_MEMBER, &g));
	assert_true(object_has_value(p, OBJ_EMAIL, SPAN("a@example.org")));
	arena_fini(&a);
}

/* Field 1: guid, 2: class, 4: deleted, 5: attribute { 1: id, 2: value { 1, 2 } }. */
#define GUID16 "\x0a\x10" "0123456789abcdef"
static const struct {
	const char *name;
	struct span in;
	enum err e;
} wire[] = {
	{ "value cut short", SPAN(GUID16 "\x10\x06\x2a\x06\x08\x01\x12\x02\x12"), ERR_INVALID },
	{ "a name", SPAN(GUID16 "\x10\x06\x2a\x07\x08\x01\x12\x03\x12\x01x"), ERR_OK },
	{ "empty", SPAN(""), ERR_INVALID },
	{ "no guid", SPAN("\x10\x06"), ERR_INVALID },
	{ "short guid", SPAN("\x0a\x01x\x10\x06"), ERR_INVALID },
	{ "no class", SPAN(GUID16), ERR_INVALID },
	{ "class of a newer version", SPAN(GUID16 "\x10\x40"), ERR_OK },
	{ "text with NUL", SPAN(GUID16 "\x10\x06\x2a\x08\x08\x01\x12\x04\x12\x02x\0"), ERR_INVALID },
	{ "text not UTF-8", SPAN(GUID16 "\x10\x06\x2a\x07\x08\x01\x12\x03\x12\x01\xff"), ERR_INVALID },
	{ "guid value too short", SPAN(GUID16 "\x10\x06\x2a\x07\x08\x08\x12\x03\x12\x01x"), ERR_INVALID },
	{ "number with bytes", SPAN(GUID16 "\x10\x06\x2a\x07\x08\x0a\x12\x03\x12\x01x"), ERR_INVALID },
	{ "two names", SPAN(GUID16 "\x10\x06\x2a\x0c\x08\x01\x12\x03\x12\x01x\x12\x03\x12\x01y"), ERR_INVALID },
	{ "attribute twice", SPAN(GUID16 "\x10\x06\x2a\x07\x08\x01\x12\x03\x12\x01x\x2a\x07\x08\x01\x12\x03\x12\x01x"), ERR_INVALID },
	{ "attribute without values", SPAN(GUID16 "\x10\x06\x2a\x02\x08\x01"), ERR_INVALID },
	{ "attribute zero", SPAN(GUID16 "\x10\x06\x2a\x05\x12\x03\x12\x01x"), ERR_INVALID },
	{ "tombstone", SPAN(GUID16 "\x10\x06\x20\x01"), ERR_OK },
	{ "tombstone with attributes", SPAN(GUID16 "\x10\x06\x20\x01\x2a\x07\x08\x01\x12\x03\x12\x01x"), ERR_INVALID },
};

static void test_wire(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(wire); i++) {
		struct arena a = { 0 };
		struct object *o = NULL;
		enum err e = object_decode(&a, wire[i].in.p, wire[i].in.n, &o);

		if (e != wire[i].e)
			fail_msg("%s: %s", wire[i].name, err_text(e));
		arena_fini(&a);
	}
}

static void test_every_cut_is_refused_or_whole(void **state)
{
	struct arena a = { 0 };
	struct object *o = sample(&a), *p;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	assert_int_equal(object_encode(o, &b), ERR_OK);
	for (size_t n = 0; n < b.len; n++) {
		char *cut = malloc(n + 1);

		memcpy(cut, b.data, n);
		if (object_decode(&a, cut, n, &p) == ERR_OK)
			for (const struct object_attr *t = p->attrs; t; t = t->next)
				assert_non_null(t->values);
		free(cut);
	}
	buf_fini(&b);
	arena_fini(&a);
}

static void test_too_large(void **state)
{
	struct arena a = { 0 };
	struct object *o = object_new(&a, CLASS_GROUP);
	struct buf b;
	char big[4096];

	(void)state;
	memset(big, 'x', sizeof(big));
	for (int i = 0; i < 48; i++)
		object_add_bytes(o, OBJ_KEY, big, sizeof(big));
	buf_init(&b, 1 << 20);
	assert_int_equal(object_encode(o, &b), ERR_LIMIT);
	assert_int_equal(b.len, 0);
	buf_fini(&b);
	arena_fini(&a);
}

static const struct {
	const char *in, *key;
} names[] = {
	{ "Alice", "alice" },
	{ "  Alice Liddell ", "alice liddell" },
	{ "STRASSE", "strasse" },
	{ "Stra\xc3\x9f" "e", "strasse" },
	{ "A\xcc\x8a", "\xc3\xa5" },
	{ "\xc3\x85", "\xc3\xa5" },
	{ "", NULL },
	{ "   ", NULL },
	{ "a\nb", NULL },
	{ "\xff", NULL },
};

static void test_name_keys(void **state)
{
	struct arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(names); i++) {
		const char *k = object_name_key(&a, names[i].in);

		if (!names[i].key != !k || (k && strcmp(k, names[i].key) != 0))
			fail_msg("%s: %s", names[i].in, k ? k : "(none)");
	}
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table_is_whole_and_named_once),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_changing_values),
		cmocka_unit_test(test_wire),
		cmocka_unit_test(test_every_cut_is_refused_or_whole),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_name_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
