"""A maintainer's key that quantum computers do not break: manifests that devices verify, and one-time keys that are used once."""
import json
import unittest

from harness import Refused, World, wait_until


class TestHashBasedKey(unittest.TestCase):
    """Devices of profile tinypart verify HSS-LMS; RIOT's do not, and are refused when the order is given."""

    @classmethod
    def setUpClass(cls):
        cls.world = w = World(key_type=("hss-lms", "--height", "10", "--width", "4")).start()
        cls.acme = w.tenant("acme")
        w.image("acme", cls.acme, "thermo", version="1.0")
        cls.nodes = w.owned("node", 2, extra=["-v", "--sensor", "load=host:loadavg"])
        w.ctl("grant", "create", "--tenant", "acme", "--selector", "", "--slots", "*", "--helpers", "*", "--sensors", "*")

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def key(self):
        return json.loads(self.world.offline("-o", "json", "key", "show", str(self.world.key)))

    def order(self, slot, selector="site=lyon"):
        w = self.world
        w.ctl("rollout", "create", "--tenant", "acme", "--image", "thermo:1.0", "--selector", selector, "--slot", str(slot))
        number = max(rollout["id"] for rollout in w.items("rollout", "list"))
        return {name: step["state"] for name, step in w.rollout_ends(number).items()}

    def test_01_devices_install_what_such_a_manifest_orders(self):
        self.assertEqual(self.order(0), {name: "installed" for name in self.nodes})
        self.assertEqual(self.key()["standing"], "can sign")

    def test_02_a_killed_daemon_goes_on_with_keys_that_it_never_reserved(self):
        before = self.key()
        self.world.kill()
        self.world.start()
        self.assertEqual(self.key()["next_one_time_key"], before["next_one_time_key"])
        self.assertEqual(self.order(1), {name: "installed" for name in self.nodes})
        self.assertGreaterEqual(self.key()["next_one_time_key"], before["next_one_time_key"] + 2)

    def test_03_a_device_that_cannot_verify_it_is_refused_at_order_time(self):
        w = self.world
        w.ctl("device", "create", "tp", "--profile", "riot-tinypart", "--class", "native", "--address", w.address(90), "--labels", "site=home")
        with self.assertRaises(Refused) as refused:
            self.order(0, "site=home")
        self.assertIn("riot-tinypart devices take ed25519 signatures, and the daemon's manifest key makes hss-lms ones", refused.exception.err)

    def test_04_a_policy_is_signed_with_it_too_and_fetched_in_blocks(self):
        w = self.world
        w.ctl("policy", "set", "load", "--lower", "0", "--upper", "40", "--interval", "1s")
        log = w.folder / "devices-node.log"
        wait_until(lambda: "policy: load: version 1" in log.read_text(), 60, "a device that took the policy")

    def test_05_a_tenants_image_is_signed_with_such_a_key_and_rolled_out(self):
        w = self.world
        key = w.folder / "beta.hss"
        w.offline("keygen", "--type", "hss-lms", "--height", "5", "--width", "8", "-o", str(key))
        w.ctl("tenant", "create", "beta")
        w.ctl("tenant", "key", "add", "beta", f"{key}.pub.pem")
        self.assertEqual([kept["type"] for kept in w.items("tenant", "key", "list", "beta")], ["hss-lms"])
        with self.assertRaises(Refused) as refused:  # a key of the tenant, and not just any
            w.image("beta", self.acme, "thermo", version="2.0")
        self.assertIn("no live key of beta signed this bundle", refused.exception.err)
        w.image("beta", key, "thermo", version="2.0")
        w.ctl("grant", "create", "--tenant", "beta", "--selector", "", "--slots", "*", "--helpers", "*", "--sensors", "*")
        w.ctl("rollout", "create", "--tenant", "beta", "--image", "thermo:2.0", "--selector", "site=lyon", "--slot", "2")
        number = max(rollout["id"] for rollout in w.items("rollout", "list"))
        self.assertEqual({name: step["state"] for name, step in w.rollout_ends(number).items()}, {name: "installed" for name in self.nodes})

    def test_06_a_used_up_key_refuses_orders_in_words(self):
        w = self.world
        w.offline("key", "skip", str(w.key), "--to", "1024")
        w.kill()  # with what it had reserved
        w.start()
        self.assertIn("the manifest key cannot sign: all 1024 one-time keys", w.logged())
        with self.assertRaises(Refused) as refused:
            self.order(3)
        self.assertIn("can make no more signatures", refused.exception.err)


if __name__ == "__main__":
    unittest.main()
