#ifndef MIME_MAP_PRIV_H
#define MIME_MAP_PRIV_H
/* map_priv - what the files of the MIME map share; for nobody else */
#include "common/base/arena.h"
#include "common/mime/map.h"

#define MAP_BOUNDARY_MAX 200	/* RFC 2046 says 70 */
#define MAP_BUCKETS      256	/* by hash, for finding bounds */
#define MAP_NO_NODE      UINT32_MAX

/* Ends of the texts of a node in map.text, in their order. */
enum node_text {
	TEXT_TYPE,		/* "text" */
	TEXT_SUBTYPE,		/* SP "plain" */
	TEXT_PARAMS,		/* SP ("charset" "utf-8") */
	TEXT_FIELDS,		/* SP id SP description SP encoding */
	TEXT_MD5,		/* SP md5 */
	TEXT_TAIL,		/* SP disposition SP language SP location */
	TEXT_ENVELOPE,		/* (...), of messages only */
	TEXT_COUNT
};

/* Nodes are in the order of their headers; that is, children follow parents. */
struct map_node {
	struct mime_part part;
	uint32_t parent, depth;
	uint64_t start_lines;		/* line ends before the body */
	uint32_t text_start, text_end[TEXT_COUNT];
	bool is_text;			/* text/...: lines are shown */
	bool is_rfc822;
	bool is_digest;			/* multipart/digest: children are messages */
	bool is_related;		/* multipart whose parts are no attachments */
	bool is_attachment;
	bool as_text;			/* a multipart without parts */
};

/* A multipart whose boundary may still come. */
struct map_bound {
	uint32_t node;
	uint64_t hash;
	char *text;
	size_t n;
	uint16_t below;			/* next outer one of its bucket, + 1 */
};

struct mime_map {
	struct buf hdr, line, text;
	struct buf envelope, body, structure;	/* once finished */
	struct arena scratch, keep;
	struct summary summary;
	struct map_node *node;
	size_t n_nodes, cap_nodes;
	struct map_bound *bound;
	size_t n_bounds, cap_bounds;
	uint16_t bucket[MAP_BUCKETS];	/* innermost bound of each, + 1 */
	uint32_t cur;			/* innermost open node */
	uint64_t pos, lines;		/* before the current line */
	uint64_t line_len;		/* what came of it in earlier feeds */
	size_t hdr_mark;		/* hdr.len before it */
	size_t prev_eol;		/* length of the line end before it */
	char last;			/* last byte of an earlier feed */
	bool in_header;
	bool is_flat;			/* a limit was met */
	bool is_finished, has_attach;
};

/* Read m->hdr as the header of node i: fills its texts and kind and, for a
 * multipart, boundary (an empty span otherwise; borrowed from m->scratch).
 * LIMIT if the texts grow too large. */
enum err map_read_header(struct mime_map *m, uint32_t i, struct span *boundary) A_MUST_USE;

/* Write ENVELOPE, BODY and BODYSTRUCTURE of a closed tree.  LIMIT. */
enum err map_render(struct mime_map *m) A_MUST_USE;

/* Bytes of the blob besides its texts. */
size_t map_blob_fixed(size_t n_parts);
#endif
