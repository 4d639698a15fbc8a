"""What Lemmy relies on of an API server, on the real one and on the simulated one: how objects are kept, listed and
watched."""
import json
import unittest

import contract


class Cases(contract.Contract):
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
            "PATCH", "/api/v1/namespaces/no-such/configmaps/files?fieldManager=lemmy&force=true", other, contract.APPLY)
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

    def test_what_is_not_there_is_a_status_of_404(self):
        for method in ("GET", "DELETE"):
            status, answer = self.call(method, self.core("replicationcontrollers/none"))
            self.assertEqual((status, answer["kind"], answer["reason"]), (404, "Status", "NotFound"))


class OnReal(contract.OnReal, Cases, unittest.TestCase):
    pass


class OnSimulated(contract.OnSimulated, Cases, unittest.TestCase):
    pass


if __name__ == "__main__":
    unittest.main()
