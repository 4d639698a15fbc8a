#!/usr/bin/env python3
"""Memory of a pod in Lemmy's live picture, beside keeping every pod's JSON as the API gives it.

    bench/memory.py [PODS]        build/lemmy and build/simulated_cluster must be there; takes about a minute
"""
import http.client
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
APPLY = {"Content-Type": "application/apply-patch+yaml"}


def rss(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024


def call(port, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, body and json.dumps(body), headers or {})
    text = connection.getresponse().read()
    connection.close()
    return text


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
    with tempfile.TemporaryDirectory() as work:
        config = Path(work) / "config" / "projects" / "p0"
        config.mkdir(parents=True)
        (config / "environments.json").write_text('{"staging": {}}')
        (config / "template.json.j2").write_text('{"replicas": 1, "containers": [{"name": "app", "image": "a:1"}]}')
        (config / "project.yaml").write_text("")
        kubeconfig = Path(work) / "kubeconfig"
        cluster = subprocess.Popen([ROOT / "build/simulated_cluster", kubeconfig, "--pace", "0.05"],
                                   stdout=subprocess.PIPE, text=True)
        api = int(re.search(r":(\d+)$", cluster.stdout.readline().strip()).group(1))
        lemmy = subprocess.Popen([ROOT / "build/lemmy", "serve", "--config", Path(work) / "config", "--data",
                                  Path(work) / "data", "--kubeconfig", kubeconfig, "--port", "0"],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            port = int(re.search(r":(\d+)$", lemmy.stdout.readline().strip()).group(1))
            time.sleep(1)
            idle = rss(lemmy.pid)
            for i in range(pods // each):
                call(api, "PATCH", f"/api/v1/namespaces/staging/replicationcontrollers/p{i}?fieldManager=b",
                     controller(i, each), APPLY)

            def seen():
                found = re.search(r'lemmy_cluster_pods\{[^}]*\} (\d+)', call(port, "GET", "/metrics").decode())
                return int(found.group(1)) if found else 0
            end = time.monotonic() + 120
            while seen() < pods // each * each and time.monotonic() < end:
                time.sleep(0.5)
            time.sleep(3)
            count, full = seen(), rss(lemmy.pid)
            one = json.loads(call(api, "GET", "/api/v1/namespaces/staging/pods?limit=100"))["items"]
            raw = sum(len(json.dumps(p, separators=(",", ":"))) for p in one) / len(one) / 1024
            kept = (full - idle) * 1024 / count
            print("| what | figure |\n|---|---|")
            print(f"| idle | {idle:.1f} MiB |")
            print(f"| with {count:,} pods | {full:.1f} MiB |")
            print(f"| a pod, all that was allocated for it | {kept:.2f} KiB |")
            print(f"| a pod's JSON as the API gives it | {raw:.2f} KiB |")
            print(f"| ratio | {raw / kept:.1f} |")
        finally:
            lemmy.terminate()
            cluster.terminate()
            lemmy.wait(10)
            cluster.wait(10)


if __name__ == "__main__":
    main()
