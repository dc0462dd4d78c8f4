using System;
using Sos.Linux;

namespace Sos.Runner;

/// <summary>
/// Reads the TSC: C# has no intrinsic for it, so that a page is given the instructions; it is never writable and executable at once.
/// </summary>
internal static unsafe class TimeStampCounter
{
    private const nuint PageSize = 4096;

    /// <summary>Makes the function.</summary>
    /// <returns>Null when the system refuses.</returns>
    public static delegate* unmanaged[SuppressGCTransition]<ulong> Make()
    {
        // rdtsc; shl rdx, 32; or rax, rdx; ret
        ReadOnlySpan<byte> code = [0x0f, 0x31, 0x48, 0xc1, 0xe2, 0x20, 0x48, 0x09, 0xd0, 0xc3];
        void* page = Libc.Mmap(
            null, PageSize, Libc.ProtectRead | Libc.ProtectWrite, Libc.MapPrivate | Libc.MapAnonymous, -1, 0);
        if (page == Libc.MapFailed)
        {
            return null;
        }

        code.CopyTo(new Span<byte>(page, code.Length));
        return Libc.Mprotect(page, PageSize, Libc.ProtectRead | Libc.ProtectExecute) == 0
            ? (delegate* unmanaged[SuppressGCTransition]<ulong>)page
            : null;
    }
}
