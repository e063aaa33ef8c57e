#!/bin/sh
# um.sh - telephony: sipp and baresip call the demo, and what they say is in the
# mailbox; sound is judged by correlation with what was sent.
. "$(dirname "$0")/lib.sh"
command -v sipp >/dev/null || skip "no sipp"

demo "$work/org"
sip=$((base + 5060))
"$TOOLS/um_sound" make "$work" || fail "no sound"
bourse dial-plan set demo audio-codec=pcm >/dev/null || fail "the dial plan's codec"

# scenario FILE HEADER WAIT: INVITE with a header more, wait for the beep, say something,
# hang up.  What the caller says takes as long as WAIT allows.
scenario() {
	cat >"$1" <<-EOF
	<?xml version="1.0" encoding="UTF-8"?>
	<scenario name="call">
	<send retrans="500"><![CDATA[
	INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
	Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
	From: "Dave Caller" <sip:5551234@[local_ip]:[local_port]>;tag=[call_number]
	To: <sip:[service]@[remote_ip]:[remote_port]>
	Call-ID: [call_id]
	CSeq: 1 INVITE
	Contact: <sip:5551234@[local_ip]:[local_port];transport=[transport]>
	Max-Forwards: 70
	$2
	Content-Type: application/sdp
	Content-Length: [len]

	v=0
	o=u 1 1 IN IP[local_ip_type] [local_ip]
	s=-
	c=IN IP[media_ip_type] [media_ip]
	t=0 0
	m=audio [auto_media_port] RTP/AVP 0 96
	a=rtpmap:0 PCMU/8000
	a=rtpmap:96 telephone-event/8000
	]]></send>
	<recv response="100" optional="true"/>
	<recv response="${4-200}" rrs="true"/>
	<send><![CDATA[
	ACK [next_url] SIP/2.0
	Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
	From: "Dave Caller" <sip:5551234@[local_ip]:[local_port]>;tag=[call_number]
	To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
	Call-ID: [call_id]
	CSeq: 1 ACK
	Max-Forwards: 70
	Content-Length: 0

	]]></send>
	EOF
	[ -z "$3" ] || cat >>"$1" <<-EOF
	<nop><action><exec rtp_stream="$work/msg.ul,-1,0,PCMU/8000"/></action></nop>
	<pause milliseconds="$3"/>
	<send retrans="500"><![CDATA[
	BYE [next_url] SIP/2.0
	Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
	From: "Dave Caller" <sip:5551234@[local_ip]:[local_port]>;tag=[call_number]
	To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]
	Call-ID: [call_id]
	CSeq: 2 BYE
	Max-Forwards: 70
	Content-Length: 0

	]]></send>
	<recv response="200"/>
	EOF
	echo '</scenario>' >>"$1"
}

media=$((base + 3000))
call() {	# call SCENARIO EXTENSION [sipp options]
	file=$1 to=$2
	shift 2
	media=$((media + 20))
	timeout 60 sipp "127.0.0.1:$sip" -sf "$work/$file" -s "$to" -m 1 -nostdin -mp $media \
		"$@" >"$work/sipp.out" 2>&1
}

newest() { bourse message show "$1" >"$work/mail" 2>/dev/null; }
has_mail() { newest "$1" && grep -q "$2" "$work/mail"; }
sounds_right() {
	"$TOOLS/um_sound" compare "$work" <"$work/mail" >"$work/heard" ||
		{ cat "$work/heard"; fail "$1: that is not what was said"; }
	heard="$heard $1=$(sed 's/.*correlation //' "$work/heard")"
}
heard=

# ---- messages, by every way in ----------------------------------------------------------
scenario "$work/plain" 'X-Test: 1' 12000
call plain 1001 -i 127.0.0.1 || { cat "$work/sipp.out"; fail "the call over UDP"; }
until_true 10 has_mail alice 'Voice message from Dave Caller' || fail "no mail after UDP"
sounds_right udp
for field in 'Content-Class: voice-CA' 'Message-Context: voice-message' \
	'X-CallingTelephoneNumber: 5551234' 'X-VoiceMessageDuration: '; do
	grep -q "^$field" "$work/mail" || fail "no $field in the mail"
done

scenario "$work/divert" 'Diversion: <sip:1002@pbx>;reason=no-answer' 12000
call divert 7777 -i 127.0.0.1 -t t1 || { cat "$work/sipp.out"; fail "the call over TCP"; }
until_true 10 has_mail bob 'Voice message' || fail "no mail for who diverted"
sounds_right tcp

if command -v baresip >/dev/null && [ -e /usr/lib/baresip/modules/srtp.so ]; then
	mkdir "$work/baresip"
	cat >"$work/baresip/config" <<-EOF
		module_path /usr/lib/baresip/modules
		module g711.so
		module aufile.so
		module srtp.so
		module_app account.so
		module_app menu.so
		audio_source aufile,$work/msg.wav
		audio_player aufile,$work/null.wav
		sip_listen 127.0.0.1:0
	EOF
	echo "<sip:1002@127.0.0.1;transport=tls>;regint=0;mediaenc=srtp-mand;audio_codecs=PCMU/8000;outbound=\"sip:127.0.0.1:$((sip + 1));transport=tls\"" \
		>"$work/baresip/accounts"
	: >"$work/baresip/contacts"
	timeout 30 baresip -f "$work/baresip" -t 13 \
		-e "/dial sip:1003@127.0.0.1:$((sip + 1));transport=tls" >"$work/baresip.out" 2>&1
	until_true 10 has_mail carol 'Voice message from Bob' ||
		{ tail -20 "$work/baresip.out"; fail "no mail after TLS and SRTP"; }
	grep -q '^From: "Bob" <bob@example.test>' "$work/mail" || fail "the caller is not Bob"
	grep -q 'transport=tls.*srtp=1' "$demo_dir/log/um.log" || fail "that was not SRTP over TLS"
	sounds_right tls-srtp
fi

# ---- who hangs up before the beep ----------------------------------------------------------
scenario "$work/short" 'X-Test: 1' 500
call short 1001 -i 127.0.0.1 || fail "the short call"
until_true 10 has_mail alice 'Missed call from Dave Caller' || fail "no missed call mail"
grep -q '^Content-Class: missedcall' "$work/mail" || fail "the missed call's class"

# ---- what is refused -------------------------------------------------------------------------
scenario "$work/require" 'Require: 100rel' '' 420
call require 1001 -i 127.0.0.1 || fail "Require is not answered 420"
scenario "$work/nobody" 'X-Test: 1' '' 404
call nobody 4242 -i 127.0.0.1 || fail "an unknown extension is not answered 404"
scenario "$work/stranger" 'X-Test: 1' '' 403
call stranger 1001 -i 127.0.0.2 || fail "a stranger is not answered 403"

# ---- within a call: session timer, hold, UPDATE, keys by INFO -----------------------------
# request METHOD CSEQ [BODY-TYPE BODY]: one of a dialog
request() {
	printf '<send retrans="500"><![CDATA[\n%s [next_url] SIP/2.0\n' "$1"
	printf 'Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n'
	printf 'From: "Dave Caller" <sip:5551234@[local_ip]:[local_port]>;tag=[call_number]\n'
	printf 'To: <sip:[service]@[remote_ip]:[remote_port]>[peer_tag_param]\nCall-ID: [call_id]\n'
	printf 'CSeq: %s %s\nMax-Forwards: 70\nContact: <sip:5551234@[local_ip]:[local_port]>\n' "$2" "$1"
	printf 'Supported: timer\nSession-Expires: 600\n'
	[ -z "${3-}" ] || printf 'Content-Type: %s\n' "$3"
	printf 'Content-Length: [len]\n\n%s\n]]></send>\n' "${4-}"
}
answer() {	# answer STATUS REGEXP...: what the reply must hold
	printf '<recv response="%s"><action>' "$1"
	shift
	for re in "$@"; do
		n=$((${n-0} + 1))
		printf '<ereg regexp="%s" search_in="msg" check_it="true" assign_to="v%s"/>' "$re" "$n"
		used="${used-}${used:+,}v$n"
	done
	printf '</action></recv>\n'
}
offer() {
	printf 'v=0\no=u 1 %s IN IP4 [local_ip]\ns=-\nc=IN IP4 [media_ip]\nt=0 0\n' "$1"
	printf 'm=audio [auto_media_port] RTP/AVP %s 96\na=rtpmap:96 telephone-event/8000\na=%s' "$2" "$3"
}
n=0 used=
{
	echo '<?xml version="1.0" encoding="UTF-8"?><scenario name="dialog">'
	request INVITE 1 application/sdp "$(offer 1 0 sendrecv)" |
		sed 's/\[next_url\]/sip:[service]@[remote_ip]:[remote_port]/; s/\[peer_tag_param\]//'
	echo '<recv response="100" optional="true"/>'
	answer 200 'Session-Expires: 600;refresher=uac' 'Require: timer' 'a=sendrecv' |
		sed 's/response="200"/response="200" rrs="true"/'
	request ACK 1 | sed 's/ retrans="500"//'
	echo '<pause milliseconds="300"/>'
	request INVITE 2 application/sdp "$(offer 2 8 sendonly)"
	echo '<recv response="100" optional="true"/>'
	answer 200 'm=audio [0-9]+ RTP/AVP 8 96' 'a=recvonly' 'o=bourse [0-9]+ 2 IN'
	request ACK 2 | sed 's/ retrans="500"//'
	request UPDATE 3
	answer 200 'Session-Expires: 600'
	request INFO 4 application/dtmf-relay 'Signal=#'
	answer 200
	request OPTIONS 5
	answer 200 'Allow: .*UPDATE'
	request INVITE 6 application/sdp "$(offer 3 18 sendrecv)"
	echo '<recv response="100" optional="true"/>'
	answer 488
	request ACK 6 | sed 's/ retrans="500"//'
	request BYE 7
	answer 200
	used=v1,v2,v3,v4,v5
	echo "<Reference variables=\"$used\"/></scenario>"
} >"$work/dialog"
call dialog 1001 -i 127.0.0.1 || { cat "$work/sipp.out"; fail "a call with changes"; }

# ---- the attendant: an extension, a name, a key ------------------------------------------
keys() {	# keys FIRST-CSEQ KEY...
	c=$1
	shift
	for k in "$@"; do
		request INFO "$c" application/dtmf-relay "Signal=$k"
		echo '<recv response="200"/>'
		c=$((c + 1))
	done
}
reply() {	# reply "STATUS REASON" to the request before
	printf '<send><![CDATA[\nSIP/2.0 %s\n[last_Via:]\n[last_From:]\n[last_To:]\n' "$1"
	printf '[last_Call-ID:]\n[last_CSeq:]\nContent-Length: 0\n\n]]></send>\n'
}
begin_attended() {	# begin_attended NAME
	printf '<?xml version="1.0" encoding="UTF-8"?><scenario name="%s">\n' "$1"
	request INVITE 1 application/sdp "$(offer 1 0 sendrecv)" |
		sed 's/\[next_url\]/sip:[service]@[remote_ip]:[remote_port]/; s/\[peer_tag_param\]//'
	echo '<recv response="100" optional="true"/><recv response="200" rrs="true"/>'
	request ACK 1 | sed 's/ retrans="500"//'
	echo '<pause milliseconds="300"/>'
}
referred() {	# referred NUMBER STATUS: the REFER, and what it is told
	cat <<-END
	<recv request="REFER" timeout="20000"><action>
	<ereg regexp="Refer-To: .sip:$1@" search_in="msg" check_it="true" assign_to="r"/></action></recv>
	END
	reply "$2"
}
end_attended() { echo '<Reference variables="r"/></scenario>'; }
speak_and_go() {
	echo "<nop><action><exec rtp_stream=\"$work/msg.ul,-1,0,PCMU/8000\"/></action></nop>"
	echo '<pause milliseconds="9000"/>'
	request BYE 40
	echo '<recv response="200"/>'
}
messages_of() { bourse message list "$1" | grep -c 'Voice message'; }
more_than() { [ "$(messages_of "$1")" -gt "$2" ]; }
{
	begin_attended extension
	keys 10 1 0 0 1
	referred 1001 '603 Decline'
	speak_and_go
	end_attended
} >"$work/by-extension"
was=$(messages_of alice)
call by-extension 1000 -i 127.0.0.1 || { cat "$work/sipp.out"; fail "1001 dialled at the attendant"; }
until_true 10 more_than alice "$was" || fail "alice has no message by the attendant"
{
	begin_attended name
	keys 10 '#' 2 5 4 2 3 '#'
	referred 1001 '202 Accepted'
	request NOTIFY 30 message/sipfrag 'SIP/2.0 200 OK' |
		sed 's/^Supported: timer$/Event: refer/; s/^Session-Expires.*/Subscription-State: terminated/'
	echo '<recv response="200"/><recv request="BYE" timeout="5000"/>'
	reply '200 OK'
	end_attended
} >"$work/by-name"
call by-name 1000 -i 127.0.0.1 || { cat "$work/sipp.out"; fail "alice spelled at the attendant"; }
grep -q 'attended how=transfer to=1001' "$demo_dir/log/um.log" || fail "no transfer in the log"
bourse ip-gateway set phones outbound-calls=no >/dev/null || fail "the gateway's outbound calls"
{
	begin_attended key
	keys 10 2
	echo '<pause milliseconds="3500"/>'
	speak_and_go
	echo '</scenario>'
} >"$work/by-key"
was=$(messages_of bob)
call by-key 1000 -i 127.0.0.1 || { cat "$work/sipp.out"; fail "2 pressed at the attendant"; }
until_true 10 more_than bob "$was" || fail "bob has no message by the attendant"
bourse ip-gateway set phones outbound-calls=yes >/dev/null

# ---- message waiting ----------------------------------------------------------------------------
notified() {	# notified REGEXP VARIABLE
	cat <<-EOF
	<recv request="NOTIFY" timeout="20000"><action>
	<ereg regexp="$1" search_in="msg" check_it="true" assign_to="$2"/></action></recv>
	<send><![CDATA[
	SIP/2.0 200 OK
	[last_Via:]
	[last_From:]
	[last_To:]
	[last_Call-ID:]
	[last_CSeq:]
	Content-Length: 0

	]]></send>
	EOF
}
subscribe() {	# subscribe EVENT
	cat <<-EOF
	<?xml version="1.0" encoding="UTF-8"?><scenario name="subscribe">
	<send retrans="500"><![CDATA[
	SUBSCRIBE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
	Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
	From: <sip:1@[local_ip]:[local_port]>;tag=[call_number]
	To: <sip:[service]@[remote_ip]:[remote_port]>
	Call-ID: [call_id]
	CSeq: 1 SUBSCRIBE
	Contact: <sip:1@[local_ip]:[local_port]>
	Event: $1
	Expires: 600
	Max-Forwards: 70
	Content-Length: 0

	]]></send>
	EOF
}
{ subscribe presence; echo '<recv response="489"/></scenario>'; } >"$work/presence"
call presence 1003 -i 127.0.0.1 || fail "another event package is not answered 489"
was=$(bourse message list carol | grep -c 'Voice message')
{
	subscribe message-summary
	echo '<recv response="200"/>'
	notified "Voice-Message: $was/0" a
	notified "Voice-Message: $((was + 1))/0" b
	notified "Voice-Message: $was/1" c
	echo '<Reference variables="a,b,c"/></scenario>'
} >"$work/waiting"
(call waiting 1003 -i 127.0.0.1; echo $? >"$work/waiting.rc") &
media=$((media + 40))
scenario "$work/quick" 'X-Test: 1' 8000
call quick 1003 -i 127.0.0.1 || fail "the call that lights the lamp"
more_for_carol() { [ "$(bourse message list carol | grep -c 'Voice message')" -gt "$was" ]; }
until_true 10 more_for_carol || fail "carol has no message more"
sleep 1.5	# the telephone is told, then carol reads it
pw=$(awk '$1 == "carol" { print $2 }' "$demo_dir/passwords")
curl -sk -u "carol:$pw" "imaps://127.0.0.1:$((base + 993))/INBOX;MAILINDEX=*" >/dev/null ||
	fail "carol cannot read it"
until_true 10 test -s "$work/waiting.rc"
[ "$(cat "$work/waiting.rc")" = 0 ] || fail "the lamp does not follow"

# ---- a full mailbox ---------------------------------------------------------------------------------
bourse mailbox set carol quota-warn=1 quota-send=2 quota-receive=3 >/dev/null || fail "quota"
was=$(bourse message list carol | wc -l)
call plain 1003 -i 127.0.0.1 && fail "a full mailbox hears callers out"
[ "$(bourse message list carol | wc -l)" = "$was" ] || fail "a full mailbox got mail"

# ---- killed in a recording, and a hub that is away --------------------------------------------
call plain 1002 -i 127.0.0.1 -bg >/dev/null 2>&1
until_true 10 sh -c "BUILD=$BUILD $BUILD/bourse -C $demo_dir um call list | grep -q recording" ||
	fail "nothing is recorded"
sleep 3
kill -9 "$(cat "$demo_dir/pid/um")"
kill -9 "$(cat "$demo_dir/pid/hub")"
rm -f "$demo_dir/pid/um"
was=$(bourse message list bob | wc -l)
"$BUILD/bourse-um" -C "$demo_dir" >>"$demo_dir/log/um.log" 2>&1 &
echo $! >"$demo_dir/pid/um"
until_true 10 sh -c "ls $demo_dir/data/um/messages/*.mail" || fail "nothing waits for the hub"
[ "$(bourse message list bob | wc -l)" = "$was" ] || fail "mail without a hub?"
deploy/demo start "$demo_dir" >/dev/null
more() { [ "$(bourse message list bob | wc -l)" -gt "$was" ]; }
until_true 20 more || fail "the recording of the killed process never came"
newest bob
sounds_right killed
[ "$(bourse message list bob | grep -c 'Voice message')" = $((was - 1 + 1)) ] ||
	fail "not one message more"
# With SAN=1 the exit of every daemon must be clean, too.
deploy/demo stop "$demo_dir" >/dev/null
grep -lE 'ERROR: (Address|Leak)Sanitizer|runtime error' "$demo_dir"/log/*.log &&
	fail "a sanitizer has found something: $(grep -hE 'Sanitizer|runtime error' "$demo_dir"/log/*.log | head -3)"
echo "result: heard$heard; missed call, hold, timers, attendant, message waiting, full mailbox, 420, 404, 403, 488, 489"
