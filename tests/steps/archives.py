#!/usr/bin/env python3
"""The archives of the default build: their global symbols, the output tree, and every way to link them.

IOT_OUTPUT names another output tree (default output/release).
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
OUTPUT = os.path.abspath(os.environ.get("IOT_OUTPUT", os.path.join(ROOT, "output", "release")))
LIB = os.path.join(OUTPUT, "lib")
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(HERE))
import archive_symbols  # noqa: E402
import configurations  # noqa: E402
import counted  # noqa: E402

# As on the link line of the documented build.
ARCHIVES = ["iot_sdk", "iot_platform", "mbedtls", "mbedx509", "mbedcrypto", "wslay"]
EXPORTS = ["broadcast", "coap", "dynreg", "error", "gateway", "log", "mqtt", "ota", "remote_config", "resource", "rrpc",
           "shadow", "system"]
TREE = {f"lib/lib{name}.a" for name in ARCHIVES}
TREE |= {f"include/exports/qcloud_iot_export_{name}.h" for name in EXPORTS}
TREE |= {f"include/{name}.h" for name in ["config", "lite-list", "lite-utils", "platform", "qcloud_iot_export",
                                          "qcloud_iot_export_variables", "qcloud_iot_import", "utils_getopt"]}
TREE |= {"bin/device_info.json", "bin/certs/README.md", "bin/mqtt_sample"}


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def globals_of(archive):
    return archive_symbols.globals_of(os.path.join(LIB, f"lib{archive}.a"))


class Symbols(unittest.TestCase):
    def listed(self, archive):
        return archive_symbols.listed(archive, configurations.names(os.path.join(OUTPUT, "include"), {}))

    def test_only_the_interface_is_global(self):
        for archive, part in [("iot_sdk", "sdk"), ("iot_platform", "platform")]:
            defined = {name for name, (_, section) in globals_of(archive).items() if section != "UND"}
            self.assertEqual(defined, self.listed(part))

    def test_nm_sees_what_is_global(self):
        # With the LLVM plugin that Debian's clang brings along, nm sees nothing in an object that holds bitcode.
        for archive in ["iot_sdk", "iot_platform"]:
            lines = run("nm", "--extern-only", "--defined-only", os.path.join(LIB, f"lib{archive}.a")).stdout.splitlines()
            defined = {name for name, (_, section) in globals_of(archive).items() if section != "UND"}
            self.assertEqual({line.split()[2] for line in lines if len(line.split()) == 3}, defined)

    def test_every_port_function_can_be_replaced(self):
        for name, (binding, section) in globals_of("iot_platform").items():
            if section != "UND":
                self.assertEqual(binding, "WEAK", name)

    def test_the_core_asks_for_nothing_but_the_port_and_the_c_library(self):
        port = self.listed("platform")
        optional = re.compile(r"HAL_(TCP|TLS)_(Serves|Open|ReadAvailable|FreeSession)$|HAL_Waiter_")
        for name, (binding, section) in globals_of("iot_sdk").items():
            if section == "UND" and name.startswith("HAL_"):
                self.assertIn(name, port)
                self.assertEqual(binding, "WEAK" if optional.match(name) else "GLOBAL", name)

    def test_functions_for_applications_are_not_called_by_the_core(self):
        for_applications = {"HAL_GetDevInfo", "HAL_SetDevInfo", "HAL_GetDevInfoFromFile", "HAL_GetGwDevInfo",
                            "HAL_SetDevInfoFile", "HAL_htons", "HAL_ntohs", "HAL_htonl", "HAL_ntohl", "HAL_UDP_Read"}
        self.assertTrue(for_applications.isdisjoint(globals_of("iot_sdk")))

    def test_no_reader_of_debug_information_comes_along(self):
        # It would walk the loaded libraries and map the program's file; packing cuts it off.
        self.assertTrue({"dl_iterate_phdr", "mmap64", "realpath"}.isdisjoint(globals_of("iot_sdk")))

    def test_one_object_per_archive_and_the_rest_empty(self):
        for archive in ARCHIVES:
            members = run("ar", "t", os.path.join(LIB, f"lib{archive}.a")).stdout.split()
            self.assertEqual(len(members), 1 if archive.startswith("iot_") else 0, archive)

    def test_output_tree(self):
        found = {os.path.relpath(os.path.join(folder, name), OUTPUT)
                 for folder, _, names in os.walk(OUTPUT) for name in names}
        self.assertEqual(TREE - found, set(), "missing")
        self.assertEqual({path for path in found - TREE if not path.startswith("bin/")}, set(), "not documented")


class Linking(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.program = os.path.join(self.dir, "program")

    def compile(self, *flags, compiler=("gcc", "-std=gnu99")):
        source = os.path.join(ROOT, "tests", "c", "link_check.c")
        # Port 9 of the own machine: nothing listens there, and the refusal comes at once.
        endpoint = '-DENDPOINT="wss://127.0.0.1:9"'
        return [*compiler, "-Wall", "-Werror", endpoint, f"-I{OUTPUT}/include", f"-I{OUTPUT}/include/exports",
                *flags, source, "-o", self.program]

    def archives(self, order):
        return ["-pthread", "-Wl,--start-group", *(os.path.join(LIB, f"lib{name}.a") for name in order), "-Wl,--end-group"]

    def check(self, *command):
        done = run(*command)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = run(self.program, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_line_of_the_build(self):
        self.check(*self.compile(), *self.archives(ARCHIVES))

    def test_line_of_samples_against_built_libraries(self):
        names = (f"-l{name}" for name in ARCHIVES)
        self.check(*self.compile(), f"-L{LIB}", "-pthread", "-Wl,--start-group", *names, "-Wl,--end-group")

    def test_line_of_the_guide_without_a_group(self):
        self.check(*self.compile(), f"-L{LIB}", *(f"-l{name}" for name in ARCHIVES), "-lpthread")

    def test_order_of_the_makefiles(self):
        order = ["iot_sdk", "wslay", "mbedtls", "mbedx509", "mbedcrypto", "iot_platform"]
        self.check(*self.compile(), *self.archives(order))
        # Another compiler than GCC gets no group.
        self.check(*self.compile(), *(os.path.join(LIB, f"lib{name}.a") for name in order), "-lpthread")

    def test_cpp_program(self):
        self.check(*self.compile("-x", "c++", compiler=("g++", "-std=c++17")), "-x", "none", *self.archives(ARCHIVES))

    def test_program_with_link_time_optimisation(self):
        self.check(*self.compile("-flto", "-O2"), *self.archives(ARCHIVES))

    @unittest.skipUnless(shutil.which("clang"), "no clang")
    def test_clang(self):
        self.check(*self.compile(compiler=("clang", "-std=gnu99")), *self.archives(ARCHIVES))

    def test_reverse_order(self):
        self.check(*self.compile(), *self.archives(reversed(ARCHIVES)))

    def test_the_two_archives_alone(self):
        self.check(*self.compile(), *self.archives(ARCHIVES[:2]))

    def test_static(self):
        self.check(*self.compile("-static"), *self.archives(ARCHIVES))

    def test_static_pie(self):
        self.check(*self.compile("-static-pie"), *self.archives(ARCHIVES))

    def test_no_pie(self):
        self.check(*self.compile("-no-pie"), *self.archives(ARCHIVES))

    def test_gc_sections(self):
        self.check(*self.compile("-ffunction-sections", "-Wl,--gc-sections"), *self.archives(ARCHIVES))

    @unittest.skipUnless(shutil.which("ld.gold"), "no gold")
    def test_gold(self):
        self.check(*self.compile("-fuse-ld=gold"), *self.archives(ARCHIVES))
        self.check(*self.compile("-fuse-ld=gold", "-Wl,--gc-sections"), *self.archives(ARCHIVES))

    @unittest.skipUnless(shutil.which("ld.lld"), "no lld")
    def test_lld(self):
        self.check(*self.compile("-fuse-ld=lld"), *self.archives(ARCHIVES))
        self.check(*self.compile("-fuse-ld=lld", "-static", "-Wl,--gc-sections"), *self.archives(ARCHIVES))

    def test_shared_library_of_whole_archives(self):
        library = os.path.join(self.dir, "libdevice.so")
        whole = ["-Wl,--whole-archive", *(os.path.join(LIB, f"lib{name}.a") for name in ARCHIVES), "-Wl,--no-whole-archive"]
        done = run("gcc", "-shared", "-o", library, "-Wl,-z,defs", *whole, "-pthread")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check(*self.compile(), library, "-pthread")

    def test_one_replaced_port_function(self):
        self.check(*self.compile("-DOWN_HEAP"), *self.archives(ARCHIVES))
        self.check(*self.compile("-DOWN_HEAP", "-static"), *self.archives(ARCHIVES))


class Packing(unittest.TestCase):
    """The packer on a small library: what it refuses."""

    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.write("config.h", "#define AUTH_MODE_KEY\n/* #undef AUTH_WITH_NOTLS */\n")
        self.write("part.c", "int helper(void) { return 1; }\nint IOT_One(void) { return helper(); }\n"
                             "int IOT_Two(void) { return 2; }\n")
        self.build_library()

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def build_library(self, *options):
        source, out = os.path.join(self.dir, "part.c"), os.path.join(self.dir, "part.o")
        self.assertEqual(run("gcc", "-c", "-ffunction-sections", *options, source, "-o", out).returncode, 0)
        self.assertEqual(run("ar", "crD", os.path.join(self.dir, "libpart.a"), out).returncode, 0)

    def pack(self, symbols, *options):
        return run(sys.executable, os.path.join(ROOT, "scripts", "pack_archive.py"), "--archive", "sdk",
                   "--symbols", self.write("symbols", symbols), "--config", os.path.join(self.dir, "config.h"),
                   "--input", os.path.join(self.dir, "libpart.a"), "--out", os.path.join(self.dir, "out.a"), *options)

    def test_conditions_choose_the_symbols(self):
        done = self.pack("sdk IOT_One !AUTH_WITH_NOTLS && (AUTH_MODE_KEY || OTHER)\nsdk IOT_Two OTHER\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        table = run("nm", os.path.join(self.dir, "out.a")).stdout
        self.assertIn(" T IOT_One", table)
        self.assertIn(" t helper", table)
        self.assertNotIn("IOT_Two", table)

    def test_the_result_is_reproducible_and_left_alone_when_equal(self):
        symbols = "sdk IOT_One always\nsdk IOT_Two always\n"
        self.assertEqual(self.pack(symbols).returncode, 0)
        before = os.stat(os.path.join(self.dir, "out.a"))
        self.assertEqual(self.pack(symbols).returncode, 0)
        after = os.stat(os.path.join(self.dir, "out.a"))
        self.assertEqual((before.st_mtime_ns, before.st_ino), (after.st_mtime_ns, after.st_ino))

    def test_refusals(self):
        for symbols, reason in [
            ("", "the list has no symbol for this configuration"),
            ("sdk IOT_One OTHER\nsdk IOT_Two OTHER\n", "the list has no symbol for this configuration"),
            ("sdk IOT_One always\nsdk IOT_Two always\nsdk IOT_Three always\n", "the library lacks: IOT_Three"),
            ("sdk IOT_One always\n", "not in api_symbols.txt: IOT_Two"),
            ("sdk IOT_One\n", "symbols:1: expected"),
            ("other IOT_One always\n", "symbols:1: expected"),
            ("sdk IOT_One always\nsdk IOT_One OTHER\nsdk IOT_Two always\n", "symbols:2: IOT_One is listed twice"),
            ("sdk IOT_One (AUTH_MODE_KEY\nsdk IOT_Two always\n", "cannot read the condition '(AUTH_MODE_KEY'"),
            ("sdk IOT_One A;B\nsdk IOT_Two always\n", "cannot read the condition 'A;B'"),
        ]:
            with self.subTest(reason):
                done = self.pack(symbols)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(reason, done.stderr)
                self.assertFalse(os.path.exists(os.path.join(self.dir, "out.a")))

    def test_a_panic_of_a_small_library_ends_the_program_without_its_text(self):
        panic = "_RNvNtCs1a2B_4core9panicking9panic_fmt"
        self.write("part.c", f'#include <stdio.h>\nvoid {panic}(void) {{ puts("a text"); }}\n'
                             f"int IOT_One(int bad) {{ if (bad) {panic}(); return 7; }}\n")
        self.build_library()
        main = self.write("main.c", "int IOT_One(int bad);\nint main(int n, char **v) { (void)v; return IOT_One(n > 1); }\n")
        program = os.path.join(self.dir, "program")
        for options, status, text in [([], 7, "a text\n"), (["--minsize"], -signal.SIGILL, "")]:
            self.assertEqual(self.pack("sdk IOT_One always\n", *options).returncode, 0)
            self.assertEqual(run("gcc", main, os.path.join(self.dir, "out.a"), "-o", program).returncode, 0)
            self.assertEqual(run(program).returncode, 7)
            done = run(program, "bad")
            self.assertEqual((done.returncode, done.stdout), (status, text))
        object_file = run("readelf", "--wide", "--section-headers", os.path.join(self.dir, "out.a")).stdout
        self.assertNotIn(".eh_frame", object_file)
        self.assertNotIn("puts", run("nm", os.path.join(self.dir, "out.a")).stdout)

    def test_a_small_library_has_no_names_of_source_files(self):
        self.write("part.c", "struct place { const char *file; int line; };\n"
                             "static const struct place sg_place = {\"cargo/src/part.rs\", 7};\n"
                             "const struct place *volatile sg_last;\n"
                             "int IOT_One(void) { sg_last = &sg_place; return sg_last->line; }\n"
                             "const char *IOT_Two(void) { return \"kept/part.c\"; }\n")
        self.build_library("-O1", "-fPIC", "-fdata-sections")
        main = self.write("main.c", "#include <stdio.h>\nint IOT_One(void);\nconst char *IOT_Two(void);\n"
                                    "int main(void) { puts(IOT_Two()); return IOT_One(); }\n")
        program = os.path.join(self.dir, "program")
        for options, has_name in [([], True), (["--minsize"], False)]:
            self.assertEqual(self.pack("sdk IOT_One always\nsdk IOT_Two always\n", *options).returncode, 0)
            self.assertEqual(run("gcc", main, os.path.join(self.dir, "out.a"), "-o", program).returncode, 0)
            done = run(program)
            self.assertEqual((done.returncode, done.stdout), (7, "kept/part.c\n"))
            with open(program, "rb") as file:
                self.assertEqual(b"part.rs" in file.read(), has_name)
        relocations = run("readelf", "--wide", "--relocs", os.path.join(self.dir, "out.a")).stdout
        self.assertNotIn(".rela.data.rel.ro", relocations)

    def test_an_inner_symbol_that_stays_open_is_refused(self):
        self.write("part.c", "int mbedtls_open(void);\nint IOT_One(void) { return mbedtls_open(); }\n")
        self.build_library()
        done = self.pack("sdk IOT_One always\n")
        self.assertIn("left undefined: mbedtls_open", done.stderr)


if __name__ == "__main__":
    counted.run()
