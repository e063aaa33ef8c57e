#ifndef EDGE_SOURCES_H
#define EDGE_SOURCES_H
/*
 * sources - what each address outside has done lately, and what it may do still
 *
 * Two budgets: recipients that do not exist, which is how lists of addresses are
 * harvested, and messages a minute.  A source is an IPv4 address or an IPv6 /64.
 * Who has used up the first is turned away for a time.
 *
 * At most SOURCES_MAX are remembered; those not heard of for longest are
 * forgotten first.  Time is an argument (monotonic, ms).
 */
#include "common/base/addr.h"

#define SOURCES_MAX 65536u

struct sources;

struct sources_conf {
	unsigned unknowns;		/* in window_ms; 0: no limit */
	int64_t window_ms, block_ms;
	unsigned rate;			/* messages a minute; 0: no limit */
};

struct sources *sources_new(const struct sources_conf *conf);	/* conf is copied */
void sources_set(struct sources *s, const struct sources_conf *conf);
void sources_free(struct sources **s);		/* *s may be NULL */

bool sources_is_blocked(struct sources *s, const struct addr *a, int64_t now_ms);
/* It named a recipient that does not exist.  True: that was one too many. */
bool sources_unknown(struct sources *s, const struct addr *a, int64_t now_ms);
/* It begins a message.  False: over its rate. */
bool sources_message(struct sources *s, const struct addr *a, int64_t now_ms);
size_t sources_count(const struct sources *s);
#endif
