"""Runs build/lemmy and talks to it. LEMMY names another program."""
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
LEMMY = os.environ.get("LEMMY", str(ROOT / "build" / "lemmy"))
HOOK_SECRET = "a-secret-of-the-tests-0123456789"
PASSWORD = "correct horse battery"
NOWHERE = json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "nowhere",
                      "clusters": [{"name": "nowhere", "cluster": {"server": "http://127.0.0.1:1"}}],
                      "users": [{"name": "nobody", "user": {}}],
                      "contexts": [{"name": "nowhere", "context": {"cluster": "nowhere", "user": "nobody"}}]})


def run(*arguments, stdin="", env=None, timeout=60):
    """The CLI; gives (exit code, standard output, standard error)."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("LEMMY_") and k != "KUBECONFIG"}
    done = subprocess.run([LEMMY, *map(str, arguments)], input=stdin, text=True, capture_output=True,
                          env=clean | (env or {}), timeout=timeout, check=False)
    return done.returncode, done.stdout, done.stderr


class Answer:
    def __init__(self, response, whole_stream):
        self.status = response.status
        self.headers = {k.lower(): v for k, v in response.getheaders()}
        self.cookies = [v for k, v in response.getheaders() if k.lower() == "set-cookie"]
        endless = self.headers.get("content-type") == "text/event-stream" and not whole_stream
        self.body = b"" if endless else response.read()

    @property
    def json(self):
        return json.loads(self.body)


def wait_until(what, seconds=60, why="it did not happen in time"):
    """The first true value of what()."""
    deadline = time.time() + seconds
    while time.time() < deadline:
        if found := what():
            return found
        time.sleep(0.1)
    raise AssertionError(why)


def rest_of(terminal):
    """All that a program still writes to it, until it has ended."""
    shown = b""
    try:
        while chunk := os.read(terminal, 1000):
            shown += chunk
    except OSError:
        pass
    os.close(terminal)
    return shown


class Server:
    """`serve` or `playground` on a free port, with a folder of its own."""

    def __init__(self, *arguments, command="serve", env=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lemmy-test-"))
        self.config = self.folder / "config"
        self.command, self.arguments, self.env = command, arguments, env or {}
        self.process, self.port, self.log = None, 0, []
        if command == "serve":
            shutil.copytree(ROOT / "docs" / "examples" / "config", self.config)
            for name in ("access.yaml", "clusters.yaml"):
                (self.config / name).unlink(missing_ok=True)
            for path in (self.config / "environments.yaml",):
                text = re.sub(r"^\s*cluster:.*\n", "", path.read_text(), flags=re.M)
                path.write_text(text)

    def start(self):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("LEMMY_")}
        nowhere = self.folder / "kubeconfig"  # of a cluster that never answers
        nowhere.write_text(NOWHERE)
        clean["KUBECONFIG"] = str(nowhere)
        clean["HOME"] = str(self.folder)
        command = [LEMMY, self.command, "--port", "0", "--data", str(self.folder / "data")]
        if self.command == "serve":
            command += ["--config", str(self.config)]
        self.process = subprocess.Popen([*command, *self.arguments], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, env=clean | self.env)
        self.reader = threading.Thread(target=self._read_log, daemon=True)
        self.reader.start()
        deadline = time.time() + 30
        while time.time() < deadline:
            line = self.process.stdout.readline()
            found = re.search(r"listening on http://127\.0\.0\.1:(\d+)", line)
            if found:
                self.port = int(found[1])
                threading.Thread(target=self.process.stdout.read, daemon=True).start()
                return self
            if not line:
                break
        process, self.process = self.process, None
        process.kill()
        process.wait()
        time.sleep(0.1)  # for what it said last
        raise AssertionError("the server did not start:\n" + "".join(self.log))

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line)

    def end(self, number=signal.SIGTERM):
        """Ends it as people and systems do, and looks at how it ended; its folder stays."""
        if not self.process:
            return
        process, self.process = self.process, None
        late = False
        if process.poll() is None:
            process.send_signal(number)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                late = True
                process.kill()
                process.wait()
        self.reader.join(5)  # what it said last
        for stream in (process.stdout, process.stderr):
            stream.close()
        assert not late, "the server did not end:\n" + "".join(self.log[-50:])
        assert process.returncode == 0, f"the server ended with {process.returncode}:\n" + "".join(self.log[-50:])

    def stop(self):
        try:
            self.end()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def cli(self, *arguments, token="", env=None, **more):
        extra = {"LEMMY_SERVER": self.url} | ({"LEMMY_TOKEN": token} if token else {}) | (env or {})
        return run(*arguments, env=extra, **more)

    def call(self, method, path, body=None, headers=None, token="", cookie=""):
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = "Bearer " + token
        if cookie:
            headers["Cookie"] = cookie
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body=body, headers=headers)
            return Answer(connection.getresponse(), "follow=finish" in path)
        finally:
            connection.close()

    def get(self, path, **more):
        return self.call("GET", path, **more)

    def form(self, path, fields, **more):
        headers = {"Content-Type": "application/x-www-form-urlencoded"} | more.pop("headers", {})
        return self.call("POST", path, urllib.parse.urlencode(fields), headers=headers, **more)

    def hook(self, body, secret=HOOK_SECRET, timestamp="", headers=None):
        if isinstance(body, dict):
            body = json.dumps(body)
        headers = {"Content-Type": "application/json"} | (headers or {})
        if secret:
            signed = f"{timestamp}.{body}" if timestamp else body
            headers["X-Lemmy-Signature"] = "sha256=" + hmac.new(secret.encode(), signed.encode(),
                                                                hashlib.sha256).hexdigest()
        if timestamp:
            headers["X-Lemmy-Timestamp"] = str(timestamp)
        return self.call("POST", "/hooks/build", body, headers=headers)


def secured(limits="{}"):
    """A server with access.yaml: tokens of every role, a hook, and users; gives (server, tokens)."""
    server = Server(env={"HOOK_SECRET": HOOK_SECRET})
    tokens = {}
    for role in ("viewer", "deployer", "admin"):
        code, out, err = run("token", "add", "t-" + role, "--role", role, "--config", server.config)
        assert code == 0, err
        tokens[role] = out.strip()
    code, _, err = run("user", "add", "dora", "--role", "deployer", "--config", server.config,
                       stdin=PASSWORD + "\n")
    assert code == 0, err
    with open(server.config / "access.yaml", "a", encoding="utf-8") as file:
        file.write(f"hooks:\n  ci: {{secret_env: HOOK_SECRET}}\nlimits: {limits}\n")
    return server.start(), tokens
