import json
import unittest

from harness import Server

PATH = "/api/v1/projects/hello-world/environments/staging/deploys"


class OpenApiAndErrors(unittest.TestCase):
    """A server without access.yaml and without a cluster."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server().start()
        answer = cls.server.hook({"project": "hello-world", "sha": "0123abcdef", "branch": "main"}, secret="")
        assert answer.status == 202, answer.body

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def problem(self, answer, status):
        self.assertEqual(answer.status, status, answer.body)
        self.assertEqual(answer.headers["content-type"], "application/problem+json")
        return answer.json

    def test_health(self):
        self.assertEqual(self.server.get("/healthz").body, b"ok\n")
        self.assertTrue(self.server.get("/readyz").json["ready"])
        metrics = self.server.get("/metrics").body.decode()
        self.assertIn('lemmy_hook_calls_total{hook="build",verdict="accepted"}', metrics)
        self.assertIn("lemmy_store_up 1", metrics)

    def test_unknown_things_are_404_with_what_there_is(self):
        for path in ("/api/v1/projects/nope", "/api/v1/projects/nope/builds", "/api/v1/nothing",
                     "/api/v1/projects/hello-world/environments/nope", PATH + "/999", PATH + "/999/manifests",
                     PATH + "/999/events", PATH.replace("staging", "nope")):
            self.problem(self.server.get(path), 404)
        answer = self.server.get("/api/v1/projects/hello-world/environments/nope")
        self.assertIn("staging", answer.json["hint"])

    def test_what_is_malformed_is_422_with_the_field(self):
        for body, where in (({"build": "HEAD"}, "build"), ({}, "build"), ({"build": 7}, "build"),
                            ({"bild": "0123abc"}, "bild"), ({"build": "0123abc", "reason": "x" * 2000}, "reason"),
                            ("{", "body"), ([], "body")):
            self.assertIn(where, self.problem(self.server.call("POST", PATH, body), 422)["where"], body)
        self.assertEqual(self.problem(self.server.get(PATH + "?limit=0"), 422)["where"], "limit")
        self.assertEqual(self.problem(self.server.get(PATH + "/x"), 422)["where"], "number")
        self.problem(self.server.call("POST", PATH, {"build": "0123abc"}, headers={"Idempotency-Key": "a b"}), 422)
        self.problem(self.server.call("POST", PATH + "/1/explode", {}), 404)

    def test_a_build_that_was_not_announced_is_404(self):
        self.problem(self.server.call("POST", PATH, {"build": "fffffff"}), 404)

    def test_too_much_is_413(self):
        self.assertEqual(self.server.call("POST", PATH, "x" * 2_000_000).status, 413)

    def test_other_sites_and_other_names_are_refused(self):
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"},
                        {"Host": "evil.example"}):
            self.problem(self.server.call("POST", PATH, {"build": "0123abc"}, headers=headers), 403)
            self.assertIn(self.server.hook({"project": "hello-world", "sha": "0123abcd", "branch": "x"}, secret="",
                                           headers=headers).status, (403,), headers)
        answer = self.server.form(PATH, {"build": "0123abcdef"})
        self.problem(answer, 403)  # any page could send a form

    def test_the_same_key_gives_the_same_deploy_and_events_tell_of_it(self):
        key = {"Idempotency-Key": "once-1"}
        first = self.server.call("POST", PATH, {"build": "0123abc", "reason": "try"}, headers=key)
        self.assertEqual(first.status, 202, first.body)
        again = self.server.call("POST", PATH, {"build": "0123abcdef"}, headers=key)
        self.assertEqual(again.headers["location"], first.headers["location"])
        number = first.json["number"]
        status = self.server.get(first.headers["location"]).json
        self.assertEqual((status["deploy"]["build"], status["deploy"]["who"]), ("0123abcdef", "local"))
        self.assertEqual(self.server.call("POST", f"{PATH}/{number}/cancel", {"reason": "enough"}).status, 202)
        events = self.server.get(f"{PATH}/{number}/events?follow=finish")
        self.assertEqual(events.headers["content-type"], "text/event-stream")
        self.assertIn(b"event: history", events.body)
        self.assertTrue(events.body.endswith(b"event: end\ndata: {}\n\n"), events.body[-200:])
        last = [line for line in events.body.decode().splitlines() if line.startswith("id: ")][-1][4:]
        rest = self.server.get(f"{PATH}/{number}/events?follow=finish", headers={"Last-Event-ID": last})
        self.assertNotIn(b"event: history", rest.body)

    def test_what_runs_where_comes_in_pages_and_by_a_part_of_the_name(self):
        everything = self.server.get("/api/v1/projects").json
        names = [p["name"] for p in everything["projects"]]
        self.assertEqual((names, everything["total"], everything["next"]), (sorted(names), len(names), ""))
        found, after = [], ""
        while True:
            page = self.server.get(f"/api/v1/projects?limit=1&after={after}").json
            self.assertEqual((len(page["projects"]), page["total"]), (1, len(names)))
            found.append(page["projects"][0]["name"])
            after = page["next"]
            if not after:
                break
        self.assertEqual(found, names)
        page = self.server.get("/api/v1/projects?search=llo-wor").json
        self.assertEqual(([p["name"] for p in page["projects"]], page["total"]), (["hello-world"], 1))
        self.assertEqual(self.server.get("/api/v1/projects?limit=x").status, 422)

    def test_answers_are_what_openapi_says(self):
        document = self.server.get("/openapi.json").json
        self.assertEqual(document["openapi"], "3.1.0")
        overview = self.server.get("/api/v1/projects").json
        schema = document["components"]["schemas"]["TargetState"]["properties"]
        for project in overview["projects"]:
            for target in project["targets"]:
                self.assertEqual(set(target), set(schema), json.dumps(target))


if __name__ == "__main__":
    unittest.main()
