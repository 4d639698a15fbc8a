#!/usr/bin/env python3
"""From a pod's change on the API server to the event at 200 viewers, with 1,000 pods on the simulated cluster.

    bench/live.py [CHANGES]     build/lemmy and build/simulated_cluster must be there
    LEMMY_BEFORE=FILE bench/live.py     the same of an earlier lemmy, by turns: a change here, a change there

A change is the deletion of a pod, which shows it as Terminating. The clock starts before the API server is asked to, and
stops when the whole event has arrived at the viewer's socket, by the kernel's clock.
"""
import json
import os
import sys
import time
import urllib.parse

from common import (LEMMY, TEMPLATE, Lemmy, SimulatedCluster, api_connection, percentile, processor_time, remove, summary, table,
                    workdir, write_config)
from viewers import Viewers

PROJECTS, PODS, VIEWERS = 20, 50, 200
SHA = "0123456789abcdef"
# So that a pod is still there, as Terminating, when it is shown, and the one in its place is not ready at once: 8 and 14 s at the
# cluster's pace of 0.05.
SLOW_END = TEMPLATE.replace('"annotations": {', '"annotations": {"lemmy.test/terminate-after": "8s", "lemmy.test/ready-after": "14s", ')


def prepare(lemmy):
    """Deploys all; gives {project: number}."""
    numbers = {}
    for i in range(PROJECTS):
        lemmy.announce(f"p{i:02}", SHA)
        numbers[f"p{i:02}"] = lemmy.deploy(f"p{i:02}", "staging", SHA)
    for project, number in numbers.items():
        lemmy.wait_live(project, "staging", number)
    return numbers


class World:
    """A server with a cluster of its own, all deployed."""

    def __init__(self, name, program, old):
        self.name, self.old, self.work = name, old, workdir()
        config = write_config(self.work, ["staging"], {f"p{i:02}": ({"staging": {"replicas": PODS}}, "settle: 1s\n", SLOW_END)
                                                       for i in range(PROJECTS)})
        self.cluster = SimulatedCluster(self.work, ["staging"])
        self.lemmy = Lemmy(self.work, config, self.cluster.kubeconfig, program=program)
        self.numbers = prepare(self.lemmy)
        self.api = api_connection(self.cluster.kubeconfig)

    def page(self, path):
        """Where its changes come."""
        return path.rstrip("/") + "/live" if self.old else "/live?page=" + urllib.parse.quote(path, safe="")

    def deploy_page(self, project):
        return self.page(f"/projects/{project}/environments/staging/deploys/{self.numbers[project]}")

    def deploy_events(self, project):
        return self.lemmy.deploys(project, "staging", f"/{self.numbers[project]}/events")

    def stop(self):
        self.lemmy.stop()
        self.cluster.stop()
        remove(self.work)


class Scene:
    """Viewers, and the projects whose pods change."""

    def __init__(self, name, world, paths, projects):
        self.name, self.world, self.projects, self.viewers = name, world, projects, Viewers()
        for path, project in paths:
            viewer = self.viewers.add(world.lemmy.port, path, "API" if path.startswith("/api/") else "pages")
            viewer.project = project  # empty: of all
        self.took, self.bytes, self.stale, self.unseen, self.spent, self.changes = {}, {}, 0, 0, 0.0, 0

    def change(self, project):
        # What is shown at most once a second must rest for longer.
        self.viewers.until_quiet(1.3)
        api = self.world.api
        pods = json.loads(ask(api, "GET", f"/api/v1/namespaces/staging/pods?limit=100&labelSelector=project%3D{project}"))
        pod = next(p["metadata"]["name"] for p in pods["items"] if "deletionTimestamp" not in p["metadata"])
        waiting = {v for v in self.viewers.all if v.project in ("", project)}
        before, began = processor_time(self.world.lemmy.pid), time.time()
        ask(api, "DELETE", f"/api/v1/namespaces/staging/pods/{pod}")
        stop = time.monotonic() + (10 if any(v.project for v in waiting) else 3)
        while waiting and time.monotonic() < stop:
            for viewer, at, event, size in self.viewers.read(0.2):
                if viewer not in waiting or at < began:
                    continue
                # The home page has no names of pods: there one that was ready is missing.
                if viewer.project and (pod.encode() not in event or b"Terminating" not in event):
                    self.stale += 1
                    continue
                waiting.discard(viewer)
                self.took.setdefault(viewer.kind, []).append((at - began) * 1000)
                self.bytes.setdefault(viewer.kind, []).append(size)
        if any(v.project for v in waiting):
            raise SystemExit(f"{self.name}, {self.world.name}: {len(waiting)} viewers were not told that {pod} ends")
        # The first page, once a second, does not show what was made good within that second.
        self.unseen += bool(waiting)
        self.viewers.until_quiet(0.5)
        self.spent += processor_time(self.world.lemmy.pid) - before
        self.changes += 1

    def rows(self):
        return [[self.name, self.world.name, kind, len(took), f"{percentile(took, 50):.1f} ms", f"{percentile(took, 99):.1f} ms",
                 f"{percentile(self.bytes[kind], 50):,} B", f"{self.spent * 1000 / self.changes:.0f} ms"]
                for kind, took in self.took.items()]


def scenes(world):
    """What to look at, one after the other."""
    projects = list(world.numbers)
    spread = [(path(p), p) for p in projects for path in (world.deploy_page, world.deploy_events)
              for _ in range(VIEWERS // PROJECTS // 2)]
    first = projects[0]
    yield "10 viewers at each of 20 deploys", spread, projects
    yield "200 pages of one deploy", [(world.deploy_page(first), first)] * VIEWERS, [first]
    yield ("100 pages and 100 programs at one deploy",
           [(path(first), first) for path in (world.deploy_page, world.deploy_events) for _ in range(VIEWERS // 2)], [first])
    yield "200 pages of what runs where", [(world.page("/"), "")] * VIEWERS, projects


def ask(api, method, path):
    api.request(method, path)
    answer = api.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{method} {path}: {answer.status} {text[:300]}")
    return text


def main():
    changes = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    worlds, rows, done = [], [], {}
    try:
        for name, program in (("before", os.environ.get("LEMMY_BEFORE")), ("now", LEMMY)):
            if program:
                worlds.append(World(name, program, name == "before"))
        for sides in zip(*map(scenes, worlds)):
            pair = [Scene(name, world, paths, of) for world, (name, paths, of) in zip(worlds, sides)]
            for i in range(changes):
                for scene in pair:
                    scene.change(scene.projects[i % len(scene.projects)])
            for scene in pair:
                scene.viewers.close()
                rows += scene.rows()
                done[scene.world.name, scene.name] = scene
                print(*scene.rows(), sep="\n", file=sys.stderr)
    finally:
        for world in worlds:
            world.stop()
    table([f"{VIEWERS} viewers, {PROJECTS * PODS:,} pods", "lemmy", "streams of", "events", "p50", "p99",
           "an event, median, on the wire", "Lemmy's processor time a change"], rows)
    early = sum(s.stale for s in done.values())
    print(f"\n{sum(s.unseen for s in done.values())} changes were not shown on the first page: another pod was ready before its next "
          "second.")
    print(f"\n{early} events came before with something else, as the cluster's own note that the pod is killed; then the pod "
          "has to wait for the streams' pace.")
    for name in ("10 viewers at each of 20 deploys", "200 pages of one deploy", "100 pages and 100 programs at one deploy"):
        p99 = percentile([t for took in done["now", name].took.values() for t in took], 99)
        summary(f"live: pod to viewer, p99, {name}", f"{p99:.1f} ms", "20 ms", p99 <= 20)
    size = percentile(done["now", "200 pages of one deploy"].bytes["pages"], 50)
    summary("live: one change of a pod of 50, on the wire, median", f"{size:,} B", "2,048 B", size <= 2048)


if __name__ == "__main__":
    main()
