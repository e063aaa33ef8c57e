#include "roles/shell/password.h"

#include "common/base/check.h"
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define MAX_PASSWORD 1024

void password_wipe(struct password *p)
{
	if (p->text == NULL)
		return;
	sodium_memzero(p->text, strlen(p->text));
	free(p->text);
	p->text = NULL;
}

static enum err first_line(struct shell *sh, FILE *from, const char *what, struct password *out)
{
	char line[MAX_PASSWORD + 2];
	enum err e = ERR_OK;

	if (fgets(line, sizeof(line), from) == NULL)
		return err_set(&sh->eb, ERR_INVALID, "no password in %s", what);
	line[strcspn(line, "\r\n")] = '\0';
	if (line[0] == '\0' || strlen(line) > MAX_PASSWORD)
		e = err_set(&sh->eb, ERR_INVALID, "a password has 1 to %d characters", MAX_PASSWORD);
	else
		out->text = xstrdup(line);
	sodium_memzero(line, sizeof(line));
	return e;
}

static enum err ask(struct shell *sh, const char *prompt, struct password *out)
{
	struct termios was, quiet;
	enum err e;

	if (tcgetattr(STDIN_FILENO, &was) != 0)
		return err_set(&sh->eb, ERR_INVALID, "no terminal to ask for a password on");
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	fputs(prompt, stderr);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	e = first_line(sh, stdin, "the answer", out);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
	fputc('\n', stderr);
	return e;
}

static enum err ask_twice(struct shell *sh, struct password *out)
{
	struct password again = { NULL };
	enum err e = ask(sh, "Password: ", out);

	if (e == ERR_OK)
		e = ask(sh, "Again: ", &again);
	if (e == ERR_OK && (again.text == NULL || strcmp(out->text, again.text) != 0))
		e = err_set(&sh->eb, ERR_INVALID, "the two are not the same");
	password_wipe(&again);
	if (e)
		password_wipe(out);
	return e;
}

enum err password_option(struct shell *sh, int *argc, char **argv, bool creating,
			 struct password *out)
{
	const char *path = take_option(argc, argv, "--password-file");
	FILE *f;
	enum err e;

	if (path) {
		f = fopen(path, "re");
		if (f == NULL)
			return err_errno(&sh->eb, errno, path);
		e = first_line(sh, f, path, out);
		fclose(f);
		return e;
	}
	if (take_flag(argc, argv, "--password-stdin"))
		return first_line(sh, stdin, "standard input", out);
	if (take_flag(argc, argv, "--no-password"))
		return ERR_OK;
	if (take_flag(argc, argv, "--password") || (creating && isatty(STDIN_FILENO)))
		return ask_twice(sh, out);
	if (creating)
		return err_set(&sh->eb, ERR_INVALID, "no password: use --password-stdin, "
			       "--password-file FILE or --no-password");
	return ERR_OK;
}
