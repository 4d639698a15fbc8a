"""lemmy store on stores that servers share: a real PostgreSQL, and Datastore without an index."""
import http.server
import json
import os
import subprocess
import threading
import unittest

from harness import ROOT, Server, wait_until
from stores import Stores


class Postgres(Stores):
    PASSWORD = "pa:ss@w/ord?"
    IN_URL = "pa%3Ass%40w%2Ford%3F"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        os.chmod(cls.made, 0o755)
        cls.pg = cls.made / "pg"
        subprocess.run([ROOT / "tests/stores/postgres.sh", "start", cls.pg, str(os.getpid())], check=True)
        cls.port = (cls.pg / "port").read_text().strip()
        cls.schemas = 0

    @classmethod
    def tearDownClass(cls):
        subprocess.run([ROOT / "tests/stores/postgres.sh", "stop", cls.pg], check=True)
        super().tearDownClass()

    def psql(self, text):
        done = subprocess.run(["psql", "-h", "127.0.0.1", "-p", self.port, "-U", "lemmy", "-d", "lemmy", "-qAt", "-c",
                               text], env={**os.environ, "PGPASSWORD": self.PASSWORD}, capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def url(self, password=IN_URL):
        return f"postgres://lemmy:{password}@127.0.0.1:{self.port}/lemmy?options=-csearch_path%3D{self.schema}"

    def setUp(self):
        super().setUp()
        type(self).schemas += 1
        self.schema = f"s{self.schemas}"
        self.psql(f"CREATE SCHEMA {self.schema}")

    def tables(self):
        return self.psql(f"SELECT count(*) FROM pg_tables WHERE schemaname = '{self.schema}'")

    def test_there_and_back_again_changes_nothing(self):
        out, err = self.store("copy", f"sqlite:{self.source}", self.url())
        self.assertNotIn("pa%3A", out + err)
        self.assertNotIn(self.PASSWORD, out + err)
        back = self.folder / "back.db"
        self.store("copy", self.url(), f"sqlite:{back}")
        expected = self.contents(f"sqlite:{self.source}")
        self.assertEqual(self.contents(self.url()), expected)
        self.assertEqual(self.contents(f"sqlite:{back}"), expected)
        self.store("backup", self.url(), self.folder / "b.gz")
        self.store("restore", self.folder / "b.gz", f"sqlite:{self.folder}/restored.db")
        self.assertEqual(self.contents(f"sqlite:{self.folder}/restored.db"), expected)
        _, err = self.store("copy", f"sqlite:{self.source}", self.url(), code=5)
        self.assertIn("not empty", err)
        self.assertNotIn("pa%3A", err)

    def test_a_wrong_password_is_told_and_not_shown(self):
        for command in (("check", self.url("hunter2")), ("migrate", self.url("hunter2")),
                        ("copy", f"sqlite:{self.source}", self.url("hunter2")),
                        ("copy", self.url("hunter2"), f"sqlite:{self.folder}/to.db"),
                        ("backup", self.url("hunter2"), self.folder / "b.gz")):
            out, err = self.store(*command, code=6)
            self.assertIn("password authentication failed", err)
            self.assertIn("PGPASSWORD", err)
            self.assertNotIn("hunter2", out + err)
        self.assertEqual((self.tables(), os.listdir(self.folder)), ("0", []))

    def test_an_empty_database_a_newer_and_an_older_schema(self):
        self.store("check", self.url(), code=4)
        self.store("backup", self.url(), self.folder / "b.gz", code=4)
        self.assertEqual(self.tables(), "0")
        out, _ = self.store("migrate", self.url())
        self.assertIn("from schema 0 to", out)
        self.assertIn("nothing to do", self.store("migrate", self.url())[0])
        self.psql(f"UPDATE {self.schema}.lemmy_schema SET version = 1;"
                  f"DROP TABLE {self.schema}.lemmy_entries, {self.schema}.lemmy_feed;"
                  f"DROP SEQUENCE {self.schema}.lemmy_revisions;"
                  f"ALTER TABLE {self.schema}.lemmy_instances DROP COLUMN launched_at")
        _, err = self.store("check", self.url(), code=5)
        self.assertIn("lemmy store migrate", err)
        self.store("copy", f"sqlite:{self.source}", self.url(), code=5)
        self.store("migrate", self.url())
        self.store("check", self.url())
        self.psql(f"UPDATE {self.schema}.lemmy_schema SET version = 99")
        for command in (("check", self.url()), ("migrate", self.url()),
                        ("copy", f"sqlite:{self.source}", self.url())):
            _, err = self.store(*command, code=5)
            self.assertIn("schema 99", err)

    def test_a_store_on_which_a_server_leads_is_backed_up_but_not_copied(self):
        server = Server("--store", self.url()).start()
        self.addCleanup(server.stop)
        self.assertEqual(server.hook({"project": "hello-world", "sha": "abcdef77", "branch": "b"}, secret="").status,
                         202)
        leader = f"SELECT holder FROM {self.schema}.lemmy_leases WHERE name = 'conductor'"
        wait_until(lambda: self.psql(leader), 20)
        _, err = self.store("copy", self.url(), f"sqlite:{self.folder}/to.db", code=5)
        self.assertIn("a server uses it", err)
        self.assertFalse((self.folder / "to.db").exists())
        self.psql(f"DELETE FROM {self.schema}.lemmy_builds; DELETE FROM {self.schema}.lemmy_deliveries")
        _, err = self.store("copy", f"sqlite:{self.source}", self.url(), code=5)
        self.assertIn("stop all servers", err)
        self.store("backup", self.url(), self.folder / "b.gz")


class Google(http.server.BaseHTTPRequestHandler):
    """A database that has no index for queries of instances."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        status, answer = 200, {"batch": {"moreResults": "NO_MORE_RESULTS"}}
        if "LemmyInstance" in body and "order_of_project" in body:
            status, answer = 400, {"error": {"code": 400, "status": "FAILED_PRECONDITION",
                                             "message": "no matching index found. recommended index is: ..."}}
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


class Datastore(Stores):
    def test_a_missing_index_is_named_with_how_to_make_it(self):
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Google) as google:
            threading.Thread(target=google.serve_forever, daemon=True).start()
            env = {"DATASTORE_EMULATOR_HOST": f"127.0.0.1:{google.server_port}"}
            _, err = self.store("check", "datastore://shop/eu", code=7, env=env)
            google.shutdown()
        self.assertIn("no matching index found", err)
        self.assertIn("gcloud datastore indexes create share/datastore/index.yaml --project shop --database eu", err)


if __name__ == "__main__":
    unittest.main()
