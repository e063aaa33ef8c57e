#!/bin/bash
# install.sh - `make install`, and the daemons as their units start them
#
# In a namespace of its own, with layers over /etc, /usr and /var that go with it, so
# that this host stays as it is: install, make the accounts, start the directory by
# its unit, join the others with tokens as root, start them under their accounts with
# the capabilities of their units, and let mail flow.  Then: the keys and the data of
# each role are its account's, and no other role can read them.  The same without
# systemd: started by root with the setting `user`, on the standard ports.  And `make
# run` as an ordinary user, in a tree of that user's own.
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
	for r in directory mailbox hub edge cas um; do
		useradd -r -g bourse -d "/var/lib/bourse/$r" -s /usr/sbin/nologin "bourse-$r" || fail "accounts"
	done
fi
if command -v systemd-analyze >/dev/null; then
	said=$(systemd-analyze verify --man=no /usr/lib/systemd/system/bourse-*.service 2>&1 | grep bourse)
	[ -z "$said" ] || fail "systemd-analyze verify: $said"
fi

# ---- what systemd does ----------------------------------------------------------------
setting() { sed -n "s/^$2=//p" "/usr/lib/systemd/system/bourse-$1.service"; }

await() {
	for _ in $(seq 500); do
		grep -qs ' ready ' "$root/$1.log" && return
		sleep 0.02
	done
	cat "$root/$1.log" >&2
	fail "$1 does not start"
}

# by_root ROLE: without systemd; it gives up being root by itself
by_root() {
	[ -e "/etc/bourse/bourse-$1.conf" ] || : >"/etc/bourse/bourse-$1.conf"
	echo "user = bourse-$1" >>"/etc/bourse/bourse-$1.conf"
	"bourse-$1" >"$root/$1.log" 2>&1 </dev/null &
	pid=$!
	pids="$pids $pid"
	await "$1"
	[ "$(stat -c %U /proc/$pid)" = "bourse-$1" ] || fail "$1 is still $(stat -c %U /proc/$pid)"
}

# by_unit ROLE: the unit's steps before, its state folder, and its program, under its
# account with its capabilities and nothing more.
by_unit() {
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
	pids="$pids $!"
	await "$1"
}

# organisation by_unit|by_root: join all, and let mail flow
organisation() {
	$1 directory
	for r in mailbox hub cas um; do
		token=$(bourse server add $r $r) || fail "no token for $r"
		"bourse-$r" enrol "$token" >/dev/null || fail "$r cannot enrol"
		[ $r != hub ] || echo 'internal = 127.0.0.1:26' >>/etc/bourse/bourse-hub.conf
		$1 $r
	done
	bourse-edge enrol --endpoint tcp://127.0.0.1:7004 >"$root/subscription" ||
		fail "edge cannot enrol"
	$1 edge
	bourse edge subscribe "$root/subscription" || fail "edge is not taken in"

	bourse domain create example.test type=authoritative default=yes >/dev/null || fail "domain"
	echo secret | bourse mailbox create alice --password-stdin >/dev/null || fail "mailbox"
	for _ in $(seq 200); do
		bourse test mailflow alice --timeout 5 >"$root/flow" 2>&1 && break
		sleep 0.05
	done
	grep -q placed "$root/flow" || fail "mail does not flow: $(cat "$root/flow")"
	curl -sk -u alice:secret 'imaps://127.0.0.1/INBOX;MAILINDEX=1' | grep -q 'mailflow probe' ||
		fail "alice does not see her mail"
}

stop_all() {
	# shellcheck disable=SC2086
	kill $pids
	wait
	pids=
	rm -f "$root"/*.log
}

pids=
organisation by_unit

# ---- who may read what -----------------------------------------------------------------
roles='directory mailbox hub edge cas um'
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
stop_all

# ---- without systemd ---------------------------------------------------------------------
rm -r /etc/bourse/keys /etc/bourse/bourse.conf /var/lib/bourse
cp deploy/conf/*.conf /etc/bourse/
organisation by_root
stop_all
for r in $roles; do
	strange=$(find "/var/lib/bourse/$r" "/etc/bourse/keys/bourse-$r" ! -user "bourse-$r" | head -3)
	[ -z "$strange" ] || fail "not bourse-$r's: $strange"
done

# ---- an ordinary user's demo ---------------------------------------------------------------
useradd -m -d "$root/home" demo || fail "no account for the demo"
chmod 711 "$root"
as_demo="setpriv --reuid demo --regid demo --clear-groups env HOME=$root/home"
git ls-files | tar cf - -T - | tar xf - -C "$root/home" && cp -a "$BUILD" "$root/home/build" &&
	chown -R demo:demo "$root/home" || fail "no copy of the tree"
own() { (cd "$root/home" && $as_demo "$@"); }
base=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 9000))
own make -s run PORT_BASE=$base >"$root/run" 2>&1 || fail "make run: $(tail -20 "$root/run")"
grep -q 'Send a letter' "$root/run" || fail "make run says too little: $(cat "$root/run")"
own build/bourse -C run test mailflow alice --timeout 5 >"$root/flow" 2>&1 ||
	fail "no mail in an ordinary user's demo: $(cat "$root/flow")"
[ "$(own stat -c %a run/passwords)" = 600 ] || fail "all can read run/passwords"
pw=$(own sed -n 's/^alice //p' run/passwords)
curl -sk -u "alice:$pw" "imaps://127.0.0.1:$((base + 993))/INBOX;MAILINDEX=1" |
	grep -q 'mailflow probe' || fail "no mail to read in an ordinary user's demo"
own make -s run PORT_BASE=$base >"$root/run" 2>&1 && grep -q 'everything is running' "$root/run" ||
	fail "make run a second time: $(cat "$root/run")"
own make -s stop >"$root/run" && grep -q stopped "$root/run" || fail "make stop: $(cat "$root/run")"

echo "result: installed, 5 daemons under 5 accounts by units and by root, mail flows, keys are apart, make run as a user"
