"""Reads a stream of server-sent events off its socket, byte by byte as it comes."""
import json
import re
import socket
import time
import zlib


class Stream:
    """`GET path`. `bytes`: of the body, as on the wire; `events`: [(name, id, data)] so far."""

    def __init__(self, port, path, gzip=True, headers=None, buffer=None):
        self.socket = socket.socket()
        if buffer:  # before the connection, so that the window is small
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.connect(("127.0.0.1", port))
        lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: text/event-stream"]
        lines += ["Accept-Encoding: gzip"] if gzip else []
        lines += [f"{k}: {v}" for k, v in (headers or {}).items()]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self.events, self.bytes, self.ended, self.raw, self.text = [], 0, False, b"", ""
        self.inflate, self.head = None, None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def read(self, seconds):
        """What comes within so long; ends sooner when something came, or the stream ended."""
        self.socket.settimeout(max(0.001, seconds))
        try:
            data = self.socket.recv(65536)
        except (TimeoutError, socket.timeout):
            return []
        except ConnectionResetError:
            data = b""
        if not data:
            self.ended = True
            return []
        self.raw += data
        if self.head is None:
            head, mark, rest = self.raw.partition(b"\r\n\r\n")
            if not mark:
                return []
            self.head, self.raw = head.decode(), rest
            if re.search(r"(?im)^content-encoding: gzip", self.head):
                self.inflate = zlib.decompressobj(31)
        before = len(self.events)
        self._chunks()
        *whole, self.text = self.text.split("\n\n")
        for event in whole:
            fields = dict(re.findall(r"(?m)^(event|id|data): (.*)$", event))
            if "event" in fields:
                self.events.append((fields["event"], fields.get("id", ""), json.loads(fields["data"])))
        return self.events[before:]

    def _chunks(self):
        while True:
            line, mark, rest = self.raw.partition(b"\r\n")
            if not mark or len(rest) < int(line, 16) + 2:
                return
            size = int(line, 16)
            self.bytes += len(line) + size + 4
            self.raw = rest[size + 2:]
            self.ended = self.ended or size == 0
            part = rest[:size]
            self.text += (self.inflate.decompress(part) if self.inflate else part).decode()

    def status(self):
        while self.head is None and not self.ended:
            self.read(10)
        return int(self.head.split()[1])

    def until(self, wanted, seconds=30):
        """The first event, of those that came already too, for which wanted(name, data)."""
        deadline, looked = time.time() + seconds, 0
        while True:
            for name, _, data in self.events[looked:]:
                if wanted(name, data):
                    return name, data
            looked = len(self.events)
            if self.ended or time.time() > deadline:
                raise AssertionError(f"it did not come; {'the stream ended; ' if self.ended else ''}"
                                     f"came: {[e[0] for e in self.events]}")
            self.read(deadline - time.time())

    def quiet(self, seconds):
        """All that comes within so long."""
        deadline, came = time.time() + seconds, []
        while (left := deadline - time.time()) > 0 and not self.ended:
            came += self.read(left)
        return came
