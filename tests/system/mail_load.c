/*
 * mail_load - send letters that can be told apart, then count them
 *
 *	mail_load send   -s HOST:PORT -n COUNT [-c CONNECTIONS] [-l BYTES]
 *	                 [-r PER_SECOND] [-R USERS] -d DOMAIN -j JOURNAL
 *	mail_load verify -i HOST:PORT -u USER -p PASSWORD -d DOMAIN -j JOURNAL
 *
 * Each attempt has its own Message-ID and is never retried.  The journal has a
 * line "id user result" an attempt: ok (250 after the data), no (an answer that
 * is not 2xx), lost (the connection went away first).  A letter's bytes follow
 * from its id, so verify can compare them to the last one.  verify exits with 0
 * only if every "ok" is in its mailbox exactly once, every other at most once,
 * and nothing else is there.
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
#include <time.h>
#include <unistd.h>

struct load {
	char *host, *port, *domain, *journal, *user, *password;
	unsigned count, connections, bytes, rate, users;
	char run[24];			/* makes ids of this run unique */
	atomic_uint next, n_ok, n_no, n_lost;
	int64_t start_ms;
	FILE *out;
	pthread_mutex_t lock;
};

/* The letter with this id: header and a body of pseudo-random lines, with the
 * things that transports get wrong: dots, empty lines, long lines, 8-bit. */
static char *letter(const struct load *l, const char *id, const char *user, unsigned bytes,
		    size_t *n)
{
	static const char *const lines[] = {
		".", "..", "", ". leading dot", "From here on", "\tblank first",
		("gr\xc3\xbc\xc3\x9f" "e"), "trailing blank ",
	};
	size_t cap = bytes + 4096, k;
	char *m = xcalloc(1, cap);
	uint64_t x = 1469598103934665603u;

	for (const char *p = id; *p; p++)
		x = (x ^ (unsigned char)*p) * 1099511628211u;
	k = (size_t)snprintf(m, cap,
		"From: load@outside.test\r\nTo: %s@%s\r\nSubject: load %s\r\n"
		"Message-ID: <%s@load.test>\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n\r\n",
		user, l->domain, id, id);
	while (k < bytes) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		if ((x >> 33) % 5 == 0)
			k += (size_t)snprintf(m + k, cap - k, "%s\r\n", lines[(x >> 40) % 8]);
		else
			k += (size_t)snprintf(m + k, cap - k, "%016llx%.*s\r\n",
				(unsigned long long)x, (int)((x >> 20) % 60),
				"abcdefghijklmnopqrstuvwxyz.abcdefghijklmnopqrstuvwxyz.0123456789");
	}
	*n = k;
	return m;
}

static bool send_stuffed(struct wire *w, const char *m, size_t n)
{
	char *out = xcalloc(2, n + 8);
	size_t k = 0;
	bool bol = true, ok;

	for (size_t i = 0; i < n; i++) {
		if (bol && m[i] == '.')
			out[k++] = '.';
		out[k++] = m[i];
		bol = m[i] == '\n';
	}
	memcpy(out + k, ".\r\n", 3);
	ok = wire_send(w, out, k + 3);
	free(out);
	return ok;
}

static struct wire *greet(const struct load *l)
{
	struct wire *w = wire_connect(l->host, l->port, 30000);

	if (w && (wire_smtp(w) != 220 || !wire_printf(w, "EHLO load.test\r\n") ||
		  wire_smtp(w) != 250))
		wire_close(&w);
	return w;
}

/* One attempt over *w; on any doubt about the connection *w is closed. */
static const char *attempt(const struct load *l, struct wire **w, const char *id,
			   const char *user)
{
	const char *result = "lost";
	size_t n;
	char *m;
	int code;

	wire_printf(*w, "MAIL FROM:<load@outside.test>\r\nRCPT TO:<%s@%s>\r\nDATA\r\n", user,
		    l->domain);
	code = wire_smtp(*w);
	if (code == 250)
		code = wire_smtp(*w);
	else if (code)
		wire_smtp(*w);
	if (code == 0)
		goto out;
	code = wire_smtp(*w);
	if (code != 354) {
		result = code ? "no" : "lost";
		goto out;
	}
	m = letter(l, id, user, l->bytes, &n);
	send_stuffed(*w, m, n);
	free(m);
	code = wire_smtp(*w);
	if (code == 250)
		return "ok";
	result = code ? "no" : "lost";
out:
	wire_close(w);
	return result;
}

static void *sender(void *ctx)
{
	struct load *l = ctx;
	struct wire *w = NULL;
	unsigned k;

	while ((k = l->next++) < l->count) {
		const char *result;
		char id[80], user[24];

		if (l->rate)
			while (clock_mono_ms() - l->start_ms < (int64_t)k * 1000 / l->rate)
				usleep(2000);
		for (int tries = 0; w == NULL && tries < 600; tries++)
			if ((w = greet(l)) == NULL)
				usleep(50000);
		if (w == NULL)
			break;		/* nobody came back for 30 s */
		snprintf(id, sizeof(id), "%s-%u", l->run, k);
		snprintf(user, sizeof(user), "u%u", k % l->users + 1);
		result = attempt(l, &w, id, user);
		if (strcmp(result, "ok") == 0)
			l->n_ok++;
		else if (strcmp(result, "no") == 0)
			l->n_no++;
		else
			l->n_lost++;
		pthread_mutex_lock(&l->lock);
		fprintf(l->out, "%s %s %s %u\n", id, user, result, l->bytes);
		fflush(l->out);
		pthread_mutex_unlock(&l->lock);
	}
	if (w)
		wire_printf(w, "QUIT\r\n");
	wire_close(&w);
	return NULL;
}

static int send_all(struct load *l)
{
	pthread_t *t = xcalloc(l->connections, sizeof(*t));

	l->out = fopen(l->journal, "ae");
	if (l->out == NULL) {
		perror(l->journal);
		return 1;
	}
	snprintf(l->run, sizeof(l->run), "%lx-%x", (unsigned long)time(NULL), (unsigned)getpid());
	l->start_ms = clock_mono_ms();
	pthread_mutex_init(&l->lock, NULL);
	for (unsigned i = 0; i < l->connections; i++)
		CHECK(pthread_create(&t[i], NULL, sender, l) == 0);
	for (unsigned i = 0; i < l->connections; i++)
		pthread_join(t[i], NULL);
	free(t);
	fclose(l->out);
	printf("sent attempts=%u ok=%u no=%u lost=%u ms=%lld\n", l->n_ok + l->n_no + l->n_lost,
	       l->n_ok, l->n_no, l->n_lost, (long long)(clock_mono_ms() - l->start_ms));
	return l->n_ok + l->n_no + l->n_lost == l->count ? 0 : 1;
}

/* ---- verify ---------------------------------------------------------------- */

struct entry {
	char id[80];
	bool ok;
	unsigned bytes, seen;
};

struct tally {
	struct entry *e;
	size_t n;
	unsigned strange, damaged;
};

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->id, ((const struct entry *)b)->id);
}

static bool read_journal(const struct load *l, struct tally *t)
{
	FILE *f = fopen(l->journal, "re");
	char id[80], user[24], result[8];
	unsigned bytes;
	size_t cap = 0;

	if (f == NULL)
		return false;
	while (fscanf(f, "%79s %23s %7s %u", id, user, result, &bytes) == 4) {
		if (strcmp(user, l->user) != 0)
			continue;
		if (t->n == cap) {
			cap = cap ? cap * 2 : 1024;
			t->e = xrealloc(t->e, cap * sizeof(*t->e));
		}
		t->e[t->n] = (struct entry){ .ok = strcmp(result, "ok") == 0, .bytes = bytes };
		snprintf(t->e[t->n].id, sizeof(t->e[t->n].id), "%s", id);
		t->n++;
	}
	fclose(f);
	if (t->n > 0)
		qsort(t->e, t->n, sizeof(*t->e), by_id);
	return true;
}

/* What stands above the letter must be trace headers and nothing else. */
static bool only_trace(const char *m, size_t n)
{
	static const char *const names[] = { "Received:", "Return-Path:", "X-MS-Exchange-" };

	for (size_t at = 0; at < n;) {
		const char *eol = memmem(m + at, n - at, "\r\n", 2);
		bool known = m[at] == ' ' || m[at] == '\t';

		if (eol == NULL)
			return false;
		for (size_t i = 0; i < N_ELEMS(names) && !known; i++)
			known = n - at > strlen(names[i]) &&
				strncasecmp(m + at, names[i], strlen(names[i])) == 0;
		if (!known)
			return false;
		at = (size_t)(eol - m) + 2;
	}
	return true;
}

static void judge(const struct load *l, struct tally *t, const char *m, size_t n)
{
	static const char mark[] = "\r\nMessage-ID: <";
	const char *p = memmem(m, n, mark, sizeof(mark) - 1), *end;
	struct entry key = { 0 }, *e;
	size_t want_n;
	char *want;

	if (p)
		p += sizeof(mark) - 1;
	end = p ? memmem(p, n - (size_t)(p - m), "@load.test>", 11) : NULL;
	if (end == NULL || (size_t)(end - p) >= sizeof(key.id)) {
		t->strange++;
		return;
	}
	memcpy(key.id, p, (size_t)(end - p));
	e = t->n ? bsearch(&key, t->e, t->n, sizeof(*t->e), by_id) : NULL;
	if (e == NULL) {
		t->strange++;
		return;
	}
	e->seen++;
	want = letter(l, e->id, l->user, e->bytes, &want_n);
	if (n < want_n || memcmp(m + n - want_n, want, want_n) != 0 ||
	    !only_trace(m, n - want_n))
		t->damaged++;
	free(want);
}

static bool read_mailbox(const struct load *l, struct tally *t)
{
	struct wire *w = wire_connect(l->host, l->port, 60000);
	const char *line, *brace;
	bool ok = false;

	if (w == NULL || wire_line(w) == NULL ||
	    !wire_imap(w, "LOGIN %s \"%s\"", l->user, l->password) ||
	    !wire_imap(w, "EXAMINE INBOX") ||
	    !wire_printf(w, "F UID FETCH 1:* (UID BODY.PEEK[])\r\n"))
		goto out;
	while ((line = wire_line(w)) != NULL) {
		size_t n = strlen(line);
		char *m;

		if (strncmp(line, "F ", 2) == 0) {
			ok = strncmp(line + 2, "OK", 2) == 0;
			break;
		}
		brace = n && line[n - 1] == '}' ? strrchr(line, '{') : NULL;
		if (brace == NULL)
			continue;
		n = strtoul(brace + 1, NULL, 10);
		if (n > 512u * 1024 * 1024)
			break;
		m = xcalloc(1, n + 1);
		if (wire_read(w, m, n))
			judge(l, t, m, n);
		free(m);
	}
	wire_imap(w, "LOGOUT");
out:
	wire_close(&w);
	return ok;
}

static int verify(struct load *l)
{
	struct tally t = { 0 };
	unsigned ok = 0, missing = 0, twice = 0, extra = 0;

	if (!read_journal(l, &t)) {
		perror(l->journal);
		return 1;
	}
	if (!read_mailbox(l, &t)) {
		printf("user=%s cannot read the mailbox\n", l->user);
		free(t.e);
		return 1;
	}
	for (size_t i = 0; i < t.n; i++) {
		ok += t.e[i].ok;
		if (t.e[i].ok && t.e[i].seen == 0) {
			missing++;
			printf("missing id=%s\n", t.e[i].id);
		}
		if (t.e[i].seen > 1) {
			twice++;
			printf("twice id=%s times=%u\n", t.e[i].id, t.e[i].seen);
		}
		extra += !t.e[i].ok && t.e[i].seen == 1;
	}
	printf("user=%s attempts=%zu ok=%u unanswered-but-there=%u missing=%u twice=%u "
	       "damaged=%u strange=%u\n",
	       l->user, t.n, ok, extra, missing, twice, t.damaged, t.strange);
	free(t.e);
	return missing || twice || t.damaged || t.strange ? 1 : 0;
}

static bool split_host(struct load *l, char *arg)
{
	char *colon = strrchr(arg, ':');

	if (colon == NULL)
		return false;
	*colon = '\0';
	l->host = arg;
	l->port = colon + 1;
	return true;
}

int main(int argc, char **argv)
{
	struct load l = { .connections = 1, .bytes = 4096, .users = 1 };
	bool good = argc > 1;
	int c;

	optind = 2;
	while (good && (c = getopt(argc, argv, "s:i:n:c:l:r:R:d:j:u:p:")) != -1) {
		switch (c) {
		case 's':
		case 'i': good = split_host(&l, optarg); break;
		case 'n': l.count = (unsigned)atoi(optarg); break;
		case 'c': l.connections = (unsigned)atoi(optarg); break;
		case 'l': l.bytes = (unsigned)atoi(optarg); break;
		case 'r': l.rate = (unsigned)atoi(optarg); break;
		case 'R': l.users = (unsigned)atoi(optarg); break;
		case 'd': l.domain = optarg; break;
		case 'j': l.journal = optarg; break;
		case 'u': l.user = optarg; break;
		case 'p': l.password = optarg; break;
		default:  good = false;
		}
	}
	good = good && l.host && l.domain && l.journal && l.users && l.connections;
	if (good && strcmp(argv[1], "send") == 0)
		return send_all(&l);
	if (good && strcmp(argv[1], "verify") == 0 && l.user && l.password)
		return verify(&l);
	fprintf(stderr, "usage: mail_load send -s HOST:PORT -n N -d DOMAIN -j JOURNAL ...\n"
			"       mail_load verify -i HOST:PORT -u USER -p PASSWORD -d DOMAIN -j JOURNAL\n");
	return 2;
}
