#include "common/base/check.h"
#include "common/base/log.h"
#include "common/tls/foreign.h"
#include "roles/unified-messaging/sip/glue.h"
#include "roles/unified-messaging/sip/stack_priv.h"

#include <stdlib.h>
#include <string.h>

enum { HASH = 1024, LEG_HASH = 256, NAMESERVERS = 4 };

const char *sip_transport_name(enum sip_transport t)
{
	static const char *const names[] = { "udp", "tcp", "tls" };

	return names[t];
}

struct span span_of_pl(const struct pl *p)
{
	return (struct span){ p->p, p->p ? p->l : 0 };
}

void addr_of_sa(const struct sa *sa, struct addr *out)
{
	addr_from_sockaddr(&sa->u.sa, out);
}

/* ---- listening -------------------------------------------------------------------- */

static enum err listen_one(struct sip_stack *s, enum sip_transport t, const struct addr *a,
			   struct errbuf *eb)
{
	static const enum sip_transp kinds[] = {
		[SIP_UDP] = SIP_TRANSP_UDP, [SIP_TCP] = SIP_TRANSP_TCP, [SIP_TLS] = SIP_TRANSP_TLS,
	};
	struct sockaddr_storage ss;
	char text[ADDR_TEXT];
	struct sa sa;
	int err;

	addr_to_sockaddr(a, &ss);
	err = sa_set_sa(&sa, (const struct sockaddr *)(const void *)&ss);
	if (!err)
		err = sip_transp_add(s->sip, kinds[t], &sa, s->tls);
	if (err)
		return err_errno(eb, err, addr_text(a, text));
	log_info(NULL, "listening protocol=sip transport=%s address=%s", sip_transport_name(t),
		 addr_text(a, text));
	return ERR_OK;
}

/* A Contact and an SDP must name an address that can be reached, so "*" is every
 * address the host has. */
static enum err listen_all(struct sip_stack *s, enum sip_transport t, uint16_t port,
			   struct errbuf *eb)
{
	uv_interface_address_t *list;
	enum err e = ERR_OK;
	int n;

	if (uv_interface_addresses(&list, &n))
		return err_set(eb, ERR_INTERNAL, "no list of network interfaces");
	for (int i = 0; i < n && !e; i++) {
		struct addr a;

		addr_from_sockaddr((const struct sockaddr *)(const void *)&list[i].address, &a);
		/* Link-local IPv6 needs a zone, which SDP cannot say. */
		if (a.family == 0 || (a.family == 6 && a.ip[0] == 0xfe && (a.ip[1] & 0xc0) == 0x80))
			continue;
		a.port = port;
		e = listen_one(s, t, &a, eb);
	}
	uv_free_interface_addresses(list, n);
	return e;
}

static bool is_any(const struct addr *a)
{
	static const uint8_t zero[16];

	return memcmp(a->ip, zero, sizeof(zero)) == 0;
}

static enum err listen_list(struct sip_stack *s, enum sip_transport t, char *const *list,
			    struct errbuf *eb)
{
	enum err e = ERR_OK;

	for (; list && *list && !e; list++) {
		struct addr a;

		e = addr_parse(*list, t == SIP_TLS ? SIP_PORT_TLS : SIP_PORT, &a);
		if (e)
			return err_set(eb, e, "%s is not an address", *list);
		e = is_any(&a) ? listen_all(s, t, a.port, eb) : listen_one(s, t, &a, eb);
	}
	return e;
}

static enum err open_tls(struct sip_stack *s, struct errbuf *eb)
{
	const struct sip_stack_conf *c = &s->conf;

	if (!c->tls || !c->tls[0])
		return ERR_OK;
	if (tls_alloc(&s->tls, TLS_METHOD_SSLV23, NULL, NULL))
		return err_set(eb, ERR_INTERNAL, "libre makes no TLS context");
	return tls_foreign_server(tls_openssl_context(s->tls), c->cert, c->key,
				  c->client_ca, eb);
}

/* Peers are mostly addresses; a Contact may be a name. */
static void open_dns(struct sip_stack *s)
{
	struct sa servers[NAMESERVERS];
	uint32_t n = NAMESERVERS;

	if (dns_srv_get(NULL, 0, servers, &n) || dnsc_alloc(&s->dns, NULL, servers, n))
		log_warn(NULL, "no nameserver: gateways are reached by address only");
}

enum err sip_stack_open(const struct sip_stack_conf *conf, struct sip_stack **out,
			struct errbuf *eb)
{
	struct sip_stack *s = xcalloc(1, sizeof(*s));
	enum err e;

	s->conf = *conf;
	hash_init(&s->legs);
	hash_init(&s->sources);
	*out = s;
	e = glue_open(conf->loop, eb);
	if (e)
		return e;
	open_dns(s);
	e = open_tls(s, eb);
	if (e)
		return e;
	if (sip_alloc(&s->sip, s->dns, HASH, HASH, HASH, "Bourse/" VERSION, NULL, NULL) ||
	    sip_listen(&s->gate, s->sip, true, gate_request, s) ||
	    sipsess_listen(&s->sessions, s->sip, LEG_HASH, leg_invite, s) ||
	    sipevent_listen(&s->events, s->sip, LEG_HASH, LEG_HASH, subscribe_request, s))
		return err_set(eb, ERR_INTERNAL, "libre opens no SIP stack");
	e = listen_list(s, SIP_UDP, conf->udp, eb);
	if (!e)
		e = listen_list(s, SIP_TCP, conf->tcp, eb);
	if (!e)
		e = listen_list(s, SIP_TLS, conf->tls, eb);
	if (!e && glue_watched() == 0)
		e = err_set(eb, ERR_INTERNAL, "this libre does not let its loop be replaced");
	return e;
}

void sip_stack_close(struct sip_stack **sp)
{
	struct sip_stack *s = *sp;

	if (!s)
		return;
	*sp = NULL;
	if (s->sessions)
		sipsess_close_all(s->sessions);
	s->sessions = mem_deref(s->sessions);
	s->events = mem_deref(s->events);
	s->gate = mem_deref(s->gate);
	if (s->sip)
		sip_close(s->sip, true);
	s->sip = mem_deref(s->sip);
	s->tls = mem_deref(s->tls);
	s->dns = mem_deref(s->dns);
	gate_fini(s);
	hash_fini(&s->legs);
	hash_fini(&s->sources);
	glue_close();
	free(s);
}

size_t sip_stack_busy(const struct sip_stack *s)
{
	return s->legs.n;
}

size_t sip_stack_watched(const struct sip_stack *s)
{
	return s->n_subs;
}

void sip_stack_get_stats(const struct sip_stack *s, struct sip_stack_stats *out)
{
	*out = s->stats;
}
