#!/bin/sh
# thunderbird.sh - a headless Thunderbird reads, flags, copies, moves, deletes and
# puts letters by IMAP, told to by an autoconfig script; then curl looks
. "$(dirname "$0")/lib.sh"

app=/usr/lib/thunderbird
[ -x $app/thunderbird-bin ] || skip "thunderbird is not installed"
letters=8
demo "$work/org"
password=$(awk '$1 == "alice" { print $2 }' "$demo_dir/passwords")
i=1
while [ $i -le $letters ]; do
	swaks --server 127.0.0.1:$((base + 25)) --from you@outside.test --to alice@example.test \
		--header "Subject: letter $i" --body "body of letter $i" >"$work/swaks" 2>&1 ||
		fail "letter $i"
	i=$((i + 1))
done

# The script is only read from the program's own folder, so we run a copy of that:
# links, but for the executable, which looks for its folder by its own path.
cp -rs $app "$work/app"
rm "$work/app/thunderbird" "$work/app/thunderbird-bin"
cp $app/thunderbird-bin "$work/app/thunderbird-bin"
cat >"$work/app/defaults/pref/autoconfig.js" <<-'EOF'
	// the first line is ignored
	pref("general.config.filename", "thunderbird.cfg");
	pref("general.config.obscure_value", 0);
	pref("general.config.sandbox_enabled", false);
EOF
cp tests/system/thunderbird.cfg "$work/app/"

mkdir -m 700 "$work/profile" "$work/home"
cat >"$work/profile/user.js" <<-EOF
	user_pref("mail.accountmanager.accounts", "account1");
	user_pref("mail.accountmanager.defaultaccount", "account1");
	user_pref("mail.account.account1.server", "server1");
	user_pref("mail.account.account1.identities", "id1");
	user_pref("mail.identity.id1.useremail", "alice@example.test");
	user_pref("mail.identity.id1.fullName", "Alice");
	user_pref("mail.server.server1.type", "imap");
	user_pref("mail.server.server1.name", "alice");
	user_pref("mail.server.server1.hostname", "127.0.0.1");
	user_pref("mail.server.server1.port", $((base + 993)));
	user_pref("mail.server.server1.userName", "alice");
	user_pref("mail.server.server1.socketType", 3);
	user_pref("mail.server.server1.authMethod", 3);
	user_pref("mail.server.server1.login_at_startup", false);
	user_pref("app.update.enabled", false);
	user_pref("mail.biff.show_alert", false);
	user_pref("mail.biff.play_sound", false);
	user_pref("datareporting.policy.dataSubmissionEnabled", false);
	user_pref("network.captive-portal-service.enabled", false);
	user_pref("network.connectivity-service.enabled", false);
	user_pref("mailnews.start_page.enabled", false);
	user_pref("mail.rights.version", 1);
	user_pref("mail.spotlight.firstRunDone", true);
EOF
printf 'From: Alice <alice@example.test>\r\nTo: x@outside.test\r\nSubject: put by thunderbird\r\nMessage-ID: <tb@example.test>\r\n\r\nput there\r\n' \
	>"$work/letter.eml"
# A certificate bundle or proxy of the surroundings must not decide.
env -u SSL_CERT_FILE -u https_proxy -u http_proxy HOME="$work/home" MOZ_HEADLESS=1 MOZ_CRASHREPORTER_DISABLE=1 \
	BOURSE_USER=alice BOURSE_PASSWORD="$password" BOURSE_LETTERS=$letters \
	BOURSE_PORT=$((base + 993)) BOURSE_CERT="$(grep -v -e ---- "$demo_dir/data/cas/tls/cert.pem" | tr -d '\n')" \
	BOURSE_LETTER="$work/letter.eml" BOURSE_RESULT="$work/result" \
	${TB_LOG:+MOZ_LOG=$TB_LOG} ${TB_LOG:+MOZ_LOG_FILE=$work/tb.log} \
	timeout -k 5 100 "$work/app/thunderbird-bin" --headless --no-remote --profile "$work/profile" \
	>"$work/thunderbird" 2>&1
[ -s "$work/result" ] || { tail -20 "$work/thunderbird"; fail "thunderbird did not come to an end"; }
read -r word rest <"$work/result"
[ "$word" = ok ] || { cat "$work/result"; fail "thunderbird"; }

look() { curl -sk -u "alice:$password" "imaps://127.0.0.1:$((base + 993))/$1" -X "$2"; }
look '' 'STATUS INBOX (MESSAGES)' | grep -q "MESSAGES $((letters - 2))" || fail "INBOX differs"
look '' 'STATUS "from thunderbird" (MESSAGES)' | grep -q 'MESSAGES 3' || fail "the new folder differs"
look INBOX 'SEARCH SEEN SUBJECT "letter 2"' | grep -q 'SEARCH [0-9]' || fail "letter 2 is not read"
look INBOX 'SEARCH FLAGGED KEYWORD $label1 SUBJECT "letter 3"' | grep -q 'SEARCH [0-9]' || fail "letter 3 is not flagged"
look 'from%20thunderbird' 'SEARCH SUBJECT "put by thunderbird"' | grep -q 'SEARCH [0-9]' || fail "the put letter is not there"
echo "result: thunderbird: $rest"
