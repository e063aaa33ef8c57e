#ifndef UM_MESSAGE_AUDIO_H
#define UM_MESSAGE_AUDIO_H
/*
 * audio - a recording as the file that people get
 *
 *	mp3	MPEG layer 3, 16 kbit/s or so	opus	Ogg Opus
 *	gsm	GSM 6.10 in WAV, 8 kHz		pcm	16-bit WAV
 *
 * Computes, and reads and writes files: for a worker.
 */
#include "roles/unified-messaging/message/note.h"

struct audio_format {
	const char *extension, *mime;
};
const struct audio_format *audio_format(enum note_codec c);

/* Raw samples of `from` at rate into the new file `to`.  Returns the codec used in
 * *used: NOTE_PCM if this host's library cannot do what was asked. */
enum err audio_convert(const char *from, unsigned rate, enum note_codec codec, const char *to,
		       enum note_codec *used, struct errbuf *eb) A_MUST_USE;
#endif
