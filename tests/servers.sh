#!/bin/sh
# Unpacks Courier and Cyrus for the tests into target/servers/{courier,cyrus} and prints that
# folder; the tests find it in $POSTROOM_SERVERS:
#
#     POSTROOM_SERVERS="$(tests/servers.sh)" cargo test
#
# As installed packages dovecot-imapd, courier-imap and cyrus-imapd evict one another, so these two
# are only unpacked: each into a root folder of its own, with every library it needs down to libc,
# so that nothing of it meets the machine's own files. A test copies such a folder and runs the
# server in it by chroot: the paths that are compiled into Courier (/etc/courier, and the socket in
# /run/courier) then lead to the test's own files.
#
# Needs apt. Root, or sudo, is asked for only when the package lists are missing or stale. What is
# there already is kept, until this file changes.
set -eu

cd "$(dirname "$0")/.."
recipe=$(cksum <tests/servers.sh)
servers=$PWD/target/servers

say() { echo "servers.sh: $*" >&2; }

refresh_lists() {
    if [ "$(id -u)" = 0 ]; then apt-get -qq update >&2; else sudo apt-get -qq update >&2; fi
}

# The packages given and all libraries that they depend on, one a line. Of alternatives (`|Depends`)
# the first is taken. What is no library (a mail server, perl, debconf) is not needed to run, nor is
# the virus scanner's.
with_libraries() {
    known=
    waiting="$*"
    while [ -n "$waiting" ]; do
        known="$known $waiting"
        waiting=$(apt-cache depends --important $waiting | awk -v known="$known" '
            BEGIN { split(known, names, " "); for (i in names) seen[names[i]] = 1 }
            skip { skip = 0; next }
            $1 == "|Depends:" { skip = 1 }
            $1 ~ /Depends:$/ && $2 ~ /^z?lib[^:]*$/ && $2 !~ /^libclamav/ && !seen[$2]++ { print $2 }' |
            tr '\n' ' ')
    done
    printf '%s\n' $known
}

# unpack NAME PACKAGE...
unpack() {
    name=$1
    shift
    if [ "$(cat "$servers/$name/.recipe" 2>/dev/null)" = "$recipe" ]; then return; fi
    say "unpacking $name"
    apt-cache show "$@" >/dev/null 2>&1 || refresh_lists
    fresh=$servers/.$name
    rm -rf "$fresh"
    mkdir -p "$fresh/debs" "$fresh/root"
    download() { (cd "$fresh/debs" && apt-get -qq -o APT::Sandbox::User=root download "$@" >&2); }
    packages=$(with_libraries "$@")
    # A file that has left the archive since the lists were read: read them again, once.
    download $packages || { refresh_lists && download $packages; }
    for deb in "$fresh"/debs/*.deb; do dpkg -x "$deb" "$fresh/root"; done
    # Documentation is most of it, and the configuration is each test's own.
    rm -rf "$fresh/root/usr/share" "$fresh/root/etc"
    echo "$recipe" >"$fresh/root/.recipe"
    rm -rf "${servers:?}/$name"
    mv "$fresh/root" "$servers/$name"
    rm -rf "$fresh"
}

mkdir -p "$servers"
unpack courier courier-imap courier-base courier-authlib courier-authlib-userdb gamin
unpack cyrus cyrus-imapd cyrus-common sasl2-bin libsasl2-modules-db
echo "$servers"
