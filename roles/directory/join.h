#ifndef DIRECTORY_JOIN_H
#define DIRECTORY_JOIN_H
/*
 * join - servers come in: by token, by subscription; and change their keys
 *
 * A server that joins under a name that is there already replaces the one of that
 * name, if it is of the same role: that is how a host is rebuilt.
 */
#include "roles/directory/directory.h"

/* A token for a server of this role and name, as text in a.  EXISTS: the name
 * stands for a server of another role. */
enum err join_token(struct directory *d, unsigned role, const char *name, const char *who,
		    int64_t now_ms, struct arena *a, const char **text, int64_t *expires_ms,
		    struct errbuf *eb) A_MUST_USE;

struct join {
	const uint8_t *secret;
	size_t secret_len;
	const char *name, *endpoint;	/* endpoint may be "" */
	unsigned role;
	const uint8_t *key;		/* RPC_KEY bytes, proved by the connection */
	char *const *databases;
	size_t n_databases;
};
enum err join_enrol(struct directory *d, const struct join *in, int64_t now_ms,
		    struct guid *server, struct errbuf *eb) A_MUST_USE;

enum err join_subscribe(struct directory *d, const char *text, const char *who, int64_t now_ms,
			struct guid *server, struct errbuf *eb) A_MUST_USE;

/* The next key of a server: known from now on, in front once it has been used.  An
 * edge's comes by join_seen(). */
enum err join_rotate(struct directory *d, const struct guid *server, const uint8_t *new_key,
		     int64_t now_ms, struct errbuf *eb) A_MUST_USE;

/* What a server reported of itself, as far as its object keeps it. */
struct join_report {
	const uint8_t *key;		/* RPC_KEY bytes, that it came with, or that an edge
					 * showed to the hub that reports; NULL: unknown */
	const char *endpoint, *version;
	struct span tls_pin;		/* DIRECTORY_PIN bytes; anything else: keep what is known */
};
enum err join_seen(struct directory *d, const struct guid *server, const struct join_report *in,
		   int64_t now_ms, struct errbuf *eb) A_MUST_USE;
#endif
