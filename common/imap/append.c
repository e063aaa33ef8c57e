#include "common/imap/append.h"

#include "common/imap/date.h"

/*
 *	HEAD --> MESSAGE --> DATA --> BYTES ------------------> DONE --> MESSAGE
 *	                      |  `--> UTF8 --> UTF8_CLOSE ------^
 *	                      `-----> PART --> PART_DONE -------^
 *	                                ^----------'
 */
enum state { HEAD, MESSAGE, DATA, BYTES, UTF8, UTF8_CLOSE, PART, PART_DONE, DONE };

void imap_append_init(struct imap_append *p, bool replace)
{
	*p = (struct imap_append){ .replace = replace, .state = HEAD };
}

static enum imap_append_met bad(struct imap_lex *l, const char *why)
{
	if (imap_lex_fail(l, why))
		return IMAP_APPEND_END;		/* never */
	return IMAP_APPEND_BAD;
}

static bool number(struct imap_lex *l, uint32_t *out)
{
	if (imap_lex_peek(l) == '*') {
		l->p++;
		*out = UINT32_MAX;
		return true;
	}
	return imap_lex_nz32(l, out);
}

static enum imap_append_met head(struct imap_append *p, struct imap_lex *l)
{
	if (!imap_lex_sp(l))
		return IMAP_APPEND_BAD;
	if (p->replace && (!number(l, &p->number) || !imap_lex_sp(l)))
		return IMAP_APPEND_BAD;
	if (!imap_lex_mailbox(l, &p->mailbox))
		return IMAP_APPEND_BAD;
	p->state = MESSAGE;
	return IMAP_APPEND_TARGET;
}

/* A word and its space. */
static bool word(struct imap_lex *l, const char *w)
{
	return imap_lex_word(l, w);
}

static enum imap_append_met message(struct imap_append *p, struct imap_lex *l)
{
	p->flags = (struct imap_flags){ 0 };
	p->has_date = false;
	if (!imap_lex_sp(l))
		return IMAP_APPEND_BAD;
	if (imap_lex_peek(l) == '(' &&
	    (!imap_lex_flags(l, false, &p->flags) || !imap_lex_sp(l)))
		return IMAP_APPEND_BAD;
	if (imap_lex_peek(l) == '"') {
		p->has_date = true;
		if (!imap_lex_date_time(l, &p->date_s) || !imap_lex_sp(l))
			return IMAP_APPEND_BAD;
	}
	p->kind = IMAP_APPEND_PLAIN;
	p->state = BYTES;
	if (word(l, "CATENATE")) {
		p->kind = IMAP_APPEND_CATENATE;
		p->state = PART;
	} else if (word(l, "UTF8")) {
		p->kind = IMAP_APPEND_UTF8;
		p->state = UTF8;
	}
	if (p->kind != IMAP_APPEND_PLAIN && (!imap_lex_sp(l) || !imap_lex_char(l, '(')))
		return IMAP_APPEND_BAD;
	p->n_messages++;
	return IMAP_APPEND_MESSAGE;
}

static enum imap_append_met bytes(struct imap_append *p, struct imap_lex *l, bool literal, int then)
{
	if (!literal || l->p != l->end)
		return bad(l, "Expected a message literal.");
	p->state = then;
	return IMAP_APPEND_LITERAL;
}

static enum imap_append_met part(struct imap_append *p, struct imap_lex *l, bool literal)
{
	if (word(l, "TEXT"))
		return imap_lex_sp(l) ? bytes(p, l, literal, PART_DONE) : IMAP_APPEND_BAD;
	if (!word(l, "URL"))
		return bad(l, "Expected TEXT or URL.");
	if (!imap_lex_sp(l) || !imap_lex_astring(l, &p->url))
		return IMAP_APPEND_BAD;
	p->state = PART_DONE;
	return IMAP_APPEND_URL;
}

static enum imap_append_met message_end(struct imap_append *p, struct imap_lex *l, bool close)
{
	if (close && !imap_lex_char(l, ')'))
		return IMAP_APPEND_BAD;
	p->state = DONE;
	return IMAP_APPEND_MESSAGE_END;
}

enum imap_append_met imap_append_next(struct imap_append *p, struct imap_lex *l, bool literal)
{
	switch ((enum state)p->state) {
	case HEAD:
		return head(p, l);
	case MESSAGE:
		return message(p, l);
	case BYTES:
		return bytes(p, l, literal, DATA);
	case DATA:
		return message_end(p, l, false);
	case UTF8:
		return bytes(p, l, literal, UTF8_CLOSE);
	case UTF8_CLOSE:
		return message_end(p, l, true);
	case PART:
		return part(p, l, literal);
	case PART_DONE:
		if (imap_lex_peek(l) != ' ')
			return message_end(p, l, true);
		l->p++;
		return part(p, l, literal);
	case DONE:
		break;
	}
	if (!literal && l->p == l->end)
		return IMAP_APPEND_END;
	if (p->replace)
		return bad(l, "One message replaces one.");
	return message(p, l);
}

/* Does the text end with "(URL " or " URL "? */
static bool ends_with_url(const char *p, size_t n)
{
	return n >= 5 && (p[n - 5] == ' ' || p[n - 5] == '(') &&
	       strncasecmp(p + n - 4, "URL ", 4) == 0;
}

bool imap_append_is_content(struct imap_lex l, bool replace, bool goes_on)
{
	struct span mailbox;
	uint32_t n;

	if (!goes_on &&
	    (!imap_lex_sp(&l) || (replace && (!number(&l, &n) || !imap_lex_sp(&l))) ||
	     !imap_lex_astring(&l, &mailbox) || l.p == l.end || *l.p != ' '))
		return false;
	return !ends_with_url(l.p, (size_t)(l.end - l.p));
}
