// SPDX-License-Identifier: GPL-3.0-or-later
// What Node programs of a build do: fetch, kept-alive agents with many sockets, HTTP/2, c-ares and getaddrinfo.
'use strict';
const assert = require('assert');
const dns = require('dns').promises;
const http = require('http');
const http2 = require('http2');
const https = require('https');
const fs = require('fs');

const ask = (module, options) => new Promise((resolve, reject) => {
    module.get(options, (answer) => {
        let text = '';
        answer.on('data', (piece) => { text += piece; });
        answer.on('end', () => resolve(text));
    }).on('error', reject);
});

async function main() {
    if (globalThis.fetch) {
        for (const url of ['https://git.test/hello', 'http://git.test/hello', 'https://v4only.test/hello', 'https://v6only.test/hello']) {
            assert.match(await (await fetch(url)).text(), /^hello from /);
        }
        const body = await (await fetch('http://git.test/sum', {method: 'POST', body: 'x'.repeat(100000)})).text();
        assert.equal(body.trim(), require('crypto').createHash('sha256').update('x'.repeat(100000)).digest('hex'));
        await Promise.all(Array.from({length: 30}, async (_, i) => assert.match(await (await fetch(`https://pool${i % 10}.test/hello`)).text(), /pool/)));
    }
    for (const [module, host] of [[https, 'git.test'], [http, 'git.test']]) {
        const agent = new module.Agent({keepAlive: true, maxSockets: 15});
        for (let round = 0; round < 2; round++) {
            const answers = await Promise.all(Array.from({length: 40}, () => ask(module, {host, path: '/hello', agent})));
            assert.ok(answers.every((text) => text === `hello from ${host}\n`));
        }
        agent.destroy();
    }
    const session = http2.connect('https://git.test', {ca: fs.readFileSync(process.env.CA)});
    await Promise.all(Array.from({length: 20}, () => new Promise((resolve, reject) => {
        const stream = session.request({':path': '/hello'});
        stream.on('end', resolve).on('error', reject).resume();
    })));
    session.close();
    assert.deepEqual(await dns.resolve4('git.test'), ['198.18.2.82']);
    assert.deepEqual(await dns.resolve6('git.test'), ['2001:db8:2::82']);
    assert.ok((await dns.lookup('git.test', {all: true})).length >= 2);
}
main().catch((error) => { console.error(error); process.exit(1); });
