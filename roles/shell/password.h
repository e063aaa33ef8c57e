#ifndef SHELL_PASSWORD_H
#define SHELL_PASSWORD_H
/*
 * password - a password on its way into the directory, never from the command
 * line, where other users of the host could see it
 *
 *	--password-stdin	the first line of standard input
 *	--password-file FILE	the first line of a file
 *	--password		ask on the terminal, twice
 *	--no-password		none: nobody can log in until one is set
 *
 * Without any of them, creating a mailbox on a terminal asks.
 */
#include "roles/shell/shell.h"

struct password {
	char *text;		/* NULL: none */
};

enum err password_option(struct shell *sh, int *argc, char **argv, bool creating,
			 struct password *out) A_MUST_USE;
void password_wipe(struct password *p);
#endif
