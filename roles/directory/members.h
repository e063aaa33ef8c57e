#ifndef DIRECTORY_MEMBERS_H
#define DIRECTORY_MEMBERS_H
/*
 * members - groups of any size
 *
 * An object has room for some thousands of members.  What a group has beyond MEMBERS_OWN
 * stands in pages: objects of a class of their own that only hold members.  The group
 * has each page among its members, so that whoever climbs from a member finds the group
 * through it, and lists its pages in member-page.  Nobody but the directory makes or
 * changes pages.  A member is in one place only.
 */
#include "roles/directory/apply.h"

#define MEMBERS_OWN 4000	/* in a group object, beside its pages */
#define MEMBERS_PAGE 4000	/* in a page */

/* One change of OBJ_MEMBER of the job's group; values are GUIDs (stored form).
 * NOTFOUND: to be removed, and not there. */
enum err members_change(struct job *j, enum change_op op, const struct guid *g, size_t n) A_MUST_USE;
/* In another group than the job's; OK if it is there already. */
enum err members_join(struct job *j, struct object *group, const struct guid *who) A_MUST_USE;
/* With the group: its pages, changed and gone. */
enum err members_write(struct job *j) A_MUST_USE;
/* What it did to pages, for the audit; "": nothing. */
const char *members_diff(const struct job *j);
void members_end(struct job *j);
/* All pages of a group that is deleted. */
enum err members_delete(struct job *j) A_MUST_USE;
#endif
