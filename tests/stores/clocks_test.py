"""Servers on one store whose wall clocks are an hour apart, either way: who takes over goes on with what it finds."""
import concurrent.futures
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/server"))
sys.path.insert(0, str(ROOT / "tests/kubernetes"))
from harness import Config, Lemmy, new_sha, wait_for  # noqa: E402
from wall_clock import HOUR, WallClock  # noqa: E402
import backends  # noqa: E402

TEMPLATE = """{"replicas": 2, "annotations": {"lemmy.test/ready-after": "10s"},
 "containers": [{"name": "app", "image": "registry.example.com/app:{{ build.sha }}",
                 "resources": {"requests": {"cpu": "100m"}}}]}"""


class Clocks(backends.OnStore, unittest.TestCase):
    backend = backends.Postgres

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster = backends.Cluster(cls.work, ["staging"], 0.5)
        cls.addClassCleanup(cls.cluster.stop)
        pool = concurrent.futures.ThreadPoolExecutor()  # they mostly wait
        cls.addClassCleanup(pool.shutdown)
        cls.running = {hours: pool.submit(cls().take_over, f"off-{number}", hours * HOUR)
                       for number, hours in enumerate((1, -1))}

    def take_over(self, project, off):
        place, folder, servers = self.store.fresh(), self.work / project, []
        config = Config(folder / "config")
        config.environments("environments:\n- {name: staging, retire: {zero_after: 10m, keep: 5}}\n")
        config.project(project, {"staging": {}}, yaml="settle: 1s\ndeadline: 30s\n", template=TEMPLATE)

        def server(seconds):
            clock = WallClock(folder, seconds)
            s = Lemmy(config.dir, folder / f"data{len(servers)}", self.cluster.kubeconfig, *self.store.arguments(place),
                      env=clock.env)
            s.start()
            servers.append(s)
            return s

        def deploy(s):
            sha = new_sha()
            s.announce(project, sha)
            return s.deploy(project, "staging", sha)

        def serving(s):
            status, found = s.call("GET", s.deploys_path(project, "staging"))
            self.assertEqual(status, 200, found)
            return [d["number"] for d in found["deploys"] if d["serving"]]

        def presence(s, number):
            return s.status(project, "staging", number)["deploy"]["presence"]

        try:
            a = server(0)
            wait_for("the first leads", a.leads, 15)
            first = deploy(a)
            a.wait_phase(project, "staging", first, "live", limit=40)
            b = server(off)
            second = deploy(a)
            a.wait_phase(project, "staging", second, "rolling_out", limit=20)
            a.kill()
            wait_for("the second leads", b.leads, 20)
            b.wait_phase(project, "staging", second, "rolling_out", "settling", "live", limit=5)
            b.wait_phase(project, "staging", second, "live", limit=40)
            phases = [e["phase"] for e in b.status(project, "staging", second)["history"] if e["kind"] == "phase"]
            self.assertEqual(phases, ["queued", "preparing", "applying", "rolling_out", "settling", "live"])
            self.assertEqual(serving(b), [second])
            third = deploy(b)
            b.wait_phase(project, "staging", third, "live", limit=40)
            # And back to one whose clock is right: by the clock the others went live at another time.
            c = server(0)
            b.kill()
            wait_for("the third leads", c.leads, 20)
            self.assertEqual(serving(c), [third])
            fourth = deploy(c)
            c.wait_phase(project, "staging", fourth, "live", limit=40)
            self.assertEqual(serving(c), [fourth])
            self.assertEqual([presence(c, n) for n in (first, second, third, fourth)], ["running"] * 4,
                             f"ten minutes are not over: {c.status(project, 'staging', first)['history'][-3:]}")
        finally:
            for s in servers:
                s.stop()
                s.log.close()

    def test_one_that_is_an_hour_ahead_takes_over(self):
        self.running[1].result()

    def test_one_that_is_an_hour_behind_takes_over(self):
        self.running[-1].result()


if __name__ == "__main__":
    unittest.main()
