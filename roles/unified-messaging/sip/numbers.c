#include "roles/unified-messaging/sip/numbers.h"

#include "common/smtp/address.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static struct span trim(struct span s)
{
	while (s.n && isspace((unsigned char)*s.p)) {
		s.p++;
		s.n--;
	}
	while (s.n && isspace((unsigned char)s.p[s.n - 1]))
		s.n--;
	return s;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Text without controls; %XX of a URI becomes the octet if that is printable. */
static void copy(struct span s, bool uri, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n && n + 1 < cap; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (uri && c == '%' && i + 2 < s.n && hex(s.p[i + 1]) >= 0 && hex(s.p[i + 2]) >= 0) {
			c = (unsigned char)(hex(s.p[i + 1]) * 16 + hex(s.p[i + 2]));
			i += 2;
		}
		if (c < 0x20 || c == 0x7f || (uri && c > 0x7e))
			continue;
		out[n++] = (char)c;
	}
	out[n] = '\0';
	/* Cut in the middle of a character, or never UTF-8. */
	while (n && !smtp_utf8_valid((struct span){ out, n }))
		out[--n] = '\0';
}

/* sip:user:password@host:port;params?headers, tel:+1-555 */
static bool read_uri(struct span u, struct number *out)
{
	bool tel = u.n > 4 && strncasecmp(u.p, "tel:", 4) == 0;
	size_t skip = tel ? 4 : u.n > 4 && strncasecmp(u.p, "sip:", 4) == 0 ? 4 :
		      u.n > 5 && strncasecmp(u.p, "sips:", 5) == 0 ? 5 : 0;
	struct span user, host;
	const char *at;
	size_t n;

	if (!skip)
		return false;
	u.p += skip;
	u.n -= skip;
	at = tel ? NULL : memchr(u.p, '@', u.n);
	user = tel ? u : (struct span){ u.p, at ? (size_t)(at - u.p) : 0 };
	for (n = 0; n < user.n && user.p[n] != ':' && user.p[n] != ';'; n++)
		;
	user.n = n;
	host = at ? (struct span){ at + 1, u.n - (size_t)(at - u.p) - 1 } :
		    (struct span){ u.p, tel ? 0 : u.n };
	for (n = 0; n < host.n && !strchr(":;?>", host.p[n] ? host.p[n] : ';'); n++)
		;
	host.n = n;
	copy(user, true, out->user, sizeof(out->user));
	copy(host, true, out->host, sizeof(out->host));
	number_tidy(out->user);
	return true;
}

void number_tidy(char user[NUMBER_MAX])
{
	size_t n = 0;

	for (const char *p = user; *p; p++)
		if (!isdigit((unsigned char)*p) && !strchr("+*#-. ()", *p))
			return;
	for (const char *p = user; *p; p++)
		if (isdigit((unsigned char)*p) || *p == '*' || *p == '#' || (*p == '+' && n == 0))
			user[n++] = *p;
	user[n] = '\0';
}

/* The closing quote of a quoted string that begins at s; n: there is none. */
static size_t quote_end(struct span s)
{
	for (size_t i = 1; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			return i;
	}
	return s.n;
}

static void read_name(struct span s, char out[NAME_MAX_LEN])
{
	char raw[NAME_MAX_LEN * 2];
	size_t n = 0;

	s = trim(s);
	if (s.n && *s.p == '"') {
		size_t end = quote_end(s);

		for (size_t i = 1; i < end && n < sizeof(raw); i++) {
			if (s.p[i] == '\\' && i + 1 < end)
				i++;
			raw[n++] = s.p[i];
		}
		s = (struct span){ raw, n };
	}
	copy(s, false, out, NAME_MAX_LEN);
}

/* The address, and what stands behind it in *params. */
static bool read_address(struct span v, struct number *out, struct span *params)
{
	size_t from = 0;
	const char *open, *close;

	memset(out, 0, sizeof(*out));
	v = trim(v);
	if (v.n && *v.p == '"')
		from = quote_end(v);
	if (from >= v.n)
		return false;
	open = memchr(v.p + from, '<', v.n - from);
	if (!open) {
		size_t n;

		for (n = 0; n < v.n && v.p[n] != ';'; n++)
			;
		*params = (struct span){ v.p + n, v.n - n };
		return read_uri((struct span){ v.p, n }, out);
	}
	close = memchr(open, '>', v.n - (size_t)(open - v.p));
	if (!close)
		return false;
	read_name((struct span){ v.p, (size_t)(open - v.p) }, out->name);
	*params = (struct span){ close + 1, v.n - (size_t)(close - v.p) - 1 };
	return read_uri((struct span){ open + 1, (size_t)(close - open) - 1 }, out);
}

bool number_read(struct span value, struct number *out)
{
	struct span params;

	return read_address(value, out, &params);
}

/* The next entry of a list with commas; not those in quotes and brackets. */
static bool next_entry(struct span *list, struct span *out)
{
	size_t i;
	int depth = 0;

	*list = trim(*list);
	if (list->n == 0)
		return false;
	for (i = 0; i < list->n; i++) {
		char c = list->p[i];

		if (c == '"')
			i += quote_end((struct span){ list->p + i, list->n - i });
		else if (c == '<')
			depth = 1;
		else if (c == '>')
			depth = 0;
		else if (c == ',' && !depth)
			break;
	}
	if (i > list->n)
		i = list->n;
	*out = (struct span){ list->p, i };
	i += i < list->n;
	list->p += i;
	list->n -= i;
	return true;
}

static bool param(struct span params, const char *name, struct span *out)
{
	size_t len = strlen(name);

	while (params.n) {
		const char *semi = memchr(params.p + 1, ';', params.n - 1);
		struct span p = { params.p, semi ? (size_t)(semi - params.p) : params.n };

		params.p += p.n;
		params.n -= p.n;
		if (*p.p == ';') {
			p.p++;
			p.n--;
		}
		p = trim(p);
		if (p.n > len && p.p[len] == '=' && strncasecmp(p.p, name, len) == 0) {
			*out = (struct span){ p.p + len + 1, p.n - len - 1 };
			if (out->n > 1 && *out->p == '"') {
				out->p++;
				out->n -= 2;
			}
			return true;
		}
	}
	return false;
}

static enum divert reason(struct span r)
{
	if (span_is(r, "user-busy"))
		return DIVERT_BUSY;
	if (span_is(r, "no-answer"))
		return DIVERT_NO_ANSWER;
	if (span_is(r, "unconditional"))
		return DIVERT_ALWAYS;
	return DIVERT_OTHER;
}

bool number_diversion(struct span value, struct number *out, enum divert *why)
{
	struct span entry, params, r;
	struct number n;
	bool found = false;

	while (next_entry(&value, &entry))
		if (read_address(entry, &n, &params) && n.user[0]) {
			*out = n;
			*why = param(params, "reason", &r) ? reason(r) : DIVERT_OTHER;
			found = true;
		}
	return found;
}

/* "SIP;cause=486" within a URI's headers, as "Reason=SIP%3Bcause%3D486". */
static enum divert cause_of(struct span entry)
{
	static const struct {
		const char *code;
		enum divert why;
	} codes[] = {
		{ "486", DIVERT_BUSY }, { "600", DIVERT_BUSY }, { "408", DIVERT_NO_ANSWER },
		{ "480", DIVERT_NO_ANSWER }, { "302", DIVERT_ALWAYS },
	};

	for (size_t i = 0; i + 8 < entry.n; i++) {
		size_t at = 5;

		if (strncasecmp(entry.p + i, "cause", 5) != 0)
			continue;
		if (entry.p[i + 5] == '=')
			at = 6;
		else if (i + 11 <= entry.n && strncasecmp(entry.p + i + 5, "%3d", 3) == 0)
			at = 8;
		for (size_t k = 0; k < N_ELEMS(codes) && i + at + 3 <= entry.n; k++)
			if (strncmp(entry.p + i + at, codes[k].code, 3) == 0)
				return codes[k].why;
		return DIVERT_OTHER;
	}
	return DIVERT_NONE;
}

bool number_history(struct span value, struct number *out, enum divert *why)
{
	struct span entry, params;
	struct number n;
	unsigned seen = 0;

	*why = DIVERT_NONE;
	while (next_entry(&value, &entry)) {
		enum divert d = cause_of(entry);

		if (!read_address(entry, &n, &params) || !n.user[0])
			continue;
		if (seen++ == 0 || (d != DIVERT_NONE && *why == DIVERT_NONE)) {
			*out = n;
			*why = d;
		}
		if (d != DIVERT_NONE)
			return true;
	}
	/* One entry without a reason is where the call went, not where it was. */
	if (seen > 1)
		*why = DIVERT_OTHER;
	return seen > 1;
}

const char *divert_name(enum divert d)
{
	static const char *const names[] = {
		[DIVERT_NONE] = "none", [DIVERT_BUSY] = "busy", [DIVERT_NO_ANSWER] = "no-answer",
		[DIVERT_ALWAYS] = "always", [DIVERT_OTHER] = "other",
	};

	return names[d];
}
