"""Images that stay secret over plain CoAP: devices with a key of their own get them encrypted to it."""
import unittest

from harness import Refused, World


class TestEncryption(unittest.TestCase):
    """A device with the key that is registered for it, one with another key, and one for which none is registered."""

    @classmethod
    def setUpClass(cls):
        cls.world = w = World().start()
        cls.acme = w.tenant("acme")
        w.image("acme", cls.acme, "thermo", version="1.0")
        w.offline("keygen", "--type", "p256", "-o", str(w.folder / "node.pem"))
        w.offline("keygen", "--type", "p256", "-o", str(w.folder / "other.pem"))
        w.ctl("grant", "create", "--tenant", "acme", "--selector", "", "--slots", "*", "--helpers", "*", "--sensors", "*")

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def register(self, name, encryption_key, labels):
        w = self.world
        report = w.folder / f"{name}.report.pem"
        report.write_text(w.report_keys(name, 1)[name])
        w.ctl("device", "create", name, "--profile", "tinypart", "--labels", labels, "--report-key", str(report),
              "--encryption-key", str(w.folder / f"{encryption_key}.pub.pem"))

    def order(self, selector, *extra):
        w = self.world
        w.ctl("rollout", "create", "--tenant", "acme", "--image", "thermo:1.0", "--selector", selector, "--slot", "0", *extra)
        number = max(rollout["id"] for rollout in w.items("rollout", "list"))
        return number, {name: (step["state"], step["reason"]) for name, step in w.rollout_ends(number).items()}

    def test_01_a_device_installs_what_is_encrypted_to_its_key(self):
        w = self.world
        self.register("node", "node", "kind=node")
        w.devices("tinypart", 1, "node", first=30, extra=["--decryption-key", str(w.folder / "node.pem")])
        number, steps = self.order("kind=node", "--encrypt")
        self.assertEqual(steps["node"][0], "installed", steps)
        self.assertEqual(w.json("rollout", "show", str(number))["transfer"], "encrypted")
        # what it holds now is the image itself, not what travelled
        self.assertEqual(w.ctl("device", "run", "node", "0").strip(), "27.18")

    def test_02_a_device_with_another_key_refuses_before_it_fetches(self):
        w = self.world
        self.register("stranger", "other", "kind=stranger")
        w.devices("tinypart", 1, "stranger", first=40, extra=["--decryption-key", str(w.folder / "node.pem")])
        number, steps = self.order("kind=stranger", "--encrypt", "--attempts", "1")
        self.assertEqual(steps["stranger"][0], "failed", steps)
        self.assertIn("the device reported", steps["stranger"][1])
        step = w.items("rollout", "show", str(number), "--steps")[0]
        self.assertEqual(step["image_bytes"], 0)

    def test_03_a_device_without_a_registered_key_is_refused_by_name(self):
        w = self.world
        w.owned("plain", 1, labels="kind=plain", first=50)
        with self.assertRaises(Refused) as refused:
            self.order("kind=plain", "--encrypt")
        self.assertIn("device plain has no encryption key", refused.exception.err)
        self.assertEqual(self.order("kind=plain")[1]["plain"][0], "installed")


if __name__ == "__main__":
    unittest.main()
