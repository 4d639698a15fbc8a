"""Follows the feed of servers that are killed, and compares what it tells with their deploys."""
import collections
import gzip
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/kubernetes"))
from harness import LEMMY, wait_for  # noqa: E402

FINAL = ("live", "failed", "cancelled", "superseded")
TOLD = {"queued": "queued", "preparing": "started"} | {p: p for p in FINAL}  # phases that the feed tells of


class Following:
    """For a TestCase with a server, its store, an archive, targets() and deploys_of(). Deploys are neither restored nor
    let in again here, so each does each thing once."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.told, self.cursor = collections.defaultdict(list), "0"  # by deploy, as the feed told it
        self.ids, self.answered = set(), set()  # of events; of those that the server told

    def archived_events(self):
        out = []
        for path in sorted(self.archive.glob("feed-*.jsonl.gz")):
            text = b""
            try:
                with gzip.open(path) as file:
                    while part := file.read(1 << 16):
                        text += part
            except EOFError:  # a kill tore its end
                text = text[:text.rfind(b"\n") + 1]
            items = [json.loads(line)["item"] for line in text.splitlines()]
            out += [i | i["body"] for i in items]
        return out

    def take(self, e):
        """An event that is new."""
        self.ids.add(e["id"])
        of = self.told[e["project"], e["environment"], e["number"]]
        self.assertNotIn(e["what"], of, f"told twice: {e}")
        of.append(e["what"])

    def follow(self):
        """Reads on behind what was read before this kill or an earlier one: nothing comes twice, and what was let go
        meanwhile is in the archive, where it may stand twice."""
        while True:
            status, page = self.lemmy.call("GET", f"/api/v1/events?limit=1000&after={self.cursor}")
            self.assertEqual(status, 200, page)
            if page["missed"] or self.cursor == "0":
                for e in self.archived_events():
                    if e["id"] not in self.ids:
                        self.take(e)
            for e in page["events"]:
                self.assertNotIn(e["id"], self.answered)
                self.answered.add(e["id"])
                if e["id"] not in self.ids:
                    self.take(e)
            self.cursor = page["next"]
            if not page["more"]:
                return

    def check_told(self):
        """While servers write: what the deploys show already the feed has told."""
        there = [(*t, d) for t in self.targets() for d in self.deploys_of(*t)]
        self.follow()
        for project, environment, d in there:
            told, where = self.told[project, environment, d["number"]], f"{project}/{environment} #{d['number']}"
            expected = ["queued"]
            if d["phase"] in FINAL:
                expected.append(d["phase"])
            if d["phase"] not in ("queued", "cancelled", "superseded"):
                expected.append("started")
            if d["presence"] in ("zeroed", "deleted"):
                expected.append(d["presence"])
            self.assertEqual([w for w in expected if w not in told], [], f"{where} is {d['phase']}, {d['presence']}: {told}")

    def check_feed(self):
        """When all is over: the feed tells of each deploy what its history tells, and of no other."""
        stored = {(*t, d["number"]): d for t in self.targets() for d in self.deploys_of(*t)}
        self.follow()
        self.assertEqual(set(self.told), set(stored), "the feed tells of other deploys than there are")
        newest = {t: sorted(n for *of, n in stored if tuple(of) == t)[-20:] for t in self.targets()}
        for (*target, number), d in stored.items():
            told = self.told[(*target, number)]
            if number in newest[tuple(target)]:
                history = self.lemmy.status(*target, number)["history"]
                phases = [TOLD[e["phase"]] for e in history if e["kind"] == "phase" and e["phase"] in TOLD]
                self.assertEqual([w for w in told if w in TOLD.values()], phases, f"{target} #{number}")
            gone = {"zeroed": ["zeroed"], "deleted": ["zeroed", "deleted"]}.get(d["presence"], [])
            self.assertEqual([w for w in told if w in ("zeroed", "deleted")], gone, f"{target} #{number}")

    def quiet(self):
        before = self.cursor
        self.follow()
        time.sleep(3)  # what went live has others zeroed after 1 s
        self.follow()
        return self.cursor == before and not self.unsettled()

    def check_records(self):
        """Without a server: the store is sound. What is left of the feed and what is in the archive is all of it, and one
        entry says what was let go, beside that of the cluster's uid."""
        wait_for("nothing more to be told", self.quiet, 60, 0)
        self.lemmy.stop()
        done = subprocess.run([LEMMY, "store", "check", self.lemmy.more[-1]], env=os.environ | self.store.env(),
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        counts = {words[0]: int(words[1]) for words in map(str.split, done.stdout.splitlines())
                  if len(words) > 1 and words[1].isdigit()}
        gone = {e["id"] for e in self.archived_events()}
        print(f"{self.store.name}: {len(self.ids)} events, {len(gone)} of them archived", flush=True)
        self.assertLessEqual(gone, self.ids)
        self.assertGreaterEqual(counts["feed"] + len(gone), len(self.ids), done.stdout)
        self.assertEqual(counts["entries"], 1 + (counts["feed"] < len(self.ids)), done.stdout)
