#ifndef API_OBJECT_H
#define API_OBJECT_H
/*
 * api object - a directory object: GUID, class and attribute values
 *
 * The directory, its replicas, the shell's nouns and the JSON they print are all
 * made from two tables here: the classes, and the attributes a class may have.
 * A value is text, a number, a GUID or bytes; an attribute has one or several
 * values in order (the first e-mail address is the primary one).  Values of
 * attributes that this version does not know are kept and passed on, so that
 * neighbouring versions work together.
 */
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/guid.h"
#include "common/base/span.h"
#include <stdbool.h>
#include <stdint.h>

/* Numbers are stored and travel: append, never renumber. */
enum object_class {
	CLASS_ORGANISATION = 1,
	CLASS_SERVER = 2,
	CLASS_DATABASE = 3,
	CLASS_DOMAIN = 4,		/* accepted domain */
	CLASS_REMOTE_DOMAIN = 5,
	CLASS_MAILBOX = 6,		/* a user with a mailbox; its GUID is the mailbox's */
	CLASS_CONTACT = 7,
	CLASS_GROUP = 8,
	CLASS_ADDRESS_POLICY = 9,
	CLASS_CONNECTOR = 10,		/* send connector */
	CLASS_ADMIN = 11,		/* an administrator: name and key */
	CLASS_TRANSPORT = 12,		/* organisation-wide transport settings, one object */
	CLASS_PUBLIC_FOLDER = 13,	/* a top-level public folder, and the mailbox it lives in */
	CLASS_OAUTH_ISSUER = 19,	/* who signs the tokens that logins may show */
	CLASS_GROUP_PAGE = 14,		/* members that a group's object has no room for */
	CLASS_DIAL_PLAN = 20,		/* unified messaging: extensions that belong together */
	CLASS_IP_GATEWAY = 21,		/* a SIP peer that calls come from */
	CLASS_HUNT_GROUP = 22,		/* calls of a gateway for a pilot number: which dial plan */
	CLASS_UM_POLICY = 23,		/* what users of a dial plan may do; their PINs */
	CLASS_AUTO_ATTENDANT = 24,	/* answers calls to numbers of its own */
};

enum attr_type { ATTR_TEXT, ATTR_NUMBER, ATTR_BOOL, ATTR_GUID, ATTR_BYTES, ATTR_SIZE, ATTR_DURATION };

enum attr_flags {
	ATTR_MULTI = 1,		/* several values */
	ATTR_SECRET = 2,	/* never printed, never in the audit, filtered from most replicas */
	ATTR_ADDRESS = 4,	/* an e-mail address: indexed in its key form */
	ATTR_MEMBER = 8,	/* a GUID that makes this object a group of it: indexed */
	ATTR_READONLY = 16,	/* set by the directory only */
	ATTR_REQUIRED = 32,
	ATTR_NAME = 64,		/* unique within its class, case folded: what the shell calls it by */
	ATTR_REF = 128,		/* a GUID of another object: the shell shows and takes its name */
};

struct object_value {
	struct object_value *next;	/* of the same attribute */
	int64_t number;			/* NUMBER BOOL SIZE (bytes) DURATION (ms) */
	struct span bytes;		/* TEXT (a NUL follows), GUID (16), BYTES */
};

struct object_attr {
	struct object_attr *next;
	unsigned attr;			/* enum object_attr_id, or unknown */
	struct object_value *values;
};

struct object {
	struct guid guid;
	unsigned klass;
	uint64_t usn;
	bool deleted;			/* a tombstone: no attributes */
	struct object_attr *attrs;
	struct arena *arena;		/* everything lives here */
};

/* What an attribute is.  The ids and the table are in object_table.c, made from
 * the X-macro list in common/api/object_attrs.h. */
struct attr_info {
	unsigned id;
	const char *name;		/* "quota-send", as the shell writes it */
	enum attr_type type;
	unsigned flags;
	uint64_t classes;		/* 1 << enum object_class */
	const char *help;
};
#include "common/api/object_attrs.h"

const struct attr_info *attr_by_id(unsigned id);
const struct attr_info *attr_by_name(unsigned klass, const char *name);
const struct attr_info *attr_after(const struct attr_info *after);	/* of all; NULL: the first */
const struct attr_info *attr_next(unsigned klass, const struct attr_info *after);
const char *class_name(unsigned klass);			/* "mailbox"; "?" if unknown */
unsigned class_by_name(const char *name);		/* 0: no such class */
/* Is its GUID that of a mailbox in a store?  May it get mail? */
bool class_has_mailbox(unsigned klass);
bool class_is_recipient(unsigned klass);

/* The form in which names are compared: NFKC, case folded, blanks at the ends cut.
 * NULL if s is not UTF-8, empty, or holds control characters. */
const char *object_name_key(struct arena *a, const char *s);

/* An encoded object may be this large: a page of changes holds one for certain. */
#define OBJECT_MAX_BYTES (192u * 1024)

struct object *object_new(struct arena *a, unsigned klass);
struct object *object_copy(struct arena *a, const struct object *o);
/* INVALID: not an object, or a known attribute with a value that its type cannot
 * have.  Nothing in it points into p. */
enum err object_decode(struct arena *a, const void *p, size_t n, struct object **out) A_MUST_USE;
enum err object_encode(const struct object *o, struct buf *out) A_MUST_USE;

/* First value; NULL or def if absent. */
const char *object_text(const struct object *o, unsigned attr);
int64_t object_number(const struct object *o, unsigned attr, int64_t def);
bool object_bool(const struct object *o, unsigned attr, bool def);
bool object_guid(const struct object *o, unsigned attr, struct guid *out);
struct span object_bytes(const struct object *o, unsigned attr);
const struct object_value *object_values(const struct object *o, unsigned attr);	/* list */
bool object_has(const struct object *o, unsigned attr);

/* All copy into the object's arena.  set replaces all values, add appends. */
void object_set_text(struct object *o, unsigned attr, const char *s);
void object_add_text(struct object *o, unsigned attr, const char *s);
void object_set_number(struct object *o, unsigned attr, int64_t v);
void object_set_guid(struct object *o, unsigned attr, const struct guid *g);
void object_add_guid(struct object *o, unsigned attr, const struct guid *g);
void object_set_bytes(struct object *o, unsigned attr, const void *p, size_t n);
void object_add_bytes(struct object *o, unsigned attr, const void *p, size_t n);
void object_unset(struct object *o, unsigned attr);
bool object_remove_value(struct object *o, unsigned attr, struct span bytes);	/* false: was not there */
bool object_has_value(const struct object *o, unsigned attr, struct span bytes);
bool object_has_guid(const struct object *o, unsigned attr, const struct guid *g);
bool object_same_values(const struct object *a, const struct object *b, unsigned attr);
#endif
