/* A message that another role hands over: what the bus brings, checked and kept. */
#include "common/api/hub.h"
#include "common/base/check.h"
#include "common/relay/hand.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ProtobufCMessage *msg = protobuf_c_message_unpack(hand_descriptor, NULL, size, data);
	struct arena a = { NULL, NULL };
	struct errbuf eb;
	struct hand h, back;
	struct hand_content content;
	struct mail *m;

	if (!msg)
		return 0;
	if (hand_read(msg, &a, &h, &eb) == ERR_OK) {
		m = hand_to_mail(&h);
		/* Nothing that is let in can end a line of SMTP or of a header. */
		CHECK(!strpbrk(m->sender, "\r\n") && !strpbrk(m->message_id, "\r\n"));
		CHECK(m->n_rcpts == h.n_rcpts && m->n_rcpts > 0);
		for (size_t i = 0; i < m->n_rcpts; i++)
			CHECK(!strpbrk(m->rcpts[i].address, "\r\n") && m->rcpts[i].address[0]);
		CHECK(!strstr(m->prefix, "\r\n\r\n") && !strstr(m->prefix, "\n\n"));
		hand_from_mail(m, &a, &back, &content);
		CHECK(back.n_rcpts == h.n_rcpts && back.seq == h.seq);
		CHECK(strcmp(back.sender, h.sender) == 0 && strcmp(back.prefix, h.prefix) == 0);
		mail_unref(&m);
	}
	arena_fini(&a);
	protobuf_c_message_free_unpacked(msg, NULL);
	return 0;
}
