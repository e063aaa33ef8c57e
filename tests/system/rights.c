/*
 * rights - every right, every command, every namespace
 *
 *	rights -i HOST:PORT -o OWNER -u OTHER -p PASSWORD -P FOLDER
 *
 * OWNER and OTHER are users with the same password; FOLDER is a public folder whose
 * rights OWNER may change and in which OTHER has none.  For each set of rights (each
 * alone, each one missing, none, all) and each command a folder with three messages is
 * made, the set is given to OTHER, and the command is run by him through a real
 * session; in the user's own namespace OWNER runs it, and what others were given or
 * denied must not matter.  What has to happen is what RFC 4314 section 4 says, written
 * down once in the table of commands: the rights that are needed, what one without
 * LOOKUP is told, and what must be seen afterwards.
 *
 * One line of key=value comes out; each cell that is wrong is named on stderr.
 */
#include "common/api/rights.h"
#include "common/base/check.h"
#include "tests/system/lib/wire.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum ns { OWN, OTHERS, PUBLIC, N_NS };
static const char *const ns_names[N_NS] = { "own", "other", "public" };

enum outcome { DONE, DENIED, HIDDEN, ODD };	/* OK; NOPERM; as if it were not there */
static const char *const outcome_names[] = { "OK", "NOPERM", "hidden", "odd" };

struct bench {
	char *host, *port;
	const char *owner, *other, *password, *public;
	struct wire *o, *u;		/* sessions of the two */
	unsigned folder;		/* number of the one in hand */
	char theirs[200], his[400];	/* its path for the owner, for who runs the command */
	char last[512], seen[512];	/* the tagged line; untagged lines that match want_line */
	unsigned tag, cells, wrong;
};

/* ---- conversation ---------------------------------------------------------------------- */

/* Send; literal, if any, when asked for.  b->last is the tagged line without its tag. */
static bool ask(struct bench *b, struct wire *w, const char *want, const char *literal,
		const char *line)
{
	char tag[16];
	size_t n;
	const char *in;

	n = (size_t)snprintf(tag, sizeof(tag), "x%u ", ++b->tag);
	b->seen[0] = b->last[0] = '\0';
	if (!wire_printf(w, "%s%s\r\n", tag, line))
		return false;
	while ((in = wire_line(w)) != NULL) {
		if (*in == '+' && literal) {
			if (!wire_printf(w, "%s\r\n", literal))
				return false;
			continue;
		}
		if (strncmp(in, tag, n) == 0) {
			snprintf(b->last, sizeof(b->last), "%s", in + n);
			return true;
		}
		if (want && strstr(in, want))
			snprintf(b->seen, sizeof(b->seen), "%s", in);
	}
	return false;
}

static void must(struct bench *b, const char *line, const char *literal)
{
	if (!ask(b, b->o, NULL, literal, line) || strncmp(b->last, "OK", 2) != 0) {
		fprintf(stderr, "rights: the owner's \"%s\" failed: %s\n", line, b->last);
		exit(1);
	}
}

/* The line with path in each place of '@'. */
static const char *fill(char out[900], const char *line, const char *path)
{
	size_t n = 0;

	for (; *line && n < 600; line++)
		n += (size_t)snprintf(out + n, 900 - n, *line == '@' ? "%s" : "%.1s",
				      *line == '@' ? path : line);
	return out;
}

static enum outcome outcome(const struct bench *b)
{
	if (strncmp(b->last, "OK", 2) == 0)
		return DONE;
	if (strncmp(b->last, "NO [NOPERM]", 11) == 0)
		return DENIED;
	if (strncmp(b->last, "NO [NONEXISTENT]", 16) == 0 || strncmp(b->last, "NO [TRYCREATE]", 14) == 0)
		return HIDDEN;
	return ODD;
}

/* Letters without the obsolete ones, which would give more than was meant. */
static const char *letters(unsigned rights, char out[RIGHTS_TEXT])
{
	size_t n = 0;

	rights_text(rights, out);
	for (const char *c = out; *c; c++)
		if (*c != 'c' && *c != 'd')
			out[n++] = *c;
	out[n] = '\0';
	return out;
}

/* ---- a folder for one cell ---------------------------------------------------------------- */

#define LETTER	"Subject: x\r\n\r\nbody"
#define LENGTH	18

static void prepare(struct bench *b, enum ns ns, unsigned rights)
{
	static const char *const flags[] = { "", "\\Deleted", "\\Flagged" };
	char line[400], text[RIGHTS_TEXT];

	snprintf(b->theirs, sizeof(b->theirs), "%s%s/m%u", ns == PUBLIC ? "Public Folders/" : "",
		 ns == PUBLIC ? b->public : "M", ++b->folder);
	snprintf(b->his, sizeof(b->his), "%s%s%s%s", ns == OTHERS ? "Other Users/" : "",
		 ns == OTHERS ? b->owner : "", ns == OTHERS ? "/" : "", b->theirs);
	snprintf(line, sizeof(line), "CREATE \"%s\"", b->theirs);
	must(b, line, NULL);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(line, sizeof(line), "APPEND \"%s\" (%s) {%d}", b->theirs, flags[i], LENGTH);
		must(b, line, LETTER);
	}
	snprintf(line, sizeof(line), "SETACL \"%s\" %s \"%s\"", b->theirs,
		 ns == OWN ? "anyone" : b->other, letters(rights, text));
	must(b, line, NULL);
	if (ns == OWN) {
		snprintf(line, sizeof(line), "SETACL \"%s\" -anyone \"%s\"", b->theirs,
			 letters(RIGHT_ALL & ~rights, text));
		must(b, line, NULL);
	}
}

/* What the owner sees of the folder now. */
static bool owner_sees(struct bench *b, const char *line, const char *want)
{
	return ask(b, b->o, want, NULL, line) && b->seen[0];
}

static bool owner_status(struct bench *b, const char *item)
{
	char line[400];

	snprintf(line, sizeof(line), "STATUS \"%s\" (MESSAGES)", b->theirs);
	return owner_sees(b, line, item);
}

static bool owner_flag(struct bench *b, unsigned message, const char *flag)
{
	char line[400], want[60];
	bool yes;

	snprintf(line, sizeof(line), "EXAMINE \"%s\"", b->theirs);
	must(b, line, NULL);
	snprintf(line, sizeof(line), "FETCH %u FLAGS", message);
	snprintf(want, sizeof(want), "* %u FETCH", message);
	yes = owner_sees(b, line, want) && strstr(b->seen, flag);
	must(b, "UNSELECT", NULL);
	return yes;
}

/* ---- commands ------------------------------------------------------------------------------ */

enum { SELECTS = 1,	/* run with the folder selected: without r there is nothing to run */
       NEVER_NO = 2,	/* LIST: what may not be seen is left out */
       ANY = 4,		/* one of the rights will do */
       LITERAL = 8, MAY_NOT_MAKE = 16, /* said to who may not, whatever there is: NOPERM */
       SOME_MORE = 32	/* and one of r s w i p (RFC 5464 section 3.3) */ };

struct command {
	const char *name, *line;	/* @: the folder's path */
	unsigned needs, flags;
	const char *says;		/* an untagged line with this comes if it is done */
	/* What the owner must see then; NULL: nothing to look at.  have: the rights. */
	bool (*after)(struct bench *b, unsigned have, bool done);
};

static bool gone_is(struct bench *b, bool gone, const char *with, const char *without)
{
	return owner_status(b, gone ? without : with);
}

static bool after_expunge(struct bench *b, unsigned have, bool done)
{
	(void)have;
	return gone_is(b, done, "MESSAGES 3", "MESSAGES 2");
}

static bool after_close(struct bench *b, unsigned have, bool done)
{
	return gone_is(b, done && (have & RIGHT_EXPUNGE), "MESSAGES 3", "MESSAGES 2");
}

static bool after_append(struct bench *b, unsigned have, bool done)
{
	if (!done)
		return owner_status(b, "MESSAGES 3");
	return owner_status(b, "MESSAGES 4") &&
	       owner_flag(b, 4, "\\Answered") == !!(have & RIGHT_WRITE) &&
	       owner_flag(b, 4, "todo") == !!(have & RIGHT_WRITE) &&
	       owner_flag(b, 4, "\\Deleted") == !!(have & RIGHT_DELETE);
}

static bool after_copy(struct bench *b, unsigned have, bool done)
{
	if (!done)
		return owner_status(b, "MESSAGES 3");
	return owner_status(b, "MESSAGES 4") &&
	       owner_flag(b, 4, "\\Flagged") == !!(have & RIGHT_WRITE);
}

static bool after_flags(struct bench *b, unsigned have, bool done)
{
	return owner_flag(b, 1, "\\Answered") == (done && (have & RIGHT_WRITE)) &&
	       owner_flag(b, 1, "\\Deleted") == (done && (have & RIGHT_DELETE));
}

static bool after_replace(struct bench *b, unsigned have, bool done)
{
	/* The third is \Flagged; FLAGS (\Deleted) takes that away and sets the other. */
	return owner_flag(b, 3, "\\Flagged") == !(done && (have & RIGHT_WRITE)) &&
	       owner_flag(b, 3, "\\Deleted") == (done && (have & RIGHT_DELETE));
}

static bool after_delete(struct bench *b, unsigned have, bool done)
{
	char line[300];

	(void)have;
	snprintf(line, sizeof(line), "LIST \"\" \"%s\"", b->theirs);
	return owner_sees(b, line, "* LIST") == !done;
}

static bool after_move(struct bench *b, unsigned have, bool done)
{
	return after_expunge(b, have, done);
}

/* One comes, one goes, or nothing happens. */
static bool after_same(struct bench *b, unsigned have, bool done)
{
	(void)have;
	(void)done;
	return owner_status(b, "MESSAGES 3");
}

#define MINE_ANY (RIGHT_LOOKUP | RIGHT_READ | RIGHT_INSERT | RIGHT_CREATE | RIGHT_REMOVE | RIGHT_ADMIN)
#define FLAG_ANY (RIGHT_SEEN | RIGHT_WRITE | RIGHT_DELETE)

static const struct command commands[] = {
	{ "LIST", "LIST \"\" \"@\"", RIGHT_LOOKUP, NEVER_NO, "* LIST", NULL },
	{ "LIST-MYRIGHTS", "LIST \"\" \"@\" RETURN (MYRIGHTS)", RIGHT_LOOKUP, NEVER_NO, "* MYRIGHTS", NULL },
	{ "LIST-STATUS", "LIST \"\" \"@\" RETURN (STATUS (MESSAGES))", RIGHT_LOOKUP | RIGHT_READ, NEVER_NO,
	  "* STATUS", NULL },
	{ "SUBSCRIBE", "SUBSCRIBE \"@\"", RIGHT_LOOKUP, 0, NULL, NULL },
	{ "UNSUBSCRIBE", "UNSUBSCRIBE \"@\"", 0, 0, NULL, NULL },
	{ "CREATE", "CREATE \"@/below\"", RIGHT_CREATE, MAY_NOT_MAKE, NULL, NULL },
	{ "DELETE", "DELETE \"@\"", RIGHT_REMOVE, 0, NULL, after_delete },
	{ "SELECT", "SELECT \"@\"", RIGHT_READ, 0, "EXISTS", NULL },
	{ "EXAMINE", "EXAMINE \"@\"", RIGHT_READ, 0, "EXISTS", NULL },
	{ "STATUS", "STATUS \"@\" (MESSAGES)", RIGHT_READ, 0, "MESSAGES 3", NULL },
	{ "GETACL", "GETACL \"@\"", RIGHT_ADMIN, 0, "* ACL", NULL },
	{ "SETACL", "SETACL \"@\" authenticated p", RIGHT_ADMIN, 0, NULL, NULL },
	{ "DELETEACL", "DELETEACL \"@\" authenticated", RIGHT_ADMIN, 0, NULL, NULL },
	{ "LISTRIGHTS", "LISTRIGHTS \"@\" anyone", RIGHT_ADMIN, 0, "* LISTRIGHTS", NULL },
	{ "MYRIGHTS", "MYRIGHTS \"@\"", MINE_ANY, ANY, "* MYRIGHTS", NULL },
	{ "APPEND", "APPEND \"@\" (\\Answered \\Deleted todo) {18}", RIGHT_INSERT, LITERAL, NULL, after_append },
	{ "FETCH", "FETCH 1:3 (UID FLAGS)", 0, SELECTS, "* 3 FETCH", NULL },
	{ "FETCH BODY[]", "FETCH 1 BODY[TEXT]", 0, SELECTS, "* 1 FETCH", NULL },
	{ "SEARCH", "SEARCH FLAGGED", 0, SELECTS, "* SEARCH 3", NULL },
	{ "STORE", "STORE 1 +FLAGS (\\Seen \\Answered \\Deleted)", FLAG_ANY, SELECTS | ANY, NULL, after_flags },
	{ "STORE \\Seen", "STORE 1 +FLAGS (\\Seen)", RIGHT_SEEN, SELECTS, NULL, NULL },
	{ "STORE keyword", "STORE 1 +FLAGS (todo)", RIGHT_WRITE, SELECTS, NULL, NULL },
	{ "STORE \\Deleted", "STORE 1 +FLAGS (\\Deleted)", RIGHT_DELETE, SELECTS, NULL, NULL },
	{ "STORE FLAGS", "STORE 3 FLAGS (\\Deleted)", FLAG_ANY, SELECTS | ANY, NULL, after_replace },
	{ "EXPUNGE", "EXPUNGE", RIGHT_EXPUNGE, SELECTS, NULL, after_expunge },
	{ "UID EXPUNGE", "UID EXPUNGE 1:*", RIGHT_EXPUNGE, SELECTS, NULL, after_expunge },
	{ "CLOSE", "CLOSE", 0, SELECTS, NULL, after_close },
	{ "COPY into it", "COPY 3 \"@\"", RIGHT_INSERT, SELECTS, NULL, after_copy },
	{ "MOVE within it", "MOVE 3 \"@\"", RIGHT_INSERT | RIGHT_DELETE | RIGHT_EXPUNGE, SELECTS, NULL, NULL },
	{ "MOVE out of it", "MOVE 1 \"Sent Items\"", RIGHT_DELETE | RIGHT_EXPUNGE, SELECTS, NULL, after_move },
	{ "REPLACE", "REPLACE 3 \"@\" {18}", RIGHT_INSERT | RIGHT_DELETE | RIGHT_EXPUNGE,
	  SELECTS | LITERAL, NULL, after_same },
	{ "GETMETADATA", "GETMETADATA \"@\" /private/comment", RIGHT_LOOKUP, SOME_MORE, NULL, NULL },
	{ "GETQUOTAROOT", "GETQUOTAROOT \"@\"", RIGHT_ALL, ANY, "* QUOTAROOT", NULL },
	{ "RENAME", "RENAME \"@\" \"@-renamed\"", RIGHT_REMOVE, 0, NULL, NULL },
};

/* ---- a cell ----------------------------------------------------------------------------------- */

static bool has(const struct command *c, unsigned have)
{
	static const unsigned some = RIGHT_READ | RIGHT_SEEN | RIGHT_WRITE | RIGHT_INSERT | RIGHT_POST;

	if (c->flags & SOME_MORE)
		return (have & c->needs) == c->needs && (have & some);
	return c->flags & ANY ? (have & c->needs) != 0 : (have & c->needs) == c->needs;
}

/* RENAME also needs k where the folder goes, which OTHER never has. */
static enum outcome expected(const struct command *c, enum ns ns, unsigned have)
{
	if (c->flags & NEVER_NO)
		return DONE;
	if ((c->flags & SELECTS) && !(have & RIGHT_READ))
		return have & RIGHT_KNOWS ? DENIED : HIDDEN;
	if (strcmp(c->name, "RENAME") == 0 && ns != OWN && has(c, have))
		return HIDDEN;
	if (has(c, have))
		return DONE;
	if (c->flags & MAY_NOT_MAKE)
		return DENIED;
	return have & RIGHT_KNOWS ? DENIED : HIDDEN;
}

static enum outcome run(struct bench *b, struct wire *w, const struct command *c)
{
	char line[900];

	if (c->flags & SELECTS) {
		snprintf(line, sizeof(line), "SELECT \"%s\"", b->his);
		if (!ask(b, w, NULL, NULL, line))
			return ODD;
		if (outcome(b) != DONE)
			return outcome(b);
	}
	if (!ask(b, w, c->says, c->flags & LITERAL ? LETTER : NULL, fill(line, c->line, b->his)))
		return ODD;
	return outcome(b);
}

static void cell(struct bench *b, enum ns ns, unsigned given, const struct command *c)
{
	struct wire *w = ns == OWN ? b->o : b->u;
	unsigned have = ns == OWN ? RIGHT_ALL : given;
	enum outcome want = expected(c, ns, have), got;
	char said[512], text[RIGHTS_TEXT], line[400];
	bool shown, fine;

	prepare(b, ns, given);
	got = run(b, w, c);
	snprintf(said, sizeof(said), "%s", b->last);
	shown = b->seen[0];
	fine = got == want;
	if (fine && c->says)
		fine = shown == (c->flags & NEVER_NO ? has(c, have) : want == DONE);
	/* Leave the folder without touching it. */
	ask(b, w, NULL, NULL, "UNSELECT");
	if (fine && c->after)
		fine = c->after(b, have, want == DONE);
	b->cells++;
	if (!fine) {
		b->wrong++;
		fprintf(stderr, "%s, %s with \"%s\": wanted %s%s, got \"%s\"%s\n", ns_names[ns],
			c->name, letters(given, text), outcome_names[want],
			c->after ? " and its effect" : "", said, shown ? " and a line" : "");
	}
	if (strcmp(c->name, "CREATE") == 0) {
		snprintf(line, sizeof(line), "DELETE \"%s/below\"", b->theirs);
		ask(b, b->o, NULL, NULL, line);
	}
	snprintf(line, sizeof(line), "DELETE \"%s%s\"", b->theirs,
		 ns == OWN && strcmp(c->name, "RENAME") == 0 ? "-renamed" : "");
	ask(b, b->o, NULL, NULL, line);
}

/* ---- all of them --------------------------------------------------------------------------------- */

/* Each alone, each missing, each with r or with l and r; none and all. */
static size_t sets(unsigned out[64])
{
	size_t n = 0;

	out[n++] = 0;
	out[n++] = RIGHT_ALL;
	for (unsigned bit = 1; bit <= RIGHT_ADMIN; bit <<= 1) {
		out[n++] = bit;
		out[n++] = RIGHT_ALL & ~bit;
		if (!(bit & RIGHT_KNOWS))
			out[n++] = bit | (bit % 7 == 1 ? RIGHT_READ : RIGHT_KNOWS);
	}
	return n;
}

static struct wire *login(const struct bench *b, const char *user)
{
	struct wire *w = wire_imap_login(b->host, b->port, false, user, b->password);

	if (w == NULL) {
		fprintf(stderr, "rights: %s cannot log in\n", user);
		exit(1);
	}
	return w;
}

static char *host_of(const char *arg, char **port)
{
	char *host = xstrdup(arg), *colon = strrchr(host, ':');

	if (colon == NULL)
		exit(2);
	*colon = '\0';
	*port = colon + 1;
	return host;
}

int main(int argc, char **argv)
{
	struct bench b = { .port = NULL };
	unsigned all[64];
	size_t n = sets(all);
	int opt;

	while ((opt = getopt(argc, argv, "i:o:u:p:P:")) != -1)
		switch (opt) {
		case 'i': b.host = host_of(optarg, &b.port); break;
		case 'o': b.owner = optarg; break;
		case 'u': b.other = optarg; break;
		case 'p': b.password = optarg; break;
		case 'P': b.public = optarg; break;
		default:  return 2;
		}
	if (!b.host || !b.owner || !b.other || !b.password || !b.public)
		return 2;
	b.o = login(&b, b.owner);
	b.u = login(&b, b.other);
	must(&b, "CREATE M", NULL);
	for (unsigned ns = 0; ns < N_NS; ns++)
		for (size_t i = 0; i < n; i += ns == OWN ? 4 : 1)
			for (size_t k = 0; k < N_ELEMS(commands); k++)
				cell(&b, (enum ns)ns, all[i], &commands[k]);
	printf("sets=%zu commands=%zu namespaces=%d cells=%u wrong=%u\n", n, N_ELEMS(commands),
	       N_NS, b.cells, b.wrong);
	wire_close(&b.o);
	wire_close(&b.u);
	free(b.host);
	return b.wrong ? 1 : 0;
}
