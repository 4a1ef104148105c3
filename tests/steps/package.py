#!/usr/bin/env python3
"""What cmake --install makes: installed under DESTDIR and moved elsewhere, it serves make, pkg-config and CMake users.

BUILD_DIR names the build directory of the default build (default build), IOT_HUB another hub, IOT_VARIANTS the directory
of the second build.
"""

import filecmp
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, os.environ.get("BUILD_DIR", "build"))
TARGET = os.path.abspath(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")))
VARIANTS = os.path.abspath(os.environ.get("IOT_VARIANTS", os.path.join(TARGET, "variants")))
CONSUMER = os.path.join(ROOT, "tests", "c", "package_consumer.c")
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.dirname(HERE), os.path.join(ROOT, "scripts")]
sys.path.append(os.path.join(TARGET, "python"))  # scripts/setup.sh
import counted  # noqa: E402
import demo  # noqa: E402
import readme  # noqa: E402

ARCHIVES = ["iot_sdk", "iot_platform", "mbedtls", "mbedx509", "mbedcrypto", "wslay"]
DOC = "share/doc/qcloud_iot"


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def must(*command, **options):
    done = run(*command, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def install(build, place, *options):
    """Installs under DESTDIR and moves the tree to another place."""
    with tempfile.TemporaryDirectory(prefix="iot-stage-", dir=os.path.dirname(place)) as stage:
        must("cmake", "--install", build, "--prefix", "/usr/local/qcloud", *options, env={**os.environ, "DESTDIR": stage})
        shutil.copytree(os.path.join(stage, "usr/local/qcloud"), place, dirs_exist_ok=True)


def files(folder):
    return {os.path.relpath(os.path.join(path, name), folder) for path, _, names in os.walk(folder) for name in names}


def read(*path, mode="r"):
    with open(os.path.join(*path), mode, **({} if "b" in mode else {"encoding": "utf-8"})) as file:
        return file.read()


WORK = tempfile.TemporaryDirectory(prefix="iot-package-")
TREE = os.path.join(WORK.name, "moved", "sdk")


def setUpModule():
    unittest.addModuleCleanup(WORK.cleanup)
    os.makedirs(os.path.dirname(TREE))
    install(BUILD, TREE)


def package_environment():
    return {**os.environ, "PKG_CONFIG_PATH": os.path.join(TREE, "lib", "pkgconfig"), "CMAKE_PREFIX_PATH": TREE}


class Tree(unittest.TestCase):
    def test_contents(self):
        headers = {f"include/{name}" for name in files(os.path.join(ROOT, "include"))} | {"include/config.h"}
        libraries = {f"lib/lib{name}.a" for name in ARCHIVES} | {"lib/pkgconfig/qcloud_iot.pc"}
        libraries |= {f"lib/cmake/qcloud_iot/qcloud_iotConfig{part}.cmake" for part in ("", "Version")}
        shared = {f"{DOC}/docs/{name}" for name in files(os.path.join(ROOT, "docs")) if name.endswith(".md")}
        shared |= {f"{DOC}/{name}" for name in ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE",
                                                "THIRD-PARTY-LICENSES.txt", "qcloud_iot.cdx.json"]}
        self.assertEqual(files(TREE), headers | libraries | shared | {"share/qcloud_iot/device_info.json"})
        self.assertEqual(read(TREE, "share/qcloud_iot/device_info.json"), read(ROOT, "device_info.json"))

    def test_samples_on_demand(self):
        place = os.path.join(WORK.name, "samples")
        install(BUILD, place, "--component", "samples")
        self.assertTrue({"bin/mqtt_sample", "share/qcloud_iot/c_samples/mqtt_sample/mqtt_sample.c"} <= files(place))
        self.assertEqual({path for path in files(place) if path.startswith(("lib/", "include/"))}, set())

    def test_no_directory_of_this_machine_is_in_it(self):
        homes = {ROOT, BUILD, TARGET, os.path.expanduser("~/.cargo"), os.environ.get("CARGO_HOME", ROOT),
                 must("rustc", "--print", "sysroot").strip()}
        for path in files(TREE):
            content = read(TREE, path, mode="rb")
            for home in homes:
                self.assertNotIn(home.encode(), content, path)


class MakefileUser(readme.FirstProgram):
    """The three lines of make."""

    test_without_a_server_it_fails = None  # once is enough, and it takes long

    @classmethod
    def build(cls):
        cls.work_file("make", "Makefile")
        must("make", "hello", cwd=cls.work, env=package_environment())

    @classmethod
    def work_file(cls, language, name):
        lines = next(text for kind, text in readme.blocks() if kind == language)
        demo.write(cls.work, name, lines)


class CMakeUser(MakefileUser):
    """The lines of CMake."""

    @classmethod
    def build(cls):
        cls.work_file("cmake", "CMakeLists.txt")
        must("cmake", "-S", ".", "-B", ".", cwd=cls.work, env=package_environment())
        must("cmake", "--build", ".", cwd=cls.work)


class PkgConfig(unittest.TestCase):
    def ask(self, *options):
        return must("pkg-config", *options, "qcloud_iot", env=package_environment()).split()

    def test_the_flags_are_those_of_the_documented_line(self):
        names = [f"-l{name}" for name in ARCHIVES]
        libs = self.ask("--libs")
        self.assertEqual([word for word in libs if word.startswith("-l")], names)
        self.assertLess(libs.index("-Wl,--start-group"), libs.index(names[0]))
        self.assertLess(libs.index(names[-1]), libs.index("-Wl,--end-group"))
        self.assertEqual(self.ask("--libs", "--static"), libs)
        includes = [os.path.normpath(word[2:]) for word in self.ask("--cflags") if word.startswith("-I")]
        self.assertEqual(includes, [os.path.join(TREE, "include"), os.path.join(TREE, "include", "exports")])

    def test_versions_and_features(self):
        self.assertEqual(self.ask("--modversion"), re.findall(r'(?m)^version = "(.*)"', read(ROOT, "Cargo.toml")))
        self.assertEqual(self.ask("--variable=interface_version"), ["3.3.0"])
        macros = re.findall(r"(?m)^#define (\w+)$", read(TREE, "include", "config.h"))
        self.assertEqual(sorted(self.ask("--variable=features")), sorted(macros))

    def test_programs_in_c_and_cpp(self):
        for compiler in (["gcc", "-std=c99", "-x", "c"], ["g++", "-std=c++17", "-x", "c++"]):
            for extra in ([], ["-static"]):
                with self.subTest(compiler=compiler, extra=extra):
                    program = os.path.join(WORK.name, "consumer")
                    must(*compiler, "-Wall", "-Wextra", "-Werror", CONSUMER, "-x", "none", "-o", program, *extra,
                         *self.ask("--cflags", "--libs"))
                    self.assertEqual(must(program).strip(), "3.3.0")


class FindPackage(unittest.TestCase):
    HEAD = "cmake_minimum_required(VERSION 3.5...3.25)\nproject(consumer C CXX)\n"

    def configure(self, lines):
        folder = tempfile.mkdtemp(dir=WORK.name)
        demo.write(folder, "CMakeLists.txt", self.HEAD + lines)
        for name in ("consumer.c", "consumer.cpp"):
            shutil.copy(CONSUMER, os.path.join(folder, name))
        return folder, run("cmake", "-S", folder, "-B", os.path.join(folder, "b"), env=package_environment())

    def builds(self, lines, *programs):
        folder, done = self.configure("find_package(qcloud_iot CONFIG REQUIRED)\n" + lines)
        self.assertEqual(done.returncode, 0, done.stderr)
        must("cmake", "--build", os.path.join(folder, "b"))
        for program in programs:
            self.assertEqual(must(os.path.join(folder, "b", program)).strip(), "3.3.0")

    def test_programs_in_c_and_cpp(self):
        self.builds("add_compile_options(-Wall -Wextra -Werror)\nset(CMAKE_C_STANDARD 99)\nset(CMAKE_C_EXTENSIONS OFF)\n"
                    "set(CMAKE_CXX_STANDARD 17)\nset(CMAKE_CXX_EXTENSIONS OFF)\n"
                    "add_executable(in_c consumer.c)\nadd_executable(in_cpp consumer.cpp)\n"
                    "target_link_libraries(in_c qcloud_iot::qcloud_iot)\ntarget_link_libraries(in_cpp qcloud_iot::qcloud_iot)\n",
                    "in_c", "in_cpp")

    def test_through_a_static_library_of_the_firmware(self):
        self.builds("add_library(firmware STATIC consumer.c)\ntarget_link_libraries(firmware PUBLIC qcloud_iot::qcloud_iot)\n"
                    "file(WRITE empty.c \"\")\nadd_executable(in_c empty.c)\ntarget_link_libraries(in_c firmware)\n", "in_c")

    def test_core_and_port_as_single_targets(self):
        self.builds("add_executable(in_c consumer.c)\ntarget_link_libraries(in_c qcloud_iot::iot_sdk qcloud_iot::iot_platform\n"
                    "    qcloud_iot::iot_sdk)\n", "in_c")

    def test_the_core_alone_lacks_the_port(self):
        folder, done = self.configure("find_package(qcloud_iot CONFIG REQUIRED)\nadd_executable(in_c consumer.c)\n"
                                      "target_link_libraries(in_c qcloud_iot::iot_sdk)\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        done = run("cmake", "--build", os.path.join(folder, "b"))
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("HAL_Malloc", done.stdout + done.stderr)

    def test_features_are_components(self):
        lines = 'find_package(qcloud_iot {} CONFIG REQUIRED COMPONENTS {})\nmessage("has ${{qcloud_iot_FEATURES}}")\n'
        for version, component, accepted in [("0.1", "WEBSOCKET_MQTT AUTH_MODE_KEY", True), ("0.1", "AUTH_MODE_CERT", False),
                                             ("99.0", "WEBSOCKET_MQTT", False)]:
            with self.subTest(component):
                _, done = self.configure(lines.format(version, component))
                self.assertEqual(done.returncode == 0, accepted, done.stderr)
                self.assertEqual("has AUTH_MODE_KEY;" in done.stderr, accepted)


class ThirdParty(unittest.TestCase):
    def setUp(self):
        self.bill = json.loads(read(TREE, DOC, "qcloud_iot.cdx.json"))
        self.names = {component["name"] for component in self.bill["components"]}

    def test_it_names_what_is_linked_and_nothing_else(self):
        self.assertTrue({"mbedtls", "mbedtls-rs-sys", "rust-std", "tungstenite", "httparse", "sha1"} <= self.names)
        for tool in ("cc", "cbindgen", "bindgen", "syn", "thiserror-impl", "tokio", "serde_json", "iot_sdk", "iot_platform"):
            self.assertNotIn(tool, self.names)

    def test_the_standard_library_is_named_with_what_it_needs(self):
        std = next(component for component in self.bill["components"] if component["name"] == "rust-std")
        self.assertTrue({"addr2line", "hashbrown", "object"} <= {part["name"] for part in std["components"]})

    def test_each_component_has_version_licence_and_text(self):
        text = read(TREE, DOC, "THIRD-PARTY-LICENSES.txt")
        for component in self.bill["components"]:
            name = f"{component['name']} {component['version']}"
            self.assertIn(f"  {name}: {component['licenses'][0]['expression']}", text)
            self.assertIn(f"\n{name} (", text, "no licence text")
        self.assertIn("Mbed TLS files are provided under a dual", text)

    def test_archives_are_those_that_were_hashed(self):
        for archive in self.bill["metadata"]["component"]["components"]:
            content = read(TREE, "lib", archive["name"], mode="rb")
            self.assertEqual(archive["hashes"][0]["content"], hashlib.sha256(content).hexdigest())

    def test_every_dependency_is_there(self):
        refs = {entry["ref"] for entry in self.bill["dependencies"]}
        wanted = {need for entry in self.bill["dependencies"] for need in entry["dependsOn"]}
        self.assertEqual(wanted - refs, set())
        self.assertEqual({component["bom-ref"] for component in self.bill["components"]} - wanted, set(), "needed by nobody")

    def test_without_tls_there_is_no_tls_library(self):
        names = {component["name"] for component in json.loads(self.write(
            "--sdk-features=auth_with_notls", "--platform-features=auth_with_notls"))["components"]}
        self.assertTrue({"mbedtls", "mbedtls-rs-sys", "tungstenite"}.isdisjoint(names))
        self.assertIn("mqttbytes", names)

    def test_the_time_is_that_of_source_date_epoch(self):
        self.assertNotIn("timestamp", self.bill["metadata"])
        dated = self.write("--sdk-features=", "--platform-features=", SOURCE_DATE_EPOCH="86400")
        self.assertEqual(json.loads(dated)["metadata"]["timestamp"], "1970-01-02T00:00:00Z")

    def write(self, *options, **env):
        sbom = os.path.join(WORK.name, "bill.json")
        must(os.path.join(ROOT, "scripts", "third_party.py"), "--source", ROOT, "--lib-dir", os.path.join(TREE, "lib"),
             "--target", "x86_64-unknown-linux-gnu", "--version", "1.0.0", "--config-macros", "", "--sbom", sbom,
             "--licences", os.path.join(WORK.name, "licences.txt"), *options, env={**os.environ, **env})
        return read(sbom)

    def test_schema(self):
        try:
            from cyclonedx.schema import SchemaVersion
            from cyclonedx.validation.json import JsonStrictValidator
        except ImportError as error:
            self.skipTest(f"{error}: scripts/setup.sh test installs it where pip is")
        validator = JsonStrictValidator(SchemaVersion.V1_6)
        self.assertIsNone(validator.validate_str(json.dumps(self.bill)))
        self.bill["components"][0]["licenses"] = "none"
        self.assertIsNotNone(validator.validate_str(json.dumps(self.bill)))


class Reproducible(unittest.TestCase):
    """The same sources elsewhere, with another cargo home, home and target directory, give the same package."""

    @unittest.skipUnless(os.environ.get("IOT_FULL"), "takes two minutes: ./cmake_build.sh test --full package")
    def test_a_second_build_is_identical(self):
        place = os.path.join(VARIANTS, "reproducible")
        sources = os.path.join(place, "other-sources")
        shutil.rmtree(sources, ignore_errors=True)
        shutil.copytree(ROOT, sources, ignore=shutil.ignore_patterns("target", "build", "output", ".git", "node_modules"))
        env = {**os.environ, "HOME": place, "CARGO_HOME": self.cargo_home(os.path.join(place, "cargo")),
               "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", os.path.expanduser("~/.rustup")),
               "CARGO_TARGET_DIR": os.path.join(place, "elsewhere"), "BUILD_DIR": "b", "OUTPUT_DIR": "o", "TZ": "Asia/Shanghai"}
        must("./cmake_build.sh", cwd=sources, env=env)
        second = os.path.join(WORK.name, "second")
        install(os.path.join(sources, "b"), second)
        self.assertEqual(files(TREE), files(second))
        same, different, unreadable = filecmp.cmpfiles(TREE, second, files(TREE), shallow=False)
        self.assertEqual((different, unreadable), ([], []))
        self.assertGreater(len(same), 30)

    def cargo_home(self, place):
        """Another directory with what was downloaded already."""
        real = os.environ.get("CARGO_HOME", os.path.expanduser("~/.cargo"))
        os.makedirs(place, exist_ok=True)
        for name in ("registry", "git", "bin", "config", "config.toml"):
            if os.path.exists(os.path.join(real, name)) and not os.path.lexists(os.path.join(place, name)):
                os.symlink(os.path.join(real, name), os.path.join(place, name))
        return place


if __name__ == "__main__":
    counted.run()
