"""lemmy store check, migrate and copy, on SQLite."""
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
import unittest
from contextlib import closing

from harness import LEMMY, Server, run
from stores import Stores, sql


class Sqlite(Stores):
    def test_check_says_what_is_in_it_and_changes_nothing(self):
        before = self.source.read_bytes()
        out, err = self.store("check", f"sqlite:{self.source}")
        self.assertIn("SQLite, schema", out)
        self.assertRegex(out, r"builds +30 ")
        self.assertRegex(out, r"deploys +1 ")
        self.assertTrue(out.endswith("sound\n"), out)
        self.assertEqual(err, "")
        self.assertEqual(self.source.read_bytes(), before)

    def test_what_is_no_store_is_told_and_nothing_is_made(self):
        there = self.folder / "no.db"
        for command in (("check", f"sqlite:{there}"), ("migrate", f"sqlite:{there}"),
                        ("copy", f"sqlite:{there}", f"sqlite:{self.folder}/to.db"),
                        ("backup", f"sqlite:{there}", self.folder / "b.gz")):
            _, err = self.store(*command, code=4)
            self.assertIn("there is no store here", err)
        for url in ("mysql://x", "sqlite:", str(self.source), "datastore://A B"):
            self.store("check", url, code=2)
            self.store("copy", url, f"sqlite:{self.folder}/to.db", code=2)
            self.store("copy", f"sqlite:{self.source}", url, code=2)
        self.assertEqual(os.listdir(self.folder), [])
        self.assertNotEqual(run("store", "copy", "sqlite:x")[0], 0)
        self.assertNotEqual(run("store")[0], 0)

    def test_a_newer_schema_is_refused_by_all_and_the_file_stays_as_it_was(self):
        path = self.copy_of_source()
        sql(path, "PRAGMA journal_mode = DELETE", "PRAGMA user_version = 99")
        before = path.read_bytes()
        for command in (("check", f"sqlite:{path}"), ("migrate", f"sqlite:{path}"),
                        ("copy", f"sqlite:{path}", f"sqlite:{self.folder}/to.db"),
                        ("copy", f"sqlite:{self.source}", f"sqlite:{path}"),
                        ("backup", f"sqlite:{path}", self.folder / "b.gz")):
            _, err = self.store(*command, code=5)
            self.assertIn("schema 99", err)
        self.assertEqual(path.read_bytes(), before)
        self.assertFalse((self.folder / "to.db").exists() or (self.folder / "b.gz").exists())

    def test_a_damaged_file_is_refused_by_all(self):
        path = self.copy_of_source()
        sql(path, "PRAGMA journal_mode = DELETE")
        data = bytearray(path.read_bytes())
        data[4096:40_000] = b"j" * (40_000 - 4096)
        path.write_bytes(data)
        for command in (("check", f"sqlite:{path}"), ("copy", f"sqlite:{path}", f"sqlite:{self.folder}/to.db"),
                        ("copy", f"sqlite:{self.source}", f"sqlite:{path}"),
                        ("backup", f"sqlite:{path}", self.folder / "b.gz")):
            _, err = self.store(*command, code=70)
            self.assertIn("not a sound SQLite file", err)
            self.assertIn("backup", err)
        self.assertEqual(path.read_bytes(), data)
        self.assertFalse((self.folder / "to.db").exists())

    def test_a_record_that_cannot_be_read_is_found(self):
        path = self.copy_of_source()
        sql(path, "UPDATE deploys SET body = '{'")
        _, err = self.store("check", f"sqlite:{path}", code=70)
        self.assertIn("hello-world/staging #1", err)

    def test_a_copy_is_equal_and_a_server_runs_on_it(self):
        path = self.copy_of_source()
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.contents(f"sqlite:{path}"), self.contents(f"sqlite:{self.source}"))
        _, err = self.store("copy", f"sqlite:{self.source}", f"sqlite:{path}", code=5)
        self.assertIn("not empty", err)
        server = Server("--store", f"sqlite:{path}").start()
        self.addCleanup(server.stop)
        out = server.cli("builds", "hello-world", "--output", "json")[1]
        self.assertEqual(json.loads(out)["builds"][0]["sha"], "abcdef29")
        code, out, err = server.cli("deploy", "hello-world", "staging", "--build", "abcdef02", "--no-wait", "--yes",
                                    "--output", "json")
        self.assertEqual((code, json.loads(out)["number"]), (0, 2), err)

    def test_a_file_that_a_server_uses_is_read_but_not_copied_or_written(self):
        path = self.copy_of_source()
        server = Server("--store", f"sqlite:{path}").start()
        self.addCleanup(server.stop)
        self.store("check", f"sqlite:{path}")
        for command in (("copy", f"sqlite:{path}", f"sqlite:{self.folder}/to.db"),
                        ("copy", f"sqlite:{self.source}", f"sqlite:{path}")):
            _, err = self.store(*command, code=5)
            self.assertIn(f"process {server.process.pid}", err)
        self.assertFalse((self.folder / "to.db").exists())

        stop = threading.Event()

        def announce():
            n = 0
            while not stop.is_set():
                server.hook({"project": "hello-world", "sha": f"beef{n:04}", "branch": "b"}, secret="")
                n += 1

        writer = threading.Thread(target=announce)
        writer.start()
        try:
            self.store("backup", f"sqlite:{path}", self.folder / "b.gz")
        finally:
            stop.set()
            writer.join()
        self.store("restore", self.folder / "b.gz", f"sqlite:{self.folder}/restored.db")
        # As it was at one moment: each build came with its entry in the ledger.
        with closing(sqlite3.connect(self.folder / "restored.db")) as db:
            builds, deliveries = (db.execute(f"SELECT count(*) FROM {t}").fetchone()[0]
                                  for t in ("builds", "deliveries"))
        self.assertEqual(builds, deliveries)
        self.assertGreaterEqual(builds, 30)

    def test_a_copy_that_was_killed_is_known_and_goes_on(self):
        big = self.copy_of_source()
        with closing(sqlite3.connect(big)) as db:
            db.executemany("INSERT INTO deliveries (hash, hook, id, verdict, at, sender, caller, project, body, why) "
                           "VALUES (random(), 'build', ?, 'accepted', 0, '', '', '', ?, '')",
                           ((str(n), "x" * 500) for n in range(8_000)))
            db.commit()
        path = self.folder / "to.db"
        arguments = ["store", "copy", f"sqlite:{big}", f"sqlite:{path}"]
        process = subprocess.Popen([LEMMY, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.time() + 60
        while time.time() < deadline:
            try:
                if path.exists() and sql(path, "SELECT count(*) FROM deliveries")[0][0][0] > 0:
                    break
            except sqlite3.OperationalError:
                pass
        process.send_signal(signal.SIGKILL)
        self.assertEqual(process.wait(), -signal.SIGKILL)
        self.assertLess(sql(path, "SELECT count(*) FROM deliveries")[0][0][0], 8_000)
        _, err = self.store("check", f"sqlite:{path}", code=5)
        self.assertIn("this did not end: lemmy store copy of sqlite:", err)
        with self.assertRaises(AssertionError) as refused:
            server = Server("--store", f"sqlite:{path}")
            self.addCleanup(shutil.rmtree, server.folder)
            server.start()
        self.assertIn("did not end", str(refused.exception))
        for command in (("copy", f"sqlite:{self.source}", f"sqlite:{path}"),
                        ("backup", f"sqlite:{path}", self.folder / "b.gz")):
            _, err = self.store(*command, code=5)
            self.assertIn("did not end", err)
        self.store(*arguments[1:])
        self.assertEqual(self.contents(f"sqlite:{path}"), self.contents(f"sqlite:{big}"))


if __name__ == "__main__":
    unittest.main()
