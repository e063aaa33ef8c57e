#ifndef TLS_CTX_PRIV_H
#define TLS_CTX_PRIV_H
/* ctx_priv - what the engine needs of a context (private to common/tls) */
#include "common/tls/ctx.h"
#include <openssl/ssl.h>

SSL_CTX *tls_ctx_current(const struct tls_ctx *c);
bool tls_ctx_is_server(const struct tls_ctx *c);
bool tls_ctx_has_client_ca(const struct tls_ctx *c);
enum tls_verify tls_ctx_verify(const struct tls_ctx *c);
bool tls_ctx_has_pin(const struct tls_ctx *c, const uint8_t pin[TLS_PIN]);
BIO_METHOD *engine_bio_method(void);	/* how an engine's bytes travel; the context keeps it */
BIO_METHOD *tls_ctx_bio(const struct tls_ctx *c);
bool tls_pin_of(X509 *cert, uint8_t pin[TLS_PIN]);
/* The newest text of OpenSSL's error queue, which is emptied. */
const char *tls_error_text(char *out, size_t cap);
#endif
