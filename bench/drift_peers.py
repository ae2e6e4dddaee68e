"""
Times SciPy's ks_2samp and an Evidently drift report on the columns that drift.ts wrote as raw doubles:
`drift_peers.py directory features rows`. Prints `name<TAB>seconds`, or in place of the seconds why there are none.
Needs numpy, scipy, pandas and evidently.
"""
import sys
import time
import warnings

import numpy as np

warnings.filterwarnings("ignore")
directory, features, rows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def read(side):
    return {f"f{i}": np.fromfile(f"{directory}/{side}_f{i}.f64", dtype=np.float64) for i in range(features)}


reference, current = read("reference"), read("current")


def scipy_seconds():
    from scipy.stats import ks_2samp

    started = time.perf_counter()
    for name, values in current.items():
        ks_2samp(reference[name], values)
    return time.perf_counter() - started


def evidently_seconds():
    import pandas as pd
    from evidently import Report
    from evidently.presets import DataDriftPreset

    before, now = pd.DataFrame(reference), pd.DataFrame(current)
    started = time.perf_counter()
    Report([DataDriftPreset(num_method="ks")]).run(now, before)
    return time.perf_counter() - started


for name, seconds in [(f"SciPy ks_2samp, {rows} × {features}", scipy_seconds), ("Evidently, ks", evidently_seconds)]:
    try:
        print(f"{name}\t{seconds()}", flush=True)
    except Exception as error:
        print(f"{name}\t{type(error).__name__}: {error}".replace("\n", " ")[:300], flush=True)
