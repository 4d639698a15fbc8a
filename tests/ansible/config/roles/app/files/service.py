#!/usr/bin/env python3
"""A stand-in for a real service: answers with the build that it was started with.
service.py restart|ask|serve FOLDER PORT. It refuses to start as a build that its host's file `refuses` names."""
import http.server
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request

what, folder, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
pid_file = os.path.join(folder, "service.pid")


def build():
    with open(os.path.join(folder, "config.json")) as f:
        return json.load(f)["build"]


def ask():
    return urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2).read().decode()


def stop():
    try:
        pid = int(open(pid_file).read())
        os.kill(pid, signal.SIGTERM)
        while os.path.exists(f"/proc/{pid}"):
            time.sleep(0.01)
    except (FileNotFoundError, ProcessLookupError, ValueError):
        pass


def start():
    try:
        if build() in open(os.path.join(folder, "refuses")).read().split():
            sys.exit(f"the build {build()} does not start on this host")
    except FileNotFoundError:
        pass
    quiet = subprocess.DEVNULL
    argv = [sys.executable, os.path.abspath(__file__), "serve", folder, str(port)]
    process = subprocess.Popen(argv, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
    with open(pid_file, "w") as f:
        f.write(str(process.pid))
    for _ in range(200):
        try:
            return ask()
        except OSError:
            time.sleep(0.02)
    sys.exit("the service does not answer")


class Answer(http.server.BaseHTTPRequestHandler):
    mine = ""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.mine.encode())

    def log_message(self, *_):
        pass


if what == "serve":
    Answer.mine = build()
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Answer).serve_forever()
elif what == "restart":
    stop()
    start()
elif what == "ask":
    print(ask())
