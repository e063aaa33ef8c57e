#ifndef DIRECTORY_UM_UM_H
#define DIRECTORY_UM_UM_H
/*
 * um - the directory's part in unified messaging
 *
 * Dial plans, IP gateways, hunt groups, policies, auto attendants and what a
 * mailbox has of it: defaults as Exchange 2007 has them, checks, and PINs.
 *
 * A PIN is kept as the sealed Argon2id verifiers of common/auth/password.h, the
 * present one first and as many earlier ones behind it as the policy remembers.
 * Only servers of role um get them.
 */
#include "roles/directory/apply.h"
#include <protobuf-c/protobuf-c.h>

#define UM_PIN_MAX 24		/* digits */

/* ---- objects.c, mailbox.c: called by complete(), check(), pull_along(), may_delete() ---- */
enum err um_complete(struct job *j) A_MUST_USE;
enum err um_check(struct job *j) A_MUST_USE;
enum err um_pull_along(struct job *j) A_MUST_USE;
enum err um_may_delete(struct job *j, const struct object *o) A_MUST_USE;
enum err um_complete_mailbox(struct job *j) A_MUST_USE;
enum err um_check_mailbox(struct job *j) A_MUST_USE;

/* Digits, and nothing else, from min to max of them? */
bool um_is_digits(const char *s, size_t min, size_t max);

/* ---- syntax.c: the small languages of attributes; pure ------------------------------- */
bool um_rule_ok(const char *rule);		/* "intl:900*=900*" */
bool um_key_ok(const char *key);		/* "after:1=extension:1001" */
bool um_schedule_ok(const char *when);		/* "mon-fri 08:00-18:00", "2026-12-25 Christmas" */

/* ---- pin.c ----------------------------------------------------------------------------- */

/* What a policy asks of PINs; filled with Exchange's defaults where it is silent. */
struct um_pin_rules {
	unsigned min_length, history, reset_after, lockout_after;
	int64_t lifetime_ms;
	bool allow_common;
};
enum err um_pin_rules(struct directory *d, const struct object *mailbox, struct arena *a,
		      struct um_pin_rules *out, struct errbuf *eb) A_MUST_USE;

/* Length and patterns; not the history.  INVALID says what is wrong with it. */
enum err um_pin_fits(const struct um_pin_rules *r, const struct object *mailbox,
		     const char *pin, struct errbuf *eb) A_MUST_USE;

/* What happened to a PIN, as part of a change of its mailbox (struct apply). */
enum um_pin_event {
	UM_PIN_NONE,
	UM_PIN_SET,		/* a new one */
	UM_PIN_FAILED,		/* somebody tried a wrong one */
	UM_PIN_RIGHT,		/* the right one: failures are forgotten */
	UM_PIN_UNLOCK,		/* an administrator forgives */
};
/* The job's apply->pin_event, into the object.  INVALID: not a PIN for this policy. */
enum err um_pin_note(struct job *j) A_MUST_USE;

/* ---- rpc.c ------------------------------------------------------------------------------ */
void um_serve_pin(struct rpc_request *rq, const ProtobufCMessage *body);	/* directory.pin */
/* directory.apply of a mailbox with a PIN: hashed on a worker, then applied.  ap lives
 * in rq's arena; pin is copied, and the caller wipes it. */
void um_apply_pin(struct rpc_request *rq, struct apply *ap, const char *pin, bool expired);
/* Of roles/directory/rpc.c. */
void directory_apply_now(struct rpc_request *rq, struct apply *ap);
#endif
