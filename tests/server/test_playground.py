"""Deploys, end to end, on the simulated cluster of `lemmy playground`."""
import json
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

from harness import LEMMY, Server

ROOT = pathlib.Path(__file__).resolve().parents[2]
HAS_PLAYGROUND = subprocess.run([LEMMY, "playground", "--help"], capture_output=True, check=False).returncode == 0


@unittest.skipUnless(HAS_PLAYGROUND, "this build has no playground")
class Deploys(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(command="playground").start()
        for project in ("hello-world", "crashy", "user-service"):
            for sha in ("aaaaaaa", "bbbbbbb"):
                answer = cls.server.hook({"project": project, "sha": sha, "branch": "main"}, secret="")
                assert answer.status == 202, answer.body

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def deploy(self, project, sha, *more):
        return self.server.cli("deploy", project, "staging", "--build", sha, "--timeout", "50s", *more)

    def test_a_deploy_goes_live_and_through_its_whole_life(self):
        code, out, err = self.deploy("hello-world", "aaaaaaa", "--reason", "a try")
        self.assertEqual(code, 0, err)
        self.assertRegex(out, r"^hello-world/staging #1 of build aaaaaaa is live, (\d+)/\1 pods ready\n$")
        for step in ("asked for: a try (local)", "rolling_out", "settling", "live"):
            self.assertIn(step, err)
        code, out, err = self.deploy("hello-world", "bbbbbbb", "--output", "json")
        self.assertEqual((code, json.loads(out)["deploy"]["phase"]), (0, "live"), err)

        def act(*arguments):
            return self.server.cli(*arguments[:1], "hello-world", "staging", *arguments[1:])

        code, _, err = act("zero", 2)
        self.assertEqual((code, "--confirm" in err), (5, True), err)
        self.assertEqual(act("zero", 1)[0], 0)
        self.wait_for("zeroed", 1)
        self.assertEqual(act("restore", 1)[0], 0)
        self.wait_for("running", 1)
        code, _, err = act("delete", 2)  # until the other one is ready
        if code != 0:
            self.assertIn("nothing else answers requests of hello-world/staging now", err)
            self.assertIn("--confirm", err)
            self.wait_for("running", 1, ready=True)
            self.assertEqual(act("delete", 2)[0], 0)
        self.wait_for("deleted", 2)
        code, out, err = act("rollback", 2)
        self.assertEqual((code, "#3 of build bbbbbbb is live" in out), (0, True), err)
        self.assertEqual(act("cancel", 3)[0], 5)
        documents = "/api/v1/projects/hello-world/environments/staging/deploys/1/"
        for name in ("manifests", "final", "environment", "origins"):
            self.assertTrue(self.server.get(documents + name).json, name)
        pod = self.server.get(documents[:-1]).json["pods"][0]["name"]
        log = self.server.get(documents + "log?lines=5&pod=" + pod)
        self.assertEqual((log.status, log.headers["content-type"]), (200, "text/plain; charset=utf-8"), log.body)
        self.assertEqual(self.server.get(documents + "log?pod=other").status, 404)

    def test_each_field_that_was_sent_tells_where_it_came_from_also_after_a_roll_back(self):
        for sha in ("aaaaaaa", "bbbbbbb"):
            self.assertEqual(self.server.cli("deploy", "hello-world", "production", "--build", sha, "--timeout", "50s",
                                             "--yes")[0], 0)
        self.assertEqual(self.server.cli("rollback", "hello-world", "production", "1", "--timeout", "50s")[0], 0)
        for number in (1, 3):
            path = f"/api/v1/projects/hello-world/environments/production/deploys/{number}"
            objects = self.server.get(path + "/origins").json["objects"]
            rc = {f["path"]: f for f in objects["ReplicationController"]}
            level = rc["spec.template.spec.containers[app].env[LOG_LEVEL].value"]
            self.assertEqual([p["file"] for p in level["written"]],
                             ["projects/hello-world/template.json.j2", "standards/pod-template.json.j2"])
            self.assertEqual((level["value"], level["fed"][0]["key"]), ("info", "production.env.LOG_LEVEL"))
            self.assertEqual((rc["metadata.labels.deploy"]["value"], rc["metadata.labels.deploy"]["rule"]),
                             (str(number), "labels"))
            page = self.server.get(path.removeprefix("/api/v1") + "/manifests").body.decode()
            self.assertIn("production.env.LOG_LEVEL (environments.json:10)", page)
            self.assertIn("stamped by Lemmy: labels", page)

    def test_diff_tells_what_the_files_on_disk_change_in_what_runs(self):
        self.assertEqual(self.server.cli("deploy", "user-service", "production", "--build", "bbbbbbb", "--timeout", "50s",
                                         "--yes")[0], 0)
        with tempfile.TemporaryDirectory() as folder:
            tree = pathlib.Path(folder, "config")
            shutil.copytree(ROOT / "share/playground/config", tree)

            def diff(*more):
                return self.server.cli("diff", "user-service", "production", "--config", str(tree), *more)

            code, out, err = diff("--exit-code")
            self.assertEqual((code, "is what #1 was applied from" in out), (0, True), out + err)
            self.assertIn("in the cluster: as #1 was applied", out)
            file = tree / "projects/user-service/environments.json"
            file.write_text(file.read_text().replace('"upstream_timeout": "1s"', '"upstream_timeout": "2s"'))
            code, out, err = diff("--exit-code", "--output", "json")
            self.assertEqual(code, 1, err)
            change, = json.loads(out)["changes"]
            self.assertEqual((change["object"], change["path"], change["before"], change["after"]),
                             ("ReplicationController",
                              "spec.template.spec.containers[proxy].env[UPSTREAM_TIMEOUT].value", "1s", "2s"))
            self.assertIn("production.vars.upstream_timeout (environments.json:12)", change["from"])
            code, out, err = diff("--build", "aaaaaaa")
            self.assertEqual((code, "changes" in out, "aaaaaaa" in out), (0, True, True), err)
            self.assertEqual(diff("--build", "ccccccc")[0], 4)
            code, _, err = self.server.cli("diff", "crashy", "production", "--config", str(tree))
            self.assertEqual((code, "nothing runs there" in err), (4, True), err)

    def wait_for(self, presence, number, ready=False):
        for _ in range(100):
            status = self.server.get(f"/api/v1/projects/hello-world/environments/staging/deploys/{number}").json
            if status["deploy"]["presence"] == presence and (not ready or status["deploy"]["ready"] > 0):
                return
            time.sleep(0.1)
        self.fail(f"#{number} did not become {presence}")

    def test_a_crash_loop_fails_with_its_cause_and_last_words(self):
        code, out, err = self.deploy("crashy", "aaaaaaa")
        self.assertEqual((code, out), (1, ""), err)
        self.assertIn("CrashLoopBackOff, exit code 3", err)
        self.assertIn("FATAL", err)
        code, out, _ = self.server.cli("status", "crashy", "staging")
        self.assertRegex(out, r"crashy/staging: bad, #1 failed")

    def test_one_that_waits_hears_of_its_cancellation(self):
        code, out, err = self.server.cli("deploy", "user-service", "staging", "--build", "aaaaaaa", "--no-wait",
                                         "--output", "json")
        self.assertEqual(code, 0, err)
        waiting = subprocess.Popen([LEMMY, "deploy", "user-service", "staging", "--build", "bbbbbbb", "--server",
                                    self.server.url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        first = waiting.stderr.readline()
        number = int(first.split("#")[1].split()[0])
        self.assertEqual(self.server.cli("cancel", "user-service", "staging", number)[0], 0)
        _, err = waiting.communicate(timeout=30)
        self.assertEqual((waiting.returncode, "was cancelled" in err), (8, True), err)


if __name__ == "__main__":
    unittest.main()
