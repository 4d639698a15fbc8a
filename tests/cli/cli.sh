#!/bin/sh
# Drives the built program from outside: tests/cli/cli.sh build/lemmy
lemmy=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
config=$root/docs/examples/config
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

# expect NAME EXIT-CODE TEXT COMMAND...: the command ends so and prints that text.
expect() {
  name=$1 code=$2 text=$3
  shift 3
  "$@" >"$work/out" 2>&1
  got=$?
  if [ "$got" = "$code" ] && grep -qF -- "$text" "$work/out"; then
    echo "ok   $name"
  else
    echo "FAIL $name: exit code $got, wanted $code and '$text' in:"
    cat "$work/out"
    failures=$((failures + 1))
  fi
}

expect "the example validates" 0 "is valid: " "$lemmy" validate --config "$config"
expect "a missing folder is named" 2 "there is no such folder" "$lemmy" validate --config /no/such
expect "no command shows the commands" 2 "validate" "$lemmy"
expect "an unknown flag is refused" 2 "--nope" "$lemmy" validate --nope
expect "render prints the RC" 0 '"name": "hello-world-abcdef0-3"' \
  "$lemmy" render hello-world staging --build abcdef0 --deploy 3 --config "$config"
expect "render prints the final JSON" 0 '"replicas": 2' \
  "$lemmy" render hello-world staging --build abcdef0 --show final --config "$config"
expect "manifests are a List" 0 '"kind": "List"' \
  "$lemmy" render hello-world production --build abcdef0 --show manifests --config "$config"
expect "a wrong project gets a hint" 4 "did you mean 'hello-world'?" \
  "$lemmy" render hello-wrld staging --build abcdef0 --config "$config"
expect "a wrong environment lists the right ones" 4 "it has: staging, production" \
  "$lemmy" render hello-world prod --build abcdef0 --config "$config"
expect "a malformed sha is refused" 2 "7 to 40 lower-case hex digits" \
  "$lemmy" render hello-world staging --build HEAD --config "$config"

cp -r "$config" "$work/config"
sed -i 's/config.replicas/config.replica/' "$work/config/projects/user-service/template.json.j2"
expect "a template's fault is shown with its line" 2 "template.json.j2:4:18" "$lemmy" validate --config "$work/config"
echo 'dedline: 5m' >"$work/config/projects/hello-world/project.yaml"
expect "an unknown key gets a hint" 2 "did you mean 'deadline'?" "$lemmy" validate --config "$work/config"

[ "$failures" = 0 ]
