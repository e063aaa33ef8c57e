#ifndef MIME_PARAM_H
#define MIME_PARAM_H
/*
 * param - values with parameters: Content-Type, Content-Disposition
 *
 * RFC 2045 section 5.1 with the continuations of RFC 2231: "name*0", "name*1"
 * become one "name"; if any piece was encoded, one "name*" in the encoded form,
 * which is what IMAP shows.  Unquoted values with odd characters are taken up
 * to the next semicolon or space.
 */
#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/span.h"

#define PARAM_MAX 128		/* further parameters are ignored */

struct param {
	struct span name, value;	/* quotes removed, CR LF NUL dropped */
};

struct param_value {
	struct span type;		/* "text", or the disposition; n 0: malformed */
	struct span subtype;		/* n 0 without a slash */
	struct param *params;
	size_t n_params;
};

/* Parse a raw, possibly folded value.  Never fails; all bytes live in a. */
void param_parse(struct arena *a, struct span value, struct param_value *out);

/* The raw value of a parameter, NULL if there is none. */
const struct param *param_find(const struct param_value *v, const char *name);

/* Append a parameter as UTF-8: name* of RFC 2231, else name with RFC 2047
 * words, which many mailers write.  False if there is neither. */
bool param_text(const struct param_value *v, const char *name, struct buf *out);
#endif
