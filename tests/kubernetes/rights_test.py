"""Namespaces of a cluster, with a Role in each and nothing cluster-wide; and what the account lacks is named."""
import json
import re
import secrets
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import LEMMY, ROOT, Config, Lemmy, control_plane, wait_for


def rules():
    """As docs/operations.md has them."""
    text = (ROOT / "docs/operations.md").read_text()
    block = re.search(r"kind: ClusterRole\n.*?```", text, re.S)[0]
    found = re.findall(r"- \{apiGroups: \[(.*?)\], resources: \[(.*?)\], verbs: \[(.*?)\]\}", block)
    split = lambda s: [w.strip().strip('"') for w in s.split(",")]
    return [{"apiGroups": split(g), "resources": split(r), "verbs": split(v)} for g, r, v in found]


class Rights(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.plane = control_plane()
        for ns in ("east", "west", "elsewhere"):
            cls.plane.namespace(ns)
        cls.plane.kubectl("create", "serviceaccount", "narrow", "-n", "east")
        for ns in ("east", "west"):
            cls.grant(ns, rules())
        token = cls.plane.kubectl("create", "token", "narrow", "-n", "east").strip()
        cls.folder = Path(tempfile.mkdtemp(prefix="lemmy-rights-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        config = json.loads(cls.plane.kubectl("config", "view", "--raw", "-o", "json"))
        config["users"] = [{"name": u["name"], "user": {"token": token}} for u in config["users"]]
        (cls.folder / "narrow").write_text(json.dumps(config))

    @classmethod
    def grant(cls, ns, allowed):
        role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
                "metadata": {"name": "lemmy", "namespace": ns}, "rules": allowed}
        bound = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                 "metadata": {"name": "lemmy", "namespace": ns},
                 "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "lemmy"},
                 "subjects": [{"kind": "ServiceAccount", "name": "narrow", "namespace": "east"}]}
        cls.plane.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List",
                                                               "items": [role, bound]}))

    def start(self, namespaces, environments=("east", "west")):
        self.shop = "shop-" + secrets.token_hex(3)  # namespaces are shared by the tests
        tree = self.folder / f"config-{self._testMethodName}"
        config = Config(tree)
        line = f", namespaces: [{', '.join(namespaces)}]" if namespaces else ""
        (tree / "clusters.yaml").write_text(f"clusters:\n  main: {{kubeconfig: {self.folder}/narrow{line}}}\n")
        config.environments("environments:\n" + "".join(f"- name: {e}\n" for e in environments))
        config.project(self.shop, {e: {"replicas": 2} for e in environments})
        lemmy = Lemmy(tree, self.folder / f"data-{self._testMethodName}", self.folder / "narrow")
        lemmy.start()
        self.addCleanup(lemmy.stop)
        return lemmy

    def cluster(self, lemmy):
        return lemmy.call("GET", "/readyz")[1]["clusters"][0]

    def test_a_role_in_each_namespace_is_enough(self):
        lemmy = self.start(("east", "west"))
        for environment in ("east", "west"):
            first = lemmy.deployed(self.shop, environment, "live")
            wait_for("it answers", lambda e=environment, n=first: lemmy.answers(self.shop, e, n) == {n: 2})
        second = lemmy.deployed(self.shop, "west", "live")
        self.assertEqual(lemmy.act(self.shop, "west", second - 1, "zero")[0], 202)
        wait_for("it is zeroed", lambda: lemmy.status(self.shop, "west", second - 1)["deploy"]["presence"] == "zeroed")
        self.assertEqual(lemmy.act(self.shop, "west", second - 1, "delete")[0], 202)
        wait_for("it is deleted", lambda: lemmy.status(self.shop, "west", second - 1)["deploy"]["presence"] == "deleted")
        self.assertEqual(len(lemmy.status(self.shop, "east", first)["pods"]), 2)
        self.assertEqual(self.cluster(lemmy)["missing_rights"], [])

    def test_what_the_account_lacks_is_named(self):
        self.grant("west", [r for r in rules() if r["resources"] != ["pods"]])
        self.addCleanup(self.grant, "west", rules())
        lemmy = self.start(("east", "west"))
        missing = wait_for("it is named", lambda: self.cluster(lemmy)["missing_rights"], 30)
        self.assertEqual([m.split(":")[0] for m in missing], ["create pods in west", "patch pods in west", "delete pods in west"])
        wait_for("the rest is watched", lambda: self.cluster(lemmy)["ok"])

    def test_a_namespace_that_may_not_be_watched_costs_only_what_is_there(self):
        blind = [r | {"verbs": [v for v in r["verbs"] if v not in ("list", "watch")]} for r in rules()]
        self.grant("west", [r for r in blind if r["verbs"]])
        self.addCleanup(self.grant, "west", rules())
        lemmy = self.start(("east", "west"))
        first = lemmy.deployed(self.shop, "east", "live")
        second = lemmy.deployed(self.shop, "east", "live")
        self.assertEqual(lemmy.act(self.shop, "east", first, "zero")[0], 202)
        lemmy.wait_presence(self.shop, "east", first, "zeroed")
        # The endpoint controller takes a moment longer than the pods.
        wait_for("the second alone answers", lambda: lemmy.answers(self.shop, "east", second) == {second: 2})
        self.assertEqual(lemmy.status(self.shop, "east", second)["cluster"]["trouble"], "")
        self.assertIn("namespaces/west/", self.cluster(lemmy)["trouble"])
        # What is watched again is told to whoever waits for it.
        self.grant("west", rules())
        wait_for("it may be watched", lambda: self.cluster(lemmy)["ok"], 40)
        there = lemmy.deployed(self.shop, "west", "live")
        wait_for("it answers", lambda: lemmy.answers(self.shop, "west", there) == {there: 2})
        # And what is not any more is not known, rather than empty.
        tree = self.folder / f"config-{self._testMethodName}"
        clusters = tree / "clusters.yaml"
        clusters.write_text(clusters.read_text().replace("[east, west]", "[east]"))
        (tree / "environments.yaml").write_text("environments:\n- name: east\n")
        (tree / "projects" / self.shop / "environments.json").write_text(json.dumps({"east": {"replicas": 2}}))
        # While the cluster is connected anew there is none.
        wait_for("it is not watched", lambda: "its namespace west is not watched"
                 in lemmy.status(self.shop, "west", there)["cluster"]["trouble"], 30)
        self.assertIsNone(lemmy.answers(self.shop, "west", there))
        self.assertEqual(lemmy.answers(self.shop, "east", second), {second: 2})

    def test_without_namespaces_it_lacks_the_watches_of_all(self):
        lemmy = self.start(())
        missing = wait_for("it is named", lambda: self.cluster(lemmy)["missing_rights"], 30)
        self.assertIn("list pods in all namespaces: what runs is seen", missing)
        self.assertFalse(any("in east" in m for m in missing), missing)
        self.assertIn("pods", self.cluster(lemmy)["trouble"])

    def test_an_environment_in_no_namespace_of_its_cluster_is_a_mistake(self):
        tree = self.folder / "bad"
        config = Config(tree)
        (tree / "clusters.yaml").write_text(f"clusters:\n  main: {{kubeconfig: {self.folder}/narrow, namespaces: [east]}}\n")
        config.environments("environments:\n- name: west\n")
        config.project("shop", {"west": {"replicas": 1}})
        done = subprocess.run([LEMMY, "validate", "--config", tree], text=True, capture_output=True, check=False)
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        self.assertIn("cluster 'main' has no namespace 'west'", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
