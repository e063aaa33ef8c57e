#include "common/api/directory.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/span.h"
#include "common/replica/identity.h"
#include "common/replica/ticket.h"
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

/* `bourse-X enrol`: a process of its own, before the daemon runs for the first time. */

enum {
	ENROL_MS = 20000,
	MAX_DATABASES = 32,
	SUBSCRIPTION_HOURS = 24,
};

struct command {
	const char *daemon, *dir, *token, *endpoint, *name;
	const char *databases[MAX_DATABASES];
	size_t n_databases;
	unsigned role;
};

struct run {
	struct command cmd;
	struct ticket ticket;
	struct identity *id;
	uv_loop_t loop;
	uv_timer_t timer;
	struct rpc *rpc;
	struct rpc_peer *peer;
	struct directory_call call;
	bool asked;
	enum err result;
	char detail[240];
};

/* ---- the command line ----------------------------------------------------------------- */

/* The first word that is no option and no option's value; argc if there is none. */
static int first_word(int argc, char **argv)
{
	int i = 1;

	while (i < argc && argv[i][0] == '-')
		i += strcmp(argv[i], "-C") == 0 ? 2 : 1;
	return i < argc ? i : argc;
}

bool identity_wants_enrol(int argc, char **argv)
{
	int i = first_word(argc, argv);

	return i < argc && strcmp(argv[i], "enrol") == 0;
}

static bool take_option(struct command *c, const char *name, const char *value)
{
	if (strcmp(name, "-C") == 0)
		c->dir = value;
	else if (strcmp(name, "--endpoint") == 0)
		c->endpoint = value;
	else if (strcmp(name, "--name") == 0 && c->role == RPC_EDGE)
		c->name = value;
	else if (strcmp(name, "--database") == 0 && c->n_databases < MAX_DATABASES)
		c->databases[c->n_databases++] = value;
	else
		return false;
	return true;
}

static bool parse(struct command *c, int argc, char **argv)
{
	int word = first_word(argc, argv);

	for (int i = 1; i < argc; i++) {
		if (i == word)
			continue;
		if (argv[i][0] == '-') {
			if (i + 1 >= argc || !take_option(c, argv[i], argv[i + 1]))
				return false;
			i++;
		} else if (!c->token) {
			c->token = argv[i];
		} else {
			return false;
		}
	}
	return c->role == RPC_EDGE ? c->endpoint && !c->token : c->token != NULL;
}

static int usage(const struct command *c)
{
	if (c->role == RPC_EDGE)
		fprintf(stderr, "usage: %s [-C DIR] enrol --endpoint tcp://HOST:PORT [--name NAME]\n"
			"Prints a subscription for `bourse edge subscribe FILE`.\n", c->daemon);
	else
		fprintf(stderr, "usage: %s [-C DIR] enrol TOKEN [--endpoint tcp://HOST:PORT]%s\n"
			"The token comes from `bourse server add`.\n", c->daemon,
			c->role == RPC_MAILBOX ? " [--database NAME]..." : "");
	return 2;
}

static int fail(const struct command *c, const char *why)
{
	fprintf(stderr, "%s: not enrolled: %s\n", c->daemon, why);
	return 1;
}

/* ---- inside: ask the directory ----------------------------------------------------------- */

static void over(struct run *r, enum err e, const char *detail)
{
	r->result = e;
	snprintf(r->detail, sizeof(r->detail), "%s", detail);
	uv_stop(&r->loop);
}

static void on_enrolled(void *ctx, enum err e, const struct directory_enrolled *en,
			const char *detail)
{
	struct run *r = ctx;
	struct identity *id = r->id;
	struct errbuf eb = { "" };

	if (e) {
		over(r, e, detail[0] ? detail : err_text(e));
		return;
	}
	free(id->name);
	id->name = xstrdup(r->ticket.name);
	id->server = en->server;
	id->organisation = en->organisation;
	memcpy(id->directory_key, r->ticket.key, RPC_KEY);
	id->directory_endpoint = xstrdup(en->directory);
	if (r->cmd.endpoint)
		id->endpoint = xstrdup(r->cmd.endpoint);
	if (en->pepper)
		memcpy(id->pepper, en->pepper, RPC_KEY);
	e = identity_save(id, &eb);
	if (!e)
		printf("%s is now %s in %s\n", r->cmd.daemon, id->name, en->org_name);
	over(r, e, eb.text);
}

static void on_peer(void *ctx, struct rpc_peer *p, bool up)
{
	struct run *r = ctx;
	struct directory_enrolment en = {
		.secret = r->ticket.secret, .secret_len = sizeof(r->ticket.secret),
		.name = r->ticket.name, .role = r->ticket.role, .endpoint = r->cmd.endpoint,
		.key = r->id->public_key, .databases = r->cmd.databases,
		.n_databases = r->cmd.n_databases,
	};

	/* Once: a token is good for one use, so a second try would only be refused. */
	if (!up || r->asked)
		return;
	r->asked = true;
	directory_enrol(&r->call, p, &en, on_enrolled, r);
}

static bool who(void *ctx, const uint8_t key[RPC_KEY], struct rpc_ident *out)
{
	const struct run *r = ctx;

	if (memcmp(key, r->ticket.key, RPC_KEY) != 0)
		return false;
	*out = (struct rpc_ident){ .role = RPC_DIRECTORY, .name = "directory" };
	return true;
}

static void on_timeout(uv_timer_t *t)
{
	over(t->data, ERR_AGAIN, "the directory does not answer at the token's endpoint");
}

static enum err connect_and_ask(struct run *r, struct errbuf *eb)
{
	struct rpc_ident directory = { .role = RPC_DIRECTORY, .name = "directory" };
	struct rpc_conf conf = {
		.loop = &r->loop, .who = who, .on_peer = on_peer, .ctx = r,
		.self = { .role = r->ticket.role },
	};
	enum err e;

	memcpy(conf.public_key, r->id->public_key, RPC_KEY);
	memcpy(conf.secret_key, r->id->secret_key, RPC_KEY);
	e = rpc_open(&conf, &r->rpc, eb);
	if (e)
		return e;
	uv_timer_init(&r->loop, &r->timer);
	r->timer.data = r;
	uv_timer_start(&r->timer, on_timeout, ENROL_MS, 0);
	r->peer = rpc_dial(r->rpc, r->ticket.endpoint, r->ticket.key, &directory);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	directory_cancel(&r->call);
	rpc_hangup(&r->peer);
	rpc_close(&r->rpc);
	uv_close((uv_handle_t *)&r->timer, NULL);
	if (r->result)
		return err_set(eb, r->result, "%s", r->detail);
	return ERR_OK;
}

static int enrol_inside(const struct command *cmd)
{
	struct run r = { .cmd = *cmd, .result = ERR_AGAIN };
	struct errbuf eb = { "" };
	enum err e = ticket_parse(cmd->token, &r.ticket, &eb);

	if (!e && r.ticket.kind != TICKET_TOKEN)
		e = err_set(&eb, ERR_INVALID, "that is a subscription, not a token");
	if (!e && r.ticket.role != cmd->role)
		e = err_set(&eb, ERR_INVALID, "the token is for a %s server",
			    rpc_role_name(r.ticket.role));
	if (e)
		return fail(cmd, eb.text);
	r.id = identity_new(cmd->dir, cmd->daemon, cmd->role);
	uv_loop_init(&r.loop);
	e = connect_and_ask(&r, &eb);
	uv_run(&r.loop, UV_RUN_DEFAULT);
	uv_loop_close(&r.loop);
	identity_free(&r.id);
	sodium_memzero(&r.ticket, sizeof(r.ticket));
	return e ? fail(cmd, eb.text) : 0;
}

/* ---- an edge: print a subscription ---------------------------------------------------------- */

static void default_name(char *out, size_t cap)
{
	char host[256] = "edge";
	size_t n;

	gethostname(host, sizeof(host) - 1);
	n = strcspn(host, ".");
	snprintf(out, cap, "%.*s", (int)n, host);
}

static int enrol_edge(const struct command *cmd)
{
	struct ticket t = { .kind = TICKET_SUBSCRIPTION, .role = RPC_EDGE };
	struct identity *id = identity_new(cmd->dir, cmd->daemon, cmd->role);
	struct errbuf eb = { "" };
	struct buf text;
	enum err e = ERR_OK;

	buf_init(&text, TICKET_TEXT_MAX);
	default_name(t.name, sizeof(t.name));
	if (cmd->name)
		snprintf(t.name, sizeof(t.name), "%s", cmd->name);
	snprintf(t.endpoint, sizeof(t.endpoint), "%s", cmd->endpoint);
	if (!ticket_name_ok(t.name) || (cmd->name && strcmp(t.name, cmd->name) != 0))
		e = err_set(&eb, ERR_INVALID, "a server's name is letters, digits, - _ and .");
	if (!e && !ticket_endpoint_ok(cmd->endpoint))
		e = err_set(&eb, ERR_INVALID, "an endpoint is tcp://HOST:PORT");
	t.expires_ms = clock_wall_ms() + (int64_t)SUBSCRIPTION_HOURS * 3600000;
	randombytes_buf(t.secret, sizeof(t.secret));
	randombytes_buf(t.feed_key, sizeof(t.feed_key));
	memcpy(t.key, id->public_key, RPC_KEY);
	memcpy(id->secret, t.secret, sizeof(t.secret));
	memcpy(id->pepper, t.feed_key, sizeof(t.feed_key));
	id->secret_expires_ms = t.expires_ms;
	id->endpoint = xstrdup(cmd->endpoint);
	free(id->name);
	id->name = xstrdup(t.name);
	if (!e)
		e = identity_save(id, &eb);
	if (!e)
		e = ticket_write(&t, &text);
	if (!e)
		printf("%s\n", text.data);
	sodium_memzero(&t, sizeof(t));
	buf_fini(&text);
	identity_free(&id);
	return e ? fail(cmd, eb.text) : 0;
}

int identity_enrol_main(int argc, char **argv, const char *daemon, unsigned role)
{
	struct command cmd = { .daemon = daemon, .dir = "/etc/bourse", .role = role };

	umask(077);
	log_open(daemon, LOG_WARN);	/* one line on stdout is the answer */
	CHECK(sodium_init() >= 0);
	if (!parse(&cmd, argc, argv))
		return usage(&cmd);
	return role == RPC_EDGE ? enrol_edge(&cmd) : enrol_inside(&cmd);
}
