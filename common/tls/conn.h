#ifndef TLS_CONN_H
#define TLS_CONN_H
/*
 * conn - a TCP connection on the loop that may be, or become, TLS
 *
 * Sessions own no socket: bytes arrive by on_data, leave by conn_send().  What
 * is sent within a turn of the loop is written together at its end (one record
 * of TLS and one writev, not one per reply line).
 *
 * An idle connection holds no buffers: the read buffer belongs to the net and is
 * shared by all, output is freed when written, OpenSSL gives its buffers back.
 *
 * Back pressure, both ways: look at conn_pending() (or conn_is_full()) after
 * sending and stop producing until on_drain; conn_pause() stops on_data until
 * conn_resume().  A peer that does not read while a careless owner goes on
 * sending is cut off at max_out.
 *
 * Ends: conn_close() and conn_abort() are the owner's; no callback follows.  In
 * every other case on_close is called, once and last; the conn is gone when it
 * returns.  Output queued before is still flushed (up to 10 s) except by
 * conn_abort().  Inside any callback the owner may close or abort.
 *
 * Callbacks come from the loop, never from inside a conn_ function, except that
 * on_close may follow nothing that the owner is inside of either: errors found
 * while sending are reported from the loop.
 *
 * One thread: the loop's.
 */
#include "common/base/addr.h"
#include "common/base/err.h"
#include "common/tls/ctx.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct net;			/* what the connections of one loop share */
struct conn;
struct conn_limits;
struct listener;

struct net *net_open(uv_loop_t *loop);
void net_close(struct net **n);		/* after its listeners; aborts connections silently */
size_t net_conns(const struct net *n);	/* open connections, closing ones too */

enum conn_end {
	CONN_EOF,		/* the peer finished */
	CONN_RESET,		/* network error; connect failed */
	CONN_TLS,		/* handshake or record layer failed, or not trusted */
	CONN_TIMEOUT,		/* connect, handshake or idle time over */
	CONN_OVERRUN,		/* pending output above max_out */
};
const char *conn_end_text(enum conn_end end);	/* "eof" ... for logs */

/* All but on_data and on_close may be NULL. */
struct conn_events {
	/* Connected; with TLS from the first byte, after its handshake; and again
	 * after the handshake that conn_starttls() began. */
	void (*on_ready)(void *ctx);
	void (*on_data)(void *ctx, const char *p, size_t n);	/* takes all of it */
	void (*on_drain)(void *ctx);	/* pending fell below low water after being full */
	/* Nothing came or went for the idle time (started anew).  NULL: the
	 * connection ends with CONN_TIMEOUT. */
	void (*on_idle)(void *ctx);
	void (*on_close)(void *ctx, enum conn_end end, const char *detail);
};

/* ---- servers ------------------------------------------------------------- */

/* Limits that several listeners may share.  0: none. */
struct conn_limits *conn_limits_new(size_t total, size_t per_source);
void conn_limits_set(struct conn_limits *l, size_t total, size_t per_source); /* new ones only */
size_t conn_limits_total(const struct conn_limits *l);
void conn_limits_free(struct conn_limits **l);	/* after its connections */

struct listener_conf {
	const char *const *addrs;	/* to NULL: addr_parse() forms; copied */
	uint16_t default_port;
	int backlog;			/* 0: 1,024 */
	struct tls_ctx *tls;		/* TLS from the first byte; NULL: plain.  Counted */
	struct conn_limits *limits;	/* borrowed, may be NULL */
	const char *busy_text;		/* plain connections over a limit are told this; may
					 * be NULL; borrowed */
	/* Call conn_attach() before returning, or conn_abort(). */
	void (*on_accept)(void *ctx, struct conn *c);
	void *ctx;
};
/* All addresses or none.  DENIED: no right to the port; EXISTS: in use. */
enum err listener_open(struct net *n, const struct listener_conf *conf, struct listener **out,
		       struct errbuf *eb) A_MUST_USE;
/* What it takes from now on speaks TLS from the first byte: for a daemon that binds as
 * root and reads its certificate as who it becomes.  Counted. */
void listener_set_tls(struct listener *l, struct tls_ctx *tls);
/* Stops accepting; accepted connections live on.  *l may be NULL. */
void listener_close(struct listener **l);
/* The port of address i, for tests that listen on port 0. */
uint16_t listener_port(const struct listener *l, size_t i);
uint64_t listener_refused(const struct listener *l);	/* over a limit, so far */

/* events is borrowed for good (a const table), ctx until the end. */
void conn_attach(struct conn *c, const struct conn_events *events, void *ctx);

/* ---- clients ------------------------------------------------------------- */

struct conn_dial {
	struct addr to;
	struct addr from;		/* family 0: any */
	struct tls_ctx *tls;		/* TLS from the first byte; NULL: plain, or starttls later */
	const char *name;		/* server's name, for SNI and verification; copied */
	unsigned timeout_ms;		/* connect and handshake; 0: 30,000 */
};
/* Never fails at once: on_ready or on_close follows. */
struct conn *conn_dial(struct net *n, const struct conn_dial *d,
		       const struct conn_events *events, void *ctx);

/* ---- both ---------------------------------------------------------------- */

void conn_send(struct conn *c, const void *p, size_t n);	/* copies */
size_t conn_pending(const struct conn *c);	/* bytes sent by us, not yet taken by the kernel */
bool conn_is_full(const struct conn *c);	/* pending is above high water */
/* high: full, low: on_drain, max: cut off.  Default 256 KiB, 64 KiB, 8 MiB. */
void conn_set_water(struct conn *c, size_t low, size_t high, size_t max);

void conn_pause(struct conn *c);		/* no on_data after this, also not for held bytes */
void conn_resume(struct conn *c);		/* on_data again from the next turn */

/* Plain so far: send what is queued, then shake hands (server or client as the
 * context is; name as in conn_dial).  Plain bytes that came already and were not
 * handed over are dropped; the session drops its own, so nothing said in plain is
 * obeyed under TLS (RFC 3207 section 4.2, CVE-2011-0411).  on_data is silent until
 * on_ready.  The handshake has 30 s. */
void conn_starttls(struct conn *c, struct tls_ctx *tls, const char *name);

void conn_set_idle(struct conn *c, int64_t ms);	/* 0: never.  Coarse: up to a second late */
void conn_close(struct conn **c);		/* flush, then close.  *c may be NULL */
void conn_abort(struct conn **c);		/* at once */

const struct addr *conn_peer(const struct conn *c);
const struct addr *conn_local(const struct conn *c);
bool conn_is_tls(const struct conn *c);		/* handshake done */

struct conn_tls {
	const char *version, *cipher;	/* "TLSv1.3", ...; static text */
	bool resumed;
	bool verified;			/* clients: chain and name, or a pin, held */
	char sni[256];			/* servers: what was asked for */
	bool has_peer_cert;
	uint8_t peer_pin[TLS_PIN];
};
void conn_tls(const struct conn *c, struct conn_tls *out);	/* zeroed if plain */
/* tls-exporter channel binding, RFC 9266; false if plain. */
bool conn_exporter(const struct conn *c, uint8_t out[32]);

#define CONN_NAMES 4			/* addresses of one certificate */

/* What a login over this connection may be bound to, or proved by. */
struct conn_proof {
	bool has_exporter;
	uint8_t exporter[32];		/* RFC 9266 */
	size_t n_end_point;		/* tls-server-end-point, RFC 5929 section 4; 0: none */
	uint8_t end_point[64];
	bool has_cert;			/* the client has shown a certificate, and its key */
	bool trusted;			/* by the context's client_ca, and in its time */
	uint8_t fingerprint[32];	/* SHA-256 of the certificate */
	size_t n_names;
	char names[CONN_NAMES][256];	/* rfc822Names of its subjectAltName */
};
/* All zero if plain, or if c is a client. */
void conn_proof(const struct conn *c, struct conn_proof *out);

uint64_t conn_bytes_in(const struct conn *c);	/* as the session sees them */
uint64_t conn_bytes_out(const struct conn *c);
#endif
