#include "tests/unit/mailbox/rig.h"

/* Every way through the indexes must give what looking at each message gives. */

enum { N = 120 };

struct known {
	unsigned flags;
	int64_t date, sent;
	uint64_t size;
	bool blue;
};

static const char *const blue[] = { "blue", NULL };
static const char *const unknown[] = { "never-seen", NULL };

static void fill(struct rig *rig, struct known *k)
{
	for (unsigned i = 1; i <= N; i++) {
		char id[20], *text;
		struct deliver_to to = { .mbx = rig->mbx };

		snprintf(id, sizeof(id), "%u@q", i);
		text = rig_letter("q", id, NULL, (i * 37) % 500);
		/* Dates go up and down beside the uids. */
		rig->now_ms = INT64_C(1700000000000) + (int64_t)((i * 53) % N) * 1000;
		OK(rig_deliver(rig, text, 0, &to, 1));
		k[i] = (struct known){ .date = rig->now_ms, .size = strlen(text),
				       .sent = INT64_C(1696240800000) };
		free(text);
	}
	for (unsigned i = 1; i <= N; i++) {
		struct uid_range u = { i, i };

		if (i % 3 == 0)
			k[i].flags |= FLAG_SEEN;
		if (i % 5 == 0)
			k[i].flags |= FLAG_FLAGGED;
		if (i % 7 == 0)
			k[i].flags |= FLAG_DELETED;
		k[i].blue = i % 4 == 0;
		OK(rig_flags(rig, rig->inbox, u, FLAGS_ADD, k[i].flags, k[i].blue ? blue : NULL));
	}
}

static bool fits(const struct query_op *q, const struct known *k, uint32_t uid)
{
	const struct runs in = { (struct uid_range *)(uintptr_t)q->uids, q->n_uids, 0 };

	if ((k->flags & q->flags_set) != q->flags_set || (k->flags & q->flags_clear))
		return false;
	if (q->since_ms && k->date < q->since_ms)
		return false;
	if (q->before_ms && k->date >= q->before_ms)
		return false;
	if (q->sent_since_ms && k->sent < q->sent_since_ms)
		return false;
	if ((q->larger && k->size <= q->larger) || (q->smaller && k->size >= q->smaller))
		return false;
	if (q->kw_set && (q->kw_set == unknown || !k->blue))
		return false;
	if (q->kw_clear == blue && k->blue)
		return false;
	return q->n_uids == 0 || runs_contain(&in, uid);
}

static void test_all_ways_agree(void **state)
{
	struct rig *rig = *state;
	static struct known k[N + 1];
	const int64_t t = INT64_C(1700000000000);
	static const struct uid_range some[] = { { 10, 30 }, { 60, 60 }, { 100, UINT32_MAX } };
	const struct query_op cases[] = {
		{ .limit = 0 },
		{ .flags_set = FLAG_SEEN },
		{ .flags_clear = FLAG_SEEN },
		{ .flags_clear = FLAG_SEEN | FLAG_DELETED, .flags_set = FLAG_FLAGGED },
		{ .since_ms = t + 20000 },
		{ .before_ms = t + 20000 },
		{ .since_ms = t + 20000, .before_ms = t + 20000 },
		{ .since_ms = t + 20000, .before_ms = t + 90000, .flags_clear = FLAG_SEEN },
		{ .since_ms = t + 20000, .before_ms = t + 90000, .larger = 300 },
		{ .larger = 300, .smaller = 500 },
		{ .smaller = 1 },
		{ .kw_set = blue },
		{ .kw_clear = blue, .flags_clear = FLAG_SEEN },
		{ .kw_set = unknown },
		{ .kw_clear = unknown },
		{ .uids = some, .n_uids = 3 },
		{ .uids = some, .n_uids = 3, .flags_clear = FLAG_SEEN, .larger = 250 },
		{ .uids = some, .n_uids = 3, .newest_first = true, .flags_set = FLAG_FLAGGED },
		{ .sent_since_ms = t },
		{ .sent_since_ms = 1, .flags_set = FLAG_DELETED },
		{ .newest_first = true },
	};

	fill(rig, k);
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct query_op q = cases[i];

		q.who = rig_who(rig);
		q.fid = (uint64_t)rig->inbox;
		OK(query(rig->r, &q, &rig->eb));
		for (uint32_t uid = 1; uid <= N; uid++)
			if (runs_contain(&q.runs, uid) != fits(&q, &k[uid], uid))
				fail_msg("case %zu uid %u: %d", i, uid,
					 runs_contain(&q.runs, uid));
		runs_fini(&q.runs);
	}
}

static void test_limits(void **state)
{
	struct rig *rig = *state;
	static struct known k[N + 1];
	struct query_op q = { .who = rig_who(rig), .fid = (uint64_t)rig->inbox, .limit = 5,
			      .newest_first = true };

	fill(rig, k);
	OK(query(rig->r, &q, &rig->eb));
	assert_true(q.more);
	assert_int_equal(q.runs.n, 1);
	assert_int_equal(q.runs.r[0].first, N - 4);
	assert_int_equal(q.runs.r[0].last, N);
	runs_fini(&q.runs);
	q.newest_first = q.more = false;
	q.limit = N;
	OK(query(rig->r, &q, &rig->eb));
	assert_false(q.more);
	assert_int_equal(runs_count(&q.runs), N);
	runs_fini(&q.runs);
	q.fid = 4711;
	assert_int_equal(query(rig->r, &q, &rig->eb), ERR_NOTFOUND);
}

/* ---- lists of uids -------------------------------------------------------------------- */

static void test_runs_in_memory(void **state)
{
	static const struct {
		struct uid_range in[4];
		size_t n;
		const char *out;
	} cases[] = {
		{ { { 5, 5 }, { 1, 1 } }, 2, "1-1 5-5" },
		{ { { 1, 3 }, { 4, 6 } }, 2, "1-6" },
		{ { { 4, 6 }, { 1, 3 } }, 2, "1-6" },
		{ { { 9, 2 } }, 1, "2-9" },
		{ { { 1, 10 }, { 3, 4 }, { 20, 20 } }, 3, "1-10 20-20" },
		{ { { UINT32_MAX, 7 }, { 1, 1 } }, 2, "1-1 7-4294967295" },
		{ { { UINT32_MAX, UINT32_MAX }, { UINT32_MAX, UINT32_MAX } }, 2,
		  "4294967295-4294967295" },
		{ { { 0, 0 } }, 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct runs l = { NULL, 0, 0 };
		char text[100] = "";

		runs_copy(&l, cases[i].in, cases[i].n);
		for (size_t k = 0; k < l.n; k++)
			sprintf(text + strlen(text), "%s%u-%u", k ? " " : "", l.r[k].first,
				l.r[k].last);
		assert_string_equal(text, cases[i].out);
		runs_fini(&l);
	}
}

static void test_keyword_sets(void **state)
{
	struct rig *rig = *state;
	static const char *const odd[] = { "has space", NULL };
	static char name[KEYWORDS_MAILBOX + 2][8];
	const char *kw[KEYWORDS_MESSAGE + 2] = { NULL };
	enum err e = ERR_OK;

	rig_fill(rig, 1);
	assert_int_equal(rig_flags(rig, rig->inbox, all_uids, FLAGS_ADD, 0, odd), ERR_INVALID);
	for (int i = 0; i <= KEYWORDS_MESSAGE; i++) {
		snprintf(name[i], sizeof(name[i]), "k%d", i);
		kw[i] = name[i];
	}
	assert_int_equal(rig_flags(rig, rig->inbox, all_uids, FLAGS_ADD, 0, kw), ERR_LIMIT);
	kw[KEYWORDS_MESSAGE] = NULL;
	OK(rig_flags(rig, rig->inbox, all_uids, FLAGS_ADD, 0, kw));
	/* The message is full. */
	kw[0] = "one-more";
	kw[1] = NULL;
	assert_int_equal(rig_flags(rig, rig->inbox, all_uids, FLAGS_ADD, 0, kw), ERR_LIMIT);
	for (int i = KEYWORDS_MESSAGE; e == ERR_OK && i <= KEYWORDS_MAILBOX; i++) {
		snprintf(name[i], sizeof(name[i]), "k%d", i);
		kw[0] = name[i];
		e = rig_flags(rig, rig->inbox, all_uids, FLAGS_REPLACE, 0, kw);
	}
	assert_int_equal(e, ERR_LIMIT);		/* the mailbox is full */
	kw[0] = "K5";		/* names compare without case: this one is known */
	OK(rig_flags(rig, rig->inbox, all_uids, FLAGS_REPLACE, 0, kw));
	assert_folder(rig->inbox, "1:0[k5]");
	kw[0] = "nobody-has-it";
	OK(rig_flags(rig, rig->inbox, all_uids, FLAGS_REMOVE, 0, kw));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down_checked)
	const struct CMUnitTest tests[] = {
		T(test_all_ways_agree),
		T(test_limits),
		cmocka_unit_test(test_runs_in_memory),
		T(test_keyword_sets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
