#include "roles/client-access/account.h"

#include "common/replica/member.h"
#include "roles/client-access/cas.h"

enum err account_locate_mailbox(struct cas *cas, const struct guid *mailbox,
				const struct guid *principal, struct store_at *at)
{
	struct arena a = { 0 };
	struct object *o;
	struct guid database;
	enum err e;

	e = replica_by_guid(member_replica(cas->member), mailbox, &a, &o);
	if (!e && (!class_has_mailbox(o->klass) || !object_guid(o, OBJ_DATABASE, &database)))
		e = ERR_NOTFOUND;
	if (!e) {
		*at = (struct store_at){ .mailbox = *mailbox, .principal = *principal };
		at->peer = links_to_database(member_links(cas->member), &database);
		if (at->peer == NULL)
			e = ERR_AGAIN;
	}
	arena_fini(&a);
	return e;
}

enum err account_locate(struct cas *cas, const struct guid *principal, struct store_at *at)
{
	return account_locate_mailbox(cas, principal, principal, at);
}
