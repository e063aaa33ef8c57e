#ifndef MAILBOX_COPY_H
#define MAILBOX_COPY_H
/*
 * copy - COPY and MOVE inside a mailbox: all or nothing
 *
 * A copy links: the target gets a second placement of the item, which shares its
 * flags and keywords.  Into a folder that already holds the item it makes a new
 * item on the same content.  A move makes a new placement and a tombstone.
 *
 * The whole of it is one request of the writer, whatever its size: 10,000
 * messages take about a second, during which the database's other writes wait.
 */
#include "roles/mailbox/access.h"
#include "roles/mailbox/runs.h"

struct copy_op {
	struct who who;
	uint64_t fid;
	const struct uid_range *uids;	/* normalised, borrowed */
	size_t n_uids;
	uint64_t to_fid;		/* 0: by path */
	const char *to_path;
	bool move;
	/* results: from and to correspond in order */
	struct runs from, to;
	uint32_t uidvalidity;
	uint64_t modseq;
};
/* NOTFOUND: no such target. */
enum err copy(struct tx *tx, void *op, struct errbuf *eb) A_MUST_USE;

/* Every message of a folder into another one. */
enum err move_all(struct tx *tx, struct mbx_row *m, int64_t from, int64_t to,
		  struct errbuf *eb) A_MUST_USE;
#endif
