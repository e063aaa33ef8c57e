#include "world.h"

/* A directory, a hub, a cas and an edge in one process, over the real bus on local
 * sockets: enrolment, replication, an edge's feed through its hub, keys that change,
 * and how long a change takes. */

static void test_inside(void **state)
{
	struct world w;
	struct role *hub;
	struct object *o;
	struct stat st;
	char path[256];

	(void)state;
	world_up(&w);
	enrol_inside(&w, "bourse-hub", RPC_HUB, "hub1");
	snprintf(path, sizeof(path), "%s/keys/bourse-hub/key", w.r.dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	hub = start(&w, 0, "bourse-hub", RPC_HUB, "hub", 0);
	assert_string_equal(member_name(hub->member), "hub1");
	assert_memory_equal(member_pepper(hub->member)->key, w.r.d.pepper.key, 32);
	until(&w, "first fill", has_reported, hub);
	assert_int_equal(hub->swaps, 1);
	/* It reported where it is. */
	assert_int_equal(apply_find(&w.r.d, CLASS_SERVER, "hub1", NULL, &w.r.a, &o, &w.r.eb), ERR_OK);
	snprintf(path, sizeof(path), "ipc://%s/hub", w.r.dir);
	assert_string_equal(object_text(o, OBJ_ENDPOINT), path);

	/* The directory goes and comes back: nothing is filled anew. */
	directory_close(&w.r.d);
	{
		struct metrics *m = w.r.d.metrics;

		uv_run(&w.loop, UV_RUN_NOWAIT);
		uv_run(&w.loop, UV_RUN_NOWAIT);
		directory_init(&w.r.d);
		w.r.d.metrics = m;
	}
	assert_int_equal(replica_by_name(member_replica(hub->member), CLASS_DOMAIN, "example.org",
					 &w.r.a, &o), ERR_OK);
	if (directory_open(&w.r.d, &w.r.eb) != ERR_OK)
		fail_msg("directory: %s", w.r.eb.text);
	rig_must(&w.r, APPLY_CREATE, CLASS_DOMAIN, "second.test", "", NULL);
	until(&w, "changes after the directory came back", has_reported, hub);
	assert_int_equal(hub->swaps, 1);
	assert_int_equal(replica_domain(member_replica(hub->member), "second.test"),
			 DOMAIN_AUTHORITATIVE);
	world_down(&w);
}

/* ---- an edge ---------------------------------------------------------------------------- */

static bool edge_knows(struct world *w, void *address)
{
	return replica_recipient(member_replica(w->role[1].member), address) == RCPT_KNOWN;
}

static bool edge_knows_not(struct world *w, void *address)
{
	return replica_recipient(member_replica(w->role[1].member), address) == RCPT_UNKNOWN;
}

#define PIN_HUB	 "hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh"
#define PIN_EDGE "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"
#define PIN_NEXT "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"

struct pinned {
	const struct guid *server;
	const char *pin;
};

/* Does the hub's replica say so? */
static bool has_pin(struct world *w, void *arg)
{
	const struct pinned *p = arg;
	struct arena a = { 0 };
	struct object *o;
	bool has = replica_by_guid(member_replica(w->role[0].member), p->server, &a, &o) == ERR_OK &&
		   object_has_value(o, OBJ_TLS_PIN, span_of(p->pin));

	arena_fini(&a);
	return has;
}

static void read_file(const char *path, char *out, size_t cap)
{
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(out, 1, cap - 1, f);
	out[n] = '\0';
	fclose(f);
}

struct keyed {
	const struct guid *server;
	const uint8_t *key;
};

/* The key by which others dial this server. */
static const uint8_t *first_key(struct world *w, const struct guid *server)
{
	static uint8_t key[RPC_KEY];
	struct arena a = { 0 };
	struct object *o;

	assert_int_equal(objects_by_guid(w->r.d.db, server, &a, &o, &w->r.eb), ERR_OK);
	memcpy(key, object_bytes(o, OBJ_KEY).p, RPC_KEY);
	arena_fini(&a);
	return key;
}

static bool key_is_edges(struct world *w, void *arg)
{
	const struct keyed *k = arg;

	return memcmp(first_key(w, k->server), k->key, RPC_KEY) == 0;
}

static bool hub_dials(struct world *w, void *arg)
{
	const struct keyed *k = arg;
	struct rpc_peer *p = links_to_server(member_links(w->role[0].member), k->server);

	return p && rpc_peer_is_up(p) && memcmp(rpc_peer_key(p), k->key, RPC_KEY) == 0;
}

static void test_edge(void **state)
{
	char endpoint[128], file[128], text[TICKET_TEXT_MAX];
	struct world w;
	struct role *hub, *edge;
	struct guid server;
	uint8_t key[RPC_KEY];

	(void)state;
	world_up(&w);
	enrol_inside(&w, "bourse-hub", RPC_HUB, "hub1");
	hub = start(&w, 0, "bourse-hub", RPC_HUB, "hub", RPC_EDGE);
	snprintf(endpoint, sizeof(endpoint), "ipc://%s/edge", w.r.dir);
	snprintf(file, sizeof(file), "%s/edge.sub", w.r.dir);
	assert_int_equal(run_enrol(&w, "bourse-edge", RPC_EDGE, "--endpoint", endpoint, file), 0);
	edge = start(&w, 1, "bourse-edge", RPC_EDGE, "edge", 0);
	assert_false(replica_is_ready(member_replica(edge->member)));
	read_file(file, text, sizeof(text));
	assert_int_equal(join_subscribe(&w.r.d, text, "tester", clock_wall_ms(), &server, &w.r.eb),
			 ERR_OK);
	rig_must(&w.r, APPLY_CREATE, CLASS_CONTACT, "carl",
		 "target-address=c@x.test address=carl@example.org", NULL);
	until(&w, "the edge learns carl", edge_knows, (void *)"carl@example.org");
	assert_true(guid_eq(member_server(edge->member), &server));
	until(&w, "the hub is current", is_current, hub);
	until(&w, "the hub reports for the edge", has_reported, edge);
	/* Certificates, and another one, are known before the next round of reports. */
	member_set_cert(hub->member, (const uint8_t *)PIN_HUB, INT64_MAX);
	until(&w, "the hub's pin", has_pin, &(struct pinned){ member_server(hub->member), PIN_HUB });
	member_set_cert(edge->member, (const uint8_t *)PIN_EDGE, INT64_MAX);
	until(&w, "the edge's pin", has_pin, &(struct pinned){ &server, PIN_EDGE });
	member_set_cert(edge->member, (const uint8_t *)PIN_NEXT, INT64_MAX);
	until(&w, "the edge's next pin", has_pin, &(struct pinned){ &server, PIN_NEXT });
	/* A change reaches it at once, a removal too. */
	rig_must(&w.r, APPLY_CREATE, CLASS_CONTACT, "dora",
		 "target-address=d@x.test address=dora@example.org", NULL);
	until(&w, "the edge learns dora", edge_knows, (void *)"dora@example.org");
	rig_must(&w.r, APPLY_DELETE, CLASS_CONTACT, "carl", "", NULL);
	until(&w, "the edge forgets carl", edge_knows_not, (void *)"carl@example.org");
	assert_int_equal(edge->swaps, 1);

	/* The edge changes its keys.  It comes back with both; the hub, which knows the old
	 * one only, brings the new one home and dials that. */
	assert_int_equal(member_rotate(edge->member, &w.r.eb), ERR_OK);
	member_close(&edge->member);
	uv_run(&w.loop, UV_RUN_NOWAIT);
	uv_run(&w.loop, UV_RUN_NOWAIT);
	edge = start(&w, 1, "bourse-edge", RPC_EDGE, "edge", 0);
	memcpy(key, member_identity(edge->member)->public_key, RPC_KEY);
	assert_memory_equal(member_identity(edge->member)->old_public_key, first_key(&w, &server), RPC_KEY);
	until(&w, "the edge's next key", key_is_edges, &(struct keyed){ &server, key });
	rig_must(&w.r, APPLY_CREATE, CLASS_CONTACT, "finn",
		 "target-address=d@x.test address=finn@example.org", NULL);
	until(&w, "the edge learns finn", edge_knows, (void *)"finn@example.org");
	until(&w, "the hub dials the next key", hub_dials, &(struct keyed){ &server, key });

	/* Both start anew; the secret is spent, the keys do. */
	member_close(&hub->member);
	member_close(&edge->member);
	uv_run(&w.loop, UV_RUN_NOWAIT);
	uv_run(&w.loop, UV_RUN_NOWAIT);
	edge = start(&w, 1, "bourse-edge", RPC_EDGE, "edge", 0);
	assert_true(replica_is_ready(member_replica(edge->member)));
	assert_true(edge_knows(&w, (void *)"dora@example.org"));
	rig_must(&w.r, APPLY_CREATE, CLASS_CONTACT, "eve",
		 "target-address=d@x.test address=eve@example.org", NULL);
	hub = start(&w, 0, "bourse-hub", RPC_HUB, "hub", RPC_EDGE);
	until(&w, "the edge learns eve", edge_knows, (void *)"eve@example.org");
	world_down(&w);
}

/* ---- how long a change takes -------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void test_a_change_is_seen_within_a_second(void **state)
{
	enum { CHANGES = 200 };
	int64_t us[CHANGES];
	struct world w;
	struct role *hub, *cas;

	(void)state;
	world_up(&w);
	enrol_inside(&w, "bourse-hub", RPC_HUB, "hub1");
	enrol_inside(&w, "bourse-cas", RPC_CAS, "cas1");
	hub = start(&w, 0, "bourse-hub", RPC_HUB, "hub", 0);
	cas = start(&w, 1, "bourse-cas", RPC_CAS, "cas", RPC_HUB);
	until(&w, "hub", has_reported, hub);
	until(&w, "cas", has_reported, cas);
	for (int i = 0; i < CHANGES; i++) {
		char name[32];
		int64_t t0;

		snprintf(name, sizeof(name), "g%d", i);
		t0 = clock_mono_us();
		rig_must(&w.r, APPLY_CREATE, CLASS_GROUP, name, "", NULL);
		until(&w, "hub", is_current, hub);
		until(&w, "cas", is_current, cas);
		us[i] = clock_mono_us() - t0;
	}
	qsort(us, CHANGES, sizeof(us[0]), by_size);
	print_message("visible at two roles: median %lld us, p99 %lld us, worst %lld us\n",
		      (long long)us[CHANGES / 2], (long long)us[CHANGES * 99 / 100],
		      (long long)us[CHANGES - 1]);
	assert_true(us[CHANGES * 99 / 100] < 1000000);
	world_down(&w);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static bool key_is_known(struct world *w, void *key)
{
	struct rpc_ident who;

	return tables_who(&w->r.d.tables, key, &who);
}

static bool key_is_first(struct world *w, void *key)
{
	struct arena a = { 0 };
	struct object *o;
	bool first;

	assert_int_equal(apply_find(&w->r.d, CLASS_SERVER, "hub1", NULL, &a, &o, &w->r.eb), ERR_OK);
	first = memcmp(object_bytes(o, OBJ_KEY).p, key, RPC_KEY) == 0;
	arena_fini(&a);
	return first;
}

/* The next key is known before it is used, in front once it is, and who dials the
 * hub follows. */
static void test_a_hub_changes_its_keys(void **state)
{
	struct identity *id;
	uint8_t next[RPC_KEY];
	struct role *hub, *cas;
	struct world w;

	(void)state;
	world_up(&w);
	enrol_inside(&w, "bourse-hub", RPC_HUB, "hub1");
	enrol_inside(&w, "bourse-cas", RPC_CAS, "cas1");
	hub = start(&w, 0, "bourse-hub", RPC_HUB, "hub", 0);
	cas = start(&w, 1, "bourse-cas", RPC_CAS, "cas", RPC_HUB);
	until(&w, "hub", has_reported, hub);
	until(&w, "cas", has_reported, cas);
	assert_int_equal(member_rotate(hub->member, &w.r.eb), ERR_OK);
	assert_int_equal(identity_load(w.r.dir, "bourse-hub", &id, &w.r.eb), ERR_OK);
	memcpy(next, id->public_key, RPC_KEY);
	identity_free(&id);
	until(&w, "next key", key_is_known, next);
	assert_false(key_is_first(&w, next));
	member_close(&hub->member);
	uv_run(&w.loop, UV_RUN_NOWAIT);
	uv_run(&w.loop, UV_RUN_NOWAIT);
	hub = start(&w, 0, "bourse-hub", RPC_HUB, "hub", 0);
	until(&w, "key in front", key_is_first, next);
	until(&w, "cas", has_reported, cas);
	world_down(&w);
}

/* The directory's own: who knows the old one comes in with it and learns the new. */
static bool follows(struct world *w, void *arg)
{
	struct role *role = arg;

	return memcmp(member_identity(role->member)->directory_key, w->r.d.id->public_key,
		      RPC_KEY) == 0 && has_reported(w, arg);
}

static void test_the_directory_changes_its_keys(void **state)
{
	struct metrics *m;
	struct role *hub;
	struct world w;

	(void)state;
	world_up(&w);
	enrol_inside(&w, "bourse-hub", RPC_HUB, "hub1");
	hub = start(&w, 0, "bourse-hub", RPC_HUB, "hub", 0);
	until(&w, "hub", has_reported, hub);
	m = w.r.d.metrics;
	identity_rotate(w.r.d.id);
	assert_int_equal(identity_save(w.r.d.id, &w.r.eb), ERR_OK);
	directory_close(&w.r.d);
	uv_run(&w.loop, UV_RUN_NOWAIT);
	uv_run(&w.loop, UV_RUN_NOWAIT);
	directory_init(&w.r.d);
	w.r.d.metrics = m;
	if (directory_open(&w.r.d, &w.r.eb) != ERR_OK)
		fail_msg("directory: %s", w.r.eb.text);
	until(&w, "hub follows", follows, hub);
	world_down(&w);
}

static bool hub_is_down(struct world *w, void *arg)
{
	struct guid *hub = arg;

	return rpc_find(w->r.d.rpc, hub) == NULL;
}

static void test_a_removed_server_is_cut_off(void **state)
{
	struct world w;
	struct role *hub;
	struct guid g;
	int64_t t0;

	(void)state;
	world_up(&w);
	enrol_inside(&w, "bourse-hub", RPC_HUB, "hub1");
	hub = start(&w, 0, "bourse-hub", RPC_HUB, "hub", 0);
	until(&w, "hub", has_reported, hub);
	g = *member_server(hub->member);
	assert_non_null(rpc_find(w.r.d.rpc, &g));
	t0 = clock_mono_ms();
	rig_must(&w.r, APPLY_DELETE, CLASS_SERVER, "hub1", "", NULL);
	until(&w, "cut off", hub_is_down, &g);
	assert_true(clock_mono_ms() - t0 < 1000);
	world_down(&w);
}

static void test_who_is_not_enrolled_is_told(void **state)
{
	struct member *m = NULL;
	struct world w;
	struct member_conf conf = { .daemon = "bourse-hub", .role = RPC_HUB, .owner = &m };

	(void)state;
	world_up(&w);
	conf.loop = &w.loop;
	conf.config_dir = conf.data_dir = w.r.dir;
	assert_int_equal(member_open(&conf, &w.r.eb), ERR_NOTFOUND);
	assert_non_null(strstr(w.r.eb.text, "bourse-hub enrol TOKEN"));
	assert_null(m);
	world_down(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inside),
		cmocka_unit_test(test_edge),
		cmocka_unit_test(test_a_change_is_seen_within_a_second),
		cmocka_unit_test(test_a_removed_server_is_cut_off),
		cmocka_unit_test(test_a_hub_changes_its_keys),
		cmocka_unit_test(test_the_directory_changes_its_keys),
		cmocka_unit_test(test_who_is_not_enrolled_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
