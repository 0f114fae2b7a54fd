"""Makes password-hash-vectors.json with Python's own bcrypt and hmac: pip install bcrypt; python3 <this file>."""

import base64
import hashlib
import hmac
import json
import pathlib
import unicodedata

import bcrypt

PASSWORDS = [
    "Admin@123",
    "",
    "\0",
    "a\0b",
    "x" * 71 + "a",
    "x" * 72,
    "x" * 73,
    "x" * 4096,
    "caf\u00e9",
    "cafe\u0301",
    "пароль длиннее семидесяти двух байт, потому что каждая буква занимает два",
    "🔑" * 64,
]


def bcrypt_sha256(password: str, salt: bytes, cost: int) -> str:
    setting = bcrypt.gensalt(cost)[:7] + salt
    key = unicodedata.normalize("NFC", password).encode()
    digest = base64.b64encode(hmac.new(salt, key, hashlib.sha256).digest())
    hashed = bcrypt.hashpw(digest, setting).decode()
    return f"$bcrypt-sha256$v=2,t=2b,r={cost}${salt.decode()}${hashed[29:]}"


vectors = [
    {"password": password, "hash": bcrypt_sha256(password, bcrypt.gensalt(4)[7:], 4)}
    for password in PASSWORDS
]
plain = {"password": "Admin@123", "hash": bcrypt.hashpw(b"Admin@123", bcrypt.gensalt(4)).decode()}
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps([*vectors, plain], indent=1) + "\n")
