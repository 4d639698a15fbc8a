"""One caller keeps nobody else out: connections, log-ins, and what a signature is good for."""
import hashlib
import hmac
import json
import re
import resource
import socket
import time
import unittest

from harness import HOOK_SECRET, PASSWORD, Server, secured, wait_until


class Connections(unittest.TestCase):
    def test_a_caller_that_holds_all_connections_shuts_out_nobody(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        server = Server()
        server.start()
        self.addCleanup(server.stop)
        held = []
        self.addCleanup(lambda: [s.close() for s in held])
        for i in range(min(4400, min(hard, 8192) - 200)):  # more than the server takes of these
            s = socket.socket()
            held.append(s)
            s.bind(("127.0.0.2", 0))
            s.connect(("127.0.0.1", server.port))
            s.sendall(b"GET / HT" if i % 2 else b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        began = time.time()
        self.assertEqual(server.get("/api/v1/projects").status, 200)
        self.assertLess(time.time() - began, 10)

    def test_open_files_are_as_many_as_the_hard_limit_allows_and_children_get_the_soft_one(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        server = Server()
        server.start()
        self.addCleanup(server.stop)
        has = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
        self.assertEqual(has[0], min(hard, 16384))


class Open(unittest.TestCase):
    def test_a_server_for_this_machine_answers_no_proxy(self):
        server = Server()
        server.start()
        self.addCleanup(server.stop)
        self.assertEqual(server.get("/api/v1/projects").status, 200)
        for name, value in (("X-Forwarded-For", "203.0.113.7"), ("Forwarded", "for=203.0.113.7"),
                            ("Via", "1.1 nginx"), ("X-Real-IP", "203.0.113.7"), ("x-forwarded-proto", "https")):
            answer = server.get("/api/v1/projects", headers={name: value})
            self.assertEqual(answer.status, 403, name)
            self.assertIn("access.yaml", answer.json["hint"])


class LogIns(unittest.TestCase):
    def setUp(self):
        self.server, _ = secured(limits="{logins_per_minute: 3}")
        self.addCleanup(self.server.stop)

    def log_in(self, password, address, user="dora", cookie=""):
        headers = {"X-Forwarded-For": address}
        page = self.server.get("/login", headers=headers).body.decode()
        csrf = re.search(r'name="csrf" value="([^"]+)"', page)
        return self.server.form("/login", {"name": user, "password": password, "csrf": csrf[1] if csrf else ""},
                                headers=headers, cookie=cookie)

    def test_who_guesses_keeps_out_nobody_else(self):
        tries = [self.log_in("wrong", "203.0.113.7").status for _ in range(8)]
        self.assertEqual(tries, [401] * 3 + [429] * 5)
        self.assertEqual(self.log_in(PASSWORD, "203.0.113.7").status, 429)
        self.assertEqual(self.log_in(PASSWORD, "198.51.100.9").status, 303)

    def test_a_network_of_one_customer_counts_as_one(self):
        tries = [self.log_in("wrong", f"2001:db8:7:7::{i}").status for i in range(1, 6)]
        self.assertEqual(tries, [401] * 3 + [429] * 2)

    def test_a_browser_that_knows_the_user_gets_in_while_many_strangers_guess(self):
        first = self.log_in(PASSWORD, "198.51.100.20")
        self.assertEqual(first.status, 303)
        device = next(c.split(";")[0] for c in first.cookies if c.startswith("lemmy_device"))
        for i in range(40):
            self.log_in("wrong", f"10.1.{i}.1")
        self.assertEqual(self.log_in(PASSWORD, "198.51.100.21").status, 429)
        self.assertEqual(self.log_in(PASSWORD, "198.51.100.22", cookie=device).status, 303)


class Signatures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server, _ = secured()
        access = cls.server.config / "access.yaml"
        access.write_text(access.read_text().replace("ci: {secret_env: HOOK_SECRET}",
                                                     "ci: {secret_env: HOOK_SECRET, sign: all}"))

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def signed(self, delivery, body, path="/hooks/build", to=None):
        at = str(int(time.time()))
        text = f"{at}.{delivery}.{path}.{body}"
        signature = "v2=" + hmac.new(HOOK_SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Lemmy-Timestamp": at, "X-Lemmy-Delivery": delivery,
                   "X-Lemmy-Signature": signature}
        return lambda **change: self.server.call("POST", to or path, body, headers=headers | change)

    def test_a_hook_may_take_only_what_signs_everything(self):
        body = json.dumps({"project": "hello-world", "sha": "0123abc", "branch": "main"})
        refused = wait_until(lambda: (a := self.server.hook(body)).status == 401 and a, 10)
        self.assertIn("v2", refused.json["detail"])
        send = self.signed("one", body)
        self.assertEqual(send().status, 202)
        self.assertTrue(send().json["duplicate"])
        self.assertEqual(send(**{"X-Lemmy-Delivery": "two"}).status, 401)
        self.assertEqual(self.signed("three", body, path="/hooks/instance", to="/hooks/build")().status, 401)
        code, out, err = self.server.cli("hook", "build", "--project", "hello-world", "--sha", "0123abd", "--branch",
                                         "main", env={"LEMMY_HOOK_SECRET": HOOK_SECRET})
        self.assertEqual(code, 0, out + err)

    def test_nothing_is_taken_from_a_query_that_no_signature_covers(self):
        answer = self.signed("boot", "", path="/hooks/instance",
                             to="/hooks/instance?project=hello-world&environment=staging&instance_id=i-1")()
        self.assertEqual(answer.status, 401)
        self.assertIn("body", answer.json["hint"])


if __name__ == "__main__":
    unittest.main()
