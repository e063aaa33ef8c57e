#ifndef MAILBOX_SCHEMA_H
#define MAILBOX_SCHEMA_H
/* schema - the tables of a mailbox database, and of its quarantine */
#include "common/db/db.h"

extern const struct db_schema store_schema;		/* store.db */
extern const struct db_schema quarantine_schema;	/* quarantine.db */
#endif
