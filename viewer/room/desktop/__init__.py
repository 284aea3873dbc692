"""The room on a desktop, in Qt; the only part of the program that imports it."""
