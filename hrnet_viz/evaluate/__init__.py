"""How good a net is on a folder of class folders: accuracy with interval, per class, confusion, calibration."""
