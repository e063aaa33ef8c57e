/* The prompt: `bourse` without a noun on a terminal, with history and completion. */
#include "roles/shell/shell.h"

#include "common/base/check.h"
#include <readline/history.h>
#include <readline/readline.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WORDS 256

/* Words of a line; "..." and '...' keep blanks.  Cut in place; -1: a quote is open
 * or there are too many. */
static int split(char *line, char **argv)
{
	char *r = line, *w;
	int n = 0;

	for (;;) {
		while (*r == ' ' || *r == '\t')
			r++;
		if (*r == '\0')
			break;
		if (n == MAX_WORDS)
			return -1;
		argv[n++] = w = r;
		while (*r && *r != ' ' && *r != '\t') {
			if (*r == '"' || *r == '\'') {
				char quote = *r++;

				while (*r && *r != quote)
					*w++ = *r++;
				if (*r++ == '\0')
					return -1;
			} else {
				*w++ = *r++;
			}
		}
		if (*r)
			r++;
		*w = '\0';
	}
	argv[n] = NULL;
	return n;
}

struct matches {
	const char *start;
	char *word[512];
	size_t n;
};

static void add_match(void *ctx, const char *w)
{
	struct matches *m = ctx;

	if (m->n < N_ELEMS(m->word) && strncmp(w, m->start, strlen(m->start)) == 0)
		m->word[m->n++] = xstrdup(w);
}

/* Readline asks for one match after the other; state 0 begins. */
static char *next_match(const char *text, int state)
{
	static struct matches m;	/* readline has no place for our context */
	static size_t at;

	if (state == 0) {
		char *line = xstrndup(rl_line_buffer, (size_t)rl_point), *argv[MAX_WORDS + 1];
		int n = split(line, argv);

		m.n = at = 0;
		m.start = text;
		if (n >= 0) {
			int whole = n - (n > 0 && text[0] != '\0');

			verb_complete(whole, argv, whole, add_match, &m);
		}
		free(line);
	}
	return at < m.n ? m.word[at++] : NULL;
}

static char **complete(const char *text, int start, int end)
{
	char **list;

	(void)start;
	(void)end;
	rl_attempted_completion_over = 1;
	list = rl_completion_matches(text, next_match);
	if (list && list[0] && list[0][0] && list[0][strlen(list[0]) - 1] == '=')
		rl_completion_suppress_append = 1;
	return list;
}

enum exit_code shell_prompt(struct shell *sh)
{
	enum exit_code last = EXIT_FINE;
	char *line, *argv[MAX_WORDS + 1];
	int argc;

	sh->interactive = true;
	rl_readline_name = "bourse";
	rl_attempted_completion_function = complete;
	rl_basic_word_break_characters = " \t\n\"'";
	printf("bourse %s; help, completion with Tab, exit with Ctrl-D\n", VERSION);
	while ((line = readline("bourse> ")) != NULL) {
		if (line[0])
			add_history(line);
		argc = split(line, argv);
		if (argc < 0)
			fprintf(stderr, "a quote is not closed\n");
		else if (argc > 0 && (strcmp(argv[0], "exit") == 0 || strcmp(argv[0], "quit") == 0)) {
			free(line);
			break;
		} else if (argc > 0 && strcmp(argv[0], "help") == 0)
			verb_help(argc > 1 ? argv[1] : NULL, argc > 2 ? argv[2] : NULL, stdout);
		else if (argc > 0)
			last = shell_run(sh, argc, argv);
		free(line);
	}
	rl_clear_history();
	return last;
}
