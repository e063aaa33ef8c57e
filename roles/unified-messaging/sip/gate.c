#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "roles/unified-messaging/sip/stack_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALLOW "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO, NOTIFY, REFER, SUBSCRIBE\r\n"
#define MAX_SOURCES 1024	/* addresses whose calls are counted */

/* ---- floods ------------------------------------------------------------------------- */

struct sip_source {
	struct hash_node node;
	struct addr addr;
	int64_t second;
	unsigned n;
};

static void forget_old(struct sip_stack *s, int64_t second)
{
	struct hash_node *n = hash_next(&s->sources, NULL);

	while (n) {
		struct sip_source *src = CONTAINER_OF(n, struct sip_source, node);

		n = hash_next(&s->sources, n);
		if (src->second == second)
			continue;
		hash_del(&s->sources, &src->node);
		free(src);
	}
}

bool gate_flood_ok(struct sip_stack *s, const struct addr *source)
{
	int64_t second = clock_mono_ms() / 1000;
	struct addr a = addr_source(source);
	struct hash_node *n = hash_find(&s->sources, &a, sizeof(a));
	struct sip_source *src;

	if (s->conf.per_second == 0)
		return true;
	if (!n) {
		if (s->sources.n >= MAX_SOURCES)
			forget_old(s, second);
		if (s->sources.n >= MAX_SOURCES)
			return false;
		src = xcalloc(1, sizeof(*src));
		src->addr = a;
		hash_add(&s->sources, &src->node, &src->addr, sizeof(src->addr));
	} else {
		src = CONTAINER_OF(n, struct sip_source, node);
	}
	if (src->second != second) {
		src->second = second;
		src->n = 0;
	}
	return ++src->n <= s->conf.per_second;
}

void gate_fini(struct sip_stack *s)
{
	struct hash_node *n = hash_next(&s->sources, NULL);

	while (n) {
		struct sip_source *src = CONTAINER_OF(n, struct sip_source, node);

		n = hash_next(&s->sources, n);
		free(src);
	}
}

/* ---- what we do not do ---------------------------------------------------------------- */

static bool is_supported(const char *p, size_t n)
{
	return n == 5 && strncasecmp(p, "timer", 5) == 0;
}

/* The options of all Require fields that we do not know, as a list; "" if none. */
static bool collect(const struct sip_hdr *h, const struct sip_msg *msg, void *arg)
{
	char *out = arg;
	size_t at = 0;

	(void)msg;
	while (at < h->val.l) {
		size_t n = 0, used = strlen(out);

		while (at < h->val.l && strchr(" ,\t", h->val.p[at]))
			at++;
		while (at + n < h->val.l && !strchr(" ,\t", h->val.p[at + n]))
			n++;
		if (n && n < 40 && used + n + 3 < 200 && !is_supported(h->val.p + at, n))
			snprintf(out + used, 200 - used, "%s%.*s", used ? ", " : "", (int)n,
				 h->val.p + at);
		at += n;
	}
	return false;
}

static bool refuse_extension(struct sip_stack *s, const struct sip_msg *msg)
{
	char unknown[200] = "";

	sip_msg_hdr_apply(msg, true, SIP_HDR_REQUIRE, collect, unknown);
	if (!unknown[0])
		return false;
	s->stats.extensions++;
	sip_replyf(s->sip, msg, 420, "Bad Extension", "Unsupported: %s\r\nContent-Length: 0\r\n\r\n",
		   unknown);
	return true;
}

/* ---- requests ---------------------------------------------------------------------------- */

static void answer_options(struct sip_stack *s, const struct sip_msg *msg)
{
	s->stats.options++;
	sip_replyf(s->sip, msg, 200, "OK",
		   ALLOW "Accept: application/sdp\r\nSupported: timer\r\nContent-Length: 0\r\n\r\n");
}

/* UPDATE in a dialog: a session refresh, or an offer (RFC 3311). */
static void answer_update(struct sip_stack *s, const struct sip_msg *msg)
{
	struct sip_leg *l = leg_find(s, msg);
	struct sip_contact contact;
	struct buf sdp;
	unsigned status = 200;
	char timer[96] = "";

	if (!l) {
		sip_reply(s->sip, msg, 481, "Call Does Not Exist");
		return;
	}
	buf_init(&sdp, 16 * 1024);
	if (mbuf_get_left(msg->mb))
		status = l->ev->offer(l->ctx, (struct span){ (const char *)mbuf_buf(msg->mb),
							     mbuf_get_left(msg->mb) }, &sdp);
	leg_refreshed(l, msg);
	if (l->session_s)
		snprintf(timer, sizeof(timer),
			 "Session-Expires: %u;refresher=uac\r\nRequire: timer\r\n", l->session_s);
	sip_contact_set(&contact, "um", &msg->dst, msg->tp);
	if (status == 200)
		sip_replyf(s->sip, msg, 200, "OK", "%H%s%sContent-Length: %zu\r\n\r\n%b",
			   sip_contact_print, &contact, timer,
			   sdp.len ? "Content-Type: application/sdp\r\n" : "", sdp.len, sdp.data,
			   sdp.len);
	else
		sip_reply(s->sip, msg, (uint16_t)status, "Not Acceptable Here");
	buf_fini(&sdp);
}

/* How a transfer goes: "SIP/2.0 200 OK" as message/sipfrag (RFC 3515). */
static void answer_notify(struct sip_stack *s, const struct sip_msg *msg)
{
	struct sip_leg *l = leg_find(s, msg);
	unsigned status = 0;
	size_t n = mbuf_get_left(msg->mb);
	const char *body = (const char *)mbuf_buf(msg->mb);

	if (!l) {
		sip_reply(s->sip, msg, 481, "Subscription Does Not Exist");
		return;
	}
	if (n > 11 && strncmp(body, "SIP/2.0 ", 8) == 0)
		for (size_t i = 8; i < 11; i++)
			status = status * 10 + (unsigned)(body[i] - '0');
	sip_reply(s->sip, msg, 200, "OK");
	if (status >= 200 && status < 700 && l->ev && l->ev->transferred)
		l->ev->transferred(l->ctx, status);	/* l may be gone */
}

static bool is_method(const struct sip_msg *msg, const char *name)
{
	return pl_strcmp(&msg->met, name) == 0;
}

bool gate_request(const struct sip_msg *msg, void *arg)
{
	struct sip_stack *s = arg;
	bool in_dialog = pl_isset(&msg->to.tag);
	struct addr source;

	if (is_method(msg, "ACK"))
		return false;
	addr_of_sa(&msg->src, &source);
	if (!in_dialog && !is_method(msg, "CANCEL") && !s->conf.known(s->conf.ctx, &source)) {
		s->stats.unknown++;
		sip_reply(s->sip, msg, 403, "Forbidden");
		return true;
	}
	if (!is_method(msg, "CANCEL") && refuse_extension(s, msg))
		return true;
	if (is_method(msg, "OPTIONS")) {
		answer_options(s, msg);
		return true;
	}
	if (is_method(msg, "UPDATE")) {
		answer_update(s, msg);
		return true;
	}
	if (is_method(msg, "NOTIFY") && in_dialog) {
		answer_notify(s, msg);
		return true;
	}
	if (is_method(msg, "INVITE") && !in_dialog && !gate_flood_ok(s, &source)) {
		s->stats.flooded++;
		sip_replyf(s->sip, msg, 503, "Too Many Calls",
			   "Retry-After: 2\r\nContent-Length: 0\r\n\r\n");
		return true;
	}
	return false;
}
