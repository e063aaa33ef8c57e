#ifndef IMAP_UTF7_H
#define IMAP_UTF7_H
/*
 * utf7 - mailbox names on the wire (RFC 3501 section 5.1.3)
 *
 * Strict both ways, so that a name has exactly one form on the wire and what is
 * decoded encodes to the same bytes again: no printable ASCII inside a shift, no
 * two shifts side by side, no stray bits, no half surrogate pairs, no controls.
 */
#include "common/base/arena.h"
#include "common/base/err.h"
#include "common/base/span.h"

/* UTF-8 in the arena, NUL-terminated.  INVALID. */
enum err imap_utf7_decode(struct span in, struct arena *a, char **out) A_MUST_USE;
/* in must be UTF-8 without NUL; INVALID otherwise. */
enum err imap_utf7_encode(struct span in, struct arena *a, char **out) A_MUST_USE;

/* Well-formed UTF-8 (no surrogates, no overlong forms)? */
bool imap_utf8_valid(struct span in) A_MUST_USE;
#endif
