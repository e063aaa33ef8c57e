#ifndef MIME_CODEC_H
#define MIME_CODEC_H
/*
 * codec - base64 and quoted-printable (RFC 2045 sections 6.7 and 6.8), in chunks
 *
 * Start with a zeroed state; the result does not depend on where the input is
 * cut.  Decoders take what mail brings: foreign bytes in base64 are skipped,
 * padding in the middle begins anew, a bad "=" stands for itself.
 * LIMIT means that out is full; the state is then no longer of use.
 */
#include "common/base/buf.h"
#include <stdbool.h>

struct b64_enc {
	unsigned char hold[3];
	unsigned n_hold, col;
};
enum err b64_enc_feed(struct b64_enc *s, const char *p, size_t n, struct buf *out) A_MUST_USE;
/* Padding and the last CRLF.  Lines have 76 characters. */
enum err b64_enc_end(struct b64_enc *s, struct buf *out) A_MUST_USE;

struct b64_dec {
	unsigned acc, bits;
};
/* Bits left over at the end of input are dropped, so there is no end call. */
enum err b64_dec_feed(struct b64_dec *s, const char *p, size_t n, struct buf *out) A_MUST_USE;

/* Text: CRLF and a bare LF are line ends, everything else is kept byte exact. */
struct qp_enc {
	unsigned col;
	bool cr;
	char space;		/* held back: it may not end a line */
};
enum err qp_enc_feed(struct qp_enc *s, const char *p, size_t n, struct buf *out) A_MUST_USE;
enum err qp_enc_end(struct qp_enc *s, struct buf *out) A_MUST_USE;

struct qp_dec {
	unsigned state;
	char digit;		/* the first of two behind "=" */
	unsigned n_space;
	char space[78];		/* held back: trailing space of a line is dropped */
};
enum err qp_dec_feed(struct qp_dec *s, const char *p, size_t n, struct buf *out) A_MUST_USE;
enum err qp_dec_end(struct qp_dec *s, struct buf *out) A_MUST_USE;
#endif
