"""A Lemmy in the network namespace that reaches the hosts of ssh_hosts.py, and its command line there."""
import os
import re
import shutil
import subprocess
import threading

from ssh_hosts import BIN, ROOT, SshHosts, inside

LEMMY = os.environ.get("LEMMY", os.path.join(ROOT, "build/lemmy"))


class SshServer(SshHosts):
    used = ["data/runs/.ansible", "config/ansible"]
    needs = [LEMMY]
    command = ["serve"]  # of lemmy, with what it needs beside --config, --data, --ansible and --port
    token = None         # for the command line

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.config = f"{cls.dir}/config"
        shutil.copytree(cls.tree, f"{cls.config}/ansible")
        cls.builds = 0
        cls.configure_all()
        cls.log = open(f"{cls.dir}/lemmy.log", "w")
        cls.server = subprocess.Popen(
            inside("server", LEMMY, *cls.command, "--config", cls.config, "--data", f"{cls.dir}/data", "--ansible",
                   BIN, "--port", "0"), stdout=subprocess.PIPE, stderr=cls.log, text=True)
        found = re.search(r"listening on (http://\S+)", cls.server.stdout.readline())
        if not found:
            raise AssertionError(cls.said())
        cls.url = found[1]
        threading.Thread(target=cls.server.stdout.read, daemon=True).start()

    @classmethod
    def configure_all(cls):
        """Writes what is not in tests/ansible/config, before the server starts."""
        raise NotImplementedError

    @classmethod
    def take_down(cls):
        code, said = 0, ""
        if hasattr(cls, "server"):
            cls.server.terminate()
            try:
                code = cls.server.wait(20)
            except subprocess.TimeoutExpired:
                cls.server.kill()
                code = cls.server.wait()
            cls.log.close()
            said = cls.said()
        super().take_down()
        assert code == 0, f"lemmy ended with {code}\n{said}"

    @classmethod
    def said(cls):
        with open(f"{cls.dir}/lemmy.log") as f:
            return f.read()[-8000:]

    @classmethod
    def write(cls, path, text):
        os.makedirs(os.path.dirname(f"{cls.config}/{path}"), exist_ok=True)
        with open(f"{cls.config}/{path}", "w") as f:
            f.write(text)

    def start(self, *arguments):
        environment = {**os.environ, **({"LEMMY_TOKEN": self.token} if self.token else {})}
        return subprocess.Popen(inside("server", LEMMY, *map(str, arguments), "--server", self.url), env=environment,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def cli(self, *arguments):
        process = self.start(*arguments)
        out, err = process.communicate(timeout=300)
        return process.returncode, out, err

    def build(self, *more):
        type(self).builds += 1
        sha = f"{self.builds:07x}" + os.urandom(8).hex()
        code, _, err = self.cli("hook", "build", "--project", "shop", "--sha", sha, "--branch", "main", *more)
        self.assertEqual(code, 0, err)
        return sha
