#include "roles/unified-messaging/media/sdp.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { MAX_LINE = 2048 };

/* What the static payload types are when no rtpmap says so (RFC 3551). */
static const struct {
	uint8_t pt;
	const char *name;
} statics[] = {
	{ 0, "PCMU" }, { 3, "GSM" }, { 4, "G723" }, { 8, "PCMA" }, { 9, "G722" },
	{ 13, "CN" }, { 18, "G729" },
};

/* ---- words -------------------------------------------------------------------- */

static struct span word(struct span *s)
{
	struct span w;

	while (s->n && *s->p == ' ') {
		s->p++;
		s->n--;
	}
	w = (struct span){ s->p, 0 };
	while (s->n && *s->p != ' ') {
		s->p++;
		s->n--;
		w.n++;
	}
	return w;
}

/* Up to a character, which is taken too; all of it if there is none. */
static struct span until(struct span *s, char c)
{
	const char *at = s->n ? memchr(s->p, c, s->n) : NULL;
	struct span w = { s->p, at ? (size_t)(at - s->p) : s->n };

	s->p += w.n + (at != NULL);
	s->n -= w.n + (at != NULL);
	return w;
}

static bool number(struct span s, unsigned max, unsigned *out)
{
	unsigned v = 0;

	if (s.n == 0 || s.n > 9)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (!isdigit((unsigned char)s.p[i]))
			return false;
		v = v * 10 + (unsigned)(s.p[i] - '0');
	}
	*out = v;
	return v <= max;
}

/* Printable text that fits; else "". */
static bool keep(struct span s, char *out, size_t cap)
{
	out[0] = '\0';
	if (s.n >= cap)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || (unsigned char)s.p[i] > 0x7e)
			return false;
	if (s.n)
		memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return true;
}

/* ---- lines --------------------------------------------------------------------- */

/* "IN IP4 192.0.2.1" */
static bool read_connection(struct span v, char host[64], bool *v6)
{
	struct span net = word(&v), type = word(&v), addr = word(&v);
	struct span plain = until(&addr, '/');	/* multicast: no */

	if (!span_is(net, "IN") || !(span_is(type, "IP4") || span_is(type, "IP6")) || addr.n ||
	    plain.n == 0 || word(&v).n)
		return false;
	*v6 = span_is(type, "IP6");
	return keep(plain, host, 64);
}

static void name_static(struct sdp_codec *c)
{
	for (size_t i = 0; i < N_ELEMS(statics); i++)
		if (statics[i].pt == c->pt) {
			snprintf(c->name, sizeof(c->name), "%s", statics[i].name);
			c->clock = 8000;
			c->channels = 1;
		}
}

/* "audio 49170 RTP/AVP 0 8 101" */
static bool read_media(struct span v, struct sdp_stream *m)
{
	struct span type = word(&v), port = word(&v), proto = word(&v), f;
	struct span count = port;
	unsigned n;

	port = until(&count, '/');
	if (!number(port, 65535, &n) || !keep(type, m->type, sizeof(m->type)) || type.n == 0 ||
	    !keep(proto, m->proto, sizeof(m->proto)) || proto.n == 0)
		return false;
	m->port = (uint16_t)n;
	m->kind = span_is(type, "audio") ? SDP_AUDIO : span_is(type, "image") ? SDP_IMAGE :
		  SDP_OTHER;
	m->secure = span_is(proto, "RTP/SAVP") || span_is(proto, "RTP/SAVPF");
	if (m->kind == SDP_AUDIO && !m->secure && !span_is(proto, "RTP/AVP") &&
	    !span_is(proto, "RTP/AVPF"))
		m->kind = SDP_OTHER;
	if (m->kind == SDP_IMAGE && strcasecmp(m->proto, "udptl") != 0)
		m->kind = SDP_OTHER;
	while (v.n && *v.p == ' ') {
		v.p++;
		v.n--;
	}
	if (!keep(v, m->formats, sizeof(m->formats)) && m->kind == SDP_OTHER)
		snprintf(m->formats, sizeof(m->formats), "*");
	while (m->kind == SDP_AUDIO && (f = word(&v)).n && m->n_codecs < SDP_FORMATS) {
		struct sdp_codec *c = &m->codec[m->n_codecs];

		if (!number(f, 127, &n))
			return false;
		*c = (struct sdp_codec){ .pt = (uint8_t)n };
		name_static(c);
		m->n_codecs++;
	}
	return true;
}

static struct sdp_codec *by_pt(struct sdp_stream *m, struct span pt)
{
	unsigned n;

	if (number(pt, 127, &n))
		for (size_t i = 0; i < m->n_codecs; i++)
			if (m->codec[i].pt == n)
				return &m->codec[i];
	return NULL;
}

/* "101 telephone-event/8000", "96 opus/48000/2" */
static bool read_rtpmap(struct sdp_stream *m, struct span v)
{
	struct sdp_codec *c = by_pt(m, word(&v));
	struct span enc = word(&v), name = until(&enc, '/'), clock = until(&enc, '/');
	unsigned channels = 1;

	if (!c)
		return true;
	if (!keep(name, c->name, sizeof(c->name))) {
		c->name[0] = '\0';	/* nothing that we know */
		return true;
	}
	if (enc.n && !number(enc, 16, &channels))
		return false;
	c->channels = channels;
	return number(clock, 192000, &c->clock);
}

static void read_fmtp(struct sdp_stream *m, struct span v)
{
	struct sdp_codec *c = by_pt(m, word(&v));

	while (v.n && *v.p == ' ') {
		v.p++;
		v.n--;
	}
	if (c && !keep(v, c->fmtp, sizeof(c->fmtp)))
		c->fmtp[0] = '\0';
}

/* "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^31|1:4" */
static void read_crypto(struct sdp_stream *m, struct span v)
{
	struct span tag = word(&v), suite = word(&v), params = word(&v), key;
	struct sdp_key *k = &m->key[m->n_keys];

	if (m->n_keys == SDP_KEYS || params.n < 8 || strncasecmp(params.p, "inline:", 7) != 0)
		return;
	/* Session parameters (UNENCRYPTED_SRTP, KDR) change what the key means. */
	if (word(&v).n)
		return;
	params.p += 7;
	params.n -= 7;
	key = until(&params, '|');
	if (number(tag, 999999999, &k->tag) && keep(suite, k->suite, sizeof(k->suite)) &&
	    keep(key, k->key, sizeof(k->key)))
		m->n_keys++;
}

static bool read_way(struct span name, enum sdp_way *way)
{
	static const char *const names[] = {
		[WAY_SENDRECV] = "sendrecv", [WAY_SENDONLY] = "sendonly",
		[WAY_RECVONLY] = "recvonly", [WAY_INACTIVE] = "inactive",
	};

	for (size_t i = 0; i < N_ELEMS(names); i++)
		if (span_is(name, names[i])) {
			*way = (enum sdp_way)i;
			return true;
		}
	return false;
}

static bool read_attribute(struct sdp_stream *m, struct span v)
{
	struct span name = until(&v, ':');

	if (read_way(name, &m->way))
		return true;
	if (span_is(name, "rtpmap"))
		return read_rtpmap(m, v);
	if (span_is(name, "fmtp"))
		read_fmtp(m, v);
	else if (span_is(name, "crypto"))
		read_crypto(m, v);
	else if (span_is(name, "ptime") && !number(word(&v), 1000, &m->ptime))
		m->ptime = 0;
	else if (span_is(name, "T38FaxMaxDatagram") && !number(word(&v), 65535, &m->t38_max_datagram))
		m->t38_max_datagram = 0;
	else if (span_is(name, "T38FaxVersion") && !number(word(&v), 4, &m->t38_version))
		m->t38_version = 0;
	else if (span_is(name, "T38FaxUdpEC"))
		m->t38_fec = span_is(word(&v), "t38UDPFEC");
	return true;
}

static enum err read_line(struct sdp *s, char type, struct span v, enum sdp_way *way,
			  struct errbuf *eb)
{
	struct sdp_stream *m = s->n_media ? &s->media[s->n_media - 1] : NULL;

	switch (type) {
	case 'c':
		if (!read_connection(v, m ? m->host : s->host, m ? &m->v6 : &s->v6))
			return err_set(eb, ERR_INVALID, "a c= line that is not understood");
		break;
	case 'm':
		if (s->n_media == SDP_MEDIA)
			return err_set(eb, ERR_INVALID, "more than %d media", SDP_MEDIA);
		m = &s->media[s->n_media++];
		memset(m, 0, sizeof(*m));
		m->way = *way;
		if (!read_media(v, m))
			return err_set(eb, ERR_INVALID, "a m= line that is not understood");
		break;
	case 'a':
		if (!m)
			read_way(v, way);
		else if (!read_attribute(m, v))
			return err_set(eb, ERR_INVALID, "an a= line that is not understood");
		break;
	}
	return ERR_OK;
}

enum err sdp_read(struct span text, struct sdp *s, struct errbuf *eb)
{
	enum sdp_way way = WAY_SENDRECV;
	enum err e = ERR_OK;
	bool first = true;

	memset(s, 0, sizeof(*s));
	if (text.n > SDP_MAX)
		return err_set(eb, ERR_INVALID, "%zu octets", text.n);
	while (text.n && !e) {
		struct span line = until(&text, '\n');

		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		if (line.n == 0)
			continue;
		if (line.n < 2 || line.p[1] != '=' || line.n > MAX_LINE)
			return err_set(eb, ERR_INVALID, "a line that is not x=value");
		if (first && !span_eq(line, SPAN("v=0")))
			return err_set(eb, ERR_INVALID, "it does not begin with v=0");
		first = false;
		e = read_line(s, line.p[0], (struct span){ line.p + 2, line.n - 2 }, &way, eb);
	}
	if (!e && first)
		e = err_set(eb, ERR_INVALID, "empty");
	for (size_t i = 0; i < s->n_media && !e; i++) {
		struct sdp_stream *m = &s->media[i];

		if (m->host[0] == '\0') {
			memcpy(m->host, s->host, sizeof(m->host));
			m->v6 = s->v6;
		}
		if (m->port && m->host[0] == '\0')
			e = err_set(eb, ERR_INVALID, "no c= line");
	}
	return e;
}

const struct sdp_stream *sdp_first(const struct sdp *s, enum sdp_kind kind)
{
	for (size_t i = 0; i < s->n_media; i++)
		if (s->media[i].kind == kind && s->media[i].port)
			return &s->media[i];
	return NULL;
}

/* ---- writing --------------------------------------------------------------------- */

static enum err write_codecs(const struct sdp_ours *m, struct buf *out)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < m->n_codecs && !e; i++) {
		const struct sdp_codec *c = &m->codec[i];

		e = buf_addf(out, "a=rtpmap:%u %s/%u", c->pt, c->name, c->clock);
		if (!e && c->channels > 1)
			e = buf_addf(out, "/%u", c->channels);
		if (!e)
			e = buf_adds(out, "\r\n");
		if (!e && c->fmtp[0])
			e = buf_addf(out, "a=fmtp:%u %s\r\n", c->pt, c->fmtp);
	}
	return e;
}

static enum err write_audio(const struct sdp_ours *m, struct buf *out)
{
	static const char *const ways[] = {
		[WAY_SENDRECV] = "sendrecv", [WAY_SENDONLY] = "sendonly",
		[WAY_RECVONLY] = "recvonly", [WAY_INACTIVE] = "inactive",
	};
	enum err e = buf_addf(out, "m=audio %u RTP/%s", m->port, m->secure ? "SAVP" : "AVP");

	for (size_t i = 0; i < m->n_codecs && !e; i++)
		e = buf_addf(out, " %u", m->codec[i].pt);
	if (!e)
		e = buf_adds(out, "\r\n");
	if (!e)
		e = write_codecs(m, out);
	if (!e && m->secure && m->key)
		e = buf_addf(out, "a=crypto:%u %s inline:%s\r\n", m->key->tag, m->key->suite,
			     m->key->key);
	if (!e)
		e = buf_addf(out, "a=ptime:20\r\na=%s\r\n", ways[m->way]);
	return e;
}

static enum err write_image(const struct sdp_ours *m, struct buf *out)
{
	return buf_addf(out,
			"m=image %u udptl t38\r\na=T38FaxVersion:%u\r\na=T38MaxBitRate:14400\r\n"
			"a=T38FaxRateManagement:transferredTCF\r\na=T38FaxMaxBuffer:2000\r\n"
			"a=T38FaxMaxDatagram:%u\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n",
			m->port, m->t38_version, m->t38_max_datagram);
}

static enum err write_ours(const struct sdp_ours *m, struct buf *out)
{
	return m->kind == SDP_IMAGE ? write_image(m, out) : write_audio(m, out);
}

static enum err write_refusal(const struct sdp_stream *m, struct buf *out)
{
	return buf_addf(out, "m=%s 0 %s %s\r\n", m->type, m->proto,
			m->formats[0] ? m->formats : "0");
}

enum err sdp_write(const struct sdp_origin *o, const struct sdp *offer, size_t at,
		   const struct sdp_ours *ours, struct buf *out)
{
	const char *ip = o->v6 ? "IP6" : "IP4";
	enum err e = buf_addf(out,
			      "v=0\r\no=bourse %llu %llu IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\n",
			      (unsigned long long)o->id, (unsigned long long)o->version, ip, o->host,
			      ip, o->host);

	if (!e && !offer)
		return write_ours(ours, out);
	for (size_t i = 0; offer && i < offer->n_media && !e; i++)
		e = i == at && ours->port ? write_ours(ours, out) :
					    write_refusal(&offer->media[i], out);
	return e;
}
