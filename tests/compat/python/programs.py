"""A demo of its own for a test, and a server that WeChat could call."""

import json
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from sandbox import BINARY, Sandbox


class Demo(Sandbox):
    """`hongyan demo` on free ports, until `close`."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        described = Path(self.folder.name, "demo.json")
        self.process = subprocess.Popen(
            [
                BINARY,
                "demo",
                "--data-dir",
                self.folder.name,
                "--listen",
                "127.0.0.1:0",
                "--sandbox-listen",
                "127.0.0.1:0",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        # Written whole, once both answer.
        while not described.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise RuntimeError("the demo did not start")
            time.sleep(0.02)
        self.demo = json.loads(described.read_text())
        self.url = self.demo["sandbox_url"]
        self.gateway = self.demo["gateway_url"]

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=30)
        self.folder.cleanup()

    def api(self, method, path, body=None):
        request = urllib.request.Request(
            f"{self.gateway}/v1{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.demo['api_key']}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)


class Server:
    """Keeps what it is sent and answers what `answer` makes of it."""

    def __init__(self):
        self.heard = []
        self.answer = lambda query, body: "success"
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.say(dict(parse_qsl(urlsplit(self.path).query))["echostr"])

            def do_POST(self):
                query = dict(parse_qsl(urlsplit(self.path).query))
                body = self.rfile.read(int(self.headers["Content-Length"]))
                server.heard.append((query, body.decode()))
                self.say(server.answer(query, body.decode()))

            def say(self, text):
                self.send_response(200)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/"
        self.thread = threading.Thread(target=self.http.serve_forever)
        self.thread.start()

    def close(self):
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


def post(url, body):
    """Status and text of the answer to a callback."""
    request = urllib.request.Request(
        url, data=body.encode(), headers={"Content-Type": "text/xml"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
