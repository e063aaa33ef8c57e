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
