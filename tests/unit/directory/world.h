#ifndef TEST_DIRECTORY_WORLD_H
#define TEST_DIRECTORY_WORLD_H
#include "common/base/clock.h"
#include "common/replica/member.h"
#include "common/replica/member_priv.h"
#include "common/replica/ticket.h"
#include "rig.h"
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* world - a directory and servers in one process, over the real bus */

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

static A_UNUSED void enrol_inside(struct world *w, const char *daemon, unsigned role, const char *name)
{
	const char *text;
	int64_t expires;

	assert_int_equal(join_token(&w->r.d, role, name, "tester", clock_wall_ms(), &w->r.a,
				    &text, &expires, &w->r.eb), ERR_OK);
	assert_int_equal(run_enrol(w, daemon, role, text, NULL, "/dev/null"), 0);
	/* The second time it is worth nothing, and does no harm to what is there. */
	assert_int_equal(run_enrol(w, daemon, role, text, NULL, "/dev/null"), 1);
}

static A_UNUSED struct role *start(struct world *w, size_t i, const char *daemon, unsigned role,
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

static A_UNUSED bool has_reported(struct world *w, void *arg)
{
	struct role *role = arg;
	const struct seen *s = seen_find(&w->r.d, member_server(role->member));

	return s && s->usn == w->r.d.usn && is_current(w, arg);
}

#endif
