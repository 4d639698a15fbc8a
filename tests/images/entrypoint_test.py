"""images/base/entrypoint: the same cases under dash with GNU tools and under busybox with its own."""
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENTRYPOINT = ROOT / "images" / "base" / "entrypoint"
# What a shell adds to the environment by itself.
SHELL_OWN = {b"PWD", b"OLDPWD", b"SHLVL", b"_"}
ENV_DUMP = ["cat", "/proc/self/environ"]
# nohup, a shell's & and some CI runners ignore signals, and children inherit that: here it is about the entrypoint.
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def environment(dump):
    pairs = (item.split(b"=", 1) for item in dump.split(b"\0") if item)
    return {name: value for name, value in pairs if name not in SHELL_OWN}


class Cases:
    SHELL = ""   # name of the program
    WORDS = []   # its arguments
    TOOLS = ()   # what it brings itself

    def setUp(self):
        self.dir = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.dir.chmod(0o755)
        self.root = self.dir / "secrets"
        self.secrets = self.root / "shop"
        self.secrets.mkdir(parents=True)
        program = shutil.which(self.SHELL)
        self.assertIsNotNone(program, self.SHELL + " is missing: tools/install.sh test")
        self.shell = [program, *self.WORDS, str(ENTRYPOINT)]
        self.path = "/usr/bin:/bin"
        if self.TOOLS:
            tools = self.dir / "bin"
            tools.mkdir()
            for tool in self.TOOLS:
                (tools / tool).symlink_to(program)
            self.path = f"{tools}:/usr/bin:/bin"

    def secret(self, name, content):
        path = self.secrets / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def env(self, **more):
        env = {"PATH": self.path, "LEMMY_SECRETS_DIR": str(self.root), "PROJECT": "shop"}
        env.update(more)
        return {k: v for k, v in env.items() if v is not None}

    def run_it(self, *command, user=None, **env):
        kwargs = {"user": user, "group": user, "extra_groups": []} if user else {}
        return subprocess.run([*self.shell, *command], env=self.env(**env), capture_output=True, timeout=300, cwd="/",
                              stdin=subprocess.DEVNULL, **kwargs)

    def variables(self, warnings=0, **env):
        done = self.run_it(*ENV_DUMP, **env)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), warnings, done.stderr)
        return environment(done.stdout)

    def refused(self, code, *command, says=b"", **kwargs):
        done = self.run_it(*command, **kwargs)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, b"")
        self.assertTrue(done.stderr.startswith(b"entrypoint: "), done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn(says, done.stderr)
        return done.stderr

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

    # The command

    def test_no_command_is_refused(self):
        self.refused(64, says=b"no command")

    def test_flags_without_a_program_are_refused(self):
        for flags in (["--port", "8080"], ["-a", "x", "true"], ["-"], ["--", "true"]):
            self.refused(64, *flags, says=b"'-'")

    def test_arguments_stay_as_they_are(self):
        self.secret("A", "1")
        arguments = ["", " ", "*", "a b", "-n", "$HOME", "line\nline", "'\"\\", "A=2"]
        done = self.run_it("/bin/cat", "/proc/self/cmdline", "--", "/dev/null")
        self.assertEqual(done.stdout, b"/bin/cat\0/proc/self/cmdline\0--\0/dev/null\0")
        done = self.run_it(sys.executable, "-c", "import json, sys; print(json.dumps(sys.argv[1:]))", *arguments)
        self.assertEqual(json.loads(done.stdout), arguments)

    def test_stdin_directory_and_umask_stay(self):
        self.secret("A", "1")
        done = subprocess.run([*self.shell, "sh", "-c", "cat; pwd; umask"], env=self.env(), input=b"in\n",
                              capture_output=True, cwd="/usr", umask=0o027, timeout=60)
        self.assertEqual(done.stdout, b"in\n/usr\n0027\n")

    def test_the_command_is_found_by_the_manifests_path_only(self):
        self.secret("A", "1")
        own = self.dir / "own"
        own.mkdir()
        (own / "service").symlink_to("/bin/cat")
        done = self.run_it("service", "/proc/self/environ", PATH=str(own))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(environment(done.stdout)[b"PATH"], str(own).encode())
        self.assertEqual(environment(done.stdout)[b"A"], b"1")
        self.assertEqual(self.run_it("uptime", PATH=str(own)).returncode, 127)

    def test_exit_status(self):
        for code in (0, 1, 2, 64, 100, 255):
            self.assertEqual(self.run_it("sh", "-c", f"exit {code}").returncode, code)
        self.assertEqual(self.run_it("/nowhere/service").returncode, 127)
        self.assertEqual(self.run_it(str(self.secret("A", "x"))).returncode, 126)

    # Signals. The service must be the very process that was started.

    def start(self, *command):
        self.secret("A", "1")
        service = subprocess.Popen([*self.shell, *command], env=self.env(), stdout=subprocess.PIPE,
                                   stdin=subprocess.DEVNULL, start_new_session=True)

        def end():  # The whole group: a shell that wrongly stayed would leave the service behind.
            try:
                os.killpg(service.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            service.wait()
            service.stdout.close()

        self.addCleanup(end)
        return service

    def test_the_service_is_the_process_that_was_started(self):
        service = self.start("sh", "-c", "echo $$; exec sleep 60")
        self.assertEqual(int(service.stdout.readline()), service.pid)
        children = Path(f"/proc/{service.pid}/task/{service.pid}/children")
        if children.exists():
            self.assertEqual(children.read_text(), "")

    def test_a_signal_ends_a_service_that_does_not_handle_it(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            service = self.start("sleep", "60")
            deadline = time.monotonic() + 10
            while Path(f"/proc/{service.pid}/cmdline").read_bytes() != b"sleep\x0060\0":
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.01)
            service.send_signal(number)
            # What a container runtime reports as 128 + number, 143 for SIGTERM.
            self.assertEqual(service.wait(10), -number)

    def test_a_service_handles_sigterm(self):
        service = self.start("sh", "-c", 'trap "echo bye; exit 7" TERM; echo up; while :; do sleep 0.05; done')
        self.assertEqual(service.stdout.readline(), b"up\n")
        service.send_signal(signal.SIGTERM)
        self.assertEqual(service.wait(10), 7)
        self.assertEqual(service.stdout.read(), b"bye\n")

    def test_no_signal_is_blocked_or_ignored(self):
        self.secret("A", "1")
        lines = [line for line in self.run_it("cat", "/proc/self/status").stdout.splitlines() if line[:3] == b"Sig"]
        masks = {name: int(mask, 16) for name, mask in (line.split(b":") for line in lines if b"SigQ" not in line)}
        self.assertEqual((masks[b"SigBlk"], masks[b"SigIgn"]), (0, 0))

    # Secrecy

    def test_programs_it_runs_see_no_value(self):
        tools, log = self.dir / "spies", self.dir / "log"
        tools.mkdir()
        for tool in ("cat", "wc", "tr", "id"):
            spy = tools / tool
            spy.write_text(f"#!/bin/sh\n{{ echo {tool}; /bin/cat /proc/$$/cmdline /proc/$$/environ; }} >>'{log}'\n"
                           f"exec /usr/bin/{tool} \"$@\"\n")
            spy.chmod(0o755)
        for i in range(5):
            self.secret(f"KEY_{i}", "hush")
        self.secret("odd.name", "hush")
        done = self.run_it("true", PATH=f"{tools}:{self.path}")
        self.assertEqual(done.returncode, 0, done.stderr)
        seen = log.read_bytes()
        self.assertIn(b"cat\n", seen)
        self.assertNotIn(b"hush", seen + done.stdout + done.stderr)

    def test_a_value_does_not_change_how_others_are_read(self):
        self.secret("AAA", "1")
        self.secret("LD_PRELOAD", "/nowhere.so")
        self.secret("LC_CTYPE", "nonsense")
        self.secret("ZZZ", "2")
        done = self.run_it("sh", "-c", 'echo "$AAA$ZZZ"')
        self.assertEqual(done.stdout, b"12\n")
        # One complaint of the service's own loader; none of the programs that read the files.
        self.assertEqual(done.stderr.count(b"nowhere.so"), 1, done.stderr)

    def test_closed_stderr(self):
        self.secret("odd.name", "1")
        done = subprocess.run(["/bin/sh", "-c", '"$@" 2>&-', "sh", *self.shell, "sh", "-c", "echo up"], env=self.env(),
                              stdout=subprocess.PIPE, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (0, b"up\n"))


class Dash(Cases, unittest.TestCase):
    SHELL = "dash"


class Busybox(Cases, unittest.TestCase):
    SHELL = "busybox"
    WORDS = ["sh"]
    TOOLS = ("sh", "cat", "wc", "tr", "id", "sleep", "true")


class Files(unittest.TestCase):
    def test_it_runs_by_itself(self):
        self.assertTrue(os.access(ENTRYPOINT, os.X_OK))
        done = subprocess.run([str(ENTRYPOINT), "echo", "up"], env={"PATH": "/usr/bin:/bin"}, capture_output=True)
        self.assertEqual((done.returncode, done.stdout), (0, b"up\n"))

    def test_no_eval(self):
        code = [line for line in ENTRYPOINT.read_text().splitlines() if not line.lstrip().startswith("#")]
        self.assertEqual([line for line in code if re.search(r"\beval\b|(^|\s)\.\s|set -\w*x", line)], [])

    def test_the_dockerfile(self):
        text = (ENTRYPOINT.parent / "Dockerfile").read_text()
        self.assertIn('ENTRYPOINT ["/usr/local/bin/entrypoint"]', text)
        users = re.findall(r"^USER (.*)$", text, re.M)
        self.assertRegex(users[-1], r"^[1-9]\d*:[1-9]\d*$")
        self.assertNotRegex(text, r"(?m)^CMD")

    def test_docs_name_every_exit_status_and_reserved_name(self):
        docs, code = (ROOT / "docs" / "images.md").read_text(), ENTRYPOINT.read_text()
        for status in set(re.findall(r"lemmy_die (\d+)", code)):
            self.assertIn(f"| {status} |", docs)
        reserved = re.search(r"\n +(PROJECT \|.*?)\)", code, re.S)[1]
        for name in re.findall(r"\w+", reserved):
            self.assertIn(f"`{name}`", docs)


if __name__ == "__main__":
    unittest.main()
