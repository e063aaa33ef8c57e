#include "common/base/check.h"
#include "common/relay/track.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define DAY INT64_C(86400000)
#define NOW (INT64_C(20000) * DAY)

struct rig {
	char dir[64], path[96];
	uv_loop_t loop;
	struct work_pool *pool;
	struct track *t;
	struct mail *m;
	bool answered, more;
	char text[4096];
	size_t n;
};

static void open_track(struct rig *r, uint64_t max_bytes, unsigned days)
{
	const struct track_conf tc = { .dir = r->path, .pool = r->pool, .max_bytes = max_bytes,
				       .max_days = days };

	assert_int_equal(track_open(&tc, &r->t, NULL), ERR_OK);
}

static int rig_up(void **state)
{
	struct rig *r = xcalloc(1, sizeof(*r));
	struct work_conf wc = { .loop = &r->loop, .threads = 1, .max_queue = 4 };

	snprintf(r->dir, sizeof(r->dir), "/tmp/test_track.XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->path, sizeof(r->path), "%s/track", r->dir);
	assert_int_equal(uv_loop_init(&r->loop), 0);
	r->pool = work_pool_open(&wc);
	open_track(r, 0, 0);
	r->m = mail_new();
	r->m->sender = "ann@x";
	r->m->message_id = "<1@x>";
	r->m->size = 7;
	mail_add(r->m, "bob@y");
	*state = r;
	return 0;
}

static int rig_down(void **state)
{
	struct rig *r = *state;
	char *cmd = xasprintf("rm -rf '%s'", r->dir);
	int rc;

	work_pool_close(&r->pool);
	track_close(&r->t);
	mail_unref(&r->m);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&r->loop), 0);
	rc = system(cmd);
	free(cmd);
	free(r);
	return rc;
}

static void found(void *ctx, enum err e, const struct track_line *l, size_t n, bool more)
{
	struct rig *r = ctx;
	size_t at = 0;

	assert_int_equal(e, ERR_OK);
	r->n = n;
	r->more = more;
	r->text[0] = '\0';
	for (size_t i = 0; i < n && at + 200 < sizeof(r->text); i++)
		at += (size_t)snprintf(r->text + at, sizeof(r->text) - at, "%s%lld %s %s>%s %s",
				       i ? "|" : "", (long long)(l[i].at_ms - NOW), l[i].event,
				       l[i].sender, l[i].recipient, l[i].detail);
	r->answered = true;
}

static const char *find(struct rig *r, struct track_query q)
{
	r->answered = false;
	track_find(r->t, &q, found, r);
	while (!r->answered)
		uv_run(&r->loop, UV_RUN_ONCE);
	return r->text;
}

static void test_found_by_id_recipient_sender(void **state)
{
	struct rig *r = *state;

	track_add(r->t, NOW, "receive", r->m, NULL, NULL);
	track_add(r->t, NOW + 5, "deliver", r->m, &r->m->rcpts[0], "db1");
	r->m->message_id = "<2@x>";
	mail_add(r->m, "carl@y");
	track_add(r->t, NOW + 6, "receive", r->m, NULL, NULL);
	assert_string_equal(find(r, (struct track_query){ .message_id = "<1@X>" }),
			    "0 receive ann@x>bob@y |5 deliver ann@x>bob@y db1");
	assert_string_equal(find(r, (struct track_query){ .recipient = "bob@y", .since_ms = NOW + 1 }),
			    "5 deliver ann@x>bob@y db1");
	assert_string_equal(find(r, (struct track_query){ .sender = "ann@x", .message_id = "<2@x>" }),
			    "6 receive ann@x>(2 recipients) ");
	assert_string_equal(find(r, (struct track_query){ .sender = "nobody" }), "");
}

static void test_the_newest_when_there_are_many(void **state)
{
	struct rig *r = *state;

	for (int i = 0; i < 100; i++)
		track_add(r->t, NOW + i, "receive", r->m, NULL, NULL);
	track_tick(r->t, NOW);
	for (int i = 0; i < 2; i++)	/* a second file */
		track_add(r->t, NOW + DAY + i, "deliver", r->m, NULL, NULL);
	track_tick(r->t, NOW + DAY);
	find(r, (struct track_query){ .sender = "ann@x", .limit = 4 });
	assert_string_equal(r->text, "98 receive ann@x>bob@y |99 receive ann@x>bob@y |"
				     "86400000 deliver ann@x>bob@y |86400001 deliver ann@x>bob@y ");
	assert_true(r->more);
	find(r, (struct track_query){ .sender = "ann@x" });
	assert_int_equal(r->n, 102);
	assert_false(r->more);
}

/* What a peer wrote cannot make lines or fields of its own. */
static void test_hostile_text(void **state)
{
	struct rig *r = *state;
	char *longest = xcalloc(1, 5001);

	memset(longest, 'a', 5000);
	r->m->sender = "a\tb\nc\x01@x";
	track_add(r->t, NOW, "receive", r->m, NULL, "1\t2\r\n3");
	r->m->sender = longest;
	track_add(r->t, NOW + 1, "receive", r->m, NULL, longest);
	assert_string_equal(find(r, (struct track_query){ .sender = "a b c @x" }),
			    "0 receive a b c @x>bob@y 1 2  3");
	find(r, (struct track_query){ .recipient = "bob@y" });
	assert_int_equal(r->n, 2);
	free(longest);
}

static unsigned count_files(struct rig *r)
{
	char *cmd = xasprintf("ls '%s' | wc -l", r->path);
	FILE *p = popen(cmd, "r");
	unsigned n = 0;

	assert_non_null(p);
	assert_int_equal(fscanf(p, "%u", &n), 1);
	pclose(p);
	free(cmd);
	return n;
}

static void test_old_files_go(void **state)
{
	struct rig *r = *state;

	track_close(&r->t);
	open_track(r, 0, 3);
	for (int day = 0; day < 10; day++) {
		track_add(r->t, NOW + day * DAY, "receive", r->m, NULL, NULL);
		track_tick(r->t, NOW + day * DAY);
	}
	assert_in_range(count_files(r), 3, 5);
	track_close(&r->t);
	open_track(r, 1, 30);		/* no room for more than the newest */
	track_add(r->t, NOW + 20 * DAY, "receive", r->m, NULL, NULL);
	track_tick(r->t, NOW + 20 * DAY);
	track_add(r->t, NOW + 21 * DAY, "receive", r->m, NULL, NULL);
	track_tick(r->t, NOW + 21 * DAY);
	assert_in_range(count_files(r), 1, 2);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)
	const struct CMUnitTest tests[] = {
		T(test_found_by_id_recipient_sender),
		T(test_the_newest_when_there_are_many),
		T(test_hostile_text),
		T(test_old_files_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
