"""Questions that are asked before what serves changes, and answers that come when it has changed already."""
import re
import unittest

from harness import Server, wait_until
from test_playground import HAS_PLAYGROUND

PATH = "/projects/hello-world/environments/staging/deploys"
API = "/api/v1" + PATH


@unittest.skipUnless(HAS_PLAYGROUND, "this build has no playground")
class Questions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(command="playground").start()
        for sha in ("aaaaaaa", "bbbbbbb"):
            answer = cls.server.hook({"project": "hello-world", "sha": sha, "branch": "main"}, secret="")
            assert answer.status == 202, answer.body
            code, _, err = cls.server.cli("deploy", "hello-world", "staging", "--build", sha, "--timeout", "50s")
            assert code == 0, err

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def ask(self, path, **fields):
        page = self.server.get("/projects/hello-world").body.decode()
        fields["csrf"] = re.search(r'name="csrf" value="([^"]+)"', page)[1]
        answer = self.server.form(path, fields)
        return answer.status, answer.body.decode()

    def deploy(self, number):
        return self.server.get(f"{API}/{number}").json["deploy"]

    def serving(self):
        return self.server.get("/api/v1/projects/hello-world/environments/staging").json["current"]["number"]

    def test_what_was_asked_about_another_one_that_served_is_not_done(self):
        number = self.serving()
        for path, body in ((API, {"build": "aaaaaaa"}), (f"{API}/1/rollback", {"at_once": True}),
                           (f"{API}/{number}/zero", {"confirm": True})):
            for wrong in (number + 5, 0):
                answer = self.server.call("POST", path, {**body, "serving": wrong})
                self.assertEqual(answer.status, 409, (path, answer.body))
                self.assertIn(f"#{number} serves now", answer.json["detail"])
        self.assertEqual(self.server.call("POST", API, {"build": "aaaaaaa", "serving": -1}).status, 422)
        self.assertEqual(self.server.call("POST", API, {"build": "aaaaaaa", "serving": "x"}).status, 422)
        status, page = self.ask(f"{PATH}/1/rollback", confirm="yes", at_once="yes", serving=str(number + 5), after="9")
        self.assertEqual(status, 200)
        self.assertIn("What serves has changed since you were asked", page)
        self.assertIn(f'name="serving" value="{number}"', page)
        status, page = self.ask(PATH.replace("staging", "production"), build="aaaaaaa", confirm="yes", serving="5")
        self.assertEqual(status, 200)
        self.assertIn("What serves has changed since you were asked", page)
        self.assertEqual(self.serving(), number)

    def test_a_restore_asks_when_it_makes_another_one_serve(self):
        number = self.serving()
        self.assertEqual(self.server.call("POST", f"{API}/1/zero", {}).status, 202)
        wait_until(lambda: self.deploy(1)["presence"] == "zeroed")
        status, page = self.ask(f"{PATH}/1/restore", back=f"{PATH}/{number}")
        self.assertEqual(status, 200)
        self.assertIn(f"#{number} goes on running and answers too", page)
        self.assertEqual(self.deploy(1)["presence"], "zeroed")
        fields = dict(re.findall(r'name="(confirm|serving|after|back)" value="([^"]*)"', page))
        self.assertEqual(self.ask(f"{PATH}/1/restore", **fields)[0], 303)
        wait_until(lambda: self.serving() == 1)
        self.server.call("POST", f"{API}/1/zero", {"confirm": True})
        wait_until(lambda: self.serving() == number)

    def test_a_key_is_for_one_question(self):
        key = {"Idempotency-Key": "one-question"}
        first = self.server.call("POST", f"{API}/1/rollback", {"serving": self.serving()}, headers=key)
        self.assertEqual(first.status, 202, first.body)
        number = first.json["number"]
        wait_until(lambda: self.deploy(number)["finished"])
        # What served then does not any more, because this was done.
        again = self.server.call("POST", f"{API}/1/rollback", {"serving": 2}, headers=key)
        self.assertEqual((again.status, again.json["number"]), (202, number), again.body)
        for path, body in ((API, {"build": "aaaaaaa"}), (f"{API}/2/rollback", {})):
            other = self.server.call("POST", path, body, headers=key)
            self.assertEqual(other.status, 409, other.body)
            self.assertIn("a roll back to #1", other.json["detail"])
        history = [h["text"] for h in self.server.get(f"{API}/{number}").json["history"]]
        self.assertEqual(sum("asked for" in text for text in history), 1, history)


if __name__ == "__main__":
    unittest.main()
