/* From a login to a maildrop: the snapshot of the inbox. */
#include "roles/client-access/pop3/pop3.h"

#include "roles/client-access/account.h"

#define MIN_IDLE 600000		/* RFC 1939 section 3: ten minutes at least */

static void refuse(struct pop3_session *s, enum err e)
{
	log_warn(&s->log, "pop3-no-inbox user=%s err=%s", s->who.user, err_text(e));
	drop_fini(&s->drop);
	users_leave(&s->seat);
	pop3_fail(s, e);
}

static void opened(struct pop3_session *s)
{
	int64_t idle = s->cas->conf.idle_ms;
	char host[ADDR_TEXT];

	drop_trim(&s->drop);
	s->state = IN_TRANSACTION;
	s->io.set_idle(s->io.ctx, idle > MIN_IDLE ? idle : MIN_IDLE);
	cas_count(s->cas, CAS_LOGINS, 1);
	log_info(&s->log, "login user=%s addr=%s tls=%d messages=%u", s->who.user,
		 addr_host(&s->peer, host), s->tls, s->drop.n);
	pop3_ok(s, "%u messages (%llu octets).", drop_count(&s->drop),
		(unsigned long long)drop_size(&s->drop));
}

static void on_rows(void *ctx, const struct store_row *rows, size_t n, size_t bytes)
{
	struct pop3_session *s = ctx;

	CHECK_OBJ(s, POP3_SESSION_MAGIC);
	for (size_t i = 0; i < n && s->bad_rows == ERR_OK; i++) {
		if ((rows[i].columns & COL_SIZE) == 0)
			s->bad_rows = ERR_INVALID;
		else
			s->bad_rows = drop_add(&s->drop, rows[i].uid, rows[i].size);
	}
	api_grant(s->call, bytes);
}

static void on_fetched(void *ctx, enum err e, uint64_t highestmodseq,
		       struct uid_ranges vanished)
{
	struct pop3_session *s = pop3_answered(ctx);

	(void)highestmodseq;
	(void)vanished;
	if (e == ERR_OK && s->bad_rows == ERR_INVALID)
		e = ERR_INTERNAL;		/* the store has broken its word */
	if (e)
		refuse(s, e);
	else
		opened(s);
	pop3_pump(s);
}

static void on_folder(void *ctx, enum err e, const struct store_folders *f)
{
	static const struct uid_range all = { 1, UINT32_MAX };
	struct pop3_session *s = pop3_answered(ctx);
	struct store_fetch fetch = { .uids = { &all, 1 }, .columns = COL_SIZE };

	if (e == ERR_OK && f->n == 0)
		e = ERR_NOTFOUND;
	if (e) {
		refuse(s, e);
		pop3_pump(s);
		return;
	}
	s->fid = fetch.fid = f->f[0].fid;
	s->uidvalidity = f->f[0].uidvalidity;
	s->call = store_fetch(&s->at, &fetch, on_rows, on_fetched, s);
}

static void on_opened(void *ctx, enum err e, const struct store_info *info)
{
	struct pop3_session *s = pop3_answered(ctx);

	(void)info;
	if (e) {
		refuse(s, e);
		pop3_pump(s);
		return;
	}
	s->call = store_folder_list(&s->at, "INBOX", on_folder, s);
}

enum next pop3_open_drop(struct pop3_session *s)
{
	enum err e = account_locate(s->cas, &s->who.principal, &s->at);

	s->bad_rows = ERR_OK;
	if (e) {
		refuse(s, e);
		return NEXT_MORE;
	}
	s->call = store_open(&s->at, on_opened, s);
	return pop3_await(s);
}
