"""An environment that is taken out of the configuration while a deploy is there."""
import html
import json
import pathlib
import shutil
import tempfile
import unittest

from harness import HOOK_SECRET, Server, run, wait_until
from test_playground import HAS_PLAYGROUND, ROOT

DEPLOYS = "/api/v1/projects/hello-world/environments/staging/deploys"


@unittest.skipUnless(HAS_PLAYGROUND, "this build has no playground")
class LeftBehind(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = pathlib.Path(folder.name, "config")
        shutil.copytree(ROOT / "share/playground/config", self.tree)
        self.tokens = {}
        for role in ("deployer", "admin"):
            code, out, err = run("token", "add", "t-" + role, "--role", role, "--config", self.tree)
            self.assertEqual(code, 0, err)
            self.tokens[role] = out.strip()
        with open(self.tree / "access.yaml", "a", encoding="utf-8") as file:
            file.write("hooks:\n  ci: {secret_env: HOOK_SECRET}\n")
        self.server = Server("--config", str(self.tree), command="playground", env={"HOOK_SECRET": HOOK_SECRET}).start()
        self.addCleanup(self.server.stop)

    def take_out(self, environment):
        for file in self.tree.glob("projects/*/environments.json"):
            values = json.loads(file.read_text())
            values.pop(environment, None)
            file.write_text(json.dumps(values))
        (self.tree / "environments.yaml").write_text("environments:\n  - {name: production, protected: true}\n")

    def test_it_is_shown_and_for_admins_until_nothing_is_there(self):
        self.assertEqual(self.server.hook({"project": "hello-world", "sha": "aaaaaaa", "branch": "main"}).status, 202)
        code, _, err = self.server.cli("deploy", "hello-world", "staging", "--build", "aaaaaaa", "--timeout", "50s",
                                       token=self.tokens["deployer"])
        self.assertEqual(code, 0, err)
        self.take_out("staging")

        def overview():
            return self.server.get("/api/v1/projects", token=self.tokens["admin"]).json

        def environment():
            return next((e for e in overview()["environments"] if e["name"] == "staging"), None)
        wait_until(lambda: environment() and not environment()["configured"], 30)
        page = html.unescape(self.server.get("/", token=self.tokens["admin"]).body.decode())
        self.assertIn("hello-world/staging was taken out of the configuration, and one of its deploys is there", page)
        self.assertIn(f'<a href="{DEPLOYS.removeprefix("/api/v1")}/1">#1</a>', page)
        self.assertNotIn("The configuration on disk has problems", page)
        self.assertIn("environments.yaml and projects/hello-world/environments.json again", page)
        one = self.server.get(f"{DEPLOYS}/1", token=self.tokens["admin"]).json
        self.assertEqual([p["is_ready"] for p in one["pods"]], [True] * len(one["pods"]))
        self.assertGreater(one["deploy"]["wanted_pods"], 0)
        code, out, err = self.server.cli("status", "hello-world", "staging", token=self.tokens["admin"])
        self.assertEqual((code, "pods ready" in out or "#1" in out), (0, True), out + err)
        # What cannot be done is not offered, and says why.
        self.assertNotIn("rollback", one["deploy"]["actions"])
        preview = self.server.get(f"{DEPLOYS}/1/rollback-preview", token=self.tokens["admin"]).json
        self.assertEqual((preview["possible"], preview["why"]),
                         (False, "hello-world/staging was taken out of the configuration"))
        for path, body in ((f"{DEPLOYS}/1/rollback", {}), (DEPLOYS, {"build": "aaaaaaa"})):
            refused = self.server.call("POST", path, body, token=self.tokens["admin"])
            self.assertEqual(refused.status, 404, refused.body)
            self.assertIn("was taken out of the configuration", refused.json["detail"])
            self.assertIn("environments.yaml", refused.json["hint"])
        refused = self.server.call("POST", f"{DEPLOYS}/1/delete", {"confirm": True}, token=self.tokens["deployer"])
        self.assertEqual(refused.status, 403, refused.body)
        self.assertIn("not in the configuration", refused.json["detail"])
        done = self.server.call("POST", f"{DEPLOYS}/1/delete", {"confirm": True}, token=self.tokens["admin"])
        self.assertEqual(done.status, 202, done.body)
        wait_until(lambda: environment() is None, 30)


if __name__ == "__main__":
    unittest.main()
