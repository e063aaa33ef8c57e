#include "common/imap/list.h"

#include "common/imap/metadata.h"
#include "common/imap/status.h"

struct option {
	const char *name;
	unsigned bit;
};

static const struct option selections[] = {
	{ "SUBSCRIBED", IMAP_SELECT_SUBSCRIBED },
	{ "REMOTE", IMAP_SELECT_REMOTE },
	{ "RECURSIVEMATCH", IMAP_SELECT_RECURSIVEMATCH },
	{ "SPECIAL-USE", IMAP_SELECT_SPECIAL_USE },
	{ NULL, 0 },
};

static const struct option returns[] = {
	{ "SUBSCRIBED", IMAP_LIST_SUBSCRIBED },
	{ "CHILDREN", IMAP_LIST_CHILDREN },
	{ "SPECIAL-USE", IMAP_LIST_SPECIAL_USE },
	{ "STATUS", IMAP_LIST_STATUS },
	{ "MYRIGHTS", IMAP_LIST_MYRIGHTS },
	{ "METADATA", IMAP_LIST_METADATA },
	{ NULL, 0 },
};

/* What stands behind an option's name. */
static bool argument(struct imap_lex *l, unsigned option, struct imap_list *out)
{
	switch (option) {
	case IMAP_LIST_STATUS:
		return imap_lex_sp(l) && imap_lex_status(l, &out->status);
	case IMAP_LIST_METADATA:
		return imap_lex_sp(l) && imap_lex_meta_entries(l, &out->metadata);
	default:
		return true;
	}
}

/* "(A B)", at the parenthesis; out is NULL where no option has an argument. */
static bool options(struct imap_lex *l, const struct option *known, unsigned *bits,
		    struct imap_list *out)
{
	if (!imap_lex_char(l, '('))
		return false;
	while (imap_lex_peek(l) != ')') {
		const struct option *o = known;

		while (o->name && !imap_lex_word(l, o->name))
			o++;
		if (o->name == NULL)
			return imap_lex_fail(l, "Unknown LIST option.");
		*bits |= o->bit;
		if (out && !argument(l, o->bit, out))
			return false;
		if (imap_lex_peek(l) == ' ')
			l->p++;
	}
	l->p++;
	return true;
}

static bool pattern(struct imap_lex *l, struct imap_list *out)
{
	if (out->n_patterns == IMAP_MAX_PATTERNS)
		return imap_lex_fail(l, "Too many patterns.");
	if (!imap_lex_list_mailbox(l, &out->patterns[out->n_patterns]))
		return false;
	if (strlen(out->reference) + strlen(out->patterns[out->n_patterns]) > IMAP_MAX_PATTERN)
		return imap_lex_fail(l, "Pattern too long.");
	out->n_patterns++;
	return true;
}

static bool pattern_list(struct imap_lex *l, struct imap_list *out)
{
	l->p++;			/* '(' */
	out->extended = true;
	do {
		if (!pattern(l, out))
			return false;
	} while (imap_lex_peek(l) == ' ' && l->p++);
	return imap_lex_char(l, ')');
}

bool imap_lex_list(struct imap_lex *l, bool extensions, struct imap_list *out)
{
	*out = (struct imap_list){ 0 };
	if (extensions && imap_lex_peek(l) == '(') {
		out->extended = true;
		if (!options(l, selections, &out->select, NULL) || !imap_lex_sp(l))
			return false;
	}
	if ((out->select & IMAP_SELECT_RECURSIVEMATCH) &&
	    !(out->select & IMAP_SELECT_SUBSCRIBED))
		return imap_lex_fail(l, "RECURSIVEMATCH needs SUBSCRIBED.");
	if (!imap_lex_mailbox(l, &out->reference) || !imap_lex_sp(l))
		return false;
	if (extensions && imap_lex_peek(l) == '(' ? !pattern_list(l, out) : !pattern(l, out))
		return false;
	if (extensions && imap_lex_peek(l) == ' ') {
		l->p++;
		out->extended = true;
		if (!imap_lex_word(l, "RETURN"))
			return imap_lex_fail(l, "Expected RETURN.");
		if (!imap_lex_sp(l) ||
		    !options(l, returns, &out->returns, out))
			return false;
	}
	return imap_lex_end(l);
}

/*
 * A nondeterministic automaton in bits: bit i is set when text[0..i) has matched
 * what was read.  A literal moves its bit up; a wildcard keeps its own bit as
 * long as it may, and hands it up for nothing (the closure).  Runs of wildcards
 * are one ("*%" is "*"), so the closure is one step.
 */
#define WORDS (IMAP_MAX_PATTERN / 64 + 1)

struct imap_pattern {
	char text[IMAP_MAX_PATTERN + 1];
	size_t n, words;
	uint64_t star[WORDS], percent[WORDS];
	uint16_t row[256];		/* which literal[] a byte uses; 0: none */
	uint64_t (*literal)[WORDS];	/* bits where the pattern has this byte */
};

static bool is_wild(char c)
{
	return c == '*' || c == '%';
}

static void collapse(struct imap_pattern *p, const char *s)
{
	for (; *s; s++) {
		char *end = p->n ? &p->text[p->n - 1] : NULL;

		if (end && is_wild(*end) && is_wild(*s))
			*end = *end == '*' || *s == '*' ? '*' : '%';
		else
			p->text[p->n++] = *s;
	}
}

enum err imap_pattern_make(struct arena *a, const char *reference, const char *pattern,
			   struct imap_pattern **out)
{
	struct imap_pattern *p;
	size_t rows = 1;

	if (strlen(reference) + strlen(pattern) > IMAP_MAX_PATTERN)
		return ERR_LIMIT;
	p = arena_alloc(a, sizeof(*p));
	collapse(p, reference);
	collapse(p, pattern);
	p->words = p->n / 64 + 1;
	for (size_t i = 0; i < p->n; i++)
		if (!is_wild(p->text[i]) && p->row[(unsigned char)p->text[i]] == 0)
			p->row[(unsigned char)p->text[i]] = (uint16_t)rows++;
	p->literal = arena_alloc(a, rows * sizeof(*p->literal));
	for (size_t i = 0; i < p->n; i++) {
		uint64_t bit = UINT64_C(1) << (i % 64);

		if (p->text[i] == '*')
			p->star[i / 64] |= bit;
		else if (p->text[i] == '%')
			p->percent[i / 64] |= bit;
		else
			p->literal[p->row[(unsigned char)p->text[i]]][i / 64] |= bit;
	}
	*out = p;
	return ERR_OK;
}

/* s |= (s & wild) << 1 */
static void closure(const struct imap_pattern *p, uint64_t *s)
{
	uint64_t carry = 0;

	for (size_t w = 0; w < p->words; w++) {
		uint64_t wild = s[w] & (p->star[w] | p->percent[w]);

		s[w] |= wild << 1 | carry;
		carry = wild >> 63;
	}
}

/* other: the same letter in the other case, or c. */
static void advance(const struct imap_pattern *p, uint64_t *s, unsigned char c,
		    unsigned char other)
{
	const uint64_t *la = p->literal[p->row[c]], *lb = p->literal[p->row[other]];
	uint64_t carry = 0;

	for (size_t w = 0; w < p->words; w++) {
		uint64_t moved = s[w] & (la[w] | lb[w]);
		uint64_t stay = s[w] & (p->star[w] | (c != '/' ? p->percent[w] : 0));

		s[w] = moved << 1 | carry | stay;
		carry = moved >> 63;
	}
	closure(p, s);
}

/* s: the states in which the name leaves it. */
static void run(const struct imap_pattern *p, const char *name, uint64_t s[WORDS])
{
	size_t any_case = 0;		/* leading bytes whose case does not matter */

	if (strncmp(name, "INBOX", 5) == 0 && (name[5] == '\0' || name[5] == '/'))
		any_case = 5;
	closure(p, s);
	for (size_t i = 0; name[i]; i++) {
		unsigned char c = (unsigned char)name[i];

		advance(p, s, c, i < any_case ? (unsigned char)(c | 0x20) : c);
	}
}

bool imap_pattern_may_begin(const struct imap_pattern *p, const char *start)
{
	uint64_t s[WORDS] = { 1 }, any = 0;

	run(p, start, s);
	for (size_t w = 0; w < p->words; w++)
		any |= s[w];
	return any != 0;
}

bool imap_pattern_match(const struct imap_pattern *p, const char *name)
{
	uint64_t s[WORDS] = { 1 };

	run(p, name, s);
	return (s[p->n / 64] >> (p->n % 64) & 1) != 0;
}
