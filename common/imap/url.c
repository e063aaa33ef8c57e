#include "common/imap/url.h"

#include "common/imap/date.h"

/* A parameter's value ends where the next begins. */
static struct span until(struct span *rest, const char *stops)
{
	struct span out = { rest->p, 0 };

	while (out.n < rest->n && strchr(stops, rest->p[out.n]) == NULL)
		out.n++;
	rest->p += out.n;
	rest->n -= out.n;
	return out;
}

static bool take(struct span *rest, const char *word)
{
	size_t n = strlen(word);

	if (rest->n < n || strncasecmp(rest->p, word, n) != 0)
		return false;
	rest->p += n;
	rest->n -= n;
	return true;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* No control characters, coded or not: what comes out goes into replies and logs. */
static bool decode(struct span in, struct arena *a, struct span *out)
{
	char *to = arena_alloc(a, in.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++) {
		int c = (unsigned char)in.p[i];

		if (c == '%') {
			if (in.n - i < 3 || hex(in.p[i + 1]) < 0 || hex(in.p[i + 2]) < 0)
				return false;
			c = hex(in.p[i + 1]) << 4 | hex(in.p[i + 2]);
			i += 2;
		}
		if (c < 0x20 || c == 0x7f)
			return false;
		to[n++] = (char)c;
	}
	*out = (struct span){ to, n };
	return true;
}

static bool number(struct span s, uint64_t max, uint64_t *out)
{
	*out = 0;
	if (s.n == 0 || s.n > 19)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		*out = *out * 10 + (uint64_t)(s.p[i] - '0');
	}
	return *out <= max;
}

static bool nz32(struct span s, uint32_t *out)
{
	uint64_t v;
	bool ok = number(s, UINT32_MAX, &v) && v > 0;

	*out = ok ? (uint32_t)v : 0;
	return ok;
}

/* ---- RFC 3339 ---------------------------------------------------------------------- */

static bool digits(struct span *s, size_t n, int *out)
{
	*out = 0;
	if (s->n < n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return false;
		*out = *out * 10 + s->p[i] - '0';
	}
	s->p += n;
	s->n -= n;
	return true;
}

/* "Z" or "+01:30", as seconds to subtract. */
static bool zone(struct span *s, int *out)
{
	int h, m, sign = s->n && *s->p == '-' ? -1 : 1;

	*out = 0;
	if (take(s, "Z"))
		return true;
	if (!take(s, "+") && !take(s, "-"))
		return false;
	if (!digits(s, 2, &h) || !take(s, ":") || !digits(s, 2, &m) || h > 23 || m > 59)
		return false;
	*out = sign * (h * 3600 + m * 60);
	return true;
}

/* "2027-01-01T00:00:00.25Z", the fraction left out. */
static bool date_time(struct span s, int64_t *unix_s)
{
	int year, month, day, hour, minute, second, off;

	if (!digits(&s, 4, &year) || !take(&s, "-") || !digits(&s, 2, &month) ||
	    !take(&s, "-") || !digits(&s, 2, &day) || !take(&s, "T") ||
	    !digits(&s, 2, &hour) || !take(&s, ":") || !digits(&s, 2, &minute) ||
	    !take(&s, ":") || !digits(&s, 2, &second))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 ||
	    minute > 59 || second > 60)
		return false;
	if (take(&s, ".") && until(&s, "Zz+-").n == 0)
		return false;
	if (!zone(&s, &off) || s.n > 0)
		return false;
	*unix_s = (int64_t)imap_day_make(year, month, day) * 86400 + hour * 3600 + minute * 60 +
		  second - off;
	return true;
}

/* ---- the parts of a URL --------------------------------------------------------------- */

/* "imap://" [user [";AUTH=" mech] "@"] host "/" */
static bool server(struct span *rest, struct arena *a, struct imap_url *u)
{
	struct span whole, user;
	const char *at;

	if (!take(rest, "imap://"))
		return true;
	u->has_host = true;
	whole = until(rest, "/");
	at = whole.n ? memchr(whole.p, '@', whole.n) : NULL;
	if (at) {
		user = (struct span){ whole.p, (size_t)(at - whole.p) };
		whole = (struct span){ at + 1, whole.n - user.n - 1 };
		user = until(&user, ";");
		if (!decode(user, a, &u->user))
			return false;
	}
	u->host = whole;
	return whole.n > 0 && rest->n > 0;
}

/* The mailbox may hold slashes: it ends with its UIDVALIDITY, or before "/;UID=". */
static bool mailbox(struct span *rest, struct arena *a, struct imap_url *u)
{
	struct span name, decoded;

	if (take(rest, ";UID=") || take(rest, "/;UID="))
		return !u->has_host;
	if (!take(rest, "/"))
		return false;
	name = until(rest, ";");
	if (take(rest, ";UIDVALIDITY=")) {
		if (!nz32(until(rest, "/;"), &u->uidvalidity) || !take(rest, "/"))
			return false;
	} else if (name.n > 0 && name.p[name.n - 1] == '/') {
		name.n--;
	} else {
		return false;
	}
	if (name.n == 0 || !decode(name, a, &decoded))
		return false;
	u->mailbox = decoded.p;
	return take(rest, ";UID=");
}

static bool partial(struct span *rest, struct imap_url *u)
{
	struct span first = until(rest, "./;");

	u->partial = true;
	if (!number(first, UINT32_MAX, &u->offset))
		return false;
	if (!take(rest, "."))
		return true;
	return number(until(rest, "/;"), UINT32_MAX, &u->length) && u->length > 0;
}

static bool access_of(struct span *rest, struct arena *a, struct imap_url *u)
{
	struct span user;

	if (take(rest, "submit+"))
		u->access = IMAP_URL_SUBMIT;
	else if (take(rest, "user+"))
		u->access = IMAP_URL_USER;
	else if (take(rest, "authuser"))
		u->access = IMAP_URL_AUTHUSER;
	else if (take(rest, "anonymous"))
		u->access = IMAP_URL_ANONYMOUS;
	else
		return false;
	user = until(rest, ":/;");
	if (u->access == IMAP_URL_SUBMIT || u->access == IMAP_URL_USER)
		return user.n > 0 && decode(user, a, &u->access_user);
	return user.n == 0;
}

/* ";EXPIRE=" and ";URLAUTH=", which is the last. */
static bool auth(struct span *rest, struct arena *a, struct imap_url *u)
{
	if (take(rest, ";EXPIRE=")) {
		u->has_expire = true;
		if (!date_time(until(rest, ";/"), &u->expire_s))
			return false;
	}
	if (!take(rest, ";URLAUTH="))
		return rest->n == 0 && !u->has_expire;
	if (!access_of(rest, a, u))
		return false;
	u->rump.n = (size_t)(rest->p - u->rump.p);
	if (rest->n == 0)
		return true;
	if (!take(rest, ":"))
		return false;
	u->mechanism = until(rest, ":");
	if (u->mechanism.n == 0 || !take(rest, ":") || rest->n < 32)
		return false;
	u->token = *rest;
	for (size_t i = 0; i < rest->n; i++)
		if (hex(rest->p[i]) < 0)
			return false;
	return true;
}

bool imap_url_parse(struct span text, struct arena *a, struct imap_url *u)
{
	struct span rest = text;

	*u = (struct imap_url){ .rump = { text.p, 0 } };
	if (text.n == 0 || !server(&rest, a, u) || !mailbox(&rest, a, u))
		return false;
	if (!nz32(until(&rest, "/;"), &u->uid))
		return false;
	if (take(&rest, "/;SECTION=") &&
	    (!decode(until(&rest, ";/"), a, &u->section) || u->section.n == 0))
		return false;
	if (take(&rest, "/;PARTIAL=") && !partial(&rest, u))
		return false;
	if (rest.n == 0)
		return true;
	return auth(&rest, a, u);
}
