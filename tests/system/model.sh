#!/bin/sh
# model.sh [-n STEPS] [-t SECONDS] [-k EVERY] [-s SEED]
#
# Several clients against a mailbox in memory (model.c), while the mailbox and the cas
# daemon are killed in the middle of commands and started again.  The default is short;
# a long run: model.sh -n 200000 -t 0.
. "$(dirname "$0")/lib.sh"

steps=1000000 seconds=35 every=80 seed=$(date +%s)
while getopts n:t:k:s: o; do
	case $o in
	n) steps=$OPTARG ;;
	t) seconds=$OPTARG ;;
	k) every=$OPTARG ;;
	s) seed=$OPTARG ;;
	*) exit 2 ;;
	esac
done

demo "$work/org" --users 1 --plaintext-login
"$TOOLS/model" -i 127.0.0.1:$((base + 143)) -o 127.0.0.1:$((base + 110)) \
	-m 127.0.0.1:$((base + 25)) -u u1 -p pw -a u1@example.test -d "$demo_dir" \
	-k "$every" -s "$seed" -n "$steps" -t "$seconds" || fail "model and mailbox differ"
db=$(bourse -o json database list | sed -n 's/.*"name": *"\([^"]*\)".*/\1/p' | head -1)
# A server that has just come back may not be connected yet.
check() { bourse database check "$db" >"$work/check" 2>&1; }
until_true 20 check || fail "check of $db: $(cat "$work/check")"
grep -qiE 'should be|wrong|without' "$work/check" && fail "check of $db: $(cat "$work/check")"
exit 0
