/* The first byte picks: an IMAP URL, or the arguments of APPEND or REPLACE.  In those a
 * byte 0x01 stands for a literal that is streamed: a piece ends there. */
#include "common/base/check.h"
#include "common/imap/append.h"
#include "common/imap/url.h"

static void url(struct span text)
{
	struct arena a = { 0 };
	struct imap_url u;

	if (imap_url_parse(text, &a, &u)) {
		CHECK(u.uid > 0 && (u.mailbox || !u.has_host));
		CHECK(u.mailbox == NULL || strlen(u.mailbox) > 0);
		CHECK(u.rump.n <= text.n);
		CHECK((u.mechanism.n > 0) == (u.token.n >= 32));
		CHECK(u.access || u.mechanism.n == 0);
	}
	arena_fini(&a);
}

static void args(struct span text, bool replace)
{
	struct arena a = { 0 };
	struct imap_append p;
	unsigned messages = 0, ends = 0;

	imap_append_init(&p, replace);
	for (bool literal = true; literal;) {
		const char *cut = text.n ? memchr(text.p, 1, text.n) : NULL;
		size_t n = cut ? (size_t)(cut - text.p) : text.n;
		enum imap_append_met met;
		struct imap_lex l;

		literal = cut != NULL;
		imap_lex_init(&l, (struct span){ text.p, n }, &a);
		(void)imap_append_is_content(l, replace, messages > 0);
		do {
			met = imap_append_next(&p, &l, literal);
			messages += met == IMAP_APPEND_MESSAGE;
			ends += met == IMAP_APPEND_MESSAGE_END;
			if (met == IMAP_APPEND_BAD)
				CHECK(l.why != NULL);
			if (met == IMAP_APPEND_END)
				CHECK(!literal && messages > 0 && messages == ends);
		} while (met != IMAP_APPEND_BAD && met != IMAP_APPEND_END &&
			 met != IMAP_APPEND_LITERAL);
		if (met != IMAP_APPEND_LITERAL)
			break;
		CHECK(literal);
		text.p += n + 1;
		text.n -= n + 1;
	}
	CHECK(p.n_messages == messages && (!replace || messages <= 1));
	arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct span text = { (const char *)data + 1, n - 1 };

	if (n == 0)
		return 0;
	if (data[0] % 3 == 0)
		url(text);
	else
		args(text, data[0] % 3 == 1);
	return 0;
}
