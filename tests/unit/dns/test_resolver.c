/* The resolver against a name server in the same loop. */
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/dns/resolver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { A = 1, PTR = 12, MX = 15, TXT = 16, AAAA = 28 };
enum { SILENT = -1, GARBAGE = -2, OK = 0, SERVFAIL = 2, NXDOMAIN = 3, REFUSED = 5 };

/* What the server knows.  A name with another type has no data; no entry: NXDOMAIN. */
static const struct {
	const char *name;
	int type, rcode;
	unsigned preference;
	const char *data;		/* of MX, PTR: a name; A, AAAA: an address; TXT: strings split at | */
} zone[] = {
	{ "two.test", MX, OK, 20, "b.test" },
	{ "two.test", MX, OK, 10, "a.test" },
	{ "two.test", MX, OK, 30, "gone.test" },
	{ "a.test", A, OK, 0, "192.0.2.1" },
	{ "a.test", A, OK, 0, "192.0.2.2" },
	{ "a.test", AAAA, OK, 0, "2001:db8::1" },
	{ "b.test", A, OK, 0, "192.0.2.3" },
	{ "nomx.test", A, OK, 0, "192.0.2.4" },
	{ "null.test", MX, OK, 0, "" },
	{ "bad.test", MX, OK, 0, "sp ace.test" },
	{ "dead.test", MX, OK, 0, "gone.test" },
	{ "half.test", MX, OK, 0, "broken.test" },
	{ "broken.test", A, SERVFAIL, 0, "" },
	{ "broken.test", AAAA, SERVFAIL, 0, "" },
	{ "mixed.test", MX, OK, 1, "broken.test" },
	{ "mixed.test", MX, OK, 2, "b.test" },
	{ "fail.test", MX, SERVFAIL, 0, "" },
	{ "silent.test", MX, SILENT, 0, "" },
	{ "garbage.test", MX, GARBAGE, 0, "" },
	{ "refused.test", MX, REFUSED, 0, "" },
	{ "spf.test", TXT, OK, 0, "v=spf1 |-all" },
	{ "spf.test", TXT, OK, 0, "other" },
	{ "9.2.0.192.in-addr.arpa", PTR, OK, 0, "Mail.Example.ORG" },
	{ "empty.test", TXT, OK, 0, NULL },
};

struct rig {
	uv_loop_t loop;
	uv_udp_t udp;
	struct resolver *r;
	unsigned asked;
	char got[600];
	int answers;
	enum err e;
};

static void put16(struct buf *b, unsigned v)
{
	assert_int_equal(buf_addc(b, (char)(v >> 8)), ERR_OK);
	assert_int_equal(buf_addc(b, (char)v), ERR_OK);
}

static void put_name(struct buf *b, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		assert_int_equal(buf_addc(b, (char)n), ERR_OK);
		assert_int_equal(buf_add(b, name, n), ERR_OK);
		name += n;
		name += *name == '.';
	}
	assert_int_equal(buf_addc(b, 0), ERR_OK);
}

static void put_data(struct buf *b, size_t i)
{
	struct buf d;
	struct addr a;

	buf_init(&d, 1000);
	if (zone[i].type == MX)
		put16(&d, zone[i].preference);
	if (zone[i].type == MX || zone[i].type == PTR) {
		put_name(&d, zone[i].data);
	} else if (zone[i].type == TXT) {
		const char *p = zone[i].data;

		for (; *p; p += *p == '|') {
			size_t n = strcspn(p, "|");

			assert_int_equal(buf_addc(&d, (char)n), ERR_OK);
			assert_int_equal(buf_add(&d, p, n), ERR_OK);
			p += n;
		}
	} else {
		assert_int_equal(addr_parse(zone[i].data, 0, &a), ERR_OK);
		assert_int_equal(buf_add(&d, a.ip, zone[i].type == A ? 4 : 16), ERR_OK);
	}
	put16(b, 0xc00c);
	put16(b, (unsigned)zone[i].type);
	put16(b, 1);
	put16(b, 0);
	put16(b, 60);
	put16(b, (unsigned)d.len);
	assert_int_equal(buf_add(b, d.data, d.len), ERR_OK);
	buf_fini(&d);
}

/* The question's name as text; returns where its type begins. */
static size_t read_name(const unsigned char *p, char *out)
{
	size_t at = 12, k = 0;

	while (p[at]) {
		memcpy(out + k, p + at + 1, p[at]);
		k += p[at];
		out[k++] = '.';
		at += p[at] + 1u;
	}
	out[k ? k - 1 : 0] = '\0';
	return at + 1;
}

static void answer(struct rig *r, const unsigned char *q, const struct sockaddr *to)
{
	unsigned type, n = 0;
	bool known = false;
	int rcode = NXDOMAIN;
	char name[256];
	struct buf b;
	size_t at = read_name(q, name);
	uv_buf_t out;

	type = (unsigned)q[at] << 8 | q[at + 1];
	buf_init(&b, 4096);
	assert_int_equal(buf_add(&b, q, at + 4), ERR_OK);
	for (size_t i = 0; i < N_ELEMS(zone); i++) {
		if (strcasecmp(zone[i].name, name) != 0)
			continue;
		known = true;
		if (zone[i].type != (int)type || zone[i].data == NULL)
			continue;
		rcode = zone[i].rcode;
		if (rcode == OK) {
			put_data(&b, i);
			n++;
		}
	}
	if (known && rcode == NXDOMAIN)
		rcode = OK;
	if (rcode == GARBAGE) {
		buf_cut(&b, at + 4);
		put16(&b, 0xc0ff);	/* a record that is not there */
		n = 7;
		rcode = OK;
	}
	b.data[2] = (char)0x81;
	b.data[3] = (char)(0x80 | 0x20 | rcode);
	b.data[6] = 0;
	b.data[7] = (char)n;
	memset(b.data + 8, 0, 4);	/* no EDNS in the answer */
	out = uv_buf_init(b.data, (unsigned)b.len);
	if (rcode != SILENT)
		assert_true(uv_udp_try_send(&r->udp, &out, 1, to) > 0);
	buf_fini(&b);
}

static void on_alloc(uv_handle_t *h, size_t want, uv_buf_t *b)
{
	(void)h;
	(void)want;
	*b = uv_buf_init(malloc(2048), 2048);
}

static void on_question(uv_udp_t *u, ssize_t n, const uv_buf_t *b, const struct sockaddr *from,
			unsigned flags)
{
	struct rig *r = u->data;

	(void)flags;
	if (n > 16 && from) {
		r->asked++;
		answer(r, (unsigned char *)b->base, from);
	}
	free(b->base);
}

static void rig_up(struct rig *r, unsigned max_queries, unsigned cache)
{
	struct sockaddr_storage ss;
	int len = sizeof(ss);
	struct addr a;
	char server[ADDR_TEXT];
	const char *servers[] = { server, NULL };
	struct resolver_conf conf = { .servers = servers, .timeout_ms = 30, .tries = 2,
				      .max_queries = max_queries, .cache = cache };

	memset(r, 0, sizeof(*r));
	uv_loop_init(&r->loop);
	conf.loop = &r->loop;
	uv_udp_init(&r->loop, &r->udp);
	r->udp.data = r;
	assert_int_equal(addr_parse("127.0.0.1", 0, &a), ERR_OK);
	addr_to_sockaddr(&a, &ss);
	assert_int_equal(uv_udp_bind(&r->udp, (struct sockaddr *)&ss, 0), 0);
	assert_int_equal(uv_udp_getsockname(&r->udp, (struct sockaddr *)&ss, &len), 0);
	addr_from_sockaddr((struct sockaddr *)&ss, &a);
	addr_text(&a, server);
	uv_udp_recv_start(&r->udp, on_alloc, on_question);
	assert_int_equal(resolver_open(&conf, &r->r, NULL), ERR_OK);
}

static void rig_down(struct rig *r)
{
	resolver_close(&r->r);
	uv_close((uv_handle_t *)&r->udp, NULL);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&r->loop), 0);
}

static void note(struct rig *r, const char *text)
{
	strncat(r->got, text, sizeof(r->got) - strlen(r->got) - 1);
}

static void print_host(struct rig *r, const struct dns_host *h)
{
	char text[ADDR_TEXT];

	note(r, h->name);
	if (h->n_addrs == 0)
		note(r, h->e == ERR_AGAIN ? " again" : " none");
	for (size_t i = 0; i < h->n_addrs; i++) {
		note(r, " ");
		note(r, addr_host(&h->addrs[i], text));
	}
	note(r, ";");
}

static void on_mx(void *ctx, enum err e, const struct dns_mx *mx, const char *detail)
{
	struct rig *r = ctx;

	r->answers++;
	r->e = e;
	assert_non_null(detail);
	if (mx->implicit)
		note(r, "implicit ");
	if (e == ERR_OK && mx->authentic)
		note(r, "AD ");
	for (size_t i = 0; i < mx->n_hosts; i++)
		print_host(r, &mx->hosts[i]);
}

static void on_host(void *ctx, enum err e, const struct dns_host *h)
{
	struct rig *r = ctx;

	r->answers++;
	r->e = e;
	print_host(r, h);
}

static void on_text(void *ctx, enum err e, const char *const *texts, size_t n)
{
	struct rig *r = ctx;

	r->answers++;
	r->e = e;
	for (size_t i = 0; i < n; i++) {
		note(r, texts[i]);
		note(r, ";");
	}
}

static void finish(struct rig *r)
{
	assert_int_equal(r->answers, 0);	/* never from inside */
	while (r->answers == 0)
		uv_run(&r->loop, UV_RUN_ONCE);
	assert_int_equal(r->answers, 1);
	r->answers = 0;
}

static const struct {
	const char *domain;
	enum err e;
	const char *got;
} mx_cases[] = {
	{ "two.test", ERR_OK, "AD a.test 2001:db8::1 192.0.2.1 192.0.2.2;b.test 192.0.2.3;gone.test none;" },
	{ "TWO.test.", ERR_OK, "AD a.test 2001:db8::1 192.0.2.1 192.0.2.2;b.test 192.0.2.3;gone.test none;" },
	{ "nomx.test", ERR_OK, "implicit AD nomx.test 192.0.2.4;" },
	{ "null.test", ERR_DENIED, "" },
	{ "bad.test", ERR_NOTFOUND, "" },
	{ "dead.test", ERR_NOTFOUND, "gone.test none;" },
	{ "half.test", ERR_AGAIN, "broken.test again;" },
	{ "mixed.test", ERR_OK, "AD broken.test again;b.test 192.0.2.3;" },
	{ "fail.test", ERR_AGAIN, "" },
	{ "silent.test", ERR_AGAIN, "" },
	{ "garbage.test", ERR_AGAIN, "" },
	{ "refused.test", ERR_AGAIN, "" },
	{ "nothing.test", ERR_NOTFOUND, "" },
	{ "empty.test", ERR_NOTFOUND, "implicit empty.test none;" },
	{ "", ERR_INVALID, "" },
	{ ".", ERR_INVALID, "" },
	{ "a..b", ERR_INVALID, "" },
	{ "white space.test", ERR_INVALID, "" },
	{ "x.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.test", ERR_INVALID, "" },
};

static void test_mx(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(mx_cases); i++) {
		struct rig r;

		rig_up(&r, 0, 0);
		(void)dns_mx(r.r, mx_cases[i].domain, on_mx, &r);
		finish(&r);
		if (r.e != mx_cases[i].e || strcmp(r.got, mx_cases[i].got) != 0)
			fail_msg("%s: %s, \"%s\"", mx_cases[i].domain, err_text(r.e), r.got);
		rig_down(&r);
	}
}

/* Every case twice: the second answer is the same, and what may be kept is not asked
 * for again.  (Nothing of this server's that says no may be kept: it shows no SOA.) */
static void test_mx_remembered(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(mx_cases); i++) {
		unsigned first;
		struct rig r;

		rig_up(&r, 0, 20);
		for (int k = 0; k < 2; k++) {
			first = r.asked;
			r.got[0] = '\0';
			(void)dns_mx(r.r, mx_cases[i].domain, on_mx, &r);
			finish(&r);
			if (r.e != mx_cases[i].e || strcmp(r.got, mx_cases[i].got) != 0)
				fail_msg("%s, time %d: %s, \"%s\"", mx_cases[i].domain, k,
					 err_text(r.e), r.got);
		}
		if (i < 2)	/* b.test has no AAAA, gone.test nothing */
			assert_int_equal(r.asked - first, 3);
		if (strcmp(mx_cases[i].domain, "null.test") == 0)
			assert_int_equal(r.asked - first, 0);
		rig_down(&r);
	}
}

static void test_hosts_and_texts(void **state)
{
	struct addr a;
	struct rig r;

	(void)state;
	rig_up(&r, 0, 0);
	(void)dns_host(r.r, "A.test", on_host, &r);
	finish(&r);
	assert_string_equal(r.got, "a.test 2001:db8::1 192.0.2.1 192.0.2.2;");
	r.got[0] = '\0';
	(void)dns_host(r.r, "gone.test", on_host, &r);
	finish(&r);
	assert_int_equal(r.e, ERR_NOTFOUND);
	(void)dns_host(r.r, "b@d", on_host, &r);
	finish(&r);
	assert_int_equal(r.e, ERR_INVALID);
	r.got[0] = '\0';
	(void)dns_txt(r.r, "spf.test", on_text, &r);
	finish(&r);
	assert_string_equal(r.got, "v=spf1 -all;other;");
	(void)dns_txt(r.r, "a.test", on_text, &r);
	finish(&r);
	assert_int_equal(r.e, ERR_NOTFOUND);
	r.got[0] = '\0';
	assert_int_equal(addr_parse("192.0.2.9", 0, &a), ERR_OK);
	(void)dns_ptr(r.r, &a, on_text, &r);
	finish(&r);
	assert_string_equal(r.got, "mail.example.org;");
	assert_int_equal(addr_parse("2001:db8::9", 0, &a), ERR_OK);
	(void)dns_ptr(r.r, &a, on_text, &r);
	finish(&r);
	assert_int_equal(r.e, ERR_NOTFOUND);
	rig_down(&r);
}

static void test_many_at_once_and_the_limit(void **state)
{
	struct rig r;

	(void)state;
	rig_up(&r, 50, 0);
	for (int i = 0; i < 50; i++)
		(void)dns_mx(r.r, "two.test", on_mx, &r);
	(void)dns_mx(r.r, "two.test", on_mx, &r);
	while (r.answers < 1)
		uv_run(&r.loop, UV_RUN_ONCE);
	assert_int_equal(r.e, ERR_LIMIT);	/* the last one, at once */
	while (r.answers < 51)
		uv_run(&r.loop, UV_RUN_ONCE);
	assert_int_equal(r.e, ERR_OK);
	rig_down(&r);
}

static void test_cancel_and_close_at_any_time(void **state)
{
	static const char *const names[] = { "two.test", "silent.test", "not a name", "nomx.test" };

	(void)state;
	for (int turns = 0; turns < 8; turns++)
		for (int by_close = 0; by_close < 2; by_close++) {
			struct dns_query *q[N_ELEMS(names)];
			struct rig r;
			int before;

			rig_up(&r, 0, 0);
			for (size_t i = 0; i < N_ELEMS(names); i++)
				q[i] = dns_mx(r.r, names[i], on_mx, &r);
			for (int i = 0; i < turns && r.answers == 0; i++)
				uv_run(&r.loop, UV_RUN_NOWAIT);
			before = r.answers;
			for (size_t i = 0; before == 0 && !by_close && i < N_ELEMS(names); i++)
				dns_cancel(&q[i]);
			rig_down(&r);
			assert_int_equal(r.answers, before);
		}
}

static void test_bad_servers(void **state)
{
	static const char *const bad[] = { "not an address", NULL };
	struct resolver_conf conf = { .servers = bad };
	struct resolver *r;
	uv_loop_t loop;

	(void)state;
	uv_loop_init(&loop);
	conf.loop = &loop;
	assert_int_equal(resolver_open(&conf, &r, NULL), ERR_INVALID);
	assert_null(r);
	resolver_close(&r);
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mx),
		cmocka_unit_test(test_mx_remembered),
		cmocka_unit_test(test_hosts_and_texts),
		cmocka_unit_test(test_many_at_once_and_the_limit),
		cmocka_unit_test(test_cancel_and_close_at_any_time),
		cmocka_unit_test(test_bad_servers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
