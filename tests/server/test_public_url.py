"""Under a path of somebody else's host, behind a proxy that takes it off or not, and under no name but its own."""
import re
import unittest

from harness import PASSWORD, run, secured, wait_until


class PublicUrl(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server, cls.tokens = secured()
        access = cls.server.config / "access.yaml"
        access.write_text(access.read_text() + "anonymous: viewer\npublic_url: https://deploy.example.com/lemmy/\n")
        wait_until(lambda: b"/lemmy/" in cls.server.get("/").body, 10, "public_url is not taken")

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def test_pages_lead_to_pages_under_the_path_whether_the_proxy_leaves_it_or_not(self):
        for root in ("", "/lemmy"):
            for path in ("/", "/projects/hello-world", "/login", "/nowhere"):
                page = self.server.get(root + path).body.decode().replace("&#x2f;", "/")
                led = re.findall(r' (?:href|src|action)="(/[^"]*)"', page)
                self.assertTrue(led, path)
                self.assertEqual([a for a in led if not a.startswith("/lemmy/")], [], path)
                for address in set(led):
                    self.assertNotEqual(self.server.get(address).status, 404 if "nowhere" not in path else 500, address)
        self.assertEqual(self.server.get("/lemmyx/").status, 404)
        self.assertEqual(self.server.get("/lemmy").status, 200)

    def test_who_signs_in_there_is_led_and_known_there(self):
        form = {"name": "dora", "password": PASSWORD, "next": "/projects/hello-world"}
        page = self.server.get("/lemmy/login").body.decode()
        form["csrf"] = re.search(r'name="csrf" value="([^"]+)"', page)[1]
        answer = self.server.form("/lemmy/login", form)
        self.assertEqual((answer.status, answer.headers["location"]), (303, "/lemmy/projects/hello-world"), answer.body[:300])
        self.assertIn("; Path=/lemmy; ", answer.cookies[0])
        self.assertIn("; Path=/lemmy/login; ", answer.cookies[1])
        page = self.server.get("/lemmy/", cookie=answer.cookies[0].split(";")[0]).body.decode()
        self.assertIn("Sign out", page)

    def test_commands_and_the_api_work_under_it(self):
        code, out, err = run("status", env={"LEMMY_SERVER": self.server.url + "/lemmy", "LEMMY_TOKEN": self.tokens["viewer"]})
        self.assertEqual(code, 0, err)
        self.assertIn("hello-world", out)
        made = self.server.call("GET", "/lemmy/api/v1/projects", token=self.tokens["viewer"])
        self.assertEqual(made.status, 200)

    def test_who_is_not_signed_in_is_answered_under_its_own_name_only(self):
        for host, status in (("deploy.example.com", 200), ("Deploy.Example.com:443", 200), ("127.0.0.1:1", 200),
                             ("[::1]", 200), ("localhost", 200), ("evil.example", 403), ("deploy.example.com.evil", 403)):
            self.assertEqual(self.server.get("/", headers={"Host": host}).status, status, host)
            self.assertEqual(self.server.get("/api/v1/projects", headers={"Host": host}).status, status, host)
            # A token is sent by nobody who was misled, and probes know no name.
            self.assertEqual(self.server.get("/api/v1/projects", headers={"Host": host}, token=self.tokens["viewer"]).status, 200)
            self.assertEqual(self.server.get("/healthz", headers={"Host": host}).status, 200)

    def test_what_is_no_address_is_a_mistake(self):
        tree = self.server.config
        for bad in ("deploy.example.com", "ftp://x", "https://", "https://a/b?c", "https://a/../b", "https://a b/", "https://u@h/"):
            text = (tree / "access.yaml").read_text()
            (tree / "access.yaml").write_text(re.sub(r"public_url: .*", f"public_url: '{bad}'", text))
            code, out, err = run("validate", "--config", tree)
            (tree / "access.yaml").write_text(text)
            self.assertEqual(code, 2, bad)
            self.assertIn("public_url", out + err)


if __name__ == "__main__":
    unittest.main()
