import json
import os
import pty
import shutil
import subprocess
import tempfile
import unittest

from harness import HOOK_SECRET, LEMMY, PASSWORD, ROOT, rest_of, run, secured


def content(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class AgainstAServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server, cls.tokens = secured()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def cli(self, *arguments, role="deployer", **more):
        return self.server.cli(*arguments, token=self.tokens[role], **more)

    def test_a_build_is_announced_and_listed(self):
        secret = {"LEMMY_HOOK_SECRET": HOOK_SECRET}
        code, out, err = self.cli("hook", "build", "--project", "hello-world", "--sha", "abcdef01", "--branch",
                                  "main", "--message", "first\nsecond \x1b[31m", env=secret)
        self.assertEqual(code, 0, err)
        self.assertIn("is kept", out)
        code, out, err = self.cli("builds", "hello-world", role="viewer")
        self.assertEqual(code, 0, err)
        self.assertIn("abcdef0  main", out)
        self.assertNotIn("\x1b", out)
        code, out, _ = self.cli("builds", "hello-world", "--output", "json")
        self.assertEqual(json.loads(out)["builds"][0]["branch"], "main")

    def test_a_hook_without_a_fitting_secret_says_what_to_set(self):
        arguments = ("hook", "build", "--project", "hello-world", "--sha", "abcdef02", "--branch", "main")
        code, _, err = self.cli(*arguments)
        self.assertEqual((code, "LEMMY_HOOK_SECRET" in err), (3, True), err)
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("this-is-not-the-right-secret\n")
            file.flush()
            code, _, err = self.cli(*arguments, "--secret-file", file.name)
            self.assertEqual((code, file.name in err, "LEMMY_TOKEN" in err), (3, True, False), err)
        code, _, err = self.cli(*arguments, env={"LEMMY_HOOK_SECRET": "this-is-not-the-right-secret"})
        self.assertEqual((code, "LEMMY_HOOK_SECRET" in err, "LEMMY_TOKEN" in err), (3, True, False), err)
        self.assertEqual(self.cli("hook", "build", "--project", "hello-world", "--sha", "HEAD", "--branch", "x")[0], 2)

    def test_a_host_without_a_proof_is_told_of_both_kinds(self):
        arguments = ("hook", "instance", "--project", "hello-world", "--environment", "staging", "--instance-id", "i-1")
        code, _, err = self.server.cli(*arguments)
        self.assertEqual(code, 3, err)
        for word in ("LEMMY_TOKEN", "--instances", "LEMMY_HOOK_SECRET"):
            self.assertIn(word, err)
        code, _, err = self.server.cli(*arguments, env={"LEMMY_HOOK_SECRET": "this-is-not-the-right-secret"})
        self.assertEqual((code, "LEMMY_HOOK_SECRET" in err, "--instances" in err), (3, True, False), err)

    def test_status_in_three_depths(self):
        for arguments in ((), ("hello-world",)):
            code, out, err = self.cli("status", *arguments)
            self.assertEqual(code, 0, err)
            self.assertRegex(out, r"hello-world\s+staging\s+none")
        code, out, err = self.cli("status", "hello-world", "staging", "--output", "json")
        self.assertEqual((code, json.loads(out)["environment"]), (0, "staging"), err)

    def test_errors_have_exit_codes_and_hints(self):
        code, _, err = self.cli("status", "nope")
        self.assertEqual((code, "there is no project 'nope'" in err), (4, True), err)
        code, _, err = self.cli("status", "hello-world", "nope")
        self.assertEqual((code, "staging" in err), (4, True), err)
        code, _, err = self.server.cli("status")
        self.assertEqual((code, "LEMMY_TOKEN" in err or "token" in err), (3, True), err)
        code, _, err = self.cli("deploy", "hello-world", "staging", "--build", "abcdef0", role="viewer")
        self.assertEqual(code, 3, err)
        code, _, err = self.cli("deploy", "hello-world", "staging", "--build", "HEAD")
        self.assertEqual(code, 2, err)
        code, _, err = self.cli("zero", "hello-world", "staging", "99")
        self.assertEqual(code, 4, err)
        code, _, err = run("status", "--server", "http://127.0.0.1:1")
        self.assertEqual((code, "lemmy serve" in err), (6, True), err)
        self.assertEqual(run("status", "--server", "nonsense")[0], 2)

    def test_deliveries_are_listed(self):
        self.server.hook("{", secret="wrong-secret-0123456789")
        code, out, err = self.cli("deliveries")
        self.assertEqual((code, "refused" in out), (0, True), err)

    def test_a_deploy_is_cancelled_by_another_and_the_waiting_one_hears_of_it(self):
        self.server.hook({"project": "hello-world", "sha": "dddddddd", "branch": "main"})
        code, out, err = self.cli("deploy", "hello-world", "production", "--build", "ddddddd", "--no-wait", "--yes",
                                  "--output", "json")
        self.assertEqual(code, 0, err)
        number = json.loads(out)["number"]
        self.cli("cancel", "hello-world", "production", number)
        code, out, err = self.cli("status", "hello-world", "production")
        self.assertEqual(code, 0, err)
        self.assertRegex(out, r"#%d\s+(cancelled|failed)" % number)


class AccessFile(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def cli(self, *arguments, **more):
        return run(*arguments[:2], "--config", self.folder.name, *arguments[2:], **more)

    def test_users_come_and_go(self):
        self.assertEqual(self.cli("user", "add", "ada", "--role", "admin", stdin=PASSWORD + "\n")[0], 0)
        text = content(self.folder.name + "/access.yaml")
        self.assertNotIn(PASSWORD, text)
        self.assertIn("argon2id", text)
        self.assertEqual(os.stat(self.folder.name + "/access.yaml").st_mode & 0o777, 0o600)
        self.assertEqual(self.cli("user", "add", "ada", "--role", "admin", stdin=PASSWORD + "\n")[0], 5)
        self.assertEqual(self.cli("user", "password", "ada", stdin="another password\n")[0], 0)
        self.assertEqual(self.cli("user", "password", "bob", stdin=PASSWORD)[0], 4)
        self.assertEqual(self.cli("user", "add", "bob", "--role", "king", stdin=PASSWORD)[0], 2)
        self.assertEqual(self.cli("user", "add", "bob", "--role", "viewer", stdin="short\n")[0], 2)
        code, out, _ = self.cli("user", "list", "--output", "json")
        self.assertEqual(json.loads(out)["users"], [{"name": "ada", "role": "admin", "may_sign_in": True}])
        self.assertEqual(self.cli("user", "remove", "ada")[0], 0)

    def test_a_token_is_shown_once(self):
        code, out, err = self.cli("token", "add", "ci", "--role", "deployer", "--project", "hello-world",
                                  "--expires", "90d")
        self.assertEqual(code, 0, err)
        token = out.strip()
        self.assertTrue(token.startswith("lmy_"))
        self.assertNotIn(token, content(self.folder.name + "/access.yaml"))
        code, out, _ = self.cli("token", "list")
        self.assertEqual((code, "ci" in out, token in out), (0, True, False))
        self.assertEqual(self.cli("token", "add", "ci", "--role", "viewer")[0], 5)
        self.assertEqual(self.cli("token", "add", "x", "--role", "viewer", "--expires", "2001-01-01T00:00:00Z")[0], 2)
        self.assertEqual(self.cli("token", "remove", "ci")[0], 0)
        self.assertEqual(self.cli("token", "remove", "ci")[0], 4)

    def test_a_token_of_instances_is_for_one_target(self):
        code, out, err = self.cli("token", "add", "web", "--instances", "web/production")
        self.assertEqual((code, out.startswith("lmy_")), (0, True), err)
        text = content(self.folder.name + "/access.yaml")
        self.assertIn("instances:\n  tokens:\n    web:\n", text)
        self.assertNotIn(out.strip(), text)
        listed = json.loads(self.cli("token", "list", "--output", "json")[1])
        self.assertEqual(listed["instances"], [{"name": "web", "project": "web", "environment": "production"}])
        self.assertIn("web/production", self.cli("token", "list")[1])
        self.assertEqual(self.cli("token", "add", "web", "--instances", "web/production")[0], 5)
        for target in ("web", "Web/production", "web/a/b", "/", "web/"):
            self.assertEqual(self.cli("token", "add", "x", "--instances", target)[0], 2, target)
        self.assertNotEqual(self.cli("token", "add", "x", "--instances", "a/b", "--role", "viewer")[0], 0)
        self.assertEqual(self.cli("token", "add", "x")[0], 2)
        self.assertEqual(self.cli("token", "remove", "web")[0], 4)
        self.assertEqual(self.cli("token", "remove", "--instances", "web")[0], 0)

    def test_what_would_make_the_configuration_invalid_is_refused_and_nothing_is_written(self):
        shutil.copytree(ROOT / "docs" / "examples" / "config", self.folder.name, dirs_exist_ok=True)
        file = self.folder.name + "/access.yaml"
        before = content(file)
        for arguments, told in ((("--role", "viewer", "--project", "nope"), "there is no project 'nope'"),
                                (("--role", "viewer", "--project", "hello-world", "--project", "helo"), "'helo'"),
                                (("--instances", "nope/staging"), "there is no project 'nope'"),
                                (("--instances", "hello-world/nope"), "no environment 'nope'")):
            code, out, err = self.cli("token", "add", "new", *arguments)
            self.assertEqual((code, out), (2, ""), err)
            self.assertIn(told, err)
            self.assertEqual(content(file), before)
        self.assertEqual(run("validate", "--config", self.folder.name)[0], 0)
        # What was wrong before keeps nobody from mending the rest.
        os.mkdir(self.folder.name + "/projects/broken")
        self.assertEqual(self.cli("token", "add", "new", "--role", "viewer", "--project", "hello-world")[0], 0)
        self.assertEqual(self.cli("token", "add", "other", "--role", "viewer", "--project", "nope")[0], 2)

    def test_a_wrong_name_is_told_as_such_before_a_password_is_asked_for(self):
        for name in ("b ob", "x#y", "", "zoé", "-x"):
            for arguments in (("user", "add", "--role", "viewer"), ("token", "add", "--role", "viewer"),
                              ("token", "add", "--instances", "web/production")):
                code, out, err = self.cli(*arguments, "--", name)
                self.assertEqual((code, out), (2, ""), (arguments, err))
                self.assertIn("is not a name", err)
                self.assertIn("a-z", err)
        self.assertEqual(os.listdir(self.folder.name), [])

    def test_a_build_that_no_hook_would_take_is_not_rendered(self):
        shutil.copytree(ROOT / "docs" / "examples" / "config", self.folder.name, dirs_exist_ok=True)
        render = ("render", "hello-world", "--config", self.folder.name, "staging", "--build", "abcdef0")
        self.assertEqual(run(*render)[0], 0)
        for more, told in ((("--image", "a b"), "image"), (("--branch", ""), "branch"), (("--branch", "a\nb"), "control")):
            code, out, err = run(*render, *more)
            self.assertEqual((code, out, told in err), (2, "", True), err)

    def test_a_folder_that_is_not_there_is_told(self):
        self.assertEqual(run("token", "add", "x", "--role", "viewer", "--config", "/no/such")[0], 4)

    def test_a_password_on_a_terminal_is_not_shown(self):
        ours, theirs = pty.openpty()
        process = subprocess.Popen([LEMMY, "user", "add", "tia", "--role", "viewer", "--config", self.folder.name],
                                   stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True)
        os.close(theirs)
        shown = b""
        for prompt in (b"new password: ", b"again: "):
            while not shown.endswith(prompt):
                shown += os.read(ours, 1000)
            os.write(ours, PASSWORD.encode() + b"\n")
        shown += rest_of(ours)
        self.assertEqual(process.wait(20), 0, shown)
        self.assertNotIn(PASSWORD.encode(), shown)


if __name__ == "__main__":
    unittest.main()
