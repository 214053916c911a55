"""Takes callbacks in safe mode with wechatpy and Flask: proves, deciphers and
parses each, stores nothing, answers "success".

Run by gunicorn; TOKEN, AES_KEY and APPID come from the environment.
"""

import os

from flask import Flask, abort, request
from wechatpy import parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.exceptions import InvalidAppIdException, InvalidSignatureException

app = Flask(__name__)
crypto = WeChatCrypto(os.environ["TOKEN"], os.environ["AES_KEY"], os.environ["APPID"])


@app.get("/")
def alive():
    return "ok"


@app.post("/")
def callback():
    asked = request.args
    try:
        plain = crypto.decrypt_message(
            request.data, asked["msg_signature"], asked["timestamp"], asked["nonce"]
        )
    except (InvalidSignatureException, InvalidAppIdException):
        abort(403)
    parse_message(plain)
    return "success"
