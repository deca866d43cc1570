#!/usr/bin/env python3
"""An age plugin for tests: holds an X25519 key in its identity and opens ordinary X25519 stanzas.

Speaks identity-v1 of C2SP's age-plugin. Each run appends one line to the file TOY_LOG: its arguments,
then what should not reach it: names of variables, and bytes in a descriptor that a variable names.
If TOY_ASKS is set, it asks for that PIN first; if TOY_BREAKS is, it ends before it has answered.

  age-plugin-toy --age-plugin=identity-v1
  age-plugin-toy --identity NAME < AGE-SECRET-KEY-1…     writes the same key as NAME's identity
"""

import os
import sys

from primitives import (X25519_BASE, aead_open, b64_decode, b64_encode, bech32_decode,
                        bech32_encode, hkdf, x25519)

PREFIXES = ("AGE_", "HOZIRON_IDENTITY", "SOPS_")
DESCRIPTOR = "HOZIRON_IDENTITY_FD"


def read_stanza():
    words = sys.stdin.readline().split()
    assert words and words[0] == "->", "not a stanza"
    body = ""
    while True:
        line = sys.stdin.readline().rstrip("\n")
        body += line
        if len(line) < 64:
            return words[1:], b64_decode(body)


def send(words, body=b""):
    text = b64_encode(body)
    lines = [text[at:at + 64] for at in range(0, len(text) + 1, 64)]
    print("-> " + " ".join(words), *lines, sep="\n", flush=True)


def ask(words, body=b""):
    send(words, body)
    return read_stanza()


def unwrap(secret, share, body):
    public = x25519(secret, X25519_BASE)
    key = hkdf(share + public, x25519(secret, share), b"age-encryption.org/v1/X25519", 32)
    return aead_open(key, bytes(12), body)


def identity_v1():
    keys, stanzas = [], []
    while True:
        words, body = read_stanza()
        if words[0] == "add-identity":
            keys.append(bech32_decode("age-plugin-toy-", words[1]))
        elif words[0] == "recipient-stanza" and words[2] == "X25519":
            stanzas.append((words[1], b64_decode(words[3]), body))
        elif words[0] == "done":
            break
    pin = os.environ.get("TOY_ASKS")
    if pin:
        ask(["msg"], b"touch the toy")
        words, answer = ask(["request-secret"], b"the toy's PIN")
        if words != ["ok"] or answer.decode() != pin:
            ask(["error", "identity", "0"], b"wrong PIN")
            stanzas = []
    for index, share, body in stanzas:
        file_key = next(filter(None, (unwrap(key, share, body) for key in keys)), None)
        if file_key:
            ask(["file-key", index], file_key)
            break
    send(["done"])


def leaked():
    """Names what should have stayed with the caller. A descriptor's number alone tells nothing."""
    yield from sorted(n for n in os.environ if n.startswith(PREFIXES) and n != DESCRIPTOR)
    try:
        descriptor = int(os.environ[DESCRIPTOR])
        os.set_blocking(descriptor, False)
        if os.read(descriptor, 1):
            yield "a descriptor"
    except (KeyError, OSError):
        pass


def main():
    with open(os.environ["TOY_LOG"], "a") as log:
        print(*sys.argv[1:], *leaked(), file=log)
    if "TOY_BREAKS" in os.environ:
        sys.exit("broken")
    if sys.argv[1] == "--identity":
        secret = bech32_decode("age-secret-key-", sys.stdin.read().split()[-1])
        print(bech32_encode(f"age-plugin-{sys.argv[2]}-", secret).upper())
    else:
        identity_v1()


main()
