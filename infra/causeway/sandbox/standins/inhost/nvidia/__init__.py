"""NVIDIA's stand-ins: nvidia-smi, nvidia-ctk, dcgmi, and the checks of its daemons."""
