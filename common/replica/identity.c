#include "common/replica/identity.h"

#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/span.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILE = 16384 };

/* The file is lines of "name value", made and read by this table. */
enum field_type { F_TEXT, F_NUMBER, F_GUID, F_KEY };

static const struct field {
	const char *name;
	enum field_type type;
	size_t at;
} fields[] = {
#define F(m) offsetof(struct identity, m)
	{ "name", F_TEXT, F(name) },
	{ "server", F_GUID, F(server) },
	{ "organisation", F_GUID, F(organisation) },
	{ "public", F_KEY, F(public_key) },
	{ "secret", F_KEY, F(secret_key) },
	{ "old-public", F_KEY, F(old_public_key) },
	{ "old-secret", F_KEY, F(old_secret_key) },
	{ "pepper", F_KEY, F(pepper) },
	{ "directory-key", F_KEY, F(directory_key) },
	{ "directory", F_TEXT, F(directory_endpoint) },
	{ "endpoint", F_TEXT, F(endpoint) },
	{ "subscription", F_KEY, F(secret) },
	{ "subscription-expires", F_NUMBER, F(secret_expires_ms) },
	{ "hub-key", F_KEY, F(hub_key) },
#undef F
};

static void *member(const struct identity *id, const struct field *f)
{
	return (char *)(uintptr_t)id + f->at;
}

struct identity *identity_new(const char *config_dir, const char *daemon, unsigned role)
{
	struct identity *id = xcalloc(1, sizeof(*id));

	CHECK(sodium_init() >= 0);
	id->path = xasprintf("%s/keys/%s/key", config_dir, daemon);
	id->daemon = xstrdup(daemon);
	id->name = xstrdup("");
	id->role = role;
	crypto_box_keypair(id->public_key, id->secret_key);
	return id;
}

void identity_free(struct identity **idp)
{
	struct identity *id = *idp;

	if (!id)
		return;
	free(id->path);
	free(id->daemon);
	free(id->name);
	free(id->directory_endpoint);
	free(id->endpoint);
	sodium_memzero(id, sizeof(*id));
	free(id);
	*idp = NULL;
}

bool identity_is_enrolled(const struct identity *id)
{
	return !guid_is_null(&id->server);
}

char *identity_reachable(const char *listen)
{
	static const char *const any[] = { "tcp://0.0.0.0:", "tcp://*:", "tcp://[::]:" };
	char host[256] = "localhost";

	for (size_t i = 0; i < N_ELEMS(any); i++)
		if (strncmp(listen, any[i], strlen(any[i])) == 0) {
			gethostname(host, sizeof(host) - 1);
			return xasprintf("tcp://%s:%s", host, listen + strlen(any[i]));
		}
	return xstrdup(listen);
}

void identity_rotate(struct identity *id)
{
	memcpy(id->old_public_key, id->public_key, RPC_KEY);
	memcpy(id->old_secret_key, id->secret_key, RPC_KEY);
	crypto_box_keypair(id->public_key, id->secret_key);
}

/* ---- reading ----------------------------------------------------------------------- */

static bool take_field(struct identity *id, const struct field *f, const char *value)
{
	void *to = member(id, f);
	size_t n;
	char *end;

	switch (f->type) {
	case F_TEXT:
		free(*(char **)to);
		*(char **)to = xstrdup(value);
		return true;
	case F_NUMBER:
		*(int64_t *)to = strtoll(value, &end, 10);
		return *value != '\0' && *end == '\0';
	case F_GUID:
		return guid_parse(value, to) == ERR_OK;
	case F_KEY:
		return sodium_hex2bin(to, RPC_KEY, value, strlen(value), NULL, &n, NULL) == 0 &&
		       n == RPC_KEY;
	}
	return false;
}

static enum err take_line(struct identity *id, char *line, unsigned number, struct errbuf *eb)
{
	char *value = strchr(line, ' ');

	if (line[0] == '#' || line[0] == '\0')
		return ERR_OK;
	if (value)
		*value++ = '\0';
	if (value && strcmp(line, "role") == 0) {
		id->role = (unsigned)strtoul(value, NULL, 10);
		return ERR_OK;
	}
	for (size_t i = 0; i < N_ELEMS(fields) && value; i++)
		if (strcmp(line, fields[i].name) == 0 && take_field(id, &fields[i], value))
			return ERR_OK;
	return err_set(eb, ERR_CORRUPT, "%s:%u: not a key file's line", id->path, number);
}

static enum err take_file(struct identity *id, char *text, struct errbuf *eb)
{
	char *line, *save = text;
	unsigned number = 0;
	enum err e = ERR_OK;

	while (!e && (line = strsep(&save, "\n")))
		e = take_line(id, line, ++number, eb);
	if (!e && (sodium_is_zero(id->public_key, RPC_KEY) ||
		   sodium_is_zero(id->secret_key, RPC_KEY)))
		e = err_set(eb, ERR_CORRUPT, "%s: no keys in it", id->path);
	return e;
}

enum err identity_load(const char *config_dir, const char *daemon, struct identity **out,
		       struct errbuf *eb)
{
	struct identity *id = identity_new(config_dir, daemon, 0);
	char text[MAX_FILE + 1];
	struct stat st;
	ssize_t n = 0;
	enum err e = ERR_OK;
	int fd = open(id->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	memset(id->public_key, 0, RPC_KEY);
	memset(id->secret_key, 0, RPC_KEY);
	if (fd < 0)
		e = err_set(eb, errno == ENOENT ? ERR_NOTFOUND : ERR_DENIED, "%s: %s", id->path,
			    strerror(errno));
	else if (fstat(fd, &st) != 0 || (st.st_mode & 077) != 0)
		e = err_set(eb, ERR_DENIED, "%s: others may read it; chmod 600", id->path);
	else if ((n = read(fd, text, MAX_FILE)) < 0 || n == MAX_FILE)
		e = err_set(eb, ERR_CORRUPT, "%s: cannot be read as a key file", id->path);
	if (!e) {
		text[n] = '\0';
		e = take_file(id, text, eb);
	}
	sodium_memzero(text, sizeof(text));
	if (fd >= 0)
		close(fd);
	if (e)
		identity_free(&id);
	else
		*out = id;
	return e;
}

/* ---- writing ------------------------------------------------------------------------ */

static enum err write_field(const struct identity *id, const struct field *f, struct buf *b)
{
	const void *from = member(id, f);
	char hex[RPC_KEY * 2 + 1], text[GUID_TEXT];
	const char *s;
	enum err e = ERR_OK;

	switch (f->type) {
	case F_TEXT:
		s = *(char *const *)from;
		return s && *s ? buf_addf(b, "%s %s\n", f->name, s) : ERR_OK;
	case F_NUMBER:
		return *(const int64_t *)from ?
			buf_addf(b, "%s %lld\n", f->name, (long long)*(const int64_t *)from) :
			ERR_OK;
	case F_GUID:
		return guid_is_null(from) ? ERR_OK :
			buf_addf(b, "%s %s\n", f->name, guid_text(from, text));
	case F_KEY:
		if (!sodium_is_zero(from, RPC_KEY)) {
			sodium_bin2hex(hex, sizeof(hex), from, RPC_KEY);
			e = buf_addf(b, "%s %s\n", f->name, hex);
			sodium_memzero(hex, sizeof(hex));
		}
		return e;
	}
	return e;
}

/* Whose file it is: run by root, that of the account named like the daemon. */
static const struct passwd *account_of(const struct identity *id)
{
	return geteuid() == 0 ? getpwnam(id->daemon) : NULL;
}

/* DIR/keys is for passing through only; in a folder of its own a daemon may replace
 * its file. */
static enum err make_folders(const struct identity *id, const char *dir, struct errbuf *eb)
{
	const struct passwd *pw = account_of(id);
	char *copy = xstrdup(dir);
	const char *keys = dirname(copy);
	enum err e = ERR_OK;

	if (mkdir(keys, 0711) == 0 ? chmod(keys, 0711) != 0 : errno != EEXIST)
		e = err_errno(eb, errno, keys);
	else if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		e = err_errno(eb, errno, dir);
	else if (pw && chown(dir, pw->pw_uid, pw->pw_gid) != 0)
		e = err_errno(eb, errno, dir);
	free(copy);
	return e;
}

static enum err write_file(const struct identity *id, const char *tmp, const struct buf *b,
			   struct errbuf *eb)
{
	const struct passwd *pw = account_of(id);
	int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	enum err e = ERR_OK;

	if (fd < 0)
		return err_errno(eb, errno, tmp);
	if (write(fd, b->data, b->len) != (ssize_t)b->len || fchmod(fd, 0600) != 0 ||
	    (pw && fchown(fd, pw->pw_uid, pw->pw_gid) != 0) || fsync(fd) != 0)
		e = err_errno(eb, errno, tmp);
	close(fd);
	if (!e && rename(tmp, id->path) != 0)
		e = err_errno(eb, errno, id->path);
	if (e)
		unlink(tmp);
	return e;
}

static void sync_folder(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
}

enum err identity_save(const struct identity *id, struct errbuf *eb)
{
	char *copy = xstrdup(id->path), *tmp = xasprintf("%s.new", id->path);
	const char *dir = dirname(copy);
	struct buf b;
	enum err e;

	buf_init(&b, MAX_FILE);
	e = buf_addf(&b, "# %s: keys and membership; a secret\nrole %u\n", id->daemon, id->role);
	for (size_t i = 0; i < N_ELEMS(fields) && !e; i++)
		e = write_field(id, &fields[i], &b);
	if (!e)
		e = make_folders(id, dir, eb);
	if (!e)
		e = write_file(id, tmp, &b, eb);
	if (!e)
		sync_folder(dir);
	sodium_memzero(b.data, b.len);
	buf_fini(&b);
	free(copy);
	free(tmp);
	return e;
}
