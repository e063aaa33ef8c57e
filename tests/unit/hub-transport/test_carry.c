#include "roles/hub-transport/carry.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/smtp/command.h"
#include "tests/unit/hub-transport/fake_replica.h"
#include "tests/unit/hub-transport/fake_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct metric_def metrics[HUB_METRICS] = {
	[HUB_ACCEPTED] = { "a", METRIC_COUNTER, "" },	[HUB_PASSED] = { "b", METRIC_COUNTER, "" },
	[HUB_QUEUED] = { "c", METRIC_COUNTER, "" },	[HUB_DELIVERED] = { "d", METRIC_COUNTER, "" },
	[HUB_REFUSED] = { "e", METRIC_COUNTER, "" },	[HUB_FAILED] = { "f", METRIC_COUNTER, "" },
	[HUB_SENT] = { "g", METRIC_COUNTER, "" },	[HUB_REPORTS] = { "h", METRIC_COUNTER, "" },
	[HUB_QUEUE_MESSAGES] = { "i", METRIC_GAUGE, "" }, [HUB_QUEUE_BYTES] = { "j", METRIC_GAUGE, "" },
	[HUB_SESSIONS] = { "k", METRIC_GAUGE, "" },
};

/* One hub with a real queue; the directory and the stores are fakes. */
struct rig {
	struct hub hub;		/* first */
	struct replica replica;
	char dir[64];
	uv_loop_t loop;
	struct metrics *m;
	struct hub_conf conf;
	int outcome;		/* -1: not answered yet */
	unsigned answers;
	struct queue_message rows[8];
	char text[8][256];
	size_t n_rows;
	bool listed;
	struct queue_hop submit;	/* due */
	struct queue_item *item;
};

const struct route *hub_route(struct hub *h)
{
	return &h->route;
}

bool hub_is_low(const struct hub *h)
{
	return h->low.is_low;
}

static void on_due(void *ctx, const struct queue_hop *hop)
{
	struct rig *r = ctx;

	if (hop->kind == HOP_SUBMIT) {
		r->submit = *hop;
		r->submit.name = "";
	}
}

static struct object *user(struct rig *r, const char *name, struct guid db)
{
	char address[64];
	struct object *o;

	snprintf(address, sizeof(address), "%s@in.test", name);
	o = fake_add(&r->replica, CLASS_MAILBOX, name, address);
	object_set_guid(o, OBJ_DATABASE, &db);
	return o;
}

static struct rig *hub_up(void)
{
	struct rig *r = xcalloc(1, sizeof(*r));
	struct hub *h = &r->hub;
	char path[128];
	struct spool_conf sc = { .dir = path };
	struct track_conf tc = { .dir = path };
	struct queue_conf qc = { .loop = &r->loop, .path = path, .on_due = on_due, .ctx = r };
	struct errbuf eb = { "" };
	struct guid db1 = { { 1 } }, db2 = { { 2 } };

	snprintf(r->dir, sizeof(r->dir), "/tmp/test_carry.XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	assert_int_equal(uv_loop_init(&r->loop), 0);
	snprintf(path, sizeof(path), "%s/spool", r->dir);
	assert_int_equal(spool_open(&sc, &h->relay.spool, &eb), ERR_OK);
	snprintf(path, sizeof(path), "%s/track", r->dir);
	assert_int_equal(track_open(&tc, &h->relay.track, &eb), ERR_OK);
	snprintf(path, sizeof(path), "%s/queue.db", r->dir);
	qc.spool = h->relay.spool;
	assert_int_equal(queue_open(&qc, &h->relay.queue, &eb), ERR_OK);
	r->m = metrics_new();
	h->metrics = metric_join(r->m, metrics, HUB_METRICS, NULL);
	h->relay.member = (struct member *)(void *)&r->replica;
	h->conf = &r->conf;
	h->loop = &r->loop;
	h->cache = rcptcache_new(10);
	hold_init(&h->relay.hold);
	list_init(&h->carries);
	list_init(&h->agains);
	list_init(&h->asides);
	fake_domain(&r->replica, "in.test", DOMAIN_AUTHORITATIVE);
	user(r, "ann", db1);
	user(r, "bob", db1);
	user(r, "carl", db2);
	route_load(&h->route, &r->replica, "hub.test", false);
	r->outcome = -1;
	*fake_store() = (struct fake_store){ .n = 0 };
	return r;
}

static void hub_down(struct rig **rp)
{
	struct rig *r = *rp;
	char *cmd = xasprintf("rm -rf '%s'", r->dir);

	*rp = NULL;
	carry_close(&r->hub);
	queue_close(&r->hub.relay.queue);
	track_close(&r->hub.relay.track);
	spool_close(&r->hub.relay.spool);
	rcptcache_free(&r->hub.cache);
	route_fini(&r->hub.route);
	metric_leave(&r->hub.metrics);
	metrics_free(&r->m);
	fake_fini(&r->replica);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&r->loop), 0);
	assert_int_equal(system(cmd), 0);
	free(cmd);
	free(r);
}

static void carried(void *ctx, enum carry_outcome o)
{
	struct rig *r = ctx;

	r->outcome = o;
	r->answers++;
}

static void wait_outcome(struct rig *r)
{
	while (r->outcome < 0)
		uv_run(&r->loop, UV_RUN_ONCE);
	assert_int_equal(r->answers, 1);
}

static struct mail *letter(struct rig *r, const char *rcpts, size_t size)
{
	struct mail *m = mail_new();
	char *body = xcalloc(1, size + 1), copy[256], *save = NULL;
	struct errbuf eb;

	memset(body, 'x', size);
	m->id = (struct mail_id){ *queue_instance(r->hub.relay.queue),
				  queue_next_seq(r->hub.relay.queue) };
	m->root = m->id.origin;
	m->sender = "you@out.test";
	m->received_ms = INT64_C(4000000000000);	/* not expired when the test runs */
	snprintf(copy, sizeof(copy), "%s", rcpts);
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		mail_add(m, w);
	assert_int_equal(mail_fill_body(m, r->hub.relay.spool, body, size, &eb), ERR_OK);
	free(body);
	return m;
}

static void listed(void *ctx, enum err e, const struct queue_message *m, size_t n)
{
	struct rig *r = ctx;

	assert_int_equal(e, ERR_OK);
	r->n_rows = n;
	for (size_t i = 0; i < n && i < N_ELEMS(r->rows); i++) {
		r->rows[i] = m[i];
		snprintf(r->text[i], sizeof(r->text[i]), "%s %s %u", m[i].recipient,
			 hop_kind_name(m[i].kind), (unsigned)m[i].recipients);
	}
	r->listed = true;
}

/* What is queued: "first-recipient hop n-recipients". */
static const char *queued(struct rig *r)
{
	r->listed = false;
	queue_messages(r->hub.relay.queue, 0, 0, 10, listed, r);
	while (!r->listed)
		uv_run(&r->loop, UV_RUN_ONCE);
	return r->n_rows ? r->text[0] : "";
}

static const struct {
	const char *name, *to;
	size_t size;
	unsigned notify;
	struct {
		enum err e, status;
	} store[2];		/* answers in the order of the calls */
	size_t calls;
	const char *queued;	/* what the queue has then */
} cases[] = {
	{ "committed", "ann@in.test", 5, 0, { { ERR_OK, ERR_OK } }, 1, "" },
	{ "one call a database", "ann@in.test bob@in.test", 5, 0, { { ERR_OK, ERR_OK } }, 1, "" },
	{ "two databases", "ann@in.test carl@in.test", 5, 0,
	  { { ERR_OK, ERR_OK }, { ERR_OK, ERR_OK } }, 2, "" },
	{ "no answer", "ann@in.test", 5, 0, { { ERR_AGAIN, ERR_OK } }, 1, "ann@in.test database 1" },
	{ "pushed back", "ann@in.test", 5, 0, { { ERR_OK, ERR_AGAIN } }, 1, "ann@in.test database 1" },
	{ "disk full there", "ann@in.test", 5, 0, { { ERR_OK, ERR_FULL } }, 1,
	  "ann@in.test database 1" },
	{ "only the rest is queued", "ann@in.test carl@in.test", 5, 0,
	  { { ERR_OK, ERR_OK }, { ERR_AGAIN, ERR_OK } }, 2, "carl@in.test database 1" },
	{ "over quota", "ann@in.test", 5, 0, { { ERR_OK, ERR_LIMIT } }, 1, "ann@in.test report 1" },
	{ "moved away", "ann@in.test", 5, 0, { { ERR_OK, ERR_NOTFOUND } }, 1,
	  "ann@in.test submission 1" },
	{ "success is asked for", "ann@in.test", 5, SMTP_NOTIFY_SUCCESS, { { ERR_OK, ERR_OK } }, 1,
	  "ann@in.test report 1" },
	{ "unknown", "no@in.test", 5, 0, { { ERR_OK, ERR_OK } }, 0, "no@in.test report 1" },
	{ "outside too", "ann@in.test x@out.test", 5, 0, { { ERR_OK, ERR_OK } }, 0,
	  "ann@in.test database 2" },
	{ "large", "ann@in.test", 300 * 1024, 0, { { ERR_OK, ERR_OK } }, 0, "ann@in.test database 1" },
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct rig *r = hub_up();
		struct mail *m = letter(r, cases[i].to, cases[i].size);
		uint64_t seq = m->id.seq;

		for (size_t k = 0; k < m->n_rcpts; k++)
			m->rcpts[k].notify = cases[i].notify;
		carry(&r->hub, m, true, carried, r);
		if (fake_store()->n != cases[i].calls)
			fail_msg("%s: %zu calls", cases[i].name, fake_store()->n);
		for (size_t k = 0; k < cases[i].calls; k++) {
			assert_int_equal(hold_lowest(&r->hub.relay.hold), seq);
			assert_int_equal(r->outcome, -1);
			assert_int_equal(fake_store()->call[k].seq, seq);
			fake_answer(k, cases[i].store[k].e, cases[i].store[k].status);
		}
		wait_outcome(r);
		assert_int_equal(r->outcome, CARRY_DONE);
		if (strcmp(queued(r), cases[i].queued) != 0)
			fail_msg("%s: queue has \"%s\"", cases[i].name, r->text[0]);
		if (r->n_rows > 0)
			assert_int_equal(r->rows[0].id.seq, seq);
		assert_true(hold_lowest(&r->hub.relay.hold) == UINT64_MAX);
		assert_int_equal(r->hub.carried, 0);
		assert_int_equal(r->hub.carried_bytes, 0);
		hub_down(&r);
	}
}

static void test_store_away_goes_to_the_queue_at_once(void **state)
{
	struct rig *r = hub_up();

	(void)state;
	fake_store()->down = true;
	carry(&r->hub, letter(r, "ann@in.test", 5), false, carried, r);
	wait_outcome(r);
	assert_int_equal(fake_store()->n, 0);
	assert_string_equal(queued(r), "ann@in.test database 1");
	hub_down(&r);
}

static void took(void *ctx, struct queue_item **items, size_t n)
{
	struct rig *r = ctx;

	assert_int_equal(n, 1);
	r->item = items[0];
}

/* What waits for the categoriser, at this time. */
static void take_submit(struct rig *r, int64_t now)
{
	r->submit.id = 0;
	r->item = NULL;
	queue_tick(r->hub.relay.queue, now);
	while (!r->submit.id)
		uv_run(&r->loop, UV_RUN_ONCE);
	queue_take(r->hub.relay.queue, &r->submit, 1, now, took, r);
	while (!r->item)
		uv_run(&r->loop, UV_RUN_ONCE);
}

static void test_a_large_group_is_resolved_from_the_queue(void **state)
{
	struct rig *r = hub_up();
	struct object *g = fake_add(&r->replica, CLASS_GROUP, "all", "all@in.test");
	struct guid db = { { 1 } };
	char name[16];

	(void)state;
	for (int i = 0; i < 700; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		object_add_guid(g, OBJ_MEMBER, &user(r, name, db)->guid);
	}
	carry(&r->hub, letter(r, "all@in.test", 5), false, carried, r);
	wait_outcome(r);
	assert_int_equal(fake_store()->n, 0);
	assert_string_equal(queued(r), "all@in.test submission 1");
	take_submit(r, clock_wall_ms());
	carry_item(&r->hub, r->item);
	while (strncmp(queued(r), "u0@in.test", 10) != 0)
		uv_run(&r->loop, UV_RUN_ONCE);
	assert_string_equal(r->text[0], "u0@in.test database 700");
	hub_down(&r);
}

/* No database has the mailbox that the directory says it has: looked up again some
 * times, then its sender is told. */
static void test_a_lost_mailbox_is_given_up(void **state)
{
	struct rig *r = hub_up();
	int64_t now = clock_wall_ms();

	(void)state;
	carry(&r->hub, letter(r, "ann@in.test", 5), false, carried, r);
	fake_answer(0, ERR_OK, ERR_NOTFOUND);
	wait_outcome(r);
	assert_string_equal(queued(r), "ann@in.test submission 1");
	take_submit(r, now + 60000);
	assert_int_equal(r->item->mail->rcpts[0].tries, 1);
	carry_item(&r->hub, r->item);
	while (strcmp(queued(r), "ann@in.test database 1") != 0)
		uv_run(&r->loop, UV_RUN_ONCE);
	hub_down(&r);

	r = hub_up();
	carry(&r->hub, letter(r, "ann@in.test", 5), false, carried, r);
	fake_answer(0, ERR_OK, ERR_NOTFOUND);
	wait_outcome(r);
	take_submit(r, now + 60000);
	r->item->mail->rcpts[0].tries = 6;
	carry_item(&r->hub, r->item);
	while (strcmp(queued(r), "ann@in.test report 1") != 0)
		uv_run(&r->loop, UV_RUN_ONCE);
	hub_down(&r);
}

/* An edge that got no answer offers the same identity again. */
static void test_the_same_identity_again(void **state)
{
	struct rig *r = hub_up();
	struct mail *m = letter(r, "ann@in.test", 5), *again = letter(r, "ann@in.test", 5);

	(void)state;
	m->id.origin = m->root = again->id.origin = again->root = guid_make();
	again->id.seq = m->id.seq;
	fake_store()->down = true;
	carry(&r->hub, m, false, carried, r);
	wait_outcome(r);
	r->outcome = -1;
	r->answers = 0;
	carry(&r->hub, again, false, carried, r);
	wait_outcome(r);
	assert_int_equal(r->outcome, CARRY_DONE);
	queued(r);
	assert_int_equal(r->n_rows, 1);
	hub_down(&r);
}

/* One hub dies after the store committed and before it answered the edge; the edge
 * offers the message to another: the store is asked with the same identity, so it
 * knows that the mailbox has it. */
static void test_two_hubs_one_dies_after_the_commit(void **state)
{
	struct rig *first = hub_up(), *second;
	struct mail *m = letter(first, "ann@in.test", 5), *same;
	struct guid origin = guid_make(), mailbox;

	(void)state;
	m->id = (struct mail_id){ origin, 77 };
	m->root = origin;
	carry(&first->hub, m, false, carried, first);
	assert_int_equal(fake_store()->n, 1);
	assert_memory_equal(&fake_store()->call[0].origin, &origin, sizeof(origin));
	mailbox = fake_store()->call[0].to[0];
	hub_down(&first);		/* its call is answered to nobody */

	second = hub_up();
	second->replica.o[0]->guid = mailbox;
	same = letter(second, "ann@in.test", 5);
	same->id = (struct mail_id){ origin, 77 };
	same->root = origin;
	carry(&second->hub, same, false, carried, second);
	assert_int_equal(fake_store()->n, 1);
	assert_memory_equal(&fake_store()->call[0].origin, &origin, sizeof(origin));
	assert_int_equal(fake_store()->call[0].seq, 77);
	assert_memory_equal(&fake_store()->call[0].to[0], &mailbox, sizeof(mailbox));
	fake_answer(0, ERR_OK, ERR_OK);
	wait_outcome(second);
	assert_int_equal(second->outcome, CARRY_DONE);
	assert_string_equal(queued(second), "");
	hub_down(&second);
}

static void test_closing_answers_what_waits_for_a_store(void **state)
{
	struct rig *r = hub_up();

	(void)state;
	carry(&r->hub, letter(r, "ann@in.test", 5), false, carried, r);
	assert_int_equal(r->outcome, -1);
	carry_close(&r->hub);
	assert_int_equal(r->outcome, CARRY_AGAIN);
	assert_true(fake_store()->call[0].cancelled);
	assert_true(hold_lowest(&r->hub.relay.hold) == UINT64_MAX);
	hub_down(&r);
}

static void test_the_cache_spares_look_ups(void **state)
{
	struct rig *r = hub_up();
	unsigned before;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		before = r->replica.lookups;
		r->outcome = -1;
		r->answers = 0;
		carry(&r->hub, letter(r, "ann@in.test", 5), false, carried, r);
		fake_answer(i, ERR_OK, ERR_OK);
		wait_outcome(r);
		assert_int_equal(r->replica.lookups - before, i == 0 ? 1 : 0);
	}
	rcptcache_clear(r->hub.cache);
	before = r->replica.lookups;
	r->outcome = -1;
	r->answers = 0;
	carry(&r->hub, letter(r, "ann@in.test", 5), false, carried, r);
	fake_answer(3, ERR_OK, ERR_OK);
	assert_int_equal(r->replica.lookups - before, 1);
	hub_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_store_away_goes_to_the_queue_at_once),
		cmocka_unit_test(test_a_large_group_is_resolved_from_the_queue),
		cmocka_unit_test(test_a_lost_mailbox_is_given_up),
		cmocka_unit_test(test_the_same_identity_again),
		cmocka_unit_test(test_two_hubs_one_dies_after_the_commit),
		cmocka_unit_test(test_closing_answers_what_waits_for_a_store),
		cmocka_unit_test(test_the_cache_spares_look_ups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
