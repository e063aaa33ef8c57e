#include "roles/unified-messaging/conf.h"

#define C(member) offsetof(struct um_conf, member)

const struct conf_item um_conf_items[] = {
	{ "sip-udp", CONF_LIST, C(udp), "*:5060", 0, 16, 0,
	  "addresses for SIP over UDP; * is every address of the host" },
	{ "sip-tcp", CONF_LIST, C(tcp), "*:5060", 0, 16, 0, "addresses for SIP over TCP" },
	{ "sip-tls", CONF_LIST, C(tls), "*:5061", 0, 16, 0, "addresses for SIP over TLS" },
	{ "hostname", CONF_STR, C(hostname), "", 0, 255, 0,
	  "name in Message-IDs and in the first certificate; empty: the host's" },
	{ "certificate", CONF_PATH, C(cert), "tls/cert.pem", 1, 4096, 0,
	  "PEM chain; a self-signed one is made if the file is not there" },
	{ "key", CONF_PATH, C(key), "tls/key.pem", 1, 4096, 0, "PEM key of the certificate" },
	{ "client-ca", CONF_PATH, C(client_ca), "", 0, 4096, 0,
	  "PEM certificates; if set, who calls over TLS must show one that they signed" },
	{ "rtp-first", CONF_UINT, C(rtp_min), "16384", 1024, 65000, 0,
	  "first UDP port of sound" },
	{ "rtp-last", CONF_UINT, C(rtp_max), "32767", 1030, 65535, 0, "last UDP port of sound" },
	{ "max-calls", CONF_UINT, C(max_calls), "100", 0, 10000, CONF_LIVE,
	  "calls at a time; more are told to try again later" },
	{ "calls-per-second", CONF_UINT, C(per_second), "50", 0, 100000, 0,
	  "new calls of one gateway address; 0: no limit" },
	{ "workers", CONF_UINT, C(workers), "2", 1, 64, 0,
	  "threads that write recordings and make messages" },
};
const size_t um_conf_n_items = N_ELEMS(um_conf_items);

enum err um_conf_check(const void *conf, struct errbuf *eb)
{
	const struct um_conf *c = conf;

	if (!c->udp[0] && !c->tcp[0] && !c->tls[0])
		return err_set(eb, ERR_INVALID, "no address to listen on");
	if (c->rtp_max < c->rtp_min + 4)
		return err_set(eb, ERR_INVALID, "rtp-last must be above rtp-first by 4 at least");
	return ERR_OK;
}
