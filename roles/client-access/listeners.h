#ifndef CAS_LISTENERS_H
#define CAS_LISTENERS_H
/*
 * listeners - sockets, and the sessions behind their connections
 *
 * Gives each accepted connection a session of its protocol and the session its
 * struct front_io.  All protocols share the limits and the certificate.
 */
#include "common/base/err.h"
#include "common/base/guid.h"
#include "common/tls/conn.h"
#include "roles/client-access/front.h"

struct listeners;

/* Opens every address of cas->conf.  May need privilege for ports below 1024, so it
 * comes before all else, and listeners_ready() when there is what sessions need; the
 * loop runs only after that.  limits are borrowed, and outlive the net's connections. */
enum err listeners_open(struct cas *cas, struct net *net, struct conn_limits *limits,
			struct listeners **out, struct errbuf *eb) A_MUST_USE;
void listeners_ready(struct listeners *l, struct tls_ctx *tls);	/* tls is counted */
/* Closes sockets and cuts all sessions.  *l may be NULL. */
void listeners_close(struct listeners **l);

/* Accept no more and say goodbye to everybody; empty() once all are gone. */
void listeners_drain(struct listeners *l, void (*empty)(void *ctx), void *ctx);
/* Settings were read again. */
void listeners_reload(struct listeners *l);
/* A directory object changed (NULL: maybe all). */
void listeners_recheck(struct listeners *l, const struct guid *who);
size_t listeners_sessions(const struct listeners *l, const char *protocol);
#endif
