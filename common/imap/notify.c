#include "common/imap/notify.h"

#include "common/base/check.h"
#include "common/imap/fetch.h"

#define FETCH_MAX 8192		/* bytes */

static const struct {
	const char *name;
	enum imap_boxes boxes;
} box_words[] = {
	{ "SELECTED", IMAP_BOXES_SELECTED },   { "SELECTED-DELAYED", IMAP_BOXES_SELECTED_DELAYED },
	{ "INBOXES", IMAP_BOXES_INBOXES },     { "PERSONAL", IMAP_BOXES_PERSONAL },
	{ "SUBSCRIBED", IMAP_BOXES_SUBSCRIBED }, { "SUBTREE", IMAP_BOXES_SUBTREE },
	{ "MAILBOXES", IMAP_BOXES_NAMED },
};

static const struct {
	const char *name;
	unsigned event;
} event_words[] = {
	{ "MessageNew", IMAP_EVENT_NEW },    { "MessageExpunge", IMAP_EVENT_EXPUNGE },
	{ "FlagChange", IMAP_EVENT_FLAGS },  { "MailboxName", IMAP_EVENT_NAME },
	{ "SubscriptionChange", IMAP_EVENT_SUBSCRIPTION },
	{ "MailboxMetadataChange", IMAP_EVENT_META },
	{ "ServerMetadataChange", IMAP_EVENT_SERVER_META },
};

static bool about_selected(const struct imap_notify_group *g)
{
	return g->boxes == IMAP_BOXES_SELECTED || g->boxes == IMAP_BOXES_SELECTED_DELAYED;
}

static bool read_boxes(struct imap_lex *l, struct imap_notify_group *g)
{
	for (size_t i = 0; i < N_ELEMS(box_words); i++)
		if (imap_lex_word(l, box_words[i].name)) {
			g->boxes = box_words[i].boxes;
			return true;
		}
	return imap_lex_fail(l, "Unknown kind of mailboxes.");
}

static bool read_path(struct imap_lex *l, struct imap_notify_group *g)
{
	if (g->n_paths == IMAP_NOTIFY_PATHS)
		return imap_lex_fail(l, "Too many mailboxes.");
	return imap_lex_mailbox(l, &g->paths[g->n_paths++]);
}

/* One, or several in parentheses. */
static bool read_paths(struct imap_lex *l, struct imap_notify_group *g)
{
	g->paths = arena_alloc(l->arena, IMAP_NOTIFY_PATHS * sizeof(*g->paths));
	if (!imap_lex_sp(l))
		return false;
	if (imap_lex_peek(l) != '(')
		return read_path(l, g);
	do {
		l->p++;
		if (!read_path(l, g))
			return false;
	} while (imap_lex_peek(l) == ' ');
	return imap_lex_char(l, ')');
}

/* Up to the parenthesis that closes this one.  Literals are not looked for: a name of a
 * header field needs none. */
static bool find_end(struct imap_lex *l, struct span *out)
{
	const char *start = l->p;
	bool quoted = false;
	unsigned depth = 0;

	for (; l->p < l->end; l->p++) {
		char c = *l->p;

		if (c == '"' && (!quoted || l->p[-1] != '\\'))
			quoted = !quoted;
		if (quoted)
			continue;
		if (c == '{')
			break;
		depth += c == '(';
		depth -= c == ')';
		if (depth == 0) {
			l->p++;
			*out = (struct span){ start, (size_t)(l->p - start) };
			return true;
		}
	}
	return imap_lex_fail(l, "No end of the items to fetch.");
}

static bool read_fetch(struct imap_lex *l, struct imap_notify *n, const struct imap_notify_group *g)
{
	struct imap_fetch fetch;
	struct imap_lex inner;
	struct span text;

	if (!find_end(l, &text))
		return false;
	if (text.n > FETCH_MAX)
		return imap_lex_fail(l, "Too many items to fetch.");
	imap_lex_init(&inner, text, l->arena);
	if (!imap_lex_fetch(&inner, &fetch))
		return imap_lex_fail(l, inner.why);
	if (about_selected(g))
		n->fetch = text;
	return true;
}

static bool read_event(struct imap_lex *l, struct imap_notify *n, struct imap_notify_group *g)
{
	struct span name;

	for (size_t i = 0; i < N_ELEMS(event_words); i++) {
		if (!imap_lex_word(l, event_words[i].name))
			continue;
		g->events |= event_words[i].event;
		if (event_words[i].event == IMAP_EVENT_NEW && l->end - l->p >= 2 &&
		    l->p[0] == ' ' && l->p[1] == '(') {
			l->p++;
			return read_fetch(l, n, g);
		}
		return true;
	}
	n->bad_event = true;
	return imap_lex_atom(l, &name);
}

static bool read_events(struct imap_lex *l, struct imap_notify *n, struct imap_notify_group *g)
{
	bool closed = imap_lex_peek(l) == '(';

	if (imap_lex_word(l, "NONE"))
		return true;
	if (closed)
		l->p++;
	if (!read_event(l, n, g))
		return false;
	while (imap_lex_peek(l) == ' ') {
		l->p++;
		if (!read_event(l, n, g))
			return false;
	}
	return !closed || imap_lex_char(l, ')');
}

/* RFC 5465 section 5. */
static bool check_events(struct imap_lex *l, const struct imap_notify_group *g)
{
	const unsigned both = IMAP_EVENT_NEW | IMAP_EVENT_EXPUNGE;

	if ((g->events & IMAP_EVENT_MESSAGES) && (g->events & both) != both)
		return imap_lex_fail(l, "MessageNew and MessageExpunge come together.");
	if (about_selected(g) && (g->events & ~(unsigned)IMAP_EVENT_MESSAGES))
		return imap_lex_fail(l, "The selected mailbox has events of messages only.");
	return true;
}

static bool read_group(struct imap_lex *l, struct imap_notify *n)
{
	struct imap_notify_group *g = &n->groups[n->n];

	if (n->n == IMAP_NOTIFY_GROUPS)
		return imap_lex_fail(l, "Too many groups.");
	if (!imap_lex_char(l, '(') || !read_boxes(l, g))
		return false;
	if ((g->boxes == IMAP_BOXES_SUBTREE || g->boxes == IMAP_BOXES_NAMED) && !read_paths(l, g))
		return false;
	for (size_t i = 0; i < n->n && about_selected(g); i++)
		if (about_selected(&n->groups[i]))
			return imap_lex_fail(l, "The selected mailbox is named twice.");
	if (!imap_lex_sp(l) || !read_events(l, n, g) || !imap_lex_char(l, ')') ||
	    (!n->bad_event && !check_events(l, g)))
		return false;
	n->n++;
	return true;
}

bool imap_lex_notify(struct imap_lex *l, struct imap_notify *out)
{
	*out = (struct imap_notify){ .on = false };
	if (!imap_lex_sp(l))
		return false;
	if (imap_lex_word(l, "NONE"))
		return imap_lex_end(l);
	if (!imap_lex_word(l, "SET"))
		return imap_lex_fail(l, "SET or NONE.");
	out->on = true;
	if (!imap_lex_sp(l))
		return false;
	out->status = imap_lex_word(l, "STATUS");
	if (out->status && !imap_lex_sp(l))
		return false;
	if (!read_group(l, out))
		return false;
	while (imap_lex_peek(l) == ' ') {
		l->p++;
		if (!read_group(l, out))
			return false;
	}
	return imap_lex_end(l);
}
