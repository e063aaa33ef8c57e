#include "common/smtp/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <idn2.h>
#include <stdint.h>
#include <stdio.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utf8.h>

#define LABEL_MAX 63
#define SMTP_TEXT_MAX 2048	/* each octet quoted, and the domain */

/* UTF-16 units that any local part can fold to: a code point of two octets may
 * become three units. */
#define FOLD_UNITS (SMTP_LOCAL_MAX * 4)

bool smtp_has_8bit(struct span s)
{
	uint64_t seen = 0, word;
	size_t i = 0;

	for (; i + 8 <= s.n; i += 8) {
		memcpy(&word, s.p + i, 8);
		seen |= word;
	}
	for (; i < s.n; i++)
		seen |= (uint64_t)(unsigned char)s.p[i];
	return (seen & 0x8080808080808080u) != 0;
}

bool smtp_utf8_valid(struct span s)
{
	const uint8_t *p = (const uint8_t *)s.p;
	size_t i = 0;

	while (i < s.n) {
		UChar32 c;

		U8_NEXT(p, i, s.n, c);
		if (c < 0)
			return false;
	}
	return true;
}

static bool is_atext(unsigned char c)
{
	return c >= 0x80 || isalnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* ---- domains ---------------------------------------------------------------- */

static enum err literal_normal(struct span text, char *out)
{
	unsigned char addr[sizeof(struct in6_addr)];
	char name[INET6_ADDRSTRLEN + 1], printed[INET6_ADDRSTRLEN];
	bool six = text.n > 5 && span_is((struct span){ text.p, 5 }, "IPv6:");
	struct span in = text;

	if (six)
		in = (struct span){ text.p + 5, text.n - 5 };
	if (in.n >= sizeof(name) || memchr(in.p, '\0', in.n))
		return ERR_INVALID;
	memcpy(name, in.p, in.n);
	name[in.n] = '\0';
	if (inet_pton(six ? AF_INET6 : AF_INET, name, addr) != 1 ||
	    !inet_ntop(six ? AF_INET6 : AF_INET, addr, printed, sizeof(printed)))
		return ERR_INVALID;
	snprintf(out, SMTP_DOMAIN_MAX + 1, "[%s%s]", six ? "ipv6:" : "", printed);
	return ERR_OK;
}

/* Letters, digits, hyphens - and underscores, which are no host name but are
 * found in the domains of people who send mail. */
static bool labels_valid(const char *s)
{
	size_t n = 0;

	for (;; s++) {
		if (*s == '.' || *s == '\0') {
			if (n == 0 || n > LABEL_MAX || s[-1] == '-')
				return false;
			if (*s == '\0')
				return true;
			n = 0;
		} else {
			if (!isalnum((unsigned char)*s) && *s != '_' && (*s != '-' || n == 0))
				return false;
			n++;
		}
	}
}

enum err smtp_domain_normal(struct span text, char out[SMTP_DOMAIN_MAX + 1], bool *utf8)
{
	char raw[SMTP_DOMAIN_MAX * 3 + 1];
	uint8_t *ascii = NULL;
	enum err e = ERR_OK;

	out[0] = '\0';
	if (text.n == 0 || text.n >= sizeof(raw) || memchr(text.p, '\0', text.n))
		return ERR_INVALID;
	if (text.p[0] == '[') {
		if (text.n < 2 || text.p[text.n - 1] != ']')
			return ERR_INVALID;
		return literal_normal((struct span){ text.p + 1, text.n - 2 }, out);
	}
	memcpy(raw, text.p, text.n);
	raw[text.n] = '\0';
	if (smtp_has_8bit(text)) {
		if (utf8)
			*utf8 = true;
		if (!smtp_utf8_valid(text) ||
		    idn2_lookup_u8((uint8_t *)raw, &ascii,
				   IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
			return ERR_INVALID;
		if (strlen((char *)ascii) > SMTP_DOMAIN_MAX)
			e = ERR_INVALID;
		else
			memcpy(raw, ascii, strlen((char *)ascii) + 1);
		idn2_free(ascii);
	} else if (text.n > SMTP_DOMAIN_MAX) {
		e = ERR_INVALID;
	}
	if (e || !labels_valid(raw))
		return ERR_INVALID;
	for (size_t i = 0; i == 0 || raw[i - 1] != '\0'; i++)
		out[i] = (char)tolower((unsigned char)raw[i]);
	return ERR_OK;
}

/* ---- local parts ------------------------------------------------------------ */

/* "Quoted\ string" at the front of *in, which moves past the closing quote. */
static enum err scan_quoted(struct span *in, char *out)
{
	size_t i, n = 0;

	for (i = 1; i < in->n && in->p[i] != '"'; i++) {
		if (in->p[i] == '\\' && ++i == in->n)
			return ERR_INVALID;
		if ((unsigned char)in->p[i] < ' ' || in->p[i] == 127 || n == SMTP_LOCAL_MAX)
			return ERR_INVALID;
		out[n++] = in->p[i];
	}
	if (i >= in->n || n == 0)
		return ERR_INVALID;
	out[n] = '\0';
	*in = (struct span){ in->p + i + 1, in->n - i - 1 };
	return ERR_OK;
}

static enum err scan_dot_string(struct span *in, char *out)
{
	size_t n;

	for (n = 0; n < in->n && in->p[n] != '@'; n++) {
		bool dot = in->p[n] == '.';

		if (n == SMTP_LOCAL_MAX || (!dot && !is_atext((unsigned char)in->p[n])) ||
		    (dot && (n == 0 || in->p[n - 1] == '.')))
			return ERR_INVALID;
	}
	if (n == 0 || in->p[n - 1] == '.')
		return ERR_INVALID;
	memcpy(out, in->p, n);
	out[n] = '\0';
	*in = (struct span){ in->p + n, in->n - n };
	return ERR_OK;
}

static size_t domain_length(struct span in)
{
	size_t n = 0;

	while (n < in.n && in.p[n] != '>' && in.p[n] != ' ' && in.p[n] != '\t')
		n++;
	return n;
}

enum err smtp_address_scan(struct span *in, struct smtp_address *out, struct errbuf *eb)
{
	struct span s = *in, domain;
	enum err e;

	memset(out, 0, sizeof(*out));
	if (s.n == 0)
		return err_set(eb, ERR_INVALID, "empty address");
	e = s.p[0] == '"' ? scan_quoted(&s, out->local) : scan_dot_string(&s, out->local);
	if (e)
		return err_set(eb, e, "malformed local part");
	if (smtp_has_8bit(span_of(out->local))) {
		out->utf8 = true;
		if (!smtp_utf8_valid(span_of(out->local)))
			return err_set(eb, ERR_INVALID, "local part is not UTF-8");
	}
	if (s.n == 0 || s.p[0] != '@')
		return err_set(eb, ERR_INVALID, "no domain");
	domain = (struct span){ s.p + 1, s.n - 1 };
	domain.n = domain_length(domain);
	e = smtp_domain_normal(domain, out->domain, &out->utf8);
	if (e)
		return err_set(eb, e, "malformed domain");
	*in = (struct span){ domain.p + domain.n, s.n - 1 - domain.n };
	return ERR_OK;
}

enum err smtp_address_parse(struct span text, struct smtp_address *out, struct errbuf *eb)
{
	enum err e = smtp_address_scan(&text, out, eb);

	if (!e && text.n > 0)
		e = err_set(eb, ERR_INVALID, "something follows the address");
	return e;
}

bool smtp_address_is_null(const struct smtp_address *a)
{
	return a->local[0] == '\0';
}

bool smtp_address_needs_utf8(const struct smtp_address *a)
{
	return smtp_has_8bit(span_of(a->local));
}

/* ---- writing ---------------------------------------------------------------- */

static bool is_dot_string(const char *s)
{
	for (size_t i = 0; s[i] != '\0'; i++)
		if (s[i] == '.' ? i == 0 || s[i - 1] == '.' || s[i + 1] == '\0'
				: !is_atext((unsigned char)s[i]))
			return false;
	return true;
}

static enum err write_local(const char *s, struct buf *out)
{
	enum err e = ERR_OK;

	if (is_dot_string(s))
		return buf_adds(out, s);
	e = buf_addc(out, '"');
	for (; *s != '\0' && !e; s++) {
		if (*s == '"' || *s == '\\')
			e = buf_addc(out, '\\');
		if (!e)
			e = buf_addc(out, *s);
	}
	return e ? e : buf_addc(out, '"');
}

static enum err write_pair(const char *local, const char *domain, struct buf *out)
{
	enum err e = write_local(local, out);

	if (e || domain[0] == '\0')
		return e;
	e = buf_addc(out, '@');
	return e ? e : buf_adds(out, domain);
}

enum err smtp_address_write(const struct smtp_address *a, struct buf *out)
{
	return smtp_address_is_null(a) ? ERR_OK : write_pair(a->local, a->domain, out);
}

const char *smtp_address_text(const struct smtp_address *a, struct arena *arena)
{
	const char *text = "";
	struct buf b;

	buf_init(&b, SMTP_TEXT_MAX);
	if (smtp_address_write(a, &b) == ERR_OK)
		text = arena_strn(arena, b.data, b.len);
	buf_fini(&b);
	return text;
}

/* ---- keys ------------------------------------------------------------------- */

/* Canonical caseless form: NFC(fold(NFD(s))), Unicode 3.13 D145. */
static enum err fold(const char *s, char *out, size_t cap)
{
	const UNormalizer2 *nfc, *nfd;
	UChar a[FOLD_UNITS], b[FOLD_UNITS];
	UErrorCode ec = U_ZERO_ERROR;
	int32_t n;

	nfc = unorm2_getNFCInstance(&ec);
	nfd = unorm2_getNFDInstance(&ec);
	u_strFromUTF8(a, FOLD_UNITS, &n, s, -1, &ec);
	if (U_FAILURE(ec))
		return ERR_INVALID;
	n = unorm2_normalize(nfd, a, n, b, FOLD_UNITS, &ec);
	if (U_SUCCESS(ec))
		n = u_strFoldCase(a, FOLD_UNITS, b, n, U_FOLD_CASE_DEFAULT, &ec);
	if (U_SUCCESS(ec))
		n = unorm2_normalize(nfc, a, n, b, FOLD_UNITS, &ec);
	if (U_SUCCESS(ec))
		u_strToUTF8(out, (int32_t)cap, NULL, b, n, &ec);
	return U_FAILURE(ec) || ec == U_STRING_NOT_TERMINATED_WARNING ? ERR_INVALID : ERR_OK;
}

enum err smtp_address_key(const struct smtp_address *a, char out[SMTP_KEY_MAX])
{
	char local[SMTP_KEY_MAX] = "";
	struct buf b;
	enum err e = ERR_OK;

	out[0] = '\0';
	if (smtp_address_needs_utf8(a)) {
		e = fold(a->local, local, sizeof(local));
		if (e)
			return e;
	} else {
		size_t i = 0;

		do
			local[i] = (char)tolower((unsigned char)a->local[i]);
		while (a->local[i++] != '\0');
	}
	buf_init(&b, SMTP_KEY_MAX - 1);
	if (!smtp_address_is_null(a))
		e = write_pair(local, a->domain, &b);
	if (!e)
		memcpy(out, b.data, b.len + 1);
	buf_fini(&b);
	return e ? ERR_INVALID : ERR_OK;
}

enum err smtp_address_key_of(const char *text, char out[SMTP_KEY_MAX])
{
	struct smtp_address a;
	enum err e = smtp_address_parse(span_of(text), &a, NULL);

	out[0] = '\0';
	return e ? e : smtp_address_key(&a, out);
}

bool smtp_key_untagged(const char *key, char out[SMTP_KEY_MAX])
{
	const char *at = strrchr(key, '@');
	const char *plus = key[0] == '"' || key[0] == '\0' ? NULL : strchr(key + 1, '+');

	if (!at || !plus || plus > at) {
		snprintf(out, SMTP_KEY_MAX, "%s", key);
		return false;
	}
	snprintf(out, SMTP_KEY_MAX, "%.*s%s", (int)(plus - key), key, at);
	return true;
}
