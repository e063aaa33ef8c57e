#include "roles/unified-messaging/sip/glue.h"

#include "common/base/check.h"

#include <re.h>
#include <stdlib.h>

struct list *tmrl_get(void);		/* exported by libre, in no header of it */

struct slot {
	uv_poll_t poll;
	fd_h *fh;
	void *arg;
};

/* libre's callbacks have no context: the one exception to "no globals". */
static struct {
	uv_loop_t *loop;
	uv_timer_t timer;
	uv_prepare_t prepare;
	struct slot **slots;
	size_t n_slots;
	unsigned watched;
} glue;

static void slot_closed(uv_handle_t *h)
{
	free(CONTAINER_OF((uv_poll_t *)(void *)h, struct slot, poll));
}

static void on_poll(uv_poll_t *p, int status, int events)
{
	struct slot *s = CONTAINER_OF(p, struct slot, poll);
	int flags = 0;

	if (status < 0)
		flags = FD_EXCEPT | FD_READ;
	if (events & UV_READABLE)
		flags |= FD_READ;
	if (events & UV_WRITABLE)
		flags |= FD_WRITE;
	if (s->fh)
		s->fh(flags, s->arg);
}

static void drop(int fd)
{
	struct slot *s = fd >= 0 && (size_t)fd < glue.n_slots ? glue.slots[fd] : NULL;

	if (!s)
		return;
	glue.slots[fd] = NULL;
	glue.watched--;
	s->fh = NULL;
	uv_poll_stop(&s->poll);
	uv_close((uv_handle_t *)&s->poll, slot_closed);
}

static bool grow(int fd)
{
	size_t n = glue.n_slots ? glue.n_slots : 256;

	if (fd < 0 || fd >= GLUE_MAX_FD)
		return false;
	while (n <= (size_t)fd)
		n *= 2;
	if (n > glue.n_slots) {
		glue.slots = xrealloc(glue.slots, n * sizeof(*glue.slots));
		for (size_t i = glue.n_slots; i < n; i++)
			glue.slots[i] = NULL;
		glue.n_slots = n;
	}
	return true;
}

/* In libre's stead: watch fd, or with flags 0 do so no more. */
int fd_listen(int fd, int flags, fd_h *fh, void *arg)
{
	struct slot *s;

	if (!glue.loop)
		return ENOSYS;
	if (!flags || !fh) {
		drop(fd);
		return 0;
	}
	if (!grow(fd))
		return EMFILE;
	s = glue.slots[fd];
	if (!s) {
		s = xcalloc(1, sizeof(*s));
		if (uv_poll_init(glue.loop, &s->poll, fd)) {
			free(s);
			return EBADF;
		}
		glue.slots[fd] = s;
		glue.watched++;
	}
	s->fh = fh;
	s->arg = arg;
	return -uv_poll_start(&s->poll, (flags & FD_READ ? UV_READABLE : 0) |
			      (flags & FD_WRITE ? UV_WRITABLE : 0), on_poll);
}

void fd_close(int fd)
{
	drop(fd);
}

static void on_timer(uv_timer_t *t)
{
	(void)t;
	tmr_poll(tmrl_get());
}

/* Before the loop sleeps: until libre's next timer at most. */
static void on_prepare(uv_prepare_t *p)
{
	uint64_t ms = tmr_next_timeout(tmrl_get());	/* 0: none */

	(void)p;
	if (ms)
		uv_timer_start(&glue.timer, on_timer, ms, 0);
	else
		uv_timer_stop(&glue.timer);
}

enum err glue_open(uv_loop_t *loop, struct errbuf *eb)
{
	CHECK(!glue.loop);
	if (libre_init())
		return err_set(eb, ERR_INTERNAL, "libre does not start");
	glue.loop = loop;
	uv_timer_init(loop, &glue.timer);
	uv_prepare_init(loop, &glue.prepare);
	uv_prepare_start(&glue.prepare, on_prepare);
	return ERR_OK;
}

void glue_close(void)
{
	if (!glue.loop)
		return;
	for (size_t i = 0; i < glue.n_slots; i++)
		drop((int)i);
	uv_prepare_stop(&glue.prepare);
	uv_timer_stop(&glue.timer);
	uv_close((uv_handle_t *)&glue.prepare, NULL);
	uv_close((uv_handle_t *)&glue.timer, NULL);
	free(glue.slots);
	glue.slots = NULL;
	glue.n_slots = 0;
	glue.loop = NULL;
	libre_close();
}

unsigned glue_watched(void)
{
	return glue.watched;
}
