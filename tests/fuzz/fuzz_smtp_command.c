/* A command line taken apart; what is understood is written and read again. */
#include "common/base/check.h"
#include "common/smtp/command.h"
#include "common/smtp/reply.h"

#include <stdint.h>

#define ALL (SMTP_EXT_SIZE | SMTP_EXT_8BITMIME | SMTP_EXT_SMTPUTF8 | SMTP_EXT_DSN | SMTP_EXT_AUTH)

static void check_key(const struct smtp_address *a)
{
	char key[SMTP_KEY_MAX], again[SMTP_KEY_MAX];

	if (smtp_address_is_null(a) || a->domain[0] == '\0' ||
	    smtp_address_key(a, key) != ERR_OK)
		return;
	if (strlen(key) <= SMTP_LOCAL_MAX) {
		CHECK(smtp_address_key_of(key, again) == ERR_OK);
		CHECK(strcmp(key, again) == 0);
	}
	smtp_key_untagged(key, again);
}

static bool same_address(const struct smtp_address *a, const struct smtp_address *b)
{
	return strcmp(a->local, b->local) == 0 && strcmp(a->domain, b->domain) == 0;
}

static void check_mail(struct span arg)
{
	struct smtp_mail m, again;
	struct buf b;

	if (smtp_mail_parse(arg, ALL, &m))
		return;
	check_key(&m.from);
	buf_init(&b, 100000);
	CHECK(buf_adds(&b, "FROM:<") == ERR_OK && smtp_address_write(&m.from, &b) == ERR_OK &&
	      buf_addc(&b, '>') == ERR_OK && smtp_mail_write(&m, ALL, &b) == ERR_OK);
	CHECK(smtp_mail_parse((struct span){ b.data, b.len }, ALL, &again) == NULL);
	CHECK(same_address(&m.from, &again.from));
	CHECK(m.size == again.size && m.body == again.body && m.ret == again.ret &&
	      m.smtputf8 == again.smtputf8 && m.has_auth == again.has_auth);
	CHECK(strcmp(m.envid, again.envid) == 0 && strcmp(m.auth, again.auth) == 0);
	buf_fini(&b);
}

static void check_rcpt(struct span arg)
{
	struct smtp_rcpt r, again;
	struct buf b;

	if (smtp_rcpt_parse(arg, ALL, true, &r))
		return;
	check_key(&r.to);
	buf_init(&b, 100000);
	CHECK(buf_adds(&b, "TO:<") == ERR_OK && smtp_address_write(&r.to, &b) == ERR_OK &&
	      buf_addc(&b, '>') == ERR_OK && smtp_rcpt_write(&r, ALL, true, &b) == ERR_OK);
	CHECK(smtp_rcpt_parse((struct span){ b.data, b.len }, ALL, true, &again) == NULL);
	CHECK(same_address(&r.to, &again.to));
	CHECK(r.notify == again.notify && strcmp(r.orcpt, again.orcpt) == 0);
	buf_fini(&b);
}

/* The same octets as a server's words, whole and one at a time. */
static void check_reply(struct span in)
{
	struct smtp_reply whole, pieces;
	enum smtp_reply_result a, b = SMTP_REPLY_MORE;
	struct span rest = in;
	uint64_t size;
	char auth[64];

	smtp_reply_init(&whole);
	smtp_reply_init(&pieces);
	a = smtp_reply_feed(&whole, &rest);
	for (size_t i = 0; i < in.n && b == SMTP_REPLY_MORE; i++) {
		struct span one = { in.p + i, 1 };

		b = smtp_reply_feed(&pieces, &one);
	}
	CHECK(a == b && whole.code == pieces.code);
	CHECK(strcmp(whole.text.data, pieces.text.data) == 0);
	smtp_reply_extensions(&whole, &size, auth, sizeof(auth));
	smtp_reply_fini(&whole);
	smtp_reply_fini(&pieces);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span line = { (const char *)data, size };
	char helo[SMTP_DOMAIN_MAX + 1];
	struct smtp_command c;
	struct smtp_bdat bdat;

	check_reply(line);
	if (size > SMTP_LINE_MAX || smtp_command_parse(line, &c))
		return 0;
	if (c.verb == SMTP_MAIL)
		check_mail(c.arg);
	else if (c.verb == SMTP_RCPT)
		check_rcpt(c.arg);
	else if (c.verb == SMTP_BDAT && smtp_bdat_parse(c.arg, &bdat))
		CHECK(!bdat.last);
	else if (c.verb == SMTP_EHLO && smtp_helo_parse(c.arg, helo) == NULL)
		CHECK(helo[0] != '\0');
	return 0;
}
