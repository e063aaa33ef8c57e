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

/* `bourse-directory rotate`: new keys from the next start on; the old ones are served
 * beside them until the time after that. */
static enum err rotate(struct directory *d, struct errbuf *eb)
{
	enum err e = identity_load(d->config_dir, "bourse-directory", &d->id, eb);

	if (e)
		return e;
	identity_rotate(d->id);
	return identity_save(d->id, eb);
}

static enum err run_word(struct directory *d, const char *word, struct errbuf *eb)
{
	if (strcmp(word, "renew") == 0)
		return renew(d, eb);
	if (strcmp(word, "rotate") == 0)
		return rotate(d, eb);
	return err_set(eb, ERR_INVALID, "%s: the words are renew and rotate", word);
}

int main(int argc, char **argv)
{
	struct directory_conf conf = { 0 };
	const struct svc_spec spec = {
		.name = "bourse-directory", .what = "the directory of an organisation",
		.args = "[renew | rotate]", .items = directory_items, .n_items = directory_n_items,
		.conf = &conf, .writes = "bourse.conf",
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
		e = run_word(&d, word, &eb);
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
