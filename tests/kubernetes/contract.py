"""The API servers that the contract is tested on, the real one and the simulated one, and how a case asks them."""
import http.client
import json
import re
import secrets
import ssl
import subprocess
import tempfile
from pathlib import Path

from harness import ROOT, control_plane

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


class Contract:
    """Each case has a namespace of its own."""
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


class OnReal:
    @classmethod
    def setUpClass(cls):
        cls.server = Real()


class OnSimulated:
    @classmethod
    def setUpClass(cls):
        cls.server = Simulated()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
