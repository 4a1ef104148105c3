"""A server without a broker: whoever subscribes gets a stream of messages that was made before. No client is faster, so that
the client's speed is what is measured."""

import base64
import contextlib
import hashlib
import socket
import ssl
import threading

LIMIT_S = 300
CONNECT, SUBSCRIBE, PINGREQ = 1, 8, 12
CLOSE = 8


@contextlib.contextmanager
def listening(transport, certificate, key, stream):
    """Its port; `stream` is what follows the SUBACK. One client at a time."""
    context = None
    if transport == "wss":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener, context, transport != "tcp", stream), daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(LIMIT_S)


def stream_of(transport, topic, payload, count):
    """`count` messages of QoS 0; over WebSocket each in a frame of its own, as mosquitto sends them."""
    body = len(topic).to_bytes(2, "big") + topic.encode() + bytes(payload)
    if len(body) + 2 > 125:
        raise ValueError("longer than a length of one byte can say")
    message = bytes([0x30, len(body)]) + body
    return (message if transport == "tcp" else bytes([0x82, len(message)]) + message) * count


def serve(listener, context, is_websocket, stream):
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # The measurement is over.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A client that is gone early says so itself.
        with contextlib.suppress(OSError, EOFError):
            if context:
                connection = context.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as incoming:
                Client(connection, incoming, is_websocket).answer(stream)


class Client:
    def __init__(self, connection, incoming, is_websocket):
        self.connection = connection
        self.incoming = incoming
        self.is_websocket = is_websocket
        self.unread = b""  # of the last frame

    def answer(self, stream):
        """Until the client leaves."""
        if self.is_websocket:
            self.upgrade()
        while True:
            kind, body = self.packet()
            if kind == CONNECT:
                self.send(b"\x20\x02\x00\x00")
            elif kind == SUBSCRIBE:
                self.send(b"\x90\x03" + body[:2] + b"\x00")
                self.connection.sendall(stream)
            elif kind == PINGREQ:
                self.send(b"\xd0\x00")

    def upgrade(self):
        lines = iter(self.incoming.readline, b"\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        text = headers[b"sec-websocket-key"] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(text).digest())
        self.connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                b"Sec-WebSocket-Accept: %b\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n" % accept)

    def send(self, packet):
        self.connection.sendall(bytes([0x82, len(packet)]) + packet if self.is_websocket else packet)

    def packet(self):
        """Type and body of the next packet."""
        kind = self.read(1)[0] >> 4
        length, shift = 0, 0
        while True:
            digit = self.read(1)[0]
            length |= (digit & 0x7f) << shift
            if digit < 0x80:
                return kind, self.read(length)
            shift += 7

    def read(self, count):
        if not self.is_websocket:
            return self.exactly(count)
        while len(self.unread) < count:
            self.unread += self.frame()
        taken, self.unread = self.unread[:count], self.unread[count:]
        return taken

    def frame(self):
        first, length = self.exactly(2)
        length &= 0x7f
        if length == 126:
            length = int.from_bytes(self.exactly(2), "big")
        mask = self.exactly(4)
        payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(self.exactly(length)))
        if first & 0x0f == CLOSE:
            raise EOFError
        return payload

    def exactly(self, count):
        found = self.incoming.read(count)
        if len(found) < count:
            raise EOFError
        return found
