"""wechatpy on the other side of callbacks: it reads what the sandbox pushes and what
the gateway answers, and both take what it writes."""

import unittest
from urllib.parse import urlencode

import xmltodict
from wechatpy import parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.exceptions import InvalidSignatureException
from wechatpy.replies import ArticlesReply, ImageReply, TextReply, TransferCustomerServiceReply
from wechatpy.utils import WeChatSigner, check_signature

from programs import Demo, Server, post
from sandbox import Sandbox

TOKEN = "wechatpytoken"
# The last character has bits that belong to no byte; some libraries stumble there.
KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"


def signature(*parts):
    signer = WeChatSigner()
    signer.add_data(TOKEN, *parts)
    return signer.signature


class SandboxPushes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sandbox = Sandbox()
        cls.addClassCleanup(cls.sandbox.close)

    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.close)

    def connect(self, mode):
        """An account that calls us back; the person who will use it."""
        account = self.sandbox.account(
            callback={
                "url": self.server.url,
                "token": TOKEN,
                "encoding_aes_key": KEY,
                "mode": mode,
                "format": "xml",
                "verify": True,
            }
        )
        self.appid = account["appid"]
        self.crypto = WeChatCrypto(TOKEN, KEY, self.appid)
        self.person, self.openid = self.sandbox.person(self.appid)

    def read(self, place=-1):
        """What was pushed, by wechatpy alone."""
        query, body = self.server.heard[place]
        stamp = query["timestamp"], query["nonce"]
        check_signature(TOKEN, query["signature"], *stamp)
        if query.get("encrypt_type") == "aes":
            body = self.crypto.decrypt_message(body, query["msg_signature"], *stamp)
        return parse_message(body)

    def act(self, action, **more):
        return self.sandbox.act(self.person, self.appid, action, **more)["callback"]

    def test_every_mode_is_read_and_its_reply_is_shown(self):
        for mode in ("plain", "compatible", "safe"):
            with self.subTest(mode):
                self.connect(mode)

                def answer(query, body):
                    reply = TextReply(message=self.read(), content=f"好的 & <{mode}>").render()
                    if mode == "plain":
                        return reply
                    return self.crypto.encrypt_message(reply, query["nonce"], query["timestamp"])

                self.act("follow")
                self.server.answer = answer
                seen = self.act("send_text", content="在吗 & <b>]]>")
                self.server.answer = lambda query, body: "success"
                message = self.read()
                self.assertEqual(message.type, "text")
                self.assertEqual(message.content, "在吗 & <b>]]>")
                self.assertEqual(message.source, self.openid)
                self.assertEqual((seen["shown"], seen["attempts"]), ("message", 1), seen)
                self.assertEqual(seen["reply"]["message"]["Content"], f"好的 & <{mode}>")
                card = self.sandbox.inbox(self.person)[0]
                self.assertEqual(card["lines"], [f"好的 & <{mode}>"])

    def test_every_action_is_the_event_that_wechatpy_knows(self):
        self.connect("safe")
        for action, more, event, fields in [
            ("follow", {}, "subscribe", {}),
            ("scan", {"scene": "42"}, "scan", {"scene_id": "42"}),
            ("menu_click", {"key": "V1_BUY"}, "click", {"key": "V1_BUY"}),
            ("menu_view", {"url": "https://a.example/?b=1&c=2"}, "view", {"url": "https://a.example/?b=1&c=2"}),
            ("unfollow", {}, "unsubscribe", {}),
            ("scan", {"scene": "42"}, "subscribe_scan", {"scene_id": "42"}),
        ]:
            with self.subTest(action):
                self.act(action, **more)
                message = self.read()
                self.assertEqual((message.type, message.event), ("event", event))
                for name, value in fields.items():
                    self.assertEqual(getattr(message, name), value)
        self.act("send_image", pic_url="http://a.example/p.jpg")
        self.assertEqual(self.read().image, "http://a.example/p.jpg")
        self.act("send_location", latitude="23.134521", longitude="113.358803", label="广州")
        location = self.read()
        self.assertEqual((location.label, location.scale), ("广州", "16"))
        self.act("send_link", title="T", description="D", url="https://a.example")
        self.assertEqual(self.read().url, "https://a.example")

    def test_a_reply_of_every_kind_is_taken(self):
        self.connect("safe")
        self.act("follow")
        for reply, shown in [
            (ImageReply(media_id="M1"), "message"),
            (ArticlesReply(articles=[{"title": "T", "description": "D", "image": "https://a.example/i", "url": "https://a.example"}]), "message"),
            (TransferCustomerServiceReply(), "transfer"),
        ]:
            with self.subTest(reply.type):

                def answer(query, body):
                    message = self.read()
                    reply.source, reply.target = message.target, message.source
                    return self.crypto.encrypt_message(reply, query["nonce"], query["timestamp"])

                self.server.answer = answer
                seen = self.act("send_text", content="?")
                self.assertEqual((seen["shown"], seen["error"]), (shown, None))

    def test_another_key_cannot_read_it(self):
        self.connect("safe")
        self.act("follow")
        query, body = self.server.heard[-1]
        stranger = WeChatCrypto("another", KEY, self.appid)
        with self.assertRaises(InvalidSignatureException):
            stranger.decrypt_message(
                body, query["msg_signature"], query["timestamp"], query["nonce"]
            )


class Gateway(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.demo = Demo()
        cls.addClassCleanup(cls.demo.close)
        account = next(a for a in cls.demo.demo["accounts"] if a["name"] == "demo-oa")
        cls.appid = account["appid"]
        cls.template = next(t for t in account["templates"] if t["kind"] == "template")
        person = cls.demo.demo["people"][0]
        cls.person, cls.openid = person["person_id"], person["openids"][cls.appid]
        cls.crypto = WeChatCrypto(TOKEN, KEY, cls.appid)
        known = cls.demo.control("GET", "/accounts")["items"]
        cls.original = next(a["original_id"] for a in known if a["appid"] == cls.appid)
        cls.callback = f"{cls.demo.gateway}/callback/demo-oa"
        settings = {"token": TOKEN, "encoding_aes_key": KEY}
        cls.demo.api("PATCH", "/accounts/demo-oa", {"callback": settings})
        # What is checked here is the gateway's answer to WeChat's check.
        at_wechat = {**settings, "url": cls.callback, "mode": "safe", "format": "xml", "verify": True}
        cls.demo.control("PATCH", f"/accounts/{cls.appid}", {"callback": at_wechat})

    def rules(self, *rules):
        self.demo.api("PUT", "/accounts/demo-oa/reply-rules", {"rules": rules})

    def backends(self, *backends):
        self.demo.api("PATCH", "/accounts/demo-oa", {"backends": backends})

    def push(self, msg_id, content, crypto=None):
        """Calls the gateway as WeChat would, written by wechatpy."""
        message = (
            f"<xml><ToUserName>{self.original}</ToUserName>"
            f"<FromUserName>{self.openid}</FromUserName><CreateTime>1767225661</CreateTime><MsgType>text</MsgType>"
            f"<Content><![CDATA[{content}]]></Content><MsgId>{msg_id}</MsgId></xml>"
        )
        stamp = "1767225661", "1203984417"
        body = (crypto or self.crypto).encrypt_message(message, stamp[1], stamp[0])
        query = {
            "signature": signature(*stamp),
            "timestamp": stamp[0],
            "nonce": stamp[1],
            "encrypt_type": "aes",
            "msg_signature": xmltodict.parse(body)["xml"]["MsgSignature"],
        }
        return post(f"{self.callback}?{urlencode(query)}", body)

    def test_wechatpy_reads_the_answer_to_what_it_wrote(self):
        answer = {"type": "text", "content": "回声 {{text}} & <b>"}
        self.rules({"name": "echo", "when": {"msg_type": "text"}, "reply": answer})
        for number in range(40):
            # Every length of padding, with characters of one to four bytes.
            content = "é字🍵x"[number % 4] * number + "."
            status, body = self.push(1000 + number, content)
            self.assertEqual(status, 200)
            envelope = xmltodict.parse(body)["xml"]
            plain = self.crypto.decrypt_message(
                body, envelope["MsgSignature"], envelope["TimeStamp"], envelope["Nonce"]
            )
            message = xmltodict.parse(plain)["xml"]
            self.assertEqual(message["Content"], f"回声 {content} & <b>")
            self.assertEqual(message["ToUserName"], self.openid)

    def test_a_stranger_s_message_is_refused(self):
        for crypto in (
            WeChatCrypto("another", KEY, self.appid),
            WeChatCrypto(TOKEN, KEY, "wx0000000000000000"),
            WeChatCrypto(TOKEN, "x" * 43, self.appid),
        ):
            self.assertEqual(self.push(1, "hi", crypto), (403, ""))

    def test_a_program_with_wechatpy_answers_behind_the_gateway(self):
        self.rules()
        server = Server()
        self.addCleanup(server.close)
        self.addCleanup(self.backends)

        def answer(query, body):
            stamp = query["timestamp"], query["nonce"]
            check_signature(TOKEN, query["signature"], *stamp)
            plain = self.crypto.decrypt_message(body, query["msg_signature"], *stamp)
            message = parse_message(plain)
            reply = TextReply(message=message, content=f"旧程序：{message.content}")
            return self.crypto.encrypt_message(reply.render(), stamp[1], stamp[0])

        server.answer = answer
        self.backends({"url": f"{server.url}wx?shop=7", "answers": True})
        seen = self.demo.act(self.person, self.appid, "send_text", content="价格？")["callback"]
        self.assertEqual((seen["shown"], seen["attempts"]), ("message", 1), seen)
        self.assertEqual(seen["reply"]["message"]["Content"], "旧程序：价格？")
        self.assertEqual(self.demo.inbox(self.person)[0]["lines"], ["旧程序：价格？"])
        (query, _) = server.heard[0]
        self.assertEqual(query["shop"], "7")


if __name__ == "__main__":
    unittest.main()
