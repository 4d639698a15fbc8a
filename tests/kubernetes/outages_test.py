"""What happens to requests when pods die and people work behind Lemmy's back, on a real control plane."""
import json
import shutil
import tempfile
import time
import unittest
from pathlib import Path

from harness import KIND, TEMPLATE, Config, Lemmy, control_plane, new_sha, wait_for

NAMESPACE, RETIRING = "outages", "outages-retire"
# The branch says how the pods behave.
BEHAVIOUR = """"annotations": {% if build.branch == "dies" %}{"lemmy.test/behaviour": "crash-after",
    "lemmy.test/after": "6s", "lemmy.test/backoff": "20m"}{% elif build.branch == "half" %}{"lemmy.test/behaviour":
    "never-ready", "lemmy.test/only-pods": "1"}{% elif build.branch == "flaps" %}{"lemmy.test/behaviour": "oscillate",
    "lemmy.test/period": "6s"}{% else %}{}{% endif %},"""
OLD_LINE = next(line for line in TEMPLATE.splitlines() if '"annotations"' in line)


class Outages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.plane = control_plane()
        for namespace in (NAMESPACE, RETIRING):
            cls.plane.namespace(namespace)
        cls.work = Path(tempfile.mkdtemp(prefix="lemmy-outages-"))
        cls.config = Config(cls.work / "config")
        cls.config.environments(f"environments:\n- {{name: {NAMESPACE}}}\n"
                                f"- {{name: {RETIRING}, retire: {{zero_after: 4s, keep: 5}}}}\n")
        for name in ("adrift", "midway", "thrice", "failed", "back", "held", "orphan", "edited", "foreign", "by-hand", "before", "zeroed", "flaps"):
            cls.config.project(name, {NAMESPACE: {"replicas": 2}, RETIRING: {"replicas": 2}},
                               yaml="settle: 1s\ndeadline: 5s\n", template=TEMPLATE.replace(OLD_LINE, BEHAVIOUR))
        cls.lemmy = Lemmy(cls.config.dir, cls.work / "data", cls.plane.kubeconfig)
        cls.lemmy.start()

    @classmethod
    def tearDownClass(cls):
        cls.lemmy.stop()
        shutil.rmtree(cls.work, ignore_errors=True)

    def deploy(self, project, branch="main", phase="live", environment=NAMESPACE):
        return self.lemmy.deployed(project, environment, phase, branch=branch)

    def answers(self, project, number, environment=NAMESPACE):
        return self.lemmy.answers(project, environment, number)

    def history(self, project, number, environment=NAMESPACE):
        return " | ".join(e["text"] for e in self.lemmy.status(project, environment, number)["history"])

    def controller(self, project, number, environment=NAMESPACE):
        return self.lemmy.status(project, environment, number)["deploy"]["object_name"]

    def test_ready_pods_of_a_failed_deploy_answer_while_nothing_else_does(self):
        first = self.deploy("failed", "dies")
        wait_for("it died", lambda: self.answers("failed", first) == {}, 40)
        second = self.deploy("failed", "half", "failed")
        wait_for("the failed one answers", lambda: self.answers("failed", second) == {second: 1})
        self.assertEqual(self.lemmy.status("failed", NAMESPACE, second)["deploy"]["out_by"], 0)
        third = self.deploy("failed")
        wait_for("the good one alone", lambda: self.answers("failed", third) == {third: 2})
        self.assertIn("they stay to be looked at", self.history("failed", second))

    def test_what_a_roll_back_took_out_answers_again_when_that_dies(self):
        first = self.deploy("back", "dies")
        second = self.deploy("back")
        self.lemmy.act("back", NAMESPACE, first, "zero")
        self.lemmy.wait_presence("back", NAMESPACE, first, "zeroed")
        code, made = self.lemmy.act("back", NAMESPACE, first, "rollback")
        self.assertEqual(code, 202, made)
        third = made["number"]
        self.lemmy.wait_phase("back", NAMESPACE, third, "live")
        wait_for("it is out", lambda: self.answers("back", third) == {third: 2})
        wait_for("it is in again", lambda: self.answers("back", third) == {second: 2}, 40)
        self.assertIn(f"no pod of #{third} is ready, and nothing else answers", self.history("back", second))

    def test_what_was_live_once_answers_before_what_failed(self):
        first = self.deploy("before", "dies")
        failed = self.deploy("before", "half", "failed")
        third = self.deploy("before")
        self.lemmy.act("before", NAMESPACE, first, "zero")
        self.lemmy.wait_presence("before", NAMESPACE, first, "zeroed")
        code, made = self.lemmy.act("before", NAMESPACE, first, "rollback")
        self.assertEqual(code, 202, made)
        fourth = made["number"]
        self.lemmy.wait_phase("before", NAMESPACE, fourth, "live")
        wait_for("it died, and the third answers alone", lambda: self.answers("before", fourth) == {third: 2}, 40)
        self.assertEqual(self.lemmy.status("before", NAMESPACE, failed)["deploy"]["out_by"], failed)

    def test_what_serves_answers_once_what_took_its_place_is_zeroed(self):
        first = self.deploy("zeroed")
        second = self.deploy("zeroed")
        third = self.lemmy.act("zeroed", NAMESPACE, first, "rollback")[1]["number"]
        self.lemmy.wait_phase("zeroed", NAMESPACE, third, "live")
        wait_for("it is out", lambda: self.answers("zeroed", third) == {first: 2, third: 2})
        self.assertEqual(self.lemmy.act("zeroed", NAMESPACE, third, "zero", confirm=True)[0], 202)
        wait_for("it answers", lambda: self.answers("zeroed", third) == {first: 2, second: 2})

    def test_pods_that_come_and_go_move_requests_once(self):
        first = self.deploy("flaps", "flaps")
        second = self.deploy("flaps")
        self.lemmy.act("flaps", NAMESPACE, first, "zero")
        self.lemmy.wait_presence("flaps", NAMESPACE, first, "zeroed")
        third = self.lemmy.act("flaps", NAMESPACE, first, "rollback")[1]["number"]
        self.lemmy.wait_phase("flaps", NAMESPACE, third, "live")
        wait_for("the second is in", lambda: "nothing else answers" in self.history("flaps", second), 40)
        time.sleep(25)
        self.assertEqual(self.history("flaps", second).count("get no requests any more"), 1)
        self.assertEqual(self.answers("flaps", second).get(second), 2)

    def test_nothing_is_zeroed_while_somebody_has_set_the_one_that_serves_to_0(self):
        first = self.deploy("by-hand", environment=RETIRING)
        second = self.deploy("by-hand", environment=RETIRING)
        self.plane.kubectl("scale", KIND, self.controller("by-hand", second, RETIRING), "-n", RETIRING, "--replicas=0")
        wait_for("the first alone", lambda: self.answers("by-hand", second, RETIRING) == {first: 2})
        time.sleep(8)
        self.assertEqual(self.answers("by-hand", second, RETIRING), {first: 2})
        self.plane.kubectl("scale", KIND, self.controller("by-hand", second, RETIRING), "-n", RETIRING, "--replicas=2")
        self.lemmy.wait_presence("by-hand", RETIRING, first, "zeroed")

    def test_a_service_of_somebody_else_is_not_taken(self):
        selector = {"app": "legacy"}
        self.plane.kubectl("apply", "-f", "-", stdin=json.dumps({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "foreign", "namespace": NAMESPACE,
                         "labels": {"app.kubernetes.io/managed-by": "Helm"}},
            "spec": {"selector": selector, "ports": [{"port": 80}]}}))
        first = self.deploy("foreign", phase="failed")
        said = self.lemmy.status("foreign", NAMESPACE, first)["cause"]
        self.assertIn("is not Lemmy's: Helm manages it", json.dumps(said))
        self.assertIn("kubectl label", json.dumps(said))
        self.assertEqual(self.plane.get("service", "foreign", "-n", NAMESPACE)["spec"]["selector"], selector)
        self.plane.kubectl("label", "-n", NAMESPACE, "services/foreign", "--overwrite",
                           "app.kubernetes.io/managed-by=lemmy")
        second = self.deploy("foreign")
        wait_for("it answers", lambda: self.answers("foreign", second) == {second: 2})

    def test_a_deploy_is_deleted_when_it_is_gone_and_not_before(self):
        first = self.deploy("held")
        second = self.deploy("held")
        name = self.controller("held", first)

        def finalizers(*names):
            self.plane.kubectl("patch", KIND, name, "-n", NAMESPACE, "--type=merge", "-p",
                               json.dumps({"metadata": {"finalizers": list(names)}}))
        finalizers("example.com/hold")
        self.assertEqual(self.lemmy.act("held", NAMESPACE, first, "delete")[0], 202)
        wait_for("its pods are gone", lambda: self.answers("held", second) == {second: 2})
        wait_for("it is said", lambda: "example.com/hold" in self.history("held", first))
        self.assertNotEqual(self.lemmy.status("held", NAMESPACE, first)["deploy"]["presence"], "deleted")
        finalizers()
        self.lemmy.wait_presence("held", NAMESPACE, first, "deleted")

    def test_pods_whose_controller_was_taken_away_are_shown(self):
        first = self.deploy("orphan")
        self.plane.kubectl("delete", KIND, self.controller("orphan", first), "-n", NAMESPACE, "--cascade=orphan")

        def strays():
            code, said = self.lemmy.call("GET", "/api/v1/strays")
            self.assertEqual(code, 200, said)
            return [s["text"] for s in said["items"] if s["project"] == "orphan"]
        # Of a Deployment its ReplicaSet is left, which keeps the pods.
        wait_for("all are shown", lambda: len(strays()) == (2 if KIND == "rc" else 1), 40)
        self.assertIn(f"the controller of deploy #{first} of orphan is gone, and", strays()[0])
        # They answer, so it is not gone: it serves on, and says what is wrong.
        wait_for("it is said", lambda: "its pods run on" in self.history("orphan", first), 40)
        one = self.lemmy.status("orphan", NAMESPACE, first)["deploy"]
        self.assertEqual((one["presence"], one["serving"], one["ready"]), ("running", True, 2))
        self.assertIn("delete", one["actions"])
        code, said = self.lemmy.call("GET", f"/api/v1/projects/orphan/environments/{NAMESPACE}")
        self.assertEqual((code, said["health"]), (200, "bad"))
        self.assertIn("their controller is gone", said["health_text"])
        second = self.deploy("orphan")
        self.lemmy.act("orphan", NAMESPACE, first, "delete")
        self.lemmy.wait_presence("orphan", NAMESPACE, first, "deleted", 60)
        wait_for("their pods are gone", lambda: strays() == [], 40)
        self.assertEqual(self.answers("orphan", second), {second: 2})
        self.assertEqual(self.history("orphan", first).count("its pods run on"), 1)

    def orphan(self, project, number):
        self.plane.kubectl("delete", KIND, self.controller(project, number), "-n", NAMESPACE, "--cascade=orphan")

    def pods(self, project, number):
        return self.plane.get("pods", "-n", NAMESPACE, "-l", f"project={project},deploy={number}")["items"]

    def test_a_roll_back_takes_out_pods_without_a_controller_too(self):
        first, second = self.deploy("adrift"), self.deploy("adrift")
        self.orphan("adrift", second)
        code, back = self.lemmy.act("adrift", NAMESPACE, first, "rollback")
        self.assertEqual(code, 202, back)
        self.lemmy.wait_phase("adrift", NAMESPACE, back["number"], "live")
        wait_for("they get no requests", lambda: self.answers("adrift", back["number"]) == {first: 2, back["number"]: 2})
        self.assertEqual({p["metadata"]["labels"]["lemmy/answers"] for p in self.pods("adrift", second)}, {"no"})
        self.plane.kubectl("patch", "service", "adrift", "-n", NAMESPACE, "--type=json", "-p",
                           '[{"op": "remove", "path": "/spec/selector/lemmy~1answers"}]')
        wait_for("the selector is back", lambda: self.plane.get("service", "adrift", "-n", NAMESPACE)["spec"][
            "selector"].get("lemmy/answers") == "yes")
        code, told = self.lemmy.act("adrift", NAMESPACE, second, "restore")
        self.assertEqual(code, 202, told)
        wait_for("they get them again", lambda: self.answers("adrift", second).get(second) == 2)

    def test_pods_whose_controller_is_taken_away_in_the_middle_are_quarantined_and_can_be_deleted(self):
        first = self.deploy("midway")
        sha = new_sha()
        self.lemmy.announce("midway", sha, branch="half")
        second = self.lemmy.deploy("midway", NAMESPACE, sha)
        wait_for("one of its pods answers", lambda: self.answers("midway", second).get(second) == 1)
        self.orphan("midway", second)
        one = self.lemmy.wait_phase("midway", NAMESPACE, second, "failed")["deploy"]
        self.assertEqual(one["presence"], "running")
        wait_for("it is out", lambda: self.answers("midway", second) == {first: 2})
        code, told = self.lemmy.act("midway", NAMESPACE, second, "delete")
        self.assertEqual(code, 202, told)
        self.lemmy.wait_presence("midway", NAMESPACE, second, "deleted")
        wait_for("its pods are gone", lambda: self.pods("midway", second) == [])
        self.assertEqual(len(self.pods("midway", first)), 2)

    def test_when_a_roll_back_is_zeroed_only_what_serves_then_gets_requests(self):
        first, second, third = (self.deploy("thrice") for _ in range(3))
        self.assertEqual(self.lemmy.act("thrice", NAMESPACE, first, "zero")[0], 202)
        self.lemmy.wait_presence("thrice", NAMESPACE, first, "zeroed")
        back = self.lemmy.act("thrice", NAMESPACE, first, "rollback")[1]["number"]
        self.lemmy.wait_phase("thrice", NAMESPACE, back, "live")
        wait_for("it alone answers", lambda: self.answers("thrice", back) == {back: 2})
        self.assertEqual(self.lemmy.act("thrice", NAMESPACE, back, "zero", confirm=True)[0], 202)
        wait_for("the one that serves", lambda: self.answers("thrice", third) == {third: 2})
        self.assertNotEqual(self.lemmy.status("thrice", NAMESPACE, second)["deploy"]["out_by"], 0)
        self.assertNotIn("to get requests again", self.history("thrice", second))

    def test_a_service_that_was_applied_as_it_was_before_selects_by_the_label_again(self):
        first = self.deploy("edited")
        second = self.deploy("edited", "half", "failed")
        wait_for("it is out", lambda: self.answers("edited", second) == {first: 2})
        self.plane.kubectl("patch", "service", "edited", "-n", NAMESPACE, "--type=json", "-p",
                           '[{"op": "remove", "path": "/spec/selector/lemmy~1answers"}]')
        wait_for("the selector is back", lambda: self.plane.get("service", "edited", "-n", NAMESPACE)["spec"][
            "selector"].get("lemmy/answers") == "yes")
        wait_for("it is out again", lambda: self.answers("edited", second) == {first: 2})


if __name__ == "__main__":
    unittest.main()
