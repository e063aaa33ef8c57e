/* STATUS, also as part of LIST (RFC 3501 6.3.10, RFC 5819, RFC 7162, 7889, 8438, 8474). */
#include "roles/client-access/imap/imap.h"

#include "common/api/objectid.h"
#include "common/imap/status.h"
#include "common/imap/write.h"

/* Between the last claim and the end there may be gaps. */
static uint64_t recent(const struct store_folder *f)
{
	const uint64_t n = f->uidnext > f->recent_uid + 1 ? f->uidnext - f->recent_uid - 1 : 0;

	return n > f->total ? f->total : n;
}

void status_put(struct imap_session *s, const struct store_folder *f, unsigned items)
{
	const struct {
		const char *name;
		unsigned bit;
		uint64_t value;
	} numbers[] = {
		{ "MESSAGES", IMAP_STATUS_MESSAGES, f->total },
		{ "RECENT", IMAP_STATUS_RECENT, recent(f) },
		{ "UIDNEXT", IMAP_STATUS_UIDNEXT, f->uidnext },
		{ "UIDVALIDITY", IMAP_STATUS_UIDVALIDITY, f->uidvalidity },
		{ "UNSEEN", IMAP_STATUS_UNSEEN, f->unread },
		{ "DELETED", IMAP_STATUS_DELETED, f->deleted },
		{ "DELETED-STORAGE", IMAP_STATUS_DELETED_STORAGE, f->deleted_size / 1024 +
		  (f->deleted_size % 1024 != 0) },
		{ "HIGHESTMODSEQ", IMAP_STATUS_HIGHESTMODSEQ, f->highestmodseq },
		{ "SIZE", IMAP_STATUS_SIZE, f->size },
		{ "APPENDLIMIT", IMAP_STATUS_APPENDLIMIT, s->cas->conf.max_message },
	};
	char id[OBJECTID_TEXT];
	const char *sep = "";

	out_str(s, "* STATUS ");
	out_mailbox(s, f->path);
	out_str(s, " (");
	for (size_t i = 0; i < N_ELEMS(numbers); i++) {
		if ((items & numbers[i].bit) == 0)
			continue;
		out_fmt(s, "%s%s %llu", sep, numbers[i].name,
			(unsigned long long)numbers[i].value);
		sep = " ";
	}
	if (items & IMAP_STATUS_MAILBOXID)
		out_fmt(s, "%sMAILBOXID (%s)", sep,
			objectid_text(OBJECTID_FOLDER, &s->at.mailbox, f->fid, id));
	out_str(s, ")\r\n");
	if (items & IMAP_STATUS_HIGHESTMODSEQ)
		imap_condstore_on(s);
}

static enum next found(struct imap_session *s, enum err e, const struct store_folder *f)
{
	unsigned *items = s->run;

	if (e)
		return imap_fail(s, e);
	if (!(f->rights & RIGHT_READ))
		return imap_fail(s, f->rights & RIGHT_KNOWS ? ERR_DENIED : ERR_NOTFOUND);
	status_put(s, f, *items);
	return imap_finish(s, "OK Done.");
}

enum next imap_verb_status(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	unsigned *items = arena_alloc(&s->reader.arena, sizeof(*items));
	char *name;

	if (!imap_lex_sp(l) || !imap_lex_mailbox(l, &name) || !imap_lex_sp(l) ||
	    !imap_lex_status(l, items) || !imap_lex_end(l))
		return imap_bad(s);
	s->run = items;
	s->find_deleted = *items & IMAP_STATUS_DELETED_STORAGE;
	return folder_find(s, name, found);
}
