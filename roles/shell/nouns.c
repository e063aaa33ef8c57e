/* Every noun and verb of the shell: help, completion and dispatch read this table. */
#include "roles/shell/nouns.h"

#include "roles/shell/objects.h"
#include "roles/shell/um/um.h"
#include <stdio.h>
#include <string.h>

#define CHANGES "[ATTRIBUTE=VALUE | +ATTRIBUTE=VALUE | -ATTRIBUTE=VALUE | ATTRIBUTE=]..."
#define PASSWORD " [--password | --password-stdin | --password-file FILE | --no-password]"

#define OBJECTS(noun, klass, what)                                                       \
	{ noun, "list", "[PART-OF-NAME]", "all " what, object_list_verb, klass, 0, 1 },  \
	{ noun, "show", "NAME", "everything about one", object_show_verb, klass, 1, 1 }
#define EDITABLE(noun, klass, what, extra)                                               \
	OBJECTS(noun, klass, what),                                                      \
	{ noun, "create", "NAME " CHANGES extra, "make one", object_create_verb, klass, 1, -1 }, \
	{ noun, "set", "NAME " CHANGES extra, "change one", object_set_verb, klass, 1, -1 }
#define REMOVABLE(noun, klass)                                                           \
	{ noun, "remove", "NAME", "take one away", object_remove_verb, klass, 1, 1 }

const struct verb verbs[] = {
	{ "status", NULL, "", "every daemon: is it up, current, whom does it reach", status_verb, 0, 0, 0 },

	EDITABLE("mailbox", CLASS_MAILBOX, "users with mailboxes", PASSWORD),
	{ "mailbox", "import", "FILE.csv", "make many: columns name, address, password or password-hash, and attributes",
	  mailbox_import_verb, CLASS_MAILBOX, 1, 1 },
	{ "mailbox", "disable", "NAME", "take the user away; the content stays reconnectable for 30 days",
	  mailbox_disable_verb, CLASS_MAILBOX, 1, 1 },
	{ "mailbox", "reconnect", "NAME [--to USER]", "bring a disabled mailbox back, or give its content to another user",
	  mailbox_reconnect_verb, CLASS_MAILBOX, 1, -1 },
	{ "mailbox", "remove", "NAME", "take the user away for good", object_remove_verb, CLASS_MAILBOX, 1, 1 },
	{ "mailbox", "stat", "NAME", "its size and number of items", mailbox_stat_verb, CLASS_MAILBOX, 1, 1 },
	{ "mailbox", "folders", "NAME", "its folders and what is in them", mailbox_folders_verb, CLASS_MAILBOX, 1, 1 },

	{ "mailbox", "share", "NAME --with USER-OR-GROUP | NAME --no-more-with USER-OR-GROUP",
	  "full access and sending as it: it shows up in their clients, below Other Users/",
	  mailbox_share_verb, CLASS_MAILBOX, 1, -1 },
	{ "mailbox", "permission", "list NAME[/FOLDER] | add|set|deny NAME[/FOLDER] WHO RIGHTS | "
	  "remove NAME[/FOLDER] WHO [RIGHTS]",
	  "rights on a folder, or on all: letters of lrswipkxtea, or a role as Reviewer or Editor",
	  permission_verb, 0, 2, 4 },

	{ "mailbox", "um", "enable NAME extension=NUMBER [um-policy=NAME]... [--pin-stdin | --pin-file FILE] [--no-mail] | disable NAME | "
	  "pin-reset NAME [--pin-stdin | --pin-file FILE] | unlock NAME", "answer calls for it, or not; its PIN",
	  mailbox_um_verb, CLASS_MAILBOX, 1, -1 },

	{ "message", "list", "MAILBOX [FOLDER] [--limit N]", "the newest messages of a folder (INBOX)",
	  message_list_verb, 0, 1, -1 },
	{ "message", "show", "MAILBOX [UID] [--folder FOLDER]", "the bytes of one message (the newest)",
	  message_show_verb, 0, 1, -1 },
	{ "message", "trace", "MESSAGE-ID | --recipient ADDRESS | --sender ADDRESS",
	  "what every hub and edge did with it", message_trace_verb, 0, 0, -1 },
	{ "message", "deleted", "MAILBOX [--limit N]", "what can still be restored", message_deleted_verb, 0, 1, -1 },
	{ "message", "restore", "MAILBOX NUMBER...", "bring deleted messages back", message_restore_verb, 0, 2, -1 },

	EDITABLE("group", CLASS_GROUP, "groups", ""),
	{ "group", "add", "GROUP NAME...", "make recipients members", group_add_verb, CLASS_GROUP, 2, -1 },
	{ "group", "take", "GROUP NAME...", "members no more", group_take_verb, CLASS_GROUP, 2, -1 },
	REMOVABLE("group", CLASS_GROUP),

	OBJECTS("public-folder", CLASS_PUBLIC_FOLDER, "public folders at the top"),
	{ "public-folder", "create", "NAME[/NAME]... " CHANGES, "make one; below another without attributes",
	  public_folder_create_verb, CLASS_PUBLIC_FOLDER, 1, -1 },
	{ "public-folder", "set", "NAME " CHANGES, "change one at the top", object_set_verb, CLASS_PUBLIC_FOLDER, 1, -1 },
	{ "public-folder", "folders", "NAME", "what is below it", mailbox_folders_verb, 0, 1, 1 },
	{ "public-folder", "permission", "list PATH | add|set|deny PATH WHO RIGHTS | remove PATH WHO [RIGHTS]",
	  "rights on one: letters of lrswipkxtea, or a role as Reviewer or Editor", permission_verb, 0, 2, 4 },
	REMOVABLE("public-folder", CLASS_PUBLIC_FOLDER),

	EDITABLE("contact", CLASS_CONTACT, "recipients outside that have an address here", ""),
	REMOVABLE("contact", CLASS_CONTACT),

	EDITABLE("domain", CLASS_DOMAIN, "domains that mail is accepted for", ""),
	REMOVABLE("domain", CLASS_DOMAIN),

	EDITABLE("address-policy", CLASS_ADDRESS_POLICY, "rules that give new recipients their addresses", ""),
	{ "address-policy", "apply", "", "bring all addresses in line; a change of a policy does it too",
	  policy_apply_verb, CLASS_ADDRESS_POLICY, 0, 0 },
	REMOVABLE("address-policy", CLASS_ADDRESS_POLICY),

	EDITABLE("connector", CLASS_CONNECTOR, "ways out for domains elsewhere", ""),
	REMOVABLE("connector", CLASS_CONNECTOR),

	EDITABLE("dial-plan", CLASS_DIAL_PLAN, "sets of extensions", ""),
	REMOVABLE("dial-plan", CLASS_DIAL_PLAN),
	EDITABLE("ip-gateway", CLASS_IP_GATEWAY, "SIP gateways that calls come from", ""),
	REMOVABLE("ip-gateway", CLASS_IP_GATEWAY),
	EDITABLE("hunt-group", CLASS_HUNT_GROUP, "which calls of a gateway belong to which dial plan", ""),
	REMOVABLE("hunt-group", CLASS_HUNT_GROUP),
	EDITABLE("um-policy", CLASS_UM_POLICY, "what users of a dial plan may do, and their PINs", ""),
	REMOVABLE("um-policy", CLASS_UM_POLICY),
	EDITABLE("auto-attendant", CLASS_AUTO_ATTENDANT, "numbers that a machine answers", ""),
	REMOVABLE("auto-attendant", CLASS_AUTO_ATTENDANT),
	{ "um", "call", "list | hang-up SERVER CALL", "the calls that run; end one", um_call_verb, 0, 1, 3 },

	{ "transport", "show", "", "the organisation's transport settings", transport_show_verb, CLASS_TRANSPORT, 0, 0 },
	{ "transport", "set", CHANGES, "change them", transport_set_verb, CLASS_TRANSPORT, 1, -1 },

	{ "organisation", "show", "", "what holds for all", transport_show_verb, CLASS_ORGANISATION, 0, 0 },
	{ "organisation", "set", CHANGES, "change it", transport_set_verb, CLASS_ORGANISATION, 1, -1 },

	EDITABLE("oauth", CLASS_OAUTH_ISSUER, "issuers whose tokens (OAUTHBEARER, XOAUTH2) are believed", ""),
	{ "oauth", "keys", "NAME FILE", "take its public keys from a JWKS document ('-': standard input)",
	  oauth_keys_verb, CLASS_OAUTH_ISSUER, 2, 2 },
	REMOVABLE("oauth", CLASS_OAUTH_ISSUER),

	{ "queue", "list", "", "what waits where, and why", queue_list_verb, 0, 0, 0 },
	{ "queue", "messages", "SERVER [QUEUE] [--limit N]", "the messages that wait", queue_messages_verb, 0, 1, -1 },
	{ "queue", "retry", "SERVER QUEUE", "try now", queue_retry_verb, 0, 2, 2 },
	{ "queue", "suspend", "SERVER QUEUE | SERVER --message NUMBER", "hold back", queue_suspend_verb, 0, 1, -1 },
	{ "queue", "resume", "SERVER QUEUE | SERVER --message NUMBER", "let go on", queue_resume_verb, 0, 1, -1 },
	{ "queue", "remove", "SERVER --message NUMBER [--silently]", "give up on a message, telling its sender",
	  queue_remove_verb, 0, 1, -1 },

	{ "server", "list", "", "all servers, and who is up", server_list_verb, 0, 0, 0 },
	{ "server", "show", "NAME", "everything about one", object_show_verb, CLASS_SERVER, 1, 1 },
	{ "server", "add", "ROLE NAME", "print the token with which a new server enrols (mailbox, hub, cas, um)",
	  server_add_verb, 0, 2, 2 },
	{ "server", "set", "NAME " CHANGES, "change one", object_set_verb, CLASS_SERVER, 2, -1 },
	{ "server", "rotate", "NAME", "give one a new key pair, used from its next start on",
	  server_rotate_verb, 0, 1, 1 },
	{ "server", "remove", "NAME", "cut a server off", object_remove_verb, CLASS_SERVER, 1, 1 },
	{ "edge", "subscribe", "FILE", "take in the edge that printed this subscription ('-': standard input)",
	  edge_subscribe_verb, 0, 1, 1 },

	{ "database", "list", "", "mailbox databases, with sizes", database_list_verb, CLASS_DATABASE, 0, 0 },
	{ "database", "show", "NAME", "everything about one", object_show_verb, CLASS_DATABASE, 1, 1 },
	{ "database", "create", "NAME server=SERVER", "make one on a mailbox server", object_create_verb, CLASS_DATABASE, 1, -1 },
	{ "database", "set", "NAME " CHANGES, "change one", object_set_verb, CLASS_DATABASE, 2, -1 },
	{ "database", "catalogue", "", "search catalogues: how far they are", database_catalogue_verb, CLASS_DATABASE, 0, 0 },
	{ "database", "reindex", "NAME", "make the search catalogue anew", database_reindex_verb, CLASS_DATABASE, 1, 1 },
	{ "database", "check", "NAME [--fix]", "verify every page and every count", database_check_verb, CLASS_DATABASE, 1, -1 },

	{ "admin", "key", "", "your key's public half, made if there is none", admin_key_verb, 0, 0, 0 },
	OBJECTS("admin", CLASS_ADMIN, "administrators with a key"),
	{ "admin", "create", "NAME key=HEX", "enrol an administrator's key", object_create_verb, CLASS_ADMIN, 2, -1 },
	REMOVABLE("admin", CLASS_ADMIN),

	{ "audit", "list", "[--limit N]", "who changed what, newest first", audit_list_verb, 0, 0, -1 },
	{ "stats", NULL, "[SERVER | ROLE] [--prometheus]", "figures of every daemon", stats_verb, 0, 0, -1 },
	{ "log-level", NULL, "SERVER [error|warn|info|debug]", "ask or set how much a daemon logs", log_level_verb, 0, 1, 2 },
	{ "test", "mailflow", "[MAILBOX] [--smtp HOST:PORT] [--timeout SECONDS]",
	  "send a probe through the real path and time each hop", mailflow_verb, 0, 0, -1 },
	{ "completion", "bash", "", "the completion script for bash", completion_verb, 0, 0, 0 },
	{ "complete", NULL, "WORD...", NULL, complete_verb, 0, 0, -1 },
};
const size_t n_verbs = N_ELEMS(verbs);

const struct verb *verb_find(const char *noun, const char *name)
{
	for (size_t i = 0; i < n_verbs; i++)
		if (strcmp(verbs[i].noun, noun) == 0 &&
		    (verbs[i].name == NULL || (name && strcmp(verbs[i].name, name) == 0)))
			return &verbs[i];
	return NULL;
}

static void attribute_help(unsigned klass, FILE *to)
{
	static const char *const types[] = {
		[ATTR_TEXT] = "text", [ATTR_NUMBER] = "number", [ATTR_BOOL] = "yes|no",
		[ATTR_GUID] = "name", [ATTR_BYTES] = "hex", [ATTR_SIZE] = "size",
		[ATTR_DURATION] = "duration",
	};

	fprintf(to, "\nAttributes:\n");
	for (const struct attr_info *a = attr_next(klass, NULL); a; a = attr_next(klass, a))
		if (!(a->flags & ATTR_SECRET))
			fprintf(to, "  %-30s %-9s %s%s%s\n", a->name, types[a->type], a->help,
				a->flags & ATTR_MULTI ? " (several)" : "",
				a->flags & ATTR_READONLY ? " (read-only)" : "");
}

void verb_help(const char *noun, const char *name, FILE *to)
{
	const char *last = "";
	unsigned klass = 0;

	if (noun == NULL) {
		fprintf(to, "usage: bourse [-C DIR] [-o table|json] NOUN VERB [WORD...]\n"
			    "       bourse NOUN --help\n\nNouns:\n");
		for (size_t i = 0; i < n_verbs; i++) {
			if (verbs[i].help == NULL)
				continue;
			if (strcmp(verbs[i].noun, last) != 0)
				fprintf(to, "%s  %-15s", *last ? "\n" : "", verbs[i].noun);
			last = verbs[i].noun;
			fprintf(to, " %s", verbs[i].name ? verbs[i].name : verbs[i].help);
		}
		fprintf(to, "\n\n  -C DIR    configuration folder (/etc/bourse)\n"
			    "  -o FORM   table for people (default) or json for programs\n"
			    "  -V        version\n\nWithout a noun on a terminal, bourse prompts for commands."
			    "\nExit status: 0 done, 1 failed, 2 usage, 3 not found, 4 not permitted, "
			    "5 not reachable.\n");
		return;
	}
	for (size_t i = 0; i < n_verbs; i++) {
		const struct verb *v = &verbs[i];

		if (strcmp(v->noun, noun) != 0 || (name && v->name && strcmp(v->name, name) != 0))
			continue;
		fprintf(to, "  bourse %s%s%s%s%s\n      %s\n", v->noun, v->name ? " " : "",
			v->name ? v->name : "", v->args[0] ? " " : "", v->args,
			v->help ? v->help : "");
		if (v->klass)
			klass = v->klass;
	}
	if (klass)
		attribute_help(klass, to);
}
