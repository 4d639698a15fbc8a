"""images/base/entrypoint: the service is the process that was started, its signals and exit status are its own, and no
other program sees a secret."""
import json
import os
import re
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

import entrypoint
from entrypoint import ENTRYPOINT, ROOT, environment


class Cases:
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


class Dash(Cases, entrypoint.Dash, unittest.TestCase):
    pass


class Busybox(Cases, entrypoint.Busybox, unittest.TestCase):
    pass


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
