'use strict';
// Sends template messages with co-wechat-api for a while and reports how many.
//
// Usage: node co_wechat_api_send.js IN_FLIGHT < job.json
//
// The job names the sandbox (url), an account (appid, secret), a template_id, the
// openids to send to in turn, the data, and for how many seconds. Prints one line
// of JSON: how many were sent, in how many seconds, at what processor time; or
// what is missing.

const fs = require('node:fs');
const path = require('node:path');
const { createRequire } = require('node:module');
const { performance } = require('node:perf_hooks');

function sdk() {
  // Where the tests with foreign SDKs have theirs.
  const folder = path.resolve(__dirname, '../../tests/compat/node');
  try {
    return createRequire(path.join(folder, 'package.json'))('co-wechat-api');
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    return null;
  }
}

async function main() {
  const WechatAPI = sdk();
  if (!WechatAPI) {
    console.log(JSON.stringify({ missing: 'co-wechat-api is not installed' }));
    return;
  }
  const job = JSON.parse(fs.readFileSync(0, 'utf8'));
  const inFlight = Number(process.argv[2]);
  const api = new WechatAPI(job.appid, job.secret);
  api.prefix = `${job.url}/cgi-bin/`;
  let next = 0;
  const send = () => {
    const openid = job.openids[next++ % job.openids.length];
    return api.sendTemplate(openid, job.template_id, '', '', job.data);
  };
  // The token is there before the clock runs.
  await send();
  let sent = 0;
  const began = performance.now();
  const beganCpu = process.cpuUsage();
  const end = began + job.seconds * 1000;
  const lane = async () => {
    while (performance.now() < end) {
      await send();
      sent += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(beganCpu);
  console.log(JSON.stringify({ sent, seconds, cpu_seconds: (user + system) / 1e6 }));
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
