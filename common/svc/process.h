#ifndef SVC_PROCESS_H
#define SVC_PROCESS_H
/* process - what svc does to the process: limits, memory, user, data folder */
#include "common/base/err.h"

void process_settle(void);	/* umask, descriptors, signals, malloc: see svc.h */

/* Make the folder if it is not there, lock it for as long as *lock_fd is open,
 * become `user` (empty: stay).  Parents that must be made are made 0711.
 * EXISTS: locked by another process. */
enum err process_enter(const char *data, const char *user, int *lock_fd,
		       struct errbuf *eb) A_MUST_USE;
#endif
