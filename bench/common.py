"""What the benches share: a server of their own on a real disk, percentiles, tables. build/lemmy must be there."""
import base64
import http.client
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
LEMMY = os.environ.get("LEMMY", str(BUILD / "lemmy"))
SIMULATED_CLUSTER = BUILD / "simulated_cluster"
# So that `finally` ends what was started.
signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))
APPLY = {"Content-Type": "application/apply-patch+yaml"}


def workdir():
    """A folder beside the build, as /tmp may be memory."""
    (BUILD / "bench").mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=BUILD / "bench"))


def clean_environment():
    return {k: v for k, v in os.environ.items() if not k.startswith("LEMMY_") and k != "KUBECONFIG"}


def percentile(values, p):
    """The smallest value that p percent are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-len(ordered) * p // 100) - 1))]


def table(header, rows):
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(str(c) for c in row) + " |")
    sys.stdout.flush()


def summary(what, figure, aim, met):
    """One line of bench/all.sh's table."""
    verdict = {True: "met", False: "not met", None: ""}[met]
    print(f"\n{what}: {figure}; aim {aim or 'none'} {verdict}")
    if file := os.environ.get("BENCH_SUMMARY"):
        with open(file, "a", encoding="utf-8") as out:
            out.write(f"| {what} | {figure} | {aim} | {verdict} |\n")


def memory(pid):
    """(RSS, PSS) in MiB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return tuple(int(re.search(rf"^{key}:\s+(\d+)", text, re.M)[1]) / 1024 for key in ("Rss", "Pss"))


def processor_time(pid):
    """In seconds, of all threads of it and its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return ((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") + sum(map(processor_time, children)))


def end(process, limit=15):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout:
        process.stdout.close()


def call(port, method, path, body=None, headers=None, host="127.0.0.1", timeout=60):
    """(status, text) on a connection of its own."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        text = json.dumps(body) if body is not None else None
        connection.request(method, path, text, {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def wait_for(what, check, limit=60.0, every=0.05):
    stop = time.monotonic() + limit
    while time.monotonic() < stop:
        if value := check():
            return value
        time.sleep(every)
    raise SystemExit(f"not within {limit} s: {what}")


class Lemmy:
    """`lemmy serve` on a free port. Its log is in FOLDER/lemmy.log."""

    def __init__(self, folder, config, kubeconfig, *more, env=None, program=LEMMY):
        self.log = open(folder / "lemmy.log", "a", encoding="utf-8")
        self.process = subprocess.Popen(
            [program, "serve", "--config", str(config), "--data", str(folder / "data"), "--kubeconfig", str(kubeconfig),
             "--port", "0", *map(str, more)],
            stdout=subprocess.PIPE, stderr=self.log, text=True, env=clean_environment() | (env or {}))
        found = re.search(r"listening on http://[^:]+:(\d+)", self.process.stdout.readline())
        if not found:
            end(self.process)
            raise SystemExit("lemmy did not start:\n" + (folder / "lemmy.log").read_text()[-2000:])
        self.port, self.pid = int(found[1]), self.process.pid

    def call(self, method, path, body=None, headers=None):
        return call(self.port, method, path, body, headers)

    def json(self, method, path, body=None, wanted=(200, 202)):
        status, text = self.call(method, path, body)
        if status not in wanted:
            raise SystemExit(f"{method} {path}: {status} {text[:500]}")
        return json.loads(text)

    def announce(self, project, sha, **more):
        return self.json("POST", "/hooks/build", {"project": project, "sha": sha, "branch": "main", **more})

    def deploys(self, project, environment, rest=""):
        return f"/api/v1/projects/{project}/environments/{environment}/deploys{rest}"

    def deploy(self, project, environment, sha):
        answer = self.json("POST", self.deploys(project, environment), {"build": sha})
        return (answer.get("deploy") or answer)["number"]

    def wait_live(self, project, environment, number, limit=60.0):
        def phase():
            deploy = self.json("GET", self.deploys(project, environment, f"/{number}"))["deploy"]
            if deploy["phase"] in ("failed", "cancelled", "superseded"):
                raise SystemExit(f"{project}/{environment} #{number} {deploy['phase']}: {deploy['cause']}")
            return deploy["phase"] == "live"
        wait_for(f"{project}/{environment} #{number} is live", phase, limit)

    def stop(self):
        end(self.process)
        self.log.close()


class SimulatedCluster:
    """In a process of its own, so that what it costs is not Lemmy's."""

    def __init__(self, folder, namespaces, pace=0.05):
        if not SIMULATED_CLUSTER.exists():
            raise SystemExit("build it first: ninja -C build simulated_cluster")
        self.kubeconfig = folder / "kubeconfig"
        self.process = subprocess.Popen([SIMULATED_CLUSTER, self.kubeconfig, "--pace", str(pace), "--namespaces",
                                         ",".join(namespaces)], stdout=subprocess.PIPE, text=True)
        self.port = int(re.search(r":(\d+)$", self.process.stdout.readline().strip())[1])
        self.pid = self.process.pid

    def call(self, method, path, body=None, headers=None):
        return call(self.port, method, path, body, headers)

    def stop(self):
        end(self.process)


def nowhere(folder):
    """A kubeconfig of a cluster that never answers."""
    file = folder / "nowhere.kubeconfig"
    file.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "nowhere",
        "clusters": [{"name": "nowhere", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [{"name": "nowhere", "context": {"cluster": "nowhere", "user": "nobody"}}]}))
    return file


def api_connection(kubeconfig, timeout=60):
    """A connection to the API server of a kubeconfig with certificates in it, or of one without TLS."""
    text = Path(kubeconfig).read_text()
    value = lambda key: re.search(rf"""{key}["']?:\s*["']?([^\s"',}}]+)""", text)[1]
    scheme, host, port = re.match(r"(https?)://([^:/]+):(\d+)", value("server")).groups()
    if scheme == "http":
        return http.client.HTTPConnection(host, int(port), timeout=timeout)
    context = ssl.create_default_context(cadata=base64.b64decode(value("certificate-authority-data")).decode())
    with tempfile.NamedTemporaryFile("wb", suffix=".pem") as pem:
        for key in ("client-certificate-data", "client-key-data"):
            pem.write(base64.b64decode(value(key)) + b"\n")
        pem.flush()
        context.load_cert_chain(pem.name)
    return http.client.HTTPSConnection(host, int(port), timeout=timeout, context=context)


def write_config(folder, environments, projects, access=""):
    """A configuration tree. projects: {name: (environments.json as an object, project.yaml, template)}."""
    config = folder / "config"
    (config / "projects").mkdir(parents=True)
    (config / "environments.yaml").write_text(
        "environments:\n" + "".join(f"  - {{name: {e}}}\n" for e in environments))
    if access:
        (config / "access.yaml").write_text(access)
    for name, (values, yaml, template) in projects.items():
        of = config / "projects" / name
        of.mkdir()
        (of / "environments.json").write_text(json.dumps(values))
        (of / "project.yaml").write_text(yaml)
        (of / "template.json.j2").write_text(template)
    return config


# A service as the sample projects have it, without probes: the simulated nodes know none.
TEMPLATE = """{
  "replicas": {{ config.replicas }},
  "labels": {"team": "bench"},
  "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "{{ ports.debug }}"},
  "containers": [
    {
      "name": "app",
      "image": {{ (build.image or "registry.example.com/" ~ project ~ ":" ~ build.sha) | tojson }},
      "env": {{ config.env | default({}) | tojson }},
      "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
      "ports": [{"name": "rest", "containerPort": {{ ports.rest }}}]
    }
  ]
}
"""


def peer_environment():
    """bin/ of a Python environment with the peers' pinned packages, made when it is missing."""
    venv, pins = BUILD / "bench-venv", ROOT / "bench/peer/requirements.txt"
    stamp = venv / "pinned"
    if not stamp.exists() or stamp.read_text() != pins.read_text():
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        subprocess.run([venv / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                        "--no-deps", "-r", pins], check=True)
        stamp.write_text(pins.read_text())
    return venv / "bin"


def remove(folder):
    shutil.rmtree(folder, ignore_errors=True)
