/* Every command this server answers, where it is legal, and what a command line is. */
#include "roles/client-access/pop3/pop3.h"

#include <string.h>

static pop3_verb_fn verb_capa, verb_noop;

static const struct pop3_verb verbs[] = {
	/* name    run        legal in        arguments, flags, capability */
	{ "CAPA", verb_capa, IN_ANY,         0, 0, 0, NULL },
	{ "STLS", verb_stls, IN_AUTH,        0, 0, 0, NULL },
	{ "UTF8", verb_utf8, IN_AUTH,        0, 0, 0, "UTF8 USER" },
	{ "LANG", verb_lang, IN_ANY,         0, 1, 0, "LANG" },
	{ "USER", verb_user, IN_AUTH,        1, 1, VERB_TLS | VERB_REST, "USER" },
	{ "PASS", verb_pass, IN_AUTH,        1, 1, VERB_TLS | VERB_REST | VERB_SECRET, NULL },
	{ "AUTH", verb_auth, IN_AUTH,        0, 2, VERB_TLS | VERB_SECRET, NULL },
	{ "STAT", verb_stat, IN_TRANSACTION, 0, 0, 0, NULL },
	{ "LIST", verb_list, IN_TRANSACTION, 0, 1, 0, NULL },
	{ "UIDL", verb_uidl, IN_TRANSACTION, 0, 1, 0, "UIDL" },
	{ "RETR", verb_retr, IN_TRANSACTION, 1, 1, 0, NULL },
	{ "TOP",  verb_top,  IN_TRANSACTION, 2, 2, 0, "TOP" },
	{ "DELE", verb_dele, IN_TRANSACTION, 1, 1, 0, NULL },
	{ "RSET", verb_rset, IN_TRANSACTION, 0, 0, 0, NULL },
	{ "NOOP", verb_noop, IN_TRANSACTION, 0, 0, 0, NULL },
	{ "QUIT", verb_quit, IN_ANY,         0, 0, 0, NULL },
};

static const struct pop3_verb *find(const char *name)
{
	for (size_t i = 0; i < N_ELEMS(verbs); i++)
		if (strcasecmp(name, verbs[i].name) == 0)
			return &verbs[i];
	return NULL;
}

/* Cut into words; more than two are counted, not kept. */
static unsigned split(char *rest, struct pop3_cmd *c)
{
	unsigned n = 0;

	for (rest += strspn(rest, " "); *rest; rest += strspn(rest, " ")) {
		size_t len = strcspn(rest, " ");

		if (n < N_ELEMS(c->arg))
			c->arg[n] = rest;
		n++;
		rest += len;
		if (*rest == ' ')
			*rest++ = '\0';
	}
	return n;
}

static enum next check(struct pop3_session *s, const struct pop3_verb *v, unsigned n_args)
{
	if ((v->states & s->state) == 0)
		return pop3_err(s, s->state == IN_AUTH ? "Log in first." : "Not now.");
	if (n_args < v->min || n_args > v->max)
		return pop3_err(s, n_args < v->min ? "Arguments are missing."
						   : "Too many arguments.");
	if ((v->flags & VERB_TLS) && !pop3_may_login(s))
		return pop3_err(s, "Not without TLS: use STLS or the TLS port.");
	return NEXT_DONE;
}

enum next pop3_command(struct pop3_session *s, char *line, size_t n, unsigned *flags)
{
	const struct pop3_verb *v;
	struct pop3_cmd c = { { NULL, NULL } };
	char *rest = line + strcspn(line, " ");
	unsigned n_args;
	enum next next;

	s->n_commands++;
	cas_count(s->cas, CAS_COMMANDS, 1);
	if (memchr(line, '\0', n))
		return pop3_err(s, "NUL is not allowed.");
	if (*rest)
		*rest++ = '\0';
	v = find(line);
	if (v == NULL)
		return pop3_err(s, "Unknown command.");
	*flags = v->flags;
	log_debug(&s->log, "verb=%s", v->name);
	if (v->flags & VERB_REST) {
		c.arg[0] = rest;
		n_args = *rest ? 1 : 0;
	} else {
		n_args = split(rest, &c);
	}
	next = check(s, v, n_args);
	return next == NEXT_DONE ? v->run(s, &c) : next;
}

/* RFC 2449 section 5 and 6. */
static enum next verb_capa(struct pop3_session *s, const struct pop3_cmd *c)
{
	char names[SASL_NAMES_MAX];

	(void)c;
	pop3_ok(s, "What I can do:");
	for (size_t i = 0; i < N_ELEMS(verbs); i++)
		if (verbs[i].capability &&
		    (!(verbs[i].flags & VERB_TLS) || pop3_may_login(s)))
			pop3_putf(s, "%s\r\n", verbs[i].capability);
	if (pop3_may_login(s))
		pop3_putf(s, "SASL %s\r\n", pop3_mechanisms(s, names));
	if (!s->tls && s->state == IN_AUTH)
		pop3_put(s, "STLS\r\n");
	if (s->cas->conf.pop3_delay_ms > 0)
		pop3_putf(s, "LOGIN-DELAY %lld\r\n",
			  (long long)(s->cas->conf.pop3_delay_ms + 999) / 1000);
	pop3_put(s, "RESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\n.\r\n");
	return NEXT_MORE;
}

static enum next verb_noop(struct pop3_session *s, const struct pop3_cmd *c)
{
	(void)c;
	return pop3_ok(s, "Done.");
}

bool pop3_number(const char *arg, uint32_t *out)
{
	uint64_t v = 0;

	if (*arg == '\0')
		return false;
	for (; *arg; arg++) {
		if (*arg < '0' || *arg > '9')
			return false;
		v = v * 10 + (uint64_t)(*arg - '0');
		if (v > UINT32_MAX)
			v = UINT32_MAX;
	}
	*out = (uint32_t)v;
	return true;
}

const struct drop_message *pop3_message(struct pop3_session *s, const char *arg,
					uint32_t *number)
{
	const struct drop_message *m;

	if (!pop3_number(arg, number)) {
		pop3_err(s, "That is no message number.");
		return NULL;
	}
	m = drop_get(&s->drop, *number);
	if (m == NULL)
		pop3_err(s, "No such message.");
	return m;
}
