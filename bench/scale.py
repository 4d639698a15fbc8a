#!/usr/bin/env python3
"""10,000 pods in 200 namespaces of the simulated API server, 200 viewers, then 50 deploys at once: how long the server's
loop is held up, and its memory, over time. Writes docs/scale.svg.

    bench/scale.py [PODS]        build/lemmy and build/simulated_cluster must be there; about two minutes

The loop's lag is what GET /healthz takes, asked every 50 ms on a kept connection, and Lemmy's own lemmy_loop_lag_seconds
where /metrics has it.
"""
import http.client
import re
import sys
import threading
import time

from common import (ROOT, TEMPLATE, Lemmy, SimulatedCluster, memory, percentile, processor_time, remove, summary, table,
                    wait_for, workdir, write_config)
from svg import chart
from viewers import Viewers

NAMESPACES, PROJECTS, VIEWERS, DEPLOYS = 200, 50, 200, 50
OLD, NEW = "0123456789abcdef", "fedcba9876543210"


class Samples(threading.Thread):
    """GET /healthz every 50 ms and RSS four times a second, until it is stopped."""

    def __init__(self, lemmy):
        super().__init__(daemon=True)
        self.lemmy, self.began, self.going = lemmy, time.monotonic(), True
        self.lag, self.memory = [], []
        self.start()

    def now(self):
        return time.monotonic() - self.began

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.lemmy.port, timeout=60)
        looked = -1.0
        while self.going:
            start = self.now()
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            self.lag.append((start, (self.now() - start) * 1000))
            if start - looked >= 0.25:
                looked = start
                self.memory.append((start, memory(self.lemmy.pid)[0]))
            time.sleep(max(0, 0.05 - (self.now() - start)))

    def stop(self):
        self.going = False
        self.join()

    def between(self, start, stop):
        return [v for t, v in self.lag if start <= t < stop]


def loop_lag(lemmy):
    """Lemmy's own figure: {seconds: how many were not above}; empty: this one has none."""
    text = lemmy.call("GET", "/metrics")[1]
    return {float(le): float(n) for le, n in
            re.findall(r'^lemmy_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)', text, re.M)}


def at_most(before, after, percent):
    """The bucket's bound that so many percent of what came since are not above, in ms."""
    came = {le: after[le] - before.get(le, 0) for le in sorted(after)}
    total = came.get(float("inf"), max(came.values()))
    return next(le for le, n in came.items() if n >= total * percent / 100) * 1000


def pods(lemmy):
    found = re.search(r"^lemmy_cluster_pods\{[^}]*\} (\d+)", lemmy.call("GET", "/metrics")[1], re.M)
    return int(found[1]) if found else 0


def main():
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    each, of_project = wanted // NAMESPACES, NAMESPACES // PROJECTS
    work = workdir()
    namespaces = [f"ns-{i:03}" for i in range(NAMESPACES)]
    targets = [(f"p{i // of_project:02}", name) for i, name in enumerate(namespaces)]
    projects = {}
    for project, name in targets:
        projects.setdefault(project, ({}, "settle: 1s\n", TEMPLATE))[0][name] = {"replicas": each}
    config = write_config(work, namespaces, projects)
    cluster = SimulatedCluster(work, namespaces)
    lemmy = Lemmy(work, config, cluster.kubeconfig)
    marks, viewers = [], Viewers()
    samples = Samples(lemmy)
    try:
        for project in projects:
            lemmy.announce(project, OLD)
        marks.append((samples.now(), f"{NAMESPACES} deploys of {each} pods"))
        numbers = {(p, n): lemmy.deploy(p, n, OLD) for p, n in targets}
        wait_for(f"{each * NAMESPACES} pods", lambda: pods(lemmy) >= each * NAMESPACES, 120, 0.5)
        for (project, name), number in numbers.items():
            lemmy.wait_live(project, name, number, 120)
        time.sleep(3)
        quiet = samples.now()
        time.sleep(5)

        watching = samples.now()
        marks.append((watching, f"{VIEWERS} viewers"))
        for i in range(VIEWERS):  # a quarter at what runs where, a quarter at projects, the rest at deploys
            project, name = targets[i % len(targets)]
            path = lemmy.deploys(project, name, f"/{numbers[project, name]}/events") if i % 4 == 3 else \
                "/live?page=" + [f"/projects/{project}/environments/{name}/deploys/{numbers[project, name]}",
                                 f"/projects/{project}", "/"][i % 4]
            viewers.add(lemmy.port, path, "viewer")
        viewers.until_quiet(2)
        busy, spent = samples.now(), processor_time(lemmy.pid)
        marks.append((busy, f"{DEPLOYS} deploys at once"))
        before, seen = loop_lag(lemmy), sum(v.events for v in viewers.all)
        asked, new = targets[::of_project][:DEPLOYS], {}
        for project, name in asked:
            lemmy.announce(project, NEW)
        for project, name in asked:
            new[project, name] = lemmy.deploy(project, name, NEW)
        left = set(asked)
        stop = time.monotonic() + 150
        while left:  # reading goes on, as browsers do
            for _ in range(20):
                viewers.read(0.05)
            for project, name in list(left):
                one = lemmy.json("GET", lemmy.deploys(project, name, f"/{new[project, name]}"))
                phase = one["deploy"]["phase"]
                if phase == "live":
                    left.discard((project, name))
                elif phase == "failed" or time.monotonic() > stop:
                    raise SystemExit(f"{project}/{name} is {phase}")
        live = samples.now()
        marks.append((live, "all live"))
        after, events = loop_lag(lemmy), sum(v.events for v in viewers.all) - seen
        viewers.until_quiet(1)
        spent = processor_time(lemmy.pid) - spent
        time.sleep(1)
    finally:
        samples.stop()
        viewers.close()
        lemmy.stop()
        cluster.stop()
        remove(work)

    rows = []
    for name, start, stop in (("the pods come", marks[0][0], quiet), ("quiet", quiet, watching),
                              (f"{VIEWERS} viewers come", watching, busy), (f"{DEPLOYS} deploys at once", busy, live)):
        lags = samples.between(start, stop)
        rss = [v for t, v in samples.memory if start <= t < stop]
        rows.append([name, f"{stop - start:.1f} s", f"{percentile(lags, 50):.1f} ms", f"{percentile(lags, 99):.1f} ms",
                     f"{max(lags):.0f} ms", f"{max(rss):.0f} MiB"])
    table([f"{each * NAMESPACES:,} pods, {NAMESPACES} namespaces", "for", "GET /healthz p50", "p99", "longest",
           "most RSS"], rows)
    print(f"\nWhile {DEPLOYS} deploys went live, {VIEWERS} viewers got {events:,} events, and Lemmy used {spent:.1f} s of "
          "processor time.")
    if after:
        print(f"lemmy_loop_lag_seconds then: 50 % at most {at_most(before, after, 50):g} ms, 99 % at most "
              f"{at_most(before, after, 99):g} ms.")
    seconds = samples.lag[-1][0]
    (ROOT / "docs/scale.svg").write_text(chart(
        [("GET /healthz, asked every 50 ms (ms)", "a", samples.lag), ("resident memory (MiB)", "b", samples.memory)],
        seconds, marks, f"{each * NAMESPACES:,} pods in {NAMESPACES} namespaces, {VIEWERS} viewers, {DEPLOYS} deploys"))
    busy_lag = samples.between(busy, live)
    summary(f"scale: GET /healthz p99 while {DEPLOYS} deploys run", f"{percentile(busy_lag, 99):.0f} ms", "", None)
    summary(f"scale: most memory with {each * NAMESPACES:,} pods and {VIEWERS} viewers",
            f"{max(v for _, v in samples.memory):.0f} MiB", "", None)


if __name__ == "__main__":
    main()
