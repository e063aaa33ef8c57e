#include "common/base/check.h"
#include "common/base/hash.h"
#include "common/smtp/command.h"
#include "roles/hub-transport/resolve.h"
#include "tests/unit/hub-transport/fake_replica.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define NOW INT64_C(1700000000000)

struct rig {
	struct replica replica;
	struct route route;
	struct guid db1, db2;
	char text[65536];
};

static void member(struct rig *r, const char *group, const char *who)
{
	struct object *o;

	assert_int_equal(replica_by_guid(&r->replica, fake_guid(&r->replica, group), NULL, &o),
			 ERR_OK);
	object_add_guid(o, OBJ_MEMBER, fake_guid(&r->replica, who));
}

static struct object *user(struct rig *r, const char *name, const struct guid *db)
{
	char address[128];
	struct object *o;

	snprintf(address, sizeof(address), "%s@in.test", name);
	o = fake_add(&r->replica, CLASS_MAILBOX, name, address);
	object_set_guid(o, OBJ_DATABASE, db);
	return o;
}

/* ann and bob in db1, carl in db2; groups, contacts and restrictions around them. */
static int rig_up(void **state)
{
	struct rig *r = xcalloc(1, sizeof(*r));
	struct replica *d = &r->replica;
	struct object *o;

	r->db1 = guid_make();
	r->db2 = guid_make();
	fake_domain(d, "in.test", DOMAIN_AUTHORITATIVE);
	fake_domain(d, "relay.test", DOMAIN_INTERNAL_RELAY);
	fake_domain(d, "ext.test", DOMAIN_EXTERNAL_RELAY);
	user(r, "ann", &r->db1);
	user(r, "bob", &r->db1);
	user(r, "carl", &r->db2);
	object_set_guid(user(r, "fwd", &r->db1), OBJ_FORWARD_TO, fake_guid(d, "ann"));
	o = user(r, "both", &r->db2);
	object_set_guid(o, OBJ_FORWARD_TO, fake_guid(d, "ann"));
	object_set_number(o, OBJ_FORWARD_KEEP, 1);
	o = user(r, "loop", &r->db1);
	object_set_guid(o, OBJ_FORWARD_TO, &o->guid);
	object_set_number(user(r, "gone", &r->db1), OBJ_DISCONNECTED, 1);
	object_set_number(user(r, "small", &r->db1), OBJ_MAX_RECEIVE, 100);
	object_set_number(user(r, "auth", &r->db1), OBJ_REQUIRE_AUTH, 1);
	object_set_guid(user(r, "onlybob", &r->db1), OBJ_ACCEPT_FROM, fake_guid(d, "bob"));
	object_set_guid(user(r, "notbob", &r->db1), OBJ_REJECT_FROM, fake_guid(d, "bob"));

	object_set_text(fake_add(d, CLASS_CONTACT, "con", "con@in.test"), OBJ_TARGET,
			"x@out.test");
	object_set_text(fake_add(d, CLASS_CONTACT, "inner", "inner@in.test"), OBJ_TARGET,
			"ann@in.test");
	fake_add(d, CLASS_CONTACT, "blank", "blank@in.test");

	fake_add(d, CLASS_GROUP, "team", "team@in.test");
	fake_add(d, CLASS_GROUP, "nest", "nest@in.test");
	fake_add(d, CLASS_GROUP, "empty", "empty@in.test");
	object_set_guid(fake_add(d, CLASS_GROUP, "staff", "staff@in.test"), OBJ_ACCEPT_FROM,
			fake_guid(d, "team"));
	member(r, "team", "ann");
	member(r, "team", "bob");
	member(r, "nest", "team");
	member(r, "nest", "nest");	/* in itself */
	member(r, "nest", "carl");
	member(r, "nest", "con");
	member(r, "staff", "carl");
	route_load(&r->route, d, "hub.test", false);
	*state = r;
	return 0;
}

static int rig_down(void **state)
{
	struct rig *r = *state;

	route_fini(&r->route);
	fake_fini(&r->replica);
	free(r);
	return 0;
}

/* "ann@in.test" -> one blank-separated word per result, in order. */
static const char *tell(struct rig *r, const struct mail *m)
{
	size_t n = 0;
	char g1[GUID_TEXT], g2[GUID_TEXT];

	guid_text(&r->db1, g1);
	guid_text(&r->db2, g2);
	r->text[0] = '\0';
	for (size_t i = 0; m && i < m->n_rcpts && n < sizeof(r->text) - 300; i++) {
		const struct mail_rcpt *c = &m->rcpts[i];
		const char *hop = strcmp(c->hop, g1) == 0 ? "db1" : strcmp(c->hop, g2) == 0 ? "db2"
				  : c->hop;

		if (c->kind == HOP_REPORT)
			n += (size_t)snprintf(r->text + n, sizeof(r->text) - n, "%s%s!%s",
					      n ? " " : "", c->address, c->status);
		else
			n += (size_t)snprintf(r->text + n, sizeof(r->text) - n, "%s%s>%s%s",
					      n ? " " : "", c->address, hop,
					      c->kind == HOP_EDGE ? "(edge)"
					      : c->kind == HOP_SMART ? "(smart)" : "");
		assert_int_equal(c->kind == HOP_DATABASE, !guid_is_null(&c->target));
	}
	return r->text;
}

static struct mail *letter(const char *rcpts, const char *sender, unsigned flags, uint64_t size)
{
	struct mail *m = mail_new();
	char copy[1024], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", rcpts);
	m->sender = sender;
	m->flags = flags;
	m->size = size;
	for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
		mail_add(m, w);
	return m;
}

static struct mail *run(struct rig *r, struct mail *m, bool relay, unsigned budget)
{
	struct resolve *rs = resolve_new(&r->replica, &r->route, m, relay, NOW);
	struct mail *out;
	unsigned steps = 0;

	while (!resolve_step(rs, budget))
		assert_true(++steps < 300000);
	out = resolve_take(rs);
	resolve_free(&rs);
	return out;
}

#define A MAIL_AUTHENTICATED
static const struct {
	const char *to, *from;
	unsigned flags;
	uint64_t size;
	bool relay;
	const char *want;
} cases[] = {
	{ "ann@in.test", "x@out.test", 0, 1, false, "ann@in.test>db1" },
	{ "ann@in.test carl@in.test", "", 0, 1, false, "ann@in.test>db1 carl@in.test>db2" },
	{ "ann@in.test ANN@IN.TEST", "", 0, 1, false, "ann@in.test>db1" },
	{ "nobody@in.test", "x@out.test", 0, 1, false, "nobody@in.test!5.1.1" },
	{ "nobody@in.test", "ann@in.test", A, 1, true, "nobody@in.test!5.1.1" },
	{ "gone@in.test", "x@out.test", 0, 1, false, "gone@in.test!5.2.1" },
	/* outside */
	{ "y@out.test", "x@out.test", 0, 1, false, "y@out.test!5.7.1" },
	{ "y@out.test", "ann@in.test", A, 1, true, "y@out.test>out.test" },
	{ "y@out.test Y@OUT.TEST", "ann@in.test", A, 1, true, "y@out.test>out.test" },
	{ "y@relay.test", "x@out.test", 0, 1, false, "y@relay.test>relay.test" },
	{ "y@ext.test", "x@out.test", 0, 1, false, "y@ext.test>ext.test" },
	{ "not-an-address", "ann@in.test", A, 1, true, "not-an-address!5.1.3" },
	/* contacts and forwards */
	{ "con@in.test", "x@out.test", 0, 1, false, "x@out.test>out.test" },
	{ "inner@in.test", "x@out.test", 0, 1, false, "ann@in.test>db1" },
	{ "inner@in.test ann@in.test", "", 0, 1, false, "ann@in.test>db1" },
	{ "blank@in.test", "x@out.test", 0, 1, false, "blank@in.test!5.1.3" },
	{ "fwd@in.test", "x@out.test", 0, 1, false, "ann@in.test>db1" },
	{ "both@in.test", "x@out.test", 0, 1, false, "both@in.test>db2 ann@in.test>db1" },
	{ "loop@in.test", "x@out.test", 0, 1, false, "" },
	/* groups */
	{ "team@in.test", "x@out.test", 0, 1, false, "ann@in.test>db1 bob@in.test>db1" },
	{ "ann@in.test team@in.test", "", 0, 1, false, "ann@in.test>db1 bob@in.test>db1" },
	{ "nest@in.test", "x@out.test", 0, 1, false,
	  "carl@in.test>db2 x@out.test>out.test ann@in.test>db1 bob@in.test>db1" },
	{ "empty@in.test", "x@out.test", 0, 1, false, "" },
	/* restrictions */
	{ "small@in.test", "x@out.test", 0, 100, false, "small@in.test>db1" },
	{ "small@in.test", "x@out.test", 0, 101, false, "small@in.test!5.2.3" },
	{ "auth@in.test", "ann@in.test", 0, 1, false, "auth@in.test!5.7.1" },
	{ "auth@in.test", "ann@in.test", A, 1, true, "auth@in.test>db1" },
	{ "onlybob@in.test", "bob@in.test", A, 1, true, "onlybob@in.test>db1" },
	{ "onlybob@in.test", "ann@in.test", A, 1, true, "onlybob@in.test!5.7.1" },
	{ "onlybob@in.test", "bob@in.test", 0, 1, false, "onlybob@in.test!5.7.1" },
	{ "onlybob@in.test", "", MAIL_REPORT, 1, false, "onlybob@in.test>db1" },
	{ "notbob@in.test", "bob@in.test", A, 1, true, "notbob@in.test!5.7.1" },
	{ "notbob@in.test", "ann@in.test", A, 1, true, "notbob@in.test>db1" },
	{ "staff@in.test", "ann@in.test", A, 1, true, "carl@in.test>db2" },
	{ "staff@in.test", "carl@in.test", A, 1, true, "staff@in.test!5.7.1" },
};

/* The result must not depend on how the work is cut into steps. */
static void test_cases(void **state)
{
	struct rig *r = *state;

	for (size_t i = 0; i < N_ELEMS(cases); i++)
		for (unsigned budget = 1; budget <= 100; budget += 33) {
			struct mail *m = letter(cases[i].to, cases[i].from, cases[i].flags,
						cases[i].size);
			struct mail *out = run(r, m, cases[i].relay, budget);

			if (strcmp(tell(r, out), cases[i].want) != 0)
				fail_msg("%s from %s: got \"%s\", want \"%s\"", cases[i].to,
					 cases[i].from, r->text, cases[i].want);
			mail_unref(&out);
			mail_unref(&m);
		}
}

static void test_over_the_limit_nobody_gets_it(void **state)
{
	struct rig *r = *state;
	struct mail *m = letter("team@in.test carl@in.test", "x@out.test", 0, 1), *out;

	r->route.max_rcpts = 3;
	out = run(r, m, false, 10);
	assert_string_equal(tell(r, out), "carl@in.test>db2 ann@in.test>db1 bob@in.test>db1");
	mail_unref(&out);
	r->route.max_rcpts = 2;
	out = run(r, m, false, 10);
	assert_string_equal(tell(r, out), "team@in.test!5.5.3 carl@in.test!5.5.3");
	mail_unref(&out);
	mail_unref(&m);
}

/* ---- groups with pages ------------------------------------------------------------------- */

#define PAGE 3000
#define PAGES 3

static struct object *page_of(struct rig *r, struct object *group, const char *name)
{
	struct object *p = fake_add(&r->replica, CLASS_GROUP_PAGE, name, NULL);

	object_add_guid(group, OBJ_MEMBER, &p->guid);
	object_add_guid(group, OBJ_MEMBER_PAGE, &p->guid);
	return p;
}

/* Round after round, as the queue does: what is put off is the next round's message.
 * Counts who gets it; everybody only once. */
static size_t rounds(struct rig *r, struct mail *m, unsigned *n_rounds)
{
	size_t total = 0;
	struct mail *in = mail_ref(m), *out;
	struct hash seen;

	hash_init(&seen);
	for (*n_rounds = 0; in; ++*n_rounds) {
		assert_true(*n_rounds < 100);
		out = run(r, in, true, 300);
		mail_unref(&in);
		for (size_t i = 0; out && i < out->n_rcpts; i++) {
			const struct mail_rcpt *c = &out->rcpts[i];

			assert_int_not_equal(c->kind, HOP_REPORT);
			if (c->kind == HOP_SUBMIT) {
				if (!in)
					in = mail_split(m);
				mail_add_copy(in, c);
			} else {
				struct hash_node *n = arena_alloc(&m->arena, sizeof(*n));

				if (hash_find(&seen, c->target.b, sizeof(c->target.b)))
					continue;
				hash_add(&seen, n, arena_dup(&m->arena, c->target.b, 16), 16);
				total++;
			}
		}
		mail_unref(&out);
	}
	hash_fini(&seen);
	return total;
}

static void test_a_group_of_pages(void **state)
{
	struct rig *r = *state;
	struct object *big = fake_add(&r->replica, CLASS_GROUP, "big", "big@in.test");
	struct mail *m = letter("big@in.test", "ann@in.test", A, 1);
	unsigned n;
	char name[32];

	member(r, "big", "ann");
	for (int k = 0; k < PAGES; k++) {
		struct object *p;

		snprintf(name, sizeof(name), "page%d", k);
		p = page_of(r, big, name);
		for (int i = 0; i < PAGE; i++) {
			snprintf(name, sizeof(name), "u%d.%d", k, i);
			object_add_guid(p, OBJ_MEMBER, &user(r, name, &r->db1)->guid);
		}
	}
	r->route.max_rcpts = 10;	/* does not count them */
	assert_int_equal(rounds(r, m, &n), 1 + PAGES * PAGE);
	assert_int_equal(n, PAGES);
	mail_unref(&m);
	/* A group inside a page that holds the large group: a circle, and it ends. */
	member(r, "team", "big");
	object_add_guid(r->replica.o[r->replica.n - 1 - PAGE], OBJ_MEMBER,
			fake_guid(&r->replica, "team"));
	m = letter("big@in.test", "ann@in.test", A, 1);
	assert_int_equal(rounds(r, m, &n), 2 + PAGES * PAGE);	/* and bob */
	mail_unref(&m);
	/* Named recipients are counted as ever. */
	m = letter("big@in.test ann@in.test bob@in.test", "ann@in.test", A, 1);
	r->route.max_rcpts = 1;
	{
		struct mail *out = run(r, m, true, 300);

		assert_string_equal(tell(r, out), "big@in.test!5.5.3 ann@in.test!5.5.3 bob@in.test!5.5.3");
		mail_unref(&out);
	}
	mail_unref(&m);
}

static void test_a_senders_own_limit(void **state)
{
	struct rig *r = *state;
	struct mail *m = letter("team@in.test", "bob@in.test", A, 1), *out;
	struct object *o;

	m->submitter = *fake_guid(&r->replica, "bob");
	assert_int_equal(replica_by_guid(&r->replica, &m->submitter, NULL, &o), ERR_OK);
	object_set_number(o, OBJ_RECIPIENT_LIMIT, 1);
	out = run(r, m, true, 10);
	assert_string_equal(tell(r, out), "team@in.test!5.5.3");
	mail_unref(&out);
	mail_unref(&m);
	assert_true(resolve_max_send(&r->replica, &r->route, &o->guid) ==
		    (uint64_t)r->route.max_message);
	object_set_number(o, OBJ_MAX_SEND, 5000);
	assert_int_equal(resolve_max_send(&r->replica, &r->route, &o->guid), 5000);
}

static void test_success_is_reported_for_the_group(void **state)
{
	struct rig *r = *state;
	struct mail *m = letter("team@in.test", "x@out.test", 0, 1), *out;

	m->rcpts[0].notify = SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_FAILURE;
	m->rcpts[0].orcpt = "rfc822;team@in.test";
	out = run(r, m, false, 10);
	assert_int_equal(out->n_rcpts, 3);
	assert_int_equal(out->rcpts[0].action, ACTION_EXPANDED);
	assert_int_equal(out->rcpts[1].notify, SMTP_NOTIFY_FAILURE);
	assert_string_equal(out->rcpts[1].orcpt, "rfc822;team@in.test");
	mail_unref(&out);
	mail_unref(&m);
}

static void test_directory_away_waits(void **state)
{
	struct rig *r = *state;
	struct mail *m = letter("ann@in.test", "x@out.test", 0, 1), *out;

	r->replica.away = true;
	out = run(r, m, false, 10);
	assert_int_equal(out->rcpts[0].kind, HOP_SUBMIT);
	assert_true(out->rcpts[0].due_ms > NOW);
	mail_unref(&out);
	mail_unref(&m);
	assert_int_equal(resolve_rcpt(&r->replica, "ann@in.test", false), ERR_AGAIN);
}

static void test_at_rcpt(void **state)
{
	struct rig *r = *state;

	assert_int_equal(resolve_rcpt(&r->replica, "ann@in.test", false), ERR_OK);
	assert_int_equal(resolve_rcpt(&r->replica, "no@in.test", true), ERR_NOTFOUND);
	assert_int_equal(resolve_rcpt(&r->replica, "y@relay.test", false), ERR_OK);
	assert_int_equal(resolve_rcpt(&r->replica, "y@out.test", true), ERR_OK);
	assert_int_equal(resolve_rcpt(&r->replica, "y@out.test", false), ERR_DENIED);
}

/* RFC 5321 section 4.5.1, for as many domains as there are. */
static void test_postmaster(void **state)
{
	struct rig *r = *state;
	struct replica *d = &r->replica;
	static const struct {
		const char *set, *to, *want;
	} list[] = {
		{ NULL, "postmaster@in.test", "postmaster@in.test!5.1.1" },
		{ "ann@in.test", "PostMaster@in.test", "ann@in.test>db1" },
		{ "ann@in.test", "postmaster@also.test ann@in.test", "ann@in.test>db1" },
		{ "ann@in.test", "postmaster2@in.test", "postmaster2@in.test!5.1.1" },
		{ "ann@in.test", "postmaster@relay.test", "postmaster@relay.test>relay.test" },
		{ "ann@in.test", "postmaster@out.test", "postmaster@out.test!5.7.1" },
		{ "con@in.test", "postmaster@in.test", "x@out.test>out.test" },
		{ "gone@out.test", "postmaster@in.test", "gone@out.test>out.test" },
		{ "nobody@in.test", "postmaster@in.test", "nobody@in.test!5.1.1" },
		{ "postmaster@also.test", "postmaster@in.test", "postmaster@also.test!5.1.1" },
	};
	struct object *o = fake_add(d, CLASS_TRANSPORT, "transport", NULL);

	fake_domain(d, "also.test", DOMAIN_AUTHORITATIVE);
	for (size_t i = 0; i < N_ELEMS(list); i++) {
		struct mail *m = letter(list[i].to, "x@out.test", 0, 1), *out;

		if (list[i].set)
			object_set_text(o, OBJ_POSTMASTER, list[i].set);
		route_load(&r->route, d, "hub.test", false);
		out = run(r, m, false, 10);
		assert_string_equal(tell(r, out), list[i].want);
		mail_unref(&out);
		mail_unref(&m);
	}
}

static void test_send_as(void **state)
{
	struct rig *r = *state;
	struct replica *d = &r->replica;
	struct object *o;

	assert_true(resolve_may_send_as(d, fake_guid(d, "ann"), "ann@in.test"));
	assert_false(resolve_may_send_as(d, fake_guid(d, "ann"), "bob@in.test"));
	assert_false(resolve_may_send_as(d, fake_guid(d, "ann"), "x@out.test"));
	assert_int_equal(replica_by_guid(d, fake_guid(d, "carl"), NULL, &o), ERR_OK);
	object_set_guid(o, OBJ_SEND_AS, fake_guid(d, "team"));
	assert_true(resolve_may_send_as(d, fake_guid(d, "ann"), "carl@in.test"));
	object_set_guid(o, OBJ_SEND_AS, fake_guid(d, "bob"));
	assert_true(resolve_may_send_as(d, fake_guid(d, "bob"), "carl@in.test"));
	assert_false(resolve_may_send_as(d, fake_guid(d, "ann"), "carl@in.test"));
}

/* ---- connectors ------------------------------------------------------------------- */

static struct object *connector(struct rig *r, const char *name, const char *space,
				const char *smart_host, int64_t priority)
{
	struct object *o = fake_add(&r->replica, CLASS_CONNECTOR, name, NULL);

	object_set_text(o, OBJ_ADDRESS_SPACE, space);
	if (smart_host)
		object_set_text(o, OBJ_SMART_HOST, smart_host);
	object_set_number(o, OBJ_PRIORITY, priority);
	return o;
}

static const char *way(struct rig *r, const char *domain, uint64_t size)
{
	struct route_hop h;

	route_domain(&r->route, domain, size, &h);
	snprintf(r->text, sizeof(r->text), "%s/%s", hop_kind_name(h.kind), h.name);
	return r->text;
}

static void test_connectors(void **state)
{
	struct rig *r = *state;
	char edge[GUID_TEXT], want[64];
	struct object *o;

	assert_string_equal(way(r, "a.test", 1), "domain/a.test");
	connector(r, "all", "*", "all:25", 5);
	connector(r, "b", "b.test", "b:25", 9);
	connector(r, "below", "*.b.test", "below:25", 1);
	connector(r, "rather", "*", "rather:25", 4);
	object_set_number(connector(r, "tiny", "c.test", "tiny:25", 0), OBJ_MAX_MESSAGE, 10);
	connector(r, "mx", "mx.test", NULL, 0);
	route_load(&r->route, &r->replica, "hub.test", false);
	assert_string_equal(way(r, "a.test", 1), "smart-host/rather:25");
	assert_string_equal(way(r, "B.test", 1), "smart-host/b:25");
	assert_string_equal(way(r, "x.b.test", 1), "smart-host/below:25");
	assert_string_equal(way(r, "xb.test", 1), "smart-host/rather:25");
	assert_string_equal(way(r, "c.test", 10), "smart-host/tiny:25");
	assert_string_equal(way(r, "c.test", 11), "smart-host/rather:25");
	assert_string_equal(way(r, "mx.test", 1), "domain/mx.test");

	o = fake_add(&r->replica, CLASS_SERVER, "edge1", NULL);
	object_set_number(o, OBJ_ROLE, RPC_EDGE);
	route_load(&r->route, &r->replica, "hub.test", false);
	assert_string_equal(way(r, "b.test", 1), "edge/");
	route_load(&r->route, &r->replica, "edge.test", true);
	assert_string_equal(way(r, "b.test", 1), "smart-host/b:25");
	assert_int_equal(replica_by_guid(&r->replica, fake_guid(&r->replica, "b"), NULL, &o), ERR_OK);
	object_set_guid(o, OBJ_SOURCE, fake_guid(&r->replica, "edge1"));
	route_load(&r->route, &r->replica, "hub.test", false);
	snprintf(want, sizeof(want), "edge/%s",
		 guid_text(fake_guid(&r->replica, "edge1"), edge));
	assert_string_equal(way(r, "b.test", 1), want);
}

static void test_trusted_ranges(void **state)
{
	struct rig *r = *state;
	struct object *o = fake_add(&r->replica, CLASS_TRANSPORT, "transport", NULL);
	static const struct {
		const char *addr;
		bool want;
	} addrs[] = {
		{ "10.1.2.3:1", true },	       { "10.1.3.3:1", false },	     { "192.0.2.7:1", true },
		{ "192.0.2.8:1", false },      { "[2001:db8::1]:1", true },  { "[2001:db9::1]:1", false },
		{ "172.16.130.1:1", true },    { "172.16.127.1:1", false },
	};

	object_add_text(o, OBJ_TRUSTED_RANGE, "10.1.2.0/24");
	object_add_text(o, OBJ_TRUSTED_RANGE, "192.0.2.7");
	object_add_text(o, OBJ_TRUSTED_RANGE, "2001:db8::/32");
	object_add_text(o, OBJ_TRUSTED_RANGE, "172.16.128.0/17");
	object_add_text(o, OBJ_TRUSTED_RANGE, "nonsense");
	route_load(&r->route, &r->replica, "hub.test", false);
	for (size_t i = 0; i < N_ELEMS(addrs); i++) {
		struct addr a;

		assert_int_equal(addr_parse(addrs[i].addr, 1, &a), ERR_OK);
		if (route_is_trusted(&r->route, &a) != addrs[i].want)
			fail_msg("%s", addrs[i].addr);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)
	const struct CMUnitTest tests[] = {
		T(test_cases),
		T(test_over_the_limit_nobody_gets_it),
		T(test_a_group_of_pages),
		T(test_a_senders_own_limit),
		T(test_success_is_reported_for_the_group),
		T(test_directory_away_waits),
		T(test_at_rcpt),
		T(test_postmaster),
		T(test_send_as),
		T(test_connectors),
		T(test_trusted_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
