/* Private to verb_list.c and list_shared.c: one LIST or LSUB at work. */
#ifndef CAS_IMAP_LIST_RUN_H
#define CAS_IMAP_LIST_RUN_H

#include "common/imap/list.h"
#include "roles/client-access/imap/namespace.h"

struct list_run {
	struct imap_list args;
	struct imap_pattern *patterns[IMAP_MAX_PATTERNS];
	bool lsub;

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
void list_folders(struct imap_session *s, const struct list_run *r,
		  const struct store_folders *all);
void list_gone(struct imap_session *s, const struct list_run *r, const char *path);
/* A name that only has others below it. */
void list_node(struct imap_session *s, const struct list_run *r, const char *path);

/* The user's own folders are said: now what others share with him and public
 * folders, as far as the patterns may match them.  Ends the command. */
void list_shared(struct imap_session *s, const struct store_folders *own);
#endif
