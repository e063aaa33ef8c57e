/* Does a message match the rest of a SEARCH?  From its row, as far as that goes. */
#include "roles/client-access/imap/search.h"

#include "common/api/objectid.h"
#include "common/imap/date.h"
#include "common/imap/envelope.h"
#include "common/mime/summary.h"
#include "common/mime/word.h"
#include <string.h>

static enum tri yes_if(bool b)
{
	return b ? TRI_YES : TRI_NO;
}

static bool has_keyword(const struct store_row *row, struct span word)
{
	if (word_to_store(word))
		return (row->flags & word_to_store(word)) != 0;
	for (size_t i = 0; i < row->n_keywords; i++)
		if (row->keywords[i].n == word.n &&
		    strncasecmp(row->keywords[i].p, word.p, word.n) == 0)
			return true;
	return false;
}

static bool has_flag(const struct imap_session *s, const struct store_row *row, unsigned flag)
{
	if (flag == IMAP_RECENT)
		return row->uid > s->view.recent_above && row->uid <= s->view.recent_last;
	return (row->flags & flag_to_store(flag)) != 0;
}

/* A column that was cut cannot say no. */
static enum tri in_column(struct span column, size_t max, struct span text)
{
	if (text_contains(column, text))
		return TRI_YES;
	return column.n + 4 >= max ? TRI_MAYBE : TRI_NO;
}

static enum tri in_message_id(const struct store_row *row, struct span text)
{
	if (text.n > 0 && text.p[0] == '<') {
		text.p++;
		text.n--;
	}
	if (text.n > 0 && text.p[text.n - 1] == '>')
		text.n--;
	return row->message_id.n ? in_column(row->message_id, SUMMARY_ID_MAX, text) : TRI_MAYBE;
}

/* "name <mailbox@host>" of each, as a reader would see them. */
static void list_text(struct span envelope, enum imap_envelope_list which, struct buf *out)
{
	struct arena a = { 0 };
	struct imap_address ad;
	struct imap_lex l;

	if (imap_envelope_open(&l, envelope, &a, which))
		while (imap_envelope_next(&l, &ad)) {
			word_decode(ad.name.n || ad.host.n ? ad.name : ad.mailbox, out);
			if (ad.host.n && buf_addf(out, " <%.*s@%.*s>", (int)ad.mailbox.n,
						  ad.mailbox.p, (int)ad.host.n, ad.host.p))
				break;
			if (buf_adds(out, ", "))
				break;
		}
	arena_fini(&a);
}

/* RFC 9051: "in the envelope structure's FROM field", and so on. */
static enum tri in_envelope(const struct store_row *row, enum imap_envelope_list which,
			    struct span text)
{
	struct mime_view map;
	struct buf list;
	enum tri t;

	if (row->map.n == 0 || mime_map_decode(row->map, &map, NULL) != ERR_OK)
		return TRI_MAYBE;
	buf_init(&list, 1u << 20);
	list_text(map.envelope, which, &list);
	t = text_contains((struct span){ list.data, list.len }, text) ? TRI_YES : TRI_NO;
	if (list.len + 64 > list.max)
		t = TRI_MAYBE;
	buf_fini(&list);
	return t;
}

/* Header fields that are columns, or in the ENVELOPE; the empty text asks if the field
 * is there, which these do not tell. */
static enum tri eval_header(const struct store_row *row, const struct imap_key *k)
{
	static const struct { const char *field; enum imap_envelope_list list; } lists[] = {
		{ "From", IMAP_ENVELOPE_FROM },
		{ "To", IMAP_ENVELOPE_TO },
		{ "Cc", IMAP_ENVELOPE_CC },
		{ "Bcc", IMAP_ENVELOPE_BCC },
	};

	if (k->text.n == 0)
		return TRI_MAYBE;
	if (span_is(k->field, "Subject"))
		return in_column(row->subject, SUMMARY_SUBJECT_MAX, k->text);
	if (span_is(k->field, "Message-ID"))
		return in_message_id(row, k->text);
	if (span_is(k->field, "From") && (text_contains(row->from_addr, k->text) ||
					  text_contains(row->from_name, k->text)))
		return TRI_YES;
	for (size_t i = 0; !k->is_raw && i < N_ELEMS(lists); i++)
		if (span_is(k->field, lists[i].field))
			return in_envelope(row, lists[i].list, k->text);
	return TRI_MAYBE;
}

/* Before the message is read: can its text match? */
static enum tri eval_text(const struct search_run *r, uint32_t i)
{
	const struct imap_key *k = &r->q.keys[i];
	const struct search_needle *a = &r->about[r->needle_of[i] - 1];

	if (a->known && !uids_have(a->maybe, r->row->uid))
		return TRI_NO;
	if (k->op == IMAP_KEY_HEADER)
		return eval_header(r->row, k);
	return k->text.n ? TRI_MAYBE : TRI_YES;
}

static enum tri has_id(const struct imap_session *s, enum objectid_kind kind, uint64_t mine,
		       struct span text)
{
	uint64_t n;

	return yes_if(objectid_parse(text, kind, &s->view.mailbox, &n) == ERR_OK && n == mine);
}

static enum tri eval_leaf(struct imap_session *s, const struct search_run *r, uint32_t i,
			  bool final)
{
	const struct imap_key *k = &r->q.keys[i];
	const struct store_row *row = r->row;
	int32_t day = imap_day_of(row->internal_ms / 1000);
	int32_t sent = imap_day_of(row->sent_local_ms / 1000);
	int32_t saved = imap_day_of(row->saved_ms / 1000);
	int64_t age_s = (r->now_ms - row->internal_ms) / 1000;

	switch (k->op) {
	case IMAP_KEY_FLAG:
		return yes_if(has_flag(s, row, (unsigned)k->n) == k->want);
	case IMAP_KEY_KEYWORD:
		return yes_if(has_keyword(row, k->text) == k->want);
	case IMAP_KEY_SEQ:
		return yes_if(imap_seqset_contains(k->set, uid_map_seq(s->view.map, row->uid)));
	case IMAP_KEY_UID:
		return yes_if(imap_seqset_contains(k->set, row->uid));
	case IMAP_KEY_BEFORE:
		return yes_if(day < k->day);
	case IMAP_KEY_ON:
		return yes_if(day == k->day);
	case IMAP_KEY_SINCE:
		return yes_if(day >= k->day);
	case IMAP_KEY_SENTBEFORE:
		return yes_if(sent < k->day);
	case IMAP_KEY_SENTON:
		return yes_if(sent == k->day);
	case IMAP_KEY_SENTSINCE:
		return yes_if(sent >= k->day);
	case IMAP_KEY_OLDER:
		return yes_if(age_s >= (int64_t)k->n);
	case IMAP_KEY_YOUNGER:
		return yes_if(age_s <= (int64_t)k->n);
	case IMAP_KEY_LARGER:
		return yes_if(row->size > k->n);
	case IMAP_KEY_SMALLER:
		return yes_if(row->size < k->n);
	case IMAP_KEY_MODSEQ:
		return yes_if(row->modseq >= k->n);
	case IMAP_KEY_SAVEDBEFORE:
		return yes_if(saved < k->day);
	case IMAP_KEY_SAVEDON:
		return yes_if(saved == k->day);
	case IMAP_KEY_SAVEDSINCE:
		return yes_if(saved >= k->day);
	case IMAP_KEY_SAVEDATESUPPORTED:
		return TRI_YES;
	case IMAP_KEY_EMAILID:
		return has_id(s, OBJECTID_MESSAGE, row->iid, k->text);
	case IMAP_KEY_THREADID:
		return has_id(s, OBJECTID_THREAD, row->thread, k->text);
	case IMAP_KEY_SAVED:
		return yes_if(saved_has(s, row->uid));
	case IMAP_KEY_HEADER:
	case IMAP_KEY_BODY:
	case IMAP_KEY_TEXT:
		if (!final)
			return eval_text(r, i);
		break;
	case IMAP_KEY_AND:
	case IMAP_KEY_OR:
	case IMAP_KEY_NOT:
	case IMAP_KEY_ALL:
		return TRI_YES;
	}
	return yes_if(r->needles[r->needle_of[i] - 1].hit);
}

/* The tree is at most IMAP_SEARCH_DEPTH deep. */
static enum tri eval(struct imap_session *s, const struct search_run *r, uint32_t i, bool final)
{
	const struct imap_key *k = &r->q.keys[i];
	enum tri all, one;

	switch (k->op) {
	case IMAP_KEY_AND:
		all = TRI_YES;
		for (uint32_t c = k->first; c && all != TRI_NO; c = r->q.keys[c].next) {
			one = eval(s, r, c, final);
			all = one == TRI_YES ? all : one;
		}
		return all;
	case IMAP_KEY_OR:
		all = TRI_NO;
		for (uint32_t c = k->first; c && all != TRI_YES; c = r->q.keys[c].next) {
			one = eval(s, r, c, final);
			all = one == TRI_NO ? all : one;
		}
		return all;
	case IMAP_KEY_NOT:
		one = eval(s, r, k->first, final);
		return one == TRI_MAYBE ? one : yes_if(one == TRI_NO);
	default:
		return eval_leaf(s, r, i, final);
	}
}

enum tri search_eval(struct imap_session *s, const struct search_run *r, bool final)
{
	return eval(s, r, 0, final);
}
