#ifndef SHELL_UM_UM_H
#define SHELL_UM_UM_H
/*
 * um - telephony: mailboxes that calls are answered for, and the calls that run
 *
 * A PIN that nobody chose is made here, by the policy's length, and told to the
 * user by mail through a um server; when that cannot be done the administrator is
 * told it, on the terminal, to pass it on.
 */
#include "roles/shell/rpc.h"

verb_fn mailbox_um_verb, um_call_verb;

/* rpc.c */
enum um_notice { UM_NOTICE_WELCOME, UM_NOTICE_PIN };
enum err ask_um_notice(struct shell *sh, const char *server, enum um_notice what,
		       const struct guid *mailbox, const char *pin) A_MUST_USE;
enum err ask_um_calls(struct shell *sh, const char *server, struct table *t) A_MUST_USE;
enum err ask_um_hang_up(struct shell *sh, const char *server, const char *id) A_MUST_USE;
#endif
