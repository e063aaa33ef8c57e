/* Private to roles/unified-messaging/message. */
#ifndef UM_MESSAGE_POST_PRIV_H
#define UM_MESSAGE_POST_PRIV_H
#include "common/base/list.h"
#include "common/rpc/rpc.h"
#include "common/svc/work.h"
#include "roles/unified-messaging/message/post.h"

enum { POST_PATH = 512, POST_HEAD = 1024 };

/* A message that is being made. */
struct post_job {
	struct list node;
	struct post *post;
	struct note note;
	char id[POST_ID];	/* "": no recording */
	uint64_t seq;
	bool running;
	enum err e;
	struct errbuf eb;
	uint64_t size;		/* of the message */
};

/* A message that waits for a hub. */
struct post_item {
	struct list node;
	struct post *post;
	uint64_t seq, size;	/* octets of the message itself */
	uint64_t head;		/* ... which begins here in its file */
	char to[NOTE_TEXT_MAX];
	int64_t received_ms, due_ms;	/* wall; monotonic */
	unsigned tries;
	struct guid offered;	/* the hub that may hold it; null: none */
	int64_t offered_ms;	/* monotonic */
	struct hub_call *call;
	int fd;			/* while it is being read */
	char *data;		/* ... or all of it */
};

struct post {
	struct post_conf conf;
	char *dir, *hostname;
	struct guid instance;
	uint64_t next_seq, reserved;
	struct list jobs, items;
	size_t n_jobs, n_items, running, sending;
	uv_timer_t timer;
	bool closing;
	struct rpc_peer *last;	/* whose turn it was; only compared */
	/* rounds */
	int64_t round_ms;
	unsigned asked;		/* hubs that have not answered */
	uint64_t lowest;
	bool round_failed;
	uint64_t told;		/* below this the hubs know already */
	struct list asks;
};

void post_path(const struct post *p, char out[POST_PATH], const char *name, const char *ext);
void post_seq_path(const struct post *p, char out[POST_PATH], uint64_t seq, const char *ext);
enum err post_sync_dir(const struct post *p, struct errbuf *eb) A_MUST_USE;

/* ---- make.c: on a worker ------------------------------------------------------------ */
void post_make(void *job);	/* fills e, eb, size */
/* Whole files, replaced and synced. */
enum err post_write_file(const char *path, const void *data, size_t n,
			 struct errbuf *eb) A_MUST_USE;

/* ---- send.c: on the loop ---------------------------------------------------------------- */
void post_item_add(struct post *p, uint64_t seq, uint64_t head, uint64_t size, const char *to,
		   int64_t received_ms);
/* What is in SEQ.mail: CORRUPT, INTERNAL. */
enum err post_item_load(struct post *p, uint64_t seq, struct errbuf *eb) A_MUST_USE;
void post_send(struct post *p);
void post_send_close(struct post *p);
void post_rounds(struct post *p);	/* tell hubs what nobody holds any more */
#endif
