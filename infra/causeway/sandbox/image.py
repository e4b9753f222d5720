"""The root file system that all sandbox hosts share, read-only: Debian by debootstrap, and what the sandbox adds."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from causeway.errors import CausewayError, Retryable
from causeway.sandbox import cache as store
from causeway.sandbox import kernels, standins
from causeway.sandbox.command import run, stream
from causeway.sandbox.hardware import write_sysctl

SUITE = "bookworm"
OS = "debian 12"
LAYER = Path(__file__).parent / "data" / "layer"
BUILT_FROM = "usr/lib/causeway-sandbox/built-from.list"
KEYRING = "usr/share/keyrings/causeway-sandbox.gpg"

PACKAGES = (
    "systemd,systemd-sysv,dbus,openssh-server,python3,python3-apt,python3-debian,iproute2,kmod,pciutils,"
    "ca-certificates,sudo,netbase,procps,psmisc,gpg,gpgv"
)

# Never of use in a sandbox; the last two take inotify instances.
MASKED = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
    "systemd-networkd-wait-online.service",
    "console-getty.service",
    "getty@tty1.service",
    "systemd-timesyncd.service",
    "systemd-ask-password-console.path",
    "systemd-ask-password-wall.path",
)
# `shutdown -r`, as Ansible's reboot calls it, asks logind: it starts when it is asked, and not before.
NOT_STARTED = ("lib/systemd/system/multi-user.target.wants/systemd-logind.service",)
ENABLED = {
    "multi-user.target.wants/systemd-networkd.service": "/lib/systemd/system/systemd-networkd.service",
    "sockets.target.wants/systemd-networkd.socket": "/lib/systemd/system/systemd-networkd.socket",
    "sysinit.target.wants/sandbox-hardware.service": "/etc/systemd/system/sandbox-hardware.service",
}
EMPTIED = (
    "var/lib/apt/lists",
    "var/cache/apt",
    "var/cache/debconf",
    "var/log",
    "usr/share/doc",
    "usr/share/man",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/lintian",
)
# debootstrap copies this machine's resolv.conf, and apt would wait for its name servers, which no host can reach.
BLANKED = ("etc/machine-id", "etc/resolv.conf")


@dataclass(frozen=True, slots=True)
class Image:
    """The lower folders of every host's overlay, topmost first, and a digest of the two."""

    layer: Path
    base: Path
    digest: str

    @property
    def lower(self) -> str:
        """As the `lowerdir` of an overlay."""
        return f"{self.layer}:{self.base}"


@dataclass(frozen=True, slots=True)
class Source:
    """Where Debian packages come from: a mirror (None: debootstrap's own default) and a proxy."""

    mirror: str | None
    proxy: str | None


def source(environ: Mapping[str, str]) -> Source:
    """CAUSEWAY_SANDBOX_MIRROR, or the mirror of the machine's own apt where that has the suite."""
    proxy = run(["apt-config", "shell", "P", "Acquire::http::Proxy"], where="apt-config").strip()
    proxy = proxy.removeprefix("P=").strip("'")
    mirror = environ.get("CAUSEWAY_SANDBOX_MIRROR")
    if not mirror:
        form = "$(REPO_URI) $(CODENAME) $(COMPONENT)"
        lines = run(["apt-get", "indextargets", "--format", form, "Created-By: Packages"], where="apt-get").splitlines()
        fit = (line.split()[0] for line in sorted(lines) if line.split()[1:] == [SUITE, "main"])
        mirror = next((url for url in fit if url.startswith("http")), None)
    return Source(mirror=mirror, proxy=proxy or None)


def _recipe() -> str:
    return store.digest(SUITE, PACKAGES, *MASKED, *NOT_STARTED, *ENABLED, *EMPTIED, *BLANKED)


def is_cached(cache: Path) -> bool:
    """Whether the long part of the image is there already."""
    return (cache / f"image-{_recipe()}").is_dir()


def ensure(cache: Path, public_key: Path, environ: Mapping[str, str], note: Callable[[str], None]) -> Image:
    """The image, built when the cache does not hold it. `note` is told how far the build is.

    Raises:
        Retryable: Debian's packages cannot be had now.
    """
    recipe = _recipe()

    def waiting() -> None:
        note("another process builds it; waiting")

    base = store.ensure(cache, f"image-{recipe}", lambda at: _build_base(at, source(environ), note), waiting)
    kernel = repr(kernels.installed(os.uname().release))
    added = store.tree_digest(LAYER, Path(standins.__file__).parent)
    content = store.digest(recipe, added, public_key.read_bytes(), kernel)
    layer = store.ensure(cache, f"layer-{content}", lambda at: _build_layer(at, base, public_key), waiting)
    return Image(layer=layer, base=base, digest=content)


def _build_base(root: Path, origin: Source, note: Callable[[str], None]) -> None:
    env = dict(os.environ, LC_ALL="C", DEBIAN_FRONTEND="noninteractive")
    if origin.proxy:
        env["http_proxy"] = origin.proxy
    # Nothing of it outlives this process: neither the programs nor what they mount.
    cage = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    make = ["debootstrap", "--force-check-gpg", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(root)]
    try:
        stream([*cage, *make, *([origin.mirror] if origin.mirror else [])], env=env, line=note, where=str(root))
    except CausewayError as error:
        raise Retryable(
            "image-build-failed",
            f"the hosts' root file system could not be made: {error.reason}",
            where=origin.mirror or "debootstrap's default mirror",
            hint="check that the mirror is reachable, or name another: CAUSEWAY_SANDBOX_MIRROR=URL causeway sandbox up",
        ) from error
    clean(root)


def clean(root: Path) -> None:
    """Take out of a fresh root file system what hosts do not need or must not share."""
    for folder in EMPTIED:
        for entry in (root / folder).iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    (root / "var/lib/apt/lists/partial").mkdir()
    (root / "var/cache/apt/archives/partial").mkdir(parents=True)
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    for name in BLANKED:
        (root / name).write_text("")
    (root / BUILT_FROM).parent.mkdir(parents=True, exist_ok=True)
    (root / "etc/apt/sources.list").rename(root / BUILT_FROM)
    (root / "etc/apt/sources.list").write_text("")
    for name in NOT_STARTED:
        (root / name).unlink()
    units = root / "etc/systemd/system"
    for unit in MASKED:
        _link(units / unit, "/dev/null")
    for name, target in ENABLED.items():
        _link(units / name, target)


def built_from(base: Path) -> str:
    """The mirror that the image's packages came from."""
    words = (base / BUILT_FROM).read_text().split()
    return next(word for word in words if "://" in word)


def _link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def _build_layer(root: Path, base: Path, public_key: Path) -> None:
    shutil.copytree(LAYER, root, dirs_exist_ok=True)
    write_sysctl(root / "etc/sandbox/hardware/sysctl-net-core")
    (root / KEYRING).parent.mkdir(parents=True)
    (root / KEYRING).write_bytes(public_key.read_bytes())
    release = os.uname().release
    entries = []
    for package in kernels.installed(release):
        kernels.unpack(package, root)
        entries.append(kernels.register(package.name, package.control(), package.files, root))
    for path in root.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    entries.append(_unpack_machine(root, release))
    status = root / "var/lib/dpkg/status"
    status.write_text((base / "var/lib/dpkg/status").read_text().rstrip("\n") + "\n" + "".join(entries))
    status.chmod(0o644)
    for path in [root, *root.rglob("*")]:
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)


def _unpack_machine(root: Path, release: str) -> str:
    """Put the simulated kernel side of the accelerators in, as an installed package; its entry for dpkg's status."""
    before = {path for path in root.rglob("*") if not path.is_dir()}
    control = standins.unpack_machine(root, release)
    made = [str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir() and path not in before]
    name = control.partition("\n")[0].removeprefix("Package: ")
    return kernels.register(name, control, made, root)
