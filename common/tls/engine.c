#include "common/tls/engine.h"

#include "common/base/check.h"
#include "common/tls/ctx_priv.h"
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

struct engine {
	SSL *ssl;
	struct tls_ctx *ctx;
	struct span *in;	/* lent for the time of a call; NULL between calls */
	struct buf *wire;
	bool verified, said_goodbye;
	char *detail;		/* why it failed; NULL: it did not */
};

/* ---- a BIO without buffers -------------------------------------------------------- */

static int bio_read(BIO *b, char *out, int n)
{
	struct engine *en = BIO_get_data(b);
	size_t k = en->in && n > 0 ? en->in->n : 0;

	BIO_clear_retry_flags(b);
	if (k == 0) {
		BIO_set_retry_read(b);
		return -1;
	}
	if (k > (size_t)n)
		k = (size_t)n;
	memcpy(out, en->in->p, k);
	en->in->p += k;
	en->in->n -= k;
	return (int)k;
}

static int bio_write(BIO *b, const char *p, int n)
{
	struct engine *en = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	if (n <= 0)
		return 0;
	/* Without room the peer makes us talk and does not read: that is the end. */
	return buf_add(en->wire, p, (size_t)n) ? -1 : n;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	(void)b;
	(void)num;
	(void)ptr;
	return cmd == BIO_CTRL_FLUSH;
}

BIO_METHOD *engine_bio_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK | 0x7f, "engine");

	CHECK(m != NULL);
	BIO_meth_set_read(m, bio_read);
	BIO_meth_set_write(m, bio_write);
	BIO_meth_set_ctrl(m, bio_ctrl);
	return m;
}

static BIO *bio_new(struct engine *en)
{
	BIO *b = BIO_new(tls_ctx_bio(en->ctx));

	CHECK(b != NULL);
	BIO_set_data(b, en);
	BIO_set_init(b, 1);
	return b;
}

/* ---- life --------------------------------------------------------------------------- */

static void set_name(SSL *ssl, const char *name, bool verify)
{
	uint8_t ip[16];
	bool is_ip = inet_pton(AF_INET, name, ip) == 1 || inet_pton(AF_INET6, name, ip) == 1;

	if (!is_ip)		/* RFC 6066 section 3: no literal addresses in SNI */
		SSL_set_tlsext_host_name(ssl, name);
	if (verify && is_ip)
		X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
	else if (verify)
		SSL_set1_host(ssl, name);
}

struct engine *engine_new(struct tls_ctx *ctx, const char *name, struct buf *wire)
{
	struct engine *en = xcalloc(1, sizeof(*en));
	BIO *b;

	en->ctx = tls_ctx_ref(ctx);
	en->wire = wire;
	en->ssl = SSL_new(tls_ctx_current(ctx));
	CHECK(en->ssl != NULL);
	b = bio_new(en);
	SSL_set_bio(en->ssl, b, b);
	if (tls_ctx_is_server(ctx)) {
		SSL_set_accept_state(en->ssl);
	} else {
		if (name && name[0])
			set_name(en->ssl, name, tls_ctx_verify(ctx) == TLS_VERIFY_CA);
		SSL_set_connect_state(en->ssl);
	}
	return en;
}

void engine_free(struct engine **enp)
{
	struct engine *en = *enp;

	*enp = NULL;
	if (en == NULL)
		return;
	SSL_free(en->ssl);
	tls_ctx_unref(&en->ctx);
	free(en->detail);
	free(en);
}

/* ---- handshake and records ------------------------------------------------------------- */

static enum engine_step fail(struct engine *en, const char *why)
{
	free(en->detail);
	en->detail = xstrdup(why);
	return ENGINE_FAIL;
}

static enum engine_step after(struct engine *en, int r)
{
	char text[120];
	long verify;

	switch (SSL_get_error(en->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		return ENGINE_MORE;
	case SSL_ERROR_ZERO_RETURN:
		return ENGINE_EOF;
	default:
		verify = SSL_get_verify_result(en->ssl);
		if (verify != X509_V_OK && !SSL_is_init_finished(en->ssl) &&
		    tls_ctx_verify(en->ctx) == TLS_VERIFY_CA) {
			ERR_clear_error();
			return fail(en, X509_verify_cert_error_string(verify));
		}
		return fail(en, tls_error_text(text, sizeof(text)));
	}
}

/* After the handshake of a client: is this whom we wanted? */
static bool peer_is_right(struct engine *en)
{
	X509 *peer = SSL_get0_peer_certificate(en->ssl);
	uint8_t pin[TLS_PIN];

	if (tls_ctx_is_server(en->ctx))
		return true;
	switch (tls_ctx_verify(en->ctx)) {
	case TLS_VERIFY_NONE:
		return true;
	case TLS_VERIFY_CA:
		en->verified = SSL_get_verify_result(en->ssl) == X509_V_OK;
		return en->verified;
	case TLS_VERIFY_PIN:
		en->verified = peer && tls_pin_of(peer, pin) && tls_ctx_has_pin(en->ctx, pin);
		return en->verified;
	}
	return false;
}

enum engine_step engine_handshake(struct engine *en, struct span *in)
{
	enum engine_step step = ENGINE_DONE;
	int r;

	en->in = in;
	ERR_clear_error();
	r = SSL_do_handshake(en->ssl);
	if (r != 1)
		step = after(en, r);
	else if (!peer_is_right(en))
		step = fail(en, "the server's certificate is not the pinned one");
	en->in = NULL;
	return step == ENGINE_EOF ? fail(en, "closed in the handshake") : step;
}

enum engine_step engine_read(struct engine *en, struct span *in, char *out, size_t cap, size_t *got)
{
	enum engine_step step = ENGINE_DONE;

	*got = 0;
	en->in = in;
	ERR_clear_error();
	if (SSL_read_ex(en->ssl, out, cap, got) != 1)
		step = after(en, 0);
	en->in = NULL;
	return step;
}

bool engine_write(struct engine *en, const char *p, size_t n)
{
	size_t done;
	char text[120];

	ERR_clear_error();
	if (SSL_write_ex(en->ssl, p, n, &done) == 1 && done == n)
		return true;
	(void)fail(en, tls_error_text(text, sizeof(text)));
	return false;
}

void engine_goodbye(struct engine *en)
{
	if (en->said_goodbye || !engine_is_open(en))
		return;
	en->said_goodbye = true;
	ERR_clear_error();
	SSL_shutdown(en->ssl);
	ERR_clear_error();
}

/* ---- facts -------------------------------------------------------------------------------- */

bool engine_is_open(const struct engine *en)
{
	return en->detail == NULL && SSL_is_init_finished(en->ssl);
}

const char *engine_detail(const struct engine *en)
{
	return en->detail ? en->detail : "";
}

void engine_info(const struct engine *en, struct conn_tls *out)
{
	X509 *peer = SSL_get0_peer_certificate(en->ssl);
	const char *sni = SSL_get_servername(en->ssl, TLSEXT_NAMETYPE_host_name);

	memset(out, 0, sizeof(*out));
	out->version = SSL_get_version(en->ssl);
	out->cipher = SSL_get_cipher_name(en->ssl);
	out->resumed = SSL_session_reused(en->ssl) == 1;
	out->verified = en->verified;
	if (sni && strlen(sni) < sizeof(out->sni))
		strcpy(out->sni, sni);
	if (peer)
		out->has_peer_cert = tls_pin_of(peer, out->peer_pin);
}

bool engine_exporter(const struct engine *en, uint8_t out[32])
{
	static const char label[] = "EXPORTER-Channel-Binding";

	/* RFC 9266 section 3: only TLS 1.3 binds without further conditions. */
	return SSL_version(en->ssl) == TLS1_3_VERSION &&
	       SSL_export_keying_material(en->ssl, out, 32, label, sizeof(label) - 1, NULL, 0, 0) == 1;
}

/* RFC 5929 section 4.1: by the hash of the certificate's own signature, but at least
 * SHA-256.  A signature without one (Ed25519) leaves it undefined. */
static size_t end_point(X509 *cert, uint8_t out[64])
{
	int nid = NID_undef;
	const EVP_MD *md;
	unsigned n = 0;

	if (cert == NULL || X509_get_signature_info(cert, &nid, NULL, NULL, NULL) != 1 ||
	    nid == NID_undef)
		return 0;
	md = nid == NID_md5 || nid == NID_sha1 ? EVP_sha256() : EVP_get_digestbynid(nid);
	if (md == NULL || EVP_MD_get_size(md) > 64 || X509_digest(cert, md, out, &n) != 1)
		return 0;
	return n;
}

/* Addresses without NUL inside (a trick to show one name and mean another). */
static void copy_names(X509 *cert, struct conn_proof *out)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

	for (int i = 0; i < sk_GENERAL_NAME_num(names) && out->n_names < CONN_NAMES; i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
		const char *s;
		int n;

		if (g->type != GEN_EMAIL)
			continue;
		s = (const char *)ASN1_STRING_get0_data(g->d.rfc822Name);
		n = ASN1_STRING_length(g->d.rfc822Name);
		if (n <= 0 || n >= (int)sizeof(out->names[0]) || memchr(s, '\0', (size_t)n))
			continue;
		memcpy(out->names[out->n_names++], s, (size_t)n);
	}
	GENERAL_NAMES_free(names);
}

void engine_proof(const struct engine *en, struct conn_proof *out)
{
	X509 *peer = SSL_get0_peer_certificate(en->ssl);
	unsigned n = 0;

	if (!tls_ctx_is_server(en->ctx))
		return;
	out->has_exporter = engine_exporter(en, out->exporter);
	out->n_end_point = end_point(SSL_get_certificate(en->ssl), out->end_point);
	if (peer && X509_digest(peer, EVP_sha256(), out->fingerprint, &n) == 1) {
		out->has_cert = true;
		out->trusted = tls_ctx_has_client_ca(en->ctx) &&
			       SSL_get_verify_result(en->ssl) == X509_V_OK;
		copy_names(peer, out);
	}
	ERR_clear_error();
}
