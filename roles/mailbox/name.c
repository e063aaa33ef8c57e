#include "roles/mailbox/name.h"

#include "common/base/check.h"
#include <string.h>
#include <strings.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

enum { UNITS = 4 * NAME_MAX_BYTES };	/* UTF-16 units that a name or its key may need */

static bool is_ascii(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s >= 0x80)
			return false;
	return true;
}

static bool has_control(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return true;
	return false;
}

/* NFC and, for keys, case folding and NFC again (folding can undo it). */
static enum err normalise(struct arena *a, const char *s, bool fold, const char **out,
			  struct errbuf *eb)
{
	UErrorCode uc = U_ZERO_ERROR;
	const UNormalizer2 *nfc = unorm2_getNFCInstance(&uc);
	UChar x[UNITS], y[UNITS];
	char utf8[3 * UNITS];
	int32_t n = 0;

	u_strFromUTF8(x, UNITS, &n, s, -1, &uc);
	n = unorm2_normalize(nfc, x, n, y, UNITS, &uc);
	if (fold && U_SUCCESS(uc)) {
		n = u_strFoldCase(x, UNITS, y, n, U_FOLD_CASE_DEFAULT, &uc);
		n = unorm2_normalize(nfc, x, n, y, UNITS, &uc);
	}
	u_strToUTF8(utf8, sizeof(utf8), &n, y, n, &uc);
	if (U_FAILURE(uc))
		return err_set(eb, ERR_INVALID, "folder name: %s", u_errorName(uc));
	*out = arena_strn(a, utf8, (size_t)n);
	return ERR_OK;
}

static const char *lower(struct arena *a, const char *s)
{
	char *out = arena_str(a, s);

	for (char *p = out; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p += 'a' - 'A';
	return out;
}

enum err name_key(struct arena *a, const char *name, const char **out, struct errbuf *eb)
{
	if (!is_ascii(name))
		return normalise(a, name, true, out, eb);
	*out = lower(a, name);
	return ERR_OK;
}

static enum err add(struct arena *a, struct path *p, const char *s, size_t n, struct errbuf *eb)
{
	const char *name;
	enum err e = ERR_OK;

	if (n == 0)
		return err_set(eb, ERR_INVALID, "folder path with an empty name");
	if (n > NAME_MAX_BYTES)
		return err_set(eb, ERR_INVALID, "folder name of %zu bytes", n);
	if (p->n == NAME_DEPTH)
		return err_set(eb, ERR_INVALID, "folder path deeper than %d", NAME_DEPTH);
	if (has_control(s, n))
		return err_set(eb, ERR_INVALID, "control character in a folder name");
	name = arena_strn(a, s, n);
	if (p->n == 0 && strcasecmp(name, "INBOX") == 0)
		name = "INBOX";
	else if (!is_ascii(name))
		e = normalise(a, name, false, &name, eb);
	if (e == ERR_OK && strlen(name) > NAME_MAX_BYTES)
		e = err_set(eb, ERR_INVALID, "folder name too long in NFC");
	if (e == ERR_OK)
		e = name_key(a, name, &p->key[p->n], eb);
	if (e == ERR_OK)
		p->name[p->n++] = name;
	return e;
}

enum err path_parse(struct arena *a, const char *text, struct path *out, struct errbuf *eb)
{
	const char *end;
	enum err e = ERR_OK;

	out->n = 0;
	/* A trailing separator only says that folders will be made below. */
	for (const char *s = text; e == ERR_OK && (*s || out->n == 0); s = *end ? end + 1 : end) {
		end = s + strcspn(s, "/");
		e = add(a, out, s, (size_t)(end - s), eb);
		if (*end && end[1] == '\0')
			end++;
		else if (*end == '\0')
			break;
	}
	return e;
}

bool path_is_inbox(const struct path *p)
{
	return p->n == 1 && strcmp(p->key[0], "inbox") == 0;
}

const char *path_text(struct arena *a, const struct path *p, size_t n)
{
	size_t len = 0;
	char *out, *at;

	CHECK(n >= 1 && n <= p->n);
	for (size_t i = 0; i < n; i++)
		len += strlen(p->name[i]) + 1;
	out = at = arena_alloc(a, len);
	for (size_t i = 0; i < n; i++) {
		size_t k = strlen(p->name[i]);

		memcpy(at, p->name[i], k);
		at += k;
		*at++ = i + 1 < n ? '/' : '\0';
	}
	return out;
}
