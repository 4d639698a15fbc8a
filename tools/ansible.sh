#!/bin/sh
# Makes a Python environment with the pinned Ansible: tools/ansible.sh [FOLDER]. Prints its bin/.
# Does nothing when it is there already. FOLDER: build/ansible-venv when not given.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=${1:-$here/../build/ansible-venv}
pins=$here/ansible/requirements.txt
if ! cmp -s "$pins" "$venv/pinned"; then
  python3 -m venv --clear "$venv" >&2
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-virtualenv --no-deps -r "$pins" >&2
  "$venv/bin/python" -m pip check >&2
  "$venv/bin/python" -m compileall -q -j0 "$venv/lib" >&2 || true
  cp "$pins" "$venv/pinned"
fi
echo "$(cd "$venv" && pwd)/bin"
