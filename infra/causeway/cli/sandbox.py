"""`causeway sandbox`: real hosts, a package mirror and Kubernetes clusters of a fleet, on this machine."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from causeway.assets import home_root
from causeway.catalog import load_catalog
from causeway.cli.options import DEFAULT_FLEET, FleetOption, JsonOption
from causeway.cli.output import console, print_json
from causeway.cli.sandbox_progress import ConsoleSteps
from causeway.errors import Permanent
from causeway.fleet.load import load_fleet
from causeway.sandbox import checks, faults, host_side, hosts, lifecycle, report, standins
from causeway.sandbox.clusters.kwok_config import BINARIES
from causeway.sandbox.declared import sandbox_of
from causeway.sandbox.layout import Layout, declared_name, layout, recorded_home
from causeway.sandbox.spec import SandboxSpec
from causeway.toolchain.locate import search_path
from causeway.toolchain.manifest import Purpose
from causeway.toolchain.system import missing_programs

app = typer.Typer(
    no_args_is_help=True, help="Real hosts, a package mirror and Kubernetes clusters of a fleet, on this machine."
)

NameOption = Annotated[
    str | None, typer.Option("--name", help="The sandbox's name, where the fleet's file is gone or broken.")
]
HostArgument = Annotated[str, typer.Argument(metavar="HOST", help="Name of a host.")]


@app.command()
def up(
    fleet: FleetOption = DEFAULT_FLEET,
    hosts_only: Annotated[bool, typer.Option("--hosts-only", help="Leave the clusters as they are.")] = False,
    clusters_only: Annotated[bool, typer.Option("--clusters-only", help="Leave the hosts as they are.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring the sandbox up, or make it again what the declaration says. A second `up` changes nothing."""
    spec, place = _declared(fleet)
    parts = lifecycle.Parts(hosts=not clusters_only, clusters=not hosts_only)
    means = _means()
    left_out = _left_out(means, parts, place)
    parts = lifecycle.Parts(
        hosts=parts.hosts and "hosts" not in left_out, clusters=parts.clusters and "clusters" not in left_out
    )
    started = time.monotonic()
    with _steps() as steps:
        outcome = lifecycle.up(spec, place, means, parts, steps)
    if as_json:
        print_json("causeway/sandbox-up/v1", {**_outcome(spec, place, outcome), "left_out": left_out})
        return
    _print_outcome(spec, place, outcome, fleet, left_out, time.monotonic() - started)


def _outcome(spec: SandboxSpec, place: Layout, outcome: lifecycle.Outcome) -> dict[str, object]:
    return {
        "fleet": spec.fleet,
        "home": place.home,
        "changed": outcome.changed,
        "hosts": [asdict(move) for move in outcome.moves],
        "clusters": [asdict(each) for each in outcome.clusters],
        "steps": [asdict(each) for each in outcome.times],
    }


def _print_outcome(
    spec: SandboxSpec,
    place: Layout,
    outcome: lifecycle.Outcome,
    fleet: Path,
    left_out: dict[str, str],
    seconds: float,
) -> None:
    """What was done, and what to do next: commands that can be copied, the first of which makes the others work."""
    out = console()
    for move in outcome.moves:
        if move.why:
            out.print(f"  {escape(move.name)}: {move.action}, since {escape(move.why)}", soft_wrap=True)
    parts = [f"{len(spec.hosts)} hosts"] * bool(outcome.moves) + [f"{len(outcome.clusters)} clusters"] * bool(
        outcome.clusters
    )
    out.print(f"[bold]{spec.fleet}[/] is up: {', '.join(parts)}, after {seconds:.0f} s. To use it:", soft_wrap=True)
    program = shlex.quote(str(Path(sys.prefix) / "bin" / "causeway"))
    chosen = "" if fleet == DEFAULT_FLEET else f" --fleet {shlex.quote(str(fleet.absolute()))}"
    commands = [f'eval "$({program} env{chosen})"']
    if outcome.clusters:
        commands.append(f"kubectl --context {outcome.clusters[0].name} get nodes")
    if outcome.moves:
        commands.append("ansible all -m ping")
        commands.append(f"ssh -F {shlex.quote(str(place.ssh_config))} {spec.hosts[0].name}")
    for command in (*commands, "causeway sandbox status", "causeway sandbox down"):
        out.print(f"  {escape(command)}", soft_wrap=True)
    for part, why in left_out.items():
        out.print(f"[yellow]left out:[/] {part}: {escape(why)}", soft_wrap=True)


@app.command()
def down(fleet: FleetOption = DEFAULT_FLEET, name: NameOption = None, as_json: JsonOption = False) -> None:
    """Remove everything of the sandbox but the cached image and packages."""
    place = _place(fleet, name)
    with _steps() as steps:
        there = lifecycle.down(place, steps)
    if as_json:
        print_json("causeway/sandbox-down/v1", {"fleet": place.fleet, "changed": there})
        return
    console().print(f"the sandbox {place.fleet} is gone" if there else f"there is no sandbox {place.fleet}")


@app.command()
def status(fleet: FleetOption = DEFAULT_FLEET, as_json: JsonOption = False) -> None:
    """Show the hosts and clusters. Exit status: 0 when all that is declared runs, 1 when something does not."""
    spec, place = _declared(fleet)
    found = report.look(spec, place)
    if as_json:
        print_json(
            "causeway/sandbox-status/v1",
            {
                "fleet": spec.fleet,
                "home": place.home,
                "ok": found.ok,
                "services": found.services,
                "hosts": [asdict(each) for each in found.hosts],
                "clusters": [asdict(each) for each in found.clusters],
            },
        )
    else:
        _print_status(spec, place, found)
    raise typer.Exit(0 if found.ok else 1)


def _print_status(spec: SandboxSpec, place: Layout, found: report.Report) -> None:
    out = console()
    out.print(f"sandbox [bold]{spec.fleet}[/] in {escape(str(place.home))}", soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("host", "state", "ssh", "address", "cluster", "accelerators"):
        table.add_column(heading)
    for host in found.hosts:
        colour = (
            "green" if host.state == hosts.State.RUNNING and host.ssh else "yellow" if host.state == "off" else "red"
        )
        table.add_row(
            host.name,
            f"[{colour}]{host.state}[/]",
            "yes" if host.ssh else "no",
            host.address,
            host.cluster,
            host.accelerators,
        )
    out.print(table)
    for cluster in found.clusters:
        ready = sum(node.ready for node in cluster.nodes)
        out.print(
            f"cluster {cluster.name}: {cluster.state} {cluster.version} {cluster.server}, "
            f"{ready} of {len(cluster.nodes)} nodes ready"
            + (f"; does not run: {', '.join(cluster.missing)}" if cluster.missing and cluster.state == "broken" else "")
            + (f"; {escape(cluster.note)}" if cluster.note else ""),
            soft_wrap=True,
        )
    for service, running in found.services.items():
        if not running:
            out.print(f"[red]{service} does not run[/]: causeway sandbox up")


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def ssh(
    host: HostArgument,
    command: Annotated[list[str] | None, typer.Argument(help="What to run there; without it, a shell.")] = None,
    fleet: FleetOption = DEFAULT_FLEET,
) -> None:
    """Log in to a host, or run a command there (`causeway sandbox ssh HOST -- COMMAND`)."""
    place = _place(fleet, None)
    hosts.recorded(place, host)
    words = command[1:] if command and command[0] == "--" else command or []
    os.execvp("ssh", ["ssh", "-F", str(place.ssh_config), host, *(["--", *words] if words else [])])  # noqa: S606 - becomes ssh


@app.command()
def reset(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[HOST]...", help="Hosts; all when none is named.")
    ] = None,
    fleet: FleetOption = DEFAULT_FLEET,
    as_json: JsonOption = False,
) -> None:
    """Make hosts anew, with a fresh disk, as `up` first made them."""
    spec, place = _declared(fleet)
    _need_root("reset hosts")
    for name in names or ():
        hosts.recorded(place, name)
    with _steps() as steps:
        outcome = lifecycle.reset(spec, place, names or [host.name for host in spec.hosts], _means(), steps)
    if as_json:
        print_json("causeway/sandbox-reset/v1", _outcome(spec, place, outcome))


@app.command()
def power(
    host: HostArgument,
    wanted: Annotated[str, typer.Argument(metavar="on|off", help="What it should be.")],
    cut: Annotated[bool, typer.Option("--cut", help="With `off`: pull the plug instead of shutting down.")] = False,
    fleet: FleetOption = DEFAULT_FLEET,
    as_json: JsonOption = False,
) -> None:
    """Turn a host on or off. One that is off stays off through `up`."""
    if wanted not in ("on", "off"):
        raise typer.BadParameter("say on or off", param_hint="on|off")
    place = _place(fleet, None)
    found = hosts.recorded(place, host)
    _need_root("turn hosts on and off")
    with _steps() as steps:
        if wanted == "on":
            changed = lifecycle.power_on(place, found, steps)
        else:
            changed = lifecycle.power_off(place, found, steps, cut=cut)
    if as_json:
        print_json("causeway/sandbox-power/v1", {"host": host, "power": wanted, "changed": changed})


@app.command()
def fault(
    host: HostArgument,
    wanted: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME[=VALUE]]...", help="Faults to switch on.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Switch off these faults, or all when none is named.")] = False,
    list_all: Annotated[bool, typer.Option("--list", help="List the faults that there are.")] = False,
    as_json: JsonOption = False,
    fleet: FleetOption = DEFAULT_FLEET,
) -> None:
    """Let a host's simulated hardware or installers fail; without a name, show what is switched on."""
    place = _place(fleet, None)
    found = hosts.recorded(place, host)
    if list_all:
        _print_faults(found.vendor, as_json=as_json)
        return
    _need_root("read and switch faults")
    changed = faults.parse(wanted or [], found)
    present = faults.read(place, host)
    if clear:
        present = {name: value for name, value in present.items() if changed and name not in changed}
    else:
        present |= changed
    if changed or clear:
        faults.write(place, host, present)
    if as_json:
        print_json("causeway/sandbox-fault/v1", {"host": host, "faults": present})
    else:
        console().print("\n".join(f"{name}={value}" for name, value in present.items()) or "no fault is switched on")


def _print_faults(vendor: str | None, *, as_json: bool) -> None:
    """The faults that a host of this vendor can be told."""
    found = [each for each in standins.faults() if vendor in each.vendors]
    if as_json:
        print_json("causeway/sandbox-faults/v1", {"faults": [each.model_dump() for each in found]})
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("fault", "value", "effect"):
        table.add_column(heading, overflow="fold")
    for each in found:
        table.add_row(each.name, escape(each.value), escape(each.effect))
    console().print(table)


@app.command()
def check(fleet: FleetOption = DEFAULT_FLEET, as_json: JsonOption = False) -> None:
    """Look whether this machine can carry the fleet's sandbox, without making anything."""
    spec, place = _declared(fleet)
    host_side.verify(spec, place, _means().missing)
    if as_json:
        counts = {"hosts": len(spec.hosts), "clusters": len(spec.clusters)}
        print_json("causeway/sandbox-check/v1", {"fleet": spec.fleet, "ok": True, **counts})
        return
    console().print(
        f"this machine can carry the sandbox {spec.fleet}: {len(spec.hosts)} hosts, {len(spec.clusters)} clusters"
    )


@contextmanager
def _steps() -> Iterator[ConsoleSteps]:
    steps = ConsoleSteps(console(stderr=True))
    try:
        yield steps
    except KeyboardInterrupt:
        steps.close()
        console(stderr=True).print("interrupted; `causeway sandbox up` goes on from here, `down` removes what is there")
        raise
    finally:
        steps.close()


def _declared(fleet: Path) -> tuple[SandboxSpec, Layout]:
    loaded = load_fleet(fleet)
    spec = sandbox_of(loaded, load_catalog(loaded.fleet.catalog))
    return spec, layout(spec.fleet, home_root(loaded.root, os.environ), os.environ)


def _place(fleet: Path, name: str | None) -> Layout:
    """The sandbox's layout from the fleet's name alone, or from what `up` has noted under `name`."""
    if name is None:
        folder = fleet if fleet.is_dir() else fleet.parent
        return layout(declared_name(fleet), home_root(folder, os.environ), os.environ)
    home = recorded_home(name)
    return layout(name, home.parent.parent if home else home_root(fleet, os.environ), os.environ)


def _means() -> lifecycle.Means:
    folders = search_path(Path(sys.prefix) / "bin", os.environ)
    wanted = sorted({"kwokctl", *BINARIES.values()})
    tools = {name: file for name in wanted if (file := _first(name, folders))}
    missing = tuple(
        checks.MissingProgram(program.name, program.package)
        for program in missing_programs(os.environ)
        if program.purpose is Purpose.SANDBOX
    )
    return lifecycle.Means(os.environ, tools, missing)


def _first(name: str, folders: tuple[Path, ...]) -> Path | None:
    return next((folder / name for folder in folders if os.access(folder / name, os.X_OK)), None)


def _left_out(means: lifecycle.Means, parts: lifecycle.Parts, place: Layout) -> dict[str, str]:
    """What cannot be brought up by this user on this machine, and the command that would."""
    found: dict[str, str] = {}
    if parts.hosts and os.geteuid() != 0:
        found["hosts"] = f"hosts and mirror need root; bring them up with: {_as_root()}"
    lacking = sorted({"kwokctl", *BINARIES.values()} - set(means.tools))
    if parts.clusters and lacking:
        found["clusters"] = f"{', '.join(lacking)} not found; build them with: make tools"
    if found.keys() >= {part for part in ("hosts", "clusters") if getattr(parts, part)}:
        raise Permanent(
            "nothing-to-bring-up",
            "; ".join(found.values()),
            where=str(place.home),
            hint=_as_root() if os.geteuid() != 0 else "make tools",
        )
    return found


def _as_root() -> str:
    return f"sudo -E {shlex.quote(str(Path(sys.argv[0]).absolute()))} {shlex.join(sys.argv[1:])}"


def _need_root(what: str) -> None:
    if os.geteuid() != 0:
        raise Permanent("not-root", f"only root can {what} of a sandbox", hint=_as_root())
