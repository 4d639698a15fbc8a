"""What in the cluster is not as it was applied, and what a dry run says of pods, on a real control plane."""
import json
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import LEMMY, Config, Lemmy, control_plane, new_sha, wait_for

AUTOSCALED = {"replicas": 2, "autoscale": {"min": 2, "max": 6, "cpu": 50}}


class Served(unittest.TestCase):
    """One deploy of project drifty that serves; each test has a namespace of its own."""

    @classmethod
    def setUpClass(cls):
        cls.plane = control_plane()
        cls.work = Path(tempfile.mkdtemp(prefix="lemmy-drift-"))
        cls.config = Config(cls.work / "config")
        names = cls.namespaces()
        for name in names:
            cls.plane.namespace(name)
        cls.config.environments("environments:\n" + "".join(f"  - name: {n}\n" for n in names))
        cls.config.project("drifty", {n: AUTOSCALED for n in names}, files={"app.json": "{}"},
                           yaml="settle: 100ms\ndeadline: 30s\n")
        cls.lemmy = Lemmy(cls.config.dir, cls.work / "data", cls.plane.kubeconfig)
        cls.lemmy.start()

    @classmethod
    def tearDownClass(cls):
        cls.lemmy.stop()
        shutil.rmtree(cls.work, ignore_errors=True)

    @classmethod
    def namespaces(cls):
        return []

    def cli(self, *args):
        done = subprocess.run([LEMMY, *args, "--server", f"http://127.0.0.1:{self.lemmy.port}"], text=True,
                              capture_output=True, timeout=60)
        return done.returncode, done.stdout, done.stderr


class Drift(Served):
    @classmethod
    def namespaces(cls):
        return ["drift-edited", "drift-deleted", "drift-later", "drift-away"]

    def drift(self, environment):
        status, found = self.lemmy.call("GET", f"/api/v1/projects/drifty/environments/{environment}/drift")
        self.assertEqual(status, 200, found)
        return found

    def texts(self, environment):
        return [i["text"] for i in self.drift(environment)["items"]]

    def diff(self, environment, *more):
        code, out, err = self.cli("diff", "drifty", environment, "--config", str(self.config.dir), *more)
        self.assertEqual(code, 0, err)
        return out

    def patch(self, environment, what, changes, manager="kubectl-edit"):
        self.plane.kubectl("patch", what, "-n", environment, "--type=json" if isinstance(changes, list) else "--type=merge",
                           f"--field-manager={manager}", "-p", json.dumps(changes))

    def test_what_somebody_changed_is_told_with_who_did_it_and_what_moves_by_itself_is_not(self):
        ns = "drift-edited"
        number = self.lemmy.deployed("drifty", ns)
        name = self.lemmy.status("drifty", ns, number)["deploy"]["object_name"]
        found = self.drift(ns)
        self.assertEqual((found["items"], found["complete"], found["compared"], found["refused"]), ([], True, 5, []), found)
        self.assertIn(f"as #{number} was applied (5 objects compared)", self.diff(ns))
        self.assertTrue(json.loads(self.diff(ns, "--output", "json"))["drift"]["complete"])

        # What the autoscaler may do, and a label of somebody else.
        self.plane.kubectl("scale", "rc", name, "-n", ns, "--replicas=3")
        self.plane.kubectl("annotate", "service", "drifty", "-n", ns, "seen=yes")
        # Two ports of one name: applied anew, the Service would be refused.
        self.patch(ns, "service/drifty", [{"op": "replace", "path": "/spec/ports/0/port", "value": 81}])
        self.patch(ns, "hpa/" + name, {"spec": {"maxReplicas": 9}})
        self.patch(ns, "configmap/drifty", {"data": {"app.json": "{\"v\": 2}", "other.json": "{}"}}, "helm")
        wait_for("all three", lambda: len(self.drift(ns)["items"]) == 3, 20)
        texts = sorted(self.texts(ns))
        self.assertRegex(texts[0], r'^ConfigMap drifty: data\["app.json"\] is \{"v": 2\}, was applied as \{\} \(helm, 20..-')
        self.assertRegex(texts[1], f"^HorizontalPodAutoscaler {name}: spec.maxReplicas is 9, was applied as 6 .kubectl-edit, 20")
        self.assertRegex(texts[2], r"^Service drifty: spec.ports\[\w+\].port is 81, was applied as 80 \(kubectl-edit, 20")
        self.assertEqual([r["kind"] for r in self.drift(ns)["refused"]], ["Service"])
        out = self.diff(ns)
        self.assertIn(f"in the cluster, not as #{number} was applied:\n", out)
        for text in texts:
            self.assertIn("  " + text, out)

    def test_an_object_that_somebody_deleted_is_named(self):
        ns = "drift-deleted"
        number = self.lemmy.deployed("drifty", ns)
        name = self.lemmy.status("drifty", ns, number)["deploy"]["object_name"]
        self.plane.kubectl("delete", "hpa", name, "-n", ns)
        self.plane.kubectl("delete", "configmap", "drifty", "-n", ns)
        wait_for("both", lambda: sorted(self.texts(ns)) == [
            "ConfigMap drifty: somebody deleted it", f"HorizontalPodAutoscaler {name}: somebody deleted it"], 20)

    def test_what_a_deploy_that_failed_later_applied_is_told_as_its_own(self):
        ns = "drift-later"
        self.lemmy.deployed("drifty", ns)
        sha = new_sha()
        self.lemmy.announce("drifty", sha, image="registry.example.com/drifty:no-such-image")
        self.plane.kubectl("create", "quota", "none", "-n", ns, "--hard=pods=2")
        later = self.lemmy.deploy("drifty", ns, sha)
        wait_for("its objects", lambda: f"ConfigMap drifty: it is as deploy #{later} applied it" in self.texts(ns), 30)
        self.assertEqual(self.texts(ns), [f"ConfigMap drifty: it is as deploy #{later} applied it"])
        self.lemmy.act("drifty", ns, later, "cancel")

    def test_where_nothing_serves_and_of_what_is_unknown_there_is_none(self):
        for environment in ("drift-away", "nowhere"):
            status, found = self.lemmy.call("GET", f"/api/v1/projects/drifty/environments/{environment}/drift")
            self.assertEqual(status, 404, found)


class Away(Served):
    @classmethod
    def namespaces(cls):
        return ["drift-cut"]

    def test_when_the_cluster_cannot_be_asked_that_is_said_and_nothing_is_called_equal(self):
        number = self.lemmy.deployed("drifty", "drift-cut")
        self.lemmy.stop()
        nowhere = self.work / "nowhere"
        nowhere.write_text(re.sub(r"server: \S+", "server: https://127.0.0.1:1", Path(self.plane.kubeconfig).read_text()))
        self.lemmy.kubeconfig = str(nowhere)
        self.lemmy.start()
        status, found = self.lemmy.call("GET", "/api/v1/projects/drifty/environments/drift-cut/drift")
        self.assertEqual(status, 503, found)
        args = ("diff", "drifty", "drift-cut", "--config", str(self.config.dir))
        code, out, err = self.cli(*args)
        self.assertEqual(code, 0, err)
        self.assertIn(f"is what runs there (#{number})", out)
        self.assertIn("what is in the cluster is not known: ", out)
        self.assertNotIn("compared", out)
        drift = json.loads(self.cli(*args, "--output", "json")[1])["drift"]
        self.assertEqual((drift["complete"], "items" in drift), (False, False), drift)


if __name__ == "__main__":
    unittest.main()
