#include "roles/unified-messaging/sip/subscribe.h"

#include "common/base/check.h"
#include "roles/unified-messaging/sip/stack_priv.h"

#include <stdlib.h>

#define SUB_MAGIC 0x5b5c61beu

enum { EXPIRES_MIN = 60, EXPIRES = 3600, EXPIRES_MAX = 86400 };

struct sip_sub {
	unsigned magic;
	struct sip_stack *stack;
	struct sipnot *notifier;
	sip_sub_closed_cb *closed;
	void *ctx;
	char host[ADDR_TEXT];		/* ours, of Message-Account */
};

static void on_close(int err, const struct sip_msg *msg, void *arg)
{
	struct sip_sub *s = arg;

	(void)err;
	(void)msg;
	CHECK_OBJ(s, SUB_MAGIC);
	s->notifier = mem_deref(s->notifier);
	if (s->closed)
		s->closed(s->ctx);
}

void sip_sub_own(struct sip_sub *s, sip_sub_closed_cb *closed, void *ctx)
{
	s->closed = closed;
	s->ctx = ctx;
}

void sip_sub_notify(struct sip_sub *s, const char *account, unsigned new_ones, unsigned old_ones)
{
	if (!s->notifier)
		return;
	sipevent_notifyf(s->notifier, NULL, SIPEVENT_ACTIVE, SIPEVENT_NORESOURCE, 0,
			 "Messages-Waiting: %s\r\nMessage-Account: sip:%s@%s\r\n"
			 "Voice-Message: %u/%u (0/0)\r\n", new_ones ? "yes" : "no", account, s->host,
			 new_ones, old_ones);
}

void sip_sub_close(struct sip_sub **sp)
{
	struct sip_sub *s = *sp;

	if (!s)
		return;
	*sp = NULL;
	CHECK_OBJ(s, SUB_MAGIC);
	s->stack->n_subs--;
	s->notifier = mem_deref(s->notifier);
	s->magic = 0;
	free(s);
}

/* The package; others are 489 (RFC 6665 section 7.2.1). */
static bool read_event(const struct sip_msg *msg, struct sipevent_event *out)
{
	const struct sip_hdr *h = sip_msg_hdr(msg, SIP_HDR_EVENT);

	return h && sipevent_event_decode(out, &h->val) == 0 &&
	       pl_strcasecmp(&out->event, "message-summary") == 0;
}

static void refuse(struct sip_stack *st, const struct sip_msg *msg, uint16_t status,
		   const char *reason)
{
	sip_treplyf(NULL, NULL, st->sip, msg, false, status, reason,
		    "Allow-Events: message-summary\r\nContent-Length: 0\r\n\r\n");
}

bool subscribe_request(const struct sip_msg *msg, void *arg)
{
	struct sip_stack *st = arg;
	struct sipevent_event event;
	struct number called;
	struct addr local;
	struct sip_sub *s;

	if (!read_event(msg, &event)) {
		refuse(st, msg, 489, "Bad Event");
		return true;
	}
	if (!st->conf.on_subscribe || st->n_subs >= SIP_SUBS_MAX ||
	    !number_read(span_of_pl(&msg->ruri), &called)) {
		refuse(st, msg, 403, "Forbidden");
		return true;
	}
	s = xcalloc(1, sizeof(*s));
	s->magic = SUB_MAGIC;
	s->stack = st;
	addr_of_sa(&msg->dst, &local);
	addr_host(&local, s->host);
	st->n_subs++;
	if (sipevent_accept(&s->notifier, st->events, msg, NULL, &event, 200, "OK", EXPIRES_MIN,
			    EXPIRES, EXPIRES_MAX, "um", "application/simple-message-summary",
			    NULL, NULL, false, on_close, s, "%s", "")) {
		refuse(st, msg, 500, "Server Internal Error");
		sip_sub_close(&s);
	} else if (!st->conf.on_subscribe(st->conf.ctx, s, &called)) {
		sip_sub_close(&s);	/* a NOTIFY says that it has ended */
	}
	return true;
}
