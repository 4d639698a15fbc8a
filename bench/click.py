#!/usr/bin/env python3
"""From the click (POST of a deploy) to the accepted ReplicationController, beside the same requests sent by Python's
http.client on one kept-alive connection, and beside `kubectl apply --server-side`.

    bench/click.py [ROUNDS]      on the simulated API server and on a real control plane (tools/testcluster, 5 minutes to
                                 build the first time); build/lemmy and build/simulated_cluster must be there

Each round has a namespace of its own for each of them. The clock stops when a watch of ReplicationControllers is told.
"""
import http.client
import json
import shutil
import subprocess
import sys
import threading
import time

from common import (APPLY, ROOT, TEMPLATE, Lemmy, SimulatedCluster, api_connection, end, percentile, remove, summary,
                    table, wait_for, workdir, write_config)

PROJECT, SHA = "hello", "0123456789abcdef"
RESOURCES = {"ConfigMap": "/api/v1/namespaces/{}/configmaps/{}", "Service": "/api/v1/namespaces/{}/services/{}",
             "ReplicationController": "/api/v1/namespaces/{}/replicationcontrollers/{}",
             "HorizontalPodAutoscaler": "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers/{}"}


class RealCluster:
    def __init__(self, folder):
        built = subprocess.run([ROOT / "tools/testcluster/build.sh"], check=True, stdout=subprocess.PIPE, text=True)
        binary = built.stdout.strip().splitlines()[-1]
        self.process = subprocess.Popen([binary, "up", "--dir", folder / "cluster"], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        if not self.process.stdout.readline().startswith("ready"):
            raise SystemExit("the control plane did not start")
        self.kubeconfig = folder / "cluster/kubeconfig"
        # Its own has all of Kubernetes in it and starts slower.
        self.kubectl = [shutil.which("kubectl")] if shutil.which("kubectl") else [binary, "kubectl"]

    def stop(self):
        end(self.process, 30)


class Arrivals(threading.Thread):
    """When each namespace's first ReplicationController was told of by the API server's watch."""

    def __init__(self, kubeconfig):
        super().__init__(daemon=True)
        self.connection, self.times, self.came = api_connection(kubeconfig, 600), {}, threading.Condition()
        self.connection.request("GET", "/api/v1/replicationcontrollers?watch=true&timeoutSeconds=600")
        self.answer = self.connection.getresponse()
        self.start()

    def run(self):
        try:
            for line in self.answer:
                at, event = time.monotonic(), json.loads(line)
                if event["type"] == "ADDED":
                    with self.came:
                        self.times.setdefault(event["object"]["metadata"]["namespace"], at)
                        self.came.notify_all()
        except (OSError, ValueError):
            pass  # the cluster has gone

    def of(self, namespace):
        with self.came:
            if not self.came.wait_for(lambda: namespace in self.times, 60):
                raise SystemExit(f"no ReplicationController in {namespace} within 60 s")
            return self.times[namespace]


def send(api, method, path, body=None, headers=None, wanted=(200, 201)):
    api.request(method, path, body and json.dumps(body), headers or {})
    answer = api.getresponse()
    text = answer.read()
    if answer.status not in wanted:
        raise SystemExit(f"{method} {path}: {answer.status} {text[:500].decode()}")
    return json.loads(text)


def apply(api, manifest, dry_run):
    meta = manifest["metadata"]
    path = RESOURCES[manifest["kind"]].format(meta["namespace"], meta["name"])
    return send(api, "PATCH", f"{path}?fieldManager=bench&force=true{'&dryRun=All' if dry_run else ''}", manifest, APPLY)


def moved(manifests, namespace):
    """The same objects for another namespace."""
    out = json.loads(json.dumps(manifests))
    for manifest in out:
        manifest["metadata"]["namespace"] = namespace
    return out


def raw(api, manifests):
    """What Lemmy asks for, up to the ReplicationController: a dry run of all, the Secret's version, then one by one."""
    namespace = manifests[0]["metadata"]["namespace"]
    for manifest in manifests:
        apply(api, manifest, True)
    send(api, "GET", f"/api/v1/namespaces/{namespace}/secrets/{PROJECT}", wanted=(200, 404))
    for manifest in manifests:
        if manifest.get("immutable"):  # whose is it? other deploys may share it
            meta = manifest["metadata"]
            send(api, "GET", RESOURCES["ConfigMap"].format(namespace, meta["name"]), wanted=(200, 404))
        apply(api, manifest, False)
        if manifest["kind"] == "ReplicationController":
            return


def measure(cluster, work, rounds, kubectl):
    """{way: [milliseconds]}"""
    namespaces = [f"{way}-{i}" for way in ("lemmy", "raw", "kubectl") for i in range(rounds + 1)]
    api = api_connection(cluster.kubeconfig)
    for name in namespaces:
        send(api, "POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
             {"Content-Type": "application/json"}, (200, 201, 409))
    values = {"replicas": 1, "env": {"LOG_LEVEL": "info"}, "autoscale": {"min": 1, "max": 3, "cpu": 70}}
    template = TEMPLATE.replace('"labels"', '"autoscale": {{ config.autoscale | tojson }},\n  "labels"')
    own = [n for n in namespaces if n.startswith("lemmy")]
    config = write_config(work, own, {PROJECT: ({n: values for n in own}, "settle: 1s\n", template)})
    (config / "projects" / PROJECT / "config").mkdir()
    (config / "projects" / PROJECT / "config/app.json").write_text('{"greeting": "hello"}\n')
    lemmy = Lemmy(work, config, cluster.kubeconfig)
    took = {"Lemmy, from the click": [], "the same requests by http.client": []}
    if kubectl:
        took["kubectl apply --server-side"] = []
    try:
        lemmy.announce(PROJECT, SHA)
        wait_for("the cluster's picture is live",
                 lambda: all(c["ok"] for c in lemmy.json("GET", "/readyz")["clusters"]))
        arrivals = Arrivals(cluster.kubeconfig)
        number = lemmy.deploy(PROJECT, own[0], SHA)  # warm, and its manifests are what the others send
        arrivals.of(own[0])
        manifests = wait_for("the manifests are stored", lambda: stored(lemmy, own[0], number))
        raw(api, moved(manifests, "raw-0"))
        click = http.client.HTTPConnection("127.0.0.1", lemmy.port, timeout=60)
        for i in range(1, rounds + 1):
            time.sleep(0.3)  # the pods of the round before
            start = time.monotonic()
            send(click, "POST", lemmy.deploys(PROJECT, own[i]), {"build": SHA}, {"Content-Type": "application/json"}, (202,))
            took["Lemmy, from the click"].append((arrivals.of(own[i]) - start) * 1000)
            time.sleep(0.3)
            objects = moved(manifests, f"raw-{i}")
            start = time.monotonic()
            raw(api, objects)
            took["the same requests by http.client"].append((arrivals.of(f"raw-{i}") - start) * 1000)
            if kubectl:
                time.sleep(0.3)
                text = json.dumps({"apiVersion": "v1", "kind": "List", "items": moved(manifests, f"kubectl-{i}")})
                start = time.monotonic()
                done = subprocess.run([*kubectl, "--kubeconfig", cluster.kubeconfig, "apply", "--server-side", "-f", "-"],
                                      input=text, text=True, capture_output=True)
                if done.returncode:
                    raise SystemExit(f"kubectl: {done.stderr}")
                took["kubectl apply --server-side"].append((arrivals.of(f"kubectl-{i}") - start) * 1000)
    finally:
        lemmy.stop()
    return took


def stored(lemmy, environment, number):
    status, text = lemmy.call("GET", lemmy.deploys(PROJECT, environment, f"/{number}/manifests"))
    return json.loads(text) if status == 200 else None


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    for name, make in (("the simulated API server", None), ("a real control plane", RealCluster)):
        work = workdir()
        cluster = make(work) if make else SimulatedCluster(work, ["default"])
        try:
            # kubectl wants an OpenAPI document, which the simulated one has not.
            took = measure(cluster, work, rounds, cluster.kubectl if make else None)
        finally:
            cluster.stop()
            remove(work)
        base = percentile(took["the same requests by http.client"], 50)
        table([f"click to ReplicationController, {name}", "p50", "p90", "beside http.client"],
              [[way, f"{percentile(t, 50):.1f} ms", f"{percentile(t, 90):.1f} ms", f"{percentile(t, 50) / base:.2f}"]
               for way, t in took.items()])
        ratio = percentile(took["Lemmy, from the click"], 50) / base
        summary(f"click to ReplicationController beside raw requests, {name}", f"{ratio:.2f}x", "1.5x", ratio <= 1.5)
        print()


if __name__ == "__main__":
    main()
