#ifndef MAILBOX_MEND_H
#define MAILBOX_MEND_H
/* mend - what repair does once the rows are copied: make them agree; offline only */
#include "common/db/db.h"

/* Tables that entries of the damaged file's indexes are copied into. */
extern const char mend_begin[];
/* Mailboxes, folders and placements again, from those. */
extern const char mend_rows[];
/* What is lost: table salvage_lost(mbx, fid, uid, subject). */
extern const char mend_lost[];
/* Drop it, place what has no place, bring counters above all numbers in use. */
extern const char mend_places[];
extern const char mend_end[];

/* Rows of mailboxes that are not there any more. */
enum err mend_strays(struct db *db, struct errbuf *eb) A_MUST_USE;
#endif
