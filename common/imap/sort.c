#include "common/imap/sort.h"

static bool one_key(struct imap_lex *l, struct imap_sort *sort)
{
	static const char *const names[IMAP_SORT_KEYS] = {
		[IMAP_SORT_ARRIVAL] = "ARRIVAL",
		[IMAP_SORT_CC] = "CC",
		[IMAP_SORT_DATE] = "DATE",
		[IMAP_SORT_DISPLAYFROM] = "DISPLAYFROM",
		[IMAP_SORT_DISPLAYTO] = "DISPLAYTO",
		[IMAP_SORT_FROM] = "FROM",
		[IMAP_SORT_SIZE] = "SIZE",
		[IMAP_SORT_SUBJECT] = "SUBJECT",
		[IMAP_SORT_TO] = "TO",
	};
	bool reverse = imap_lex_word(l, "REVERSE");
	unsigned k = 0;

	if (reverse && !imap_lex_sp(l))
		return false;
	while (k < IMAP_SORT_KEYS && !imap_lex_word(l, names[k]))
		k++;
	if (k == IMAP_SORT_KEYS)
		return imap_lex_fail(l, "Unknown sort key.");
	for (size_t i = 0; i < sort->n; i++)
		if ((unsigned)sort->by[i].key == k)
			return true;
	sort->by[sort->n].key = (enum imap_sort_key)k;
	sort->by[sort->n++].reverse = reverse;
	return true;
}

static bool keys(struct imap_lex *l, struct imap_sort *sort)
{
	if (!imap_lex_char(l, '('))
		return false;
	do {
		if (!one_key(l, sort))
			return false;
	} while (imap_lex_peek(l) == ' ' && imap_lex_sp(l));
	return imap_lex_char(l, ')') && imap_lex_sp(l);
}

static bool criteria(struct imap_lex *l, struct imap_search *out)
{
	return imap_lex_search_charset(l, out) && imap_lex_sp(l) && imap_lex_search_keys(l, out);
}

bool imap_lex_sort(struct imap_lex *l, struct imap_sort *sort, struct imap_search *out)
{
	*out = (struct imap_search){ 0 };
	*sort = (struct imap_sort){ .n = 0 };
	return imap_lex_search_returns(l, out) && keys(l, sort) && criteria(l, out);
}

bool imap_lex_thread(struct imap_lex *l, enum imap_thread_alg *alg, struct imap_search *out)
{
	*out = (struct imap_search){ 0 };
	if (imap_lex_word(l, "REFERENCES"))
		*alg = IMAP_THREAD_REFERENCES;
	else if (imap_lex_word(l, "ORDEREDSUBJECT"))
		*alg = IMAP_THREAD_ORDEREDSUBJECT;
	else
		return imap_lex_fail(l, "Unknown threading algorithm.");
	return imap_lex_sp(l) && criteria(l, out);
}
