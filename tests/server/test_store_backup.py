"""lemmy store backup and restore."""
import gzip
import json
import os
import pty
import subprocess
import unittest

from harness import LEMMY, rest_of
from stores import Stores


class Backups(Stores):
    def setUp(self):
        super().setUp()
        self.file = self.folder / "b.gz"
        out, _ = self.store("backup", f"sqlite:{self.source}", self.file)
        self.assertIn("is backed up", out)
        self.to = self.folder / "to.db"

    def refused(self, says, code=2):
        _, err = self.store("restore", self.file, f"sqlite:{self.to}", code=code)
        self.assertIn(says, err)
        self.assertFalse(self.to.exists())

    def test_is_one_file_for_its_owner_and_comes_back_equal(self):
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)
        self.assertEqual(os.listdir(self.folder), ["b.gz"])
        lines = gzip.open(self.file, "rt", encoding="utf-8").read().splitlines()
        self.assertEqual(json.loads(lines[0])["format"], "lemmy-backup")
        self.assertEqual(json.loads(lines[-1])["end"]["build"]["count"], 30)
        out, _ = self.store("restore", self.file, f"sqlite:{self.to}")
        self.assertIn("equal in count and content", out)
        self.assertEqual(self.contents(f"sqlite:{self.to}"), self.contents(f"sqlite:{self.source}"))
        _, err = self.store("restore", self.file, f"sqlite:{self.to}", code=5)
        self.assertIn("not empty", err)

    def test_never_overwrites_a_file(self):
        before = self.file.read_bytes()
        _, err = self.store("backup", f"sqlite:{self.source}", self.file, code=5)
        self.assertIn("there already", err)
        self.assertEqual(self.file.read_bytes(), before)
        self.store("backup", f"sqlite:{self.source}", "/nowhere/b.gz", code=6)

    def test_what_a_killed_backup_left_is_no_hindrance(self):
        (self.folder / "c.gz.part").write_bytes(b"left")
        self.store("backup", f"sqlite:{self.source}", self.folder / "c.gz")
        self.assertFalse((self.folder / "c.gz.part").exists())

    def test_one_that_is_cut_is_refused_before_anything_is_written(self):
        whole = self.file.read_bytes()
        for size in (len(whole) - 1, len(whole) - 9, len(whole) // 2, 40):
            self.file.write_bytes(whole[:size])
            self.refused("damaged")

    def test_one_that_was_changed_is_refused_before_anything_is_written(self):
        whole = self.file.read_bytes()
        broken = bytearray(whole)
        broken[len(whole) // 2] ^= 0x10
        self.file.write_bytes(broken)
        self.refused("damaged")
        lines = gzip.decompress(whole).splitlines(keepends=True)

        def rewritten(changed):
            self.file.write_bytes(gzip.compress(b"".join(changed)))

        rewritten(lines[:-1])
        self.refused("its end is not there")
        rewritten(lines[:5] + lines[6:])
        self.refused("missing, or too many")
        rewritten([line.replace(b'"branch":"main"', b'"branch":"evil"') for line in lines])
        self.refused("were changed")
        rewritten([*lines, lines[1]])
        self.refused("something follows its end")
        rewritten([lines[0].replace(b'"version":2', b'"version":99'), *lines[1:]])
        self.refused("format 99", code=5)

    def test_what_is_no_backup_is_refused(self):
        for content in (b"", b"text\n", gzip.compress(b"text\n"), self.source.read_bytes()):
            self.file.write_bytes(content)
            self.refused("")
        self.file.unlink()
        self.refused("No such file", code=4)

    def test_progress_is_a_bar_on_a_terminal_and_quiet_elsewhere(self):
        _, err = self.store("restore", self.file, f"sqlite:{self.folder}/quiet.db")
        self.assertEqual(err, "")
        ours, theirs = pty.openpty()
        process = subprocess.Popen([LEMMY, "store", "restore", str(self.file), f"sqlite:{self.to}"],
                                   stdout=subprocess.DEVNULL, stderr=theirs)
        os.close(theirs)
        shown = rest_of(ours)
        self.assertEqual(process.wait(60), 0, shown)
        self.assertRegex(shown.decode(), r"restoring builds +\[#{30}\] 30/30")
        self.assertRegex(shown.decode(), r"verifying builds +\[#{30}\] 30/30")


if __name__ == "__main__":
    unittest.main()
