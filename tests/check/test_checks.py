#!/usr/bin/env python3
"""The checks find what was planted, and nothing in a tree that is in order."""

import pathlib
import shutil
import subprocess
import tempfile
import unittest

import constructs
import dependencies
import headers
import limits
import size
import source_tree
import test_presence
import wording

FOLDER = pathlib.Path(__file__).resolve().parent


class CheckTest(unittest.TestCase):
    """Runs one check on a small tree that each test writes."""

    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="moira-check-"))
        self.addCleanup(shutil.rmtree, self.root)

    def write(self, name, text=""):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def run_check(self, module):
        report = source_tree.Report()
        module.check(source_tree.Tree(self.root), report)
        return report

    def assert_found(self, module, *places):
        """Exactly one failure for each place, which its line begins with."""
        failures = self.run_check(module).failures
        self.assertEqual(len(failures), len(places), failures)
        for failure, place in zip(sorted(failures), sorted(places)):
            self.assertTrue(failure.startswith(place + ":"), f"{failure} is not at {place}")


class Dependencies(CheckTest):
    def include(self, name, included, quotes='""'):
        self.write(name, f"#pragma once\n#include {quotes[0]}{included}{quotes[1]}\n")

    def test_allowed_edges(self):
        for header in ("cache/device/a.h", "cache/format/a.h", "cache/a.h", "cache/budget.h",
                       "prefetch/a.h", "quant/a.h", "engine/engine.h", "engine/model/a.h",
                       "engine/tokenizer/tokenizer.h", "engine/chat_template/a.h",
                       "server/http/a.h"):
            self.write(header)
        for name, included in (
                ("cache/format/x.cc", "cache/device/a.h"), ("cache/x.cc", "cache/format/a.h"),
                ("quant/x.cc", "cache/format/a.h"), ("prefetch/x.cc", "cache/a.h"),
                ("engine/model/x.cc", "quant/a.h"), ("engine/x.cc", "engine/chat_template/a.h"),
                ("engine/arch/x.cc", "engine/model/a.h"),
                ("engine/chat_template/x.cc", "engine/tokenizer/tokenizer.h"),
                ("server/api/x.cc", "server/http/a.h"), ("server/x.cc", "engine/engine.h"),
                ("server/cli/x.cc", "cache/budget.h"), ("tests/unit/x.cc", "server/http/a.h")):
            self.include(name, included)
        self.include("server/http/b.cc", "boost/asio.hpp", "<>")
        self.include("server/api/j.cc", "nlohmann/json.hpp", "<>")
        self.assert_found(dependencies)

    def test_forbidden_edges(self):
        for header in ("cache/a.h", "prefetch/a.h", "quant/a.h", "engine/a.h", "engine/engine.h",
                       "engine/tokenizer/vocabulary.h", "server/a.h", "cache/format/a.h"):
            self.write(header)
        planted = (
            ("cache/device/x.cc", "cache/format/a.h"), ("cache/format/x.cc", "cache/a.h"),
            ("cache/x.cc", "prefetch/a.h"), ("quant/x.cc", "cache/a.h"),
            ("prefetch/x.cc", "quant/a.h"), ("engine/model/x.cc", "engine/engine.h"),
            ("engine/tokenizer/x.cc", "engine/a.h"),
            ("engine/chat_template/x.cc", "engine/tokenizer/vocabulary.h"),
            ("engine/x.cc", "server/a.h"), ("server/x.cc", "prefetch/a.h"),
            ("server/http/x.cc", "engine/a.h"), ("quant/y.cc", "no_such.h"))
        for name, included in planted:
            self.include(name, included)
        self.assert_found(dependencies, *(name + ":2" for name, _ in planted))

    def test_third_party(self):
        planted = (("engine/x.cc", "boost/asio.hpp"), ("engine/y.cc", "httplib.h"),
                   ("server/x.h", "nlohmann/json.hpp"), ("server/y.h", "boost/beast.hpp"),
                   ("server/z.h", "CLI/CLI.hpp"), ("quant/x.cc", "cuda_runtime.h"))
        for name, included in planted:
            self.include(name, included, "<>")
        self.assert_found(dependencies, *(name + ":2" for name, _ in planted))

    def test_unknown_folder(self):
        self.write("cache/device/a.h")
        self.include("cache/newfolder/x.cc", "cache/device/a.h")
        self.include("server/extra/x.cc", "cache/device/a.h")
        # They belong to the folder above them.
        self.assert_found(dependencies)


class Constructs(CheckTest):
    def test_each_construct_is_found(self):
        for number, code in enumerate((
                "std::regex r;", "auto* p = malloc(3);", "free(p);", "auto* p = new int;",
                "auto* p = new (place) int;", "delete p;", "delete[] p;", 'std::getenv("A");',
                "std::abort();", "sprintf(a, b);", "using namespace std;")):
            self.write(f"quant/x{number:02}.cc", "\n" + code + "\n")
        self.write("cache/format/y.cc", "auto* p = reinterpret_cast<char*>(q);\n")
        self.assert_found(constructs, "cache/format/y.cc:1",
                          *(f"quant/x{number:02}.cc:2" for number in range(11)))

    def test_what_only_looks_like_one(self):
        self.write("quant/x.cc", "\n".join((
            "// a new idea: malloc(3), delete it", "X(const X&) = delete;", '"std::regex new";',
            "int new_size = renew(1); pool.Free(p); Malloc(1);",
            "return std::unique_ptr<X>(new X(1));", "std::unique_ptr<X> x(new X(1));", "x.reset(new X{1});",
            "using namespace std::chrono_literals;", "auto* p = reinterpret_cast<char*>(q);",
            "snprintf(a, 3, b); std::snprintf(a, 3, b);")))
        self.assert_found(constructs)

    def test_exceptions_need_a_reason_and_a_use(self):
        self.write("quant/x.cc", "free(p);\n")
        self.write(constructs.ALLOW_LIST, "quant/x.cc malloc  # its owner\n")
        self.assert_found(constructs)
        self.write(constructs.ALLOW_LIST, "quant/x.cc malloc  # its owner\nquant/x.cc new  # why\n")
        self.assertEqual(self.run_check(constructs).warnings,
                         [f"{constructs.ALLOW_LIST}: 'quant/x.cc new' is not needed any more"])
        self.write(constructs.ALLOW_LIST, "quant/x.cc malloc\n")
        with self.assertRaises(ValueError):
            self.run_check(constructs)


class Size(CheckTest):
    FUNCTION = "{head} {{\n" + "  F();\n" * 119 + "}}\n"

    def test_files(self):
        self.write("quant/fine.cc", "\n" * 500)
        self.write("quant/long.cc", "\n" * 501)
        self.write("quant/too_long.cc", "\n" * 801)
        report = self.run_check(size)
        self.assertEqual(len(report.warnings), 1)
        self.assert_found(size, "quant/too_long.cc")

    def test_functions_of_every_form(self):
        heads = ("void F()", "Status C::F(int a, G<int> b) const", "C::C(int a) : a_(a), b_{1}",
                 "template <typename T>\nauto F(T t) -> int", "bool operator==(A a, A b)",
                 "static int F(int a = 3) noexcept")
        for number, head in enumerate(heads):
            if "b_{1}" in head:
                continue
            self.write(f"quant/x{number}.cc",
                       "namespace a {\nclass B {\n" + self.FUNCTION.format(head=head + " ") +
                       "F();\n};\n}\n")
        found = [f"quant/x{number}.cc:3" for number, head in enumerate(heads)
                 if "b_{1}" not in head]
        # 121 lines each, or 122 where the head takes two.
        self.assert_found(size, *found)

    def test_a_constructor_with_initializers_counts_its_body(self):
        self.write("quant/x.cc", self.FUNCTION.format(head="C::C(int a) : a_(a), b_{1}"))
        self.assert_found(size, "quant/x.cc:1")

    def test_what_is_no_function(self):
        long_list = "  F(),\n" * 200
        self.write("quant/x.cc", "constexpr Row kTable[] = {\n" + long_list + "};\n"
                   "struct S {\n" + "  int F();\n" * 200 + "};\n"
                   "namespace n {\n" + "int F();\n" * 200 + "}\n")
        self.assert_found(size)

    def test_braces_in_comments_and_strings_do_not_count(self):
        self.write("quant/x.cc", 'void F() {\n  // }\n  G("}");\n  G(\'}\');\n  G(R"(})");\n' +
                   "  G();\n" * 119 + "}\n")
        self.assert_found(size, "quant/x.cc:1")

    def test_long_functions_warn(self):
        self.write("quant/x.cc", "void F() {\n" + "  G();\n" * 59 + "}\n")
        report = self.run_check(size)
        self.assertEqual((len(report.failures), len(report.warnings)), (0, 1))


class TestPresence(CheckTest):
    def test_sources_need_their_test(self):
        for name in ("cache/a.cc", "engine/arch/b.cc", "server/http/c.cc", "quant/k_avx2.cc"):
            self.write(name)
        self.assert_found(test_presence, "cache/a.cc", "engine/arch/b.cc", "server/http/c.cc",
                          "quant/k_avx2.cc")
        for name in ("cache/a", "engine/model/b", "server/c", "quant/k"):
            self.write(f"tests/unit/{name}_test.cc")
        self.assert_found(test_presence)

    def test_exceptions_are_names_or_patterns_with_a_reason(self):
        self.write("cache/a.cc")
        self.write("cache/a_b.cc")
        self.write(test_presence.ALLOW_LIST, "cache/a.cc  # a table\n")
        self.assert_found(test_presence, "cache/a_b.cc")
        self.write(test_presence.ALLOW_LIST, "cache/a*.cc  # tables\n")
        self.assert_found(test_presence)
        self.write(test_presence.ALLOW_LIST, "cache/a*.cc\n")
        with self.assertRaises(ValueError):
            self.run_check(test_presence)

    def test_exceptions_that_are_not_needed_warn(self):
        self.write("cache/a.cc")
        self.write("tests/unit/cache/a_test.cc")
        self.write(test_presence.ALLOW_LIST, "cache/a.cc  # a table\ncache/gone.cc  # a table\n")
        report = self.run_check(test_presence)
        self.assertEqual((len(report.failures), len(report.warnings)), (0, 2))


class Wording(CheckTest):
    def test_words_and_paths(self):
        # Put together, so that this file is in order itself.
        planted = ("// TO" + "DO: more", "FIX" + "ME", "X" + "XX", "/wor" + "k/main/x",
                   "/tm" + "p/bash_jobs/1", "/hom" + "e/someone/x")
        for number, text in enumerate(planted):
            self.write(f"deploy/x{number}.md", "\n\n" + text + "\n")
        self.assert_found(wording, *(f"deploy/x{number}.md:3" for number in range(len(planted))))

    def test_what_only_looks_like_one(self):
        self.write("a.sh", "mktemp moira-XXXXXX; cd build/wor" + "k/x; hacks todos\n")
        self.write("b.bin", "\0TO" + "DO")
        self.assert_found(wording)


class Limits(CheckTest):
    def test_each_limit_needs_a_test(self):
        self.write(limits.LIMITS, "inline constexpr uint64_t kMaxA = 1;\n"
                   "inline constexpr uint32_t kMaxAb = 2;\n")
        self.write("tests/unit/x_test.cc", "kMaxAb;")
        failures = self.run_check(limits).failures
        self.assertEqual(failures, [f"{limits.LIMITS}: kMaxA is named in no test"])


class Headers(CheckTest):
    def test_headers_must_stand_alone(self):
        self.write("cache/fine.h", "#pragma once\n#include <string>\nstruct A { std::string s; };\n")
        self.write("cache/needs.h", "#pragma once\ninline std::string F() { return {}; }\n")
        self.write("cache/twice.h", "struct B {};\n")
        self.assert_found(headers, "cache/needs.h", "cache/twice.h")


@unittest.skipUnless(shutil.which("clang-format-14"), "clang-format-14 is not installed")
class Format(CheckTest):
    def run_format(self):
        shutil.copy(FOLDER.parents[1] / ".clang-format", self.root)
        return subprocess.run(["bash", str(FOLDER / "format.sh"), "--root", str(self.root)],
                              capture_output=True, text=True, check=False)

    def test_other_formatting_is_found(self):
        self.write("cache/fine.cc", "int x = 1;\n")
        self.assertEqual(self.run_format().returncode, 0)
        self.write("cache/other.cc", "int   x=1;\n")
        result = self.run_format()
        self.assertEqual(result.returncode, 1)
        self.assertIn("cache/other.cc", result.stdout)
        self.assertNotIn("cache/fine.cc", result.stdout)


class CommandLine(CheckTest):
    def run_script(self):
        return subprocess.run(["python3", str(FOLDER / "wording.py"), "--root", str(self.root)],
                              capture_output=True, text=True, check=False)

    def test_one_line_and_the_status_tell_the_result(self):
        self.write("a.md", "fine")
        result = self.run_script()
        self.assertEqual((result.returncode, result.stdout), (0, "ok   wording (1 checked)\n"))
        self.write("b.md", "FIX" + "ME")
        result = self.run_script()
        self.assertEqual(result.returncode, 1)
        self.assertTrue(result.stdout.startswith("FAIL wording: b.md:1: "), result.stdout)


if __name__ == "__main__":
    unittest.main()
