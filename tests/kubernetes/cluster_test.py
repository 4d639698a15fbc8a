"""Credentials, rights and reachability of a real API server."""
import json
import os
import shutil
import signal
import tempfile
import unittest
from pathlib import Path

from harness import Config, Lemmy, control_plane, new_sha, wait_for


class Cluster(unittest.TestCase):
    def setUp(self):
        self.plane = control_plane()
        self.plane.namespace("rights")
        self.work = Path(tempfile.mkdtemp(prefix="lemmy-rights-"))
        self.config = Config(self.work / "config")
        self.config.project("modest", {"rights": {"replicas": 1}}, yaml="settle: 500ms\ndeadline: 6s\n")
        self.lemmy = None

    def tearDown(self):
        if self.lemmy:
            self.lemmy.stop()
        self.plane.kubectl("delete", "rc", "--all", "-n", "rights")
        shutil.rmtree(self.work, ignore_errors=True)

    def start(self, kubeconfig):
        self.lemmy = Lemmy(self.config.dir, self.work / "data", kubeconfig)
        self.lemmy.start()
        sha = new_sha()
        self.lemmy.announce("modest", sha)
        return self.lemmy.deploy("modest", "rights", sha)

    def changed(self, change):
        """A copy of the administrator's kubeconfig, edited."""
        text = self.plane.kubectl("config", "view", "--raw", "-o", "json")
        config = json.loads(text)
        change(config)
        path = self.work / "kubeconfig"
        path.write_text(json.dumps(config))
        return path

    def test_a_bearer_token_is_enough(self):
        n = self.start(self.plane.dir / "token.kubeconfig")
        self.assertEqual(self.lemmy.wait_phase("modest", "rights", n, "live", "failed")["deploy"]["phase"], "live")

    def test_a_token_file_is_read(self):
        def change(config):
            user = config["users"][0]["user"]
            user.clear()
            user["tokenFile"] = str(self.plane.dir / "token")
        n = self.start(self.changed(change))
        self.assertEqual(self.lemmy.wait_phase("modest", "rights", n, "live", "failed")["deploy"]["phase"], "live")

    def test_a_credential_plugin_is_run(self):
        plugin = self.work / "plugin"
        token = (self.plane.dir / "token").read_text().strip()
        plugin.write_text("#!/bin/sh\necho '" + json.dumps({
            "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
            "status": {"token": token}}) + "'\n")
        plugin.chmod(0o755)

        def change(config):
            user = config["users"][0]["user"]
            user.clear()
            user["exec"] = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin),
                            "interactiveMode": "Never"}
        n = self.start(self.changed(change))
        self.assertEqual(self.lemmy.wait_phase("modest", "rights", n, "live", "failed")["deploy"]["phase"], "live")

    def test_a_reader_cannot_deploy_and_is_told_what_is_missing(self):
        n = self.start(self.plane.dir / "viewer.kubeconfig")
        status = self.lemmy.wait_phase("modest", "rights", n, "failed", "live")
        self.assertEqual(status["deploy"]["phase"], "failed")
        self.assertIn("forbidden", status["cause"]["summary"])
        self.assertIn("docs/operations.md", status["cause"]["hint"])
        self.assertNotIn("modest", self.plane.kubectl("get", "rc,hpa", "-n", "rights", "-o", "name"))

    def test_a_certificate_of_another_authority_is_refused(self):
        def change(config):
            cluster = config["clusters"][0]["cluster"]
            cluster.pop("certificate-authority-data", None)
            cluster.pop("certificate-authority", None)
        n = self.start(self.changed(change))
        status = self.lemmy.wait_phase("modest", "rights", n, "failed", "live")
        self.assertEqual(status["deploy"]["phase"], "failed")
        self.assertIn("certificate", json.dumps(status["cause"]) + json.dumps(status["cluster"]))

    def test_a_cluster_that_is_not_there_is_waited_for_and_then_named(self):
        def change(config):
            config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
        n = self.start(self.changed(change))
        waiting = wait_for("a note", lambda: self.lemmy.status("modest", "rights", n)["deploy"]["note"])
        self.assertIn("127.0.0.1:1", waiting)
        self.assertFalse(self.lemmy.status("modest", "rights", n)["cluster"]["ok"])
        status = self.lemmy.wait_phase("modest", "rights", n, "failed", "live")
        self.assertEqual(status["deploy"]["phase"], "failed")

    def test_a_server_that_hangs_is_shown_and_a_deploy_goes_on_when_it_answers_again(self):
        self.config.project("modest", {"rights": {"replicas": 1}}, yaml="settle: 500ms\ndeadline: 2m\n")
        n = self.start(self.plane.kubeconfig)
        self.lemmy.wait_phase("modest", "rights", n, "live")
        pid = int((self.plane.dir / "pids" / "apiserver").read_text().split()[0])
        os.kill(pid, signal.SIGSTOP)
        try:
            wait_for("the trouble to show", lambda: not self.lemmy.status("modest", "rights", n)["cluster"]["ok"], 40)
            shown = self.lemmy.status("modest", "rights", n)
            self.assertEqual(len(shown["pods"]), 1, "the last known picture stays")
            sha = new_sha()
            self.lemmy.announce("modest", sha)
            again = self.lemmy.deploy("modest", "rights", sha)
            wait_for("a note", lambda: self.lemmy.status("modest", "rights", again)["deploy"]["note"], 40)
        finally:
            os.kill(pid, signal.SIGCONT)
        self.assertEqual(self.lemmy.wait_phase("modest", "rights", again, "live", "failed", limit=90)["deploy"]["phase"],
                         "live")

    def test_a_namespace_that_is_missing_is_named_with_what_to_do(self):
        self.config.project("homeless", {"nowhere": {"replicas": 1}}, yaml="settle: 500ms\ndeadline: 6s\n")
        self.lemmy = Lemmy(self.config.dir, self.work / "data", self.plane.kubeconfig)
        self.lemmy.start()
        sha = new_sha()
        self.lemmy.announce("homeless", sha)
        n = self.lemmy.deploy("homeless", "nowhere", sha)
        status = self.lemmy.wait_phase("homeless", "nowhere", n, "failed", "live")
        self.assertIn("nowhere", status["cause"]["summary"])
        self.assertIn("create namespace", status["cause"]["hint"])


if __name__ == "__main__":
    unittest.main()
