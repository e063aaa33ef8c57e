#include "common/api/rights.h"

#include "common/base/check.h"
#include <string.h>
#include <strings.h>

const struct guid rights_anyone = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
				      0xff, 0xff, 0xff, 0xff, 0xff, 0xff } };
const struct guid rights_authenticated = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe } };

enum { C_UNION = RIGHT_CREATE | RIGHT_REMOVE, D_UNION = RIGHT_DELETE | RIGHT_EXPUNGE };

/* In the order in which they are written. */
static const struct {
	char letter;
	unsigned rights;
} letters[] = {
	{ 'l', RIGHT_LOOKUP }, { 'r', RIGHT_READ },   { 's', RIGHT_SEEN },    { 'w', RIGHT_WRITE },
	{ 'i', RIGHT_INSERT }, { 'p', RIGHT_POST },   { 'k', RIGHT_CREATE },  { 'x', RIGHT_REMOVE },
	{ 't', RIGHT_DELETE }, { 'e', RIGHT_EXPUNGE }, { 'c', C_UNION },      { 'd', D_UNION },
	{ 'a', RIGHT_ADMIN },
};

const char *rights_text(unsigned rights, char out[RIGHTS_TEXT])
{
	size_t n = 0;

	for (size_t i = 0; i < N_ELEMS(letters); i++)
		if (rights & letters[i].rights)
			out[n++] = letters[i].letter;
	out[n] = '\0';
	return out;
}

static unsigned of_letter(char c)
{
	for (size_t i = 0; i < N_ELEMS(letters); i++)
		if (letters[i].letter == c)
			return letters[i].rights;
	return 0;
}

enum err rights_parse(const char *text, size_t n, unsigned *out)
{
	*out = 0;
	for (size_t i = 0; i < n; i++) {
		unsigned r = of_letter(text[i]);

		if (r == 0)
			return ERR_INVALID;
		*out |= r;
	}
	return ERR_OK;
}

enum {
	SEES = RIGHT_LOOKUP,
	READS = SEES | RIGHT_READ | RIGHT_SEEN,
	PUTS = RIGHT_INSERT | RIGHT_POST,
	EDITS = RIGHT_WRITE | RIGHT_DELETE | RIGHT_EXPUNGE,
};

static const struct {
	const char *name;
	unsigned rights;
} roles[] = {
	{ "None", 0 },
	{ "Contributor", SEES | PUTS },
	{ "Reviewer", READS },
	{ "Author", READS | PUTS },
	{ "NoneditingAuthor", READS | PUTS },
	{ "PublishingAuthor", READS | PUTS | RIGHT_CREATE },
	{ "Editor", READS | PUTS | EDITS },
	{ "PublishingEditor", READS | PUTS | EDITS | RIGHT_CREATE },
	{ "Owner", RIGHT_ALL },
};

bool rights_of_role(const char *name, unsigned *out)
{
	for (size_t i = 0; i < N_ELEMS(roles); i++)
		if (strcasecmp(roles[i].name, name) == 0) {
			*out = roles[i].rights;
			return true;
		}
	return false;
}

const char *rights_role(unsigned rights)
{
	for (size_t i = 0; i < N_ELEMS(roles); i++)
		if (roles[i].rights == rights)
			return roles[i].name;
	return NULL;
}
