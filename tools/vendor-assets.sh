#!/bin/sh
# Fetches the browser libraries that the pages use, at the versions written here, into src/web/assets/vendor.
# They are committed; run this only to change a version, and write it into docs/dependencies.md too.
set -eu
cd "$(dirname "$0")/../src/web/assets/vendor"
into=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

take() {  # package, version, file in it, name here
  (cd "$work" && rm -rf package && tar xzf "$(npm pack --silent "$1@$2")")
  cp "$work/package/$3" "$into/$4"
  cp "$work/package/LICENSE" "$into/$1.LICENSE"
}
take idiomorph 0.8.0 dist/idiomorph.min.js idiomorph.min.js
