#include "common/replica/objects.h"
#include "common/smtp/address.h"
#include "roles/directory/apply.h"
#include "roles/directory/policy.h"
#include "roles/directory/um/um.h"
#include <stdio.h>

/* What an administrator need not say: addresses, a database, switches. */

enum { MAX_TRIES = 10000, LIST_PAGE = 64 };

/* ---- addresses by policy ---------------------------------------------------------------- */

static const char *default_domain(struct job *j)
{
	struct object *page[LIST_PAGE];
	size_t n = objects_list(j->d->db, CLASS_DOMAIN, "", page, LIST_PAGE, j->a);
	const char *first = NULL;

	for (size_t i = 0; i < n; i++) {
		const char *domain = object_text(page[i], OBJ_DOMAIN);

		if (strncmp(domain, "*.", 2) == 0)
			continue;
		if (object_bool(page[i], OBJ_DEFAULT, false))
			return domain;
		if (!first)
			first = domain;
	}
	return first;
}

/* The policy that goes first; the default one only when there is no other. */
static const struct object *first_policy(struct job *j)
{
	struct object *page[LIST_PAGE];
	size_t n = objects_list(j->d->db, CLASS_ADDRESS_POLICY, "", page, LIST_PAGE, j->a);
	const struct object *best = NULL;

	for (size_t i = 0; i < n; i++) {
		bool last = object_bool(page[i], OBJ_DEFAULT, false);
		int64_t p = object_number(page[i], OBJ_PRIORITY, 100);

		if (!object_has(page[i], OBJ_TEMPLATE))
			continue;
		if (!best || (object_bool(best, OBJ_DEFAULT, false) && !last) ||
		    (object_bool(best, OBJ_DEFAULT, false) == last &&
		     p < object_number(best, OBJ_PRIORITY, 100)))
			best = page[i];
	}
	return best;
}

static bool is_free(struct job *j, const char *address)
{
	char key[SMTP_KEY_MAX];
	struct guid owner;

	return smtp_address_key_of(address, key) == ERR_OK &&
	       (objects_owner(j->d->db, key, &owner, NULL) == ERR_NOTFOUND ||
		guid_eq(&owner, &j->o->guid));
}

/* local@domain, or local2@domain, ... the first that nobody has. */
static enum err add_free_address(struct job *j, const char *local, const char *domain)
{
	for (unsigned i = 1; i < MAX_TRIES; i++) {
		const char *text = i == 1 ? arena_printf(j->a, "%s@%s", local, domain) :
			arena_printf(j->a, "%s%u@%s", local, i, domain);

		if (!is_free(j, text))
			continue;
		if (i > 1)
			job_note(j, "%s@%s was taken: it is %s", local, domain, text);
		if (!object_has_value(j->o, OBJ_EMAIL, span_of(text)))
			object_add_text(j->o, OBJ_EMAIL, text);
		return ERR_OK;
	}
	return err_set(j->eb, ERR_EXISTS, "%s@%s and %d numbered ones are taken", local, domain,
		       MAX_TRIES);
}

static enum err address_from(struct job *j, const char *tmpl, const struct policy_names *names)
{
	const char *local = policy_local(j->a, tmpl, names);
	const char *domain = policy_domain(tmpl);

	/* Who has no first name still gets an address. */
	if (local[0] == '\0' || !domain)
		local = policy_local(j->a, "%m", names);
	if (local[0] == '\0' || !domain)
		return ERR_OK;
	return add_free_address(j, local, domain);
}

static enum err add_addresses(struct job *j)
{
	const struct policy_names names = {
		.given = object_text(j->o, OBJ_GIVEN_NAME),
		.surname = object_text(j->o, OBJ_SURNAME),
		.initials = object_text(j->o, OBJ_INITIALS),
		.display = object_text(j->o, OBJ_DISPLAY),
		.alias = object_text(j->o, OBJ_ALIAS),
	};
	const struct object *policy = first_policy(j);
	const char *domain;
	enum err e = ERR_OK;

	if (policy) {
		const struct object_value *v = object_values(policy, OBJ_TEMPLATE);

		for (; v && !e; v = v->next)
			e = address_from(j, v->bytes.p, &names);
		return e;
	}
	domain = default_domain(j);
	if (!domain) {
		job_note(j, "no address: there is no accepted domain yet");
		return ERR_OK;
	}
	return address_from(j, arena_printf(j->a, "%%m@%s", domain), &names);
}

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
	if (!e && !object_has(j->o, OBJ_EMAIL))
		e = add_addresses(j);
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
	return object_has(j->o, OBJ_EMAIL) ? ERR_OK : add_addresses(j);
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

enum err complete(struct job *j)
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
