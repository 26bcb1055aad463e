"""One repository of a `/v2` registry, over one connection. It shares no code with the project."""

import hashlib
import http.client
import urllib.parse
from collections.abc import Iterable

from .images import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST

ACCEPT = ", ".join([OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST])


class Refused(Exception):
    """The registry did not answer with the expected status."""

    def __init__(self, what: str, status: int, body: bytes):
        super().__init__(f"{what}: {status} {body[:500].decode(errors='replace')}")


class Repository:
    """`authorization` is the value of that header, if the registry wants one."""

    def __init__(self, host: str, name: str, authorization: str | None = None):
        self.name = name
        self._connection = http.client.HTTPConnection(host, timeout=600, blocksize=1 << 20)
        self._headers = {"Authorization": authorization} if authorization else {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._connection.close()

    def manifest(self, reference: str) -> bytes:
        return self.expect(200, "GET", f"manifests/{reference}", Accept=ACCEPT)[1]

    def has_manifest(self, reference: str) -> bool:
        return self._ask("HEAD", f"manifests/{reference}", Accept=ACCEPT)[0] == 200

    def has_blob(self, digest: str) -> bool:
        return self._ask("HEAD", f"blobs/{digest}")[0] == 200

    def push_blob(self, digest: str, content, size: int) -> None:
        """`content` is bytes, or a file that is open."""
        location = with_digest(self._open_upload(), digest)
        self.expect(201, "PUT", location, content, **{"Content-Length": str(size)})

    def push_pieces(self, pieces: Iterable[bytes], size: int) -> str:
        """Pushes a blob whose digest is not known before it has passed. Gives the digest."""
        hashed = hashlib.sha256()

        def passing():
            for piece in pieces:
                hashed.update(piece)
                yield piece

        # ECR answers 201 where the specification has 202.
        headers, _ = self.expect((201, 202), "PATCH", self._open_upload(), passing(), **{"Content-Length": str(size)})
        digest = f"sha256:{hashed.hexdigest()}"
        self.expect(201, "PUT", with_digest(headers["Location"], digest), **{"Content-Length": "0"})
        return digest

    def push_manifest(self, reference: str, media_type: str, content: bytes) -> None:
        self.expect(201, "PUT", f"manifests/{reference}", content, **{"Content-Type": media_type})

    def expect(self, status: int | tuple, method: str, location: str, body=None, **headers) -> tuple:
        """Headers and body of an answer with this status. `location` is a URL, or where it is in the repository."""
        answered, found, content = self._ask(method, location, body, **headers)
        if answered not in (status if isinstance(status, tuple) else (status,)):
            raise Refused(f"{method} {location} in {self.name}", answered, content)
        return found, content

    def _open_upload(self) -> str:
        return self.expect(202, "POST", "blobs/uploads/", **{"Content-Length": "0"})[0]["Location"]

    def _ask(self, method: str, location: str, body=None, **headers) -> tuple:
        url = urllib.parse.urlsplit(urllib.parse.urljoin(f"/v2/{self.name}/", location))
        path = f"{url.path}?{url.query}" if url.query else url.path
        self._connection.request(method, path, body, {**self._headers, **headers})
        answer = self._connection.getresponse()
        return answer.status, answer.headers, answer.read()


def with_digest(location: str, digest: str) -> str:
    return f"{location}{'&' if '?' in location else '?'}digest={digest}"
