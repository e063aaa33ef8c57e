#ifndef SHELL_NAMES_H
#define SHELL_NAMES_H
/*
 * names - what objects are called, without a question for each
 *
 * A GUID's name is asked for; after some dozens in one command all recipients are
 * listed instead, which costs one question for two hundred.  Lives as long as a command.
 */
#include "roles/shell/shell.h"

/* The name of the object with this GUID; its GUID as text if it is gone. */
const char *names_of(struct shell *sh, const struct guid *g);
void names_end(struct shell *sh);	/* of the command */
#endif
