#include "common/base/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static void set_v6(struct addr *a, const uint8_t ip[16])
{
	memset(a->ip, 0, sizeof(a->ip));
	if (memcmp(ip, mapped, sizeof(mapped)) == 0) {
		a->family = 4;
		memcpy(a->ip, ip + sizeof(mapped), 4);
	} else {
		a->family = 6;
		memcpy(a->ip, ip, 16);
	}
}

static enum err parse_port(const char *text, uint16_t *out)
{
	unsigned long v;
	char *end;

	if (*text < '0' || *text > '9')
		return ERR_INVALID;
	v = strtoul(text, &end, 10);
	if (*end != '\0' || v > UINT16_MAX)
		return ERR_INVALID;
	*out = (uint16_t)v;
	return ERR_OK;
}

enum err addr_parse(const char *text, uint16_t default_port, struct addr *out)
{
	struct addr a = { .port = default_port };
	char host[64];
	const char *end, *port = NULL;
	uint8_t ip[16] = { 0 };

	if (text[0] == '[') {
		end = strchr(++text, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':'))
			return ERR_INVALID;
		if (end[1] == ':')
			port = end + 2;
	} else {
		end = strchr(text, ':');
		if (end && strchr(end + 1, ':'))
			end = NULL;	/* a bare IPv6 address */
		if (end)
			port = end + 1;
		else
			end = text + strlen(text);
	}
	if ((size_t)(end - text) >= sizeof(host))
		return ERR_INVALID;
	memcpy(host, text, (size_t)(end - text));
	host[end - text] = '\0';
	if (port && parse_port(port, &a.port))
		return ERR_INVALID;
	if (strcmp(host, "*") == 0) {
		a.family = 6;
	} else if (inet_pton(AF_INET, host, ip) == 1) {
		a.family = 4;
		memcpy(a.ip, ip, 4);
	} else if (inet_pton(AF_INET6, host, ip) == 1) {
		set_v6(&a, ip);
	} else {
		return ERR_INVALID;
	}
	*out = a;
	return ERR_OK;
}

const char *addr_host(const struct addr *a, char out[ADDR_TEXT])
{
	int af = a->family == 4 ? AF_INET : AF_INET6;

	if (a->family == 0 || inet_ntop(af, a->ip, out, ADDR_TEXT) == NULL)
		snprintf(out, ADDR_TEXT, "-");
	return out;
}

const char *addr_text(const struct addr *a, char out[ADDR_TEXT])
{
	char host[ADDR_TEXT];

	addr_host(a, host);
	if (a->family == 6)
		snprintf(out, ADDR_TEXT, "[%.45s]:%u", host, a->port);
	else
		snprintf(out, ADDR_TEXT, "%.45s:%u", host, a->port);
	return out;
}

bool addr_eq_host(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

bool addr_is_loopback(const struct addr *a)
{
	static const uint8_t one[16] = { [15] = 1 };

	if (a->family == 4)
		return a->ip[0] == 127;
	return a->family == 6 && memcmp(a->ip, one, sizeof(one)) == 0;
}

struct addr addr_source(const struct addr *a)
{
	struct addr s = *a;

	s.port = 0;
	if (s.family == 6)
		memset(s.ip + 8, 0, 8);
	return s;
}

void addr_from_sockaddr(const struct sockaddr *sa, struct addr *out)
{
	memset(out, 0, sizeof(*out));
	if (sa->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;

		out->family = 4;
		memcpy(out->ip, &in->sin_addr, 4);
		out->port = ntohs(in->sin_port);
	} else if (sa->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)(const void *)sa;

		set_v6(out, in->sin6_addr.s6_addr);
		out->port = ntohs(in->sin6_port);
	}
}

void addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (a->family == 4) {
		struct sockaddr_in *in = (struct sockaddr_in *)(void *)out;

		in->sin_family = AF_INET;
		memcpy(&in->sin_addr, a->ip, 4);
		in->sin_port = htons(a->port);
	} else if (a->family == 6) {
		struct sockaddr_in6 *in = (struct sockaddr_in6 *)(void *)out;

		in->sin6_family = AF_INET6;
		memcpy(&in->sin6_addr, a->ip, 16);
		in->sin6_port = htons(a->port);
	}
}
