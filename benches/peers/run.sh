#!/bin/sh
# Installs the peers from their registries and times them beside unbait: `run.sh --help` shows the options.
set -eu
here="$(cd "$(dirname "$0")" && pwd)"
python3 -m venv "$here/target/venv"
"$here/target/venv/bin/pip" install --quiet --upgrade pip
"$here/target/venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
cargo build --quiet --release --locked --manifest-path "$here/Cargo.toml"
cargo build --quiet --release --locked --manifest-path "$here/../../Cargo.toml"
exec "$here/target/venv/bin/python" "$here/compare.py" "$@"
