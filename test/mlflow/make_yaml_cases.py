"""Writes yaml_cases.json: values, and the text that PyYAML's safe_dump makes of them, as MLflow calls it."""

import json
from pathlib import Path

import yaml

long_json = json.dumps([{"type": "double", "name": f"feature {index} (cm)", "required": True} for index in range(9)])
values = [
    {"flavors": {"onnx": {"data": "model.onnx", "code": None, "providers": ["CPU", "CUDA"]}}, "run_id": "0123"},
    {"signature": {"inputs": long_json, "params": None}},
    {"text": "it's a 'quoted' text: with a colon, # and more " * 4},
    {"ünïcode": "Größe — 温度 \u2028 tab\t end", "long": "温度 " * 60},
    {"escapes": 'back\\slash "quotes" \x07 \x1b \xa0 \x85'},
    {"lines": "first\nsecond\n\nfourth\n", "trailing": "space ", "leading": " space"},
    {"empty": {}, "none": None, "list": [], "text": "", "true": True, "no": False},
    {"nested": [{"a": "1x", "b": [{"c": "d"}, "e"]}, ["f", ["g"]], "h"]},
    {"plain": "a long plain text that goes on and on " * 6},
    {"a:b": "c", "with space": "d", "- dash": "e", "'q'": "f", "#": "g", '"': "h"},
    {"looks like": ["null", "true", "1", "1.5", "~", "2026-01-31", "- x", "a: b", "[x]", "{y}", "&z", "*z", "!t", "%", "@", "`"]},
    ["a", {"b": "c"}],
    {"class_labels": ["y", "n", "Y", "N"], "answers": ["yes", "no", "on", "off"], "missing": ["Null", "~", "none"]},
    {"ids": ["1234567e89", "0123456789", "1e5", "0x1f", "0o17", "1_000", "12:30:45", "1.", ".5", ".inf", ".nan", "="]},
    {"true": [True, False], "null": [None, "x", None]},
    {"__proto__": {"constructor": "x"}, "<<": "merge"},
]
cases = [{"value": value, "text": yaml.safe_dump(value, default_flow_style=False)} for value in values]
# MLflow keeps letters of all alphabets as they are, and what stands twice is written once, with an anchor.
cases.append({"value": values[3], "text": yaml.safe_dump(values[3], default_flow_style=False, allow_unicode=True)})
twice = {"name": "x", "type": "double"}
cases.append({"value": {"a": [twice], "b": [twice]}, "text": yaml.safe_dump({"a": [twice], "b": [twice]})})
# As people write it: both readings are PyYAML's.
for text in ["a: yes\nb: off\nc: Null\nd: ~\ne:\nf: y\n", "a: |\n  block\n  text\nb: >\n  folded\n  text\n", "a: {b: c, d: [e, f]}\n",
             "# comment\n---\na: b # another\n", "? key\n: value\n", "- a\n-\n  b: c\n", "a: &x\n  b: c\nd: *x\n"]:
    cases.append({"value": yaml.safe_load(text), "text": text})
Path(__file__).with_name("yaml_cases.json").write_text(json.dumps({"pyyaml": yaml.__version__, "cases": cases}, indent=1))
