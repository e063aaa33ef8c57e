/* Private to verb_list.c, list_shared.c and list_meta.c: one LIST or LSUB at work. */
#ifndef CAS_IMAP_LIST_RUN_H
#define CAS_IMAP_LIST_RUN_H

#include "common/imap/list.h"
#include "roles/client-access/imap/namespace.h"

struct list_run {
	struct imap_list args;
	struct imap_pattern *patterns[IMAP_MAX_PATTERNS];
	bool lsub;

	/* list_meta.c: folders of the mailbox in hand that were said, and their entries */
	struct list_meta *meta;
	size_t n_meta, cap_meta;
	const char *meta_after;		/* in the store's words; pages go on here */
	void (*meta_then)(struct imap_session *s);

	/* list_shared.c; all of it lives in the command's arena */
	const char **subs;		/* subscribed paths of other namespaces; NULL: said */
	size_t n_subs;
	struct shared *todo;		/* mailboxes to look into, in order */
	size_t n_todo, at;
	struct ns_place place;		/* of the one in hand */
	struct rpc_peer **stores;	/* still to be asked what they share with the user */
	size_t n_stores;
	struct guid *found;
	size_t n_found;
};

/* Ask for all folders of s->at. */
struct api_call *list_ask(struct imap_session *s, const struct list_run *r, store_folders_cb *cb);
bool list_matches(const struct list_run *r, const char *path);
bool list_may_begin(const struct list_run *r, const char *start);
/* Say what of these belongs to the answer; paths as the client knows them. */
void list_folders(struct imap_session *s, struct list_run *r,
		  const struct store_folders *all);
void list_gone(struct imap_session *s, const struct list_run *r, const char *path);
/* A name that only has others below it. */
void list_node(struct imap_session *s, const struct list_run *r, const char *path);

/* RETURN (METADATA ...): this folder was said, and its entries are to be. */
void list_meta_note(struct imap_session *s, struct list_run *r, const char *path);
/* The folders of s->at are said: their entries too, then then(); at once if there are
 * none.  r->place has a prefix that is not "" where it is another's mailbox. */
void list_meta_say(struct imap_session *s, void (*then)(struct imap_session *s));

/* What is subscribed elsewhere, of the answer to LIST of the own mailbox. */
void list_shared_note(struct imap_session *s, const struct store_folders *own);
/* The user's own folders are said: now what others share with him and public
 * folders, as far as the patterns may match them.  Ends the command. */
void list_shared(struct imap_session *s);
#endif
