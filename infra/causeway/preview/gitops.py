"""The tree of files that a GitOps controller applies, as a pure function of declaration, plan and rendered releases.

clusters/CLUSTER/NAMESPACE/RELEASE/KIND-NAME.yaml   one file for each object
clusters/CLUSTER/namespaces/NAMESPACE.yaml
clusters/CLUSTER/crds/NAME.yaml                     definitions of kinds, apart: they outlive releases
argocd/CLUSTER.yaml                                 an ApplicationSet, where `delivery` is argocd
flux/CLUSTER/NAME.yaml                              a GitRepository and Kustomizations, where it is flux
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined

from causeway.cluster.model import Object, Rendered
from causeway.errors import CausewayError, Permanent, Problems
from causeway.fleet.gitops import GitOps
from causeway.fleet.load import LoadedFleet
from causeway.plan.model import ClusterPlan, ReleasePlan
from causeway.plan.releases import PLATFORM, shortened
from causeway.preview.gitops_files import file_names, kept, placed, scalar, to_yaml

_NOT_OURS = re.compile(r"^(?:default|kube-.*)$")
_HOOK = "helm.sh/hook"
_CONTROLLER_NAMESPACE = {"argocd": "argocd", "flux": "flux-system"}


@dataclass(frozen=True, slots=True)
class SecretReference:
    """A Secret that a release reads, and that is not in the tree.

    Args:
        name, namespace: of the Secret; its key is `value`.
        source: what the declaration says of where the value comes from.
        source_name: its name there.
        made_by: what makes the Secret: External Secrets by an object of the tree, Causeway, or somebody by hand.
    """

    cluster: str
    namespace: str
    name: str
    source: str
    source_name: str
    made_by: Literal["external-secrets", "causeway", "hand"]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An object that is not in the tree, and why."""

    cluster: str
    release: str
    object: str
    why: str


@dataclass(frozen=True, slots=True)
class Tree:
    """What is written.

    Args:
        files: text by path, with slashes, below the folder.
    """

    files: Mapping[str, str]
    secrets: tuple[SecretReference, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a controller applies by itself.

    Args:
        name: of the Application or Kustomization.
        path: its folder in the repository.
        after: names of the parts that come before.
    """

    name: str
    namespace: str
    path: str
    after: tuple[str, ...] = ()


def tree(loaded: LoadedFleet, plans: Sequence[ClusterPlan], made: Mapping[str, Sequence[Rendered]]) -> Tree:
    """The files of some clusters.

    Args:
        plans: the clusters, in declared order.
        made: by cluster, what each of its releases renders, in the plan's order.

    Raises:
        Problems: a cluster's delivery asks for what the declaration lacks, or releases disagree about a kind.
    """
    files: dict[str, str] = {}
    secrets: list[SecretReference] = []
    left_out: list[LeftOut] = []
    errors: list[CausewayError] = []
    for plan in plans:
        try:
            _controlled(loaded, plan)
            cluster = _Cluster(loaded, plan, tuple(zip(plan.releases, made[plan.cluster], strict=True)))
            files |= dict(cluster.files())
            secrets += cluster.secrets()
            left_out += cluster.left_out()
        except Permanent as error:
            errors.append(error)
    if errors:
        raise Problems(tuple(errors))
    return Tree(dict(sorted(files.items())), tuple(secrets), tuple(left_out))


def _controlled(loaded: LoadedFleet, plan: ClusterPlan) -> None:
    if plan.delivery == "pulumi" or loaded.fleet.gitops is not None:
        return
    reason = f"{plan.delivery} has to be told where the tree lies, and the fleet declares no repository"
    hint = "declare gitops: {repository: URL}"
    raise loaded.marks.problem("no-repository", ("clusters", plan.cluster, "delivery"), reason, hint)


@dataclass(frozen=True, slots=True)
class _Cluster:
    loaded: LoadedFleet
    plan: ClusterPlan
    releases: tuple[tuple[ReleasePlan, Rendered], ...]

    @property
    def folder(self) -> str:
        return f"clusters/{self.plan.cluster}"

    def files(self) -> Iterator[tuple[str, str]]:
        for release, rendered in self.releases:
            yield from self._objects(release, rendered)
        for name in self._namespaces():
            yield f"{self.folder}/_namespaces/{name}.yaml", _filled("namespace", name=name)
        for name, definition in self._definitions().items():
            yield f"{self.folder}/_crds/{name}.yaml", to_yaml(kept(definition))
        for secret in self.secrets():
            if secret.made_by == "external-secrets":
                path = f"{self.folder}/{secret.namespace}/{self._reader(secret)}/externalsecret-{secret.name}.yaml"
                yield path, _filled("externalsecret", secret=secret, store=self._gitops.secret_store)
        if self.plan.delivery == "argocd":
            yield f"argocd/{self.plan.cluster}.yaml", self._applications()
        elif self.plan.delivery == "flux":
            yield from self._kustomizations()

    def secrets(self) -> tuple[SecretReference, ...]:
        """The Secrets that releases read, each once."""
        found: dict[tuple[str, str], SecretReference] = {}
        for release, _ in self.releases:
            for name in release.secrets:
                found.setdefault((release.namespace, name), self._secret(release, name))
        return tuple(found.values())

    def left_out(self) -> Iterator[LeftOut]:
        """Objects that may not, or cannot, be files."""
        for release, rendered in self.releases:
            for key, document in rendered.objects.items():
                if _holds_secret(document):
                    why = "its values would lie in the repository: make it on the cluster, or by External Secrets"
                    yield LeftOut(self.plan.cluster, release.name, key, why)
            for key, document in rendered.hooks.items():
                if not self._keeps(document):
                    why = "Helm runs it as a hook" + ("" if _is_test(document) else ", which this delivery has not")
                    yield LeftOut(self.plan.cluster, release.name, key, why)

    @property
    def _gitops(self) -> GitOps:
        if self.loaded.fleet.gitops is None:
            raise ValueError(f"{self.plan.cluster} is not delivered from a repository")
        return self.loaded.fleet.gitops

    def _objects(self, release: ReleasePlan, rendered: Rendered) -> Iterator[tuple[str, str]]:
        objects = {key: each for key, each in rendered.objects.items() if not _holds_secret(each)}
        objects |= {key: each for key, each in rendered.hooks.items() if self._keeps(each)}
        for key, name in file_names(objects, release.namespace).items():
            yield f"{self.folder}/{release.namespace}/{release.name}/{name}", to_yaml(placed(objects[key], key))

    def _keeps(self, hook: Object) -> bool:
        """Argo CD knows Helm's hooks by their annotation; Flux would apply them as plain objects."""
        return self.plan.delivery == "argocd" and not _is_test(hook)

    def _namespaces(self) -> list[str]:
        own = {
            document["metadata"]["name"]
            for _, rendered in self.releases
            for document in rendered.objects.values()
            if document["kind"] == "Namespace"
        }
        used = {release.namespace for release, _ in self.releases}
        return sorted(name for name in used - own if not _NOT_OURS.match(name))

    def _definitions(self) -> dict[str, Object]:
        found: dict[str, Object] = {}
        for release, rendered in self.releases:
            for definition in rendered.crds.values():
                name = definition["metadata"]["name"]
                if found.setdefault(name, definition) != definition:
                    reason = f"another release of {self.plan.cluster} brings another definition of {name}"
                    hint = "bring a kind's definition by one release only"
                    raise self.loaded.marks.problem("definition-conflict", release.path, reason, hint)
        return dict(sorted(found.items()))

    def _secret(self, release: ReleasePlan, name: str) -> SecretReference:
        declared = self.loaded.fleet.secrets[name]
        external, own = declared.source == "external_secret", self.plan.delivery == "pulumi"
        by: Literal["external-secrets", "causeway", "hand"] = "hand"
        if external != own:  # Causeway knows no value of an external secret, a controller no other
            by = "external-secrets" if external else "causeway"
        if by == "external-secrets" and self._gitops.secret_store is None:
            reason = "External Secrets has to be told its store, and gitops.secret_store is not declared"
            hint = "declare gitops.secret_store, the name of a ClusterSecretStore"
            raise self.loaded.marks.problem("no-secret-store", ("secrets", name), reason, hint)
        return SecretReference(self.plan.cluster, release.namespace, name, declared.source, declared.name or name, by)

    def _reader(self, secret: SecretReference) -> str:
        """The release beside which a Secret's object lies: the first that reads it."""
        return next(
            release.name
            for release, _ in self.releases
            if release.namespace == secret.namespace and secret.name in release.secrets
        )

    def _parts(self) -> list[Part]:
        """What a controller applies, those before others first."""
        base = [Part("namespaces", "default", self._in_repository("_namespaces"))] if self._namespaces() else []
        if self._definitions():
            base.append(Part("crds", "default", self._in_repository("_crds")))
        first = tuple(part.name for part in base)
        platform = tuple(_part_name(release) for release, _ in self.releases if release.kind == "platform")
        for release, rendered in self.releases:
            if not rendered.objects and not release.secrets:
                continue
            after = first if release.name == PLATFORM and release.kind == "platform" else (*first, *platform)
            path = self._in_repository(f"{release.namespace}/{release.name}")
            base.append(Part(_part_name(release), release.namespace, path, after))
        return base

    def _in_repository(self, folder: str) -> str:
        return "/".join(each for each in (self._gitops.path, self.folder, folder) if each)

    def _applications(self) -> str:
        # one Argo CD holds the applications of many clusters
        parts = [
            Part(shortened(f"{self.plan.cluster}.{part.name}"), part.namespace, part.path) for part in self._parts()
        ]
        return self._controller("applicationset", name=self._name(), parts=parts)

    def _kustomizations(self) -> Iterator[tuple[str, str]]:
        folder = f"flux/{self.plan.cluster}"
        yield f"{folder}/source.yaml", self._controller("gitrepository", name=self._name())
        for part in self._parts():
            text = self._controller("kustomization", part=part, source=self._name())
            yield f"{folder}/kustomization-{part.name}.yaml", text

    def _name(self) -> str:
        return shortened(f"{self.loaded.fleet.name}-{self.plan.cluster}")

    def _controller(self, template: str, **values: Any) -> str:
        namespace = self._gitops.namespace or _CONTROLLER_NAMESPACE[self.plan.delivery]
        return _filled(template, cluster=self.plan.cluster, namespace=namespace, gitops=self._gitops, **values)


def _part_name(release: ReleasePlan) -> str:
    """A dot can stand in no name of a namespace, so that no two releases look alike."""
    return shortened(f"{release.namespace}.{release.name}")


def _holds_secret(document: Object) -> bool:
    secret = document["kind"] == "Secret" and document["apiVersion"] == "v1"
    return secret and bool(document.get("data") or document.get("stringData"))


def _is_test(hook: Object) -> bool:
    return "test" in str(hook["metadata"]["annotations"][_HOOK])


def _filled(template: str, **values: Any) -> str:
    return _environment().get_template(f"{template}.yaml.j2").render(**values)


@cache
def _environment() -> Environment:
    # YAML, not HTML: every value goes through the filter `yaml`
    made = Environment(
        loader=PackageLoader("causeway.preview"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - see above
    )
    made.filters["yaml"] = scalar
    return made
