"""Huawei Ascend's stand-ins: the `.run` installers, npu-smi, hccn_tool, upgrade-tool."""
