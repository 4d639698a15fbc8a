"""Hosts that boot ask for their build: POST /hooks/instance, with real playbooks."""
import http.client
import json
import os
import secrets
import shutil
import sys
import tempfile
import time
import unittest
from pathlib import Path
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/kubernetes"))
from harness import Lemmy, new_sha, wait_for  # noqa: E402

BIN = os.environ.get("LEMMY_ANSIBLE_BIN", str(ROOT / "build/ansible-venv/bin"))
EVERY = int(os.environ.get("LEMMY_POINTS", "3"))  # point at which the server is killed

PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Note the build
      ansible.builtin.shell: "echo {{ lemmy.build.sha }} >> {{ lemmy.config.vars.dir }}/{{ inventory_hostname }}"
    - name: Maybe wait
      ansible.builtin.wait_for: {timeout: "{{ lemmy.config.vars.pause | default(1) | int }}"}
      when: lemmy.config.vars.pause is defined
    - name: Maybe fail
      ansible.builtin.command: "sh -c 'echo the disk is full >&2; exit 4'"
      when: lemmy.config.vars.fails_on | default('') == inventory_hostname
"""


class World:
    """A configuration with one project on hosts, and a server."""

    def __init__(self, hosts, **vars):
        self.work = Path(tempfile.mkdtemp(prefix="lemmy-instances-"))
        self.config, self.out = self.work / "config", self.work / "out"
        self.out.mkdir()
        for folder in ("ansible/inventory", "ansible/playbooks", "projects/web", "projects/pods"):
            (self.config / folder).mkdir(parents=True)
        self.inventory(hosts)
        (self.config / "ansible/playbooks/web.yml").write_text(PLAYBOOK)
        self.project(**vars)
        (self.config / "projects/pods/project.yaml").write_text("deployer: kubernetes\n")
        (self.config / "projects/pods/environments.json").write_text('{"staging": {}}')
        (self.config / "projects/pods/template.json.j2").write_text(
            '{"containers": [{"name": "app", "image": "x"}]}')
        self.lemmy = Lemmy(self.config, self.work / "data", self.work / "none", "--ansible", BIN)

    def inventory(self, hosts):
        """{name: variables}; all of them are in web/staging."""
        one = {name: {} for name in hosts}
        tree = {"all": {"vars": {"ansible_connection": "local",
                                 "ansible_python_interpreter": "{{ ansible_playbook_python }}"},
                        "hosts": hosts,
                        "children": {"project_web": {"hosts": one}, "environment_staging": {"hosts": one}}}}
        (self.config / "ansible/inventory/hosts.json").write_text(json.dumps(tree))

    def project(self, yaml="", **vars):
        (self.config / "projects/web/project.yaml").write_text("deployer: ansible\n" + yaml)
        (self.config / "projects/web/environments.json").write_text(
            json.dumps({"staging": {"vars": {"dir": str(self.out), **vars}}}))

    def ask(self, instance, project="web", environment="staging", **more):
        return self.lemmy.call("POST", "/hooks/instance", {
            "project": project, "environment": environment, "instance_id": instance, **more})

    def instances(self):
        code, answer = self.lemmy.call("GET", "/api/v1/projects/web/environments/staging/instances?limit=1000")
        assert code == 200, answer
        return {i["instance_id"]: i for i in answer["instances"]}

    def state(self, instance):
        return self.instances().get(instance, {}).get("state")

    def becomes(self, instance, state, limit=60):
        def check():
            i = self.instances().get(instance)
            return i if i and i["state"] == state and not i["pending"] else None
        try:
            return wait_for(f"{instance} to be {state}", check, limit)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{json.dumps(self.instances(), indent=1)[:3000]}\n{self.lemmy.said()}")

    def deploy(self, until=("live", "failed")):
        sha = new_sha()
        self.lemmy.announce("web", sha)
        n = self.lemmy.deploy("web", "staging", sha)
        return n, sha, self.lemmy.wait_phase("web", "staging", n, *until) if until else None

    def on(self, host):
        file = self.out / host
        return file.read_text().split() if file.exists() else []

    def orphans(self):
        return [p for p in Path("/proc").glob("[0-9]*/cmdline") if p.parent.name != str(self.lemmy.process.pid)
                and str(self.work).encode() in p.read_bytes() and b"ansible" in p.read_bytes()]

    def close(self):
        self.lemmy.stop()
        shutil.rmtree(self.work, ignore_errors=True)


class Instances(unittest.TestCase):
    def world(self, hosts=None, start=True, **vars):
        w = World(hosts or {"one": {"instance_id": "i-1"}, "two": {"ansible_host": "10.1.0.2"}, "three": {}}, **vars)
        self.addCleanup(w.close)
        if start:
            w.lemmy.start()
        return w

    def test_a_host_that_asks_before_anything_was_deployed_gets_the_first_build(self):
        w = self.world()
        code, answer = w.ask("i-1")
        self.assertEqual(code, 202, answer)
        i = wait_for("the reason", lambda: (i := w.instances()["i-1"]) and i["why"] and i)
        self.assertIn("nothing was deployed", i["why"])
        n, sha, _ = w.deploy()
        i = w.becomes("i-1", "converged")
        self.assertEqual((i["build"], i["deploy"], i["host"]), (sha, n, "one"))

    def test_calls_of_many_hosts_go_into_one_run_and_each_counts_once_more(self):
        w = self.world()
        n, sha, _ = w.deploy()
        for _ in range(3):
            for instance, more in (("i-1", {}), ("x-2", {"address": "10.1.0.2"}), ("three", {})):
                self.assertEqual(w.ask(instance, **more)[0], 202)
        found = {w.becomes(i, "converged")["host"]: w.instances()[i] for i in ("i-1", "x-2", "three")}
        self.assertEqual(set(found), {"one", "two", "three"})
        self.assertEqual(len({i["run"] for i in found.values()}), 1, "one run of three hosts")
        self.assertEqual([i["asked"] for i in found.values()], [3, 3, 3])
        self.assertEqual(w.on("two"), [sha, sha], "by the deploy and by one run")
        code, log = w.lemmy.call("GET", found["one"]["log"])
        self.assertEqual(code, 200)
        self.assertIn("PLAY RECAP", log)
        self.assertEqual(list((w.work / "data/runs").glob("web.*")), [], "the store has the log")

    def test_a_call_while_its_host_runs_makes_another_run(self):
        w = self.world(pause=4)
        n, sha, _ = w.deploy()
        w.ask("i-1")
        wait_for("a run", lambda: w.state("i-1") == "running", 30)
        self.assertEqual(w.ask("i-1")[0], 202)
        w.becomes("i-1", "converged")
        self.assertEqual(w.on("one"), [sha] * 3)
        self.assertEqual(w.instances()["i-1"]["answered"], 2)

    def test_a_host_that_the_inventory_gets_later_is_found_later(self):
        w = self.world()
        w.deploy()
        w.ask("i-9")
        i = w.becomes("i-9", "unknown")
        self.assertIn("no host of web/staging in the inventory has this instance id", i["why"])
        self.assertIsNotNone(i["next_try"])
        w.inventory({"one": {}, "nine": {"instance_id": "i-9"}})
        self.assertEqual(w.becomes("i-9", "converged")["host"], "nine")

    def test_a_host_on_which_the_playbook_fails_says_task_and_output_and_can_be_run_again(self):
        w = self.world()
        w.deploy()
        w.project(fails_on="one")
        time.sleep(3.5)
        w.deploy()
        w.ask("i-1")
        w.becomes("i-1", "converged")  # the build that went live last, with its own variables
        w2 = self.world(fails_on="nobody")
        w2.deploy()
        (w2.config / "ansible/playbooks/web.yml").write_text(PLAYBOOK.replace("fails_on | default('')", "x | default('one')"))
        time.sleep(3.5)
        w2.ask("i-1")
        i = w2.becomes("i-1", "failed")
        self.assertIn("task 'Maybe fail' failed", i["why"])
        self.assertIn("the disk is full", w2.lemmy.call("GET", i["log"])[1])
        (w2.config / "ansible/playbooks/web.yml").write_text(PLAYBOOK)
        code, answer = w2.lemmy.call("POST", "/api/v1/projects/web/environments/staging/instances/run",
                                     {"instance_id": "i-1"})
        self.assertEqual(code, 202, answer)
        w2.becomes("i-1", "converged")

    def test_a_deploy_in_the_middle_leaves_all_on_the_newest_build(self):
        hosts = {f"h{n}": {} for n in range(12)}
        w = self.world(hosts, pause=3)
        w.deploy()
        for n in range(6):
            w.ask(f"h{n}")
        wait_for("a run", lambda: w.state("h0") == "running", 30)
        n, sha, _ = w.deploy(until=None)
        for n2 in range(6, 12):
            w.ask(f"h{n2}")
        status = w.lemmy.status("web", "staging", n)
        self.lemmy_note = status["deploy"]["note"]
        w.lemmy.wait_phase("web", "staging", n, "live")
        for h in hosts:
            # Until Lemmy has looked at what the deploy reached, it shows what was there before.
            wait_for(f"{h} on the newest build", lambda h=h: w.becomes(h, "converged")["build"] == sha, 60)
            self.assertEqual(w.on(h)[-1], sha, h)

    def test_the_newest_build_rule(self):
        w = self.world()
        w.project("boot: newest\nboot_branch: main\n")
        time.sleep(3.5)
        w.deploy()
        newer = new_sha()
        w.lemmy.announce("web", newer)
        w.lemmy.announce("web", new_sha(), branch="somebody/tries")
        w.ask("three")
        self.assertEqual(w.becomes("three", "converged")["build"], newer)
        self.assertEqual(w.on("three")[-1], newer)

    def test_what_can_never_run_is_refused_and_in_the_ledger(self):
        w = self.world()
        for body, code, what in ((("i-1", "pods", "staging"), 422, "runs on pods"),
                                 (("i-1", "web", "stagin"), 422, "did you mean 'staging'"),
                                 (("i 1", "web", "staging"), 422, "instance_id"),
                                 (("", "web", "staging"), 422, "instance_id")):
            got, answer = w.ask(*body)
            self.assertEqual(got, code, answer)
            self.assertIn(what, json.dumps(answer))
        ledger = w.lemmy.call("GET", "/api/v1/deliveries")[1]["deliveries"]
        self.assertEqual([d["verdict"] for d in ledger], ["refused"] * 4)
        self.assertEqual({d["hook"] for d in ledger}, {"instance"})
        code, answer = w.ask("i-1", project="not-yet")
        self.assertEqual((code, answer["known"]), (202, False), "kept, and shown")

    def test_form_query_and_both_spellings(self):
        w = self.world()
        w.deploy()
        fields = {"project": "web", "environment": "staging"}
        for n, (path, body) in enumerate((("/hooks/instance?" + urlencode({**fields, "instance-id": "one"}), ""),
                                          ("/hooks/instance", urlencode({**fields, "instance_id": "one"})),
                                          ("/hooks/instance", urlencode({**fields, "instance-id": "one"})))):
            c = http.client.HTTPConnection("127.0.0.1", w.lemmy.port, timeout=10)
            c.request("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded"})
            self.assertEqual(c.getresponse().status, 202)
            c.close()
            self.assertEqual(w.instances()["one"]["asked"], n + 1)

    def test_an_unfinished_playbook_and_a_broken_inventory_say_so(self):
        w = self.world()
        w.deploy()
        (w.config / "ansible/inventory/broken.yml").write_text("all: [")
        w.ask("three")
        i = wait_for("the reason", lambda: (i := w.instances()["three"]) and i["why"] and i)
        self.assertEqual(i["state"], "unknown")
        self.assertIn("broken.yml", i["why"])
        (w.config / "ansible/inventory/broken.yml").unlink()
        w.becomes("three", "converged")

    def test_after_kill_9_at_any_point_every_host_gets_its_build_and_no_process_is_left(self):
        """The points of a deploy to hosts and of the run for an instance, one after another: each EVERY-th."""
        reached = 0
        w = self.world(start=False)
        w.lemmy.start()
        sha = new_sha()
        w.lemmy.announce("web", sha)
        w.lemmy.stop()
        for point in range(secrets.randbelow(EVERY) + 1, 40, EVERY):
            if not w.lemmy.start(crash_at=point):
                w.lemmy.start()
                continue
            request = f"crash-{point}"
            number = None
            try:
                number = w.lemmy.deploy("web", "staging", sha, request)
                w.ask("i-1")
                end = time.monotonic() + 30
                while w.lemmy.alive() and time.monotonic() < end:
                    i = w.instances().get("i-1", {})
                    phase = w.lemmy.status("web", "staging", number)["deploy"]["phase"]
                    if phase == "live" and i.get("deploy") == number and not i["pending"]:
                        break
                    time.sleep(0.05)
            except (OSError, http.client.HTTPException, AssertionError):
                pass
            if not w.lemmy.died(0.3):
                w.lemmy.stop()
                break
            reached += 1
            w.lemmy.start()
            again = w.lemmy.deploy("web", "staging", sha, request)
            if number is not None:
                self.assertEqual(again, number, "asked for twice, done once")
            w.ask("i-1")
            w.lemmy.wait_phase("web", "staging", again, "live")
            i = w.becomes("i-1", "converged")
            self.assertEqual(i["deploy"], again)
            self.assertEqual(w.orphans(), [], f"point {point}")
            w.lemmy.stop()
        self.assertGreaterEqual(reached, 8 // EVERY)
        w.lemmy.start()
        self.assertEqual([p.name for p in (w.work / "data/runs").glob("*.boot-*")], [], "nothing is left of cut runs")


if __name__ == "__main__":
    unittest.main()
