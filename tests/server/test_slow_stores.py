"""A store that is slow, or stands still while its connections stay, costs only what needs it: pages show what was last
known, a deploy goes on, and the server ends in time."""
import shutil
import tempfile
import threading
import unittest
from pathlib import Path

import bulkheads  # its import puts tests/stores on the path
import backends
from harness import wait_until
from proxy import Proxy


class Line(Proxy):
    """To a store, that may be slow or still. What comes while it is still is given when it moves again."""

    def __init__(self, port):
        self.moves = threading.Event()
        self.moves.set()
        super().__init__(port)

    def passes(self, data):
        self.moves.wait()
        return True


class SlowStores(bulkheads.Bulkheads):
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
