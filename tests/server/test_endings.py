"""What hangs outside costs only what needs it, and the server ends well whatever it is in the middle of."""
import json
import os
import signal
import stat
import time
import unittest

from harness import HOOK_SECRET, NOWHERE, Server, wait_until

LIMIT = 10  # seconds from SIGTERM to the end


def program(path, text):
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


class Plugins(unittest.TestCase):
    """A credential plugin of a cluster that hangs or fails late."""

    def start(self, script):
        server = Server(env={"HOOK_SECRET": HOOK_SECRET})
        self.addCleanup(server.stop)
        plugin = program(server.folder / "plugin", script)
        config = json.loads(NOWHERE)
        config["users"][0]["user"] = {"exec": {"apiVersion": "client.authentication.k8s.io/v1",
                                               "command": str(plugin), "interactiveMode": "Never"}}
        kubeconfig = server.folder / "kubeconfig-plugin"
        kubeconfig.write_text(json.dumps(config))
        server.env["KUBECONFIG"] = str(kubeconfig)
        server.arguments = ("--kubeconfig", str(kubeconfig))
        server.start()
        return server

    def test_pages_and_hooks_do_not_wait_for_one_that_hangs(self):
        server = self.start("sleep 300\n")
        for path in ("/", "/projects/hello-world", "/instances", "/metrics", "/readyz"):
            began = time.monotonic()
            self.assertIn(server.get(path).status, (200, 503), path)
            self.assertLess(time.monotonic() - began, 10, path)
        self.assertEqual(server.hook({"project": "hello-world", "sha": "aaaaaaa", "branch": "main"}, secret="").status,
                         202)
        began = time.monotonic()
        server.end()
        self.assertLess(time.monotonic() - began, LIMIT)

    def test_one_that_fails_after_its_caller_gave_up_ends_nothing(self):
        server = self.start("sleep 6; exit 1\n")  # longer than the probe of a cluster waits
        time.sleep(14)
        self.assertIsNone(server.process.poll(), "".join(server.log))
        self.assertEqual(server.get("/readyz").status, 200)
        server.end()

    def test_a_signal_while_one_runs_ends_it_too(self):
        server = self.start("echo $$ >> \"$(dirname \"$0\")/pids\"; sleep 300\n")
        pids = wait_until(lambda: (server.folder / "pids").exists() and (server.folder / "pids").read_text().split())
        server.end()
        for pid in pids:
            self.assertFalse(os.path.exists(f"/proc/{pid}"), "a plugin outlives the server")


class Signals(unittest.TestCase):
    def test_the_server_ends_well_right_after_its_start_with_any_signal(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            for wait in (0, 0.05, 0.3):
                server = Server(command="playground").start()
                self.addCleanup(server.stop)
                time.sleep(wait)
                server.end(number)

    def test_the_server_ends_well_in_each_phase_of_a_deploy(self):
        server = Server(command="playground").start()
        self.addCleanup(server.stop)
        seen = set()
        for n in range(6):
            sha = f"{n:07x}"
            self.assertEqual(server.hook({"project": "hello-world", "sha": sha, "branch": "main"}, secret="").status,
                             202)
            asked = server.call("POST", "/api/v1/projects/hello-world/environments/staging/deploys", {"build": sha})
            self.assertEqual(asked.status, 202, asked.body)
            path = "/api/v1/projects/hello-world/environments/staging/deploys/" + str(asked.json["number"])
            deadline = time.monotonic() + 2
            while time.monotonic() < deadline:
                phase = server.get(path).json["deploy"]["phase"]
                if phase not in seen:
                    break
            seen.add(phase)
            server.end()
            server.start()
        self.assertGreater(len(seen), 1, seen)


if __name__ == "__main__":
    unittest.main()
