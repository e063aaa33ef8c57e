/* Mail for outside: which way it goes, when a hub is told, and where reports go. */
#include "common/base/clock.h"
#include "tests/unit/edge-transport/fake_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* ---- which way --------------------------------------------------------------------- */

static const char *const all[] = { "*", NULL }, *const partner[] = { "*.partner.test", NULL };
static const char *const relay[] = { "192.0.2.25:25", NULL }, *const none[] = { NULL };
static struct route_connector connectors[] = {
	{ .name = "rest", .spaces = all, .smart_hosts = none },
	{ .name = "partner", .spaces = partner, .smart_hosts = relay },
};

static const struct {
	const char *to;
	bool from_hub;
	enum hop_kind kind;
	const char *hop;
} ways[] = {
	{ "you@outside.test", true, HOP_DOMAIN, "outside.test" },
	{ "you@outside.test", false, HOP_DOMAIN, "outside.test" },
	{ "you@[192.0.2.1]", true, HOP_DOMAIN, "[192.0.2.1]" },
	{ "\"a@b\"@outside.test", true, HOP_DOMAIN, "outside.test" },
	{ "you@mx.partner.test", true, HOP_SMART, "192.0.2.25:25" },
	{ "you@relay.test", true, HOP_DOMAIN, "relay.test" },
	{ "you@relay.test", false, HOP_HUB, "" },
	{ "ann@example.test", false, HOP_HUB, "" },
	{ "nonsense", true, HOP_REPORT, "" },
	{ "nonsense@", true, HOP_REPORT, "" },
	{ "", true, HOP_REPORT, "" },
};

static void use_connectors(void)
{
	world->edge.route.connectors = connectors;
	world->edge.route.n_connectors = N_ELEMS(connectors);
}

static void test_ways(void **state)
{
	(void)state;
	use_connectors();
	for (size_t i = 0; i < N_ELEMS(ways); i++) {
		struct mail *m = world_mail(ways[i].to);
		const struct mail_rcpt *r = &m->rcpts[0];

		edge_route_mail(&world->edge, m, ways[i].from_hub, 1000);
		if (r->kind != ways[i].kind || strcmp(r->hop, ways[i].hop) != 0)
			fail_msg("<%s>: %s %s", ways[i].to, hop_kind_name(r->kind), r->hop);
		assert_int_equal(r->due_ms, 1000);
		mail_unref(&m);
	}
}

/* ---- the promise to the hub ---------------------------------------------------------- */

static void take(struct mail *m)
{
	world->handed = m;
	edge_take(&world->edge, NULL, NULL);
}

static void test_held_when_it_is_durable(void **state)
{
	struct mail *m = world_mail("you@outside.test");
	struct mail_id id;

	(void)state;
	use_connectors();
	take(mail_ref(m));
	assert_false(world->hand.answered);
	world_wait(&world->hand.answered);
	assert_int_equal(world->hand.v, HAND_HELD);
	assert_int_equal(world_queued(), 1);
	assert_true(strstr(m->prefix, "by mail.example.test with BUS") != NULL);
	/* the same again: the same answer, and one message */
	id = m->id;
	take(m);
	world_wait(&world->hand.answered);
	assert_int_equal(world->hand.v, HAND_HELD);
	assert_int_equal(world_queued(), 1);
	assert_int_equal(world->counts[EDGE_TAKEN], 1);
	/* also after a restart */
	world_reopen();
	assert_int_equal(world_queued(), 1);
	m = world_mail("you@outside.test");
	m->id = id;
	take(m);
	world_wait(&world->hand.answered);
	assert_int_equal(world->hand.v, HAND_HELD);
	assert_int_equal(world_queued(), 1);
}

static void test_short_of_room(void **state)
{
	struct mail *m = world_mail("you@outside.test");

	(void)state;
	world->edge.low.is_low = true;
	world->hand.answered = false;
	take(m);
	assert_true(world->declined);
	assert_false(world->hand.answered);
	mail_unref(&world->handed);
}

/* ---- reports ---------------------------------------------------------------------------- */

static const struct route *report_route(void *ctx)
{
	return edge_route(ctx);
}

static void reroute(void *ctx, struct mail *report, int64_t now_ms)
{
	edge_route_mail(ctx, report, false, now_ms);
}

static void on_report(void *ctx)
{
	(void)ctx;
	world->counts[EDGE_REPORTS]++;
}

static void added(void *ctx, enum err e)
{
	assert_int_equal(e, ERR_OK);
	*(bool *)ctx = true;
}

struct one {
	struct queue_item *item;
	bool done;
};

static void took(void *ctx, struct queue_item **items, size_t n)
{
	struct one *o = ctx;

	assert_int_equal(n, 1);
	o->item = items[0];
	o->done = true;
}

static void wait_due(void)
{
	world->n_due = 0;
	queue_tick(world->edge.relay.queue, clock_wall_ms());
	while (world->n_due == 0)
		uv_run(&world->loop, UV_RUN_ONCE);
}

static const struct {
	const char *sender;
	enum hop_kind kind;
} senders[] = {
	{ "ann@example.test", HOP_HUB },
	{ "you@outside.test", HOP_DOMAIN },
};

/* Nothing that failed is told to nobody: our users hear of it by a hub, and others
 * without one, which would not relay. */
static void test_reports(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(senders); i++) {
		struct report_conf rc = { .hostname = "mail.example.test", .to = HOP_HUB,
					  .route = report_route, .reroute = reroute,
					  .on_report = on_report };
		struct one one = { NULL, false };
		struct report *report;
		bool done = false;
		struct mail *m;

		assert_int_equal(world_up(NULL), 0);
		use_connectors();
		rc.relay = &world->edge.relay;
		rc.ctx = &world->edge;
		report = report_new(&rc);
		m = world_mail("gone@elsewhere.test");
		m->sender = senders[i].sender;
		mail_report(m, &m->rcpts[0], ACTION_FAILED, "5.1.1", "no such user", "");
		queue_add(world->edge.relay.queue, m, clock_wall_ms(), added, &done);
		world_wait(&done);
		mail_unref(&m);
		wait_due();
		assert_int_equal(world->due.kind, HOP_REPORT);
		report_due(report, &world->due);
		while (world->counts[EDGE_REPORTS] == 0)
			uv_run(&world->loop, UV_RUN_ONCE);
		assert_int_equal(world_queued(), 1);
		wait_due();
		if (world->due.kind != senders[i].kind)
			fail_msg("<%s>: %s", senders[i].sender, hop_kind_name(world->due.kind));
		queue_take(world->edge.relay.queue, &world->due, 1, clock_wall_ms(), took, &one);
		world_wait(&one.done);
		assert_string_equal(one.item->mail->sender, "");
		assert_true(one.item->mail->flags & MAIL_REPORT);
		/* or a hub would not let it out */
		assert_true(one.item->mail->flags & MAIL_AUTHENTICATED);
		assert_string_equal(one.item->mail->rcpts[0].address, senders[i].sender);
		assert_true(guid_eq(&one.item->mail->root,
				    queue_instance(world->edge.relay.queue)));
		queue_item_free(&one.item);
		world_shut();
		report_free(&report);
		assert_int_equal(world_down(NULL), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ways, world_up, world_down),
		cmocka_unit_test_setup_teardown(test_held_when_it_is_durable, world_up, world_down),
		cmocka_unit_test_setup_teardown(test_short_of_room, world_up, world_down),
		cmocka_unit_test(test_reports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
