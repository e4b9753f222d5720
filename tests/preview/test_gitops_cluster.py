"""The tree on a real API server: each object is taken, and the controllers' objects fit their published definitions."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from causeway.assets import definitions_below
from causeway.fleet.load import load_fleet
from causeway.preview.gitops import tree
from causeway.preview.gitops_tree import write
from causeway.sandbox import cgroup, clusters
from causeway.sandbox.clusters.places import Places
from causeway.sandbox.spec import ClusterSpec, SandboxSpec
from causeway.toolchain.definitions import definitions
from causeway.toolchain.locate import locate_all, search_path
from causeway.toolchain.manifest import tools as known_tools
from tests.plan.fleets import planned
from tests.preview.gitops_fleets import NORTH, rendered, tree_of

pytestmark = pytest.mark.tools
REFERENCE = Path(__file__).parents[2] / "inventory" / "reference"
CLUSTER = ClusterSpec("gitops", "1.34", ())


@dataclass(frozen=True)
class Server:
    """An API server with the definitions of Argo CD, Flux and External Secrets."""

    kubectl: Path
    kubeconfig: Path

    def run(self, *words: str, stdin: str | None = None) -> str:
        environment = {"PATH": os.defpath, "HOME": str(self.kubeconfig.parent), "KUBECONFIG": str(self.kubeconfig)}
        done = subprocess.run(
            [str(self.kubectl), "--context", CLUSTER.name, *words],
            env=environment, input=stdin, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    def wait_for_kinds(self) -> None:
        """Until every definition is served; `kubectl wait` fails on one whose conditions are not there yet."""
        deadline = time.monotonic() + 90
        while True:
            listed = json.loads(self.run("get", "customresourcedefinitions", "--output", "json"))["items"]
            waiting = [each["metadata"]["name"] for each in listed if not _established(each)]
            if not waiting:
                return
            assert time.monotonic() < deadline, waiting
            time.sleep(0.3)

    def takes(self, folder: Path) -> list[str]:
        """What `kubectl apply --dry-run=server` says of each object of a folder."""
        command = ("apply", "--dry-run=server", "--server-side", "--validate=strict", "--recursive")
        return self.run(*command, "--filename", str(folder)).splitlines()


def _established(definition: dict[str, Any]) -> bool:
    conditions = (definition.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    located = locate_all(known_tools(), search_path(Path(sys.prefix) / "bin", os.environ))
    programs = {found.tool.name: found.chosen.path for found in located if found.chosen is not None}
    fleet = f"gitops-{secrets.token_hex(4)}"
    home = tmp_path_factory.mktemp(fleet)
    try:
        clusters.up(SandboxSpec(fleet, clusters=(CLUSTER,)), home, programs)
        made = Server(programs["kubectl"], Places(home).kubeconfig)
        folder = definitions_below(Path(sys.prefix)) / "tests"
        lacking = [each.name for each in definitions() if not each.place(Path(sys.prefix)).is_file()]
        assert not lacking, "make tools fetches them"
        made.run("apply", "--server-side", "--filename", str(folder))
        made.wait_for_kinds()
        for namespace in ("argocd", "flux-system"):
            made.run("create", "namespace", namespace)
        yield made
    finally:
        clusters.down(fleet, home)
        if os.geteuid() == 0:
            cgroup.of_fleet(fleet).kill()


def namespaces(server: Server, folder: Path) -> None:
    """Make the namespaces of a tree; a dry run keeps none for what lies in them."""
    for place in sorted(folder.glob("clusters/*/_namespaces")):
        server.run("apply", "--server-side", "--filename", str(place))


def test_the_api_server_takes_every_file_of_a_tree_and_the_controllers_objects_fit(
    server: Server, tmp_path: Path
) -> None:
    made = tree_of(tmp_path / "home")
    write(tmp_path / "tree", made.files, None)
    namespaces(server, tmp_path / "tree")
    said = server.takes(tmp_path / "tree")
    assert len(said) == len(made.files)
    for kind in ("applicationset.argoproj.io", "kustomization.kustomize.toolkit.fluxcd.io", "gitrepository.source"):
        assert [line for line in said if line.startswith(kind)], kind
    assert [line for line in said if line.startswith("externalsecret.external-secrets.io")]


def test_the_application_sets_template_is_an_application(server: Server, tmp_path: Path) -> None:
    text = tree_of(
        tmp_path,
    ).files[f"argocd/{NORTH}.yaml"]
    applications = yaml.safe_load(text)["spec"]
    for element in applications["generators"][0]["list"]["elements"]:
        filled = json.dumps(applications["template"])
        for key, value in element.items():
            filled = filled.replace("{{." + key + "}}", value)
        document = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", **json.loads(filled)}
        document["metadata"]["namespace"] = "argocd"
        command = ("apply", "--dry-run=server", "--server-side", "--validate=strict", "--filename", "-")
        assert "application.argoproj.io" in server.run(*command, stdin=json.dumps(document))


def test_every_release_of_the_reference_fleet_renders_and_is_taken(server: Server, tmp_path: Path) -> None:
    loaded = load_fleet(REFERENCE)
    plans = list(planned(loaded).clusters.values())
    made = tree(loaded, plans, {plan.cluster: rendered(plan, tmp_path / "home") for plan in plans})
    releases = {tuple(path.split("/")[1:4]) for path in made.files if "/_" not in path}
    assert len(releases) == sum(len(plan.releases) for plan in plans) > 100
    # the same object on many clusters is asked about once: the server would say the same of each
    distinct = {text: path for path, text in sorted(made.files.items())}
    write(tmp_path / "tree", {path: text for text, path in distinct.items()}, None)
    namespaces(server, tmp_path / "tree")
    assert len(server.takes(tmp_path / "tree")) == len(distinct)
