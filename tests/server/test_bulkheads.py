"""What hangs outside costs only what needs it: the first page, hooks, other clusters and the end of the server are not
touched by an inventory that takes minutes, or by clusters that take all and answer nothing."""
import os
import socket
import threading
import unittest
from pathlib import Path

import bulkheads  # its import puts tests/stores on the path
import backends
from harness import ROOT, wait_until
from proxy import Listener

BIN = os.environ.get("LEMMY_ANSIBLE_BIN", str(ROOT / "build/ansible-venv/bin"))
# An inventory as of a cloud whose API hangs: longer than any test.
HANGS = """#!/bin/sh
echo $$ >> "%s"
exec sleep 60
"""


def runs(pid):
    """A zombie does not: who reaps it is not the server's affair."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class Silent(Listener):
    """Takes connections and what is sent, and never says anything."""

    def __init__(self):
        self.clients, self.asked = [], []
        super().__init__()

    def connected(self, client):
        self.clients.append(client)
        threading.Thread(target=self.read, args=(client,), daemon=True).start()

    def read(self, client):
        try:
            while data := client.recv(65536):
                self.asked.append(data)
        except OSError:
            pass

    def close(self):
        super().close()
        for s in self.clients:
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


@unittest.skipUnless(os.path.exists(BIN + "/ansible-runner"), "needs tools/ansible.sh")
class Inventories(bulkheads.Bulkheads):
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


class Kubeconfigs(bulkheads.Bulkheads):
    def test_one_that_hangs_holds_up_neither_the_start_nor_other_clusters_nor_edits(self):
        file = self.folder / "away"
        file.write_text(backends.kubeconfig("http://127.0.0.1:1"))
        hanging = bulkheads.Hanging(file)
        hanging.hang()
        clusters = {"good": self.cluster.kubeconfig, "away": file}
        self.serve(clusters, {"staging": "good", "production": "away"}, env=hanging.env)
        self.live(self.deploy(self.announce()))
        said = {c["name"]: c for c in self.server.get("/readyz").json["clusters"]}
        self.assertIn("could not be read", said["away"]["trouble"])
        self.assertTrue(said["good"]["ok"])
        project = self.server.config / "projects/hello-world"
        project.rename(project.with_name("other"))
        wait_until(lambda: "other" in [p["name"] for p in self.server.get("/api/v1/projects").json["projects"]], 20)
        hanging.hang(False)
        wait_until(lambda: "could not be read" not in str(self.server.get("/readyz").json["clusters"]), 40)
        hanging.hang()
        self.ends()


class BlackHoles(bulkheads.Bulkheads):
    def test_clusters_that_take_all_and_answer_nothing(self):
        silent, full = Silent(), Full()
        self.addCleanup(silent.close)
        self.addCleanup(full.close)
        self.assertTrue(full.drops(), "this kernel answers though its queue is full")
        clusters = {"good": self.cluster.kubeconfig}
        for name, port in (("silent", silent.port), ("drops", full.port)):
            clusters[name] = self.folder / name
            clusters[name].write_text(backends.kubeconfig(f"http://127.0.0.1:{port}"))
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


if __name__ == "__main__":
    unittest.main()
