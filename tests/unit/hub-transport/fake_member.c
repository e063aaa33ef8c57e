/* fake_member - struct member is the fake replica itself */
#include "common/replica/member.h"

struct replica *member_replica(const struct member *m)
{
	return (struct replica *)(void *)(uintptr_t)m;
}

struct links *member_links(const struct member *m)
{
	return (struct links *)(void *)(uintptr_t)m;
}
