/*
 * test_oracle - the map against GMime, which parses the same bytes
 *
 * A seeded generator writes random messages: nested multiparts and messages,
 * odd boundaries, preambles, missing terminators, CRLF or bare LF.  GMime tells the
 * type of every part and where the content of every leaf lies; the map must say
 * the same.  Where the two differ on purpose the generator stays away: parts
 * without a header's empty line, multiparts without parts, types that are none.
 */
#include "common/base/arena.h"
#include "common/base/attr.h"
#include "common/mime/header.h"
#include "common/mime/map.h"
#include "common/mime/param.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <gmime/gmime.h>

#define MESSAGES 1500

struct gen {
	uint32_t seed;
	unsigned budget, n_boundaries;
	const char *eol;
	struct buf out;
};

static unsigned rnd(struct gen *g, unsigned n)
{
	g->seed = g->seed * 1664525 + 1013904223;
	return (g->seed >> 8) % n;
}

static void put(struct gen *g, const char *fmt, ...) A_PRINTF(2, 3);
static void put(struct gen *g, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	assert_int_equal(buf_addv(&g->out, fmt, ap), ERR_OK);
	va_end(ap);
}

static void line(struct gen *g, const char *s)
{
	put(g, "%s%s", s, g->eol);
}

static void lines(struct gen *g, unsigned max)
{
	static const char *const some[] = {
		"", "text", "--", "--not a boundary", "-", "- -x", "From the start",
		"Subject: not here", "   ", "caf\xc3\xa9", "a longer line with some words in it",
	};

	for (unsigned n = rnd(g, max + 1); n; n--)
		line(g, some[rnd(g, N_ELEMS(some))]);
	line(g, "z");		/* GMime: an empty body has no offsets worth comparing */
}

static void leaf(struct gen *g)
{
	static const char *const types[] = {
		"text/plain; charset=utf-8", "TEXT/HTML", "application/pdf; name=\"a;b\"",
		"image/png (comment)", "x-a/x-b",
	};

	put(g, "Content-Type: %s%s", types[rnd(g, N_ELEMS(types))], g->eol);
	if (rnd(g, 2))
		put(g, "Content-Disposition:%s attachment%s", g->eol, g->eol);
	line(g, "");
	lines(g, 5);
}

static void entity(struct gen *g, unsigned depth);

/* Boundaries that are beginnings of one another, and such that need quotes. */
static void new_boundary(struct gen *g, char *dst, size_t n)
{
	static const char *const odd[] = { "", "-", "=_", "--", "a b", "'()+_,./:=?" };

	snprintf(dst, n, "b%s%.*s%u", odd[rnd(g, N_ELEMS(odd))], (int)rnd(g, 5), "xxxx",
		 g->n_boundaries++);
}

static void multipart(struct gen *g, unsigned depth)
{
	char b[64];

	new_boundary(g, b, sizeof(b));
	put(g, "Content-Type: multipart/%s;%s boundary=\"%s\"%s", rnd(g, 2) ? "mixed" : "related",
	    g->eol, b, g->eol);
	line(g, "");
	if (rnd(g, 2))
		lines(g, 2);
	for (unsigned n = 1 + rnd(g, 3); n; n--) {
		put(g, "--%s%s%s", b, rnd(g, 4) ? "" : "  ", g->eol);
		entity(g, depth + 1);
	}
	if (rnd(g, 4))
		put(g, "--%s--%s", b, g->eol);
	if (rnd(g, 3) == 0)
		lines(g, 2);
}

static void entity(struct gen *g, unsigned depth)
{
	unsigned what = g->budget ? rnd(g, 5) : 4;

	if (g->budget)
		g->budget--;
	if (depth < 8 && (what < 2 || depth == 0)) {
		multipart(g, depth);
	} else if (depth < 8 && what == 2) {
		line(g, "Content-Type: message/rfc822");
		line(g, "");
		put(g, "Subject: inner%s", g->eol);
		entity(g, depth + 1);
	} else {
		leaf(g);
	}
}

struct both {
	const struct mime_view *v;
	struct span msg;
	uint32_t seed;
};

static void differ(const struct both *b, size_t part, const char *what, int64_t ours,
		   int64_t theirs)
{
	fail_msg("seed %u, part %zu, %s: %lld, GMime %lld in\n%.*s", b->seed, part, what,
		 (long long)ours, (long long)theirs, (int)b->msg.n, b->msg.p);
}

static void compare_type(const struct both *b, size_t part, struct mime_part t,
			 GMimeContentType *type)
{
	struct span header = { b->msg.p + t.hdr_start, t.body_start - t.hdr_start };
	struct arena a = { 0 };
	struct header_field f;
	struct param_value v;

	assert_true(header_find(header, "Content-Type", &f));
	param_parse(&a, f.value, &v);
	if (!span_is(v.type, g_mime_content_type_get_media_type(type)) ||
	    !span_is(v.subtype, g_mime_content_type_get_media_subtype(type)))
		differ(b, part, "type", 0, 0);
	arena_fini(&a);
}

static void compare(const struct both *b, size_t part, GMimeObject *o)
{
	struct mime_part t = mime_view_part(b->v, part);

	compare_type(b, part, t, g_mime_object_get_content_type(o));
	if (GMIME_IS_MULTIPART(o)) {
		int n = g_mime_multipart_get_count((GMimeMultipart *)o);

		if (t.kind != MIME_MULTIPART || (int)t.n_children != n)
			differ(b, part, "children", t.n_children, n);
		for (int i = 0; i < n; i++)
			compare(b, t.first_child + (size_t)i,
				g_mime_multipart_get_part((GMimeMultipart *)o, i));
	} else if (GMIME_IS_MESSAGE_PART(o)) {
		GMimeMessage *m = g_mime_message_part_get_message((GMimeMessagePart *)o);

		if (t.kind != MIME_MESSAGE)
			differ(b, part, "kind", t.kind, MIME_MESSAGE);
		compare(b, t.first_child, g_mime_message_get_mime_part(m));
	} else {
		GMimeDataWrapper *w = g_mime_part_get_content((GMimePart *)o);
		GMimeStream *s = g_mime_data_wrapper_get_stream(w);

		if ((int64_t)t.body_start != s->bound_start)
			differ(b, part, "start", (int64_t)t.body_start, s->bound_start);
		if ((int64_t)t.body_end != s->bound_end)
			differ(b, part, "end", (int64_t)t.body_end, s->bound_end);
	}
}

static void one_message(uint32_t seed)
{
	struct gen g = { .seed = seed, .budget = 12, .eol = seed % 3 ? "\r\n" : "\n" };
	struct mime_map *m = mime_map_new();
	GMimeMessage *message;
	GMimeParser *parser;
	GMimeStream *stream;
	struct mime_view v;
	struct buf blob;

	buf_init(&g.out, 1 << 20);
	buf_init(&blob, MIME_MAP_MAX);
	line(&g, "Subject: generated");
	entity(&g, 0);
	for (size_t at = 0, n; at < g.out.len; at += n) {
		n = 1 + rnd(&g, 100);
		n = n < g.out.len - at ? n : g.out.len - at;
		mime_map_feed(m, g.out.data + at, n);
	}
	mime_map_finish(m);
	assert_int_equal(mime_map_encode(m, &blob), ERR_OK);
	assert_int_equal(mime_map_decode((struct span){ blob.data, blob.len }, &v, NULL), ERR_OK);
	stream = g_mime_stream_mem_new_with_buffer(g.out.data, g.out.len);
	parser = g_mime_parser_new_with_stream(stream);
	g_mime_parser_set_persist_stream(parser, TRUE);
	message = g_mime_parser_construct_message(parser, NULL);
	compare(&(struct both){ &v, { g.out.data, g.out.len }, seed }, 0,
		g_mime_message_get_mime_part(message));
	g_object_unref(message);
	g_object_unref(parser);
	g_object_unref(stream);
	mime_map_free(&m);
	buf_fini(&blob);
	buf_fini(&g.out);
}

static void test_generated(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= MESSAGES; seed++)
		one_message(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_generated) };
	int failed;

	g_mime_init();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	g_mime_shutdown();
	return failed;
}
