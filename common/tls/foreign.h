#ifndef TLS_FOREIGN_H
#define TLS_FOREIGN_H
/*
 * foreign - our rules for an OpenSSL context that another library made
 *
 * TLS 1.2 and up, our certificate with its chain, and with ca a certificate that the
 * peer must show and that is really verified: libraries have been found to install a
 * callback that accepts anything.
 */
#include "common/base/err.h"

struct ssl_ctx_st;

/* For accepting and for dialling.  ca "": peers are not asked.  NOTFOUND, INVALID. */
enum err tls_foreign_server(struct ssl_ctx_st *ctx, const char *cert, const char *key,
			    const char *ca, struct errbuf *eb) A_MUST_USE;
#endif
