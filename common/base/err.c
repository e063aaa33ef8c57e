#include "common/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const texts[] = {
#define X(name, text) text,
	ERR_MAP(X)
#undef X
};
_Static_assert(N_ELEMS(texts) == ERR_COUNT, "one text per error");

const char *err_text(enum err e)
{
	return (unsigned)e < ERR_COUNT ? texts[e] : "unknown error";
}

enum err err_from_wire(unsigned v)
{
	return v < ERR_COUNT ? (enum err)v : ERR_INTERNAL;
}

enum err (err_set)(struct errbuf *eb, enum err code, const char *fmt, ...)
{
	va_list ap;

	if (eb) {
		va_start(ap, fmt);
		vsnprintf(eb->text, sizeof(eb->text), fmt, ap);
		va_end(ap);
	}
	return code;
}

enum err err_errno(struct errbuf *eb, int number, const char *what)
{
	enum err e;

	switch (number) {
	case ENOENT:
	case ENOTDIR: e = ERR_NOTFOUND; break;
	case EEXIST:  e = ERR_EXISTS; break;
	case EACCES:
	case EPERM:   e = ERR_DENIED; break;
	case ENOSPC:
	case EDQUOT:  e = ERR_FULL; break;
	case EAGAIN:
	case EINTR:
	case EMFILE:
	case ENFILE:  e = ERR_AGAIN; break;
	default:      e = ERR_INTERNAL; break;
	}
	return err_set(eb, e, "%s: %s", what, strerror(number));
}
