"""Which hosts have come to the end of a run that was broken off elsewhere: no version of Ansible tells by its events, so
each is asked, on plays of every kind."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RUN = os.environ.get("LEMMY_ANSIBLE_RUN", str(ROOT / "build/src/ansible_run"))
HOSTS = {"h1", "h2", "h3"}
LOOK = "    - {name: Look, command: 'true'}\n"
PUT = "    - {name: Put, copy: {content: x, dest: 'OUT/{{ inventory_hostname }}'}}\n"
FAIL = "    - {name: Fail, command: 'false', when: inventory_hostname == 'h1'}\n"
ON_TWO = FAIL.replace("h1", "h2")
ONCE = "    - {name: Once, command: 'false', run_once: true}\n"


def play(tasks, *settings):
    return "".join(["- hosts: all\n  gather_facts: false\n", *(f"  {s}\n" for s in settings), "  tasks:\n", tasks])


def block(tasks, end, last, *settings):
    inner = re.sub("(?m)^    ", "        ", tasks)
    return f"    - block:\n{inner}" + "".join(f"      {s}\n" for s in settings) + f"      {end}:\n" + \
        re.sub("(?m)^    ", "        ", last)


FATAL = "any_errors_fatal: true"
# The play, and the hosts that come to its end; None: those on which its last task was.
PLAYS = {
    "all is well": (play(LOOK + PUT), HOSTS),
    "a task for all of them fails": (play(LOOK + ONCE + PUT), set()),
    "a task for all of them fails, and that is ignored": (play(LOOK + ONCE.replace("}", ", ignore_errors: true}") + PUT), HOSTS),
    "a task for all of them fails, and is rescued": (play(block(ONCE, "rescue", LOOK) + PUT), None),
    "a task for all of them fails, and something always runs": (play(block(ONCE, "always", LOOK) + PUT), None),
    "errors are fatal": (play(FAIL + PUT, FATAL), set()),
    "errors are fatal, and rescued": (play(block(FAIL, "rescue", LOOK, FATAL) + PUT), None),
    "errors are fatal, and something always runs": (play(block(FAIL, "always", LOOK, FATAL) + PUT), None),
    "errors are fatal in one of several batches": (play(PUT + ON_TWO, FATAL, "serial: 1"), {"h1"}),
    "no failure is tolerated": (play(FAIL + PUT, "max_fail_percentage: 0"), set()),
    "the last task fails": (play(PUT + FAIL), {"h2", "h3"}),
    "a batch fails": (play(PUT + ON_TWO, "serial: 1"), {"h1"}),
    "a batch fails and another play would follow": (play(LOOK + ON_TWO, "serial: 1") + play(PUT), set()),
    "a batch fails and another play for hosts that are known later would follow":
        (play(LOOK + ON_TWO, "serial: 1") + play(PUT).replace("all", "\"{{ groups['all'] }}\"", 1), set()),
    "a batch fails and another play for other hosts would follow":
        (play(PUT + ON_TWO, "serial: 1") + play(PUT).replace("all", "others", 1), {"h1"}),
    "the first batch of the second play fails": (play(LOOK) + play(FAIL + PUT, "serial: 1"), set()),
    "hosts go on by themselves": (play(FAIL + LOOK + PUT, "strategy: free"), {"h2", "h3"}),
    "a play ends itself in the first of its batches":
        (play(PUT, "serial: 1") + play(LOOK + "    - {meta: end_play}\n", "serial: 1"), HOSTS),
    "a host ends early": (play(LOOK + "    - {meta: end_host, when: inventory_hostname == 'h2'}\n" + PUT), HOSTS),
}


class Ends(unittest.TestCase):
    def prepare(self):
        self.dir = tempfile.mkdtemp(prefix="lemmy-ends-")
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        Path(self.dir, "variables.json").write_text(json.dumps({"lemmy": {"project": "shop"}}))
        for folder in ("tree/inventory", "tree/playbooks", "out"):
            os.makedirs(f"{self.dir}/{folder}")
        Path(self.dir, "tree/inventory/hosts.json").write_text(json.dumps({"all": {
            "vars": {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"},
            "children": {"meant": {"hosts": dict.fromkeys(sorted(HOSTS), {})}, "others": {"hosts": {"h4": {}}}}}}))
        for n, (playbook, _) in enumerate(PLAYS.values()):
            os.mkdir(f"{self.dir}/out/{n}")
            Path(self.dir, f"tree/playbooks/{n}.yml").write_text(playbook.replace("OUT", f"{self.dir}/out/{n}"))

    def run_of(self, bin_folder, n):
        done = subprocess.run([RUN, bin_folder, f"{self.dir}/tree", f"{self.dir}/runs", f"run-{n}", f"{n}.yml", "meant",
                               f"{self.dir}/variables.json"], capture_output=True, text=True, timeout=120)
        return json.loads(done.stdout), set(os.listdir(f"{self.dir}/out/{n}"))

    def ends_with(self, bin_folder):
        with ThreadPoolExecutor(4) as pool:
            runs = list(pool.map(lambda n: self.run_of(bin_folder, n), range(len(PLAYS))))
        for (kind, (_, wanted)), (result, put) in zip(PLAYS.items(), runs):
            with self.subTest(kind):
                self.assertIsNone(result["error"])
                hosts = {h["name"]: h for h in result["progress"]["hosts"]}
                log = Path(result["outcome"]["log_file"]).read_text()
                complete = {name for name, h in hosts.items() if h["complete"]}
                self.assertEqual(complete, put if wanted is None else wanted, log)
                for name in set(hosts) - complete:
                    self.assertTrue(hosts[name]["message"], f"{name} says why")
                self.assertNotIn("lemmy_ends", log)

    def ansible(self, version):
        return subprocess.run([ROOT / "tools/ansible.sh", ROOT / f"build/ansible-{version}", version], check=True,
                              stdout=subprocess.PIPE, text=True).stdout.strip()

    # `./test long` also asks that of Debian 12; 2.19 does not tell by events of hosts that it gave up.
    def test_with_each_ansible(self):
        for version in os.environ.get("LEMMY_ANSIBLES", "2.19.14").split():
            with self.subTest(version):
                self.prepare()
                self.ends_with(self.ansible(version))


if __name__ == "__main__":
    unittest.main()
