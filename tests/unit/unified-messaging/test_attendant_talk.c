/* What callers do, and where they end.  The call, the directory and call answering are
 * stand-ins here; what the attendant asks of them is written down. */
#include "common/api/object.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/replica/member.h"
#include "common/replica/replica.h"
#include "roles/unified-messaging/answer/answer.h"
#include "roles/unified-messaging/attendant/attendant.h"
#include "roles/unified-messaging/attendant/search.h"
#include "roles/unified-messaging/route.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct rig {
	struct um um;
	struct call call;
	struct gateway gateway;
	struct arena arena;
	struct object *plan, *front, *night, *ann;
	size_t hits;
	bool talking, refer_fails;
	char log[400];		/* "refer 1001", "message 1001", "hang-up" */
} *rig;		/* the stand-ins below have no other way to it */

static void note(const char *what, const char *arg)
{
	size_t n = strlen(rig->log);

	snprintf(rig->log + n, sizeof(rig->log) - n, "%s%s%s%s", n ? ", " : "", what,
		 *arg ? " " : "", arg);
}

/* ---- stand-ins ------------------------------------------------------------------------------ */

void call_say(struct call *c, const char *text)
{
	(void)c;
	assert_true(strlen(text) > 0);
	rig->talking = true;
}

void call_quiet(struct call *c)
{
	(void)c;
	rig->talking = false;
}

bool call_is_talking(const struct call *c)
{
	(void)c;
	return rig->talking;
}

void call_hang_up(struct call *c)
{
	c->ending = true;
	note("hang-up", "");
}

enum err call_transfer(struct call *c, const char *number, struct errbuf *eb)
{
	(void)c;
	note("refer", number);
	return rig->refer_fails ? err_set(eb, ERR_INVALID, "no") : ERR_OK;
}

void call_take(struct call *c, const struct call_app *app, void *ctx)
{
	c->app = app;
	c->ctx = ctx;
	app->begin(ctx);
}

void answer_new(struct call *c, const struct route_to *to)
{
	assert_true(to->target == rig->ann && to->plan == rig->plan);
	note("message", c->wanted.user);
	c->app = NULL;
}

struct replica *member_replica(const struct member *m)
{
	(void)m;
	return NULL;
}

struct object *route_extension(struct replica *r, const struct object *plan, const char *number,
			       struct arena *a)
{
	(void)r, (void)a;
	assert_true(object_has(plan, OBJ_EXTENSION_DIGITS));
	return strcmp(number, "1001") == 0 ? rig->ann : strcmp(number, "1000") == 0 ? rig->front :
	       strcmp(number, "1009") == 0 ? rig->night : NULL;
}

bool route_is_in_service(const struct object *o)
{
	(void)o;
	return true;
}

struct object *route_plan_of(struct replica *r, const struct object *o, struct arena *a,
			     struct object **policy)
{
	(void)r, (void)o, (void)a;
	*policy = NULL;
	return rig->plan;
}

enum err replica_by_guid(struct replica *r, const struct guid *g, struct arena *a,
			 struct object **out)
{
	(void)r, (void)a;
	*out = rig->ann;
	return guid_eq(g, &rig->ann->guid) ? ERR_OK : ERR_NOTFOUND;
}

enum err replica_by_name(struct replica *r, unsigned klass, const char *name, struct arena *a,
			 struct object **out)
{
	(void)r, (void)a;
	assert_int_equal(klass, CLASS_AUTO_ATTENDANT);
	*out = rig->night;
	return strcmp(name, "night") == 0 ? ERR_OK : ERR_NOTFOUND;
}

void search_begin(struct search *s, struct replica *r, const struct guid *plan, const char *typed)
{
	(void)r, (void)plan;
	memset(s, 0, sizeof(*s));
	note("search", typed);
}

bool search_step(struct search *s, struct replica *r, size_t n)
{
	(void)r, (void)n;
	s->too_many = rig->hits > SEARCH_HITS;
	for (s->n_hits = 0; s->n_hits < rig->hits && s->n_hits < SEARCH_HITS; s->n_hits++) {
		struct search_hit *h = &s->hit[s->n_hits];

		/* The last of them is Ann. */
		if (s->n_hits + 1 == rig->hits)
			h->mailbox = rig->ann->guid;
		snprintf(h->extension, sizeof(h->extension), "1001");
		snprintf(h->name, sizeof(h->name), "Ann");
	}
	return true;
}

/* ---- the cases -------------------------------------------------------------------------------- */

/*
 * does: keys; '.' all has been said, '~' a time without keys, ',' a tick at once,
 * '+' and '-' the transfer is done or not, '!' 40 s go by in a transfer.
 */
static const struct {
	const char *name, *map[3], *operator, *does;
	bool no_outbound, refer_fails;
	size_t hits;
	const char *log, *state;
} cases[] = {
	{ .name = "an extension", .does = "1001.+", .log = "refer 1001, hang-up", .state = "connecting" },
	{ .name = "in the pause", .does = ".1001.+", .log = "refer 1001, hang-up", .state = "connecting" },
	{ .name = "declined", .does = "1001.-", .log = "refer 1001, message 1001" },
	{ .name = "nobody says", .does = "1001.!", .log = "refer 1001, message 1001" },
	{ .name = "no leg", .does = "1001.", .refer_fails = true, .log = "refer 1001, message 1001" },
	{ .name = "no transfers", .does = "1001", .no_outbound = true, .log = "message 1001" },
	{ .name = "back in time", .does = "1001*.", .log = "", .state = "menu" },
	{ .name = "too late to go back", .does = "1001.*+", .log = "refer 1001, hang-up",
	  .state = "connecting" },
	{ .name = "no such extension", .does = "4242.", .log = "", .state = "menu" },
	{ .name = "three of them", .does = "4242.4242.4242", .log = "", .state = "goodbye" },
	{ .name = "and the end", .does = "4242.4242.4242.", .log = "hang-up", .state = "goodbye" },
	{ .name = "three, operator", .does = "4242.4242.4242.", .operator = "1005",
	  .log = "refer 1005", .state = "connecting" },
	{ .name = "nor is there an operator", .does = "4242.4242.4242.-.", .operator = "1005",
	  .log = "refer 1005, hang-up", .state = "goodbye" },
	{ .name = "0", .does = "0.", .operator = "1005", .log = "refer 1005", .state = "connecting" },
	{ .name = "0 without operator", .does = "0.", .log = "", .state = "menu" },
	{ .name = "operator outside", .does = "0.", .operator = "00190012345", .log = "",
	  .state = "menu" },
	{ .name = "quiet", .does = ".~.~", .log = "", .state = "menu" },
	{ .name = "quiet to the end", .does = ".~.~.~.", .log = "hang-up", .state = "goodbye" },
	{ .name = "quiet, operator", .does = ".~.~.~.", .operator = "1001", .log = "refer 1001",
	  .state = "connecting" },
	{ .name = "a key between", .does = ".~.~.*.~.~", .log = "", .state = "menu" },
	{ .name = "a key", .map = { "1=extension:1001" }, .does = "1~.", .log = "refer 1001",
	  .state = "connecting" },
	{ .name = "a key, then #", .map = { "1=message:1001" }, .does = "1#", .log = "message 1001" },
	{ .name = "a key that begins a number", .map = { "1=hangup" }, .does = "1001.",
	  .log = "refer 1001", .state = "connecting" },
	{ .name = "another telephone", .map = { "2=extension:2002" }, .does = "2~.-.",
	  .log = "refer 2002", .state = "menu" },
	{ .name = "far away", .map = { "2=extension:0019001234" }, .does = "2~.", .log = "",
	  .state = "menu" },
	{ .name = "0 with a use", .map = { "0=message:1001" }, .operator = "1005", .does = "0~",
	  .log = "message 1001" },
	{ .name = "timeout", .map = { "timeout=message:1001" }, .does = ".~", .log = "message 1001" },
	{ .name = "timeout repeats", .map = { "timeout=repeat" }, .does = ".~.~.~.", .log = "hang-up",
	  .state = "goodbye" },
	{ .name = "hang-up", .map = { "9=hangup" }, .does = "9~.", .log = "hang-up",
	  .state = "goodbye" },
	{ .name = "another", .map = { "9=attendant:night" }, .does = "9~5~.", .log = "hang-up",
	  .state = "goodbye" },
	{ .name = "which does not exist", .map = { "9=attendant:day" }, .does = "9~.", .log = "",
	  .state = "menu" },
	{ .name = "round and round", .does = "1000100010001000100010001000100010001000.",
	  .log = "hang-up", .state = "goodbye" },
	{ .name = "a name", .does = "#533#,.", .hits = 1, .log = "search 533, refer 1001",
	  .state = "connecting" },
	{ .name = "a name without #", .does = "#533~,.", .hits = 1, .log = "search 533, refer 1001",
	  .state = "connecting" },
	{ .name = "of three", .does = "#533#,3.", .hits = 3, .log = "search 533, refer 1001",
	  .state = "connecting" },
	{ .name = "the fourth of three", .does = "#533#,4.", .hits = 3, .log = "search 533",
	  .state = "menu" },
	{ .name = "gone meanwhile", .does = "#533#,1.", .hits = 3, .log = "search 533",
	  .state = "menu" },
	{ .name = "another name", .does = "#533#,*.", .hits = 3, .log = "search 533", .state = "name" },
	{ .name = "nobody", .does = "#533#,.", .log = "search 533", .state = "name" },
	{ .name = "nobody, thrice", .does = "#533#,.533#,.533#,.", .log =
	  "search 533, search 533, search 533, hang-up", .state = "goodbye" },
	{ .name = "too many", .does = "#533#,.", .hits = 6, .log = "search 533", .state = "name" },
	{ .name = "back", .does = "#*.", .log = "", .state = "menu" },
	{ .name = "no name", .does = "##.", .log = "", .state = "menu" },
	{ .name = "a very long name", .does = "#2222222222222222222222222222222222222222#",
	  .log = "search 2222222222222222222222222222222", .state = "searching" },
	{ .name = "odd keys", .does = "ABCD1001.", .log = "refer 1001", .state = "connecting" },
	{ .name = "keys in the goodbye", .map = { "9=hangup" }, .does = "9~0*#1001", .log = "",
	  .state = "goodbye" },
};

static void step(struct rig *r, char what)
{
	struct call *c = &r->call;

	switch (what) {
	case '.':
		r->talking = false;
		c->app->played(c->ctx);
		break;
	case '~':
		r->talking = false;
		c->app->tick(c->ctx, clock_mono_ms() + ATTENDANT_QUIET_MS + 1);
		break;
	case ',':
		c->app->tick(c->ctx, clock_mono_ms());
		break;
	case '!':
		c->app->tick(c->ctx, clock_mono_ms() + 40000);
		break;
	case '+':
	case '-':
		c->app->transferred(c->ctx, what == '+');
		break;
	default:
		c->app->key(c->ctx, what);
	}
}

static void rig_up(struct rig *r, size_t i)
{
	struct route_to to = { .kind = ROUTE_ATTENDANT };

	memset(r, 0, sizeof(*r));
	rig = r;
	r->hits = cases[i].hits;
	r->refer_fails = cases[i].refer_fails;
	snprintf(r->gateway.name, sizeof(r->gateway.name), "phones");
	r->gateway.outbound = !cases[i].no_outbound;
	r->um.gateways.list = &r->gateway;
	r->um.gateways.n = 1;
	r->call.um = &r->um;
	snprintf(r->call.gateway, sizeof(r->call.gateway), "phones");
	r->plan = object_new(&r->arena, CLASS_DIAL_PLAN);
	object_set_number(r->plan, OBJ_EXTENSION_DIGITS, 4);
	r->ann = object_new(&r->arena, CLASS_MAILBOX);
	memset(&r->ann->guid, 7, sizeof(r->ann->guid));
	object_set_text(r->ann, OBJ_NAME, "ann\x01\x1b");
	object_set_text(r->ann, OBJ_EXTENSION, "1001");
	r->night = object_new(&r->arena, CLASS_AUTO_ATTENDANT);
	object_set_text(r->night, OBJ_KEY_MAP, "5=hangup");
	r->front = object_new(&r->arena, CLASS_AUTO_ATTENDANT);
	for (size_t j = 0; j < 3 && cases[i].map[j]; j++)
		object_add_text(r->front, OBJ_KEY_MAP, cases[i].map[j]);
	if (cases[i].operator)
		object_set_text(r->front, OBJ_OPERATOR, cases[i].operator);
	to.plan = r->plan;
	to.target = r->front;
	attendant_new(&r->call, &to);
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct rig r;

		rig_up(&r, i);
		for (const char *p = cases[i].does; *p && r.call.app; p++)
			step(&r, *p);
		if (strcmp(r.log, cases[i].log) != 0)
			fail_msg("%s: \"%s\", not \"%s\"", cases[i].name, r.log, cases[i].log);
		if ((r.call.app != NULL) != (cases[i].state != NULL))
			fail_msg("%s: the attendant should %s", cases[i].name,
				 cases[i].state ? "stay" : "be gone");
		if (r.call.app && strcmp(r.call.app->state(r.call.ctx), cases[i].state) != 0)
			fail_msg("%s: state %s, not %s", cases[i].name,
				 r.call.app->state(r.call.ctx), cases[i].state);
		if (r.call.app)
			r.call.app->gone(r.call.ctx);
		arena_fini(&r.arena);
	}
}

static void quiet(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };

	log_set_sink(quiet);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
