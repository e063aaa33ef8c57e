#ifndef DIRECTORY_ADDRESSES_H
#define DIRECTORY_ADDRESSES_H
/*
 * addresses - what addresses a recipient has by the organisation's address policies
 *
 * Of the policies whose filters (class, department, company) the recipient passes the
 * one of the least priority holds, a default one only if no other does; without any it
 * is alias@default-domain.  Its first template makes the primary address, the others
 * make further ones.  What a recipient had before it keeps as secondary addresses, so
 * that mail finds it.  A name that is taken gets a number, and an address with a number
 * is kept while it fits.
 *
 * A recipient follows the policies if by-policy is on: it is when its addresses were
 * made here, until an administrator sets them himself.  Contacts get addresses only by a
 * policy that names their class.
 */
#include "roles/directory/apply.h"

/* The job's object, as its policy says.  EXISTS: no free address could be found. */
enum err addresses_follow(struct job *j) A_MUST_USE;
/* complete()'s part: a new recipient, or one whose names or addresses change. */
enum err addresses_complete(struct job *j) A_MUST_USE;

/* ---- after a change of a policy: walk.c ---------------------------------------------- */

/* All recipients are looked at, some in each turn of the loop; from the beginning if
 * that is under way.  That it is to be done outlives a restart. */
void walk_begin(struct directory *d);
void walk_resume(struct directory *d);		/* when opening */
/* Some of them, in one transaction; *more is false after the last. */
enum err walk_step(struct directory *d, int64_t now_ms, bool *more, struct errbuf *eb) A_MUST_USE;
#endif
