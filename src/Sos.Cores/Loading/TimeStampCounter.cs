using System;
using System.Runtime.InteropServices;
using Sos.Cores.Native;

namespace Sos.Cores.Loading;

/// <summary>
/// Reads the TSC in the control plane. C# has no intrinsic for it, and services get theirs from the image builder: here five
/// instructions are put into a page of their own, which is never writable and executable at once.
/// </summary>
internal static unsafe class TimeStampCounter
{
    private static readonly delegate* unmanaged<ulong> Reader = MakeReader();

    /// <summary>The counter now.</summary>
    public static ulong Read() => Reader();

    private static delegate* unmanaged<ulong> MakeReader()
    {
        // lfence; rdtsc; shl rdx, 32; or rax, rdx; ret
        ReadOnlySpan<byte> code = [0x0f, 0xae, 0xe8, 0x0f, 0x31, 0x48, 0xc1, 0xe2, 0x20, 0x48, 0x09, 0xd0, 0xc3];
        void* page = Libc.Mmap(
            null, (nuint)AddressSpace.PageSize, Libc.ProtectRead | Libc.ProtectWrite, Libc.MapPrivate | Libc.MapAnonymous, -1, 0);
        if (page == Libc.MapFailed)
        {
            throw new SosException(SosError.Failed, $"no page for reading the TSC: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        code.CopyTo(new Span<byte>(page, code.Length));
        return Libc.Mprotect(page, (nuint)AddressSpace.PageSize, Libc.ProtectRead | Libc.ProtectExecute) == 0
            ? (delegate* unmanaged<ulong>)page
            : throw new SosException(SosError.Failed, $"code for reading the TSC cannot be made executable: {Marshal.GetLastPInvokeErrorMessage()}");
    }
}
