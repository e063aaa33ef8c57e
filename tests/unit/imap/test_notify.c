/* The arguments of NOTIFY. */
#include "common/base/check.h"
#include "common/imap/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* What was understood, in a few characters. */
static void describe(const struct imap_notify *n, char *out)
{
	*out = '\0';
	if (!n->on) {
		strcpy(out, "none");
		return;
	}
	if (n->status)
		out += sprintf(out, "status ");
	if (n->bad_event)
		out += sprintf(out, "bad ");
	for (size_t i = 0; i < n->n; i++) {
		const struct imap_notify_group *g = &n->groups[i];

		out += sprintf(out, "[%d", g->boxes);
		for (size_t k = 0; k < g->n_paths; k++)
			out += sprintf(out, " %s", g->paths[k]);
		out += sprintf(out, " %u]", g->events);
	}
	if (n->fetch.n)
		sprintf(out, "%.*s", (int)n->fetch.n, n->fetch.p);
}

static void test_arguments(void **state)
{
	static const struct {
		const char *in, *out;	/* out NULL: BAD */
	} cases[] = {
		{ " NONE", "none" },
		{ " set (personal none)", "[3 0]" },
		{ " SET STATUS (SELECTED (MessageNew (UID FLAGS) MessageExpunge FlagChange)) (subscribed (MailboxName))",
		  "status [0 7][4 8](UID FLAGS)" },
		/* The RFC's own examples. */
		{ " set status (selected MessageNew (uid body.peek[header.fields (from to subject)]) "
		  "MessageExpunge) (subtree Lists (MessageNew MessageExpunge))",
		  "status [0 3][5 Lists 3](uid body.peek[header.fields (from to subject)])" },
		{ " set (mailboxes INBOX (Messagenew messageExpunge)) (personal (SubscriptionChange))",
		  "[6 INBOX 3][3 16]" },
		{ " SET (MAILBOXES (inbox \"a b\" {1+}\r\nc) (MailboxName))", "[6 INBOX a b c 8]" },
		{ " SET (SELECTED-DELAYED NONE)", "[1 0]" },
		{ " SET (PERSONAL (MailboxMetadataChange ServerMetadataChange))", "[3 96]" },
		{ " SET (INBOXES (AnnotationChange))", "bad [2 0]" },
		{ " SET (PERSONAL (MessageNew))", NULL },
		{ " SET (PERSONAL (MessageExpunge))", NULL },
		{ " SET (PERSONAL (FlagChange))", NULL },
		{ " SET (SELECTED (MailboxName))", NULL },
		{ " SET (SELECTED NONE) (SELECTED-DELAYED NONE)", NULL },
		{ " SET (SELECTED (MessageNew (UID NONSENSE) MessageExpunge))", NULL },
		{ " SET (SELECTED (MessageNew (BODY.PEEK[HEADER.FIELDS ({4}\r\nFrom)]) MessageExpunge))", NULL },
		{ " SET (SELECTED (MessageNew (UID MessageExpunge))", NULL },
		{ " SET (SELECTED (MessageNew () MessageExpunge))", NULL },
		{ " SET (SUBTREE () (MailboxName))", NULL },
		{ " SET (EVERYTHING (MailboxName))", NULL },
		{ " SET (MAILBOXES (MailboxName))", NULL },
		{ " SET (PERSONAL)", NULL },
		{ " SET (PERSONAL NONE", NULL },
		{ " SET (PERSONAL NONE) x", NULL },
		{ " SET STATUS", NULL },
		{ " SET", NULL },
		{ " NONE x", NULL },
		{ " ADD (PERSONAL NONE)", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct arena a = { 0 };
		struct imap_notify n;
		struct imap_lex l;
		char text[500] = "";
		bool ok;

		imap_lex_init(&l, span_of(cases[i].in), &a);
		ok = imap_lex_notify(&l, &n);
		if (ok)
			describe(&n, text);
		else
			assert_non_null(l.why);
		if (ok != (cases[i].out != NULL) || (ok && strcmp(text, cases[i].out) != 0))
			fail_msg("%s: %s", cases[i].in, ok ? text : l.why);
		arena_fini(&a);
	}
}

static void test_limits(void **state)
{
	static char text[100000];
	struct imap_notify n;
	struct imap_lex l;
	struct arena a = { 0 };

	(void)state;
	strcpy(text, " SET");
	for (int i = 0; i <= IMAP_NOTIFY_GROUPS; i++)
		strcat(text, " (PERSONAL NONE)");
	imap_lex_init(&l, span_of(text), &a);
	assert_false(imap_lex_notify(&l, &n));
	strcpy(text, " SET (MAILBOXES (");
	for (int i = 0; i <= IMAP_NOTIFY_PATHS; i++)
		strcat(text, i ? " a" : "a");
	strcat(text, ") NONE)");
	imap_lex_init(&l, span_of(text), &a);
	assert_false(imap_lex_notify(&l, &n));
	strcpy(text, " SET (SELECTED (MessageNew (UID");
	for (int i = 0; i < 2000; i++)
		strcat(text, " FLAGS");
	strcat(text, ") MessageExpunge))");
	imap_lex_init(&l, span_of(text), &a);
	assert_false(imap_lex_notify(&l, &n));
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
