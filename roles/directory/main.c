/* bourse-directory - the organisation: who and what there is, and who may change it */
#include "common/base/log.h"
#include "common/svc/svc.h"
#include "roles/directory/conf.h"
#include "roles/directory/directory.h"
#include <string.h>

/* `bourse-directory renew`, after the database was restored from a backup. */
static enum err renew(struct directory *d, struct errbuf *eb)
{
	enum err e = directory_open_db(d, eb);

	if (!e && guid_is_null(&d->organisation))
		e = err_set(eb, ERR_NOTFOUND, "there is no organisation yet");
	return e ? e : directory_renew(d, "asked for by `bourse-directory renew`", eb);
}

int main(int argc, char **argv)
{
	struct directory_conf conf = { 0 };
	const struct svc_spec spec = {
		.name = "bourse-directory", .what = "the directory of an organisation",
		.args = "[renew]", .items = directory_items, .n_items = directory_n_items,
		.conf = &conf,
	};
	struct directory d = { .conf = &conf };
	struct svc *svc = NULL;
	struct errbuf eb = { "" };
	const char *word;
	enum err e;

	directory_init(&d);
	e = svc_open(argc, argv, &spec, &svc, &eb);
	if (!e)
		e = svc_enter(svc, &eb);
	if (e)
		goto out;
	d.config_dir = svc_conf_dir(svc);
	d.data_dir = svc_data(svc);
	d.loop = svc_loop(svc);
	d.metrics = svc_metrics(svc);
	directory_conf_fill(&conf);
	word = svc_words(svc)[0];
	if (word) {
		e = strcmp(word, "renew") == 0 ? renew(&d, &eb) :
			err_set(&eb, ERR_INVALID, "%s: the only word is renew", word);
		goto out;
	}
	e = directory_open(&d, &eb);
	if (e)
		goto out;
	log_info(NULL, "organisation name=\"%s\" usn=%llu", d.org_name,
		 (unsigned long long)d.usn);
	svc_run(svc, NULL);
out:
	if (e)
		log_error(NULL, "cannot start err=\"%s\" detail=\"%s\"", err_text(e), eb.text);
	directory_close(&d);
	svc_close(&svc);
	return e ? 1 : 0;
}
