#ifndef SVC_SVC_H
#define SVC_SVC_H
/*
 * svc - what every daemon of the suite does the same way
 *
 * Options:  -C DIR      configuration folder, default /etc/bourse; daemon NAME
 *                       reads DIR/NAME.conf
 *           -n          check the configuration, print it, exit
 *           -v          log at debug        -V, --version     --help
 *           --man       print the settings as roff, for the man page
 *
 * Settings that every daemon has beside its own:
 *   data    folder of everything it writes; default /var/lib/bourse/<NAME less
 *           "bourse-">; made with mode 0700 and locked, so that two daemons never
 *           share one
 *   user    become this user after the privileged part; empty: stay
 *   drain   how long a SIGTERM may take, default 5s
 *   log     error, warn, info or debug (live)
 *
 * Signals: SIGTERM drains (hooks.drain), then stops; a second one, or SIGINT,
 * stops at once.  SIGHUP reads the configuration again (conf_reload), then calls
 * hooks.reload, which also rereads certificates.
 *
 * The process: umask 077, descriptors raised to the hard limit, SIGPIPE ignored,
 * few malloc arenas.  Under systemd: READY, WATCHDOG, RELOADING, STOPPING.
 *
 *	int main(int argc, char **argv)
 *	{
 *		e = svc_open(argc, argv, &spec, &svc, &eb);  options, settings, log
 *		...                       what needs privilege: sockets below 1024
 *		e = svc_enter(svc, &eb);  data folder made and locked, user changed
 *		...                       state: databases, keys
 *		svc_run(svc, &hooks);     ready ... until told to stop
 *	out:
 *		...                       close all in reverse
 *		svc_close(&svc);
 *	}
 */
#include "common/base/err.h"
#include "common/conf/conf.h"
#include <stdbool.h>
#include <uv.h>

struct svc;
struct metrics;

struct svc_spec {
	const char *name;		/* "bourse-hub" */
	const char *what;		/* one line for --help */
	const char *args;		/* usage of words behind the options; NULL: none taken */
	const struct conf_item *items;
	size_t n_items;
	void *conf;			/* zeroed; filled by svc_open(), freed by svc_close() */
	/* Optional: what a table cannot say; see struct conf_table. */
	enum err (*check)(const void *conf, struct errbuf *eb);
	const char *writes;		/* a file in DIR that the daemon writes; may be NULL */
};

struct svc_hooks {
	/* SIGTERM: stop accepting and finish what runs, then svc_drained().
	 * Optional.  After the setting `drain` the loop stops anyway. */
	void (*drain)(void *ctx);
	/* SIGHUP: live settings have their new values.  Optional. */
	void (*reload)(void *ctx);
	void *ctx;
};

/* spec is borrowed until svc_close().  --help, -V and -n end the process, and so
 * does bad usage (status 2).  On failure *out is NULL and nothing is held. */
enum err svc_open(int argc, char **argv, const struct svc_spec *spec, struct svc **out,
		  struct errbuf *eb) A_MUST_USE;

uv_loop_t *svc_loop(struct svc *s);
const char *svc_data(const struct svc *s);	/* data folder, absolute if DIR was */
const char *svc_conf_dir(const struct svc *s);	/* DIR */
char **svc_words(const struct svc *s);		/* words behind the options, to NULL */
struct metrics *svc_metrics(struct svc *s);	/* the daemon's registry */

/* Make and lock the data folder, become `user`, who is given DIR/keys/NAME and the file
 * it writes.  EXISTS: another daemon lives there. */
enum err svc_enter(struct svc *s, struct errbuf *eb) A_MUST_USE;

/* Tell the supervisor we are ready; serve until told to stop.  hooks may be NULL. */
void svc_run(struct svc *s, const struct svc_hooks *hooks);
void svc_drained(struct svc *s);		/* drained, or never mind: stop */
void svc_stop(struct svc *s);			/* at once, e.g. after a fatal error */
void svc_status(struct svc *s, const char *text);	/* one line for systemctl status */

/* Run the loop until every handle has closed; an open one left over is a bug and
 * ends the process.  *sp may be NULL. */
void svc_close(struct svc **sp);
#endif
