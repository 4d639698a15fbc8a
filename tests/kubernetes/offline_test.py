"""What `lemmy validate` says of manifests without a cluster, beside what a real API server says of the same."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from harness import LEMMY, ROOT, Config, control_plane

GOOD = {
    "plain": {},
    "probes": {"livenessProbe": {"httpGet": {"path": "/", "port": "grpc"}, "periodSeconds": 5},
               "ports": [{"containerPort": 80, "name": "grpc"}, {"containerPort": 80, "name": "quic", "protocol": "UDP"}]},
    "nothing": {"securityContext": None, "args": []},
    "devices": {"resources": {"limits": {"cpu": 2, "memory": "1Gi", "nvidia.com/gpu": 1}}},
    "keys": {"env": [{"name": "A", "value": "b"}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]},
}
BAD = {
    "misspelt": ({"livenesProbe": {}}, "Container has no such field"),
    "deeper": ({"livenessProbe": {"httpGet": {"path": "/", "prot": 80, "port": 80}}}, "HTTPGetAction has no such field"),
    "port-text": ({"ports": [{"containerPort": "80"}]}, "leave the quotation marks out"),
    "number": ({"args": ["a", 1]}, "put it in quotation marks"),
    "yes": ({"tty": "yes"}, "true or false is expected"),
    "fraction": ({"livenessProbe": {"exec": {"command": ["true"]}, "periodSeconds": 2.5}}, "a whole number is expected"),
    "port-twice": ({"ports": [{"containerPort": 80}, {"containerPort": 80, "protocol": "TCP"}]}, "already"),
    "port-range": ({"ports": [{"containerPort": 70000}]}, "a port is from 1 to 65535"),
    "port-name": ({"ports": [{"containerPort": 80, "name": "Http"}]}, "not the name of a container's port"),
    "user": ({"securityContext": {"runAsUser": "0"}}, "a whole number is expected"),
    "quantity": ({"resources": {"requests": {"memory": "1 Gi"}}}, "is not a quantity"),
    "probe-port": ({"readinessProbe": {"tcpSocket": {}}}, "TCPSocketAction needs 'port'"),
    "mount": ({"volumeMounts": [{"name": "v"}]}, "VolumeMount needs 'mountPath'"),
    "policy": ({"imagePullPolicy": "always"}, "did you mean 'Always'?"),
    "message-policy": ({"terminationMessagePolicy": "Logs"}, "it is one of FallbackToLogsOnError and File"),
    "scheme": ({"livenessProbe": {"httpGet": {"port": 80, "scheme": "http"}}}, "it is one of HTTP and HTTPS"),
    "bits": ({"livenessProbe": {"exec": {"command": ["true"]}, "periodSeconds": 3000000000}}, "it does not fit into 32 bits"),
    "no-handler": ({"readinessProbe": {"periodSeconds": 5}}, "a probe needs one of"),
    "handlers": ({"livenessProbe": {"exec": {"command": ["true"]}, "tcpSocket": {"port": 80}}}, "this has exec and tcpSocket"),
    "hook": ({"lifecycle": {"preStop": {}}}, "a hook needs one of"),
    "no-source": ({"env": [{"name": "A", "valueFrom": {}}]}, "a source needs one of"),
    "sources": ({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"},
                                                     "secretKeyRef": {"name": "s", "key": "k"}}}]}, "this has fieldRef and"),
    "port-names": ({"ports": [{"containerPort": 80, "name": "a"}, {"containerPort": 81, "name": "a"}]},
                   "another port of the list has the name 'a'"),
    "no-volume": ({"volumeMounts": [{"name": "v", "mountPath": "/v"}]}, "there is no volume 'v'"),
}
PODS = {"dns": ({"dnsPolicy": "clusterfirst"}, "did you mean 'ClusterFirst'?"),
        "tolerates": ({"tolerations": [{"key": "a", "operator": "Exist"}]}, "did you mean 'Exists'?"),
        "spreads": ({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "Never"}]},
                    "it is one of DoNotSchedule and ScheduleAnyway"),
        "service": ({"service": {"type": "clusterIP"}}, "did you mean 'ClusterIP'?"),
        "families": ({"service": {"ipFamilies": ["ipv4"]}}, "did you mean 'IPv4'?"),
        "unnamed": ({"service": {"ports": [{"port": 80, "name": "a"}, {"port": 81}]}}, "each of several ports needs a name"),
        "named-twice": ({"service": {"ports": [{"port": 80, "name": "a"}, {"port": 81, "name": "a"}]}},
                        "another port of the list has the name 'a'"),
        "effects": ({"tolerations": [{"key": "a", "effect": "", "operator": "Exists"}]}, None),
        "headless": ({"service": {"clusterIP": "None", "ports": []}}, None)}
VOLUMES = {"v": ([{"name": "v", "emptyDir": {"sizeLimit": "1Gi"}}], None),
           "v-kind": ([{"name": "v", "emtyDir": {}}], "Volume has no such field"),
           "v-empty": ([{"name": "v"}], None),
           "v-kinds": ([{"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}}], "this has emptyDir and hostPath"),
           "v-twice": ([{"name": "v", "emptyDir": {}}, {"name": "v", "emptyDir": {}}], "name v already"),
           "v-name": ([{"name": "a_b", "emptyDir": {}}], "not a name that Kubernetes takes")}


class Offline(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.plane = control_plane()
        cls.plane.namespace("offline")
        cls.work = Path(tempfile.mkdtemp(prefix="lemmy-offline-"))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.work, ignore_errors=True)

    def verdicts(self, name, container, volumes=None, **more):
        """(what validate says, what the API server says); None: nothing is wrong."""
        config = Config(self.work / name)
        config.environments("environments:\n- name: offline\n")
        final = {"replicas": 1, "containers": [{"name": "app", "image": "registry.example.com/a:1", **container}], **more}
        if volumes is not None:
            final["volumes"] = volumes
        config.project("shop", {"offline": {}}, template=json.dumps(final, indent=1))
        said = subprocess.run([LEMMY, "validate", "--config", config.dir], text=True, capture_output=True)
        made = subprocess.run([LEMMY, "render", "shop", "offline", "--build", "0123456", "--config", config.dir,
                               "--show", "manifests"], text=True, capture_output=True)
        if made.returncode:
            return said.stderr if said.returncode else None, made.stderr
        file = self.work / f"{name}.json"
        file.write_text(made.stdout)
        try:
            self.plane.kubectl("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", str(file))
            return said.stderr if said.returncode else None, None
        except AssertionError as e:
            return said.stderr if said.returncode else None, str(e)

    def test_what_the_api_server_takes_is_valid(self):
        for name, container in GOOD.items():
            with self.subTest(name):
                self.assertEqual(self.verdicts(name, container), (None, None))

    def test_what_the_api_server_refuses_is_told_with_the_line(self):
        for name, (container, words) in BAD.items():
            with self.subTest(name):
                ours, theirs = self.verdicts(name, container)
                self.assertIsNotNone(theirs, "the API server takes it")
                self.assertIn(words, ours or "")
                self.assertIn("projects/shop/template.json.j2", ours)

    def test_volumes(self):
        for name, (volumes, words) in VOLUMES.items():
            with self.subTest(name):
                ours, theirs = self.verdicts(name, {}, volumes)
                self.assertEqual(ours is None, theirs is None, (ours, theirs))
                self.assertIn(words or "", ours or "")

    def test_pods_and_services(self):
        for name, (more, words) in PODS.items():
            with self.subTest(name):
                ours, theirs = self.verdicts("pod-" + name, {}, **more)
                self.assertEqual(ours is None, theirs is None, (ours, theirs))
                self.assertIn(words or "", ours or "")

    def test_fields_of_a_newer_kubernetes_may_be_warnings(self):
        config = Config(self.work / "newer")
        final = {"replicas": 1, "containers": [{"name": "app", "image": "a:1", "someNewField": True}]}
        config.project("shop", {"offline": {}}, template=json.dumps(final))
        for more, code in (((), 2), (("--newer-fields",), 0)):
            done = subprocess.run([LEMMY, "validate", "--config", config.dir, *more], text=True, capture_output=True)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn("containers[app].someNewField: Container has no such field", done.stderr)

    def test_the_schema_is_that_of_the_control_plane(self):
        modules = subprocess.run(["go", "env", "GOMODCACHE"], text=True, capture_output=True).stdout.strip() \
            if shutil.which("go") else os.path.expanduser("~/go/pkg/mod")
        found = sorted(Path(modules).glob("k8s.io/kubernetes@*"))
        if not found:
            self.skipTest("the module of Kubernetes is not there: the control plane was built before")
        made = subprocess.run([ROOT / "tools/kubernetes-schema.py", found[-1], "1.34"], text=True, capture_output=True)
        self.assertEqual(made.stdout, (ROOT / "src/manifest/kubernetes_schema.json").read_text())
