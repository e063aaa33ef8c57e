#include "gen/store.pb-c.h"
#include "roles/shell/rights/rights.h"

enum { WAIT_MS = 10000 };

static char *mutable(const char *s)
{
	return (char *)(uintptr_t)(s ? s : "");
}

static ProtobufCBinaryData bytes_of(const struct guid *g)
{
	return (ProtobufCBinaryData){ sizeof(g->b), (uint8_t *)(uintptr_t)g->b };
}

enum err ask_rights_change(struct shell *sh, const char *server, const struct guid *mailbox,
			   const char *path, const struct guid *who, enum rights_change how,
			   unsigned rights, bool denied)
{
	Store__AclSetReq rq = STORE__ACL_SET_REQ__INIT;

	rq.mailbox = bytes_of(mailbox);
	rq.path = mutable(path);
	rq.principal = bytes_of(who);
	rq.mode = how == RIGHTS_ADD   ? STORE__ACL_SET_REQ__MODE__ADD
		  : how == RIGHTS_SET ? STORE__ACL_SET_REQ__MODE__REPLACE
				      : STORE__ACL_SET_REQ__MODE__REMOVE;
	rq.rights = rights;
	rq.negative = denied;
	return ask_forward(sh, server, "store.acl-set", &rq.base, NULL, WAIT_MS, NULL);
}

enum err ask_rights(struct shell *sh, const char *server, const struct guid *mailbox,
		    const char *path, struct rights_row **rows, size_t *n)
{
	Store__AclListReq rq = STORE__ACL_LIST_REQ__INIT;
	const ProtobufCMessage *m = NULL;
	const Store__AclListRep *rp;
	enum err e;

	rq.mailbox = bytes_of(mailbox);
	rq.path = mutable(path);
	e = ask_forward(sh, server, "store.acl-list", &rq.base, &store__acl_list_rep__descriptor,
			WAIT_MS, &m);
	if (e)
		return e;
	rp = (const void *)m;
	*rows = arena_alloc(&sh->arena, (rp->n_rows + 1) * sizeof(**rows));
	for (*n = 0; *n < rp->n_rows && e == ERR_OK; (*n)++) {
		const Store__AclRow *r = rp->rows[*n];

		(*rows)[*n] = (struct rights_row){ .given = r->given, .taken = r->taken,
						   .whole = r->whole };
		e = guid_from(r->principal.data, r->principal.len, &(*rows)[*n].who);
	}
	return e;
}

enum err ask_make_folder(struct shell *sh, const char *server, const struct guid *mailbox,
			 const char *path)
{
	Store__FolderCreateReq rq = STORE__FOLDER_CREATE_REQ__INIT;

	rq.mailbox = bytes_of(mailbox);
	rq.path = mutable(path);
	return ask_forward(sh, server, "store.folder-make", &rq.base, NULL, WAIT_MS, NULL);
}
