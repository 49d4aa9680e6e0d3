"""From a signed container to a running one, on devices of all three profiles."""
import unittest

from harness import CONTAINERS, Refused, World, WorldCase, wait_until


class TestRollouts(WorldCase):
    """One order after another on the same devices: two of each profile."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        w = cls.world
        w.ctl("profile", "list")
        cls.acme = w.tenant("acme")
        cls.bolt = w.tenant("bolt")
        # RIOT devices are registered by hand, those of profile tinypart register themselves
        for i, name in enumerate(w.devices("riot-tinypart", 2, "tp", first=10)):
            w.ctl("device", "create", name, "--profile", "riot-tinypart", "--class", "native", "--address", w.address(10 + i),
                  "--labels", "site=lyon,kind=tp")
        for i, name in enumerate(w.devices("riot-mainline", 2, "main", first=20, extra=["--class", "native64"])):
            w.ctl("device", "create", name, "--profile", "riot-mainline", "--class", "native64", "--address", w.address(20 + i),
                  "--labels", "site=lyon,kind=main")
        cls.nodes = w.devices("tinypart", 2, "node", first=30)

    def claim(self, name, labels):
        w = self.world
        pem = w.folder / f"{name}.pub.pem"
        pem.write_text(w.report_keys("node", 2)[name])
        w.ctl("device", "claim", name, "--profile", "tinypart", "--labels", labels, "--report-key", str(pem))

    def test_01_unknown_endpoint_is_unclaimed_until_an_owner_claims_it(self):
        w = self.world
        wait_until(lambda: len(w.items("device", "list", "--state", "unclaimed")) == 2, 30, "two registrations")
        self.assertIn("none", w.ctl("device", "list", "-l", "site=lyon,kind=node"))
        self.claim("node-1", "site=lyon,kind=node")
        self.claim("node-2", "site=lyon,kind=node")
        self.assertEqual(w.items("device", "list", "--state", "unclaimed"), [])
        device = w.json("device", "show", "node-1")
        self.assertEqual(device["profile"], "tinypart")
        self.assertTrue(device["address"].startswith("coap://"))

    def test_02_selectors_pick_devices(self):
        names = lambda selector: sorted(d["name"] for d in self.world.items("device", "list", "-l", selector))
        self.assertEqual(names("kind in (tp,main)"), ["main-1", "main-2", "tp-1", "tp-2"])
        self.assertEqual(names("kind notin (tp,main)"), ["node-1", "node-2"])
        self.assertEqual(names("site=lyon,kind!=tp,!retired"), ["main-1", "main-2", "node-1", "node-2"])
        self.assertIn("at", self.refused("device", "list", "-l", "kind in tp"))

    def test_03_tenant_without_a_grant_is_refused_by_device(self):
        w = self.world
        w.image("acme", self.acme, "thermo", version="1.0", sensor="temperature")
        said = self.refused("rollout", "create", "--tenant", "acme", "--image", "thermo:1.0", "--selector", "site=lyon", "--slot", "0")
        self.assertRegex(said, "grant")
        self.assertEqual(w.items("rollout", "list"), [])

    def test_04_every_profile_takes_the_container(self):
        w = self.world
        w.ctl("grant", "create", "--tenant", "acme", "--selector", "site=lyon", "--slots", "0", "--sensors", "temperature", "--helpers", "*")
        w.ctl("grant", "create", "--tenant", "bolt", "--selector", "kind in (tp,node)", "--slots", "1")
        w.ctl("rollout", "create", "--tenant", "acme", "--image", "thermo:1.0", "--selector", "site=lyon", "--slot", "0")
        steps = w.rollout_ends(1)
        states = {name: step["state"] for name, step in steps.items()}
        self.assertEqual(states, {"tp-1": "installed", "tp-2": "installed", "main-1": "delivered", "main-2": "delivered",
                                  "node-1": "installed", "node-2": "installed"}, steps)
        self.assertIn("slot 0 answers", steps["tp-1"]["reason"])
        # what it answers is the owner's raw data: tenants read reasons
        self.assertNotIn("27.18", str(steps))

    def test_05_two_tenants_run_side_by_side_on_one_device(self):
        w = self.world
        w.image("bolt", self.bolt, "counter", version="2.1")
        out = w.ctl("rollout", "create", "--tenant", "bolt", "--image", "counter:2.1", "--selector", "kind in (tp,node)", "--slot", "1",
                    "--watch", "--timeout", "2m")
        self.assertIn("4 of 4 devices have the image", out)
        self.assertEqual(w.ctl("device", "run", "tp-1", "0").strip(), "27.18")
        self.assertEqual(w.ctl("device", "run", "tp-1", "1").strip(), "50.50")
        self.assertEqual(w.ctl("device", "run", "node-2", "1").strip(), "50.50")
        slots = {s["slot"]: s["tenant"] for s in w.json("device", "show", "tp-1")["slots"]}
        self.assertEqual(slots, {0: "acme", 1: "bolt"})

    def test_06_slot_of_another_tenant_stays_its_own(self):
        w = self.world
        w.ctl("grant", "create", "--tenant", "bolt", "--selector", "kind=tp", "--slots", "0")
        said = self.refused("rollout", "create", "--tenant", "bolt", "--image", "counter:2.1", "--selector", "kind=tp", "--slot", "0")
        self.assertNotIn("acme", said)
        self.assertIn("slot", said)

    def test_07_device_where_containers_cannot_be_asked_says_so(self):
        self.assertRegex(self.refused("device", "run", "main-1", "0"), "riot-mainline|asked|exec")

    def test_08_tampered_and_foreign_images_are_not_admitted(self):
        w = self.world
        bundle = w.folder / "acme-thermo-1.0.suit"
        broken = bytearray(bundle.read_bytes())
        broken[-20] ^= 1
        (w.folder / "broken.suit").write_bytes(broken)
        self.refused("image", "push", str(w.folder / "broken.suit"), "--tenant", "acme")
        self.assertRegex(self.refused("image", "push", str(bundle), "--tenant", "bolt"), "sign")
        with self.assertRaises(Refused):
            w.offline("image", "verify", str(w.folder / "broken.suit"), "--key", str(w.folder / "acme.pub.pem"))

    def test_09_container_that_the_device_would_not_check_is_not_admitted(self):
        w = self.world
        code = bytearray((CONTAINERS / "counter.rbpf").read_bytes())
        data, rodata = (int.from_bytes(code[at:at + 4], "little") for at in (12, 16))
        code[28 + data + rodata] = 0xFF  # no such instruction
        (w.folder / "bad.rbpf").write_bytes(code)
        w.offline("image", "sign", str(w.folder / "bad.rbpf"), "--name", "bad", "--version", "1", "--type", "bpf", "--key",
                  str(self.acme), "-o", str(w.folder / "bad.suit"))
        self.assertRegex(self.refused("image", "push", str(w.folder / "bad.suit"), "--tenant", "acme"), "instruction 0")

    def test_10_rollout_is_paused_resumed_and_aborted(self):
        w = self.world
        w.image("acme", self.acme, "thermo", version="1.1", sensor="temperature")
        w.ctl("device", "create", "gone-1", "--profile", "riot-tinypart", "--class", "native", "--address", w.address(200),
              "--labels", "site=paris")
        w.ctl("grant", "create", "--tenant", "acme", "--selector", "site=paris", "--slots", "0", "--sensors", "temperature", "--helpers", "*")
        w.ctl("rollout", "create", "--tenant", "acme", "--image", "thermo:1.1", "--selector", "site=paris", "--slot", "0")
        number = str(w.items("rollout", "list")[-1]["id"])
        w.ctl("rollout", "pause", number)
        self.assertEqual(w.json("rollout", "show", number)["state"], "paused")
        self.refused("rollout", "pause", number)
        w.ctl("rollout", "resume", number)
        w.ctl("rollout", "abort", number)
        wait_until(lambda: w.json("rollout", "show", number)["state"] == "aborted", 10, "the abort")
        self.refused("rollout", "resume", number)

    def test_11_audit_record_holds(self):
        verdict = self.world.json("audit", "verify")
        self.assertTrue(verdict["holds"])
        actions = {entry["action"] for entry in self.world.items("audit", "list")}
        for action in ("tenant.create", "grant.create", "image.admit", "rollout.create"):
            self.assertIn(action, actions)


class TestRefusals(WorldCase):
    """What a device will not take ends in a state with a reason that a person understands."""

    settings = ()

    def one(self, index, name, profile="riot-tinypart", version="1.0", device_class="native", **device):
        """A device of its own, a rollout to it alone; its step."""
        w = self.world
        w.devices(profile, 1, name, first=index, **device)
        w.ctl("device", "create", name, "--profile", profile, "--class", device_class, "--address", w.address(index),
              "--labels", f"only={name}")
        w.ctl("grant", "create", "--tenant", "acme", "--selector", f"only={name}", "--slots", "0", "--sensors", "temperature", "--helpers", "*")
        return self.order(name, version)

    def order(self, name, version="1.0"):
        w = self.world
        number = w.json("rollout", "create", "--tenant", "acme", "--image", f"thermo:{version}", "--selector", f"only={name}", "--slot", "0")["id"]
        return w.rollout_ends(number, 200)[name]

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.acme = cls.world.tenant("acme")
        cls.world.image("acme", cls.acme, "thermo", version="1.0", sensor="temperature")

    def test_01_device_that_trusts_another_key_is_told_as_refused(self):
        other = self.world.folder / "other.pem"
        self.world.offline("keygen", "--type", "ed25519", "-o", str(other))
        step = self.one(40, "foreign", trust=self.world.folder / "other.pub.pem", extra=["--class", "native"])
        self.assertEqual(step["state"], "refused")
        self.assertRegex(step["reason"], r"fetched the manifest and then nothing for \d+ s: signature, sequence number or class not accepted")

    def test_02_wrong_class_is_told_as_refused(self):
        step = self.one(41, "board", device_class="samr21-xpro", extra=["--class", "native"])
        self.assertEqual(step["state"], "refused")
        self.assertIn("class", step["reason"])

    def test_03_lost_and_doubled_packets_do_not_stop_a_rollout(self):
        step = self.one(42, "lossy", extra=["--class", "native", "--faults", "loss=0.15,dup=0.1,delay=20ms", "--seed", "7"])
        self.assertEqual(step["state"], "installed", step)

    def test_04_power_cut_in_the_middle_is_tried_again(self):
        step = self.one(43, "cut", profile="riot-mainline", device_class="native64", extra=["--class", "native64", "--faults", "power-cut=block:1"])
        self.assertEqual(step["state"], "delivered", step)
        self.assertGreaterEqual(step["attempts"], 2)


class TestSilence(unittest.TestCase):
    """A device that is not there, on a daemon of its own because silence takes its time."""

    def test_device_that_never_answers_is_unreachable(self):
        world = World().start()
        self.addCleanup(world.close)
        key = world.tenant("acme")
        world.image("acme", key, "thermo", version="1.0")
        world.ctl("device", "create", "ghost", "--profile", "riot-tinypart", "--address", world.address(99), "--labels", "site=lyon")
        world.ctl("grant", "create", "--tenant", "acme", "--selector", "site=lyon", "--slots", "0", "--helpers", "*")
        number = world.json("rollout", "create", "--tenant", "acme", "--image", "thermo:1.0", "--selector", "site=lyon", "--slot", "0",
                            "--attempts", "2")["id"]
        step = world.rollout_ends(number, 200)["ghost"]
        self.assertEqual(step["state"], "unreachable")
        self.assertRegex(step["reason"], "2 tries")
