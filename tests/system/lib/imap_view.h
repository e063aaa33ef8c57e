#ifndef SYSTEM_LIB_IMAP_VIEW_H
#define SYSTEM_LIB_IMAP_VIEW_H
/*
 * imap_view - an IMAP session that believes what it is told
 *
 * It keeps the selected folder as a client does: EXISTS, EXPUNGE, VANISHED and FETCH
 * change it, and nothing else.  A line that cannot be true (an EXPUNGE of a message
 * that is not there, an EXISTS below what is) ends the test.  With TRACE in the
 * environment the conversations go to stderr.
 */
#include "tests/system/lib/mbox.h"
#include "tests/system/lib/wire.h"

struct imap_view {
	struct wire *w;			/* NULL: not connected */
	const char *name;		/* for messages */
	int folder;			/* selected; -1: none */
	struct mbox_seen seen;		/* row.uid 0: told of by EXISTS only */
	uint64_t highestmodseq;
	uint32_t uidvalidity, uidnext;
	bool wants_all;			/* rows of unknown uids are added (QRESYNC) */
	/* of the last command */
	char answer[256];		/* the tagged line without its tag */
	char code[64 * 1024];		/* a COPYUID or APPENDUID code, from wherever it came */
	char bad[200];			/* what could not be true; "": all well */
};

enum view_answer { VIEW_OK, VIEW_NO, VIEW_LOST };
enum view_answer view_command(struct imap_view *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void view_close(struct imap_view *v);
/* Forget what was selected. */
void view_reset(struct imap_view *v);
#endif
