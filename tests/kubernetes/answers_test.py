"""Who gets requests, by the endpoints that a real control plane makes: no pod runs there, so a client that calls is
one that asks, without pause, whether there is a ready endpoint to call."""
import json
import shutil
import subprocess
import tempfile
import threading
import time
import unittest
from pathlib import Path

from harness import KIND, LEMMY, Config, Lemmy, control_plane, wait_for

NAMESPACE = "answers"
LABEL = "lemmy/answers"


class Client:
    """Follows the endpoints of one Service as a proxy does, and calls without pause."""

    def __init__(self, plane, service):
        self.ready, self.calls, self.failures, self.history = {}, 0, 0, []
        self.watch = subprocess.Popen(
            [plane.binary, "kubectl", f"--kubeconfig={plane.kubeconfig}", "get", "--raw",
             f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices?watch=1&sendInitialEvents=true"
             f"&resourceVersionMatch=NotOlderThan&labelSelector=kubernetes.io/service-name%3D{service}"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.stopping = False
        self.threads = [threading.Thread(target=f, daemon=True) for f in (self.follow, self.call)]
        for t in self.threads:
            t.start()

    def follow(self):
        for line in self.watch.stdout:
            change = json.loads(line)
            if change["type"] == "BOOKMARK":
                continue
            slice_ = change["object"]
            self.ready[slice_["metadata"]["name"]] = [] if change["type"] == "DELETED" else [
                e["targetRef"]["name"] for e in slice_.get("endpoints") or [] if e["conditions"].get("ready")]
            self.history.append(self.pods())

    def pods(self):
        return {p for pods in list(self.ready.values()) for p in pods}

    def call(self):
        while not self.stopping:
            if self.calls or self.pods():  # from the first that answers
                self.calls += 1
                self.failures += not self.pods()
            time.sleep(0.001)

    def stop(self):
        self.stopping = True
        self.watch.terminate()
        for t in self.threads:
            t.join(5)
        self.watch.wait()
        self.watch.stdout.close()


class Answers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.plane = control_plane()
        cls.plane.namespace(NAMESPACE)
        cls.work = Path(tempfile.mkdtemp(prefix="lemmy-answers-"))
        cls.config = Config(cls.work / "config")
        for name in ("old", "back", "at-once", "alone", "never"):
            cls.config.project(name, {NAMESPACE: {"replicas": 3}})
        cls.config.project("half", {NAMESPACE: {"replicas": 3}}, yaml="settle: 1s\ndeadline: 4s\n")
        cls.lemmy = Lemmy(cls.config.dir, cls.work / "data", cls.plane.kubeconfig)
        cls.lemmy.start()

    @classmethod
    def tearDownClass(cls):
        cls.lemmy.stop()
        shutil.rmtree(cls.work, ignore_errors=True)

    def client(self, project):
        client = Client(self.plane, project)
        self.addCleanup(client.stop)
        wait_for("endpoints", client.pods)
        return client

    def deploy(self, project, *phases):
        return self.lemmy.deployed(project, NAMESPACE, *phases)

    def pods_of(self, project, number):
        return {p["metadata"]["name"] for p in self.plane.get(
            "pods", "-n", NAMESPACE, "-l", f"project={project},deploy={number}")["items"]}

    def answers(self, project, number):
        return self.lemmy.answers(project, NAMESPACE, number)

    @unittest.skipIf(KIND != "rc", "it made replication controllers only")
    def test_what_an_earlier_lemmy_left_is_taken_over_without_a_gap(self):
        first = self.deploy("old")
        # As the release before left it: no pod and no template has the label, the Service does not select by it.
        remove = json.dumps({"metadata": {"labels": {LABEL: None}}})
        name = self.lemmy.status("old", NAMESPACE, first)["deploy"]["object_name"]
        self.lemmy.stop()
        self.plane.kubectl("patch", KIND, name, "-n", NAMESPACE, "--type=merge", "-p",
                           json.dumps({"spec": {"template": json.loads(remove)}}))
        self.plane.kubectl("patch", "service", "old", "-n", NAMESPACE, "--type=merge", "-p",
                           json.dumps({"spec": {"selector": {LABEL: None}}}))
        for pod in self.pods_of("old", first):
            self.plane.kubectl("patch", "pod", pod, "-n", NAMESPACE, "--type=merge", "-p", remove)
        client = self.client("old")
        self.lemmy.start()
        second = self.deploy("old")
        wait_for("both answer", lambda: self.answers("old", second) == {first: 3, second: 3})
        selector = self.plane.get("service", "old", "-n", NAMESPACE)["spec"]["selector"]
        self.assertEqual(selector, {"project": "old", "environment": NAMESPACE, LABEL: "yes"})
        # A pod that the old controller makes now answers too.
        self.plane.kubectl("delete", "pod", sorted(self.pods_of("old", first))[0], "-n", NAMESPACE, "--wait=false")
        wait_for("both answer again", lambda: self.answers("old", second) == {first: 3, second: 3})
        self.assertGreater(client.calls, 1000)
        self.assertEqual(client.failures, 0, f"of {client.calls} calls")

    def test_a_roll_back_takes_the_bad_build_out_as_soon_as_it_is_ready(self):
        first = self.deploy("back")
        second = self.deploy("back")
        client = self.client("back")
        code, made = self.lemmy.act("back", NAMESPACE, first, "rollback", reason="it is bad")
        self.assertEqual(code, 202, made)
        third = made["number"]
        self.lemmy.wait_phase("back", NAMESPACE, third, "live")
        wait_for("it is out", lambda: self.answers("back", third) == {first: 3, third: 3})
        bad = self.pods_of("back", second)
        self.assertEqual(len(bad), 3, "it stays to be looked at")
        # The moment in which the first of them was gone: all of the new ones were ready.
        at = next(pods for pods in client.history if not bad <= pods and pods & self.pods_of("back", third))
        self.assertLessEqual(self.pods_of("back", third), at)
        self.assertEqual(client.failures, 0, f"of {client.calls} calls")
        status = self.lemmy.status("back", NAMESPACE, second)
        self.assertEqual(status["deploy"]["out_by"], third)
        self.assertIn("get no requests any more", json.dumps(status["history"]))
        # A pod that its controller makes now is out as well.
        self.plane.kubectl("delete", "pod", sorted(bad)[0], "-n", NAMESPACE, "--wait=false")
        wait_for("another", lambda: len(self.pods_of("back", second) - bad) == 1)
        time.sleep(1)
        self.assertFalse(client.pods() & self.pods_of("back", second))
        text = subprocess.run([LEMMY, "status", "back", NAMESPACE, "--server", f"http://127.0.0.1:{self.lemmy.port}"],
                              capture_output=True, text=True, timeout=30).stdout
        self.assertIn(f"6 pods answer requests: #{first} with 3, #{third} with 3.", text)

    def test_when_asked_so_a_roll_back_takes_it_out_at_once(self):
        first = self.deploy("at-once")
        second = self.deploy("at-once")
        code, made = self.lemmy.act("at-once", NAMESPACE, first, "rollback", at_once=True)
        self.assertEqual(code, 202, made)
        wait_for("it is out", lambda: second not in (self.answers("at-once", second) or {second: 1}))
        self.lemmy.wait_phase("at-once", NAMESPACE, made["number"], "live")
        code, problem = self.lemmy.act("at-once", NAMESPACE, first, "zero", at_once=True)
        self.assertEqual(code, 422, problem)

    def test_pods_of_a_failed_deploy_get_no_requests_and_stay(self):
        first = self.deploy("half")
        self.config.project("half", {NAMESPACE: {"replicas": 3, "vars": {"annotations": {
            "lemmy.test/behaviour": "never-ready", "lemmy.test/only-pods": "1"}}}}, yaml="settle: 1s\ndeadline: 4s\n")
        client = self.client("half")
        time.sleep(3)  # the server reads it
        second = self.deploy("half", "failed")
        wait_for("only the first answers", lambda: self.answers("half", second) == {first: 3})
        self.assertEqual(len(self.pods_of("half", second)), 3)
        self.assertEqual(client.pods(), self.pods_of("half", first))
        self.assertEqual(client.failures, 0, f"of {client.calls} calls")

    def health(self, path):
        code, body = self.lemmy.call("GET", path)
        self.assertEqual(code, 200, body)
        return body

    def test_nobody_answers_when_the_service_is_gone_and_that_is_bad_health(self):
        first = self.deploy("alone")
        wait_for("it answers", lambda: self.answers("alone", first) == {first: 3})
        target = f"/api/v1/projects/alone/environments/{NAMESPACE}"
        wait_for("good health", lambda: self.health(target)["health"] == "ok")
        self.plane.kubectl("delete", "service", "alone", "-n", NAMESPACE)
        wait_for("bad health", lambda: self.health(target)["health"] == "bad")
        self.assertIn("nobody answers requests", self.health(target)["health_text"])
        never = self.health(f"/api/v1/projects/never/environments/{NAMESPACE}")
        self.assertEqual((never["health"], never["answers"]), ("none", None))


if __name__ == "__main__":
    unittest.main()
