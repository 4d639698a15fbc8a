#!/usr/bin/env python3
"""Memory of a pod in Lemmy's live picture, beside client-go's informers on the same lists of the same cluster.

    bench/memory.py [PODS]        build/lemmy and build/simulated_cluster must be there; takes about two minutes, and the
                                  first time as long again for the peer, which is built with Go

Both begin on the cluster as it is then, one after the other: what a list costs is in it, and what changes cost is not.
Lemmy keeps the pods' events too; the peer is measured without and with them.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import time

from common import (APPLY, BUILD, ROOT, TEMPLATE, Lemmy, SimulatedCluster, end, memory, remove, summary, table, wait_for,
                    workdir, write_config)

AIM = 3.0  # times


def controller(i, replicas):
    labels = {"project": f"p{i}", "environment": "staging", "deploy": "1", "app.kubernetes.io/managed-by": "lemmy"}
    return {"apiVersion": "v1", "kind": "ReplicationController",
            "metadata": {"name": f"p{i}", "namespace": "staging", "labels": labels},
            "spec": {"replicas": replicas, "selector": {"project": f"p{i}"}, "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "app", "image": f"registry.example.com/p{i}:1",
                                         "env": [{"name": f"KEY_{k}", "value": "value"} for k in range(10)]}]}}}}


def informer():
    """The peer's binary, built when its sources are newer."""
    sources, binary = ROOT / "bench/peer/informer", BUILD / "bench_informer"
    if not binary.exists() or any(f.stat().st_mtime > binary.stat().st_mtime for f in sources.iterdir()):
        go = shutil.which("go") or "/usr/local/go/bin/go"
        subprocess.run([go, "build", "-trimpath", "-buildvcs=false", "-o", binary, "."], cwd=sources, check=True,
                       env=os.environ | {"GOFLAGS": "", "CGO_ENABLED": "0"})
    return binary


def peer(kubeconfig, pods, *more):
    """MiB of it: (idle, with the pods, the same after a forced collection)."""
    process = subprocess.Popen([informer(), kubeconfig, *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        idle = int(process.stdout.readline().split()[1])

        def look():
            process.stdin.write("\n")
            process.stdin.flush()
            return [int(n) for n in process.stdout.readline().split()]
        time.sleep(5)  # nothing is asked of it while it lists: asking collects
        seen, full, collected = look()
        if seen != pods:
            raise SystemExit(f"the peer has {seen} pods of {pods}")
        return idle / 1024, full / 1024, collected / 1024
    finally:
        process.stdin.close()
        end(process)


def main():
    pods = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    each = min(100, pods)
    pods = pods // each * each
    work = workdir()
    config = write_config(work, ["staging"], {"p0": ({"staging": {"replicas": 1}}, "", TEMPLATE)})
    cluster = SimulatedCluster(work, ["staging"])
    lemmy = None
    try:
        informer()
        lemmy = Lemmy(work, config, cluster.kubeconfig)
        time.sleep(2)
        idle = memory(lemmy.pid)[0]
        lemmy.stop()
        for i in range(pods // each):
            cluster.call("PATCH", f"/api/v1/namespaces/staging/replicationcontrollers/p{i}?fieldManager=b",
                         controller(i, each), APPLY)

        def ready():
            lists = (json.loads(cluster.call("GET", f"/api/v1/namespaces/staging/replicationcontrollers/p{i}")[1])
                     for i in range(pods // each))
            return all(rc.get("status", {}).get("readyReplicas") == each for rc in lists)
        wait_for(f"{pods} pods", ready, 120, 1)
        time.sleep(2)
        lemmy = Lemmy(work, config, cluster.kubeconfig)

        def seen():
            found = re.search(r"lemmy_cluster_pods\{[^}]*\} (\d+)", lemmy.call("GET", "/metrics")[1])
            return found and int(found[1]) == pods
        wait_for(f"{pods} pods in Lemmy", seen, 120, 0.5)
        time.sleep(5)
        full = memory(lemmy.pid)[0]
        lemmy.stop()
        alone = peer(cluster.kubeconfig, pods)
        with_events = peer(cluster.kubeconfig, pods, "events")
        one = json.loads(cluster.call("GET", "/api/v1/namespaces/staging/pods?limit=100")[1])["items"]
    finally:
        if lemmy:
            lemmy.stop()
        cluster.stop()
        remove(work)
    raw = sum(len(json.dumps(p, separators=(",", ":"))) for p in one) / len(one) / 1024
    a_pod = lambda more, less: (more - less) * 1024 / pods
    kept = a_pod(full, idle)
    rows = [["Lemmy, events included", idle, full, kept]]
    for name, (before, after, collected) in (("client-go informers", alone),
                                             ("client-go informers, events too", with_events)):
        rows += [[name, before, after, a_pod(after, before)],
                 [f"{name}, after a forced collection", before, collected, a_pod(collected, before)]]
    table([f"{pods:,} pods", "before", "with them", "a pod", "beside Lemmy"],
          [[name, f"{before:.1f} MiB", f"{after:.1f} MiB", f"{cost:.2f} KiB", f"{cost / kept:.1f}"]
           for name, before, after, cost in rows])
    print(f"\nA pod's JSON as this API server gives it: {raw:.2f} KiB; a real one adds managedFields, some 3 KiB.")
    times = rows[2][3] / kept
    summary(f"memory: a pod of {pods:,} beside a client-go informer, after its collection",
            f"{kept:.2f} KiB, {times:.1f} times less", f"{AIM:g} times", times >= AIM)


if __name__ == "__main__":
    main()
