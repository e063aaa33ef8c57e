/*
 * An authentication exchange with a hostile client.  The first byte chooses the
 * mechanism, whether there is an initial response, a proof, and whether
 * the lines are what stands inside the base64; the rest is lines.
 *
 * Each step is answered exactly once, and nobody gets in: the account's password
 * is not in the corpus.
 */
#include "common/auth/sasl.h"
#include "common/base/check.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const char *const mechs[] = { "PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS",
	"OAUTHBEARER", "XOAUTH2", "EXTERNAL", "SCRAM-SHA-1" };

struct client {
	int answers;
	bool more;
	struct credential cred;
};

static enum err lookup(void *ctx, const char *user, struct credential *out)
{
	struct client *c = ctx;

	if (strcmp(user, "ann") != 0)
		return ERR_NOTFOUND;
	*out = c->cred;
	return ERR_OK;
}

static void on_step(void *ctx, enum err e, const char *challenge, const struct login_result *r)
{
	struct client *c = ctx;

	c->answers++;
	c->more = e == ERR_OK && challenge;
	if (r)
		abort();
}

/* One line as it goes to the server. */
static char *line_of(const unsigned char *p, size_t n, bool encode, size_t *len)
{
	size_t cap = sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_ORIGINAL);
	char *out = xcalloc(1, cap + n + 1);

	if (encode)
		sodium_bin2base64(out, cap, p, n, sodium_base64_VARIANT_ORIGINAL);
	else
		memcpy(out, p, n);
	*len = encode ? strlen(out) : n;
	return out;
}

static void converse(struct login *l, uv_loop_t *loop, struct client *c, const unsigned char *p,
		     size_t n)
{
	static const struct conn_proof proof = { .has_exporter = true, .has_cert = true,
						 .trusted = true, .n_names = 1,
						 .names = { "eve" } };
	struct sasl_conf conf = { .protocol = LOGIN_IMAP, .tls = true, .now_ms = 1,
				  .wall_ms = INT64_C(1500000000),
				  .proof = p[0] & 8 ? &proof : NULL };
	bool encode = p[0] & 16, initial = p[0] & 4;
	const char *mech = mechs[(p[0] & 3) | (p[0] & 32) >> 3];
	struct sasl *s = NULL;

	p++;
	n--;
	do {
		bool speaks = s || initial;
		const unsigned char *end = speaks && n ? memchr(p, '\n', n) : NULL;
		size_t took = !speaks ? 0 : end ? (size_t)(end - p) : n, len;
		char *line = line_of(p, took, encode, &len);

		c->answers = 0;
		if (s == NULL)
			s = sasl_start(l, loop, &conf, mech, initial ? line : NULL, on_step, c);
		else
			sasl_line(s, line, len);
		free(line);
		p += took + (end != NULL);
		n -= took + (end != NULL);
		if (c->answers)
			abort();		/* from inside */
		while (c->answers == 0)
			uv_run(loop, UV_RUN_ONCE);
		if (c->answers != 1)
			abort();
	} while (c->more && n > 0);
	if (c->more)
		sasl_cancel(&s);
}

/* An issuer whose private key nobody has kept. */
static void believe(struct login *l)
{
	static const char *const audience[] = { "imap", NULL }, *const keys[] = {
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
		"\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}", NULL };
	const struct oauth_issuer i = { "https://id.example.test", NULL, NULL, audience, keys };
	struct oauth *o = oauth_new();

	if (oauth_add(o, &i, NULL))
		abort();
	login_set_oauth(l, o);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static struct client c;		/* made once: its keys take a while */
	struct login_conf conf = { .params = { 8192, 1, 4096 }, .max_cached = 4 };
	struct work_conf wc = { NULL, 1, 4 };
	struct login *l;
	uv_loop_t loop;

	if (size < 1 || size > 4096)
		return 0;
	if (!c.cred.enabled) {
		c.cred = (struct credential){ .enabled = true, .protocols = LOGIN_IMAP, .usn = 1,
					      .user = "ann" };
		if (password_make("zufhgowitlqpuzer", &conf.params, &conf.pepper, &c.cred.argon,
				  &c.cred.scram, NULL))
			abort();
	}
	if (uv_loop_init(&loop))
		abort();
	wc.loop = &loop;
	conf.pool = work_pool_open(&wc);
	conf.source = (struct credential_source){ lookup, NULL, &c };
	l = login_new(&conf);
	login_set_sha1(l, true);
	believe(l);
	converse(l, &loop, &c, data, size);
	login_free(&l);
	work_pool_close(&conf.pool);
	uv_run(&loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&loop))
		abort();
	return 0;
}
