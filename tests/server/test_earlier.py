"""What an earlier release wrote is read: tests/stores/fixtures."""
import gzip
import pathlib
import re
import unittest

from harness import ROOT, Server, run

FIXTURES = ROOT / "tests" / "stores" / "fixtures"


def unpacked(name, to):
    pathlib.Path(to).write_bytes(gzip.decompress((FIXTURES / name).read_bytes()))
    return str(to)


class Earlier(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.stop)
        self.store = "sqlite:" + unpacked("sqlite.db.gz", self.server.folder / "earlier.db")

    def content(self, store):
        code, out, err = run("store", "check", store)
        self.assertEqual((code, out.strip().endswith("sound")), (0, True), err)
        return re.findall(r"^(\w+) +(\d+) +([0-9a-f]{16})$", out, re.M)

    def test_a_store_is_taken_forward_and_its_backup_restores_to_the_same(self):
        code, _, err = run("store", "migrate", self.store)
        self.assertEqual(code, 0, err)
        backup = FIXTURES / "sqlite.records.gz"
        restored = f"sqlite:{self.server.folder / 'restored.db'}"
        code, _, err = run("store", "restore", backup, restored)
        self.assertEqual(code, 0, err)
        content = self.content(self.store)
        self.assertEqual(len(content), 9)
        self.assertEqual(content, self.content(restored))

    def test_who_served_then_serves_now(self):
        self.server.arguments = ("--store", self.store)
        self.server.start()
        for environment, deploys in {"staging": {2: False, 4: False, 5: True},
                                     "production": {1: False, 2: False, 3: True}}.items():
            for number, serving in deploys.items():
                answer = self.server.get(f"/api/v1/projects/web/environments/{environment}/deploys/{number}")
                self.assertEqual(answer.status, 200, answer.body)
                self.assertEqual(answer.json["deploy"]["serving"], serving, f"{environment} #{number}")


if __name__ == "__main__":
    unittest.main()
