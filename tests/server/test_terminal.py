"""What people see on terminals that are narrow."""
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import unittest

from harness import LEMMY, Server, rest_of, wait_until
from test_playground import HAS_PLAYGROUND


@unittest.skipUnless(HAS_PLAYGROUND, "this build has no playground")
class Terminal(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(command="playground").start()
        answer = cls.server.hook({"project": "hello-world", "sha": "aaaaaaa", "branch": "main"}, secret="")
        assert answer.status == 202, answer.body

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def on_terminal(self, columns, *arguments):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen([LEMMY, *arguments, "--server", self.server.url], stdin=theirs, stdout=theirs,
                                   stderr=theirs, close_fds=True, env={**os.environ, "TERM": "xterm"})
        os.close(theirs)
        shown = rest_of(ours).decode()
        self.assertEqual(process.wait(20), 0, shown)
        return re.sub(r"\x1b\[\d*m", "", shown)

    def test_a_line_of_progress_is_cut_where_the_terminal_ends_so_that_it_can_be_cleared(self):
        shown = self.on_terminal(30, "deploy", "hello-world", "staging", "--build", "aaaaaaa", "--timeout", "50s")
        lines = [part.split("\n")[-1].strip("\r") for part in shown.split("\r\x1b[K")[:-1]]
        lines = [line for line in lines if line.startswith("#")]
        self.assertTrue(lines, shown)
        self.assertEqual([line for line in lines if len(line) > 29], [], shown)
        self.assertTrue(any(line.endswith("…") for line in lines), lines)

    def test_who_stops_waiting_is_told_that_the_deploy_goes_on(self):
        here = "/api/v1/projects/crashy/environments/staging/deploys"
        answer = self.server.hook({"project": "crashy", "sha": "bbbbbbb", "branch": "main"}, secret="")
        self.assertEqual(answer.status, 202, answer.body)
        process = subprocess.Popen([LEMMY, "deploy", "crashy", "staging", "--build", "bbbbbbb", "--server", self.server.url],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: self.server.get(here).json["deploys"])
        for line in process.stderr:
            if "queued" in line:
                break
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 130, err)
        self.assertIn("the deploy goes on; see: lemmy status crashy staging", err)

    def test_a_deploy_to_a_protected_environment_is_not_done_when_another_serves_by_the_answer(self):
        ours, theirs = pty.openpty()
        process = subprocess.Popen([LEMMY, "deploy", "hello-world", "production", "--build", "aaaaaaa", "--no-wait",
                                    "--server", self.server.url], stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True)
        os.close(theirs)
        shown = b""
        while b"[y/N]" not in shown:
            shown += os.read(ours, 1000)
        self.assertIn(b"Nothing serves in production now.", shown)
        code, _, err = self.server.cli("deploy", "hello-world", "production", "--build", "aaaaaaa", "--timeout", "50s")
        self.assertEqual(code, 0, err)
        os.write(ours, b"y\n")
        shown += rest_of(ours)
        self.assertEqual(process.wait(20), 5, shown)
        self.assertIn(b"#1 serves now, and nothing did when this was asked", shown)

    def test_a_build_shows_the_deploy_that_serves_before_a_newer_one(self):
        here = "/api/v1/projects/hello-world/environments/staging"
        newest = max([d["number"] for d in self.server.get(f"{here}/deploys").json["deploys"]], default=0)
        for n in (newest + 1, newest + 2):
            code, _, err = self.server.cli("deploy", "hello-world", "staging", "--build", "aaaaaaa", "--timeout", "50s")
            self.assertEqual(code, 0, err)
        self.assertEqual(self.server.call("POST", f"{here}/deploys/{n}/zero", {"confirm": True}).status, 202)

        def shown():
            builds = self.server.get("/api/v1/projects/hello-world?limit=100").json["builds"]
            return next(b for b in builds if b["sha"] == "aaaaaaa")["targets"]["staging"]
        wait_until(lambda: (shown()["number"], shown()["serving"]) == (newest + 1, True), 20)

    def test_what_does_not_fit_in_a_row_stands_below_it_whole(self):
        wide = self.on_terminal(200, "status")
        row = next(line for line in wide.splitlines() if line.startswith("hello-world") and "production" in line)
        narrow = self.on_terminal(75, "status").splitlines()
        at = next(i for i, line in enumerate(narrow) if line.startswith("hello-world") and "production" in line)
        self.assertTrue(row.strip().endswith(narrow[at + 1].strip()), (row, narrow[at:at + 2]))
        self.assertTrue(narrow[at + 1].startswith("    "), narrow)

    def test_what_is_wider_than_the_terminal_is_a_field_a_line(self):
        narrow = self.on_terminal(40, "status").splitlines()
        at = next(i for i, line in enumerate(narrow) if line.split() == ["ENVIRONMENT", "production"]
                  and narrow[i - 1] == "hello-world")
        self.assertEqual(narrow[at + 1].split()[0], "HEALTH")


if __name__ == "__main__":
    unittest.main()
