"""/metrics, the dashboard, the alerts and the log, checked with the real Prometheus and its promtool."""
import json
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

from harness import Server, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPERATIONS = ROOT / "docs" / "operations"
ALERTS = OPERATIONS / "alerts.yaml"
NAME = re.compile(r"\b(?:lemmy|process)_[a-z0-9_]+")
PROMETHEUS = shutil.which("prometheus") and shutil.which("promtool")
FIELDS = ("project", "environment", "build", "deploy")


def promtool(*arguments, stdin=None):
    done = subprocess.run(["promtool", *map(str, arguments)], input=stdin, text=True, capture_output=True, timeout=300,
                          check=False)
    return done.returncode, done.stdout + done.stderr


def families(text):
    """The metrics of an exposition: {name: type}."""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, flags=re.M))


def family(name, known):
    """lemmy_x_seconds_bucket is of lemmy_x_seconds."""
    short = re.sub(r"_(bucket|sum|count)$", "", name)
    return short if known.get(short) == "histogram" else name


def dashboard():
    return json.loads((OPERATIONS / "grafana-dashboard.json").read_text(encoding="utf-8"))


def panels():
    return [p for p in dashboard()["panels"] if p["type"] != "row"]


def queries():
    """Every query of the dashboard as Grafana would send it."""
    for panel in panels():
        for target in panel["targets"]:
            yield re.sub(r"\$(job|instance|environment)\b", ".*", target["expr"].replace("$__rate_interval", "1m"))


class Worked(unittest.TestCase):
    """A playground that took builds and deployed them."""

    @classmethod
    def setUpClass(cls):
        cls.server = Server(command="playground").start()
        cls.addClassCleanup(cls.server.stop)
        for project, sha in (("hello-world", "aaaaaaa"), ("hello-world", "bbbbbbb"), ("crashy", "aaaaaaa")):
            for _ in range(2):  # the second one is a duplicate
                answer = cls.server.hook({"project": project, "sha": sha, "branch": "main"}, secret="")
                assert answer.status == 202, answer.body
        cls.server.hook("{", secret="")
        cls.deploys = [cls.server.cli("deploy", *what, "--timeout", "50s") for what in (
            ("hello-world", "staging", "--build", "aaaaaaa"), ("crashy", "staging", "--build", "aaaaaaa"))]
        cls.server.get("/no/such/path-" + "x" * 20)
        # The store is measured in the background.
        wait_until(lambda: "\nlemmy_store_items{" in cls.server.get("/metrics").body.decode(), 40)
        cls.text = cls.server.get("/metrics").body.decode()
        cls.known = families(cls.text)

    def value(self, series):
        found = re.search("^" + re.escape(series) + r" (\S+)$", self.text, flags=re.M)
        self.assertTrue(found, series)
        return float(found[1])

    def test_the_work_shows_in_the_metrics(self):
        self.assertEqual([d[0] for d in self.deploys], [0, 1], self.deploys)
        for series, least in (
                ('lemmy_hook_calls_total{hook="build",verdict="accepted"}', 3),
                ('lemmy_hook_calls_total{hook="build",verdict="duplicate"}', 3),
                ('lemmy_hook_calls_total{hook="build",verdict="refused"}', 1),
                ('lemmy_deploys_finished_total{environment="staging",verdict="live"}', 1),
                ('lemmy_deploys_finished_total{environment="staging",verdict="failed"}', 1),
                ('lemmy_deploy_duration_seconds_count{verdict="live"}', 1),
                ('lemmy_deploy_phase_seconds_count{phase="queued"}', 2),
                ('lemmy_deploy_phase_seconds_count{phase="rolling_out"}', 2),
                ('lemmy_http_request_duration_seconds_count{method="POST",route="/hooks/build",status="2xx"}', 6),
                ('lemmy_http_request_duration_seconds_count{method="other",route="none",status="4xx"}', 1),
                ('lemmy_store_operation_seconds_count{op="accept",outcome="ok"}', 6),
                ('lemmy_store_operation_seconds_count{op="write_all",outcome="ok"}', 2),
                ("lemmy_loop_lag_seconds_count", 1), ("lemmy_leader", 1), ("lemmy_store_up", 1),
                ("process_resident_memory_bytes", 1e6), ("process_open_fds", 3)):
            self.assertGreaterEqual(self.value(series), least, series)
        for series in ("lemmy_metrics_dropped_total", 'lemmy_hook_calls_total{hook="build",verdict="failed"}',
                       'lemmy_deploys{phase="rolling_out"}'):
            self.assertEqual(self.value(series), 0, series)
        heard = re.findall(r"^lemmy_watch_last_event_timestamp_seconds\{.*\} (\S+)$", self.text, flags=re.M)
        self.assertGreaterEqual(len(heard), 4)
        for at in heard:
            self.assertLess(abs(time.time() - float(at)), 600)

    def test_no_callers_words_are_labels(self):
        self.assertNotIn("no/such/path", self.text)
        for word in ("aaaaaaa", "crashy", "hello-world"):
            self.assertNotIn(word, self.text)

    def test_a_viewer_is_counted_while_it_watches(self):
        with socket.create_connection(("127.0.0.1", self.server.port), timeout=10) as viewer:
            viewer.sendall(b"GET /api/v1/projects/hello-world/environments/staging/deploys/1/events HTTP/1.1\r\n"
                           b"Host: 127.0.0.1\r\n\r\n")
            self.assertIn(b"text/event-stream", viewer.recv(4096))
            self.wait_for(r"^lemmy_stream_viewers 1$")
        self.wait_for(r"^lemmy_stream_viewers 0$")

    def wait_for(self, pattern):
        wait_until(lambda: re.search(pattern, self.server.get("/metrics").body.decode(), flags=re.M), 40,
                   f"{pattern} did not come")

    def test_dashboard_and_alerts_name_only_metrics_that_are_there(self):
        alerts = ALERTS.read_text(encoding="utf-8")
        expressions = re.sub(r"^.*(summary|description|action): .*$", "", alerts, flags=re.M)
        variables = [v["definition"] for v in dashboard()["templating"]["list"] if v["type"] == "query"]
        for text in (expressions, *queries(), *variables):
            for name in NAME.findall(text):
                self.assertIn(family(name, self.known), self.known, text)

    def test_every_metric_is_in_the_docs_and_no_other(self):
        page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
        rows = set(re.findall(r"^\| `((?:lemmy|process)_[a-z0-9_]+)", page, flags=re.M))
        self.assertEqual(rows, set(self.known))
        for alert in re.findall(r"- alert: (\w+)", ALERTS.read_text(encoding="utf-8")):
            self.assertIn(alert, page)

    def test_log_lines_of_a_deploy_name_project_environment_build_and_deploy(self):
        lines = [json.loads(line) for line in list(self.server.log)]
        for line in lines:
            self.assertLessEqual({"time", "level", "event"}, set(line), line)
            if "deploy" in line:
                self.assertLessEqual(set(FIELDS), set(line), line)
        ours = [x for x in lines if (x.get("project"), x.get("environment"), x.get("build"), x.get("deploy")) ==
                ("hello-world", "staging", "aaaaaaa", "1")]
        phases = [x["phase"] for x in ours]
        self.assertEqual([p for i, p in enumerate(phases) if i == 0 or phases[i - 1] != p],
                         ["queued", "preparing", "applying", "rolling_out", "settling", "live"], ours)
        failed = [x for x in lines if x.get("project") == "crashy" and x.get("phase") == "failed"]
        self.assertEqual([(x["deploy"], x["event"].split(":")[0]) for x in failed],
                         [("1", "container app"),
                          ("1", "those of its pods that are ready go on getting requests")], failed)
        builds = [(x["project"], x["build"]) for x in lines if x["event"] == "build accepted"]
        self.assertIn(("crashy", "aaaaaaa"), builds)
        refused = [x for x in lines if x["event"] == "hook refused"]
        self.assertTrue(refused and refused[0]["what"], refused)

    @unittest.skipUnless(PROMETHEUS, "Prometheus is not installed: tools/install.sh test")
    def test_promtool_finds_nothing_to_say_about_the_metrics(self):
        self.assertEqual(promtool("check", "metrics", stdin=self.text), (0, ""))

    @unittest.skipUnless(PROMETHEUS, "Prometheus is not installed: tools/install.sh test")
    def test_a_real_prometheus_scrapes_and_answers_every_query(self):
        with Prometheus(self.server.port) as prometheus:
            self.assertEqual(prometheus.query("up")[0]["value"][1], "1")
            info, = prometheus.query("lemmy_build_info")
            self.assertRegex(info["metric"]["version"], r"^\d+\.\d+\.\d+$")
            live, = prometheus.query('lemmy_deploys_finished_total{environment="staging",verdict="live"}')
            self.assertEqual(live["value"][1], str(int(self.value(
                'lemmy_deploys_finished_total{environment="staging",verdict="live"}'))))
            empty = [q for q in queries() if not prometheus.query(q)]
            # Quantiles and rates of what did not happen meanwhile are empty.
            self.assertFalse([q for q in empty if "rate(" not in q], empty)
            rules = [r for g in prometheus.get("/api/v1/rules")["groups"] for r in g["rules"]]
            names = re.findall(r"- alert: (\w+)", ALERTS.read_text(encoding="utf-8"))
            self.assertEqual({r["name"] for r in rules}, set(names))
            self.assertEqual([r for r in rules if r["health"] != "ok"], [])
            firing = {r["name"] for r in rules if r["state"] == "firing"}
            self.assertEqual(firing, set())


@unittest.skipUnless(PROMETHEUS, "Prometheus is not installed: tools/install.sh test")
class Rules(unittest.TestCase):
    def test_the_rules_are_good_and_fire_when_they_should(self):
        code, out = promtool("check", "rules", "--lint-fatal", ALERTS)
        self.assertEqual(code, 0, out)
        code, out = promtool("test", "rules", ROOT / "tests/server/alerts_test.yaml")
        self.assertEqual(code, 0, out)

    def test_each_alert_is_tested_both_ways_and_says_what_to_do(self):
        text = ALERTS.read_text(encoding="utf-8")
        tests = (ROOT / "tests/server/alerts_test.yaml").read_text(encoding="utf-8")
        for block in re.split(r"^      - alert: ", text, flags=re.M)[1:]:
            name = block.split("\n", 1)[0]
            asks = re.findall(r'alertname="' + name + r'", alertstate="firing".*exp_samples: (\[.*\])\}', tests)
            self.assertTrue("[]" in asks and any(a != "[]" for a in asks), name)
            for key in ("severity", "summary", "description", "action"):
                self.assertIn(key + ":", block, name)


class Dashboard(unittest.TestCase):
    def test_it_is_what_grafana_reads(self):
        board = dashboard()
        self.assertEqual((board["uid"], board["schemaVersion"]), ("lemmy", 39))
        self.assertEqual([p["title"] for p in board["panels"] if p["type"] == "row"],
                         ["Intake", "Deploys", "Clusters", "Store", "Server"])
        ids = [p["id"] for p in board["panels"]]
        self.assertEqual(len(ids), len(set(ids)))
        taken = set()
        for panel in board["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            self.assertFalse(cells & taken, panel["title"])
            self.assertLessEqual(at["x"] + at["w"], 24, panel["title"])
            taken |= cells
        variables = {v["name"]: v["type"] for v in board["templating"]["list"]}
        self.assertEqual(variables["datasource"], "datasource")
        for panel in panels():
            self.assertIn(panel["type"], ("timeseries", "stat"))
            self.assertEqual(panel["datasource"], {"type": "prometheus", "uid": "${datasource}"}, panel["title"])
            refs = [t["refId"] for t in panel["targets"]]
            self.assertEqual(len(refs), len(set(refs)), panel["title"])
            for target in panel["targets"]:
                for variable in re.findall(r"\$(\w+)", target["expr"]):
                    self.assertIn(variable, set(variables) | {"__rate_interval"}, target["expr"])


class Prometheus:
    """A real one that scrapes a server each second, with a folder of its own."""

    def __init__(self, port):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lemmy-prometheus-"))
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % s.getsockname()[1]
        (self.folder / "prometheus.yml").write_text(json.dumps({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(ALERTS)],
            "scrape_configs": [{"job_name": "lemmy", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}]}))
        self.log = open(self.folder / "log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/data",
             f"--web.listen-address={self.address}"], stdout=self.log, stderr=self.log)

    def __enter__(self):
        deadline = time.time() + 60
        try:
            while time.time() < deadline:
                try:
                    # Some scrapes, so that there are rates, and one round of the rules.
                    scrapes = self.query('count_over_time(up{job="lemmy"}[1m])')
                    rules = [r for g in self.get("/api/v1/rules")["groups"] for r in g["rules"]]
                    if scrapes and float(scrapes[0]["value"][1]) >= 4 and all(r["health"] != "unknown" for r in rules):
                        return self
                except OSError:
                    pass
                if self.process.poll() is not None:
                    break
                time.sleep(0.2)
            self.log.seek(0)
            raise AssertionError("Prometheus did not scrape:\n" + self.log.read())
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def get(self, path):
        try:
            with urllib.request.urlopen(f"http://{self.address}{path}", timeout=20) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            if error.code == 503:  # it starts
                raise
            raise AssertionError(f"{path}: {error.read().decode()}") from error

    def query(self, text):
        return self.get("/api/v1/query?" + urllib.parse.urlencode({"query": text}))["result"]


if __name__ == "__main__":
    unittest.main()
