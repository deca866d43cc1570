#!/usr/bin/env python3
"""Makes one small vault with fixed randomness, for both implementations to open.

    make_sample.py DIR      DIR must not exist; afterwards it holds
        identity.txt        alice's identity, a test key that guards nothing
        home/               hoziron.toml, recipients/alice.pub, vault/
        expected.json       every value in base64, and every intermediate value

It ends by opening what it made with `open.py`. All "random" bytes are digests of their own names:
the same DIR comes out each time, and nothing made like this can ever be secret.
"""

import base64
import hashlib
import hmac
import json
import subprocess
import sys
from pathlib import Path

from age import CHUNK, make_armor
from open import (TAG, TOP, Identity, Seal, derive_ctx, derive_key_id, derive_prk, derive_wk,
                  make_vault_id)
from primitives import (X25519_BASE, aead_seal, b64_encode, bech32_decode, bech32_encode,
                        ed25519_sign, hkdf, x25519)

MADE = 1764000000
VALUES = {
    "BIG": bytes((at * at + at // 251) % 256 for at in range(200_000)),  # four chunks of payload
    "EMPTY": b"",
    "GREETING": b"hello",
    "prod/BINARY": bytes(range(256)),
}


def fixed(what: str, size: int) -> bytes:
    return hashlib.sha256(f"hoziron sample: {what}".encode()).digest()[:size]


# --- Sealing: the counterparts of what open.py opens ---------------------------------------------

def make_stanza(arguments: list[str], body: bytes) -> bytes:
    text = b64_encode(body)
    rows = [text[at:at + 64] for at in range(0, len(text) + 1, 64)]  # the last one may be empty
    return "\n".join([f"-> {' '.join(arguments)}", *rows, ""]).encode()


def wrap_x25519(file_key: bytes, recipient: str, ephemeral: bytes) -> bytes:
    public = bech32_decode("age", recipient)
    share, shared = x25519(ephemeral, X25519_BASE), x25519(ephemeral, public)
    wrap = hkdf(share + public, shared, b"age-encryption.org/v1/X25519", 32)
    return make_stanza(["X25519", b64_encode(share)], aead_seal(wrap, bytes(12), file_key))


def seal_payload(file_key: bytes, nonce: bytes, value: bytes) -> bytes:
    key = hkdf(nonce, file_key, b"payload", 32)
    chunks = [value[at:at + CHUNK] for at in range(0, len(value), CHUNK)] or [b""]
    last = len(chunks) - 1
    return nonce + b"".join(aead_seal(key, at.to_bytes(11, "big") + bytes([at == last]), chunk)
                            for at, chunk in enumerate(chunks))


def finish(stanzas: bytes, file_key: bytes, payload: bytes) -> tuple[bytes, bytes]:
    """Returns the armored file, and its header MAC."""
    header = b"age-encryption.org/v1\n" + stanzas + b"---"
    mac = hmac.digest(hkdf(b"", file_key, b"header", 32), header, hashlib.sha256)
    return make_armor(header + b" " + b64_encode(mac).encode() + b"\n" + payload), mac


def seal_grant(folder_key: bytes, recipient: str) -> bytes:
    file_key = fixed("grant file key", 16)
    stanza = wrap_x25519(file_key, recipient, fixed("grant ephemeral", 32))
    payload = seal_payload(file_key, fixed("grant payload nonce", 16), folder_key)
    return finish(stanza, file_key, payload)[0]


def seal_secret(name: str, value: bytes, prk: bytes, recipient: str, seal: Seal):
    """Returns the armored file, and what was computed on the way."""
    file_key = fixed(f"file key of {name}", 16)
    payload = seal_payload(file_key, fixed(f"payload nonce of {name}", 16), value)
    others = wrap_x25519(file_key, recipient, fixed(f"ephemeral of {name}", 32))
    if name == "BIG":  # a stanza that nobody knows, whose body fills a line: an empty one follows
        others += make_stanza(["sample-grease", "x"], fixed("grease", 32) + fixed("more", 16))
    ctx = derive_ctx(others, payload)
    wk = derive_wk(prk, name, seal, ctx)
    arguments = [TAG, seal.trail, str(seal.revision), str(seal.value_time)]
    ours = make_stanza(arguments, aead_seal(wk, bytes(12), file_key))
    text, mac = finish(ours + others, file_key, payload)
    return text, {
        "prk": prk.hex(), "key_id": derive_key_id(prk), "trail": seal.trail,
        "revision": seal.revision, "value_time": seal.value_time, "label": seal.label,
        "ctx": ctx.hex(), "wk": wk.hex(), "file_key": file_key.hex(), "header_mac": mac.hex(),
    }


# --- The vault -----------------------------------------------------------------------------------

def make_statement(vault_id: str, key_id: str, nonce: bytes, alice: Identity) -> bytes:
    signing = b64_encode(alice.signing_public())
    body = f"""# Says who may read this folder, and which key it has. Signed; an edit is refused.
format = 1
vault = "{vault_id}"
folder = "{TOP}"
epoch = 1
key = "{key_id}"
parents = []
carved = []
made = {MADE}
founder = "{signing}"
nonce = "{b64_encode(nonce)}"
signer = "{signing}"
readers = [
    {{ name = "alice", recipients = ["{alice.recipient()}"], signing = "{signing}" }},
]
""".encode()
    seed = hkdf(b"hoziron/v1 sign", alice.secret, b"", 32)
    signature = ed25519_sign(seed, b"hoziron/v1 epoch\n" + body)
    return body + f'signature = "{b64_encode(signature)}"\n'.encode()


def write(path: Path, content: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def make(top: Path) -> None:
    alice, nonce = Identity(fixed("identity of alice", 32)), fixed("vault nonce", 16)
    folder_key = fixed("folder key", 32)
    vault_id = make_vault_id(alice.signing_public(), nonce)
    prk = derive_prk(vault_id, TOP, folder_key)
    key_id = derive_key_id(prk)
    home, epoch = top / "home", top / "home/vault/.keys" / f"0001-{key_id}"

    secret = bech32_encode("age-secret-key-", alice.secret).upper()
    write(top / "identity.txt", f"# a test key: it is published and guards nothing\n{secret}\n")
    (top / "identity.txt").chmod(0o600)
    write(home / "hoziron.toml", f'[vault]\nformat = 1\nid = "{vault_id}"\n')
    signing = b64_encode(alice.signing_public())
    write(home / "recipients/alice.pub", f"# hoziron-signing-key {signing}\n{alice.recipient()}\n")
    write(epoch / "epoch.toml", make_statement(vault_id, key_id, nonce, alice))
    write(epoch / "alice.age", seal_grant(folder_key, alice.recipient()))

    secrets = {}
    for number, (name, value) in enumerate(VALUES.items(), 1):
        seal = Seal(key_id, MADE + 100 * number, MADE + number, "hoziron/v1 file")
        text, facts = seal_secret(name, value, prk, alice.recipient(), seal)
        write(home / "vault" / f"{name}.age", text)
        secrets[name] = {"value": base64.b64encode(value).decode(), **facts}
    expected = {"vault": vault_id, "folder": TOP, "folder_key": folder_key.hex(),
                "founder": signing, "recipient": alice.recipient(), "secrets": secrets}
    write(top / "expected.json", json.dumps(expected, indent=2) + "\n")


def check(top: Path) -> None:
    """Opens the sample with `open.py` in a process of its own and compares everything."""
    def opened(*flags: str) -> dict:
        command = [sys.executable, Path(__file__).with_name("open.py"), "--home", top / "home",
                   "--identity", top / "identity.txt", *flags]
        return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)

    values, facts = opened("--all"), opened("--all", "--explain")
    expected = json.loads((top / "expected.json").read_text())["secrets"]
    found = {name: {"value": values[name], **facts[name]} for name in values}
    assert found == expected, "open.py opens the sample otherwise than it was sealed"


if __name__ == "__main__":
    if len(sys.argv) != 2 or Path(sys.argv[1]).exists():
        sys.exit("usage: make_sample.py DIR, where DIR does not exist yet")
    make(Path(sys.argv[1]))
    check(Path(sys.argv[1]))
    print("ok")
