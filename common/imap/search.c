#include "common/imap/search.h"

#include "common/imap/date.h"
#include "common/imap/flags.h"
#include "common/imap/utf7.h"

enum arg { NONE, FLAGS, ATOM, DATE, NUMBER, POSITIVE, STRING, FIELD_STRING, UIDS, MODSEQ, NEW,
	   OBJECT_ID };

static const struct {
	const char *name;
	enum imap_key_op op;
	enum arg arg;
	unsigned flag;			/* FLAGS: which bit */
	bool want;
	const char *field;		/* STRING: a header of this name */
} leaves[] = {
	{ "ALL", IMAP_KEY_ALL, NONE, 0, true, NULL },
	{ "ANSWERED", IMAP_KEY_FLAG, FLAGS, IMAP_ANSWERED, true, NULL },
	{ "BCC", IMAP_KEY_HEADER, STRING, 0, true, "Bcc" },
	{ "BEFORE", IMAP_KEY_BEFORE, DATE, 0, true, NULL },
	{ "BODY", IMAP_KEY_BODY, STRING, 0, true, NULL },
	{ "CC", IMAP_KEY_HEADER, STRING, 0, true, "Cc" },
	{ "DELETED", IMAP_KEY_FLAG, FLAGS, IMAP_DELETED, true, NULL },
	{ "DRAFT", IMAP_KEY_FLAG, FLAGS, IMAP_DRAFT, true, NULL },
	{ "EMAILID", IMAP_KEY_EMAILID, OBJECT_ID, 0, true, NULL },
	{ "FLAGGED", IMAP_KEY_FLAG, FLAGS, IMAP_FLAGGED, true, NULL },
	{ "FROM", IMAP_KEY_HEADER, STRING, 0, true, "From" },
	{ "HEADER", IMAP_KEY_HEADER, FIELD_STRING, 0, true, NULL },
	{ "KEYWORD", IMAP_KEY_KEYWORD, ATOM, 0, true, NULL },
	{ "LARGER", IMAP_KEY_LARGER, NUMBER, 0, true, NULL },
	{ "MODSEQ", IMAP_KEY_MODSEQ, MODSEQ, 0, true, NULL },
	{ "NEW", IMAP_KEY_AND, NEW, 0, true, NULL },
	{ "OLD", IMAP_KEY_FLAG, FLAGS, IMAP_RECENT, false, NULL },
	{ "OLDER", IMAP_KEY_OLDER, POSITIVE, 0, true, NULL },
	{ "ON", IMAP_KEY_ON, DATE, 0, true, NULL },
	{ "RECENT", IMAP_KEY_FLAG, FLAGS, IMAP_RECENT, true, NULL },
	{ "SAVEDATESUPPORTED", IMAP_KEY_SAVEDATESUPPORTED, NONE, 0, true, NULL },
	{ "SAVEDBEFORE", IMAP_KEY_SAVEDBEFORE, DATE, 0, true, NULL },
	{ "SAVEDON", IMAP_KEY_SAVEDON, DATE, 0, true, NULL },
	{ "SAVEDSINCE", IMAP_KEY_SAVEDSINCE, DATE, 0, true, NULL },
	{ "SEEN", IMAP_KEY_FLAG, FLAGS, IMAP_SEEN, true, NULL },
	{ "SENTBEFORE", IMAP_KEY_SENTBEFORE, DATE, 0, true, NULL },
	{ "SENTON", IMAP_KEY_SENTON, DATE, 0, true, NULL },
	{ "SENTSINCE", IMAP_KEY_SENTSINCE, DATE, 0, true, NULL },
	{ "SINCE", IMAP_KEY_SINCE, DATE, 0, true, NULL },
	{ "SMALLER", IMAP_KEY_SMALLER, NUMBER, 0, true, NULL },
	{ "SUBJECT", IMAP_KEY_HEADER, STRING, 0, true, "Subject" },
	{ "TEXT", IMAP_KEY_TEXT, STRING, 0, true, NULL },
	{ "THREADID", IMAP_KEY_THREADID, OBJECT_ID, 0, true, NULL },
	{ "TO", IMAP_KEY_HEADER, STRING, 0, true, "To" },
	{ "UID", IMAP_KEY_UID, UIDS, 0, true, NULL },
	{ "UNANSWERED", IMAP_KEY_FLAG, FLAGS, IMAP_ANSWERED, false, NULL },
	{ "UNDELETED", IMAP_KEY_FLAG, FLAGS, IMAP_DELETED, false, NULL },
	{ "UNDRAFT", IMAP_KEY_FLAG, FLAGS, IMAP_DRAFT, false, NULL },
	{ "UNFLAGGED", IMAP_KEY_FLAG, FLAGS, IMAP_FLAGGED, false, NULL },
	{ "UNKEYWORD", IMAP_KEY_KEYWORD, ATOM, 0, false, NULL },
	{ "UNSEEN", IMAP_KEY_FLAG, FLAGS, IMAP_SEEN, false, NULL },
	{ "YOUNGER", IMAP_KEY_YOUNGER, POSITIVE, 0, true, NULL },
};

/* An operator whose operands are still being read. */
struct frame {
	uint32_t key, last;		/* index of the operator, of its last child */
	unsigned children;
	bool paren;			/* AND in parentheses, ends at ')' */
};

struct parser {
	struct imap_lex *l;
	struct imap_search *s;
	size_t cap;
	struct frame stack[IMAP_SEARCH_DEPTH];
	unsigned depth;
};

/* A new child of the innermost operator; its index, or 0. */
static uint32_t add(struct parser *p, enum imap_key_op op)
{
	struct imap_search *s = p->s;
	struct frame *f = &p->stack[p->depth - 1];
	uint32_t i = (uint32_t)s->n_keys;

	if (i == IMAP_SEARCH_KEYS) {
		(void)imap_lex_fail(p->l, "Too many search keys.");
		return 0;
	}
	if (i == p->cap) {
		struct imap_key *k;

		p->cap *= 2;
		k = arena_alloc(p->l->arena, p->cap * sizeof(*k));
		memcpy(k, s->keys, i * sizeof(*k));
		s->keys = k;
	}
	s->n_keys++;
	s->keys[i] = (struct imap_key){ .op = op, .want = true };
	if (f->children++ == 0)
		s->keys[f->key].first = i;
	else
		s->keys[f->last].next = i;
	f->last = i;
	return i;
}

static bool push(struct parser *p, enum imap_key_op op, bool paren)
{
	uint32_t i = add(p, op);

	if (i == 0)
		return false;
	if (p->depth == IMAP_SEARCH_DEPTH)
		return imap_lex_fail(p->l, "Search keys nested too deep.");
	p->stack[p->depth++] = (struct frame){ .key = i, .paren = paren };
	return true;
}

static bool text(struct parser *p, struct span *out)
{
	struct imap_lex *l = p->l;

	if (!imap_lex_sp(l) || !imap_lex_astring(l, out))
		return false;
	return p->s->charset.n > 0 || imap_utf8_valid(*out) ||
	       imap_lex_fail(l, "Text is not valid UTF-8.");
}

static bool set(struct imap_lex *l, struct imap_key *k)
{
	k->set = arena_alloc(l->arena, sizeof(*k->set));
	if (!imap_lex_seqset(l, k->set))
		return false;
	if (k->set->saved)
		*k = (struct imap_key){ .op = IMAP_KEY_SAVED, .want = true, .next = k->next };
	return true;
}

/* RFC 8474 section 7: 1 to 255 of A-Z a-z 0-9 "_" "-". */
static bool object_id(struct imap_lex *l, struct span *out)
{
	if (!imap_lex_sp(l) || !imap_lex_astring(l, out))
		return false;
	for (size_t i = 0; i < out->n; i++) {
		unsigned char c = (unsigned char)out->p[i];

		if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && !(c >= '0' && c <= '9') &&
		    c != '_' && c != '-')
			return imap_lex_fail(l, "Not an object identifier.");
	}
	return (out->n > 0 && out->n <= 255) || imap_lex_fail(l, "Not an object identifier.");
}

/* MODSEQ ["/flags/\\Seen" all] 12: per-flag counters are not kept, so the entry
 * is read and means the message (RFC 7162 3.1.5 allows it). */
static bool modseq(struct imap_lex *l, struct imap_key *k)
{
	struct span entry;

	if (!imap_lex_sp(l))
		return false;
	if (imap_lex_peek(l) == '"') {
		if (!imap_lex_string(l, &entry) || !imap_lex_sp(l))
			return false;
		if (!imap_lex_word(l, "priv") && !imap_lex_word(l, "shared") &&
		    !imap_lex_word(l, "all"))
			return imap_lex_fail(l, "Unknown MODSEQ entry type.");
		if (!imap_lex_sp(l))
			return false;
	}
	return imap_lex_u63(l, &k->n);
}

static bool number(struct imap_lex *l, struct imap_key *k, bool positive)
{
	if (!imap_lex_sp(l) || !imap_lex_u63(l, &k->n))
		return false;
	return !positive || (k->n > 0 && k->n <= UINT32_MAX) ||
	       imap_lex_fail(l, "Interval out of range.");
}

/* NEW is (RECENT UNSEEN). */
static bool new_messages(struct parser *p)
{
	static const struct { unsigned bit; bool want; } half[] = {
		{ IMAP_RECENT, true }, { IMAP_SEEN, false },
	};

	if (!push(p, IMAP_KEY_AND, true))
		return false;
	for (size_t i = 0; i < N_ELEMS(half); i++) {
		uint32_t k = add(p, IMAP_KEY_FLAG);

		if (k == 0)
			return false;
		p->s->keys[k].n = half[i].bit;
		p->s->keys[k].want = half[i].want;
	}
	p->depth--;
	return true;
}

static bool leaf(struct parser *p, size_t kind)
{
	struct imap_lex *l = p->l;
	struct imap_key *k;
	uint32_t i;

	if (leaves[kind].arg == NEW)
		return new_messages(p);
	i = add(p, leaves[kind].op);
	if (i == 0)
		return false;
	k = &p->s->keys[i];
	k->want = leaves[kind].want;
	if (leaves[kind].field)
		k->field = span_of(leaves[kind].field);
	switch (leaves[kind].arg) {
	case NONE:
	case NEW:
		return true;
	case FLAGS:
		k->n = leaves[kind].flag;
		return true;
	case ATOM:
		return imap_lex_sp(l) && imap_lex_atom(l, &k->text);
	case DATE:
		return imap_lex_sp(l) && imap_lex_date(l, &k->day);
	case NUMBER:
		return number(l, k, false);
	case POSITIVE:
		return number(l, k, true);
	case FIELD_STRING:
		k->is_raw = true;
		return imap_lex_sp(l) && imap_lex_astring(l, &k->field) && text(p, &k->text);
	case STRING:
		return text(p, &k->text);
	case OBJECT_ID:
		return object_id(l, &k->text);
	case UIDS:
		return imap_lex_sp(l) && set(l, k);
	case MODSEQ:
		p->s->has_modseq = true;
		return modseq(l, k);
	}
	return false;
}

/* One key, or the beginning of one with operands: then *open. */
static bool key(struct parser *p, bool *open)
{
	struct imap_lex *l = p->l;
	int c = imap_lex_peek(l);
	uint32_t i;

	*open = true;
	if (c == '(') {
		l->p++;
		return push(p, IMAP_KEY_AND, true);
	}
	if (imap_lex_word(l, "NOT"))
		return push(p, IMAP_KEY_NOT, false) && imap_lex_sp(l);
	if (imap_lex_word(l, "OR"))
		return push(p, IMAP_KEY_OR, false) && imap_lex_sp(l);
	*open = false;
	if (c == '*' || c == '$' || (c >= '0' && c <= '9')) {
		i = add(p, IMAP_KEY_SEQ);
		return i != 0 && set(l, &p->s->keys[i]);
	}
	for (i = 0; i < N_ELEMS(leaves); i++)
		if (imap_lex_word(l, leaves[i].name))
			return leaf(p, i);
	return imap_lex_fail(l, "Unknown search key.");
}

/* A key is complete: close every operator that has all it needs.  *done at the
 * end of the command. */
static bool close_frames(struct parser *p, bool *done)
{
	for (;;) {
		struct frame *f = &p->stack[p->depth - 1];
		enum imap_key_op op = p->s->keys[f->key].op;

		if (op == IMAP_KEY_OR && f->children < 2)
			return imap_lex_sp(p->l);
		if (p->depth == 1) {
			*done = imap_lex_peek(p->l) == -1;
			return *done || imap_lex_sp(p->l);
		}
		if (f->paren) {
			if (imap_lex_peek(p->l) == ' ')
				return imap_lex_sp(p->l);
			if (!imap_lex_char(p->l, ')'))
				return false;
		}
		p->depth--;
	}
}

/* ---- around the keys ----------------------------------------------------------- */

static bool one_return(struct imap_lex *l, struct imap_search *s)
{
	static const struct { const char *name; unsigned bit; } opts[] = {
		{ "MIN", IMAP_RETURN_MIN },
		{ "MAX", IMAP_RETURN_MAX },
		{ "ALL", IMAP_RETURN_ALL },
		{ "COUNT", IMAP_RETURN_COUNT },
		{ "PARTIAL", IMAP_RETURN_PARTIAL },
		{ "SAVE", IMAP_RETURN_SAVE },
		{ "UPDATE", IMAP_RETURN_UPDATE },
		{ "CONTEXT", IMAP_RETURN_CONTEXT },
	};

	for (size_t i = 0; i < N_ELEMS(opts); i++) {
		if (!imap_lex_word(l, opts[i].name))
			continue;
		if (opts[i].bit == IMAP_RETURN_PARTIAL &&
		    ((s->returns & IMAP_RETURN_PARTIAL) || !imap_lex_sp(l) ||
		     !imap_lex_partial(l, &s->partial)))
			return imap_lex_fail(l, "PARTIAL given twice.");
		s->returns |= opts[i].bit;
		return true;
	}
	return imap_lex_fail(l, "Unknown search return option.");
}

bool imap_lex_search_returns(struct imap_lex *l, struct imap_search *s)
{
	const unsigned both = IMAP_RETURN_ALL | IMAP_RETURN_PARTIAL;

	if (!imap_lex_word(l, "RETURN"))
		return true;
	s->esearch = true;
	if (!imap_lex_sp(l) || !imap_lex_char(l, '('))
		return false;
	while (imap_lex_peek(l) != ')') {
		if (!one_return(l, s))
			return false;
		if (imap_lex_peek(l) == ' ')
			l->p++;
	}
	if ((s->returns & both) == both)	/* RFC 9394 section 3.1 */
		return imap_lex_fail(l, "PARTIAL and ALL exclude each other.");
	if ((s->returns & (IMAP_RETURN_SAYS | IMAP_RETURN_SAVE)) == 0)
		s->returns |= IMAP_RETURN_ALL;
	return imap_lex_char(l, ')') && imap_lex_sp(l);
}

bool imap_lex_search_charset(struct imap_lex *l, struct imap_search *s)
{
	if (!imap_lex_astring(l, &s->charset))
		return false;
	if (span_is(s->charset, "UTF-8") || span_is(s->charset, "US-ASCII"))
		s->charset.n = 0;
	else if (s->charset.n == 0)
		return imap_lex_fail(l, "Charset has no name.");
	return true;
}

bool imap_lex_search_keys(struct imap_lex *l, struct imap_search *out)
{
	struct parser p = { .l = l, .s = out, .cap = 8, .depth = 1 };
	bool done = false, open;

	out->n_keys = 1;
	out->keys = arena_alloc(l->arena, p.cap * sizeof(*out->keys));
	out->keys[0] = (struct imap_key){ .op = IMAP_KEY_AND, .want = true };
	while (!done)
		if (!key(&p, &open) || (!open && !close_frames(&p, &done)))
			return false;
	return true;
}

bool imap_lex_search(struct imap_lex *l, struct imap_search *out)
{
	*out = (struct imap_search){ 0 };
	if (!imap_lex_search_returns(l, out))
		return false;
	if (imap_lex_word(l, "CHARSET") &&
	    (!imap_lex_sp(l) || !imap_lex_search_charset(l, out) || !imap_lex_sp(l)))
		return false;
	return imap_lex_search_keys(l, out);
}
