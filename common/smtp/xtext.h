#ifndef SMTP_XTEXT_H
#define SMTP_XTEXT_H
/*
 * xtext - the encoding of DSN and AUTH parameters (RFC 3461 4, RFC 6533 3)
 *
 * xtext writes an octet outside "!".."~", and '+' and '=', as "+XX".  An
 * original recipient of type utf-8 writes code points as "\x{X...}" instead, or
 * as they are where the transaction has SMTPUTF8.
 *
 * What is decoded may hold no control character and must be UTF-8: it ends up in
 * header fields of reports.
 */
#include "common/base/buf.h"
#include "common/base/span.h"

/* The decoded text and a NUL; INVALID: malformed, unprintable or longer than
 * cap - 1.  Raw UTF-8 is let through: who may send it is the caller's question. */
enum err smtp_xtext_decode(struct span in, char *out, size_t cap) A_MUST_USE;
enum err smtp_xtext_encode(const char *s, struct buf *out) A_MUST_USE;	/* LIMIT */

/* ORCPT= "type;address".  The decoded form keeps that shape, the type in lower
 * case.  Written back with raw UTF-8 only if utf8 says so. */
enum err smtp_orcpt_decode(struct span in, char *out, size_t cap) A_MUST_USE;
enum err smtp_orcpt_encode(const char *s, bool utf8, struct buf *out) A_MUST_USE;
#endif
