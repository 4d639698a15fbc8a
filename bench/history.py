#!/usr/bin/env python3
"""Does a long history make pages slow? 1,000,000 builds and 100,000 deploys of 2,000 projects, beside an empty store
with the same projects, in SQLite and in PostgreSQL: the first page and a project's page.

    bench/history.py [BUILDS [DEPLOYS [PROJECTS]]]     build/lemmy, build/simulated_cluster and PostgreSQL must be there

The rows are copies of what Lemmy wrote for a build and a deploy of the bench's own. The cluster cannot be reached while
pages are measured, so that they show the store. Documents and the ledger are left out: these pages do not read them.
Beside the empty one there is a short history, the newest deploy of each target alone: what is more than that is the price
of the long one.
"""
import http.client
import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone

from common import (ROOT, TEMPLATE, Lemmy, SimulatedCluster, memory, nowhere, percentile, processor_time, remove, summary,
                    table, workdir, write_config)

ENVIRONMENTS = ["staging", "production"]
SHA = "0123456789abcdef0123456789abcdef01234567"
IDLE = 4  # seconds
PASSWORD = "pa%3Ass%40w%2Ford%3F"
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def time_text(minutes):
    return (START + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def millis(minutes):
    return int((START + timedelta(minutes=minutes)).timestamp() * 1000)


def pattern(model, fields):
    """The JSON text of `model` with places for % in the named fields, which may be texts or numbers."""
    marked = {k: f"@{k}@" if k in fields else v for k, v in model.items()}
    text = json.dumps(marked, separators=(",", ":"), ensure_ascii=False).replace("%", "%%")
    for field in fields:
        number = isinstance(model[field], int)
        text = text.replace(f'"@{field}@"', f"%({field})s" if number else f'"%({field})s"')
    return text


class Models:
    """What Lemmy wrote for one build and one deploy that went live."""

    def __init__(self, lemmy_database):
        db = sqlite3.connect(lemmy_database)
        one = lambda sql: json.loads(db.execute(sql).fetchone()[0])
        build, deploy = one("SELECT body FROM builds"), one("SELECT body FROM deploys")
        self.events = [json.loads(body) for body, in db.execute("SELECT body FROM events ORDER BY seq")]
        db.close()
        self.build_fields = build
        self.build = pattern(build, ["project", "sha", "first_pushed_at", "pushed_at"])
        deploy["follows"] = 0
        self.deploy = pattern(deploy, ["project", "environment", "number", "build", "presence", "wanted", "running",
                                       "created_at", "phase_at", "serving_since", "finished_at", "object_name", "follows"])
        self.revision = deploy["revision"]
        self.event = [pattern(e, ["project", "environment", "number", "at"]) for e in self.events]


class History:
    """The rows, as they are made up."""

    def __init__(self, models, builds, deploys, projects):
        self.models, self.projects = models, [f"p{i:04}" for i in range(projects)]
        self.each_builds, self.each_deploys = builds // projects, deploys // projects // len(ENVIRONMENTS)
        self.last_minute = self.each_builds * 60

    def sha(self, project, i):
        return f"{((project * 100003 + i + 1) * 0x9E3779B97F4A7C15) & (2**64 - 1):016x}" * 2 + f"{project:04x}{i:04x}"

    def builds(self):
        """(project, sha, minute)"""
        for number, project in enumerate(self.projects):
            for i in range(self.each_builds):
                yield project, self.sha(number, i), i * 60

    def deploys(self):
        """(project, environment, number, newest, body, [bodies of events])"""
        for p, project in enumerate(self.projects):
            for environment in ENVIRONMENTS:
                for number in range(1, self.each_deploys + 1):
                    newest = number == self.each_deploys
                    build = self.each_builds * number // self.each_deploys - 1
                    sha, at = self.sha(p, build), time_text(build * 60 + 5)
                    state = "running" if newest else "deleted"
                    values = {"project": project, "environment": environment, "number": number, "build": sha,
                              "presence": state, "wanted": state, "running": 2 if newest else 0, "created_at": at,
                              "phase_at": at, "serving_since": at, "finished_at": at, "at": at,
                              "object_name": f"{project}-{sha[:12]}-{number}", "follows": number - 1}
                    body = self.models.deploy % values
                    if number == 1:
                        body = body.replace('"follows":0', '"follows":null')
                    yield project, environment, number, newest, body, [e % values for e in self.models.event]


def fill_sqlite(file, history):
    db = sqlite3.connect(file, isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    db.execute("PRAGMA cache_size = -400000")
    db.execute("BEGIN")

    def build_rows():
        for project, sha, minute in history.builds():
            at = time_text(minute)
            yield project, sha, millis(minute), history.models.build % {
                "project": project, "sha": sha, "first_pushed_at": at, "pushed_at": at}
    db.executemany("INSERT INTO builds VALUES (?, ?, ?, ?)", build_rows())
    events = []

    def deploy_rows():
        for project, environment, number, newest, body, bodies in history.deploys():
            events.extend((project, environment, number, e) for e in bodies)
            yield project, environment, number, history.models.revision, int(newest), "", body
    db.executemany("INSERT INTO deploys VALUES (?, ?, ?, ?, ?, ?, ?)", deploy_rows())
    db.executemany("INSERT INTO events (project, environment, number, body) VALUES (?, ?, ?, ?)", events)
    db.executemany("INSERT INTO targets VALUES (?, ?, ?)", ((p, e, history.each_deploys) for p in history.projects
                                                             for e in ENVIRONMENTS))
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


class Postgres:
    def __init__(self, folder):
        self.folder = folder
        self.script = ROOT / "tests/stores/postgres.sh"
        subprocess.run([self.script, "start", folder, str(os.getpid())], check=True)
        self.port = (folder / "port").read_text().strip()
        self.psql("postgres", "CREATE DATABASE empty OWNER lemmy")

    def psql(self, database, command, rows=None):
        """Runs it; `rows` are the lines of a COPY."""
        process = subprocess.Popen(
            ["psql", "-q", "-h", self.folder, "-p", self.port, "-U", "lemmy_admin", "-d", database, "-v",
             "ON_ERROR_STOP=1", "-c", command], stdin=subprocess.PIPE)
        lines = []
        for row in rows or ():
            lines.append("\t".join(str(v).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n") for v in row))
            if len(lines) == 5000:
                process.stdin.write(("\n".join(lines) + "\n").encode())
                lines.clear()
        if lines:
            process.stdin.write(("\n".join(lines) + "\n").encode())
        process.stdin.close()
        if process.wait():
            raise SystemExit(f"psql failed: {command}")

    def url(self, database):
        return f"postgres://lemmy:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def stop(self):
        subprocess.run([self.script, "stop", self.folder], check=False)


def fill_postgres(server, history):
    build = history.models.build_fields
    server.psql("lemmy", "COPY lemmy_builds FROM STDIN", (
        (project, sha, build["branch"], build["image"], build["url"], build["author"],
         "\\x" + build["message"].encode().hex(), millis(minute), millis(minute))
        for project, sha, minute in history.builds()))
    events = []

    def deploys():
        for project, environment, number, newest, body, bodies in history.deploys():
            events.extend((project, environment, number, e) for e in bodies)
            yield project, environment, number, history.models.revision, "t" if newest else "f", "", body
    server.psql("lemmy", "COPY lemmy_deploys FROM STDIN", deploys())
    server.psql("lemmy", "COPY lemmy_events (project, environment, number, body) FROM STDIN", events)
    server.psql("lemmy", "COPY lemmy_targets FROM STDIN", ((p, e, history.each_deploys) for p in history.projects
                                                           for e in ENVIRONMENTS))
    server.psql("lemmy", "ANALYZE")


def models(work, config):
    """One build and one deploy as Lemmy writes them, on a simulated cluster."""
    cluster = SimulatedCluster(work, ENVIRONMENTS)
    folder = work / "model"
    folder.mkdir()
    lemmy = Lemmy(folder, config, cluster.kubeconfig)
    try:
        lemmy.announce("p0000", SHA, image="registry.example.com/p0000@sha256:" + "0123456789abcdef" * 4,
                       url="https://ci.example.com/jobs/p0000/1", author="ann@example.com",
                       message="Answer faster when the cache is cold (#1)")
        lemmy.wait_live("p0000", "staging", lemmy.deploy("p0000", "staging", SHA))
    finally:
        lemmy.stop()
        cluster.stop()
    return Models(folder / "data/lemmy.db")


class Subject:
    """A Lemmy on one of the stores."""

    def __init__(self, work, name, config, *more):
        folder = work / name.replace(" ", "-")
        folder.mkdir(exist_ok=True)
        start = time.monotonic()
        self.lemmy = Lemmy(folder, config, nowhere(work), *more)
        self.started = time.monotonic() - start
        self.name, self.took, self.spent = name, {"first page": [], "project": []}, {}
        self.connection = http.client.HTTPConnection("127.0.0.1", self.lemmy.port, timeout=60)
        self.bytes = {}

    def get(self, kind, path):
        start = time.monotonic()
        self.connection.request("GET", path)
        answer = self.connection.getresponse()
        text = answer.read()
        self.took[kind].append((time.monotonic() - start) * 1000)
        if answer.status != 200:
            raise SystemExit(f"{self.name} {path}: {answer.status} {text[:300]}")
        self.bytes[kind] = len(text)


def main():
    builds, deploys, projects = (int(sys.argv[i]) if len(sys.argv) > i else n
                                 for i, n in ((1, 1_000_000), (2, 100_000), (3, 2_000)))
    work = workdir()
    work.chmod(0o755)  # PostgreSQL runs as a user of its own
    values = {e: {"replicas": 2} for e in ENVIRONMENTS}
    config = write_config(work, ENVIRONMENTS, {f"p{i:04}": (values, "settle: 1s\n", TEMPLATE) for i in range(projects)})
    subjects, postgres = [], None
    try:
        history = History(models(work, config), builds, deploys, projects)
        postgres = Postgres(work / "postgres")
        # They make their tables; then those with a history start anew on it.
        for name, *more in (("SQLite, short",), ("SQLite, full",),
                            ("PostgreSQL, full", "--store", postgres.url("lemmy"))):
            Subject(work, name, config, *more).lemmy.stop()
        short = History(history.models, projects * 20, projects * len(ENVIRONMENTS), projects)
        fill_sqlite(work / "SQLite,-short/data/lemmy.db", short)
        start = time.monotonic()
        fill_sqlite(work / "SQLite,-full/data/lemmy.db", history)
        middle = time.monotonic()
        fill_postgres(postgres, history)
        filled = (middle - start, time.monotonic() - middle)
        subjects = [Subject(work, "SQLite, empty", config), Subject(work, "SQLite, short", config),
                    Subject(work, "SQLite, full", config),
                    Subject(work, "PostgreSQL, empty", config, "--store", postgres.url("empty")),
                    Subject(work, "PostgreSQL, full", config, "--store", postgres.url("lemmy"))]
        chosen = random.Random(1)
        # What they do without anybody asking is not a page's.
        idle = {s: -processor_time(s.lemmy.pid) for s in subjects}
        time.sleep(IDLE)
        idle = {s: (before + processor_time(s.lemmy.pid)) / IDLE for s, before in idle.items()}
        for subject in subjects:  # warm
            subject.get("first page", "/")
            subject.get("project", "/projects/p0000")
            subject.took = {kind: [] for kind in subject.took}
        for kind, seconds, path in (("first page", 40, lambda: "/"),
                                    ("project", 15, lambda: f"/projects/{chosen.choice(history.projects)}")):
            before, start = [processor_time(s.lemmy.pid) for s in subjects], time.monotonic()
            while len(subjects[0].took[kind]) < (10 if time.monotonic() > start + seconds else 300):
                at = path()
                for subject in subjects:
                    subject.get(kind, at)
            for subject, spent in zip(subjects, before):
                spent = processor_time(subject.lemmy.pid) - spent - idle[subject] * (time.monotonic() - start)
                subject.spent[kind] = spent / len(subject.took[kind]) * 1000
        rss = {s.name: memory(s.lemmy.pid)[0] for s in subjects}
        size = os.path.getsize(work / "SQLite,-full/data/lemmy.db") / 2**20
    finally:
        for subject in subjects:
            subject.lemmy.stop()
        if postgres:
            postgres.stop()
        remove(work)

    empty = {s.name: subjects[0] if s.name.startswith("SQLite") else subjects[3] for s in subjects}
    rows = []
    for kind in ("first page", "project"):
        for s in subjects:
            p50, p99 = (percentile(s.took[kind], p) for p in (50, 99))
            base = empty[s.name].took[kind]
            rows.append([kind, s.name, f"{p50:.1f} ms", f"{p99:.1f} ms",
                         f"{p50 / percentile(base, 50):.2f}, {p99 / percentile(base, 99):.2f}",
                         f"{s.spent[kind]:.1f} ms", f"{s.bytes[kind] / 1024:,.0f} KiB", len(s.took[kind])])
    table([f"{projects:,} projects", "store", "p50", "p99", "beside empty: p50, p99", "processor time", "page", "asked"],
          rows)
    print()
    table(["store", "Lemmy's start", "RSS", "idle, of a core"],
          [[s.name, f"{s.started * 1000:,.0f} ms", f"{rss[s.name]:.0f} MiB", f"{idle[s] * 100:.1f} %"] for s in subjects])
    print(f"\nFull: {builds:,} builds and {deploys:,} deploys, filled in {filled[0]:.0f} s and {filled[1]:.0f} s; the "
          f"SQLite file has {size:,.0f} MiB. Short: 20 builds of each project, one deploy of each target.")
    for kind in ("first page", "project"):
        for s in (subjects[2], subjects[4]):
            p99 = percentile(s.took[kind], 99)
            ratio = p99 / percentile(empty[s.name].took[kind], 99)
            summary(f"history: {kind}, p99, {s.name}", f"{p99:.1f} ms, {ratio:.2f}x of empty", "20 ms, 1.5x",
                    p99 <= 20 and ratio <= 1.5)


if __name__ == "__main__":
    main()
