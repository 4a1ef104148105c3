#!/usr/bin/env python3
"""Write the licences of all software inside the two archives, and their bill of materials (CycloneDX 1.6).

The same sources, options and compilers give the same files. A time stands in the bill only if SOURCE_DATE_EPOCH is set.
"""

import argparse
import datetime
import hashlib
import json
import os
import sys
import uuid

sys.dont_write_bytecode = True
import components  # noqa: E402

PACKAGES = {"iot_sdk": "libiot_sdk.a", "iot_platform": "libiot_platform.a"}
PRODUCT = "qcloud_iot"


def main():
    args = parse_arguments()
    try:
        bill = Bill(args)
    except components.MissingError as error:
        sys.exit(f"third_party: {error}")
    write(args.licences, licences(bill))
    write(args.sbom, json.dumps(cyclonedx(bill, args), indent=2) + "\n")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", required=True, help="directory of the workspace")
    parser.add_argument("--lib-dir", required=True, help="directory of the archives")
    parser.add_argument("--target", required=True, help="Rust target")
    parser.add_argument("--sdk-features", required=True, help="cargo features, separated by commas")
    parser.add_argument("--platform-features", required=True)
    parser.add_argument("--version", required=True, help="of this SDK")
    parser.add_argument("--config-macros", required=True, help="features in terms of config.h, separated by commas")
    parser.add_argument("--licences", required=True, metavar="FILE", help="text to write")
    parser.add_argument("--sbom", required=True, metavar="FILE", help="bill of materials to write")
    return parser.parse_args()


class Bill:
    """The components of a configuration, and what each archive needs of them."""

    def __init__(self, args):
        tls = "auth_with_notls" not in args.platform_features.split(",")
        # Without TLS the crate is compiled, but packing drops all of it.
        without = [] if tls else ["mbedtls-rs-sys"]
        features = {"iot_sdk": args.sdk_features, "iot_platform": args.platform_features}
        std = components.rust_std(args.target)
        self.needs, crates = {}, {}
        for package, archive in PACKAGES.items():
            linked = components.linked_crates(args.source, package, features[package], args.target, without)
            own = next(iter(linked))
            self.needs[archive] = [components.cargo_purl(*crate) for crate in linked.pop(own)] + [std.purl]
            for crate, needs in linked.items():
                known = crates.setdefault(crate, [])
                known += [need for need in needs if need not in known]
        self.components = components.describe(args.source, crates)
        if tls:
            mbed_tls = components.mbed_tls(args.source)
            next(crate for crate in self.components if crate.name == "mbedtls-rs-sys").needs.append(mbed_tls.purl)
            self.components.append(mbed_tls)
        if "musl" in args.target:
            unwinder = components.unwinder()
            std.needs.append(unwinder.purl)
            self.components.append(unwinder)
        self.components.append(std)

    def all(self):
        for component in self.components:
            yield component
            yield from component.parts


def licences(bill):
    """List of components, then each text once, with those it belongs to."""
    lines = ["Third-party software in libiot_sdk.a and libiot_platform.a", ""]
    lines += [f"  {part.name} {part.version}: {part.licence}{'  ' + part.url if part.url else ''}" for part in bill.all()]
    texts = {}
    for part in bill.all():
        for name, text in part.texts:
            # Copies differ in line breaks and indentation only.
            key = " ".join(text.split())
            texts.setdefault(key, (text, []))[1].append(f"{part.name} {part.version} ({name})")
    for text, owners in texts.values():
        lines += ["", "=" * 100, *owners, "-" * 100, "", text.strip("\n")]
    return "\n".join(line.rstrip() for line in "\n".join(lines).splitlines()) + "\n"


def cyclonedx(bill, args):
    archives = [{"type": "library", "bom-ref": archive, "name": archive,
                 "hashes": [{"alg": "SHA-256", "content": sha256(os.path.join(args.lib_dir, archive))}]}
                for archive in PACKAGES.values()]
    properties = [{"name": f"{PRODUCT}:feature", "value": name} for name in args.config_macros.split(",") if name]
    properties.append({"name": f"{PRODUCT}:target", "value": args.target})
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "third_party.py", "version": args.version}]},
            "component": {"type": "library", "bom-ref": PRODUCT, "name": PRODUCT, "version": args.version,
                          "licenses": [{"expression": "MIT OR Apache-2.0"}], "components": archives},
            "properties": properties,
        },
        "components": [described(component) for component in bill.components],
        "dependencies": dependencies(bill),
    }
    if "SOURCE_DATE_EPOCH" in os.environ:
        moment = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
        document["metadata"]["timestamp"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(document))}"
    return document


def described(component):
    entry = {"type": "library", "bom-ref": component.purl, "name": component.name, "version": component.version,
             "licenses": [{"expression": component.licence}], "purl": component.purl}
    if component.sha256:
        entry["hashes"] = [{"alg": "SHA-256", "content": component.sha256}]
    if component.cpe:
        entry["cpe"] = component.cpe
    if component.url:
        entry["externalReferences"] = [{"type": "vcs", "url": component.url}]
    if component.notes:
        entry["description"] = component.notes
    if component.parts:
        # The same crate may be a component of its own: its reference here has to be another one.
        entry["components"] = [{**described(part), "bom-ref": f"{component.purl}#{part.name}"} for part in component.parts]
    return entry


def dependencies(bill):
    table = {PRODUCT: list(PACKAGES.values()), **bill.needs}
    table.update({component.purl: component.needs for component in bill.components})
    return [{"ref": ref, "dependsOn": sorted(needs)} for ref, needs in table.items()]


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main()
