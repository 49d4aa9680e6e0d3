"""CoAP clients that this project did not write, and CoAP messages made byte by byte.

NodeEndpoint drives coap_client.js (node-coap), libcoap() the example client of libcoap, and Raw sends datagrams as they are."""
import base64
import contextlib
import fcntl
import hashlib
import itertools
import json
import os
import pathlib
import queue
import shutil
import socket
import struct
import subprocess
import threading
import time

from harness import BIN

HERE = pathlib.Path(__file__).resolve().parent
GET, POST, PUT, DELETE = 1, 2, 3, 4
CON, NON, ACK, RST = 0, 1, 2, 3
URI_PATH, CONTENT_FORMAT, URI_QUERY, BLOCK2, BLOCK1, SIZE1 = 11, 12, 15, 23, 27, 60
LINKS, OCTETS, SENML_JSON, SENML_CBOR, PROBLEM = 40, 42, 110, 112, 257


def node_modules():
    """The packages of package-lock.json, installed once into the build folder; the folder to look for them in."""
    folder = BIN.parent / "node"
    lock = (HERE / "package-lock.json").read_bytes()
    stamp = folder / "installed"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / "node.lock", "w") as turn:  # test classes run side by side
        fcntl.flock(turn, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_text() == hashlib.sha256(lock).hexdigest():
            return folder / "node_modules"
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder / name)
        done = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True,
                              timeout=300)
        if done.returncode != 0:
            raise AssertionError("npm ci failed; it needs a package registry:\n" + done.stderr[-2000:])
        stamp.write_text(hashlib.sha256(lock).hexdigest())
    return folder / "node_modules"


class NodeEndpoint:
    """One process of coap_client.js with a socket at an address of its own."""

    def __init__(self, host, address, port=5683):
        self.host, self.address = host, address
        self.process = subprocess.Popen(["node", str(HERE / "coap_client.js")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=dict(os.environ, NODE_PATH=str(node_modules())))
        self.numbers, self.replies, self.events = itertools.count(1), {}, queue.Queue()
        self.changed = threading.Condition()
        threading.Thread(target=self.listen, daemon=True).start()
        self.port = self.order("open", address=address, port=port)["port"]

    def listen(self):
        for line in self.process.stdout:
            message = json.loads(line)
            if "event" in message:
                self.events.put(message)
                continue
            with self.changed:
                self.replies[message["id"]] = message
                self.changed.notify_all()

    def order(self, verb, **words):
        number = next(self.numbers)
        self.process.stdin.write(json.dumps({"id": number, "do": verb, **words}) + "\n")
        self.process.stdin.flush()
        with self.changed:
            if not self.changed.wait_for(lambda: number in self.replies, 60):
                raise AssertionError(f"no reply to {verb} {words}")
            reply = self.replies.pop(number)
        if "error" in reply:
            raise AssertionError(f"{verb} {words}: {reply['error']}")
        return reply

    def request(self, method, path, query=None, payload=None, **options):
        """One request to the daemon; (code, payload, reply)."""
        words = dict(options, method=method, path=path, host=self.host)
        if query is not None:
            words["query"] = query
        if payload is not None:
            words["payload"] = base64.b64encode(payload).decode()
        reply = self.order("request", **words)
        return reply["code"], base64.b64decode(reply["payload"]), reply

    def encode(self, value):
        return base64.b64decode(self.order("encode", value=value)["payload"])

    def decode(self, payload):
        """CBOR; maps' keys as texts, byte strings as hex."""
        return self.order("decode", payload=base64.b64encode(payload).decode())["value"]

    def event(self, name, seconds=60):
        """The next event of that name; a failure that comes before it fails the test."""
        end = time.monotonic() + seconds
        while True:
            try:
                message = self.events.get(timeout=max(end - time.monotonic(), 0.01))
            except queue.Empty:
                raise AssertionError(f"no event {name} within {seconds} s") from None
            if message["event"] == name:
                return message
            if message["event"] == "failed":
                raise AssertionError(str(message))

    def close(self):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def libcoap(method, url, *words, stdin=None, seconds=20):
    """libcoap's own client: (standard output as bytes, standard error as text). It prints refusals' codes on the latter."""
    name = shutil.which("coap-client-openssl") or shutil.which("coap-client")
    if name is None:
        raise AssertionError("libcoap's client is not installed (Debian: libcoap3-bin)")
    command = [name, "-m", method, "-B", str(seconds), *words, url]
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=seconds + 20)
    return done.stdout, done.stderr.decode(errors="replace")


def varint(value):
    """The shortest uint of RFC 7252, section 3.2."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def block(number, more, exponent):
    return varint(number << 4 | (8 if more else 0) | exponent)


def message(code, number, path="", query=(), options=(), payload=b"", kind=CON, token=b"\x2a"):
    """The bytes of one CoAP message. options: (number, bytes) besides path and query."""
    every = [(URI_PATH, part.encode()) for part in path.split("/") if part]
    every += [(URI_QUERY, part.encode()) for part in query]
    every += list(options)
    out = bytes([0x40 | kind << 4 | len(token), code]) + struct.pack("!H", number) + token
    last = 0
    for option, value in sorted(every, key=lambda pair: pair[0]):
        delta, delta_more = nibble(option - last)
        size, size_more = nibble(len(value))
        out += bytes([delta << 4 | size]) + delta_more + size_more + value
        last = option
    return out + (b"\xff" + payload if payload else b"")


def nibble(value):
    if value < 13:
        return value, b""
    if value < 269:
        return 13, bytes([value - 13])
    return 14, struct.pack("!H", value - 269)


def parse(datagram):
    """(kind, code, message id, token, {option: [values]}, payload)"""
    kind, size = datagram[0] >> 4 & 3, datagram[0] & 15
    code, number = datagram[1], struct.unpack("!H", datagram[2:4])[0]
    token, rest, options, at = datagram[4:4 + size], datagram[4 + size:], {}, 0
    while rest and rest[0] != 0xFF:
        delta, length, rest = rest[0] >> 4, rest[0] & 15, rest[1:]
        delta, rest = widen(delta, rest)
        length, rest = widen(length, rest)
        at += delta
        options.setdefault(at, []).append(rest[:length])
        rest = rest[length:]
    return kind, code, number, token, options, rest[1:]


def widen(value, rest):
    if value == 13:
        return rest[0] + 13, rest[1:]
    if value == 14:
        return struct.unpack("!H", rest[:2])[0] + 269, rest[2:]
    return value, rest


class Raw:
    """A UDP socket at an address of its own, towards the daemon."""

    def __init__(self, host, address, port=0):
        self.to = (host, 5683)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, port))

    def send(self, datagram):
        self.socket.sendto(datagram, self.to)

    def receive(self, seconds=5):
        """The next datagram, None when none comes."""
        self.socket.settimeout(seconds)
        try:
            return self.socket.recv(2048)
        except (TimeoutError, socket.timeout, ConnectionError):
            return None

    def ask(self, datagram, seconds=5):
        """Sends, and takes the answer with the same message id, sending again as a client does; None: silence."""
        for _ in range(3):
            self.send(datagram)
            end = time.monotonic() + seconds / 3
            while (left := end - time.monotonic()) > 0:
                answer = self.receive(left)
                if answer is not None and answer[2:4] == datagram[2:4]:
                    return answer
        return None

    def close(self):
        self.socket.close()


def code_text(code):
    return f"{code >> 5}.{code & 31:02}"
