#ifndef CAS_POP3_SESSION_H
#define CAS_POP3_SESSION_H
/*
 * pop3 session - one client's conversation, without its socket
 *
 * POP3 (RFC 1939) with TOP, UIDL, CAPA and response codes (RFC 2449), STLS (RFC
 * 2595), AUTH (RFC 5034) and the AUTH response code (RFC 3206).  APOP is not
 * there: it needs passwords that can be read.
 *
 * A session works on a snapshot of the inbox taken at login, and locks nobody
 * out: neither another POP3 session nor IMAP.  What others remove meanwhile
 * cannot be retrieved any more; what they add is seen at the next login.
 * Deletions happen at QUIT, in one call to the store, and also when the client
 * leaves without waiting for the answer; a connection that breaks before QUIT
 * deletes nothing.
 *
 * The unique-id is "<uidvalidity>.<uid>", IMAP's numbers: it never changes and is
 * never used again.  The size is that of the stored message, which is what RETR
 * sends as long as lines end in CRLF, the last one too; RETR completes those that
 * do not.
 *
 * Memory is bounded: a line, 8 bytes a message for at most POP3_MAX_MESSAGES,
 * one page of content (256 KiB) with its dots doubled, and what the connection
 * holds before it is full.
 */
#include "roles/client-access/front.h"

extern const struct front_protocol pop3_protocol;
#endif
