"""Secrets that access.yaml names: how soon a new one is taken, and where a bad one is shown."""
import os
import subprocess
import time
import unittest

from bulkheads import Hanging
from harness import LEMMY, Server, run, wait_until

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

    def test_a_secret_that_is_away_for_a_moment_or_half_written_still_counts_and_is_shown(self):
        self.server.start()
        self.assertTrue(self.taken(OLD))
        for spoil in (self.secret.unlink, lambda: self.secret.write_text(SHORT)):
            spoil()
            wait_until(lambda: self.server.get("/readyz").json["configuration"] == "invalid", 5)
            self.assertTrue(self.taken(OLD))
            self.assertFalse(self.taken(SHORT))
        self.secret.write_text(NEW)
        wait_until(lambda: self.taken(NEW), 5)
        self.assertFalse(self.taken(OLD))
        self.secret.unlink()
        began = time.monotonic()
        wait_until(lambda: not self.taken(NEW), 50, "a secret that is gone counts for ever")
        self.assertGreater(time.monotonic() - began, 20)

    def test_a_pipe_in_the_place_of_a_secret_holds_nothing_up(self):
        self.secret.unlink()
        os.mkfifo(self.secret)
        code, _, err = run("validate", "--config", self.server.config)
        self.assertEqual((code, "this is not a regular file" in err), (0, True), err)
        self.server.start()
        self.assertEqual(self.server.get("/readyz").json["configuration"], "invalid")
        self.edit()
        self.secret.unlink()
        self.secret.write_text(OLD)
        wait_until(lambda: self.taken(OLD), 5)

    def test_the_command_takes_a_secret_from_a_pipe(self):
        self.server.start()
        command = f'exec "{LEMMY}" hook build --server {self.server.url} --secret-file <(echo {OLD}) --branch main'
        done = subprocess.run(["bash", "-c", command + " --project hello-world --sha abcdef01"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def edit(self):
        path = self.server.config / "projects/hello-world/project.yaml"
        (before,) = self.revisions()
        path.write_text(path.read_text() + "\n# edited\n")
        wait_until(lambda: self.revisions() != [before], 10, "the edit is not taken")

    def revisions(self):
        return [line.split("revision=")[-1] for line in self.server.log if "new configuration" in line][-1:] or [""]

    def test_a_secret_that_hangs_holds_up_neither_the_start_nor_edits_and_the_last_good_one_stays(self):
        hanging = Hanging(self.secret)
        self.server.env |= hanging.env
        access = self.server.config / "access.yaml"
        self.server.start()
        hanging.hang()
        wait_until(lambda: self.server.get("/readyz").json["configuration"] == "invalid", 15)
        self.assertTrue(self.taken(OLD))
        self.edit()
        self.assertTrue(self.taken(OLD))
        self.assertIn("takes too long", self.server.get("/").body.decode())
        # Who is removed from access.yaml is not kept.
        text = access.read_text()
        access.write_text(text.replace("  ci:", "  other:"))
        wait_until(lambda: not self.taken(OLD), 10)
        access.write_text(text)
        self.server.end()
        self.server.start()
        self.assertEqual(self.server.get("/readyz").json["configuration"], "invalid")
        hanging.hang(False)
        wait_until(lambda: self.server.get("/readyz").json["configuration"] == "ok", 10)
        self.assertTrue(self.taken(OLD))

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


class LostAccess(unittest.TestCase):
    """A server that has had an access.yaml is not opened, nor locked, by losing it."""

    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.stop)
        self.access = self.server.config / "access.yaml"
        self.away = self.server.folder / "access.away"

    def add_token(self):
        code, out, err = run("token", "add", "eye", "--role", "viewer", "--config", self.server.config)
        self.assertEqual(code, 0, err)
        return out.strip()

    def whoami(self, token=""):
        return self.server.call("GET", "/api/v1/whoami", token=token).status

    def see_it_lost_and_found(self, token):
        def told():
            return str(self.server.get("/readyz", token=token).json["configuration"])
        for lose, word in ((lambda: None, "gone"), (lambda: self.access.write_text("# nothing\n"), "empty")):
            if word == "gone":
                self.access.rename(self.away)
            lose()
            wait_until(lambda: "the file is " + word in told(), 10, "nobody says that access.yaml is lost")
            self.assertEqual((self.whoami(), self.whoami(token)), (401, 200))
            self.assertIn("\nlemmy_config_problems 1\n", self.server.get("/metrics", token=token).body.decode())
        self.away.rename(self.access)
        wait_until(lambda: told() == "ok", 10, "it is back, and still told as lost")
        self.assertEqual((self.whoami(), self.whoami(token)), (401, 200))
        self.assertTrue([line for line in self.server.log if "the file is gone" in line])

    def test_one_that_vanishes_stays_in_use_until_it_is_back(self):
        token = self.add_token()
        self.server.start()
        self.see_it_lost_and_found(token)

    def test_one_that_came_after_the_start_is_not_lost_either(self):
        self.server.start()
        self.assertEqual(self.whoami(), 200)
        token = self.add_token()
        wait_until(lambda: self.whoami() == 401, 10, "the new access.yaml is not taken over")
        self.see_it_lost_and_found(token)


if __name__ == "__main__":
    unittest.main()
