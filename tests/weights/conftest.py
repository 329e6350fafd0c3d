"""A small net with numbers of a trained one's size, and a server on this machine that misbehaves on request."""

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from hrnet_viz.network import hrnet
from hrnet_viz.weights import fetch


@pytest.fixture(scope="session")
def trained():
    """A hrnet_w18_small_v1 with 5 outputs whose BatchNorm statistics are those of noise; nobody may change it."""
    torch.manual_seed(0)
    net = hrnet("hrnet_w18_small_v1", num_outputs=5)
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.ndim == 1:
                parameter.add_(0.1 * torch.randn_like(parameter))
        for _ in range(3):
            net(torch.randn(2, 3, 64, 64))
    return net.eval()


@pytest.fixture
def state(trained):
    return dict(trained.state_dict())


@pytest.fixture(scope="session")
def x():
    return torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of its own for each test, no proxy, and no waiting between tries."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("HRNET_VIZ_CACHE", str(folder))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(fetch, "PAUSE", 0.0)
    return folder


@dataclass
class Site:
    """What the server has and how it behaves; ``asked`` lists the Range header of each request, "" if none."""

    content: bytes = b""
    tag: str = '"one"'
    status: int = 200
    breaks: list[int] = field(default_factory=list)  # bytes after which the next connections break off
    ranges: bool = True
    slow: float = 0.0
    asked: list[str] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def site():
    state = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            wanted = self.headers.get("Range", "")
            state.asked.append(wanted)
            if state.status != 200:
                self.send_error(state.status)
                return
            same = self.headers.get("If-Range", state.tag) == state.tag
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and same and state.ranges else 0
            body = state.content[start:]
            if start and not body:
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(state.content) - 1}/{len(state.content)}")
            self.send_header("Content-Length", str(len(body)))
            if state.tag:
                self.send_header("ETag", state.tag)
            self.end_headers()
            if state.slow:
                threading.Event().wait(state.slow)
            if state.breaks:
                body = body[: state.breaks.pop(0)]
            with suppress(ConnectionError):  # some tests hang up
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
