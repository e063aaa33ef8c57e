#ifndef AUTH_SASL_H
#define AUTH_SASL_H
/*
 * sasl - authentication exchanges, for every protocol that has AUTH
 *
 * Server:
 *	SCRAM-SHA-256, SCRAM-SHA-1 and their -PLUS (RFC 5802, 7677), bound by
 *		tls-exporter (RFC 9266) or tls-server-end-point (RFC 5929)
 *	EXTERNAL (RFC 4422 appendix A): a TLS client certificate
 *	OAUTHBEARER (RFC 7628), XOAUTH2: a token of an issuer we believe
 *	PLAIN (RFC 4616), LOGIN
 *
 * One struct sasl per exchange.  It takes the client's lines as they stand on the wire
 * (base64, "*" to give up, "=" for an empty initial response) and answers with lines to
 * send, so IMAP, POP3 and SMTP differ only in their "+ " or "334 ".
 *
 *	s->sasl = sasl_start(login, loop, &conf, "PLAIN", initial, auth_step, s);
 *	...
 *	static void auth_step(void *ctx, enum err e, const char *challenge,
 *			      const struct login_result *r)
 *		e == ERR_OK and challenge:  send it, wait for a line: sasl_line()
 *		e == ERR_OK, no challenge:  r is who logged in
 *		else                        failed; DENIED LIMIT AGAIN as login.h,
 *					    INVALID: the client broke the exchange,
 *					    NOTFOUND: no such mechanism
 *	After the last two the struct sasl is gone.
 *
 * What shows a password or a token as it is (PLAIN, LOGIN, the OAuth ones) is offered
 * only where `tls` is true, SCRAM anywhere; SCRAM-SHA-1 only if the organisation says
 * so, the OAuth ones only if it knows an issuer, EXTERNAL only to who has shown a
 * certificate.  An authorization identity other than the user's own is DENIED.
 *
 * A certificate stands for a user if its fingerprint is one of the user's (then the
 * client has to say who it is), or if the configured CA vouches for it and an e-mail
 * address in it is the user's.
 */
#include "common/auth/login.h"
#include "common/base/buf.h"
#include "common/tls/conn.h"
#include <stdbool.h>
#include <stdint.h>

#define SASL_LINE_MAX  12288	/* a client's line, RFC 4954 section 4 */
#define SASL_NAMES_MAX 160

struct sasl;

struct sasl_conf {
	struct addr source;
	enum login_protocol protocol;
	bool tls;
	bool allow_plain;		/* PLAIN and LOGIN even without TLS */
	const struct conn_proof *proof;	/* of the connection, copied; NULL: in plain */
	int64_t now_ms;			/* monotonic */
	int64_t wall_ms;		/* for the times in tokens; 0: the clock's */
};

/* Mechanisms to offer, blank-separated, best first: "SCRAM-SHA-256-PLUS
 * SCRAM-SHA-256 PLAIN LOGIN".  Returns out. */
const char *sasl_mechanisms(struct login *l, const struct sasl_conf *conf,
			    char out[SASL_NAMES_MAX]);

typedef void sasl_cb(void *ctx, enum err e, const char *challenge,
		     const struct login_result *r);

/* initial: the initial response as on the wire, or NULL.  cb is called once per
 * line, from the loop, never from inside sasl_start() or sasl_line(). */
struct sasl *sasl_start(struct login *l, uv_loop_t *loop, const struct sasl_conf *conf,
			const char *mechanism, const char *initial, sasl_cb *cb, void *ctx);
void sasl_line(struct sasl *s, const char *line, size_t n);	/* without CRLF */
void sasl_cancel(struct sasl **s);		/* no callback after it; *s may be NULL */

/* ---- client side, for outbound SMTP -------------------------------------- */

enum sasl_client_mech { SASL_CLIENT_PLAIN, SASL_CLIENT_LOGIN };
/* The better of the two in a server's list ("AUTH" line's words); NOTFOUND. */
enum err sasl_client_choose(const char *offered, enum sasl_client_mech *out) A_MUST_USE;
const char *sasl_client_name(enum sasl_client_mech m);
/* The line to send at `step` (0: the initial response, which LOGIN has not: it is
 * empty) in base64 without CRLF; INVALID past the last step. */
enum err sasl_client_line(enum sasl_client_mech m, unsigned step, const char *user,
			  const char *password, struct buf *out) A_MUST_USE;
#endif
