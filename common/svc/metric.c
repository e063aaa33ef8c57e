#include "common/svc/metric.h"

#include "common/base/check.h"
#include "common/base/list.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct cell {
	_Atomic int64_t value;
	struct histogram *h;		/* METRIC_HISTOGRAM only */
};

struct histogram {
	_Atomic int64_t sum;
	_Atomic int64_t bucket[METRIC_BUCKETS];
};

struct metric_set {
	struct list node;
	const struct metric_def *defs;
	size_t n;
	char *labels;
	void (*on_read)(void *ctx, struct metric_set *s);
	void *ctx;
	struct cell cell[];
};

struct metrics {
	struct list sets;
};

static const int64_t bounds[METRIC_BUCKETS] = {
	1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, INT64_MAX,
};

int64_t metric_bound(size_t i)
{
	CHECK(i < METRIC_BUCKETS);
	return bounds[i];
}

struct metrics *metrics_new(void)
{
	struct metrics *m = xcalloc(1, sizeof(*m));

	list_init(&m->sets);
	return m;
}

void metrics_free(struct metrics **mp)
{
	struct metrics *m = *mp;

	*mp = NULL;
	if (m == NULL)
		return;
	CHECK(list_empty(&m->sets));
	free(m);
}

struct metric_set *metric_join(struct metrics *m, const struct metric_def *defs, size_t n,
			       const char *labels)
{
	struct metric_set *s = xcalloc(1, sizeof(*s) + n * sizeof(s->cell[0]));

	s->defs = defs;
	s->n = n;
	s->labels = xstrdup(labels ? labels : "");
	for (size_t i = 0; i < n; i++)
		if (defs[i].kind == METRIC_HISTOGRAM)
			s->cell[i].h = xcalloc(1, sizeof(*s->cell[i].h));
	list_add_tail(&m->sets, &s->node);
	return s;
}

void metric_leave(struct metric_set **sp)
{
	struct metric_set *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	list_del(&s->node);
	for (size_t i = 0; i < s->n; i++)
		free(s->cell[i].h);
	free(s->labels);
	free(s);
}

void metric_add(struct metric_set *s, size_t which, int64_t n)
{
	CHECK(which < s->n);
	atomic_fetch_add_explicit(&s->cell[which].value, n, memory_order_relaxed);
}

void metric_set(struct metric_set *s, size_t which, int64_t v)
{
	CHECK(which < s->n);
	atomic_store_explicit(&s->cell[which].value, v, memory_order_relaxed);
}

void metric_observe(struct metric_set *s, size_t which, int64_t v)
{
	struct histogram *h;
	size_t i = 0;

	CHECK(which < s->n && s->cell[which].h != NULL);
	h = s->cell[which].h;
	while (v > bounds[i])
		i++;
	atomic_fetch_add_explicit(&h->bucket[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&h->sum, v, memory_order_relaxed);
	atomic_fetch_add_explicit(&s->cell[which].value, 1, memory_order_relaxed);
}

int64_t metric_get(const struct metric_set *s, size_t which)
{
	CHECK(which < s->n);
	return atomic_load_explicit(&s->cell[which].value, memory_order_relaxed);
}

void metric_on_read(struct metric_set *s, void (*fn)(void *ctx, struct metric_set *s), void *ctx)
{
	s->on_read = fn;
	s->ctx = ctx;
}

struct entry {
	struct metric_set *set;
	size_t which;
	size_t order;			/* of joining: keeps the sort stable */
};

static int by_name(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int c = strcmp(x->set->defs[x->which].name, y->set->defs[y->which].name);

	return c ? c : (x->order > y->order) - (x->order < y->order);
}

static void read_value(const struct entry *en, struct metric_value *v)
{
	struct cell *c = &en->set->cell[en->which];

	memset(v, 0, sizeof(*v));
	v->def = &en->set->defs[en->which];
	v->labels = en->set->labels;
	v->value = atomic_load_explicit(&c->value, memory_order_relaxed);
	if (c->h == NULL)
		return;
	v->sum = atomic_load_explicit(&c->h->sum, memory_order_relaxed);
	for (size_t i = 0; i < METRIC_BUCKETS; i++)
		v->bucket[i] = atomic_load_explicit(&c->h->bucket[i], memory_order_relaxed);
}

void metrics_each(struct metrics *m, void (*fn)(void *ctx, const struct metric_value *v), void *ctx)
{
	struct metric_value v;
	struct entry *all;
	size_t n = 0, k = 0;

	LIST_EACH (&m->sets, node) {
		struct metric_set *s = CONTAINER_OF(node, struct metric_set, node);

		if (s->on_read)
			s->on_read(s->ctx, s);
		n += s->n;
	}
	all = xcalloc(n + 1, sizeof(*all));
	LIST_EACH (&m->sets, node) {
		struct metric_set *s = CONTAINER_OF(node, struct metric_set, node);

		for (size_t i = 0; i < s->n; i++, k++)
			all[k] = (struct entry){ s, i, k };
	}
	qsort(all, n, sizeof(*all), by_name);
	for (size_t i = 0; i < n; i++) {
		read_value(&all[i], &v);
		fn(ctx, &v);
	}
	free(all);
}
