#!/usr/bin/env python3
"""X25519, Ed25519, ChaCha20-Poly1305, HKDF-SHA256, bech32 and unpadded base64, from their papers.

For `open.py`, `age.py` and `make_sample.py`: the second implementation shares no code with the
first and needs nothing but Python. Run it to check the RFCs' vectors. It is neither fast nor
constant-time, so it must never touch a secret that matters.
"""

import base64
import hashlib
import hmac
import struct

P = 2**255 - 19


# --- base64 without padding: one text for each bytes, no other is accepted -----------------------

def b64_encode(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def b64_decode(text: str) -> bytes:
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise ValueError("not base64") from None
    if b64_encode(data) != text:
        raise ValueError("not canonical base64")
    return data


# --- bech32 (BIP 173), without its limit of 90 characters, as age has it --------------------------

BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
BECH32_GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def bech32_polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(BECH32_GENERATORS):
            check ^= generator if top >> bit & 1 else 0
    return check


def bech32_expand(prefix: str) -> list[int]:
    return [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]


def bech32_encode(prefix: str, data: bytes) -> str:
    bits = int.from_bytes(data, "big") << (-len(data) * 8 % 5)
    count = (len(data) * 8 + 4) // 5
    values = [bits >> 5 * (count - 1 - i) & 31 for i in range(count)]
    check = bech32_polymod(bech32_expand(prefix) + values + [0] * 6) ^ 1
    values += [check >> 5 * (5 - i) & 31 for i in range(6)]
    return prefix + "1" + "".join(BECH32[value] for value in values)


def bech32_decode(prefix: str, text: str) -> bytes:
    """Decodes `text`, whose prefix in lower case must be `prefix`."""
    if text not in (text.lower(), text.upper()):
        raise ValueError("bech32 of mixed case")
    text = text.lower()
    found, one, rest = text.rpartition("1")
    if not one or found != prefix or len(rest) < 6 or not set(rest) <= set(BECH32):
        raise ValueError("not bech32 of the kind wanted")
    values = [BECH32.index(c) for c in rest]
    if bech32_polymod(bech32_expand(prefix) + values) != 1:
        raise ValueError("bech32 checksum is wrong")
    bits = 0
    for value in values[:-6]:
        bits = bits << 5 | value
    size, spare = divmod(5 * (len(values) - 6), 8)
    if spare >= 5 or bits & (1 << spare) - 1:
        raise ValueError("bech32 has bits left over")
    return (bits >> spare).to_bytes(size, "big")


# --- HKDF-SHA256 (RFC 5869) ----------------------------------------------------------------------

def hkdf_extract(salt: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt, ikm, hashlib.sha256)


def hkdf_expand(prk: bytes, info: bytes, size: int) -> bytes:
    out, block = b"", b""
    while len(out) < size:
        block = hmac.digest(prk, block + info + bytes([len(out) // 32 + 1]), hashlib.sha256)
        out += block
    return out[:size]


def hkdf(salt: bytes, ikm: bytes, info: bytes, size: int) -> bytes:
    return hkdf_expand(hkdf_extract(salt, ikm), info, size)


# --- X25519 (RFC 7748) ---------------------------------------------------------------------------

X25519_BASE = (9).to_bytes(32, "little")


def x25519(scalar: bytes, point: bytes) -> bytes:
    k = int.from_bytes(scalar, "little") & (1 << 254) - 8 | 1 << 254
    x1 = int.from_bytes(point, "little") & (1 << 255) - 1
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for t in reversed(range(255)):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % P, b * b % P, d * a % P, c * b % P
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P, x1 * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


# --- Ed25519 (RFC 8032), points as (X, Y, Z, T) --------------------------------------------------

L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
IDENTITY = (0, 1, 1, 0)


def point_add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def point_times(number: int, p):
    out = IDENTITY
    while number:
        if number & 1:
            out = point_add(out, p)
        p, number = point_add(p, p), number >> 1
    return out


def point_encode(p) -> bytes:
    inverse = pow(p[2], P - 2, P)
    x, y = p[0] * inverse % P, p[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def point_decode(data: bytes):
    """Decodes a point; None if it is none, or not in its one canonical encoding."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (1 << 255) - 1
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


BASE = point_decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_small_order(p) -> bool:
    return point_encode(point_times(8, p)) == point_encode(IDENTITY)


def sha512_number(data: bytes) -> int:
    return int.from_bytes(hashlib.sha512(data).digest(), "little")


def ed25519_expand(seed: bytes) -> tuple[int, bytes]:
    digest = hashlib.sha512(seed).digest()
    return int.from_bytes(digest[:32], "little") & (1 << 254) - 8 | 1 << 254, digest[32:]


def ed25519_public(seed: bytes) -> bytes:
    return point_encode(point_times(ed25519_expand(seed)[0], BASE))


def ed25519_sign(seed: bytes, message: bytes) -> bytes:
    scalar, prefix = ed25519_expand(seed)
    public = ed25519_public(seed)
    r = sha512_number(prefix + message) % L
    encoded = point_encode(point_times(r, BASE))
    s = (r + sha512_number(encoded + public + message) * scalar) % L
    return encoded + s.to_bytes(32, "little")


def ed25519_verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Strict: canonical S, canonical points, no small-order key or R, no cofactor."""
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r = point_decode(public), point_decode(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L or is_small_order(a) or is_small_order(r):
        return False
    k = sha512_number(signature[:32] + public + message) % L
    return point_encode(point_times(s, BASE)) == point_encode(point_add(r, point_times(k, a)))


# --- ChaCha20-Poly1305 (RFC 8439) ----------------------------------------------------------------

ROUNDS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
          (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def chacha20_block(key: bytes, counter: int, nonce: bytes) -> bytes:
    start = struct.unpack("<16I", b"expand 32-byte k" + key + struct.pack("<I", counter) + nonce)
    x, mask = list(start), 0xFFFFFFFF
    for a, b, c, d in ROUNDS * 10:
        for left, into, from_, shift in ((a, d, b, 16), (c, b, d, 12), (a, d, b, 8), (c, b, d, 7)):
            x[left] = x[left] + x[from_] & mask
            mixed = x[into] ^ x[left]
            x[into] = (mixed << shift | mixed >> 32 - shift) & mask
    return struct.pack("<16I", *(after + before & mask for after, before in zip(x, start)))


def chacha20(key: bytes, nonce: bytes, data: bytes) -> bytes:
    blocks = range(1, 1 + -(-len(data) // 64))
    stream = b"".join(chacha20_block(key, number, nonce) for number in blocks)[:len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(data), "big")


def poly1305(key: bytes, data: bytes) -> bytes:
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    sum_ = 0
    for at in range(0, len(data), 16):
        sum_ = (sum_ + int.from_bytes(data[at:at + 16] + b"\x01", "little")) * r % (2**130 - 5)
    return ((sum_ + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def aead_tag(key: bytes, nonce: bytes, sealed: bytes, aad: bytes) -> bytes:
    padded = b"".join(part + bytes(-len(part) % 16) for part in (aad, sealed))
    sizes = struct.pack("<QQ", len(aad), len(sealed))
    return poly1305(chacha20_block(key, 0, nonce)[:32], padded + sizes)


def aead_seal(key: bytes, nonce: bytes, plain: bytes, aad: bytes = b"") -> bytes:
    sealed = chacha20(key, nonce, plain)
    return sealed + aead_tag(key, nonce, sealed, aad)


def aead_open(key: bytes, nonce: bytes, data: bytes, aad: bytes = b"") -> bytes | None:
    """Returns the plaintext, None if the tag is wrong."""
    sealed, tag = data[:-16], data[-16:]
    if len(data) < 16 or not hmac.compare_digest(tag, aead_tag(key, nonce, sealed, aad)):
        return None
    return chacha20(key, nonce, sealed)


# --- the RFCs' vectors ---------------------------------------------------------------------------

def self_test() -> None:
    h = bytes.fromhex

    def refuses(decode, *args):
        try:
            decode(*args)
        except ValueError:
            return True
        return False

    assert b64_decode("AAE") == h("0001") and b64_encode(h("0001")) == "AAE"
    assert all(refuses(b64_decode, text) for text in ("AAF", "AAE=", "A AE", "AAE\n", "A", "AA-_"))

    # BIP 173, "Test vectors"
    text = "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw"
    data = h("00443214c74254b635cf84653a56d7c675be77df")
    assert bech32_decode("abcdef", text) == data and bech32_encode("abcdef", data) == text
    assert bech32_decode("a", "A12UEL5L") == b""
    for bad in (text[:-1] + "q", "A" + text[1:], "", "abcdef1"):
        assert refuses(bech32_decode, "abcdef", bad)

    # RFC 5869, A.1
    prk = hkdf_extract(bytes(range(13)), b"\x0b" * 22)
    assert prk == h("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5")
    assert hkdf_expand(prk, h("f0f1f2f3f4f5f6f7f8f9"), 42) == h(
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")

    # RFC 7748, 5.2
    assert x25519(h("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
                  h("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")) == h(
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552")
    k = u = X25519_BASE
    for turn in range(1000):
        k, u = x25519(k, u), k
        if turn == 0:
            assert k == h("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079")
    assert k == h("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51")

    # RFC 8032, 7.1, tests 1 and 2
    for seed, public, message, signature in (
        ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
         "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
         "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
        ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
         "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
         "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
    ):
        public, message, signature = h(public), h(message), h(signature)
        assert ed25519_public(h(seed)) == public and ed25519_sign(h(seed), message) == signature
        assert ed25519_verify(public, message, signature)
        assert not ed25519_verify(public, message + b"!", signature)
        s = int.from_bytes(signature[32:], "little") + L
        assert not ed25519_verify(public, message, signature[:32] + s.to_bytes(32, "little"))
    one = point_encode(IDENTITY)
    assert not ed25519_verify(one, b"anything", one + bytes(32)), "a small-order key signs nothing"

    # RFC 8439, 2.5.2 and 2.8.2
    assert poly1305(h("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b"),
                    b"Cryptographic Forum Research Group") == h("a8061dc1305136c6c22b8baf0c0127a9")
    key, nonce = bytes(range(0x80, 0xA0)), h("070000004041424344454647")
    aad = h("50515253c0c1c2c3c4c5c6c7")
    plain = (b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
             b"future, sunscreen would be it.")
    sealed = aead_seal(key, nonce, plain, aad)
    assert sealed[:16] == h("d31a8d34648e60db7b86afbc53ef7ec2")
    assert sealed[-16:] == h("1ae10b594f09e26a7e902ecbd0600691")
    assert aead_open(key, nonce, sealed, aad) == plain
    assert aead_open(key, nonce, sealed) is None and aead_open(key, nonce, sealed[:-1], aad) is None


if __name__ == "__main__":
    self_test()
    print("ok")
