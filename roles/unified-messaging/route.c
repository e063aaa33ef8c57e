#include "roles/unified-messaging/route.h"

#include "common/replica/objects.h"
#include "common/replica/replica.h"

#include <string.h>

enum { MANY = 16 };

struct object *route_plan_of(struct replica *r, const struct object *mailbox, struct arena *a,
			     struct object **policy)
{
	struct object *plan;
	struct guid g;

	*policy = NULL;
	if (mailbox->klass == CLASS_AUTO_ATTENDANT)
		return object_guid(mailbox, OBJ_DIAL_PLAN, &g) &&
		       replica_by_guid(r, &g, a, &plan) == ERR_OK ? plan : NULL;
	if (!object_guid(mailbox, OBJ_UM_POLICY, &g) || replica_by_guid(r, &g, a, policy) != ERR_OK)
		return NULL;
	return object_guid(*policy, OBJ_DIAL_PLAN, &g) &&
	       replica_by_guid(r, &g, a, &plan) == ERR_OK ? plan : NULL;
}

bool route_is_in_service(const struct object *o)
{
	const char *status = object_text(o, OBJ_UM_STATUS);

	if (o->klass == CLASS_AUTO_ATTENDANT)
		return !status || strcmp(status, "enabled") == 0;
	return object_bool(o, OBJ_UM_ENABLED, false) && !object_bool(o, OBJ_DISCONNECTED, false);
}

static struct object *exact(struct replica *r, const struct object *plan, const char *number,
			    struct arena *a)
{
	struct guid g[MANY];
	int64_t after = 0;
	size_t n;

	do {
		n = objects_by_extension(replica_db(r), number, &after, g, MANY);
		for (size_t i = 0; i < n; i++) {
			struct object *o, *policy, *its;

			if (replica_by_guid(r, &g[i], a, &o) != ERR_OK || !route_is_in_service(o))
				continue;
			its = route_plan_of(r, o, a, &policy);
			if (its && guid_eq(&its->guid, &plan->guid))
				return o;
		}
	} while (n == MANY);
	return NULL;
}

struct object *route_extension(struct replica *r, const struct object *plan, const char *number,
			       struct arena *a)
{
	size_t digits = (size_t)object_number(plan, OBJ_EXTENSION_DIGITS, 4);
	size_t n = strlen(number);
	struct object *o;

	if (n == 0)
		return NULL;
	o = exact(r, plan, number, a);
	if (!o && number[0] == '+')
		o = exact(r, plan, number + 1, a);
	if (!o && n > digits && strspn(number, "+0123456789") == n)
		o = exact(r, plan, number + n - digits, a);
	return o;
}

static bool same_number(const char *a, const char *b)
{
	return strcmp(a + (*a == '+'), b + (*b == '+')) == 0;
}

/* The hunt group by pilot, else the gateway's default one. */
static struct object *hunt_group(struct replica *r, const struct gateway *gw, const char *called,
				 struct arena *a)
{
	struct replica_iter *it = replica_each(r, CLASS_HUNT_GROUP);
	struct object *o, *fallback = NULL;

	while ((o = replica_each_next(it, a)) != NULL) {
		const char *pilot = object_text(o, OBJ_PILOT);

		if (!object_has_guid(o, OBJ_IP_GATEWAY, &gw->guid))
			continue;
		if (pilot && same_number(pilot, called))
			break;
		if (!pilot)
			fallback = o;
	}
	replica_each_end(&it);
	return o ? o : fallback;
}

static bool is_access(const struct object *plan, const struct object *hunt, const char *called)
{
	const char *pilot = object_text(hunt, OBJ_PILOT);

	for (const struct object_value *v = object_values(plan, OBJ_ACCESS_NUMBER); v; v = v->next)
		if (same_number(v->bytes.p, called))
			return true;
	return pilot && same_number(pilot, called);
}

void route_find(struct replica *r, const struct gateway *gw, const struct sip_facts *f,
		struct arena *a, struct route_to *out)
{
	struct object *hunt = hunt_group(r, gw, f->called.user, a);
	const char *wanted = f->diverted.user[0] ? f->diverted.user : f->called.user;
	struct guid g;

	memset(out, 0, sizeof(*out));
	if (!hunt || !object_guid(hunt, OBJ_DIAL_PLAN, &g) ||
	    replica_by_guid(r, &g, a, &out->plan) != ERR_OK) {
		out->plan = NULL;
		return;
	}
	out->caller = route_extension(r, out->plan, f->caller.user, a);
	if (out->caller && out->caller->klass != CLASS_MAILBOX)
		out->caller = NULL;
	if (!f->diverted.user[0] && is_access(out->plan, hunt, f->called.user)) {
		out->kind = ROUTE_ACCESS;
		return;
	}
	out->target = route_extension(r, out->plan, wanted, a);
	if (!out->target)
		return;
	out->kind = out->target->klass == CLASS_MAILBOX ? ROUTE_ANSWERING : ROUTE_ATTENDANT;
	route_plan_of(r, out->target, a, &out->policy);
}
