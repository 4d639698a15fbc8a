#!/usr/bin/env python3
"""Hosts that boot all at once and ask for their build, beside one ansible-playbook run for each of them.

    bench/boot_storm.py [HOSTS]      build/lemmy and tools/ansible.sh's environment must be there
      --latency S      how long each command takes on a host (1); a host is a folder, see bench/ansible
      --sample N       hosts that the plain design is measured with (40), half before and half after the storms
      --all            measures it with all of them instead
      --one-address    all calls come from one address, as behind NAT
      --only-calls     nothing is deployed: how long until all calls are kept

Two storms of 10 s: without a deploy, and with one in the middle. Ends with 1 unless every call is in the ledger, the
API lists all hosts as converged on the newest build, and each host has it.
"""
import argparse
import asyncio
import hashlib
import json
import os
import re
import resource
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/kubernetes"))
from harness import Lemmy, new_sha  # noqa: E402

BIN = os.environ.get("LEMMY_ANSIBLE_BIN", str(ROOT / "build/ansible-venv/bin"))
STORM = 10.0  # seconds
AT_ONCE = 4   # runs: as many as Lemmy allows
TARGET = "/api/v1/projects/web/environments/storm"


class World(Lemmy):
    """The hosts, their configuration, and a server that asks for tokens."""

    def __init__(self, work, names, latency):
        self.work, self.names, self.hosts = work, names, work / "hosts"
        self.hosts.mkdir()
        self.token, self.of_hosts = secrets.token_hex(20), secrets.token_hex(20)
        config = work / "config"
        (config / "projects/web").mkdir(parents=True)
        (config / "projects/web/project.yaml").write_text("deployer: ansible\n")
        (config / "projects/web/environments.json").write_text('{"storm": {}}')
        known, hosts = hashlib.sha256(self.token.encode()), hashlib.sha256(self.of_hosts.encode())
        (config / "access.yaml").write_text(json.dumps({
            "tokens": {"bench": {"role": "deployer", "hash": known.hexdigest()}},
            "hooks": {"bench": {"token_hash": known.hexdigest()}},
            "instances": {"tokens": {"web": {"project": "web", "environment": "storm",
                                             "token_hash": hosts.hexdigest()}}}}))
        self.ansible = config / "ansible"
        shutil.copytree(ROOT / "bench/ansible", self.ansible)
        (self.ansible / "inventory").mkdir()
        (self.ansible / "inventory/hosts.json").write_text(json.dumps({"all": {
            "vars": {"ansible_connection": "simulated", "simulated_hosts": str(self.hosts),
                     "simulated_latency": latency},
            "children": {"project_web": {"hosts": {n: {"instance_id": f"i-{n}"} for n in names}},
                         "environment_storm": {"hosts": {n: {} for n in names}}}}}))
        super().__init__(config, work / "data", work / "none", "--ansible", BIN)

    def call(self, method, path, body=None, headers=None):
        return super().call(method, path, body, {"Authorization": f"Bearer {self.token}", **(headers or {})})

    def pages(self, path, what):
        after = ""
        while True:
            code, answer = self.call("GET", f"{path}?" + urlencode({"limit": 1000, "after": after}))
            assert code == 200, answer
            yield from answer[what]
            after = answer["next"]
            if not after:
                return

    def converged(self, sha):
        return {i["host"] for i in self.pages(f"{TARGET}/instances", "instances")
                if i["state"] == "converged" and not i["pending"] and i["build"] == sha}

    def runs(self):
        return sum(int(float(n)) for n in re.findall(r"^lemmy_instance_runs_total\{.*\} (\S+)$",
                                                     self.call("GET", "/metrics")[1], re.M))

    def processor_time(self):
        """Of the server and of all that it ran and that has ended, in seconds."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def on(self, name):
        file = self.hosts / name / "running"
        return file.read_text().strip() if file.exists() else ""

    def boot(self):
        shutil.rmtree(self.hosts)
        self.hosts.mkdir()


async def ask(world, name, address, at):
    """As curl --retry 100 --retry-max-time 3600 --retry-all-errors. Seconds to the 202, the calls it took, and when."""
    body = urlencode({"project": "web", "environment": "storm", "instance_id": f"i-{name}"})
    request = "\r\n".join([
        "POST /hooks/instance HTTP/1.1", "Host: lemmy", "Connection: close", f"Authorization: Bearer {world.of_hosts}",
        "Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}", "", body]).encode()
    loop = asyncio.get_running_loop()
    await asyncio.sleep(at - loop.time())
    answer = ""
    for tries in range(101):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", world.port, local_addr=(address, 0))
            writer.write(request)
            answer = (await reader.read()).decode()
            writer.close()
        except OSError as e:
            answer = str(e)
        if answer.startswith("HTTP/1.1 202"):
            return loop.time() - at, tries + 1, loop.time()
        wait = re.search(r"^Retry-After: (\d+)", answer, re.M | re.I)
        pause = int(wait[1]) if wait else min(2 ** tries, 600)
        if loop.time() + pause > at + 3600:
            break
        await asyncio.sleep(pause)
    return None, tries + 1, answer.split("\r\n")[0]


async def storm(world, one_address, deploy=None):
    """All calls; `deploy` is called in the middle."""
    loop = asyncio.get_running_loop()
    start = loop.time() + 0.2
    calls = [ask(world, name, "127.0.0.1" if one_address else f"127.1.{i // 250}.{i % 250 + 1}",
                 start + i * STORM / len(world.names)) for i, name in enumerate(world.names)]

    async def deploy_then():
        if deploy:
            await asyncio.sleep(start + STORM / 2 - loop.time())
            return await loop.run_in_executor(None, deploy)
    *asked, number = await asyncio.gather(*calls, deploy_then())
    return start, asked, number


def at(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def print_calls(title, start, asked):
    good = [a for a in asked if a[0] is not None]
    print(f"\n| {title} | |\n|---|---|")
    print(f"| calls, of them again after 429 or an error | {sum(a[1] for a in asked)}, "
          f"{sum(a[1] - 1 for a in asked)} |")
    print(f"| a call until its 202: half, 99 % | {at([a[0] for a in good], .5) * 1000:.0f} ms, "
          f"{at([a[0] for a in good], .99) * 1000:.0f} ms |")
    print(f"| all have their 202 | {max((a[2] for a in good), default=start) - start:.1f} s |", flush=True)
    gave_up = [a[2] for a in asked if a[0] is None]
    return [f"{len(gave_up)} hosts gave up, such as {gave_up[0]}"] if gave_up else []


def not_kept(world, times):
    """Each host's call must be in the ledger as often as it got a 202."""
    asked = {}
    for d in world.pages("/api/v1/deliveries", "deliveries"):
        if d["hook"] == "instance" and d["verdict"] == "accepted":
            asked.setdefault(json.loads(d["body"])["instance_id"], []).append(d["caller"])
    missing = [n for n in world.names if asked.get(f"i-{n}") != ["token web"] * times]
    return [f"not in the ledger: {len(missing)} hosts, such as {missing[0]}"] if missing else []


def of_lemmy(world, title, sha, one_address, deploy=None):
    world.boot()
    began, runs, worked = time.time() + 0.2, world.runs(), world.processor_time()
    start, asked, number = asyncio.run(storm(world, one_address, deploy))
    kept = sum(took is not None for took, *_ in asked)
    deployed = None
    end = time.monotonic() + 1800
    # The events of a deploy to many hosts are many: each look costs the server something.
    while len(world.converged(sha)) < kept and time.monotonic() < end:
        time.sleep(1)
    took = time.monotonic() - start
    if number:
        world.wait_phase("web", "storm", number, "live", "failed", limit=600)
        deployed = world.status("web", "storm", number)["deploy"]["phase"]
    worked = world.processor_time() - worked
    has = [n for n in world.names if world.on(n) == sha]
    done = [(i, (world.hosts / n / "running").stat().st_mtime - began - i * STORM / len(world.names))
            for i, n in enumerate(world.names) if n in set(has)]
    faults = print_calls(title, start, asked)
    print(f"| a host from its call until it has the newest build: half, 99 % | {at([d for _, d in done], .5):.0f} s, "
          f"{at([d for _, d in done], .99):.0f} s |")
    there = max((d + i * STORM / len(world.names) for i, d in done), default=0)
    print(f"| all have it | {there:.0f} s |")
    print(f"| all converged on the newest build, as Lemmy knows it | {took:.0f} s |")
    print(f"| runs for hosts that asked{', beside the deploy' if number else ''} | {world.runs() - runs} |")
    print(f"| processor time of Lemmy and its runs | {worked:.0f} s |", flush=True)
    if deployed not in (None, "live"):
        faults.append(f"the deploy is {deployed}")
    for what, hosts in (("have the newest build", set(has)), ("are converged in the API", world.converged(sha))):
        if missing := set(world.names) - hosts:
            faults.append(f"{len(hosts)} hosts {what}, not {', '.join(sorted(missing)[:5])}")
    return there, took, worked, faults


def children_time():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def plain(world, names, sha):
    """One ansible-playbook a host; how long for all of these, AT_ONCE together, and its processor time."""
    variables = world.work / "plain.json"
    variables.write_text(json.dumps({"lemmy": {"project": "web", "environment": "storm", "build": {"sha": sha}}}))
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "ANSIBLE_HOME": str(world.work / "plain"),
                   "ANSIBLE_CONFIG": str(world.ansible / "ansible.cfg")}

    def run(name):
        done = subprocess.run(["ansible-playbook", "-i", "inventory", "--limit", name, "-e", f"@{variables}",
                               "playbooks/web.yml"], cwd=world.ansible, env=environment, capture_output=True, text=True)
        assert done.returncode == 0 and world.on(name) == sha, done.stdout + done.stderr
    began, worked = time.monotonic(), children_time()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(run, names))
    return time.monotonic() - began, children_time() - worked


def main():
    options = argparse.ArgumentParser(usage=__doc__)
    options.add_argument("hosts", nargs="?", type=int, default=1000)
    options.add_argument("--latency", type=float, default=1.0)
    options.add_argument("--sample", type=int, default=40)
    options.add_argument("--all", action="store_true")
    options.add_argument("--one-address", action="store_true")
    options.add_argument("--only-calls", action="store_true")
    o = options.parse_args()
    names = [f"web{n:04}" for n in range(o.hosts)]
    sample = names if o.all else names[:: max(1, len(names) // o.sample)][: o.sample]
    work = Path(tempfile.mkdtemp(prefix="lemmy-storm-"))
    world = World(work, names, o.latency)
    try:
        world.start()
        if o.only_calls:
            start, asked, _ = asyncio.run(storm(world, o.one_address))
            faults = print_calls(f"{o.hosts} calls", start, asked) + not_kept(world, 1)
            print("\n".join(f"WRONG: {f}" for f in faults) or "\nEach is in the ledger.")
            return 1 if faults else 0
        first, second = new_sha(), new_sha()
        for sha in (first, second):
            world.announce("web", sha)
        began = time.monotonic()
        number = world.deploy("web", "storm", first)
        world.wait_phase("web", "storm", number, "live", "failed", limit=900)
        print(f"{o.hosts} hosts, {o.latency} s a command on them; load of this machine {os.getloadavg()[0]:.1f}")
        print(f"the first deploy, to all of them: {time.monotonic() - began:.0f} s", flush=True)
        before = plain(world, sample[: len(sample) // 2], first)
        *one, faults = of_lemmy(world, "a storm", first, o.one_address)
        *two, faults2 = of_lemmy(world, "a storm with a deploy in the middle", second, o.one_address,
                                  lambda: world.deploy("web", "storm", second))
        after = plain(world, sample[len(sample) // 2:], second)
        cost, cpu = (b + a for b, a in zip(before, after))
        scale = o.hosts / len(sample)
        faults2 += not_kept(world, 2)
        how = "measured" if o.all else f"from {len(sample)} hosts"
        print(f"\n| one ansible-playbook a host, {AT_ONCE} at once, {how} | |\n|---|---|")
        print(f"| all of them | {cost * scale:.0f} s |\n| processor time | {cpu * scale:.0f} s |")
        print("\n| how many times as long as | until all have it | until Lemmy knows | processor time |\n|---|---|---|---|")
        for title, (there, took, worked) in (("a storm", one), ("a storm with a deploy", two)):
            print(f"| {title} | {cost * scale / there:.1f} | {cost * scale / took:.1f} | {cpu * scale / worked:.1f} |")
        print("\nEach host, the ledger and the API agree." if not faults + faults2 else "")
        for fault in [f"a storm: {f}" for f in faults] + [f"a storm with a deploy: {f}" for f in faults2]:
            print("WRONG:", fault)
        return 1 if faults + faults2 else 0
    except AssertionError:
        print(world.said(), file=sys.stderr)
        raise
    finally:
        world.stop()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
