#include "roles/client-access/imap/language.h"

#include "common/base/attr.h"

const char *const language_tags[LANGUAGE_COUNT] = { "i-default", "EN", "DE" };

static const struct {
	const char *en, *de;
} texts[] = {
	{ "An empty message is none.", "Eine leere Nachricht ist keine." },
	{ "Authentication was broken off.", "Die Anmeldung wurde abgebrochen." },
	{ "Closed.", "Geschlossen." },
	{ "Delete what is below it first.", "Erst muss gelöscht werden, was darunter liegt." },
	{ "Done.", "Erledigt." },
	{ "Expected DONE.", "DONE wurde erwartet." },
	{ "Expected a number.", "Eine Zahl wurde erwartet." },
	{ "Expected a space.", "Ein Leerzeichen wurde erwartet." },
	{ "Expected a string.", "Eine Zeichenkette wurde erwartet." },
	{ "Expected an atom.", "Ein Atom wurde erwartet." },
	{ "INBOX stays.", "INBOX bleibt." },
	{ "Internal error.", "Interner Fehler." },
	{ "It took too long, try again.", "Es hat zu lange gedauert, bitte noch einmal." },
	{ "Line too long.", "Die Zeile ist zu lang." },
	{ "Literal too large.", "Das Literal ist zu groß." },
	{ "Logged in.", "Angemeldet." },
	{ "Malformed command.", "Fehlerhafter Befehl." },
	{ "Message too large.", "Die Nachricht ist zu groß." },
	{ "No more can be kept.", "Mehr kann nicht aufbewahrt werden." },
	{ "No such mailbox.", "Diesen Ordner gibt es nicht." },
	{ "No such message.", "Diese Nachricht gibt es nicht." },
	{ "No such quota root.", "Diese Quotenwurzel gibt es nicht." },
	{ "Not allowed now.", "Das ist jetzt nicht erlaubt." },
	{ "Not possible.", "Nicht möglich." },
	{ "Nothing is there any more.", "Es ist nichts mehr da." },
	{ "Nothing is there.", "Dort ist nichts." },
	{ "Nothing to do.", "Nichts zu tun." },
	{ "Only an administrator sets quotas.", "Quoten setzt nur ein Verwalter." },
	{ "Over a limit or quota.", "Eine Grenze oder Quote ist überschritten." },
	{ "Permission denied.", "Keine Berechtigung." },
	{ "Select a mailbox first.", "Erst muss ein Ordner ausgewählt werden." },
	{ "Selected.", "Ausgewählt." },
	{ "Some have changed since.", "Einige wurden inzwischen geändert." },
	{ "Stored data is damaged.", "Gespeicherte Daten sind beschädigt." },
	{ "The mailbox was opened for reading.", "Der Ordner wurde nur zum Lesen geöffnet." },
	{ "The message is gone.", "Die Nachricht ist nicht mehr da." },
	{ "The owner has every right.", "Der Besitzer hat alle Rechte." },
	{ "There is nobody of that name.", "Niemand heißt so." },
	{ "There is one of that name already.", "Es gibt schon einen dieses Namens." },
	{ "Too large.", "Zu groß." },
	{ "Too many arguments.", "Zu viele Argumente." },
	{ "Too many failures, wait.", "Zu viele Fehlversuche, bitte warten." },
	{ "Too many messages.", "Zu viele Nachrichten." },
	{ "Try again later.", "Bitte später noch einmal." },
	{ "Unexpected character or end of command.", "Unerwartetes Zeichen oder Ende des Befehls." },
	{ "Unknown command.", "Unbekannter Befehl." },
	{ "Wrong name or password.", "Falscher Name oder falsches Kennwort." },
	{ "You have too many connections.", "Zu viele Verbindungen." },
};

enum language language_find(struct span range)
{
	if (span_is(range, "default"))
		return LANGUAGE_DEFAULT;
	for (unsigned i = 0; i < LANGUAGE_COUNT; i++) {
		size_t n = strlen(language_tags[i]);

		if (span_is(range, language_tags[i]) ||
		    (i != LANGUAGE_DEFAULT && range.n > n && range.p[n] == '-' &&
		     strncasecmp(range.p, language_tags[i], n) == 0))
			return (enum language)i;
	}
	return LANGUAGE_COUNT;
}

const char *language_text(enum language l, const char *text)
{
	if (l != LANGUAGE_DE)
		return text;
	for (size_t i = 0; i < N_ELEMS(texts); i++)
		if (strcmp(texts[i].en, text) == 0)
			return texts[i].de;
	return text;
}
