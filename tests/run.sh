#!/usr/bin/env bash
# Everything that must hold, in one command: installs what the tests need where it is missing,
# then formats, lints, tests and builds the docs. Runs on a fresh Debian machine with Rust.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }

# Debian keeps servers out of a normal user's PATH.
export PATH="$PATH:/usr/sbin:/sbin"

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

step "what the tests need"
missing=()
command -v cc >/dev/null || missing+=(build-essential)
command -v dovecot >/dev/null || missing+=(dovecot-imapd)
command -v openssl >/dev/null || missing+=(openssl)
command -v npm >/dev/null || missing+=(npm)
command -v python3 >/dev/null || missing+=(python3)
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing+=(postgresql)
if [ ${#missing[@]} -gt 0 ]; then
    echo "installing: ${missing[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
for component in rustfmt clippy; do
    cargo "${component/rust/}" --version >/dev/null 2>&1 || rustup component add "$component"
done
POSTROOM_SPAMASSASSIN=$(tests/corpus.sh)
export POSTROOM_SPAMASSASSIN
POSTROOM_SERVERS=$(tests/servers.sh)
export POSTROOM_SERVERS
POSTROOM_MAIL_DATA=$(tests/mail-data.sh)
export POSTROOM_MAIL_DATA
echo "corpus: $(find "$POSTROOM_SPAMASSASSIN" -type f | wc -l) files"

step "format"
cargo fmt --check

step "lint"
cargo clippy --locked --all-targets -- -D warnings

step "test"
cargo test --locked

step "docs"
# The map in the docs may point at private modules, since these are documented too.
RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --locked --no-deps --document-private-items

step "all is well"
