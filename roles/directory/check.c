#include "common/auth/login.h"
#include "common/replica/objects.h"
#include "common/replica/ticket.h"
#include "common/smtp/address.h"
#include "roles/directory/apply.h"
#include "roles/directory/policy.h"
#include "roles/directory/um/um.h"
#include <stdlib.h>

/* Is the object as it will be in order, by itself and among the others? */

enum { MAX_NAME = 128, MAX_GROUPS = 256 };

static const char *domain_part(const char *address)
{
	const char *at = strrchr(address, '@');

	return at ? at + 1 : "";
}

/* ---- what every class has ---------------------------------------------------------------- */

static enum err check_name(struct job *j)
{
	const char *name = object_text(j->o, OBJ_NAME);
	struct object *other;
	enum err e;

	if (!name || strlen(name) > MAX_NAME || !object_name_key(j->a, name))
		return err_set(j->eb, ERR_INVALID, "a name has 1 to %d bytes, and no control characters",
			       MAX_NAME);
	e = objects_by_name(j->d->db, j->o->klass, name, j->a, &other, j->eb);
	if (e == ERR_OK && !guid_eq(&other->guid, &j->o->guid))
		return err_set(j->eb, ERR_EXISTS, "there is a %s named %s",
			       class_name(j->o->klass), name);
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

static enum err check_required(struct job *j)
{
	for (const struct attr_info *i = attr_next(j->o->klass, NULL); i;
	     i = attr_next(j->o->klass, i))
		if ((i->flags & ATTR_REQUIRED) && !object_has(j->o, i->id))
			return err_set(j->eb, ERR_INVALID, "%s is missing", i->name);
	return ERR_OK;
}

static enum err check_address(struct job *j, const char *address)
{
	char key[SMTP_KEY_MAX];
	struct guid owner;
	struct object *o;
	bool plus;
	enum err e;

	if (smtp_address_key_of(address, key) != ERR_OK)
		return err_set(j->eb, ERR_INVALID, "%.100s is not an address", address);
	if (tables_domain(&j->d->tables, domain_part(key), &plus) == DOMAIN_NONE)
		return err_set(j->eb, ERR_INVALID, "%.100s: %.80s is not an accepted domain", address,
			       domain_part(key));
	e = objects_owner(j->d->db, key, &owner, j->eb);
	if (e == ERR_NOTFOUND || (!e && guid_eq(&owner, &j->o->guid)))
		return ERR_OK;
	if (!e && objects_by_guid(j->d->db, &owner, j->a, &o, j->eb) == ERR_OK)
		return err_set(j->eb, ERR_EXISTS, "%.100s belongs to the %s %.80s", address,
			       class_name(o->klass), object_text(o, OBJ_NAME));
	return e ? e : err_set(j->eb, ERR_EXISTS, "%.100s is taken", address);
}

static enum err check_addresses(struct job *j)
{
	enum err e = ERR_OK;

	for (const struct object_value *v = object_values(j->o, OBJ_EMAIL); v && !e; v = v->next) {
		/* An address kept is not asked again: its domain may have gone. */
		if (j->was && object_has_value(j->was, OBJ_EMAIL, v->bytes))
			continue;
		e = check_address(j, v->bytes.p);
	}
	return e;
}

static enum err one_of(struct job *j, unsigned attr, const char *const *words)
{
	const char *text = object_text(j->o, attr);
	const struct attr_info *i = attr_by_id(attr);

	for (size_t k = 0; text && words[k]; k++)
		if (strcmp(words[k], text) == 0)
			return ERR_OK;
	return text ? err_set(j->eb, ERR_INVALID, "%s: not one of those it can be: %s", i->name,
			      i->help) : ERR_OK;
}

static enum err check_range(struct job *j, unsigned attr, int64_t min, int64_t max)
{
	int64_t v = object_number(j->o, attr, min);

	if (v >= min && v <= max)
		return ERR_OK;
	return err_set(j->eb, ERR_INVALID, "%s: %lld to %lld", attr_by_id(attr)->name,
		       (long long)min, (long long)max);
}

/* ---- by class ------------------------------------------------------------------------------ */

static enum err check_quotas(struct job *j)
{
	int64_t warn = object_number(j->o, OBJ_QUOTA_WARN, 0);
	int64_t send = object_number(j->o, OBJ_QUOTA_SEND, 0);
	int64_t receive = object_number(j->o, OBJ_QUOTA_RECEIVE, 0);

	if ((warn && send && warn > send) || (send && receive && send > receive) ||
	    (warn && receive && warn > receive))
		return err_set(j->eb, ERR_INVALID, "quotas must ascend: warn, send, receive");
	return ERR_OK;
}

static enum err check_certificates(struct job *j)
{
	size_t n = 0;

	for (const struct object_value *v = object_values(j->o, OBJ_CERTIFICATE); v; v = v->next)
		if (v->bytes.n != 32 || ++n > LOGIN_CERTS)
			return err_set(j->eb, ERR_INVALID, "certificate-fingerprint: up to %d of "
				       "SHA-256, 64 hex digits each", LOGIN_CERTS);
	return ERR_OK;
}

static enum err check_home(struct job *j)
{
	/* Its content would stay behind. */
	if (j->was && object_has(j->was, OBJ_DATABASE) &&
	    !object_same_values(j->was, j->o, OBJ_DATABASE))
		return err_set(j->eb, ERR_DENIED, "database: a mailbox stays where it was made");
	return check_quotas(j);
}

static enum err check_mailbox(struct job *j)
{
	static const char *const copies[] = { "sender", "mailbox", "both", "none", NULL };
	struct guid g;
	enum err e;

	if (object_guid(j->o, OBJ_FORWARD_TO, &g) && guid_eq(&g, &j->o->guid))
		return err_set(j->eb, ERR_INVALID, "forward-to: that is the mailbox itself");
	if (one_of(j, OBJ_SENT_COPY, copies))
		return ERR_INVALID;
	e = check_certificates(j);
	if (!e)
		e = check_home(j);
	return e ? e : um_check_mailbox(j);
}

/* Its name is the first of a path in every client. */
static enum err check_public_folder(struct job *j)
{
	if (strpbrk(object_text(j->o, OBJ_NAME), "/%*"))
		return err_set(j->eb, ERR_INVALID, "a public folder's name is without / %% and *");
	if (j->was && strcmp(object_text(j->was, OBJ_NAME), object_text(j->o, OBJ_NAME)) != 0)
		return err_set(j->eb, ERR_DENIED, "name: a top-level public folder keeps it");
	return check_home(j);
}

/* Allowed, as mail finds its way through circles, but worth a word. */
static bool is_in_circle(struct job *j)
{
	struct guid up[MAX_GROUPS];
	size_t n = objects_ancestors(j->d->db, &j->o->guid, up, MAX_GROUPS);

	for (size_t i = 0; i < n; i++)
		if (object_has_guid(j->o, OBJ_MEMBER, &up[i]))
			return true;
	return false;
}

static enum err check_group(struct job *j)
{
	if (object_has_guid(j->o, OBJ_MEMBER, &j->o->guid))
		return err_set(j->eb, ERR_INVALID, "a group cannot be its own member");
	if (j->was && !object_same_values(j->was, j->o, OBJ_MEMBER) && is_in_circle(j))
		job_note(j, "these groups are members of each other in a circle");
	return ERR_OK;
}

static enum err check_contact(struct job *j)
{
	if (!object_has(j->o, OBJ_TARGET))
		return err_set(j->eb, ERR_INVALID, "target-address is missing");
	return ERR_OK;
}

static enum err check_domain(struct job *j)
{
	static const char *const types[] = {
		"authoritative", "internal-relay", "external-relay", NULL
	};
	const char *domain = object_text(j->o, OBJ_DOMAIN);
	struct object *page[64];
	const char *after = "";
	size_t n;

	do {
		n = objects_list(j->d->db, j->o->klass, after, page, N_ELEMS(page), j->a);
		for (size_t i = 0; i < n; i++)
			if (!guid_eq(&page[i]->guid, &j->o->guid) &&
			    strcmp(object_text(page[i], OBJ_DOMAIN), domain) == 0)
				return err_set(j->eb, ERR_EXISTS, "%s is %s already", domain,
					       object_text(page[i], OBJ_NAME));
		if (n)
			after = object_name_key(j->a, object_text(page[n - 1], OBJ_NAME));
	} while (n == N_ELEMS(page) && after);
	return one_of(j, OBJ_DOMAIN_TYPE, types);
}

static enum err check_policy(struct job *j)
{
	const struct object_value *v = object_values(j->o, OBJ_TEMPLATE);
	const struct object_value *k = object_values(j->o, OBJ_IF_CLASS);
	enum err e = v ? ERR_OK : err_set(j->eb, ERR_INVALID, "template is missing");

	for (; k && !e; k = k->next)
		if (strcmp(k->bytes.p, "mailbox") != 0 && strcmp(k->bytes.p, "group") != 0 &&
		    strcmp(k->bytes.p, "contact") != 0)
			e = err_set(j->eb, ERR_INVALID, "if-class: mailbox, group or contact, not %.60s",
				    k->bytes.p);

	for (; v && !e; v = v->next) {
		char normal[SMTP_DOMAIN_MAX + 1];
		bool plus;

		e = policy_check(v->bytes.p, j->eb);
		if (!e && (smtp_domain_normal(span_of(policy_domain(v->bytes.p)), normal, NULL) ||
			   tables_domain(&j->d->tables, normal, &plus) == DOMAIN_NONE))
			e = err_set(j->eb, ERR_INVALID, "%.100s: not an accepted domain",
				    v->bytes.p);
	}
	return e;
}

/* host, host:port, [v6], [v6]:port */
static bool is_host_port(const char *s)
{
	const char *end = s[0] == '[' ? strchr(s, ']') : NULL;
	const char *colon = end ? (end[1] == ':' ? end + 1 : NULL) : strchr(s, ':');
	size_t n = colon ? (size_t)(colon - s) : strlen(s);
	long port = colon ? strtol(colon + 1, NULL, 10) : 25;

	if (s[0] == '[' && (!end || (end[1] && end[1] != ':')))
		return false;
	return n > 0 && n < 256 && !strpbrk(s, " /\\@\"") && port > 0 && port < 65536 &&
	       (!colon || strspn(colon + 1, "0123456789") == strlen(colon + 1));
}

static enum err check_connector(struct job *j)
{
	enum err e = ERR_OK;

	if (!object_has(j->o, OBJ_ADDRESS_SPACE))
		return err_set(j->eb, ERR_INVALID, "address-space is missing; * is all");
	for (const struct object_value *v = object_values(j->o, OBJ_SMART_HOST); v; v = v->next)
		if (!is_host_port(v->bytes.p))
			return err_set(j->eb, ERR_INVALID, "smart-host: %.100s is not host[:port]",
				       v->bytes.p);
	for (const struct object_value *v = object_values(j->o, OBJ_SOURCE); v && !e; v = v->next) {
		struct guid g;
		struct object *s;

		e = guid_from(v->bytes.p, v->bytes.n, &g);
		if (!e)
			e = objects_by_guid(j->d->db, &g, j->a, &s, j->eb);
		if (!e && !((unsigned)object_number(s, OBJ_ROLE, 0) & (RPC_HUB | RPC_EDGE)))
			e = err_set(j->eb, ERR_INVALID, "source-server: %s is no hub and no edge",
				    object_text(s, OBJ_NAME));
	}
	return e ? e : check_range(j, OBJ_PORT, 1, 65535);
}

static enum err check_keys(struct job *j)
{
	struct rpc_ident who;

	for (const struct object_value *v = object_values(j->o, OBJ_KEY); v; v = v->next) {
		if (v->bytes.n != RPC_KEY)
			return err_set(j->eb, ERR_INVALID, "key: %u bytes, as hex", RPC_KEY);
		if (tables_who(&j->d->tables, (const uint8_t *)v->bytes.p, &who) &&
		    !guid_eq(&who.guid, &j->o->guid))
			return err_set(j->eb, ERR_EXISTS, "key: it is %s's", who.name);
	}
	return ERR_OK;
}

static enum err check_server(struct job *j)
{
	const char *endpoint = object_text(j->o, OBJ_ENDPOINT);

	if (!ticket_name_ok(object_text(j->o, OBJ_NAME)))
		return err_set(j->eb, ERR_INVALID, "a server's name is letters, digits, - _ and .");
	if (endpoint && !ticket_endpoint_ok(endpoint))
		return err_set(j->eb, ERR_INVALID, "endpoint: tcp://HOST:PORT");
	return check_keys(j);
}

static enum err check_database(struct job *j)
{
	struct object *s;
	struct guid g;

	if (!ticket_name_ok(object_text(j->o, OBJ_NAME)))
		return err_set(j->eb, ERR_INVALID, "a database's name is letters, digits, - _ and .");
	if (!object_guid(j->o, OBJ_SERVER, &g))
		return err_set(j->eb, ERR_INVALID, "server is missing");
	if (objects_by_guid(j->d->db, &g, j->a, &s, NULL) != ERR_OK ||
	    object_number(s, OBJ_ROLE, 0) != RPC_MAILBOX)
		return err_set(j->eb, ERR_INVALID, "server: not a mailbox server");
	return check_quotas(j);
}

static enum err check_transport(struct job *j)
{
	enum err e = check_range(j, OBJ_MAX_HOPS, 1, 1000);

	for (const struct object_value *v = object_values(j->o, OBJ_TRUSTED_RANGE); v && !e;
	     v = v->next)
		if (strspn(v->bytes.p, "0123456789abcdefABCDEF.:/") != v->bytes.n)
			e = err_set(j->eb, ERR_INVALID, "trusted-range: %.100s is not address/bits",
				    v->bytes.p);
	return e;
}

static enum err check_issuer(struct job *j)
{
	struct errbuf eb = { "" };
	struct jwk *k = NULL;
	size_t n = 0;
	enum err e = ERR_OK;

	for (const struct object_value *v = object_values(j->o, OBJ_JWK); v && !e; v = v->next) {
		e = jwk_parse(v->bytes.p, v->bytes.n, &k, &eb);
		jwk_free(&k);
		if (e)
			e = err_set(j->eb, ERR_INVALID, "jwk: %s", eb.text);
		else if (++n > OAUTH_KEYS)
			e = err_set(j->eb, ERR_INVALID, "jwk: more than %d keys", OAUTH_KEYS);
	}
	return e;
}

enum err check(struct job *j)
{
	static enum err (*const by_class[])(struct job *) = {
		[CLASS_SERVER] = check_server,
		[CLASS_DATABASE] = check_database,
		[CLASS_DOMAIN] = check_domain,
		[CLASS_REMOTE_DOMAIN] = check_domain,
		[CLASS_MAILBOX] = check_mailbox,
		[CLASS_CONTACT] = check_contact,
		[CLASS_GROUP] = check_group,
		[CLASS_ADDRESS_POLICY] = check_policy,
		[CLASS_CONNECTOR] = check_connector,
		[CLASS_ADMIN] = check_keys,
		[CLASS_TRANSPORT] = check_transport,
		[CLASS_PUBLIC_FOLDER] = check_public_folder,
		[CLASS_DIAL_PLAN] = um_check,
		[CLASS_IP_GATEWAY] = um_check,
		[CLASS_HUNT_GROUP] = um_check,
		[CLASS_UM_POLICY] = um_check,
		[CLASS_AUTO_ATTENDANT] = um_check,
		[CLASS_OAUTH_ISSUER] = check_issuer,
	};
	unsigned klass = j->o->klass;
	enum err e = check_required(j);

	if (!e)
		e = check_name(j);
	if (!e)
		e = check_addresses(j);
	if (!e && klass < N_ELEMS(by_class) && by_class[klass])
		e = by_class[klass](j);
	return e;
}
