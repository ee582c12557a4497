"""The servers that the benchmarks compare, ours among them: each a child process on free loopback ports in a new folder."""
