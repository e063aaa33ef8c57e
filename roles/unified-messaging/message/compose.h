#ifndef UM_MESSAGE_COMPOSE_H
#define UM_MESSAGE_COMPOSE_H
/*
 * compose - a note as mail
 *
 * Exchange's classes travel as Content-Class (MS-OXCMAIL 2.2.3.2.22): voice-CA,
 * missedcall, fax-CA; the facts in its X- fields, which Outlook and Exchange's own
 * parser know (MS-OXOUM); and Message-Context (RFC 3458) for everybody else.
 *
 * Whatever came from a caller goes through the writers of common/mime, which let no
 * value add a field, and is escaped in HTML.
 */
#include "roles/unified-messaging/message/note.h"
#include <stdio.h>

/* How Message-IDs of voice messages begin: message waiting knows them by it. */
#define COMPOSE_VOICE_ID "um-voice."

struct compose {
	const struct note *note;
	const char *hostname;		/* of the Message-ID */
	uint64_t id;			/* ... and unique there */
	const char *audio;		/* path of a file to attach; NULL: none */
	const char *audio_name;		/* "Voice message from 1001 (12s).mp3" */
	const char *audio_type;		/* "audio/mpeg" */
	const char *audio2, *audio2_name, *audio2_type;	/* a second file (fax: TIFF), or NULL */
};

/* The whole message, CRLF ended, to a stream.  FULL, INTERNAL. */
enum err compose_write(const struct compose *c, FILE *to, struct errbuf *eb) A_MUST_USE;

/* What the attachment and the subject call it: "Voice message from Ann (12 seconds)". */
void compose_subject(const struct note *n, char *out, size_t cap);
void compose_file_name(const struct note *n, const char *extension, char *out, size_t cap);
#endif
