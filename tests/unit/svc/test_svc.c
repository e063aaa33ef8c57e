/* svc in this process: a temporary configuration folder, real signals to
 * ourselves.  Options that end the process are tried in a child. */
#include "common/base/log.h"
#include "common/svc/svc.h"

#include <fcntl.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

struct conf {
	unsigned port;
};

static const struct conf_item items[] = {
	{ "port", CONF_UINT, offsetof(struct conf, port), "25", 1, 65535, CONF_LIVE, "a port" },
};

struct rig {
	char dir[40], path[80];
	struct conf conf;
	struct svc_spec spec;
	struct svc *svc;
	uv_timer_t timer;
	int drains, reloads;
	bool slow;
};

static void quiet(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

static void write_conf(struct rig *r, const char *text)
{
	FILE *f = fopen(r->path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void rig_up(struct rig *r, const char *text)
{
	memset(r, 0, sizeof(*r));
	strcpy(r->dir, "/tmp/test_svc.XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->path, sizeof(r->path), "%s/bourse-test.conf", r->dir);
	write_conf(r, text);
	r->spec = (struct svc_spec){ .name = "bourse-test", .what = "a test", .items = items,
				    .n_items = 1, .conf = &r->conf, .writes = "written.conf" };
	log_set_sink(quiet);
}

static void rig_down(struct rig *r)
{
	char cmd[100];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", r->dir);
	assert_int_equal(system(cmd), 0);
	log_set_sink(NULL);
}

static enum err open_svc(struct rig *r, struct svc **out, struct errbuf *eb)
{
	char *argv[] = { (char *)"bourse-test", (char *)"-C", r->dir, NULL };

	return svc_open(3, argv, &r->spec, out, eb);
}

static void test_folder_is_locked_and_private(void **state)
{
	struct svc *second = NULL;
	struct errbuf eb = { "" };
	struct conf other = { 0 };
	struct stat st;
	struct rig r;

	(void)state;
	rig_up(&r, "data = d\nport = 26\n");
	assert_int_equal(open_svc(&r, &r.svc, &eb), ERR_OK);
	assert_int_equal(r.conf.port, 26);
	assert_int_equal(svc_enter(r.svc, &eb), ERR_OK);
	assert_int_equal(stat(svc_data(r.svc), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_non_null(strstr(svc_data(r.svc), r.dir));
	r.spec.conf = &other;
	assert_int_equal(open_svc(&r, &second, &eb), ERR_OK);
	assert_int_equal(svc_enter(second, &eb), ERR_EXISTS);
	svc_close(&second);
	svc_close(&r.svc);
	r.spec.conf = &r.conf;
	assert_int_equal(open_svc(&r, &r.svc, &eb), ERR_OK);
	assert_int_equal(svc_enter(r.svc, &eb), ERR_OK);	/* the lock went with it */
	svc_close(&r.svc);
	svc_close(&r.svc);
	rig_down(&r);
}

/* In a child, which cannot become root again: enter as `nobody`. */
static enum err enter_as_nobody(struct rig *r)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		struct errbuf eb = { "" };
		enum err e = open_svc(r, &r->svc, &eb);

		if (!e)
			e = svc_enter(r->svc, &eb);
		if (!e && (getuid() == 0 || geteuid() == 0 || open(r->path, O_WRONLY) >= 0))
			e = ERR_INTERNAL;
		_exit((int)e);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return (enum err)WEXITSTATUS(status);
}

static uid_t owner(const struct rig *r, const char *name, mode_t mode)
{
	char path[120];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", r->dir, name);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, mode);
	return st.st_uid;
}

static void put_key(const struct rig *r, int (*how)(const char *, const char *))
{
	char keys[80], key[120], other[80];
	int fd;

	snprintf(keys, sizeof(keys), "%s/keys", r->dir);
	(void)!mkdir(keys, 0711);
	snprintf(keys, sizeof(keys), "%s/keys/bourse-test", r->dir);
	(void)!mkdir(keys, 0700);
	snprintf(key, sizeof(key), "%s/key", keys);
	snprintf(other, sizeof(other), "%s/other", r->dir);
	unlink(key);
	if (how) {
		close(open(other, O_WRONLY | O_CREAT, 0600));
		assert_int_equal(how(other, key), 0);
	} else {
		fd = open(key, O_WRONLY | O_CREAT, 0600);
		assert_true(fd >= 0);
		close(fd);
	}
}

/* Root gives its account what is its own, and nothing else. */
static void test_become_another(void **state)
{
	struct passwd *pw = getpwnam("nobody");
	struct rig r;

	(void)state;
	if (geteuid() != 0 || pw == NULL)
		skip();
	rig_up(&r, "data = d\nuser = nobody\n");
	assert_int_equal(chmod(r.dir, 0755), 0);
	assert_int_equal(chmod(r.path, 0644), 0);
	assert_int_equal(enter_as_nobody(&r), ERR_OK);	/* nothing there yet */
	assert_int_equal(owner(&r, "d", 0700), pw->pw_uid);
	assert_int_equal(owner(&r, "keys", 0711), 0);
	assert_int_equal(owner(&r, "keys/bourse-test", 0700), pw->pw_uid);
	assert_int_equal(owner(&r, "written.conf", 0644), pw->pw_uid);
	put_key(&r, NULL);				/* enrolled by root */
	assert_int_equal(enter_as_nobody(&r), ERR_OK);
	assert_int_equal(owner(&r, "keys/bourse-test/key", 0600), pw->pw_uid);
	put_key(&r, symlink);
	assert_int_not_equal(enter_as_nobody(&r), ERR_OK);
	put_key(&r, link);
	assert_int_equal(enter_as_nobody(&r), ERR_DENIED);
	assert_int_equal(owner(&r, "other", 0600), 0);
	/* A data folder that was somebody else's before. */
	put_key(&r, NULL);
	write_conf(&r, "data = e\nuser = nobody\n");
	{
		char path[80];

		snprintf(path, sizeof(path), "%s/e", r.dir);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	assert_int_equal(enter_as_nobody(&r), ERR_DENIED);
	rig_down(&r);
}

static void test_bad_configuration(void **state)
{
	static const char *const bad[] = { "data = d\nprot = 1\n", "log = loud\n", "drain = 1\n" };
	struct errbuf eb = { "" };
	struct rig r;

	(void)state;
	rig_up(&r, "");
	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		write_conf(&r, bad[i]);
		assert_int_equal(open_svc(&r, &r.svc, &eb), ERR_INVALID);
		assert_null(r.svc);
	}
	write_conf(&r, "data = d\nuser = no-such-user-here\n");
	assert_int_equal(open_svc(&r, &r.svc, &eb), ERR_OK);
	assert_int_equal(svc_enter(r.svc, &eb), ERR_NOTFOUND);
	svc_close(&r.svc);
	unlink(r.path);
	assert_int_equal(open_svc(&r, &r.svc, &eb), ERR_NOTFOUND);
	rig_down(&r);
}

static void on_drain(void *ctx)
{
	struct rig *r = ctx;

	r->drains++;
	if (!r->slow)
		svc_drained(r->svc);
}

static void on_reload(void *ctx)
{
	struct rig *r = ctx;

	r->reloads++;
	kill(getpid(), SIGTERM);
}

static void send_signal(uv_timer_t *t)
{
	kill(getpid(), *(int *)t->data);
}

/* Run with a signal that arrives once the loop turns. */
static void run_with(struct rig *r, int number)
{
	struct svc_hooks hooks = { on_drain, on_reload, r };

	uv_timer_init(svc_loop(r->svc), &r->timer);
	r->timer.data = &number;
	uv_timer_start(&r->timer, send_signal, 0, 0);
	svc_run(r->svc, &hooks);
	uv_close((uv_handle_t *)&r->timer, NULL);
}

static void test_signals(void **state)
{
	static const struct {
		const char *conf;
		int number;
		bool slow;
		int drains, reloads;
	} cases[] = {
		{ "data = d\n", SIGTERM, false, 1, 0 },
		{ "data = d\ndrain = 20ms\n", SIGTERM, true, 1, 0 },
		{ "data = d\ndrain = 0\n", SIGTERM, false, 0, 0 },
		{ "data = d\n", SIGINT, false, 0, 0 },
		{ "data = d\n", SIGHUP, false, 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		struct rig r;

		rig_up(&r, cases[i].conf);
		r.slow = cases[i].slow;
		assert_int_equal(open_svc(&r, &r.svc, NULL), ERR_OK);
		write_conf(&r, "data = d\nport = 99\n");
		run_with(&r, cases[i].number);
		if (r.drains != cases[i].drains || r.reloads != cases[i].reloads)
			fail_msg("case %zu: %d drains, %d reloads", i, r.drains, r.reloads);
		assert_int_equal(r.conf.port, cases[i].reloads ? 99 : 25);
		svc_close(&r.svc);
		rig_down(&r);
	}
}

static void test_supervisor_is_told(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char text[512] = "", part[128];
	struct rig r;
	ssize_t n;
	int fd;

	(void)state;
	rig_up(&r, "data = d\n");
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/n", r.dir);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	setenv("NOTIFY_SOCKET", at.sun_path, 1);
	assert_int_equal(open_svc(&r, &r.svc, NULL), ERR_OK);
	svc_status(r.svc, "fine");
	run_with(&r, SIGTERM);
	svc_close(&r.svc);
	unsetenv("NOTIFY_SOCKET");
	while ((n = recv(fd, part, sizeof(part) - 1, 0)) > 0) {
		part[n] = '\0';
		strcat(strcat(text, part), ";");
	}
	assert_string_equal(text, "STATUS=fine;READY=1;STOPPING=1;STOPPING=1;");
	close(fd);
	rig_down(&r);
}

/* Options that end the process. */
static void test_options(void **state)
{
	static const struct {
		const char *option;
		const char *conf;
		int status;
		const char *out;
	} cases[] = {
		{ "-n", "data = d\nport = 7\n", 0, "port = 7\n" },
		{ "-n", "port = x\n", 1, "port: want a number" },
		{ "-V", "", 0, "bourse-test " },
		{ "--version", "", 0, "bourse-test " },
		{ "--help", "", 0, "a port (default: 25)" },
		{ "--man", "", 0, ".B port" },
		{ "--wrong", "", 2, "usage: bourse-test" },
		{ "word", "", 2, "unexpected word" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		char out[8192];
		size_t got;
		struct rig r;
		int fd[2], status;
		FILE *f;
		pid_t pid;

		rig_up(&r, cases[i].conf);
		assert_int_equal(pipe(fd), 0);
		fflush(NULL);
		pid = fork();
		if (pid == 0) {
			char *argv[] = { (char *)"bourse-test", (char *)"-C", r.dir,
					 (char *)cases[i].option, NULL };

			dup2(fd[1], 1);
			dup2(fd[1], 2);
			close(fd[0]);
			if (svc_open(4, argv, &r.spec, &r.svc, NULL))
				_exit(90);
			_exit(91);
		}
		close(fd[1]);
		f = fdopen(fd[0], "r");
		got = fread(out, 1, sizeof(out) - 1, f);
		out[got] = '\0';
		fclose(f);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != cases[i].status ||
		    strstr(out, cases[i].out) == NULL)
			fail_msg("%s: status %x, \"%s\"", cases[i].option, status, out);
		rig_down(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_folder_is_locked_and_private),
		cmocka_unit_test(test_become_another),
		cmocka_unit_test(test_bad_configuration),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_supervisor_is_told),
		cmocka_unit_test(test_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
