#!/usr/bin/env python3
"""Replies of the REST API against schema/openapi.json.

validate(method, path, status, content_type, body) raises AssertionError with words when a reply is not as described; it gives
the body as JSON (None where there is none). Run as a program it checks the description itself (references, examples) and, given
transcripts (one JSON object a line: method, target, status, content_type, body), that every reply in them is as described and that
every route answered at least once as it should."""
import functools
import json
import pathlib
import sys
import urllib.parse

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]


@functools.lru_cache
def document():
    return json.loads((ROOT / "schema/openapi.json").read_text())


def resolve(node):
    while isinstance(node, dict) and "$ref" in node and len(node) == 1:
        target = document()
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def check(instance, schema):
    """Raises jsonschema.ValidationError."""
    # References are from the root of the document, so the schema is looked at with the document's components beside it.
    whole = {"components": document()["components"], "allOf": [schema]}
    jsonschema.Draft202012Validator(whole).validate(instance)


def operation(method, path):
    """The operation of a request, or None. Literal paths win over those with parameters."""
    parts = [urllib.parse.unquote(part) for part in urllib.parse.urlsplit(path).path.split("/")]
    method = "get" if method.upper() == "HEAD" else method.lower()
    found = None
    for pattern, methods in document()["paths"].items():
        wanted = pattern.split("/")
        fits = len(wanted) == len(parts) and all(w == p or (w[:1] == "{" and p) for w, p in zip(wanted, parts))
        if method in methods and fits and (found is None or "{" not in pattern):
            found = methods[method]
    return found


def validate(method, path, status, content_type, body):
    what = f"{method} {path}: {status}"
    found = operation(method, path)
    if found is None:
        # No such route or method: nothing but a problem may come back.
        assert status in (401, 403, 404, 405, 400), f"{what} for a route that the description lacks"
        response = document()["components"]["responses"]["Other"]
    else:
        response = found["responses"].get(str(status))
        if response is None:
            assert status >= 400, f"{what} is not described"
            response = found["responses"]["default"]
    content = resolve(response).get("content")
    if method.upper() == "HEAD":
        return None
    if content is None:
        assert not body, f"{what} has a body; none is described"
        return None
    kind = (content_type or "").split(";")[0].strip()
    assert kind in content, f"{what} is {kind!r}; described: {', '.join(content)}"
    value = [json.loads(line) for line in body.splitlines()] if kind == "application/jsonl" else json.loads(body)
    try:
        check(value, content[kind]["schema"])
    except jsonschema.ValidationError as error:
        raise AssertionError(f"{what}: {error.json_path}: {error.message}") from None
    if status >= 400:
        assert value["status"] == status, f"{what}, but the problem says {value['status']}"
    return value


def references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def check_transcripts(paths):
    """Every exchange in the files; gives their number."""
    answered = set()
    count = 0
    for line in (line for path in paths if path.exists() for line in path.read_text().splitlines()):
        said = json.loads(line)
        validate(said["method"], said["target"], said["status"], said["content_type"], said["body"])
        found = operation(said["method"], said["target"])
        if found is not None and said["status"] < 400:
            answered.add(found["operationId"])
        count += 1
    routes = {o["operationId"] for methods in document()["paths"].values() for o in methods.values()}
    assert routes == answered, f"no good answer was seen of: {', '.join(sorted(routes - answered))}"
    return count


def main():
    routes = sum(len(methods) for methods in document()["paths"].values())
    for reference in set(references(document())):
        resolve({"$ref": reference})
    examples = 0
    for name, schema in document()["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        for example in schema.get("examples", []):
            check(example, schema)
            examples += 1
        assert schema.get("type") != "object" or "additionalProperties" in schema, f"{name} is open"
    identifiers = [o["operationId"] for methods in document()["paths"].values() for o in methods.values()]
    assert len(identifiers) == len(set(identifiers)), "an operationId is used twice"
    replies = check_transcripts([pathlib.Path(path) for path in sys.argv[1:]]) if sys.argv[1:] else 0
    print(f"{routes} routes, {examples} examples, {replies} replies")
    return 0


if __name__ == "__main__":
    sys.exit(main())
