"""From C to a device's answer: built with clang, proven, signed, rolled out; and what cannot be proven, only by a grant."""
import os
import shutil
import subprocess
import unittest

from harness import CONTAINERS, ROOT, WorldCase

DIVIDES = """#include <tinypart/container.h>
int divides(void *context)
{
    (void)context;
    return (int)(100000000u / ztimer_now()); /* which is 0 once in 71 minutes */
}
"""


def clang():
    """A clang that compiles for BPF, or None."""
    for name in ("clang", "clang-19", "clang-14"):
        if shutil.which(name) and subprocess.run([name, "--target=bpf", "-x", "c", "-c", "-", "-o", os.devnull], input=b"",
                                                 stderr=subprocess.DEVNULL, check=False).returncode == 0:
            return name
    return None


class TestContainers(WorldCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.clang = clang()
        cls.key = cls.world.tenant("acme")
        trace = cls.world.folder / "trace.csv"
        trace.write_text("warm\n" + "21.5\n" * 4)
        cls.node = cls.world.owned("node", 1, extra=["--sensor", f"temperature=csv:{trace}:warm"])[0]

    def build(self, source, name):
        w = self.world
        out = w.folder / f"{name}.o"
        subprocess.run([self.clang, "--target=bpf", "-mcpu=v2", "-O2", "-fno-jump-tables", "-I", str(ROOT / "packaging" / "include"), "-c",
                        str(source), "-o", str(out)], check=True)
        return w.offline("image", "build", str(out))

    def push(self, name):
        w = self.world
        bundle = w.folder / f"{name}.suit"
        w.offline("image", "sign", str(w.folder / f"{name}.rbpf"), "--name", name.replace("_", "-"), "--version", "1", "--type", "bpf",
                  "--key", str(self.key), "-o", str(bundle))
        w.ctl("image", "push", str(bundle), "--tenant", "acme")

    def order(self, name):
        return self.world.ctl("rollout", "create", "--tenant", "acme", "--image", f"{name}:1", "--selector", "site=lyon", "--slot", "0",
                              "--watch", "--timeout", "2m")

    def test_01_a_container_in_c_answers_on_a_device(self):
        if self.clang is None:
            print("no clang with the target bpf is here: containers in C are not built")
            return
        w = self.world
        w.ctl("grant", "create", "--tenant", "acme", "--selector", "site=lyon", "--slots", "0", "--helpers", "*")
        self.assertIn("proven", self.build(CONTAINERS / "c" / "moving_average.c", "moving_average"))
        self.push("moving_average")
        self.assertIn("1 of 1 devices have the image", self.order("moving-average"))
        self.assertEqual(w.ctl("device", "run", self.node, "0").strip(), "21.50")

    def test_02_unproven_code_runs_only_where_a_grant_lets_it(self):
        if self.clang is None:
            return
        w = self.world
        source = w.folder / "divides.c"
        source.write_text(DIVIDES)
        self.assertIn("unproven: instruction", self.build(source, "divides"))
        self.assertIn("<-- may divide by 0", w.offline("image", "inspect", str(w.folder / "divides.rbpf")))
        self.push("divides")
        said = self.refused("rollout", "create", "--tenant", "acme", "--image", "divides:1", "--selector", "site=lyon", "--slot", "0")
        self.assertRegex(said, r"lets only proven containers run on device node: instruction \d+: may divide by 0")
        self.assertIn("--allow-unproven", said)
        w.ctl("grant", "create", "--tenant", "acme", "--selector", "site=lyon", "--slots", "0", "--helpers", "*", "--allow-unproven")
        self.assertIn("1 of 1 devices have the image", self.order("divides"))


if __name__ == "__main__":
    unittest.main()
