#ifndef MAILBOX_STAT_H
#define MAILBOX_STAT_H
/* stat - what administrators look at: a mailbox, a database, its newest messages */
#include "common/api/store.h"
#include "roles/mailbox/folder.h"
#include "roles/mailbox/zpool.h"

struct mailbox_stat_op {
	struct folder_list_op folders;	/* who and arena are set by the caller */
	/* results */
	int64_t size, items, dumpster_size, disconnected_ms, state, cn;
};
enum err stat_mailbox(struct db *db, void *op, struct errbuf *eb) A_MUST_USE;

struct database_stat_op {
	const char *path;		/* of store.db */
	/* results */
	int64_t file_bytes, epoch, commit_seq, content_bytes, mailboxes, disconnected;
};
enum err stat_database(struct db *db, void *op, struct errbuf *eb) A_MUST_USE;

struct message_line {
	uint32_t uid;
	unsigned flags;
	int64_t received_ms;
	uint64_t size;
	const char *subject, *from, *message_id, *folder;
};

struct list_messages_op {
	struct who who;
	const char *path;		/* NULL: all folders */
	uint32_t limit;			/* 0: 20; at most 1,000 */
	uint32_t before_uid;		/* with a path; 0: from the newest */
	struct arena *arena;
	/* results, newest first */
	struct message_line *lines;
	size_t n;
};
enum err stat_messages(struct db *db, void *op, struct errbuf *eb) A_MUST_USE;

struct peek_op {
	struct who who;
	struct zpool *zpool;
	const char *path;		/* NULL: the inbox */
	uint32_t uid;			/* 0: the newest */
	uint64_t offset, length;
	/* results */
	struct buf data;
	uint64_t size;
};
enum err stat_peek(struct db *db, void *op, struct errbuf *eb) A_MUST_USE;
#endif
