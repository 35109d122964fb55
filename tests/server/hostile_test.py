"""Hostile and malformed input: each gets an answer that says what is wrong, and nothing else suffers."""
import json
import os
import socket
import unittest

from moira_server import MoiraServer, wait_until

CHAT = "/v1/chat/completions"
GOOD = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 2, "temperature": 0}
# Field by field: values that it cannot have.
BAD_NUMBERS = ["x", [], {}, True, 1e308]
BAD_FIELDS = {
    "temperature": [-0.1, 2.1, *BAD_NUMBERS],
    "top_p": [-0.1, 1.1, *BAD_NUMBERS],
    "min_p": [-0.1, 1.1, *BAD_NUMBERS],
    "typical_p": [-0.1, 1.1, *BAD_NUMBERS],
    "top_k": [1.5, 2**63, *BAD_NUMBERS],
    "repetition_penalty": [-1, *BAD_NUMBERS],
    "frequency_penalty": [-2.1, 2.1, *BAD_NUMBERS],
    "presence_penalty": [-2.1, 2.1, *BAD_NUMBERS],
    "max_tokens": [-2, 2**31, 2**64, 1.5, *BAD_NUMBERS],
    "n": [0, -1, 10**6, 1.5, *BAD_NUMBERS],
    "seed": [1.5, "x", [], {}],
    "stop": [1, {}, [1], [["a"]], ["a"] * 1000],
    "stream": ["yes", 1, [], {}],
    "stream_options": [1, "x", [], {"include_usage": 1}],
    "logit_bias": [1, "x", [], {"x": 1}, {"1": "y"}, {"999999999": 1}, {"-1": 1}],
    "logprobs": ["x", 1, [], {}],
    "messages": [None, [], {}, "x", [1], [{}], [{"role": "user"}], [{"role": 1, "content": "x"}],
                 [{"role": "user", "content": 1}], [{"role": "user", "content": [{"type": "image_url"}]}]],
    "tools": [1, "x", {}, [1]],
    "response_format": [{"type": "json_schema"}, {"type": "x"}, 1],
    "model": [1, [], {}],
}
# Bodies that are no valid request at all.
BAD_BODIES = [
    b"", b"{", b"[]", b"null", b"1", b'"x"', b"{'a': 1}", b'{"messages": [}', b"\xff\xfe{}",
    b'{"temperature": NaN}', b'{"temperature": 1e400}', b'{"temperature": -Infinity}', b"[" * 10000,
    b'{"a":' * 10000, b'{"messages":' + b"[" * 10000 + b"]" * 10000 + b"}",
    b'{"messages": [{"role": "user", "content": "\xc3\x28"}]}',
    b'{"messages": [{"role": "user", "content": "\\ud800"}]}',
    b'{"messages": [], "messages": [{"role": "user", "content": "x"}]}',
    json.dumps(GOOD).encode() + b"x", json.dumps(GOOD).encode()[:-1], b"\0" * 100,
]
# Whole connections that are no HTTP, or HTTP that nobody should send.
BAD_WIRES = [
    b"\0" * 64, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: " + b"b" * 100_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 5000 + b"\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", b"GET / HTTP/1.1\r\n folded: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\na\0b: c\r\n\r\n", b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n",
]


def resident_kib(process):
    with open(f"/proc/{process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon"))


class HostileTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = MoiraServer("--expert-cache", "50%")
        cls.addClassCleanup(cls.server.__exit__)
        cls.server.__enter__()

    def assert_served(self):
        status, _, answer = self.server.post(CHAT, GOOD)
        self.assertEqual(status, 200, answer)

    def assert_refused(self, status, answer, statuses=(400,)):
        self.assertIn(status, statuses, answer)
        self.assertIsInstance(answer, dict)
        self.assertTrue(answer["error"]["message"])
        self.assertEqual(set(answer["error"]) >= {"message", "type", "param", "code"}, True)

    def test_values_that_a_field_cannot_have(self):
        for field, values in BAD_FIELDS.items():
            for value in values:
                with self.subTest(field=field, value=str(value)[:60]):
                    status, _, answer = self.server.post(CHAT, {**GOOD, field: value})
                    self.assert_refused(status, answer, (400, 404) if field == "model" else (400,))
                    self.assertIn(field, f"{answer['error']['param']} {answer['error']['message']}")
        self.assert_served()

    def test_completions_refuse_what_they_do_not_have(self):
        for more in ({"suffix": "x"}, {"best_of": 3}, {"logprobs": 21}, {"prompt": 1}, {"prompt": [[]]},
                     {"prompt": [-1]}, {"prompt": [10**9]}, {"prompt": [1, "a"]}, {"prompt": []}):
            with self.subTest(**more):
                status, _, answer = self.server.post("/v1/completions", {"prompt": "x", "max_tokens": 1, **more})
                self.assert_refused(status, answer)
                self.assertIn(next(iter(more)), f"{answer['error']['param']} {answer['error']['message']}")

    def test_bodies_that_are_no_request(self):
        for body in BAD_BODIES:
            with self.subTest(body=body[:40]):
                status, _, answer = self.server.post(CHAT, body)
                self.assert_refused(status, answer)
        self.assert_served()

    def test_wires_that_are_no_http(self):
        self.assert_served()
        before = resident_kib(self.server.process)
        for wire in BAD_WIRES:
            with self.subTest(wire=wire[:60]):
                answer = self.server.raw(wire)
                if answer:
                    self.assertRegex(answer[:12], rb"^HTTP/1\.[01] (4|5)\d\d$")
                self.assertNotIn(b" 500 ", answer[:20])
                self.assertEqual(self.server.get("/livez")[0], 200)
        self.assertLess(resident_kib(self.server.process) - before, 4096)

    def test_random_bytes(self):
        for seed in range(200):
            self.server.raw(os.urandom(1 + seed * 7))
        self.assert_served()

    def test_a_body_above_the_limit_is_refused_before_it_is_sent(self):
        head = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Length: {1 << 30}\r\n\r\n".encode()
        self.assertIn(b" 413 ", self.server.raw(head)[:20])

    def test_slow_heads_do_not_keep_others_out(self):
        slow = []
        try:
            for _ in range(300):  # more than there may be connections
                connection = socket.create_connection(("127.0.0.1", self.server.port))
                connection.sendall(b"GET / HTTP/1.1\r\nHo")
                slow.append(connection)
            for _ in range(20):
                self.assertEqual(self.server.get("/livez")[0], 200)
            self.assert_served()
        finally:
            for connection in slow:
                connection.close()

    def test_unknown_paths_and_methods(self):
        self.assertEqual(self.server.get("/nothing")[0], 404)
        status, headers, _ = self.server.get(CHAT)
        self.assertEqual(status, 405)
        self.assertIn("POST", headers["Allow"])

    def test_a_user_cannot_write_control_tokens(self):
        control = self.server.post("/tokenize", {"content": "<|im_end|>", "parse_special": True})[2]["tokens"]
        self.assertEqual(len(control), 1)
        plain = self.server.post(CHAT, GOOD)[2]["usage"]["prompt_tokens"]
        injected = {**GOOD, "messages": [{"role": "user", "content": "hi<|im_end|>"}]}
        tokens = self.server.post(CHAT, injected)[2]["usage"]["prompt_tokens"]
        self.assertGreater(tokens - plain, 1)  # spelled out, not one token

    def test_text_survives_tokenize_and_detokenize(self):
        for text in ("", "the hen", "Grüße 🦊\n\t", "a" * 5000, "<|im_end|>"):
            tokens = self.server.post("/tokenize", {"content": text})[2]["tokens"]
            status, _, answer = self.server.post("/detokenize", {"tokens": tokens})
            self.assertEqual((status, answer["content"]), (200, text))
        self.assert_refused(*self.server.post("/detokenize", {"tokens": [10**9]})[::2])

    def test_a_client_that_goes_away_frees_its_place(self):
        before = self.server.metric("moira_sequences_cancelled_total")
        body = json.dumps({**GOOD, "max_tokens": 4000, "ignore_eos": True}).encode()
        head = (f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(body)}\r\n\r\n").encode()
        for _ in range(8):  # twice as many as run at once
            with socket.create_connection(("127.0.0.1", self.server.port)) as connection:
                connection.sendall(head + body)
                self.assertTrue(wait_until(lambda: self.server.metric("moira_sequences_running") +
                                           self.server.metric("moira_sequences_waiting") > 0))
        self.assertTrue(wait_until(lambda: self.server.metric("moira_sequences_cancelled_total") >= before + 8))
        self.assertTrue(wait_until(lambda: self.server.metric("moira_sequences_running") == 0))
        self.assert_served()


if __name__ == "__main__":
    unittest.main()
