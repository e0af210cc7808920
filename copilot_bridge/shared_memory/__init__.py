"""Small files mapped into memory, which the workers on one machine share without system calls."""
