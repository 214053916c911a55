'use strict';
// One test's look at a page: its own context, its complaints, its accessibility.

const assert = require('node:assert/strict');
const fs = require('node:fs');

const AXE = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

class Visit {
  /** A fresh page of a fresh context, Chinese and of a laptop's size unless told otherwise. */
  static async open(browser, options = {}) {
    const context = await browser.newContext({
      locale: 'zh-CN',
      viewport: { width: 1280, height: 860 },
      // Colours half way from one to another have a contrast of their own.
      reducedMotion: 'reduce',
      ...options,
    });
    const page = await context.newPage();
    page.setDefaultTimeout(10_000);
    return new Visit(context, page);
  }

  constructor(context, page) {
    this.context = context;
    this.page = page;
    this.complaints = [];
    page.on('console', (line) => {
      // Browsers report each refusal, and being refused is part of what is tried.
      const refusal = /status of 4\d\d/.test(line.text());
      if (line.type() === 'error' && !refusal) this.complaints.push(line.text());
    });
    page.on('pageerror', (error) => this.complaints.push(error.message));
  }

  /** Ends it, and fails if the page complained meanwhile. */
  async close() {
    await this.context.close();
    assert.deepEqual(this.complaints, []);
  }

  /** Looks for what keeps people with other eyes or hands out. */
  async accessible(where) {
    // Through the debugger, which the page's policy does not bind.
    await this.page.evaluate(AXE);
    const found = await this.page.evaluate(() =>
      globalThis.axe.run({ resultTypes: ['violations'] }),
    );
    const bad = found.violations.filter((one) => ['serious', 'critical'].includes(one.impact));
    const told = bad.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(' | ')}`);
    assert.deepEqual(told, [], where);
  }

  /** How much wider than the window the page is: 0 where nothing is cut off. */
  overflow() {
    return this.page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
  }
}

const ADMIN = { name: 'ada', password: 'correct horse battery' };

/** A visit to the console of a demo. */
class ConsoleVisit extends Visit {
  static async open(browser, demo, options) {
    const { context, page } = await Visit.open(browser, options);
    return new ConsoleVisit(context, page, demo);
  }

  constructor(context, page, demo) {
    super(context, page);
    this.demo = demo;
  }

  /** To one of its pages, such as `messages`. */
  go(path) {
    return this.page.goto(`${this.demo.gateway}/#/${path}`);
  }

  heading(name) {
    return this.page.getByRole('heading', { level: 1, name, exact: true });
  }

  button(name) {
    return this.page.getByRole('button', { name, exact: true });
  }

  /** Chooses the account that all pages look at. */
  choose(account) {
    return this.page.getByRole('banner').getByRole('combobox', { name: /^(账号|Account)$/ }).selectOption(account);
  }

  async fillSignIn({ name, password }) {
    await this.page.locator('input[name=username]').fill(name);
    await this.page.locator('input[name=password]').fill(password);
    await this.page.keyboard.press('Enter');
  }

  /** Lets somebody in by the API, where they are not there yet, and signs them in. */
  async signIn(who = ADMIN, role = 'admin') {
    const { items } = await this.demo.api('GET', '/console/operators');
    if (!items.some((one) => one.name === who.name)) {
      await this.demo.api('POST', '/console/operators', { ...who, role });
    }
    await this.go('sign-in');
    await this.fillSignIn(who);
    // The page to sign in has a heading, too.
    await this.page.waitForURL((url) => !url.hash.startsWith('#/sign-in'));
    await this.page.locator('main h1').waitFor();
  }
}

module.exports = { ADMIN, ConsoleVisit, Visit };
