"""Many viewers of server-sent events in one process, with the kernel's own time of arrival of each event: how slow this
reader is does not count. Each asks for gzip, as browsers do."""
import re
import selectors
import socket
import struct
import time
import zlib

SO_TIMESTAMPNS = 35  # also the type of the control message


class Body:
    """The plain text of a chunked body (RFC 9112, 7.1), compressed or not, as it comes."""

    def __init__(self):
        self.head, self.raw, self.inflate, self.ended = None, b"", None, False

    def feed(self, data):
        self.raw += data
        out = b""
        if self.head is None:
            head, mark, rest = self.raw.partition(b"\r\n\r\n")
            if not mark:
                return out
            self.head, self.raw = head, rest
            if b" 200 " not in head.split(b"\r\n")[0]:
                raise SystemExit(head.decode() + rest.decode()[:300])
            if re.search(rb"(?im)^content-encoding: gzip", head):
                self.inflate = zlib.decompressobj(31)
        while True:
            line, mark, rest = self.raw.partition(b"\r\n")
            if not mark:
                return out
            size = int(line, 16)
            self.ended = size == 0
            if len(rest) < size + 2:
                return out
            part, self.raw = rest[:size], rest[size + 2:]
            out += self.inflate.decompress(part) if self.inflate else part


class Viewer:
    def __init__(self, port, path, kind):
        self.kind, self.path, self.body, self.rest, self.events = kind, path, Body(), b"", 0
        self.last, self.last_at = b"", 0.0  # the newest event, and its time of arrival (time.time())
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
                            "Accept-Encoding: gzip\r\n\r\n".encode())
        self.socket.setblocking(False)
        self.bytes = 0  # on the wire, of all events; the chunks' own and what comes before too
        self.counted = 0

    def read(self):
        """The events that are there now: [(arrival, text, bytes on the wire)]. None: the stream has ended."""
        found = []
        while True:
            try:
                data, control, _, _ = self.socket.recvmsg(262144, 128)
            except BlockingIOError:
                return found
            if not data or self.body.ended:
                return None
            at = time.time()
            for level, kind, value in control:
                if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                    seconds, nanoseconds = struct.unpack("qq", value[:16])
                    at = seconds + nanoseconds / 1e9
            self.bytes += len(data)
            *events, self.rest = (self.rest + self.body.feed(data)).split(b"\n\n")
            for event in events:
                if b"data:" in event and not event.startswith((b"event: hello", b"event: beat")):
                    self.events += 1
                    self.last, self.last_at = event, at
                    found.append((at, event, self.bytes - self.counted))
                self.counted = self.bytes


class Viewers:
    def __init__(self):
        self.all, self.selector = [], selectors.DefaultSelector()

    def add(self, port, path, kind):
        viewer = Viewer(port, path, kind)
        self.all.append(viewer)
        self.selector.register(viewer.socket, selectors.EVENT_READ, viewer)
        return viewer

    def read(self, seconds):
        """Reads for so long at most; gives [(viewer, arrival, event, its bytes)] as soon as something came."""
        out = []
        for key, _ in self.selector.select(max(0, seconds)):
            events = key.data.read()
            if events is None:
                raise SystemExit(f"the stream of {key.data.path} ended: {key.data.rest[:300]}")
            out += [(key.data, *event) for event in events]
        return out

    def until_quiet(self, quiet=0.5, limit=60):
        """Until nothing came for so long."""
        stop, silent_since = time.monotonic() + limit, time.monotonic()
        while time.monotonic() - silent_since < quiet:
            if self.read(quiet):
                silent_since = time.monotonic()
            if time.monotonic() > stop:
                raise SystemExit(f"the streams are not quiet within {limit} s")

    def close(self):
        for viewer in self.all:
            self.selector.unregister(viewer.socket)
            viewer.socket.close()
        self.all.clear()
