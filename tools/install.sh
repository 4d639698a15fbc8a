#!/bin/sh
# Installs what Lemmy is built, tested and measured with on Debian 12: tools/install.sh [test|bench]. Does nothing when
# all is there.
set -eu
build="clang-19 clang-format-19 libclang-rt-19-dev lld-19 cmake ninja-build ccache pkg-config
  libboost1.81-dev libboost-json1.81-dev libboost-url1.81-dev libssl-dev libsqlite3-dev libsqlitecpp-dev libpq-dev
  libc-ares-dev libfmt-dev libcli11-dev libyaml-cpp-dev libsodium-dev zlib1g-dev libgtest-dev libgmock-dev openssl
  python3 python3-venv"
bench="wrk postgresql-15 postgresql-client-15"
test="sqlite3 curl chromium busybox openssh-server openssh-client iproute2 postgresql-15 postgresql-client-15
  prometheus podman runc python3-yaml python3-pytest python3-pytest-xdist"
wanted=$build
[ "${1:-}" = test ] && wanted="$build $test"
[ "${1:-}" = bench ] && wanted="$build $bench"

missing=
for p in $wanted; do
  dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
# Debian's rustc is too old for minijinja; rustc-web is Debian's newer one.
command -v cargo >/dev/null 2>&1 || missing="$missing rustc-web cargo-web"
# Old or new: tools/testcluster/build.sh fetches the toolchain it needs through Go's module proxy.
case "${1:-}" in test | bench) cluster=yes ;; *) cluster= ;; esac
if [ -n "$cluster" ] && ! command -v go >/dev/null 2>&1 && ! [ -x /usr/local/go/bin/go ]; then
  missing="$missing golang-go"
fi
# Any node of 18 or newer will do; Debian's npm would pull in Debian's node.
if [ "${1:-}" = test ] && ! { command -v node && command -v npm; } >/dev/null 2>&1; then
  missing="$missing nodejs npm"
fi
[ -n "$missing" ] || exit 0

sudo=
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || { echo "install: needs root or sudo to install:$missing" >&2; exit 1; }
  sudo=sudo
fi
echo "install:$missing" >&2
$sudo apt-get update -q >&2
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive $sudo apt-get install -qy --no-install-recommends $missing >&2
