'use strict';
// A sandbox of its own for a test file, and the verbs of its control API.

const { spawn } = require('node:child_process');
const path = require('node:path');
const readline = require('node:readline');

const BINARY =
  process.env.HONGYAN_BIN || path.resolve(__dirname, '../../../target/debug/hongyan');

class Sandbox {
  /** `hongyan sandbox` on a free port, until `close`. */
  static async start() {
    const child = spawn(BINARY, ['sandbox', '--listen', '127.0.0.1:0'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const gone = new Promise((_, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => reject(new Error(`the sandbox ended with code ${code}`)));
    });
    const ready = new Promise((resolve) => {
      readline.createInterface({ input: child.stdout }).once('line', resolve);
    });
    const line = await Promise.race([ready, gone]);
    gone.catch(() => {});
    const address = line.match(/http:\/\/127\.0\.0\.1:\d+/);
    if (!address) {
      child.kill();
      throw new Error(`the sandbox did not start; it said: ${line}`);
    }
    return new Sandbox(child, address[0]);
  }

  constructor(child, url) {
    this.child = child;
    this.url = url;
  }

  close() {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill();
    return ended;
  }

  async control(method, path, body) {
    const response = await fetch(`${this.url}/sandbox/v1${path}`, {
      method,
      headers: { 'Content-Type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
    return answer;
  }

  account(kind = 'official_account', more = {}) {
    return this.control('POST', '/accounts', { kind, ...more });
  }

  async template(appid, content, more = {}) {
    const body = { kind: 'template', title: '订单发货通知', content, ...more };
    return (await this.control('POST', `/accounts/${appid}/templates`, body)).template_id;
  }

  /** A person and the openid by which the account knows them. */
  async person(appid) {
    const { person_id: person } = await this.control('POST', '/people', { nickname: '小雁' });
    const { openid } = await this.control('POST', `/people/${person}/openid`, { appid });
    return { person, openid };
  }

  async follower(appid) {
    const someone = await this.person(appid);
    await this.act(someone.person, appid, 'follow');
    return someone;
  }

  act(person, appid, action, more = {}) {
    return this.control('POST', `/people/${person}/actions`, { appid, action, ...more });
  }

  async inbox(person) {
    return (await this.control('GET', `/people/${person}/inbox`)).items;
  }

  async deliveries(appid) {
    return (await this.control('GET', `/deliveries?appid=${appid}`)).items;
  }

  advance(seconds) {
    return this.control('POST', '/clock', { advance_ms: seconds * 1000 });
  }
}

module.exports = { Sandbox };
