"""What the scripts beside this one share: the files they write and the predictions they expect."""

import math
import sys
from pathlib import Path

import numpy as np

from make_models import tensor, to_json

HERE = Path(__file__).resolve().parent


def plain(value, decimals=9):
    """A numpy value as JSON has it; floats by nine significant digits, NaN as null."""
    if isinstance(value, np.ndarray):
        return [plain(item, decimals) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.{decimals}g}")
    return value


class Expectations:
    """Files, predictions of records, answers to tensors, and files that are refused."""

    def __init__(self):
        self.files = {}
        self.records = []
        self.tensors = []
        self.refused = []

    def add(self, name, data):
        assert name not in self.files, name
        assert len(data) < 50_000, f"{name} has {len(data)} bytes"
        self.files[f"{name}.onnx"] = data

    def predict(self, model, records, predictions, tolerance=1e-5, **registered):
        """Records, and for each {value, probabilities?, scores?} as the training library gives them."""
        self.records.append(
            {
                "model": model,
                **registered,
                "tolerance": tolerance,
                "rows": [{"record": r, **p} for r, p in zip(records, predictions, strict=True)],
            }
        )

    def run(self, model, inputs, outputs, tolerance=0):
        self.tensors.append(
            {
                "model": model,
                "inputs": {name: as_tensor(value) for name, value in inputs.items()},
                "outputs": {name: as_tensor(value) for name, value in outputs.items()},
                "tolerance": tolerance,
            }
        )

    def refuse(self, model, reason, data=None):
        """A file that registration refuses with ARTIFACT_INVALID and these words."""
        if data is not None:
            self.add(model, data)
        self.refused.append({"model": model, "reason": reason})

    def main(self, expected_name, script):
        expected = {
            "about": f"Written by {script}. A number is right when |got - want| <= tolerance * max(1, |want|).",
            "records": self.records,
            "tensors": self.tensors,
            "refused": self.refused,
        }
        self.files[expected_name] = (to_json(expected) + "\n").encode()
        if "--check" not in sys.argv[1:]:
            for name, data in self.files.items():
                (HERE / name).write_bytes(data)
            print(f"wrote {len(self.files)} files")
            return 0
        differing = [
            name
            for name, data in self.files.items()
            if not (HERE / name).is_file() or (HERE / name).read_bytes() != data
        ]
        for name in differing:
            print(f"{name}: the committed file differs")
        print(f"{len(self.files)} files, {len(differing)} differ")
        return 1 if differing else 0


def as_tensor(value):
    """{datatype, shape, data} of an array of any type that is served; 64-bit integers beyond 2^53 as text."""
    array = np.asarray(value)
    names = {
        "float16": "FP16",
        "int8": "INT8",
        "int16": "INT16",
        "uint8": "UINT8",
        "uint16": "UINT16",
        "uint32": "UINT32",
        "uint64": "UINT64",
    }
    if array.dtype.name not in names:
        return tensor(array)
    data = [str(v) if isinstance(v, int) and v > 2**53 else v for v in array.ravel().tolist()]
    return {"datatype": names[array.dtype.name], "shape": list(array.shape), "data": data}
