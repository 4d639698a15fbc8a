#!/bin/sh
# The pages in Chromium against build/lemmy: tests/pages/run.sh [binary]. Screenshots go to build/screenshots.
set -eu
[ $# -eq 0 ] || LEMMY=$(realpath "$1")
cd "$(dirname "$0")"
[ $# -eq 0 ] || export LEMMY
[ -d node_modules/playwright-core ] || npm ci --silent --no-audit --no-fund
exec node --test pages.test.mjs release.test.mjs failure.test.mjs live.test.mjs session.test.mjs
