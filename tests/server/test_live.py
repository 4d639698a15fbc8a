"""The streams of pages and of the API as raw bytes: how much, when nothing, to whom, and how they end."""
import html
import re
import time
import unittest
import urllib.parse

from harness import Server, secured, wait_until
from streams import Stream

PROJECT = "/projects/hello-world"
DEPLOYS = PROJECT + "/environments/staging/deploys"


def sha(n):
    return f"{n:07x}" + "a" * 33


def live(*pages):
    """The address of the stream of pages, each a path or (path, what the page has)."""
    pairs = [p if isinstance(p, tuple) else (p, "") for p in pages]
    return "/live?" + "&".join(urllib.parse.urlencode({"page": p, "have": h}) for p, h in pairs)


class Playground(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(command="playground").start()
        cls.announce(cls.server, 1)
        cls.server.call("POST", f"/api/v1{DEPLOYS}", {"build": sha(1)})
        wait_until(lambda: cls.server.get(f"/api/v1{DEPLOYS}/1").json["deploy"]["phase"] == "live")

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    @staticmethod
    def announce(server, n):
        return server.call("POST", "/hooks/build", {"project": "hello-world", "sha": sha(n), "branch": "main",
                                                    "message": f"Change {n}", "author": "ada"})

    def open(self, *pages, **more):
        return Stream(self.server.port, live(*pages), **more)

    def have(self, path, server=None):
        """As a browser that loads the page."""
        page = (server or self.server).get(path).body.decode()
        found = re.search(r'<body data-have="([0-9a-f]{16})" data-page="([^"]*)"', page)
        self.assertEqual(html.unescape(found[2]), path)
        return found[1]

    def quiet_deploy(self):
        """The page of a deploy at rest, and what it has."""
        page = f"{DEPLOYS}/1"
        return wait_until(lambda: (h := self.have(page)) == (time.sleep(0.5) or self.have(page)) and (page, h))

    def test_nothing_is_sent_to_pages_on_which_nothing_changes_though_they_grow_older(self):
        self.quiet_deploy()
        pages = [(p, self.have(p)) for p in ("/instances", PROJECT)] + [self.quiet_deploy()]
        with self.open(*pages) as stream:
            stream.until(lambda name, _: name == "beat")  # after 15 s in which nothing else was sent
            self.assertEqual([name for name, _, _ in stream.events], ["hello", "beat"])
            self.assertLess(stream.bytes, 400)
        self.assertNotEqual(self.server.get(pages[-1][0]).body, b"")

    def test_a_program_is_not_told_of_ages_either(self):
        self.quiet_deploy()
        with Stream(self.server.port, f"/api/v1{DEPLOYS}/1/events") as stream:
            stream.until(lambda name, _: name == "status")
            stream.quiet(1)
            seen = len(stream.events)
            self.announce(self.server, 77)  # its project changed, the deploy did not
            self.assertEqual(stream.quiet(2), [])
            self.assertEqual(len(stream.events), seen)

    def test_a_new_build_is_one_row_and_small(self):
        self.announce(self.server, 2)
        with self.open((PROJECT, self.have(PROJECT))) as stream:
            stream.until(lambda name, _: name == "hello")
            before = stream.bytes
            self.announce(self.server, 3)
            name, data = stream.until(lambda name, data: data.get("page") == PROJECT)
            self.assertEqual(name, "patch")
            self.assertIn(sha(3), str(data["put"]))
            self.assertNotIn(sha(2), str(data))
            self.assertLess(stream.bytes - before, 2048)
            self.assertEqual(data["to"], self.have(PROJECT))

    def test_who_does_not_take_gzip_gets_the_same_in_plain(self):
        with self.open("/", PROJECT) as packed, self.open("/", PROJECT, gzip=False) as plain:
            for stream in (packed, plain):
                for page in ("/", PROJECT):
                    stream.until(lambda name, data, page=page: name == "main" and data["page"] == page)
            self.assertIn("Content-Encoding: gzip", packed.head)
            self.assertNotIn("Content-Encoding", plain.head)
            for stream in (packed, plain):
                self.assertIn("Vary: Accept-Encoding", stream.head)
            self.assertLess(packed.bytes, plain.bytes / 3)
            texts = [{d["page"]: d["html"] for n, _, d in s.events if n == "main"} for s in (packed, plain)]
            self.assertEqual(texts[0][PROJECT], texts[1][PROJECT])

    def test_a_page_is_compressed_for_who_takes_it(self):
        plain = self.server.get(PROJECT)
        packed = self.server.get(PROJECT, headers={"Accept-Encoding": "gzip"})
        self.assertNotIn("content-encoding", plain.headers)
        self.assertEqual(packed.headers["content-encoding"], "gzip")
        self.assertLess(len(packed.body), len(plain.body) / 2)
        self.assertEqual(self.server.get(PROJECT, headers={"Accept-Encoding": "gzip;q=0"}).headers.get("content-encoding"), None)

    def test_after_a_cut_nothing_is_lost_and_nothing_comes_twice(self):
        with self.open((PROJECT, self.have(PROJECT))) as stream:
            stream.until(lambda name, _: name == "hello")
            self.announce(self.server, 10)
            _, data = stream.until(lambda name, data: "to" in data)
            seen = data["to"]
        self.announce(self.server, 11)
        with Stream(self.server.port, live(PROJECT), headers={"Last-Event-ID": seen}) as stream:
            name, data = stream.until(lambda name, data: "to" in data)
            self.assertEqual((name, data["from"]), ("patch", seen))
            self.assertIn(sha(11), str(data["put"]))
            self.assertNotIn(sha(10), str(data))
            seen = data["to"]
        with Stream(self.server.port, live(PROJECT), headers={"Last-Event-ID": seen}) as stream:
            stream.until(lambda name, _: name == "hello")
            self.assertEqual(stream.quiet(1), [])

    def test_who_reads_slowly_gets_the_newest_and_not_a_queue_of_old_ones(self):
        with self.open((PROJECT, self.have(PROJECT)), gzip=False) as fast, \
                self.open((PROJECT, self.have(PROJECT)), gzip=False, buffer=8192) as slow:
            slow.until(lambda name, _: name == "hello")
            for n in range(100, 180):  # rows of builds come and go, ten times a second
                self.announce(self.server, n)
                fast.quiet(0.04)
            last = self.have(PROJECT)
            fast.until(lambda _, data: data.get("to") == last)
            slow.until(lambda _, data: data.get("to") == last)
            self.assertGreater(len(fast.events), 15)
            self.assertLess(slow.bytes, fast.bytes)
            self.assertLess(slow.bytes, 250_000)

    def test_many_pages_are_one_viewer_and_one_that_goes_is_noticed_at_once(self):
        viewers = lambda: int(re.search(r"^lemmy_stream_viewers (\d+)$", self.server.get("/metrics").body.decode(), re.M)[1])
        wait_until(lambda: viewers() == 0, 5)
        with self.open("/", PROJECT, "/instances", f"{DEPLOYS}/1") as stream:
            stream.until(lambda name, data: name == "main" and data["page"] == PROJECT)
            self.assertEqual(viewers(), 1)
        wait_until(lambda: viewers() == 0, 10)

    def test_what_never_rests_comes_to_the_first_page_once_a_second_at_most(self):
        with self.open("/") as stream:
            stream.until(lambda name, _: name == "main")
            began = time.time()
            for n in range(2):
                self.server.call("POST", f"/api/v1{DEPLOYS}", {"build": sha(1)})
                stream.quiet(1.5)
            came = [n for n, _, d in stream.events if d.get("page") == "/"]
            self.assertLessEqual(len(came), 2 + (time.time() - began))
            self.assertGreater(len(came), 1)
        wait_until(lambda: self.server.get(f"/api/v1{PROJECT}/environments/staging").json["active"] is None)


class Restarted(unittest.TestCase):
    def test_a_server_that_is_started_anew_sends_only_what_has_changed(self):
        server = Server().start()
        try:
            Playground.announce(server, 1)
            page = re.search(r'data-have="(\w+)"', server.get(PROJECT).body.decode())[1]
            server.end()
            server.start()
            with Stream(server.port, live((PROJECT, page))) as stream:
                stream.until(lambda name, _: name == "hello")
                self.assertEqual([e for e in stream.quiet(2) if e[0] == "main" or e[0] == "patch"], [])
            Playground.announce(server, 2)
            with Stream(server.port, live((PROJECT, page))) as stream:
                stream.until(lambda name, data: name in ("main", "patch") and sha(2) in str(data))
        finally:
            server.stop()


class Stopping(unittest.TestCase):
    def test_streams_do_not_keep_a_server_from_ending_and_end_with_it(self):
        server = Server().start()
        try:
            Playground.announce(server, 1)
            server.call("POST", f"/api/v1{DEPLOYS}", {"build": sha(1)})
            streams = [Stream(server.port, path) for path in
                       (live("/"), live("/", PROJECT, f"{DEPLOYS}/1"), f"/api/v1{DEPLOYS}/1/events") * 5]
            for stream in streams:
                stream.until(lambda name, _: name in ("main", "status", "trouble"))
            server.end()  # looks at the exit code, and waits for 20 s at most
            for stream in streams:
                with stream:
                    wait_until(lambda s=stream: s.read(0.2) is not None and s.ended, 5, "a stream goes on")
        finally:
            server.stop()


class Revoked(unittest.TestCase):
    """Streams end with what allowed them, and say nothing more (S5)."""

    def setUp(self):
        self.server, self.tokens = secured()

    def tearDown(self):
        self.server.stop()

    def stream(self, path, token):
        return Stream(self.server.port, path, headers={"Authorization": "Bearer " + token})

    def test_a_revoked_token_ends_the_streams_of_pages_and_of_the_api(self):
        signed = self.server.hook({"project": "hello-world", "sha": sha(1), "branch": "main"})
        self.assertEqual(signed.status, 202)
        asked = self.server.call("POST", f"/api/v1{DEPLOYS}", {"build": sha(1)}, token=self.tokens["deployer"])
        self.assertEqual(asked.status, 202)
        token, other = self.tokens["viewer"], self.tokens["admin"]
        with self.stream(live(PROJECT), token) as page, self.stream(f"/api/v1{DEPLOYS}/1/events", token) as program, \
                self.stream(live(PROJECT), other) as stays:
            page.until(lambda name, _: name == "main")
            program.until(lambda name, _: name in ("status", "trouble"))
            stays.until(lambda name, _: name == "main")
            code, _, err = self.server.cli("token", "remove", "t-viewer", "--config", self.server.config)
            self.assertEqual(code, 0, err)
            for stream in (page, program):
                wait_until(lambda s=stream: s.read(0.2) is not None and s.ended, 20, "the stream goes on")
            self.server.hook({"project": "hello-world", "sha": sha(2), "branch": "main"})
            stays.until(lambda name, data: sha(2) in str(data))
            self.assertNotIn(sha(2), str(page.events))
        self.assertEqual(self.server.get(live(PROJECT), token=token).status, 401)

    def test_who_may_see_a_page_is_asked_for_each_page_of_a_stream(self):
        with self.stream(live(PROJECT, "/deliveries", DEPLOYS + "/99"), self.tokens["viewer"]) as stream:
            stream.until(lambda name, data: name == "main" and data["page"] == PROJECT)
            for path in ("/deliveries", DEPLOYS + "/99"):
                _, data = stream.until(lambda name, data, path=path: name == "refused" and data["page"] == path)
                self.assertEqual(data["status"], 404)
        self.assertEqual(self.server.get(live("/")).status, 401)


if __name__ == "__main__":
    unittest.main()
