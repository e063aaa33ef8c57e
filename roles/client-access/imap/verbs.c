/* Every verb this server answers, where it is legal, and the verbs that need no
 * store. */
#include "roles/client-access/imap/namespace.h"

#include "common/imap/write.h"

static const struct imap_verb verbs[] = {
	/* name           run                      legal in     flags, capability */
	{ "CAPABILITY",    imap_verb_capability,    IN_ANY,      0, NULL },
	{ "NOOP",          imap_verb_noop,          IN_ANY,      VERB_SYNC, NULL },
	{ "LOGOUT",        imap_verb_logout,        IN_ANY,      0, NULL },
	{ "ID",            imap_verb_id,            IN_ANY,      0, "ID" },
	{ "STARTTLS",      imap_verb_starttls,      IN_NOAUTH,   0, NULL },
	{ "LOGIN",         imap_verb_login,         IN_NOAUTH,   VERB_SECRET, NULL },
	{ "AUTHENTICATE",  imap_verb_authenticate,  IN_NOAUTH,   VERB_SECRET, NULL },
	{ "COMPRESS",      imap_verb_compress,      IN_USER,     0, "COMPRESS=DEFLATE" },
	{ "ENABLE",        imap_verb_enable,        IN_USER,     0, "ENABLE" },
	{ "NOTIFY",        imap_verb_notify,        IN_USER,     VERB_STORE | VERB_SYNC, "NOTIFY" },
	{ "NAMESPACE",     imap_verb_namespace,     IN_USER,     0, "NAMESPACE" },
	{ "SELECT",        imap_verb_select,        IN_USER,     VERB_STORE, NULL },
	{ "EXAMINE",       imap_verb_examine,       IN_USER,     VERB_STORE, NULL },
	{ "CREATE",        imap_verb_create,        IN_USER,     VERB_STORE, "CREATE-SPECIAL-USE" },
	{ "DELETE",        imap_verb_delete,        IN_USER,     VERB_STORE, NULL },
	{ "RENAME",        imap_verb_rename,        IN_USER,     VERB_STORE, NULL },
	{ "SUBSCRIBE",     imap_verb_subscribe,     IN_USER,     VERB_STORE, NULL },
	{ "UNSUBSCRIBE",   imap_verb_unsubscribe,   IN_USER,     VERB_STORE, NULL },
	{ "LIST",          imap_verb_list,          IN_USER,
	  VERB_STORE, "CHILDREN LIST-EXTENDED LIST-STATUS LIST-METADATA LIST-MYRIGHTS SPECIAL-USE" },
	{ "LSUB",          imap_verb_lsub,          IN_USER,     VERB_STORE, NULL },
	{ "STATUS",        imap_verb_status,        IN_USER,     VERB_STORE, "STATUS=SIZE" },
	{ "SETACL",        imap_verb_setacl,        IN_USER,     VERB_STORE, "ACL RIGHTS=kxte" },
	{ "DELETEACL",     imap_verb_deleteacl,     IN_USER,     VERB_STORE, NULL },
	{ "GETACL",        imap_verb_getacl,        IN_USER,     VERB_STORE, NULL },
	{ "LISTRIGHTS",    imap_verb_listrights,    IN_USER,     VERB_STORE, NULL },
	{ "MYRIGHTS",      imap_verb_myrights,      IN_USER,     VERB_STORE, NULL },
	{ "APPEND",        imap_verb_append,        IN_USER,     VERB_STORE | VERB_STREAM,
	  "MULTIAPPEND CATENATE" },
	{ "REPLACE",       imap_verb_replace,       IN_SELECTED,
	  VERB_STORE | VERB_STREAM | VERB_UID | VERB_NUMBERS | VERB_WRITE, "REPLACE" },
	{ "GETMETADATA",   imap_verb_getmetadata,   IN_USER,     VERB_STORE, "METADATA" },
	{ "SETMETADATA",   imap_verb_setmetadata,   IN_USER,     VERB_STORE, NULL },
	{ "GENURLAUTH",    imap_verb_genurlauth,    IN_USER,     VERB_STORE, "URLAUTH" },
	{ "RESETKEY",      imap_verb_resetkey,      IN_USER,     VERB_STORE, NULL },
	{ "URLFETCH",      imap_verb_urlfetch,      IN_USER,     VERB_STORE, NULL },
	{ "GETQUOTA",      imap_verb_getquota,      IN_USER,     VERB_STORE,
	  "QUOTA QUOTA=RES-STORAGE QUOTA=RES-MAILBOX QUOTA=RES-ANNOTATION-STORAGE" },
	{ "GETQUOTAROOT",  imap_verb_getquotaroot,  IN_USER,     VERB_STORE, NULL },
	{ "SETQUOTA",      imap_verb_setquota,      IN_USER,     VERB_STORE, NULL },
	{ "LANGUAGE",      imap_verb_language,      IN_ANY,      0, NULL },
	{ "IDLE",          imap_verb_idle,          IN_USER,     0, "IDLE" },
	{ "CHECK",         imap_verb_check,         IN_SELECTED, VERB_SYNC, NULL },
	{ "CLOSE",         imap_verb_close,         IN_SELECTED, VERB_STORE, NULL },
	{ "UNSELECT",      imap_verb_unselect,      IN_SELECTED, 0, "UNSELECT" },
	{ "EXPUNGE",       imap_verb_expunge,       IN_SELECTED,
	  VERB_STORE | VERB_UID | VERB_WRITE, "UIDPLUS" },
	{ "SEARCH",        imap_verb_search,        IN_SELECTED,
	  VERB_STORE | VERB_UID | VERB_NUMBERS | VERB_NO_EXPUNGE,
	  "CONTEXT=SEARCH ESEARCH I18NLEVEL=1 INPROGRESS PARTIAL SEARCHRES WITHIN" },
	{ "ESEARCH",       imap_verb_esearch,       IN_USER,     VERB_STORE, "MULTISEARCH" },
	{ "CANCELUPDATE",  imap_verb_cancelupdate,  IN_SELECTED, 0, NULL },
	{ "SORT",          imap_verb_sort,          IN_SELECTED,
	  VERB_STORE | VERB_UID | VERB_NUMBERS | VERB_NO_EXPUNGE, "CONTEXT=SORT ESORT SORT SORT=DISPLAY" },
	{ "THREAD",        imap_verb_thread,        IN_SELECTED,
	  VERB_STORE | VERB_UID | VERB_NUMBERS | VERB_NO_EXPUNGE,
	  "THREAD=ORDEREDSUBJECT THREAD=REFERENCES" },
	{ "FETCH",         imap_verb_fetch,         IN_SELECTED,
	  VERB_STORE | VERB_UID | VERB_NUMBERS | VERB_NO_EXPUNGE, NULL },
	{ "STORE",         imap_verb_store,         IN_SELECTED,
	  VERB_STORE | VERB_UID | VERB_NUMBERS | VERB_NO_EXPUNGE | VERB_WRITE, NULL },
	{ "COPY",          imap_verb_copy,          IN_SELECTED,
	  VERB_STORE | VERB_UID | VERB_NUMBERS, NULL },
	{ "MOVE",          imap_verb_move,          IN_SELECTED,
	  VERB_STORE | VERB_UID | VERB_NUMBERS | VERB_WRITE, "MOVE" },
};

/* What several verbs do together, or the reader does. */
static const struct {
	const char *name;
	unsigned states;		/* where it is of use to know */
} capabilities[] = {
	{ "IMAP4rev2", IN_ANY },
	{ "LITERAL+", IN_ANY },
	{ "BINARY", IN_USER },
	{ "CONDSTORE", IN_USER },
	{ "QRESYNC", IN_USER },
	{ "OBJECTID", IN_USER },
	{ "PREVIEW", IN_USER },
	{ "SAVEDATE", IN_USER },
	{ "UIDONLY", IN_USER },
	{ "LANGUAGE", IN_USER },
	{ "UTF8=ACCEPT", IN_USER },
};

const struct imap_verb *imap_verb_find(struct span name)
{
	for (size_t i = 0; i < N_ELEMS(verbs); i++)
		if (span_is(name, verbs[i].name))
			return &verbs[i];
	return NULL;
}

const struct imap_verb *imap_verb_at(size_t i)
{
	return i < N_ELEMS(verbs) ? &verbs[i] : NULL;
}

bool imap_plain_is_fine(const struct imap_session *s)
{
	return s->tls || (s->cas->conf.plaintext_login && addr_is_loopback(&s->peer));
}

void imap_sasl_conf(struct imap_session *s, struct sasl_conf *c, struct conn_proof *proof)
{
	*c = (struct sasl_conf){ .source = s->peer, .protocol = LOGIN_IMAP, .tls = s->tls,
				 .allow_plain = imap_plain_is_fine(s) };
	if (s->tls) {
		s->io.proof(s->io.ctx, proof);
		c->proof = proof;
	}
}

static void put_login_capabilities(struct imap_session *s)
{
	struct sasl_conf conf;
	struct conn_proof proof;
	char names[SASL_NAMES_MAX];
	const char *mech;

	out_str(s, " SASL-IR");
	imap_sasl_conf(s, &conf, &proof);
	for (mech = sasl_mechanisms(s->cas->login, &conf, names); *mech; mech += strspn(mech, " ")) {
		size_t n = strcspn(mech, " ");

		out_fmt(s, " AUTH=%.*s", (int)n, mech);
		mech += n;
	}
	if (!s->tls)
		out_str(s, " STARTTLS");
	if (!imap_plain_is_fine(s))
		out_str(s, " LOGINDISABLED");
}

void imap_put_capabilities(struct imap_session *s)
{
	out_str(s, "IMAP4rev1");
	for (size_t i = 0; i < N_ELEMS(capabilities); i++)
		if (capabilities[i].states & s->state)
			out_fmt(s, " %s", capabilities[i].name);
	if (s->state != IN_NOAUTH)
		out_fmt(s, " APPENDLIMIT=%llu", (unsigned long long)s->cas->conf.max_message);
	if (s->state == IN_NOAUTH)
		put_login_capabilities(s);
	for (size_t i = 0; i < N_ELEMS(verbs); i++)
		if (verbs[i].capability && !(s->squeeze && verbs[i].run == imap_verb_compress) &&
		    (s->state != IN_NOAUTH || (verbs[i].states & IN_NOAUTH)))
			out_fmt(s, " %s", verbs[i].capability);
}

/* For verbs without arguments. */
static bool no_arguments(struct imap_session *s)
{
	return imap_lex_end(&s->reader.cmd.args);
}

enum next imap_verb_capability(struct imap_session *s)
{
	if (!no_arguments(s))
		return imap_bad(s);
	out_str(s, "* CAPABILITY ");
	imap_put_capabilities(s);
	out_str(s, "\r\n");
	return imap_finish(s, "OK Done.");
}

enum next imap_verb_noop(struct imap_session *s)
{
	return no_arguments(s) ? imap_finish(s, "OK Done.") : imap_bad(s);
}

enum next imap_verb_check(struct imap_session *s)
{
	return imap_verb_noop(s);
}

enum next imap_verb_logout(struct imap_session *s)
{
	struct span tag = s->reader.cmd.tag;

	if (!no_arguments(s))
		return imap_bad(s);
	out_str(s, "* BYE See you.\r\n");
	out_fmt(s, "%.*s OK Done.\r\n", (int)tag.n, tag.p);
	return NEXT_DONE;
}

/* RFC 2971: up to 30 pairs.  What the client says goes to the debug log only. */
enum next imap_verb_id(struct imap_session *s)
{
	struct imap_lex *l = &s->reader.cmd.args;
	struct span field, value;
	unsigned pairs = 0;

	if (!imap_lex_sp(l))
		return imap_bad(s);
	if (imap_lex_peek(l) == '(') {
		l->p++;
		while (imap_lex_peek(l) != ')') {
			char a[40], b[80];

			if (pairs++ == 30 || !imap_lex_string(l, &field) ||
			    !imap_lex_sp(l) || !imap_lex_nstring(l, &value))
				return imap_bad(s);
			log_debug(&s->log, "imap-id %s=%s",
				  log_clean(field.p, field.n, a, sizeof(a)),
				  log_clean(value.p, value.n, b, sizeof(b)));
			if (imap_lex_peek(l) == ' ')
				l->p++;
		}
		l->p++;
	} else if (!imap_lex_word(l, "NIL")) {
		return imap_bad(s);
	}
	if (!imap_lex_end(l))
		return imap_bad(s);
	out_str(s, "* ID (\"name\" \"Bourse\")\r\n");
	return imap_finish(s, "OK Done.");
}

enum next imap_verb_namespace(struct imap_session *s)
{
	if (!no_arguments(s))
		return imap_bad(s);
	out_str(s, "* NAMESPACE ((\"\" \"/\")) ((\"" NS_OTHERS "/\" \"/\")) ((\"" NS_PUBLIC
		   "/\" \"/\"))\r\n");
	return imap_finish(s, "OK Done.");
}
