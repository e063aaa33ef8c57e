/* What of a name server's answers is kept, and for how long. */
#include "common/base/attr.h"
#include "common/dns/cache.h"
#include "common/dns/parse.h"

#include <ares.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

struct reply {
	unsigned char b[4096];
	int len;
};

static void put16(struct reply *r, unsigned v)
{
	r->b[r->len++] = (unsigned char)(v >> 8);
	r->b[r->len++] = (unsigned char)v;
}

static void put32(struct reply *r, uint32_t v)
{
	put16(r, v >> 16);
	put16(r, v & 0xffff);
}

/* An answer for the root with these records; a second number is a SOA's minimum. */
static void begin(struct reply *r, unsigned answers, unsigned authorities)
{
	r->len = 0;
	put16(r, 1);
	put16(r, 0x8180);
	put16(r, 1);
	put16(r, answers);
	put16(r, authorities);
	put16(r, 0);
	r->b[r->len++] = 0;
	put16(r, 1);
	put16(r, 1);
}

static void record(struct reply *r, unsigned type, uint32_t ttl, unsigned len)
{
	r->b[r->len++] = 0;
	put16(r, type);
	put16(r, 1);
	put32(r, ttl);
	put16(r, len);
	memset(r->b + r->len, 0, len);
	r->len += (int)len;
}

static void soa(struct reply *r, uint32_t ttl, uint32_t minimum)
{
	record(r, 6, ttl, 22);
	r->len -= 4;
	put32(r, minimum);
}

static void test_how_long(void **state)
{
	struct reply r;

	(void)state;
	begin(&r, 3, 1);
	record(&r, 1, 300, 4);
	record(&r, 5, 60, 1);		/* the alias on the way counts */
	record(&r, 1, 600, 4);
	soa(&r, 1, 1);			/* beside an answer it says nothing */
	assert_int_equal(dns_ttl(r.b, r.len, false), 60);
	for (int cut = 0; cut < r.len; cut++)
		(void)dns_ttl(r.b, cut, true);
	assert_int_equal(dns_ttl(r.b, r.len - 40, false), 0);
	begin(&r, 1, 0);
	record(&r, 1, UINT32_C(0x80000000), 4);
	assert_int_equal(dns_ttl(r.b, r.len, false), 0);
	begin(&r, 0, 0);
	assert_int_equal(dns_ttl(r.b, r.len, false), 0);
	assert_int_equal(dns_ttl(r.b, r.len, true), 0);
	begin(&r, 0, 1);
	soa(&r, 3600, 120);
	assert_int_equal(dns_ttl(r.b, r.len, true), 120);
	begin(&r, 0, 1);
	soa(&r, 30, 120);
	assert_int_equal(dns_ttl(r.b, r.len, true), 30);
	begin(&r, 0, 1);
	record(&r, 6, 30, 21);		/* too short to be one */
	assert_int_equal(dns_ttl(r.b, r.len, true), 0);
}

static bool kept(struct dns_cache *c, const char *name, int type, int64_t now)
{
	const unsigned char *p;
	int status, len;

	return dns_cache_get(c, name, type, now, &status, &p, &len);
}

static void test_what_is_kept(void **state)
{
	static const struct {
		int status;
		uint32_t ttl;
		bool negative;
		int64_t until_s;	/* 0: not kept */
	} cases[] = {
		{ ARES_SUCCESS, 60, false, 60 },
		{ ARES_SUCCESS, 0, false, 0 },
		{ ARES_SUCCESS, 1000000, false, DNS_CACHE_DAY_S },
		{ ARES_ENOTFOUND, 60, true, 60 },
		{ ARES_ENODATA, 60, true, 60 },
		{ ARES_ENODATA, 100000, true, DNS_CACHE_NEGATIVE_S },
		{ ARES_ENOTFOUND, 60, false, 0 },	/* no SOA */
		{ ARES_ESERVFAIL, 60, false, 0 },
		{ ARES_ETIMEOUT, 60, false, 0 },
		{ ARES_ECANCELLED, 60, false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct dns_cache *c = dns_cache_new(10);
		int64_t end = 5000 + cases[i].until_s * 1000;
		const unsigned char *p;
		int status, len;
		struct reply r;

		begin(&r, !cases[i].negative, cases[i].negative);
		if (cases[i].negative)
			soa(&r, cases[i].ttl, cases[i].ttl);
		else
			record(&r, 1, cases[i].ttl, 4);
		dns_cache_put(c, "a.test", 1, 5000, cases[i].status, r.b, r.len);
		if (dns_cache_count(c) != (cases[i].until_s > 0))
			fail_msg("case %zu", i);
		assert_false(kept(c, "a.test", 28, 5000));
		assert_false(kept(c, "b.test", 1, 5000));
		if (cases[i].until_s) {
			assert_true(dns_cache_get(c, "a.test", 1, end - 1, &status, &p, &len));
			assert_int_equal(status, cases[i].status);
			assert_int_equal(len, r.len);
			assert_memory_equal(p, r.b, (size_t)len);
		}
		assert_false(kept(c, "a.test", 1, end));
		assert_int_equal(dns_cache_count(c), 0);
		dns_cache_free(&c);
		assert_null(c);
	}
}

static void test_bounds(void **state)
{
	struct dns_cache *c = dns_cache_new(3);
	struct reply r;

	(void)state;
	begin(&r, 1, 0);
	record(&r, 1, 60, 4);
	dns_cache_put(c, "a", 1, 0, ARES_SUCCESS, r.b, r.len);
	dns_cache_put(c, "b", 1, 0, ARES_SUCCESS, r.b, r.len);
	dns_cache_put(c, "c", 1, 0, ARES_SUCCESS, r.b, r.len);
	assert_true(kept(c, "a", 1, 1));		/* b is the one nobody asks for */
	dns_cache_put(c, "d", 1, 0, ARES_SUCCESS, r.b, r.len);
	assert_int_equal(dns_cache_count(c), 3);
	assert_false(kept(c, "b", 1, 1));
	assert_true(kept(c, "a", 1, 1) && kept(c, "c", 1, 1) && kept(c, "d", 1, 1));
	/* A newer answer takes the place of the older, also one not to be kept. */
	dns_cache_put(c, "a", 1, 5, ARES_ESERVFAIL, r.b, r.len);
	assert_false(kept(c, "a", 1, 6));
	dns_cache_put(c, "a", 1, 5, ARES_SUCCESS, NULL, 0);
	assert_false(kept(c, "a", 1, 6));
	begin(&r, 1, 0);
	record(&r, 16, 60, DNS_CACHE_REPLY_MAX);
	dns_cache_put(c, "big", 16, 0, ARES_SUCCESS, r.b, r.len);
	assert_false(kept(c, "big", 16, 1));
	dns_cache_free(&c);
	dns_cache_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_how_long),
		cmocka_unit_test(test_what_is_kept),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
