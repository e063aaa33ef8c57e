/* UTF8 and LANG (RFC 6856). */
#include "roles/client-access/pop3/pop3.h"

#include <strings.h>

/* Messages are sent as they came, before UTF8 and after it: a client that has not asked
 * and is shown UTF-8 in a header field would be shown nothing else by anybody.  Names
 * and passwords may be UTF-8 in any case. */
enum next verb_utf8(struct pop3_session *s, const struct pop3_cmd *c)
{
	(void)c;
	s->utf8 = true;
	return pop3_ok(s, "UTF8 enabled");
}

static const struct {
	const char *tag, *name;
} languages[] = {
	{ "i-default", "Default language" },	/* RFC 2277 section 4.5: English */
	{ "en", "English" },
};

/* "en" stands for "en-GB" too (RFC 4647 section 3.4). */
static bool is_meant(const char *range, const char *tag)
{
	size_t n = strlen(tag);

	return strncasecmp(range, tag, n) == 0 && (range[n] == '\0' || range[n] == '-');
}

enum next verb_lang(struct pop3_session *s, const struct pop3_cmd *c)
{
	if (c->arg[0] == NULL) {
		pop3_ok(s, "Languages:");
		for (size_t i = 0; i < N_ELEMS(languages); i++)
			pop3_putf(s, "%s %s\r\n", languages[i].tag, languages[i].name);
		pop3_put(s, ".\r\n");
		return NEXT_MORE;
	}
	if (strcmp(c->arg[0], "*") == 0)
		return pop3_ok(s, "%s %s", languages[0].tag, languages[0].name);
	for (size_t i = 0; i < N_ELEMS(languages); i++)
		if (is_meant(c->arg[0], languages[i].tag))
			return pop3_ok(s, "%s %s", languages[i].tag, languages[i].name);
	return pop3_err(s, "That language is not spoken here.");
}
