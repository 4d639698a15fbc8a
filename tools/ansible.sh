#!/bin/sh
# Makes a Python environment with the pinned Ansible: tools/ansible.sh [FOLDER [VERSION]]. Prints its bin/.
# Does nothing when it is there already. FOLDER: build/ansible-venv when not given. VERSION: another ansible-core;
# with 2.14 comes the ansible-runner that Debian 12 has beside it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=${1:-$here/../build/ansible-venv}
pins=$(cat "$here/ansible/requirements.txt")
if [ $# -gt 1 ]; then
  pins=$(printf '%s\n' "$pins" | sed "s/^ansible-core==.*/ansible-core==$2/; s/^resolvelib==.*/resolvelib==0.8.1/")
  case $2 in 2.14.*) pins=$(printf '%s\n' "$pins" | sed 's/^ansible-runner==.*/ansible-runner==2.3.1\nsix==1.17.0/') ;; esac
fi
if [ "$pins" != "$(cat "$venv/pinned" 2>/dev/null)" ]; then
  python3 -m venv --clear "$venv" >&2
  printf '%s\n' "$pins" >"$venv/wanted"
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-virtualenv --no-deps -r "$venv/wanted" >&2
  "$venv/bin/python" -m pip check >&2
  "$venv/bin/python" -m compileall -q -j0 "$venv/lib" >&2 || true
  mv "$venv/wanted" "$venv/pinned"
fi
echo "$(cd "$venv" && pwd)/bin"
