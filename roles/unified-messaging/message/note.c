#include "roles/unified-messaging/message/note.h"

#include "common/smtp/address.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum field_type { F_TEXT, F_UINT, F_INT64, F_BOOL, F_GUID, F_KIND, F_CODEC };

#define F(member, type) { #member, offsetof(struct note, member), sizeof(((struct note *)0)->member), type }

static const struct {
	const char *name;
	size_t offset, size;
	enum field_type type;
} fields[] = {
	F(kind, F_KIND), F(codec, F_CODEC), F(mailbox, F_GUID), F(to, F_TEXT), F(to_name, F_TEXT),
	F(caller, F_TEXT), F(caller_name, F_TEXT), F(caller_address, F_TEXT), F(called, F_TEXT),
	F(call_id, F_TEXT), F(from, F_TEXT), F(subject, F_TEXT), F(text, F_TEXT),
	F(extra, F_TEXT), F(at_ms, F_INT64), F(rate, F_UINT), F(duration_s, F_UINT),
	F(pages, F_UINT), F(urgent, F_BOOL), F(private, F_BOOL),
};

static const char first_line[] = "bourse-um note 1\n";

enum note_codec note_codec_of(const char *name)
{
	static const char *const names[] = {
		[NOTE_MP3] = "mp3", [NOTE_OPUS] = "opus", [NOTE_GSM] = "gsm", [NOTE_PCM] = "pcm",
	};

	for (size_t i = 0; name && i < N_ELEMS(names); i++)
		if (strcmp(names[i], name) == 0)
			return (enum note_codec)i;
	return NOTE_MP3;
}

void note_set(char *field, size_t cap, const char *text)
{
	size_t n = 0;

	for (; *text && n + 1 < cap; text++) {
		unsigned char c = (unsigned char)*text;

		field[n++] = c < 0x20 || c == 0x7f ? ' ' : (char)c;
	}
	while (n && !smtp_utf8_valid((struct span){ field, n }))
		n--;
	memset(field + n, 0, cap - n);
}

enum err note_write(const struct note *n, struct buf *out)
{
	enum err e = buf_adds(out, first_line);

	for (size_t i = 0; i < N_ELEMS(fields) && !e; i++) {
		const char *at = (const char *)n + fields[i].offset;
		char text[GUID_TEXT];
		int64_t v = 0;

		switch (fields[i].type) {
		case F_TEXT:
			e = buf_addf(out, "%s=%s\n", fields[i].name, at);
			continue;
		case F_GUID:
			e = buf_addf(out, "%s=%s\n", fields[i].name,
				     guid_text((const void *)at, text));
			continue;
		case F_INT64:
			memcpy(&v, at, sizeof(v));
			break;
		case F_BOOL:
			v = *(const bool *)at;
			break;
		case F_UINT:
		case F_KIND:
		case F_CODEC:
			v = *(const unsigned *)(const void *)at;
			break;
		}
		e = buf_addf(out, "%s=%lld\n", fields[i].name, (long long)v);
	}
	return e;
}

static bool set_field(struct note *n, size_t i, const char *value)
{
	char *at = (char *)n + fields[i].offset;
	char *end;
	int64_t v;

	if (fields[i].type == F_TEXT) {
		note_set(at, fields[i].size, value);
		return true;
	}
	if (fields[i].type == F_GUID)
		return guid_parse(value, (void *)at) == ERR_OK;
	v = strtoll(value, &end, 10);
	if (*end || end == value)
		return false;
	switch (fields[i].type) {
	case F_INT64:
		memcpy(at, &v, sizeof(v));
		return true;
	case F_BOOL:
		*(bool *)at = v != 0;
		return true;
	case F_KIND:
		if (v < 0 || v > NOTE_TEXT)
			return false;
		break;
	case F_CODEC:
		if (v < 0 || v > NOTE_PCM)
			return false;
		break;
	default:
		if (v < 0 || v > UINT32_MAX)
			return false;
	}
	*(unsigned *)(void *)at = (unsigned)v;
	return true;
}

enum err note_read(struct span text, struct note *out, struct errbuf *eb)
{
	size_t skip = sizeof(first_line) - 1;

	memset(out, 0, sizeof(*out));
	if (text.n < skip || memcmp(text.p, first_line, skip) != 0)
		return err_set(eb, ERR_CORRUPT, "not a note");
	text.p += skip;
	text.n -= skip;
	while (text.n) {
		const char *eol = memchr(text.p, '\n', text.n), *eq;
		char line[2200];
		size_t n = eol ? (size_t)(eol - text.p) : text.n;

		if (!eol || n >= sizeof(line))
			return err_set(eb, ERR_CORRUPT, "a line without an end");
		memcpy(line, text.p, n);
		line[n] = '\0';
		text.p += n + 1;
		text.n -= n + 1;
		eq = strchr(line, '=');
		if (!eq)
			return err_set(eb, ERR_CORRUPT, "a line without a value");
		for (size_t i = 0; i < N_ELEMS(fields); i++)
			if (strlen(fields[i].name) == (size_t)(eq - line) &&
			    strncmp(fields[i].name, line, (size_t)(eq - line)) == 0 &&
			    !set_field(out, i, eq + 1))
				return err_set(eb, ERR_CORRUPT, "%s", fields[i].name);
	}
	return ERR_OK;
}
