"""What Lemmy relies on of an API server: the same cases on the real one and on the simulated one."""
import http.client
import json
import re
import secrets
import ssl
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import ROOT, control_plane, wait_for

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


class Real:
    def __init__(self):
        self.plane = control_plane()
        view = json.loads(self.plane.kubectl("config", "view", "--raw", "-o", "json"))["clusters"][0]["cluster"]
        self.host = re.match(r"https://([^:/]+):(\d+)", view["server"])
        self.token = (self.plane.dir / "token").read_text().strip()
        self.tls = ssl.create_default_context()
        self.tls.check_hostname = False
        self.tls.verify_mode = ssl.CERT_NONE

    def connect(self):
        return http.client.HTTPSConnection(self.host.group(1), int(self.host.group(2)), context=self.tls, timeout=30)

    def headers(self):
        return {"Authorization": f"Bearer {self.token}"}


class Simulated:
    def __init__(self):
        self.dir = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [ROOT / "build/simulated_cluster", Path(self.dir.name) / "kubeconfig", "--pace", "0.2"],
            stdout=subprocess.PIPE, text=True)
        self.host = re.match(r"ready http://([^:/]+):(\d+)", self.process.stdout.readline())

    def connect(self):
        return http.client.HTTPConnection(self.host.group(1), int(self.host.group(2)), timeout=30)

    def headers(self):
        return {}

    def stop(self):
        self.process.terminate()
        code = self.process.wait(10)
        self.process.stdout.close()
        self.dir.cleanup()
        assert code == 0, f"the simulated cluster ended with {code}"


class Cases:
    server = None

    def call(self, method, path, body=None, kind="application/json", accept="application/json"):
        connection = self.server.connect()
        connection.request(method, path, None if body is None else json.dumps(body),
                           {"Content-Type": kind, "Accept": accept, **self.server.headers()})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        is_json = "json" in (answer.headers.get("Content-Type") or "")
        return answer.status, json.loads(text) if is_json else text

    def setUp(self):
        self.ns = "contract-" + secrets.token_hex(3)
        status, answer = self.call("POST", "/api/v1/namespaces", {
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.ns}})
        self.assertEqual(status, 201, answer)

    def tearDown(self):
        self.call("DELETE", f"/api/v1/namespaces/{self.ns}")

    def core(self, rest):
        return f"/api/v1/namespaces/{self.ns}/{rest}"

    def apply(self, rest, body, dry=False):
        return self.call("PATCH", self.core(rest) + "?fieldManager=lemmy&force=true" + ("&dryRun=All" if dry else ""),
                         body, APPLY)

    def rc(self, name="web", replicas=2, notes=None, deploy="1"):
        labels = {"project": "web", "environment": self.ns, "deploy": deploy, "app.kubernetes.io/managed-by": "lemmy"}
        return {"apiVersion": "v1", "kind": "ReplicationController",
                "metadata": {"name": name, "namespace": self.ns, "labels": labels},
                "spec": {"replicas": replicas, "selector": {"project": "web", "deploy": deploy},
                         "template": {"metadata": {"labels": labels, "annotations": notes or {}},
                                      "spec": {"containers": [{"name": "app", "image": "example.com/web:1",
                                                               "resources": {"requests": {"cpu": "10m"}}}]}}}}

    def config_map(self, name="files", data="a", **more):
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": self.ns},
                "data": {"a.txt": data}, **more}

    def pods(self, selector="project%3Dweb"):
        return self.call("GET", self.core(f"pods?labelSelector={selector}"))[1]["items"]

    def ready_pods(self):
        return [p for p in self.pods() for c in p["status"].get("conditions", [])
                if c["type"] == "Ready" and c["status"] == "True"]

    def test_apply_makes_and_applying_the_same_changes_nothing(self):
        status, made = self.apply("configmaps/files", self.config_map())
        self.assertEqual(status, 201, made)
        self.assertTrue(made["metadata"]["uid"])
        status, again = self.apply("configmaps/files", self.config_map())
        self.assertEqual(status, 200)
        self.assertEqual(again["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"])
        status, other = self.apply("configmaps/files", self.config_map(data="b"))
        self.assertEqual(status, 200)
        self.assertEqual(other["data"], {"a.txt": "b"})
        self.assertNotEqual(other["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"])

    def test_a_dry_run_checks_and_keeps_nothing(self):
        self.assertEqual(self.apply("replicationcontrollers/web", self.rc(), dry=True)[0], 201)
        self.assertEqual(self.call("GET", self.core("replicationcontrollers/web"))[0], 404)
        bad = self.rc()
        bad["spec"]["replicas"] = -1
        status, answer = self.apply("replicationcontrollers/web", bad, dry=True)
        self.assertEqual(status, 422)
        self.assertEqual((answer["kind"], answer["reason"]), ("Status", "Invalid"))
        self.assertIn("spec.replicas", answer["message"])

    def test_a_missing_namespace_is_named(self):
        other = self.config_map()
        other["metadata"]["namespace"] = "no-such"
        status, answer = self.call(
            "PATCH", "/api/v1/namespaces/no-such/configmaps/files?fieldManager=lemmy&force=true", other, APPLY)
        self.assertEqual(status, 404)
        self.assertIn('namespaces "no-such" not found', answer["message"])

    def test_an_immutable_config_map_cannot_be_changed_but_owned(self):
        self.assertEqual(self.apply("configmaps/files", self.config_map(immutable=True))[0], 201)
        status, answer = self.apply("configmaps/files", self.config_map(data="b", immutable=True))
        self.assertEqual(status, 422, answer)
        self.assertIn("immutable", answer["message"])
        owned = self.config_map(immutable=True)
        owned["metadata"]["ownerReferences"] = [
            {"apiVersion": "v1", "kind": "ReplicationController", "name": "x", "uid": "11111111-1111-4111-8111-111111111111"}]
        self.assertEqual(self.apply("configmaps/files", owned)[0], 200)

    def test_a_selector_that_does_not_fit_the_template_is_refused(self):
        bad = self.rc()
        bad["spec"]["selector"] = {"project": "other"}
        status, answer = self.apply("replicationcontrollers/web", bad)
        self.assertEqual(status, 422, answer)
        self.assertIn("selector", answer["message"])

    def test_pods_become_ready_and_the_status_says_so(self):
        self.assertEqual(self.apply("replicationcontrollers/web", self.rc())[0], 201)
        wait_for("ready pods", lambda: len(self.ready_pods()) == 2)
        rc = wait_for("the status", lambda: (lambda o: o if o["status"].get("readyReplicas") == 2 else None)(
            self.call("GET", self.core("replicationcontrollers/web"))[1]))
        self.assertEqual(rc["status"]["observedGeneration"], rc["metadata"]["generation"])
        pod = self.ready_pods()[0]
        self.assertTrue(pod["metadata"]["name"].startswith("web-"))
        self.assertTrue(pod["spec"]["nodeName"])
        self.assertEqual(pod["status"]["phase"], "Running")
        self.assertIn("running", pod["status"]["containerStatuses"][0]["state"])

    def test_scale_sets_the_count_and_takes_pods_away(self):
        self.apply("replicationcontrollers/web", self.rc(replicas=1))
        wait_for("a pod", lambda: len(self.pods()) == 1)
        status, answer = self.call("PATCH", self.core("replicationcontrollers/web/scale?fieldManager=lemmy"),
                                   {"spec": {"replicas": 0}}, MERGE)
        self.assertEqual((status, answer["kind"], answer["spec"].get("replicas", 0)), (200, "Scale", 0))
        wait_for("no pod", lambda: not self.pods())
        self.assertEqual(self.call("PATCH", self.core("replicationcontrollers/none/scale?fieldManager=lemmy"),
                                   {"spec": {"replicas": 0}}, MERGE)[0], 404)

    def test_what_the_last_owner_leaves_is_collected(self):
        _, first = self.apply("replicationcontrollers/one", self.rc("one", 0, deploy="1"))
        _, second = self.apply("replicationcontrollers/two", self.rc("two", 1, deploy="2"))
        owned = self.config_map()
        owned["metadata"]["ownerReferences"] = [
            {"apiVersion": "v1", "kind": "ReplicationController", "name": o["metadata"]["name"],
             "uid": o["metadata"]["uid"]} for o in (first, second)]
        self.apply("configmaps/files", owned)
        self.assertEqual(self.call("DELETE", self.core("replicationcontrollers/one?propagationPolicy=Background"))[0], 200)
        wait_for("one owner", lambda: len(self.call("GET", self.core("configmaps/files"))[1]["metadata"].get(
            "ownerReferences", [])) == 1)
        self.assertEqual(self.call("DELETE", self.core("replicationcontrollers/two?propagationPolicy=Background"))[0], 200)
        wait_for("nothing", lambda: self.call("GET", self.core("configmaps/files"))[0] == 404)
        wait_for("no pods", lambda: not self.pods())

    def test_a_list_comes_in_pages(self):
        for i in range(5):
            self.apply(f"configmaps/files-{i}", self.config_map(f"files-{i}"))
        names, after = [], ""
        for _ in range(10):
            _, page = self.call("GET", self.core(f"configmaps?limit=2&continue={after}"))
            names += [o["metadata"]["name"] for o in page["items"]]
            after = page["metadata"].get("continue", "")
            if not after:
                break
        self.assertEqual(sorted(n for n in names if n.startswith("files-")), [f"files-{i}" for i in range(5)])

    def test_metadata_alone_can_be_asked_for_of_one_object_and_of_lists(self):
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "web", "namespace": self.ns},
                  "data": {"password": "aHVudGVyMg=="}}
        made = self.apply("secrets/web", secret)[1]
        wanted = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
        status, one = self.call("GET", self.core("secrets/web"), accept=wanted)
        self.assertEqual((status, one["kind"], one["apiVersion"]), (200, "PartialObjectMetadata", "meta.k8s.io/v1"))
        self.assertEqual(one["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"])
        self.assertNotIn("data", one)
        wanted = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
        status, all_of_them = self.call("GET", self.core("secrets"), accept=wanted)
        self.assertEqual((status, all_of_them["kind"]), (200, "PartialObjectMetadataList"))
        self.assertEqual([(o["metadata"]["name"], "data" in o) for o in all_of_them["items"]], [("web", False)])

    def test_a_label_that_is_there_can_be_asked_for_whatever_it_says(self):
        self.apply("replicationcontrollers/web", self.rc(replicas=0))
        for selector, found in (("project%2Cenvironment%2Cdeploy", 1), ("project%2Cnothing", 0)):
            items = self.call("GET", self.core(f"replicationcontrollers?labelSelector={selector}"))[1]["items"]
            self.assertEqual(len(items), found, selector)

    def test_pods_name_the_controller_that_made_them_by_uid(self):
        uid = self.apply("replicationcontrollers/web", self.rc(replicas=1))[1]["metadata"]["uid"]
        wait_for("a pod", self.pods)
        owners = self.pods()[0]["metadata"]["ownerReferences"]
        self.assertEqual([o["uid"] for o in owners if o.get("controller")], [uid])

    def test_a_short_watch_tells_what_changed_since_its_version_and_ends_by_itself(self):
        version = self.call("GET", self.core("configmaps"))[1]["metadata"]["resourceVersion"]
        self.apply("configmaps/files", self.config_map())
        query = f"resourceVersion={version}&timeoutSeconds=1&fieldSelector=metadata.name%3Dfiles"
        status, events = self.watch(query, lambda e: False)
        self.assertEqual((status, [e["type"] for e in events]), (200, ["ADDED"]))

    def watch(self, query, until, limit=20):
        connection = self.server.connect()
        connection.request("GET", self.core("configmaps?watch=1&" + query), headers=self.server.headers())
        answer = connection.getresponse()
        events = []
        try:
            while len(events) < limit:
                line = answer.readline()
                if not line:
                    break
                events.append(json.loads(line))
                if until(events):
                    break
        finally:
            connection.close()
        return answer.status, events

    def test_a_watch_tells_every_change_after_its_version(self):
        _, listed = self.call("GET", self.core("configmaps"))
        version = listed["metadata"]["resourceVersion"]
        self.apply("configmaps/files", self.config_map())
        self.apply("configmaps/files", self.config_map(data="b"))
        self.call("DELETE", self.core("configmaps/files"))
        status, events = self.watch(f"resourceVersion={version}&timeoutSeconds=5&fieldSelector=metadata.name%3Dfiles",
                                    lambda e: e[-1]["type"] == "DELETED")
        self.assertEqual(status, 200)
        self.assertEqual([e["type"] for e in events], ["ADDED", "MODIFIED", "DELETED"])
        versions = [int(e["object"]["metadata"]["resourceVersion"]) for e in events]
        self.assertEqual(versions, sorted(versions))

    def test_a_watch_from_a_version_that_never_was_is_refused_or_waits(self):
        status, events = self.watch("resourceVersion=1&timeoutSeconds=1", lambda e: e[-1]["type"] == "ERROR")
        errors = [e for e in events if e["type"] == "ERROR"]
        self.assertTrue(status in (200, 410))
        for e in errors:
            self.assertEqual(e["object"]["code"], 410)

    def test_a_crash_loop_looks_like_one(self):
        self.apply("replicationcontrollers/web", self.rc(replicas=1, notes={
            "lemmy.test/behaviour": "crash-loop", "lemmy.test/exit-code": "3", "lemmy.test/logs": "bye"}))

        def waiting():
            for pod in self.pods():
                for c in pod["status"].get("containerStatuses", []):
                    if c["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff":
                        return pod["metadata"]["name"], c
            return None
        name, c = wait_for("a crash loop", waiting)
        self.assertEqual(c["lastState"]["terminated"]["exitCode"], 3)
        self.assertGreaterEqual(c["restartCount"], 1)
        self.assertIn("back-off", c["state"]["waiting"]["message"])
        status, text = self.call("GET", self.core(f"pods/{name}/log?container=app&tailLines=5&previous=true"))
        self.assertEqual(status, 200, text)
        self.assertIn("bye", text)
        events = wait_for("events", lambda: [e for e in self.call("GET", self.core("events"))[1]["items"]
                                             if e["involvedObject"]["name"] == name and e["reason"] == "BackOff"])
        self.assertEqual(events[0]["type"], "Warning")

    def test_an_image_that_is_missing_looks_like_that(self):
        self.apply("replicationcontrollers/web", self.rc(replicas=1, notes={"lemmy.test/behaviour": "image-not-found"}))
        message = wait_for("the reason", lambda: [
            c["state"]["waiting"]["message"] for p in self.pods() for c in p["status"].get("containerStatuses", [])
            if c["state"].get("waiting", {}).get("reason") in ("ErrImagePull", "ImagePullBackOff")])[0]
        self.assertIn("not found", message)

    def test_an_unschedulable_pod_says_why(self):
        self.apply("replicationcontrollers/web", self.rc(replicas=1, notes={"lemmy.test/behaviour": "unschedulable"}))
        condition = wait_for("the condition", lambda: [
            c for p in self.pods() for c in p["status"].get("conditions", [])
            if c["type"] == "PodScheduled" and c["status"] == "False"])[0]
        self.assertEqual(condition["reason"], "Unschedulable")
        self.assertIn("nodes are available", condition["message"])

    def test_an_autoscaler_is_kept_and_is_off_at_zero(self):
        self.apply("replicationcontrollers/web", self.rc(replicas=0))
        hpa = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
               "metadata": {"name": "web", "namespace": self.ns},
               "spec": {"minReplicas": 1, "maxReplicas": 3,
                        "scaleTargetRef": {"apiVersion": "v1", "kind": "ReplicationController", "name": "web"},
                        "metrics": [{"type": "Resource", "resource": {
                            "name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}]}}
        path = f"/apis/autoscaling/v2/namespaces/{self.ns}/horizontalpodautoscalers/web"
        status, answer = self.call("PATCH", path + "?fieldManager=lemmy&force=true", hpa, APPLY)
        self.assertEqual(status, 201, answer)
        condition = wait_for("the condition", lambda: [
            c for c in self.call("GET", path)[1].get("status", {}).get("conditions", [])
            if c["type"] == "ScalingActive" and c["status"] == "False"], limit=40)[0]
        self.assertEqual(condition["reason"], "ScalingDisabled")
        self.assertEqual(self.call("GET", self.core("replicationcontrollers/web"))[1]["spec"]["replicas"], 0)

    def test_what_is_not_there_is_a_status_of_404(self):
        for method in ("GET", "DELETE"):
            status, answer = self.call(method, self.core("replicationcontrollers/none"))
            self.assertEqual((status, answer["kind"], answer["reason"]), (404, "Status", "NotFound"))

    def test_quota_stops_pods_with_the_words_that_lemmy_looks_for(self):
        self.call("POST", self.core("resourcequotas"), {
            "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}, "spec": {"hard": {"pods": "1"}}})
        if self.call("GET", self.core("resourcequotas/few"))[0] != 200:
            self.skipTest("the simulated cluster takes quotas from its options only")
        wait_for("the quota to count", lambda: "used" in self.call("GET", self.core("resourcequotas/few"))[1].get("status", {}))
        self.apply("replicationcontrollers/web", self.rc(replicas=2))
        condition = wait_for("the condition", lambda: [
            c for c in self.call("GET", self.core("replicationcontrollers/web"))[1]["status"].get("conditions", [])
            if c["type"] == "ReplicaFailure"])[0]
        self.assertIn("exceeded quota", condition["message"])


class OnReal(Cases, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Real()


class OnSimulated(Cases, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Simulated()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()


if __name__ == "__main__":
    unittest.main()
