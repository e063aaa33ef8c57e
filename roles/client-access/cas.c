#include "roles/client-access/cas.h"

#include "common/svc/metric.h"

static const struct metric_def defs[CAS_METRICS] = {
	[CAS_COMMANDS] = { "bourse_cas_commands_total", METRIC_COUNTER,
			   "commands of all client protocols" },
	[CAS_LOGINS] = { "bourse_cas_logins_total", METRIC_COUNTER, "logins that were good" },
	[CAS_LOGIN_FAILURES] = { "bourse_cas_login_failures_total", METRIC_COUNTER,
				 "logins refused" },
	[CAS_SESSIONS] = { "bourse_cas_sessions", METRIC_GAUGE, "connections of clients" },
	[CAS_WATCHES] = { "bourse_cas_mailboxes_watched", METRIC_GAUGE,
			  "mailboxes whose changes are followed" },
};

static void on_read(void *ctx, struct metric_set *s)
{
	struct cas *cas = ctx;

	metric_set(s, CAS_WATCHES, (int64_t)watches_count(&cas->watches));
}

void cas_metrics_open(struct cas *cas, struct metrics *registry)
{
	cas->metrics = metric_join(registry, defs, N_ELEMS(defs), NULL);
	metric_on_read(cas->metrics, on_read, cas);
}

void cas_metrics_close(struct cas *cas)
{
	metric_leave(&cas->metrics);
}

void cas_count(struct cas *cas, enum cas_metric m, int64_t n)
{
	if (cas->metrics)
		metric_add(cas->metrics, m, n);
}
