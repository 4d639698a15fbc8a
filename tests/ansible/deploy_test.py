"""Deploys to hosts through `lemmy serve`, with real playbooks: by the API, from a build to what stands on the hosts."""
import json
import os
import shutil
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/kubernetes"))
from harness import Lemmy, new_sha, wait_for  # noqa: E402

BIN = os.environ.get("LEMMY_ANSIBLE_BIN", str(ROOT / "build/ansible-venv/bin"))

INVENTORY = """
all:
  vars:
    ansible_connection: local
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
  children:
    project_worker: {hosts: {one: {}, two: {}, three: {}}}
    project_lonely: {hosts: {}}
    project_unreached: {hosts: {gone: {ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}}}
    environment_staging: {hosts: {one: {}, two: {}, three: {}, gone: {}}}
"""

PLAYBOOK = """
- name: The worker
  hosts: all
  gather_facts: false
  tasks:
    - name: Note the build
      ansible.builtin.copy:
        content: "{{ lemmy.build.sha }} {{ lemmy.config.env.MODE }}\\n"
        dest: "{{ lemmy.config.vars.dir }}/{{ inventory_hostname }}"
    - name: Maybe wait
      ansible.builtin.wait_for:
        timeout: "{{ lemmy.config.vars.pause | default(1) | int }}"
    - name: Maybe fail
      ansible.builtin.command: "sh -c 'echo the disk is full >&2; exit 4'"
      when: lemmy.config.vars.fails_on | default('') == inventory_hostname
"""


class Hosts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = Path(tempfile.mkdtemp(prefix="lemmy-hosts-"))
        cls.config = cls.work / "config"
        cls.out = cls.work / "out"
        cls.out.mkdir()
        for folder in ("ansible/inventory", "ansible/playbooks", "projects"):
            (cls.config / folder).mkdir(parents=True)
        (cls.config / "ansible/inventory/hosts.yml").write_text(INVENTORY)
        for name in ("worker", "lonely", "unreached"):
            cls.project(name)
        cls.lemmy = Lemmy(cls.config, cls.work / "data", cls.work / "none", "--ansible", BIN)
        cls.lemmy.start()

    @classmethod
    def tearDownClass(cls):
        cls.lemmy.stop()
        shutil.rmtree(cls.work, ignore_errors=True)

    @classmethod
    def project(cls, name, mode="a", playbook=PLAYBOOK, **more):
        folder = cls.config / "projects" / name
        folder.mkdir(exist_ok=True)
        (folder / "project.yaml").write_text("deployer: ansible\n")
        (folder / "environments.json").write_text(json.dumps(
            {"staging": {"env": {"MODE": mode}, "vars": {"dir": str(cls.out), **more}}}))
        (cls.config / "ansible/playbooks" / f"{name}.yml").write_text(playbook)

    def configured(self):
        """Waits until the server has read what was just written."""
        time.sleep(3.5)

    def deploy(self, project, sha=None, until=("live", "failed", "cancelled")):
        sha = sha or new_sha()
        self.lemmy.announce(project, sha)
        n = self.lemmy.deploy(project, "staging", sha)
        return n, sha, self.lemmy.wait_phase(project, "staging", n, *until) if until else None

    def boots(self, host):
        path = "/api/v1/projects/worker/environments/staging/instances"
        code, answer = self.lemmy.call("POST", "/hooks/instance", {"project": "worker", "environment": "staging",
                                                                   "instance_id": host})
        self.assertEqual(code, 202, answer)
        wait_for("the host's run", lambda: any(
            i["instance_id"] == host and i["state"] == "converged" and not i["pending"]
            for i in self.lemmy.call("GET", path)[1]["instances"]))

    def on_hosts(self):
        return {p.name: p.read_text().split() for p in self.out.iterdir()}

    def test_a_build_reaches_every_host_and_a_roll_back_brings_build_and_settings_back(self):
        self.project("worker", mode="old")
        self.configured()
        first, first_sha, status = self.deploy("worker")
        self.assertEqual(status["deploy"]["phase"], "live", status)
        self.assertEqual(self.on_hosts(), {h: [first_sha, "old"] for h in ("one", "two", "three")})
        hosts = {h["name"]: h for h in status["hosts"]["hosts"]}
        self.assertEqual({h["state"] for h in hosts.values()}, {"changed"})
        self.assertEqual((status["deploy"]["ready"], status["deploy"]["wanted_pods"]), (3, 3))

        self.project("worker", mode="new")
        self.configured()
        second, second_sha, status = self.deploy("worker")
        self.assertEqual(self.on_hosts()["one"], [second_sha, "new"])
        previous = {d["number"]: d for d in status["previous"]}
        self.assertIn("rollback", previous[first]["actions"])
        code, back = self.lemmy.act("worker", "staging", first, "rollback")
        self.assertEqual(code, 202, back)
        status = self.lemmy.wait_phase("worker", "staging", back["number"], "live", "failed")
        self.assertEqual(status["deploy"]["phase"], "live", status)
        self.assertEqual(self.on_hosts()["two"], [first_sha, "old"])

        code, log = self.lemmy.call("GET", self.lemmy.deploys_path("worker", "staging", f"/{first}/log"))
        self.assertEqual(code, 200)
        self.assertIn("PLAY RECAP", log)
        self.assertIn("Note the build", log)
        self.assertEqual(list((self.work / "data/runs").glob("worker.staging.*")), [], "the store has the log")

    def test_a_build_that_is_announced_with_another_image_changes_no_deploy_that_there_is(self):
        note = PLAYBOOK.replace("{{ lemmy.build.sha }}", "{{ lemmy.build.image }}+{{ lemmy.build.branch }}")
        self.project("worker", playbook=note)
        self.addCleanup(self.project, "worker")
        self.configured()
        sha = new_sha()
        self.lemmy.announce("worker", sha, image="shop@sha256:1", branch="first")
        first = self.lemmy.deploy("worker", "staging", sha)
        self.lemmy.wait_phase("worker", "staging", first, "live")
        self.lemmy.announce("worker", sha, image="shop@sha256:2", branch="second")
        (self.out / "two").unlink()
        self.boots("two")
        self.assertEqual(self.on_hosts()["two"][0], "shop@sha256:1+first", "a host that boots")

        second = self.lemmy.deploy("worker", "staging", sha)
        self.lemmy.wait_phase("worker", "staging", second, "live")
        self.assertEqual(self.on_hosts()["one"][0], "shop@sha256:2+second")
        code, back = self.lemmy.act("worker", "staging", first, "rollback")
        self.assertEqual(code, 202, back)
        self.lemmy.wait_phase("worker", "staging", back["number"], "live")
        self.assertEqual(self.on_hosts()["one"][0], "shop@sha256:1+first")

    def test_nothing_that_builds_people_and_configuration_say_is_run(self):
        mark = self.work / "mark"
        command = "{{ lookup('pipe', 'touch %s') }}" % mark
        for kind in ("message", "{% raw %}", "replace {{ user }} {# placeholder #}"):
            text = command if kind == "message" else kind
            self.project("worker", mode=text, more=[{"key": text}])
            self.configured()
            sha = new_sha()
            self.lemmy.announce("worker", sha, message=text, branch=text, author=text,
                                url="https://example.com/" + text.replace(" ", "+"))
            code, answer = self.lemmy.call("POST", "/api/v1/projects/worker/environments/staging/dry-runs", {"build": sha})
            self.assertEqual(code, 202, answer)
            path = f"/api/v1/projects/worker/environments/staging/dry-runs/{answer['id']}"
            done = wait_for("the dry run", lambda path=path: (r := self.lemmy.call("GET", path)[1])["finished"] and r)
            self.assertEqual(done["state"], "passed", done)
            n = self.lemmy.deploy("worker", "staging", sha, reason=text)
            status = self.lemmy.wait_phase("worker", "staging", n, "live", "failed")
            self.assertEqual(status["deploy"]["phase"], "live", status)
            self.assertEqual((self.out / "one").read_text(), f"{sha} {text}\n")
            self.boots("two")
            self.assertFalse(mark.exists())

    def test_a_failing_host_is_named_with_task_and_output(self):
        self.project("worker", fails_on="two")
        self.configured()
        _, _, status = self.deploy("worker")
        self.assertEqual(status["deploy"]["phase"], "failed")
        cause = status["cause"]
        self.assertIn("host two: task 'Maybe fail' failed", cause["summary"])
        self.assertIn("the disk is full", cause["log_tail"] + cause["message"])
        states = {h["name"]: h["state"] for h in status["hosts"]["hosts"]}
        self.assertEqual(states["two"], "failed")
        self.assertEqual(states["one"], "changed")

    def test_an_unreachable_host_differs_from_a_failed_one(self):
        _, _, status = self.deploy("unreached")
        self.assertEqual(status["deploy"]["phase"], "failed")
        self.assertIn("cannot be reached", status["cause"]["summary"])
        self.assertEqual(status["hosts"]["hosts"][0]["state"], "unreachable")

    def test_no_host_that_matches_says_which_groups_are_missing(self):
        _, _, status = self.deploy("lonely")
        self.assertEqual(status["deploy"]["phase"], "failed")
        self.assertIn("no host", status["cause"]["summary"])
        self.assertIn("project_lonely", status["cause"]["summary"])

    def test_cancel_ends_the_run_and_says_what_may_go_on_and_what_each_host_has(self):
        self.project("worker")
        self.configured()
        before, _, _ = self.deploy("worker", until=("live",))
        self.boots("one")
        self.project("worker", pause=60)
        self.configured()
        n, sha, _ = self.deploy("worker", until=("applying",))
        wait_for("the pause", lambda: (self.lemmy.status("worker", "staging", n)["hosts"] or {}).get("task") == "Maybe wait")
        self.assertEqual(self.lemmy.act("worker", "staging", n, "cancel")[0], 202)
        status = self.lemmy.wait_phase("worker", "staging", n, "cancelled", limit=25)
        self.assertIn("may still run", json.dumps(status["history"]))
        target = "/api/v1/projects/worker/environments/staging"
        wait_for("what the hosts have", lambda: self.lemmy.call("GET", target)[1]["current"]["ready"] == 0)
        state = self.lemmy.call("GET", target)[1]
        self.assertEqual((state["current"]["number"], state["health"]), (before, "bad"))
        self.assertEqual(state["health_text"], f"on 0 of 3 hosts; #{n}, which was cancelled, ran on others")
        one = wait_for("whose it is", lambda: next(
            (i for i in self.lemmy.call("GET", target + "/instances")[1]["instances"]
             if i["instance_id"] == "one" and i["state"] == "failed"), None))
        self.assertIn(f"#{n} of build {sha[:7]} ran on it last", one["why"])

    def inventory_that_takes_long(self, script):
        slow = self.config / "ansible/inventory/slow.sh"
        slow.write_text("#!/bin/sh\n" + script)
        slow.chmod(0o755)
        self.addCleanup(slow.unlink, missing_ok=True)
        self.project("worker")
        self.configured()
        n, _, _ = self.deploy("worker", until=None)
        wait_for("what it waits for", lambda: "waiting for the inventory" in
                 (self.lemmy.status("worker", "staging", n)["deploy"]["note"] or ""), 30)
        return n, slow

    def test_a_cancel_ends_an_inventory_that_hangs(self):
        n, slow = self.inventory_that_takes_long(f"echo $$ > {self.work}/asked\nsleep 300\n")
        wait_for("it is asked", lambda: (self.work / "asked").exists() and (self.work / "asked").read_text(), 30)
        self.assertEqual(self.lemmy.act("worker", "staging", n, "cancel")[0], 202)
        self.lemmy.wait_phase("worker", "staging", n, "cancelled", limit=5)
        asked = Path("/proc", (self.work / "asked").read_text().strip())
        wait_for("the end of its program", lambda: not asked.exists(), 5)
        slow.unlink()
        _, _, status = self.deploy("worker")
        self.assertEqual(status["deploy"]["phase"], "live", status)

    def test_an_inventory_that_takes_long_is_asked_once_for_a_deploy_and_once_by_its_run(self):
        calls = self.work / "calls"
        n, _ = self.inventory_that_takes_long(f"echo >> {calls}; [ $(wc -l < {calls}) -gt 1 ] || sleep 8\n"
                                              "echo '{\"_meta\": {\"hostvars\": {}}}'\n")
        status = self.lemmy.wait_phase("worker", "staging", n, "live", "failed")
        self.assertEqual(status["deploy"]["phase"], "live", status)
        self.assertEqual(len(calls.read_text()), 2)

    def test_after_kill_9_the_run_is_repeated_and_no_process_is_left(self):
        self.project("worker", pause=8)
        self.configured()
        n, sha, _ = self.deploy("worker", until=("applying",))
        wait_for("the pause", lambda: (self.lemmy.status("worker", "staging", n)["hosts"] or {}).get("task") == "Maybe wait")
        self.lemmy.kill()
        self.lemmy.start()
        status = self.lemmy.wait_phase("worker", "staging", n, "live", "failed", limit=60)
        self.assertEqual(status["deploy"]["phase"], "live", status)
        self.assertEqual(self.on_hosts()["one"][0], sha)
        left = [p for p in Path("/proc").glob("[0-9]*/cmdline") if p.parent.name != str(self.lemmy.process.pid)
                and str(self.work).encode() in p.read_bytes() and b"ansible" in p.read_bytes()]
        self.assertEqual(left, [])


if __name__ == "__main__":
    unittest.main()
