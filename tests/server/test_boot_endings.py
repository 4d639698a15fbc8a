"""The server ends well in each phase of a boot run, and the run goes on after its next start. `./test` runs this with
address and undefined-behaviour sanitizers too: a report of theirs ends the server with another code than 0."""
import json
import os
import secrets
import time
import unittest
from pathlib import Path

from harness import ROOT, Server, wait_until

BIN = os.environ.get("LEMMY_ANSIBLE_BIN", str(ROOT / "build/ansible-venv/bin"))
LIMIT = 10  # seconds from SIGTERM to the end
PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - name: Note that it runs
      ansible.builtin.shell: "echo begun >> {{ lemmy.config.vars.dir }}/{{ inventory_hostname }}"
    - name: Run until it is told to go on
      ansible.builtin.shell: "while [ -e {{ lemmy.config.vars.dir }}/hold ]; do sleep 0.1; done"
    - name: Note the build
      ansible.builtin.shell: "echo {{ lemmy.build.sha }} >> {{ lemmy.config.vars.dir }}/{{ inventory_hostname }}"
"""
INVENTORY = """#!/bin/sh
[ "$1" = --list ] || exit 1
echo "$$" >> %s/asked
while [ -e %s/hold-inventory ]; do sleep 0.1; done
cat <<'END'
%s
END
"""


@unittest.skipUnless(os.path.exists(BIN + "/ansible-runner"), "needs tools/ansible.sh")
class BootRuns(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--ansible", BIN)
        cls.addClassCleanup(cls.server.stop)
        config = cls.server.config
        cls.out = cls.server.folder / "out"
        for folder in (cls.out, config / "ansible/inventory", config / "ansible/playbooks", config / "projects/web"):
            folder.mkdir(parents=True)
        hosts = ["one", "two"]
        tree = {"project_web": {"hosts": hosts}, "environment_staging": {"hosts": hosts},
                "all": {"vars": {"ansible_connection": "local",
                                 "ansible_python_interpreter": "{{ ansible_playbook_python }}"}},
                "_meta": {"hostvars": {}}}
        script = config / "ansible/inventory/hosts.sh"
        script.write_text(INVENTORY % (cls.out, cls.out, json.dumps(tree)))
        script.chmod(0o755)
        (config / "ansible/playbooks/web.yml").write_text(PLAYBOOK)
        (config / "projects/web/project.yaml").write_text("deployer: ansible\n")
        (config / "projects/web/environments.json").write_text(json.dumps({"staging": {"vars": {"dir": str(cls.out)}}}))
        cls.server.start()
        cls.sha = secrets.token_hex(20)
        told = cls.server.hook({"project": "web", "sha": cls.sha, "branch": "main"}, secret="")
        assert told.status == 202, told.body
        path = "/api/v1/projects/web/environments/staging/deploys"
        asked = cls.server.call("POST", path, {"build": cls.sha})
        assert asked.status == 202, asked.body
        wait_until(lambda: cls.server.get(f"{path}/{asked.json['number']}").json["deploy"]["phase"] == "live")

    def hold(self, what):
        file = self.out / what
        file.touch()
        self.addCleanup(file.unlink, missing_ok=True)
        return file

    def lines(self, file):
        path = self.out / file
        return path.read_text().split() if path.exists() else []

    def boots(self):
        asked = self.server.call("POST", "/hooks/instance",
                                 {"project": "web", "environment": "staging", "instance_id": "one"})
        self.assertEqual(asked.status, 202, asked.body)

    def instance(self):
        found = self.server.get("/api/v1/projects/web/environments/staging/instances").json["instances"]
        return {i["instance_id"]: i for i in found}.get("one", {})

    def is_state(self, *states):
        return self.instance().get("state") in states

    def has_its_build(self):
        now = self.instance()  # of one moment
        return now.get("state") == "converged" and not now["pending"]

    def of_ansible(self):
        """Processes of this server's Ansible."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command = path.read_bytes()
            except OSError:
                continue
            if str(self.server.folder).encode() in command and b"ansible" in command \
                    and int(path.parent.name) != (self.server.process.pid if self.server.process else 0):
                found.append(command.replace(b"\0", b" ").decode())
        return found

    def ends_well(self):
        began = time.monotonic()
        self.server.end()
        self.assertLess(time.monotonic() - began, LIMIT)
        said = "".join(self.server.log)
        for report in ("Sanitizer", "runtime error:"):
            self.assertNotIn(report, said)
        wait_until(lambda: not self.of_ansible(), 5, "programs of Ansible outlive the server")

    def goes_on(self, builds):
        """After its next start the host that asked has its build, however often that took."""
        self.server.start()
        wait_until(self.has_its_build, 60, "it is not run again")
        self.assertEqual(self.instance()["build"], self.sha)
        self.assertGreater(self.lines("one").count(self.sha), builds, self.instance())

    def test_before_it_is_gathered(self):
        builds, asked = self.lines("one").count(self.sha), len(self.lines("asked"))
        self.boots()
        self.ends_well()
        self.assertEqual(len(self.lines("asked")), asked, "it was gathered already")
        self.goes_on(builds)

    def test_while_the_inventory_is_read(self):
        builds, asked = self.lines("one").count(self.sha), len(self.lines("asked"))
        held = self.hold("hold-inventory")
        self.boots()
        wait_until(lambda: len(self.lines("asked")) > asked, 30, "the inventory is not read")
        self.ends_well()
        held.unlink()
        self.goes_on(builds)

    def test_while_its_playbook_runs(self):
        builds, begun = self.lines("one").count(self.sha), self.lines("one").count("begun")
        held = self.hold("hold")
        self.boots()
        wait_until(lambda: self.lines("one").count("begun") > begun, 60, "its playbook does not run")
        self.assertTrue(self.is_state("running"), self.instance())
        self.ends_well()
        held.unlink()
        self.assertEqual(self.lines("one").count(self.sha), builds, "it went on without the server")
        self.goes_on(builds)

    def test_just_when_it_ended(self):
        builds = self.lines("one").count(self.sha)
        held = self.hold("hold")
        self.boots()
        wait_until(lambda: self.is_state("running"), 60, "it is not run")
        held.unlink()
        # The playbook has done all, its programs end now, and the server has not written that down yet.
        wait_until(lambda: self.lines("one").count(self.sha) > builds, 60, "it has not its build")
        self.ends_well()
        self.server.start()
        wait_until(self.has_its_build, 60, "it is not run again")


if __name__ == "__main__":
    unittest.main()
