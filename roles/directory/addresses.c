#include "roles/directory/addresses.h"

#include "common/replica/objects.h"
#include "common/smtp/address.h"
#include "roles/directory/policy.h"
#include <stdlib.h>

enum { MAX_TRIES = 10000, LIST_PAGE = 64, MAX_TEMPLATES = 64 };

/* ---- which policy ------------------------------------------------------------------- */

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

/* No list: everybody.  Compared as names are. */
static bool passes(struct job *j, const struct object *policy, unsigned filter, const char *text)
{
	const struct object_value *v = object_values(policy, filter);
	const char *key = text ? object_name_key(j->a, text) : NULL;

	if (!v)
		return true;
	for (; v && key; v = v->next) {
		const char *one = object_name_key(j->a, v->bytes.p);

		if (one && strcmp(one, key) == 0)
			return true;
	}
	return false;
}

static bool is_for(struct job *j, const struct object *policy)
{
	const char *klass = class_name(j->o->klass);

	if (j->o->klass == CLASS_CONTACT && !object_has(policy, OBJ_IF_CLASS))
		return false;
	return object_has(policy, OBJ_TEMPLATE) && passes(j, policy, OBJ_IF_CLASS, klass) &&
	       passes(j, policy, OBJ_IF_DEPARTMENT, object_text(j->o, OBJ_DEPARTMENT)) &&
	       passes(j, policy, OBJ_IF_COMPANY, object_text(j->o, OBJ_COMPANY));
}

static bool goes_before(const struct object *a, const struct object *b)
{
	bool last_a = object_bool(a, OBJ_DEFAULT, false), last_b = object_bool(b, OBJ_DEFAULT, false);

	if (last_a != last_b)
		return last_b;
	return object_number(a, OBJ_PRIORITY, 100) < object_number(b, OBJ_PRIORITY, 100);
}

static const struct object *find_policy(struct job *j)
{
	const struct object *best = NULL;
	struct object *page[LIST_PAGE];
	const char *after = "";
	size_t n;

	do {
		n = objects_list(j->d->db, CLASS_ADDRESS_POLICY, after, page, LIST_PAGE, j->a);
		for (size_t i = 0; i < n; i++)
			if (is_for(j, page[i]) && (!best || goes_before(page[i], best)))
				best = page[i];
		if (n)
			after = object_name_key(j->a, object_text(page[n - 1], OBJ_NAME));
	} while (n == LIST_PAGE && after);
	return best;
}

/* ---- one address ---------------------------------------------------------------------- */

static bool is_free(struct job *j, const char *address)
{
	char key[SMTP_KEY_MAX];
	struct guid owner;

	return smtp_address_key_of(address, key) == ERR_OK &&
	       (objects_owner(j->d->db, key, &owner, NULL) == ERR_NOTFOUND ||
		guid_eq(&owner, &j->o->guid));
}

/* Is it local@domain, or (numbered) local2@domain, local3@domain, ...? */
static bool fits(const char *address, const char *local, const char *domain, bool numbered)
{
	size_t n = strlen(local);
	char *end;

	if (strncasecmp(address, local, n) != 0)
		return false;
	address += n;
	if (numbered && *address >= '1' && *address <= '9' && strtoul(address, &end, 10) >= 2)
		address = end;
	return *address == '@' && strcasecmp(address + 1, domain) == 0;
}

/* One that it has already. */
static const char *own(const struct job *j, const char *local, const char *domain, bool primary)
{
	const struct object_value *first = object_values(j->o, OBJ_EMAIL);

	for (const struct object_value *v = first; v; v = v->next)
		if (fits(v->bytes.p, local, domain, false))
			return v->bytes.p;
	for (const struct object_value *v = first; v; v = v->next)
		if ((v == first || !primary) && fits(v->bytes.p, local, domain, true))
			return v->bytes.p;
	return NULL;
}

/* local@domain, or local2@domain, ... the first that nobody has. */
static enum err free_address(struct job *j, const char *local, const char *domain, const char **out)
{
	for (unsigned i = 1; i < MAX_TRIES; i++) {
		*out = i == 1 ? arena_printf(j->a, "%s@%s", local, domain) :
			arena_printf(j->a, "%s%u@%s", local, i, domain);
		if (!is_free(j, *out))
			continue;
		if (i > 1)
			job_note(j, "%s@%s was taken: it is %s", local, domain, *out);
		return ERR_OK;
	}
	return err_set(j->eb, ERR_EXISTS, "%s@%s and %d numbered ones are taken", local, domain,
		       MAX_TRIES);
}

/* *out stays NULL if the template gives nothing. */
static enum err by_template(struct job *j, const char *tmpl, bool primary, const char **out)
{
	const struct policy_names names = {
		.given = object_text(j->o, OBJ_GIVEN_NAME),
		.surname = object_text(j->o, OBJ_SURNAME),
		.initials = object_text(j->o, OBJ_INITIALS),
		.display = object_text(j->o, OBJ_DISPLAY),
		.alias = object_text(j->o, OBJ_ALIAS),
	};
	const char *local = policy_local(j->a, tmpl, &names);
	const char *domain = policy_domain(tmpl);

	/* Who has no first name still gets an address. */
	if (local[0] == '\0')
		local = policy_local(j->a, "%m", &names);
	if (local[0] == '\0' || !domain)
		return ERR_OK;
	*out = own(j, local, domain, primary);
	return *out ? ERR_OK : free_address(j, local, domain, out);
}

/* ---- all of them ------------------------------------------------------------------------- */

static bool has_key(const struct object *o, const char *address)
{
	char want[SMTP_KEY_MAX], have[SMTP_KEY_MAX];

	if (smtp_address_key_of(address, want) != ERR_OK)
		return object_has_value(o, OBJ_EMAIL, span_of(address));
	for (const struct object_value *v = object_values(o, OBJ_EMAIL); v; v = v->next)
		if (smtp_address_key_of(v->bytes.p, have) == ERR_OK && strcmp(want, have) == 0)
			return true;
	return false;
}

/* Those of the policy in front, what was there before behind them. */
static void put_in_front(struct object *o, const char *const *made, size_t n, struct arena *a)
{
	struct object *before = object_copy(a, o);

	object_unset(o, OBJ_EMAIL);
	for (size_t i = 0; i < n; i++)
		if (!has_key(o, made[i]))
			object_add_text(o, OBJ_EMAIL, made[i]);
	for (const struct object_value *v = object_values(before, OBJ_EMAIL); v; v = v->next)
		if (!has_key(o, v->bytes.p))
			object_add_text(o, OBJ_EMAIL, v->bytes.p);
}

enum err addresses_follow(struct job *j)
{
	const struct object *policy = find_policy(j);
	const struct object_value *v = policy ? object_values(policy, OBJ_TEMPLATE) : NULL;
	const char *made[MAX_TEMPLATES], *domain;
	enum err e = ERR_OK;
	size_t n = 0;

	if (!policy && j->o->klass == CLASS_CONTACT)
		return ERR_OK;
	for (; v && !e && n < MAX_TEMPLATES; v = v->next) {
		const char *one = NULL;

		e = by_template(j, v->bytes.p, n == 0, &one);
		if (!e && one)
			made[n++] = one;
	}
	if (!policy) {
		const char *one = NULL;

		domain = default_domain(j);
		if (!domain) {
			job_note(j, "no address: there is no accepted domain yet");
			return ERR_OK;
		}
		e = by_template(j, arena_printf(j->a, "%%m@%s", domain), true, &one);
		if (!e && one)
			made[n++] = one;
	}
	if (!e && n > 0) {
		put_in_front(j->o, made, n, j->a);
		object_set_number(j->o, OBJ_BY_POLICY, 1);
	}
	return e;
}

/* ---- when -------------------------------------------------------------------------------- */

/* Did the administrator say this attribute?  ADD and REMOVE leave the primary one. */
static bool sets(const struct job *j, unsigned attr)
{
	for (size_t i = 0; i < j->ap->n_changes; i++) {
		const struct change *c = &j->ap->changes[i];

		if (c->attr == attr && (c->op == CHANGE_SET || c->op == CHANGE_UNSET))
			return true;
	}
	return false;
}

/* What templates and filters look at. */
static bool renamed(const struct job *j)
{
	static const unsigned attrs[] = { OBJ_GIVEN_NAME, OBJ_SURNAME, OBJ_INITIALS, OBJ_DISPLAY,
					  OBJ_ALIAS, OBJ_DEPARTMENT, OBJ_COMPANY };

	for (size_t i = 0; i < N_ELEMS(attrs); i++)
		if (!object_same_values(j->was, j->o, attrs[i]))
			return true;
	return !object_bool(j->was, OBJ_BY_POLICY, false);
}

enum err addresses_complete(struct job *j)
{
	unsigned k = j->o->klass;

	if (k != CLASS_MAILBOX && k != CLASS_GROUP && k != CLASS_CONTACT)
		return ERR_OK;
	if (object_bool(j->o, OBJ_DISCONNECTED, false))
		return ERR_OK;
	if (!j->was || j->ap->what == APPLY_RECONNECT)
		return object_has(j->o, OBJ_EMAIL) && !object_bool(j->o, OBJ_BY_POLICY, false)
			? ERR_OK : addresses_follow(j);
	if (sets(j, OBJ_EMAIL) && !sets(j, OBJ_BY_POLICY) &&
	    object_bool(j->o, OBJ_BY_POLICY, false)) {
		object_set_number(j->o, OBJ_BY_POLICY, 0);
		job_note(j, "its addresses follow no policy from now on (by-policy)");
		return ERR_OK;
	}
	if (!object_bool(j->o, OBJ_BY_POLICY, false) || !renamed(j))
		return ERR_OK;
	return addresses_follow(j);
}
