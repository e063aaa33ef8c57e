#ifndef UM_UM_H
#define UM_UM_H
/*
 * um - what the files of bourse-um share
 *
 *	sip/	signalling: libre, gateways, legs of calls
 *	media/	sound: RTP, codecs, keys, clips, recordings
 *	prompt/	what we say
 *	call.h	a call: a leg, a stream, and the application that talks to the caller
 *	answer/	the application that takes a message for somebody who is away
 *	attendant/ the application that finds out whom a caller wants
 *	message/ from a recording to mail that a hub holds
 */
#include "common/base/list.h"
#include "common/svc/metric.h"
#include "roles/unified-messaging/conf.h"
#include "roles/unified-messaging/gateway.h"
#include "roles/unified-messaging/media/clip.h"
#include "roles/unified-messaging/message/post.h"
#include "roles/unified-messaging/mwi/mwi.h"
#include "roles/unified-messaging/prompt/voice.h"
#include "roles/unified-messaging/sip/stack.h"
#include <uv.h>

struct member;
struct svc;
struct ticker;
struct work_pool;

enum um_metric {
	UM_CALLS, UM_CALLS_NOW, UM_REFUSED, UM_MESSAGES, UM_MISSED, UM_SENT, UM_WAITING, UM_LOST,
	UM_LATE, UM_UNKNOWN, UM_METRICS
};

struct um {
	struct member *member;		/* first: see member.h */
	struct um_conf conf;
	uv_loop_t *loop;
	struct sip_stack *sip;
	struct ticker *ticker;
	struct voice *voice;
	struct post *post;
	struct work_pool *pool;
	struct gateways gateways;
	struct mwi mwi;
	struct clip *beep;
	struct list calls;		/* struct call */
	size_t n_calls;
	uv_timer_t second;
	struct metric_set *metrics;
	struct svc *svc;
	bool draining;
};

void um_count(struct um *um, enum um_metric m, int64_t n);
#endif
