#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "roles/directory/addresses.h"
#include "roles/directory/directory.h"
#include <sodium.h>
#include <stdlib.h>

/* The directory as a running thing: opened in order, closed in reverse. */

enum { DAY = 86400000, FIRST_TIDY = 60000, MAX_HASHING = 4096 };

static const struct metric_def metrics[] = {
	[M_USN] = { "bourse_directory_usn", METRIC_GAUGE, "number of the newest change" },
	[M_CHANGES] = { "bourse_directory_changes_total", METRIC_COUNTER, "changes made" },
	[M_REFUSED] = { "bourse_directory_refused_total", METRIC_COUNTER, "changes refused" },
	[M_PAGES] = { "bourse_directory_pages_total", METRIC_COUNTER, "pages sent to replicas" },
	[M_SNAPSHOTS] = { "bourse_directory_snapshots_total", METRIC_COUNTER,
			  "replicas told to start anew" },
	[M_ENROLLED] = { "bourse_directory_enrolled_total", METRIC_COUNTER, "servers that joined" },
	[M_ENROL_REFUSED] = { "bourse_directory_enrol_refused_total", METRIC_COUNTER,
			      "servers that were not let in" },
	[M_MEMBERS] = { "bourse_directory_members", METRIC_GAUGE, "servers that have reported" },
};

struct metric_set *directory_metrics(struct metrics *m)
{
	return metric_join(m, metrics, N_ELEMS(metrics), NULL);
}

/* The first start makes our keys and the organisation's pepper.  A key file that is
 * lost cannot be made anew: nothing sealed with its pepper would open again. */
static enum err own_identity(struct directory *d, struct errbuf *eb)
{
	enum err e = identity_load(d->config_dir, "bourse-directory", &d->id, eb);

	if (e == ERR_NOTFOUND && !guid_is_null(&d->organisation))
		return err_set(eb, ERR_NOTFOUND, "%s/keys/bourse-directory/key is gone: bring it "
			       "back from where its copy is kept", d->config_dir);
	if (e != ERR_NOTFOUND)
		return e;
	d->id = identity_new(d->config_dir, "bourse-directory", RPC_DIRECTORY);
	free(d->id->name);
	d->id->name = xstrdup("directory");
	d->id->server = guid_make();
	randombytes_buf(d->id->pepper, sizeof(d->id->pepper));
	return identity_save(d->id, eb);
}

static bool who(void *ctx, const uint8_t key[RPC_KEY], struct rpc_ident *out)
{
	const struct directory *d = ctx;

	return tables_who(&d->tables, key, out);
}

static enum err open_bus(struct directory *d, struct errbuf *eb)
{
	struct rpc_conf rc = {
		.loop = d->loop, .methods = directory_methods, .n_methods = directory_n_methods,
		.role = d, .who = who, .ctx = d,
		.self = { .role = RPC_DIRECTORY, .guid = d->self, .name = "directory" },
	};
	enum err e;

	memcpy(rc.public_key, d->id->public_key, RPC_KEY);
	memcpy(rc.secret_key, d->id->secret_key, RPC_KEY);
	memcpy(rc.old_public_key, d->id->old_public_key, RPC_KEY);
	memcpy(rc.old_secret_key, d->id->old_secret_key, RPC_KEY);
	e = rpc_open(&rc, &d->rpc, eb);
	sodium_memzero(&rc, sizeof(rc));
	if (!e)
		e = rpc_listen(d->rpc, d->conf->listen, RPC_LISTEN_SERVERS, 0, eb);
	if (!e && d->conf->enrol_listen[0])
		e = rpc_listen(d->rpc, d->conf->enrol_listen, RPC_LISTEN_ENROL, 0, eb);
	return e ? e : admin_listen(d, eb);
}

static void on_day(uv_timer_t *t)
{
	struct directory *d = t->data;
	struct errbuf eb = { "" };

	if (directory_tidy(d, clock_wall_ms(), &eb) != ERR_OK)
		log_warn(NULL, "upkeep failed detail=%s", eb.text);
	uv_timer_start(t, on_day, DAY, 0);
}

/* What is not set follows from what is. */
void directory_conf_fill(struct directory_conf *c)
{
	char **const to[] = { &c->endpoint, &c->enrol_endpoint };
	const char *const from[] = { c->listen, c->enrol_listen };

	for (size_t i = 0; i < N_ELEMS(to); i++)
		if ((*to[i])[0] == '\0') {
			free(*to[i]);
			*to[i] = identity_reachable(from[i]);
		}
}

void directory_init(struct directory *d)
{
	CHECK(sodium_init() >= 0);
	hash_init(&d->members);
	tables_init(&d->tables);
	d->started_ms = clock_wall_ms();
}

static enum err open_state(struct directory *d, struct errbuf *eb)
{
	struct work_conf wc = { .loop = d->loop, .threads = d->conf->workers,
				.max_queue = MAX_HASHING };
	enum err e = directory_open_db(d, eb);

	if (!e)
		e = own_identity(d, eb);
	if (e)
		return e;
	memcpy(d->pepper.key, d->id->pepper, sizeof(d->pepper.key));
	d->pool = work_pool_open(&wc);
	e = directory_found(d, clock_wall_ms(), eb);
	return e ? e : open_bus(d, eb);
}

enum err directory_open(struct directory *d, struct errbuf *eb)
{
	enum err e;

	d->m = directory_metrics(d->metrics);
	uv_timer_init(d->loop, &d->push);
	uv_timer_init(d->loop, &d->daily);
	uv_timer_init(d->loop, &d->walk);
	d->push.data = d->daily.data = d->walk.data = d;
	d->timers = true;
	e = open_state(d, eb);
	if (!e)
		walk_resume(d);
	if (!e)
		uv_timer_start(&d->daily, on_day, FIRST_TIDY, 0);
	return e;
}

void directory_close(struct directory *d)
{
	if (d->timers) {
		uv_close((uv_handle_t *)&d->push, NULL);
		uv_close((uv_handle_t *)&d->daily, NULL);
		uv_close((uv_handle_t *)&d->walk, NULL);
	}
	rpc_close(&d->rpc);
	work_pool_close(&d->pool);
	seen_free(d);
	tables_fini(&d->tables);
	db_close(&d->db);
	identity_free(&d->id);
	metric_leave(&d->m);
	free(d->walk_after);
	d->walk_after = NULL;
	sodium_memzero(&d->pepper, sizeof(d->pepper));
}
