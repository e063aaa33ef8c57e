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
echo "result: heard$heard; missed call, 420, 404, 403"
