/* Giving mail away, and knowing when nobody holds it any more. */
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/relay/give.h"
#include "common/relay/rounds.h"
#include "tests/unit/relay/fake_bus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct rig {
	struct relay relay;
	char dir[64];
	uv_loop_t loop;
	struct rounds *rounds;
	struct give *give;
	struct retry_conf retry;
	struct queue_hop hop;
	int answers;
	uint64_t told;			/* on_done */
	int64_t mono;
	char text[256];
};

static void on_due(void *ctx, const struct queue_hop *hop)
{
	struct rig *r = ctx;

	if (hop->kind == HOP_HUB)
		give_due(r->give, hop);
}

static void on_done(void *ctx, uint64_t seq)
{
	((struct rig *)ctx)->told = seq;
}

static int rig_up(void **state)
{
	struct rig *r = xcalloc(1, sizeof(*r));
	char path[128];
	struct spool_conf sc = { .dir = path };
	struct track_conf tc = { .dir = path };
	struct queue_conf qc = { .loop = &r->loop, .path = path, .on_due = on_due, .ctx = r };
	const struct rounds_conf rc = { .relay = &r->relay, .roles = RPC_HUB, .on_done = on_done,
					.ctx = r };
	const struct give_conf gc = { .relay = &r->relay, .role = RPC_HUB, .call = hub_accept,
				      .retry = &r->retry };
	struct errbuf eb = { "" };

	*fake_bus() = (struct fake_bus){ .n = 0 };
	snprintf(r->dir, sizeof(r->dir), "/tmp/test_rounds.XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	assert_int_equal(uv_loop_init(&r->loop), 0);
	snprintf(path, sizeof(path), "%s/spool", r->dir);
	assert_int_equal(spool_open(&sc, &r->relay.spool, &eb), ERR_OK);
	snprintf(path, sizeof(path), "%s/track", r->dir);
	assert_int_equal(track_open(&tc, &r->relay.track, &eb), ERR_OK);
	snprintf(path, sizeof(path), "%s/queue.db", r->dir);
	qc.spool = r->relay.spool;
	assert_int_equal(queue_open(&qc, &r->relay.queue, &eb), ERR_OK);
	hold_init(&r->relay.hold);
	r->retry = retry_edge;
	r->rounds = rounds_new(&rc);
	r->give = give_new(&gc);
	r->mono = 1;
	*state = r;
	return 0;
}

static int rig_down(void **state)
{
	struct rig *r = *state;
	char *cmd = xasprintf("rm -rf '%s'", r->dir);
	int rc;

	queue_close(&r->relay.queue);
	rounds_free(&r->rounds);
	give_free(&r->give);
	track_close(&r->relay.track);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&r->loop), 0);
	spool_close(&r->relay.spool);
	rc = system(cmd);
	free(cmd);
	free(r);
	return rc;
}

static void done(void *ctx, enum err e)
{
	struct rig *r = ctx;

	assert_int_equal(e, ERR_OK);
	r->answers++;
}

static void settle_cb(void *ctx, enum err e, uint64_t lowest)
{
	(void)lowest;
	done(ctx, e);
}

/* What the queue was asked so far is answered, and what came of that. */
static void settle(struct rig *r)
{
	for (int i = 0; i < 4; i++) {
		int before = r->answers;

		queue_held(r->relay.queue, queue_instance(r->relay.queue), settle_cb, r);
		while (r->answers == before)
			uv_run(&r->loop, UV_RUN_ONCE);
	}
}

static uint64_t add(struct rig *r, size_t n_rcpts)
{
	struct mail *m = mail_new();
	uint64_t seq;
	int before = r->answers;

	seq = queue_next_seq(r->relay.queue);
	m->id = (struct mail_id){ *queue_instance(r->relay.queue), seq };
	m->root = m->id.origin;
	m->received_ms = clock_wall_ms();
	for (size_t i = 0; i < n_rcpts; i++)
		mail_route(m, mail_add(m, "a@in.test"), HOP_HUB, "");
	assert_int_equal(mail_fill_body(m, r->relay.spool, "x", 1, NULL), ERR_OK);
	queue_add(r->relay.queue, m, clock_wall_ms(), done, r);
	mail_unref(&m);
	while (r->answers == before)
		uv_run(&r->loop, UV_RUN_ONCE);
	return seq;
}

static void round_begins(struct rig *r)
{
	r->mono += 60000;
	rounds_tick(r->rounds, r->mono);
	settle(r);
}

/* ---- rounds ------------------------------------------------------------------------------ */

static void test_the_lowest_of_all(void **state)
{
	struct rig *r = *state;

	fake_server(RPC_HUB);
	fake_server(RPC_HUB);
	fake_server(RPC_MAILBOX);		/* not asked */
	for (int i = 0; i < 9; i++)
		assert_int_equal(queue_next_seq(r->relay.queue), i + 1);
	round_begins(r);
	assert_int_equal(fake_bus()->n_calls, 2);
	fake_held(fake_call(), ERR_OK, 5);
	assert_int_equal(r->told, 0);
	fake_held(fake_call(), ERR_OK, UINT64_MAX);
	assert_int_equal(r->told, 5);
	assert_int_equal(fake_call()->seq, 5);	/* both hubs hear it */
	fake_done(fake_call(), ERR_OK);
	fake_done(fake_call(), ERR_OK);
	round_begins(r);
	fake_held(fake_call(), ERR_OK, UINT64_MAX);
	fake_held(fake_call(), ERR_OK, UINT64_MAX);
	assert_int_equal(r->told, 10);		/* nobody holds anything: the next number */
}

static void test_one_that_is_away_stops_the_round(void **state)
{
	struct rig *r = *state;

	fake_server(RPC_HUB);
	fake_server(RPC_HUB)->up = false;
	queue_next_seq(r->relay.queue);
	round_begins(r);
	fake_held(fake_call(), ERR_OK, UINT64_MAX);
	assert_int_equal(r->told, 0);
	assert_null(fake_call());
	fake_bus()->server[1].up = true;
	round_begins(r);
	fake_held(fake_call(), ERR_AGAIN, 0);
	fake_held(fake_call(), ERR_OK, UINT64_MAX);
	assert_int_equal(r->told, 0);
	round_begins(r);
	fake_held(fake_call(), ERR_OK, UINT64_MAX);
	fake_held(fake_call(), ERR_OK, UINT64_MAX);
	assert_int_equal(r->told, 2);
}

/* In hand when the round began, though it was given to a hub before that hub was
 * asked, and that hub then finished it. */
static void test_what_is_in_hand_counts(void **state)
{
	struct rig *r = *state;
	struct hold_id in_hand;

	fake_server(RPC_HUB);
	queue_next_seq(r->relay.queue);
	hold_add(&r->relay.hold, &in_hand, queue_next_seq(r->relay.queue));
	round_begins(r);
	hold_drop(&in_hand);
	fake_held(fake_call(), ERR_OK, UINT64_MAX);
	assert_int_equal(r->told, 2);
}

static void test_our_own_queue_counts(void **state)
{
	struct rig *r = *state;
	uint64_t seq = add(r, 1);

	queue_next_seq(r->relay.queue);
	round_begins(r);		/* no hub at all */
	assert_int_equal(r->told, seq);
}

/* ---- giving ------------------------------------------------------------------------------- */

static void listed(void *ctx, enum err e, const struct queue_line *l, size_t n)
{
	struct rig *r = ctx;

	assert_int_equal(e, ERR_OK);
	r->text[0] = '\0';
	if (n > 0)
		snprintf(r->text, sizeof(r->text), "%s=%u", hop_kind_name(l[0].kind),
			 (unsigned)l[0].recipients);
	r->answers++;
}

static const char *queued(struct rig *r)
{
	int before = r->answers;

	queue_list(r->relay.queue, 0, listed, r);
	while (r->answers == before)
		uv_run(&r->loop, UV_RUN_ONCE);
	return r->text;
}

static void now(struct rig *r)
{
	queue_kick(r->relay.queue, HOP_HUB, NULL, clock_wall_ms());
	queue_tick(r->relay.queue, clock_wall_ms());
	settle(r);
}

static void test_held_is_forgotten(void **state)
{
	struct rig *r = *state;

	fake_server(RPC_HUB);
	add(r, 2);
	now(r);
	assert_int_equal(fake_call()->n_rcpts, 2);
	fake_hand(fake_call(), ERR_OK, HAND_HELD);
	settle(r);
	assert_string_equal(queued(r), "");
}

static void test_refused_is_told_to_the_sender(void **state)
{
	struct rig *r = *state;

	fake_server(RPC_HUB);
	add(r, 2);
	now(r);
	fake_hand(fake_call(), ERR_OK, HAND_REFUSED);
	settle(r);
	assert_string_equal(queued(r), "report=2");
}

/* No answer: it may be there.  The same hub is asked again, with the same identity,
 * and the other one not even while the first is away. */
static void test_no_answer_binds_to_that_hub(void **state)
{
	struct rig *r = *state;
	struct rpc_peer *first;
	struct guid origin;

	fake_server(RPC_HUB);
	fake_server(RPC_HUB);
	add(r, 1);
	now(r);
	first = fake_call()->peer;
	origin = fake_call()->origin;
	fake_hand(fake_call(), ERR_AGAIN, HAND_UNKNOWN);
	settle(r);
	now(r);
	assert_ptr_equal(fake_call()->peer, first);
	assert_true(guid_eq(&fake_call()->origin, &origin));
	fake_hand(fake_call(), ERR_AGAIN, HAND_UNKNOWN);
	first->up = false;
	settle(r);
	now(r);
	assert_null(fake_call());
	assert_string_equal(queued(r), "hub=1");
}

static void test_not_held_frees_it_for_another(void **state)
{
	struct rig *r = *state;
	struct rpc_peer *first;

	fake_server(RPC_HUB);
	fake_server(RPC_HUB);
	add(r, 1);
	now(r);
	first = fake_call()->peer;
	fake_hand(fake_call(), ERR_AGAIN, HAND_UNKNOWN);
	settle(r);
	now(r);
	fake_hand(fake_call(), ERR_OK, HAND_NOT_HELD);
	settle(r);
	now(r);
	assert_ptr_not_equal(fake_call()->peer, first);
}

/* After ten minutes away another one gets it. */
static void test_bound_for_ten_minutes(void **state)
{
	struct rig *r = *state;
	struct rpc_peer *hub = fake_server(RPC_HUB), *got;
	struct mail *m = mail_new();

	assert_false(give_bound(&r->relay, m, 1000, &got));
	give_note(m, &hub->ident.guid, ERR_AGAIN, HAND_UNKNOWN, 1000);
	assert_true(give_bound(&r->relay, m, 2000, &got));
	assert_ptr_equal(got, hub);
	hub->up = false;
	assert_true(give_bound(&r->relay, m, 1000 + 599999, &got));
	assert_null(got);
	assert_false(give_bound(&r->relay, m, 1000 + 600000, &got));
	hub->up = true;
	assert_true(give_bound(&r->relay, m, 1000 + 900000, &got));	/* it came back: it first */
	mail_unref(&m);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)
	const struct CMUnitTest tests[] = {
		T(test_the_lowest_of_all),
		T(test_one_that_is_away_stops_the_round),
		T(test_what_is_in_hand_counts),
		T(test_our_own_queue_counts),
		T(test_held_is_forgotten),
		T(test_refused_is_told_to_the_sender),
		T(test_no_answer_binds_to_that_hub),
		T(test_not_held_frees_it_for_another),
		T(test_bound_for_ten_minutes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
