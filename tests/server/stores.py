"""What the tests of lemmy store share: a store that a server filled, and the command."""
import pathlib
import re
import shutil
import sqlite3
import tempfile
import unittest
from contextlib import closing

from harness import Server, run


def sql(path, *statements):
    with closing(sqlite3.connect(path)) as db:
        answers = [db.execute(s).fetchall() for s in statements]
        db.commit()
        return answers


def table(out):
    """What check says of each kind: its count and the hash of its content."""
    return dict(re.findall(r"^(\w+) +(\d+ +[0-9a-f]{16})\s*$", out, flags=re.M))


class Stores(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """One store that a server filled, for all tests to read."""
        cls.made = pathlib.Path(tempfile.mkdtemp(prefix="lemmy-store-test-"))
        cls.source = cls.made / "source.db"
        server = Server("--store", f"sqlite:{cls.source}").start()
        try:
            for n in range(30):
                answer = server.hook({"project": "hello-world", "sha": f"abcdef{n:02}", "branch": "main",
                                      "message": "grüße \x01 🚀"}, secret="")
                assert answer.status == 202, answer.body
            code, _, err = server.cli("deploy", "hello-world", "staging", "--build", "abcdef01", "--no-wait", "--yes")
            assert code == 0, err
        finally:
            server.stop()

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.made, ignore_errors=True)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def store(self, *arguments, code=0, **more):
        done, out, err = run("store", *arguments, **{"timeout": 200, **more})
        self.assertEqual(done, code, out + err)
        if code != 0:
            self.assertIn("error: ", err)
            self.assertIn("  -> ", err)
        return out, err

    def contents(self, url):
        found = table(self.store("check", url)[0])
        self.assertEqual(len(found), 9, found)
        return found

    def copy_of_source(self):
        path = self.folder / "copy.db"
        self.store("copy", f"sqlite:{self.source}", f"sqlite:{path}")
        return path
