#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/guid.h"
#include "common/base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void test_limit_is_exact(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 8);
	assert_int_equal(buf_add(&b, "12345678", 8), ERR_OK);
	assert_int_equal(buf_add(&b, "9", 1), ERR_LIMIT);
	assert_string_equal(b.data, "12345678");
	buf_drop(&b, 8);
	assert_int_equal(buf_addf(&b, "%d", 12345678), ERR_OK);
	assert_int_equal(buf_addf(&b, "%s", "x"), ERR_LIMIT);
	buf_fini(&b);
}

/* A connection's input: bytes in behind, commands out in front. */
static void test_long_use_keeps_the_bytes(void **state)
{
	struct buf b;
	unsigned in = 0, out = 0;

	(void)state;
	buf_init(&b, 4096);
	srand(7);
	while (out < 100000) {
		while (b.len < 3000 && rand() % 4) {
			char c = (char)(in++ % 251);

			assert_int_equal(buf_add(&b, &c, 1), ERR_OK);
		}
		for (size_t n = b.len ? (size_t)rand() % b.len + 1 : 0; n; n--) {
			assert_int_equal((unsigned char)b.data[0], out++ % 251);
			buf_drop(&b, 1);
		}
		assert_int_equal(b.data[b.len], 0);
	}
	buf_fini(&b);
}

static void test_steal_gives_only_what_is_left(void **state)
{
	struct buf b;
	char *s;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(buf_adds(&b, "hello world"), ERR_OK);
	buf_drop(&b, 6);
	s = buf_steal(&b);
	assert_string_equal(s, "world");
	free(s);
	assert_int_equal(b.len, 0);
	buf_fini(&b);
}

static void test_arena_reset_keeps_one_block(void **state)
{
	struct arena a = { 0 };
	size_t one;

	(void)state;
	arena_alloc(&a, 1);
	one = arena_size(&a);
	for (int i = 0; i < 1000; i++)
		assert_string_equal(arena_printf(&a, "item %d of %s", i, "many") + 5 +
					    (i > 9) + (i > 99) + 1, " of many");
	arena_reset(&a);
	assert_int_equal(arena_size(&a), one);
	arena_fini(&a);
}

static void test_guid_text_round_trips(void **state)
{
	char text[GUID_TEXT];
	struct guid g = guid_make(), h;

	(void)state;
	assert_int_equal(guid_parse(guid_text(&g, text), &h), ERR_OK);
	assert_true(guid_eq(&g, &h));
	assert_int_equal(guid_parse("", &h), ERR_INVALID);
	text[8] = '0';
	assert_int_equal(guid_parse(text, &h), ERR_INVALID);
}

struct entry {
	struct hash_node node;
	uint32_t key;
};

static void test_hash_finds_what_is_in(void **state)
{
	struct entry e[1000];
	struct hash t;
	size_t seen = 0;

	(void)state;
	hash_init(&t);
	for (uint32_t i = 0; i < 1000; i++) {
		e[i].key = i;
		hash_add(&t, &e[i].node, &e[i].key, sizeof(e[i].key));
	}
	for (uint32_t i = 0; i < 1000; i += 2)
		hash_del(&t, &e[i].node);
	for (uint32_t i = 0; i < 1000; i++)
		assert_ptr_equal(hash_find(&t, &i, sizeof(i)), i % 2 ? &e[i].node : NULL);
	for (struct hash_node *n = hash_next(&t, NULL); n; n = hash_next(&t, n))
		seen++;
	assert_int_equal(seen, 500);
	hash_fini(&t);
}

static void test_numbers(void **state)
{
	static const uint64_t v[] = { 0, 9, 10, 4294967295, 4294967296, UINT64_MAX };
	struct buf b, want;

	(void)state;
	buf_init(&b, 100);
	buf_init(&want, 100);
	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		assert_int_equal(buf_addu(&b, v[i]), ERR_OK);
		assert_int_equal(buf_addf(&want, "%llu", (unsigned long long)v[i]), ERR_OK);
	}
	assert_string_equal(b.data, want.data);
	buf_fini(&b);
	buf_init(&b, 3);
	assert_int_equal(buf_addu(&b, 1234), ERR_LIMIT);
	assert_int_equal(buf_addu(&b, 123), ERR_OK);
	buf_fini(&b);
	buf_fini(&want);
}

/* One pass where it fits, a second where it does not: at every fill. */
static void test_formats_at_every_fill(void **state)
{
	(void)state;
	for (size_t room = 0; room < 70; room++) {
		char want[160];
		struct buf b;

		buf_init(&b, 100);
		for (size_t i = 0; i < room; i++)
			assert_int_equal(buf_addc(&b, 'a'), ERR_OK);
		memset(want, 'a', room);
		snprintf(want + room, sizeof(want) - room, "%s-%d", "0123456789012345", 77);
		assert_int_equal(buf_addf(&b, "%s-%d", "0123456789012345", 77), ERR_OK);
		assert_string_equal(b.data, want);
		assert_int_equal(b.len, strlen(want));
		assert_int_equal(buf_addf(&b, "%100d", 1), ERR_LIMIT);
		assert_string_equal(b.data, want);
		buf_fini(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit_is_exact),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_formats_at_every_fill),
		cmocka_unit_test(test_long_use_keeps_the_bytes),
		cmocka_unit_test(test_steal_gives_only_what_is_left),
		cmocka_unit_test(test_arena_reset_keeps_one_block),
		cmocka_unit_test(test_guid_text_round_trips),
		cmocka_unit_test(test_hash_finds_what_is_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
