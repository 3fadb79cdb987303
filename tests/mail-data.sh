#!/usr/bin/env bash
# Prints the folder with the mails that two public projects test their parsers with, and what is
# expected of each: `mail-parser/` is what lies in that crate, with its expected JSON; `python/`
# is what CPython tests its email package with, from Debian's package, and what that package
# itself reads in them. They are fetched where they are not there yet, and not kept in the
# project: they hold real names.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -n "${POSTROOM_MAIL_DATA:-}" ]; then
    echo "$POSTROOM_MAIL_DATA"
    exit
fi
folder=target/mail-data
if [ ! -d "$folder/python" ]; then
    part=$PWD/$folder.part.$$
    rm -rf "$part"
    mkdir -p "$part/fetched"
    manifest=$(cargo metadata --locked --format-version 1 |
        grep -o '"manifest_path":"[^"]*/mail-parser-[0-9.]*/Cargo.toml"' | cut -d'"' -f4)
    cp -r "$(dirname "$manifest")/resources/eml" "$part/mail-parser"
    newest() { apt-cache pkgnames libpython3 | grep -E '^libpython3\.[0-9]+-testsuite$' | sort -V | tail -1; }
    package=$(newest || true)
    if [ -z "$package" ]; then
        # No package lists yet.
        if [ "$(id -u)" = 0 ]; then apt-get update -qq; else sudo apt-get update -qq; fi >&2
        package=$(newest)
    fi
    (cd "$part/fetched" && apt-get download -q "$package" >/dev/null 2>&1 && dpkg -x ./*.deb .)
    mkdir "$part/python"
    cp "$part"/fetched/usr/lib/python3*/test/test_email/data/msg_*.txt "$part/python"
    python3 - "$part/python" >"$part/python.expected" <<'PYTHON'
import email, email.policy, email.utils, pathlib, sys

def words(value):
    return " ".join(str(value).split())

for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    raw = path.read_bytes()
    try:
        mail = email.message_from_bytes(raw, policy=email.policy.default)
        people = mail["From"].addresses if mail["From"] else ()
        sender, subject = people[0].addr_spec if people else "", mail["Subject"] or ""
    except Exception:
        mail = email.message_from_bytes(raw)
        sender, subject = email.utils.parseaddr(mail["From"] or "")[1], mail["Subject"] or ""
    print(path.name, words(sender), words(subject), sep="\t")
PYTHON
    rm -rf "$part/fetched" "$folder"
    mv "$part" "$folder"
fi
echo "$PWD/$folder"
