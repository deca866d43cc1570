#!/usr/bin/env python3
"""Opens a hoziron vault: a second, short implementation of the open path, in plain Python.

It exists so that the Rust one has something to disagree with. It was written from the description
of the format alone, and it also shows that nobody needs hoziron to read what hoziron sealed. It
opens what this version of the format has (one key, for the top folder, in its first epoch; native
X25519 identities) and refuses everything else. It writes no file, and puts no value in an error.

    open.py --home DIR --identity FILE NAME              the value's bytes, on stdout
    open.py --home DIR --identity FILE --all             {name: base64 of the value}
    open.py --home DIR --identity FILE NAME --explain    what is computed on the way, in hex

Exit codes: 1 no such secret, 5 no identity opens the grant, 6 not to be trusted, 64 usage.
The functions stand in the order of the walk; `walk`, at the end of the file, calls them.
"""

import argparse
import base64
import hashlib
import json
import re
import sys
import tomllib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from age import (AgeFile, Failure, open_payload, parse_age, parse_armor, require, require_mac,
                 unwrap_x25519)
from primitives import (X25519_BASE, aead_open, b64_decode, bech32_decode, bech32_encode,
                        ed25519_public, ed25519_verify, hkdf, hkdf_expand, hkdf_extract, x25519)

MAX_FILE = 24 << 20
TAG = "hoziron/v1"
TOP = "."

SEGMENT = r"[a-z0-9][a-z0-9_-]*"
SECRET_NAME = re.compile(rf"(?:{SEGMENT}/)*[A-Za-z_][A-Za-z0-9_]*")
READER_NAME = re.compile(SEGMENT)
DEVICE = re.compile(r"con|prn|aux|nul|(?:com|lpt)[0-9]", re.IGNORECASE)
VAULT_ID = re.compile(r"[a-z2-7]{32}")
KEY_ID = re.compile(r"[A-Za-z0-9_-]{20}")
DECIMAL = re.compile(r"0|[1-9][0-9]{0,19}")

STATEMENT_KEYS = ["format", "vault", "folder", "epoch", "key", "parents", "carved", "made",
                  "founder", "nonce", "signer", "readers", "signature"]


@contextmanager
def about(what: str, code: int = 6):
    """Puts `what` in front of the failures within; says of a decoding error only that it is one."""
    try:
        yield
    except Failure as failure:
        raise Failure(failure.code, f"{what}: {failure}") from None
    except ValueError:  # also those of UTF-8, TOML and base64, whose texts quote what they read
        raise Failure(code, f"{what}: it cannot be decoded") from None


# --- 1. Files and names --------------------------------------------------------------------------

def read(path: Path) -> bytes:
    require(path.is_file() and not path.is_symlink(), "not a regular file")
    with path.open("rb") as file:
        data = file.read(MAX_FILE + 1)
    require(len(data) <= MAX_FILE, "over 24 MiB")
    return data


def is_secret_name(text: str) -> bool:
    return (SECRET_NAME.fullmatch(text) is not None and len(text) <= 200
            and not any(DEVICE.fullmatch(part) for part in text.split("/")))


def is_reader_name(text: str) -> bool:
    return (READER_NAME.fullmatch(text) is not None and len(text) <= 64
            and not DEVICE.fullmatch(text))


def is_number(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 64  # `True == 1`, but true is no number


# --- 2. Identities: what opens -------------------------------------------------------------------

@dataclass(frozen=True)
class Identity:
    secret: bytes

    def public(self) -> bytes:
        return x25519(self.secret, X25519_BASE)

    def recipient(self) -> str:
        return bech32_encode("age", self.public())

    def signing_public(self) -> bytes:
        return ed25519_public(hkdf(b"hoziron/v1 sign", self.secret, b"", 32))


def parse_identities(data: bytes) -> tuple[list[Identity], set[str]]:
    """Returns the native identities, and the ids of the vaults that the file pins."""
    identities, pins = [], set()
    for number, line in enumerate(data.decode().split("\n"), 1):
        line = line.strip()
        if line.startswith("AGE-SECRET-KEY-1"):
            secret = bech32_decode("age-secret-key-", line)
            require(len(secret) == 32, f"line {number} is no native identity", 5)
            identities.append(Identity(secret))
        elif pin := re.fullmatch(r"# hoziron vault (\S+)", line):
            pins.add(pin[1])
        else:
            require(line == "" or line.startswith("#"), f"line {number} is no native identity", 5)
    require(bool(identities), "there is no native identity in it", 5)
    return identities, pins


# --- 3. The manifest: which vault ----------------------------------------------------------------

def parse_vault_id(data: bytes) -> str:
    vault = tomllib.loads(data.decode()).get("vault")
    require(isinstance(vault, dict), "there is no [vault]")
    require(is_number(vault.get("format")) and vault["format"] == 1, "the format is not 1")
    require(isinstance(vault.get("id"), str) and VAULT_ID.fullmatch(vault["id"]) is not None,
            "the vault id is not 32 characters of a-z and 2-7")
    return vault["id"]


# --- 4. The statement: who founded the vault, and whose key this is -------------------------------

@dataclass(frozen=True)
class Statement:
    key_id: str
    founder: bytes
    readers: dict[str, list[str]]


def lp(data: bytes | str) -> bytes:
    data = data.encode() if isinstance(data, str) else data
    return len(data).to_bytes(4, "big") + data


def make_vault_id(founder: bytes, nonce: bytes) -> str:
    digest = hashlib.sha256(b"hoziron/v1 vault" + lp(founder) + nonce).digest()
    return base64.b32encode(digest[:20]).decode().lower()


def find_key_folder(vault: Path) -> Path:
    """Returns the one folder below `vault/.keys`."""
    found = [path for path in vault.rglob(".keys") if path.parent != vault]
    require(not found, "a sub-folder has keys of its own, which this version does not have")
    keys = vault / ".keys"
    require(keys.is_dir() and not keys.is_symlink(), "vault/.keys is missing")
    epochs = sorted(keys.iterdir())
    require(len(epochs) == 1, "vault/.keys does not hold exactly one epoch")
    require(epochs[0].is_dir() and not epochs[0].is_symlink(), "the epoch is not a folder")
    return epochs[0]


def parse_statement(data: bytes, vault_id: str) -> Statement:
    """Checks the first statement of the top folder, up to the founder's signature."""
    split = re.fullmatch(rb'(.*\n)signature = "([A-Za-z0-9+/]{86})"\n', data, re.DOTALL)
    require(split is not None, "the last line is not a signature")
    require(b"\r" not in data, "there is a carriage return")
    parsed = tomllib.loads(data.decode())
    require(list(parsed) == STATEMENT_KEYS, "its keys are not the expected ones in their order")
    require(all(is_number(parsed[key]) for key in ("format", "epoch", "made")),
            "a number is malformed")
    require(parsed["format"] == 1, "the format is not 1")
    require(parsed["vault"] == vault_id, "it is of another vault")
    require(parsed["folder"] == TOP and parsed["epoch"] == 1, "it is not the top's first epoch")
    require(parsed["parents"] == [] and parsed["carved"] == [], "parents and carved are not empty")
    require(isinstance(parsed["key"], str), "the key id is not a text")
    require(KEY_ID.fullmatch(parsed["key"]) is not None, "the key id is malformed")

    founder, nonce = decode_field(parsed, "founder", 32), decode_field(parsed, "nonce", 16)
    require(make_vault_id(founder, nonce) == vault_id, "the vault id does not certify this founder")
    require(decode_field(parsed, "signer", 32) == founder, "the signer is not the founder")
    signed = b"hoziron/v1 epoch\n" + split[1]
    require(ed25519_verify(founder, signed, decode_field(parsed, "signature", 64)),
            "the signature is wrong")
    return Statement(parsed["key"], founder, parse_readers(parsed["readers"]))


def decode_field(table: dict, key: str, size: int) -> bytes:
    require(isinstance(table[key], str), f"{key} is not a text")
    data = b64_decode(table[key])
    require(len(data) == size, f"{key} is not {size} bytes")
    return data


def parse_readers(tables: object) -> dict[str, list[str]]:
    require(isinstance(tables, list) and tables != [], "there are no readers")
    readers = {}
    for table in tables:
        require(isinstance(table, dict) and list(table) == ["name", "recipients", "signing"],
                "a reader's keys are not name, recipients, signing")
        name, recipients = table["name"], table["recipients"]
        require(isinstance(name, str) and is_reader_name(name), "a reader's name is malformed")
        require(name not in readers, "a reader is listed twice")
        require(isinstance(recipients, list) and recipients != [], "a reader has no recipients")
        require(all(isinstance(text, str) and text for text in recipients), "a recipient is empty")
        if table["signing"] != "":
            decode_field(table, "signing", 32)
        readers[name] = recipients
    return readers


def require_trusted(vault_id: str, founder: bytes, identities: list[Identity], pins: set[str]):
    mine = any(identity.signing_public() == founder for identity in identities)
    require(mine or vault_id in pins,
            "the vault is not trusted: it is not mine, and the identity file does not name its id")


# --- 5. The grant: my way to the folder key ------------------------------------------------------

def open_grant(data: bytes, identity: Identity) -> bytes | None:
    """Returns the folder key, None if the grant is for somebody else."""
    file = parse_age(parse_armor(data))
    require(all(stanza.arguments[0] != TAG for stanza in file.stanzas), "it is no grant")
    native = [stanza for stanza in file.stanzas if stanza.arguments[0] == "X25519"]
    file_keys = [unwrap_x25519(stanza, identity.secret) for stanza in native]
    file_key = next((key for key in file_keys if key is not None), None)
    if file_key is None:
        return None
    require_mac(file, file_key)
    folder_key = open_payload(file, file_key)
    require(len(folder_key) == 32, "it does not hold 32 bytes")
    return folder_key


def open_my_grant(epoch: Path, statement: Statement, identities: list[Identity]) -> bytes:
    known = {"epoch.toml"} | {f"{reader}.age" for reader in statement.readers}
    require({entry.name for entry in epoch.iterdir()} <= known, "the epoch holds an unknown file")
    for identity in identities:
        for reader, recipients in statement.readers.items():
            grant = epoch / f"{reader}.age"
            if identity.recipient() in recipients and grant.exists():
                with about(f"grant of {reader}"):
                    folder_key = open_grant(read(grant), identity)
                if folder_key is not None:
                    return folder_key
    raise Failure(5, "no identity opens a grant of this folder")


# --- 6. The folder key: what one run derives once ------------------------------------------------

def derive_prk(vault_id: str, folder: str, folder_key: bytes) -> bytes:
    return hkdf_extract(b"hoziron/v1 folder key" + lp(vault_id) + lp(folder), folder_key)


def derive_key_id(prk: bytes) -> str:
    return base64.urlsafe_b64encode(hkdf_expand(prk, b"hoziron/v1 key id", 15)).decode()


# --- 7. The secret: our stanza, then everything else ---------------------------------------------

@dataclass(frozen=True)
class Seal:
    trail: str
    revision: int
    value_time: int
    label: str


def parse_seal(file: AgeFile) -> Seal:
    """Reads the arguments of our stanza, which must be the first and the only one of its kind."""
    ours = [stanza for stanza in file.stanzas if stanza.arguments[0] == TAG]
    require(len(ours) == 1, "it does not have exactly one stanza of ours")
    require(file.stanzas[0] is ours[0], "our stanza is not the first")
    arguments = ours[0].arguments[1:]
    require(len(arguments) == 3 or (len(arguments) == 4 and arguments[3] == "conflict"),
            "our stanza's arguments are not trail, revision, value time")
    require(len(ours[0].body) == 32, "our stanza's body is not 32 bytes")
    trail = arguments[0].split(",")
    require(all(KEY_ID.fullmatch(key) for key in trail), "the trail is malformed")
    require(len(set(trail)) == len(trail), "the trail names a key twice")
    require(all(DECIMAL.fullmatch(text) and is_number(int(text)) for text in arguments[1:3]),
            "a number is not a canonical decimal")
    label = "hoziron/v1 file" if len(arguments) == 3 else "hoziron/v1 conflict"
    return Seal(arguments[0], int(arguments[1]), int(arguments[2]), label)


def derive_ctx(below_first: bytes, payload: bytes) -> bytes:
    return hashlib.sha256(len(below_first).to_bytes(8, "big") + below_first + payload).digest()


def derive_wk(prk: bytes, name: str, seal: Seal, ctx: bytes) -> bytes:
    numbers = seal.revision.to_bytes(8, "big") + seal.value_time.to_bytes(8, "big")
    return hkdf_expand(prk, seal.label.encode() + lp(seal.trail) + lp(name) + numbers + ctx, 32)


def open_secret(data: bytes, name: str, prk: bytes) -> tuple[bytes, dict]:
    """Returns the value, and what was computed on the way."""
    file = parse_age(parse_armor(data))
    seal = parse_seal(file)
    key_id = derive_key_id(prk)
    require(seal.trail.split(",")[-1] == key_id,
            "it is sealed under a key that this folder does not have")
    ctx = derive_ctx(file.below_first, file.payload)
    wk = derive_wk(prk, name, seal, ctx)
    file_key = aead_open(wk, bytes(12), file.stanzas[0].body)
    require(file_key is not None, "the folder's key did not seal this file for this name")
    require_mac(file, file_key)
    value = open_payload(file, file_key)
    return value, {
        "prk": prk.hex(), "key_id": key_id, "trail": seal.trail, "revision": seal.revision,
        "value_time": seal.value_time, "label": seal.label, "ctx": ctx.hex(), "wk": wk.hex(),
        "file_key": file_key.hex(), "header_mac": file.mac.hex(),
    }


# --- The walk ------------------------------------------------------------------------------------

def list_names(vault: Path) -> list[str]:
    paths = [path.relative_to(vault) for path in vault.rglob("*.age")]
    names = [path.as_posix().removesuffix(".age") for path in paths
             if not any(part.startswith(".") for part in path.parts)]
    require(all(is_secret_name(name) for name in names), "a file has a malformed name")
    return sorted(names)


def walk(home: Path, identity_file: Path, name: str | None) -> dict[str, tuple[bytes, dict]]:
    """Opens one secret, or all, after everything that must hold before."""
    with about("identity file", 5):
        identities, pins = parse_identities(read(identity_file))
    with about("hoziron.toml"):
        vault_id = parse_vault_id(read(home / "hoziron.toml"))
    epoch = find_key_folder(home / "vault")
    with about("epoch.toml"):
        statement = parse_statement(read(epoch / "epoch.toml"), vault_id)
        require(epoch.name == f"0001-{statement.key_id}", "its folder is not named after its key")
    require_trusted(vault_id, statement.founder, identities, pins)
    prk = derive_prk(vault_id, TOP, open_my_grant(epoch, statement, identities))
    require(derive_key_id(prk) == statement.key_id, "the grant holds another key than stated")

    opened = {}
    for each in [name] if name is not None else list_names(home / "vault"):
        path = home / "vault" / f"{each}.age"
        require(path.exists() or path.is_symlink(), f"there is no secret {each}", 1)
        with about(each):
            opened[each] = open_secret(read(path), each, prk)
    return opened


def refuse_usage(why: str) -> None:
    raise Failure(64, why)


def main() -> None:
    parser = argparse.ArgumentParser(description="Opens a hoziron vault.")
    parser.error = refuse_usage
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--identity", type=Path, required=True)
    parser.add_argument("name", nargs="?")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--explain", action="store_true")
    try:
        args = parser.parse_args()
        require(args.all != (args.name is not None), "give one name, or --all", 64)
        require(args.all or is_secret_name(args.name), "that is not a secret's name", 64)
        opened = walk(args.home, args.identity, args.name)
        conflicts = [name for name, (_, facts) in opened.items() if "conflict" in facts["label"]]
        require(args.explain or not conflicts, f"in conflict: {', '.join(conflicts)}")
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        sys.exit(failure.code)

    facts = {name: facts for name, (_, facts) in opened.items()}
    values = {name: base64.b64encode(value).decode() for name, (value, _) in opened.items()}
    if args.all or args.explain:
        shown = facts if args.explain else values
        print(json.dumps(shown if args.all else shown[args.name], indent=2))
    else:
        sys.stdout.buffer.write(opened[args.name][0])


if __name__ == "__main__":
    main()
