"""Several Lemmy servers on one PostgreSQL: one leads, another takes over, and nothing is lost or done twice."""
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/kubernetes"))
from harness import Config, Lemmy, new_sha, wait_for  # noqa: E402


class Proxy:
    """TCP between one server and the store: to be cut and mended."""

    def __init__(self, port):
        self.to, self.up, self.pairs = port, True, set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            if not self.up:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                client.close()
                continue
            self.pairs |= {client, server}
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self.pump, args=(a, b), daemon=True).start()

    def pump(self, a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass
        for s in (a, b):
            self.pairs.discard(s)
            s.close()

    def cut(self):
        self.up = False
        for s in list(self.pairs):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def mend(self):
        self.up = True


class Replicas(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = Path(tempfile.mkdtemp(prefix="lemmy-replicas-"))
        cls.pg = cls.work / "pg"
        os.chmod(cls.work, 0o755)
        subprocess.run([ROOT / "tests/stores/postgres.sh", "start", cls.pg, str(os.getpid())], check=True)
        cls.pg_port = int((cls.pg / "port").read_text())
        cls.cluster = subprocess.Popen(
            [ROOT / "build/simulated_cluster", cls.work / "kubeconfig", "--pace", "0.2", "--namespaces", "staging"],
            stdout=subprocess.PIPE, text=True)
        url = re.match(r"ready http://([^:/]+):(\d+)", cls.cluster.stdout.readline())
        cls.api = (url.group(1), int(url.group(2)))

    @classmethod
    def tearDownClass(cls):
        cls.cluster.terminate()
        cls.cluster.wait(10)
        cls.cluster.stdout.close()
        subprocess.run([ROOT / "tests/stores/postgres.sh", "stop", cls.pg], check=True)
        shutil.rmtree(cls.work, ignore_errors=True)

    def setUp(self):
        """Each test has a schema and projects of its own."""
        self.schema = "s" + secrets.token_hex(4)
        self.project = "p" + secrets.token_hex(4)
        folder = self.work / self.schema
        self.config = Config(folder / "config")
        self.config.project(self.project, {"staging": {"replicas": 2}}, yaml="settle: 2s\n")
        self.sql(f"CREATE SCHEMA {self.schema}")
        self.servers, self.proxies = [], []

    def tearDown(self):
        for s in self.servers:
            if s.alive():
                s.process.send_signal(signal.SIGCONT)
            s.stop()
            s.log.close()
            s.process.stdout.close()
        for p in self.proxies:
            p.listener.close()

    def sql(self, text):
        # As the user whose tables they become; TCP wants its password.
        done = subprocess.run(["psql", "-h", "127.0.0.1", "-p", str(self.pg_port), "-U", "lemmy", "-d", "lemmy", "-qAt",
                               "-c", text], env={**os.environ, "PGPASSWORD": "pa:ss@w/ord?"}, capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def server(self):
        proxy = Proxy(self.pg_port)
        url = (f"postgres://lemmy:{quote('pa:ss@w/ord?', safe='')}@127.0.0.1:{proxy.port}/lemmy"
               f"?options=-csearch_path%3D{self.schema}")
        data = self.work / self.schema / f"data{len(self.servers)}"
        s = Lemmy(self.config.dir, data, self.work / "kubeconfig", "--store", url)
        s.start()
        s.proxy = proxy
        self.proxies.append(proxy)
        self.servers.append(s)
        return s

    def leads(self, s):
        try:
            return "\nlemmy_leader 1\n" in s.call("GET", "/metrics")[1]
        except OSError:
            return False

    def leader(self, *among, limit=15):
        return wait_for("a server leads", lambda: next((s for s in among if self.leads(s)), None), limit)

    def controllers(self):
        connection = http.client.HTTPConnection(*self.api, timeout=10)
        connection.request("GET", "/api/v1/namespaces/staging/replicationcontrollers")
        items = json.loads(connection.getresponse().read())["items"]
        connection.close()
        return [i for i in items if i["metadata"]["labels"].get("project") == self.project]

    def pair(self):
        a = self.server()
        self.leader(a)
        return a, self.server()

    def test_any_server_takes_requests_and_all_show_what_became_of_them(self):
        a, b = self.pair()
        self.assertFalse(self.leads(b))
        sha = new_sha()
        b.announce(self.project, sha)
        n = b.deploy(self.project, "staging", sha)
        for s in (a, b):
            s.wait_phase(self.project, "staging", n, "live", limit=30)
        self.assertEqual(b.act(self.project, "staging", n, "zero", confirm=True)[0], 202)
        for s in (a, b):
            s.wait_presence(self.project, "staging", n, "zeroed")
        self.assertEqual(len(self.controllers()), 1)

    def test_another_takes_over_within_10_s_when_the_leader_is_killed_in_mid_deploy(self):
        a, b = self.pair()
        sha = new_sha()
        a.announce(self.project, sha)
        n = a.deploy(self.project, "staging", sha)
        a.wait_phase(self.project, "staging", n, "applying", "rolling_out", "settling", limit=20)
        a.kill()
        self.leader(b, limit=10)
        b.wait_phase(self.project, "staging", n, "live", limit=30)
        self.assertEqual(len(self.controllers()), 1, "nothing twice")

    def test_a_leader_that_was_paused_cannot_write_when_it_wakes(self):
        a, b = self.pair()
        sha = new_sha()
        b.announce(self.project, sha)
        n = b.deploy(self.project, "staging", sha)
        a.wait_phase(self.project, "staging", n, "rolling_out", "settling", "live", limit=20)
        a.process.send_signal(signal.SIGSTOP)
        self.leader(b, limit=10)
        b.wait_phase(self.project, "staging", n, "live", limit=30)
        a.process.send_signal(signal.SIGCONT)
        wait_for("the old one to see it", lambda: not self.leads(a), 10)
        self.assertTrue(self.leads(b))
        history = [e["phase"] for e in b.status(self.project, "staging", n)["history"] if e["kind"] == "phase"]
        self.assertEqual(len(history), len(set(history)), "no phase was entered twice")
        sha = new_sha()
        a.announce(self.project, sha)
        again = a.deploy(self.project, "staging", sha)
        b.wait_phase(self.project, "staging", again, "live", limit=30)

    def test_a_leader_cut_from_the_store_makes_way_and_comes_back(self):
        a, b = self.pair()
        a.proxy.cut()
        self.leader(b, limit=12)
        sha = new_sha()
        self.assertIn(a.call("POST", "/hooks/build", {"project": self.project, "sha": sha, "branch": "main"})[0],
                      (503, 504), "nothing is accepted that cannot be kept")
        b.announce(self.project, sha)
        n = b.deploy(self.project, "staging", sha)
        b.wait_phase(self.project, "staging", n, "live", limit=30)
        a.proxy.mend()
        a.wait_phase(self.project, "staging", n, "live", limit=30)
        self.assertFalse(self.leads(a))

    def test_a_leader_that_stops_lets_the_next_begin_at_once(self):
        a, b = self.pair()
        a.stop()
        began = time.monotonic()
        self.leader(b, limit=10)
        self.took = time.monotonic() - began

    def test_a_viewer_that_moves_to_another_server_misses_no_step(self):
        a, b = self.pair()
        sha = new_sha()
        a.announce(self.project, sha)
        n = a.deploy(self.project, "staging", sha)
        path = a.deploys_path(self.project, "staging", f"/{n}/events?follow=finish")
        seen, last = [], None
        for s, most in ((a, 2), (b, 100)):
            connection = http.client.HTTPConnection("127.0.0.1", s.port, timeout=30)
            connection.request("GET", path, headers={"Last-Event-ID": last} if last else {})
            answer, event, here = connection.getresponse(), {}, 0
            while line := answer.readline().decode():
                line = line.rstrip("\n")
                if line:
                    key, _, value = line.partition(":")
                    event[key] = value.strip()
                    continue
                if event.get("event") == "history":
                    seen.append(json.loads(event["data"]))
                    last, here = event.get("id", last), here + 1
                if event.get("event") == "end" or here >= most:
                    break
                event = {}
            connection.close()
        self.assertEqual([e["seq"] for e in seen], sorted({e["seq"] for e in seen}), "each once, in order")
        self.assertEqual(seen[-1]["phase"], "live")
        stored = b.status(self.project, "staging", n)["history"]
        self.assertEqual([e["seq"] for e in seen], [e["seq"] for e in stored])

    def test_three_servers_under_load_while_leaders_die_lose_nothing(self):
        servers = [self.server() for _ in range(3)]
        kept, stop = [], threading.Event()

        def push():
            while not stop.is_set():
                sha = new_sha()
                for s in servers:
                    try:
                        code, _ = s.call("POST", "/hooks/build",
                                         {"project": self.project, "sha": sha, "branch": "main"})
                        if code == 202:
                            kept.append(sha)
                            break
                    except OSError:
                        continue
                time.sleep(0.4)

        threads = [threading.Thread(target=push) for _ in range(3)]
        for t in threads:
            t.start()
        numbers = []
        for _ in range(3):
            lead = self.leader(*[s for s in servers if s.alive()], limit=20)
            other = next(s for s in servers if s is not lead)
            sha = new_sha()
            other.announce(self.project, sha)
            numbers.append(other.deploy(self.project, "staging", sha))
            time.sleep(1)
            lead.kill()
            lead.start()
        stop.set()
        for t in threads:
            t.join()
        servers[0].wait_phase(self.project, "staging", numbers[-1], "live", limit=60)
        for n in numbers[:-1]:
            self.assertIn(servers[0].status(self.project, "staging", n)["deploy"]["phase"], ("live", "superseded"))
        self.assertEqual(int(self.sql(f"SELECT count(*) FROM {self.schema}.lemmy_builds")), len(set(kept)) + 3)
        names = [c["metadata"]["name"] for c in self.controllers()]
        self.assertEqual(len(names), len(set(names)))


if __name__ == "__main__":
    unittest.main()
