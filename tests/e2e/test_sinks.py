"""Deliveries to sinks that fail: nothing is lost, nothing else is slowed, nobody unproven is believed."""
import socket
import ssl
import subprocess
import unittest

from harness import Listener, World, wait_until


class TestSinks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(["privacy.device_cap=50", "export.timeout=2s"]).start()
        cls.addClassCleanup(cls.world.close)
        w = cls.world
        w.tenant("acme")
        w.ctl("device", "create", "board", "--profile", "riot-tinypart", "--address", w.address(99), "--labels", "site=lyon")
        w.ctl("grant", "create", "--tenant", "acme", "--selector", "", "--sensors", "load")
        w.ctl("policy", "set", "load", "--lower", "0", "--upper", "10")
        w.ctl("budget", "set", "acme", "--epsilon", "50")

    def release(self, name):
        self.world.ctl("release", "create", "--tenant", "acme", "--query", "count", "--sensor", "load", "--selector", "", "--epsilon", "0.5",
                       "--request", name)

    def waiting(self, sink):
        return [row for row in self.world.items("export", "list") if row["sink"] == sink and row["delivered_at"] is None]

    def test_certificate_nobody_vouches_for_is_not_believed(self):
        w = self.world
        certificate, key = w.folder / "tls.pem", w.folder / "tls.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                        "/CN=listener", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
                       check=True, capture_output=True)
        listener = Listener()
        self.addCleanup(listener.close)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        listener.server.socket = context.wrap_socket(listener.server.socket, server_side=True)
        url = listener.url.replace("http://", "https://")
        w.ctl("sink", "create", "unproven", "--tenant", "acme", "--kind", "http", "--url", url)
        self.release("tls-1")
        wait_until(lambda: self.waiting("unproven")[0]["error"], 30, "the refusal of the certificate")
        self.assertRegex(self.waiting("unproven")[0]["error"].lower(), "certificate|ssl")
        self.assertEqual(listener.bodies, [])
        w.ctl("sink", "delete", "unproven", "--tenant", "acme")
        w.ctl("sink", "create", "proven", "--tenant", "acme", "--kind", "http", "--url", url, "--ca-file", str(certificate))
        self.release("tls-2")
        wait_until(lambda: listener.bodies, 30, "the delivery over TLS")
        self.assertEqual([body["request"] for body in listener.bodies], ["tls-2"])
        w.ctl("sink", "delete", "proven", "--tenant", "acme")

    def test_sink_that_is_down_loses_nothing_and_slows_no_other(self):
        w = self.world
        with socket.socket() as probe:  # a port where nobody listens yet
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        w.ctl("sink", "create", "down", "--tenant", "acme", "--kind", "http", "--url", f"http://127.0.0.1:{port}/in")
        w.ctl("sink", "create", "file", "--tenant", "acme", "--kind", "file")
        for i in range(3):
            self.release(f"down-{i}")
        path = w.folder / "state/export/acme/file.jsonl"
        wait_until(lambda: path.exists() and len(path.read_text().splitlines()) == 3, 10, "the file sink's three lines")
        self.assertEqual(len(self.waiting("down")), 3)
        w.kill()  # and the daemon loses its power meanwhile
        w.start()
        listener = Listener(port=port)
        self.addCleanup(listener.close)
        wait_until(lambda: len(listener.bodies) == 3, 90, "all three deliveries")
        self.assertEqual([body["request"] for body in listener.bodies], ["down-0", "down-1", "down-2"])
        self.assertEqual(len(set(listener.keys)), 3)
        wait_until(lambda: not self.waiting("down"), 10, "the acknowledgements")
