#include "common/base/check.h"
#include "common/imap/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* What a URL says, as text; NULL: it is none. */
static const struct {
	const char *url, *says;
} cases[] = {
	{ "/INBOX/;UID=3", "INBOX 0 3" },
	{ "/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER", "Drafts 385759045 20 s=HEADER" },
	{ "/a/b%20c%2Fd/;uid=4294967295/;SECTION=1.2.MIME/;PARTIAL=10.20",
	  "a/b c/d 0 4294967295 s=1.2.MIME p=10.20" },
	{ "/x/;UID=1/;PARTIAL=0", "x 0 1 p=0.0" },
	{ ";UID=7", "- 0 7" },
	{ "/;UID=7/;SECTION=TEXT", "- 0 7 s=TEXT" },
	{ "imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred",
	  "joe@example.com INBOX 0 20 s=1.2 a=1:fred rump=69" },
	{ "imap://joe;AUTH=*@host:143/INBOX/;UID=20;URLAUTH=anonymous:internal:0123456789abcdef0123456789ABCDEF",
	  "joe@host:143 INBOX 0 20 a=4: m=internal t=32 rump=58" },
	{ "imap://j%40x@h/INBOX/;UID=2;EXPIRE=2027-01-01T01:00:00.5+01:00;URLAUTH=authuser",
	  "j@x@h INBOX 0 2 e=1798761600 a=3: rump=79" },
	{ "imap://h/INBOX/;UID=2", "@h INBOX 0 2" },
	{ "/x;UIDVALIDITY=1/;UID=2;EXPIRE=2027-01-01T00:00:00Z;URLAUTH=user+a%20b",
	  "x 1 2 e=1798761600 a=2:a b rump=70" },
	{ "", NULL },
	{ "/", NULL },
	{ "//;UID=1", NULL },
	{ "/INBOX", NULL },
	{ "/INBOX/;UID=", NULL },
	{ "/INBOX/;UID=0", NULL },
	{ "/INBOX/;UID=4294967296", NULL },
	{ "/INBOX/;UID=1x", NULL },
	{ "/INBOX;UIDVALIDITY=0/;UID=1", NULL },
	{ "/INBOX;UIDVALIDITY=1;UID=1", NULL },
	{ "/INBOX/;UID=1/;SECTION=", NULL },
	{ "/INBOX/;UID=1/;PARTIAL=", NULL },
	{ "/INBOX/;UID=1/;PARTIAL=1.", NULL },
	{ "/INBOX/;UID=1/;PARTIAL=1.0", NULL },
	{ "/INBOX/;UID=1;EXPIRE=2027-01-01T00:00:00Z", NULL },
	{ "/INBOX/;UID=1;EXPIRE=2027-13-01T00:00:00Z;URLAUTH=authuser", NULL },
	{ "/INBOX/;UID=1;EXPIRE=2027-01-01T00:00:00;URLAUTH=authuser", NULL },
	{ "/INBOX/;UID=1;EXPIRE=2027-01-01;URLAUTH=authuser", NULL },
	{ "/INBOX/;UID=1;URLAUTH=", NULL },
	{ "/INBOX/;UID=1;URLAUTH=submit+", NULL },
	{ "/INBOX/;UID=1;URLAUTH=anonymousx", NULL },
	{ "/INBOX/;UID=1;URLAUTH=nobody", NULL },
	{ "/INBOX/;UID=1;URLAUTH=anonymous:", NULL },
	{ "/INBOX/;UID=1;URLAUTH=anonymous:internal:", NULL },
	{ "/INBOX/;UID=1;URLAUTH=anonymous:internal:0123", NULL },
	{ "/INBOX/;UID=1;URLAUTH=anonymous:internal:0123456789abcdef0123456789abcdeg", NULL },
	{ "/IN%BOX/;UID=1", NULL },
	{ "/IN%0", NULL },
	{ "/a%00b/;UID=1", NULL },
	{ "/a%0Ab/;UID=1", NULL },
	{ "/a\x01/;UID=1", NULL },
	{ "imap://", NULL },
	{ "imap:///INBOX/;UID=1", NULL },
	{ "imap://h", NULL },
	{ "imap://h/;UID=1", NULL },
	{ "http://h/INBOX/;UID=1", NULL },
	{ "INBOX/;UID=1", NULL },
};

static char *tell(const struct imap_url *u)
{
	char *out = NULL;
	size_t n;
	FILE *f = open_memstream(&out, &n);

	if (u->has_host)
		fprintf(f, "%.*s@%.*s ", (int)u->user.n, u->user.n ? u->user.p : "",
			(int)u->host.n, u->host.p);
	fprintf(f, "%s %u %u", u->mailbox ? u->mailbox : "-", u->uidvalidity, u->uid);
	if (u->section.n)
		fprintf(f, " s=%.*s", (int)u->section.n, u->section.p);
	if (u->partial)
		fprintf(f, " p=%u.%u", (unsigned)u->offset, (unsigned)u->length);
	if (u->has_expire)
		fprintf(f, " e=%lld", (long long)u->expire_s);
	if (u->access)
		fprintf(f, " a=%d:%.*s", u->access, (int)u->access_user.n,
			u->access_user.n ? u->access_user.p : "");
	if (u->mechanism.n)
		fprintf(f, " m=%.*s t=%zu", (int)u->mechanism.n, u->mechanism.p, u->token.n);
	if (u->access)
		fprintf(f, " rump=%zu", u->rump.n);
	fclose(f);
	return out;
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		size_t n = strlen(cases[i].url);
		char *exact = malloc(n + 1);	/* no NUL behind it, for ASan */
		struct arena a = { 0 };
		struct imap_url u;
		bool ok;

		memcpy(exact, cases[i].url, n);
		ok = imap_url_parse((struct span){ exact, n }, &a, &u);
		if (ok != (cases[i].says != NULL))
			fail_msg("%s: %d", cases[i].url, ok);
		if (ok) {
			char *says = tell(&u);

			if (strcmp(says, cases[i].says) != 0)
				fail_msg("%s: %s", cases[i].url, says);
			free(says);
		}
		/* No beginning of it makes it read beyond its end. */
		for (size_t k = 0; k < n; k++) {
			char *part = malloc(k + 1);
			struct imap_url v;

			memcpy(part, exact, k);
			if (imap_url_parse((struct span){ part, k }, &a, &v))
				assert_true(v.uid > 0);
			free(part);
		}
		free(exact);
		arena_fini(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
