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
import os
import random
import sys
import time

from common import (TEMPLATE, Lemmy, SimulatedCluster, memory, nowhere, percentile, processor_time, remove, summary,
                    table, workdir, write_config)
from history_rows import ENVIRONMENTS, History, Models, Postgres, fill_postgres, fill_sqlite

SHA = "0123456789abcdef0123456789abcdef01234567"
IDLE = 4  # seconds


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
