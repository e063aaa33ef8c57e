#include "roles/client-access/imap/namespace.h"

#include "roles/client-access/account.h"
#include <string.h>
#include <strings.h>

/* Does the path begin with this component?  What follows it, without the delimiter. */
static bool begins(const char *path, const char *root, const char **rest)
{
	size_t n = strlen(root);

	if (strncasecmp(path, root, n) != 0 || (path[n] && path[n] != '/'))
		return false;
	*rest = path + n + (path[n] == '/');
	return true;
}

bool ns_is_elsewhere(const char *path)
{
	const char *rest;

	return begins(path, NS_OTHERS, &rest) || begins(path, NS_PUBLIC, &rest);
}

static enum err go_to(struct imap_session *s, const struct guid *mailbox, struct ns_place *out)
{
	return account_locate_mailbox(s->cas, mailbox, &s->who.principal, &out->at);
}

enum err ns_of_mailbox(struct imap_session *s, const struct shared *m, struct ns_place *out)
{
	out->path = "";
	out->own = false;
	out->prefix = m->kind == SHARING_PUBLIC
			      ? NS_PUBLIC "/"
			      : arena_printf(&s->reader.arena, NS_OTHERS "/%s/", m->name);
	return go_to(s, &m->guid, out);
}

/* root is before path: the mailbox is its first component. */
static enum err elsewhere(struct imap_session *s, enum sharing_kind kind, const char *path,
			  struct ns_place *out)
{
	size_t n = strcspn(path, "/");
	struct shared m;
	enum err e = n ? sharing_find(s->cas, kind, arena_strn(&s->reader.arena, path, n),
				      &s->reader.arena, &m)
		       : ERR_NOTFOUND;

	if (e == ERR_OK)
		e = ns_of_mailbox(s, &m, out);
	if (e)
		return e;
	/* A public folder's own name is the first of the paths in its mailbox. */
	out->path = kind == SHARING_PUBLIC ? path : path[n] ? path + n + 1 : "";
	return *out->path ? ERR_OK : ERR_NOTFOUND;
}

enum err ns_resolve(struct imap_session *s, const char *path, struct ns_place *out)
{
	const char *rest;

	if (begins(path, NS_OTHERS, &rest))
		return elsewhere(s, SHARING_USER, rest, out);
	if (begins(path, NS_PUBLIC, &rest))
		return elsewhere(s, SHARING_PUBLIC, rest, out);
	*out = (struct ns_place){ .prefix = "", .path = path, .own = true };
	return go_to(s, &s->who.principal, out);
}

const char *ns_path(struct imap_session *s, const struct ns_place *p, const char *path)
{
	return *p->prefix ? arena_printf(&s->reader.arena, "%s%s", p->prefix, path) : path;
}
