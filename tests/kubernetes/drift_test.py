"""What in the cluster is not as it was applied, and what a dry run says of pods, on a real control plane."""
import html
import json
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.request
from pathlib import Path

from harness import CONTROLLER, KIND, LEMMY, ROOT, Config, Lemmy, control_plane, new_sha, wait_for

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

    def cli(self, *args, lemmy=None):
        done = subprocess.run([LEMMY, *args, "--server", f"http://127.0.0.1:{(lemmy or self.lemmy).port}"], text=True,
                              capture_output=True, timeout=60)
        return done.returncode, done.stdout, done.stderr

    def drift(self, environment, project="drifty"):
        status, found = self.lemmy.call("GET", f"/api/v1/projects/{project}/environments/{environment}/drift")
        self.assertEqual(status, 200, found)
        return found

    def texts(self, environment, project="drifty"):
        return [i["text"] for i in self.drift(environment, project)["items"]]

    def patch(self, environment, what, changes, manager="kubectl-edit"):
        self.plane.kubectl("patch", what, "-n", environment, "--type=json" if isinstance(changes, list) else "--type=merge",
                           f"--field-manager={manager}", "-p", json.dumps(changes))


class Drift(Served):
    @classmethod
    def namespaces(cls):
        return ["drift-edited", "drift-deleted", "drift-later", "drift-away", "drift-pods"]

    def diff(self, environment, *more):
        code, out, err = self.cli("diff", "drifty", environment, "--config", str(self.config.dir), *more)
        self.assertEqual(code, 0, err)
        return out

    def test_what_somebody_changed_is_told_with_who_did_it_and_what_moves_by_itself_is_not(self):
        ns = "drift-edited"
        number = self.lemmy.deployed("drifty", ns)
        name = self.lemmy.status("drifty", ns, number)["deploy"]["object_name"]
        seen = wait_for("it is looked for by itself", lambda: self.lemmy.status("drifty", ns, number)["drift"], 20)
        self.assertEqual((seen["text"], seen["items"], seen["complete"]), ("", [], True), seen)
        found = self.drift(ns)
        self.assertEqual((found["items"], found["complete"], found["compared"], found["refused"]), ([], True, 5, []), found)
        self.assertIn(f"as #{number} was applied (5 objects compared)", self.diff(ns))
        self.assertTrue(json.loads(self.diff(ns, "--output", "json"))["drift"]["complete"])

        # What the autoscaler may do, and a label of somebody else.
        self.plane.kubectl("scale", KIND, name, "-n", ns, "--replicas=3")
        self.plane.kubectl("annotate", "service", "drifty", "-n", ns, "seen=yes")
        # Two ports of one name: applied anew, the Service would be refused.
        self.patch(ns, "service/drifty", [{"op": "replace", "path": "/spec/ports/0/port", "value": 81}])
        self.patch(ns, "hpa/" + name, {"spec": {"maxReplicas": 9}})
        self.patch(ns, "configmap/drifty", {"data": {"app.json": "{\"v\": 2}", "other.json": "{}"}}, "helm")
        wait_for("all four", lambda: len(self.drift(ns)["items"]) >= 4, 20)
        texts = sorted(self.texts(ns))
        self.assertEqual(len(texts), 4, texts)
        self.assertRegex(texts[0], r'^ConfigMap drifty: data\["app.json"\] is \{"v": 2\}, was applied as \{\} \(helm, 20..-')
        self.assertRegex(texts[1], r'^ConfigMap drifty: data\["other.json"\] is \{\}, and was not applied \(helm, 20')
        self.assertRegex(texts[2], f"^HorizontalPodAutoscaler {name}: spec.maxReplicas is 9, was applied as 6 .kubectl-edit, 20")
        self.assertRegex(texts[3], r"^Service drifty: spec.ports\[\w+\].port is 81, was applied as 80 \(kubectl-edit, 20")
        self.assertEqual([r["kind"] for r in self.drift(ns)["refused"]], ["Service"])
        out = self.diff(ns)
        self.assertIn(f"in the cluster, not as #{number} was applied:\n", out)
        for text in texts:
            self.assertIn("  " + text, out)
        # And where people look.
        self.assertEqual(self.lemmy.status("drifty", ns, number)["drift"]["text"],
                         f"4 things of #{number} are not as they were applied")
        code, said, _ = self.cli("status", "drifty", ns)
        page = self.read(f"/projects/drifty/environments/{ns}/deploys/{number}")
        for text in texts:
            self.assertIn("  " + text, said)
            self.assertIn(text, page)
        self.assertRegex(self.read("/projects/drifty"), f"deploys/{number}#drift")
        self.assertIn(f'lemmy_targets_drifted{{environment="{ns}"}} 1\n', self.read("/metrics"))

    def read(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.lemmy.port}{path}") as answer:
            return html.unescape(answer.read().decode())

    def test_pods_that_somebody_scaled_and_templates_that_somebody_edited_are_told(self):
        ns = "drift-pods"
        self.config.project("plain", {ns: {"replicas": 1, "env": {"GREETING": "hi", "MODE": "a"}}})
        sha = new_sha()
        self.lemmy.announce("plain", sha)
        wait_for("the new project", lambda: self.lemmy.call(
            "POST", self.lemmy.deploys_path("plain", ns), {"build": sha}, {"Idempotency-Key": "p1"})[0] == 202)
        status = self.lemmy.wait_phase("plain", ns, 1, "live")
        rc = KIND + "/" + status["deploy"]["object_name"]
        self.assertEqual(self.texts(ns, "plain"), [])
        # As Lemmy scales: by a merge patch of the scale.
        self.plane.kubectl("patch", rc, "-n", ns, "--subresource=scale", "--type=merge", "--field-manager=lemmy",
                           "-p", json.dumps({"spec": {"replicas": 2}}))
        self.plane.kubectl("set", "env", rc, "-n", ns, "GREETING-", "MODE=b", "MORE=1")
        wait_for("the template", lambda: self.texts(ns, "plain"), 20)
        gone, mode, more = sorted(self.texts(ns, "plain"), key=lambda t: ("MODE" in t) + 2 * ("MORE" in t))
        container = f"{CONTROLLER} {rc[len(KIND) + 1:]}: spec.template.spec.containers[app].env"
        self.assertEqual(gone, container + "[GREETING].value is gone, was applied as hi")
        self.assertRegex(mode, "^" + re.escape(container + "[MODE].value is b, was applied as a (kubectl-set, 20"))
        self.assertRegex(more, "^" + re.escape(container + "[MORE] is {") + ".*, and was not applied .kubectl-set, 20")
        self.plane.kubectl("scale", rc, "-n", ns, "--replicas=3")
        wait_for("the count", lambda: re.search(
            r"spec.replicas is 3, was applied as 1 \(\w+\)", "\n".join(self.texts(ns, "plain"))), 20)

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
        self.assertIn(f"is what #{number} was applied from", out)
        self.assertIn("what is in the cluster is not known: ", out)
        self.assertNotIn("compared", out)
        drift = json.loads(self.cli(*args, "--output", "json")[1])["drift"]
        self.assertEqual((drift["complete"], "items" in drift), (False, False), drift)


class DryRuns(Served):
    @classmethod
    def namespaces(cls):
        return ["try-plain", "try-limits", "try-secure", "try-quota"]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sha = new_sha()
        cls.lemmy.announce("drifty", cls.sha)

    def check(self, environment, lemmy=None, until=lambda code, out: True):
        """(exit code, output, errors, the run). Admission sees what was just made a moment later: until() tells."""
        def once():
            done = self.cli("deploy", "drifty", environment, "--build", self.sha, "--check", lemmy=lemmy)
            return done if until(*done[:2]) else None
        done = wait_for("what the dry run is to say", once, 20)
        run = re.search(r"dry-runs/(\w+)", done[2]).group(1)
        status, found = (lemmy or self.lemmy).call(
            "GET", f"/api/v1/projects/drifty/environments/{environment}/dry-runs/{run}")
        self.assertEqual(status, 200, found)
        self.assertEqual(self.plane.get("rc,pods", "-n", environment)["items"], [], "nothing is made")
        return *done, found

    def refused(self, environment):
        return self.check(environment, until=lambda code, out: code != 0)

    def test_a_pod_is_tried_too_and_nothing_is_made(self):
        code, out, err, run = self.check("try-plain")
        self.assertEqual((code, run["state"]), (0, "passed"), out + err)
        self.assertRegex(out, r"\nPod drifty-\w+-1-\*: would be taken\n")
        self.assertEqual([o["kind"] for o in run["objects"]],
                         ["ConfigMap", "ConfigMap", "Service", CONTROLLER, "HorizontalPodAutoscaler", "Pod"])
        self.assertTrue(all(o["ok"] and o["tried"] and not o["warnings"] for o in run["objects"]), run)

    def test_what_a_limit_range_would_refuse_fails_it_with_its_words(self):
        self.plane.kubectl("create", "-n", "try-limits", "-f", "-", stdin=json.dumps({
            "apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small"},
            "spec": {"limits": [{"type": "Container", "min": {"cpu": "200m"}}]}}))
        code, out, err, run = self.refused("try-limits")
        self.assertEqual((code, run["state"]), (1, "failed"), out + err)
        self.assertIn("minimum cpu usage per Container is 200m", run["cause"]["summary"])
        self.assertIn("LimitRange", run["cause"]["hint"])
        self.assertIn("would refuse its pods: ", err)
        self.assertRegex(out, CONTROLLER + r" drifty\S+: would be taken\n")
        self.assertRegex(out, r"Pod drifty\S+: would be refused: pods \S+ is forbidden: minimum cpu")

    def test_what_a_quota_has_no_room_for_is_refused(self):
        self.plane.kubectl("create", "quota", "full", "-n", "try-quota", "--hard=pods=0")
        code, out, err, run = self.refused("try-quota")
        self.assertEqual(code, 1, out + err)
        self.assertIn("exceeded quota: full", run["cause"]["summary"])

    def test_what_pod_security_would_refuse_fails_it_and_its_warnings_are_shown(self):
        self.plane.kubectl("label", "namespace", "try-secure", "pod-security.kubernetes.io/warn=restricted")
        code, out, err, run = self.check("try-secure", until=lambda code, out: "warns" in out)
        self.assertEqual(code, 0, out + err)
        self.assertIn('\n  the cluster warns: would violate PodSecurity "restricted:latest": allowPrivilegeEscalation', out)
        self.assertEqual(sum(len(o["warnings"]) for o in run["objects"]), 1, run["objects"])
        page = self.lemmy.call("GET", f"/projects/drifty/environments/try-secure/dry-runs/{run['id']}")[1]
        self.assertIn("The cluster warns: would violate PodSecurity", page)
        self.plane.kubectl("label", "namespace", "try-secure", "pod-security.kubernetes.io/enforce=restricted")
        code, out, err, run = self.refused("try-secure")
        self.assertIn("violates PodSecurity", run["cause"]["summary"])
        self.assertIn("securityContext", run["cause"]["hint"])

    def role(self, name, text):
        """The role of docs/operations.md, for a user of that name; and a Lemmy that is that user."""
        self.plane.kubectl("apply", "-f", "-", stdin=text.replace("{name: lemmy}", "{name: %s}" % name))
        self.plane.kubectl("create", "clusterrolebinding", name, f"--clusterrole={name}", f"--user={name}")
        kubeconfig = self.work / name
        config = json.loads(self.plane.kubectl("config", "view", "--raw", "-o", "json"))
        config["users"][0]["user"]["as"] = name
        kubeconfig.write_text(json.dumps(config))
        lemmy = Lemmy(self.config.dir, self.work / f"data-{name}", kubeconfig)
        lemmy.start()
        self.addCleanup(lemmy.stop)
        lemmy.announce("drifty", self.sha)
        return lemmy

    def test_the_role_of_the_documentation_suffices_and_without_create_of_pods_it_goes_on(self):
        page = (ROOT / "docs" / "operations.md").read_text()
        text = re.search(r"```yaml\n(apiVersion: rbac.*?)```", page, re.S).group(1)
        code, out, err, run = self.check("try-plain", self.role("lemmy-whole", text))
        self.assertEqual((code, run["objects"][-1]["tried"]), (0, True), out + err)
        fewer = text.replace("verbs: [create, patch, delete]}\n  - {apiGroups: [\"\"], resources: [pods/log]",
                             "verbs: [patch, delete]}\n  - {apiGroups: [\"\"], resources: [pods/log]")
        self.assertNotEqual(fewer, text)
        code, out, err, run = self.check("try-plain", self.role("lemmy-fewer", fewer))
        self.assertEqual((code, run["objects"][-1]["tried"]), (0, False), out + err)
        self.assertRegex(out, r'Pod \S+: not tried: pods is forbidden: User "lemmy-fewer" cannot create resource "pods"')


if __name__ == "__main__":
    unittest.main()
