"""The Runtime API of AWS Lambda for one bootstrap: hands out events and takes answers.

As in "AWS Lambda runtime API" of the AWS Lambda Developer Guide.
"""

import json
import queue
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cost import peak_memory
from pipeline.ministack import REGION
from pipeline.processes import ROOT, Process

ARN = f"arn:aws:lambda:{REGION}:111122223333:function:bench"


class Api(ThreadingHTTPServer):
    """Where a bootstrap asks for events."""

    daemon_threads = True

    def __init__(self):
        self.events, self.answers = queue.Queue(), queue.Queue()
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        # A bootstrap that is ended hangs up.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.events.put(None)
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Api
    # An answer's head and body go out together.
    wbufsize = -1

    def do_GET(self):
        assert self.path.endswith("/runtime/invocation/next"), self.path
        event = self.server.events.get()
        if event is None:
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "00000000-0000-4000-8000-000000000000")
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + 900) * 1000)))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", ARN)
        self.answer(json.dumps(event).encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0)) if "Content-Length" in self.headers else b""
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b"".join(self.chunks())
        self.server.answers.put((time.monotonic(), self.path, body))
        self.send_response(202)
        self.answer(b"")

    def chunks(self):
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def answer(self, body: bytes) -> None:
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_):
        pass


@dataclass(frozen=True)
class Answered:
    payload: dict
    seconds: float


class Failed(Exception):
    """The function answered with an error."""


class Bootstrap:
    """A function that runs here, outside of any emulator."""

    def __init__(self, function: str, log: Path, variables: dict):
        self.api = Api().__enter__()
        environment = {**variables, **reserved(function, self.api.host)}
        self.process = Process(function, [ROOT / "target/release" / function], log, env=environment)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stop()
        self.api.__exit__()

    def invoke(self, event: dict) -> Answered:
        """Seconds from the event's leaving here to the answer's coming in."""
        begin = time.monotonic()
        self.api.events.put(event)
        while True:
            try:
                end, path, body = self.api.answers.get(timeout=1)
                break
            except queue.Empty:
                if self.process.child.poll() is not None:
                    raise self.process.fail("ended") from None
        payload = json.loads(body)
        if not path.endswith("/response"):
            raise Failed(f"{self.process.name}: {payload}")
        return Answered(payload, end - begin)

    def peak_memory(self) -> int:
        return peak_memory(self.process.pid)


def cold_start(function: str) -> float:
    """Seconds from just before fork and exec of a bootstrap until the first bytes of its first request for an event."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        environment = {**reserved(function, f"127.0.0.1:{listener.getsockname()[1]}"), "ENV": "dev"}
        quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        begin = time.monotonic()
        child = subprocess.Popen([ROOT / "target/release" / function], env=environment, **quiet)
        try:
            listener.settimeout(60)
            connection, _ = listener.accept()
            with connection:
                request = connection.recv(4096)
                seconds = time.monotonic() - begin
        finally:
            child.kill()
            child.wait()
    if not request.startswith(b"GET /2018-06-01/runtime/invocation/next "):
        raise Failed(f"{function} began with {request[:80]}")
    return seconds


def reserved(function: str, api: str) -> dict:
    """The variables that AWS Lambda sets."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "AWS_LAMBDA_RUNTIME_API": api,
        "AWS_LAMBDA_FUNCTION_NAME": function,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{function}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "bench",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }
