#ifndef AUTH_SASL_PRIV_H
#define AUTH_SASL_PRIV_H
/* sasl_priv - what the mechanisms share (private to common/auth) */
#include "common/auth/sasl.h"
#include "common/auth/scram.h"
#include <uv.h>

#define SASL_FIELD_MAX 1024		/* an identity */

struct sasl {
	unsigned magic;
	struct login *login;
	struct sasl_conf conf;
	struct conn_proof proof;
	const struct sasl_mech *mech;
	sasl_cb *cb;
	void *ctx;
	uv_idle_t turn;
	unsigned step;			/* messages read so far */
	struct login_call *call;
	char *user;			/* LOGIN: between its two messages; SCRAM: whose keys */

	struct scram *scram;
	bool known;			/* SCRAM: the keys are somebody's */
	bool refused;			/* OAuth: the client was told why, and answers */

	/* What the next turn tells. */
	enum err e;
	char *challenge;		/* base64; NULL: the end */
	bool has_result;
	struct login_result result;
};

struct sasl_mech {
	const char *name;
	/* Read one message and decide what is told; false: an answer will come
	 * from login_verify(). */
	bool (*read)(struct sasl *s, char *msg, size_t n);
	bool client_first;		/* an initial response is expected */
	bool clear;			/* shows a secret: needs TLS */
	bool plus;			/* needs something to be bound to */
	bool token;			/* needs an issuer; and TLS, whatever is allowed */
	bool cert;			/* needs the client's certificate */
	enum scram_hash hash;
};

/* Both return true: there is something to tell.  over: the exchange ends with e. */
bool sasl_over(struct sasl *s, enum err e);
bool sasl_challenge(struct sasl *s, const char *bytes, size_t n);

struct login_try sasl_try(const struct sasl *s, const char *user);
void sasl_verified(void *ctx, enum err e, const struct login_result *r);	/* a login_cb */

bool sasl_read_plain(struct sasl *s, char *msg, size_t n);
bool sasl_read_login(struct sasl *s, char *msg, size_t n);
bool sasl_read_scram(struct sasl *s, char *msg, size_t n);
bool sasl_read_bearer(struct sasl *s, char *msg, size_t n);
bool sasl_read_xoauth2(struct sasl *s, char *msg, size_t n);
bool sasl_read_external(struct sasl *s, char *msg, size_t n);
#endif
