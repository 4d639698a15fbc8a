"""A wall clock of a server's own, which tests set while it runs."""
import atexit
import functools
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

MINUTE, HOUR, DAY = 60, 3600, 86400


@functools.cache
def library():
    folder = Path(tempfile.mkdtemp(prefix="lemmy-wall-clock-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    compiler = shutil.which("cc") or "clang-19"
    subprocess.run([compiler, "-std=gnu11", "-Wall", "-Werror", "-O1", "-shared", "-fPIC", "-o", folder / "wall_clock.so",
                    Path(__file__).with_name("wall_clock.c")], check=True)
    return folder / "wall_clock.so"


class WallClock:
    """`env` is for the server; set() moves its clock at once, for the programs that it starts too."""

    def __init__(self, folder, seconds=0):
        self.file = Path(folder) / f"wall-clock-{id(self)}"
        self.file.write_bytes(bytes(8))
        self.env = {"LD_PRELOAD": str(library()), "WALL_CLOCK": str(self.file)}
        self.set(seconds)

    def set(self, seconds):
        with open(self.file, "r+b", buffering=0) as file:
            file.write(struct.pack("=q", seconds * 10**9))
