#!/usr/bin/python3
"""What apt would do to bring packages to exact versions: asked of apt itself, in a state of its own."""

from __future__ import annotations

DOCUMENTATION = r"""
module: causeway_apt_plan
short_description: What apt would do for exact package versions
description:
  - Compares the packages of a host with the versions it should have. Where they differ, apt itself works out what it
    would do, with the repository, key and preferences that the host is going to have, in a folder of its own that is
    removed afterwards. So a missing package, a bad signature or a conflict is found before anything on the host
    changes, and check mode tells the truth on a host that has never seen the repository.
  - It changes nothing but the packages that apt keeps at hand (O(download)). What it needs is Python and apt.
  - Where the mirror does not answer, the index and the packages that are still at hand serve, if they are enough.
  - Without O(source) it only compares.
version_added: "0.1.0"
author: [Causeway]
options:
  packages:
    description: >-
      Versions by package: exact, with C(*) at the end for any that begins so, or empty for any at all.
    type: dict
    required: true
  source:
    description: >-
      Text of the host's source (one line, or deb822) for the vendor's repository, with O(key) as its C(signed-by).
    type: str
    default: ''
  source_name:
    description: Name of the file in C(/etc/apt/sources.list.d) that the text is going to have. Goes with O(source).
    type: str
    default: ''
  preferences:
    description: Text of the host's preferences for these packages.
    type: str
    default: ''
  preferences_name:
    description: Name of the file in C(/etc/apt/preferences.d) that the text is going to have.
    type: str
    default: ''
  key:
    description: >-
      File on the host of the key that signs the repository, ASCII-armoured. The key that lies there is trusted. Goes
      with O(source).
    type: path
  key_url:
    description: Where the key comes from while it is not on the host. Goes with O(source).
    type: str
  key_sha256:
    description: SHA-256 that the key has to have, on the host as well. Empty trusts the first key that is handed out.
    type: str
    default: ''
  may_remove:
    description: Patterns of packages that apt may remove. It fails when apt would remove another.
    type: list
    elements: str
    default: []
  download:
    description: >-
      Have apt bring what it would install into its own folder of packages, so that one that is damaged or does not
      come is found before anything on the host changes.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Nothing is downloaded.
"""

EXAMPLES = r"""
- name: Ask apt what the driver needs
  causeway_apt_plan:
    packages: {nvidia-open: "580.95.05-*", dkms: ""}
    source: "deb [signed-by=/etc/apt/keyrings/nvidia.asc] http://mirror.example.test/vendor/nvidia /"
    source_name: nvidia.list
    key: /etc/apt/keyrings/nvidia.asc
    key_url: http://mirror.example.test/vendor/nvidia/key.asc
  register: plan
"""

RETURN = r"""
right:
  description: Whether every package is installed as it should be.
  returned: always
  type: bool
steps:
  description: What apt would do, one package each.
  returned: always
  type: list
  elements: str
  sample: ["nvidia-open 580.95.05-1 -> 580.105.08-1"]
wrong:
  description: What is wrong, by package.
  returned: always
  type: dict
  sample: {nvidia-open: "is 580.95.05-1, not 580.105.08-*"}
installed:
  description: Versions of those of the packages that are installed.
  returned: always
  type: dict
unheld:
  description: Packages of a given version that are installed and not on hold.
  returned: always
  type: list
  elements: str
key_text:
  description: The key, as it lies on the host or is going to; empty without O(source).
  returned: always
  type: str
"""

import fnmatch
import hashlib
import os
import re
import subprocess
import tempfile
import urllib.request
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

SOURCES = Path("/etc/apt/sources.list.d")
PREFERENCES = Path("/etc/apt/preferences.d")
LISTS = Path("/var/lib/apt/lists")
SOURCE_LIST = Path("/etc/apt/sources.list")
ARCHIVES = Path("/var/cache/apt/archives")
INTERRUPTED = Path("/var/lib/dpkg/updates")
FETCH_SECONDS = 60
ADDRESS = re.compile(r"[a-z]+://[^\s/]+/?[^\s]*")
SILENCE = re.compile(
    r"(?i)(could not|unable to) connect|connection (failed|timed out|refused)|could not resolve|failure resolving|"
    r"no route to host|network is unreachable|connection to \S+ failed"
)
STEP = re.compile(r"^(Inst|Remv|Conf) (\S+)(?: \[([^\]]*)\])?(?: \((\S+))?")


class Refused(Exception):
    """The plan cannot work out; the text is the message."""


def fits(version, wanted):
    """Whether an installed version is the wanted one."""
    if not wanted:
        return True
    return version.startswith(wanted[:-1]) if wanted.endswith("*") else version == wanted


def installed(names):
    """Version of each package that is wholly installed, and whether it is on hold."""
    form = "${Package} ${db:Status-Status} ${db:Status-Want} ${Version}\n"
    rows = [line.split() for line in run("dpkg-query", "--show", "--showformat", form, *names).stdout.splitlines()]
    return {row[0]: (row[3], row[2] == "hold") for row in rows if len(row) == 4 and row[1] == "installed"}


def run(*argv):
    """A command's status and output, in English."""
    environment = dict(os.environ, LC_ALL="C", DEBIAN_FRONTEND="noninteractive")
    return subprocess.run(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, check=False, env=environment
    )


def key_text(params):
    """The key on the host; the one that is handed out while there is none."""
    path = Path(params["key"])
    try:
        text, where = path.read_text(), str(path)
    except FileNotFoundError:
        text, where = fetched(params["key_url"]), params["key_url"]
    wanted = params["key_sha256"].lower().replace("sha256:", "")
    found = hashlib.sha256(text.encode()).hexdigest()
    if wanted and wanted != found:
        raise Refused(
            "key-wrong: the key of %s has SHA-256 %s and not the declared %s; to do: find out whose key it is; if it "
            "is right, declare its SHA-256 and remove %s from the host" % (where, found, wanted, path)
        )
    if "BEGIN PGP PUBLIC KEY BLOCK" not in text:
        raise Refused("key-wrong: %s is no ASCII-armoured public key; to do: put the mirror's key there" % where)
    return text


def fetched(url):
    """What a file of the mirror says."""
    try:
        with urllib.request.urlopen(url, timeout=FETCH_SECONDS) as answer:  # noqa: S310 - the mirror that is declared
            return answer.read().decode(errors="replace")
    except (OSError, ValueError) as error:
        raise Refused(
            "mirror-unreachable: %s: %s; to do: mend the way from this host to the mirror, or put the key there"
            % (url, error)
        ) from error


class Cut(Exception):
    """An installation was cut: apt plans nothing before that is mended."""


class Apt:
    """An apt beside the host's own: its sources and preferences with ours, its dpkg, lists in a folder of ours."""

    def __init__(self, folder, params, key):
        self.folder, self.params = folder, params
        for name in ("lists/partial", "cache/archives/partial", "sources", "ours", "preferences"):
            (folder / name).mkdir(parents=True)
        key_file = folder / "key.asc"
        key_file.write_text(key)
        source = params["source"].replace(params["key"], str(key_file)) + "\n"
        for name in ("sources", "ours"):
            (folder / name / params["source_name"]).write_text(source)
        if params["preferences_name"]:
            (folder / "preferences" / params["preferences_name"]).write_text(params["preferences"] + "\n")
        _link(SOURCES, folder / "sources")
        _link(PREFERENCES, folder / "preferences")
        _link(LISTS, folder / "lists")

    def options(self, sources="sources"):
        """Words that make apt use the folder."""
        settings = {
            "Dir::State::lists": self.folder / "lists",
            "Dir::Cache": self.folder / "cache",
            "Dir::Etc::sourceparts": self.folder / sources,
            "Dir::Etc::preferencesparts": self.folder / "preferences",
            "APT::Sandbox::User": "root",
            "APT::Get::List-Cleanup": "0",
        }
        if sources == "ours":
            settings["Dir::Etc::sourcelist"] = "/dev/null"
        return [word for name, value in settings.items() for word in ("-o", "%s=%s" % (name, value))]

    def update(self):
        """Fetch our index, with its signature; the host's own sources only where it has never fetched them.

        Returns:
            Why the mirror does not answer; empty when it does.
        """
        done = run("apt-get", "-qq", *self.options("ours"), "update")
        problems = [line for line in done.stderr.splitlines() if line.startswith(("E:", "W: Failed", "W: GPG error"))]
        if any(map(SILENCE.search, problems)):
            return " ".join(problems)[:600]
        if done.returncode != 0 or problems:
            raise Refused(
                "repository-refused: %s; to do: see that the mirror serves a repository there that is signed by the "
                "key of %s" % (" ".join(problems)[:600] or "apt-get update failed", self.params["key"])
            )
        if not list(LISTS.glob("*_*Packages*")):
            run("apt-get", "-qq", *self.options(), "update")
        return ""

    def _install(self, *how):
        """`apt-get install` of the packages, in the way that is told."""
        words = ["%s=%s" % pair if pair[1] else pair[0] for pair in sorted(self.params["packages"].items())]
        return self._apt(*how, *words)

    def _apt(self, *words):
        return run(
            "apt-get", *self.options(), "-o", "Dir::Cache::archives=%s/" % ARCHIVES, "--yes",
            "--allow-downgrades", "--allow-change-held-packages", "--no-install-recommends", "install", *words,
        )  # fmt: skip

    def steps(self):
        """What apt would do.

        Raises:
            Cut: apt would first have to mend what an installation that was cut has left, and can.
        """
        done = self._install("--simulate")
        cut = "--fix-broken" in done.stderr
        if cut:
            done = self._apt("--simulate", "--fix-broken")
        if done.returncode != 0:
            raise Refused(self._why(done.stdout + done.stderr))
        found = [match.groups() for match in map(STEP.match, done.stdout.splitlines()) if match]
        self._refuse_removals([name for kind, name, _, _ in found if kind == "Remv"])
        if cut:
            raise Cut
        kinds = {kind for kind, _, _, _ in found}
        return [_told(*row) for row in found if row[0] != "Conf" or kinds == {"Conf"}]

    def lacking(self):
        """Files that apt would have to fetch first."""
        lines = self._install("-qq", "--print-uris").stdout.splitlines()
        return [line.split()[1] for line in lines if line.startswith("'") and len(line.split()) > 1]

    def download(self):
        """Bring what would be installed; apt proves each file by the signed index."""
        done = self._install("-qq", "--download-only")
        if done.returncode != 0:
            said = " ".join(line for line in done.stderr.splitlines() if line.startswith(("E:", "W:")))
            raise Refused(
                "download-failed: %s; to do: see that the mirror has these packages as its signed index lists them"
                % (said[:600] or "apt-get ended with %d" % done.returncode)
            )

    def _refuse_removals(self, names):
        allowed = self.params["may_remove"]
        others = [name for name in names if not any(fnmatch.fnmatchcase(name, pattern) for pattern in allowed)]
        if others:
            raise Refused(
                "apt-would-remove: apt would remove %s for this change; to do: look why with `apt-get --simulate "
                "install` on the host" % ", ".join(others)
            )

    def _why(self, text):
        """Sources that apt cannot read, which packages the repository lacks, or apt's own words."""
        said = [line.strip() for line in text.splitlines() if line.startswith((" ", "E:"))]
        if any("sources" in line or "Signed-By" in line for line in said if line.startswith("E:")):
            return (
                "sources-conflict: apt does not take this repository beside the sources of the host%s: %s; to do: "
                "remove those that name it too, or mend what apt says of them" % (self._rivals(), " ".join(said)[:600])
            )
        lacking = []
        for name, wanted in sorted(self.params["packages"].items()):
            shown = run("apt-cache", *self.options(), "madison", name).stdout.splitlines()
            versions = list(dict.fromkeys(line.split("|")[1].strip() for line in shown if line.count("|") == 2))
            if not any(fits(version, wanted) for version in versions):
                lacking.append("%s %s (there: %s)" % (name, wanted, ", ".join(versions) or "none"))
        if lacking:
            return (
                "package-missing: the repositories of this host do not have %s; to do: import these packages into the "
                "mirror, or declare a version that it has" % "; ".join(lacking)
            )
        return "packages-conflict: %s; to do: resolve what apt says on the host" % " ".join(said)[:800]

    def _rivals(self):
        """Files with sources of the host that name our repository as well."""
        ours = [address.rstrip("/") for address in ADDRESS.findall(self.params["source"])]
        files = [path for path in (SOURCE_LIST, *sorted(SOURCES.glob("*"))) if path.is_file()]
        found = [
            str(path)
            for path in files
            if path.name != self.params["source_name"]
            and any(address in path.read_text(errors="replace") for address in ours)
        ]
        return " (%s)" % ", ".join(found) if found else ""


def _link(folder, into):
    """Show the files of a folder in another one, where that has none of the same name."""
    if folder.is_dir():
        for file in folder.iterdir():
            if file.is_file() and file.name != "lock" and not (into / file.name).exists():
                (into / file.name).symlink_to(file)


def _told(kind, name, old, new):
    return "%s %s -> %s" % (name, old or "none", "none" if kind == "Remv" else new or old)


def compared(packages):
    """What can be told without asking apt."""
    have = installed(packages)
    wrong, unheld = {}, []
    for name, wanted in sorted(packages.items()):
        version, held = have.get(name, (None, False))
        if version is None or not fits(version, wanted):
            wrong[name] = "is %s, not %s" % (version or "missing", wanted or "installed")
        elif wanted and not held:
            unheld.append(name)
    return {
        "right": not wrong,
        "wrong": wrong,
        "steps": [],
        "unheld": unheld,
        "installed": {name: version for name, (version, _) in have.items()},
        "key_text": "",
    }


def plan(params, folder):
    """The whole answer.

    Raises:
        Refused: it cannot work out.
    """
    found = compared(params["packages"])
    if not params["source"]:
        return found
    found["key_text"] = key_text(params)
    if found["right"]:
        return found
    apt = Apt(folder, params, found["key_text"])
    silent = apt.update()
    differences = ["%s %s" % pair for pair in found["wrong"].items()]
    # apt says nothing about a dpkg that was cut until `dpkg --configure -a` has mended it
    if INTERRUPTED.is_dir() and any(INTERRUPTED.iterdir()):
        return dict(found, steps=differences)
    try:
        found["steps"] = apt.steps()
        lacking = apt.lacking() if silent else []
    except Cut:
        return dict(found, steps=differences)
    except Refused:
        if not silent:
            raise
        lacking = ["its index"]
    if lacking:
        raise Refused(
            "mirror-unreachable: %s; not at hand on the host: %s; to do: mend the way from this host to the mirror"
            % (silent, ", ".join(lacking)[:600])
        )
    if params["download"] and not silent:
        apt.download()
    return found


def main():
    """Run as Ansible's module."""
    module = AnsibleModule(
        argument_spec={
            "packages": {"type": "dict", "required": True},
            "source": {"type": "str", "default": ""},
            "source_name": {"type": "str", "default": ""},
            "preferences": {"type": "str", "default": ""},
            "preferences_name": {"type": "str", "default": ""},
            "key": {"type": "path", "no_log": False},
            "key_url": {"type": "str", "no_log": False},
            "key_sha256": {"type": "str", "default": "", "no_log": False},
            "may_remove": {"type": "list", "elements": "str", "default": []},
            "download": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        with tempfile.TemporaryDirectory(dir=module.tmpdir) as folder:
            wanted = dict(module.params, download=module.params["download"] and not module.check_mode)
            module.exit_json(changed=False, **plan(wanted, Path(folder)))
    except Refused as refused:
        module.fail_json(msg=str(refused))


if __name__ == "__main__":
    main()
