"""What a server under test connects to in place of what it means: a proxy, and what other stand-ins are made of."""
import queue
import socket
import threading
import time


class Listener:
    """Takes connections on a port of its own, until it is closed."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.connected(client)

    def connected(self, client):
        raise NotImplementedError

    def close(self):
        self.listener.close()


class Proxy(Listener):
    """TCP between one server and another, such as the store: to be cut, mended and slowed down."""

    def __init__(self, port):
        self.to, self.up, self.delay, self.pairs = port, True, 0.0, set()
        super().__init__()

    def connected(self, client):
        if not self.up:
            client.close()
            return
        try:
            server = socket.create_connection(("127.0.0.1", self.to))
        except OSError:
            client.close()
            return
        self.pairs |= {client, server}
        answers = queue.SimpleQueue()
        threading.Thread(target=self.ask, args=(client, server), daemon=True).start()
        threading.Thread(target=self.take, args=(client, server, answers), daemon=True).start()
        threading.Thread(target=self.give, args=(client, server, answers), daemon=True).start()

    def ask(self, client, server):
        try:
            while (data := client.recv(65536)) and self.passes(data):
                server.sendall(data)
        except OSError:
            pass
        self.end(client, server)

    def passes(self, data):
        """Whether what a client says goes on to the server; the connection ends when it does not."""
        return True

    def take(self, client, server, answers):
        try:
            while data := server.recv(65536):
                answers.put((time.monotonic() + self.delay, data))
        except OSError:
            pass
        answers.put((time.monotonic() + self.delay, b""))

    def give(self, client, server, answers):
        """Answers wait for `delay` seconds, and those behind one another wait together, as on a long line."""
        try:
            while True:
                at, data = answers.get()
                time.sleep(max(0.0, at - time.monotonic()))
                if not data:
                    break
                client.sendall(data)
        except OSError:
            pass
        self.end(client, server)

    def end(self, *sockets):
        for s in sockets:
            self.pairs.discard(s)
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def cut(self):
        self.up = False
        for s in list(self.pairs):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def mend(self):
        self.up = True

    def close(self):
        self.cut()
        super().close()
