#include "roles/client-access/conf.h"

#define C(member) offsetof(struct cas_conf, member)

const struct conf_item cas_conf_items[] = {
	{ "imap", CONF_LIST, C(imap), "*:143", 0, 16, 0,
	  "addresses for IMAP; logins need STARTTLS" },
	{ "imaps", CONF_LIST, C(imaps), "*:993", 0, 16, 0, "addresses for IMAP over TLS" },
	{ "pop3", CONF_LIST, C(pop3), "*:110", 0, 16, 0,
	  "addresses for POP3; logins need STLS" },
	{ "pop3s", CONF_LIST, C(pop3s), "*:995", 0, 16, 0, "addresses for POP3 over TLS" },
	{ "hostname", CONF_STR, C(hostname), "", 0, 255, 0,
	  "name in greetings and in the first certificate; empty: the host's" },
	{ "certificate", CONF_PATH, C(cert), "tls/cert.pem", 1, 4096, 0,
	  "PEM chain; a self-signed one is made if the file is not there" },
	{ "key", CONF_PATH, C(key), "tls/key.pem", 1, 4096, 0, "PEM key of the certificate" },
	{ "client-certificates", CONF_BOOL, C(client_certs), "no", 0, 0, 0,
	  "ask clients for a certificate, which SASL EXTERNAL takes as a login; some mail "
	  "programs then bother their users" },
	{ "client-ca", CONF_PATH, C(client_ca), "", 0, 4096, 0,
	  "PEM file of the authorities whose client certificates name users by address; "
	  "empty: only fingerprints in the directory do" },
	{ "plaintext-login", CONF_BOOL, C(plaintext_login), "no", 0, 0, 0,
	  "take passwords without TLS from loopback addresses; for tests" },
	{ "max-message", CONF_SIZE, C(max_message), "150M", 1024, UINT64_C(4) << 30, CONF_LIVE,
	  "largest message a client may store" },
	{ "connections", CONF_UINT, C(max_connections), "20000", 1, 1000000, CONF_LIVE,
	  "connections in all" },
	{ "per-source", CONF_UINT, C(per_source), "20", 0, 1000000, CONF_LIVE,
	  "connections of one client address; 0: no limit" },
	{ "per-user", CONF_UINT, C(per_user), "10", 0, 100000, CONF_LIVE,
	  "connections of one user by IMAP, and as many by POP3; 0: no limit" },
	{ "auth-threads", CONF_UINT, C(auth_threads), "2", 1, 64, 0,
	  "threads that verify passwords; each uses 19 MiB while it does" },
	{ "auth-queue", CONF_UINT, C(auth_queue), "500", 1, 100000, 0,
	  "logins that may wait for a thread" },
	{ "idle", CONF_DURATION, C(idle_ms), "30m", 60000, 86400000, CONF_LIVE,
	  "logged-in connections are closed after so long without traffic; RFC 3501 asks "
	  "for 30m" },
	{ "pop3-login-delay", CONF_DURATION, C(pop3_delay_ms), "0s", 0, 86400000, CONF_LIVE,
	  "a user may log in by POP3 so long after the last time; 0s: at once" },
	{ "login-time", CONF_DURATION, C(login_ms), "1m", 1000, 3600000, CONF_LIVE,
	  "the same before login" },
};
const size_t cas_conf_n_items = N_ELEMS(cas_conf_items);

enum err cas_conf_check(const void *conf, struct errbuf *eb)
{
	const struct cas_conf *c = conf;

	if (!c->imap[0] && !c->imaps[0] && !c->pop3[0] && !c->pop3s[0])
		return err_set(eb, ERR_INVALID, "no address to listen on");
	return ERR_OK;
}
