#ifndef REPLICA_TICKET_H
#define REPLICA_TICKET_H
/*
 * ticket - the one piece of text that is copied by hand when a server joins
 *
 * A token goes from the directory to a server inside, a subscription from an edge
 * to the directory.  Either names a key, an endpoint, a role and a server, and has
 * a secret that proves its holder.  The text carries a checksum against slips of
 * the hand; blanks and line ends in it do not matter.
 */
#include "common/base/buf.h"
#include "common/replica/identity.h"

enum ticket_kind { TICKET_TOKEN = 1, TICKET_SUBSCRIPTION = 2 };

#define TICKET_TEXT_MAX 2048

struct ticket {
	enum ticket_kind kind;
	unsigned role;			/* of the server that joins */
	char name[64];			/* of the server that joins */
	char endpoint[256];		/* token: the directory's; subscription: the edge's */
	uint8_t key[RPC_KEY];		/* public: token: the directory's; else the edge's */
	uint8_t secret[IDENTITY_SECRET];
	uint8_t feed_key[RPC_KEY];	/* subscription: what its hashes are made with */
	int64_t expires_ms;		/* wall clock of who issued it */
};

enum err ticket_write(const struct ticket *t, struct buf *out) A_MUST_USE;
enum err ticket_parse(const char *text, struct ticket *out, struct errbuf *eb) A_MUST_USE;

/* Names of servers stand in file names, logs and endpoints. */
bool ticket_name_ok(const char *name);
/* tcp://HOST:PORT or ipc:///PATH, of printable ASCII, to be dialled. */
bool ticket_endpoint_ok(const char *endpoint);
#endif
