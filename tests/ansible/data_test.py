"""What comes from outside reaches Ansible as data, by every way that playbooks use it: with the Ansible of Debian 12,
the pinned one, and the first line that trusts templates by their source."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUN = os.environ.get("LEMMY_ANSIBLE_RUN", str(ROOT / "build/src/ansible_run"))
# It leaves a file that is named like the way by which it was run.
COMMAND = "{{ lookup('pipe', 'touch \\'MARK/' ~ way | default('elsewhere') ~ '\\'') }}"

WAYS = {
    "a value": "- debug: {msg: '{{ lemmy.build.message }}'}",
    "all of it": "- debug: {msg: '{{ lemmy }}'}",
    "a variable's name": "- debug: {var: lemmy.build.message}",
    "a list": "- debug: {msg: '{{ lemmy.config.list[1].deep[0] }} {{ lemmy.config.list | last }}'}",
    "values": "- debug: {msg: '{{ lemmy.config.object.values() | first }}'}",
    "items": "- debug: {msg: '{{ item.key }} {{ item.value }}'}\n  loop: '{{ lemmy.config.object | dict2items }}'",
    "with_dict": "- debug: {msg: '{{ item.value }}'}\n  with_dict: '{{ lemmy.config.object }}'",
    "vars": "- debug: {msg: \"{{ vars['lemmy']['build']['message'] }}\"}",
    "lookup of vars": "- debug: {msg: \"{{ lookup('vars', 'lemmy') }}\"}",
    "values by lookup": "- debug: {msg: \"{{ lookup('vars', 'lemmy').config.object.values() | first }}\"}",
    "hostvars": "- debug: {msg: '{{ hostvars[inventory_hostname].lemmy.config }}'}",
    "a fact": "- set_fact: {fact: '{{ lemmy }}', one: '{{ lemmy.config.object.values() | first }}'}\n"
              "- debug: {msg: '{{ fact }} {{ fact.config.object.values() | first }} {{ one }}'}\n"
              "- debug: {msg: '{{ hostvars[inventory_hostname].fact }}'}",
    "a cached fact": "- set_fact: {kept: '{{ lemmy }}', cacheable: true}\n- debug: {msg: '{{ ansible_facts.kept }}'}",
    "a result": "- debug: {msg: '{{ lemmy }}'}\n  register: result\n- debug: {msg: '{{ result.msg }}'}",
    "an output": "- command: {argv: [echo, '{{ lemmy.build.message }}']}\n  register: result\n"
                 "- set_fact: {fact: '{{ result.stdout }}'}\n- debug: {msg: '{{ fact }}'}",
    "joined texts": "- set_fact: {fact: \"a {{ lemmy.build.message ~ lemmy.build.branch }}\"}\n- debug: {msg: '{{ fact }}'}",
    "filters": "- set_fact: {fact: \"{{ lemmy.build.message | trim | regex_replace('zz', 'y') }}\"}\n"
               "- debug: {msg: '{{ fact }}'}",
    "methods": "- set_fact: {fact: \"{{ '%s' | format(lemmy.build.message.replace('zz', 'y').strip()) }}\"}\n"
               "- debug: {msg: '{{ fact }}'}",
    "base64": "- set_fact: {fact: '{{ lemmy.build.message | b64encode }}'}\n- set_fact: {fact: '{{ fact | b64decode }}'}\n"
              "- debug: {msg: '{{ fact }}'}",
    "json": "- set_fact: {text: '{{ lemmy | to_json }}'}\n- set_fact: {fact: '{{ text | from_json }}'}\n"
            "- debug: {msg: '{{ fact }}'}",
    "yaml": "- set_fact: {fact: '{{ lemmy | to_nice_yaml | from_yaml }}'}\n- debug: {msg: '{{ fact }}'}",
    "combined": "- set_fact: {fact: \"{{ {'z': 1} | combine(lemmy.config.object) }}\"}\n- debug: {msg: '{{ fact }}'}",
    "a template": "- template: {src: all.j2, dest: 'OUT/template'}\n"
                  "- set_fact: {fact: \"{{ lookup('template', 'all.j2') }}\"}\n- debug: {msg: '{{ fact }}'}",
    "a file": "- copy: {content: '{{ lemmy.build.message }}', dest: 'OUT/file'}\n- slurp: {src: OUT/file}\n"
              "  register: read\n- set_fact: {fact: '{{ read.content | b64decode }}'}\n- debug: {msg: '{{ fact }}'}",
    "variables of tasks": "- debug: {msg: '{{ b }} {{ c.d }}'}\n"
                          "  vars: {a: '{{ lemmy.config.object.values() | first }}', b: '{{ a }}', c: {d: '{{ lemmy.build.url }}'}}",
    "variables of roles": "- include_role: {name: role}\n  vars: {given: '{{ lemmy.build.message }}'}",
    "included tasks": "- include_tasks: {file: included.yml}\n  vars: {given: '{{ lemmy.build.message }}'}",
    "the environment": "- command: env\n  environment: '{{ lemmy.config.env }}'",
    "a loop": "- debug: {msg: '{{ item }}'}\n  loop: '{{ lemmy.config.list }}'\n  loop_control: {label: '{{ item }}'}",
    "with_items": "- debug: {msg: '{{ item }}'}\n  with_items: ['{{ lemmy.build.message }}', '{{ lemmy.config.list }}']",
    "a condition": "- debug: {msg: x}\n  when: lemmy.build.message == 'x' or lemmy.config.expression",
    "a condition in braces": "- debug: {msg: x}\n  when: '{{ lemmy.config.expression }}'",
    "an assertion": "- assert: {that: [lemmy.build.message != '', '{{ lemmy.config.expression }}']}",
    "until": "- command: 'true'\n  register: result\n  until: lemmy.config.expression or true\n  failed_when: lemmy.config.expression == 'x'",
    "a task's name": "- name: 'Release {{ lemmy.build.message }}'\n  debug: {msg: x}",
    "a failure": "- block:\n  - fail: {msg: '{{ lemmy.build.message }}'}\n  rescue:\n"
                 "  - set_fact: {fact: '{{ ansible_failed_result }}'}\n  - debug: {msg: '{{ fact }}'}",
    "arguments": "- debug: '{{ lemmy.config.arguments }}'",
    "a new host": "- add_host: {name: new, groups: news, note: '{{ lemmy.config }}'}\n"
                  "- debug: {msg: \"{{ hostvars['new'].note }}\"}",
    "a group": "- group_by: {key: 'of_{{ lemmy.build.branch }}'}\n- debug: {msg: '{{ groups }}'}",
    "a delegate": "- debug: {msg: x}\n  delegate_to: '{{ lemmy.build.branch }}'",
    "in the background": "- command: {argv: [echo, '{{ lemmy.build.message }}']}\n  async: 9\n  poll: 1\n"
                         "  register: result\n- debug: {var: result}",
}


def fill(value, mark):
    """COMMAND wherever {} stands, with the place as its field."""
    if isinstance(value, dict):
        return {k: fill(v, mark) for k, v in value.items()}
    if isinstance(value, list):
        return [fill(v, mark) for v in value]
    return value.replace("{}", COMMAND.replace("MARK", mark)) if isinstance(value, str) else value


class Data(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="lemmy-data-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        for folder in ("tree/inventory", "tree/playbooks", "tree/roles/role/tasks", "tree/roles/role/vars", "mark", "out"):
            os.makedirs(f"{self.dir}/{folder}")
        self.write("inventory/hosts.yml", "all: {hosts: {one: }, vars: {ansible_connection: local, "
                                          "ansible_python_interpreter: '{{ ansible_playbook_python }}'}}")
        self.write("playbooks/all.j2", "{{ lemmy.config | to_nice_json }}{{ lemmy.config.object.values() | first }}")
        self.write("playbooks/included.yml", "- debug: {msg: '{{ given }}'}")
        self.write("roles/role/vars/main.yml", "both: '{{ lemmy.config.object | combine(lemmy.config.env) }}'\n"
                                               "text: '{{ [given, both] | to_json }}'")
        self.write("roles/role/tasks/main.yml", "- debug: {msg: '{{ text }} {{ both }} {{ given }}'}")
        play = "- name: 'All of {{ lemmy.build.message }}'\n  hosts: all\n  gather_facts: false\n" \
               "  serial: \"{{ lemmy.config.serial | default('100%') }}\"\n  tasks:\n"
        for way, tasks in WAYS.items():  # each in a block that knows which it is, and whose end does not matter
            tasks = re.sub("(?m)^", "          ", tasks.replace("OUT", f"{self.dir}/out"))
            play += f"    - vars: {{way: {json.dumps(way)}}}\n      ignore_errors: true\n      block:\n{tasks}\n"
        play += "    - copy: {content: '{{ lemmy | to_json }}', dest: '" + self.dir + "/out/arrived'}\n"
        self.write("playbooks/ways.yml", play)

    def write(self, name, text):
        Path(self.dir, "tree", name).write_text(text + "\n")

    def plays(self, bin_folder, settings=""):
        sent = fill({"project": "shop", "deploy": 7,
                     "build": {"sha": "abcdef1", "message": "{}", "branch": "{}", "author": "{}", "url": "{}", "image": "{}"},
                     "config": {"env": {"A": "{}", "B": "{% raw %}{#"}, "object": {"a": "{}"}, "arguments": {"msg": "{}"},
                                "list": ["x", {"deep": ["{}", 2]}, "{}"], "expression": f"lookup('pipe', 'touch {self.dir}/mark/e')",
                                "numbers": [1, 2.5e30, True, None], "yes": "no", "012": "1e3",
                                "no templates": ["", "~", "<<", "1:20", "0x1F", "2026-11-30", "2026-11-30T01:02:03.004Z", "=", "off"]}}, f"{self.dir}/mark")
        Path(self.dir, "variables.json").write_text(json.dumps({"lemmy": sent}))
        self.write("ansible.cfg", "[defaults]\nfact_caching = jsonfile\n"
                                  f"fact_caching_connection = {self.dir}/facts\n" + settings)
        done = subprocess.run([RUN, bin_folder, f"{self.dir}/tree", f"{self.dir}/runs", "run-1", "ways.yml", "all",
                               f"{self.dir}/variables.json"], capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        result = json.loads(done.stdout)
        self.assertIsNone(result["error"])
        log = Path(result["outcome"]["log_file"]).read_text()
        self.assertEqual((result["outcome"]["exit_code"], result["progress"]["finished"]), (0, True), log[-3000:])
        self.assertEqual(os.listdir(f"{self.dir}/mark"), [])
        self.assertEqual(json.loads(Path(self.dir, "out/arrived").read_text()), sent)
        tasks = log.count("\nTASK [")
        self.assertGreater(tasks, len(WAYS) * 1.4, "they were all tried")

    def ansible(self, version=None):
        more = [str(ROOT / f"build/ansible-{version}"), version] if version else []
        return subprocess.run([ROOT / "tools/ansible.sh", *more], check=True, stdout=subprocess.PIPE,
                              text=True).stdout.strip()

    def test_with_the_ansible_that_is_pinned(self):
        self.plays(self.ansible())

    def test_with_the_ansible_that_is_pinned_and_jinjas_native_types(self):
        self.plays(self.ansible(), "jinja2_native = True\n")

    def test_with_the_ansible_of_debian_12(self):
        self.plays(self.ansible("2.14.18"))

    def test_with_an_ansible_that_trusts_templates_by_their_source(self):
        self.plays(self.ansible("2.19.14"))


if __name__ == "__main__":
    unittest.main()
