/* The queue's loop side: requests out, answers in, sequence numbers. */
#include "common/relay/queue.h"

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/relay/queue_priv.h"

#include <stdlib.h>

#define DEFAULT_EXPIRE (INT64_C(2) * 24 * 3600 * 1000)
#define DEFAULT_NOTICE (INT64_C(4) * 3600 * 1000)

struct queue {
	struct queue_conf conf;
	struct queue_db qd;
	struct queue_thread *thread;
	struct inbox *in;
	uint64_t seq_next, seq_end;
	bool reserving, asking;		/* a RESERVE, a DUE is under way */
	bool ask_again;			/* something came while one was */
	bool closing;
	int64_t now_ms;			/* of the last call that brought one */
	struct list redo;		/* FINISH requests the disk refused */
	uint64_t added, finished;
	size_t out, out_bytes;
};

static struct queue_req *req_new(struct queue *q, enum queue_req_kind kind, void *ctx)
{
	struct queue_req *r = xcalloc(1, sizeof(*r));

	list_init(&r->node);
	r->kind = kind;
	r->ctx = ctx;
	r->now_ms = q->now_ms;
	return r;
}

static void req_free(struct queue_req *r)
{
	for (size_t i = 0; i < r->n_files; i++)
		free(r->files[i]);
	free(r->files);
	mail_unref(&r->mail);
	mail_unref(&r->result.report);
	mail_unref(&r->result.replace);
	arena_fini(&r->arena);
	free(r);
}

static void on_back(void *ctx, struct inbox_item *item);

/* While it closes, callbacks may still ask: nothing is taken any more. */
static void post(struct queue *q, struct queue_req *r)
{
	if (q->thread) {
		queue_thread_post(q->thread, r);
		return;
	}
	r->e = ERR_AGAIN;
	on_back(q, &r->back);
}

static void ask_due(struct queue *q)
{
	struct queue_req *r;

	if (q->closing)
		return;
	if (q->asking) {
		q->ask_again = true;
		return;
	}
	q->asking = true;
	q->ask_again = false;
	r = req_new(q, REQ_DUE, NULL);
	r->expire_ms = q->conf.expire_ms;
	r->notice_ms = q->conf.notice_ms;
	post(q, r);
}

/* ---- answers ---------------------------------------------------------------- */

static void answer_due(struct queue *q, struct queue_req *r)
{
	q->asking = false;
	if (r->e)
		log_error(NULL, "queue cannot be read err=%s detail=%s", err_text(r->e), r->eb.text);
	for (size_t i = 0; !q->closing && i < r->n; i++)
		q->conf.on_due(q->conf.ctx, &r->hops[i]);
	if (q->ask_again)
		ask_due(q);
}

static void answer_take(struct queue *q, struct queue_req *r)
{
	for (size_t i = 0; i < r->n; i++) {
		q->out++;
		q->out_bytes += r->items[i]->bytes;
	}
	r->on_items(r->ctx, r->items, r->n);
}

static void item_back(struct queue *q, struct queue_req *r)
{
	q->out--;
	q->out_bytes -= r->item->bytes;
	queue_item_free(&r->item);
}

/* True: the request lives on, for another try. */
static bool answer_finish(struct queue *q, struct queue_req *r)
{
	if (r->e && !q->closing) {
		/* One line for all that wait: a full disk should not fill with this. */
		if (list_empty(&q->redo))
			log_error(NULL, "queue results not written err=%s detail=%s",
				  err_text(r->e), r->eb.text);
		list_init(&r->node);
		list_add_tail(&q->redo, &r->node);
		return true;
	}
	q->finished++;
	item_back(q, r);
	if (r->done)
		r->done(r->ctx, r->e);
	return false;
}

static void answer_reserve(struct queue *q, struct queue_req *r)
{
	q->reserving = false;
	if (r->e)
		log_error(NULL, "queue cannot reserve numbers err=%s", err_text(r->e));
	else
		q->seq_end += QUEUE_SEQ_BLOCK;
}

static void answer(struct queue *q, struct queue_req *r)
{
	switch (r->kind) {
	case REQ_ADD:
		if (r->e && r->e != ERR_EXISTS)
			log_warn(NULL, "queue not-taken err=%s detail=%s", err_text(r->e), r->eb.text);
		q->added += r->e == ERR_OK;
		r->done(r->ctx, r->e);
		break;
	case REQ_TAKE:
		answer_take(q, r);
		break;
	case REQ_RELEASE:
		item_back(q, r);
		break;
	case REQ_DUE:
		answer_due(q, r);
		break;
	case REQ_RESERVE:
		answer_reserve(q, r);
		break;
	case REQ_HELD:
		r->on_held(r->ctx, r->e, r->value);
		break;
	case REQ_DERIVED:
		r->on_guids(r->ctx, r->e, r->guids, r->n);
		break;
	case REQ_LIST:
		r->on_list(r->ctx, r->e, r->lines, r->n);
		break;
	case REQ_MESSAGES:
		r->on_messages(r->ctx, r->e, r->messages, r->n);
		break;
	case REQ_ORDER:
		r->done(r->ctx, r->e);
		break;
	case REQ_KICK:
	case REQ_DONE_BELOW:
	case REQ_NOTE_DERIVED:
	case REQ_FINISH:
	case REQ_KINDS:
		break;
	}
}

static void on_back(void *ctx, struct inbox_item *item)
{
	struct queue *q = ctx;
	struct queue_req *r = CONTAINER_OF(item, struct queue_req, back);
	bool kick = r->kick && !r->e;

	if (r->kind == REQ_FINISH) {
		if (answer_finish(q, r))
			return;
	} else {
		answer(q, r);
	}
	req_free(r);
	if (kick)
		ask_due(q);
}

/* ---- opening ---------------------------------------------------------------- */

enum err queue_open(const struct queue_conf *conf, struct queue **out, struct errbuf *eb)
{
	struct queue *q = xcalloc(1, sizeof(*q));
	enum err e;

	CHECK(conf->on_due);
	q->conf = *conf;
	queue_set_ages(q, conf->expire_ms > 0 ? conf->expire_ms : DEFAULT_EXPIRE,
		       conf->notice_ms > 0 ? conf->notice_ms : DEFAULT_NOTICE);
	q->qd.expire_ms = q->conf.expire_ms;
	q->qd.notice_ms = q->conf.notice_ms;
	list_init(&q->redo);
	e = queue_db_open(&q->qd, &q->conf, &q->seq_next, &q->seq_end, eb);
	if (e) {
		free(q);
		return e;
	}
	q->in = inbox_open(conf->loop, on_back, q);
	q->thread = queue_thread_start(&q->qd, q->in);
	*out = q;
	return ERR_OK;
}

/* Items still out with their owner are the owner's to free. */
void queue_close(struct queue **qp)
{
	struct queue *q = *qp;
	struct list *n;

	if (!q)
		return;
	q->closing = true;
	while ((n = list_pop(&q->redo)))
		post(q, CONTAINER_OF(n, struct queue_req, node));
	queue_thread_stop(&q->thread);
	inbox_close(&q->in);
	queue_db_close(&q->qd);
	free(q);
	*qp = NULL;
}

void queue_set_ages(struct queue *q, int64_t expire_ms, int64_t notice_ms)
{
	if (expire_ms > 0)
		q->conf.expire_ms = expire_ms;
	if (notice_ms > 0)
		q->conf.notice_ms = notice_ms;
}

const struct guid *queue_instance(const struct queue *q)
{
	return &q->qd.instance;
}

uint64_t queue_next_seq(struct queue *q)
{
	if (q->seq_end - q->seq_next < QUEUE_SEQ_BLOCK / 2 && !q->reserving) {
		q->reserving = true;
		post(q, req_new(q, REQ_RESERVE, NULL));
	}
	return q->seq_next < q->seq_end ? q->seq_next++ : 0;
}

uint64_t queue_seq_now(const struct queue *q)
{
	return q->seq_next;
}

/* ---- requests --------------------------------------------------------------- */

void queue_add(struct queue *q, struct mail *m, int64_t now_ms, queue_done_cb *cb, void *ctx)
{
	struct queue_req *r = req_new(q, REQ_ADD, ctx);

	CHECK(m->n_rcpts > 0 && m->n_rcpts <= MAIL_MAX_RCPTS);
	q->now_ms = r->now_ms = now_ms;
	r->mail = mail_ref(m);
	r->bytes = m->data ? (size_t)m->size : 0;
	r->done = cb;
	post(q, r);
}

void queue_take(struct queue *q, const struct queue_hop *hop, size_t max_items, int64_t now_ms,
		queue_items_cb *cb, void *ctx)
{
	struct queue_req *r = req_new(q, REQ_TAKE, ctx);

	q->now_ms = r->now_ms = now_ms;
	r->hop = *hop;
	r->hop.name = arena_str(&r->arena, hop->name);
	r->limit = max_items > UINT16_MAX ? UINT16_MAX : (unsigned)max_items;
	r->on_items = cb;
	post(q, r);
}

void queue_finish(struct queue *q, struct queue_item *it, const struct queue_result *res,
		  int64_t now_ms, queue_done_cb *cb, void *ctx)
{
	struct queue_req *r = req_new(q, REQ_FINISH, ctx);

	q->now_ms = r->now_ms = now_ms;
	r->item = it;
	r->result = *res;
	r->result.error = res->error ? arena_str(&r->arena, res->error) : NULL;
	if (res->verdicts)
		r->result.verdicts = arena_dup(&r->arena, res->verdicts,
					       it->mail->n_rcpts * sizeof(*res->verdicts));
	r->result.report = res->report ? mail_ref(res->report) : NULL;
	r->result.replace = res->replace ? mail_ref(res->replace) : NULL;
	r->bytes = res->report ? (size_t)res->report->size : 0;
	r->done = cb;
	post(q, r);
}

void queue_release(struct queue *q, struct queue_item *it)
{
	struct queue_req *r = req_new(q, REQ_RELEASE, NULL);

	r->item = it;
	post(q, r);
}

void queue_tick(struct queue *q, int64_t now_ms)
{
	struct list *n;

	q->now_ms = now_ms;
	while ((n = list_pop(&q->redo))) {
		struct queue_req *r = CONTAINER_OF(n, struct queue_req, node);

		r->e = ERR_OK;
		post(q, r);
	}
	ask_due(q);
}

void queue_kick(struct queue *q, enum hop_kind kind, const char *name, int64_t now_ms)
{
	struct queue_req *r = req_new(q, REQ_KICK, NULL);

	q->now_ms = r->now_ms = now_ms;
	r->hop.kind = kind;
	r->hop.name = name ? arena_str(&r->arena, name) : NULL;
	post(q, r);
}

void queue_held(struct queue *q, const struct guid *root, queue_held_cb *cb, void *ctx)
{
	struct queue_req *r = req_new(q, REQ_HELD, ctx);

	r->guid = *root;
	r->on_held = cb;
	post(q, r);
}

void queue_done_below(struct queue *q, const struct guid *root, uint64_t seq)
{
	struct queue_req *r = req_new(q, REQ_DONE_BELOW, NULL);

	r->guid = *root;
	r->seq = seq;
	post(q, r);
}

void queue_note_derived(struct queue *q, const struct guid *root, const struct guid *origin)
{
	struct queue_req *r = req_new(q, REQ_NOTE_DERIVED, NULL);

	r->guid = *root;
	r->origin = *origin;
	post(q, r);
}

void queue_derived(struct queue *q, const struct guid *root, queue_guids_cb *cb, void *ctx)
{
	struct queue_req *r = req_new(q, REQ_DERIVED, ctx);

	r->guid = *root;
	r->on_guids = cb;
	post(q, r);
}

void queue_list(struct queue *q, int64_t after, queue_list_cb *cb, void *ctx)
{
	struct queue_req *r = req_new(q, REQ_LIST, ctx);

	r->after = after;
	r->on_list = cb;
	post(q, r);
}

void queue_messages(struct queue *q, int64_t hop, int64_t after, unsigned limit,
		    queue_messages_cb *cb, void *ctx)
{
	struct queue_req *r = req_new(q, REQ_MESSAGES, ctx);

	r->hop_id = hop;
	r->after = after;
	r->limit = limit;
	r->on_messages = cb;
	post(q, r);
}

void queue_order(struct queue *q, enum queue_order o, int64_t hop, int64_t row, int64_t now_ms,
		 queue_done_cb *cb, void *ctx)
{
	struct queue_req *r = req_new(q, REQ_ORDER, ctx);

	q->now_ms = r->now_ms = now_ms;
	r->order = o;
	r->hop_id = hop;
	r->row = row;
	r->done = cb;
	post(q, r);
}

void queue_get_stats(const struct queue *q, struct queue_stats *out)
{
	queue_thread_stats(q->thread, out);
	out->added = q->added;
	out->finished = q->finished;
	out->out = q->out;
	out->out_bytes = q->out_bytes;
}
