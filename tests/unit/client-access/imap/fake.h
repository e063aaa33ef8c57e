#ifndef TEST_IMAP_FAKE_H
#define TEST_IMAP_FAKE_H
/*
 * fake - a store and a login service in memory, for driving IMAP sessions
 *
 * Calls queue up and are answered one by one by fake_step(), oldest first, so a
 * test decides when answers come.  Rows come three at a time, content seven
 * bytes at a time, an APPEND has room for five bytes a step.
 */
#include "common/api/store.h"
#include "common/base/err.h"
#include <stdbool.h>
#include <stddef.h>

void fake_reset(void);			/* an INBOX with four messages, Sent, Drafts/old */
bool fake_step(void);			/* false: nothing is waiting */
bool fake_auth_step(void);		/* the same for logins */
size_t fake_waiting(void);		/* calls in flight, watches not counted */
size_t fake_watches(void);
void fake_fail(const char *call, enum err e);	/* the next call of this name */
void fake_catalogue(bool on);		/* store_find() knows, of the first text */
void fake_no_maps(bool on);		/* rows come without a map */
void fake_watch_gone(void);		/* the store ends every watch */
void fake_content_in_rows(bool on);	/* if asked for; else all comes by store_content() */
void fake_forget(void);			/* what went away until now */
void fake_other_server(bool on);		/* bob's mailbox is on another one */
int64_t fake_date_ms(const char *folder, uint32_t uid);
const char *fake_keyword(const char *folder, uint32_t uid);
void fake_rights(unsigned rights);	/* of who selects; all unless said */
void fake_away(bool on);		/* account_locate() says AGAIN */

/* As if by another client; each hints. */
uint32_t fake_deliver(const char *folder, const char *content);
void fake_set_flags(const char *folder, uint32_t uid, unsigned flags);
void fake_expunge(const char *folder, uint32_t uid);
void fake_remove_folder(const char *folder);

const char *fake_content(const char *folder, uint32_t uid);	/* NULL: not there */
unsigned fake_flags(const char *folder, uint32_t uid);
bool fake_seen_password(void);		/* the last login's was "pw" */
void fake_disable_user(void);		/* login_still() says DENIED */
#endif
