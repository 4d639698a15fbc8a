"""Starts the test control plane (tools/testcluster) and asks of it, through kubectl, all that tests lean on.

pytest-3 tests/kubernetes/testcluster_test.py
"""
import pathlib
import shutil
import signal
import subprocess
import sys
import unittest

from testcluster import Cluster, alive, autoscaler, controller, eventually, pod

ROOT = pathlib.Path(__file__).resolve().parents[2]


def setUpModule():
    global cluster
    built = subprocess.run([ROOT / "tools/testcluster/build.sh"], check=True, text=True, stdout=subprocess.PIPE)
    cluster = Cluster(built.stdout.strip().splitlines()[-1])
    print(f"up after {cluster.took:.1f} s", file=sys.stderr)


def tearDownModule():
    if cluster.up.poll() is None:
        cluster.end(signal.SIGTERM)
    shutil.rmtree(cluster.dir, ignore_errors=True)


class Pods(unittest.TestCase):
    def create(self, behaviour=None, container=None, **told):
        self.name = self.id().rsplit("_", 1)[-1].replace("_", "-")
        if behaviour:
            told["behaviour"] = behaviour
        watch, self.seen = cluster.history(self.name)
        self.addCleanup(watch.wait)
        self.addCleanup(watch.kill)
        cluster.apply(pod(self.name, container=container, **told))
        self.addCleanup(cluster.kubectl, "delete", "pod", self.name, "--now", "--wait=false")

    def status(self):
        return cluster.get("pod", self.name)["status"]

    def container(self):
        return self.status()["containerStatuses"][0]

    def condition(self, kind):
        return next(c for c in self.status()["conditions"] if c["type"] == kind)

    def waits(self, reason):
        def look():
            states = [c["state"] for p in list(self.seen) for c in p["status"].get("containerStatuses", [])]
            found = [s["waiting"] for s in states if s.get("waiting", {}).get("reason") == reason]
            self.assertTrue(found, states[-3:])
            return found[0]
        return eventually(look)

    def events(self):
        found = cluster.get("events", f"--field-selector=involvedObject.name={self.name}")["items"]
        return {e["reason"]: e["message"] for e in found}

    def is_ready(self):
        return self.status()["phase"] == "Running" and self.condition("Ready")["status"] == "True"

    def test_ready(self):
        self.create(ready_after="2s")
        eventually(lambda: self.status()["phase"] == "Running")
        self.assertEqual(self.condition("Ready")["status"], "False")
        eventually(self.is_ready)
        self.assertIn("running", self.container()["state"])
        eventually(lambda: {"Scheduled", "Pulled", "Created", "Started"} <= set(self.events()))
        self.assertIn("listening on :8080", cluster.kubectl("logs", self.name).stdout)

    def test_crashloop(self):
        self.create("crash-loop", exit_code="3", logs="first\nlast words")
        self.assertIn("back-off", self.waits("CrashLoopBackOff")["message"])
        ended = self.container()["lastState"]["terminated"]
        self.assertEqual((ended["exitCode"], ended["reason"]), (3, "Error"))
        self.assertEqual(cluster.kubectl("logs", self.name, "--previous").stdout, "first\nlast words\n")
        self.assertEqual(cluster.kubectl("logs", self.name, "--tail=1").stdout, "last words\n")
        seen = self.container()["restartCount"]
        eventually(lambda: self.container()["restartCount"] >= seen + 2)
        self.assertIn("BackOff", self.events())

    def test_recovers(self):
        self.create("crash-loop", crashes="2")
        eventually(self.is_ready)
        self.assertEqual(self.container()["restartCount"], 2)

    def test_oom(self):
        self.create("oom")
        eventually(lambda: self.container()["lastState"]["terminated"]["reason"] == "OOMKilled")
        self.assertEqual(self.container()["lastState"]["terminated"]["exitCode"], 137)

    def test_noimage(self):
        self.create("image-not-found")
        self.assertIn("not found", self.waits("ErrImagePull")["message"])
        self.assertIn("Back-off pulling image", self.waits("ImagePullBackOff")["message"])
        eventually(lambda: "trying and failing to pull image" in cluster.kubectl("logs", self.name, check=False).stderr)

    def test_imagelate(self):
        self.create("image-transient", recover_after="1500ms")
        self.assertIn("i/o timeout", self.waits("ErrImagePull")["message"])
        eventually(self.is_ready)

    def test_configerror(self):
        self.create("config-error")
        self.assertIn("not found", self.waits("CreateContainerConfigError")["message"])

    def test_missingsecret(self):
        self.create(container={"envFrom": [{"secretRef": {"name": "late-secret"}}]})
        self.assertEqual(self.waits("CreateContainerConfigError")["message"], 'secret "late-secret" not found')
        cluster.kubectl("create", "secret", "generic", "late-secret", "--from-literal=a=b")
        eventually(self.is_ready)

    def test_neverready(self):
        self.create("never-ready")
        eventually(lambda: "Unhealthy" in self.events())
        self.assertEqual(self.status()["phase"], "Running")
        self.assertEqual(self.condition("Ready")["status"], "False")

    def test_unschedulable(self):
        self.create("unschedulable")
        eventually(lambda: self.condition("PodScheduled")["reason"] == "Unschedulable")
        self.assertIn("0/2 nodes are available: 2 Insufficient memory", self.condition("PodScheduled")["message"])
        self.assertEqual(self.status()["phase"], "Pending")
        eventually(lambda: "FailedScheduling" in self.events())

    def test_unknown(self):
        self.create("no-such-thing")
        eventually(lambda: "no-such-thing" in self.events()["UnknownBehaviour"])


class Scaling(unittest.TestCase):
    def test_controller_and_autoscaler(self):
        cluster.apply(controller("web", 1), autoscaler("web", 1, 4))
        load = lambda v: cluster.kubectl("annotate", "--overwrite", "rc", "web", f"lemmy.test/load={v}")
        ready = lambda: cluster.get("rc", "web")["status"].get("readyReplicas")
        load(150)
        eventually(lambda: ready() == 3, 60)
        self.assertIn("web-", cluster.kubectl("top", "pods").stdout)
        self.assertIn("node-1", cluster.kubectl("top", "nodes").stdout)
        load(20)
        eventually(lambda: ready() == 1, 60)
        cluster.kubectl("delete", "rc,hpa", "web", "--timeout=30s")
        eventually(lambda: not cluster.get("pods", "-l", "app=web")["items"])

    def test_only_some_pods(self):
        cluster.apply(controller("some", 3, behaviour="unschedulable", only_pods="1"))
        eventually(lambda: cluster.get("rc", "some")["status"]["readyReplicas"] == 2)
        cluster.kubectl("delete", "rc", "some")

    def test_quota(self):
        cluster.kubectl("create", "namespace", "small")
        cluster.kubectl("create", "quota", "two", "--hard=pods=2", "-n", "small")
        eventually(lambda: cluster.get("quota", "two", "-n", "small")["status"]["hard"])
        cluster.apply(controller("greedy", 3, namespace="small"))
        eventually(lambda: any("exceeded quota: two" in e["message"]
                               for e in cluster.get("events", "-n", "small")["items"]))
        eventually(lambda: cluster.get("rc", "greedy", "-n", "small")["status"]["readyReplicas"] == 2)
        cluster.kubectl("delete", "namespace", "small", "--timeout=40s")


class Users(unittest.TestCase):
    def test_rights(self):
        can = lambda user, *what: cluster.kubectl("auth", "can-i", *what, user=user, check=False).stdout.strip()
        self.assertEqual(can("token.kubeconfig", "*", "*"), "yes")
        self.assertEqual(can("viewer.kubeconfig", "list", "pods"), "yes")
        self.assertEqual(can("viewer.kubeconfig", "create", "pods"), "no")
        self.assertEqual(can("viewer.kubeconfig", "get", "secrets"), "no")
        self.assertEqual(can("deployer.kubeconfig", "create", "rc"), "yes")
        self.assertEqual(can("deployer.kubeconfig", "create", "rc", "-n", "kube-system"), "no")
        self.assertEqual(can("nobody.kubeconfig", "list", "pods"), "no")
        refused = cluster.kubectl("create", "configmap", "x", user="viewer.kubeconfig", check=False)
        self.assertIn("forbidden", refused.stderr.lower())


class OwnCluster(unittest.TestCase):
    def start(self, *flags):
        c = Cluster(cluster.binary, *flags)
        self.addCleanup(shutil.rmtree, c.dir, ignore_errors=True)
        return c

    def test_old_versions_are_gone(self):
        c = self.start("--compact-every=1s", "--apiserver-arg=--watch-cache=false")
        self.addCleanup(c.end, signal.SIGTERM)
        watch = "/api/v1/namespaces/default/configmaps?watch=1&resourceVersion=2&timeoutSeconds=1"
        eventually(lambda: '"code":410' in c.kubectl("get", "--raw", watch).stdout)

    def ends(self, how):
        c = self.start()
        pids = c.pids()
        self.assertEqual([alive(p) for p in pids], [True] * 5)
        c.end(how)
        eventually(lambda: not any(alive(p) for p in pids), 10)

    def test_sigterm_ends_all(self):
        self.ends(signal.SIGTERM)

    def test_sigkill_ends_all(self):
        self.ends(signal.SIGKILL)
