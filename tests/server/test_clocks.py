"""Wall clocks that are set, and servers that are paused: deadlines, settling, retiring, retries and who serves do not
mind. Wall clocks are the servers' own (wall_clock.py); monotonic ones go on, as when a machine's clock is set.

Each scenario mostly waits, so all of them run at once; each has a server and projects of its own."""
import concurrent.futures
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from harness import ROOT, Server, wait_until
from wall_clock import DAY, HOUR, MINUTE, WallClock

BIN = os.environ.get("LEMMY_ANSIBLE_BIN", str(ROOT / "build/ansible-venv/bin"))
SIMULATED = ROOT / "build" / "simulated_cluster"
PAUSE = int(os.environ.get("LEMMY_PAUSE", "30"))  # seconds; ./test long pauses for a minute
TEMPLATE = """{"replicas": 2, "annotations": {{ config.vars | default({}) | tojson }},
 "containers": [{"name": "app", "image": "registry.example.com/app:{{ build.sha }}",
                 "resources": {"requests": {"cpu": "100m"}}}]}"""


class Machine:
    """A server whose wall clock is its own. environments: name to what environments.yaml says of it."""

    def __init__(self, kubeconfig, environments, *arguments):
        self.server = Server("--kubeconfig", str(kubeconfig), *arguments)
        self.clock = WallClock(self.server.folder)
        self.server.env |= self.clock.env
        (self.server.config / "environments.yaml").write_text(
            "environments:\n" + "".join(f"- {{name: {n}{more}}}\n" for n, more in environments.items()))
        self.environments = environments

    def project(self, name, yaml, **annotations):
        folder = self.server.config / "projects" / name
        folder.mkdir(exist_ok=True)
        (folder / "project.yaml").write_text(yaml)
        said = {"lemmy.test/" + key.replace("_", "-"): value for key, value in annotations.items()}
        (folder / "environments.json").write_text(json.dumps({e: {"vars": said} for e in self.environments}))
        (folder / "template.json.j2").write_text(TEMPLATE)

    def path(self, project, environment="staging", rest="deploys"):
        return f"/api/v1/projects/{project}/environments/{environment}/{rest}"

    def deploy(self, project, environment="staging"):
        sha = secrets.token_hex(20)
        told = self.server.hook({"project": project, "sha": sha, "branch": "main"}, secret="")
        assert told.status == 202, told.body
        asked = self.server.call("POST", self.path(project, environment), {"build": sha})
        assert asked.status == 202, asked.body
        return asked.json["number"]

    def status(self, project, number, environment="staging"):
        return self.server.get(self.path(project, environment, f"deploys/{number}")).json

    def phase(self, *of):
        return self.status(*of)["deploy"]["phase"]

    def presence(self, *of):
        return self.status(*of)["deploy"]["presence"]

    def phases(self, *of):
        return [e["phase"] for e in self.status(*of)["history"] if e["kind"] == "phase"]

    def serving(self, project, environment="staging"):
        found = self.server.get(self.path(project, environment)).json["deploys"]
        return next((d["number"] for d in found if d["serving"]), None)

    def becomes(self, phase, project, number, environment="staging", limit=60):
        """The deploy is in this phase; one that ended otherwise is told as it is."""
        def check():
            now = self.phase(project, number, environment)
            ends = ("live", "failed", "cancelled", "superseded")
            assert now == phase or now not in ends, \
                f"{now}, not {phase}: {json.dumps(self.status(project, number, environment)['history'], indent=1)}"
            return now == phase
        wait_until(check, limit, f"{project} #{number} does not become {phase}")


def simulated(folder):
    process = subprocess.Popen([SIMULATED, folder / "kubeconfig", "--namespaces", "staging,quick,slow"],
                               stdout=subprocess.PIPE, text=True)
    assert re.match(r"ready http", process.stdout.readline())
    return process


class Clocks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="lemmy-test-clocks-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.cluster = simulated(cls.folder)
        cls.addClassCleanup(cls.end_cluster)
        pool = concurrent.futures.ThreadPoolExecutor()
        cls.addClassCleanup(pool.shutdown)
        names = [n for n in dir(cls) if n.startswith("scenario_")]
        cls.running = {n.removeprefix("scenario_"): pool.submit(getattr(cls, n), cls()) for n in names}

    @classmethod
    def end_cluster(cls):
        cls.cluster.terminate()
        cls.cluster.wait(10)
        cls.cluster.stdout.close()

    def machine(self, environments, *arguments):
        return Machine(self.folder / "kubeconfig", environments, *arguments)

    def scenario_steps(self):
        m = self.machine({"staging": ", retire: {zero_after: 10m, keep: 5}", "quick": ", retire: {zero_after: 2s}"})
        try:
            m.project("steps", "settle: 2s\ndeadline: 30s\n", ready_after="2s")
            m.project("stuck", "settle: 2s\ndeadline: 6s\n", behaviour="never-ready")
            m.server.start()
            m.clock.set(DAY)  # its clock was a day ahead, and is put right later
            first = m.deploy("steps"), m.deploy("steps", "quick")
            m.becomes("live", "steps", first[0])
            m.becomes("live", "steps", first[1], "quick")
            live = first[0]
            for rolling_out, settling in ((2 * DAY, 0), (-DAY, DAY), (11 * MINUTE, -11 * MINUTE), (-DAY, -DAY)):
                number = m.deploy("steps")
                m.becomes("rolling_out", "steps", number)
                stuck = m.deploy("stuck")
                m.becomes("rolling_out", "stuck", stuck)
                self.assertEqual(m.serving("steps"), live)
                m.clock.set(rolling_out)
                m.becomes("settling", "steps", number)
                m.clock.set(settling)
                m.becomes("live", "steps", number)
                live = number
                self.assertEqual(m.serving("steps"), live, "the later one serves")
                m.becomes("failed", "stuck", stuck)
                self.assertEqual(m.presence("steps", live), "running")
            # A day before any of the others, by the clock.
            second = m.deploy("steps", "quick")
            m.becomes("live", "steps", second, "quick")
            self.assertEqual(m.serving("steps", "quick"), second)
            wait_until(lambda: m.presence("steps", first[1], "quick") == "zeroed", 30, "the one before is not retired")
            self.assertEqual(m.presence("steps", second, "quick"), "running")
            self.assertEqual([m.presence("steps", n) for n in range(1, live + 1)], ["running"] * live,
                             "ten minutes are not over")
            m.server.end()
            m.server.start()
            self.assertEqual((m.serving("steps"), m.serving("steps", "quick")), (live, second), "after a restart")
        finally:
            m.server.stop()

    def paused(self, project, yaml, phase, pause, **annotations):
        """A deploy whose server is paused in this phase."""
        m = self.machine({"staging": ""})
        self.stop_later(m)
        m.project(project, yaml, **annotations)
        m.server.start()
        number = m.deploy(project)
        m.becomes(phase, project, number)
        m.server.process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(pause)
        finally:
            m.server.process.send_signal(signal.SIGCONT)
        return m, number

    def stop_later(self, m):
        self.machines = getattr(self, "machines", []) + [m]

    def scenario_pause(self):
        """Longer than the deadline; its pods need longer than the pause."""
        try:
            m, number = self.paused("paused", "settle: 1s\ndeadline: 25s\n", "rolling_out", PAUSE, ready_after=f"{PAUSE + 3}s")
            m.becomes("live", "paused", number)
            self.assertEqual(m.phases("paused", number).count("rolling_out"), 1)
        finally:
            self.machines[0].server.stop()

    def scenario_pause_while_settling(self):
        """Its pods become ready and unready while nobody looks: it was not seen to be ready for so long."""
        try:
            m, number = self.paused("wavering", "settle: 10s\ndeadline: 25s\n", "settling", 14, ready_after="500ms",
                                    behaviour="oscillate", period="9s")
            wait_until(lambda: m.phase("wavering", number) in ("rolling_out", "failed", "live"), 30)
            self.assertNotIn("live", m.phases("wavering", number), m.status("wavering", number)["history"])
        finally:
            self.machines[0].server.stop()

    def later(self, project, seconds):
        m = self.machine({"staging": ""})
        try:
            m.project(project, "settle: 1s\ndeadline: 30s\n", ready_after="8s")
            m.server.start()
            before = m.deploy(project)
            m.becomes("live", project, before)
            number = m.deploy(project)
            m.becomes("rolling_out", project, number)
            m.server.end()
            m.clock.set(seconds)
            m.server.start()
            self.assertIn(m.phase(project, number), ("rolling_out", "settling"))
            self.assertEqual(m.serving(project), before)
            m.becomes("live", project, number)
            self.assertEqual(m.serving(project), number)
            self.assertEqual(m.phases(project, number).count("rolling_out"), 1)
        finally:
            m.server.stop()

    def scenario_an_hour_later(self):
        self.later("later", HOUR)

    def scenario_an_hour_earlier(self):
        self.later("earlier", -HOUR)

    def hosts(self, step):
        """A host that is not in the inventory yet is looked for again, whatever becomes of the clock."""
        if not os.path.exists(BIN + "/ansible-runner"):
            return "needs tools/ansible.sh"
        m = self.machine({"staging": ""}, "--ansible", BIN)
        try:
            config = m.server.config
            for folder in ("ansible/inventory", "ansible/playbooks"):
                (config / folder).mkdir(parents=True)
            m.project("boots", "deployer: ansible\nboot: newest\nplaybook: web.yml\n")
            (config / "ansible/playbooks/web.yml").write_text("- hosts: all\n  gather_facts: false\n  tasks:\n    - debug: {msg: here}\n")

            def inventory(*hosts):
                one = {"hosts": {h: {} for h in hosts}}
                (config / "ansible/inventory/hosts.json").write_text(json.dumps({"all": {
                    "vars": {"ansible_connection": "local"}, "hosts": one["hosts"],
                    "children": {"project_boots": one, "environment_staging": one}}}))

            inventory("one")
            m.server.start()
            told = m.server.hook({"project": "boots", "sha": "a" * 40, "branch": "main"}, secret="")
            assert told.status == 202, told.body
            asked = m.server.call("POST", "/hooks/instance",
                                  {"project": "boots", "environment": "staging", "instance_id": "i-late"})
            assert asked.status == 202, asked.body
            instance = lambda: m.server.get(m.path("boots", rest="instances")).json["instances"][0]
            wait_until(lambda: instance()["state"] == "unknown", 40, "it is not looked for")
            m.clock.set(step)
            again = wait_until(lambda: (i := instance())["tries"] >= 2 and i, 30, f"not tried again: {instance()}")
            self.assertIsNotNone(again["next_try"], again["why"])
            inventory("one", "i-late")
            over = wait_until(lambda: (i := instance())["state"] in ("converged", "failed") and i, 60,
                              "not found though it is in the inventory now")
            self.assertEqual(over["state"], "converged", over)
        finally:
            m.server.stop()
        return None

    def scenario_hosts_a_day_later(self):
        return self.hosts(DAY)

    def scenario_hosts_a_day_earlier(self):
        return self.hosts(-DAY)

    def ended(self, name):
        if why := self.running[name].result():
            self.skipTest(why)

    def test_steps_of_a_day_while_deploys_roll_out_settle_and_retire(self):
        self.ended("steps")

    def test_a_pause_longer_than_the_deadline(self):
        self.ended("pause")

    def test_a_pause_while_a_deploy_settles_is_no_time_in_which_it_was_ready(self):
        self.ended("pause_while_settling")

    def test_a_start_an_hour_later(self):
        self.ended("an_hour_later")

    def test_a_start_an_hour_earlier_by_the_clock(self):
        self.ended("an_hour_earlier")

    def test_a_host_is_looked_for_again_though_the_clock_goes_a_day_ahead(self):
        self.ended("hosts_a_day_later")

    def test_a_host_is_looked_for_again_though_the_clock_goes_back_a_day(self):
        self.ended("hosts_a_day_earlier")


if __name__ == "__main__":
    unittest.main()
