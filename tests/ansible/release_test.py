"""Dry runs and releases by the built program: pods on the simulated cluster, and the three hosts of ssh_hosts.py by the real
Ansible. The server and the command line run in the network namespace that reaches the hosts."""
import json
import os
import re
import subprocess
import time
import unittest

from ssh_hosts import HOSTS, inside
from ssh_server import SshServer

PLAYBOOK = """
- name: The shop
  hosts: all
  gather_facts: false
  tasks:
    - name: Wait
      ansible.builtin.command: "sleep {{ lemmy.config.vars.pause | default(0) }}"
      changed_when: false
      check_mode: false
    - name: Look whether the host may take it
      ansible.builtin.assert:
        that: lemmy.config.vars.refuse | default('') != inventory_hostname
        fail_msg: this host may not take it
    - ansible.builtin.import_role: {name: app}
"""
TEMPLATE = """
{"replicas": {{ config.replicas }},
 "containers": [{"name": "app", "image": "registry.example.com/shop:{{ build.sha }}", "env": {{ config.env | tojson }}}]}
"""


class Together(SshServer):
    command = ["playground"]

    @classmethod
    def configure_all(cls):
        cls.write("ansible/playbooks/shop.yml", PLAYBOOK)
        cls.write("environments.yaml", "environments:\n  - name: production\n  - name: production-hosts\n")
        cls.write("projects/shop/project.yaml", "settle: 1s\n")
        cls.write("projects/shop/template.json.j2", TEMPLATE)
        cls.set_hosts()

    @classmethod
    def set_hosts(cls, **of_hosts):
        cls.write("projects/shop/environments.json", json.dumps({
            "production": {"replicas": 2, "env": {"ON": "pods"}},
            "production-hosts": {"deployer": "ansible", "env": {"ON": "hosts"}, "vars": of_hosts}}))

    def configure(self, **of_hosts):
        self.set_hosts(**of_hosts)
        self.addCleanup(time.sleep, 3.5)
        self.addCleanup(self.set_hosts)
        time.sleep(3.5)  # the server reads it

    def deployed(self):
        sha = self.build()
        code, _, err = self.cli("deploy", "shop", "production-hosts", "--build", sha)
        self.assertEqual(code, 0, err)
        return sha

    def check(self, sha, environment="production-hosts"):
        return self.cli("deploy", "shop", environment, "--build", sha, "--check")

    def state(self, environment):
        return json.loads(self.cli("status", "shop", environment, "--output", "json")[1])

    def test_a_dry_run_shows_each_hosts_diff_and_changes_nothing(self):
        running, new = self.deployed(), self.build()
        before = self.state("production-hosts")
        code, out, err = self.check(new)
        self.assertEqual(code, 0, err + out)
        for host in HOSTS:
            self.assertIn(f"{host}: changed", out)
        self.assertIn("task Write its configuration", out)
        self.assertRegex(out, rf'-\s+"build": "{running}"')
        self.assertRegex(out, rf'\+\s+"build": "{new}"')
        self.assertIn("nothing was changed", out)
        self.assertEqual(self.serving(), [running] * 3)
        with open(f"{self.dir}/web1/app/config.json") as f:
            self.assertEqual(json.load(f)["build"], running)
        after = self.state("production-hosts")
        self.assertEqual([d["number"] for d in after["deploys"]], [d["number"] for d in before["deploys"]])
        self.assertEqual(after["current"]["build"], running)
        code, out, _ = self.check(running)
        self.assertEqual((code, out.count(": ok\n")), (0, 3), out)
        self.assertEqual([d for d in os.listdir(f"{self.dir}/data/runs") if d.endswith(".dry")], [])

    def test_a_dry_run_that_would_fail_says_where_and_why(self):
        running = self.deployed()
        self.configure(refuse="web2")
        code, out, err = self.check(self.build())
        self.assertEqual(code, 1, out)
        self.assertIn("web2", err)
        self.assertIn("this host may not take it", err)
        self.assertIn("web2: failed", out)
        self.assertEqual(self.serving(), [running] * 3)

    def test_a_dry_run_makes_way_for_a_deploy_and_is_refused_beside_one(self):
        self.deployed()
        self.configure(pause=5)
        sha = self.build()
        trying = self.start("deploy", "shop", "production-hosts", "--build", sha, "--check")
        while "Wait" not in trying.stderr.readline():
            self.assertIsNone(trying.poll())
        code, _, err = self.check(sha)
        self.assertEqual((code, "a dry run of build" in err), (5, True), err)
        going = self.start("deploy", "shop", "production-hosts", "--build", sha)
        _, err = trying.communicate(timeout=60)
        self.assertEqual((trying.returncode, "made way for a deploy" in err), (8, True), err)
        code, _, err = self.check(sha)
        self.assertEqual((code, bool(re.search(r"deploy #\d+ of build", err))), (5, True), err)
        _, err = going.communicate(timeout=60)
        self.assertEqual(going.returncode, 0, err)
        self.assertEqual(self.serving(), [sha] * 3)

    def test_a_dry_run_that_is_cancelled_ends(self):
        self.configure(pause=60)
        trying = self.start("deploy", "shop", "production-hosts", "--build", self.build(), "--check")
        first = trying.stderr.readline()
        run = first.strip().rsplit("/", 1)[1]
        path = f"{self.url}/api/v1/projects/shop/environments/production-hosts/dry-runs/{run}/cancel"
        while "Wait" not in trying.stderr.readline():
            self.assertIsNone(trying.poll())
        done = subprocess.run(inside("server", "curl", "-sS", "-X", "POST", "-H", "Content-Type: application/json", "-d",
                                     "{}", path), capture_output=True, text=True, check=True)
        self.assertIn('"state"', done.stdout)
        _, err = trying.communicate(timeout=30)
        self.assertEqual((trying.returncode, "cancelled by" in err), (8, True), err)

    def test_on_pods_a_dry_run_asks_the_cluster_about_each_object(self):
        code, out, err = self.check(self.build(), "production")
        self.assertEqual(code, 0, err)
        self.assertRegex(out, r"ReplicationController shop-\S+: would be taken")

    def test_one_release_goes_to_pods_and_hosts_and_is_rolled_back_together(self):
        old, new = self.build(), self.build()
        code, out, err = self.cli("release", "shop", old, "production", "production-hosts")
        self.assertEqual((code, "is live everywhere" in out), (0, True), err)
        self.refuse("web3", new)
        self.addCleanup(self.refuse, "web3", "")
        code, out, err = self.cli("release", "shop", new[:9], "production", "production-hosts")
        self.assertEqual((code, "failed in production-hosts" in err), (1, True), err)
        self.assertEqual(self.state("production")["current"]["build"], new)
        self.assertIn(new, self.serving())
        release = re.search(r"release ([0-9a-f]{12}):", err)[1]
        code, out, err = self.cli("release", "rollback", "shop", release, "--reason", "web3 refuses")
        self.assertEqual((code, "is live everywhere" in out), (0, True), err)
        self.assertEqual(self.serving(), [old] * 3)
        for environment in ("production", "production-hosts"):
            state = self.state(environment)
            self.assertEqual((state["current"]["build"], state["health"]), (old, "ok"))
        self.assertEqual(self.state("production-hosts")["health_text"], "on 3 of 3 hosts")
        code, _, err = self.cli("release", "rollback", "shop", release)
        self.assertEqual((code, "was asked for since" in err), (5, True), err)


if __name__ == "__main__":
    unittest.main()
