"""The way of a click on a GPU: the driver, device memory, and the eye that looks there."""
