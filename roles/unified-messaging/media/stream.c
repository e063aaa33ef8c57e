#include "roles/unified-messaging/media/stream.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "roles/unified-messaging/media/codec.h"
#include "roles/unified-messaging/media/event.h"
#include "roles/unified-messaging/media/jitter.h"
#include "roles/unified-messaging/media/sdp.h"
#include "roles/unified-messaging/media/srtp.h"
#include "roles/unified-messaging/media/ticker.h"

#include <re.h>
#include <sodium.h>
#include <spandsp.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_MAGIC 0x57e3a300u

enum {
	SRTP_LAYER = 10,
	EVENT_PT = 101,			/* what we offer */
	KEEPALIVE_TICKS = 50,		/* silence once a second keeps a NAT open, RFC 6263 */
	FIRST_TICKS = 25,		/* and half a second at the beginning */
	UNREADABLE = 50,		/* packets before keys are called wrong */
	MAX_GAP_S = 10,			/* silence that was not sent */
	PACKET_ROOM = 32,		/* behind a payload, for SRTP's tag */
	SECOND = 1000 / TICKER_MS,
};

struct stream {
	unsigned magic;
	unsigned depth;			/* in events: it may be freed there */
	bool freed;
	struct stream_conf conf;
	struct addr local, signalling;
	struct rtp_sock *rtp;
	struct udp_helper *helper, *rtcp_helper;
	struct srtp_pair *srtp;
	struct ticker_seat *seat;

	/* what was agreed on */
	struct sdp_origin origin;
	char host[ADDR_TEXT];
	struct codec *codec;
	struct sdp_codec chosen;
	int event_pt;			/* -1: no events */
	struct sa peer;
	bool latched;			/* their port is where they send from */
	bool secure, started, hold;

	/* in */
	struct jitter jitter;
	struct event_keys keys;
	dtmf_rx_state_t *tones;
	uint32_t ssrc, expect_ts;
	bool has_ssrc, has_ts;
	size_t last_n;			/* samples of the last packet */
	uint64_t strangers, unreadable, readable;
	unsigned quiet_ticks;
	bool troubled;

	/* out */
	struct clip *queue[STREAM_QUEUE];
	size_t n_queue, at;		/* sample of the first clip */
	bool paused, was_sending;
	struct mbuf *packet;
	uint32_t ts;
	unsigned tick;
	uint64_t sent;
};

/* ---- events: the owner may free us in any --------------------------------------------- */

static void really_free(struct stream *s)
{
	s->magic = 0;
	mem_deref(s->helper);
	mem_deref(s->rtcp_helper);
	mem_deref(s->rtp);
	srtp_pair_free(&s->srtp);
	mem_deref(s->packet);
	codec_free(&s->codec);
	if (s->tones)
		dtmf_rx_free(s->tones);
	free(s);
}

static void enter(struct stream *s)
{
	s->depth++;
}

/* False: it is gone. */
static bool leave(struct stream *s)
{
	if (--s->depth == 0 && s->freed) {
		really_free(s);
		return false;
	}
	return !s->freed;
}

static void tell_trouble(struct stream *s, enum stream_trouble t)
{
	if (s->troubled)
		return;
	s->troubled = true;
	s->conf.ev->trouble(s->conf.ctx, t);
}

/* ---- sound that comes in ------------------------------------------------------------------ */

static void listen_for_tones(struct stream *s, const int16_t *pcm, size_t n)
{
	int16_t half[CODEC_MAX_SAMPLES / 2];
	char digits[16];
	size_t got;

	if (s->keys.begun)
		return;
	if (stream_rate(s) == 16000) {
		for (size_t i = 0; i + 1 < n; i += 2)
			half[i / 2] = (int16_t)((pcm[i] + pcm[i + 1]) / 2);
		pcm = half;
		n /= 2;
	}
	dtmf_rx(s->tones, pcm, (int)n);
	got = dtmf_rx_get(s->tones, digits, sizeof(digits) - 1);
	for (size_t i = 0; i < got && !s->freed; i++) {
		char key = event_tone(&s->keys, digits[i], clock_mono_ms());

		if (key)
			s->conf.ev->key(s->conf.ctx, key);
	}
}

static void hear(struct stream *s, const int16_t *pcm, size_t n)
{
	s->conf.ev->heard(s->conf.ctx, pcm, n);
	if (!s->freed)
		listen_for_tones(s, pcm, n);
}

/* Nothing was sent for a while: silence, so that time goes on. */
static void hear_gap(struct stream *s, size_t samples)
{
	static const int16_t zero[CODEC_MAX_SAMPLES];

	while (samples && !s->freed) {
		size_t n = samples < CODEC_MAX_SAMPLES ? samples : CODEC_MAX_SAMPLES;

		hear(s, zero, n);
		samples -= n;
	}
}

static uint32_t clock_units(const struct stream *s, size_t samples)
{
	return (uint32_t)(samples * s->chosen.clock / stream_rate(s));
}

static void take_audio(struct stream *s, const struct jitter_packet *p)
{
	int16_t pcm[CODEC_MAX_SAMPLES];
	int32_t gap = (int32_t)(p->ts - s->expect_ts);
	size_t n = codec_decode(s->codec, p->data, p->n, pcm);

	if (n == 0)
		return;
	if (s->has_ts && gap > 0 && (uint32_t)gap <= s->chosen.clock * MAX_GAP_S)
		hear_gap(s, (size_t)gap * stream_rate(s) / s->chosen.clock);
	s->expect_ts = p->ts + clock_units(s, n);
	s->has_ts = true;
	s->last_n = n;
	if (!s->freed)
		hear(s, pcm, n);
}

static void take_lost(struct stream *s)
{
	int16_t pcm[CODEC_MAX_SAMPLES];

	if (!s->has_ts || s->last_n == 0)
		return;
	codec_conceal(s->codec, pcm, s->last_n);
	s->expect_ts += clock_units(s, s->last_n);
	hear(s, pcm, s->last_n);
}

static void take_packet(struct stream *s, const struct jitter_packet *p)
{
	char key;

	if (s->event_pt >= 0 && p->pt == s->event_pt) {
		key = event_rtp(&s->keys, p->ts, p->data, p->n, clock_mono_ms());
		if (key)
			s->conf.ev->key(s->conf.ctx, key);
	} else if (p->pt == s->chosen.pt) {
		take_audio(s, p);
	}
}

static void drain_jitter(struct stream *s, bool flush)
{
	const struct jitter_packet *p;

	while (!s->freed)
		switch (jitter_get(&s->jitter, flush, &p)) {
		case JITTER_NONE:
			return;
		case JITTER_PACKET:
			take_packet(s, p);
			break;
		case JITTER_LOST:
			take_lost(s);
			break;
		}
}

/* ---- packets ---------------------------------------------------------------------------------- */

static bool is_peer(struct stream *s, const struct sa *src)
{
	struct addr a;

	if (sa_cmp(src, &s->peer, SA_ADDR)) {
		if (!sa_cmp(src, &s->peer, SA_PORT) && !s->latched)
			sa_set_port(&s->peer, sa_port(src));
		s->latched = true;
		return true;
	}
	/* A gateway behind NAT says an address of the inside. */
	addr_from_sockaddr(&src->u.sa, &a);
	if (s->latched || !addr_eq_host(&a, &s->signalling))
		return false;
	s->peer = *src;
	s->latched = true;
	return true;
}

static void on_rtp(const struct sa *src, const struct rtp_header *hdr, struct mbuf *mb, void *arg)
{
	struct stream *s = arg;
	size_t n = mbuf_get_left(mb);

	CHECK_OBJ(s, STREAM_MAGIC);
	if (!s->codec || !s->started)
		return;
	if (!is_peer(s, src)) {
		s->strangers++;
		return;
	}
	if (hdr->pad) {
		uint8_t pad = n ? mbuf_buf(mb)[n - 1] : 0;

		if (pad == 0 || pad > n)
			return;
		n -= pad;
	}
	if (!s->has_ssrc || s->ssrc != hdr->ssrc) {
		jitter_init(&s->jitter);
		s->ssrc = hdr->ssrc;
		s->has_ssrc = true;
		s->has_ts = false;
	}
	s->quiet_ticks = 0;
	enter(s);
	if (jitter_put(&s->jitter, hdr->seq, hdr->ts, hdr->pt, hdr->m, mbuf_buf(mb), n))
		drain_jitter(s, false);
	leave(s);
}

static void on_rtcp(const struct sa *src, struct rtcp_msg *msg, void *arg)
{
	(void)src;
	(void)msg;
	(void)arg;		/* libre keeps the figures */
}

/* True: the packet is used up (it does not verify). */
static bool unseal(struct stream *s, struct mbuf *mb, bool rtcp)
{
	if (!s->srtp)
		return s->secure;
	if (srtp_pair_open(s->srtp, mb, rtcp)) {
		s->readable++;
		return false;
	}
	s->unreadable++;
	if (s->readable == 0 && s->unreadable >= UNREADABLE) {
		enter(s);
		tell_trouble(s, STREAM_BAD_KEYS);
		leave(s);
	}
	return true;
}

static bool rtp_in(struct sa *src, struct mbuf *mb, void *arg)
{
	struct stream *s = arg;

	/* What a stranger sends must not count as a wrong key. */
	return !is_peer(s, src) || unseal(s, mb, false);
}

static bool rtcp_in(struct sa *src, struct mbuf *mb, void *arg)
{
	struct stream *s = arg;

	(void)src;
	return !s->srtp || !srtp_pair_open(s->srtp, mb, true);
}

static bool rtp_out(int *err, struct sa *dst, struct mbuf *mb, void *arg)
{
	struct stream *s = arg;

	(void)dst;
	(void)err;
	return !s->srtp || !srtp_pair_close(s->srtp, mb, false);
}

static bool rtcp_out(int *err, struct sa *dst, struct mbuf *mb, void *arg)
{
	struct stream *s = arg;

	(void)dst;
	(void)err;
	return !s->srtp || !srtp_pair_close(s->srtp, mb, true);
}

/* ---- sound that goes out ------------------------------------------------------------------------- */

/* The next frame; false: there is nothing to play. */
static bool next_frame(struct stream *s, int16_t *pcm, size_t n, bool *ended)
{
	size_t got = 0;

	*ended = false;
	if (s->n_queue == 0 || s->paused)
		return false;
	memset(pcm, 0, n * sizeof(*pcm));
	while (got < n && s->n_queue) {
		size_t all, take;
		const int16_t *from = clip_at(s->queue[0], stream_rate(s), &all);

		take = all - s->at < n - got ? all - s->at : n - got;
		memcpy(pcm + got, from + s->at, take * sizeof(*pcm));
		got += take;
		s->at += take;
		if (s->at < all)
			break;
		clip_unref(&s->queue[0]);
		memmove(s->queue, s->queue + 1, --s->n_queue * sizeof(struct clip *));
		s->at = 0;
	}
	*ended = s->n_queue == 0;
	return true;
}

static void send_frame(struct stream *s, const int16_t *pcm, size_t n, bool marker)
{
	uint8_t out[CODEC_MAX_BYTES];
	size_t bytes = codec_encode(s->codec, pcm, n, out);
	struct mbuf *mb = s->packet;

	if (bytes == 0)
		return;
	mbuf_rewind(mb);
	mb->pos = mb->end = RTP_HEADER_SIZE;
	if (mbuf_write_mem(mb, out, bytes))
		return;
	mbuf_set_pos(mb, RTP_HEADER_SIZE);
	if (rtp_send(s->rtp, &s->peer, false, marker, s->chosen.pt, s->ts, mb) == 0)
		s->sent++;
}

static void watch_silence(struct stream *s)
{
	if (!s->hold && ++s->quiet_ticks >= STREAM_SILENT_MS / TICKER_MS)
		tell_trouble(s, STREAM_SILENT);
}

static void on_tick(void *ctx)
{
	struct stream *s = ctx;
	int16_t pcm[CODEC_MAX_SAMPLES];
	bool ended = false, has;
	size_t n;

	CHECK_OBJ(s, STREAM_MAGIC);
	n = stream_rate(s) * TICKER_MS / 1000;
	enter(s);
	s->tick++;
	has = next_frame(s, pcm, n, &ended);
	if (!has && (s->tick < FIRST_TICKS || s->tick % KEEPALIVE_TICKS == 0)) {
		memset(pcm, 0, n * sizeof(*pcm));
		has = true;
	}
	if (has && !s->hold)
		send_frame(s, pcm, n, !s->was_sending);
	s->was_sending = has && !s->hold;
	s->ts += clock_units(s, n);
	watch_silence(s);
	if (ended && !s->freed)
		s->conf.ev->played(s->conf.ctx);
	leave(s);
}

bool stream_play(struct stream *s, struct clip *c)
{
	if (s->n_queue == STREAM_QUEUE)
		return false;
	s->queue[s->n_queue++] = clip_ref(c);
	return true;
}

void stream_stop(struct stream *s)
{
	while (s->n_queue)
		clip_unref(&s->queue[--s->n_queue]);
	s->at = 0;
	s->paused = false;
}

bool stream_is_playing(const struct stream *s)
{
	return s->n_queue > 0;
}

void stream_skip(struct stream *s, int ms)
{
	int64_t to = (int64_t)s->at + (int64_t)ms * stream_rate(s) / 1000;
	size_t n;

	if (s->n_queue == 0)
		return;
	clip_at(s->queue[0], stream_rate(s), &n);
	s->at = to < 0 ? 0 : (size_t)to > n ? n : (size_t)to;
}

void stream_pause(struct stream *s, bool on)
{
	s->paused = on;
}

/* ---- agreeing ---------------------------------------------------------------------------------------- */

/* What both can do of one offered stream. */
struct match {
	const struct codec_info *info;
	struct sdp_codec audio, event;
	bool has_event;
};

static bool match(const struct sdp_stream *m, struct match *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < m->n_codecs; i++) {
		const struct sdp_codec *c = &m->codec[i];
		const struct codec_info *info = codec_find(c);

		if (info && !out->info) {
			out->info = info;
			out->audio = *c;
		}
		if (!out->has_event && strcasecmp(c->name, "telephone-event") == 0 &&
		    c->clock == 8000) {
			out->event = *c;
			out->has_event = true;
		}
	}
	return out->info != NULL;
}

static enum err set_peer(struct stream *s, const struct sdp_stream *m, struct errbuf *eb)
{
	struct sa sa;

	if (sa_set_str(&sa, m->host, m->port))
		return err_set(eb, ERR_DENIED, "media at a name and not an address");
	/* Hold as RFC 2543 had it: 0.0.0.0. */
	s->hold = m->way == WAY_SENDONLY || m->way == WAY_INACTIVE || sa_is_any(&sa);
	if (sa_is_any(&sa))
		return ERR_OK;
	if (!s->codec || !sa_cmp(&sa, &s->peer, SA_ALL)) {
		s->peer = sa;
		s->latched = false;
	}
	return ERR_OK;
}

/* Who holds us is answered in kind. */
static enum sdp_way answer_way(enum sdp_way theirs)
{
	switch (theirs) {
	case WAY_SENDONLY: return WAY_RECVONLY;
	case WAY_RECVONLY: return WAY_SENDONLY;
	default: return theirs;
	}
}

static void use_codec(struct stream *s, const struct match *x)
{
	if (!s->codec || codec_what(s->codec) != x->info) {
		codec_free(&s->codec);
		s->codec = codec_new(x->info);
		s->has_ts = false;
	}
	s->chosen = x->audio;
	s->event_pt = x->has_event ? x->event.pt : -1;
	rtcp_set_srate(s->rtp, x->info->clock, x->info->clock);
}

static enum err use_keys(struct stream *s, const struct sdp_stream *m, struct sdp_key *ours,
			 struct errbuf *eb)
{
	struct srtp_pair *p = NULL;
	enum err e;

	if (!m->secure)
		return ERR_OK;
	if (s->srtp && srtp_pair_same(s->srtp, m)) {
		srtp_pair_ours(s->srtp, ours);
		return ERR_OK;
	}
	e = srtp_pair_new(m, ours, &p, eb);
	if (e)
		return e == ERR_NOTFOUND ? ERR_DENIED : e;
	srtp_pair_free(&s->srtp);
	s->srtp = p;
	return ERR_OK;
}

static enum err register_srtp(struct stream *s, struct errbuf *eb)
{
	s->secure = true;
	if (s->helper)
		return ERR_OK;
	if (udp_register_helper(&s->helper, rtp_sock(s->rtp), SRTP_LAYER, rtp_out, rtp_in, s) ||
	    udp_register_helper(&s->rtcp_helper, rtcp_sock(s->rtp), SRTP_LAYER, rtcp_out, rtcp_in, s))
		return err_set(eb, ERR_INTERNAL, "SRTP does not take hold of its sockets");
	return ERR_OK;
}

/* The stream we take: the first that we can and may do. */
static const struct sdp_stream *choose(const struct stream *s, const struct sdp *offer,
				       struct match *x)
{
	for (size_t i = 0; i < offer->n_media; i++) {
		const struct sdp_stream *m = &offer->media[i];

		if (m->kind == SDP_AUDIO && m->port && match(m, x) &&
		    (m->secure ? m->n_keys > 0 : s->conf.security != STREAM_SECURE && !s->secure))
			return m;
	}
	return NULL;
}

enum err stream_accept(struct stream *s, struct span text, struct buf *out, struct errbuf *eb)
{
	struct sdp *offer = xcalloc(1, sizeof(*offer));
	const struct sdp_stream *m = NULL;
	struct sdp_codec codecs[2];
	struct sdp_key key = { .tag = 0 };
	struct match x = { .info = NULL };
	enum err e = sdp_read(text, offer, eb);

	if (!e) {
		m = choose(s, offer, &x);
		if (!m)
			e = err_set(eb, ERR_DENIED, "no audio that we can and may do");
	}
	if (!e)
		e = set_peer(s, m, eb);
	if (!e)
		e = use_keys(s, m, &key, eb);
	if (!e && m->secure)
		e = register_srtp(s, eb);
	if (!e) {
		struct sdp_ours ours = {
			.kind = SDP_AUDIO, .port = sa_port(rtp_local(s->rtp)),
			.way = answer_way(m->way), .secure = m->secure, .codec = codecs,
			.n_codecs = x.has_event ? 2 : 1, .key = &key,
		};

		use_codec(s, &x);
		codecs[0] = x.audio;
		memset(codecs[0].fmtp, 0, sizeof(codecs[0].fmtp));
		codecs[1] = x.event;
		strcpy(codecs[1].fmtp, "0-15");
		s->origin.version++;
		e = sdp_write(&s->origin, offer, (size_t)(m - offer->media), &ours, out);
	}
	sodium_memzero(&key, sizeof(key));
	free(offer);
	return e;
}

/* RTP in the clear: who does not offer cannot be known to do SRTP. */
enum err stream_offer(struct stream *s, struct buf *out, struct errbuf *eb)
{
	struct sdp_codec codecs[8] = { { .pt = 0 } };
	struct sdp_ours ours = { .kind = SDP_AUDIO, .port = sa_port(rtp_local(s->rtp)),
				 .way = WAY_SENDRECV, .codec = codecs };
	const struct codec_info *i;

	if (s->conf.security == STREAM_SECURE || s->secure)
		return err_set(eb, ERR_DENIED, "no offer of ours where SRTP is a must");
	for (; (i = codec_nth(ours.n_codecs)) != NULL && ours.n_codecs < 7; ours.n_codecs++) {
		struct sdp_codec *c = &codecs[ours.n_codecs];

		c->pt = (uint8_t)i->pt;
		c->clock = i->clock;
		c->channels = i->channels;
		strncpy(c->name, i->name, sizeof(c->name) - 1);
		strncpy(c->fmtp, i->fmtp, sizeof(c->fmtp) - 1);
	}
	codecs[ours.n_codecs++] = (struct sdp_codec){ .pt = EVENT_PT, .name = "telephone-event",
						      .clock = 8000, .channels = 1, .fmtp = "0-15" };
	s->origin.version++;
	return sdp_write(&s->origin, NULL, 0, &ours, out);
}

enum err stream_answered(struct stream *s, struct span text, struct errbuf *eb)
{
	struct sdp *answer = xcalloc(1, sizeof(*answer));
	enum err e = sdp_read(text, answer, eb);
	const struct sdp_stream *m = e ? NULL : choose(s, answer, &(struct match){ .info = NULL });
	struct match x;

	if (!e && (!m || m->secure || !match(m, &x)))
		e = err_set(eb, ERR_DENIED, "an answer without the audio we offered");
	if (!e)
		e = set_peer(s, m, eb);
	if (!e)
		use_codec(s, &x);
	free(answer);
	return e;
}

/* ---- life --------------------------------------------------------------------------------------------- */

enum err stream_new(const struct stream_conf *conf, struct stream **out, struct errbuf *eb)
{
	struct stream *s = xcalloc(1, sizeof(*s));
	struct sockaddr_storage ss;
	struct sa sa;
	int err;

	s->magic = STREAM_MAGIC;
	s->conf = *conf;
	s->local = *conf->local;
	s->signalling = *conf->signalling;
	s->event_pt = -1;
	s->origin = (struct sdp_origin){ .id = (uint64_t)randombytes_random() << 16 | 1,
					 .host = addr_host(&s->local, s->host),
					 .v6 = s->local.family == 6 };
	s->ts = randombytes_random();
	jitter_init(&s->jitter);
	s->tones = dtmf_rx_init(NULL, NULL, NULL);
	s->packet = mbuf_alloc(RTP_HEADER_SIZE + CODEC_MAX_BYTES + PACKET_ROOM);
	addr_to_sockaddr(&s->local, &ss);
	err = sa_set_sa(&sa, (const struct sockaddr *)(const void *)&ss);
	if (!err)
		err = rtp_listen(&s->rtp, IPPROTO_UDP, &sa, (uint16_t)conf->port_min,
				 (uint16_t)conf->port_max, true, on_rtp, on_rtcp, s);
	if (err) {
		really_free(s);
		*out = NULL;
		return err_set(eb, ERR_AGAIN, "no pair of RTP ports is free");
	}
	*out = s;
	return ERR_OK;
}

void stream_start(struct stream *s)
{
	if (s->started || !s->codec)
		return;
	s->started = true;
	rtcp_start(s->rtp, "um", NULL);
	s->seat = ticker_join(s->conf.ticker, on_tick, s);
}

void stream_free(struct stream **sp)
{
	struct stream *s = *sp;

	if (!s)
		return;
	*sp = NULL;
	CHECK_OBJ(s, STREAM_MAGIC);
	ticker_leave(&s->seat);
	stream_stop(s);
	s->freed = true;
	if (s->depth == 0)
		really_free(s);
}

unsigned stream_rate(const struct stream *s)
{
	return s->codec ? codec_what(s->codec)->rate : 8000;
}

const char *stream_codec(const struct stream *s)
{
	return s->codec ? codec_what(s->codec)->name : "";
}

bool stream_is_secure(const struct stream *s)
{
	return s->secure;
}

void stream_get_stats(const struct stream *s, struct stream_stats *out)
{
	*out = (struct stream_stats){
		.received = s->jitter.received, .lost = s->jitter.lost, .late = s->jitter.late,
		.sent = s->sent, .strangers = s->strangers, .unreadable = s->unreadable,
	};
}
