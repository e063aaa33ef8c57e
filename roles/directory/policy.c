#include "roles/directory/policy.h"

#include "common/base/buf.h"
#include "common/base/span.h"
#include <unicode/ustring.h>
#include <unicode/utrans.h>

enum { MAX_LOCAL = 64, MAX_UNITS = 512, MAX_REPLACE = 16 };

/* In an address's local part without quotes, and welcome in one. */
static bool welcome(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr(".-_'", c));
}

/* ASCII letters for whatever script; what has none is dropped. */
static const char *to_ascii(struct arena *a, const char *s)
{
	static const UChar rules[] = u"Any-Latin; Latin-ASCII";
	UErrorCode ue = U_ZERO_ERROR;
	UChar text[MAX_UNITS];
	int32_t n, limit;
	UTransliterator *t;
	char *out = arena_alloc(a, MAX_UNITS * 3 + 1), *to = out;

	u_strFromUTF8WithSub(text, MAX_UNITS / 2, &n, s, -1, 0xfffd, NULL, &ue);
	if (ue == U_BUFFER_OVERFLOW_ERROR) {
		n = MAX_UNITS / 2;
		ue = U_ZERO_ERROR;
	}
	t = utrans_openU(rules, -1, UTRANS_FORWARD, NULL, 0, NULL, &ue);
	limit = n;
	if (t)
		utrans_transUChars(t, text, &n, MAX_UNITS, 0, &limit, &ue);
	utrans_close(t);
	if (U_FAILURE(ue))
		return "";
	for (int32_t i = 0; i < n; i++)
		if (text[i] < 0x80 && welcome((char)text[i]))
			*to++ = (char)text[i];
	*to = '\0';
	return out;
}

static bool is_ascii(const char *s)
{
	while (*s)
		if ((unsigned char)*s++ >= 0x80)
			return false;
	return true;
}

static const char *cleaned(struct arena *a, const char *s)
{
	char *out, *to;

	if (!is_ascii(s))
		return to_ascii(a, s);
	to = out = arena_alloc(a, strlen(s) + 1);
	for (; *s; s++)
		if (welcome(*s))
			*to++ = *s;
	*to = '\0';
	return out;
}

struct replace {
	char from, to;			/* equal: drop */
};

struct maker {
	struct buf out;
	struct replace r[MAX_REPLACE];
	size_t n_r;
};

static void add(struct maker *m, char c)
{
	for (size_t i = 0; i < m->n_r; i++) {
		if (m->r[i].from != c)
			continue;
		if (m->r[i].to == c)
			return;
		c = m->r[i].to;
	}
	/* Full is full: an over-long name is cut at the local part's 64 octets. */
	if (c == '.' && (m->out.len == 0 || m->out.data[m->out.len - 1] == '.'))
		return;
	if (buf_addc(&m->out, c) != ERR_OK)
		return;
}

static const char *field(const struct policy_names *n, char letter)
{
	switch (letter) {
	case 'g': return n->given;
	case 's': return n->surname;
	case 'i': return n->initials;
	case 'd': return n->display;
	case 'm': return n->alias;
	default: return NULL;
	}
}

/* One element of a template at *p (behind the '%'), which moves on.  letter 0:
 * faulty; 'r': x and y; else a field, max characters of it (0: all). */
struct element {
	char letter, x, y;
	unsigned max;
};

static struct element scan(const char **p)
{
	struct element e = { 0 };
	const char *s = *p;

	if (*s == '%') {
		e.letter = '%';
		*p = s + 1;
		return e;
	}
	while (*s >= '0' && *s <= '9' && e.max < 100)
		e.max = e.max * 10 + (unsigned)(*s++ - '0');
	if (*s == 'r' && s == *p && s[1] && s[2] && s[1] != '@' && s[2] != '@') {
		e = (struct element){ .letter = 'r', .x = s[1], .y = s[2] };
		s += 3;
	} else if (*s && strchr("gsidm", *s) && (s == *p || e.max)) {
		e.letter = *s++;
	}
	*p = s;
	return e;
}

static void add_field(struct maker *m, struct arena *a, const struct policy_names *n,
		      const struct element *e)
{
	const char *v = field(n, e->letter);

	v = v ? cleaned(a, v) : "";
	for (unsigned i = 0; v[i] && (e->max == 0 || i < e->max); i++)
		add(m, v[i]);
}

const char *policy_local(struct arena *a, const char *tmpl, const struct policy_names *n)
{
	struct maker m = { .n_r = 0 };
	const char *out;

	buf_init(&m.out, MAX_LOCAL - 4);	/* room for a number that makes it unique */
	while (*tmpl && *tmpl != '@') {
		struct element e;

		if (*tmpl != '%') {
			add(&m, *tmpl++);
			continue;
		}
		tmpl++;
		e = scan(&tmpl);
		if (e.letter == 0)
			break;
		if (e.letter == '%')
			add(&m, '%');
		else if (e.letter != 'r')
			add_field(&m, a, n, &e);
		else if (m.n_r < MAX_REPLACE)
			m.r[m.n_r++] = (struct replace){ e.x, e.y };
	}
	while (m.out.len && m.out.data[m.out.len - 1] == '.')
		buf_cut(&m.out, m.out.len - 1);
	out = arena_str(a, m.out.data);
	buf_fini(&m.out);
	return out;
}

const char *policy_domain(const char *tmpl)
{
	const char *at = strrchr(tmpl, '@');

	return at && at[1] ? at + 1 : NULL;
}

enum err policy_check(const char *tmpl, struct errbuf *eb)
{
	const char *p = tmpl, *at = strchr(tmpl, '@');

	if (!at || at == tmpl || strchr(at + 1, '@') || !at[1])
		return err_set(eb, ERR_INVALID, "%s: a template is %%letters@domain", tmpl);
	while (p < at) {
		struct element e;

		if (*p != '%') {
			if (!welcome(*p))
				return err_set(eb, ERR_INVALID, "%s: '%c' is not for addresses",
					       tmpl, *p);
			p++;
			continue;
		}
		p++;
		e = scan(&p);
		if (e.letter == 0 || p > at)
			return err_set(eb, ERR_INVALID,
				       "%s: after %% come g s i d m, a number and one of "
				       "these, rxy, or %%", tmpl);
	}
	return ERR_OK;
}

const char *policy_alias(struct arena *a, const char *name)
{
	const struct policy_names n = { .alias = name };

	return policy_local(a, "%m", &n);
}
