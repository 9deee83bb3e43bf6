"""Another milter at the same smtpd, as a spam filter would be: it answers the end of each message as it is told.

It speaks as much of the milter protocol (version 6) as that takes: Postfix sends it nothing else."""

import contextlib
import socketserver
import struct
import threading

NOTHING_ELSE = 0x7F | 0x100 | 0x200   # SMFIP_NOCONNECT … NOEOH, NOUNKNOWN, NODATA
VERSION, NO_ACTIONS = 6, 0


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self):
        with contextlib.suppress(ConnectionError):
            while command := self._read():
                if command == b"O":
                    self._write(b"O" + struct.pack("!III", VERSION, NO_ACTIONS, NOTHING_ELSE))
                elif command == b"E":
                    reply = self.server.reply
                    self._write(b"y" + reply.encode() + b"\0" if reply else b"c")
                elif command == b"Q":
                    return

    def _read(self):
        head = self.rfile.read(4)
        if len(head) < 4:
            return b""
        length, = struct.unpack("!I", head)
        return self.rfile.read(length)[:1]

    def _write(self, packet):
        self.wfile.write(struct.pack("!I", len(packet)) + packet)


class ForeignMilter(socketserver.ThreadingTCPServer):
    """`reply`: what the end of a message is answered with; "" for nothing against it."""
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.reply = ""

    @property
    def address(self):
        return f"inet:127.0.0.1:{self.server_address[1]}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()
