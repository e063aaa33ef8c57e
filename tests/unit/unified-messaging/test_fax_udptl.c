#include "roles/unified-messaging/fax/udptl.h"

#include "common/base/attr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define PACKETS 500u

/* Packet n: its number and a pattern of a length of its own. */
static size_t make(unsigned n, uint8_t *out)
{
	size_t len = 3 + n * 7 % 120;

	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(n * 31 + i);
	out[0] = (uint8_t)(n >> 8);
	out[1] = (uint8_t)n;
	return len;
}

struct seen {
	unsigned n, wrong, disorder;
	int last;
	bool here[PACKETS];
	unsigned first;		/* sequence number of packet 0 */
};

/* A parity may leave zeros behind a packet: IFP packets say how long they are. */
static void see(void *ctx, uint16_t seq, const uint8_t *ifp, size_t n)
{
	struct seen *s = ctx;
	uint16_t at = (uint16_t)(seq - s->first);
	uint8_t want[UDPTL_IFP] = { 0 };
	size_t len;

	assert_true(at < PACKETS);
	len = make(at, want);
	s->wrong += n < len || memcmp(ifp, want, len) != 0;
	s->disorder += (int)at <= s->last;
	s->last = at;
	s->here[at] = true;
	s->n++;
}

/* PACKETS packets of which those are lost that lose() names. */
static void run(enum udptl_recovery how, unsigned span, size_t max, bool (*lose)(unsigned n),
		struct seen *seen, struct udptl_rx *rx)
{
	struct udptl_tx tx;

	udptl_tx_init(&tx, how, span, max);
	tx.seq = 65400;		/* goes round */
	memset(seen, 0, sizeof(*seen));
	memset(rx, 0, sizeof(*rx));
	seen->first = 65400;
	seen->last = -1;
	for (unsigned n = 0; n < PACKETS; n++) {
		uint8_t ifp[UDPTL_IFP], out[UDPTL_DATAGRAM];
		size_t len = udptl_pack(&tx, ifp, make(n, ifp), out);

		assert_true(len > 0 && len <= (max ? max : UDPTL_DATAGRAM));
		if (!lose(n))
			assert_true(udptl_unpack(rx, out, len, see, seen));
	}
	assert_int_equal(seen->wrong, 0);
	assert_int_equal(seen->disorder, 0);
}

static bool none(unsigned n) { return n > PACKETS; }
static bool each_third(unsigned n) { return n % 3 == 2; }
static bool three_in_a_row(unsigned n) { return n % 10 >= 4 && n % 10 <= 6; }
static bool six_in_a_row(unsigned n) { return n % 20 >= 4 && n % 20 <= 9; }
static bool one_in_twelve(unsigned n) { return n % 12 == 11; }

static void test_recovery(void **state)
{
	struct udptl_rx rx;
	struct seen s;

	(void)state;
	run(UDPTL_PLAIN, 0, 0, none, &s, &rx);
	assert_int_equal(s.n, PACKETS);
	run(UDPTL_PLAIN, 0, 0, each_third, &s, &rx);
	assert_int_equal(s.n + rx.lost, PACKETS);
	assert_true(rx.lost > 100);
	run(UDPTL_REDUNDANCY, 3, 0, each_third, &s, &rx);
	assert_int_equal(s.n, PACKETS);
	assert_true(rx.recovered > 100);
	run(UDPTL_REDUNDANCY, 3, 0, three_in_a_row, &s, &rx);
	assert_int_equal(s.n, PACKETS);
	run(UDPTL_REDUNDANCY, 3, 0, six_in_a_row, &s, &rx);
	assert_int_equal(s.n + rx.lost, PACKETS);
	assert_int_equal(rx.lost, PACKETS / 20 * 3);
	run(UDPTL_FEC, 3, 0, one_in_twelve, &s, &rx);
	assert_int_equal(rx.lost, 0);
	assert_true(rx.recovered > 30);
	/* Three in a row fall into three parities. */
	/* The first three are lost before there are enough for a parity. */
	run(UDPTL_FEC, 3, 0, three_in_a_row, &s, &rx);
	assert_int_equal(rx.lost, 3);
	run(UDPTL_FEC, 3, 0, six_in_a_row, &s, &rx);
	assert_int_equal(s.n + rx.lost, PACKETS);
}

/* A peer that takes little gets fewer repeats, and every packet. */
static void test_small_datagrams(void **state)
{
	struct udptl_rx rx;
	struct seen s;

	(void)state;
	run(UDPTL_REDUNDANCY, 5, 140, none, &s, &rx);
	assert_int_equal(s.n, PACKETS);
	run(UDPTL_FEC, 3, 140, none, &s, &rx);
	assert_int_equal(s.n, PACKETS);
}

static void test_pack_refuses(void **state)
{
	uint8_t ifp[UDPTL_IFP + 1] = { 0 }, out[UDPTL_DATAGRAM];
	struct udptl_tx tx;

	(void)state;
	udptl_tx_init(&tx, UDPTL_REDUNDANCY, 3, 100);
	assert_int_equal(udptl_pack(&tx, ifp, 0, out), 0);
	assert_int_equal(udptl_pack(&tx, ifp, 93, out), 0);
	assert_int_equal(udptl_pack(&tx, ifp, sizeof(ifp), out), 0);
	assert_int_equal(udptl_pack(&tx, ifp, 92, out), 97);
}

static void count(void *ctx, uint16_t seq, const uint8_t *ifp, size_t n)
{
	(void)seq;
	(void)ifp;
	*(size_t *)ctx += n;
}

static const struct {
	const char *what, *bytes;
	size_t n;
	bool fine;
} datagrams[] = {
	{ "nothing", "", 0, false },
	{ "half a number", "\0", 1, false },
	{ "no packet", "\0\1", 2, false },
	{ "a short packet", "\0\1\5ab", 5, false },
	{ "no choice", "\0\1\2ab", 5, false },
	{ "no count", "\0\1\2ab\0", 6, false },
	{ "plain", "\0\1\2ab\0\0", 7, true },
	{ "an empty packet", "\0\1\0\0\0", 5, true },
	{ "a short secondary", "\0\1\2ab\0\1\3cd", 10, false },
	{ "a secondary", "\0\1\2ab\0\1\2cd", 10, true },
	{ "a length of 16K and more", "\0\1\xc1" "ab\0\0", 7, false },
	{ "a length of two octets", "\0\1\x80\2ab\0\0", 8, true },
	{ "half a length", "\0\1\x80", 3, false },
	{ "FEC of nothing", "\0\1\2ab\x80\1\0\1\1x", 11, false },
	{ "FEC, a long integer", "\0\1\2ab\x80\2\0\1\1\1x", 12, false },
	{ "FEC", "\0\1\2ab\x80\1\1\1\1x", 11, true },
	{ "FEC over too much", "\0\1\2ab\x80\1\x40\1\1x", 11, false },
	{ "FEC, cut", "\0\1\2ab\x80\1\1\2\1x", 11, false },
};

static void test_datagrams(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(datagrams); i++) {
		struct udptl_rx rx = { 0 };
		uint8_t *copy = malloc(datagrams[i].n ? datagrams[i].n : 1);
		size_t given = 0;

		memcpy(copy, datagrams[i].bytes, datagrams[i].n);
		if (udptl_unpack(&rx, copy, datagrams[i].n, count, &given) != datagrams[i].fine)
			fail_msg("%s", datagrams[i].what);
		assert_true(datagrams[i].fine || given == 0);
		free(copy);
	}
}

/* Datagrams that lie, cut at every length and with every octet changed. */
static void test_mutations(void **state)
{
	struct udptl_tx tx;
	uint8_t ifp[UDPTL_IFP], out[UDPTL_DATAGRAM];
	size_t len = 0, given = 0;

	(void)state;
	for (int how = UDPTL_REDUNDANCY; how <= UDPTL_FEC; how++) {
		udptl_tx_init(&tx, (enum udptl_recovery)how, 3, 0);
		for (unsigned n = 0; n < 20; n++)
			len = udptl_pack(&tx, ifp, make(n, ifp), out);
		for (size_t cut = 0; cut <= len; cut++) {
			struct udptl_rx rx = { .begun = true, .next = 15 };
			uint8_t *copy = malloc(cut ? cut : 1);

			memcpy(copy, out, cut);
			assert_int_equal(udptl_unpack(&rx, copy, cut, count, &given), cut == len);
			free(copy);
		}
		for (size_t at = 0; at < len; at++)
			for (unsigned v = 0; v < 256; v += 5) {
				struct udptl_rx rx = { .begun = true, .next = 15 };
				uint8_t old = out[at];

				out[at] = (uint8_t)v;
				(void)udptl_unpack(&rx, out, len, count, &given);
				out[at] = old;
			}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recovery),
		cmocka_unit_test(test_small_datagrams),
		cmocka_unit_test(test_pack_refuses),
		cmocka_unit_test(test_datagrams),
		cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
