"""kill -9 at random moments under load: nothing accepted is missing, nothing is done twice, nothing is stuck.

LEMMY_KILLS=200 kills so often for each store (20 unless told); LEMMY_SEED repeats the moments of an earlier run."""
import collections
import http.client
import json
import math
import os
import random
import secrets
import socket
import sys
import threading
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/kubernetes"))
from harness import Config, Lemmy, new_sha, wait_for  # noqa: E402
import backends  # noqa: E402
import told  # noqa: E402

KILLS = int(os.environ.get("LEMMY_KILLS", "20"))
SEED = int(os.environ.get("LEMMY_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
CHECK_EVERY = 50
STUCK_AFTER = 30  # seconds after a restart
FIRST, LAST = 0.02, 2.0  # seconds after the server is ready, or after it leads
PROJECTS, ENVIRONMENTS = ("one", "two"), ("left", "right")
FINAL = told.FINAL


class Client(threading.Thread):
    """Calls again and again, each with an id of its own that it repeats until the call is taken."""

    def __init__(self, lemmy, address, call, pause):
        super().__init__(daemon=True)
        self.lemmy, self.address, self.next_call, self.pause = lemmy, address, call, pause
        self.repeats, self.broken = 0, None
        self.go, self.idle, self.over = threading.Event(), threading.Event(), False

    def run(self):
        try:
            while not self.over:
                if not self.go.wait(0.1):
                    self.idle.set()
                    continue
                self.idle.clear()
                self.next_call(self)
                time.sleep(self.pause)
        except Exception as e:  # told by the test
            self.broken = e
        self.idle.set()

    def until_taken(self, path, body, headers):
        while True:
            try:
                status, answer = self.lemmy.call("POST", path, body, headers, self.address)
            except (OSError, http.client.HTTPException, json.JSONDecodeError):
                status, answer = 0, None
            if status == 202:
                return answer
            if status not in (0, 429, 503):
                raise AssertionError(f"{path}: {status} {answer}")
            self.repeats += 1
            time.sleep(0.05)


def port_of_its_own():
    """One that the system gives to nobody: a call to the port of before must not reach another test's server."""
    for _ in range(100):
        port = 20000 + secrets.randbelow(10000)
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)):
                return port
    raise AssertionError("no port is free")


class Kills(told.Following, backends.OnStore):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster = backends.Cluster(cls.work, ENVIRONMENTS, 0.05)
        cls.addClassCleanup(cls.cluster.stop)

    def setUp(self):
        config = Config(self.work / "config")
        config.environments("environments:\n" + "".join(
            f"  - name: {e}\n    retire: {{zero_after: 1s, keep: 2}}\n" for e in ENVIRONMENTS) + "retention: {every: 1s, feed_for: 1s}\n")  # so that it is trimmed between kills, too
        self.archive = self.work / f"kept-{secrets.token_hex(4)}"
        for p in PROJECTS:
            config.project(p, {e: {"replicas": 2} for e in ENVIRONMENTS}, yaml="settle: 200ms\ndeadline: 60s\n")
        config.project("hosts", {"left": {}}, yaml="deployer: ansible\n")
        (config.dir / "ansible/playbooks").mkdir(parents=True)
        (config.dir / "ansible/playbooks/hosts.yml").write_text("- hosts: all\n  tasks: []\n")
        # Without Ansible the calls of hosts are kept, and the server is ready sooner.
        self.lemmy = Lemmy(config.dir, self.work / "data", self.cluster.kubeconfig, "--ansible", "/nowhere",
                           "--archive", str(self.archive),
                           *self.store.arguments(self.store.fresh()), env=self.store.env())
        self.lemmy.own_port = port_of_its_own()
        self.addCleanup(self.lemmy.log.close)
        self.addCleanup(self.lemmy.stop)
        self.random = random.Random(SEED)
        self.builds, self.deploys, self.calls = {}, {}, collections.Counter()  # accepted, by id
        made = [(self.announce, 0.03)] * 2 + [(self.ask_deploy, 0.3), (self.ask_deploy, 0.3), (self.host_calls, 0.1)]
        self.clients = [Client(self.lemmy, f"127.0.2.{i + 1}", call, pause) for i, (call, pause) in enumerate(made)]

    # --- load

    def announce(self, client):
        sha, project, delivery = new_sha(), secrets.choice(PROJECTS), "d-" + secrets.token_hex(8)
        client.until_taken("/hooks/build", {"project": project, "sha": sha, "branch": "main"},
                           {"X-Lemmy-Delivery": delivery})
        self.builds[delivery] = (project, sha)

    def ask_deploy(self, client):
        if not self.builds:
            return
        project, sha = secrets.choice(list(self.builds.values()))
        environment, key = secrets.choice(ENVIRONMENTS), "r-" + secrets.token_hex(8)
        answer = client.until_taken(self.lemmy.deploys_path(project, environment), {"build": sha},
                                    {"Idempotency-Key": key})
        self.deploys[key] = (project, environment, answer["number"], sha)

    def host_calls(self, client):
        host, delivery = f"i-{secrets.randbelow(5)}", "h-" + secrets.token_hex(8)
        client.until_taken("/hooks/instance", {"project": "hosts", "environment": "left", "instance_id": host},
                           {"X-Lemmy-Delivery": delivery})
        self.calls[host] += 1

    # --- what is there

    def pages(self, path, key):
        after, out = "", []
        patience = time.monotonic() + 60
        while True:
            status, answer = self.lemmy.call("GET", f"{path}?limit=1000&after={after}")
            # The emulator of Datastore answers nobody while it writes a file: on a slow disk that takes a while.
            if status == 503 and self.store.shared and time.monotonic() < patience:
                continue
            self.assertEqual(status, 200, answer)
            out += answer[key]
            after = answer["next"]
            if not after:
                return out

    def deploys_of(self, project, environment):
        return self.pages(self.lemmy.deploys_path(project, environment), "deploys")

    def targets(self):
        return [(p, e) for p in PROJECTS for e in ENVIRONMENTS]

    def unsettled(self):
        """What is not over, and what runs beside the newest that went live."""
        out = []
        for target in self.targets():
            deploys = self.deploys_of(*target)
            out += [(*target, d["number"], d["phase"], d.get("note")) for d in deploys if d["phase"] not in FINAL]
            running = [d["number"] for d in deploys if d["presence"] == "running"]
            if any(d["phase"] == "live" for d in deploys) and len(running) != 1:
                out.append((*target, "running", running))
        return out

    # --- the rules

    def check_intake(self):
        ledger = collections.Counter(d["id"] for d in self.pages("/api/v1/deliveries", "deliveries"))
        twice = [i for i, n in ledger.items() if n > 1]
        self.assertEqual(twice, [], "in the ledger twice")
        missing = [i for i in self.builds if "local/" + i not in ledger]
        self.assertEqual(missing, [], "accepted, and not in the ledger")
        self.assertEqual(len(ledger), len(self.builds) + sum(self.calls.values()), "every call is there once")
        for project in PROJECTS:
            stored = [b["sha"] for b in self.pages(f"/api/v1/projects/{project}/builds", "builds")]
            self.assertCountEqual(stored, [s for p, s in self.builds.values() if p == project])
        _, answer = self.lemmy.call("GET", "/api/v1/instances?project=hosts&environment=left&limit=1000")
        self.assertEqual({i["instance_id"]: i["asked"] for i in answer["instances"]}, dict(self.calls))

    def check_deploys(self):
        for project, environment in self.targets():
            stored = {d["number"]: d for d in self.deploys_of(project, environment)}
            wanted = {n: (key, sha) for key, (p, e, n, sha) in self.deploys.items() if (p, e) == (project, environment)}
            self.assertEqual(sorted(stored), list(range(1, len(stored) + 1)), "numbers without holes or doubles")
            self.assertEqual({n: (d["request_id"], d["build"]) for n, d in stored.items()}, wanted)
            self.check_cluster(project, environment, stored)
            self.check_history(project, environment, [n for n, d in sorted(stored.items()) if d["phase"] == "live"][-5:])
        self.assertEqual([], [(d["target"], d["number"], d["cause"]) for t in self.targets() for d in self.deploys_of(*t)
                              if d["phase"] == "failed"], "nothing had a reason to fail")

    def check_cluster(self, project, environment, stored):
        """Each deploy has one controller at most, and only those that should run have pods."""
        controllers = self.cluster.items(environment, project=project)
        of_deploy = collections.Counter(c["metadata"]["labels"]["deploy"] for c in controllers)
        self.assertEqual([d for d, n in of_deploy.items() if n > 1], [], "two controllers for one deploy")
        there = {int(c["metadata"]["labels"]["deploy"]): c for c in controllers}
        self.assertEqual({n for n, c in there.items() if c["spec"]["replicas"]},
                         {n for n, d in stored.items() if d["presence"] == "running"}, "what runs is what is recorded")
        for n, c in there.items():
            self.assertEqual(c["metadata"]["name"], stored[n]["object_name"])
        pods = collections.Counter(p["metadata"]["labels"]["deploy"] for p in
                                   self.cluster.items(environment, "pods", project)
                                   if not p["metadata"].get("deletionTimestamp"))
        self.assertEqual(dict(pods), {str(n): c["spec"]["replicas"] for n, c in there.items() if c["spec"]["replicas"]})

    def check_history(self, project, environment, numbers):
        for n in numbers:
            phases = [e["phase"] for e in self.lemmy.status(project, environment, n)["history"] if e["kind"] == "phase"]
            self.assertEqual([p for p, times in collections.Counter(phases).items() if times > 1], [],
                             f"{project}/{environment} #{n} entered a phase twice: {phases}")

    # --- kills

    def pause(self):
        for c in self.clients:
            c.go.clear()
        for c in self.clients:
            c.idle.clear()
            idle = c.broken or c.idle.wait(60)
            if c.broken:
                raise c.broken
            self.assertTrue(idle, "a client waits for an answer for ever")

    def begin(self):
        for c in self.clients:
            c.go.set()

    def check(self):
        """With a server that was just killed and started again."""
        began = time.monotonic()
        self.pause()
        try:
            wait_for("everything to be over", lambda: not self.unsettled(), STUCK_AFTER, 0.25)
        except AssertionError:
            raise AssertionError(f"stuck {STUCK_AFTER} s after the restart: {self.unsettled()[:20]}\n{self.lemmy.said()}")
        took = time.monotonic() - began
        wait_for("pods of what was zeroed to go", self.pods_are_gone, 20, 0.25)
        self.check_intake()
        self.check_deploys()
        self.check_feed()
        self.slowest = max(self.slowest, took)

    def pods_are_gone(self):
        return all(sum(c["spec"]["replicas"] for c in self.cluster.items(e)) == len(self.cluster.items(e, "pods"))
                   for e in ENVIRONMENTS)

    def test_nothing_is_lost_doubled_or_stuck(self):
        print(f"{self.store.name}: {KILLS} kills, LEMMY_SEED={SEED}", flush=True)
        self.slowest, led, began = 0.0, 0, time.monotonic()
        self.lemmy.start()
        for c in self.clients:
            c.start()
        self.begin()
        for n in range(1, KILLS + 1):
            # On a shared store a new server leads only after some seconds: it is killed before that most times.
            if self.store.shared and n % 5 == 0 and self.random.random() < 0.9:
                wait_for("it to lead", self.lemmy.leads, 30)
                led += 1
            time.sleep(math.exp(self.random.uniform(math.log(FIRST), math.log(LAST))))
            self.lemmy.kill()
            self.lemmy.start()
            self.check_told()
            if n % CHECK_EVERY == 0 or n == KILLS:
                self.check()
                self.begin()
        self.pause()
        for c in self.clients:
            c.over = True
            c.join(10)
        print(f"{self.store.name}: {len(self.builds)} builds, {len(self.deploys)} deploys, {sum(self.calls.values())} "
              f"calls of hosts, {sum(c.repeats for c in self.clients)} repeats, {led} kills of a leader, all over at most "
              f"{self.slowest:.1f} s after a restart, {time.monotonic() - began:.0f} s in all", flush=True)
        self.assertGreater(len(self.deploys), 0)
        self.check_records()


class SqliteKills(Kills, unittest.TestCase):
    backend = backends.Sqlite


class PostgresKills(Kills, unittest.TestCase):
    backend = backends.Postgres


class DatastoreKills(Kills, unittest.TestCase):
    backend = backends.Datastore


if __name__ == "__main__":
    unittest.main()
