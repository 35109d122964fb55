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
