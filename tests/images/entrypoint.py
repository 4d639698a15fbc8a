"""images/base/entrypoint as the tests run it: under dash with GNU tools and under busybox with its own."""
import shutil
import signal
import subprocess
import tempfile
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


class Entrypoint:
    """Each case has a folder of secrets of its own."""
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


class Dash(Entrypoint):
    SHELL = "dash"


class Busybox(Entrypoint):
    SHELL = "busybox"
    WORDS = ["sh"]
    TOOLS = ("sh", "cat", "wc", "tr", "id", "sleep", "true")
