/*
 * GETQUOTA, GETQUOTAROOT, SETQUOTA (RFC 9208).
 *
 * A mailbox is one quota root: the user's own is "", another "Other Users/bob".  STORAGE's limit is the one at which the store
 * takes no more messages (Exchange's "prohibit send and receive"); the one that only
 * stops sending is no concern of IMAP's.  Limits are set by administrators, in the
 * shell.  What has no limit is not listed.
 */
#include "roles/client-access/imap/namespace.h"

#include "common/api/store_meta.h"
#include "common/imap/write.h"
#include <string.h>

struct quota_run {
	const char *root;
	char *path;			/* NULL: GETQUOTA */
};

static void put_resource(struct imap_session *s, bool *any, const char *name, uint64_t used,
			 uint64_t limit)
{
	if (limit == 0)
		return;
	out_fmt(s, "%s%s %llu %llu", *any ? " " : "", name, (unsigned long long)used,
		(unsigned long long)limit);
	*any = true;
}

static uint64_t units(uint64_t bytes)		/* of 1,024, begun ones too */
{
	return bytes / 1024 + (bytes % 1024 != 0);
}

static void answered(void *ctx, enum err e, const struct store_usage *u)
{
	struct imap_session *s = ctx;
	struct quota_run *r = s->run;
	bool any = false;

	imap_call_done(s);
	/* Rights on a folder are none on the quota of the mailbox it is in. */
	if (r->path && (e == ERR_NOTFOUND || e == ERR_DENIED)) {
		out_str(s, "* QUOTAROOT ");
		out_mailbox(s, r->path);
		out_str(s, "\r\n");
		imap_finish(s, "OK Done.");
		imap_pump(s);
		return;
	}
	if (e) {
		imap_fail(s, e);
		imap_pump(s);
		return;
	}
	if (r->path) {
		out_str(s, "* QUOTAROOT ");
		out_mailbox(s, r->path);
		out_str(s, " ");
		out_done(s, imap_write_astring(&s->out, span_of(r->root)));
		out_str(s, "\r\n");
	}
	out_str(s, "* QUOTA ");
	out_done(s, imap_write_astring(&s->out, span_of(r->root)));
	out_str(s, " (");
	put_resource(s, &any, "STORAGE", units(u->size), u->quota_recv / 1024);
	put_resource(s, &any, "MAILBOX", u->folders, u->folders_max);
	put_resource(s, &any, "ANNOTATION-STORAGE", units(u->meta), u->meta_max / 1024);
	out_str(s, ")\r\n");
	imap_finish(s, "OK Done.");
	imap_pump(s);
}

/* path: of something in the mailbox. */
static enum next ask(struct imap_session *s, const char *path)
{
	struct quota_run *r = s->run;
	struct ns_place p;
	enum err e = ns_resolve(s, path, &p);

	if (e)
		return imap_fail(s, e);
	r->root = arena_strn(&s->reader.arena, p.prefix, *p.prefix ? strlen(p.prefix) - 1 : 0);
	s->at = p.at;
	s->call = store_usage(&s->at, answered, s);
	return imap_await(s);
}

enum next imap_verb_getquota(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct span root;
	char *path;

	if (!imap_lex_sp(l) || !imap_lex_astring(l, &root) || !imap_lex_end(l))
		return imap_bad(s);
	s->run = arena_alloc(&s->reader.arena, sizeof(struct quota_run));
	path = arena_printf(&s->reader.arena, "%.*s%sINBOX", (int)root.n, root.n ? root.p : "",
			    root.n ? "/" : "");
	if (root.n > 0 && !ns_is_elsewhere(path))
		return imap_finish(s, "NO [NONEXISTENT] No such quota root.");
	return ask(s, path);
}

static enum next found(struct imap_session *s, enum err e, const struct store_folder *f)
{
	struct quota_run *r = s->run;

	if (e)
		return imap_fail(s, e);
	r->path = arena_str(&s->reader.arena, f->path);
	return ask(s, f->path);
}

enum next imap_verb_getquotaroot(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	char *path;

	if (!imap_lex_sp(l) || !imap_lex_mailbox(l, &path) || !imap_lex_end(l))
		return imap_bad(s);
	s->run = arena_alloc(&s->reader.arena, sizeof(struct quota_run));
	return folder_find(s, path, found);
}

/* "(STORAGE 512 MESSAGE 10)" */
static bool limits(struct imap_lex *l)
{
	struct span name;
	uint64_t limit;

	if (!imap_lex_char(l, '('))
		return false;
	while (imap_lex_peek(l) != ')') {
		if (!imap_lex_atom(l, &name) || !imap_lex_sp(l) || !imap_lex_u63(l, &limit))
			return false;
		if (imap_lex_peek(l) == ' ')
			l->p++;
	}
	l->p++;
	return imap_lex_end(l);
}

enum next imap_verb_setquota(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct span root;

	if (!imap_lex_sp(l) || !imap_lex_astring(l, &root) || !imap_lex_sp(l) || !limits(l))
		return imap_bad(s);
	return imap_finish(s, "NO [NOPERM] Only an administrator sets quotas.");
}
