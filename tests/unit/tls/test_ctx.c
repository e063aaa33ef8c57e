/* Certificates, contexts, and two engines that talk through memory. */
#include "common/tls/engine.h"
#include "common/tls/ticket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char dir[40];

static const char *in_dir(char *out, const char *name)
{
	snprintf(out, 80, "%.39s/%.38s", dir, name);
	return out;
}

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/test_tls.XXXXXX");
	return mkdtemp(dir) ? 0 : 1;
}

static int teardown(void **state)
{
	char cmd[80];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

static void make(const char *name, char cert[80], char key[80])
{
	char file[60];
	struct errbuf eb = { "" };

	snprintf(file, sizeof(file), "%.40s.crt", name);
	in_dir(cert, file);
	snprintf(file, sizeof(file), "%.40s.key", name);
	in_dir(key, file);
	if (tls_self_signed(cert, key, &name, 1, 30, &eb))
		fail_msg("%s", eb.text);
}

static void test_self_signed(void **state)
{
	static const char *const bad[] = { "", "a,DNS:b", "a b" };
	const char *names[] = { "mail.example.org", "192.0.2.1", "::1", "*.example.org" };
	char cert[80], key[80];
	struct tls_cert_info info, again;
	struct tls_server_conf conf = { .n_certs = 1 };
	struct tls_cert pair = { cert, key };
	struct tls_ctx *c;
	struct stat st;

	(void)state;
	in_dir(cert, "s.crt");
	in_dir(key, "s.key");
	for (size_t i = 0; i < N_ELEMS(bad); i++)
		assert_int_equal(tls_self_signed(cert, key, &bad[i], 1, 30, NULL), ERR_INVALID);
	assert_int_equal(tls_self_signed(cert, key, names, 0, 30, NULL), ERR_INVALID);
	assert_int_equal(tls_self_signed("/nonexistent/x", "/nonexistent/y", names, 1, 30, NULL),
			 ERR_NOTFOUND);
	assert_int_equal(tls_self_signed(cert, key, names, 4, 30, NULL), ERR_OK);
	assert_int_equal(stat(key, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	conf.certs = &pair;
	assert_int_equal(tls_server_new(&conf, &c, NULL), ERR_OK);
	assert_int_equal(tls_ctx_cert(c, 0, &info), ERR_OK);
	assert_string_equal(info.subject, "/CN=mail.example.org");
	assert_true(info.self_signed);
	assert_int_equal(info.not_after - info.not_before, 30 * 86400 + 3600);
	assert_int_equal(tls_ctx_cert(c, 1, &info), ERR_NOTFOUND);
	/* A second start leaves them alone. */
	assert_int_equal(tls_self_signed(cert, key, names, 1, 30, NULL), ERR_OK);
	assert_int_equal(tls_ctx_reload(c, NULL), ERR_OK);
	assert_int_equal(tls_ctx_cert(c, 0, &info), ERR_OK);
	assert_int_equal(tls_ctx_cert(c, 0, &again), ERR_OK);
	assert_memory_equal(info.pin, again.pin, TLS_PIN);
	tls_ctx_unref(&c);
	tls_ctx_unref(&c);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_what_is_refused(void **state)
{
	char cert[80], key[80], cert2[80], key2[80], junk[80], none[80];
	struct tls_server_conf conf = { .n_certs = 1 };
	struct tls_client_conf client = { .verify = TLS_VERIFY_CA };
	struct tls_ctx *c = NULL;
	struct errbuf eb;

	(void)state;
	make("a.test", cert, key);
	make("b.test", cert2, key2);
	write_file(in_dir(junk, "junk"), "hello\n");
	in_dir(none, "none");
	{
		const struct {
			struct tls_cert pair;
			enum err e;
		} cases[] = {
			{ { cert, key }, ERR_OK },
			{ { cert, key2 }, ERR_INVALID },
			{ { cert, junk }, ERR_INVALID },
			{ { junk, key }, ERR_INVALID },
			{ { none, key }, ERR_NOTFOUND },
			{ { cert, none }, ERR_NOTFOUND },
			{ { "-----BEGIN CERTIFICATE-----\nAAAA\n", key }, ERR_INVALID },
		};

		for (size_t i = 0; i < N_ELEMS(cases); i++) {
			conf.certs = &cases[i].pair;
			if (tls_server_new(&conf, &c, &eb) != cases[i].e)
				fail_msg("case %zu: %s", i, eb.text);
			tls_ctx_unref(&c);
		}
		conf.certs = &cases[0].pair;
		conf.ciphers = "NO-SUCH-THING";
		assert_int_equal(tls_server_new(&conf, &c, &eb), ERR_INVALID);
		assert_null(c);
	}
	client.ca_file = none;
	assert_int_equal(tls_client_new(&client, &c, &eb), ERR_NOTFOUND);
	client.ca_file = junk;
	assert_int_equal(tls_client_new(&client, &c, &eb), ERR_INVALID);
}

/* ---- engines ------------------------------------------------------------------- */

struct pair {
	struct buf to_server, to_client;
	struct engine *server, *client;
	enum engine_step server_step, client_step;
};

static void pair_up(struct pair *p, struct tls_ctx *server, struct tls_ctx *client, const char *name)
{
	buf_init(&p->to_server, 1 << 20);
	buf_init(&p->to_client, 1 << 20);
	p->server = engine_new(server, NULL, &p->to_client);
	p->client = engine_new(client, name, &p->to_server);
	p->server_step = p->client_step = ENGINE_MORE;
}

static void pair_down(struct pair *p)
{
	engine_free(&p->server);
	engine_free(&p->client);
	buf_fini(&p->to_server);
	buf_fini(&p->to_client);
}

/* Give at most `cut` bytes of what waits. */
static enum engine_step feed(struct engine *en, struct buf *from, size_t cut)
{
	size_t n = from->len < cut ? from->len : cut;
	struct span in = { from->data, n };
	enum engine_step step = engine_handshake(en, &in);

	buf_drop(from, n - in.n);
	return step;
}

static void shake(struct pair *p, size_t cut)
{
	for (int i = 0; i < 20000; i++) {
		if (p->client_step == ENGINE_MORE)
			p->client_step = feed(p->client, &p->to_client, cut);
		if (p->server_step == ENGINE_MORE)
			p->server_step = feed(p->server, &p->to_server, cut);
		if (p->client_step != ENGINE_MORE && p->server_step != ENGINE_MORE)
			return;
	}
	fail_msg("handshake does not end");
}

static void echo(struct pair *p, const char *text, size_t cut)
{
	char out[64];
	size_t n = 0, got;

	assert_true(engine_write(p->client, text, strlen(text)));
	while (n < strlen(text)) {
		size_t k = p->to_server.len < cut ? p->to_server.len : cut;
		struct span in = { p->to_server.data, k };
		enum engine_step step = engine_read(p->server, &in, out + n, sizeof(out) - n, &got);

		assert_true(step == ENGINE_DONE || step == ENGINE_MORE);
		buf_drop(&p->to_server, k - in.n);
		n += got;
	}
	assert_memory_equal(out, text, n);
}

static void test_handshake_at_any_cut(void **state)
{
	static const size_t cuts[] = { 1, 5, 100, 1 << 20 };
	char cert[80], key[80];
	struct tls_cert c = { cert, key };
	struct tls_server_conf sc = { .certs = &c, .n_certs = 1 };
	struct tls_client_conf cc = { .verify = TLS_VERIFY_CA, .ca_file = cert };
	struct tls_ctx *server, *client;

	(void)state;
	make("a.test", cert, key);
	assert_int_equal(tls_server_new(&sc, &server, NULL), ERR_OK);
	assert_int_equal(tls_client_new(&cc, &client, NULL), ERR_OK);
	for (size_t i = 0; i < N_ELEMS(cuts); i++) {
		uint8_t a[32], b[32];
		struct conn_tls info;
		struct pair p;

		pair_up(&p, server, client, "a.test");
		assert_false(engine_exporter(p.client, a));
		shake(&p, cuts[i]);
		assert_int_equal(p.client_step, ENGINE_DONE);
		assert_int_equal(p.server_step, ENGINE_DONE);
		assert_true(engine_exporter(p.client, a));
		assert_true(engine_exporter(p.server, b));
		assert_memory_equal(a, b, 32);
		engine_info(p.client, &info);
		assert_string_equal(info.version, "TLSv1.3");
		assert_true(info.verified);
		engine_info(p.server, &info);
		assert_string_equal(info.sni, "a.test");
		echo(&p, "hello", cuts[i]);
		pair_down(&p);
	}
	tls_ctx_unref(&server);
	tls_ctx_unref(&client);
}

static void test_who_is_trusted(void **state)
{
	char cert[80], key[80], other[80], other_key[80];
	struct tls_cert both[2] = { { cert, key }, { other, other_key } };
	struct tls_server_conf sc = { .certs = both, .n_certs = 2 };
	struct tls_cert_info info;
	uint8_t pin[2][TLS_PIN];
	struct tls_ctx *server;

	(void)state;
	make("a.test", cert, key);
	make("b.test", other, other_key);
	assert_int_equal(tls_server_new(&sc, &server, NULL), ERR_OK);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(tls_ctx_cert(server, i, &info), ERR_OK);
		memcpy(pin[i], info.pin, TLS_PIN);
	}
	{
		const struct {
			struct tls_client_conf conf;
			const char *name;
			enum engine_step step;
			bool verified;
		} cases[] = {
			{ { .verify = TLS_VERIFY_CA, .ca_file = cert }, "a.test", ENGINE_DONE, true },
			{ { .verify = TLS_VERIFY_CA, .ca_file = other }, "b.test", ENGINE_DONE, true },
			{ { .verify = TLS_VERIFY_CA, .ca_file = cert }, "b.test", ENGINE_FAIL, false },
			{ { .verify = TLS_VERIFY_CA, .ca_file = cert }, "c.test", ENGINE_FAIL, false },
			{ { .verify = TLS_VERIFY_CA, .ca_file = other }, "a.test", ENGINE_FAIL, false },
			{ { .verify = TLS_VERIFY_NONE }, "a.test", ENGINE_DONE, false },
			{ { .verify = TLS_VERIFY_NONE }, NULL, ENGINE_DONE, false },
			{ { .verify = TLS_VERIFY_PIN, .pins = &pin[0], .n_pins = 1 }, "a.test",
			  ENGINE_DONE, true },
			{ { .verify = TLS_VERIFY_PIN, .pins = pin, .n_pins = 2 }, "b.test",
			  ENGINE_DONE, true },
			{ { .verify = TLS_VERIFY_PIN, .pins = &pin[1], .n_pins = 1 }, "a.test",
			  ENGINE_FAIL, false },
			{ { .verify = TLS_VERIFY_PIN }, "a.test", ENGINE_FAIL, false },
		};

		for (size_t i = 0; i < N_ELEMS(cases); i++) {
			struct tls_ctx *client;
			struct conn_tls seen;
			struct pair p;

			assert_int_equal(tls_client_new(&cases[i].conf, &client, NULL), ERR_OK);
			pair_up(&p, server, client, cases[i].name);
			for (int k = 0; k < 10 && p.client_step == ENGINE_MORE; k++) {
				p.client_step = feed(p.client, &p.to_client, 1 << 20);
				p.server_step = feed(p.server, &p.to_server, 1 << 20);
			}
			engine_info(p.client, &seen);
			if (p.client_step != cases[i].step || seen.verified != cases[i].verified)
				fail_msg("case %zu: %d %s", i, p.client_step,
					 engine_detail(p.client));
			pair_down(&p);
			tls_ctx_unref(&client);
		}
	}
	tls_ctx_unref(&server);
}

static void test_reload_serves_the_new_and_keeps_the_old(void **state)
{
	char cert[80], key[80], other[80], other_key[80], junk[80];
	struct tls_cert c = { cert, key };
	struct tls_server_conf sc = { .certs = &c, .n_certs = 1 };
	struct tls_client_conf cc = { .verify = TLS_VERIFY_NONE };
	struct tls_ctx *server, *client;
	struct tls_cert_info info;
	struct conn_tls before, after;
	struct pair old, new;

	(void)state;
	make("a.test", cert, key);
	make("b.test", other, other_key);
	assert_int_equal(tls_server_new(&sc, &server, NULL), ERR_OK);
	assert_int_equal(tls_client_new(&cc, &client, NULL), ERR_OK);
	pair_up(&old, server, client, "a.test");
	shake(&old, 1 << 20);
	engine_info(old.client, &before);

	assert_int_equal(rename(cert, in_dir(junk, "saved")), 0);
	write_file(cert, "broken");
	assert_int_equal(tls_ctx_reload(server, NULL), ERR_INVALID);
	assert_int_equal(tls_ctx_cert(server, 0, &info), ERR_OK);
	assert_memory_equal(info.pin, before.peer_pin, TLS_PIN);
	assert_int_equal(rename(other, cert), 0);
	assert_int_equal(rename(other_key, key), 0);
	assert_int_equal(tls_ctx_reload(server, NULL), ERR_OK);
	pair_up(&new, server, client, "a.test");
	shake(&new, 1 << 20);
	engine_info(new.client, &after);
	assert_memory_not_equal(after.peer_pin, before.peer_pin, TLS_PIN);
	echo(&old, "still there", 1 << 20);
	/* Even the context may go before its connections. */
	tls_ctx_unref(&server);
	echo(&old, "and now", 7);
	pair_down(&old);
	pair_down(&new);
	tls_ctx_unref(&client);
	unlink(cert);
	unlink(key);
}

/* ---- tickets --------------------------------------------------------------------- */

/* A client of plain OpenSSL, so that it can keep its session.  Says whether it
 * was resumed and gives the session for the next time. */
static bool visit(struct tls_ctx *server, int version, SSL_SESSION **session)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
	struct engine *en;
	struct buf wire;
	char text[4096], got[8];
	bool resumed;
	size_t n;
	SSL *ssl;

	SSL_CTX_set_max_proto_version(ctx, version);
	ssl = SSL_new(ctx);
	SSL_set_bio(ssl, in, out);
	SSL_set_connect_state(ssl);
	if (*session)
		SSL_set_session(ssl, *session);
	buf_init(&wire, 1 << 20);
	en = engine_new(server, NULL, &wire);
	for (int i = 0; i < 6; i++) {
		struct span sp;
		int k;

		(void)SSL_do_handshake(ssl);
		(void)SSL_read(ssl, got, sizeof(got));	/* takes the ticket of TLS 1.3 */
		k = BIO_read(out, text, sizeof(text));
		sp = (struct span){ text, k > 0 ? (size_t)k : 0 };
		if (engine_handshake(en, &sp) == ENGINE_DONE)
			(void)engine_read(en, &sp, got, sizeof(got), &n);
		assert_true(BIO_write(in, wire.data, (int)wire.len) == (int)wire.len);
		buf_clear(&wire);
	}
	assert_true(SSL_is_init_finished(ssl) && engine_is_open(en));
	resumed = SSL_session_reused(ssl);
	SSL_SESSION_free(*session);
	*session = SSL_get1_session(ssl);
	SSL_shutdown(ssl);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	engine_free(&en);
	buf_fini(&wire);
	return resumed;
}

static void test_sessions_resume_also_after_a_reload(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
	char cert[80], key[80];
	struct tls_cert c = { cert, key };
	struct tls_server_conf sc = { .certs = &c, .n_certs = 1 };

	(void)state;
	make("r.test", cert, key);
	for (size_t i = 0; i < N_ELEMS(versions); i++) {
		SSL_SESSION *session = NULL;
		struct tls_ctx *server, *other;

		assert_int_equal(tls_server_new(&sc, &server, NULL), ERR_OK);
		assert_int_equal(tls_server_new(&sc, &other, NULL), ERR_OK);
		assert_false(visit(server, versions[i], &session));
		assert_true(visit(server, versions[i], &session));
		assert_int_equal(tls_ctx_reload(server, NULL), ERR_OK);
		assert_true(visit(server, versions[i], &session));
		assert_false(visit(other, versions[i], &session));	/* has other keys */
		SSL_SESSION_free(session);
		tls_ctx_unref(&server);
		tls_ctx_unref(&other);
	}
}

static int try_open(struct tickets *t, int64_t now, const unsigned char name[16])
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *mac = EVP_MAC_CTX_new(hmac);
	unsigned char iv[16] = { 0 };
	int r = tickets_open(t, now, name, iv, cipher, mac);

	EVP_CIPHER_CTX_free(cipher);
	EVP_MAC_CTX_free(mac);
	EVP_MAC_free(hmac);
	return r;
}

static void test_ticket_keys_grow_old(void **state)
{
	struct tickets t;
	unsigned char first[16];

	(void)state;
	tickets_init(&t, 0);
	memcpy(first, t.now.name, 16);
	assert_int_equal(try_open(&t, TICKET_MS - 1, first), 1);
	assert_int_equal(try_open(&t, TICKET_MS, first), 2);
	assert_int_equal(try_open(&t, 2 * TICKET_MS - 1, first), 2);
	assert_int_equal(try_open(&t, 2 * TICKET_MS, first), 0);
	memcpy(first, t.now.name, 16);
	assert_int_equal(try_open(&t, 9 * TICKET_MS, first), 0);	/* long silence */
	tickets_fini(&t);
}

static void test_garbage_and_goodbye(void **state)
{
	static const char *const garbage[] = { "GET / HTTP/1.0\r\n\r\n", "\x16\x03\x01\xff\xff zzz",
					       "a LOGIN x y\r\n" };
	char cert[80], key[80], out[16];
	struct tls_cert c = { cert, key };
	struct tls_server_conf sc = { .certs = &c, .n_certs = 1 };
	struct tls_client_conf cc = { .verify = TLS_VERIFY_NONE };
	struct tls_ctx *server, *client;
	struct span in;
	struct pair p;
	size_t got;

	(void)state;
	make("g.test", cert, key);
	assert_int_equal(tls_server_new(&sc, &server, NULL), ERR_OK);
	assert_int_equal(tls_client_new(&cc, &client, NULL), ERR_OK);
	for (size_t i = 0; i < N_ELEMS(garbage); i++) {
		pair_up(&p, server, client, NULL);
		in = span_of(garbage[i]);
		assert_int_equal(engine_handshake(p.server, &in), ENGINE_FAIL);
		assert_true(engine_detail(p.server)[0] != '\0');
		assert_false(engine_is_open(p.server));
		engine_goodbye(p.server);
		pair_down(&p);
	}
	pair_up(&p, server, client, NULL);
	shake(&p, 1 << 20);
	in = (struct span){ p.to_client.data, p.to_client.len };	/* the ticket */
	assert_int_equal(engine_read(p.client, &in, out, sizeof(out), &got), ENGINE_MORE);
	buf_clear(&p.to_client);
	engine_goodbye(p.server);
	engine_goodbye(p.server);
	in = (struct span){ p.to_client.data, p.to_client.len };
	assert_int_equal(engine_read(p.client, &in, out, sizeof(out), &got), ENGINE_EOF);
	pair_down(&p);
	tls_ctx_unref(&server);
	tls_ctx_unref(&client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_self_signed),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_handshake_at_any_cut),
		cmocka_unit_test(test_who_is_trusted),
		cmocka_unit_test(test_sessions_resume_also_after_a_reload),
		cmocka_unit_test(test_ticket_keys_grow_old),
		cmocka_unit_test(test_garbage_and_goodbye),
		cmocka_unit_test(test_reload_serves_the_new_and_keeps_the_old),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
