#include "rig.h"
#include "common/base/clock.h"
#include "common/replica/member.h"
#include "common/replica/member_priv.h"
#include "common/replica/seal.h"
#include "common/replica/ticket.h"
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A directory, a hub, a cas and an edge in one process, over the real bus on
 * loopback sockets: enrolment, replication, an edge's feed through its hub, and how
 * long a change takes. */

enum { TIMEOUT_MS = 10000, MAX_ROLES = 3 };

struct role {
	struct member *member;		/* first, as struct member_conf.owner wants it */
	struct world *w;
	unsigned changes, swaps;
	const char *data;
};

struct world {
	struct rig r;
	uv_loop_t loop;
	uv_timer_t tick;
	bool late;
	struct role role[MAX_ROLES];
};

static void on_tick(uv_timer_t *t)
{
	((struct world *)t->data)->late = true;
}

/* Turn the loop until cond(w, arg) holds. */
static void until(struct world *w, const char *what, bool (*cond)(struct world *, void *), void *arg)
{
	w->late = false;
	uv_timer_start(&w->tick, on_tick, TIMEOUT_MS, 0);
	while (!cond(w, arg)) {
		if (w->late)
			fail_msg("waited in vain: %s", what);
		uv_run(&w->loop, UV_RUN_ONCE);
	}
	uv_timer_stop(&w->tick);
}

static void world_up(struct world *w)
{
	struct rig *r = &w->r;
	char path[128];

	memset(w, 0, sizeof(*w));
	rig_up(r);
	rig_close_db(r);
	assert_int_equal(uv_loop_init(&w->loop), 0);
	uv_timer_init(&w->loop, &w->tick);
	w->tick.data = w;
	snprintf(path, sizeof(path), "ipc://%s/bus", r->dir);
	r->conf.listen = strdup(path);
	snprintf(path, sizeof(path), "ipc://%s/enrol", r->dir);
	r->conf.enrol_listen = strdup(path);
	r->conf.endpoint = strdup(r->conf.listen);
	r->conf.enrol_endpoint = strdup(r->conf.enrol_listen);
	r->conf.local = (char *)"";
	r->conf.workers = 1;
	directory_init(&r->d);
	r->d.conf = &r->conf;
	r->d.config_dir = r->d.data_dir = r->dir;
	r->d.loop = &w->loop;
	r->d.metrics = metrics_new();
	/* The rig has founded an organisation with these keys. */
	assert_int_equal(identity_save(r->id, &r->eb), ERR_OK);
	if (directory_open(&r->d, &r->eb) != ERR_OK)
		fail_msg("directory: %s", r->eb.text);
	rig_must(r, APPLY_CREATE, CLASS_DOMAIN, "example.org", "default=1", NULL);
}

static void world_down(struct world *w)
{
	struct metrics *m = w->r.d.metrics;
	char cmd[128];

	for (size_t i = 0; i < MAX_ROLES; i++)
		member_close(&w->role[i].member);
	directory_close(&w->r.d);
	uv_close((uv_handle_t *)&w->tick, NULL);
	uv_run(&w->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&w->loop), 0);
	metrics_free(&m);
	free(w->r.conf.listen);
	free(w->r.conf.enrol_listen);
	free(w->r.conf.endpoint);
	free(w->r.conf.enrol_endpoint);
	identity_free(&w->r.id);
	arena_fini(&w->r.a);
	snprintf(cmd, sizeof(cmd), "rm -rf %s", w->r.dir);
	assert_int_equal(system(cmd), 0);
	log_set_sink(NULL);
}

static void on_change(void *ctx, const struct object *o)
{
	struct role *role = ctx;

	if (o)
		role->changes++;
	else
		role->swaps++;
}

/* ---- joining -------------------------------------------------------------------------- */

struct child {
	pid_t pid;
	int status;
};

static bool child_done(struct world *w, void *arg)
{
	struct child *c = arg;

	(void)w;
	return waitpid(c->pid, &c->status, WNOHANG) == c->pid;
}

/* `bourse-X -C DIR enrol ...` in a process of its own; its exit status. */
static int run_enrol(struct world *w, const char *daemon, unsigned role, const char *arg1,
		     const char *arg2, const char *out)
{
	char *argv[] = { (char *)(uintptr_t)daemon, (char *)"-C", w->r.dir, (char *)"enrol",
			 (char *)(uintptr_t)arg1, (char *)(uintptr_t)arg2, NULL };
	struct child c;

	assert_true(identity_wants_enrol(arg2 ? 6 : 5, argv));
	fflush(NULL);
	c.pid = fork();
	if (c.pid == 0) {
		int rc;

		if (!freopen(out, "w", stdout) || !freopen("/dev/null", "w", stderr))
			_exit(99);
		rc = identity_enrol_main(arg2 ? 6 : 5, argv, daemon, role);
		fflush(NULL);
		_exit(rc);
	}
	/* The child asks our directory, so its loop must turn.  A child's end wakes no
	 * loop: look again every few ms. */
	for (int i = 0; i < TIMEOUT_MS / 5 && !child_done(w, &c); i++) {
		uv_timer_start(&w->tick, on_tick, 5, 0);
		uv_run(&w->loop, UV_RUN_ONCE);
	}
	assert_true(WIFEXITED(c.status));
	return WEXITSTATUS(c.status);
}

static void enrol_inside(struct world *w, const char *daemon, unsigned role, const char *name)
{
	const char *text;
	int64_t expires;

	assert_int_equal(join_token(&w->r.d, role, name, "tester", clock_wall_ms(), &w->r.a,
				    &text, &expires, &w->r.eb), ERR_OK);
	assert_int_equal(run_enrol(w, daemon, role, text, NULL, "/dev/null"), 0);
	/* The second time it is worth nothing, and does no harm to what is there. */
	assert_int_equal(run_enrol(w, daemon, role, text, NULL, "/dev/null"), 1);
}

static struct role *start(struct world *w, size_t i, const char *daemon, unsigned role,
			  const char *socket, unsigned dial)
{
	struct role *me = &w->role[i];
	char listen[128];
	struct member_conf conf = {
		.daemon = daemon, .role = role, .loop = &w->loop, .config_dir = w->r.dir,
		.listen = listen, .owner = &me->member, .dial = dial,
		.on_change = on_change, .ctx = me,
	};

	me->w = w;
	snprintf(listen, sizeof(listen), "ipc://%s/%s", w->r.dir, socket);
	conf.data_dir = me->data = arena_printf(&w->r.a, "%s/%s", w->r.dir, daemon);
	mkdir(me->data, 0700);
	if (member_open(&conf, &w->r.eb) != ERR_OK)
		fail_msg("%s: %s", daemon, w->r.eb.text);
	return me;
}

static bool is_current(struct world *w, void *arg)
{
	struct role *role = arg;

	return replica_usn(member_replica(role->member)) == w->r.d.usn;
}

static bool has_reported(struct world *w, void *arg)
{
	struct role *role = arg;
	const struct seen *s = seen_find(&w->r.d, member_server(role->member));

	return s && s->usn == w->r.d.usn && is_current(w, arg);
}

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

static void read_file(const char *path, char *out, size_t cap)
{
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(out, 1, cap - 1, f);
	out[n] = '\0';
	fclose(f);
}

static void test_edge(void **state)
{
	char endpoint[128], file[128], text[TICKET_TEXT_MAX];
	struct world w;
	struct role *hub, *edge;
	struct guid server;

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
	/* A change reaches it at once, a removal too. */
	rig_must(&w.r, APPLY_CREATE, CLASS_CONTACT, "dora",
		 "target-address=d@x.test address=dora@example.org", NULL);
	until(&w, "the edge learns dora", edge_knows, (void *)"dora@example.org");
	rig_must(&w.r, APPLY_DELETE, CLASS_CONTACT, "carl", "", NULL);
	until(&w, "the edge forgets carl", edge_knows_not, (void *)"carl@example.org");
	assert_int_equal(edge->swaps, 1);

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
