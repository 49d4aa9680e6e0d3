"""A round of federated learning: containers make vectors, devices clip and post them, a tenant gets their noised sum."""
import hashlib
import json

import test_ledger
from harness import Refused, World, WorldCase, wait_until

COORDINATES = 16


class TestRound(WorldCase):
    settings = ("privacy.device_cap=5", "privacy.device_rho_cap=20")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        w = cls.world
        cls.key = w.tenant("acme")
        w.tenant("bolt")
        (w.folder / "trace.csv").write_text("warm\n" + "21.5\n" * 4)
        cls.nodes = w.owned("node", 3, extra=["--sensor", f"temperature=csv:{w.folder}/trace.csv:warm", "--vector", f"gradient=0:{COORDINATES}",
                                              "--interval", "1", "--spread", "1", "--policy-every", "2"])
        w.ctl("grant", "create", "--tenant", "acme", "--selector", "site=lyon", "--slots", "0", "--sensors", "gradient", "--helpers", "*")
        w.ctl("budget", "set", "acme", "--epsilon", "1", "--rho", "12")
        w.ctl("sink", "create", "lake", "--tenant", "acme", "--kind", "file")

    def ask(self, *more, query="vector-sum", tenant="acme"):
        return self.world.json("release", "create", "--tenant", tenant, "--query", query, "--sensor", "gradient", "--selector", "site=lyon", *more)

    def kept(self):
        return self.world.json("status")["counters"]["telemetry_stored"]

    def test_1_vectors_of_three_containers_arrive(self):
        w = self.world
        w.ctl("policy", "set", "gradient", "--dimension", str(COORDINATES), "--norm", "50000", "--interval", "1s", "--contributions", "1")
        policy = w.json("policy", "show", "gradient")
        self.assertEqual((policy["dimension"], policy["upper"], policy["mechanism"], policy["scale"]), (COORDINATES, "50000", "none", 1))
        w.image("acme", self.key, "vector", version="1")
        number = w.json("rollout", "create", "--tenant", "acme", "--image", "vector:1", "--selector", "site=lyon", "--slot", "0")["id"]
        self.assertEqual({step["state"] for step in w.rollout_ends(number).values()}, {"installed"})
        wait_until(lambda: self.kept() >= 3, 60, "a vector of each device")
        self.assertEqual(w.json("status")["registry"]["readings_raw"], 3)

    def test_2_dry_run_shows_what_a_round_costs(self):
        plan = self.ask("--rho", "4", "--dry-run")
        self.assertTrue(plan["would_pass"])
        self.assertEqual((plan["cohort"], plan["device_loss"]["rho"], plan["tenant_loss"]["rho"]), (3, "4", "4"))
        self.assertEqual(plan["exhausts_first"]["times"], 3)
        self.assertEqual(plan["exhausts_first"]["currency"], "rho")
        # sigma is 50000 / sqrt(8); each coordinate within 1.96 of it, all of them within 4
        self.assertAlmostEqual(float(plan["error95"]), 1.96 * 50000 / 8 ** 0.5, delta=60)
        self.assertAlmostEqual(float(plan["l2_error"]), 4 * 50000 / 8 ** 0.5, delta=60)
        needed = self.ask("--error", "40000", "--dry-run")["needed"]
        self.assertAlmostEqual(float(needed["rho"]), 50000 ** 2 / (2 * (40000 / 1.96) ** 2), delta=0.01)
        self.assertFalse(needed["pure"])

    def test_3_epsilon_and_other_queries_are_refused_in_words(self):
        for more, query, words in ((("--epsilon", "1"), "vector-sum", "paid in rho"), (("--epsilon", "1"), "mean", "vectors of 16 coordinates")):
            with self.assertRaises(Refused) as caught:
                self.ask(*more, query=query)
            self.assertIn(words, caught.exception.err)
        with self.assertRaises(Refused):
            self.ask("--rho", "1", tenant="bolt")

    def test_4_the_noised_sum_is_within_its_interval_and_replays(self):
        w = self.world
        saved = w.folder / "round.json"
        first = self.ask("--rho", "4", "--request", "round-1", "--output", str(saved))
        answer = first["answer"]
        self.assertEqual(len(answer["vector"]), COORDINATES)
        truth = [3 * 2150 * (8 - i) for i in range(COORDINATES)]
        sigma = 50000 / 8 ** 0.5
        off = [abs(said - true) for said, true in zip(answer["vector"], truth)]
        self.assertLess(max(off), 8 * sigma)  # beyond that with probability below 1e-13
        # each is outside its interval with probability 0.05: more than 9 of 16, below 1e-8
        self.assertLessEqual(sum(one > float(answer["error95"]["half_width"]) for one in off), 9)
        self.assertEqual(json.loads(saved.read_text()), answer)
        again = self.ask("--rho", "4", "--request", "round-1")
        self.assertTrue(again["replayed"])
        self.assertEqual(again["answer"], answer)
        self.assertIn("each scaled down to an L2 norm of 50000", " ".join(w.ctl("privacy", "explain", str(first["id"])).split()))
        shown = w.ctl("release", "show", str(first["id"]))
        self.assertIn("(16 in all; --output FILE saves them)", shown)
        path = w.folder / "state/export/acme/lake.jsonl"
        wait_until(lambda: path.exists() and '"vector"' in path.read_text(), 20, "the sum in the sink's file")

    def test_5_a_restart_keeps_the_bytes_and_the_ledger(self):
        w = self.world
        number = str(w.items("release", "list")[0]["id"])
        before = w.ctl("release", "answer", number)
        self.assertIn("holds", w.ctl("privacy", "ledger", "verify"))
        w.kill()
        w.start()
        self.assertEqual(w.ctl("release", "answer", number), before)
        self.assertEqual(self.ask("--rho", "4", "--request", "round-1")["answer"], json.loads(before))
        self.assertTrue(w.json("status")["ledger"]["sound"])
        export = w.folder / "export.jsonl"
        w.ctl("privacy", "export", "--output", str(export))
        lines = [json.loads(line) for line in export.read_text().splitlines()]
        self.assertEqual([line["answer"] for line in lines if line["kind"] == "release"], [before])

    def test_6_a_lower_norm_clips_what_is_there(self):
        w = self.world
        w.ctl("policy", "set", "gradient", "--norm", "100", "--interval", "1s")
        answer = self.ask("--rho", "4")["answer"]
        sigma = 100 / 8 ** 0.5
        # three vectors of norm 100 at most: 300 / sqrt(344) * 8 along the first coordinate
        self.assertLess(abs(answer["vector"][0] - 300 * 8 / 344 ** 0.5), 3 + 8 * sigma)
        self.assertTrue(all(abs(one) < 300 + 8 * sigma for one in answer["vector"]))

    def test_7_an_export_has_long_answers_by_their_digest(self):
        w = self.world
        w.ctl("grant", "create", "--tenant", "acme", "--selector", "site=lyon", "--sensors", "long")
        w.ctl("policy", "set", "long", "--dimension", "4096", "--norm", "1000000")
        number = w.json("release", "create", "--tenant", "acme", "--query", "vector-sum", "--sensor", "long", "--selector", "site=lyon", "--rho", "0.01")["id"]
        answer = w.ctl("release", "answer", str(number)).encode()
        self.assertGreater(len(answer), 20000)
        export = w.folder / "long.jsonl"
        w.ctl("privacy", "export", "--output", str(export))
        lines = [json.loads(line) for line in export.read_text().splitlines()]
        line, = (line for line in lines if line["kind"] == "release" and line["id"] == number)
        self.assertEqual((line["answer"], line["answer_size"], line["answer_sha256"]), (None, len(answer), hashlib.sha256(answer).hexdigest()))
        short = next(line for line in lines if line["kind"] == "release" and line["id"] != number)
        self.assertEqual(hashlib.sha256(short["answer"].encode()).hexdigest(), short["answer_sha256"])
        self.assertIn("holds", w.ctl("privacy", "ledger", "verify", "--file", str(export), "--key", str(w.public)))


class TestEverySystemCallOfARound(test_ledger.TestEverySystemCall):
    """Of the longest vectors, whose answers are beyond what lists of releases hold."""

    def setUp(self):
        self.world = World(["privacy.device_cap=1000", "privacy.device_rho_cap=1000"]).start()
        self.addCleanup(self.world.close)
        test_ledger.fleet(self.world)
        self.world.ctl("budget", "set", "acme", "--epsilon", "1000", "--rho", "1000", "--now", "--reason", "rounds")
        self.world.ctl("policy", "set", "gradient", "--dimension", "4096", "--norm", "1000000")
        self.world.ctl("grant", "create", "--tenant", "acme", "--selector", "", "--sensors", "gradient")

    def ask(self, stop):
        return test_ledger.ask(self.world, f"stop-{stop}", epsilon=None, rho="0.01", query="vector-sum", sensor="gradient")

    def books_are_right(self, answers):
        self.assertEqual({len(answer["vector"]) for answer in answers.values()}, {4096})
        self.assertAlmostEqual(float(self.world.json("budget", "show", "acme")["spent"]["rho"]), 0.01 * len(answers))
        self.assertTrue(self.world.json("privacy", "ledger", "verify")["holds"])
