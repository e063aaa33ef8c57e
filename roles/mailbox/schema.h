#ifndef MAILBOX_SCHEMA_H
#define MAILBOX_SCHEMA_H
/* schema - the tables of a mailbox database, its quarantine and its catalogue */
#include "common/db/db.h"

extern const struct db_schema store_schema;		/* store.db */
extern const struct db_schema quarantine_schema;	/* quarantine.db */
extern const struct db_schema search_schema;		/* search.db */
#endif
