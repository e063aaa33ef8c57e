#ifndef REPLICA_OBJECTS_H
#define REPLICA_OBJECTS_H
/*
 * objects - directory objects in a SQLite file: the same for master and replica
 *
 * One row an object, its encoded body, and indexes made from its attributes:
 * name, addresses, aliases, links (every GUID of an ATTR_REF attribute, so also
 * memberships) and, in an edge's replica, keyed hashes of addresses.
 *
 * A change replaces the row and its index rows.  A deleted object stays as a
 * tombstone until objects_purge().  Names and addresses are not forced to be
 * unique here: the directory checks before it writes, and a replica may see two
 * owners for a moment while it applies changes in the order of their numbers; the
 * later one wins.
 *
 * Functions want a transaction of the caller's where they write.
 */
#include "common/api/object.h"
#include "common/db/db.h"

/* Step 0 of the schema of a file that holds objects. */
extern const char objects_schema[];

enum err objects_put(struct db *db, const struct object *o, int64_t now_ms,
		     struct errbuf *eb) A_MUST_USE;

/* One object; NOTFOUND also for tombstones.  The object lives in a. */
enum err objects_by_guid(struct db *db, const struct guid *g, struct arena *a,
			 struct object **out, struct errbuf *eb) A_MUST_USE;
enum err objects_by_name(struct db *db, unsigned klass, const char *name, struct arena *a,
			 struct object **out, struct errbuf *eb) A_MUST_USE;
/* key: the address form of common/smtp/address.h. */
enum err objects_by_address(struct db *db, const char *key, struct arena *a,
			    struct object **out, struct errbuf *eb) A_MUST_USE;
enum err objects_by_alias(struct db *db, const char *key, struct arena *a,
			  struct object **out, struct errbuf *eb) A_MUST_USE;
/* GUIDs of the mailboxes and attendants with this extension, of whatever dial plan,
 * behind `after` (0 for the first). */
size_t objects_by_extension(struct db *db, const char *extension, int64_t *after,
			    struct guid *out, size_t n);
/* Is any object reached by this keyed hash (16 bytes)?  NOTFOUND. */
enum err objects_has_hash(struct db *db, const uint8_t hash[16], struct errbuf *eb) A_MUST_USE;
/* Who has this address, without reading the object; NOTFOUND. */
enum err objects_owner(struct db *db, const char *key, struct guid *out,
		       struct errbuf *eb) A_MUST_USE;

/* ---- walking ------------------------------------------------------------------ */

/* Up to n live objects of a class in the order of their name keys, behind `after`
 * ("" for the first).  Returns how many; CORRUPT rows are skipped and logged. */
size_t objects_list(struct db *db, unsigned klass, const char *after, struct object **out,
		    size_t n, struct arena *a);
/* GUIDs of the live objects whose attribute attr holds target, behind `after`. */
size_t objects_linked(struct db *db, const struct guid *target, unsigned attr,
		      int64_t *after, struct guid *out, size_t n);
/* Any attribute: for clearing references to what is deleted. */
size_t objects_referring(struct db *db, const struct guid *target, struct guid *out, size_t n);
int64_t objects_count_linked(struct db *db, const struct guid *target, unsigned attr);
bool objects_is_linked(struct db *db, const struct guid *target, unsigned attr,
		       const struct guid *object);

/* Every group that who is in, directly or through groups, up to n.  Climbing is
 * cheap: there are fewer groups above somebody than members below one. */
size_t objects_ancestors(struct db *db, const struct guid *who, struct guid *out, size_t n);

/* Changes in the order of their numbers, tombstones included: fn for each object
 * above usn until it returns false.  Snapshot: live objects by GUID, behind
 * `after` (null: from the first). */
typedef bool objects_fn(void *ctx, struct object *o);
enum err objects_since(struct db *db, uint64_t usn, struct arena *a, objects_fn *fn, void *ctx,
		       struct errbuf *eb) A_MUST_USE;
enum err objects_snapshot(struct db *db, const struct guid *after, struct arena *a,
			  objects_fn *fn, void *ctx, struct errbuf *eb) A_MUST_USE;

/* Tombstones older than before_ms go; *floor is raised to the highest number that
 * went: who is below it needs a snapshot. */
enum err objects_purge(struct db *db, int64_t before_ms, uint64_t *floor,
		       struct errbuf *eb) A_MUST_USE;
uint64_t objects_max_usn(struct db *db);

/* ---- facts about the file ------------------------------------------------------- */
enum objects_meta { META_USN, META_INCARNATION, META_FLOOR, META_FILTER, META_ORGANISATION, META_WALK };
int64_t objects_meta_int(struct db *db, enum objects_meta which);	/* 0 if unset */
bool objects_meta_guid(struct db *db, enum objects_meta which, struct guid *out);
enum err objects_set_int(struct db *db, enum objects_meta which, int64_t v,
			 struct errbuf *eb) A_MUST_USE;
enum err objects_set_guid(struct db *db, enum objects_meta which, const struct guid *g,
			  struct errbuf *eb) A_MUST_USE;
#endif
