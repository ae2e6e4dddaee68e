"""Writes schemas.json: what Kubernetes and KServe take, as JSON Schema, from the Python clients that they publish.

    pip install kserve==0.21.0 kubernetes==37.0.1 && python make_schemas.py

Both clients are generated from the OpenAPI documents of their projects and are under the Apache License 2.0. Of types that are
not listed below only the name is kept: the manifests have none of them.
"""

import inspect
import json
import re
from importlib.metadata import metadata
from pathlib import Path

import kserve.models
import kubernetes.client

roots = {
    "serving.kserve.io/v1beta1 InferenceService": "V1beta1InferenceService",
    "apps/v1 Deployment": "V1Deployment",
    "v1 Service": "V1Service",
    "v1 ServiceAccount": "V1ServiceAccount",
}
kept = {
    *roots.values(),
    "V1beta1InferenceServiceSpec",
    "V1beta1PredictorSpec",
    "V1beta1ModelSpec",
    "V1beta1ModelFormat",
    "V1ObjectMeta",
    "V1LabelSelector",
    "V1LabelSelectorRequirement",
    "V1DeploymentSpec",
    "V1DeploymentStrategy",
    "V1RollingUpdateDeployment",
    "V1PodTemplateSpec",
    "V1PodSpec",
    "V1PodSecurityContext",
    "V1SeccompProfile",
    "V1Container",
    "V1ContainerPort",
    "V1EnvVar",
    "V1EnvVarSource",
    "V1ObjectFieldSelector",
    "V1SecretKeySelector",
    "V1EnvFromSource",
    "V1SecretEnvSource",
    "V1Probe",
    "V1HTTPGetAction",
    "V1ResourceRequirements",
    "V1SecurityContext",
    "V1Capabilities",
    "V1Volume",
    "V1EmptyDirVolumeSource",
    "V1VolumeMount",
    "V1ServiceSpec",
    "V1ServicePort",
    "V1ObjectReference",
    "V1LocalObjectReference",
}
simple = {"str": "string", "int": "integer", "bool": "boolean", "float": "number", "datetime": "string"}
definitions = {}


def class_of(name):
    return getattr(kserve.models, name, None) or getattr(kubernetes.client, name)


def schema_of(kind):
    if kind == "object":
        # An int-or-string, or anything.
        return {}
    if kind in simple:
        return {"type": simple[kind]}
    listed = re.fullmatch(r"[Ll]ist\[(.*)\]", kind)
    if listed:
        return {"type": "array", "items": schema_of(listed[1])}
    mapped = re.fullmatch(r"Dict\[str, (.*)\]", kind) or re.fullmatch(r"dict\(str, (.*)\)", kind)
    if mapped:
        return {"type": "object", "additionalProperties": schema_of(mapped[1])}
    if kind not in kept:
        return {"$comment": kind}
    define(kind)
    return {"$ref": f"#/definitions/{kind}"}


def is_required(given, attribute):
    fields = getattr(given, "model_fields", None)
    if fields is None:
        return f"`{attribute}`, must not be `None`" in inspect.getsource(given)
    return fields[attribute if attribute in fields else f"var_{attribute.lstrip('_')}"].is_required()


def define(name):
    if name in definitions:
        return
    definitions[name] = {}
    given = class_of(name)
    definitions[name] = {
        "type": "object",
        "additionalProperties": False,
        "required": sorted(
            given.attribute_map[attribute]
            for attribute in given.openapi_types
            if is_required(given, attribute)
        ),
        "properties": {
            given.attribute_map[attribute]: schema_of(kind)
            for attribute, kind in sorted(given.openapi_types.items())
        },
    }


for root in roots.values():
    define(root)
unused = kept - set(definitions)
assert not unused, unused
sources = [metadata(package) for package in ("kserve", "kubernetes")]
written = {
    "$comment": "Made by make_schemas.py from "
    + ", ".join(f"{source['Name']} {source['Version']} (PyPI, Apache-2.0)" for source in sources),
    "roots": {kind: {"$ref": f"#/definitions/{name}"} for kind, name in roots.items()},
    "definitions": dict(sorted(definitions.items())),
}
Path(__file__).with_name("schemas.json").write_text(json.dumps(written, indent=1) + "\n")
