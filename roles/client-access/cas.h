#ifndef CAS_CAS_H
#define CAS_CAS_H
/* cas - what every session of the client access role can reach */
#include "roles/client-access/conf.h"
#include "roles/client-access/imap/uid_map.h"
#include "roles/client-access/users.h"
#include "roles/client-access/watch.h"
#include <uv.h>

struct member;
struct login;
struct metric_set;
struct metrics;

enum cas_metric {
	CAS_COMMANDS,		/* of all protocols */
	CAS_LOGINS,
	CAS_LOGIN_FAILURES,
	CAS_SESSIONS,
	CAS_WATCHES,
	CAS_METRICS
};

struct cas {
	struct member *member;		/* first: see member.h */
	struct cas_conf conf;
	uv_loop_t *loop;
	struct login *login;
	struct watches watches;
	struct uid_maps uid_maps;
	struct users users;
	struct metric_set *metrics;	/* enum cas_metric; may be NULL */
};

void cas_metrics_open(struct cas *cas, struct metrics *registry);
void cas_metrics_close(struct cas *cas);
void cas_count(struct cas *cas, enum cas_metric m, int64_t n);
#endif
