#ifndef UM_FAX_SANDBOX_H
#define UM_FAX_SANDBOX_H
/*
 * sandbox - a process that has only its open descriptors and one folder
 *
 * Limits on memory, time, files and their size; files below the current folder only
 * (Landlock, where the kernel has it); no network, no new processes, nothing but the
 * system calls that reading, writing and computing need (seccomp: any other kills).
 */
#include "common/base/err.h"
#include <stdint.h>

struct sandbox {
	uint64_t memory;	/* of the address space */
	uint64_t cpu_s;
	uint64_t file;		/* octets of the largest file */
};

enum err sandbox_enter(const struct sandbox *s, struct errbuf *eb) A_MUST_USE;
#endif
