#include "common/api/object.h"
#include "common/base/check.h"

static const struct attr_info attrs[] = {
#define X(number, id, name, type, flags, classes, help) \
	{ number, name, ATTR_##type, flags, classes, help },
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
};

/* Numbers are dense from 1 on, in the order of the list; test_object checks it. */
const struct attr_info *attr_by_id(unsigned id)
{
	return id >= 1 && id <= N_ELEMS(attrs) ? &attrs[id - 1] : NULL;
}

static bool belongs(const struct attr_info *i, unsigned klass)
{
	return klass < N_ELEMS(classes) && klass > 0 && (i->classes >> klass & 1);
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
	return klass > 0 && klass < N_ELEMS(classes) ? classes[klass] : "?";
}

unsigned class_by_name(const char *name)
{
	for (unsigned i = 1; i < N_ELEMS(classes); i++)
		if (strcmp(classes[i], name) == 0)
			return i;
	return 0;
}
