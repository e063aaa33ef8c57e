/* Messages in hand when the process died.  Deaths are real: a child has the file open,
 * takes a message in hand and is gone. */
#include "common/relay/poison.h"
#include "tests/unit/relay/queue_rig.h"

#include <sys/stat.h>
#include <sys/wait.h>

static struct mail_id id_of(uint8_t origin, uint64_t seq)
{
	struct mail_id id = { { { origin } }, seq };

	return id;
}

static const char *working(const struct rig *r)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/working", r->dir);
	return path;
}

/* A process that dies with this message in hand, or (after) when it was done with it. */
static void die_with(const struct rig *r, const struct mail_id *id, bool after)
{
	const struct mail_id outer = id_of(200, 9);
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct poison *p = poison_open(working(r), 2);
		struct mail_id none = poison_begin(p, &outer), before = poison_begin(p, id);

		if (after) {
			poison_end(p, &before);
			poison_end(p, &none);
		}
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static bool has(const struct rig *r, unsigned threshold, const struct mail_id *id)
{
	struct poison *p = poison_open(working(r), threshold);
	bool yes = poison_has(p, id);

	poison_close(&p);
	return yes;
}

static void test_deaths_are_counted(void **state)
{
	struct rig *r = *state;
	const struct mail_id a = id_of(1, 7), b = id_of(1, 8), other = id_of(2, 7), outer = id_of(200, 9);

	die_with(r, &a, false);
	die_with(r, &b, true);
	assert_false(has(r, 2, &a));
	assert_true(has(r, 1, &a));
	assert_false(has(r, 1, &b));
	assert_false(has(r, 1, &other));
	die_with(r, &a, false);
	assert_true(has(r, 2, &a));
	assert_false(has(r, 0, &a));		/* never */
	assert_false(has(r, 1, &outer));	/* one is charged, the innermost */
}

static void test_those_charged_last_are_remembered(void **state)
{
	struct rig *r = *state;
	struct mail_id id, first = id_of(0, 1);
	struct poison *p;
	size_t n = 0;

	for (uint64_t i = 1; i <= 80; i++) {
		id = id_of(0, i);
		p = poison_open(working(r), 1);
		(void)!poison_begin(p, &id).seq;
		poison_close(&p);
	}
	p = poison_open(working(r), 1);
	assert_true(poison_has(p, &id));
	assert_false(poison_has(p, &first));
	for (size_t at = 0; poison_next(p, &at, &id);)
		n++;
	assert_int_equal(n, 64);
	poison_forget(p, &id);
	assert_false(poison_has(p, &id));
	poison_forget(p, &first);
	poison_close(&p);
}

static void test_files_that_are_none(void **state)
{
	struct rig *r = *state;
	const struct mail_id a = id_of(1, 7);
	struct poison *p;
	struct mail_id before;
	FILE *f = fopen(working(r), "w");

	for (int i = 0; i < 4096; i++)
		fputc(i * 7, f);
	fclose(f);
	assert_false(has(r, 1, &a));
	die_with(r, &a, false);
	assert_true(has(r, 1, &a));
	assert_int_equal(truncate(working(r), 100), 0);
	assert_false(has(r, 1, &a));
	unlink(working(r));
	assert_int_equal(mkdir(working(r), 0700), 0);	/* no file can be had */
	p = poison_open(working(r), 1);
	before = poison_begin(p, &a);
	poison_end(p, &before);
	assert_false(poison_has(p, &a));
	poison_close(&p);
	rmdir(working(r));
	before = poison_begin(NULL, &a);
	poison_end(NULL, &before);
	assert_false(poison_has(NULL, &a));
}

/* ---- the queue's part ---------------------------------------------------------------- */

struct seen {
	char hops[256];
	int64_t poison;			/* the hop's id; 0: there is none */
	uint64_t n;
	unsigned answers;
};

static void list_cb(void *ctx, enum err e, const struct queue_line *l, size_t n)
{
	struct seen *s = ctx;

	assert_int_equal(e, ERR_OK);
	s->hops[0] = '\0';
	s->poison = 0;
	for (size_t i = 0; i < n; i++) {
		snprintf(s->hops + strlen(s->hops), sizeof(s->hops) - strlen(s->hops), "%s%s/%s",
			 i ? " " : "", hop_kind_name(l[i].kind), l[i].name);
		if (l[i].kind == HOP_POISON) {
			s->poison = l[i].id;
			s->n = l[i].messages;
			assert_true(l[i].error[0] != '\0');
		}
	}
	s->answers++;
}

static const char *hops(struct rig *r, struct seen *s)
{
	memset(s, 0, sizeof(*s));
	queue_list(r->q, 0, list_cb, s);
	while (s->answers == 0)
		uv_run(&r->loop, UV_RUN_ONCE);
	return s->hops;
}

static enum err order(struct rig *r, enum queue_order o, int64_t hop, int64_t row, int64_t now)
{
	queue_order(r->q, o, hop, row, now, done, r);
	wait_answer(r);
	return r->e;
}

/* One message for two hops, which has killed twice; the queue is opened after that. */
static void poisoned(struct rig *r)
{
	struct mail *m = make(r, "Subject: x\r\n\r\nhi\r\n", 18);
	struct mail_id id = m->id;

	to(m, "bob@example.org", HOP_DATABASE, "db1");
	to(m, "eve@example.net", HOP_DOMAIN, "example.net");
	assert_int_equal(add(r, m), ERR_OK);
	mail_unref(&m);
	add_one(r, HOP_DATABASE, "db1");
	rig_shut(r);
	die_with(r, &id, false);
	die_with(r, &id, false);
	r->poison = poison_open(working(r), 2);
	rig_open(r);
	assert_false(poison_has(r->poison, &id));	/* it has its place now */
}

static void test_poison_is_set_apart_and_comes_back(void **state)
{
	struct rig *r = *state;
	struct queue_stats qs;
	struct seen s;

	poisoned(r);
	assert_string_equal(hops(r, &s), "database/db1 poison/");
	assert_int_equal(s.n, 1);
	queue_get_stats(r->q, &qs);
	assert_int_equal(qs.poison, 1);
	assert_int_equal(qs.messages, 2);
	/* The other one is delivered; this one is never due, late or expired. */
	assert_int_equal(take(r, HOP_DATABASE, NOW), 1);
	assert_int_equal(finish(r, 0, QUEUE_GONE, plain, NOW), ERR_OK);
	assert_string_equal(due(r, NOW + 1000 * HOUR), "");
	queue_kick(r->q, HOP_POISON, NULL, NOW + 1000 * HOUR);
	assert_string_equal(due(r, NOW + 1000 * HOUR), "");
	assert_int_equal(order(r, QUEUE_ORDER_RESUME, s.poison, 0, NOW + 1000 * HOUR), ERR_OK);
	assert_string_equal(hops(r, &s), "database/db1 domain/example.net");
	assert_string_equal(due(r, NOW + 1000 * HOUR), "database/db1 domain/example.net");
	queue_get_stats(r->q, &qs);
	assert_int_equal(qs.poison, 0);
	/* It has its whole time again. */
	assert_string_equal(due(r, NOW + 1047 * HOUR), "database/db1 domain/example.net");
	assert_string_equal(due(r, NOW + 1048 * HOUR), "database/db1 domain/example.net expired/");
}

static void test_one_message_of_it(void **state)
{
	static const struct {
		enum queue_order order;
		const char *hops;
	} cases[] = {
		{ QUEUE_ORDER_SUSPEND, "database/db1 poison/" },
		{ QUEUE_ORDER_RETRY, "database/db1 domain/example.net" },
		{ QUEUE_ORDER_REMOVE, "database/db1 report/" },
		{ QUEUE_ORDER_DROP, "database/db1" },
	};
	struct rig *r = *state;
	struct seen s;

	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		int64_t row = 1 + 2 * (int64_t)i;

		poisoned(r);
		assert_int_equal(order(r, cases[i].order, 0, row, NOW), ERR_OK);
		if (strcmp(hops(r, &s), cases[i].hops) != 0)
			fail_msg("order %zu: %s", i, s.hops);
		if (cases[i].order == QUEUE_ORDER_SUSPEND)
			assert_int_equal(order(r, QUEUE_ORDER_RESUME, 0, row, NOW), ERR_OK);
		if (cases[i].order != QUEUE_ORDER_DROP)
			assert_int_equal(order(r, QUEUE_ORDER_DROP, 0, row, NOW), ERR_OK);
		assert_int_equal(order(r, QUEUE_ORDER_DROP, 0, row + 1, NOW), ERR_OK);
		assert_int_equal(order(r, QUEUE_ORDER_RETRY, 0, row, NOW), ERR_NOTFOUND);
		assert_string_equal(hops(r, &s), "");
		rig_shut(r);
		poison_close(&r->poison);
		rig_open(r);
	}
}

/* It was not in our queue when we died: its sender offers it again. */
static void test_offered_anew(void **state)
{
	struct rig *r = *state;
	struct mail *m = make(r, "Subject: x\r\n\r\nhi\r\n", 18);
	struct seen s;

	to(m, "bob@example.org", HOP_SUBMIT, "");
	to(m, "eve@example.org", HOP_SUBMIT, "");
	die_with(r, &m->id, false);
	r->poison = poison_open(working(r), 2);
	assert_false(poison_divert(r->poison, m));
	assert_int_equal(m->rcpts[0].kind, HOP_SUBMIT);
	poison_close(&r->poison);
	die_with(r, &m->id, false);
	r->poison = poison_open(working(r), 2);
	assert_true(poison_divert(r->poison, m));
	assert_int_equal(add(r, m), ERR_OK);
	mail_unref(&m);
	assert_string_equal(hops(r, &s), "poison/");
	assert_string_equal(due(r, NOW + 1000 * HOUR), "");
	assert_int_equal(order(r, QUEUE_ORDER_RETRY, s.poison, 0, NOW + 1000 * HOUR), ERR_OK);
	assert_string_equal(due(r, NOW + 1000 * HOUR), "submission/");
	assert_int_equal(take(r, HOP_SUBMIT, NOW + 1000 * HOUR), 1);
	assert_int_equal(r->items[0]->mail->n_rcpts, 2);
}

static int poison_down(void **state)
{
	struct rig *r = *state;

	poison_close(&r->poison);
	return rig_down(state);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, rig_up, poison_down)
	const struct CMUnitTest tests[] = {
		TEST(test_deaths_are_counted),
		TEST(test_those_charged_last_are_remembered),
		TEST(test_files_that_are_none),
		TEST(test_poison_is_set_apart_and_comes_back),
		TEST(test_one_message_of_it),
		TEST(test_offered_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
