"""Questions that are asked before what serves changes, and answers that come when it has changed already."""
import html
import re
import unittest

from harness import Server, wait_until
from test_playground import HAS_PLAYGROUND

PATH = "/projects/hello-world/environments/staging/deploys"
API = "/api/v1" + PATH


def plain(page):
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))


class Asking(unittest.TestCase):
    BUILDS = ("aaaaaaa", "bbbbbbb")

    @classmethod
    def setUpClass(cls):
        cls.server = Server(command="playground").start()
        for sha in cls.BUILDS:
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


@unittest.skipUnless(HAS_PLAYGROUND, "this build has no playground")
class Questions(Asking):
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
        self.assertIn(f"#{number} goes on answering beside it", page)
        self.assertEqual(self.deploy(1)["presence"], "zeroed")
        fields = dict(re.findall(r'name="(confirm|serving|after|back)" value="([^"]*)"', page))
        self.assertEqual(self.ask(f"{PATH}/1/restore", **fields)[0], 303)
        wait_until(lambda: self.serving() == 1)
        self.server.call("POST", f"{API}/1/zero", {"confirm": True})
        wait_until(lambda: self.serving() == number)

    def test_two_answers_to_one_question_are_one_when_they_are_the_same(self):
        number = self.serving()
        newest = self.server.get(API).json["deploys"][0]["number"]
        answer = {"confirm": "yes", "serving": str(number), "after": str(newest), "reason": "A"}
        self.assertEqual(self.ask(f"{PATH}/1/rollback", **answer)[0], 303)
        made = newest + 1
        self.assertEqual(self.ask(f"{PATH}/1/rollback", **answer)[0], 303)
        self.assertEqual(self.server.get(API).json["deploys"][0]["number"], made)
        status, page = self.ask(f"{PATH}/1/rollback", **{**answer, "reason": "B", "at_once": "yes"})
        self.assertEqual(status, 200)
        self.assertRegex(plain(page), rf"asked for #{made} of build aaaaaaa here since you looked|What serves has changed")
        self.assertIn('value="B"', page)
        self.assertEqual(self.server.get(API).json["deploys"][0]["number"], made)
        wait_until(lambda: self.deploy(made)["finished"])
        self.assertEqual(self.ask(f"{PATH}/{made}/zero", confirm="yes", serving=str(made))[0], 303)
        self.assertEqual(self.ask(f"{PATH}/{made}/zero", confirm="yes", serving=str(made))[0], 303)
        wait_until(lambda: self.deploy(made)["presence"] == "zeroed")

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


@unittest.skipUnless(HAS_PLAYGROUND, "this build has no playground")
class Again(Asking):
    """Three run, none is done anything to: what is asked, and asked once more when something came between."""
    BUILDS = ("aaaaaaa", "bbbbbbb", "ccccccc")

    def question(self, path, **fields):
        status, page = self.ask(path, **fields)
        self.assertEqual(status, 200, page)
        self.assertIn('name="confirm" value="yes"', page)
        return page

    def test_a_roll_back_says_all_that_is_taken_out_and_what_stays(self):
        page = self.question(f"{PATH}/1/rollback")
        for words in ("#2 and #3 get no more requests as soon as the pods of the new deploy are ready.",
                      "#1 goes on answering beside it.", "Take #2 and #3 out at once"):
            self.assertIn(words, plain(page))
        preview = self.server.get(f"{API}/1/rollback-preview").json
        self.assertEqual((preview["takes_out"], preview["stays"]), ([2, 3], [1]))
        code, out, err = self.server.cli("rollback", "hello-world", "staging", "1", "--preview")
        self.assertEqual(code, 0, err)
        self.assertIn("#2 and #3 get no more requests", out)

    def test_what_was_typed_is_there_when_it_is_asked_again(self):
        page = self.question(f"{PATH}/1/rollback", confirm="yes", at_once="yes", serving="2", after="3",
                             reason="it is <slow>")
        self.assertIn('value="it is &lt;slow&gt;"', page)
        self.assertIn("was ticked before: tick it again", plain(page))
        self.assertNotIn("checked", page)
        self.assertIn('role="alert"', page)

    def test_zero_and_delete_say_who_answers_and_who_would(self):
        for action, word in (("zero", "Zeroed"), ("delete", "Deleted")):
            page = plain(self.question(f"{PATH}/3/{action}"))
            self.assertIn("#3 of build ccccccc serves hello-world in staging now.", page)
            self.assertRegex(page, r"\d+ pods answer requests: #1 with \d+, #2 with \d+, #3 with \d+\.")
            self.assertRegex(page, word + r", it leaves its place to #2 of build bbbbbbb, which runs and has (\d) of \1 pods ready\.")
            self.assertIn("though it serves", page)
            # It was asked about when it served, and another one does by now.
            page = self.question(f"{PATH}/2/{action}", confirm="yes", serving="2", reason="too many")
            self.assertIn("What serves has changed", page)
            self.assertIn('value="too many"', page)
            self.assertNotIn("though it serves", page)
            self.assertEqual(self.deploy(2)["presence"], "running")

    def test_a_deploy_from_a_page_of_before_asks(self):
        page = self.question(PATH, build="aaaaaaa", after="2")
        self.assertIn("asked for #3 of build ccccccc here since you looked", plain(page))
        self.assertIn('name="after" value="3"', page)
        self.assertNotIn("protected environment", page)

    def test_a_name_that_is_wrong_is_answered_with_those_that_there_are(self):
        code, _, err = self.server.cli("rollback", "hello-world", "stagin", "1")
        self.assertEqual(code, 4, err)
        self.assertIn("has no environment 'stagin'", err)
        self.assertIn("staging", err)
        code, _, err = self.server.cli("status", "hello-wrld")
        self.assertEqual(code, 4, err)
        self.assertIn("did you mean 'hello-world'?", err)
        code, _, err = self.server.cli("rollback", "hello-world", "staging", "3", "--no-wait")
        self.assertEqual(code, 5, err)


@unittest.skipUnless(HAS_PLAYGROUND, "this build has no playground")
class WhoIsNext(Asking):
    def test_who_would_take_its_place_is_asked_about_again_when_that_has_changed(self):
        number = self.serving()
        status, page = self.ask(f"{PATH}/{number}/zero")
        self.assertEqual(status, 200)
        self.assertIn(f"leaves its place to #{number - 1}", plain(page))
        fields = dict(re.findall(r'name="(confirm|serving|then|after|back)" value="([^"]*)"', page))
        self.assertEqual(fields["then"], str(number - 1))
        self.assertEqual(self.server.call("POST", f"{API}/{number - 1}/zero", {}).status, 202)
        wait_until(lambda: self.deploy(number - 1)["presence"] == "zeroed")
        status, page = self.ask(f"{PATH}/{number}/zero", **fields)
        self.assertEqual(status, 200)
        self.assertIn("What would take its place has changed since you were asked", plain(page))
        # Those of the other one may answer for a moment longer.
        self.assertRegex(plain(page), "nothing (answers requests|serves) until")
        self.assertEqual(self.deploy(number)["wanted"], "running")
        # One that is not there any more is not headed by how it once was.
        self.assertIn("<title>Zeroed: hello-world #", self.server.get(f"{PATH}/{number - 1}").body.decode())


if __name__ == "__main__":
    unittest.main()
