"""What an earlier release wrote: stores that are migrated, backups that are restored, an archive that goes on."""
import gzip
import json
import os
import pathlib
import re
import time
import unittest

from harness import ROOT, Server, wait_until
from stores import Stores, sql

EARLIER = ROOT / "tests" / "stores" / "fixtures"
LITTLE = ("environments: [{name: staging}, {name: production}]\n"
          "retention: {every: 1s, deploys: 1, deploys_for: 1ms, builds: 1, builds_for: 1ms, deliveries_for: 1h}\n")


def records(data):
    """{(kind, key): body} of a backup."""
    lines = [json.loads(line) for line in gzip.decompress(data).decode().splitlines()]
    return {(r["kind"], r["key"]): r["body"] for r in lines if "body" in r}


def lines(folder):
    """{kind: lines} of an archive, as zcat gives them."""
    out = {}
    for path in sorted(pathlib.Path(folder).glob("*.gz")):
        with gzip.open(path) as file:
            out.setdefault(path.name.split("-")[0], []).extend(file.read().splitlines())
    return out


class Earlier(Stores):
    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def setUp(self):
        super().setUp()
        self.path = self.folder / "earlier.db"
        self.path.write_bytes(gzip.decompress((EARLIER / "sqlite.db.gz").read_bytes()))
        self.url = f"sqlite:{self.path}"
        self.was = records((EARLIER / "sqlite.records.gz").read_bytes())

    def assert_kept(self, was, now):
        """All that was told is told; there may be more fields, and no more records of the kinds that were."""
        kinds = {kind for kind, _ in was}
        self.assertEqual(set(was), {key for key in now if key[0] in kinds})
        for key, body in was.items():
            self.assertEqual(body, {k: v for k, v in now[key].items() if k in body}, key)

    def assert_holds(self, url, was):
        file = self.folder / "now.gz"
        self.store("backup", url, file)
        self.assert_kept(was, records(file.read_bytes()))
        file.unlink()

    def server(self, *arguments, little=False):
        server = Server("--store", self.url, *arguments)
        if little:
            (server.config / "environments.yaml").write_text(LITTLE)
        self.addCleanup(server.stop)
        return server.start()

    def test_a_store_is_migrated_when_it_is_asked_for(self):
        before = self.path.read_bytes()
        for command in (("check", self.url), ("backup", self.url, self.folder / "b.gz"),
                        ("copy", self.url, f"sqlite:{self.folder}/to.db")):
            _, err = self.store(*command, code=5)
            self.assertIn("lemmy store migrate", err)
        self.assertEqual(self.path.read_bytes(), before)
        newest = re.search(r"schema 2 of (\d+)", self.store("check", self.url, code=5)[0])[1]
        out, _ = self.store("migrate", self.url)
        self.assertIn(f"from schema 2 to {newest}", out)
        self.assertIn("nothing to do", self.store("migrate", self.url)[0])
        self.assert_holds(self.url, self.was)
        self.assertTrue(self.store("check", self.url)[0].endswith("sound\n"))

    def test_a_migrated_store_is_copied(self):
        self.store("migrate", self.url)
        to = f"sqlite:{self.folder}/to.db"
        out, _ = self.store("copy", self.url, to)
        self.assertIn("equal in count and content", out)
        self.assertEqual(self.contents(to), self.contents(self.url))
        self.assert_holds(to, self.was)

    def test_backups_of_all_stores_are_restored(self):
        for kind in ("sqlite", "postgres", "datastore"):
            file = EARLIER / f"{kind}.records.gz"
            to = f"sqlite:{self.folder}/{kind}.db"
            out, _ = self.store("restore", file, to)
            self.assertIn("equal in count and content", out)
            self.assert_holds(to, records(file.read_bytes()))

    def test_a_backup_that_lacks_records_is_refused(self):
        text = gzip.decompress((EARLIER / "sqlite.records.gz").read_bytes()).splitlines(keepends=True)
        file = self.folder / "cut.gz"
        for cut in (text[:5] + text[6:], text[:-2] + text[-1:], text[:-1]):
            file.write_bytes(gzip.compress(b"".join(cut)))
            _, err = self.store("restore", file, f"sqlite:{self.folder}/to.db", code=2)
            self.assertIn("damaged", err)
        self.assertFalse((self.folder / "to.db").exists())

    def test_a_half_migrated_store_is_refused_by_all(self):
        sql(self.path, "PRAGMA journal_mode = DELETE", "CREATE TABLE feed (x)")
        before = self.path.read_bytes()
        for command in (("check", self.url), ("migrate", self.url), ("backup", self.url, self.folder / "b.gz"),
                        ("copy", self.url, f"sqlite:{self.folder}/to.db")):
            _, err = self.store(*command, code=70)
            self.assertIn("half migrated: it says schema 2", err)
        with self.assertRaises(AssertionError) as refused:
            self.server()
        self.assertIn("half migrated", str(refused.exception))
        self.assertEqual(self.path.read_bytes(), before)

    def test_a_server_shows_what_was_over_as_it_was(self):
        server = self.server()
        over = [body for (kind, _), body in self.was.items()
                if kind == "deploy" and body["phase"] in ("live", "failed", "cancelled", "superseded")]
        self.assertGreater(len(over), 8)
        for was in over:
            path = f"/api/v1/projects/{was['project']}/environments/{was['environment']}/deploys/{was['number']}"
            now = server.get(path).json["deploy"]
            for field in ("build", "phase", "who", "reason", "created_at", "finished_at", "rollback_of", "release"):
                self.assertEqual(now.get(field), was[field], (path, field))
        code, out, err = server.cli("builds", "web", "--output", "json")
        self.assertEqual(code, 0, err)
        self.assertEqual({b["sha"] for b in json.loads(out)["builds"]},
                         {body["sha"] for (kind, _), body in self.was.items()
                          if kind == "build" and body["project"] == "web"})

    def test_an_archive_goes_on_behind_what_is_in_it(self):
        folder = self.folder / "archive"
        folder.mkdir()
        for path in (EARLIER / "archive").glob("*.gz"):  # as if it were of this month
            month = time.strftime("%Y-%m", time.gmtime())
            (folder / f"{path.name.split('-')[0]}-{month}.jsonl.gz").write_bytes(path.read_bytes())
        before = lines(folder)
        self.assertEqual(sorted(before), ["builds", "deliveries", "deploys"])
        self.store("migrate", self.url)
        sql(self.path, "UPDATE deliveries SET at = at - 7200000")
        self.server("--archive", str(folder), little=True)
        wait_until(lambda: all(len(lines(folder)[kind]) > len(before[kind]) for kind in before), 120)
        time.sleep(2)
        now = lines(folder)
        for kind, old in before.items():
            self.assertEqual(now[kind][:len(old)], old)
        self.assertFalse([p for p in os.listdir(folder) if "damaged" in p])
        deploys = [json.loads(line) for line in now["deploys"]]
        self.assertGreater(len({(d["project"], d["environment"], d["number"]) for d in deploys}), 3)


if __name__ == "__main__":
    unittest.main()
