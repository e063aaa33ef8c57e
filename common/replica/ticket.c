#include "common/replica/ticket.h"

#include "common/base/span.h"
#include <sodium.h>
#include <stdio.h>

/* Behind the prefix, in base64url: version, kind, role u16, expires u64 (little
 * endian), key, secret, feed key, name length and name, endpoint length u16 and
 * endpoint, BLAKE2b-64 of all that. */
enum {
	VERSION_1 = 1,
	FIXED = 1 + 1 + 2 + 8 + 3 * 32,
	SUM = 8,
	MAX_BYTES = FIXED + 1 + 64 + 2 + 256 + SUM,
};

static const char *const prefix[] = {
	[TICKET_TOKEN] = "bourse-token:",
	[TICKET_SUBSCRIPTION] = "bourse-subscription:",
};

bool ticket_name_ok(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n >= sizeof(((struct ticket *)0)->name) || name[0] == '-' ||
	    name[0] == '.')
		return false;
	return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			    "0123456789-_.") == n;
}

bool ticket_endpoint_ok(const char *endpoint)
{
	const char *rest = endpoint + 6, *colon = strrchr(endpoint, ':');
	size_t n = strlen(endpoint), digits;

	if (n < 8 || n >= sizeof(((struct ticket *)0)->endpoint))
		return false;
	for (size_t i = 0; i < n; i++)
		if (endpoint[i] <= 0x20 || endpoint[i] >= 0x7f)
			return false;
	if (strncmp(endpoint, "ipc:///", 7) == 0)
		return true;
	digits = strspn(colon + 1, "0123456789");
	return strncmp(endpoint, "tcp://", 6) == 0 && colon > rest && digits > 0 && digits < 6 &&
	       colon[1 + digits] == '\0';
}

static uint8_t *put(uint8_t *at, const void *p, size_t n)
{
	memcpy(at, p, n);
	return at + n;
}

static uint8_t *put_number(uint8_t *at, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		*at++ = (uint8_t)(v >> (8 * i));
	return at;
}

static uint64_t get_number(const uint8_t *at, size_t n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | at[n];
	return v;
}

enum err ticket_write(const struct ticket *t, struct buf *out)
{
	uint8_t raw[MAX_BYTES], *at = raw;
	char text[sodium_base64_ENCODED_LEN(MAX_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
	enum err e;

	at = put_number(at, VERSION_1, 1);
	at = put_number(at, t->kind, 1);
	at = put_number(at, t->role, 2);
	at = put_number(at, (uint64_t)t->expires_ms, 8);
	at = put(at, t->key, sizeof(t->key));
	at = put(at, t->secret, sizeof(t->secret));
	at = put(at, t->feed_key, sizeof(t->feed_key));
	at = put_number(at, strlen(t->name), 1);
	at = put(at, t->name, strlen(t->name));
	at = put_number(at, strlen(t->endpoint), 2);
	at = put(at, t->endpoint, strlen(t->endpoint));
	crypto_generichash(at, SUM, raw, (size_t)(at - raw), NULL, 0);
	at += SUM;
	sodium_bin2base64(text, sizeof(text), raw, (size_t)(at - raw),
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	e = buf_adds(out, prefix[t->kind]);
	if (!e)
		e = buf_adds(out, text);
	sodium_memzero(raw, sizeof(raw));
	sodium_memzero(text, sizeof(text));
	return e;
}

/* A counted string; false if it does not fit where it goes. */
static bool get_text(const uint8_t **at, const uint8_t *end, size_t width, char *out, size_t cap)
{
	size_t n;

	if ((size_t)(end - *at) < width)
		return false;
	n = (size_t)get_number(*at, width);
	*at += width;
	if (n >= cap || (size_t)(end - *at) < n || memchr(*at, 0, n))
		return false;
	memcpy(out, *at, n);
	out[n] = '\0';
	*at += n;
	return true;
}

static bool unpack(const uint8_t *raw, size_t n, struct ticket *t)
{
	uint8_t sum[SUM];
	const uint8_t *at = raw + 12, *end = raw + n - SUM;

	if (n < FIXED + SUM || raw[0] != VERSION_1)
		return false;
	crypto_generichash(sum, SUM, raw, n - SUM, NULL, 0);
	if (memcmp(sum, end, SUM) != 0)
		return false;
	t->kind = raw[1] == TICKET_TOKEN ? TICKET_TOKEN : TICKET_SUBSCRIPTION;
	t->role = (unsigned)get_number(raw + 2, 2);
	t->expires_ms = (int64_t)get_number(raw + 4, 8);
	memcpy(t->key, at, sizeof(t->key));
	memcpy(t->secret, at + 32, sizeof(t->secret));
	memcpy(t->feed_key, at + 64, sizeof(t->feed_key));
	at += 96;
	return get_text(&at, end, 1, t->name, sizeof(t->name)) &&
	       get_text(&at, end, 2, t->endpoint, sizeof(t->endpoint)) && at == end &&
	       raw[1] == t->kind && ticket_name_ok(t->name) && ticket_endpoint_ok(t->endpoint);
}

enum err ticket_parse(const char *text, struct ticket *out, struct errbuf *eb)
{
	uint8_t raw[MAX_BYTES];
	size_t n = 0;
	bool ok = false;

	*out = (struct ticket){ 0 };
	text += strspn(text, " \t\r\n");
	for (unsigned k = TICKET_TOKEN; k <= TICKET_SUBSCRIPTION && !ok; k++) {
		size_t skip = strlen(prefix[k]);

		if (strncmp(text, prefix[k], skip) != 0)
			continue;
		ok = sodium_base642bin(raw, sizeof(raw), text + skip, strlen(text + skip),
				       " \t\r\n", &n, NULL,
				       sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
		     unpack(raw, n, out) && out->kind == k;
	}
	sodium_memzero(raw, sizeof(raw));
	if (ok)
		return ERR_OK;
	sodium_memzero(out, sizeof(*out));
	return err_set(eb, ERR_INVALID, "not a token or subscription, or part of it is missing");
}
