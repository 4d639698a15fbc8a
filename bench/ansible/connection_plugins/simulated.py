"""Connects to nowhere: a host is a folder of this machine, and what is run on it is run by a shell in that folder."""
import os
import shutil
import subprocess
import time

from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: simulated
short_description: hosts that are folders
description: For bench/boot_storm.py.
options:
  hosts:
    description: the folder with a folder for each host
    vars: [{name: simulated_hosts}]
    type: path
    required: true
  latency:
    description: how long each command takes, in seconds
    vars: [{name: simulated_latency}]
    type: float
    default: 0
"""


class Connection(ConnectionBase):
    transport = "simulated"
    has_pipelining = True

    def _connect(self):
        if not self._connected:
            # Ansible's process of a task knows the host by its address only.
            self.folder = os.path.join(self.get_option("hosts"), self._play_context.remote_addr)
            os.makedirs(self.folder, exist_ok=True)
            self._connected = True
        return self

    def exec_command(self, cmd, in_data=None, sudoable=True):
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        time.sleep(self.get_option("latency"))
        done = subprocess.run(["/bin/sh", "-c", cmd], cwd=self.folder, input=in_data or b"", capture_output=True)
        return done.returncode, done.stdout, done.stderr

    def put_file(self, in_path, out_path):
        shutil.copyfile(in_path, os.path.join(self.folder, out_path))

    def fetch_file(self, in_path, out_path):
        shutil.copyfile(os.path.join(self.folder, in_path), out_path)

    def close(self):
        self._connected = False
