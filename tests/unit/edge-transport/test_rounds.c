/* done_below of an edge: the minimum of what its queue, its hubs and its hands hold. */
#include "common/relay/rounds.h"
#include "tests/unit/edge-transport/fake_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define NONE UINT64_MAX

static void all_up(void)
{
	for (unsigned i = 0; i < WORLD_HUBS; i++)
		world_offer(i, 1);
}

static struct rounds *begin(void)
{
	const struct rounds_conf rc = { .relay = &world->edge.relay, .roles = RPC_HUB };
	struct rounds *r = rounds_new(&rc);

	rounds_tick(r, 1000000);
	while (world->n_calls < WORLD_HUBS && world->peers[0].up)
		uv_run(&world->loop, UV_RUN_ONCE);
	return r;
}

static void answer(size_t i, enum err e, uint64_t lowest)
{
	assert_true(world->calls[i].open && world->calls[i].on_held);
	assert_true(guid_eq(&world->calls[i].origin, queue_instance(world->edge.relay.queue)));
	world->calls[i].open = false;
	world->calls[i].on_held(world->calls[i].ctx, e, lowest);
}

static void use_numbers(unsigned n)
{
	while (n--)
		assert_true(queue_next_seq(world->edge.relay.queue) > 0);
}

static const struct {
	const char *name;
	struct { enum err e; uint64_t lowest; } hubs[WORLD_HUBS];
	uint64_t in_hand;	/* offset from the first number; NONE */
	uint64_t told;		/* the same; NONE: nothing is told */
} cases[] = {
	{ "nobody holds any", { { 0, NONE }, { 0, NONE }, { 0, NONE } }, NONE, 20 },
	{ "one hub does", { { 0, NONE }, { 0, 7 }, { 0, NONE } }, NONE, 7 },
	{ "the lowest counts", { { 0, 9 }, { 0, 8 }, { 0, 12 } }, NONE, 8 },
	{ "one in hand", { { 0, 9 }, { 0, NONE }, { 0, NONE } }, 5, 5 },
	{ "one does not answer", { { 0, NONE }, { ERR_AGAIN, 0 }, { 0, NONE } }, NONE, NONE },
};

static void test_minimum(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct hold_id id;
		struct rounds *r;
		uint64_t first;

		assert_int_equal(world_up(NULL), 0);
		all_up();
		first = queue_seq_now(world->edge.relay.queue);
		use_numbers(20);
		if (cases[i].in_hand != NONE)
			hold_add(&world->edge.relay.hold, &id, first + cases[i].in_hand);
		r = begin();
		for (size_t k = 0; k < WORLD_HUBS; k++)
			answer(k, cases[i].hubs[k].e,
			       cases[i].hubs[k].lowest == NONE ? NONE
							      : first + cases[i].hubs[k].lowest);
		if (world->n_calls != (cases[i].told == NONE ? WORLD_HUBS : 2 * WORLD_HUBS))
			fail_msg("%s: %zu calls", cases[i].name, world->n_calls);
		for (size_t k = WORLD_HUBS; k < world->n_calls; k++)
			if (world->calls[k].seq != first + cases[i].told)
				fail_msg("%s: told %llu", cases[i].name,
					 (unsigned long long)(world->calls[k].seq - first));
		rounds_free(&r);
		assert_int_equal(world_down(NULL), 0);
	}
}

/* A number that is given out while the round runs is not covered by it. */
static void test_later_numbers_are_not_covered(void **state)
{
	struct rounds *r;
	uint64_t before;

	(void)state;
	all_up();
	use_numbers(5);
	before = queue_seq_now(world->edge.relay.queue);
	r = begin();
	use_numbers(5);
	for (size_t k = 0; k < WORLD_HUBS; k++)
		answer(k, ERR_OK, NONE);
	assert_int_equal(world->n_calls, 2 * WORLD_HUBS);
	assert_true(world->calls[WORLD_HUBS].seq == before);
	rounds_free(&r);
}

/* A hub that is away may hold anything. */
static void test_a_hub_is_away(void **state)
{
	struct rounds *r;

	(void)state;
	all_up();
	use_numbers(5);
	world_lose(2);
	r = rounds_new(&(struct rounds_conf){ .relay = &world->edge.relay, .roles = RPC_HUB });
	rounds_tick(r, 1000000);
	while (world->n_calls < 2)
		uv_run(&world->loop, UV_RUN_ONCE);
	answer(0, ERR_OK, NONE);
	answer(1, ERR_OK, NONE);
	assert_int_equal(world->n_calls, 2);
	rounds_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_minimum),
		cmocka_unit_test_setup_teardown(test_later_numbers_are_not_covered, world_up,
						world_down),
		cmocka_unit_test_setup_teardown(test_a_hub_is_away, world_up, world_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
