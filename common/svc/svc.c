#include "common/svc/svc.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/svc/metric.h"
#include "common/svc/notify.h"
#include "common/svc/process.h"
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONF_DIR "/etc/bourse"
#define N_COMMON 4

/* The settings every daemon has. */
struct common_conf {
	char *data, *user, *log;
	int64_t drain_ms;
};

struct svc {
	const struct svc_spec *spec;
	struct common_conf conf;
	struct conf_item common[N_COMMON];	/* a copy: data's default has our name */
	struct conf_table tables[2];
	char *dir, *path, *data_default;
	char **words;
	bool verbose;
	int lock_fd;
	uv_loop_t loop;
	uv_signal_t term, intr, hup;
	uv_timer_t watchdog, drain;
	struct svc_hooks hooks;
	bool draining;
	struct metrics *metrics;
};

static const char *const level_names[] = { "error", "warn", "info", "debug" };

static bool level_of(const char *name, enum log_level *out)
{
	for (size_t i = 0; i < N_ELEMS(level_names); i++)
		if (strcmp(name, level_names[i]) == 0) {
			*out = (enum log_level)i;
			return true;
		}
	return false;
}

static enum err check_common(const void *conf, struct errbuf *eb)
{
	const struct common_conf *c = conf;
	enum log_level level;

	if (!level_of(c->log, &level))
		return err_set(eb, ERR_INVALID, "log: want error, warn, info or debug");
	return ERR_OK;
}

static void set_level(struct svc *s)
{
	enum log_level level = LOG_INFO;

	if (s->verbose)
		level = LOG_DEBUG;
	else
		CHECK(level_of(s->conf.log, &level));
	log_set_level(level);
}

/* ---- options ------------------------------------------------------------------ */

#define C(member) offsetof(struct common_conf, member)
static const struct conf_item common_items[N_COMMON] = {
	{ "data", CONF_PATH, C(data), NULL, 1, 4000, 0, "folder of everything this daemon writes" },
	{ "user", CONF_STR, C(user), "", 0, 64, 0, "user to become once ports are open; empty: stay" },
	{ "drain", CONF_DURATION, C(drain_ms), "5s", 0, 3600000, CONF_LIVE,
	  "how long a stop may take to finish what runs" },
	{ "log", CONF_STR, C(log), "info", 0, 0, CONF_LIVE, "error, warn, info or debug" },
};
#undef C

enum { OPT_MAN = 1000, OPT_HELP };

static void usage(const struct svc *s, FILE *to)
{
	fprintf(to,
		"usage: %s [-C DIR] [-nv]%s%s\n%s\n\n"
		"  -C DIR         folder with %s.conf (default %s)\n"
		"  -n             check the configuration, print it, exit\n"
		"  -v             log at debug\n"
		"  -V, --version  print the version\n"
		"      --man      print the settings for the man page\n"
		"      --help     this text\n\nSettings:\n",
		s->spec->name, s->spec->args ? " " : "", s->spec->args ? s->spec->args : "",
		s->spec->what, s->spec->name, CONF_DIR);
	conf_help(s->tables, N_ELEMS(s->tables), to);
}

static void svc_free(struct svc *s)
{
	metrics_free(&s->metrics);
	free(s->data_default);
	free(s->path);
	free(s->dir);
	free(s);
}

static void leave(struct svc *s, int status) A_NORETURN;

/* Options that only print something end here, with nothing leaked. */
static void leave(struct svc *s, int status)
{
	svc_free(s);
	fflush(stdout);
	exit(status);
}

/* True with -n. */
static bool read_options(struct svc *s, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, OPT_HELP },
		{ "man", no_argument, NULL, OPT_MAN },
		{ NULL, 0, NULL, 0 },
	};
	const char *dir = CONF_DIR;
	bool only_check = false;
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "+C:nvV", longs, NULL)) != -1) {
		switch (c) {
		case 'C': dir = optarg; break;
		case 'n': only_check = true; break;
		case 'v': s->verbose = true; break;
		case 'V':
			printf("%s %s\n", s->spec->name, VERSION);
			leave(s, 0);
		case OPT_HELP:
			usage(s, stdout);
			leave(s, 0);
		case OPT_MAN:
			conf_man(s->tables, N_ELEMS(s->tables), stdout);
			leave(s, 0);
		default:
			usage(s, stderr);
			leave(s, 2);
		}
	}
	s->words = argv + optind;
	if (s->words[0] && s->spec->args == NULL) {
		fprintf(stderr, "%s: unexpected word: %s\n", s->spec->name, s->words[0]);
		leave(s, 2);
	}
	s->dir = xstrdup(dir);
	s->path = xasprintf("%s/%s.conf", dir, s->spec->name);
	return only_check;
}

static struct svc *svc_new(const struct svc_spec *spec)
{
	struct svc *s = xcalloc(1, sizeof(*s));
	const char *dash = strchr(spec->name, '-');

	s->spec = spec;
	s->lock_fd = -1;
	memcpy(s->common, common_items, sizeof(common_items));
	s->data_default = xasprintf("/var/lib/bourse/%s", dash ? dash + 1 : spec->name);
	s->common[0].def = s->data_default;
	s->tables[0] = (struct conf_table){ s->common, N_COMMON, &s->conf, check_common };
	s->tables[1] = (struct conf_table){ spec->items, spec->n_items, spec->conf, spec->check };
	s->metrics = metrics_new();
	return s;
}

/* ---- signals ------------------------------------------------------------------- */

void svc_stop(struct svc *s)
{
	uv_stop(&s->loop);
}

void svc_drained(struct svc *s)
{
	uv_stop(&s->loop);
}

static void on_drain_over(uv_timer_t *h)
{
	struct svc *s = h->data;

	log_warn(NULL, "drain-too-slow ms=%lld", (long long)s->conf.drain_ms);
	uv_stop(&s->loop);
}

static void on_stop(uv_signal_t *h, int number)
{
	struct svc *s = h->data;

	log_info(NULL, "stopping signal=%s", number == SIGTERM ? "TERM" : "INT");
	notify_send("STOPPING=1");
	if (number == SIGINT || s->draining || s->hooks.drain == NULL || s->conf.drain_ms == 0) {
		uv_stop(&s->loop);
		return;
	}
	s->draining = true;
	uv_timer_start(&s->drain, on_drain_over, (uint64_t)s->conf.drain_ms, 0);
	s->hooks.drain(s->hooks.ctx);
}

static void on_hup(uv_signal_t *h, int number)
{
	struct svc *s = h->data;
	struct errbuf eb = { "" };
	char text[64];

	(void)number;
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld",
		 (long long)clock_mono_us());
	notify_send(text);
	if (conf_reload(s->path, s->tables, N_ELEMS(s->tables), &eb)) {
		log_error(NULL, "reload-failed detail=%s", eb.text);
	} else {
		log_info(NULL, "reloaded");
		set_level(s);
		if (s->hooks.reload)
			s->hooks.reload(s->hooks.ctx);
	}
	notify_send("READY=1");
}

static void on_watchdog(uv_timer_t *h)
{
	(void)h;
	notify_send("WATCHDOG=1");
}

static void watch_signal(struct svc *s, uv_signal_t *h, uv_signal_cb cb, int number)
{
	CHECK(uv_signal_init(&s->loop, h) == 0);
	h->data = s;
	CHECK(uv_signal_start(h, cb, number) == 0);
}

static void open_loop(struct svc *s)
{
	CHECK(uv_loop_init(&s->loop) == 0);
	watch_signal(s, &s->term, on_stop, SIGTERM);
	watch_signal(s, &s->intr, on_stop, SIGINT);
	watch_signal(s, &s->hup, on_hup, SIGHUP);
	uv_timer_init(&s->loop, &s->watchdog);
	uv_timer_init(&s->loop, &s->drain);
	s->drain.data = s;
}

/* ---- public --------------------------------------------------------------------- */

enum err svc_open(int argc, char **argv, const struct svc_spec *spec, struct svc **out,
		  struct errbuf *eb)
{
	struct svc *s = svc_new(spec);
	struct errbuf own = { "" };
	bool only_check;
	enum err e;

	*out = NULL;
	only_check = read_options(s, argc, argv);
	log_open(spec->name, s->verbose ? LOG_DEBUG : LOG_INFO);
	process_settle();
	if (eb == NULL)
		eb = &own;
	e = conf_load(s->path, s->tables, N_ELEMS(s->tables), eb);
	if (only_check) {
		if (e)
			fprintf(stderr, "%s: %s\n", spec->name, eb->text);
		else
			conf_dump(s->tables, N_ELEMS(s->tables), stdout);
		if (e == ERR_OK)
			conf_free(s->tables, N_ELEMS(s->tables));
		leave(s, e ? 1 : 0);
	}
	if (e) {
		svc_free(s);
		return e;
	}
	set_level(s);
	open_loop(s);
	*out = s;
	return ERR_OK;
}

uv_loop_t *svc_loop(struct svc *s)
{
	return &s->loop;
}

const char *svc_data(const struct svc *s)
{
	return s->conf.data;
}

const char *svc_conf_dir(const struct svc *s)
{
	return s->dir;
}

char **svc_words(const struct svc *s)
{
	return s->words;
}

struct metrics *svc_metrics(struct svc *s)
{
	return s->metrics;
}

enum err svc_enter(struct svc *s, struct errbuf *eb)
{
	const struct process_conf c = { s->spec->name, s->conf.user, s->conf.data, s->dir,
					s->spec->writes };

	return process_enter(&c, &s->lock_fd, eb);
}

void svc_status(struct svc *s, const char *text)
{
	char line[256];

	(void)s;
	snprintf(line, sizeof(line), "STATUS=%s", text);
	notify_send(line);
}

void svc_run(struct svc *s, const struct svc_hooks *hooks)
{
	uint64_t ms = notify_watchdog_ms();

	if (hooks)
		s->hooks = *hooks;
	if (ms > 0)
		uv_timer_start(&s->watchdog, on_watchdog, ms, ms);
	log_info(NULL, "ready version=%s pid=%d", VERSION, (int)getpid());
	notify_send("READY=1");
	uv_run(&s->loop, UV_RUN_DEFAULT);
	notify_send("STOPPING=1");
	uv_timer_stop(&s->watchdog);
	s->hooks = (struct svc_hooks){ 0 };	/* what they need is closed next */
}

static void find_open(uv_handle_t *h, void *arg)
{
	if (uv_is_closing(h))
		return;
	log_error(NULL, "handle-left-open type=%s", uv_handle_type_name(uv_handle_get_type(h)));
	*(bool *)arg = true;
}

void svc_close(struct svc **sp)
{
	struct svc *s = *sp;
	bool left = false;

	*sp = NULL;
	if (s == NULL)
		return;
	uv_close((uv_handle_t *)&s->term, NULL);
	uv_close((uv_handle_t *)&s->intr, NULL);
	uv_close((uv_handle_t *)&s->hup, NULL);
	uv_close((uv_handle_t *)&s->watchdog, NULL);
	uv_close((uv_handle_t *)&s->drain, NULL);
	uv_walk(&s->loop, find_open, &left);
	CHECK(!left);
	uv_run(&s->loop, UV_RUN_DEFAULT);
	CHECK(uv_loop_close(&s->loop) == 0);
	conf_free(s->tables, N_ELEMS(s->tables));
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	svc_free(s);
}
