"""What Lemmy relies on of an API server, on the real one and on the simulated one: what becomes of controllers and of
pods."""
import unittest

import contract
from harness import wait_for


class Cases(contract.Contract):
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
                                   {"spec": {"replicas": 0}}, contract.MERGE)
        self.assertEqual((status, answer["kind"], answer["spec"].get("replicas", 0)), (200, "Scale", 0))
        wait_for("no pod", lambda: not self.pods())
        self.assertEqual(self.call("PATCH", self.core("replicationcontrollers/none/scale?fieldManager=lemmy"),
                                   {"spec": {"replicas": 0}}, contract.MERGE)[0], 404)

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

    def test_pods_name_the_controller_that_made_them_by_uid(self):
        uid = self.apply("replicationcontrollers/web", self.rc(replicas=1))[1]["metadata"]["uid"]
        wait_for("a pod", self.pods)
        owners = self.pods()[0]["metadata"]["ownerReferences"]
        self.assertEqual([o["uid"] for o in owners if o.get("controller")], [uid])

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
        status, answer = self.call("PATCH", path + "?fieldManager=lemmy&force=true", hpa, contract.APPLY)
        self.assertEqual(status, 201, answer)
        condition = wait_for("the condition", lambda: [
            c for c in self.call("GET", path)[1].get("status", {}).get("conditions", [])
            if c["type"] == "ScalingActive" and c["status"] == "False"], limit=40)[0]
        self.assertEqual(condition["reason"], "ScalingDisabled")
        self.assertEqual(self.call("GET", self.core("replicationcontrollers/web"))[1]["spec"]["replicas"], 0)

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


class OnReal(contract.OnReal, Cases, unittest.TestCase):
    pass


class OnSimulated(contract.OnSimulated, Cases, unittest.TestCase):
    pass


if __name__ == "__main__":
    unittest.main()
