#ifndef UM_FAX_LINE_H
#define UM_FAX_LINE_H
/*
 * line - what the daemon and the child of a fax say to each other
 *
 * A SOCK_SEQPACKET pair, the child's end is descriptor LINE_FD.  A message is one
 * octet that says what it is, and its bytes in this host's order.  The child has no
 * other way to the outside, and no clock but these messages.
 */
#include <stdint.h>

#define LINE_FD	 3
#define LINE_BYTES 2048	/* octets of a message */

enum line_word {
	/* to the child */
	LINE_HEARD = 'A',	/* int16_t[160]: 20 ms of audio; answered by LINE_SAID */
	LINE_T38 = 'S',		/* struct line_t38: the call is T.38 now */
	LINE_TICK = 'C',	/* 20 ms of T.38 */
	LINE_QUIT = 'Q',	/* the call is gone: finish the pages, say LINE_END */
	/* to the daemon */
	LINE_SAID = 'B',	/* int16_t[160] */
	LINE_PROGRESS = 'G',	/* the two machines get on; about once a second */
	LINE_PAGE = 'P',	/* uint32_t: pages that are whole now */
	LINE_END = 'E',		/* struct line_end; the child exits */
	/* both ways */
	LINE_DATAGRAM = 'T',	/* UDPTL */
};

struct line_t38 {
	uint32_t recovery;	/* enum udptl_recovery */
	uint32_t span, max_datagram;
};

struct line_end {
	uint32_t ok, code, pages, bit_rate, ecm;
	uint32_t pdf;		/* pages in the PDF that was made; 0: none was */
	char ident[24], reason[80];
};
#endif
