"""The real programs over real sockets: one World a test class, with its own daemon, state folder, keys and loopback addresses.

Every request of the command line goes through a recording proxy on a Unix socket, which checks each reply of the daemon against
schema/openapi.json; a reply that breaks the schema fails the test that caused it."""
import base64
import contextlib
import http.client
import http.server
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import openapi_check

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("TINYPART_BIN", ROOT / "build" / "bin"))
FULL = os.environ.get("TINYPART_FULL") == "1"
CONTAINERS = ROOT / "packaging" / "examples" / "containers"
_worlds = itertools.count(1)

ENVIRONMENT = dict(os.environ, ASAN_OPTIONS="detect_leaks=1:abort_on_error=0", UBSAN_OPTIONS="print_stacktrace=1", LC_ALL="C.UTF-8")


class Refused(Exception):
    """tinypartctl ended with another exit code than 0."""

    def __init__(self, code, out, err):
        super().__init__(f"exit {code}: {err.strip() or out.strip()}")
        self.code, self.out, self.err = code, out, err


def wait_until(condition, seconds=30, what="the condition"):
    """Polls until condition() is true; its value. Fails with words after a bounded time."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true within {seconds} s")
        time.sleep(0.02)


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path):
        super().__init__("tinypart", timeout=180)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class CheckingProxy:
    """A Unix socket in front of the daemon's: passes every request on and validates every reply."""

    def __init__(self, path, target):
        self.path, self.target = path, target
        self.breaches, self.seen = [], set()
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(path))
        self.listener.listen(64)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.pump, args=(connection,), daemon=True).start()

    def pump(self, connection):
        with connection, socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as upstream:
            try:
                upstream.connect(str(self.target))
            except OSError:
                return
            buffered = b""
            while True:
                request, buffered = read_message(connection, buffered, request=True)
                if request is None:
                    return
                upstream.sendall(request)
                try:
                    reply, _ = read_message(upstream, b"", request=False)
                except OSError:
                    reply = None
                if reply is None:
                    return
                self.check(request, reply)
                connection.sendall(reply)

    def check(self, request, reply):
        method, target, _ = request.split(b"\r\n", 1)[0].decode().split(" ", 2)
        status = int(reply.split(b" ", 2)[1])
        head, _, body = reply.partition(b"\r\n\r\n")
        kind = re.search(rb"(?im)^content-type:\s*([^\r\n]*)", head)
        self.seen.add((method, target.partition("?")[0], status))
        try:
            openapi_check.validate(method, target.partition("?")[0], status, kind.group(1).decode().strip() if kind else "", body)
        except Exception as breach:  # whatever is wrong with a reply is the test's failure, told in words
            self.breaches.append(f"{method} {target} -> {status}: {breach}")

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def read_message(connection, buffered, request):
    """One HTTP message with Content-Length, chunked, or (replies) no body. (bytes, rest) or (None, b"")."""
    while b"\r\n\r\n" not in buffered:
        part = connection.recv(65536)
        if not part:
            return None, b""
        buffered += part
    head, _, rest = buffered.partition(b"\r\n\r\n")
    if request and re.search(rb"(?im)^expect:\s*100-continue", head):
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        head = re.sub(rb"(?im)^expect:[^\r\n]*\r\n", b"", head)
    length = re.search(rb"(?im)^content-length:\s*(\d+)", head)
    if length:
        size = int(length.group(1))
        while len(rest) < size:
            part = connection.recv(65536)
            if not part:
                return None, b""
            rest += part
        return head + b"\r\n\r\n" + rest[:size], rest[size:]
    if not request and re.search(rb"(?im)^transfer-encoding:\s*chunked", head):
        raise AssertionError("the daemon sent a chunked reply, which the tests do not expect")
    return head + b"\r\n\r\n", rest


class World:
    """A daemon with its people, and the devices that a test starts."""

    def __init__(self, settings=(), keep_plain=True, listen=None, inside=(), key=None, key_type=("ed25519",)):
        """listen: where devices reach the daemon; inside: words before its command line; key: the maintainer's, else a new one of
        key_type (and what keygen is to know more)."""
        self.number = next(_worlds)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="tinypart-e2e-"))
        self.net = f"127.{20 + os.getpid() % 230}.{self.number + os.getpid() // 230 % 20 * 10}"
        self.host = f"{self.net}.1"
        self.listen, self.inside = listen or f"{self.host}:5683", list(inside)
        self.settings = list(settings)
        self.settings.append("export.own_host=yes")
        if keep_plain:
            self.settings.append("lab.telemetry_plain=yes")
        self.processes, self.daemon, self.proxy = [], None, None
        self.key = self.folder / "maintainer.pem"
        self.public = self.folder / "maintainer.pub.pem"
        if key is None:
            self.offline("keygen", "--type", *key_type, "-o", str(self.key))
        else:
            shutil.copy(key, self.key)
            self.key.chmod(0o600)
            subprocess.run(["openssl", "pkey", "-in", self.key, "-pubout", "-out", self.public], check=True)

    # the daemon

    def start(self, check=True, under=()):
        """under: a command to run it under, such as strace. Such a daemon may die at any moment, even here."""
        command = [*self.inside, *under, str(BIN / "tinypartd")]
        for setting in [f"daemon.state_folder={self.folder}/state", f"rest.socket={self.folder}/daemon.sock",
                        f"keys.manifest_key={self.key}", f"coap.listen={self.listen}", *self.settings]:
            command += ["--set", setting]
        self.log = open(self.folder / "daemon.log", "ab")
        self.daemon = subprocess.Popen(command, stderr=self.log, stdout=self.log, env=ENVIRONMENT)
        wait_until(lambda: self.daemon.poll() is not None or self.answers(), 30, "the daemon's REST socket")
        if self.daemon.poll() is not None and not under:
            raise AssertionError("the daemon ended at once:\n" + self.logged())
        if self.proxy is None and check:
            self.proxy = CheckingProxy(self.folder / "ctl.sock", self.folder / "daemon.sock")
        return self

    def answers(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            return probe.connect_ex(str(self.folder / "daemon.sock")) == 0

    def logged(self):
        return (self.folder / "daemon.log").read_text(errors="replace")

    def kill(self):
        """SIGKILL, as a power cut does."""
        self.daemon.kill()
        self.daemon.wait()

    def stop(self):
        self.daemon.send_signal(signal.SIGTERM)
        code = self.daemon.wait(60)
        if code != 0:
            raise AssertionError(f"the daemon ended with {code}:\n" + self.logged()[-8000:])

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            if process.poll() is None:
                process.kill()
                process.wait()
        problems = []
        if self.daemon is not None and self.daemon.poll() is None:
            try:
                self.stop()
            except AssertionError as problem:
                problems.append(str(problem))
        if self.proxy is not None:
            self.proxy.close()
            problems += self.proxy.breaches
        if "Sanitizer" in self.logged_or_nothing() or "runtime error" in self.logged_or_nothing():
            problems.append(self.logged()[-8000:])
        if os.environ.get("TINYPART_KEEP") != "1":
            shutil.rmtree(self.folder, ignore_errors=True)
        if problems:
            raise AssertionError("\n".join(problems))

    def logged_or_nothing(self):
        return self.logged() if (self.folder / "daemon.log").exists() else ""

    # people

    def offline(self, *words, stdin=None):
        return run([str(BIN / "tinypartctl"), *words], stdin=stdin)

    def ctl(self, *words, socket_path=None):
        """tinypartctl against this daemon: its standard output; Refused when it ends with another code than 0."""
        return run([str(BIN / "tinypartctl"), "--socket", str(socket_path or self.folder / "ctl.sock"), *words])

    def json(self, *words):
        return json.loads(self.ctl("-o", "json", *words))

    def items(self, *words):
        return self.json(*words)["items"]

    def tenant(self, name):
        """A tenant with an Ed25519 key; the path of the private key."""
        key = self.folder / f"{name}.pem"
        self.offline("keygen", "--type", "ed25519", "-o", str(key))
        public = self.folder / f"{name}.pub.pem"
        subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True)
        self.ctl("tenant", "create", name)
        self.ctl("tenant", "key", "add", name, str(public))
        return key

    def image(self, tenant, key, container="thermo", name=None, version="1.0", sensor=None):
        """Signs a container, pushes the bundle; NAME:VERSION."""
        name = name or container
        bundle = self.folder / f"{tenant}-{name}-{version}.suit"
        words = ["image", "sign", str(CONTAINERS / f"{container}.rbpf"), "--name", name, "--version", version, "--type", "bpf",
                 "--key", str(key), "-o", str(bundle)]
        if sensor:
            words += ["--sensor", sensor]
        self.offline(*words)
        self.ctl("image", "push", str(bundle), "--tenant", tenant)
        return f"{name}:{version}"

    # devices

    def devices(self, profile, count=1, prefix=None, first=10, register=False, extra=(), trust=None):
        """Starts tinypart-device; the names of its devices. Their addresses are <net>.<first>, <first + 1>, ..."""
        prefix = prefix or profile.replace("riot-", "")
        command = [str(BIN / "tinypart-device"), "--profile", profile, "--count", str(count), "--name", prefix,
                   "--listen", f"{self.net}.{first}", "--trust", str(trust or self.public),
                   "--state", str(self.folder / f"devices-{prefix}"), "--directory", f"coap://{self.host}", *extra]
        if register:
            command.append("--register")
        log = open(self.folder / f"devices-{prefix}.log", "ab")
        process = subprocess.Popen(command, stderr=log, stdout=log, env=ENVIRONMENT)
        self.processes.append(process)
        self.last_devices = process
        names = [prefix] if count == 1 else [f"{prefix}-{i}" for i in range(1, count + 1)]
        for i in range(count):
            wait_until(lambda at=f"{self.net}.{first + i}": process.poll() is not None or bound(at), 20, f"device {names[i]}")
        if process.poll() is not None:
            raise AssertionError((self.folder / f"devices-{prefix}.log").read_text()[-4000:])
        return names

    def report_keys(self, prefix, count, profile="tinypart"):
        """Public keys (PEM text) that the reports of these devices will be signed with, by name; made before they start."""
        out = run([str(BIN / "tinypart-device"), "--profile", profile, "--count", str(count), "--name", prefix, "--state",
                   str(self.folder / f"devices-{prefix}"), "--print-keys=hex"])
        keys = {}
        for line in out.splitlines():
            name, public = line.split()[:2]
            der = bytes.fromhex("302a300506032b6570032100" + public)  # SubjectPublicKeyInfo of Ed25519 (RFC 8410)
            keys[name] = "-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(der).decode() + "\n-----END PUBLIC KEY-----\n"
        return keys

    def owned(self, prefix, count, labels="site=lyon", first=30, extra=()):
        """Devices of profile tinypart that their owner knows by name and key before they register; their names."""
        for name, pem in self.report_keys(prefix, count).items():
            self.rest("POST", "/v1/devices", {"name": name, "profile": "tinypart", "labels": labels, "report_key": pem})
        names = self.devices("tinypart", count, prefix, first=first, extra=extra)
        wait_until(lambda: all(device["address"] for device in self.items("device", "list") if device["name"] in names), 60, "registrations")
        return names

    def rest(self, method, path, body=None, expect=(200, 201, 202, 204)):
        """One request as JSON through the checking proxy; the reply's JSON."""
        connection = UnixConnection(str(self.folder / "ctl.sock"))
        text = None if body is None else json.dumps(body)
        connection.request(method, path, text, {"Content-Type": "application/json"} if text else {})
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        if reply.status not in expect:
            raise AssertionError(f"{method} {path}: {reply.status} {content.decode(errors='replace')}")
        return json.loads(content) if content else None

    def address(self, index):
        return f"coap://{self.net}.{index}:5683"

    def rollout_ends(self, number, seconds=120):
        """Waits until a rollout is over; its steps by device."""
        wait_until(lambda: self.json("rollout", "show", str(number))["state"] in ("done", "aborted"), seconds, f"the end of rollout {number}")
        return self.steps(number)

    def steps(self, number):
        return {step["device"]: step for step in self.items("rollout", "show", str(number), "--steps")}


def bound(address, port=5683):
    """Is a UDP socket bound there? (Binding it ourselves would then fail.)"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return True
    return False


def run(command, stdin=None):
    done = subprocess.run(command, input=stdin, capture_output=True, env=ENVIRONMENT, timeout=300)
    out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    if "Sanitizer" in err or "runtime error" in err:
        raise AssertionError(err)
    if done.returncode != 0:
        raise Refused(done.returncode, out, err)
    return out


class Listener:
    """An HTTP server that keeps what it is sent; answers may be set to fail first."""

    def __init__(self, failures=0, port=0):
        self.bodies, self.keys, self.failures = [], [], failures
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if owner.failures > 0:
                    owner.failures -= 1
                    self.send_response(503)
                else:
                    owner.keys.append(self.headers["Idempotency-Key"])
                    owner.bodies.append(json.loads(body))
                    self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/in"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class WorldCase(unittest.TestCase):
    """A test class with one world for all its tests, in order of their names."""

    settings = ()

    @classmethod
    def setUpClass(cls):
        cls.world = World(cls.settings).start()
        cls.addClassCleanup(cls.world.close)

    def refused(self, *words, code=1):
        with self.assertRaises(Refused) as caught:
            self.world.ctl(*words)
        self.assertEqual(caught.exception.code, code, str(caught.exception))
        return caught.exception.err
