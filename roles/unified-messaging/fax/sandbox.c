#include "roles/unified-messaging/fax/sandbox.h"

#include "common/base/attr.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A sanitizer maps terabytes, makes system calls of its own and looks for leaks as a
 * debugger does. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static enum err limit(int what, uint64_t value, struct errbuf *eb)
{
	struct rlimit r = { value, value };

	if (setrlimit(what, &r) != 0)
		return err_set(eb, ERR_INTERNAL, "setrlimit: %s", strerror(errno));
	return ERR_OK;
}

static enum err set_limits(const struct sandbox *s, struct errbuf *eb)
{
	enum err e = limit(RLIMIT_CPU, s->cpu_s, eb);

	if (!e)
		e = limit(RLIMIT_FSIZE, s->file, eb);
	if (!e)
		e = limit(RLIMIT_NOFILE, 16, eb);
	if (!e)
		e = limit(RLIMIT_CORE, 0, eb);
	if (!e && !SANITIZED)
		e = limit(RLIMIT_AS, s->memory, eb);
	return e;
}

/* Files below the current folder.  A kernel without Landlock leaves that to the file
 * modes: everything of ours is 0700. */
static enum err only_this_folder(struct errbuf *eb)
{
	struct landlock_ruleset_attr rules = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
				     LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
				     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG,
	};
	struct landlock_path_beneath_attr here = {
		.allowed_access = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE |
				  LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG,
	};
	int set = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
	enum err e = ERR_OK;

	if (set < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP
			       ? ERR_OK
			       : err_set(eb, ERR_INTERNAL, "landlock: %s", strerror(errno));
	here.parent_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (here.parent_fd < 0 ||
	    syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &here, 0) != 0 ||
	    syscall(SYS_landlock_restrict_self, set, 0) != 0)
		e = err_set(eb, ERR_INTERNAL, "landlock: %s", strerror(errno));
	if (here.parent_fd >= 0)
		close(here.parent_fd);
	close(set);
	return e;
}

static enum err only_these_calls(struct errbuf *eb)
{
	static const int calls[] = {
		SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev),
		SCMP_SYS(pread64), SCMP_SYS(pwrite64), SCMP_SYS(lseek), SCMP_SYS(close),
		SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(recvmsg), SCMP_SYS(sendmsg),
		SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(openat), SCMP_SYS(ftruncate),
		SCMP_SYS(fsync), SCMP_SYS(fcntl), SCMP_SYS(ioctl), SCMP_SYS(unlink), SCMP_SYS(unlinkat),
		SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
		SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigaction),
		SCMP_SYS(futex), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time),
		SCMP_SYS(getrandom), SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(sched_yield),
		SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(tgkill),
		SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(restart_syscall),
	};
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc = f ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < N_ELEMS(calls); i++)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, calls[i], 0);
	/* Memory, but none that could be run. */
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, 4 /* PROT_EXEC */, 0));
	if (rc == 0)
		rc = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, 4, 0));
	if (rc == 0)
		rc = seccomp_load(f);
	if (f)
		seccomp_release(f);
	return rc == 0 ? ERR_OK : err_set(eb, ERR_INTERNAL, "seccomp: %s", strerror(-rc));
}

enum err sandbox_enter(const struct sandbox *s, struct errbuf *eb)
{
	enum err e;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return err_set(eb, ERR_INTERNAL, "no_new_privs: %s", strerror(errno));
	e = set_limits(s, eb);
	if (!e && !SANITIZED)
		e = only_this_folder(eb);
	if (!e && !SANITIZED)
		e = only_these_calls(eb);
	return e;
}
