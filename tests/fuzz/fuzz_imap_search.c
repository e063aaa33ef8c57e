/* The first byte picks a reader.  What has a writer must come back the same. */
#include "common/base/check.h"
#include "common/imap/date.h"
#include "common/imap/fetch.h"
#include "common/imap/list.h"
#include "common/imap/envelope.h"
#include "common/imap/search.h"
#include "common/imap/sort.h"
#include "common/imap/utf7.h"

static unsigned walk(const struct imap_search *s, uint32_t i, unsigned depth)
{
	unsigned n = 1;

	CHECK(depth <= IMAP_SEARCH_DEPTH && i < s->n_keys);
	for (uint32_t c = s->keys[i].first; c; c = s->keys[c].next)
		n += walk(s, c, depth + 1);
	CHECK(s->keys[i].op != IMAP_KEY_NOT || s->keys[s->keys[i].first].next == 0);
	return n;
}

static void search(struct imap_lex *l)
{
	struct imap_search s;

	if (imap_lex_search(l, &s))
		CHECK(walk(&s, 0, 0) == s.n_keys);
	else
		CHECK(l->why != NULL);
}

static void sort(struct imap_lex *l)
{
	struct imap_search s;
	struct imap_sort by;
	unsigned seen = 0;

	if (!imap_lex_sort(l, &by, &s)) {
		CHECK(l->why != NULL);
		return;
	}
	CHECK(by.n > 0 && by.n <= IMAP_SORT_KEYS && walk(&s, 0, 0) == s.n_keys);
	for (size_t i = 0; i < by.n; i++) {
		CHECK((seen & 1u << by.by[i].key) == 0);
		seen |= 1u << by.by[i].key;
	}
}

static void threads(struct imap_lex *l)
{
	enum imap_thread_alg alg;
	struct imap_search s;

	if (imap_lex_thread(l, &alg, &s))
		CHECK(walk(&s, 0, 0) == s.n_keys);
	else
		CHECK(l->why != NULL);
}

static void envelope(struct imap_lex *l)
{
	struct span text = { l->p, (size_t)(l->end - l->p) };
	struct imap_address ad;

	for (unsigned i = IMAP_ENVELOPE_FROM; i <= IMAP_ENVELOPE_BCC; i++)
		if (imap_envelope_open(l, text, l->arena, (enum imap_envelope_list)i))
			while (imap_envelope_next(l, &ad))
				;
}

static void seqset(struct imap_lex *l)
{
	struct imap_seqset s, again;
	struct imap_lex m;
	struct buf out;

	if (!imap_lex_seqset(l, &s) || s.saved)
		return;
	imap_seqset_resolve(&s, 77);
	buf_init(&out, 1 << 20);
	CHECK(imap_seqset_write(&s, &out) == ERR_OK);
	imap_lex_init(&m, (struct span){ out.data, out.len }, l->arena);
	CHECK(imap_lex_seqset(&m, &again));
	imap_seqset_resolve(&again, 77);
	CHECK(again.n == s.n && memcmp(again.r, s.r, s.n * sizeof(*s.r)) == 0);
	buf_fini(&out);
}

static void utf7(struct imap_lex *l)
{
	struct span in = { l->p, (size_t)(l->end - l->p) };
	char *utf8, *wire;

	if (imap_utf7_decode(in, l->arena, &utf8) == ERR_OK) {
		CHECK(imap_utf7_encode(span_of(utf8), l->arena, &wire) == ERR_OK);
		CHECK(span_eq(span_of(wire), in));
	}
	if (memchr(in.p, '\0', in.n) == NULL &&
	    imap_utf7_encode(in, l->arena, &wire) == ERR_OK) {
		CHECK(imap_utf7_decode(span_of(wire), l->arena, &utf8) == ERR_OK);
		CHECK(span_eq(span_of(utf8), in));
	}
}

static void fetch(struct imap_lex *l)
{
	struct imap_fetch f;
	struct buf out;

	if (!imap_lex_fetch(l, &f))
		return;
	buf_init(&out, 1 << 20);
	for (size_t i = 0; i < f.n_sections; i++)
		CHECK(imap_write_section(&out, &f.sections[i]) == ERR_OK);
	buf_fini(&out);
}

static void date(struct imap_lex *l)
{
	struct imap_lex m;
	struct buf out;
	int64_t t, again;

	if (!imap_lex_date_time(l, &t) || t < -62135596800 || t > 253402300799)
		return;
	buf_init(&out, 100);
	CHECK(imap_write_date_time(&out, t) == ERR_OK);
	imap_lex_init(&m, (struct span){ out.data, out.len }, l->arena);
	CHECK(imap_lex_date_time(&m, &again) && again == t);
	buf_fini(&out);
}

/* Pattern and name, split at the first NUL. */
static void pattern(struct imap_lex *l)
{
	char *both = arena_strn(l->arena, l->p, (size_t)(l->end - l->p));
	const char *name = memchr(l->p, '\0', (size_t)(l->end - l->p));
	struct imap_pattern *p;

	if (name && imap_pattern_make(l->arena, "", both, &p) == ERR_OK &&
	    strpbrk(both, "*%") == NULL && strncasecmp(both, "INBOX", 5) != 0) {
		char *n = arena_strn(l->arena, name + 1, (size_t)(l->end - name - 1));

		CHECK(imap_pattern_match(p, n) == (strcmp(both, n) == 0));
	} else if (name && imap_pattern_make(l->arena, "", both, &p) == ERR_OK) {
		(void)imap_pattern_match(p, arena_strn(l->arena, name + 1,
						       (size_t)(l->end - name - 1)));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(struct imap_lex *) = { search, seqset, utf7,
							      fetch, date, pattern, sort,
							      threads, envelope };
	struct arena a = { 0 };
	struct imap_lex l;

	if (size < 2)
		return 0;
	imap_lex_init(&l, (struct span){ (const char *)data + 1, size - 1 }, &a);
	readers[data[0] % N_ELEMS(readers)](&l);
	arena_fini(&a);
	return 0;
}
