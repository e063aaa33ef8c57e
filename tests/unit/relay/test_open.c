#include "common/base/check.h"
#include "common/relay/open.h"
#include "common/svc/work.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/stat.h>

struct rig {
	char dir[64], cert[96], key[96];
	uv_loop_t loop;
	struct work_pool *pool;
	struct relay relay;
	struct tls_ctx *server, *client;
};

static int rig_up(void **state)
{
	struct rig *r = xcalloc(1, sizeof(*r));
	struct work_conf wc = { .loop = &r->loop, .threads = 1, .max_queue = 4 };

	snprintf(r->dir, sizeof(r->dir), "/tmp/test_open.XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->cert, sizeof(r->cert), "%s/tls/cert.pem", r->dir);
	snprintf(r->key, sizeof(r->key), "%s/tls/key.pem", r->dir);
	assert_int_equal(uv_loop_init(&r->loop), 0);
	r->pool = work_pool_open(&wc);
	*state = r;
	return 0;
}

static int rig_down(void **state)
{
	struct rig *r = *state;
	char *cmd = xasprintf("rm -rf '%s'", r->dir);
	int rc;

	queue_close(&r->relay.queue);
	work_pool_close(&r->pool);
	track_close(&r->relay.track);
	spool_close(&r->relay.spool);
	tls_ctx_unref(&r->server);
	tls_ctx_unref(&r->client);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&r->loop), 0);
	rc = system(cmd);
	free(cmd);
	free(r);
	return rc;
}

static bool exists(const struct rig *r, const char *name)
{
	char *path = xasprintf("%s/%s", r->dir, name);
	struct stat st;
	bool is = stat(path, &st) == 0;

	free(path);
	return is;
}

/* A file stands where a folder is to be. */
static void block(const struct rig *r, const char *name)
{
	char *path = xasprintf("%s/%s", r->dir, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fclose(f);
	free(path);
}

static void on_due(void *ctx, const struct queue_hop *hop)
{
	(void)ctx;
	(void)hop;
	fail_msg("nothing is due");
}

static enum err open_storage(struct rig *r, struct errbuf *eb)
{
	const struct relay_storage sc = {
		.loop = &r->loop, .pool = r->pool, .data_dir = r->dir, .cache_bytes = 1 << 18,
		.track_bytes = 1 << 20, .track_ms = INT64_C(2) * 86400000, .on_due = on_due,
	};

	return relay_open_storage(&r->relay, &sc, eb);
}

static enum err open_tls(struct rig *r, struct errbuf *eb)
{
	const struct relay_tls tc = { r->dir, r->cert, r->key, "mx.test", false, NULL };

	return relay_open_tls(&tc, &r->server, &r->client, eb);
}

static void test_name(void **state)
{
	char *name = xstrdup("mx.test"), *none = xstrdup("");

	(void)state;
	relay_name_host(&name);
	assert_string_equal(name, "mx.test");
	relay_name_host(&none);
	assert_true(none[0] != '\0');
	free(name);
	free(none);
}

static void test_storage(void **state)
{
	struct rig *r = *state;
	struct errbuf eb = { "" };

	assert_int_equal(open_storage(r, &eb), ERR_OK);
	assert_non_null(r->relay.spool);
	assert_non_null(r->relay.track);
	assert_non_null(r->relay.queue);
	assert_true(exists(r, "spool") && exists(r, "queue.db") && exists(r, "track"));
}

/* What was opened before the error is there to be closed, and nothing behind it is. */
static void test_storage_blocked(void **state)
{
	static const char *const names[] = { "spool", "track" };
	struct rig *r = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct errbuf eb = { "" };
		char *path = xasprintf("%s/%s", r->dir, names[i]);

		block(r, names[i]);
		assert_int_not_equal(open_storage(r, &eb), ERR_OK);
		assert_true(eb.text[0] != '\0');
		assert_int_equal(r->relay.spool != NULL, i > 0);
		assert_null(r->relay.track);
		assert_null(r->relay.queue);
		assert_int_equal(remove(path), 0);
		free(path);
	}
}

static void test_tls(void **state)
{
	struct rig *r = *state;
	struct errbuf eb = { "" };
	struct stat was, is;

	assert_int_equal(open_tls(r, &eb), ERR_OK);
	assert_true(r->server && r->client);
	assert_int_equal(stat(r->key, &was), 0);
	assert_int_equal(was.st_mode & 077, 0);
	/* The next start finds it. */
	tls_ctx_unref(&r->server);
	tls_ctx_unref(&r->client);
	assert_int_equal(open_tls(r, &eb), ERR_OK);
	assert_int_equal(stat(r->key, &is), 0);
	assert_true(was.st_ino == is.st_ino && was.st_mtim.tv_nsec == is.st_mtim.tv_nsec);
}

static void test_tls_blocked(void **state)
{
	struct rig *r = *state;
	struct errbuf eb = { "" };

	block(r, "tls");
	assert_int_not_equal(open_tls(r, &eb), ERR_OK);
	assert_null(r->server);
	assert_null(r->client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name),
		cmocka_unit_test_setup_teardown(test_storage, rig_up, rig_down),
		cmocka_unit_test_setup_teardown(test_storage_blocked, rig_up, rig_down),
		cmocka_unit_test_setup_teardown(test_tls, rig_up, rig_down),
		cmocka_unit_test_setup_teardown(test_tls_blocked, rig_up, rig_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
