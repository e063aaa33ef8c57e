#ifndef SHELL_NOUNS_H
#define SHELL_NOUNS_H
/* nouns - the verbs that are more than objects.h does, by the file they stand in */
#include "roles/shell/shell.h"

/* mailbox.c */
verb_fn mailbox_import_verb, mailbox_disable_verb, mailbox_reconnect_verb,
	mailbox_folders_verb, mailbox_stat_verb;
/* group.c */
verb_fn group_add_verb, group_take_verb;
/* server.c */
verb_fn server_add_verb, server_list_verb, server_rotate_verb, edge_subscribe_verb, admin_key_verb;
/* database.c */
verb_fn database_list_verb, database_check_verb, database_catalogue_verb,
	database_reindex_verb;
/* queue.c */
verb_fn queue_list_verb, queue_messages_verb, queue_retry_verb, queue_suspend_verb,
	queue_resume_verb, queue_remove_verb;
/* message.c */
verb_fn message_list_verb, message_show_verb, message_trace_verb, message_deleted_verb,
	message_restore_verb;
/* health.c */
verb_fn status_verb, stats_verb, log_level_verb, audit_list_verb, transport_show_verb,
	transport_set_verb;
/* rights/verbs.c */
verb_fn permission_verb, mailbox_share_verb, public_folder_create_verb;
/* oauth.c */
verb_fn oauth_keys_verb;
/* mailflow.c */
verb_fn mailflow_verb;
/* complete.c */
verb_fn completion_verb, complete_verb;
/* HOST:PORT to dial for a server that says it listens at `smtp` and whose bus is at
 * `endpoint` ("tcp://HOST:PORT"): another host must not be sought at "[::]". */
const char *mailflow_target(struct arena *a, const char *smtp, const char *endpoint);
#endif
