#include "common/replica/objects.h"
#include "roles/directory/addresses.h"
#include "roles/directory/policy.h"
#include "roles/directory/um/um.h"
#include <stdio.h>

/* What an administrator need not say: a database, switches, addresses. */

enum { LIST_PAGE = 64 };

/* ---- a mailbox ---------------------------------------------------------------------------- */

/* The database with the fewest mailboxes. */
static enum err choose_database(struct job *j)
{
	struct object *page[LIST_PAGE];
	const struct object *best = NULL;
	const char *after = "";
	int64_t fewest = INT64_MAX;
	size_t n;

	do {
		n = objects_list(j->d->db, CLASS_DATABASE, after, page, LIST_PAGE, j->a);
		for (size_t i = 0; i < n; i++) {
			int64_t count = objects_count_linked(j->d->db, &page[i]->guid, OBJ_DATABASE);

			if (count < fewest) {
				fewest = count;
				best = page[i];
			}
		}
		if (n)
			after = object_name_key(j->a, object_text(page[n - 1], OBJ_NAME));
	} while (n == LIST_PAGE && after);
	if (!best)
		return err_set(j->eb, ERR_NOTFOUND, "no mailbox database yet: enrol a mailbox server");
	object_set_guid(j->o, OBJ_DATABASE, &best->guid);
	return ERR_OK;
}

static void take_password(struct job *j)
{
	const struct sealed *argon = j->ap->argon, *scram = j->ap->scram,
			    *sha1 = j->ap->scram_sha1;

	if (!argon || argon->n == 0)
		return;
	object_set_bytes(j->o, OBJ_PASSWORD_HASH, argon->b, argon->n);
	object_unset(j->o, OBJ_SCRAM);
	object_unset(j->o, OBJ_SCRAM_SHA1);
	if (scram && scram->n)
		object_set_bytes(j->o, OBJ_SCRAM, scram->b, scram->n);
	if (sha1 && sha1->n)
		object_set_bytes(j->o, OBJ_SCRAM_SHA1, sha1->b, sha1->n);
}

static enum err complete_mailbox(struct job *j)
{
	enum err e = um_complete_mailbox(j);

	take_password(j);
	if (e || j->ap->what == APPLY_MODIFY)
		return e;
	if (!object_has(j->o, OBJ_DATABASE))
		e = choose_database(j);
	if (!e && j->ap->what == APPLY_CREATE && !object_has(j->o, OBJ_PASSWORD_HASH) &&
	    !object_bool(j->o, OBJ_SHARED, false))
		job_note(j, "no password yet: nobody can log in");
	return e;
}

static void complete_alias(struct job *j)
{
	const char *alias;

	if (object_has(j->o, OBJ_ALIAS))
		return;
	alias = policy_alias(j->a, object_text(j->o, OBJ_NAME));
	if (alias[0])
		object_set_text(j->o, OBJ_ALIAS, alias);
}

/* ---- by class ------------------------------------------------------------------------------- */

static enum err complete_group(struct job *j)
{
	if (j->ap->what != APPLY_CREATE)
		return ERR_OK;
	/* Exchange's default: nobody outside writes to a new group. */
	if (!object_has(j->o, OBJ_REQUIRE_AUTH))
		object_set_number(j->o, OBJ_REQUIRE_AUTH, 1);
	return ERR_OK;
}

static enum err complete_domain(struct job *j)
{
	struct object_value v = { 0 };
	struct change c = { .op = CHANGE_SET, .attr = OBJ_DOMAIN, .values = &v };

	/* `bourse domain create example.org` names it and means it. */
	if (!object_has(j->o, OBJ_DOMAIN)) {
		v.bytes = span_of(object_text(j->o, OBJ_NAME));
		return change_apply(j, &c);
	}
	return ERR_OK;
}

static enum err complete_class(struct job *j)
{
	bool is_new = j->ap->what == APPLY_CREATE;

	switch (j->o->klass) {
	case CLASS_MAILBOX:
		if (is_new)
			complete_alias(j);
		return complete_mailbox(j);
	case CLASS_PUBLIC_FOLDER:	/* gets mail once it is given an address */
		return object_has(j->o, OBJ_DATABASE) ? ERR_OK : choose_database(j);
	case CLASS_GROUP:
		if (is_new)
			complete_alias(j);
		return complete_group(j);
	case CLASS_CONTACT:
		if (is_new)
			complete_alias(j);
		return ERR_OK;
	case CLASS_DOMAIN:
		if (is_new && !object_has(j->o, OBJ_DOMAIN_TYPE))
			object_set_text(j->o, OBJ_DOMAIN_TYPE, "authoritative");
		return complete_domain(j);
	case CLASS_REMOTE_DOMAIN:
		return complete_domain(j);
	case CLASS_DIAL_PLAN:
	case CLASS_IP_GATEWAY:
	case CLASS_HUNT_GROUP:
	case CLASS_UM_POLICY:
	case CLASS_AUTO_ATTENDANT:
		return um_complete(j);
	default:
		return ERR_OK;
	}
}

enum err complete(struct job *j)
{
	enum err e = complete_class(j);

	return e ? e : addresses_complete(j);
}
