"""Start, overload, failing storage, drain: how the server behaves at the edges of its life."""
import signal
import socket
import tempfile
import threading
import unittest
from pathlib import Path

from moira_server import TINY_MODEL, MoiraServer, run_moira, wait_until

COMPLETIONS = "/v1/completions"
GREEDY = {"prompt": "the hen", "max_tokens": 24, "temperature": 0, "ignore_eos": True}


class Background(threading.Thread):
    """A request in a thread; `answer` is (status, headers, body), or the exception."""

    def __init__(self, server, body):
        super().__init__()
        self.server, self.body, self.answer = server, body, None
        self.start()

    def run(self):
        try:
            self.answer = self.server.post(COMPLETIONS, self.body)
        except OSError as error:
            self.answer = (0, {}, error)


class StartTest(unittest.TestCase):
    def assert_fails(self, code, *arguments, environment=None):
        done = run_moira("serve", *arguments, environment=environment, timeout=20)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stderr.splitlines()[-1][:7], "moira: ", done.stderr)
        return done.stderr

    def test_exit_codes_and_reasons(self):
        with tempfile.TemporaryDirectory() as folder:
            text = Path(folder) / "text.gguf"
            text.write_text("no model at all, just some text that is long enough")
            cut = Path(folder) / "cut.gguf"
            cut.write_bytes(Path(TINY_MODEL).read_bytes()[:100_000])
            port = ("--port", "0")
            self.assertIn("--model", self.assert_fails(64, *port))
            self.assertIn("absent.gguf", self.assert_fails(66, *port, "--model", f"{folder}/absent.gguf"))
            self.assertIn("text.gguf", self.assert_fails(65, *port, "--model", text))
            self.assertIn("cut.gguf", self.assert_fails(65, *port, "--model", cut))
            self.assertIn("--parallel: 17", self.assert_fails(64, *port, "--model", TINY_MODEL, "--parallel", "17"))
            self.assertIn("MOIRA_PARALLEL: 0", self.assert_fails(
                64, *port, "--model", TINY_MODEL, environment={"MOIRA_PARALLEL": "0"}))
            self.assertIn("key", self.assert_fails(64, *port, "--model", TINY_MODEL, "--host", "0.0.0.0"))
            self.assert_fails(66, *port, "--model", TINY_MODEL, "--api-key-file", f"{folder}/absent")

    def test_a_port_in_use(self):
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            port = holder.getsockname()[1]
            self.assertIn(str(port), self.assert_fails(69, "--model", TINY_MODEL, "--port", port))


class OverloadTest(unittest.TestCase):
    def test_who_finds_no_place_is_told_at_once_and_the_others_are_served(self):
        with MoiraServer("--parallel", "1", "--max-queued", "2") as server:
            alone = server.post(COMPLETIONS, GREEDY)[2]["choices"][0]["text"]
            requests = [Background(server, {**GREEDY, "max_tokens": 200}) for _ in range(24)]
            for request in requests:
                request.join()
            statuses = [request.answer[0] for request in requests]
            self.assertEqual(set(statuses), {200, 429}, statuses)
            for request in requests:
                status, headers, answer = request.answer
                if status == 429:
                    self.assertGreater(int(headers["Retry-After"]), 0)
                    self.assertTrue(answer["error"]["message"])
                else:
                    self.assertEqual(answer["choices"][0]["text"][:len(alone)], alone)
            self.assertTrue(wait_until(lambda: server.metric("moira_sequences_running") == 0))


class StorageTest(unittest.TestCase):
    def test_a_failed_read_fails_its_request_only(self):
        for kind in ("error", "short"):
            with self.subTest(kind=kind), MoiraServer("--expert-cache", "0%", "--prefetch", "off") as server:
                right = server.post(COMPLETIONS, GREEDY)[2]["choices"][0]["text"]
                reads = int(server.metric("moira_expert_fetches_total"))
            # A record is read in parts, so there are at least as many reads as fetches.
            plan = f"read:{reads // 2}={kind}"
            with self.subTest(kind=kind), MoiraServer("--expert-cache", "0%", "--prefetch", "off", "--fault-plan",
                                                      plan) as server:
                status, _, answer = server.post(COMPLETIONS, GREEDY)
                self.assertEqual(status, 500, answer)
                self.assertIn("read", answer["error"]["message"])
                self.assertEqual(server.get("/readyz")[0], 200)
                status, _, answer = server.post(COMPLETIONS, GREEDY)
                self.assertEqual((status, answer["choices"][0]["text"]), (200, right))
                self.assertEqual(server.metric("moira_expert_fetch_failures_total"), 1)


class DrainTest(unittest.TestCase):
    def test_sigterm_lets_running_answers_finish(self):
        with MoiraServer() as server:
            request = Background(server, {**GREEDY, "max_tokens": 2000})
            self.assertTrue(wait_until(lambda: server.metric("moira_sequences_running") == 1))
            server.process.send_signal(signal.SIGTERM)
            self.assertTrue(wait_until(lambda: server.get("/readyz")[0] == 503 or request.answer is not None))
            request.join()
            self.assertEqual(request.answer[0], 200)
            self.assertEqual(request.answer[2]["usage"]["completion_tokens"], 2000)
            self.assertEqual(server.process.wait(30), 0)

    def test_what_does_not_finish_in_time_is_cancelled(self):
        with MoiraServer("--drain-seconds", "0", "--ctx-size", "4096") as server:
            request = Background(server, {**GREEDY, "max_tokens": 4000})
            self.assertTrue(wait_until(lambda: server.metric("moira_sequences_running") == 1))
            self.assertEqual(server.stop(), 0)
            request.join()
            self.assertNotEqual(request.answer[0], 200)

    def test_a_second_signal_ends_at_once(self):
        with MoiraServer("--device", "emulated", "--expert-cache", "0%", "--link-bandwidth", "1e6") as server:
            request = Background(server, {**GREEDY, "max_tokens": 4000})
            self.assertTrue(wait_until(lambda: server.metric("moira_sequences_running") == 1))
            server.process.send_signal(signal.SIGTERM)
            self.assertTrue(wait_until(lambda: server.get("/readyz")[0] == 503))
            server.process.send_signal(signal.SIGTERM)
            self.assertEqual(server.process.wait(20), 128 + signal.SIGTERM)
            request.join()


if __name__ == "__main__":
    unittest.main()
