"""Disks of the tests' own, where this machine lets them be mounted."""
import subprocess
import tempfile
from pathlib import Path


def run(*command):
    done = subprocess.run([str(c) for c in command], text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.stderr}")
    return done.stdout


def mounted(test, *arguments):
    """A disk of the test's own; it is skipped where nothing may be mounted."""
    folder = Path(tempfile.mkdtemp(prefix="lemmy-disk-"))
    test.addCleanup(folder.rmdir)
    done = subprocess.run(["mount", *arguments, folder], text=True, capture_output=True, check=False)
    if done.returncode != 0:
        test.skipTest(f"nothing can be mounted here: {done.stderr.strip()}")
    test.addCleanup(subprocess.run, ["umount", "-l", folder], check=False)
    return folder
