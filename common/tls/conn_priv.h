#ifndef TLS_CONN_PRIV_H
#define TLS_CONN_PRIV_H
/* conn_priv - what conn.c, net.c and listener.c share (private to common/tls) */
#include "common/base/buf.h"
#include "common/base/list.h"
#include "common/tls/conn.h"
#include "common/tls/engine.h"

#define READ_BYTES (64u * 1024)

/* Freed when its own handles, its connections and its listeners are closed. */
struct net {
	uv_loop_t *loop;
	uv_prepare_t flush;		/* runs while something is dirty */
	uv_idle_t busy;			/* keeps the loop from sleeping meanwhile */
	struct list conns;
	struct list dirty;		/* connections with something to do this turn */
	size_t n_conns;
	unsigned refs;
	bool closed;
	char *in;			/* READ_BYTES: what the kernel gave */
	char *plain;			/* READ_BYTES: decrypted */
};

void net_release(struct net *n);

/* A new connection around an initialised, not yet connected tcp handle. */
struct conn *conn_new(struct net *n);
void conn_accepted(struct conn *c, struct tls_ctx *tls, struct conn_limits *limits,
		   const struct addr *source);
/* Options of every connection; a listener's are inherited by what it accepts. */
void conn_tune(uv_tcp_t *tcp);
uv_stream_t *conn_stream(struct conn *c);
void conn_turn(struct conn *c);		/* from the net: do what is to be done */
struct net *conn_net(struct conn *c);
struct list *conn_dirty_node(struct conn *c);
struct conn *conn_of_dirty(struct list *node);
struct conn *conn_of_node(struct list *node);
void conn_mark(struct conn *c);		/* call conn_turn() before the loop sleeps */
void conn_drop(struct conn *c);		/* close without any callback */

/* False: over a limit, nothing counted. */
bool conn_limits_enter(struct conn_limits *l, const struct addr *source);
void conn_limits_leave(struct conn_limits *l, const struct addr *source);
#endif
