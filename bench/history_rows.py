"""The rows of a long history, made up after what Lemmy wrote, and how they get into SQLite and into PostgreSQL."""
import hashlib
import json
import os
import sqlite3
import subprocess
from datetime import datetime, timedelta, timezone

from common import ROOT

ENVIRONMENTS = ["staging", "production"]
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


def build_hash(project, sha):
    """As src/store/sqlite/hashes.h says."""
    high, low = (int.from_bytes(hashlib.sha256(f"{project}\0{text}".encode()).digest()[:8], "big")
                 for text in (sha[:7], sha))
    bits = high >> 36 << 36 | low & (1 << 36) - 1
    return bits - (1 << 64) if bits >> 63 else bits


class Models:
    """What Lemmy wrote for one build and one deploy that went live."""

    def __init__(self, lemmy_database):
        db = sqlite3.connect(lemmy_database)
        one = lambda sql: json.loads(db.execute(sql).fetchone()[0])
        build, deploy = one("SELECT body FROM builds"), one("SELECT body FROM deploys")
        self.events = [json.loads(body) for body, in db.execute("SELECT body FROM events ORDER BY seq")]
        assert db.execute("SELECT hash FROM builds").fetchone()[0] == build_hash(build["project"], build["sha"])
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
            yield build_hash(project, sha), project, sha, millis(minute), history.models.build % {
                "project": project, "sha": sha, "first_pushed_at": at, "pushed_at": at}
    db.executemany("INSERT INTO builds (hash, project, sha, pushed_at, body) VALUES (?, ?, ?, ?, ?)", build_rows())
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
