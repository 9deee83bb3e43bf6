"""A policy client of our own: sends requests byte by byte, many at once or broken, where Postfix sends them whole."""

import socket

TIMEOUT_SECONDS = 30


class PolicyClient:
    def __init__(self, socket_path):
        self.connection = socket.socket(socket.AF_UNIX)
        self.connection.settimeout(TIMEOUT_SECONDS)
        self.connection.connect(str(socket_path))
        self.reader = self.connection.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.reader.close()
        self.connection.close()

    def send(self, data):
        self.connection.sendall(data)

    def read_action(self):
        """What stands behind action=, or None when the server hung up instead of answering."""
        try:
            line = self.reader.readline()
            if not line:
                return None
            end = self.reader.readline()
        except ConnectionResetError:
            return None
        if not line.startswith(b"action=") or end != b"\n":
            raise ValueError(f"no policy reply: {line + end!r}")
        return line[7:].decode().rstrip("\n")

    def ask(self, **attributes):
        self.send(request(**attributes))
        return self.read_action()


def request(**attributes):
    """A request as Postfix 3.7 sends it at RCPT, these attributes put in."""
    everything = {"request": "smtpd_access_policy", "protocol_state": "RCPT", "protocol_name": "ESMTP",
                  "client_address": "10.0.0.250", "client_name": "unknown", "client_port": "40000",
                  "reverse_client_name": "unknown", "server_address": "127.0.0.1", "server_port": "25",
                  "helo_name": "client.test", "sender": "a@keybuzz.io", "recipient": "buyer@example.com",
                  "recipient_count": "0", "queue_id": "", "instance": "1a2b.5f5e1000.1.0", "size": "0",
                  "etrn_domain": "", "stress": "", "sasl_method": "", "sasl_username": "", "sasl_sender": "",
                  "ccert_subject": "", "ccert_issuer": "", "ccert_fingerprint": "", "ccert_pubkey_fingerprint": "",
                  "encryption_protocol": "", "encryption_cipher": "", "encryption_keysize": "0", "policy_context": "",
                  **attributes}
    return "".join(f"{name}={value}\n" for name, value in everything.items()).encode() + b"\n"
