#include "roles/unified-messaging/fax/job.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "roles/unified-messaging/fax/child.h"
#include "roles/unified-messaging/fax/line.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WATCH_MS 250

struct fax_job {
	struct fax_job_conf conf;
	char *program, *folder, *ident;
	uv_process_t process;
	uv_poll_t poll;
	uv_timer_t watch;
	unsigned handles;	/* that are not closed yet */
	int fd;
	bool running, has_end, told, mending, freed;
	struct line_end end;
	bool crashed, stalled;
	unsigned pages;
	int64_t began_ms, progress_ms, told_ms;
};

static void all_closed(struct fax_job *f);

static void on_closed(uv_handle_t *h)
{
	struct fax_job *f = h->data;

	if (--f->handles == 0)
		all_closed(f);
}

static void close_handle(uv_handle_t *h)
{
	if (!uv_is_closing(h))
		uv_close(h, on_closed);
}

static void say(struct fax_job *f, enum line_word word, const void *p, size_t n)
{
	uint8_t m[1 + LINE_BYTES];

	if (f->fd < 0 || n > LINE_BYTES)
		return;
	m[0] = (uint8_t)word;
	if (n)
		memcpy(m + 1, p, n);
	(void)!send(f->fd, m, n + 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void fax_job_heard(struct fax_job *f, const int16_t *pcm)
{
	say(f, LINE_HEARD, pcm, TERMINAL_FRAME * sizeof(*pcm));
}

void fax_job_t38(struct fax_job *f, const struct terminal_t38 *how)
{
	struct line_t38 l = {
		.recovery = (uint32_t)how->recovery,
		.span = how->span,
		.max_datagram = (uint32_t)how->max_datagram,
	};

	say(f, LINE_T38, &l, sizeof(l));
}

void fax_job_datagram(struct fax_job *f, const uint8_t *p, size_t n)
{
	say(f, LINE_DATAGRAM, p, n);
}

void fax_job_tick(struct fax_job *f)
{
	say(f, LINE_TICK, NULL, 0);
}

void fax_job_hang_up(struct fax_job *f)
{
	if (f->told)
		return;
	f->told = true;
	f->told_ms = clock_mono_ms();
	say(f, LINE_QUIT, NULL, 0);
}

/* ---- what the process says --------------------------------------------------------- */

static void took_end(struct fax_job *f, const uint8_t *p, size_t n)
{
	if (n != sizeof(f->end) || f->has_end)
		return;
	memcpy(&f->end, p, n);
	f->end.ident[sizeof(f->end.ident) - 1] = '\0';
	f->end.reason[sizeof(f->end.reason) - 1] = '\0';
	f->has_end = true;
}

static void took(struct fax_job *f, const uint8_t *m, size_t n)
{
	int16_t pcm[TERMINAL_FRAME];
	uint32_t pages;

	f->progress_ms = m[0] == LINE_PROGRESS || m[0] == LINE_PAGE ? clock_mono_ms()
								     : f->progress_ms;
	switch (m[0]) {
	case LINE_SAID:
		if (n != 1 + sizeof(pcm))
			return;
		memcpy(pcm, m + 1, sizeof(pcm));
		f->conf.ev->said(f->conf.ctx, pcm);
		return;
	case LINE_DATAGRAM:
		f->conf.ev->datagram(f->conf.ctx, m + 1, n - 1);
		return;
	case LINE_PAGE:
		if (n != 1 + sizeof(pages))
			return;
		memcpy(&pages, m + 1, sizeof(pages));
		f->pages = pages;
		f->conf.ev->page(f->conf.ctx, pages);
		return;
	case LINE_END:
		took_end(f, m + 1, n - 1);
		return;
	default:
		return;
	}
}

static void drain(struct fax_job *f)
{
	uint8_t m[1 + LINE_BYTES];

	while (!f->freed && f->fd >= 0) {
		ssize_t n = recv(f->fd, m, sizeof(m), MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		took(f, m, (size_t)n);
	}
}

static void on_readable(uv_poll_t *h, int status, int events)
{
	struct fax_job *f = h->data;

	(void)events;
	if (status < 0)
		uv_poll_stop(h);
	else
		drain(f);
}

/* ---- its end ----------------------------------------------------------------------- */

static void shut(struct fax_job *f)
{
	close_handle((uv_handle_t *)&f->poll);
	close_handle((uv_handle_t *)&f->watch);
	close(f->fd);
	f->fd = -1;
}

static void tell_end(struct fax_job *f)
{
	struct fax_job_end end = {
		.crashed = f->crashed, .stalled = f->stalled,
		.pages = f->end.pages, .bit_rate = f->end.bit_rate, .ecm = f->end.ecm,
		.has_pdf = f->end.pdf > 0,
	};

	if (f->has_end && f->end.ok)
		end.outcome = FAX_DONE;
	else
		end.outcome = end.pages ? FAX_PARTIAL : FAX_FAILED;
	memcpy(end.ident, f->end.ident, sizeof(end.ident));
	memcpy(end.reason, f->end.reason, sizeof(end.reason));
	if (!f->has_end)
		snprintf(end.reason, sizeof(end.reason), "the fax process ended unexpectedly");
	f->conf.ev->ended(f->conf.ctx, &end);
}

static void on_process_end(uv_process_t *p, int64_t status, int signal)
{
	struct fax_job *f = p->data;

	(void)status;
	(void)signal;
	f->running = false;
	if (!f->freed) {
		drain(f);
		f->crashed |= !f->has_end && !f->stalled && !f->mending;
	}
	if (f->fd >= 0)
		shut(f);
	close_handle((uv_handle_t *)p);
}

static void on_watch(uv_timer_t *t)
{
	struct fax_job *f = t->data;
	int64_t now = clock_mono_ms();

	if (f->told) {
		if (now - f->told_ms > FAX_GRACE_MS && f->running)
			uv_process_kill(&f->process, SIGKILL);
		return;
	}
	if (now - f->progress_ms > f->conf.stall_ms || now - f->began_ms > FAX_LONGEST_MS) {
		f->stalled = true;
		fax_job_hang_up(f);
	}
}

/* ---- its beginning ----------------------------------------------------------------- */

static enum err launch(struct fax_job *f, const char *task, struct errbuf *eb)
{
	char *argv[] = { f->program, (char *)(uintptr_t)task, (char *)"--ident", f->ident,
			 NULL, NULL, NULL, NULL };
	size_t n = 4;
	uv_stdio_container_t io[4] = { { .flags = UV_IGNORE }, { .flags = UV_IGNORE },
				       { .flags = UV_INHERIT_FD, .data.fd = STDERR_FILENO },
				       { .flags = UV_INHERIT_FD } };
	char *env[] = { NULL };
	uv_process_options_t o = { .exit_cb = on_process_end, .file = f->program, .args = argv,
				   .env = env, .cwd = f->folder, .stdio = io, .stdio_count = 4 };
	int pair[2], rc;

	if (f->conf.no_ecm)
		argv[n++] = (char *)"--no-ecm";
	if (f->conf.no_v17)
		argv[n++] = (char *)"--no-v17";
	if (f->conf.no_guard)
		argv[n++] = (char *)"--no-guard";
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return err_errno(eb, errno, "socketpair");
	io[3].data.fd = pair[1];
	f->process.data = f->poll.data = f->watch.data = f;
	rc = uv_spawn(f->conf.loop, &f->process, &o);
	close(pair[1]);
	f->handles++;		/* even a spawn that failed has made the handle */
	if (rc != 0) {
		close(pair[0]);
		close_handle((uv_handle_t *)&f->process);
		return err_set(eb, ERR_INTERNAL, "%s: %s", f->program, uv_strerror(rc));
	}
	f->running = true;
	f->fd = pair[0];
	f->began_ms = f->progress_ms = clock_mono_ms();
	f->told = false;
	CHECK(uv_poll_init(f->conf.loop, &f->poll, f->fd) == 0);
	CHECK(uv_timer_init(f->conf.loop, &f->watch) == 0);
	f->handles += 2;
	CHECK(uv_poll_start(&f->poll, UV_READABLE, on_readable) == 0);
	CHECK(uv_timer_start(&f->watch, on_watch, WATCH_MS, WATCH_MS) == 0);
	return ERR_OK;
}

/* No handle is left: what comes now may use them again. */
static void all_closed(struct fax_job *f)
{
	struct errbuf eb = { 0 };

	if (f->freed) {
		free(f->program);
		free(f->folder);
		free(f->ident);
		free(f);
		return;
	}
	/* What was whole when it crashed is still to be had. */
	if (!f->has_end && !f->mending && !f->conf.sends) {
		f->mending = true;
		(void)!launch(f, "mend", &eb);
		if (f->handles)
			return;
	}
	tell_end(f);
}

enum err fax_job_start(const struct fax_job_conf *conf, struct fax_job **out, struct errbuf *eb)
{
	struct fax_job *f = xcalloc(1, sizeof(*f));
	enum err e;

	f->conf = *conf;
	if (f->conf.stall_ms == 0)
		f->conf.stall_ms = FAX_STALL_MS;
	f->program = xstrdup(conf->program);
	f->folder = xstrdup(conf->folder);
	f->ident = xstrdup(conf->ident);
	f->fd = -1;
	e = launch(f, conf->sends ? "send" : "receive", eb);
	if (e)
		fax_job_free(&f);
	*out = f;
	return e;
}

void fax_job_free(struct fax_job **fp)
{
	struct fax_job *f = *fp;

	*fp = NULL;
	if (f == NULL)
		return;
	f->freed = true;
	if (f->running)
		uv_process_kill(&f->process, SIGKILL);
	if (f->fd >= 0)
		shut(f);
	/* Inside ended() there are none any more. */
	if (f->handles == 0)
		all_closed(f);
}
