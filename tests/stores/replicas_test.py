"""Several Lemmy servers on one store, PostgreSQL or Datastore: one leads, another takes over, and nothing is lost or done twice."""
import html
import http.client
import json
import re
import secrets
import signal
import sys
import threading
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/kubernetes"))
from harness import Config, Lemmy, new_sha, wait_for  # noqa: E402
import backends  # noqa: E402
from proxy import Proxy  # noqa: E402


class Replicas(backends.OnStore):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster = backends.Cluster(cls.work, ["staging"], 0.2)
        cls.addClassCleanup(cls.cluster.stop)

    def setUp(self):
        """Each test has a place in the store and projects of its own."""
        self.place = self.store.fresh()
        self.project = "p" + secrets.token_hex(4)
        self.folder = self.work / self.project
        self.config = Config(self.folder / "config")
        self.config.project(self.project, {"staging": {"replicas": 2}}, yaml="settle: 2s\n")
        self.servers, self.proxies = [], []

    def tearDown(self):
        for s in self.servers:
            if s.alive():
                s.process.send_signal(signal.SIGCONT)
            s.stop()
            s.log.close()
            s.process.stdout.close()
        for p in self.proxies:
            p.close()

    def server(self):
        proxy = Proxy(self.store.port)
        s = Lemmy(self.config.dir, self.folder / f"data{len(self.servers)}", self.cluster.kubeconfig,
                  *self.store.arguments(self.place, proxy.port), env=self.store.env(proxy.port))
        s.start()
        s.proxy = proxy
        self.proxies.append(proxy)
        self.servers.append(s)
        return s

    def leader(self, *among, limit=15):
        return wait_for("a server leads", lambda: next((s for s in among if s.leads()), None), limit)

    def controllers(self):
        return self.cluster.items("staging", project=self.project)

    def builds(self, s):
        status, page = s.call("GET", f"/api/v1/projects/{self.project}/builds?limit=1000")
        self.assertEqual((status, page["next"]), (200, ""))
        return [b["sha"] for b in page["builds"]]

    def pair(self):
        a = self.server()
        self.leader(a)
        return a, self.server()

    def test_any_server_takes_requests_and_all_show_what_became_of_them(self):
        a, b = self.pair()
        self.assertFalse(b.leads())
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
        wait_for("the old one to see it", lambda: not a.leads(), 10)
        self.assertTrue(b.leads())
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
        self.assertFalse(a.leads())

    def test_a_build_announced_to_one_appears_on_the_page_that_is_open_at_another(self):
        a, b = self.pair()
        first, sha = new_sha(), new_sha()
        a.announce(self.project, first)
        page = wait_for("the project", lambda: self.page(b, f"/projects/{self.project}", first), 20)
        connection = http.client.HTTPConnection("127.0.0.1", b.port, timeout=30)
        have, shown = (html.unescape(v) for v in re.search(r'data-have="([^"]+)" data-page="([^"]+)"', page).groups())
        connection.request("GET", f"/live?page={shown}&have={have}")
        stream = connection.getresponse()
        a.announce(self.project, sha)
        while line := stream.readline().decode():
            if sha in line:
                break
        connection.close()
        self.assertTrue(line, "the stream ended")

    def page(self, s, path, text):
        status, body = s.call("GET", path)
        return body if status == 200 and text in body else None

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
        stored = self.builds(servers[0])
        self.assertEqual((len(stored), set(kept) - set(stored)), (len(set(stored)), set()), "each once")
        names = [c["metadata"]["name"] for c in self.controllers()]
        self.assertEqual(len(names), len(set(names)))


class PostgresReplicas(Replicas, unittest.TestCase):
    backend = backends.Postgres


class DatastoreReplicas(Replicas, unittest.TestCase):
    """Nobody tells a server what another one wrote: it looks."""
    backend = backends.Datastore


if __name__ == "__main__":
    unittest.main()
