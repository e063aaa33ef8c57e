#include "roles/shell/names.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum exit_code exit_code_of(enum err e)
{
	switch (e) {
	case ERR_OK:	   return EXIT_FINE;
	case ERR_INVALID:  return EXIT_USAGE;
	case ERR_NOTFOUND: return EXIT_NOTFOUND;
	case ERR_DENIED:   return EXIT_DENIED;
	case ERR_AGAIN:	   return EXIT_UNAVAILABLE;
	default:	   return EXIT_FAILED;
	}
}

static void remove_words(int *argc, char **argv, int at, int n)
{
	for (int i = at; i + n <= *argc; i++)
		argv[i] = argv[i + n];
	*argc -= n;
}

bool take_flag(int *argc, char **argv, const char *name)
{
	for (int i = 0; i < *argc; i++)
		if (strcmp(argv[i], name) == 0) {
			remove_words(argc, argv, i, 1);
			return true;
		}
	return false;
}

const char *take_option(int *argc, char **argv, const char *name)
{
	size_t n = strlen(name);

	for (int i = 0; i < *argc; i++) {
		const char *value;

		if (strncmp(argv[i], name, n) == 0 && argv[i][n] == '=') {
			value = argv[i] + n + 1;
			remove_words(argc, argv, i, 1);
			return value;
		}
		if (strcmp(argv[i], name) == 0 && i + 1 < *argc) {
			value = argv[i + 1];
			remove_words(argc, argv, i, 2);
			return value;
		}
	}
	return NULL;
}

enum err number_word(struct shell *sh, const char *what, const char *word, uint64_t absent,
		     uint64_t max, uint64_t *out)
{
	char *end;

	*out = absent;
	if (word == NULL)
		return ERR_OK;
	errno = 0;
	*out = strtoull(word, &end, 10);
	if (!isdigit((unsigned char)word[0]) || *end || errno || *out > max)
		return err_set(&sh->eb, ERR_INVALID, "%s is a number up to %" PRIu64 ", not \"%s\"",
			       what, max, word);
	return ERR_OK;
}

const char *unknown_option(const struct verb *v, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		size_t n = strcspn(argv[i], "=");
		const char *p = v->args;

		if (strncmp(argv[i], "--", 2) != 0)
			continue;
		while ((p = strstr(p, "--")) &&
		       (strcspn(p, " ]|") != n || strncmp(p, argv[i], n) != 0))
			p += 2;
		if (p == NULL)
			return argv[i];
	}
	return NULL;
}

static bool noun_exists(const char *noun)
{
	for (size_t i = 0; i < n_verbs; i++)
		if (strcmp(verbs[i].noun, noun) == 0)
			return true;
	return false;
}

static enum exit_code usage(const char *noun, const char *name)
{
	verb_help(noun, name, stderr);
	return EXIT_USAGE;
}

static enum exit_code run_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	const char *strange = v->help ? unknown_option(v, argc, argv) : NULL;
	enum err e;

	if (strange) {
		fprintf(stderr, "bourse: no option %s here\n", strange);
		return usage(v->noun, v->name);
	}
	if (argc < v->min_words || (v->max_words >= 0 && argc > v->max_words))
		return usage(v->noun, v->name);
	sh->eb.text[0] = '\0';
	sh->table = NULL;
	sh->below = NULL;
	e = v->run(sh, v, argc, argv);
	if (e == ERR_INVALID && sh->eb.text[0] == '\0')
		return usage(v->noun, v->name);
	if (sh->table)
		table_print(sh->table, sh->json, stdout);
	if (sh->below && !sh->json)
		fputs(sh->below, stdout);
	fflush(stdout);
	if (e)
		fprintf(stderr, "bourse: %s\n", sh->eb.text[0] ? sh->eb.text : err_text(e));
	return exit_code_of(e);
}

enum exit_code shell_run(struct shell *sh, int argc, char **argv)
{
	const struct verb *v = verb_find(argv[0], argc > 1 ? argv[1] : NULL);
	enum exit_code code;
	int skip;

	/* --help anywhere, but not inside what completion asks about. */
	if (strcmp(argv[0], "complete") != 0 &&
	    (take_flag(&argc, argv, "--help") || take_flag(&argc, argv, "-h"))) {
		if (argc > 0 && !noun_exists(argv[0]))
			return usage(NULL, NULL);
		verb_help(argc > 0 ? argv[0] : NULL, argc > 1 ? argv[1] : NULL, stdout);
		return EXIT_FINE;
	}
	if (v == NULL) {
		if (!noun_exists(argv[0])) {
			fprintf(stderr, "bourse: no noun \"%s\"\n", argv[0]);
			return usage(NULL, NULL);
		}
		return usage(argv[0], NULL);
	}
	skip = v->name ? 2 : 1;
	code = run_verb(sh, v, argc - skip, argv + skip);
	names_end(sh);
	arena_reset(&sh->arena);
	return code;
}
