#include "common/smtp/command.h"

#include "common/smtp/xtext.h"
#include <ctype.h>

enum arg_rule { ARG_NONE, ARG_ANY, ARG_NEEDED };

static const struct {
	const char *name;
	enum arg_rule arg;
} verbs[] = {
#define X(name, arg) { #name, arg },
	SMTP_VERBS(X)
#undef X
};

static const struct smtp_fault
	unknown_verb = { 500, "5.5.1", "Unrecognized command" },
	bad_octet = { 500, "5.5.2", "Control character in command" },
	no_argument = { 501, "5.5.4", "Argument needed" },
	has_argument = { 501, "5.5.4", "No argument allowed" },
	bad_helo = { 501, "5.5.4", "Invalid domain name" },
	bad_bdat = { 501, "5.5.4", "Syntax: BDAT size [LAST]" },
	mail_syntax = { 501, "5.5.4", "Syntax: MAIL FROM:<address>" },
	rcpt_syntax = { 501, "5.5.4", "Syntax: RCPT TO:<address>" },
	bad_sender = { 501, "5.1.7", "Invalid sender address" },
	bad_recipient = { 501, "5.1.3", "Invalid recipient address" },
	not_ascii = { 553, "5.6.7", "Address needs SMTPUTF8" },
	bad_value = { 501, "5.5.4", "Invalid parameter value" },
	given_twice = { 501, "5.5.4", "Parameter given twice" },
	bad_parameter = { 555, "5.5.4", "Unsupported parameter" };

/* ---- words ------------------------------------------------------------------ */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct span skip_blanks(struct span s)
{
	while (s.n > 0 && is_blank(s.p[0]))
		s = (struct span){ s.p + 1, s.n - 1 };
	return s;
}

static struct span trim(struct span s)
{
	s = skip_blanks(s);
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* The next word, up to a blank; *s moves behind it. */
static struct span next_word(struct span *s)
{
	struct span in = skip_blanks(*s), word = { in.p, 0 };

	while (word.n < in.n && !is_blank(in.p[word.n]))
		word.n++;
	*s = (struct span){ in.p + word.n, in.n - word.n };
	return word;
}

/* 1*20DIGIT (RFC 1870 4), and no overflow. */
static bool number(struct span s, uint64_t *out)
{
	*out = 0;
	if (s.n == 0 || s.n > 20)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (!isdigit((unsigned char)s.p[i]) ||
		    __builtin_mul_overflow(*out, 10, out) ||
		    __builtin_add_overflow(*out, (uint64_t)(s.p[i] - '0'), out))
			return false;
	return true;
}

/* ---- verbs ------------------------------------------------------------------ */

const char *smtp_verb_name(enum smtp_verb v)
{
	return v < SMTP_UNKNOWN ? verbs[v].name : "?";
}

const struct smtp_fault *smtp_command_parse(struct span line, struct smtp_command *out)
{
	struct span name;

	*out = (struct smtp_command){ .verb = SMTP_UNKNOWN };
	for (size_t i = 0; i < line.n; i++)
		if (((unsigned char)line.p[i] < ' ' && line.p[i] != '\t') || line.p[i] == 127)
			return &bad_octet;
	out->arg = line;
	name = next_word(&out->arg);
	out->arg = trim(out->arg);
	while (out->verb > 0 && !span_is(name, verbs[out->verb - 1].name))
		out->verb--;
	if (out->verb == 0) {
		out->verb = SMTP_UNKNOWN;
		return &unknown_verb;
	}
	out->verb--;
	if (verbs[out->verb].arg == ARG_NONE && out->arg.n > 0)
		return &has_argument;
	if (verbs[out->verb].arg == ARG_NEEDED && out->arg.n == 0)
		return &no_argument;
	return NULL;
}

const struct smtp_fault *smtp_helo_parse(struct span arg, char out[SMTP_DOMAIN_MAX + 1])
{
	struct span word = next_word(&arg);

	out[0] = '\0';
	if (word.n == 0 || word.n > SMTP_DOMAIN_MAX || !smtp_utf8_valid(word))
		return &bad_helo;
	for (size_t i = 0; i < word.n; i++)	/* it is copied into a header field */
		if ((unsigned char)word.p[i] <= ' ' || strchr("()<>\\\",;", word.p[i]))
			return &bad_helo;
	memcpy(out, word.p, word.n);
	out[word.n] = '\0';
	return NULL;
}

const struct smtp_fault *smtp_bdat_parse(struct span arg, struct smtp_bdat *out)
{
	struct span size = next_word(&arg), last = next_word(&arg);

	*out = (struct smtp_bdat){ 0 };
	if (!number(size, &out->size) || skip_blanks(arg).n > 0 ||
	    (last.n > 0 && !span_is(last, "LAST")))
		return &bad_bdat;
	out->last = last.n > 0;
	return NULL;
}

/* ---- paths ------------------------------------------------------------------ */

/* "@one,@two:" is gone from *s.  What stands in it no longer matters to anybody,
 * but it must not hide the end of the path. */
static bool drop_route(struct span *s)
{
	size_t n = 0;

	if (s->n == 0 || s->p[0] != '@')
		return true;
	while (n < s->n && s->p[n] != ':') {
		if (is_blank(s->p[n]) || strchr("<>\"", s->p[n]))
			return false;
		n++;
	}
	if (n < 2 || n == s->n)
		return false;
	*s = (struct span){ s->p + n + 1, s->n - n - 1 };
	return true;
}

enum path_result { PATH_OK, PATH_SYNTAX, PATH_ADDRESS };

/* "FROM:<path>" in front of *s.  Clients put blanks behind the colon though
 * they must not; there is no harm in it. */
static enum path_result scan_path(struct span *s, const char *keyword,
				  struct smtp_address *out, bool *bare_postmaster)
{
	size_t n = strlen(keyword);
	struct span in = *s;

	*bare_postmaster = false;
	memset(out, 0, sizeof(*out));
	if (in.n < n || !span_is((struct span){ in.p, n }, keyword))
		return PATH_SYNTAX;
	in = skip_blanks((struct span){ in.p + n, in.n - n });
	if (in.n == 0 || in.p[0] != '<')
		return PATH_SYNTAX;
	in = (struct span){ in.p + 1, in.n - 1 };
	if (!drop_route(&in))
		return PATH_ADDRESS;
	n = strlen("postmaster");
	if (in.n > n && in.p[n] == '>' && span_is((struct span){ in.p, n }, "postmaster")) {
		*bare_postmaster = true;
		memcpy(out->local, "postmaster", n);
		in = (struct span){ in.p + n, in.n - n };
	} else if (in.n > 0 && in.p[0] != '>' && smtp_address_scan(&in, out, NULL) != ERR_OK) {
		return PATH_ADDRESS;
	}
	if (in.n == 0 || in.p[0] != '>' || (in.n > 1 && !is_blank(in.p[1])))
		return PATH_ADDRESS;
	*s = (struct span){ in.p + 1, in.n - 1 };
	return PATH_OK;
}

/* ---- parameters ------------------------------------------------------------- */

typedef bool value_fn(struct span v, void *out);

struct param {
	const char *name;
	unsigned ext;		/* the extension that defines it */
	bool has_value;
	value_fn *parse;
};

static bool value_size(struct span v, void *out)
{
	return number(v, &((struct smtp_mail *)out)->size);
}

static bool value_body(struct span v, void *out)
{
	struct smtp_mail *m = out;

	m->body = span_is(v, "8BITMIME") ? SMTP_BODY_8BIT : SMTP_BODY_7BIT;
	return m->body == SMTP_BODY_8BIT || span_is(v, "7BIT");
}

static bool value_smtputf8(struct span v, void *out)
{
	((struct smtp_mail *)out)->smtputf8 = true;
	return v.n == 0;
}

static bool value_ret(struct span v, void *out)
{
	struct smtp_mail *m = out;

	m->ret = span_is(v, "FULL") ? SMTP_RET_FULL : SMTP_RET_HDRS;
	return m->ret == SMTP_RET_FULL || span_is(v, "HDRS");
}

static bool value_envid(struct span v, void *out)
{
	struct smtp_mail *m = out;

	return smtp_xtext_decode(v, m->envid, sizeof(m->envid)) == ERR_OK;
}

static bool value_auth(struct span v, void *out)
{
	struct smtp_mail *m = out;
	struct smtp_address a;

	m->has_auth = true;
	if (span_is(v, "<>"))
		return true;
	return smtp_xtext_decode(v, m->auth, sizeof(m->auth)) == ERR_OK &&
	       smtp_address_parse(span_of(m->auth), &a, NULL) == ERR_OK;
}

static const struct {
	const char *name;
	enum smtp_notify bit;
} notify_words[] = {
	{ "SUCCESS", SMTP_NOTIFY_SUCCESS },
	{ "FAILURE", SMTP_NOTIFY_FAILURE },
	{ "DELAY", SMTP_NOTIFY_DELAY },
};

static bool value_notify(struct span v, void *out)
{
	struct smtp_rcpt *r = out;

	if (span_is(v, "NEVER")) {
		r->notify = SMTP_NOTIFY_NEVER;
		return true;
	}
	for (;;) {
		const char *comma = memchr(v.p, ',', v.n);
		struct span word = { v.p, comma ? (size_t)(comma - v.p) : v.n };
		size_t i = 0;

		while (i < N_ELEMS(notify_words) && !span_is(word, notify_words[i].name))
			i++;
		if (i == N_ELEMS(notify_words) || (r->notify & notify_words[i].bit))
			return false;
		r->notify |= notify_words[i].bit;
		if (!comma)
			return true;
		v = (struct span){ comma + 1, v.n - word.n - 1 };
	}
}

static bool value_orcpt(struct span v, void *out)
{
	struct smtp_rcpt *r = out;

	return smtp_orcpt_decode(v, r->orcpt, sizeof(r->orcpt)) == ERR_OK;
}

static const struct param mail_params[] = {
	{ "SIZE", SMTP_EXT_SIZE, true, value_size },
	{ "BODY", SMTP_EXT_8BITMIME, true, value_body },
	{ "SMTPUTF8", SMTP_EXT_SMTPUTF8, false, value_smtputf8 },
	{ "RET", SMTP_EXT_DSN, true, value_ret },
	{ "ENVID", SMTP_EXT_DSN, true, value_envid },
	{ "AUTH", SMTP_EXT_AUTH, true, value_auth },
};

static const struct param rcpt_params[] = {
	{ "NOTIFY", SMTP_EXT_DSN, true, value_notify },
	{ "ORCPT", SMTP_EXT_DSN, true, value_orcpt },
};

static const struct smtp_fault *scan_params(struct span in, unsigned ext, void *out,
					    const struct param *table, size_t n_table)
{
	unsigned seen = 0;
	struct span word;

	while ((word = next_word(&in)).n > 0) {
		const char *eq = memchr(word.p, '=', word.n);
		struct span name = { word.p, eq ? (size_t)(eq - word.p) : word.n };
		struct span value = { eq ? eq + 1 : word.p, eq ? word.n - name.n - 1 : 0 };
		size_t i = 0;

		while (i < n_table && !span_is(name, table[i].name))
			i++;
		if (i == n_table || !(table[i].ext & ext))
			return &bad_parameter;
		if (seen & 1u << i)
			return &given_twice;
		seen |= 1u << i;
		if (table[i].has_value != (eq != NULL) || (eq && value.n == 0) ||
		    !table[i].parse(value, out))
			return &bad_value;
	}
	return NULL;
}

const struct smtp_fault *smtp_mail_parse(struct span arg, unsigned ext,
					 struct smtp_mail *out)
{
	const struct smtp_fault *f;
	enum path_result r;
	bool bare;

	memset(out, 0, sizeof(*out));
	r = scan_path(&arg, "FROM:", &out->from, &bare);
	if (r != PATH_OK || bare)	/* only a recipient may lack its domain */
		return r == PATH_SYNTAX ? &mail_syntax : &bad_sender;
	f = scan_params(arg, ext, out, mail_params, N_ELEMS(mail_params));
	if (f)
		return f;
	if (!out->smtputf8 && (out->from.utf8 || smtp_has_8bit(span_of(out->envid)) ||
			       smtp_has_8bit(span_of(out->auth))))
		return &not_ascii;
	return NULL;
}

const struct smtp_fault *smtp_rcpt_parse(struct span arg, unsigned ext, bool smtputf8,
					 struct smtp_rcpt *out)
{
	enum path_result r;
	bool bare;

	memset(out, 0, sizeof(*out));
	r = scan_path(&arg, "TO:", &out->to, &bare);
	if (r != PATH_OK || smtp_address_is_null(&out->to))
		return r == PATH_SYNTAX ? &rcpt_syntax : &bad_recipient;
	if (out->to.utf8 && !smtputf8)
		return &not_ascii;
	/* Here the ORCPT parameter may hold raw UTF-8 with SMTPUTF8 only. */
	if (!smtputf8 && smtp_has_8bit(arg))
		return &not_ascii;
	return scan_params(arg, ext, out, rcpt_params, N_ELEMS(rcpt_params));
}

/* ---- the client's half ------------------------------------------------------ */

static enum err mail_write_dsn(const struct smtp_mail *m, struct buf *out)
{
	enum err e = ERR_OK;

	if (m->ret != SMTP_RET_UNSET)
		e = buf_adds(out, m->ret == SMTP_RET_FULL ? " RET=FULL" : " RET=HDRS");
	if (!e && m->envid[0] != '\0') {
		e = buf_adds(out, " ENVID=");
		if (!e)
			e = smtp_xtext_encode(m->envid, out);
	}
	return e;
}

enum err smtp_mail_write(const struct smtp_mail *m, unsigned ext, struct buf *out)
{
	enum err e = ERR_OK;

	if (ext & SMTP_EXT_SIZE && m->size > 0)
		e = buf_addf(out, " SIZE=%llu", (unsigned long long)m->size);
	if (!e && ext & SMTP_EXT_8BITMIME && m->body == SMTP_BODY_8BIT)
		e = buf_adds(out, " BODY=8BITMIME");
	if (!e && ext & SMTP_EXT_SMTPUTF8 && m->smtputf8)
		e = buf_adds(out, " SMTPUTF8");
	if (!e && ext & SMTP_EXT_DSN)
		e = mail_write_dsn(m, out);
	if (!e && ext & SMTP_EXT_AUTH && m->has_auth) {
		e = buf_adds(out, " AUTH=");
		if (!e)
			e = m->auth[0] != '\0' ? smtp_xtext_encode(m->auth, out)
					       : buf_adds(out, "<>");
	}
	return e;
}

enum err smtp_rcpt_write(const struct smtp_rcpt *r, unsigned ext, bool smtputf8,
			 struct buf *out)
{
	enum err e = ERR_OK;
	size_t before;
	char sep = '=';

	if (!(ext & SMTP_EXT_DSN))
		return ERR_OK;
	if (r->notify & SMTP_NOTIFY_NEVER) {
		e = buf_adds(out, " NOTIFY=NEVER");
	} else if (r->notify) {
		e = buf_adds(out, " NOTIFY");
		for (size_t i = 0; i < N_ELEMS(notify_words) && !e; i++)
			if (r->notify & notify_words[i].bit) {
				e = buf_addf(out, "%c%s", sep, notify_words[i].name);
				sep = ',';
			}
	}
	if (!e && r->orcpt[0] != '\0') {
		before = out->len;
		e = buf_adds(out, " ORCPT=");
		if (!e)
			e = smtp_orcpt_encode(r->orcpt, smtputf8, out);
		if (e == ERR_INVALID) {		/* a note for reports is worth no failure */
			buf_cut(out, before);
			e = ERR_OK;
		}
	}
	return e;
}
