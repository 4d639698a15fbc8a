"""Why a deploy failed, and what a roll back would change, on the simulated cluster of `lemmy playground`."""
import json
import os
import pathlib
import pty
import re
import shutil
import subprocess
import tempfile
import time
import unittest

from harness import LEMMY, Server

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOOD, BAD = "aaaaaaa", "bbbbbbb"
COMMIT = "https://git.example.com/hello/commit/"


class Failure(unittest.TestCase):
    """#1 goes well; then an edit of the template makes the next build crash: #2 fails."""

    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="lemmy-failure-"))
        config = cls.folder / "config"
        shutil.copytree(ROOT / "share/playground/config", config)
        cls.server = Server("--config", str(config), command="playground").start()
        for sha in (GOOD, BAD):
            answer = cls.server.hook({"project": "hello-world", "sha": sha, "branch": "main", "url": COMMIT + sha,
                                      "message": "Change " + sha}, secret="")
            assert answer.status == 202, answer.body
        code, _, err = cls.server.cli("deploy", "hello-world", "staging", "--build", GOOD, "--timeout", "50s")
        assert code == 0, err
        before = cls.revision()
        project = config / "projects/hello-world"
        lines = "\\n".join(f"line {i}" for i in range(1, 80)) + "\\nFATAL: no such database"
        template = project / "template.json.j2"
        template.write_text(template.read_text().replace('"annotations": {', f'''"annotations": {{
    "lemmy.test/behaviour": "crash-loop", "lemmy.test/exit-code": "7", "lemmy.test/logs": "{lines}",''', 1))
        values = project / "environments.json"
        values.write_text(values.read_text().replace("Hello, staging", "Hello, nobody"))
        (project / "config/app.json").write_text('{"greeting": "none"}\n')
        cls.wait_for_edit(before)
        cls.code, cls.out, cls.err = cls.server.cli("deploy", "hello-world", "staging", "--build", BAD, "--timeout",
                                                    "60s")
        cls.path = "/api/v1/projects/hello-world/environments/staging/deploys/"

    @classmethod
    def revision(cls):
        return re.search(r"configuration ([0-9a-f]{12})", cls.server.get("/").body.decode())[1]

    @classmethod
    def wait_for_edit(cls, before):
        end = time.time() + 20
        while cls.revision() == before and time.time() < end:
            time.sleep(0.2)
        last = ""
        while last != (last := cls.revision()):  # each file may be read on its own
            time.sleep(1.5)
        assert last != before

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        shutil.rmtree(cls.folder, ignore_errors=True)

    def test_the_end_of_a_failed_deploy_says_the_cause_beside_what_differs(self):
        self.assertEqual((self.code, self.out), (1, ""), self.err)
        for text in ("cause: container app: CrashLoopBackOff, exit code 7", "2 of 2 pods: container app",
                     "for example hello-world-bbbbbbb-2-", "container app: ", "| line 1\n", "| FATAL: no such database",
                     "what differs from #1, the last good deploy:", f"{COMMIT[:-8]}/compare/{GOOD}...{BAD}",
                     "ConfigMap: changed", "Hello, nobody", "staging.env.GREETING (environments.json:4)"):
            self.assertIn(text, self.err)
        self.assertNotIn("| line 40\n", self.err)

    def test_the_api_keeps_it_when_the_pods_are_gone(self):
        self.assertEqual(self.server.cli("delete", "hello-world", "staging", "2")[0], 0)
        for _ in range(100):
            status = self.server.get(self.path + "2").json
            if status["deploy"]["presence"] == "deleted" and not status["pods"]:
                break
            time.sleep(0.1)
        self.assertEqual(status["pods"], [])
        answer = self.server.get(self.path + "2/failure")
        self.assertEqual(answer.status, 200, answer.body)
        failure = answer.json
        self.assertEqual((failure["last_good"], failure["pods"], failure["ready"]), (1, 2, 0))
        role, = failure["roles"]
        self.assertEqual((role["exit_code"], role["container"], role["pods"], role["fatal"]), (7, "app", 2, True))
        log = role["logs"][0]
        self.assertEqual((log["previous"], log["whole"]), (True, False))
        self.assertTrue(log["first"].startswith("line 1\n"), log)
        self.assertEqual(len(log["first"].splitlines()), 25)
        self.assertTrue(log["last"].endswith("FATAL: no such database\n"), log)
        self.assertTrue([e for e in failure["events"] if e["type"] == "Warning" and e["count"] >= 1])
        difference = failure["difference"]
        fields = {(f["object"], f["path"]): f for f in difference["fields"]}
        greeting = fields["final", "containers[app].env[GREETING].value"]
        self.assertEqual((greeting["before"], greeting["after"]), ("Hello, staging", "Hello, nobody"))
        self.assertTrue(fields["final", "containers[app].image"]["by_build"])
        self.assertIn(("ConfigMap", 'data["app.json"]'), fields)
        self.assertNotIn("metadata.labels.deploy", {path for _, path in fields})
        self.assertEqual((difference["config_map"]["state"], difference["secret"]["state"]), ("changed", "none"))
        self.assertEqual(difference["images"][0]["state"], "other")

    def test_status_of_a_number_tells_it_and_what_went_well_has_none(self):
        code, out, err = self.server.cli("status", "hello-world", "staging", "2")
        self.assertEqual((code, "CrashLoopBackOff, exit code 7" in out), (0, True), err)
        self.assertIn("what differs from #1", out)
        self.assertIn("FATAL", out)
        code, out, _ = self.server.cli("status", "hello-world", "staging", "1", "--output", "json")
        self.assertEqual((code, json.loads(out)["failure"]), (0, None))
        self.assertEqual(self.server.get(self.path + "1/failure").status, 404)
        self.assertEqual(self.server.get(self.path + "99/failure").status, 404)
        self.assertEqual(self.server.cli("status", "hello-world", "staging", "99")[0], 4)

    def test_the_first_deploy_has_nothing_to_be_compared_with(self):
        self.assertEqual(self.server.hook({"project": "crashy", "sha": GOOD, "branch": "main"}, secret="").status, 202)
        code, _, err = self.server.cli("deploy", "crashy", "staging", "--build", GOOD, "--timeout", "50s")
        self.assertEqual((code, "no earlier deploy of crashy/staging went live" in err), (1, True), err)

    def test_a_roll_back_is_previewed_and_on_a_terminal_asked_for(self):
        project = "user-service"
        path = f"/api/v1/projects/{project}/environments/production/deploys/"
        for sha in (GOOD, BAD):
            self.assertEqual(self.server.hook({"project": project, "sha": sha, "branch": "main"}, secret="").status, 202)
            code, _, err = self.server.cli("deploy", project, "production", "--build", sha, "--timeout", "60s", "--yes")
            self.assertEqual(code, 0, err)
        answer = self.server.get(path + "1/rollback-preview")
        self.assertEqual(answer.status, 200, answer.body)
        preview = answer.json
        self.assertEqual((preview["to"]["number"], preview["serving"]["number"], preview["possible"]), (1, 2, True))
        difference = preview["difference"]
        self.assertEqual(difference["build"]["after"]["sha"], GOOD)
        self.assertEqual((difference["config_map"]["state"], preview["secret"]), ("same", "none"))
        self.assertEqual({f["by_build"] for f in difference["fields"]}, {True}, difference["fields"])
        capacity = preview["capacity"]
        self.assertEqual(capacity["starts_with"], capacity["ready_now"])
        self.assertEqual(capacity["autoscaler"], capacity["autoscaler_now"])
        self.assertFalse(self.server.get(path + "2/rollback-preview").json["possible"])
        self.assertEqual(self.server.get(path + "99/rollback-preview").status, 404)

        def rollback(*more):
            return self.server.cli("rollback", project, "production", "1", *more)

        code, out, err = rollback("--preview")
        self.assertEqual((code, "ConfigMap: the same as now." in out), (0, True), out + err)
        self.assertIn("Capacity: it starts with", out)
        self.assertEqual(json.loads(rollback("--preview", "--output", "json")[1])["to"]["number"], 1)
        self.assertEqual(self.server.get(path + "3").status, 404)
        code, shown = self.on_terminal(b"n\n", "rollback", project, "production", "1")
        self.assertEqual((code, "Roll user-service/production back to #1? [y/N]" in shown), (8, True), shown)
        self.assertIn("Capacity", shown)
        self.assertEqual(self.server.get(path + "3").status, 404)
        code, out, err = rollback("--timeout", "60s")
        self.assertEqual((code, "[y/N]" in err), (0, False), err)

    def on_terminal(self, answer, *arguments):
        ours, theirs = pty.openpty()
        process = subprocess.Popen([LEMMY, *arguments, "--server", self.server.url], stdin=theirs,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, close_fds=True)
        os.close(theirs)
        os.write(ours, answer)
        out, err = process.communicate(timeout=30)
        os.close(ours)
        return process.returncode, out + err


if __name__ == "__main__":
    unittest.main()
