"""From a pushed build to running pods, on a real control plane."""
import json
import shutil
import tempfile
import unittest
from pathlib import Path

from harness import KIND, Config, Lemmy, control_plane, new_sha, wait_for


class Conduit(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.plane = control_plane()
        cls.plane.namespace("staging")
        cls.plane.namespace("production")
        cls.work = Path(tempfile.mkdtemp(prefix="lemmy-conduit-"))
        cls.config = Config(cls.work / "config")
        cls.config.project("hello", {
            "staging": {"replicas": 2, "env": {"GREETING": "hi"}},
            "production": {"replicas": 2, "autoscale": {"min": 2, "max": 6, "cpu": 50}}},
            files={"app.json": "{\"v\": 1}"})
        cls.lemmy = Lemmy(cls.config.dir, cls.work / "data", cls.plane.kubeconfig)
        cls.lemmy.start()

    @classmethod
    def tearDownClass(cls):
        cls.lemmy.stop()
        shutil.rmtree(cls.work, ignore_errors=True)

    def live(self, environment, sha=None):
        sha = sha or new_sha()
        self.lemmy.announce("hello", sha)
        n = self.lemmy.deploy("hello", environment, sha)
        return n, self.lemmy.wait_phase("hello", environment, n, "live", "failed"), sha

    def test_a_build_becomes_pods_with_everything_stamped(self):
        n, status, sha = self.live("staging")
        self.assertEqual(status["deploy"]["phase"], "live", status)
        name = status["deploy"]["object_name"]
        self.assertEqual(name, f"hello-{sha[:12]}-{n}")
        rc = self.plane.get(KIND, name, "-n", "staging")
        selector = {"project": "hello", "environment": "staging", "deploy": str(n)}
        self.assertEqual(rc["spec"]["selector"], selector if KIND == "rc" else {"matchLabels": selector})
        labels = rc["metadata"]["labels"]
        self.assertEqual(labels["app.kubernetes.io/managed-by"], "lemmy")
        self.assertEqual(labels["build"], sha)
        pods = self.plane.get("pods", "-n", "staging", "-l", f"project=hello,deploy={n}")["items"]
        self.assertEqual(len(pods), 2)
        env = {e["name"]: e.get("value") for e in pods[0]["spec"]["containers"][0]["env"]}
        self.assertEqual(env["GREETING"], "hi")
        self.assertEqual(env["PROJECT"], "hello")
        self.assertEqual(env["DD_VERSION"], sha)
        self.assertIn("NODE_NAME", env)
        mounts = {m["mountPath"] for m in pods[0]["spec"]["containers"][0]["volumeMounts"]}
        self.assertLessEqual({"/secrets/hello", "/config/hello"}, mounts)
        service = self.plane.get("service", "hello", "-n", "staging")
        self.assertEqual(service["spec"]["selector"],
                         {"project": "hello", "environment": "staging", "lemmy/answers": "yes"})
        self.assertEqual([p["port"] for p in service["spec"]["ports"]], [80, 8080, 9090])
        newest = self.plane.get("configmap", "hello", "-n", "staging")
        copy = self.plane.get("configmap", status["deploy"]["config_map"], "-n", "staging")
        self.assertEqual(newest["data"], {"app.json": "{\"v\": 1}"})
        self.assertTrue(copy["immutable"])
        self.assertIn(rc["metadata"]["uid"], [o["uid"] for o in copy["metadata"]["ownerReferences"]])

    def test_the_previous_is_zeroed_restored_deleted_and_rolled_back(self):
        first, _, first_sha = self.live("staging")
        second, _, _ = self.live("staging")
        # The serving one goes only when that is confirmed.
        code, problem = self.lemmy.act("hello", "staging", second, "zero")
        self.assertEqual(code, 409)
        self.assertIn("serves", problem["detail"])

        self.assertEqual(self.lemmy.act("hello", "staging", first, "zero")[0], 202)
        self.lemmy.wait_presence("hello", "staging", first, "zeroed")
        name = self.lemmy.status("hello", "staging", first)["deploy"]["object_name"]
        wait_for("no pods", lambda: self.plane.get(KIND, name, "-n", "staging")["status"].get("replicas", 0) == 0)

        self.assertEqual(self.lemmy.act("hello", "staging", first, "restore")[0], 202)
        self.lemmy.wait_presence("hello", "staging", first, "running")
        wait_for("pods again", lambda: self.plane.get(KIND, name, "-n", "staging")["status"].get("readyReplicas") == 2)

        code, _ = self.lemmy.act("hello", "staging", first, "delete", confirm=True)
        self.assertEqual(code, 202)
        self.lemmy.wait_presence("hello", "staging", first, "deleted")
        self.assertNotIn(name, self.plane.kubectl("get", KIND, "-n", "staging", "-o", "name"))

        code, answer = self.lemmy.act("hello", "staging", first, "rollback", reason="the new one is slow")
        self.assertEqual(code, 202, answer)
        back = answer.get("deploy", answer)
        status = self.lemmy.wait_phase("hello", "staging", back["number"], "live", "failed")
        self.assertEqual(status["deploy"]["phase"], "live", status)
        self.assertEqual(status["deploy"]["build"], first_sha)
        self.assertEqual(status["deploy"]["rollback_of"], first)

    def test_a_roll_back_brings_the_configuration_back(self):
        project = "settings"
        self.config.project(project, {"staging": {"replicas": 1}}, files={"app.json": "old"})
        sha = new_sha()
        self.lemmy.announce(project, sha)
        wait_for("the new project", lambda: self.lemmy.call(
            "POST", self.lemmy.deploys_path(project, "staging"), {"build": sha},
            {"Idempotency-Key": "settings-1"})[0] == 202)
        old = self.lemmy.wait_phase(project, "staging", 1, "live", "failed")
        self.config.project(project, {"staging": {"replicas": 1}}, files={"app.json": "new"})

        def new_one():
            n = self.lemmy.deploy(project, "staging", sha)
            s = self.lemmy.wait_phase(project, "staging", n, "live", "failed")
            return s if s["deploy"]["config_map"] != old["deploy"]["config_map"] else None
        new = wait_for("a deploy with the new file", new_one)
        self.assertEqual(self.plane.get("cm", project, "-n", "staging")["data"], {"app.json": "new"})
        code, answer = self.lemmy.act(project, "staging", 1, "rollback")
        self.assertEqual(code, 202, answer)
        n = answer.get("deploy", answer)["number"]
        status = self.lemmy.wait_phase(project, "staging", n, "live", "failed")
        self.assertEqual(status["deploy"]["config_map"], old["deploy"]["config_map"])
        self.assertNotEqual(new["deploy"]["config_map"], old["deploy"]["config_map"])
        self.assertEqual(self.plane.get("cm", old["deploy"]["config_map"], "-n", "staging")["data"], {"app.json": "old"})

    def test_the_new_controller_starts_at_the_live_capacity(self):
        n, status, _ = self.live("production")
        self.assertEqual(status["deploy"]["phase"], "live", status)
        name = status["deploy"]["object_name"]
        hpa = self.plane.get("hpa", name, "-n", "production")
        self.assertEqual(hpa["spec"]["scaleTargetRef"]["name"], name)
        self.plane.kubectl("scale", KIND, name, "-n", "production", "--replicas=5")
        # Load that keeps it there.
        self.plane.kubectl("annotate", "--overwrite", KIND, name, "-n", "production", "lemmy.test/load=220")
        wait_for("five ready pods", lambda: len([
            p for p in self.lemmy.status("hello", "production", n)["pods"] if p["is_ready"]]) >= 4)
        again, status, _ = self.live("production")
        self.assertGreaterEqual(status["deploy"]["replicas"], 4, "it starts at the live count, not at 2")

    def test_the_secret_s_version_is_recorded_and_a_change_is_shown(self):
        self.config.project("vault", {"staging": {"replicas": 1}})
        self.plane.kubectl("create", "secret", "generic", "vault", "-n", "staging", "--from-literal=KEY=one")
        sha = new_sha()
        self.lemmy.announce("vault", sha)
        wait_for("the new project", lambda: self.lemmy.call(
            "POST", self.lemmy.deploys_path("vault", "staging"), {"build": sha}, {"Idempotency-Key": "v1"})[0] == 202)
        status = self.lemmy.wait_phase("vault", "staging", 1, "live", "failed")
        self.assertTrue(status["deploy"]["secret_version"])
        self.assertFalse(status["secret_changed"])
        self.plane.kubectl("patch", "secret", "vault", "-n", "staging", "-p",
                           json.dumps({"stringData": {"KEY": "two"}}))
        wait_for("the change", lambda: self.lemmy.status("vault", "staging", 1)["secret_changed"], 15)

    def test_the_same_request_asked_twice_is_one_deploy(self):
        sha = new_sha()
        self.lemmy.announce("hello", sha)
        numbers = {self.lemmy.deploy("hello", "staging", sha, request_id="twice-" + sha) for _ in range(3)}
        self.assertEqual(len(numbers), 1)

    def test_a_dry_run_that_is_refused_applies_nothing(self):
        self.config.project("broken", {"staging": {"replicas": 1, "resources": {"limits": {"lights": "1"}}}})
        sha = new_sha()
        self.lemmy.announce("broken", sha)
        wait_for("the new project", lambda: self.lemmy.call(
            "POST", self.lemmy.deploys_path("broken", "staging"), {"build": sha}, {"Idempotency-Key": "b1"})[0] == 202)
        status = self.lemmy.wait_phase("broken", "staging", 1, "failed", "live")
        self.assertEqual(status["deploy"]["phase"], "failed")
        self.assertIn("dry run", status["cause"]["summary"])
        everything = self.plane.kubectl("get", "rc,svc,cm", "-n", "staging", "-o", "name")
        self.assertNotIn("broken", everything)

    def configurations(self):
        return Path(self.lemmy.log.name).read_text().count("new configuration")

    def test_a_typo_in_a_field_is_refused_at_once_and_named_first(self):
        good = '{"replicas": 1, "containers": [{"name": "app", "image": "registry.example.com/typo:1"MORE}]}'
        self.config.project("typo", {"staging": {}}, files={"app.json": "{}"}, template=good.replace("MORE", ""),
                            yaml="settle: 100ms\ndeadline: 60s\n")
        sha = new_sha()
        self.lemmy.announce("typo", sha)
        wait_for("the new project", lambda: self.lemmy.call(
            "POST", self.lemmy.deploys_path("typo", "staging"), {"build": sha}, {"Idempotency-Key": "t1"})[0] == 202)
        self.lemmy.wait_phase("typo", "staging", 1, "live")
        for n, more, field in ((2, ', "comand": ["x"]', "comand"),
                               (3, ', "ports": [{"containerPort": "eighty"}]', "containerPort")):
            taken = self.configurations()
            self.config.project("typo", {"staging": {}}, files={"app.json": "{}"},
                                template=good.replace("MORE", more), yaml="settle: 100ms\ndeadline: 60s\n")
            wait_for("the edit", lambda: self.configurations() > taken)
            self.assertEqual(self.lemmy.deploy("typo", "staging", sha), n)
            status = self.lemmy.wait_phase("typo", "staging", n, "failed", "live", limit=15)
            self.assertRegex(status["cause"]["summary"], r"^dry run: \.spec\.template\.spec\.containers\[.*" + field + ": ")
            told = self.lemmy.call("GET", self.lemmy.deploys_path("typo", "staging", f"/{n}/failure"))[1]
            self.assertEqual(told["difference"]["config_map"]["state"], "same", told)
            self.assertIn(told["difference"]["secret"]["state"], ("none", "same"), told)

    def test_the_retire_policy_zeroes_and_deletes_what_was_before(self):
        self.plane.namespace("retiring")
        self.config.project("aging", {"retiring": {"replicas": 1}}, yaml="settle: 300ms\ndeadline: 20s\n")
        self.config.environments("environments:\n  - name: staging\n  - name: production\n"
                                 "  - name: retiring\n    retire: {zero_after: 2s, keep: 1}\n")
        sha = new_sha()
        self.lemmy.announce("aging", sha)
        wait_for("the new project", lambda: self.lemmy.call(
            "POST", self.lemmy.deploys_path("aging", "retiring"), {"build": sha}, {"Idempotency-Key": "a1"})[0] == 202)
        self.lemmy.wait_phase("aging", "retiring", 1, "live")
        for n in (2, 3):
            self.assertEqual(self.lemmy.deploy("aging", "retiring", sha), n)
            self.lemmy.wait_phase("aging", "retiring", n, "live")
            self.lemmy.wait_presence("aging", "retiring", n - 1, "zeroed")
        self.lemmy.wait_presence("aging", "retiring", 1, "deleted")
        names = self.plane.kubectl("get", KIND, "-n", "retiring", "-o", "name").split()
        self.assertEqual(len(names), 2, names)
        wanted = {r["metadata"]["labels"]["deploy"]: r["spec"]["replicas"]
                  for r in self.plane.get(KIND, "-n", "retiring")["items"]}
        self.assertEqual(wanted, {"2": 0, "3": 1})

    def test_an_rc_deleted_behind_our_back_is_noticed(self):
        n, status, _ = self.live("staging")
        self.plane.kubectl("delete", KIND, status["deploy"]["object_name"], "-n", "staging")
        self.lemmy.wait_presence("hello", "staging", n, "deleted")
        self.assertIn("somebody deleted", json.dumps(self.lemmy.status("hello", "staging", n)["history"]))


if __name__ == "__main__":
    unittest.main()
