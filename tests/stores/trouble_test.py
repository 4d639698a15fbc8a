"""The store is in trouble: disk full or read-only, away, or slow. Intake says 503 and when to come again, pages keep
what was last known and say so, and all goes on by itself.

LEMMY_OUTAGE=60 keeps a database away for a minute (15 s unless told)."""
import concurrent.futures
import http.client
import json
import os
import re
import secrets
import shutil
import subprocess
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

OUTAGE = float(os.environ.get("LEMMY_OUTAGE", "15"))
BANNER = "Trouble with the store"
HANGS = 40  # seconds without an answer are a hang: the limit for a call is 10 s, and this machine may be busy


class Answer:
    def __init__(self, lemmy, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", lemmy.port, timeout=HANGS)
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

    def announce(self, delivery=None, sha=None, address="10.0.0.1"):
        delivery, sha = delivery or "d-" + secrets.token_hex(8), sha or new_sha()
        answer = Answer(self.lemmy, "POST", "/hooks/build", {"project": "web", "sha": sha, "branch": "main"},
                        {"X-Lemmy-Delivery": delivery, "X-Forwarded-For": address})
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


class FullDisk(Trouble):
    def test_a_full_disk(self):
        disk = mounted(self, "-t", "tmpfs", "-o", "size=16m", "tmpfs")
        self.begin(["--store", f"sqlite:{disk}/lemmy.db"])
        sha, number = self.live()
        viewers = self.watch("/", "/projects/web")
        with open(disk / "ballast", "wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(4096))
            except OSError:
                pass
        refused = self.expect_trouble(sha, number, viewers)
        self.assertIn("full", self.page("/"))
        os.truncate(disk / "ballast", 0)
        self.expect_recovery(refused, viewers)
        n = self.lemmy.deploy("web", "staging", refused.sha)
        self.lemmy.wait_phase("web", "staging", n, "live")


class ReadOnlyDisk(Trouble):
    """As Linux makes a disk that failed. It stays so until it is mounted again, and that ends every server on it."""

    def test_a_disk_that_becomes_read_only(self):
        image = Path(tempfile.mkdtemp(prefix="lemmy-disk-")) / "image"
        self.addCleanup(shutil.rmtree, image.parent, ignore_errors=True)
        with open(image, "wb") as file:
            file.truncate(16 << 20)
        run("mkfs.ext4", "-q", "-O", "^has_journal", image)
        disk = mounted(self, "-o", "loop,errors=remount-ro", str(image))
        self.begin(["--store", f"sqlite:{disk}/lemmy.db"])
        sha, number = self.live()
        viewers = self.watch("/", "/projects/web")
        device = run("findmnt", "-no", "SOURCE", disk).strip()
        fault = Path("/sys/fs/ext4") / Path(device).name / "trigger_fs_error"
        if not fault.exists():
            self.skipTest("this kernel cannot make a disk fail")
        fault.write_text("a fault of the tests\n")
        refused = self.expect_trouble(sha, number, viewers)
        before = list(self.accepted)
        self.lemmy.stop()
        run("umount", disk)
        run("mount", "-o", "loop", image, disk)
        self.lemmy.start()
        self.assertEqual(self.accepted, before)
        self.expect_recovery(refused, [])
        self.assertEqual(self.lemmy.status("web", "staging", number)["deploy"]["phase"], "live")


class Away:
    """A database that is away while a deploy is under way."""

    def test_the_store_is_away(self):
        place = self.store.fresh()
        proxy = backends.Proxy(self.store.port)
        self.addCleanup(proxy.close)
        self.begin(self.store.arguments(place, proxy.port), self.store.env(proxy.port), yaml="settle: 3s\n")
        sha, number = self.live()
        viewers = self.watch("/", "/projects/web", f"/projects/web/environments/staging/deploys/{number}")
        self.page("/deliveries")
        newer = self.announce().sha
        under_way = self.lemmy.deploy("web", "staging", newer, request_id="under-way")
        self.lemmy.wait_phase("web", "staging", under_way, "applying", "rolling_out", "settling")
        began = time.monotonic()
        self.take_away(proxy)
        try:
            refused = self.expect_trouble(sha, number, viewers)
            took = {path: Answer(self.lemmy, "GET", path).took for path in
                    ("/", "/projects/web", f"/projects/web/environments/staging/deploys/{number}")}
            time.sleep(max(0.0, OUTAGE - (time.monotonic() - began)))
        finally:
            self.bring_back(proxy)
        back = time.monotonic()
        self.expect_recovery(refused, viewers)
        recovered = time.monotonic() - back
        self.lemmy.wait_phase("web", "staging", under_way, "live", limit=90)
        history = [e["phase"] for e in self.lemmy.status("web", "staging", under_way)["history"] if e["kind"] == "phase"]
        self.assertEqual(len(history), len(set(history)), f"a phase was entered twice: {history}")
        self.assertEqual(sorted(int(c["metadata"]["labels"]["deploy"]) for c in self.cluster.items("staging")),
                         [number, under_way], "nothing doubled")
        self.assertEqual(self.lemmy.deploy("web", "staging", newer, request_id="under-way"), under_way)
        print(f"{self.store.name} away for {back - began:.0f} s: refused after {refused.took:.1f} s; pages "
              + ", ".join(f"{p} {t:.2f} s" for p, t in took.items()) + f"; recovered {recovered:.1f} s after")

    def test_the_store_is_slow(self):
        place = self.store.fresh()
        proxy = backends.Proxy(self.store.port)
        self.addCleanup(proxy.close)
        self.begin(self.store.arguments(place, proxy.port), self.store.env(proxy.port))
        sha, number = self.live()
        proxy.delay = 0.3
        slow = self.announce()
        self.assertEqual(slow.status, 202, slow.text)
        took = {path: Answer(self.lemmy, "GET", path).took for path in
                ("/", "/projects/web", f"/projects/web/environments/staging/deploys/{number}", "/deliveries")}
        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            answers = list(pool.map(lambda i: self.announce(address=f"10.0.1.{i % 50}"), range(500)))
        taken = [a for a in answers if a.status == 202]
        for a in answers:
            if a.status != 202:
                self.expect_refusal(a)
        proxy.delay = 0.0
        for i, a in enumerate(answers):
            if a.status != 202:
                wait_for("it to be taken", lambda: self.announce(a.delivery, a.sha, f"10.0.2.{i % 50}").status == 202, 60)
        self.expect_ledger()
        print(f"{self.store.name} with 0.3 s a answer: a call {slow.took:.1f} s; of 500 at once {len(taken)} taken, "
              f"{len(answers) - len(taken)} told to come again, the last after {max(a.took for a in answers):.1f} s; pages "
              + ", ".join(f"{p} {t:.2f} s" for p, t in took.items()))


class PostgresAway(Away, backends.OnStore, Trouble):
    backend = backends.Postgres

    def take_away(self, proxy):
        self.store.halt()

    def bring_back(self, proxy):
        self.store.resume()


class DatastoreAway(Away, backends.OnStore, Trouble):
    backend = backends.Datastore

    def take_away(self, proxy):
        proxy.cut()

    def bring_back(self, proxy):
        proxy.mend()


def run(*command):
    done = subprocess.run([str(c) for c in command], text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.stderr}")
    return done.stdout


def mounted(test, *arguments):
    """A disk of the test's own; it is skipped where nothing may be mounted."""
    folder = Path(tempfile.mkdtemp(prefix="lemmy-disk-"))
    test.addCleanup(folder.rmdir)
    done = subprocess.run(["mount", *arguments, folder], text=True, capture_output=True, check=False)
    if done.returncode != 0:
        test.skipTest(f"nothing can be mounted here: {done.stderr.strip()}")
    test.addCleanup(subprocess.run, ["umount", "-l", folder], check=False)
    return folder


if __name__ == "__main__":
    unittest.main()
