"""Releases and dry runs of the built program, on the simulated cluster; with hosts: tests/ansible/release_test.py."""
import json
import re
import time
import unittest

from harness import HOOK_SECRET, Server, secured
from test_playground import HAS_PLAYGROUND

BOTH = ["staging", "production"]
PROJECT = "/api/v1/projects/hello-world"


@unittest.skipUnless(HAS_PLAYGROUND, "this build has no playground")
class Releases(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(command="playground").start()
        for project in ("hello-world", "crashy", "batch-worker"):
            for sha in ("aaaaaaa", "bbbbbbb"):
                cls.server.hook({"project": project, "sha": sha, "branch": "main"}, secret="")

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def ask(self, body, key="", path=PROJECT + "/releases"):
        return self.server.call("POST", path, body, headers={"Idempotency-Key": key} if key else {})

    def count(self, environment):
        return len(self.server.get(f"{PROJECT}/environments/{environment}/deploys").json["deploys"])

    def test_a_release_goes_to_all_its_environments_and_back_together(self):
        code, out, err = self.server.cli("release", "hello-world", "aaaaaaa", *BOTH, "--reason", "a try")
        self.assertEqual((code, "is live everywhere" in out), (0, True), err)
        first = re.search(r"release ([0-9a-f]{12})", out)[1]
        code, _, err = self.server.cli("release", "rollback", "hello-world", first)
        self.assertEqual((code, "nothing served before" in err), (5, True), err)
        code, out, err = self.server.cli("release", "hello-world", "bbbbbbb", *BOTH, "--output", "json")
        self.assertEqual(code, 0, err)
        second = json.loads(out)
        self.assertEqual([d["environment"] for d in second["deploys"]], BOTH)
        self.assertEqual([d["way_back"]["kind"] for d in second["deploys"]], ["goes", "goes"])
        page = self.server.get(second["release"]["url"])
        self.assertEqual((page.status, b"Roll back together" in page.body), (200, True))
        # Somebody deploys to one of them since: it stays as it is, unless the rest shall go alone.
        self.assertEqual(self.server.cli("deploy", "hello-world", "staging", "--build", "bbbbbbb")[0], 0)
        code, _, err = self.server.cli("release", "rollback", "hello-world", second["release"]["id"])
        self.assertEqual((code, "staging: #" in err and "--partial" in err), (5, True), err)
        before = self.count("staging")
        code, out, err = self.server.cli("release", "rollback", "hello-world", second["release"]["id"], "--partial")
        self.assertEqual((code, "build aaaaaaa is live everywhere" in out), (0, True), err)
        self.assertEqual(self.count("staging"), before)
        self.assertEqual(self.server.get(PROJECT + "/environments/production").json["current"]["build"], "aaaaaaa")

    def test_the_same_key_gives_the_same_release_and_another_question_is_a_conflict(self):
        body = {"build": "aaaaaaa", "environments": BOTH}
        first, again = self.ask(body, "key-1"), self.ask(body, "key-1")
        self.assertEqual((first.status, again.status), (202, 202), again.body)
        numbers = [[(d["environment"], d["number"]) for d in a.json["deploys"]] for a in (first, again)]
        self.assertEqual(numbers[0], numbers[1])
        self.assertEqual(self.server.get(first.headers["location"]).json["release"]["id"],
                         first.json["release"]["id"])
        counts = [self.count(e) for e in BOTH]
        for other in ({"build": "bbbbbbb", "environments": BOTH}, {"build": "aaaaaaa", "environments": ["production"]}):
            self.assertEqual(self.ask(other, "key-1").status, 409)
        self.assertEqual([self.count(e) for e in BOTH], counts)

    def test_bad_input_changes_nothing(self):
        counts = [self.count(e) for e in BOTH]
        for body, status in (({"build": "aaaaaaa", "environments": ["staging", "nowhere"]}, 404),
                             ({"build": "ccccccc", "environments": BOTH}, 404),
                             ({"build": "aaaaaaa", "environments": ["staging", "staging"]}, 422),
                             ({"build": "aaaaaaa", "environments": []}, 422),
                             ({"build": "aaaaaaa"}, 422), ({"build": "aaaaaaa", "environments": [1]}, 422),
                             ({"build": "aaaaaaa", "environment": "staging"}, 422)):
            answer = self.ask(body)
            self.assertEqual(answer.status, status, (body, answer.body))
        self.assertEqual([self.count(e) for e in BOTH], counts)
        self.assertEqual(self.server.get(PROJECT + "/releases/0123456789ab").status, 404)

    def test_where_a_release_failed_is_named(self):
        code, out, err = self.server.cli("release", "crashy", "aaaaaaa", "staging")
        self.assertEqual((code, out, "failed in staging" in err), (1, "", True), err)
        self.assertIn("CrashLoopBackOff", err)

    def test_a_dry_run_on_pods_asks_the_cluster_and_records_nothing(self):
        before = self.count("staging")
        answer = self.server.call("POST", PROJECT + "/environments/staging/dry-runs", {"build": "bbbbbbb"})
        self.assertEqual(answer.status, 202, answer.body)
        path = answer.headers["location"]
        for _ in range(100):
            run = self.server.get(path).json
            if run["finished"]:
                break
            time.sleep(0.1)
        self.assertEqual(run["state"], "passed", run)
        self.assertIn("ReplicationController", [o["kind"] for o in run["objects"]])
        self.assertEqual(self.server.get(path.replace("/api/v1", "")).status, 200)
        self.assertEqual(self.ask({}, path=path + "/cancel").status, 409)
        self.assertEqual(self.server.get(path + "/log").status, 404)
        self.assertEqual(self.count("staging"), before)

    def test_without_ansible_a_dry_run_on_hosts_says_what_is_missing(self):
        code, _, err = self.server.cli("deploy", "batch-worker", "staging", "--build", "aaaaaaa", "--check",
                                       env={"PATH": "/nonexistent"})
        # A machine with Ansible in its path tries it out.
        self.assertIn(code, (0, 1, 6), err)
        if code == 6:
            self.assertIn("ansible-core", err)


class Rights(unittest.TestCase):
    def test_a_release_needs_the_right_to_each_of_its_environments(self):
        server, tokens = secured()
        self.addCleanup(server.stop)
        file = server.config / "environments.yaml"
        file.write_text(file.read_text().replace("role: deployer", "role: admin"))
        self.assertEqual(server.hook({"project": "hello-world", "sha": "abcdef01", "branch": "main"},
                                     secret=HOOK_SECRET).status, 202)
        time.sleep(3)
        body = {"build": "abcdef01", "environments": BOTH}
        for role, status in (("viewer", 403), ("deployer", 403)):
            answer = server.call("POST", PROJECT + "/releases", body, token=tokens[role])
            self.assertEqual((answer.status, role), (status, role), answer.body)
        deploys = server.get(PROJECT + "/environments/staging/deploys", token=tokens["viewer"]).json["deploys"]
        self.assertEqual(deploys, [])
        answer = server.call("POST", PROJECT + "/releases", body, token=tokens["admin"])
        self.assertEqual(answer.status, 202, answer.body)
        path = answer.headers["location"]
        self.assertEqual(server.get(path, token=tokens["viewer"]).status, 200)
        self.assertEqual(server.call("POST", path + "/rollback", {}, token=tokens["deployer"]).status, 403)


if __name__ == "__main__":
    unittest.main()
