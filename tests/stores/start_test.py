"""What is wrong with a store is said when the server starts: what, and what to do, a line each; nothing is written."""
import http.server
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/kubernetes"))
from harness import LEMMY, Config  # noqa: E402
import backends  # noqa: E402
from disks import mounted  # noqa: E402


class Starts:
    def setUp(self):
        self.work = Path(tempfile.mkdtemp(prefix="lemmy-start-"))
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        os.chmod(self.work, 0o755)
        self.config = Config(self.work / "config")
        self.config.project("web", {"staging": {}})

    def start(self, *arguments, env=None):
        """What the server says when it does not start; (exit code, text)."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("LEMMY_", "PG", "DATASTORE_"))}
        done = subprocess.run(
            [LEMMY, "serve", "--config", self.config.dir, "--data", self.work / "data", "--port", "0", "--ansible",
             "/nowhere", *arguments], env=clean | (env or {}), text=True, capture_output=True, timeout=120, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "")
        # "error: what" and "  -> what to do"; a log on a pipe is JSON.
        said = [line for line in done.stderr.splitlines() if not line.startswith("{")]
        return done.returncode, said

    def expect(self, words, *arguments, hint, env=None, code=None):
        returned, said = self.start(*arguments, env=env)
        self.assertEqual([line[:5] for line in said], ["error", "  -> "], said)
        for word in words:
            self.assertIn(word, said[0])
        self.assertIn(hint, said[1])
        if code is not None:
            self.assertEqual(returned, code, said)


class Start(Starts, unittest.TestCase):
    def sqlite(self):
        """A file that a server made."""
        path = self.work / "a.db"
        with subprocess.Popen([LEMMY, "serve", "--config", self.config.dir, "--data", self.work / "data", "--port", "0",
                               "--ansible", "/nowhere", "--store", f"sqlite:{path}"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True) as server:
            self.assertIn("listening", server.stdout.readline())
            server.terminate()  # at once: it ends in good order, with nothing left in the log beside the file
        self.assertEqual(server.returncode, 0)
        self.assertFalse(Path(f"{path}-wal").exists())
        return path

    def test_a_url_of_nothing_known(self):
        self.expect(["mysql:"], "--store", "mysql://db/x", hint="sqlite:PATH")
        self.expect(["not a PostgreSQL address"], "--store", "postgres://db/x?sslmod=require", hint="postgres://USER@HOST")
        self.expect([], "--store", "datastore://", hint="datastore://PROJECT")

    def test_a_sqlite_file_of_a_newer_lemmy_stays_as_it_is(self):
        path = self.sqlite()
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA user_version = 9999")
        db.close()
        before = path.read_bytes()
        self.expect([str(path), "schema 9999"], "--store", f"sqlite:{path}", hint="newer")
        self.assertEqual(path.read_bytes(), before)

    def test_a_file_that_is_no_database_stays_as_it_is(self):
        path = self.work / "a.db"
        path.write_bytes(b"Dear diary, " * 1000)
        before = path.read_bytes()
        self.expect([str(path), "not a sound SQLite file"], "--store", f"sqlite:{path}", hint="restore it from a backup")
        self.assertEqual(path.read_bytes(), before)

    def test_a_damaged_sqlite_file_stays_as_it_is(self):
        path = self.sqlite()
        damaged = bytearray(path.read_bytes())
        for page in range(4096, len(damaged), 4096):
            damaged[page:page + 512] = os.urandom(512)
        path.write_bytes(damaged)
        self.expect([str(path), "not a sound SQLite file"], "--store", f"sqlite:{path}", hint="restore it from a backup")
        self.assertEqual(path.read_bytes(), bytes(damaged))

    def test_a_disk_that_is_read_only(self):
        disk = mounted(self, "-t", "tmpfs", "-o", "ro", "tmpfs")
        self.expect([str(disk)], "--store", f"sqlite:{disk}/a.db", hint="")
        self.assertEqual(list(disk.iterdir()), [])

    def test_datastore_without_its_indexes(self):
        asked = []

        class Google(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                asked.append(self.path.rpartition(":")[2])
                found = json.dumps({"error": {"code": 400, "status": "FAILED_PRECONDITION",
                                              "message": "no matching index found."}}).encode()
                self.send_response(400)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(found)))
                self.end_headers()
                self.wfile.write(found)

            def log_message(self, *_):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Google) as google:
            threading.Thread(target=google.serve_forever, daemon=True).start()
            self.expect(["no matching index found"], "--store", "datastore://lemmy", hint="gcloud datastore indexes create",
                        env={"DATASTORE_EMULATOR_HOST": f"127.0.0.1:{google.server_port}"})
            google.shutdown()
        self.assertNotIn("commit", asked, "nothing was written")


class PostgresStart(Starts, backends.OnStore, unittest.TestCase):
    backend = backends.Postgres

    def tables(self):
        return self.store.sql("SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')")

    def url(self, password=None, database="lemmy", port=None, place="public"):
        return (f"postgres://lemmy:{quote(password or self.store.password, safe='')}@127.0.0.1:{port or self.store.port}/"
                f"{database}?connect_timeout=5&options=-csearch_path%3D{place}")

    def test_postgres_that_refuses(self):
        before = self.tables()
        self.expect(["password"], "--store", self.url(password="wrong"), hint="check the password")
        self.expect(["nosuch"], "--store", self.url(database="nosuch"), hint="createdb")
        self.assertEqual(self.tables(), before)

    def test_postgres_that_is_not_there(self):
        with backends.socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.expect([str(port)], "--store", self.url(port=port), hint="is PostgreSQL running there")

    def test_a_schema_of_a_newer_lemmy_stays_as_it_is(self):
        place = self.store.fresh()
        self.store.sql(f"CREATE TABLE {place}.lemmy_schema (version bigint, checked_at bigint);"
                       f"INSERT INTO {place}.lemmy_schema VALUES (9999, 0)")
        before = self.tables()
        self.expect(["schema 9999"], "--store", self.url(place=place), hint="newer")
        self.assertEqual(self.tables(), before)


if __name__ == "__main__":
    unittest.main()
