/*
 * bourse test mailflow - a probe through the real path, each hop timed
 *
 * The probe is a letter from outside: it goes in by SMTP at an edge (or where
 * --smtp says), and the test waits until the store shows it in the mailbox.  What
 * happened between comes from the tracking logs of the edges and hubs.
 */
#include "roles/shell/nouns.h"
#include "roles/shell/objects.h"

#include "common/base/clock.h"
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct probe {
	const char *smtp;		/* HOST:PORT */
	const char *to, *from;
	char id[GUID_TEXT];
	int64_t started, greeted, accepted, placed;	/* clock_wall_ms() */
};

static enum err first_mailbox(struct shell *sh, struct object *o, void *ctx)
{
	struct object **out = ctx;

	(void)sh;
	if (*out == NULL)
		*out = o;
	return ERR_OK;
}

/* One that listens everywhere is reached where its bus is. */
const char *mailflow_target(struct arena *a, const char *smtp, const char *endpoint)
{
	static const char *const everywhere[] = { "[::]:", "0.0.0.0:", "*:" };
	const char *host = strstr(endpoint, "://"), *colon = strrchr(endpoint, ':');

	for (size_t i = 0; i < N_ELEMS(everywhere); i++)
		if (strncmp(smtp, everywhere[i], strlen(everywhere[i])) == 0 && host && colon > host + 3)
			return arena_printf(a, "%.*s:%s", (int)(colon - (host + 3)), host + 3,
					    strrchr(smtp, ':') + 1);
	return smtp;
}

/* Where an edge listens, from its own report; a hub's internal port otherwise. */
static const char *find_smtp(struct shell *sh)
{
	static const unsigned order[] = { RPC_EDGE, RPC_HUB };
	struct members m = { 0 };

	if (ask_members(sh, &m) != ERR_OK)
		return NULL;
	for (size_t k = 0; k < N_ELEMS(order); k++)
		for (size_t i = 0; i < m.n; i++) {
			struct status s;

			if (m.m[i].role_bit != order[k] || !m.m[i].up ||
			    ask_status(sh, m.m[i].name, &s) != ERR_OK)
				continue;
			for (const struct fact *f = s.facts; f; f = f->next)
				if (strcmp(f->key, "smtp") == 0)
					return mailflow_target(&sh->arena, f->value, m.m[i].endpoint);
		}
	return NULL;
}

static int dial(struct shell *sh, const char *hostport)
{
	char *host = arena_str(&sh->arena, hostport), *colon = strrchr(host, ':');
	struct addrinfo hint = { .ai_socktype = SOCK_STREAM }, *ai = NULL;
	struct timeval limit = { .tv_sec = 10 };
	int fd = -1;

	errno = EHOSTUNREACH;	/* unless the sockets know better */
	if (colon == NULL)
		return -1;
	*colon = '\0';
	if (host[0] == '[' && colon[-1] == ']') {
		colon[-1] = '\0';
		host++;
	}
	if (getaddrinfo(host, colon + 1, &hint, &ai) != 0)
		return -1;
	for (struct addrinfo *a = ai; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, 0);
		if (fd < 0)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		if (connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(ai);
	return fd;
}

/* Say a line and read a whole answer; its code, or 0. */
static int converse(FILE *f, const char *say, char *answer, size_t cap)
{
	if (say && (fputs(say, f) < 0 || fflush(f) != 0))
		return 0;
	while (fgets(answer, (int)cap, f))
		if (strlen(answer) >= 4 && answer[3] != '-')
			return atoi(answer);
	return 0;
}

static enum err send_probe(struct shell *sh, struct probe *p)
{
	const char *lines[] = {
		"EHLO probe.invalid\r\n",
		arena_printf(&sh->arena, "MAIL FROM:<%s>\r\n", p->from),
		arena_printf(&sh->arena, "RCPT TO:<%s>\r\n", p->to),
		"DATA\r\n",
		arena_printf(&sh->arena,
			"From: <%s>\r\nTo: <%s>\r\nSubject: mailflow probe\r\n"
			"Message-ID: <%s@mailflow.invalid>\r\nAuto-Submitted: auto-generated\r\n\r\n"
			"A probe of the path that mail takes.  It can be deleted.\r\n.\r\n",
			p->from, p->to, p->id),
	};
	char answer[1024] = "";
	enum err e = ERR_OK;
	int fd, code;
	FILE *f;

	p->started = clock_wall_ms();
	fd = dial(sh, p->smtp);
	f = fd < 0 ? NULL : fdopen(fd, "r+e");
	if (f == NULL) {
		if (fd >= 0)
			close(fd);
		return err_set(&sh->eb, ERR_AGAIN, "no connection to %s: %s", p->smtp, strerror(errno));
	}
	code = converse(f, NULL, answer, sizeof(answer));
	p->greeted = clock_wall_ms();
	for (size_t i = 0; i < N_ELEMS(lines) && code / 100 <= 3 && code > 0; i++)
		code = converse(f, lines[i], answer, sizeof(answer));
	if (code != 250) {
		answer[strcspn(answer, "\r\n")] = '\0';
		e = err_set(&sh->eb, code / 100 == 4 || code == 0 ? ERR_AGAIN : ERR_DENIED,
			    "%s does not take the probe: %.180s", p->smtp, code ? answer : "no answer");
	}
	p->accepted = clock_wall_ms();
	fputs("QUIT\r\n", f);
	fclose(f);
	return e;
}

static enum err await_probe(struct shell *sh, const struct object *mailbox, const char *server,
			    struct probe *p, unsigned timeout_s)
{
	bool found = false;

	while (!found) {
		enum err e = ask_messages(sh, server, &mailbox->guid, "INBOX", 20, p->id, &found, NULL);

		p->placed = clock_wall_ms();
		if (e)
			return e;
		if (!found && p->placed - p->accepted > (int64_t)timeout_s * 1000)
			return err_set(&sh->eb, ERR_AGAIN, "accepted, but not in the mailbox after %u s; "
				       "see `bourse queue list`", timeout_s);
		if (!found)
			usleep(20000);
	}
	return ERR_OK;
}

/* ms: since the row above; total: since the probe started. */
static void step(struct table *t, const struct probe *p, const char *hop, const char *what,
		 int64_t at, int64_t *before)
{
	table_row(t);
	table_text(t, NULL, hop);
	table_text(t, NULL, what);
	table_time(t, NULL, at);
	table_number(t, NULL, at - *before);
	table_number(t, NULL, at - p->started);
	*before = at;
}

static void report(struct shell *sh, const struct probe *p)
{
	const char *id = arena_printf(&sh->arena, "<%s@mailflow.invalid>", p->id);
	struct track t = { .message_id = id, .limit = 50 };
	struct track_line *lines = NULL;
	struct members m = { 0 };
	int64_t last = p->started;

	sh->table = table_new(&sh->arena, "hop event time ms total");
	step(sh->table, p, p->smtp, "connected", p->greeted, &last);
	if (ask_members(sh, &m) == ERR_OK)
		for (size_t i = 0; i < m.n; i++)
			if ((m.m[i].role_bit & (RPC_HUB | RPC_EDGE)) && m.m[i].up &&
			    ask_track(sh, m.m[i].name, &t, &lines) != ERR_OK)
				continue;	/* that hop goes untimed */
	/* A handful of lines: the earliest that is left, until none is. */
	while (lines) {
		struct track_line **first = &lines, *l;

		for (struct track_line **at = &lines; *at; at = &(*at)->next)
			if ((*at)->at_ms < (*first)->at_ms)
				first = at;
		l = *first;
		*first = l->next;
		step(sh->table, p, l->server, l->event, l->at_ms, &last);
	}
	step(sh->table, p, p->smtp, "accepted (250)", p->accepted, &last);
	step(sh->table, p, "mailbox", "placed", p->placed, &last);
	sh->eb.text[0] = '\0';
}

enum err mailflow_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	const char *timeout = take_option(&argc, argv, "--timeout"), *server;
	struct probe p = { .smtp = take_option(&argc, argv, "--smtp"), .from = "" };
	struct object *o = NULL;
	struct guid id = guid_make();
	uint64_t seconds;
	enum err e;

	(void)v;
	if (argc > 1)
		return ERR_INVALID;
	guid_text(&id, p.id);
	e = number_word(sh, "--timeout", timeout, 30, 3600, &seconds);
	if (e)
		return e;
	e = argc ? ERR_OK : ask_list(sh, CLASS_MAILBOX, NULL, first_mailbox, &o);
	if (e == ERR_OK && argc == 0 && o == NULL)
		e = err_set(&sh->eb, ERR_NOTFOUND, "there is no mailbox to send to");
	if (e == ERR_OK)
		e = object_mailbox(sh, argc ? argv[0] : object_text(o, OBJ_NAME), &o, &server);
	if (e)
		return e;
	p.to = object_text(o, OBJ_EMAIL);
	if (p.to == NULL)
		return err_set(&sh->eb, ERR_NOTFOUND, "%s has no address", object_text(o, OBJ_NAME));
	if (p.smtp == NULL)
		p.smtp = find_smtp(sh);
	if (p.smtp == NULL)
		return err_set(&sh->eb, ERR_AGAIN, "no edge or hub reports where it listens: give --smtp");
	e = send_probe(sh, &p);
	if (e == ERR_OK)
		e = await_probe(sh, o, server, &p, (unsigned)seconds);
	if (e == ERR_OK)
		report(sh, &p);
	return e;
}
