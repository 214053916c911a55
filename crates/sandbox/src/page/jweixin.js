// The sandbox's JS-SDK: wx.config with its signature checked, and the open tag
// wx-open-subscribe. Other calls of the SDK answer "ok" and do nothing.
(function () {
  "use strict";
  const own = document.currentScript || document.querySelector('script[src*="jweixin"]');
  const base = new URL(own ? own.src : location.href, location.href).origin;
  const TAG = "wx-open-subscribe";
  const CALLS = [
    "updateAppMessageShareData", "updateTimelineShareData", "onMenuShareTimeline", "onMenuShareAppMessage",
    "hideOptionMenu", "showOptionMenu", "hideMenuItems", "showMenuItems", "hideAllNonBaseMenuItem",
    "showAllNonBaseMenuItem", "closeWindow", "scanQRCode", "getNetworkType", "getLocation", "openLocation",
    "chooseImage", "previewImage", "uploadImage", "downloadImage", "chooseWXPay", "openProductSpecificView",
  ];

  let config = null;
  let status = "none";
  let failure = null;
  let person = "";
  let people = [];
  const whenReady = [];
  const whenFailed = [];
  const tags = new Set();

  async function ask(route, body) {
    const answer = await fetch(`${base}/sandbox/v1/jssdk/${route}`, {
      method: "POST",
      credentials: "include",
      headers: { "Content-Type": "text/plain" },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return answer.json();
  }

  // Inside the phone the page has a title bar above it.
  const framed = window.parent !== window;
  const tellPhone = (word) => framed && window.parent.postMessage({ jweixin: word }, base);
  const tellTitle = () => tellPhone({ title: document.title || location.host });
  function followTitle() {
    tellTitle();
    new MutationObserver(tellTitle).observe(document.head, {
      childList: true, subtree: true, characterData: true,
    });
  }
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", followTitle);
  else followTitle();
  // The phone asks each page that has loaded: one without the JS-SDK does not answer,
  // and one that goes cannot be relied on to say so.
  window.addEventListener("message", (event) => {
    if (event.source === window.parent && event.data?.phone === "title") tellTitle();
  });

  function allowsTag() {
    return status === "ready" && (config.openTagList || []).includes(TAG);
  }

  async function configure(given) {
    config = given || {};
    status = "pending";
    failure = null;
    const { appId, timestamp, nonceStr, signature } = config;
    let verdict;
    try {
      verdict = await ask("verify", { appId, timestamp, nonceStr, signature, url: location.href.split("#")[0] });
    } catch (error) {
      verdict = { ok: false, errMsg: `config:fail, ${error.message}` };
    }
    person = person || verdict.person || "";
    people = verdict.people || [];
    if (config.debug) console.info("wx.config", verdict.errMsg);
    if (verdict.ok) {
      status = "ready";
      tags.forEach((tag) => tag.render());
      whenReady.splice(0).forEach((call) => call());
    } else {
      status = "failed";
      failure = { errMsg: verdict.errMsg };
      whenFailed.forEach((call) => call(failure));
    }
  }

  function settle(options, outcome, errMsg, more) {
    const result = Object.assign({ errMsg }, more);
    for (const name of [outcome, "complete"]) {
      if (options && typeof options[name] === "function") options[name](result);
    }
  }

  const wx = {
    config: configure,
    ready(call) {
      if (status === "ready") call();
      else whenReady.push(call);
    },
    error(call) {
      whenFailed.push(call);
      if (status === "failed") call(failure);
    },
    checkJsApi(options) {
      const checkResult = {};
      for (const name of (options && options.jsApiList) || []) checkResult[name] = name === TAG || CALLS.includes(name);
      settle(options, "success", "checkJsApi:ok", { checkResult });
    },
  };
  for (const name of CALLS) {
    wx[name] = (options) => {
      const allowed = status === "ready" && (config.jsApiList || []).includes(name);
      settle(options, allowed ? "success" : "fail", allowed ? `${name}:ok` : `${name}:fail, the permission value is offline verifying`);
      if (allowed && name === "closeWindow") tellPhone({ close: true });
    };
  }

  function make(tag, text, style) {
    const node = document.createElement(tag);
    if (text) node.textContent = text;
    Object.assign(node.style, style);
    return node;
  }

  // Resolves to the choices by template, or to null where the person cancels.
  function popup(name, items) {
    return new Promise((resolve) => {
      const shade = make("div", "", { position: "fixed", inset: "0", zIndex: "2147483647", background: "rgba(0,0,0,.5)", display: "flex", alignItems: "flex-end", justifyContent: "center", font: "16px/1.6 system-ui, sans-serif" });
      shade.id = "sandbox-subscribe";
      const card = make("div", "", { colorScheme: "light", background: "#fff", color: "#191919", width: "100%", maxWidth: "30rem", borderRadius: "12px 12px 0 0", padding: "1.2rem", boxSizing: "border-box" });
      card.setAttribute("role", "dialog");
      card.append(make("strong", `${name} 申请向你发送以下通知`));
      const who = make("select", "", { display: "block", margin: ".6rem 0", width: "100%" });
      who.id = "sandbox-person";
      for (const one of people) {
        const option = make("option", one.nickname);
        option.value = one.person_id;
        option.selected = one.person_id === person;
        who.append(option);
      }
      // The phone is in somebody's hand.
      if (!(framed && person)) card.append(who);
      const boxes = items.map((item) => {
        const label = make("label", "", { display: "block" });
        const box = make("input");
        box.type = "checkbox";
        box.checked = true;
        box.dataset.template = item.template_id;
        label.append(box, ` ${item.title}`);
        card.append(label);
        return box;
      });
      const close = (result) => {
        person = who.value;
        shade.remove();
        resolve(result);
      };
      const button = (id, text, act, style) => {
        const node = make("button", text, Object.assign({ width: "48%", margin: ".8rem 1% 0", padding: ".5rem", border: "0", borderRadius: "6px", background: "#f2f2f2", color: "#191919" }, style));
        node.type = "button";
        node.id = id;
        node.addEventListener("click", act);
        card.append(node);
      };
      button("sandbox-cancel", "取消 Cancel", () => close(null), {});
      button("sandbox-allow", "允许 Allow", () => {
        close(Object.fromEntries(boxes.map((box) => [box.dataset.template, box.checked ? "accept" : "reject"])));
      }, { background: "#07a350", color: "#fff" });
      shade.append(card);
      document.body.append(shade);
    });
  }

  class OpenSubscribe extends HTMLElement {
    connectedCallback() {
      tags.add(this);
      // The children may not be parsed yet.
      setTimeout(() => this.render());
    }

    disconnectedCallback() {
      tags.delete(this);
    }

    render() {
      if (!allowsTag() || this.shadowRoot) return;
      const slot = this.querySelector('script[type="text/wxtag-template"], template');
      if (!slot) return;
      const root = this.attachShadow({ mode: "open" });
      root.innerHTML = slot.localName === "template" ? slot.innerHTML : slot.textContent;
      root.addEventListener("click", () => this.subscribe());
    }

    tell(name, detail) {
      this.dispatchEvent(new CustomEvent(name, { detail }));
    }

    async subscribe() {
      const templates = (this.getAttribute("template") || "").split(",").map((id) => id.trim()).filter(Boolean);
      let offered;
      try {
        offered = await ask("templates", { appid: config.appId, templates });
      } catch {
        offered = { errCode: 10002, errMsg: "Request list fail" };
      }
      if (offered.errCode) {
        this.tell("error", { errCode: offered.errCode, errMsg: offered.errMsg });
        return;
      }
      const results = await popup(offered.name, offered.items);
      if (results) {
        let done;
        try {
          done = await ask("subscribe", { appid: config.appId, person, results });
        } catch {
          done = { errCode: 10003, errMsg: "Request subscribe fail" };
        }
        if (done.errCode) {
          this.tell("error", { errCode: done.errCode, errMsg: done.errMsg });
          return;
        }
      }
      const details = templates.map((id) => [id, JSON.stringify({ status: results ? results[id] : "cancel" })]);
      this.tell("success", { errMsg: "subscribe:ok", subscribeDetails: JSON.stringify(Object.fromEntries(details)) });
    }
  }

  if (!customElements.get(TAG)) customElements.define(TAG, OpenSubscribe);
  window.wx = window.jWeixin = wx;
})();
