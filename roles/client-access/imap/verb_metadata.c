/* GETMETADATA, SETMETADATA (RFC 5464). */
#include "roles/client-access/imap/namespace.h"

#include "common/api/store_meta.h"
#include "common/imap/metadata.h"
#include <string.h>

struct meta_run {
	struct imap_meta_get get;
	struct ns_place place;
	uint64_t longest;		/* of the values that were too large to be said */
};

/* Values of one folder, or of several: a line for each. */
void meta_put(struct imap_session *s, const struct store_meta *m, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || strcmp(m[i].path, m[i - 1].path) != 0) {
			out_str(s, i ? ")\r\n* METADATA " : "* METADATA ");
			out_mailbox(s, m[i].path);
			out_str(s, " (");
		} else {
			out_str(s, " ");
		}
		out_fmt(s, "%s ", m[i].entry);
		out_done(s, imap_write_meta_value(&s->out, m[i].value));
	}
	if (n > 0)
		out_str(s, ")\r\n");
}

static enum next meta_fail(struct imap_session *s, enum err e)
{
	if (e == ERR_LIMIT)
		return imap_finish(s, "NO [METADATA TOOMANY] No more can be kept.");
	return imap_fail(s, e);
}

static void got(void *ctx, enum err e, const struct store_meta *m, size_t n, const char *more)
{
	struct imap_session *s = ctx;
	struct meta_run *r = s->run;
	struct store_meta *fit = arena_alloc(&s->reader.arena, (n + 1) * sizeof(*fit));
	size_t kept = 0;

	(void)more;
	imap_call_done(s);
	for (size_t i = 0; e == ERR_OK && i < n; i++) {
		if (r->get.has_maxsize && m[i].value.n > r->get.maxsize) {
			if (m[i].value.n > r->longest)
				r->longest = m[i].value.n;
			continue;
		}
		fit[kept] = m[i];
		if (*m[i].path)
			fit[kept].path = ns_path(s, &r->place, m[i].path);
		kept++;
	}
	meta_put(s, fit, kept);
	if (e)
		imap_fail(s, e);
	else if (r->longest)
		imap_finish(s, "OK [METADATA LONGENTRIES %llu] Done.",
			    (unsigned long long)r->longest);
	else
		imap_finish(s, "OK Done.");
	imap_pump(s);
}

/* "" is the server: annotations of the user's own mailbox. */
static enum err locate(struct imap_session *s, const char *mailbox, struct ns_place *out)
{
	enum err e = ERR_OK;

	*out = (struct ns_place){ .at = s->at, .prefix = "", .path = "", .own = true };
	if (*mailbox)
		e = ns_resolve(s, mailbox, out);
	s->at = out->at;
	return e;
}

enum next imap_verb_getmetadata(struct imap_session *s)
{
	struct meta_run *r = arena_alloc(&s->reader.arena, sizeof(*r));
	enum err e;

	if (!imap_lex_getmetadata(&s->reader.cmd.args, &r->get))
		return imap_bad(s);
	e = locate(s, r->get.mailbox, &r->place);
	if (e)
		return imap_fail(s, e);
	s->run = r;
	s->call = store_meta_get(&s->at, &(struct store_meta_ask){
		.path = r->place.path, .entries = r->get.entries, .depth = r->get.depth,
	}, got, s);
	return imap_await(s);
}

static void was_set(void *ctx, enum err e, uint64_t cn)
{
	struct imap_session *s = ctx;

	(void)cn;
	imap_call_done(s);
	meta_fail(s, e);		/* also says OK */
	imap_pump(s);
}

enum next imap_verb_setmetadata(struct imap_session *s)
{
	struct imap_meta_set *set = arena_alloc(&s->reader.arena, sizeof(*set));
	struct ns_place place;
	struct store_meta *m;
	enum err e;

	if (!imap_lex_setmetadata(&s->reader.cmd.args, set))
		return imap_bad(s);
	m = arena_alloc(&s->reader.arena, set->n * sizeof(*m));
	for (size_t i = 0; i < set->n; i++) {
		if (set->of[i].value.n > META_VALUE_MAX)
			return imap_finish(s, "NO [METADATA MAXSIZE %u] Too large.",
					   META_VALUE_MAX);
		if (strchr(set->of[i].entry + 1, '/') == NULL)
			return imap_finish(s, "BAD Expected an entry's name.");
		m[i] = (struct store_meta){ .entry = set->of[i].entry,
					    .value = set->of[i].value };
	}
	e = locate(s, set->mailbox, &place);
	if (e)
		return imap_fail(s, e);
	s->call = store_meta_set(&s->at, place.path, m, set->n, was_set, s);
	return imap_await(s);
}
