#include "common/api/manage.h"

#include "common/api/note.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "gen/manage.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_LINES = 1000, MAX_METRICS = 2000 };

/* ---- status -------------------------------------------------------------------------- */

struct manage_status {
	struct rpc_request *rq;
	Manage__StatusRep rep;
	Manage__Link *links[MAX_LINES];
	Manage__Fact *facts[MAX_LINES];
};

static char *keep(struct arena *a, const char *s)
{
	return arena_str(a, s ? s : "");
}

static uint64_t resident_bytes(void)
{
	unsigned long long size = 0, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f)
		return 0;
	if (fscanf(f, "%llu %llu", &size, &resident) != 2)
		resident = 0;
	fclose(f);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

struct manage_status *manage_status_new(struct rpc_request *rq, const struct manage_about *a)
{
	struct manage_status *s = arena_alloc(&rq->arena, sizeof(*s));

	s->rq = rq;
	manage__status_rep__init(&s->rep);
	s->rep.name = keep(&rq->arena, a->name);
	s->rep.role = keep(&rq->arena, a->role);
	s->rep.version = keep(&rq->arena, a->version);
	s->rep.started_ms = a->started_ms;
	s->rep.usn = a->usn;
	s->rep.pid = (uint32_t)getpid();
	s->rep.rss_bytes = resident_bytes();
	s->rep.links = s->links;
	s->rep.facts = s->facts;
	return s;
}

void manage_status_link(struct manage_status *s, const char *name, const char *role, bool up)
{
	struct arena *a = &s->rq->arena;
	Manage__Link *l;

	if (s->rep.n_links == MAX_LINES)
		return;
	l = s->links[s->rep.n_links++] = arena_alloc(a, sizeof(*l));
	manage__link__init(l);
	l->name = keep(a, name);
	l->role = keep(a, role);
	l->up = up;
}

void manage_status_fact(struct manage_status *s, const char *key, const char *value)
{
	struct arena *a = &s->rq->arena;
	Manage__Fact *f;

	if (s->rep.n_facts == MAX_LINES)
		return;
	f = s->facts[s->rep.n_facts++] = arena_alloc(a, sizeof(*f));
	manage__fact__init(f);
	f->key = keep(a, key);
	f->value = keep(a, value);
}

void manage_status_note(struct manage_status *s, const char *text)
{
	manage_status_fact(s, "note", text);
}

void manage_status_disk(struct manage_status *s, const char *dir)
{
	char text[NOTE_MAX];

	if (note_disk(dir, text))
		manage_status_note(s, text);
}

void manage_status_reply(struct manage_status *s)
{
	rpc_reply(s->rq, &s->rep.base, NULL, 0);
}

/* ---- stats ---------------------------------------------------------------------------- */

struct stats {
	struct arena *a;
	Manage__StatsRep rep;
	Manage__Metric *metrics[MAX_METRICS];
};

static void add_metric(struct stats *s, const struct metric_value *v, const char *suffix,
		       const char *labels, double value)
{
	Manage__Metric *m;

	if (s->rep.n_metrics == MAX_METRICS)
		return;
	m = s->metrics[s->rep.n_metrics++] = arena_alloc(s->a, sizeof(*m));
	manage__metric__init(m);
	m->name = arena_printf(s->a, "%s%s", v->def->name, suffix);
	m->labels = keep(s->a, labels);
	m->help = keep(s->a, v->def->help);
	m->value = value;
	m->counter = v->def->kind != METRIC_GAUGE;
}

static void add_histogram(struct stats *s, const struct metric_value *v)
{
	const char *comma = v->labels[0] ? "," : "";
	int64_t sum = 0;

	for (size_t i = 0; i < METRIC_BUCKETS; i++) {
		int64_t bound = metric_bound(i);
		const char *le = bound == INT64_MAX ? "+Inf" :
			arena_printf(s->a, "%lld", (long long)bound);

		sum += v->bucket[i];
		add_metric(s, v, "_bucket",
			   arena_printf(s->a, "%s%sle=\"%s\"", v->labels, comma, le),
			   (double)sum);
	}
	add_metric(s, v, "_sum", v->labels, (double)v->sum);
	add_metric(s, v, "_count", v->labels, (double)v->value);
}

static void on_metric(void *ctx, const struct metric_value *v)
{
	if (v->def->kind == METRIC_HISTOGRAM)
		add_histogram(ctx, v);
	else
		add_metric(ctx, v, "", v->labels, (double)v->value);
}

void manage_stats_reply(struct rpc_request *rq, struct metrics *m)
{
	struct stats *s = arena_alloc(&rq->arena, sizeof(*s));

	s->a = &rq->arena;
	manage__stats_rep__init(&s->rep);
	s->rep.metrics = s->metrics;
	if (m)
		metrics_each(m, on_metric, s);
	rpc_reply(rq, &s->rep.base, NULL, 0);
}

/* ---- log level -------------------------------------------------------------------------- */

void manage_log_level_reply(struct rpc_request *rq, const char *level)
{
	static const char *const names[] = {
		[LOG_ERROR] = "error", [LOG_WARN] = "warn",
		[LOG_INFO] = "info", [LOG_DEBUG] = "debug",
	};
	Manage__LogLevelRep rep = MANAGE__LOG_LEVEL_REP__INIT;
	size_t i = 0;

	while (i < N_ELEMS(names) && strcmp(names[i], level) != 0)
		i++;
	if (level[0] && i == N_ELEMS(names)) {
		err_set(&rq->eb, ERR_INVALID, "a level is error, warn, info or debug");
		rpc_fail(rq, ERR_INVALID);
		return;
	}
	if (level[0]) {
		log_info(&rq->log, "log-level set=%s by=%s", level, rq->caller->name);
		log_set_level((enum log_level)i);
	}
	rep.level = (char *)(uintptr_t)names[log_get_level()];
	rpc_reply(rq, &rep.base, NULL, 0);
}

/* ---- passing a call on --------------------------------------------------------------------- */

struct forward {
	struct rpc_request *rq;
	struct rpc_call *call;
	size_t granted;			/* bytes of stream the other side may send in all */
	size_t sent;
};

static void forward_done(void *ctx, enum err e, const ProtobufCMessage *rep,
			 const void *payload, size_t n, const char *detail)
{
	struct forward *f = ctx;
	struct rpc_request *rq = f->rq;
	Manage__ForwardRep out = MANAGE__FORWARD_REP__INIT;

	rq->data = NULL;
	free(f);
	if (e) {
		err_set(&rq->eb, e, "%s", detail && detail[0] ? detail : err_text(e));
		rpc_fail(rq, e);
		return;
	}
	out.body.len = protobuf_c_message_get_packed_size(rep);
	out.body.data = arena_alloc(&rq->arena, out.body.len + 1);
	protobuf_c_message_pack(rep, out.body.data);
	rpc_reply(rq, &out.base, payload, n);
}

static void forward_nested_done(void *ctx, enum err e, const ProtobufCMessage *rep,
				const void *payload, size_t n, const char *detail)
{
	struct forward *f = ctx;
	struct rpc_request *rq = f->rq;

	if (e) {
		forward_done(ctx, e, rep, payload, n, detail);
		return;
	}
	rq->data = NULL;
	free(f);
	rpc_reply(rq, rep, payload, n);
}

/* The sender was given just the credit that our caller gave us. */
static void forward_chunk(void *ctx, const void *p, size_t n)
{
	struct forward *f = ctx;

	f->sent += n;
	if (n <= rpc_credit(f->rq))
		rpc_send_chunk(f->rq, p, n);
	else
		log_error(&f->rq->log, "forwarded stream over credit bytes=%zu", n);
}

static void forward_credit(struct rpc_request *rq)
{
	struct forward *f = rq->data;
	size_t may = f ? f->sent + rpc_credit(rq) : 0;

	if (f && may > f->granted) {
		rpc_call_grant(f->call, may - f->granted);
		f->granted = may;
	}
}

static void forward_gone(struct rpc_request *rq)
{
	struct forward *f = rq->data;

	if (!f)
		return;
	rpc_call_cancel(&f->call);
	free(f);
	rq->data = NULL;
}

static void pass(struct rpc_request *rq, struct rpc_peer *to, struct rpc_args *args)
{
	struct forward *f = xcalloc(1, sizeof(*f));
	int64_t left = rq->deadline_ms - clock_mono_ms();

	f->rq = rq;
	f->granted = rpc_credit(rq);
	rq->data = f;
	rq->on_credit = forward_credit;
	rq->on_gone = forward_gone;
	args->timeout_ms = left > 100 ? (unsigned)left - 50 : 50;
	args->trace = rq->trace;
	args->idem = rq->idem;
	args->idem_len = rq->idem_len;
	args->window = f->granted ? f->granted : 1;
	args->on_chunk = forward_chunk;
	args->ctx = f;
	f->call = rpc_call(to, args);
}

void manage_forward(struct rpc_request *rq, struct rpc_peer *to, const struct manage_call *c)
{
	ProtobufCMessage *raw = protobuf_c_message_unpack(&manage__raw__descriptor, NULL,
							  c->body_len, c->body);
	struct rpc_args args = {
		.method = c->method, .body = raw, .rep = &manage__raw__descriptor,
		.principal = guid_is_null(&c->principal) ? NULL : &c->principal,
		.on_reply = forward_done,
	};

	if (!raw) {
		err_set(&rq->eb, ERR_INVALID, "the inner message is damaged");
		rpc_fail(rq, ERR_INVALID);
		return;
	}
	pass(rq, to, &args);
	protobuf_c_message_free_unpacked(raw, NULL);
}

void manage_forward_via(struct rpc_request *rq, struct rpc_peer *to, const char *server,
			const struct manage_call *c)
{
	Manage__ForwardReq m = MANAGE__FORWARD_REQ__INIT;
	struct rpc_args args = {
		.method = "manage.forward", .body = &m.base,
		.rep = &manage__forward_rep__descriptor, .on_reply = forward_nested_done,
	};

	m.server = keep(&rq->arena, server);
	m.method = keep(&rq->arena, c->method);
	m.body.data = (uint8_t *)(uintptr_t)c->body;
	m.body.len = c->body_len;
	if (!guid_is_null(&c->principal)) {
		m.principal.data = (uint8_t *)(uintptr_t)c->principal.b;
		m.principal.len = sizeof(c->principal.b);
	}
	m.admin = keep(&rq->arena, rq->caller->name);
	pass(rq, to, &args);
}
