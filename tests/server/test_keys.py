"""Secrets that access.yaml names: how soon a new one is taken, and where a bad one is shown."""
import time
import unittest

from harness import Server, run, wait_until

OLD, NEW, SHORT = "the-first-secret-of-a-hook", "the-second-secret-of-a-hook", "tooshort"


class Keys(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.stop)
        self.secret = self.server.folder / "secret"
        self.secret.write_text(OLD + "\n")
        (self.server.config / "access.yaml").write_text(
            f"hooks:\n  ci: {{secret_file: {self.secret}}}\n"
            "anonymous: viewer\n")

    def taken(self, secret):
        body = {"project": "hello-world", "sha": f"{time.time_ns():040x}", "branch": "main"}
        return self.server.hook(body, secret=secret).status == 202

    def test_a_changed_secret_is_taken_within_seconds(self):
        self.server.start()
        self.assertTrue(self.taken(OLD))
        self.secret.write_text(NEW)
        wait_until(lambda: self.taken(NEW), 5, "the new secret is not taken")
        self.assertFalse(self.taken(OLD))

    def test_a_secret_that_becomes_bad_is_shown_as_a_problem_without_it(self):
        code, out, err = run("token", "add", "eye", "--role", "viewer", "--config", self.server.config)
        self.assertEqual(code, 0, err)
        self.server.start()
        self.assertEqual(self.server.get("/readyz").json["configuration"], "ok")
        for spoil, told in ((lambda: self.secret.write_text(SHORT), "too short"), (self.secret.unlink, "cannot be read")):
            spoil()
            wait_until(lambda: self.server.get("/readyz").json["configuration"] == "invalid", 5)
            wait_until(lambda: told in str(self.server.get("/readyz", token=out.strip()).json["configuration"]), 5)
            page = self.server.get("/").body.decode()
            self.assertIn("access.yaml hooks.ci", page)
            self.assertIn(told, page)
            self.assertIn("\nlemmy_config_problems 1\n", self.server.get("/metrics").body.decode())
            said = [line for line in self.server.log if "hooks.ci" in line and told in line]
            self.assertEqual(len(said), 1, said)
            self.assertNotIn(SHORT, page + "".join(self.server.log))
        self.secret.write_text(OLD)
        wait_until(lambda: self.server.get("/readyz").json["configuration"] == "ok", 5)
        self.assertTrue(self.taken(OLD))
        self.assertNotIn("hooks.ci", self.server.get("/").body.decode())

    def test_validate_warns_of_secrets_that_are_missing_or_bad(self):
        self.assertEqual(run("validate", "--config", self.server.config)[::2], (0, ""))
        for text, told in ((SHORT, "too short"), (None, "cannot be read")):
            self.secret.unlink() if text is None else self.secret.write_text(text)
            code, _, err = run("validate", "--config", self.server.config)
            self.assertEqual(code, 0, err)
            self.assertIn("warning: access.yaml hooks.ci", err)
            self.assertIn(told, err)
            self.assertNotIn(SHORT, err)
        (self.server.config / "access.yaml").write_text("hooks:\n  ci: {secret_env: HOOK_OF_NOBODY}\n")
        code, _, err = run("validate", "--config", self.server.config)
        self.assertEqual((code, "HOOK_OF_NOBODY is not set" in err), (0, True), err)


if __name__ == "__main__":
    unittest.main()
