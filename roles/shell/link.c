#include "roles/shell/link.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/conf/conf.h"
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#define CONNECT_MS 3000		/* to a directory that is there, it takes a few */
#define MAX_PENDING 64

struct link {
	uv_loop_t loop;
	uv_timer_t timer;
	struct rpc *rpc;
	struct rpc_peer *peer;
	uint8_t directory_key[RPC_KEY];
	bool up, timed_out;
	unsigned pending;

	/* The call that is waited for. */
	bool done;
	enum err result;
	ProtobufCMessage *reply;
	const ProtobufCMessageDescriptor *rep;
	struct errbuf eb;
};

struct where {
	char *local, *directory, *key;
};

#define C(member) offsetof(struct where, member)
static const struct conf_item items[] = {
	{ "local", CONF_STR, C(local), "", 0, 0, 0, "socket on the directory's host; %u: uid" },
	{ "directory", CONF_STR, C(directory), "", 0, 0, 0, "bus endpoint of the directory" },
	{ "key", CONF_STR, C(key), "", 0, 0, 0, "the directory's public key, in hex" },
};
#undef C

static bool is_directory(void *ctx, const uint8_t key[RPC_KEY], struct rpc_ident *out)
{
	struct link *l = ctx;

	if (memcmp(key, l->directory_key, RPC_KEY) != 0)
		return false;
	*out = (struct rpc_ident){ .role = RPC_DIRECTORY, .name = "directory" };
	return true;
}

static void on_peer(void *ctx, struct rpc_peer *p, bool up)
{
	struct link *l = ctx;

	(void)p;
	l->up = up;
}

static void on_timer(uv_timer_t *t)
{
	struct link *l = t->data;

	l->timed_out = true;
}

/* ---- the administrator's own key ------------------------------------------------ */

struct key_pair {
	uint8_t public[RPC_KEY], secret[RPC_KEY];
};

static char *key_path(void)
{
	const char *dir = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (dir && dir[0] == '/')
		return xasprintf("%s/bourse/admin.key", dir);
	return xasprintf("%s/.config/bourse/admin.key", home ? home : "");
}

static enum err read_key(const char *path, struct key_pair *out, struct errbuf *eb)
{
	struct stat st;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_errno(eb, errno, path);
	n = read(fd, out, sizeof(*out));
	if (fstat(fd, &st) != 0 || (st.st_mode & 077) != 0)
		n = -2;
	close(fd);
	if (n == -2)
		return err_set(eb, ERR_DENIED, "%s: others may read it", path);
	return n == sizeof(*out) ? ERR_OK : err_set(eb, ERR_CORRUPT, "%s: not a key", path);
}

static void make_parents(char *path)
{
	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		mkdir(path, 0700);	/* what cannot be made shows at open */
		*p = '/';
	}
}

enum err link_own_key(char hex[2 * RPC_KEY + 1], struct errbuf *eb)
{
	char *path = key_path();
	struct key_pair k;
	enum err e = read_key(path, &k, eb);
	int fd;

	if (e == ERR_NOTFOUND) {
		make_parents(path);
		crypto_box_keypair(k.public, k.secret);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		e = fd < 0 ? err_errno(eb, errno, path) : ERR_OK;
		if (fd >= 0) {
			if (write(fd, &k, sizeof(k)) != sizeof(k) || fsync(fd) != 0)
				e = err_errno(eb, errno, path);
			close(fd);
		}
	}
	if (e == ERR_OK)
		sodium_bin2hex(hex, 2 * RPC_KEY + 1, k.public, RPC_KEY);
	sodium_memzero(&k, sizeof(k));
	free(path);
	return e;
}

/* ---- opening -------------------------------------------------------------------- */

static enum err read_where(const char *config_dir, struct where *w, uint8_t key[RPC_KEY],
			   struct errbuf *eb)
{
	char *path = xasprintf("%s/bourse.conf", config_dir);
	struct conf_table table = { .items = items, .n = N_ELEMS(items), .into = w };
	size_t n = 0;
	enum err e = conf_load(path, &table, 1, eb);

	if (e == ERR_NOTFOUND)
		err_set(eb, e, "%s is not there: has the directory been started? (-C names "
			"the configuration folder)", path);
	if (e == ERR_OK && (sodium_hex2bin(key, RPC_KEY, w->key, strlen(w->key), NULL, &n,
					   NULL) != 0 || n != RPC_KEY)) {
		conf_free(&table, 1);
		e = err_set(eb, ERR_INVALID, "%s: key is not 64 hex digits", path);
	}
	free(path);
	return e;
}

/* The local socket of our uid if there is one, else the network. */
static char *endpoint_of(const struct where *w, bool *local)
{
	const char *mark = strstr(w->local, "%u");
	char *ep = NULL;

	*local = false;
	if (mark && strncmp(w->local, "ipc://", 6) == 0) {
		ep = xasprintf("%.*s%u%s", (int)(mark - w->local), w->local,
			       (unsigned)geteuid(), mark + 2);
		*local = access(ep + 6, F_OK) == 0;
	}
	if (!*local) {
		free(ep);
		ep = xstrdup(w->directory);
	}
	return ep;
}

static enum err own_keys(struct rpc_conf *rc, bool local, struct errbuf *eb)
{
	struct key_pair k;
	char *path = NULL;
	enum err e = ERR_OK;

	if (local) {
		crypto_box_keypair(k.public, k.secret);
	} else {
		path = key_path();
		e = read_key(path, &k, eb);
		if (e == ERR_NOTFOUND)
			err_set(eb, ERR_DENIED, "no key of yours in %s: make one with `bourse admin key` "
				"and have it enrolled with `bourse admin create`", path);
	}
	if (e == ERR_OK) {
		memcpy(rc->public_key, k.public, RPC_KEY);
		memcpy(rc->secret_key, k.secret, RPC_KEY);
	}
	sodium_memzero(&k, sizeof(k));
	free(path);
	return e == ERR_NOTFOUND ? ERR_DENIED : e;
}

/* Turn the loop until *flag or the time is over. */
static bool turn_until(struct link *l, const bool *flag, unsigned ms)
{
	l->timed_out = false;
	uv_timer_start(&l->timer, on_timer, ms, 0);
	while (!*flag && !l->timed_out)
		uv_run(&l->loop, UV_RUN_ONCE);
	uv_timer_stop(&l->timer);
	return *flag;
}

enum err link_open(const char *config_dir, struct link **out, struct errbuf *eb)
{
	struct rpc_ident directory = { .role = RPC_DIRECTORY, .name = "directory" };
	struct link *l = xcalloc(1, sizeof(*l));
	struct conf_table table = { .items = items, .n = N_ELEMS(items) };
	struct where w = { 0 };
	struct rpc_conf rc = { .loop = &l->loop, .who = is_directory, .on_peer = on_peer, .ctx = l };
	char *endpoint = NULL;
	bool local = false;
	enum err e;

	CHECK(sodium_init() >= 0 && uv_loop_init(&l->loop) == 0);
	uv_timer_init(&l->loop, &l->timer);
	l->timer.data = l;
	table.into = &w;
	rc.self = (struct rpc_ident){ .role = RPC_ADMIN, .name = "shell" };
	e = read_where(config_dir, &w, l->directory_key, eb);
	if (e)
		goto out;
	endpoint = endpoint_of(&w, &local);
	e = own_keys(&rc, local, eb);
	if (e == ERR_OK)
		e = rpc_open(&rc, &l->rpc, eb);
	sodium_memzero(rc.secret_key, RPC_KEY);
	if (e == ERR_OK) {
		l->peer = rpc_dial(l->rpc, endpoint, l->directory_key, &directory);
		if (!turn_until(l, &l->up, CONNECT_MS))
			e = err_set(eb, ERR_AGAIN, "the directory does not answer at %s%s", endpoint,
				    local ? "" : ", or does not know your key");
	}
	conf_free(&table, 1);
out:
	free(endpoint);
	if (e)
		link_close(&l);
	*out = l;
	return e;
}

void link_close(struct link **lp)
{
	struct link *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	if (l->peer)
		rpc_hangup(&l->peer);
	rpc_close(&l->rpc);
	uv_close((uv_handle_t *)&l->timer, NULL);
	uv_run(&l->loop, UV_RUN_DEFAULT);
	CHECK(uv_loop_close(&l->loop) == 0);
	if (l->reply)
		protobuf_c_message_free_unpacked(l->reply, NULL);
	free(l);
}

/* ---- calls ---------------------------------------------------------------------- */

/* The reply is borrowed for the callback only: keep a copy, by way of its packed
 * form. */
static ProtobufCMessage *copy_of(const ProtobufCMessage *m)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	uint8_t *p = xcalloc(1, n + 1);
	ProtobufCMessage *copy;

	protobuf_c_message_pack(m, p);
	copy = protobuf_c_message_unpack(m->descriptor, NULL, n, p);
	CHECK(copy != NULL);
	free(p);
	return copy;
}

static void on_reply(void *ctx, enum err e, const ProtobufCMessage *rep, const void *payload,
		     size_t payload_len, const char *detail)
{
	struct link *l = ctx;

	(void)payload;
	(void)payload_len;
	l->done = true;
	l->result = e;
	if (e)
		err_set(&l->eb, e, "%s", detail && detail[0] ? detail : err_text(e));
	else if (rep)
		l->reply = copy_of(rep);
}

enum err link_call(struct link *l, const char *method, const ProtobufCMessage *req,
		   const ProtobufCMessageDescriptor *rep, unsigned timeout_ms,
		   const ProtobufCMessage **out, struct errbuf *eb)
{
	struct rpc_args a = {
		.method = method, .body = req, .rep = rep, .timeout_ms = timeout_ms,
		.on_reply = on_reply, .ctx = l,
	};

	if (l->reply)
		protobuf_c_message_free_unpacked(l->reply, NULL);
	l->reply = NULL;
	l->done = false;
	rpc_call(l->peer, &a);
	/* The call has a deadline of its own; ours only guards against a bug. */
	while (!turn_until(l, &l->done, (timeout_ms ? timeout_ms : 30000) + 5000))
		;
	if (out)
		*out = l->reply;
	if (l->result)
		return err_set(eb, l->result, "%s", l->eb.text);
	return ERR_OK;
}

struct started {
	struct link *link;
	link_done_fn *done;
	void *ctx;
};

static void on_started_reply(void *ctx, enum err e, const ProtobufCMessage *rep,
			     const void *payload, size_t payload_len, const char *detail)
{
	struct started s = *(struct started *)ctx;

	(void)rep;
	(void)payload;
	(void)payload_len;
	free(ctx);
	s.link->pending--;
	s.done(s.ctx, e, detail && detail[0] ? detail : err_text(e));
}

void link_start(struct link *l, const char *method, const ProtobufCMessage *req,
		link_done_fn *done, void *ctx)
{
	struct started *s = xcalloc(1, sizeof(*s));
	struct rpc_args a = {
		.method = method, .body = req, .timeout_ms = 120000,
		.on_reply = on_started_reply, .ctx = s,
	};

	*s = (struct started){ l, done, ctx };
	while (l->pending >= MAX_PENDING)
		uv_run(&l->loop, UV_RUN_ONCE);
	l->pending++;
	rpc_call(l->peer, &a);
}

void link_wait(struct link *l)
{
	while (l->pending > 0)
		uv_run(&l->loop, UV_RUN_ONCE);
}
