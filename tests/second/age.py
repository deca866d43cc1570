"""One age v1 file: armor, header, payload, and the X25519 stanza (C2SP, "age").

Strict, for files in a vault are written by one program: canonical armor, LF, nothing before or
after, the limits of a vault, no passphrase. It knows nothing of hoziron, opens no file by name,
and puts nothing of what it reads into an error.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass

from primitives import X25519_BASE, aead_open, b64_decode, hkdf, x25519

MAX_VALUE, MAX_HEADER, MAX_STANZAS = 16 << 20, 64 << 10, 256
CHUNK = 64 << 10
ARMOR_FROM = b"-----BEGIN AGE ENCRYPTED FILE-----\n"
ARMOR_TO = b"-----END AGE ENCRYPTED FILE-----\n"


class Failure(Exception):
    def __init__(self, code: int, why: str):
        super().__init__(why)
        self.code = code


def require(holds: bool, why: str, code: int = 6) -> None:
    if not holds:
        raise Failure(code, why)


@dataclass(frozen=True)
class Stanza:
    arguments: list[str]
    body: bytes
    end: int  # where the next one starts


@dataclass(frozen=True)
class AgeFile:
    stanzas: list[Stanza]
    below_first: bytes  # H': the header from behind the first stanza up to its "---"
    mac_input: bytes
    mac: bytes
    payload: bytes  # P


def make_armor(data: bytes) -> bytes:
    text = base64.b64encode(data)
    lines = [text[at:at + 64] + b"\n" for at in range(0, len(text), 64)]
    return ARMOR_FROM + b"".join(lines) + ARMOR_TO


def parse_armor(text: bytes) -> bytes:
    require(text.startswith(ARMOR_FROM) and text.endswith(ARMOR_TO), "it is not one armored file")
    data = base64.b64decode(text[len(ARMOR_FROM):-len(ARMOR_TO)])
    require(make_armor(data) == text, "its armor is not canonical")
    return data


def parse_age(data: bytes) -> AgeFile:
    head, at, stanzas = data[:MAX_HEADER], 0, []

    def line() -> bytes:
        nonlocal at
        start, at = at, head.find(b"\n", at) + 1
        require(at > 0, "the header has no end within 64 KiB")
        return head[start:at - 1]

    require(line() == b"age-encryption.org/v1", "it is not an age v1 file")
    start = at
    while (text := line()).startswith(b"-> "):
        arguments = text[3:].split(b" ")
        require(all(re.fullmatch(rb"[!-~]+", argument) for argument in arguments),
                "a stanza is malformed")
        rows = [line()]
        while len(rows[-1]) == 64:
            rows.append(line())
        require(all(len(row) <= 64 for row in rows), "a stanza has too long a line")
        body = b64_decode(b"".join(rows).decode())
        stanzas.append(Stanza([argument.decode() for argument in arguments], body, at))
        require(len(stanzas) <= MAX_STANZAS, "it has over 256 stanzas")
        start = at
    mac = re.fullmatch(rb"--- ([A-Za-z0-9+/]{43})", text)
    require(mac is not None and stanzas != [], "the header is malformed")
    require(all(stanza.arguments[0] != "scrypt" for stanza in stanzas),
            "it is sealed to a passphrase")
    return AgeFile(stanzas, data[stanzas[0].end:start], data[:start + 3],
                   b64_decode(mac[1].decode()), data[at:])


def require_mac(file: AgeFile, file_key: bytes) -> None:
    mac = hmac.digest(hkdf(b"", file_key, b"header", 32), file.mac_input, hashlib.sha256)
    require(hmac.compare_digest(mac, file.mac), "the header MAC does not match")


def open_payload(file: AgeFile, file_key: bytes) -> bytes:
    nonce, sealed = file.payload[:16], file.payload[16:]
    chunks = [sealed[at:at + CHUNK + 16] for at in range(0, len(sealed), CHUNK + 16)]
    require(len(nonce) == 16 and chunks != [], "the payload is cut off")
    require(len(sealed) - 16 * len(chunks) <= MAX_VALUE, "the value is over 16 MiB")
    key = hkdf(nonce, file_key, b"payload", 32)
    plain = []
    for number, chunk in enumerate(chunks):
        last = number == len(chunks) - 1
        plain.append(aead_open(key, number.to_bytes(11, "big") + bytes([last]), chunk))
        require(plain[-1] is not None, "the payload does not open")
        require(plain[-1] != b"" or len(chunks) == 1, "the payload ends in an empty chunk")
    return b"".join(plain)


def unwrap_x25519(stanza: Stanza, secret: bytes) -> bytes | None:
    """Returns the file key, None if the stanza is for somebody else."""
    require(len(stanza.arguments) == 2 and len(stanza.body) == 32, "an X25519 stanza is malformed")
    share = b64_decode(stanza.arguments[1])
    require(len(share) == 32, "an X25519 share is not 32 bytes")
    shared = x25519(secret, share)
    require(shared != bytes(32), "an X25519 share is of low order")
    wrap = hkdf(share + x25519(secret, X25519_BASE), shared, b"age-encryption.org/v1/X25519", 32)
    return aead_open(wrap, bytes(12), stanza.body)
