#!/bin/sh
# logins.sh - every way in: tokens by curl, certificates by curl, SCRAM with and
# without channel binding, and what ends a session from outside (a switch, a
# restart); COMPRESS with Python's zlib
. "$(dirname "$0")/lib.sh"

demo "$work/org"
deploy/demo stop "$demo_dir" >/dev/null
quiet() { "$@" >"$work/out" 2>&1 || { cat "$work/out"; fail "$*"; }; }

# An authority, a certificate of alice's by it, and one that bob made himself.
quiet openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 \
	-subj /CN=authority -keyout "$work/ca.key" -out "$work/ca.pem"
quiet openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=alice \
	-keyout "$work/alice.key" -out "$work/alice.csr"
echo "subjectAltName=email:alice@example.test" >"$work/ext"
quiet openssl x509 -req -in "$work/alice.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" \
	-CAcreateserial -days 9 -extfile "$work/ext" -out "$work/alice.pem"
quiet openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 \
	-subj /CN=bob -addext subjectAltName=email:alice@example.test \
	-keyout "$work/bob.key" -out "$work/bob.pem"
for d in cas hub; do
	printf 'client-certificates = yes\nclient-ca = %s\n' "$work/ca.pem" \
		>>"$demo_dir/bourse-$d.conf"
done
quiet deploy/demo start "$demo_dir"

imap=imaps://127.0.0.1:$((base + 993))/ pop=pop3s://127.0.0.1:$((base + 995))/
smtp=smtp://127.0.0.1:$((base + 587))/
printf 'Subject: x\r\n\r\nby token\r\n' >"$work/letter"
tries=0
# try WANT CURL-ARGUMENTS...: 0, or 67: refused (94 is curl's word for a bad token)
try() {
	want=$1
	shift
	curl -sk -m 10 "$@" >"$work/out" 2>&1
	rc=$?
	[ $rc -ne 94 ] || rc=67
	[ $rc -eq "$want" ] || { cat "$work/out"; fail "curl $*: $rc, not $want"; }
	tries=$((tries + 1))
}

# ---- tokens -------------------------------------------------------------------
quiet openssl genrsa -out "$work/issuer.key" 2048
quiet openssl genrsa -out "$work/other.key" 2048
cat >"$work/jwt.py" <<'EOF'
import base64, json, subprocess, sys, time
b = lambda x: base64.urlsafe_b64encode(x).rstrip(b'=').decode()
def jwks(key):
    n = subprocess.check_output(['openssl', 'rsa', '-in', key, '-noout', '-modulus'])
    n = bytes.fromhex(n.decode().strip().split('=')[1])
    return json.dumps({'keys': [{'kty': 'RSA', 'kid': 'k', 'use': 'sig', 'n': b(n), 'e': 'AQAB'}]})
def token(key, **changes):
    claims = {'iss': 'https://id.example.test', 'aud': 'mail', 'exp': time.time() + 600,
              'email': 'alice@example.test', 'scope': 'mail'}
    claims.update(changes)
    t = b(b'{"alg":"RS256","kid":"k"}') + '.' + b(json.dumps(claims).encode())
    sig = subprocess.run(['openssl', 'dgst', '-sha256', '-sign', key], input=t.encode(),
                         stdout=subprocess.PIPE, check=True).stdout
    return t + '.' + b(sig)
if sys.argv[1] == 'jwks':
    print(jwks(sys.argv[2]))
else:
    print(token(sys.argv[2], **json.loads(sys.argv[3] if len(sys.argv) > 3 else '{}')))
EOF
jwt() { python3 "$work/jwt.py" "$@"; }
mechs() { curl -skv -m 5 "$imap" 2>&1 | grep -o 'AUTH=[A-Z0-9-]*' | sort -u | tr '\n' ' '; }
case $(mechs) in *OAUTH*) fail "OAUTHBEARER without an issuer" ;; esac
quiet bourse oauth create id issuer=https://id.example.test audience=mail scope=mail
jwt jwks "$work/issuer.key" >"$work/jwks.json"
quiet bourse oauth keys id "$work/jwks.json"
with_oauth() { case $(mechs) in *AUTH=OAUTHBEARER*AUTH=XOAUTH2*) ;; *) return 1 ;; esac; }
until_true 5 with_oauth || fail "no OAUTHBEARER: $(mechs)"
good=$(jwt token "$work/issuer.key")
for mech in OAUTHBEARER XOAUTH2; do
	for url in "$imap" "$pop"; do
		try 0 --oauth2-bearer "$good" -u alice --login-options AUTH=$mech "$url"
	done
	try 0 --ssl-reqd --oauth2-bearer "$good" -u alice --login-options AUTH=$mech \
		--mail-from alice@example.test --mail-rcpt bob@example.test -T "$work/letter" "$smtp"
	try 67 --oauth2-bearer "$good" -u bob --login-options AUTH=$mech "$imap"
	try 67 --oauth2-bearer "x$good" -u alice --login-options AUTH=$mech "$imap"
done
for bad in '{"exp": 1}' '{"aud": "other"}' '{"iss": "https://x"}' '{"scope": "x"}' \
	'{"email": "nobody@example.test"}' '{"email_verified": false}'; do
	try 67 --oauth2-bearer "$(jwt token "$work/issuer.key" "$bad")" -u alice \
		--login-options AUTH=OAUTHBEARER "$imap"
done
try 67 --oauth2-bearer "$(jwt token "$work/other.key")" -u alice \
	--login-options AUTH=OAUTHBEARER "$pop"

# ---- certificates ---------------------------------------------------------------
ext="--login-options AUTH=EXTERNAL"
alice="--cert $work/alice.pem --key $work/alice.key" bob="--cert $work/bob.pem --key $work/bob.key"
# shellcheck disable=SC2086
{
	try 0 $ext $alice -u alice: "$imap"
	try 0 $ext $alice -u alice: "$pop"
	try 0 --ssl-reqd $ext $alice -u alice: --mail-from alice@example.test \
		--mail-rcpt bob@example.test -T "$work/letter" "$smtp"
	try 67 $ext $alice -u bob: "$imap"
	try 67 $ext $bob -u alice: "$imap"	# nobody vouches for that address
	try 67 $ext $bob -u bob: "$imap"
	print=$(openssl x509 -in "$work/bob.pem" -outform DER | openssl dgst -sha256 -r | cut -d' ' -f1)
	quiet bourse mailbox set bob certificate-fingerprint="$print"
	until_true 5 curl -sk $ext $bob -u bob: "$imap" || fail "bob's fingerprint"
	try 67 $ext $bob -u alice: "$imap"
}

# ---- SCRAM, switches, COMPRESS, the end -------------------------------------------
with_sha1() { case $(mechs) in *AUTH=SCRAM-SHA-1\ *) ;; *) return 1 ;; esac; }
! with_sha1 || fail "SCRAM-SHA-1 was not asked for"
quiet bourse organisation set allow-scram-sha-1=yes
echo secret | quiet bourse mailbox set carol --password-stdin
until_true 5 with_sha1 || fail "no SCRAM-SHA-1: $(mechs)"
cat >"$work/talk.py" <<'EOF'
import base64, hashlib, hmac, imaplib, os, poplib, signal, ssl, subprocess, sys, time, zlib
base, org, bourse, pid = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
ctx = ssl.create_default_context()
ctx.check_hostname, ctx.verify_mode = False, ssl.CERT_NONE
def imap():
    return imaplib.IMAP4_SSL('127.0.0.1', base + 993, ssl_context=ctx)
def admin(*words):
    subprocess.run([bourse, '-C', org, 'mailbox', 'set', 'carol', *words], check=True,
                   stdout=subprocess.DEVNULL)

def scram(m, name, password, bound, break_binding=False):
    h = 'sha1' if 'SHA-1' in name else 'sha256'
    H = lambda k, t: hmac.new(k, t, h).digest()
    gs2, cb = (b'p=tls-server-end-point,,' if bound else b'n,,'), b''
    if bound:
        cb = b'x' * 32 if break_binding else hashlib.sha256(m.sock.getpeercert(True)).digest()
    bare = b'n=carol,r=' + base64.b64encode(os.urandom(12))
    state = {}
    def answer(line):
        if not line:
            return gs2 + bare
        if line.startswith(b'v='):
            assert base64.b64decode(line[2:]) == state['server'], 'server signature'
            return b''
        f = dict(x.split(b'=', 1) for x in line.split(b','))
        salted = hashlib.pbkdf2_hmac(h, password, base64.b64decode(f[b's']), int(f[b'i']))
        last = b'c=' + base64.b64encode(gs2 + cb) + b',r=' + f[b'r']
        auth = bare + b',' + line + b',' + last
        key = H(salted, b'Client Key')
        proof = bytes(a ^ b for a, b in zip(key, H(hashlib.new(h, key).digest(), auth)))
        state['server'] = H(H(salted, b'Server Key'), auth)
        return last + b',p=' + base64.b64encode(proof)
    return m.authenticate(name, answer)

for name in 'SCRAM-SHA-256', 'SCRAM-SHA-1', 'SCRAM-SHA-256-PLUS', 'SCRAM-SHA-1-PLUS':
    m = imap()
    assert 'AUTH=' + name in m.capabilities, name
    assert scram(m, name, b'secret', name.endswith('PLUS'))[0] == 'OK', name
    m.logout()
for name, *args in (('SCRAM-SHA-1', b'wrong', False), ('SCRAM-SHA-1-PLUS', b'secret', True, True)):
    m = imap()
    try:
        scram(m, name, *args)
        sys.exit('a wrong SCRAM is let in')
    except imaplib.IMAP4.error:
        m.shutdown()

# Compressed: a large APPEND and FETCH, IDLE.
m = imap()
m.login('carol', 'secret')
m.send(b'z COMPRESS DEFLATE\r\n')
assert m.readline().startswith(b'z OK')
out, back = zlib.compressobj(9, zlib.DEFLATED, -15), zlib.decompressobj(-15)
def say(text, until):
    m.send(out.compress(text) + out.flush(zlib.Z_SYNC_FLUSH))
    got = b''
    while until not in got:
        piece = m.sock.recv(65536)
        assert piece, got
        got += back.decompress(piece)
    return got
body = b'Subject: x\r\n\r\n' + b'x' * 300000 + b'\r\n'
say(b'a APPEND INBOX {%d+}\r\n' % len(body) + body + b'\r\n', b'a OK')
say(b'b SELECT INBOX\r\n', b'b OK')
assert body in say(b'c UID FETCH 1:* BODY.PEEK[]\r\n', b'c OK')
assert b'[COMPRESSIONACTIVE]' in say(b'd COMPRESS DEFLATE\r\n', b'd NO')
assert b'COMPRESS=' not in say(b'e CAPABILITY\r\n', b'e OK')
say(b'f IDLE\r\n', b'+ ')

# NOTIFY: what another session does is told without asking, and what one does oneself not.
a, b = imap(), imap()
for x in a, b:
    x.login('alice', sys.argv[5])
a.send(b'n NOTIFY SET STATUS (personal (MessageNew MessageExpunge FlagChange MailboxName '
       b'SubscriptionChange MailboxMetadataChange ServerMetadataChange))\r\n')
while not a.readline().startswith(b'n OK'):
    pass
a.sock.settimeout(5)
def hears(*wanted):
    for w in wanted:
        line = a.readline()
        assert w in line, (w, line)
b.create('news')
hears(b'news')
b.append('news', None, None, b'Subject: x\r\n\r\nx\r\n')
hears(b'* STATUS news (MESSAGES 1 UIDNEXT 2')
b.select('news')
b.store('1', '+FLAGS', '\\Seen')
hears(b'* STATUS news (')
b.rename('news', 'olds')
hears(b'"OLDNAME" (news)')
b.subscribe('olds')
hears(b'\\Subscribed')
b.send(b'm SETMETADATA olds (/shared/comment "x")\r\n')
assert b.readline().startswith(b'm OK')
hears(b'* METADATA olds /shared/comment')
b.send(b'm SETMETADATA "" (/private/comment "x")\r\n')
assert b.readline().startswith(b'm OK')
hears(b'* METADATA "" /private/comment')
b.send(b'm SETMETADATA olds (/shared/comment NIL)\r\n')
assert b.readline().startswith(b'm OK')
hears(b'* METADATA olds /shared/comment')
b.unselect()
b.delete('olds')
hears(b'\\NonExistent')
a.send(b'c CREATE mine\r\n')
assert a.readline().startswith(b'c OK')
b.create('yours')
hears(b'yours')
a.logout()
b.logout()

# A switch of POP3 ends POP3's sessions and not this one; IMAP's ends it.
p = poplib.POP3_SSL('127.0.0.1', base + 995, context=ctx)
p.user('carol')
p.pass_('secret')
admin('pop3=no')
p.sock.settimeout(5)
while p.file.readline():
    pass
say(b'DONE\r\n', b'f OK')
say(b'g IDLE\r\n', b'+ ')
admin('imap=no')
m.sock.settimeout(5)
say(b'', b'* BYE')
admin('imap=yes', 'pop3=yes')

# The daemon stops: who idles hears BYE; a message that is half sent is stored.
for _ in range(50):
    try:
        m = imap()
        m.login('carol', 'secret')
        break
    except imaplib.IMAP4.error:
        time.sleep(0.1)
m.select('INBOX')
m.send(b'i IDLE\r\n')
assert m.readline().startswith(b'+')
n = imap()
n.login('carol', 'secret')
n.send(b'a APPEND INBOX {100000}\r\n')
assert n.readline().startswith(b'+')
n.send(b'y' * 50000)
time.sleep(0.2)
os.kill(pid, signal.SIGTERM)
assert m.readline().startswith(b'* BYE'), 'no BYE'
n.send(b'y' * 50000 + b'\r\n')
rest = b''
while b'BYE' not in rest:
    piece = n.sock.recv(65536)
    assert piece, rest
    rest += piece
assert b'a OK' in rest, rest
EOF
pid=$(cat "$demo_dir/pid/cas")
timeout 60 python3 "$work/talk.py" "$base" "$demo_dir" "$BUILD/bourse" "$pid" \
	"$(awk '$1 == "alice" { print $2 }' "$demo_dir/passwords")" >"$work/out" 2>&1 ||
	{ cat "$work/out"; fail "talk"; }
echo "result: $tries logins by curl as wanted; SCRAM bound and not, COMPRESS, switches, the end"
