#ifndef TEST_QUEUE_RIG_H
#define TEST_QUEUE_RIG_H
/* A queue in a folder of its own, with a loop that is turned by hand. */
#include "common/base/check.h"
#include "common/relay/queue.h"
#include "common/relay/spool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#define NOW  INT64_C(1700000000000)
#define HOUR INT64_C(3600000)
#define MAX_DUE 200

static A_UNUSED const struct queue_result plain;

struct rig {
	char dir[64], path[96], spool_dir[96];
	uv_loop_t loop;
	struct spool *spool;
	struct queue *q;
	int64_t max_pages;
	struct poison *poison;
	struct errbuf eb;
	unsigned answers;		/* callbacks so far */
	enum err e;
	uint64_t held;
	struct queue_hop due[MAX_DUE];
	char due_names[MAX_DUE][64];
	size_t n_due;
	struct queue_item *items[64];
	size_t n_items;
	char text[512];
	struct guid guids[8];
	size_t n_guids;
};

static A_UNUSED void on_due(void *ctx, const struct queue_hop *h)
{
	struct rig *r = ctx;

	assert_true(r->n_due < MAX_DUE);
	r->due[r->n_due] = *h;
	snprintf(r->due_names[r->n_due], sizeof(r->due_names[0]), "%s", h->name);
	r->due[r->n_due].name = r->due_names[r->n_due];
	r->n_due++;
}

static A_UNUSED void rig_open(struct rig *r)
{
	struct spool_conf sc = { .dir = r->spool_dir };
	struct queue_conf qc = { .loop = &r->loop, .path = r->path, .max_pages = r->max_pages,
				 .poison = r->poison, .on_due = on_due, .ctx = r };

	assert_int_equal(uv_loop_init(&r->loop), 0);
	if (spool_open(&sc, &r->spool, &r->eb))
		fail_msg("spool: %s", r->eb.text);
	qc.spool = r->spool;
	if (queue_open(&qc, &r->q, &r->eb))
		fail_msg("open: %s", r->eb.text);
	r->n_due = 0;
}

static A_UNUSED void free_items(struct rig *r)
{
	for (size_t i = 0; i < r->n_items; i++)
		queue_item_free(&r->items[i]);
	r->n_items = 0;
}

static A_UNUSED void rig_shut(struct rig *r)
{
	queue_close(&r->q);
	free_items(r);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&r->loop), 0);
	spool_close(&r->spool);
}

static A_UNUSED int rig_up(void **state)
{
	struct rig *r = xcalloc(1, sizeof(*r));

	snprintf(r->dir, sizeof(r->dir), "/tmp/test_queue.XXXXXX");
	if (!mkdtemp(r->dir))
		return -1;
	snprintf(r->path, sizeof(r->path), "%s/queue.db", r->dir);
	snprintf(r->spool_dir, sizeof(r->spool_dir), "%s/spool", r->dir);
	rig_open(r);
	*state = r;
	return 0;
}

static A_UNUSED int rig_down(void **state)
{
	struct rig *r = *state;
	char *cmd = xasprintf("rm -rf '%s'", r->dir);
	int rc;

	rig_shut(r);
	rc = system(cmd);
	free(cmd);
	free(r);
	return rc;
}

static A_UNUSED void wait_answer(struct rig *r)
{
	unsigned before = r->answers;

	while (r->answers == before)
		uv_run(&r->loop, UV_RUN_ONCE);
}

static A_UNUSED void done(void *ctx, enum err e)
{
	struct rig *r = ctx;

	r->e = e;
	r->answers++;
}

static A_UNUSED void took(void *ctx, struct queue_item **items, size_t n)
{
	struct rig *r = ctx;

	for (size_t i = 0; i < n; i++) {
		assert_true(r->n_items < N_ELEMS(r->items));
		r->items[r->n_items++] = items[i];
	}
	r->answers++;
}

static A_UNUSED void held(void *ctx, enum err e, uint64_t lowest)
{
	struct rig *r = ctx;

	r->e = e;
	r->held = lowest;
	r->answers++;
}

static A_UNUSED void guids(void *ctx, enum err e, const struct guid *g, size_t n)
{
	struct rig *r = ctx;

	r->e = e;
	assert_true(n <= N_ELEMS(r->guids));
	memcpy(r->guids, g, n * sizeof(*g));
	r->n_guids = n;
	r->answers++;
}

static A_UNUSED struct mail *make(struct rig *r, const char *body, size_t n)
{
	struct mail *m = mail_new();

	m->id.origin = *queue_instance(r->q);
	m->id.seq = queue_next_seq(r->q);
	m->root = m->id.origin;
	m->sender = "ann@example.org";
	m->received_ms = NOW;
	assert_int_equal(mail_fill_body(m, r->spool, body, n, &r->eb), ERR_OK);
	return m;
}

static A_UNUSED struct mail_rcpt *to(struct mail *m, const char *address, enum hop_kind kind,
			    const char *hop)
{
	struct mail_rcpt *c = mail_add(m, address);

	mail_route(m, c, kind, hop);
	c->due_ms = NOW;
	return c;
}

static A_UNUSED enum err add(struct rig *r, struct mail *m)
{
	queue_add(r->q, m, NOW, done, r);
	wait_answer(r);
	return r->e;
}

/* One message to one recipient on one hop. */
static A_UNUSED uint64_t add_one(struct rig *r, enum hop_kind kind, const char *hop)
{
	struct mail *m = make(r, "Subject: x\r\n\r\nhi\r\n", 18);
	uint64_t seq = m->id.seq;

	to(m, "bob@example.org", kind, hop);
	assert_int_equal(add(r, m), ERR_OK);
	mail_unref(&m);
	return seq;
}

/* Everything that is due, as "kind/name kind/name". */
static const char *due(struct rig *r, int64_t now)
{
	size_t n = 0;

	/* What earlier answers asked for is let through first. */
	queue_held(r->q, queue_instance(r->q), held, r);
	wait_answer(r);
	r->n_due = 0;
	queue_tick(r->q, now);
	queue_held(r->q, queue_instance(r->q), held, r);
	wait_answer(r);
	queue_held(r->q, queue_instance(r->q), held, r);
	wait_answer(r);
	r->text[0] = '\0';
	for (size_t i = 0; i < r->n_due && n < sizeof(r->text); i++) {
		const struct queue_hop *h = &r->due[i];
		char word[128];

		snprintf(word, sizeof(word), "%s/%s", h->expired ? "expired" : h->late ? "late" :
			 hop_kind_name(h->kind), h->name);
		if (strstr(r->text, word))
			continue;
		n += (size_t)snprintf(r->text + n, sizeof(r->text) - n, "%s%s", n ? " " : "",
				      word);
	}
	return r->text;
}

static const struct queue_hop *due_hop(struct rig *r, enum hop_kind kind, int64_t now)
{
	due(r, now);
	for (size_t i = 0; i < r->n_due; i++)
		if (r->due[i].kind == kind && r->due[i].id)
			return &r->due[i];
	fail_msg("no %s is due, only %s", hop_kind_name(kind), r->text);
	return NULL;
}

static A_UNUSED size_t take(struct rig *r, enum hop_kind kind, int64_t now)
{
	const struct queue_hop *h = due_hop(r, kind, now);

	queue_take(r->q, h, 10, now, took, r);
	wait_answer(r);
	return r->n_items;
}

/* Finish item i with the same verdict for all. */
static A_UNUSED enum err finish(struct rig *r, size_t i, enum queue_verdict v, struct queue_result res,
		       int64_t now)
{
	enum queue_verdict *vs = xcalloc(r->items[i]->mail->n_rcpts, sizeof(*vs));

	for (size_t k = 0; k < r->items[i]->mail->n_rcpts; k++)
		vs[k] = v;
	res.verdicts = vs;
	queue_finish(r->q, r->items[i], &res, now, done, r);
	r->items[i] = r->items[--r->n_items];
	free(vs);
	wait_answer(r);
	return r->e;
}

static A_UNUSED uint64_t messages(struct rig *r)
{
	struct queue_stats s;

	queue_get_stats(r->q, &s);
	return s.messages;
}
#endif
