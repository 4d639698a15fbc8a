"""What hangs outside costs only what needs it: the first page, hooks, other clusters and the end of the server are not
touched by an inventory that takes minutes, by clusters that take all and answer nothing, or by a slow store.

No answer is timed tightly: what is said is that it came while the part that hangs still hung."""
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

from harness import ROOT, Server, wait_until

sys.path.insert(0, str(ROOT / "tests/stores"))
import backends  # noqa: E402

BIN = os.environ.get("LEMMY_ANSIBLE_BIN", str(ROOT / "build/ansible-venv/bin"))
SIMULATED = ROOT / "build" / "simulated_cluster"
USUAL = 5  # seconds: far more than an answer takes, far less than what hangs
LIMIT = 10  # seconds from SIGTERM to the end
# An inventory as of a cloud whose API hangs: longer than any test.
HANGS = """#!/bin/sh
echo $$ >> "%s"
exec sleep 60
"""


def kubeconfig(server):
    return json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "it",
                       "clusters": [{"name": "it", "cluster": {"server": server}}],
                       "users": [{"name": "me", "user": {}}],
                       "contexts": [{"name": "it", "context": {"cluster": "it", "user": "me"}}]})


def runs(pid):
    """A zombie does not: who reaps it is not the server's affair."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class Silent:
    """Takes connections and what is sent, and never says anything."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.taken, self.asked = [], []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.taken.append(client)
            threading.Thread(target=self.read, args=(client,), daemon=True).start()

    def read(self, client):
        try:
            while data := client.recv(65536):
                self.asked.append(data)
        except OSError:
            pass

    def close(self):
        for s in [self.listener, *self.taken]:
            s.close()


class Full:
    """Where a SYN gets no answer, as of a host that is gone or behind a firewall that drops: a queue of connections that
    nobody takes and that is full."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.filling = []
        for _ in range(4):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", self.port))
            self.filling.append(s)

    def drops(self):
        with socket.socket() as s:
            s.settimeout(1)
            try:
                s.connect(("127.0.0.1", self.port))
            except TimeoutError:
                return True
            return False

    def close(self):
        for s in [self.listener, *self.filling]:
            s.close()


class Cluster:
    def __init__(self, folder):
        self.kubeconfig = Path(folder) / "good"
        self.process = subprocess.Popen([SIMULATED, self.kubeconfig, "--pace", "0.05"], stdout=subprocess.PIPE, text=True)
        self.address = re.search(r"(http://\S+)", self.process.stdout.readline())[1]

    def close(self):
        self.process.terminate()
        self.process.wait(10)
        self.process.stdout.close()


class Bulkheads(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="lemmy-test-bulkheads-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.cluster = Cluster(self.folder)
        self.addCleanup(self.cluster.close)

    def serve(self, clusters, environments, *arguments, before=lambda config: None):
        """clusters: name to kubeconfig; environments: name to cluster."""
        server = Server(*arguments)
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


@unittest.skipUnless(os.path.exists(BIN + "/ansible-runner"), "needs tools/ansible.sh")
class Inventories(Bulkheads):
    PROJECTS = [f"hosts-{n}" for n in range(5)]

    def prepare(self, config):
        (config / "ansible/inventory").mkdir(parents=True)
        (config / "ansible/playbooks").mkdir()
        self.pids = self.folder / "inventories"
        script = config / "ansible/inventory/cloud.sh"
        script.write_text(HANGS % self.pids)
        script.chmod(0o755)
        for project in self.PROJECTS:
            (config / "projects" / project).mkdir()
            (config / "projects" / project / "project.yaml").write_text("deployer: ansible\nplaybook: web.yml\nboot: newest\n")
            (config / "projects" / project / "environments.json").write_text('{"staging": {}}')
        (config / "ansible/playbooks/web.yml").write_text("- hosts: all\n  tasks: []\n")

    def hanging(self):
        pids = self.pids.read_text().split() if self.pids.exists() else []
        return [pid for pid in pids if runs(pid)]

    def test_hosts_of_many_projects_boot_while_the_inventory_hangs(self):
        self.serve({"good": self.cluster.kubeconfig}, {"staging": "good"}, "--ansible", BIN, before=self.prepare)
        for project in self.PROJECTS:
            self.announce(project)
            for host in range(3):
                self.usual("POST", "/hooks/instance", 202,
                           body={"project": project, "environment": "staging", "instance_id": f"i-{host}"})
        wait_until(lambda: len(self.hanging()) == len(self.PROJECTS), 60, "not all inventories are asked")
        hung = set(self.hanging())
        of_hosts = self.deploy(self.announce(self.PROJECTS[0]), self.PROJECTS[0])
        pods = self.deploy(self.announce())
        for path in ("/", "/projects/hello-world", f"/projects/{self.PROJECTS[0]}", "/instances", "/deliveries",
                     "/metrics", "/readyz", "/healthz"):
            self.usual("GET", path)
        self.live(pods)
        # A host calls while its project's inventory hangs, and people look at it.
        self.usual("POST", "/hooks/instance", 202,
                   body={"project": self.PROJECTS[1], "environment": "staging", "instance_id": "i-9"})
        found = self.usual("GET", f"/api/v1/projects/{self.PROJECTS[1]}/environments/staging/instances").json["instances"]
        self.assertEqual({i["instance_id"] for i in found}, {"i-0", "i-1", "i-2", "i-9"})
        self.assertEqual({i["state"] for i in found}, {"waiting"})
        self.assertIn(self.phase(of_hosts), ("queued", "preparing", "applying"))
        self.assertEqual(set(self.hanging()) & hung, hung, "an inventory did not hang all the while")
        self.ends()
        self.assertEqual(self.hanging(), [], "an inventory outlives the server")


class BlackHoles(Bulkheads):
    def test_clusters_that_take_all_and_answer_nothing(self):
        silent, full = Silent(), Full()
        self.addCleanup(silent.close)
        self.addCleanup(full.close)
        self.assertTrue(full.drops(), "this kernel answers though its queue is full")
        clusters = {"good": self.cluster.kubeconfig}
        for name, port in (("silent", silent.port), ("drops", full.port)):
            clusters[name] = self.folder / name
            clusters[name].write_text(kubeconfig(f"http://127.0.0.1:{port}"))
        self.serve(clusters, {"staging": "good", "production": "silent", "qa": "drops"})
        wait_until(lambda: silent.asked, 30, "the silent cluster is not asked")
        sha = self.announce()
        hangs = self.deploy(sha, environment="production")
        pods = self.deploy(sha)
        for path in ("/", "/projects/hello-world", "/metrics", "/healthz"):
            self.usual("GET", path)
        self.live(pods)
        again = self.deploy(self.announce())
        self.live(again)
        wait_until(lambda: self.troubles().keys() == {"silent", "drops"}, 40, "it is not said which ones hang")
        self.assertEqual(self.phase(hangs), "preparing", "nothing is applied where nobody answers, and nothing failed")
        for path in ("/", hangs.removeprefix("/api/v1")):
            self.usual("GET", path)
        self.assertTrue(full.drops())
        self.ends()

    def troubles(self):
        return {c["name"]: c["trouble"] for c in self.server.get("/readyz").json["clusters"] if c.get("trouble")}


class Line(backends.Proxy):
    """To a store, that may be slow or still. What comes while it is still is given when it moves again."""

    def __init__(self, port):
        self.moves = threading.Event()
        self.moves.set()
        super().__init__(port)

    def ask(self, client, server):
        try:
            while data := client.recv(65536):
                self.moves.wait()
                server.sendall(data)
        except OSError:
            pass
        self.end(client, server)


class SlowStores(Bulkheads):
    @classmethod
    def setUpClass(cls):
        cls.work = Path(tempfile.mkdtemp(prefix="lemmy-test-slow-"))
        cls.addClassCleanup(shutil.rmtree, cls.work, ignore_errors=True)
        cls.store = backends.Postgres(cls.work)
        cls.addClassCleanup(cls.store.close)

    def on_store(self):
        self.line = Line(self.store.port)
        self.addCleanup(self.line.close)
        self.addCleanup(self.line.moves.set)
        self.serve({"good": self.cluster.kubeconfig}, {"staging": "good"},
                   *self.store.arguments(self.store.fresh(), self.line.port))

    def leads(self):
        return b"\nlemmy_leader 1\n" in self.server.get("/metrics").body

    def test_one_that_answers_after_half_a_second_to_more_than_one(self):
        self.on_store()
        wait_until(self.leads, 20, "it does not lead")
        before = self.deploy(self.announce())
        self.live(before)
        for delay in (0.5, 1.3):
            self.line.delay = delay
            self.usual("GET", "/")
            sha = self.announce()
            self.assertIn(sha[:7], self.usual("GET", "/projects/hello-world").body.decode())
            pods = self.deploy(sha)
            if delay < 1:
                self.live(pods)
            else:
                wait_until(lambda: self.phase(pods) not in ("queued", "preparing"), 40, "it does not go on")
        self.assertTrue(self.leads(), "a slow store costs the lead")
        self.ends()

    def test_one_that_stands_still(self):
        self.on_store()
        wait_until(self.leads, 20, "it does not lead")
        sha = self.announce()
        self.live(self.deploy(sha))
        page = "/projects/hello-world"
        self.usual("GET", page)
        newer = self.announce()
        under_way = self.deploy(newer)
        wait_until(lambda: self.phase(under_way) not in ("queued", "preparing"), 20)
        self.line.moves.clear()  # until it is told to go on: whatever answers does so meanwhile
        self.assertIn(sha[:7], self.usual("GET", "/").body.decode())
        refused = self.usual("POST", "/hooks/build", 503, limit=20,
                             body={"project": "hello-world", "sha": "abcdef1", "branch": "main"})
        self.assertGreater(int(refused.headers["retry-after"]), 0)
        self.assertIn(sha[:7], self.usual("GET", page, limit=20).body.decode(), "what was last known")
        wait_until(lambda: self.server.get("/readyz").status == 503, 20, "nobody says it")
        self.assertIn("Trouble with the store", self.usual("GET", "/").body.decode())
        self.assertIn(sha[:7], self.usual("GET", page).body.decode())
        self.line.moves.set()
        self.live(under_way)
        history = [e["phase"] for e in self.server.get(under_way).json["history"] if e["kind"] == "phase"]
        self.assertEqual(len(history), len(set(history)), f"a phase was entered twice: {history}")
        self.announce()
        self.line.moves.clear()
        self.usual("GET", "/healthz")
        self.ends()


if __name__ == "__main__":
    unittest.main()
