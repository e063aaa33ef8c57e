#ifndef CAS_FRONT_H
#define CAS_FRONT_H
/*
 * front - what a client protocol is to the rest of this role
 *
 * A session owns no socket.  Bytes come by feed() and leave by io.send(), so it
 * runs the same behind TCP, TLS, a unit test and a fuzzer.  Nothing in struct
 * front_io calls back into the session, except that hangup() frees it: that is
 * the last thing a session does.
 */
#include "common/auth/login.h"
#include "common/base/addr.h"
#include "common/base/log.h"
#include "common/tls/conn.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cas;

struct front_io {
	void (*send)(void *ctx, const void *p, size_t n);	/* copies */
	bool (*is_full)(void *ctx);		/* stop producing until drained() */
	void (*pause)(void *ctx, bool on);	/* no feed() while on */
	void (*starttls)(void *ctx);		/* flushes, then shakes hands: secured() */
	void (*set_idle)(void *ctx, int64_t ms);	/* idled() after so long without traffic */
	void (*proof)(void *ctx, struct conn_proof *out);	/* all zero in plain */
	void (*hangup)(void *ctx);		/* flush, close, free the session */
	void *ctx;
};

struct front_peer {
	struct addr addr;
	bool tls;
	struct log_ctx log;			/* "sid=..."; parent of the session's */
};

struct front_protocol {
	const char *name;			/* "imap": logs and metrics */
	/* The greeting is sent at once. */
	void *(*open)(struct cas *cas, const struct front_io *io,
		      const struct front_peer *peer);
	void (*feed)(void *session, const char *p, size_t n);
	void (*drained)(void *session);
	void (*secured)(void *session);
	void (*idled)(void *session);		/* says goodbye and hangs up */
	/* A directory object changed, or (NULL) all may have: hang up if this
	 * session's login is no longer good. */
	void (*recheck)(void *session, const struct guid *who);
	void (*shutdown)(void *session);	/* the daemon stops: goodbye, hang up */
	void (*close)(void **session);		/* free it; the connection is gone */
	const char *busy_text;			/* to who is one too many, plain only */
};
#endif
