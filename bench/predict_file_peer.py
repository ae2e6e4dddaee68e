"""The peer of predict_file.ts: what pandas and onnxruntime cost for the same file, model and outputs.

predict_file_peer.py parquet IN.csv OUT.parquet      writes the rows as a data frame writes them
predict_file_peer.py predict MODEL IN OUT FEATURES   predicts a .csv or .parquet file; prints CPU seconds, all threads
"""

import resource
import sys

import numpy
import onnxruntime
import pandas


def read(path):
    return pandas.read_parquet(path) if path.endswith(".parquet") else pandas.read_csv(path)


def predict(model, source, target, features):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    before = resource.getrusage(resource.RUSAGE_SELF)
    frame = read(source)
    inputs = frame[features].to_numpy(dtype=numpy.float32)
    labels, probabilities = session.run(None, {session.get_inputs()[0].name: inputs})
    frame["prediction"] = labels
    for column in range(probabilities.shape[1]):
        frame[f"P({column})"] = probabilities[:, column]
    if target.endswith(".parquet"):
        frame.to_parquet(target, index=False)
    else:
        frame.to_csv(target, index=False)
    after = resource.getrusage(resource.RUSAGE_SELF)
    print(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


if sys.argv[1] == "parquet":
    pandas.read_csv(sys.argv[2]).to_parquet(sys.argv[3], index=False)
else:
    predict(*sys.argv[2:5], sys.argv[5].split(","))
