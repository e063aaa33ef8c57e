#include "tests/unit/client-access/imap/rig.h"

#include "common/api/store_meta.h"

/* METADATA and QUOTA. */

static const struct talk talks[] = {
	{ "set and get", 'a', "a SETMETADATA INBOX (/Private/Comment \"My own\")\r\n"
	  "b GETMETADATA inbox /private/comment\r\n"
	  "c GETMETADATA INBOX (/shared/comment \"/PRIVATE/comment\")\r\n"
	  "d SETMETADATA INBOX (/private/comment NIL)\r\ne GETMETADATA INBOX /private/comment\r\n",
	  "a OK Done.\r\n* METADATA INBOX (/private/comment \"My own\")\r\nb OK Done.\r\n"
	  "* METADATA INBOX (/private/comment \"My own\")\r\nc OK Done.\r\nd OK Done.\r\ne OK Done.\r\n", false },
	{ "the server's", 'a', "a SETMETADATA \"\" (/private/x {2+}\r\nhi)\r\nb GETMETADATA \"\" /private/x\r\n"
	  "c SETMETADATA \"\" (/shared/comment \"x\")\r\n",
	  "a OK Done.\r\n* METADATA \"\" (/private/x \"hi\")\r\nb OK Done.\r\n"
	  "c NO [NOPERM] Permission denied.\r\n", false },
	{ "options", 'a', "a SETMETADATA Sent (/shared/v/a \"1234567890\")\r\nb SETMETADATA Sent (/shared/v/b \"1\")\r\n"
	  "c GETMETADATA (MAXSIZE 5 DEPTH infinity) Sent /shared/v\r\n"
	  "d GETMETADATA Sent (DEPTH 1) (/shared/v)\r\ne GETMETADATA (DEPTH 0) Sent /shared/v\r\n",
	  "a OK Done.\r\nb OK Done.\r\n* METADATA Sent (/shared/v/b \"1\")\r\n"
	  "c OK [METADATA LONGENTRIES 10] Done.\r\n"
	  "* METADATA Sent (/shared/v/a \"1234567890\" /shared/v/b \"1\")\r\nd OK Done.\r\ne OK Done.\r\n", false },
	{ "with LIST", 'a', "a SETMETADATA Sent (/shared/v/a \"1\")\r\na SETMETADATA Sent (/private/b \"2\")\r\n"
	  "b LIST \"\" (INBOX Sent) RETURN (METADATA (/shared/v/a /private/b))\r\n"
	  "c LIST \"\" Nope RETURN (METADATA (/private/b))\r\nd LIST \"\" * RETURN (METADATA)\r\n"
	  "e LIST \"\" * RETURN (METADATA ())\r\nf LIST \"\" * RETURN (METADATA (comment))\r\n"
	  "g LIST (SUBSCRIBED) \"\" Sent RETURN (METADATA (/private/b))\r\n",
	  "a OK Done.\r\na OK Done.\r\n* LIST (\\HasNoChildren) \"/\" INBOX\r\n* LIST (\\HasNoChildren \\Sent) \"/\" Sent\r\n"
	  "* METADATA INBOX (/shared/v/a NIL /private/b NIL)\r\n"
	  "* METADATA Sent (/shared/v/a \"1\" /private/b \"2\")\r\nb OK Done.\r\nc OK Done.\r\n"
	  "d BAD Expected a space.\r\ne BAD Expected an argument.\r\nf BAD Expected an entry's name.\r\n"
	  "* LIST (\\HasNoChildren \\Sent \\Subscribed) \"/\" Sent\r\n* METADATA Sent (/private/b \"2\")\r\n"
	  "g OK Done.\r\n", false },
	{ "nowhere", 'a', "a GETMETADATA Nope /shared/x\r\nb SETMETADATA Nope (/shared/x \"y\")\r\n",
	  "a NO [NONEXISTENT] No such mailbox.\r\nb NO [NONEXISTENT] No such mailbox.\r\n", false },
	{ "malformed", 'a', "a GETMETADATA\r\nb GETMETADATA INBOX\r\nc GETMETADATA INBOX comment\r\n"
	  "d GETMETADATA INBOX /vendor/x\r\ne GETMETADATA INBOX /shared//x\r\nf GETMETADATA INBOX /shared/x/\r\n"
	  "g GETMETADATA INBOX \"/shared/*\"\r\nh GETMETADATA INBOX ()\r\ni GETMETADATA (FOO 1) INBOX /shared/x\r\n"
	  "j GETMETADATA (DEPTH 2) INBOX /shared/x\r\nk GETMETADATA () INBOX /shared/x\r\n"
	  "l SETMETADATA INBOX ()\r\nm SETMETADATA INBOX (/shared/x)\r\nn SETMETADATA INBOX (/shared \"x\")\r\n"
	  "o SETMETADATA INBOX /shared/x \"y\"\r\np SETMETADATA INBOX (/shared/x y)\r\nq GETMETADATA INBOX /shared/x z\r\n"
	  "r GETMETADATA (MAXSIZE x) INBOX /shared/x\r\n",
	  "a BAD Expected a space.\r\nb BAD Expected a space.\r\nc BAD Expected an entry's name.\r\n"
	  "d BAD Expected an entry's name.\r\ne BAD Expected an entry's name.\r\nf BAD Expected an entry's name.\r\n"
	  "g BAD Expected an entry's name.\r\nh BAD Expected MAXSIZE or DEPTH.\r\ni BAD Expected MAXSIZE or DEPTH.\r\n"
	  "j BAD Expected 0, 1 or infinity.\r\nk BAD Expected MAXSIZE or DEPTH.\r\n"
	  "l BAD Expected an argument.\r\nm BAD Expected a space.\r\nn BAD Expected an entry's name.\r\n"
	  "o BAD Unexpected character or end of command.\r\np BAD Expected a string.\r\nq BAD Too many arguments.\r\n"
	  "r BAD Expected a number.\r\n", false },
	{ "quota", 'a', "a GETQUOTA \"\"\r\nb GETQUOTAROOT inbox\r\nc SETQUOTA \"\" (STORAGE 512)\r\n",
	  "* QUOTA \"\" (STORAGE 2 10240 MAILBOX 4 10000 ANNOTATION-STORAGE 1 1024)\r\na OK Done.\r\n"
	  "* QUOTAROOT INBOX \"\"\r\n* QUOTA \"\" (STORAGE 2 10240 MAILBOX 4 10000 ANNOTATION-STORAGE 1 1024)\r\n"
	  "b OK Done.\r\nc NO [NOPERM] Only an administrator sets quotas.\r\n", false },
	{ "what deleting would free", 'a', "a STATUS INBOX (DELETED DELETED-STORAGE)\r\n"
	  "b LIST \"\" (INBOX Sent) RETURN (STATUS (DELETED-STORAGE))\r\nc STATUS INBOX (DELETED)\r\n",
	  "* STATUS INBOX (DELETED 1 DELETED-STORAGE 1)\r\na OK Done.\r\n"
	  "* LIST (\\HasNoChildren) \"/\" INBOX\r\n* STATUS INBOX (DELETED-STORAGE 1)\r\n"
	  "* LIST (\\HasNoChildren \\Sent) \"/\" Sent\r\n* STATUS Sent (DELETED-STORAGE 0)\r\nb OK Done.\r\n"
	  "* STATUS INBOX (DELETED 1)\r\nc OK Done.\r\n", false },
	{ "no name", 'a', "a SELECT \"\"\r\nb STATUS \"\" (MESSAGES)\r\nc APPEND \"\" {3+}\r\nabc\r\n",
	  "a NO [NONEXISTENT] No such mailbox.\r\nb NO [NONEXISTENT] No such mailbox.\r\n"
	  "c NO [TRYCREATE] No such mailbox.\r\n", false },
	{ "quota of nothing", 'a', "a GETQUOTA other\r\nb GETQUOTAROOT Nope\r\nc GETQUOTA\r\nd GETQUOTA \"\" x\r\n"
	  "e GETQUOTAROOT\r\nf SETQUOTA \"\"\r\ng SETQUOTA \"\" (STORAGE)\r\nh SETQUOTA \"\" ()\r\ni SETQUOTA \"\" (X 1\r\n",
	  "a NO [NONEXISTENT] No such quota root.\r\nb NO [NONEXISTENT] No such mailbox.\r\n"
	  "c BAD Expected a space.\r\nd BAD Too many arguments.\r\ne BAD Expected a space.\r\n"
	  "f BAD Expected a space.\r\ng BAD Expected a space.\r\n"
	  "h NO [NOPERM] Only an administrator sets quotas.\r\ni BAD Expected an atom.\r\n", false },
};

static void test_talks(void **state)
{
	(void)state;
	check_at_every_split(talks, N_ELEMS(talks));
	check_leaving(talks, N_ELEMS(talks));
}

/* Bytes that are no string, a value too large, a store that says no. */
static void test_values(void **state)
{
	static const char nul[] = "a SETMETADATA INBOX (/shared/x ~{3+}\r\na\0b)\r\n"
				  "b GETMETADATA INBOX /shared/x\r\n";
	static const char answer[] = "a OK Done.\r\n* METADATA INBOX (/shared/x ~{3}\r\na\0b)\r\nb OK Done.\r\n";
	struct rig r;

	(void)state;
	begin(&r, 'a');
	rig_feed(&r, nul, sizeof(nul) - 1);
	assert_int_equal(r.out.len, sizeof(answer) - 1);
	assert_memory_equal(r.out.data, answer, sizeof(answer) - 1);
	buf_clear(&r.out);
	rig_say(&r, "c SETMETADATA INBOX (/shared/x {32769+}\r\n");
	for (unsigned i = 0; i < META_VALUE_MAX; i++)
		rig_say(&r, "x");
	rig_say(&r, "x)\r\n");
	expect(&r, "c NO [METADATA MAXSIZE 32768] Too large.\r\n");
	fake_fail("meta", ERR_LIMIT);
	rig_say(&r, "d SETMETADATA INBOX (/shared/x \"y\")\r\n");
	expect(&r, "d NO [METADATA TOOMANY] No more can be kept.\r\n");
	fake_fail("meta", ERR_AGAIN);
	rig_say(&r, "e GETMETADATA INBOX /shared/x\r\n");
	expect(&r, "e NO [UNAVAILABLE] Try again later.\r\n");
	fake_fail("usage", ERR_NOTFOUND);
	rig_say(&r, "g GETQUOTAROOT INBOX\r\n");
	expect(&r, "* QUOTAROOT INBOX\r\ng OK Done.\r\n");
	fake_fail("usage", ERR_AGAIN);
	rig_say(&r, "f GETQUOTA \"\"\r\n");
	expect(&r, "f NO [UNAVAILABLE] Try again later.\r\n");
	rig_down(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talks),
		cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
