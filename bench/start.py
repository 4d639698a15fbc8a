#!/usr/bin/env python3
"""From the start of `lemmy serve` to the first 200 of /healthz, and its memory after five idle seconds.

    bench/start.py [RUNS]       build/lemmy and build/simulated_cluster must be there; tools/ansible.sh makes Ansible
"""
import os
import shutil
import socket
import subprocess
import sys
import time

from common import (LEMMY, ROOT, SimulatedCluster, clean_environment, end, memory, percentile, remove, summary, table,
                    workdir)

CONFIG = ROOT / "share/playground/config"
IDLE = 5


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def healthy(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return s.recv(100).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def start(data, kubeconfig, *more):
    """(process, milliseconds to the first 200)."""
    port = free_port()
    path = os.pathsep.join(d for d in os.environ["PATH"].split(os.pathsep) if not shutil.which("ansible-runner", path=d))
    began = time.monotonic()
    log = data.with_name("lemmy.log")
    with open(log, "w", encoding="utf-8") as out:
        process = subprocess.Popen(
            [LEMMY, "serve", "--config", CONFIG, "--data", data, "--kubeconfig", kubeconfig, "--port", str(port), *more],
            stdout=out, stderr=out, env=clean_environment() | {"PATH": path})
    while not healthy(port):
        if process.poll() is not None or time.monotonic() - began > 60:
            process.kill()
            raise SystemExit("lemmy did not start:\n" + log.read_text()[-2000:])
        time.sleep(0.001)
    return process, (time.monotonic() - began) * 1000


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    ansible = subprocess.run([ROOT / "tools/ansible.sh"], stdout=subprocess.PIPE, text=True)
    ways = {"without Ansible": []}
    if ansible.returncode == 0:
        ways["with Ansible"] = ["--ansible", ansible.stdout.strip()]
    work = workdir()
    cluster = SimulatedCluster(work, ["staging", "production"])
    times, first, idle = {w: [] for w in ways}, {w: [] for w in ways}, {}
    try:
        for i in range(runs):
            for number, (way, more) in enumerate(ways.items()):
                # A store of its own the first time; then it starts again on it.
                process, took = start(work / f"first-{number}-{i}", cluster.kubeconfig, *more)
                end(process)
                first[way].append(took)
                process, took = start(work / f"first-{number}-{i}", cluster.kubeconfig, *more)
                end(process)
                times[way].append(took)
        for way, more in ways.items():
            process, _ = start(work / "idle", cluster.kubeconfig, *more)
            time.sleep(IDLE)
            idle[way] = memory(process.pid)
            end(process)
    finally:
        cluster.stop()
        remove(work)
    table(["", "first 200, new store", "first 200, started again", "the slowest tenth", "RSS after 5 s",
           "PSS after 5 s"],
          [[way, f"{percentile(first[way], 50):.0f} ms", f"{percentile(times[way], 50):.0f} ms",
            f"{percentile(times[way], 90):.0f} ms", f"{idle[way][0]:.1f} MiB", f"{idle[way][1]:.1f} MiB"]
           for way in ways])
    worst = max(percentile(times[way], 50) for way in ways)
    summary("start: to the first 200, the slower of with and without Ansible", f"{worst:.0f} ms", "100 ms",
            worst <= 100)
    most = max(m[0] for m in idle.values())
    summary("start: resident when idle", f"{most:.1f} MiB", "25 MiB", most <= 25)


if __name__ == "__main__":
    main()
