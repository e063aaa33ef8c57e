#ifndef BASE_SPAN_H
#define BASE_SPAN_H
/* span - bytes that belong to somebody else: a pointer and a length */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct span {
	const char *p;		/* not NUL-terminated; may be NULL when n is 0 */
	size_t n;
};

#define SPAN(lit) ((struct span){ (lit), sizeof(lit) - 1 })

static inline struct span span_of(const char *s)
{
	return (struct span){ s, s ? strlen(s) : 0 };
}

static inline bool span_eq(struct span a, struct span b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* ASCII case does not matter; b is a C string. */
static inline bool span_is(struct span a, const char *b)
{
	return a.n == strlen(b) && (a.n == 0 || strncasecmp(a.p, b, a.n) == 0);
}
#endif
