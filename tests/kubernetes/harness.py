"""A real control plane and a real `lemmy serve` on it. One control plane for all tests of a run."""
import atexit
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LEMMY = os.environ.get("LEMMY", str(ROOT / "build" / "lemmy"))

# Which kind of controllers the projects have: these tests hold for each that stands beside the deploys before.
WORKLOAD = os.environ.get("LEMMY_TEST_WORKLOAD", "replication-controller")
KIND = {"replication-controller": "rc", "deployment": "deployment"}[WORKLOAD]
CONTROLLER = {"rc": "ReplicationController", "deployment": "Deployment"}[KIND]

TEMPLATE = """{
  "replicas": {{ config.replicas | default(2) }},
  {% if config.autoscale is defined %}"autoscale": {{ config.autoscale | tojson }},{% endif %}
  "annotations": {{ (config.vars | default({})).annotations | default({}) | tojson }},
  "containers": [
    {
      "name": "app",
      "image": {{ build.image | default("registry.example.com/" ~ project ~ ":" ~ build.sha, true) | tojson }},
      "env": {{ config.env | default({}) | tojson }},
      "resources": {{ config.resources | default({"requests": {"cpu": "100m"}}) | tojson }}
    }
  ]
}
"""


def wait_for(what, check, limit=60.0, every=0.1):
    """The first true value of check(); fails with what and the last value after `limit` seconds."""
    end = time.monotonic() + limit
    value = None
    while time.monotonic() < end:
        value = check()
        if value:
            return value
        time.sleep(every)
    raise AssertionError(f"not within {limit} s: {what}; the last was {value!r}")


class ControlPlane:
    def __init__(self):
        built = subprocess.run([ROOT / "tools/testcluster/build.sh"], check=True, stdout=subprocess.PIPE, text=True)
        self.binary = built.stdout.strip().splitlines()[-1]
        self.dir = Path(tempfile.mkdtemp(prefix="lemmy-cluster-")) / "cluster"
        self.process = subprocess.Popen(
            [self.binary, "up", "--dir", self.dir, "--controller-manager-arg=--controllers=deployment-controller"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("ready"):
            raise RuntimeError(f"the control plane did not start: {line}{self.process.stderr.read()}")
        self.kubeconfig = self.dir / "kubeconfig"

    def kubectl(self, *args, check=True, stdin=None):
        done = subprocess.run([self.binary, "kubectl", f"--kubeconfig={self.kubeconfig}", *args], text=True,
                              capture_output=True, input=stdin, timeout=60)
        if check and done.returncode != 0:
            raise AssertionError(f"kubectl {' '.join(args)}: {done.stderr}")
        return done.stdout

    def get(self, *args):
        return json.loads(self.kubectl("get", *args, "-o", "json"))

    def namespace(self, name):
        if f"namespace/{name}" not in self.kubectl("get", "namespaces", "-o", "name").split():
            self.kubectl("create", "namespace", name)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        shutil.rmtree(self.dir.parent, ignore_errors=True)


_plane = None


def control_plane():
    global _plane
    if _plane is None:
        _plane = ControlPlane()
        atexit.register(_plane.stop)
    return _plane


class Config:
    """A configuration tree that a test writes."""

    def __init__(self, folder):
        self.dir = Path(folder)
        self.projects = self.dir / "projects"
        self.projects.mkdir(parents=True)

    def environments(self, text):
        (self.dir / "environments.yaml").write_text(text)

    def project(self, name, environments, yaml="", files=None, template=TEMPLATE):
        folder = self.projects / name
        folder.mkdir(exist_ok=True)
        workload = "" if KIND == "rc" else f"workload: {WORKLOAD}\n"
        (folder / "project.yaml").write_text(workload + (yaml or "settle: 1s\ndeadline: 10s\n"))
        (folder / "environments.json").write_text(json.dumps(environments))
        (folder / "template.json.j2").write_text(template)
        for file, text in (files or {}).items():
            (folder / "config").mkdir(exist_ok=True)
            (folder / "config" / file).write_text(text)


class Lemmy:
    """A `lemmy serve`; start() again after kill() goes on with the same store."""

    def __init__(self, config_dir, data_dir, kubeconfig, *more, env=None):
        self.more, self.env = more, env or {}
        self.config_dir, self.data_dir, self.kubeconfig = str(config_dir), str(data_dir), str(kubeconfig)
        self.process = None
        self.port = None
        self.own_port = 0  # a free one at each start
        self.log = open(os.path.join(tempfile.gettempdir(), f"lemmy-{secrets.token_hex(4)}.log"), "w+")

    def start(self, crash_at=None):
        env = dict(os.environ) | self.env
        env.pop("LEMMY_CRASH_AT", None)
        if crash_at:
            env["LEMMY_CRASH_AT"] = str(crash_at)
        self.process = subprocess.Popen(
            [LEMMY, "serve", "--config", self.config_dir, "--data", self.data_dir, "--kubeconfig", self.kubeconfig,
             "--port", str(self.own_port), *self.more], stdout=subprocess.PIPE, stderr=self.log, text=True, env=env)
        line = self.process.stdout.readline()
        found = re.match(r"listening on http://[^:]+:(\d+)", line)
        if not found:
            code = self.process.wait()
            if crash_at and code == -signal.SIGKILL:
                return False
            raise AssertionError(f"lemmy did not start: {line!r}\n{self.said()}")
        self.port = int(found.group(1))
        return True

    def said(self):
        self.log.flush()
        return Path(self.log.name).read_text()[-8000:]

    def leads(self):
        try:
            return "\nlemmy_leader 1\n" in self.call("GET", "/metrics")[1]
        except (OSError, http.client.HTTPException):
            return False

    def alive(self):
        return self.process.poll() is None

    def died(self, within=2.0):
        """True when it is dead, or dies within a moment: its connections close before it is gone."""
        try:
            self.process.wait(within)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        """Ends it, and looks at how it ended, now or before: well, or killed by a test."""
        if not self.process:
            return
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"lemmy did not stop on SIGTERM\n{self.said()}")
        self.process.stdout.close()
        code = self.process.returncode
        assert code in (0, -signal.SIGKILL), f"lemmy ended with {code}\n{self.said()}"

    def call(self, method, path, body=None, headers=None, source=None):
        """(status, JSON or text). Connection errors come as OSError. source: another address of this machine, as
        limits are each caller's own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20, source_address=source and (source, 0))
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, path, text, {"Content-Type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            data = answer.read().decode()
            return answer.status, (json.loads(data) if "json" in (answer.headers["Content-Type"] or "") else data)
        finally:
            connection.close()

    def announce(self, project, sha, **more):
        status, answer = self.call("POST", "/hooks/build", {"project": project, "sha": sha, "branch": "main", **more})
        assert status == 202, (status, answer)
        return answer

    def deploys_path(self, project, environment, rest=""):
        return f"/api/v1/projects/{project}/environments/{environment}/deploys{rest}"

    def deploy(self, project, environment, sha, request_id=None, reason=""):
        status, answer = self.call("POST", self.deploys_path(project, environment), {"build": sha, "reason": reason},
                                   {"Idempotency-Key": request_id} if request_id else None)
        assert status == 202, (status, answer)
        return (answer.get("deploy") or answer)["number"]

    def deployed(self, project, environment, *phases, **build):
        """A new build of it, announced, deployed, and in one of the phases (live unless told)."""
        sha = new_sha()
        self.announce(project, sha, **build)
        n = self.deploy(project, environment, sha)
        self.wait_phase(project, environment, n, *(phases or ["live"]))
        return n

    def answers(self, project, environment, number):
        """{deploy: pods} that get requests now, as the API tells."""
        said = self.status(project, environment, number)["answers"]
        return said and {d["number"]: d["pods"] for d in said["deploys"]}

    def status(self, project, environment, number):
        status, answer = self.call("GET", self.deploys_path(project, environment, f"/{number}"))
        assert status == 200, (status, answer)
        return answer

    def act(self, project, environment, number, action, **body):
        return self.call("POST", self.deploys_path(project, environment, f"/{number}/{action}"), body)

    def wait_phase(self, project, environment, number, *phases, limit=180):
        def check():
            s = self.status(project, environment, number)
            return s if s["deploy"]["phase"] in phases else None
        try:
            return wait_for(f"{project}/{environment} #{number} to be {phases}", check, limit)
        except AssertionError as e:
            raise AssertionError(f"{e}\n{json.dumps(self.status(project, environment, number))[:3000]}\n{self.said()}")

    def wait_presence(self, project, environment, number, presence, limit=30):
        wait_for(f"#{number} to be {presence}",
                 lambda: self.status(project, environment, number)["deploy"]["presence"] == presence, limit)


def new_sha():
    return secrets.token_hex(20)
