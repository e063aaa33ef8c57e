#ifndef API_OBJECT_ATTRS_H
#define API_OBJECT_ATTRS_H
/*
 * Every attribute of the directory: number, identifier, name in the shell, type,
 * flags, classes it belongs to, help.  Numbers are stored and travel: never
 * renumber, never reuse; holes do no harm.
 */
#define IN(c) (UINT64_C(1) << CLASS_##c)
#define IN_STORE     (IN(MAILBOX) | IN(PUBLIC_FOLDER))
#define IN_RECIPIENT (IN_STORE | IN(CONTACT) | IN(GROUP))
#define OBJECT_ATTRS(X)                                                                            \
	X(1, NAME, "name", TEXT, ATTR_NAME | ATTR_REQUIRED, ~UINT64_C(0), "unique name in its class")  \
	X(2, DISPLAY, "display-name", TEXT, 0, ~UINT64_C(0), "what people see")                       \
	X(3, EMAIL, "address", TEXT, ATTR_MULTI | ATTR_ADDRESS, IN_RECIPIENT,                         \
	  "e-mail addresses, the first is the primary one")                                          \
	X(4, GIVEN_NAME, "given-name", TEXT, 0, IN(MAILBOX) | IN(CONTACT), "first name")               \
	X(5, SURNAME, "surname", TEXT, 0, IN(MAILBOX) | IN(CONTACT), "last name")                      \
	X(6, INITIALS, "initials", TEXT, 0, IN(MAILBOX) | IN(CONTACT), "middle initials")              \
	X(7, ALIAS, "alias", TEXT, 0, IN_RECIPIENT, "what address templates use as %m")               \
	X(8, DATABASE, "database", GUID, ATTR_REF, IN_STORE, "mailbox database it lives in")        \
	X(9, SERVER, "server", GUID, ATTR_REF, IN(DATABASE), "mailbox server that holds it")           \
	X(10, ENABLED, "enabled", BOOL, 0, IN(MAILBOX), "may log in")                                  \
	X(11, IMAP, "imap", BOOL, 0, IN(MAILBOX), "may use IMAP")                                      \
	X(12, POP3, "pop3", BOOL, 0, IN(MAILBOX), "may use POP3")                                      \
	X(13, SUBMISSION, "submission", BOOL, 0, IN(MAILBOX), "may send by SMTP")                      \
	X(14, QUOTA_WARN, "quota-warn", SIZE, 0, IN_STORE | IN(DATABASE), "warn above")             \
	X(15, QUOTA_SEND, "quota-send", SIZE, 0, IN_STORE | IN(DATABASE), "no sending above")       \
	X(16, QUOTA_RECEIVE, "quota-receive", SIZE, 0, IN_STORE | IN(DATABASE),                     \
	  "no receiving above")                                                                      \
	X(17, PASSWORD_HASH, "password-hash", BYTES, ATTR_SECRET, IN(MAILBOX),                         \
	  "Argon2id or imported verifier, sealed")                                                   \
	X(18, SCRAM, "scram-sha-256", BYTES, ATTR_SECRET, IN(MAILBOX), "SCRAM verifier, sealed")       \
	X(19, MEMBER, "member", GUID, ATTR_MULTI | ATTR_MEMBER | ATTR_REF,                         \
	  IN(GROUP) | IN(GROUP_PAGE), "its members")   \
	X(20, REQUIRE_AUTH, "require-sender-authentication", BOOL, 0, IN_RECIPIENT,                    \
	  "only authenticated senders; on for new groups")                                           \
	X(21, ACCEPT_FROM, "accept-only-from", GUID, ATTR_MULTI | ATTR_REF, IN_RECIPIENT,              \
	  "only these senders, or members of these groups")                                          \
	X(22, REJECT_FROM, "reject-from", GUID, ATTR_MULTI | ATTR_REF, IN_RECIPIENT,                   \
	  "not these senders, nor members of these groups")                                          \
	X(23, TARGET, "target-address", TEXT, 0, IN(CONTACT), "the address outside")                   \
	X(24, FORWARD_TO, "forward-to", GUID, ATTR_REF, IN(MAILBOX), "recipient that gets its mail")   \
	X(25, FORWARD_KEEP, "forward-and-keep", BOOL, 0, IN(MAILBOX), "deliver here as well")          \
	X(26, SEND_AS, "send-as", GUID, ATTR_MULTI | ATTR_REF, IN_RECIPIENT, "who may send as it")     \
	X(27, MAX_RECEIVE, "max-receive-size", SIZE, 0, IN_RECIPIENT | IN(TRANSPORT),                  \
	  "largest message it takes")                                                                \
	X(28, MAX_SEND, "max-send-size", SIZE, 0, IN(MAILBOX) | IN(TRANSPORT), "largest it sends")     \
	X(29, RECIPIENT_LIMIT, "recipient-limit", NUMBER, 0, IN(MAILBOX) | IN(TRANSPORT),              \
	  "recipients of one message after expansion")                                               \
	X(30, DOMAIN, "domain", TEXT, 0, IN(DOMAIN) | IN(REMOTE_DOMAIN), "the domain; *.x: and below") \
	X(31, DOMAIN_TYPE, "type", TEXT, 0, IN(DOMAIN),                                                \
	  "authoritative, internal-relay or external-relay")                                         \
	X(32, DEFAULT, "default", BOOL, 0, IN(DOMAIN) | IN(ADDRESS_POLICY), "the default one")         \
	X(33, PLUS_TAG, "plus-tag", BOOL, 0, IN(DOMAIN), "local+tag@ reaches local@")                  \
	X(34, ROLE, "role", NUMBER, ATTR_READONLY, IN(SERVER) | IN(ADMIN), "what the server is")       \
	X(35, KEY, "key", BYTES, ATTR_MULTI, IN(SERVER) | IN(ADMIN), "CURVE public keys, new first")   \
	X(36, ENDPOINT, "endpoint", TEXT, 0, IN(SERVER), "where its bus listens")                      \
	X(37, FEED_KEY, "feed-key", BYTES, ATTR_SECRET, IN(SERVER), "an edge's hash key, sealed")      \
	X(38, PRIORITY, "priority", NUMBER, 0, IN(ADDRESS_POLICY) | IN(CONNECTOR), "lower goes first") \
	X(39, TEMPLATE, "template", TEXT, ATTR_MULTI, IN(ADDRESS_POLICY),                              \
	  "%g.%s@domain and the like, the first makes the primary address")                          \
	X(40, ADDRESS_SPACE, "address-space", TEXT, ATTR_MULTI, IN(CONNECTOR), "*, domain or *.domain") \
	X(41, SMART_HOST, "smart-host", TEXT, ATTR_MULTI, IN(CONNECTOR), "host[:port]; none: by MX")   \
	X(42, SOURCE, "source-server", GUID, ATTR_MULTI | ATTR_REF, IN(CONNECTOR),                     \
	  "hubs or edges that send through it; none: any edge, else the hub itself")                 \
	X(43, PORT, "port", NUMBER, 0, IN(CONNECTOR), "of smart hosts and MX hosts; 25")               \
	X(44, REQUIRE_TLS, "require-tls", BOOL, 0, IN(CONNECTOR), "no plaintext")                      \
	X(45, TRUSTED_RANGE, "trusted-range", TEXT, ATTR_MULTI, IN(TRANSPORT),                         \
	  "addresses that may relay through a hub's internal port")                                  \
	X(46, MAX_HOPS, "max-hops", NUMBER, 0, IN(TRANSPORT), "Received headers before it is a loop")  \
	X(47, EXPIRE, "expire-after", DURATION, 0, IN(TRANSPORT), "give up after; 2d")                 \
	X(48, DELAY_NOTICE, "delay-notice-after", DURATION, 0, IN(TRANSPORT), "tell the sender; 4h")   \
	X(49, RETRY, "retry-interval", DURATION, 0, IN(TRANSPORT), "between tries of a next hop")      \
	X(50, HIDDEN, "hidden", BOOL, 0, IN_RECIPIENT, "not in address lists")                         \
	X(51, INCARNATION, "incarnation", GUID, ATTR_READONLY, IN(ORGANISATION), "of this directory")  \
	X(52, POSTMASTER, "postmaster", TEXT, 0, IN(ORGANISATION) | IN(TRANSPORT),                     \
	  "who gets postmaster's mail, and reports come from")                                       \
	X(53, DEPARTMENT, "department", TEXT, 0, IN(MAILBOX) | IN(CONTACT), "organisational unit")     \
	X(54, COMPANY, "company", TEXT, 0, IN(MAILBOX) | IN(CONTACT), "company")                       \
	X(55, PHONE, "phone", TEXT, ATTR_MULTI, IN(MAILBOX) | IN(CONTACT), "telephone numbers")        \
	X(56, MAX_MESSAGE, "max-message-size", SIZE, 0, IN(CONNECTOR) | IN(TRANSPORT),                 \
	  "largest message; 10M")                                                                    \
	X(57, DISCONNECTED, "disconnected", BOOL, ATTR_READONLY, IN(MAILBOX), "its user was disabled") \
	X(58, RECIPIENT_HASH, "recipient-hash", BYTES, ATTR_MULTI | ATTR_READONLY, 0,                  \
	  "an edge's view of addresses")                                                             \
	X(59, SUBSCRIPTION, "subscription", BYTES, ATTR_SECRET, IN(SERVER),                            \
	  "what hubs prove to a new edge, sealed")                                                   \
	X(60, VERSION_SEEN, "version", TEXT, ATTR_READONLY, IN(SERVER), "what it runs")                \
	X(61, TLS_PIN, "tls-pin", BYTES, ATTR_MULTI | ATTR_READONLY, IN(SERVER),                       \
	  "SHA-256 of the public key of its TLS certificate")                                        \
	X(62, IF_CLASS, "if-class", TEXT, ATTR_MULTI, IN(ADDRESS_POLICY),                              \
	  "only for mailbox, group or contact; contacts only if named here")                           \
	X(63, IF_DEPARTMENT, "if-department", TEXT, ATTR_MULTI, IN(ADDRESS_POLICY),                    \
	  "only for who is in one of these departments")                                               \
	X(64, IF_COMPANY, "if-company", TEXT, ATTR_MULTI, IN(ADDRESS_POLICY),                          \
	  "only for who is of one of these companies")                                                 \
	X(65, BY_POLICY, "by-policy", BOOL, 0, IN(MAILBOX) | IN(GROUP) | IN(CONTACT),                  \
	  "its addresses follow the address policies")                                                 \
	X(66, FORMER_GROUP, "former-group", GUID, ATTR_MULTI | ATTR_REF | ATTR_READONLY, IN(MAILBOX),  \
	  "groups it was in when it was disabled, and will be when it is reconnected")                 \
	X(67, MEMBER_PAGE, "member-page", GUID, ATTR_MULTI | ATTR_REF | ATTR_READONLY, IN(GROUP),      \
	  "pages with more of its members")                                                            \
	X(70, SHARED, "shared", BOOL, 0, IN(MAILBOX), "nobody's own: no login, others have access")    \
	X(71, FULL_ACCESS, "full-access", GUID, ATTR_MULTI | ATTR_REF, IN_STORE,                       \
	  "who may do all with its folders, and sees them under Other Users/")                       \
	X(72, SEND_ON_BEHALF, "send-on-behalf", GUID, ATTR_MULTI | ATTR_REF, IN_RECIPIENT,             \
	  "who may send on its behalf, named in Sender:")                                            \
	X(73, SENT_COPY, "sent-copy", TEXT, 0, IN(MAILBOX),                                            \
	  "what others send as it is kept by: sender, mailbox, both or none")  \
	/* 80 to 89: logins */                                                                        \
	X(80, SCRAM_SHA1, "scram-sha-1", BYTES, ATTR_SECRET, IN(MAILBOX),                             \
	  "SCRAM-SHA-1 verifier, sealed")                                                             \
	X(81, ALLOW_SHA1, "allow-scram-sha-1", BOOL, 0, IN(ORGANISATION),                             \
	  "new passwords get a SCRAM-SHA-1 verifier too, and it is offered; no")                       \
	X(82, ISSUER, "issuer", TEXT, ATTR_REQUIRED, IN(OAUTH_ISSUER), "\"iss\" of its tokens, exactly") \
	X(83, AUDIENCE, "audience", TEXT, ATTR_MULTI | ATTR_REQUIRED, IN(OAUTH_ISSUER),               \
	  "\"aud\" of tokens that are for us, one of these")                                          \
	X(84, JWK, "jwk", TEXT, ATTR_MULTI, IN(OAUTH_ISSUER), "its public keys, each a JWK")           \
	X(85, CLAIM, "claim", TEXT, 0, IN(OAUTH_ISSUER), "claim that names the user; email")           \
	X(86, SCOPE, "scope", TEXT, 0, IN(OAUTH_ISSUER), "scope that a token must have; none")         \
	X(87, CERTIFICATE, "certificate-fingerprint", BYTES, ATTR_MULTI, IN(MAILBOX),                 \
	  "SHA-256 of TLS client certificates that stand for the user, up to 8")                      \
	/* 100 to 139: unified messaging */                                                            \
	X(100, EXTENSION_DIGITS, "extension-digits", NUMBER, 0, IN(DIAL_PLAN),                         \
	  "digits of an extension")                                                                    \
	X(101, URI_TYPE, "uri-type", TEXT, 0, IN(DIAL_PLAN),                                           \
	  "how extensions are written: telephone, sip or e164")                                        \
	X(102, ACCESS_NUMBER, "access-number", TEXT, ATTR_MULTI, IN(DIAL_PLAN),                        \
	  "numbers that users dial to reach their mailbox")                                            \
	X(103, LANGUAGE, "language", TEXT, 0, IN(DIAL_PLAN) | IN(AUTO_ATTENDANT),                      \
	  "what is spoken: en")                                                                        \
	X(104, VOIP_SECURITY, "voip-security", TEXT, 0, IN(DIAL_PLAN),                                 \
	  "unsecured, sip-secured or secured (media too)")                                             \
	X(105, AUDIO_CODEC, "audio-codec", TEXT, 0, IN(DIAL_PLAN),                                     \
	  "voice messages are opus, mp3, gsm or pcm")                                                  \
	X(106, MAX_CALL, "max-call", DURATION, 0, IN(DIAL_PLAN),                                       \
	  "a call ends after; 30m")                                                                    \
	X(107, MAX_RECORDING, "max-recording", DURATION, 0, IN(DIAL_PLAN),                             \
	  "a recording ends after; 20m")                                                               \
	X(108, RECORDING_IDLE, "recording-idle", DURATION, 0, IN(DIAL_PLAN),                           \
	  "silence that ends a recording; 5s")                                                         \
	X(109, LOGON_FAILURES, "logon-failures", NUMBER, 0, IN(DIAL_PLAN),                             \
	  "wrong PINs before a call is ended; 3")                                                      \
	X(110, INPUT_FAILURES, "input-failures", NUMBER, 0, IN(DIAL_PLAN) | IN(AUTO_ATTENDANT),        \
	  "wrong or missing keys before a call is ended; 3")                                           \
	X(111, OPERATOR, "operator", TEXT, 0, IN(DIAL_PLAN) | IN(AUTO_ATTENDANT),                      \
	  "extension that 0 leads to")                                                                 \
	X(112, OUTSIDE_LINE, "outside-line", TEXT, 0, IN(DIAL_PLAN),                                   \
	  "digits before numbers outside")                                                             \
	X(113, INTERNATIONAL_PREFIX, "international-prefix", TEXT, 0, IN(DIAL_PLAN),                   \
	  "digits before other countries' codes")                                                      \
	X(114, NATIONAL_PREFIX, "national-prefix", TEXT, 0, IN(DIAL_PLAN),                             \
	  "digits before numbers in the country")                                                      \
	X(115, COUNTRY_CODE, "country-code", TEXT, 0, IN(DIAL_PLAN),                                   \
	  "of the dial plan's own country")                                                            \
	X(116, DIALLING_RULE, "dialling-rule", TEXT, ATTR_MULTI, IN(DIAL_PLAN),                        \
	  "NAME:MASK=NUMBER, x a digit and * the rest, as in intl:900*=900*")                          \
	X(117, ALLOWED_RULE, "allowed-rule", TEXT, ATTR_MULTI, IN(UM_POLICY) | IN(AUTO_ATTENDANT),     \
	  "names of dialling rules that may be used; none: extensions only")                           \
	X(118, DIAL_PLAN, "dial-plan", GUID, ATTR_REF, IN(HUNT_GROUP) | IN(UM_POLICY) | IN(AUTO_ATTENDANT), \
	  "the dial plan it belongs to")                                                               \
	X(119, IP_GATEWAY, "ip-gateway", GUID, ATTR_REF, IN(HUNT_GROUP),                               \
	  "the gateway its calls come from")                                                           \
	X(120, HOST, "host", TEXT, 0, IN(IP_GATEWAY),                                                  \
	  "address or name, [:port] where calls are sent to")                                          \
	X(121, OUTBOUND, "outbound-calls", BOOL, 0, IN(IP_GATEWAY),                                    \
	  "calls may be made through it; yes")                                                         \
	X(122, UM_STATUS, "status", TEXT, 0, IN(IP_GATEWAY) | IN(AUTO_ATTENDANT),                      \
	  "enabled, no-new-calls or disabled")                                                         \
	X(123, PILOT, "pilot", TEXT, 0, IN(HUNT_GROUP),                                                \
	  "number that is called; none: all other calls of the gateway")                               \
	X(124, PIN_MIN_LENGTH, "pin-min-length", NUMBER, 0, IN(UM_POLICY),                             \
	  "digits of a PIN at least, 4 to 24; 6")                                                      \
	X(125, PIN_LIFETIME, "pin-lifetime", DURATION, 0, IN(UM_POLICY),                               \
	  "a PIN must be changed after; 60d, 0: never")                                                \
	X(126, PIN_HISTORY, "pin-history", NUMBER, 0, IN(UM_POLICY),                                   \
	  "earlier PINs that may not come back; 5")                                                    \
	X(127, PIN_RESET_AFTER, "pin-reset-after", NUMBER, 0, IN(UM_POLICY),                           \
	  "failures before a new PIN is mailed, 0: never; 5")                                          \
	X(128, PIN_LOCKOUT_AFTER, "pin-lockout-after", NUMBER, 0, IN(UM_POLICY),                       \
	  "failures before the mailbox is locked; 15")                                                 \
	X(129, PIN_COMMON, "pin-allow-common", BOOL, 0, IN(UM_POLICY),                                 \
	  "123456, 777777 and the user's extension may be PINs")                                       \
	X(130, MISSED_CALL, "missed-call-notice", BOOL, 0, IN(MAILBOX) | IN(UM_POLICY),                \
	  "mail when a caller leaves no message; yes")                                                 \
	X(131, FAX, "fax", BOOL, 0, IN(MAILBOX) | IN(UM_POLICY),                                       \
	  "faxes are received; yes")                                                                   \
	X(132, UM_ENABLED, "um-enabled", BOOL, 0, IN(MAILBOX),                                         \
	  "calls are answered for it")                                                                 \
	X(133, UM_POLICY, "um-policy", GUID, ATTR_REF, IN(MAILBOX),                                    \
	  "its unified messaging policy")                                                              \
	X(134, EXTENSION, "extension", TEXT, ATTR_MULTI, IN(MAILBOX) | IN(AUTO_ATTENDANT),             \
	  "its numbers in the dial plan")                                                              \
	X(135, PIN, "pin", BYTES, ATTR_MULTI | ATTR_SECRET, IN(MAILBOX),                               \
	  "Argon2id verifiers of the PIN and earlier ones, sealed")                                    \
	X(136, PIN_SET, "pin-set", NUMBER, ATTR_READONLY, IN(MAILBOX),                                 \
	  "when the PIN was set, Unix ms; 0: must be changed")                                         \
	X(137, PIN_FAILURES, "pin-failures", NUMBER, ATTR_READONLY, IN(MAILBOX),                       \
	  "wrong PINs since the last right one")                                                       \
	X(138, KEY_MAP, "key-map", TEXT, ATTR_MULTI, IN(AUTO_ATTENDANT),                               \
	  "[after:]KEY=ACTION, as in 1=extension:1001, 2=attendant:NAME, 3=message:1002, 4=say:TEXT, timeout=operator") \
	X(139, SCHEDULE, "schedule", TEXT, ATTR_MULTI, IN(AUTO_ATTENDANT),                             \
	  "business hours \"mon-fri 08:00-18:00\" and holidays \"2026-12-25 NAME\"; none: always open")

enum object_attr_id {
#define X(number, id, name, type, flags, classes, help) OBJ_##id = number,
	OBJECT_ATTRS(X)
#undef X
};
#endif
