#!/usr/bin/env python3
"""kill_at.py PID N: lets a process run to its N-th stop at a system call (on entry, then on return, over all its threads), and kills
it right there, as a power cut would. Says "ready" once every thread is held, then goes on. Ends with 0 when it killed; when its
standard input is closed before that, it lets go and ends with 1."""
import ctypes
import os
import select
import signal
import sys

CONTINUE_TO_CALL, DETACH, SEIZE, INTERRUPT, LISTEN = 24, 17, 0x4206, 0x4207, 0x4208
GOOD_STOPS, TRACE_CLONE = 0x1, 0x8
WALL = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def ptrace(request, pid, data=0):
    return libc.ptrace(ctypes.c_long(request), ctypes.c_long(pid), ctypes.c_void_p(0), ctypes.c_void_p(data))


def main(pid, wanted):
    threads = {int(name) for name in os.listdir(f"/proc/{pid}/task")}
    for thread in threads:
        if ptrace(SEIZE, thread, GOOD_STOPS | TRACE_CLONE) != 0:
            sys.exit(f"{thread}: {os.strerror(ctypes.get_errno())}")
        ptrace(INTERRUPT, thread)
    held, seen, says_ready = set(), 0, False
    while True:
        if says_ready and select.select([sys.stdin], [], [], 0)[0]:
            return 1  # the kernel lets every thread go when this process ends
        thread, status = os.waitpid(-1, WALL | (os.WNOHANG if says_ready else 0))
        if thread == 0:
            select.select([sys.stdin], [], [], 0.0005)
            continue
        if not os.WIFSTOPPED(status):
            if thread == pid:
                return 1
            continue
        stop, event = os.WSTOPSIG(status), status >> 16
        if stop == signal.SIGTRAP | 0x80:
            seen += 1
            if seen == wanted:
                os.kill(pid, signal.SIGKILL)
                return 0
        held.add(thread)
        if not says_ready:
            if held < threads:
                continue
            says_ready = True
            print("ready", flush=True)
            for each in held:
                ptrace(CONTINUE_TO_CALL, each)
            continue
        delivered = stop if stop not in (signal.SIGTRAP, signal.SIGTRAP | 0x80) and event == 0 else 0
        ptrace(CONTINUE_TO_CALL, thread, delivered)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
