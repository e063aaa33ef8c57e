/* make - a note and its recording into a durable message; runs on a worker */
#include "roles/unified-messaging/message/audio.h"
#include "roles/unified-messaging/message/compose.h"
#include "roles/unified-messaging/message/post_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void post_path(const struct post *p, char out[POST_PATH], const char *name, const char *ext)
{
	snprintf(out, POST_PATH, "%s/%s.%s", p->dir, name, ext);
}

void post_seq_path(const struct post *p, char out[POST_PATH], uint64_t seq, const char *ext)
{
	snprintf(out, POST_PATH, "%s/%llu.%s", p->dir, (unsigned long long)seq, ext);
}

enum err post_sync_dir(const struct post *p, struct errbuf *eb)
{
	int fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int bad = fd < 0 || fsync(fd) ? errno : 0;

	if (fd >= 0)
		close(fd);
	return bad ? err_errno(eb, bad, p->dir) : ERR_OK;
}

enum err post_write_file(const char *path, const void *data, size_t n, struct errbuf *eb)
{
	char tmp[POST_PATH + 8];
	FILE *f;
	bool bad;

	snprintf(tmp, sizeof(tmp), "%s.tmp", path);
	f = fopen(tmp, "we");
	if (!f)
		return err_errno(eb, errno, tmp);
	bad = (n && fwrite(data, 1, n, f) != n) || fflush(f) || fsync(fileno(f));
	bad |= fclose(f) != 0;
	if (bad || rename(tmp, path)) {
		enum err e = err_errno(eb, errno, path);

		unlink(tmp);
		return e;
	}
	return ERR_OK;
}

/* The head of SEQ.mail: what the envelope needs, then an empty line. */
static enum err write_head(const struct note *n, int64_t now_ms, FILE *f)
{
	return fprintf(f, "bourse-um mail 1\nto=%s\nreceived=%lld\n\n", n->to,
		       (long long)now_ms) > 0 ? ERR_OK : ERR_FULL;
}

static enum err write_mail(struct post_job *j, struct compose *c, const char *path)
{
	FILE *f = fopen(path, "we");
	long head = 0, end = 0;
	enum err e;

	if (!f)
		return err_errno(&j->eb, errno, path);
	e = write_head(&j->note, j->note.at_ms, f);
	if (!e)
		head = ftell(f);
	if (!e)
		e = compose_write(c, f, &j->eb);
	if (!e && (fflush(f) || fsync(fileno(f))))
		e = err_errno(&j->eb, errno, path);
	end = ftell(f);
	if (fclose(f) && !e)
		e = err_errno(&j->eb, errno, path);
	j->size = (uint64_t)(end - head);
	return e;
}

/* The samples' number is the truth, whatever the note says. */
static void measure(struct post_job *j, const char *pcm)
{
	struct stat st;

	if (stat(pcm, &st) == 0 && j->note.rate)
		j->note.duration_s = (unsigned)((uint64_t)st.st_size / 2 / j->note.rate);
}

void post_make(void *ctx)
{
	struct post_job *j = ctx;
	struct post *p = j->post;
	char pcm[POST_PATH], audio[POST_PATH], tmp[POST_PATH], mail[POST_PATH], note[POST_PATH];
	char name[NOTE_TEXT_MAX];
	struct compose c = { .note = &j->note, .hostname = p->hostname, .id = j->seq };
	enum note_codec used;

	j->e = ERR_OK;
	post_seq_path(p, tmp, j->seq, "tmp");
	post_seq_path(p, mail, j->seq, "mail");
	if (j->id[0]) {
		post_path(p, pcm, j->id, "pcm");
		post_path(p, audio, j->id, "audio");
		post_path(p, note, j->id, "note");
		unlink(audio);
		measure(j, pcm);
		j->e = audio_convert(pcm, j->note.rate, j->note.codec, audio, &used, &j->eb);
		if (!j->e) {
			compose_file_name(&j->note, audio_format(used)->extension, name, sizeof(name));
			c.audio = audio;
			c.audio_name = name;
			c.audio_type = audio_format(used)->mime;
		}
	}
	if (!j->e)
		j->e = write_mail(j, &c, tmp);
	if (!j->e && rename(tmp, mail))
		j->e = err_errno(&j->eb, errno, mail);
	if (!j->e)
		j->e = post_sync_dir(p, &j->eb);
	if (j->id[0])
		unlink(audio);
	if (j->e) {
		unlink(tmp);
		return;
	}
	/* From here on the message is what counts. */
	if (j->id[0]) {
		unlink(note);
		unlink(pcm);
	}
}
