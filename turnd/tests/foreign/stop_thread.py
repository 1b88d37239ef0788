"""Stops one thread of a process, and lets it go on at the end of standard input."""

import ctypes
import os
import sys

PTRACE_ATTACH, PTRACE_DETACH = 16, 17
ALL_THREADS = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def ptrace(request, thread):
    if libc.ptrace(request, thread, None, None) != 0:
        sys.exit(f"ptrace: {os.strerror(ctypes.get_errno())}")


thread = int(sys.argv[1])
ptrace(PTRACE_ATTACH, thread)
os.waitpid(thread, ALL_THREADS)
print("stopped", flush=True)
sys.stdin.read()
ptrace(PTRACE_DETACH, thread)
