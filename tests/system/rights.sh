#!/bin/sh
# rights.sh - sharing: every right, every command and every namespace as a matrix; what
# a group shares and public folders look like in a client; who may send as whom
. "$(dirname "$0")/lib.sh"

demo "$work/org" --users 3 --plaintext-login
bourse public-folder create Board >/dev/null || fail "no public folder"
bourse public-folder permission remove Board authenticated >/dev/null || fail "rights of all"
bourse public-folder permission set Board u1 Owner >/dev/null || fail "an owner"

start=$(date +%s)
"$TOOLS/rights" -i 127.0.0.1:$((base + 143)) -o u1 -u u2 -p pw -P Board >"$work/matrix" 2>"$work/wrong" ||
	{ head -40 "$work/wrong"; cat "$work/matrix"; fail "the matrix"; }
echo "result: rights $(cat "$work/matrix") seconds=$(($(date +%s) - start))"

# A mailbox for a group in one command: in its members' clients, and they write as it.
bourse group create helpdesk >/dev/null && bourse group add helpdesk u2 u3 >/dev/null || fail "no group"
bourse mailbox create support shared=yes sent-copy=mailbox --no-password >/dev/null || fail "no shared mailbox"
bourse mailbox share support --with helpdesk >/dev/null || fail "share"
bourse mailbox set u1 send-on-behalf=u2 >/dev/null || fail "on behalf"
imap() { curl -s --max-time 20 -u "$1:pw" "imap://127.0.0.1:$((base + 143))/$2" ${3+-X "$3"}; }
shown() { imap "$1" '' 'LIST "" "Other Users/*"' | grep -q "Other Users/support/INBOX"; }
until_true 5 shown u2 || fail "u2 does not see the shared mailbox"
until_true 5 shown u3 || fail "u3 does not see the shared mailbox"
shown u1 && fail "u1 sees the shared mailbox"
imap support INBOX >/dev/null && fail "somebody logs in to the shared mailbox"

send() {	# USER FROM SUBJECT [HEADER]
	swaks --server 127.0.0.1:$((base + 587)) -tls --auth PLAIN --auth-user "$1" --auth-password pw \
		--from "$1@example.test" --to u1@example.test --h-From "$2" --h-Subject "$3" \
		${4+--add-header "$4"} >"$work/swaks" 2>&1
}
may_not() {
	send "$@" && fail "$1 may write as $2 ${4-}"
	grep -q '^<.* 550 5.7.1' "$work/swaks" || { cat "$work/swaks"; fail "no 550 5.7.1"; }
}
has() { bourse message list "$1" "$2" 2>/dev/null | grep -q "$3"; }
send u2 support@example.test 'as support' || { cat "$work/swaks"; fail "u2 may not write as support"; }
until_true 5 has u1 INBOX 'as support' || fail "it did not arrive"
bourse message show u1 | grep -qi '^Sender:' && fail "a Sender where none belongs"
until_true 5 has support 'Sent Items' 'as support' || fail "the shared mailbox has no copy"
send u2 u1@example.test 'for u1' || { cat "$work/swaks"; fail "u2 may not write on behalf of u1"; }
until_true 5 has u1 INBOX 'for u1' || fail "it did not arrive"
bourse message show u1 | grep -q '^Sender: <u2@example.test>' || fail "no Sender"
may_not u3 u1@example.test 'not for u1'
may_not u2 u3@example.test 'not for u3'
may_not u2 u1@example.test 'with a lie' 'Sender: u3@example.test'
may_not u1 support@example.test 'not as support'

# Each reader of a public folder has his own \Seen.
bourse public-folder permission set Board helpdesk Author >/dev/null || fail "authors"
until_true 5 sh -c "curl -s -u u2:pw 'imap://127.0.0.1:$((base + 143))' -X 'STATUS \"Public Folders/Board\" (MESSAGES)' | grep -q MESSAGES" ||
	fail "u2 may not read the public folder"
printf 'Subject: news\r\n\r\nnews\r\n' >"$work/news"
curl -s -u u1:pw -T "$work/news" "imap://127.0.0.1:$((base + 143))/Public%20Folders%2FBoard" || fail "no news"
imap u2 'Public%20Folders%2FBoard;MAILINDEX=1' | grep -q news || fail "u2 cannot read the news"
unseen() { imap "$1" '' 'STATUS "Public Folders/Board" (UNSEEN)' | grep -q "UNSEEN $2)"; }
unseen u2 0 || fail "u2 has not seen the news"
unseen u3 1 || fail "u3 has seen what u2 read"
echo "result: shared mailbox, sending as and on behalf, public folders"
