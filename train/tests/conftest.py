import torch

# The networks here are too small to share.
torch.set_num_threads(1)
