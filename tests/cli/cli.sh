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
expect "a misspelt command gets a hint" 2 "Did you mean 'lemmy status'?" "$lemmy" statu
expect "help is a command too" 0 "Show what runs where" "$lemmy" help status
expect "a wrong project gets a hint" 4 "did you mean 'hello-world'?" \
  "$lemmy" render hello-wrld staging --build abcdef0 --config "$config"
expect "a wrong environment lists the right ones" 4 "it has: staging, production" \
  "$lemmy" render hello-world prod --build abcdef0 --config "$config"
expect "a malformed sha is refused" 2 "7 to 64 lower-case hex digits" \
  "$lemmy" render hello-world staging --build HEAD --config "$config"

expect "a field's line and key are explained" 0 \
  'projects/hello-world/template.json.j2:3:18 `config.replicas` <- staging.replicas (environments.json:' \
  "$lemmy" render hello-world staging --explain --config "$config"
expect "a stamp is explained" 0 "stamped by Lemmy: labels" \
  "$lemmy" render hello-world staging --explain --show manifests --config "$config"
expect "programs get the explanation as JSON" 0 '"key": "staging.replicas"' \
  "$lemmy" render hello-world staging --explain --output json --config "$config"
expect "a render without --explain needs a build" 2 "--build" \
  "$lemmy" render hello-world staging --config "$config"

# What an edit changes, against a folder and against a revision.
cp -r "$config" "$work/edited"
expect "an edit that changes nothing is told so" 0 "changes 0 fields in 0 environments" \
  "$lemmy" validate --config "$work/edited" --against "$config" --exit-code
sed -i 's/config.replicas/config.replicas + 1/' "$work/edited/projects/hello-world/template.json.j2"
expect "an edit's fields and environments are counted" 0 "this edit changes 2 fields in 2 environments" \
  "$lemmy" validate --config "$work/edited" --against "$config"
expect "an edit's fields are listed with their origin" 0 'template.json.j2:3:18 `config.replicas + 1`' \
  "$lemmy" validate --config "$work/edited" --against "$config"
expect "of long values the part that differs is shown" 0 "…" sh -c \
  "sed -i 's|registry.example.com/hello-world:|registry.example.com/a/long/name/of/hello-world:|' \
   '$work/edited/projects/hello-world/template.json.j2'; '$lemmy' validate --config '$work/edited' --against '$config'"
expect "programs get every change" 1 '"environments": 2' \
  "$lemmy" validate --config "$work/edited" --against "$config" --output json --exit-code
git init -q "$work/repository" && cp -r "$config" "$work/repository/config"
(cd "$work/repository" && git add . && git -c user.name=t -c user.email=t@example.org commit -qm one)
rm -r "$work/repository/config/projects/user-service" "$work/repository/config/access.yaml"
cp "$work/edited/projects/hello-world/template.json.j2" "$work/repository/config/projects/hello-world/"
expect "an edit is compared with a git revision" 0 "user-service staging: gone" \
  "$lemmy" validate --config "$work/repository/config" --against HEAD
expect "a git hook may compare too" 0 "user-service staging: gone" \
  env GIT_DIR=/nowhere/.git GIT_WORK_TREE=/nowhere "$lemmy" validate --config "$work/repository/config" --against HEAD
expect "the work tree stays as it is" 0 " M config/projects/hello-world/template.json.j2" \
  git -C "$work/repository" status --short
expect "what is neither a folder nor a revision is told" 2 "--against takes a folder, or a revision" \
  "$lemmy" validate --config "$work/repository/config" --against nonsense

cp -r "$config" "$work/config"
sed -i 's/config.replicas/config.replica/' "$work/config/projects/user-service/template.json.j2"
expect "a template's fault is shown with its line" 2 "template.json.j2:4:18" "$lemmy" validate --config "$work/config"
echo 'dedline: 5m' >"$work/config/projects/hello-world/project.yaml"
expect "an unknown key gets a hint" 2 "did you mean 'deadline'?" "$lemmy" validate --config "$work/config"


# broken NAME TEXT COMMAND: the playground's configuration after COMMAND in projects/hello-world is refused so.
playground=$root/share/playground/config
broken() {
  rm -rf "$work/config"
  cp -r "$playground" "$work/config"
  (cd "$work/config/projects/hello-world" && eval "$3")
  expect "$1" 2 "$2" "$lemmy" validate --config "$work/config"
}
expect "the playground's projects validate" 0 "4 projects, 6 environments" "$lemmy" validate --config "$playground"
expect "crashy's pods are told to crash" 0 '"lemmy.test/exit-code": "3"' \
  "$lemmy" render crashy staging --build abcdef0 --show final --config "$playground"
broken "bad JSON is placed" "projects/hello-world/environments.json:3:19: this is not valid JSON" \
  "sed -i '3s/,/,,/' environments.json"
broken "bad JSON shows the line" '    3 |     "replicas": 2,,' "sed -i '3s/,/,,/' environments.json"
broken "an unknown key in JSON gets a hint" "did you mean 'replicas'?" "sed -i 's/\"replicas\"/\"replica\"/' environments.json"
broken "an undefined variable is placed" \
  "projects/hello-world/template.json.j2:19:17: 'config.enviroment' is undefined" \
  "sed -i 's/config.env /config.enviroment /' template.json.j2"
broken "a mistake in every environment is told once" "1 problem" "sed -i 's/config.env /config.enviroment /' template.json.j2"
broken "a template's syntax error is placed" "projects/hello-world/template.json.j2:3:34: syntax error" \
  "sed -i 's/config.replicas }}/config.replicas }/' template.json.j2"
broken "a missing endif gets a hint" "is not closed" "sed -i '/endif/d' template.json.j2"
broken "rendered JSON that does not parse is shown" '   15 |       "env": {' "sed -i 's/config.env | tojson/config.env/' template.json.j2"
broken "a key that the final JSON has not gets a hint" "did you mean 'labels'?" "sed -i 's/\"labels\"/\"label\"/' template.json.j2"
broken "a project's name is checked" "'Hello_World' is not a project name" "mv ../hello-world ../Hello_World"
broken "an environment's name is checked" "'Staging_1' is not an environment name" "sed -i 's/\"staging\"/\"Staging_1\"/' environments.json"
broken "a standard's fault is told once for all projects" "1 problem" \
  "mkdir ../../standards; echo '{{ final.replica }}' >../../standards/replication-controller.json.j2"

# The output of the last command stands in docs/templates.md, line by line; MOST lines are looked at.
documented() {
  head -n "$2" "$work/out" | while IFS= read -r line; do
    grep -qxF -- "$line" "$root/docs/templates.md" || echo "$line"
  done >"$work/undocumented"
  if [ -s "$work/undocumented" ]; then
    echo "FAIL $1: docs/templates.md does not have:"
    cat "$work/undocumented"
    failures=$((failures + 1))
  else
    echo "ok   $1"
  fi
}
broken "an undefined key" "is undefined" "sed -i 's/config.env /config.enviroment /' template.json.j2"
documented "the docs show an undefined key as it is" 8
broken "a value without tojson" "without | tojson" "sed -i 's/config.env | tojson/config.env/' template.json.j2"
documented "the docs show rendered JSON that does not parse as it is" 7
broken "an unknown key of the final JSON" "unknown key" "sed -i 's/\"labels\"/\"label\"/' template.json.j2"
documented "the docs show an unknown key of the final JSON as it is" 8

rm -rf "$work/config"
cp -r "$playground" "$work/config"
(cd "$work/config" && rm projects/crashy/template.json.j2 && echo 'deployer: ansible' >projects/crashy/project.yaml &&
  mkdir -p ansible/playbooks && touch ansible/playbooks/crashy.yml stray.yaml)
expect "a project for hosts needs no template" 0 "4 projects, 4 environments" "$lemmy" validate --config "$work/config"
expect "a file that is not read is warned of" 0 "warning: stray.yaml" "$lemmy" validate --config "$work/config"

[ "$failures" = 0 ]
