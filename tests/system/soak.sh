#!/bin/sh
# soak.sh [-q] [NAME...] - the long tests; `make soak` runs all, about half an hour
#
#	kill		20,000 letters while each daemon is killed, 300 times in all
#	no-directory	every role restarted while the directory is away
#	full-edge full-hub full-mailbox full-cas full-directory
#			the disk of that role fills up, and has room again
#	cuts		the bus is cut between each two hosts that talk, under load
#	hubs		two hubs, one of which is killed, 200 times
#
# -q: shortened, about 8 minutes.  Each asserts the same: what was answered 250 is in
# its mailbox exactly once and unchanged, anything else at most once.  A test of its
# own process each: what one leaves behind cannot help another.
quick=
[ "${1-}" != -q ] || { quick=-q; shift; }
all='kill no-directory full-edge full-hub full-mailbox full-cas full-directory cuts hubs'
if [ $# -ne 1 ]; then
	rc=0
	for t in ${*:-$all}; do
		"$0" $quick "$t"
		case $? in
		0) echo "passed: $t" ;;
		77) echo "not run: $t" ;;
		*) echo "FAILED: $t"; rc=1 ;;
		esac
	done
	exit $rc
fi
test=$1
. "$(dirname "$0")/lib.sh"
[ -z "${SAN-}" ] || fail "the soak measures the real build"

# ---- letters, counted ------------------------------------------------------------
users=5
smtp_host= imap_host=		# a command that runs another on the host with the driver
load() {	# COUNT CONNECTIONS RATE BYTES: in the background; $load_pid
	$smtp_host "$TOOLS/mail_load" send -s "$smtp" -n "$1" -c "$2" -r "$3" -l "$4" \
		-R $users -d example.test -j "$journal" >>"$work/sent" &
	load_pid=$!
}
loaded() { wait "$load_pid" || { cat "$work/sent"; fail "the load did not run to its end"; }; }
refused() { sed -n '$s/.* no=\([0-9]*\).*/\1/p' "$work/sent"; }
# settle WHAT: queues drain, and the mailboxes are what was promised
settle() {
	began=$(date +%s)
	until_true 120 queue_is_empty || { bourse queue list; bourse status; fail "$1: queues do not drain"; }
	drained=$(($(date +%s) - began))
	: >"$work/verified"
	i=1
	while [ $i -le $users ]; do
		$imap_host "$TOOLS/mail_load" verify -i "$imap" -u u$i -p pw \
			-d example.test -j "$journal" >>"$work/verified" ||
			{ cat "$work/verified"; fail "$1: u$i's mailbox is not what was promised"; }
		i=$((i + 1))
	done
	awk -v what="$1 (drained in $drained s)" '
		{ for (i = 2; i <= NF; i++) { split($i, f, "="); s[f[1]] += f[2] } }
		END { printf "result: %s: attempts=%d ok=%d unanswered-but-there=%d missing=%d twice=%d damaged=%d\n",
			what, s["attempts"], s["ok"], s["unanswered-but-there"], s["missing"], s["twice"], s["damaged"] }' \
		"$work/verified"
}
fresh() {	# an organisation, with one user more than letters go to
	demo "$work/org" --users $((users + 1)) --plaintext-login
	journal=$work/journal smtp=127.0.0.1:$((base + 25)) imap=127.0.0.1:$((base + 143))
}
imap_says() {	# USER PATH COMMAND: what the server answers
	curl -sv --max-time 20 -u "$1:pw" "imap://$imap/$2" -X "$3" 2>&1
}
logs_in() {
	$imap_host curl -s --max-time 10 -u u1:pw "imap://$imap/" -X NOOP
}
# kill_one DAEMON [SIGNAL]
kill_one() {
	kill "${2--9}" "$(cat "$demo_dir/pid/$1")"
	until_true 10 sh -c "! kill -0 $(cat "$demo_dir/pid/$1")" || fail "$1 does not end"
}
run_one() { deploy/demo start "$demo_dir" >>"$work/restarts" 2>&1 || fail "$(tail -3 "$work/restarts")"; }

# ---- the directory is away ---------------------------------------------------------
no_directory() {
	fresh
	kill_one directory
	load "$count" 20 100 4096
	for d in hub edge mailbox cas; do
		kill_one $d
		sleep 0.3
		setsid "$BUILD/bourse-$d" -C "$demo_dir" >>"$demo_dir/log/$d.log" 2>&1 </dev/null &
		echo $! >"$demo_dir/pid/$d"
		sleep 1
		until_true 10 logs_in || fail "no login after a restart of $d"
	done
	loaded
	logs_in >/dev/null || fail "no login without the directory"
	run_one
	settle "directory away, every role restarted"
}

# ---- full disks ----------------------------------------------------------------------
mounted=
also_at_end() { [ -z "$mounted" ] || umount -l "$mounted"; }
free_bytes() { df --output=avail -B1 "$mounted" | tail -1; }
fill_to() {	# BYTES that stay free
	n=$(($(free_bytes) - $1))
	[ $n -le 0 ] || head -c $n /dev/zero >>"$mounted/filler" 2>/dev/null || true
}
make_room() { rm -f "$mounted/filler"; }
small_disk() {	# DAEMON MEGABYTES
	[ "$(id -u)" -eq 0 ] || skip "full disks: not run, needs root"
	deploy/demo stop "$demo_dir" >/dev/null
	cp -a "$demo_dir/data/$1" "$work/keep"
	mount -t tmpfs -o size="$2m" tmpfs "$demo_dir/data/$1" || skip "full disks: not run, no tmpfs"
	mounted=$demo_dir/data/$1
	cp -a "$work/keep/." "$mounted/"
	chmod 700 "$mounted"
	run_one
}
set_low() {	# DAEMON LOW HIGH: and what comes of it
	sed -i '/^disk-/d' "$demo_dir/bourse-$1.conf"
	printf 'disk-low = %s\ndisk-high = %s\n' "$2" "$3" >>"$demo_dir/bourse-$1.conf"
	kill -HUP "$(cat "$demo_dir/pid/$1")"
}
says_full() { "$1" | grep -q '452 4\.3\.1'; }
takes() { "$1" | grep -q '^<[-~]  250 2\.6\.0'; }
probe_edge() {
	swaks --server 127.0.0.1 --port $((base + 25)) --from you@outside.test \
		--to u$((users + 1))@example.test --body @"$work/big" 2>&1
}
probe_hub() {
	swaks --server 127.0.0.1 --port $((base + 587)) -tls --auth PLAIN --auth-user u6 \
		--auth-password pw --from u6@example.test --to u6@example.test \
		--body @"$work/big" 2>&1
}
# full DAEMON NEXT PROBE: NEXT is away, so all stays with DAEMON.  First the disk gets
# low, then there is no byte left in it; each time there is room again afterwards.
full() {
	fresh
	small_disk "$1" 64
	for low in 16M 0; do
		set_low "$1" $low 20M
		kill_one "$2"
		fill_to 25000000
		# The disk is asked every 2 s: the load must not outrun that here.
		load "$count" 10 $([ $low = 0 ] && echo 0 || echo 250) 20000
		loaded
		no=$(refused)
		[ $low = 0 ] && fill_to 0
		until_true 10 says_full "$3" ||
			{ $3 | grep '^<'; fail "$1 does not say 452 4.3.1 at disk-low=$low"; }
		run_one		# with NEXT there it may get rid of what it has, or not
		sleep 2
		make_room
		until_true 20 takes "$3" || { $3 | grep '^<'; fail "$1 does not go on"; }
		settle "$1's disk full, disk-low=$low, $no refused"
	done
}

told_of_disk() {	# SERVER: status says so
	bourse -o json status 2>/dev/null | tr '}' '\n' | grep "\"server\":\"$1\"" | grep -q 'disk space is low'
}
current() { bourse -o json status >"$work/state" 2>/dev/null && ! grep -q ' behind"' "$work/state"; }
probe_through() { probe_edge | grep -q '^<[-~]  250 2\.6\.0'; }

# No byte is left for the directory: what can be read and what others do goes on, changes
# are refused with a reason, and none is lost or half done; also when it is killed.
full_directory() {
	fresh
	small_disk directory 48
	fill_to 300000
	made=0
	for i in $(seq 400); do
		bourse mailbox create "full$i" --no-password >"$work/made" 2>&1 || break
		made=$i
	done
	[ "$made" -lt 400 ] || fail "a full disk takes 400 mailboxes"
	grep -qi 'full\|space' "$work/made" || fail "the refusal does not say why: $(cat "$work/made")"
	until_true 5 told_of_disk directory || fail "status does not tell of the disk"
	bourse mailbox list >/dev/null || fail "nothing can be read"
	logs_in >/dev/null || fail "no login"
	until_true 10 probe_through || fail "no mail goes through"
	kill_one directory
	run_one
	until_true 10 bourse mailbox list || fail "it does not come back on a full disk"
	there() { bourse mailbox list "$1" | grep -q "^$1 "; }
	[ "$made" -eq 0 ] || there "full$made" || fail "full$made is gone"
	there "full$((made + 1))" && fail "full$((made + 1)) was refused and is there"
	make_room
	more() { bourse mailbox create "more$1" --no-password; }
	until_true 10 more 1 || fail "nothing can be changed with room again"
	until_true 20 current || fail "somebody is behind: $(bourse status)"
	deploy/demo stop "$demo_dir" >/dev/null
	run_one
	until_true 10 there more1 || fail "more1 is gone"
	echo "result: full disk at the directory: $made mailboxes made until it was full, none lost"
}

# cas writes nothing but its replica: it goes on with what it has.
full_cas() {
	fresh
	small_disk cas 32
	fill_to 0
	for i in $(seq 60); do
		bourse group create "g$i" display-name="$(head -c 900 /dev/zero | tr '\0' x)" >/dev/null ||
			fail "the directory is another's disk"
	done
	until_true 10 told_of_disk cas || fail "status does not tell of the disk"
	until_true 10 logs_in || fail "no login"
	probe_through || fail "no mail goes through"
	imap_says u$((users + 1)) INBOX 'STATUS INBOX (MESSAGES)' | grep -q 'MESSAGES' || fail "no mailbox to read"
	kill_one cas
	run_one
	until_true 10 logs_in || fail "no login after a restart on a full disk"
	echo pw2 | bourse mailbox create late --password-stdin >/dev/null || fail "mailbox late"
	make_room
	until_true 70 current || fail "cas stays behind: $(bourse status)"
	late() { curl -sk --max-time 5 -u late:pw2 "imap://$imap/" -X NOOP; }
	until_true 10 late || fail "who came meanwhile cannot log in"
	until_true 10 logs_in || fail "no login in the end"
	echo "result: full disk at cas: logins went on, also after a restart, and it caught up"
}

full_mailbox() {
	fresh
	small_disk mailbox 256
	for i in 1 2 3 4 5 6; do
		until_true 5 takes probe_edge || fail "no letter for u6"
	done
	has_letters() { imap_says u6 '' 'STATUS INBOX (MESSAGES)' | grep -q 'MESSAGES 6'; }
	until_true 10 has_letters || fail "u6 has not six letters"
	printf 'disk-low = 16M\n' >>"$demo_dir/bourse-mailbox.conf"
	kill -HUP "$(cat "$demo_dir/pid/mailbox")"
	# Down to the mark; and below it, as if others had written: some bytes are left.
	for left in 16000000 2000000; do
		fill_to 30000000
		load "$count" 10 0 20000
		loaded
		fill_to $left
		sleep 1
		curl -sv --max-time 20 -u u6:pw "imap://$imap/INBOX" -T "$work/letter" >"$work/append" 2>&1 &&
			fail "APPEND on a full disk"
		grep -q '< [^ ]* NO ' "$work/append" || { cat "$work/append"; fail "APPEND is not answered NO"; }
		imap_says u6 INBOX 'STORE 1:2 +FLAGS (\Deleted)' | grep -q '< [^ ]* OK ' ||
			{ imap_says u6 INBOX 'STORE 1:2 +FLAGS (\Deleted)'; fail "no flags on a full disk, $left left"; }
		imap_says u6 INBOX EXPUNGE | grep -q '< [^ ]* OK ' ||
			{ imap_says u6 INBOX EXPUNGE; fail "no deleting on a full disk, $left left"; }
		logs_in >/dev/null || fail "no login on a full disk"
		make_room
		settle "mailbox's disk full, $left bytes left"
	done
}

# ---- cuts --------------------------------------------------------------------------
cut_off() {	# HOST ADDRESS: packets between them vanish
	on "$1" nft -f - <<-EOF
		table inet cut {
			chain in { type filter hook input priority 0; ip saddr $2 drop; }
			chain out { type filter hook output priority 0; ip daddr $2 drop; }
		}
	EOF
}
cuts() {
	need=curl
	. tests/system/hosts.sh
	more_edge='per-source = 0
message-rate = 0'
	more_cas='imap = 127.0.0.1:143
plaintext-login = yes
per-source = 0'
	organisation
	for i in 1 2 3 4 5; do echo "u$i,u$i@example.test,pw"; done |
		sed '1i name,address,password' >"$work/directory/users.csv"
	must import bourse mailbox import "$work/directory/users.csv"
	journal=$work/journal smtp=10.77.2.4:25 imap=127.0.0.1:143
	smtp_host='on outside' imap_host='on cas'
	until_true 20 logs_in || fail "no login"
	pairs='hub/10.77.1.2 hub/10.77.2.4 cas/10.77.1.2 hub/10.77.1.1 mailbox/10.77.1.1 cas/10.77.1.1'
	pause=${quick:+4}
	load $((6 * (10 + ${pause:-12}) * 50)) 20 50 4096
	for p in $pairs; do
		sleep ${pause:-12}
		cut_off "${p%/*}" "${p#*/}" || fail "cannot cut"
		sleep 8
		case $p in
		*/10.77.1.1) logs_in >/dev/null || fail "no login while the directory cannot be reached" ;;
		esac
		sleep 2
		on "${p%/*}" nft delete table inet cut
		until_true 10 logs_in || fail "no login after the cut $p"
	done
	loaded
	settle "cut for 10 s each: $pairs"
}

# ---- two hubs -----------------------------------------------------------------------
hubs() {
	fresh
	second=$work/hub2
	mkdir -p "$second/data" "$second/keys"
	chmod 700 "$second"
	sed -e "s/:$((base + 7003))/:$((base + 7013))/; s/:$((base + 587))/:$((base + 597))/
		s/:$((base + 26))/:$((base + 36))/; s/^hostname.*/hostname = hub2.example.test/" \
		"$demo_dir/bourse-hub.conf" >"$second/bourse-hub.conf"
	token=$(bourse server add hub hub2 2>"$work/must") || fail "$(cat "$work/must")"
	"$BUILD/bourse-hub" -C "$second" enrol "$token" >"$work/must" 2>&1 || fail "$(cat "$work/must")"
	run_second() {
		"$BUILD/bourse-hub" -C "$second" >>"$demo_dir/log/hub2.log" 2>&1 </dev/null &
		second_pid=$!
	}
	also_at_end() { kill "$second_pid" 2>/dev/null; wait "$second_pid" 2>/dev/null; }
	run_second
	both() { [ "$(bourse -o json status | grep -c 'hubs=2')" = 1 ]; }
	until_true 20 both || { bourse status; fail "the second hub is not used"; }
	kills=${quick:+40}
	kills=${kills:-200}
	# As fast as it goes, so that letters are always between commit and answer.
	load $((kills * 100)) 20 70 4096
	k=0
	while [ $k -lt "$kills" ]; do
		kill_one hub
		sleep 0.2
		run_one
		sleep 0.5
		kill -9 $second_pid
		wait $second_pid 2>/dev/null
		sleep 0.2
		run_second
		sleep 0.5
		k=$((k + 2))
	done
	loaded
	until_true 20 both || fail "not both hubs are back"
	# Counted where nothing was killed: letters that a hub had placed, or taken, and
	# whose answer was lost with it.
	repeats=$(metric bourse_store_repeats_total)
	[ "$repeats" -gt 0 ] || fail "no kill fell between commit and answer"
	settle "two hubs, $k kills, $repeats letters committed whose answer was lost"
}

# ---- which --------------------------------------------------------------------------
count=3000
[ -z "$quick" ] || count=2000
# Larger than what a database could still take into pages that it has.
head -c 600000 /dev/urandom | od -An -tx1 -v >"$work/big"
{
	printf 'From: u6@example.test\r\nSubject: append\r\n\r\n'
	sed 's/$/\r/' "$work/big"
} >"$work/letter"
case $test in
kill)
	if [ -n "$quick" ]; then
		tests/system/kill.sh -n 3000 -c 20 -k 45
	else
		tests/system/kill.sh -n 20000 -c 20 -k 300
	fi || fail "kills" ;;
no-directory) no_directory ;;
full-edge) full edge hub probe_edge ;;
full-hub) full hub mailbox probe_hub ;;
full-mailbox) full_mailbox ;;
full-cas) full_cas ;;
full-directory) full_directory ;;
cuts) cuts ;;
hubs) hubs ;;
*) echo "soak: no test $test; there are: $all" >&2; exit 2 ;;
esac
