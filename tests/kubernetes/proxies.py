"""Proxies as people have them: CONNECT over http and https, and SOCKS5. Each connects to 127.0.0.1, whatever the name."""
import base64
import socket
import socketserver
import ssl
import struct
import threading


def pump(a, b):
    try:
        while data := a.recv(65536):
            b.sendall(data)
    except OSError:
        pass
    for s in (a, b):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = allow_reuse_address = True

    def __init__(self, kind="http", login=None, certificate=None):
        super().__init__(("127.0.0.1", 0), None)
        self.kind, self.login, self.asked = kind, login, []
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if certificate else None
        if certificate:
            self.tls.load_cert_chain(certificate)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        return self.server_address[1]

    def stop(self):
        self.shutdown()
        self.server_close()

    def finish_request(self, request, address):
        try:
            if self.tls:
                request = self.tls.wrap_socket(request, server_side=True)
            to = self.socks(request) if self.kind == "socks5" else self.connect(request)
            if to:
                self.asked.append(to)
                with socket.create_connection(("127.0.0.1", to[1])) as server:
                    threading.Thread(target=pump, args=(request, server), daemon=True).start()
                    pump(server, request)
        except (OSError, ssl.SSLError, ValueError, IndexError):
            pass

    def connect(self, s):
        head = b""
        while b"\r\n\r\n" not in head:
            more = s.recv(1)
            if not more:
                return None
            head += more
        lines = head.decode().split("\r\n")
        method, target, _ = lines[0].split(" ")
        if self.login:
            given = [v for v in lines if v.lower().startswith("proxy-authorization:")]
            if not given or given[0].split(" ")[-1] != base64.b64encode(self.login.encode()).decode():
                s.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return None
        if method != "CONNECT":
            s.sendall(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
            return None
        host, _, port = target.rpartition(":")
        s.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        return host, int(port)

    def socks(self, s):
        def exactly(n):
            data = b""
            while len(data) < n:
                more = s.recv(n - len(data))
                if not more:
                    raise OSError("gone")
                data += more
            return data
        methods = exactly(exactly(2)[1])
        s.sendall(b"\x05\x02" if self.login else b"\x05\x00")
        if self.login:
            assert 2 in methods
            name = exactly(exactly(2)[1]).decode()
            word = exactly(exactly(1)[0]).decode()
            good = f"{name}:{word}" == self.login
            s.sendall(b"\x01\x00" if good else b"\x01\x01")
            if not good:
                return None
        _, _, _, kind = exactly(4)
        host = {1: lambda: socket.inet_ntoa(exactly(4)), 3: lambda: exactly(exactly(1)[0]).decode(),
                4: lambda: socket.inet_ntop(socket.AF_INET6, exactly(16))}[kind]()
        port, = struct.unpack(">H", exactly(2))
        s.sendall(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
        return host, port
