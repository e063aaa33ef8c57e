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
