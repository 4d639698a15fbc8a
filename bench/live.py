#!/usr/bin/env python3
"""From a pod's change on the API server to the event at 200 viewers, with 1,000 pods on the simulated cluster.

    bench/live.py [CHANGES]     build/lemmy and build/simulated_cluster must be there

A change is the deletion of a pod, which shows it as Terminating. The clock starts before the API server is asked to, and
stops when the whole event has arrived at the viewer's socket, by the kernel's clock.
"""
import json
import sys
import time

from common import (TEMPLATE, Lemmy, SimulatedCluster, api_connection, percentile, processor_time, remove, summary, table,
                    workdir, write_config)
from viewers import Viewers

PROJECTS, PODS, VIEWERS = 20, 50, 200
SHA = "0123456789abcdef"
# So that a pod is still there, as Terminating, when it is shown: 8 s at the cluster's pace of 0.05.
SLOW_END = TEMPLATE.replace('"annotations": {', '"annotations": {"lemmy.test/terminate-after": "8s", ')


def prepare(lemmy):
    """Deploys all; gives {project: number}."""
    numbers = {}
    for i in range(PROJECTS):
        lemmy.announce(f"p{i:02}", SHA)
        numbers[f"p{i:02}"] = lemmy.deploy(f"p{i:02}", "staging", SHA)
    for project, number in numbers.items():
        lemmy.wait_live(project, "staging", number)
    return numbers


class Scene:
    """Viewers, and the projects whose pods change."""

    def __init__(self, name, lemmy, paths, projects):
        self.name, self.projects, self.viewers = name, projects, Viewers()
        for path, project in paths:
            viewer = self.viewers.add(lemmy.port, path, "API" if path.startswith("/api/") else "pages")
            viewer.project = project  # empty: of all
        self.took, self.stale, self.bytes = {"API": [], "pages": []}, 0, []

    def change(self, api, project):
        self.viewers.until_quiet()
        pods = json.loads(ask(api, "GET", f"/api/v1/namespaces/staging/pods?limit=100&labelSelector=project%3D{project}"))
        pod = next(p["metadata"]["name"] for p in pods["items"] if "deletionTimestamp" not in p["metadata"])
        waiting = {v for v in self.viewers.all if v.project in ("", project)}
        began = time.time()
        ask(api, "DELETE", f"/api/v1/namespaces/staging/pods/{pod}")
        stop = time.monotonic() + 10
        while waiting and time.monotonic() < stop:
            for viewer, at, event in self.viewers.read(0.2):
                if viewer not in waiting or at < began:
                    continue
                # The home page has no names of pods: there one that was ready is missing.
                if viewer.project and (pod.encode() not in event or b"Terminating" not in event):
                    self.stale += 1
                    continue
                waiting.discard(viewer)
                self.took[viewer.kind].append((at - began) * 1000)
                self.bytes.append(len(event))
        if waiting:
            raise SystemExit(f"{self.name}: {len(waiting)} viewers were not told that {pod} ends")

    def run(self, api, changes):
        for i in range(changes):
            self.change(api, self.projects[i % len(self.projects)])
        self.viewers.close()


def ask(api, method, path):
    api.request(method, path)
    answer = api.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{method} {path}: {answer.status} {text[:300]}")
    return text


def main():
    changes = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    work = workdir()
    config = write_config(work, ["staging"], {f"p{i:02}": ({"staging": {"replicas": PODS}}, "settle: 1s\n", SLOW_END)
                                              for i in range(PROJECTS)})
    cluster = SimulatedCluster(work, ["staging"])
    lemmy, scenes, rows = Lemmy(work, config, cluster.kubeconfig), [], []
    try:
        numbers = prepare(lemmy)
        page = lambda p: f"/projects/{p}/environments/staging/deploys/{numbers[p]}/live"
        events = lambda p: lemmy.deploys(p, "staging", f"/{numbers[p]}/events")
        projects = list(numbers)
        api = api_connection(cluster.kubeconfig)
        spread = [(path(p), p) for p in projects for path in (page, events) for _ in range(VIEWERS // PROJECTS // 2)]
        one = [(path(projects[0]), projects[0]) for path in (page, events) for _ in range(VIEWERS // 2)]
        for name, paths, of in (("10 viewers at each of 20 deploys", spread, projects),
                                ("200 viewers at one deploy", one, projects[:1]),
                                ("200 viewers at what runs where", [("/live", "")] * VIEWERS, projects)):
            scene = Scene(name, lemmy, paths, of)
            scene.viewers.until_quiet()
            before = processor_time(lemmy.pid)
            scene.run(api, changes if not scenes else changes // 2)
            spent = (processor_time(lemmy.pid) - before) * 1000 / (changes if not scenes else changes // 2)
            scenes.append(scene)
            for kind, took in scene.took.items():
                if took:
                    rows.append([name, kind, len(took), f"{percentile(took, 50):.1f} ms", f"{percentile(took, 99):.1f} ms",
                                 f"{sum(scene.bytes) / len(scene.bytes) / 1024:.0f} KiB", f"{spent:.0f} ms"])
    finally:
        lemmy.stop()
        cluster.stop()
        remove(work)
    table([f"{VIEWERS} viewers, {PROJECTS * PODS:,} pods", "streams of", "events", "p50", "p99", "an event, all kinds",
           "Lemmy's processor time a change"], rows)
    early = sum(s.stale for s in scenes)
    print(f"\n{early} events came before with something else, as the cluster's own note that the pod is killed; then the pod "
          "has to wait for the streams' pace.")
    first = [t for took in scenes[0].took.values() for t in took]
    crowd = [t for s in scenes[1:] for took in s.took.values() for t in took]
    summary("live: pod to viewer, p99, 10 viewers at each of 20 deploys", f"{percentile(first, 99):.1f} ms", "20 ms",
            percentile(first, 99) <= 20)
    summary("live: pod to viewer, p99, 200 viewers of the same", f"{percentile(crowd, 99):.1f} ms", "20 ms",
            percentile(crowd, 99) <= 20)


if __name__ == "__main__":
    main()
