#ifndef SVC_METRIC_H
#define SVC_METRIC_H
/*
 * metric - the figures a daemon answers `stats` with
 *
 * A module lists its figures in a const table and joins it to the daemon's
 * registry; increments are relaxed atomics, cheap on the loop and right from
 * any thread.  Names are Prometheus': bourse_store_delivered_total.
 *
 *	enum { M_DELIVERED, M_OPEN, M_COMMIT_MS };
 *	static const struct metric_def defs[] = {
 *		[M_DELIVERED] = { "bourse_store_delivered_total", METRIC_COUNTER,
 *				  "messages placed in a mailbox" },
 *		[M_OPEN] = { "bourse_store_open", METRIC_GAUGE, "mailboxes in use" },
 *		[M_COMMIT_MS] = { "bourse_store_commit_ms", METRIC_HISTOGRAM, "..." },
 *	};
 *	st->m = metric_join(svc_metrics(svc), defs, N_ELEMS(defs), "database=\"x\"");
 *	metric_add(st->m, M_DELIVERED, 1);
 *
 * A histogram counts in buckets whose bounds are 1 2 5 10 20 50 ... 50,000 and
 * infinity, in the unit the name says.
 */
#include "common/base/attr.h"
#include <stddef.h>
#include <stdint.h>

struct metrics;			/* a registry; svc makes the daemon's */
struct metric_set;		/* the figures of one module */

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_def {
	const char *name;
	enum metric_kind kind;
	const char *help;
};

struct metrics *metrics_new(void);
void metrics_free(struct metrics **m);	/* sets must have left */

/* defs is borrowed for good; labels (NULL: none) is copied: name="value",... */
struct metric_set *metric_join(struct metrics *m, const struct metric_def *defs, size_t n,
			       const char *labels);
void metric_leave(struct metric_set **s);	/* *s may be NULL */

void metric_add(struct metric_set *s, size_t which, int64_t n);	/* counter, gauge */
void metric_set(struct metric_set *s, size_t which, int64_t v);	/* gauge */
void metric_observe(struct metric_set *s, size_t which, int64_t v); /* histogram */
int64_t metric_get(const struct metric_set *s, size_t which);	/* histogram: count */

/* Called before the set is read, to fill in gauges that are cheap to ask for
 * but not worth following. */
void metric_on_read(struct metric_set *s, void (*fn)(void *ctx, struct metric_set *s),
		    void *ctx);

#define METRIC_BUCKETS 16
/* Upper bound of bucket i; the last one is INT64_MAX, for infinity. */
int64_t metric_bound(size_t i);

struct metric_value {
	const struct metric_def *def;
	const char *labels;		/* "" without any */
	int64_t value;			/* histogram: number of observations */
	int64_t sum;			/* histogram only */
	int64_t bucket[METRIC_BUCKETS];	/* histogram only: not cumulated */
};
/* Every figure, by name so that one name's sets stand together.  v is borrowed. */
void metrics_each(struct metrics *m, void (*fn)(void *ctx, const struct metric_value *v),
		  void *ctx);
#endif
