/* send - messages that are ready, to hubs */
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "roles/unified-messaging/message/post_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	SENDING = 8,			/* calls under way */
	TIMEOUT_MS = 30000,
	RETRY_MS = 5000, RETRY_MAX_MS = 60000,
	AWAY_MS = 600000,		/* a hub that is away so long is given up */
	ROUND_MS = 30000,
	MAIL_AUTHENTICATED = 16,	/* of enum mail_flags: one of our servers sends it */
};

void post_item_add(struct post *p, uint64_t seq, uint64_t head, uint64_t size, const char *to,
		   int64_t received_ms)
{
	struct post_item *i = xcalloc(1, sizeof(*i));

	i->post = p;
	i->seq = seq;
	i->head = head;
	i->size = size;
	i->received_ms = received_ms;
	i->fd = -1;
	snprintf(i->to, sizeof(i->to), "%s", to);
	list_init(&i->node);
	list_add_tail(&p->items, &i->node);
	p->n_items++;
}

enum err post_item_load(struct post *p, uint64_t seq, struct errbuf *eb)
{
	char path[POST_PATH], text[POST_HEAD + 1], to[NOTE_TEXT_MAX] = "";
	const char *end, *line;
	long long received = 0;
	struct stat st;
	ssize_t n;
	int fd;

	post_seq_path(p, path, seq, "mail");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(eb, errno, path);
	n = pread(fd, text, POST_HEAD, 0);
	if (n < 0 || fstat(fd, &st)) {
		close(fd);
		return err_errno(eb, errno, path);
	}
	close(fd);
	text[n] = '\0';
	end = strstr(text, "\n\n");
	line = strstr(text, "\nto=");
	if (strncmp(text, "bourse-um mail 1\n", 17) != 0 || !end || !line || line > end ||
	    sscanf(line, "\nto=%255[^\n]", to) != 1)
		return err_set(eb, ERR_CORRUPT, "%s", path);
	line = strstr(text, "\nreceived=");
	if (line && line < end)
		received = strtoll(line + 10, NULL, 10);
	post_item_add(p, seq, (uint64_t)(end + 2 - text), (uint64_t)st.st_size -
		      (uint64_t)(end + 2 - text), to, received);
	return ERR_OK;
}

/* ---- one message ------------------------------------------------------------------------ */

static void put_away(struct post_item *i)
{
	if (i->fd >= 0)
		close(i->fd);
	i->fd = -1;
	free(i->data);
	i->data = NULL;
}

static void item_free(struct post_item *i)
{
	put_away(i);
	list_del(&i->node);
	i->post->n_items--;
	free(i);
}

static enum err read_mail(void *src, uint64_t off, void *p, size_t n, size_t *got)
{
	struct post_item *i = src;
	ssize_t r = pread(i->fd, p, n, (off_t)(i->head + off));

	if (r < 0)
		return ERR_INTERNAL;
	*got = (size_t)r;
	return ERR_OK;
}

static enum err take_out(struct post_item *i, struct errbuf *eb)
{
	char path[POST_PATH];
	size_t got = 0;

	post_seq_path(i->post, path, i->seq, "mail");
	i->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (i->fd < 0)
		return err_errno(eb, errno, path);
	if (i->size > RPC_CHUNK / 2)
		return ERR_OK;		/* in chunks, as there is credit */
	i->data = xcalloc(1, i->size + 1);
	return read_mail(i, 0, i->data, i->size, &got) == ERR_OK && got == i->size ? ERR_OK :
	       err_set(eb, ERR_CORRUPT, "%s is shorter than it was", path);
}

static void try_later(struct post_item *i)
{
	int64_t wait = (int64_t)RETRY_MS << (i->tries < 4 ? i->tries : 4);

	i->tries++;
	i->due_ms = clock_mono_ms() + (wait < RETRY_MAX_MS ? wait : RETRY_MAX_MS);
}

static void answered(void *ctx, enum err e, enum hand_verdict v, const char *detail)
{
	struct post_item *i = ctx;
	struct post *p = i->post;
	char path[POST_PATH], name[POST_PATH];

	i->call = NULL;
	p->sending--;
	put_away(i);
	post_seq_path(p, path, i->seq, "mail");
	switch (e ? HAND_UNKNOWN : v) {
	case HAND_HELD:
		log_info(NULL, "message-sent seq=%llu", (unsigned long long)i->seq);
		unlink(path);
		item_free(i);
		if (p->conf.on_sent)
			p->conf.on_sent(p->conf.ctx);
		break;
	case HAND_REFUSED:	/* never: kept for an administrator to look at */
		log_error(NULL, "message-refused seq=%llu detail=\"%s\"",
			  (unsigned long long)i->seq, detail ? detail : "");
		post_seq_path(p, name, i->seq, "refused");
		if (rename(path, name))
			log_error(NULL, "refused-mail-not-put-aside path=%s", path);
		item_free(i);
		break;
	case HAND_NOT_HELD:
		memset(&i->offered, 0, sizeof(i->offered));
		try_later(i);
		break;
	case HAND_UNKNOWN:
		try_later(i);
		break;
	}
	post_send(p);
}

static bool is_hub(const struct rpc_peer *peer)
{
	return rpc_peer_ident(peer)->role == RPC_HUB && rpc_peer_is_up(peer);
}

/* They take turns; a message that one of them may hold goes to that one. */
static struct rpc_peer *pick(struct post *p, struct post_item *i, int64_t now)
{
	struct rpc *rpc = p->conf.rpc(p->conf.ctx);
	struct rpc_peer *first = NULL, *next = NULL;
	bool seen = false;

	if (!rpc)
		return NULL;
	if (!guid_is_null(&i->offered)) {
		struct rpc_peer *to = rpc_find(rpc, &i->offered);

		if (to && is_hub(to)) {
			i->offered_ms = now;
			return to;
		}
		if (now - i->offered_ms < AWAY_MS)
			return NULL;
	}
	for (struct rpc_peer *x = rpc_next(rpc, NULL); x; x = rpc_next(rpc, x)) {
		if (!is_hub(x))
			continue;
		if (!first)
			first = x;
		if (seen && !next)
			next = x;
		seen |= x == p->last;
	}
	p->last = next ? next : first;
	return p->last;
}

static void give(struct post_item *i, struct rpc_peer *to, int64_t now)
{
	struct post *p = i->post;
	struct hand_rcpt rcpt = { .address = i->to, .orcpt = "" };
	struct hand h = {
		.origin = p->instance, .root = p->instance, .seq = i->seq, .sender = "",
		.envid = "", .prefix = "", .message_id = "", .flags = MAIL_AUTHENTICATED,
		.received_ms = i->received_ms, .rcpts = &rcpt, .n_rcpts = 1, .size = i->size,
	};
	struct hand_content content = { .data = i->data, .read = read_mail, .src = i };

	i->offered = rpc_peer_ident(to)->guid;
	i->offered_ms = now;
	p->sending++;
	i->call = hub_accept(to, &h, &content, TIMEOUT_MS, answered, i);
}

void post_send(struct post *p)
{
	int64_t now = clock_mono_ms();

	LIST_EACH (&p->items, n) {
		struct post_item *i = CONTAINER_OF(n, struct post_item, node);
		struct errbuf eb = { "" };
		struct rpc_peer *to;

		if (p->sending >= SENDING)
			return;
		if (i->call || i->due_ms > now)
			continue;
		to = pick(p, i, now);
		if (!to)
			continue;
		if (take_out(i, &eb)) {
			log_error(NULL, "mail-unreadable seq=%llu detail=\"%s\"",
				  (unsigned long long)i->seq, eb.text);
			put_away(i);
			try_later(i);
			continue;
		}
		give(i, to, now);
	}
}

/* ---- rounds: what nobody holds any more -------------------------------------------------- */

struct ask {
	struct list node;
	struct post *post;
	struct hub_call *call;
};

static void told(void *ctx, enum err e)
{
	(void)ctx;
	(void)e;
}

static void tell_done(struct post *p)
{
	struct rpc *rpc = p->conf.rpc(p->conf.ctx);

	if (p->round_failed || !rpc || p->lowest <= p->told)
		return;
	for (struct rpc_peer *x = rpc_next(rpc, NULL); x; x = rpc_next(rpc, x))
		if (is_hub(x))
			relay_done(x, &p->instance, p->lowest, told, p);
	p->told = p->lowest;
}

static void heard(void *ctx, enum err e, uint64_t lowest)
{
	struct ask *a = ctx;
	struct post *p = a->post;

	if (e)
		p->round_failed = true;
	else if (lowest < p->lowest)
		p->lowest = lowest;
	list_del(&a->node);
	free(a);
	if (--p->asked == 0)
		tell_done(p);
}

/* The minimum of what is in hand here, noted first, and of what the hubs hold. */
void post_rounds(struct post *p)
{
	struct rpc *rpc = p->conf.rpc(p->conf.ctx);
	int64_t now = clock_mono_ms();

	if (!rpc || p->asked || now - p->round_ms < ROUND_MS ||
	    !p->conf.all_hubs_up(p->conf.ctx))
		return;
	p->round_ms = now;
	p->round_failed = false;
	p->lowest = p->next_seq;
	LIST_EACH (&p->jobs, n) {
		const struct post_job *j = CONTAINER_OF(n, struct post_job, node);

		if (j->seq && j->seq < p->lowest)
			p->lowest = j->seq;
	}
	LIST_EACH (&p->items, n) {
		const struct post_item *i = CONTAINER_OF(n, struct post_item, node);

		if (i->seq < p->lowest)
			p->lowest = i->seq;
	}
	if (p->lowest <= p->told)
		return;
	for (struct rpc_peer *x = rpc_next(rpc, NULL); x; x = rpc_next(rpc, x)) {
		struct ask *a;

		if (!is_hub(x))
			continue;
		a = xcalloc(1, sizeof(*a));
		a->post = p;
		list_init(&a->node);
		list_add_tail(&p->asks, &a->node);
		p->asked++;
		a->call = relay_held(x, &p->instance, heard, a);
	}
}

void post_send_close(struct post *p)
{
	LIST_EACH (&p->asks, n) {
		struct ask *a = CONTAINER_OF(n, struct ask, node);

		hub_cancel(&a->call);
		list_del(&a->node);
		free(a);
	}
	LIST_EACH (&p->items, n) {
		struct post_item *i = CONTAINER_OF(n, struct post_item, node);

		hub_cancel(&i->call);
		item_free(i);
	}
}
