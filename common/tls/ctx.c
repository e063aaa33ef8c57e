#include "common/tls/ctx.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/tls/ctx_priv.h"
#include "common/tls/ticket.h"
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Forward secrecy and AEAD only.  TLS 1.3 has nothing else. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"
#define GROUPS	"X25519:P-256:P-384"
#define SESSION_SECONDS 7200

/* One certificate in use.  The first one's SSL_CTX is what connections begin
 * with; SNI may move them to another. */
struct chain {
	SSL_CTX *ssl;
	X509 *leaf;		/* borrowed from ssl; NULL: a client without certificate */
};

struct tls_ctx {
	unsigned refs;
	bool server;
	enum tls_client_auth client;
	char *ciphers, *ca_file;	/* ca_file: servers' of clients, clients' of servers */
	enum tls_verify verify;
	uint8_t (*pins)[TLS_PIN];
	size_t n_pins;
	struct tls_cert *certs;	/* as configured, for reloading; strings are ours */
	struct chain *chains;
	size_t n;
	struct tickets tickets;
	BIO_METHOD *bio;
};

const char *tls_error_text(char *out, size_t cap)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = e ? ERR_reason_error_string(e) : NULL;

	if (reason)
		snprintf(out, cap, "%s", reason);
	else if (e)
		ERR_error_string_n(e, out, cap);
	else
		snprintf(out, cap, "unknown TLS error");
	ERR_clear_error();
	return out;
}

static enum err tls_fail(struct errbuf *eb, enum err e, const char *what)
{
	char text[120];

	return err_set(eb, e, "%s: %s", what, tls_error_text(text, sizeof(text)));
}

/* ---- reading certificates ------------------------------------------------------ */

static bool is_pem(const char *s)
{
	return strncmp(s, "-----BEGIN", 10) == 0;
}

static const char *where(const char *s)
{
	return is_pem(s) ? "certificate" : s;
}

static BIO *open_pem(const char *s, struct errbuf *eb, enum err *e)
{
	BIO *b;

	if (is_pem(s))
		return BIO_new_mem_buf(s, -1);
	*e = ERR_OK;
	if (access(s, R_OK))
		*e = err_errno(eb, errno, s);
	b = *e ? NULL : BIO_new_file(s, "r");
	if (b == NULL && *e == ERR_OK)
		*e = tls_fail(eb, ERR_INVALID, s);
	return b;
}

static enum err use_chain(SSL_CTX *ssl, const char *cert, struct errbuf *eb)
{
	enum err e = ERR_OK;
	BIO *b = open_pem(cert, eb, &e);
	X509 *x;

	if (b == NULL)
		return e;
	x = PEM_read_bio_X509_AUX(b, NULL, NULL, NULL);
	if (x == NULL || SSL_CTX_use_certificate(ssl, x) != 1)
		e = tls_fail(eb, ERR_INVALID, where(cert));
	X509_free(x);
	while (e == ERR_OK && (x = PEM_read_bio_X509(b, NULL, NULL, NULL)) != NULL)
		if (SSL_CTX_add0_chain_cert(ssl, x) != 1) {
			X509_free(x);
			e = tls_fail(eb, ERR_INVALID, where(cert));
		}
	ERR_clear_error();		/* the end of the file counts as an error */
	BIO_free(b);
	return e;
}

static enum err use_key(SSL_CTX *ssl, const char *key, struct errbuf *eb)
{
	enum err e = ERR_OK;
	BIO *b = open_pem(key, eb, &e);
	EVP_PKEY *k;

	if (b == NULL)
		return e;
	/* An empty pass phrase: an encrypted key fails instead of asking the terminal. */
	k = PEM_read_bio_PrivateKey(b, NULL, NULL, (void *)"");
	if (k == NULL || SSL_CTX_use_PrivateKey(ssl, k) != 1 ||
	    SSL_CTX_check_private_key(ssl) != 1)
		e = tls_fail(eb, ERR_INVALID, is_pem(key) ? "private key" : key);
	EVP_PKEY_free(k);
	BIO_free(b);
	return e;
}

/* ---- contexts of OpenSSL ----------------------------------------------------------- */

static int on_server_name(SSL *ssl, int *alert, void *arg)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	struct tls_ctx *c = arg;

	(void)alert;
	for (size_t i = 0; name && i < c->n; i++)
		if (X509_check_host(c->chains[i].leaf, name, 0, 0, NULL) == 1) {
			if (i > 0)
				SSL_set_SSL_CTX(ssl, c->chains[i].ssl);
			return SSL_TLSEXT_ERR_OK;
		}
	return SSL_TLSEXT_ERR_OK;	/* no match: the first one, as if none was asked for */
}

/* A client's certificate is taken as it is: who it stands for is decided by its pin,
 * or by the result, which stays that of the last fault. */
static int accept_any(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1;
}

static enum err set_common(struct tls_ctx *c, SSL_CTX *ssl, struct errbuf *eb)
{
	SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
	SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
	SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE |
					 SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set1_groups_list(ssl, GROUPS);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_timeout(ssl, SESSION_SECONDS);
	return SSL_CTX_set_cipher_list(ssl, c->ciphers ? c->ciphers : CIPHERS) == 1
		       ? ERR_OK
		       : tls_fail(eb, ERR_INVALID, "ciphers");
}

static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
		     EVP_MAC_CTX *mac, int sealing)
{
	struct tls_ctx *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	return sealing ? tickets_seal(&c->tickets, clock_mono_ms(), name, iv, cipher, mac)
		       : tickets_open(&c->tickets, clock_mono_ms(), name, iv, cipher, mac);
}

static enum err set_client_ca(struct tls_ctx *c, SSL_CTX *ssl, struct errbuf *eb)
{
	STACK_OF(X509_NAME) *names;

	if (c->ca_file == NULL)
		return ERR_OK;
	if (access(c->ca_file, R_OK))
		return err_errno(eb, errno, c->ca_file);
	names = SSL_load_client_CA_file(c->ca_file);
	if (names == NULL || SSL_CTX_load_verify_file(ssl, c->ca_file) != 1) {
		sk_X509_NAME_pop_free(names, X509_NAME_free);
		return tls_fail(eb, ERR_INVALID, c->ca_file);
	}
	SSL_CTX_set_client_CA_list(ssl, names);	/* so that clients know which to show */
	return ERR_OK;
}

static enum err set_server(struct tls_ctx *c, SSL_CTX *ssl, struct errbuf *eb)
{
	static const unsigned char id[] = "bourse";

	SSL_CTX_set_session_id_context(ssl, id, sizeof(id) - 1);
	SSL_CTX_set_num_tickets(ssl, 1);
	SSL_CTX_set_app_data(ssl, c);	/* engines hold c, so it outlives their handshakes */
	SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, on_ticket);
	SSL_CTX_set_tlsext_servername_callback(ssl, on_server_name);
	SSL_CTX_set_tlsext_servername_arg(ssl, c);
	if (c->client != TLS_CLIENT_ASK)
		return ERR_OK;
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, accept_any);
	return set_client_ca(c, ssl, eb);
}

static enum err set_client(struct tls_ctx *c, SSL_CTX *ssl, struct errbuf *eb)
{
	if (c->verify != TLS_VERIFY_CA) {
		SSL_CTX_set_verify(ssl, SSL_VERIFY_NONE, NULL);
		return ERR_OK;
	}
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	if (c->ca_file == NULL)
		return SSL_CTX_set_default_verify_paths(ssl) == 1
			       ? ERR_OK
			       : tls_fail(eb, ERR_NOTFOUND, "system certificates");
	if (access(c->ca_file, R_OK))
		return err_errno(eb, errno, c->ca_file);
	return SSL_CTX_load_verify_file(ssl, c->ca_file) == 1
		       ? ERR_OK
		       : tls_fail(eb, ERR_INVALID, c->ca_file);
}

static enum err chain_open(struct tls_ctx *c, const struct tls_cert *cert, struct chain *out,
			   struct errbuf *eb)
{
	SSL_CTX *ssl = SSL_CTX_new(c->server ? TLS_server_method() : TLS_client_method());
	enum err e;

	CHECK(ssl != NULL);
	e = set_common(c, ssl, eb);
	if (e == ERR_OK && c->server)
		e = set_server(c, ssl, eb);
	else if (e == ERR_OK)
		e = set_client(c, ssl, eb);
	if (e == ERR_OK && cert->cert)
		e = use_chain(ssl, cert->cert, eb);
	if (e == ERR_OK && cert->cert)
		e = use_key(ssl, cert->key ? cert->key : cert->cert, eb);
	if (e) {
		SSL_CTX_free(ssl);
		return e;
	}
	*out = (struct chain){ ssl, SSL_CTX_get0_certificate(ssl) };
	return ERR_OK;
}

static void chains_free(struct chain *chains, size_t n)
{
	for (size_t i = 0; i < n; i++)
		SSL_CTX_free(chains[i].ssl);
	free(chains);
}

/* Build all anew, then swap: connections that run hold their SSL_CTX. */
static enum err open_all(struct tls_ctx *c, const struct tls_cert *certs, size_t n,
			 struct errbuf *eb)
{
	struct chain *fresh = xcalloc(n, sizeof(*fresh));
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < n; i++)
		e = chain_open(c, &certs[i], &fresh[i], eb);
	if (e) {
		chains_free(fresh, n);
		return e;
	}
	chains_free(c->chains, c->n);
	c->chains = fresh;
	c->n = n;
	return ERR_OK;
}

/* ---- the context ---------------------------------------------------------------------- */

static struct tls_cert *certs_copy(const struct tls_cert *certs, size_t n)
{
	struct tls_cert *copy = xcalloc(n, sizeof(*copy));

	for (size_t i = 0; i < n; i++) {
		copy[i].cert = certs[i].cert ? xstrdup(certs[i].cert) : NULL;
		copy[i].key = certs[i].key ? xstrdup(certs[i].key) : NULL;
	}
	return copy;
}

static void certs_free(struct tls_cert *certs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free((char *)certs[i].cert);
		if (certs[i].key)
			OPENSSL_cleanse((char *)certs[i].key, strlen(certs[i].key));
		free((char *)certs[i].key);
	}
	free(certs);
}

enum err tls_server_new(const struct tls_server_conf *conf, struct tls_ctx **out, struct errbuf *eb)
{
	struct tls_ctx *c = xcalloc(1, sizeof(*c));
	enum err e;

	CHECK(conf->n_certs > 0);
	tickets_init(&c->tickets, clock_mono_ms());
	c->refs = 1;
	c->bio = engine_bio_method();
	c->server = true;
	c->client = conf->client;
	c->ciphers = conf->ciphers ? xstrdup(conf->ciphers) : NULL;
	c->ca_file = conf->client_ca ? xstrdup(conf->client_ca) : NULL;
	e = tls_ctx_set_certs(c, conf->certs, conf->n_certs, eb);
	if (e)
		tls_ctx_unref(&c);
	*out = c;
	return e;
}

enum err tls_client_new(const struct tls_client_conf *conf, struct tls_ctx **out, struct errbuf *eb)
{
	struct tls_ctx *c = xcalloc(1, sizeof(*c));
	enum err e;

	c->refs = 1;
	c->bio = engine_bio_method();
	c->verify = conf->verify;
	c->ca_file = conf->ca_file ? xstrdup(conf->ca_file) : NULL;
	c->n_pins = conf->n_pins;
	c->pins = xmemdup(conf->pins, conf->n_pins * TLS_PIN);
	e = tls_ctx_set_certs(c, &conf->cert, 1, eb);
	if (e)
		tls_ctx_unref(&c);
	*out = c;
	return e;
}

struct tls_ctx *tls_ctx_ref(struct tls_ctx *c)
{
	c->refs++;
	return c;
}

void tls_ctx_unref(struct tls_ctx **cp)
{
	struct tls_ctx *c = *cp;

	*cp = NULL;
	if (c == NULL || --c->refs > 0)
		return;
	certs_free(c->certs, c->n);
	chains_free(c->chains, c->n);
	BIO_meth_free(c->bio);
	tickets_fini(&c->tickets);
	free(c->ciphers);
	free(c->ca_file);
	free(c->pins);
	free(c);
}

enum err tls_ctx_reload(struct tls_ctx *c, struct errbuf *eb)
{
	return open_all(c, c->certs, c->n, eb);
}

enum err tls_ctx_set_certs(struct tls_ctx *c, const struct tls_cert *certs, size_t n,
			   struct errbuf *eb)
{
	size_t had = c->n;
	enum err e;

	CHECK(n > 0);
	e = open_all(c, certs, n, eb);
	if (e)
		return e;
	certs_free(c->certs, had);
	c->certs = certs_copy(certs, n);
	return ERR_OK;
}

SSL_CTX *tls_ctx_current(const struct tls_ctx *c)
{
	return c->chains[0].ssl;
}

BIO_METHOD *tls_ctx_bio(const struct tls_ctx *c)
{
	return c->bio;
}

bool tls_ctx_is_server(const struct tls_ctx *c)
{
	return c->server;
}

bool tls_ctx_has_client_ca(const struct tls_ctx *c)
{
	return c->server && c->ca_file;
}

enum tls_verify tls_ctx_verify(const struct tls_ctx *c)
{
	return c->verify;
}

bool tls_ctx_has_pin(const struct tls_ctx *c, const uint8_t pin[TLS_PIN])
{
	for (size_t i = 0; i < c->n_pins; i++)
		if (CRYPTO_memcmp(c->pins[i], pin, TLS_PIN) == 0)
			return true;
	return false;
}

/* ---- what a certificate says ------------------------------------------------------------- */

bool tls_pin_of(X509 *cert, uint8_t pin[TLS_PIN])
{
	unsigned char *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
	bool ok = n > 0 && EVP_Digest(der, (size_t)n, pin, NULL, EVP_sha256(), NULL) == 1;

	OPENSSL_free(der);
	return ok;
}

static int64_t unix_seconds(const ASN1_TIME *t)
{
	struct tm tm;

	return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

enum err tls_ctx_cert(const struct tls_ctx *c, size_t i, struct tls_cert_info *out)
{
	X509 *x;

	memset(out, 0, sizeof(*out));
	if (i >= c->n || c->chains[i].leaf == NULL)
		return ERR_NOTFOUND;
	x = c->chains[i].leaf;
	X509_NAME_oneline(X509_get_subject_name(x), out->subject, (int)sizeof(out->subject));
	out->not_before = unix_seconds(X509_get0_notBefore(x));
	out->not_after = unix_seconds(X509_get0_notAfter(x));
	out->self_signed = X509_self_signed(x, 0) == 1;
	ERR_clear_error();
	return tls_pin_of(x, out->pin) ? ERR_OK : ERR_INTERNAL;
}
