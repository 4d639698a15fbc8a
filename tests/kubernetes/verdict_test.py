"""Every rule of docs/verdicts.md, with pods that a real control plane runs."""
import shutil
import tempfile
import unittest
from pathlib import Path

from harness import Config, Lemmy, control_plane, new_sha, wait_for


class Verdict(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.plane = control_plane()
        cls.plane.namespace("verdicts")
        cls.work = Path(tempfile.mkdtemp(prefix="lemmy-verdict-"))
        cls.config = Config(cls.work / "config")
        cls.cases = {
            "crash": {"behaviour": "crash-loop", "exit-code": "3", "logs": "no such database"},
            "memory": {"behaviour": "oom"},
            "no-image": {"behaviour": "image-not-found"},
            "slow-registry": {"behaviour": "image-transient", "recover-after": "4s"},
            "bad-image": {"behaviour": "invalid-image-name"},
            "no-config": {"behaviour": "config-error"},
            "late-config": {"behaviour": "config-error", "recover-after": "2s"},
            "starts-late": {"behaviour": "crash-loop", "crashes": "2"},
            "recovers": {"behaviour": "crash-loop", "exit-code": "5", "crashes": "5"},
            "late-cache": {"behaviour": "cache-sync", "recover-after": "3s"},
            "cannot-run": {"behaviour": "cannot-run"},
            "never-ready": {"behaviour": "never-ready"},
            "no-room": {"behaviour": "unschedulable"},
            "wavering": {"behaviour": "oscillate", "period": "700ms"},
            "one-bad": {"behaviour": "crash-loop", "exit-code": "4", "only-pods": "1", "crashes": "2"},
        }
        for name, notes in cls.cases.items():
            cls.config.project(name, {"verdicts": {
                "replicas": 2, "vars": {"annotations": {f"lemmy.test/{k}": v for k, v in notes.items()}}}},
                yaml="settle: 2s\ndeadline: 12s\nwait_for_config: 6s\n")
        cls.config.project("fixable", {"verdicts": {
            "replicas": 1, "vars": {"annotations": {"lemmy.test/behaviour": "never-ready"}}}}, yaml="settle: 1s\ndeadline: 5m\n")
        cls.config.project("quota", {"verdicts-small": {"replicas": 3}}, yaml="settle: 1s\ndeadline: 8s\n")
        cls.plane.namespace("verdicts-small")
        cls.plane.kubectl("create", "quota", "few", "--hard=pods=1", "-n", "verdicts-small")
        cls.lemmy = Lemmy(cls.config.dir, cls.work / "data", cls.plane.kubeconfig)
        cls.lemmy.start()
        cls.sha = new_sha()
        # All at once: each waits for pods, not for the others.
        for name in cls.cases:
            cls.lemmy.announce(name, cls.sha)
            cls.lemmy.deploy(name, "verdicts", cls.sha)

    @classmethod
    def tearDownClass(cls):
        cls.lemmy.stop()
        shutil.rmtree(cls.work, ignore_errors=True)

    def end(self, name):
        status = self.lemmy.wait_phase(name, "verdicts", 1, "live", "failed", limit=90)
        return status["deploy"]["phase"], status["cause"] or {}, status

    def test_crash_loop_names_the_exit_code_and_the_last_words(self):
        phase, cause, _ = self.end("crash")
        self.assertEqual(phase, "failed")
        self.assertEqual((cause["container"], cause["reason"], cause["exit_code"]), ("app", "CrashLoopBackOff", 3))
        self.assertIn("no such database", cause["log_tail"] + cause["previous_log_tail"])
        self.assertIn("BackOff", [e["reason"] for e in cause["events"]])

    def test_a_failed_deploy_is_left_in_place_and_can_be_deleted(self):
        _, _, status = self.end("crash")
        name = status["deploy"]["object_name"]
        self.assertIn(name, self.plane.kubectl("get", "rc", "-n", "verdicts", "-o", "name"))
        self.assertEqual(status["deploy"]["presence"], "running")
        self.assertIn("delete", status["deploy"]["actions"])

    def test_out_of_memory_is_named(self):
        phase, cause, _ = self.end("memory")
        self.assertEqual(phase, "failed")
        self.assertIn("OOMKilled", cause["summary"])
        self.assertEqual(cause["exit_code"], 137)

    def test_an_image_that_is_not_there_fails(self):
        phase, cause, _ = self.end("no-image")
        self.assertEqual(phase, "failed")
        self.assertIn(cause["reason"], ("ErrImagePull", "ImagePullBackOff"))
        self.assertIn("not found", cause["message"])

    def test_a_registry_that_does_not_answer_is_waited_for(self):
        self.assertEqual(self.end("slow-registry")[0], "live")

    def test_an_image_name_that_is_none_fails(self):
        phase, cause, _ = self.end("bad-image")
        self.assertEqual((phase, cause["reason"]), ("failed", "InvalidImageName"))

    def test_a_missing_config_map_fails(self):
        phase, cause, _ = self.end("no-config")
        self.assertEqual((phase, cause["reason"]), ("failed", "CreateContainerConfigError"))

    def test_a_late_cache_is_waited_for(self):
        self.assertEqual(self.end("late-cache")[0], "live")

    def test_configuration_that_is_made_a_little_later_is_waited_for(self):
        self.assertEqual(self.end("late-config")[0], "live")

    def test_crash_loops_that_end_are_waited_for(self):
        self.assertEqual(self.end("starts-late")[0], "live")

    def test_a_failed_deploy_that_recovers_says_so_and_serves_once_somebody_accepts_it(self):
        phase, cause, status = self.end("recovers")
        self.assertEqual((phase, cause["exit_code"]), ("failed", 5))
        if not status["deploy"]["recovered"]:
            self.assertNotIn("accept", status["deploy"]["actions"])
        wait_for("it recovers", lambda: self.lemmy.status("recovers", "verdicts", 1)["deploy"]["recovered"], 40)
        here = "/api/v1/projects/recovers/environments/verdicts"
        said = self.lemmy.call("GET", here)[1]
        self.assertEqual((said["health"], said["current"]), ("bad", None))
        self.assertIn("all pods of #1 are ready by now: accept #1", said["health_text"])
        code, told = self.lemmy.call("POST", f"{here}/deploys/1/accept", {"reason": "the database was late"})
        self.assertEqual(code, 202, told)
        status = self.lemmy.status("recovers", "verdicts", 1)
        self.assertEqual((status["deploy"]["phase"], status["deploy"]["serving"], status["cause"]), ("live", True, None))
        last = [h for h in status["history"] if h["kind"] == "phase"][-1]
        self.assertIn("accepted though it had failed, as all its pods are ready: the database was late", last["text"])
        self.assertNotEqual(last["who"], "lemmy")
        self.assertEqual(self.lemmy.call("GET", here)[1]["health"], "ok")
        self.assertEqual(self.lemmy.call("POST", f"{here}/deploys/1/accept", {})[0], 409)

    def test_a_command_that_cannot_run_fails(self):
        phase, cause, _ = self.end("cannot-run")
        self.assertEqual(phase, "failed")
        self.assertIn(cause["reason"], ("RunContainerError", "ContainerCannotRun", "StartError"))

    def test_never_ready_fails_only_at_the_deadline_and_says_so(self):
        phase, cause, _ = self.end("never-ready")
        self.assertEqual(phase, "failed")
        self.assertIn("no more for", cause["summary"])
        self.assertIn("readiness", cause["message"])

    def test_unschedulable_only_warns_until_the_deadline(self):
        phase, cause, _ = self.end("no-room")
        self.assertEqual(phase, "failed")
        self.assertIn("no node takes the pod", cause["summary"])
        self.assertIn("nodes are available", cause["message"])

    def test_readiness_that_comes_and_goes_is_no_progress(self):
        phase, cause, _ = self.end("wavering")
        self.assertEqual(phase, "failed")
        self.assertIn("no more for", cause["summary"])

    def test_one_bad_pod_of_two_does_not_fail_a_deploy(self):
        self.assertEqual(self.end("one-bad")[0], "live")

    def test_quota_is_named_as_the_cause(self):
        self.lemmy.announce("quota", self.sha)
        n = self.lemmy.deploy("quota", "verdicts-small", self.sha)
        status = self.lemmy.wait_phase("quota", "verdicts-small", n, "failed", "live")
        self.assertEqual(status["deploy"]["phase"], "failed")
        self.assertIn("quota", status["cause"]["summary"])

    def test_a_stuck_deploy_makes_way_for_its_fix_and_waiting_ones_are_superseded(self):
        shas = [new_sha() for _ in range(3)]
        for sha in shas:
            self.lemmy.announce("fixable", sha)
        self.lemmy.deploy("fixable", "verdicts", shas[0])
        self.lemmy.wait_phase("fixable", "verdicts", 1, "rolling_out")
        self.lemmy.deploy("fixable", "verdicts", shas[1])
        queued = self.lemmy.status("fixable", "verdicts", 2)
        self.assertEqual(queued["queue"]["blocker"], 1)
        self.lemmy.deploy("fixable", "verdicts", shas[2])
        self.lemmy.wait_phase("fixable", "verdicts", 2, "superseded")
        code, _ = self.lemmy.act("fixable", "verdicts", 1, "cancel")
        self.assertEqual(code, 202)
        self.lemmy.wait_phase("fixable", "verdicts", 1, "cancelled")
        self.lemmy.wait_presence("fixable", "verdicts", 1, "zeroed")
        self.lemmy.wait_phase("fixable", "verdicts", 3, "rolling_out")


if __name__ == "__main__":
    unittest.main()
