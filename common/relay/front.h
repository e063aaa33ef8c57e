#ifndef RELAY_FRONT_H
#define RELAY_FRONT_H
/*
 * front - SMTP sessions behind a listener
 *
 * Joins connections (common/tls/conn.h) and sessions (common/relay/server.h); the
 * role supplies the policy, whose ctx is a struct front_session.  What the role
 * keeps of a session it hangs on front_session_set().
 *
 * An answer that comes late may find its session gone: the policy's gone() is
 * where the role forgets it.  The session's memory lives until front_close() or
 * until it ends, whichever is first; both are after gone().
 */
#include "common/relay/server.h"
#include "common/tls/conn.h"

struct front;
struct front_session;

struct front_conf {
	uv_loop_t *loop;
	struct net *net;
	const char *const *addrs;		/* to NULL; copied */
	uint16_t default_port;
	struct conn_limits *limits;		/* may be NULL */
	const struct smtp_server_conf *smtp;	/* borrowed */
	const struct smtp_server_policy *policy; /* borrowed */
	void *role;
};

/* Binds, which may need privilege; without addresses *out is NULL.  Before the loop
 * runs, front_ready() says what its sessions use.  tls is for STARTTLS. */
enum err front_open(const struct front_conf *conf, struct front **out,
		    struct errbuf *eb) A_MUST_USE;
void front_ready(struct front *f, struct spool *spool, struct tls_ctx *tls);	/* f may be NULL */
void front_drain(struct front *f);	/* f may be NULL: stop accepting, 421 between transactions */
void front_close(struct front **f);	/* ends its sessions at once; *f may be NULL */
size_t front_sessions(const struct front *f);	/* f may be NULL */
uint16_t front_port(const struct front *f);	/* of the first address; 0 if f is NULL */

void *front_role(const struct front_session *s);
void *front_session_get(const struct front_session *s);
void front_session_set(struct front_session *s, void *data);
struct conn *front_session_conn(const struct front_session *s);
const struct addr *front_session_peer(const struct front_session *s);
struct smtp_server *front_session_smtp(const struct front_session *s);
#endif
