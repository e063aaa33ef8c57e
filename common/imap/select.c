#include "common/imap/select.h"

/* '*' stands for what the client cannot know. */
static bool plain_set(struct imap_lex *l, struct imap_seqset *out)
{
	if (!imap_lex_seqset(l, out))
		return false;
	for (size_t i = 0; i < out->n; i++)
		if (out->r[i].first == IMAP_STAR || out->r[i].last == IMAP_STAR)
			return imap_lex_fail(l, "No \"*\" here.");
	imap_seqset_resolve(out, 0);
	return true;
}

/* "(1,3 2,8)" */
static bool sample(struct imap_lex *l, struct imap_qresync *q)
{
	q->has_sample = true;
	if (!imap_lex_char(l, '(') || !plain_set(l, &q->seqs) || !imap_lex_sp(l) ||
	    !plain_set(l, &q->uids) || !imap_lex_char(l, ')'))
		return false;
	return imap_seqset_count(&q->seqs) == imap_seqset_count(&q->uids) ||
	       imap_lex_fail(l, "Not as many numbers as UIDs.");
}

static bool qresync(struct imap_lex *l, struct imap_qresync *q)
{
	if (!imap_lex_sp(l) || !imap_lex_char(l, '(') || !imap_lex_nz32(l, &q->uidvalidity) ||
	    !imap_lex_sp(l) || !imap_lex_u63(l, &q->modseq))
		return false;
	if (q->modseq == 0)
		return imap_lex_fail(l, "A mod-sequence is at least 1.");
	if (imap_lex_peek(l) == ' ' && l->end - l->p > 1 && l->p[1] != '(') {
		l->p++;
		q->has_known = true;
		if (!plain_set(l, &q->known))
			return false;
	}
	if (imap_lex_peek(l) == ' ') {
		l->p++;
		if (!sample(l, q))
			return false;
	}
	return imap_lex_char(l, ')');
}

static bool parameter(struct imap_lex *l, struct imap_select *out)
{
	if (imap_lex_word(l, "CONDSTORE")) {
		out->condstore = true;
		return true;
	}
	if (!imap_lex_word(l, "QRESYNC"))
		return imap_lex_fail(l, "Unknown SELECT parameter.");
	if (out->has_qresync)
		return imap_lex_fail(l, "QRESYNC given twice.");
	out->has_qresync = true;
	return qresync(l, &out->qresync);
}

bool imap_lex_select(struct imap_lex *l, struct imap_select *out)
{
	*out = (struct imap_select){ 0 };
	if (imap_lex_peek(l) != ' ')
		return imap_lex_end(l);
	if (!imap_lex_sp(l) || !imap_lex_char(l, '('))
		return false;
	do {
		if (!parameter(l, out))
			return false;
	} while (imap_lex_peek(l) == ' ' && l->p++);
	return imap_lex_char(l, ')') && imap_lex_end(l);
}

void imap_sample_init(struct imap_sample *i, const struct imap_qresync *q)
{
	*i = (struct imap_sample){ .q = q };
}

bool imap_sample_next(struct imap_sample *i)
{
	if (!i->q->has_sample)
		return false;
	i->seq = imap_seqset_next(&i->q->seqs, i->seq + 1);
	i->uid = imap_seqset_next(&i->q->uids, i->uid + 1);
	return i->seq != 0 && i->uid != 0;
}
