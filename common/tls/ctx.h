#ifndef TLS_CTX_H
#define TLS_CTX_H
/*
 * tls_ctx - certificates and rules that connections share
 *
 * TLS 1.2 and up.  A server context has one or more certificates; the client's
 * SNI chooses, the first is the default.  Sessions resume by tickets, so the
 * server keeps no state per session; the ticket keys survive a reload and are
 * replaced every 12 hours.
 *
 * A context is shared by its connections, so it is counted: tls_ctx_reload()
 * swaps what new connections get, running ones keep what they began with.
 *
 * All calls on the loop's thread.
 */
#include "common/base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_ctx;

/* Paths of PEM files (a chain, leaf first, and its key), or the PEM text
 * itself, known by its beginning "-----BEGIN". */
struct tls_cert {
	const char *cert, *key;
};

enum tls_client_auth { TLS_CLIENT_NONE, TLS_CLIENT_ASK };

struct tls_server_conf {
	const struct tls_cert *certs;	/* copied */
	size_t n_certs;			/* at least 1 */
	enum tls_client_auth client;	/* ASK: a certificate is taken, not required */
	const char *client_ca;		/* with ASK: PEM file of who vouches for clients; NULL:
					 * nobody, any certificate is as good as another */
	const char *ciphers;		/* TLS 1.2, OpenSSL's words; NULL: ours */
};

enum tls_verify {
	TLS_VERIFY_NONE,	/* opportunistic: encrypt to whoever answers */
	TLS_VERIFY_CA,		/* chain to ca_file and the name must match */
	TLS_VERIFY_PIN,		/* one of the pins must be the server's certificate or key */
};

#define TLS_PIN 32		/* SHA-256 of the certificate's SubjectPublicKeyInfo */

struct tls_client_conf {
	enum tls_verify verify;
	const char *ca_file;		/* NULL: the system's */
	const uint8_t (*pins)[TLS_PIN];	/* copied */
	size_t n_pins;
	struct tls_cert cert;		/* our own, or NULLs */
};

/* NOTFOUND, INVALID (unreadable, key does not fit), DENIED. */
enum err tls_server_new(const struct tls_server_conf *conf, struct tls_ctx **out,
			struct errbuf *eb) A_MUST_USE;
enum err tls_client_new(const struct tls_client_conf *conf, struct tls_ctx **out,
			struct errbuf *eb) A_MUST_USE;
struct tls_ctx *tls_ctx_ref(struct tls_ctx *c);
void tls_ctx_unref(struct tls_ctx **c);		/* *c may be NULL */

/* Read the files again.  On failure the old certificates stay in use. */
enum err tls_ctx_reload(struct tls_ctx *c, struct errbuf *eb) A_MUST_USE;
/* Exchange the certificates for others, e.g. newly come by the directory. */
enum err tls_ctx_set_certs(struct tls_ctx *c, const struct tls_cert *certs, size_t n,
			   struct errbuf *eb) A_MUST_USE;

struct tls_cert_info {
	char subject[256];
	int64_t not_before, not_after;	/* Unix seconds */
	uint8_t pin[TLS_PIN];
	bool self_signed;
};
/* Of certificate i; NOTFOUND past the last.  For warnings before expiry. */
enum err tls_ctx_cert(const struct tls_ctx *c, size_t i, struct tls_cert_info *out) A_MUST_USE;

/* Encryption from the first minute: if cert_file does not exist, make a key
 * (P-256, mode 0600) and a self-signed certificate for names (DNS names or IP
 * addresses, the first is the common name) that is valid for `days`.  Nothing
 * happens when the file exists. */
enum err tls_self_signed(const char *cert_file, const char *key_file,
			 const char *const *names, size_t n_names, unsigned days,
			 struct errbuf *eb) A_MUST_USE;
#endif
