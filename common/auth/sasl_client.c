/* The client's side of PLAIN and LOGIN: see the end of sasl.h. */
#include "common/auth/sasl.h"

#include "common/base/check.h"
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const names[] = {
	[SASL_CLIENT_PLAIN] = "PLAIN",
	[SASL_CLIENT_LOGIN] = "LOGIN",
};

const char *sasl_client_name(enum sasl_client_mech m)
{
	return names[m];
}

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; *p;) {
		size_t len = strcspn(p, " ");

		if (len == n && strncasecmp(p, word, n) == 0)
			return true;
		p += len;
		p += strspn(p, " ");
	}
	return false;
}

enum err sasl_client_choose(const char *offered, enum sasl_client_mech *out)
{
	for (size_t i = 0; i < N_ELEMS(names); i++)
		if (has_word(offered, names[i])) {
			*out = (enum sasl_client_mech)i;
			return ERR_OK;
		}
	return ERR_NOTFOUND;
}

static enum err encode(const char *p, size_t n, struct buf *out)
{
	size_t cap = sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_ORIGINAL);

	if (buf_reserve(out, cap))
		return ERR_LIMIT;
	sodium_bin2base64(out->data + out->len, cap, (const unsigned char *)p, n,
			  sodium_base64_VARIANT_ORIGINAL);
	buf_grown(out, cap - 1);
	return ERR_OK;
}

static enum err plain(const char *user, const char *password, struct buf *out)
{
	size_t n = strlen(user) + strlen(password) + 2;
	char *msg = xasprintf("%c%s%c%s", '\0', user, '\0', password);
	enum err e;

	e = encode(msg, n, out);
	sodium_memzero(msg, n);
	free(msg);
	return e;
}

enum err sasl_client_line(enum sasl_client_mech m, unsigned step, const char *user,
			  const char *password, struct buf *out)
{
	if (m == SASL_CLIENT_PLAIN)
		return step == 0 ? plain(user, password, out) : ERR_INVALID;
	switch (step) {
	case 0:	 return ERR_OK;
	case 1:	 return encode(user, strlen(user), out);
	case 2:	 return encode(password, strlen(password), out);
	default: return ERR_INVALID;
	}
}
