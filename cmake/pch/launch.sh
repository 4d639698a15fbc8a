#!/bin/sh
# CXX_COMPILER_LAUNCHER of the precompiled headers: runs the compiler, and gives FILE.o the name by which ccache knows
# such files, FILE.pch. Beside it goes FILE.pch.sum, a checksum of all it was made from: ccache hashes that
# (CCACHE_PCH_EXTSUM) and not the file, which holds the absolute path of its header. So what one checkout compiled
# serves another. ccache itself makes none of them: what it keeps would name the header of another checkout.
set -eu
"$@"
out= deps= last= flags=
for word in "$@"; do
  case "$last" in
    -o) out=$word ;;
    -MF) deps=$word ;;
  esac
  # Paths of this checkout are left out; what they lead to is hashed below.
  case "$word" in /*) ;; *) flags="$flags $word" ;; esac
  last=$word
done
{
  echo "$flags"
  "$1" --version
  # A rule for make: "out: header \ header ..."
  sed -e 's/^[^:]*: //' -e 's/\\$//' "$deps" | tr -s ' ' '\n' | sed '/^$/d' | xargs sha256sum | cut -c 1-64
} | sha256sum >"${out%.o}.pch.sum"
ln -f "$out" "${out%.o}.pch"
