"""What other people's code the two archives are made of: crates, Mbed TLS, Rust's standard library.

`cargo tree` says which crates a configuration links, `cargo metadata` where they lie and under which licence.
"""

import html
import json
import os
import re
import subprocess
from dataclasses import dataclass, field

# Of the standard library: what its tests and its macros need never gets into an archive.
STD_TOOLS = {"getopts", "rustc_literal_escaper"}
# The rest of what reads backtraces, which the compiler's notices leave out.
STD_UNLISTED = {
    "addr2line": "Apache-2.0 OR MIT", "adler2": "0BSD OR MIT OR Apache-2.0", "memchr": "Unlicense OR MIT",
    "miniz_oxide": "MIT OR Zlib OR Apache-2.0", "object": "Apache-2.0 OR MIT"}
LICENCE_FILE = re.compile(r"(LICEN[CS]E|COPYING|COPYRIGHT|NOTICE|UNLICENSE)([-._].*)?$", re.IGNORECASE)


@dataclass
class Component:
    """One piece of software; `texts` are its licence files, name and text."""

    name: str
    version: str
    licence: str
    purl: str
    url: str = ""
    sha256: str = ""
    cpe: str = ""
    notes: str = ""
    texts: list = field(default_factory=list)
    needs: list = field(default_factory=list)  # purls
    parts: list = field(default_factory=list)  # components inside of this one


class MissingError(Exception):
    pass


def linked_crates(source, package, features, target, without):
    """Crates of one archive: (name, version) of each -> those that it needs. The package itself is the first."""
    command = ["cargo", "tree", "--locked", "--package", package, "--edges", "normal,no-proc-macro", "--target", target,
               "--no-default-features", "--features", features, "--prefix", "depth", "--format", "|{p}"]
    command += [word for name in without for word in ("--prune", name)]
    crates, above = {}, []
    for line in output(command, source).splitlines():
        depth, words = int(line.split("|")[0]), line.split("|")[1].split()
        crate = (words[0], words[1].lstrip("v"))
        crates.setdefault(crate, [])
        del above[depth:]
        if above and crate not in crates[above[-1]]:
            crates[above[-1]].append(crate)
        above.append(crate)
    return crates


def describe(source, crates):
    """Components of the crates in the order of their names."""
    metadata = json.loads(output(["cargo", "metadata", "--locked", "--format-version", "1"], source))
    packages = {(package["name"], package["version"]): package for package in metadata["packages"]}
    checksums = lock_checksums(os.path.join(source, "Cargo.lock"))
    return [describe_crate(packages[crate], checksums.get(crate, ""), needs) for crate, needs in sorted(crates.items())]


def describe_crate(package, checksum, needs):
    licence = re.sub(r" */ *", " OR ", package["license"] or "")
    if not licence:
        raise MissingError(f"{package['name']} {package['version']} names no licence")
    return Component(
        name=package["name"], version=package["version"], licence=licence, sha256=checksum,
        purl=cargo_purl(package["name"], package["version"]),
        url=package["repository"] or package["homepage"] or "",
        texts=licence_files(os.path.dirname(package["manifest_path"])) or standard_texts(licence),
        needs=[cargo_purl(*crate) for crate in needs])


def mbed_tls(source):
    """Mbed TLS, which the crate mbedtls-rs-sys carries as C sources."""
    metadata = json.loads(output(["cargo", "metadata", "--locked", "--format-version", "1"], source))
    crate = next(package for package in metadata["packages"] if package["name"] == "mbedtls-rs-sys")
    folder = os.path.join(os.path.dirname(crate["manifest_path"]), "mbedtls")
    with open(os.path.join(folder, "include", "mbedtls", "build_info.h"), encoding="utf-8") as header:
        version = re.search(r'MBEDTLS_VERSION_STRING +"(.*)"', header.read()).group(1)
    return Component(
        name="mbedtls", version=version, licence="Apache-2.0 OR GPL-2.0-or-later",
        purl=f"pkg:github/Mbed-TLS/mbedtls@v{version}", url="https://github.com/Mbed-TLS/mbedtls",
        cpe=f"cpe:2.3:a:arm:mbed_tls:{version}:*:*:*:*:*:*:*",
        notes=f"sources inside the crate mbedtls-rs-sys {crate['version']}, with changes by Espressif",
        texts=licence_files(folder))


def rust_std(target):
    """The standard library, from the notices that come with the compiler."""
    version = output(["rustc", "--version"]).split()[1]
    folder = os.path.join(output(["rustc", "--print", "sysroot"]).strip(), "share", "doc", "rust")
    std = Component(
        name="rust-std", version=version, licence="MIT OR Apache-2.0", purl=f"pkg:github/rust-lang/rust@{version}",
        url="https://github.com/rust-lang/rust", notes=f"core, alloc, std and what they need, for {target}")
    notices = os.path.join(folder, "COPYRIGHT-library.html")
    if not os.path.exists(notices):
        std.texts = standard_texts(std.licence)
        return std
    with open(notices, encoding="utf-8") as file:
        page = file.read()
    in_tree, out_of_tree = re.search(r'id="in-tree-files".*?</h2>(.*)<h2 id="out-of-tree[^>]*>(.*)', page, re.DOTALL).groups()
    std.texts = [("files with their own notices", plain_text(in_tree)), *standard_texts(std.licence), *standard_texts("Unicode-3.0")]
    there = std_crates(target)
    parts = [std_part(entry) for entry in out_of_tree.split("<h3>")[1:]]
    std.parts = [part for part in parts if part.name.replace("-", "_") in there]
    listed = {part.name for part in std.parts}
    std.parts += [std_unlisted(name, there[name]) for name in sorted(there.keys() & STD_UNLISTED.keys() - listed)]
    return std


def std_crates(target):
    """Crates that the standard library of the target consists of, and the file of each."""
    folder = output(["rustc", "--print", "target-libdir", "--target", target]).strip()
    matches = filter(None, map(re.compile(r"lib(\w+)-\w+\.rlib$").match, os.listdir(folder)))
    crates = {match.group(1): os.path.join(folder, match.group(0)) for match in matches}
    return {name: file for name, file in crates.items() if name not in STD_TOOLS}


def std_unlisted(name, file):
    """A crate without notices; paths inside its library, where there are any, tell the version."""
    with open(file, "rb") as library:
        found = re.search(rb"/%s-(\d+\.\d+\.\d+)/" % name.encode(), library.read())
    if found:
        version = found.group(1).decode()
        purl = cargo_purl(name, version)
    else:
        version, purl = f"of Rust {output(['rustc', '--version']).split()[1]}", f"pkg:cargo/{name}"
    return Component(name=name, version=version, licence=STD_UNLISTED[name], purl=purl, texts=standard_texts("MIT"))


def std_part(entry):
    name, version = re.match(r"\W*(\S+?)-(\d+\.\d+\.\d+\S*)</h3>", entry).groups()
    licence = html.unescape(re.search(r"License:</b> (.*?)</p>", entry).group(1))
    texts = re.findall(r"<summary><code>(.*?)</code></summary>\s*<pre>(.*?)</pre>", entry, re.DOTALL)
    return Component(name=name, version=version, licence=licence.replace("/", " OR "), purl=cargo_purl(name, version),
                     texts=[(file, html.unescape(text)) for file, text in texts])


def unwinder():
    """LLVM's libunwind, which goes into the archive where the C compiler brings none along: musl."""
    version = output(["rustc", "--version"]).split()[1]
    return Component(
        name="libunwind", version=f"rust-{version}", licence="Apache-2.0 WITH LLVM-exception",
        purl=f"pkg:github/rust-lang/llvm-project@rust-{version}#libunwind", url="https://github.com/rust-lang/llvm-project",
        notes="as built for Rust's musl targets", texts=standard_texts("Apache-2.0 WITH LLVM-exception"))


def licence_files(folder):
    texts = []
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if LICENCE_FILE.match(name) and os.path.isfile(path):
            with open(path, encoding="utf-8", errors="replace") as file:
                texts.append((name, file.read()))
    return texts


def standard_texts(licence):
    """Texts of the licences in an expression, for software that comes without a file of its own."""
    folder = os.path.join(output(["rustc", "--print", "sysroot"]).strip(), "share", "doc", "rust", "licenses")
    texts = []
    for name in re.findall(r"[\w.-]+", licence):
        path = os.path.join(folder, f"{name}.txt")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                texts.append((f"standard text of {name}", file.read()))
        elif name not in ("OR", "AND", "WITH"):
            texts.append((name, f"The text is at https://spdx.org/licenses/{name}.html\n"))
    return texts


def lock_checksums(path):
    with open(path, encoding="utf-8") as file:
        entries = file.read().split("[[package]]")[1:]
    fields = [dict(re.findall(r'^(\w+) = "(.*)"$', entry, re.MULTILINE)) for entry in entries]
    return {(entry["name"], entry["version"]): entry.get("checksum", "") for entry in fields}


def cargo_purl(name, version):
    return f"pkg:cargo/{name}@{version.replace('+', '%2B')}"


def plain_text(page):
    text = html.unescape(re.sub(r"<[^>]*>", "", page))
    lines = [line.strip() for line in text.splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"


def output(command, folder=None):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise MissingError(f"{' '.join(command[:2])} failed:\n{done.stderr.strip()}")
    return done.stdout
