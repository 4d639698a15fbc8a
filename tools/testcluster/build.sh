#!/bin/sh
# Builds testcluster once for each state of its sources; prints the binary's path as the last line on stdout.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
version=1.24.13  # fetched as a module where Go is older than go.mod asks, as Debian 12's 1.19 is
kubernetes=v1.34.4

say() { echo "testcluster: $*" >&2; }

# Debian's and the official packages' places, for a root shell with a short PATH.
find_go() {
  for candidate in "$(command -v go || true)" /usr/local/go/bin/go /usr/lib/go/bin/go /usr/lib/go-*/bin/go; do
    [ -x "$candidate" ] && { echo "$candidate"; return 0; }
  done
  say "needs Go: apt-get install golang-go"
  return 1
}

new_enough() {
  v=$(cd / && GOTOOLCHAIN=local "$1" env GOVERSION 2>/dev/null) || return 1
  minor=${v#go1.}
  minor=${minor%%[!0-9]*}
  [ "${minor:-0}" -ge 24 ]
}

# The module proxy serves whole toolchains; an old `go mod download` checks and unpacks them like any module.
fetch_go() {
  case $(uname -m) in
    x86_64) arch=amd64 ;;
    aarch64) arch=arm64 ;;
    *) say "no Go toolchain known for $(uname -m)"; return 1 ;;
  esac
  module=golang.org/toolchain@v0.0.1-go$version.linux-$arch
  root=$(cd / && "$1" env GOMODCACHE)/$module
  if ! [ -x "$root/bin/go" ]; then
    say "fetching Go $version"
    # Outside any module: an old Go refuses a newer go.mod.
    (cd / && GO111MODULE=on GOFLAGS=-mod=mod "$1" mod download "$module") >&2 || return 1
    # Module archives carry no execute bits, and the cache is read-only.
    chmod u+w "$root/bin" "$root/pkg/tool"/*
    chmod +x "$root/bin"/* "$root/pkg/tool"/*/*
  fi
  echo "$root/bin/go"
}

hash=$(cd "$here" && cat build.sh go.mod go.sum ./*.go | sha256sum | cut -c1-16)
out=${XDG_CACHE_HOME:-$HOME/.cache}/lemmy/testcluster-$hash
if ! [ -x "$out/testcluster" ]; then
  go=$(find_go)
  new_enough "$go" || go=$(fetch_go "$go")
  mkdir -p "$out"
  # Two builds at once would each take all memory for the same result.
  exec 9>"$out/lock"
  if command -v flock >/dev/null; then flock 9; fi
fi
if ! [ -x "$out/testcluster" ]; then
  say "building the test control plane, about 5 minutes the first time"
  package=k8s.io/component-base/version
  cd "$here"
  PATH=$(dirname "$go"):$PATH GOTOOLCHAIN=local GOFLAGS= GOROOT= CGO_ENABLED=0 "$go" build -trimpath -buildvcs=false \
    -ldflags "-s -w -X $package.gitVersion=$kubernetes -X $package.gitMajor=1 -X $package.gitMinor=34" \
    -o "$out/testcluster.$$" . >&2
  mv "$out/testcluster.$$" "$out/testcluster"
fi
echo "$out/testcluster"
