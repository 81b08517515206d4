"""Measuring click segmentation: protocols, metrics, tables and pictures."""
