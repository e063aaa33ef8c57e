/* PLAIN and LOGIN: fields cut out of a message; the password goes to login_verify(). */
#include "common/auth/sasl_priv.h"

#include "common/base/check.h"
#include <string.h>

static bool verify(struct sasl *s, const char *user, const char *password, size_t len)
{
	struct login_try t = sasl_try(s, user);

	t.password = password;
	t.password_len = len;
	s->call = login_verify(s->login, &t, sasl_verified, s);
	return false;
}

/* RFC 4616: [authzid] NUL authcid NUL passwd. */
bool sasl_read_plain(struct sasl *s, char *msg, size_t n)
{
	char *authcid = memchr(msg, '\0', n), *passwd;
	size_t left, len;

	if (authcid == NULL)
		return sasl_over(s, ERR_INVALID);
	authcid++;
	left = n - (size_t)(authcid - msg);
	passwd = memchr(authcid, '\0', left);
	if (passwd == NULL || passwd == authcid)
		return sasl_over(s, ERR_INVALID);
	passwd++;
	len = n - (size_t)(passwd - msg);
	if (len == 0 || len > PASSWORD_MAX || memchr(passwd, '\0', len) ||
	    strlen(authcid) > SASL_FIELD_MAX)
		return sasl_over(s, ERR_INVALID);
	if (msg[0] != '\0' && strcmp(msg, authcid) != 0)
		return sasl_over(s, ERR_DENIED);	/* nobody acts for somebody else here */
	return verify(s, authcid, passwd, len);
}

/* draft-murchison-sasl-login: the prompts are these by long habit. */
bool sasl_read_login(struct sasl *s, char *msg, size_t n)
{
	if (s->step == 0 && n == 0)
		return sasl_challenge(s, "Username:", 9);
	if (s->user == NULL) {
		if (n == 0 || n > SASL_FIELD_MAX || memchr(msg, '\0', n))
			return sasl_over(s, ERR_INVALID);
		s->user = xstrndup(msg, n);
		return sasl_challenge(s, "Password:", 9);
	}
	if (n == 0 || n > PASSWORD_MAX || memchr(msg, '\0', n))
		return sasl_over(s, ERR_INVALID);
	return verify(s, s->user, msg, n);
}
