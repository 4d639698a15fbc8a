"""A server of which something outside hangs, and how it is told that the rest does not.

No answer is timed tightly: what is said is that it came while the part that hangs still hung."""
import atexit
import functools
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from harness import ROOT, Server, wait_until

sys.path.insert(0, str(ROOT / "tests/stores"))
import backends  # noqa: E402

USUAL = 5  # seconds: far more than an answer takes, far less than what hangs
LIMIT = 10  # seconds from SIGTERM to the end


@functools.cache
def hanging():
    folder = Path(tempfile.mkdtemp(prefix="lemmy-hang-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    subprocess.run([shutil.which("cc") or "clang-19", "-std=gnu11", "-Wall", "-Werror", "-O1", "-shared", "-fPIC", "-o",
                    folder / "hang.so", Path(__file__).with_name("hang.c"), "-ldl"], check=True)
    return folder / "hang.so"


class Hanging:
    """A file or folder that a server cannot open for as long as `hang` is on; `env` is for the server."""

    def __init__(self, path):
        self.now = Path(f"{path}.now")
        self.env = {"LD_PRELOAD": str(hanging()), "HANGS": str(path)}

    def hang(self, on=True):
        self.now.touch() if on else self.now.unlink()


class Bulkheads(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="lemmy-test-bulkheads-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.cluster = backends.Cluster(self.folder, ["staging"], 0.05)
        self.addCleanup(self.cluster.stop)

    def serve(self, clusters, environments, *arguments, before=lambda config: None, env=None):
        """clusters: name to kubeconfig; environments: name to cluster."""
        server = Server(*arguments)
        server.env |= env or {}
        self.addCleanup(server.stop)
        lines = [f"  {name}: {{kubeconfig: {file}}}\n" for name, file in clusters.items()]
        (server.config / "clusters.yaml").write_text("clusters:\n" + "".join(lines))
        lines = [f"- {{name: {name}, cluster: {cluster}}}\n" for name, cluster in environments.items()]
        (server.config / "environments.yaml").write_text("environments:\n" + "".join(lines))
        (server.config / "projects/hello-world/project.yaml").write_text("settle: 1s\n")
        before(server.config)
        self.server = server.start()
        return server

    def usual(self, method, path, *expected, body=None, limit=USUAL):
        began = time.monotonic()
        answer = self.server.call(method, path, body)
        took = time.monotonic() - began
        self.assertIn(answer.status, expected or (200,), f"{path}: {answer.body}")
        self.assertLess(took, limit, path)
        return answer

    def announce(self, project="hello-world", limit=USUAL):
        sha = secrets.token_hex(20)
        self.usual("POST", "/hooks/build", 202, body={"project": project, "sha": sha, "branch": "main"}, limit=limit)
        return sha

    def deploy(self, sha, project="hello-world", environment="staging", limit=USUAL):
        path = f"/api/v1/projects/{project}/environments/{environment}/deploys"
        return f"{path}/{self.usual('POST', path, 202, body={'build': sha}, limit=limit).json['number']}"

    def phase(self, path):
        return self.server.get(path).json["deploy"]["phase"]

    def live(self, path, limit=40):
        wait_until(lambda: self.phase(path) == "live", limit, f"{path} does not go live")

    def ends(self):
        process, began = self.server.process, time.monotonic()
        self.server.end()
        self.assertLess(time.monotonic() - began, LIMIT)
        self.assertEqual(process.returncode, 0)
