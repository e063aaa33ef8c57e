#!/bin/sh
# outbound.sh - mail leaves by DNS: a name server with a zone of our own, receivers
# of every temper, and a second organisation.  What cannot be delivered comes back
# to its sender as a report that a program can read (RFC 3464).
. "$(dirname "$0")/lib.sh"

PATH=$PATH:/usr/sbin
for p in nsd smtp-sink python3; do
	command -v $p >/dev/null || skip "no $p: run deploy/deps test"
done
chmod 711 "$work"
others=
also_at_end() { [ -z "$others" ] || kill $others 2>/dev/null; }

# ---- two organisations ---------------------------------------------------------------

# organisation LETTER: one in $work/LETTER, with the domain LETTER.test and a mailbox
organisation() {
	demo "$work/$1" --users 1 --plaintext-login
	bourse domain create "$1.test" type=authoritative >/dev/null || fail "domain $1.test"
	printf 'name,address,password\nuser%s,user@%s.test,pw\n' "$1" "$1" >"$work/users.csv"
	bourse mailbox import "$work/users.csv" >/dev/null || fail "mailbox in $1.test"
	deploy/demo stop "$demo_dir" >/dev/null || fail "stop"
	for d in hub edge; do
		echo "nameserver = 127.0.0.1:$dns" >>"$demo_dir/bourse-$d.conf"
		sed -i "s/example\.test/$1.test/" "$demo_dir/bourse-$d.conf"
	done
	deploy/demo start "$demo_dir" >"$work/demo.out" 2>&1 || fail "second start of $1"
}
dns=$((24100 + $(od -An -N2 -tu2 /dev/urandom) % 4000))
port=$((dns + 4001))	# of all receivers; each has an address of its own
organisation b
b_dir=$demo_dir b_base=$base
organisation a
a_dir=$demo_dir a_base=$base
b() { "$BUILD/bourse" -C "$b_dir" "$@"; }

# ---- the world -----------------------------------------------------------------------

mkdir "$work/dns" "$work/got"
cat >"$work/dns/test.zone" <<-END
	\$ORIGIN test.
	\$TTL 60
	@	SOA	ns hostmaster 1 60 60 60 60
	@	NS	ns
	ns	A	127.0.0.1
	a	MX	10 edge
	b	MX	10 edge
	edge	A	127.0.0.1
	two	MX	20 good
	two	MX	10 deaf
	deaf	A	127.0.0.12
	good	A	127.0.0.11
	null	MX	0 .
	noname	MX	10 gone
	hollow	TXT	"neither MX nor address"
	soft	MX	10 soft-mx
	soft-mx	A	127.0.0.13
	hard	MX	10 hard-mx
	hard-mx	A	127.0.0.14
	old	MX	10 old-mx
	old-mx	A	127.0.0.15
	slow	MX	10 slow-mx
	slow-mx	A	127.0.0.16
	order	MX	30 old-mx
	order	MX	10 six-mx
	order	MX	20 good
	six	MX	5 six-mx
	six-mx	AAAA	::1
	torn	MX	10 torn-mx
	torn-mx	A	127.0.0.17
	sealed	MX	10 torn-mx
	plain	MX	10 good
	relay	A	127.0.0.11
END
cat >"$work/dns/nsd.conf" <<-END
	server:
	  ip-address: 127.0.0.1@$dns
	  server-count: 1
	  username: ""
	  zonesdir: "$work/dns"
	  database: ""
	  logfile: "$work/dns/log"
	  pidfile: "$work/dns/pid"
	  xfrdfile: "$work/dns/xfrd"
	  xfrdir: "$work/dns"
	  zonelistfile: "$work/dns/zones"
	remote-control:
	  control-enable: no
	zone:
	  name: "test"
	  zonefile: "test.zone"
	zone:
	  name: "broken.test"
	  zonefile: "is-not-there"
END
nsd -d -c "$work/dns/nsd.conf" >"$work/dns/out" 2>&1 &
others=$!

as=
if [ "$(id -u)" -eq 0 ]; then
	as='-u postfix'
	chown postfix "$work/got"
fi
# sink NUMBER [OPTIONS]: a receiver at 127.0.0.NUMBER; letters go to got/NUMBER.*; $sink is its pid
sink() {
	at=$1
	shift
	sink_at $at 127.0.0.$at:$port "$@"
}
# sink_at NAME ADDRESS:PORT [OPTIONS]
sink_at() {
	name=$1 where=$2
	shift 2
	smtp-sink $as -h "sink$name.test" -d "$work/got/$name." "$@" "$where" 100 &
	sink=$!
	others="$others $sink"
	until_true 5 sh -c "ss -Hltn | grep -qF '$where'" || fail "receiver $name does not listen"
}
got() { cat "$work/got/$1".* 2>/dev/null | grep -cF "$2"; }
sink 11
sink 13 -r RCPT
soft=$sink
sink 14 -f RCPT -B '550 5.1.1 nobody of that name'
sink 15 -N
sink 16 -W .:1
sink_at six "[::1]:$port"
sink_at smart 127.0.0.11:$((port + 1))

# A receiver that offers STARTTLS and then does not speak TLS; in plain it takes all.
cat >"$work/torn.py" <<'END'
import socketserver, sys
class Torn(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")
    def handle(self):
        self.say("220 torn.test ESMTP")
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.say("250-torn.test\r\n250 STARTTLS")
            elif verb == b"STAR":
                self.say("220 go ahead")
                self.wfile.write(b"this is not TLS at all, sorry\r\n")
                open(sys.argv[3] + ".tls", "a").write("x")
                return
            elif verb == b"DATA":
                self.say("354 go")
                with open(sys.argv[3] + ".mail", "ab") as f:
                    for line in self.rfile:
                        if line == b".\r\n":
                            break
                        f.write(line)
                self.say("250 taken")
            else:
                self.say("250 fine")
            if verb == b"QUIT":
                return
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
Server((sys.argv[1], int(sys.argv[2])), Torn).serve_forever()
END
python3 "$work/torn.py" 127.0.0.17 $port "$work/got/17" &
others="$others $!"
until_true 5 sh -c "ss -Hltn | grep -qF 127.0.0.17:$port" || fail "receiver 17 does not listen"

bourse connector create world address-space='*' port=$port source-server=hub >/dev/null &&
	bourse connector create to-b address-space=b.test port=$((b_base + 25)) >/dev/null &&
	bourse connector create sealed address-space=sealed.test address-space=plain.test port=$port \
		source-server=hub require-tls=yes >/dev/null &&
	bourse connector create smart address-space=smart.test smart-host=relay.test:$((port + 1)) \
		source-server=hub >/dev/null &&
	b connector create to-a address-space=a.test port=$((a_base + 25)) \
		>/dev/null || fail "connectors"
until_true 5 bourse connector show world || fail "no connector"

cat >"$work/mail.py" <<'END'
"""send COUNT NOTIFY TO...: submit letters as user@a.test, with RET=$RET (HDRS)
report RECIPIENT ACTION STATUS DIAGNOSTIC: wait for the report that says so; with
what of the letter RET asked for
silent RECIPIENT: there is no report about it"""
import email, email.policy, imaplib, os, re, smtplib, ssl, sys, time
base = int(sys.argv[1])
verb, args = sys.argv[2], sys.argv[3:]
login = ("usera", "pw")
ret = os.environ.get("RET", "HDRS")
def send(count, notify, *to):
    s = smtplib.SMTP("127.0.0.1", base + 587, timeout=20)
    s.starttls(context=ssl._create_unverified_context())
    s.login(*login)
    for i in range(int(count)):
        s.sendmail("user@a.test", to, "From: user@a.test\r\nTo: %s\r\nSubject: number-%d.\r\n\r\n"
                   "letter to %s\r\n" % (to[0], i, to[0]), ["RET=" + ret],
                   ["NOTIFY=" + notify] if notify != "-" else [])
    s.quit()
def statuses():
    """(message/delivery-status groups of one recipient, the whole) of all reports"""
    m = imaplib.IMAP4("127.0.0.1", base + 143)
    m.login(*login)
    m.select("INBOX", readonly=True)
    for n in m.search(None, "ALL")[1][0].split():
        whole = email.message_from_bytes(m.fetch(n, "(BODY[])")[1][0][1])
        if whole.get_content_type() != "multipart/report":
            continue
        parts = whole.get_payload()
        assert whole.get_param("report-type") == "delivery-status", whole["Content-Type"]
        assert whole["Return-Path"] in ("<>", None) and whole["Auto-Submitted"], "not marked as automatic"
        kinds = [p.get_content_type() for p in parts]
        assert kinds[:2] == ["text/plain", "message/delivery-status"] and len(kinds) == 3, kinds
        groups = parts[1].get_payload()
        assert groups[0]["Reporting-MTA"].startswith("dns;"), groups[0]
        full = kinds[2] == "message/rfc822"
        assert full or kinds[2] == "text/rfc822-headers", kinds
        letter = parts[2].as_string().replace("\r", "")
        assert "From: user@a.test" in letter, "no header of the letter"
        assert ("letter to " in letter.split("Subject: ")[1]) == full, "its text: " + letter
        for g in groups[1:]:
            g["X-Full"] = "FULL" if full else "HDRS"
            yield g
    m.logout()
def find(recipient):
    return [g for g in statuses() if (g["Final-Recipient"] or "").replace(" ", "").lower() ==
            "rfc822;" + recipient]
def report(recipient, action, status, diagnostic):
    end = time.time() + 12
    while time.time() < end:
        for g in find(recipient):
            if g["Action"] == action and g["Status"] == status and g["X-Full"] == ret and \
                    re.search(diagnostic, " ".join((g["Diagnostic-Code"] or "").split())):
                return
            sys.exit("another report than expected: " + str(g))
        time.sleep(0.2)
    sys.exit("no report about " + recipient)
def silent(recipient):
    if find(recipient):
        sys.exit("a report about " + recipient)
{"send": send, "report": report, "silent": silent}[verb](*args)
END
mail() { python3 "$work/mail.py" "$a_base" "$@" || fail "$*"; }

# ---- who is there, and who is not --------------------------------------------------------

mail send 1 - x@two.test
mail send 1 - x@good.test
mail send 1 - x@null.test
mail send 1 - x@nowhere.test
mail send 1 - x@hollow.test
mail send 1 - x@noname.test
mail send 1 - x@hard.test
mail send 1 - x@soft.test
mail send 1 SUCCESS x2@good.test
mail send 1 SUCCESS x@old.test
mail send 1 NEVER never@hard.test
mail send 1 - x@order.test
mail send 1 - x@six.test
mail send 1 - "x@[IPv6:::1]"
mail send 1 - x@torn.test
mail send 1 - x@sealed.test
mail send 1 - x@plain.test
mail send 1 - x@smart.test
mail send 1 - x@broken.test
RET=FULL mail send 1 - full@hard.test
arrived() { [ "$(got "$1" "$2")" -eq 1 ]; }
until_true 10 arrived 11 'letter to x@two.test' || fail "the second MX host got nothing"
until_true 10 arrived 11 'letter to x@good.test' || fail "the host without MX got nothing"
mail report x@null.test failed 5.1.10 .
mail report x@nowhere.test failed 5.1.2 .
mail report x@hollow.test failed 5.1.2 .
mail report x@noname.test failed 5.1.2 .
mail report x@hard.test failed 5.1.1 '^smtp; ?550 5\.1\.1 nobody of that name'
# A host that knows DSN tells by itself; for one that does not, it ends with us.
until_true 10 arrived 15 'letter to x@old.test' || fail "the host without DSN got nothing"
mail report x@old.test relayed 2.0.0 ''
until_true 10 arrived 11 'letter to x2@good.test' || fail "the host with DSN got nothing"
mail silent x2@good.test
mail silent never@hard.test
# What of the letter comes back, RFC 3461 section 4.3.
RET=FULL mail report full@hard.test failed 5.1.1 .

# ---- by which way ---------------------------------------------------------------------------

until_true 10 arrived six 'letter to x@order.test' || fail "the host that is preferred got nothing"
until_true 10 arrived six 'letter to x@six.test' || fail "the host with IPv6 only got nothing"
until_true 10 arrived six 'letter to x@[IPv6:::1]' || fail "the IPv6 literal got nothing"
until_true 10 arrived smart 'letter to x@smart.test' || fail "the smart host got nothing"
# TLS that fails: without it, unless the connector wants it.
until_true 10 arrived 17 'letter to x@torn.test' || fail "no letter in plain after TLS had failed"
refused() { bourse queue list | grep "$1\.test" | grep -qi tls; }
for d in sealed plain; do
	until_true 10 refused $d || { bourse queue list; fail "$d.test does not wait for TLS"; }
done
[ "$(wc -c <"$work/got/17.tls")" -ge 2 ] || fail "TLS was not tried at 17"
[ "$(got 17 'letter to x@sealed.test')" -eq 0 ] && [ "$(got 11 'letter to x@plain.test')" -eq 0 ] ||
	fail "a letter that wants TLS went in plain"
# A name server that fails is asked again; nobody is told that the domain is not there.
unsure() { bourse queue list | grep 'broken\.test' | grep -q DNS; }
until_true 15 unsure || { bourse queue list; fail "broken.test does not wait for DNS"; }
for d in broken sealed plain; do
	mail silent x@$d.test
	number=$(bourse queue messages hub "$(bourse queue list | awk "/$d\\.test/ { print \$2 }")" |
		awk 'NR == 2 { print $2 }')
	bourse queue remove hub --message "$number" --silently || fail "queue remove for $d.test"
done

# ---- a fault that passes --------------------------------------------------------------------

waits() { bourse queue list | grep soft.test | grep -q '450 4\.3\.0'; }
until_true 5 waits || { bourse queue list; fail "the queue does not say why it waits"; }
mail silent x@soft.test
kill "$soft"
wait "$soft" 2>/dev/null
others=$(echo "$others" | sed "s/ $soft / /")	# its number may be another's by the end
sink 13
bourse queue retry hub "$(bourse queue list | awk '/soft\.test/ { print $2 }')" ||
	fail "queue retry"
until_true 10 arrived 13 'letter to x@soft.test' || fail "retried, but not delivered"

# ---- another organisation -------------------------------------------------------------------

b mailbox create small address=small@b.test max-receive-size=100 --no-password >/dev/null || fail "mailbox small"
bourse connector set to-b require-tls=yes >/dev/null || fail "connector set"
mail send 1 - user@b.test
mail send 1 - nobody@b.test
mail send 1 - small@b.test
there() { b message show userb | grep -q 'letter to user@b.test'; }
until_true 10 there || fail "no letter from a.test in b.test"
b message show userb | tr -d '\r\n' | grep -q 'by mail\.b\.test[^;]* with ESMTPS' ||
	{ b message show userb; fail "it did not come over TLS"; }
mail report nobody@b.test failed 5.1.1 '^smtp; ?550 5\.1\.1'
mail report small@b.test failed 5.2.3 .

# ---- the postmaster, RFC 5321 section 4.5.1 ----------------------------------------------------

outsider() {
	swaks --server 127.0.0.1:$((a_base + 25)) --from you@outside.test --to "$1" \
		--body "letter to $1" >"$work/swaks" 2>&1
}
outsider postmaster@a.test && fail "a letter to a postmaster whom nobody named"
bourse transport set postmaster=user@a.test >/dev/null || fail "transport set postmaster"
for who in postmaster@a.test Postmaster@example.test; do
	until_true 5 outsider $who || { cat "$work/swaks"; fail "no letter to $who"; }
	sees() { bourse message show usera | grep -q "letter to $who"; }
	until_true 10 sees || fail "the postmaster has no letter to $who"
done

# ---- killed in the middle ---------------------------------------------------------------------

mail send 20 - x@slow.test
some() { [ "$(got 16 'Subject: number-')" -ge 6 ]; }
until_true 10 some || fail "the slow receiver gets nothing"
kill -9 "$(cat "$a_dir/pid/hub")" || fail "the hub was not running"
sleep 0.2
deploy/demo start "$a_dir" >"$work/demo.out" 2>&1 || fail "the hub does not come back"
all() { [ "$(cat "$work"/got/16.* | grep -o 'Subject: number-.*' | sort -u | wc -l)" -eq 20 ]; }
until_true 20 all && until_true 20 queue_is_empty || { bourse queue list; fail "not all came after the kill"; }
copies=$(got 16 'Subject: number-')
ids=$(cat "$work"/got/16.* | grep -i '^Message-ID:' | sort -u | wc -l)
[ "$ids" -eq 20 ] || fail "20 letters have $ids identities"
# What was in the receiver's hands when we died comes again, nothing else.
[ "$copies" -le 30 ] || fail "20 letters came $copies times"

deploy/demo stop "$a_dir" >"$work/stop" && deploy/demo stop "$b_dir" >>"$work/stop" || fail "stop"
grep killed "$work/stop" && fail "a daemon had to be killed"
echo "result: letters=20 copies-after-kill=$copies identities=$ids"
