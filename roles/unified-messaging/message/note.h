#ifndef UM_MESSAGE_NOTE_H
#define UM_MESSAGE_NOTE_H
/*
 * note - what is known of a message that a caller left, or of a call that was missed
 *
 * Written beside the recording before it begins, so that what a killed process leaves
 * behind can still be sent.  Text is cut and holds no control characters, whoever said
 * it.
 */
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/guid.h"
#include "common/base/span.h"
#include <stdbool.h>
#include <stdint.h>

enum note_kind {
	NOTE_VOICE,		/* a voice message: IPM.Note.Microsoft.Voicemail.UM.CA */
	NOTE_MISSED,		/* IPM.Note.Microsoft.Missed.Voice */
	NOTE_FAX,		/* IPM.Note.Microsoft.Fax.CA */
	NOTE_TEXT,		/* a notice of ours: subject and text say all */
};

enum note_codec { NOTE_MP3, NOTE_OPUS, NOTE_GSM, NOTE_PCM };
/* By the dial plan's word; NOTE_MP3 if unknown. */
enum note_codec note_codec_of(const char *name);

#define NOTE_TEXT_MAX 256

struct note {
	enum note_kind kind;
	enum note_codec codec;
	struct guid mailbox;
	char to[NOTE_TEXT_MAX], to_name[NOTE_TEXT_MAX];		/* address, display name */
	char caller[NOTE_TEXT_MAX];		/* number, "" if withheld */
	char caller_name[NOTE_TEXT_MAX];	/* resolved, or as the gateway said */
	char caller_address[NOTE_TEXT_MAX];	/* of a caller who is known */
	char called[NOTE_TEXT_MAX], call_id[NOTE_TEXT_MAX];
	char from[NOTE_TEXT_MAX];		/* who mail of ours is from */
	char subject[NOTE_TEXT_MAX];		/* NOTE_TEXT */
	char text[2048];			/* NOTE_TEXT: the body; NOTE_VOICE: transcript */
	char extra[NOTE_TEXT_MAX];		/* from the policy, below the text; "" */
	int64_t at_ms;				/* when the call came */
	unsigned rate;				/* of the recording; 0: there is none */
	unsigned duration_s, pages;
	bool urgent, private;
};

/* Copies text that fits, without controls. */
void note_set(char *field, size_t cap, const char *text);
#define NOTE_SET(n, field, text) note_set((n)->field, sizeof((n)->field), (text))

enum err note_write(const struct note *n, struct buf *out) A_MUST_USE;
/* CORRUPT: not one of ours. */
enum err note_read(struct span text, struct note *out, struct errbuf *eb) A_MUST_USE;
#endif
