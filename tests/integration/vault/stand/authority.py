"""A certificate authority of our own, and what it signs; self-signed certificates with their fingerprints."""

import hashlib
import pathlib

from harness.certificates import Certificate, _openssl

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class SignedCertificate:
    def __init__(self, certificate, key):
        self.certificate, self.key = certificate, key

    @property
    def digest(self):
        """SHA-256 of the certificate itself, in DER."""
        return certificate_digest(self.certificate)


class Authority:
    def __init__(self, folder, name="test-ca"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.certificate, self.key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        _openssl("req", "-x509", *CURVE, "-days", "30", "-subj", f"/CN={name}", "-addext",
                 "keyUsage=critical,keyCertSign,cRLSign", "-keyout", str(self.key), "-out", str(self.certificate))

    def sign(self, name, alternatives="DNS:localhost,IP:127.0.0.1", use="serverAuth"):
        """A certificate for these names; `use` is clientAuth for one that logs in."""
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternatives}\nextendedKeyUsage={use}\nbasicConstraints=CA:FALSE\n")
        _openssl("req", "-new", *CURVE, "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(request))
        _openssl("x509", "-req", "-in", str(request), "-CA", str(self.certificate), "-CAkey", str(self.key), "-days",
                 "30", "-CAcreateserial", "-extfile", str(extensions), "-out", str(certificate))
        return SignedCertificate(certificate, key)


def self_signed(folder, name):
    return Certificate(folder, name)


def certificate_digest(path):
    return hashlib.sha256(_openssl("x509", "-in", str(path), "-outform", "DER")).hexdigest()
