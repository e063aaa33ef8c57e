#include "common/replica/issuers.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/replica/feed.h"
#include "common/replica/objects.h"
#include "common/replica/pull.h"
#include "common/smtp/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* A master that is just a file of objects, and a replica that is fed from it by
 * hand: page by page, without a bus. */
struct rig {
	char dir[64], path[96];
	struct db *master;
	uint64_t usn;
	struct feed_to to;
	struct replica *r;
	struct arena a;
	unsigned changed, swapped;
	struct errbuf eb;
};

static void quiet(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

static void on_change(void *ctx, const struct object *o)
{
	struct rig *g = ctx;

	if (o)
		g->changed++;
	else
		g->swapped++;
}

static void open_replica(struct rig *g, const uint8_t *feed_key)
{
	const struct replica_conf conf = { .path = g->path, .on_change = on_change, .ctx = g,
					   .feed_key = feed_key };

	assert_int_equal(replica_open(&conf, &g->r, &g->eb), ERR_OK);
}

static void new_incarnation(struct rig *g)
{
	struct guid inc = guid_make();

	assert_int_equal(objects_set_guid(g->master, META_INCARNATION, &inc, &g->eb), ERR_OK);
}

static void rig_up(struct rig *g, unsigned role, const uint8_t *feed_key)
{
	static const char *const steps[] = { objects_schema };
	const struct db_schema schema = { steps, 1, 7 };
	char path[96];
	struct db_conf conf = { .path = path, .flags = DB_CREATE | DB_CHECKPOINT };

	memset(g, 0, sizeof(*g));
	log_set_sink(quiet);
	strcpy(g->dir, "/tmp/bourse-test-XXXXXX");
	assert_non_null(mkdtemp(g->dir));
	snprintf(path, sizeof(path), "%s/master.db", g->dir);
	snprintf(g->path, sizeof(g->path), "%s/replica.db", g->dir);
	assert_int_equal(db_open(&conf, &schema, &g->master, &g->eb), ERR_OK);
	assert_int_equal(db_exec(g->master, "PRAGMA synchronous=OFF", &g->eb), ERR_OK);
	new_incarnation(g);
	g->to.role = role;
	g->to.hash_key = feed_key;
	open_replica(g, feed_key);
}

static void rig_down(struct rig *g)
{
	char cmd[128];

	replica_close(&g->r);
	db_close(&g->master);
	arena_fini(&g->a);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", g->dir);
	assert_int_equal(system(cmd), 0);
	log_set_sink(NULL);
}

static struct object *make(struct rig *g, unsigned klass, const char *name)
{
	struct object *o = object_new(&g->a, klass);

	o->guid = guid_make();
	object_set_text(o, OBJ_NAME, name);
	return o;
}

/* One batch of its own. */
static void put(struct rig *g, struct object *o)
{
	o->usn = ++g->usn;
	assert_int_equal(objects_put(g->master, o, clock_wall_ms(), &g->eb), ERR_OK);
	assert_int_equal(objects_set_int(g->master, META_USN, (int64_t)g->usn, &g->eb), ERR_OK);
}

static struct object *put_mailbox(struct rig *g, const char *name, const char *address)
{
	struct object *o = make(g, CLASS_MAILBOX, name);

	object_set_text(o, OBJ_EMAIL, address);
	object_set_bytes(o, OBJ_PASSWORD_HASH, "hash", 4);
	put(g, o);
	return o;
}

static struct object *put_domain(struct rig *g, const char *domain, const char *type)
{
	struct object *o = make(g, CLASS_DOMAIN, domain);

	object_set_text(o, OBJ_DOMAIN, domain);
	object_set_text(o, OBJ_DOMAIN_TYPE, type);
	put(g, o);
	return o;
}

static void delete(struct rig *g, const struct object *o)
{
	struct object *t = object_new(&g->a, o->klass);

	t->guid = o->guid;
	t->deleted = true;
	put(g, t);
}

/* Ask until there is no more.  Returns how many pages it took. */
static unsigned sync_up(struct rig *g)
{
	unsigned pages = 0;
	bool more = true;

	while (more) {
		struct directory_ask ask;
		struct directory_page page;
		struct arena a = { 0 };
		enum err e;

		pull_ask(g->r, &ask);
		assert_int_equal(feed_page(g->master, &g->to, &ask, &a, &page, &g->eb), ERR_OK);
		e = pull_take(g->r, &page, &more, &g->eb);
		if (e)
			fail_msg("%s (%s)", err_text(e), g->eb.text);
		arena_fini(&a);
		assert_true(++pages < 1000);
	}
	return pages;
}

static void test_snapshot_then_changes(void **state)
{
	struct object *alice, *bob, *got;
	struct rig g;

	(void)state;
	rig_up(&g, RPC_CAS, NULL);
	assert_false(replica_is_ready(g.r));
	assert_int_equal(replica_recipient(g.r, "alice@example.org"), RCPT_AGAIN);
	put_domain(&g, "example.org", "authoritative");
	alice = put_mailbox(&g, "alice", "alice@example.org");
	bob = put_mailbox(&g, "bob", "bob@example.org");
	delete(&g, put_mailbox(&g, "gone", "gone@example.org"));
	sync_up(&g);
	assert_int_equal(g.swapped, 1);
	assert_true(replica_is_ready(g.r));
	assert_int_equal(replica_usn(g.r), g.usn);
	assert_int_equal(replica_by_address(g.r, "Alice@Example.ORG", &g.a, &got), ERR_OK);
	assert_true(guid_eq(&got->guid, &alice->guid));
	assert_int_equal(replica_by_address(g.r, "gone@example.org", &g.a, &got), ERR_NOTFOUND);

	/* An address moves from one to the other, who gave it away later. */
	object_set_text(alice, OBJ_EMAIL, "a@example.org");
	put(&g, alice);
	object_add_text(bob, OBJ_EMAIL, "alice@example.org");
	put(&g, bob);
	object_set_text(alice, OBJ_DISPLAY, "Alice");
	put(&g, alice);
	sync_up(&g);
	assert_int_equal(g.swapped, 1);
	assert_int_equal(g.changed, 2);
	assert_int_equal(replica_by_address(g.r, "alice@example.org", &g.a, &got), ERR_OK);
	assert_true(guid_eq(&got->guid, &bob->guid));
	assert_int_equal(replica_by_address(g.r, "a@example.org", &g.a, &got), ERR_OK);
	assert_string_equal(object_text(got, OBJ_DISPLAY), "Alice");

	delete(&g, alice);
	sync_up(&g);
	assert_int_equal(replica_by_guid(g.r, &alice->guid, &g.a, &got), ERR_NOTFOUND);
	assert_int_equal(replica_by_name(g.r, CLASS_MAILBOX, "alice", &g.a, &got), ERR_NOTFOUND);
	rig_down(&g);
}

static void test_it_works_after_a_restart_without_the_directory(void **state)
{
	struct object *got;
	struct rig g;

	(void)state;
	rig_up(&g, RPC_CAS, NULL);
	put_domain(&g, "example.org", "authoritative");
	put_mailbox(&g, "alice", "alice@example.org");
	sync_up(&g);
	replica_close(&g.r);
	open_replica(&g, NULL);
	assert_true(replica_is_ready(g.r));
	assert_int_equal(replica_usn(g.r), g.usn);
	assert_int_equal(replica_by_login(g.r, "alice", &g.a, &got), ERR_OK);
	assert_int_equal(replica_recipient(g.r, "alice@example.org"), RCPT_KNOWN);
	/* ... and goes on where it was. */
	put_mailbox(&g, "bob", "bob@example.org");
	sync_up(&g);
	assert_int_equal(g.swapped, 1);
	assert_int_equal(replica_by_login(g.r, "bob", &g.a, &got), ERR_OK);
	rig_down(&g);
}

static void test_when_a_snapshot_is_due(void **state)
{
	struct object *got;
	struct rig g;

	(void)state;
	rig_up(&g, RPC_CAS, NULL);
	put_mailbox(&g, "alice", "alice@example.org");
	sync_up(&g);
	assert_int_equal(g.swapped, 1);
	/* Tombstones that it needs are gone. */
	put_mailbox(&g, "bob", "bob@example.org");
	assert_int_equal(objects_set_int(g.master, META_FLOOR, (int64_t)g.usn, &g.eb), ERR_OK);
	sync_up(&g);
	assert_int_equal(g.swapped, 2);
	/* Another incarnation, with less in it. */
	new_incarnation(&g);
	sync_up(&g);
	assert_int_equal(g.swapped, 3);
	assert_int_equal(replica_by_login(g.r, "bob", &g.a, &got), ERR_OK);
	/* Nothing new: nothing swapped. */
	assert_int_equal(sync_up(&g), 1);
	assert_int_equal(g.swapped, 3);
	/* A file made by other rules. */
	assert_int_equal(objects_set_int(replica_db(g.r), META_FILTER, 99, &g.eb), ERR_OK);
	sync_up(&g);
	assert_int_equal(g.swapped, 4);
	rig_down(&g);
}

static void test_many_pages(void **state)
{
	struct object *got;
	unsigned pages;
	struct rig g;

	(void)state;
	rig_up(&g, RPC_MAILBOX, NULL);
	assert_int_equal(db_begin(g.master, &g.eb), ERR_OK);
	for (int i = 0; i < 1500; i++) {
		char name[32], address[64];

		snprintf(name, sizeof(name), "u%d", i);
		snprintf(address, sizeof(address), "u%d@example.org", i);
		put_mailbox(&g, name, address);
	}
	assert_int_equal(db_commit(g.master, &g.eb), ERR_OK);
	pages = sync_up(&g);
	assert_true(pages >= 4);
	assert_int_equal(replica_by_address(g.r, "u1499@example.org", &g.a, &got), ERR_OK);
	{
		struct replica_iter *it = replica_each(g.r, CLASS_MAILBOX);
		struct arena a = { 0 };
		int n = 0;

		while (replica_each_next(it, &a))
			n++;
		replica_each_end(&it);
		arena_fini(&a);
		assert_int_equal(n, 1500);
	}
	rig_down(&g);
}

/* Objects of one number come in one page, or the page ends before them. */
static void test_batches_stay_whole(void **state)
{
	static char big[30000];
	struct directory_ask ask = { .filter_version = FEED_VERSION };
	struct directory_page page;
	struct rig g;

	(void)state;
	rig_up(&g, RPC_MAILBOX, NULL);
	memset(big, 'x', sizeof(big));
	for (int batch = 1; batch <= 6; batch++)
		for (int i = 0; i < 3; i++) {
			struct object *o = make(&g, CLASS_CONNECTOR, "c");

			object_set_bytes(o, OBJ_KEY, big, sizeof(big));
			o->usn = (uint64_t)batch;
			assert_int_equal(objects_put(g.master, o, 1, &g.eb), ERR_OK);
		}
	assert_int_equal(objects_set_int(g.master, META_USN, 6, &g.eb), ERR_OK);
	assert_true(objects_meta_guid(g.master, META_INCARNATION, &ask.incarnation));
	do {
		assert_int_equal(feed_page(g.master, &g.to, &ask, &g.a, &page, &g.eb), ERR_OK);
		assert_int_equal(page.n % 3, 0);
		assert_true(page.n > 0);
		assert_int_equal(page.usn, page.objects[page.n - 1]->usn);
		ask.usn = page.usn;
	} while (page.more);
	assert_int_equal(page.usn, 6);
	rig_down(&g);
}

/* ---- what must not happen ------------------------------------------------------------ */

static void test_a_crash_leaves_before_or_after(void **state)
{
	struct object *got;
	struct rig g;
	pid_t pid;
	int status;

	(void)state;
	rig_up(&g, RPC_CAS, NULL);
	put_mailbox(&g, "alice", "alice@example.org");
	sync_up(&g);
	replica_close(&g.r);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		/* Half a page, and gone. */
		struct object *o = make(&g, CLASS_MAILBOX, "half");

		open_replica(&g, NULL);
		o->usn = 99;
		if (db_begin(replica_db(g.r), NULL) != ERR_OK ||
		    objects_put(replica_db(g.r), o, 1, NULL) != ERR_OK ||
		    objects_set_int(replica_db(g.r), META_USN, 99, NULL) != ERR_OK)
			_exit(1);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	open_replica(&g, NULL);
	assert_int_equal(replica_usn(g.r), g.usn);
	assert_int_equal(replica_by_login(g.r, "half", &g.a, &got), ERR_NOTFOUND);
	assert_int_equal(replica_by_login(g.r, "alice", &g.a, &got), ERR_OK);
	rig_down(&g);
}

static void test_half_a_snapshot_is_nothing(void **state)
{
	struct directory_ask ask;
	struct directory_page page;
	struct object *got;
	struct rig g;
	bool more;

	(void)state;
	rig_up(&g, RPC_CAS, NULL);
	put_mailbox(&g, "alice", "alice@example.org");
	sync_up(&g);
	for (int i = 0; i < 700; i++) {
		char name[32];

		snprintf(name, sizeof(name), "u%d", i);
		put_mailbox(&g, name, "x@example.org");
	}
	new_incarnation(&g);
	for (int i = 0; i < 2; i++) {	/* "need a snapshot", and its first page */
		pull_ask(g.r, &ask);
		assert_int_equal(feed_page(g.master, &g.to, &ask, &g.a, &page, &g.eb), ERR_OK);
		assert_int_equal(pull_take(g.r, &page, &more, &g.eb), ERR_OK);
		assert_true(more);
	}
	assert_true(page.more);
	/* The old content serves on; after a restart as well. */
	assert_int_equal(replica_by_login(g.r, "alice", &g.a, &got), ERR_OK);
	assert_int_equal(replica_by_login(g.r, "u1", &g.a, &got), ERR_NOTFOUND);
	replica_close(&g.r);
	open_replica(&g, NULL);
	assert_int_equal(replica_by_login(g.r, "alice", &g.a, &got), ERR_OK);
	sync_up(&g);
	assert_int_equal(replica_by_login(g.r, "u1", &g.a, &got), ERR_OK);
	rig_down(&g);
}

enum lie { PAST_USN, OLD_OBJECT, FUTURE_OBJECT, DESCENDING, EMPTY_MORE, OTHER_DIRECTORY };
static const char *const lies[] = {
	[PAST_USN] = "a page of the past", [OLD_OBJECT] = "an object that we have",
	[FUTURE_OBJECT] = "an object beyond the page", [DESCENDING] = "numbers that descend",
	[EMPTY_MORE] = "an empty page that goes on",
	[OTHER_DIRECTORY] = "another directory's page",
};

static void test_hostile_pages(void **state)
{
	struct object *o[2], *got;
	struct rig g;

	(void)state;
	rig_up(&g, RPC_CAS, NULL);
	put_mailbox(&g, "alice", "alice@example.org");
	put_mailbox(&g, "bob", "bob@example.org");
	sync_up(&g);
	for (size_t i = 0; i < N_ELEMS(lies); i++) {
		struct directory_page p = { .incarnation = g.r->incarnation, .usn = g.usn + 2,
					    .filter_version = FEED_VERSION, .objects = o, .n = 2 };
		bool more;

		o[0] = make(&g, CLASS_MAILBOX, "evil");
		o[1] = make(&g, CLASS_MAILBOX, "evil2");
		o[0]->usn = g.usn + 1;
		o[1]->usn = g.usn + 2;
		switch ((enum lie)i) {
		case PAST_USN: p.usn = g.usn - 1; p.n = 0; break;
		case OLD_OBJECT: o[0]->usn = g.usn; break;
		case FUTURE_OBJECT: o[1]->usn = g.usn + 3; break;
		case DESCENDING: o[0]->usn = g.usn + 2; o[1]->usn = g.usn + 1; break;
		case EMPTY_MORE: p.n = 0; p.more = true; break;
		case OTHER_DIRECTORY: p.incarnation = guid_make(); break;
		}
		if (pull_take(g.r, &p, &more, &g.eb) != ERR_INVALID)
			fail_msg("%s was taken", lies[i]);
		assert_int_equal(replica_usn(g.r), g.usn);
		assert_int_equal(replica_by_login(g.r, "evil", &g.a, &got), ERR_NOTFOUND);
	}
	sync_up(&g);
	rig_down(&g);
}

static void test_a_snapshot_must_move_on(void **state)
{
	struct directory_page p = { .need_snapshot = true };
	struct object *o[1];
	struct rig g;
	bool more;

	(void)state;
	rig_up(&g, RPC_CAS, NULL);
	p.incarnation = guid_make();
	assert_int_equal(pull_take(g.r, &p, &more, &g.eb), ERR_OK);
	p.need_snapshot = false;
	p.more = true;
	p.usn = 5;
	p.objects = o;
	p.n = 1;
	o[0] = make(&g, CLASS_MAILBOX, "x");
	assert_int_equal(pull_take(g.r, &p, &more, &g.eb), ERR_OK);
	assert_int_equal(pull_take(g.r, &p, &more, &g.eb), ERR_INVALID);
	assert_false(replica_is_ready(g.r));
	sync_up(&g);
	assert_true(replica_is_ready(g.r));
	rig_down(&g);
}

static void test_a_damaged_file_is_put_aside(void **state)
{
	struct object *got;
	struct rig g;
	FILE *f;

	(void)state;
	rig_up(&g, RPC_CAS, NULL);
	put_mailbox(&g, "alice", "alice@example.org");
	sync_up(&g);
	replica_close(&g.r);
	f = fopen(g.path, "w");
	assert_non_null(f);
	for (int i = 0; i < 4096; i++)
		fputs("junk", f);
	fclose(f);
	open_replica(&g, NULL);
	assert_false(replica_is_ready(g.r));
	sync_up(&g);
	assert_int_equal(replica_by_login(g.r, "alice", &g.a, &got), ERR_OK);
	rig_down(&g);
}

/* ---- what each role gets ----------------------------------------------------------------- */

static const struct {
	const char *what;
	unsigned role;
	const char *off;		/* attribute that is switched off */
	bool gets;
} verifiers[] = {
	{ "cas", RPC_CAS, NULL, true },
	{ "cas, IMAP off", RPC_CAS, "imap", true },
	{ "cas, disabled", RPC_CAS, "enabled", false },
	{ "hub", RPC_HUB, NULL, true },
	{ "hub, no submission", RPC_HUB, "submission", false },
	{ "mailbox", RPC_MAILBOX, NULL, false },
	{ "um", RPC_UM, NULL, false },
};

static void test_who_gets_verifiers(void **state)
{
	struct arena a = { 0 };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(verifiers); i++) {
		struct feed_to to = { .role = verifiers[i].role };
		struct object *o = object_new(&a, CLASS_MAILBOX);
		const struct object *seen;

		object_set_text(o, OBJ_NAME, "n");
		object_set_bytes(o, OBJ_PASSWORD_HASH, "x", 1);
		object_set_text(o, 4000, "a newer attribute");
		if (verifiers[i].off)
			object_set_number(o, attr_by_name(CLASS_MAILBOX, verifiers[i].off)->id, 0);
		seen = feed_filter(&to, o, &a);
		if (object_has(seen, OBJ_PASSWORD_HASH) != verifiers[i].gets)
			fail_msg("%s", verifiers[i].what);
		assert_false(object_has(seen, 4000));
		assert_true(object_has(o, OBJ_PASSWORD_HASH));
	}
	arena_fini(&a);
}

static void test_leaving_the_filter_is_a_delete(void **state)
{
	uint8_t key[32] = { 3 };
	struct object *team;
	struct rig g;

	(void)state;
	rig_up(&g, RPC_EDGE, key);
	put_domain(&g, "example.org", "authoritative");
	team = make(&g, CLASS_GROUP, "team");
	object_set_text(team, OBJ_EMAIL, "team@example.org");
	put(&g, team);
	sync_up(&g);
	assert_int_equal(replica_recipient(g.r, "team@example.org"), RCPT_KNOWN);
	object_set_number(team, OBJ_REQUIRE_AUTH, 1);
	put(&g, team);
	sync_up(&g);
	assert_int_equal(g.swapped, 1);
	assert_int_equal(replica_recipient(g.r, "team@example.org"), RCPT_UNKNOWN);
	rig_down(&g);
}

static void test_an_edge_holds_no_address(void **state)
{
	uint8_t key[32] = { 3 }, other[32] = { 4 };
	struct object *got, *hub;
	struct rig g;
	char cmd[256];

	(void)state;
	rig_up(&g, RPC_EDGE, key);
	put_domain(&g, "example.org", "authoritative");
	put_domain(&g, "partner.test", "internal-relay");
	got = put_mailbox(&g, "alicename", "alicelocal@example.org");
	object_add_text(got, OBJ_EMAIL, "Ålice@example.org");
	put(&g, got);
	hub = make(&g, CLASS_SERVER, "hub1");
	object_set_number(hub, OBJ_ROLE, RPC_HUB);
	object_set_bytes(hub, OBJ_KEY, "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh", 32);
	object_set_text(hub, OBJ_ENDPOINT, "tcp://insidehost:1");
	object_set_bytes(hub, OBJ_FEED_KEY, "secret", 6);
	put(&g, hub);
	put(&g, make(&g, CLASS_DATABASE, "dbname"));
	sync_up(&g);
	assert_int_equal(replica_recipient(g.r, "alicelocal@example.org"), RCPT_KNOWN);
	assert_int_equal(replica_recipient(g.r, "ALICElocal+tag@example.org"), RCPT_KNOWN);
	assert_int_equal(replica_recipient(g.r, "åLICE@example.org"), RCPT_KNOWN);
	assert_int_equal(replica_recipient(g.r, "nobody@example.org"), RCPT_UNKNOWN);
	assert_int_equal(replica_recipient(g.r, "nobody@partner.test"), RCPT_RELAY);
	assert_int_equal(replica_recipient(g.r, "nobody@elsewhere.test"), RCPT_OUTSIDE);
	assert_int_equal(replica_by_guid(g.r, &hub->guid, &g.a, &got), ERR_OK);
	assert_false(object_has(got, OBJ_ENDPOINT));
	assert_false(object_has(got, OBJ_FEED_KEY));
	replica_close(&g.r);
	snprintf(cmd, sizeof(cmd), "cat %s/replica.db* | grep -aqiE "
		 "'alicelocal|alicename|insidehost|dbname'", g.dir);
	assert_int_not_equal(system(cmd), 0);
	/* Under another key all hashes are other ones: everything is sent again. */
	g.to.hash_key = other;
	open_replica(&g, other);
	sync_up(&g);
	assert_int_equal(g.swapped, 2);
	assert_int_equal(replica_recipient(g.r, "alicelocal@example.org"), RCPT_KNOWN);
	rig_down(&g);
}

/* A hub that is behind must not set its edge back. */
static void test_a_source_that_is_behind(void **state)
{
	struct directory_ask ask = { .filter_version = FEED_VERSION };
	struct directory_page page;
	struct rig g;

	(void)state;
	rig_up(&g, RPC_HUB, NULL);
	put_mailbox(&g, "alice", "alice@example.org");
	assert_true(objects_meta_guid(g.master, META_INCARNATION, &ask.incarnation));
	ask.usn = g.usn + 10;
	assert_int_equal(feed_page(g.master, &g.to, &ask, &g.a, &page, &g.eb), ERR_OK);
	assert_false(page.need_snapshot);
	assert_int_equal(page.n, 0);
	assert_int_equal(page.usn, ask.usn);
	rig_down(&g);
}

/* ---- looking up ------------------------------------------------------------------------------ */

static void test_domains(void **state)
{
	static const struct {
		const char *domain;
		enum domain_kind kind;
	} cases[] = {
		{ "example.org", DOMAIN_AUTHORITATIVE }, { "EXAMPLE.ORG", DOMAIN_AUTHORITATIVE },
		{ "sub.example.org", DOMAIN_NONE }, { "wild.test", DOMAIN_NONE },
		{ "a.wild.test", DOMAIN_EXTERNAL_RELAY }, { "a.b.wild.test", DOMAIN_EXTERNAL_RELAY },
		{ "inner.wild.test", DOMAIN_INTERNAL_RELAY }, { "bücher.test", DOMAIN_AUTHORITATIVE },
		{ "xn--bcher-kva.test", DOMAIN_AUTHORITATIVE }, { "", DOMAIN_NONE },
		{ "not a domain", DOMAIN_NONE }, { "org", DOMAIN_NONE },
	};
	struct rig g;

	(void)state;
	rig_up(&g, RPC_HUB, NULL);
	put_domain(&g, "example.org", "authoritative");
	put_domain(&g, "*.wild.test", "external-relay");
	put_domain(&g, "inner.wild.test", "internal-relay");
	put_domain(&g, "xn--bcher-kva.test", "authoritative");
	sync_up(&g);
	for (size_t i = 0; i < N_ELEMS(cases); i++)
		if (replica_domain(g.r, cases[i].domain) != cases[i].kind)
			fail_msg("%s", cases[i].domain);
	rig_down(&g);
}

static void test_logins_and_tags(void **state)
{
	static const struct {
		const char *login;
		enum err e;
	} cases[] = {
		{ "alice", ERR_OK }, { "ALICE", ERR_OK }, { "al", ERR_OK },
		{ "alice@example.org", ERR_OK }, { "CORP\\alice", ERR_OK },
		{ "second@example.org", ERR_OK }, { "alice+tag@example.org", ERR_NOTFOUND },
		{ "team", ERR_NOTFOUND }, { "team@example.org", ERR_NOTFOUND },
		{ "", ERR_NOTFOUND }, { "@", ERR_NOTFOUND }, { "alice@", ERR_NOTFOUND },
	};
	struct object *o, *d;
	struct rig g;

	(void)state;
	rig_up(&g, RPC_CAS, NULL);
	d = put_domain(&g, "example.org", "authoritative");
	o = put_mailbox(&g, "alice", "alice@example.org");
	object_add_text(o, OBJ_EMAIL, "second@example.org");
	object_set_text(o, OBJ_ALIAS, "al");
	put(&g, o);
	o = make(&g, CLASS_GROUP, "team");
	object_set_text(o, OBJ_EMAIL, "team@example.org");
	put(&g, o);
	sync_up(&g);
	for (size_t i = 0; i < N_ELEMS(cases); i++)
		if (replica_by_login(g.r, cases[i].login, &g.a, &o) != cases[i].e)
			fail_msg("%s", cases[i].login);
	assert_int_equal(replica_by_address(g.r, "alice+x@example.org", &g.a, &o), ERR_OK);
	object_set_number(d, OBJ_PLUS_TAG, 0);
	put(&g, d);
	sync_up(&g);
	assert_int_equal(replica_by_address(g.r, "alice+x@example.org", &g.a, &o), ERR_NOTFOUND);
	assert_int_equal(replica_recipient(g.r, "alice+x@example.org"), RCPT_UNKNOWN);
	rig_down(&g);
}

static void test_credentials(void **state)
{
	struct credential_source src;
	struct credential c, d;
	struct object *o;
	struct rig g;

	(void)state;
	rig_up(&g, RPC_CAS, NULL);
	src = replica_credentials(g.r);
	assert_int_equal(src.lookup(src.ctx, "alice", &c), ERR_AGAIN);
	o = put_mailbox(&g, "alice", "alice@example.org");
	sync_up(&g);
	assert_int_equal(src.lookup(src.ctx, "nobody", &c), ERR_NOTFOUND);
	assert_int_equal(src.lookup(src.ctx, "alice", &c), ERR_OK);
	assert_true(c.enabled);
	assert_int_equal(c.protocols, LOGIN_IMAP | LOGIN_POP3 | LOGIN_SMTP);
	assert_int_equal(c.argon.n, 4);
	assert_string_equal(c.user, "alice@example.org");
	object_set_text(o, OBJ_PHONE, "1");
	put(&g, o);
	sync_up(&g);
	assert_int_equal(src.lookup(src.ctx, "alice", &d), ERR_OK);
	assert_true(c.usn == d.usn);		/* nobody is thrown out for a new number */
	object_set_bytes(o, OBJ_PASSWORD_HASH, "hasx", 4);
	put(&g, o);
	sync_up(&g);
	assert_int_equal(src.lookup(src.ctx, "alice", &d), ERR_OK);
	assert_true(c.usn != d.usn);
	c = d;
	object_set_number(o, OBJ_POP3, 0);
	put(&g, o);
	sync_up(&g);
	assert_int_equal(src.lookup(src.ctx, "alice", &d), ERR_OK);
	assert_int_equal(d.protocols, LOGIN_IMAP | LOGIN_SMTP);
	assert_true(c.usn == d.usn);		/* who uses POP3 is found out by that */
	object_set_number(o, OBJ_ENABLED, 0);
	put(&g, o);
	sync_up(&g);
	assert_int_equal(src.lookup(src.ctx, "alice", &d), ERR_OK);
	assert_false(d.enabled);
	assert_int_equal(d.argon.n, 0);
	rig_down(&g);
}

/* Issuers and the organisation's switch find their way into a struct login. */
static void test_login_settings(void **state)
{
	static const char jwk[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
				  "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";
	struct login_conf lc = { .params = PASSWORD_DEFAULTS };
	struct work_conf wc = { .threads = 1, .max_queue = 1 };
	struct object *issuer, *org;
	struct login *l;
	uv_loop_t loop;
	struct rig g;

	(void)state;
	rig_up(&g, RPC_CAS, NULL);
	assert_int_equal(uv_loop_init(&loop), 0);
	wc.loop = &loop;
	lc.pool = work_pool_open(&wc);
	lc.source = replica_credentials(g.r);
	l = login_new(&lc);
	replica_tell_login(g.r, l);		/* there is nothing yet */
	assert_int_equal(oauth_issuers(login_oauth(l)), 0);
	issuer = make(&g, CLASS_OAUTH_ISSUER, "id");
	object_set_text(issuer, OBJ_ISSUER, "https://id.example.org");
	object_set_text(issuer, OBJ_AUDIENCE, "imap");
	object_set_text(issuer, OBJ_JWK, jwk);
	put(&g, issuer);
	put(&g, make(&g, CLASS_OAUTH_ISSUER, "without all"));
	org = make(&g, CLASS_ORGANISATION, "org");
	put(&g, org);
	sync_up(&g);
	replica_tell_login(g.r, l);
	assert_int_equal(oauth_issuers(login_oauth(l)), 1);
	assert_false(login_has_sha1(l));
	object_set_number(org, OBJ_ALLOW_SHA1, 1);
	put(&g, org);
	delete(&g, issuer);
	sync_up(&g);
	replica_tell_login(g.r, l);
	assert_int_equal(oauth_issuers(login_oauth(l)), 0);
	assert_true(login_has_sha1(l));
	assert_true(replica_is_about_logins(NULL));
	assert_true(replica_is_about_logins(org));
	login_free(&l);
	work_pool_close(&lc.pool);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	rig_down(&g);
}

static void test_nested_membership(void **state)
{
	struct object *alice, *g1, *g2, *g3;
	struct rig g;

	(void)state;
	rig_up(&g, RPC_HUB, NULL);
	alice = put_mailbox(&g, "alice", "a@x.test");
	g1 = make(&g, CLASS_GROUP, "g1");
	g2 = make(&g, CLASS_GROUP, "g2");
	g3 = make(&g, CLASS_GROUP, "g3");
	object_add_guid(g1, OBJ_MEMBER, &alice->guid);
	object_add_guid(g1, OBJ_MEMBER, &g3->guid);	/* a circle */
	object_add_guid(g2, OBJ_MEMBER, &g1->guid);
	object_add_guid(g3, OBJ_MEMBER, &g2->guid);
	object_add_guid(g3, OBJ_ACCEPT_FROM, &alice->guid);	/* no membership */
	put(&g, g1);
	put(&g, g2);
	put(&g, g3);
	sync_up(&g);
	assert_true(replica_is_member(g.r, &g1->guid, &alice->guid));
	assert_true(replica_is_member(g.r, &g3->guid, &alice->guid));
	assert_true(replica_is_member(g.r, &g1->guid, &g1->guid));
	assert_false(replica_is_member(g.r, &alice->guid, &g1->guid));
	assert_false(replica_is_member(g.r, &alice->guid, &alice->guid));
	object_unset(g2, OBJ_MEMBER);
	put(&g, g2);
	sync_up(&g);
	assert_true(replica_is_member(g.r, &g1->guid, &alice->guid));
	assert_false(replica_is_member(g.r, &g3->guid, &alice->guid));
	rig_down(&g);
}

static void test_keys(void **state)
{
	struct rpc_ident who;
	struct object *s;
	struct rig g;
	uint8_t k1[32] = "1", k2[32] = "2";

	(void)state;
	rig_up(&g, RPC_HUB, NULL);
	s = make(&g, CLASS_SERVER, "cas1");
	object_set_number(s, OBJ_ROLE, RPC_CAS);
	object_add_bytes(s, OBJ_KEY, k1, 32);
	object_add_bytes(s, OBJ_KEY, k2, 32);
	put(&g, s);
	sync_up(&g);
	assert_true(replica_who(g.r, k1, &who));
	assert_true(replica_who(g.r, k2, &who));
	assert_int_equal(who.role, RPC_CAS);
	assert_string_equal(who.name, "cas1");
	delete(&g, s);
	sync_up(&g);
	assert_false(replica_who(g.r, k1, &who));
	rig_down(&g);
}

/* Not a benchmark, but RCPT TO and logins stand on it: a look-up that has become ten
 * times slower is a fault. */
static void test_look_ups_are_quick(void **state)
{
	struct arena a = { 0 };
	struct rig g;
	int64_t t0;
	long us;

	(void)state;
	rig_up(&g, RPC_HUB, NULL);
	put_domain(&g, "example.org", "authoritative");
	assert_int_equal(db_begin(g.master, &g.eb), ERR_OK);
	for (int i = 0; i < 2000; i++) {
		char name[32], address[64];

		snprintf(name, sizeof(name), "u%d", i);
		snprintf(address, sizeof(address), "u%d@example.org", i);
		put_mailbox(&g, name, address);
	}
	assert_int_equal(db_commit(g.master, &g.eb), ERR_OK);
	sync_up(&g);
	t0 = clock_mono_us();
	for (int i = 0; i < 2000; i++) {
		struct object *o;
		char address[64];

		snprintf(address, sizeof(address), "u%d@example.org", i * 7919 % 2000);
		assert_int_equal(replica_by_address(g.r, address, &a, &o), ERR_OK);
		arena_reset(&a);
	}
	us = (long)(clock_mono_us() - t0);
	print_message("by address: %ld.%02ld us\n", us / 2000, us % 2000 / 20);
	assert_true(us < 2000 * 200);
	t0 = clock_mono_us();
	for (int i = 0; i < 2000; i++)
		assert_int_equal(replica_recipient(g.r, "u77@example.org"), RCPT_KNOWN);
	us = (long)(clock_mono_us() - t0);
	print_message("recipient: %ld.%02ld us\n", us / 2000, us % 2000 / 20);
	arena_fini(&a);
	rig_down(&g);
}

static void on_plan(void *ctx, const char *sql, const char *detail)
{
	if (strncmp(detail, "SCAN ", 5) == 0 && strcmp(detail, "SCAN sqlite_schema") != 0)
		fail_msg("%s: %s", sql, detail);
	++*(unsigned *)ctx;
}

static void test_no_statement_scans(void **state)
{
	unsigned plans = 0;
	struct rig g;

	(void)state;
	rig_up(&g, RPC_HUB, NULL);
	if (db_explain_all(g.master, on_plan, &plans, &g.eb) != ERR_OK)
		fail_msg("%s", g.eb.text);
	assert_true(plans > 20);
	rig_down(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_snapshot_then_changes),
		cmocka_unit_test(test_it_works_after_a_restart_without_the_directory),
		cmocka_unit_test(test_when_a_snapshot_is_due),
		cmocka_unit_test(test_many_pages),
		cmocka_unit_test(test_batches_stay_whole),
		cmocka_unit_test(test_a_crash_leaves_before_or_after),
		cmocka_unit_test(test_half_a_snapshot_is_nothing),
		cmocka_unit_test(test_hostile_pages),
		cmocka_unit_test(test_a_snapshot_must_move_on),
		cmocka_unit_test(test_a_damaged_file_is_put_aside),
		cmocka_unit_test(test_who_gets_verifiers),
		cmocka_unit_test(test_leaving_the_filter_is_a_delete),
		cmocka_unit_test(test_an_edge_holds_no_address),
		cmocka_unit_test(test_a_source_that_is_behind),
		cmocka_unit_test(test_domains),
		cmocka_unit_test(test_logins_and_tags),
		cmocka_unit_test(test_credentials),
		cmocka_unit_test(test_login_settings),
		cmocka_unit_test(test_nested_membership),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_no_statement_scans),
		cmocka_unit_test(test_look_ups_are_quick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
