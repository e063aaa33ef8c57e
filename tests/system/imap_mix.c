/*
 * imap_mix - the work of many mail clients on an IMAP server, the same for any
 *
 *	imap_mix mix     -i HOST:PORT [-t] -p PASSWORD [-c CLIENTS] [-s SECONDS]
 *	imap_mix qresync -i HOST:PORT [-t] -p PASSWORD [-n MESSAGES] [-k CHANGES]
 *	imap_mix fill    -i HOST:PORT [-t] -p PASSWORD -f FOLDER [-n MESSAGES] [-l SIZE]
 *	imap_mix folders -i HOST:PORT [-t] -p PASSWORD -f PREFIX [-n FOLDERS]
 *
 * mix: each client is a user u1 to uN that logs in, lists, selects, fetches,
 * stores, copies, moves, appends, expunges, idles and logs out, again and again;
 * the answered commands a second are printed.  qresync: a folder of u1 is filled
 * by copying, CHANGES of it are changed, half of them by expunging, and a client
 * that knew the folder before selects it; printed is the best time of five.  fill
 * makes a folder of u1 and fills it by copying, folders makes many.  One line of key=value comes out; status 1 when a command failed.
 */
#include "common/base/check.h"
#include "common/base/clock.h"
#include "tests/system/lib/wire.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PRELOAD 100u		/* messages a mailbox holds when the mix begins */
#define LETTER 4096u		/* bytes of a letter in the mix */

struct mix {
	char *host, *port, *password;
	const char *folder;
	unsigned clients, seconds, messages, changes, size;
	bool tls;
	pthread_barrier_t ready;
	int64_t until_ms;
	atomic_ulong commands, failed;
	atomic_bool broken;
};

struct client {
	struct mix *mix;
	unsigned number;
	struct wire *w;
	unsigned long commands;
};

/* A letter of that many bytes; the caller frees it. */
static char *letter(unsigned n, size_t size)
{
	char *text = xcalloc(1, size + 512);
	size_t at = (size_t)sprintf(text,
				    "From: Someone <someone@outside.test>\r\nTo: u1@example.test\r\n"
				    "Subject: mixed letter %u\r\nMessage-ID: <mix-%u@outside.test>\r\n"
				    "Date: Sun, 22 Nov 2026 10:00:00 +0000\r\n\r\n", n, n);

	for (unsigned line = n; at + 74 < size; line += 7)
		at += (size_t)sprintf(text + at, "%072u\r\n", line);
	return text;
}

static bool append(struct wire *w, const char *folder, unsigned n, size_t size)
{
	char *text = letter(n, size);
	size_t len = strlen(text);
	const char *line = NULL;
	bool ok = wire_printf(w, "A APPEND %s {%zu}\r\n", folder, len);

	while (ok && (line = wire_line(w)) != NULL && line[0] != '+')
		ok = strncmp(line, "A ", 2) != 0;
	ok = ok && line && wire_send(w, text, len) && wire_send(w, "\r\n", 2);
	free(text);
	while (ok && (line = wire_line(w)) != NULL)
		if (strncmp(line, "A ", 2) == 0)
			return strncmp(line, "A OK", 4) == 0;
	return false;
}

static bool idle(struct wire *w)
{
	const char *line;

	if (!wire_printf(w, "I IDLE\r\n"))
		return false;
	while ((line = wire_line(w)) != NULL && line[0] != '+')
		;
	if (line == NULL || !wire_printf(w, "DONE\r\n"))
		return false;
	while ((line = wire_line(w)) != NULL)
		if (strncmp(line, "I ", 2) == 0)
			return strncmp(line, "I OK", 4) == 0;
	return false;
}

static bool did(struct client *c, bool ok)
{
	if (ok)
		c->commands++;
	else
		c->mix->failed++;
	return ok;
}

/* One sitting of a user.  The numbers fit a folder of PRELOAD and more. */
static bool sitting(struct client *c)
{
	static const char *const commands[] = {
		"LIST \"\" \"*\"",
		"SELECT INBOX",
		"FETCH 1:20 (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)",
		"FETCH 1:* (UID FLAGS)",
		"FETCH 3 BODY.PEEK[]",
		"FETCH 5 BODY[TEXT]",
		"STORE 1:3 +FLAGS (\\Seen)",
		"STORE 4 FLAGS (\\Flagged)",
		"SEARCH UNSEEN",
		"COPY 1:2 mix",
		"MOVE 3 mix",
		"STORE 1:2 +FLAGS.SILENT (\\Deleted)",
		"EXPUNGE",
		"NOOP",
		"STATUS mix (MESSAGES UNSEEN UIDNEXT)",
	};
	struct mix *m = c->mix;
	char user[16];
	bool ok;

	snprintf(user, sizeof(user), "u%u", c->number + 1);
	c->w = wire_imap_login(m->host, m->port, m->tls, user, m->password);
	ok = did(c, c->w != NULL);
	for (size_t i = 0; ok && i < N_ELEMS(commands); i++)
		ok = did(c, wire_imap(c->w, "%s", commands[i]));
	for (unsigned i = 0; ok && i < 3; i++)
		ok = did(c, append(c->w, "INBOX", i, LETTER));
	ok = ok && did(c, idle(c->w)) && did(c, wire_imap(c->w, "LOGOUT"));
	wire_close(&c->w);
	return ok;
}

static bool prepare(struct client *c)
{
	struct mix *m = c->mix;
	char user[16];
	bool ok;

	snprintf(user, sizeof(user), "u%u", c->number + 1);
	c->w = wire_imap_login(m->host, m->port, m->tls, user, m->password);
	ok = c->w && wire_imap(c->w, "CREATE mix");
	for (unsigned i = 0; ok && i < PRELOAD; i++)
		ok = append(c->w, "INBOX", i, LETTER);
	wire_close(&c->w);
	return ok;
}

static void *client(void *ctx)
{
	struct client *c = ctx;
	struct mix *m = c->mix;

	if (!prepare(c))
		m->broken = true;
	if (pthread_barrier_wait(&m->ready) == PTHREAD_BARRIER_SERIAL_THREAD)
		m->until_ms = clock_mono_ms() + (int64_t)m->seconds * 1000;
	pthread_barrier_wait(&m->ready);
	while (!m->broken && clock_mono_ms() < m->until_ms && sitting(c))
		;
	m->commands += c->commands;
	return NULL;
}

static int run_mix(struct mix *m)
{
	pthread_t *t = xcalloc(m->clients, sizeof(*t));
	struct client *c = xcalloc(m->clients, sizeof(*c));
	int64_t begin;

	CHECK(pthread_barrier_init(&m->ready, NULL, m->clients) == 0);
	for (unsigned i = 0; i < m->clients; i++) {
		c[i] = (struct client){ .mix = m, .number = i };
		CHECK(pthread_create(&t[i], NULL, client, &c[i]) == 0);
	}
	for (unsigned i = 0; i < m->clients; i++)
		pthread_join(t[i], NULL);
	begin = m->until_ms - (int64_t)m->seconds * 1000;
	printf("clients=%u commands=%lu failed=%lu broken=%d per_second=%.0f\n", m->clients,
	       m->commands, m->failed, m->broken,
	       (double)m->commands * 1000 / (double)(clock_mono_ms() - begin));
	free(t);
	free(c);
	return m->failed || m->broken ? 1 : 0;
}

/* The number behind a word in an untagged answer to a command. */
static bool ask(struct wire *w, const char *command, const char *words[], uint64_t *numbers,
		size_t n, unsigned *lines)
{
	const char *line, *at;

	*lines = 0;
	if (!wire_printf(w, "Q %s\r\n", command))
		return false;
	while ((line = wire_line(w)) != NULL) {
		for (size_t i = 0; i < n; i++)
			if ((at = strstr(line, words[i])) != NULL)
				numbers[i] = strtoull(at + strlen(words[i]), NULL, 10);
		if (strncmp(line, "Q ", 2) == 0)
			return strncmp(line, "Q OK", 4) == 0;
		++*lines;
	}
	return false;
}

static struct wire *knower(const struct mix *m)
{
	struct wire *w = wire_imap_login(m->host, m->port, m->tls, "u1", m->password);

	if (w && !wire_imap(w, "ENABLE QRESYNC"))
		wire_close(&w);
	return w;
}

/* Makes the folder and doubles it by copying it into itself until it holds that many. */
static bool fill(struct wire *w, const char *folder, unsigned messages, size_t size)
{
	unsigned have = 0, by_append = size > 65536 ? 1 : 1000;
	bool ok = wire_imap(w, "CREATE %s", folder) && wire_imap(w, "SELECT %s", folder);

	for (; ok && have < by_append && have < messages; have++)
		ok = append(w, folder, have, size);
	ok = ok && wire_imap(w, "NOOP");
	while (ok && have < messages) {
		unsigned more = messages - have < have ? messages - have : have;

		more = more < 50000 ? more : 50000;
		ok = wire_imap(w, "COPY 1:%u %s", more, folder) && wire_imap(w, "NOOP");
		have += more;
	}
	return ok;
}

static int run_fill(struct mix *m)
{
	struct wire *w = wire_imap_login(m->host, m->port, m->tls, "u1", m->password);
	int64_t start = clock_mono_ms();
	bool ok = w && fill(w, m->folder, m->messages, m->size);

	wire_close(&w);
	printf("ok=%d messages=%u ms=%lld\n", ok, m->messages, (long long)(clock_mono_ms() - start));
	return ok ? 0 : 1;
}

static int run_folders(struct mix *m)
{
	struct wire *w = wire_imap_login(m->host, m->port, m->tls, "u1", m->password);
	int64_t start = clock_mono_ms();
	bool ok = w != NULL;

	for (unsigned i = 0; ok && i < m->messages; i++)
		ok = wire_imap(w, "CREATE %s/%u/%u", m->folder, i % 50, i);
	wire_close(&w);
	printf("ok=%d folders=%u ms=%lld\n", ok, m->messages, (long long)(clock_mono_ms() - start));
	return ok ? 0 : 1;
}

static int run_qresync(struct mix *m)
{
	static const char *words[] = { "UIDVALIDITY ", "HIGHESTMODSEQ " };
	uint64_t known[2] = { 0, 0 }, now[2];
	struct wire *w = knower(m);
	int64_t best = INT64_MAX, start, filled = clock_mono_ms();
	unsigned lines = 0;
	char command[128];
	bool ok;

	ok = w && fill(w, "big", m->messages, 2048);
	filled = clock_mono_ms() - filled;
	ok = ok && ask(w, "SELECT big", words, known, 2, &lines);
	wire_close(&w);
	/* Another client changes every k-th message. */
	w = ok ? wire_imap_login(m->host, m->port, m->tls, "u1", m->password) : NULL;
	ok = w && wire_imap(w, "SELECT big");
	for (unsigned i = 0; ok && i < m->changes; i++)
		ok = wire_imap(w, "STORE %u +FLAGS.SILENT (%s)",
			       1 + i * (m->messages / m->changes),
			       i % 2 ? "\\Deleted" : "\\Flagged");
	ok = ok && wire_imap(w, "EXPUNGE");
	wire_close(&w);
	snprintf(command, sizeof(command), "SELECT big (QRESYNC (%llu %llu))",
		 (unsigned long long)known[0], (unsigned long long)known[1]);
	for (unsigned i = 0; ok && i < 5; i++) {
		w = knower(m);
		start = clock_mono_us();
		ok = w && ask(w, command, words, now, 2, &lines);
		if (clock_mono_us() - start < best)
			best = clock_mono_us() - start;
		wire_close(&w);
	}
	printf("ok=%d messages=%u changes=%u lines=%u fill_ms=%lld best_us=%lld\n", ok,
	       m->messages, m->changes, lines, (long long)filled, (long long)(ok ? best : 0));
	return ok ? 0 : 1;
}

static const struct {
	const char *name;
	int (*run)(struct mix *m);
} modes[] = {
	{ "mix", run_mix },
	{ "qresync", run_qresync },
	{ "fill", run_fill },
	{ "folders", run_folders },
};

int main(int argc, char **argv)
{
	struct mix m = { .clients = 50, .seconds = 10, .messages = 200000, .changes = 100,
			 .folder = "big", .size = 2048 };
	bool good = argc > 1;
	char *colon;
	int c;

	optind = 2;
	while (good && (c = getopt(argc, argv, "i:tp:c:s:n:k:f:l:")) != -1) {
		switch (c) {
		case 'i':
			colon = strrchr(optarg, ':');
			good = colon != NULL;
			if (good) {
				*colon = '\0';
				m.host = optarg;
				m.port = colon + 1;
			}
			break;
		case 't': m.tls = true; break;
		case 'p': m.password = optarg; break;
		case 'c': m.clients = (unsigned)atoi(optarg); break;
		case 's': m.seconds = (unsigned)atoi(optarg); break;
		case 'n': m.messages = (unsigned)atoi(optarg); break;
		case 'k': m.changes = (unsigned)atoi(optarg); break;
		case 'f': m.folder = optarg; break;
		case 'l': m.size = (unsigned)atoi(optarg); break;
		default:  good = false;
		}
	}
	good = good && m.host && m.password && m.clients && m.changes &&
	       m.changes <= m.messages;
	for (size_t i = 0; good && i < N_ELEMS(modes); i++)
		if (strcmp(argv[1], modes[i].name) == 0)
			return modes[i].run(&m);
	fprintf(stderr, "usage: imap_mix mix|qresync|fill|folders -i HOST:PORT -p PASSWORD ...\n");
	return 2;
}
