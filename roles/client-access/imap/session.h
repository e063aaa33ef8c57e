#ifndef CAS_IMAP_SESSION_H
#define CAS_IMAP_SESSION_H
/*
 * imap session - one client's conversation, without its socket
 *
 * IMAP4rev1 (RFC 3501) with the extensions that CAPABILITY lists.  Memory is
 * bounded: a command with its small literals (128 KiB), one window of rows from
 * the store (1 MiB), output up to high water plus one row; an idle session holds
 * its own struct and a share of the folder's uid map.
 */
#include "roles/client-access/front.h"

extern const struct front_protocol imap_protocol;
#endif
