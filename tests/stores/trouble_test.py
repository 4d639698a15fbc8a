"""The store is in trouble: disk full or read-only, away, or slow. Intake says 503 and when to come again, pages keep
what was last known and say so, and all goes on by itself.

LEMMY_OUTAGE=60 keeps a database away for a minute (15 s unless told)."""
import concurrent.futures
import os
import shutil
import tempfile
import time
import unittest
from pathlib import Path

from trouble import Answer, Trouble  # its import puts tests/kubernetes on the path
from harness import wait_for
import backends
from disks import mounted, run
from proxy import Proxy

OUTAGE = float(os.environ.get("LEMMY_OUTAGE", "15"))


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
        proxy = Proxy(self.store.port)
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
        proxy = Proxy(self.store.port)
        self.addCleanup(proxy.close)
        self.begin(self.store.arguments(place, proxy.port), self.store.env(proxy.port))
        sha, number = self.live()
        proxy.delay = 0.3
        slow = self.announce()
        self.assertEqual(slow.status, 202, slow.text)
        took = {path: Answer(self.lemmy, "GET", path).took for path in
                ("/", "/projects/web", f"/projects/web/environments/staging/deploys/{number}", "/deliveries")}
        with concurrent.futures.ThreadPoolExecutor(100) as pool:
            answers = list(pool.map(lambda i: self.announce(address=f"127.0.4.{i % 50 + 1}"), range(500)))
        taken = [a for a in answers if a.status == 202]
        for a in answers:
            if a.status != 202:
                self.expect_refusal(a)
        proxy.delay = 0.0
        for i, a in enumerate(answers):
            if a.status != 202:
                wait_for("it to be taken", lambda: self.announce(a.delivery, a.sha, f"127.0.5.{i % 50 + 1}").status == 202, 60)
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


if __name__ == "__main__":
    unittest.main()
