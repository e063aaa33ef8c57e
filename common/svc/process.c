#include "common/svc/process.h"

#include "common/base/check.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

void process_settle(void)
{
	struct rlimit files;

	umask(077);
	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)!setrlimit(RLIMIT_NOFILE, &files);
	}
	/* An arena per thread is memory that nobody else can use: one for the loop
	 * and one for the workers do.  What was freed goes back to the system. */
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_TRIM_THRESHOLD, 2 * 1024 * 1024);
	mallopt(M_TOP_PAD, 256 * 1024);
	mallopt(M_MMAP_THRESHOLD, 1024 * 1024);
}

/* All parents of path; whoever makes one must let others through it. */
static void make_parents(const char *path)
{
	char *copy = xstrdup(path);

	for (char *p = strchr(copy + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(copy, 0711) == 0)
			(void)!chmod(copy, 0711);
		*p = '/';
	}
	free(copy);
}

static enum err lock_folder(const char *data, const struct passwd *pw, int *lock_fd,
			    struct errbuf *eb)
{
	char *path = xasprintf("%s/lock", data);
	enum err e = ERR_OK;
	int fd;

	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		e = err_errno(eb, errno, path);
	} else if (flock(fd, LOCK_EX | LOCK_NB)) {
		e = errno == EWOULDBLOCK
			    ? err_set(eb, ERR_EXISTS, "%s: another daemon lives in this folder", data)
			    : err_errno(eb, errno, path);
	} else if (pw && fchown(fd, pw->pw_uid, pw->pw_gid)) {
		e = err_errno(eb, errno, path);
	}
	if (e && fd >= 0)
		close(fd);
	else
		*lock_fd = fd;
	free(path);
	return e;
}

static enum err make_folder(const char *data, const struct passwd *pw, struct errbuf *eb)
{
	struct stat st;

	make_parents(data);
	if (mkdir(data, 0700) == 0 && pw && chown(data, pw->pw_uid, pw->pw_gid))
		return err_errno(eb, errno, data);
	if (stat(data, &st))
		return err_errno(eb, errno, data);
	if (!S_ISDIR(st.st_mode))
		return err_set(eb, ERR_INVALID, "%s: not a folder", data);
	return ERR_OK;
}

static enum err become(const struct passwd *pw, struct errbuf *eb)
{
	if (getuid() == pw->pw_uid && geteuid() == pw->pw_uid)
		return ERR_OK;
	if (initgroups(pw->pw_name, pw->pw_gid) ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid))
		return err_set(eb, ERR_DENIED, "cannot become %s: %s", pw->pw_name,
			       strerror(errno));
	CHECK(pw->pw_uid == 0 || setuid(0) != 0);	/* there is no way back */
	return ERR_OK;
}

/* A file or folder becomes pw's own, unless it is a link or has a second name: an
 * account must not have others' files given to it.  One that is not there is made, with
 * that mode, if flags say so. */
static enum err give(int dir, const char *name, int flags, mode_t mode, const struct passwd *pw,
		     struct errbuf *eb)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags, mode);
	enum err e = ERR_OK;
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? ERR_OK : err_errno(eb, errno, name);
	if (fstat(fd, &st))
		e = err_errno(eb, errno, name);
	else if (!S_ISDIR(st.st_mode) && (!S_ISREG(st.st_mode) || st.st_nlink != 1))
		e = err_set(eb, ERR_DENIED, "%s: not a file of its own", name);
	else if ((st.st_uid != pw->pw_uid && fchown(fd, pw->pw_uid, pw->pw_gid)) ||
		 ((flags & O_CREAT) && fchmod(fd, mode)))
		e = err_errno(eb, errno, name);
	close(fd);
	return e;
}

/* What systemd's unit does by ExecStartPre: see deploy/systemd. */
static enum err hand_over(const struct process_conf *c, const struct passwd *pw,
			  struct errbuf *eb)
{
	char *keys = xasprintf("keys/%s", c->name), *key = xasprintf("keys/%s/key", c->name);
	int dir = open(c->conf_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err e = dir < 0 ? err_errno(eb, errno, c->conf_dir) : ERR_OK;

	if (!e && mkdirat(dir, "keys", 0711) == 0)
		(void)!fchmodat(dir, "keys", 0711, 0);
	if (!e)
		(void)!mkdirat(dir, keys, 0700);
	if (!e)
		e = give(dir, keys, O_DIRECTORY, 0, pw, eb);
	if (!e)
		e = give(dir, key, 0, 0, pw, eb);
	if (!e && c->writes)
		e = give(dir, c->writes, O_CREAT, 0644, pw, eb);
	if (dir >= 0)
		close(dir);
	free(keys);
	free(key);
	return e;
}

enum err process_enter(const struct process_conf *c, int *lock_fd, struct errbuf *eb)
{
	const struct passwd *pw = NULL;
	enum err e;

	if (c->user[0] != '\0') {
		pw = getpwnam(c->user);
		if (pw == NULL)
			return err_set(eb, ERR_NOTFOUND, "no user %s", c->user);
	}
	e = make_folder(c->data, pw, eb);
	if (!e)
		e = lock_folder(c->data, pw, lock_fd, eb);
	if (!e && pw && geteuid() == 0)
		e = hand_over(c, pw, eb);
	if (!e && pw)
		e = become(pw, eb);
	if (!e && access(c->data, R_OK | W_OK | X_OK))
		e = err_set(eb, ERR_DENIED, "%s: %s may not write there", c->data,
			    pw ? pw->pw_name : "this user");
	return e;
}
