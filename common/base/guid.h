#ifndef BASE_GUID_H
#define BASE_GUID_H
/* guid - the 128-bit name of a directory object, an instance, a database */
#include "common/base/err.h"
#include <stdbool.h>
#include <stdint.h>

struct guid {
	uint8_t b[16];
};

#define GUID_TEXT 37	/* "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx" and NUL */

struct guid guid_make(void);			/* random, version 4 */
bool guid_is_null(const struct guid *g);
bool guid_eq(const struct guid *a, const struct guid *b);
const char *guid_text(const struct guid *g, char out[GUID_TEXT]);	/* returns out */
enum err guid_parse(const char *text, struct guid *out) A_MUST_USE;	/* INVALID */
enum err guid_from(const void *p, size_t n, struct guid *out) A_MUST_USE; /* n must be 16 */
#endif
