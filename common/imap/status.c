#include "common/imap/status.h"

static const struct {
	const char *name;
	unsigned bit;
} items_by_name[] = {
	{ "MESSAGES", IMAP_STATUS_MESSAGES },
	{ "RECENT", IMAP_STATUS_RECENT },
	{ "UIDNEXT", IMAP_STATUS_UIDNEXT },
	{ "UIDVALIDITY", IMAP_STATUS_UIDVALIDITY },
	{ "UNSEEN", IMAP_STATUS_UNSEEN },
	{ "HIGHESTMODSEQ", IMAP_STATUS_HIGHESTMODSEQ },
	{ "SIZE", IMAP_STATUS_SIZE },
	{ "DELETED", IMAP_STATUS_DELETED },
	{ "DELETED-STORAGE", IMAP_STATUS_DELETED_STORAGE },
	{ "APPENDLIMIT", IMAP_STATUS_APPENDLIMIT },
	{ "MAILBOXID", IMAP_STATUS_MAILBOXID },
};

static bool item(struct imap_lex *l, unsigned *items)
{
	for (size_t i = 0; i < N_ELEMS(items_by_name); i++)
		if (imap_lex_word(l, items_by_name[i].name)) {
			*items |= items_by_name[i].bit;
			return true;
		}
	return imap_lex_fail(l, "Unknown STATUS item.");
}

bool imap_lex_status(struct imap_lex *l, unsigned *items)
{
	*items = 0;
	if (!imap_lex_char(l, '('))
		return false;
	do {
		if (!item(l, items))
			return false;
	} while (imap_lex_peek(l) == ' ' && l->p++);
	return imap_lex_char(l, ')');
}
