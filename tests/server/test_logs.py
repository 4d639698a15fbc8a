"""Commands that people look for when something is wrong: logs, what is failing, errors for programs."""
import json
import unittest

from harness import Server, wait_until
from test_playground import HAS_PLAYGROUND


@unittest.skipUnless(HAS_PLAYGROUND, "this build has no playground")
class Logs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(command="playground").start()
        for project, sha in (("hello-world", "aaaaaaa"), ("crashy", "bbbbbbb")):
            assert cls.server.hook({"project": project, "sha": sha, "branch": "main"}, secret="").status == 202
        code, _, err = cls.server.cli("deploy", "hello-world", "staging", "--build", "aaaaaaa", "--timeout", "50s")
        assert code == 0, err

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def test_the_log_of_what_serves_is_printed_pod_by_pod(self):
        code, out, err = self.server.cli("logs", "hello-world", "staging", "--lines", "3")
        self.assertEqual(code, 0, err)
        pods = [p["name"] for p in self.server.get(
            "/api/v1/projects/hello-world/environments/staging/deploys/1").json["pods"]]
        self.assertEqual(len(pods), 2)
        self.assertEqual({line.split()[0] for line in out.splitlines()}, set(pods))
        code, out, err = self.server.cli("logs", "hello-world", "staging", "1", "--pod", pods[0], "--lines", "2")
        self.assertEqual((code, len(out.splitlines())), (0, 2), out + err)
        self.assertIn(pods[0], err)

    def test_what_is_not_there_is_said_and_what_to_do(self):
        code, _, err = self.server.cli("logs", "hello-world", "production")
        self.assertEqual(code, 4)
        self.assertIn("nothing was deployed there yet", err)
        code, _, err = self.server.cli("logs", "hello-world", "staging", "1", "--pod", "nonesuch")
        self.assertEqual(code, 4, err)

    def test_only_what_fails_is_listed_when_asked_so(self):
        code, out, _ = self.server.cli("status", "hello-world", "--failing")
        self.assertEqual((code, out), (0, "nothing is failing\n"))
        out = self.server.cli("status", "hello-world", "--failing", "--output", "json")[1]
        self.assertEqual(json.loads(out)["project"]["targets"], [])
        code, _, _ = self.server.cli("deploy", "crashy", "staging", "--build", "bbbbbbb", "--timeout", "50s")
        self.assertEqual(code, 1)
        out = wait_until(lambda: (o := self.server.cli("status", "--failing")[1]) and "crashy" in o and o, 20)
        self.assertNotIn("hello-world", out)
        listed = json.loads(self.server.cli("status", "--failing", "--output", "json")[1])["projects"]
        self.assertIn("crashy", [p["name"] for p in listed])
        self.assertLessEqual({t["health"] for p in listed for t in p["targets"]}, {"bad", "unknown"})

    def test_errors_are_json_where_all_is(self):
        code, out, err = self.server.cli("status", "nonesuch", "--output", "json")
        self.assertEqual((code, out), (4, ""))
        said = json.loads(err)
        self.assertEqual((said["exit_code"], said["error"]["code"]), (4, "not_found"))
        code, _, err = self.server.cli("status", "--output", "json", env={"LEMMY_SERVER": "http://127.0.0.1:1"})
        self.assertEqual((code, json.loads(err)["error"]["code"]), (6, "unavailable"))
        code, _, err = self.server.cli("diff", "hello-world", "staging", "--config", "/nonesuch", "--output", "json")
        said = json.loads(err)
        self.assertEqual((code, said["error"]), (2, said["problems"][0]), err)

    def test_many_who_ask_for_readiness_cost_one_look_at_the_store(self):
        calls = lambda: sum(float(line.rsplit(" ", 1)[1]) for line in self.server.get("/metrics").body.decode().splitlines()
                            if line.startswith("lemmy_store_operation_seconds_count") and '"check"' in line)
        before = calls()
        for _ in range(50):
            self.assertEqual(self.server.get("/readyz").status, 200)
        self.assertLess(calls() - before, 25)


if __name__ == "__main__":
    unittest.main()
