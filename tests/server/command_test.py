"""The other commands of `moira`, as a person or a script calls them."""
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from moira_server import BINARY, ROOT, TINY_MODEL, MoiraServer, run_moira

COMMANDS = ("serve", "chat", "bench", "perplexity", "inspect", "plan")


class CommandTest(unittest.TestCase):
    def run_json(self, *arguments):
        done = run_moira(*arguments, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_help(self):
        overview = run_moira("--help")
        self.assertEqual(overview.returncode, 0)
        for command in COMMANDS:
            self.assertIn(command, overview.stdout)
            page = run_moira(command, "--help")
            self.assertEqual((page.returncode, page.stderr), (0, ""))
            self.assertIn("--model", page.stdout)
        self.assertEqual(run_moira().returncode, 64)
        self.assertEqual(run_moira("fly").returncode, 64)
        self.assertRegex(run_moira("--version").stdout, r"^moira \d+\.\d+\.\d+")

    def test_the_page_of_flags_is_what_the_program_says(self):
        page = subprocess.run([sys.executable, ROOT / "deploy/docs/make_flags.py", BINARY], check=True,
                              capture_output=True, text=True).stdout
        self.assertEqual((ROOT / "deploy/docs/flags.md").read_text(), page, "make deploy/docs/flags.md anew")

    def test_inspect(self):
        found = self.run_json("inspect", TINY_MODEL)
        self.assertEqual(found["metadata"]["general.architecture"], "qwen3moe")
        self.assertIn("token_embd.weight", [tensor["name"] for tensor in found["tensors"]])
        self.assertEqual(found["bytes"], Path(TINY_MODEL).stat().st_size)
        self.assertIn("token_embd.weight", run_moira("inspect", TINY_MODEL).stdout)

    def test_plan(self):
        half = self.run_json("plan", "--model", TINY_MODEL, "--expert-cache", "50%")
        whole = self.run_json("plan", "--model", TINY_MODEL, "--expert-cache", "all")
        self.assertAlmostEqual(half["residency"], 0.5, delta=0.05)
        self.assertEqual(whole["expert_slots"], whole["expert_count"])
        self.assertLess(half["device_bytes"], whole["device_bytes"])
        self.assertGreater(whole["expected_tokens_per_second"], 0)
        self.assertLessEqual(half["expected_tokens_per_second"], half["expected_tokens_per_second_high"])

    def test_plan_for_hardware_that_is_not_there(self):
        for name in ("rtx-2060", "rtx-3060-12gb", "rtx-3060-laptop", "rtx-4060", "rtx-4060-ti-16gb", "rtx-4070",
                     "rtx-5060-ti-16gb", "orin-nano-8gb", "agx-orin-64gb"):
            plan = self.run_json("plan", "--model", TINY_MODEL, "--hardware", name, "--expert-cache", "25%")
            speed = plan["speed"]
            self.assertTrue(speed["source"])
            paths = ["fetch"] if "orin" in name else ["fetch", "host", "both"]
            self.assertEqual(list(speed["tokens_per_second"]), paths)
            for limits in speed["tokens_per_second"].values():
                self.assertTrue(0 < limits["low"] <= limits["high"] <= speed["all_resident_tokens_per_second"])
        text = run_moira("plan", "--model", TINY_MODEL, "--hardware", "rtx-4070").stdout
        for part in ("dense weights", "RTX 4070", "504.0 GB/s x 0.70", "misses by host", "<- with these flags"):
            self.assertIn(part, text)

    def test_plan_for_a_card_by_its_figures(self):
        card = ("--link", "12GB/s", "--host-bandwidth", "45 GB/s", "--device-bandwidth", "360GB/s",
                "--device-memory", "8GiB")
        speed = self.run_json("plan", "--model", TINY_MODEL, *card, "--expert-cache", "25%")["speed"]
        self.assertEqual((speed["link_bandwidth"], speed["host_bandwidth"], speed["device_bandwidth"]),
                         (12e9, 45e9, 360e9))
        fetch, host = (speed["tokens_per_second"][path]["low"] for path in ("fetch", "host"))
        self.assertLess(fetch, host)
        slower = self.run_json("plan", "--model", TINY_MODEL, *card, "--link", "1GB/s", "--expert-cache", "25%")
        self.assertLess(slower["speed"]["tokens_per_second"]["fetch"]["low"], fetch)

    def test_plan_refuses_hardware_that_makes_no_sense(self):
        for flags, said in ((("--hardware", "voodoo-2"), "none of rtx-2060"),
                            (("--link", "12"), "does not end with /s"),
                            (("--link", "1000000000000000000000000000000GB/s"), "--link"),
                            (("--link", "nanGB/s"), "--link"),
                            (("--link", "-1GB/s"), "--link"),
                            (("--link", "12GB/s"), "device bandwidth of the card is missing"),
                            (("--hardware", "orin-nano-8gb", "--link", "1GB/s"), "one memory"),
                            (("--device-memory", "0"), "above 0"),
                            (("--host-memory", "nan"), "--host-memory"),
                            (("--expert-cache", "1000000000000000000000000000000"), "--expert-cache")):
            done = run_moira("plan", "--model", TINY_MODEL, *flags)
            self.assertEqual(done.returncode, 64, flags)
            self.assertIn(said, done.stderr)

    def test_what_does_not_fit_is_shown_before_loading(self):
        for command in ("plan", "bench", "serve"):
            for flags, said in ((("--device-memory", "100KiB"), "may be used"),
                                (("--expert-cache", "0"), "must be at least")):
                done = run_moira(command, "--model", TINY_MODEL, *flags)
                self.assertEqual(done.returncode, 71, (command, flags, done.stderr))
                self.assertIn(said, done.stderr)
                self.assertIn("dense weights                    device", done.stdout + done.stderr)

    def test_bench(self):
        found = self.run_json("bench", "--model", TINY_MODEL, "--prompt-tokens", "64", "--decode-tokens", "16",
                              "--repetitions", "3", "--expert-cache", "25%")
        for phase in ("prefill", "decode"):
            speed = found[phase]["tokens_per_second"]
            self.assertTrue(0 < speed["min"] <= speed["median"] <= speed["max"], speed)
        self.assertGreater(found["experts"]["fetches"], 0)
        self.assertTrue(0 < found["experts"]["hit_rate"] < 1)

    def test_perplexity_does_not_depend_on_the_pool(self):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as text:
            text.write("the hen and the fox " * 100)
            text.flush()
            scores = [self.run_json("perplexity", "--model", TINY_MODEL, "--file", text.name, "--ctx-size", "128",
                                    "--chunks", "3", "--expert-cache", budget) for budget in ("all", "25%")]
        self.assertEqual(scores[0], scores[1])
        self.assertEqual(scores[0]["chunks"], 3)
        self.assertEqual(scores[0]["tokens_scored"], 3 * 63)
        self.assertGreater(scores[0]["perplexity"], 1)

    def test_chat_with_a_file_and_with_a_server(self):
        flags = ("--temperature", "0", "--max-tokens", "8")
        alone = self.run_json("chat", *flags, "--model", TINY_MODEL, "the hen")
        with MoiraServer() as server:
            served = self.run_json("chat", *flags, "--url", server.url, "the hen")
            plain = run_moira("chat", *flags, "--url", server.url, "the hen")
        self.assertEqual(served["text"], alone["text"])
        self.assertEqual(plain.stdout, served["text"] + "\n")
        self.assertIn("predicted_per_second", served["timings"])
        gone = run_moira("chat", "--url", server.url, "the hen")
        self.assertEqual(gone.returncode, 69)
        self.assertIn("no server answers", gone.stderr)


if __name__ == "__main__":
    unittest.main()
