"""What is let go: the archive has it whole, and kill -9 loses nothing. With the built program."""
import gzip
import json
import pathlib
import random
import re
import shutil
import sqlite3
import tempfile
import time
import unittest

from bulkheads import LIMIT, Hanging
from harness import Server, run, wait_until
from test_playground import HAS_PLAYGROUND, ROOT

STAGING = "/api/v1/projects/hello-world/environments/staging"
POLICY = "\nretention: {every: 1s, deploys: 3, deploys_for: 1ms, builds: 2, builds_for: 1ms}\n"


def archived(folder, kind="deploys"):
    """All lines of one kind of file, as zcat gives them: up to what is torn."""
    out = []
    for path in sorted(pathlib.Path(folder).glob(kind + "-*.jsonl.gz")):
        text = b""
        try:
            with gzip.open(path) as file:
                while part := file.read(1 << 16):
                    text += part
        except EOFError:
            text = text[:text.rfind(b"\n") + 1]
        out += [json.loads(line) for line in text.splitlines()]
    return out


def numbers(server):
    return [d["number"] for d in server.get(STAGING + "/deploys?limit=1000").json["deploys"]]


@unittest.skipUnless(HAS_PLAYGROUND, "this build has no playground")
class OnACluster(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lemmy-retention-"))
        self.addCleanup(shutil.rmtree, self.folder, True)
        config = self.folder / "config"
        shutil.copytree(ROOT / "share" / "playground" / "config", config)
        (config / "environments.yaml").write_text(
            "environments: [{name: staging, retire: {zero_after: 0s, keep: 1}}, {name: production}]" + POLICY)
        (config / "projects" / "hello-world" / "project.yaml").write_text("settle: 0s\n")
        self.server = Server("--config", str(config), "--archive", str(self.folder / "kept"),
                             command="playground").start()
        self.addCleanup(self.server.stop)

    def deploy(self, letter):
        build = {"project": "hello-world", "sha": letter * 7, "branch": "main", "message": "grüße " + letter}
        self.assertEqual(self.server.hook(build, secret="").status, 202)
        code, _, err = self.server.cli("deploy", "hello-world", "staging", "--build", letter * 7, "--timeout", "60s")
        self.assertEqual(code, 0, err)

    def test_old_deploys_go_into_the_archive_whole_and_the_others_stay_usable(self):
        self.deploy("a")
        before = {name: self.server.get(f"{STAGING}/deploys/1/{name}").json for name in ("manifests", "final")}
        self.assertTrue(before["manifests"])
        for letter in "bcdef":
            self.deploy(letter)
        wait_until(lambda: numbers(self.server) == [6, 5, 4])
        lines = archived(self.folder / "kept")
        deploys = {line["number"]: line for line in lines if line["kind"] == "deploy"}
        self.assertEqual(sorted(deploys), [1, 2, 3])
        for number, line in deploys.items():
            of_it = [other for other in lines if other["number"] == number]
            self.assertEqual((line["project"], line["environment"]), ("hello-world", "staging"))
            self.assertEqual((line["deploy"]["phase"], line["deploy"]["presence"]), ("live", "deleted"))
            events = [other["event"] for other in of_it if other["kind"] == "event"]
            self.assertEqual(len(events), line["events"])
            self.assertEqual(events[0]["phase"], "queued")
            self.assertIn("deleted from the cluster", [e["text"] for e in events])
            documents = {other["name"]: other["text"] for other in of_it if other["kind"] == "document"}
            self.assertEqual(sorted(documents), line["documents"])
            self.assertLessEqual({"manifests", "final", "environment"}, set(documents))
            if number == 1:
                for name, text in before.items():
                    self.assertEqual(json.loads(documents[name]), text)

        answer = self.server.get(STAGING + "/deploys/1")
        self.assertEqual(answer.status, 404)
        self.assertIn("archive", answer.json["hint"])
        page = self.server.get("/projects/hello-world/environments/staging/deploys/1")
        self.assertEqual((page.status, b"may be in the archive" in page.body), (404, True))
        code, _, err = self.server.cli("rollback", "hello-world", "staging", 1)
        self.assertEqual((code, "archive" in err), (4, True), err)
        code, out, err = self.server.cli("rollback", "hello-world", "staging", 4)
        self.assertEqual((code, "#7 of build ddddddd is live" in out), (0, True), err)

        # Builds of deploys that are there stay, and the newest.
        def builds():
            return [b["sha"][0] for b in self.server.get("/api/v1/projects/hello-world/builds").json["builds"]]
        wait_until(lambda: builds() == ["f", "e", "d"])
        gone = {line["build"]["sha"][0]: line["build"] for line in archived(self.folder / "kept", "builds")}
        self.assertEqual(sorted(gone), ["a", "b", "c"])
        self.assertEqual(gone["b"]["message"], "grüße b")
        self.assertEqual(self.server.get("/projects/hello-world").status, 200)

        wait_until(lambda: self.server.get("/api/v1/store").json["store"]["at"])
        store = self.server.get("/api/v1/store").json
        self.assertEqual((store["policy"]["deploys"], store["trouble"], store["leads"]), ("3", None, True))
        self.assertEqual(store["archive"]["dir"], str(self.folder / "kept"))
        self.assertGreaterEqual(store["forgotten"]["deploys"], 3)
        kinds = {k["kind"]: k for k in store["store"]["kinds"]}
        self.assertEqual(sorted(kinds), ["builds", "deliveries", "deploys", "documents", "entries", "events", "feed", "instances"])
        self.assertTrue(all(k["bytes"] >= 0 for k in kinds.values()), kinds)
        page = self.server.get("/store")
        self.assertEqual((page.status, b"deploys of a target" in page.body), (200, True))
        metrics = self.server.get("/metrics").body.decode()
        for name in ('lemmy_retention_forgotten_total{kind="deploys"}', 'lemmy_store_items{kind="deploys"}',
                     'lemmy_store_bytes{kind="documents"}', "lemmy_archive_bytes", "lemmy_retention_ok 1"):
            self.assertIn(name, metrics)
        self.assertEqual(self.server.get("/readyz").json["retention"], "ok")


class WithoutACluster(unittest.TestCase):
    """Deploys that were cancelled before they reached the cluster, which never answers here."""

    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.stop)

    def fill(self, n):
        self.server.start()
        self.assertEqual(self.server.hook({"project": "hello-world", "sha": "aaaaaaa", "branch": "main"},
                                          secret="").status, 202)
        for i in range(1, n + 1):
            answer = self.server.call("POST", STAGING + "/deploys", {"build": "aaaaaaa"})
            self.assertEqual(answer.status, 202, answer.body)
            path = f"{STAGING}/deploys/{i}"
            wait_until(lambda: self.server.call("POST", path + "/cancel", {}).status in (202, 409))
            wait_until(lambda: self.server.get(path).json["deploy"]["phase"] == "cancelled")

    def let_go(self):
        path = self.server.config / "environments.yaml"
        path.write_text(path.read_text() + POLICY)

    def kept(self):
        """Numbers in the file of a server that is dead."""
        with sqlite3.connect(self.server.folder / "data" / "lemmy.db") as db:
            return {n for n, in db.execute("SELECT number FROM deploys")}

    def test_kill_9_at_any_point_loses_nothing(self):
        self.fill(12)
        self.server.process.kill()
        self.server.process.wait()
        self.assertEqual(self.kept(), set(range(1, 13)))
        self.let_go()
        folder = self.server.folder / "data" / "lemmy.db.archive"
        every = set(range(1, 13))
        for point in (1, 2, 3, 4):  # each is after something was archived, or after it was forgotten
            self.server.env = {"LEMMY_CRASH_AT": str(point)}
            self.server.start()
            self.server.process.wait(60)
            self.assertEqual(self.server.process.returncode, -9)
            self.check(every, folder)
        self.server.env = {}
        for _ in range(2):
            self.server.start()
            time.sleep(0.9 + random.random() / 2)
            self.server.process.kill()
            self.server.process.wait()
            self.check(every, folder)
        self.server.start()
        wait_until(lambda: numbers(self.server) == [12, 11, 10])
        self.assertEqual({a["number"] for a in archived(folder) if a["kind"] == "deploy"}, every - {10, 11, 12})
        # A number is never given again.
        answer = self.server.call("POST", STAGING + "/deploys", {"build": "aaaaaaa"})
        self.assertEqual(answer.json["number"], 13)

    def test_a_new_store_and_one_from_before_go_on_behind_the_numbers_of_the_archive(self):
        self.fill(4)
        self.server.end()
        store = self.server.folder / "data" / "lemmy.db"
        shutil.copy(store, self.server.folder / "before.db")
        self.server.start()
        for _ in range(4):
            answer = self.server.call("POST", STAGING + "/deploys", {"build": "aaaaaaa"})
            path = f"{STAGING}/deploys/{answer.json['number']}"
            wait_until(lambda: self.server.call("POST", path + "/cancel", {}).status in (202, 409))
        self.server.end()
        self.let_go()
        self.server.start()
        wait_until(lambda: numbers(self.server) == [8, 7, 6], 90)
        for restored in (None, self.server.folder / "before.db"):
            self.server.end()
            for path in store.parent.glob("lemmy.db*"):
                if path.is_file():
                    path.unlink()
            if restored:
                shutil.copy(restored, store)
            self.server.start()
            build = {"project": "hello-world", "sha": "bbbbbbb", "branch": "main"}
            self.assertEqual(self.server.hook(build, secret="").status, 202)
            answer = self.server.call("POST", STAGING + "/deploys", {"build": "bbbbbbb"})
            self.assertEqual((answer.status, answer.json["number"]), (202, 6), answer.body)

    def check(self, every, folder):
        whole = {}
        lines = archived(folder)
        for line in lines:
            if line["kind"] == "deploy":
                whole[line["number"]] = line["events"]
        for number, events in whole.items():
            self.assertGreaterEqual(sum(a["kind"] == "event" and a["number"] == number for a in lines), events)
        self.assertEqual(self.kept() | set(whole), every)

    def test_an_archive_that_cannot_be_written_stops_it_and_is_shown(self):
        in_the_way = self.server.folder / "kept"
        self.server.arguments = ("--archive", str(in_the_way))
        self.fill(5)
        in_the_way.rmdir()
        in_the_way.write_text("a file")
        self.let_go()
        trouble = wait_until(lambda: self.server.get("/api/v1/store").json["trouble"])
        self.assertIn("nothing is let go", trouble["hint"])
        ready = self.server.get("/readyz")
        self.assertEqual((ready.status, str(in_the_way) in ready.json["retention"]), (200, True), ready.body)
        self.assertIn(b"History is not let go now", self.server.get("/store").body)
        metrics = self.server.get("/metrics").body.decode()
        self.assertRegex(metrics, r"lemmy_archive_errors_total [1-9]")
        self.assertIn("lemmy_retention_ok 0", metrics)
        self.assertEqual(numbers(self.server), [5, 4, 3, 2, 1])
        said = [line for line in self.server.log if "history is not let go now" in line]
        self.assertEqual(len(said), 1, said)
        in_the_way.unlink()
        wait_until(lambda: numbers(self.server) == [5, 4, 3])
        wait_until(lambda: self.server.get("/readyz").json["retention"] == "ok")
        self.assertEqual({a["number"] for a in archived(in_the_way) if a["kind"] == "deploy"}, {1, 2})
        self.assertEqual(re.sub(r"\d{4}-\d\d", "MONTH", ",".join(p.name for p in in_the_way.iterdir())),
                         "deploys-MONTH.jsonl.gz")

    def test_an_archive_that_cannot_be_written_from_the_start_is_refused(self):
        file = self.server.folder / "kept"
        file.write_text("a file")
        for archive in (file, file / "below", "/proc/kept", "/proc"):
            code, out, err = run("serve", "--config", self.server.config, "--data", self.server.folder / "data",
                                 "--port", "0", "--archive", archive)
            self.assertEqual((code, out), (2, ""), err)
            self.assertIn("--archive", err)
            self.assertIn(str(archive), err)
        self.assertEqual(file.read_text(), "a file")


class Hangs(unittest.TestCase):
    def test_an_archive_that_hangs_does_not_keep_the_server_from_ending(self):
        server = Server()
        self.addCleanup(server.stop)
        archive = server.folder / "data" / "lemmy.db.archive"
        archive.mkdir(parents=True)
        (archive / "deploys-2020-01.jsonl.gz").write_bytes(b"x")
        hanging = Hanging(archive)
        server.env |= hanging.env
        hanging.hang()
        server.start()
        time.sleep(1)
        began = time.monotonic()
        server.end()
        self.assertLess(time.monotonic() - began, LIMIT)

    def test_an_archive_that_hangs_from_the_start_does_not_keep_the_server_from_starting(self):
        server = Server()
        self.addCleanup(server.stop)
        archive = server.folder / "kept"
        archive.mkdir()
        hanging = Hanging(archive)
        server.env |= hanging.env
        server.arguments = ("--archive", str(archive))
        hanging.hang()
        server.start()
        self.assertEqual(server.get("/healthz").status, 200)
        self.assertTrue([line for line in server.log if "the archive does not answer" in line])
        hanging.hang(False)
        wait_until(lambda: server.get("/readyz").json["retention"] == "ok")
        server.end()


if __name__ == "__main__":
    unittest.main()
