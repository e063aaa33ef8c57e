/* The certificate of the first start: see tls_self_signed() in ctx.h. */
#include "common/base/check.h"
#include "common/tls/ctx_priv.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static enum err ssl_error(struct errbuf *eb, const char *what)
{
	char text[120];

	return err_set(eb, ERR_INTERNAL, "%s: %s", what, tls_error_text(text, sizeof(text)));
}

static bool add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX cx;
	X509_EXTENSION *ext;
	bool ok;

	X509V3_set_ctx_nodb(&cx);
	X509V3_set_ctx(&cx, x, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &cx, nid, value);
	ok = ext && X509_add_ext(x, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok;
}

/* Names are ours to check: X509V3 takes a comma as the start of another entry. */
static bool name_is_plain(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n < 254 &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			 "0123456789.-_*:") == n;
}

static char *alt_names(const char *const *names, size_t n)
{
	char *all = xstrdup("");
	uint8_t ip[16];

	for (size_t i = 0; i < n; i++) {
		bool is_ip = inet_pton(AF_INET, names[i], ip) == 1 ||
			     inet_pton(AF_INET6, names[i], ip) == 1;
		char *more = xasprintf("%s%s%s:%s", all, i ? "," : "", is_ip ? "IP" : "DNS",
				       names[i]);

		free(all);
		all = more;
	}
	return all;
}

static bool set_subject(X509 *x, const char *name)
{
	X509_NAME *subject = X509_get_subject_name(x);
	char cn[65];			/* X.520: at most 64 characters */

	snprintf(cn, sizeof(cn), "%s", name);
	return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)cn,
					  -1, -1, 0) == 1 &&
	       X509_set_issuer_name(x, subject) == 1;
}

static bool set_serial(X509 *x)
{
	unsigned char bytes[16];
	BIGNUM *n;
	bool ok;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] &= 0x7f;
	n = BN_bin2bn(bytes, sizeof(bytes), NULL);
	ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
	BN_free(n);
	return ok;
}

static X509 *make_cert(EVP_PKEY *key, const char *const *names, size_t n, unsigned days)
{
	X509 *x = X509_new();
	char *alt = alt_names(names, n);
	/* An hour back: clocks of clients differ. */
	bool ok = x && X509_set_version(x, 2) == 1 && set_serial(x) &&
		  X509_gmtime_adj(X509_getm_notBefore(x), -3600) &&
		  X509_time_adj_ex(X509_getm_notAfter(x), (int)days, 0, NULL) &&
		  X509_set_pubkey(x, key) == 1 && set_subject(x, names[0]) &&
		  add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
		  add_extension(x, NID_key_usage, "critical,digitalSignature") &&
		  add_extension(x, NID_ext_key_usage, "serverAuth,clientAuth") &&
		  add_extension(x, NID_subject_alt_name, alt) &&
		  X509_sign(x, key, EVP_sha256()) > 0;

	free(alt);
	if (ok)
		return x;
	X509_free(x);
	return NULL;
}

/* A file appears whole or not at all, and only for us. */
static enum err write_pem(const char *path, EVP_PKEY *key, X509 *cert, struct errbuf *eb)
{
	char *tmp = xasprintf("%s.new", path);
	enum err e = ERR_OK;
	FILE *f = NULL;
	int fd;

	unlink(tmp);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		f = fdopen(fd, "w");
	if (f == NULL) {
		e = err_errno(eb, errno, tmp);
		goto out;
	}
	if (key ? PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) != 1
		: PEM_write_X509(f, cert) != 1)
		e = ssl_error(eb, tmp);
	else if (fflush(f) || fsync(fd))
		e = err_errno(eb, errno, tmp);
	fclose(f);
	if (e == ERR_OK && rename(tmp, path))
		e = err_errno(eb, errno, path);
	if (e)
		unlink(tmp);
out:
	free(tmp);
	return e;
}

enum err tls_self_signed(const char *cert_file, const char *key_file, const char *const *names,
			 size_t n_names, unsigned days, struct errbuf *eb)
{
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	enum err e;

	if (access(cert_file, F_OK) == 0)
		return ERR_OK;
	if (n_names == 0)
		return err_set(eb, ERR_INVALID, "a certificate needs a name");
	for (size_t i = 0; i < n_names; i++)
		if (!name_is_plain(names[i]))
			return err_set(eb, ERR_INVALID, "not a host name: %.60s", names[i]);
	key = EVP_EC_gen("P-256");
	cert = key ? make_cert(key, names, n_names, days) : NULL;
	if (cert == NULL)
		e = ssl_error(eb, "self-signed certificate");
	else
		e = write_pem(key_file, key, NULL, eb);
	/* The certificate last: its presence says that both are there. */
	if (e == ERR_OK)
		e = write_pem(cert_file, NULL, cert, eb);
	X509_free(cert);
	EVP_PKEY_free(key);
	return e;
}
