#!/usr/bin/env python3
"""An age plugin for tests: holds an X25519 key in its identity or recipient, and opens or makes
ordinary X25519 stanzas.

Speaks identity-v1 and recipient-v1 of C2SP's age-plugin. Each run appends one line to the file TOY_LOG:
its arguments, then what should not reach it: names of variables, and bytes in a descriptor that a
variable names. If TOY_ASKS is set, it asks for that PIN first; if TOY_BREAKS is, it ends before it has
answered. When it seals, it says the labels in TOY_LABELS, makes so many stanzas a key as TOY_STANZAS
says, of the type TOY_TYPE, and refuses with the text in TOY_REFUSES.

  age-plugin-toy --age-plugin=identity-v1
  age-plugin-toy --age-plugin=recipient-v1
  age-plugin-toy --identity NAME < AGE-SECRET-KEY-1…     writes the same key as NAME's identity
  age-plugin-toy --recipient NAME < AGE-SECRET-KEY-1…    writes its public half as NAME's recipient
"""

import os
import sys

from primitives import (X25519_BASE, aead_open, aead_seal, b64_decode, b64_encode, bech32_decode,
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


def wrap_key(shared, share, public):
    return hkdf(share + public, shared, b"age-encryption.org/v1/X25519", 32)


def unwrap(secret, share, body):
    key = wrap_key(x25519(secret, share), share, x25519(secret, X25519_BASE))
    return aead_open(key, bytes(12), body)


def wrap(public, file_key):
    ephemeral = os.urandom(32)
    share = x25519(ephemeral, X25519_BASE)
    key = wrap_key(x25519(ephemeral, public), share, public)
    return b64_encode(share), aead_seal(key, bytes(12), file_key)


def recipient_v1():
    keys, file_keys = [], []
    while True:
        words, body = read_stanza()
        if words[0] == "add-recipient":
            keys.append(bech32_decode("age1toy", words[1]))
        elif words[0] == "wrap-file-key":
            file_keys.append(body)
        elif words[0] == "done":
            break
    labels = os.environ.get("TOY_LABELS", "").split()
    if labels:
        ask(["labels", *labels])
    refusal = os.environ.get("TOY_REFUSES")
    if refusal:
        ask(["error", "recipient", "0"], refusal.encode())
        file_keys = []
    for index, file_key in enumerate(file_keys):
        for public in keys * int(os.environ.get("TOY_STANZAS", "1")):
            share, sealed = wrap(public, file_key)
            ask(["recipient-stanza", str(index), os.environ.get("TOY_TYPE", "X25519"), share], sealed)
    send(["done"])


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
    elif sys.argv[1] == "--recipient":
        secret = bech32_decode("age-secret-key-", sys.stdin.read().split()[-1])
        print(bech32_encode(f"age1{sys.argv[2]}", x25519(secret, X25519_BASE)))
    elif sys.argv[1] == "--age-plugin=recipient-v1":
        recipient_v1()
    else:
        identity_v1()


main()
