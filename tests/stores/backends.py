"""The three stores as servers use them, and a simulated cluster that outlives every server."""
import http.client
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[2]


def kubeconfig(url):
    return json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "it",
                       "clusters": [{"name": "it", "cluster": {"server": url}}],
                       "users": [{"name": "me", "user": {}}],
                       "contexts": [{"name": "it", "context": {"cluster": "it", "user": "me"}}]})


class Cluster:
    """A simulated cluster in a process of its own."""

    def __init__(self, folder, namespaces, pace):
        self.kubeconfig = Path(folder) / "kubeconfig"
        self.process = subprocess.Popen(
            [ROOT / "build/simulated_cluster", self.kubeconfig, "--pace", str(pace), "--namespaces", ",".join(namespaces)],
            stdout=subprocess.PIPE, text=True)
        url = re.match(r"ready http://([^:/]+):(\d+)", self.process.stdout.readline())
        self.api = (url.group(1), int(url.group(2)))

    def items(self, namespace, kind="replicationcontrollers", project=None):
        connection = http.client.HTTPConnection(*self.api, timeout=20)
        connection.request("GET", f"/api/v1/namespaces/{namespace}/{kind}")
        items = json.loads(connection.getresponse().read())["items"]
        connection.close()
        return [i for i in items if project in (None, i["metadata"].get("labels", {}).get("project"))]

    def stop(self):
        self.process.terminate()
        code = self.process.wait(10)
        self.process.stdout.close()
        assert code == 0, f"the simulated cluster ended with {code}"


class Sqlite:
    """A file in the server's own folder, which one server has at a time."""
    name, shared = "SQLite", False

    def __init__(self, folder):
        self.folder = Path(folder)

    def fresh(self):
        return str(self.folder / f"store-{secrets.token_hex(4)}.db")

    def arguments(self, place, port=None):
        return ["--store", "sqlite:" + place]

    def env(self, port=None):
        return {}

    def close(self):
        pass


class Postgres:
    """PostgreSQL of the tests' own; a place is a schema."""
    name, shared = "PostgreSQL", True
    script, password = ROOT / "tests/stores/postgres.sh", "pa:ss@w/ord?"

    def __init__(self, folder):
        self.dir = Path(folder) / "pg"
        os.chmod(folder, 0o755)
        self.run("start", str(os.getpid()))
        self.port = int((self.dir / "port").read_text())

    def run(self, what, *more):
        subprocess.run([self.script, what, self.dir, *more], check=True)

    def fresh(self):
        place = "s" + secrets.token_hex(4)
        self.sql(f"CREATE SCHEMA {place}")
        return place

    def sql(self, text):
        # As the user whose tables they become; TCP wants its password.
        done = subprocess.run(["psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "lemmy", "-d", "lemmy", "-qAt",
                               "-c", text], env={**os.environ, "PGPASSWORD": self.password}, capture_output=True,
                              text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def arguments(self, place, port=None):
        return ["--store", f"postgres://lemmy:{quote(self.password, safe='')}@127.0.0.1:{port or self.port}/lemmy"
                           f"?options=-csearch_path%3D{place}"]

    def env(self, port=None):
        return {}

    def halt(self):
        self.run("halt")

    def resume(self):
        self.run("resume")

    def close(self):
        self.run("stop")


def emulator_jar():
    """As tests/stores/datastore/emulator.cpp finds it; None: it is not on this machine."""
    named = os.environ.get("LEMMY_DATASTORE_EMULATOR")
    if named is None and shutil.which("gcloud"):
        root = subprocess.run(["gcloud", "info", "--format=value(installation.sdk_root)"], text=True,
                              capture_output=True, check=False).stdout.strip()
        named = root and root + "/platform/cloud-datastore-emulator/CloudDatastore.jar"
    return named if named and Path(named).exists() else None


class Datastore:
    """Google's Datastore emulator; a place is a namespace. What it holds is in memory, unless told: it is stopped by
    SIGSTOP."""
    name, shared = "Datastore", True

    def __init__(self, folder, on_disk=False):
        jar = emulator_jar()
        main = ["java", "-Xmx1g", "-Duser.language=en", "-cp", jar,
                "com.google.cloud.datastore.emulator.CloudDatastore"]
        self.data = Path(folder) / "datastore"
        data = str(self.data)
        subprocess.run([*main, "create", "--project_id=lemmy", data], check=True, capture_output=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        with open(Path(folder) / "datastore.log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [*main, "start", "--host=127.0.0.1", f"--port={self.port}", f"--store_on_disk={on_disk}",
                 "--consistency=1.0", data], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        end = time.monotonic() + 90
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=5):
                    break
            except (OSError, urllib.error.URLError):
                assert time.monotonic() < end and self.process.poll() is None, "the emulator does not start"
                time.sleep(0.1)

    def fresh(self):
        return "t-" + secrets.token_hex(4)

    def arguments(self, place, port=None):
        return ["--store", f"datastore://lemmy?namespace={place}"]

    def env(self, port=None):
        return {"DATASTORE_EMULATOR_HOST": f"127.0.0.1:{port or self.port}"}

    def written(self):
        """The file it wrote to disk; it is stopped for that."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/shutdown", method="POST")
        urllib.request.urlopen(request, timeout=30).close()
        self.process.wait(60)
        return (self.data / "WEB-INF/appengine-generated/local_db.bin").read_bytes()

    def close(self):
        self.process.kill()
        self.process.wait()


class OnStore:
    """For a TestCase: a store of `backend` and a folder, for all its tests."""
    backend = None

    @classmethod
    def setUpClass(cls):
        if why := missing(cls.backend):
            raise unittest.SkipTest(why)
        cls.work = Path(tempfile.mkdtemp(prefix="lemmy-stores-"))
        cls.addClassCleanup(shutil.rmtree, cls.work, ignore_errors=True)
        cls.store = cls.backend(cls.work)
        cls.addClassCleanup(cls.store.close)


def missing(backend):
    """Why a backend cannot be tested on this machine; None: it can."""
    if backend is Datastore and not emulator_jar():
        return "the Datastore emulator is not on this machine (LEMMY_DATASTORE_EMULATOR names its jar)"
    return None
