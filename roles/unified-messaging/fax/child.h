#ifndef UM_FAX_CHILD_H
#define UM_FAX_CHILD_H
/* child - the process of one fax: a terminal at the end of a line (line.h) */
#include <stdbool.h>

#define FAX_TIFF "pages.tif"
#define FAX_PDF	 "pages.pdf"

enum child_task {
	CHILD_RECEIVE,		/* makes FAX_TIFF in the current folder, and FAX_PDF of it */
	CHILD_SEND,		/* FAX_TIFF */
	CHILD_MEND,		/* what another child left when it crashed: makes FAX_PDF */
};

struct child_conf {
	enum child_task task;
	bool no_ecm, no_v17;
	bool guard_off;		/* for the test of the sandbox */
	const char *ident;
};

/* Until the fax is over or the line is cut; what main() returns.  In the current
 * folder, with LINE_FD open. */
int child_run(const struct child_conf *conf);
#endif
