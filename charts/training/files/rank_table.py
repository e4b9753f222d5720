"""Makes HCCL's table of ranks from the hosts that a job runs on, the same on each of them, before the job starts.

Each host reads the addresses of its devices from hccn.conf and sends them to the host of index 0, which answers all of
them with the whole table once the last has come. Format (version 1.0, for Atlas A2 and the first generation): HCCL User
Guide, "Rank Table Configuration". Ranks go by the job's index, then by device, as torchrun with a static rendezvous
counts them.

Environment: INDEX, HOSTS, DEVICES (of each host), MASTER, PORT, HOST_ID (unique among the hosts), HCCN_CONF, TABLE,
TIMEOUT (seconds).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import sys
import time
from pathlib import Path
from typing import Any

Part = dict[str, Any]


def addresses(text: str, devices: int) -> list[str]:
    """The address of each device of this host, in the devices' order. Raises ValueError when one has none."""
    found = {
        int(index): address for index, address in re.findall(r"^\s*address_(\d+)\s*=\s*(\S+)\s*$", text, re.MULTILINE)
    }
    missing = [device for device in range(devices) if device not in found]
    if missing:
        raise ValueError(f"no address_N for the devices {missing}; found {sorted(found)}")
    return [found[device] for device in range(devices)]


def table(parts: dict[int, Part]) -> Part:
    """The table of all hosts."""
    servers, rank = [], 0
    for _, part in sorted(parts.items()):
        devices = []
        for device, address in enumerate(part["addresses"]):
            devices.append({"device_id": str(device), "device_ip": address, "rank_id": str(rank)})
            rank += 1
        servers.append({"server_id": part["host"], "device": devices})
    return {"status": "completed", "version": "1.0", "server_count": str(len(servers)), "server_list": servers}


def receive(connection: socket.socket) -> Part:
    """One line of JSON."""
    with connection.makefile("r", encoding="utf-8") as stream:
        line = stream.readline()
    if not line:
        raise ConnectionError("the other side closed without an answer")
    answer: Part = json.loads(line)
    return answer


def waits(connection: socket.socket) -> bool:
    """Whether the other side still waits for its answer; one that was restarted meanwhile comes again."""
    connection.settimeout(0)
    try:
        return bool(connection.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        connection.settimeout(10)


def collect(own: Part, hosts: int, port: int, deadline: float) -> Part:
    """Host 0: take every host's part, and answer each with the table. A host that asks again replaces its part."""
    parts, waiting = {0: own}, dict[int, socket.socket]()
    both = socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both else socket.AF_INET
    with socket.create_server(("", port), family=family, dualstack_ipv6=both) as server:
        while len(parts) < hosts:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"of {hosts} hosts, {sorted(set(range(hosts)) - set(parts))} did not come")
            server.settimeout(left)
            try:
                connection, _ = server.accept()
                connection.settimeout(10)
                part = receive(connection)
                number = int(part["index"])
            except (TimeoutError, ConnectionError, ValueError, KeyError, TypeError):
                continue
            if not 0 < number < hosts:
                connection.close()
                continue
            if old := waiting.pop(number, None):
                old.close()
            waiting[number], parts[number] = connection, part
            for index in [index for index, other in waiting.items() if not waits(other)]:
                waiting.pop(index).close()
                del parts[index]
        made = table(parts)
        for connection in waiting.values():
            with connection, contextlib.suppress(OSError):  # gone in this moment: it comes again, and waits for the job
                connection.sendall(json.dumps(made).encode() + b"\n")
    return made


def ask(own: Part, master: str, port: int, deadline: float) -> Part:
    """Another host: send one's part to host 0 until it answers with the table."""
    while True:
        try:
            with socket.create_connection((master, port), timeout=10) as connection:
                connection.sendall(json.dumps(own).encode() + b"\n")
                connection.settimeout(max(1.0, deadline - time.monotonic()))
                return receive(connection)
        except OSError as error:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{master}:{port} gave no table: {error}") from error
            time.sleep(1)


def main() -> None:
    """Write the table."""
    environment = os.environ
    hosts, port = int(environment["HOSTS"]), int(environment["PORT"])
    deadline = time.monotonic() + float(environment["TIMEOUT"])
    found = addresses(Path(environment["HCCN_CONF"]).read_text("utf-8"), int(environment["DEVICES"]))
    own = {"index": int(environment["INDEX"]), "host": environment["HOST_ID"], "addresses": found}
    first = own["index"] == 0
    made = collect(own, hosts, port, deadline) if first else ask(own, environment["MASTER"], port, deadline)
    Path(environment["TABLE"]).write_text(json.dumps(made, indent=1), "utf-8")
    print(f"table of {made['server_count']} hosts written", flush=True)


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as problem:
        print(f"no table of ranks: {problem}", file=sys.stderr, flush=True)
        sys.exit(1)
