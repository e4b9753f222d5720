"""A small fleet whose figures can be checked by hand, and a way to change it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from causeway.fleet.load import LoadedFleet, load_fleet

BASE = """
version: 1
name: small
money: {currency: USD, rates: {CNY: {usd: 0.125, as_of: 2025-01-22, source: test}}}
parties:
  us: {legal_name: Us, country: CN, own: true}
  lessor: {legal_name: Lessor, country: MY}
sites:
  home: {country: CN, tenure: owned, owner: us, operator: us, time_zone: Asia/Shanghai, data_classes: [china]}
  away:
    country: MY
    tenure: leased
    owner: lessor
    operator: lessor
    time_zone: Asia/Kuala_Lumpur
    data_classes: [international]
leases:
  deal:
    site: away
    tenant: us
    access: remote
    accelerator: h200-sxm
    quantity: 40
    term: {start: 2026-01-01, end: 2026-12-31, notice_days: 30}
    price: {amount: 2, currency: USD, per: accelerator_hour, committed: true, source: contract}
    end_of_term: {stop_scheduling_days_before: 14}
clusters:
  serving:
    site: home
    purpose: inference
    kubernetes: {version: "1.34", access: {context: serving}}
    pools:
      ascend:
        accelerator: ascend-910b3
        accelerators_per_host: 8
        hosts: "a-[1:4]"
        os: {id: debian, version: "12"}
        cost:
          {kind: owned, per_host: 480000, currency: CNY, amortise_months: 48, in_service_on: 2025-06-15, source: order}
      h20:
        accelerator: h20
        accelerators_per_host: 8
        hosts: "n-[1:2]"
        os: {id: debian, version: "12"}
        cost:
          {kind: owned, per_host: 96000, currency: USD, amortise_months: 48, in_service_on: 2025-06-15, source: order}
  training:
    site: away
    purpose: training
    kubernetes: {version: "1.34", access: {context: training}}
    pools:
      h200:
        lease: deal
        accelerator: h200-sxm
        accelerators_per_host: 8
        hosts: "t-[1:4]"
        os: {id: debian, version: "12"}
workloads:
  chat:
    kind: inference
    audience: china
    model: {name: chat}
    serve:
      - cluster: serving
        pool: ascend
        replicas: 5
        accelerators_per_replica: 4
        weight: 60
        engine: {name: vllm-ascend}
      - {cluster: serving, pool: h20, replicas: 3, accelerators_per_replica: 2, weight: 40, engine: {name: vllm}}
  train:
    kind: training
    audience: international
    model: {name: train}
    dataset: {name: corpus, class: international, uri: "s3://d"}
    train: {cluster: training, pool: h200, hosts: 3, ends_on: 2026-11-30, checkpoint: "s3://x"}
budgets:
  chips: {amount: 2000000, currency: CNY, period: 2025, measure: purchases, scope: {countries: [CN]}, source: plan}
  abroad:
    {amount: 1000000, currency: USD, period: 2026, measure: commitments, scope: {countries_except: [CN]}, source: p}
"""

Change = Callable[[dict[str, Any]], None]
Load = Callable[..., LoadedFleet]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load the small fleet after changing its document."""

    def loaded(change: Change | None = None) -> LoadedFleet:
        document = yaml.load(BASE, Loader=yaml.CSafeLoader)
        if change is not None:
            change(document)
        (tmp_path / "fleet.yaml").write_text(json.dumps(document, indent=1, default=str))  # JSON is YAML too
        return load_fleet(tmp_path)

    return loaded
