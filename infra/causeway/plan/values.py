"""The values that Causeway's charts get, made from the declaration and the catalog, in the charts' words.

What neither says is left to the charts' defaults. docs/plan.md describes the shape for each chart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from causeway.capacity.leases import last_scheduling_day
from causeway.capacity.offer import WorkloadPart
from causeway.catalog import Catalog
from causeway.fleet.clusters import Cluster, Pool
from causeway.fleet.document import Fleet
from causeway.fleet.sites import Site
from causeway.fleet.workloads import AiModel, Engine, Serve, Workload

POOL_LABEL = "causeway/pool"
OPERANDS_LABEL = "causeway/operands"
SERVING_CLASS, TRAINING_CLASS = "causeway-serving", "causeway-training"
"""Priority classes that `accelerator-platform` makes."""
Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Backend:
    """What a gateway sends traffic to."""

    cluster: str
    release: str
    pool: str | None
    weight: int | None
    port: int | None = None
    health: str | None = None


def over(made: Mapping[str, Any], own: Mapping[str, Any]) -> Values:
    """A user's own values over those that were made, key by key."""
    merged = dict(made)
    for key, value in own.items():
        below = merged.get(key)
        merged[key] = over(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def platform(cluster: Cluster, site: Site, catalog: Catalog) -> Values:
    """Values of `accelerator-platform`: what each vendor of the cluster's pools needs."""
    vendors: dict[str, Values] = {}
    for name, pool in sorted(cluster.pools.items()):
        entry = catalog.accelerators.get(pool.accelerator) if pool.accelerator else None
        if entry is None or pool.accelerator is None:
            continue
        vendor = vendors.setdefault(entry.vendor, _vendor(pool.accelerator, catalog))
        vendor["accelerators"].append(
            _known(
                name=pool.accelerator,
                pool=name,
                resource=entry.resource,
                pciDevices=list(entry.pci_devices),
                perHost=pool.accelerators_per_host,
            )
        )
    return _known(
        imageRegistry=site.mirrors.images,
        operandsSelector={OPERANDS_LABEL: "on"},
        vendors=vendors,
    )


def _vendor(accelerator: str, catalog: Catalog) -> Values:
    vendor = catalog.vendor_of(accelerator)
    plugin, exporter = catalog.device_plugin_of(accelerator), catalog.exporter_of(accelerator)
    return _known(
        pciVendor=vendor.pci_vendor,
        runtimeClass=vendor.runtime_class,
        devicePlugin=plugin
        and _known(
            name=plugin.name,
            version=plugin.version.value,
            image=plugin.image,
            args=list(plugin.args) or None,
            healthPort=plugin.health_port,
            taint=plugin.taint,
            nodeLabels=dict(plugin.node_labels) or None,
        ),
        exporter=exporter
        and _known(
            name=exporter.name,
            version=exporter.version.value,
            image=exporter.image,
            port=exporter.port,
            path=exporter.path,
            healthPath=exporter.health_path,
        ),
        accelerators=[],
    )


def inference(workload: Workload, part: WorkloadPart, cluster: Cluster, site: Site, catalog: Catalog) -> Values:
    """Values of `inference`: one model on one pool."""
    serve = workload.serve[part.index]
    pool = cluster.pools[part.pool] if part.pool else None
    return _known(
        imageRegistry=site.mirrors.images,
        audience=workload.audience,
        model=_model(workload.model),
        engine=_engine(serve, catalog),
        replicas=part.replicas,
        accelerator=_accelerator(pool, part.accelerators_per_replica, catalog),
        nodeSelector={POOL_LABEL: part.pool} if part.pool else None,
        tolerations=_tolerations(pool, cluster, catalog),
        onDrain=workload.on_drain,
        drainTimeoutSeconds=int(pool.rollout.drain_timeout.total_seconds()) if pool else None,
        weight=part.weight,
        priorityClassName=_priority(cluster, SERVING_CLASS),
    )


def training(
    workload: Workload, part: WorkloadPart, cluster: Cluster, site: Site, catalog: Catalog, fleet: Fleet
) -> Values:
    """Values of `training`: one job on whole hosts of one pool."""
    train = workload.train
    if train is None or part.pool is None:
        raise ValueError(f"{part.workload} trains nowhere")
    pool = cluster.pools[part.pool]
    lease = fleet.leases.get(pool.lease) if pool.lease else None
    data = workload.dataset
    return _known(
        imageRegistry=site.mirrors.images,
        audience=workload.audience,
        model=_model(workload.model),
        dataset=data and _known(name=data.name, dataClass=data.data_class, uri=data.uri),
        hosts=part.replicas,
        accelerator=_accelerator(pool, part.accelerators_per_replica, catalog),
        fabric=pool.fabric and _known(kind=pool.fabric.kind, portsPerHost=pool.fabric.ports_per_host),
        nodeSelector={POOL_LABEL: part.pool},
        tolerations=_tolerations(pool, cluster, catalog),
        checkpoint=train.checkpoint,
        startsOn=train.starts_on.isoformat() if train.starts_on else None,
        endsOn=train.ends_on.isoformat(),
        lastSchedulingDay=last_scheduling_day(lease).isoformat() if lease else None,
        onDrain=workload.on_drain,
        drainTimeoutSeconds=int(pool.rollout.drain_timeout.total_seconds()),
        priorityClassName=_priority(cluster, TRAINING_CLASS),
    )


@dataclass(frozen=True, slots=True)
class GatewayPlace:
    """Where a gateway runs.

    Args:
        part: the part of a gateway workload; None for the address of a workload that serves itself.
    """

    name: str
    cluster: Cluster
    site: Site
    part: WorkloadPart | None

    def pool(self, workload: Workload) -> str | None:
        """The gateway's pool: what its part says, else what the workload's address says for this cluster."""
        if self.part is not None and self.part.pool is not None:
            return self.part.pool
        address = workload.gateway
        return address.pool if address is not None and address.cluster == self.name else None


def gateway(
    workload_name: str, workload: Workload, place: GatewayPlace, backends: Sequence[Backend], catalog: Catalog
) -> Values:
    """Values of `gateway`: one address for a workload, and where its traffic goes."""
    upstream = workload.upstream
    pool = place.pool(workload)
    return _known(
        imageRegistry=place.site.mirrors.images,
        workload=workload_name,
        audience=workload.audience,
        host=workload.gateway.host if workload.gateway else None,
        api=None if upstream else _api(workload),
        nodeSelector={POOL_LABEL: pool} if pool else None,
        tolerations=_tolerations(place.cluster.pools[pool] if pool else None, place.cluster, catalog),
        replicas=place.part.replicas if place.part else None,
        upstream=upstream
        and {
            "api": upstream.api,
            "baseUrl": upstream.base_url,
            "existingSecret": {"name": upstream.key, "key": "value"},
        },
        backends=None if upstream else [_backend(backend, place.name) for backend in backends],
        priorityClassName=_priority(place.cluster, SERVING_CLASS),
    )


def _backend(backend: Backend, cluster: str) -> Values:
    return _known(
        release=backend.release,
        cluster=None if backend.cluster == cluster else backend.cluster,
        pool=backend.pool,
        weight=100 if backend.weight is None else backend.weight,
        port=backend.port,
        health=backend.health,
    )


def _api(workload: Workload) -> str | None:
    """The kind of API that a workload's parts serve; video, whose jobs need more of a gateway, goes before others."""
    served = sorted({part.engine.api for part in workload.serve if part.engine})
    return "video" if "video" in served else next(iter(served), None)


def _model(model: AiModel | None) -> Values | None:
    if model is None:
        return None
    return _known(name=model.name, parametersB=model.parameters_b, precision=model.precision, weights=model.weights)


def _engine(serve: Serve, catalog: Catalog) -> Values | None:
    declared = serve.engine
    if declared is None:
        return None
    entry = catalog.engines.get(declared.name)
    return _known(
        name=declared.name,
        version=declared.version,
        api=declared.api,
        image=declared.image or _image(declared, entry.image if entry else None),
        port=entry.port if entry else None,
        health=entry.health if entry else None,
        metrics=entry.metrics if entry else None,
    )


def _image(engine: Engine, template: str | None) -> str | None:
    """The catalog's image when its version is known; a template without its version names no image."""
    if template is None or ("{version}" in template and engine.version is None):
        return None
    return template.replace("{version}", engine.version or "")


def _accelerator(pool: Pool | None, count: int, catalog: Catalog) -> Values | None:
    if pool is None or pool.accelerator is None or pool.accelerator not in catalog.accelerators:
        return None
    entry, vendor = catalog.accelerators[pool.accelerator], catalog.vendor_of(pool.accelerator)
    return _known(
        name=pool.accelerator,
        vendor=entry.vendor,
        resource=entry.resource,
        count=count,
        runtimeClass=vendor.runtime_class,
    )


def _tolerations(pool: Pool | None, cluster: Cluster, catalog: Catalog) -> list[Values] | None:
    """The taint of a pool's vendor. Without a pool those of all, where no host of the cluster is without one."""
    if pool is not None:
        taint = _taint(pool, catalog)
        return [_bears(taint)] if taint else None
    taints = {_taint(each, catalog) for each in cluster.pools.values()}
    return [_bears(taint) for taint in sorted(filter(None, taints))] if taints and None not in taints else None


def _priority(cluster: Cluster, name: str) -> str | None:
    """A class of the platform's, where the cluster has a platform and its values leave the class in."""
    classes = cluster.platform.get("priorityClasses")
    left_out = isinstance(classes, Mapping) and name in classes and classes[name] is None
    has_platform = any(pool.accelerator for pool in cluster.pools.values())
    return name if has_platform and not left_out else None


def _taint(pool: Pool, catalog: Catalog) -> str | None:
    if pool.accelerator is None or pool.accelerator not in catalog.accelerators:
        return None
    plugin = catalog.device_plugin_of(pool.accelerator)
    return plugin.taint if plugin else None


def _bears(taint: str) -> Values:
    return {"key": taint, "operator": "Exists", "effect": "NoSchedule"}


def _known(**values: Any) -> Values:
    """The values without those that nobody said."""
    return {key: value for key, value in values.items() if value is not None}
