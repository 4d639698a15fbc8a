import json
import time
import unittest

from harness import secured

SHA = "0123abcdef0123abcdef0123abcdef0123abcdef"


class Hooks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server, cls.tokens = secured()

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def build(self, **more):
        return {"project": "hello-world", "sha": SHA, "branch": "main"} | more

    def ledger(self):
        return self.server.get("/api/v1/deliveries", token=self.tokens["deployer"]).json["deliveries"]

    def test_a_build_is_taken_and_shown(self):
        answer = self.server.hook(self.build(sha="aaaaaaa1", message="<script>alert(1)</script>"))
        self.assertEqual(answer.status, 202, answer.body)
        self.assertTrue(answer.json["known"])
        builds = self.server.get("/api/v1/projects/hello-world/builds", token=self.tokens["viewer"]).json["builds"]
        self.assertIn("aaaaaaa1", [b["sha"] for b in builds])

    def test_a_duplicate_is_answered_alike(self):
        first, again = (self.server.hook(self.build(sha="aaaaaaa2")) for _ in range(2))
        self.assertEqual((first.status, again.status), (202, 202))
        self.assertEqual(first.json["delivery"], again.json["delivery"])
        self.assertEqual((first.json["duplicate"], again.json["duplicate"]), (False, True))

    def test_a_wrong_signature_is_refused_and_seen(self):
        answer = self.server.hook(self.build(sha="bbbbbbb1"), secret="another-secret-0123456789")
        self.assertEqual(answer.status, 401)
        self.assertEqual(answer.headers["content-type"], "application/problem+json")
        self.assertEqual((self.ledger()[0]["verdict"], self.ledger()[0]["body"]), ("refused", ""))
        self.assertEqual(self.server.hook(self.build(), secret="").status, 401)
        self.assertEqual(self.server.call("POST", "/hooks/build", self.build(), token=self.tokens["admin"]).status, 401)

    def test_a_replay_is_refused(self):
        fresh, old = int(time.time()), int(time.time()) - 900
        self.assertEqual(self.server.hook(self.build(sha="ccccccc1"), timestamp=fresh).status, 202)
        answer = self.server.hook(self.build(sha="ccccccc2"), timestamp=old)
        self.assertEqual(answer.status, 401)
        self.assertIn("Timestamp", answer.json["detail"])

    def test_bad_input_names_the_field(self):
        for body, where in ((self.build(sha="HEAD"), "sha"), (self.build(project="../etc"), "project"),
                            (self.build(branch=""), "branch"), (self.build(url="javascript:x"), "url"),
                            (self.build(timestamp="soon"), "timestamp"), ("{", "body"), ("[]", "body")):
            answer = self.server.hook(body)
            self.assertEqual(answer.status, 422, body)
            self.assertIn(where, answer.json["where"] + answer.json["detail"], body)

    def test_json_is_taken_whatever_its_content_type_says(self):
        for i, kind in enumerate(("application/x-www-form-urlencoded", "text/plain")):
            answer = self.server.hook(" " + json.dumps(self.build(sha=f"ddddddd{i}")), headers={"Content-Type": kind})
            self.assertEqual((answer.status, answer.json.get("build", {}).get("sha")), (202, f"ddddddd{i}"), answer.body)
        form = f"project=hello-world&sha={SHA}&branch=main"
        answer = self.server.hook(form, headers={"Content-Type": "application/x-www-form-urlencoded"})
        self.assertEqual(answer.status, 202, answer.body)

    def test_a_key_that_stands_twice_is_refused_and_named(self):
        twice = '{"project": "hello-world", "sha": "eeeeeee1", "branch": "main", "sha": "eeeeeee2"}'
        answer = self.server.hook(twice)
        self.assertEqual(answer.status, 422, answer.body)
        self.assertIn('"sha"', answer.json["detail"])
        answer = self.server.call("POST", "/api/v1/projects/hello-world/environments/staging/deploys",
                                  '{"build": "eeeeeee1", "build": "eeeeeee2"}', {"Content-Type": "application/json"},
                                  token=self.tokens["deployer"])
        self.assertEqual(answer.status, 422, answer.body)
        self.assertIn('"build"', answer.json["detail"])

    def test_an_unknown_project_is_kept(self):
        answer = self.server.hook(self.build(project="newcomer"))
        self.assertEqual(answer.status, 202)
        self.assertFalse(answer.json["known"])
        self.assertEqual(self.server.get("/api/v1/projects/newcomer", token=self.tokens["viewer"]).status, 200)

    def test_too_much_is_refused(self):
        self.assertEqual(self.server.hook(self.build(message="x" * 2_000_000)).status, 413)

    def test_the_wrong_method_is_told(self):
        answer = self.server.get("/hooks/build")
        self.assertEqual((answer.status, answer.headers["allow"]), (405, "POST"))


if __name__ == "__main__":
    unittest.main()
