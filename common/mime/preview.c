#include "common/mime/preview.h"

#include "common/base/check.h"
#include "common/mime/text.h"
#include "common/mime/utf8.h"
#include <stdlib.h>

struct preview {
	struct mime_text *text;
	char out[PREVIEW_BYTES];
	size_t n, chars;
	bool gap, full;
};

static void on_field(void *ctx, struct span name, struct span text)
{
	(void)ctx;
	(void)name;
	(void)text;
}

/* Space, controls, and the invisible characters that senders pad their first line with. */
static bool is_blank(const char *p, size_t n)
{
	static const char *const invisible[] = {
		"\xc2\xa0", "\xc2\xad", "\xcd\x8f", "\xe2\x80\x8b", "\xe2\x80\x8c", "\xe2\x80\x8d",
		"\xe2\x80\x87", "\xe2\x80\xaf", "\xef\xbb\xbf", "\xe3\x80\x80",
	};

	if (n == 1)
		return (unsigned char)*p <= ' ' || *p == 0x7f;
	for (size_t i = 0; i < N_ELEMS(invisible); i++)
		if (strlen(invisible[i]) == n && memcmp(p, invisible[i], n) == 0)
			return true;
	return n == 2 && (unsigned char)p[0] == 0xc2 && (unsigned char)p[1] < 0xa0;
}

static void on_text(void *ctx, struct span piece, bool first)
{
	struct preview *p = ctx;
	size_t len;

	if (first && p->n > 0)
		p->full = true;		/* another part */
	for (size_t i = 0; i < piece.n && !p->full; i += len) {
		len = utf8_char(piece.p + i, piece.n - i);
		if (len == 0 || is_blank(piece.p + i, len)) {
			len = len ? len : 1;
			p->gap = p->n > 0;
			continue;
		}
		if (p->gap) {
			p->out[p->n++] = ' ';
			p->chars++;
			p->gap = false;
		}
		if (p->chars >= PREVIEW_CHARS) {
			p->full = true;
			break;
		}
		memcpy(p->out + p->n, piece.p + i, len);
		p->n += len;
		p->full = ++p->chars >= PREVIEW_CHARS;
	}
}

static bool enough(void *ctx, bool in_body)
{
	const struct preview *p = ctx;

	(void)in_body;
	return p->full;
}

struct preview *preview_new(const struct mime_view *map)
{
	struct preview *p = xcalloc(1, sizeof(*p));
	const struct mime_text_to to = { on_field, on_text, enough, p };

	p->text = mime_text_new(map, &to);
	return p;
}

void preview_free(struct preview **pp)
{
	struct preview *p = *pp;

	*pp = NULL;
	if (p)
		mime_text_free(&p->text);
	free(p);
}

bool preview_feed(struct preview *p, const char *bytes, size_t n)
{
	return mime_text_feed(p->text, bytes, n) && !p->full;
}

struct span preview_end(struct preview *p)
{
	if (!p->full)
		mime_text_end(p->text);
	while (p->n > 0 && p->out[p->n - 1] == ' ')
		p->n--;
	return (struct span){ p->out, p->n };
}
