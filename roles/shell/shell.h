/* Private to roles/shell. */
#ifndef SHELL_SHELL_H
#define SHELL_SHELL_H
/*
 * shell - what every verb of `bourse` works with
 *
 * A verb is a row in the table of nouns.c: it gets its words, asks the directory
 * (or, through it, a server) by the functions of rpc.h, which wait for the answer,
 * and fills a struct table that main prints as text or JSON.  Verbs never print
 * results themselves, except those whose result is a stream (message show, stats).
 */
#include "common/api/object.h"
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/rpc/rpc.h"
#include "roles/shell/table.h"
#include <stdbool.h>

struct shell {
	const char *config_dir;
	bool json;
	bool interactive;	/* the prompt: an error does not end us */
	struct link *link;	/* to the directory; made when first needed */
	struct arena arena;	/* lives as long as one command */
	struct names *names;	/* names.h */
	struct table *table;	/* what the command found */
	const char *below;	/* lines for people, below the table; NULL: none */
	struct errbuf eb;	/* why it failed, for people */
};

/* Exit codes; also in bourse(1). */
enum exit_code {
	EXIT_FINE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOTFOUND = 3,
	EXIT_DENIED = 4,
	EXIT_UNAVAILABLE = 5,
};
enum exit_code exit_code_of(enum err e);

struct verb;
/* argv holds the words behind noun and verb, to NULL.  ERR_INVALID with an empty
 * eb means: show how to use it. */
typedef enum err verb_fn(struct shell *sh, const struct verb *v, int argc, char **argv);

struct verb {
	const char *noun, *name;
	const char *args;		/* "NAME [ATTRIBUTE=VALUE...]" */
	const char *help;		/* one line */
	verb_fn *run;
	unsigned klass;			/* of objects; 0: the verb is about something else */
	int min_words, max_words;	/* max -1: any number */
};

extern const struct verb verbs[];
extern const size_t n_verbs;
const struct verb *verb_find(const char *noun, const char *name);
/* noun NULL: all nouns; name NULL: all verbs of the noun. */
void verb_help(const char *noun, const char *name, FILE *to);
/* Words that may stand as word number `at` of this command; add(ctx, word). */
void verb_complete(int argc, char **argv, int at, void (*add)(void *ctx, const char *w), void *ctx);

/* One whole command line without options; returns the exit code. */
enum exit_code shell_run(struct shell *sh, int argc, char **argv);
/* Read commands until the end of input. */
enum exit_code shell_prompt(struct shell *sh);

/* ---- options among a verb's words --------------------------------------------- */
/* Take "--name" out of argv; true if it was there. */
bool take_flag(int *argc, char **argv, const char *name);
/* Take "--name VALUE" or "--name=VALUE" out; NULL if absent. */
const char *take_option(int *argc, char **argv, const char *name);
/* A word that must be a number from 0 to max; NULL is `absent`. */
enum err number_word(struct shell *sh, const char *what, const char *word, uint64_t absent,
		     uint64_t max, uint64_t *out) A_MUST_USE;
/* The first word that looks like an option and is none of this verb's; NULL: none. */
const char *unknown_option(const struct verb *v, int argc, char **argv);
#endif
