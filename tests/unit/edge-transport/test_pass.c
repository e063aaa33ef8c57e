#include "common/base/clock.h"
#include "tests/unit/edge-transport/fake_world.h"
#include "roles/edge-transport/pass.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

struct outcome {
	bool done;
	enum pass_outcome o;
	char who[64];
};

static void passed(void *ctx, enum pass_outcome o, const char *who)
{
	struct outcome *out = ctx;

	assert_false(out->done);
	out->done = true;
	out->o = o;
	snprintf(out->who, sizeof(out->who), "%s", who);
}

static void send_one(struct outcome *out)
{
	*out = (struct outcome){ .done = false };
	pass(&world->edge, world_mail("ann@example.test"), passed, out);
}

static void expect_nothing_in_hand(void)
{
	assert_int_equal(world->edge.passing, 0);
	assert_int_equal(world->edge.passing_bytes, 0);
	assert_true(hold_lowest(&world->edge.relay.hold) == UINT64_MAX);
}

/* ---- what one hub can say -------------------------------------------------------- */

static const struct {
	const char *name;
	enum err e;
	enum hand_verdict v;
	const char *detail;
	enum pass_outcome o;
	uint64_t queued;
	bool bound;		/* to that hub */
} cases[] = {
	{ "held", ERR_OK, HAND_HELD, "", PASS_HELD, 0, false },
	{ "not held", ERR_OK, HAND_NOT_HELD, "", PASS_QUEUED, 1, false },
	{ "refused", ERR_OK, HAND_REFUSED, "5.3.4 too large", PASS_REFUSED, 0, false },
	{ "no answer in time", ERR_AGAIN, HAND_UNKNOWN, "", PASS_QUEUED, 1, true },
	{ "the hub is lost", ERR_AGAIN, HAND_HELD, "", PASS_QUEUED, 1, true },
	{ "it is at its limit", ERR_LIMIT, HAND_UNKNOWN, "", PASS_QUEUED, 1, true },
	{ "an answer nobody knows", ERR_OK, HAND_UNKNOWN, "", PASS_QUEUED, 1, true },
};

struct took {
	struct queue_item *item;
	bool done;
};

static void took(void *ctx, struct queue_item **items, size_t n)
{
	struct took *t = ctx;

	assert_int_equal(n, 1);
	t->item = items[0];
	t->done = true;
}

/* The one that is queued is bound to that hub, or to none. */
static void expect_bound(const char *name, bool bound)
{
	const struct queue *q = world->edge.relay.queue;
	int64_t now = clock_wall_ms() + 60000;
	struct took t = { NULL, false };

	queue_tick(world->edge.relay.queue, now);
	while (world->n_due == 0)
		uv_run(&world->loop, UV_RUN_ONCE);
	assert_int_equal(world->due.kind, HOP_HUB);
	queue_take(world->edge.relay.queue, &world->due, 1, now, took, &t);
	world_wait(&t.done);
	if (guid_is_null(&t.item->mail->offered) == bound)
		fail_msg("%s: bound is wrong", name);
	if (bound)
		assert_true(guid_eq(&t.item->mail->offered, &world->peers[0].ident.guid));
	assert_true(guid_eq(&t.item->mail->id.origin, queue_instance(q)));
	queue_item_free(&t.item);
}

static void test_one_hub(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct outcome out;

		assert_int_equal(world_up(NULL), 0);
		world_offer(0, 10);
		send_one(&out);
		assert_int_equal(world->n_calls, 1);
		assert_false(out.done);
		assert_true(world->calls[0].timeout_ms <= PASS_HUB_MS);
		assert_true(hold_lowest(&world->edge.relay.hold) == world->calls[0].seq);
		world_answer(0, cases[i].e, cases[i].v, cases[i].detail);
		world_wait(&out.done);
		if (out.o != cases[i].o || world_queued() != cases[i].queued)
			fail_msg("%s: outcome %d", cases[i].name, (int)out.o);
		if (out.o == PASS_REFUSED)
			assert_string_equal(out.who, cases[i].detail);
		if (out.o == PASS_HELD)
			assert_string_equal(out.who, "hub0");
		expect_nothing_in_hand();
		if (cases[i].queued)
			expect_bound(cases[i].name, cases[i].bound);
		assert_int_equal(world->n_calls, 1);
		assert_int_equal(world_down(NULL), 0);
	}
}

/* ---- several, or none ---------------------------------------------------------------- */

static void test_no_hub(void **state)
{
	struct outcome out;

	(void)state;
	send_one(&out);
	world_wait(&out.done);
	assert_int_equal(out.o, PASS_QUEUED);
	world_offer(0, 0);	/* here, and full */
	send_one(&out);
	world_wait(&out.done);
	assert_int_equal(out.o, PASS_QUEUED);
	assert_int_equal(world->n_calls, 0);
	assert_int_equal(world_queued(), 2);
	assert_int_equal(world->counts[EDGE_QUEUED], 2);
}

static void test_most_credit_first(void **state)
{
	struct outcome out[4];

	(void)state;
	world_offer(0, 2);
	world_offer(1, 3);
	for (int i = 0; i < 4; i++)
		send_one(&out[i]);
	/* 3:2 -> 1, 2:2 -> 0 (the first of equals), 1:2 -> 1, 1:1 -> 0 */
	assert_ptr_equal(world->calls[0].peer, &world->peers[1]);
	assert_ptr_equal(world->calls[1].peer, &world->peers[0]);
	assert_ptr_equal(world->calls[2].peer, &world->peers[1]);
	assert_ptr_equal(world->calls[3].peer, &world->peers[0]);
	for (size_t i = 0; i < 4; i++)
		world_answer(i, ERR_OK, HAND_HELD, "");
	assert_int_equal(world->counts[EDGE_PASSED], 4);
	expect_nothing_in_hand();
}

/* Credit runs out, and comes back with the answers. */
static void test_credit(void **state)
{
	struct outcome a, b, c;

	(void)state;
	world_offer(0, 1);
	send_one(&a);
	send_one(&b);
	world_wait(&b.done);
	assert_int_equal(b.o, PASS_QUEUED);
	assert_int_equal(world->n_calls, 1);
	world_answer(0, ERR_OK, HAND_HELD, "");
	assert_true(a.done);
	send_one(&c);
	assert_int_equal(world->n_calls, 2);
	world_answer(1, ERR_OK, HAND_HELD, "");
	assert_int_equal(c.o, PASS_HELD);
}

static void test_another_hub_only_when_not_held(void **state)
{
	struct outcome out;

	(void)state;
	world_offer(0, 5);
	world_offer(1, 4);
	send_one(&out);
	world_answer(0, ERR_OK, HAND_NOT_HELD, "");
	assert_int_equal(world->n_calls, 2);
	assert_ptr_equal(world->calls[1].peer, &world->peers[1]);
	assert_int_equal(world->calls[1].seq, world->calls[0].seq);
	assert_true(guid_eq(&world->calls[1].origin, &world->calls[0].origin));
	world_answer(1, ERR_OK, HAND_HELD, "");
	assert_int_equal(out.o, PASS_HELD);
	assert_string_equal(out.who, "hub1");

	/* lost between commit and answer: the other one is not asked */
	send_one(&out);
	world_lose(0);
	world_answer(2, ERR_AGAIN, HAND_UNKNOWN, "");
	world_wait(&out.done);
	assert_int_equal(out.o, PASS_QUEUED);
	assert_int_equal(world->n_calls, 3);
	assert_int_equal(world_queued(), 1);
}

/* The next client does not wait for it in vain. */
static void test_a_silent_hub(void **state)
{
	struct outcome first, second, third;

	(void)state;
	world_offer(0, 100);
	send_one(&first);
	world_answer(0, ERR_AGAIN, HAND_UNKNOWN, "");
	send_one(&second);
	world_wait(&second.done);
	assert_int_equal(second.o, PASS_QUEUED);
	assert_int_equal(world->n_calls, 1);
	assert_false(hubs_take_any(world->edge.hubs));
	world_offer(0, 100);
	send_one(&third);
	assert_int_equal(world->n_calls, 2);
	world_answer(1, ERR_OK, HAND_HELD, "");
	assert_int_equal(third.o, PASS_HELD);
	world_wait(&first.done);
}

/* ---- ends ------------------------------------------------------------------------------- */

static void test_closing(void **state)
{
	struct outcome waits, queued;

	(void)state;
	world_offer(0, 1);
	send_one(&waits);
	send_one(&queued);	/* no credit: on its way into the queue */
	pass_close(&world->edge);
	assert_true(waits.done);
	assert_int_equal(waits.o, PASS_AGAIN);
	assert_false(world->calls[0].open);
	world_reopen();
	assert_true(queued.done);
	assert_int_equal(queued.o, PASS_QUEUED);
	expect_nothing_in_hand();
	assert_int_equal(world_queued(), 1);
}

/* A child that takes numbers and is killed at once; returns the last one. */
static uint64_t numbers_of_a_crash(unsigned n)
{
	uint64_t last = 0;
	int ends[2], status;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		world_reopen();
		while (n--)
			last = queue_next_seq(world->edge.relay.queue);
		if (write(ends[1], &last, sizeof(last)) == sizeof(last))
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	assert_int_equal(read(ends[0], &last, sizeof(last)), sizeof(last));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	close(ends[0]);
	close(ends[1]);
	return last;
}

/* A crash forgets what was handed out, but no number comes twice. */
static void test_numbers_after_a_crash(void **state)
{
	uint64_t last = queue_next_seq(world->edge.relay.queue);

	(void)state;
	for (int run = 0; run < 3; run++) {
		uint64_t theirs;

		world_shut();
		theirs = numbers_of_a_crash(40);
		assert_true(theirs > last);
		world_reopen();
		last = queue_next_seq(world->edge.relay.queue);
		assert_true(last > theirs);
	}
}

static void test_a_new_connection_replaces_the_old(void **state)
{
	const struct guid hub = world->peers[0].ident.guid;
	const struct hubs_offer o = { hub, "hub0", 5, 1000 };
	struct hubs *h = world->edge.hubs;
	struct mail *m = world_mail("ann@example.test");
	struct hubs_choice to;

	(void)state;
	assert_true(hubs_offer(h, &world->peers[0], &o));
	assert_false(hubs_offer(h, &world->peers[0], &o));
	assert_true(hubs_offer(h, &world->peers[1], &o));	/* the same hub again */
	hubs_lost(h, &world->peers[0]);
	assert_int_equal(hubs_count(h), 1);
	assert_true(hubs_choose(h, m, NULL, &to));
	assert_ptr_equal(to.peer, &world->peers[1]);
	assert_false(hubs_choose(h, m, &hub, &to));
	m->size = 1001;
	assert_false(hubs_choose(h, m, NULL, &to));
	m->size = MAIL_INLINE + 1;	/* not kept in memory there */
	assert_true(hubs_choose(h, m, NULL, &to));
	mail_unref(&m);
}

/* A fresh edge hears the first offer before it has the hub's object. */
static void test_an_offer_waits_for_its_hub_to_be_known(void **state)
{
	const struct guid hub = world->peers[0].ident.guid;
	const struct hubs_offer nobody = { { { 0 } }, "hub", 5, 1 << 20 };
	struct hubs *h = world->edge.hubs;
	struct mail *m = world_mail("ann@example.test");
	struct hubs_choice to;

	(void)state;
	memset(&world->peers[0].ident.guid, 0, sizeof(hub));
	assert_false(hubs_offer(h, &world->peers[0], &nobody));
	assert_int_equal(hubs_count(h), 0);
	assert_false(hubs_take_any(h));
	assert_false(hubs_choose(h, m, NULL, &to));
	world->peers[0].ident.guid = hub;
	assert_true(hubs_choose(h, m, NULL, &to));
	assert_true(guid_eq(&to.guid, &hub));
	assert_string_equal(to.name, world->peers[0].ident.name);
	assert_true(hubs_take_any(h));
	assert_int_equal(hubs_count(h), 1);
	mail_unref(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_hub),
		cmocka_unit_test_setup_teardown(test_no_hub, world_up, world_down),
		cmocka_unit_test_setup_teardown(test_most_credit_first, world_up, world_down),
		cmocka_unit_test_setup_teardown(test_credit, world_up, world_down),
		cmocka_unit_test_setup_teardown(test_another_hub_only_when_not_held, world_up,
						world_down),
		cmocka_unit_test_setup_teardown(test_a_silent_hub, world_up, world_down),
		cmocka_unit_test_setup_teardown(test_closing, world_up, world_down),
		cmocka_unit_test_setup_teardown(test_numbers_after_a_crash, world_up, world_down),
		cmocka_unit_test_setup_teardown(test_a_new_connection_replaces_the_old, world_up,
						world_down),
		cmocka_unit_test_setup_teardown(test_an_offer_waits_for_its_hub_to_be_known, world_up,
						world_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
