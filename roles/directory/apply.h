#ifndef DIRECTORY_APPLY_H
#define DIRECTORY_APPLY_H
/*
 * apply - create, change or delete one object: the only way in for administrators
 *
 * One transaction: the object is found or made, changed, completed (addresses by
 * policy, a database for a new mailbox, defaults), checked against the table and
 * against all others, written with the next number and audited.  What it pulls
 * along (references to a deleted object, the domain that was the default before)
 * is written with it.  A refusal changes nothing, and is audited as well.
 */
#include "roles/directory/directory.h"

enum change_op { CHANGE_SET, CHANGE_ADD, CHANGE_REMOVE, CHANGE_UNSET };

/* A value of a reference is a GUID, or with number 1 a name or an address. */
struct change {
	enum change_op op;
	unsigned attr;
	const struct object_value *values;
};

enum apply_what { APPLY_CREATE, APPLY_MODIFY, APPLY_DELETE, APPLY_DISABLE, APPLY_RECONNECT };

struct apply {
	enum apply_what what;
	unsigned klass;
	const char *name;		/* or an address, or NULL and a guid */
	struct guid guid;
	const struct change *changes;
	size_t n_changes;
	/* A new password's verifiers, or NULL; there need not be the last two. */
	const struct sealed *argon, *scram, *scram_sha1;
	unsigned pin_event;		/* enum um_pin_event, see um/um.h */
	const char *pin_text;		/* UM_PIN_SET: the digits, to be judged */
	const struct sealed *pin;	/* ... and their verifier */
	bool pin_expired;		/* ... to be changed at its first use */
	const char *who;		/* for the audit */
	int64_t now_ms;
	bool check_only;
};

struct notes {
	const char *text[16];
	size_t n;
};

enum err apply_run(struct directory *d, const struct apply *ap, struct arena *a,
		   struct object **out, struct notes *notes, struct errbuf *eb) A_MUST_USE;

/* By GUID, name or, for recipients, address; klass 0: any recipient. */
enum err apply_find(struct directory *d, unsigned klass, const char *name,
		    const struct guid *g, struct arena *a, struct object **out,
		    struct errbuf *eb) A_MUST_USE;

/* ---- the parts, each with its own file; private to apply ------------------------- */

struct job {
	struct directory *d;
	const struct apply *ap;
	struct arena *a;
	struct batch *batch;
	struct object *was;		/* NULL: being created */
	struct object *o;		/* as it will be */
	struct notes *notes;
	struct errbuf *eb;
	struct members *members;	/* of the group in hand: members.c; NULL: not asked for */
};
void job_note(struct job *j, const char *fmt, ...) A_PRINTF(2, 3);

enum err change_apply(struct job *j, const struct change *c) A_MUST_USE;	/* change.c */
enum err complete(struct job *j) A_MUST_USE;		/* complete.c: defaults, policies */
enum err check(struct job *j) A_MUST_USE;		/* check.c */
enum err pull_along(struct job *j) A_MUST_USE;		/* apply.c: other objects */
#endif
