"""Walks the whole route table, as OpenAPI tells it, with every role."""
import re
import unittest

from harness import PASSWORD, secured

RANK = {"anonymous": 0, "viewer": 1, "deployer": 2, "admin": 3}
VALUES = {"project": "hello-world", "environment": "staging", "cluster": "default", "number": "999", "action": "zero",
          "name": "none", "release": "0123456789ab", "run": "0123456789ab"}


class Roles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server, cls.tokens = secured()
        cls.tokens["anonymous"] = ""
        cls.paths = cls.server.get("/openapi.json").json["paths"]

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def operations(self):
        for path, methods in self.paths.items():
            for method, operation in methods.items():
                yield method.upper(), path.format(**VALUES), operation["x-who"]

    def test_every_route_lets_in_who_may_and_nobody_else(self):
        seen = 0
        for method, path, who in self.operations():
            if who == "hook":
                continue
            for role, token in self.tokens.items():
                with self.subTest(method=method, path=path, role=role):
                    answer = self.server.call(method, path, {} if method == "POST" else None, token=token)
                    may = who == "anyone" or RANK[role] >= RANK[who]
                    refused = answer.status in (401, 403)
                    self.assertEqual(refused, not may, f"{answer.status} {answer.body[:200]}")
                    self.assertNotEqual(answer.status, 500)
                    if role == "anonymous" and not may:
                        self.assertEqual(answer.status, 401)
                    seen += 1
        self.assertGreater(seen, 60)

    def test_whoami_says_who_comes_and_where_that_may_deploy(self):
        for role, token in self.tokens.items():
            answer = self.server.call("GET", "/api/v1/whoami", token=token)
            if role == "anonymous":
                self.assertEqual(answer.status, 401)
                continue
            self.assertEqual((answer.json["role"], answer.json["kind"], answer.json["projects"]), (role, "token", None))
            may = {e["name"]: e["may_deploy"] for e in answer.json["environments"]}
            self.assertEqual(may["staging"], role != "viewer")

    def test_hooks_take_no_token_of_the_api(self):
        for method, path, who in self.operations():
            if who == "hook":
                for role, token in self.tokens.items():
                    self.assertEqual(self.server.call(method, path, {}, token=token).status, 401, role)

    def test_a_wrong_token_is_no_anonymous_visitor(self):
        self.assertEqual(self.server.get("/api/v1/projects", token="lmy_wrong").status, 401)

    def test_pages_send_people_to_the_log_in(self):
        answer = self.server.get("/")
        self.assertEqual(answer.status, 303)
        self.assertTrue(answer.headers["location"].startswith("/login"))
        header = re.search(r'<div class="who">(.*?)</div>', self.server.get("/login").body.decode(), re.S)[1]
        self.assertNotIn("anonymous", header)  # who may look at nothing is nobody's viewer
        self.assertNotIn("viewer", header)

    def sign_in(self):
        self.assertEqual(self.server.get("/login").status, 200)
        answer = self.server.form("/login", {"name": "dora", "password": PASSWORD})
        if "set-cookie" not in answer.headers:  # the form wants its token
            page = self.server.get("/login").body.decode()
            csrf = re.search(r'name="csrf" value="([^"]+)"', page)
            answer = self.server.form("/login", {"name": "dora", "password": PASSWORD,
                                                 "csrf": csrf[1] if csrf else ""})
        self.assertIn("set-cookie", answer.headers, answer.body[:300])
        return answer.cookies[0].split(";")[0]

    def test_who_signed_out_is_out_also_with_a_copy_of_the_cookie_and_after_a_restart(self):
        cookie, other = self.sign_in(), self.sign_in()
        page = self.server.get("/", cookie=cookie)
        self.assertEqual(page.status, 200)
        csrf = re.search(r'name="csrf" value="([^"]+)"', page.body.decode())[1]
        for _ in range(2):  # clicked twice
            self.server.form("/logout", {"csrf": csrf}, cookie=cookie)
        self.assertEqual(self.server.get("/api/v1/projects", cookie=cookie).status, 401)
        self.assertEqual(self.server.get("/api/v1/projects", cookie=other).status, 200)
        self.server.end()
        self.server.start()
        self.assertEqual(self.server.get("/api/v1/projects", cookie=cookie).status, 401)
        self.assertEqual(self.server.get("/api/v1/projects", cookie=other).status, 200)

    def test_wrong_log_ins_are_as_many_as_access_yaml_allows(self):
        server, _ = secured(limits="{logins_per_minute: 3}")
        self.addCleanup(server.stop)
        csrf = re.search(r'name="csrf" value="([^"]+)"', server.get("/login").body.decode())
        wrong = {"name": "dora", "password": "wrong", "csrf": csrf[1] if csrf else ""}
        tries = [server.form("/login", wrong).status for _ in range(5)]
        self.assertEqual(tries, [401] * 3 + [429] * 2)

    def test_a_session_changes_nothing_without_its_token_or_from_another_site(self):
        cookie = self.sign_in()
        path = "/api/v1/projects/hello-world/environments/staging/deploys"
        self.assertEqual(self.server.get("/api/v1/projects", cookie=cookie).status, 200)
        for headers in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"},
                        {"X-CSRF-Token": "0" * 64}):
            answer = self.server.call("POST", path, {"build": "0123abc"}, headers=headers, cookie=cookie)
            self.assertEqual(answer.status, 403, headers)
        page = "/projects/hello-world/environments/staging/deploys"
        self.assertEqual(self.server.form(page, {"build": "0123abc"}, cookie=cookie).status, 403)


if __name__ == "__main__":
    unittest.main()
