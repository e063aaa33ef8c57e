#include "roles/unified-messaging/message/compose.h"

#include "common/mime/build.h"
#include "common/mime/codec.h"
#include "common/mime/word.h"

#include <errno.h>
#include <string.h>

enum { HEADER_MAX = 64 * 1024, BODY_MAX = 64 * 1024, BLOCK = 57 * 256 };

/* ---- words ----------------------------------------------------------------------- */

static const char *who(const struct note *n)
{
	if (n->caller_name[0])
		return n->caller_name;
	return n->caller[0] ? n->caller : "an unknown caller";
}

static void duration(unsigned s, char out[48])
{
	if (s < 60)
		snprintf(out, 48, "%u second%s", s, s == 1 ? "" : "s");
	else
		snprintf(out, 48, "%u:%02u minutes", s / 60, s % 60);
}

void compose_subject(const struct note *n, char *out, size_t cap)
{
	char d[48];

	switch (n->kind) {
	case NOTE_VOICE:
		duration(n->duration_s, d);
		snprintf(out, cap, "Voice message from %s (%s)", who(n), d);
		break;
	case NOTE_MISSED:
		snprintf(out, cap, "Missed call from %s", who(n));
		break;
	case NOTE_FAX:
		snprintf(out, cap, "Fax from %s (%u page%s)", who(n), n->pages,
			 n->pages == 1 ? "" : "s");
		break;
	case NOTE_TEXT:
		snprintf(out, cap, "%s", n->subject);
		break;
	}
}

void compose_file_name(const struct note *n, const char *extension, char *out, size_t cap)
{
	char clean[64];
	size_t k = 0;

	for (const char *p = who(n); *p && k < sizeof(clean) - 1; p++)
		clean[k++] = strchr("/\\:*?\"<>|;", *p) || (unsigned char)*p >= 0x80 ? '_' : *p;
	clean[k] = '\0';
	if (n->kind == NOTE_FAX)
		snprintf(out, cap, "Fax from %s (%u pages).%s", clean, n->pages, extension);
	else
		snprintf(out, cap, "Voice message from %s (%us).%s", clean, n->duration_s,
			 extension);
}

/* ---- header ------------------------------------------------------------------------ */

static enum err field(struct buf *b, const char *name, const char *value)
{
	return *value ? build_field(b, name, span_of(value)) : ERR_OK;
}

/* A mailbox: "Name" <address>. */
static enum err mailbox(struct buf *b, const char *name, const char *display,
			const char *address)
{
	enum err e = buf_addf(b, "%s: ", name);

	if (!e && *display) {
		bool plain = true;

		for (const char *p = display; *p; p++)
			plain &= (unsigned char)*p < 0x80 && !strchr("\"\\", *p);
		if (plain)
			e = buf_addf(b, "\"%s\" ", display);
		else
			e = word_encode(span_of(display), b);
		if (!e && !plain)
			e = buf_adds(b, "\r\n ");
	}
	return e ? e : buf_addf(b, "<%s>\r\n", address);
}

static enum err number_field(struct buf *b, const char *name, unsigned v)
{
	return buf_addf(b, "%s: %u\r\n", name, v);
}

static enum err class_fields(struct buf *b, const struct compose *c)
{
	static const struct {
		const char *content_class, *context;
	} classes[] = {
		[NOTE_VOICE] = { "voice-CA", "voice-message" },
		[NOTE_MISSED] = { "missedcall", "text-message" },
		[NOTE_FAX] = { "fax-CA", "fax-message" },
		[NOTE_TEXT] = { "", "" },
	};
	const struct note *n = c->note;
	enum err e = field(b, "Content-Class", classes[n->kind].content_class);

	if (!e)
		e = field(b, "Message-Context", classes[n->kind].context);
	if (!e && n->kind != NOTE_TEXT)
		e = field(b, "X-CallingTelephoneNumber", n->caller[0] ? n->caller : "Anonymous");
	if (!e && n->kind == NOTE_VOICE)
		e = number_field(b, "X-VoiceMessageDuration", n->duration_s);
	if (!e && n->kind != NOTE_TEXT)
		e = field(b, "X-VoiceMessageSenderName", n->caller_name);
	if (!e && n->kind == NOTE_FAX)
		e = number_field(b, "X-FaxNumberOfPages", n->pages);
	if (!e && c->audio_name)
		e = field(b, "X-AttachmentOrder", c->audio_name);
	if (!e)
		e = field(b, "X-CallID", n->call_id);
	if (!e && n->urgent)
		e = buf_adds(b, "Importance: high\r\nX-Priority: 1\r\n");
	if (!e && n->private)
		e = buf_adds(b, "Sensitivity: private\r\n");
	return e;
}

static enum err header(struct buf *b, const struct compose *c, const char *boundary)
{
	const struct note *n = c->note;
	char subject[NOTE_TEXT_MAX + 80];
	bool known = n->caller_address[0] && n->kind != NOTE_TEXT;
	enum err e;

	compose_subject(n, subject, sizeof(subject));
	e = mailbox(b, "From", n->kind == NOTE_TEXT ? "Unified Messaging" : who(n),
		    known ? n->caller_address : n->from);
	if (!e)
		e = mailbox(b, "To", n->to_name, n->to);
	if (!e)
		e = field(b, "Subject", subject);
	if (!e)
		e = build_date(b, n->at_ms, 0);
	if (!e)
		e = buf_addf(b, "Message-ID: <%s%llu.%llx@%s>\r\n",
			     n->kind == NOTE_VOICE ? COMPOSE_VOICE_ID : "um.",
			     (unsigned long long)c->id,
			     (unsigned long long)n->at_ms, c->hostname);
	if (!e)
		e = class_fields(b, c);
	if (!e)
		e = buf_addf(b, "MIME-Version: 1.0\r\nAuto-Submitted: auto-generated\r\n"
			     "Content-Type: multipart/%s;\r\n boundary=\"%s\"\r\n\r\n",
			     c->audio ? "mixed" : "alternative", boundary);
	return e;
}

/* ---- text ------------------------------------------------------------------------------ */

static enum err html_text(struct buf *b, const char *s)
{
	enum err e = ERR_OK;

	for (; *s && !e; s++)
		switch (*s) {
		case '<':
			e = buf_adds(b, "&lt;");
			break;
		case '>':
			e = buf_adds(b, "&gt;");
			break;
		case '&':
			e = buf_adds(b, "&amp;");
			break;
		case '"':
			e = buf_adds(b, "&quot;");
			break;
		default:
			e = buf_addc(b, *s);
		}
	return e;
}

static enum err row(struct buf *b, bool html, const char *name, const char *value)
{
	enum err e;

	if (!*value)
		return ERR_OK;
	e = buf_addf(b, html ? "<tr><td>%s</td><td>" : "%-10s", name);
	if (!e)
		e = html ? html_text(b, value) : buf_adds(b, value);
	return e ? e : buf_adds(b, html ? "</td></tr>\r\n" : "\r\n");
}

static enum err paragraph(struct buf *b, bool html, const char *text)
{
	enum err e;

	if (!*text)
		return ERR_OK;
	e = buf_adds(b, html ? "<p>" : "\r\n");
	if (!e)
		e = html ? html_text(b, text) : buf_adds(b, text);
	return e ? e : buf_adds(b, html ? "</p>\r\n" : "\r\n");
}

static enum err text_body(struct buf *b, const struct note *n, bool html)
{
	char subject[NOTE_TEXT_MAX + 80], d[48] = "";
	enum err e = ERR_OK;

	compose_subject(n, subject, sizeof(subject));
	if (n->kind == NOTE_VOICE)
		duration(n->duration_s, d);
	if (html)
		e = buf_adds(b, "<!DOCTYPE html><html><body>\r\n");
	if (!e && n->kind == NOTE_TEXT)
		e = paragraph(b, html, n->text);
	if (!e && n->kind != NOTE_TEXT)
		e = paragraph(b, html, subject);
	if (!e && n->kind != NOTE_TEXT) {
		e = buf_adds(b, html ? "<table>\r\n" : "\r\n");
		if (!e)
			e = row(b, html, "Caller:", n->caller_name);
		if (!e)
			e = row(b, html, "Number:", n->caller[0] ? n->caller : "withheld");
		if (!e)
			e = row(b, html, "Called:", n->called);
		if (!e)
			e = row(b, html, "Duration:", d);
		if (!e && html)
			e = buf_adds(b, "</table>\r\n");
	}
	if (!e && n->kind == NOTE_VOICE && n->text[0])
		e = paragraph(b, html, "What was understood of it:");
	if (!e && n->kind == NOTE_VOICE)
		e = paragraph(b, html, n->text);
	if (!e)
		e = paragraph(b, html, n->extra);
	if (!e && html)
		e = buf_adds(b, "</body></html>\r\n");
	return e;
}

static enum err text_part(struct buf *b, const struct note *n, bool html, const char *boundary)
{
	struct qp_enc enc = { .col = 0 };
	struct buf text;
	enum err e;

	buf_init(&text, BODY_MAX);
	e = text_body(&text, n, html);
	if (!e)
		e = buf_addf(b, "--%s\r\nContent-Type: text/%s; charset=utf-8\r\n"
			     "Content-Transfer-Encoding: quoted-printable\r\n\r\n", boundary,
			     html ? "html" : "plain");
	if (!e)
		e = qp_enc_feed(&enc, text.data, text.len, b);
	if (!e)
		e = qp_enc_end(&enc, b);
	if (!e)
		e = buf_adds(b, "\r\n");
	buf_fini(&text);
	return e;
}

/* ---- the whole ------------------------------------------------------------------------- */

static enum err put(struct buf *b, FILE *to, struct errbuf *eb)
{
	if (b->len && fwrite(b->data, 1, b->len, to) != b->len)
		return err_errno(eb, errno, "writing a message");
	buf_clear(b);
	return ERR_OK;
}

static enum err attach(const char *path, const char *name, const char *type, const char *boundary,
		       struct buf *b, FILE *to, struct errbuf *eb)
{
	FILE *f = fopen(path, "re");
	struct b64_enc enc = { .col = 0 };
	char block[BLOCK];
	size_t n;
	enum err e;

	if (!f)
		return err_errno(eb, errno, path);
	e = buf_addf(b, "--%s\r\nContent-Type: %s;\r\n name=\"%s\"\r\n"
		     "Content-Transfer-Encoding: base64\r\n"
		     "Content-Disposition: attachment;\r\n filename=\"%s\"\r\n\r\n",
		     boundary, type, name, name);
	while (!e && (n = fread(block, 1, sizeof(block), f)) > 0) {
		e = b64_enc_feed(&enc, block, n, b);
		if (!e)
			e = put(b, to, eb);
	}
	if (!e && ferror(f))
		e = err_errno(eb, errno, path);
	if (!e)
		e = b64_enc_end(&enc, b);
	fclose(f);
	return e;
}

static enum err alternatives(struct buf *b, const struct note *n, const char *boundary)
{
	enum err e = text_part(b, n, false, boundary);

	if (!e)
		e = text_part(b, n, true, boundary);
	return e ? e : buf_addf(b, "--%s--\r\n", boundary);
}

enum err compose_write(const struct compose *c, FILE *to, struct errbuf *eb)
{
	char outer[BUILD_BOUNDARY_MAX], inner[BUILD_BOUNDARY_MAX];
	uint64_t seed = c->id * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)c->note->at_ms;
	struct buf b;
	enum err e;

	buf_init(&b, HEADER_MAX + 4 * BODY_MAX);
	build_boundary(outer, seed, 0);
	build_boundary(inner, seed, 1);
	e = header(&b, c, outer);
	if (!e && !c->audio) {
		e = alternatives(&b, c->note, outer);
	} else if (!e) {
		e = buf_addf(&b, "--%s\r\nContent-Type: multipart/alternative;\r\n"
			     " boundary=\"%s\"\r\n\r\n", outer, inner);
		if (!e)
			e = alternatives(&b, c->note, inner);
		if (!e)
			e = buf_adds(&b, "\r\n");
		if (!e)
			e = attach(c->audio, c->audio_name, c->audio_type, outer, &b, to, eb);
		if (!e && c->audio2)
			e = attach(c->audio2, c->audio2_name, c->audio2_type, outer, &b, to, eb);
		if (!e)
			e = buf_addf(&b, "--%s--\r\n", outer);
	}
	if (!e)
		e = put(&b, to, eb);
	buf_fini(&b);
	return e;
}
