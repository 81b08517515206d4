"""Training: networks, losses, data sets, click simulation, the loop."""
