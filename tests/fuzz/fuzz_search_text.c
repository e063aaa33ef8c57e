/* The first byte picks what reads the rest: texts as searches see them, base subjects,
 * threads. */
#include "common/base/check.h"
#include "common/imap/thread.h"
#include "common/mime/casemap.h"
#include "common/mime/html.h"
#include "common/mime/summary.h"
#include "common/mime/text.h"
#include "common/mime/utf8.h"
#include <endian.h>
#include <stdlib.h>
#include <string.h>

/* A key is well-formed, of bounded length, and the key of itself. */
static void keys(struct span in)
{
	struct buf once, twice;

	buf_init(&once, CASEMAP_GROWTH * in.n + 8);
	buf_init(&twice, CASEMAP_GROWTH * CASEMAP_GROWTH * in.n + 8);
	casemap(in, &once);
	CHECK(utf8_valid((struct span){ once.data, once.len }));
	casemap((struct span){ once.data, once.len }, &twice);
	CHECK(utf8_valid((struct span){ twice.data, twice.len }));
	buf_fini(&once);
	buf_fini(&twice);
}

/* The words do not depend on how the text was cut. */
static void html(struct span in)
{
	struct html whole = { 0 }, cut = { 0 };
	struct buf a, b;
	size_t at = in.n ? (unsigned char)in.p[0] % in.n : 0;

	buf_init(&a, 3 * in.n + 64);
	buf_init(&b, 3 * in.n + 64);
	html_feed(&whole, in.p, in.n, &a);
	html_end(&whole, &a);
	html_feed(&cut, in.p, at, &b);
	html_feed(&cut, in.p + at, in.n - at, &b);
	html_end(&cut, &b);
	CHECK(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
	CHECK(a.len <= 3 * in.n + 32);
	buf_fini(&a);
	buf_fini(&b);
}

struct heard {
	struct buf all;
};

static void on_field(void *ctx, struct span name, struct span text)
{
	struct heard *h = ctx;

	CHECK(text.n <= MIME_TEXT_PIECE && utf8_valid(text));
	(void)!buf_add(&h->all, name.p, name.n);
	(void)!buf_add(&h->all, text.p, text.n);
}

static void on_text(void *ctx, struct span piece, bool first)
{
	struct heard *h = ctx;

	CHECK(piece.n <= MIME_TEXT_PIECE && utf8_valid(piece));
	if (first)
		(void)!buf_add(&h->all, "\n", 1);
	(void)!buf_add(&h->all, piece.p, piece.n);
}

static void hear(struct span in, const struct mime_view *view, size_t at, bool skips,
		 struct heard *h)
{
	const struct mime_text_to to = { .field = on_field, .text = on_text, .ctx = h };
	struct mime_text *t = mime_text_new(view, &to);
	size_t pos = 0;
	bool more = true;

	buf_init(&h->all, 8u << 20);
	while (more && pos < in.n) {
		size_t n = pos < at ? at - pos : in.n - pos;
		uint64_t idle = skips ? mime_text_idle(t) : 0;

		if (idle > n)
			idle = n;
		if (idle > 0) {
			mime_text_skip(t, idle);
			pos += (size_t)idle;
			continue;
		}
		more = mime_text_feed(t, in.p + pos, n);
		pos += n;
	}
	mime_text_end(t);
	mime_text_free(&t);
}

/* Nor do those of a message, nor on whether attachments were skipped. */
static void message(struct span in)
{
	struct mime_map *m = mime_map_new();
	struct heard a, b;
	struct mime_view view;
	struct buf blob;

	mime_map_feed(m, in.p, in.n);
	mime_map_finish(m);
	buf_init(&blob, MIME_MAP_MAX);
	CHECK(mime_map_encode(m, &blob) == ERR_OK);
	CHECK(mime_map_decode((struct span){ blob.data, blob.len }, &view, NULL) == ERR_OK);
	hear(in, &view, in.n, false, &a);
	hear(in, &view, in.n ? (unsigned char)in.p[in.n / 2] % in.n : 0, true, &b);
	CHECK(a.all.len == b.all.len && memcmp(a.all.data, b.all.data, a.all.len) == 0);
	buf_fini(&a.all);
	buf_fini(&b.all);
	buf_fini(&blob);
	mime_map_free(&m);
}

/* The base of a base is itself, when nothing was left to take off. */
static void subject(struct span in)
{
	struct arena a = { 0 };
	bool reply;
	struct span base = summary_base_subject(&a, in, &reply), again;

	CHECK(base.n <= in.n);
	again = summary_base_subject(&a, base, &reply);
	CHECK(again.n <= base.n);
	arena_fini(&a);
}

/* Every message is said exactly once, brackets match. */
static void threads(struct span in)
{
	enum imap_thread_alg alg = in.n && (in.p[0] & 1) ? IMAP_THREAD_ORDEREDSUBJECT
							 : IMAP_THREAD_REFERENCES;
	struct threader *t = threader_new(alg);
	uint32_t n = 0;
	struct buf out;
	unsigned long sum = 0;
	long depth = 0;

	while (in.n >= 4) {
		uint64_t refs[8];
		struct threader_msg m = { .number = ++n, .refs = (const uint8_t *)refs };

		m.id = (unsigned char)in.p[0] % 16;
		m.subject[0] = (unsigned char)in.p[1] % 4;
		m.is_reply = in.p[1] & 0x40;
		m.sent_ms = (unsigned char)in.p[2];
		m.n_refs = (unsigned char)in.p[3] % 8;
		in.p += 4;
		in.n -= 4;
		if (m.n_refs > in.n)
			m.n_refs = in.n;
		for (size_t i = 0; i < m.n_refs; i++)
			refs[i] = htole64((uint64_t)(unsigned char)in.p[i] % 16 + 1);
		in.p += m.n_refs;
		in.n -= m.n_refs;
		CHECK(threader_add(t, &m) == ERR_OK);
	}
	threader_finish(t);
	buf_init(&out, 32 * (size_t)n + 256);
	while (threader_write(t, &out, 7))
		;
	for (const char *p = out.data; *p;) {
		char *end;

		depth += *p == '(' ? 1 : *p == ')' ? -1 : 0;
		CHECK(depth >= 0);
		if (*p >= '0' && *p <= '9') {
			sum += strtoul(p, &end, 10);
			p = end;
		} else {
			p++;
		}
	}
	CHECK(depth == 0 && sum == (unsigned long)n * (n + 1) / 2);
	buf_fini(&out);
	threader_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(struct span) = { keys, html, message, subject, threads };

	if (size < 2)
		return 0;
	readers[data[0] % N_ELEMS(readers)]((struct span){ (const char *)data + 1, size - 1 });
	return 0;
}
