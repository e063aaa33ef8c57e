#include "common/relay/open.h"

#include "common/base/check.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CERT_DAYS 3650
#define DAY_MS	  86400000

void relay_name_host(char **name)
{
	char host[256] = "";

	if ((*name)[0])
		return;
	free(*name);
	if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
		snprintf(host, sizeof(host), "localhost.localdomain");
	*name = xstrdup(host);
}

static enum err make_folder(const char *data_dir, const char *name, struct errbuf *eb)
{
	char *dir = xasprintf("%s/%s", data_dir, name);
	enum err e = mkdir(dir, 0700) != 0 && errno != EEXIST ? err_errno(eb, errno, dir) : ERR_OK;

	free(dir);
	return e;
}

enum err relay_open_tls(const struct relay_tls *c, struct tls_ctx **server,
			struct tls_ctx **client, struct errbuf *eb)
{
	const struct tls_cert cert = { c->certificate, c->key };
	const struct tls_server_conf sc = {
		.certs = &cert, .n_certs = 1,
		.client = c->client_certs ? TLS_CLIENT_ASK : TLS_CLIENT_NONE,
		.client_ca = c->client_ca && *c->client_ca ? c->client_ca : NULL,
	};
	const struct tls_client_conf cc = { .verify = TLS_VERIFY_NONE };
	const char *names[1] = { c->hostname };
	enum err e = make_folder(c->data_dir, "tls", eb);

	if (!e)
		e = tls_self_signed(cert.cert, cert.key, names, 1, CERT_DAYS, eb);
	if (!e)
		e = tls_server_new(&sc, server, eb);
	return e ? e : tls_client_new(&cc, client, eb);
}

enum err relay_open_smart_tls(const struct relay_tls *c, struct tls_ctx **client,
			      struct errbuf *eb)
{
	const struct tls_client_conf cc = { .verify = TLS_VERIFY_NONE,
					    .cert = { c->certificate, c->key } };

	return tls_client_new(&cc, client, eb);
}

enum err relay_open_storage(struct relay *r, const struct relay_storage *c, struct errbuf *eb)
{
	char *spool = xasprintf("%s/spool", c->data_dir);
	char *db = xasprintf("%s/queue.db", c->data_dir);
	char *track = xasprintf("%s/track", c->data_dir);
	char *working = xasprintf("%s/working", c->data_dir);
	const struct spool_conf sc = { .dir = spool };
	const struct track_conf tc = { .dir = track, .max_bytes = c->track_bytes,
				       .max_days = (unsigned)(c->track_ms / DAY_MS),
				       .pool = c->pool };
	struct queue_conf qc = { .loop = c->loop, .path = db, .cache_bytes = c->cache_bytes,
				 .on_due = c->on_due, .ctx = c->ctx };
	enum err e = spool_open(&sc, &r->spool, eb);

	r->poison = poison_open(working, c->poison);
	qc.spool = r->spool;
	qc.poison = r->poison;
	if (!e)
		e = track_open(&tc, &r->track, eb);
	if (!e)
		e = queue_open(&qc, &r->queue, eb);
	free(spool);
	free(db);
	free(track);
	free(working);
	return e;
}
