#ifndef BASE_ATTR_H
#define BASE_ATTR_H
/* attr - compiler attributes and two macros that every file may use */
#include <stddef.h>

#define A_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define A_MUST_USE     __attribute__((warn_unused_result))
#define A_NORETURN     __attribute__((noreturn))
#define A_UNUSED       __attribute__((unused))
#define N_ELEMS(a)     (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(p, type, member) \
	((type *)(void *)((char *)(p) - offsetof(type, member)))
#endif
