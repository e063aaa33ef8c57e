/* Header values of an INVITE: From, Diversion, History-Info; and bodies of INFO. */
#include "common/base/check.h"
#include "common/smtp/address.h"
#include "roles/unified-messaging/media/event.h"
#include "roles/unified-messaging/sip/numbers.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void sane(const struct number *x)
{
	for (const char *c = x->user; *c; c++)
		CHECK((unsigned char)*c >= 0x20 && (unsigned char)*c < 0x7f);
	CHECK(smtp_utf8_valid(span_of(x->name)));
	CHECK(strpbrk(x->name, "\r\n") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct span v = { (const char *)p, n };
	struct number x;
	enum divert why;

	if (number_read(v, &x))
		sane(&x);
	if (number_diversion(v, &x, &why))
		sane(&x);
	if (number_history(v, &x, &why))
		sane(&x);
	event_info((const char *)p, n);
	return 0;
}
