"""Starts the real server for a test, and the small things that all black-box tests need."""
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("MOIRA_BINARY", "build/host/moira")
TINY_MODEL = os.environ.get("MOIRA_TINY_MODEL", "")
DEMO_MODEL = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "moira" / \
    "SmolLM2-135M-Instruct-MoE.gguf"
START_SECONDS = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class MoiraServer:
    """A `moira serve` process on a free loopback port, ready when the block is entered."""

    def __init__(self, *flags, model=None, environment=None):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [BINARY, "serve", "--model", str(model or TINY_MODEL), "--port", str(self.port), *flags],
            stderr=self.log, stdout=subprocess.DEVNULL, env={**os.environ, **(environment or {})})

    def __enter__(self):
        deadline = time.monotonic() + START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                if self.get("/readyz")[0] == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.02)
        self.__exit__()
        raise AssertionError("the server does not start: " + self.log_text())

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def log_text(self):
        self.log.seek(0)
        return self.log.read()

    def stop(self, timeout=60):
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def get(self, path, headers=None):
        return self._open(urllib.request.Request(self.url + path, headers=headers or {}))

    def post(self, path, body, headers=None):
        """`body` is an object, or bytes that are sent as they are. (status, headers, object or text)"""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._open(urllib.request.Request(
            self.url + path, raw, {"Content-Type": "application/json", **(headers or {})}))

    @staticmethod
    def _open(request):
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                status, headers, text = answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            status, headers, text = error.code, error.headers, error.read().decode()
        try:
            return status, headers, json.loads(text)
        except ValueError:
            return status, headers, text

    def metric(self, name):
        """The sum over all labels."""
        total, found = 0.0, False
        for line in self.get("/metrics")[2].splitlines():
            if line.split("{")[0].split(" ")[0] == name:
                total, found = total + float(line.rsplit(" ", 1)[1]), True
        assert found, f"no metric {name}"
        return total

    def raw(self, data, timeout=20):
        """Sends bytes on a connection of its own and returns all that comes back until it is closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # closed before all was sent: the answer says why
            answer = b""
            try:
                while piece := connection.recv(65536):
                    answer += piece
            except OSError:
                pass
            return answer


def wait_until(condition, seconds=30):
    """Polls; true when the condition came true in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def run_moira(*arguments, environment=None, timeout=120):
    return subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          env={**os.environ, **(environment or {})})
