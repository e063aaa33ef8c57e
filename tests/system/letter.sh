#!/bin/sh
# letter.sh - the main job: a letter comes in at the edge and is read; another is
# submitted; the demo survives a stop and a start.  With SAN=1 the daemons are
# built with ASan and UBSan, and their exit must be clean and leak-free.
. "$(dirname "$0")/lib.sh"

demo "$work/org"
pw() { awk -v u="$1" '$1 == u { print $2 }' "$demo_dir/passwords"; }
imap() { curl -sk --max-time 20 -u "$1:$(pw "$1")" "imaps://127.0.0.1:$((base + 993))/$2"; }

swaks --server 127.0.0.1:$((base + 25)) --from you@outside.test --to alice@example.test \
	--header 'Subject: from outside' --body 'the first letter' >"$work/swaks" 2>&1 ||
	{ cat "$work/swaks"; fail "the edge did not take the letter"; }
reads() { imap "$1" 'INBOX;MAILINDEX=1' | grep -q "$2"; }
until_true 10 reads alice 'the first letter' || fail "alice cannot read it"
# The demo says that it is ready when it is: nothing has to wait for a hub.
[ "$(metric bourse_edge_queued_total)" = 0 ] || fail "the first letter had to wait at the edge"
bourse message show alice | grep -q 'the first letter' || fail "the shell cannot show it"

swaks --server 127.0.0.1:$((base + 25)) --from you@outside.test --to nobody@example.test \
	>"$work/swaks" 2>&1 && fail "the edge took a letter for nobody"
grep -q '^<\*\* 550 5.1.1' "$work/swaks" || fail "no 550 5.1.1 for nobody"
swaks --server 127.0.0.1:$((base + 25)) --from you@outside.test --to you@elsewhere.test \
	>"$work/swaks" 2>&1 && fail "the edge relays"

swaks --server 127.0.0.1:$((base + 587)) -tls --auth PLAIN --auth-user alice \
	--auth-password "$(pw alice)" --from alice@example.test --to team@example.test \
	--header 'Subject: to the team' >"$work/swaks" 2>&1 ||
	{ cat "$work/swaks"; fail "submission"; }
for u in alice bob carol; do
	until_true 5 sh -c "BUILD=$BUILD $BUILD/bourse -C $demo_dir message list $u | grep -q 'to the team'" ||
		fail "$u has no letter to the team"
done
swaks --server 127.0.0.1:$((base + 587)) -tls --auth PLAIN --auth-user alice \
	--auth-password "$(pw alice)" --from bob@example.test --to carol@example.test \
	>"$work/swaks" 2>&1 && fail "alice may send as bob"
swaks --server 127.0.0.1:$((base + 587)) --from alice@example.test --to bob@example.test \
	>"$work/swaks" 2>&1 && fail "submission without a login"

# The hub's internal port: servers of the organisation are known by their certificates.
inside() {
	subject=$1
	shift
	swaks --server 127.0.0.1:$((base + 26)) --from you@outside.test --to alice@example.test \
		--header "Subject: $subject" "$@" >"$work/swaks" 2>&1
}
refused() {
	inside "$@" && fail "the hub takes a letter $1"
	grep -q '^<.* 530 5.7.1' "$work/swaks" || { cat "$work/swaks"; fail "no 530 5.7.1 $1"; }
}
tls=$demo_dir/data/edge/tls
inside 'by an edge' -tls --tls-cert "$tls/cert.pem" --tls-key "$tls/key.pem" --to you@outside.test ||
	{ cat "$work/swaks"; fail "the hub does not know the edge's certificate"; }
inside 'by an edge' -tls --tls-cert "$tls/cert.pem" --tls-key "$tls/key.pem" \
	--header 'X-MS-Exchange-Organization-SCL: 5' ||
	{ cat "$work/swaks"; fail "the edge's certificate is not known twice"; }
has() { bourse message list "$1" | grep -q "$2"; }
until_true 5 has alice 'by an edge' || fail "alice has no letter by an edge"
bourse message show alice | grep -q 'Organization-SCL: 5' || fail "a server's header field is gone"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
	-subj /CN=mail.example.test -keyout "$work/key.pem" -out "$work/cert.pem" 2>/dev/null ||
	fail "openssl makes no certificate"
refused 'by a stranger' -tls --tls-cert "$work/cert.pem" --tls-key "$work/key.pem"
refused 'without a certificate' -tls
refused 'in plain'
# Another certificate at SIGHUP: the hub knows it soon, and the last one no more.
mkdir "$work/last"
cp "$tls"/*.pem "$work/last"
cp "$work/cert.pem" "$work/key.pem" "$tls"
kill -HUP "$(cat "$demo_dir/pid/edge")"
until_true 15 inside 'by the new key' -tls --tls-cert "$tls/cert.pem" --tls-key "$tls/key.pem" ||
	{ cat "$work/swaks"; fail "the hub does not learn the edge's next certificate"; }
refused 'by the old key' -tls --tls-cert "$work/last/cert.pem" --tls-key "$work/last/key.pem"

deploy/demo stop "$demo_dir" >"$work/stop" || fail "stop"
grep -q killed "$work/stop" && fail "a daemon had to be killed: $(cat "$work/stop")"
for l in "$demo_dir"/log/*.log; do
	if grep -qE 'ERROR: (Address|Leak)Sanitizer|runtime error:|check failed' "$l"; then
		grep -E -A12 'ERROR: |runtime error:|check failed' "$l" | head -40
		fail "$l: a daemon is not clean"
	fi
done
deploy/demo start "$demo_dir" >"$work/demo.out" 2>&1 || fail "second start"
imap bob 'INBOX;MAILINDEX=1' | grep -q 'to the team' || fail "the second start lost mail"
echo "result: $(grep -o 'ready in .*' "$work/demo.out")"
