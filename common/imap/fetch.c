#include "common/imap/fetch.h"

#include "common/imap/write.h"

#define FAST (IMAP_FETCH_FLAGS | IMAP_FETCH_INTERNALDATE | IMAP_FETCH_SIZE)

static const struct {
	const char *name;
	unsigned bits;
	bool macro;			/* only instead of a list */
} items[] = {
	{ "UID", IMAP_FETCH_UID, false },
	{ "FLAGS", IMAP_FETCH_FLAGS, false },
	{ "INTERNALDATE", IMAP_FETCH_INTERNALDATE, false },
	{ "RFC822.SIZE", IMAP_FETCH_SIZE, false },
	{ "ENVELOPE", IMAP_FETCH_ENVELOPE, false },
	{ "BODYSTRUCTURE", IMAP_FETCH_BODYSTRUCTURE, false },
	{ "MODSEQ", IMAP_FETCH_MODSEQ, false },
	{ "EMAILID", IMAP_FETCH_EMAILID, false },
	{ "THREADID", IMAP_FETCH_THREADID, false },
	{ "SAVEDATE", IMAP_FETCH_SAVEDATE, false },
	{ "ALL", FAST | IMAP_FETCH_ENVELOPE, true },
	{ "FAST", FAST, true },
	{ "FULL", FAST | IMAP_FETCH_ENVELOPE | IMAP_FETCH_BODY, true },
};

/* RFC 3501: each is a body section under an older name. */
static const struct {
	const char *name;
	enum imap_section_name as;
	enum imap_section_text text;
	bool peek;
} old_names[] = {
	{ "RFC822", IMAP_NAME_RFC822, IMAP_TEXT_ALL, false },
	{ "RFC822.HEADER", IMAP_NAME_RFC822_HEADER, IMAP_TEXT_HEADER, true },
	{ "RFC822.TEXT", IMAP_NAME_RFC822_TEXT, IMAP_TEXT_TEXT, false },
};

static const struct {
	const char *name;
	enum imap_section_text text;
} texts[] = {
	{ "HEADER.FIELDS.NOT", IMAP_TEXT_HEADER_FIELDS_NOT },
	{ "HEADER.FIELDS", IMAP_TEXT_HEADER_FIELDS },
	{ "HEADER", IMAP_TEXT_HEADER },
	{ "TEXT", IMAP_TEXT_TEXT },
	{ "MIME", IMAP_TEXT_MIME },
};

static bool field_list(struct imap_lex *l, struct imap_section *s)
{
	if (!imap_lex_sp(l) || !imap_lex_char(l, '('))
		return false;
	s->fields = arena_alloc(l->arena, IMAP_MAX_FIELDS * sizeof(*s->fields));
	do {
		if (s->n_fields == IMAP_MAX_FIELDS)
			return imap_lex_fail(l, "Too many header fields.");
		if (!imap_lex_astring(l, &s->fields[s->n_fields++]))
			return false;
	} while (imap_lex_peek(l) == ' ' && l->p++);
	return imap_lex_char(l, ')');
}

static bool text_name(struct imap_lex *l, struct imap_section *s)
{
	for (size_t i = 0; i < N_ELEMS(texts); i++) {
		if (!imap_lex_word(l, texts[i].name))
			continue;
		s->text = texts[i].text;
		if (s->text == IMAP_TEXT_MIME && s->n_part == 0)
			return imap_lex_fail(l, "MIME needs a part number.");
		return (s->text != IMAP_TEXT_HEADER_FIELDS &&
			s->text != IMAP_TEXT_HEADER_FIELDS_NOT) ||
		       field_list(l, s);
	}
	return imap_lex_fail(l, "Unknown section.");
}

/* "1.2.HEADER", up to the "]". */
static bool section_spec(struct imap_lex *l, struct imap_section *s)
{
	uint32_t part[IMAP_MAX_PARTS];

	s->text = IMAP_TEXT_ALL;
	if (imap_lex_peek(l) == ']')
		return true;
	while (imap_lex_peek(l) >= '0' && imap_lex_peek(l) <= '9') {
		if (s->n_part == IMAP_MAX_PARTS)
			return imap_lex_fail(l, "Part number too deep.");
		if (!imap_lex_nz32(l, &part[s->n_part++]))
			return false;
		if (imap_lex_peek(l) != '.')
			break;
		l->p++;
	}
	if (s->n_part > 0)
		s->part = arena_dup(l->arena, part, s->n_part * sizeof(*part));
	if (s->n_part > 0 && l->p[-1] != '.')
		return true;
	return text_name(l, s);
}

static bool partial(struct imap_lex *l, struct imap_section *s)
{
	if (imap_lex_peek(l) != '<')
		return true;
	l->p++;
	s->partial = true;
	if (!imap_lex_u63(l, &s->offset) || !imap_lex_char(l, '.') ||
	    !imap_lex_u63(l, &s->count))
		return false;
	if (s->count == 0)
		return imap_lex_fail(l, "Zero is not allowed here.");
	return imap_lex_char(l, '>');
}

static struct imap_section *new_section(struct imap_lex *l, struct imap_fetch *f)
{
	if (f->n_sections == IMAP_MAX_SECTIONS) {
		(void)imap_lex_fail(l, "Too many sections.");
		return NULL;
	}
	if (f->sections == NULL)
		f->sections = arena_alloc(l->arena,
					  IMAP_MAX_SECTIONS * sizeof(*f->sections));
	return &f->sections[f->n_sections++];
}

/* Behind "BODY[" or "BODY.PEEK[". */
static bool body_section(struct imap_lex *l, struct imap_fetch *f, bool peek)
{
	struct imap_section *s = new_section(l, f);

	if (s == NULL)
		return false;
	s->peek = peek;
	return section_spec(l, s) && imap_lex_char(l, ']') && partial(l, s);
}

/* RFC 3516: behind "BINARY[", ".PEEK[" or ".SIZE[" only part numbers may stand. */
static bool binary_section(struct imap_lex *l, struct imap_fetch *f, bool peek, bool size)
{
	struct imap_section *s = new_section(l, f);

	if (s == NULL)
		return false;
	s->peek = peek;
	s->name = size ? IMAP_NAME_BINARY_SIZE : IMAP_NAME_BINARY;
	if (!section_spec(l, s))
		return false;
	if (s->text != IMAP_TEXT_ALL)
		return imap_lex_fail(l, "BINARY takes part numbers only.");
	return imap_lex_char(l, ']') && (size || partial(l, s));
}

static bool prefix(struct imap_lex *l, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(l->end - l->p) < n || strncasecmp(l->p, word, n) != 0)
		return false;
	l->p += n;
	return true;
}

/* "PREVIEW", perhaps " (LAZY)". */
static bool preview(struct imap_lex *l, struct imap_fetch *f)
{
	f->items |= IMAP_FETCH_PREVIEW;
	if (l->end - l->p < 2 || l->p[0] != ' ' || l->p[1] != '(')
		return true;
	l->p += 2;
	if (!imap_lex_word(l, "LAZY"))
		return imap_lex_fail(l, "Unknown PREVIEW modifier.");
	f->items |= IMAP_FETCH_LAZY;
	return imap_lex_char(l, ')');
}

/* What stands in brackets; *ok says whether it was well formed. */
static bool bracketed(struct imap_lex *l, struct imap_fetch *f, bool *ok)
{
	if (prefix(l, "BODY["))
		*ok = body_section(l, f, false);
	else if (prefix(l, "BODY.PEEK["))
		*ok = body_section(l, f, true);
	else if (prefix(l, "BINARY["))
		*ok = binary_section(l, f, false, false);
	else if (prefix(l, "BINARY.PEEK["))
		*ok = binary_section(l, f, true, false);
	else if (prefix(l, "BINARY.SIZE["))
		*ok = binary_section(l, f, true, true);
	else
		return false;
	return true;
}

static bool item(struct imap_lex *l, struct imap_fetch *f, bool in_list)
{
	bool ok = false;

	if (bracketed(l, f, &ok))
		return ok;
	if (imap_lex_word(l, "PREVIEW"))
		return preview(l, f);
	if (imap_lex_word(l, "BODY")) {
		f->items |= IMAP_FETCH_BODY;
		return true;
	}
	for (size_t i = 0; i < N_ELEMS(old_names); i++) {
		struct imap_section *s;

		if (!imap_lex_word(l, old_names[i].name))
			continue;
		s = new_section(l, f);
		if (s != NULL) {
			s->name = old_names[i].as;
			s->text = old_names[i].text;
			s->peek = old_names[i].peek;
		}
		return s != NULL;
	}
	for (size_t i = 0; i < N_ELEMS(items); i++)
		if (!(in_list && items[i].macro) && imap_lex_word(l, items[i].name)) {
			f->items |= items[i].bits;
			return true;
		}
	return imap_lex_fail(l, "Unknown FETCH item.");
}

static bool minus(struct imap_lex *l)
{
	if (imap_lex_peek(l) != '-')
		return false;
	l->p++;
	return true;
}

bool imap_lex_partial(struct imap_lex *l, struct imap_partial *out)
{
	uint32_t t;

	out->from_end = minus(l);
	if (!imap_lex_nz32(l, &out->from) || !imap_lex_char(l, ':'))
		return false;
	if (minus(l) != out->from_end)
		return imap_lex_fail(l, "Both ends of a range count the same way.");
	if (!imap_lex_nz32(l, &out->to))
		return false;
	if (out->from > out->to) {
		t = out->from;
		out->from = out->to;
		out->to = t;
	}
	return true;
}

static bool modifier(struct imap_lex *l, struct imap_fetch *f)
{
	if (imap_lex_word(l, "PARTIAL")) {
		if (f->partial.from)
			return imap_lex_fail(l, "PARTIAL given twice.");
		return imap_lex_sp(l) && imap_lex_partial(l, &f->partial);
	}
	if (imap_lex_word(l, "VANISHED")) {
		f->vanished = true;
		return true;
	}
	if (!imap_lex_word(l, "CHANGEDSINCE"))
		return imap_lex_fail(l, "Unknown FETCH modifier.");
	if (f->has_changed_since)
		return imap_lex_fail(l, "CHANGEDSINCE given twice.");
	f->has_changed_since = true;
	f->items |= IMAP_FETCH_MODSEQ;
	return imap_lex_sp(l) && imap_lex_u63(l, &f->changed_since);
}

static bool modifiers(struct imap_lex *l, struct imap_fetch *f)
{
	if (!imap_lex_sp(l) || !imap_lex_char(l, '('))
		return false;
	do {
		if (!modifier(l, f))
			return false;
	} while (imap_lex_peek(l) == ' ' && l->p++);
	if (f->vanished && !f->has_changed_since)
		return imap_lex_fail(l, "VANISHED needs CHANGEDSINCE.");
	return imap_lex_char(l, ')');
}

bool imap_lex_fetch(struct imap_lex *l, struct imap_fetch *out)
{
	*out = (struct imap_fetch){ 0 };
	if (imap_lex_peek(l) == '(') {
		l->p++;
		do {
			if (!item(l, out, true))
				return false;
		} while (imap_lex_peek(l) == ' ' && l->p++);
		if (!imap_lex_char(l, ')'))
			return false;
	} else if (!item(l, out, false)) {
		return false;
	}
	if (imap_lex_peek(l) == ' ' && !modifiers(l, out))
		return false;
	return imap_lex_end(l);
}

bool imap_fetch_marks_seen(const struct imap_fetch *f)
{
	for (size_t i = 0; i < f->n_sections; i++)
		if (!f->sections[i].peek)
			return true;
	return false;
}

static enum err write_spec(struct buf *out, const struct imap_section *s)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < s->n_part && !e; i++)
		e = buf_addf(out, "%s%u", i ? "." : "", s->part[i]);
	if (s->text == IMAP_TEXT_ALL || e)
		return e;
	for (size_t i = 0; i < N_ELEMS(texts) && !e; i++)
		if (texts[i].text == s->text)
			e = buf_addf(out, "%s%s", s->n_part ? "." : "", texts[i].name);
	for (size_t i = 0; i < s->n_fields && !e; i++) {
		e = buf_adds(out, i ? " " : " (");
		if (!e)
			e = imap_write_astring(out, s->fields[i]);
	}
	return e || s->n_fields == 0 ? e : buf_addc(out, ')');
}

enum err imap_write_section(struct buf *out, const struct imap_section *s)
{
	enum err e;

	if (s->name >= IMAP_NAME_RFC822 && s->name <= IMAP_NAME_RFC822_TEXT)
		return buf_adds(out, old_names[s->name - IMAP_NAME_RFC822].name);
	e = buf_adds(out, s->name == IMAP_NAME_BODY   ? "BODY[" :
			  s->name == IMAP_NAME_BINARY ? "BINARY[" : "BINARY.SIZE[");
	if (!e)
		e = write_spec(out, s);
	if (!e)
		e = buf_addc(out, ']');
	if (!e && s->partial)
		e = buf_addf(out, "<%llu>", (unsigned long long)s->offset);
	return e;
}
