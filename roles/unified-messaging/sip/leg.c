#include "common/base/check.h"
#include "common/base/log.h"
#include "roles/unified-messaging/sip/stack_priv.h"
#include "roles/unified-messaging/media/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SDP_CAP = 16 * 1024, SESSION_MIN = 90, SESSION_MAX = 7200 };

/* ---- session timers, RFC 4028 ---------------------------------------------------------- */

static void expired(void *arg)
{
	struct sip_leg *l = arg;

	CHECK_OBJ(l, SIP_LEG_MAGIC);
	log_info(NULL, "session-expired call-id=%s", l->call_id);
	if (l->ev)
		l->ev->closed(l->ctx, 408);
}

static bool has_token(const struct sip_msg *msg, enum sip_hdrid id, const char *token)
{
	return sip_msg_hdr_has_value(msg, id, token);
}

void leg_refreshed(struct sip_leg *l, const struct sip_msg *msg)
{
	const struct sip_hdr *h = sip_msg_hdr(msg, SIP_HDR_SESSION_EXPIRES);
	unsigned s = 0;

	if (!h)
		h = sip_msg_xhdr(msg, "x");	/* its compact form */
	if (h)
		for (size_t i = 0; i < h->val.l && i < 6 && h->val.p[i] >= '0' && h->val.p[i] <= '9'; i++)
			s = s * 10 + (unsigned)(h->val.p[i] - '0');
	/* We do not refresh: a peer that does not do timers is watched by RTP alone. */
	if (!has_token(msg, SIP_HDR_SUPPORTED, "timer") && !has_token(msg, SIP_HDR_REQUIRE, "timer"))
		s = 0;
	if (s && s < SESSION_MIN)
		s = SESSION_MIN;
	if (s > SESSION_MAX)
		s = SESSION_MAX;
	l->session_s = s;
	if (s)
		tmr_start(&l->expiry, (uint64_t)s * 1000, expired, l);
	else
		tmr_cancel(&l->expiry);
}

/* ---- what libre tells --------------------------------------------------------------------- */

static struct span body_of(const struct sip_msg *msg)
{
	return (struct span){ (const char *)mbuf_buf(msg->mb), mbuf_get_left(msg->mb) };
}

static int on_offer(struct mbuf **desc, const struct sip_msg *msg, void *arg)
{
	struct sip_leg *l = arg;
	struct buf sdp;
	unsigned status;
	int err = 0;

	CHECK_OBJ(l, SIP_LEG_MAGIC);
	buf_init(&sdp, SDP_CAP);
	status = l->ev->offer(l->ctx, body_of(msg), &sdp);
	leg_refreshed(l, msg);
	*desc = status == 200 ? mbuf_alloc(sdp.len + 1) : NULL;
	if (!*desc)
		err = EPROTO;
	else
		err = mbuf_write_mem(*desc, (const uint8_t *)sdp.data, sdp.len);
	if (*desc)
		mbuf_set_pos(*desc, 0);
	buf_fini(&sdp);
	return err;
}

static int on_answer(const struct sip_msg *msg, void *arg)
{
	struct sip_leg *l = arg;

	CHECK_OBJ(l, SIP_LEG_MAGIC);
	return l->ev->answer(l->ctx, body_of(msg)) ? 0 : EPROTO;
}

static void on_established(const struct sip_msg *msg, void *arg)
{
	struct sip_leg *l = arg;

	(void)msg;
	CHECK_OBJ(l, SIP_LEG_MAGIC);
	l->ev->established(l->ctx);
}

static void on_info(struct sip *sip, const struct sip_msg *msg, void *arg)
{
	struct sip_leg *l = arg;
	struct span body = body_of(msg);
	char key;

	CHECK_OBJ(l, SIP_LEG_MAGIC);
	if (!msg_ctype_cmp(&msg->ctyp, "application", "dtmf-relay") &&
	    !msg_ctype_cmp(&msg->ctyp, "application", "dtmf")) {
		sip_reply(sip, msg, 415, "Unsupported Media Type");
		return;
	}
	key = event_info(body.p, body.n);
	sip_reply(sip, msg, 200, "OK");
	if (key)
		l->ev->key(l->ctx, key);
}

/* Nobody transfers us. */
static void on_refer(struct sip *sip, const struct sip_msg *msg, void *arg)
{
	(void)arg;
	sip_reply(sip, msg, 603, "Decline");
}

static void on_close(int err, const struct sip_msg *msg, void *arg)
{
	struct sip_leg *l = arg;

	CHECK_OBJ(l, SIP_LEG_MAGIC);
	l->sess = mem_deref(l->sess);
	l->ev->closed(l->ctx, err ? 500 : msg && !msg->req ? msg->scode : 0);
}

/* ---- an INVITE ------------------------------------------------------------------------------- */

struct sip_leg *leg_find(struct sip_stack *s, const struct sip_msg *msg)
{
	struct hash_node *n = hash_find(&s->legs, msg->callid.p, msg->callid.l);
	struct sip_leg *l = n ? CONTAINER_OF(n, struct sip_leg, node) : NULL;

	return l && l->sess && sip_dialog_cmp(sipsess_dialog(l->sess), msg) ? l : NULL;
}

static void read_number(const struct sip_msg *msg, enum sip_hdrid id, struct number *out)
{
	const struct sip_hdr *h = sip_msg_hdr(msg, id);

	memset(out, 0, sizeof(*out));
	if (h && !number_read(span_of_pl(&h->val), out))
		memset(out, 0, sizeof(*out));
}

struct lists {
	char text[2048];	/* all fields of one name, with commas */
	size_t n;
};

static bool add_field(const struct sip_hdr *h, const struct sip_msg *msg, void *arg)
{
	struct lists *l = arg;

	(void)msg;
	if (l->n + h->val.l + 1 < sizeof(l->text)) {
		if (l->n)
			l->text[l->n++] = ',';
		memcpy(l->text + l->n, h->val.p, h->val.l);
		l->n += h->val.l;
	}
	return false;
}

static void read_diverted(const struct sip_msg *msg, struct sip_facts *f)
{
	struct lists d = { .n = 0 }, h = { .n = 0 };

	sip_msg_xhdr_apply(msg, true, "Diversion", add_field, &d);
	if (d.n && number_diversion((struct span){ d.text, d.n }, &f->diverted, &f->why))
		return;
	sip_msg_hdr_apply(msg, true, SIP_HDR_HISTORY_INFO, add_field, &h);
	if (h.n && number_history((struct span){ h.text, h.n }, &f->diverted, &f->why))
		return;
	memset(&f->diverted, 0, sizeof(f->diverted));
	f->why = DIVERT_NONE;
}

static void read_facts(const struct sip_msg *msg, struct sip_facts *f)
{
	static const enum sip_transport kinds[] = {
		[SIP_TRANSP_UDP] = SIP_UDP, [SIP_TRANSP_TCP] = SIP_TCP, [SIP_TRANSP_TLS] = SIP_TLS,
	};
	struct number asserted;

	memset(f, 0, sizeof(*f));
	snprintf(f->call_id, sizeof(f->call_id), "%.*s", (int)msg->callid.l, msg->callid.p);
	addr_of_sa(&msg->src, &f->source);
	addr_of_sa(&msg->dst, &f->local);
	f->transport = (size_t)msg->tp < N_ELEMS(kinds) ? kinds[msg->tp] : SIP_TCP;
	read_number(msg, SIP_HDR_FROM, &f->caller);
	read_number(msg, SIP_HDR_TO, &f->to);
	read_number(msg, SIP_HDR_P_ASSERTED_IDENTITY, &asserted);
	if (asserted.user[0])
		f->caller = asserted;
	/* Withheld (RFC 3323): what the gateway knows is not for the called one. */
	if (sip_msg_hdr_has_value(msg, SIP_HDR_PRIVACY, "id") ||
	    strcasecmp(f->caller.user, "anonymous") == 0)
		memset(&f->caller, 0, sizeof(f->caller));
	if (!number_read(span_of_pl(&msg->ruri), &f->called))
		memset(&f->called, 0, sizeof(f->called));
	read_diverted(msg, f);
	f->sdp = body_of(msg);
	f->redirected = sip_msg_xhdr(msg, "X-Bourse-Redirected") != NULL ||
			(msg->uri.params.p && msg->uri.params.l >= 8 &&
			 memmem(msg->uri.params.p, msg->uri.params.l, ";x-um=1", 7) != NULL);
}

void leg_invite(const struct sip_msg *msg, void *arg)
{
	struct sip_stack *s = arg;
	struct sip_facts f;
	struct sip_leg *l;

	s->stats.invites++;
	read_facts(msg, &f);
	if (f.sdp.n && !msg_ctype_cmp(&msg->ctyp, "application", "sdp")) {
		sip_treply(NULL, s->sip, msg, 415, "Unsupported Media Type");
		return;
	}
	if (msg->callid.l >= SIP_CALL_ID || hash_find(&s->legs, f.call_id, strlen(f.call_id))) {
		sip_treply(NULL, s->sip, msg, 482, "Loop Detected");
		return;
	}
	l = xcalloc(1, sizeof(*l));
	l->magic = SIP_LEG_MAGIC;
	l->stack = s;
	l->invite = msg;
	tmr_init(&l->expiry);
	memcpy(l->call_id, f.call_id, sizeof(l->call_id));
	memcpy(l->peer_host, f.caller.host, sizeof(l->peer_host));
	hash_add(&s->legs, &l->node, l->call_id, strlen(l->call_id));
	l->listed = true;
	s->conf.on_invite(s->conf.ctx, l, &f);
}

enum err sip_leg_answer(struct sip_leg *l, const char *sdp, size_t n,
			const struct sip_leg_events *ev, void *ctx, struct errbuf *eb)
{
	struct mbuf *desc = mbuf_alloc(n + 1);
	char timer[96] = "";
	int err = desc ? mbuf_write_mem(desc, (const uint8_t *)sdp, n) : ENOMEM;

	CHECK(l->invite);
	l->ev = ev;
	l->ctx = ctx;
	leg_refreshed(l, l->invite);
	if (l->session_s)
		snprintf(timer, sizeof(timer),
			 "Session-Expires: %u;refresher=uac\r\nRequire: timer\r\n", l->session_s);
	if (desc)
		mbuf_set_pos(desc, 0);
	if (!err)
		err = sipsess_accept(&l->sess, l->stack->sessions, l->invite, 200, "OK", "um",
				     "application/sdp", desc, NULL, NULL, false, on_offer,
				     on_answer, on_established, on_info, on_refer, on_close, l,
				     "%sSupported: timer\r\nAllow: INVITE, ACK, BYE, CANCEL, OPTIONS, "
				     "UPDATE, INFO, NOTIFY, REFER\r\n", timer);
	l->invite = NULL;
	mem_deref(desc);
	return err ? err_errno(eb, err, "answering") : ERR_OK;
}

/* A REFER outlives its leg if nobody answers it. */
struct leg_refer {
	struct sip_leg *leg;		/* NULL: closed */
};

static void leg_free(struct sip_leg *l)
{
	tmr_cancel(&l->expiry);
	if (l->refer)
		l->refer->leg = NULL;	/* libre may still answer it */
	if (l->listed)
		hash_del(&l->stack->legs, &l->node);
	l->sess = mem_deref(l->sess);
	l->magic = 0;
	free(l);
}

void sip_leg_reject(struct sip_leg **lp, unsigned status, const char *reason, const char *contact)
{
	struct sip_leg *l = *lp;

	*lp = NULL;
	CHECK(l->invite);
	if (contact)
		sip_treplyf(NULL, NULL, l->stack->sip, l->invite, false, (uint16_t)status, reason,
			    "Contact: <%s>\r\nContent-Length: 0\r\n\r\n", contact);
	else
		sip_treply(NULL, l->stack->sip, l->invite, (uint16_t)status, reason);
	l->invite = NULL;
	leg_free(l);
}

void sip_leg_close(struct sip_leg **lp)
{
	struct sip_leg *l = *lp;

	if (!l)
		return;
	*lp = NULL;
	CHECK_OBJ(l, SIP_LEG_MAGIC);
	leg_free(l);
}

/* ---- transfer ----------------------------------------------------------------------------------- */

static void on_referred(int err, const struct sip_msg *msg, void *arg)
{
	struct leg_refer *r = arg;
	struct sip_leg *l = r->leg;

	if (!err && msg && msg->scode < 200)
		return;
	free(r);
	if (!l)
		return;
	CHECK_OBJ(l, SIP_LEG_MAGIC);
	l->refer = NULL;
	/* 202: NOTIFYs tell the rest. */
	if (err || !msg || msg->scode >= 300)
		l->ev->transferred(l->ctx, err || !msg ? 0 : msg->scode);
}

enum err sip_leg_transfer(struct sip_leg *l, const char *user, struct errbuf *eb)
{
	char clean[NUMBER_MAX];
	size_t n = 0;
	int err;

	for (const char *p = user; *p && n < sizeof(clean) - 1; p++)
		if ((*p >= '0' && *p <= '9') || *p == '+' || *p == '*' || *p == '#')
			clean[n++] = *p;
	clean[n] = '\0';
	if (!l->sess || l->refer || n == 0 || l->peer_host[0] == '\0')
		return err_set(eb, ERR_INVALID, "no call that can be transferred, or no number");
	l->refer = xcalloc(1, sizeof(*l->refer));
	l->refer->leg = l;
	err = sip_drequestf(NULL, l->stack->sip, true, "REFER", sipsess_dialog(l->sess), 0,
			    NULL, NULL, on_referred, l->refer,
			    "Refer-To: <sip:%s@%s>\r\nReferred-By: <sip:um@%s>\r\n"
			    "Contact: <sip:um@%s>\r\nContent-Length: 0\r\n\r\n",
			    clean, l->peer_host, l->peer_host, l->peer_host);
	if (err) {
		free(l->refer);
		l->refer = NULL;
		return err_errno(eb, err, "REFER");
	}
	return ERR_OK;
}
