#include "tests/unit/client-access/imap/rig.h"

#include "common/base/check.h"

/* URLAUTH, LANGUAGE, CREATE with a use.  ann@example.test is who is logged in. */

#define BASE "imap://ann%40example.test@test"

static const struct talk talks[] = {
	{ "what is not signed", 'a', "a GENURLAUTH\r\nb GENURLAUTH x\r\nc GENURLAUTH x INTERNAL\r\n"
	  "d GENURLAUTH \"" BASE "/INBOX/;UID=1;URLAUTH=anonymous\" OTHER\r\n"
	  "e GENURLAUTH \"" BASE "/INBOX/;UID=1\" INTERNAL\r\n"
	  "f GENURLAUTH imap://bob@test/INBOX/;UID=1;URLAUTH=anonymous INTERNAL\r\n"
	  "g GENURLAUTH /INBOX/;UID=1;URLAUTH=anonymous INTERNAL\r\n"
	  "h GENURLAUTH \"" BASE "/Other%20Users/bob/x/;UID=1;URLAUTH=anonymous\" INTERNAL\r\n"
	  "i GENURLAUTH \"" BASE "/Nope/;UID=1;URLAUTH=anonymous\" INTERNAL\r\n"
	  "j GENURLAUTH \"" BASE "/INBOX/;UID=1;URLAUTH=anonymous:internal:00112233445566778899aabbccddeeff\" INTERNAL\r\n",
	  "a BAD Expected a space.\r\nb BAD Expected a space.\r\n"
	  "c BAD Expected a URL that ends with its access identifier.\r\nd BAD Unknown mechanism.\r\n"
	  "e BAD Expected a URL that ends with its access identifier.\r\n"
	  "f BAD The URL must name you and this server.\r\ng BAD The URL must name you and this server.\r\n"
	  "h NO [CANNOT] Only URLs of your own mailbox are signed.\r\n"
	  "i NO [NONEXISTENT] No such mailbox.\r\n"
	  "j BAD Expected a URL that ends with its access identifier.\r\n", false },
	{ "what is not fetched", 'a', "a URLFETCH\r\nb URLFETCH x \"" BASE "/INBOX/;UID=1\"\r\n"
	  "c URLFETCH \"" BASE "/INBOX/;UID=1;URLAUTH=anonymous:internal:"
	  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"\r\n",
	  "a BAD Expected a space.\r\n* URLFETCH x NIL\r\n* URLFETCH \"" BASE "/INBOX/;UID=1\" NIL\r\nb OK Done.\r\n"
	  "* URLFETCH \"" BASE "/INBOX/;UID=1;URLAUTH=anonymous:internal:"
	  "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\" NIL\r\nc OK Done.\r\n", false },
	{ "reset", 'a', "a RESETKEY\r\nb RESETKEY INBOX\r\nc RESETKEY INBOX INTERNAL\r\nd RESETKEY INBOX X\r\n"
	  "e RESETKEY Nope\r\nf RESETKEY \"Other Users/bob/x\"\r\n",
	  "a OK [URLMECH INTERNAL] Done.\r\nb OK [URLMECH INTERNAL] Done.\r\nc OK [URLMECH INTERNAL] Done.\r\n"
	  "d BAD Unknown mechanism.\r\ne NO [NONEXISTENT] No such mailbox.\r\n"
	  "f NO [NONEXISTENT] No such mailbox.\r\n", false },
	{ "language", 'a', "a LANGUAGE\r\nb LANGUAGE fr DE-at en\r\nc STATUS Nope (MESSAGES)\r\nd NOOP x\r\n"
	  "e LANGUAGE fr\r\nf LANGUAGE DEFAULT\r\ng NOOP\r\nh LANGUAGE \"\"\r\ni LANGUAGE en (\r\n",
	  "* LANGUAGE (i-default EN DE)\r\na OK Done.\r\n* LANGUAGE (DE)\r\nb OK Erledigt.\r\n"
	  "c NO [NONEXISTENT] Diesen Ordner gibt es nicht.\r\nd BAD Zu viele Argumente.\r\n"
	  "e NO [CANNOT] That language is not spoken here.\r\n* LANGUAGE (i-default)\r\nf OK Done.\r\n"
	  "g OK Done.\r\nh NO [CANNOT] That language is not spoken here.\r\ni BAD Expected an argument.\r\n", false },
	{ "create with a use", 'a', "a CREATE x (USE (\\All))\r\nb CREATE x (USE (\\Junk \\Sent))\r\nc CREATE x (USE)\r\n"
	  "d CREATE x (USE (Junk))\r\ne CREATE x (FOO (\\Junk))\r\nf CREATE x (USE (\\Junk)\r\ng CREATE Sent (USE (\\Sent))\r\n"
	  "h CREATE \"Other Users/bob/x\" (USE (\\Junk))\r\n",
	  "a NO [USEATTR] No folder can be given that use.\r\nb NO [USEATTR] No folder can be given that use.\r\n"
	  "c BAD Expected a space.\r\nd BAD Unexpected character or end of command.\r\ne BAD Expected USE.\r\n"
	  "f BAD Unexpected character or end of command.\r\n"
	  "g NO [ALREADYEXISTS] There is one of that name already.\r\n"
	  "h NO [USEATTR] No folder can be given that use.\r\n", false },
};

static void test_talks(void **state)
{
	(void)state;
	check_at_every_split(talks, N_ELEMS(talks));
	check_leaving(talks, N_ELEMS(talks));
}

/* Have rump signed; the URL is the answer's. */
static char *sign(struct rig *r, const char *rump)
{
	char *line = xasprintf("g GENURLAUTH \"%s\" INTERNAL\r\n", rump), *url, *end;

	rig_say(r, line);
	free(line);
	if (strncmp(r->out.data, "* GENURLAUTH ", 13) != 0)
		fail_msg("%s", r->out.data);
	url = xstrdup(r->out.data + 13);
	end = strpbrk(url, "\r");
	*end = '\0';
	if (*url == '"') {
		memmove(url, url + 1, strlen(url));
		url[strlen(url) - 1] = '\0';
	}
	buf_clear(&r->out);
	return url;
}

static void fetch(struct rig *r, const char *url, const char *data)
{
	char *line = xasprintf("u URLFETCH \"%s\"\r\n", url);
	char *want = xasprintf("* URLFETCH \"%s\" %s\r\nu OK Done.\r\n", url, data);

	rig_say(r, line);
	expect(r, want);
	free(line);
	free(want);
}

static void test_sign_and_fetch(void **state)
{
	static const struct {
		const char *rump, *data;
	} cases[] = {
		{ BASE "/INBOX/;UID=1/;SECTION=TEXT;URLAUTH=anonymous", "{20}\r\nFirst line\r\nsecond\r\n" },
		{ BASE "/INBOX;UIDVALIDITY=7/;UID=1/;SECTION=TEXT/;PARTIAL=6.4;URLAUTH=authuser", "{4}\r\nline" },
		{ BASE "/INBOX/;UID=1/;SECTION=TEXT/;PARTIAL=99;URLAUTH=authuser", "{0}\r\n" },
		{ BASE "/INBOX/;UID=1/;SECTION=TEXT;URLAUTH=user+ann%40example.test",
		  "{20}\r\nFirst line\r\nsecond\r\n" },
		{ BASE "/INBOX/;UID=1/;SECTION=HEADER.FIELDS%20(Subject);EXPIRE=2099-01-01T00:00:00Z;URLAUTH=authuser",
		  "{25}\r\nSubject: Hello w\xc3\xb6rld\r\n\r\n" },
		{ BASE "/INBOX/;UID=1;EXPIRE=2009-01-01T00:00:00Z;URLAUTH=authuser", "NIL" },
		{ BASE "/INBOX/;UID=1;URLAUTH=user+bob", "NIL" },
		{ BASE "/INBOX/;UID=1;URLAUTH=submit+ann%40example.test", "NIL" },
		{ BASE "/INBOX/;UID=77;URLAUTH=authuser", "NIL" },
		{ BASE "/INBOX;UIDVALIDITY=8/;UID=1;URLAUTH=authuser", "NIL" },
		{ BASE "/INBOX/;UID=1/;SECTION=9;URLAUTH=authuser", "NIL" },
		{ BASE "/INBOX/;UID=1/;SECTION=FOO;URLAUTH=authuser", "NIL" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++)
		for (size_t window = 0; window < 20; window += 10) {
			struct rig r;
			char *url;

			begin(&r, 'a');
			url = sign(&r, cases[i].rump);
			r.window = window;
			fetch(&r, url, cases[i].data);
			url[strlen(url) - 1] ^= 1;	/* another digit */
			fetch(&r, url, "NIL");
			free(url);
			rig_down(&r);
		}
}

static void test_keys_and_failures(void **state)
{
	struct rig r;
	char *url;

	(void)state;
	begin(&r, 'a');
	url = sign(&r, BASE "/INBOX/;UID=1/;SECTION=TEXT;URLAUTH=anonymous");
	rig_say(&r, "r RESETKEY INBOX\r\n");
	expect(&r, "r OK [URLMECH INTERNAL] Done.\r\n");
	fetch(&r, url, "NIL");
	free(url);
	url = sign(&r, BASE "/INBOX/;UID=1/;SECTION=TEXT;URLAUTH=anonymous");
	fake_fail("check", ERR_AGAIN);
	fetch(&r, url, "NIL");
	fake_fail("fetch", ERR_AGAIN);
	fetch(&r, url, "NIL");
	fake_fail("sign", ERR_DENIED);
	rig_say(&r, "s GENURLAUTH \"" BASE "/INBOX/;UID=1;URLAUTH=authuser\" INTERNAL\r\n");
	expect(&r, "s NO [NOPERM] Permission denied.\r\n");
	/* Two at once. */
	rig_say(&r, "t GENURLAUTH \"" BASE "/INBOX/;UID=1;URLAUTH=authuser\" INTERNAL \""
		    BASE "/INBOX/;UID=2;URLAUTH=authuser\" INTERNAL\r\n");
	assert_non_null(strstr(r.out.data, "UID=1;URLAUTH=authuser:internal:"));
	assert_non_null(strstr(r.out.data, "UID=2;URLAUTH=authuser:internal:"));
	buf_clear(&r.out);
	/* Content that ends too soon cannot be taken back. */
	fake_fail("content", ERR_CORRUPT);
	{
		char *line = xasprintf("u URLFETCH \"%s\"\r\n", url);

		rig_say(&r, line);
		free(line);
	}
	assert_true(r.hung_up);
	free(url);
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talks),
		cmocka_unit_test(test_sign_and_fetch),
		cmocka_unit_test(test_keys_and_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
