"""Sends template messages with wechatpy for a while and reports how many.

Usage: wechatpy_send.py THREADS < job.json

The job names the sandbox (url), an account (appid, secret), a template_id, the
openids to send to in turn, the data, and for how many seconds. Prints one line
of JSON: how many were sent, in how many seconds, at what processor time; or what
is missing.
"""

import itertools
import json
import sys
import threading
import time

try:
    from wechatpy import WeChatClient
except ImportError:
    print(json.dumps({"missing": "wechatpy is not installed"}))
    sys.exit()


def client_for(job):
    base = job["url"]

    class Client(WeChatClient):
        API_BASE_URL = f"{base}/cgi-bin/"

        # The SDK has the address of this one call written out.
        def fetch_access_token(self):
            return self._fetch_access_token(
                url=f"{base}/cgi-bin/token",
                params={
                    "grant_type": "client_credential",
                    "appid": self.appid,
                    "secret": self.secret,
                },
            )

    return Client(job["appid"], job["secret"])


def main():
    job = json.load(sys.stdin)
    threads = int(sys.argv[1])
    client = client_for(job)
    # The token, the connection and every import are there before the clock runs.
    client.message.send_template(job["openids"][0], job["template_id"], job["data"])
    sent = [0] * threads
    failures = []
    began, began_cpu = time.perf_counter(), time.process_time()
    end = began + job["seconds"]

    def send(lane):
        people = itertools.cycle(job["openids"][lane:] + job["openids"][:lane])
        try:
            while time.perf_counter() < end and not failures:
                client.message.send_template(next(people), job["template_id"], job["data"])
                sent[lane] += 1
        except Exception as error:
            failures.append(error)

    lanes = [threading.Thread(target=send, args=(lane,)) for lane in range(1, threads)]
    for lane in lanes:
        lane.start()
    send(0)
    for lane in lanes:
        lane.join()
    if failures:
        raise failures[0]
    print(
        json.dumps(
            {
                "sent": sum(sent),
                "seconds": time.perf_counter() - began,
                "cpu_seconds": time.process_time() - began_cpu,
            }
        )
    )


main()
