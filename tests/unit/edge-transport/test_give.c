/* What is queued for hubs: which hub gets it, and what becomes of its answer. */
#include "common/base/clock.h"
#include "tests/unit/edge-transport/fake_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define NOW    INT64_C(1700000000000)
#define MINUTE INT64_C(60000)

static const struct queue_hop to_hubs = { .kind = HOP_HUB, .name = "" };
static struct give *give;

static struct rpc_peer *pick(void *ctx, const struct mail *m)
{
	struct hubs_choice to;

	(void)ctx;
	return hubs_choose(world->edge.hubs, m, NULL, &to) ? to.peer : NULL;
}

static int up(void **state)
{
	struct give_conf gc = { .role = RPC_HUB, .call = hub_accept,
				.retry = &retry_edge, .pick = pick };
	int rc = world_up(state);

	gc.relay = &world->edge.relay;
	give = give_new(&gc);
	return rc;
}

static int down(void **state)
{
	world_shut();
	give_free(&give);
	return world_down(state);
}

static void added(void *ctx, enum err e)
{
	assert_int_equal(e, ERR_OK);
	*(bool *)ctx = true;
}

/* One message in the queue, which may be at the hub `bound` (-1: at none). */
static void put(int bound, int64_t offered_ms)
{
	struct mail *m = world_mail("ann@example.test");
	bool done = false;

	if (bound >= 0) {
		m->offered = world->peers[bound].ident.guid;
		m->offered_ms = offered_ms;
	}
	queue_add(world->edge.relay.queue, m, clock_wall_ms(), added, &done);
	world_wait(&done);
	mail_unref(&m);
}

/* What is due is given out; how many calls were made. */
static size_t turn(void)
{
	struct queue_hop hop = to_hubs;
	struct queue_stats s;

	world->n_due = 0;
	queue_kick(world->edge.relay.queue, HOP_HUB, NULL, clock_wall_ms());
	while (world->n_due == 0)
		uv_run(&world->loop, UV_RUN_ONCE);
	hop = world->due;
	give_due(give, &hop);
	do {
		uv_run(&world->loop, UV_RUN_ONCE);
		queue_get_stats(world->edge.relay.queue, &s);
	} while (s.out == 0 && s.finished == 0);
	(void)world_queued();	/* what was posted before is committed */
	return world->n_calls;
}

static void test_held_is_forgotten(void **state)
{
	(void)state;
	put(-1, 0);
	world_offer(1, 1);
	assert_int_equal(turn(), 1);
	assert_ptr_equal(world->calls[0].peer, &world->peers[1]);
	assert_int_equal(world_queued(), 1);
	world_answer(0, ERR_OK, HAND_HELD, "");
	assert_int_equal(world_queued(), 0);
}

/* It may be at hub 0: hub 1 has more credit and does not get it. */
static void test_the_same_hub_again(void **state)
{
	(void)state;
	put(0, clock_wall_ms() - 1000);
	world_offer(0, 1);
	world_offer(1, 100);
	assert_int_equal(turn(), 1);
	assert_ptr_equal(world->calls[0].peer, &world->peers[0]);
	/* no answer: still the same */
	world_answer(0, ERR_AGAIN, HAND_UNKNOWN, "");
	assert_int_equal(turn(), 2);
	assert_ptr_equal(world->calls[1].peer, &world->peers[0]);
	assert_int_equal(world->calls[0].seq, world->calls[1].seq);
	/* it says it does not hold it: any hub */
	world_answer(1, ERR_OK, HAND_NOT_HELD, "");
	assert_int_equal(turn(), 3);
	assert_ptr_equal(world->calls[2].peer, &world->peers[1]);
	assert_int_equal(world->calls[0].seq, world->calls[2].seq);
	world_answer(2, ERR_OK, HAND_HELD, "");
	assert_int_equal(world_queued(), 0);
}

static void test_its_hub_is_away(void **state)
{
	(void)state;
	put(0, clock_wall_ms() - 9 * MINUTE);
	world_offer(1, 100);
	assert_int_equal(turn(), 0);
	assert_int_equal(world_queued(), 1);
}

static void test_its_hub_is_away_for_ten_minutes(void **state)
{
	(void)state;
	put(0, clock_wall_ms() - 10 * MINUTE);
	world_offer(1, 100);
	assert_int_equal(turn(), 1);
	assert_ptr_equal(world->calls[0].peer, &world->peers[1]);
	world_answer(0, ERR_OK, HAND_HELD, "");
	assert_int_equal(world_queued(), 0);
}

/* Also across a restart. */
static void test_bound_after_a_restart(void **state)
{
	(void)state;
	put(0, clock_wall_ms());
	world_reopen();
	world_offer(0, 1);
	world_offer(1, 100);
	assert_int_equal(turn(), 1);
	assert_ptr_equal(world->calls[0].peer, &world->peers[0]);
	world_answer(0, ERR_OK, HAND_HELD, "");
}

static const struct {
	const char *name;
	enum err e;
	enum hand_verdict v;
	bool bound;
} notes[] = {
	{ "held", ERR_OK, HAND_HELD, true },
	{ "not held", ERR_OK, HAND_NOT_HELD, false },
	{ "refused", ERR_OK, HAND_REFUSED, true },
	{ "no answer", ERR_AGAIN, HAND_UNKNOWN, true },
	{ "an error beats a verdict", ERR_AGAIN, HAND_NOT_HELD, true },
};

static void test_notes(void **state)
{
	struct mail *m = world_mail("ann@example.test");
	struct rpc_peer *p;

	(void)state;
	world_offer(0, 1);
	for (size_t i = 0; i < N_ELEMS(notes); i++) {
		give_note(m, &world->peers[0].ident.guid, notes[i].e, notes[i].v, NOW);
		p = NULL;
		if (give_bound(&world->edge.relay, m, NOW, &p) != notes[i].bound)
			fail_msg("%s", notes[i].name);
		assert_ptr_equal(p, notes[i].bound ? &world->peers[0] : NULL);
	}
	world_lose(0);
	assert_true(give_bound(&world->edge.relay, m, NOW + 10 * MINUTE - 1, &p));
	assert_null(p);
	assert_false(give_bound(&world->edge.relay, m, NOW + 10 * MINUTE, &p));
	mail_unref(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_held_is_forgotten, up, down),
		cmocka_unit_test_setup_teardown(test_the_same_hub_again, up, down),
		cmocka_unit_test_setup_teardown(test_its_hub_is_away, up, down),
		cmocka_unit_test_setup_teardown(test_its_hub_is_away_for_ten_minutes, up, down),
		cmocka_unit_test_setup_teardown(test_bound_after_a_restart, up, down),
		cmocka_unit_test_setup_teardown(test_notes, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
