#!/bin/sh
# shell.sh - every noun and verb of the shell at least once, against real daemons
#
# What a verb prints with -o json is read by a strict parser; every change stands in the
# audit log afterwards, with the object's name, and a refusal too; exit codes are those of
# bourse(1); a password is asked for at a terminal.  At the end the verbs that --help
# tells of are compared with those that were used.
. "$(dirname "$0")/lib.sh"
for p in python3 swaks curl; do
	command -v $p >/dev/null || skip "no $p: run deploy/deps test"
done
demo "$work/org"
org=$work/org
: >"$work/used"
: >"$work/changes"
mkdir "$work/json"

cat >"$work/strict.py" <<'END'
"""A JSON value and nothing else: no NaN, no key twice, no raw control characters."""
import json, sys
def pairs(p):
    keys = [k for k, _ in p]
    assert len(keys) == len(set(keys)), "a key twice: " + str(keys)
    return dict(p)
def constant(c):
    raise ValueError(c)
v = json.loads(sys.stdin.buffer.read().decode("utf-8"), object_pairs_hook=pairs,
               parse_constant=constant, strict=True)
if len(sys.argv) > 1:
    print(eval(sys.argv[1], {"v": v}))
END
json() { python3 "$work/strict.py" "$@"; }

# run WANTED-CODE WORD...: the command, with output in $work/out and $work/err
run() {
	wanted=$1
	shift
	case $1 in
	status | stats | log-level) echo "$1" ;;
	*) echo "$1 ${2-}" ;;
	esac >>"$work/used"
	bourse -o json "$@" >"$work/out" 2>"$work/err" <"${in:-/dev/null}"
	rc=$?
	[ $rc -eq "$wanted" ] || fail "$*: exit $rc, not $wanted: $(cat "$work/out" "$work/err")"
	[ $rc -eq 0 ] || [ -s "$work/err" ] || fail "$*: exit $rc without a word"
}
# ok WORD...: and what it prints is JSON (or nothing), which is looked at in the end
ok() {
	run 0 "$@"
	cp "$work/out" "$work/json/$(wc -l <"$work/used")"
}
# changed OBJECT WORD...: ok, and the audit log will have it
changed() {
	object=$1
	shift
	ok "$@"
	echo "$object" >>"$work/changes"
}
newest() { bourse -o json audit list --limit 1 | json "$1"; }
number() { newest 'v[0]["number"] if v else 0'; }
# All that was printed is JSON; all changes are in the audit log, in their order.
look_back() {
	bourse -o json audit list --limit 100000 >"$work/audit" || fail "audit list"
	python3 - "$work" <<-'END' || fail "what was printed, or the audit log"
		import os, sys
		sys.argv, work = ["strict"], sys.argv[1]
		src = open(work + "/strict.py").read().split("v = json.loads")[0]
		exec(src)
		def load(path):
		    text = open(path, "rb").read().decode("utf-8")
		    return json.loads(text, object_pairs_hook=pairs, parse_constant=constant) if text else None
		for name in sorted(os.listdir(work + "/json"), key=int):
		    try:
		        load(work + "/json/" + name)
		    except Exception as e:
		        sys.exit("command %s: %s" % (name, e))
		lines = iter(sorted(load(work + "/audit"), key=lambda l: l["number"]))
		for object in open(work + "/changes").read().split("\n")[:-1]:
		    for l in lines:
		        if l["object"] == object and l["result"] == "success":
		            assert l["administrator"] and l["time"] and l["change"], l
		            break
		    else:
		        sys.exit("no line about a change of \"%s\"" % object)
	END
}

# ---- reading --------------------------------------------------------------------------------
ok status
ok audit list
ok server list
ok server show hub
ok database list
ok database show mailbox-1
ok database catalogue
ok admin list
ok transport show
ok organisation show
ok queue list
ok queue messages hub
ok um call list
ok test mailflow alice --timeout 10
ok stats
ok stats hub
run 0 stats --prometheus
grep -q '^# TYPE bourse_store_delivered_total counter' "$work/out" || fail "stats --prometheus"
run 0 completion bash
bash -n "$work/out" || fail "the completion is no bash"
for noun in mailbox group contact domain address-policy connector dial-plan ip-gateway hunt-group \
	um-policy auto-attendant oauth public-folder; do
	ok $noun list
done

# ---- recipients ---------------------------------------------------------------------------------
echo secret >"$work/pw"
changed ann mailbox create ann given-name=Ann surname=Ott --password-file "$work/pw"
in=$work/pw changed ben mailbox create ben --password-stdin
changed cid mailbox create cid --no-password 'display-name=Ci "d" \ é'
ok mailbox show cid
json 'v["display-name"]' <"$work/out" | grep -qF 'Ci "d" \ é' || fail "quoting: $(cat "$work/out")"
changed ann mailbox set ann quota-send=1G imap=no +address=a@example.test
changed ann mailbox set ann quota-send= -address=a@example.test
printf 'name,address,password,department\ndan,dan@example.test,pw,Sales\n' >"$work/in.csv"
changed dan mailbox import "$work/in.csv"
ok mailbox stat dan
ok mailbox folders dan
changed ann mailbox share ann --with ben
ok mailbox permission list ann
ok mailbox permission add ann/INBOX ben lr
changed big group create big address=big@example.test member=ann
changed big group add big ben dan
changed big group take big ann
changed big group set big require-sender-authentication=no
ok group show big
[ "$(json 'sorted(v["member"])' <"$work/out")" = "['ben', 'dan']" ] || fail "group show: $(cat "$work/out")"
changed dan mailbox disable dan
ok group show big
[ "$(json 'v["member"]' <"$work/out")" = "['ben']" ] || fail "a disabled mailbox is a member"
reads() { curl -sk -u dan:pw "imaps://127.0.0.1:$((base + 993))/INBOX" -X NOOP >/dev/null; }
locked_out() { ! reads; }
until_true 5 locked_out || fail "a disabled mailbox is read"
changed dan mailbox reconnect dan
until_true 5 reads || fail "dan is reconnected, and cannot read"
ok group show big
[ "$(json 'sorted(v["member"])' <"$work/out")" = "['ben', 'dan']" ] || fail "not in the group again"
changed con contact create con target-address=con@elsewhere.test address=con@example.test
changed con contact set con department=Sales
ok contact show con
changed con contact remove con
changed news public-folder create news
changed news public-folder set news quota-warn=1G
ok public-folder show news
ok public-folder folders news
ok public-folder permission list news
changed news public-folder remove news

# ---- the organisation --------------------------------------------------------------------------------
changed new.test domain create new.test type=authoritative
changed new.test domain set new.test plus-tag=yes
ok domain show new.test
changed sales address-policy create sales template=%m@new.test if-department=Sales priority=1
changed sales address-policy set sales if-class=mailbox
ok address-policy show sales
ok address-policy apply
moved() { bourse -o json mailbox set dan by-policy=yes >/dev/null && bourse -o json mailbox show dan |
	json 'v["address"][0]' | grep -qx dan@new.test; }
until_true 5 moved || fail "the policy was not followed: $(bourse mailbox show dan)"
changed sales address-policy remove sales
changed out connector create out address-space=elsewhere.test smart-host=127.0.0.1:9 source-server=hub
changed out connector set out priority=7
ok connector show out
changed transport transport set max-hops=20
changed Example organisation set display-name=Examples
changed plan dial-plan create plan extension-digits=4
changed plan dial-plan set plan audio-codec=pcm
ok dial-plan show plan
changed gate ip-gateway create gate host=192.0.2.1
changed gate ip-gateway set gate status=disabled
ok ip-gateway show gate
changed hunt hunt-group create hunt dial-plan=plan ip-gateway=gate pilot=4000
changed hunt hunt-group set hunt pilot=4001
ok hunt-group show hunt
policy=$(bourse -o json um-policy list | json 'v[0]["name"]')
changed "$policy" um-policy set "$policy" pin-min-length=5
changed umx um-policy create umx dial-plan=plan
ok um-policy show umx
changed aa auto-attendant create aa dial-plan=plan extension=4100
changed aa auto-attendant set aa extension=4101
ok auto-attendant show aa
echo 738291 >"$work/pin"
in=$work/pin ok mailbox um enable ann extension=4711 um-policy=umx --pin-stdin --no-mail
ok mailbox um disable ann
run 3 um call hang-up nowhere 1
for x in 'auto-attendant aa' 'um-policy umx' 'hunt-group hunt' 'ip-gateway gate'; do
	# shellcheck disable=SC2086
	changed "${x#* }" ${x% *} remove ${x#* }
done
bourse -o json um-policy list | json '"\n".join(x["name"] for x in v if x["dial-plan"] == "plan")' |
	while read -r p; do
		[ -z "$p" ] || bourse um-policy remove "$p" || exit 1
	done || fail "the policies of a dial plan"
changed plan dial-plan remove plan
changed idp oauth create idp issuer=https://idp.test audience=imap
ok oauth show idp
changed idp oauth set idp audience=mail
run 2 oauth keys idp /dev/null
changed idp oauth remove idp

# ---- servers, databases, administrators --------------------------------------------------------------
changed hub server set hub display-name=first
changed cas2 server add cas cas2
json 'v["token"]' <"$work/out" | grep -q . || fail "server add: no token"
ok server rotate hub
until_true 5 sh -c "'$BUILD/bourse' -C '$org' audit list --limit 5 | grep -q 'server rotate'" ||
	fail "server rotate: not in the audit log"
keys() { [ "$(bourse -o json server show hub | json 'len(v["key"])')" -eq 2 ]; }
until_true 5 keys || fail "the next key is not known"
edge=$(bourse -o json server list | json '[x["name"] for x in v if x["role"] == "edge"][0]')
ok server rotate "$edge"
"$BUILD/bourse-edge" -C "$work" enrol --name edge2 --endpoint tcp://127.0.0.1:9 >"$work/sub" || fail "edge enrol"
changed edge2 edge subscribe "$work/sub"
changed edge2 server remove edge2
changed db2 database create db2 server=mailbox
changed db2 database set db2 quota-warn=1G
mounted() { bourse -o json database list | json '[x for x in v if x["name"] == "db2"][0]' | grep -q mounted; }
until_true 5 mounted || fail "db2: $(bourse database list)"
ok database check db2
ok database reindex db2
HOME=$work ok admin key
key=$(json 'v["key"]' <"$work/out") || key=$(tr -dc 0-9a-f <"$work/out")
changed eve admin create eve key="$key"
ok admin show eve
changed eve admin remove eve
ok log-level hub
ok log-level hub debug
ok log-level directory info

# ---- messages ---------------------------------------------------------------------------------------------
swaks --server 127.0.0.1:$((base + 25)) --from you@outside.test --to ben@example.test \
	--header 'Message-Id: <one@outside.test>' >"$work/swaks" 2>&1 || fail "swaks: $(cat "$work/swaks")"
ok message list ben
run 0 message show ben
grep -qi 'one@outside.test' "$work/out" || fail "message show: $(cat "$work/out")"
traced() { bourse -o json message trace '<one@outside.test>' | json 'len(v)' | grep -qv '^0$'; }
until_true 5 traced || fail "message trace finds nothing"
ok message trace --recipient ben@example.test
curl -sk -u ben:secret "imaps://127.0.0.1:$((base + 993))/INBOX" -X 'STORE 1 +FLAGS (\Deleted)' >/dev/null &&
	curl -sk -u ben:secret "imaps://127.0.0.1:$((base + 993))/INBOX" -X EXPUNGE >/dev/null ||
	fail "ben cannot delete"
ok message deleted ben
mid=$(json 'v[0]["number"]' <"$work/out") || fail "message deleted: $(cat "$work/out")"
ok message restore ben "$mid"

swaks --server 127.0.0.1:$((base + 587)) -tls --auth-user ben --auth-password secret --from ben@example.test \
	--to x@elsewhere.test >"$work/swaks" 2>&1 || fail "submission: $(cat "$work/swaks")"
waits() { bourse -o json queue list | json '[q for q in v if q["kind"] == "smart-host"][0]["queue"]'; }
until_true 5 waits || fail "nothing waits"
q=$(waits)
m=$(bourse -o json queue messages hub "$q" | json 'v[0]["number"]') || fail "queue messages"
ok queue suspend hub "$q"
ok queue resume hub "$q"
ok queue retry hub "$q"
ok queue suspend hub --message "$m"
ok queue resume hub --message "$m"
ok queue remove hub --message "$m" --silently
bourse audit list --limit 20 | grep -q 'queue' || fail "orders to queues are not in the audit log"

# ---- exit codes -----------------------------------------------------------------------------------------------
run 2 mailbox frobnicate
run 2 nonsense
run 2 mailbox create
run 2 mailbox create zed no-such=1 --no-password
run 2 mailbox set ann imap=perhaps
run 3 mailbox show nobody
run 3 group add big nobody
run 3 queue retry nowhere 1
run 1 mailbox create ann --no-password
before=$(number)
run 1 domain create new.test
[ "$(number)" -gt "$before" ] || fail "a refusal is not in the audit log"
run 2 queue remove hub

if [ "$(id -u)" -eq 0 ] && setpriv --reuid nobody --regid nogroup --clear-groups true 2>/dev/null; then
	chmod 711 "$work" "$org" && chmod 644 "$org/bourse.conf"
	setpriv --reuid nobody --regid nogroup --clear-groups env HOME=/nonexistent \
		"$BUILD/bourse" -C "$org" status >/dev/null 2>"$work/err"
	[ $? -eq 4 ] || fail "a stranger: exit $?, not 4: $(cat "$work/err")"
fi

# ---- at a terminal -----------------------------------------------------------------------------------------------
# tty COMMAND [PROMPT ANSWER]...: at a terminal, where each answer is typed when its prompt
# has come; what it shows is in $work/tty, its exit code is ours
cat >"$work/terminal.py" <<'END'
import os, pty, select, sys, time
command, script = sys.argv[1].split(), sys.argv[2:]
pid, fd = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
shown, seen, end = b"", 0, time.time() + 15
while time.time() < end:
    if script and shown.find(script[0].encode(), seen) >= 0:
        seen = len(shown)
        time.sleep(0.05)    # it may say its prompt before it listens
        os.write(fd, script[1].encode() + b"\n")
        script = script[2:]
    if select.select([fd], [], [], 0.1)[0]:
        try:
            more = os.read(fd, 4096)
        except OSError:
            break
        if not more:
            break
        shown += more
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
END
tty() { python3 "$work/terminal.py" "$@" >"$work/tty"; }
tty "$BUILD/bourse -C $org mailbox set ann imap=yes --password" Password: hush-9 Again: hush-9 ||
	fail "a password at a terminal: $(cat "$work/tty")"
grep -q hush-9 "$work/tty" && fail "the password is shown"
curl -sk -u ann:hush-9 "imaps://127.0.0.1:$((base + 993))/INBOX" >/dev/null || fail "ann cannot log in"
tty "$BUILD/bourse -C $org mailbox set ann --password" Password: one Again: two &&
	fail "two that differ are taken"
tty "$BUILD/bourse -C $org" 'bourse' 'domain show new.test' plus-tag exit
grep -q 'plus-tag' "$work/tty" || fail "the prompt: $(cat "$work/tty")"

# ---- the rest, and what is taken away -------------------------------------------------------------------------
changed out connector remove out
changed big group remove big
for u in ann ben cid dan; do
	changed $u mailbox remove $u
done
changed new.test domain remove new.test
changed cas2 server add cas cas2
kill "$(cat "$org/pid/cas")"
down() { bourse status >/dev/null 2>&1; [ $? -eq 5 ]; }
until_true 5 down || fail "status with a daemon down"
bourse -o json status 2>/dev/null | json '[x["notes"] for x in v if x["server"] == "cas"][0] != []' | grep -q True ||
	fail "status has no note of it"
changed cas server remove cas
look_back
kill "$(cat "$org/pid/directory")"
run 5 domain list

# ---- was that all? -----------------------------------------------------------------------------------------------
bourse --help | sed -n '/^Nouns:/,/^$/{/^  /p}' | while read -r noun verbs; do
	case $noun in
	status | stats | log-level) echo "$noun" ;;
	*) for v in $verbs; do echo "$noun $v"; done ;;
	esac
done | sort >"$work/all"
sort -u "$work/used" >"$work/used.sorted"
missing=$(comm -23 "$work/all" "$work/used.sorted")
[ -z "$missing" ] || fail "not tried: $missing"
echo "result: $(wc -l <"$work/all") verbs, $(wc -l <"$work/used") commands"
