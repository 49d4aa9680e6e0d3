"""A device whose owner writes manifests by hand: made offline, served by libcoap's server, taken by the virtual device."""
import hashlib
import json
import shutil
import subprocess
import unittest

from foreign import libcoap
from harness import CONTAINERS, World, bound, wait_until

VENDOR = {"domain": "tinypart.org"}
CLASS = {"domain": "tinypart.org", "name": "tinypart-device"}


def command(name, argument=None, **about):
    step = {"command-id": name} if argument is None else {"command-id": name, "command-arg": argument}
    return step | {f"component-{key.replace('_', '-')}": value for key, value in about.items()}


class TestOwnerManifest(unittest.TestCase):
    """No daemon has a part in it, but for the maintainer's key that the harness makes."""

    @classmethod
    def setUpClass(cls):
        cls.world = w = World()
        w.devices("tinypart", 1, "node", first=30, extra=["-v"])
        server = shutil.which("coap-server-notls") or shutil.which("coap-server-openssl") or shutil.which("coap-server")
        if server is None:
            raise AssertionError("libcoap's server is not installed (Debian: libcoap3-bin)")
        cls.server = f"{w.net}.2"
        w.processes.append(subprocess.Popen([server, "-A", cls.server, "-d", "20"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        wait_until(lambda: bound(cls.server), 20, "libcoap's server")
        cls.thermo = (CONTAINERS / "thermo.rbpf").read_bytes()

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def serve(self, path, content):
        """Puts a file where devices can fetch it; its URL."""
        url = f"coap://{self.server}/{path}"
        out, err = libcoap("put", url, "-b", "1024", "-f", "-", stdin=content)
        self.assertEqual(err, "", f"libcoap's server took {path}")
        return url

    def parameters(self, slot, image, **more):
        digest = {"algorithm-id": "sha256", "digest-bytes": hashlib.sha256(image).hexdigest()}
        return command("directive-override-parameters", {"image-digest": digest, "image-size": len(image)} | more, index=slot)

    def manifest(self, name, sequence, slots, key=None, **sections):
        """Describes, makes, signs and serves a manifest; its URL."""
        w = self.world
        shared = [command("directive-override-parameters", {"vendor-id": VENDOR, "class-id": CLASS}, index=True),
                  command("condition-vendor-identifier"), command("condition-class-identifier")]
        description = {"manifest-version": 1, "manifest-sequence-number": sequence, "shared-sequence": shared,
                       "component-ids": [["slot", str(slot)] for slot in slots]}
        description |= {section.replace("_", "-"): commands for section, commands in sections.items()}
        (w.folder / f"{name}.json").write_text(json.dumps(description))
        w.offline("manifest", "create", "--from", str(w.folder / f"{name}.json"), "--key", str(key or w.key), "-o", str(w.folder / f"{name}.suit"))
        return self.serve(name, (w.folder / f"{name}.suit").read_bytes())

    def trigger(self, url):
        return libcoap("post", self.world.address(30) + "/suit/trigger", "-e", url)

    def runs(self, slot):
        """What the container there says; nothing where there is none."""
        out, _ = libcoap("post", self.world.address(30) + f"/exec/{slot}", "-e", "")
        return out.decode().strip()

    def log(self):
        return (self.world.folder / "devices-node.log").read_text(errors="replace")

    def test_01_a_container_is_fetched_into_two_slots_by_one_manifest(self):
        image = self.serve("thermo", self.thermo)
        url = self.manifest("two", 1, [0, 1], install=[
            self.parameters(0, self.thermo, uri=image), command("directive-fetch"), command("condition-image-match"),
            self.parameters(1, self.thermo, **{"source-component": 0}), command("directive-copy"), command("condition-image-match")])
        self.trigger(url)
        wait_until(lambda: self.runs(1) == "27.18", 60, "the container in the second slot")
        self.assertEqual(self.runs(0), "27.18")

    def test_02_an_older_sequence_number_and_a_foreign_key_change_nothing(self):
        w = self.world
        w.offline("keygen", "--type", "ed25519", "-o", str(w.folder / "stranger.pem"))
        for name, sequence, key in (("replayed", 1, None), ("forged", 9, w.folder / "stranger.pem")):
            said = len(self.log())
            self.trigger(self.manifest(name, sequence, [0], key, install=[command("directive-unlink", index=0)]))
            wait_until(lambda: "refused" in self.log()[said:], 60, f"the {name} manifest's end: {self.log()[said:]}")
            self.assertEqual(self.runs(0), "27.18", name)

    def test_03_a_condition_that_fails_leaves_all_slots_as_they_were(self):
        wrong = self.serve("other", bytes([self.thermo[0] ^ 1]) + self.thermo[1:])
        said = len(self.log())
        self.trigger(self.manifest("broken", 2, [0, 1], install=[
            command("directive-unlink", index=0),
            self.parameters(1, self.thermo, uri=wrong), command("directive-fetch"), command("condition-image-match")]))
        wait_until(lambda: "refused" in self.log()[said:], 60, "the end of the update")
        self.assertEqual((self.runs(0), self.runs(1)), ("27.18", "27.18"))

    def test_04_slots_are_emptied(self):
        self.trigger(self.manifest("empty", 3, [0, 1], install=[command("directive-unlink", index=0), command("directive-unlink", index=1)]))
        wait_until(lambda: self.runs(1) == "", 60, "an empty second slot")
        self.assertEqual(self.runs(0), "")


if __name__ == "__main__":
    unittest.main()
