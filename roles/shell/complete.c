/* Completion: `bourse complete WORD...` prints what the last word may become; the
 * script for bash and the prompt both ask that. */
#include "roles/shell/nouns.h"

#include <stdio.h>
#include <string.h>

static void nouns(void (*add)(void *ctx, const char *w), void *ctx)
{
	const char *last = "";

	for (size_t i = 0; i < n_verbs; i++) {
		if (verbs[i].help && strcmp(verbs[i].noun, last) != 0)
			add(ctx, verbs[i].noun);
		last = verbs[i].noun;
	}
}

static void attributes(unsigned klass, void (*add)(void *ctx, const char *w), void *ctx)
{
	char word[80];

	for (const struct attr_info *a = attr_next(klass, NULL); a; a = attr_next(klass, a)) {
		if (a->flags & (ATTR_SECRET | ATTR_READONLY))
			continue;
		snprintf(word, sizeof(word), "%s=", a->name);
		add(ctx, word);
	}
}

/* The option words in a verb's usage: "[--limit N]" offers --limit. */
static void options(const struct verb *v, void (*add)(void *ctx, const char *w), void *ctx)
{
	char word[40];

	for (const char *p = strstr(v->args, "--"); p; p = strstr(p + 2, "--")) {
		size_t n = strcspn(p, " ]|");

		snprintf(word, sizeof(word), "%.*s", (int)n, p);
		add(ctx, word);
	}
}

void verb_complete(int argc, char **argv, int at, void (*add)(void *ctx, const char *w), void *ctx)
{
	const struct verb *v;

	if (at == 0) {
		nouns(add, ctx);
		return;
	}
	v = argc > 0 ? verb_find(argv[0], argc > 1 ? argv[1] : NULL) : NULL;
	if (at == 1 && (v == NULL || v->name)) {
		for (size_t i = 0; i < n_verbs; i++)
			if (strcmp(verbs[i].noun, argv[0]) == 0 && verbs[i].name)
				add(ctx, verbs[i].name);
	} else if (v) {
		options(v, add, ctx);
		if (v->klass && strstr(v->args, "ATTRIBUTE"))
			attributes(v->klass, add, ctx);
	}
}

static void print_match(void *ctx, const char *w)
{
	const char *start = ctx;

	if (strncmp(w, start, strlen(start)) == 0)
		puts(w);
}

enum err complete_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	(void)sh;
	(void)v;
	if (argc > 0)
		verb_complete(argc - 1, argv, argc - 1, print_match, argv[argc - 1]);
	return ERR_OK;
}

enum err completion_verb(struct shell *sh, const struct verb *v, int argc, char **argv)
{
	(void)sh;
	(void)v;
	(void)argc;
	(void)argv;
	puts("# bash completion for bourse\n"
	     "_bourse() {\n"
	     "\tlocal words=(\"${COMP_WORDS[@]:1:COMP_CWORD}\") cur=${COMP_WORDS[COMP_CWORD]}\n"
	     "\twhile [[ ${words[0]} == -* && ${#words[@]} -gt 1 ]]; do\n"
	     "\t\t[[ ${words[0]} == -[Co] ]] && words=(\"${words[@]:1}\")\n"
	     "\t\twords=(\"${words[@]:1}\")\n"
	     "\tdone\n"
	     "\tlocal IFS=$'\\n'\n"
	     "\tCOMPREPLY=($(\"${COMP_WORDS[0]}\" complete \"${words[@]}\" 2>/dev/null))\n"
	     "\t[[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n"
	     "\t[[ ${#COMPREPLY[@]} -eq 0 ]] && COMPREPLY=($(compgen -f -- \"$cur\"))\n"
	     "}\n"
	     "complete -F _bourse bourse");
	return ERR_OK;
}
