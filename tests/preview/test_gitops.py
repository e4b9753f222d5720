"""The tree as the declaration says: releases, namespaces, definitions, references to secrets, controllers' objects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from causeway.errors import Problems
from causeway.preview.gitops import Tree
from tests.plan.fleets import Document, changed, planned
from tests.preview.gitops_fleets import CLOUD, JOHOR, NORTH, REPOSITORY, delivered, document, tree_of, tree_with

pytestmark = pytest.mark.tools
Make = Callable[..., Tree]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    home = tmp_path_factory.mktemp("home")
    return lambda *words: tree_of(home, *words)


@pytest.fixture(scope="module")
def whole(make: Make) -> Tree:
    return make()


def below(tree: Tree, folder: str) -> set[str]:
    return {path.removeprefix(f"{folder}/") for path in tree.files if path.startswith(f"{folder}/")}


def test_each_release_has_a_folder_with_a_file_for_each_object(whole: Tree) -> None:
    assert below(whole, f"clusters/{NORTH}/doubao/doubao-h20") == {
        "configmap-doubao-h20-drain.yaml",
        "deployment-doubao-h20.yaml",
        "networkpolicy-doubao-h20.yaml",
        "poddisruptionbudget-doubao-h20.yaml",
        "service-doubao-h20-replicas.yaml",
        "service-doubao-h20.yaml",
        "serviceaccount-doubao-h20.yaml",
    }
    deployment = document(whole.files, f"clusters/{NORTH}/doubao/doubao-h20/deployment-doubao-h20.yaml")
    assert deployment["metadata"]["namespace"] == "doubao"
    assert deployment["spec"]["replicas"] == 1


def test_a_cluster_has_its_namespaces_and_they_outlive_what_lies_in_them(whole: Tree) -> None:
    assert below(whole, f"clusters/{NORTH}/_namespaces") == {"accelerator-platform.yaml", "doubao.yaml", "jimeng.yaml"}
    made = document(whole.files, f"clusters/{NORTH}/_namespaces/doubao.yaml")
    assert made["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/prune"] == "disabled"
    assert "Prune=false" in made["metadata"]["annotations"]["argocd.argoproj.io/sync-options"]


def test_the_same_declaration_gives_the_same_bytes(whole: Tree, make: Make, tmp_path: Path) -> None:
    assert make().files == whole.files
    assert tree_of(tmp_path).files == whole.files


def test_a_workload_that_goes_takes_its_files_and_no_others(whole: Tree, make: Make) -> None:
    def without(text: Document) -> None:
        delivered(text)
        del text["workloads"]["jimeng"]

    fewer = make(without)
    gone = whole.files.keys() - fewer.files.keys()
    assert gone
    assert all("/jimeng" in path for path in gone)
    changed_too = {path for path in fewer.files if fewer.files[path] != whole.files.get(path)}
    assert changed_too == {f"argocd/{NORTH}.yaml"}


def test_argo_cd_gets_an_application_set_of_each_cluster_that_it_delivers(whole: Tree) -> None:
    assert below(whole, "argocd") == {f"{NORTH}.yaml"}
    made = document(whole.files, f"argocd/{NORTH}.yaml")
    assert made["metadata"]["namespace"] == "argocd"
    elements = made["spec"]["generators"][0]["list"]["elements"]
    paths = [element["path"] for element in elements]
    assert paths[0] == f"fleets/sandbox/clusters/{NORTH}/_namespaces"
    assert f"fleets/sandbox/clusters/{NORTH}/doubao/doubao-gateway" in paths
    assert len({element["name"] for element in elements}) == len(elements)
    template = made["spec"]["template"]["spec"]
    assert template["source"] == {"repoURL": REPOSITORY, "targetRevision": "main", "path": "{{.path}}"}
    assert template["destination"] == {"name": NORTH, "namespace": "{{.namespace}}"}


def test_each_folder_that_argo_cd_is_told_of_is_there(whole: Tree) -> None:
    made = document(whole.files, f"argocd/{NORTH}.yaml")
    for element in made["spec"]["generators"][0]["list"]["elements"]:
        assert below(whole, element["path"].removeprefix("fleets/sandbox/")), element


def test_flux_gets_a_source_and_a_kustomization_for_each_release_in_order(whole: Tree) -> None:
    assert below(whole, f"flux/{CLOUD}") == {
        "source.yaml",
        "kustomization-namespaces.yaml",
        "kustomization-accelerator-platform.accelerator-platform.yaml",
        "kustomization-cici.cici-gateway.yaml",
        "kustomization-dreamina.dreamina-h200.yaml",
    }
    source = document(whole.files, f"flux/{CLOUD}/source.yaml")
    assert source["spec"]["url"] == REPOSITORY
    assert "secretRef" not in source["spec"]
    last = document(whole.files, f"flux/{CLOUD}/kustomization-dreamina.dreamina-h200.yaml")
    assert last["spec"]["path"] == f"./fleets/sandbox/clusters/{CLOUD}/dreamina/dreamina-h200"
    assert [each["name"] for each in last["spec"]["dependsOn"]] == [
        "namespaces",
        "accelerator-platform.accelerator-platform",
    ]
    first = document(whole.files, f"flux/{CLOUD}/kustomization-namespaces.yaml")
    assert "dependsOn" not in first["spec"]


def test_what_flux_waits_for_is_there_and_comes_before(whole: Tree) -> None:
    made = {
        path: document(whole.files, f"flux/{CLOUD}/{path}")
        for path in below(whole, f"flux/{CLOUD}")
        if path.startswith("kustomization-")
    }
    after = {
        each["metadata"]["name"]: {name["name"] for name in each["spec"].get("dependsOn", [])} for each in made.values()
    }
    done: set[str] = set()
    while ready := {name for name, before in after.items() if before <= done} - done:
        done |= ready
    assert done == after.keys()


def test_a_cluster_that_causeway_delivers_has_its_manifests_and_no_controllers_objects(whole: Tree) -> None:
    assert below(whole, f"clusters/{JOHOR}")
    assert not [path for path in whole.files if JOHOR in path and not path.startswith("clusters/")]


def test_a_secret_is_a_reference_to_the_store_and_its_value_nowhere(whole: Tree) -> None:
    path = f"clusters/{CLOUD}/cici/cici-gateway/externalsecret-cici-upstream-key.yaml"
    made = document(whole.files, path)
    assert made["spec"]["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": "vault"}
    assert made["spec"]["data"] == [{"secretKey": "value", "remoteRef": {"key": "llm/cici"}}]
    (secret,) = whole.secrets
    assert (secret.namespace, secret.name, secret.made_by) == ("cici", "cici-upstream-key", "external-secrets")


@pytest.mark.parametrize(("delivery", "by"), [("flux", "hand"), ("pulumi", "causeway")])
def test_a_secret_from_elsewhere_is_told_and_no_object_is_made(make: Make, delivery: str, by: str) -> None:
    def change(text: Document) -> None:
        delivered(text)
        text["clusters"][CLOUD]["delivery"] = delivery
        text["secrets"]["cici-upstream-key"] = {"from": "env"}

    made = make(change, CLOUD)
    assert [(each.name, each.source, each.made_by) for each in made.secrets] == [("cici-upstream-key", "env", by)]
    assert not [path for path in made.files if "externalsecret" in path]


def test_causeway_says_of_no_secret_that_it_makes_it_without_its_value(make: Make) -> None:
    def change(text: Document) -> None:
        delivered(text)
        text["clusters"][CLOUD]["delivery"] = "pulumi"

    made = make(change, CLOUD)
    assert [(each.source, each.made_by) for each in made.secrets] == [("external_secret", "hand")]
    assert not [path for path in made.files if "externalsecret" in path]


def small(delivery: str) -> tuple[Any, Any]:
    def change(text: Document) -> None:
        delivered(text)
        text["clusters"][JOHOR]["delivery"] = delivery

    loaded = changed(change)
    return loaded, planned(loaded).clusters[JOHOR]


def test_a_charts_own_secret_never_lies_in_the_tree_and_is_told() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"password": "aHVudGVyMg=="}}
    made = tree_with(*small("argocd"), secret)
    assert "aHVudGVyMg" not in "".join(made.files.values())
    (left,) = made.left_out
    assert left.object == "v1/Secret/accelerator-platform/s"
    token = {**secret, "data": {}, "type": "kubernetes.io/service-account-token"}
    assert not tree_with(*small("argocd"), token).left_out


def hook(kind: str) -> dict[str, Any]:
    metadata = {"name": f"h-{kind}", "annotations": {"helm.sh/hook": kind}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata}


def test_hooks_go_to_argo_cd_which_knows_them_and_are_told_elsewhere() -> None:
    hooks = (hook("pre-upgrade"), hook("test"))
    argo = tree_with(*small("argocd"), hooks=hooks)
    assert [path for path in argo.files if path.endswith("job-h-pre-upgrade.yaml")]
    assert [each.object.rpartition("/")[2] for each in argo.left_out] == ["h-test"]
    flux = tree_with(*small("flux"), hooks=hooks)
    assert not [path for path in flux.files if "/job-h-" in path]
    assert len(flux.left_out) == 2


def test_definitions_lie_apart_and_come_first() -> None:
    crd = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "a.b.c"}}
    role = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
    made = tree_with(*small("flux"), role, crds=(crd,))
    assert below(made, f"clusters/{JOHOR}/_crds") == {"a.b.c.yaml"}
    last = document(made.files, f"flux/{JOHOR}/kustomization-accelerator-platform.accelerator-platform.yaml")
    assert [each["name"] for each in last["spec"]["dependsOn"]] == ["namespaces", "crds"]


def without(key: str) -> Callable[[Document], None]:
    def change(text: Document) -> None:
        delivered(text)
        if key == "gitops":
            del text["gitops"]
        else:
            del text["gitops"][key]

    return change


@pytest.mark.parametrize(("key", "code"), [("gitops", "no-repository"), ("secret_store", "no-secret-store")])
def test_what_a_delivery_lacks_in_the_declaration_is_told_with_its_place(make: Make, key: str, code: str) -> None:
    with pytest.raises(Problems) as caught:
        make(without(key))
    assert {each.code for each in caught.value.errors} == {code}
    assert all("fleet.yaml:" in str(each.where) for each in caught.value.errors)
    assert len(caught.value.errors) == (2 if key == "gitops" else 1)
