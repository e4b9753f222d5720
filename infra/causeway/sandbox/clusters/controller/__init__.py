"""The sandbox's controller: the kubelets' part of the nodes, told by the hosts behind them.

One process per fleet. `decide` is pure: what a node's status and pods should be, from the host, the pods and what was
so before. `loop` reads and writes; `hosts` looks into a sandbox host; `daemon` starts the process and finds it again.
"""
