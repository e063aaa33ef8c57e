/* rpc - messages coming in: store.deliver, store.done-below, store.append, store.stage,
 * store.place */
#include "common/rpc/rpc.h"

#include "common/base/check.h"
#include "gen/store.pb-c.h"
#include "roles/mailbox/assign.h"
#include "roles/mailbox/call.h"
#include "roles/mailbox/deliver.h"
#include "roles/mailbox/methods.h"
#include "roles/mailbox/stage.h"
#include "roles/mailbox/upload.h"
#include <stdio.h>
#include <string.h>

enum { MAX_RECIPIENTS = 20000, MAX_RETURN_PATH = 1000, MAX_PREFIX = 64 * 1024, PARTS_MAX = 64, ROLE_MAX = 32 };

/* ---- deliver ------------------------------------------------------------------------- */

/* The recipients of one database. */
struct part {
	struct call *call;
	struct sdb *sdb;
	struct job job;
	struct deliver_op op;
	size_t *where;			/* index of each in the answer */
};

struct delivery {
	struct guid *mailbox;		/* as asked for, in order */
	struct deliver_to *to;
	char (*detail)[sizeof(struct errbuf)];
	size_t n;
	struct deliver_op proto;	/* what the parts have in common */
	struct upload *upload;
	struct part *parts;
	size_t n_parts, n_running, n_waiting;
	bool is_ready;			/* the upload is finished */
};

static void deliver_fini(struct call *c)
{
	struct delivery *d = c->op;

	if (d->n_waiting)
		assign_cancel(c->st, c);
	upload_free(&d->upload);
}

static void deliver_answer(struct call *c)
{
	struct delivery *d = c->op;
	Store__DeliverRep rep = STORE__DELIVER_REP__INIT;
	Store__DeliverResult *r = arena_alloc(&c->arena, (d->n + 1) * sizeof(*r));

	rep.results = arena_alloc(&c->arena, (d->n + 1) * sizeof(*rep.results));
	rep.n_results = d->n;
	for (size_t i = 0; i < d->n; i++) {
		const struct deliver_to *t = &d->to[i];

		store__deliver_result__init(&r[i]);
		r[i].status = t->status;
		r[i].fid = (uint64_t)t->in_fid;
		r[i].uid = (uint32_t)t->uid;
		r[i].mid = (uint64_t)t->mid;
		r[i].repeat = t->repeat;
		r[i].detail = d->detail[i];
		rep.results[i] = &r[i];
		metric_add(c->st->m, M_REPEATS, t->repeat);
	}
	call_reply(c, &rep.base);
}

static void part_done(struct job *j)
{
	struct part *p = CONTAINER_OF(j, struct part, job);
	struct call *c = p->call;
	struct delivery *d = c->op;

	for (size_t i = 0; i < p->op.n_to; i++) {
		struct deliver_to *t = &d->to[p->where[i]];

		*t = p->op.to[i];
		if (j->e == ERR_OK)
			continue;
		t->status = j->e == ERR_CORRUPT || j->e == ERR_INTERNAL ? ERR_AGAIN : j->e;
		snprintf(d->detail[p->where[i]], sizeof(*d->detail), "%s", j->eb.text);
	}
	if (j->e == ERR_OK) {
		metric_add(c->st->m, M_DELIVERED, p->op.placed);
		metric_add(c->st->m, M_CONTENT_BYTES, (int64_t)p->op.content->size);
	}
	if (--d->n_running > 0)
		return;
	c->is_working = false;
	if (c->rq)
		deliver_answer(c);
	else
		call_drop(c);
}

static void run_parts(struct call *c)
{
	struct delivery *d = c->op;

	if (d->n_parts == 0) {
		deliver_answer(c);
		return;
	}
	c->is_working = true;
	d->n_running = d->n_parts;
	for (size_t i = 0; i < d->n_parts; i++) {
		struct part *p = &d->parts[i];

		p->op.content = upload_content(d->upload);
		p->op.staged = upload_staged(d->upload, p->sdb->mdb);
		p->job = (struct job){ .write = deliver, .arg = &p->op, .done = part_done,
				       .lane = LANE_DELIVERY,
				       .bytes = p->op.content->ready_bytes + 4096 * p->op.n_to };
		mdb_write(p->sdb->mdb, &p->job);
	}
}

static void deliver_ready(void *ctx, enum err e)
{
	struct call *c = ctx;

	if (e)
		call_fail(c, e);
	else
		run_parts(c);
}

static void digested(void *ctx, size_t n)
{
	struct call *c = ctx;

	if (c->rq && c->rq->upload)
		rpc_grant(c->rq, n);
}

static struct part *part_of(struct delivery *d, struct call *c, struct sdb *s)
{
	struct part *p;

	for (size_t i = 0; i < d->n_parts; i++)
		if (d->parts[i].sdb == s)
			return &d->parts[i];
	if (d->n_parts == PARTS_MAX)
		return NULL;
	p = &d->parts[d->n_parts++];
	p->call = c;
	p->sdb = s;
	p->op = d->proto;
	p->op.to = arena_alloc(&c->arena, d->n * sizeof(*p->op.to));
	p->where = arena_alloc(&c->arena, d->n * sizeof(*p->where));
	return p;
}

/* Which recipients are here, and in which of the databases. */
static void assort(struct call *c)
{
	struct delivery *d = c->op;

	d->parts = arena_alloc(&c->arena, PARTS_MAX * sizeof(*d->parts));
	for (size_t i = 0; i < d->n; i++) {
		struct errbuf eb = { "" };
		struct part *p = NULL;
		struct mref *m;

		d->to[i].status = role_route(c->st, &d->mailbox[i], &m, &eb);
		if (d->to[i].status == ERR_OK) {
			p = part_of(d, c, m->sdb);
			d->to[i].status = p ? ERR_OK : ERR_AGAIN;
		}
		if (d->to[i].status)
			snprintf(d->detail[i], sizeof(*d->detail), "%s", eb.text);
		if (p == NULL)
			continue;
		p->where[p->op.n_to] = i;
		p->op.to[p->op.n_to] = d->to[i];
		p->op.to[p->op.n_to++].mbx = m->mbx;
	}
}

static bool is_pushed_back(const struct delivery *d)
{
	for (size_t i = 0; i < d->n_parts; i++)
		if (atomic_load(&d->parts[i].sdb->mdb->wal_bytes) > WAL_REFUSE)
			return true;
	return false;
}

static void deliver_go(struct call *c)
{
	struct delivery *d = c->op;
	struct mdb *to[PARTS_MAX];
	enum err e;

	assort(c);
	for (size_t i = 0; i < d->n_parts; i++)
		to[i] = d->parts[i].sdb->mdb;
	if (is_pushed_back(d)) {
		metric_add(c->st->m, M_REFUSED, 1);
		e = err_set(&c->rq->eb, ERR_AGAIN, "the write-ahead log is too long");
	} else {
		e = upload_go(d->upload, to, d->n_parts);
	}
	if (e)
		call_fail(c, e);
}

/* A mailbox that the replica knew is there now, or cannot be made. */
static void mailbox_ready(void *ctx)
{
	struct call *c = ctx;
	struct delivery *d = c->op;

	if (--d->n_waiting == 0)
		deliver_go(c);
}

static void on_chunk(struct rpc_request *rq, const void *p, size_t n, bool last)
{
	struct call *c = rq->data;
	struct delivery *d = c->op;
	enum err e = upload_feed(d->upload, p, n, last);

	if (e)
		call_fail(c, e);
}

/* What the store puts on top, equal for all recipients. */
static enum err make_head(struct call *c, const Store__DeliverReq *in, char **head)
{
	size_t n = strlen(in->prefix), rp = strlen(in->return_path);

	if (rp > MAX_RETURN_PATH || strpbrk(in->return_path, "\r\n"))
		return err_set(&c->rq->eb, ERR_INVALID, "return path");
	if (n > MAX_PREFIX || (n > 0 && (n < 2 || strcmp(in->prefix + n - 2, "\r\n") != 0)))
		return err_set(&c->rq->eb, ERR_INVALID, "prefix");
	*head = arena_printf(&c->arena, "Return-Path: <%s>\r\n%s", in->return_path, in->prefix);
	return ERR_OK;
}

static enum err deliver_read(struct call *c, const Store__DeliverReq *in)
{
	struct delivery *d = c->op;

	if (in->n_to == 0 || in->n_to > MAX_RECIPIENTS)
		return err_set(&c->rq->eb, ERR_INVALID, "%zu recipients", in->n_to);
	if (guid_from(in->origin.data, in->origin.len, &d->proto.origin) != ERR_OK ||
	    in->seq == 0 || in->seq > INT64_MAX)
		return err_set(&c->rq->eb, ERR_INVALID, "no identity");
	d->proto.seq = in->seq;
	d->proto.received_ms = in->received_ms;
	d->n = in->n_to;
	d->mailbox = arena_alloc(&c->arena, d->n * sizeof(*d->mailbox));
	d->to = arena_alloc(&c->arena, d->n * sizeof(*d->to));
	d->detail = arena_alloc(&c->arena, d->n * sizeof(*d->detail));
	for (size_t i = 0; i < d->n; i++) {
		const Store__DeliverTo *t = in->to[i];

		if (guid_from(t->mailbox.data, t->mailbox.len, &d->mailbox[i]) != ERR_OK)
			return err_set(&c->rq->eb, ERR_INVALID, "mailbox %zu", i);
		d->to[i].fid = (int64_t)t->fid;
		d->to[i].flags = t->flags;
		if (strlen(t->role) > ROLE_MAX)
			return err_set(&c->rq->eb, ERR_INVALID, "role of recipient %zu", i);
		d->to[i].role = *t->role ? arena_str(&c->arena, t->role) : NULL;
	}
	return ERR_OK;
}

static enum err begin_upload(struct call *c, uint64_t size, bool open, const char *head,
			     void (*ready)(void *, enum err), struct upload **out)
{
	struct upload_conf conf = {
		.st = c->st, .expect = size, .open = open, .head = head,
		.head_len = strlen(head), .uncounted = c->rq->payload_len, .digested = digested, .ready = ready, .ctx = c,
	};
	enum err e = upload_new(&conf, out, &c->rq->eb);

	if (e == ERR_AGAIN)
		metric_add(c->st->m, M_REFUSED, 1);
	if (e == ERR_OK && !(c->rq->upload && c->rq->payload_len == 0))
		e = upload_feed(*out, c->rq->payload, c->rq->payload_len, !c->rq->upload);
	return e;
}

static void wait_for_mailboxes(struct call *c)
{
	struct delivery *d = c->op;

	for (size_t i = 0; i < d->n; i++) {
		struct mref *m;
		enum err e;

		if (!assign_route(c->st, &d->mailbox[i], &m, &e, NULL, mailbox_ready, c))
			d->n_waiting++;
	}
	if (d->n_waiting == 0)
		deliver_go(c);
}

RPC_HANDLER(deliver_call, Store__DeliverReq)
static void deliver_call(struct rpc_request *rq, const Store__DeliverReq *in)
{
	struct call *c = call_new(rq, NULL, sizeof(struct delivery));
	struct delivery *d = c->op;
	char *head = NULL;
	enum err e;

	c->fini = deliver_fini;
	rq->on_chunk = on_chunk;
	metric_add(c->st->m, M_DELIVER_CALLS, 1);
	e = deliver_read(c, in);
	if (e == ERR_OK)
		e = make_head(c, in, &head);
	if (e == ERR_OK)
		e = begin_upload(c, in->size, false, head, deliver_ready, &d->upload);
	if (e)
		call_fail(c, e);
	else
		wait_for_mailboxes(c);
}

/* ---- done below ------------------------------------------------------------------------ */

struct done_below {
	struct done_below_op op;
	size_t n_running;
	enum err e;
};

struct below_job {
	struct job job;
	struct call *call;
};

static void below_done(struct job *j)
{
	struct call *c = CONTAINER_OF(j, struct below_job, job)->call;
	struct done_below *d = c->op;
	Store__Done rep = STORE__DONE__INIT;

	if (j->e)
		d->e = j->e;
	if (--d->n_running > 0)
		return;
	c->is_working = false;
	if (c->rq == NULL)
		call_drop(c);
	else if (d->e)
		call_fail(c, d->e);
	else
		call_reply(c, &rep.base);
}

RPC_HANDLER(done_below_call, Store__DoneBelowReq)
static void done_below_call(struct rpc_request *rq, const Store__DoneBelowReq *in)
{
	struct call *c = call_new(rq, NULL, sizeof(struct done_below));
	struct done_below *d = c->op;
	Store__Done rep = STORE__DONE__INIT;

	if (guid_from(in->origin.data, in->origin.len, &d->op.origin) != ERR_OK ||
	    in->seq > INT64_MAX) {
		call_fail(c, ERR_INVALID);
		return;
	}
	d->op.seq = in->seq;
	LIST_EACH (&c->st->databases, n)
		d->n_running += CONTAINER_OF(n, struct sdb, node)->mdb != NULL;
	if (d->n_running == 0) {
		call_reply(c, &rep.base);
		return;
	}
	c->is_working = true;
	LIST_EACH (&c->st->databases, n) {
		struct sdb *s = CONTAINER_OF(n, struct sdb, node);
		struct below_job *j;

		if (s->mdb == NULL)
			continue;
		j = arena_alloc(&c->arena, sizeof(*j));
		j->job = (struct job){ .write = deliver_done_below, .arg = &d->op,
				       .done = below_done, .lane = LANE_BACKGROUND };
		j->call = c;
		mdb_write(s->mdb, &j->job);
	}
}

/* ---- append ------------------------------------------------------------------------------ */

struct appending {
	struct append_op op;		/* first: the job's argument */
	struct stage_op stage;
	struct upload *upload;
	bool is_staged;			/* the client sent another message behind it */
};

static void append_fini(struct call *c)
{
	upload_free(&((struct appending *)c->op)->upload);
}

static void append_done(struct call *c, enum err e)
{
	struct appending *a = c->op;
	Store__AppendRep rep = STORE__APPEND_REP__INIT;

	if (e == ERR_OK) {
		metric_add(c->st->m, M_APPENDED, !a->is_staged);
		metric_add(c->st->m, M_CONTENT_BYTES, (int64_t)a->op.content->size);
	}
	if (e) {
		call_fail(c, e);
		return;
	}
	rep.uidvalidity = a->op.uidvalidity;
	rep.uid = a->op.uid;
	rep.modseq = a->op.modseq;
	rep.mid = a->op.mid;
	call_reply(c, &rep.base);
}

static enum err append_or_stage(struct tx *tx, void *arg, struct errbuf *eb)
{
	struct appending *a = arg;

	if (!a->is_staged)
		return append(tx, &a->op, eb);
	a->stage = (struct stage_op){
		.who = a->op.who, .fid = a->op.fid, .batch = a->stage.batch,
		.flags = a->op.flags, .keywords = a->op.keywords,
		.internal_ms = a->op.internal_ms, .content = a->op.content,
		.staged = a->op.staged,
	};
	return stage(tx, &a->stage, eb);
}

static void append_ready(void *ctx, enum err e)
{
	struct call *c = ctx;
	struct appending *a = c->op;

	if (e) {
		call_fail(c, e);
		return;
	}
	a->op.content = upload_content(a->upload);
	a->op.staged = upload_staged(a->upload, c->mdb);
	c->on_job = append_done;
	c->even_if_gone = true;
	c->passes_holds = true;
	call_write(c, append_or_stage, LANE_INTERACTIVE, a->op.content->ready_bytes);
}

static void append_chunk(struct rpc_request *rq, const void *p, size_t n, bool last)
{
	struct call *c = rq->data;
	struct appending *a = c->op;
	enum err e;

	a->is_staged = last && n == 0 && !guid_is_null(&a->stage.batch);
	e = upload_feed(a->upload, p, n, last);
	if (e)
		call_fail(c, e);
}

RPC_HANDLER(append_call, Store__AppendReq)
static void append_call(struct rpc_request *rq, const Store__AppendReq *in)
{
	struct call *c = call_begin(rq, in->mailbox.data, in->mailbox.len,
				    sizeof(struct appending));
	struct appending *a;
	enum err e;

	if (c == NULL)
		return;
	a = c->op;
	c->fini = append_fini;
	rq->on_chunk = append_chunk;
	a->op.who = call_who(c);
	a->op.fid = in->fid;
	a->op.flags = in->flags;
	a->op.keywords = call_strings(c, in->keywords, in->n_keywords);
	a->op.internal_ms = in->internal_ms;
	if (in->batch.len && guid_from(in->batch.data, in->batch.len, &a->stage.batch) != ERR_OK) {
		call_fail(c, ERR_INVALID);
		return;
	}
	e = begin_upload(c, in->size, false, "", append_ready, &a->upload);
	if (e == ERR_OK)
		e = upload_go(a->upload, &c->mdb, 1);
	if (e)
		call_fail(c, e);
}

/* ---- stage, place ------------------------------------------------------------------------- */

struct staging {
	struct stage_op op;		/* first: the job's argument */
	struct upload *upload;
};

static void stage_fini(struct call *c)
{
	upload_free(&((struct staging *)c->op)->upload);
}

static void stage_done(struct call *c, enum err e)
{
	struct staging *s = c->op;
	Store__StageRep rep = STORE__STAGE_REP__INIT;

	if (e) {
		call_fail(c, e);
		return;
	}
	metric_add(c->st->m, M_CONTENT_BYTES, (int64_t)s->op.content->size);
	rep.size = s->op.content->size;
	call_reply(c, &rep.base);
}

static void stage_ready(void *ctx, enum err e)
{
	struct call *c = ctx;
	struct staging *s = c->op;

	if (e) {
		call_fail(c, e);
		return;
	}
	s->op.content = upload_content(s->upload);
	s->op.staged = upload_staged(s->upload, c->mdb);
	c->on_job = stage_done;
	c->passes_holds = true;
	call_write(c, stage, LANE_INTERACTIVE, s->op.content->ready_bytes);
}

static void stage_chunk(struct rpc_request *rq, const void *p, size_t n, bool last)
{
	struct call *c = rq->data;
	enum err e = upload_feed(((struct staging *)c->op)->upload, p, n, last);

	if (e)
		call_fail(c, e);
}

RPC_HANDLER(stage_call, Store__StageReq)
static void stage_call(struct rpc_request *rq, const Store__StageReq *in)
{
	struct call *c = call_begin(rq, in->mailbox.data, in->mailbox.len,
				    sizeof(struct staging));
	uint64_t size = in->size;
	struct staging *s;
	enum err e;

	if (c == NULL)
		return;
	s = c->op;
	c->fini = stage_fini;
	rq->on_chunk = stage_chunk;
	s->op.who = call_who(c);
	s->op.fid = in->fid;
	s->op.ord = in->ord;
	s->op.flags = in->flags;
	s->op.keywords = call_strings(c, in->keywords, in->n_keywords);
	s->op.internal_ms = in->internal_ms;
	e = guid_from(in->batch.data, in->batch.len, &s->op.batch);
	if (in->open && (size == 0 || size > c->st->conf->max_message))
		size = c->st->conf->max_message;
	if (e == ERR_OK)
		e = begin_upload(c, size, in->open, "", stage_ready, &s->upload);
	if (e == ERR_OK)
		e = upload_go(s->upload, &c->mdb, 1);
	if (e)
		call_fail(c, e);
}

static void place_done(struct call *c, enum err e)
{
	struct place_op *op = c->op;
	Store__PlaceRep rep = STORE__PLACE_REP__INIT;

	if (e == ERR_OK)
		metric_add(c->st->m, op->repeat ? M_REPEATS : M_APPENDED,
			   op->repeat ? 1 : op->n);
	if (e) {
		call_fail(c, e);
		return;
	}
	rep.uidvalidity = op->uidvalidity;
	rep.uid = op->uid;
	rep.modseq = op->modseq;
	call_reply(c, &rep.base);
}

RPC_HANDLER(place_call, Store__PlaceReq)
static void place_call(struct rpc_request *rq, const Store__PlaceReq *in)
{
	struct call *c = call_begin(rq, in->mailbox.data, in->mailbox.len,
				    sizeof(struct place_op));
	struct place_op *op;
	enum err e;

	if (c == NULL)
		return;
	op = c->op;
	op->who = call_who(c);
	op->fid = in->fid;
	op->n = in->n;
	op->replace_fid = in->replace_fid;
	op->replace_uid = in->replace_uid;
	e = guid_from(in->batch.data, in->batch.len, &op->batch);
	if (e) {
		call_fail(c, e);
		return;
	}
	c->on_job = place_done;
	c->even_if_gone = true;
	call_write(c, place, LANE_INTERACTIVE, (size_t)4096 * (in->n < STAGE_MAX ? in->n : 1));
}

const struct rpc_method put_methods[] = {
	{ "store.deliver", deliver_call_thunk, &store__deliver_req__descriptor, RPC_HUB,
	  RPC_UPLOAD, 256 * 1024 },
	{ "store.done-below", done_below_call_thunk, &store__done_below_req__descriptor, RPC_HUB,
	  0, 256 },
	{ "store.append", append_call_thunk, &store__append_req__descriptor, RPC_CAS | RPC_UM,
	  RPC_FOR_USER | RPC_UPLOAD, 64 * 1024 },
	{ "store.stage", stage_call_thunk, &store__stage_req__descriptor, RPC_CAS | RPC_UM,
	  RPC_FOR_USER | RPC_UPLOAD, 64 * 1024 },
	{ "store.place", place_call_thunk, &store__place_req__descriptor, RPC_CAS | RPC_UM,
	  RPC_FOR_USER, 256 },
};
const size_t put_n_methods = sizeof(put_methods) / sizeof(put_methods[0]);
