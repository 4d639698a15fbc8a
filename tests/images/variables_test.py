"""images/base/entrypoint: which variables a service gets, of which files, and what is refused or skipped."""
import os
import re
import stat
import subprocess
import unittest
from pathlib import Path

import entrypoint
from entrypoint import ENTRYPOINT, ENV_DUMP, ROOT, environment


class Cases:
    # Values

    def test_each_file_is_a_variable_and_the_rest_stays(self):
        self.secret("DATABASE_URL", "postgres://u:p@db/shop")
        self.secret("_x9", "y")
        expected = {k.encode(): v.encode() for k, v in self.env(LC_ALL="C.UTF-8", A="b c\n").items()}
        expected.update({b"DATABASE_URL": b"postgres://u:p@db/shop", b"_x9": b"y"})
        self.assertEqual(self.variables(LC_ALL="C.UTF-8", A="b c\n"), expected)

    def test_values_stay_as_they_are(self):
        marker = self.dir / "evaluated"
        values = ["", " ", "  two  spaces  ", "a\tb", "line 1\nline 2", "\n\nbefore", "it's", 'say "hi"', "back\\slash",
                  "\\n\\t\\0101\\c", "*", "/*", "[a-z]", "~", "-n", "-e x", "--", "--help", "$HOME", "${PATH}", "a=b=c",
                  f"$(touch {marker})", f"`touch {marker}`", f"; touch {marker} #", f"'; touch {marker}; '",
                  "%s%n", "!", "a\r\nb\r", ".", "x.", "ünïcödé 🂡", "#x", "\x01\x7f"]
        for i, value in enumerate(values):
            self.secret(f"V{i}", value)
        got = self.variables()
        for i, value in enumerate(values):
            self.assertEqual(got[f"V{i}".encode()], value.encode())
        self.assertFalse(marker.exists())

    def test_one_newline_at_the_end_is_dropped(self):
        for name, content in {"NONE": "x", "ONE": "x\n", "THREE": "x\n\n\n", "ONLY": "\n", "TWO": "\n\n",
                              "CRLF": "x\r\n", "DOT": "x\n."}.items():
            self.secret(name, content)
        got = self.variables()
        self.assertEqual([got[n] for n in (b"NONE", b"ONE", b"THREE", b"ONLY", b"TWO", b"CRLF", b"DOT")],
                         [b"x", b"x", b"x\n\n", b"", b"\n", b"x\r", b"x\n."])

    def test_every_byte_but_0_in_any_locale(self):
        every = bytes(range(1, 256)) + bytes(range(255, 0, -1)) + b"\xe2\x82"
        self.secret("EVERY", every)
        self.secret("HALF", b"\xc3")
        for locale in (None, "C", "C.UTF-8"):
            got = self.variables(LC_ALL=locale)
            self.assertEqual(got[b"EVERY"], every)
            self.assertEqual(got[b"HALF"], b"\xc3")
            self.assertEqual(got.get(b"LC_ALL"), locale and locale.encode())

    def test_a_byte_0_is_refused(self):
        self.secret("GOOD", "hush")
        self.secret("KEYSTORE", b"hush\0hush")
        self.assertNotIn(b"hush", self.refused(65, "true", says=b"KEYSTORE"))

    def test_as_large_as_linux_takes(self):
        most = 131072 - len("BIG=") - 1
        self.secret("BIG", b"\xc3\xa4" * (most // 2) + b"x" * (most % 2))
        self.assertEqual(len(self.variables(LC_ALL="C.UTF-8")[b"BIG"]), most)
        self.secret("BIG", b"x" * (most + 1))
        self.refused(65, "true", says=b"BIG is too large")

    def test_200_files(self):
        for i in range(200):
            self.secret(f"KEY_{i}", f"value {i}\n" * 5)
        got = self.variables()
        for i in range(200):
            self.assertEqual(got[f"KEY_{i}".encode()], (f"value {i}\n" * 5)[:-1].encode())

    def test_more_than_linux_takes_in_all_is_an_error(self):
        for i in range(60):
            self.secret(f"KEY_{i}", b"x" * 131000)
        done = self.run_it("true")
        self.assertEqual(done.returncode, 126)
        self.assertLess(len(done.stderr), 500)

    def test_variables_that_shells_use_themselves(self):
        names = ["IFS", "OPTARG", "PPID", "LINENO", "RANDOM", "PS1", "PS4", "ENV", "HOME", "CDPATH", "MAIL",
                 "LC_ALL", "LANG", "TERM", "HISTSIZE", "SECONDS", "UID", "POSIXLY_CORRECT"]
        for name in names:
            self.secret(name, "1 a0")
        got = self.variables()
        for name in names:
            self.assertEqual(got[name.encode()], b"1 a0", name)

    # Names

    def test_odd_names_are_skipped_with_a_line(self):
        odd = ["tls.crt", "with-dash", "with space", "1ST", "-n", ".hidden", "..odd", "a=b", "*", "$(x)", "naïve",
               "A\n", "~", "...", "A'B"]
        for name in odd:
            self.secret(name, "hush")
        (self.secrets / os.fsdecode(b"B\xff")).write_bytes(b"hush")
        self.secret("GOOD", "1")
        for locale in ("C", "C.UTF-8"):
            done = self.run_it(*ENV_DUMP, LC_ALL=locale)
            lines = done.stderr.decode("ascii").splitlines()
            self.assertEqual(len(lines), len(odd) + 1)
            for name in odd:
                shown = "".join(c if " " <= c <= "~" else "?" * len(c.encode()) for c in name)
                line = f"entrypoint: skipped {self.secrets}/{shown}: its name is not a variable's"
                self.assertEqual(lines.count(line), 1, (line, lines))
            self.assertNotIn(b"hush", done.stderr + done.stdout)
            self.assertEqual(environment(done.stdout)[b"GOOD"], b"1")

    def test_a_secret_volume_of_kubernetes(self):
        version = self.secrets / "..2024_05_01_10_00_00.123456789"
        version.mkdir()
        (version / "API_KEY").write_text("k1\n")
        (version / "tls.key").write_text("hush")
        (self.secrets / "..data").symlink_to(version.name)
        for name in ("API_KEY", "tls.key"):
            (self.secrets / name).symlink_to(f"..data/{name}")
        done = self.run_it(*ENV_DUMP)
        self.assertEqual(environment(done.stdout)[b"API_KEY"], b"k1")
        self.assertEqual(sorted(Path(line.split()[2].rstrip(":")).name for line in done.stderr.decode().splitlines()),
                         ["tls.key"])
        self.assertNotIn(b"hush", done.stderr + done.stdout)

    def test_what_is_not_a_file_is_skipped(self):
        (self.secrets / "FOLDER").mkdir()
        os.mkfifo(self.secrets / "PIPE")
        got = self.variables(warnings=2)
        self.assertNotIn(b"FOLDER", got)
        self.assertNotIn(b"PIPE", got)

    def test_a_file_wins_over_the_environment(self):
        self.secret("LOG_LEVEL", "from the Secret")
        self.assertEqual(self.variables(LOG_LEVEL="from the manifest")[b"LOG_LEVEL"], b"from the Secret")

    def test_the_environment_wins_for_what_lemmy_stamps(self):
        docs = (ROOT / "docs" / "manifests.md").read_text()
        stamped = re.findall(r"`(\w+)`", re.search(r"Variables in every container:(.*?)\.\n", docs, re.S)[1])
        self.assertIn("PROJECT", stamped)
        names = [*stamped, "PATH", "OPTIND", "LEMMY_SECRETS_DIR", "lemmy_value", "lemmy_count"]
        for name in names:
            self.secret(name, "hush")
        kept = {name: "kept" for name in stamped if name != "PROJECT"}
        got = self.variables(warnings=len(names), **kept)
        self.assertEqual(got, {k.encode(): v.encode() for k, v in self.env(**kept).items()})

    def test_its_own_variables_do_not_reach_the_service(self):
        self.secret("A", "hush")
        got = self.variables(lemmy_value="x", lemmy_name="x", lemmy_file="x", lemmy_dir="x", lemmy_path="x",
                             lemmy_locale="x", lemmy_size="x", lemmy_count="x")
        self.assertEqual([n for n in got if n.startswith(b"lemmy_")], [])
        self.assertNotIn(b"LC_ALL", got)

    # Where the files are

    def test_without_a_project_or_a_directory_it_just_runs(self):
        self.secret("A", "1")
        for project in (None, "", "other"):
            self.assertNotIn(b"A", self.variables(PROJECT=project))
        self.assertNotIn(b"A", self.variables(LEMMY_SECRETS_DIR=str(self.dir / "none")))

    def test_an_empty_directory(self):
        self.assertEqual(self.variables(), {k.encode(): v.encode() for k, v in self.env().items()})

    def test_a_project_that_is_no_project_name_is_refused(self):
        (self.root / "shop" / "sub").mkdir()
        for project in ("..", ".", "../secrets/shop", "shop/", "/shop", "shop/sub", "shop/..", "a..b", "Shop", "-shop",
                        "shop-", "sh op", "*", "shop\n", "1shop", "schön"):
            self.refused(78, "true", says=b"PROJECT", PROJECT=project)

    def test_a_directory_with_odd_characters(self):
        odd = self.dir / "a *b' [c]"
        (odd / "shop").mkdir(parents=True)
        (odd / "shop" / "A").write_text("1")
        self.assertEqual(self.variables(LEMMY_SECRETS_DIR=str(odd))[b"A"], b"1")

    def test_a_link_to_nowhere_is_refused(self):
        (self.secrets / "GONE").symlink_to("nowhere")
        self.refused(66, "true", says=b"GONE")

    def test_a_file_in_place_of_the_directory_is_refused(self):
        (self.root / "flat").write_text("hush")
        self.refused(66, "true", says=b"flat is not a directory", PROJECT="flat")
        (self.root / "dangling").symlink_to("nowhere")
        self.refused(66, "true", says=b"dangling is not a directory", PROJECT="dangling")

    def test_what_this_user_cannot_read_is_refused(self):
        # Root reads everything: then another user is to try.
        user = 65534 if os.getuid() == 0 else None
        self.secret("A", "hush")
        b = self.secret("B", "hush")
        if user and not self.others_can_reach():
            self.skipTest("the checkout is not readable by other users")
        for path, mode, name in ((b, 0o000, b"B"), (self.secrets, 0o000, b"shop"), (self.secrets, 0o444, b"shop"),
                                 (self.secrets, 0o111, b"shop"), (self.root, 0o000, b"secrets")):
            before = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode)
            try:
                self.assertNotIn(b"hush", self.refused(66, "true", says=name, user=user))
            finally:
                path.chmod(before)
        self.assertEqual(self.run_it("true", user=user).returncode, 0)

    def others_can_reach(self):
        return subprocess.run(["cat", str(ENTRYPOINT)], user=65534, group=65534, extra_groups=[],
                              capture_output=True).returncode == 0


class Dash(Cases, entrypoint.Dash, unittest.TestCase):
    pass


class Busybox(Cases, entrypoint.Busybox, unittest.TestCase):
    pass


if __name__ == "__main__":
    unittest.main()
