#!/usr/bin/env python3
"""The options of CMakeLists.txt: defaults, -D, edits of the file, contradictions, and the commands of cmake_build.sh."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(HERE))
import counted  # noqa: E402

# What configuring reads.
SOURCES = ["CMakeLists.txt", "Cargo.toml", "cmake", "cmake_build.sh", "include", "c_samples", "certs", "device_info.json", "scripts"]
DEFAULT = {"AUTH_MODE_KEY", "GATEWAY_ENABLED", "SYSTEM_COMM", "MULTITHREAD_ENABLED", "WEBSOCKET_CLIENT", "WEBSOCKET_MQTT",
           "BROADCAST_ENABLED", "RRPC_ENABLED", "REMOTE_CONFIG_MQTT"}
LATER = ["COAP_COMM_ENABLED", "OTA_COMM_ENABLED", "DEV_DYN_REG_ENABLED",
         "LOG_UPLOAD_ENABLED", "RESOURCE_COMM_ENABLED", "REMOTE_LOGIN_WEBSOCKET_SSH", "AT_TCP_ENABLED"]


class Sources(unittest.TestCase):
    """A copy of the sources, so that the file of options can be edited."""

    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        for name in SOURCES:
            copy = shutil.copytree if os.path.isdir(os.path.join(ROOT, name)) else shutil.copy2
            copy(os.path.join(ROOT, name), os.path.join(self.dir, name))

    def run_in(self, *command, **env):
        return subprocess.run(command, cwd=self.dir, capture_output=True, text=True, check=False,
                              env={**os.environ, **env})

    def configure(self, *options):
        done = self.run_in("cmake", "-S", ".", "-B", "build", *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.macros()

    def refused(self, *options):
        done = self.run_in("cmake", "-S", ".", "-B", "build", *options)
        self.assertNotEqual(done.returncode, 0, f"{options} was accepted")
        return done.stderr

    def macros(self, build_type="release"):
        with open(os.path.join(self.dir, "output", build_type, "include", "config.h"), encoding="utf-8") as file:
            return set(re.findall(r"^#define (\w+)$", file.read(), re.MULTILINE))

    def edit(self, old, new):
        path = os.path.join(self.dir, "CMakeLists.txt")
        with open(path, encoding="utf-8") as file:
            text = file.read()
        self.assertRegex(text, old)
        with open(path, "w", encoding="utf-8") as file:
            file.write(re.sub(old, new, text, count=1))


class Options(Sources):
    def test_defaults_are_those_of_the_guide(self):
        self.assertEqual(self.configure(), DEFAULT)
        with open(os.path.join(self.dir, "CMakeLists.txt"), encoding="utf-8") as file:
            lines = re.sub(r"\s+", " ", file.read())
        for line in ['set(BUILD_TYPE "release")', 'set(COMPILE_TOOLS "gcc")', 'set(PLATFORM "linux")',
                     "set(FEATURE_WEBSOCKET_MQTT ON)", 'set(FEATURE_AUTH_MODE "KEY")',
                     "set(FEATURE_AUTH_WITH_NOTLS OFF)", "set(FEATURE_DEBUG_DEV_INFO_USED OFF)"]:
            self.assertIn(line, lines)

    def test_every_macro_of_config_h_is_defined_or_undefined(self):
        self.configure()
        with open(os.path.join(self.dir, "output/release/include/config.h"), encoding="utf-8") as file:
            lines = [line for line in file.read().splitlines() if line]
        self.assertEqual(len(lines), 24)
        for line in lines:
            self.assertRegex(line, r"^#define \w+$|^/\* #undef \w+ \*/$")

    def test_options_reach_config_h(self):
        for option, macros in [
            ("-DFEATURE_AUTH_MODE=CERT", DEFAULT - {"AUTH_MODE_KEY"} | {"AUTH_MODE_CERT"}),
            ("-DFEATURE_AUTH_WITH_NOTLS=ON", DEFAULT | {"AUTH_WITH_NOTLS"}),
            ("-DFEATURE_WEBSOCKET_MQTT=OFF", DEFAULT - {"WEBSOCKET_CLIENT", "WEBSOCKET_MQTT"}),
            ("-DFEATURE_MULTITHREAD_ENABLED=OFF", DEFAULT - {"MULTITHREAD_ENABLED"}),
            ("-DFEATURE_SYSTEM_COMM_ENABLED=OFF", DEFAULT - {"SYSTEM_COMM"}),
            ("-DFEATURE_BROADCAST_ENABLED=OFF", DEFAULT - {"BROADCAST_ENABLED"}),
            ("-DFEATURE_RRPC_ENABLED=OFF", DEFAULT - {"RRPC_ENABLED"}),
            ("-DFEATURE_REMOTE_CONFIG_MQTT_ENABLED=OFF", DEFAULT - {"REMOTE_CONFIG_MQTT"}),
            ("-DFEATURE_GATEWAY_ENABLED=OFF", DEFAULT - {"GATEWAY_ENABLED"}),
            ("-DFEATURE_DEBUG_DEV_INFO_USED=ON", DEFAULT | {"DEBUG_DEV_INFO_USED"}),
        ]:
            with self.subTest(option):
                shutil.rmtree(os.path.join(self.dir, "build"), ignore_errors=True)
                self.assertEqual(self.configure(option), macros)

    def test_debug_build_has_its_own_tree(self):
        done = self.run_in("cmake", "-S", ".", "-B", "build", "-DBUILD_TYPE=debug")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.macros("debug"), DEFAULT | {"IOT_DEBUG"})
        self.assertFalse(os.path.exists(os.path.join(self.dir, "output", "release")))

    def test_an_edit_takes_effect_in_the_same_build_directory(self):
        self.configure()
        self.edit(r'set\(FEATURE_AUTH_MODE +"KEY"\)', 'set(FEATURE_AUTH_MODE "CERT")')
        self.assertIn("AUTH_MODE_CERT", self.configure())
        self.edit(r'set\(FEATURE_AUTH_MODE "CERT"\)', 'set(FEATURE_AUTH_MODE "KEY")')
        self.assertIn("AUTH_MODE_KEY", self.configure())

    def test_the_command_line_holds_until_the_line_is_edited(self):
        self.assertIn("AUTH_MODE_CERT", self.configure("-DFEATURE_AUTH_MODE=CERT"))
        self.assertIn("AUTH_MODE_CERT", self.configure())
        self.edit(r"set\(FEATURE_MULTITHREAD_ENABLED +ON\)", "set(FEATURE_MULTITHREAD_ENABLED OFF)")
        self.assertIn("AUTH_MODE_CERT", self.configure())
        self.edit(r'set\(FEATURE_AUTH_MODE +"KEY"\)', "set(FEATURE_AUTH_MODE KEY)")
        self.edit(r"set\(FEATURE_AUTH_MODE KEY\)", 'set(FEATURE_AUTH_MODE "CERT")')
        self.configure()
        self.edit(r'set\(FEATURE_AUTH_MODE "CERT"\)', 'set(FEATURE_AUTH_MODE "KEY")')
        self.assertIn("AUTH_MODE_KEY", self.configure())

    def test_a_service_that_is_not_built_yet_says_so(self):
        for name in LATER:
            with self.subTest(name):
                self.assertRegex(self.refused(f"-DFEATURE_{name}=ON"), rf"\n +FEATURE_{name} ON: .+ is not built yet.*\n")
        self.configure()

    def test_contradictions_and_slips_stop_with_one_line(self):
        for options, line in [
            (["-DFEATURE_AUTH_MODE=CERT", "-DFEATURE_AUTH_WITH_NOTLS=ON"], "FEATURE_AUTH_MODE CERT needs TLS"),
            (["-DFEATURE_MINSIZE_STD=ON"], "FEATURE_MINSIZE_STD ON needs FEATURE_MINSIZE ON"),
            (["-DFEATURE_MINSIZE=ON", "-DFEATURE_MINSIZE_STD=ON", "-DBUILD_TYPE=debug"], "FEATURE_MINSIZE_STD ON needs"),
            (["-DBUILD_TYPE=fast"], "BUILD_TYPE is 'fast': expected one of release, debug"),
            (["-DFEATURE_AUTH_MODE=PSK"], "FEATURE_AUTH_MODE is 'PSK': expected one of KEY, CERT"),
            (["-DFEATURE_OTA_SIGNAL_CHANNEL=HTTP"], "FEATURE_OTA_SIGNAL_CHANNEL is 'HTTP'"),
            (["-DFEATURE_TLS_VERIFY=maybe"], "FEATURE_TLS_VERIFY is 'maybe': expected one of compat, strict, off"),
            (["-DFEATURE_WEBSOCKET_MQTT=perhaps"], "FEATURE_WEBSOCKET_MQTT is 'perhaps': expected ON or OFF"),
            (["-DFEATURE_WEBSOKET=ON"], "FEATURE_WEBSOKET is no option"),
            (["-DPLATFORM=freertos"], "PLATFORM is 'freertos'"),
            (["-DEXTRACT_SRC=ON"], "EXTRACT_SRC ON"),
            (["-DCOMPILE_TOOLS=MSVC"], "COMPILE_TOOLS MSVC"),
            (["-DCOMPILE_TOOLS=no-such-gcc"], "COMPILE_TOOLS is 'no-such-gcc': no such compiler"),
            (["-DRUST_TARGET=no-such-target"], "RUST_TARGET is 'no-such-target'"),
            (["-DSAMPLE_ONLY=ON"], "SAMPLE_ONLY"),
            (["-DCMAKE_TOOLCHAIN_FILE=no-such.cmake"], "CMAKE_TOOLCHAIN_FILE is 'no-such.cmake': no such file"),
            (["-DCMAKE_INSTALL_LIBDIR=/usr/lib"], "CMAKE_INSTALL_LIBDIR is '/usr/lib': expected a directory below"),
        ]:
            with self.subTest(options):
                shutil.rmtree(os.path.join(self.dir, "build"), ignore_errors=True)
                self.assertRegex(self.refused(*options), rf"\n +{re.escape(line)}[^\n]*\n")

    def test_a_toolchain_file_names_the_compiler(self):
        with open(os.path.join(self.dir, "board.cmake"), "w", encoding="utf-8") as file:
            file.write("set(CMAKE_SYSTEM_NAME Linux)\nset(CMAKE_C_COMPILER cc)\nset(CMAKE_C_FLAGS_INIT -DBOARD)\n")
        self.assertEqual(self.configure("-DCMAKE_TOOLCHAIN_FILE=board.cmake"), DEFAULT)
        with open(os.path.join(self.dir, "build", "CMakeCache.txt"), encoding="utf-8") as file:
            self.assertIn("-DBOARD", file.read())
        shutil.rmtree(os.path.join(self.dir, "build"))
        self.assertIn("give one of them", self.refused("-DCMAKE_TOOLCHAIN_FILE=board.cmake", "-DCOMPILE_TOOLS=g++"))
        shutil.rmtree(os.path.join(self.dir, "build"))
        with open(os.path.join(self.dir, "board.cmake"), "w", encoding="utf-8") as file:
            file.write("set(CMAKE_SYSTEM_NAME Generic)\nset(CMAKE_C_COMPILER cc)\n")
        self.assertIn("CMAKE_SYSTEM_NAME is 'Generic'", self.refused("-DCMAKE_TOOLCHAIN_FILE=board.cmake"))

    def test_a_filled_in_device_file_survives_configuring(self):
        self.configure()
        path = os.path.join(self.dir, "output/release/bin/device_info.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write("{}")
        self.configure()
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), "{}")


class Script(Sources):
    def test_unknown_arguments_print_the_usage_and_fail(self):
        for arguments in (["help"], ["clean", "now"], ["test", "a", "b"], ["test", "--fast"],
                          ["test", "a", "--full"], ["-Dnothing"], ["demo", "ws"], ["--clean"]):
            with self.subTest(arguments):
                done = self.run_in("./cmake_build.sh", *arguments)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("usage: ./cmake_build.sh", done.stderr)

    def test_clean_removes_output_and_build(self):
        self.configure()
        done = self.run_in("./cmake_build.sh", "clean")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse(os.path.exists(os.path.join(self.dir, "build")))
        self.assertFalse(os.path.exists(os.path.join(self.dir, "output")))

    def test_clean_keeps_a_directory_that_no_build_has_written(self):
        other = os.path.join(self.dir, "other")
        os.makedirs(other)
        with open(os.path.join(other, "letter"), "w", encoding="utf-8") as file:
            file.write("dear")
        done = self.run_in("./cmake_build.sh", "clean", BUILD_DIR="other")
        self.assertNotEqual(done.returncode, 0)
        self.assertTrue(os.path.exists(os.path.join(other, "letter")))

    def test_a_failing_configuration_fails_the_script(self):
        done = self.run_in("./cmake_build.sh", "-DFEATURE_OTA_COMM_ENABLED=ON")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("firmware update is not built yet", done.stderr)

    def test_samples_without_libraries_are_refused(self):
        done = self.run_in("./cmake_build.sh", "samples")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("has no libraries", done.stderr)


if __name__ == "__main__":
    counted.run()
