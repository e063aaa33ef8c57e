#ifndef SVC_PROCESS_H
#define SVC_PROCESS_H
/* process - what svc does to the process: limits, memory, user, data folder */
#include "common/base/err.h"

void process_settle(void);	/* umask, descriptors, signals, malloc: see svc.h */

struct process_conf {
	const char *name;	/* the daemon's */
	const char *user;	/* whom to become; empty: stay */
	const char *data;	/* folder; made if it is not there, parents 0711, and locked */
	const char *conf_dir;
	const char *writes;	/* a file in conf_dir that the daemon writes; may be NULL */
};

/* Make and lock the data folder for as long as *lock_fd is open; as root with a user to
 * become, give that user the folder conf_dir/keys/NAME with the key file in it, and
 * the file it writes, made if missing; then become it.
 * EXISTS: locked by another process.  DENIED: the user may not use its folders. */
enum err process_enter(const struct process_conf *c, int *lock_fd, struct errbuf *eb) A_MUST_USE;
#endif
