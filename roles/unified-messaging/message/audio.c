#include "roles/unified-messaging/message/audio.h"

#include "common/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sndfile.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 8192 };

static const struct {
	struct audio_format format;
	int sf;
	unsigned rate;		/* 0: as recorded */
} formats[] = {
	[NOTE_MP3] = { { "mp3", "audio/mpeg" }, SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, 0 },
	[NOTE_OPUS] = { { "opus", "audio/ogg; codecs=opus" }, SF_FORMAT_OGG | SF_FORMAT_OPUS, 0 },
	[NOTE_GSM] = { { "wav", "audio/wav" }, SF_FORMAT_WAV | SF_FORMAT_GSM610, 8000 },
	[NOTE_PCM] = { { "wav", "audio/wav" }, SF_FORMAT_WAV | SF_FORMAT_PCM_16, 0 },
};

const struct audio_format *audio_format(enum note_codec c)
{
	return &formats[c].format;
}

static SNDFILE *open_out(const char *to, enum note_codec codec, unsigned rate)
{
	SF_INFO info = { .samplerate = (int)(formats[codec].rate ? formats[codec].rate : rate),
			 .channels = 1, .format = formats[codec].sf };
	SNDFILE *out;
	double quality = 0.6;
	int fd;

	if (!sf_format_check(&info))
		return NULL;
	fd = open(to, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return NULL;
	out = sf_open_fd(fd, SFM_WRITE, &info, SF_TRUE);
	if (!out) {
		close(fd);
		unlink(to);
		return NULL;
	}
	if (codec == NOTE_MP3 || codec == NOTE_OPUS)
		sf_command(out, SFC_SET_COMPRESSION_LEVEL, &quality, sizeof(quality));
	return out;
}

/* 16 kHz into 8 kHz by pairs: speech has little above 4 kHz to alias. */
static sf_count_t halve(short *pcm, sf_count_t n)
{
	for (sf_count_t i = 0; i + 1 < n; i += 2)
		pcm[i / 2] = (short)((pcm[i] + pcm[i + 1]) / 2);
	return n / 2;
}

enum err audio_convert(const char *from, unsigned rate, enum note_codec codec, const char *to,
		       enum note_codec *used, struct errbuf *eb)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	short pcm[BLOCK];
	SNDFILE *out;
	enum err e = ERR_OK;
	ssize_t got;

	if (in < 0)
		return err_errno(eb, errno, from);
	*used = codec;
	out = open_out(to, codec, rate);
	if (!out && codec != NOTE_PCM) {
		log_warn(NULL, "codec-not-possible codec=%d", (int)codec);
		*used = NOTE_PCM;
		out = open_out(to, NOTE_PCM, rate);
	}
	if (!out)
		e = err_set(eb, ERR_INTERNAL, "%s: %s", to, sf_strerror(NULL));
	while (!e && (got = read(in, pcm, sizeof(pcm))) > 0) {
		sf_count_t n = got / (ssize_t)sizeof(*pcm);

		if (formats[*used].rate && formats[*used].rate != rate)
			n = halve(pcm, n);
		if (sf_write_short(out, pcm, n) != n)
			e = err_set(eb, ERR_FULL, "%s: %s", to, sf_strerror(out));
	}
	if (out && sf_close(out) && !e)
		e = err_set(eb, ERR_FULL, "%s: not written to its end", to);
	close(in);
	return e;
}
