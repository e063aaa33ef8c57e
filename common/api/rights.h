#ifndef API_RIGHTS_H
#define API_RIGHTS_H
/*
 * rights - who may do what with a folder, as RFC 4314 has it
 *
 * The store keeps and checks them; clients and administrators write them as
 * letters.  Of the obsolete letters of RFC 2086, c is read as kx and d as te, and
 * both are written wherever one of their members is (section 2.1.1).
 *
 * Who has them is a directory object, user or group, or one of the reserved GUIDs
 * below.  A row may also take rights away ("-bob"): that wins over what any other
 * row gives.  The owner of a mailbox has them all, for good.
 */
#include "common/base/err.h"
#include "common/base/guid.h"
#include <stdbool.h>

enum right {
	RIGHT_LOOKUP = 1,		/* l: LIST shows the folder */
	RIGHT_READ = 2,			/* r: SELECT, STATUS, and reading what is in it */
	RIGHT_SEEN = 4,			/* s: change \Seen */
	RIGHT_WRITE = 8,		/* w: change flags but \Seen and \Deleted; keywords */
	RIGHT_INSERT = 16,		/* i: put messages in */
	RIGHT_POST = 32,		/* p: send mail to its address; kept, not enforced */
	RIGHT_CREATE = 64,		/* k: make folders below */
	RIGHT_REMOVE = 128,		/* x: delete or rename the folder */
	RIGHT_DELETE = 256,		/* t: change \Deleted */
	RIGHT_EXPUNGE = 512,		/* e */
	RIGHT_ADMIN = 1024,		/* a: see and change rights */
	RIGHT_ALL = 2047,
	RIGHT_KNOWS = RIGHT_LOOKUP | RIGHT_READ,	/* one of them: he may know it is there */
};

extern const struct guid rights_anyone, rights_authenticated;

/* Letters as MYRIGHTS and GETACL say them, "lrswipkxtecda"; at most RIGHTS_TEXT. */
#define RIGHTS_TEXT 16
const char *rights_text(unsigned rights, char out[RIGHTS_TEXT]);
/* INVALID: a letter that is none. */
enum err rights_parse(const char *letters, size_t n, unsigned *out) A_MUST_USE;

/* Exchange's roles of a folder: None, Contributor, Reviewer, Author,
 * PublishingAuthor, NoneditingAuthor, Editor, PublishingEditor, Owner.  Where a
 * role lets one change "own items", which IMAP does not know, it does not. */
bool rights_of_role(const char *name, unsigned *out);
const char *rights_role(unsigned rights);	/* the role with exactly these; NULL: none */
#endif
