/* Private to roles/client-access/imap. */
#ifndef CAS_IMAP_H
#define CAS_IMAP_H

#include "common/api/rights.h"
#include "common/api/store.h"
#include "common/auth/sasl.h"
#include "common/base/buf.h"
#include "common/base/check.h"
#include "common/base/log.h"
#include "common/imap/command.h"
#include "common/imap/fetch.h"
#include "common/imap/flags.h"
#include "common/imap/seqset.h"
#include "roles/client-access/cas.h"
#include "roles/client-access/front.h"
#include "roles/client-access/imap/compress.h"
#include "roles/client-access/imap/language.h"
#include "roles/client-access/imap/uid_map.h"
#include "roles/client-access/watch.h"

/* Bits, so that a verb can say in which states it is legal. */
enum imap_state { IN_NOAUTH = 1, IN_AUTH = 2, IN_SELECTED = 4 };
#define IN_USER (IN_AUTH | IN_SELECTED)
#define IN_ANY	(IN_NOAUTH | IN_USER)

/* What a step tells the pump. */
enum next {
	NEXT_MORE,	/* s->step is set, run it */
	NEXT_WAIT,	/* parked: input, a reply, or room for output will pump again */
	NEXT_DONE	/* the conversation is over */
};

enum step { STEP_READ, STEP_RUN, STEP_WORK, STEP_SYNC, STEP_REPLY, STEP_BYE };

struct imap_session;
typedef enum next imap_work_fn(struct imap_session *s);
/* Told which folder a path names; e is set when f is NULL. */
typedef enum next folder_then_fn(struct imap_session *s, enum err e,
				 const struct store_folder *f);

/* The folder a session has selected, as the client knows it. */
struct imap_view {
	struct guid mailbox;		/* whose folder it is */
	unsigned rights;		/* of the user: enum right */
	bool own_seen;			/* \Seen is each reader's own */
	uint64_t fid, epoch;
	uint32_t uidvalidity, uidnext;
	uint32_t recent_above;		/* UIDs above are \Recent; up to recent_last */
	uint32_t recent_last;
	uint64_t cn;			/* changes above are not known here */
	uint64_t highestmodseq;
	bool read_only;
	struct uid_map *map;
	char *path;
	char **words;			/* keywords the client was told of */
	size_t n_words, cap_words;
	struct watch_seat seat;
	bool dirty;			/* the store has hinted at something */
	bool retry;			/* asking what it was has failed */
};

/* What a session changed itself and has told its client already, so that the
 * change feed need not say it again.  When it is full the client is told twice. */
#define IMAP_OWN 64
struct imap_own {
	struct { uint32_t first, last; uint64_t modseq; } r[IMAP_OWN];
	size_t n;
	bool is_news;			/* to the contexts */
};

/* "$": the UIDs of the last result that was saved (RFC 5182). */
struct imap_saved {
	struct uid_range *r;		/* ascending */
	size_t n;
};

struct imap_sync;
struct search_context;
struct context_run;
struct since;
struct notify;

/* What ENABLE has switched on, for the rest of the connection. */
enum imap_mode {
	MODE_QRESYNC = 1,	/* VANISHED instead of EXPUNGE (RFC 7162) */
	MODE_UIDONLY = 2,	/* no message numbers either way (RFC 9586) */
	MODE_UTF8 = 4,		/* strings and names in UTF-8 (RFC 6855) */
	MODE_REV2 = 8,		/* RFC 9051 where it differs from RFC 3501 */
};

struct imap_session {
	unsigned magic;
#define IMAP_SESSION_MAGIC 0x1a9b5e55u
	struct cas *cas;
	struct front_io io;
	struct log_ctx log;
	struct addr peer;
	bool tls, tls_begun;		/* begun: STARTTLS was answered */

	enum imap_state state;
	enum step step;
	struct imap_reader reader;
	struct buf in;			/* received and not used yet */
	struct span cur;		/* the bytes being read: in, or the caller's */
	bool cur_borrowed, paused;
	struct buf out;			/* said and not handed to io yet */
	bool broken;			/* output beyond its limit: hang up */
	bool stopping;			/* BYE when no command runs any more */
	struct compress *squeeze;	/* NULL: not compressed */

	const struct imap_verb *verb;	/* that is being run */
	imap_work_fn *work;		/* STEP_WORK */
	imap_work_fn *on_line;		/* a raw line came: reader.data */
	void *run;			/* the verb's own, in the command's arena */
	void (*run_free)(struct imap_session *s);	/* what the arena does not hold */
	struct buf reply;		/* "OK Done." */
	size_t held;			/* bytes of rows said, granted when there is room */
	unsigned bad_commands;		/* in a row */

	struct api_call *call;		/* the one store call in flight */
	folder_then_fn *find_then;
	const char *find_prefix;	/* of the namespace the folder is in */
	bool find_deleted;		/* with deleted_size, the next time */
	struct login_call *login_call;
	struct sasl *sasl;
	struct login_result who;
	struct store_at at;		/* the mailbox a command of IN_USER works on: that
					 * of the selected folder in a verb of IN_SELECTED,
					 * else the user's own, until folder_find() */
	struct users_seat seat;		/* among who is logged in */
	struct imap_view view;		/* valid in IN_SELECTED */
	struct imap_own own;
	struct imap_saved saved;
	struct search_context *contexts;	/* results kept up to date; context.c */
	struct context_run *context_run;	/* their update under way */
	struct imap_sync *sync;
	struct since *since;
	struct notify *notify;		/* NULL: the client wants no news */
	bool quiet;			/* the command is our own, for NOTIFY */
	bool own_names;			/* folders were made or renamed by this client */
	bool condstore;			/* the client knows MODSEQ */
	unsigned modes;			/* enum imap_mode */
	bool says_modseq;		/* the tagged OK gets HIGHESTMODSEQ */
	bool idling;
	enum language language;
	uint64_t n_commands;
};

enum verb_flags {
	VERB_SECRET = 1,	/* arguments never reach a log, and are wiped */
	VERB_UID = 2,		/* also as UID ... */
	VERB_NO_EXPUNGE = 4,	/* without UID: numbers must not move (RFC 3501 7.4.1) */
	VERB_SYNC = 8,		/* always looks for changes, hint or not */
	VERB_STORE = 16,	/* needs the mailbox's server */
	VERB_WRITE = 32,	/* refused in a folder opened by EXAMINE */
	VERB_ONLY_UID = 64,
	VERB_NUMBERS = 128,	/* without UID: names messages by number */
	VERB_STREAM = 256	/* its literals are messages, and begin it: append_begin() */
};

struct imap_verb {
	const char *name;
	imap_work_fn *run;		/* arguments in s->reader.cmd.args, at a space */
	unsigned states;		/* IN_* where it is legal */
	unsigned flags;
	const char *capability;		/* said in CAPABILITY because of this verb */
};

const struct imap_verb *imap_verb_find(struct span name);
const struct imap_verb *imap_verb_at(size_t i);		/* of all, in order; NULL: no more */
void imap_put_capabilities(struct imap_session *s);	/* "IMAP4rev1 IDLE ..." */
/* May a password cross this connection as it is? */
bool imap_plain_is_fine(const struct imap_session *s);
/* proof: where conf may point to afterwards. */
void imap_sasl_conf(struct imap_session *s, struct sasl_conf *conf, struct conn_proof *proof);

/* ---- session.c ------------------------------------------------------------ */

/* Run steps until one parks.  The last thing its caller does: s may be gone. */
void imap_pump(struct imap_session *s);
/* End the command with this reply, "OK ...", "NO ...", "BAD ..."; from a verb or
 * from a callback (which then pumps). */
enum next imap_finish(struct imap_session *s, const char *fmt, ...) A_PRINTF(2, 3);
/* BAD with what the lexer says; NO for a name that no mailbox can have. */
enum next imap_bad(struct imap_session *s);
/* The client counts changes from here on (RFC 7162 3.1): say from where, once. */
void imap_condstore_on(struct imap_session *s);
enum next imap_fail(struct imap_session *s, enum err e);	/* NO as the table has it */
/* Messages were removed by this command: with QRESYNC its tagged OK says what the
 * client is in step with (RFC 7162 3.2.7), once it was told of all others did. */
void imap_say_modseq(struct imap_session *s);
/* s->at: of the selected folder (view), or the user's own mailbox. */
enum err imap_locate(struct imap_session *s, bool view) A_MUST_USE;
/* Go to work: now if NEXT_MORE is returned to the pump. */
enum next imap_work(struct imap_session *s, imap_work_fn *fn);
/* Park until a callback sets another step and pumps. */
enum next imap_await(struct imap_session *s);
/* First thing in a callback: s->call was answered. */
void imap_call_done(struct imap_session *s);
/* Rows were said: so many bytes of them.  The store may send more once the output
 * has room; until then a verb awaits by imap_await_rows(). */
void imap_grant(struct imap_session *s, size_t bytes);
enum next imap_await_rows(struct imap_session *s);
const char *imap_err_reply(enum err e);
void imap_bye(struct imap_session *s, const char *text);	/* untagged, then hang up; pumps */

/* ---- output: all go into s->out; too much breaks the session ---------------- */

void out_str(struct imap_session *s, const char *text);
void out_add(struct imap_session *s, const void *p, size_t n);
void out_fmt(struct imap_session *s, const char *fmt, ...) A_PRINTF(2, 3);
void out_done(struct imap_session *s, enum err e);	/* the result of an imap_write_ */
void out_flush(struct imap_session *s);
bool out_full(struct imap_session *s);			/* the client must take some first */
bool imap_is_recent(const struct imap_session *s, uint32_t uid);
void imap_put_recent(struct imap_session *s);	/* "* 2 RECENT"; nothing in rev2 */
enum err imap_put_flags(const struct imap_session *s, struct buf *out, uint32_t uid,
			unsigned store_flags, const struct span *keywords, size_t n)
	A_MUST_USE;
void out_flags(struct imap_session *s, uint32_t uid, unsigned store_flags,
	       const struct span *keywords, size_t n);	/* "FLAGS (\Seen)" */
void out_mailbox(struct imap_session *s, const char *path);	/* as the session spells it */
void out_range(struct imap_session *s, struct uid_range r);	/* "3" or "3:7" */
/* "* 3 FETCH (", with MODE_UIDONLY "* 304 UIDFETCH (". */
enum err imap_put_fetch(const struct imap_session *s, struct buf *out, uint32_t seq,
			uint32_t uid) A_MUST_USE;
/* VANISHED, or numbers? */
bool imap_says_vanished(const struct imap_session *s);

/* ---- between the store's words and the client's ------------------------------- */

unsigned flags_to_store(const struct imap_flags *f);
unsigned flag_to_store(unsigned imap_flag);		/* one; 0 for \Recent */
unsigned word_to_store(struct span keyword);		/* $Forwarded, $MDNSent; else 0 */
/* NULL-terminated, in the arena; NULL if there are none. */
const char *const *keywords_to_store(struct arena *a, const struct imap_flags *f);
/* A set as the client wrote it (numbers or UIDs) as UID ranges of the view, in
 * the arena.  False: a number is beyond the folder; the command is BAD. */
bool view_ranges(struct imap_session *s, struct imap_seqset *set, bool uid,
		 struct uid_ranges *out);
/* The part of the messages in these ranges that is asked for (RFC 9394). */
struct uid_ranges view_partial(struct imap_session *s, struct uid_ranges in,
			       const struct imap_partial *p);
/* Is it in one of the ranges, which ascend and do not overlap? */
bool uids_have(struct uid_ranges set, uint32_t uid);
/* Ranges to work off piece by piece; the list is the command's own. */
struct view_todo {
	struct uid_range *r;
	size_t n;
};
void view_todo(struct imap_session *s, struct view_todo *t, struct uid_ranges uids);
/* Cut ranges off the front, at most max, that hold at most `most` messages of the
 * view; the number of ranges in out, 0 when nothing is left. */
size_t view_cut(struct imap_session *s, struct view_todo *t, struct uid_range *out,
		size_t max, uint32_t most);
/* "* STATUS path (...)"; items: enum imap_status_item. */
void status_put(struct imap_session *s, const struct store_folder *f, unsigned items);
/* Look a folder up by the path the client knows, in any namespace, then then(): s->at
 * leads to its mailbox from then on. */
enum next folder_find(struct imap_session *s, const char *path, folder_then_fn *then);

/* ---- view.c -------------------------------------------------------------------- */

void view_close(struct imap_session *s);	/* leave IN_SELECTED */
void view_open(struct imap_session *s, const struct store_folder *f,
	       const struct store_selected *sel, bool read_only);
void view_share(struct imap_session *s);	/* after the map changed */
/* UIDs are gone, ascending. */
void view_remove(struct imap_session *s, const struct uid_range *gone, size_t n);
/* Keywords the client was not told of: a new FLAGS line goes before they are used. */
void view_words(struct imap_session *s, const struct span *words, size_t n);
void view_put_flags(struct imap_session *s);	/* FLAGS, without PERMANENTFLAGS */
void saved_clear(struct imap_session *s);	/* "$" is empty; search_saved.c */
void own_note(struct imap_own *o, uint32_t uid, uint64_t modseq);
bool own_knows(const struct imap_own *o, uint32_t uid, uint64_t modseq);

/* ---- context.c: results that are kept up to date (RFC 5267) ------------------------------ */

/* The client has been told what changed: tell what came and went in its results, then
 * then(). */
enum next context_update(struct imap_session *s, imap_work_fn *then);
/* These UIDs go; said before their EXPUNGE is. */
void context_gone(struct imap_session *s, struct uid_range gone);
void context_free(struct imap_session *s);	/* all of them */
void context_run_free(struct imap_session *s);	/* the session ends in the middle */

/* ---- sync.c -------------------------------------------------------------------- */

/* Learn what changed and tell the client.  Runs as STEP_WORK or STEP_SYNC; ends
 * by then(). */
enum next sync_start(struct imap_session *s, imap_work_fn *then);
void sync_free(struct imap_session *s);
/* Say EXPUNGE for these UIDs, high to low, then then(). */
enum next sync_gone(struct imap_session *s, struct uid_ranges gone, imap_work_fn *then);

/* ---- verb_compress.c -------------------------------------------------------------- */

/* The session wants more input: MORE if some was inflated. */
enum next compress_refill(struct imap_session *s);

/* ---- verbs ----------------------------------------------------------------------- */

imap_work_fn imap_verb_capability, imap_verb_noop, imap_verb_logout, imap_verb_id,
	imap_verb_compress, imap_verb_notify, imap_verb_enable, imap_verb_namespace, imap_verb_starttls, imap_verb_login,
	imap_verb_authenticate, imap_verb_select, imap_verb_examine, imap_verb_check,
	imap_verb_close, imap_verb_unselect, imap_verb_create, imap_verb_delete,
	imap_verb_rename, imap_verb_subscribe, imap_verb_unsubscribe, imap_verb_list,
	imap_verb_lsub, imap_verb_status, imap_verb_append, imap_verb_replace,
	imap_verb_setacl, imap_verb_deleteacl, imap_verb_getacl, imap_verb_listrights,
	imap_verb_myrights, imap_verb_getmetadata, imap_verb_setmetadata, imap_verb_getquota,
	imap_verb_getquotaroot, imap_verb_setquota, imap_verb_genurlauth,
	imap_verb_resetkey, imap_verb_urlfetch, imap_verb_language, imap_verb_idle, imap_verb_fetch, imap_verb_store,
	imap_verb_copy, imap_verb_move, imap_verb_expunge, imap_verb_search,
	imap_verb_sort, imap_verb_thread, imap_verb_esearch, imap_verb_cancelupdate;

/* A hint came while the client idles; pumps. */
void idle_news(struct imap_session *s);

/* "* METADATA INBOX (/shared/comment \"x\")": a line for each path. */
struct store_meta;
void meta_put(struct imap_session *s, const struct store_meta *m, size_t n);

/* The reader met a message of an APPEND or REPLACE; pieces of it. */
enum next append_begin(struct imap_session *s);
size_t append_room(struct imap_session *s);	/* bytes it would take now */
void append_data(struct imap_session *s, struct span piece);
#endif
