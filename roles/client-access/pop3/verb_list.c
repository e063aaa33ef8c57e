/* The maildrop and what is in it: STAT, LIST, UIDL, DELE, RSET. */
#include "roles/client-access/pop3/pop3.h"

enum next verb_stat(struct pop3_session *s, const struct pop3_cmd *c)
{
	(void)c;
	return pop3_ok(s, "%u %llu", drop_count(&s->drop),
		       (unsigned long long)drop_size(&s->drop));
}

/* A million messages: as many at a time as the client takes. */
static enum next list_some(struct pop3_session *s)
{
	struct pop3_list *l = &s->list;
	const struct drop_message *m;

	for (; l->next <= s->drop.n; l->next++) {
		if (l->next % 256 == 0 && pop3_full(s))
			return NEXT_WAIT;
		m = drop_get(&s->drop, l->next);
		if (m == NULL)
			continue;
		if (l->uids)
			pop3_putf(s, "%u %u.%u\r\n", l->next, s->uidvalidity, m->uid);
		else
			pop3_putf(s, "%u %u\r\n", l->next, m->size);
	}
	pop3_put(s, ".\r\n");
	s->step = STEP_LINE;
	return NEXT_MORE;
}

static enum next list_all(struct pop3_session *s, bool uids)
{
	pop3_ok(s, "%u messages (%llu octets).", drop_count(&s->drop),
		(unsigned long long)drop_size(&s->drop));
	s->list = (struct pop3_list){ .next = 1, .uids = uids };
	return pop3_work(s, list_some);
}

enum next verb_list(struct pop3_session *s, const struct pop3_cmd *c)
{
	const struct drop_message *m;
	uint32_t number;

	if (c->arg[0] == NULL)
		return list_all(s, false);
	m = pop3_message(s, c->arg[0], &number);
	return m ? pop3_ok(s, "%u %u", number, m->size) : NEXT_MORE;
}

enum next verb_uidl(struct pop3_session *s, const struct pop3_cmd *c)
{
	const struct drop_message *m;
	uint32_t number;

	if (c->arg[0] == NULL)
		return list_all(s, true);
	m = pop3_message(s, c->arg[0], &number);
	return m ? pop3_ok(s, "%u %u.%u", number, s->uidvalidity, m->uid) : NEXT_MORE;
}

enum next verb_dele(struct pop3_session *s, const struct pop3_cmd *c)
{
	uint32_t number;

	if (pop3_message(s, c->arg[0], &number) == NULL)
		return NEXT_MORE;
	if (drop_delete(&s->drop, number) != ERR_OK)
		return pop3_err(s, "[SYS/TEMP] Too many single deletions, QUIT before more.");
	return pop3_ok(s, "Marked.");
}

enum next verb_rset(struct pop3_session *s, const struct pop3_cmd *c)
{
	(void)c;
	drop_reset(&s->drop);
	return pop3_ok(s, "%u messages (%llu octets).", drop_count(&s->drop),
		       (unsigned long long)drop_size(&s->drop));
}
