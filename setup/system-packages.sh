#!/bin/sh
# Debian packages that pip cannot bring. Does nothing where they are already there.
#
#   sh setup/system-packages.sh python [PYTHON]   a Python >= 3.11 that can make a virtual environment
#   sh setup/system-packages.sh ngspice           ngspice and its library, version 46 (with KLU) where it can be had,
#                                                 with the transistor card that the tests read
set -eu

fail() {
    printf '\n%s\n\n' "$*" >&2
    exit 1
}

can_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null
}

# Only root can install; anybody else is told what to run.
need_root() {
    can_install && return
    command -v apt-get >/dev/null || fail "$1 Install it in this system's own way (there is no apt-get)."
    fail "$1 Run this as root, then run make again:
    sh $(cd "$(dirname "$0")" && pwd)/$(basename "$0") $2"
}

apt_get() {
    DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@"
}

# A package source that fails is not ours to mend; the others may have what is needed.
refresh() {
    apt_get update || echo "Going on with the package sources that could be read."
}

add_packages() {
    apt_get install -y --no-install-recommends "$@"
}

# --- python ------------------------------------------------------------------------------

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

can_make_environments() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null
}

python_packages() {
    if ! new_enough "$1"; then
        fail "'$1' is not Python 3.11 or newer. Name one that is: make PYTHON=/usr/bin/python3.11 ..."
    fi
    can_make_environments "$1" && return
    need_root "'$1' cannot make virtual environments: Debian's package python3-venv is missing." "python $1"
    refresh
    add_packages python3-venv
    can_make_environments "$1" || fail "'$1' still cannot make virtual environments. Name another Python:
    make PYTHON=/usr/bin/python3 ..."
}

# --- ngspice -----------------------------------------------------------------------------

has_program() {
    command -v ngspice >/dev/null
}

has_library() {
    PATH="$PATH:/sbin:/usr/sbin" ldconfig -p 2>/dev/null | grep -q 'libngspice\.so\.0'
}

# Version 46 brings the KLU solver; 39 works, but needs a minute for a 128 x 128 array.
has_klu() {
    has_program && ngspice -v 2>/dev/null | grep -q KLU
}

has_suite() {
    apt-cache policy 2>/dev/null | grep -q "n=$1,\|n=$1$"
}

# The backports lie on the mirror that the machine already uses, in whichever form it names it.
add_suite() {
    parts=/etc/apt/sources.list.d/debian.sources
    lines=/etc/apt/sources.list
    if [ -f "$parts" ]; then
        added=/etc/apt/sources.list.d/circuitxbar-$1.sources
        awk 'BEGIN { RS = "" } /(^|\n)Types:[^\n]*deb/ && !/security/ { print; exit }' "$parts" |
            sed "s/^Suites:.*/Suites: $1/" >"$added"
    elif [ -f "$lines" ]; then
        added=/etc/apt/sources.list.d/circuitxbar-$1.list
        sed -n 's/[[:space:]]*#.*//; /security/d; /^deb[[:space:]]/p' "$lines" | head -n 1 |
            sed -E "s/^(deb[[:space:]]+(\[[^]]*\][[:space:]]+)?[^[:space:]]+[[:space:]]+)[^[:space:]]+/\1$1/" >"$added"
    else
        return
    fi
    refresh
    has_suite "$1" && return
    rm -f "$added"
    refresh
}

# Images without documentation (dpkg's path-exclude) lack the transistor card that the tests read.
card=/usr/share/doc/ngspice/examples/klu/Circuits/technology/45nm_HP.pm

model_card() {
    [ ! -f "$card" ] && has_klu && command -v dpkg-query >/dev/null || return 0
    need_root "$card, a part of Debian's package ngspice, is missing." ngspice
    folder=$(mktemp -d)
    chmod 755 "$folder"
    version=$(dpkg-query --show --showformat='${Version}' ngspice)
    (
        cd "$folder"
        apt_get download "ngspice=$version"
        dpkg-deb --fsys-tarfile ngspice_*.deb | tar -x -C / ".$card"
    )
    rm -rf "$folder"
}

ngspice_packages() {
    has_library && has_klu && return
    if has_library && has_program && ! can_install; then
        echo "ngspice is here without the KLU solver: large arrays will be slow."
        return
    fi
    need_root "ngspice or its library libngspice0 is missing." ngspice
    suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-none}-backports")
    refresh
    has_suite "$suite" || add_suite "$suite"
    if has_suite "$suite"; then
        add_packages -t "$suite" ngspice libngspice0
    else
        echo "No $suite on this machine's mirror: taking the distribution's own ngspice."
        add_packages ngspice libngspice0
    fi
    has_program && has_library || fail "ngspice was installed, but it or libngspice.so.0 is not found."
}

case "${1:-}" in
    python) python_packages "${2:-python3}" ;;
    ngspice)
        ngspice_packages
        model_card
        ;;
    *) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
