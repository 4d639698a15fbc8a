"""Three hosts, each an sshd in a network namespace of its own, with addresses that exist in those namespaces only.
Needs root, ip, sshd and tools/ansible.sh's environment; skipped without them."""
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "../..")
BIN = os.environ.get("LEMMY_ANSIBLE_BIN", os.path.join(ROOT, "build/ansible-venv/bin"))
SSHD = shutil.which("sshd", path="/usr/sbin:/sbin:/usr/bin")
HOSTS = ["web1", "web2", "web3"]
NET = f"lemmy{os.getpid()}"


def sh(*argv, **more):
    return subprocess.run(argv, check=True, capture_output=True, text=True, **more)


def inside(namespace, *argv):
    return ["nsenter", f"--net=/run/netns/{NET}-{namespace}", *argv]


class SshHosts(unittest.TestCase):
    used = ["runs/.ansible", "ansible"]  # below cls.dir: Ansible keeps sockets for each elsewhere
    needs = []  # files beside these
    @classmethod
    def setUpClass(cls):
        for wanted, there in {"root": os.geteuid() == 0, "ip": shutil.which("ip"), "sshd": SSHD,
                              "tools/ansible.sh": os.path.exists(BIN + "/ansible-runner"),
                              **{file: os.path.exists(file) for file in cls.needs}}.items():
            if not there:
                raise unittest.SkipTest(f"needs {wanted}")
        cls.dir = tempfile.mkdtemp(prefix="lemmy-hosts-")
        cls.sshds = {}
        cls.addClassCleanup(cls.take_down)
        cls.tree = os.path.join(cls.dir, "ansible")
        shutil.copytree(os.path.join(HERE, "config"), cls.tree)
        os.makedirs("/run/sshd", exist_ok=True)
        for key in ["client", "stranger", *HOSTS]:
            sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", key, "-f", f"{cls.dir}/{key}.key")
        cls.make_network()
        cls.write_inventory()
        for host in HOSTS:
            cls.start_sshd(host)

    @classmethod
    def make_network(cls):
        sh("ip", "netns", "add", f"{NET}-server")
        sh(*inside("server", "ip", "link", "add", "hosts", "type", "bridge"))
        sh(*inside("server", "ip", "link", "set", "lo", "up"))
        for i, host in enumerate(HOSTS):
            sh("ip", "netns", "add", f"{NET}-{host}")
            sh(*inside("server", "ip", "link", "add", host, "type", "veth", "peer", "name", "eth0", "netns",
                       f"{NET}-{host}"))
            sh(*inside("server", "ip", "link", "set", host, "master", "hosts", "up"))
            sh(*inside(host, "ip", "address", "add", f"10.77.0.{11 + i}/24", "dev", "eth0"))
            sh(*inside(host, "ip", "link", "set", "eth0", "up"))
            sh(*inside(host, "ip", "link", "set", "lo", "up"))
        sh(*inside("server", "ip", "address", "add", "10.77.0.1/24", "dev", "hosts"))
        sh(*inside("server", "ip", "link", "set", "hosts", "up"))

    @classmethod
    def write_inventory(cls):
        known = ""
        hosts = {}
        for i, host in enumerate(HOSTS):
            with open(f"{cls.dir}/{host}.key.pub") as f:
                known += f"10.77.0.{11 + i} {f.read()}"
            hosts[host] = {"ansible_host": f"10.77.0.{11 + i}", "app_dir": f"{cls.dir}/{host}/app"}
            os.mkdir(f"{cls.dir}/{host}")
        with open(f"{cls.dir}/known_hosts", "w") as f:
            f.write(known)
        here = {"ansible_host": "10.77.0.11", "app_dir": f"{cls.dir}/web1/app"}
        inventory = {"all": {
            "vars": {"ansible_user": "root", "ansible_ssh_private_key_file": f"{cls.dir}/client.key",
                     "ansible_python_interpreter": sys.executable,
                     "ansible_remote_tmp": f"{cls.dir}/remote",
                     "ansible_ssh_common_args": f"-F none -o UserKnownHostsFile={cls.dir}/known_hosts"
                                                " -o GlobalKnownHostsFile=/dev/null -o IdentitiesOnly=yes"},
            "children": {
                "project_shop": {"hosts": hosts},
                "environment_production_hosts": {"hosts": hosts},
                "refused": {"hosts": {"off": {"ansible_host": "10.77.0.1"}}},
                "strange": {"hosts": {"unknown": {**here, "ansible_ssh_common_args":
                                                  "-F none -o UserKnownHostsFile=/dev/null",
                                                  "ansible_control_path": "none"}}},
                "denied": {"hosts": {"locked": {**here, "ansible_ssh_private_key_file":
                                                f"{cls.dir}/stranger.key", "ansible_control_path": "none"}}}}}}
        os.mkdir(f"{cls.tree}/inventory")
        with open(f"{cls.tree}/inventory/hosts.json", "w") as f:
            json.dump(inventory, f)

    @classmethod
    def start_sshd(cls, host):
        config = f"{cls.dir}/{host}.sshd"
        with open(config, "w") as f:
            f.write(f"HostKey {cls.dir}/{host}.key\nAuthorizedKeysFile {cls.dir}/client.key.pub\nStrictModes no\n"
                    f"UsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\nPidFile none\n"
                    f"UseDNS no\nMaxStartups 100\n")
        cls.sshds[host] = subprocess.Popen(inside(host, SSHD, "-D", "-f", config, "-E", f"{cls.dir}/{host}.log"))
        for _ in range(250):
            if subprocess.run(inside(host, "ss", "-Hltn", "sport", "=", "22"), capture_output=True).stdout:
                return
            time.sleep(0.02)
        raise AssertionError(open(f"{cls.dir}/{host}.log").read())

    @classmethod
    def take_down(cls):
        for name in ["server", *HOSTS]:
            listed = subprocess.run(["ip", "netns", "pids", f"{NET}-{name}"], capture_output=True, text=True)
            for pid in listed.stdout.split():  # all of them are ours: the namespace is
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            subprocess.run(["ip", "netns", "del", f"{NET}-{name}"], capture_output=True)
        for process in cls.sshds.values():
            process.wait()
        for used in cls.used:
            name = hashlib.sha256(f"{cls.dir}/{used}".encode()).hexdigest()[:8]
            folder = f"/tmp/lemmy-{os.geteuid()}-{name}"
            shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(cls.dir)

    def serving(self):
        out = []
        for host in HOSTS:
            app = f"{self.dir}/{host}/app"
            asked = subprocess.run(inside(host, sys.executable, f"{app}/service.py", "ask", app, "8080"),
                                   capture_output=True, text=True)
            out.append(asked.stdout.strip())
        return out

    def refuse(self, host, builds):
        os.makedirs(f"{self.dir}/{host}/app", exist_ok=True)
        with open(f"{self.dir}/{host}/app/refuses", "w") as f:
            f.write(builds)
