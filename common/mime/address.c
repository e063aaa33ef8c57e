#include "common/mime/address.h"

/*
 * One pass with a cursor.  Words are gathered twice, since only what follows
 * tells what they were: as a phrase (words apart by one space) and as a local
 * part (nothing around dots).  Both buffers are as long as the input, so that
 * they need no checks, and all results are copied from them.
 */
struct text {
	char *p;
	size_t n;
};

struct parser {
	struct arena *arena;
	const char *p, *end;
	struct text phrase, local, comment, domain;
	bool has_words;
	struct address *list;
	size_t n, max, cap;
	bool in_group;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
}

static bool is_special(char c)
{
	return c != '\0' && strchr("()<>[]:;@,\"", c) != NULL;
}

static bool is_atom_char(char c)
{
	return !is_blank(c) && !is_special(c);
}

static void put(struct text *t, char c)
{
	if (c != '\r' && c != '\n' && c != '\0')
		t->p[t->n++] = c;
}

static struct span keep(struct parser *s, const struct text *t)
{
	if (t->n == 0)
		return (struct span){ NULL, 0 };
	return (struct span){ arena_dup(s->arena, t->p, t->n), t->n };
}

static void take_comment(struct parser *s)
{
	unsigned depth = 0;

	s->comment.n = 0;
	while (s->p < s->end) {
		char c = *s->p++;

		if (c == '\\' && s->p < s->end)
			put(&s->comment, *s->p++);
		else if (c == '(' && depth++ > 0)
			put(&s->comment, c);
		else if (c == ')' && --depth == 0)
			break;
		else if (c != '(')
			put(&s->comment, c);
	}
	while (s->comment.n && is_blank(s->comment.p[s->comment.n - 1]))
		s->comment.n--;
}

/* White space and comments; true if there was any. */
static bool skip_cfws(struct parser *s)
{
	const char *from = s->p;

	while (s->p < s->end) {
		if (is_blank(*s->p))
			s->p++;
		else if (*s->p == '(')
			take_comment(s);
		else
			break;
	}
	return s->p != from;
}

/* Behind the opening quote; unquoted bytes go to a and b (which may be NULL). */
static void take_quoted(struct parser *s, struct text *a, struct text *b)
{
	while (s->p < s->end && *s->p != '"') {
		if (*s->p == '\\' && s->p + 1 < s->end)
			s->p++;
		if (a)
			put(a, *s->p);
		if (b)
			put(b, *s->p);
		s->p++;
	}
	if (s->p < s->end)
		s->p++;
}

static void reset_words(struct parser *s)
{
	s->phrase.n = s->local.n = s->comment.n = 0;
	s->has_words = false;
}

/* One atom or quoted string into phrase and local. */
static void take_word(struct parser *s, bool spaced)
{
	bool quoted = *s->p == '"';

	if (spaced && s->has_words) {
		put(&s->phrase, ' ');
		if (s->local.n && s->local.p[s->local.n - 1] != '.' && *s->p != '.')
			put(&s->local, ' ');
	}
	s->has_words = true;
	if (quoted) {
		s->p++;
		take_quoted(s, &s->phrase, &s->local);
		return;
	}
	while (s->p < s->end && is_atom_char(*s->p)) {
		put(&s->phrase, *s->p);
		put(&s->local, *s->p++);
	}
}

/* Words up to a special that ends them; stray ones are skipped. */
static void take_words(struct parser *s)
{
	bool spaced = skip_cfws(s);

	while (s->p < s->end) {
		if (*s->p == '"' || is_atom_char(*s->p)) {
			take_word(s, spaced);
			spaced = skip_cfws(s);
		} else if (strchr("[])", *s->p)) {
			s->p++;
			spaced = skip_cfws(s) || spaced;
		} else {
			break;
		}
	}
}

/* [literal], brackets and escapes inside it dropped. */
static void take_literal(struct parser *s)
{
	put(&s->domain, *s->p++);
	while (s->p < s->end && *s->p != ']') {
		if (*s->p != '\\' && *s->p != '[' && !is_blank(*s->p))
			put(&s->domain, *s->p);
		s->p++;
	}
	if (s->p < s->end)
		s->p++;
	put(&s->domain, ']');
}

/* Behind the @: atoms and dots, spaces and comments around the dots. */
static void take_domain(struct parser *s)
{
	s->domain.n = 0;
	skip_cfws(s);
	if (s->p < s->end && *s->p == '[') {
		take_literal(s);
		return;
	}
	for (;;) {
		const char *from = s->p;

		for (; s->p < s->end && is_atom_char(*s->p); s->p++)
			if (*s->p != '\\')
				put(&s->domain, *s->p);
		if (s->p == from)
			return;
		skip_cfws(s);
		if (s->p == s->end)
			return;
		if (*s->p != '.' && s->domain.n && s->domain.p[s->domain.n - 1] != '.')
			return;
	}
}

static struct address *add(struct parser *s, enum address_kind kind)
{
	/* An open group keeps room for its end. */
	size_t room = kind == ADDRESS_GROUP ? 2 :
		      kind == ADDRESS_MAILBOX && s->in_group ? 2 : 1;

	if (s->n + room > s->max) {
		s->max = s->n + s->in_group;	/* drop all that follows */
		return NULL;
	}
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 4;
		struct address *list = arena_alloc(s->arena, cap * sizeof(*list));

		if (s->n)
			memcpy(list, s->list, s->n * sizeof(*list));
		s->list = list;
		s->cap = cap;
	}
	s->list[s->n] = (struct address){ .kind = kind };
	return &s->list[s->n++];
}

static void end_group(struct parser *s)
{
	if (s->in_group)
		add(s, ADDRESS_GROUP_END);
	s->in_group = false;
}

static void begin_group(struct parser *s)
{
	struct address *a;

	end_group(s);
	a = add(s, ADDRESS_GROUP);
	if (a) {
		a->name = keep(s, &s->phrase);
		s->in_group = true;
	}
	reset_words(s);
}

/* Up to the separator; a comment on the way may still be the name. */
static void skip_junk(struct parser *s)
{
	while (s->p < s->end && *s->p != ',' && *s->p != ';') {
		if (*s->p == '(') {
			take_comment(s);
		} else if (*s->p++ == '"') {
			take_quoted(s, NULL, NULL);
		}
	}
}

/* "<@a,@b:local@host>": up to behind the colon, if there is one; what stands before
 * it, without spaces, is the route. */
static struct span take_route(struct parser *s)
{
	struct span route = { NULL, 0 };
	bool literal = false;
	const char *q;
	char *text;

	skip_cfws(s);
	if (s->p == s->end || *s->p != '@')
		return route;
	for (q = s->p; q < s->end && !strchr("<>\"", *q); q++) {
		if (*q == '[')
			literal = true;
		else if (*q == ']')
			literal = false;
		else if (*q == ':' && !literal)
			break;
	}
	if (q == s->end || *q != ':')
		return route;
	text = arena_alloc(s->arena, (size_t)(q - s->p));
	for (route.p = text; s->p < q; s->p++)
		if ((unsigned char)*s->p > ' ' && *s->p != 0x7f)
			text[route.n++] = *s->p;
	s->p = q + 1;
	return route;
}

/* Behind the <.  The phrase before it is the name and stays in s->phrase. */
static void take_angle(struct parser *s, struct span name)
{
	struct span route;
	struct address *a;

	reset_words(s);
	route = take_route(s);
	take_words(s);
	s->domain.n = 0;
	if (s->p < s->end && *s->p == '@') {
		s->p++;
		take_domain(s);
	}
	while (s->p < s->end && *s->p != '>' && *s->p != ',' && *s->p != ';')
		s->p++;
	if (s->p < s->end && *s->p == '>')
		s->p++;
	s->comment.n = 0;
	skip_junk(s);
	if (name.n == 0)
		name = keep(s, &s->comment);
	if (name.n == 0 && s->local.n == 0 && s->domain.n == 0)
		return;
	a = add(s, ADDRESS_MAILBOX);
	if (a) {
		a->name = name;
		a->local = keep(s, &s->local);
		a->host = keep(s, &s->domain);
		a->route = route;
	}
}

/* Words that were no phrase: local@host, or a local part alone.  An address
 * in front of <> is taken for the name. */
static void take_bare(struct parser *s)
{
	struct address *a;

	s->domain.n = 0;
	if (s->p < s->end && *s->p == '@') {
		s->p++;
		take_domain(s);
		if (s->p < s->end && *s->p == '<') {
			s->phrase.p[s->phrase.n++] = '@';
			memcpy(s->phrase.p + s->phrase.n, s->domain.p, s->domain.n);
			s->phrase.n += s->domain.n;
			s->p++;
			take_angle(s, keep(s, &s->phrase));
			return;
		}
	}
	skip_junk(s);
	if (s->local.n == 0 && s->domain.n == 0)
		return;
	a = add(s, ADDRESS_MAILBOX);
	if (a) {
		a->name = keep(s, &s->comment);
		a->local = keep(s, &s->local);
		a->host = keep(s, &s->domain);
	}
}

static void take_element(struct parser *s)
{
	char c;

	reset_words(s);
	take_words(s);
	c = s->p < s->end ? *s->p : ',';
	if (c == ':') {
		s->p++;
		begin_group(s);
		return;
	}
	if (c == '<') {
		s->p++;
		take_angle(s, keep(s, &s->phrase));
	} else if (c == '>') {
		s->p++;
	} else {
		take_bare(s);
	}
	if (s->p < s->end && (*s->p == ',' || *s->p == ';')) {
		if (*s->p == ';')
			end_group(s);
		s->p++;
	}
}

size_t address_parse(struct arena *a, struct span value, size_t max, struct address **out)
{
	struct parser s = { .arena = a, .max = max };
	size_t room = value.n * 2 + 8;	/* spaces and brackets may be added */
	char *mem;

	*out = NULL;
	if (value.n == 0)
		return 0;
	s.p = value.p;
	s.end = value.p + value.n;
	mem = arena_alloc(a, room * 4);
	s.phrase.p = mem;
	s.local.p = mem + room;
	s.comment.p = mem + 2 * room;
	s.domain.p = mem + 3 * room;
	while (s.p < s.end && s.n < s.max)
		take_element(&s);
	end_group(&s);
	*out = s.list;
	return s.n;
}

const struct address *address_first(const struct address *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].kind == ADDRESS_MAILBOX)
			return &list[i];
	return NULL;
}

static bool is_atext(char c)
{
	return is_atom_char(c) && c != '\\' && c != '.' && (unsigned char)c > 0x1f &&
	       c != 0x7f;
}

/* Words of atoms, one space between: no quotes needed. */
static bool is_plain_phrase(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (is_atext(s.p[i]))
			continue;
		if (s.p[i] != ' ' || i == 0 || i + 1 == s.n || s.p[i - 1] == ' ')
			return false;
	}
	return s.n > 0;
}

static bool is_plain_local(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_atext(s.p[i]) && s.p[i] != '.')
			return false;
	return s.n > 0;
}

static enum err write_text(struct span s, bool plain, struct buf *out)
{
	enum err e;

	if (plain)
		return buf_add(out, s.p, s.n);
	e = buf_addc(out, '"');
	for (size_t i = 0; !e && i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			e = buf_addc(out, '\\');
		if (!e)
			e = buf_addc(out, s.p[i]);
	}
	return e ? e : buf_addc(out, '"');
}

static enum err write_spec(const struct address *a, struct buf *out)
{
	enum err e = write_text(a->local, is_plain_local(a->local), out);

	if (!e && a->host.n)
		e = buf_addc(out, '@');
	return e || !a->host.n ? e : buf_add(out, a->host.p, a->host.n);
}

static enum err write_mailbox(const struct address *a, struct buf *out)
{
	enum err e;

	if (a->name.n == 0 && (a->local.n || a->host.n))
		return write_spec(a, out);
	e = write_text(a->name, is_plain_phrase(a->name), out);
	if (!e)
		e = buf_adds(out, " <");
	if (!e && (a->local.n || a->host.n))
		e = write_spec(a, out);
	return e ? e : buf_addc(out, '>');
}

enum err address_write(const struct address *list, size_t n, struct buf *out)
{
	bool comma = false;
	enum err e = ERR_OK;

	for (size_t i = 0; !e && i < n; i++) {
		const struct address *a = &list[i];

		if (a->kind == ADDRESS_GROUP_END) {
			e = buf_addc(out, ';');
			comma = true;
			continue;
		}
		if (comma)
			e = buf_adds(out, ", ");
		comma = a->kind == ADDRESS_MAILBOX;
		if (!e && comma) {
			e = write_mailbox(a, out);
		} else if (!e) {
			e = write_text(a->name, is_plain_phrase(a->name), out);
			if (!e)
				e = buf_adds(out, ": ");
		}
	}
	return e;
}
