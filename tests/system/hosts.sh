# hosts.sh - every role on a host of its own; sourced after lib.sh, by root
#
# Each role runs in its own network namespace and sees its own folder only; what
# passes between them by hand is a token, or the edge's subscription.  A router
# with nftables joins three networks and drops every connection from the DMZ inward.
#
#	10.77.1.0/24 lan	directory mailbox hub cas client
#	10.77.2.0/24 dmz	edge
#	10.77.3.0/24 out	outside
#
# $need, if set, names further programs that the test wants.
[ "$(id -u)" -eq 0 ] || skip "$(basename "$0" .sh): not run, needs root"
for tool in ip nft ${need-}; do
	command -v "$tool" >/dev/null || skip "$(basename "$0" .sh): not run, no $tool"
done

tag=bourse$$
bin=$(cd "$BUILD" && pwd) || exit 1
pids=
gate() { ip netns exec "$tag-gate" "$@"; }

also_at_end() {
	for p in $pids; do kill "$p" 2>/dev/null; done
	for p in $pids; do
		i=0
		while kill -0 "$p" 2>/dev/null && [ $i -lt 100 ]; do i=$((i + 1)); sleep 0.05; done
		kill -9 "$p" 2>/dev/null
	done
	for n in gate directory mailbox hub cas client edge outside; do
		ip netns del "$tag-$n" 2>/dev/null
	done
	if [ "$rc" -ne 0 ] && [ "$rc" -ne 77 ]; then
		for l in "$work"/*/log; do
			[ -f "$l" ] || continue
			echo "--- $l"
			tail -15 "$l"
		done
	fi
}

# ---- the networks --------------------------------------------------------------
# host NAME NETWORK ADDRESS
host() {
	ip netns add "$tag-$1" &&
		ip -n "$tag-gate" link add "to-$1" type veth peer name eth0 netns "$tag-$1" &&
		ip -n "$tag-gate" link set "to-$1" master "$2" up &&
		ip -n "$tag-$1" link set lo up &&
		ip -n "$tag-$1" addr add "$3/24" dev eth0 &&
		ip -n "$tag-$1" link set eth0 up &&
		ip -n "$tag-$1" route add default via "${3%.*}.254"
}

networks() {
	ip netns add "$tag-gate" && ip -n "$tag-gate" link set lo up || return 1
	for n in lan:1 dmz:2 out:3; do
		ip -n "$tag-gate" link add "${n%:*}" type bridge &&
			ip -n "$tag-gate" addr add "10.77.${n#*:}.254/24" dev "${n%:*}" &&
			ip -n "$tag-gate" link set "${n%:*}" up || return 1
	done
	gate sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward' || return 1
	host directory lan 10.77.1.1 && host mailbox lan 10.77.1.2 && host hub lan 10.77.1.3 &&
		host cas lan 10.77.1.5 && host client lan 10.77.1.9 &&
		host edge dmz 10.77.2.4 && host outside out 10.77.3.2 || return 1
	# lan to lan is written out because some kernels (bridge-nf-call-iptables) show
	# what a bridge passes to this chain too.
	gate nft -f - <<-EOF
		table inet gate {
			counter inward { }
			chain forward {
				type filter hook forward priority 0; policy drop;
				ct state established,related accept
				iifname lan oifname lan accept
				iifname lan oifname dmz accept
				iifname dmz oifname out accept
				iifname out oifname dmz tcp dport 25 accept
				iifname dmz oifname lan counter name inward drop
			}
		}
	EOF
}

tried_inward() { gate nft list counter inet gate inward | awk '/packets/ { print $2 }'; }

# ---- the roles -----------------------------------------------------------------
# on NAME COMMAND...: run it on that host
on() {
	name=$1
	shift
	ip netns exec "$tag-$name" "$@"
}
# The same for our own programs, which see that host's folder and no other's.
# `ip netns exec` has made a mount namespace for them.
own='mine=$1/$2 program=$3
	cd "$mine" && mount -t tmpfs tmpfs "$1" && mkdir "$mine" && mount -c --bind . "$mine" &&
	cd / && shift 3 && exec "$program" -C "$mine" "$@"'
product() {	# NAME PROGRAM ARGUMENTS...
	name=$1 program=$bin/$2
	shift 2
	ip netns exec "$tag-$name" sh -c "$own" own "$work" "$name" "$program" "$@"
}
# start NAME: its daemon, until it says that it is ready
start() {
	# Not by product(): $! must be the daemon's own pid.
	ip netns exec "$tag-$1" setsid sh -c "$own" own "$work" "$1" "$bin/bourse-$1" \
		>>"$work/$1/log" 2>&1 </dev/null &
	pid=$!
	pids="$pid $pids"
	until_true 20 sh -c "! kill -0 $pid 2>/dev/null || grep -q ' ready ' '$work/$1/log'" &&
		kill -0 "$pid" 2>/dev/null || fail "$1 does not start"
}
bourse() { product directory bourse "$@"; }
# must WHAT COMMAND...: its output counts only if it fails
must() {
	what=$1
	shift
	"$@" >"$work/must" 2>&1 || { cat "$work/must"; fail "$what"; }
}
# settings NAME: the lines on standard input, and the folder it owns
settings() {
	mkdir -p "$work/$1/data" "$work/$1/keys"
	chmod 700 "$work/$1"
	cat >"$work/$1/bourse-$1.conf"
}

# An organisation of one server a role, without mailboxes; $more_edge and $more_cas
# are further lines of settings.
organisation() {
	networks >"$work/net" 2>&1 || skip "$(basename "$0" .sh): not run, $(tail -1 "$work/net")"
	settings directory <<-EOF
		data = data/directory
		listen = tcp://10.77.1.1:7001
		enrol-listen = tcp://10.77.1.1:7000
		organisation = Example
	EOF
	settings mailbox <<-EOF
		data = data/mailbox
		listen = tcp://10.77.1.2:7002
	EOF
	settings hub <<-EOF
		data = data/hub
		listen = tcp://10.77.1.3:7003
		submission = 10.77.1.3:587
		internal = 10.77.1.3:26
		hostname = hub.example.test
	EOF
	settings edge <<-EOF
		data = data/edge
		listen = tcp://10.77.2.4:7004
		smtp = 10.77.2.4:25
		hostname = mail.example.test
		${more_edge-}
	EOF
	settings cas <<-EOF
		data = data/cas
		imaps = 10.77.1.5:993
		hostname = mail.example.test
		${more_cas-}
	EOF
	start directory
	for role in mailbox hub cas; do
		token=$(bourse server add $role $role 2>"$work/must") ||
			{ cat "$work/must"; fail "no token for $role"; }
		must "$role cannot enrol" product $role bourse-$role enrol "$token"
		start $role
	done
	# What is carried to a host by hand is put into its folder.
	product edge bourse-edge enrol --endpoint tcp://10.77.2.4:7004 \
		>"$work/directory/subscription" || fail "no subscription"
	start edge
	must subscribe bourse edge subscribe "$work/directory/subscription"
	must domain bourse domain create example.test type=authoritative default=yes
}
