#!/usr/bin/env python3
"""What an announced build costs SQLite by the keys of its tables: texts, and hashes of 8 bytes, in turns.

    bench/sqlite_keys.py [BUILDS [ROUNDS]]

The statements are those of src/store/sqlite/builds.cpp, 64 builds with their ledger entries in a transaction, on a file
in WAL with synchronous FULL. Both are run from here, so the program around them costs the same."""
import hashlib
import json
import resource
import sqlite3
import sys
import time
from contextlib import closing

from common import remove, summary, table, workdir

TOGETHER = 64
LEDGER = ("seq INTEGER PRIMARY KEY AUTOINCREMENT, {} hook TEXT NOT NULL, id TEXT NOT NULL, verdict TEXT NOT NULL, "
          "at INTEGER NOT NULL, sender TEXT NOT NULL, caller TEXT NOT NULL, project TEXT NOT NULL, body TEXT NOT NULL, "
          "why TEXT NOT NULL")
FIELDS = "hook, id, verdict, at, sender, caller, project, body, why"
VALUES = "'build', :id, 'accepted', :at, '10.0.0.1', 'ci', :project, :call, ''"
KEYS = {
    "texts": {
        "schema": f"""
            CREATE TABLE builds (project TEXT NOT NULL, sha TEXT NOT NULL, pushed_at INTEGER NOT NULL,
              body TEXT NOT NULL, PRIMARY KEY (project, sha)) WITHOUT ROWID;
            CREATE INDEX builds_by_time ON builds (project, pushed_at DESC, sha DESC);
            CREATE TABLE deliveries ({LEDGER.format("")});
            CREATE UNIQUE INDEX deliveries_by_id ON deliveries (hook, id) WHERE verdict <> 'refused';""",
        "entry": f"""INSERT INTO deliveries ({FIELDS}) SELECT {VALUES} WHERE NOT EXISTS (SELECT 1 FROM deliveries
            WHERE hook = 'build' AND id = :id AND verdict <> 'refused')""",
        "build": "INSERT INTO builds VALUES (:project, :sha, :at, :body) ON CONFLICT DO NOTHING"},
    "hashes": {
        "schema": f"""
            CREATE TABLE builds (n INTEGER PRIMARY KEY, hash INTEGER NOT NULL, project TEXT NOT NULL, sha TEXT NOT NULL,
              pushed_at INTEGER NOT NULL, body TEXT NOT NULL);
            CREATE INDEX builds_by_hash ON builds (hash);
            CREATE INDEX builds_by_time ON builds (project, pushed_at DESC);
            CREATE TABLE deliveries ({LEDGER.format("hash INTEGER NOT NULL,")});
            CREATE INDEX deliveries_by_hash ON deliveries (hash) WHERE verdict <> 'refused';""",
        "entry": f"""INSERT INTO deliveries ({FIELDS}, hash) SELECT {VALUES}, :id_hash WHERE NOT EXISTS (SELECT 1
            FROM deliveries WHERE hash = :id_hash AND hook = 'build' AND id = :id AND verdict <> 'refused')""",
        "build": """INSERT INTO builds (hash, project, sha, pushed_at, body) SELECT :sha_hash, :project, :sha, :at, :body
            WHERE NOT EXISTS (SELECT 1 FROM builds WHERE hash = :sha_hash AND project = :project AND sha = :sha)"""}}


def hash_of(*texts):
    return int.from_bytes(hashlib.sha256("\0".join(texts).encode()).digest()[:8], "big", signed=True)


def builds(count):
    for n in range(count):
        sha, delivery = (kind(str(n).encode()).hexdigest() for kind in (hashlib.sha1, hashlib.md5))
        project = f"p{n % 20:02}"
        call = {"project": project, "sha": sha, "branch": "main", "image": f"registry.example.com/{project}:{sha}",
                "url": f"https://ci.example.com/jobs/{project}/{n}", "author": "ann@example.com",
                "message": f"Answer faster when the cache is cold (#{n})"}
        body = call | {"first_pushed_at": "2026-11-29T00:00:00.000Z", "pushed_at": "2026-11-29T00:00:00.000Z"}
        yield {"project": project, "sha": sha, "id": delivery, "at": 1_790_000_000_000 + n, "call": json.dumps(call),
               "body": json.dumps(body), "id_hash": hash_of("build", delivery), "sha_hash": hash_of(project, sha)}


def run(path, keys, rows):
    """Builds a second; microseconds of a build in the program and in the kernel; bytes of the file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.executescript(keys["schema"])
        before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        for i in range(0, len(rows), TOGETHER):
            db.execute("BEGIN IMMEDIATE")
            for row in rows[i:i + TOGETHER]:
                db.execute(keys["entry"], row)
                db.execute(keys["build"], row)
            db.execute("COMMIT")
        took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
        counts = [db.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in ("builds", "deliveries")]
        assert counts == [len(rows)] * 2, counts
    each = 1e6 / len(rows)
    return (len(rows) / took, (after.ru_utime - before.ru_utime) * each, (after.ru_stime - before.ru_stime) * each,
            path.stat().st_size)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 60_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    rows, results, work = list(builds(count)), {name: [] for name in KEYS}, workdir()
    try:
        for i in range(rounds):
            for name, keys in KEYS.items():
                results[name].append(run(work / f"{name}-{i}.db", keys, rows))
    finally:
        remove(work)
    middle = {name: [sorted(column)[rounds // 2] for column in zip(*r)] for name, r in results.items()}
    table([f"{count:,} builds, keys are", "builds/s", "in the program", "in the kernel", "file"],
          [[name, f"{m[0]:,.0f}", f"{m[1]:.1f} us", f"{m[2]:.1f} us", f"{m[3] / 2**20:.0f} MiB"]
           for name, m in middle.items()])
    old, new = middle["texts"], middle["hashes"]
    summary("SQLite: processor time of a build by hashes, beside texts", f"{(new[1] + new[2]) / (old[1] + old[2]):.2f}x", "",
            None)


if __name__ == "__main__":
    main()
