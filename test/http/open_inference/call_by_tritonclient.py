"""Calls a server's models with an unmodified tritonclient, over HTTP and gRPC, and says what came back.

    python call_by_tritonclient.py http://127.0.0.1:8080 127.0.0.1:8081

Writes one JSON object: a check's name to true, or to what came instead. A token and games of the NBA model are read from
standard input: {"token": "...", "features": [[...], ...], "labels": [...], "probabilities": [[...], ...]}.
"""

import json
import sys
import traceback

import grpc
import numpy as np
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

url, grpc_url = sys.argv[1], sys.argv[2]
games = json.load(sys.stdin)

def headers():
    """New ones for each call: tritonclient writes into those that it is given."""
    return {"authorization": f"Bearer {games['token']}"}

results = {}


def check(name):
    def run(body):
        try:
            found = body()
            results[name] = True if found is None or found is True else repr(found)
        except Exception:
            results[name] = traceback.format_exc()

    return run


def same(found, expected):
    """Equal in type, shape and every bit that is no NaN's."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype == expected.dtype, (found.dtype, expected.dtype)
    np.testing.assert_array_equal(found, expected)
    if expected.dtype.kind == "f":
        np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


def text(array):
    return np.array([value if isinstance(value, str) else value.decode("utf8") for value in array.flatten()]).reshape(array.shape)


def calling(module, client, protocol, infers_json):
    """The checks of one protocol. `infers_json`: whether tensors can be sent as JSON too."""

    def infer(model, tensors, outputs=None, binary=True, binary_outputs=True, **more):
        inputs = []
        for name, array in tensors.items():
            tensor = module.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
            tensor.set_data_from_numpy(array, **({} if binary is True or not infers_json else {"binary_data": False}))
            inputs.append(tensor)
        requested = None
        if outputs is not None:
            requested = [
                module.InferRequestedOutput(name, **({"binary_data": binary_outputs} if infers_json else {}), **options)
                for name, options in outputs.items()
            ]
        return client.infer(model, inputs, outputs=requested, headers=headers(), **more)

    def parameters(result):
        given = result.get_response()
        if infers_json:
            return given["parameters"]
        return {name: getattr(value, value.WhichOneof("parameter_choice")) for name, value in given.parameters.items()}

    forms = [(True, True), (True, False), (False, True), (False, False)] if infers_json else [(True, True)]
    says = lambda binary, outputs: f"{protocol}, {'binary' if binary else 'JSON'} to {'binary' if outputs else 'JSON'}" if infers_json else protocol

    @check(f"{protocol}: server and model are live and ready")
    def _():
        assert client.is_server_live(headers=headers())
        assert client.is_server_ready(headers=headers())
        assert client.is_model_ready("add_sub", headers=headers())
        assert client.is_model_ready("add_sub", "1", headers=headers())

    @check(f"{protocol}: metadata")
    def _():
        server = client.get_server_metadata(headers=headers())
        model = client.get_model_metadata("add_sub", headers=headers())
        if not infers_json:
            assert server.name == "modelyard" and "binary_tensor_data" in server.extensions
            assert [(t.name, t.datatype, list(t.shape)) for t in model.inputs] == [("INPUT0", "INT32", [-1, 16]), ("INPUT1", "INT32", [-1, 16])]
            assert list(model.versions) == ["1"]
            return
        assert server["name"] == "modelyard" and "binary_tensor_data" in server["extensions"]
        assert [(t["name"], t["datatype"], t["shape"]) for t in model["inputs"]] == [("INPUT0", "INT32", [-1, 16]), ("INPUT1", "INT32", [-1, 16])]
        assert model["versions"] == ["1"]

    @check(f"{protocol}: the index of the repository")
    def _():
        index = client.get_model_repository_index(headers=headers())
        entries = index if infers_json else [{"name": m.name, "version": m.version, "state": m.state} for m in index.models]
        assert {"add_sub", "home_win"} <= {entry["name"] for entry in entries}, entries
        assert all(entry["state"] == "READY" for entry in entries)

    @check(f"{protocol}: an unknown model is not found, a wrong shape is refused")
    def _():
        one = np.ones((1, 16), np.int32)
        for model, tensors, words in [
            ("nobody", {"INPUT0": one}, "nobody"),
            ("add_sub", {"INPUT0": one, "INPUT1": np.ones((1, 4), np.int32)}, "INPUT1"),
            ("add_sub", {"INPUT0": one, "INPUT1": one.astype(np.int64)}, "INT64"),
        ]:
            try:
                infer(model, tensors)
            except InferenceServerException as error:
                assert words in error.message(), error.message()
            else:
                raise AssertionError(f"{model} answered")

    for binary, outputs in forms:
        form = says(binary, outputs)

        def one_of_sixteen(binary=binary, outputs=outputs):
            a = np.arange(16, dtype=np.int32).reshape(1, 16)
            b = np.full((1, 16), -7, np.int32)
            result = infer(
                "add_sub",
                {"INPUT0": a, "INPUT1": b},
                {"OUTPUT0": {}, "OUTPUT1": {}},
                binary,
                outputs,
                request_id="call 7",
            )
            same(result.as_numpy("OUTPUT0"), a + b)
            same(result.as_numpy("OUTPUT1"), a - b)
            answer = result.get_response()
            assert (answer["id"] if infers_json else answer.id) == "call 7"
            assert (answer["model_version"] if infers_json else answer.model_version) == "1"

        check(f"{form}: two INT32[1,16]")(one_of_sixteen)

        for model, name, array, expected in [
            ("identity_int64", "value", np.array([[2**53 + 1], [-(2**63)], [2**63 - 1]], np.int64), None),
            ("identity_float16", "value", np.array([[0.1], [-0.0], [65504], [np.nan], [-np.inf], [2**-24]], np.float16), None),
            ("nan_output", "x", np.array([[-1], [0], [1], [np.nan]], np.float32), np.array([[np.nan], [-np.inf], [0], [np.nan]], np.float32)),
        ]:
            # NaN and infinities go as bare words where tensors go as JSON.
            def numbers(model=model, name=name, array=array, expected=expected, binary=binary, outputs=outputs):
                output = {"identity_int64": "result", "identity_float16": "result", "nan_output": "y"}[model]
                result = infer(model, {name: array}, {output: {}}, binary, outputs)
                found = result.as_numpy(output)
                wanted = array if expected is None else expected
                assert found.dtype == wanted.dtype
                np.testing.assert_array_equal(found, wanted)

            check(f"{form}: {model} is exact")(numbers)

        def texts(binary=binary, outputs=outputs):
            array = np.array([["Grüße 你好"], [""], ['"\\ \U0001f3c0']], dtype=np.object_)
            result = infer("identity_string", {"value": array}, {"result": {}}, binary, outputs)
            np.testing.assert_array_equal(text(result.as_numpy("result")), array.astype(str))

        check(f"{form}: text is exact")(texts)

        def nba(binary=binary, outputs=outputs):
            features = np.array(games["features"], np.float32)
            result = infer("home_win", {"features": features}, None if outputs else {"label": {}, "probabilities": {}}, binary, outputs)
            np.testing.assert_array_equal(result.as_numpy("label"), np.array(games["labels"]))
            np.testing.assert_allclose(result.as_numpy("probabilities"), games["probabilities"], atol=1e-5)
            given = parameters(result)
            names = ["away_win", "home_win"]
            assert json.loads(given["value"]) == [names[label] for label in games["labels"]]
            shown = [[row[name] for name in names] for row in json.loads(given["probabilities"])]
            np.testing.assert_allclose(shown, games["probabilities"], atol=1e-5)
            assert len(set(json.loads(given["prediction_ids"]))) == len(games["labels"])

        check(f"{form}: the NBA model, its values and probabilities")(nba)

    @check(f"{protocol}: the largest classes by name")
    def _():
        features = np.array(games["features"][:2], np.float32)
        result = infer("home_win", {"features": features}, {"probabilities": {"class_count": 2}})
        found = text(result.as_numpy("probabilities"))
        assert found.shape == (2, 2), found
        for row, probabilities in zip(found, games["probabilities"]):
            value, index, name = row[0].split(":")
            best = int(np.argmax(probabilities))
            assert (int(index), name) == (best, ["away_win", "home_win"][best]), row
            np.testing.assert_allclose(float(value), probabilities[best], atol=1e-5)

    @check(f"{protocol}: a version, an entity and ids of the caller's own")
    def _():
        features = np.array(games["features"][:1], np.float32)
        key = f"{protocol} key"
        own = {"entity_key": key, "prediction_ids": json.dumps([f"{protocol} id"])}
        first = infer("home_win", {"features": features}, model_version="v2", parameters=own, priority=1, timeout=20_000_000)
        again = infer("home_win", {"features": features}, parameters=own)
        for result in (first, again):
            answer = result.get_response()
            assert (answer["model_version"] if infers_json else answer.model_version) == "v2", answer
            assert json.loads(parameters(result)["prediction_ids"]) == [f"{protocol} id"]

    @check(f"{protocol}: sequences are refused")
    def _():
        one = np.ones((1, 16), np.int32)
        try:
            infer("add_sub", {"INPUT0": one, "INPUT1": one}, sequence_id=9, sequence_start=True)
        except InferenceServerException as error:
            assert "sequence" in error.message()
        else:
            raise AssertionError("it answered")

    @check(f"{protocol}: compressed calls")
    def _():
        one = np.ones((1, 16), np.int32)
        packed = {"request_compression_algorithm": "gzip", "response_compression_algorithm": "gzip"} if infers_json else {"compression_algorithm": "gzip"}
        same(infer("add_sub", {"INPUT0": one, "INPUT1": one}, **packed).as_numpy("OUTPUT0"), one + one)

    @check(f"{protocol}: a wrong token is refused")
    def _():
        try:
            client.get_server_metadata(headers={"authorization": "Bearer nobody's"})
        except InferenceServerException as error:
            assert error.status() in ("401", "StatusCode.UNAUTHENTICATED"), error.status()
        else:
            raise AssertionError("it answered")


with httpclient.InferenceServerClient(url.removeprefix("http://")) as client:
    calling(httpclient, client, "HTTP", True)

with grpcclient.InferenceServerClient(grpc_url) as client:
    calling(grpcclient, client, "gRPC", False)

    @check("gRPC: calls that are under way together")
    def _():
        import queue

        answers = queue.Queue()
        one = np.ones((1, 16), np.int32)
        inputs = []
        for name in ("INPUT0", "INPUT1"):
            tensor = grpcclient.InferInput(name, [1, 16], "INT32")
            tensor.set_data_from_numpy(one)
            inputs.append(tensor)
        for _ in range(50):
            client.async_infer("add_sub", inputs, callback=lambda result, error: answers.put((result, error)), headers=headers())
        for _ in range(50):
            result, error = answers.get(timeout=60)
            assert error is None, error
            same(result.as_numpy("OUTPUT0"), one + one)


@check("gRPC: the standard health service")
def _():
    with grpc.insecure_channel(grpc_url) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        for service in ("", "inference.GRPCInferenceService"):
            answer = health.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        watch = health.Watch(health_pb2.HealthCheckRequest())
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        watch.cancel()
        try:
            health.Check(health_pb2.HealthCheckRequest(service="nobody"))
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.NOT_FOUND
        else:
            raise AssertionError("it answered")


print(json.dumps(results))
