"""What happened to deploys, as programs follow it: the API's and the command line's events, with the built program."""
import json
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

from harness import HOOK_SECRET, LEMMY, Server, run, secured, wait_until
from test_playground import HAS_PLAYGROUND

STAGING = "/api/v1/projects/hello-world/environments/staging"


def events(server, after="", limit=1000, **more):
    return server.get(f"/api/v1/events?limit={limit}&after={after}", **more).json


def lines(answer, project="hello-world"):
    return [(e["number"], e["what"]) for e in answer["events"] if e["project"] == project]


@unittest.skipUnless(HAS_PLAYGROUND, "this build has no playground")
class Events(unittest.TestCase):
    def setUp(self):
        self.server = Server("--build-every", "86400", command="playground").start()
        self.addCleanup(self.server.stop)
        for project in ("hello-world", "crashy"):
            for sha in ("aaaaaaa", "bbbbbbb"):
                self.server.hook({"project": project, "sha": sha, "branch": "main"}, secret="")

    def deploy(self, sha, project="hello-world", code=0):
        done = self.server.cli("deploy", project, "staging", "--build", sha)
        self.assertEqual(done[0], code, done)

    def test_each_change_is_told_once_in_its_order_and_goes_on_behind_a_cursor(self):
        start = events(self.server, "end")
        self.assertEqual((start["events"], start["more"], start["missed"]), ([], False, False))
        self.deploy("aaaaaaa")
        self.deploy("bbbbbbb")
        code, _, err = self.server.cli("rollback", "hello-world", "staging", 1)
        self.assertEqual(code, 0, err)
        wait_until(lambda: (2, "taken_out") in lines(events(self.server, start["next"])))
        all_of_it = events(self.server, start["next"])
        told = lines(all_of_it)
        self.assertEqual([w for n, w in told if n == 1], ["queued", "started", "live"])
        self.assertEqual([w for n, w in told if n == 2], ["queued", "started", "live", "taken_out"])
        self.assertEqual([w for n, w in told if n == 3], ["queued", "started", "rolled_back"])
        first = all_of_it["events"][0]
        self.assertEqual((first["environment"], first["build"], first["phase_before"], first["phase"]),
                         ("staging", "aaaaaaa", None, "queued"))
        self.assertEqual(self.server.get(first["url"]).status, 200)
        # Page by page it is the same.
        seen, after = [], start["next"]
        while True:
            page = events(self.server, after, limit=2)
            seen += page["events"]
            after = page["next"]
            if not page["more"]:
                break
        self.assertEqual([e["id"] for e in seen], [e["id"] for e in all_of_it["events"]])
        self.assertEqual(len({e["id"] for e in seen}), len(seen))
        self.assertEqual(events(self.server, after)["next"], after)
        for wrong in ("x", "-1", "1e3"):
            self.assertEqual(self.server.get("/api/v1/events?after=" + wrong).status, 422)

    def test_a_failure_is_told_with_its_cause(self):
        self.deploy("aaaaaaa", "crashy", 1)
        failed = [e for e in events(self.server)["events"] if e["what"] == "failed"]
        self.assertEqual(len(failed), 1)
        self.assertIn("exit", failed[0]["cause"])
        self.assertTrue(failed[0]["cause"].isprintable())
        self.assertEqual((failed[0]["who"], failed[0]["phase"]), ("lemmy", "failed"))

    def test_the_command_lists_and_follows(self):
        self.deploy("aaaaaaa")
        code, out, err = self.server.cli("events")
        self.assertEqual((code, "hello-world/staging #1  live  aaaaaaa" in out), (0, True), out + err)
        code, out, err = self.server.cli("events", "--output", "json", "--after", "0", "--limit", "2")
        self.assertEqual((code, len(json.loads(out)["events"])), (0, 2), err)
        self.assertEqual(self.server.cli("events", "--after", "x")[0], 2)
        after = events(self.server, "end")["next"]
        follow = subprocess.Popen([LEMMY, "events", "--server", self.server.url, "--follow", "--after", after, "--output",
                                   "json"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(follow.stdout.close)
        self.addCleanup(follow.wait)
        self.addCleanup(follow.kill)
        self.deploy("bbbbbbb")
        seen = [json.loads(follow.stdout.readline()) for _ in range(3)]
        self.assertEqual([(e["number"], e["what"]) for e in seen], [(2, "queued"), (2, "started"), (2, "live")])

    def test_a_cursor_that_a_restored_store_has_not_come_to_is_told_and_goes_on_at_its_end(self):
        self.deploy("aaaaaaa")
        last = events(self.server, "end")["last"]
        self.assertFalse(events(self.server, last)["missed"])
        beyond = events(self.server, str(int(last) + 100))
        self.assertEqual((beyond["events"], beyond["more"], beyond["missed"], beyond["next"], beyond["last"]),
                         ([], False, True, last, last))
        follow = subprocess.Popen([LEMMY, "events", "--server", self.server.url, "--follow", "--after", str(int(last) + 100),
                                   "--output", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for end in (follow.stdout.close, follow.stderr.close, follow.wait, follow.kill):
            self.addCleanup(end)
        self.assertIn(f"end at {last}, before the cursor", follow.stderr.readline())
        self.deploy("bbbbbbb")
        seen = [json.loads(follow.stdout.readline()) for _ in range(3)]
        self.assertEqual([(e["number"], e["what"]) for e in seen], [(2, "queued"), (2, "started"), (2, "live")])

    def test_a_copy_of_the_store_has_the_feed(self):
        self.deploy("aaaaaaa")
        told = events(self.server)
        store = "sqlite:" + str(self.server.folder / "data" / "lemmy.db")
        self.server.end()
        folder = pathlib.Path(tempfile.mkdtemp(prefix="lemmy-events-"))
        self.addCleanup(shutil.rmtree, folder, True)
        code, _, err = run("store", "backup", store, folder / "b.gz")
        self.assertEqual(code, 0, err)
        code, _, err = run("store", "restore", folder / "b.gz", f"sqlite:{folder}/lemmy.db")
        self.assertEqual(code, 0, err)
        (before, out, _), (after, again, _) = run("store", "check", store), run("store", "check", f"sqlite:{folder}/lemmy.db")
        self.assertEqual((before, after), (0, 0))
        feed = [line for line in out.splitlines() if "feed" in line]
        self.assertEqual(feed, [line for line in again.splitlines() if "feed" in line])
        self.assertIn(str(len(told["events"])), feed[0].split(), out)
        code, out, err = run("store", "check", store, "--output", "json")
        said = json.loads(out)
        self.assertEqual((code, said["sound"], said["schema"]), (0, True, said["newest_schema"]), err)
        self.assertIn(len(told["events"]), [k["count"] for k in said["kinds"].values()])
        code, out, err = run("store", "check", f"sqlite:{folder}/none.db", "--output", "json")
        self.assertEqual((code, out, json.loads(err)["exit_code"]), (4, "", 4))


class LetGo(unittest.TestCase):
    def test_who_comes_late_is_told_that_events_are_gone_and_goes_on_at_the_end(self):
        server = Server()
        self.addCleanup(server.stop)
        path = server.config / "environments.yaml"
        path.write_text(path.read_text() + "\nretention: {every: 1s, feed_for: 1ms}\n")
        server.start()
        server.hook({"project": "hello-world", "sha": "abcdef01", "branch": "main"}, secret="")
        for _ in range(2):
            self.assertEqual(server.call("POST", STAGING + "/deploys", {"build": "abcdef01"}).status, 202)
        wait_until(lambda: server.get("/api/v1/store").json["forgotten"]["feed"] >= 2)
        wait_until(lambda: events(server)["events"] == [])
        late, new = events(server, "1"), events(server)
        self.assertEqual((late["events"], late["more"], late["missed"]), ([], False, True))
        self.assertEqual((late["next"], new["next"], new["missed"]), (late["last"], late["last"], False))
        self.assertFalse(events(server, late["next"])["missed"])
        code, _, err = server.cli("events", "--after", "1")
        self.assertEqual((code, "gone" in err), (0, True), err)
        code, out, err = server.cli("events", "--limit", "1")
        self.assertEqual((code, out, err), (0, "", ""))
        self.assertFalse(json.loads(server.cli("events", "--limit", "1", "--output", "json")[1])["missed"])
        self.assertTrue(list((server.folder / "data" / "lemmy.db.archive").glob("feed-*.jsonl.gz")))


class Rights(unittest.TestCase):
    def test_who_may_see_some_projects_is_told_of_these(self):
        server, tokens = secured()
        self.addCleanup(server.stop)
        self.assertEqual(server.get("/api/v1/events").status, 401)
        code, out, err = run("token", "add", "t-few", "--role", "viewer", "--project", "user-service", "--config", server.config)
        self.assertEqual(code, 0, err)
        server.hook({"project": "hello-world", "sha": "abcdef01", "branch": "main"}, secret=HOOK_SECRET)
        time.sleep(3)
        asked = server.call("POST", STAGING + "/deploys", {"build": "abcdef01"}, token=tokens["deployer"])
        self.assertEqual(asked.status, 202, asked.body)
        self.assertEqual(lines(events(server, token=tokens["admin"]))[0], (1, "queued"))
        few = wait_until(lambda: (a := server.get("/api/v1/events", token=out.strip())).status == 200 and a).json
        self.assertEqual(few["events"], [])
        self.assertNotEqual(few["next"], "0")


if __name__ == "__main__":
    unittest.main()
