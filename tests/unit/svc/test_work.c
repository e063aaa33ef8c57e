#include "common/svc/inbox.h"
#include "common/svc/work.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct job {
	uv_sem_t *gate;		/* waited for in run(), may be NULL */
	uv_sem_t *begun;	/* posted by run(), may be NULL */
	uv_thread_t thread;
	int runs, dones, drops;
};

static void run(void *ctx)
{
	struct job *j = ctx;

	j->thread = uv_thread_self();
	if (j->begun)
		uv_sem_post(j->begun);
	if (j->gate)
		uv_sem_wait(j->gate);
	j->runs++;
}

static void done(void *ctx)
{
	struct job *j = ctx;

	j->dones++;
}

static void drop(void *ctx)
{
	struct job *j = ctx;

	j->drops++;
}

static void close_loop(uv_loop_t *loop)
{
	uv_run(loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(loop), 0);
}

static void test_each_job_is_done_once_on_the_loop(void **state)
{
	struct job jobs[100];
	struct work_conf conf = { NULL, 3, 200 };
	struct work_pool *p;
	struct work_stats st;
	uv_loop_t loop;
	uv_thread_t self = uv_thread_self();

	(void)state;
	memset(jobs, 0, sizeof(jobs));
	uv_loop_init(&loop);
	conf.loop = &loop;
	p = work_pool_open(&conf);
	for (size_t i = 0; i < 100; i++) {
		assert_int_equal(work_submit(p, run, done, &jobs[i], NULL), ERR_OK);
		assert_int_equal(jobs[i].dones, 0);
	}
	uv_run(&loop, UV_RUN_DEFAULT);	/* ends by itself when all are done */
	for (size_t i = 0; i < 100; i++) {
		assert_int_equal(jobs[i].runs, 1);
		assert_int_equal(jobs[i].dones, 1);
		assert_false(uv_thread_equal(&jobs[i].thread, &self));
	}
	work_get_stats(p, &st);
	assert_int_equal(st.done, 100);
	assert_int_equal(st.queued + st.running, 0);
	work_pool_close(&p);
	work_pool_close(&p);
	close_loop(&loop);
}

static void test_the_queue_is_bounded(void **state)
{
	uv_sem_t gate, begun;
	struct job j[4] = { { &gate, &begun, 0, 0, 0, 0 } };
	struct work_conf conf = { NULL, 1, 2 };
	struct work_pool *p;
	struct work_stats st;
	uv_loop_t loop;

	(void)state;
	uv_sem_init(&gate, 0);
	uv_sem_init(&begun, 0);
	uv_loop_init(&loop);
	conf.loop = &loop;
	p = work_pool_open(&conf);
	assert_int_equal(work_submit(p, run, done, &j[0], NULL), ERR_OK);
	uv_sem_wait(&begun);
	assert_int_equal(work_submit(p, run, done, &j[1], NULL), ERR_OK);
	assert_int_equal(work_submit(p, run, done, &j[2], NULL), ERR_OK);
	assert_int_equal(work_submit(p, run, done, &j[3], NULL), ERR_AGAIN);
	work_get_stats(p, &st);
	assert_int_equal(st.refused, 1);
	assert_int_equal(st.queued, 2);
	assert_int_equal(st.running, 1);
	uv_sem_post(&gate);
	work_pool_close(&p);		/* waits, and done() is called */
	for (int i = 0; i < 3; i++)
		assert_int_equal(j[i].dones, 1);
	assert_int_equal(j[3].runs + j[3].dones, 0);
	close_loop(&loop);
	uv_sem_destroy(&gate);
	uv_sem_destroy(&begun);
}

static void test_cancel_queued_and_running(void **state)
{
	uv_sem_t gate, begun;
	struct job a = { &gate, &begun, 0, 0, 0, 0 }, b = { 0 };
	struct work_conf conf = { NULL, 1, 5 };
	struct work *wa, *wb;
	struct work_pool *p;
	uv_loop_t loop;

	(void)state;
	uv_sem_init(&gate, 0);
	uv_sem_init(&begun, 0);
	uv_loop_init(&loop);
	conf.loop = &loop;
	p = work_pool_open(&conf);
	assert_int_equal(work_submit(p, run, done, &a, &wa), ERR_OK);
	assert_int_equal(work_submit(p, run, done, &b, &wb), ERR_OK);
	uv_sem_wait(&begun);
	work_cancel(&wb, drop);
	assert_null(wb);
	assert_int_equal(b.drops, 1);	/* at once */
	work_cancel(&wb, drop);
	work_cancel(&wa, drop);
	assert_int_equal(a.drops, 0);	/* the worker still holds it */
	uv_sem_post(&gate);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(a.drops, 1);
	assert_int_equal(a.runs, 1);
	assert_int_equal(b.runs, 0);
	assert_int_equal(a.dones + b.dones, 0);
	work_pool_close(&p);
	close_loop(&loop);
	uv_sem_destroy(&gate);
	uv_sem_destroy(&begun);
}

struct note {
	struct inbox_item item;
	int from, number;
};

struct poster {
	uv_thread_t thread;
	struct inbox *in;
	struct note notes[500];
};

struct taken {
	struct inbox *in;
	int next[4], n;
};

static void post_all(void *arg)
{
	struct poster *p = arg;

	for (int i = 0; i < 500; i++)
		inbox_post(p->in, &p->notes[i].item);
}

static void take(void *ctx, struct inbox_item *item)
{
	struct note *n = (struct note *)(void *)item;
	struct taken *t = ctx;

	assert_int_equal(t->next[n->from], n->number);	/* in order per thread */
	t->next[n->from]++;
	if (++t->n == 2000)
		inbox_unref(t->in);
}

static void test_inbox_keeps_order_and_loses_nothing(void **state)
{
	struct poster *p = calloc(4, sizeof(*p));
	struct note extra = { { NULL }, 0, 500 };
	struct taken t = { 0 };
	uv_loop_t loop;

	(void)state;
	uv_loop_init(&loop);
	t.in = inbox_open(&loop, take, &t);
	for (int i = 0; i < 4; i++) {
		p[i].in = t.in;
		for (int k = 0; k < 500; k++) {
			p[i].notes[k].from = i;
			p[i].notes[k].number = k;
		}
		uv_thread_create(&p[i].thread, post_all, &p[i]);
	}
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(t.n, 2000);
	for (int i = 0; i < 4; i++)
		uv_thread_join(&p[i].thread);
	inbox_post(t.in, &extra.item);
	inbox_close(&t.in);		/* takes what is inside */
	assert_int_equal(t.n, 2001);
	inbox_close(&t.in);
	close_loop(&loop);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_job_is_done_once_on_the_loop),
		cmocka_unit_test(test_the_queue_is_bounded),
		cmocka_unit_test(test_cancel_queued_and_running),
		cmocka_unit_test(test_inbox_keeps_order_and_loses_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
