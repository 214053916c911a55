'use strict';
// A demo of its own for the tests, the verbs of both its APIs, and a browser.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { chromium } = require('playwright-core');

const BINARY =
  process.env.HONGYAN_BIN || path.resolve(__dirname, '../../target/debug/hongyan');

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

function findBrowser() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const folders = (process.env.PATH || '').split(path.delimiter);
  return NAMES.flatMap((name) => folders.map((folder) => path.join(folder, name))).find((file) =>
    fs.existsSync(file),
  );
}

/** A headless Chromium. */
function openBrowser() {
  const executablePath = findBrowser();
  if (!executablePath) throw new Error('no Chromium here: scripts/setup.sh test installs it');
  // Its own sandbox does not start for root, and containers forbid it to others.
  // Containers often have little shared memory, too.
  const args = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--no-proxy-server'];
  return chromium.launch({ executablePath, args });
}

class Demo {
  /** `hongyan demo` on free ports, until `close`. */
  static async start() {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'hongyan-browser-'));
    const listen = ['--listen', '127.0.0.1:0', '--sandbox-listen', '127.0.0.1:0'];
    const child = spawn(BINARY, ['demo', '--data-dir', folder, ...listen], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (printed += text));
    let failure = null;
    child.once('error', (error) => (failure = error));
    child.once('exit', (code) => (failure ??= new Error(`the demo ended with code ${code}`)));
    const file = path.join(folder, 'demo.json');
    const deadline = Date.now() + 30_000;
    // Written whole, once both answer.
    while (!fs.existsSync(file)) {
      if (failure) throw failure;
      if (Date.now() > deadline) {
        child.kill();
        throw new Error('the demo did not start');
      }
      await sleep(20);
    }
    const demo = JSON.parse(fs.readFileSync(file, 'utf8'));
    return new Demo(child, folder, demo, () => printed);
  }

  constructor(child, folder, demo, printed) {
    this.child = child;
    this.folder = folder;
    this.printed = printed;
    this.gateway = demo.gateway_url;
    this.sandbox = demo.sandbox_url;
    this.key = demo.api_key;
    this.account = demo.accounts.find((account) => account.name === 'demo-oa');
    this.mini = demo.accounts.find((account) => account.name === 'demo-mp');
    this.people = demo.people;
    this.person = demo.people[0];
    this.openid = this.person.openids[this.account.appid];
  }

  async close() {
    if (this.child.exitCode === null) {
      const ended = new Promise((resolve) => this.child.once('exit', resolve));
      this.child.kill();
      await ended;
    }
    fs.rmSync(this.folder, { recursive: true, force: true });
  }

  template(kind) {
    return this.account.templates.find((template) => template.kind === kind).template_id;
  }

  /** A page of the gateway. */
  page(name, query) {
    return `${this.gateway}/h5/demo-oa/${name}?${new URLSearchParams(query)}`;
  }

  /** The link that lets the first person into the console, as it is printed. */
  async setupLink() {
    const deadline = Date.now() + 10_000;
    for (;;) {
      const [link] = this.printed().match(/http\S+#\/setup\/\S+/) ?? [];
      if (link) return link;
      if (Date.now() > deadline) throw new Error(`no set-up link in: ${this.printed()}`);
      await sleep(20);
    }
  }

  api(method, route, body) {
    return this.#call(method, `${this.gateway}/v1${route}`, body);
  }

  control(method, route, body) {
    return this.#call(method, `${this.sandbox}/sandbox/v1${route}`, body);
  }

  async grants() {
    const route = `/accounts/demo-oa/grants?openid=${this.openid}`;
    return (await this.api('GET', route)).items;
  }

  /** Sends and waits for WeChat's word. */
  send(message) {
    const whole = { account: 'demo-oa', to: { openid: this.openid }, ...message };
    return this.api('POST', '/messages?wait=10', whole);
  }

  async inbox() {
    return (await this.control('GET', `/people/${this.person.person_id}/inbox`)).items;
  }

  async #call(method, url, body) {
    const response = await fetch(url, {
      method,
      headers: { Authorization: `Bearer ${this.key}`, 'Content-Type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    const answer = response.status === 204 ? null : await response.json();
    if (!response.ok) throw new Error(`${method} ${url}: ${JSON.stringify(answer)}`);
    return answer;
  }
}

module.exports = { Demo, openBrowser };
