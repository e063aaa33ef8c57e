#!/bin/sh
# bad_input.sh - bad clients are told so, and nobody else notices
. "$(dirname "$0")/lib.sh"

demo "$work/org" --users 2 --plaintext-login
bourse transport set max-message-size=200M max-receive-size=200M >/dev/null || fail "raise the limit"
before=$(cat "$demo_dir"/pid/*)
passed=0
for c in $("$TOOLS/hostile"); do
	"$TOOLS/hostile" "$c" -s 127.0.0.1:$((base + 25)) -i 127.0.0.1:$((base + 143)) \
		-t 127.0.0.1:$((base + 993)) -u u1 -p pw -d example.test >"$work/case" 2>&1 ||
		{ cat "$work/case"; fail "$c"; }
	"$TOOLS/hostile" good -s 127.0.0.1:$((base + 25)) -i 127.0.0.1:$((base + 143)) \
		-t 127.0.0.1:$((base + 993)) -u u2 -p pw -d example.test >"$work/case" 2>&1 ||
		{ cat "$work/case"; fail "a good letter after $c"; }
	deploy/demo status "$demo_dir" >"$work/case" || { cat "$work/case"; fail "$c ended a daemon"; }
	passed=$((passed + 1))
done
[ "$before" = "$(cat "$demo_dir"/pid/*)" ] || fail "a daemon was replaced"
for d in directory mailbox hub edge cas um; do
	awk -v d=$d '/^VmHWM/ { print "peak memory " d " " int($2 / 1024) " MiB" }' \
		"/proc/$(cat "$demo_dir/pid/$d")/status"
done >"$work/peaks"
awk '$4 > 300 { bad = 1 } { printf "%s %s=%sMiB", NR == 1 ? "result: peak memory" : "", $3, $4 } END { print ""; exit bad }' \
	"$work/peaks" || fail "memory is not bounded"
echo "result: $passed cases"
