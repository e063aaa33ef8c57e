#include "roles/directory/conf.h"

#include "roles/directory/directory.h"

#define C(member) offsetof(struct directory_conf, member)
const struct conf_item directory_items[] = {
	{ "listen", CONF_STR, C(listen), "tcp://0.0.0.0:7001", 1, 255, 0,
	  "bus endpoint for the servers of the organisation and for administrators elsewhere" },
	{ "enrol-listen", CONF_STR, C(enrol_listen), "tcp://0.0.0.0:7000", 0, 255, 0,
	  "bus endpoint where new servers show their token; empty: none can join" },
	{ "endpoint", CONF_STR, C(endpoint), "", 0, 255, 0,
	  "what others dial; empty: made from listen and the host's name" },
	{ "enrol-endpoint", CONF_STR, C(enrol_endpoint), "", 0, 255, 0,
	  "what tokens say; empty: made from enrol-listen and the host's name" },
	{ "local", CONF_STR, C(local), "", 0, 110, 0,
	  "sockets of administrators on this host, ipc:///PATH with %u for their uid; "
	  "empty: in the data folder" },
	{ "organisation", CONF_STR, C(organisation), "Organisation", 1, 100, 0,
	  "name of the organisation that the first start makes" },
	{ "password-memory", CONF_SIZE, C(argon_bytes), "19M", 8192, 1 << 30, 0,
	  "memory of one Argon2id hash: what guessing one password costs" },
	{ "password-passes", CONF_UINT, C(argon_passes), "2", 1, 100, 0,
	  "passes of one Argon2id hash" },
	{ "scram-iterations", CONF_UINT, C(scram_iterations), "65536", 4096, 10000000, 0,
	  "rounds of a SCRAM-SHA-256 verifier" },
	{ "workers", CONF_UINT, C(workers), "2", 1, 64, 0,
	  "threads that hash new passwords" },
	{ "audit-days", CONF_UINT, C(audit_days), "730", 1, 36500, 0,
	  "how long the audit log is kept" },
};
const size_t directory_n_items = N_ELEMS(directory_items);
