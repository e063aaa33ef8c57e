#include "common/tls/foreign.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

static enum err failed(struct errbuf *eb, const char *what, const char *path)
{
	char text[120];

	ERR_error_string_n(ERR_get_error(), text, sizeof(text));
	ERR_clear_error();
	return err_set(eb, ERR_INVALID, "%s %s: %s", what, path, text);
}

enum err tls_foreign_server(struct ssl_ctx_st *ctx, const char *cert, const char *key,
			    const char *ca, struct errbuf *eb)
{
	ERR_clear_error();
	if (!SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION))
		return failed(eb, "TLS", "1.2");
	if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
		return failed(eb, "certificate", cert);
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_check_private_key(ctx) != 1)
		return failed(eb, "key", key);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	if (ca[0] == '\0')
		return ERR_OK;
	if (SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1)
		return failed(eb, "client certificates of", ca);
	SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(ca));
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return ERR_OK;
}
