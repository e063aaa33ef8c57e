#include "common/mime/section.h"

#include "common/mime/header.h"

static bool is_named(struct span name, const struct span *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (names[i].n == name.n &&
		    (name.n == 0 || strncasecmp(names[i].p, name.p, name.n) == 0))
			return true;
	return false;
}

enum err section_fields(struct span header, const struct span *names, size_t n_names,
			bool not, struct buf *out)
{
	struct header_field f;

	while (header_next(&header, &f)) {
		enum err e;

		if (is_named(f.name, names, n_names) == not)
			continue;
		e = buf_add(out, f.raw.p, f.raw.n);
		if (!e && f.raw.p[f.raw.n - 1] != '\n')
			e = buf_add(out, "\r\n", 2);	/* cut off by the end of bytes */
		if (e)
			return e;
	}
	return buf_add(out, "\r\n", 2);
}
