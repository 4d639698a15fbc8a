#!/usr/bin/env python3
"""POST /hooks/build at 64 connections: Lemmy beside Flask + gunicorn + sqlite3, in turns, both on a real disk.

    bench/intake.py [ROUNDS [SECONDS]]        build/lemmy and wrk must be there: tools/install.sh bench
"""
import hashlib
import json
import re
import shutil
import socket
import sqlite3
import subprocess
import sys

from common import (ROOT, TEMPLATE, Lemmy, call, clean_environment, end, nowhere, peer_environment,
                    processor_time, remove, summary, table, wait_for, workdir, write_config)

CONNECTIONS = 64
TOKEN = "lmyhook_bench-0123456789abcdef0123"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Peer:
    def __init__(self, folder, *how):
        folder.mkdir()
        self.port, self.database = free_port(), folder / "peer.db"
        self.process = subprocess.Popen(
            [peer_environment() / "gunicorn", "--bind", f"127.0.0.1:{self.port}", "--backlog", "256", "--log-level",
             "error", *how, "app:app"],
            cwd=ROOT / "bench/peer", env=clean_environment() | {
                "DATABASE": str(self.database), "PYTHONDONTWRITEBYTECODE": "1",
                "TOKEN_SHA256": hashlib.sha256(TOKEN.encode()).hexdigest()})
        self.pid = self.process.pid

        def answers():
            try:
                return call(self.port, "POST", "/hooks/build", {})[0] == 401
            except OSError:
                return False
        wait_for("the peer answers", answers, 20)

    def stop(self):
        end(self.process)


class Subject:
    """Lemmy, with a hook that has a token, and a limit that does not get in the way."""

    def __init__(self, folder):
        folder.mkdir()
        access = (f"hooks:\n  bench: {{token_hash: {hashlib.sha256(TOKEN.encode()).hexdigest()}}}\n"
                  "limits: {hooks_per_minute: 1000000}\n")
        config = write_config(folder, ["staging"], {f"p{i:02}": ({"staging": {"replicas": 1}}, "", TEMPLATE)
                                                    for i in range(20)}, access)
        self.lemmy = Lemmy(folder, config, nowhere(folder))
        self.port, self.pid, self.database = self.lemmy.port, self.lemmy.pid, folder / "data/lemmy.db"

    def stop(self):
        self.lemmy.stop()


def load(port, run, seconds):
    done = subprocess.run(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s",
                           ROOT / "bench/peer/intake.lua", f"http://127.0.0.1:{port}", "--", TOKEN, run],
                          capture_output=True, text=True, check=True)
    got = json.loads(re.search(r"^RESULT (.*)$", done.stdout, re.M)[1])
    if got["bad"]:
        raise SystemExit(f"{got['bad']} calls were not answered by 202\n{done.stdout}")
    return got


def kept(database):
    """Rows of ledger and builds: what was answered is there."""
    db = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    counts = [db.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in ("deliveries", "builds")]
    db.close()
    return counts


def main():
    if not shutil.which("wrk"):
        raise SystemExit("wrk is missing: tools/install.sh bench")
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 6
    work = workdir()
    servers = {"Lemmy": Subject(work / "lemmy"),
               "gunicorn, 2 sync workers": Peer(work / "sync", "--workers", "2"),
               "gunicorn, 2 workers of 8 threads": Peer(work / "threads", "--workers", "2", "--threads", "8")}
    results, counted = {name: [] for name in servers}, {name: 0 for name in servers}
    try:
        for name, server in servers.items():  # warm
            counted[name] += load(server.port, "f", 1)["requests"]
        for i in range(rounds):
            for name, server in servers.items():
                before = processor_time(server.pid)
                got = load(server.port, format(i, "x"), seconds)
                got["processor"] = (processor_time(server.pid) - before) / got["requests"] * 1e6
                results[name].append(got)
                counted[name] += got["requests"]
        for name, server in servers.items():
            ledger, builds = kept(server.database)
            # wrk drops the calls in flight when its time is up: some of them are kept and not counted.
            if not counted[name] <= ledger <= counted[name] + CONNECTIONS * (rounds + 1) or builds != ledger:
                raise SystemExit(f"{name}: {counted[name]} answered, {ledger} in the ledger, {builds} builds")
    finally:
        for server in servers.values():
            server.stop()
        remove(work)

    def middle(name, value):
        return sorted(value(r) for r in results[name])[rounds // 2]
    rate = {n: middle(n, lambda r: r["requests"] / r["us"] * 1e6) for n in servers}
    p99 = {n: middle(n, lambda r: r["p99"] / 1000) for n in servers}
    table(["POST /hooks/build, 64 connections", "calls/s", "p50", "p99", "processor time a call", "calls kept"],
          [[n, f"{rate[n]:,.0f}", f"{middle(n, lambda r: r['p50'] / 1000):.1f} ms", f"{p99[n]:.1f} ms",
            f"{middle(n, lambda r: r['processor']):,.0f} us", f"{counted[n]:,}"] for n in servers])
    best = max(rate[n] for n in servers if n != "Lemmy")
    summary("intake: calls a second, beside Flask + gunicorn + SQLite", f"{rate['Lemmy'] / best:.1f}x", "20x",
            rate["Lemmy"] >= 20 * best)
    summary("intake: p99 of Lemmy at 64 connections", f"{p99['Lemmy']:.1f} ms", "10 ms", p99["Lemmy"] <= 10)


if __name__ == "__main__":
    main()
