#ifndef SVC_NOTIFY_H
#define SVC_NOTIFY_H
/*
 * notify - telling systemd how we are, as sd_notify(3) does
 *
 * The protocol is one datagram to $NOTIFY_SOCKET.  Written here because
 * libsystemd brings five more libraries into every daemon for it.
 */
#include <stdint.h>

void notify_send(const char *state);	/* "READY=1"; nothing without a supervisor */
/* How often we must say WATCHDOG=1, in ms; 0: nobody watches. */
uint64_t notify_watchdog_ms(void);
#endif
