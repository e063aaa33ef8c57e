#ifndef TEST_IMAP_FAKE_PRIV_H
#define TEST_IMAP_FAKE_PRIV_H
/* fake_priv - what the files of the fake store share */
#include "common/base/list.h"
#include "tests/unit/client-access/imap/fake.h"

#define MAX_MSGS    64
#define MAX_FOLDERS 12

struct msg {
	uint32_t uid;
	unsigned flags;
	uint64_t modseq;
	int64_t date_ms;
	char *content, *keyword;	/* at most one keyword */
	uint64_t gone;			/* cn of its expunge; 0: it is there */
};

struct folder {
	char *path;
	const char *role;
	uint64_t fid, modseq;
	uint32_t uidvalidity, uidnext, recent_uid;
	struct msg m[MAX_MSGS];
	size_t n;
	bool subscribed;
};

enum kind { LISTING, DONE_CALL, ACL_LISTING, SELECTING, FETCHING, CONTENT, QUERYING, APPENDING, PLACING, FLAGGING,
	    COPYING, EXPUNGING, CHANGING, WATCHING, FINDING, SORTING, REFERRING, OTHER };
struct api_call {
	struct list node;
	enum kind kind;
	void *cb, *rows, *ctx;
	void (*writable)(void *ctx);
	char *path, *path2;
	uint64_t fid, number, number2;
	struct uid_range *uids;
	size_t n_uids;
	unsigned bits;
	bool on, on2, paged;
	struct store_query q;
	struct store_append a;
	bool staging, open, ended;
	struct store_place place;
	const char *name;		/* of an OTHER */
	void (*answer)(struct api_call *c, enum err e);
	void *arg;			/* freed with it */
	enum store_flags_mode mode;
	char *keyword;
	char *data;
	size_t len, room;
	bool cancelled;
};

struct fake_state {
	struct folder f[MAX_FOLDERS];
	size_t n_folders;
	uint64_t cn;
	struct list calls, watches;
	const char *fail;
	enum err fail_with;
	bool no_maps, content_in_rows, away, up, catalogue, other_server;
	unsigned no_rights;
	uint64_t floor;			/* what went away before is forgotten */
	struct api_call *running;
	char *gone_subscribed;
};

extern struct fake_state fake;		/* fake_store.c */

struct api_call *fake_call(enum kind kind, void *cb, void *ctx);
struct folder *fake_by_fid(uint64_t fid);
struct msg *fake_add(struct folder *f, const char *content, size_t n, unsigned flags);
struct msg *fake_by_uid(struct folder *f, uint32_t uid);

/* fake_stage.c: APPEND, stage and place.  False: the call goes on. */
bool fake_answer_append(struct api_call *c, enum err e);
void fake_answer_place(struct api_call *c, enum err e);
bool fake_wants_bytes(const struct api_call *c);	/* waits for its client */
void fake_stage_reset(void);

/* fake_search.c */
void fake_answer_find(struct api_call *c, enum err e);
void fake_answer_sort(struct api_call *c, enum err e);
void fake_answer_refs(struct api_call *c, enum err e);

/* fake_meta.c: annotations, usage, keys of URLs. */
void fake_meta_reset(void);
#endif
