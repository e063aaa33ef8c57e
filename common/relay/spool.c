#include "common/relay/spool.h"

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/guid.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEMORY_EACH  (256u << 10)
#define MEMORY_TOTAL (64u << 20)
#define TMP_PREFIX   "unkept."
#define TMP_NAME_MAX (sizeof(TMP_PREFIX) + GUID_TEXT)

struct spool {
	char *dir;
	int fd;			/* of the folder */
	size_t memory_each, memory_total;
	size_t memory;		/* atomic: octets in bodies now */
};

struct spool_body {
	unsigned magic;
#define SPOOL_BODY_MAGIC 0x5900b0d1u
	struct spool *spool;
	unsigned refs;		/* atomic */
	bool sealed;
	uint64_t size;
	struct buf mem;		/* all of it, while fd is -1 */
	int fd;
	char tmp[TMP_NAME_MAX];	/* the name of a file that could not be nameless, or "" */
};

/* ---- the folder ------------------------------------------------------------- */

static bool is_tmp(const char *name)
{
	return strncmp(name, TMP_PREFIX, strlen(TMP_PREFIX)) == 0;
}

static bool name_valid(const char *name)
{
	return name[0] != '\0' && name[0] != '.' && !is_tmp(name) && !strchr(name, '/') &&
	       strlen(name) < SPOOL_NAME_MAX;
}

/* Every name in the folder but dot files.  cb returns false to stop. */
static enum err each_file(struct spool *s, spool_name_fn *cb, void *ctx, struct errbuf *eb)
{
	int fd = openat(s->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;
	int failure;

	if (!d) {
		failure = errno;
		if (fd >= 0)
			close(fd);
		return err_errno(eb, failure, s->dir);
	}
	for (errno = 0; (de = readdir(d)) != NULL; errno = 0)
		if (de->d_name[0] != '.' && !cb(ctx, de->d_name))
			break;
	failure = errno;
	closedir(d);
	return de == NULL && failure ? err_errno(eb, failure, s->dir) : ERR_OK;
}

static bool sweep_one(void *ctx, const char *name)
{
	struct spool *s = ctx;

	if (is_tmp(name))
		(void)unlinkat(s->fd, name, 0);
	return true;
}

enum err spool_open(const struct spool_conf *conf, struct spool **out, struct errbuf *eb)
{
	struct spool *s;
	enum err e;

	*out = NULL;
	if (mkdir(conf->dir, 0700) < 0 && errno != EEXIST)
		return err_errno(eb, errno, conf->dir);
	s = xcalloc(1, sizeof(*s));
	s->dir = xstrdup(conf->dir);
	s->memory_each = conf->memory_each ? conf->memory_each : MEMORY_EACH;
	s->memory_total = conf->memory_total ? conf->memory_total : MEMORY_TOTAL;
	s->fd = open(conf->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	e = s->fd < 0 ? err_errno(eb, errno, conf->dir) : each_file(s, sweep_one, s, eb);
	if (e)
		spool_close(&s);
	*out = s;
	return e;
}

void spool_close(struct spool **sp)
{
	struct spool *s = *sp;

	if (!s)
		return;
	*sp = NULL;
	CHECK(spool_memory(s) == 0);
	if (s->fd >= 0)
		close(s->fd);
	free(s->dir);
	free(s);
}

size_t spool_memory(const struct spool *s)
{
	return __atomic_load_n(&s->memory, __ATOMIC_RELAXED);
}

struct kept {
	spool_name_fn *cb;
	void *ctx;
};

static bool pass_kept(void *ctx, const char *name)
{
	struct kept *k = ctx;

	return is_tmp(name) || k->cb(k->ctx, name);
}

enum err spool_each(struct spool *s, spool_name_fn *cb, void *ctx, struct errbuf *eb)
{
	struct kept k = { cb, ctx };

	return each_file(s, pass_kept, &k, eb);
}

enum err spool_remove(struct spool *s, const char *name, struct errbuf *eb)
{
	if (!name_valid(name))
		return err_set(eb, ERR_INVALID, "not a spool name");
	if (unlinkat(s->fd, name, 0) < 0 && errno != ENOENT)
		return err_errno(eb, errno, name);
	return ERR_OK;
}

/* ---- files ------------------------------------------------------------------ */

/* A file for writing and reading, nameless if the file system can: then tmp is
 * "".  -1: errno. */
static int make_file(struct spool *s, char tmp[TMP_NAME_MAX])
{
	int fd = openat(s->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char text[GUID_TEXT];
	struct guid g;

	tmp[0] = '\0';
	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	g = guid_make();
	snprintf(tmp, TMP_NAME_MAX, TMP_PREFIX "%s", guid_text(&g, text));
	fd = openat(s->fd, tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		tmp[0] = '\0';
	return fd;
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -1;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

/* Durable under its name.  Never replaces a file. */
static enum err name_file(struct spool *s, int fd, char *tmp, const char *name,
			  struct errbuf *eb)
{
	char path[64];
	int r;

	if (fsync(fd) < 0)
		return err_errno(eb, errno, "fsync");
	if (tmp[0] != '\0') {
		r = renameat2(s->fd, tmp, s->fd, name, RENAME_NOREPLACE);
	} else {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		r = linkat(AT_FDCWD, path, s->fd, name, AT_SYMLINK_FOLLOW);
	}
	if (r < 0)
		return err_errno(eb, errno, name);
	tmp[0] = '\0';
	if (fsync(s->fd) < 0)
		return err_errno(eb, errno, s->dir);
	return ERR_OK;
}

/* ---- bodies ----------------------------------------------------------------- */

struct spool_body *spool_body_new(struct spool *s)
{
	struct spool_body *b = xcalloc(1, sizeof(*b));

	b->magic = SPOOL_BODY_MAGIC;
	b->spool = s;
	b->refs = 1;
	b->fd = -1;
	buf_init(&b->mem, s->memory_each);
	return b;
}

static void forget_memory(struct spool_body *b)
{
	__atomic_sub_fetch(&b->spool->memory, b->mem.len, __ATOMIC_RELAXED);
	buf_fini(&b->mem);
}

static enum err move_to_file(struct spool_body *b, struct errbuf *eb)
{
	b->fd = make_file(b->spool, b->tmp);
	if (b->fd < 0)
		return err_errno(eb, errno, b->spool->dir);
	if (write_all(b->fd, b->mem.data, b->mem.len) < 0)
		return err_errno(eb, errno, "write to spool");
	forget_memory(b);
	return ERR_OK;
}

enum err spool_body_add(struct spool_body *b, const void *p, size_t n, struct errbuf *eb)
{
	struct spool *s;
	enum err e;

	CHECK_OBJ(b, SPOOL_BODY_MAGIC);
	CHECK(!b->sealed);
	s = b->spool;
	if (b->fd < 0 && n <= s->memory_each - b->mem.len &&
	    spool_memory(s) + n <= s->memory_total) {
		e = buf_add(&b->mem, p, n);
		CHECK(e == ERR_OK);
		__atomic_add_fetch(&s->memory, n, __ATOMIC_RELAXED);
		b->size += n;
		return ERR_OK;
	}
	if (b->fd < 0) {
		e = move_to_file(b, eb);
		if (e)
			return e;
	}
	if (write_all(b->fd, p, n) < 0)
		return err_errno(eb, errno, "write to spool");
	b->size += n;
	return ERR_OK;
}

void spool_body_seal(struct spool_body *b)
{
	b->sealed = true;
}

struct spool_body *spool_body_ref(struct spool_body *b)
{
	CHECK_OBJ(b, SPOOL_BODY_MAGIC);
	__atomic_add_fetch(&b->refs, 1, __ATOMIC_RELAXED);
	return b;
}

void spool_body_unref(struct spool_body **bp)
{
	struct spool_body *b = *bp;

	if (!b)
		return;
	*bp = NULL;
	CHECK_OBJ(b, SPOOL_BODY_MAGIC);
	if (__atomic_sub_fetch(&b->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	if (b->tmp[0] != '\0')
		(void)unlinkat(b->spool->fd, b->tmp, 0);
	if (b->fd >= 0)
		close(b->fd);
	forget_memory(b);
	b->magic = 0;
	free(b);
}

uint64_t spool_body_size(const struct spool_body *b)
{
	return b->size;
}

struct span spool_body_memory(const struct spool_body *b)
{
	return b->fd < 0 && b->mem.len > 0 ? (struct span){ b->mem.data, b->mem.len }
					   : (struct span){ NULL, 0 };
}

static enum err read_file(int fd, uint64_t off, char *p, size_t n, struct errbuf *eb)
{
	while (n > 0) {
		ssize_t r = pread(fd, p, n, (off_t)off);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_errno(eb, errno, "read from spool");
		if (r == 0)
			return err_set(eb, ERR_CORRUPT, "spool file is short");
		p += r;
		off += (uint64_t)r;
		n -= (size_t)r;
	}
	return ERR_OK;
}

enum err spool_body_read(const struct spool_body *b, uint64_t off, void *p, size_t n,
			 size_t *got, struct errbuf *eb)
{
	CHECK_OBJ(b, SPOOL_BODY_MAGIC);
	CHECK(b->sealed);
	*got = 0;
	if (off >= b->size)
		return ERR_OK;
	if (n > b->size - off)
		n = (size_t)(b->size - off);
	if (b->fd < 0) {
		memcpy(p, b->mem.data + off, n);
	} else {
		enum err e = read_file(b->fd, off, p, n, eb);

		if (e)
			return e;
	}
	*got = n;
	return ERR_OK;
}

/* A copy in a file of its own: the body itself stays in memory, because other
 * threads may be reading it there. */
static enum err keep_memory(struct spool_body *b, const char *name, struct errbuf *eb)
{
	char tmp[TMP_NAME_MAX];
	int fd = make_file(b->spool, tmp);
	enum err e;

	if (fd < 0)
		return err_errno(eb, errno, b->spool->dir);
	if (write_all(fd, b->mem.data, b->mem.len) < 0)
		e = err_errno(eb, errno, "write to spool");
	else
		e = name_file(b->spool, fd, tmp, name, eb);
	if (tmp[0] != '\0')
		(void)unlinkat(b->spool->fd, tmp, 0);
	close(fd);
	return e;
}

enum err spool_body_keep(struct spool_body *b, const char *name, struct errbuf *eb)
{
	CHECK_OBJ(b, SPOOL_BODY_MAGIC);
	CHECK(b->sealed);
	if (!name_valid(name))
		return err_set(eb, ERR_INVALID, "not a spool name");
	if (b->fd < 0)
		return keep_memory(b, name, eb);
	return name_file(b->spool, b->fd, b->tmp, name, eb);
}

enum err spool_body_open(struct spool *s, const char *name, struct spool_body **out,
			 struct errbuf *eb)
{
	struct stat st;
	int fd;

	*out = NULL;
	if (!name_valid(name))
		return err_set(eb, ERR_INVALID, "not a spool name");
	fd = openat(s->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_errno(eb, errno, name);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return err_set(eb, ERR_CORRUPT, "%s is no file", name);
	}
	*out = spool_body_new(s);
	(*out)->fd = fd;
	(*out)->size = (uint64_t)st.st_size;
	(*out)->sealed = true;
	return ERR_OK;
}
