#!/bin/sh
# big.sh - mailboxes that are big: memory stays within its bound, and what a client
# sees first costs the same as in a small one
#
#	big.sh [-n MESSAGES] [-g GIGABYTES] [-f FOLDERS]	default: 1000000 50 5000
#
# Both daemons run with their address space limited, so that what is held whole
# fails; peaks of resident memory are checked against what the manuals promise.
messages=1000000 gigabytes=50 folders=5000
while getopts n:g:f: o; do
	case $o in
	n) messages=$OPTARG ;;
	g) gigabytes=$OPTARG ;;
	f) folders=$OPTARG ;;
	*) exit 2 ;;
	esac
done
. "$(dirname "$0")/lib.sh"

# MiB resident at most: bourse-mailbox(8) and bourse-cas(8), MEMORY
mailbox_bound=200 cas_bound=100
address_space=$((768 << 20))

demo "$work/org" --users 2 --plaintext-login
at=127.0.0.1:$((base + 143))
# Quota must not be what stops us.
bourse mailbox set u1 quota-warn=1T quota-send=1T quota-receive=1T >/dev/null || fail "quota"
for role in mailbox cas; do
	prlimit --pid "$(cat "$demo_dir/pid/$role")" --as=$address_space || fail "prlimit"
done
peak() { awk '/^VmHWM/ { print int($2 / 1024) }' "/proc/$(cat "$demo_dir/pid/$1")/status"; }
mix() { "$TOOLS/imap_mix" "$@" -i "$at" -p pw; }
field() { tr ' ' '\n' | sed -n "s/^$1=//p"; }
# cost FOLDER TIMES COMMAND: microseconds, the best of TIMES
cost() {
	"$TOOLS/imap_bench" fetch -i "$at" -u u1 -p pw -f "$1" -n "$2" -q "$3" >"$work/cost" ||
		fail "$3 in $1: $(cat "$work/cost")"
	field best_us <"$work/cost"
}
say() { printf 'big: %-44s %10d ms   peak mailbox=%d cas=%d MiB\n' "$1" "$2" "$(peak mailbox)" "$(peak cas)"; }
within() {
	[ "$(peak mailbox)" -le $mailbox_bound ] || fail "mailbox took $(peak mailbox) MiB during $1"
	[ "$(peak cas)" -le $cas_bound ] || fail "cas took $(peak cas) MiB during $1"
}
# run FOLDER COMMAND: once, with the bounds checked
run() {
	us=$(cost "$1" 1 "$2") || exit 1
	say "$2" $((us / 1000))
	within "$2"
}

mix fill -f small -n 1000 >"$work/fill" || fail "fill small: $(cat "$work/fill")"
mix fill -f many -n "$messages" >"$work/fill" || fail "fill: $(cat "$work/fill")"
say "$messages messages made by COPY" "$(field ms <"$work/fill")"
within fill
mix folders -f tree -n "$folders" >"$work/fill" || fail "folders: $(cat "$work/fill")"
say "$folders folders made" "$(field ms <"$work/fill")"

# The same cost in a folder of 1,000 and in the big one, within twice (and 1 ms).
flat() {	# COMMAND_SMALL COMMAND_BIG
	small=$(cost "$3" 20 "$1") && big=$(cost "$4" 20 "$2") || exit 1
	printf 'big: %-44s %10d us, of 1,000 messages %d us\n' "$2" "$big" "$small"
	[ "$big" -le $((small * 2 + 1000)) ] || fail "$2 costs $big us, of 1,000 messages $small us"
}
flat 'SELECT small' 'SELECT many' - -
flat 'FETCH 951:1000 (UID FLAGS ENVELOPE)' "FETCH $((messages - 49)):$messages (UID FLAGS ENVELOPE)" small many
flat 'FETCH 1:50 (UID FLAGS ENVELOPE)' 'FETCH 1:50 (UID FLAGS ENVELOPE)' small many

run many 'UID FETCH 1:* (FLAGS)'
run many 'SEARCH UNSEEN'
run many 'SORT (DATE) UTF-8 ALL'
run many 'SORT (SUBJECT) UTF-8 ALL'
run many 'THREAD REFERENCES UTF-8 ALL'
run - 'LIST "" "*" RETURN (STATUS (MESSAGES UNSEEN UIDNEXT))'
run many 'FETCH 1:* (BODY.PEEK[HEADER])'
if [ "$gigabytes" -gt 0 ]; then
	mix fill -f heavy -n $((gigabytes * 20)) -l 53687091 >"$work/fill" || fail "fill heavy: $(cat "$work/fill")"
	say "$gigabytes GB made" "$(field ms <"$work/fill")"
	run heavy 'FETCH 1:* BODY.PEEK[]'
	flat 'SELECT small' 'SELECT heavy' - -
fi
echo "result: $messages messages, $gigabytes GB, $folders folders; peak mailbox=$(peak mailbox) cas=$(peak cas) MiB, address space limited to $((address_space >> 20)) MiB"
