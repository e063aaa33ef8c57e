#!/bin/sh
# clients.sh - mail programs that nobody here wrote: mbsync, mpop, msmtp, curl, and
# a reply out of the organisation to smtp-sink
. "$(dirname "$0")/lib.sh"

demo "$work/org"
pw() { awk -v u="$1" '$1 == u { print $2 }' "$demo_dir/passwords"; }
cert=$demo_dir/data/cas/tls/cert.pem

i=1
while [ $i -le 20 ]; do
	swaks --server 127.0.0.1:$((base + 25)) --from you@outside.test --to alice@example.test \
		--header "Subject: letter $i" --body "body of letter $i" >"$work/swaks" 2>&1 ||
		{ cat "$work/swaks"; fail "letter $i"; }
	i=$((i + 1))
done

# mbsync, both ways, with flags and a deletion; a second run moves nothing.
mkdir -p "$work/maildir"
cat >"$work/mbsyncrc" <<-EOF
	IMAPAccount bourse
	Host 127.0.0.1
	Port $((base + 993))
	User alice
	Pass "$(pw alice)"
	SSLType IMAPS
	CertificateFile $cert

	IMAPStore far
	Account bourse

	MaildirStore near
	Path $work/maildir/
	Inbox $work/maildir/INBOX
	SubFolders Verbatim

	Channel all
	Far :far:
	Near :near:
	Patterns *
	Create Both
	Expunge Both
	SyncState *
EOF
mbsync -c "$work/mbsyncrc" -a -V >"$work/mbsync1" 2>&1 || { tail -20 "$work/mbsync1"; fail "mbsync"; }
n=$(find "$work/maildir/INBOX" -type f -path '*/[nc][eu][wr]/*' | wc -l)
[ "$n" -eq 20 ] || { tail -20 "$work/mbsync1"; fail "mbsync fetched $n of 20"; }
one=$(find "$work/maildir/INBOX" -type f -path '*/[nc][eu][wr]/*' | head -1)
mv "$one" "$work/maildir/INBOX/cur/$(basename "$one" | sed 's/:2,.*//'):2,FS"
two=$(find "$work/maildir/INBOX" -type f -path '*/[nc][eu][wr]/*' | grep -v ':2,FS' | head -1)
mv "$two" "$work/maildir/INBOX/cur/$(basename "$two" | sed 's/:2,.*//'):2,T"
mbsync -c "$work/mbsyncrc" -a -V >"$work/mbsync2" 2>&1 || { tail -20 "$work/mbsync2"; fail "mbsync 2"; }
both_sides() {
	find "$work/maildir" -type f ! -name '.*' | sort
	curl -sk -u "alice:$(pw alice)" "imaps://127.0.0.1:$((base + 993))/" \
		-X 'STATUS INBOX (MESSAGES UIDNEXT HIGHESTMODSEQ)'
}
both_sides >"$work/before"
mbsync -c "$work/mbsyncrc" -a >"$work/mbsync3" 2>&1 || fail "mbsync 3"
both_sides >"$work/after"
grep -q 'MESSAGES 19' "$work/after" || { cat "$work/after"; fail "the deletion did not arrive"; }
cmp -s "$work/before" "$work/after" || { diff "$work/before" "$work/after"; fail "mbsync moves something again"; }
flags=$(curl -sk -u "alice:$(pw alice)" "imaps://127.0.0.1:$((base + 993))/INBOX" -X 'SEARCH FLAGGED SEEN')
[ "$(echo "$flags" | wc -w)" -eq 3 ] || fail "flags set by mbsync are not there: $flags"

# mpop by POP3S.
mkdir -p "$work/pop/new" "$work/pop/cur" "$work/pop/tmp"
cat >"$work/mpoprc" <<-EOF
	account default
	host 127.0.0.1
	port $((base + 995))
	tls on
	tls_starttls off
	tls_certcheck off
	user alice
	password $(pw alice)
	auth plain
	delivery maildir $work/pop
	uidls_file $work/uidls
	keep on
EOF
chmod 600 "$work/mpoprc"
mpop -C "$work/mpoprc" >"$work/mpop" 2>&1 || { cat "$work/mpop"; fail "mpop"; }
n=$(ls "$work/pop/new" | wc -l)
[ "$n" -eq 19 ] || fail "mpop fetched $n of 19"

# msmtp submits; bob reads; APPEND and search by curl.
printf 'From: alice@example.test\nTo: bob@example.test\nSubject: by msmtp\n\n.\nhello\n' |
	msmtp --host=127.0.0.1 --port=$((base + 587)) --tls=on --tls-starttls=on \
		--tls-certcheck=off --auth=plain --user=alice --from=alice@example.test \
		--passwordeval="echo $(pw alice)" bob@example.test >"$work/msmtp" 2>&1 ||
	{ cat "$work/msmtp"; fail "msmtp"; }
printf 'From: a@b.test\r\nSubject: put here\r\n\r\nbody\r\n' >"$work/put.eml"
curl -sk -T "$work/put.eml" -u "bob:$(pw bob)" "imaps://127.0.0.1:$((base + 993))/INBOX" || fail "APPEND by curl"
until_true 5 sh -c "curl -sk -u 'bob:$(pw bob)' 'imaps://127.0.0.1:$((base + 993))/INBOX?SUBJECT%20msmtp' | grep -q 'SEARCH [0-9]'" ||
	fail "bob does not find it"

# A reply out: the connector's smart host is a sink on loopback.
sink=$((base + 99))
chmod 755 "$work"
mkdir -m 777 "$work/sink"
[ "$(id -u)" -ne 0 ] || as='-u postfix'
# shellcheck disable=SC2086
smtp-sink ${as-} -d "$work/sink/%M." 127.0.0.1:$sink 10 &
sink_pid=$!
bourse connector create out address-space='*' smart-host=127.0.0.1:$sink >/dev/null || fail "connector"
swaks --server 127.0.0.1:$((base + 587)) -tls --auth PLAIN --auth-user alice \
	--auth-password "$(pw alice)" --from alice@example.test --to you@outside.test \
	--header 'Subject: Re: letter 1' >"$work/swaks" 2>&1 || { cat "$work/swaks"; fail "reply"; }
until_true 15 sh -c "cat '$work'/sink/* | grep -q 'Re: letter 1'" || { bourse queue list; fail "the reply did not go out"; }
kill $sink_pid
echo "result: mbsync mpop msmtp curl swaks and smtp-sink agree"
