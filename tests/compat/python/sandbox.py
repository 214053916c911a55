"""A sandbox of its own for a test, and the verbs of its control API."""

import json
import os
import re
import subprocess
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BINARY = os.environ.get("HONGYAN_BIN", ROOT / "target" / "debug" / "hongyan")


class Sandbox:
    """`hongyan sandbox` on a free port, until `close`."""

    def __init__(self):
        self.process = subprocess.Popen(
            [BINARY, "sandbox", "--listen", "127.0.0.1:0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        ready = self.process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+", ready)
        if not address:
            self.close()
            raise RuntimeError(f"the sandbox did not start; it said: {ready!r}")
        self.url = address.group()

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=10)
        self.process.stdout.close()

    def control(self, method, path, body=None):
        request = urllib.request.Request(
            f"{self.url}/sandbox/v1{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def account(self, kind="official_account", **more):
        return self.control("POST", "/accounts", {"kind": kind, **more})

    def template(self, appid, content, kind="template", title="订单发货通知", **more):
        body = {"kind": kind, "title": title, "content": content, **more}
        return self.control("POST", f"/accounts/{appid}/templates", body)["template_id"]

    def person(self, appid, nickname="小雁"):
        """A person and the openid by which the account knows them."""
        person = self.control("POST", "/people", {"nickname": nickname})["person_id"]
        openid = self.control("POST", f"/people/{person}/openid", {"appid": appid})["openid"]
        return person, openid

    def act(self, person, appid, action, **more):
        body = {"appid": appid, "action": action, **more}
        return self.control("POST", f"/people/{person}/actions", body)

    def follower(self, appid):
        person, openid = self.person(appid)
        self.act(person, appid, "follow")
        return person, openid

    def inbox(self, person):
        return self.control("GET", f"/people/{person}/inbox")["items"]

    def deliveries(self, appid):
        return self.control("GET", f"/deliveries?appid={appid}")["items"]

    def advance(self, seconds):
        self.control("POST", "/clock", {"advance_ms": seconds * 1000})
