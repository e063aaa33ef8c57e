#ifndef REPLICA_ISSUERS_H
#define REPLICA_ISSUERS_H
/*
 * issuers - what the organisation says about logins, given to a daemon's struct login
 *
 * The issuers whose tokens are believed (oauth objects, and their keys), and whether
 * SCRAM-SHA-1 is offered (an attribute of the organisation).
 */
#include "common/replica/replica.h"

/* At the start, and when replica_is_about_logins() says so. */
void replica_tell_login(struct replica *r, struct login *l);
/* As on_change has it: NULL is everything, and a deleted object may be any. */
bool replica_is_about_logins(const struct object *o);
#endif
