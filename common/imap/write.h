#ifndef IMAP_WRITE_H
#define IMAP_WRITE_H
/*
 * write - strings on their way to the client (RFC 3501 section 9)
 *
 * string() picks the form: quoted where every byte may be (printable ASCII, up
 * to 1,000 bytes), else a literal.  A NUL cannot be said in IMAP: it becomes
 * '?' so that stored garbage cannot break the conversation.  LIMIT when out is
 * full; what was written then is incomplete.
 */
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/span.h"
#include <stdint.h>

enum err imap_write_string(struct buf *out, struct span s) A_MUST_USE;
enum err imap_write_nstring(struct buf *out, struct span s) A_MUST_USE;	/* p NULL: NIL */
enum err imap_write_astring(struct buf *out, struct span s) A_MUST_USE;	/* atom if possible */
enum err imap_write_mailbox(struct buf *out, const char *utf8) A_MUST_USE; /* in modified UTF-7 */
/* A name to who takes UTF-8 in quoted strings (RFC 6855 3, RFC 9051 4.3). */
enum err imap_write_utf8(struct buf *out, struct span s) A_MUST_USE;
/* Just the head, "{12}\r\n"; n bytes follow. */
enum err imap_write_literal_head(struct buf *out, uint64_t n) A_MUST_USE;
/* "~{12}": the bytes may hold NUL (RFC 3516). */
enum err imap_write_literal8_head(struct buf *out, uint64_t n) A_MUST_USE;
#endif
