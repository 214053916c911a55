"""wechatpy against the sandbox: what works with WeChat works here, and fails alike."""

import unittest

from wechatpy import WeChatClient
from wechatpy.client.api import WeChatWxa
from wechatpy.exceptions import APILimitedException, WeChatClientException

from sandbox import Sandbox

CONTENT = "商品名称：{{thing1.DATA}}\n发货时间：{{time2.DATA}}\n"
DATA = {"thing1": {"value": "茶叶 🍵 两盒"}, "time2": {"value": "2026年11月20日 10:00"}}


class SdkTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sandbox = Sandbox()
        cls.addClassCleanup(cls.sandbox.close)
        base = cls.sandbox.url

        class Client(WeChatClient):
            API_BASE_URL = f"{base}/cgi-bin/"

            # wechatpy has this one address written out.
            def fetch_access_token(self):
                return self._fetch_access_token(
                    url=f"{base}/cgi-bin/token",
                    params={
                        "grant_type": "client_credential",
                        "appid": self.appid,
                        "secret": self.secret,
                    },
                )

        cls.Client = Client
        former = WeChatWxa.API_BASE_URL
        WeChatWxa.API_BASE_URL = f"{base}/"
        cls.addClassCleanup(setattr, WeChatWxa, "API_BASE_URL", former)

    def setUp(self):
        self.account = self.sandbox.account()
        self.appid = self.account["appid"]
        self.client = self.Client(self.appid, self.account["secret"])

    def refused(self, errcode, call, *args, **kwargs):
        """Expects WeChat's refusal with this code; returns its words."""
        with self.assertRaises(WeChatClientException) as caught:
            call(*args, **kwargs)
        self.assertEqual(caught.exception.errcode, errcode, caught.exception.errmsg)
        return caught.exception.errmsg


class Tokens(SdkTest):
    def test_a_token_lives_two_hours(self):
        issued = self.client.fetch_access_token()
        self.assertEqual(issued["expires_in"], 7200)
        self.assertEqual(self.client.access_token, issued["access_token"])

    def test_a_wrong_secret_or_appid_is_refused(self):
        self.refused(40125, self.Client(self.appid, "0" * 32).fetch_access_token)
        self.refused(40013, self.Client("wx0000000000000000", "0" * 32).fetch_access_token)

    def test_an_address_off_the_allow_list_is_refused_and_named(self):
        account = self.sandbox.account(ip_allowlist=["203.0.113.7"])
        client = self.Client(account["appid"], account["secret"])
        self.assertIn("127.0.0.1", self.refused(40164, client.fetch_access_token))

    def test_a_missing_and_a_made_up_token_are_told_apart(self):
        path = "template/get_all_private_template"
        self.refused(41001, self.client.get, path, params={"access_token": ""})
        self.client.auto_retry = False
        self.refused(40014, self.client.get, path, params={"access_token": "made-up"})

    def test_a_replaced_token_works_five_more_minutes(self):
        patient = self.client
        patient.auto_retry = False
        patient.fetch_access_token()
        self.Client(self.appid, self.account["secret"]).fetch_access_token()
        patient.template.get_all_private_template()
        self.sandbox.advance(301)
        self.refused(40001, patient.template.get_all_private_template)

    def test_the_sdk_recovers_from_a_replaced_token_by_itself(self):
        old = self.client.fetch_access_token()["access_token"]
        self.Client(self.appid, self.account["secret"]).fetch_access_token()
        self.sandbox.advance(301)
        self.client.template.get_all_private_template()
        self.assertNotEqual(self.client.access_token, old)

    def test_an_expired_token_says_so(self):
        self.client.auto_retry = False
        self.client.fetch_access_token()
        self.sandbox.advance(7201)
        self.refused(42001, self.client.template.get_all_private_template)

    def test_a_stable_token_is_repeated_until_it_is_forced(self):
        def stable(force=False):
            body = {
                "grant_type": "client_credential",
                "appid": self.appid,
                "secret": self.account["secret"],
                "force_refresh": force,
            }
            return self.client.post("stable_token", params="", data=body)["access_token"]

        first = stable()
        self.assertEqual(stable(), first)
        self.sandbox.advance(31)
        self.assertNotEqual(stable(force=True), first)
        # The two families do not disturb each other.
        classic = self.client.fetch_access_token()["access_token"]
        self.assertNotIn(classic, (first, stable()))
        self.client.template.get_all_private_template()


class TemplateMessages(SdkTest):
    def setUp(self):
        super().setUp()
        self.template = self.sandbox.template(self.appid, CONTENT)
        self.person, self.openid = self.sandbox.follower(self.appid)

    def send(self, data=DATA, **more):
        return self.client.message.send_template(self.openid, self.template, data, **more)

    def test_the_phone_shows_what_was_sent(self):
        sent = self.send(url="https://example.com/orders/42")
        # Past 2**53, where a float would begin to lie.
        self.assertGreater(sent["msgid"], 2**53)
        (card,) = self.sandbox.inbox(self.person)
        self.assertEqual(card["msgid"], sent["msgid"])
        self.assertEqual(card["title"], "订单发货通知")
        self.assertEqual(
            card["lines"],
            ["商品名称：茶叶 🍵 两盒", "发货时间：2026年11月20日 10:00"],
        )
        self.assertEqual(card["url"], "https://example.com/orders/42")

    def test_the_list_of_templates_shows_it(self):
        (listed,) = self.client.template.get_all_private_template()["template_list"]
        self.assertEqual(listed["template_id"], self.template)
        self.assertEqual(listed["title"], "订单发货通知")
        self.assertIn("{{thing1.DATA}}", listed["content"])

    def test_a_deleted_template_is_gone(self):
        self.client.template.del_private_template(self.template)
        self.assertEqual(self.client.template.get_all_private_template()["template_list"], [])
        self.refused(40037, self.send)

    def test_the_industry_is_kept(self):
        self.client.template.set_industry("1", "4")
        industry = self.client.template.get_industry()
        self.assertEqual(set(industry), {"primary_industry", "secondary_industry"})

    def test_an_unknown_person_and_one_who_left_are_told_apart(self):
        stranger = "o" + "0" * 27
        self.refused(
            40003, self.client.message.send_template, stranger, self.template, DATA
        )
        self.sandbox.act(self.person, self.appid, "unfollow")
        self.refused(43004, self.send)
        self.assertEqual(self.sandbox.deliveries(self.appid), [])

    def test_an_unknown_template_is_refused(self):
        self.template = "x" * 43
        self.assertIn("rid: ", self.refused(40037, self.send))

    def test_a_bad_keyword_is_named(self):
        too_long = {**DATA, "thing1": {"value": "长" * 21}}
        self.assertIn("thing1", self.refused(47003, self.send, too_long))
        not_a_time = {**DATA, "time2": {"value": "soon"}}
        self.assertIn("time2", self.refused(47003, self.send, not_a_time))
        missing = {"thing1": DATA["thing1"]}
        self.assertIn("time2", self.refused(47003, self.send, missing))
        self.assertEqual(self.sandbox.inbox(self.person), [])

    def test_the_daily_quota_ends(self):
        path = "/cgi-bin/message/template/send"
        self.sandbox.control(
            "PUT", f"/accounts/{self.appid}/quota", {"path": path, "limit": 1}
        )
        self.send()
        with self.assertRaises(APILimitedException) as caught:
            self.send()
        self.assertEqual(caught.exception.errcode, 45009)
        self.assertEqual(len(self.sandbox.deliveries(self.appid)), 1)

    def test_a_repeat_with_the_same_client_msg_id_arrives_once(self):
        body = {
            "touser": self.openid,
            "template_id": self.template,
            "data": DATA,
            "client_msg_id": "order-42",
        }
        first = self.client.post("message/template/send", data=dict(body))
        again = self.client.post("message/template/send", data=dict(body))
        self.assertEqual(first["msgid"], again["msgid"])
        self.assertEqual(len(self.sandbox.inbox(self.person)), 1)

    def test_a_send_whose_answer_was_lost_took_effect(self):
        self.client.fetch_access_token()
        fault = {
            "path": "/cgi-bin/message/template/send",
            "times": 1,
            "effect": {"drop": "after"},
        }
        self.sandbox.control("POST", "/faults", fault)
        # The answer never comes: not WeChat's refusal, a broken connection.
        with self.assertRaises(OSError):
            self.send()
        self.assertEqual(len(self.sandbox.inbox(self.person)), 1)


class SubscribeMessages(SdkTest):
    def setUp(self):
        self.account = self.sandbox.account("mini_program")
        self.appid = self.account["appid"]
        self.client = self.Client(self.appid, self.account["secret"])
        self.template = self.sandbox.template(
            self.appid,
            "取餐码：{{character_string1.DATA}}\n门店名称：{{thing2.DATA}}\n",
            kind="subscribe",
            title="取餐提醒",
        )
        self.person, self.openid = self.sandbox.person(self.appid)

    def send(self):
        data = {"character_string1": {"value": "A12"}, "thing2": {"value": "人民路店"}}
        return self.client.wxa.send_subscribe_message(
            self.openid, self.template, data, page="pages/order?id=1"
        )

    def test_one_consent_is_one_message(self):
        self.refused(43101, self.send)
        self.sandbox.act(
            self.person, self.appid, "subscribe_popup", results={self.template: "accept"}
        )
        self.send()
        (card,) = self.sandbox.inbox(self.person)
        self.assertEqual(card["title"], "取餐提醒")
        self.assertEqual(card["lines"], ["取餐码：A12", "门店名称：人民路店"])
        self.refused(43101, self.send)
        self.assertEqual(len(self.sandbox.inbox(self.person)), 1)


if __name__ == "__main__":
    unittest.main()
