#ifndef CAS_SHARING_H
#define CAS_SHARING_H
/*
 * sharing - what the directory knows of mailboxes that others may look into
 *
 * A user's mailbox goes by its name, as a client sees it below "Other Users/"; a
 * public folder by its own, below "Public Folders/".  Names that cannot be a
 * component of a path are not found.  Who a row of rights is for goes by an
 * identifier: a mailbox's name, a group's name after '$', "anyone".
 */
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/guid.h"
#include <stdbool.h>

struct cas;
struct rpc_peer;

enum sharing_kind { SHARING_USER, SHARING_PUBLIC };

struct shared {
	struct guid guid;
	const char *name;		/* as the directory spells it */
	enum sharing_kind kind;
};

/* Names of users are matched like at a login.  The name lives in a. */
enum err sharing_find(struct cas *cas, enum sharing_kind kind, const char *name,
		      struct arena *a, struct shared *out) A_MUST_USE;
/* False: it is gone, or has no name that fits into a path. */
bool sharing_name(struct cas *cas, const struct guid *g, struct arena *a, struct shared *out);
/* Mailboxes that who, or a group he is in, has full access to. */
size_t sharing_full(struct cas *cas, const struct guid *who, struct guid *out, size_t cap);
/* Every public folder at the top, by name; in a. */
size_t sharing_public(struct cas *cas, struct arena *a, struct shared **out);
/* The mailbox servers that are up. */
size_t sharing_stores(struct cas *cas, struct rpc_peer **out, size_t cap);

/* NOTFOUND: nobody is called so. */
enum err sharing_identify(struct cas *cas, const char *identifier, struct guid *out) A_MUST_USE;
/* A GUID as text if its object is gone; in a. */
const char *sharing_identifier(struct cas *cas, const struct guid *g, struct arena *a);
#endif
