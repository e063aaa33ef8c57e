#include "common/api/object.h"
#include "common/base/check.h"

static const struct attr_info attrs[] = {
#define X(number, id, name, type, flags, classes, help) \
	[number] = { number, name, ATTR_##type, flags, classes, help },
	OBJECT_ATTRS(X)
#undef X
};

static const char *const classes[] = {
	[CLASS_ORGANISATION] = "organisation",
	[CLASS_SERVER] = "server",
	[CLASS_DATABASE] = "database",
	[CLASS_DOMAIN] = "domain",
	[CLASS_REMOTE_DOMAIN] = "remote-domain",
	[CLASS_MAILBOX] = "mailbox",
	[CLASS_CONTACT] = "contact",
	[CLASS_GROUP] = "group",
	[CLASS_ADDRESS_POLICY] = "address-policy",
	[CLASS_CONNECTOR] = "connector",
	[CLASS_ADMIN] = "admin",
	[CLASS_TRANSPORT] = "transport",
	[CLASS_PUBLIC_FOLDER] = "public-folder",
	[CLASS_OAUTH_ISSUER] = "oauth",
	[CLASS_GROUP_PAGE] = "group-page",
	[CLASS_DIAL_PLAN] = "dial-plan",
	[CLASS_IP_GATEWAY] = "ip-gateway",
	[CLASS_HUNT_GROUP] = "hunt-group",
	[CLASS_UM_POLICY] = "um-policy",
	[CLASS_AUTO_ATTENDANT] = "auto-attendant",
};

/* Indexed by number; numbers that nobody has taken are holes (id 0). */
const struct attr_info *attr_by_id(unsigned id)
{
	return id < N_ELEMS(attrs) && attrs[id].id ? &attrs[id] : NULL;
}

const struct attr_info *attr_after(const struct attr_info *after)
{
	for (size_t i = after ? (size_t)(after - attrs) + 1 : 0; i < N_ELEMS(attrs); i++)
		if (attrs[i].id)
			return &attrs[i];
	return NULL;
}

static bool belongs(const struct attr_info *i, unsigned klass)
{
	return i->id && klass < N_ELEMS(classes) && classes[klass] && (i->classes >> klass & 1);
}

const struct attr_info *attr_by_name(unsigned klass, const char *name)
{
	for (size_t i = 0; i < N_ELEMS(attrs); i++)
		if (belongs(&attrs[i], klass) && strcmp(attrs[i].name, name) == 0)
			return &attrs[i];
	return NULL;
}

const struct attr_info *attr_next(unsigned klass, const struct attr_info *after)
{
	for (size_t i = after ? (size_t)(after - attrs) + 1 : 0; i < N_ELEMS(attrs); i++)
		if (belongs(&attrs[i], klass))
			return &attrs[i];
	return NULL;
}

const char *class_name(unsigned klass)
{
	return klass < N_ELEMS(classes) && classes[klass] ? classes[klass] : "?";
}

bool class_has_mailbox(unsigned klass)
{
	return klass == CLASS_MAILBOX || klass == CLASS_PUBLIC_FOLDER;
}

bool class_is_recipient(unsigned klass)
{
	return class_has_mailbox(klass) || klass == CLASS_CONTACT || klass == CLASS_GROUP;
}

unsigned class_by_name(const char *name)
{
	for (unsigned i = 1; i < N_ELEMS(classes); i++)
		if (classes[i] && strcmp(classes[i], name) == 0)
			return i;
	return 0;
}
