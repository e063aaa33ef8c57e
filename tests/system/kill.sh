#!/bin/sh
# kill.sh [-n MESSAGES] [-c CONNECTIONS] [-k KILLS]
#
# Nothing lost, nothing twice: messages go to the edge over many connections
# while each daemon in turn is killed with SIGKILL and started again.  What was
# answered 250 is in its mailbox exactly once and byte for byte; what was not
# answered is there at most once; nothing bounced.
. "$(dirname "$0")/lib.sh"

messages=2000 connections=20 kills=30 users=5
while getopts n:c:k: o; do
	case $o in
	n) messages=$OPTARG ;;
	c) connections=$OPTARG ;;
	k) kills=$OPTARG ;;
	*) exit 2 ;;
	esac
done

demo "$work/org" --users $users --plaintext-login
journal=$work/journal
# As fast as needed for the load to outlast the kills, at a kill every 2 s.
"$TOOLS/mail_load" send -s 127.0.0.1:$((base + 25)) -n "$messages" -c "$connections" \
	-r $((messages / (kills * 2) + 1)) -R $users -d example.test -j "$journal" >"$work/sent" &
load=$!

done_kills=0
while [ $done_kills -lt "$kills" ]; do
	for d in edge hub mailbox cas directory; do
		[ $done_kills -lt "$kills" ] || break
		pid=$(cat "$demo_dir/pid/$d")
		kill -9 "$pid" || fail "$d was not running"
		done_kills=$((done_kills + 1))
		sleep 0.3
		deploy/demo start "$demo_dir" >>"$work/restarts" 2>&1 ||
			{ tail -5 "$work/restarts"; fail "$d does not come back"; }
		sleep 1
	done
done
wait $load || { cat "$work/sent"; fail "the load did not run to its end"; }
sent=$(cat "$work/sent")

until_true 60 queue_is_empty || { bourse queue list; fail "the queues do not drain"; }
i=1
while [ $i -le $users ]; do
	"$TOOLS/mail_load" verify -i 127.0.0.1:$((base + 143)) -u u$i -p pw \
		-d example.test -j "$journal" >>"$work/verified" ||
		{ cat "$work/verified"; fail "u$i's mailbox is not what was promised ($sent)"; }
	i=$((i + 1))
done
awk '{ for (i = 2; i <= NF; i++) { split($i, f, "="); s[f[1]] += f[2] } }
	END { printf "result: ok=%d there-once=%d unanswered-but-there=%d missing=%d twice=%d damaged=%d\n",
	s["ok"], s["ok"] - s["missing"], s["unanswered-but-there"], s["missing"], s["twice"], s["damaged"] }' \
	"$work/verified"
echo "result: kills=$done_kills $sent"
