#!/bin/sh
# soak.sh - the long tests: 20,000 messages and 300 kills, disks that fill up, cut
# buses, an absent directory, two hubs.  `make soak`; about half an hour.
. "$(dirname "$0")/lib.sh"

[ -z "${SAN-}" ] || fail "the soak measures the real build"
users=5
load() {	# COUNT CONNECTIONS RATE: in the background; $load_pid
	"$TOOLS/mail_load" send -s 127.0.0.1:$((base + 25)) -n "$1" -c "$2" -r "$3" -R $users \
		-d example.test -j "$journal" >"$work/sent" &
	load_pid=$!
}
settle() {	# NAME: the load ends, queues drain, mailboxes are what was promised
	wait "$load_pid" || { cat "$work/sent"; fail "$1: the load did not run to its end"; }
	until_true 120 queue_is_empty || { bourse queue list; fail "$1: queues do not drain"; }
	: >"$work/verified"
	i=1
	while [ $i -le $users ]; do
		"$TOOLS/mail_load" verify -i 127.0.0.1:$((base + 143)) -u u$i -p pw \
			-d example.test -j "$journal" >>"$work/verified" ||
			{ cat "$work/verified"; fail "$1: u$i's mailbox is not what was promised"; }
		i=$((i + 1))
	done
	echo "result: $1: $(cat "$work/sent")"
}
fresh() {	# NAME: an organisation of its own
	[ -z "$demos" ] || deploy/demo stop "$demo_dir" >/dev/null
	demo "$work/$1" --users $users --plaintext-login
	journal=$work/$1.journal
}

tests/system/kill.sh -n 20000 -c 20 -k 300 || fail "20,000 messages and 300 kills"

# The directory is down the whole time.
fresh no-directory
kill "$(cat "$demo_dir/pid/directory")"
load 2000 20 200
wait_pid=$load_pid
for d in hub edge mailbox cas; do
	kill -9 "$(cat "$demo_dir/pid/$d")"
	sleep 0.3
	"$BUILD/bourse-$d" -C "$demo_dir" >>"$demo_dir/log/$d.log" 2>&1 &
	echo $! >"$demo_dir/pid/$d"
	sleep 1
done
load_pid=$wait_pid
wait "$load_pid"
deploy/demo start "$demo_dir" >/dev/null
load 10 1 10
settle "directory down, roles restarted without it"

# Each role's disk fills up: 452 4.3.1 or NO, nothing accepted is lost, deleting works.
if [ "$(id -u)" -eq 0 ]; then
	for d in edge hub mailbox; do
		fresh "full-$d"
		deploy/demo stop "$demo_dir" >/dev/null
		cp -a "$demo_dir/data/$d" "$work/keep.$d"
		mount -t tmpfs -o size=48m tmpfs "$demo_dir/data/$d"
		cp -a "$work/keep.$d/." "$demo_dir/data/$d/"
		printf 'disk-low = 16M\ndisk-high = 24M\n' >>"$demo_dir/bourse-$d.conf"
		deploy/demo start "$demo_dir" >/dev/null || { umount "$demo_dir/data/$d"; fail "start on a small disk"; }
		[ $d = mailbox ] || { kill "$(cat "$demo_dir/pid/mailbox")"; sleep 1; }
		load 3000 20 0
		wait "$load_pid"
		no=$(sed -n 's/.* no=\([0-9]*\).*/\1/p' "$work/sent")
		[ "$no" -gt 0 ] || { umount "$demo_dir/data/$d"; fail "a full disk at $d is not noticed"; }
		if [ $d = mailbox ]; then
			curl -s --max-time 20 -u u1:pw "imap://127.0.0.1:$((base + 143))/INBOX" \
				-X 'STORE 1 +FLAGS (\Deleted)' >/dev/null || { umount "$demo_dir/data/$d"; fail "deleting on a full disk"; }
			deploy/demo stop "$demo_dir" >/dev/null
			mkdir "$work/bigger"
			cp -a "$demo_dir/data/$d/." "$work/bigger/"
			umount "$demo_dir/data/$d"
			cp -a "$work/bigger/." "$demo_dir/data/$d/"
		fi
		deploy/demo start "$demo_dir" >/dev/null
		load 10 1 10
		settle "full disk at $d ($no refused)"
		umount "$demo_dir/data/$d" 2>/dev/null
	done
else
	echo "not run: full disks (needs root for tmpfs)"
fi
