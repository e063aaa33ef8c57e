#ifndef CAS_USERS_H
#define CAS_USERS_H
/*
 * users - who is logged in, how often, and how lately by POP3
 *
 * For the limits of connections of one user, by protocol, and of POP3's LOGIN-DELAY
 * (RFC 2449 section 6.5).  A user is remembered while logged in, and after POP3 for as
 * long as the delay; at most USERS_RESTING of the latter, the oldest make room.
 */
#include "common/base/err.h"
#include "common/base/guid.h"
#include "common/base/hash.h"
#include "common/base/list.h"
#include <stdint.h>

#define USERS_RESTING 100000

enum users_kind { USERS_IMAP, USERS_POP3, USERS_KINDS };

struct users {
	struct hash table;
	struct list resting;		/* nobody is logged in; the oldest first */
	size_t n_resting;
};

/* Embedded in a session. */
struct users_seat {
	struct users *all;		/* NULL: not in */
	struct user *user;
	enum users_kind kind;
};

struct users_limits {
	unsigned max;			/* connections of the kind; 0: any number */
	int64_t delay_ms;		/* between logins of the kind; 0: none */
};

void users_init(struct users *u);
void users_fini(struct users *u);	/* nobody may be in */

/* OK; LIMIT: too many connections; AGAIN: too soon after the last login. */
enum err users_enter(struct users *u, struct users_seat *s, const struct guid *who,
		     enum users_kind kind, const struct users_limits *limits, int64_t now_ms)
	A_MUST_USE;
void users_leave(struct users_seat *s);	/* fine if not in */
size_t users_known(const struct users *u);
#endif
