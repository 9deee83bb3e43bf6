"""Private TLS material made by the openssl command: a server certificate and client certificates, self-signed."""

import hashlib
import pathlib
import subprocess

from .waiting import HarnessError


class Certificate:
    """A key and its self-signed certificate below a folder, with the digests that Postfix and mailcore compare."""

    def __init__(self, folder, name, address=None):
        """`address`: of the server that it is for, where somebody checks that."""
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate = folder / f"{name}.pem"
        self.key = folder / f"{name}.key"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                 "-subj", f"/CN={name}.test", *(["-addext", f"subjectAltName=IP:{address}"] if address else []),
                 "-keyout", str(self.key), "-out", str(self.certificate))

    @property
    def public_key_digest(self):
        """SHA-256 of the public key in DER: ccert_pubkey_fingerprint, in lower case and without colons."""
        pem = _openssl("x509", "-in", str(self.certificate), "-noout", "-pubkey")
        return hashlib.sha256(_openssl("pkey", "-pubin", "-outform", "DER", input=pem)).hexdigest()


def with_colons(digest):
    """As Postfix writes it: AB:CD:EF."""
    return ":".join(digest[index:index + 2] for index in range(0, len(digest), 2)).upper()


def _openssl(*arguments, input=None):
    done = subprocess.run(["openssl", *arguments], input=input, capture_output=True)
    if done.returncode != 0:
        raise HarnessError(f"openssl {arguments[0]}: {done.stderr.decode(errors='replace')}")
    return done.stdout
