#include "common/relay/poison.h"

#include "common/base/check.h"
#include "common/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SLOTS 64
#define BYTES 4096
#define MAGIC UINT64_C(0x6e6f73696f704271)

struct slot {
	struct mail_id id;	/* seq 0: empty */
	uint64_t deaths, turn;	/* turn: which was charged last */
};

/* The page.  Everything in it may be anything: it comes from a disk. */
struct page {
	uint64_t magic, turns;
	struct mail_id hand;	/* seq 0: none; written last, cleared first */
	struct slot slots[SLOTS];
};

struct poison {
	unsigned threshold;
	struct page *page;
};

static bool same(const struct mail_id *a, const struct mail_id *b)
{
	return a->seq == b->seq && guid_eq(&a->origin, &b->origin);
}

static struct slot *find(const struct poison *p, const struct mail_id *id)
{
	for (size_t i = 0; i < SLOTS; i++)
		if (id->seq != 0 && same(&p->page->slots[i].id, id))
			return &p->page->slots[i];
	return NULL;
}

/* An empty one, else the one that was charged longest ago. */
static struct slot *oldest(struct page *g)
{
	struct slot *best = &g->slots[0];

	for (size_t i = 0; i < SLOTS; i++) {
		if (g->slots[i].id.seq == 0)
			return &g->slots[i];
		if (g->slots[i].turn < best->turn)
			best = &g->slots[i];
	}
	return best;
}

static void charge(struct poison *p)
{
	struct page *g = p->page;
	struct slot *s = find(p, &g->hand);
	char text[64];

	if (g->hand.seq == 0)
		return;
	if (s == NULL) {
		s = oldest(g);
		*s = (struct slot){ .id = g->hand };
	}
	s->turn = ++g->turns;
	s->deaths++;
	log_warn(NULL, "message was in hand when the last process died id=%s deaths=%llu",
		 mail_id_text(&s->id, text), (unsigned long long)s->deaths);
	g->hand.seq = 0;
}

/* Written before it is mapped: a hole would be filled in at the first store, and that
 * kills if the disk is full. */
static void *map_file(const char *path)
{
	static const char zeros[BYTES];
	void *page = MAP_FAILED;
	off_t size;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return MAP_FAILED;
	size = lseek(fd, 0, SEEK_END);
	if (size == BYTES || (ftruncate(fd, 0) == 0 && pwrite(fd, zeros, BYTES, 0) == BYTES))
		page = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return page;
}

struct poison *poison_open(const char *path, unsigned threshold)
{
	struct poison *p = xcalloc(1, sizeof(*p));
	void *page = map_file(path);

	_Static_assert(sizeof(struct page) <= BYTES, "one page");
	p->threshold = threshold;
	if (page == MAP_FAILED) {
		log_warn(NULL, "poisonous messages will not be known file=%s errno=%d", path, errno);
		page = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(page != MAP_FAILED);
	}
	p->page = page;
	if (p->page->magic != MAGIC) {
		memset(page, 0, BYTES);
		p->page->magic = MAGIC;
	}
	charge(p);
	return p;
}

void poison_close(struct poison **pp)
{
	struct poison *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	munmap(p->page, BYTES);
	free(p);
}

/* The number is cleared before the origin changes and written after it: whenever the
 * process ends, no identity stands there that was not in hand. */
static void set_hand(struct page *g, const struct mail_id *id)
{
	__atomic_store_n(&g->hand.seq, 0, __ATOMIC_SEQ_CST);
	g->hand.origin = id->origin;
	__atomic_store_n(&g->hand.seq, id->seq, __ATOMIC_SEQ_CST);
}

struct mail_id poison_begin(struct poison *p, const struct mail_id *id)
{
	struct mail_id before = { { { 0 } }, 0 };

	if (p) {
		before = p->page->hand;
		set_hand(p->page, id);
	}
	return before;
}

void poison_end(struct poison *p, const struct mail_id *before)
{
	if (p)
		set_hand(p->page, before);
}

static bool is_poison(const struct poison *p, const struct slot *s)
{
	return p->threshold > 0 && s && s->id.seq != 0 && s->deaths >= p->threshold;
}

bool poison_has(const struct poison *p, const struct mail_id *id)
{
	return p && is_poison(p, find(p, id));
}

bool poison_next(const struct poison *p, size_t *at, struct mail_id *out)
{
	while (p && *at < SLOTS) {
		const struct slot *s = &p->page->slots[(*at)++];

		if (is_poison(p, s)) {
			*out = s->id;
			return true;
		}
	}
	return false;
}

void poison_forget(struct poison *p, const struct mail_id *id)
{
	struct slot *s = p ? find(p, id) : NULL;

	if (s)
		memset(s, 0, sizeof(*s));
}

bool poison_divert(const struct poison *p, struct mail *m)
{
	if (!poison_has(p, &m->id))
		return false;
	for (size_t i = 0; i < m->n_rcpts; i++) {
		mail_route(m, &m->rcpts[i], HOP_POISON, "");
		m->rcpts[i].due_ms = INT64_MAX;
	}
	return true;
}
