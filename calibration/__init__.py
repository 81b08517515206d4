"""What 8-bit models need: real inputs, the ranges of activations, and graphs that are quantised."""
