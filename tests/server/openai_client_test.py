"""The official client, unmodified, against the real server."""
import threading
import unittest

from moira_server import DEMO_MODEL, MoiraServer, wait_until

try:
    import openai
except ImportError:
    openai = None

MESSAGES = [{"role": "system", "content": "You are terse."}, {"role": "user", "content": "Grüße 🦊"}]


@unittest.skipIf(openai is None, "the openai client is not installed")
class OpenAiClientTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = MoiraServer("--alias", "tiny", "--expert-cache", "50%", "--parallel", "8")
        cls.addClassCleanup(cls.server.__exit__)
        cls.server.__enter__()
        cls.client = openai.OpenAI(base_url=cls.server.url + "/v1", api_key="none", max_retries=0)

    def chat(self, **more):
        return self.client.chat.completions.create(
            **{"model": "tiny", "messages": MESSAGES, "max_tokens": 16, "temperature": 0, **more})

    def test_chat(self):
        answer = self.chat()
        self.assertEqual(answer.object, "chat.completion")
        self.assertEqual(answer.choices[0].message.role, "assistant")
        self.assertIn(answer.choices[0].finish_reason, ("stop", "length"))
        usage = answer.usage
        self.assertEqual(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens)
        self.assertLessEqual(usage.completion_tokens, 16)
        timings = answer.model_extra["timings"]
        self.assertGreater(timings["predicted_per_second"], 0)
        self.assertGreater(timings["expert_hits"] + timings["expert_misses"], 0)

    def test_stream_is_the_same_text_with_usage_at_the_end(self):
        whole = self.chat().choices[0].message.content
        chunks = list(self.chat(stream=True, stream_options={"include_usage": True}))
        self.assertEqual(chunks[0].choices[0].delta.role, "assistant")
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        self.assertEqual(text, whole)
        self.assertEqual(chunks[-1].choices, [])
        self.assertGreater(chunks[-1].usage.prompt_tokens, 0)
        reasons = [c.choices[0].finish_reason for c in chunks if c.choices]
        self.assertEqual([r for r in reasons if r], [reasons[-1]])
        self.assertEqual(len({c.id for c in chunks}), 1)

    def test_several_choices_and_seed(self):
        options = {"n": 3, "temperature": 1.5, "seed": 7}
        first, again = self.chat(**options), self.chat(**options)
        self.assertEqual([c.index for c in first.choices], [0, 1, 2])
        self.assertEqual([c.message.content for c in first.choices],
                         [c.message.content for c in again.choices])
        self.assertGreater(len({c.message.content for c in first.choices}), 1)

    def test_logprobs(self):
        answer = self.chat(logprobs=True, top_logprobs=5)
        for entry in answer.choices[0].logprobs.content:
            self.assertLessEqual(entry.logprob, 0)
            self.assertEqual(len(entry.top_logprobs), 5)
            self.assertEqual(entry.top_logprobs[0].logprob, entry.logprob)  # greedy takes the likeliest
            values = [top.logprob for top in entry.top_logprobs]
            self.assertEqual(values, sorted(values, reverse=True))

    def test_completions_in_all_prompt_forms(self):
        def complete(prompt, **more):
            return self.client.completions.create(model="tiny", prompt=prompt, max_tokens=4, temperature=0, **more)

        ids = self.server.post("/tokenize", {"content": "the hen"})[2]["tokens"]
        text = complete("the hen").choices[0].text
        self.assertEqual(complete(ids).choices[0].text, text)
        self.assertEqual([c.text for c in complete(["the hen", "x"]).choices][0], text)
        self.assertEqual([c.text for c in complete([ids, ids]).choices], [text, text])
        self.assertEqual(complete("the hen", echo=True).choices[0].text, "the hen" + text)

    def test_completion_logprobs_with_echo(self):
        answer = self.client.completions.create(model="tiny", prompt="the hen", max_tokens=3, temperature=0,
                                                logprobs=2, echo=True)
        logprobs = answer.choices[0].logprobs
        self.assertIsNone(logprobs.token_logprobs[0])
        self.assertTrue(all(value <= 0 for value in logprobs.token_logprobs[1:]))
        self.assertEqual(len(logprobs.tokens), len(logprobs.text_offset))
        self.assertEqual(len(logprobs.tokens), answer.usage.total_tokens)

    def test_stop_string_is_not_part_of_the_answer(self):
        whole = self.chat(max_tokens=32).choices[0].message.content
        middle = whole[len(whole) // 2:len(whole) // 2 + 2]
        cut = self.chat(max_tokens=32, stop=[middle])
        self.assertEqual(cut.choices[0].message.content, whole[:whole.index(middle)])
        self.assertEqual(cut.choices[0].finish_reason, "stop")

    def test_models(self):
        self.assertEqual([model.id for model in self.client.models.list()], ["tiny"])
        self.assertEqual(self.client.models.retrieve("tiny").object, "model")
        with self.assertRaises(openai.NotFoundError):
            self.client.models.retrieve("other")

    def test_error_classes(self):
        with self.assertRaises(openai.NotFoundError) as caught:
            self.chat(model="other")
        self.assertEqual(caught.exception.code, "model_not_found")
        for bad in ({"temperature": 3}, {"messages": []}, {"max_tokens": -2}, {"n": 0}, {"stop": [1]}):
            with self.assertRaises(openai.BadRequestError, msg=bad) as caught:
                self.chat(**bad)
            self.assertIn(next(iter(bad)), f"{caught.exception.param} {caught.exception.message}")
        with self.assertRaises(openai.BadRequestError) as caught:
            self.client.completions.create(model="tiny", prompt="a" * 9000)
        self.assertEqual(caught.exception.code, "context_length_exceeded")

    def test_timeout_of_the_client_cancels(self):
        before = self.server.metric("moira_sequences_cancelled_total")
        slow = self.client.with_options(timeout=0.05)
        with self.assertRaises(openai.APITimeoutError):
            slow.chat.completions.create(model="tiny", messages=MESSAGES, max_tokens=4000,
                                         extra_body={"ignore_eos": True})
        self.assertTrue(wait_until(lambda: self.server.metric("moira_sequences_cancelled_total") > before))

    def test_closing_a_stream_cancels(self):
        before = self.server.metric("moira_sequences_cancelled_total")
        stream = self.chat(stream=True, max_tokens=4000, extra_body={"ignore_eos": True})
        next(iter(stream))
        stream.close()
        self.assertTrue(wait_until(lambda: self.server.metric("moira_sequences_cancelled_total") > before))

    def test_eight_streams_at_once_say_what_each_says_alone(self):
        prompts = [f"the number {i}" for i in range(8)]

        def answer(prompt, out, place):
            chunks = self.client.completions.create(model="tiny", prompt=prompt, max_tokens=48, temperature=0,
                                                    stream=True, extra_body={"ignore_eos": True})
            out[place] = "".join(chunk.choices[0].text for chunk in chunks if chunk.choices)

        alone, together = [None] * 8, [None] * 8
        for i, prompt in enumerate(prompts):
            answer(prompt, alone, i)
        threads = [threading.Thread(target=answer, args=(prompt, together, i)) for i, prompt in enumerate(prompts)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(together, alone)
        self.assertGreater(len(set(alone)), 1)


@unittest.skipIf(openai is None, "the openai client is not installed")
class KeysTest(unittest.TestCase):
    def test_a_wrong_key_is_refused(self):
        with MoiraServer(environment={"MOIRA_API_KEY": "right"}) as server:
            def ask(key):
                client = openai.OpenAI(base_url=server.url + "/v1", api_key=key, max_retries=0)
                return client.models.list().data
            self.assertEqual(len(ask("right")), 1)
            for wrong in ("wrong", "righ", "rightt", "Right"):
                with self.assertRaises(openai.AuthenticationError):
                    ask(wrong)
            self.assertEqual(server.get("/livez")[0], 200)


@unittest.skipIf(openai is None, "the openai client is not installed")
@unittest.skipUnless(DEMO_MODEL.exists(), f"no {DEMO_MODEL}")
class DemoModelTest(unittest.TestCase):
    def test_a_sensible_answer_from_half_of_the_experts(self):
        with MoiraServer("--expert-cache", "50%", "--alias", "demo", model=DEMO_MODEL) as server:
            client = openai.OpenAI(base_url=server.url + "/v1", api_key="none")
            answer = client.chat.completions.create(
                model="demo", max_tokens=32, temperature=0,
                messages=[{"role": "user", "content": "What is the capital of France?"}])
            self.assertIn("Paris", answer.choices[0].message.content)
            for counter in ("hits", "fetches", "evictions"):
                self.assertGreater(server.metric(f"moira_expert_{counter}_total"), 0)
            self.assertGreater(server.metric("moira_speculative_used_total"), 0)


if __name__ == "__main__":
    unittest.main()
