// imapflow.mjs PORT USER PASSWORD - a session of the imapflow client; ends with
// status 0 when everything it did is there
import { ImapFlow } from 'imapflow';
import assert from 'node:assert/strict';

const [port, user, pass] = process.argv.slice(2);
const open = () => new ImapFlow({
	host: '127.0.0.1', port: Number(port), secure: true, auth: { user, pass },
	tls: { rejectUnauthorized: false }, logger: false, qresync: true,
});
const mail = (n, body = 'body') => Buffer.from(
	`From: A <a@outside.test>\r\nTo: bob@example.test\r\nSubject: flow ${n}\r\n` +
	`Message-ID: <flow-${n}@outside.test>\r\nDate: Sun, 22 Nov 2026 10:00:0${n} +0000\r\n\r\n${body} ${n}\r\n`);
const collect = async (it) => { const all = []; for await (const m of it) all.push(m); return all; };

const c = open();
await c.connect();
const boxes = await c.list({ statusQuery: { messages: true, unseen: true } });
for (const use of ['\\Sent', '\\Trash', '\\Drafts', '\\Junk', '\\Inbox'])
	assert(boxes.some((b) => b.specialUse === use), `no folder with ${use}`);

await c.mailboxCreate(['flow', 'déjà vu']);
const lock = await c.getMailboxLock('flow/déjà vu');
try {
	for (let n = 1; n <= 5; n++) {
		const at = await c.append('flow/déjà vu', mail(n), n === 1 ? ['\\Seen'] : [], new Date());
		assert.equal(at.uid, n);
	}
	await c.noop();
	assert.equal(c.mailbox.exists, 5);
	const all = await collect(c.fetch('1:*', { uid: true, flags: true, envelope: true,
		bodyStructure: true, internalDate: true, size: true, threadId: true }));
	assert.deepEqual(all.map((m) => m.envelope.subject), [1, 2, 3, 4, 5].map((n) => `flow ${n}`));
	assert(all[0].flags.has('\\Seen'));

	await c.messageFlagsAdd('2:3', ['\\Flagged', '$Important'], { uid: true });
	assert.deepEqual(await c.search({ flagged: true, keyword: '$Important' }, { uid: true }), [2, 3]);
	assert.deepEqual(await c.search({ header: { subject: 'flow 4' } }, { uid: true }), [4]);
	assert.deepEqual(await c.search({ body: 'body 5' }, { uid: true }), [5]);

	const copied = await c.messageCopy('1', 'INBOX', { uid: true });
	assert.equal(copied.uidMap.size, 1);
	const moved = await c.messageMove('2', 'INBOX', { uid: true });
	assert.equal(moved.uidMap.size, 1);
	await c.messageDelete('3', { uid: true });
	const left = await collect(c.fetch('1:*', { uid: true }));
	assert.deepEqual(left.map((m) => m.uid), [1, 4, 5]);

	const { content } = await c.download('4', undefined, { uid: true });
	let text = '';
	for await (const piece of content) text += piece;
	assert.equal(text, mail(4).toString());
	const quota = await c.getQuota('INBOX');
	if (c.capabilities.has('QUOTA')) assert(quota.storage.limit > 0);

	// IDLE: another session's letter is told.
	const told = new Promise((yes, no) => {
		c.once('exists', (e) => yes(e));
		setTimeout(() => no(new Error('IDLE heard nothing within 5 s')), 5000).unref();
	});
	c.idle();
	const other = open();
	await other.connect();
	await other.append('flow/déjà vu', mail(6));
	assert.equal((await told).count, 4);
	await other.logout();
} finally {
	lock.release();
}
await c.mailboxRename('flow/déjà vu', 'flow/renamed');
await c.mailboxDelete('flow/renamed');
await c.mailboxDelete('flow');
const inbox = await c.status('INBOX', { messages: true });
assert.equal(inbox.messages, 2);
await c.logout();
console.log(`imapflow: ${[...c.capabilities.keys()].length} capabilities seen, all as it should be`);
