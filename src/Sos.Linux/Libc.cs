using System;
using System.Runtime.InteropServices;

namespace Sos.Linux;

/// <summary>The system calls for files, memory, waiting and clocks.</summary>
public static unsafe partial class Libc
{
    public const int OpenReadWrite = 2; // O_RDWR
    public const int OpenCloseOnExec = 0x80000; // O_CLOEXEC
    public const int OpenNonBlocking = 0x800; // O_NONBLOCK
    public const int OpenCreate = 0x40; // O_CREAT
    public const int OpenTruncate = 0x200; // O_TRUNC

    public const int ProtectRead = 1; // PROT_READ
    public const int ProtectWrite = 2; // PROT_WRITE
    public const int ProtectExecute = 4; // PROT_EXEC

    public const int MapShared = 1; // MAP_SHARED
    public const int MapPrivate = 2; // MAP_PRIVATE
    public const int MapAnonymous = 0x20; // MAP_ANONYMOUS
    public const int MapFixedNoReplace = 0x100000; // MAP_FIXED_NOREPLACE

    public const short PollIn = 1; // POLLIN
    public const short PollHangUp = 16; // POLLHUP

    public const int ClockRealtime = 0; // CLOCK_REALTIME
    public const int ClockMonotonic = 1; // CLOCK_MONOTONIC
    public const int ClockTai = 11; // CLOCK_TAI

    public static readonly void* MapFailed = (void*)-1;

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int OpenWithMode(string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "mkdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int MakeDirectory(string path, uint mode);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    public static partial int Ioctl(int descriptor, nuint request, void* argument);

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    public static partial void* Mmap(void* address, nuint length, int protection, int flags, int descriptor, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    public static partial int Munmap(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    public static partial int Mprotect(void* address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "mlock", SetLastError = true)]
    public static partial int Mlock(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    public static partial int Poll(PollDescriptor* descriptors, nuint count, int timeoutMs);

    [LibraryImport("libc", EntryPoint = "ppoll", SetLastError = true)]
    public static partial int PollNs(PollDescriptor* descriptors, nuint count, TimeSpecification* timeout, void* signals);

    [LibraryImport("libc", EntryPoint = "clock_gettime", SetLastError = true)]
    public static partial int ClockGetTime(int clock, TimeSpecification* time);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    public static partial uint EffectiveUserId();

    [LibraryImport("libc", EntryPoint = "writev", SetLastError = true)]
    public static partial nint WriteParts(int descriptor, Part* parts, int count);

    /// <summary>struct iovec.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Part
    {
        public void* Start;
        public nuint Length;
    }

    /// <summary>struct pollfd.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }

    /// <summary>struct timespec of a 64-bit machine.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct TimeSpecification
    {
        public long Seconds;
        public long Nanoseconds;
    }

    /// <summary>A clock in nanoseconds.</summary>
    public static ulong NowNs(int clock)
    {
        TimeSpecification time;
        return ClockGetTime(clock, &time) == 0
            ? ((ulong)time.Seconds * 1_000_000_000) + (ulong)time.Nanoseconds
            : throw new InvalidOperationException($"clock {clock} cannot be read: {Marshal.GetLastPInvokeErrorMessage()}");
    }
}
