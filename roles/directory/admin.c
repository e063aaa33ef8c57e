#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/span.h"
#include "roles/directory/directory.h"
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Administrators on this host: one socket for root and one for our own uid, and the
 * file that tells the shell where they are. */

enum { SUN_PATH = 107 };

/* A folder of ours for sockets, when the data folder's path is too long for one. */
static char *short_folder(const char *data_dir, struct errbuf *eb)
{
	uint8_t h[8];
	char hex[2 * sizeof(h) + 1];
	struct stat st;
	char *dir;

	crypto_generichash(h, sizeof(h), (const uint8_t *)data_dir, strlen(data_dir), NULL, 0);
	sodium_bin2hex(hex, sizeof(hex), h, sizeof(h));
	dir = xasprintf("/tmp/bourse-%u-%s", (unsigned)geteuid(), hex);
	if ((mkdir(dir, 0700) != 0 && errno != EEXIST) || lstat(dir, &st) != 0 ||
	    !S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0) {
		err_set(eb, ERR_DENIED, "%s is not a folder of ours: set `local`", dir);
		free(dir);
		return NULL;
	}
	return dir;
}

/* "ipc:///.../admin-%u" */
static char *local_pattern(struct directory *d, struct errbuf *eb)
{
	char *real, *dir, *pattern;

	if (d->conf->local[0])
		return xstrdup(d->conf->local);
	real = realpath(d->data_dir, NULL);
	if (!real) {
		err_errno(eb, errno, d->data_dir);
		return NULL;
	}
	pattern = xasprintf("ipc://%s/admin-%%u", real);
	if (strlen(pattern) + 8 > SUN_PATH) {
		free(pattern);
		dir = short_folder(real, eb);
		pattern = dir ? xasprintf("ipc://%s/admin-%%u", dir) : NULL;
		free(dir);
	}
	free(real);
	return pattern;
}

static enum err listen_for(struct directory *d, const char *pattern, unsigned uid,
			   struct errbuf *eb)
{
	const char *mark = strstr(pattern, "%u");
	char *endpoint;
	enum err e;

	if (!mark)
		return err_set(eb, ERR_INVALID, "local: %%u, for the uid, is missing");
	endpoint = xasprintf("%.*s%u%s", (int)(mark - pattern), pattern, uid, mark + 2);
	e = rpc_listen(d->rpc, endpoint, RPC_LISTEN_LOCAL, uid, eb);
	free(endpoint);
	return e;
}

static bool same_file(const char *path, const char *text)
{
	char have[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, have, sizeof(have));
	close(fd);
	return n == (ssize_t)strlen(text) && memcmp(have, text, (size_t)n) == 0;
}

static bool write_all(const char *path, int flags, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | flags, 0644);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) &&
		  fchmod(fd, 0644) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

/* Whole, by a rename; where the folder is root's, into the file that was laid there
 * for us (see the systemd unit). */
static bool write_file(const char *path, const char *text)
{
	char *tmp = xasprintf("%s.new", path);
	bool ok = write_all(tmp, O_CREAT, text) && rename(tmp, path) == 0;

	free(tmp);
	return ok || write_all(path, 0, text);
}

static void tell_shell(struct directory *d, const char *pattern)
{
	char hex[2 * RPC_KEY + 1], *text, *path;

	sodium_bin2hex(hex, sizeof(hex), d->id->public_key, RPC_KEY);
	text = xasprintf("local = %s\ndirectory = %s\nkey = %s\n", pattern, d->conf->endpoint, hex);
	path = xasprintf("%s/bourse.conf", d->config_dir);
	if (!same_file(path, text) && !write_file(path, text))
		log_warn(NULL, "the shell will not find us path=%s errno=%d", path, errno);
	free(path);
	free(text);
}

enum err admin_listen(struct directory *d, struct errbuf *eb)
{
	char *pattern = local_pattern(d, eb);
	enum err e = pattern ? listen_for(d, pattern, 0, eb) : ERR_DENIED;

	if (!e && geteuid() != 0)
		e = listen_for(d, pattern, geteuid(), eb);
	if (!e)
		tell_shell(d, pattern);
	free(pattern);
	return e;
}
