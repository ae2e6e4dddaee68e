"""Writes types.parquet: rows of most flat types that Arrow writes, with nulls, in several row groups.

pip install pyarrow==25.0.1; python make_types_parquet.py
"""

from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 25
day = date(1969, 12, 25)
moment = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=timezone.utc)


def column(kind, value, nulls=True):
    return pa.array([None if nulls and i % 7 == 3 else value(i) for i in range(ROWS)], kind)


table = pa.table(
    {
        "f0": column(pa.float64(), lambda i: i / 4, nulls=False),
        "f1": column(pa.float32(), lambda i: i / 8, nulls=False),
        "f2": column(pa.int32(), lambda i: i - 5, nulls=False),
        "i64": column(pa.int64(), lambda i: 2**62 + i),
        "u64": column(pa.uint64(), lambda i: 2**64 - 1 - i),
        "u32": column(pa.uint32(), lambda i: 2**32 - 1 - i),
        "i8": column(pa.int8(), lambda i: -i),
        "flag": column(pa.bool_(), lambda i: i % 2 == 0),
        "text": column(pa.string(), lambda i: f"naïve 🏀 \"{i}\"\n"),
        "bytes": column(pa.binary(), lambda i: bytes([0, 255, i])),
        "fixed": column(pa.binary(3), lambda i: bytes([i, 0, 255])),
        "half": column(pa.float16(), lambda i: i / 2),
        "nan": column(pa.float64(), lambda i: float("nan") if i % 2 else -0.0),
        "money": column(pa.decimal128(25, 2), lambda i: Decimal(f"-12345678901234567890.{i:02d}")),
        "day": column(pa.date32(), lambda i: day + timedelta(days=i)),
        "time": column(pa.time64("us"), lambda i: time(23, 59, 59, i)),
        "utc_us": column(pa.timestamp("us", "UTC"), lambda i: moment + timedelta(microseconds=i)),
        "local_ns": column(pa.timestamp("ns"), lambda i: 1_769_860_800_123_456_789 + i),
        "label": pa.array(["high", "low", None, "low", "high"] * (ROWS // 5)).dictionary_encode(),
    }
)
pq.write_table(table, Path(__file__).with_name("types.parquet"), row_group_size=10, compression="zstd")
