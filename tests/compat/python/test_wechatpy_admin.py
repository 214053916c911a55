"""wechatpy on menus, people, media and codes of the sandbox."""

import io

import requests

from test_wechatpy import SdkTest

PNG = b"\x89PNG\r\n\x1a\n and the rest"
MENU = {
    "button": [
        {"type": "click", "name": "今日歌曲", "key": "TODAY"},
        {
            "name": "菜单",
            "sub_button": [
                {"type": "view", "name": "搜索", "url": "https://search.example/"},
                {"type": "click", "name": "赞一下我们", "key": "GOOD"},
            ],
        },
    ]
}


class Menus(SdkTest):
    def test_a_menu_comes_and_goes(self):
        # The SDK takes 46003 for no menu.
        self.assertIsNone(self.client.menu.get())
        self.client.menu.create(MENU)
        button = self.client.menu.get()["menu"]["button"]
        self.assertEqual(button[1]["sub_button"][0]["url"], "https://search.example/")
        info = self.client.menu.get_menu_info()
        self.assertEqual(info["is_menu_open"], 1)
        below = info["selfmenu_info"]["button"][1]["sub_button"]["list"]
        self.assertEqual(below[1]["key"], "GOOD")
        self.client.menu.update(MENU)
        self.client.menu.delete()
        self.assertEqual(self.client.menu.get_menu_info()["is_menu_open"], 0)

    def test_a_menu_that_breaks_the_rules_is_refused(self):
        four = {"button": [MENU["button"][0]] * 4}
        self.refused(40016, self.client.menu.create, four)
        long = {"button": [{"type": "click", "name": "名" * 6, "key": "k"}]}
        self.refused(40018, self.client.menu.create, long)

    def test_a_menu_for_some_is_matched(self):
        person, openid = self.sandbox.follower(self.appid)
        tag = self.client.tag.create("贵宾")["id"]
        some = {
            "button": [{"type": "click", "name": "贵宾", "key": "VIP"}],
            "matchrule": {"tag_id": tag},
        }
        self.refused(65303, self.client.menu.add_conditional, some)
        self.client.menu.create(MENU)
        menuid = self.client.menu.add_conditional(some)["menuid"]
        self.assertEqual(self.client.menu.try_match(openid)["button"][0]["key"], "TODAY")
        self.client.tag.tag_user(tag, openid)
        self.assertEqual(self.client.menu.try_match(openid)["button"][0]["key"], "VIP")
        self.sandbox.act(person, self.appid, "menu_click", key="VIP")
        self.client.menu.del_conditional(menuid)
        self.refused(65301, self.client.menu.del_conditional, menuid)


class People(SdkTest):
    def test_followers_are_iterated_past_a_page(self):
        body = {"appid": self.appid, "count": 10_005}
        self.sandbox.control("POST", "/bulk/people", body)
        _, openid = self.sandbox.follower(self.appid)
        everybody = list(self.client.user.iter_followers())
        self.assertEqual(len(everybody), len(set(everybody)))
        self.assertEqual(len(everybody), 10_006)
        self.client.user.update_remark(openid, "老客户")
        details = self.client.user.get_batch(everybody[-100:])
        self.assertEqual(details[-1]["remark"], "老客户")
        self.refused(40032, self.client.user.get_batch, everybody[:101])

    def test_tags(self):
        people = [self.sandbox.follower(self.appid)[1] for _ in range(3)]
        tag = self.client.tag.create("广东")["id"]
        self.refused(45157, self.client.tag.create, "广东")
        self.client.tag.update(tag, "广州")
        self.client.tag.tag_user(tag, people)
        self.client.tag.untag_user(tag, people[1])
        self.assertEqual(self.client.tag.get_user_tag(people[0]), [tag])
        self.assertEqual(list(self.client.tag.iter_tag_users(tag)), [people[0], people[2]])
        listed = {one["id"]: one for one in self.client.tag.get()}
        self.assertEqual(listed[tag], {"id": tag, "name": "广州", "count": 2})
        self.client.tag.delete(tag)
        self.assertEqual(self.client.tag.get_user_tag(people[0]), [])
        self.refused(45058, self.client.tag.delete, 2)

    def test_the_blacklist(self):
        _, openid = self.sandbox.follower(self.appid)
        template = self.sandbox.template(self.appid, "{{thing1.DATA}}")
        self.client.tag.batch_black_list([openid])
        self.assertEqual(self.client.tag.get_black_list()["data"]["openid"], [openid])
        data = {"thing1": {"value": "a"}}
        self.refused(43019, self.client.message.send_template, openid, template, data)
        self.client.tag.batch_unblack_list([openid])
        self.client.message.send_template(openid, template, data)


class Media(SdkTest):
    def upload(self, kind="image", content=PNG):
        file = io.BytesIO(content)
        file.name = "picture.png"
        return self.client.media.upload(kind, file)

    def test_an_upload_comes_back_for_three_days(self):
        media_id = self.upload()["media_id"]
        self.assertEqual(self.client.media.download(media_id).content, PNG)
        self.sandbox.advance(3 * 24 * 3600)
        self.refused(40007, self.client.media.download, media_id)
        self.refused(40005, self.upload, content=b"no picture")

    def test_a_picture_is_sent_and_shown(self):
        person, openid = self.sandbox.follower(self.appid)
        media_id = self.upload()["media_id"]
        self.client.message.send_image(openid, media_id)
        (card,) = self.sandbox.inbox(person)
        self.assertEqual(card["content"]["image"]["media_id"], media_id)
        self.refused(40007, self.client.message.send_image, openid, "unknown")

    def test_the_library(self):
        file = io.BytesIO(PNG)
        file.name = "picture.png"
        media_id = self.client.material.add("image", file)["media_id"]
        self.assertEqual(self.client.material.get_count()["image_count"], 1)
        self.assertEqual(self.client.material.get(media_id).content, PNG)
        listed = self.client.material.batchget("image")
        self.assertEqual(listed["item"][0]["media_id"], media_id)
        self.client.material.delete(media_id)
        self.refused(40007, self.client.material.get, media_id)

    def test_a_message_menu(self):
        person, openid = self.sandbox.follower(self.appid)
        menu = {
            "head_content": "满意吗？",
            "list": [{"id": "1", "content": "满意"}],
            "tail_content": "谢谢",
        }
        self.client.message.send_msg_menu(openid, menu)
        self.assertEqual(self.sandbox.inbox(person)[0]["lines"], ["满意吗？", "满意", "谢谢"])


class Codes(SdkTest):
    def test_a_code_is_drawn_and_scanned(self):
        code = self.client.qrcode.create(
            {
                "expire_seconds": 600,
                "action_name": "QR_STR_SCENE",
                "action_info": {"scene": {"scene_str": "desk-7"}},
            }
        )
        show = f"{self.sandbox.url}/cgi-bin/showqrcode"
        drawn = requests.get(show, params={"ticket": code["ticket"]}, timeout=10)
        self.assertTrue(drawn.headers["Content-Type"].startswith("image/"))
        self.assertEqual(requests.get(show, params={"ticket": "x"}, timeout=10).status_code, 404)
        person, openid = self.sandbox.person(self.appid)
        self.sandbox.act(person, self.appid, "scan", ticket=code["ticket"])
        self.assertEqual(self.client.user.get(openid)["qr_scene_str"], "desk-7")
        self.refused(
            40052, self.client.qrcode.create, {"action_name": "X", "action_info": {}}
        )
