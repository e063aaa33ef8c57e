#ifndef UM_ROUTE_H
#define UM_ROUTE_H
/*
 * route - which dial plan a call belongs to, and whom it is for
 *
 * The hunt group of its gateway whose pilot is called, else the gateway's hunt group
 * without a pilot, says the dial plan.  In it a diverted call is for the mailbox of who
 * was called first; a call that was not diverted is for voice access if it came to an
 * access number or to the pilot, for an attendant if it has the number, else for the
 * mailbox with that extension.
 */
#include "common/base/guid.h"
#include "common/base/arena.h"
#include "roles/unified-messaging/gateway.h"
#include "roles/unified-messaging/sip/stack.h"

struct object;
struct replica;

enum route_kind { ROUTE_NOBODY, ROUTE_ANSWERING, ROUTE_ACCESS, ROUTE_ATTENDANT };

struct route_to {
	enum route_kind kind;
	struct object *plan;		/* NULL: no hunt group */
	struct object *policy;		/* of the mailbox */
	struct object *target;		/* the mailbox, or the attendant */
	struct object *caller;		/* who calls, if it is somebody of ours; else NULL */
};

/* Everything lives in a. */
void route_find(struct replica *r, const struct gateway *gw, const struct sip_facts *f,
		struct arena *a, struct route_to *out);

/* The mailbox, or the attendant, with this number in the dial plan; NULL.  The number
 * may be longer than an extension: then its last digits are tried. */
struct object *route_extension(struct replica *r, const struct object *plan,
			       const char *number, struct arena *a);
/* Are calls taken for this mailbox, or by this attendant? */
bool route_is_in_service(const struct object *o);
/* The dial plan of a mailbox, by its policy; NULL. */
struct object *route_plan_of(struct replica *r, const struct object *mailbox, struct arena *a,
			     struct object **policy);
#endif
