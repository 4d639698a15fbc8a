"""The plain design that bench/intake.py compares with: POST /hooks/build by Flask, gunicorn and sqlite3.

The same work as Lemmy's for a hook with a bearer token: who calls, is every field right, and one transaction on disk
with the ledger entry and the build, before 202.   DATABASE and TOKEN_SHA256 are environment variables.
"""
import hashlib
import hmac
import json
import os
import re
import sqlite3
import threading
import time

from flask import Flask, Response, request

PROJECT = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
SHA = re.compile(r"[0-9a-f]{7,40}")
MOST = {"branch": 255, "image": 512, "url": 2048, "author": 255, "message": 4096}
SCHEMA = """
CREATE TABLE IF NOT EXISTS builds (project TEXT NOT NULL, sha TEXT NOT NULL, pushed_at INTEGER NOT NULL,
  body TEXT NOT NULL, PRIMARY KEY (project, sha)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS builds_by_time ON builds (project, pushed_at DESC, sha DESC);
CREATE TABLE IF NOT EXISTS deliveries (seq INTEGER PRIMARY KEY AUTOINCREMENT, hook TEXT NOT NULL, id TEXT NOT NULL,
  verdict TEXT NOT NULL, at INTEGER NOT NULL, sender TEXT NOT NULL, caller TEXT NOT NULL, project TEXT NOT NULL,
  body TEXT NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS deliveries_by_id ON deliveries (hook, id);
"""

app = Flask(__name__)
local = threading.local()


def database():
    """One connection a thread."""
    if not hasattr(local, "db"):
        local.db = sqlite3.connect(os.environ["DATABASE"], timeout=30, isolation_level=None)
        local.db.execute("PRAGMA journal_mode = WAL")
        local.db.execute("PRAGMA synchronous = FULL")
        local.db.executescript(SCHEMA)
    return local.db


def answer(status, body):
    return Response(json.dumps(body), status, content_type="application/json")


def problem(status, where, detail):
    return Response(json.dumps({"type": "about:blank", "status": status, "where": where, "detail": detail}), status,
                    content_type="application/problem+json")


def fault(body):
    """(field, what is wrong) of a call that cannot be taken."""
    if not isinstance(body, dict):
        return "body", "an object is expected"
    for field in ("project", "sha", "branch"):
        if not isinstance(body.get(field), str) or not body[field]:
            return field, "the field is missing or not a text"
    if not PROJECT.fullmatch(body["project"]):
        return "project", "1 to 40 lower-case letters, digits and -"
    if not SHA.fullmatch(body["sha"]):
        return "sha", "7 to 40 lower-case hex digits"
    for field, most in MOST.items():
        text = body.get(field, "")
        if not isinstance(text, str) or len(text.encode()) > most:
            return field, f"a text of at most {most} bytes is expected"
    return None


@app.post("/hooks/build")
def build():
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not hmac.compare_digest(hashlib.sha256(token.encode()).hexdigest(), os.environ["TOKEN_SHA256"]):
        return problem(401, "hook", "the token fits no hook")
    raw = request.get_data()
    try:
        body = json.loads(raw)
    except ValueError as e:
        return problem(400, "body", str(e))
    if wrong := fault(body):
        return problem(422, *wrong)
    at = int(time.time() * 1000)
    delivery = request.headers.get("X-Lemmy-Delivery") or "body-" + hashlib.sha256(raw).hexdigest()
    kept = {field: body.get(field, "") for field in ("project", "sha", *MOST)} | {"pushed_at": at}
    db = database()
    db.execute("BEGIN IMMEDIATE")
    try:
        done = db.execute("INSERT INTO deliveries (hook, id, verdict, at, sender, caller, project, body) "
                          "VALUES ('build', ?, 'accepted', ?, ?, 'bench', ?, ?) ON CONFLICT DO NOTHING",
                          (delivery, at, request.remote_addr, body["project"], raw.decode()))
        if done.rowcount:
            db.execute("INSERT INTO builds VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                       "pushed_at = excluded.pushed_at, body = excluded.body",
                       (body["project"], body["sha"], at, json.dumps(kept)))
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    return answer(202, {"delivery": delivery, "duplicate": not done.rowcount, "known": True, "build": kept})
