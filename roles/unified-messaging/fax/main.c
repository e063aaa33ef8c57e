/* bourse-um-fax - one fax, in a process of its own; bourse-um starts it */
#include "common/base/attr.h"
#include "roles/unified-messaging/fax/child.h"
#include "roles/unified-messaging/fax/line.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int usage(FILE *out, int rc)
{
	fprintf(out, "usage: bourse-um-fax receive|send|mend [--ident NUMBER] [--no-ecm] [--no-v17]\n"
		     "Run by bourse-um: the pages are " FAX_TIFF " and " FAX_PDF
		     " in the current folder, the line is descriptor %d.\n", LINE_FD);
	return rc;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "ident", required_argument, NULL, 'i' },
		{ "no-ecm", no_argument, NULL, 'e' },
		{ "no-v17", no_argument, NULL, 'v' },
		{ "no-guard", no_argument, NULL, 'g' },		/* tests of the sandbox only */
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	static const char *const tasks[] = { "receive", "send", "mend" };
	struct child_conf conf = { .ident = "" };
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 'i': conf.ident = optarg; break;
		case 'e': conf.no_ecm = true; break;
		case 'v': conf.no_v17 = true; break;
		case 'g': conf.guard_off = true; break;
		case 'h': return usage(stdout, 0);
		case 'V': puts("bourse-um-fax " VERSION); return 0;
		default:  return usage(stderr, 2);
		}
	if (optind + 1 != argc || fcntl(LINE_FD, F_GETFD) < 0)
		return usage(stderr, 2);
	/* Whatever else was open when we were started is not ours. */
	(void)close_range(LINE_FD + 1, ~0u, 0);
	for (unsigned i = 0; i < N_ELEMS(tasks); i++)
		if (strcmp(argv[optind], tasks[i]) == 0) {
			conf.task = (enum child_task)i;
			return child_run(&conf);
		}
	return usage(stderr, 2);
}
