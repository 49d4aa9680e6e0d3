"""REST as anyone may speak it: tokens over TCP, roles, malformed requests, every problem in words."""
import http.client
import json
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest

import openapi_check
from harness import BIN, World, WorldCase, run


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class TestTokens(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.port = free_port()
        cls.world = World([f"rest.listen=127.0.0.1:{cls.port}"]).start()
        cls.addClassCleanup(cls.world.close)
        w = cls.world
        w.tenant("acme")
        w.tenant("bolt")
        cls.tokens = {}
        for name, words in {"acme": ["--role", "tenant", "--tenant", "acme"], "bolt": ["--role", "tenant", "--tenant", "bolt"],
                            "auditor": ["--role", "auditor"], "officer": ["--role", "privacy-officer"]}.items():
            cls.tokens[name] = w.json("token", "create", f"{name}-token", *words)["token"]

    def ask(self, method, path, who=None, body=None, headers=None, raw=None):
        """(status, JSON, headers) of one request over TCP, checked against the API's description."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = dict(headers or {})
        if who:
            headers["Authorization"] = f"Bearer {self.tokens.get(who, who)}"
        text = raw if raw is not None else json.dumps(body) if body is not None else None
        if text is not None:
            headers.setdefault("Content-Type", "application/json")
        connection.request(method, path, text, headers)
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        openapi_check.validate(method, path.partition("?")[0], reply.status, reply.headers.get("Content-Type", ""), content)
        return reply.status, json.loads(content) if content else None, reply.headers

    def test_no_token_and_a_wrong_token_are_told_apart_from_a_right_one(self):
        status, _, headers = self.ask("GET", "/v1/tenants")
        self.assertEqual(status, 401)
        self.assertIn("Bearer", headers["WWW-Authenticate"])
        self.assertEqual(self.ask("GET", "/v1/tenants", who="tp_wrong")[0], 401)
        self.assertEqual(self.ask("GET", "/v1/tenants", who="auditor")[0], 200)

    def test_tenant_neither_sees_nor_touches_another(self):
        self.world.ctl("budget", "set", "acme", "--epsilon", "1")
        self.world.ctl("sink", "create", "archive", "--tenant", "acme", "--kind", "file")
        self.assertEqual(self.ask("GET", "/v1/budgets/acme", who="acme")[0], 200)
        for method, path in [("GET", "/v1/budgets/acme"), ("GET", "/v1/sinks/archive?tenant=acme"), ("GET", "/v1/tenants/acme"),
                             ("DELETE", "/v1/sinks/archive?tenant=acme")]:
            self.assertEqual(self.ask(method, path, who="bolt")[0], 404, path)
        self.assertEqual([t["name"] for t in self.ask("GET", "/v1/tenants", who="bolt")[1]["items"]], ["bolt"])
        self.assertEqual(self.ask("GET", "/v1/sinks", who="bolt")[1]["items"], [])

    def test_roles_do_what_they_may_and_nothing_else(self):
        tenant = {"name": "corp"}
        self.assertEqual(self.ask("POST", "/v1/tenants", who="auditor", body=tenant)[0], 403)
        self.assertEqual(self.ask("POST", "/v1/tenants", who="acme", body=tenant)[0], 403)
        self.assertEqual(self.ask("GET", "/v1/audit/verify", who="auditor")[0], 200)
        self.assertEqual(self.ask("GET", "/v1/audit/verify", who="acme")[0], 403)
        policy = {"sensor": "noise", "lower": "0", "upper": "1"}
        self.assertEqual(self.ask("POST", "/v1/policies", who="acme", body=policy)[0], 403)
        self.assertEqual(self.ask("POST", "/v1/policies", who="officer", body=policy)[0], 201)

    def test_revoked_token_stops_at_once(self):
        self.tokens["brief"] = self.world.json("token", "create", "brief", "--role", "auditor")["token"]
        self.assertEqual(self.ask("GET", "/v1/tenants", who="brief")[0], 200)
        self.world.ctl("token", "revoke", "brief")
        self.assertEqual(self.ask("GET", "/v1/tenants", who="brief")[0], 401)

    def test_tokens_are_stored_as_hashes_only(self):
        content = b"".join(path.read_bytes() for path in (self.world.folder / "state").glob("tinypart.db*"))
        for token in self.tokens.values():
            self.assertNotIn(token.encode(), content)

    def test_problems_say_what_where_and_what_to_do(self):
        status, problem, _ = self.ask("POST", "/v1/policies", who="officer", body={"sensor": "t", "lower": "5", "upper": "1"})
        self.assertEqual(status, 400)
        self.assertTrue(problem["detail"])
        status, problem, _ = self.ask("POST", "/v1/policies", who="officer", raw='{"sensor": ')
        self.assertEqual(status, 400)
        self.assertRegex(problem["detail"], "line|column|position|end")
        status, problem, _ = self.ask("POST", "/v1/policies", who="officer", body={"sensor": "t", "lower": "0", "upper": "1", "colour": 1})
        self.assertEqual(status, 400)
        self.assertIn("colour", json.dumps(problem))
        self.assertEqual(self.ask("DELETE", "/v1/status", who="auditor")[0], 405)
        self.assertEqual(self.ask("GET", "/v1/nothing", who="auditor")[0], 404)

    def test_command_line_speaks_tcp_with_a_token_file(self):
        path = self.world.folder / "token"
        path.write_text(self.tokens["acme"] + "\n")
        out = run([str(BIN / "tinypartctl"), "--url", f"http://127.0.0.1:{self.port}", "--token-file", str(path), "-o", "json", "tenant", "list"])
        self.assertEqual([t["name"] for t in json.loads(out)["items"]], ["acme"])


class TestGarbage(WorldCase):
    """Malformed HTTP gets an answer or a closed connection; the daemon stays up."""

    def throw(self, data):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(5)
            connection.connect(str(self.world.folder / "daemon.sock"))
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
            except OSError:
                pass

    def test_malformed_requests_do_not_bring_it_down(self):
        head = b"Host: x\r\n"
        for data in [b"", b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"A" * 100000,
                     b"GET /v1/tenants/%00 HTTP/1.1\r\n" + head + b"\r\n", b"GET /v1/tenants/%zz HTTP/1.1\r\n" + head + b"\r\n",
                     b"GET /v1/devices?limit=-1 HTTP/1.1\r\n" + head + b"\r\n", b"GET /v1/devices?after=1&after=2 HTTP/1.1\r\n" + head + b"\r\n",
                     b"POST /v1/tenants HTTP/1.1\r\n" + head + b"Content-Type: application/json\r\nContent-Length: 999999999999\r\n\r\n{",
                     b"POST /v1/tenants HTTP/1.1\r\n" + head + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                     b"POST /v1/images HTTP/1.1\r\n" + head + b"Content-Type: application/octet-stream\r\nContent-Length: 5\r\n\r\nhello",
                     b"POST /v1/tenants HTTP/1.1\r\n" + head + b"Content-Type: application/json\r\nContent-Length: 6\r\n\r\n[[[[[["]:
            self.throw(data)
            self.assertIsNone(self.world.daemon.poll(), f"the daemon died of {data[:80]!r}")
        self.assertTrue(self.world.json("status")["ledger"]["sound"])

    def test_many_silent_connections_do_not_shut_people_out_for_long(self):
        held = []
        for _ in range(200):
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.connect(str(self.world.folder / "daemon.sock"))
            connection.sendall(b"GET /v1/sta")
            held.append(connection)
        try:
            self.assertTrue(self.world.json("status")["ledger"]["sound"])
        finally:
            for connection in held:
                connection.close()

    def test_requests_side_by_side_are_all_answered(self):
        counts = []

        def ask():
            for _ in range(10):
                counts.append(self.world.rest("GET", "/v1/status")["version"])

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(counts), 80)


class TestSocketOfSystemd(unittest.TestCase):
    """Socket activation, with a shell in systemd's place."""

    def serve_on(self, listening):
        world = World()
        self.addCleanup(world.close)
        self.addCleanup(listening.close)
        command = ["sh", "-c", f'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@" 3<&{listening.fileno()}', "sh", str(BIN / "tinypartd")]
        for setting in (f"daemon.state_folder={world.folder}/state", f"keys.manifest_key={world.key}", f"coap.listen={world.host}:5683",
                        f"rest.socket={world.folder}/not-this.sock"):
            command += ["--set", setting]
        daemon = subprocess.Popen(command, pass_fds=(listening.fileno(),), stderr=subprocess.PIPE, text=True)
        world.processes.append(daemon)
        self.addCleanup(daemon.stderr.close)
        return world, daemon

    def test_daemon_answers_on_the_socket_that_it_was_handed(self):
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        folder = tempfile.mkdtemp(prefix="tinypart-e2e-")
        self.addCleanup(shutil.rmtree, folder)
        listening.bind(f"{folder}/handed.sock")
        listening.listen(8)
        world, _ = self.serve_on(listening)
        world.ctl("status", socket_path=f"{folder}/handed.sock")
        self.assertFalse((world.folder / "not-this.sock").exists())

    def test_socket_whose_peers_the_kernel_does_not_know_is_refused(self):
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listening.bind(("127.0.0.1", 0))
        listening.listen(8)
        _, daemon = self.serve_on(listening)
        self.assertEqual(daemon.wait(30), 1)
        self.assertIn("one listening Unix stream socket", daemon.stderr.read())
