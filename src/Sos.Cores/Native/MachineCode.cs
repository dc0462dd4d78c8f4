using System;
using System.Runtime.InteropServices;
using Sos.Linux;

namespace Sos.Cores.Native;

/// <summary>A few instructions that C# has no intrinsic for, in a page of their own, which is never writable and executable at once.</summary>
internal static unsafe class MachineCode
{
    private static readonly nuint PageSize = (nuint)Environment.SystemPageSize;

    /// <summary>Maps code that takes nothing and returns its result in RAX.</summary>
    /// <param name="code">The instructions, the last of them a return.</param>
    /// <param name="purpose">What they read, for the message.</param>
    /// <exception cref="SosException">The page cannot be made executable, for example under a strict security module.</exception>
    public static delegate* unmanaged<ulong> Map(ReadOnlySpan<byte> code, string purpose)
    {
        void* page = Libc.Mmap(
            null, PageSize, Libc.ProtectRead | Libc.ProtectWrite, Libc.MapPrivate | Libc.MapAnonymous, -1, 0);
        if (page == Libc.MapFailed)
        {
            throw new SosException(SosError.Failed, $"no page for reading {purpose}: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        code.CopyTo(new Span<byte>(page, code.Length));
        if (Libc.Mprotect(page, PageSize, Libc.ProtectRead | Libc.ProtectExecute) == 0)
        {
            return (delegate* unmanaged<ulong>)page;
        }

        string problem = Marshal.GetLastPInvokeErrorMessage();
        _ = Libc.Munmap(page, PageSize);
        throw new SosException(SosError.Failed,
            $"code for reading {purpose} cannot be made executable: {problem}; allow it where it is forbidden "
            + "(MemoryDenyWriteExecute= of a systemd unit, execmem of SELinux)");
    }
}
