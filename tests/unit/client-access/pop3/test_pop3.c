#include "common/base/check.h"
#include "tests/unit/client-access/pop3/fake_cas.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HELLO	"+OK POP3 server ready.\r\n"
#define LOGIN	"USER ann\r\nPASS sesame\r\n"
#define LOGGED	"+OK Now the password.\r\n+OK 4 messages (113 octets).\r\n"

static const char *const contents[] = {
	"Subject: a\r\nX: y\r\n\r\none\r\n.two\r\n..\r\n\r\nfive\r\n",	/* 43 */
	"A: b\r\n\r\n",							/* 8 */
	"",
	"Subject: an end without an end of line\r\n\r\n...\r\nfour and three.",
};
static const uint32_t uids[] = { 3, 7, 8, 20 };

static void mailbox(struct fake_message m[4])
{
	for (size_t i = 0; i < 4; i++)
		m[i] = (struct fake_message){ .uid = uids[i], .content = contents[i],
					      .n = strlen(contents[i]) };
}

/* No password and no octet of mail belongs into a log. */
static void sink(enum log_level level, const char *line)
{
	(void)level;
	if (strstr(line, "sesame") || strstr(line, "four and"))
		fail_msg("secret in the log: %s", line);
}

static const struct {
	const char *name, *in, *out, *trace;
	bool hung_up;
} cases[] = {
	/* ---- before login */
	{ "nothing", "", "", "", false },
	{ "capabilities", "CAPA\r\n",
	  "+OK What I can do:\r\nUTF8 USER\r\nLANG\r\nUSER\r\nUIDL\r\nTOP\r\nSASL SCRAM-SHA-256 PLAIN LOGIN\r\n"
	  "RESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\n.\r\n", "", false },
	{ "UTF-8", "UTF8\r\nUTF8 x\r\n" LOGIN "UTF8\r\n",
	  "+OK UTF8 enabled\r\n-ERR Too many arguments.\r\n" LOGGED "-ERR Not now.\r\n", "",
	  false },
	{ "languages", "LANG\r\nLANG en\r\nLANG EN-gb\r\nLANG *\r\nLANG eng\r\nLANG de\r\n",
	  "+OK Languages:\r\ni-default Default language\r\nen English\r\n.\r\n+OK en English\r\n"
	  "+OK en English\r\n+OK i-default Default language\r\n"
	  "-ERR That language is not spoken here.\r\n-ERR That language is not spoken here.\r\n",
	  "", false },
	{ "quit", "quit\r\nNOOP\r\n", "+OK Bye.\r\n", "", true },
	{ "TLS within TLS", "STLS\r\n", "-ERR TLS is on already.\r\n", "", false },
	{ "no APOP, no LAST", "APOP a b\r\nLAST\r\n\r\n",
	  "-ERR Unknown command.\r\n-ERR Unknown command.\r\n-ERR Unknown command.\r\n", "", false },
	{ "log in first", "STAT\r\nRETR 1\r\nNOOP\r\n",
	  "-ERR Log in first.\r\n-ERR Log in first.\r\n-ERR Log in first.\r\n", "", false },
	{ "wrong password", "USER ann\r\nPASS sesame \r\nPASS sesame\r\n",
	  "+OK Now the password.\r\n-ERR [AUTH] Wrong name or password.\r\n"
	  "-ERR USER comes first.\r\n", "", false },
	{ "too many tries", "USER slow\r\nPASS sesame\r\n",
	  "+OK Now the password.\r\n-ERR [SYS/TEMP] Too many failures, wait.\r\n", "", false },
	{ "directory away", "USER away\r\nPASS sesame\r\n",
	  "+OK Now the password.\r\n-ERR [SYS/TEMP] Not available now, try again later.\r\n", "",
	  false },
	{ "no arguments", "USER\r\nUSER \r\nPASS\r\n",
	  "-ERR Arguments are missing.\r\n-ERR Arguments are missing.\r\n"
	  "-ERR Arguments are missing.\r\n", "", false },
	{ "ten errors", "A\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\nA\r\n",
	  "-ERR Unknown command.\r\n-ERR Unknown command.\r\n-ERR Unknown command.\r\n"
	  "-ERR Unknown command.\r\n-ERR Unknown command.\r\n-ERR Unknown command.\r\n"
	  "-ERR Unknown command.\r\n-ERR Unknown command.\r\n-ERR Unknown command.\r\n"
	  "-ERR Unknown command.\r\n", "", true },
	/* ---- AUTH */
	{ "mechanisms", "AUTH\r\n", "+OK Mechanisms:\r\nSCRAM-SHA-256\r\nPLAIN\r\nLOGIN\r\n.\r\n",
	  "", false },
	{ "initial response", "AUTH PLAIN sesame\r\nSTAT\r\n",
	  "+OK 4 messages (113 octets).\r\n+OK 4 113\r\n", "", false },
	{ "no initial response", "auth plain\r\nsesame\r\n",
	  "+ \r\n+OK 4 messages (113 octets).\r\n", "", false },
	{ "two lines", "AUTH LOGIN\r\nuser\r\nsesame\r\nNOOP\r\n",
	  "+ VXNlcm5hbWU6\r\n+ UGFzc3dvcmQ6\r\n+OK 4 messages (113 octets).\r\n+OK Done.\r\n", "",
	  false },
	{ "given up", "AUTH LOGIN\r\n*\r\nQUIT\r\n",
	  "+ VXNlcm5hbWU6\r\n-ERR Authentication was broken off.\r\n+OK Bye.\r\n", "", true },
	{ "refused", "AUTH PLAIN open\r\n", "-ERR [AUTH] Wrong name or password.\r\n", "", false },
	{ "unknown mechanism", "AUTH X y\r\n", "-ERR No such mechanism.\r\n", "", false },
	{ "AUTH twice", LOGIN "AUTH PLAIN sesame\r\n", LOGGED "-ERR Not now.\r\n", "", false },
	{ "three arguments", "AUTH PLAIN a b\r\n", "-ERR Too many arguments.\r\n", "", false },
	/* ---- the maildrop */
	{ "bare line feeds", "USER ann\nPASS sesame\nNOOP\n", LOGGED "+OK Done.\r\n", "", false },
	{ "capabilities afterwards", LOGIN "CAPA\r\n",
	  LOGGED "+OK What I can do:\r\nUTF8 USER\r\nLANG\r\nUSER\r\nUIDL\r\nTOP\r\nSASL SCRAM-SHA-256 PLAIN LOGIN\r\n"
	  "RESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\n.\r\n", "", false },
	{ "list", LOGIN "LIST\r\nlist 2\r\nLIST 5\r\nLIST 0\r\nLIST x\r\nLIST -1\r\nLIST 1 2\r\n",
	  LOGGED "+OK 4 messages (113 octets).\r\n1 43\r\n2 8\r\n3 0\r\n4 62\r\n.\r\n+OK 2 8\r\n"
	  "-ERR No such message.\r\n-ERR No such message.\r\n-ERR That is no message number.\r\n"
	  "-ERR That is no message number.\r\n-ERR Too many arguments.\r\n", "", false },
	{ "unique ids", LOGIN "UIDL\r\nUIDL  4 \r\nUIDL 99999999999999999999\r\n",
	  LOGGED "+OK 4 messages (113 octets).\r\n1 77.3\r\n2 77.7\r\n3 77.8\r\n4 77.20\r\n.\r\n"
	  "+OK 4 77.20\r\n-ERR No such message.\r\n", "", false },
	{ "retrieve", LOGIN "RETR 1\r\nRETR 2\r\nRETR 3\r\nRETR 5\r\n",
	  LOGGED "+OK 43 octets.\r\nSubject: a\r\nX: y\r\n\r\none\r\n..two\r\n...\r\n\r\nfive\r\n"
	  ".\r\n+OK 8 octets.\r\nA: b\r\n\r\n.\r\n+OK 0 octets.\r\n.\r\n-ERR No such message.\r\n",
	  "", false },
	{ "no end of line at the end", LOGIN "RETR 4\r\nNOOP\r\n",
	  LOGGED "+OK 62 octets.\r\nSubject: an end without an end of line\r\n\r\n....\r\n"
	  "four and three.\r\n.\r\n+OK Done.\r\n", "", false },
	{ "top", LOGIN "TOP 1 0\r\nTOP 1 2\r\nTOP 1 4\r\n",
	  LOGGED "+OK The top of it:\r\nSubject: a\r\nX: y\r\n\r\n.\r\n"
	  "+OK The top of it:\r\nSubject: a\r\nX: y\r\n\r\none\r\n..two\r\n.\r\n"
	  "+OK The top of it:\r\nSubject: a\r\nX: y\r\n\r\none\r\n..two\r\n...\r\n\r\n.\r\n", "",
	  false },
	{ "more than there is", LOGIN "TOP 4 99999999999\r\nTOP 2 5\r\nTOP 3 1\r\n",
	  LOGGED "+OK The top of it:\r\nSubject: an end without an end of line\r\n\r\n....\r\n"
	  "four and three.\r\n.\r\n+OK The top of it:\r\nA: b\r\n\r\n.\r\n"
	  "+OK The top of it:\r\n.\r\n", "", false },
	{ "top of what", LOGIN "TOP 1\r\nTOP 1 x\r\nTOP 9 1\r\n",
	  LOGGED "-ERR Arguments are missing.\r\n-ERR How many lines?\r\n-ERR No such message.\r\n",
	  "", false },
	/* ---- deleting */
	{ "marked is out of sight",
	  LOGIN "DELE 1\r\nDELE 1\r\nRETR 1\r\nLIST 1\r\nSTAT\r\nLIST\r\nUIDL\r\nTOP 1 0\r\n",
	  LOGGED "+OK Marked.\r\n-ERR No such message.\r\n-ERR No such message.\r\n"
	  "-ERR No such message.\r\n+OK 3 70\r\n"
	  "+OK 3 messages (70 octets).\r\n2 8\r\n3 0\r\n4 62\r\n.\r\n"
	  "+OK 3 messages (70 octets).\r\n2 77.7\r\n3 77.8\r\n4 77.20\r\n.\r\n"
	  "-ERR No such message.\r\n", "", false },
	{ "reset", LOGIN "DELE 2\r\nDELE 4\r\nRSET\r\nSTAT\r\nQUIT\r\n",
	  LOGGED "+OK Marked.\r\n+OK Marked.\r\n+OK 4 messages (113 octets).\r\n+OK 4 113\r\n"
	  "+OK Bye.\r\n", "", true },
	{ "update", LOGIN "DELE 1\r\nDELE 4\r\nDELE 2\r\nQUIT\r\nNOOP\r\n",
	  LOGGED "+OK Marked.\r\n+OK Marked.\r\n+OK Marked.\r\n+OK 3 messages removed.\r\n",
	  "expunge 3:7 20:20", true },
	{ "all in one range", LOGIN "DELE 4\r\nDELE 2\r\nDELE 1\r\nDELE 3\r\nQUIT\r\n",
	  LOGGED "+OK Marked.\r\n+OK Marked.\r\n+OK Marked.\r\n+OK Marked.\r\n"
	  "+OK 4 messages removed.\r\n", "expunge 3:20", true },
};

static void check_case(size_t i, size_t cut, bool hasty)
{
	struct fake_message m[4];
	size_t len = strlen(cases[i].in);

	mailbox(m);
	fake_up(m, 4, true);
	fake_feed(cases[i].in, cut);
	if (!hasty)
		fake_run();
	fake_feed(cases[i].in + cut, len - cut);
	fake_run();
	if (strncmp(fake.out.data, HELLO, strlen(HELLO)) != 0 ||
	    strcmp(fake.out.data + strlen(HELLO), cases[i].out) != 0)
		fail_msg("%s, cut at %zu: got \"%s\"", cases[i].name, cut, fake.out.data);
	if (strcmp(fake.trace.data, cases[i].trace) != 0)
		fail_msg("%s, cut at %zu: asked \"%s\"", cases[i].name, cut, fake.trace.data);
	if (fake.hung_up != cases[i].hung_up)
		fail_msg("%s, cut at %zu: hung up: %d", cases[i].name, cut, fake.hung_up);
	fake_down();
}

/* The answer must not depend on how the network cut the bytes up. */
static void test_cases_at_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		for (size_t cut = 0; cut <= strlen(cases[i].in); cut++) {
			check_case(i, cut, false);
			check_case(i, cut, true);
		}
	}
}

static void say(const char *text)
{
	buf_clear(&fake.out);
	fake_feed(text, strlen(text));
	fake_run();
}

static void up(struct fake_message m[4])
{
	mailbox(m);
	fake_up(m, 4, true);
}

static void expect(const char *text)
{
	assert_string_equal(fake.out.data, text);
}

/* Nor on how the store cut its chunks. */
static void test_content_at_every_chunk(void **state)
{
	static const char odd[] = "H: 1\r\n\r\r\n.\r\n\r\n\r.\n.\r\n\r\n.\n\n.";
	struct fake_message m = { .uid = 1, .content = odd, .n = sizeof(odd) - 1 };
	struct buf whole;

	(void)state;
	buf_init(&whole, 4096);
	for (size_t chunk = sizeof(odd); chunk > 0; chunk--) {
		fake_up(&m, 1, true);
		fake.chunk = chunk;
		say(LOGIN "RETR 1\r\nTOP 1 0\r\nTOP 1 1\r\nTOP 1 2\r\nTOP 1 9\r\n");
		if (whole.len == 0)
			assert_int_equal(buf_add(&whole, fake.out.data, fake.out.len), ERR_OK);
		assert_string_equal(fake.out.data, whole.data);
		fake_down();
	}
	assert_non_null(strstr(whole.data, "H: 1\r\n\r\n\r\n..\r\n\r\n\r\n..\r\n..\r\n\r\n"
					   "..\r\n\r\n..\r\n.\r\n"));
	assert_non_null(strstr(whole.data, "top of it:\r\nH: 1\r\n\r\n\r\n..\r\n\r\n.\r\n"));
	buf_fini(&whole);
}

static void test_seen(void **state)
{
	struct fake_message m[4];

	(void)state;
	up(m);
	say(LOGIN "RETR 1\r\nTOP 2 9\r\n");
	assert_true(m[0].seen);
	assert_false(m[1].seen);
	assert_int_equal(fake.idle_ms, 1800000);
	fake_down();
}

/* ---- TLS -------------------------------------------------------------------------------- */

static void test_plain(void **state)
{
	struct fake_message m[4];

	(void)state;
	mailbox(m);
	fake_up(m, 4, false);
	say("CAPA\r\n");
	expect("+OK What I can do:\r\nUTF8 USER\r\nLANG\r\nUIDL\r\nTOP\r\nSTLS\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n"
	       "PIPELINING\r\nEXPIRE NEVER\r\n.\r\n");
	say("USER ann\r\nPASS sesame\r\nAUTH PLAIN sesame\r\nAUTH\r\n");
	expect("-ERR Not without TLS: use STLS or the TLS port.\r\n"
	       "-ERR Not without TLS: use STLS or the TLS port.\r\n"
	       "-ERR Not without TLS: use STLS or the TLS port.\r\n"
	       "-ERR Not without TLS: use STLS or the TLS port.\r\n");
	/* The setting is for loopback only, which this client is not. */
	fake.cas.conf.plaintext_login = true;
	say("USER ann\r\n");
	expect("-ERR Not without TLS: use STLS or the TLS port.\r\n");
	fake_down();
}

static void test_stls_forgets(void **state)
{
	static const char in[] = "STLS\r\nUSER eve\r\nPASS sesame\r\nNOOP\r\nNO";
	struct fake_message m[4];

	(void)state;
	for (size_t cut = 0; cut <= strlen(in); cut++) {
		mailbox(m);
		fake_up(m, 4, false);
		buf_clear(&fake.out);
		fake_feed(in, cut);
		fake_feed(in + cut, strlen(in) - cut);
		fake_run();
		expect("+OK Begin TLS now.\r\n");
		assert_true(fake.in_handshake);
		assert_false(fake.paused);
		pop3_protocol.secured(fake.session);
		say("PASS sesame\r\nSTLS\r\n" LOGIN);
		expect("-ERR USER comes first.\r\n-ERR TLS is on already.\r\n" LOGGED);
		fake_down();
	}
}

/* ---- what goes wrong ----------------------------------------------------------------------- */

static void test_no_maildrop(void **state)
{
	static const struct {
		const char *name;
		size_t member;		/* in struct fake: which answer is an error */
		enum err e;
		const char *out;
	} rows[] = {
#define M(x) offsetof(struct fake, x)
		{ "no mailbox", M(e_locate), ERR_NOTFOUND, "-ERR [SYS/PERM] It is not there any more." },
		{ "server away", M(e_locate), ERR_AGAIN, "-ERR [SYS/TEMP] Not available now, try again later." },
		{ "no right", M(e_open), ERR_DENIED, "-ERR [SYS/PERM] Permission denied." },
		{ "quarantined", M(e_open), ERR_AGAIN, "-ERR [SYS/TEMP] Not available now, try again later." },
		{ "damaged", M(e_list), ERR_CORRUPT, "-ERR [SYS/PERM] Stored data is damaged." },
		{ "lost while listing", M(e_fetch), ERR_AGAIN,
		  "-ERR [SYS/TEMP] Not available now, try again later." },
#undef M
	};
	struct fake_message m[4];
	char want[200];

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		enum err *e = (enum err *)(void *)((char *)&fake + rows[i].member);

		up(m);
		*e = rows[i].e;
		say("AUTH PLAIN sesame\r\nSTAT\r\n");
		snprintf(want, sizeof(want), "%s\r\n-ERR Log in first.\r\n", rows[i].out);
		if (strcmp(fake.out.data, want) != 0)
			fail_msg("%s: %s", rows[i].name, fake.out.data);
		*e = ERR_OK;			/* and it works when that is over */
		say("AUTH PLAIN sesame\r\n");
		expect("+OK 4 messages (113 octets).\r\n");
		fake_down();
	}
}

static void test_store_breaks_its_word(void **state)
{
	bool *const lies[] = { &fake.no_size, &fake.disorder, &fake.no_inbox };
	struct fake_message m[4];

	(void)state;
	for (size_t i = 0; i < N_ELEMS(lies); i++) {
		up(m);
		*lies[i] = true;
		say("AUTH PLAIN sesame\r\n");
		assert_int_equal(strncmp(fake.out.data, "-ERR [SYS/", 10), 0);
		fake_down();
	}
}

static void test_content_fails(void **state)
{
	struct fake_message m[4];

	(void)state;
	up(m);
	say(LOGIN);
	m[0].gone = true;		/* by IMAP, meanwhile */
	say("RETR 1\r\n");
	expect("-ERR [SYS/PERM] It is not there any more.\r\n");
	fake.e_content = ERR_AGAIN;
	say("RETR 2\r\nTOP 2 1\r\n");
	expect("-ERR [SYS/TEMP] Not available now, try again later.\r\n"
	       "-ERR [SYS/TEMP] Not available now, try again later.\r\n");
	fake.e_content = ERR_OK;
	fake.e_locate = ERR_AGAIN;
	say("RETR 2\r\n");
	expect("-ERR [SYS/TEMP] Not available now, try again later.\r\n");
	fake.e_locate = ERR_OK;
	assert_false(fake.hung_up);
	fake.break_at = 14;
	say("DELE 2\r\nRETR 4\r\nQUIT\r\n");
	expect("+OK Marked.\r\n+OK 62 octets.\r\nSubject: an en");
	assert_true(fake.hung_up);
	assert_string_equal(fake.trace.data, "");
	fake_down();
}

static void test_update_fails(void **state)
{
	struct fake_message m[4];

	(void)state;
	up(m);
	say(LOGIN "DELE 2\r\n");
	fake.e_expunge = ERR_AGAIN;
	say("QUIT\r\n");
	expect("-ERR [SYS/TEMP] Not all messages were removed.\r\n");
	assert_true(fake.hung_up);
	fake_down();

	up(m);
	say(LOGIN "DELE 2\r\n");
	fake.e_locate = ERR_AGAIN;
	say("QUIT\r\n");
	expect("-ERR [SYS/TEMP] Messages were not removed.\r\n");
	assert_true(fake.hung_up);
	assert_string_equal(fake.trace.data, "");
	fake_down();
}

/* The connection breaks after every event: nothing is removed, nothing is left. */
static void test_dropped_anywhere(void **state)
{
	static const char in[] = LOGIN "DELE 1\r\nRETR 2\r\nTOP 4 1\r\nDELE 3\r\n";
	struct fake_message m[4];
	bool more = true;

	(void)state;
	for (size_t events = 0; more; events++) {
		up(m);
		fake_feed(in, strlen(in));
		for (size_t i = 0; i < events && more; i++)
			more = fake_turn();
		pop3_protocol.close(&fake.session);
		assert_int_equal(fake.calls, 0);
		assert_string_equal(fake.trace.data, "");
		fake_down();
	}
}

/* ... but not after QUIT: the client may leave without waiting. */
static void test_dropped_after_quit(void **state)
{
	struct fake_message m[4];

	(void)state;
	up(m);
	say(LOGIN "DELE 2\r\n");
	fake_feed("QUIT\r\n", 6);
	assert_string_equal(fake.trace.data, "expunge 7:7");
	pop3_protocol.close(&fake.session);
	assert_int_equal(fake.calls, 1);
	fake_run();
	assert_true(m[1].gone);
	fake_down();
}

static void test_shutdown(void **state)
{
	struct fake_message m[4];

	(void)state;
	up(m);
	say(LOGIN "DELE 2\r\n");
	buf_clear(&fake.out);
	pop3_protocol.shutdown(fake.session);
	expect("-ERR [SYS/TEMP] The server is going down, come back soon.\r\n");
	assert_true(fake.hung_up);
	assert_string_equal(fake.trace.data, "");
	fake_down();

	up(m);				/* a message is sent to its end, the next is not */
	say(LOGIN);
	buf_clear(&fake.out);
	fake_feed("RETR 2\r\nRETR 1\r\n", 16);
	fake_turn();
	pop3_protocol.shutdown(fake.session);
	assert_false(fake.hung_up);
	fake_run();
	expect("+OK 8 octets.\r\nA: b\r\n\r\n.\r\n"
	       "-ERR [SYS/TEMP] The server is going down, come back soon.\r\n");
	assert_true(fake.hung_up);
	fake_down();

	up(m);				/* an update is waited for */
	say(LOGIN "DELE 2\r\n");
	fake_feed("QUIT\r\n", 6);
	pop3_protocol.shutdown(fake.session);
	assert_false(fake.hung_up);
	fake_run();
	assert_true(fake.hung_up && m[1].gone);
	fake_down();

	up(m);				/* unless there is no time for it */
	say(LOGIN "DELE 2\r\n");
	fake_feed("QUIT\r\n", 6);
	pop3_protocol.shutdown(fake.session);
	pop3_protocol.close(&fake.session);
	assert_int_equal(fake.calls, 0);
	fake_down();
}

static void test_idle(void **state)
{
	struct fake_message m[4];

	(void)state;
	up(m);
	assert_int_equal(fake.idle_ms, 60000);
	fake.cas.conf.idle_ms = 60000;
	say(LOGIN "DELE 2\r\n");
	assert_int_equal(fake.idle_ms, 600000);		/* RFC 1939: at least */
	buf_clear(&fake.out);
	pop3_protocol.idled(fake.session);
	expect("");
	assert_true(fake.hung_up);
	assert_string_equal(fake.trace.data, "");
	fake_down();
}

static void test_recheck(void **state)
{
	const struct guid me = { { 1 } }, other = { { 2 } };
	struct fake_message m[4];

	(void)state;
	up(m);
	fake.e_still = ERR_DENIED;
	pop3_protocol.recheck(fake.session, NULL);	/* nobody yet */
	say(LOGIN);
	pop3_protocol.recheck(fake.session, &other);
	assert_false(fake.hung_up);
	fake.e_still = ERR_AGAIN;
	pop3_protocol.recheck(fake.session, &me);
	assert_false(fake.hung_up);
	fake.e_still = ERR_DENIED;
	buf_clear(&fake.out);
	pop3_protocol.recheck(fake.session, &me);
	expect("-ERR [AUTH] Your account has changed, log in again.\r\n");
	assert_true(fake.hung_up);
	fake_down();
}

/* ---- limits -------------------------------------------------------------------------------- */

static void test_long_lines(void **state)
{
	struct fake_message m[4];
	char a[20000];

	(void)state;
	memset(a, 'A', sizeof(a));
	up(m);
	buf_clear(&fake.out);
	for (size_t i = 0; i < sizeof(a); i += 1000)
		fake_feed(a + i, 1000);
	expect("");
	say("\r\nUSER ann\r\n");
	expect("-ERR Line too long.\r\n+OK Now the password.\r\n");
	a[sizeof(a) - 1] = '\n';
	buf_clear(&fake.out);
	fake_feed(a, sizeof(a));		/* all at once */
	expect("-ERR Line too long.\r\n");
	say("AUTH PLAIN\r\n");
	buf_clear(&fake.out);
	fake_feed(a, sizeof(a));		/* an exchange ends with it */
	say("NOOP\r\n");
	expect("-ERR Log in first.\r\n");
	assert_int_equal(fake.calls, 0);
	buf_clear(&fake.out);
	fake_feed("USER a\0b\r\n", 10);
	expect("-ERR NUL is not allowed.\r\n");
	fake_down();
}

static void test_impatient_client(void **state)
{
	static char noops[6000], flood[1u << 18];
	struct fake_message m[4];

	(void)state;
	for (size_t i = 0; i < sizeof(noops); i += 6)
		memcpy(noops + i, "NOOP\r\n", 6);
	up(m);
	fake_feed(LOGIN, strlen(LOGIN));
	assert_false(fake.paused);		/* so that we see it leave */
	fake_feed(noops, sizeof(noops));
	assert_true(fake.paused);
	fake_run();
	assert_false(fake.paused);
	assert_int_equal(fake.out.len, strlen(HELLO LOGGED) + 1000 * strlen("+OK Done.\r\n"));
	fake_feed("RETR 1\r\n", 8);
	for (int i = 0; i < 5; i++)		/* as no connection would */
		fake_feed(flood, sizeof(flood));
	assert_true(fake.hung_up);
	fake_down();
}

/* A client that does not read its answers is not read from either. */
static void test_unread_answers(void **state)
{
	static char noops[60000];
	struct fake_message m[4];

	(void)state;
	for (size_t i = 0; i < sizeof(noops); i += 6)
		memcpy(noops + i, "NOOP\r\n", 6);
	up(m);
	say(LOGIN);
	fake.slow = true;
	fake.full_at = 20000;
	fake_feed(noops, sizeof(noops));
	assert_true(fake.paused);
	assert_true(fake.unread > 20000 && fake.unread < 60000);
	fake_read(fake.unread - 10000);
	assert_true(fake.paused);		/* there is more to say than that */
	fake_read(SIZE_MAX);
	fake_read(SIZE_MAX);
	assert_false(fake.paused);
	assert_int_equal(fake.out.len, strlen(LOGGED) + 10000 * strlen("+OK Done.\r\n"));
	fake_down();
}

#define BIG (3u << 20)

static void test_back_pressure(void **state)
{
	char *big = xcalloc(1, BIG + 1);
	struct fake_message m = { .uid = 1, .content = big, .n = BIG };
	size_t most = 0;

	(void)state;
	for (size_t i = 0; i < BIG; i += 64)
		memcpy(big + i, "..............................................................\r\n",
		       64);
	fake_up(&m, 1, true);
	say(LOGIN);
	fake.slow = true;
	fake.full_at = 256u << 10;
	fake.chunk = 256u << 10;
	say("RETR 1\r\n");
	assert_int_equal(fake.sent, 256u << 10);	/* a page, and no more */
	assert_int_equal(fake.calls, 0);
	while (fake.sent < BIG || fake.unread > 0) {
		fake_read(100000);
		fake_run();
		if (fake.unread > most)
			most = fake.unread;
	}
	assert_int_equal(fake.sent, BIG);
	assert_true(most < (512u << 10) + (20u << 10));
	assert_int_equal(fake.out.len, strlen("+OK 3145728 octets.\r\n.\r\n") + BIG + BIG / 64);
	fake_read(SIZE_MAX);
	fake.slow = false;
	fake.sent = 0;
	say("TOP 1 10\r\n");
	assert_int_equal(fake.sent, BIG);		/* there is no empty line */
	memcpy(big + 64, "\r\n", 2);
	fake.sent = 0;
	say("TOP 1 10\r\n");
	assert_int_equal(fake.sent, 256u << 10);	/* and now one page is enough */
	assert_int_equal(fake.calls, 0);
	fake_down();
	free(big);
}

/* The server goes away, or the database moves and is nowhere, between two pages. */
static void test_pages_fail(void **state)
{
	enum { SIZE = 2500000 };
	char *big = xcalloc(1, SIZE);
	struct fake_message m = { .uid = 1, .content = big, .n = SIZE };
	enum err *const fails[] = { &fake.e_locate, &fake.e_content };

	(void)state;
	memset(big, 'x', SIZE);
	for (size_t i = 0; i < N_ELEMS(fails); i++) {
		fake_up(&m, 1, true);
		say(LOGIN);
		fake.slow = true;
		fake.full_at = 1000;
		fake.chunk = 100000;
		say("RETR 1\r\n");
		assert_int_equal(fake.sent, 256u << 10);
		*fails[i] = ERR_AGAIN;
		fake_read(SIZE_MAX);
		fake_run();
		assert_true(fake.hung_up);
		assert_int_equal(fake.out.len, strlen("+OK 2500000 octets.\r\n") + (256u << 10));
		fake_down();
	}
	free(big);
}

static void test_long_list(void **state)
{
	enum { N = 20000 };
	struct fake_message *m = xcalloc(N, sizeof(*m));
	size_t turns = 0, last;

	(void)state;
	for (uint32_t i = 0; i < N; i++)
		m[i] = (struct fake_message){ .uid = 1000000 + i, .content = "", .n = i };
	fake_up(m, N, true);
	say(LOGIN);
	fake.slow = true;
	fake.full_at = 10000;
	say("UIDL\r\nNOOP\r\n");
	assert_true(fake.unread < 20000);
	assert_true(fake.paused);
	for (; fake.unread > 0; turns++) {
		last = fake.unread;
		fake_read(5000);
		assert_true(fake.unread < 20000 && fake.unread != last);
	}
	assert_true(turns > 20);
	assert_non_null(strstr(fake.out.data,
			       "\r\n20000 77.1019999\r\n.\r\n+OK Done.\r\n"));
	fake_down();
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases_at_every_split),
		cmocka_unit_test(test_content_at_every_chunk),
		cmocka_unit_test(test_seen),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_stls_forgets),
		cmocka_unit_test(test_no_maildrop),
		cmocka_unit_test(test_store_breaks_its_word),
		cmocka_unit_test(test_content_fails),
		cmocka_unit_test(test_update_fails),
		cmocka_unit_test(test_dropped_anywhere),
		cmocka_unit_test(test_dropped_after_quit),
		cmocka_unit_test(test_shutdown),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_recheck),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_impatient_client),
		cmocka_unit_test(test_unread_answers),
		cmocka_unit_test(test_back_pressure),
		cmocka_unit_test(test_pages_fail),
		cmocka_unit_test(test_long_list),
	};

	log_set_sink(sink);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
