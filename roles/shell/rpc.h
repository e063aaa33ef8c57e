#ifndef SHELL_RPC_H
#define SHELL_RPC_H
/*
 * rpc - what the shell asks, in its own words; every function waits
 *
 * Objects and texts handed out live in sh->arena.  On failure sh->eb says why, for
 * people.  `server` names a server object; its call goes through the directory, and
 * for an edge through a hub.
 */
#include "roles/shell/shell.h"

/* ---- the directory -------------------------------------------------------------- */

/* klass 0: any recipient.  name: name, address or GUID. */
enum err ask_get(struct shell *sh, unsigned klass, const char *name, struct object **out) A_MUST_USE;
enum err ask_get_guid(struct shell *sh, const struct guid *g, struct object **out) A_MUST_USE;
/* All objects of a class in order of name, in pages; match: part of a name, or NULL. */
enum err ask_list(struct shell *sh, unsigned klass, const char *match,
		  enum err (*each)(struct shell *sh, struct object *o, void *ctx),
		  void *ctx) A_MUST_USE;

enum change_op { CHANGE_SET, CHANGE_ADD, CHANGE_REMOVE, CHANGE_UNSET };
struct change {
	struct change *next;
	enum change_op op;
	unsigned attr;
	struct object_value *values;
};
/* The numbers are those of directory.proto. */
enum apply_what { APPLY_CREATE, APPLY_MODIFY, APPLY_DELETE, APPLY_DISABLE, APPLY_RECONNECT,
		  APPLY_POLICIES };
struct apply {
	enum apply_what what;
	unsigned klass;
	const char *name;
	struct change *changes;
	const char *password, *imported_hash;	/* NULL: none */
	const char *pin;			/* of a mailbox with unified messaging, or NULL */
	bool pin_expired, pin_unlock;
};
/* The directory's remarks are printed to stderr; out may be NULL. */
enum err ask_apply(struct shell *sh, const struct apply *a, struct object **out) A_MUST_USE;
/* Without waiting: see link_start(); then ask_wait(). */
enum err ask_apply_start(struct shell *sh, const struct apply *a,
			 void (*done)(void *ctx, enum err e, const char *detail),
			 void *ctx) A_MUST_USE;
void ask_wait(struct shell *sh);

enum err ask_token(struct shell *sh, unsigned role, const char *name, const char **token,
		   int64_t *expires_ms) A_MUST_USE;
enum err ask_subscribe(struct shell *sh, const char *subscription) A_MUST_USE;
enum err ask_audit(struct shell *sh, unsigned limit) A_MUST_USE;	/* fills sh->table */

/* Any method of a server, in the caller's own messages: rep is what *out is unpacked
 * by, into sh->arena; NULL: no answer is wanted. */
enum err ask_forward(struct shell *sh, const char *server, const char *method,
		     const ProtobufCMessage *req, const ProtobufCMessageDescriptor *rep,
		     unsigned timeout_ms, const ProtobufCMessage **out) A_MUST_USE;

/* ---- servers --------------------------------------------------------------------- */

struct member_line {
	const char *name, *role, *version, *endpoint;
	unsigned role_bit;
	bool up;
	uint64_t usn;
	int64_t seen_ms, started_ms;
};
struct members {
	struct member_line *m;
	size_t n;
	uint64_t usn;
	const char *organisation;
};
enum err ask_members(struct shell *sh, struct members *out) A_MUST_USE;

struct fact {
	struct fact *next;
	const char *key, *value;
};
struct status {
	int64_t started_ms;
	unsigned pid;
	uint64_t usn, rss_bytes;
	const char *version;
	const char *links_down;		/* names of servers it cannot reach, or "" */
	unsigned links_up, links_all;
	struct fact *facts;
};
/* server NULL: the directory itself. */
enum err ask_status(struct shell *sh, const char *server, struct status *out) A_MUST_USE;
enum err ask_stats(struct shell *sh, const char *server, const char *role,
		   void (*each)(void *ctx, const char *name, const char *labels,
				const char *help, double value, bool counter),
		   void *ctx) A_MUST_USE;
/* A new key pair for a server, used from its next start on. */
enum err ask_rotate(struct shell *sh, const char *server) A_MUST_USE;
enum err ask_log_level(struct shell *sh, const char *server, const char *level,
		       const char **now) A_MUST_USE;

/* ---- mailbox servers; rows go to sh->table ------------------------------------------ */

enum err ask_databases(struct shell *sh, const char *server, struct table *t) A_MUST_USE;
enum err ask_catalogues(struct shell *sh, const char *server, struct table *t) A_MUST_USE;
enum err ask_reindex(struct shell *sh, const char *server,
		     const struct guid *database) A_MUST_USE;
enum err ask_check(struct shell *sh, const char *server, const struct guid *database, bool fix,
		   struct table *t, unsigned *findings) A_MUST_USE;
enum err ask_mailbox_stat(struct shell *sh, const char *server, const struct guid *mailbox,
			  struct table *t) A_MUST_USE;
enum err ask_folders(struct shell *sh, const char *server, const struct guid *mailbox,
		     struct table *t) A_MUST_USE;
enum err ask_messages(struct shell *sh, const char *server, const struct guid *mailbox,
		      const char *path, unsigned limit, const char *want_message_id,
		      bool *found, struct table *t) A_MUST_USE;
/* The bytes of one message (uid 0: the newest), to a stream. */
enum err ask_content(struct shell *sh, const char *server, const struct guid *mailbox,
		     const char *path, unsigned uid, FILE *to) A_MUST_USE;
enum err ask_dumpster(struct shell *sh, const char *server, const struct guid *mailbox,
		      unsigned limit, struct table *t) A_MUST_USE;
enum err ask_restore(struct shell *sh, const char *server, const struct guid *mailbox,
		     const uint64_t *mids, size_t n, unsigned *restored) A_MUST_USE;
enum err ask_reconnect(struct shell *sh, const char *server, const struct guid *mailbox,
		       const struct guid *as) A_MUST_USE;

/* ---- hubs and edges ------------------------------------------------------------------ */

enum err ask_queues(struct shell *sh, const char *server, struct table *t) A_MUST_USE;
enum err ask_queue_messages(struct shell *sh, const char *server, int64_t hop, unsigned limit,
			    struct table *t) A_MUST_USE;
enum err ask_queue_order(struct shell *sh, const char *server, const char *order, int64_t hop,
			 int64_t row) A_MUST_USE;
struct track {
	const char *message_id, *recipient, *sender;	/* NULL or "": any */
	unsigned limit;
};
struct track_line {
	struct track_line *next;
	int64_t at_ms;
	const char *event, *id, *message_id, *sender, *recipient, *detail, *server;
	uint64_t size;
};
enum err ask_track(struct shell *sh, const char *server, const struct track *t,
		   struct track_line **out) A_MUST_USE;
#endif
