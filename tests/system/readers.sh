#!/bin/sh
# readers.sh - more mail programs that nobody here wrote, each of which must end
# up with all the mail: offlineimap, fetchmail (IMAP and POP3), getmail (both),
# and imapflow when npm can bring it
. "$(dirname "$0")/lib.sh"

letters=12
demo "$work/org"
pw() { awk -v u="$1" '$1 == u { print $2 }' "$demo_dir/passwords"; }
cert=$demo_dir/data/cas/tls/cert.pem
alice=$(pw alice)
imaps=$((base + 993)) pops=$((base + 995))

# send N USER: that many letters, the first with an attachment of 300 KB
send() {
	head -c 300000 /dev/urandom >"$work/blob"
	i=1
	while [ $i -le "$1" ]; do
		if [ $i -eq 1 ]; then set -- "$1" "$2" --attach "@$work/blob"; else set -- "$1" "$2"; fi
		swaks --server 127.0.0.1:$((base + 25)) --from you@outside.test --to "$2@example.test" \
			--header "Subject: letter $i" --body "body of letter $i" ${3+"$3" "$4"} \
			>"$work/swaks" 2>&1 || { tail -20 "$work/swaks"; fail "letter $i to $2"; }
		i=$((i + 1))
	done
}
count() { find "$1" -type f \( -path '*/new/*' -o -path '*/cur/*' \) | wc -l; }
status() { curl -sk -u "$1:$(pw "$1")" "imaps://127.0.0.1:$imaps/" -X "STATUS INBOX (MESSAGES UNSEEN)"; }

send $letters alice
until_true 5 sh -c "curl -sk -u 'alice:$alice' imaps://127.0.0.1:$imaps/ -X 'STATUS INBOX (MESSAGES)' | grep -q 'MESSAGES $letters'" ||
	fail "not all letters are there"

# offlineimap, both ways: a flag and a deletion made here arrive there, and a third
# run finds nothing to do.
cat >"$work/offlineimaprc" <<-EOF
	[general]
	accounts = a
	metadata = $work/offlineimap
	[Account a]
	localrepository = near
	remoterepository = far
	[Repository near]
	type = Maildir
	localfolders = $work/offline
	[Repository far]
	type = IMAP
	remotehost = 127.0.0.1
	remoteport = $imaps
	remoteuser = alice
	remotepass = $alice
	ssl = yes
	cert_fingerprint = $(openssl x509 -in "$cert" -noout -fingerprint -sha256 | sed 's/.*=//; s/://g')
EOF
offline() { offlineimap -c "$work/offlineimaprc" -o -u basic >"$work/offline.$1" 2>&1; }
offline 1 || { tail -20 "$work/offline.1"; fail "offlineimap"; }
grep -q 'Finished account' "$work/offline.1" || { tail -20 "$work/offline.1"; fail "offlineimap did not finish"; }
n=$(count "$work/offline/INBOX")
[ "$n" -eq $letters ] || { tail -20 "$work/offline.1"; fail "offlineimap fetched $n of $letters"; }
one=$(find "$work/offline/INBOX" -type f -path '*/[nc][eu][wr]/*' | sort | head -1)
mv "$one" "$work/offline/INBOX/cur/$(basename "$one" | sed 's/:2,.*//'):2,FS"
two=$(find "$work/offline/INBOX" -type f -path '*/[nc][eu][wr]/*' | sort | grep -v ':2,FS' | tail -1)
rm "$two"
offline 2 || { tail -20 "$work/offline.2"; fail "offlineimap, second run"; }
status alice | grep -q "MESSAGES $((letters - 1)) UNSEEN $((letters - 2))" ||
	{ status alice; tail -30 "$work/offline.2"; fail "offlineimap's changes did not arrive"; }
offline 3 || { tail -20 "$work/offline.3"; fail "offlineimap, third run"; }
if grep -E 'Copy message|Deleting|Adding flags|Removing flags' "$work/offline.3"; then
	fail "offlineimap moves something again"
fi

# fetchmail by IMAP and POP3, getmail by both: into Maildirs, everything once.
cat >"$work/mda" <<-'EOF'
	#!/bin/sh
	f=$(mktemp "$1/new/XXXXXX") && cat >"$f"
EOF
chmod 755 "$work/mda"
maildir() { mkdir -p "$1/new" "$1/cur" "$1/tmp"; }
fetch() {	# PROTO PORT: a second run must find no new mail (status 1)
	maildir "$work/fetch-$1"
	printf 'poll localhost proto %s port %d %s user alice password "%s" ssl sslcertfile "%s" keep mda "%s %s"\n' \
		"$1" "$2" "$([ "$1" = pop3 ] && echo uidl)" "$alice" "$cert" "$work/mda" "$work/fetch-$1" >"$work/fetchmailrc"
	chmod 600 "$work/fetchmailrc"
	FETCHMAILHOME=$work fetchmail -f "$work/fetchmailrc" \
		>"$work/fetchmail.$1" 2>&1
}
fetch imap $imaps || { cat "$work/fetchmail.imap"; fail "fetchmail by IMAP"; }
fetch pop3 $pops || { cat "$work/fetchmail.pop3"; fail "fetchmail by POP3"; }
fetch pop3 $pops
[ $? -eq 1 ] || { cat "$work/fetchmail.pop3"; fail "fetchmail finds new mail twice by POP3"; }
# Over IMAP it takes what is unread, and marks it so.
n=$(count "$work/fetch-imap")
[ "$n" -eq $((letters - 2)) ] || { cat "$work/fetchmail.imap"; fail "fetchmail by IMAP: $n"; }
n=$(count "$work/fetch-pop3")
[ "$n" -eq $((letters - 1)) ] || { cat "$work/fetchmail.pop3"; fail "fetchmail by POP3: $n"; }
status alice | grep -q 'UNSEEN 0' || fail "fetchmail left something unread"

get() {		# NAME RETRIEVER PORT EXTRA
	maildir "$work/get-$1"
	mkdir -p "$work/getmail"
	cat >"$work/getmail/rc-$1" <<-EOF
		[retriever]
		type = $2
		server = 127.0.0.1
		port = $3
		username = alice
		password = $alice
		$4
		[destination]
		type = MDA_external
		path = $work/mda
		arguments = ("$work/get-$1",)
		allow_root_commands = true
		[options]
		read_all = false
		delete = false
	EOF
	getmail --getmaildir "$work/getmail" --rcfile "rc-$1" >"$work/getmail.$1" 2>&1 ||
		{ cat "$work/getmail.$1"; fail "getmail $1"; }
}
get imap SimpleIMAPSSLRetriever $imaps 'mailboxes = ("INBOX",)'
get pop3 SimplePOP3SSLRetriever $pops ''
get pop3 SimplePOP3SSLRetriever $pops ''
for way in imap pop3; do
	n=$(count "$work/get-$way")
	[ "$n" -eq $((letters - 1)) ] || { cat "$work/getmail.$way"; fail "getmail $way: $n of $((letters - 1))"; }
done

# imapflow: what npm brings is kept below $BUILD for the next run.
done_by='offlineimap fetchmail getmail'
npm=$BUILD/npm
if [ ! -d "$npm/node_modules/imapflow" ] && command -v npm >/dev/null; then
	mkdir -p "$npm"
	echo '{"private": true}' >"$npm/package.json"
	npm --prefix "$npm" install --ignore-scripts --no-audit --no-fund --no-package-lock \
		imapflow@1.0.191 >"$work/npm" 2>&1 || tail -3 "$work/npm"
fi
if [ -d "$npm/node_modules/imapflow" ]; then
	cp tests/system/imapflow.mjs "$npm/"
	node "$npm/imapflow.mjs" $imaps bob "$(pw bob)" >"$work/imapflow" 2>&1 ||
		{ tail -40 "$work/imapflow"; fail "imapflow"; }
	tail -1 "$work/imapflow"
	done_by="$done_by imapflow"
else
	echo "result: imapflow not run: npm did not bring it"
fi
echo "result: $done_by have all the mail"
