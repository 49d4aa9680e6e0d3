"""One description for each kind of manifest that the author can write: what a foreign implementation is asked to take."""

UUIDS = {"vendor-id": "fa6b4a53-d5ad-5fdf-be9d-e663e4d41ffe", "class-id": "1492af14-2569-5e48-bf42-9b2d51f2ab45"}
DIGEST = {"algorithm-id": "sha256", "digest-bytes": "00112233445566778899aabbccddeeff0123456789abcdeffedcba9876543210"}
OVERRIDE, FETCH, MATCH = "directive-override-parameters", "directive-fetch", "condition-image-match"


def command(name, argument=None, **about):
    """condition("directive-copy", component=1)"""
    step = {"command-id": name} if argument is None else {"command-id": name, "command-arg": argument}
    return step | {f"component-{key}": value for key, value in about.items()}


def steps(section, *commands, components=2, **more):
    return {"manifest-sequence-number": 7, "component-ids": [[f"{index:02x}"] for index in range(components)], section: list(commands)} | more


def parameter(name, value, *then):
    return steps("install", command(OVERRIDE, {name: value}, index=0), *then)


def component(**more):
    return {"install-id": ["00"], "install-digest": DIGEST, "install-size": 34768} | UUIDS | more


def whole(*components, **more):
    return {"manifest-sequence-number": 7, "components": list(components)} | more


POLICY_ONLY = [
    "condition-vendor-identifier", "condition-class-identifier", MATCH, "condition-use-before", "condition-component-slot",
    "condition-check-content", "condition-abort", "condition-device-identifier", "condition-image-not-match", "condition-minimum-battery",
    "condition-update-authorized", "condition-version", "condition-is-dependency", "condition-dependency-integrity",
    "directive-process-dependency", "directive-write", FETCH, "directive-copy", "directive-invoke", "directive-wait", "directive-swap",
    "directive-unlink",
]

PARAMETERS = {
    "vendor-id": UUIDS["vendor-id"], "class-id": UUIDS["class-id"], "image-digest": DIGEST, "use-before": 1900000000, "slot": 1,
    "strict-order": False, "soft-failure": True, "image-size": 178, "content": {"text": "hello"}, "uri": "coap://[fd00:1::1]/x",
    "source-component": 1, "invoke-args": {"text": "--once"}, "device-id": UUIDS["vendor-id"], "fetch-arguments": {"hex": "a0"},
    "minimum-battery": 20, "update-priority": -1, "version": {"comparison": "lesser", "version": [1, 2, -3]},
    "wait-info": {"hex": "a1051a713fb300"}, "component-metadata": {"hex": "a1050168"[:-2]},
    "encryption-info": {"hex": "d8608443a10101a1054c26682306d4fb28ca01b43b80f6818340a10122581875603ffc9518d794713c8ca8a115a7fb32565a6d59534d62"},
}

SEQUENCES = ["dependency-resolution", "payload-fetch", "candidate-verification", "install", "validate", "load", "invoke", "uninstall"]
SEVERABLE = ["dependency-resolution", "payload-fetch", "candidate-verification", "install", "text"]
TEXTS = {"manifest-description": "What it is", "update-description": "Was neu ist: Ümläute", "manifest-json-source": "{}",
         "manifest-yaml-source": "---"}
COMPONENT_TEXTS = {"vendor-name": "TinyPART", "model-name": "thermo", "vendor-domain": "tinypart.org", "model-info": "a thermometer",
                   "component-description": "reads a sensor", "component-version": "1.2"}


def kinds():
    """name -> description"""
    out = {
        "one container": whole(component(uri="http://example.com/file.bin")),
        "secure boot": whole(component(bootable=True)),
        "two components": whole(component(uri="http://example.com/1.bin", bootable=True),
                                {"install-id": ["01"], "install-digest": DIGEST, "install-size": 5, "uri": "http://example.com/2.bin"}),
        "two slots": whole(component(slot=0, uri="http://example.com/1.bin"), component(slot=1, uri="http://example.com/2.bin")),
        "download, install, load": whole(component(**{
            "uri": "http://example.com/f.bin", "download-id": ["02"], "install-on-download": False, "loadable": True, "load-id": ["01"],
            "load-digest": DIGEST, "load-size": 76834, "bootable": True})),
        "integrated payload": whole(component(uri="#payload"), **{"integrated-payloads": {"#payload": {"text": "it travels"}}}),
        "two integrated payloads": whole(component(uri="#b"), **{"integrated-payloads": {"#aa": {"text": "1"}, "#b": {"text": "2"}}}),
        "reference uri": whole(component(), **{"reference-uri": "https://example.org/m.suit"}),
        "manifest component id": whole(component(), **{"manifest-component-id": ["dependent.suit"]}),
        "set version": whole(component(), **{"set-version": "1.2.3"}),
        "dependency with prefix": steps("install", command("directive-process-dependency", index=2),
                                        dependencies=[{"component-index": 2, "prefix": ["tenant"]}]),
        "dependency without prefix": steps("install", command("directive-process-dependency", index=2),
                                           dependencies=[{"component-index": 2}]),
        "all indices": steps("install", command("directive-set-component-index", True), command(MATCH)),
        "a list of indices": steps("install", command("directive-set-component-index", [0, 1]), command(MATCH)),
        "run sequence": steps("install", command("directive-run-sequence", [command(MATCH)], index=0)),
        "try each": steps("install", command("directive-try-each", [[command(MATCH)], [command("condition-abort")]], index=0)),
        "try each or nothing": steps("install", command("directive-try-each", [[command(MATCH)], [command(FETCH)], None], index=0)),
        "try each in try each": steps("install", command("directive-try-each", [
            [command("directive-try-each", [[command(MATCH)], [command("condition-abort")]])], [command(MATCH)]], index=0)),
        "override multiple": steps("install", command("directive-override-multiple", {
            "0": {"uri": "http://example.com/1", "image-size": 1}, "1": {"image-size": 2}}, index=0), command(FETCH)),
        "copy params": steps("install", command(OVERRIDE, {"image-size": 2, "slot": 1}, index=0),
                             command("directive-copy-params", {"0": ["slot", "image-size"]}, index=1), command(MATCH)),
        "set parameters": steps("install", command("directive-set-parameters", {"uri": "http://example.com/1"}, index=0), command(FETCH)),
        "texts of the manifest": whole(component(), description={"en-US": TEXTS}),
        "texts in two languages": whole(component(), description={"en-US": TEXTS, "fr": {"manifest-description": "Ce que c'est"}}),
        "texts of a component": whole(component(description={"en-US": COMPONENT_TEXTS}), description={"en-US": TEXTS}),
        "texts of a component alone": whole(component(description={"en-US": COMPONENT_TEXTS})),
        "a long manifest": steps("install", *[command(OVERRIDE, {"uri": f"http://example.com/{index}"}, index=index % 2)
                                              for index in range(12)]),
        "many components": whole(*[component(**{"install-id": [f"{index:02x}"]}) for index in range(8)]),
        "a component of four parts": whole(component(**{"install-id": ["ram", "0", "a", "bb"]})),
    }
    out |= {f"{name}, report {policy}": steps("install", command(name, policy, index=0)) for name in POLICY_ONLY for policy in (0, 15)}
    out |= {f"parameter {name}": parameter(name, value) for name, value in PARAMETERS.items()}
    out |= {f"section {name}": steps(name, command(MATCH, index=0)) for name in SEQUENCES}
    out["section shared-sequence"] = steps("shared-sequence", command(MATCH, index=0))
    for name in SEVERABLE:
        said = {"description": {"en": TEXTS}} if name == "text" else {name: [command(MATCH, index=0)]}
        base = {"manifest-sequence-number": 7, "component-ids": [["00"]]} | said
        out[f"severable {name}"] = base | {"severable": [name]}
        out[f"severed {name}"] = base | {"severed": [name]}
    return out
