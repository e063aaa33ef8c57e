/* Answers of a hostile name server: nothing may be read beyond them. */
#include "common/dns/parse.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct dns_mx_record mx[4];
	struct addr addrs[4];
	struct dns_texts texts = { NULL, 0 };
	char again[256];
	size_t n;

	if (size > 65535)
		return 0;
	if (dns_parse_mx(data, (int)size, mx, &n, 4) == ERR_OK)
		for (size_t i = 0; i < n; i++)
			if ((i && mx[i].preference < mx[i - 1].preference) ||
			    dns_name_copy(mx[i].name, again, sizeof(again)) ||
			    strcmp(again, mx[i].name) != 0)
				abort();
	if (dns_parse_addrs(data, (int)size, 1, addrs, &n, 4) == ERR_OK && (n == 0 || n > 4))
		abort();
	if (dns_parse_addrs(data, (int)size, 28, addrs, &n, 4) == ERR_OK && (n == 0 || n > 4))
		abort();
	if (dns_ttl(data, (int)size, false) > INT32_MAX || dns_ttl(data, (int)size, true) > INT32_MAX)
		abort();
	if (dns_parse_texts(data, (int)size, 16, &texts) == ERR_OK)
		dns_texts_fini(&texts);
	if (dns_parse_texts(data, (int)size, 12, &texts) == ERR_OK)
		dns_texts_fini(&texts);
	return 0;
}
