#!/bin/sh
# namespaces.sh - every role on a host of its own, the edge behind a firewall
#
# A letter from outside must reach its reader, a reply must get out through the
# edge, and nothing may even try to connect from the DMZ inward.
. "$(dirname "$0")/lib.sh"
need='swaks curl smtp-sink'
. tests/system/hosts.sh

organisation
printf 'name,address,password\nalice,alice@example.test,%s\n' secret-of-alice \
	>"$work/directory/users.csv"
must import bourse mailbox import "$work/directory/users.csv"
must connector bourse connector create outside 'address-space=*' smart-host=10.77.3.2

# ---- the letter in, the reply out ----------------------------------------------
from_outside() {
	on outside swaks --server 10.77.2.4:25 --from you@outside.test --to alice@example.test \
		--header 'Subject: from outside' --body "$1"
}
# The edge learns its recipients by the connection that the hub made to it.
until_true 20 from_outside 'the first letter' || {
	from_outside 'the first letter'
	fail "the edge did not take the letter"
}
read_it() {
	on client curl -sk --max-time 10 -u alice:secret-of-alice \
		'imaps://10.77.1.5/INBOX;MAILINDEX=1' | grep -q "$1"
}
until_true 20 read_it 'the first letter' || fail "alice cannot read it"

mkdir "$work/sink"
# The sink drops its rights to a user of its own.
chmod 755 "$work"
chown nobody "$work/sink"
ip netns exec "$tag-outside" smtp-sink -u nobody -R "$work/sink" -d %s. 10.77.3.2:25 100 &
pids="$! $pids"
on client swaks --server 10.77.1.3:587 -tls --auth PLAIN --auth-user alice \
	--auth-password secret-of-alice --from alice@example.test --to you@outside.test \
	--header 'Subject: Re: from outside' --body 'the reply' >"$work/swaks" 2>&1 ||
	{ cat "$work/swaks"; fail "submission"; }
until_true 20 grep -rq 'the reply' "$work/sink" || fail "the reply did not get out"
grep -rqE '^X-Client-Addr: 10\.77\.2\.4' "$work/sink" || fail "the reply did not leave by the edge"

# ---- the wall ------------------------------------------------------------------
[ "$(tried_inward)" = 0 ] || fail "something in the DMZ tried to connect inward"
# Every port that something listens on inside, so that only the wall keeps it shut.
for to in 10.77.1.1/7000 10.77.1.1/7001 10.77.1.2/7002 10.77.1.3/7003 10.77.1.3/587 \
	10.77.1.3/26 10.77.1.5/993; do
	knock="exec 3<>/dev/tcp/$to"
	on client timeout 2 bash -c "$knock" 2>/dev/null || fail "nothing listens on $to"
	counted=$(tried_inward)
	on edge timeout 0.5 bash -c "$knock" 2>/dev/null && fail "the wall is open: $to"
	[ "$(tried_inward)" -gt "$counted" ] || fail "the wall did not see a try at $to"
done
# It stands between the DMZ and the inside, not between the hub and its edge.
on client timeout 2 bash -c 'exec 3<>/dev/tcp/10.77.2.4/7004' 2>/dev/null ||
	fail "the edge's bus cannot be reached from inside"
echo "result: a letter in, a reply out, nothing from the DMZ inward ($(tried_inward) tries dropped)"
