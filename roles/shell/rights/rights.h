/* Private to roles/shell/rights. */
#ifndef SHELL_RIGHTS_H
#define SHELL_RIGHTS_H
/* rights - who may do what with folders: what the verbs ask of mailbox servers; path
 * "": the whole mailbox */
#include "common/api/rights.h"
#include "roles/shell/objects.h"

enum rights_change { RIGHTS_ADD, RIGHTS_SET, RIGHTS_REMOVE };

struct rights_row {
	struct guid who;
	unsigned given, taken;
	bool whole;			/* of the whole mailbox */
};

/* denied: of the rights that are taken away. */
enum err ask_rights_change(struct shell *sh, const char *server, const struct guid *mailbox,
			   const char *path, const struct guid *who, enum rights_change how,
			   unsigned rights, bool denied) A_MUST_USE;
enum err ask_rights(struct shell *sh, const char *server, const struct guid *mailbox,
		    const char *path, struct rights_row **rows, size_t *n) A_MUST_USE;
enum err ask_make_folder(struct shell *sh, const char *server, const struct guid *mailbox,
			 const char *path) A_MUST_USE;
#endif
