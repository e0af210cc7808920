"""The certificates by which the other side's identity is checked."""

import os
from collections.abc import Mapping

VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


def certificates(environ: Mapping[str, str] = os.environ) -> str | bool:
    """The certificates that the environment names, as requests and curl do; True: requests' own."""
    variable = certificates_variable(environ)
    return environ[variable] if variable else True


def certificates_variable(environ: Mapping[str, str] = os.environ) -> str | None:
    """The environment variable that names the certificates."""
    return next(filter(environ.get, VARIABLES), None)
