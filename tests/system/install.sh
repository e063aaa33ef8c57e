#!/bin/bash
# install.sh - `make install`, and the daemons as their units start them
#
# In a namespace of its own, with layers over /etc, /usr and /var that go with it, so
# that this host stays as it is: install, make the accounts, start the directory by
# its unit, join the others with tokens as root, start them under their accounts with
# the capabilities of their units, and let mail flow.  Then: the keys and the data of
# each role are its account's, and no other role can read them.
set -u
fail() { echo "FAILED: $*" >&2; tail -n 5 /tmp/bourse-*.log 2>/dev/null >&2; exit 1; }
skip() { echo "$*"; exit 77; }

if [ "${1-}" != inside ]; then
	cd "$(dirname "$0")/../.." || exit 1
	[ "$(id -u)" -eq 0 ] || skip "namespaces need root"
	unshare -mnpf true 2>/dev/null || skip "no namespaces here"
	make -s BUILD="${BUILD:-build}" -j2 all || exit 1
	exec unshare -mnpf --kill-child --mount-proc bash tests/system/install.sh inside
fi

BUILD=${BUILD:-build}
root=$(mktemp -d)
mount -t tmpfs -o mode=755 tmpfs "$root" || skip "no tmpfs here"
for d in etc usr var; do
	mkdir "$root/$d" "$root/$d.work"
	mount -t overlay -o "lowerdir=/$d,upperdir=$root/$d,workdir=$root/$d.work" overlay "/$d" ||
		skip "no overlays here"
done
mkdir -m 1777 "$root/tmp"
BUILD=$(realpath "$BUILD")
ip link set lo up

# ---- install ------------------------------------------------------------------------
make -s install BUILD="$BUILD" PREFIX=/usr >"$root/install" 2>&1 || fail "$(cat "$root/install")"
if command -v systemd-sysusers >/dev/null; then
	systemd-sysusers /usr/lib/sysusers.d/bourse.conf >/dev/null 2>&1 || fail "accounts"
else
	groupadd -r bourse
	for r in directory mailbox hub edge cas; do
		useradd -r -g bourse -d "/var/lib/bourse/$r" -s /usr/sbin/nologin "bourse-$r" || fail "accounts"
	done
fi
if command -v systemd-analyze >/dev/null; then
	said=$(systemd-analyze verify --man=no /usr/lib/systemd/system/bourse-*.service 2>&1 | grep bourse)
	[ -z "$said" ] || fail "systemd-analyze verify: $said"
fi

# ---- what systemd does ----------------------------------------------------------------
setting() { sed -n "s/^$2=//p" "/usr/lib/systemd/system/bourse-$1.service"; }

# start ROLE: the unit's steps before, its state folder, and its program, under its
# account with its capabilities and nothing more.
start() {
	user=$(setting "$1" User)
	state=/var/lib/$(setting "$1" StateDirectory)
	setting "$1" ExecStartPre | sed 's/^+//' >"$root/pre"
	while read -r line; do
		sh -c "$line" </dev/null || fail "$1: $line"
	done <"$root/pre"
	install -d "${state%/*}"
	install -d -m "$(setting "$1" StateDirectoryMode)" -o "$user" -g "$(setting "$1" Group)" "$state"
	caps=$(setting "$1" AmbientCapabilities | tr 'A-Z' 'a-z' | sed 's/^cap_/,+/')
	# shellcheck disable=SC2046
	(umask "$(setting "$1" UMask)" && exec setpriv --reuid "$user" --regid "$(setting "$1" Group)" \
		--clear-groups --no-new-privs --inh-caps "-all$caps" --ambient-caps "-all$caps" \
		--bounding-set "-all$caps" -- $(setting "$1" ExecStart)) \
		>"$root/$1.log" 2>&1 </dev/null &
	for _ in $(seq 500); do
		grep -q ' ready ' "$root/$1.log" && return
		sleep 0.02
	done
	cat "$root/$1.log" >&2
	fail "$1 does not start"
}

start directory
for r in mailbox hub cas; do
	token=$(bourse server add $r $r) || fail "no token for $r"
	"bourse-$r" enrol "$token" >/dev/null || fail "$r cannot enrol"
	[ $r != hub ] || echo 'internal = 127.0.0.1:26' >>/etc/bourse/bourse-hub.conf
	start $r
done
bourse-edge enrol --endpoint tcp://127.0.0.1:7004 >"$root/subscription" || fail "edge cannot enrol"
start edge
bourse edge subscribe "$root/subscription" || fail "edge is not taken in"

# ---- mail -------------------------------------------------------------------------------
bourse domain create example.test type=authoritative default=yes >/dev/null || fail "domain"
echo secret | bourse mailbox create alice --password-stdin >/dev/null || fail "mailbox"
for _ in $(seq 200); do
	bourse test mailflow alice --timeout 5 >"$root/flow" 2>&1 && break
	sleep 0.05
done
grep -q placed "$root/flow" || fail "mail does not flow: $(cat "$root/flow")"
curl -sk -u alice:secret 'imaps://127.0.0.1/INBOX;MAILINDEX=1' | grep -q 'mailflow probe' ||
	fail "alice does not see her mail"

# ---- who may read what -----------------------------------------------------------------
roles='directory mailbox hub edge cas'
for r in $roles; do
	for path in "/etc/bourse/keys/bourse-$r" "/etc/bourse/keys/bourse-$r/key" "/var/lib/bourse/$r"; do
		[ "$(stat -c %U "$path")" = "bourse-$r" ] || fail "$path is $(stat -c %U "$path")'s"
		case $(stat -c %a "$path") in ?00) ;; *) fail "$path has mode $(stat -c %a "$path")" ;; esac
		for other in $roles; do
			[ "$other" = "$r" ] && continue
			setpriv --reuid "bourse-$other" --regid bourse --clear-groups \
				sh -c "cat '$path' || ls '$path'" >/dev/null 2>&1 &&
				fail "bourse-$other reads $path"
		done
	done
	strange=$(find "/var/lib/bourse/$r" ! -user "bourse-$r" | head -3)
	[ -z "$strange" ] || fail "not bourse-$r's: $strange"
done
setpriv --reuid bourse-cas --regid bourse --clear-groups bourse status >/dev/null 2>&1 &&
	fail "bourse-cas may administer"

echo "result: installed, 5 daemons under 5 accounts, mail flows, keys are apart"
