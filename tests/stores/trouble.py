"""A server whose store is in trouble: what its callers, its viewers and its ledger are to see, whatever the trouble."""
import http.client
import json
import re
import secrets
import shutil
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/kubernetes"))
from harness import Config, Lemmy, new_sha, wait_for  # noqa: E402
import backends  # noqa: E402

BANNER = "Trouble with the store"
HANGS = 40  # seconds without an answer are a hang: the limit for a call is 10 s, and this machine may be busy


class Answer:
    def __init__(self, lemmy, method, path, body=None, headers=None, source="127.0.0.1"):
        connection = http.client.HTTPConnection("127.0.0.1", lemmy.port, timeout=HANGS, source_address=(source, 0))
        began = time.monotonic()
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"Content-Type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            self.status, self.headers, self.text = answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()
        self.took = time.monotonic() - began

    @property
    def json(self):
        return json.loads(self.text)


class Viewer(threading.Thread):
    """A browser on a page: hears from its stream that the page changed, and what a page that is opened then shows."""

    def __init__(self, lemmy, path):
        super().__init__(daemon=True)
        page = Answer(lemmy, "GET", path)
        assert page.status == 200, page.text
        self.lemmy, self.path, self.last, self.ended = lemmy, path, page.text, False
        self.connection, self.stream = self.open(re.search(r'data-have="(\w+)"', page.text)[1])
        self.start()

    def open(self, have=""):
        connection = http.client.HTTPConnection("127.0.0.1", self.lemmy.port, timeout=120)
        connection.request("GET", f"/live?page={self.path}&have={have}")
        return connection, connection.getresponse()

    def whole(self):
        connection, stream = self.open()
        try:
            return next(data["html"] for name, data in events(stream) if name == "main")
        finally:
            connection.close()

    def run(self):
        try:
            for name, _ in events(self.stream):
                if name in ("main", "patch"):
                    self.last = self.whole()
        except (OSError, http.client.HTTPException, AttributeError, ValueError, StopIteration):
            pass
        self.ended = True

    def close(self):
        self.connection.sock and self.connection.sock.close()


def events(stream):
    name = ""
    while line := stream.readline().decode():
        if line.startswith("event:"):
            name = line[6:].strip()
        elif line.startswith("data:"):
            yield name, json.loads(line[5:])


class Trouble(unittest.TestCase):
    """Steps that all kinds of trouble share."""
    backend = None

    def begin(self, store_arguments, env=None, pace=0.2, yaml="settle: 1s\n"):
        self.work = Path(tempfile.mkdtemp(prefix="lemmy-trouble-"))
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        self.cluster = backends.Cluster(self.work, ["staging"], pace)
        self.addCleanup(self.cluster.stop)
        config = Config(self.work / "config")
        config.project("web", {"staging": {"replicas": 2}}, yaml=yaml)
        self.lemmy = Lemmy(config.dir, self.work / "data", self.cluster.kubeconfig, "--ansible", "/nowhere",
                           *store_arguments, env=env)
        self.lemmy.start()
        self.addCleanup(self.lemmy.log.close)
        self.addCleanup(self.lemmy.stop)
        self.accepted = []

    def announce(self, delivery=None, sha=None, address="127.0.3.1"):
        delivery, sha = delivery or "d-" + secrets.token_hex(8), sha or new_sha()
        answer = Answer(self.lemmy, "POST", "/hooks/build", {"project": "web", "sha": sha, "branch": "main"},
                        {"X-Lemmy-Delivery": delivery}, address)
        answer.delivery, answer.sha = delivery, sha
        if answer.status == 202:
            self.accepted.append(delivery)
        return answer

    def ask_deploy(self, sha):
        return Answer(self.lemmy, "POST", self.lemmy.deploys_path("web", "staging"), {"build": sha})

    def live(self):
        """A build that is deployed and serves."""
        sha = self.announce().sha
        number = self.lemmy.deploy("web", "staging", sha)
        self.lemmy.wait_phase("web", "staging", number, "live")
        return sha, number

    def page(self, path):
        answer = Answer(self.lemmy, "GET", path)
        self.assertEqual(answer.status, 200, f"{path}: {answer.text[:2000]}")
        return answer.text

    def watch(self, *paths):
        viewers = [Viewer(self.lemmy, p) for p in paths]
        for v in viewers:
            self.addCleanup(v.close)
        return viewers

    def expect_refusal(self, answer):
        self.assertEqual(answer.status, 503, answer.text)
        self.assertGreater(int(answer.headers["Retry-After"]), 0)
        self.assertEqual(answer.json["type"], "urn:lemmy:error:unavailable")

    def expect_trouble(self, sha, number, viewers):
        """Intake refuses; pages show what was last known, and say so. Gives the refused call."""
        refused = wait_for("a call to be refused", lambda: (a := self.announce()).status != 202 and a, 60)
        self.expect_refusal(refused)
        ready = Answer(self.lemmy, "GET", "/readyz")
        self.assertEqual((ready.status, ready.json["ready"]), (503, False))
        self.expect_refusal(wait_for("a deploy to be refused", lambda: (a := self.ask_deploy(sha)).status != 202 and a))
        for path in ("/projects/web", f"/projects/web/environments/staging/deploys/{number}"):
            self.assertIn(sha[:7], self.page(path))
        for v in viewers:
            wait_for(f"{v.path} to say it", lambda: BANNER in v.last, 30)
            self.assertIn(sha[:7], v.last)
        for path in ("/", "/projects/web", "/deliveries"):
            self.assertIn(BANNER, self.page(path))
        self.assertIn(sha[:7], self.page("/"))
        return refused

    def expect_recovery(self, refused, viewers):
        """By itself: the refused call is taken now, once, and what is on a page is of now."""
        again = wait_for("intake", lambda: (a := self.announce(refused.delivery, refused.sha)).status == 202 and a, 60)
        if again.json["duplicate"]:
            print("the call that was refused had been kept")
        self.assertTrue(self.announce(refused.delivery, refused.sha).json["duplicate"])
        wait_for("the pages", lambda: BANNER not in self.page("/"), 30)
        for v in viewers:
            wait_for(f"{v.path} to be of now", lambda: BANNER not in v.last, 30)
            self.assertFalse(v.ended, f"{v.path}: its stream ended")
        self.assertEqual(Answer(self.lemmy, "GET", "/readyz").status, 200)
        self.expect_ledger()

    def expect_ledger(self):
        ledger, after = [], ""
        while True:
            page = Answer(self.lemmy, "GET", f"/api/v1/deliveries?limit=1000&after={after}").json
            ledger += [d["id"] for d in page["deliveries"]]
            if not (after := page["next"]):
                break
        self.assertEqual(len(ledger), len(set(ledger)), "each call once")
        self.assertEqual({"local/" + d for d in self.accepted} - set(ledger), set(), "accepted, and not there")
