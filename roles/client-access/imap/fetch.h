/* Private to imap_verb_fetch*.c: one FETCH at work. */
#ifndef CAS_IMAP_FETCH_H
#define CAS_IMAP_FETCH_H

#include "common/imap/fetch.h"
#include "common/mime/codec.h"
#include "common/mime/map.h"
#include "common/mime/preview.h"
#include "roles/client-access/imap/ahead.h"
#include "roles/client-access/imap/imap.h"
#include "roles/client-access/imap/row_feed.h"
#include "roles/client-access/imap/since.h"

#define FETCH_SLICE (256u << 10)	/* of content asked for at a time: a store's chunk */
#define FETCH_PART  (1u << 20)		/* of a header read for HEADER.FIELDS */

/* What is being done with the row in hand. */
enum fetch_phase {
	FETCH_NEXT,		/* take a row */
	FETCH_MARK,		/* \Seen is being set, of it and of those behind it */
	FETCH_OPEN,		/* say its items, then its sections */
	FETCH_SECTION,		/* begin section r->section */
	FETCH_CONTENT		/* bytes [pos, end) go to the sink */
};

enum fetch_sink {
	SINK_LITERAL,		/* to the client */
	SINK_HEADER,		/* into part, for HEADER.FIELDS */
	SINK_MAP,		/* the store had no map (it was too large for a row) */
	SINK_COUNT,		/* BINARY: how long is it decoded? */
	SINK_DECODE,		/* BINARY: decoded, to the client */
	SINK_PREVIEW,		/* the first words are looked for */
	SINK_SEEN		/* nowhere: only to set \Seen */
};

/* A BINARY section: it is read twice, since its length is said first. */
struct fetch_binary {
	enum mime_encoding encoding;	/* MIME_BINARY: nothing to undo */
	struct b64_dec b64;
	struct qp_dec qp;
	struct buf out;			/* a piece, decoded */
	uint64_t start, len;		/* of the part, encoded */
	uint64_t total;			/* bytes decoded so far */
	uint64_t skip, left;		/* of what is decoded, not said; still to be said */
	bool has_nul;
};

struct fetch_run {
	struct imap_fetch f;
	bool uid;
	bool marks_seen;
	unsigned columns;
	struct uid_ranges uids;		/* whose rows are asked for */
	const char *reply;		/* tagged, at the end */
	struct since since;
	struct uid_ranges known;	/* VANISHED (EARLIER) is told of these */
	uint32_t known_from;
	struct vanished vanished;
	struct row_feed feed;
	struct row_walk marking;

	enum fetch_phase phase;
	struct store_row *row;
	uint32_t seq;
	unsigned flags;			/* of the row, as they are by now */
	uint64_t modseq;
	bool marked;			/* \Seen was set by us */
	bool said;			/* something of this row was sent */
	bool any;			/* an item stands behind the parenthesis */
	size_t section;
	struct mime_view map;
	bool has_map;
	struct buf blob;		/* behind map, if we made it */
	struct mime_map *mapper;
	struct buf head;		/* of the answer, until it is sure to be said */

	enum fetch_sink sink;
	struct api_call *content;
	uint64_t pos, end;
	struct buf slice;
	size_t asked;
	struct ahead_slot *slot;	/* it was asked for ahead */
	struct ahead ahead;
	bool literal_open;
	unsigned flags_key;		/* what head holds, while only flags are said */
	size_t n_flags_text;
	enum err content_err;
	struct buf part;
	struct fetch_binary binary;
	bool unknown_cte;		/* a section could not be decoded */
	bool has_preview;
	struct preview *previewer;
	struct span preview;		/* made by it */
};

/* In a row's columns: we have set its \Seen. */
#define ROW_MARKED (1u << 31)

/* verb_fetch.c.  SELECT (QRESYNC ...): what changed since modseq of the UIDs known,
 * VANISHED only from UID `from` on; then the tagged reply of SELECT. */
enum next fetch_resync(struct imap_session *s, struct uid_ranges known, uint64_t modseq,
		       uint32_t from, bool read_only);
const char *fetch_select_reply(bool read_only);

/* verb_fetch_mark.c: does the row in hand need its \Seen set before it is said? */
bool fetch_must_mark(const struct fetch_run *r);
void fetch_mark(struct imap_session *s);	/* r->content is the call */

/* verb_fetch_body.c: FETCH_SECTION and FETCH_CONTENT. */
enum next fetch_section(struct imap_session *s);
enum next fetch_content(struct imap_session *s);
enum next fetch_need_preview(struct imap_session *s);	/* ... its first words */
enum next fetch_need_map(struct imap_session *s);	/* read the message to make one */
/* Where a section lies; NOTFOUND.  view is needed unless the section is all. */
enum err fetch_range(const struct imap_section *sec, const struct mime_view *view,
		     uint64_t size, uint64_t *start, uint64_t *len);

void fetch_section_name(struct imap_session *s, const struct imap_section *sec);
/* Bytes [start, start + len) of the message to sink. */
void fetch_read(struct fetch_run *r, enum fetch_sink sink, uint64_t start, uint64_t len);
void fetch_read_nothing(struct imap_session *s);	/* a section of no bytes was said */

/* verb_fetch_binary.c */
enum next fetch_binary(struct imap_session *s, const struct imap_section *sec);
void fetch_binary_take(struct imap_session *s, struct span got);
enum next fetch_binary_end(struct imap_session *s);	/* all was read */

/* Say r->head, once nothing can go wrong before the first literal. */
void fetch_say_head(struct imap_session *s);
void fetch_put(struct imap_session *s, enum err e);	/* the result of writing to head */
void fetch_item(struct imap_session *s);		/* a space before all but the first */
#endif
