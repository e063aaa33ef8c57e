/* Two readers get the same bytes, one whole and one in pieces as the first byte
 * says: what they report must be the same.  Every command goes on to the readers
 * of its arguments. */
#include "common/base/check.h"
#include "common/imap/command.h"
#include "common/imap/fetch.h"
#include "common/imap/list.h"
#include "common/imap/search.h"
#include "common/imap/store.h"

#include <stdlib.h>

static const struct imap_limits limits = { 2000, 1000, 0, 3000 };

static void put(struct buf *b, const char *what, struct span s)
{
	CHECK(buf_addf(b, "%s %zu ", what, s.n) == ERR_OK);
	CHECK(buf_add(b, s.p ? s.p : "", s.n) == ERR_OK);
}

static void arguments(struct imap_cmd *c)
{
	struct imap_lex l = c->args;
	struct imap_search search;
	struct imap_seqset set;
	struct imap_fetch fetch;
	struct imap_store store;
	struct imap_list list;
	bool ok;

	if (!imap_lex_sp(&l))
		return;
	c->args = l;
	ok = imap_lex_search(&l, &search);
	l = c->args;
	ok = imap_lex_list(&l, true, &list);
	l = c->args;
	if (!imap_lex_seqset(&l, &set) || !imap_lex_sp(&l))
		return;
	imap_seqset_resolve(&set, 1000);
	c->args = l;
	ok = imap_lex_fetch(&l, &fetch);
	l = c->args;
	ok = imap_lex_store(&l, &store);
	(void)ok;
}

/* The stream is noted byte by byte, so that pieces do not show. */
static bool drive(struct imap_reader *r, const char *p, size_t n, struct buf *out)
{
	enum imap_read ev;
	size_t used;

	do {
		ev = imap_reader_feed(r, p, n, &used);
		CHECK(used <= n);
		p += used;
		n -= used;
		switch (ev) {
		case IMAP_READ_MORE:
			CHECK(n == 0);
			break;
		case IMAP_READ_CONTINUE:
			put(out, "continue", SPAN(""));
			break;
		case IMAP_READ_STREAM:
			put(out, "stream", r->cmd.tag);
			if (r->literal.size % 3 == 0)
				imap_reader_refuse(r, "NO");
			else
				put(out, imap_reader_accept(r) ? "go" : "", SPAN(""));
			break;
		case IMAP_READ_DATA:
			CHECK(buf_add(out, r->data.p, r->data.n) == ERR_OK);
			break;
		case IMAP_READ_COMMAND:
			put(out, "tag", r->cmd.tag);
			put(out, "name", r->cmd.name);
			put(out, "args", (struct span){ r->cmd.args.p,
				(size_t)(r->cmd.args.end - r->cmd.args.p) });
			arguments(&r->cmd);
			if (span_is(r->cmd.name, "IDLE"))
				imap_reader_want_line(r);
			else
				imap_reader_next(r);
			break;
		case IMAP_READ_LINE:
			put(out, "line", r->data);
			imap_reader_next(r);
			break;
		case IMAP_READ_BAD:
		case IMAP_READ_REFUSED:
			put(out, r->why, r->cmd.tag);
			imap_reader_next(r);
			break;
		case IMAP_READ_FATAL:
			put(out, "fatal", span_of(r->why));
			return false;
		}
	} while (n > 0 || ev != IMAP_READ_MORE);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct imap_reader whole, pieces;
	struct buf a, b;
	size_t step;
	bool alive = true;

	if (size == 0)
		return 0;
	step = data[0] + 1u;
	data++;
	size--;
	buf_init(&a, 1 << 24);
	buf_init(&b, 1 << 24);
	imap_reader_init(&whole, &limits);
	imap_reader_init(&pieces, &limits);
	drive(&whole, (const char *)data, size, &a);
	for (size_t at = 0; alive && at < size; at += step) {
		size_t n = size - at < step ? size - at : step;
		char *copy = xmemdup(data + at, n);

		alive = drive(&pieces, copy, n, &b);
		free(copy);
	}
	CHECK(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
	imap_reader_fini(&whole);
	imap_reader_fini(&pieces);
	buf_fini(&a);
	buf_fini(&b);
	return 0;
}
