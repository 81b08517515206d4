"""What `ioebss-calibrate` does unless told otherwise, and its methods. Nothing is imported here: a
command begins without NumPy."""

METHODS = ("minmax", "entropy", "percentile")
METHOD = "minmax"
PHOTOS = 40
SPLIT = "train"
