"""kill -9 at every point where Lemmy writes or acts; then it goes on, with nothing lost and nothing doubled."""
import shutil
import tempfile
import unittest
from pathlib import Path

from harness import KIND, Config, Lemmy, control_plane, new_sha, wait_for


class Crash(unittest.TestCase):
    def setUp(self):
        self.plane = control_plane()
        self.plane.namespace("crashes")
        self.work = Path(tempfile.mkdtemp(prefix="lemmy-crash-"))
        self.config = Config(self.work / "config")
        self.config.project("steady", {"crashes": {"replicas": 1, "autoscale": {"min": 1, "max": 2}}},
                            yaml="settle: 300ms\ndeadline: 30s\n", files={"a.txt": "a"})
        self.lemmy = Lemmy(self.config.dir, self.work / "data", self.plane.kubeconfig)

    def tearDown(self):
        self.lemmy.stop()
        shutil.rmtree(self.work, ignore_errors=True)

    def chain(self, sha, key):
        """The whole life of a deploy; every call may meet a dead server, and is then repeated."""
        self.lemmy.announce("steady", sha)
        number = self.lemmy.deploy("steady", "crashes", sha, request_id=key)
        self.lemmy.wait_phase("steady", "crashes", number, "live", "failed")
        if number > 1:
            for action, presence in (("zero", "zeroed"), ("delete", "deleted")):
                now = self.lemmy.status("steady", "crashes", number - 1)["deploy"]
                if now["presence"] == "deleted" or now["wanted"] == "deleted":
                    presence = "deleted"  # it died after that was asked for
                elif now["presence"] != presence and action in now["actions"]:
                    self.lemmy.act("steady", "crashes", number - 1, action, confirm=True)
                self.lemmy.wait_presence("steady", "crashes", number - 1, presence)
        return number

    def test_at_every_transition(self):
        self.assertTrue(self.lemmy.start())
        self.chain(new_sha(), "first")
        self.lemmy.stop()
        point, crashes = 0, 0
        while True:
            point += 1
            sha, key = new_sha(), f"point-{point}"
            self.lemmy.start(crash_at=point)
            crashed = False
            while True:
                try:
                    number = self.chain(sha, key)
                    break
                except Exception as e:
                    if not self.lemmy.died():
                        raise
                    self.assertFalse(crashed, f"it died twice: {e}")
                    crashed = True
                    self.lemmy.start()
            status = self.lemmy.status("steady", "crashes", number)
            self.assertEqual(status["deploy"]["phase"], "live", status)
            self.assertEqual(number, point + 1, "one deploy a request, also when it was asked for twice")
            rcs = self.plane.get(KIND, "-n", "crashes", "-l", "project=steady")["items"]
            self.assertEqual([r["metadata"]["name"] for r in rcs], [status["deploy"]["object_name"]])
            hpas = self.plane.get("hpa", "-n", "crashes", "-l", "project=steady")["items"]
            self.assertEqual([h["metadata"]["name"] for h in hpas], [status["deploy"]["object_name"]])
            phases = [e["phase"] for e in status["history"] if e["kind"] == "phase"]
            self.assertEqual(phases.count("live"), 1, phases)
            self.assertEqual(phases.count("applying"), 1, phases)
            crashes += crashed
            self.lemmy.stop()
            if not crashed:
                break
        self.assertGreaterEqual(crashes, 10, "the loop went over all points")
        wait_for("the garbage collector", lambda: len([
            c for c in self.plane.get("cm", "-n", "crashes", "-l", "project=steady")["items"]
            if c.get("immutable")]) == 1)
        print(f"killed at {crashes} points")


if __name__ == "__main__":
    unittest.main()
