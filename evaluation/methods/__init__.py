"""What is measured: IOEBSS and the methods that the paper compares it with, one file each."""
