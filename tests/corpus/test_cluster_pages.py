"""What the pages on clusters show: files that Ray takes, and a computation that can be done by hand."""

from __future__ import annotations

import json
import re
import runpy
from importlib.util import find_spec
from pathlib import Path

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[2]


def files(page: str) -> list[dict]:
    blocks = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs" / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [yaml.safe_load(block) for block in blocks]


def test_ray_takes_the_cluster_and_every_pod_sees_the_shared_folder() -> None:
    cluster, job = files("ray.md")
    schema = Path(find_spec("ray").submodule_search_locations[0], "autoscaler", "ray-schema.json")
    jsonschema.validate(cluster, json.loads(schema.read_text("utf-8")))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**cluster, "max_workers": "many"}, json.loads(schema.read_text("utf-8")))
    assert cluster["head_node_type"] in cluster["available_node_types"]
    groups = job["spec"]["rayClusterSpec"]
    pods = [one["template"]["spec"] for one in (groups["headGroupSpec"], *groups["workerGroupSpecs"])]
    for pod in pods:
        assert {"name": "shared", "mountPath": "/shared"} in pod["containers"][0]["volumeMounts"]
        assert pod["volumes"][0]["name"] == "shared"


def test_a_run_takes_as_long_as_its_slowest_stage() -> None:
    script = runpy.run_path(str(ROOT / "benchmarks" / "corpus_growth.py"))
    measured = script["Measured"](
        rate=10, cores=2, text=100, row=300, reader=200, storage=8000, driver=0.5, rows_a_shard=100, price=3
    )
    assert measured.busy == 10
    assert measured.seconds(7250, 5, 1) == {"workers": 72.5, "readers": 36.25, "storage": 362.5, "drivers": 36.5}
    cells = script["line"](measured, 7250, 5, 1).strip("| ").split(" | ")
    assert cells[:3] == ["5 x 2", "1", "73"]
    assert cells[6] == "storage"
    assert cells[8:] == ["20%", "2"]  # 72.5 of 362.5 seconds; 5 machines for 0.1007 hours at 3
