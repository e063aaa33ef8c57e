/* bourse - the management shell: nouns and verbs */
#include "roles/shell/link.h"
#include "roles/shell/shell.h"

#include "common/base/log.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct shell sh = { .config_dir = "/etc/bourse" };
	enum exit_code code;
	int c;

	signal(SIGPIPE, SIG_DFL);
	log_open("bourse", LOG_ERROR);
	/* '+': options end at the noun; what follows belongs to the verb. */
	while ((c = getopt(argc, argv, "+C:o:Vh-:")) != -1) {
		switch (c) {
		case 'C':
			sh.config_dir = optarg;
			break;
		case 'o':
			if (strcmp(optarg, "json") != 0 && strcmp(optarg, "table") != 0) {
				fprintf(stderr, "bourse: -o takes table or json\n");
				return EXIT_USAGE;
			}
			sh.json = strcmp(optarg, "json") == 0;
			break;
		case 'V':
			printf("bourse %s\n", VERSION);
			return EXIT_FINE;
		case 'h':
			verb_help(NULL, NULL, stdout);
			return EXIT_FINE;
		case '-':
			if (strcmp(optarg, "help") == 0) {
				verb_help(NULL, NULL, stdout);
				return EXIT_FINE;
			}
			if (strcmp(optarg, "version") == 0) {
				printf("bourse %s\n", VERSION);
				return EXIT_FINE;
			}
			/* fall through */
		default:
			verb_help(NULL, NULL, stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		code = shell_run(&sh, argc - optind, argv + optind);
	} else if (isatty(STDIN_FILENO)) {
		code = shell_prompt(&sh);
	} else {
		verb_help(NULL, NULL, stderr);
		code = EXIT_USAGE;
	}
	link_close(&sh.link);
	arena_fini(&sh.arena);
	return code;
}
