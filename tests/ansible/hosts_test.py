#!/usr/bin/env python3
"""Runs of the real Ansible over real SSH, on the three hosts of ssh_hosts.py."""
import json
import os
import subprocess
import unittest

from ssh_hosts import BIN, HOSTS, ROOT, SshHosts, inside

RUN = os.environ.get("LEMMY_ANSIBLE_RUN", os.path.join(ROOT, "build/src/ansible_run"))


class Hosts(SshHosts):
    needs = [RUN]

    def release(self, build, hosts="project_shop", **config):
        variables = f"{self.dir}/variables.json"
        with open(variables, "w") as f:
            json.dump({"lemmy": {"project": "shop", "environment": "staging", "build": {"sha": build},
                                 "config": config}}, f)
        done = subprocess.run(inside("server", RUN, BIN, self.tree, f"{self.dir}/runs", f"run-{build}", "app.yml",
                                     hosts, variables), capture_output=True, text=True, timeout=100)
        self.assertEqual(done.returncode, 0, done.stderr)
        result = json.loads(done.stdout)
        self.states = {h["name"]: h["state"] for h in result["progress"]["hosts"]}
        return result

    def test_a_release_reaches_every_host_and_a_second_one_changes_nothing(self):
        result = self.release("aaaaaaa1", colour="green")
        self.assertEqual(self.states, dict.fromkeys(HOSTS, "changed"), result)
        self.assertEqual(self.serving(), ["aaaaaaa1"] * 3)
        with open(f"{self.dir}/web2/app/config.json") as f:
            self.assertEqual(json.load(f)["config"], {"colour": "green"})
        self.release("aaaaaaa1", colour="green")
        self.assertEqual(self.states, dict.fromkeys(HOSTS, "ok"))
        self.release("aaaaaaa2", colour="green")
        self.assertEqual(self.serving(), ["aaaaaaa2"] * 3)

    def test_a_bad_build_stops_at_the_first_host_when_serial_says_one(self):
        self.release("bbbbbbb1")
        self.refuse("web1", "bbbbbbb2")
        result = self.release("bbbbbbb2", vars={"serial": 1})
        self.assertEqual(result["outcome"]["exit_code"], 2)
        self.assertEqual(self.states, {"web1": "failed"})
        failure = result["progress"]["failure"]
        self.assertEqual((failure["host"], failure["role"], failure["task"]), ("web1", "app", "Restart the service"))
        self.assertEqual(failure["file_line"], "roles/app/handlers/main.yml:1")
        self.assertIn("the build bbbbbbb2 does not start on this host", failure["message"])
        self.assertEqual(self.serving()[1:], ["bbbbbbb1"] * 2)

    def test_a_tolerated_share_of_failed_hosts_does_not_stop_the_others(self):
        self.release("ccccccc1")
        self.refuse("web1", "ccccccc2")
        result = self.release("ccccccc2", vars={"max_fail_percentage": 50})
        self.assertEqual(result["outcome"]["exit_code"], 2)
        self.assertEqual(self.states, {"web1": "failed", "web2": "changed", "web3": "changed"})
        self.assertEqual(self.serving()[1:], ["ccccccc2"] * 2)

    def test_a_host_whose_sshd_is_off_is_unreachable_and_the_others_are_released(self):
        result = self.release("ddddddd1", "project_shop:refused", vars={"max_fail_percentage": 50})
        self.assertEqual(self.states, {**dict.fromkeys(HOSTS, "changed"), "off": "unreachable"})
        self.assertTrue(result["progress"]["failure"]["unreachable"])
        self.assertIn("sshd", result["progress"]["failure"]["hint"])

    def test_a_host_key_that_nobody_knows_is_refused_and_named(self):
        failure = self.release("eeeeeee1", "strange")["progress"]["failure"]
        self.assertEqual(self.states, {"unknown": "unreachable"})
        self.assertIn("Host key verification failed", failure["message"])
        self.assertIn("known_hosts", failure["hint"])

    def test_a_key_that_the_host_does_not_accept_is_named(self):
        failure = self.release("fffffff1", "denied")["progress"]["failure"]
        self.assertEqual(self.states, {"locked": "unreachable"})
        self.assertIn("Permission denied", failure["message"])
        self.assertIn("SSH key", failure["hint"])


if __name__ == "__main__":
    unittest.main()
