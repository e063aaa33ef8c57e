/* Stands in for the client half of common/auth/sasl: words one can read. */
#include "common/auth/sasl.h"

#include <string.h>

enum err sasl_client_choose(const char *offered, enum sasl_client_mech *out)
{
	*out = SASL_CLIENT_LOGIN;
	return strstr(offered, "LOGIN") ? ERR_OK : ERR_NOTFOUND;
}

const char *sasl_client_name(enum sasl_client_mech m)
{
	return m == SASL_CLIENT_LOGIN ? "LOGIN" : "PLAIN";
}

enum err sasl_client_line(enum sasl_client_mech m, unsigned step, const char *user,
			  const char *password, struct buf *out)
{
	(void)m;
	if (step > 2)
		return ERR_INVALID;
	return buf_adds(out, step == 0 ? "" : step == 1 ? user : password);
}
