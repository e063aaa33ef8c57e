#include "roles/unified-messaging/fax/child.h"

#include "common/base/check.h"
#include "roles/unified-messaging/fax/guard.h"
#include "roles/unified-messaging/fax/line.h"
#include "roles/unified-messaging/fax/pdf.h"
#include "roles/unified-messaging/fax/sandbox.h"
#include "roles/unified-messaging/fax/terminal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static const struct sandbox walls = {
	.memory = 256u << 20,
	.cpu_s = 1800,
	.file = 200u << 20,
};

struct child {
	struct terminal *terminal;
	enum child_task task;
	bool quit;
	uint64_t progress;
	unsigned frames;	/* of 20 ms since progress was looked at */
};

/* A line that is full or cut: the daemon will see to it. */
static void say(enum line_word word, const void *p, size_t n)
{
	uint8_t m[1 + LINE_BYTES];

	CHECK(n <= LINE_BYTES);
	m[0] = (uint8_t)word;
	if (n)
		memcpy(m + 1, p, n);
	(void)!send(LINE_FD, m, n + 1, MSG_NOSIGNAL);
}

static void on_datagram(void *ctx, const uint8_t *p, size_t n)
{
	(void)ctx;
	say(LINE_DATAGRAM, p, n);
}

static void on_page(void *ctx, unsigned pages)
{
	uint32_t n = pages;

	(void)ctx;
	say(LINE_PAGE, &n, sizeof(n));
}

static void heard(struct child *c, const uint8_t *p, size_t n)
{
	int16_t in[TERMINAL_FRAME], out[TERMINAL_FRAME];

	if (n != sizeof(in))
		return;
	memcpy(in, p, sizeof(in));
	terminal_audio(c->terminal, in, out);
	say(LINE_SAID, out, sizeof(out));
}

static void switch_over(struct child *c, const uint8_t *p, size_t n)
{
	struct line_t38 l;

	if (n != sizeof(l))
		return;
	memcpy(&l, p, sizeof(l));
	terminal_t38(c->terminal, &(struct terminal_t38){
		.recovery = l.recovery == UDPTL_FEC	   ? UDPTL_FEC
			    : l.recovery == UDPTL_PLAIN ? UDPTL_PLAIN
							: UDPTL_REDUNDANCY,
		.span = l.span,
		.max_datagram = l.max_datagram,
	});
}

/* 20 ms have passed. */
static void look(struct child *c)
{
	uint64_t now;

	if (++c->frames < 50)
		return;
	c->frames = 0;
	now = terminal_progress(c->terminal);
	if (now != c->progress)
		say(LINE_PROGRESS, NULL, 0);
	c->progress = now;
}

static void take(struct child *c, const uint8_t *p, size_t n)
{
	switch (p[0]) {
	case LINE_HEARD:
		heard(c, p + 1, n - 1);
		look(c);
		break;
	case LINE_T38: switch_over(c, p + 1, n - 1); break;
	case LINE_TICK:
		terminal_tick(c->terminal);
		look(c);
		break;
	case LINE_DATAGRAM: terminal_datagram(c->terminal, p + 1, n - 1); break;
	case LINE_QUIT: c->quit = true; break;
	default: break;
	}
}

/* The pages that are whole, as PDF. */
static void make_pdf(struct line_end *end)
{
	struct errbuf eb = { 0 };
	unsigned pages;
	enum err e = pdf_from_tiff(FAX_TIFF, FAX_PDF, &pages, &eb);

	if (e)
		fprintf(stderr, "fax: %s\n", eb.text);
	else
		end->pdf = pages;
}

static void finish(struct child *c)
{
	struct terminal_result r;
	struct line_end end = { 0 };

	terminal_result(c->terminal, &r);
	terminal_free(&c->terminal);	/* and closes the file */
	end.ok = r.ok;
	end.code = (uint32_t)r.code;
	end.pages = r.pages;
	end.bit_rate = r.bit_rate;
	end.ecm = r.ecm;
	snprintf(end.ident, sizeof(end.ident), "%s", r.ident);
	snprintf(end.reason, sizeof(end.reason), "%s", r.reason);
	if (c->task == CHILD_RECEIVE && r.pages)
		make_pdf(&end);
	say(LINE_END, &end, sizeof(end));
}

static void mend(void)
{
	struct line_end end = { .reason = "the fax process ended unexpectedly" };

	make_pdf(&end);
	end.pages = end.pdf;
	say(LINE_END, &end, sizeof(end));
}

int child_run(const struct child_conf *conf)
{
	struct child c = { .task = conf->task };
	uint8_t m[1 + LINE_BYTES];
	struct errbuf eb = { 0 };
	ssize_t n;

	if (sandbox_enter(&walls, &eb)) {
		fprintf(stderr, "fax: %s\n", eb.text);
		return 1;
	}
	if (conf->task == CHILD_MEND) {
		mend();
		return 0;
	}
	if (conf->guard_off)
		fax_guard_off();
	c.terminal = terminal_new(&(struct terminal_conf){
		.sends = conf->task == CHILD_SEND, .file = FAX_TIFF, .ident = conf->ident,
		.no_ecm = conf->no_ecm, .no_v17 = conf->no_v17,
		.datagram = on_datagram, .page = on_page,
	});
	while (!c.quit && !terminal_ended(c.terminal)) {
		n = recv(LINE_FD, m, sizeof(m), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;	/* the daemon is gone: keep what is whole */
		take(&c, m, (size_t)n);
	}
	finish(&c);
	return 0;
}
