"""A server on the loopback that misbehaves on demand, and a cache of its own for every test."""

import hashlib
import io
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image


class Server:
    """Serves `files`; before that, each request to a path takes the next of its `faults` (one, then none)."""

    def __init__(self):
        self.files, self.faults, self.requests = {}, {}, []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.lstrip("/")
                server.requests.append(name)
                fault = server.faults[name].pop(0) if server.faults.get(name) else None
                content = server.files.get(name)
                if isinstance(fault, int) or content is None:
                    return self.send_error(fault or 404)
                if fault == "corrupt":
                    content = content[:-1] + bytes([content[-1] ^ 1])
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                half = fault in ("truncate", "drop")
                self.wfile.write(content[: len(content) // 2] if half else content)
                if fault == "drop":
                    self.wfile.flush()
                    self.connection.shutdown(2)
                return None

            def log_message(self, *_):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def publish(self, name, content, listed=None):
        """Serve `name` and list it, with the sum of `listed` or of its own content, in registry.txt."""
        self.files[name] = content
        line = f"{name} sha256:{hashlib.sha256(listed or content).hexdigest()}\n".encode()
        self.files["registry.txt"] = self.files.get("registry.txt", b"") + line


@pytest.fixture
def server():
    running = Server()
    thread = threading.Thread(target=running.http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield running
    running.http.shutdown()
    running.http.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """An empty cache, no mirror, no waiting between attempts."""
    monkeypatch.setenv("SSVIZ_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SSVIZ_MIRROR", raising=False)
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("pooch.core.time.sleep", lambda _: None)
    return tmp_path / "home"


@pytest.fixture
def left_behind(home):
    """Names of all files under the cache."""
    return lambda: sorted(path.name for path in home.rglob("*") if path.is_file())


def make_zip(path, files):
    """A .zip of {name: content}."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def make_tar(path, files):
    """A .tar.gz of {name: content}."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def encode(pixels, file_format):
    """An array as the bytes of a PPM (PGM if grey) or JPEG file."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, file_format)
    return content.getvalue()


@pytest.fixture
def pack():
    """The three makers of archives, for the tests that build publishers' layouts."""
    return SimpleNamespace(zip=make_zip, tar=make_tar, encode=encode)


@pytest.fixture
def faces(tmp_path):
    """A tiny att_faces.zip: two people, picture n of person p all of grey 10 p + n."""
    files = {
        f"s{person}/{number}.pgm": encode(np.full((112, 92), 10 * person + number, np.uint8), "PPM")
        for person in (1, 2)
        for number in range(1, 11)
    }
    return make_zip(tmp_path / "made.zip", files).read_bytes()
