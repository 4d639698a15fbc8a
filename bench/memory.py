#!/usr/bin/env python3
"""Memory of a pod in Lemmy's live picture, beside keeping every pod's JSON as the API gives it.

    bench/memory.py [PODS]        build/lemmy and build/simulated_cluster must be there; takes about a minute
"""
import json
import re
import sys
import time

from common import (APPLY, TEMPLATE, Lemmy, SimulatedCluster, memory, remove, summary, table, wait_for, workdir,
                    write_config)


def controller(i, replicas):
    labels = {"project": f"p{i}", "environment": "staging", "deploy": "1", "app.kubernetes.io/managed-by": "lemmy"}
    return {"apiVersion": "v1", "kind": "ReplicationController",
            "metadata": {"name": f"p{i}", "namespace": "staging", "labels": labels},
            "spec": {"replicas": replicas, "selector": {"project": f"p{i}"}, "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "app", "image": f"registry.example.com/p{i}:1",
                                         "env": [{"name": f"KEY_{k}", "value": "value"} for k in range(10)]}]}}}}


def main():
    pods = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    each = min(100, pods)
    work = workdir()
    config = write_config(work, ["staging"], {"p0": ({"staging": {"replicas": 1}}, "", TEMPLATE)})
    cluster = SimulatedCluster(work, ["staging"])
    lemmy = Lemmy(work, config, cluster.kubeconfig)
    try:
        time.sleep(1)
        idle = memory(lemmy.pid)[0]
        for i in range(pods // each):
            cluster.call("PATCH", f"/api/v1/namespaces/staging/replicationcontrollers/p{i}?fieldManager=b",
                         controller(i, each), APPLY)

        def seen():
            found = re.search(r"lemmy_cluster_pods\{[^}]*\} (\d+)", lemmy.call("GET", "/metrics")[1])
            return int(found[1]) if found else 0
        count = wait_for(f"{pods} pods", lambda: seen() >= pods // each * each and seen(), 120, 0.5)
        time.sleep(3)
        full = memory(lemmy.pid)[0]
        one = json.loads(cluster.call("GET", "/api/v1/namespaces/staging/pods?limit=100")[1])["items"]
    finally:
        lemmy.stop()
        cluster.stop()
        remove(work)
    raw = sum(len(json.dumps(p, separators=(",", ":"))) for p in one) / len(one) / 1024
    kept = (full - idle) * 1024 / count
    table(["what", "figure"], [["idle", f"{idle:.1f} MiB"], [f"with {count:,} pods", f"{full:.1f} MiB"],
                               ["a pod, all that was allocated for it", f"{kept:.2f} KiB"],
                               ["a pod's JSON as the API gives it", f"{raw:.2f} KiB"], ["ratio", f"{raw / kept:.1f}"]])
    summary(f"memory: with {count:,} pods", f"{full:.1f} MiB", "", None)


if __name__ == "__main__":
    main()
