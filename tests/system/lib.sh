# lib.sh - what the system tests share; sourced, not run
#
# A test makes a scratch folder, starts demo organisations in it and says at the
# end what it saw.  Whatever way it ends, its daemons are stopped and the folder
# goes, unless KEEP is set.  Programs come from $BUILD (with SAN=1: build-san).
set -u
cd "$(dirname "$0")/../.." || exit 1
BUILD=${BUILD:-build}
[ -z "${SAN-}" ] || BUILD=$BUILD-san
export BUILD QUIET=yes
TOOLS=$BUILD/tests/system
work=$(mktemp -d)
demos=
also_at_end() { :; }	# for a test that has more to put away; daemons are stopped by then

fail() { echo "FAILED: $*" >&2; exit 1; }
skip() { echo "$*"; exit 77; }

at_end() {
	rc=$?
	trap - EXIT INT TERM
	for d in $demos; do
		deploy/demo stop "$d" >/dev/null 2>&1
		[ $rc -eq 0 ] || [ $rc -eq 77 ] ||
			for l in "$d"/log/*.log; do
				echo "--- $l"
				grep -vE ' info: ' "$l" | tail -15
			done
	done
	also_at_end
	if [ -n "${KEEP-}" ]; then echo "kept $work"; else rm -rf "$work"; fi
	exit $rc
}
trap at_end EXIT
trap 'exit 130' INT TERM

# demo DIR [OPTIONS]: start one; $base is its port base.  Ports are picked at
# random below the range that outgoing connections use, and another base is tried when one is taken.
demo() {
	demo_dir=$1
	shift
	demos="$demos $demo_dir"
	for _ in 1 2 3 4 5; do
		base=$((10500 + $(od -An -N2 -tu2 /dev/urandom) % 135 * 100))
		ss -Hltun 2>/dev/null | awk '{print $5}' | grep -qE ":($((base + 25))|$((base + 5060))|$((base + 7001))|$((base + 587)))\$" && continue
		deploy/demo start "$demo_dir" --port-base $base "$@" >"$work/demo.out" 2>&1 && return
		cat "$work/demo.out" >&2
		break
	done
	fail "the demo does not start"
}

bourse() { "$BUILD/bourse" -C "$demo_dir" "$@"; }

# until_true SECONDS COMMAND...: poll a command until it succeeds
until_true() {
	end=$(($(date +%s) + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$(date +%s)" -lt $end ] || return 1
		sleep 0.1
	done
}

# A metric of one daemon by name, as a whole number.
metric() { bourse stats --prometheus | awk -v m="$1" 'index($1, m) == 1 { s += $2 } END { printf "%d\n", s }'; }
queue_is_empty() { [ "$(bourse -o json queue list | tr -d ' \n')" = '[]' ]; }
