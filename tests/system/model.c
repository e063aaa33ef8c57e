/*
 * model - random operations by several clients against a mailbox in memory
 *
 *	model -i HOST:PORT -o HOST:PORT -m HOST:PORT -u USER -p PASSWORD -a ADDRESS
 *	      [-d DEMO] [-k EVERY] [-s SEED] [-n STEPS] [-t SECONDS]
 *
 * Three IMAP sessions, a POP3 client and letters by SMTP change a mailbox; after each
 * step the folders it touched are compared with the model through a fresh look (SELECT
 * and FETCH), through a client that only resynchronises (QRESYNC), and through the
 * sessions, who know what they were told; now and then through POP3.
 *
 * With -d about every EVERY steps the mailbox or the cas daemon of that demo is killed
 * in the middle of a command.  What was answered OK has happened; what was not has
 * happened wholly or not at all, and the model goes on from what is found.
 *
 * The same seed makes the same operations (what a kill interrupts is up to the clock).
 * Ends with a line "result: ..." and status 0, or with the first difference.
 */
#include "tests/system/lib/imap_view.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SESSIONS = 3, BUSY = 120, LARGE = 700 };

static const char *const folders[MBOX_FOLDERS] = { "INBOX", "model/one", "model/two", "Model 3" };

struct where {
	char *host, *port;
};

struct run {
	struct where imap, pop3, smtp;
	const char *user, *password, *address, *demo;
	unsigned seed, steps, seconds, kill_every;
	uint64_t random;
	struct mbox now, before;		/* before: as it was, while a command runs */
	struct imap_view session[SESSIONS], looker, follower;
	struct mbox_seen known[MBOX_FOLDERS];	/* the follower's cache */
	uint64_t modseq[MBOX_FOLDERS];
	uint32_t uidvalidity[MBOX_FOLDERS];
	bool has_qresync;
	unsigned step, kills, unsure, done, ops[10];
	char doing[400];
	/* the killer */
	pthread_t killer;
	bool killing;
	const char *victim;
	unsigned delay_us;
	pid_t killed;
};

static void die(struct run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));
static void die(struct run *r, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "model: seed %u step %u (%s): ", r->seed, r->step, r->doing);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	exit(1);
}

static unsigned pick(struct run *r, unsigned n)
{
	r->random = r->random * 6364136223846793005u + 1442695040888963407u;
	return n ? (unsigned)((r->random >> 33) % n) : 0;
}

static void say(struct run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct run *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->doing, sizeof(r->doing), fmt, ap);
	va_end(ap);
}

/* ---- connections ------------------------------------------------------------------------ */

static void pause_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* Log in; a daemon that has just come back may need some tries. */
static void connect_view(struct run *r, struct imap_view *v)
{
	if (v->w)
		return;
	for (int i = 0; v->w == NULL && i < 200; i++) {
		v->w = wire_imap_login(r->imap.host, r->imap.port, false, r->user, r->password);
		if (v->w == NULL)
			pause_ms(50);
	}
	if (v->w == NULL)
		die(r, "%s cannot log in", v->name);
	view_reset(v);
}

/* Where it is not refused for the moment only (a store that is just coming back). */
static enum view_answer try_hard(struct run *r, struct imap_view *v, const char *command)
{
	enum view_answer a = VIEW_NO;

	for (int i = 0; i < 200; i++) {
		connect_view(r, v);
		a = view_command(v, "%s", command);
		if (a == VIEW_OK)
			return a;
		pause_ms(50);
	}
	die(r, "%s: %s: %s", v->name, command, a == VIEW_LOST ? "lost" : v->answer);
}

static void must(struct run *r, struct imap_view *v, const char *command)
{
	try_hard(r, v, command);
	if (v->bad[0])
		die(r, "not true: %s", v->bad);
}

static void select_folder(struct run *r, struct imap_view *v, int folder, const char *verb)
{
	char line[200];

	snprintf(line, sizeof(line), "%s \"%s\"", verb, folders[folder]);
	for (int i = 0;; i++) {
		connect_view(r, v);
		view_reset(v);
		if (view_command(v, "%s", line) == VIEW_OK)
			break;
		if (i == 200)
			die(r, "%s: %s", line, v->answer);
		pause_ms(50);
	}
	v->folder = folder;
}

/* ---- looking ---------------------------------------------------------------------------- */

static void compare(struct run *r, int folder, const struct mbox_seen *s, const char *through)
{
	char why[300];

	if (!mbox_same(&r->now, folder, s, why, sizeof(why)))
		die(r, "%s, through %s: %s", folders[folder], through, why);
}

static void look(struct run *r, int folder)
{
	struct imap_view *v = &r->looker;

	for (int i = 0; v->folder != folder; i++) {
		select_folder(r, v, folder, "EXAMINE");
		if (v->seen.n && view_command(v, "FETCH 1:* (UID FLAGS RFC822.SIZE)") != VIEW_OK)
			view_reset(v);
		if (i == 100)
			die(r, "%s cannot be read", folders[folder]);
	}
	if (v->bad[0])
		die(r, "not true: %s", v->bad);
}

/* The follower asks for what has changed since it last looked, and for nothing else. */
static void follow(struct run *r, int folder)
{
	struct imap_view *v = &r->follower;
	char line[200];

	if (!r->has_qresync)
		return;
	if (v->w == NULL)
		must(r, v, "ENABLE QRESYNC");
	v->seen = r->known[folder];
	v->wants_all = true;
	if (r->modseq[folder] == 0) {
		v->seen.n = 0;
		snprintf(line, sizeof(line), "EXAMINE \"%s\"", folders[folder]);
		must(r, v, line);
		must(r, v, "UID FETCH 1:* (FLAGS)");
	} else {
		snprintf(line, sizeof(line), "EXAMINE \"%s\" (QRESYNC (%u %llu))", folders[folder],
			 r->uidvalidity[folder], (unsigned long long)r->modseq[folder]);
		if (view_command(v, "%s", line) != VIEW_OK) {	/* killed: once more */
			must(r, v, "ENABLE QRESYNC");
			v->seen = r->known[folder];
			must(r, v, line);
		}
	}
	if (v->bad[0])
		die(r, "not true: %s", v->bad);
	if (v->highestmodseq < r->modseq[folder])
		die(r, "HIGHESTMODSEQ of %s fell from %llu to %llu", folders[folder],
		    (unsigned long long)r->modseq[folder], (unsigned long long)v->highestmodseq);
	r->known[folder] = v->seen;
	r->modseq[folder] = v->highestmodseq;
	r->uidvalidity[folder] = v->uidvalidity;
	compare(r, folder, &v->seen, "QRESYNC");
}

/* A session that said NOOP knows all; uids of what is new it asks for. */
static void settle(struct run *r, struct imap_view *v)
{
	size_t known = 0;

	if (v->w == NULL || v->folder < 0)
		return;
	if (view_command(v, "NOOP") != VIEW_OK)
		die(r, "%s: NOOP: %s", v->name, v->answer);
	while (known < v->seen.n && v->seen.row[known].uid)
		known++;
	if (known < v->seen.n && view_command(v, "FETCH %zu:* (UID FLAGS)", known + 1) != VIEW_OK)
		die(r, "%s: FETCH: %s", v->name, v->answer);
	if (v->bad[0])
		die(r, "not true: %s", v->bad);
	compare(r, v->folder, &v->seen, v->name);
}

static void look_by_pop3(struct run *r)
{
	struct wire *w = NULL;
	const struct mbox_folder *f = &r->now.f[0];
	const char *line = NULL;
	size_t n = 0;

	for (int i = 0; line == NULL && i < 200; i++) {
		wire_close(&w);
		w = wire_connect(r->pop3.host, r->pop3.port, 10000);
		if (w && wire_line(w) && wire_printf(w, "USER %s\r\nPASS %s\r\n", r->user, r->password) &&
		    wire_line(w))
			line = wire_line(w);
		if (line && line[0] != '+')
			line = NULL;
		if (line == NULL)
			pause_ms(50);
	}
	if (line == NULL || !wire_printf(w, "UIDL\r\n") || (line = wire_line(w)) == NULL ||
	    line[0] != '+')
		die(r, "POP3 does not answer");
	while ((line = wire_line(w)) != NULL && strcmp(line, ".") != 0) {
		const char *dot = strchr(line, '.');

		if (n >= f->n || dot == NULL || strtoul(dot + 1, NULL, 10) != f->at[n].uid)
			die(r, "POP3 message %zu is \"%s\", model uid %u of %zu", n + 1, line,
			    n < f->n ? f->at[n].uid : 0, f->n);
		n++;
	}
	if (n != f->n)
		die(r, "POP3 has %zu messages, model %zu", n, f->n);
	if (wire_printf(w, "QUIT\r\n"))
		wire_line(w);
	wire_close(&w);
}

/* ---- killing ---------------------------------------------------------------------------- */

static void *kill_later(void *arg)
{
	struct run *r = arg;
	struct timespec t = { 0, (long)r->delay_us * 1000 };
	char path[300], text[32] = "";
	FILE *f;

	nanosleep(&t, NULL);
	snprintf(path, sizeof(path), "%s/pid/%s", r->demo, r->victim);
	f = fopen(path, "r");
	if (f) {
		if (fgets(text, sizeof(text), f) && atoi(text) > 1)
			r->killed = atoi(text);
		if (r->killed)
			kill(r->killed, SIGKILL);
		fclose(f);
	}
	return NULL;
}

static void maybe_kill(struct run *r)
{
	r->killing = r->demo && r->kill_every && pick(r, r->kill_every) == 0;
	if (!r->killing)
		return;
	r->victim = pick(r, 3) ? "mailbox" : "cas";
	r->delay_us = pick(r, 2) ? pick(r, 3000) : pick(r, 40000);
	CHECK(pthread_create(&r->killer, NULL, kill_later, r) == 0);
}

/* The daemon is back and everybody has come again. */
static void recover(struct run *r)
{
	char command[400];

	pthread_join(r->killer, NULL);
	r->kills++;
	snprintf(command, sizeof(command), "deploy/demo start %s >/dev/null 2>&1", r->demo);
	/* The one that was killed may take its time to be gone. */
	for (int i = 0; r->killed && kill(r->killed, 0) == 0 && i < 2000; i++)
		pause_ms(5);
	r->killed = 0;
	for (int i = 0; system(command) != 0; i++) {
		if (i == 20)
			die(r, "%s does not come back", r->victim);
		pause_ms(100);
	}
	view_close(&r->looker);
	view_close(&r->follower);
	for (int i = 0; i < SESSIONS; i++) {
		int folder = r->session[i].folder;

		view_close(&r->session[i]);
		select_folder(r, &r->session[i], folder < 0 ? 0 : folder, "SELECT");
		if (r->session[i].seen.n)
			must(r, &r->session[i], "FETCH 1:* (UID FLAGS)");
	}
	r->killing = false;
}

/* ---- after a command -------------------------------------------------------------------- */

static bool is_as(struct run *r, const struct mbox *m, unsigned mask)
{
	char why[300];

	for (int i = 0; i < MBOX_FOLDERS; i++)
		if (mask & 1u << i) {
			look(r, i);
			if (!mbox_same(m, i, &r->looker.seen, why, sizeof(why)))
				return false;
		}
	return true;
}

/* The command was not answered, or refused: it happened wholly, or not at all. */
static void find_out(struct run *r, unsigned mask)
{
	static struct mbox after;

	r->unsure++;
	if (is_as(r, &r->before, mask)) {
		r->now = r->before;
		return;
	}
	after = r->now;
	for (int i = 0; i < MBOX_FOLDERS; i++)
		if (mask & 1u << i) {
			look(r, i);
			mbox_learn(&after, i, r->before.f[i].last_uid, &r->looker.seen);
		}
	r->now = after;
	for (int i = 0; i < MBOX_FOLDERS; i++)
		if (mask & 1u << i) {
			look(r, i);
			compare(r, i, &r->looker.seen, "a half-done command");
		}
}

/* a: what the command's answer was; r->now is what should be, if it was OK. */
static void conclude(struct run *r, enum view_answer a, unsigned mask)
{
	bool killed = r->killing;

	if (a != VIEW_OK && !killed)
		die(r, "refused: %s", a == VIEW_LOST ? "connection lost" : "NO or BAD");
	if (killed)
		recover(r);
	r->looker.folder = -1;
	if (a != VIEW_OK)
		find_out(r, mask);
	for (int i = 0; i < MBOX_FOLDERS; i++) {
		if (!(mask & 1u << i))
			continue;
		look(r, i);
		compare(r, i, &r->looker.seen, "FETCH");
		follow(r, i);
	}
}

/* ---- operations ------------------------------------------------------------------------- */

/* Uids between two, as far as the session knows them. */
static void choose(struct run *r, const struct imap_view *v, struct mbox_set *s)
{
	size_t n = 0, first, count;

	s->n = 0;
	while (n < v->seen.n && v->seen.row[n].uid)
		n++;
	if (n == 0)
		return;
	first = pick(r, (unsigned)n);
	count = pick(r, 8) ? 1 + pick(r, 6) : n - first;
	for (size_t i = first; i < n && i < first + count; i++)
		s->uid[s->n++] = v->seen.row[i].uid;
}

static unsigned bit(int folder)
{
	return 1u << folder;
}

static struct imap_view *any_session(struct run *r)
{
	return &r->session[pick(r, SESSIONS)];
}

static unsigned any_flags(struct run *r)
{
	unsigned f = 0;

	while (f == 0)
		f = pick(r, 256) & pick(r, 256);
	return pick(r, 3) ? f : f | MBOX_DELETED;
}

static void do_append(struct run *r)
{
	int to = (int)pick(r, MBOX_FOLDERS);
	unsigned flags = pick(r, 2) ? any_flags(r) : 0, body = 1 + pick(r, 1500);
	struct imap_view *v = any_session(r);
	char text[4000], names[200];
	enum view_answer a;
	int n;

	if (!mbox_has_room(&r->now, to, 1))
		return;
	mbox_flags_text(flags, names, sizeof(names));
	n = snprintf(text, sizeof(text), "From: m@example.test\r\nSubject: step %u\r\n\r\n", r->step);
	memset(text + n, 'm', body);
	text[n + (int)body] = '\0';
	n += (int)body;
	say(r, "%s: APPEND %s (%s)", v->name, folders[to], names);
	mbox_add(&r->now, to, r->now.f[to].last_uid + 1, flags, (unsigned)n);
	maybe_kill(r);
	a = view_command(v, "APPEND \"%s\" (%s) {%d+}\r\n%s", folders[to], names, n, text);
	if (a == VIEW_OK) {
		const char *uid = strchr(v->code, ' ');

		uid = uid ? strchr(uid + 1, ' ') : NULL;
		if (uid == NULL)
			die(r, "no APPENDUID: %s", v->answer);
		r->now = r->before;
		mbox_add(&r->now, to, (uint32_t)strtoul(uid, NULL, 10), flags, (unsigned)n);
	}
	conclude(r, a, bit(to));
}

static void do_store(struct run *r)
{
	static const char *const verbs[] = { "+FLAGS", "-FLAGS", "FLAGS" };
	static struct mbox_set s;
	struct imap_view *v = any_session(r);
	enum mbox_store how = (enum mbox_store)pick(r, 3);
	unsigned flags = any_flags(r);
	bool silent = pick(r, 3) == 0;
	enum view_answer a;
	char names[200];

	choose(r, v, &s);
	if (s.n == 0)
		return;
	mbox_flags_text(flags, names, sizeof(names));
	say(r, "%s: UID STORE %u:%u %s%s (%s)", v->name, s.uid[0], s.uid[s.n - 1], verbs[how],
	    silent ? ".SILENT" : "", names);
	mbox_store(&r->now, v->folder, &s, how, flags);
	maybe_kill(r);
	a = view_command(v, "UID STORE %u:%u %s%s (%s)", s.uid[0], s.uid[s.n - 1], verbs[how],
			 silent ? ".SILENT" : "", names);
	for (size_t i = 0; a == VIEW_OK && silent && i < v->seen.n; i++) {
		const struct mbox_place *p = mbox_find(&r->now, v->folder, v->seen.row[i].uid);

		/* It asked for this and is not told. */
		if (p && p->uid >= s.uid[0] && p->uid <= s.uid[s.n - 1])
			v->seen.row[i].flags = mbox_flags(&r->now, p);
	}
	conclude(r, a, (1u << MBOX_FOLDERS) - 1);	/* links are anywhere */
}

/* "[COPYUID v 1:3,5 7:10]": the first new uid, 0 if there is none. */
static uint32_t first_copied(const char *code)
{
	const char *p = code;

	for (int i = 0; i < 3 && p; i++)
		p = strchr(p + (i > 0), ' ');
	return p ? (uint32_t)strtoul(p + 1, NULL, 10) : 0;
}

static void copy_set(struct run *r, struct imap_view *v, const struct mbox_set *s, int to,
		     bool move)
{
	int from = v->folder;
	enum view_answer a;

	if (s->n == 0 || !mbox_has_room(&r->now, to, s->n))
		return;
	say(r, "%s: %s: UID %s %u:%u %s", v->name, folders[from], move ? "MOVE" : "COPY",
	    s->uid[0], s->uid[s->n - 1], folders[to]);
	mbox_copy(&r->now, from, s, to, move, 0);
	maybe_kill(r);
	a = view_command(v, "UID %s %u:%u \"%s\"", move ? "MOVE" : "COPY", s->uid[0],
			 s->uid[s->n - 1], folders[to]);
	if (a == VIEW_OK && first_copied(v->code)) {
		r->now = r->before;
		mbox_copy(&r->now, from, s, to, move, first_copied(v->code));
	}
	conclude(r, a, bit(from) | bit(to));
}

static void do_copy(struct run *r, bool move)
{
	static struct mbox_set s;
	struct imap_view *v = any_session(r);

	choose(r, v, &s);
	copy_set(r, v, &s, (int)pick(r, MBOX_FOLDERS), move);
}

static void all_of(const struct imap_view *v, struct mbox_set *s)
{
	s->n = 0;
	for (size_t i = 0; i < v->seen.n; i++)
		if (v->seen.row[i].uid)
			s->uid[s->n++] = v->seen.row[i].uid;
}

static void do_expunge(struct run *r)
{
	static struct mbox_set s;
	struct imap_view *v = any_session(r);
	bool by_uid = pick(r, 2);
	int folder = v->folder;		/* it may lose its connection */
	enum view_answer a;

	if (!by_uid)
		settle(r, v);		/* it is about all that EXISTS told of */
	if (by_uid)
		choose(r, v, &s);
	else
		all_of(v, &s);
	if (s.n == 0)
		return;
	say(r, "%s: %s: %sEXPUNGE of %u:%u", v->name, folders[v->folder], by_uid ? "UID " : "",
	    s.uid[0], s.uid[s.n - 1]);
	mbox_expunge(&r->now, folder, &s, true);
	maybe_kill(r);
	a = by_uid ? view_command(v, "UID EXPUNGE %u:%u", s.uid[0], s.uid[s.n - 1])
		   : view_command(v, "EXPUNGE");
	conclude(r, a, bit(folder));
}

static void do_select(struct run *r)
{
	struct imap_view *v = any_session(r);

	v->folder = (int)pick(r, MBOX_FOLDERS);
	say(r, "%s: SELECT %s", v->name, folders[v->folder]);
	select_folder(r, v, v->folder, "SELECT");
	if (v->seen.n)
		must(r, v, "FETCH 1:* (UID FLAGS)");
	settle(r, v);
}

/* Deletes some of the inbox by number, all at once at its QUIT. */
static void do_pop3(struct run *r)
{
	static struct mbox_set s;
	struct wire *w = wire_connect(r->pop3.host, r->pop3.port, 10000);
	const struct mbox_folder *f = &r->now.f[0];
	const char *line = NULL;

	if (f->n == 0 || w == NULL || wire_line(w) == NULL ||
	    !wire_printf(w, "USER %s\r\nPASS %s\r\n", r->user, r->password) ||
	    wire_line(w) == NULL || (line = wire_line(w)) == NULL || line[0] != '+') {
		wire_close(&w);
		if (f->n)
			die(r, "POP3: %s", line ? line : "lost");
		return;
	}
	s.n = 0;
	for (size_t i = 0; i < f->n; i++)
		if (pick(r, 4) == 0) {
			s.uid[s.n++] = f->at[i].uid;
			wire_printf(w, "DELE %zu\r\n", i + 1);
			line = wire_line(w);
			if (line == NULL || line[0] != '+')
				die(r, "DELE %zu: %s", i + 1, line ? line : "lost");
		}
	say(r, "pop3: DELE of %zu, QUIT", s.n);
	mbox_expunge(&r->now, 0, &s, false);
	maybe_kill(r);
	line = wire_printf(w, "QUIT\r\n") ? wire_line(w) : NULL;
	conclude(r, line && line[0] == '+' ? VIEW_OK : VIEW_NO, bit(0));
	wire_close(&w);
}

/* One letter; it is there some moments after the 250. */
static void do_deliver(struct run *r)
{
	struct wire *w = wire_connect(r->smtp.host, r->smtp.port, 10000);
	size_t n = r->now.f[0].n;

	if (!mbox_has_room(&r->now, 0, 1)) {
		wire_close(&w);
		return;
	}
	say(r, "smtp: a letter");
	if (w == NULL || wire_smtp(w) != 220 || !wire_printf(w, "EHLO model.test\r\n") ||
	    wire_smtp(w) != 250 ||
	    !wire_printf(w, "MAIL FROM:<model@outside.test>\r\nRCPT TO:<%s>\r\nDATA\r\n", r->address) ||
	    wire_smtp(w) != 250 || wire_smtp(w) != 250 || wire_smtp(w) != 354 ||
	    !wire_printf(w, "From: model@outside.test\r\nSubject: step %u\r\n"
			    "Message-ID: <%u.%u@model.test>\r\n\r\nm\r\n.\r\n", r->step, r->seed,
			 r->step) ||
	    wire_smtp(w) != 250)
		die(r, "the letter is not taken");
	wire_printf(w, "QUIT\r\n");
	wire_close(&w);
	for (int i = 0; i < 1000; i++) {
		r->looker.folder = -1;
		look(r, 0);
		if (r->looker.seen.n != n)
			break;
		pause_ms(i < 50 ? 2 : 20);
	}
	if (r->looker.seen.n != n + 1)
		die(r, "inbox has %zu messages, was %zu", r->looker.seen.n, n);
	mbox_add(&r->now, 0, r->looker.seen.row[n].uid, 0, r->looker.seen.row[n].size);
	conclude(r, VIEW_OK, bit(0));
}

/* More than the store does in one step: copies of copies, moved, expunged. */
static void do_large(struct run *r)
{
	static struct mbox_set s;
	struct imap_view *v = any_session(r);

	settle(r, v);
	while (v->seen.n > 20 && v->seen.n < LARGE) {
		size_t had = v->seen.n;

		all_of(v, &s);
		r->before = r->now;
		copy_set(r, v, &s, v->folder, false);
		settle(r, v);
		if (v->seen.n == had)
			return;
	}
	all_of(v, &s);
	r->before = r->now;
	copy_set(r, v, &s, (v->folder + 1) % MBOX_FOLDERS, true);
}

/* A folder that has grown loses most of what it has. */
static void do_thin(struct run *r)
{
	static struct mbox_set s;
	struct imap_view *v = any_session(r);
	int folder = v->folder;
	enum view_answer a;

	settle(r, v);
	if (v->seen.n < BUSY)
		return;
	all_of(v, &s);
	for (size_t i = 20; i < s.n; i++)
		s.uid[i - 20] = s.uid[i];
	s.n -= 20;
	say(r, "%s: %s: all but 20 are \\Deleted", v->name, folders[v->folder]);
	mbox_store(&r->now, v->folder, &s, MBOX_ADD, MBOX_DELETED);
	a = view_command(v, "UID STORE %u:%u +FLAGS (\\Deleted)", s.uid[0], s.uid[s.n - 1]);
	conclude(r, a, (1u << MBOX_FOLDERS) - 1);
	say(r, "%s: %s: EXPUNGE of what was thinned", v->name, folders[folder]);
	r->before = r->now;
	all_of(v, &s);
	mbox_expunge(&r->now, folder, &s, true);
	maybe_kill(r);
	a = view_command(v, "EXPUNGE");
	conclude(r, a, bit(folder));
}

static void operate(struct run *r)
{
	unsigned n = pick(r, 100);

	r->before = r->now;
	if (n < 22)
		do_append(r);
	else if (n < 47)
		do_store(r);
	else if (n < 60)
		do_copy(r, false);
	else if (n < 73)
		do_copy(r, true);
	else if (n < 84)
		do_expunge(r);
	else if (n < 90)
		do_select(r);
	else if (n < 94)
		do_thin(r);
	else if (n < 97)
		do_deliver(r);
	else if (n < 99)
		do_pop3(r);
	else if (pick(r, 3) == 0)
		do_large(r);
	else
		look_by_pop3(r);
}

/* ---- the run ---------------------------------------------------------------------------- */

/* Whatever is there when we begin is taken as it is; then it is emptied. */
static void begin(struct run *r)
{
	r->random = r->seed * 2654435761u + 1;
	r->looker.name = "the looker";
	r->follower.name = "the follower";
	connect_view(r, &r->looker);
	for (int i = 0; i < MBOX_FOLDERS; i++) {
		view_command(&r->looker, "CREATE \"%s\"", folders[i]);	/* may be there */
		select_folder(r, &r->looker, i, "SELECT");
		if (r->looker.seen.n) {
			must(r, &r->looker, "STORE 1:* +FLAGS.SILENT (\\Deleted)");
			must(r, &r->looker, "EXPUNGE");
		}
		r->now.f[i].last_uid = r->looker.uidnext ? r->looker.uidnext - 1 : 0;
	}
	view_reset(&r->looker);
	for (int i = 0; i < SESSIONS; i++) {
		static const char *const names[] = { "session 1", "session 2", "session 3" };

		r->session[i].name = names[i];
		select_folder(r, &r->session[i], i, "SELECT");
	}
	r->has_qresync = true;
	connect_view(r, &r->follower);
	if (view_command(&r->follower, "ENABLE QRESYNC") != VIEW_OK)
		r->has_qresync = false;
}

static void go(struct run *r)
{
	int64_t end = clock_mono_ms() + (int64_t)r->seconds * 1000;

	for (r->step = 1; r->step <= r->steps; r->step++) {
		if (r->seconds && clock_mono_ms() > end)
			break;
		operate(r);
		if (pick(r, 3) == 0) {
			struct imap_view *v = any_session(r);

			settle(r, v);
		}
		if (r->step % 50 == 0) {
			say(r, "all at rest");
			for (int i = 0; i < MBOX_FOLDERS; i++) {
				r->looker.folder = -1;
				look(r, i);
				compare(r, i, &r->looker.seen, "FETCH");
				follow(r, i);
			}
			look_by_pop3(r);
		}
		r->done++;
	}
	printf("result: steps=%u kills=%u unsure=%u qresync=%s seed=%u\n", r->done, r->kills,
	       r->unsure, r->has_qresync ? "yes" : "no", r->seed);
}

static struct where where(char *arg)
{
	char *colon = strrchr(arg, ':');

	if (colon == NULL)
		exit(2);
	*colon = '\0';
	return (struct where){ arg, colon + 1 };
}

int main(int argc, char **argv)
{
	static struct run r = { .seed = 1, .steps = 1000, .kill_every = 100 };
	int o;

	signal(SIGPIPE, SIG_IGN);
	while ((o = getopt(argc, argv, "i:o:m:u:p:a:d:k:s:n:t:")) != -1) {
		switch (o) {
		case 'i': r.imap = where(optarg); break;
		case 'o': r.pop3 = where(optarg); break;
		case 'm': r.smtp = where(optarg); break;
		case 'u': r.user = optarg; break;
		case 'p': r.password = optarg; break;
		case 'a': r.address = optarg; break;
		case 'd': r.demo = optarg; break;
		case 'k': r.kill_every = (unsigned)atoi(optarg); break;
		case 's': r.seed = (unsigned)atoi(optarg); break;
		case 'n': r.steps = (unsigned)atoi(optarg); break;
		case 't': r.seconds = (unsigned)atoi(optarg); break;
		default: return 2;
		}
	}
	if (!r.imap.host || !r.pop3.host || !r.smtp.host || !r.user || !r.password || !r.address)
		return 2;
	begin(&r);
	go(&r);
	return 0;
}
